"""The commands of `orebridge data` as a user types them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from orebridge.cli import app
from orebridge.errors import NetworkError, OutputError, TableErrors

from .mini import FACT, FILES, add, edit, write


def run(*arguments: str) -> None:
    app(["data", *arguments], standalone_mode=False)


def test_check_of_a_sound_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("check", str(write(tmp_path)))
    assert "1 chain(s) checked: 0 error(s), 0 warning(s), 0 remark(s)." in " ".join(capsys.readouterr().out.split())


def test_check_lists_findings_and_remarks_do_not_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path, add("sites", "jpn-second,Second,sintering,,JPN,JPN,operating,me,read"))
    run("check", str(folder))
    shown = " ".join(capsys.readouterr().out.split())
    assert "info: jpn-second: operates, but no output is stated; it stays absent. Repair: add a row" in shown


def test_check_fails_on_errors_and_on_a_chain_that_cannot_be_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = edit("recipe_terms", "smelting,usual,in,dysprosium/ore,1.05", "smelting,usual,in,dysprosium/ore,0.95")
    with pytest.raises(NetworkError, match=r"1 error\(s\) in the network") as caught:
        run("check", str(write(tmp_path / "a", wrong)))
    assert caught.value.exit_code == 5
    assert "error: smelting/usual" in capsys.readouterr().out
    # A second chain without process days cannot be built; the first is checked all the same.
    second = (
        add("chains", "other,Other,ore,tin,"),
        add("commodities", "tin/ore,other,Tin ore,1,element,Sn,"),
        add("processes", "digging,other,mining,Digging,t of ore"),
        add("recipes", "digging,usual,As today,yes"),
        add("recipe_terms", "digging,usual,out,tin/ore,1,t/t,,,,me,read"),
        add("sites", "jpn-second,Second,sintering,,JPN,JPN,operating,me,read"),
    )
    with pytest.raises(NetworkError):
        run("check", str(write(tmp_path / "b", *second)))
    shown = " ".join(capsys.readouterr().out.split())
    assert "process_days.csv states no days for digging" in shown
    assert "jpn-second: operates" in shown
    assert "2 chain(s) checked: 1 error(s), 0 warning(s), 2 remark(s)" in shown


def test_check_of_malformed_tables_is_a_table_error(tmp_path: Path) -> None:
    with pytest.raises(TableErrors) as caught:
        run("check", str(write(tmp_path, edit("demand", "USA,all", "WLD,all"))))
    assert caught.value.exit_code == 3


def test_show_fits_and_names_the_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("show", "dysprosium", "--world", str(write(tmp_path)))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0] == "Dysprosium"
    assert "…" not in "".join(lines)
    assert any("https://example.org/notes" in line for line in lines)


def test_sources_count_by_confidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "sources.csv"
    run("sources", "--world", str(write(tmp_path / "world")), "--csv", str(target))
    assert max(len(line) for line in capsys.readouterr().out.splitlines()) <= 100
    with target.open(encoding="utf-8", newline="") as stream:
        rows = {row["source"]: row for row in csv.DictReader(stream)}
    assumed = sum(text.count(",assumed") for text in FILES.values())
    assert rows["me"]["assumed"] == str(assumed)
    assert rows["me"]["address"] == "https://example.org/notes"
    assert rows["them"]["figures"] == "0"
    assert int(rows["all"]["figures"]) == int(rows["me"]["figures"])


def test_reconcile_writes_every_figure_and_only_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, own = write(tmp_path / "world"), tmp_path / "own"
    own.mkdir()
    header = FILES["demand"].splitlines()[0]
    (own / "demand.csv").write_text(f"{header}\nndfeb/magnet,USA,all,140,t/yr,product,,,me,read\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.csv")}
    target = tmp_path / "moved.csv"
    run("reconcile", "magnets", "--world", str(world), "--data", str(own), "--csv", str(target))
    shown = capsys.readouterr().out
    assert "(own) demand.csv:2" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 100
    with target.open(encoding="utf-8", newline="") as stream:
        rows = {row["what"]: row for row in csv.DictReader(stream)}
    assert len(rows) == 9
    assert float(rows["demand ndfeb/magnet USA"]["stated_t_yr"]) == 140.0
    assert rows["demand ndfeb/magnet USA"]["row"] == "(own) demand.csv:2"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.csv") if path != target} == before


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    world = write(tmp_path / "world")
    (tmp_path / "taken").mkdir()
    for target in (tmp_path / "missing" / "a.csv", tmp_path / "taken"):
        with pytest.raises(OutputError, match="cannot write"):
            run("reconcile", "--world", str(world), "--csv", str(target))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken", "world"]


def test_own_tables_are_laid_over_for_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, own = write(tmp_path / "world"), tmp_path / "own"
    own.mkdir()
    (own / "capacities.csv").write_text(f"site,{FACT}\naus-mine,90,t/yr,element,,,me,read\n", encoding="utf-8")
    # With or without --data: a folder without chains.csv is no world of its own.
    for arguments in (["--world", str(world), "--data", str(own)], [str(own), "--world", str(world)]):
        run("check", *arguments)
        shown = " ".join(capsys.readouterr().out.split())
        assert "note: (own) capacities.csv:2 replaces capacities.csv:2." in shown
        assert "warning: aus-mine: base output 105 t/yr exceeds capacity 90" in shown
