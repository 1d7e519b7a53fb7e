"""A fixed sharing rule, after the emergency sharing of the 1974 oil agreement.

    G = (sum of (1 - rho) D_m  -  sum of A_m)+       what the group is short after restraint rho
    draw_m  = k_m G                                   k: share of the group's net imports, all forms
    right_m = max(0, (1 - rho) D_m - draw_m)          what a member may keep
    a member with A_m above its right gives the difference, receivers get pro rata of their lack

Only what an open route delivers counts, and nobody curtails for a transfer that cannot arrive. rho is `restraint_low`
where 7-12 % of the group's use is missing, `restraint_high` above; below 7 % the rule sleeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.delivery.limits import Horizon, Limits
from orebridge.delivery.past import Flows
from orebridge.network import ORIGIN_KIND, SupplyNetwork

HIGH = 0.12  # share missing above which the higher restraint applies


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
    # A member that imports much of the group's metal and uses little of the product may have to draw more than it uses:
    # it owes what it has, not more.
    allowed = {m: max((1.0 - restraint) * use[m] - draws[m], 0.0) for m in use}
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
        wanted = {m: limits.demand[r, : horizon.reported].sum(0) for m, r in rows.items()}
        served = {m: wanted[m] - unaided.unmet[r, : horizon.reported].sum(0) for m, r in rows.items()}
        whole, there = sum(wanted.values()), sum(served.values())
        share = np.divide(whole - there, whole, out=np.zeros(horizon.reported), where=whole > 0)
        short = np.flatnonzero(share >= network.assumption("treaty_threshold"))
        imports = net_imports(network, commodity) if short.size else {}
        for t in short.tolist():
            use, got = ({m: float(of[m][t]) for m in rows} for of in (wanted, served))
            missing = float(share[t])
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


def net_imports(network: SupplyNetwork, product: str) -> dict[str, float]:
    """Base-year imports less exports of each member, in t per month of the product, over all forms it is made of.

        sum over forms c of  w[c] s[c] (imports - exports of c) / A[c]

    A[c]: t of c in one t of product, along the world's base-year recipes; s[c]: share of c's use that ends in the
    product; w[c]: c's share of value among the forms as many steps from the product (a magnet takes neodymium, dysprosium and terbium
    metal: each counts by what it is worth). Recycling is left out: its feed was imported once already.
    """
    need, made, steps = _requirements(network, product)
    price = network.nodes.drop_duplicates("commodity").set_index("commodity")["replacement_usd"]
    value = pd.Series({c: need[c] * float(price[c]) for c in need})
    if value.isna().any():
        value = pd.Series(1.0, index=list(need))  # a form without a price: the forms of a stage count alike
    weight = value / value.groupby(pd.Series(steps)).transform("sum")
    routes = network.routes
    result = dict.fromkeys(network.members, 0.0)
    for form in need:
        own = routes[routes["commodity"] == form]
        share = min(1.0, need[form] * made[product] / made[form]) if made.get(form, 0.0) > 0 else 1.0
        for member in result:
            net = own.loc[own["destination"] == member, "y0"].sum() - own.loc[own["origin"] == member, "y0"].sum()
            result[member] += float(weight[form]) * share * float(net) / need[form]
    return result


def _requirements(network: SupplyNetwork, product: str) -> tuple[dict[str, float], dict[str, float], dict[str, int]]:
    """t of each form in one t of product, t per month the world makes of each (base year), and steps to the product."""
    terms = network.terms
    activity = terms["activity"].to_numpy(dtype=int)
    frame = pd.DataFrame({
        "activity": activity,
        "commodity": network.nodes["commodity"].to_numpy()[terms["node"].to_numpy(dtype=int)],
        "price": network.nodes["replacement_usd"].to_numpy(dtype=float)[terms["node"].to_numpy(dtype=int)],
        "t": network.activities["x0"].to_numpy(dtype=float)[activity] * terms["coefficient"].to_numpy(dtype=float),
        "kind": network.sites["kind"].to_numpy()[network.activities["site"].to_numpy(dtype=int)[activity]],
    })  # fmt: skip
    frame = frame[(frame["kind"] != "recycling") & (frame["kind"] != ORIGIN_KIND) & (frame["t"] != 0)]
    outs = frame[frame["t"] > 0].assign(usd=lambda f: f["t"] * f["price"].fillna(0.0))
    # An activity with several outputs is run for the one that is worth most.
    main = (
        outs.sort_values(["usd", "t"], ascending=False).drop_duplicates("activity").set_index("activity")["commodity"]
    )
    made = outs.groupby("commodity")["t"].sum().to_dict()
    ins = frame[frame["t"] < 0].assign(main=lambda f: f["activity"].map(main))
    used = (-ins.groupby(["commodity", "main"])["t"].sum()).reset_index()
    use = list(zip(used["commodity"].astype(str), used["main"].astype(str), used["t"].astype(float), strict=True))
    need, front, steps = {product: 1.0}, {product: 1.0}, {product: 0}
    for number in range(1, 20):  # a chain has fewer stages; the bound ends a loop
        step: dict[str, float] = {}
        for form, out, tonnes in use:
            if out in front and made.get(out, 0.0) > 0:
                step[form] = step.get(form, 0.0) + front[out] * tonnes / made[out]
        if not step:
            break
        for form, tonnes in step.items():
            need[form] = need.get(form, 0.0) + tonnes
            steps.setdefault(form, number)
        front = step
    return need, {str(k): float(v) for k, v in made.items()}, steps
