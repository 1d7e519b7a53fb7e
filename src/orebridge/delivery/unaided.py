"""What happens with no plan: a forward simulation on base-year contracts, without foresight.

Each month and node: what arrives and the own stock meet what base-year contracts, processes and users want. Own stock
goes first; what is missing is then shared pro rata over all uses (demand pro rata over tiers). Nothing surges, no new
route opens, no recipe changes. With no effects the base year goes on exactly.

Many courses that differ in their limits alone run side by side (`simulate_many`): a month is a handful of products of
sparse matrices with one column per course, so that a thousand courses take little longer than ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from orebridge.delivery.limits import Horizon, Limits, release_limit
from orebridge.delivery.past import Flows, Past, base_year
from orebridge.errors import NetworkError
from orebridge.network import SupplyNetwork

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BATCH = 64  # courses side by side: enough to hide the calls, few enough to stay in the cache


def simulate_unaided(network: SupplyNetwork, limits: Limits, horizon: Horizon, past: Past | None = None) -> Flows:
    """Run the months of the horizon; returns flows by component and month.

    `past` is what was under way before (default: the base year).
    """
    return Simulator(network, horizon, past).run([limits])[0]


def simulate_many(network: SupplyNetwork, limits: Sequence[Limits], horizon: Horizon) -> list[Flows]:
    """The course without a plan under each of the limits, in their order; each is what it would be by itself."""
    simulator = Simulator(network, horizon)
    return [flows for k in range(0, len(limits), BATCH) for flows in simulator.run(limits[k : k + BATCH])]


class Simulator:
    """The network as matrices, ready to run courses over one horizon."""

    def __init__(self, network: SupplyNetwork, horizon: Horizon, past: Past | None = None) -> None:
        self.network, self.horizon = network, horizon
        self.past = past or base_year(network)
        nodes, acts, routes, sites = network.nodes, network.activities, network.routes, network.sites
        demands, piles = network.demands, network.stockpiles
        n = len(nodes)
        self._x0, self._y0 = _column(acts["x0"]), _column(routes["y0"])
        self._capacity = _column(sites["capacity"])
        self._ramp = _column(sites["ramp"]) * self._capacity
        self._site = acts["site"].to_numpy(dtype=int)
        self._at_site = _sums(self._site, len(sites))
        self._planned = self._at_site @ self._x0
        self._source = routes["from_node"].to_numpy(dtype=int)
        self._ships = _sums(self._source, n)
        self._demand_node = demands["node"].to_numpy(dtype=int)
        self._demands = _sums(self._demand_node, n)
        self._free = (nodes["disposal"] == "free").to_numpy()[:, None]
        term_a, term_n = network.terms["activity"].to_numpy(dtype=int), network.terms["node"].to_numpy(dtype=int)
        coefficient = network.terms["coefficient"].to_numpy(dtype=float)
        lag = acts["lag"].to_numpy(dtype=int)
        into, out = coefficient < 0, coefficient > 0
        shape = (n, len(acts))
        self._takes = _matrix(term_n[into], term_a[into], -coefficient[into], shape)
        #: Lag -> what arrives at the nodes from runs that many months ago.
        self._makes = {
            int(months): _matrix(term_n[late], term_a[late], coefficient[late], shape)
            for months in np.unique(lag[term_a[out]])
            for late in [out & (lag[term_a] == months)]
        }
        transit, sink = routes["lag"].to_numpy(dtype=int), routes["to_node"].to_numpy(dtype=int)
        self._brings = {
            int(months): _matrix(sink[own], own, np.ones(len(own)), (n, len(routes)))
            for months in np.unique(transit)
            for own in [np.flatnonzero(transit == months)]
        }
        # Inputs sorted by activity: the scarcest input decides how far an activity runs.
        order = np.argsort(term_a[into], kind="stable")
        self._input_node = term_n[into][order]
        self._fed, self._first_input = np.unique(term_a[into][order], return_index=True)
        self._levels = _levels(network)
        self._now = self._makes.pop(0, None)
        pile_node = piles["node"].to_numpy(dtype=int)
        self._pile_node, self._piles = pile_node, _sums(pile_node, n)
        self._floor, self._room = _column(piles["floor"]), _column(piles["room"])
        self._start = self._piles @ _column(piles["s0"])
        self._ranks = _ranks(pile_node, piles["holder"].to_numpy() != "industry")

    def run(self, limits: Sequence[Limits]) -> list[Flows]:
        """One course per limits, all over the simulator's horizon."""
        months, many, past = self.horizon.months, len(limits), self.past
        longest = past.activity.shape[1]
        # Months first: a month is one block, the past stands before the first.
        activity = np.zeros((longest + months, len(self._x0), many))
        shipment = np.zeros((longest + months, len(self._y0), many))
        activity[:longest] = past.activity.T[:, :, None]
        shipment[:longest] = past.shipment.T[:, :, None]
        unmet = np.zeros((months, len(self._demand_node), many))
        waste, stock = np.zeros((months, len(self._free), many)), np.zeros((months, len(self._pile_node), many))
        held = np.repeat(past.stock[:, None], many, 1)
        last = np.repeat(self._at_site @ past.activity[:, -1:], many, 1)
        may_give = np.stack([release_limit(self.network, own) for own in limits], axis=-1)
        for t in range(months):
            now = longest + t
            came = np.zeros((len(self._free), many))
            for lag, makes in self._makes.items():
                came += makes @ activity[now - lag]
            for lag, brings in self._brings.items():
                came += brings @ shipment[now - lag]
            share = _month((own.route_share for own in limits), t)
            want_ship = np.where(np.isnan(share), 1.0, np.minimum(share, 1.0)) * self._y0
            room = np.minimum(self._capacity * _month((own.site_share for own in limits), t), last + self._ramp)
            planned = self._planned
            part = np.minimum(1.0, np.divide(room, planned, out=np.ones_like(room), where=planned > 0))
            want_act = self._x0 * part[self._site]
            demand = _month((own.demand for own in limits), t)
            give = np.minimum(np.maximum(held - self._floor, 0.0), may_give[:, t])
            wanted = self._takes @ want_act + self._ships @ want_ship + self._demands @ demand
            served, ratio, came = self._share_out(came, self._piles @ give, want_act, wanted)
            level = want_act * ratio
            activity[now], shipment[now] = level, served[self._source] * want_ship
            met = served[self._demand_node] * demand
            unmet[t] = demand - met
            last = self._at_site @ level
            used = self._takes @ level + self._ships @ shipment[now] + self._demands @ met
            left = self._piles @ held + came - used
            waste[t] = np.where(self._free, np.maximum(left - self._start, 0.0), 0.0)
            held = self._put(held, left - waste[t], give)
            stock[t] = held
        courses = (activity[longest:], shipment[longest:], stock, unmet, waste)
        turned = [np.ascontiguousarray(np.moveaxis(a, (0, 1, 2), (2, 1, 0))) for a in courses]
        return [Flows(*(a[k] for a in turned)) for k in range(many)]

    def _share_out(
        self, came: Floats, from_stock: Floats, want_act: Floats, wanted: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Served share of each node's wants, share at which each activity runs, and what came with this month's output."""
        served, ratio = np.ones_like(came), np.ones_like(want_act)
        for level in self._levels:
            if self._now is not None:
                came[level] += (self._now @ (want_act * ratio))[level]
            supply = came[level] + from_stock[level]
            scarce = np.divide(
                np.maximum(supply, 0.0), wanted[level], out=np.ones_like(supply), where=wanted[level] > 0
            )
            served[level] = np.where(wanted[level] <= supply, 1.0, scarce)
            if len(self._fed):
                ratio[self._fed] = np.minimum.reduceat(served[self._input_node], self._first_input)
        return served, ratio, came

    def _put(self, held: Floats, left: Floats, give: Floats) -> Floats:
        """Spread what is left at each node over its piles: industry first, each within what it may give and its room."""
        now = held.copy()
        change = left - self._piles @ held
        for own in self._ranks:
            node = self._pile_node[own]
            moved = np.minimum(np.maximum(change[node], -give[own]), np.maximum(self._room[own] - now[own], 0.0))
            now[own] += moved
            change[node] -= moved
        off = np.abs(change) > 1e-6 * (1.0 + np.abs(left))
        if off.any():
            worst = int(np.argmax(np.abs(change).max(axis=1)))
            raise NetworkError(
                f"unaided: {self.network.nodes['node'].iloc[worst]} is out by {np.abs(change[worst]).max():.3g} t; report this."
            )
        return np.maximum(now, 0.0)


def _column(values: Any) -> Floats:
    result: Floats = np.asarray(values, dtype=float)[:, None]
    return result


def _month(arrays: Iterable[Floats], t: int) -> Floats:
    result: Floats = np.stack([a[:, t] for a in arrays], axis=1)
    return result


def _matrix(rows: Ints, columns: Ints, values: Floats, shape: tuple[int, int]) -> Any:
    return sparse.csr_array((values, (rows, columns)), shape=shape)


def _sums(of: Ints, n: int) -> Any:
    """Matrix that adds up components by the number each of them has."""
    return _matrix(of, np.arange(len(of)), np.ones(len(of)), (n, len(of)))


def _ranks(pile_node: Ints, later: npt.NDArray[np.bool_]) -> list[Ints]:
    """Piles in the order in which a node uses them: the first of every node, then the second, ..."""
    seen: dict[int, int] = {}
    ranks: list[list[int]] = []
    for k in np.argsort(later, kind="stable"):
        rank = seen.get(int(pile_node[k]), 0)
        seen[int(pile_node[k])] = rank + 1
        if rank == len(ranks):
            ranks.append([])
        ranks[rank].append(int(k))
    return [np.array(own, dtype=int) for own in ranks]


def _levels(network: SupplyNetwork) -> list[Ints]:
    """Nodes in steps such that what is made within the month is there before it is used.

    A cycle without delay is an error.
    """
    before = _before(network)
    depth: dict[int, int] = {}
    path: set[int] = set()
    for first in range(len(network.nodes)):
        stack = [(first, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                path.discard(node)
                depth[node] = 1 + max((depth[other] for other in before.get(node, ())), default=-1)
            elif node in path:
                raise NetworkError(
                    f"{network.nodes['node'].iloc[node]} feeds itself within one month; give a process of the loop a lead time."
                )
            elif node not in depth:
                path.add(node)
                stack.append((node, True))
                stack += [(other, False) for other in sorted(before.get(node, ())) if other not in depth]
    numbers = np.array([depth[node] for node in range(len(network.nodes))], dtype=int)
    return [np.flatnonzero(numbers == number) for number in range(numbers.max(initial=0) + 1)]


def _before(network: SupplyNetwork) -> dict[int, set[int]]:
    """Node -> nodes that its makers without delay take from."""
    act, node = network.terms["activity"].to_numpy(dtype=int), network.terms["node"].to_numpy(dtype=int)
    coefficient = network.terms["coefficient"].to_numpy(dtype=float)
    now = network.activities["lag"].to_numpy(dtype=int)[act] == 0
    result: dict[int, set[int]] = {}
    for a in np.unique(act[now]):
        ins = {int(i) for i in node[(act == a) & (coefficient < 0)]}
        for o in node[(act == a) & (coefficient > 0)]:
            result.setdefault(int(o), set()).update(ins)
    return result
