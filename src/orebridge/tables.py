"""Reading a folder of tables: every fault found is reported at once, and nothing loads while one is left.

`python -m orebridge.tables [FOLDER]` prints the faults of a folder (the bundled world without an argument).
"""

from __future__ import annotations

import csv
import difflib
import io
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path

import pandas as pd

from orebridge.errors import TableErrors, UnitError
from orebridge.schema import VALUE_KIND, Attribute, is_fact_table, keys_of, schema
from orebridge.units import finite, mass_factor, plain_factor, price_factor

MAX_FILE_BYTES = 50_000_000
MAX_FOLDER_BYTES = 200_000_000
Row = dict[str, str]
Rows = dict[str, list[Row]]
SIGNED = {"assumptions", "tariffs"}
NAMED_BY = {
    "sources": "source",
    "chains": "chain",
    "commodities": "commodity",
    "processes": "process",
    "sites": "site",
    "hosts": "host",
    "projects": "project",
}


def bundled_folder() -> Path:
    """Where the bundled world lies."""
    return Path(str(resources.files("orebridge") / "data" / "world"))


def read_folder(folder: Path) -> tuple[Rows, list[str]]:
    """Raw rows of every table below `folder` (with `file` and `line`), and the faults found while reading."""
    rows: Rows = defaultdict(list)
    faults: list[str] = []
    files = sorted(folder.rglob("*.csv"))
    if not folder.is_dir() or not files:
        return rows, [f"{folder}: no CSV tables there; name a folder that holds tables such as sources.csv."]
    if sum(path.stat().st_size for path in files) > MAX_FOLDER_BYTES:
        return rows, [f"{folder}: more than {MAX_FOLDER_BYTES:,} bytes of tables; split the folder."]
    for path in files:
        name = path.relative_to(folder).as_posix()
        _read_file(path, name, rows, faults)
    return rows, faults


def _read_file(path: Path, name: str, rows: Rows, faults: list[str]) -> None:
    table = path.stem
    if table not in schema():
        faults.append(f"{name}: no table is called {table!r}{_near(table, schema())}; rename the file.")
        return
    if path.stat().st_size > MAX_FILE_BYTES:
        faults.append(f"{name}: larger than {MAX_FILE_BYTES:,} bytes; split it.")
        return
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(f"{name}: not UTF-8 (byte {error.start}); save the file as UTF-8 CSV.")
        return
    if "\0" in text:
        faults.append(f"{name}: holds NUL bytes, so it is not a CSV text; export it again.")
        return
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = next(reader, [])
        known = schema()[table]
        for column in header:
            if column not in known:
                faults.append(
                    f"{name}:1 {column or '(empty)'}: no such column in {table}{_near(column, known)}; rename it."
                )
        if len(set(header)) != len(header):
            faults.append(f"{name}:1: a column stands twice; keep one.")
            return
        for column, attribute in known.items():
            if attribute.required and column not in header:
                faults.append(f"{name}:1 {column}: the column is missing; add it ({attribute.description}).")
        for cells in reader:
            line = reader.line_num
            if not cells or not any(cells):
                continue
            if len(cells) != len(header):
                faults.append(
                    f"{name}:{line}: {len(cells)} cells under {len(header)} columns; quote cells with commas."
                )
                continue
            row = {column: cell.strip() for column, cell in zip(header, cells, strict=True) if column in known}
            rows[table].append({**row, "file": name, "line": str(line)})
    except csv.Error as error:
        faults.append(f"{name}:{reader.line_num}: broken CSV ({error}); check the quotes around that line.")


def check_rows(rows: Mapping[str, list[Row]]) -> list[str]:
    """Faults in cells, references and keys of a whole world."""
    faults: list[str] = []
    pools = _pools(rows)
    for table, items in rows.items():
        attributes = schema()[table]
        for row in items:
            for column, attribute in attributes.items():
                fault = _cell_fault(row.get(column, ""), attribute, pools)
                if fault:
                    faults.append(f"{row['file']}:{row['line']} {column}: {fault}")
        faults += _key_faults(table, items)
    return faults


