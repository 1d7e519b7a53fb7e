"""What is lost when one thing fails (N-1) and when two fail at once (N-2), without a plan and with the best one.

Every hit lasts from month 1 for `length` months and stops all of what it touches. The course without a plan, and with it
the commitments a plan is held to, is simulated anew for each; then the plan of least weighted loss is found warm, in
place, by the one solve of `delivery.compact`.

Exact short cuts, all of them tested against rebuilding everything:

* Hits that touch the same things are one hit. A hit within another adds nothing to it: A and B are then B.
* Where members lose nothing without a plan, they lose nothing with one.
* *Additivity.* Chains share no node, and components of a chain are linked by no route or process. The course without a
  plan of a component reads nothing of another, and no row or cost of the plan spans two of them (the objective is a sum
  over demands and stockpiles; commitments are numbers taken from the component's own course). What opens the public
  stocks is the first month of the shock, which is month 1 for all hits. So with F_c, C_c the plans and costs of
  component c

      min over F_1 x F_2 of C_1 + C_2  =  min over F_1 of C_1  +  min over F_2 of C_2

  and for hits A, B on different components   loss(A and B) = loss(A) + loss(B) - loss(neither)   to the last digit.
* *A ceiling for pairs.* The course without a plan, with what is missing of a product in a month taken from the cheapest
  tier first, is itself a plan; its weighted loss is no less than the weighted loss of the best plan, which is no less
  than that plan's loss in USD (weights of tiers are one or more). Pairs are solved from the highest ceiling down until
  no ceiling reaches the worst ones found: the worst pairs are then proven.

What is *not* assumed: that more hits are worse. Without a plan that is false (a ban on another buyer leaves more for
you), and with one it is false where a hit takes away a commitment: cut off from its foreign buyers a member keeps what
it owes them. It is a law of the planned loss where commitments stay as they are (see docs/vulnerabilities.md).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.delivery.model import TIERS, discount, loss_weights, stock_weights
from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.bench import Bench, Case
from orebridge.vulnerabilities.hits import Hit
from orebridge.vulnerabilities.losses import ITEMS, Loss, Meter

Floats = npt.NDArray[np.float64]
TIER_WEIGHT = dict(zip(TIERS, (1e4, 1e2, 1.0), strict=True))
ROUNDING = 1.0  # USD; ceilings nearer than this to the worst pairs are solved too


@dataclass(frozen=True)
class Outcome:
    """A hit and what members lose by it: without a plan, and by the best plan. `solved`: a plan had to be found."""

    hit: Hit
    unaided: Loss
    planned: Loss
    solved: bool


@dataclass(frozen=True)
class Pairs:
    """The worst pairs of hits, worst first, and how the search went."""

    worst: list[Outcome]
    pairs: int  #: all of them
    same: int  #: one hit lies within the other, or both together touch what another pair does
    harmless: int  #: members lose nothing even without a plan
    additive: int  #: on different components: the sum of the two losses
    solved: int
    below: int  #: whose ceiling is below the worst ones found


def singles(bench: Bench, hits: Sequence[Hit], length: int) -> list[Outcome]:
    """The outcome of every hit by itself, in their order."""
    kinds: dict[tuple[frozenset[int], frozenset[int]], int] = {}
    for k, hit in enumerate(hits):
        kinds.setdefault(hit.touches, k)
    limits = [bench.limits(sorted(hits[k].routes), sorted(hits[k].sites), length) for k in kinds.values()]
    found: dict[tuple[frozenset[int], frozenset[int]], tuple[Loss, Loss, bool]] = {}
    for touches, case in zip(kinds, bench.cases(limits), strict=True):
        found[touches] = (case.loss, bench.planned(case), not case.loss.nothing)
    return [Outcome(hit, *found[hit.touches]) for hit in hits]


def worst_pairs(bench: Bench, alone: Sequence[Outcome], length: int, most: int) -> Pairs:
    """The `most` worst pairs of hits of one chain by what members lose in USD with the best plan, proven.

    `alone` are the outcomes of the single hits. Where a loss has no value in USD its weighted loss ranks it.
    """
    component = _Components(bench.network)
    known = {outcome.hit.touches for outcome in alone}
    todo: dict[tuple[frozenset[int], frozenset[int]], tuple[Outcome, Outcome]] = {}
    same = additive = pairs = 0
    worst = _Worst(most)
    for a, b in combinations(alone, 2):
        pairs += 1
        both = a.hit.with_(b.hit)
        if both.touches in known or both.touches in todo:
            same += 1
        elif component.apart(a.hit, b.hit):
            additive += 1
            outcome = _sum(both, a, b, bench)
            worst.add(outcome, outcome.planned.total_usd)
        else:
            todo[both.touches] = (a, b)
    order = list(todo)
    ceiling = Ceiling(bench)
    heights = np.zeros(len(order))
    harmless = np.zeros(len(order), dtype=bool)
    limits = [bench.limits(sorted(routes), sorted(sites), length) for routes, sites in order]
    for k, case in enumerate(bench.cases(limits)):
        harmless[k] = case.loss.nothing
        heights[k] = 0.0 if harmless[k] else ceiling.usd(case)
    solved = 0
    for k in np.argsort(-heights, kind="stable"):
        if harmless[k] or (worst.full and heights[k] + ROUNDING < worst.least):
            break
        a, b = todo[order[k]]
        case = next(bench.cases([limits[k]]))
        answer = bench.plan(case)
        loss = bench.meter.loss(answer.flows)
        solved += 1
        usd = loss.total_usd if np.isfinite(loss.total_usd) else answer.objective * 1e6
        worst.add(Outcome(a.hit.with_(b.hit), case.loss, loss, True), usd)
    left = len(order) - solved - int(harmless.sum())
    return Pairs(worst.sorted(), pairs, same, int(harmless.sum()), additive, solved, left)


class _Worst:
    """The worst outcomes met so far."""

    def __init__(self, most: int) -> None:
        self._most, self._heap, self._count = most, list[tuple[float, int, Outcome]](), 0

    def add(self, outcome: Outcome, usd: float) -> None:
        self._count += 1
        heapq.heappush(self._heap, (usd, -self._count, outcome))
        if len(self._heap) > self._most:
            heapq.heappop(self._heap)

    @property
    def full(self) -> bool:
        return len(self._heap) >= self._most

    @property
    def least(self) -> float:
        return self._heap[0][0] if self._heap else -np.inf

    def sorted(self) -> list[Outcome]:
        return [outcome for _, _, outcome in sorted(self._heap, key=lambda item: (-item[0], -item[1]))]


def _sum(both: Hit, a: Outcome, b: Outcome, bench: Bench) -> Outcome:
    """Both hits on different components: losses add up, less what is lost when nothing is hit."""
    calm = bench.calm_case.loss

    def total(x: Loss, y: Loss) -> Loss:
        first = np.where((x.first > 0) & (y.first > 0), np.minimum(x.first, y.first), np.maximum(x.first, y.first))
        return Loss(
            x.tonnes + y.tonnes - calm.tonnes, x.usd + y.usd - calm.usd, first, x.products + y.products - calm.products
        )  # fmt: skip

    return Outcome(both, total(a.unaided, b.unaided), total(a.planned, b.planned), False)


class _Components:
    """Which components of a chain a hit touches."""

    def __init__(self, network: SupplyNetwork) -> None:
        number = network.components()
        self._route = number[network.routes["from_node"].to_numpy(dtype=int)]
        site = network.activities["site"].to_numpy(dtype=int)[network.terms["activity"].to_numpy(dtype=int)]
        self._site: dict[int, set[int]] = {}
        for k, node in zip(site, network.terms["node"].to_numpy(dtype=int), strict=True):
            self._site.setdefault(int(k), set()).add(int(number[node]))

    def of(self, hit: Hit) -> set[int]:
        """Numbers of the components."""
        return {int(self._route[k]) for k in hit.routes}.union(*(self._site.get(k, set()) for k in hit.sites))

    def apart(self, a: Hit, b: Hit) -> bool:
        """Whether two hits touch different components only."""
        return not self.of(a) & self.of(b)


class Ceiling:
    """An upper bound on what members lose with the best plan, from the course without one."""

    def __init__(self, bench: Bench) -> None:
        network, self._months = bench.network, bench.months
        demands = network.demands
        weight = loss_weights(network)
        ours = demands["is_member"].to_numpy(dtype=bool)
        factor = demands["tier"].map(TIER_WEIGHT).to_numpy(dtype=float)
        self._weight = weight * np.where(ours, factor, 1.0)
        self._discount = discount(network, bench.horizon.months)
        self._stock, self._start = stock_weights(network), network.stockpiles["s0"].to_numpy(dtype=float)
        frame = demands[ours].assign(weight=self._weight[ours])
        self._uses = [
            own.sort_values("weight", kind="stable").index.to_numpy()
            for _, own in frame.groupby(["country", "commodity"], sort=False)
        ]

    def usd(self, case: Case) -> float:
        """The weighted loss, in USD, of the course without a plan with shortages moved to the cheapest tiers."""
        unmet, months = case.course.unmet.copy(), self._months
        for uses in self._uses:
            left = unmet[uses, :months].sum(0)
            for use in uses:
                unmet[use, :months] = np.minimum(left, case.limits.demand[use, :months])
                left = left - unmet[use, :months]
        missing = np.maximum(self._start - case.course.stock[:, -1], 0.0)
        return float(self._weight @ (unmet @ self._discount) + self._stock @ missing)


# --- tables -------------------------------------------------------------------------------------------------------
CONTINGENCIES = [
    "chain", "kind", "name", "commodity", "country", "base_t_per_month", "unaided_usd", "planned_usd", "unaided_t",
    "planned_t", "first_month_unaided", "first_month_planned", "worst_member", "worst_product", "worst_product_t",
    "worst_product_share", "solved",
]  # fmt: skip
LOSSES = ["chain", "kind", "name", "way", "member", "item", "tonnes", "usd", "first_month"]
PRODUCTS = ["chain", "kind", "name", "way", "member", "product", "tonnes", "share_of_use"]


def outcome_rows(outcomes: Sequence[Outcome], meter: Meter) -> pd.DataFrame:
    """One row per hit: USD and tonnes of use lost by all members, first month of shortage, the product hit hardest.

    Months are 0 where nobody is ever short; USD is nan where something of unknown value is missing.
    """
    rows = []
    for outcome in outcomes:
        hit, planned, unaided = outcome.hit, outcome.planned, outcome.unaided
        lost = planned if planned.products.any() else unaided
        share = lost.products / (meter.use * meter.months)
        k = int(np.argmax(share)) if lost.products.any() else -1
        member, product = meter.products[k] if k >= 0 else ("", "")
        rows.append(
            (hit.chain, hit.kind, hit.name, hit.commodity, hit.country, hit.tonnes, unaided.total_usd, planned.total_usd,
             unaided.unmet, planned.unmet, unaided.first_month, planned.first_month, member, product,
             float(lost.products[k]) if k >= 0 else 0.0, float(share[k]) if k >= 0 else 0.0, outcome.solved)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=CONTINGENCIES)


def loss_rows(outcomes: Sequence[Outcome], meter: Meter, way: str) -> pd.DataFrame:
    """Tonnes and USD by hit, way, member and item (tiers and stock); rows of nothing are left out."""
    rows = [
        (o.hit.chain, o.hit.kind, o.hit.name, name, member, item, float(loss.tonnes[m, k]), float(loss.usd[m, k]),
         int(loss.first[m]))
        for o in outcomes
        for name, loss in (("unaided", o.unaided), (way, o.planned))
        for m, member in enumerate(meter.members)
        for k, item in enumerate(ITEMS)
        if loss.tonnes[m, k] > 0
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=LOSSES)


def product_rows(outcomes: Sequence[Outcome], meter: Meter, way: str) -> pd.DataFrame:
    """Products that members' users do not get, by hit and way: tonnes, and share of use over the reported months."""
    rows = [
        (o.hit.chain, o.hit.kind, o.hit.name, name, *meter.products[k], float(loss.products[k]),
         float(loss.products[k] / (meter.use[k] * meter.months)))
        for o in outcomes
        for name, loss in (("unaided", o.unaided), (way, o.planned))
        for k in np.flatnonzero(loss.products > 0)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=PRODUCTS)


def worst_across(outcomes: Sequence[Outcome], most: int) -> list[tuple[Outcome, Outcome, float]]:
    """The `most` worst pairs of hits on different chains: chains are additive, so no further solve is needed.

    Exact: of a pair of the worst, each hit is among the `most` worst of its chain.
    """
    by_chain: dict[str, list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda o: -np.nan_to_num(o.planned.total_usd)):
        by_chain.setdefault(outcome.hit.chain, []).append(outcome)
    top = [outcome for own in by_chain.values() for outcome in own[:most]]
    pairs = [
        (a, b, float(np.nan_to_num(a.planned.total_usd) + np.nan_to_num(b.planned.total_usd)))
        for a, b in combinations(top, 2)
        if a.hit.chain != b.hit.chain
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:most]
