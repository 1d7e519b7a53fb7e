"""The workspace: one DuckDB file that holds imported publishers' figures, each row with its file, row and vintage.

A vintage (`usgs-mcs@2026`) is written in one transaction. A stopped, failed or killed import leaves what was there
before; importing a vintage again replaces it. Absent figures are NULL with the reason in `known`, never 0.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orebridge.errors import UnknownLabel, WorkspaceError
from orebridge.reading import near

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

FILE_NAME = "orebridge.duckdb"
#: Names the workspace to use where a command names none.
ENVIRONMENT = "OREBRIDGE_WORKSPACE"
VERSION = 1
NOTHING_YET = "there is no workspace yet; import a source: orebridge data import SOURCE PATH."
#: Memory bounded (DuckDB spills to a folder beside the file); nothing is fetched from the network or read from elsewhere.
_CONFIG: Mapping[str, Any] = {
    "memory_limit": "512MB", "autoinstall_known_extensions": False, "autoload_known_extensions": False,
    "enable_external_access": False,
}  # fmt: skip
#: For writing: what is committed stands in the one file at once, not in a log beside it; and one thread, because rows come
#: a batch at a time while another thread reads the next, and a few thousand of them are not worth waking a second one.
_WRITING: Mapping[str, Any] = {**_CONFIG, "checkpoint_threshold": "0KB", "threads": 1}

#: Columns of the tables of figures; `file` and `row` come first in each and say where the figure was read.
TABLES: Mapping[str, Mapping[str, str]] = {
    "production": {
        "mineral": "VARCHAR", "stage": "VARCHAR", "kind": "VARCHAR", "country": "VARCHAR", "year": "SMALLINT",
        "tonnes": "DOUBLE", "low": "DOUBLE", "high": "DOUBLE", "basis": "VARCHAR", "stated": "VARCHAR", "unit": "VARCHAR",
        "known": "VARCHAR", "note": "VARCHAR",
    },
    "trade": {
        "year": "SMALLINT", "hs": "VARCHAR", "importer": "VARCHAR", "exporter": "VARCHAR", "tonnes": "DOUBLE",
        "usd": "DOUBLE",
    },
    "governance": {
        "country": "VARCHAR", "indicator": "VARCHAR", "year": "SMALLINT", "score": "DOUBLE", "error": "DOUBLE",
        "sources": "SMALLINT",
    },
    "prices": {
        "mineral": "VARCHAR", "market": "VARCHAR", "month": "VARCHAR", "usd_per_t": "DOUBLE", "stated": "DOUBLE",
        "unit": "VARCHAR",
    },
    "statistics": {
        "mineral": "VARCHAR", "country": "VARCHAR", "statistic": "VARCHAR", "detail": "VARCHAR", "partner": "VARCHAR",
        "year": "SMALLINT", "value": "DOUBLE", "low": "DOUBLE", "high": "DOUBLE", "unit": "VARCHAR", "stated": "VARCHAR",
        "known": "VARCHAR", "note": "VARCHAR",
    },
    "criticality": {
        "study": "VARCHAR", "mineral": "VARCHAR", "stage": "VARCHAR", "country": "VARCHAR", "item": "VARCHAR",
        "value": "DOUBLE", "unit": "VARCHAR", "stated": "VARCHAR",
    },
}  # fmt: skip
#: The columns that name a figure; a vintage holds each name once.
KEYS: Mapping[str, tuple[str, ...]] = {
    "production": ("mineral", "stage", "kind", "country", "year", "basis"),
    "trade": ("year", "hs", "importer", "exporter"),
    "governance": ("country", "indicator", "year"),
    "prices": ("market", "month"),
    "statistics": ("mineral", "country", "statistic", "detail", "partner", "year"),
    "criticality": ("study", "mineral", "stage", "country", "item"),
}
_RECORDS = {
    "about": "version INTEGER",
    "vintages": (
        "id INTEGER, source VARCHAR, vintage VARCHAR, part VARCHAR, title VARCHAR, publisher VARCHAR, url VARCHAR, "
        "licence VARCHAR, confidence VARCHAR, imported VARCHAR, rows BIGINT"
    ),
    "files": "file INTEGER, vintage_id INTEGER, name VARCHAR, sha256 VARCHAR, bytes BIGINT",
    "left_out": "vintage_id INTEGER, kind VARCHAR, published VARCHAR, reason VARCHAR, rows BIGINT",
    "corrected": "vintage_id INTEGER, place VARCHAR, published VARCHAR, corrected VARCHAR, reason VARCHAR",
}


def default_workspace() -> Path:
    """Where the workspace lies if the user names none: `OREBRIDGE_WORKSPACE`, or the platform's folder for user data."""
    named = os.environ.get(ENVIRONMENT, "").strip()
    if named:
        return workspace_file(Path(named))
    from platformdirs import user_data_path

    return user_data_path("orebridge", appauthor=False) / FILE_NAME


