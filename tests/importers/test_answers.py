"""From the workspace to inputs, answers and differences, on numbers that can be checked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orebridge.answers import concentration, geopolrisk
from orebridge.errors import UnknownLabel
from orebridge.importers import Wish, import_source
from orebridge.vintage_diff import vintage_diff
from orebridge.workspace import open_workspace
from orebridge.workspace_inputs import workspace_frames, workspace_inputs
from orebridge.world import load_world

from .make import (
    LONG_MCS,
    PINK,
    baci_csv,
    eu_folder,
    mcs2024,
    mcs2026,
    pink_rows,
    store,
    workbook,
    zipped,
)

WMD = 'Country TEXT, Country_Code TEXT, Country_ISO TEXT, "2023" REAL, "2024" REAL, unit TEXT, data_source TEXT'
WGI = '"Country/Territory" TEXT, Code TEXT, "2023" TEXT, country_code TEXT'


def small(
    folder: Path, trade: list[str], production: dict[str, list[tuple[object, ...]]], scores: dict[str, float]
) -> Path:
    """A workspace with trade of 2024, output of 2023-24 and scores of 2023."""
    folder.mkdir(parents=True, exist_ok=True)
    where = folder / "w.duckdb"
    (folder / "BACI_HS92_Y2024_V202601.csv").write_bytes(baci_csv(trade))
    import_source("baci", folder / "BACI_HS92_Y2024_V202601.csv", where)
    wmd = store({name: (WMD, rows) for name, rows in production.items()}, folder)
    rows = [(code, code, str(score), "0") for code, score in scores.items()]
    wgi = store({name: (WGI, rows) for name in ("Estimate", "StdErr", "NumSrc")}, folder)
    wheel = zipped(folder / "other-1.0-py3-none-any.whl", {"world_mining_data.db": wmd, "wgi.db": wgi})
    import_source("world-mining-data", wheel, where)
    import_source("world-bank-governance", wheel, where)
    return where


#: COD 75 and AUS 25 of 100 t of cobalt: HHI 0.5625 + 0.0625 = 0.625. g(COD) = (2.5 + 2)/5 = 0.9, g(AUS) = (2.5 - 1)/5 = 0.3.
COBALT = {
    "Cobalt": [("Congo, D.R.", "180", "COD", 70, 75, "metr. t", "r"), ("Australia", "36", "AUS", 30, 25, "metr. t", "e"),
               ("Total", "DELETE", "DELETE", 100, 100, "metr. t", "nan")],
}  # fmt: skip
TRADE = ["2024,180,392,282200,600,60", "2024,36,392,282200,400,40", "2024,180,36,282200,100,75"]
SCORES = {"COD": -2.0, "AUS": 1.0}


def test_the_answers_of_a_world_of_two_producers(tmp_path: Path) -> None:
    where = small(tmp_path, TRADE, COBALT, SCORES)
    with open_workspace(where) as space:
        index = concentration(space, 2024)
        found = geopolrisk(space, 2024).set_index("member")
    assert index.to_dict("records") == [{"mineral": "cobalt", "stage": "mine", "hhi": 0.625}]
    # Japan makes none: IR = (60 x 0.9 + 40 x 0.3) / 100 = 0.66, score 0.4125.
    assert found.loc["JPN", "risk"] == pytest.approx(0.66) and found.loc["JPN", "score"] == pytest.approx(0.4125)
    # Australia buys 75 t from COD and makes 25 t: IR = 75 x 0.9 / (75 + 25) = 0.675.
    assert found.loc["AUS", "risk"] == pytest.approx(0.675)
    assert (found["left_out"] == 0).all()


def test_the_answers_of_some_importers_are_those_of_all(tmp_path: Path) -> None:
    where = small(tmp_path, TRADE, COBALT, SCORES)
    with open_workspace(where) as space:
        every, some = geopolrisk(space, 2024), geopolrisk(space, 2024, importers=("AUS",))
        assert geopolrisk(space, 2024, importers=()).empty and geopolrisk(space, 2024, importers=("'; --",)).empty
    pd.testing.assert_frame_equal(some, every[every["member"] == "AUS"].reset_index(drop=True))
    assert set(every["member"]) == {"AUS", "JPN"}


def test_what_is_not_known_is_left_out_and_said(tmp_path: Path) -> None:
    """A partner without a score and a flow without a weight enter neither sum; their share of the value is stated."""
    trade = [*TRADE[:2], "2024,152,392,282200,250,1000", "2024,36,392,810510,750,NA"]
    where = small(tmp_path, trade, COBALT, SCORES)
    with open_workspace(where) as space:
        japan = geopolrisk(space, 2024).set_index("member").loc["JPN"]
    assert japan["risk"] == pytest.approx(0.66)
    assert japan["left_out"] == pytest.approx(1000 / 2000)


def test_no_output_no_trade_and_nothing_over_nothing_have_no_row(tmp_path: Path) -> None:
    trade = [*TRADE[:1], "2024,180,392,260900,5,5", "2024,152,392,282200,1,0"]
    production = {
        **COBALT,
        "Tin": [("China", "156", "CHN", 1, 0, "metr. t", "r"), ("Total", "", "", 1, 0, "metr. t", "")],
    }
    where = small(tmp_path, trade, production, SCORES)
    with open_workspace(where) as space:
        assert concentration(space, 2024)["mineral"].tolist() == ["cobalt"]
        assert set(geopolrisk(space, 2024)["mineral"]) == {"cobalt"}
        assert geopolrisk(space, 2023).empty


def test_order_and_unit_of_rows_do_not_matter(tmp_path: Path) -> None:
    first = small(tmp_path / "a", TRADE, COBALT, SCORES)
    turned = {
        "Cobalt": [
            tuple(c * 1000 if isinstance(c, int) else "kg" if c == "metr. t" else c for c in row)
            for row in reversed(COBALT["Cobalt"])
        ]
    }
    second = small(tmp_path / "b", TRADE[::-1], turned, SCORES)
    with open_workspace(first) as one, open_workspace(second) as other:
        pd.testing.assert_frame_equal(geopolrisk(one, 2024), geopolrisk(other, 2024))


def everything(tmp_path: Path) -> Path:
    where = small(tmp_path, TRADE, COBALT, SCORES)
    import_source("usgs-mcs", mcs2024(tmp_path / "u24"), where)
    import_source("usgs-mcs", mcs2026(tmp_path / "u26"), where)
    (tmp_path / PINK).write_bytes(workbook({"Monthly Prices": pink_rows()}))
    import_source("pink-sheet", tmp_path / PINK, where)
    import_source("eu-crm", eu_folder(tmp_path / "eu"), where)
    return where


def test_inputs_of_a_year(tmp_path: Path) -> None:
    inputs = workspace_inputs(everything(tmp_path), 2024)
    cobalt = inputs.production[inputs.production["mineral"] == "cobalt"].set_index("country")
    assert cobalt.loc["COD", ["tonnes", "total", "preferred", "confidence"]].tolist() == [
        75.0,
        100.0,
        "yes",
        "read_secondary",
    ]
    assert cobalt.loc["AUS", "estimate"] == "yes"
    gallium = inputs.production[inputs.production["mineral"] == "gallium"].set_index("country")
    assert set(gallium.index) == {"USA", "CHN", "JPN"} and gallium.loc["CHN", "total"] == 848.0
    assert gallium.loc["CHN", "source"] == "usgs-mcs@2026" and gallium.loc["CHN", "preferred"] == "yes"
    assert inputs.trade[["mineral", "hs", "importer", "exporter", "tonnes", "usd"]].to_numpy().tolist()[0] == [
        "cobalt",
        "282200",
        "JPN",
        "COD",
        60.0,
        600_000.0,
    ]
    assert inputs.exports.set_index("country")["tonnes"].to_dict() == {"COD": 135.0, "AUS": 40.0}
    governance = inputs.governance.set_index("country")
    assert governance.loc["COD", ["score", "low", "high", "year"]].tolist() == [-2.0, 0.0, -4.0, 2023]
    assert inputs.prices.set_index("mineral")["usd_per_t"]["copper"] == 9648.17
    reliance = inputs.net_import_reliance.set_index("mineral")
    assert reliance.loc["gallium", ["share", "low", "high"]].tolist() == [1.0, 1.0, 1.0]
    assert reliance.loc["germanium", ["share", "low", "high"]].tolist() == [0.75, 0.5, 1.0]  # printed as >50
    assert inputs.eu.query("mineral == 'aluminium' and item == 'SR'")["value"].tolist() == [1.2]
    assert inputs.trade_parameters[["mineral", "stage", "country", "factor"]].to_numpy().tolist() == [
        ["aluminium", "mine", "GIN", 1.1],
        ["antimony", "mine", "CHN", 1.1],
    ]
    assert inputs.vintage.startswith("2024; baci@V202601, eu-crm@2023") and len(inputs.version) == 12


def test_parts_of_a_series_are_added_with_their_ranges(tmp_path: Path) -> None:
    """Ilmenite 100 thousand t and rutile below half a thousand: 100,000 t, between 100,000 and 100,500."""
    head = "TITANIUM MINERAL CONCENTRATES,World Mine Production and Reserves,Titanium Mineral Concentrates,{},Production,{},thousand metric tons,2024,{},,Yes,\r\n"
    text = LONG_MCS + "".join(
        head.format(*cells)
        for cells in (
            ("United States", "Mine production: Ilmenite", "100"), ("United States", "Mine production: Rutile", "s"),
            ("Kenya", "Mine production: Ilmenite", "30"), ("Kenya", "Mine production: Rutile", "W"),
            ("World total", '"Mine production: ilmenite, rounded"', "140"), ("World total", '"Mine production: ilmenite and rutile, rounded"', "150"),
        )
    )  # fmt: skip
    where = tmp_path / "w.duckdb"
    import_source("usgs-mcs", mcs2026(tmp_path / "u", text), where)
    frame = workspace_frames(where, 2024)["production"]
    titanium = frame[frame["mineral"] == "titanium"].set_index("country")
    assert titanium.loc["USA", ["tonnes", "low", "high", "basis"]].tolist() == [
        100_000.0,
        100_000.0,
        100_500.0,
        "oxide:TiO2",
    ] or (np.isnan(titanium.loc["USA", "low"]) and titanium.loc["USA", "high"] == 100_500.0)
    assert titanium.loc["KEN", "tonnes"] == 30_000.0 and np.isnan(titanium.loc["KEN", "high"])
    assert titanium.loc["USA", "total"] == 140_000.0


def test_a_total_that_leaves_a_country_out_gives_way_to_the_sum(tmp_path: Path) -> None:
    text = LONG_MCS.replace(
        "United States,Production,Primary production,kilograms,2024,—",
        'United States,Production,Primary production,kilograms,2024,"50,000"',
    )
    import_source("usgs-mcs", mcs2026(tmp_path / "u", text), tmp_path / "w.duckdb")
    frame = workspace_frames(tmp_path / "w.duckdb", 2024)["production"]
    assert set(frame["total"]) == {839.0 + 3 + 50}


def test_a_year_that_was_not_imported_names_those_that_were(tmp_path: Path) -> None:
    where = small(tmp_path, TRADE, COBALT, SCORES)
    with pytest.raises(UnknownLabel, match="no production and no trade of 1999 was imported; it holds 2023, 2024"):
        workspace_inputs(where, 1999)


def test_frames_that_were_not_imported_are_those_of_the_base(tmp_path: Path) -> None:
    where = small(tmp_path, TRADE, COBALT, SCORES)
    base = workspace_inputs(everything(tmp_path / "base"), 2024)
    laid = workspace_inputs(where, 2024, base=base)
    assert len(laid.eu) == len(base.eu) > 0 and len(workspace_inputs(where, 2024).eu) == 0
    assert set(laid.production["mineral"]) == {"cobalt", "gallium"}
    cobalt = laid.production[laid.production["mineral"] == "cobalt"]
    assert set(cobalt["source"]) == {"world-mining-data@other 1.0"}


def test_an_older_vintage_can_be_asked_for(tmp_path: Path) -> None:
    where = everything(tmp_path)
    frames = workspace_frames(where, 2023, {"usgs-mcs": "2024"})
    assert "usgs-mcs@2024" in frames["vintage"]
    gallium = frames["production"].query("mineral == 'gallium'").set_index("country")
    assert gallium.loc["CHN", "tonnes"] == 600.0


def test_the_difference_between_two_editions(tmp_path: Path) -> None:
    where = everything(tmp_path)
    with open_workspace(where) as space:
        found = vintage_diff(space, "usgs-mcs@2024", "usgs-mcs@2026")
    newer = found.newer.query("mineral == 'gallium' and country == 'CHN'").set_index("what")
    row = newer.loc["refining, production, low-purity primary Ga"]
    assert (row["old"], row["year_old"], row["new"], row["year_new"], row["change"]) == (
        600.0,
        2023,
        839.0,
        2024,
        239.0,
    )
    # Against the larger of both sides, summed over the countries: China 839, Japan 3, United States and others 0.
    assert row["weight"] == pytest.approx(239 / 842)
    known = found.newer.dropna(subset=["old", "new"])
    assert known["weight"].is_monotonic_decreasing and list(known.index) == list(range(len(known)))
    # HHI 2023: only China and Japan have output: shares 600/603 and 3/603.
    gallium = found.answers.query("mineral == 'gallium' and method == 'HHI'").iloc[0]
    assert gallium["old"] == pytest.approx((600**2 + 3**2) / 603**2)
    assert gallium["new"] == pytest.approx((839**2 + 3**2) / 842**2)


def test_a_revised_figure_of_the_same_year_is_told_apart(tmp_path: Path) -> None:
    where = tmp_path / "w.duckdb"
    import_source("usgs-mcs", mcs2026(tmp_path / "a"), where)
    later = LONG_MCS.replace('kilograms,2024,"839,000"', 'kilograms,2024,"974,000"')
    import_source("usgs-mcs", mcs2026(tmp_path / "b", later), where, wish=Wish(vintage="2026-v2"))
    with open_workspace(where) as space:
        found = vintage_diff(space, "usgs-mcs@2026", "usgs-mcs@2026-v2")
    (row,) = [r for r in found.revised.to_dict("records") if r["mineral"] == "gallium"]
    assert (row["country"], row["old"], row["new"], row["year_old"]) == ("CHN", 839.0, 974.0, 2024)
    assert found.newer.empty


def test_an_edition_against_the_world_and_against_itself(tmp_path: Path) -> None:
    where = everything(tmp_path)
    world = load_world()
    with open_workspace(where) as space:
        found = vintage_diff(space, "world", "baci", world=world)
        assert "trade" in found.remarks[0] and found.answers.empty
        assert {"COD", "AUS"} <= set(found.revised["country"])
        with pytest.raises(UnknownLabel, match="against itself"):
            vintage_diff(space, "baci", "baci@V202601")
        with pytest.raises(UnknownLabel, match="no table to compare"):
            vintage_diff(space, "baci", "pink-sheet")


def test_a_new_edition_of_trade_moves_geopolrisk_and_nothing_else(tmp_path: Path) -> None:
    """Japan bought 60 t from COD and 40 t from AUS, now 40 and 60: IR 0.66 becomes 0.4 x 0.9 + 0.6 x 0.3 = 0.54."""
    where = small(tmp_path, TRADE, COBALT, SCORES)
    later = tmp_path / "BACI_HS92_Y2024_V202701.csv"
    later.write_bytes(baci_csv(["2024,180,392,282200,600,40", "2024,36,392,282200,400,60", TRADE[2]]))
    import_source("baci", later, where)
    with open_workspace(where) as space:
        found = vintage_diff(space, "baci@V202601", "baci@V202701")
    row = found.answers.query("method == 'GeoPolRisk' and member == 'JPN'").iloc[0]
    assert (row["old"], row["new"]) == (pytest.approx(0.625 * 0.66), pytest.approx(0.625 * 0.54))
    assert "HHI" not in set(found.answers["method"])
    assert {(r["country"], r["partner"], r["change"]) for r in found.revised.to_dict("records")} == {
        ("COD", "JPN", -20.0), ("AUS", "JPN", 20.0),
    }  # fmt: skip
    assert found.remarks[1:] == tuple(
        f"answers of baci@{v} are of its year 2024, all else the same" for v in ("V202601", "V202701")
    )
