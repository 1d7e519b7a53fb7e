"""A world: all tables of one vintage, bundled or the user's own, with the version that identifies its figures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pandas as pd

from orebridge.errors import UnknownLabel
from orebridge.reading import near
from orebridge.schema import is_fact_table, keys_of
from orebridge.tables import bundled_folder, load, preferred_positions

COMMON = {
    "value", "low", "high", "unit", "basis", "year", "source", "confidence", "preferred", "note", "file", "line",
    "stated_value", "stated_unit", "stated_basis",
}  # fmt: skip
#: Files of the user's own folder are marked so in the column `file`.
OWN = "(own)"


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure used, in inside units, with where it stands; `fact["country"]` is the cell of a column of its table.

    `low`, `high` and `year` are NaN where the row states none.
    """

    value: float
    low: float
    high: float
    year: float
    unit: str
    source: str
    confidence: str
    preferred: bool
    note: str
    file: str
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    @property
    def place(self) -> str:
        """`file:line`, as faults and findings name it."""
        return f"{self.file}:{self.line}"

    @property
    def own(self) -> bool:
        """Whether the row comes from the user's own folder."""
        return self.file.startswith(OWN)


@dataclass(frozen=True)
class World:
    """Tables in inside units (see docs/tables.md), one row per key in `facts` and `rows`, all rows in `tables`."""

    tables: Mapping[str, pd.DataFrame]
    version: str
    #: Remarks that did not stop the loading, each with file and line: overlay rows that replaced others.
    findings: tuple[str, ...] = ()
    _facts: dict[str, pd.DataFrame] = field(default_factory=dict, init=False, repr=False, compare=False)
    _rows: dict[str, tuple[Fact, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def facts(self, table: str) -> pd.DataFrame:
        """The rows used: one per key, the preferred one where sources disagree. Not to be changed: the frame is kept."""
        if table not in self.tables:
            raise UnknownLabel(f"no table {table!r}{near(table, self.tables)}.")
        if table not in self._facts:
            frame = self.tables[table]
            if is_fact_table(table):
                frame = frame.iloc[preferred_positions(frame, keys_of(table))]
            self._facts[table] = frame
        return self._facts[table]

    def rows(self, table: str) -> tuple[Fact, ...]:
        """The rows of `facts` as objects, for code that goes through them one by one; structural tables have none."""
        if table not in self._rows:
            frame = self.facts(table)
            if not is_fact_table(table):
                raise UnknownLabel(f"{table} holds no figures; use `records`.")
            number = {name: _numbers(frame, name) for name in ("value", "low", "high", "year")}
            text = {name: _texts(frame, name) for name in ("unit", "source", "confidence", "preferred", "note", "file")}
            own = [str(name) for name in frame.columns if name not in COMMON]
            cells = zip(*(_texts(frame, name) for name in own), strict=True) if own else iter([()] * len(frame))
            lines = [int(number) for number in _numbers(frame, "line")]
            self._rows[table] = tuple(
                Fact(value, low, high, year, unit, source, known, sure == "yes", note, file, line, dict(zip(own, row, strict=True)))
                for (value, low, high, year), (unit, source, known, sure, note, file), line, row in zip(
                    zip(*number.values(), strict=True), zip(*text.values(), strict=True), lines, cells, strict=True
                )
            )  # fmt: skip
        return self._rows[table]

    def records(self, table: str) -> list[dict[str, str]]:
        """All cells of a table's rows as text, row by row: for the tables without figures."""
        frame = self.facts(table)
        names = [str(name) for name in frame.columns]
        columns = [_texts(frame, name) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def value(self, table: str, **key: str) -> float:
        """One figure by its key; raises UnknownLabel if it is not stated."""
        frame = self.facts(table)
        for column, label in key.items():
            if column not in frame:
                raise UnknownLabel(f"{table} has no column {column!r}; its key is {', '.join(keys_of(table))}.")
            frame = frame[frame[column] == label]
        if len(frame) != 1:
            raise UnknownLabel(
                f"{table}: {len(frame)} rows for {key}; state the key {', '.join(keys_of(table))} exactly."
            )
        return _numbers(frame, "value")[0]

    def source(self, source: str) -> pd.Series:
        """The row of sources.csv."""
        frame = self.tables["sources"]
        found = frame[frame["source"] == source]
        if found.empty:
            raise UnknownLabel(f"no source {source!r} in sources.csv{near(source, frame['source'])}.")
        return found.iloc[0]


def _numbers(frame: pd.DataFrame, column: str) -> list[float]:
    return cast(list[float], frame[column].to_numpy(dtype=float).tolist())


def _texts(frame: pd.DataFrame, column: str) -> list[str]:
    cells = frame[column].tolist()
    return [cell if isinstance(cell, str) else str(cell) for cell in cells]


def load_world(
    folder: str | Path | None = None, overlay: str | Path | None = None, tables: Collection[str] | None = None
) -> World:
    """Load the bundled world, or `folder` instead of it, with the user's own `overlay` rows in place of same-key rows.

    With `tables` (such as `schema.network_tables()`) only those are read, and `version` is theirs; asking the world for
    another is an UnknownLabel. Raises TableErrors listing every fault at once. The overlay is only read, never copied.
    """
    loaded = load(Path(folder) if folder else bundled_folder(), Path(overlay) if overlay else None, tables)
    return World(loaded.frames, loaded.version, loaded.findings)
