"""What stands beside an importer as data: name map, exclusions, and corrections with a reason and a guard.

Three CSV files per source in `importers/data/<source>/`, and the same three, each optional, in a folder of the user's
own (`--side`), whose rows come first:

* `names.csv` (kind, published, name, note): what a publisher's name is called here.
* `exclusions.csv` (kind, published, reason): names whose rows are left out, counted and reported.
* `corrections.csv` (vintage, file, where, column, published, corrected, reason, status, checked): one wrong cell each.
  `where` names the row as column=value;column=value. The guard: the cell must still hold `published`. If the publisher
  has repaired it, or the row is gone, the import stops and says so, because a correction that no longer corrects would
  spoil a right figure. A row of the user's with status `withdrawn` switches a correction of ours off.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from orebridge.errors import ImportRefused
from orebridge.reading import near

NAMES = ("kind", "published", "name", "note")
EXCLUSIONS = ("kind", "published", "reason")
CORRECTIONS = ("vintage", "file", "where", "column", "published", "corrected", "reason", "status", "checked")
OPTIONAL = ("note", "checked")
STATUS = ("open", "withdrawn")
Key = tuple[str, str]


@cache
def plain(name: str) -> str:
    """A name as compared: without case, accents' composition, odd spaces and quotes.

    >>> plain("  Côte\\u00a0d’Ivoire ")
    "côte d'ivoire"
    """
    text = unicodedata.normalize("NFKC", name).replace("’", "'").replace("‘", "'")
    return re.sub(r"\s+", " ", text).strip().casefold()


@cache
def countries() -> dict[str, str]:
    """ISO 3166 alpha-3 codes (and XKX for Kosovo) by English name, alternative name and code, all `plain`."""
    found: dict[str, str] = {}
    for row in _read_own("countries.csv", None):
        for name in (row["country"], row["name"], *row["also"].split("|")):
            if name:
                found[plain(name)] = row["country"]
    return found


@cache
def numeric_countries() -> dict[int, str]:
    """ISO 3166 alpha-3 codes by ISO numeric code. Publishers' exceptions stand in their name maps."""
    return {int(row["numeric"]): row["country"] for row in _read_own("countries.csv", None) if row["numeric"]}


@dataclass(frozen=True)
class Correction:
    """One wrong cell of a publisher's file."""

    vintage: str
    file: str
    where: tuple[tuple[str, str], ...]
    column: str
    published: str
    corrected: str
    reason: str

    def is_of(self, vintage: str) -> bool:
        """Whether it is of this vintage or of a later version of it (2026 also of 2026-v2; the guard tells what was repaired)."""
        return vintage == self.vintage or vintage.startswith(f"{self.vintage}-")

    @property
    def place(self) -> str:
        """How messages name the cell."""
        row = ", ".join(f"{column} {value}" for column, value in self.where) or "the header"
        return f"{self.file} ({self.vintage}), {row}, column {self.column}"


