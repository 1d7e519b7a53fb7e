"""The red team as files and as a section of a brief: the worst hits, how sure that is, and what would take the loss away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orebridge.charts.redteam import fixes, worst_sets
from orebridge.delivery.naming import usd
from orebridge.labels import Labels, and_list, in_words
from orebridge.reports.annex import LOSSES, Annex, Cell, Table
from orebridge.reports.content import percent
from orebridge.vulnerabilities.redteam_words import NUMBER, sections, strike_words, tables, to_dict

if TYPE_CHECKING:
    from orebridge.stories.section import Section
    from orebridge.vulnerabilities.fixes import FixPlan
    from orebridge.vulnerabilities.redteam import RedTeam
    from orebridge.vulnerabilities.verb import Attack

WARNINGS = (
    "Values of lost output, stocks and outlays are assumptions with wide ranges: read the ranking, not the sums.",
    "A loss here is that of the better of two plans for members' USD (docs/redteam.md), so it may be a little below that of the "
    "same hit among single hits, which is that of the plan that serves tiers first.",
    "A plan knows the length of a hit from its first month, and fixes are taken as done before it: both flatter.",
    "A facility may stand for all makers of a country; a closed passage has no way round it here.",
)


def annex(red: RedTeam, plans: Sequence[FixPlan], labels: Labels) -> Annex:
    """The annex of `orebridge redteam`."""
    names = [strike_words(red.network, item.strike, labels) for item in red.rounds]
    against = [strike_words(red.network, plan.strike, labels) for plan in plans]
    pictures = [
        ("worst", f"The worst hits of {red.length} months by number of hits: loss of members by tier.", worst_sets(red, names)),
    ]  # fmt: skip
    if plans:
        pictures.append(
            ("fixes", "The worst single hits: loss, what is left of it with the cheapest fix, and its outlay with range.",
             fixes(plans, against))
        )  # fmt: skip
    # A column `loss` or `outlay` in million USD rests on assumed values; shares of it do too.
    known = dict.fromkeys(
        ("loss, million USD", "outlay, million USD", "loss left", "saves, million USD", "of the loss", *red.members),
        LOSSES,
    )
    return Annex(
        "redteam", "The worst hits at once, and the cheapest fixes", tuple(_words(red, plans, labels)), tuple(pictures),
        tuple(_table(part, known) for part in sections(red, plans, labels)), WARNINGS, tables(red, plans, labels),
        {"redteam.json": to_dict(red, plans, labels)}, {"worst": LOSSES, "fixes": LOSSES},
    )  # fmt: skip


def write_redteam(found: Attack, folder: Path, pictures: Sequence[str] = ()) -> list[Path]:
    """Write redteam.json and the tables as CSV and Parquet, all or none; returns the files written, the JSON first.

    `pictures`: kinds of picture files (`png`, `svg`) in which the charts are written too, as redteam-NAME.
    """
    from orebridge.reports.pictures import draw, origin
    from orebridge.reports.write import json_text, put, table_file, text_file

    def fill(place: Path) -> None:
        text_file(place / "redteam.json", json_text(found.to_dict()))
        for name, frame in found.tables().items():
            table_file(place / f"redteam-{name}", frame)
        if pictures:
            red, labels = found.red, found.labels
            whose = origin(red.members, [*map(labels.chain, red.chains)], f"Base year {red.network.base_year}")
            draw(place, annex(red, found.fixes, labels).stills(whose), pictures)

    return sorted(put(Path(folder), fill), key=lambda path: path.name != "redteam.json")


def _words(red: RedTeam, plans: Sequence[FixPlan], labels: Labels) -> list[str]:
    """The answer in two or three sentences."""
    who = and_list(in_words(member) for member in red.members)
    words = []
    for item in red.rounds:
        if item.strike.usd <= 0:
            words.append(
                f"No {NUMBER[item.hits]} hit{'s' if item.hits > 1 else ''} of those tried would cost {who} anything."
            )
            continue
        what = strike_words(red.network, item.strike, labels)
        sure = "proven" if item.proven else f"no set costs more than {usd(item.bound_usd)}"
        words.append(
            f"The worst {'hit' if item.hits == 1 else f'{NUMBER[item.hits]} hits'} for {who}: {what}. "
            f"With the best plan {usd(item.strike.usd)} are lost ({sure} among the hits tried)."
        )
    reached = [plan for plan in plans if plan.reached and plan.fixes]
    if reached:
        plan = reached[0]
        words.append(
            f"Against the first of the worst single hits told below ({strike_words(red.network, plan.strike, labels)}) the cheapest "
            f"fix{'' if plan.cheapest else ' found'} takes {percent(plan.removed)} of the loss away for an outlay of {usd(plan.cost.usd)} ({usd(plan.cost.low)} to {usd(plan.cost.high)})."
        )
    return words


def _table(part: Section, known: dict[str, str]) -> Table:
    columns = tuple(title.removeprefix(">") for title in part.columns)
    left = frozenset(title for title in part.columns if not title.startswith(">"))
    return Table(part.title, columns, tuple(tuple(map(Cell, row)) for row in part.rows), left, part.text, known)
