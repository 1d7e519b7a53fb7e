"""What the answer hangs on, in words: break-even days of stock and the assumptions of the tornado with their ranges."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from orebridge.labels import and_list, capital
from orebridge.trail import readable

if TYPE_CHECKING:
    from orebridge.session import Response


class Swing(NamedTuple):
    """How an assumption of the tornado is named, and its stated value and ends in words."""

    title: str
    stated: str
    low: str
    high: str


#: Swings that are not one number of assumptions.csv but move a whole table (`delivery/hinges.py`).
TABLE_SWINGS = {
    "accepted": Swing("Share of use that accepts another recipe", "as in the tables", "none", "double (at most all)"),
    "surge": Swing("Output above capacity in a crisis (surge)", "as in the tables", "none", "double"),
    "spare_capacity": Swing("Idle capacity that can be run", "as in the tables", "none", "1.5 times"),
}
#: Titles of the assumptions that people ask about; others are shown by name.
TITLES = {
    "stock_days_scale": "Stocks held by members (multiplies all assumed stocks)",
    "tier_value_ratio": "Value of defence and essential use against general (multiplier)",
    "theta": "Share of outsiders' trade that members could win over (theta)",
    "new_source_months": "Months to qualify a new supplier",
    "terminal_share": "Worth of a tonne missing from stock at the end, share of price",
    "discount_rate": "Discount rate",
    "restriction_slack": "Sales of the restricting country to others above base year",
}


def swings_in_words(response: Response) -> pd.DataFrame:
    """The tornado, widest first, with `title, stated_words, low_words, high_words` for each assumption."""
    rows = response.swings
    if rows.empty:
        return rows
    words = [_swing(response, str(name)) for name in rows["assumption"]]
    return rows.assign(title=[w.title for w in words], stated_words=[w.stated for w in words],
                       low_words=[w.low for w in words], high_words=[w.high for w in words])  # fmt: skip


def _swing(response: Response, name: str) -> Swing:
    if name in TABLE_SWINGS:
        return TABLE_SWINGS[name]
    title = TITLES.get(name, name.replace("_", " "))
    known = response.network.assumptions.get(name)
    if known is None:
        return Swing(title, "as in the tables", "low", "high")
    unit = {"share": "", "months": " months", "days": " days"}.get(known.unit, f" {known.unit}")
    stated, low, high = (f"{readable(v)}{unit}" for v in (known.value, known.low, known.high))
    return Swing(title, stated, low, high)


def break_even_words(response: Response) -> str:
    """One sentence on how many days of stock would make the loss vanish, `` without a stock curve."""
    if response.curve.empty:
        return ""
    most = int(response.curve["days"].max())
    kinds: dict[str, list[str]] = {}
    for way, days in response.break_even.items():
        kind = (
            "never"
            if not math.isfinite(days)
            else "nothing"
            if days <= 0
            else f"about {days:,.0f} days of stock remove the loss"
        )
        kinds.setdefault(kind, []).append(_of(way))
    words = {"never": f"no stock up to {most} days removes the loss", "nothing": "nothing is lost even without stock"}
    parts = [f"{words.get(kind, kind)} {' or '.join(ways)}" for kind, ways in kinds.items()]
    return capital("; ".join(parts)) + "." if parts else ""


def _of(way: str) -> str:
    return {"unaided": "without a plan", "alone": "with plans of their own", "joint": "with a joint plan"}.get(
        way, f"({way})"
    )


def foresight_words(response: Response) -> str:
    """One sentence on what knowing the whole shock from the first month would save, `` if not computed."""
    parts = []
    for way, perfect in response.foresight.items():
        if way in response.plans and math.isfinite(perfect):
            gap = response.plans[way].loss_usd() - perfect
            parts.append(f"{gap / 1e6:,.0f} million USD {_of(way)}")
    return f"Gap to perfect foresight (the whole shock known from the first month): {and_list(parts)}." if parts else ""
