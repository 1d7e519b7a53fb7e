"""IEA N-1: how much of demand outside the largest supplier is met if that supplier falls away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orebridge.priorities.arrays import STAGES, Arrays
from orebridge.priorities.method import Raw, Yardstick, reasons
from orebridge.priorities.subjects import Subject

SCENARIO, HORIZON = "STEPS", 2035


def coverage(supply: float, largest: float, demand: float, its_demand: float) -> float:
    """`(S − S_k) / (D − D_k)`, NaN for 0/0 (the largest supplier is also the only user).

    >>> coverage(100.0, 60.0, 90.0, 10.0)
    0.5
    """
    return float("nan") if demand - its_demand <= 0 else (supply - largest) / (demand - its_demand)


@dataclass(frozen=True)
class IeaN1(Yardstick):
    """Coverage of the rest of the world's demand without the largest supplier, 2035, stated policies. Low is bad.

    Formula: `(S − S_k) / (D − D_k)` [S expected supply of refined material, D demand, k the largest supplier]. Unit: share.
    Source: IEA, Global Critical Minerals Outlook 2025 (K: read in summaries, which print graphite and rare earths 35-40 %,
    nickel below 55 %, lithium and cobalt 65 %, copper nearly all).

    The score is the printed coverage, since D_k is not published. `at_least` is what the IEA's own series give with D_k = 0,
    a lower bound, for refining; `its_share_of_demand` is the share of demand the printed figure implies for the largest
    supplier (a figure outside 0-1 would mean that print and series do not belong together). The same for every subject.
    Absent: minerals outside the six. Not covered: other scenarios and years; battery-grade nickel and graphite apart.
    """

    name: str = "iea_n1"
    title: str = "IEA N-1 coverage 2035"
    citation: str = "IEA (2025) Global Critical Minerals Outlook; Critical Minerals Data Explorer"
    needs: tuple[str, ...] = ("iea", "outlook", "demand")
    unit: str = "share of demand met"
    bounds: tuple[float, float] = (0.0, np.inf)
    higher_is_worse: bool = False

    @property
    def scale(self) -> Mapping[tuple[str, ...], str]:
        """A common unit of supply and demand cancels."""
        return {("outlook", "demand"): "same", ("production", "trade", "exports"): "same"}

    def core(self, arrays: Arrays, subject: Subject) -> Raw:
        """The printed coverage, with the bound that the series give."""
        printed = arrays.where("iea2025", "coverage")
        supply, most, who = _supply(arrays)
        demand = np.full(len(arrays.minerals), np.nan)
        rows = arrays.inputs.demand
        rows = rows[(rows["scenario"] == SCENARIO) & (rows["horizon"] == HORIZON)]
        for name, tonnes in rows[["mineral", "tonnes"]].itertuples(index=False):
            if name in arrays.minerals:
                demand[arrays.minerals.index(str(name))] = tonnes
        least = np.divide(supply - most, demand, out=np.full_like(demand, np.nan), where=demand > 0)
        implied = 1.0 - np.divide(least, printed[0], out=np.full_like(least, np.nan), where=printed[0] > 0)
        there = np.isfinite(printed[0])
        known = np.isfinite(supply) & np.isfinite(demand)
        return Raw(
            printed, np.where(there, 1.0, 0.75 * known), reasons(len(there), [
                (~there & ~known, "not among the six minerals of the outlook"),
                (~there, "demand of the largest supplier is not stated: only a lower bound"),
            ]),
            {"at_least": least, "largest": who, "its_share_of_demand": implied},
        )  # fmt: skip


def _supply(arrays: Arrays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Refined supply in the horizon year, the largest supplier's part of it, and who that is."""
    from orebridge.labels import country_name

    size = len(arrays.minerals)
    total, most, who = np.full(size, np.nan), np.full(size, np.nan), np.full(size, "", dtype=object)
    rows = arrays.inputs.outlook
    rows = rows[(rows["horizon"] == HORIZON) & (rows["stage"] == STAGES[1])]
    for name, group in rows.groupby("mineral"):
        if name in arrays.minerals:
            k = arrays.minerals.index(str(name))
            first = group.sort_values(["tonnes", "country"], ascending=[False, True]).iloc[0]
            total[k], most[k], who[k] = group["total"].max(), first["tonnes"], country_name(str(first["country"]))
    return total, most, who
