"""What a new vintage changes: the figures of the world, largest first, and the answers that rest on them.

Two comparisons, kept apart: *revised* figures are of the same year in both vintages; *newer* ones set the newest year of
the one against the newest year of the other. `world` stands for the bundled tables (or the user's own).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from orebridge.answers import OUTPUT, concentration, geopolrisk
from orebridge.errors import UnknownLabel
from orebridge.importers.sidefiles import own_table
from orebridge.workspace import Workspace
from orebridge.workspace_inputs import workspace_frames, workspace_inputs

if TYPE_CHECKING:
    from orebridge.priorities.inputs import Inputs
    from orebridge.world import World

WORLD = "world"
#: Columns that name a figure, the same for all tables; empty where a table has no such column.
KEY = ["table", "mineral", "what", "country", "partner"]
FIGURE = [*KEY, "year", "value"]
#: Per table: SQL of its figures, and what a change is measured against (the total of mineral and what, or itself).
_SQL: Mapping[str, str] = {
    "production": (
        "SELECT mineral, concat_ws(', ', stage, kind, basis) AS what, country, '' AS partner, year, sum(tonnes) AS value "
        "FROM production WHERE country <> 'WLD' AND {files} GROUP BY ALL HAVING sum(tonnes) IS NOT NULL"
    ),
    "trade": (
        "SELECT h.mineral, 'tonnes shipped, HS ' || trade.hs AS what, exporter AS country, importer AS partner, year, sum(tonnes) AS value "
        "FROM trade JOIN headings h ON h.hs = trade.hs WHERE {files} GROUP BY ALL HAVING sum(tonnes) IS NOT NULL"
    ),
    "governance": (
        "SELECT '' AS mineral, indicator AS what, country, '' AS partner, year, score AS value FROM governance WHERE {files}"
    ),
    "prices": (
        "SELECT mineral, market AS what, '' AS country, '' AS partner, CAST(month[1:4] AS SMALLINT) AS year, "
        "avg(usd_per_t) AS value FROM prices WHERE {files} GROUP BY ALL"
    ),
    "statistics": (
        "SELECT mineral, 'net import reliance' AS what, country, '' AS partner, year, "
        "max(CASE WHEN known = 'net exporter' THEN 0 ELSE coalesce(value, (coalesce(low, 0) + coalesce(high, 1)) / 2) END) AS value "
        "FROM statistics WHERE statistic = 'Net import reliance' AND (value IS NOT NULL OR known IN ('bound', 'net exporter')) "
        "AND {files} GROUP BY ALL"
    ),
    "criticality": (
        "SELECT mineral, concat_ws(', ', study, stage, item) AS what, country, '' AS partner, 0 AS year, value "
        "FROM criticality WHERE value IS NOT NULL AND {files}"
    ),
}  # fmt: skip
#: Methods that `answers` gives, and the one that rests on the delivery model and not on imported files.
ALREADY = ("hhi", "geopolrisk", "expected_loss")
#: Frames of the inputs that a source provides.
FRAMES = {
    "usgs-mcs": ("production", "net_import_reliance", "reserves"), "world-mining-data": ("production",),
    "baci": ("trade", "exports"), "world-bank-governance": ("governance",),
}  # fmt: skip
SHARE_OF_TOTAL = ("production", "trade")
#: Tables whose values have a fixed span, against which a change is measured.
SPAN = {"governance": 5.0, "statistics": 1.0}


@dataclass(frozen=True)
class VintageDiff:
    """`revised` and `newer`: `KEY`, year_old, old, year_new, new, change, weight (what the change is against), largest
    first; figures that one vintage alone states (old or new is NaN) come after those of both. `answers`: method, member, mineral, old, new, change,
    rank_old, rank_new."""

    old: str
    new: str
    revised: pd.DataFrame
    newer: pd.DataFrame
    answers: pd.DataFrame
    remarks: tuple[str, ...] = field(default=())


def vintage_diff(
    space: Workspace, old: str, new: str, *, members: tuple[str, ...] = ("USA", "JPN"), world: World | None = None
) -> VintageDiff:
    """Compare two vintages (`source@vintage`, or `source` for its newest, or `world`).

    Raises UnknownLabel for a vintage that is not there or two that share no table.
    """
    labels = [name if name == WORLD else "@".join(space.require(name)) for name in (old, new)]
    if labels[0] == labels[1]:
        raise UnknownLabel(f"{labels[0]} against itself: name two vintages.")
    sides = [_world_figures(world, labels) if label == WORLD else _figures(space, label) for label in labels]
    shared = sorted(set(sides[0]["table"]) & set(sides[1]["table"]))
    if not shared:
        held = [", ".join(sorted(set(side["table"]))) or "nothing" for side in sides]
        raise UnknownLabel(f"{labels[0]} holds {held[0]}, {labels[1]} {held[1]}: no table to compare.")
    first, second = (side[side["table"].isin(shared)] for side in sides)
    remarks = [f"compared: {', '.join(shared)}"]
    answers, more = _answers(space, labels, members)
    return VintageDiff(
        labels[0], labels[1], _revised(first, second), _newer(first, second), answers, tuple(remarks + more)
    )  # fmt: skip


def _figures(space: Workspace, label: str) -> pd.DataFrame:
    import pyarrow as pa

    source, _, vintage = label.partition("@")
    rows = [(row["hs"], row["mineral"]) for row in own_table("hs.csv") if row["mineral"]]
    space.connection.register("headings", pa.table({"hs": [r[0] for r in rows], "mineral": [r[1] for r in rows]}))
    try:
        held = dict.fromkeys(
            row[0] for row in space.connection.execute(
                "SELECT file FROM files f JOIN vintages v ON v.id = f.vintage_id WHERE source = ? AND vintage = ?", [source, vintage]
            ).fetchall()
        )  # fmt: skip
        files = f"file IN ({', '.join(str(int(file)) for file in held)})"
        parts = [space.frame(sql.format(files=files)).assign(table=table) for table, sql in _SQL.items()]
    finally:
        space.connection.unregister("headings")
    return pd.concat([part[FIGURE] for part in parts if len(part)], ignore_index=True)


def _world_figures(world: World | None, labels: list[str]) -> pd.DataFrame:
    """Figures of the tables of the world, of the same source where it has several."""
    if world is None:
        raise UnknownLabel("no world was given to compare with.")
    other = next((label for label in labels if label != WORLD), WORLD).partition("@")[0]
    parts = []
    if "world_production" in world.tables:
        frame = world.tables["world_production"]
        same = frame["source"].astype(str).str.startswith(other)
        frame = frame[same] if same.any() else frame
        parts.append(
            frame.assign(
                table="production",
                what=frame["stage"] + ", production, " + frame["stated_basis"].astype(str),
                partner="",
            )
        )
    if "governance" in world.tables:
        frame = world.facts("governance")
        parts.append(frame.assign(table="governance", mineral="", what=frame["indicator"], partner=""))
    if "trade" in world.tables:
        frame = world.facts("trade")
        minerals = {row["hs"]: row["mineral"] for row in own_table("hs.csv") if row["mineral"]}
        frame = frame[frame["hs"].isin(minerals)]
        named = frame.assign(
            table="trade", mineral=frame["hs"].map(minerals), what="tonnes shipped, HS " + frame["hs"], country=frame["origin"], partner=frame["destination"]
        )  # fmt: skip
        parts.append(pd.DataFrame(named.groupby([*KEY, "year"])["value"].sum()).reset_index())
    if not parts:
        return pd.DataFrame(columns=FIGURE)
    return pd.concat([part[FIGURE] for part in parts], ignore_index=True)


def _joined(first: pd.DataFrame, second: pd.DataFrame, on: list[str]) -> pd.DataFrame:
    """Both sides of each figure; change and what it is measured against, largest first, unchanged ones dropped."""
    both = first.merge(second, on=on, how="outer", suffixes=("_old", "_new"))
    both = both.rename(columns={"value_old": "old", "value_new": "new"})
    if "year" in both:
        both["year_old"] = both["year_new"] = both["year"]
    both["change"] = both["new"].fillna(0.0) - both["old"].fillna(0.0)
    larger = both[["old", "new"]].abs().max(axis=1)
    total = larger.groupby([both["table"], both["mineral"], both["what"]]).transform("sum")
    against = total.where(both["table"].isin(SHARE_OF_TOTAL), larger)
    for table, span in SPAN.items():
        against = against.where(both["table"] != table, span)
    both["weight"] = (both["change"].abs() / against.where(against > 0)).fillna(0.0)
    both = both[both["change"].abs() > 1e-9 * larger.clip(lower=1e-12)]
    both["one_side"] = both[["old", "new"]].isna().any(axis=1)
    order = both.sort_values(["one_side", "weight", *KEY], ascending=[True, False, *[True] * len(KEY)], kind="stable")
    return order[[*KEY, "year_old", "old", "year_new", "new", "change", "weight"]].reset_index(drop=True)


def _revised(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Series (table, mineral, what, year) that both state, country by country."""
    series = ["table", "mineral", "what", "year"]
    common = first[series].drop_duplicates().merge(second[series].drop_duplicates(), on=series)
    return _joined(first.merge(common, on=series), second.merge(common, on=series), [*KEY, "year"])


