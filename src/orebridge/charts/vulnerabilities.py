"""Figures of vulnerabilities: who depends on whom, what single hits cost, survival against recovery, upstream bands."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from orebridge.charts.style import (
    ABOVE,
    BELOW,
    FAINT,
    INK,
    TIER_COLOURS,
    WAY_COLOURS,
    blank,
    dress,
    empty,
    look,
    note,
    safe,
)
from orebridge.labels import Labels, country_name

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.vulnerabilities.result import Vulnerabilities

COLOURS = {"red": "#b42318", "amber": "#d08a1d", "green": "#12805c", "unknown": "#8794a8"}
MOST_ORIGINS, MOST_ROWS, MOST_HITS, MOST_SITES, MOST_BANDS = 16, 26, 14, 30, 60
OURS, THEIRS, THIRD, NODE = "rgba(18,128,92,0.50)", "rgba(184,72,58,0.50)", "rgba(110,124,148,0.42)", "#344054"


def exposure(found: Vulnerabilities) -> go.Figure:
    """Heat map: the largest share of each member's product, over its upstream stages, that is made in each country."""
    import plotly.graph_objects as go

    traces = found.tables["traces"]
    rows = traces[(traces["by"] == "location") & (traces["origin"] != "none") & (traces["origin"] != traces["member"])]
    if rows.empty:
        return empty("No member's use rests on another country.")
    labels = Labels.of(found.world)
    best = rows.sort_values("share", ascending=False, kind="stable").drop_duplicates(["member", "product", "origin"])
    origins = list(
        best.groupby("origin")["share"].sum().sort_values(ascending=False, kind="stable").index[:MOST_ORIGINS]
    )
    keys = best.groupby(["chain", "product", "member"], sort=False)["share"].max().reset_index()
    keys = keys.sort_values(["share"], ascending=False, kind="stable").head(MOST_ROWS)
    names = [f"{_short(labels.commodity(p), 38)}, {m}" for p, m in zip(keys["product"], keys["member"], strict=True)]
    cell = {(r["product"], r["member"], r["origin"]): r for r in best.to_dict("records")}
    z = np.full((len(keys), len(origins)), np.nan)
    words = np.full(z.shape, "", dtype=object)
    for i, (product, member) in enumerate(zip(keys["product"], keys["member"], strict=True)):
        for j, origin in enumerate(origins):
            row = cell.get((product, member, origin))
            if row is not None and row["share"] >= 0.005:
                z[i, j] = row["share"]
                words[i, j] = (
                    f"{safe(_stage(str(row['stage']), labels))}<br>{safe(country_name(origin))}: {row['share']:.0%} "
                    f"({row['direct']:.0%} direct, {row['hidden']:.0%} through third countries)"
                )
    figure = blank()
    text = np.where(np.isnan(z), "", np.char.mod("%.0f", np.nan_to_num(z) * 100))
    figure.add_trace(
        go.Heatmap(
            z=z * 100, x=[safe(country_name(o)) for o in origins], y=[safe(name) for name in names], text=text, customdata=words,
            texttemplate="%{text}", textfont={"size": 10}, zmin=0, zmax=100, xgap=1, ygap=1,
            colorscale=[[0, "#f4f6fa"], [0.3, "#f6d9a8"], [0.65, "#d9725b"], [1, "#7a1f1f"]],
            colorbar={"title": {"text": "%"}, "thickness": 12, "outlinewidth": 0}, hoverongaps=False,
            hovertemplate="%{y}<br>%{customdata}<extra></extra>",
        )
    )  # fmt: skip
    dress(figure, 150 + 24 * len(keys), margin={"t": 20, "b": 110, "l": 300, "r": 10})
    figure.update_yaxes(autorange="reversed", showgrid=False, tickfont={"size": 11})
    figure.update_xaxes(tickangle=-45, showgrid=False, tickfont={"size": 11})
    return figure


