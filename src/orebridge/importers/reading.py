"""What every importer gives: a vintage, its parts and batches of rows; and the one road from there into the workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from orebridge.errors import ImportRefused, UnknownLabel
from orebridge.importers.opening import LIMITS, Limits, Opened, opened
from orebridge.importers.sidefiles import SideFiles, side_files
from orebridge.reading import near
from orebridge.workspace import TABLES, About, open_workspace

if TYPE_CHECKING:
    import pyarrow as pa

#: Sources by the name a user types, and the module that reads each.
SOURCES: Mapping[str, str] = {
    "usgs-mcs": "usgs_mcs",
    "world-mining-data": "world_mining_data",
    "baci": "baci",
    "world-bank-governance": "world_bank_governance",
    "pink-sheet": "pink_sheet",
    "comtrade": "comtrade",
    "eu-crm": "eu_crm",
}
Note = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """What the user asked for besides source and path."""

    years: frozenset[int] | None = None
    vintage: str | None = None

    def wants(self, year: int) -> bool:
        """Whether rows of a year are wanted."""
        return self.years is None or year in self.years


@dataclass(frozen=True)
class Batch:
    """Rows of one file for one table of the workspace; `part` is what a later import of the same replaces."""

    part: str
    file: str
    table: str
    rows: pa.Table


@dataclass
class Reading:
    """A source, opened. `batches` is read once, inside the transaction."""

    about: About
    batches: Iterator[Batch]
    #: File -> (sha256, bytes); asked for when the batches are exhausted.
    files: Callable[[], Mapping[str, tuple[str, int]]]
    remarks: list[str] = field(default_factory=list)
    #: Whether another thread may read the next batch while one is written (SQLite's may not).
    ahead: bool = False


class Importer(Protocol):
    """A module that reads one source."""

    #: One line for people: what to give as PATH.
    ACCEPTS: str

    def read(self, given: Opened, side: SideFiles, wish: Wish, note: Note, limits: Limits) -> Reading:
        """Recognise the layout, or raise ImportRefused saying what was found and what was expected."""


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    source: str
    vintage: str
    parts: tuple[str, ...]
    rows: int
    left_out: tuple[tuple[str, str, str, int], ...]
    corrected: tuple[str, ...]
    remarks: tuple[str, ...]
    workspace: Path


def importer(source: str) -> Importer:
    """The module that reads a source; raises UnknownLabel naming the sources there are."""
    if source not in SOURCES:
        raise UnknownLabel(f"no source is called {source!r}{near(source, SOURCES)}; there are {', '.join(SOURCES)}.")
    return cast(Importer, import_module(f"orebridge.importers.{SOURCES[source]}"))


def import_source(
    source: str,
    path: Path,
    workspace: Path | None = None,
    *,
    side: Path | None = None,
    wish: Wish | None = None,
    note: Note = lambda _: None,
    limits: Limits = LIMITS,
) -> Imported:
    """Read a publisher's files into the workspace, all of them or nothing.

    The rows of the same source, vintage and part that were there are replaced. Raises ImportRefused with everything
    found wrong (wrong file, changed header, unmapped names, repaired cells, keys that stand twice), WorkspaceError if
    the workspace cannot be written.
    """
    module = importer(source)
    names = side_files(source, side)
    with opened(path, limits) as given:
        note(f"{source}: looking at {path.name}")
        reading = module.read(given, names, wish or Wish(), note, limits)
        with _read_ahead(reading) as batches, open_workspace(workspace, writing=True) as space:
            files: dict[tuple[str, str], int] = {}
            tables: set[str] = set()
            with space.replacing(reading.about) as writing:
                for batch in batches:
                    key = (batch.part, batch.file)
                    if key not in files:
                        files[key] = writing.file(*key)
                    writing.add(batch.table, files[key], batch.rows)
                    tables.add(batch.table)
                hashes = reading.files()
                names.check(reading.about.vintage, {name.rsplit("/", 1)[-1] for name in hashes})
                for (_, name), number in files.items():
                    writing.read(number, *hashes[name])
                if not writing.rows:
                    raise ImportRefused(f"{path}: no row of it is wanted (years, names); nothing was imported.")
                note(f"{source}: checking {writing.rows:,} rows")
                twice = [line for table in TABLES if table in tables for line in writing.twice(table)]
                if twice:
                    raise ImportRefused(
                        f"{path}: a figure stands twice, so it is not clear which holds; nothing was imported.\n"
                        + "\n".join(twice)
                        + "\nThe file may be two editions in one; or leave one of them out in an exclusions.csv (--side)."
                    )
                corrected = [(c.place, c.published, c.corrected, c.reason) for c in names.used]
                writing.notes(names.left_out, corrected)
                note(f"{source}: writing")
                rows = writing.rows
    left_out = tuple((kind, published, reason, count) for (kind, published, reason), count in names.left_out.items())
    return Imported(
        source, reading.about.vintage, tuple(dict.fromkeys(part for part, _ in files)), rows, left_out,
        tuple(f"{c.place}: {c.published} -> {c.corrected} ({c.reason})" for c in names.used),
        tuple(reading.remarks), space.path,
    )  # fmt: skip


@contextmanager
def _read_ahead(reading: Reading) -> Iterator[Iterator[Batch]]:
    """The batches; where it may be, a thread reads the next one meanwhile, and raises what it raised when asked for."""
    if not reading.ahead:
        yield reading.batches
        return
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(next, reading.batches, None)

        def batches() -> Iterator[Batch]:
            ahead = first
            while (batch := ahead.result()) is not None:
                ahead = pool.submit(next, reading.batches, None)
                yield batch

        yield batches()


def wrong_file(source: str, given: Opened, expected: str) -> ImportRefused:
    """The refusal for a path that holds nothing of the source, with a guess at which source it is."""
    guesses = _guess(given)
    hint = f" It looks like {' or '.join(guesses)}: name that source instead." if guesses else ""
    return ImportRefused(
        f"{given.path}: holds no {source} file that is known here (found {given.listing()}).{hint} Expected {expected}."
    )


def _guess(given: Opened) -> list[str]:
    """Sources whose usual file names are in what was given."""
    signs = {
        "baci": ("baci_hs", "baci.db"), "usgs-mcs": ("mcs20",), "pink-sheet": ("cmo-historical",),
        "world-mining-data": ("world_mining_data.db", "production_of_mineral_raw_materials"),
        "world-bank-governance": ("wgidataset", "wgi.db", ".est"), "eu-crm": ("eureport", "eu_crm"),
    }  # fmt: skip
    names = [member.base.lower() for member in given.members]
    return [source for source, parts in signs.items() if any(part in name for part in parts for name in names)]


def table_from(columns: Mapping[str, Sequence[object]], table: str) -> pa.Table:
    """Rows as Arrow with the types of a workspace table; `row` is added by the caller like any column."""
    import pyarrow as pa

    kinds = {"VARCHAR": pa.string(), "DOUBLE": pa.float64(), "SMALLINT": pa.int16(), "INTEGER": pa.int32()}
    typed = {"row": "INTEGER", **TABLES[table]}
    return pa.table({name: pa.array(columns[name], type=kinds[kind]) for name, kind in typed.items()})


class Rows:
    """Collects rows of one table as columns."""

    def __init__(self, table: str) -> None:
        self.table = table
        self._columns: dict[str, list[object]] = {name: [] for name in ("row", *TABLES[table])}

    def add(self, **cells: object) -> None:
        """One row; a column left out is absent."""
        for name, column in self._columns.items():
            column.append(cells.get(name))

    def __len__(self) -> int:
        return len(self._columns["row"])

    def batch(self, part: str, file: str) -> Batch:
        """The rows so far as a batch; the collection is empty afterwards."""
        made = Batch(part, file, self.table, table_from(self._columns, self.table))
        self._columns = {name: [] for name in self._columns}
        return made
