"""A ranking on imported figures, as a user types it: what came from the workspace, what was not there, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import typed
from orebridge.importers import import_source
from orebridge.priorities.inputs import Inputs, bundled_inputs
from orebridge.workspace import About, default_workspace, open_workspace
from orebridge.workspace_inputs import MEAN_OF_SIX, ranking_inputs, workspace_inputs
from orebridge.workspace_overlay import laid_over
from tests.importers.make import LONG_HEAD, comtrade_answer, comtrade_row, eu_folder, mcs2026, workbook
from tests.importers.test_answers import COBALT, SCORES, TRADE, small
from tests.priorities.bundled import world


def run(*words: str) -> int:
    return typed.run("priorities", "--draws", 5, *words)


def test_the_command_ranks_on_what_was_imported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Japan buys 60 t of cobalt from COD (g 0.9) and 40 t from AUS (0.3); output 75 and 25 of 100 t: 0.625 x 0.66."""
    where = small(tmp_path, TRADE, COBALT, SCORES)
    assert run("--workspace", str(where), "--for", "JPN", "--method", "geopolrisk", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    scores = {row["mineral"]: row for row in found["subjects"][0]["scores"]["geopolrisk"]}
    assert scores["cobalt"]["score"] == pytest.approx(0.625 * 0.66)
    # BACI is taken whole: what it does not list was not shipped, so no other mineral has trade.
    assert all(row["score"] is None for name, row in scores.items() if name != "cobalt")
    assert found["year"] == 2024 and found["workspace"] == str(where)
    origins = {row["frame"]: row for row in found["origins"]}
    assert origins["trade"]["editions"] == ["baci@V202601"] and not origins["trade"]["bundled"]
    assert origins["production"]["editions"] == ["world-mining-data@other 1.0"]
    assert (
        "cobalt (refining)" in origins["production"]["bundled"]
        and "cobalt (mine)" not in origins["production"]["bundled"]
    )
    assert origins["governance"]["title"] == "governance of 2023"
    assert (
        origins["eu"]["rows"] == 0
        and origins["eu"]["bundled"] == ["all of it"]
        and origins["eu"]["bundled_year"] == 2024
    )


def test_the_words_say_what_is_imported_and_what_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    where = small(tmp_path, TRADE, COBALT, SCORES)
    monkeypatch.setenv("OREBRIDGE_WORKSPACE", str(where))
    assert default_workspace() == where
    assert run("--imported", "--for", "JPN", "--method", "hhi", "--method", "geopolrisk") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"From the workspace {where}, 2024: output by country: 2 rows (world-mining-data@other 1.0)" in text
    assert "trade: 3 rows (baci@V202601)" in text and "governance of 2023: 2 rows" in text
    assert "Not in the workspace, so from the bundled tables: output by country of 2024: aluminium (refining)" in text
    assert (
        "results of the EU study of 2024: all of it" in text and "Never imported, so bundled: printed results" in text
    )
    # Without the flag the environment variable changes nothing.
    assert run("--for", "JPN", "--method", "hhi") == 0
    assert "From the workspace" not in capsys.readouterr().out


def test_the_year_is_the_newest_imported_or_the_one_asked_for(tmp_path: Path) -> None:
    where = small(tmp_path, TRADE, COBALT, SCORES)
    assert ranking_inputs(where, world=world()).year == 2024  # output of 2023 and 2024, trade of 2024
    earlier = ranking_inputs(where, 2023, world=world())
    cobalt = earlier.production.query("mineral == 'cobalt' and stage == 'mine'").set_index("country")["tonnes"]
    assert cobalt.to_dict() == {"COD": 70.0, "AUS": 30.0}
    trade = next(origin for origin in earlier.origins if origin.frame == "trade")
    assert not trade.rows and trade.bundled == ("all of it",)


def test_a_workspace_without_output_and_trade_serves_the_bundled_year_only(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import_source("eu-crm", eu_folder(tmp_path / "eu"), tmp_path / "w.duckdb")
    found = ranking_inputs(tmp_path / "w.duckdb", world=world())
    assert found.year == 2024 and {o.frame for o in found.origins if o.rows} == {"eu", "trade_parameters"}
    assert run("--workspace", str(tmp_path / "w.duckdb"), "--year", "2023") == 4
    assert "it holds no year of them" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "code", "said"), [
    (("--workspace", "{tmp}/none.duckdb"), 7, "there is no workspace yet; import a source: orebridge data import"),
    (("--workspace", "{tmp}/empty.duckdb"), 4, "the workspace is empty; import a source"),
    (("--workspace", "{tmp}/text.duckdb"), 7, "cannot be opened"),
    (("--workspace", "{tmp}/w.duckdb", "--year", "1999"), 4, "neither output nor trade of 1999 was imported; it holds output of 2023-2024 and trade of 2024. Name such a year with --year"),
    (("--workspace", "{tmp}/w.duckdb", "--edition", "baci@V2026"), 4, "nearest: baci@V202601"),
    (("--workspace", "{tmp}/w.duckdb", "--edition", "usgs-mcs"), 4, "holds no 'usgs-mcs'"),
])  # fmt: skip
def test_refusals_name_place_cause_and_repair(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:  # fmt: skip
    small(tmp_path, TRADE, COBALT, SCORES)
    nothing = About("baci", "V202601", "x", "x", "x", "x")
    with open_workspace(tmp_path / "empty.duckdb", writing=True) as space, space.replacing(nothing):
        pass
    (tmp_path / "text.duckdb").write_text("no database", encoding="utf-8")
    assert run(*(word.format(tmp=tmp_path) for word in words)) == code
    error = " ".join(capsys.readouterr().err.split())
    assert said in error and str(tmp_path) in error and "Traceback" not in error


def test_an_older_edition_can_be_named(tmp_path: Path) -> None:
    where = tmp_path / "w.duckdb"
    import_source("usgs-mcs", mcs2026(tmp_path / "a"), where)
    later = (tmp_path / "a" / "MCS2026_Commodities_Data.csv").read_text("cp1252").replace('"839,000"', '"974,000"')
    from orebridge.importers import Wish

    import_source("usgs-mcs", mcs2026(tmp_path / "b", later), where, wish=Wish(vintage="2026-v2"))
    for edition, tonnes in (("usgs-mcs@2026", 839.0), ("usgs-mcs", 974.0)):
        found = ranking_inputs(where, 2024, world=world(), editions=[edition])
        gallium = found.production.query("mineral == 'gallium' and country == 'CHN'")
        assert gallium["tonnes"].tolist() == [tonnes]
    assert "usgs-mcs@2026" in ranking_inputs(where, 2024, world=world(), editions=["usgs-mcs@2026"]).vintage


def test_results_of_the_eu_study_have_the_units_of_the_bundled_ones(tmp_path: Path) -> None:
    """Tungsten: printed 80 % import reliance, 42 % recycled; the workspace keeps shares, the methods read percent."""
    import_source("eu-crm", eu_folder(tmp_path / "eu"), tmp_path / "w.duckdb")
    found = ranking_inputs(tmp_path / "w.duckdb", world=world())
    values = found.eu.query("mineral == 'tungsten'").set_index("item")["value"]
    printed = bundled_inputs(world()).eu.query("mineral == 'tungsten'").set_index("item")["value"]
    for item in ("EoL_RIR", "IR_processing", "SI_SR", "SR", "EI"):
        assert values[item] == pytest.approx(printed[item]), item


def flows(inputs: Inputs, importer: str, mineral: str) -> list[tuple[str, float]]:
    rows = inputs.trade[(inputs.trade["importer"] == importer) & (inputs.trade["mineral"] == mineral)]
    return sorted(rows[["exporter", "tonnes"]].itertuples(index=False, name=None))


def test_comtrade_replaces_only_minerals_that_were_asked_for_whole(tmp_path: Path) -> None:
    """Ferro-niobium is the only heading of niobium; of the headings of rare earths one alone came."""
    rows = [
        comtrade_row(392, 76, "720293", 9_000_000, 5_000_000.0), comtrade_row(392, 156, "284690", 12_500_000, 3_400_000.0),
        comtrade_row(842, 392, "720293", 1_000, 7_000.0, "X"),
    ]  # fmt: skip
    (tmp_path / "comtrade.json").write_bytes(comtrade_answer(rows))
    import_source("comtrade", tmp_path / "comtrade.json", tmp_path / "w.duckdb")
    found, bundled = ranking_inputs(tmp_path / "w.duckdb", world=world()), bundled_inputs(world())
    # What the United States report as exports to Japan is not added to what Japan reports as imports.
    assert flows(found, "JPN", "niobium") == [("BRA", 5000.0)]
    assert flows(found, "JPN", "rare_earths") == flows(bundled, "JPN", "rare_earths") != []
    assert flows(found, "USA", "niobium") == flows(bundled, "USA", "niobium") != []
    trade, exports = (next(o for o in found.origins if o.frame == name) for name in ("trade", "exports"))
    assert trade.rows == 1 and any(name.startswith("JPN (") for name in trade.bundled)
    assert not exports.rows and len(found.exports) == len(bundled.exports)


def test_the_mean_of_six_indicators_needs_all_six(tmp_path: Path) -> None:
    rows = [LONG_HEAD]
    for code, names in (("AFG", ("va", "pv", "ge", "rq", "rl", "cc")), ("AGO", ("va", "pv", "ge", "rq", "rl"))):
        rows += [
            [f"{code}{n}2024", code, code, 2024, n, at - 2.0, 0.1 * (at + 1), 7, 1, 0, 5] for at, n in enumerate(names)
        ]
    (tmp_path / "wgidataset.xlsx").write_bytes(workbook({"Sheet1": rows}))
    where = small(tmp_path, TRADE, COBALT, SCORES)
    import_source("world-bank-governance", tmp_path / "wgidataset.xlsx", where)
    inputs = workspace_inputs(where, 2024)
    mean = inputs.governance[inputs.governance["indicator"] == MEAN_OF_SIX].set_index("country")
    # (-2 - 1 + 0 + 1 + 2 + 3) / 6 = 0.5; errors 0.1 to 0.6, mean 0.35.
    assert list(mean.index) == ["AFG"] and mean.loc["AFG", ["score", "low", "high"]].tolist() == pytest.approx(
        [0.5, 0.15, 0.85]
    )


def test_laying_nothing_over_the_bundled_tables_changes_nothing() -> None:
    base = bundled_inputs(world())
    frames = {name: getattr(base, name).iloc[:0] for name in ("production", "trade", "exports", "governance", "prices",
              "net_import_reliance", "reserves", "eu", "trade_parameters")}  # fmt: skip
    laid = laid_over(base, 2024, {**frames, "version": ""})
    for name in frames:
        assert getattr(laid, name).equals(getattr(base, name)), name


def test_flows_to_others_do_not_change_the_draws() -> None:
    from orebridge.priorities.arrays import arrays_for

    base, rows = bundled_inputs(world()), [None, (0, frozenset({"trade"})), (1, frozenset({"trade"}))]
    every, some = arrays_for(base, rows), arrays_for(base, rows, importers=("JPN",))
    japan = (every.trade["importer"] == "JPN").to_numpy()
    assert 0 < len(some.trade) < len(every.trade)
    np.testing.assert_array_equal(every.traded[:, japan], some.traded)
    np.testing.assert_array_equal(every.has_trade, some.has_trade)
