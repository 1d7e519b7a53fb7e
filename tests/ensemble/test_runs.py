"""Runs: what a rebuilt model gives, a case worked out by hand, and chains that nothing touches."""

import math
from dataclasses import replace

import pytest

from ensemble.worlds import FIGURES, HAZARDS, hazardous
from orebridge.build import build_network
from orebridge.delivery.limits import restrict_to
from orebridge.delivery.modes import weighted_loss
from orebridge.ensemble import setting_of
from orebridge.ensemble.draws import draw, shocks_of
from orebridge.ensemble.hazards import ANYWHERE, Hazard, Hazards, Parameter
from orebridge.ensemble.identity import code_version
from orebridge.ensemble.runs import Runner, Setting
from orebridge.shocks import effects_of, no_effects
from orebridge.world import load_world
from small import ore_to_magnet


def always(kind: str, length: float = 3.0, severity: float = 1.0, leakage: float = 0.0, **keys: object) -> Hazard:
    """A hazard that happens for certain, with fixed figures."""

    def fixed(name: str, value: float) -> Parameter:
        return Parameter(name, value, value, value, "", "me", "assumed", "hand", "hand")

    figures = {
        "probability": 1.0,
        "correlation": 0.0,
        "length": length,
        "severity": severity,
        "leakage": leakage,
        "delay": 1.0,
    }
    return Hazard("cut", "Cut", kind, "CHN", "hand", keys, {n: fixed(n, v) for n, v in figures.items()}, ("magnets",))


def runner(network, hazard: Hazard, months: int = 12, way: str = "alone") -> Runner:
    return Runner(Setting(network, Hazards((hazard,)), ("magnets",), months, way, 1, code_version()))


def test_a_stop_of_three_months_by_hand():
    # JPN lacks 20 t of metal a month for three months and holds 30 t: 60 - 30 = 30 t of magnets are not made. General
    # use is 10 t a month and goes without first, at 1,000 USD/t: 30,000 USD. USA holds 10 t: 50 t are not made. All its
    # general use of five months goes without, the two before the shortage to be kept as stock, so no essential use does.
    hazard = always("ban", origin="CHN", commodities=["metal"])
    for run in range(3):
        record = runner(ore_to_magnet(), hazard).run(run)
        (chain,) = record["chains"]
        assert chain["first"] == record["shocks"][0]["start"]
        found = {(row["member"], row["item"]): row for row in chain["losses"] if row["item"] != "stock"}
        assert {key: round(row["tonnes"], 6) for key, row in found.items()} == {
            ("JPN", "general"): 30.0, ("USA", "general"): 50.0,
        }  # fmt: skip
        assert found["JPN", "general"]["usd"] == pytest.approx(30_000.0)
        assert found["USA", "general"]["usd"] == pytest.approx(50_000.0)
        assert found["USA", "general"]["first_month"] == chain["first"]
        assert chain["hazards"] == {"cut": 1.0}
        assert chain["unaided_usd"] >= sum(row["usd"] for row in chain["losses"]) - 1e-6


def test_a_later_begin_changes_the_month_and_the_discount_alone():
    network = ore_to_magnet(discount_rate=0.12)
    hazard = always("ban", origin="CHN", commodities=["metal"])
    by_first = {}
    for run in range(12):
        (chain,) = runner(network, hazard).run(run)["chains"]
        by_first[chain["first"]] = sum(row["usd"] for row in chain["losses"])
        assert sum(row["tonnes"] for row in chain["losses"]) > 0
    assert len(by_first) > 4
    at_once = {first: usd / 0.88 ** ((first - 1) / 12.0) for first, usd in by_first.items()}
    assert max(at_once.values()) == pytest.approx(min(at_once.values()), rel=1e-9)


@pytest.mark.parametrize("way", ["alone", "joint"])
def test_a_run_is_what_a_rebuilt_model_gives(tmp_path, way):
    setting, _ = setting_of(2, ("USA", "JPN"), 12, (), way, load_world(hazardous(tmp_path)))
    made = Runner(setting)
    compared = 0
    for number in range(8):
        record = made.run(number)
        drawn = draw(setting.hazards, setting.seed, number, setting.months)
        first = min((s.start for s in drawn.shocks), default=0)
        early = replace(drawn, shocks=tuple(replace(s, start=s.start - first) for s in drawn.shocks))
        if not drawn.shocks:
            assert record["chains"] == []
            continue
        effects = restrict_to(
            effects_of(shocks_of(setting.hazards, early, 2), setting.network, 12, ANYWHERE), setting.network
        )
        wanted = weighted_loss(setting.network, effects, 12, way)
        for chain in record["chains"]:
            assert chain["first"] == first + 1
        delay = (1.0 - setting.network.assumption("discount_rate")) ** (first / 12.0)
        found = math.fsum(row["usd"] for chain in record["chains"] for row in chain["losses"]) / delay
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-3)
        compared += wanted > 0
    assert compared >= 2


def test_what_does_not_cut_into_the_base_year_costs_nothing(tmp_path):
    # Metal from JPN to USA does not flow in the base year: a ban on it is not even solved, and rightly so.
    network = ore_to_magnet()
    hazard = always("ban", origin="JPN", commodities=["metal"])
    record = runner(network, hazard).run(0)
    assert record["shocks"] and record["chains"] == []
    effects = effects_of(
        [hazard.shock(0, {"length": 3.0, "severity": 1.0, "leakage": 0.0}, "x")], network, 12, ANYWHERE
    )
    assert not effects.empty
    assert weighted_loss(network, effects, 12, "alone") == pytest.approx(0.0, abs=1e-3)
    assert weighted_loss(network, no_effects(12), 12, "alone") == pytest.approx(0.0, abs=1e-3)


def test_order_and_history_do_not_matter(tmp_path):
    setting, _ = setting_of(4, ("USA", "JPN"), 12, (), "alone", load_world(hazardous(tmp_path)))
    one, other = Runner(setting), Runner(setting)
    forward = [one.run(number) for number in range(6)]
    backward = [other.run(number) for number in reversed(range(6))][::-1]
    assert forward == backward  # to the last bit


def test_two_bans_of_one_country_at_once(tmp_path):
    # Both stop metal, one for JPN alone: their origins are traced together (the network can be split only once).
    rows = HAZARDS + "aus-metal-usa,Australia stops metal for USA,ban,AUS,USA,dysprosium/metal,,,,,all,AUS,\n"
    figures = FIGURES + (
        "ban,probability,1,share per year,,1,1,me,assumed\nban,severity,1,share,,1,1,me,assumed\n"
        "ban,leakage,0,share,,0,0,me,assumed\nban,length,12,months,,12,12,me,assumed\n"
    )
    world = load_world(hazardous(tmp_path, {"hazards": rows, "shock_distributions": figures}))
    network = build_network(world, ("USA", "JPN"))
    setting, _ = setting_of(1, ("USA", "JPN"), 12, (), "joint", world)
    record = Runner(replace(setting, network=network)).run(0)
    names = {shock["hazard"] for shock in record["shocks"]}
    assert {"aus-metal-japan", "aus-metal-usa"} <= names
    assert record["chains"][0]["losses"]
