"""The hardest-hit chain as a Sankey diagram: what feeds members' users in the base year, and in the plan.

Columns are countries: makers of the first commodity, then who works each commodity up, at last the members who use the
product. The bands between two columns are one commodity on its way to members, traced back in proportion. Every commodity
is drawn to one height: 100 % is what fed members in the base year over the same months. Pale bands are what the other
picture has and this one lacks, so that both pictures have the same places and sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING

import pandas as pd

from orebridge.charts.style import FAINT, GHOST, INK, blank, dress, empty, marked, note, safe
from orebridge.labels import Labels, country_name, span
from orebridge.network import OTHERS
from orebridge.provenance import mark
from orebridge.trail import Trail
from orebridge.views import critical_path, feeding, hardest_chain, restricting, shock_months, stage_flows

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.session import Response

MOST_LINKS = 40
RESTRICTED, OURS, OTHER = "rgba(184,72,58,0.55)", "rgba(18,128,92,0.50)", "rgba(110,124,148,0.42)"
NODE, PAD = "#344054", 14
KEYS = ["stage", "commodity", "origin", "destination"]


def chain_links(response: Response, most: int = MOST_LINKS) -> pd.DataFrame:
    """The bands of both pictures: `stage, commodity, origin, destination, before, after` (t over the months of the shock)
    and `total` (t of it that fed members in the base year over those months). Small countries are gathered as `OTH`."""
    path, months = critical_path(response, hardest_chain(response)), shock_months(response)
    before, after = (
        feeding(stage_flows(response, path, way, months), response.members).rename(columns={"tonnes": name})
        for way, name in ((None, "before"), (response.best, "after"))
    )
    links = before.merge(after, on=KEYS, how="outer")
    links[["before", "after"]] = links[["before", "after"]].fillna(0.0)
    total = links.groupby("stage")["before"].transform("sum")
    links["weight"] = links[["before", "after"]].max(axis=1) / total.where(total > 0, 1.0)
    sums = links.groupby("origin")["weight"].sum().add(links.groupby("destination")["weight"].sum(), fill_value=0.0)
    ours = [c for c in dict.fromkeys((*response.members, *restricting(response))) if c in sums.index]
    ranked = [c for c in sums.sort_values(ascending=False, kind="stable").index if c not in ours and c != OTHERS]
    for count in range(len(ranked), -1, -1):
        gathered = _gathered(links, {*ours, *ranked[:count]})
        if len(gathered) <= most or count == 0:
            break
    if len(gathered) > most:
        # The smallest of each stage become one band, so one place a stage is kept for it.
        tail = gathered.sort_values("weight", ascending=False).index[most - gathered["stage"].nunique() :]
        gathered.loc[tail, ["origin", "destination"]] = OTHERS
        gathered = _gathered(gathered, {*ours, *ranked})
    return gathered.assign(total=gathered["stage"].map(links.groupby("stage")["before"].sum()))


def _gathered(links: pd.DataFrame, kept: set[str]) -> pd.DataFrame:
    renamed = links.assign(
        **{end: links[end].where(links[end].isin(kept), OTHERS) for end in ("origin", "destination")}
    )
    return renamed.groupby(KEYS, as_index=False)[["before", "after", "weight"]].sum()


def chain_sankey(response: Response, after: bool = False, links: pd.DataFrame | None = None) -> go.Figure:
    """The chain in the base year, or (`after`) in the best plan, over the months of the shock. `links` of `chain_links`
    may be given so that both pictures share them."""
    links = chain_links(response) if links is None else links
    if links.empty:
        return empty("The chain moves nothing in these months.")
    shown, other = ("after", "before") if after else ("before", "after")
    stages = int(links["stage"].max()) + 1
    places = _places(links, shown, stages)
    node = {
        "pad": PAD,
        "thickness": 13,
        "color": NODE,
        "line": {"width": 0},
        "hovertemplate": "%{label}<extra></extra>",
    }
    node |= {key: places[key] for key in ("label", "x", "y")}
    bands = _bands(response, links, shown, other, {key: k for k, key in enumerate(places["key"])})
    link = {**bands, "hovertemplate": "%{customdata}<extra></extra>"}
    figure = blank()
    figure.add_sankey(arrangement="fixed", node=node, link=link, textfont={"size": 12, "color": INK})
    first, last = shock_months(response)
    if after:
        title = f"<b>After: {response.best} plan</b>, {span(response.month_label(first), response.month_label(last))}"
    else:
        title = f"<b>Before: base year {response.network.base_year}</b>"
    place = {"x": 0, "xref": "paper", "y": 0.985, "yanchor": "top", "font": {"size": 15}}
    dress(
        figure,
        470,
        margin={"t": 104, "b": 16, "l": 8, "r": 8},
        title={"text": f"{title}, {last - first + 1} months", **place},
    )
    _headings(figure, response, links, shown, stages)
    return figure


def _bands(
    response: Response, links: pd.DataFrame, shown: str, other: str, at: Mapping[object, int]
) -> dict[str, list[object]]:
    """Bands of one picture: what moves, and pale beside it what the other picture has more."""
    labels, trail, limits = Labels.of(response), Trail.of(response), set(restricting(response))
    bands: dict[str, list[object]] = {"source": [], "target": [], "value": [], "color": [], "customdata": []}
    for row in links.to_dict("records"):
        commodity, origin, destination = str(row["commodity"]), str(row["origin"]), str(row["destination"])
        stage, real = int(row["stage"]), float(row[shown])
        missing = max(0.0, float(row[other]) - real)
        colour = RESTRICTED if origin in limits else OURS if origin in response.members else OTHER
        base = trail.shipment(commodity, origin, destination)
        known = marked(f"{row['before']:,.1f} t", base.confidence if base else "derived")
        words = f"{safe(labels.commodity(commodity))}<br>{_way(origin, destination)}<br>base year {known}; plan {row['after']:,.1f} t"
        for amount, tint in ((real, colour), (missing, GHOST)):
            if amount > 0:
                bands["source"].append(at[stage, origin])
                bands["target"].append(at[stage + 1, destination])
                bands["value"].append(amount / float(row["total"] or 1.0))
                bands["color"].append(tint)
                bands["customdata"].append(words)
    return bands


def _headings(figure: go.Figure, response: Response, links: pd.DataFrame, shown: str, stages: int) -> None:
    """Above the bands their commodity, its mark and tonnes; above the columns what happens there."""
    labels, trail = Labels.of(response), Trail.of(response)
    for stage in range(stages):
        own = links[links["stage"] == stage]
        rows = own[["commodity", "origin", "destination"]].itertuples(index=False)
        confidence = trail.confidence(trail.shipment(str(c), str(o), str(d)) for c, o, d in rows)
        name = labels.commodity(str(own["commodity"].iloc[0]))
        lines = wrap(name, max(14, 88 // stages), max_lines=2, placeholder=" ...")
        text = f"<b>{'<br>'.join(map(safe, lines))} {mark(confidence or 'derived')}</b><br>{own[shown].sum():,.0f} t"
        note(figure, text, (stage + 0.5) / stages, xanchor="center", yshift=20, font={"size": 12})
    for column in range(stages + 1):
        word, anchor = (
            ("made in", "left")
            if column == 0
            else ("used in", "right")
            if column == stages
            else ("worked up in", "center")
        )
        note(figure, word, column / stages, xanchor=anchor, yshift=2, font={"size": 11, "color": FAINT})


def _way(origin: str, destination: str) -> str:
    if origin == destination:
        return f"stays in {safe(country_name(origin))}"
    return f"{safe(country_name(origin))} to {safe(country_name(destination))}"


def _places(links: pd.DataFrame, shown: str, stages: int) -> dict[str, list[object]]:
    """Nodes with fixed places, the same in both pictures: countries in one order in every column, sized by what passes."""
    big = links[["before", "after"]].max(axis=1) / links["total"].where(links["total"] > 0, 1.0)
    out: dict[tuple[int, str], float] = {}
    into: dict[tuple[int, str], float] = {}
    real: dict[tuple[int, str], float] = {}
    for row, share in zip(links.to_dict("records"), big.to_numpy(dtype=float).tolist(), strict=True):
        start, end = (int(row["stage"]), str(row["origin"])), (int(row["stage"]) + 1, str(row["destination"]))
        out[start] = out.get(start, 0.0) + share
        into[end] = into.get(end, 0.0) + share
        for key in (start, end) if end[0] == stages else (start,):
            real[key] = real.get(key, 0.0) + float(row[shown])
    size = {key: max(out.get(key, 0.0), into.get(key, 0.0)) for key in {**out, **into}}
    weight: dict[str, float] = {}
    for (_, country), value in size.items():
        weight[country] = weight.get(country, 0.0) + value
    order = sorted(weight, key=lambda c: (c == OTHERS, -weight[c], c))
    columns = [[c for c in order if (k, c) in size] for k in range(stages + 1)]
    pad = 0.035
    scale = min(
        (1.0 - pad * (len(column) - 1)) / sum(size[k, c] for c in column) for k, column in enumerate(columns) if column
    )
    found: dict[str, list[object]] = {"key": [], "label": [], "x": [], "y": []}
    for k, column in enumerate(columns):
        top = 0.0
        for country in column:
            height = size[k, country] * scale
            found["key"].append((k, country))
            amount = real.get((k, country), 0.0)
            found["label"].append(f"{safe(country_name(country))} {amount:,.{0 if amount >= 10 else 1}f} t")
            # Plotly takes a place of exactly 0 or 1 as not given.
            found["x"].append(min(max(k / stages, 0.001), 0.999))
            found["y"].append(min(max(top + height / 2, 0.001), 0.999))
            top += height + pad
    return found
