"""What every importer keeps, whatever its source."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from importlib import resources
from pathlib import Path

import pandas as pd
import pytest

from orebridge.errors import ImportRefused, UnknownLabel, WorkspaceError
from orebridge.importers import SOURCES, Wish, import_source
from orebridge.importers.opening import opened
from orebridge.importers.reading import importer
from orebridge.importers.sidefiles import CORRECTIONS, EXCLUSIONS, NAMES, STATUS, countries, side_files
from orebridge.workspace import TABLES, Workspace, open_workspace

from .make import sample

EVERY = pytest.mark.parametrize("source", list(SOURCES))
KNOWN_KINDS = {"code", "country", "series", "material"}


def content(space: Workspace) -> dict[str, pd.DataFrame]:
    """All figures with what names them, without the ids that change from import to import."""
    joined = "JOIN files f ON f.file = t.file JOIN vintages v ON v.id = f.vintage_id"
    return {
        table: space.frame(
            f"SELECT v.source, v.vintage, v.part, f.name, f.sha256, t.* EXCLUDE (file) FROM {table} t {joined} ORDER BY ALL"
        )
        for table in TABLES
    }


@EVERY
def test_rows_arrive_and_say_where_they_are_from(source: str, tmp_path: Path) -> None:
    given = sample(source, tmp_path / "given")
    done = import_source(source, given, tmp_path / "w.duckdb")
    assert done.rows > 0
    with opened(given) as members:
        bytes_of = {m.name: m.read(10**8) for m in members.members}
    with open_workspace(tmp_path / "w.duckdb") as space:
        held = content(space)
        assert sum(len(frame) for frame in held.values()) == done.rows == int(space.vintages()["rows"].sum())
        for frame in held.values():
            for _, row in frame.iterrows():
                assert row["source"] == source
                assert row["sha256"] == hashlib.sha256(bytes_of[row["name"]]).hexdigest()
                assert row["row"] >= 1
        about = space.vintages().iloc[0]
        assert about["title"] and about["publisher"] and about["url"] and about["licence"]
        assert about["confidence"] in ("read", "read_secondary")


@EVERY
def test_importing_an_edition_again_changes_nothing(source: str, tmp_path: Path) -> None:
    given, where = sample(source, tmp_path / "given"), tmp_path / "w.duckdb"
    import_source(source, given, where)
    with open_workspace(where) as space:
        before = content(space)
    import_source(source, given, where)
    with open_workspace(where) as space:
        after = content(space)
    for table, frame in before.items():
        pd.testing.assert_frame_equal(frame, after[table])


@EVERY
def test_a_cut_off_file_is_refused_and_leaves_the_workspace(source: str, tmp_path: Path) -> None:
    """Cut in the middle of the largest file; whatever can be noticed must be, and nothing is kept of it."""
    if source in ("eu-crm", "usgs-mcs", "baci"):
        pytest.skip(
            "plain text cut at a line end is a shorter, sound file; cut inside a line it is tested with the source"
        )
    given, where = sample(source, tmp_path / "given"), tmp_path / "w.duckdb"
    import_source(source, given, where)
    with open_workspace(where) as space:
        before = content(space)
    given.write_bytes(given.read_bytes()[: given.stat().st_size * 2 // 3])
    with pytest.raises(ImportRefused) as caught:
        import_source(source, given, where)
    assert given.name in str(caught.value)
    with open_workspace(where) as space:
        for table, frame in content(space).items():
            pd.testing.assert_frame_equal(frame, before[table])


@EVERY
def test_another_sources_file_is_refused_with_a_hint(source: str, tmp_path: Path) -> None:
    other = "pink-sheet" if source != "pink-sheet" else "baci"
    with pytest.raises(ImportRefused, match=rf"holds no {source} file.*It looks like .*{other}") as caught:
        import_source(source, sample(other, tmp_path / "given"), tmp_path / "w.duckdb")
    assert importer(source).ACCEPTS in str(caught.value)
    assert not (tmp_path / "w.duckdb").exists()


@EVERY
def test_years_not_wished_for_are_not_imported(source: str, tmp_path: Path) -> None:
    if source == "eu-crm":
        pytest.skip("a study has no years")
    given = sample(source, tmp_path / "given")
    with pytest.raises(ImportRefused, match="no row of it is wanted"):
        import_source(source, given, tmp_path / "w.duckdb", wish=Wish(years=frozenset({1955})))
    with pytest.raises(WorkspaceError, match="there is no workspace yet"), open_workspace(tmp_path / "w.duckdb"):
        pass


@EVERY
def test_side_files_are_sound(source: str) -> None:
    side_files(source)
    folder = resources.files("orebridge.importers") / "data" / source
    heads = {"names.csv": NAMES, "exclusions.csv": EXCLUSIONS, "corrections.csv": CORRECTIONS}
    for name, head in heads.items():
        rows = list(csv.reader(io.StringIO((folder / name).read_text(encoding="utf-8"))))
        assert tuple(rows[0]) == head
        assert all(len(row) == len(head) for row in rows), f"{source}/{name}"
        keys = [tuple(row[:2]) if name != "corrections.csv" else tuple(row[:5]) for row in rows[1:]]
        assert len(set(keys)) == len(keys), f"{source}/{name}: a row stands twice"
    for row in csv.DictReader(io.StringIO((folder / "exclusions.csv").read_text(encoding="utf-8"))):
        assert len(row["reason"]) > 10
    for row in csv.DictReader(io.StringIO((folder / "corrections.csv").read_text(encoding="utf-8"))):
        assert len(row["reason"]) > 10 and row["status"] in STATUS and row["published"] != row["corrected"]
        assert row["checked"] and row["vintage"] and row["file"] == row["file"].lower()
    for row in csv.DictReader(io.StringIO((folder / "names.csv").read_text(encoding="utf-8"))):
        assert row["kind"] in KNOWN_KINDS
        if row["kind"] in ("code", "country"):
            assert row["name"] in set(countries().values())


def test_an_unknown_source_names_the_known() -> None:
    with pytest.raises(UnknownLabel, match=r"no source is called 'bacci' \(nearest: baci\)"):
        import_source("bacci", Path("x"))


def test_a_missing_path_and_an_unreadable_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="no such file or folder"):
        import_source("baci", tmp_path / "absent.zip", tmp_path / "w.duckdb")


def test_a_zip_is_read_like_its_folder(tmp_path: Path) -> None:
    folder = sample("baci", tmp_path / "given")
    with zipfile.ZipFile(tmp_path / "BACI_HS92_V202601.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.iterdir():
            archive.write(path, f"BACI_HS92_V202601/{path.name}")
    import_source("baci", folder, tmp_path / "a.duckdb")
    import_source("baci", tmp_path / "BACI_HS92_V202601.zip", tmp_path / "b.duckdb")
    with open_workspace(tmp_path / "a.duckdb") as one, open_workspace(tmp_path / "b.duckdb") as other:
        first, second = (content(space)["trade"].drop(columns="name") for space in (one, other))
    pd.testing.assert_frame_equal(first, second)


def test_sources_and_tables_are_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "importers.md").read_text(encoding="utf-8")
    for source in SOURCES:
        assert f"| `{source}` |" in text
    for table, columns in TABLES.items():
        assert f"| `{table}` | {', '.join(columns)} |" in text
