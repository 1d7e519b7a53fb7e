"""What binds and what would help: each figure is a re-solve, each name comes from the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orebridge.build import build_network
from orebridge.delivery.levers import Bench, Lever
from orebridge.delivery.limits import restrict_to
from orebridge.delivery.modes import weighted_loss
from orebridge.delivery.remedies import LIMITS, REMEDIES, binding_limits, remedies, what_helps
from orebridge.delivery.warm import Warm, total
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects, effects_of, load_shock
from orebridge.world import load_world

from .hand_worlds import effects, magnets, world

BAN = effects(
    ("shipment_share", "metal:CHN>BBB", 1, 6, 0.1),
    ("shipment_share", "metal:CHN>AAA", 1, 6, 1.05),
)


def crisis(price: float = 1e4, opens: float = 3.0) -> SupplyNetwork:
    """`magnets` with a thrifty recipe at BBB (half the metal, from month 4, 40 % of capacity) and an idle mine at AAA."""
    net = magnets(3.0, spare=1.0, price=price)
    acts, terms, sites = net.activities, net.terms, net.sites
    thrifty = acts.iloc[[2]].assign(activity="works@BBB/thrifty", recipe="thrifty", x0=0.0, opens=opens, accepted=0.4)
    mine = acts.iloc[[0]].assign(activity="mine@AAA/standard", site=len(sites), x0=0.0, opens=5.0)
    own = terms[terms["activity"] == 2].assign(activity=len(acts))
    own["coefficient"] = np.where(own["coefficient"] < 0, -0.5, 1.0)
    dug = pd.DataFrame({"activity": [len(acts) + 1], "node": [0], "coefficient": [1.0]})
    idle = sites.iloc[[0]].assign(
        site="mine@AAA", name="Old Hill", country="AAA", capacity=1.0, base=0.0, status="idle"
    )
    return replace(
        net,
        activities=pd.concat([acts, thrifty, mine], ignore_index=True),
        terms=pd.concat([terms, own, dug], ignore_index=True),
        sites=pd.concat([sites, idle], ignore_index=True),
    )


@pytest.fixture(scope="module")
def gallium() -> tuple[SupplyNetwork, Effects]:
    """The bundled gallium chain under the ban."""
    net = build_network(load_world(), ("USA", "JPN"), ["gallium"])
    shock = load_shock("china-gallium-germanium-ban")
    event = replace(shock.events[0], keys={**shock.events[0].keys, "commodities": ["gallium/*"]})
    own = effects_of([replace(shock, events=(event,))], net, 18, "2026-12")
    return net, restrict_to(own, net)


def every_lever(bench: Bench) -> list[Lever]:
    return [
        *bench.capacity(0.25), *bench.outages(0.1), *bench.idle(np.inf), *bench.earlier(2.0), *bench.accepted(0.2),
        *bench.licences(0.1), *bench.openings(), *bench.purchases(0.1), *bench.stocks(30.0), *bench.releases(0.1),
        *bench.savings(0.05),
    ]  # fmt: skip


def pulled(net: SupplyNetwork, effects: Effects, bench: Bench, lever: Lever) -> tuple[SupplyNetwork, Effects] | None:
    """The same change made by hand in the tables' own terms; None for what is no figure of a table."""
    at, acts, piles = list(lever.at), net.activities, net.stockpiles
    if lever.form == "capacity":
        grown = net.sites["capacity"] * np.where(np.arange(len(net.sites)) == at[0], 1.25, 1.0)
        part = (acts["site"] == at[0]) & (acts["accepted"] < 1)
        return replace(net, sites=net.sites.assign(capacity=grown),
                       activities=acts.assign(accepted=acts["accepted"] / np.where(part, 1.25, 1.0))), effects  # fmt: skip
    if lever.form in ("idle", "earlier"):
        rows = acts.index[acts["site"].isin(at)] if lever.form == "idle" else at
        opens = acts["opens"].to_numpy(dtype=float).copy()
        opens[rows] = np.maximum(opens[rows] - lever.amount, 0.0)
        return replace(net, activities=acts.assign(opens=opens)), effects
    if lever.form == "accepted":
        share = acts["accepted"].to_numpy(dtype=float).copy()
        share[at] = np.minimum(share[at] + 0.2, 1.0)
        return replace(net, activities=acts.assign(accepted=share)), effects
    if lever.form == "licence":
        frame = effects.frame
        hit = frame["component"] == net.routes["route"].iloc[at[0]]
        return net, replace(
            effects, frame=frame.assign(value=np.where(hit, (frame["value"] + 0.1).clip(upper=1.0), frame["value"]))
        )
    if lever.form == "opening":
        return replace(
            net, routes=net.routes.assign(opens=np.where(net.routes.index == at[0], 0, net.routes["opens"]))
        ), effects
    if lever.form == "days":
        more = np.where((piles["node"] == at[0]) & (piles["holder"] == "industry"), lever.tonnes, 0.0)
        return replace(net, stockpiles=piles.assign(s0=piles["s0"] + more, release=piles["release"] + more)), effects
    return None