def workspace_file(path: Path | None) -> Path:
    """The DuckDB file that a user's `--workspace` means: a file, or a folder that holds (or will hold) one."""
    if path is None:
        return default_workspace()
    return path / FILE_NAME if path.is_dir() or not path.suffix else path


@dataclass(frozen=True)
class About:
    """What a vintage says of itself."""

    source: str
    vintage: str
    title: str
    publisher: str
    url: str
    licence: str
    #: read: the publisher's own file; read_secondary: a copy or transcription that another carries.
    confidence: str = "read"


@dataclass(frozen=True)
class FileRead:
    """One file of a vintage, as read."""

    name: str
    sha256: str
    bytes: int


class Workspace:
    """An open workspace. Use `open_workspace`."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection, made: bool) -> None:
        self.path = path
        self.connection = connection
        #: Whether its tables are there; they are made in the transaction that writes the first vintage.
        self.made = made

    def frame(self, sql: str, values: Sequence[object] | Mapping[str, object] | None = None) -> pd.DataFrame:
        """The rows of a question."""
        return self.connection.execute(sql, values).df()

    def vintages(self) -> pd.DataFrame:
        """What has been imported: one row per part of a vintage, newest vintage of each source last."""
        return self.frame(
            "SELECT source, vintage, part, rows, imported, title, publisher, url, licence, confidence FROM vintages "
            "ORDER BY source, vintage, part"
        )

    def newest(self, source: str) -> str | None:
        """The newest vintage of a source by its name, or None."""
        found = self.connection.execute("SELECT max(vintage) FROM vintages WHERE source = ?", [source]).fetchall()
        return str(found[0][0]) if found[0][0] is not None else None

    def holding(self, table: str) -> list[tuple[str, str]]:
        """Sources and their newest vintage that have rows in a table."""
        rows = self.connection.execute(
            f"SELECT source, max(vintage) FROM vintages v JOIN files f ON f.vintage_id = v.id "
            f"WHERE EXISTS (SELECT 1 FROM {table} t WHERE t.file = f.file) GROUP BY source ORDER BY source"
        ).fetchall()
        return [(str(source), str(vintage)) for source, vintage in rows]

    def require(self, name: str) -> tuple[str, str]:
        """Source and vintage of `source@vintage` (or `source`, its newest); raises UnknownLabel with what there is."""
        source, _, vintage = name.partition("@")
        known = self.connection.execute("SELECT DISTINCT source, vintage FROM vintages ORDER BY ALL").fetchall()
        names = [f"{one}@{other}" for one, other in known]
        chosen = vintage or self.newest(source) or ""
        if f"{source}@{chosen}" not in names:
            there = f"it holds {', '.join(names)}" if names else "it is empty: import a source first"
            raise UnknownLabel(f"the workspace {self.path} holds no {name!r}{near(name, names)}; {there}.")
        return source, chosen

    @contextmanager
    def replacing(self, about: About) -> Iterator[Writing]:
        """One transaction that replaces the parts of a vintage that are written to; rolled back on any error."""
        import duckdb

        self.connection.execute("BEGIN TRANSACTION")
        try:
            if not self.made:
                self.connection.execute(_tables())
            writing = Writing(self, about)
            yield writing
            writing.finish()
            self.connection.execute("COMMIT")
            self.made = True
        except BaseException as error:
            # A connection that broke has nothing to roll back; what was committed before stands either way.
            with suppress(duckdb.Error):
                self.connection.execute("ROLLBACK")
            if isinstance(error, duckdb.Error):
                raise WorkspaceError(
                    f"{self.path}: could not be written ({_first_line(error)}); nothing was changed. Check the space and "
                    "rights of its folder."
                ) from error
            raise


class Writing:
    """The one transaction that writes a vintage. What it says of itself is written last (`finish`): few statements."""

    def __init__(self, workspace: Workspace, about: About) -> None:
        self.connection, self.about = workspace.connection, about
        self._ids: dict[str, int] = {}
        self._counts: dict[int, int] = {}
        self._part_of: dict[int, int] = {}
        self._named: dict[int, tuple[str, str, int]] = {}
        held = self.connection.execute("SELECT id, part, source, vintage FROM vintages").fetchall()
        self._last_id = max((int(row[0]) for row in held), default=0)
        self._earlier = {str(row[1]): int(row[0]) for row in held if row[2:] == (about.source, about.vintage)}
        files = self.connection.execute("SELECT max(file) FROM files").fetchall() if held else []
        self._last_file = int(files[0][0] or 0) if files else 0
        self.rows = 0
        self.files: list[int] = []

    def _remove(self, old: int) -> None:
        """Take away what an earlier import left of a part."""
        for table in TABLES:
            self.connection.execute(
                f"DELETE FROM {table} WHERE file IN (SELECT file FROM files WHERE vintage_id = ?)", [old]
            )
        for table in ("files", "left_out", "corrected"):
            self.connection.execute(f"DELETE FROM {table} WHERE vintage_id = ?", [old])
        self.connection.execute("DELETE FROM vintages WHERE id = ?", [old])

    def part(self, part: str) -> int:
        """The id of a part; at first use what an earlier import left of it is taken away."""
        if part not in self._ids:
            if part in self._earlier:
                self._remove(self._earlier.pop(part))
            self._last_id += 1
            self._ids[part] = self._last_id
        return self._ids[part]

    def file(self, part: str, name: str) -> int:
        """The id of a new file of a part; its hash is set by `read` when all of it was read."""
        self._last_file += 1
        new = self._last_file
        self._part_of[new] = self.part(part)
        self._named[new] = (name, "", 0)
        self.files.append(new)
        return new

    def read(self, file: int, sha256: str, size: int) -> None:
        """Note hash and bytes of a file."""
        self._named[file] = (self._named[file][0], sha256, size)

    def add(self, table: str, file: int, rows: pa.Table) -> None:
        """Append rows (with `row` and the table's columns, in any order)."""
        columns = ["row", *TABLES[table]]
        names = ", ".join(columns)
        self.connection.register("arriving", rows)
        try:
            self.connection.execute(f"INSERT INTO {table} (file, {names}) SELECT {int(file)}, {names} FROM arriving")
        finally:
            self.connection.unregister("arriving")
        self.rows += rows.num_rows
        part = self._part_of[file]
        self._counts[part] = self._counts.get(part, 0) + rows.num_rows

    def twice(self, table: str, most: int = 10) -> list[str]:
        """Keys that stand twice among the rows written, as text with their rows; at most `most`."""
        if not self.files:
            return []
        keys = ", ".join(KEYS[table])
        files = ", ".join(str(file) for file in self.files)
        repeated = f"FROM {table} WHERE file IN ({files}) GROUP BY {keys} HAVING count(*) > 1"
        # Equal keys have equal hashes. Only if there are any (perhaps of keys that differ) are the keys themselves grouped,
        # which costs six times as much.
        hashes = self.connection.execute(f"SELECT hash({keys}) AS hashed FROM {table} WHERE file IN ({files})")
        hashed = np.sort(hashes.fetchnumpy()["hashed"])
        if not (hashed[1:] == hashed[:-1]).any():
            return []
        found = self.connection.execute(
            f"SELECT {keys}, list(DISTINCT row ORDER BY row) {repeated} ORDER BY {keys} LIMIT {most}"
        ).fetchall()
        return [
            f"{table}: {', '.join(f'{k} {v}' for k, v in zip(KEYS[table], row, strict=False))} stands more than once "
            f"(rows {', '.join(str(n) for n in row[-1][:5])})"
            for row in found
        ]

    def notes(
        self, left_out: Mapping[tuple[str, str, str], int], corrected: Iterable[tuple[str, str, str, str]]
    ) -> None:
        """What was left out and corrected, kept with the first part."""
        first = next(iter(self._ids.values()))
        self._insert("left_out", [(first, *names, count) for names, count in left_out.items()])
        self._insert("corrected", [(first, *row) for row in corrected])

    def finish(self) -> None:
        """The parts with their number of rows, and the files with their hashes."""
        about = self.about
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        common = (about.title, about.publisher, about.url, about.licence, about.confidence, now)
        self._insert("vintages", [
            (number, about.source, about.vintage, part, *common, self._counts.get(number, 0)) for part, number in self._ids.items()
        ])  # fmt: skip
        self._insert("files", [(file, self._part_of[file], *named) for file, named in self._named.items()])

    def _insert(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Rows of a table of records, a thousand in one statement."""
        for at in range(0, len(rows), 1000):
            some = rows[at : at + 1000]
            marks = ", ".join(f"({', '.join('?' for _ in row)})" for row in some)
            self.connection.execute(f"INSERT INTO {table} VALUES {marks}", [cell for row in some for cell in row])


@contextmanager
def open_workspace(path: Path | None = None, *, writing: bool = False) -> Iterator[Workspace]:
    """Open the workspace for reading, or for writing: if missing it is made with the first vintage.

    A first import that fails leaves an empty database, which is as good as none. It is not removed: another process may
    be about to write to it.

    Raises WorkspaceError if it is missing, in use by another process, damaged or of another version.
    """
    file = workspace_file(path)
    if not writing and not file.is_file():
        raise WorkspaceError(f"{file}: {NOTHING_YET}")
    import duckdb

    try:
        if writing:
            file.parent.mkdir(parents=True, exist_ok=True)
        fresh = not file.exists()
        connection = duckdb.connect(str(file), read_only=not writing, config=dict(_WRITING if writing else _CONFIG))
    except (duckdb.Error, OSError) as error:
        raise WorkspaceError(
            f"{file}: cannot be opened ({_first_line(error)}). Another process may be using it, or it is no workspace: "
            "wait, or name another with --workspace."
        ) from error
    try:
        made = not fresh and _is_made(connection, file)
        if not (made or writing):
            raise WorkspaceError(f"{file}: {NOTHING_YET}")
        yield Workspace(file, connection, made)
    finally:
        connection.close()


def _is_made(connection: duckdb.DuckDBPyConnection, file: Path) -> bool:
    """Whether this is a workspace, or an empty database as a first import leaves it that fails; else raises WorkspaceError."""
    import duckdb

    try:
        found = connection.execute("SELECT version FROM about").fetchall()
    except duckdb.Error as error:
        # Only now, because this question takes ten times as long.
        with suppress(duckdb.Error):
            if not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
                return False
        raise WorkspaceError(f"{file}: a DuckDB file, but no workspace of ours ({_first_line(error)}).") from error
    if [row[0] for row in found] != [VERSION]:
        raise WorkspaceError(
            f"{file}: a workspace of version {found[0][0] if found else 'unknown'}, this is version {VERSION}; import the "
            "sources into a new one."
        )
    return True


def _tables() -> str:
    """The statements that make the tables of a new workspace."""
    tables = dict(_RECORDS)
    for name, typed in TABLES.items():
        tables[name] = ", ".join(
            ["file INTEGER", "row INTEGER", *(f"{column} {kind}" for column, kind in typed.items())]
        )
    made = "".join(f"CREATE TABLE {name} ({columns}); " for name, columns in tables.items())
    return f"{made}INSERT INTO about VALUES ({VERSION})"


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
