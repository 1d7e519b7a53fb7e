"""The tables of hazards: every fault is told with its row, and what touches nothing is left out and said so."""

import pytest

from ensemble.worlds import FIGURES, HAZARDS, hazardous
from orebridge.build import build_network
from orebridge.ensemble.hazards import BaseYear, hazards_of
from orebridge.errors import OrebridgeError, ShockError, TableErrors, UnknownLabel
from orebridge.shocks import effects_of
from orebridge.world import load_world


def of(folder, *changes, members=("USA", "JPN"), chains=()):
    world = load_world(hazardous(folder, *changes))
    return hazards_of(world, build_network(world, members), chains)


def row(line: str) -> dict[str, str]:
    return {"hazards": HAZARDS + line + "\n"}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (row("ban,A ban,ban,AUS,,dysprosium/metal,,,,,,AUS,"), TableErrors, "hazards.csv:8 hazard: 'ban' is a kind"),
        (row("x,X,ban,,,dysprosium/metal,,,,,,AUS,"), TableErrors, "hazards.csv:8 origin: kind ban needs origin"),
        (row("x,X,outage,,,,,,,,,AUS,"), TableErrors, "hazards.csv:8 countries: kind outage needs countries or processes"),
        (row("x,X,flood,,,,,,,,,AUS,"), TableErrors, "hazards.csv:8 kind: 'flood' is not one of"),
        (row("x,X,ban,AUS,Japan,dysprosium/metal,,,,,,AUS,"), TableErrors, "nearest: JPN"),
        (row("x,X,ban,AUS,,dysprosium/metl,,,,,,AUS,"), ShockError, "hazards.csv:8 (x): x.toml:4: no commodity 'dysprosium/metl'"),
        ({"shock_distributions": FIGURES + "aus-metl,length,4,months,,2,8,me,assumed\n"}, TableErrors,
         "shock_distributions.csv:9 hazard: 'aus-metl' is no hazard, kind of hazard or * (nearest: aus-metal"),
        ({"shock_distributions": FIGURES + "ban,probability,1.2,share per year,,1,1.3,me,assumed\n"}, TableErrors,
         "shock_distributions.csv:9 value: 1.2 is a share above 1"),
        ({"shock_distributions": FIGURES + "ban,length,4,share,,2,8,me,assumed\n"}, TableErrors,
         "shock_distributions.csv:9 unit: share does not fit this rule, which is in months"),
        ({"shock_distributions": FIGURES + "ban,leakage,0.1,share,,,,me,assumed\n"}, TableErrors,
         "shock_distributions.csv:9 value: 0.1 is assumed without low and high"),
        ({"shock_distributions": FIGURES.replace("*,length,4,months,,2,8,me,assumed\n", "")}, TableErrors,
         "no row of shock_distributions states the length of aus-metal"),
        ({"hazards": HAZARDS.splitlines()[0] + "\n", "shock_distributions": FIGURES.splitlines()[0] + "\n"}, UnknownLabel, "hold no hazards"),
    ],
)  # fmt: skip
def test_faults_name_row_and_repair(tmp_path, change, error, words):
    with pytest.raises(OrebridgeError) as caught:
        of(tmp_path, change)
    assert isinstance(caught.value, error)
    assert words in str(caught.value)


def test_the_most_specific_row_wins(tmp_path):
    more = "ban,leakage,0.2,share,,0,0.3,me,assumed\naus-metal,leakage,0,share,,0,0,me,read\n"
    found = of(tmp_path, {"shock_distributions": FIGURES + more})
    assert {name: found[name].parameters["leakage"].value for name in ("aus-metal", "aus-metal-japan", "aus-licence")} == {
        "aus-metal": 0.0, "aus-metal-japan": 0.2, "aus-licence": 0.1,
    }  # fmt: skip
    assert found["aus-metal"].parameters["leakage"].place.endswith("shock_distributions.csv:10")


def test_what_touches_nothing_is_left_out_and_said_so(tmp_path):
    idle = row("idle,Japan stops metal,ban,JPN,,dysprosium/metal,,,,,,JPN,")
    found = of(tmp_path, idle)
    assert "idle" not in [item.name for item in found.items]
    assert "touches" in found.left_out["idle"]
    with pytest.raises(UnknownLabel, match="no chain 'magnet'"):
        of(tmp_path, chains=("magnet",))


def test_which_effects_cut_into_the_base_year(tmp_path):
    world = load_world(hazardous(tmp_path))
    network, found = build_network(world, ("USA", "JPN")), of(tmp_path)
    base = BaseYear(network)

    def cut(name: str, **drawn: float) -> float:
        effects = effects_of([found[name].shock(0, {"length": 1.0, **drawn}, "x")], network, 6, "2026-01")
        return float(base.cut(effects.frame).sum())

    # Base year: 30 t a year to JPN and 10 to USA, 105 t of ore mined of 120 capacity, 400 t of magnets used.
    assert cut("aus-metal", severity=0.5, leakage=0.0) == pytest.approx(0.5 * 40 / 12, rel=1e-3)
    assert cut("aus-metal", severity=0.3, leakage=0.3) == 0.0
    assert cut("big-hill", severity=0.5) == pytest.approx((105 - 60) / 12, rel=1e-2)
    assert cut("big-hill", severity=0.05) == 0.0
    assert cut("more-magnets", severity=0.1) == pytest.approx(0.1 * 400 / 12, rel=1e-3)
