"""Expected loss: what the library of shocks costs in a year, by chance and by the delivery model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orebridge.priorities.arrays import Arrays, log_triangular
from orebridge.priorities.method import Raw, Yardstick, reasons
from orebridge.priorities.subjects import Subject

WAYS = ("planned", "unaided")


@dataclass(frozen=True)
class ExpectedLoss(Yardstick):
    """Loss expected in a year over Orebridge's library of shocks.

    Formula: `E = Σ_c max_{s in c} p_s · V_s` [p_s chance that shock s begins within a year; V_s its loss over 24 months
    with the best plan of the subject, from the delivery model: one weighted solve per shock and chain; c groups of shocks
    with one cause, of which only the worst counts]. Unit: million USD a year. Source: Orebridge (docs/maths.md,
    docs/priorities.md).

    A country plans alone; an alliance as one economy plans jointly. `unaided_musd` is the same without any plan, between
    which the truth lies: the plan knows the shock from its first month. Chances are assumptions with a wide range; so are
    the dollar values of lost output. 0 means that the plan loses nothing; absent means that the chain is not modelled or
    that no shock of the library touches it: shocks nobody wrote down do not count. Not covered: prices, GDP beyond the
    value of lost output.
    """

    name: str = "expected_loss"
    title: str = "Expected loss (Orebridge)"
    citation: str = "Orebridge, delivery model over the library of shocks"
    needs: tuple[str, ...] = ("losses", "probabilities")
    unit: str = "million USD a year"
    bounds: tuple[float, float] = (0.0, np.inf)
    higher_is_worse: bool = True

    @property
    def scale(self) -> Mapping[tuple[str, ...], str]:
        """Proportional to the losses; tonnes of trade and output do not enter."""
        return {("losses",): "linear", ("production", "trade", "exports"): "same"}

    def core(self, arrays: Arrays, subject: Subject) -> Raw:
        """`Σ_c max p·V` by mineral."""
        rows = arrays.inputs.losses
        rows = rows[rows["members"] == "+".join(subject.members)]
        worst, causes = _expected(arrays, rows[rows["way"] == WAYS[0]])
        unaided, _ = _expected(arrays, rows[rows["way"] == WAYS[1]])
        size = len(arrays.minerals)
        there = np.isfinite(worst[0])
        chains = arrays.inputs.minerals.set_index("mineral")["chain"]
        modelled = np.array([bool(chains.get(name, "")) for name in arrays.minerals], dtype=bool)
        absent = arrays.inputs.losses_absent
        return Raw(
            worst, there.astype(float), reasons(size, [
                (np.full(size, bool(absent)) & ~there, absent),
                (~there & ~modelled, "no chain of it is modelled"),
                (~there, "no shock of the library touches it"),
            ]),
            {"unaided_musd": unaided, "worst_shock": causes},
        )  # fmt: skip


def _expected(arrays: Arrays, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Expected loss (D, M) in million USD and the shock that adds most, as stated; NaN where no shock touches a mineral."""
    size = len(arrays.minerals)
    position = {name: k for k, name in enumerate(arrays.minerals)}
    known = arrays.inputs.probabilities
    shocks = {str(name): k for k, name in enumerate(known["shock"])}
    group = [str(name) for name in known["group"]]
    parts: dict[tuple[int, str], np.ndarray] = {}
    most, cause = np.zeros(size), np.full(size, "", dtype=object)
    touched = np.zeros(size, dtype=bool)
    for mineral, shock, usd, low, high in rows[["mineral", "shock", "usd", "low", "high"]].itertuples(index=False):
        if str(mineral) not in position or str(shock) not in shocks:
            continue
        k, s = position[str(mineral)], shocks[str(shock)]
        touched[k] = True
        if usd <= 0:
            continue
        factor = log_triangular(*(np.array([v / usd]) for v in (low, usd, high)), arrays.loss_factor[:, k])
        value = arrays.chances[:, s] * usd * factor / 1e6
        before = parts.get((k, group[s]))
        parts[k, group[s]] = value if before is None else np.maximum(before, value)
        if value[0] > most[k]:
            most[k], cause[k] = value[0], shock
    result = np.zeros((arrays.draws, size))
    for (k, _), value in parts.items():
        result[:, k] += value
    return np.where(touched, result, np.nan), cause