@pytest.mark.parametrize("way", ["alone", "joint"])
def test_law_a_lever_is_a_rebuilt_world(way: str) -> None:
    bench, forms = Bench(crisis(), BAN, 8, way), set()
    levers = every_lever(bench)
    for lever, loss in zip(levers, bench.pull(levers), strict=True):
        other = pulled(crisis(), BAN, bench, lever)
        if other is not None:
            forms.add(lever.form)
            assert total(loss) == pytest.approx(weighted_loss(*other, 8, way), rel=1e-9, abs=1e-3), lever
    # Alone, what AAA's idle mine would dig stays in AAA, which lacks nothing.
    assert forms >= {"earlier", "accepted", "licence", "days"} | ({"idle"} if way == "joint" else set())


def test_law_a_lever_is_a_rebuilt_world_on_the_gallium_chain(gallium: tuple[SupplyNetwork, Effects]) -> None:
    net, shock = gallium
    bench, checked = Bench(net, shock, 18, "joint"), 0
    levers = every_lever(bench)
    for lever, loss in zip(levers, bench.pull(levers), strict=True):
        other = pulled(net, shock, bench, lever)
        if other is not None:
            checked += 1
            assert total(loss) == pytest.approx(weighted_loss(*other, 18, "joint"), rel=1e-9, abs=1e-3), lever
    assert checked >= 5


@pytest.mark.parametrize("way", ["alone", "joint"])
def test_law_no_lever_saves_more_than_its_promise(way: str) -> None:
    """Weak duality: only general use is short here, so the objective counts it in million USD as it is."""
    bench = Bench(crisis(), BAN, 8, way)
    levers = every_lever(bench)
    assert any(lever.promise > 0 for lever in levers)
    for lever, loss in zip(levers, bench.pull(levers), strict=True):
        if lever.form != "days":  # more stock to begin with is more to end with, too
            assert bench.usd - total(loss) <= lever.promise * 1e6 + 10.0, lever


def test_what_binds_is_named_with_its_worth_and_when() -> None:
    limits = binding_limits(crisis(), BAN, 8, "alone", start="2026-12", most=20)
    assert list(limits.columns) == LIMITS
    assert limits["worth_usd"].is_monotonic_decreasing and (limits["worth_usd"] > 1.0).all()
    assert set(limits["member"]) == {"BBB"}  # only BBB is short, and what binds lies with it or goes to it
    ban = limits[limits["what"] == "metal from China to BBB"].iloc[0]
    more = BAN.frame.assign(value=np.where(BAN.frame["component"] == "metal:CHN>BBB", 0.2, BAN.frame["value"]))
    gain = weighted_loss(crisis(), BAN, 8, "alone") - weighted_loss(crisis(), replace(BAN, frame=more), 8, "alone")
    assert ban["kind"] == "route" and ban["worth_usd"] == pytest.approx(gain, rel=1e-9)
    assert "a further 10% of base-year shipments let through (0.4 t a month) would save" in ban["words"]
    assert ban["months"].startswith("20")
    recipe = limits[limits["kind"] == "recipe"]
    assert recipe["words"].str.startswith("The recipe 'thrifty' at works@BBB").all()
    assert recipe["words"].str.contains("is not qualified yet").any()


