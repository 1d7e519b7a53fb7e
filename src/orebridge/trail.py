"""From a number back to the rows it rests on: the base year as balanced, the stated figures, their sources.

A *figure* is one row of a fact table of the chains answered. A *balanced* figure is a flow of the base year as used,
with the figures it rests on. Both have an anchor, so that a page can link a number to its row and a row to its source.
"""

from __future__ import annotations

import math
import re
import weakref
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from orebridge.labels import Labels, country_name
from orebridge.provenance import rank, weakest
from orebridge.schema import is_fact_table, keys_of

if TYPE_CHECKING:
    from orebridge.session import Response

#: Fact tables in the order a reader asks; `trade` only where a row is used, `transit` is common to all chains.
ORDER = (
    "demand",
    "tiers",
    "values",
    "production",
    "capacities",
    "recipe_terms",
    "process_days",
    "qualifications",
    "accepted_shares",
    "recipe_mix",
    "flows",
    "trade",
    "trade_factors",
    "tariffs",
    "stocks",
    "stock_days",
    "prices",
    "hosts",
    "host_rates",
    "contents",
    "limits",
    "assumptions",
    "facilities",
    "baskets",
    "projects",
    "project_support",
    "transit",
)
Place = tuple[str, int]


@dataclass(frozen=True)
class Figure:
    """One row of a fact table as its source states it; `used` marks the row in force where sources disagree."""

    anchor: str
    table: str
    what: str
    stated: str
    low: str
    high: str
    year: str
    confidence: str
    source: str
    note: str
    place: str
    used: bool


@dataclass(frozen=True)
class Balanced:
    """One flow of the base year: stated and used, t a year; the rows it rests on (none if inferred or a remainder)."""

    anchor: str
    what: str
    stated: float
    used: float
    moved: float
    confidence: str
    source: str
    rows: tuple[Place, ...]
    inferred: bool


def anchor_of(*parts: object) -> str:
    """An id for a page made of words, safe in any attribute.

    >>> anchor_of("f", "cobalt/demand.csv", 12)
    'f-cobalt_demand_csv-12'
    """
    return "-".join(re.sub(r"[^A-Za-z0-9]+", "_", str(part)).strip("_") for part in parts)


