"""Each law as a check that names what breaks it, written without the code it checks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import settings

from orebridge.delivery.limits import Limits
from orebridge.delivery.modes import ChainWays
from orebridge.delivery.past import Flows
from orebridge.network import SupplyNetwork

Floats = npt.NDArray[np.float64]
WAYS = ("alone", "treaty", "joint")


def tries(examples: int) -> settings:
    """So many random examples in the gate, ten times as many in a nightly run."""
    nightly = settings.get_current_profile_name() == "nightly"
    return settings(max_examples=examples * 10 if nightly else examples)


def _shifted(values: Floats, lag: Floats, before: Floats) -> Floats:
    """Each row moved `lag` months later; earlier months are the base year."""
    months = np.arange(values.shape[1])[None, :] - lag[:, None]
    moved = np.take_along_axis(values, np.maximum(months, 0), axis=1)
    result: Floats = np.where(months >= 0, moved, before[:, None])
    return result


def imbalance(network: SupplyNetwork, flows: Flows, demand: Floats) -> Floats:
    """Supply less use less waste at each node and month, t: output and arrivals of earlier months, stock drawn."""
    terms, routes, piles = network.terms, network.routes, network.stockpiles
    gap = np.zeros((len(network.nodes), flows.stock.shape[1]))
    act = terms["activity"].to_numpy(dtype=int)
    coefficient = terms["coefficient"].to_numpy(dtype=float)
    lag = np.where(coefficient > 0, network.activities["lag"].to_numpy(dtype=int)[act], 0)
    ran = _shifted(flows.activity[act], lag, network.activities["x0"].to_numpy(dtype=float)[act])
    np.add.at(gap, terms["node"].to_numpy(dtype=int), coefficient[:, None] * ran)
    arrived = _shifted(flows.shipment, routes["lag"].to_numpy(dtype=int), routes["y0"].to_numpy(dtype=float))
    np.add.at(gap, routes["to_node"].to_numpy(dtype=int), arrived)
    np.add.at(gap, routes["from_node"].to_numpy(dtype=int), -flows.shipment)
    held = np.hstack([piles["s0"].to_numpy(dtype=float)[:, None], flows.stock])
    np.add.at(gap, piles["node"].to_numpy(dtype=int), held[:, :-1] - held[:, 1:])
    np.add.at(gap, network.demands["node"].to_numpy(dtype=int), flows.unmet - demand)
    return gap - flows.waste


def broken_limits(network: SupplyNetwork, limits: Limits, flows: Flows, tolerance: float = 1e-5) -> list[str]:
    """Limits that a course of events breaks, in words; empty if it is possible."""
    sites, routes, piles = network.sites, network.routes, network.stockpiles
    size = 1.0 + network.throughput().max(initial=0.0)
    slack = tolerance * size
    found = []
    gap = np.abs(imbalance(network, flows, limits.demand))
    if gap.max(initial=0.0) > slack:
        node, month = np.unravel_index(int(gap.argmax()), gap.shape)
        found.append(f"{network.nodes['node'].iloc[node]} is out by {gap[node, month]:.3g} t in month {month + 1}")
    for name, values in vars(flows).items():
        if values.size and values.min() < -slack:
            found.append(f"{name} is negative: {values.min():.3g}")
    if (flows.unmet > limits.demand + slack).any():
        found.append("more is unmet than wanted")
    ran = np.zeros((len(sites), flows.activity.shape[1]))
    np.add.at(ran, network.activities["site"].to_numpy(dtype=int), flows.activity)
    room = (sites["capacity"] * (1.0 + sites["surge"])).to_numpy(dtype=float)[:, None]
    share = limits.site_share
    most = np.where(np.isinf(room), np.where(share > 0, np.inf, 0.0), np.where(np.isinf(room), 0.0, room) * share)
    over = np.flatnonzero((ran > most + slack).any(axis=1))
    found += [f"{sites['site'].iloc[k]} runs above what it can" for k in over]
    limited = ~np.isnan(limits.route_share)
    carried = (
        np.where(limited, limits.route_share, np.inf) * np.maximum(routes["y0"].to_numpy(dtype=float), 1e-300)[:, None]
    )
    over = np.flatnonzero((limited & (flows.shipment > carried + slack)).any(axis=1))
    found += [f"{routes['route'].iloc[k]} carries more than its limit" for k in over]
    early = np.arange(1, flows.shipment.shape[1] + 1)[None, :] <= routes["opens"].to_numpy(dtype=float)[:, None]
    new = (routes["y0"] == 0).to_numpy()[:, None]
    over = np.flatnonzero((early & new & (flows.shipment > slack)).any(axis=1))
    found += [f"{routes['route'].iloc[k]} is used before it opens" for k in over]
    floor = np.minimum(piles["floor"], piles["s0"]).to_numpy(dtype=float)[:, None]
    over = np.flatnonzero((flows.stock < floor - slack).any(axis=1))
    found += [f"{piles['stockpile'].iloc[k]} falls below its floor" for k in over]
    return found


def away_from_base(network: SupplyNetwork, flows: Flows) -> dict[str, float]:
    """Largest distance of each kind of flow from the base year, as a share of the largest throughput."""
    size = 1e-9 + network.throughput().max(initial=0.0)
    base = {
        "activity": network.activities["x0"], "shipment": network.routes["y0"], "stock": network.stockpiles["s0"],
        "unmet": network.demands["unmet0"], "waste": network.nodes["waste0"],
    }  # fmt: skip
    return {
        name: float(np.abs(getattr(flows, name) - column.to_numpy(dtype=float)[:, None]).max(initial=0.0) / size)
        for name, column in base.items()
    }


def broken_nesting(ways: ChainWays) -> list[str]:
    """Who loses more in the joint plan than alone (all together and each), in words."""
    alone, joint = ways.plans["alone"], ways.plans["joint"]
    found = []
    for member in (None, *ways.network.members):
        most, least = alone.loss_usd(member), joint.loss_usd(member)
        if least > most * (1.0 + 2e-6) + 5.0:
            found.append(f"{member or 'the alliance'} loses {least:,.0f} USD jointly and {most:,.0f} alone")
    return found
