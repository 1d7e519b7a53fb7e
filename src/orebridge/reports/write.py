"""Writes a response as files, all or none: everything is written beside the folder first, then put in place."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pandas as pd

from orebridge.errors import OutputError
from orebridge.layout import RISKY, inert
from orebridge.reports.brief import render, stills
from orebridge.reports.plan_json import schema_text
from orebridge.trail import Trail

if TYPE_CHECKING:
    import pyarrow as pa

    from orebridge.reports.annex import Annex
    from orebridge.session import Response

TABLES = ("unmet", "flows", "activity", "stock", "loss")
FILES = ("brief.html", "plan.json", "plan.schema.json", "actions", "base_year", "figures", *TABLES)


def check_writable(folder: Path) -> None:
    """Refuse at once what `write_all` could only refuse after the work: a file in the way, a folder not to be written.

    Nothing is created. Raises OutputError.
    """
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise OutputError(f"could not write to {folder}: {there} is a file, not a folder. Choose another folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"could not write to {folder}: no permission to write in {there}. Choose another folder.")


def write_all(
    response: Response, folder: Path, annexes: Sequence[Annex] = (), pictures: Sequence[str] = ()
) -> list[Path]:
    """Write brief.html, plan.json with its schema, and the tables as CSV and Parquet; returns the files written.

    Further sections go into the brief, with their own JSON and tables beside it. `pictures`: kinds of picture files (`png`,
    `svg`) in which every figure is written too, as brief-NAME and SECTION-NAME.

    All or none: files are written to a folder beside, flushed to the disk, then renamed into place; what they replace is
    kept until all are there and put back if one fails. Other files of the folder stay. Raises OutputError (full disk, no
    permission); that and an interruption leave the folder as it was.
    """
    return put(Path(folder), lambda place: _write(response, place, annexes, pictures))


def put(folder: Path, fill: Callable[[Path], None]) -> list[Path]:
    """Put the files that `fill` writes into a folder in place, all or none (as `write_all`); returns them."""
    check_writable(folder)
    try:
        with _made(folder) as new, tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as beside:
            scratch = Path(beside)
            (scratch / "new").mkdir()
            (scratch / "old").mkdir()
            fill(scratch / "new")
            done = _put_in_place(scratch, folder)
            new.clear()  # from here on the folder stays
        return done
    except OSError as error:
        raise OutputError(_why(folder, error)) from error


@contextmanager
def _made(folder: Path) -> Iterator[list[Path]]:
    """The folder, made if need be; folders made for it are removed again if anything fails inside."""
    new: list[Path] = []
    there = folder
    while not there.exists():
        new.append(there)
        there = there.parent
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield new
    finally:
        for path in new:
            shutil.rmtree(path, ignore_errors=True)


def _put_in_place(scratch: Path, folder: Path) -> list[Path]:
    """Rename every new file into the folder; if one cannot be, the earlier ones are taken back."""
    done: list[Path] = []
    kept: list[Path] = []
    try:
        for path in sorted((scratch / "new").iterdir()):
            target = folder / path.name
            if target.exists():
                os.replace(target, scratch / "old" / path.name)  # noqa: PTH105 - a rename on one file system
                kept.append(target)
            os.replace(path, target)  # noqa: PTH105
            done.append(target)
    except BaseException:
        for target in done:
            target.unlink(missing_ok=True)
        for target in kept:
            os.replace(scratch / "old" / target.name, target)  # noqa: PTH105
        raise
    return done


def _why(folder: Path, error: OSError) -> str:
    there = folder
    while not there.exists():
        there = there.parent
    text = f"could not write to {folder}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        text += f" ({shutil.disk_usage(there).free / 1e6:,.0f} MB free there; about 20 MB are needed)"
    return f"{text}. Choose another folder or make room; no half-written file was left."


def _write(response: Response, folder: Path, annexes: Sequence[Annex], pictures: Sequence[str]) -> None:
    text_file(folder / "plan.json", json_text(response.to_dict()))
    text_file(folder / "plan.schema.json", schema_text())
    for name, frame in _frames(response).items():
        table_file(folder / name, frame)
    for annex in annexes:
        annex.write(folder)
    text_file(folder / "brief.html", render(response, annexes))
    if pictures:
        from orebridge.reports.pictures import draw

        draw(folder, stills(response, annexes), pictures)


def _frames(response: Response) -> dict[str, pd.DataFrame]:
    """The tables beside the brief; `month` is a calendar month in all of them."""
    calendar = {m: response.month_label(m) for m in range(1, response.months + 1)}
    frames = {}
    for name in TABLES:
        frame = pd.concat([getattr(p, name).assign(way=way) for way, p in response.plans.items()], ignore_index=True)
        frames[name] = frame.assign(month=frame["month"].map(calendar)) if "month" in frame else frame
    trail = Trail.of(response)
    frames["actions"] = response.actions
    frames["base_year"] = pd.DataFrame(
        [
            {
                "what": b.what,
                "stated_t_per_year": b.stated,
                "used_t_per_year": b.used,
                "confidence": b.confidence,
                "source": b.source,
                "rows": "; ".join(f"{file}:{line}" for file, line in b.rows),
                "inferred": b.inferred,
            }
            for b in trail.balanced
        ],
        columns=["what", "stated_t_per_year", "used_t_per_year", "confidence", "source", "rows", "inferred"],
    )
    figures = [asdict(figure) for rows in trail.figures.values() for figure in rows]
    columns = ["table", "what", "stated", "low", "high", "year", "confidence", "source", "note", "place", "used"]
    frames["figures"] = pd.DataFrame(figures, columns=["anchor", *columns])[columns]
    return frames


def table_file(stem: Path, frame: pd.DataFrame) -> None:
    """A frame as Parquet and CSV."""
    import pyarrow as pa
    from pyarrow import parquet

    with _open(stem.with_suffix(".parquet")) as out:
        parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), out)
    csv_file(stem, frame)


def csv_file(stem: Path, frame: pd.DataFrame) -> None:
    """A frame as CSV, in which no text is one that a spreadsheet would run (see `layout.inert`)."""
    import pyarrow as pa
    from pyarrow import csv

    with _open(stem.with_suffix(".csv")) as out:
        table = _inert(pa.Table.from_pandas(frame, preserve_index=False))
        csv.write_csv(table, out, csv.WriteOptions(quoting_style="needed"))


def _inert(table: pa.Table) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    for k, column in enumerate(table.columns):
        kind = pa.types
        if not (kind.is_string(column.type) or kind.is_large_string(column.type)):
            continue
        risky = pc.any(pc.match_substring_regex(column, RISKY)).as_py()
        if risky:
            cells = [cell if cell is None else inert(cell) for cell in column.to_pylist()]
            table = table.set_column(k, table.field(k), pa.array(cells, type=column.type))
    return table


def json_text(document: object) -> str:
    """JSON with a figure on each line. Not indented: the encoder for that takes ten times as long."""
    return json.dumps(document, separators=(",\n", ": "), allow_nan=False) + "\n"


def text_file(path: Path, text: str) -> None:
    with _open(path) as out:
        out.write(text.encode("utf-8"))


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """A file opened for bytes, flushed to the disk when closed: some file systems report a full disk only then."""
    with path.open("wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())