def _cell_fault(cell: str, attribute: Attribute, pools: Mapping[str, set[str]]) -> str:
    if not cell:
        if attribute.required and not attribute.default:
            return f"is empty; state it ({attribute.description or attribute.name})."
        return ""
    kind = attribute.type
    if kind == "number":
        try:
            finite(cell)
        except ValueError:
            return f"{cell!r} is not a number; write digits with a point and no separators."
    elif kind == "bool" and cell not in ("yes", "no"):
        return f"{cell!r} is neither yes nor no."
    elif attribute.choices and cell not in attribute.choices:
        return f"{cell!r} is not one of {', '.join(attribute.choices)}{_near(cell, attribute.choices)}."
    elif kind in ("country", "country_or_any"):
        return "" if kind == "country_or_any" and cell == "*" else _country_fault(cell)
    elif kind == "source" and cell not in pools["sources"]:
        return f"source {cell!r} is not in sources.csv{_near(cell, pools['sources'])}; add it there."
    elif kind.startswith("ref:"):
        table = kind[4:].partition(".")[0]
        if cell not in pools[table]:
            return f"{cell!r} is not in {table}.csv{_near(cell, pools[table])}; add it there or correct the name."
    return ""


@cache
def countries() -> frozenset[str]:
    """ISO 3166 alpha-3 codes."""
    import pycountry

    return frozenset(country.alpha_3 for country in pycountry.countries)


def _country_fault(cell: str) -> str:
    if cell in ("WLD", "OTH", "ROW"):
        return f"{cell} is not a country; a sum over countries is never a place, state real countries."
    if cell not in countries():
        return f"{cell!r} is not an ISO 3166 alpha-3 code{_near(cell, countries())}."
    return ""


def _pools(rows: Mapping[str, list[Row]]) -> dict[str, set[str]]:
    return {table: {row.get(column, "") for row in rows.get(table, [])} for table, column in NAMED_BY.items()}


def _key_faults(table: str, items: Iterable[Row]) -> list[str]:
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    keys = keys_of(table)
    for row in items:
        groups[tuple(row.get(key, "") for key in keys)].append(row)
    faults = []
    for key, same in groups.items():
        if len(same) < 2:
            continue
        where = " and ".join(f"{row['file']}:{row['line']}" for row in same)
        if not is_fact_table(table):
            faults.append(f"{where}: {', '.join(key)} stands twice in {table}; keep one row.")
        elif sum(row.get("preferred") == "yes" for row in same) != 1:
            faults.append(
                f"{where}: {table} states {', '.join(key)} {len(same)} times; mark exactly one row preferred=yes."
            )
    return faults


