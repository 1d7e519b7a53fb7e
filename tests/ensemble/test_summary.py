"""Sums over runs, by hand; and weighing runs by other chances against knowing the answer."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ensemble.test_runs import always
from orebridge.ensemble.draws import draw
from orebridge.ensemble.hazards import Hazards
from orebridge.ensemble.runs import Setting
from orebridge.ensemble.summary import CHUNK, _Columns, figures, summarise, tail_weights
from small import ore_to_magnet


def setting(*hazards) -> Setting:
    return Setting(ore_to_magnet(), Hazards(hazards or (always("ban"),)), ("magnets",), 12, "alone", 1, "code")


def record(
    run: int, usd: float | None, member: str = "JPN", item: str = "general", **more: object
) -> dict[str, object]:
    losses = [{"product": "magnet", "member": member, "item": item, "tonnes": 2.0, "usd": usd, "first_month": 3}]
    chains = [{"chain": "magnets", "first": 1, "hazards": {"cut": 1.0}, "unaided_usd": usd, "losses": losses}]
    shocks = [{"hazard": "cut", "start": 1, "length": 1, "values": {}, "quantiles": {}}]
    quiet = usd == 0.0
    return {
        "run": run,
        "tension": {"CHN": 0.0},
        "shocks": [] if quiet else shocks,
        "chains": [] if quiet else chains,
        **more,
    }


def test_tail_of_twenty_runs_by_hand():
    loss = np.arange(1.0, 41.0)  # 40 runs: the worst twentieth is two of them, 39 and 40
    found = figures(loss)
    assert found.tail == pytest.approx(39.5)
    assert found.threshold == 39.0
    assert found.expected == pytest.approx(20.5)
    assert found.error == pytest.approx(loss.std(ddof=1) / math.sqrt(40))
    assert found.chance == 1.0
    # 30 runs: one and a half of them; the run on the edge counts by half.
    assert figures(np.arange(1.0, 31.0)).tail == pytest.approx((30 + 0.5 * 29) / 1.5)
    assert figures(np.array([5.0, 1.0])).tail == 5.0
    weight = tail_weights(np.array([3.0, 3.0, 3.0]), 0.5)
    assert weight.sum() == pytest.approx(1.0)


def test_cvar_is_the_least_of_its_dual_program():
    # Rockafellar and Uryasev: CVaR = min over a of a + mean(max(L - a, 0)) / share.
    loss = np.random.default_rng(1).lognormal(size=333)
    least = min(a + np.maximum(loss - a, 0.0).mean() / 0.05 for a in loss)
    assert figures(loss).tail == pytest.approx(least, rel=1e-9)


def test_sums_add_up():
    rng = np.random.default_rng(2)
    usd = [float(x) if x > 0.6 else 0.0 for x in rng.random(100)]
    rows = [record(k, u, ("JPN", "USA")[k % 2], ("general", "stock")[k % 3 == 0]) for k, u in enumerate(usd)]
    found = summarise(lambda: rows, setting(), 100)
    assert found.total.expected == pytest.approx(np.mean(usd))
    for kind in ("chain", "member", "item"):
        own = found.subjects[found.subjects["kind"] == kind]
        assert own["expected_usd"].sum() == pytest.approx(found.total.expected)
        assert own["tail_part_usd"].sum() == pytest.approx(found.total.tail)
        assert (own["cvar95_usd"] >= own["tail_part_usd"] - 1e-9).all()
    assert found.losses["expected_usd"].sum() == pytest.approx(found.total.expected)
    assert found.losses["tail_part_usd"].sum() == pytest.approx(found.total.tail)
    assert found.hazards["tail_part_usd"].sum() == pytest.approx(found.total.tail)
    assert found.convergence["expected_usd"].iloc[-1] == pytest.approx(found.total.expected)
    assert found.convergence["runs"].iloc[-1] == 100
    assert found.exceedance["chance"].iloc[-1] == pytest.approx(1.0)
    assert (np.diff(found.exceedance["loss_usd"]) <= 0).all()
    assert found.effective_runs == pytest.approx(sum(usd) ** 2 / sum(u * u for u in usd))


def test_an_absent_figure_is_never_zero():
    rows = [record(0, 10.0), record(1, None), record(2, 0.0)]
    found = summarise(lambda: rows, setting(), 3)
    assert found.absent == ("magnet",)
    assert math.isnan(found.total.expected)
    assert math.isnan(found.total.tail)
    assert math.isnan(found.subjects.set_index("name")["expected_usd"]["JPN"])
    assert found.subjects.set_index("name")["expected_usd"]["USA"] == 0.0
    assert found.losses["expected_tonnes"].sum() == pytest.approx(4.0 / 3.0)
    assert found.losses["expected_usd"].isna().all()
    assert found.exceedance.empty


def test_columns_on_disk_hold_what_was_put_in():
    n = 2 * CHUNK + 17
    with _Columns(["a", "b"]) as columns:
        for k in range(n):
            columns.add({"b": float(k)} if k % 2 else {"a": 1.0, "b": float(k)})
        assert columns.read("b").tolist() == [float(k) for k in range(n)]
        assert columns.read("a").sum() == (n + 1) // 2


def test_other_chances_from_the_same_runs():
    # One hazard, chance 0.3 (0.1 to 0.6), loss 100 where it happens: 10, 30 and 60 by hand, whatever the correlation.
    hazard = always("ban")
    figures_ = dict(hazard.parameters)
    figures_["probability"] = replace(figures_["probability"], value=0.3, low=0.1, high=0.6)
    figures_["correlation"] = replace(figures_["correlation"], value=0.4, low=0.0, high=0.8)
    figures_["length"] = replace(figures_["length"], value=3.0, low=0.0, high=12.0)
    own = setting(replace(hazard, parameters=figures_))
    rows = []
    for run in range(3000):
        drawn = draw(own.hazards, 1, run, 12)
        row = record(run, 0.0, tension=dict(drawn.tension))
        if drawn.shocks:
            length = drawn.shocks[0].values["length"]
            row = record(run, 20.0 * length, tension=dict(drawn.tension))
            row["shocks"][0]["quantiles"] = dict(drawn.shocks[0].quantiles)
        rows.append(row)
    found = summarise(lambda: rows, own, len(rows)).hangs.set_index("assumption")
    chance = found.loc["Cut: probability"]
    mean = (0.0 + 3.0 + 12.0) / 3.0 * 20.0  # of the loss where it happens
    for end, p in (("low", 0.1), ("stated", 0.3), ("high", 0.6)):
        error = 4 * max(chance["error_usd"], 1.0)
        assert chance[f"{end}_usd"] == pytest.approx(p * mean, abs=error), end
    assert chance["error_usd"] < 3.0
    # As if the smaller (larger) of two lengths held: the mean of the smaller of two draws from the triangle.
    q = (np.arange(20_000) + 0.5) / 20_000
    from orebridge.ensemble.draws import triangle

    values = np.array([triangle(0.0, 3.0, 12.0, u) for u in q])
    length = found.loc["Cut: length"]
    assert length["low_usd"] == pytest.approx(
        0.3 * 20.0 * (2.0 * (1.0 - q) * values).mean(), abs=4 * length["error_usd"]
    )
    assert length["high_usd"] == pytest.approx(0.3 * 20.0 * (2.0 * q * values).mean(), abs=4 * length["error_usd"])
    # One hazard alone comes as often whatever it has in common with others.
    together = found.loc["shocks of one group come together (correlation)"]
    assert together["low_usd"] == pytest.approx(0.3 * mean, abs=5.0)
    assert together["high_usd"] == pytest.approx(0.3 * mean, abs=8.0)
