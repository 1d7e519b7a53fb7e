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

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orebridge.errors import UnknownLabel
from orebridge.importers.sidefiles import own_table
from orebridge.workspace import Workspace, open_workspace
from orebridge.workspace_inputs import RECONCILED, Vintages, held_frames

if TYPE_CHECKING:
    import pandas as pd

    from orebridge.priorities.inputs import Inputs, Origin
    from orebridge.world import World

#: Frames that can be imported: what they are called, and the columns whose values stay together ((): the whole frame).
FRAMES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "production": ("output by country", ("mineral", "stage")), "trade": ("trade", ("importer", "mineral")),
    "exports": ("exports", ()), "governance": ("governance", ("indicator",)), "prices": ("prices", ("mineral",)),
    "net_import_reliance": ("net import reliance", ("mineral", "country")), "reserves": ("reserves", ("mineral",)),
    "eu": ("results of the EU study", ()), "trade_parameters": ("factors for export restrictions", ()),
}  # fmt: skip


def ranking_inputs(
    workspace: Path | None, year: int | None = None, *, world: World | None = None, editions: Iterable[str] = ()
) -> Inputs:
    """The inputs of a year from the workspace over the bundled tables; `editions` are `source@vintage`, else the newest.

    Without a year it is the newest of which both output and trade were imported, else the newest of either. Raises
    WorkspaceError if there is no workspace, UnknownLabel if it is empty, or holds neither output nor trade of the year,
    or not an edition.
    """
    from orebridge.priorities.inputs import BUNDLED_YEAR, TABLES, bundled_inputs, passages_of
    from orebridge.world import load_world

    world = world or load_world(tables=TABLES)
    with open_workspace(workspace) as space:
        if space.vintages().empty:
            raise UnknownLabel(
                f"{space.path}: the workspace is empty; import a source (orebridge data import SOURCE PATH), or leave the "
                "workspace out to rank on the bundled tables."
            )
        vintages = dict(space.require(name) for name in editions)
        chosen = _year(space, year, vintages, BUNDLED_YEAR)
        frames = held_frames(space, chosen, vintages)
        path = str(space.path)
    laid = laid_over(bundled_inputs(world), chosen, frames).replace(workspace=path)
    return laid.replace(passages=passages_of(world, laid.trade))


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


def _year(space: Workspace, year: int | None, vintages: Vintages, bundled: int) -> int:
    """The year to rank; raises UnknownLabel if one is asked for that was not imported, with those that were."""
    output, trade = (_years(space, table, vintages) for table in ("production", "trade"))
    if year is None:
        return max(output & trade or output | trade or {bundled})
    if year in output | trade or (not output | trade and year == bundled):
        return year
    held = [f"{what} of {_spans(years)}" for what, years in (("output", output), ("trade", trade)) if years]
    raise UnknownLabel(
        f"{space.path}: neither output nor trade of {year} was imported; it holds {' and '.join(held) or 'no year of them'}. "
        f"Name such a year with --year, or import that of {year}: orebridge data import."
    )


def _years(space: Workspace, table: str, vintages: Vintages) -> set[int]:
    """The years of a table in the editions chosen."""
    pairs = [(source, vintages.get(source, newest)) for source, newest in space.holding(table)]
    where = " OR ".join("(v.source = ? AND v.vintage = ?)" for _ in pairs) or "false"
    kind = "kind = 'production'" if table == "production" else "true"
    found = space.connection.execute(
        f"SELECT DISTINCT year FROM {table} t JOIN files f ON f.file = t.file JOIN vintages v ON v.id = f.vintage_id "
        f"WHERE ({where}) AND {kind}",
        [word for pair in pairs for word in pair],
    ).fetchall()
    return {int(row[0]) for row in found}


def _spans(years: Iterable[int]) -> str:
    """`2018-2020, 2024`."""
    parts: list[list[int]] = []
    for year in sorted(years):
        if parts and year == parts[-1][-1] + 1:
            parts[-1].append(year)
        else:
            parts.append([year])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)
