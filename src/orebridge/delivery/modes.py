"""The four ways through a crisis, nested so that the comparison is fair.

unaided  forward simulation on base-year contracts
alone    each member plans for itself; member-to-member shipments are the unaided numbers
treaty   as alone, plus the transfers of the sharing rule
joint    shipments between members are decisions too; no member and not the group may lose more than alone
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.delivery.limits import Horizon, Limits, horizon_for, limits_of, restrict_to
from orebridge.delivery.model import Model, discount, stock_weights
from orebridge.delivery.past import Flows, Past, base_year
from orebridge.delivery.stages import solve_single, solve_staged
from orebridge.delivery.treaty import transfers
from orebridge.delivery.unaided import simulate_unaided
from orebridge.network import SupplyNetwork
from orebridge.program import Solution
from orebridge.results import WAYS, Plan, make_plan, member_loss
from orebridge.shocks import Effects
from orebridge.trace import merged, split_by_origin

TOLERANCE = 1e-7  # to which the solver keeps a row
SAME_USD = 100.0  # a loss below it is none, rounding of the stages included
MOST_MEMBERS = 5  # beyond it the number of coalitions to solve is not worth the wait
Coalition = frozenset[str]
Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChainWays:
    """The ways of one chain, with the network (origin classes split where a shock asks) they were solved on.

    `coalition_usd`: least loss of all members, in USD, where the members of a coalition plan together and the others
    alone (nobody: alone), before fairness gives anything up. `kept_usd`: the same for all members together if nobody's
    stock may ever be below its course alone. Both are there with a joint plan only.
    """

    network: SupplyNetwork
    limits: Limits
    horizon: Horizon
    plans: dict[str, Plan]
    flows: dict[str, Flows]
    kept_usd: float | None = None
    coalition_usd: dict[Coalition, float] = field(default_factory=dict)


def prepare(network: SupplyNetwork, effects: Effects, months: int) -> tuple[SupplyNetwork, Limits, Horizon, Flows]:
    """One chain's network with origin classes, its limits, horizon and unaided course."""
    network, own = _split(network, effects)
    horizon = horizon_for(network, months)
    limits = limits_of(network, own, horizon)
    return network, limits, horizon, simulate_unaided(network, limits, horizon)


def _split(network: SupplyNetwork, effects: Effects) -> tuple[SupplyNetwork, Effects]:
    own = restrict_to(effects, network)
    for trace in merged(network, own.traces):
        network, own = split_by_origin(network, own, trace)
    return network, own


def four_ways(
    network: SupplyNetwork, effects: Effects, months: int, ways: tuple[str, ...], workers: int = 2
) -> ChainWays:
    """Solve the ways asked for over one chain (unaided always; joint needs alone), all knowing `effects` from month 1.

    With `joint` it also finds what coordination is worth without lent stock, and what every sub-coalition of three to
    `MOST_MEMBERS` members could do. Programs that do not need each other run on `workers` threads; the answer is the
    same for any number.
    """
    network, limits, horizon, unaided = prepare(network, effects, months)
    solver = _Solver(network, limits, horizon, unaided)
    done: dict[str, _Done] = {"unaided": _Done(unaided, {}, math.nan)}
    if "alone" in ways or "joint" in ways:
        done["alone"] = solver.plan("alone")
    jobs: dict[str, Callable[[], _Done]] = {}
    if "treaty" in ways:
        moved = solver.owed()
        if moved is None and "alone" in done:
            done["treaty"] = done["alone"]  # the rule moves nothing: each member is as if alone
        else:
            jobs["treaty"] = lambda: solver.plan("treaty", moved=moved)
    coalitions: list[Coalition] = []
    everyone = frozenset(network.members)
    if "joint" in ways:
        jobs["joint"] = lambda: solver.plan("joint", everyone, done["alone"].flows)
        if 3 <= len(everyone) <= MOST_MEMBERS:
            sizes = range(2, len(everyone))
            coalitions = [frozenset(c) for size in sizes for c in combinations(sorted(everyone), size)]
    with ThreadPoolExecutor(workers) as pool:  # the solver works outside the interpreter's lock
        running = {way: pool.submit(job) for way, job in jobs.items()}
        kept = pool.submit(solver.kept, done["alone"].flows) if "joint" in ways else None
        parts = {c: pool.submit(solver.loss, c, done["alone"].flows) for c in coalitions}
        done |= {way: run.result() for way, run in running.items()}
    worth = {c: run.result() for c, run in parts.items()}
    if "joint" in ways:
        worth |= {frozenset(): done["alone"].usd, everyone: done["joint"].usd}
    order = [way for way in WAYS if way in done]
    plans = {way: make_plan(way, network, limits, horizon, done[way].flows, done[way].stages) for way in order}
    flows = {way: done[way].flows for way in order}
    return ChainWays(network, limits, horizon, plans, flows, kept.result() if kept else None, worth)