@dataclass
class SideFiles:
    """The side files of one source, and what was met while reading: unmapped names, exclusions and corrections used."""

    source: str
    names: Mapping[Key, str] = field(default_factory=dict)
    excluded: Mapping[Key, str] = field(default_factory=dict)
    corrections: Sequence[Correction] = ()
    unmapped: Counter[Key] = field(default_factory=Counter)
    unmapped_at: dict[Key, str] = field(default_factory=dict)
    left_out: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    used: Counter[Correction] = field(default_factory=Counter)
    repaired: list[str] = field(default_factory=list)
    _by_cell: dict[tuple[str, str], list[Correction]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for correction in self.corrections:
            self._by_cell.setdefault((correction.file, correction.column), []).append(correction)

    def name(self, kind: str, published: str, place: str = "") -> str | None:
        """What a published name is called here, or None: then it is noted as unmapped and the import will stop."""
        found = self.names.get((kind, plain(published)))
        if found is None and kind == "country":
            found = countries().get(plain(published))
        if found is None:
            self.miss(kind, published, place)
        return found

    def miss(self, kind: str, published: str, place: str) -> None:
        """Note a name that nothing maps."""
        self.unmapped[kind, published] += 1
        self.unmapped_at.setdefault((kind, published), place)

    def leaves_out(self, kind: str, published: str, rows: int = 1) -> bool:
        """Whether rows with this name are left out; counts them with the reason."""
        reason = self.excluded.get((kind, plain(published)))
        if reason is None:
            return False
        self.leave_out(kind, published, reason, rows)
        return True

    def leave_out(self, kind: str, published: str, reason: str, rows: int = 1) -> None:
        """Count rows left out for a reason that the importer itself knows."""
        self.left_out[kind, published, reason] += rows

    def correct(self, vintage: str, file: str, row: Mapping[str, str], column: str) -> str:
        """The cell, corrected if a correction names it; notes a correction that no longer fits the file."""
        cell = row.get(column, "")
        for correction in self._by_cell.get((file.lower(), column), ()):
            fits = all(plain(row.get(name, "")) == plain(value) for name, value in correction.where)
            if not fits or not correction.is_of(vintage):
                continue
            self.used[correction] += 1
            if plain(cell) == plain(correction.published):
                return correction.corrected
            self.repaired.append(
                f"{correction.place}: the file says {cell!r} where the correction expects {correction.published!r}, so "
                f"the publisher has changed it ({correction.reason})"
            )
        return cell

    def check(self, vintage: str, files: Iterable[str]) -> None:
        """Raise ImportRefused with every unmapped name and every correction that no longer fits; `files` were read."""
        read = {name.lower() for name in files}
        for correction in self.corrections:
            if correction.is_of(vintage) and correction.file in read and not self.used[correction]:
                self.repaired.append(f"{correction.place}: the row is not in the file any more ({correction.reason})")
        faults = [*self._unmapped_lines(), *self._repaired_lines()]
        if faults:
            raise ImportRefused(
                f"{self.source} {vintage}: not imported, the workspace is as it was.\n" + "\n".join(faults)
            )

    def _unmapped_lines(self) -> list[str]:
        if not self.unmapped:
            return []
        lines = [f"{len(self.unmapped)} name(s) that no name map knows:"]
        for (kind, published), count in sorted(self.unmapped.items()):
            known = [name for other, name in self.names if other == kind]
            if kind == "country":
                known += list(countries())
            place = self.unmapped_at[kind, published]
            first = f", first in {place}" if place else ""
            alike = "" if published.isdigit() else near(plain(published), known)  # a number resembles no other
            lines.append(f"  {kind} {published!r}: {count} row(s){first}{alike}")
        lines.append(
            "Say what each is in a names.csv of your own (columns kind,published,name,note), or leave it out in an "
            "exclusions.csv (kind,published,reason), put the files in a folder and import again with --side FOLDER."
        )
        return lines

    def _repaired_lines(self) -> list[str]:
        if not self.repaired:
            return []
        return [
            f"{len(self.repaired)} correction(s) that no longer fit the file:",
            *(f"  {line}" for line in self.repaired),
            "If the publisher is right now, withdraw the correction: repeat its row with status withdrawn in a "
            "corrections.csv of your own and import again with --side FOLDER; please report it to us.",
        ]


def side_files(source: str, own: Path | None = None) -> SideFiles:
    """The side files of a source, the user's rows first; raises ImportRefused listing every fault in them."""
    faults: list[str] = []
    if own is not None and not own.is_dir():
        raise ImportRefused(f"{own}: no such folder; --side names the folder that holds your names.csv and the like.")
    names: dict[Key, str] = {}
    excluded: dict[Key, str] = {}
    for row in _rows("names.csv", NAMES, source, own, faults):
        names.setdefault((row["kind"], plain(row["published"])), row["name"])
    for row in _rows("exclusions.csv", EXCLUSIONS, source, own, faults):
        if (row["kind"], plain(row["published"])) not in names or row["own"]:
            excluded.setdefault((row["kind"], plain(row["published"])), row["reason"])
    corrections: dict[tuple[object, ...], Correction | None] = {}
    for row in _rows("corrections.csv", CORRECTIONS, source, own, faults):
        if row["status"] not in STATUS:
            faults.append(f"{row['place']}: status {row['status']!r}; say {' or '.join(STATUS)}")
            continue
        where = tuple(
            (name.strip(), value.strip()) for name, _, value in (p.partition("=") for p in row["where"].split(";") if p)
        )
        file = row["file"].lower()
        made = Correction(row["vintage"], file, where, row["column"], row["published"], row["corrected"], row["reason"])
        corrections.setdefault((made.vintage, file, where, made.column), made if row["status"] == "open" else None)
    if faults:
        raise ImportRefused("faults in the side files:\n" + "\n".join(faults))
    return SideFiles(source, names, excluded, tuple(c for c in corrections.values() if c is not None))


def _rows(name: str, columns: Sequence[str], source: str, own: Path | None, faults: list[str]) -> list[dict[str, str]]:
    """The user's rows, then ours; `own` and `place` are added. Faults of the user's file are noted."""
    found: list[dict[str, str]] = []
    path = own / name if own is not None else None
    if path is not None and path.is_file():
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{path}: cannot be read as UTF-8 ({error})")
            text = ""
        reader = csv.DictReader(io.StringIO(text))
        missing = [column for column in columns if column not in (reader.fieldnames or ()) and column not in OPTIONAL]
        if text and missing:
            faults.append(f"{path}: the columns {', '.join(missing)} are missing; the header is {','.join(columns)}")
        else:
            for row in reader:
                cells = {column: (row.get(column) or "").strip() for column in columns}
                if not cells["published"] and not cells[columns[0]]:
                    continue
                if "reason" in columns and not cells["reason"]:
                    faults.append(f"{path}:{reader.line_num}: a reason is missing")
                found.append({**cells, "own": "yes", "place": f"{path}:{reader.line_num}"})
    return found + [{**row, "own": ""} for row in _read_own(name, source)]


@cache
def _read_own(name: str, source: str | None) -> tuple[dict[str, str], ...]:
    folder = resources.files("orebridge.importers") / "data"
    file = folder / source / name if source else folder / name
    text = file.read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text))
    where = f"{source}/{name}" if source else name
    return tuple({**{k: v or "" for k, v in row.items()}, "place": f"{where}:{rows.line_num}"} for row in rows)


def own_table(name: str, source: str | None = None) -> tuple[dict[str, str], ...]:
    """The rows of another table of ours beside the importers, as text, with `place`."""
    return _read_own(name, source)