def single_hits(found: Vulnerabilities, most: int = MOST_HITS) -> go.Figure:
    """Bars: the worst single hits, without and with a plan, million USD; lumps of plants are left out."""
    rows = found.worst(most)
    if rows.empty:
        return empty("No single hit costs members anything with a plan, or its value in USD is not stated.")
    rows = rows.iloc[::-1]
    names, places = [safe(_short(str(w), 64)) for w in rows["words"]], list(range(len(rows)))
    figure = blank()
    for column, label, colour in (
        ("unaided_usd", "without a plan", WAY_COLOURS["unaided"]),
        ("planned_usd", "with the best plan", WAY_COLOURS.get(found.way, WAY_COLOURS["alone"])),
    ):
        figure.add_bar(
            y=places, x=rows[column] / 1e6, orientation="h", name=label, marker_color=colour, customdata=_first(rows, column),
            hovertemplate="%{x:,.0f} million USD, %{customdata}<extra>" + label + "</extra>",
        )  # fmt: skip
    dress(figure, 120 + 34 * len(rows), barmode="group", bargap=0.25, margin={"t": 44, "b": 48, "l": 420, "r": 20})
    figure.update_xaxes(title="million USD lost by all members (log scale)", type="log")
    # Places instead of names: two hits whose shortened names are alike stay two.
    figure.update_yaxes(tickfont={"size": 11}, tickvals=places, ticktext=names)
    return figure


def _first(rows: pd.DataFrame, column: str) -> list[str]:
    months = rows["first_month_unaided" if column == "unaided_usd" else "first_month_planned"]
    return [f"first short in month {m}" if m else "nobody short, stock gone" for m in months]


def survival(found: Vulnerabilities, most: int = MOST_SITES) -> go.Figure:
    """Time to survive (dots: nobody reacting, and planned) against time to recover (bar with range), worst sites first."""
    import plotly.graph_objects as go

    rows = found.tables["survival"]
    rows = rows[rows["status_unaided"].isin(["red", "amber"])].copy()
    if rows.empty:
        return empty("Members can do without every site for as long as it may take to recover.")
    rows["margin"] = rows["tts_planned"].fillna(rows["tts_unaided"]) - rows["ttr"]
    rows = rows.sort_values(["margin", "tts_unaided"], kind="stable").head(most).iloc[::-1]
    names = [
        safe(_short(f"{name} ({country})", 58)) for name, country in zip(rows["name"], rows["country"], strict=True)
    ]
    figure, places = blank(), np.arange(len(rows))
    figure.add_bar(
        y=places, x=rows["ttr_high"] - rows["ttr_low"], base=rows["ttr_low"], orientation="h", name="time to recover, range",
        marker_color="rgba(110,124,148,0.25)", customdata=rows["ttr_confidence"],
        hovertemplate="recovers in %{base:.0f} to %{x:.0f} months (%{customdata})<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        y=places, x=rows["ttr"], mode="markers", name="time to recover",
        marker={"symbol": "line-ns", "size": 14, "line": {"width": 2, "color": FAINT}}, hovertemplate="%{x:.1f} months<extra></extra>",
    )  # fmt: skip
    for column, status, label, symbol in (
        ("tts_unaided", "status_unaided", "time to survive, nobody reacting", "circle-open"),
        ("tts_planned", "status", "time to survive with a plan", "circle"),
    ):
        own = rows[column].notna()
        figure.add_scatter(
            y=places[own.to_numpy()], x=rows.loc[own, column], mode="markers", name=label,
            marker={"symbol": _symbols(rows[own], column, symbol), "size": 9, "color": [COLOURS[s] for s in rows.loc[own, status]], "line": {"width": 2}},
            hovertemplate="%{x:.1f} months<extra>" + label + "</extra>", showlegend=False,
        )  # fmt: skip
        figure.add_scatter(
            y=[None], x=[None], mode="markers", name=label, marker={"symbol": symbol, "size": 9, "color": INK}
        )
    figure.add_trace(
        go.Scatter(
            x=[None],
            y=[None],
            mode="markers",
            name="that or longer",
            marker={"symbol": "triangle-right", "size": 9, "color": INK},
        )
    )
    for colour, words in (("red", "TTS < TTR"), ("amber", "TTS < TTR, high end"), ("green", "survives")):
        figure.add_trace(
            go.Scatter(x=[None], y=[None], mode="markers", name=words, marker={"size": 9, "color": COLOURS[colour]})
        )
    dress(figure, 130 + 22 * len(rows), barmode="overlay", margin={"t": 74, "b": 48, "l": 380, "r": 20})
    figure.update_xaxes(title="months", rangemode="tozero")
    figure.update_yaxes(tickfont={"size": 11}, tickvals=places, ticktext=names)
    return figure


