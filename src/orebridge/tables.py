"""Reading a folder of tables: every fault found is reported at once, and nothing loads while one is left.

`python -m orebridge.tables [FOLDER]` prints the faults of a folder (the bundled world without an argument).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from math import isnan, nan
from pathlib import Path

import pandas as pd

from orebridge.checking import Place, check_rows, check_structure
from orebridge.errors import TableErrors, UnitError
from orebridge.reading import Row, Rows, read_folder
from orebridge.schema import VALUE_KIND, is_fact_table, keys_of, schema
from orebridge.units import conversion, finite

SIGNED = {"assumptions", "tariffs", "governance"}
NUMBERS = {"value", "low", "high", "year", "order"}
# Unit of each limit and rule, and its largest value.
RULED = {"limits", "stock_rules", "shock_distributions"}
RULE_COLUMNS = ("rule", "limit", "parameter")
RULES = {
    "surge": ("share", nan), "ramp": ("share", nan), "recover": ("months", nan), "start": ("months", nan),
    "floor": ("share", 1.0), "release": ("share", 1.0), "trigger": ("months", nan), "refill": ("share", nan),
    "probability": ("share per year", 1.0), "length": ("months", 600.0), "delay": ("months", 600.0),
    "severity": ("share", 1.0), "leakage": ("share", 1.0), "correlation": ("share", 0.99),
}  # fmt: skip
# Shares that make up a whole, by the columns that name the whole.
WHOLES = {"tiers": ["commodity", "country", "end_use"], "recipe_mix": ["site"]}
WHOLE_TOLERANCE = 0.02


@dataclass(frozen=True)
class Loaded:
    """Frames in inside units, own rows that replaced others, and the version that identifies the figures."""

    frames: dict[str, pd.DataFrame]
    findings: tuple[str, ...]
    version: str


def bundled_folder() -> Path:
    """Where the bundled world lies."""
    return Path(str(resources.files("orebridge") / "data" / "world"))


def load_tables(folder: Path, overlay: Path | None = None) -> dict[str, pd.DataFrame]:
    """Every table in inside units, or TableErrors with all faults. Rows of `overlay` replace rows with the same key."""
    return load(folder, overlay).frames


def load(folder: Path, overlay: Path | None = None, tables: Collection[str] | None = None) -> Loaded:
    """Read, check and convert the tables of a folder; raises TableErrors with every fault of every file at once.

    With `tables` only those are read and there are no frames of others; they must hold every table they refer to.

    The frames hold the columns of the schema plus `file`, `line` and, in fact tables, `stated_value`, `stated_unit`
    and `stated_basis`: the figure as its source prints it. `value`, `low`, `high` and `unit` are in inside units.
    """
    rows, faults = read_folder(folder, tables)
    findings: list[str] = []
    if overlay is not None:
        extra, more = read_folder(overlay, tables)
        faults += more
        rows, findings = _overlaid(rows, extra)
    more, spoiled = check_rows(rows)
    frames, unfit = typed(rows, spoiled, tables)
    # What recipes and sites must fit is judged where both are read.
    faults += more + (check_structure(rows) if tables is None or "recipes" in tables else []) + unfit
    if faults:
        raise TableErrors(list(dict.fromkeys(faults)))
    return Loaded(frames, tuple(findings), _version(rows))


def typed(
    rows: Mapping[str, list[Row]], spoiled: set[Place], tables: Collection[str] | None = None
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Frames in inside units, and the faults of values: units, ranges, shares. Rows in `spoiled` are not judged."""
    faults: list[str] = []
    commodity = {row.get("commodity", ""): row for row in rows.get("commodities", [])}
    frames = {}
    for table, attributes in schema().items():
        if tables is not None and table not in tables:
            continue
        items = rows.get(table, [])
        columns: dict[str, Sequence[object]] = {
            name: [row.get(name) or attribute.default for row in items] for name, attribute in attributes.items()
        }
        columns["file"] = [row["file"] for row in items]
        if is_fact_table(table):
            columns |= {f"stated_{name}": columns[name] for name in ("value", "unit", "basis")}
            columns |= _converted(table, items, commodity, spoiled, faults)
        columns["line"] = [int(row["line"]) for row in items]
        frames[table] = pd.DataFrame({name: _series(name, cells) for name, cells in columns.items()})
        faults += _whole_faults(table, frames[table], spoiled)
    return frames, faults


def _series(name: str, cells: Sequence[object]) -> pd.Series:
    if name == "line":
        return pd.Series(cells, dtype="int64")
    if name in NUMBERS:
        return pd.Series([_number(cell) for cell in cells], dtype="float64")
    return pd.Series(cells, dtype="object")


def _number(cell: object) -> float:
    """The number of a cell; NaN where the cell is blank or is reported as a fault elsewhere."""
    if isinstance(cell, float):
        return cell
    if not cell:
        return nan
    try:
        return finite(str(cell))
    except ValueError:
        return nan