def rolled_ways(
    network: SupplyNetwork, beliefs: Sequence[tuple[int, Effects]], perfect: ChainWays, ways: tuple[str, ...]
) -> ChainWays:
    """The same ways planned anew each time the news changes, knowing only what is declared by then.

    `beliefs` are those of `shocks.beliefs_of`; `perfect` is the answer with the whole shock known. Each plan is carried
    out until the next news; the next one starts from where it left the stocks, the plants and the ships. Recipes,
    suppliers and plants begin to qualify with the first news of a shock, not with the plan's first month. Worths of
    coalitions are those of `perfect`. Nothing forces joint below alone here: either may be wrong-footed by the news.
    """
    horizon, truth = perfect.horizon, perfect.limits
    believed = []
    for month, effects in beliefs:
        split, own = _split(network, effects)
        believed.append((month, limits_of(split, own, horizon)))
    net = _qualifying_from(perfect.network, _first_news(beliefs))
    flows = {"unaided": perfect.flows["unaided"]}
    plans = {"unaided": perfect.plans["unaided"]}
    for way in ways:
        stages: dict[str, float] = {}
        past, course = base_year(net), None
        for number, (month, limits) in enumerate(believed):
            gone = month - 1
            left, later = limits.later(gone), horizon.later(month)
            solver = _Solver(net, left, later, simulate_unaided(net, left, later, past), past)
            done = solver.next_plan(way)
            until = believed[number + 1][0] - month if number + 1 < len(believed) else later.months
            carried = done.flows.first(until)
            past = past.after(carried)
            course = carried if course is None else course.then(carried)
            stages |= {f"{name} (from month {month})" if gone else name: v for name, v in done.stages.items()}
        assert course is not None
        flows[way] = course
        plans[way] = make_plan(way, net, truth, horizon, course, stages)
    return ChainWays(net, truth, horizon, plans, flows, perfect.kept_usd, perfect.coalition_usd)


def _first_news(beliefs: Sequence[tuple[int, Effects]]) -> int:
    """The first month in which anything is known of a shock; 1 where nothing ever is."""
    return next((month for month, effects in beliefs if len(effects.frame)), 1)


