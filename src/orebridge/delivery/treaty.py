"""A fixed sharing rule, after the emergency sharing of the 1974 oil agreement.

    G = (sum of (1 - rho) D_m  -  sum of A_m)+       what the group is short after restraint rho
    draw_m  = k_m G                                   k: share of the group's net imports
    right_m = (1 - rho) D_m - draw_m                  what a member may keep
    a member with A_m above its right gives the difference, receivers get pro rata of their lack

Only what an open route delivers counts, and nobody curtails for a transfer that cannot arrive. rho is `restraint_low`
where 7-12 % of the group's use is missing, `restraint_high` above; below 7 % the rule sleeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orebridge.delivery.limits import Horizon, Limits
from orebridge.delivery.past import Flows
from orebridge.network import ORIGIN_KIND, SupplyNetwork

TRIGGER, HIGH = 0.07, 0.12


@dataclass(frozen=True)
class Rights:
    """Group shortfall after restraint, draws, rights and transfers by member (t)."""

    shortfall: float
    draws: dict[str, float]
    rights: dict[str, float]
    transfers: dict[str, float]


def rights(
    use: Mapping[str, float], available: Mapping[str, float], net_imports: Mapping[str, float], restraint: float
) -> Rights:
    """The rule for one product and month, all in tonnes; transfers are + received, - given, and sum to zero.

    >>> r = rights({"a": 100, "b": 60, "c": 40}, {"a": 80, "b": 40, "c": 36}, {"a": 40, "b": 55, "c": 40}, 0.10)
    >>> round(r.shortfall), [round(v, 1) for v in r.transfers.values()]
    (24, [2.9, 4.2, -7.1])
    """
    shortfall = max(sum((1.0 - restraint) * use[m] - available[m] for m in use), 0.0)
    total = sum(max(net_imports[m], 0.0) for m in use)
    key = {m: max(net_imports[m], 0.0) / total if total > 0 else use[m] / sum(use.values()) for m in use}
    draws = {m: key[m] * shortfall for m in use}
    allowed = {m: (1.0 - restraint) * use[m] - draws[m] for m in use}
    surplus = {m: max(available[m] - allowed[m], 0.0) for m in use}
    lack = {m: max(allowed[m] - available[m], 0.0) for m in use}
    moved = min(sum(surplus.values()), sum(lack.values()))
    give = moved / sum(surplus.values()) if moved > 0 else 0.0
    take = moved / sum(lack.values()) if moved > 0 else 0.0
    return Rights(shortfall, draws, allowed, {m: take * lack[m] - give * surplus[m] for m in use})


def transfers(network: SupplyNetwork, limits: Limits, horizon: Horizon, unaided: Flows) -> npt.NDArray[np.float64]:
    """Tonnes each member-to-member route carries above its unaided shipment, by month (route x month)."""
    routes, demands = network.routes, network.demands
    result = np.zeros((len(routes), horizon.months))
    if len(network.members) < 2:
        return result
    ours = demands["is_member"].to_numpy(dtype=bool)
    for commodity in sorted(set(demands["commodity"][ours])):
        rows = {
            m: np.flatnonzero(ours & (demands["commodity"] == commodity) & (demands["country"] == m))
            for m in network.members
        }
        rows = {m: r for m, r in rows.items() if len(r)}
        if len(rows) < 2:
            continue
        imports = {member: _net_imports(network, commodity, member) for member in rows}
        for t in range(horizon.reported):
            use = {m: float(limits.demand[r, t].sum()) for m, r in rows.items()}
            got = {m: use[m] - float(unaided.unmet[r, t].sum()) for m, r in rows.items()}
            missing = 1.0 - sum(got.values()) / sum(use.values()) if sum(use.values()) > 0 else 0.0
            if missing < TRIGGER:
                continue
            rho = network.assumption("restraint_low" if missing <= HIGH else "restraint_high")
            moves = rights(use, got, imports, rho).transfers
            _ship(network, limits, result, commodity, moves, t, int(horizon.labels[t]), unaided)
    return result


def _ship(
    network: SupplyNetwork,
    limits: Limits,
    result: npt.NDArray[np.float64],
    commodity: str,
    moves: dict[str, float],
    t: int,
    month: int,
    unaided: Flows,
) -> None:
    """Put transfers on routes that are open in month t; what no route carries is not owed."""
    routes = network.routes
    lack = {m: v for m, v in moves.items() if v > 1e-9}
    for giver, amount in moves.items():
        if amount >= -1e-9:
            continue
        reach = []
        for receiver, owed in lack.items():
            found = np.flatnonzero(
                (routes["commodity"] == commodity) & (routes["origin"] == giver) & (routes["destination"] == receiver)
                & (routes["opens"] < month)
            )  # fmt: skip
            arrives = t + routes["lag"].to_numpy(dtype=int)[found] < limits.demand.shape[1]
            found = found[np.isnan(limits.route_share[found, t]) & arrives]
            reach += [(int(route), owed) for route in found[:1]]
        total = sum(lack.values())  # what no route can carry to a receiver is not owed, so nobody curtails for it
        owed_on = {route: -amount * need / total for route, need in reach}
        sent = sum(owed_on.values())
        most = _deliverable(network, unaided, list(owed_on), t)
        for route, tonnes in owed_on.items():
            result[route, t] += tonnes * (min(1.0, most / sent) if sent > 0 else 0.0)


def _deliverable(network: SupplyNetwork, unaided: Flows, routes: list[int], t: int) -> float:
    """Most the giver can take from its users for these routes: all, or the free part where material has two origins."""
    node = {int(network.routes["from_node"].iloc[route]) for route in routes}
    site = network.activities["site"].to_numpy(dtype=int)
    common = np.flatnonzero((network.sites["kind"] == ORIGIN_KIND).to_numpy()[site])
    terms = network.terms
    use = terms[terms["activity"].isin(common) & terms["node"].isin(node) & (terms["coefficient"] < 0)]
    if use.empty:
        return np.inf
    return float(unaided.activity[use["activity"].to_numpy(dtype=int), t].sum())


def _net_imports(network: SupplyNetwork, commodity: str, member: str) -> float:
    """Base-year imports less exports of the product, t per month."""
    routes = network.routes[network.routes["commodity"] == commodity]
    return float(
        routes.loc[routes["destination"] == member, "y0"].sum() - routes.loc[routes["origin"] == member, "y0"].sum()
    )
