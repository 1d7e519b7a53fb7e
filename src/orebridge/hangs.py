"""What the answer hangs on, in words: break-even days of stock and the assumptions of the tornado with their ranges."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from orebridge.labels import Labels, and_list, capital, inside
from orebridge.trail import readable

if TYPE_CHECKING:
    from orebridge.session import Response


class Swing(NamedTuple):
    """How an assumption of the tornado is named, and its stated value and ends in words."""

    title: str
    stated: str
    low: str
    high: str


def swings_in_words(response: Response) -> pd.DataFrame:
    """The tornado, widest first, with `title, stated_words, low_words, high_words` for each assumption."""
    rows = response.swings
    if rows.empty:
        return rows
    words = [_swing(row) for row in rows.to_dict("records")]
    return rows.assign(title=[w.title for w in words], stated_words=[w.stated for w in words],
                       low_words=[w.low for w in words], high_words=[w.high for w in words])  # fmt: skip


def _swing(row: Mapping[Hashable, Any]) -> Swing:
    unit = {"share": "", "share of base year": " of base year"}.get(row["unit"], f" {row['unit']}")
    if row["unit"] == "times stated":
        factor = {0.0: "none", 1.0: "as stated"}
        words = [factor.get(row[f"{end}_at"], f"{_short(row[f'{end}_at'])}{unit}") for end in ("stated", "low", "high")]
    else:
        words = [f"{_short(row[f'{end}_at'])}{unit}" for end in ("stated", "low", "high")]
    return Swing(str(row["title"]), *("1 month" if word == "1 months" else word for word in words))


def _short(number: float) -> str:
    """Three figures: means over recipes or chains are no firmer than that.

    >>> _short(9.148), _short(0.35211), _short(24.0)
    ('9.15', '0.352', '24')
    """
    return readable(float(f"{number:.3g}"))


def break_even_words(response: Response) -> str:
    """One sentence on how many days of stock would make the loss vanish, `` without a stock curve."""
    if response.curve.empty:
        return ""
    most = int(response.curve["days"].max())
    kinds: dict[str, list[str]] = {}
    enough: list[str] = []
    for way, days in response.break_even.items():
        known = response.curve.loc[response.curve["way"] == way, "loss_usd"].notna().all()
        if known and math.isfinite(days) and days > 0:
            enough.append(f"about {days:,.0f}{'' if enough else ' days of stock'} {_of(way)}")
            continue
        kind = "unknown" if not known else "never" if not math.isfinite(days) else "nothing"
        kinds.setdefault(kind, []).append(_of(way))
    words = {
        "never": f"no stock up to {most} days removes the loss",
        "nothing": "nothing is lost even without stock",
        "unknown": "the loss is unknown in USD, as what runs short has no stated value,",
    }
    parts = [f"{words[kind]} {' or '.join(ways)}" for kind, ways in kinds.items()]
    if enough:
        parts.append(f"the loss is gone with {and_list(enough)}")
    return f"{capital('; '.join(parts))}.{_left_out(response)}" if parts else ""


def _left_out(response: Response) -> str:
    """Which chains the sweeps are about, where not all."""
    left = len(response.chains) - len(response.hinge_chains)
    if not left:
        return ""
    about = and_list(inside(Labels.of(response).chain(chain)) for chain in response.hinge_chains)
    rest = "the other chain, which holds" if left == 1 else f"the other {left} chains, which together hold"
    return (
        f" Stock curve, tornado, limits and remedies are for {about}; they leave out {rest} less than a tenth of "
        "what is lost without a plan."
    )


def _of(way: str) -> str:
    return {
        "unaided": "without a plan",
        "alone": "with plans of their own",
        "treaty": "under the treaty rule",
        "joint": "with a joint plan",
    }.get(way, f"({way})")


def foresight_words(response: Response) -> str:
    """One sentence on what knowing the whole shock from the first month would save plans, `` if not computed."""
    gaps = {
        way: (response.plans[way].loss_usd() - perfect) / 1e6
        for way, perfect in response.foresight.items()
        if way in response.plans and way != "unaided" and math.isfinite(perfect)
    }
    parts = [
        f"{gap:,.0f} million USD {_of(way)}" if abs(gap) >= 0.5 else f"nothing {_of(way)}" for way, gap in gaps.items()
    ]
    if not parts:
        return ""
    known = "" if response.curve.empty else " Stock curve, tornado, limits and remedies take the whole shock as known."
    return f"Gap to perfect foresight (the whole shock known from the first month): {and_list(parts)}.{known}"
