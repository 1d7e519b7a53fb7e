"""The four ways through a crisis, nested so that the comparison is fair.

unaided  forward simulation on base-year contracts
alone    each member plans for itself; member-to-member shipments are the unaided numbers
treaty   as alone, plus the transfers of the sharing rule
joint    shipments between members are decisions too; no member and not the group may lose more than alone
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orebridge.delivery.limits import Horizon, Limits, horizon_for, limits_of, restrict_to
from orebridge.delivery.model import Model, discount, stock_weights
from orebridge.delivery.stages import solve_single, solve_staged
from orebridge.delivery.treaty import transfers
from orebridge.delivery.unaided import Flows, simulate_unaided
from orebridge.network import SupplyNetwork
from orebridge.results import Plan, make_plan, member_loss
from orebridge.shocks import Effects
from orebridge.trace import split_by_origin


@dataclass(frozen=True)
class ChainWays:
    """The ways of one chain, with the network (origin classes split where a shock asks) they were solved on."""

    network: SupplyNetwork
    limits: Limits
    horizon: Horizon
    plans: dict[str, Plan]
    flows: dict[str, Flows]


def prepare(network: SupplyNetwork, effects: Effects, months: int) -> tuple[SupplyNetwork, Limits, Horizon, Flows]:
    """One chain's network with origin classes, its limits, horizon and unaided course."""
    own = restrict_to(effects, network)
    for trace in own.traces:
        network, own = split_by_origin(network, own, trace)
    horizon = horizon_for(network, months)
    limits = limits_of(network, own, horizon)
    return network, limits, horizon, simulate_unaided(network, limits, horizon)


def four_ways(network: SupplyNetwork, effects: Effects, months: int, ways: tuple[str, ...]) -> ChainWays:
    """Solve the ways asked for over one chain (unaided always; joint needs alone)."""
    network, limits, horizon, unaided = prepare(network, effects, months)
    members = network.members
    plans = {"unaided": make_plan("unaided", network, limits, horizon, unaided)}
    flows = {"unaided": unaided}

    def model(way: str, coalition: frozenset[str], moved: np.ndarray | None = None) -> Model:
        return Model(network, limits, horizon, unaided, coalition, f"{way}/{'+'.join(network.chains)}", moved)

    for way in ("alone", "treaty", "joint"):
        if way not in ways:
            continue
        moved = transfers(network, limits, horizon, unaided) if way == "treaty" else None
        if moved is not None and moved.max(initial=0.0) < 1e-9 and "alone" in flows:
            flows[way] = flows["alone"]  # the rule moves nothing: each member is as if alone
            plans[way] = make_plan(way, network, limits, horizon, flows[way], plans["alone"].stages)
            continue
        built = model(way, frozenset(members) if way == "joint" else frozenset(), moved)
        if way == "joint":
            alone = member_loss(network, limits, horizon, flows["alone"])
            _not_worse(built, alone.groupby("member")["usd"].sum().to_dict())
        staged = solve_staged(built)
        flows[way] = built.flows(staged.solution)
        plans[way] = make_plan(way, network, limits, horizon, flows[way], staged.values)
    return ChainWays(network, limits, horizon, plans, flows)


def _not_worse(model: Model, alone: dict[str, float]) -> None:
    """Rows `no_member_worse`: V_m(joint) <= V_m(alone), in million USD; unknown values bind tonnes at stage A instead."""
    net, months = model.network, model.horizon.reported
    weight = discount(net, model.horizon.months)[:months]
    value = np.nan_to_num(net.demands["value_usd"].to_numpy(dtype=float))
    for member, most in alone.items():
        if np.isnan(most):
            continue
        rows = np.flatnonzero((net.demands["country"] == member).to_numpy())
        piles = np.flatnonzero((net.stockpiles["country"] == member).to_numpy())
        ids = np.concatenate([model.unmet.ids[rows, :months].ravel(), model.shortfall.ids[piles]])
        costs = np.concatenate([(value[rows, None] * weight[None, :]).ravel(), stock_weights(net)[piles]]) / 1e6
        keep = costs > 0
        model.program.add_row(f"no_member_worse {member}", ids[keep], costs[keep], upper=most / 1e6 * (1 + 1e-7) + 5e-7)


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
