"""Mineral Commodity Summaries of the US Geological Survey, data releases of 2023 and later, in their three layouts.

* 2023, 2024: one CSV per commodity, `mcs2024-cobal_world.csv` and `..._salient.csv`; the unit is in the column name
* 2025: one CSV of the world, `MCS2025_World_Data.csv`, a unit column; statistics still one CSV per commodity
* 2026: one long CSV, `MCS2026_Commodities_Data.csv` (Windows encoding), world and US statistics together

World production, capacity and reserves become tonnes of the basis that the label states. US statistics keep their unit,
net import reliance becomes a share. W is withheld, NA not available: absent, never 0; a dash is the Survey's zero.
From the per-commodity statistics only net import reliance is taken: their other columns have wrong or missing units.

Source: US Geological Survey, US public domain. Not covered: commodities in carats, litres or cubic metres, editions
before 2023, trend tables, end uses.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from orebridge.errors import ImportRefused
from orebridge.importers.cells import Figure, Known, Series, figure_of
from orebridge.importers.opening import Limits, Member, Opened, text_of
from orebridge.importers.reading import Batch, Note, Reading, Rows, Wish, wrong_file
from orebridge.importers.sidefiles import SideFiles, plain
from orebridge.importers.usgs_series import TONNES, country_for, series_for
from orebridge.workspace import About

ACCEPTS = (
    "mcs2024-cobal_world.csv, a folder or zip of such files (2023, 2024), MCS2025_World_Data.csv, or "
    "MCS2026_Commodities_Data.csv"
)
ONE = re.compile(r"mcs(20\d\d)-([a-z]+)_(world|salient)\.csv")
WIDE = re.compile(r"mcs(20\d\d)_world_data\.csv")
LONG = re.compile(r"mcs(20\d\d)_commodities_data\.csv")
ENCODINGS = ("utf-8-sig", "cp1252")
KINDS = {"prod": "production", "cap": "capacity", "reserves": "reserves"}
AMOUNT = re.compile(
    r"(?P<kind>Prod|Cap|Reserves)(?:_(?P<detail>Sponge|Pigment|ore_K2O_equiv|ore))?_(?P<unit>t|kt|kg|mmt|mt|mcm|mct|kct)"
    r"(?P<est>_est)?(?:_(?P<year>20\d\d))?", re.IGNORECASE
)  # fmt: skip
#: The wide layout of 2025; the publisher writes `PROD_EST_ 2024` with a space.
WIDE_AMOUNT = re.compile(r"(?P<kind>PROD|CAP|RESERVES)_(?P<est>EST_ ?)?(?P<year>20\d\d)")
LONG_COLUMNS = ("Section", "Commodity", "Country", "Statistics", "Statistics_detail", "Unit", "Year", "Value", "Notes")
SOURCES_OF_IMPORTS = re.compile(r"Import sources (20\d\d)\W+(20\d\d)")


@dataclass
class _Job:
    """What the readers of one import share."""

    vintage: str
    side: SideFiles
    wish: Wish
    limits: Limits

    @property
    def year(self) -> int:
        """The year before the edition: that of reserves."""
        return int(self.vintage[:4]) - 1


def read(given: Opened, side: SideFiles, wish: Wish, note: Note, limits: Limits) -> Reading:
    """All files of one edition that lie in what was given."""
    chosen: list[tuple[Member, Callable[[Member, _Job], Iterator[Rows]], str]] = []
    editions: set[str] = set()
    for member in given.members:
        name = member.base.lower()
        if found := ONE.fullmatch(name):
            reader = _one_world if found[3] == "world" else _one_salient
            chosen.append((member, reader, f"{found[3]} {found[2]}"))
        elif found := WIDE.fullmatch(name):
            chosen.append((member, _wide, "world"))
        elif found := LONG.fullmatch(name):
            chosen.append((member, _long, ""))
        else:
            continue
        editions.add(found[1])
    if not chosen:
        raise wrong_file("usgs-mcs", given, ACCEPTS)
    if len(editions) > 1:
        raise ImportRefused(f"{given.path}: the editions {', '.join(sorted(editions))} together; give one at a time.")
    vintage = wish.vintage or editions.pop()
    if not re.match(r"20\d\d", vintage):
        raise ImportRefused(f"vintage {vintage!r}: begin it with the year of the edition, e.g. 2024 or 2024-v2.")
    job = _Job(vintage, side, wish, limits)
    hashes: dict[str, tuple[str, int]] = {}

    def batches() -> Iterator[Batch]:
        for member, reader, part in sorted(chosen, key=lambda item: item[2]):
            if side.leaves_out("file", member.base):
                continue
            note(f"usgs-mcs {vintage}: {member.base}")
            for rows in reader(member, job):
                yield rows.batch(part, member.name)
            hashes[member.name] = (member.sha256, member.size)

    return Reading(
        About(
            "usgs-mcs", vintage, f"Mineral Commodity Summaries {vintage}, data release", "U.S. Geological Survey",
            "https://www.usgs.gov/centers/national-minerals-information-center/mineral-commodity-summaries",
            "US public domain",
        ),
        batches(), lambda: hashes,
    )  # fmt: skip


def _csv(member: Member, job: _Job) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Header (corrected) and rows with their line; empty columns and rows at the edges are dropped."""
    reader = csv.reader(io.StringIO(text_of(member, ENCODINGS, job.limits), newline=""), strict=True)
    try:
        head = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise ImportRefused(f"{member.name}, line 1: broken CSV ({error}).") from error
    header = [
        job.side.correct(job.vintage, member.base, {"row": "header", name: name}, name) if name else "" for name in head
    ]

    def rows() -> Iterator[tuple[int, dict[str, str]]]:
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    if len(cells) != len(header):
                        raise ImportRefused(
                            f"{member.name}, line {reader.line_num}: {len(cells)} cells under {len(header)} columns; the "
                            "file is cut off or damaged. Fetch it again."
                        )
                    yield reader.line_num, {n: c.strip() for n, c in zip(header, cells, strict=True) if n}
        except csv.Error as error:
            raise ImportRefused(
                f"{member.name}, line {reader.line_num}: broken CSV ({error}); fetch the file again."
            ) from error

    return header, rows()


