"""An annex: a further section of a brief, made by another verb for the chains that a shock touches.

It holds what the page shows (sentences, pictures, tables, cautions) and what is written beside it: the tables as
`<name>-<table>.csv` and `.parquet`, and the whole answer of that verb as `<name>.json`. plan.json stays as it is.

How a figure is known stands at the title of its column where it holds for the whole column (losses in USD rest on assumed
values), and at the cell where it differs from row to row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from orebridge.labels import Labels, country_name
from orebridge.provenance import mark, weakest
from orebridge.reports.ensemble import section as ensemble_section
from orebridge.reports.section import Section
from orebridge.reports.section import Table as PlainTable

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.ensemble.result import Ensemble
    from orebridge.reports.pictures import Picture
    from orebridge.vulnerabilities.result import Vulnerabilities

OPEN = 3
NOTHING = ("–", "not stated")
LOSSES = "assumed"  # losses in USD: values of lost output are assumed
#: How the figures of a column are known, by its title, where that is the same in every row.
ENSEMBLE_KNOWN = dict.fromkeys(
    ("expected", "± s.e.", "its own worst 5 %", "part of the allies' worst 5 %", "chance", "expected t short",
     "in the worst 5 %", "expected M USD", "earliest month short", "M USD expected", "M USD in the worst 5 %", "drawn",
     "at low", "at high"),
    LOSSES,
)  # fmt: skip
VULNERABILITIES_KNOWN = dict.fromkeys(
    ("without a plan", "with a plan", "first short", "worst hit", "saves", "survives, unaided"), LOSSES
)
#: Columns of the table of stages that rest on the base-year output of that stage; their marks stand in the rows.
STAGE_FIGURES = ("share", "HHI", "largest by control", "others' coverage without it")


@dataclass(frozen=True)
class Cell:
    """Text of a cell; `known` is how its figure is known, empty where that stands at the column or does not apply."""

    text: str
    known: str = ""


@dataclass(frozen=True)
class Table:
    """A titled table with sentences before it; columns in `left` are words, the others figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left: frozenset[str]
    words: tuple[str, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)  #: how the figures of a column are known, by its title


@dataclass(frozen=True)
class Annex:
    """A further section of a brief; `name` is its place in the page and the beginning of its files' names."""

    name: str
    title: str
    words: tuple[str, ...]
    figures: tuple[tuple[str, str, go.Figure], ...]
    tables: tuple[Table, ...]
    warnings: tuple[str, ...]
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pictured: Mapping[str, str] = field(default_factory=dict)  #: how what a figure shows is known, by its name
    open: int = OPEN  #: tables that stand open; the others open on a click

    def plots(self) -> dict[str, go.Figure]:
        """Figures by the name under which the page knows them."""
        return {f"{self.name}-{name}": figure for name, _, figure in self.figures}

    def stills(self, origin: str) -> list[Picture]:
        """Figures as pictures that stand alone, their caption marked with how what they show is known."""
        from orebridge.reports.pictures import Picture

        return [
            Picture(f"{self.name}-{name}", _marked(caption, word), figure, origin)
            for name, caption, figure in self.figures
            for word in [self.pictured.get(name, "")]
        ]

    def content(self) -> dict[str, Any]:
        """What the page's template needs."""
        return {
            "name": self.name, "title": self.title, "words": self.words, "warnings": self.warnings,
            "figures": [(f"{self.name}-{name}", caption, self.pictured.get(name, "")) for name, caption, _ in self.figures],
            "tables": self.tables, "open": self.open, "files": sorted(self.documents),
        }  # fmt: skip

    def write(self, folder: Path) -> None:
        """Write tables and JSON into a folder, each flushed to the disk."""
        from orebridge.reports.write import json_text, table_file, text_file

        for name, document in self.documents.items():
            text_file(folder / name, json_text(document))
        for name, frame in self.frames.items():
            table_file(folder / f"{self.name}-{name}", frame)


def _marked(caption: str, word: str) -> str:
    """The caption with the mark of how what it tells of is known.

    >>> _marked("Loss by tier.", "assumed"), _marked("Loss by tier.", "read")
    ('Loss by tier [a].', 'Loss by tier.')
    """
    sign = mark(word) if word else ""
    return f"{caption.removesuffix('.')} {sign}." if sign else caption


def failed(name: str, title: str, why: str) -> Annex:
    """An annex that could not be made says so in its place."""
    return Annex(name, title, (), (), (), (f"This section could not be made: {why}",))


