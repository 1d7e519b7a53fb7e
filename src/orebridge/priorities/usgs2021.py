"""USGS 2021: the supply risk behind the United States list of critical minerals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orebridge.priorities.arrays import Arrays
from orebridge.priorities.method import Raw, Yardstick, reasons
from orebridge.priorities.subjects import Subject

THRESHOLD = 0.40
COUNTRY = "USA"


def trade_exposure(imports: float, exports: float, stock_release: float, consumption: float) -> float:
    """`TE = max(0, (I − E + ΔS) / AC)`, all in tonnes; NaN for 0/0.

    >>> trade_exposure(80.0, 10.0, 5.0, 100.0), trade_exposure(10.0, 60.0, 0.0, 100.0)
    (0.75, 0.0)
    """
    if consumption <= 0:
        return float("nan")
    return max(0.0, (imports - exports + stock_release) / consumption)


def disruption_potential(shares: np.ndarray, ability: np.ndarray, willingness: np.ndarray) -> float:
    """`DP = Σ PS² · ASI · WSI` [production share; ability and willingness to supply, 0 good, 1 bad] (K: the product form
    is read in a public restatement of Nassar et al. 2020, not in the paper).

    >>> disruption_potential(np.array([0.9, 0.1]), np.array([0.5, 0.2]), np.array([1.0, 0.0]))
    0.405
    """
    return float(np.sum(shares**2 * ability * willingness))


@dataclass(frozen=True)
class Usgs2021(Yardstick):
    """Supply risk of United States manufacturing.

    Formula: `SR = (DP · TE · EV)^(1/3)` [DP disruption potential `Σ PS²·ASI·WSI` over producers, TE trade exposure
    `max(0, (I − E + ΔS)/AC)`, EV economic vulnerability from value added, expenditure and operating profit of the using
    industries, each 0-1]. Unit: 0-1; critical at 0.40 and above. Source: Nassar et al. 2020, Sci. Adv. 6 eaay8647 (the
    product and its three factors; DP's inner form is (K)); Nassar and Fortier 2021, OFR 2021-1045.

    Printed is only SR, the recency-weighted mean of 2015-2018, of 54 commodities: that is the score. Where the tables
    state DP, TE and EV of a mineral (your own rows) the score is computed from them instead. Published for the United
    States alone, so there is no score for another country or for an alliance: DP and EV would have to be made anew.
    `reliance_now` is today's net import reliance, to see how far TE has moved since. Rare earths: the highest of the
    elements. Absent: other subjects, and minerals not among the 54. Not covered: what USGS could not assess.
    """

    name: str = "usgs2021"
    title: str = "USGS 2021 (US supply risk)"
    citation: str = "Nassar & Fortier (2021) USGS OFR 2021-1045; Nassar et al. (2020) Sci. Adv. 6:eaay8647"
    needs: tuple[str, ...] = ("usgs",)
    unit: str = "0-1"
    bounds: tuple[float, float] = (0.0, 1.0)
    higher_is_worse: bool = True

    @property
    def scale(self) -> Mapping[tuple[str, ...], str]:
        """Tonnes do not enter: the printed result is read."""
        return {("production", "trade", "exports"): "same"}

    def core(self, arrays: Arrays, subject: Subject) -> Raw:
        """The printed SR, or `(DP · TE · EV)^(1/3)` where its factors are stated."""
        size = len(arrays.minerals)
        factors = [arrays.where("usgs2021", item) for item in ("DP", "TE", "EV")]
        computed = np.cbrt(factors[0] * factors[1] * factors[2])
        printed, source = family_highest(arrays, arrays.where("usgs2021", "SR"))
        own = subject.members == (COUNTRY,)
        score = np.where(np.isnan(computed), printed, computed) if own else np.full_like(printed, np.nan)
        there = np.isfinite(score[0])
        names = sorted(set(arrays.inputs.net_import_reliance["country"]))
        now = arrays.reliance[:, :, names.index(COUNTRY)] if COUNTRY in names else np.full_like(score, np.nan)
        return Raw(
            score, there.astype(float),
            reasons(size, [
                (np.full(size, not own), "assessed for the United States only; DP and EV are not published for others"),
                (~there, "not among the 54 commodities assessed"),
            ]),
            {"at_or_above_0_40": (score[0] >= THRESHOLD).astype(object), "taken_from": source, "reliance_now": now},
        )  # fmt: skip


def family_highest(arrays: Arrays, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values in which a group without its own figure takes the highest of its family, and whose figure that is."""
    table = arrays.inputs.minerals.set_index("mineral")["family"]
    family = [str(table.get(name, "")) for name in arrays.minerals]
    result, taken = values.copy(), np.full(len(family), "", dtype=object)
    for k, name in enumerate(arrays.minerals):
        members = [i for i, f in enumerate(family) if f == name and np.isfinite(values[0, i])]
        if members and not np.isfinite(values[0, k]):
            result[:, k] = values[:, members].max(axis=1)
            taken[k] = arrays.minerals[members[int(values[0, members].argmax())]]
    return result, taken
