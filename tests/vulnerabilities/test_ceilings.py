"""Ceilings: the same course without a plan as everywhere, a plan that is possible, and never below the loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.delivery.model import Model
from orebridge.delivery.past import Flows
from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.bench import Bench, Case
from orebridge.vulnerabilities.ceilings import Ceilings, rationed
from orebridge.vulnerabilities.hits import hits_of

from ..laws.checks import tries
from ..laws.random_worlds import Figures, build, figures
from .attacked import buyers

MONTHS, LENGTH = 8, 5


def struck(bench: Bench, network: SupplyNetwork, chosen: list[int]) -> Case:
    hits = hits_of(network)
    routes = sorted(set().union(*(hits[k].routes for k in chosen)))
    sites = sorted(set().union(*(hits[k].sites for k in chosen)))
    return next(bench.cases([bench.limits(routes, sites, LENGTH)]))


def possible(network: SupplyNetwork, case: Case, bench: Bench, flows: Flows) -> float:
    """By how much a course breaks any bound or row of the plan alone (t), as columns of the model."""
    model = Model(network, case.limits, bench.horizon, case.course, frozenset(), "check")
    program = model.program
    values = np.zeros(program.shape[1])
    for family, extra, course in (
        (model.activity, model.activity_extra, flows.activity), (model.shipment, model.shipment_extra, flows.shipment),
        (model.stock, model.stock_extra, flows.stock),
    ):  # fmt: skip
        top = program.columns_upper(family)
        values[family.ids] = np.minimum(course, top)
        values[extra.ids] = course - values[family.ids]
    values[model.unmet.ids], values[model.waste.ids] = flows.unmet, flows.waste
    start = network.stockpiles["s0"].to_numpy()
    values[model.shortfall.ids] = np.maximum(start - flows.stock[:, -1], 0.0)
    values[model.peak.ids] = 1.0
    worst = 0.0
    for family in program.column_families.values():
        x = values[family.ids]
        worst = max(worst, float(np.max(program.columns_lower(family) - x, initial=0.0)),
                    float(np.max(x - program.columns_upper(family), initial=0.0)))  # fmt: skip
    reached = program.matrix @ values
    for rows in program.row_families.values():
        x = reached[rows.ids]
        worst = max(worst, float(np.max(program.rows_lower(rows) - x, initial=0.0)),
                    float(np.max(x - program.rows_upper(rows), initial=0.0)))  # fmt: skip
    return worst


@tries(12)
@given(figures(), st.lists(st.integers(0, 10**6), min_size=1, max_size=3), st.sampled_from([0.0, 0.03]))
def test_a_ceiling_is_what_the_rationed_course_costs(f: Figures, picks: list[int], rate: float) -> None:
    net = build(f).assume("discount_rate", rate)
    hits = hits_of(net)
    chosen = sorted({pick % len(hits) for pick in picks})
    bench = Bench(net, MONTHS)
    case = struck(bench, net, chosen)
    flows = rationed(net, bench.horizon, case.course)
    own = bench.meter.loss(flows).total_usd
    ceiling = float(Ceilings(net, bench.horizon, bench.limits(length=LENGTH), hits, LENGTH).of(np.array([chosen]))[0])
    scale = 1.0 + 1e-7 * own
    # What is given up ahead of its month is valued as in the first month: at most the discount of the reported months.
    assert own - scale <= ceiling <= own * (1.0 - rate) ** (-MONTHS / 12.0) + scale
    assert own <= case.loss.total_usd + scale
    assert possible(net, case, bench, flows) < 1e-6 * (1.0 + float(net.demands["D"].sum()))


def test_sets_do_not_depend_on_what_stands_beside_them() -> None:
    net = buyers([0.5, 0.3, 0.2])
    hits, bench = hits_of(net), Bench(net, MONTHS)
    ceilings = Ceilings(net, bench.horizon, bench.limits(length=LENGTH), hits, LENGTH)
    sets = np.array([[i, j] for i in range(len(hits)) for j in range(i + 1, len(hits))])
    together = ceilings.of(np.vstack([sets] * 8), workers=2)
    assert together.reshape(8, -1) == pytest.approx(np.tile(ceilings.of(sets), (8, 1)), rel=1e-12)
    lone = ceilings.of(np.array([[k, -1] for k in range(len(hits))]))
    assert lone == pytest.approx(ceilings.of(np.arange(len(hits))[:, None]), rel=1e-12)
    doubled = ceilings.of(np.array([[k, k] for k in range(len(hits))]))
    assert doubled == pytest.approx(lone, rel=1e-12)


def test_a_month_of_shortage_falls_on_the_cheapest_uses_and_before_it_happens() -> None:
    """AAA: 10 t a month, defence 2, essential 2, general 5, BBB 1; no metal for 3 months, no stock: worked out by hand.

    Works take a month and ships one, so metal stops in months 2-4 and goods in months 3-5 wholly. General use (5 t a
    month) can give up months 1-5, but goods kept from months 1 and 2 are all there is: 10 t for the 3 x 9 t wanted.
    """
    net = buyers([1.0], stock=0.0)
    hits = hits_of(net)
    bench = Bench(net, MONTHS)
    k = next(i for i, hit in enumerate(hits) if hit.kind == "supplier" and hit.name == "metal:S0")
    case = next(bench.cases([bench.limits(sorted(hits[k].routes), [], 3)]))
    loss = bench.meter.loss(rationed(net, bench.horizon, case.course))
    tiers = dict(zip(("defence", "essential", "general"), loss.tonnes[0], strict=False))
    assert case.loss.tonnes[0, :3] == pytest.approx([6.0, 6.0, 15.0])
    assert tiers["general"] == pytest.approx(25.0)
    assert tiers["essential"] == pytest.approx(2.0)
    assert tiers["defence"] == pytest.approx(0.0)
