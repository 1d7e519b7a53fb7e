"""A ranking on imported figures: the workspace laid over the bundled tables, with every gap named.

What the workspace holds replaces the bundled rows; what it does not hold stays bundled and is said (`Inputs.origins`).

production           series by series (mineral and stage): shares are only ever taken within one series
trade                BACI whole, since it lists every flow; UN Comtrade by importer and mineral, where all headings of it came
exports              BACI alone
governance           indicator by indicator
net import reliance  by mineral and country; prices and reserves by mineral
EU study, factors    whole

Nothing else is imported: the printed results of the Survey, outlook, companion shares, development index, routes, chances
and expected losses are the bundled ones. Routes are looked up anew for the partners in the imported trade.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orebridge.importers.sidefiles import own_table

if TYPE_CHECKING:
    import pandas as pd

    from orebridge.priorities.inputs import Inputs, Origin

#: The source of trade that lists every flow: what it does not list was not shipped.
RECONCILED = "baci"
#: Frames that can be imported: what they are called, and the columns whose values stay together ((): the whole frame).
FRAMES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "production": ("output by country", ("mineral", "stage")), "trade": ("trade", ("importer", "mineral")),
    "exports": ("exports", ()), "governance": ("governance", ("indicator",)), "prices": ("prices", ("mineral",)),
    "net_import_reliance": ("net import reliance", ("mineral", "country")), "reserves": ("reserves", ("mineral",)),
    "eu": ("results of the EU study", ()), "trade_parameters": ("factors for export restrictions", ()),
}  # fmt: skip


def laid_over(base: Inputs, year: int, frames: Mapping[str, Any]) -> Inputs:
    """`base` with imported frames laid over it, and where each frame came from (`origins`)."""
    made: dict[str, Any] = {}
    origins: list[Origin] = []
    for name, (title, keys) in FRAMES.items():
        made[name], origin = _laid(name, title, keys, getattr(base, name), frames[name], base.year)
        origins.append(origin)
    editions = sorted({edition for origin in origins for edition in origin.editions})
    words = f"{year}; imported: {', '.join(editions) or 'nothing'}; the rest bundled, of {base.year}"
    return base.replace(
        year=year, **made, vintage=words, version=f"{frames['version']}+{base.version}", origins=tuple(origins)
    )


def _laid(
    name: str, title: str, keys: tuple[str, ...], base: pd.DataFrame, own: pd.DataFrame, year: int
) -> tuple[pd.DataFrame, Origin]:
    """One frame: imported rows, and bundled ones for the keys that were not imported."""
    import pandas as pd

    from orebridge.priorities.inputs import Origin

    if name == "trade":
        reconciled = len(own) and own["source"].str.startswith(RECONCILED + "@").all()
        keys = () if reconciled else keys
        own = own if reconciled else _whole_minerals(own)
    if not len(own):
        return base, Origin(name, title, (), 0, ("all of it",) if len(base) else (), year)
    editions = tuple(sorted(set(own["source"])))
    said = f"{title} of {int(own['year'].max())}" if name == "governance" else title
    if not keys:
        return own, Origin(name, said, editions, len(own), (), year)
    there = pd.MultiIndex.from_frame(own[list(keys)].astype(str))
    left = base[~pd.MultiIndex.from_frame(base[list(keys)].astype(str)).isin(there)] if len(base) else base
    both = pd.concat([own, left[[column for column in own.columns if column in left]]], ignore_index=True)
    return both, Origin(name, said, editions, len(own), _names(left, keys), year)


def _names(rows: pd.DataFrame, keys: tuple[str, ...]) -> tuple[str, ...]:
    """The keys of bundled rows that stand in, in words: `cobalt (refining)`; trade by importer, with its minerals counted."""
    if not len(rows):
        return ()
    found = rows[list(keys)].drop_duplicates().sort_values(list(keys))
    if keys[0] == "importer":
        return tuple(f"{who} ({len(part)} minerals)" for who, part in found.groupby("importer"))
    return tuple(" (".join(map(str, row)) + (")" if len(keys) > 1 else "") for row in found.itertuples(index=False))


def _whole_minerals(trade: pd.DataFrame) -> pd.DataFrame:
    """Flows of importers and minerals of which every living heading came: where one was not asked for, the sum is too low."""
    if not len(trade):
        return trade
    wanted: dict[str, int] = {}
    for row in own_table("hs.csv"):
        if row["mineral"] and not row["last_year"]:
            wanted[row["mineral"]] = wanted.get(row["mineral"], 0) + 1
    came = trade.groupby(["importer", "mineral"])["hs"].transform("nunique")
    return trade[came >= trade["mineral"].map(wanted)]
