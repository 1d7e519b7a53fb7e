"""The map of planned shipments, drawn on plain longitude and latitude from bundled outlines: it needs no network."""

from __future__ import annotations

import csv
import json
import math
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from orebridge.charts.style import ABOVE, BASE, BELOW, FAINT, INK, blank, dress, empty, marked, note, safe
from orebridge.labels import Labels, country_name
from orebridge.trail import Trail, weak
from orebridge.views import hardest_chain, restricting, shipments

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.session import Response

MOST_ROUTES = 40
LAND, SHORE, OURS, LIMITS = "#eceff4", "#cbd2dd", "#cfe6da", "#f3d5d0"
#: The map is cut either in the Pacific or in the Atlantic (degrees east), wherever fewer tonnes would cross the cut.
CUTS = (-170.0, -27.0)
WIDEST, THINNEST, STEPS, BOW, HEAD = (
    8.0,
    1.2,
    18,
    0.14,
    12,
)  # arrowheads two thirds along, clear of the crowd at the ends
HELD_BACK = "where the shock holds back supply"
ADDED = "above base year"
PAGE, TALL = 1000.0, 1.25  # width the height is made for, px; a degree north is drawn longer than one east
#: Colour, dash and opacity of a route by what the plan does with it.
GROUPS = {
    ADDED: (ABOVE, "solid", 0.9), "below base year": (BELOW, "dash", 0.8), "as in the base year": (BASE, "solid", 0.8),
    "as in the base year [d/u/a]": (BASE, "solid", 0.45),
}  # fmt: skip
Point = tuple[float, float]


class Outline(NamedTuple):
    """Rings of a country and the point where its goods start and end."""

    rings: tuple[tuple[Point, ...], ...]
    point: Point


@cache
def outlines() -> dict[str, Outline]:
    """Outlines by ISO code (empty for places too small to draw) with their points, from the bundled files."""
    folder = resources.files("orebridge") / "data" / "map"
    found: dict[str, Outline] = {}
    for feature in json.loads((folder / "countries.geojson").read_text(encoding="utf-8"))["features"]:
        rings = tuple(tuple((float(x), float(y)) for x, y in part[0]) for part in feature["geometry"]["coordinates"])
        found[feature["properties"]["iso"]] = Outline(rings, _middle(max(rings, key=lambda ring: abs(_area(ring)))))
    for row in csv.DictReader((folder / "points.csv").read_text(encoding="utf-8").splitlines()):
        point = (float(row["longitude"]), float(row["latitude"]))
        known = found.get(row["iso"])
        found[row["iso"]] = Outline(known.rings if known else (), point)
    return found


def _area(ring: tuple[Point, ...]) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, (*ring[1:], ring[0]), strict=True)) / 2.0


def _middle(ring: tuple[Point, ...]) -> Point:
    """Centre of gravity of a ring."""
    area = _area(ring)
    x = y = 0.0
    for a, b in zip(ring, (*ring[1:], ring[0]), strict=True):
        cross = a[0] * b[1] - b[0] * a[1]
        x, y = x + (a[0] + b[0]) * cross, y + (a[1] + b[1]) * cross
    return x / (6.0 * area), y / (6.0 * area)


