"""Answers straight from the workspace: concentration of output and GeoPolRisk, in SQL, for all minerals and importers.

Small and quick on purpose: all minerals for all importers in a tenth of a second, where `orebridge priorities` gives a few
economies every method with its doubt. `orebridge data diff` asks what a new vintage does to them.

    HHI   = Σ (p_c / Σ p)²                                     [p_c output of country c, one source]
    IR    = Σ f_i·g_i / (Σ f_i + p)                            [f_i imports from i, p own output, tonnes]
    Score = HHI · IR,   g = min(1, max(0, (2.5 − estimate)/5))  [political stability: 0 good, 1 bad]

Flows without a weight and partners without a governance score are left out of both sums; `left_out` is their share of
the imports by value, so that nothing is defaulted in silence. A mineral without output, or without imports and own
output, has no row. Source: Gemechu et al. (2016), Koyamparambath et al. (2024). Not covered: blocs, uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orebridge.importers.sidefiles import own_table
from orebridge.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

#: Sources whose output shares are used, the first that states a mineral.
OUTPUT = ("world-mining-data", "usgs-mcs")
Vintages = Mapping[str, str]

_SERIES = """
output AS (
    SELECT mineral, stage, basis, country, tonnes, v.source
    FROM production p JOIN files f ON f.file = p.file JOIN vintages v ON v.id = f.vintage_id
    WHERE ({chosen}) AND kind = 'production' AND year = $output AND country NOT IN ('WLD', 'OTH') AND tonnes > 0
), ranked AS (
    SELECT *, dense_rank() OVER (
        PARTITION BY mineral ORDER BY CASE source {order} ELSE 99 END, CASE stage WHEN 'mine' THEN 0 ELSE 1 END, basis
    ) AS place FROM output
), made AS (SELECT mineral, stage, country, sum(tonnes) AS tonnes FROM ranked WHERE place = 1 GROUP BY ALL),
shares AS (SELECT mineral, stage, country, tonnes, tonnes / sum(tonnes) OVER (PARTITION BY mineral) AS share FROM made),
hhi AS (SELECT mineral, any_value(stage) AS stage, sum(share * share) AS hhi FROM shares GROUP BY mineral)
"""
_HHI = "WITH {series} SELECT mineral, stage, hhi FROM hhi ORDER BY mineral"
_GEOPOLRISK = """
WITH {series}, scores AS (
    SELECT country, least(1.0, greatest(0.0, (2.5 - arg_max(score, year)) / 5)) AS g
    FROM governance g JOIN files f ON f.file = g.file JOIN vintages v ON v.id = f.vintage_id
    WHERE v.source = 'world-bank-governance' AND v.vintage = $governance AND indicator = 'political_stability'
        AND year = (
            SELECT max(year) FROM governance g JOIN files f ON f.file = g.file JOIN vintages v ON v.id = f.vintage_id
            WHERE v.source = 'world-bank-governance' AND v.vintage = $governance AND year <= $scores
        )
    GROUP BY country
), bought AS (
    SELECT mineral, importer, sum(tonnes) FILTER (g IS NOT NULL) AS tonnes, sum(tonnes * g) AS risky, sum(usd) AS usd,
        coalesce(sum(usd) FILTER (g IS NULL OR tonnes IS NULL), 0) AS lost
    FROM trade t JOIN headings h ON h.hs = t.hs LEFT JOIN scores s ON s.country = t.exporter
    WHERE t.year = $year AND importer <> exporter
        AND t.file IN (SELECT file FROM files f JOIN vintages v ON v.id = f.vintage_id WHERE source = 'baci' AND vintage = $baci)
    GROUP BY ALL
)
SELECT b.mineral, b.importer AS member, h.stage, h.hhi, b.risky / (b.tonnes + coalesce(s.tonnes, 0)) AS risk,
    h.hhi * b.risky / (b.tonnes + coalesce(s.tonnes, 0)) AS score, CASE WHEN b.usd > 0 THEN b.lost / b.usd ELSE 0 END AS left_out
FROM bought b JOIN hhi h USING (mineral) LEFT JOIN shares s ON s.mineral = b.mineral AND s.country = b.importer
WHERE b.tonnes + coalesce(s.tonnes, 0) > 0 ORDER BY b.importer, b.mineral
"""


def _series(space: Workspace, vintages: Vintages) -> str:
    """The common part of both questions; names of vintages are compared, never pasted from outside unescaped."""
    held = dict(space.holding("production"))
    named = [source for source in OUTPUT if source in vintages and source in held]
    # Where the caller names a vintage its source alone speaks, or another source would hide what the vintage changes.
    pairs = [(source, vintages.get(source, held[source])) for source in named or OUTPUT if source in held]
    chosen = " OR ".join(f"(v.source = {_text(source)} AND v.vintage = {_text(vintage)})" for source, vintage in pairs)
    order = " ".join(f"WHEN {_text(source)} THEN {at}" for at, source in enumerate(OUTPUT))
    return _SERIES.format(chosen=chosen or "false", order=order)


def _text(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def concentration(space: Workspace, year: int, vintages: Vintages | None = None) -> pd.DataFrame:
    """mineral, stage, hhi (0-1) of the year's world output."""
    return space.frame(_HHI.format(series=_series(space, vintages or {})), {"output": year})


def geopolrisk(
    space: Workspace,
    year: int,
    vintages: Vintages | None = None,
    *,
    output: int | None = None,
    scores: int | None = None,
) -> pd.DataFrame:
    """mineral, member, stage, hhi, risk (IR), score (0-1), left_out (share of imports by value), for every importer.

    Trade is of `year`, output of year `output` and governance of the last year up to `scores`, both `year` if left out.
    """
    import pyarrow as pa

    chosen = vintages or {}
    rows = [(row["hs"], row["mineral"]) for row in own_table("hs.csv") if row["mineral"]]
    headings = pa.table({"hs": [hs for hs, _ in rows], "mineral": [mineral for _, mineral in rows]})
    values = {
        "year": year,
        "output": year if output is None else output,
        "scores": year if scores is None else scores,
        "baci": chosen.get("baci") or space.newest("baci"),
        "governance": chosen.get("world-bank-governance") or space.newest("world-bank-governance"),
    }
    space.connection.register("headings", headings)
    try:
        return space.frame(_GEOPOLRISK.format(series=_series(space, chosen)), values)
    finally:
        space.connection.unregister("headings")
