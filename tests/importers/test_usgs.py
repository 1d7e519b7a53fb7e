"""Mineral Commodity Summaries in their three layouts: units, marks, corrections, and what stops an import."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orebridge.errors import ImportRefused
from orebridge.importers import import_source
from orebridge.importers.cells import Figure, figure_of
from orebridge.importers.sidefiles import own_table, side_files
from orebridge.importers.usgs_series import commodities, country_for, rules, series_for
from orebridge.workspace import open_workspace

from .make import LONG_MCS, MCS2025, MCS_COBALT, MCS_GALLIUM, mcs2024, mcs2026


def production(path: Path, mineral: str) -> list[dict[str, object]]:
    with open_workspace(path) as space:
        frame = space.frame(
            "SELECT * EXCLUDE (file) FROM production WHERE mineral = ? ORDER BY file, row, kind, year", [mineral]
        )
    return [{str(k): v for k, v in row.items()} for row in frame.replace({np.nan: None}).to_dict("records")]


def statistics(path: Path) -> pd.DataFrame:
    with open_workspace(path) as space:
        return space.frame("SELECT * FROM statistics ORDER BY file, row, detail")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1,234", Figure(1234.0, None, None, "reported")), ("0.5", Figure(0.5, None, None, "reported")),
        ("e5,000", Figure(5000.0, None, None, "estimated")), ("—", Figure(0.0, None, None, "reported")),
        ("W", Figure(None, None, None, "withheld")), (" NA", Figure(None, None, None, "not available")),
        ("E", Figure(None, None, None, "net exporter")), ("XX", Figure(None, None, None, "not applicable")),
        (">9,100,000", Figure(None, 9_100_000.0, None, "bound")), ("<50", Figure(None, None, 50.0, "bound")),
        ("Less than ½ unit.", Figure(None, 0.0, 0.5, "less than half a unit")), ("s", Figure(None, 0.0, 0.5, "less than half a unit")),
        ("10,000 - 15,000", Figure(12_500.0, 10_000.0, 15_000.0, "range")), ("50–300", Figure(175.0, 50.0, 300.0, "range")),
        ("Included in World total.", Figure(None, None, None, "included elsewhere")), ("Large", Figure(None, None, None, "in words")),
        ("?1", None), ("1,23", None), ("12 t", None), ("", None), ("900-100", None),
    ],
)  # fmt: skip
def test_cells_of_the_survey(cell: str, expected: Figure | None) -> None:
    assert figure_of(cell) == expected


def test_one_file_per_commodity(tmp_path: Path) -> None:
    done = import_source("usgs-mcs", mcs2024(tmp_path / "given"), tmp_path / "w.duckdb")
    assert done.vintage == "2024" and "world cobal" in done.parts
    cobalt = production(tmp_path / "w.duckdb", "cobalt")
    usa, cod = (
        next(r for r in cobalt if r["country"] == c and r["year"] == 2023 and r["kind"] == "production")
        for c in ("USA", "COD")
    )
    assert usa | {"note": ""} == {
        "row": 2, "mineral": "cobalt", "stage": "mine", "kind": "production", "country": "USA", "year": 2023, "tonnes": 500.0,
        "low": None, "high": None, "basis": "Co content", "stated": "500", "unit": "t", "known": "estimated", "note": "",
    }  # fmt: skip
    assert cod["tonnes"] == 170_000
    assert {r["country"] for r in cobalt} == {"USA", "COD", "NCL", "WLD"}  # the footnote number 11 is no part of a name
    reserves = {r["country"]: (r["tonnes"], r["known"], r["year"]) for r in cobalt if r["kind"] == "reserves"}
    assert reserves["NCL"] == (None, "not available", 2023)
    assert reserves["USA"] == (69_000, "reported", 2023)


def test_marks_of_estimates_capacity_and_kilograms(tmp_path: Path) -> None:
    import_source("usgs-mcs", mcs2024(tmp_path / "given"), tmp_path / "w.duckdb")
    found = {(r["country"], r["kind"], r["year"]): r for r in production(tmp_path / "w.duckdb", "gallium")}
    assert (
        found["CHN", "production", 2022]["tonnes"] == 600.0 and found["CHN", "production", 2022]["known"] == "reported"
    )
    assert found["JPN", "production", 2022]["known"] == "estimated"  # Japane
    assert (
        found["KOR", "production", 2023]["tonnes"] is None and found["KOR", "production", 2023]["known"] == "withheld"
    )
    assert found["OTH", "production", 2023]["tonnes"] == 0.0  # the Survey's dash
    assert found["OTH", "capacity", 2023]["tonnes"] == 88.0
    assert (found["WLD", "capacity", 2023]["tonnes"], found["WLD", "capacity", 2023]["low"]) == (None, 1100.0)
    assert found["WLD", "production", 2023]["known"] == "estimated"


def test_a_wrong_header_is_corrected_and_a_misplaced_file_left_out(tmp_path: Path) -> None:
    done = import_source("usgs-mcs", mcs2024(tmp_path / "given"), tmp_path / "w.duckdb")
    assert "mcs2024-fluor_world.csv (2024)" in done.corrected[0]
    assert {r["country"] for r in production(tmp_path / "w.duckdb", "fluorspar")} == {"CHN", "VNM"}
    assert any("cobal_salient" in published and "wrong file" in reason for _, published, reason, _ in done.left_out)


def test_net_import_reliance_of_the_per_commodity_statistics(tmp_path: Path) -> None:
    import_source("usgs-mcs", mcs2024(tmp_path / "given"), tmp_path / "w.duckdb")
    frame = statistics(tmp_path / "w.duckdb")
    of_2023 = frame[frame["year"] == 2023].set_index("detail")
    assert of_2023.loc["Compounds-Metals", "low"] == 0.95 and of_2023.loc["Compounds-Metals", "known"] == "bound"
    assert of_2023.loc["Concentrate", "known"] == "net exporter" and pd.isna(of_2023.loc["Concentrate", "value"])


def test_a_correction_stops_the_import_once_the_publisher_has_repaired_the_cell(tmp_path: Path) -> None:
    given = mcs2024(tmp_path / "given")
    fluorspar = given / "mcs2024-fluor_world.csv"
    fluorspar.write_text(
        fluorspar.read_text(encoding="utf-8").replace('Country,"Mine production, fluorspar"', "Country,Type", 1),
        encoding="utf-8",
    )
    with pytest.raises(ImportRefused, match=r"correction\(s\) that no longer fit the file") as caught:
        import_source("usgs-mcs", given, tmp_path / "w.duckdb")
    assert "withdraw the correction" in str(caught.value)
    side = tmp_path / "side"
    side.mkdir()
    (side / "corrections.csv").write_text(
        "vintage,file,where,column,published,corrected,reason,status,checked\n"
        '2024,mcs2024-fluor_world.csv,row=header,"Mine production, fluorspar","Mine production, fluorspar",Type,repaired by the Survey,withdrawn,\n'
    )
    assert import_source("usgs-mcs", given, tmp_path / "w.duckdb", side=side).corrected == ()


def test_more_than_all_is_imported_nowhere(tmp_path: Path) -> None:
    given = mcs2024(tmp_path / "given")
    salient = given / "mcs2024-raree_salient.csv"
    salient.write_text(salient.read_text(encoding="utf-8").replace("10700,>95", "10700,292"), encoding="utf-8")
    with pytest.raises(
        ImportRefused, match=r"line 2: '292' percent .* is more than a whole; the cells of the row may stand"
    ):
        import_source("usgs-mcs", given, tmp_path / "w.duckdb")


def test_the_world_file_of_2025(tmp_path: Path) -> None:
    path = tmp_path / "MCS2025_World_Data.csv"
    path.write_bytes(MCS2025.encode("cp1252"))
    done = import_source("usgs-mcs", path, tmp_path / "w.duckdb")
    assert done.vintage == "2025"
    found = {(r["country"], r["kind"], r["year"]): r for r in production(tmp_path / "w.duckdb", "cobalt")}
    assert (found["COD", "production", 2023]["tonnes"], found["COD", "production", 2023]["known"]) == (
        175_000,
        "reported",
    )
    assert (found["COD", "production", 2024]["tonnes"], found["COD", "production", 2024]["known"]) == (
        220_000,
        "estimated",
    )
    assert found["CAN", "reserves", 2024]["tonnes"] == 220_000
    aluminium = {(r["kind"], r["year"]): r["tonnes"] for r in production(tmp_path / "w.duckdb", "aluminium")}
    assert aluminium == {
        ("production", 2023): 41.7e6,
        ("production", 2024): 43e6,
        ("capacity", 2023): 45e6,
        ("capacity", 2024): 45e6,
    }
    assert ("commodity", "Helium", "counted in cubic metres", 1) in done.left_out


def test_the_long_file_of_2026(tmp_path: Path) -> None:
    done = import_source("usgs-mcs", mcs2026(tmp_path / "given"), tmp_path / "w.duckdb")
    assert (done.vintage, done.parts) == ("2026", ("",))
    gallium = {r["country"]: (r["tonnes"], r["known"]) for r in production(tmp_path / "w.duckdb", "gallium")}
    assert gallium == {
        "CHN": (839.0, "reported"),
        "JPN": (3.0, "estimated"),
        "USA": (0.0, "reported"),
        "WLD": (848.0, "rounded"),
    }
    # The unit of vanadium's reserves is corrected: 5,800 thousand tons, not 5,800 tons.
    assert [r["tonnes"] for r in production(tmp_path / "w.duckdb", "vanadium")] == [5_800_000]
    (caesium,) = production(tmp_path / "w.duckdb", "caesium")
    assert (caesium["tonnes"], caesium["high"], caesium["country"]) == (None, 200_000, "OTH")
    # The data release holds the first edition of the chapter; version 1.3 prints 11 and more than 75 million.
    reserves = {r["country"]: (r["tonnes"], r["low"]) for r in production(tmp_path / "w.duckdb", "rare_earths")}
    assert reserves == {"BRA": (11_000_000, None), "WLD": (None, 75_000_000)}
    frame = statistics(tmp_path / "w.duckdb").set_index(["mineral", "statistic"])
    assert frame.loc[("niobium", "Shipment"), "value"] == -1  # the minus sign the encoding lost
    assert frame.loc[("germanium", "Net import reliance"), "low"] == 0.5
    sources = frame.loc[("cobalt", "Import sources")]
    assert (sources["partner"], sources["value"], sources["year"]) == ("NOR", 0.26, 2024)
    assert any(published == "Boron" for _, published, _, _ in done.left_out)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("Gallium,China", "Galium,China", r"commodity 'Galium': 1 row\(s\), first in MCS2026_Commodities_Data.csv line 2"),
        ("Gallium,China", "Gallium,Chyna", r"country 'Chyna': 1 row\(s\), first in .* \(nearest: china"),
        ('"839,000"', '"839.000,5"', r"line 2: '839.000,5' in column Value is no number and no mark known here"),
        ("kilograms,2024,\"839,000\"", "pounds,2024,\"839,000\"", "line 2: unit 'pounds' is not a mass"),
        ("kilograms,2024,\"839,000\"", "kilograms,24,\"839,000\"", "line 2: '24' in column Year is no year"),
        ("China,Production", "China,Output", "line 2: 'Output' in a world table"),
        ("Commodity,Country", "Commodity,Nation", "line 1: no column Country; the header is"),
        ('"839,000",,Yes,', '"839,000",,Yes', "line 2: 11 cells under 12 columns"),
        ('"839,000",,Yes,', '"839,000,,Yes,', r"broken CSV|cells under 12 columns"),
        ("Gallium,Japan", "Gallium,China", r"country CHN, year 2024, basis low-purity primary Ga stands more than once \(rows 2, 3\)"),
    ],
)  # fmt: skip
def test_what_stops_the_long_file(old: str, new: str, what: str, tmp_path: Path) -> None:
    assert old in LONG_MCS
    with pytest.raises(ImportRefused, match=what):
        import_source("usgs-mcs", mcs2026(tmp_path / "given", LONG_MCS.replace(old, new, 1)), tmp_path / "w.duckdb")


@pytest.mark.parametrize(
    ("name", "old", "new", "what"),
    [
        ("cobal", "Prod_t_est_2023", "Production 2023", "column 'Production 2023' does not name what it holds and in which unit"),
        ("cobal", "Prod_t_est_2023", "Prod_lb_est_2023", "column 'Prod_lb_est_2023' does not name"),
        ("galli", "Primary production,600000", "Primary production,600 tons", "'600 tons' in column Prod_kg_2022 is no number"),
        ("galli", "Source,Country", "Src,Country", "no column Source"),
    ],
)  # fmt: skip
def test_what_stops_the_per_commodity_files(name: str, old: str, new: str, what: str, tmp_path: Path) -> None:
    given = mcs2024(tmp_path / "given")
    path = given / f"mcs2024-{name}_world.csv"
    text = {"cobal": MCS_COBALT, "galli": MCS_GALLIUM}[name]
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())
    with pytest.raises(ImportRefused, match=what):
        import_source("usgs-mcs", given, tmp_path / "w.duckdb")


def test_editions_are_not_mixed(tmp_path: Path) -> None:
    mcs2026(mcs2024(tmp_path / "given"))
    with pytest.raises(ImportRefused, match="the editions 2024, 2026 together"):
        import_source("usgs-mcs", tmp_path / "given", tmp_path / "w.duckdb")


def test_a_user_can_say_what_a_new_series_counts(tmp_path: Path) -> None:
    text = LONG_MCS.replace(
        "GALLIUM,World Low-Purity Production and Production Capacity,Gallium,China",
        "BORON,World Production,Boron,China",
        1,
    )
    side = tmp_path / "side"
    side.mkdir()
    (side / "names.csv").write_text(
        "kind,published,name,note\nseries,Boron: Primary production,boron/mine/oxide:B2O3,made up\n"
    )
    import_source("usgs-mcs", mcs2026(tmp_path / "given", text), tmp_path / "w.duckdb", side=side)
    assert [r["basis"] for r in production(tmp_path / "w.duckdb", "boron")] == ["oxide:B2O3"]


def test_a_label_that_fits_two_series_alike_stops() -> None:
    side = side_files("usgs-mcs")
    assert series_for(side, "clays", "Mine production: bentonite and kaolin", "line 7") is None
    assert dict(side.unmapped) == {("series", "clays: Mine production: bentonite and kaolin"): 1}


def test_every_commodity_has_rules_and_every_rule_a_commodity() -> None:
    assert set(rules()) == {row["commodity"] for row in own_table("commodities.csv", "usgs-mcs")}
    assert len(commodities()) >= len(rules())


@pytest.mark.parametrize(
    ("printed", "country", "estimated"),
    [
        ("Japane", "JPN", True), ("Korea, Republic ofe", "KOR", True), ("New Caledonia11", "NCL", False), ("Greecee", "GRC", True),
        ("Côte d’Ivoire", "CIV", False), ("United\u00a0States1", "USA", False), ("Denmark (processed)5", "DNK", False),
        ("Congo (Kinshasa)", "COD", False), ("Burma", "MMR", False), ("Turkey, refined borates", "TUR", False), ("Chile", "CHL", False),
        ("World total (rutile, rounded)", "WLD", False), ("Other countries10", "OTH", False), ("Other countriese", "OTH", True),
        ("The Bahamas", "BHS", False), ("Suriname", "SUR", False), ("Greece", "GRC", False), ("France", "FRA", False),
    ],
)  # fmt: skip
def test_printed_countries(printed: str, country: str, estimated: bool) -> None:
    side = side_files("usgs-mcs")
    found = country_for(side, printed, "here")
    assert found is not None and (found.country, found.estimated) == (country, estimated)


def test_two_countries_under_one_label_are_left_out() -> None:
    side = side_files("usgs-mcs")
    assert country_for(side, "United\u00a0States and Canada", "here") is None
    assert side.left_out.total() == 1 and side.unmapped.total() == 0


def test_words_decide_what_is_counted() -> None:
    side = side_files("usgs-mcs")
    for commodity, label, mineral, basis in (
        ("Copper", "Refinery production", "copper", "refined Cu"), ("coppe", "Mine production, recoverable copper content", "copper", "Cu content"),
        ("Iron Ore", "Mine production: Iron content", "iron", "Fe content"), ("feore", "Iron ore - mine production - usable ore", "iron", "usable ore"),
        ("timin", "Mine production: rutile, titanium dioxide (TiO2) content.", "titanium", "TiO2 in rutile"),
        ("plati", " Mine production: Palladium", "palladium", "Pd content"), ("plati", "Mine production: Platinum reserves", "platinum_group", "all platinum-group metals"),
        ("clays", "Mine poduction, Kaolin", "kaolin", "gross weight"), ("potas", "ore K2O equiv reserves", "potash", "oxide:K2O"),
        ("potas", "ore reserves", "potash", "recoverable ore"),
    ):  # fmt: skip
        series = series_for(side, commodity, label, "here")
        assert series is not None and (series.mineral, series.basis) == (mineral, basis)
    assert series_for(side, "titan", "Pigment", "here") is None and side.unmapped.total() == 0