class Trail:
    """The figures and balanced base-year flows of the chains of a response."""

    def __init__(self, response: Response) -> None:
        self._world = response.world
        self._labels = Labels.of(response)
        self._tables = response.world.tables
        self._chains = set(response.chains)
        adjustments = response.network.adjustments
        own = adjustments[adjustments["chain"].isin(self._chains)] if "chain" in adjustments else adjustments
        self.balanced = self._balance(own)
        whats = (str(row["what"]) for row in own.to_dict("records"))
        self._by_key = {tuple(what.split(" ")): b for what, b in zip(whats, self.balanced, strict=True)}
        self._cited = {place for b in self.balanced for place in b.rows}

    @classmethod
    def of(cls, response: Response) -> Trail:
        """The trail of a response, made once: every figure and page asks for it."""
        kept = _KEPT.get(id(response))
        if kept is None or kept[0]() is not response:
            for key in [key for key, (there, _) in _KEPT.items() if there() is None]:
                del _KEPT[key]
            kept = _KEPT[id(response)] = (weakref.ref(response), cls(response))
        return kept[1]

    @cached_property
    def figures(self) -> Mapping[str, tuple[Figure, ...]]:
        """The stated figures by table, those of the chains answered and those common to all."""
        return {table: rows for table in ORDER if (rows := self._figures(table))}

    @cached_property
    def _known(self) -> set[str]:
        return {f.anchor for rows in self.figures.values() for f in rows}

    # --- look-ups --------------------------------------------------------------------------------------------------
    def use(self, product: str, member: str) -> Balanced | None:
        """Base-year use of a product in a country."""
        return self._by_key.get(("demand", product, member))

    def shipment(self, commodity: str, origin: str, destination: str) -> Balanced | None:
        """Base-year shipment; None for a route the base year does not have."""
        return self._by_key.get(("shipment", commodity, origin, destination))

    def run(self, site: str, recipe: str) -> Balanced | None:
        """Base-year activity of a site with a recipe."""
        return self._by_key.get(("activity", site, recipe))

    def confidence(self, found: Iterable[Balanced | None]) -> str:
        """The weakest word of several base-year figures, `` if none of them is known."""
        known = [b.confidence for b in found if b is not None and b.confidence]
        return weakest(known) if known else ""

    def figure(self, place: Place) -> str:
        """Anchor of the figure in file and line, or `` if it is not among those shown."""
        anchor = anchor_of("f", *place)
        return anchor if anchor in self._known else ""

    def rows(self, table: str) -> Sequence[Figure]:
        """The figures of a table."""
        return self.figures.get(table, ())

    # --- building --------------------------------------------------------------------------------------------------
    def _balance(self, own: pd.DataFrame) -> list[Balanced]:
        demand = self._tables.get("demand")
        places: dict[tuple[str, str], list[Place]] = {}
        if demand is not None and len(demand):
            for c, i, file, line in demand[["commodity", "country", "file", "line"]].itertuples(index=False):
                places.setdefault((str(c), str(i)), []).append((str(file), int(line)))
        result = []
        for row in own.to_dict("records"):
            key = str(row["what"]).split(" ")
            cited = [(str(row["file"]), int(row["line"]))] if row["file"] else []
            if key[0] == "demand" and cited:
                cited = places.get((key[1], key[2]), cited)
            result.append(
                Balanced(anchor_of("b", *key), self._words(key), float(row["stated"]), float(row["used"]),
                         float(row["change_share"]), str(row["confidence"]), str(row["source"]), tuple(cited),
                         bool(row["inferred"]))
            )  # fmt: skip
        return result

    def _words(self, key: Sequence[str]) -> str:
        names = self._labels
        if key[0] == "activity":
            return f"{names.site(key[1])} runs ({key[2]})"
        if key[0] == "shipment":
            return f"{names.commodity(key[1])}, {country_name(key[2])} to {country_name(key[3])}"
        verb = {"demand": "used in", "waste": "thrown away in"}.get(key[0], key[0])
        return f"{names.commodity(key[1])} {verb} {country_name(key[2])}"

    def _figures(self, table: str) -> tuple[Figure, ...]:
        frame = self._tables.get(table)
        if frame is None or frame.empty or not is_fact_table(table):
            return ()
        frame = frame[self._concerns(table, frame)]
        if frame.empty:
            return ()
        used = set(self._world.facts(table).index)
        keys = [k for k in keys_of(table) if k in frame]
        return tuple(
            self._figure(table, keys, row, index in used)
            for index, row in zip(frame.index, frame.to_dict("records"), strict=True)
        )

    def _concerns(self, table: str, frame: pd.DataFrame) -> pd.Series:
        """Rows of the chains answered, and those common to all chains."""
        commodities, processes, sites = (self._tables[t] for t in ("commodities", "processes", "sites"))
        own = set(commodities.loc[commodities["chain"].isin(self._chains), "commodity"])
        steps = processes[processes["chain"].isin(self._chains)]
        keep = pd.Series(True, index=frame.index)
        if table in ("trade", "trade_factors"):
            cited = self._cited
            return pd.Series(
                [(f, int(n)) in cited for f, n in zip(frame["file"], frame["line"], strict=True)], index=frame.index
            )
        if "commodity" in frame:
            keep &= frame["commodity"].isin(own | self._chains | {"*"})
        if "process" in frame:
            keep &= frame["process"].isin(set(steps["process"]) | {"*"})
        if table in ("capacities", "production", "recipe_mix", "facilities"):
            keep &= frame["site"].isin(set(sites.loc[sites["process"].isin(steps["process"]), "site"]))
        if "host" in frame:
            keep &= frame["host"].isin(set(steps["host"]) - {""})
        if "kind" in frame:
            keep &= frame["kind"].isin(set(steps["kind"]) | {"*"})
        if table == "baskets":
            minerals = commodities.loc[commodities["chain"].isin(self._chains), "commodity"]
            keep &= bool(minerals.str.startswith("rare_earths/").any())
        if table == "project_support":
            known = self._tables["projects"]
            keep &= frame["project"].isin(set(known.loc[known["process"].isin(steps["process"]), "project"]))
        return keep

    def _figure(self, table: str, keys: Sequence[str], row: Mapping[Hashable, object], used: bool) -> Figure:
        low, high = (_in_stated_unit(row, end) for end in ("low", "high"))
        unit = " ".join(str(row[c]) for c in ("stated_unit", "stated_basis") if row.get(c))
        year = _float(row.get("year"))
        what = (
            str(row["name"])
            if table in ("facilities", "projects")
            else " · ".join(self._name(k, str(row[k])) for k in keys if row[k])
        )
        return Figure(
            anchor=anchor_of("f", row["file"], row["line"]),
            table=table,
            what=what,
            stated=f"{_readable(row.get('stated_value'))} {unit}".strip(),
            low=low,
            high=high,
            year="" if math.isnan(year) else f"{year:.0f}",
            confidence=str(row.get("confidence", "")),
            source=str(row.get("source", "")),
            note=str(row.get("note", "") or ""),
            place=f"{row['file']}:{row['line']}",
            used=used,
        )

    def _name(self, key: str, value: str) -> str:
        if value == "*":
            return f"any {key.replace('_', ' ')}"
        if key == "commodity":
            return self._labels.chain(value) if value in self._chains else self._labels.commodity(value)
        if key in ("country", "origin", "destination", "importer"):
            return country_name(value)
        if key == "project":
            return self._labels.project(value)
        return {"site": self._labels.site, "process": self._labels.process}.get(key, str)(value)


def _float(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def _in_stated_unit(row: Mapping[Hashable, object], end: str) -> str:
    """`low` or `high`, held in inside units, in the unit of the stated value, as the source's reader expects it."""
    stated, inside, number = _float(row.get("stated_value")), _float(row.get("value")), _float(row.get(end))
    if math.isnan(number):
        return ""
    if stated and inside:
        return readable(number * stated / inside)
    return (
        readable(number)
        if number == 0 or row.get("unit") == row.get("stated_unit")
        else f"{readable(number)} {row.get('unit')}"
    )


def _readable(value: object) -> str:
    """The stated figure with all its digits, thousands set off and powers of ten written out; other text as it is."""
    number = _float(value)
    return str(value or "") if math.isnan(number) else f"{number:,.12g}" if abs(number) < 1e12 else f"{number:,.0f}"


def readable(number: float) -> str:
    """A number with four significant figures, or whole with thousands, without powers of ten.

    >>> readable(30000000.0), readable(0.04300001), readable(57.26), readable(float("nan"))
    ('30,000,000', '0.043', '57.26', '')
    """
    if math.isnan(number):
        return ""
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.4g}" if abs(number) >= 1e-4 or number == 0 else f"{number:.2g}"


_KEPT: dict[int, tuple[weakref.ref[Response], Trail]] = {}


def weak(confidence: str) -> bool:
    """Whether a figure is derived, unverified or assumed: to be marked in every picture.

    >>> weak("read"), weak("derived"), weak("")
    (False, True, True)
    """
    return not confidence or rank(confidence) >= rank("derived")
