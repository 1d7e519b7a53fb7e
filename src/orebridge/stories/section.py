"""The pieces of a story, and what its parts have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from orebridge.build.tables import ChainTables
from orebridge.checks.view import View, numbers, texts
from orebridge.provenance import Footnotes, mark
from orebridge.stories.scope import Scope
from orebridge.world import Fact


@dataclass(frozen=True)
class Section:
    """A title, paragraphs, and a table; a column whose title begins with `>` holds numbers."""

    title: str
    text: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass
class Teller:
    """A view of one chain, the scope of the story, and the sources used so far."""

    view: View
    scope: Scope
    most: int
    notes: Footnotes = field(default_factory=Footnotes)
    confidences: set[str] = field(default_factory=set)

    @property
    def tables(self) -> ChainTables:
        """Indexed rows of the chain."""
        return self.view.chains[self.scope.chain]

    @property
    def members(self) -> tuple[str, ...]:
        """The alliance."""
        return self.view.network.members

    def cite(self, *rows: Fact | None) -> str:
        """The numbers of the rows' sources in the list at the end; own rows of the user are marked."""
        return ", ".join(dict.fromkeys(self.source(row.source, row.own) for row in rows if row is not None))

    def source(self, name: str, own: bool = False) -> str:
        """The number of a source in the list at the end."""
        return f"[{self.notes.number(name)}]" + (" own" if own else "")

    def known(self, confidence: str) -> str:
        """The word, noted for the legend."""
        self.confidences.add(confidence)
        return confidence.replace("_", " ")

    def marked(self, value: float, row: Fact | None) -> str:
        """A figure with the mark of its confidence."""
        if row is None:
            return amount(value)
        self.confidences.add(row.confidence)
        return amount(value) + mark(row.confidence)

    def first(self, rows: Sequence[tuple[str, ...]]) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
        """The rows to show, and a remark on those left out."""
        if not self.most or len(rows) <= self.most:
            return tuple(rows), ()
        return tuple(rows[: self.most]), (f"{len(rows) - self.most} smaller rows are left out; --all shows them.",)

    def touched(self) -> set[str]:
        """Processes that make or take a commodity of the story."""
        shown = set(self.scope.shown)
        return {process for (process, _), terms in self.tables.coefficients.items() if shown & set(terms)}

    def at_home(self, file: str) -> bool:
        """Whether a row stands beside the chain's own row, in a folder that no other chain shares."""
        homes = {row["chain"]: PurePosixPath(row["file"]).parent for row in self.view.world.records("chains")}
        home = homes[self.scope.chain]
        return PurePosixPath(file).parent == home and list(homes.values()).count(home) == 1

    def base_demand(self) -> dict[tuple[str, str, str], dict[str, float]]:
        """(commodity, country, end use) -> tier -> t/yr used in the base year."""
        frame = self.view.network.demands
        found: dict[tuple[str, str, str], dict[str, float]] = {}
        for commodity, country, use, tier, value in zip(
            texts(frame, "commodity"), texts(frame, "country"), texts(frame, "end_use"), texts(frame, "tier"),
            numbers(frame, "D"), strict=True,
        ):  # fmt: skip
            found.setdefault((commodity, country, use), {})[tier] = 12.0 * value
        return found

    def content(self, commodity: str) -> float:
        """t of the story's element in a t of the commodity, as stated in contents.csv or by its counting; NaN if unknown."""
        own = {self.tables.commodities[name].element for name in self.scope.own} - {""}
        item = self.tables.commodities[commodity]
        if len(own) != 1:
            return math.nan
        element = next(iter(own))
        if item.mass == "element":
            return 1.0 if item.element == element else math.nan
        stated = [
            r.value for r in self.view.world.rows("contents") if r["commodity"] == commodity and r["element"] == element
        ]
        return stated[0] if stated else math.nan

    def counted(self, commodity: str) -> str:
        """What a tonne of the commodity is."""
        item = self.tables.commodities[commodity]
        return f"t of contained {item.element}" if item.mass == "element" else "t of product"


def amount(value: float) -> str:
    """A figure to three digits, or whole with separators; nothing for NaN.

    >>> amount(12345.6), amount(12.345), amount(0.01234), amount(float("inf"))
    ('12,346', '12.3', '0.0123', 'no limit')
    """
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "no limit"
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 or value == 0 else f"{value:.3g}"


def percent(share: float) -> str:
    """A share in whole per cent."""
    return "" if math.isnan(share) else f"{share:.0%}"


def joined(words: Iterable[str]) -> str:
    """Words with commas."""
    return ", ".join(words)