def _expect(member: Member, header: Sequence[str], columns: Sequence[str], what: str) -> None:
    missing = [column for column in columns if column not in header]
    if missing:
        raise ImportRefused(
            f"{member.name}, line 1: no column {', '.join(missing)}; the header is {','.join(n for n in header if n)[:200]}. "
            f"{what} was expected: it is another file, or the Survey has changed its layout."
        )


def _figure(job: _Job, member: Member, row: dict[str, str], column: str, place: str) -> Figure | None:
    """The cell as a figure, None if it is empty; raises ImportRefused if it is neither number nor known mark."""
    stated = job.side.correct(job.vintage, member.base, row, column)
    found = figure_of(stated)
    if found is None and stated:
        raise ImportRefused(
            f"{place}: {stated!r} in column {column} is no number and no mark known here (W, NA, e, <, >, a range). Correct "
            "the cell in a corrections.csv of your own (--side) or report it."
        )
    return found


def _one_world(member: Member, job: _Job) -> Iterator[Rows]:
    """A world table of one commodity."""
    found = ONE.fullmatch(member.base.lower())
    assert found is not None
    header, rows = _csv(member, job)
    _expect(member, header, ("Source", "Country", "Type"), "A world table of one commodity")
    columns = {name: AMOUNT.fullmatch(name) for name in header}
    strange = [
        n for n in header if n and not columns[n] and n not in ("Source", "Country", "Type") and "note" not in n.lower()
    ]
    if strange:
        raise ImportRefused(
            f"{member.name}, line 1: column {strange[0]!r} does not name what it holds and in which unit (such as "
            "Prod_kt_est_2023); the Survey has changed its layout."
        )
    made = Rows("production")
    for at, row in rows:
        place = f"{member.base} line {at}"
        country = None
        for name, match in columns.items():
            if match is None:
                continue
            detail = (match["detail"] or "").replace("_", " ")
            reserves = " reserves" if match["kind"].lower() == "reserves" else ""
            series = series_for(job.side, found[2], (detail or row["Type"]) + reserves, place)
            if series is None:
                continue
            country = country or country_for(job.side, row["Country"], place)
            figure = _figure(job, member, row, name, place)
            if country is None or figure is None:
                continue
            year = int(match["year"]) if match["year"] and match["kind"].lower() != "reserves" else job.year
            notes = next(
                (row[n] for n in row if n.lower().startswith(match["kind"].lower()) and "note" in n.lower()), ""
            )
            known: Known = figure.known
            if known == "reported" and (match["est"] or country.estimated):
                known = "estimated"
            _production(made, job, at, series, KINDS[match["kind"].lower()], country.country, year, figure, known,
                        match["unit"].lower(), row[name], "; ".join(t for t in (country.qualifier, notes) if t), place)  # fmt: skip
    yield made


