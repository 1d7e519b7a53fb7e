"""Known traps of delivery plans, each on a world small enough to be solved on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orebridge.delivery.limits import horizon_for, limits_of
from orebridge.delivery.model import Model
from orebridge.delivery.modes import four_ways, prepare, weighted_loss
from orebridge.delivery.past import Flows
from orebridge.delivery.treaty import net_imports, rights, transfers
from orebridge.delivery.unaided import simulate_unaided
from orebridge.network import SupplyNetwork
from orebridge.program import Family
from orebridge.shocks import Effects, no_effects

from .hand_worlds import effects, magnets, world

WAYS = ("alone", "treaty", "joint")
BAN = effects(
    ("shipment_share", "metal:CHN>BBB", 1, 6, 0.0),
    ("shipment_share", "metal:CHN>AAA", 1, 6, 1.05),
)


def violation(model: Model, flows: Flows) -> float:
    """Largest violation of any bound or row of the program at the given course of events."""
    p, net = model.program, model.network
    x = np.zeros(p.shape[1])

    def halves(base: Family, extra: Family, values: np.ndarray) -> None:
        x[base.ids] = np.minimum(values, np.broadcast_to(p.columns_upper(base), values.shape))
        x[extra.ids] = values - x[base.ids]

    halves(model.activity, model.activity_extra, flows.activity)
    halves(model.shipment, model.shipment_extra, flows.shipment)
    halves(model.stock, model.stock_extra, flows.stock)
    x[model.unmet.ids], x[model.waste.ids], x[model.peak.ids] = flows.unmet, flows.waste, 1.0
    x[model.shortfall.ids] = np.maximum(net.stockpiles["s0"].to_numpy() - flows.stock[:, -1], 0)
    worst = 0.0
    for family in p.column_families.values():
        worst = max(worst, float((p.columns_lower(family) - x[family.ids]).max(initial=0.0)))
        worst = max(worst, float((x[family.ids] - p.columns_upper(family)).max(initial=0.0)))
    row = p.matrix @ x
    low, high = p._data.array("row_lower"), p._data.array("row_upper")
    return max(worst, float((low - row).max()), float((row - high).max()))


def test_pitfall_04_no_effects_is_the_base_year_in_every_way() -> None:
    net = magnets(spare=1.3)
    ways = four_ways(net, no_effects(6), 6, WAYS)
    for way, flows in ways.flows.items():
        assert np.abs(flows.activity - net.activities["x0"].to_numpy()[:, None]).max() < 1e-6, way
        assert np.abs(flows.shipment - net.routes["y0"].to_numpy()[:, None]).max() < 1e-6, way
        assert np.abs(flows.stock - net.stockpiles["s0"].to_numpy()[:, None]).max() < 1e-6, way
        assert flows.unmet.max() < 1e-6, way
        assert ways.plans[way].loss_usd() == 0.0


def test_pitfall_05_the_pipeline_is_full_at_the_start() -> None:
    """Metal banned from month 1: the 4 t at sea arrive, 3 t of stock follow, and magnets take a month to make."""
    flows = four_ways(magnets(stock=6.0), BAN, 6, ()).flows["unaided"]
    assert flows.activity[2, :4] == pytest.approx([4, 3, 0, 0])
    # BBB needs 5 magnets a month. Months 1-2: 4 made + 1 from AAA. Month 3: 3 made + 1 from AAA + 1 of stock. Month 4:
    # the 1 t from AAA only.
    assert flows.unmet[2:5].sum(0)[:4] == pytest.approx([0, 0, 0, 4])
    # One fifth of each tier is served: what is missing is shared pro rata.
    assert flows.unmet[2:5, 3] == pytest.approx([0.8, 0.8, 2.4])


@pytest.mark.parametrize("way", ["alone", "joint"])
@pytest.mark.parametrize(
    "shock",
    [
        BAN,
        effects(("capacity_share", "mine@CHN", 1, 4, 0.3)),
        effects(("demand_factor", "magnet@AAA/all/defence", 1, 6, 2.0)),
        effects(("shipment_share", "magnet:AAA>BBB", 2, 5, 0.5)),
        effects(
            ("stock_release_share", "industry:metal@BBB", 1, 6, 0.0), ("shipment_share", "metal:CHN>BBB", 1, 6, 0.2)
        ),
    ],
    ids=["ban", "outage", "surge", "member quota", "locked stock"],
)
def test_pitfall_01_the_course_without_a_plan_lies_inside_every_way(shock: Effects, way: str) -> None:
    net, limits, horizon, unaided = prepare(magnets(spare=1.2), shock, 6)
    model = Model(net, limits, horizon, unaided, frozenset(net.members) if way == "joint" else frozenset(), way)
    assert violation(model, unaided) < 1e-6


def pool(price: float) -> SupplyNetwork:
    """Two members, each needs 8 t a month, all from CHN; AAA holds 4 t in stock."""
    return world(
        ["metal@AAA", "metal@BBB", "metal@CHN"],
        [("mine@CHN", {"metal@CHN": 1.0}, 16.0, 1)],
        [("metal", "CHN", "AAA", 8.0), ("metal", "CHN", "BBB", 8.0), ("metal", "AAA", "BBB", 0.0)],
        {"metal@AAA": 4.0},
        [("metal@AAA", "general", 8.0), ("metal@BBB", "general", 8.0)],
        price=price,
        theta=0.0,
    )


# 5 t instead of 8 leave China in month 2 for each, so in month 3 the outside pool is 10 t, split 5 and 5.
SHORT = effects(("shipment_share", "metal:CHN>AAA", 2, 2, 5 / 8), ("shipment_share", "metal:CHN>BBB", 2, 2, 5 / 8))


def test_worked_check_of_nesting_with_stock_worth_nothing() -> None:
    """W = 0: alone 0 and 3 t unmet (AAA releases 3 of its 4). Joint: 16 - 10 - 4 = 2 t unmet, so the value is 1 t."""
    ways = four_ways(pool(0.0), SHORT, 4, WAYS)
    assert ways.flows["alone"].unmet.sum(1) == pytest.approx([0.0, 3.0], abs=1e-4)
    assert ways.flows["joint"].unmet.sum() == pytest.approx(2.0, abs=1e-4)
    assert ways.plans["alone"].loss_usd() - ways.plans["joint"].loss_usd() == pytest.approx(1e6, rel=1e-3)


def test_alone_an_outsiders_shortage_is_divided_between_members() -> None:
    """CHN makes 10 t instead of 16 in month 1, so 5 t each leave in month 2 (no plan: pro rata) and arrive in month 3.

    Alone BBB cannot have what AAA could spare of that pool (AAA has 4 t in stock): 3 t unmet. Joint: 2 t.
    """
    outage = effects(("capacity_share", "mine@CHN", 1, 1, 10 / 16))
    ways = four_ways(pool(0.0), outage, 4, WAYS)
    assert ways.flows["unaided"].unmet.sum(1) == pytest.approx([0.0, 3.0], abs=1e-6)
    assert ways.flows["alone"].unmet.sum(1) == pytest.approx([0.0, 3.0], abs=1e-4)
    assert ways.flows["joint"].unmet.sum() == pytest.approx(2.0, abs=1e-4)


def test_alone_separates_by_member() -> None:
    """The loss of a member alone is the same whether or not its ally can plan at all (its ally's plants closed to change)."""
    network = magnets(spare=1.3)
    alone = four_ways(network, BAN, 8, ("alone",)).plans["alone"]
    for member, other in (("AAA", "BBB"), ("BBB", "AAA")):
        sites = network.sites
        fixed = sites.assign(capacity=np.where(sites["country"] == other, sites["base"], sites["capacity"]))
        by_itself = four_ways(replace(network, sites=fixed), BAN, 8, ("alone",)).plans["alone"]
        assert by_itself.loss_usd(member) == pytest.approx(alone.loss_usd(member), rel=1e-4, abs=10)


def test_an_outsiders_essential_use_does_not_come_before_a_members_general_use() -> None:
    """CHN makes half. AAA (general) may win over what OUT (essential) would get: 5 t of its own pool and 5 t more.

    Ranked by tier alone, AAA would give up its 5 t for OUT's essential use, though outsiders weigh 1 %.
    """
    network = world(
        ["metal@AAA", "metal@CHN", "metal@OUT"],
        [("mine@CHN", {"metal@CHN": 1.0}, 20.0, 1)],
        [("metal", "CHN", "AAA", 10.0), ("metal", "CHN", "OUT", 10.0)],
        demands=[("metal@AAA", "general", 10.0), ("metal@OUT", "essential", 10.0)],
        members=("AAA",),
        theta=1.0,
    )
    outage = effects(("capacity_share", "mine@CHN", 1, 4, 0.5))
    ways = four_ways(network, outage, 6, ("alone",))
    assert ways.flows["unaided"].unmet[0].sum() == pytest.approx(4 * 5.0)
    assert ways.flows["alone"].unmet[0].sum() == pytest.approx(0.0, abs=1e-4)


def test_worked_check_of_nesting_with_stock_at_full_price() -> None:
    """W = v: alone 3 (stock) + 3 (unmet) = 6. Lending at full price creates nothing: joint loses 6 too."""
    ways = four_ways(pool(1e6), SHORT, 4, WAYS)
    alone = ways.plans["alone"].loss.groupby("item")["usd"].sum()
    assert alone["stock"] == pytest.approx(3e6, rel=1e-4)
    assert alone["general"] == pytest.approx(3e6, rel=1e-4)
    assert ways.plans["joint"].loss_usd() == pytest.approx(6e6, rel=1e-4)


@pytest.mark.parametrize("spare", [1.0, 1.3])
def test_pitfall_21_joint_is_worse_for_nobody(spare: float) -> None:
    ways = four_ways(magnets(spare=spare), BAN, 8, WAYS)
    for member in ("AAA", "BBB"):
        assert ways.plans["joint"].loss_usd(member) <= ways.plans["alone"].loss_usd(member) * (1 + 1e-6) + 10
    assert ways.plans["alone"].loss_usd() <= ways.plans["unaided"].loss_usd() * (1 + 1e-6)


def test_pitfall_21_what_has_no_stated_value_is_held_in_tonnes() -> None:
    """CHN sends AAA half. AAA uses 4 t of metal as stated and 4 t for lamps of unknown value; BBB lacks 4 t as well.

    The row in dollars cannot see the lamps. Left out, a joint plan would give all of them up for BBB (1 million USD a
    tonne); read as nothing lost, AAA could not even lose what it loses alone. Held in tonnes: nothing to give.
    """
    network = world(
        ["metal@AAA", "metal@BBB", "metal@CHN"],
        [("mine@CHN", {"metal@CHN": 1.0}, 16.0, 1)],
        [("metal", "CHN", "AAA", 8.0), ("metal", "CHN", "BBB", 8.0), ("metal", "AAA", "BBB", 0.0)],
        demands=[("metal@AAA", "essential", 4.0), ("metal@AAA", "general", 4.0), ("metal@BBB", "general", 8.0)],
        theta=0.0,
        price=0.0,
    )
    value = network.demands["value_usd"].where(network.demands["tier"] != "general", [0, np.nan, 1e6])
    network = replace(network, demands=network.demands.assign(value_usd=value))
    half = effects(("capacity_share", "mine@CHN", 1, 4, 0.5))
    ways = four_ways(network, half, 6, WAYS)
    assert np.isnan(ways.plans["alone"].loss_usd("AAA"))
    alone, joint = ways.flows["alone"].unmet.sum(1), ways.flows["joint"].unmet.sum(1)
    assert alone == pytest.approx([0.0, 16.0, 16.0], abs=1e-4)
    assert joint == pytest.approx([0.0, 16.0, 16.0], abs=1e-4)


@pytest.mark.parametrize("way", ["unaided", *WAYS])
def test_mass_is_conserved_at_every_node(way: str) -> None:
    ways = four_ways(magnets(spare=1.3), BAN, 8, WAYS)
    net, flows, months = ways.network, ways.flows[way], ways.horizon.months
    gap = np.zeros((len(net.nodes), months))
    x0 = net.activities["x0"].to_numpy()
    for t in range(months):
        for term in net.terms.itertuples():
            lag = int(net.activities["lag"].iloc[term.activity]) if term.coefficient > 0 else 0
            gap[term.node, t] += term.coefficient * (
                flows.activity[term.activity, t - lag] if t >= lag else x0[term.activity]
            )
        for r in net.routes.itertuples():
            gap[r.from_node, t] -= flows.shipment[r.Index, t]
            gap[r.to_node, t] += flows.shipment[r.Index, t - r.lag] if t >= r.lag else r.y0
        for k in net.stockpiles.itertuples():
            gap[k.node, t] += (flows.stock[k.Index, t - 1] if t else k.s0) - flows.stock[k.Index, t]
        for d in net.demands.itertuples():
            gap[d.node, t] -= ways.limits.demand[d.Index, t] - flows.unmet[d.Index, t]
    assert np.abs(gap - flows.waste).max() < 1e-6
    assert (flows.unmet <= ways.limits.demand + 1e-7).all()
    assert min(a.min() for a in (flows.activity, flows.shipment, flows.stock, flows.unmet, flows.waste)) > -1e-7


def test_pitfall_15_draws_and_rights_of_the_treaty_rule() -> None:
    """G = 180 - 156 = 24; draws 24 x 40/135, 55/135, 40/135; rights 90 - 7.1, 54 - 9.8, 36 - 7.1."""
    use, have, imports = {"a": 100, "b": 60, "c": 40}, {"a": 80, "b": 40, "c": 36}, {"a": 40, "b": 55, "c": 40}
    r = rights(use, have, imports, 0.10)
    assert r.shortfall == pytest.approx(24)
    assert list(r.draws.values()) == pytest.approx([7.1, 9.8, 7.1], abs=0.05)
    assert list(r.rights.values()) == pytest.approx([82.9, 44.2, 28.9], abs=0.05)
    assert list(r.transfers.values()) == pytest.approx([2.9, 4.2, -7.1], abs=0.05)
    assert list(rights(use, have, imports, 0.07).rights.values()) == pytest.approx([84.1, 43.6, 28.3], abs=0.05)


def test_pitfall_15_nobody_curtails_for_a_transfer_that_cannot_arrive() -> None:
    """AAA has magnets and BBB lacks them: something moves while the route is open, nothing when it is limited."""
    net, limits, horizon, unaided = prepare(magnets(), BAN, 8)
    assert transfers(net, limits, horizon, unaided).sum() > 0
    limited = effects(("shipment_share", "magnet:AAA>BBB", 1, 8, 1.0)).frame
    net, limits, horizon, unaided = prepare(magnets(), Effects(pd.concat([BAN.frame, limited])), 8)
    assert transfers(net, limits, horizon, unaided).sum() == 0


def test_pitfall_15_a_receiver_gets_no_more_than_its_lack() -> None:
    """CCC has 20 t to spare, AAA and BBB lack; only BBB can be reached and gets its own lack, not AAA's too."""
    names = ("AAA", "BBB", "CCC")
    net = world(
        [f"metal@{m}" for m in (*names, "CHN")],
        [("mine@CHN", {"metal@CHN": 1.0}, 20.0, 1), ("mine@CCC", {"metal@CCC": 1.0}, 10.0, 1)],
        [("metal", "CHN", "AAA", 10.0), ("metal", "CHN", "BBB", 10.0), ("metal", "CCC", "BBB", 0.0)],
        None,
        [(f"metal@{m}", "general", 10.0) for m in names],
        members=names,
    )
    shock = effects(("shipment_share", "metal:CHN>AAA", 1, 4, 0.5), ("shipment_share", "metal:CHN>BBB", 1, 4, 0.5))
    _, limits, horizon, unaided = prepare(net, shock, 4)
    moved = transfers(net, limits, horizon, unaided)[2]
    # Month 2: A = 5, 5, 10 of 30 (one third missing, rho 10 %): G = 27 - 20 = 7; AAA and BBB draw 3.5 each, rights
    # 9 - 3.5 = 5.5, CCC keeps 9; lacks 0.5 and 0.5, surplus 1, of which BBB's half is owed.
    assert moved[1] == pytest.approx(0.5)


def test_pitfall_12_the_order_of_rows_does_not_change_the_answer() -> None:
    net = magnets(spare=1.3)
    turned = replace(
        net,
        routes=net.routes.iloc[::-1].reset_index(drop=True),
        demands=net.demands.iloc[::-1].reset_index(drop=True),
        stockpiles=net.stockpiles.iloc[::-1].reset_index(drop=True),
    )
    one, two = four_ways(net, BAN, 6, WAYS), four_ways(turned, BAN, 6, WAYS)
    for way in WAYS:
        assert one.flows[way].shipment == pytest.approx(two.flows[way].shipment[::-1], abs=1e-3), way
        assert one.flows[way].unmet == pytest.approx(two.flows[way].unmet[::-1], abs=1e-3), way


@pytest.mark.parametrize("way", ["alone", "joint"])
def test_pitfall_22_more_stock_or_capacity_never_hurts_stage_a(way: str) -> None:
    def defence_first(net: SupplyNetwork) -> list[float]:
        plan = four_ways(net, BAN, 8, ("alone", way)).plans[way]
        return [plan.stages.get(f"A {tier}", 0.0) for tier in ("defence", "essential", "general")]

    little, more, wide = (
        defence_first(magnets(3.0)),
        defence_first(magnets(9.0)),
        defence_first(magnets(3.0, spare=1.5)),
    )
    assert sum(more) < sum(little)
    assert sum(wide) <= sum(little) * (1 + 1e-6) + 1e-6


def test_the_single_solve_agrees_with_the_stages_on_what_is_lost() -> None:
    net = magnets(spare=1.3)
    staged = four_ways(net, BAN, 8, ("alone",)).plans["alone"].loss_usd()
    assert weighted_loss(net, BAN, 8, "alone") == pytest.approx(staged, rel=0.02)


def test_a_locked_stock_stays_whole() -> None:
    """A stock that may release nothing stays whole although users go short."""
    shock = effects(
        ("stock_release_share", "industry:metal@BBB", 1, 6, 0.0), ("shipment_share", "metal:CHN>BBB", 1, 6, 0.0)
    )
    net = magnets()
    horizon = horizon_for(net, 6)
    flows = simulate_unaided(net, limits_of(net, shock, horizon), horizon)
    k = list(net.stockpiles["stockpile"]).index("industry:metal@BBB")
    assert flows.stock[k, :6] == pytest.approx(np.full(6, 3.0))
    assert flows.unmet[2:5, 3].sum() > 0


def test_net_imports_count_all_forms_in_tonnes_of_product() -> None:
    """AAA buys 4 t of metal (1 t each for a magnet) and sells 1 t of magnets: 3. BBB buys 4 and 1: 5."""
    assert net_imports(magnets(), "magnet") == pytest.approx({"AAA": 3.0, "BBB": 5.0})


def test_a_public_stock_opens_late_keeps_its_floor_and_gives_so_much_a_month() -> None:
    """AAA uses 10 t a month, all from CHN, which sends nothing in months 1-5, so months 2-6 are short.

    Of 30 t held, 10 t are never released; the stock opens 3 months into the shock and gives 6 t a month: 6 t in months
    4, 5 and 6 would be 18 t, and 20 t are free. Unmet 10 + 10 + 4 + 4 + 4 = 32 t, with a plan or without. Bought back
    at 2 t a month from what CHN sends beyond need: nothing (theta 0), so 12 t are left.
    """
    network = world(
        ["metal@AAA", "metal@CHN"],
        [("mine@CHN", {"metal@CHN": 1.0}, 10.0, 1)],
        [("metal", "CHN", "AAA", 10.0)],
        {"metal@AAA": 30.0},
        [("metal@AAA", "general", 10.0)],
        members=("AAA",),
        theta=0.0,
    )
    own = (network.stockpiles["commodity"] == "metal") & (network.stockpiles["country"] == "AAA")
    piles = network.stockpiles.assign(holder=np.where(own, "government", "industry"))
    for column, value in {"floor": 10.0, "release": 6.0, "opens_after": 3, "refill": 2.0}.items():
        piles.loc[own, column] = value
    network = replace(network, stockpiles=piles)
    ban = effects(("shipment_share", "metal:CHN>AAA", 1, 5, 0.0))
    ways = four_ways(network, ban, 8, ("alone",))
    for way in ("unaided", "alone"):
        short = ways.flows[way].unmet[0, :8]
        assert short == pytest.approx([0, 10, 10, 4, 4, 4, 0, 0], abs=1e-4), way
        assert ways.flows[way].stock[0, -1] == pytest.approx(12.0, abs=1e-4), way


def test_a_public_stock_is_bought_back_no_faster_than_its_rule() -> None:
    """As above with theta 1 and 10 t a month from CHN to OUT: what AAA wins over refills 2 t a month at most."""
    network = world(
        ["metal@AAA", "metal@CHN", "metal@OUT"],
        [("mine@CHN", {"metal@CHN": 1.0}, 20.0, 1)],
        [("metal", "CHN", "AAA", 10.0), ("metal", "CHN", "OUT", 10.0)],
        {"metal@AAA": 30.0},
        [("metal@AAA", "general", 10.0), ("metal@OUT", "general", 10.0)],
        members=("AAA",),
        theta=1.0,
        outsider_weight=0.0,
        price=1e5,
    )
    own = network.stockpiles["country"] == "AAA"
    network = replace(network, stockpiles=network.stockpiles.assign(refill=np.where(own, 2.0, np.inf)))
    ways = four_ways(network, effects(("shipment_share", "metal:CHN>AAA", 1, 2, 0.0)), 8, ("alone",))
    stock = ways.flows["alone"].stock[0]
    assert np.diff(stock).max() == pytest.approx(2.0, abs=1e-4)
    assert ways.flows["alone"].unmet[0].max() < 1e-6