def test_remedies_come_best_first_and_each_job_once() -> None:
    cures = remedies(crisis(), BAN, 8, "joint", start="2026-12")
    assert list(cures.columns) == REMEDIES and len(cures) <= 8
    assert cures["saves_usd"].is_monotonic_decreasing
    loss = weighted_loss(crisis(), BAN, 8, "joint")
    assert np.allclose(cures["saves_share"], cures["saves_usd"] / loss, rtol=1e-9)
    assert (cures["saves_share"] > 0.001).all() and (cures["saves_share"] <= 1.0 + 1e-9).all()
    assert not cures["what"].str.contains("from China").any()  # a licence is not the members' to give
    stocks = cures[cures["kind"] == "stock"]
    assert not stocks["what"].duplicated().any() and len(stocks)
    assert {"recipe", "stock", "demand"} <= set(cures["kind"])
    early = cures[cures["change"].str.startswith("qualified")].iloc[0]
    assert early["change"] == "qualified 3 months earlier (from 2026-12 instead of 2027-03)"


def test_an_idle_plant_is_named_and_opened_at_once() -> None:
    """AAA mines 1 t of metal a month at Old Hill from month 6 on; in a joint plan BBB may have it."""
    cures = remedies(crisis(), BAN, 8, "joint", start="2026-12", most=20)
    row = cures[cures["what"] == "Old Hill"].iloc[0]
    assert row["kind"] == "facility" and row["change"] == "opening at once instead of in 2027-05"
    now = crisis()
    now = replace(
        now,
        activities=now.activities.assign(
            opens=np.where(now.activities["activity"] == "mine@AAA/standard", 0.0, now.activities["opens"])
        ),
    )
    assert row["saves_usd"] == pytest.approx(
        weighted_loss(crisis(), BAN, 8, "joint") - weighted_loss(now, BAN, 8, "joint"), rel=1e-9
    )
    assert "Old Hill" not in set(remedies(crisis(), BAN, 8, "alone", most=20)["what"])  # alone it stays in AAA


def test_the_smaller_of_two_changes_is_shown_if_it_does_as_well() -> None:
    """Two months of ban, bridged by 30 days of metal or magnets: 60 days would do no more."""
    short = effects(("shipment_share", "metal:CHN>BBB", 1, 1, 0.1))
    net = replace(magnets(1.0, price=1.0))
    cures = remedies(net, short, 8, "alone")
    stock = cures[cures["kind"] == "stock"]
    assert len(stock) and (stock["saves_share"] > 0.99).any()
    assert stock.iloc[0]["change"].startswith("30 more days of use")


def test_an_outage_is_a_limit_but_no_remedy() -> None:
    shock = effects(("capacity_share", "works@BBB", 1, 6, 0.2))
    limits = binding_limits(magnets(3.0, price=1e4), shock, 8, "alone")
    row = limits[limits["what"] == "works@BBB"].sort_values("worth_usd").iloc[-1]
    assert "is out" in row["words"] and "10% of capacity back during the outage" in row["words"]
    eased = replace(shock, frame=shock.frame.assign(value=0.3))
    net = magnets(3.0, price=1e4)
    assert row["worth_usd"] == pytest.approx(
        weighted_loss(net, shock, 8, "alone") - weighted_loss(net, eased, 8, "alone"), rel=1e-9
    )
    cures = remedies(magnets(3.0, price=1e4), shock, 8, "alone")
    assert not cures["change"].str.contains("during the outage").any()


def test_a_stock_that_may_release_little_binds() -> None:
    """BBB holds 9 t of metal but may give 0.5 t a month."""
    net = magnets(18.0, price=1e4)
    own = net.stockpiles["stockpile"] == "industry:metal@BBB"
    net = replace(net, stockpiles=net.stockpiles.assign(release=np.where(own, 0.5, net.stockpiles["release"])))
    limits = binding_limits(net, BAN, 8, "alone", most=20)
    row = limits[limits["what"] == "industry stock of metal in BBB"].iloc[0]
    freed = replace(net, stockpiles=net.stockpiles.assign(release=np.where(own, 0.5 + 0.9, net.stockpiles["release"])))
    gain = weighted_loss(net, BAN, 8, "alone") - weighted_loss(freed, BAN, 8, "alone")
    assert row["kind"] == "stock" and row["worth_usd"] == pytest.approx(gain, rel=1e-9) and gain > 1e5


def two(theta: float) -> tuple[SupplyNetwork, Effects]:
    """CHN cuts BBB off; OUT sells 10 t a month to CHN, of which BBB may win over theta."""
    net = world(
        ["metal@BBB", "metal@CHN", "metal@OUT"],
        [("mine@CHN", {"metal@CHN": 1.0}, 10.0, 0), ("mine@OUT", {"metal@OUT": 1.0}, 10.0, 0)],
        [("metal", "CHN", "BBB", 5.0), ("metal", "OUT", "CHN", 10.0), ("metal", "OUT", "BBB", 0.0)],
        None,
        [("metal@BBB", "general", 5.0), ("metal@CHN", "general", 15.0)],
        members=("BBB",),
        price=1.0,
        spare=2.0,
        theta=theta,
    )
    return net, effects(("shipment_share", "metal:CHN>BBB", 1, 6, 0.0))