def _converted(
    table: str, items: list[Row], commodity: Mapping[str, Row], spoiled: set[Place], faults: list[str]
) -> dict[str, list[object]]:
    """Columns value, low, high, unit and basis in inside units."""
    columns: dict[str, list[object]] = {name: [] for name in ("value", "low", "high", "unit", "basis")}
    kind = VALUE_KIND[table]
    known: dict[tuple[str, str, str], tuple[float, str] | str] = {}
    for row in items:
        unit, basis, name = row.get("unit", ""), row.get("basis", ""), row.get("commodity", "")
        item = commodity.get(name, {})
        found = known.get((unit, basis, name))
        if found is None:
            try:
                found = conversion(kind, unit, basis, item.get("mass", "product"), item.get("element", ""))
            except UnitError as error:
                found = str(error)
            known[unit, basis, name] = found
        factor, inside = (nan, unit) if isinstance(found, str) else found
        numbers = [_number(row.get(column, "")) * factor for column in ("value", "low", "high")]
        # A row with a wrong cell, or of a commodity with one, is reported there and not judged further.
        if (row["file"], row["line"]) not in spoiled and (item.get("file", ""), item.get("line", "")) not in spoiled:
            if isinstance(found, str):
                faults.append(f"{row['file']}:{row['line']} unit: {found}")
            else:
                faults += _range_faults(table, row, numbers, inside)
        for column, cell in zip(("value", "low", "high"), numbers, strict=True):
            columns[column].append(cell)
        columns["unit"].append(inside)
        columns["basis"].append(item.get("mass", "") if kind in ("flow", "stock") else basis)
    return columns


def _range_faults(table: str, row: Row, numbers: list[float], inside: str) -> list[str]:
    value, low, high = numbers
    slack = 1e-9 * abs(value)
    found: list[tuple[str, str]] = []
    if low > value + slack:
        found.append(("low", "is above value; correct the range."))
    if high < value - slack:
        found.append(("high", "is below value; correct the range."))
    if table not in SIGNED and any(number < 0 for number in numbers):
        found += [
            (column, "is negative; a quantity cannot be.")
            for column, number in zip(("value", "low", "high"), numbers, strict=True)
            if number < 0
        ]
    rule = next((row[column] for column in RULE_COLUMNS if column in row), "") if table in RULED else ""
    wanted, most = RULES.get(rule, ("", nan))
    if wanted and inside != wanted:
        found.append(("unit", f"does not fit this rule, which is in {wanted}."))
    elif VALUE_KIND[table] == "share" and table != "tariffs":
        most = 1.0
    found += [
        (
            column,
            f"is a share above {most:g}; state a share, or % as the unit."
            if inside != "months"
            else f"is above {most:g} months; check it.",
        )
        for column, number in zip(("value", "low", "high"), numbers, strict=True)
        if number > most + 1e-9
    ]
    if row.get("confidence") == "assumed" and (isnan(low) or isnan(high)):
        found.append(("value", "is assumed without low and high; state the range."))
    return [
        f"{row['file']}:{row['line']} {column}: {row.get(column, '')} {text}".replace("  ", " ")
        for column, text in found
    ]


def _whole_faults(table: str, frame: pd.DataFrame, spoiled: set[Place]) -> list[str]:
    if table not in WHOLES or frame.empty:
        return []
    faults = []
    for key, group in preferred(frame, keys_of(table)).groupby(WHOLES[table], sort=True):
        places = list(zip(group["file"], group["line"].astype(str), strict=True))
        total = float(group["value"].sum())
        if abs(total - 1.0) > WHOLE_TOLERANCE and not spoiled.intersection(places):
            faults.append(
                f"{places[0][0]}:{places[0][1]} value: shares of {', '.join(map(str, key))} sum to {total:.3f}, not 1; "
                f"correct them or add the missing row."
            )
    return faults


def _overlaid(rows: Rows, extra: Rows) -> tuple[Rows, list[str]]:
    """The rows of `extra` in place of those with the same key, and what was replaced."""
    merged = {table: list(items) for table, items in rows.items()}
    findings = []
    for table, items in extra.items():
        keys = keys_of(table)
        own = {tuple(row.get(key, "") for key in keys): row for row in items}
        kept = []
        for row in merged.get(table, []):
            new = own.get(tuple(row.get(key, "") for key in keys))
            if new is None:
                kept.append(row)
            else:
                findings.append(f"(own) {new['file']}:{new['line']} replaces {row['file']}:{row['line']}.")
        merged[table] = kept + [{**row, "file": f"(own) {row['file']}"} for row in items]
    return merged, findings


def _version(rows: Mapping[str, list[Row]]) -> str:
    """Hash of all cells, the same for any order of files and rows."""
    digest = hashlib.sha256()
    for table in sorted(rows):
        names = list(schema()[table])
        lines = sorted("\x1f".join(row.get(name, "") for name in names) for row in rows[table])
        digest.update("\x1e".join([table, *lines]).encode())
    return digest.hexdigest()[:12]


def preferred_positions(frame: pd.DataFrame, keys: Iterable[str]) -> list[int]:
    """Positions of one row per key: the preferred one where several sources speak, in the order of the index."""
    columns = [frame[key].tolist() for key in keys]
    kept: dict[tuple[object, ...], int] = {}
    wanted = [cell == "yes" for cell in frame["preferred"].tolist()]
    sure: set[tuple[object, ...]] = set()
    for position, key in enumerate(zip(*columns, strict=True)):
        if key not in kept or (wanted[position] and key not in sure):
            kept[key] = position
            if wanted[position]:
                sure.add(key)
    index = frame.index.tolist()
    return sorted(kept.values(), key=lambda position: index[position])


def preferred(frame: pd.DataFrame, keys: Iterable[str]) -> pd.DataFrame:
    """One row per key: the preferred one where several sources speak."""
    return frame.iloc[preferred_positions(frame, keys)]


def main(arguments: list[str]) -> int:
    """Print the faults of a folder; 0 if there are none."""
    folder = Path(arguments[0]) if arguments else bundled_folder()
    try:
        loaded = load(folder)
    except TableErrors as error:
        sys.stdout.write("\n".join(error.faults) + f"\n{len(error.faults)} fault(s)\n")
        return error.exit_code
    count = sum(len(frame) for frame in loaded.frames.values())
    sys.stdout.write("".join(f"note: {text}\n" for text in loaded.findings))
    sys.stdout.write(f"no faults; {count} rows, version {loaded.version}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
