"""From a folder of CSV files to raw rows that know their file and line, with everything wrong along the way."""

from __future__ import annotations

import csv
import difflib
import io
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

from orebridge.schema import schema

MAX_FILE_BYTES = 50_000_000
MAX_FOLDER_BYTES = 200_000_000
# Spreadsheet and text formats somebody may take for a table; reading past them in silence would lose their figures.
NOT_READ = {".xlsx", ".xls", ".ods", ".tsv", ".parquet"}
Row = dict[str, str]
Rows = dict[str, list[Row]]


def near(name: str, known: Iterable[str]) -> str:
    """The nearest valid names in brackets, or nothing.

    >>> near("galium", ["gallium", "tin"])
    ' (nearest: gallium)'
    """
    close = difflib.get_close_matches(name, list(known), n=2, cutoff=0.6)
    return f" (nearest: {', '.join(close)})" if close else ""


def read_folder(folder: Path, tables: Collection[str] | None = None) -> tuple[Rows, list[str]]:
    """Raw rows of every table below `folder` (with `file` and `line`), and the faults found while reading.

    With `tables` the files of other tables are passed over, unopened.
    """
    rows: Rows = defaultdict(list)
    faults: list[str] = []
    if not folder.is_dir():
        return rows, [f"{folder}: no such folder; name a folder that holds tables such as sources.csv."]
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in found:
        if path.suffix.lower() in NOT_READ or (path.suffix != ".csv" and path.suffix.lower() == ".csv"):
            name = path.relative_to(folder).as_posix()
            faults.append(f"{name}: only files ending in .csv are read; save it as a UTF-8 CSV or take it away.")
    files = [path for path in found if path.suffix == ".csv"]
    if not files:
        return rows, [*faults, f"{folder}: no CSV tables there; name a folder that holds tables such as sources.csv."]
    if sum(path.stat().st_size for path in files) > MAX_FOLDER_BYTES:
        return rows, [*faults, f"{folder}: more than {MAX_FOLDER_BYTES:,} bytes of tables; split the folder."]
    for path in files:
        if tables is not None and path.stem in schema() and path.stem not in tables:
            continue
        _read_file(path, path.relative_to(folder).as_posix(), rows, faults)
    return rows, faults


def _read_file(path: Path, name: str, rows: Rows, faults: list[str]) -> None:
    table = path.stem
    if table not in schema():
        faults.append(f"{name}: no table is called {table!r}{near(table, schema())}; rename the file.")
        return
    if path.stat().st_size > MAX_FILE_BYTES:
        faults.append(f"{name}: larger than {MAX_FILE_BYTES:,} bytes; split it.")
        return
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        faults.append(f"{name}: cannot be read ({error.strerror}); check its permissions.")
        return
    except UnicodeDecodeError as error:
        faults.append(f"{name}: not UTF-8 (byte {error.start}); save the file as UTF-8 CSV.")
        return
    if "\0" in text:
        faults.append(f"{name}: holds NUL bytes, so it is not a CSV text; export it again.")
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if not _header_fits(table, name, header, faults):
            return
        _read_cells(reader, table, name, header, rows, faults)
    except csv.Error as error:
        faults.append(f"{name}:{reader.line_num}: broken CSV ({error}); check the quotes around that line.")


def _header_fits(table: str, name: str, header: list[str], faults: list[str]) -> bool:
    """Report what is wrong with the column names; False if the rows below them cannot be told apart."""
    known = schema()[table]
    if len(header) == 1 and ";" in header[0]:
        faults.append(f"{name}:1: the columns are separated by semicolons; export the file with commas.")
        return False
    if len(set(header)) != len(header):
        twice = next(column for column in header if header.count(column) > 1)
        faults.append(f"{name}:1 {twice or '(empty)'}: a column stands twice; keep one.")
        return False
    for column in header:
        if column not in known:
            faults.append(f"{name}:1 {column or '(empty)'}: no such column in {table}{near(column, known)}; rename it.")
    for column, attribute in known.items():
        if attribute.required and not attribute.default and column not in header:
            faults.append(f"{name}:1 {column}: the column is missing; add it ({attribute.description or column}).")
    return True


def _read_cells(
    reader: Iterable[list[str]], table: str, name: str, header: list[str], rows: Rows, faults: list[str]
) -> None:
    known = schema()[table]
    line = 2
    for cells in reader:
        start, line = line, reader.line_num + 1  # type: ignore[attr-defined]
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            faults.append(f"{name}:{start}: {len(cells)} cells under {len(header)} columns; quote cells with commas.")
            continue
        row = {column: cell.strip() for column, cell in zip(header, cells, strict=True) if column in known}
        row["file"], row["line"] = name, str(start)
        rows[table].append(row)
