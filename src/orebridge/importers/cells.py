"""Cells as publishers write them: numbers with marks, bounds and words; series named mineral/stage/basis."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from orebridge.errors import ImportRefused
from orebridge.importers.sidefiles import SideFiles

#: How a figure is known. What has no tonnes is absent for the reason given, never zero.
Known = Literal[
    "reported", "estimated", "provisional", "rounded", "bound", "range", "less than half a unit", "withheld",
    "not available", "not applicable", "net exporter", "in words", "included elsewhere", "not said", "total",
]  # fmt: skip
STAGES = ("mine", "refining")
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Series:
    """What a publisher's series counts."""

    mineral: str
    stage: str
    basis: str


def series_of(side: SideFiles, published: str, place: str) -> Series | None:
    """The series a name map gives as mineral/stage/basis, or None: then it is noted as unmapped.

    Raises ImportRefused for a name map entry of another form.
    """
    name = side.name("series", published, place)
    if name is None:
        return None
    parts = name.split("/", 2)
    if len(parts) != 3 or parts[1] not in STAGES or not parts[0] or not parts[2]:
        raise ImportRefused(
            f"name map, series {published!r}: {name!r}; write mineral/stage/basis with stage {' or '.join(STAGES)}, e.g. "
            "niobium/mine/Nb content."
        )
    return Series(*parts)


def number_of(cell: str, place: str, column: str) -> float | None:
    """A plain number, or None for an empty cell; raises ImportRefused for anything else.

    >>> number_of("1,234.5", "", ""), number_of("", "", "")
    (1234.5, None)
    """
    text = cell.strip()
    if text.lower() in ("", "nan", "none"):
        return None
    if not _NUMBER.fullmatch(text):
        raise ImportRefused(f"{place}: {cell!r} in column {column} is not a number.")
    value = float(text.replace(",", ""))
    if not math.isfinite(value) or value < 0:
        raise ImportRefused(f"{place}: {cell!r} in column {column} cannot be an amount.")
    return value


@dataclass(frozen=True)
class Figure:
    """A cell in its published unit: value, low, high (None where not stated) and how it is known."""

    value: float | None
    low: float | None
    high: float | None
    known: Known


_WORDS: dict[str, Known] = {
    "na": "not available", "w": "withheld", "xx": "not applicable", "e": "net exporter",
    "large": "in words", "small": "in words", "moderate": "in words", "very small": "in words",
    "moderate to large": "in words", 'categorized as "large"': "in words",
}  # fmt: skip
_HALF = {"s", "less than ½ unit.", "less than ½ unit", "less than 1/2 unit"}
_ZERO = {"—", "–", "--"}
_RANGE = re.compile(r"([\d,.]+)\s*[–-]\s*([\d,.]+)")


def figure_of(cell: str) -> Figure | None:
    """A cell of the US Geological Survey: numbers, `e` for estimated, `>` and `<`, ranges, dashes and words.

    A dash is the Survey's zero; W is withheld, NA not available: both absent. None if the cell is empty or unreadable;
    the caller tells the two apart.

    >>> figure_of("e5,000")
    Figure(value=5000.0, low=None, high=None, known='estimated')
    >>> figure_of(">9,100,000").low, figure_of("W").value, figure_of("—").value
    (9100000.0, None, 0.0)
    """
    text = cell.strip()
    low = text.lower()
    if low in _WORDS:
        return Figure(None, None, None, _WORDS[low])
    if low in _HALF:
        return Figure(None, 0.0, 0.5, "less than half a unit")
    if low in _ZERO:
        return Figure(0.0, None, None, "reported")
    if low.startswith(("included", "variable")):
        return Figure(None, None, None, "included elsewhere" if low.startswith("included") else "in words")
    if text[:1] in "<>" and _NUMBER.fullmatch(text[1:].strip()):
        bound = float(text[1:].replace(",", ""))
        return Figure(None, None, bound, "bound") if text[0] == "<" else Figure(None, bound, None, "bound")
    spread = _RANGE.fullmatch(text)
    if spread and all(_NUMBER.fullmatch(part) for part in spread.groups()):
        first, last = (float(part.replace(",", "")) for part in spread.groups())
        if first <= last:
            return Figure((first + last) / 2, first, last, "range")
    known: Known = "reported"
    if low.startswith("e") and len(text) > 1:
        text, known = text[1:].strip(), "estimated"
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", ""))
    return Figure(value, None, None, known) if math.isfinite(value) else None
