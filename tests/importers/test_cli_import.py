"""The commands as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import typer

from orebridge.cli import app
from orebridge.errors import ImportRefused, OutputError, UnknownLabel, WorkspaceError

from .make import BACI_ROWS, LONG_MCS, baci_csv, baci_folder, mcs2024, mcs2026


def run(*arguments: str) -> None:
    app(["data", *arguments], standalone_mode=False)


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_import_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("import", "usgs-mcs", str(mcs2024(tmp_path / "given")), "--workspace", str(tmp_path / "w.duckdb"))
    text = shown(capsys)
    assert "usgs-mcs@2024:" in text and "Left out" in text and "the publisher packed the wrong file" in text
    assert "Corrected: mcs2024-fluor_world.csv (2024)" in text


def test_import_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("import", "baci", str(baci_folder(tmp_path / "given")), "--workspace", str(tmp_path), "--json")
    record = json.loads(capsys.readouterr().out)
    assert (record["source"], record["vintage"], record["rows"], record["parts"]) == (
        "baci",
        "V202601",
        5,
        ["HS92 2024"],
    )
    assert Path(record["workspace"]) == tmp_path / "orebridge.duckdb"


def test_imported_lists_editions_and_what_each_source_accepts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = str(tmp_path / "w.duckdb")
    run("import", "baci", str(baci_folder(tmp_path / "given")), "--workspace", where)
    capsys.readouterr()
    run("imported", "--workspace", where)
    text = shown(capsys)
    assert "baci@V202601 5 1" in text and "Etalab Open Licence 2.0" in text
    assert "CMO-Historical-Data-Monthly.xlsx" in text and "COMTRADE" not in text
    with pytest.raises(WorkspaceError, match="there is no workspace"):
        run("imported", "--workspace", str(tmp_path / "absent.duckdb"))


def test_nothing_imported_yet_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orebridge.workspace.default_workspace", lambda: tmp_path / "none.duckdb")
    run("imported")
    assert "Nothing imported yet; the workspace would be" in shown(capsys)
    assert not (tmp_path / "none.duckdb").exists()


def test_years_are_read_as_ranges_and_nonsense_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = baci_folder(tmp_path / "given")
    earlier = baci_csv([row.replace("2024,", "2019,", 1) for row in BACI_ROWS[:2]])
    (folder / "BACI_HS92_Y2019_V202601.csv").write_bytes(earlier)
    run("import", "baci", str(folder), "--workspace", str(tmp_path / "w.duckdb"), "--years", "2018-2020,1999", "--json")
    assert json.loads(capsys.readouterr().out)["parts"] == ["HS92 2019"]
    for text in ("20", "2020-2018", "2020-", "all"):
        with pytest.raises(typer.BadParameter, match="write years as"):
            run("import", "baci", str(folder), "--workspace", str(tmp_path / "w.duckdb"), "--years", text)


def test_diff_of_two_editions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = str(tmp_path / "w.duckdb")
    run("import", "usgs-mcs", str(mcs2024(tmp_path / "a")), "--workspace", where)
    run("import", "usgs-mcs", str(mcs2026(tmp_path / "b")), "--workspace", where)
    capsys.readouterr()
    run("diff", "usgs-mcs@2024", "usgs-mcs@2026", "--workspace", where, "--csv", str(tmp_path / "out"))
    text = shown(capsys)
    assert "Newer: the newest year of each against the other's" in text
    assert "CHN 600 (2023) 839 (2024) +239 28.4%" in text
    assert "Answers, largest moves in rank first" in text and "HHI world gallium 0.9901 0.9929" in text
    newer = pd.read_csv(tmp_path / "out" / "newer.csv")
    assert newer.query("mineral == 'gallium' and country == 'CHN' and old == 600")["new"].tolist() == [839.0]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["answers.csv", "newer.csv", "revised.csv"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="could not write to"):
        run("diff", "usgs-mcs@2024", "usgs-mcs@2026", "--workspace", where, "--csv", str(tmp_path / "file"))
    with pytest.raises(UnknownLabel, match=r"nearest: .*usgs-mcs@2024"):
        run("diff", "usgs-mcs@2023", "usgs-mcs@2026", "--workspace", where)


def test_diff_without_a_change_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = str(tmp_path / "w.duckdb")
    given = str(mcs2026(tmp_path / "b"))
    run("import", "usgs-mcs", given, "--workspace", where)
    run("import", "usgs-mcs", given, "--workspace", where, "--vintage", "2026-again")
    capsys.readouterr()
    run("diff", "usgs-mcs@2026", "usgs-mcs@2026-again", "--workspace", where)
    assert "No figure differs." in shown(capsys)


def test_a_refusal_is_one_message_and_exit_code_3(tmp_path: Path) -> None:
    given = mcs2026(tmp_path / "b", LONG_MCS.replace("Gallium,China", "Galium,Chyna"))
    command = [sys.executable, "-c", "from orebridge.cli import main; main()", "data", "import", "usgs-mcs", str(given)]
    done = subprocess.run(
        [*command, "--workspace", str(tmp_path / "w.duckdb")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3 and done.stdout == ""
    assert (
        done.stderr.startswith("orebridge: usgs-mcs 2026: not imported, the workspace is as it was.")
        and "Traceback" not in done.stderr
    )


def test_no_source_of_that_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownLabel, match="nearest: pink-sheet"):
        run("import", "pinksheet", str(tmp_path))
    with pytest.raises(ImportRefused, match="no such file or folder"):
        run("import", "pink-sheet", str(tmp_path / "absent.xlsx"), "--workspace", str(tmp_path / "w.duckdb"))


def test_help_does_not_load_what_only_imports_need() -> None:
    """Start-up stays quick: neither DuckDB nor pandas nor Arrow is loaded to print the help."""
    code = (
        "import sys\nfrom orebridge.cli import main\nsys.argv = ['orebridge', 'data', 'import', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('duckdb', 'pandas', 'pyarrow', 'openpyxl', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
