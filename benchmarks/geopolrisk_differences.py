"""Why GeoPolRisk differs between the two: each cause is tried on the data, and only one that closes the gap is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from orebridge.importers.sidefiles import own_table
from orebridge.workspace import open_workspace

#: Scores nearer than this are the same number.
SAME = 1e-4
#: What geopolrisk-py gives a partner without a score, as its results show.
THEIR_DEFAULT = 0.5
#: Headings that the peer's own table (HS Code Map, column "HS Code - Complementary") adds and our list gives another mineral.
THEIR_HEADINGS = {"270112": "steam_coal"}


class Data:
    """Trade, scores and output of one year, as frames."""

    def __init__(self, store: Path, year: int) -> None:
        with open_workspace(store) as space:
            self.trade = space.frame(
                "SELECT hs, importer, exporter, tonnes FROM trade WHERE year = $y AND tonnes IS NOT NULL", {"y": year}
            )
            scores = space.frame(
                "SELECT country, score FROM governance WHERE year = $y AND indicator = 'political_stability'",
                {"y": year},
            )
            self.output = space.frame(
                "SELECT mineral, country, sum(tonnes) AS tonnes FROM production WHERE year = $y AND country NOT IN ('WLD', 'OTH') GROUP BY ALL",
                {"y": year},
            )
        self.g = ((2.5 - scores.set_index("country")["score"]) / 5).clip(0, 1)
        self.headings = {row["hs"]: row["mineral"] for row in own_table("hs.csv") if row["mineral"]}

    def risk(
        self, mineral: str, member: str, *, their_default: bool = False, more: Mapping[str, str] | None = None
    ) -> float | None:
        """IR = sum f g / (sum f + p); None for 0/0."""
        codes = {hs for hs, name in {**self.headings, **(more or {})}.items() if name == mineral}
        codes |= {hs for hs, name in (more or {}).items() if name == mineral}
        flows = self.trade[self.trade["hs"].isin(codes) & (self.trade["importer"] == member)]
        g = flows["exporter"].map(self.g).astype(float)
        if their_default:
            # The peer looks a score up by BACI's number; Taiwan's is 490 in the one table and 158 in the other.
            g = g.where(flows["exporter"] != "TWN").fillna(THEIR_DEFAULT)
        flows = flows.assign(g=g).dropna(subset=["g"])
        own = self.output[(self.output["mineral"] == mineral) & (self.output["country"] == member)]["tonnes"].sum()
        base = flows["tonnes"].sum() + own
        return float((flows["tonnes"] * flows["g"]).sum() / base) if base > 0 else None


def differences(
    store: Path,
    ours: pd.DataFrame,
    theirs: pd.DataFrame,
    names: Mapping[str, str],
    members: Mapping[str, str],
    year: int,
) -> list[dict[str, Any]]:
    """One row per pair whose scores differ: both scores, the cause that closes the gap, and who is right."""
    data = Data(store, year)
    codes = {name: code for code, name in members.items()}
    mine = ours.set_index(["member", "mineral"])
    rows = []
    for row in theirs.itertuples():
        member = codes[str(row.country)]
        mineral = names.get(str(row.name), str(row.name).lower().replace(" ", "_"))
        score = float(mine.loc[(member, mineral), "score"]) if (member, mineral) in mine.index else None
        if score is not None and abs(score - row.score) <= SAME:
            continue
        cause, right = why(data, member, mineral, float(row.HHI), float(row.score))
        rows.append(
            {
                "for": member,
                "mineral": mineral,
                "peer": float(row.score),
                "orebridge": score,
                "cause": cause,
                "right": right,
            }
        )
    agreeing = len(theirs) - len(rows)
    rows.append(
        {
            "for": "both",
            "mineral": f"{agreeing} of {len(theirs)} pairs agree within {SAME}",
            "peer": None,
            "orebridge": None,
            "cause": "",
            "right": "",
        }
    )
    return rows


def why(data: Data, member: str, mineral: str, hhi: float, score: float) -> tuple[str, str]:
    """The cause, by recomputing the peer's score; unexplained if nothing closes the gap."""
    if not (data.output["mineral"] == mineral).any():
        return (
            "output is in cubic metres; the peer adds it to tonnes of imports", "neither: volume and mass cannot be added; we give no score"
        )  # fmt: skip
    rows = [row for row in own_table("hs.csv") if row["mineral"] == mineral]
    dead = {row["hs"] for row in rows if row["last_year"]}
    if dead and len(dead) == len(rows):
        return (
            f"heading {', '.join(sorted(dead))} was deleted and no trade is left; the peer takes that as no imports, hence no risk",
            "orebridge: not known is not safe",
        )
    if data.risk(mineral, member) is None:
        return "no imports and no own output in the data: 0/0; the peer prints 0", "orebridge: not known is not safe"
    tries: list[tuple[Callable[[], float | None], str, str]] = [
        (
            lambda: data.risk(mineral, member, their_default=True),
            "partners without a score get 0.5 in the peer, Taiwan among them: BACI's number 490 finds no score although the World Bank gives one",
            "orebridge: the score is known",
        ),
        (
            lambda: data.risk(mineral, member, their_default=True, more=THEIR_HEADINGS),
            "the peer counts 270112 (bituminous coal) for steam coal and for coking coal, we for coking coal alone",
            "neither: the heading holds both and trade does not tell them apart",
        ),
    ]
    for attempt, cause, right in tries:
        risk = attempt()
        if risk is not None and abs(hhi * risk - score) <= SAME:
            return cause, right
    return "unexplained", "open"
