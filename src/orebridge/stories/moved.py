"""What reconciling the base year moved: every figure, by how much, against which source, with its weight."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from orebridge.build import build_network
from orebridge.checks.view import numbers, positions, texts
from orebridge.stories.section import Section, amount, joined
from orebridge.world import World

SHOWN = 0.001  # share of a figure; smaller moves are rounding


class Moved(NamedTuple):
    """One figure of the base year as stated and as used, t/yr."""

    chain: str
    what: str
    stated: float
    used: float
    share: float
    weight: float
    known: str
    source: str
    place: str
    inferred: bool


@dataclass(frozen=True)
class MovedFigures:
    """All figures of the chains, the largest moves first, and what OTH stands for in each chain."""

    figures: tuple[Moved, ...]
    regions: dict[str, tuple[str, ...]]
    columns: tuple[str, ...] = (
        "chain", "what", ">stated_t_yr", ">used_t_yr", ">change_t_yr", ">change_share", ">weight", "confidence", "source", "row",
        "inferred",
    )  # fmt: skip

    @property
    def all_rows(self) -> Iterable[tuple[str, ...]]:
        """Rows for a file, unrounded."""
        for item in self.figures:
            share = "" if math.isinf(item.share) else repr(item.share)
            yield (
                item.chain, item.what, repr(item.stated), repr(item.used), repr(item.used - item.stated), share,
                repr(item.weight), item.known, item.source, item.place, "yes" if item.inferred else "no",
            )  # fmt: skip


def moved_figures(world: World, members: tuple[str, ...], chains: Iterable[str] | None = None) -> MovedFigures:
    """Adjustments of the chains; raises what `build_network` raises."""
    network = build_network(world, members, chains)
    frame = network.adjustments
    figures = [
        Moved(chain, what, stated, used, share, weight, known, source, f"{file}:{line}" if file else "follows", inferred)
        for chain, what, stated, used, share, weight, known, source, file, line, inferred in zip(
            texts(frame, "chain"), texts(frame, "what"), numbers(frame, "stated"), numbers(frame, "used"),
            numbers(frame, "change_share"), numbers(frame, "weight"), texts(frame, "confidence"), texts(frame, "source"),
            texts(frame, "file"), positions(frame, "line"), [bool(x) for x in frame["inferred"]], strict=True,
        )
    ]  # fmt: skip
    figures.sort(key=lambda item: (item.chain, -abs(item.used - item.stated) * math.sqrt(item.weight), item.what))
    return MovedFigures(tuple(figures), dict(network.regions))


def moved_summary(moved: MovedFigures, most: int = 40) -> list[Section]:
    """A section per chain with its largest moves (in standard errors), and a line per chain at the end; `most` 0: all."""
    by_chain: dict[str, list[Moved]] = {chain: [] for chain in moved.regions}
    for item in moved.figures:
        by_chain[item.chain].append(item)
    sections, lines = [], []
    for chain, items in by_chain.items():
        told = [item for item in items if _worth(item)]
        rows = tuple(_row(item) for item in (told[:most] if most else items))
        text = [f"OTH stands for {joined(moved.regions[chain])}."] if moved.regions[chain] else []
        if most and len(told) > most:
            text.append(f"{len(told) - most} smaller moves are left out; --all shows every figure.")
        if rows:
            titles = ("figure", ">stated t/yr", ">used t/yr", ">change", ">weight", "how known", "source", "row")
            sections.append(Section(f"{chain}: figures moved", tuple(text), titles, rows))
        lines.append(_line(chain, items, moved.regions[chain]))
    columns = ("chain", ">figures", ">moved > 5 %", ">moved > 25 %", ">inferred", ">follow", "OTH")
    remark = (
        "Weight is 1 / (standard error)^2; moves are ranked in standard errors. `follow`: figures that no row states.",
    )
    return [*sections, Section("Summary", remark, columns, tuple(lines))]


def _worth(item: Moved) -> bool:
    return item.inferred or abs(item.used - item.stated) > SHOWN * max(item.stated, item.used)


def _row(item: Moved) -> tuple[str, ...]:
    change = "new" if math.isinf(item.share) else f"{item.share:+.1%}"
    known = item.known.replace("_", " ") + (", inferred" if item.inferred else "")
    return (
        item.what,
        amount(item.stated),
        amount(item.used),
        change,
        f"{item.weight:.2g}",
        known,
        item.source,
        item.place,
    )


def _line(chain: str, items: list[Moved], others: tuple[str, ...]) -> tuple[str, ...]:
    count: dict[str, int] = defaultdict(int)
    for item in items:
        count["5"] += abs(item.share) > 0.05
        count["25"] += abs(item.share) > 0.25
        count["inferred"] += item.inferred
        count["follow"] += item.place == "follows"

    def share(key: str) -> str:
        return f"{count[key]} ({count[key] / len(items):.0%})" if items else "0"

    return (
        chain,
        str(len(items)),
        share("5"),
        share("25"),
        str(count["inferred"]),
        str(count["follow"]),
        joined(others) or "unused",
    )
