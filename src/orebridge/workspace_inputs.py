"""From the workspace to the inputs of the methods: one year, one vintage per source, one basis per series.

Each figure keeps its source and vintage (`usgs-mcs@2026`). Where two sources give a series both are kept and one is
marked preferred whole, because shares are only ever taken within one source. What a vintage does not hold is absent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orebridge.errors import UnknownLabel
from orebridge.importers.sidefiles import own_table
from orebridge.workspace import Workspace, open_workspace
from orebridge.workspace_overlay import RECONCILED, laid_over

if TYPE_CHECKING:
    import pandas as pd

    from orebridge.priorities.inputs import Inputs
    from orebridge.world import World

#: The first of these that states a series is preferred: it names more countries.
PREFERRED = ("world-mining-data", "usgs-mcs")
#: Of several bases of one series in one source the one that methods use; rows of others are left out.
BASIS = {"iron": "Fe content", "mica": "scrap and flake"}
#: Bases that are parts of one series and are added up (titanium minerals).
ADDED = {"TiO2 in ilmenite": "oxide:TiO2", "TiO2 in rutile": "oxide:TiO2"}
SUMS = ("TiO2 in ilmenite and rutile",)
PRODUCTION_COLUMNS = (
    "mineral", "stage", "country", "tonnes", "low", "high", "source", "confidence", "total", "preferred", "estimate", "basis",
)  # fmt: skip
#: Indicators whose mean the EU method asks for, and what it is called.
SIX = (
    "voice_accountability", "political_stability", "government_effectiveness", "regulatory_quality", "rule_of_law",
    "control_of_corruption",
)  # fmt: skip
MEAN_OF_SIX = "wgi_mean_of_six"
Vintages = Mapping[str, str]


def workspace_inputs(
    workspace: Workspace | Path | None, year: int, *, vintages: Vintages | None = None, base: Inputs | None = None
) -> Inputs:
    """The inputs of a year from imported files; `vintages` chooses other than the newest (source -> vintage) and prefers it.

    What was not imported is that of `base` (see `workspace_overlay`), absent without it. Governance is that of the year, or of the
    last year before it that the vintage holds. Raises UnknownLabel if no production or trade of the year was imported.
    """
    from orebridge.priorities.inputs import Inputs

    frames = workspace_frames(workspace, year, vintages)
    if base is None:
        return Inputs(year=year, **frames)
    return laid_over(base, year, frames)


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
        chosen = _year_to_rank(space, year, vintages, BUNDLED_YEAR)
        frames = held_frames(space, chosen, vintages)
        path = str(space.path)
    laid = laid_over(bundled_inputs(world), chosen, frames).replace(workspace=path)
    return laid.replace(passages=passages_of(world, laid.trade))


def workspace_frames(workspace: Workspace | Path | None, year: int, vintages: Vintages | None = None) -> dict[str, Any]:
    """The frames and the words for vintage and version, by the names that `Inputs` gives them."""
    if not isinstance(workspace, Workspace):
        with open_workspace(workspace) as space:
            return workspace_frames(space, year, vintages)
    frames = held_frames(workspace, year, vintages)
    if not len(frames["production"]) and not len(frames["trade"]):
        raise UnknownLabel(
            f"{workspace.path}: no production and no trade of {year} was imported; it holds {_years(workspace)}."
        )
    return frames


def held_frames(space: Workspace, year: int, vintages: Vintages | None = None) -> dict[str, Any]:
    """The same of an open workspace, whether or not it holds anything of the year."""
    chosen = {
        table: _chosen(space, table, vintages)
        for table in ("production", "trade", "governance", "prices", "statistics", "criticality")
    }
    frames: dict[str, Any] = {
        "production": _production(space, year, chosen["production"], tuple(vintages or ())),
        "trade": _trade(space, year, chosen["trade"]),
        "governance": _governance(space, year, chosen["governance"]),
        "prices": _prices(space, year, chosen["prices"]),
        "net_import_reliance": _reliance(space, year, chosen["statistics"]),
        "eu": _eu(space, chosen["criticality"]),
        "trade_parameters": _parameters(space, chosen["criticality"]),
        "reserves": _reserves(space, chosen["production"]),
    }
    flows = (
        frames["trade"]
        .rename(columns={"exporter": "country"})
        .groupby(["mineral", "country", "source"], as_index=False)
    )
    # Exports can be added up only from a source that lists every flow.
    sold = flows["tonnes"].sum(min_count=1)[["mineral", "country", "tonnes", "source"]]
    frames["exports"] = sold[sold["source"].str.startswith(RECONCILED + "@")]
    used = sorted({f"{source}@{vintage}" for pairs in chosen.values() for source, vintage in pairs})
    frames["vintage"] = f"{year}; {', '.join(used)}"
    frames["version"] = _version(space, used, year)
    return frames


def _chosen(space: Workspace, table: str, vintages: Vintages | None) -> list[tuple[str, str]]:
    """Source and vintage of the rows of a table: the newest, or what the caller says."""
    return [(source, (vintages or {}).get(source, newest)) for source, newest in space.holding(table)]


def _rows(
    space: Workspace, table: str, chosen: list[tuple[str, str]], columns: str, where: str, values: list[object]
) -> pd.DataFrame:
    """Rows of the vintages chosen, with `source` (source@vintage), confidence and place."""
    sql = (
        f"SELECT {columns}, v.source || '@' || v.vintage AS source, v.confidence AS confidence, f.name AS file, t.row AS row "
        f"FROM {table} t JOIN files f ON f.file = t.file JOIN vintages v ON v.id = f.vintage_id "
        f"WHERE ({_pairs(chosen)}) AND ({where}) ORDER BY v.source, t.file, t.row"
    )
    return space.frame(sql, [word for pair in chosen for word in pair] + values)


#: Parts of a series are added up; a part known only as a range enters low and high, one that is withheld is absent.
_PRODUCTION = """
WITH stated AS (
    SELECT mineral, stage, country, v.source || '@' || v.vintage AS source, v.source AS origin, v.confidence AS confidence,
        CASE {added} ELSE basis END AS basis, tonnes, coalesce(low, tonnes) AS low, coalesce(high, tonnes) AS high, known, p.file, p.row
    FROM production p JOIN files f ON f.file = p.file JOIN vintages v ON v.id = f.vintage_id
    WHERE ({pairs}) AND kind = 'production' AND year = ? AND basis NOT IN ({sums})
), used AS (
    SELECT mineral, stage, country, source, origin, confidence, basis, sum(tonnes) AS tonnes, sum(low) AS low, sum(high) AS high,
        bool_or(known IN ('estimated', 'provisional')) AS estimate, min(file) AS file, min(row) AS row
    FROM stated WHERE CASE {chosen} ELSE true END GROUP BY ALL
)
SELECT mineral, stage, country, tonnes,
    CASE WHEN low IS DISTINCT FROM tonnes THEN low END AS low, CASE WHEN high IS DISTINCT FROM tonnes THEN high END AS high,
    source, confidence,
    greatest(max(tonnes) FILTER (country = 'WLD') OVER series, sum(tonnes) FILTER (country <> 'WLD') OVER series) AS total,
    origin, CASE WHEN estimate THEN 'yes' ELSE '' END AS estimate, basis
