"""The exposure map: in which countries a single failure would cost members most, on bundled outlines (no network)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from orebridge.charts.style import FAINT, INK, ON_SCREEN, blank, dress, empty, note, safe
from orebridge.charts.worldmap import LAND, PAGE, SHORE, TALL, label_sides, outlines
from orebridge.labels import country_name

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.vulnerabilities.result import Vulnerabilities

CUT, WEST, EAST, SOUTH, NORTH = -170.0, -170.0, 190.0, -56.0, 83.0  # degrees; the map is cut in the Pacific
HALO = ", ".join(["0px 0px 3px white"] * 4)  # names are read on dark countries too
NAMED = 12  # countries with their names written beside them
#: Loss in million USD from which a colour holds, and the colour; a country below the first is land like any other.
SHADES = ((0.0, "#f6e3c3"), (1.0, "#f0c58a"), (10.0, "#e09a5f"), (100.0, "#c4573f"), (1000.0, "#7a1f1f"))


def exposure_map(found: Vulnerabilities) -> go.Figure:
    """The world by the worst single hit in each country: million USD that members lose with the best plan.

    A country is as dark as the costliest supplier, facility (all plants of it together where the tables state no single
    one) or route that begins there. Passages lie in no country and are left out.
    """
    worst = _worst(found.tables["contingencies"])
    places = outlines()
    worst = worst[worst["country"].isin(places.keys())]
    if worst.empty:
        return empty(
            "No single hit in any country costs members anything with the best plan, or its value in USD is not stated."
        )
    figure = blank()
    shade = {str(c): _shade(usd / 1e6) for c, usd in zip(worst["country"], worst["planned_usd"], strict=True)}
    for level in (-1, *range(len(SHADES))):
        _fill(figure, [code for code in places if shade.get(code, -1) == level], level)
    points = [places[str(c)].point for c in worst["country"]]
    xs, ys = [x + 360.0 if x < CUT else x for x, _ in points], [y for _, y in points]
    names = [country_name(str(c)) if k < NAMED else "" for k, c in enumerate(worst["country"])]
    figure.add_scatter(
        x=xs, y=ys, mode="markers+text", text=[safe(name) for name in names], showlegend=False, hoverinfo="text",
        textposition=label_sides(list(zip(xs, ys, strict=True)), names, PAGE / (EAST - WEST)),
        textfont={"size": 11, "color": INK, "shadow": HALO}, marker={"size": 6, "color": INK, "line": {"color": "white", "width": 1}},
        hovertext=[
            f"<b>{safe(country_name(str(r.country)))}</b><br>{safe(str(r.words))}<br>{float(str(r.planned_usd)) / 1e6:,.3g} million USD"
            for r in worst.itertuples()
        ],
    )  # fmt: skip
    height = PAGE * TALL * (NORTH - SOUTH) / (EAST - WEST)
    dress(figure, round(height) + 70, margin={"t": 40, "r": 4, "b": 30, "l": 4}, hovermode="closest")
    figure.update_xaxes(visible=False, range=[WEST, EAST], constrain="domain")
    figure.update_yaxes(visible=False, range=[SOUTH, NORTH], scaleanchor="x", scaleratio=TALL, constrain="domain")
    place = {"yshift": -24, "font": {"size": 11, "color": FAINT}}
    note(figure, "Grey: nothing there costs members anything with the best plan.", 0.0, 0.0, **place)
    note(figure, "Point at a dot for the hit behind the colour.", 1.0, 0.0, xanchor="right", name=ON_SCREEN, **place)
    return figure


def _worst(table: pd.DataFrame) -> pd.DataFrame:
    """The costliest single hit of each country, worst first."""
    own = table[(table["country"] != "") & (table["planned_usd"] > 0)]
    ordered = own.sort_values(["planned_usd", "name"], ascending=[False, True], kind="stable")
    return ordered.drop_duplicates("country").reset_index(drop=True)


def _shade(million: float) -> int:
    return max(k for k, (least, _) in enumerate(SHADES) if million >= least)


def _name(level: int) -> str:
    least = SHADES[level][0]
    if level == len(SHADES) - 1:
        return f"from {least:,.0f}"
    most = SHADES[level + 1][0]
    return f"below {most:,.0f}" if not least else f"{least:,.0f} to {most:,.0f}"


def _fill(figure: go.Figure, codes: list[str], level: int) -> None:
    """Countries of one shade as one filled trace; level -1 is land without a loss."""
    gap = np.full((1, 2), np.nan)
    parts: list[np.ndarray] = []
    for code in codes:
        for ring in outlines()[code].rings:
            points = np.array(ring)
            # A ring moves whole, so that none is torn.
            points[:, 0] += 360.0 if points[:, 0].mean() < CUT else 0.0
            parts += [points, gap]
    xs, ys = np.concatenate(parts).astype(np.float32).T if parts else np.zeros((2, 0), np.float32)
    figure.add_scatter(
        x=xs, y=ys, mode="lines", fill="toself", fillcolor=LAND if level < 0 else SHADES[level][1],
        line={"color": SHORE, "width": 0.6}, hoverinfo="skip", name="land" if level < 0 else f"{_name(level)} million USD",
        showlegend=level >= 0 and bool(parts),
    )  # fmt: skip
