"""Draws: the same run whatever else is drawn, the stated chances, and the same effects as a file."""

import math
from pathlib import Path

import numpy as np
import pytest

from ensemble.worlds import hazardous
from orebridge.build import build_network
from orebridge.ensemble.draws import chance, draw, given_tension, shocks_of, toml_of, triangle
from orebridge.ensemble.hazards import Hazards, hazards_of
from orebridge.shocks import effects_of, load_shock
from orebridge.world import load_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return load_world(hazardous(tmp_path_factory.mktemp("world")))


@pytest.fixture(scope="module")
def network(world):
    return build_network(world, ("USA", "JPN"))


@pytest.fixture(scope="module")
def hazards(world, network):
    return hazards_of(world, network)


def test_a_run_does_not_depend_on_what_else_may_happen(hazards):
    fewer = Hazards(hazards.items[1:])
    for run in range(30):
        every = {s.hazard: s for s in draw(hazards, 7, run, 24).shocks}
        some = {s.hazard: s for s in draw(fewer, 7, run, 24).shocks}
        every.pop(hazards.items[0].name, None)
        assert some == every


def test_seeds_and_runs_differ(hazards):
    assert draw(hazards, 1, 0, 24) == draw(hazards, 1, 0, 24)
    tensions = {draw(hazards, seed, run, 24).tension["AUS"] for seed in (1, 2) for run in range(5)}
    assert len(tensions) == 10


def test_each_hazard_comes_as_often_as_stated_and_those_of_a_group_together(hazards):
    n, months = 1500, 24
    runs = [{s.hazard for s in draw(hazards, 3, run, months).shocks} for run in range(n)]
    wanted = chance(0.3, months)
    for item in hazards.items:
        share = sum(item.name in run for run in runs) / n
        assert abs(share - wanted) < 4 * math.sqrt(wanted * (1 - wanted) / n), item.name

    def both(a: str, b: str) -> float:
        return sum(a in run and b in run for run in runs) / n

    # Independent: 0.51^2 = 0.26. With 0.4 in common a bivariate normal gives 0.322 (Phi2 at Phi^-1(0.51), r = 0.4).
    error = math.sqrt(0.25 / n)
    assert both("aus-metal", "aus-licence") == pytest.approx(0.325, abs=4 * error)
    assert both("aus-metal", "big-hill") == pytest.approx(wanted**2, abs=4 * error)
    assert both("aus-metal", "aus-licence") > both("aus-metal", "big-hill")


def test_the_chance_given_the_factor_averages_to_the_chance():
    z, weight = np.polynomial.hermite_e.hermegauss(60)
    for total, correlation in ((0.1, 0.3), (0.5, 0.7), (0.02, 0.5)):
        mean = sum(w * given_tension(total, correlation, x) for x, w in zip(z, weight, strict=True)) / weight.sum()
        assert mean == pytest.approx(total, abs=1e-6)
    assert given_tension(0.0, 0.5, 3.0) == 0.0
    assert given_tension(1.0, 0.5, -3.0) == 1.0


def test_triangle():
    quantiles = (np.arange(20_000) + 0.5) / 20_000
    values = np.array([triangle(1.0, 2.0, 6.0, q) for q in quantiles])
    assert values.mean() == pytest.approx((1.0 + 2.0 + 6.0) / 3.0, rel=1e-6)
    assert (np.diff(values) > 0).all()
    assert triangle(1.0, 1.0, 3.0, 0.0) == 1.0
    assert triangle(1.0, 3.0, 3.0, 1.0) == 3.0
    assert triangle(2.0, 2.0, 2.0, 0.7) == 2.0


def test_a_drawn_shock_is_what_a_file_would_be(hazards, network, tmp_path: Path):
    seen = set()
    for run in range(12):
        drawn = draw(hazards, 5, run, 24)
        shocks = shocks_of(hazards, drawn, 5)
        for item, shock in zip(drawn.shocks, shocks, strict=True):
            path = tmp_path / f"{item.hazard}.toml"
            path.write_text(hazards[item.hazard].toml(item.start, item.values, "a file"), encoding="utf-8")
            there, here = (effects_of([s], network, 24, "2026-01") for s in (load_shock(path), shock))
            assert there.frame.equals(here.frame)
            assert there.traces == here.traces
            seen.add(hazards[item.hazard].kind)
            assert 0 <= item.start < 24
            for name, value in item.values.items():
                figure = hazards[item.hazard].parameters[name]
                assert figure.low <= value <= figure.high
        assert toml_of(hazards, drawn, 5).count("[[event]]") == len(drawn.shocks)
    assert seen == {"ban", "licence", "outage", "chokepoint", "surge"}


def test_severity_means_what_the_table_says(hazards):
    drawn = {"length": 3.4, "severity": 0.7, "leakage": 0.2, "delay": 1.6}
    ban = hazards["aus-metal"].shock(2, drawn, "x").events[0]
    assert (ban.start, ban.months, ban.keys["cut"], ban.keys["leak"]) == (2, 3, 0.7, 0.2)
    licence = hazards["aus-licence"].shock(0, drawn, "x").events[0]
    assert licence.keys["granted"] == pytest.approx(0.3)
    assert licence.keys["delay_months"] == 2
    assert hazards["big-hill"].shock(0, drawn, "x").events[0].keys["remaining"] == pytest.approx(0.3)
    surge = hazards["more-magnets"].shock(0, drawn, "x").events[0]
    assert surge.keys["factor"] == pytest.approx(1.7)
    assert surge.keys["countries"] == ["USA", "JPN"]
