"""What BACI's numbers mean: headings wanted, country codes, units; shared by its CSV and SQLite forms."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from orebridge.errors import ImportRefused
from orebridge.importers.sidefiles import SideFiles, numeric_countries, own_table
from orebridge.workspace import About

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

UNKNOWN, LEFT_OUT = -1, -2
COUNTRIES, HEADINGS = 1000, 1_000_000
#: What an absent quantity looks like.
ABSENT = ("", "NA", "NaN", "nan")


def about(vintage: str, confidence: str = "read") -> About:
    """BACI, of a vintage."""
    return About(
        "baci", vintage, f"BACI international trade database, HS 1992, {vintage}", "CEPII",
        "https://www.cepii.fr/CEPII/en/bdd_modele/bdd_modele_item.asp?id=37", "Etalab Open Licence 2.0", confidence,
    )  # fmt: skip


class Codes:
    """Headings wanted, and what each country code means as arrays indexed by the code.

    `listed` is CEPII's own list (code -> ISO alpha-3), if it came with the file: where it contradicts the name map the
    import stops, because the same number would then mean another country.
    """

    def __init__(self, side: SideFiles, listed: Mapping[str, str]) -> None:
        self.side = side
        rows = own_table("hs.csv")
        self.headings = [row["hs"] for row in rows]
        #: Number of a heading -> one more than its place in `headings`, 0 if not wanted (zeros cost no memory).
        self.place: NDArray[np.int16] = np.zeros(HEADINGS, np.int16)
        self.place[[int(hs) for hs in self.headings]] = 1 + np.arange(len(self.headings))
        self.last_year = {int(row["hs"]): int(row["last_year"]) for row in rows if row["last_year"]}
        self.dead_because = {int(row["hs"]): row["note"] for row in rows if row["last_year"]}
        meaning = dict(numeric_countries())
        for (kind, published), name in side.names.items():
            if kind == "code":
                meaning[int(published)] = name
        excluded = {int(published) for kind, published in side.excluded if kind == "code"}
        for code, iso in listed.items():
            ours = meaning.get(int(code)) if code.isdigit() else None
            if ours is not None and len(iso) == 3 and iso.isalpha() and iso != ours and int(code) not in excluded:
                raise ImportRefused(
                    f"country code {code} is {iso} in CEPII's list and {ours} in the name map; say which holds in a "
                    f"names.csv of your own (code,{code},ISO) and import with --side."
                )
        self.names = np.array(sorted(set(meaning.values())))
        position = {str(name): at for at, name in enumerate(self.names)}
        self.table: NDArray[np.int16] = np.full(COUNTRIES, UNKNOWN, np.int16)
        for number, country in meaning.items():
            self.table[number] = position[country]
        self.table[sorted(excluded)] = LEFT_OUT


@dataclass(frozen=True)
class Columns:
    """BACI's six columns as arrays; NaN where a quantity is absent."""

    year: NDArray[np.int64]
    exporter: NDArray[np.int64]
    importer: NDArray[np.int64]
    product: NDArray[np.int64]
    value: NDArray[np.float64]
    quantity: NDArray[np.float64]


def parsed(text: bytes, rows: NDArray[np.int64], file: str) -> Columns:
    """The lines as numbers; `rows` are their numbers in the file. Raises ImportRefused naming the first that is none."""
    import pyarrow as pa
    from pyarrow import csv

    names = ["t", "i", "j", "k", "v", "q"]
    types = {**{name: pa.int64() for name in names[:4]}, "v": pa.float64(), "q": pa.float64()}
    try:
        table = csv.read_csv(
            # Older editions pad numbers with spaces; there is no text in the file that could hold one.
            io.BytesIO(text.replace(b" ", b"")),
            read_options=csv.ReadOptions(column_names=names, use_threads=False),
            convert_options=csv.ConvertOptions(column_types=types, null_values=list(ABSENT)),
        )
    except pa.ArrowInvalid as error:
        raise _not_a_number(text, rows, file) from error
    arrays = {name: table.column(name).combine_chunks() for name in names}
    for name in names[:5]:
        if arrays[name].null_count:
            at = int(np.flatnonzero(arrays[name].is_null().to_numpy(zero_copy_only=False))[0])
            raise ImportRefused(f"{file}, line {rows[at]}: column {name} is empty; only the quantity q may be absent.")
    numbers = {name: arrays[name].to_numpy(zero_copy_only=False) for name in names}
    return Columns(*(numbers[name] for name in names))


