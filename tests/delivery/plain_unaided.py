"""The course without a plan once more, node after node and course after course: slow, and easy to read."""

from __future__ import annotations

import numpy as np

from orebridge.delivery.limits import Horizon, Limits, release_limit
from orebridge.delivery.past import Flows, base_year
from orebridge.network import SupplyNetwork


def plain_unaided(network: SupplyNetwork, limits: Limits, horizon: Horizon) -> Flows:
    """Every month: what arrives and what stocks may give is shared pro rata over all that base-year contracts want."""
    past, months = base_year(network), horizon.months
    longest = past.activity.shape[1]
    acts, routes, piles = network.activities, network.routes, network.stockpiles
    x0, y0 = acts["x0"].to_numpy(), routes["y0"].to_numpy()
    site, lag = acts["site"].to_numpy(dtype=int), acts["lag"].to_numpy(dtype=int)
    source, sink = routes["from_node"].to_numpy(dtype=int), routes["to_node"].to_numpy(dtype=int)
    terms = list(network.terms.itertuples(index=False, name=None))
    place = network.demands["node"].to_numpy(dtype=int)
    pile_node, s0 = piles["node"].to_numpy(dtype=int), piles["s0"].to_numpy()
    capacity = network.sites["capacity"].to_numpy()
    activity, shipment = np.hstack([past.activity, np.zeros((len(x0), months))]), None
    shipment = np.hstack([past.shipment, np.zeros((len(y0), months))])
    unmet, waste = np.zeros((len(place), months)), np.zeros((len(network.nodes), months))
    stock, held = np.zeros((len(s0), months)), s0.astype(float).copy()
    may_give = release_limit(network, limits)
    last = np.bincount(site, x0, len(capacity))
    planned = np.bincount(site, x0, len(capacity))
    for t in range(months):
        now = longest + t
        room = np.minimum(capacity * limits.site_share[:, t], last + network.sites["ramp"].to_numpy() * capacity)
        part = np.ones(len(capacity))
        part[planned > 0] = np.minimum(1.0, room[planned > 0] / planned[planned > 0])
        want_act = x0 * part[site]
        share = limits.route_share[:, t]
        want_ship = np.where(np.isnan(share), 1.0, np.minimum(share, 1.0)) * y0
        give = np.minimum(np.maximum(held - piles["floor"].to_numpy(), 0.0), may_give[:, t])
        ratio, met = np.ones(len(x0)), np.zeros(len(place))
        came: dict[int, float] = {}
        for i in _order(network):
            coming = sum(c * activity[a, now - lag[a]] for a, n, c in terms if n == i and c > 0 and lag[a] > 0)
            coming += sum(c * want_act[a] * ratio[a] for a, n, c in terms if n == i and c > 0 and lag[a] == 0)
            transit = routes["lag"].to_numpy(dtype=int)
            coming += sum(shipment[r, now - transit[r]] for r in np.flatnonzero(sink == i))
            uses = np.flatnonzero(place == i)
            wanted = sum(-c * want_act[a] for a, n, c in terms if n == i and c < 0)
            wanted += want_ship[source == i].sum() + limits.demand[uses, t].sum()
            supply = coming + give[pile_node == i].sum()
            served = 1.0 if wanted <= supply else max(supply, 0.0) / wanted
            for a, n, c in terms:
                if n == i and c < 0:
                    ratio[a] = min(ratio[a], served)
            shipment[source == i, now] = served * want_ship[source == i]
            met[uses] = served * limits.demand[uses, t]
            came[i] = coming
        activity[:, now] = want_act * ratio
        last = np.bincount(site, activity[:, now], len(capacity))
        unmet[:, t] = limits.demand[:, t] - met
        for i in range(len(network.nodes)):
            used = sum(-c * activity[a, now] for a, n, c in terms if n == i and c < 0)
            used += shipment[source == i, now].sum() + met[place == i].sum()
            mine = np.flatnonzero(pile_node == i)
            left = held[mine].sum() + came[i] - used
            if network.nodes["disposal"].iloc[i] == "free":
                waste[i, t] = max(left - s0[mine].sum(), 0.0)
                left -= waste[i, t]
            change = left - held[mine].sum()
            for k in sorted(mine, key=lambda k: piles["holder"].iloc[k] != "industry"):
                moved = min(max(change, -give[k]), max(piles["room"].iloc[k] - held[k], 0.0))
                held[k] += moved
                change -= moved
        held = np.maximum(held, 0.0)
        stock[:, t] = held
    return Flows(activity[:, longest:], shipment[:, longest:], stock, unmet, waste)


def _order(network: SupplyNetwork) -> list[int]:
    """Nodes so that what is made within a month stands after what it is made of."""
    lag = network.activities["lag"].to_numpy(dtype=int)
    needs: dict[int, set[int]] = {i: set() for i in range(len(network.nodes))}
    for a, own in network.terms.groupby("activity"):
        if lag[int(str(a))] == 0:
            ins = {int(n) for n in own.loc[own["coefficient"] < 0, "node"]}
            for out in own.loc[own["coefficient"] > 0, "node"]:
                needs[int(out)] |= ins
    done: list[int] = []
    while len(done) < len(needs):
        done += [i for i in needs if i not in done and needs[i] <= set(done)]
    return done
