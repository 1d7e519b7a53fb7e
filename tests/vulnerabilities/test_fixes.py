"""The cheapest fixes: worked out by hand, against trying every set, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from orebridge.delivery.warm import Warm, case_of, total
from orebridge.errors import ShockError, UnknownLabel
from orebridge.labels import Labels
from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.fix_menu import Cost, FixCosts, fixes_of, stock_fix
from orebridge.vulnerabilities.fixes import (
    AT_ONCE,
    SMALL,
    FixPlan,
    Repair,
    Single,
    _menu,
    _Sets,
    _step_by_step,
    cheapest_fixes,
)
from orebridge.vulnerabilities.hits import effects_of
from orebridge.vulnerabilities.redteam import Budget, Strike, Team
from orebridge.vulnerabilities.redteam_words import sections, tables, to_dict
from orebridge.world import load_world

from .attacked import beside, buyers, importer, through

MONTHS, LENGTH = 8, 3
COSTS = FixCosts({
    ("stock", "*"): Cost(1.0, 0.9, 1.5), ("capacity", "*"): Cost(2.0, 1.0, 4.0), ("restart", "*"): Cost(0.2, 0.1, 0.4),
    ("qualification", "*"): Cost(1e6, 5e5, 2e6), ("supplier", "*"): Cost(1e6, 5e5, 2e6),
    ("substitution", "*"): Cost(1e6, 5e5, 2e6), ("release", "*"): Cost(1e5, 5e4, 2e5),
})  # fmt: skip


def worst(net: SupplyNetwork, hits: int = 1, **kinds: int) -> Strike:
    return Team(net, Budget(hits, kinds), MONTHS, LENGTH).answer().rounds[-1].strike


def plan_of(net: SupplyNetwork, strike: Strike, share: float) -> FixPlan:
    return cheapest_fixes(net, strike, COSTS, share, MONTHS, LENGTH)


def test_a_stock_worked_out_by_hand() -> None:
    """No goods for three months: 30 t missing at a million USD. A tonne in stock saves that and is missing at the end.

    Half the loss: 30 - 0.8 x <= 15, so x >= 18.75 t, 57.1 days of use; in steps of 5 days 60, or 19.71 t for 0.2 m USD
    each. The tonnes that, let through, do as much: nothing missing at the end, so half of them.
    """
    net = importer()
    strike = worst(net, supplier=1)
    assert strike.usd == pytest.approx(30e6)
    plan = plan_of(net, strike, 0.5)
    assert [(fix.kind, fix.level) for fix in plan.fixes] == [("stock", 60.0)]
    amount = 60.0 / 30.4375 * 10.0
    assert plan.fixes[0].tonnes == pytest.approx(amount)
    assert (plan.cost.usd, plan.cost.low, plan.cost.high) == pytest.approx((amount * 2e5, amount * 1.8e5, amount * 3e5))
    assert plan.left_usd == pytest.approx(30e6 - 0.8e6 * amount)
    assert plan.reached and plan.cheapest and plan.removed > 0.5
    assert plan.let_through == pytest.approx(0.5)
    assert "goods in AAA" in plan.prices[0]


def test_every_loss_of_a_plan_is_that_of_the_rebuilt_world() -> None:
    net = buyers([0.5, 0.3, 0.2])
    strike = worst(net)
    plan = plan_of(net, strike, 0.6)
    assert plan.fixes
    changed = net
    for fix in plan.fixes:
        changed = fix.apply(changed)
    hits = [hit for blow in strike.blows for hit in blow.hits]
    fresh = total(Warm("alone").loss(case_of(changed, effects_of(net, hits, LENGTH), MONTHS)))
    assert plan.left_usd == pytest.approx(fresh, rel=1e-9)
    assert plan.loss_usd == pytest.approx(strike.usd, rel=1e-9)
    if plan.reached:
        assert plan.removed >= 0.6 - 2e-4


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_the_search_finds_the_cheapest_of_all_sets(share: float) -> None:
    net = buyers([0.5, 0.3, 0.2])
    repair = Repair(net, worst(net), MONTHS, LENGTH, "alone")
    loss = repair.usd([()])[0]
    most = loss * (1.0 - share)
    chosen, tried = _step_by_step(repair, COSTS, loss, most)
    assert repair.usd([chosen])[0] <= most
    singles = [Single(f, loss - usd) for f, usd in zip(tried, repair.usd([(f,) for f in tried]), strict=True)]
    # A menu small enough to solve every set: two sizes of each of the first three places.
    menu = [sizes[:: max(1, len(sizes) // 2)][:3] for sizes in _menu(singles, tried, chosen, SMALL * loss)[:3]]
    sets = _Sets(menu)
    every = [tuple(menu[p][n - 1].fix for p, n in enumerate(row) if n) for row in sets._picked]
    assert max(map(len, every)) <= AT_ONCE
    does = [cost for cost, usd in zip(sets.cost, repair.usd(every), strict=True) if usd <= most]
    first = min([*does, sum(fix.cost.usd for fix in chosen)])
    best, least = sets.cheapest(repair, chosen, loss, most, solves=1000)
    assert sum(fix.cost.usd for fix in best) == pytest.approx(first)
    assert least == pytest.approx(first)


def test_a_search_that_runs_out_of_solves_says_what_is_ruled_out() -> None:
    net = buyers([0.5, 0.3, 0.2])
    strike = worst(net)
    full = plan_of(net, strike, 0.6)
    short = cheapest_fixes(net, strike, COSTS, 0.6, MONTHS, LENGTH, most_solves=0)
    assert full.cheapest
    assert short.least_usd <= full.least_usd + 1.0
    assert short.cost.usd >= full.cost.usd - 1.0


def test_a_passage_is_mended_in_every_chain_it_hurts() -> None:
    net = beside({
        "first": through(importer(), {"goods:S0>AAA": "malacca"}),
        "second": through(importer(20.0), {"goods:S0>AAA": "malacca"}),
    })  # fmt: skip
    strike = worst(net, chokepoint=1)
    assert strike.usd == pytest.approx(90e6)
    plan = plan_of(net, strike, 0.7)
    assert {fix.place[0] for fix in plan.fixes} == {"first", "second"}
    assert plan.reached and plan.left_usd <= 0.3001 * 90e6


def test_nothing_lost_needs_no_fix_and_odd_shares_are_refused() -> None:
    net = importer()
    nothing = Strike((), {}, net.members)
    plan = plan_of(net, nothing, 0.5)
    assert plan.reached and not plan.fixes and plan.cost.usd == 0.0
    for share in (0.0, 1.0, -0.5, 2.0):
        with pytest.raises(ShockError, match="--remove"):
            plan_of(net, nothing, share)


def test_costs_come_from_the_table_and_a_missing_row_is_named() -> None:
    costs = FixCosts.of(load_world())
    assert costs.of_fix("qualification").usd == pytest.approx(3e6)
    assert costs.of_fix("capacity", "component").usd == pytest.approx(1.3)
    assert costs.of_fix("capacity", "refining") == costs.of_fix("capacity")
    assert costs.of_fix("stock").low <= costs.of_fix("stock").usd <= costs.of_fix("stock").high
    with pytest.raises(UnknownLabel, match=r"no row for stock in fix_costs\.csv"):
        FixCosts({}).of_fix("stock")


def test_stock_fixes_scale_with_their_days() -> None:
    net = importer()
    repair = Repair(net, worst(net, supplier=1), MONTHS, LENGTH, "alone")
    fix = next(fix for fix in repair.offers((), COSTS) if fix.kind == "stock" and fix.level == 30.0)
    twice = stock_fix(fix, 60.0)
    assert twice.tonnes == pytest.approx(2 * fix.tonnes) and twice.cost.usd == pytest.approx(2 * fix.cost.usd)
    assert twice.change == "60 more days of use at the start (19.7 t)"
    piles = twice.apply(net).stockpiles["s0"] - net.stockpiles["s0"]
    assert piles.max() == pytest.approx(twice.tonnes) and np.count_nonzero(piles) == 1
    assert fixes_of.__doc__


def test_fixes_in_words_tables_and_json() -> None:
    net = importer()
    red = Team(net, Budget(1), MONTHS, LENGTH).answer(singles=1)
    plan = cheapest_fixes(net, red.singles[0], COSTS, 0.5, MONTHS, LENGTH)
    told = sections(red, [plan], Labels({}))
    cells = " ".join(cell for section in told for row in section.rows for cell in row)
    assert "60 more days of use at the start" in cells
    assert any("no cheaper one of the" in text for section in told for text in section.text)
    frames = tables(red, [plan], Labels({}))
    assert frames["fixes"]["outlay_usd"].sum() == pytest.approx(plan.cost.usd)
    answer = to_dict(red, [plan], Labels({}))
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert answer["fixes"][0]["outlay_usd"]["value"] == pytest.approx(plan.cost.usd)