def shipment_map(response: Response, way: str | None = None, most: int = MOST_ROUTES) -> go.Figure:
    """Shipments from and to members in the hardest-hit chain over all reported months (`way`: the best plan's).

    Width grows with the root of the tonnes; green above the base year, grey as in it (pale where that figure is derived,
    unverified or assumed), amber and dashed below. Marks in the hover text tell how the base-year figure is known.
    """
    rows = shipments(response, way or response.best, hardest_chain(response))
    places = outlines()
    rows = rows[rows["origin"].isin(places.keys()) & rows["destination"].isin(places.keys())]
    # What the plan adds comes first, however few its tonnes; then the largest of the rest.
    added = pd.Series(
        [_group(t, b, False) == ADDED for t, b in zip(rows["tonnes"], rows["base"], strict=True)],
        index=rows.index,
        dtype=bool,
    )
    rows = pd.concat([rows[added], rows[~added]]).head(most).sort_values("tonnes", ascending=False, kind="stable")
    if rows.empty:
        return empty("No shipment of this chain starts or ends at a member.")
    cut = min(CUTS, key=lambda c: (_crossing(rows, c), CUTS.index(c)))
    figure = blank()
    _land(figure, cut, set(response.members), set(restricting(response)))
    _routes(figure, response, rows, cut)
    ends = list(dict.fromkeys([*rows["origin"], *rows["destination"]]))
    xs, ys = [_east(places[c].point[0], cut) for c in ends], [places[c].point[1] for c in ends]
    west, east = max(cut, min(xs) - 18.0), min(cut + 360.0, max(xs) + 18.0)
    south, north = max(-56.0, min(ys) - 14.0), min(83.0, max(ys) + 20.0)
    height = min(600.0, max(300.0, PAGE * TALL * (north - south) / (east - west)))
    names = [country_name(c) for c in ends]
    figure.add_scatter(
        x=xs, y=ys, mode="markers+text", showlegend=False, text=[safe(name) for name in names], hoverinfo="skip",
        textposition=label_sides(list(zip(xs, ys, strict=True)), names, PAGE / (east - west)),
        textfont={"size": 11, "color": INK}, marker={"size": 5, "color": INK},
    )  # fmt: skip
    dress(figure, round(height) + 70, margin={"t": 40, "r": 4, "b": 30, "l": 4}, hovermode="closest")
    figure.update_xaxes(visible=False, range=[west, east], constrain="domain")
    figure.update_yaxes(visible=False, range=[south, north], scaleanchor="x", scaleratio=TALL, constrain="domain")
    words = f"Width: root of the tonnes over {response.months} months. [d/u/a]: base-year figure derived, unverified or assumed."
    note(figure, words, 0.0, 0.0, yshift=-24, font={"size": 11, "color": FAINT})
    return figure


def _routes(figure: go.Figure, response: Response, rows: pd.DataFrame, cut: float) -> None:
    """A line with an arrowhead per route, the widest below."""
    trail, labels, places = Trail.of(response), Labels.of(response), outlines()
    widest = math.sqrt(float(rows["tonnes"].max()) or 1.0)
    seen: set[str] = set()
    for row in rows.to_dict("records"):
        commodity, origin, destination = str(row["commodity"]), str(row["origin"]), str(row["destination"])
        planned, before = float(row["tonnes"]), float(row["base"])
        base = trail.shipment(commodity, origin, destination)
        confidence = base.confidence if base else ""
        group = _group(planned, before, weak(confidence))
        colour, dash, opacity = GROUPS[group]
        known = marked(f"{before:,.1f} t", confidence) if before > 0 else "none"
        words = (
            f"<b>{safe(labels.commodity(commodity))}</b><br>{safe(country_name(origin))} to {safe(country_name(destination))}"
            f"<br>plan {planned:,.1f} t over {response.months} months<br>base year {known}"
        )
        width = THINNEST + (WIDEST - THINNEST) * math.sqrt(planned) / widest
        for points in _arcs(places[origin].point, places[destination].point, cut, commodity):
            head = np.where(np.arange(len(points)) == HEAD, 9 + 2 * width, 0)
            marker = {"symbol": "arrow", "size": head, "angleref": "previous", "color": colour, "line": {"width": 0}}
            figure.add_scatter(
                x=points[:, 0], y=points[:, 1], mode="lines+markers", name=group, legendgroup=group, opacity=opacity,
                showlegend=group not in seen, legendrank=list(GROUPS).index(group), marker=marker, hovertext=words,
                line={"color": colour, "width": width, "dash": dash}, hoverinfo="text",
            )  # fmt: skip
            seen.add(group)


def off_the_map(response: Response, way: str | None = None) -> list[str]:
    """Places of these shipments that have no point on the map: the rest of a chain's countries, and codes unknown to it."""
    rows = shipments(response, way or response.best, hardest_chain(response))
    return sorted({*rows["origin"], *rows["destination"]} - set(outlines()))


def _group(tonnes: float, base: float, unsure: bool) -> str:
    if tonnes > base * 1.01 + 1e-3:
        return ADDED
    if tonnes < base * 0.99 - 1e-3:
        return "below base year"
    return "as in the base year [d/u/a]" if unsure else "as in the base year"


