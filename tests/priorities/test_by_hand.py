"""Methods on a small world, and what they say when something is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from orebridge.errors import TableErrors, UnknownLabel
from orebridge.priorities.arrays import arrays_of
from orebridge.priorities.eu2023 import Eu2023
from orebridge.priorities.geopolrisk import GeoPolRisk
from orebridge.priorities.hhi import Hhi
from orebridge.priorities.inputs import Inputs, bundled_inputs, pick
from orebridge.priorities.subjects import subject_of, subjects_of
from orebridge.priorities.worldmonitor import WorldMonitor
from tests.priorities.bundled import inputs, world
from tests.priorities.hand import hand_inputs


def row(method: object, given: Inputs, subject: str, mineral: str = "a") -> pd.Series:
    return method.score(given, subject).set_index("mineral").loc[mineral]  # type: ignore[attr-defined]


def test_hhi() -> None:
    # 0.6² + 0.3² + 0.1² = 0.46; with the United States and Australia as one: 0.6² + 0.4² = 0.52
    assert row(Hhi(), hand_inputs(), "USA")["score"] == pytest.approx(0.46)
    assert row(Hhi(), hand_inputs(), "USA,AUS")["members_as_one"] == pytest.approx(0.52)


def test_geopolrisk_of_a_country() -> None:
    # g: CHN 0.5 + 0.1 = 0.6, AUS 0.5 - 0.2 = 0.3; IR = (20·0.6 + 10·0.3)/(10 + 30) = 0.375; 0.46·0.375
    assert row(GeoPolRisk(), hand_inputs(), "USA")["score"] == pytest.approx(0.1725)


def test_geopolrisk_of_an_alliance() -> None:
    # USA+JPN: what Japan buys in the United States is no trade: the same 15/40; kept as inner trade: 15/44
    assert row(GeoPolRisk(), hand_inputs(), "USA,JPN")["import_risk"] == pytest.approx(0.375)
    assert row(GeoPolRisk(intra_trade=True), hand_inputs(), "USA,JPN")["import_risk"] == pytest.approx(15 / 44)
    # USA+AUS: 10 t from Australia are inside: 20·0.6/(10 + 30 + 20) = 0.2
    assert row(GeoPolRisk(), hand_inputs(), "USA,AUS")["import_risk"] == pytest.approx(0.2)


def test_a_missing_governance_score_is_left_out_and_told() -> None:
    given = hand_inputs()
    given = given.replace(governance=given.governance[given.governance["country"] != "AUS"])
    found = row(GeoPolRisk(), given, "USA")
    # 20·0.6/(10 + 20) = 0.4 of what can be judged; with 0.5 for Australia it would be (12 + 5)/40 = 0.425
    assert found["import_risk"] == pytest.approx(0.4)
    assert found["share_of_inputs"] == pytest.approx((1 + 2 * 0.8) / 3)  # 10 of 50 USD are not scored
    assert "no governance score" in found["absent_reason"]
    assert found["low"] < found["score"] < found["high"], "the draws let it be anything from 0 to 1"


def test_without_scores_for_most_imports_there_is_no_score() -> None:
    given = hand_inputs()
    given = given.replace(governance=given.governance[given.governance["country"] == "USA"])
    found = row(GeoPolRisk(), given, "USA")
    assert np.isnan(found["score"]) and "no weight or no governance score" in found["absent_reason"]


def test_a_flow_without_a_weight_is_not_zero() -> None:
    given = hand_inputs()
    trade = given.trade.assign(tonnes=given.trade["tonnes"].where(given.trade["exporter"] != "AUS"))
    found = row(GeoPolRisk(), given.replace(trade=trade), "USA")
    assert found["imports_t"] == pytest.approx(20.0) and found["share_of_inputs"] < 1 and found["absent_reason"]


def test_nothing_over_nothing_is_explained() -> None:
    given = hand_inputs()
    found = row(GeoPolRisk(), given, "USA", "b")  # no imports of b, none made
    assert np.isnan(found["score"]) and found["absent_reason"].startswith("0/0")


def test_production_without_trade_is_explained() -> None:
    given = hand_inputs()
    found = row(GeoPolRisk(), given.replace(trade=given.trade[given.trade["mineral"] == "b"]), "USA")
    assert np.isnan(found["score"]) and found["absent_reason"] == "no trade heading of its own"


def test_trade_without_production_is_explained() -> None:
    given = hand_inputs()
    found = row(
        GeoPolRisk(), given.replace(production=given.production[given.production["mineral"] == "a"]), "JPN", "b"
    )
    assert np.isnan(found["score"]) and found["absent_reason"] == "no output by country stated"


def test_eu_by_hand() -> None:
    given = hand_inputs().replace(
        eu=pd.DataFrame({"mineral": "a", "item": ["EoL_RIR", "SI_SR", "SR", "EI"], "value": [20.0, 0.9, 1.1, 3.0], "source": "e"}),
        net_import_reliance=pd.DataFrame({"mineral": ["a"], "country": ["USA"], "share": [0.5], "source": "u"}),
    )  # fmt: skip
    # W: CHN 6, AUS 3, USA 5. World 0.36·6 + 0.09·3 + 0.01·5 = 2.48. Supply of 40 t: CHN (0.5)²·6 + AUS (0.25)²·3 = 1.6875.
    # IR/2 = 0.25: 2.48·0.25 + 1.6875·0.75 = 1.885625; ·0.8·0.9 = 1.35765
    found = row(Eu2023(), given, "USA")
    assert found["score"] == pytest.approx(1.35765)
    assert found["reliance_basis"] == "printed" and found["eu_sr"] == pytest.approx(1.1)
    # Without the print: (30 − 4)/(10 + 30 − 4) = 0.7222; half of it 0.3611
    assert row(Eu2023(), given.replace(net_import_reliance=pd.DataFrame()), "USA")["import_reliance"] == pytest.approx(
        26 / 36
    )


def test_worldmonitor_by_hand() -> None:
    given = hand_inputs().replace(
        passages=pd.DataFrame({"importer": ["USA", "USA"], "exporter": ["CHN", "AUS"], "passages": ["malacca", ""]})
    )
    # by value 0.8/0.2: HHI 0.68; C = 0.55·0.68 + 0.45·0.46 = 0.581; T = 0.8; base 0.26145 + 0.2 + 0.09296 = 0.55441; /0.9
    assert row(WorldMonitor(), given, "USA")["score"] == pytest.approx(61.6011, abs=1e-4)
    unknown = row(WorldMonitor(), given.replace(passages=given.passages.iloc[1:]), "USA")
    assert np.isnan(unknown["score"]) and "no route known" in unknown["absent_reason"]


def test_sources_that_disagree_widen_the_range() -> None:
    given = hand_inputs()
    other = given.production[given.production["mineral"] == "a"].assign(tonnes=[90.0, 5.0, 5.0], source="z")
    both = given.replace(production=pd.concat([given.production, other], ignore_index=True))
    one, two = row(Hhi(), given, "USA"), row(Hhi(), both, "USA")
    assert two["score"] == pytest.approx(one["score"]), "the main source gives the figure"
    assert two["high"] > 0.75 > one["high"], "the other one the range: 0.9² + 2·0.05² = 0.815"


def test_alternative_sources_are_never_mixed() -> None:
    given = hand_inputs()
    other = given.production[given.production["mineral"] == "a"].assign(tonnes=[90.0, 5.0, 5.0], source="z")
    both = given.replace(production=pd.concat([given.production, other], ignore_index=True))
    totals = arrays_of(both, range(60), groups=("source",)).stage_total[:, 0, 0]
    assert (
        set(np.round(totals, 6)) == {100.0}
        and (arrays_of(both, range(60), groups=("source",)).tonnes > 0).sum(axis=1).max() == 4
    )


def test_output_of_no_listed_country_widens_the_range() -> None:
    given = hand_inputs()
    rows = given.production.assign(total=[200.0, 200.0, 200.0, 5.0])
    found = row(Hhi(), given.replace(production=rows), "USA")
    # as stated the unlisted half is spread over many: (0.46)/4; as one producer it adds 0.25
    assert found["score"] == pytest.approx(0.115) and 0.2 < found["high"] < 0.37


def test_inputs_refuse_what_is_no_number_or_negative() -> None:
    frame = hand_inputs().production
    with pytest.raises(TableErrors, match="'many' is not a number"):
        Inputs(2024, production=frame.assign(tonnes=["many", 1, 1, 1]))
    with pytest.raises(TableErrors, match="negative"):
        Inputs(2024, production=frame.assign(tonnes=[-1.0, 1, 1, 1]))
    with pytest.raises(TableErrors, match="no column stage"):
        Inputs(2024, production=frame.drop(columns="stage"))
    with pytest.raises(UnknownLabel, match="neither mine nor refining"):
        arrays_of(Inputs(2024, production=frame.assign(stage="smelting")))


def test_a_year_the_tables_do_not_hold() -> None:
    with pytest.raises(UnknownLabel, match="the tables hold 2024, not 1999"):
        bundled_inputs(world(), 1999)


def test_subjects() -> None:
    assert [s.label for s in subjects_of(("USA", "JPN"), False)] == ["JPN", "USA", "JPN+USA as one"]
    assert [s.label for s in subjects_of(("USA",), True)] == ["USA"]
    with pytest.raises(UnknownLabel, match="write three capitals"):
        subject_of("Japn")
    with pytest.raises(UnknownLabel, match="no country named"):
        subject_of(" , ")


def test_pick() -> None:
    few = pick(inputs(), ["gallium", "tin"])
    assert set(few.production["mineral"]) == {"gallium", "tin"} and len(few.governance) == len(inputs().governance)
    with pytest.raises(UnknownLabel, match="nearest: gallium"):
        pick(inputs(), ["galium"])
