"""Single and double hits: enumeration in place equals brute force, chains and components add up, and which laws hold."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.delivery.limits import limits_of
from orebridge.delivery.model import Model
from orebridge.delivery.modes import prepare
from orebridge.delivery.stages import solve_single
from orebridge.errors import ShockError
from orebridge.network import SupplyNetwork
from orebridge.results import member_loss
from orebridge.vulnerabilities.bench import Bench
from orebridge.vulnerabilities.contingencies import Ceiling, outcome_rows, singles, worst_across, worst_pairs
from orebridge.vulnerabilities.hits import Hit, course_of, effects_of, hits_of
from orebridge.vulnerabilities.losses import ITEMS, Meter

from ..delivery.hand_worlds import magnets, world
from ..laws.checks import tries
from ..laws.random_worlds import MONTHS, Figures, build, figures

LENGTH = 4


def brute(net: SupplyNetwork, hits: list[Hit], way: str = "alone", length: int = LENGTH) -> tuple[float, float]:
    """Loss in USD without a plan and with one, everything built anew from the effects of the hits."""
    net, limits, horizon, unaided = prepare(net, effects_of(net, hits, length), MONTHS)
    lost = float(member_loss(net, limits, horizon, unaided)["usd"].sum())
    if member_loss(net, limits, horizon, unaided)["tonnes"].sum() == 0.0:
        return 0.0, 0.0
    model = Model(net, limits, horizon, unaided, frozenset(net.members) if way == "joint" else frozenset(), way)
    return lost, float(member_loss(net, limits, horizon, model.flows(solve_single(model)))["usd"].sum())


@pytest.mark.parametrize("way", ["alone", "joint"])
@tries(6)
@given(figures())
def test_single_hits_in_place_equal_brute_force(way: str, f: Figures) -> None:
    net = build(f)
    hits = hits_of(net)
    for outcome in singles(Bench(net, MONTHS, way), hits, LENGTH):
        unaided, planned = brute(net, [outcome.hit], way)
        assert outcome.unaided.total_usd == pytest.approx(unaided, rel=1e-9, abs=1e-3)
        assert outcome.planned.total_usd == pytest.approx(planned, rel=1e-6, abs=100.0)
        assert outcome.solved == (unaided > 0)


@tries(4)
@given(figures())
def test_the_worst_pairs_are_those_of_brute_force(f: Figures) -> None:
    net = build(f)
    bench = Bench(net, MONTHS)
    alone = singles(bench, hits_of(net, ("supplier", "facility")), LENGTH)
    every = [
        brute(net, [a.hit, b.hit])[1]
        for a, b in combinations(alone, 2)
        if not (a.hit.within(b.hit) or b.hit.within(a.hit))
    ]
    found = worst_pairs(bench, alone, LENGTH, 3)
    top = sorted(every, reverse=True)[:3]
    assert [o.planned.total_usd for o in found.worst] == pytest.approx(top, rel=1e-6, abs=100.0)
    counted = found.same + found.harmless + found.additive + found.solved + found.below
    assert counted == found.pairs == len(alone) * (len(alone) - 1) // 2


@tries(10)
@given(figures(), st.integers(0, 30))
def test_a_ceiling_is_never_below_what_the_best_plan_loses(f: Figures, pick: int) -> None:
    net = build(f)
    bench = Bench(net, MONTHS)
    pairs = list(combinations(hits_of(net, ("supplier", "facility")), 2))
    hit = pairs[pick % len(pairs)][0].with_(pairs[pick % len(pairs)][1])
    case = next(bench.cases([bench.limits(sorted(hit.routes), sorted(hit.sites), LENGTH)]))
    answer = bench.plan(case)
    ceiling = Ceiling(bench).usd(case)
    assert answer.objective * 1e6 <= ceiling * (1 + 1e-7) + 10.0
    assert bench.meter.loss(answer.flows).total_usd <= ceiling * (1 + 1e-7) + 10.0


def two_components() -> SupplyNetwork:
    """Two toy supplies in one chain that share nothing: CHN and IDN each ship AAA 4 t of their own ore a month."""
    return world(
        ["tin@CHN", "tin@AAA", "zinc@IDN", "zinc@AAA"],
        [("tinmine@CHN", {"tin@CHN": 1.0}, 4.0, 0), ("zincmine@IDN", {"zinc@IDN": 1.0}, 4.0, 0)],
        [("tin", "CHN", "AAA", 4.0), ("zinc", "IDN", "AAA", 4.0)],
        {"tin@AAA": 3.0, "zinc@AAA": 5.0},
        [("tin@AAA", "general", 4.0), ("zinc@AAA", "essential", 3.0), ("zinc@AAA", "general", 1.0)],
        members=("AAA",),
    )


def test_hits_on_different_components_add_up_exactly() -> None:
    """By hand: what is not shipped in months 1-4 is missing in 2-5. Tin: 16 t less 3 t of stock, and the stock: 13 + 3.

    Zinc: 11 t short; a plan takes 1 t of general use in each of months 1-5 and 6 t of essential: 5 + 60, and 5 of stock.
    """
    net = two_components()
    bench = Bench(net, MONTHS)
    alone = {o.hit.name: o for o in singles(bench, hits_of(net, ("supplier",)), LENGTH)}
    assert alone["tin:CHN"].planned.total_usd == pytest.approx(13e6 + 3e6)
    assert alone["zinc:IDN"].planned.total_usd == pytest.approx(5e6 + 6 * 10e6 + 5e6)
    found = worst_pairs(bench, list(alone.values()), LENGTH, 1)
    assert (found.additive, found.solved) == (1, 0)
    both = found.worst[0]
    assert both.planned.total_usd == pytest.approx(brute(net, [o.hit for o in alone.values()])[1], rel=1e-9)
    assert both.planned.total_usd == alone["tin:CHN"].planned.total_usd + alone["zinc:IDN"].planned.total_usd
    assert both.planned.first_month == min(o.planned.first_month for o in alone.values())


def test_chains_add_up_exactly() -> None:
    """One network of two chains, solved whole, loses under both hits what the chains lose under one each."""
    net = two_components()
    rename = {"tin": "one", "zinc": "two"}
    frames = {
        name: getattr(net, name).assign(chain=getattr(net, name)["commodity"].map(rename))
        for name in ("nodes", "routes", "stockpiles", "demands")
    }
    frames["sites"] = net.sites.assign(chain=["one", "two"])
    whole = replace(net, chains=("one", "two"), **frames)
    parts = [Bench(whole.subset([chain]), MONTHS) for chain in whole.chains]
    outcomes = [o for part in parts for o in singles(part, hits_of(part.network, ("supplier",)), LENGTH)]
    (a, b, usd), *_ = worst_across(outcomes, 1)
    together = brute(whole, hits_of(whole, ("supplier",)))[1]
    assert {a.hit.chain, b.hit.chain} == {"one", "two"}
    assert usd == pytest.approx(together, rel=1e-9)


def test_a_hit_within_another_adds_nothing() -> None:
    net = magnets()
    bench = Bench(net, MONTHS)
    alone = singles(bench, hits_of(net, ("supplier", "route")), LENGTH)
    supplier = next(o for o in alone if o.hit.name == "metal:CHN")
    route = next(o for o in alone if o.hit.name == "metal:CHN>AAA")
    assert route.hit.within(supplier.hit)
    assert supplier.hit.with_(route.hit).touches == supplier.hit.touches
    assert brute(net, [supplier.hit, route.hit]) == pytest.approx(brute(net, [supplier.hit]))


@pytest.mark.parametrize("way", ["alone", "joint"])
@tries(8)
@given(figures(), st.integers(0, 200))
def test_more_hits_never_help_while_commitments_stay(way: str, f: Figures, pick: int) -> None:
    """Law: with the commitments of the harsher case in both, a union of hits is at least as bad as each of them."""
    net = build(f)
    bench = Bench(net, MONTHS, way)
    pairs = list(combinations(hits_of(net), 2))
    a, b = pairs[pick % len(pairs)]
    both = a.with_(b)
    harsh = next(bench.cases([bench.limits(sorted(both.routes), sorted(both.sites), LENGTH)]))
    worst = bench.plan(harsh).objective
    for hit in (a, b):
        limits = bench.limits(sorted(hit.routes), sorted(hit.sites), LENGTH)
        milder = bench.plan(replace(harsh, limits=limits)).objective
        assert milder <= worst * (1 + 1e-7) + 1e-4


def test_more_hits_may_help_where_commitments_go_with_them() -> None:
    """CHN's mine makes half (5 of 10 t) for 4 months; AAA and OUT want 5 t each and get 2.5. AAA is short of 10 t.

    Cut OUT off as well and AAA gets its 5 t: a second hit on somebody else is a relief, with a plan too. So pairs are
    never ruled out by what one of their hits does.
    """
    net = world(
        ["ore@AAA", "ore@CHN", "ore@OUT"],
        [("mine@CHN", {"ore@CHN": 1.0}, 5.0, 0), ("other@CHN", {"ore@CHN": 1.0}, 5.0, 0)],
        [("ore", "CHN", "AAA", 5.0), ("ore", "CHN", "OUT", 5.0)],
        demands=[("ore@AAA", "general", 5.0), ("ore@OUT", "general", 5.0)],
        members=("AAA",), theta=0.0,
    )  # fmt: skip
    hits = {hit.name: hit for hit in hits_of(net)}
    mine, ban = hits["mine@CHN"], hits["ore:CHN>OUT"]
    lost = [brute(net, chosen)[1] for chosen in ([mine], [ban], [mine, ban])]
    assert lost == pytest.approx([10e6, 0.0, 0.0], abs=1.0)


def test_limits_are_those_of_the_effects() -> None:
    net = build(Figures((4.0, 4.0, 4.0, 4.0), 0.2, 0.1, 0.3, 1.0, 0.5, 10.0, 1.2, 0.1))
    bench = Bench(net, MONTHS)
    for hit in hits_of(net):
        quick = bench.limits(sorted(hit.routes), sorted(hit.sites), LENGTH)
        stated = limits_of(net, effects_of(net, [hit], LENGTH), bench.horizon)
        for name, values in vars(stated).items():
            assert np.array_equal(getattr(quick, name), values, equal_nan=True), (hit.name, name)


def test_a_hit_that_lasts_part_of_a_month_leaves_the_rest_of_it() -> None:
    assert course_of(2.25, 4).tolist() == [0.0, 0.0, 0.75, 1.0]
    bench = Bench(magnets(), MONTHS)
    assert bench.limits(sites=[0], length=1.5, share=0.2).site_share[0, :3].tolist() == pytest.approx([0.2, 0.6, 1.0])


@pytest.mark.parametrize("length", [0, MONTHS + 1])
def test_a_length_outside_the_plan_is_refused(length: int) -> None:
    with pytest.raises(ShockError, match="--length must be from 1 to the months of the plan"):
        singles(Bench(magnets(), MONTHS), hits_of(magnets()), length)


def test_unknown_kinds_and_ways_are_refused() -> None:
    with pytest.raises(ShockError, match="no kind of hit 'earthquake'; there are supplier"):
        hits_of(magnets(), ["earthquake"])
    with pytest.raises(ShockError, match="alone or joint, not 'treaty'"):
        Bench(magnets(), MONTHS, "treaty")


@tries(8)
@given(figures(), st.integers(0, 50))
def test_losses_are_read_as_results_reads_them(f: Figures, pick: int) -> None:
    net = build(f)
    bench = Bench(net, MONTHS)
    hits = hits_of(net)
    hit = hits[pick % len(hits)]
    case = next(bench.cases([bench.limits(sorted(hit.routes), sorted(hit.sites), LENGTH)]))
    frame = member_loss(net, case.limits, bench.horizon, case.course)
    for m, member in enumerate(net.members):
        for k, item in enumerate(ITEMS):
            own = frame[(frame["member"] == member) & (frame["item"] == item)]
            assert case.loss.tonnes[m, k] == pytest.approx(own["tonnes"].sum(), abs=1e-12)
            assert case.loss.usd[m, k] == pytest.approx(own["usd"].sum(), abs=1e-6)


def test_rows_name_the_product_hit_hardest_and_the_first_month() -> None:
    """Metal of AAA: 6 t of stock against 4 t a month, works take a month, so magnets are short from month 4 on."""
    net = magnets()
    bench = Bench(net, MONTHS)
    rows = outcome_rows(singles(bench, hits_of(net, ("route",)), LENGTH), bench.meter)
    row = rows[rows["name"] == "metal:CHN>AAA"].iloc[0]
    assert (row["worst_member"], row["worst_product"]) == ("AAA", "magnet")
    assert row["first_month_unaided"] == 4
    unaided = next(bench.cases([bench.limits([0], (), LENGTH)]))
    assert row["unaided_t"] == pytest.approx(unaided.course.unmet[net.demands["is_member"], :MONTHS].sum())


def test_a_value_nobody_states_makes_usd_absent_not_zero() -> None:
    net = magnets()
    net = replace(net, demands=net.demands.assign(value_usd=np.nan))
    bench = Bench(net, MONTHS)
    found = singles(bench, hits_of(net, ("supplier",)), LENGTH)
    hurt = [o for o in found if o.unaided.unmet > 0]
    assert hurt and all(np.isnan(o.unaided.total_usd) for o in hurt)
    assert isinstance(bench.meter, Meter)
    pairs = worst_pairs(bench, singles(bench, hits_of(net, ("supplier", "facility")), LENGTH), LENGTH, 2)
    assert len(pairs.worst) == 2
    assert pd.notna(outcome_rows(pairs.worst, bench.meter)["planned_t"]).all()
