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

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from orebridge.importers.sidefiles import own_table
from orebridge.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

#: Sources whose output shares are used, the first that states a mineral.
OUTPUT = ("world-mining-data", "usgs-mcs")
Vintages = Mapping[str, str]

#: The files of the editions are put in as numbers: joining them in would cost more than the whole question.
_SERIES = """
ranked AS (
    SELECT mineral, stage, country, tonnes, dense_rank() OVER (
        PARTITION BY mineral ORDER BY CASE {order} ELSE 99 END, CASE stage WHEN 'mine' THEN 0 ELSE 1 END, basis
    ) AS place
    FROM production
    WHERE file IN ({files}) AND kind = 'production' AND year = {output} AND country NOT IN ('WLD', 'OTH') AND tonnes > 0
), made AS (SELECT mineral, stage, country, sum(tonnes) AS tonnes FROM ranked WHERE place = 1 GROUP BY ALL),
hhi AS (
    SELECT mineral, any_value(stage) AS stage, sum(tonnes * tonnes) / (sum(tonnes) * sum(tonnes)) AS hhi FROM made GROUP BY mineral
)
"""
_HHI = "WITH {series} SELECT mineral, stage, hhi FROM hhi ORDER BY mineral"
_GEOPOLRISK = """
WITH {series}, scores AS (
    SELECT country, least(1.0, greatest(0.0, (2.5 - max(score)) / 5)) AS g FROM governance
    WHERE file IN ({governance}) AND indicator = 'political_stability' AND year = {scores} GROUP BY country
), bought AS (
    SELECT mineral, importer, sum(tonnes) FILTER (g IS NOT NULL) AS tonnes, sum(tonnes * g) AS risky, sum(usd) AS usd,
        coalesce(sum(usd) FILTER (g IS NULL OR tonnes IS NULL), 0) AS lost
    FROM trade t JOIN headings h ON h.hs = t.hs LEFT JOIN scores s ON s.country = t.exporter
    WHERE t.year = {year} AND importer <> exporter AND t.file IN ({trade}) AND {importers} GROUP BY ALL
)
SELECT b.mineral, b.importer AS member, h.stage, h.hhi, b.risky / (b.tonnes + coalesce(s.tonnes, 0)) AS risk,
    h.hhi * b.risky / (b.tonnes + coalesce(s.tonnes, 0)) AS score, CASE WHEN b.usd > 0 THEN b.lost / b.usd ELSE 0 END AS left_out
FROM bought b JOIN hhi h USING (mineral) LEFT JOIN made s ON s.mineral = b.mineral AND s.country = b.importer
WHERE b.tonnes + coalesce(s.tonnes, 0) > 0 ORDER BY b.importer, b.mineral
"""


class _Files:
    """The files of each edition, asked for once."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        rows = space.connection.execute(
            "SELECT v.source, v.vintage, f.file FROM files f JOIN vintages v ON v.id = f.vintage_id"
        ).fetchall()
        self._of: dict[tuple[str, str], list[int]] = {}
        for source, vintage, file in rows:
            self._of.setdefault((str(source), str(vintage)), []).append(int(file))

    def holding(self, table: str) -> dict[str, str]:
        """Sources with rows in a table, and their newest vintage that has any."""
        there = {int(row[0]) for row in self._space.connection.execute(f"SELECT DISTINCT file FROM {table}").fetchall()}
        held: dict[str, str] = {}
        for (source, vintage), files in self._of.items():
            if there.intersection(files):
                held[source] = max(vintage, held.get(source, vintage))
        return held

    def of(self, source: str, vintage: str | None = None) -> list[int]:
        """Files of an edition, of the newest if none is named."""
        newest = max((name for found, name in self._of if found == source), default="")
        return self._of.get((source, vintage or newest), [])


def _numbers(files: Iterable[int]) -> str:
    """For `IN (...)`; none is a number that no file has."""
    return ", ".join(str(int(file)) for file in files) or "-1"


def _series(files: _Files, vintages: Vintages, year: int) -> str:
    """The common part of both questions."""
    held = files.holding("production")
    named = [source for source in OUTPUT if source in vintages and source in held]
    # Where the caller names a vintage its source alone speaks, or another source would hide what the vintage changes.
    chosen = [files.of(source, vintages.get(source, held[source])) for source in named or OUTPUT if source in held]
    order = " ".join(f"WHEN file IN ({_numbers(numbers)}) THEN {at}" for at, numbers in enumerate(chosen))
    every = _numbers(file for numbers in chosen for file in numbers)
    return _SERIES.format(files=every, order=order or "WHEN true THEN 0", output=int(year))


def _text(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def concentration(space: Workspace, year: int, vintages: Vintages | None = None) -> pd.DataFrame:
    """mineral, stage, hhi (0-1) of the year's world output."""
    return space.frame(_HHI.format(series=_series(_Files(space), vintages or {}, year)))


def geopolrisk(
    space: Workspace,
    year: int,
    vintages: Vintages | None = None,
    *,
    importers: Iterable[str] | None = None,
    output: int | None = None,
    scores: int | None = None,
) -> pd.DataFrame:
    """mineral, member, stage, hhi, risk (IR), score (0-1), left_out (share of imports by value), for every importer.

    Trade is of `year`, output of year `output` and governance of the last year up to `scores`, both `year` if left out.
    With `importers` only theirs.
    """
    import pyarrow as pa

    chosen = vintages or {}
    files = _Files(space)
    rows = [(row["hs"], row["mineral"]) for row in own_table("hs.csv") if row["mineral"]]
    headings = pa.table({"hs": [hs for hs, _ in rows], "mineral": [mineral for _, mineral in rows]})
    governance = _numbers(files.of("world-bank-governance", chosen.get("world-bank-governance")))
    last = space.connection.execute(
        f"SELECT max(year) FROM governance WHERE file IN ({governance}) AND year <= ?",
        [year if scores is None else scores],
    ).fetchall()[0][0]
    sql = _GEOPOLRISK.format(
        series=_series(files, chosen, year if output is None else output), governance=governance,
        scores=-1 if last is None else int(last), year=int(year), trade=_numbers(files.of("baci", chosen.get("baci"))),
        importers="true" if importers is None else f"importer IN ({', '.join(map(_text, importers)) or 'NULL'})",
    )  # fmt: skip
    space.connection.register("headings", headings)
    try:
        return space.frame(sql)
    finally:
        space.connection.unregister("headings")
