"""A world: all tables of one vintage, bundled or the user's own, with the version that identifies its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from orebridge.errors import UnknownLabel
from orebridge.reading import near
from orebridge.schema import is_fact_table, keys_of
from orebridge.tables import bundled_folder, load, preferred


@dataclass(frozen=True)
class World:
    """Tables in inside units (see docs/tables.md), one row per key in `facts`, all rows in `tables`."""

    tables: Mapping[str, pd.DataFrame]
    version: str
    #: Remarks that did not stop the loading, each with file and line; overlay rows that replaced others among them.
    findings: tuple[str, ...] = ()

    def facts(self, table: str) -> pd.DataFrame:
        """The rows used: one per key, the preferred one where sources disagree."""
        if table not in self.tables:
            raise UnknownLabel(f"no table {table!r}{near(table, self.tables)}.")
        frame = self.tables[table]
        return preferred(frame, keys_of(table)) if is_fact_table(table) else frame

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
        return float(frame["value"].iloc[0])

    def source(self, source: str) -> pd.Series:
        """The row of sources.csv."""
        frame = self.tables["sources"]
        found = frame[frame["source"] == source]
        if found.empty:
            raise UnknownLabel(f"no source {source!r} in sources.csv{near(source, frame['source'])}.")
        return found.iloc[0]


def load_world(folder: str | Path | None = None, overlay: str | Path | None = None) -> World:
    """Load the bundled world, or `folder` instead of it, with the user's own `overlay` rows in place of same-key rows.

    Raises TableErrors listing every fault at once. The overlay is only read, never copied.
    """
    loaded = load(Path(folder) if folder else bundled_folder(), Path(overlay) if overlay else None)
    return World(loaded.frames, loaded.version, loaded.findings)
