"""What coordination is worth, with and without lent stock, and how it might be split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import factorial

from orebridge.results import Plan

SMALL = 0.01  # below this share of the loss alone, coordination is said not to help


@dataclass(frozen=True)
class Coordination:
    """Value in USD: loss alone less loss joint; the part not owed to lent stock; proposed payments by member."""

    value_usd: float
    value_without_lent_stock_usd: float
    share_of_alone: float
    shapley: Mapping[str, float]
    in_core: bool | None
    helps: bool
    words: str


def coordination(alone: Plan, joint: Plan, members: tuple[str, ...]) -> Coordination:
    """Compare alone and joint. With two members the Shapley split is half each and always in the core.

    `value_without_lent_stock_usd` compares unmet use only, and counts against joint every tonne of end stock it leaves
    lower than alone does. A member's proposed payment is its share of the value less what it gains physically.
    """
    value = alone.loss_usd() - joint.loss_usd()
    unmet = {plan.way: plan.loss[plan.loss["item"] != "stock"]["usd"].sum(skipna=False) for plan in (alone, joint)}
    without = float(unmet["alone"] - unmet["joint"])
    share = value / alone.loss_usd() if alone.loss_usd() > 0 else 0.0
    each = {member: value / len(members) for member in members}
    helps = share >= SMALL
    if alone.loss_usd() <= 0:
        words = "Nothing is lost alone, so there is nothing to coordinate."
    elif helps:
        words = f"A joint plan saves {value / 1e6:,.0f} million USD of {alone.loss_usd() / 1e6:,.0f} lost alone ({share:.0%})."
    else:
        words = "Coordination does not help here: the joint plan saves under 1 % of what is lost alone."
    # Half each is the Shapley value of two members and always in the core; for more members neither was computed.
    known = len(members) == 2
    return Coordination(value, without, share, each if known else {}, True if known else None, helps, words)


def shapley(members: tuple[str, ...], worth: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """Shapley value of a game: the mean of a member's marginal worth over all orders.

    >>> glove = lambda s: float("a" in s and bool(s & {"b", "c"}))
    >>> {k: round(v, 3) for k, v in shapley(("a", "b", "c"), glove).items()}
    {'a': 0.667, 'b': 0.167, 'c': 0.167}
    """
    n = len(members)
    known: dict[frozenset[str], float] = {}

    def value(coalition: frozenset[str]) -> float:
        if coalition not in known:
            known[coalition] = worth(coalition) if coalition else 0.0
        return known[coalition]

    result = {}
    for member in members:
        others = [m for m in members if m != member]
        total = 0.0
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for chosen in combinations(others, size):
                coalition = frozenset(chosen)
                total += weight * (value(coalition | {member}) - value(coalition))
        result[member] = total
    return result