def _production(
    made: Rows, job: _Job, at: int, series: Series, kind: str, country: str, year: int, figure: Figure, known: Known, unit: str,
    stated: str, note: str, place: str,
) -> None:  # fmt: skip
    if not job.wish.wants(year):
        return
    if unit not in TONNES:
        raise ImportRefused(f"{place}: unit {unit!r} is not a mass; leave the series out (--side) or report it.")
    scale = TONNES[unit]
    value, low, high = ((None if x is None else x * scale) for x in (figure.value, figure.low, figure.high))
    made.add(
        row=at, mineral=series.mineral, stage=series.stage, kind=kind, country=country, year=year, tonnes=value,
        low=low, high=high, basis=series.basis, stated=stated, unit=unit, known=known, note=note,
    )  # fmt: skip


def _one_salient(member: Member, job: _Job) -> Iterator[Rows]:
    """US statistics of one commodity; only net import reliance, in percent."""
    header, rows = _csv(member, job)
    _expect(member, header, ("DataSource", "Commodity", "Year"), "US statistics of one commodity")
    wanted = [name for name in header if re.search(r"(^|_)NIR(_|$)", name)]
    made = Rows("statistics")
    for at, row in rows:
        place = f"{member.base} line {at}"
        for name in wanted:
            detail = re.sub(r"(^|_)NIR(_|$)|_?(pct|ct)$|_t$", " ", name).replace("_", " ").strip()
            series = series_for(job.side, row["Commodity"], detail, place)
            figure = _figure(job, member, row, name, place) if series else None
            if series is None or figure is None:
                continue
            if not row["Year"].isdigit():
                raise ImportRefused(f"{place}: {row['Year']!r} in column Year is no year.")
            _statistic(made, job, at, series.mineral, "Net import reliance", detail, "", int(row["Year"]), figure, "percent",
                       row[name], "", place)  # fmt: skip
    yield made


def _statistic(
    made: Rows, job: _Job, at: int, mineral: str, statistic: str, detail: str, partner: str, year: int, figure: Figure, unit: str,
    stated: str, note: str, place: str,
) -> None:  # fmt: skip
    if not job.wish.wants(year):
        return
    if unit == "percent" and (figure.value or 0.0) > 100:
        raise ImportRefused(
            f"{place}: {stated!r} percent ({statistic}) is more than a whole; the cells of the row may stand in the wrong "
            "columns. Correct them in a corrections.csv of your own (--side) or report it."
        )
    whole, unit = (100.0, "share") if unit == "percent" else (1.0, unit)
    value, low, high = ((None if x is None else x / whole) for x in (figure.value, figure.low, figure.high))
    made.add(
        row=at, mineral=mineral, country="USA", statistic=statistic, detail=detail, partner=partner, year=year, value=value, low=low,
        high=high, unit=unit, stated=stated, known=figure.known, note=note,
    )  # fmt: skip