FROM used WINDOW series AS (PARTITION BY mineral, stage, source, basis) ORDER BY origin, file, row
"""


def _production(
    space: Workspace, year: int, chosen: list[tuple[str, str]], named: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Countries' output with the world total beside it; `OTH` and the total are no countries and enter `total` only.

    Where the printed total leaves out a withheld country it is below the sum of the rows; the larger one is the world.
    """
    sql = _PRODUCTION.format(
        added=" ".join(f"WHEN basis = '{part}' THEN '{whole}'" for part, whole in ADDED.items()),
        pairs=_pairs(chosen), sums=", ".join(f"'{basis}'" for basis in SUMS),
        chosen=" ".join(f"WHEN mineral = '{mineral}' THEN basis = '{basis}'" for mineral, basis in BASIS.items()),
    )  # fmt: skip
    found = space.frame(sql, [word for pair in chosen for word in pair] + [year])
    bases = found.groupby(["mineral", "stage", "source"])["basis"].nunique()
    if (bases > 1).any():
        mineral, stage, source = bases[bases > 1].index[0]
        raise UnknownLabel(
            f"{source} states {mineral} ({stage}) on several bases; say in workspace_inputs.BASIS which counts."
        )
    rank = {source: at for at, source in enumerate(dict.fromkeys((*named, *PREFERRED)))}
    order = found["origin"].map(lambda source: rank.get(source, len(rank)))
    best = order.groupby([found["mineral"], found["stage"]]).transform("min")
    found["preferred"] = (order == best).map({True: "yes", False: ""})
    country = ~found["country"].isin(["WLD", "OTH"]) & (found["tonnes"].notna() | found["high"].notna())
    return found.loc[country, [*PRODUCTION_COLUMNS]].reset_index(drop=True)


