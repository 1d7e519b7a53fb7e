"""The workspace: all or nothing, also when killed; refusals to open; what methods get from it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orebridge.errors import UnknownLabel, WorkspaceError
from orebridge.importers import import_source
from orebridge.importers.reading import Rows
from orebridge.workspace import About, default_workspace, open_workspace, workspace_file

from .make import baci_csv, baci_folder, mcs2024

NAME = "BACI_HS92_Y2024_V202601.csv"
ABOUT = About("made-up", "1", "A test", "us", "https://example.org", "none")


def rows_of(path: Path, table: str = "trade") -> int:
    with open_workspace(path) as space:
        return int(space.frame(f"SELECT count(*) AS n FROM {table}")["n"].iloc[0])


def test_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert workspace_file(tmp_path / "my.duckdb") == tmp_path / "my.duckdb"
    assert workspace_file(tmp_path) == tmp_path / "orebridge.duckdb"
    assert workspace_file(tmp_path / "new folder") == tmp_path / "new folder" / "orebridge.duckdb"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    if sys.platform.startswith("linux"):
        assert default_workspace() == tmp_path / "data" / "orebridge" / "orebridge.duckdb"


def test_a_missing_workspace_is_not_made_by_reading(tmp_path: Path) -> None:
    with (
        pytest.raises(WorkspaceError, match="there is no workspace yet; import a source"),
        open_workspace(tmp_path / "w.duckdb"),
    ):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("data", [b"", b"not a database at all" * 500])
def test_what_is_no_workspace_is_refused_and_left_alone(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(data)
    with pytest.raises(WorkspaceError), open_workspace(path):
        pass
    assert path.read_bytes() == data


def test_another_duckdb_file_or_version_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    connection = duckdb.connect(str(other))
    connection.execute("CREATE TABLE mine (a INTEGER)")
    connection.close()
    with (
        pytest.raises(WorkspaceError, match="a DuckDB file, but no workspace of ours"),
        open_workspace(other, writing=True),
    ):
        pass
    import_source("baci", baci_folder(tmp_path / "baci"), tmp_path / "w.duckdb")
    connection = duckdb.connect(str(tmp_path / "w.duckdb"))
    connection.execute("UPDATE about SET version = 99")
    connection.close()
    with (
        pytest.raises(WorkspaceError, match="a workspace of version 99, this is version 1"),
        open_workspace(tmp_path / "w.duckdb"),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkspaceError, match="cannot be opened"):
        import_source("baci", baci_folder(tmp_path / "baci"), tmp_path / "file" / "w.duckdb")


def test_nothing_outside_is_reached_from_sql(tmp_path: Path) -> None:
    import_source("baci", baci_folder(tmp_path / "baci"), tmp_path / "w.duckdb")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with open_workspace(tmp_path / "w.duckdb") as space:
        for sql in (
            f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')",
            f"ATTACH '{tmp_path / 'x.db'}'",
            "INSTALL httpfs",
            "LOAD httpfs",
        ):
            with pytest.raises(duckdb.Error):
                space.connection.execute(sql)
        with pytest.raises(duckdb.Error):
            space.connection.execute("INSERT INTO about VALUES (2)")


def test_an_error_half_way_leaves_what_was_there(tmp_path: Path) -> None:
    where = tmp_path / "w.duckdb"
    import_source("baci", baci_folder(tmp_path / "baci"), where)
    made = Rows("trade")
    made.add(row=1, year=2024, hs="282200", importer="JPN", exporter="COD", tonnes=1.0, usd=1.0)
    with open_workspace(where, writing=True) as space:
        about = About("baci", "V202601", "x", "x", "x", "x")
        with pytest.raises(KeyError), space.replacing(about) as writing:
            writing.add("trade", writing.file("HS92 2024", "x"), made.batch("", "").rows)
            assert space.frame("SELECT count(*) AS n FROM trade")["n"].tolist() == [1]
            raise KeyError
        assert space.frame("SELECT count(*) AS n FROM trade")["n"].tolist() == [5]
    assert rows_of(where) == 5


def test_what_is_committed_stands_in_the_one_file_at_once(tmp_path: Path) -> None:
    """Who copies the file while it is still open, or after a crash, loses no committed row in a log beside it."""
    where = tmp_path / "w.duckdb"
    import_source("baci", baci_folder(tmp_path / "baci"), where)
    made = Rows("trade")
    made.add(row=1, year=2025, hs="282200", importer="JPN", exporter="COD", tonnes=1.0, usd=1.0)
    with open_workspace(where, writing=True) as space:
        with space.replacing(About("baci", "V202601", "x", "x", "x", "x")) as writing:
            writing.add("trade", writing.file("HS92 2025", "x"), made.batch("", "").rows)
        shutil.copy(where, tmp_path / "copy.duckdb")
    assert rows_of(tmp_path / "copy.duckdb") == 6


def test_a_first_import_that_fails_is_no_obstacle_to_the_next(tmp_path: Path) -> None:
    where = tmp_path / "w.duckdb"
    about = About("baci", "V202601", "x", "x", "x", "x")
    with pytest.raises(KeyError), open_workspace(where, writing=True) as space, space.replacing(about):
        raise KeyError
    with pytest.raises(WorkspaceError, match="there is no workspace yet; import a source"), open_workspace(where):
        pass
    import_source("baci", baci_folder(tmp_path / "baci"), where)
    assert rows_of(where) == 5


def test_an_error_after_the_commit_leaves_what_was_committed(tmp_path: Path) -> None:
    where = tmp_path / "w.duckdb"
    with pytest.raises(KeyError), open_workspace(where, writing=True) as space:
        with space.replacing(About("baci", "V202601", "x", "x", "x", "x")):
            pass
        raise KeyError
    assert rows_of(where) == 0


KILLED = """
import sys, time
from pathlib import Path
from orebridge.importers import import_source
from orebridge.importers import baci