def _wide(member: Member, job: _Job) -> Iterator[Rows]:
    """The world file of 2025."""
    header, rows = _csv(member, job)
    _expect(member, header, ("COMMODITY", "COUNTRY", "TYPE", "UNIT_MEAS"), "The world data of one edition")
    amounts = {name: match for name in header if (match := WIDE_AMOUNT.fullmatch(name))}
    if not any(match["kind"] == "PROD" for match in amounts.values()):
        raise ImportRefused(f"{member.name}, line 1: no column such as PROD_2023; the Survey has changed its layout.")
    made = Rows("production")
    for at, row in rows:
        place = f"{member.base} line {at}"
        series = series_for(job.side, row["COMMODITY"], row["TYPE"], place)
        country = country_for(job.side, row["COUNTRY"], place) if series else None
        if series is None or country is None:
            continue
        for name, match in amounts.items():
            figure = _figure(job, member, row, name, place)
            if figure is None:
                continue
            known: Known = (
                "estimated" if figure.known == "reported" and (match["est"] or country.estimated) else figure.known
            )
            kind = KINDS[match["kind"].lower()]
            notes = row.get({"production": "PROD_NOTES", "capacity": "CAP_NOTES"}.get(kind, "RESERVE_NOTES"), "")
            _production(made, job, at, series, kind, country.country, int(match["year"]), figure, known,
                        row["UNIT_MEAS"].lower().strip(), row[name], notes, place)  # fmt: skip
    yield made


def _long(member: Member, job: _Job) -> Iterator[Rows]:
    """The long file of 2026: world rows to production, US rows and import sources to statistics."""
    header, rows = _csv(member, job)
    _expect(member, header, LONG_COLUMNS, "The long file of all commodities")
    world, statistics = Rows("production"), Rows("statistics")
    for at, row in rows:
        place = f"{member.base} line {at}"
        label = re.sub(r"(?i)[:,]?\s*rounded$", "", row["Statistics_detail"])
        if "World" in row["Section"]:
            _long_world(member, job, at, row, label, world, place)
        elif not job.side.leaves_out("salient", row["Commodity"]):
            _long_statistic(member, job, at, row, label, statistics, place)
    yield world
    yield statistics


def _long_world(member: Member, job: _Job, at: int, row: dict[str, str], label: str, made: Rows, place: str) -> None:
    kind = row["Statistics"].lower()
    series = series_for(job.side, row["Commodity"], label, place)
    country = country_for(job.side, row["Country"], place) if series else None
    figure = _figure(job, member, row, "Value", place) if country else None
    if series is None or country is None or figure is None:
        return
    if kind not in KINDS.values():
        raise ImportRefused(f"{place}: {row['Statistics']!r} in a world table; known are {', '.join(KINDS.values())}.")
    known: Known = figure.known
    if known == "reported":
        rounded = "rounded" in row["Statistics_detail"].lower()
        known = "rounded" if rounded else "estimated" if row["Notes"].lower().startswith("estimated") else known
    unit = plain(job.side.correct(job.vintage, member.base, row, "Unit"))
    _production(made, job, at, series, kind, country.country, _year(row["Year"], place), figure, known,
                unit, row["Value"], row["Notes"], place)  # fmt: skip


def _long_statistic(
    member: Member, job: _Job, at: int, row: dict[str, str], label: str, made: Rows, place: str
) -> None:
    series = series_for(job.side, row["Commodity"], label, place)
    figure = _figure(job, member, row, "Value", place) if series else None
    if series is None or figure is None:
        return
    statistic, partner, year = row["Statistics"], "", row["Year"]
    if sources := SOURCES_OF_IMPORTS.fullmatch(statistic):
        from_country = country_for(job.side, row["Country"], place)
        if from_country is None:
            return
        statistic, partner, year = "Import sources", from_country.country, sources[2]
    if figure.known == "reported" and row["Notes"].lower().startswith("estimated"):
        figure = replace(figure, known="estimated")
    _statistic(made, job, at, series.mineral, statistic, label, partner, _year(year, place), figure, row["Unit"].strip(),
               row["Value"], row["Notes"], place)  # fmt: skip


def _year(text: str, place: str) -> int:
    if not re.fullmatch(r"20\d\d", text):
        raise ImportRefused(f"{place}: {text!r} in column Year is no year.")
    return int(text)