def _not_a_number(text: bytes, rows: NDArray[np.int64], file: str) -> ImportRefused:
    for place, line in zip(rows.tolist(), text.decode("latin-1").splitlines(), strict=False):
        for name, cell in zip("tijkvq", line.split(","), strict=False):
            if name == "q" and cell.strip() in ABSENT:
                continue
            try:
                float(cell) if name in "vq" else int(cell)
            except ValueError:
                return ImportRefused(f"{file}, line {place}: {cell.strip()!r} in column {name} is not a number.")
    return ImportRefused(f"{file}: a line cannot be read as numbers; fetch the file again.")


def trade_rows(columns: Columns, rows: NDArray[np.int64], codes: Codes, file: str) -> pa.Table:
    """Rows of the table `trade`: names for codes, usd and tonnes, exclusions counted, unmapped codes noted."""
    import pyarrow as pa

    _refuse_negative(columns, rows, file)
    sides = []
    for numbers, column in ((columns.exporter, "i"), (columns.importer, "j")):
        found = _looked_up(codes.table, numbers)
        for code in np.unique(numbers[found == UNKNOWN]).tolist():
            at = int(np.flatnonzero(numbers == code)[0])
            codes.side.unmapped["code", str(code)] += int((numbers == code).sum()) - 1
            codes.side.miss("code", str(code), f"{file}, line {rows[at]}, column {column}")
        sides.append(found)
    exporter, importer = sides
    which = _looked_up(codes.place, columns.product) - 1
    keep = which >= 0
    for found, numbers in ((exporter, columns.exporter), (importer, columns.importer)):
        for code in np.unique(numbers[(found == LEFT_OUT) & keep]).tolist():
            hit = (numbers == code) & keep
            codes.side.leaves_out("code", str(code), int(hit.sum()))
            keep &= ~hit
    for code, last in codes.last_year.items():
        hit = (columns.product == code) & (columns.year > last) & keep
        if hit.any():
            codes.side.leave_out("hs", f"{code:06d} after {last}", codes.dead_because[code], int(hit.sum()))
            keep &= ~hit
    keep &= (exporter != UNKNOWN) & (importer != UNKNOWN)
    tonnes = columns.quantity[keep]
    return pa.table(
        {
            "row": rows[keep].astype(np.int32),
            "year": columns.year[keep].astype(np.int16),
            "hs": _dictionary(which[keep], codes.headings),
            "importer": _dictionary(importer[keep], codes.names.tolist()),
            "exporter": _dictionary(exporter[keep], codes.names.tolist()),
            "tonnes": pa.array(tonnes, mask=np.isnan(tonnes)),
            "usd": columns.value[keep] * 1000.0,
        }
    )


def _looked_up(table: NDArray[np.int16], numbers: NDArray[np.int64]) -> NDArray[np.int16]:
    """What the table says of each number, UNKNOWN for those outside it."""
    inside = (numbers >= 0) & (numbers < len(table))
    if inside.all():
        return table[numbers]
    return np.where(inside, table[np.where(inside, numbers, 0)], UNKNOWN).astype(np.int16)


def _dictionary(which: NDArray[np.int16], names: list[str]) -> pa.DictionaryArray:
    import pyarrow as pa

    return cast("pa.DictionaryArray", pa.DictionaryArray.from_arrays(pa.array(which), pa.array(names)))


def _refuse_negative(columns: Columns, rows: NDArray[np.int64], file: str) -> None:
    for numbers, column in ((columns.value, "v"), (columns.quantity, "q")):
        wrong = np.flatnonzero((numbers < 0) | np.isinf(numbers))
        if len(wrong):
            at = int(wrong[0])
            raise ImportRefused(f"{file}, line {rows[at]}: {numbers[at]} in column {column} cannot be.")
