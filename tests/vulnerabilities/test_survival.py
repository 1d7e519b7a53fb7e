"""Time to survive against time to recover, by hand and against the model itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.bench import Bench
from orebridge.vulnerabilities.survival import (
    AMBER,
    GREEN,
    RED,
    UNKNOWN,
    Recovery,
    demand_rows,
    status,
    survival_rows,
    survive,
)

from ..delivery.hand_worlds import world
from ..laws.checks import tries
from ..laws.random_worlds import MONTHS, Figures, build, figures

SIX = Recovery(6.0, 3.0, 12.0, "assumed")


def two_mines(stock: float) -> SupplyNetwork:
    """AAA uses 10 t of ore a month: 6 t of its own mine, 4 t of another, and holds `stock` t."""
    return world(
        ["ore@AAA"],
        [("own@AAA", {"ore@AAA": 1.0}, 6.0, 0), ("other@AAA", {"ore@AAA": 1.0}, 4.0, 0)],
        stocks={"ore@AAA": stock},
        demands=[("ore@AAA", "general", 10.0)],
        members=("AAA",),
    )


@pytest.mark.parametrize(("stock", "months"), [(12.0, 3.0), (14.0, 3.5), (0.0, 0.0), (1.0, 0.25), (13.1, 3.275)])
def test_stock_12_use_10_residual_6_survives_3_months(stock: float, months: float) -> None:
    """The published check: 12 t last 3.0 months where 4 t of 10 are missing; fractions by the month's share."""
    found = survive(Bench(two_mines(stock), 12), sites=[1])[0]
    assert found.unaided == pytest.approx(months, abs=1e-6)
    assert found.planned == pytest.approx(months, abs=1e-3)


def test_a_site_nobody_needs_is_survived_for_as_long_as_one_looks() -> None:
    found = survive(Bench(two_mines(200.0), 12), sites=[1])[0]
    assert (found.unaided, found.planned, found.planned_at_least) == (12.0, 12.0, True)


def test_a_plan_is_sought_only_where_it_could_change_the_colour() -> None:
    bench = Bench(two_mines(14.0), 12)
    found = survive(bench, {"*": Recovery(2.0, 1.0, 3.0, "assumed")}, sites=[1])[0]
    assert bench.solves == 0  # 3.5 months without a plan already outlast the longest recovery
    assert (found.unaided, found.planned) == (pytest.approx(3.5), pytest.approx(3.5))
    capped = survive(Bench(two_mines(14.0), 12), {"*": Recovery(6.0, 3.0, 12.0, "assumed")}, sites=[1])[0]
    assert capped.planned == pytest.approx(3.5, abs=1e-3)


@pytest.mark.parametrize(
    ("tts", "at_least", "colour"),
    [(3.0, False, RED), (6.0, False, AMBER), (11.9, False, AMBER), (12.0, False, GREEN), (24.0, True, GREEN), (8.0, True, UNKNOWN)],
)  # fmt: skip
def test_colours(tts: float, at_least: bool, colour: str) -> None:
    assert status(tts, SIX, at_least) == colour


def test_a_kind_without_a_time_to_recover_has_no_colour() -> None:
    bench = Bench(two_mines(12.0), 12)
    rows = survival_rows(bench, survive(bench), {})
    assert set(rows["status"]) == {UNKNOWN}
    assert rows["ttr"].isna().all()
    known = survival_rows(bench, survive(bench, {"*": SIX}), {"*": SIX})
    assert known.set_index("site")["status"].to_dict() == {"own@AAA": RED, "other@AAA": RED}
    worst = demand_rows(bench, survive(bench, {"*": SIX}), {"*": SIX}).iloc[0]
    assert (worst["site"], worst["sites_red"], worst["status"]) == ("own@AAA", 2, RED)
    assert worst["tts_unaided"] == pytest.approx(2.0)  # 12 t, 6 t a month missing


@tries(5)
@given(figures(), st.integers(0, 20))
def test_the_time_found_is_survived_and_a_little_more_is_not(f: Figures, pick: int) -> None:
    bench = Bench(build(f), MONTHS)
    sites = np.flatnonzero(bench.network.sites["base"] > 0)
    site = int(sites[pick % len(sites)])
    found = survive(bench, sites=[site])[0]
    calm = bench.meter.short(bench.calm_case.course).sum()

    def short(length: float, planned: bool) -> float:
        case = next(bench.cases([bench.limits(sites=[site], length=length)]))
        flows = bench.plan(case).flows if planned else case.course
        return float(bench.meter.short(flows).sum() - calm)

    size = 1e-4 * (1.0 + bench.meter.use.sum())
    for months, planned, step in ((found.unaided, False, 0.02), (found.planned, True, 0.1)):
        if months > 0.01:
            assert short(months - 0.005, planned) <= size
        if months + step < MONTHS and months > found.unaided - 1e-9:
            assert short(months + step, planned) > 0.0
    assert found.planned >= found.unaided - 1e-9
    assert found.unaided == pytest.approx(found.by_product.min())
