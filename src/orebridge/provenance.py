"""How we know a figure: the words for confidence, their marks in print, footnotes, and the citation of a row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd

from orebridge.errors import UnknownLabel

#: From the best known to the least, with the mark printed after a figure and its meaning.
CONFIDENCE: Mapping[str, tuple[str, str]] = {
    "read": ("", "read in the publisher's own text"),
    "read_secondary": ("s", "read where another text quotes it"),
    "computed": ("c", "computed from read figures"),
    "derived": ("d", "derived by an open rule from shares or yields"),
    "unverified": ("u", "well known but not re-read"),
    "assumed": ("a", "assumed by us, with a range"),
}


class Tables(Protocol):
    """What is needed of a world to cite its rows."""

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Tables by name."""

    def source(self, source: str) -> pd.Series:
        """The row of sources.csv."""


@dataclass(frozen=True)
class Citation:
    """Where one row of a table comes from; `place` is `file:line` in the folder of tables."""

    publisher: str
    title: str
    published: str
    url: str
    year: float
    confidence: str
    place: str

    def __str__(self) -> str:
        published = f" ({self.published})" if self.published else ""
        meaning = CONFIDENCE[self.confidence][1] if self.confidence else "confidence not stated"
        return f"{self.publisher}, {self.title}{published}; {meaning}; {self.place}"


def rank(confidence: str) -> int:
    """0 for `read` to 5 for `assumed`; raises UnknownLabel for any other word.

    >>> rank("read") < rank("derived") < rank("assumed")
    True
    """
    if confidence not in CONFIDENCE:
        raise UnknownLabel(f"no confidence is called {confidence!r}; use one of {', '.join(CONFIDENCE)}.")
    return list(CONFIDENCE).index(confidence)


def weakest(confidences: Iterable[str]) -> str:
    """The least certain of several words: a result is no better known than its weakest figure.

    >>> weakest(["read", "assumed", "computed"])
    'assumed'
    """
    known = list(confidences)
    if not known:
        raise UnknownLabel("no confidence is given; a result of no figures has none.")
    return max(known, key=rank)


def mark(confidence: str) -> str:
    """The short mark after a figure in a terminal; nothing for a figure read in its own source.

    >>> "160" + mark("assumed")
    '160[a]'
    """
    letter = list(CONFIDENCE.values())[rank(confidence)][0]
    return f"[{letter}]" if letter else ""


def legend(confidences: Iterable[str]) -> str:
    """What the marks of these words mean, best known first, each once.

    >>> legend(["assumed", "read", "assumed"])
    '[a] assumed by us, with a range'
    """
    used = sorted(set(confidences), key=rank)
    return "; ".join(f"{mark(word)} {CONFIDENCE[word][1]}" for word in used if mark(word))


@dataclass
class Footnotes:
    """Numbers for citations in order of first use; the same citation keeps its number.

    >>> notes = Footnotes()
    >>> notes.number("USGS"), notes.number("IEA"), notes.number("USGS")
    (1, 2, 1)
    >>> notes.lines()
    ['1 USGS', '2 IEA']
    """

    _numbers: dict[str, int] = field(default_factory=dict)

    def number(self, text: Citation | str) -> int:
        """The footnote's number, a new one if the citation is new."""
        return self._numbers.setdefault(str(text), len(self._numbers) + 1)

    def lines(self) -> list[str]:
        """All footnotes in order, each with its number."""
        return [f"{number} {text}" for text, number in self._numbers.items()]


def cite(world: Tables, table: str, row: int) -> Citation:
    """The citation of the row with index label `row` of a table.

    Raises UnknownLabel if there is no such table or row, if the table cites nothing (contents of `recipes` and the
    like are explained by their terms), or if its source is not listed.
    """
    if table not in world.tables:
        raise UnknownLabel(f"no table is called {table!r}; there are {', '.join(world.tables)}.")
    frame = world.tables[table]
    if row not in frame.index:
        raise UnknownLabel(f"{table} has no row {row}; it has {len(frame)} rows.")
    if "source" not in frame or table == "sources":
        raise UnknownLabel(f"rows of {table} cite no source; cite the facts that refer to them.")
    cells = frame.loc[[row]].to_dict("records")[0]
    source = world.source(str(cells["source"]))
    return Citation(
        publisher=str(source["publisher"]), title=str(source["title"]), published=str(source["published"]),
        url=str(source["url"]), year=float(cells.get("year", math.nan)),
        confidence=str(cells.get("confidence", "")), place=f"{cells['file']}:{cells['line']}",
    )  # fmt: skip
