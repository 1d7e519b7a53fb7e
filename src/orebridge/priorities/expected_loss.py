"""Expected loss: what the library of shocks costs in a year, by chance and by the delivery model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from orebridge.errors import UnknownLabel
from orebridge.priorities.arrays import Arrays, log_triangular
from orebridge.priorities.method import Raw, Yardstick, reasons
from orebridge.priorities.subjects import Subject

#: Without any plan, and with the best one; the truth lies between.
WAYS = ("unaided", "planned")


@dataclass(frozen=True)
class ExpectedLoss(Yardstick):
    """Loss expected in a year over Orebridge's library of shocks.

    Formula: `E = Σ_c max_{s in c} p_s · V_s` [p_s chance that shock s begins within a year; V_s its loss over 24 months from
    the delivery model; c groups of shocks with one cause, of which only the worst counts], halfway between two: V without
    any plan (`unaided_musd`) and V with the subject's best plan (`planned_musd`, one weighted solve per shock and chain, which
    knows the shock from its first month). Draws take any point between; `weights` of unaided and planned another one.
    Unit: million USD a year. Source: Orebridge (docs/maths.md, docs/priorities.md).

    A country plans alone in its own network, an alliance as one economy jointly. Apart, two members may count on the same
    spare tonnes of third countries, so a sum over members can be below the alliance. Chances are assumptions with a wide
    range; so are the dollar values of lost output. 0 means that nothing is lost; absent means that the chain is not
    modelled, that no shock of the library touches it (shocks nobody wrote down do not count), or that something is lost
    whose value is not stated. Not covered: prices, GDP beyond the value of lost output.
    """

    name: str = "expected_loss"
    title: str = "Expected loss (Orebridge)"
    citation: str = "Orebridge, delivery model over the library of shocks"
    needs: tuple[str, ...] = ("losses", "probabilities")
    unit: str = "million USD a year"
    bounds: tuple[float, float] = (0.0, np.inf)
    higher_is_worse: bool = True
    weights: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(WAYS, 1.0))

    @property
    def scale(self) -> Mapping[tuple[str, ...], str]:
        """Proportional to the losses; tonnes of trade and output do not enter."""
        return {("losses",): "linear", ("production", "trade", "exports"): "same"}

    def weighted(self, weights: Mapping[str, float] | None) -> ExpectedLoss:
        """The method with another point between no plan and the best plan."""
        if not weights:
            return self
        if unknown := set(weights) - set(WAYS):
            raise UnknownLabel(f"expected loss has no component {sorted(unknown)[0]!r}; it has {', '.join(WAYS)}.")
        if min(weights.values()) < 0 or sum(weights.values()) <= 0:
            raise UnknownLabel("weights of unaided and planned must be 0 or more, and one above 0.")
        return replace(self, weights={**dict.fromkeys(WAYS, 0.0), **weights})

    def core(self, arrays: Arrays, subject: Subject) -> Raw:
        """`Σ_c max p·V` by mineral, between unaided and planned."""
        rows = arrays.inputs.losses
        rows = rows[rows["members"] == "+".join(subject.members)]
        unaided, causes, touched = _expected(arrays, rows[rows["way"] == WAYS[0]])
        planned, _, _ = _expected(arrays, rows[rows["way"] == WAYS[1]])
        share = self.weights["planned"] / sum(self.weights.values())
        both = 0 < share < 1
        drawn = arrays.loss_factor[:, -1:]
        share_of_plan = np.where(np.isnan(drawn) | (not both), share, drawn)
        mixed = (1 - share_of_plan) * unaided + share_of_plan * planned
        score = np.where(share_of_plan >= 1, planned, np.where(share_of_plan <= 0, unaided, mixed))
        size = len(arrays.minerals)
        there = np.isfinite(score[0])
        chains = arrays.inputs.minerals.set_index("mineral")["chain"]
        modelled = np.array([bool(chains.get(name, "")) for name in arrays.minerals], dtype=bool)
        absent = arrays.inputs.losses_absent
        return Raw(
            score, there.astype(float), reasons(size, [
                (np.full(size, bool(absent)) & ~there, absent),
                (~there & ~modelled, "no chain of it is modelled"),
                (~there & touched, "a use that goes short has no value of lost output"),
                (~there, "no shock of the library touches it"),
            ]),
            {"unaided_musd": unaided, "planned_musd": planned, "worst_shock": causes},
        )  # fmt: skip


def _expected(arrays: Arrays, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expected loss (D, M) in million USD, the shock that adds most, as stated, and which minerals a shock touches.

    The loss is NaN where no shock touches a mineral, and where the loss of one is unknown.
    """
    size = len(arrays.minerals)
    position = {name: k for k, name in enumerate(arrays.minerals)}
    known = arrays.inputs.probabilities
    shocks = {str(name): k for k, name in enumerate(known["shock"])}
    group = [str(name) for name in known["group"]]
    parts: dict[tuple[int, str], np.ndarray] = {}
    most, cause = np.zeros(size), np.full(size, "", dtype=object)
    touched, known_usd = np.zeros(size, dtype=bool), np.ones(size, dtype=bool)
    for mineral, shock, usd, low, high in rows[["mineral", "shock", "usd", "low", "high"]].itertuples(index=False):
        if str(mineral) not in position or str(shock) not in shocks:
            continue
        k, s = position[str(mineral)], shocks[str(shock)]
        touched[k] = True
        known_usd[k] &= np.isfinite(usd)
        if not usd > 0:
            continue
        bottom, mode, top = (np.array([v / usd]) for v in (low, usd, high))
        factor = log_triangular(bottom, mode, top, arrays.loss_factor[:, k])
        value = arrays.chances[:, s] * usd * factor / 1e6
        before = parts.get((k, group[s]))
        parts[k, group[s]] = value if before is None else np.maximum(before, value)
        if value[0] > most[k]:
            most[k], cause[k] = value[0], shock
    result = np.zeros((arrays.draws, size))
    for (k, _), value in parts.items():
        result[:, k] += value
    cause[~known_usd] = ""  # which shock is worst cannot be told either
    return np.where(touched & known_usd, result, np.nan), cause, touched