whole = baci._YearFile.batches
def slowly(self, note):
    for batch in whole(self, note):
        yield batch
        print("half", flush=True)
        time.sleep(60)
baci._YearFile.batches = slowly
import_source("baci", Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_import_leaves_what_was_there(tmp_path: Path) -> None:
    where = tmp_path / "w.duckdb"
    import_source("baci", baci_folder(tmp_path / "old"), where)
    new = tmp_path / "new"
    new.mkdir()
    (new / NAME).write_bytes(baci_csv(["2024,36,392,282200,1,1"]))
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(new), str(where)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=20)
    assert rows_of(where) == 5
    assert import_source("baci", new, where).rows == 1
    assert rows_of(where) == 1


@pytest.mark.skipif(os.name == "nt", reason="locks differ")
def test_two_at_once_are_told_apart(tmp_path: Path) -> None:
    where = tmp_path / "w.duckdb"
    import_source("baci", baci_folder(tmp_path / "old"), where)
    script = "import sys,time\nfrom pathlib import Path\nfrom orebridge.workspace import open_workspace\nwith open_workspace(Path(sys.argv[1]), writing=True):\n    print('in', flush=True)\n    time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", script, str(where)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "in\n"
        with pytest.raises(WorkspaceError, match="Another process may be using it"):
            import_source("baci", baci_folder(tmp_path / "old"), where)
    finally:
        process.kill()
        process.wait(timeout=20)
    assert rows_of(where) == 5


def test_memory_stays_bounded_whatever_the_size(tmp_path: Path) -> None:
    """Three million rows, 100 MB: the process may not hold the file, let alone its rows."""
    pytest.importorskip("resource")
    path = tmp_path / NAME
    block = b"".join(b"2024,36,392,%06d,%d.125,%d.5\n" % (850000 + n % 9000, n, n) for n in range(100_000))
    with path.open("wb") as out:
        out.write(b"t,i,j,k,v,q\n2024,36,392,282200,1,1\n")
        for _ in range(30):
            out.write(block)
    script = (
        "import resource, sys\nfrom pathlib import Path\nimport duckdb, numpy, pandas, pyarrow.csv\n"
        "from orebridge.importers import import_source\nfrom orebridge.importers import baci, baci_store\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert import_source('baci', Path(sys.argv[1]), Path(sys.argv[2])).rows == 1\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), str(tmp_path / "w.duckdb")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 60, f"{done.stdout} MB more for a file of {path.stat().st_size / 1e6:.0f} MB"


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    import_source("baci", baci_folder(tmp_path / "baci"), tmp_path / "w.duckdb", note=told.append)
    assert (
        told[0] == "baci: looking at baci"
        and told[-1] == "baci: writing"
        and any("checking 5 rows" in line for line in told)
    )


def test_choosing_a_vintage_by_name(tmp_path: Path) -> None:
    where = tmp_path / "w.duckdb"
    import_source("baci", baci_folder(tmp_path / "baci"), where)
    import_source("usgs-mcs", mcs2024(tmp_path / "usgs"), where)
    with open_workspace(where) as space:
        assert space.require("baci") == ("baci", "V202601")
        assert space.require("usgs-mcs@2024") == ("usgs-mcs", "2024")
        assert space.newest("pink-sheet") is None
        assert space.holding("trade") == [("baci", "V202601")]
        with pytest.raises(
            UnknownLabel,
            match=r"holds no 'usgs-mcs@2023' \(nearest: usgs-mcs@2024\); it holds baci@V202601, usgs-mcs@2024",
        ):
            space.require("usgs-mcs@2023")


def test_a_part_that_is_gone_from_a_new_import_of_another_part_stays(tmp_path: Path) -> None:
    where, given = tmp_path / "w.duckdb", mcs2024(tmp_path / "usgs")
    import_source("usgs-mcs", given, where)
    before = rows_of(where, "production")
    import_source("usgs-mcs", given / "mcs2024-galli_world.csv", where)
    assert rows_of(where, "production") == before


def test_hashes_differ_where_files_do(tmp_path: Path) -> None:
    import_source("baci", baci_folder(tmp_path / "baci"), tmp_path / "w.duckdb")
    with open_workspace(tmp_path / "w.duckdb") as space:
        files = space.frame("SELECT name, sha256, bytes FROM files")
    assert files["name"].tolist() == [NAME] and len(files["sha256"][0]) == 64
    assert files["bytes"].tolist() == [(tmp_path / "baci" / NAME).stat().st_size]
