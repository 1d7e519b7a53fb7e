"""How the US Geological Survey names things: commodities, series, countries with marks glued to them, units."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from orebridge.importers.cells import Series, series_of
from orebridge.importers.sidefiles import SideFiles, countries, own_table, plain

SOURCE = "usgs-mcs"
#: Tonnes per unit; names as in the unit column of the long files and as letters in column names.
TONNES = {
    "metric tons": 1.0, "thousand metric tons": 1e3, "million metric tons": 1e6, "kilograms": 1e-3,
    "thousand metric dry tons": 1e3, "t": 1.0, "kt": 1e3, "kg": 1e-3, "mmt": 1e6, "mt": 1e6,
}  # fmt: skip
WORLD, OTHERS = "WLD", "OTH"
_WORD = re.compile(r"[\w']+")


@dataclass(frozen=True)
class Rule:
    """A row of series.csv: the words that a label must hold, and what it then counts (or why it is left out)."""

    words: frozenset[str]
    series: Series | None
    left_out: str


@cache
def commodities() -> dict[str, str]:
    """The key of a commodity by its names and file codes, all `plain`."""
    return {
        plain(name): row["commodity"]
        for row in own_table("commodities.csv", SOURCE)
        for name in row["names"].split("|")
    }


@cache
def rules() -> dict[str, tuple[Rule, ...]]:
    """Rules by commodity."""
    found: dict[str, list[Rule]] = {}
    for row in own_table("series.csv", SOURCE):
        series = None if row["left_out"] else Series(row["mineral"], row["stage"], row["basis"])
        found.setdefault(row["commodity"], []).append(Rule(frozenset(row["words"].split()), series, row["left_out"]))
    return {name: tuple(several) for name, several in found.items()}


def series_for(side: SideFiles, commodity: str, label: str, place: str) -> Series | None:
    """What a label of a commodity counts; None if it is left out (counted) or unmapped (noted).

    A name map entry of the user's, kind series, published `Commodity: label`, comes first. Else the rule with the most
    words that all stand in the label.
    """
    published = f"{commodity}: {label}"
    if ("series", plain(published)) in side.names:
        return series_of(side, published, place)
    if side.leaves_out("commodity", commodity) or side.leaves_out("series", published):
        return None
    key = commodities().get(plain(commodity))
    if key is None:
        side.miss("commodity", commodity, place)
        return None
    best = _rule(key, plain(label))
    if best is None:
        side.miss("series", published, place)
        return None
    if best.series is None:
        side.leave_out("commodity", commodity, best.left_out)
    return best.series


@cache
def _rule(key: str, label: str) -> Rule | None:
    """The rule of a commodity with the most words that all stand in the label; None if several say different things."""
    words = set(_WORD.findall(label))
    fitting = [rule for rule in rules().get(key, ()) if rule.words <= words]
    most = max((len(rule.words) for rule in fitting), default=0)
    best = [rule for rule in fitting if len(rule.words) == most]
    return best[0] if len({rule.series for rule in best}) == 1 else None


@dataclass(frozen=True)
class Place:
    """A country as printed: ISO code, whether its name carries the mark of an estimate, and what else stood there."""

    country: str
    estimated: bool
    qualifier: str


def country_for(side: SideFiles, printed: str, place: str) -> Place | None:
    """The country behind a printed name: footnote numbers, a glued `e` (estimated), brackets and trailing remarks go.

    `World total ...` is WLD, `Other countries` OTH. None if left out or unmapped (noted).
    """
    text = re.sub(r"\s+", " ", printed.replace("\u00a0", " ")).strip()
    if side.leaves_out("country", text):
        return None
    low = plain(text)
    if low.startswith("world total"):
        return Place(WORLD, False, text[len("world total") :].strip(" ,"))
    bare = re.sub(r"\s*\([^)]*\)", "", text).strip()
    candidates = [text, bare, re.sub(r"\d+$", "", text).strip(), re.sub(r"\s*\([^)]*\)\d*$", "", text).strip()]
    head = re.sub(r"\d+$", "", bare.split(",")[0]).strip()
    for name in (*candidates, head):
        for tried, estimated in ((name, False), (name[:-1] if name.endswith("e") else "", True)):
            if plain(tried) in ("other countries", "other"):
                return Place(OTHERS, estimated, "")
            found = side.names.get(("country", plain(tried))) or countries().get(plain(tried))
            if tried and found:
                return Place(found, estimated, re.sub(r"^\d+$", "", text[len(tried) :].strip(" ,")))
    side.miss("country", text, place)
    return None


def columns_named(header: Sequence[str]) -> Mapping[str, int]:
    """Column -> position, without the empty columns that spreadsheets leave at the right."""
    return {name: at for at, name in enumerate(header) if name}