def _symbols(rows: pd.DataFrame, column: str, symbol: str) -> list[str]:
    """A triangle to the right where the plan was not looked for beyond: the time is that or longer."""
    more = rows["at_least"] if column == "tts_planned" else pd.Series(False, index=rows.index)
    return ["triangle-right" if at_least else symbol for at_least in more]


def upstream(found: Vulnerabilities, member: str, product: str, mineral: str | None = None) -> go.Figure:
    """Sankey: a member's product traced upstream, stage by stage; bands are shares of the use, by country of the maker.

    Red bands come from the country that makes most of the first stage (if not only members do), green ones from members.
    """
    import plotly.graph_objects as go

    from orebridge.vulnerabilities.tracing import trace_links

    nodes = found.network.nodes
    chain = (
        str(nodes.loc[nodes["commodity"] == product, "chain"].iloc[0]) if (nodes["commodity"] == product).any() else ""
    )
    part = found.network.subset([chain]) if chain else found.network
    links = trace_links(part, member, product, mineral)
    labels = Labels.of(found.world)
    depth = int(links["stage"].max()) + 1
    links = _gathered(links, member)
    first = links[links["stage"] == depth - 1].groupby("origin")["share"].sum()
    foreign = first.drop(labels=[*found.members, "OTH"], errors="ignore").sort_values()
    strong = str(foreign.index[-1]) if len(foreign) else ""
    places: dict[tuple[int, str], int] = {}
    size: dict[tuple[int, str], float] = {}
    bands = links.to_dict("records")
    for row in bands:
        maker, user = (int(row["stage"]) + 1, str(row["origin"])), (int(row["stage"]), str(row["destination"]))
        places.setdefault(maker, len(places))
        places.setdefault(user, len(places))
        size[maker] = size.get(maker, 0.0) + float(row["share"])
    size[0, member] = 1.0
    position = _positions(size, depth)
    figure = go.Figure(
        go.Sankey(
            arrangement="fixed",
            node={
                "label": [f"{safe(country_name(c))} {size.get((k, c), 0.0):.0%}" for k, c in places],
                "x": [position[key][0] for key in places], "y": [position[key][1] for key in places],
                "pad": 12, "thickness": 12, "color": NODE, "line": {"width": 0}, "hovertemplate": "%{label}<extra></extra>",
            },
            link={
                "source": [places[int(r["stage"]) + 1, str(r["origin"])] for r in bands],
                "target": [places[int(r["stage"]), str(r["destination"])] for r in bands],
                "value": list(links["share"]),
                "color": [THEIRS if o == strong else OURS if o in found.members else THIRD for o in links["origin"]],
                "customdata": [
                    f"{safe(labels.commodity(str(r['upstream'])))} made in {safe(country_name(str(r['origin'])))}, "
                    f"for {safe(country_name(str(r['destination'])))}: {r['share']:.1%} of the use"
                    for r in bands
                ],
                "hovertemplate": "%{customdata}<extra></extra>",
            },
            textfont={"size": 12, "color": INK},
        )
    )  # fmt: skip
    dress(figure, 480, template=look(), margin={"t": 74, "b": 16, "l": 8, "r": 8})
    for stage in range(depth):
        own = [str(c) for c in dict.fromkeys(links.loc[links["stage"] == stage, "upstream"])]
        words = (
            labels.commodity(own[0])
            if len(own) == 1
            else f"{own[0].partition('/')[0].replace('_', ' ')} feed".capitalize()
        )
        x = 1.0 - (stage + 1) / depth
        side = "left" if stage == depth - 1 else "center"
        note(figure, f"<b>{safe(_short(words, 30))}</b><br>made in", x, yshift=16, font={"size": 11}, xanchor=side)
    note(figure, "<b>used in</b>", 1.0, yshift=16, font={"size": 11}, xanchor="right")
    return figure