def _pairs(chosen: list[tuple[str, str]]) -> str:
    return " OR ".join("(v.source = ? AND v.vintage = ?)" for _ in chosen) or "false"


def _headings() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [(row["hs"], row["mineral"]) for row in own_table("hs.csv") if row["mineral"]], columns=["hs", "mineral"]
    )


def _trade(space: Workspace, year: int, chosen: list[tuple[str, str]]) -> pd.DataFrame:
    """Flows by heading of one source: BACI where it is, because it reconciles both sides; else UN Comtrade.

    Of Comtrade what importers reported alone: exporters report the same flows, which would then stand twice.
    """
    one = [pair for pair in chosen if pair[0] == RECONCILED] or chosen[:1]
    where = "year = ? AND (v.source <> 'comtrade' OR v.part LIKE 'imports %')"
    found = _rows(space, "trade", one, "hs, importer, exporter, tonnes, usd", where, [year])
    return found.merge(_headings(), on="hs")[["mineral", "hs", "importer", "exporter", "tonnes", "usd", "source"]]


def _governance(space: Workspace, year: int, chosen: list[tuple[str, str]]) -> pd.DataFrame:
    found = _rows(space, "governance", chosen, "country, indicator, year, score, error", "year <= ?", [year])
    last = found.groupby("indicator")["year"].transform("max")
    found = _with_mean_of_six(found[found["year"] == last])
    return found.assign(low=found["score"] - found["error"], high=found["score"] + found["error"])[
        ["country", "indicator", "year", "score", "source", "low", "high"]
    ].reset_index(drop=True)