def test_what_may_be_won_over_is_a_limit_and_outbidding_is_no_remedy() -> None:
    """BBB wins 1 t of the 10 (theta 0.1) and 0.5 t more where 10 % of its use is freed: 0.5 million USD for 5 months."""
    net, shock = two(0.1)
    limits = binding_limits(net, shock, 6, "alone")
    row = limits[limits["what"] == "metal from OUT to BBB"].iloc[0]
    # Months 2 to 6: what leaves in month 1 arrives in month 2, and month 1 is served by what was at sea.
    assert row["worth_usd"] == pytest.approx(5 * 0.5e6, rel=1e-6)
    assert "contracts for up to 0.5 t a month more" in row["words"]
    assert not remedies(net, shock, 6, "alone")["what"].str.contains("from OUT").any()


def test_a_route_that_waits_for_approval_is_a_limit_and_a_remedy() -> None:
    net, shock = two(0.5)
    net = replace(net, routes=net.routes.assign(opens=[0, 0, 4]))
    for frame, column in ((binding_limits(net, shock, 6, "alone", "2026-12"), "worth_usd"),
                          (remedies(net, shock, 6, "alone", "2026-12"), "saves_usd")):  # fmt: skip
        row = frame[frame["what"] == "metal from OUT to BBB"]
        row = row[row["words"].str.contains("qualified at once instead of in 2027-04")].iloc[0]
        # All 5 t could be won over (theta 0.5); shipped in months 1-4 they arrive in months 2-5.
        assert row[column] == pytest.approx(4 * 5e6, rel=1e-6)


def test_sparing_use_saves_what_is_short_and_no_more() -> None:
    """5 % of 5 t is 0.25 t a month; all 4 t that cannot be won over are short in months 2-6."""
    cures = remedies(*two(0.1), 6, "alone")
    row = cures[cures["kind"] == "demand"].iloc[0]
    # Month 1 is served in full: what is spared then is kept and used in month 2.
    assert row["saves_usd"] == pytest.approx(6 * 0.25e6, rel=1e-5)
    assert "what that costs users is not counted" in row["words"]


def test_pitfall_02_the_words_say_that_coordination_cannot_help() -> None:
    helped = what_helps(crisis(), BAN, 8, "joint", coordination_helps=False, start="2026-12")
    assert helped.words.startswith("Coordination cannot help here. What binds: ")
    assert "each alone and not to be added up" in helped.words
    assert helped.limits["what"].iloc[0] in helped.words and helped.remedies["what"].iloc[0] in helped.words
    other = what_helps(crisis(), BAN, 8, "joint", coordination_helps=True)
    assert other.words.startswith("What binds: ") and "What would also help" in other.words
    pd.testing.assert_frame_equal(helped.limits, binding_limits(crisis(), BAN, 8, "joint", "2026-12"))
    pd.testing.assert_frame_equal(helped.remedies, remedies(crisis(), BAN, 8, "joint", "2026-12"))


def test_nothing_lost_and_nothing_known_are_said() -> None:
    calm = what_helps(crisis(), effects(("shipment_share", "metal:CHN>BBB", 1, 6, 1.0)), 8, "alone")
    assert calm.words == "Nothing is lost, so nothing binds." and calm.limits.empty and calm.remedies.empty
    net = crisis()
    blind = what_helps(replace(net, demands=net.demands.assign(value_usd=np.nan)), BAN, 8, "alone")
    assert "unknown" in blind.words and blind.limits.empty and blind.remedies.empty
    assert list(blind.remedies.columns) == REMEDIES


def test_one_program_serves_all_levers() -> None:
    """The bench is as it was after every lever: the loss as planned comes out again."""
    bench = Bench(crisis(), BAN, 8, "joint")
    bench.pull(every_lever(bench), workers=1)
    assert total(bench._warm.loss(bench.case)) == pytest.approx(bench.usd, rel=1e-12)
    assert total(Warm("joint").loss(bench.case)) == pytest.approx(bench.usd, rel=1e-9)
