"""What happens with no plan: a forward simulation on base-year contracts, without foresight.

Each month and node: what arrives and the own stock meet what base-year contracts, processes and users want. Own stock
goes first; what is missing is then shared pro rata over all uses (demand pro rata over tiers). Nothing surges, no new
route opens, no recipe changes. With no effects the base year goes on exactly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from orebridge.delivery.limits import Horizon, Limits, release_limit
from orebridge.delivery.past import Flows, Past, base_year
from orebridge.errors import NetworkError
from orebridge.network import SupplyNetwork

Floats = npt.NDArray[np.float64]


def simulate_unaided(network: SupplyNetwork, limits: Limits, horizon: Horizon, past: Past | None = None) -> Flows:
    """Run the months of the horizon; returns flows by component and month.

    `past` is what was under way before (default: the base year).
    """
    past = past or base_year(network)
    months, longest = horizon.months, past.activity.shape[1]
    nodes, acts, routes = network.nodes, network.activities, network.routes
    x0, y0, lag = acts["x0"].to_numpy(), routes["y0"].to_numpy(), acts["lag"].to_numpy()
    site = acts["site"].to_numpy(dtype=int)
    transit = routes["lag"].to_numpy()
    sink, source = routes["to_node"].to_numpy(dtype=int), routes["from_node"].to_numpy(dtype=int)
    term_a, term_n = network.terms["activity"].to_numpy(dtype=int), network.terms["node"].to_numpy(dtype=int)
    coefficient = network.terms["coefficient"].to_numpy()
    out, into = coefficient > 0, coefficient < 0
    demand_node = network.demands["node"].to_numpy(dtype=int)
    pile_node = network.stockpiles["node"].to_numpy(dtype=int)
    free = (nodes["disposal"] == "free").to_numpy()
    capacity = network.sites["capacity"].to_numpy()
    ramp = network.sites["ramp"].to_numpy() * capacity
    order = _order(network)

    activity, shipment = np.zeros((len(acts), months)), np.zeros((len(routes), months))
    unmet, waste = np.zeros((len(network.demands), months)), np.zeros((len(nodes), months))
    stock = np.zeros((len(network.stockpiles), months))
    held = past.stock.copy()
    start = np.bincount(pile_node, network.stockpiles["s0"].to_numpy(dtype=float), len(nodes))
    usable_floor = network.stockpiles["floor"].to_numpy()
    may_give = release_limit(network, limits)
    late = out & (lag[term_a] > 0)
    by_node_in = [np.flatnonzero(into & (term_n == i)) for i in range(len(nodes))]
    by_node_out = [np.flatnonzero(out & (lag[term_a] == 0) & (term_n == i)) for i in range(len(nodes))]
    routes_from = [np.flatnonzero(source == i) for i in range(len(nodes))]
    demands_at = [np.flatnonzero(demand_node == i) for i in range(len(nodes))]
    last = np.bincount(site, past.activity[:, -1], len(network.sites))

    for t in range(months):
        # Goods of earlier months that arrive now.
        back = t - lag[term_a[late]]
        before = past.activity[term_a[late], np.minimum(longest + back, longest - 1)]
        made = np.where(back >= 0, activity[term_a[late], np.maximum(back, 0)], before)
        came = np.bincount(term_n[late], coefficient[late] * made, len(nodes)).astype(float)  # ints if there is none
        back = t - transit
        every = np.arange(len(routes))
        before = past.shipment[every, np.minimum(longest + back, longest - 1)]
        sent = np.where(back >= 0, shipment[every, np.maximum(back, 0)], before)
        came += np.bincount(sink, sent, len(nodes))
        share = np.where(np.isnan(limits.route_share[:, t]), 1.0, np.minimum(limits.route_share[:, t], 1.0))
        want_ship = share * y0
        site_room = np.minimum(capacity * limits.site_share[:, t], last + ramp)
        planned = np.bincount(site, x0, len(network.sites))
        want_act = (
            x0 * np.minimum(1.0, np.divide(site_room, planned, out=np.ones_like(planned), where=planned > 0))[site]
        )
        give = np.minimum(np.maximum(held - usable_floor, 0.0), may_give[:, t])
        from_stock = np.bincount(pile_node, give, len(nodes))
        ratio = np.ones(len(acts))
        level = np.zeros(len(acts))
        served = np.zeros(len(network.demands))
        for i in order:
            for k in by_node_out[i]:
                a = term_a[k]
                level[a] = want_act[a] * ratio[a]
                came[i] += coefficient[k] * level[a]
            inputs, ships, uses = by_node_in[i], routes_from[i], demands_at[i]
            wanted = (
                -coefficient[inputs] @ want_act[term_a[inputs]] + want_ship[ships].sum() + limits.demand[uses, t].sum()
            )
            supply = came[i] + from_stock[i]
            part = 1.0 if wanted <= supply else max(supply, 0.0) / wanted
            np.minimum.at(ratio, term_a[inputs], part)
            shipment[ships, t] = part * want_ship[ships]
            served[uses] = part * limits.demand[uses, t]
        level = want_act * ratio
        activity[:, t] = level
        last = np.bincount(site, level, len(network.sites))
        unmet[:, t] = limits.demand[:, t] - served
        used = np.bincount(term_n[into], -coefficient[into] * level[term_a[into]], len(nodes)).astype(float)
        used += np.bincount(source, shipment[:, t], len(nodes)) + np.bincount(demand_node, served, len(nodes))
        left = np.bincount(pile_node, held, len(nodes)) + came - used
        waste[:, t] = np.where(free, np.maximum(left - start, 0.0), 0.0)
        held = _put(network, held, left - waste[:, t], pile_node, give)
        stock[:, t] = held
    return Flows(activity, shipment, stock, unmet, waste)


def _put(network: SupplyNetwork, held: Floats, left: Floats, pile_node: npt.NDArray[np.int64], give: Floats) -> Floats:
    """Spread what is left at each node over its stockpiles: industry first, each within what it may give and its room."""
    piles = network.stockpiles
    room = piles["room"].to_numpy(dtype=float)
    now = held.copy()
    change = left - np.bincount(pile_node, held, len(network.nodes))
    for k in np.argsort(piles["holder"].to_numpy() != "industry", kind="stable"):
        moved = min(max(change[pile_node[k]], -give[k]), max(room[k] - now[k], 0.0))
        now[k] += moved
        change[pile_node[k]] -= moved
    if (np.abs(change) > 1e-6 * (1.0 + np.abs(left))).any():
        worst = int(np.argmax(np.abs(change)))
        raise NetworkError(
            f"unaided: {network.nodes['node'].iloc[worst]} is out by {change[worst]:.3g} t; report this."
        )
    return np.maximum(now, 0.0)


def _order(network: SupplyNetwork) -> list[int]:
    """Nodes sorted so that what is made within the month is there before it is used; a cycle without delay is an error."""
    lag = network.activities["lag"].to_numpy()
    after: dict[int, set[int]] = {i: set() for i in range(len(network.nodes))}
    for a, group in network.terms.groupby("activity"):
        if lag[int(str(a))] > 0:
            continue
        ins = group.loc[group["coefficient"] < 0, "node"]
        for o in group.loc[group["coefficient"] > 0, "node"]:
            after[int(o)].update(int(i) for i in ins)
    done: list[int] = []
    state: dict[int, int] = {}
    for first in after:
        stack = [(first, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                state[node] = 2
                done.append(node)
            elif state.get(node) == 1:
                raise NetworkError(
                    f"{network.nodes['node'].iloc[node]} feeds itself within one month; give a process of the loop a lead time."
                )
            elif state.get(node) is None:
                state[node] = 1
                stack.append((node, True))
                stack += [(other, False) for other in sorted(after[node]) if state.get(other) != 2]
    return done
