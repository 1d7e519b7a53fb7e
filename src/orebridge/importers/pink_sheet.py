"""World Bank Commodity Price Data (the Pink Sheet), monthly: CMO-Historical-Data-Monthly.xlsx, sheet Monthly Prices.

Published units: nominal US dollars per metric ton, kilogram or troy ounce. Here USD per tonne of the good quoted (metal,
ore, salt: the market says which), month as YYYY-MM. "…" and an empty cell are absent.

Source: World Bank, CC BY 4.0. Not covered: indices, real prices, goods that are no mineral (listed in the exclusions).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence

from orebridge.errors import ImportRefused
from orebridge.importers.cells import number_of
from orebridge.importers.opening import Limits, Member, Opened, workbook
from orebridge.importers.reading import Batch, Note, Reading, Rows, Wish, wrong_file
from orebridge.importers.sidefiles import SideFiles
from orebridge.workspace import About

ACCEPTS = "CMO-Historical-Data-Monthly.xlsx (World Bank Commodity Markets, monthly prices)"
SHEET = "Monthly Prices"
TROY_OUNCE_KG = 0.0311034768
USD_PER_T = {"($/mt)": 1.0, "($/kg)": 1000.0, "($/troy oz)": 1000.0 / TROY_OUNCE_KG}
MONTH = re.compile(r"((?:19|20)\d\d)M(0[1-9]|1[0-2])")
UPDATED = re.compile(r"Updated on (\w+ \d{1,2}, \d{4})")
ABSENT = {"…", "...", "..", "n.a."}


def read(given: Opened, side: SideFiles, wish: Wish, note: Note, limits: Limits) -> Reading:
    """The sheet Monthly Prices: names, units, codes, then months."""
    books = given.find(lambda name: re.fullmatch(r"cmo-historical-data-monthly.*\.xlsx", name) is not None)
    if len(books) != 1:
        raise wrong_file("pink-sheet", given, ACCEPTS)
    member = books[0]
    with workbook(member, limits) as book:
        if SHEET not in book.sheetnames:
            raise ImportRefused(f"{member.name}: no sheet {SHEET!r}; it has {', '.join(book.sheetnames)}.")
        cells = book[SHEET].iter_rows(max_row=5000, max_col=200, values_only=True)
        rows = [["" if cell is None else str(cell).strip() for cell in row] for row in cells]
    at = next((n for n, row in enumerate(rows) if row and MONTH.fullmatch(row[0])), None)
    if at is None or at < 3:
        raise ImportRefused(
            f"{member.name}, {SHEET}: no row begins with a month such as 2025M01; the layout has changed."
        )
    names, units = _heads(member, rows[:at])
    vintage = wish.vintage or _updated(member, rows[:at])
    hashes = {member.name: (member.sha256, member.size)}

    def batches() -> Iterator[Batch]:
        made = Rows("prices")
        for column, name in names.items():
            note(f"pink-sheet: {name}")
            if not side.leaves_out("series", name, len(rows) - at):
                _series(member, rows, at, column, name, units[column], made, side, wish, vintage)
        yield made.batch("", member.name)

    return Reading(
        About(
            "pink-sheet", vintage, f"Commodity Price Data (The Pink Sheet), monthly, updated {vintage}", "World Bank",
            "https://www.worldbank.org/en/research/commodity-markets", "CC BY 4.0",
        ),
        batches(), lambda: hashes,
    )  # fmt: skip


def _heads(member: Member, head: Sequence[Sequence[str]]) -> tuple[dict[int, str], dict[int, str]]:
    """Names and units by column: the row of units is the one that holds ($/mt)."""
    at = next((n for n, row in enumerate(head) if "($/mt)" in row), None)
    if not at:
        raise ImportRefused(
            f"{member.name}, {SHEET}: no row of units with ($/mt) above the months; the layout has changed."
        )
    names = {column: name.rstrip("* ").strip() for column, name in enumerate(head[at - 1]) if name}
    twice = [name for name in names.values() if list(names.values()).count(name) > 1]
    if twice:
        raise ImportRefused(f"{member.name}, {SHEET}: {twice[0]!r} heads two columns.")
    return names, {column: head[at][column] for column in names}


def _updated(member: Member, head: Sequence[Sequence[str]]) -> str:
    for row in head:
        for cell in row[:3]:
            if found := UPDATED.search(cell):
                return datetime.datetime.strptime(found[1], "%B %d, %Y").date().isoformat()
    raise ImportRefused(
        f"{member.name}, {SHEET}: no line 'Updated on ...' to tell the vintage; say it with --vintage YYYY-MM-DD."
    )


def _series(
    member: Member, rows: Sequence[Sequence[str]], start: int, column: int, name: str, unit: str, made: Rows, side: SideFiles,
    wish: Wish, vintage: str,
) -> None:  # fmt: skip
    mineral = side.name("series", name, f"{member.base} {SHEET}, column {column + 1}")
    unit = side.correct(vintage, member.base, {"series": name, "unit": unit}, "unit")
    if mineral is None:
        return
    if unit not in USD_PER_T:
        raise ImportRefused(f"{member.name}, {SHEET}: {name} in {unit}; known are {', '.join(USD_PER_T)}.")
    for at, row in enumerate(rows[start:], start + 1):
        month = MONTH.fullmatch(row[0])
        if month is None:
            if row[0]:
                raise ImportRefused(f"{member.name}, {SHEET} row {at}: {row[0]!r} where a month was expected.")
            continue
        if not wish.wants(int(month[1])) or row[column] in ABSENT:
            continue
        stated = side.correct(vintage, member.base, {"series": name, "month": row[0], "price": row[column]}, "price")
        price = number_of(stated, f"{member.base} {SHEET} row {at}", name)
        if price is not None:
            made.add(
                row=at, mineral=mineral, market=f"Pink Sheet, {name}", month=f"{month[1]}-{month[2]}",
                usd_per_t=price * USD_PER_T[unit], stated=price, unit=unit.strip("()"),
            )  # fmt: skip