def _with_mean_of_six(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows and, for countries with all six indicators of the same year, their mean.

    Its standard error is the mean of the six errors, as if they moved together: the largest it can be.
    """
    import pandas as pd

    all_six = rows[rows["indicator"].isin(SIX)].groupby(["country", "year", "source"], as_index=False)
    mean = all_six.agg(indicator=("indicator", "nunique"), score=("score", "mean"), error=("error", "mean"))
    mean = mean[mean["indicator"] == len(SIX)].assign(indicator=MEAN_OF_SIX)
    return pd.concat([rows, mean], ignore_index=True) if len(mean) else rows


def _prices(space: Workspace, year: int, chosen: list[tuple[str, str]]) -> pd.DataFrame:
    found = _rows(space, "prices", chosen, "mineral, usd_per_t, market, month", "month LIKE ?", [f"{year}-%"])
    return found[["mineral", "usd_per_t", "market", "month", "source"]]


def _reliance(space: Workspace, year: int, chosen: list[tuple[str, str]]) -> pd.DataFrame:
    """Net import reliance of the United States; of several forms of a mineral the one most relied on.

    A printed bound (`>50`) is the middle of what it leaves open, with the rest as range; a net exporter relies on none.
    """
    found = _rows(
        space, "statistics", chosen, "mineral, country, value, low, high, known",
        "statistic = 'Net import reliance' AND year = ? AND unit = 'share'", [year],
    )  # fmt: skip
    exporter = found["known"] == "net exporter"
    low = found["low"].where(found["known"] != "bound", found["low"].fillna(0.0)).where(~exporter, 0.0)
    high = found["high"].where(found["known"] != "bound", found["high"].fillna(1.0)).where(~exporter, 0.0)
    share = found["value"].where(~exporter, 0.0).fillna((low + high) / 2)
    found = found.assign(share=share, low=low.fillna(share), high=high.fillna(share)).dropna(subset=["share"])
    found = found.sort_values("share", ascending=False, kind="stable").drop_duplicates(["mineral", "country"])
    return found[["mineral", "country", "share", "source", "low", "high"]].sort_values("mineral").reset_index(drop=True)


def _eu(space: Workspace, chosen: list[tuple[str, str]]) -> pd.DataFrame:
    """Results of the EU study as the methods read them: shares in percent, as printed."""
    value = "CASE WHEN unit = 'share' THEN 100 * value ELSE value END AS value"
    where = "study = 'eu2023' AND country = '' AND value IS NOT NULL"
    return _rows(space, "criticality", chosen, f"mineral, item, {value}", where, [])[
        ["mineral", "item", "value", "source"]
    ]


def _parameters(space: Workspace, chosen: list[tuple[str, str]]) -> pd.DataFrame:
    """Factors for export restrictions of the world's supply (those of the EU's own sourcing stay in the workspace)."""
    found = _rows(space, "criticality", chosen, "mineral, stage, country, value AS factor", "item = 't_world'", [])
    return found[["mineral", "stage", "country", "factor", "source"]]


def _reserves(space: Workspace, chosen: list[tuple[str, str]]) -> pd.DataFrame:
    """World reserves of the newest year a vintage states, where it states output on the same basis; a printed lower bound
    counts as that. Parts of a series (ilmenite, rutile) are no reserves of the whole."""
    found = _rows(
        space, "production", chosen, "mineral, basis, year, coalesce(tonnes, low) AS tonnes, "
        "EXISTS (SELECT 1 FROM production o WHERE o.file = t.file AND o.mineral = t.mineral AND o.basis = t.basis "
        "AND o.kind = 'production') AS fits",
        "kind = 'reserves' AND country = 'WLD' AND coalesce(tonnes, low) IS NOT NULL", [],
    )  # fmt: skip
    found = found[found["fits"] & ~found["basis"].isin(list(ADDED))]
    found = found.sort_values(["mineral", "year"], ascending=[True, False], kind="stable")
    return found.drop_duplicates("mineral")[["mineral", "tonnes", "source"]].reset_index(drop=True)


def _years(space: Workspace) -> str:
    found = space.connection.execute(
        "SELECT DISTINCT year FROM (SELECT year FROM production UNION ALL SELECT year FROM trade) ORDER BY year"
    ).fetchall()
    return ", ".join(str(row[0]) for row in found) or "no year at all"


def _version(space: Workspace, used: list[str], year: int) -> str:
    """A short name of exactly these files and this year, for caches."""
    rows = space.connection.execute(
        "SELECT v.source || '@' || v.vintage AS name, f.sha256 FROM files f JOIN vintages v ON v.id = f.vintage_id ORDER BY ALL"
    ).fetchall()
    text = "\n".join([str(year), *(f"{name} {digest}" for name, digest in rows if name in used)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _year_to_rank(space: Workspace, year: int | None, vintages: Vintages, bundled: int) -> int:
    """The year to rank; raises UnknownLabel if one is asked for that was not imported, with those that were."""
    output, trade = (_years_of(space, table, vintages) for table in ("production", "trade"))
    if year is None:
        return max(output & trade or output | trade or {bundled})
    if year in output | trade or (not output | trade and year == bundled):
        return year
    held = [f"{what} of {_spans(years)}" for what, years in (("output", output), ("trade", trade)) if years]
    raise UnknownLabel(
        f"{space.path}: neither output nor trade of {year} was imported; it holds {' and '.join(held) or 'no year of them'}. "
        f"Name such a year with --year, or import that of {year}: orebridge data import."
    )


def _years_of(space: Workspace, table: str, vintages: Vintages) -> set[int]:
    """The years of a table in the editions chosen."""
    pairs = [(source, vintages.get(source, newest)) for source, newest in space.holding(table)]
    kind = "kind = 'production'" if table == "production" else "true"
    found = space.connection.execute(
        f"SELECT DISTINCT year FROM {table} t JOIN files f ON f.file = t.file JOIN vintages v ON v.id = f.vintage_id "
        f"WHERE ({_pairs(pairs)}) AND {kind}",
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