def _gathered(links: pd.DataFrame, user: str) -> pd.DataFrame:
    """Bands summed over feeds of a stage; countries under 1.5 % everywhere become the rest, the user never."""
    weight = links.groupby("origin")["share"].max()
    small = set(weight[weight < 0.015].index) - {user}
    moved = links.assign(**{end: links[end].where(~links[end].isin(small), "OTH") for end in ("origin", "destination")})
    keys = ["stage", "origin", "destination"]
    named = moved.groupby(keys)["upstream"].agg(lambda own: _one(list(own)))
    return moved.groupby(keys)["share"].sum().reset_index().assign(upstream=named.to_numpy())


def _one(names: list[str]) -> str:
    """The one commodity of a band, or the feed of its mineral."""
    return names[0] if len(set(names)) == 1 else f"{names[0].partition('/')[0]}/feed"


def _positions(size: dict[tuple[int, str], float], depth: int) -> dict[tuple[int, str], tuple[float, float]]:
    """Fixed places: the use at the right, sources at the left, large ones on top."""
    found = {}
    for column in range(depth + 1):
        own = sorted((key for key in size if key[0] == column), key=lambda key: (key[1] == "OTH", -size[key], key[1]))
        pad = 0.05
        scale = (1.0 - pad * max(len(own) - 1, 0)) / max(sum(size[key] for key in own), 1e-9)
        top = 0.0
        for key in own:
            height = size[key] * scale
            found[key] = (min(max(1.0 - column / depth, 0.001), 0.999), min(max(top + height / 2, 0.001), 0.999))
            top += height + pad
    return found


def host_cuts(found: Vulnerabilities) -> go.Figure:
    """Lines: recovery of each by-product against the cut in its host metal, as stated and with no room."""
    rows = found.tables["host_cuts"]
    if rows.empty:
        return empty("None of these chains is a by-product of a host metal.")
    figure = blank()
    palette = [*TIER_COLOURS.values(), ABOVE, BELOW, "#3b4a66", "#7a1f1f"]
    for k, ((chain, host), own) in enumerate(rows.groupby(["chain", "host"], sort=False)):
        for case, dash in (("as stated", "solid"), ("no room", "dot")):
            part = own[own["case"] == case].sort_values("cut")
            figure.add_scatter(
                x=part["cut"] * 100, y=part["recovery_after"] / part["recovery_before"] * 100, mode="lines+markers",
                name=f"{safe(str(chain).replace('_', ' '))} from {safe(host)}", legendgroup=f"{chain}{host}", showlegend=dash == "solid",
                line={"dash": dash, "color": palette[k % len(palette)]},
                hovertemplate="cut %{x:.0f} %: recovery %{y:.0f} %<extra>" + safe(f"{chain}, {case}") + "</extra>",
            )  # fmt: skip
    dress(figure, 380, margin={"t": 60, "b": 48, "l": 64, "r": 16})
    figure.update_xaxes(title="host metal cut, %  (solid: rates as stated; dotted: no room in them)")
    figure.update_yaxes(title="by-product left, %", rangemode="tozero")
    return figure


def _stage(stage: str, labels: Labels) -> str:
    return stage if stage.startswith("source of ") else labels.commodity(stage)


def _short(text: str, width: int) -> str:
    return shorten(text, width, placeholder=" ...")


FIGURES: dict[str, Any] = {
    "exposure": exposure,
    "single_hits": single_hits,
    "survival": survival,
    "host_cuts": host_cuts,
}
