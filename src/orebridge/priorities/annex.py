"""The ranking as a section of a brief: where the minerals stand whose chains a shock touches."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from orebridge.labels import and_list, capital
from orebridge.priorities.page import FIGURES, caption, tables
from orebridge.priorities.ranking import TOP, Ranking
from orebridge.priorities.verb import Priorities
from orebridge.priorities.words import SHORT, _rank
from orebridge.reports.annex import LOSSES, Annex, Cell, Table

if TYPE_CHECKING:
    pass

SHOWN = 12


def annex(result: Priorities, chains: Sequence[str]) -> Annex:
    """The annex of `orebridge priorities`, with the minerals of these chains in front."""
    chain = result.inputs.minerals.set_index("mineral")["chain"]
    own = {str(mineral) for mineral in chain.index[chain.isin(list(chains))]}
    pictures = tuple((name, caption(draw), draw(result)) for name, _, draw in FIGURES)
    parts = tuple(_table(ranking, own) for ranking in reversed(result.rankings))
    return Annex(
        "priorities", f"Where these minerals stand among all, {result.inputs.year}", tuple(_words(result, own)), pictures, parts,
        _cautions(result), tables(result), {"priorities.json": result.to_dict()}, dict.fromkeys(("risk", "flow", "heat"), "computed"), 1,
    )  # fmt: skip


def _words(result: Priorities, own: set[str]) -> list[str]:
    words = []
    for ranking in reversed(result.rankings):
        table = ranking.table[ranking.table["rank"].notna()]
        places = [
            f"{row.label} {_rank(float(str(row.rank)))} ({row.rank_low:.0f} to {row.rank_high:.0f})"
            for row in table[table["mineral"].isin(own)].itertuples()
        ]
        if places:
            who = capital(ranking.subject.words)
            words.append(f"{who}, {len(table)} minerals ranked, 1 the worst: {and_list(places)}.")
    if not words:
        return ["No mineral of the chains hit has a rank: too few of the methods have a score for it."]
    names = and_list(method.title.partition(" (")[0] for method in result.methods)
    return [
        *words,
        f"Ranks are the mean place under {len(result.methods)} published yardsticks ({names}); in brackets what 90 % of "
        f"{result.rankings[-1].draws} draws of the inputs give.",
    ]


def _table(ranking: Ranking, own: set[str]) -> Table:
    """The worst minerals, and those of the chains hit wherever they stand."""
    table = ranking.table[ranking.table["rank"].notna()].reset_index(drop=True)
    shown = table[(table.index < SHOWN) | table["mineral"].isin(own)]
    ranks = {name: frame.set_index("mineral")["rank"] for name, frame in ranking.scores.items()}
    used = [method.name for method in ranking.methods if ranks[method.name].notna().any()]
    columns = (
        "mineral",
        "chain hit",
        "rank",
        "90 %",
        f"in the top {TOP}",
        *(SHORT.get(n, n) for n in used),
        "inputs present",
    )
    rows = [_row(row, own, [ranks[name] for name in used]) for row in shown.to_dict("records")]
    known = {title: "computed" for title in columns[2:-1]} | {SHORT["expected_loss"]: LOSSES}
    return Table(capital(ranking.subject.words), columns, tuple(rows), frozenset(columns[:2]), (), known)


def _row(row: Mapping[Hashable, object], own: set[str], ranks: Sequence[pd.Series]) -> tuple[Cell, ...]:
    def figure(name: str) -> float:
        return float(str(row[name]))

    low, high = figure("rank_low"), figure("rank_high")
    cells = [str(row["label"]), "yes" if row["mineral"] in own else "", _rank(figure("rank")), f"{low:.0f}-{high:.0f}"]
    cells += [f"{figure('top'):.0%}".replace("%", " %")]
    cells += [_rank(float(rank.get(str(row["mineral"]), np.nan))) for rank in ranks]
    return tuple(map(Cell, [*cells, f"{figure('inputs'):.0%}".replace("%", " %")]))


def _cautions(result: Priorities) -> tuple[str, ...]:
    equal = len(set(result.weights.values())) == 1
    return (
        f"Rests on: {result.inputs.vintage}." + (" All methods weigh the same." if equal else ""),
        "A rank says how a yardstick sees a mineral, not what this shock does; the expected loss (loss) comes from this model and "
        "rests on assumed chances and values.",
        "A dash is no score, not a good one: the inputs of that method are absent for the mineral.",
        *(capital(note) for note in result.notes),
    )
