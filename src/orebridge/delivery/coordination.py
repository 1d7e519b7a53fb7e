"""What coordination is worth, with and without lent stock, and how it might be split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial, isfinite

from orebridge.delivery.modes import ChainWays, Coalition
from orebridge.results import Plan

ROUNDING = 100.0  # USD by which plans may differ that are as good
LITTLE = 1e6  # USD; below it a share of the loss is a share of nothing
SMALL = 0.01  # below this share of the loss alone, coordination is said not to help


@dataclass(frozen=True)
class Coordination:
    """What coordination is worth (USD): loss alone less loss joint; without lent stock; how it might be split.

    `shapley` is each member's part of the value; `payments` what it would receive (+) or pay (-) so that its physical
    gain becomes that part. Absent (empty, None) where a value of lost output is unknown or there are too many members.
    """

    value_usd: float
    value_without_lent_stock_usd: float
    share_of_alone: float
    shapley: Mapping[str, float]
    payments: Mapping[str, float]
    in_core: bool | None
    helps: bool
    words: str
    why_no_split: str = ""


def coordination(alone: Plan, joint: Plan, members: tuple[str, ...], chains: Sequence[ChainWays]) -> Coordination:
    """Compare alone and joint, summed over the chains.

        value = sum V(alone) - sum V(joint)         v(S) = sum V(alone) - sum V(S plans together, others alone)

    `value_without_lent_stock_usd` is the same with a joint plan in which no member's stock is ever below its course
    alone: lending for a year is lending too, even if the stock is back at the end. The split is the Shapley value of v
    over coalitions; it is in the core if no coalition could do better by itself. With two members it is half each and
    always in the core, which says nothing about bargaining strength. Not covered: side deals outside these minerals.
    """
    lost = alone.loss_usd()
    value = lost - joint.loss_usd()
    everyone = frozenset(members)
    lent = sum((part.kept_usd or 0.0) - part.coalition_usd[everyone] for part in chains)
    without = value - max(lent, 0.0)
    share = value / lost if lost > 0 else 0.0
    helps = share >= SMALL and lost >= LITTLE
    parts, core, why = _split(value, members, chains)
    gains = {m: alone.loss_usd(m) - joint.loss_usd(m) for m in members}
    payments = {m: parts[m] - gains[m] for m in parts}
    return Coordination(
        value, without, share, parts, payments, core, helps, _words(value, without, lost, helps), why
    )  # fmt: skip


def _split(
    value: float, members: tuple[str, ...], chains: Sequence[ChainWays]
) -> tuple[dict[str, float], bool | None, str]:
    """Shapley parts that add up to `value`; worths are least losses, of which fairness gives up at most epsilon."""
    if not isfinite(value):
        return {}, None, "the value of some lost output is unknown, so there is no amount to split"
    worth: dict[Coalition, float] = {}
    for size in range(1, len(members) + 1):
        for chosen in combinations(sorted(members), size):
            coalition = frozenset(chosen)
            if size == 1:
                worth[coalition] = 0.0
            elif any(coalition not in part.coalition_usd for part in chains):
                return {}, None, f"{len(members)} members make too many coalitions to solve each of them"
            else:
                worth[coalition] = sum(p.coalition_usd[frozenset()] - p.coalition_usd[coalition] for p in chains)
    whole = worth[frozenset(members)]
    if value < -ROUNDING:
        return {}, None, "the news wrong-foots the joint plan, so there is no gain to split"
    if value > ROUNDING and whole <= 0:
        return {}, None, "what each brings is worked out with all known at the start, and then there is no gain"
    scale = value / whole if whole > 0 else 0.0
    worth = {coalition: v * scale for coalition, v in worth.items()}
    parts = shapley(members, lambda coalition: worth[coalition])
    return parts, in_core(parts, worth), ""


def in_core(parts: Mapping[str, float], worth: Mapping[Coalition, float], tolerance: float = 1e-6) -> bool:
    """Whether no coalition gets less than it could have by itself.

    >>> in_core({"a": 1.0, "b": 0.0}, {frozenset("a"): 0.0, frozenset("b"): 0.5, frozenset("ab"): 1.0})
    False
    """
    scale = max((abs(v) for v in worth.values()), default=0.0)
    return all(sum(parts[m] for m in coalition) >= v - tolerance * scale for coalition, v in worth.items())


def _words(value: float, without: float, lost: float, helps: bool) -> str:
    if not isfinite(lost):
        return "The value of some lost output is unknown, so the value of coordination is unknown; compare tonnes."
    if value < -max(ROUNDING, 1e-5 * lost):
        return (
            f"The news wrong-foots the joint plan here: it loses {-value / 1e6:,.2g} million USD more than plans made "
            "alone. With all known from the first month it never does."
        )
    if lost <= 0:
        return "Nothing is lost alone, so there is nothing to coordinate."
    if lost < LITTLE:
        return "Under a million USD is lost alone: there is next to nothing to coordinate."
    if not helps:
        return "Coordination does not help here: the joint plan saves under 1 % of what is lost alone."
    text = f"A joint plan saves {value / 1e6:,.0f} million USD of {lost / 1e6:,.0f} lost alone ({100 * value / lost:.0f} %)"
    if without < 0.5 * value:
        text += f"; {100 * (1 - without / value):.0f} % of that is one member living on the other's stock for a time"
    return text + "."


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