def label_sides(points: list[Point], names: list[str], scale: float) -> list[str]:
    """On which side of its point each name stands so that names do not cover each other (`scale`: px per degree)."""
    taken: list[tuple[float, float, float, float]] = [
        (x * scale - 4, y * scale * TALL - 4, x * scale + 4, y * scale * TALL + 4) for x, y in points
    ]
    sides = []
    for (x, y), name in zip(points, names, strict=True):
        px, py, wide = x * scale, y * scale * TALL, 6.4 * len(name)
        boxes = {
            "bottom center": (px - wide / 2, py - 19, px + wide / 2, py - 5),
            "top center": (px - wide / 2, py + 5, px + wide / 2, py + 19),
            "middle right": (px + 6, py - 7, px + 6 + wide, py + 7),
            "middle left": (px - 6 - wide, py - 7, px - 6, py + 7),
            "bottom right": (px + 3, py - 19, px + 3 + wide, py - 5),
            "top left": (px - 3 - wide, py + 5, px - 3, py + 19),
        }
        side = min(boxes, key=lambda k: sum(_overlap(boxes[k], other) for other in taken))
        taken.append(boxes[side])
        sides.append(side)
    return sides


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _east(longitude: float, cut: float) -> float:
    """The longitude on a map that starts at `cut`."""
    return longitude + 360.0 if longitude < cut else longitude


def _crossing(rows: pd.DataFrame, cut: float) -> float:
    """Routes (by root of tonnes) that would go the long way round on a map cut there."""
    places = outlines()
    total = 0.0
    for o, d, t in rows[["origin", "destination", "tonnes"]].itertuples(index=False):
        if abs(_east(places[o].point[0], cut) - _east(places[d].point[0], cut)) > 180.0:
            total += math.sqrt(float(t)) + 1.0
    return total


def _arcs(start: Point, end: Point, cut: float, commodity: str) -> list[np.ndarray]:
    """The bowed line of a route; in two pieces, one at each edge, if the short way crosses the cut. Commodities on one
    route bow differently, so that they do not hide each other."""
    a, b = (_east(start[0], cut), start[1]), (_east(end[0], cut), end[1])
    if abs(a[0] - b[0]) <= 180.0:
        return [_bow(a, b, commodity)]
    turn = 360.0 if a[0] > b[0] else -360.0
    return [_bow(a, (b[0] + turn, b[1]), commodity), _bow((a[0] - turn, a[1]), b, commodity)]


def _bow(a: Point, b: Point, commodity: str) -> np.ndarray:
    dx, dy = b[0] - a[0], b[1] - a[1]
    lift = BOW + 0.035 * (sum(map(ord, commodity)) % 5)
    # To the left of the way, so that there and back do not coincide.
    middle = ((a[0] + b[0]) / 2 - dy * lift, (a[1] + b[1]) / 2 + dx * lift)
    t = np.linspace(0.0, 1.0, STEPS + 1)[:, None]
    points = (1 - t) ** 2 * np.array(a) + 2 * t * (1 - t) * np.array(middle) + t**2 * np.array(b)
    return np.asarray(points, dtype=np.float32)


def _land(figure: go.Figure, cut: float, members: set[str], limits: set[str]) -> None:
    """Countries as filled outlines: all others in one trace, members and restricting countries in one each."""
    gap = np.full((1, 2), np.nan)
    groups: dict[str, tuple[str, list[np.ndarray]]] = {
        name: (colour, []) for name, colour in (("", LAND), ("members", OURS), (HELD_BACK, LIMITS))
    }
    for code, outline in outlines().items():
        _, parts = groups["members" if code in members else HELD_BACK if code in limits else ""]
        for ring in outline.rings:
            points = np.array(ring)
            # A ring moves whole, so that none is torn.
            points[:, 0] += 360.0 if points[:, 0].mean() < cut else 0.0
            parts += [points, gap]
    for name, (colour, parts) in groups.items():
        xs, ys = np.concatenate(parts).astype(np.float32).T if parts else np.zeros((2, 0), np.float32)
        figure.add_scatter(
            x=xs,
            y=ys,
            mode="lines",
            fill="toself",
            fillcolor=colour,
            line={"color": SHORE, "width": 0.6},
            hoverinfo="skip",
            name=name or "land",
            showlegend=bool(name and parts),
            legendrank=2000,
        )
