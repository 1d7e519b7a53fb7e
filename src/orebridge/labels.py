"""Names shown to people: commodities, sites, recipes and countries by their labels in the tables, months by calendar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    import pandas as pd

    from orebridge.session import Response
    from orebridge.world import World

#: Short English names where the official one is long or turned round. `OTH` is the rest of a chain's countries.
SHORT_NAMES = {
    "BOL": "Bolivia",
    "BRN": "Brunei",
    "COD": "DR Congo",
    "COG": "Congo",
    "FSM": "Micronesia",
    "GBR": "United Kingdom",
    "IRN": "Iran",
    "KOR": "South Korea",
    "LAO": "Laos",
    "MDA": "Moldova",
    "MKD": "North Macedonia",
    "OTH": "other countries",
    "PRK": "North Korea",
    "PSE": "Palestine",
    "RUS": "Russia",
    "SYR": "Syria",
    "TUR": "Türkiye",
    "TWN": "Taiwan",
    "TZA": "Tanzania",
    "USA": "United States",
    "VEN": "Venezuela",
    "VNM": "Viet Nam",
}
TIERS = ("defence", "essential", "general")
STOCK = "stock"


WITH_ARTICLE = {"ARE", "CZE", "DOM", "GBR", "MDV", "NLD", "PHL", "USA"}


@cache
def country_name(code: str) -> str:
    """English name of an ISO 3166 alpha-3 country; the code itself where there is none.

    >>> country_name("JPN"), country_name("KOR"), country_name("XYZ")
    ('Japan', 'South Korea', 'XYZ')
    """
    if code in SHORT_NAMES:
        return SHORT_NAMES[code]
    import pycountry

    found = pycountry.countries.get(alpha_3=code)
    if found is None:
        return code
    return str(getattr(found, "common_name", found.name)).partition(",")[0]


def in_words(code: str) -> str:
    """The country as it stands inside a sentence.

    >>> in_words("USA"), in_words("JPN")
    ('the United States', 'Japan')
    """
    return f"the {country_name(code)}" if code in WITH_ARTICLE else country_name(code)


def capital(text: str) -> str:
    """The text with a capital first letter, as a sentence begins."""
    return text[:1].upper() + text[1:]


def says_nothing(member: str) -> str:
    """The warning for a member that uses nothing of what is asked about."""
    return f"{country_name(member)}: no use of these minerals is modelled there, so its loss of 0 says nothing."


def inside(label: str) -> str:
    """A label inside a sentence: no capital at its head, unless it is a symbol such as NdPr or Dy.

    >>> inside("Refined cobalt"), inside("High-purity gallium"), inside("Fluorspar, all grades"), inside("NdPr metal"), inside("La/Ce oxides")
    ('refined cobalt', 'high-purity gallium', 'fluorspar, all grades', 'NdPr metal', 'La/Ce oxides')
    """
    first = label.split(" ", 1)[0]
    parts = first.rstrip(",:;").split("-")
    word = len(parts[0]) > 2 and all(p.isalpha() and p[1:] == p[1:].lower() for p in parts)
    return first.lower() + label[len(first) :] if word else label


def calendar_month(start: str, month: int) -> str:
    """Calendar month of plan month 1, 2, ... of a plan that starts in `start`, as YYYY-MM.

    >>> calendar_month("2026-12", 1), calendar_month("2026-12", 2), calendar_month("2026-12", 14)
    ('2026-12', '2027-01', '2028-01')
    """
    year, first = (int(part) for part in start.split("-"))
    at = first + month - 2
    return f"{year + at // 12}-{at % 12 + 1:02d}"


def span(first: str, last: str) -> str:
    """Months from first to last, one month once.

    >>> span("2026-12", "2026-12"), span("2026-12", "2027-03")
    ('2026-12', '2026-12 to 2027-03')
    """
    return first if first == last else f"{first} to {last}"


def and_list(words: Iterable[str]) -> str:
    """Words joined as people do.

    >>> and_list(["Japan"]), and_list(["Japan", "Korea", "Malta"])
    ('Japan', 'Japan, Korea and Malta')
    """
    known = list(words)
    return known[0] if len(known) == 1 else ", ".join(known[:-1]) + " and " + known[-1] if known else ""


class Labels:
    """Labels of one world's ids. An id without a label is shown as it is, so a small world needs no tables."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self._tables = tables
        self._names: dict[tuple[str, str], dict[Hashable, str]] = {}

    @classmethod
    def of(cls, source: Response | World) -> Labels:
        """The labels of a response's or a world's tables."""
        return cls(source.world.tables if hasattr(source, "world") else source.tables)

    def _known(self, table: str, key: str, name: str) -> dict[Hashable, str]:
        if (table, key) not in self._names:
            frame = self._tables.get(table)
            if frame is None or key not in frame or name not in frame:
                self._names[table, key] = {}
            else:
                self._names[table, key] = {k: str(v) for k, v in zip(frame[key], frame[name], strict=True) if v}
        return self._names[table, key]

    def commodity(self, commodity: str) -> str:
        """Label of a commodity, e.g. `Dysprosium oxide`."""
        return self._known("commodities", "commodity", "label").get(commodity, commodity)

    def chain(self, chain: str) -> str:
        """Label of a chain."""
        return self._known("chains", "chain", "label").get(chain, chain.replace("_", " "))

    def site(self, site: str) -> str:
        """Name of a site."""
        return self._known("sites", "site", "name").get(site, site)

    def project(self, project: str) -> str:
        """Name of a project."""
        return self._known("projects", "project", "name").get(project, project)

    def process(self, process: str) -> str:
        """Label of a process."""
        return self._known("processes", "process", "label").get(process, process)

    def recipe(self, process: str, recipe: str) -> str:
        """Label of a recipe of a process."""
        if ("recipes", "both") not in self._names:
            frame = self._tables.get("recipes")
            known: dict[Hashable, str] = {}
            if frame is not None and len(frame):
                pairs = zip(frame["process"], frame["recipe"], strict=True)
                known = dict(zip(pairs, frame["label"].astype(str), strict=True))
            self._names["recipes", "both"] = known
        return self._names["recipes", "both"].get((process, recipe)) or recipe

    def activity_unit(self, process: str) -> str:
        """What a tonne of the process's activity is, e.g. `t magnet made`."""
        return self._known("processes", "process", "activity").get(process, "t of activity")

    @staticmethod
    def country(code: str) -> str:
        """English name of a country."""
        return country_name(code)