def of_section(
    name: str,
    part: Section,
    labels: Labels,
    known: Mapping[str, str],
    by_row: Mapping[str, str] | None = None,
) -> Annex:
    """The annex of a section as it stands on a page of its own, without files.

    `known`: how a column is known, by its title; `by_row`: how a stage is known, by its label.
    """
    figures = tuple((key, caption, draw()) for key, caption, draw in part.figures)
    tables = tuple(_table(table, labels, known, by_row or {}) for table in part.tables if table.rows)
    return Annex(name, part.title, part.words, figures, tables, part.warnings)


def _table(table: PlainTable, labels: Labels, known: Mapping[str, str], by_row: Mapping[str, str]) -> Table:
    stages = table.columns[0] == "stage"
    rows = tuple(
        tuple(
            Cell(
                _readable(text, labels),
                by_row.get(row[0], "") if stages and title in STAGE_FIGURES and text not in NOTHING else "",
            )
            for title, text in zip(table.columns, row, strict=True)
        )
        for row in table.rows
    )
    own = {title: word for title, word in known.items() if not (stages and title in STAGE_FIGURES)}
    return Table(table.title, table.columns, rows, frozenset({table.columns[0], *table.left}), (), own)


def _readable(text: str, labels: Labels) -> str:
    """A commodity's label for its id, with the member's name before it where the id carries one."""
    member, _, rest = text.partition("/")
    if len(member) == 3 and member.isupper() and "/" in rest:
        return f"{country_name(member)}, {labels.commodity(rest)}"
    return labels.commodity(text)


def of_ensemble(ensemble: Ensemble, labels: Labels) -> Annex:
    """The annex of `orebridge simulate`."""
    made = of_section("simulate", ensemble_section(ensemble), labels, ENSEMBLE_KNOWN)
    return replace(
        made, frames=ensemble.tables(), documents={"ensemble.json": ensemble.to_dict()},
        pictured=dict.fromkeys((name for name, _, _ in made.figures), LOSSES),
    )  # fmt: skip


def of_vulnerabilities(found: Vulnerabilities) -> Annex:
    """The annex of `orebridge vulnerabilities`."""
    from orebridge.reports.vulnerabilities import section
    from orebridge.vulnerabilities.result import schema

    # Shares of use rest on the base year as balanced, recovery on the rates, losses and times to survive on assumptions.
    base = _weakest(found.network.adjustments["confidence"])
    rates = _weakest(found.tables["host_limits"]["rate_confidence"])
    known = VULNERABILITIES_KNOWN | dict.fromkeys(("share", "direct", "hidden"), base)
    known |= {"recovers in": _weakest(found.tables["survival"]["ttr_confidence"]), "recovery lost a year": rates}
    made = of_section("vulnerabilities", section(found), Labels.of(found.world), known, _stages_known(found))
    pictured = {name: base if name.startswith(("exposure", "upstream")) else LOSSES for name, _, _ in made.figures}
    return replace(
        made, frames=found.tables, pictured=pictured | {"host_cuts": rates},
        documents={"vulnerabilities.json": found.to_dict(), "vulnerabilities.schema.json": schema(found.tables)},
    )  # fmt: skip


def _weakest(words: Sequence[str] | pd.Series) -> str:
    """The least certain of several words; nothing if there is none."""
    known = [str(word) for word in words if word]
    return weakest(known) if known else ""


def _stages_known(found: Vulnerabilities, least: float = 0.05) -> dict[str, str]:
    """How the output of each stage is known, by its label: the weakest figure of a site with a twentieth of it or more."""
    from orebridge.vulnerabilities.concentration import outputs

    network, labels = found.network, Labels.of(found.world)
    rows = network.adjustments[network.adjustments["table"] == "production"]
    stated = {what.split(" ")[1]: word for what, word in zip(rows["what"], rows["confidence"], strict=True)}
    made = outputs(network)
    made["commodity"] = network.nodes["commodity"].to_numpy()[made["node"]]
    made["site"] = network.sites["site"].to_numpy()[made["site"]]
    known = {}
    for commodity, own in made.groupby("commodity"):
        telling = own[own["tonnes"] >= least * own["tonnes"].sum()]
        # A site without a row of its own is what balancing left over.
        known[labels.commodity(str(commodity))] = _weakest(
            ["computed", *(stated.get(str(site)) or "derived" for site in telling["site"])]
        )
    return known