def typed(rows: Mapping[str, list[Row]]) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Frames in inside units, and the faults of values: units, ranges, shares."""
    faults: list[str] = []
    commodity = {row["commodity"]: row for row in rows.get("commodities", [])}
    frames = {}
    for table, attributes in schema().items():
        items = rows.get(table, [])
        frame = pd.DataFrame(items, columns=[*attributes, "file", "line"], dtype="object").fillna("")
        frame["line"] = pd.to_numeric(frame["line"]).astype("int64") if len(frame) else frame["line"].astype("int64")
        for column, attribute in attributes.items():
            if attribute.default:
                frame[column] = frame[column].replace("", attribute.default)
        if is_fact_table(table):
            frame = _convert(table, frame, commodity, faults)
        elif "order" in frame:
            frame["order"] = pd.to_numeric(frame["order"])
        frames[table] = frame
    faults += _share_faults(frames)
    return frames, faults


def _convert(table: str, frame: pd.DataFrame, commodity: Mapping[str, Row], faults: list[str]) -> pd.DataFrame:
    frame["stated_value"], frame["stated_unit"] = frame["value"], frame["unit"]
    factors = []
    for row in frame.to_dict("records"):
        try:
            factors.append(_factor(table, row, commodity))
        except UnitError as error:
            faults.append(f"{row['file']}:{row['line']} unit: {error}")
            factors.append(float("nan"))
    for column in ("value", "low", "high"):
        frame[column] = pd.to_numeric(frame[column], errors="coerce") * pd.Series(
            factors, index=frame.index, dtype=float
        )
    frame["year"] = pd.to_numeric(frame["year"], errors="coerce")
    tolerance = 1e-9 * frame["value"].abs()
    checks: list[tuple[pd.Series, str]] = [
        (frame["low"] > frame["value"] + tolerance, "low is above value; correct the range."),
        (frame["high"] < frame["value"] - tolerance, "high is below value; correct the range."),
    ]
    if table not in SIGNED:
        checks.append((frame["value"] < 0, "is negative; a quantity cannot be."))
    if VALUE_KIND.get(table) == "share" and table != "tariffs":
        checks.append((frame["value"] > 1.0 + 1e-9, "is a share above 1; state a share, or % as the unit."))
    for wrong, text in checks:
        faults += [_value_fault(row, text) for _, row in frame[wrong.fillna(False).astype(bool)].iterrows()]
    assumed = (frame["confidence"] == "assumed") & (frame["low"].isna() | frame["high"].isna())
    for _, row in frame[assumed].iterrows():
        faults.append(_value_fault(row, "is assumed without low and high; state the range."))
    return frame


def _value_fault(row: pd.Series, text: str) -> str:
    return f"{row['file']}:{row['line']} value: {row['stated_value']} {text}"


def _factor(table: str, row: Mapping[str, str], commodity: Mapping[str, Row]) -> float:
    kind = VALUE_KIND.get(table, "mass")
    unit, basis = row["unit"], row["basis"]
    if kind == "gross":
        return mass_factor(unit, "product", "product", "") if basis == "gross" else _refuse_basis(basis)
    item = commodity.get(row.get("commodity", ""), {})
    if kind == "price":
        return price_factor(unit, basis, item.get("mass", "product"), item.get("element", ""))
    if kind != "mass":
        return plain_factor(unit, kind)
    if "commodity" in row:
        return mass_factor(unit, basis, item.get("mass", "product"), item.get("element", ""))
    return mass_factor(unit, "product", "product", "")  # activity of a site or host: tonnes as its process counts them


def _refuse_basis(basis: str) -> float:
    raise UnitError(f"basis {basis!r}: customs weight is gross; state basis gross.")


def _share_faults(frames: Mapping[str, pd.DataFrame]) -> list[str]:
    faults = []
    tests: list[tuple[str, list[str], Callable[[float], bool]]] = [
        ("tiers", ["commodity", "country", "end_use"], lambda total: abs(total - 1.0) > 0.02),
        ("recipe_mix", ["site"], lambda total: abs(total - 1.0) > 0.02),
    ]
    for table, keys, wrong in tests:
        frame = frames[table]
        for key, group in frame.groupby(keys):
            total = float(group["value"].sum())
            if wrong(total):
                first = group.iloc[0]
                faults.append(
                    f"{first['file']}:{first['line']} value: shares of {', '.join(key)} sum to {total:.3f}, not 1."
                )
    terms, recipes = frames["recipe_terms"], frames["recipes"]
    stated = set(zip(terms["process"], terms["recipe"], strict=True))
    for row in recipes.itertuples():
        if (row.process, row.recipe) not in stated:
            faults.append(f"{row.file}:{row.line} recipe: {row.process}/{row.recipe} has no rows in recipe_terms.csv.")
    known = set(zip(recipes["process"], recipes["recipe"], strict=True))
    for table in ("recipe_terms", "qualifications", "accepted_shares"):
        for row in frames[table].itertuples():
            if (row.process, row.recipe) not in known:
                faults.append(f"{row.file}:{row.line} recipe: {row.process}/{row.recipe} is not in recipes.csv.")
    for row in frames["sites"].itertuples():
        for recipe in filter(None, str(row.recipes).split(";")):
            if (row.process, recipe) not in known:
                faults.append(f"{row.file}:{row.line} recipes: {row.process} has no recipe {recipe!r}.")
    return faults


def load_tables(folder: Path, overlay: Path | None = None) -> dict[str, pd.DataFrame]:
    """Every table in inside units, or TableErrors with all faults. Rows of `overlay` replace rows with the same key."""
    rows, faults = read_folder(folder)
    if overlay is not None:
        extra, more = read_folder(overlay)
        faults += more
        rows = _overlaid(rows, extra)
    faults += check_rows(rows)
    frames, more = typed(rows) if not faults else ({}, [])
    faults += more
    if faults:
        raise TableErrors(faults)
    return frames


def _overlaid(rows: Rows, extra: Rows) -> Rows:
    merged = {table: list(items) for table, items in rows.items()}
    for table, items in extra.items():
        keys = keys_of(table)
        replaced = {tuple(row.get(key, "") for key in keys) for row in items}
        kept = [row for row in merged.get(table, []) if tuple(row.get(key, "") for key in keys) not in replaced]
        merged[table] = kept + [{**row, "file": f"(own) {row['file']}"} for row in items]
    return merged


def preferred(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row per key: the preferred one where several sources speak."""
    order = frame.assign(_rank=(frame["preferred"] != "yes").astype(int)).sort_values("_rank", kind="stable")
    return order.drop_duplicates(keys).drop(columns="_rank").sort_index()


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=2, cutoff=0.6)
    return f" (nearest: {', '.join(close)})" if close else ""


def main(arguments: list[str]) -> int:
    """Print the faults of a folder; 0 if there are none."""
    folder = Path(arguments[0]) if arguments else bundled_folder()
    try:
        frames = load_tables(folder)
    except TableErrors as error:
        sys.stdout.write("\n".join(error.faults) + f"\n{len(error.faults)} fault(s)\n")
        return error.exit_code
    sys.stdout.write(f"no faults; {sum(len(frame) for frame in frames.values())} rows\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