def _qualifying_from(network: SupplyNetwork, month: int) -> SupplyNetwork:
    """The network in which what has to be qualified begins to be so in plan month `month`, as nobody had cause to before."""

    def later(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(opens=frame["opens"] + (month - 1) * (frame["opens"] > 0))

    if month <= 1:
        return network
    return replace(network, activities=later(network.activities), routes=later(network.routes))


def news_of(network: SupplyNetwork, beliefs: Sequence[tuple[int, Effects]]) -> list[tuple[int, Effects]]:
    """The beliefs about this network's own parts, without months in which nothing new is known about them."""
    kept: list[tuple[int, Effects]] = []
    for month, effects in beliefs:
        own = restrict_to(effects, network)
        ahead = own.frame[own.frame["month"] >= month]
        if kept:
            before = kept[-1][1].frame
            if before[before["month"] >= month].to_dict("list") == ahead.to_dict("list"):
                continue
        kept.append((month, own))
    return kept


@dataclass(frozen=True)
class _Done:
    """Flows of a way, the values of its stages, and its least loss before fairness (USD)."""

    flows: Flows
    stages: dict[str, float]
    usd: float


@dataclass(frozen=True)
class _Solver:
    """Plans over one prepared chain."""

    network: SupplyNetwork
    limits: Limits
    horizon: Horizon
    unaided: Flows
    past: Past | None = None

    def owed(self) -> np.ndarray | None:
        """Tonnes the treaty moves, by route and month; None if it moves nothing."""
        moved = transfers(self.network, self.limits, self.horizon, self.unaided)
        return moved if moved.max(initial=0.0) >= 1e-9 else None

    def next_plan(self, way: str) -> _Done:
        """A plan of `way` from where things stand; joint is held to what each could do alone from there."""
        if way == "joint":
            return self.plan("joint", frozenset(self.network.members), self.plan("alone").flows)
        return self.plan(way, moved=self.owed() if way == "treaty" else None)

    def plan(
        self, way: str, coalition: Coalition = frozenset(), alone: Flows | None = None, moved: np.ndarray | None = None
    ) -> _Done:
        """A way through all stages; with `alone` nobody may lose more than there."""
        late = None
        if alone is not None and self._usd(alone) <= SAME_USD:
            model = self._model(way, coalition, None, moved)
            late = _NotWorse(model, alone)
        else:
            model = self._model(way, coalition, alone, moved)
        staged = solve_staged(model, late)
        return _Done(model.flows(staged.solution), staged.stages, self._usd(model.flows(staged.least_loss)))

    def loss(self, coalition: Coalition, alone: Flows) -> float:
        """Least loss of all members in USD where the coalition plans together, by the weighted solve."""
        if (usd := self._usd(alone)) <= SAME_USD:  # nothing is lost alone: there is nothing to gain
            return usd
        model = self._model("+".join(sorted(coalition)), coalition, alone, None)
        return self._usd(model.flows(solve_single(model)))

    def kept(self, alone: Flows) -> float:
        """The same where all plan together and no stock is lent."""
        usd = self._usd(alone)
        if usd <= SAME_USD:
            return usd
        everyone = frozenset(self.network.members)
        model = self._model(f"{'+'.join(sorted(everyone))}, no stock lent", everyone, alone, None)
        _keep_stock(model, alone)
        return self._usd(model.flows(solve_single(model)))

    def _model(self, way: str, coalition: Coalition, alone: Flows | None, moved: np.ndarray | None) -> Model:
        name = f"{way}/{'+'.join(self.network.chains)}"
        model = Model(self.network, self.limits, self.horizon, self.unaided, coalition, name, moved, self.past)
        if alone is not None:
            _not_worse(model, alone)
        return model

    def _usd(self, flows: Flows) -> float:
        return float(self._member_loss(flows)["usd"].sum(skipna=False))

    def _member_loss(self, flows: Flows) -> pd.DataFrame:
        return member_loss(self.network, self.limits, self.horizon, flows)


def _keep_stock(model: Model, alone: Flows) -> None:
    """Rows `kept stock`: no holding of a member is ever below its course alone, so nothing is lent, not even in time."""
    piles = model.network.stockpiles
    ours = piles[piles["country"].isin(model.network.members)]
    for _, group in ours.groupby(["holder", "country", "commodity"]):
        at = group.index.to_numpy()
        least = alone.stock[at].sum(0)
        if least.max(initial=0.0) < 1e-9:
            continue
        # The solver keeps limits to 1e-7; a hair below the course alone keeps that course feasible.
        limit = np.maximum(least - 1e-6 * np.maximum(1.0, least), 0.0)
        rows = model.program.rows(
            f"kept stock {group['stockpile'].iloc[0]}", {"month": model.horizon.labels}, limit, np.inf
        )
        for family in (model.stock, model.stock_extra):
            model.program.terms(rows.ids[None, :], family.ids[at], 1.0)


class _NotWorse:
    """The rows `no_member_worse` where nothing is lost alone: joint plans then lose nothing either, rows or no rows.

    With them the simplex was seen to take four times as long, so they wait until a solution breaks them or fairness and
    what follows begin.
    """

    def __init__(self, model: Model, alone: Flows) -> None:
        self.model, self.alone, self.added = model, alone, False

    def broken(self, solution: Solution) -> bool:
        """Whether a member loses more than alone."""
        if self.added:
            return False
        rows = _not_worse_rows(self.model, self.alone)
        return any(float(costs @ solution.column_values[ids]) > upper + TOLERANCE for _, ids, costs, upper in rows)

    def add(self) -> None:
        """Put the rows in."""
        if not self.added:
            self.added = True
            _not_worse(self.model, self.alone)


def _not_worse(model: Model, alone: Flows) -> None:
    """Rows `no_member_worse`: V_m(joint) <= V_m(alone), in million USD.

    What has no stated value has no place in V_m; its tonnes are held product by product, or a member could lose them
    all without the row noticing.
    """
    for name, ids, costs, upper in _not_worse_rows(model, alone):
        model.program.add_row(name, ids, costs, upper=upper)


def _not_worse_rows(model: Model, alone: Flows) -> Iterator[tuple[str, Ints, Floats, float]]:
    """Name, columns, coefficients and upper limit of each row."""
    net, months = model.network, model.horizon.reported
    weight = discount(net, model.horizon.months)[:months]
    value = net.demands["value_usd"].to_numpy(dtype=float)
    price = stock_weights(net)
    start = net.stockpiles["s0"].to_numpy(dtype=float)
    for member in net.members:
        own = (net.demands["country"] == member).to_numpy()
        known = np.flatnonzero(own & ~np.isnan(value))
        piles = np.flatnonzero((net.stockpiles["country"] == member).to_numpy())
        ids = np.concatenate([model.unmet.ids[known, :months].ravel(), model.shortfall.ids[piles]])
        costs = np.concatenate([(value[known, None] * weight).ravel(), price[piles]]) / 1e6
        unmet = np.maximum(alone.unmet[known, :months], 0.0)
        short = np.maximum(start[piles] - alone.stock[piles, -1], 0.0)
        lost = float((costs * np.concatenate([unmet.ravel(), short])).sum())
        keep = costs > 0
        if keep.any():
            yield f"no_member_worse {member}", ids[keep], costs[keep], lost * (1.0 + 1e-7) + 5e-7
        unknown = np.flatnonzero(own & np.isnan(value))
        for product, group in net.demands.iloc[unknown].groupby("commodity"):
            rows = group.index.to_numpy()
            tonnes = float((np.maximum(alone.unmet[rows, :months], 0.0) * weight).sum())
            columns = model.unmet.ids[rows, :months].ravel()
            weights = np.tile(weight, len(rows))
            yield f"no_member_worse {member} {product}", columns, weights, tonnes * (1.0 + 1e-7) + 1e-6


def weighted_loss(network: SupplyNetwork, effects: Effects, months: int, way: str) -> float:
    """Loss in USD of one way by the single weighted solve (or the simulation): quick, for sweeps."""
    network, limits, horizon, unaided = prepare(network, effects, months)
    if way == "unaided":
        flows = unaided
    else:
        coalition = frozenset(network.members) if way == "joint" else frozenset()
        built = Model(network, limits, horizon, unaided, coalition, f"{way} (single solve)")
        flows = built.flows(solve_single(built))
    return float(member_loss(network, limits, horizon, flows)["usd"].sum(skipna=False))
