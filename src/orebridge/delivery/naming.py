"""Names, months and amounts as an official reads them. Labels come from the network; an id stands in where none is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from orebridge.labels import calendar_month, inside
from orebridge.network import SupplyNetwork


def month_name(start: str | None, month: int) -> str:
    """Calendar month of plan month 1, 2, ... for a plan that begins in `start` (YYYY-MM); without it "month 5".

    >>> month_name("2026-12", 4), month_name(None, 4)
    ('2027-03', 'month 4')
    """
    return f"month {month}" if start is None else calendar_month(start, month)


def spans(months: Iterable[int]) -> list[tuple[int, int]]:
    """Months as unbroken spans (first, last).

    >>> spans([1, 2, 3, 7])
    [(1, 3), (7, 7)]
    """
    found: list[tuple[int, int]] = []
    for month in sorted(months):
        if found and month == found[-1][1] + 1:
            found[-1] = (found[-1][0], month)
        else:
            found.append((month, month))
    return found


def months_text(months: Iterable[int], start: str | None = None) -> str:
    """Months in words, by calendar if `start` is given.

    >>> months_text([1, 2, 3, 7]), months_text([1, 2], "2026-12")
    ('months 1-3, 7', '2026-12 to 2027-01')
    """
    found = spans(months)
    if start is None:
        return "months " + ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in found)
    return ", ".join(
        month_name(start, a) if a == b else f"{month_name(start, a)} to {month_name(start, b)}" for a, b in found
    )


def commodity_name(network: SupplyNetwork, commodity: str) -> str:
    """Label of a commodity (column `label` of the nodes), else its id."""
    if "label" not in network.nodes:
        return commodity
    found = network.nodes.loc[network.nodes["commodity"] == commodity, "label"]
    return inside(str(found.iloc[0])) if len(found) and str(found.iloc[0]) else commodity


def recipe_name(network: SupplyNetwork, activity: int) -> str:
    """Label of an activity's recipe (column `label` of the activities), else its id."""
    row = network.activities.iloc[activity]
    return inside(str(row["label"])) if "label" in network.activities and str(row["label"]) else str(row["recipe"])


def tonnes(amount: float) -> str:
    """Tonnes to three figures.

    >>> tonnes(0.13834), tonnes(10.0), tonnes(12345.0)
    ('0.138 t', '10 t', '12,300 t')
    """
    return f"{_three(amount)} t"


def usd(amount: float) -> str:
    """Million USD to three figures, thousands below a million.

    >>> usd(1.5966e8), usd(2.1e3), usd(1.23e9)
    ('160 million USD', '2,100 USD', '1,230 million USD')
    """
    if not np.isfinite(amount):
        return "an unknown sum"
    if abs(amount) < 1e6:
        return f"{_three(amount)} USD"
    return f"{_three(amount / 1e6)} million USD"


def _three(amount: float) -> str:
    return f"{float(f'{amount:.3g}'):,.12g}"