def _newer(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Newest year of each series in the one against the newest in the other; nothing where that is the same year."""
    series = ["table", "mineral", "what"]
    newest = [frame[frame["year"] == frame.groupby(series)["year"].transform("max")] for frame in (first, second)]
    years = [frame.groupby(series)["year"].max() for frame in newest]
    both = pd.concat(years, axis=1, keys=["old", "new"])
    moved = both[both["old"] != both["new"]].reset_index()[series]
    left, right = (frame.merge(moved, on=series) for frame in newest)
    return _joined(left, right, KEY)


def _answers(space: Workspace, labels: list[str], members: tuple[str, ...]) -> tuple[pd.DataFrame, list[str]]:
    """Scores and ranks under both vintages; all that does not come from them is the same on both sides."""
    empty = pd.DataFrame(columns=["method", "member", "mineral", "old", "new", "change", "rank_old", "rank_new"])
    if WORLD in labels:
        return empty, ["answers are compared between two imported vintages only"]
    sides: list[pd.DataFrame] = []
    remarks: list[str] = []
    for label in labels:
        source, _, vintage = label.partition("@")
        year = _newest_year(space, source, vintage)
        if year is None:
            return empty, [
                *remarks,
                f"{label} holds neither output nor trade nor governance: no answer rests on it alone",
            ]
        remarks.append(f"answers of {label} are of its year {year}, all else the same")
        found = pd.concat([_direct(space, source, vintage, year), _yardsticks(space, source, vintage, year, members)])
        found = found[found["member"].isin([*members, WORLD])]
        scores = found["score"].where(found["worse"] == "high", -found["score"])
        found["rank"] = scores.groupby([found["method"], found["member"]]).rank(ascending=False, method="min")
        sides.append(found.drop(columns="worse"))
    both = sides[0].merge(sides[1], on=["method", "member", "mineral"], how="outer", suffixes=("_old", "_new"))
    both = both.rename(columns={"score_old": "old", "score_new": "new"})
    both["change"] = both["new"] - both["old"]
    moved = (both["change"].abs() > 1e-9) | both["change"].isna()
    order = both[moved].assign(size=(both["rank_new"] - both["rank_old"]).abs(), gap=both["change"].abs())
    order = order.sort_values(
        ["size", "gap", "method", "member", "mineral"], ascending=[False, False, True, True, True], kind="stable"
    )
    return order[list(empty.columns)].reset_index(drop=True), remarks


def _direct(space: Workspace, source: str, vintage: str, year: int) -> pd.DataFrame:
    """HHI and GeoPolRisk with this vintage at its own year and everything else at the newest."""
    trade = year if source == "baci" else _newest_of(space, ("baci",), "trade") or year
    output = year if source in OUTPUT else _newest_of(space, OUTPUT, "production", trade) or year
    scores = year if source == "world-bank-governance" else trade
    chosen = {source: vintage}
    parts = []
    if source in OUTPUT:
        index = concentration(space, output, chosen)
        parts.append(index.assign(method="HHI", member=WORLD, score=index["hhi"]))
    parts.append(geopolrisk(space, trade, chosen, output=output, scores=scores).assign(method="GeoPolRisk"))
    return pd.concat([part[["method", "member", "mineral", "score"]] for part in parts]).assign(worse="high")


def _yardsticks(space: Workspace, source: str, vintage: str, year: int, members: tuple[str, ...]) -> pd.DataFrame:
    """The other published methods as stated: the frames of this vintage, at its year, laid over what both sides share."""
    from orebridge.priorities.arrays import arrays_of
    from orebridge.priorities.inputs import BUNDLED_YEAR, bundled_inputs
    from orebridge.priorities.registry import METHODS
    from orebridge.priorities.subjects import subject_of

    own = workspace_frames(space, year, {source: vintage})
    shared = _shared_inputs(space, BUNDLED_YEAR, bundled_inputs())
    arrays = arrays_of(shared.replace(**{name: own[name] for name in FRAMES.get(source, ()) if len(own[name])}))
    parts = []
    for method in METHODS:
        if method.name in ALREADY:
            continue
        for member in members:
            score = method.core(arrays, subject_of(member)).score[0]
            part = pd.DataFrame({"mineral": list(arrays.minerals), "score": score}).dropna()
            worse = "high" if method.higher_is_worse else "low"
            parts.append(part.assign(method=method.title, member=member, worse=worse))
    return pd.concat(parts, ignore_index=True)


def _shared_inputs(space: Workspace, year: int, base: Inputs) -> Inputs:
    """What both sides share: the workspace's newest vintages where it holds the year, over the bundled tables."""
    try:
        return workspace_inputs(space, year, base=base)
    except UnknownLabel:
        return base


def _newest_of(space: Workspace, sources: tuple[str, ...], table: str, most: int | None = None) -> int | None:
    """The newest year (up to `most`) of a table in the newest vintages of these sources."""
    held = dict(space.holding(table))
    pairs = [(source, held[source]) for source in sources if source in held]
    where = " OR ".join("(v.source = ? AND v.vintage = ?)" for _ in pairs) or "false"
    kind = "kind = 'production'" if table == "production" else "true"
    found = space.connection.execute(
        f"SELECT max(year) FROM {table} t JOIN files f ON f.file = t.file JOIN vintages v ON v.id = f.vintage_id "
        f"WHERE ({where}) AND {kind} AND year <= ?",
        [*(word for pair in pairs for word in pair), most or 9999],
    ).fetchall()
    return None if found[0][0] is None else int(found[0][0])


def _newest_year(space: Workspace, source: str, vintage: str) -> int | None:
    """The newest year for which a vintage gives output, trade or governance."""
    parts = " UNION ALL ".join(
        f"SELECT max(year) AS year FROM {table} t JOIN files f ON f.file = t.file JOIN vintages v ON v.id = f.vintage_id "
        f"WHERE v.source = $source AND v.vintage = $vintage{where}"
        for table, where in (("production", " AND kind = 'production'"), ("trade", ""), ("governance", ""))
    )
    found = space.connection.execute(
        f"SELECT max(year) FROM ({parts})", {"source": source, "vintage": vintage}
    ).fetchall()
    return None if found[0][0] is None else int(found[0][0])
