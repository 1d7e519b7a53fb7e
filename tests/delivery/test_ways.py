"""The four ways on a world small enough for arithmetic, and the laws that hold on any world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.delivery import modes
from orebridge.delivery.limits import horizon_for, limits_of
from orebridge.delivery.model import Model
from orebridge.delivery.modes import four_ways, weighted_loss
from orebridge.delivery.past import Flows
from orebridge.delivery.stages import solve_single, solve_staged
from orebridge.delivery.treaty import rights
from orebridge.delivery.unaided import simulate_unaided
from orebridge.errors import NetworkError, ShockError
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects, no_effects
from small import ban, ore_to_magnet

from ..laws.checks import tries

WAYS = ("alone", "treaty", "joint")


def imbalance(network: SupplyNetwork, flows: Flows, demand: np.ndarray) -> np.ndarray:
    """Supply less use at each node and month, written out independently of the model."""
    n, months = len(network.nodes), flows.stock.shape[1]
    gap = np.zeros((n, months))
    for term in network.terms.itertuples():
        lag = int(network.activities["lag"].iloc[term.activity]) if term.coefficient > 0 else 0
        x0 = network.activities["x0"].iloc[term.activity]
        for t in range(months):
            level = flows.activity[term.activity, t - lag] if t >= lag else x0
            gap[term.node, t] += term.coefficient * level
    for r, route in enumerate(network.routes.itertuples()):
        for t in range(months):
            sent = flows.shipment[r, t - route.lag] if t >= route.lag else route.y0
            gap[route.to_node, t] += sent
            gap[route.from_node, t] -= flows.shipment[r, t]
    for k, pile in enumerate(network.stockpiles.itertuples()):
        before = np.concatenate([[pile.s0], flows.stock[k, :-1]])
        gap[pile.node] += before - flows.stock[k]
    for d, item in enumerate(network.demands.itertuples()):
        gap[item.node] -= demand[d] - flows.unmet[d]
    return gap - flows.waste


def test_hand_solved_alone():
    # JPN gets nothing in months 1-6. The pipeline (month 0's shipment, 20 t) arrives in month 1; the stock is 30 t.
    # Metal for six months is 120 t, arrivals of months 2..7 are cut: 120 t less, 30 t of stock: 90 t of magnet missing.
    # The stock may be refilled only above base; CHN's mine is at capacity and theta x 60 t of its trade is no trade
    # with outsiders (CHN sells to members only), so nothing is won over: alone loses 90 t.
    ways = four_ways(ore_to_magnet(), ban(6), 12, ("alone",))
    loss = ways.plans["alone"].loss.set_index(["member", "item"])
    assert loss.loc[("JPN", "general"), "tonnes"] + loss.loc[("JPN", "essential"), "tonnes"] == pytest.approx(
        90.0, abs=1e-3
    )
    # A plan that knows of the ban rations general use from month 1 and keeps magnets: general use gives its 10 t in
    # each of months 1-8, 80 t; the last 10 t fall on essential use.
    assert loss.loc[("JPN", "essential"), "tonnes"] == pytest.approx(10.0, abs=1e-3)
    assert loss.loc[("JPN", "general"), "tonnes"] == pytest.approx(80.0, abs=1e-3)
    assert loss.loc[("USA", "general"), "tonnes"] == 0.0


def test_hand_solved_unaided():
    # Without a plan the 30 t go first (one and a half months), then all uses fall pro rata to nothing: 90 t again,
    # but half of it essential.
    ways = four_ways(ore_to_magnet(), ban(6), 12, ())
    loss = ways.plans["unaided"].loss.set_index(["member", "item"])
    assert loss.loc[("JPN", "essential"), "tonnes"] == pytest.approx(45.0, abs=1e-6)
    assert loss.loc[("JPN", "general"), "tonnes"] == pytest.approx(45.0, abs=1e-6)


def test_joint_uses_the_partners_idle_mine():
    # USA can mine 5 t a month more and ship it: joint saves tonnes, no member is worse off.
    ways = four_ways(ore_to_magnet(spare=5.0), ban(6), 12, ("alone", "joint"))
    alone, joint = ways.plans["alone"], ways.plans["joint"]
    assert joint.loss_usd() < alone.loss_usd() - 1e4
    for member in ("USA", "JPN"):
        assert joint.loss_usd(member) <= alone.loss_usd(member) * (1 + 1e-6) + 1.0


def test_treaty_rule_worked_example():
    r = rights({"a": 100, "b": 60, "c": 40}, {"a": 80, "b": 40, "c": 36}, {"a": 40, "b": 55, "c": 40}, 0.10)
    assert r.shortfall == pytest.approx(24.0)
    assert [round(v, 1) for v in r.draws.values()] == [7.1, 9.8, 7.1]
    assert [round(v, 1) for v in r.rights.values()] == [82.9, 44.2, 28.9]
    assert [round(v, 1) for v in r.transfers.values()] == [2.9, 4.2, -7.1]
    assert sum(r.transfers.values()) == pytest.approx(0.0)
    milder = rights({"a": 100, "b": 60, "c": 40}, {"a": 80, "b": 40, "c": 36}, {"a": 40, "b": 55, "c": 40}, 0.07)
    assert [round(v, 1) for v in milder.rights.values()] == [84.1, 43.6, 28.3]


def test_no_effects_is_the_base_year():
    network = ore_to_magnet()
    horizon = horizon_for(network, 12)
    limits = limits_of(network, no_effects(), horizon)
    unaided = simulate_unaided(network, limits, horizon)
    model = Model(network, limits, horizon, unaided, frozenset(network.members), "joint")
    for flows in (unaided, model.flows(solve_staged(model).solution)):
        assert np.allclose(flows.activity, network.activities["x0"].to_numpy()[:, None], atol=1e-6)
        assert np.allclose(flows.shipment, network.routes["y0"].to_numpy()[:, None], atol=1e-6)
        assert np.allclose(flows.stock, network.stockpiles["s0"].to_numpy()[:, None], atol=1e-6)
        assert flows.unmet.max() < 1e-6


def test_pitfall_05_the_pipeline_is_full():
    """Goods shipped before the first month arrive: nothing is short in the month a ban begins."""
    unmet = four_ways(ore_to_magnet(stock=0.0), ban(6), 12, ()).plans["unaided"].unmet
    by_month = unmet[unmet["member"] == "JPN"].groupby("month")["tonnes"].sum()
    # shipped in month 0, arrives in 1, magnet in 2; the ban is felt in month 3
    assert by_month.loc[[1, 2, 3]].tolist() == pytest.approx([0.0, 0.0, 20.0])


def test_pitfall_10_the_end_is_not_plundered():
    """A short ban early on leaves the stocks of the end where they were, if they can be refilled."""
    ways = four_ways(ore_to_magnet(spare=5.0), ban(1), 12, ("alone", "joint"))
    stock = ways.plans["joint"].loss
    assert stock[stock["item"] == "stock"]["usd"].sum() < 0.5 * ways.plans["alone"].loss["usd"].sum() + 1.0


def test_unknown_component_is_refused():
    effects = ban(3)
    effects.frame.loc[0, "component"] = "metal:CHN>FRA"
    network = ore_to_magnet()
    with pytest.raises(ShockError, match="FRA"):
        limits_of(network, effects, horizon_for(network, 12))


def test_a_network_out_of_balance_is_refused():
    network = ore_to_magnet()
    routes = network.routes.copy()
    routes.loc[0, "y0"] += 1.0
    with pytest.raises(NetworkError, match="does not balance"):
        replace(network, routes=routes)


shocks = st.builds(ban, st.integers(1, 8), st.floats(0.0, 0.9), st.integers(1, 4))


@tries(4)
@given(effects=shocks, stock=st.floats(0.0, 80.0), spare=st.floats(0.0, 8.0))
def test_laws_of_every_way(effects: Effects, stock: float, spare: float):
    """Mass balance at every node, unmet within demand, joint never worse than alone for anyone, totals add up."""
    ways = four_ways(ore_to_magnet(stock=stock, spare=spare), effects, 12, WAYS)
    for name, flows in ways.flows.items():
        assert np.abs(imbalance(ways.network, flows, ways.limits.demand)).max() < 1e-4, name
        assert flows.unmet.min() > -1e-7
        assert (flows.unmet <= ways.limits.demand + 1e-6).all()
    alone, joint = ways.plans["alone"], ways.plans["joint"]
    tolerance = 1e-5 * max(alone.loss_usd(), 1.0) + 2.0
    for member in ("USA", "JPN"):
        assert joint.loss_usd(member) <= alone.loss_usd(member) + tolerance
    for plan in ways.plans.values():
        tonnes = plan.loss[plan.loss["item"] != "stock"]["tonnes"].sum()
        assert tonnes == pytest.approx(plan.unmet["tonnes"].sum(), abs=1e-6)


@tries(4)
@given(effects=shocks, stock=st.floats(0.0, 60.0), more=st.floats(0.0, 30.0))
def test_more_capacity_never_hurts_stage_a(effects: Effects, stock: float, more: float):
    small, large = ore_to_magnet(stock=stock, spare=1.0), ore_to_magnet(stock=stock, spare=1.0 + more)
    for way in ("alone", "joint"):
        objective = []
        for network in (small, large):
            horizon = horizon_for(network, 12)
            limits = limits_of(network, effects, horizon)
            unaided = simulate_unaided(network, limits, horizon)
            coalition = frozenset(network.members) if way == "joint" else frozenset()
            objective.append(solve_single(Model(network, limits, horizon, unaided, coalition, way)).objective)
        assert objective[1] <= objective[0] + 1e-6 * max(abs(objective[0]), 1.0)


@tries(3)
@given(effects=shocks, stock=st.floats(1.0, 60.0))
def test_order_of_rows_and_scale_do_not_matter(effects: Effects, stock: float):
    base = weighted_loss(ore_to_magnet(stock=stock), effects, 12, "joint")
    turned = weighted_loss(ore_to_magnet(stock=stock, order=-1), effects, 12, "joint")
    assert turned == pytest.approx(base, rel=1e-6, abs=1.0)
    doubled = weighted_loss(ore_to_magnet(scale=2.0, stock=stock), effects, 12, "unaided")
    assert doubled == pytest.approx(2.0 * weighted_loss(ore_to_magnet(stock=stock), effects, 12, "unaided"), rel=1e-6)


def test_rows_left_out_are_missed_when_a_solution_breaks_them() -> None:
    """Nothing lost alone: a plan that loses nothing keeps the rows, one that leaves a use without does not, once only."""
    net = ore_to_magnet()
    horizon = horizon_for(net, 6)
    limits = limits_of(net, no_effects(), horizon)
    course = simulate_unaided(net, limits, horizon)
    model = Model(net, limits, horizon, course, frozenset(net.members), "joint")
    late = modes._NotWorse(model, course)
    solution = solve_single(model, late)
    assert not late.broken(solution) and not late.added
    ours = model.unmet.ids[model.ours[0], 0]
    with model.program.changed():
        model.program.set_bounds(np.array([ours]), lower=0.5 * limits.demand[model.ours[0], 0])
        broken = model.program.solve()
        assert late.broken(broken)
    late.add()
    late.add()
    assert not late.broken(broken)
    assert len([name for name in model.program.row_families if name.startswith("no_member_worse")]) == len(net.members)
