"""Who is short of what, when and by tier; and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from orebridge.charts.style import FAINT, INK, TIER_COLOURS, WAY_COLOURS, blank, dress, empty, look, marked, safe
from orebridge.labels import STOCK, TIERS, Labels, country_name
from orebridge.trail import Trail
from orebridge.views import base_use, shock_months, short_rows, shortages

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.session import Response

MOST_ROWS = 6
ROW, TOP, BOTTOM = 150, 100, 44  # px
NAMES = {**{tier: f"{tier} use" for tier in TIERS}, STOCK: "stock missing at the end"}


def shortage_by_month(response: Response, most: int = MOST_ROWS) -> go.Figure:
    """Tonnes short by month: a row per member and product (worst unaided first, at most `most`), a column per way,
    stacked by tier; all columns of a row share one scale. Grey: months in which a shock holds."""
    import plotly.graph_objects as go

    worst = shortages(response)
    every = list(dict.fromkeys(zip(worst["member"], worst["product"], strict=True)))
    keys = every[:most]
    if not keys:
        return empty("No member runs short of a modelled product in any way.")
    ways, rows = list(response.plans), len(keys)
    months = [response.month_label(m) for m in range(1, response.months + 1)]
    traces, peaks, totals = [], dict.fromkeys(keys, 0.0), {}
    for column, way in enumerate(ways):
        short = short_rows(response.plans[way])
        short = short.groupby(["member", "product", "tier", "month"], as_index=False)[["tonnes"]].sum()
        totals[way] = float(short["tonnes"].sum())
        for row, (member, product) in enumerate(keys):
            series = {tier: _series(short, (member, product, tier), response.months) for tier in TIERS}
            peaks[member, product] = max(peaks[member, product], float(np.sum(list(series.values()), axis=0).max()))
            place = row * len(ways) + column + 1
            for tier, values in series.items():
                if place == 1 or values.any():
                    traces.append(_bars(way, tier, months, values, place))
    height = ROW * rows + TOP + BOTTOM
    layout = _axes(
        rows,
        len(ways),
        [peaks[key] for key in keys],
        [f"{response.month_label(m)}-01" for m in (1, response.months + 1)],
    )
    layout["annotations"] = _texts(response, keys, totals, len(every) - rows)
    layout["shapes"] = _shades(response, rows * len(ways))
    layout["legend"] = {"y": 1.0 + 62 / (height - TOP - BOTTOM), "traceorder": "normal"}
    layout["margin"] = {"t": TOP, "r": 12, "b": BOTTOM, "l": 64}
    return go.Figure(
        {"data": traces, "layout": {**layout, "template": look(), "height": height, "barmode": "stack", "bargap": 0}}
    )


def _bars(way: str, tier: str, months: list[str], values: np.ndarray, place: int) -> dict[str, Any]:
    """Bars of one tier in panel `place` (counted by rows from the top left, from 1)."""
    return {
        "type": "bar", "x": months, "y": values, "name": NAMES[tier], "legendgroup": tier, "showlegend": place == 1,
        "marker": {"color": TIER_COLOURS[tier], "line": {"width": 0}}, "xperiod": "M1",
        "xaxis": _axis("x", place), "yaxis": _axis("y", place),
        "hovertemplate": f"{way}, %{{x|%b %Y}}: %{{y:,.1f}} t of {tier} use<extra></extra>",
    }  # fmt: skip


def _axes(rows: int, columns: int, peaks: list[float], ends: list[str]) -> dict[str, Any]:
    """Axes of the grid: one scale per row, the same months everywhere, month labels below the last row only."""
    gap, wide = 0.36 / rows if rows > 1 else 0.0, 0.018
    tall, broad = (1.0 - gap * (rows - 1)) / rows, (1.0 - wide * (columns - 1)) / columns
    layout: dict[str, Any] = {}
    for row in range(rows):
        for column in range(columns):
            place = row * columns + column + 1
            left, top = column * (broad + wide), 1.0 - row * (tall + gap)
            layout[f"xaxis{place}"] = {
                "domain": [left, left + broad], "anchor": _axis("y", place), "type": "date", "range": ends, "nticks": 5,
                "tickformat": "%b<br>%Y", "tickfont": {"size": 10}, "showticklabels": row == rows - 1,
            }  # fmt: skip
            layout[f"yaxis{place}"] = {
                "domain": [max(0.0, top - tall), top], "anchor": _axis("x", place), "range": [0, 1.12 * peaks[row]],
                "nticks": 4, "showticklabels": column == 0,
            }  # fmt: skip
            if column == 0:
                layout[f"yaxis{place}"]["title"] = {"text": "t/month", "font": {"size": 11, "color": FAINT}}
            else:
                layout[f"yaxis{place}"]["matches"] = _axis("y", row * columns + 1)
    return layout


def _texts(
    response: Response, keys: list[tuple[str, str]], totals: dict[str, float], left_out: int
) -> list[dict[str, Any]]:
    """Names of ways above the columns; of member and product, with base-year use and its mark, above the rows."""
    trail, labels = Trail.of(response), Labels.of(response)
    use = base_use(response).groupby(["member", "product"])["use"].sum()
    plain = {
        "showarrow": False,
        "xanchor": "left",
        "yanchor": "bottom",
        "x": 0.0,
        "y": 1.0,
        "xref": "paper",
        "yref": "paper",
    }
    texts = []
    for column, (way, total) in enumerate(totals.items(), 1):
        font = {"color": WAY_COLOURS[way], "size": 14}
        texts.append(
            {
                **plain,
                "text": f"<b>{way}</b>  {total:,.0f} t",
                "xref": f"{_axis('x', column)} domain",
                "yshift": 26,
                "font": font,
            }
        )
    for row, (member, product) in enumerate(keys):
        known = trail.use(product, member)
        text = f"<b>{safe(country_name(member))} · {safe(labels.commodity(product))}</b>  base-year use "
        text += marked(f"{use.get((member, product), 0.0):,.1f} t/month", known.confidence if known else "")
        where = f"{_axis('y', row * len(totals) + 1)} domain"
        texts.append({**plain, "text": text, "yref": where, "yshift": 3, "font": {"size": 12, "color": INK}})
    if left_out > 0:
        text = f"{left_out} more are short by less"
        texts.append(
            {**plain, "text": text, "x": 1.0, "xanchor": "right", "yshift": 48, "font": {"size": 11, "color": FAINT}}
        )
    return texts


def _series(short: pd.DataFrame, key: tuple[str, str, str], months: int) -> np.ndarray:
    """Tonnes by month 1..months of one member, product and tier; months without shortage are 0."""
    values = np.zeros(months)
    member, product, tier = key
    own = short[(short["member"] == member) & (short["product"] == product) & (short["tier"] == tier)]
    values[own["month"].to_numpy(dtype=int) - 1] = own["tonnes"].to_numpy(dtype=float)
    return values


def _axis(letter: str, number: int) -> str:
    return letter if number == 1 else f"{letter}{number}"


def _shades(response: Response, panels: int) -> list[dict[str, Any]]:
    """Grey behind the months in which a shock limits something."""
    first, last = shock_months(response)
    ends = [f"{response.month_label(m)}-01" for m in (first, last + 1)]
    grey = {"type": "rect", "x0": ends[0], "x1": ends[1], "y0": 0, "y1": 1, "line": {"width": 0}, "layer": "below"}
    grey["fillcolor"] = "rgba(110,120,140,0.10)"
    return [{**grey, "xref": _axis("x", k), "yref": f"{_axis('y', k)} domain"} for k in range(1, panels + 1)]


def loss_by_way(response: Response) -> go.Figure:
    """Two rows: million USD lost, and tonnes short, by way; a column per member that loses anything, stacked by tier (USD:
    and stock missing at the end)."""
    from plotly.subplots import make_subplots

    ways = list(response.plans)
    worst = {
        m: max(
            plan.loss.loc[plan.loss["member"] == m, ["usd", "tonnes"]].sum().max() for plan in response.plans.values()
        )
        for m in response.members
    }
    members = [m for m, most in worst.items() if most > 0] or list(response.members)
    figure = make_subplots(
        figure=blank(),
        rows=2,
        cols=len(members),
        shared_xaxes=True,
        shared_yaxes="rows",
        vertical_spacing=0.11,
        horizontal_spacing=0.03,
        column_titles=[f"<b>{safe(country_name(m))}</b>" for m in members],
    )
    loss = pd.concat([plan.loss.assign(way=way) for way, plan in response.plans.items()], ignore_index=True)
    sums = loss.groupby(["member", "item", "way"])[["usd", "tonnes"]].sum(min_count=1)
    for column, member in enumerate(members, 1):
        for item in (*TIERS, STOCK):
            own = sums.reindex([(member, item, way) for way in ways])
            for row, (name, scale, unit) in enumerate((("usd", 1e6, "million USD"), ("tonnes", 1.0, "t")), 1):
                if item == STOCK and name == "tonnes":
                    continue
                figure.add_bar(
                    x=ways,
                    y=(own[name] / scale).to_numpy(),
                    name=NAMES[item],
                    legendgroup=item,
                    showlegend=row == 1 and column == 1,
                    marker={"color": TIER_COLOURS[item]},
                    row=row,
                    col=column,
                    hovertemplate=f"%{{x}}: %{{y:,.1f}} {unit}, {NAMES[item]}<extra></extra>",
                )
        _totals(figure, sums, member, ways, column)
    figure.update_yaxes(title={"text": "million USD lost [a]", "font": {"size": 12}}, row=1, col=1)
    figure.update_yaxes(title={"text": "tonnes short", "font": {"size": 12}}, row=2, col=1)
    dress(figure, 520, barmode="stack", bargap=0.35, margin={"t": 86, "r": 12, "b": 34, "l": 70})
    figure.update_layout(legend={"y": 1.11, "traceorder": "normal"})
    figure.update_yaxes(rangemode="tozero")
    return figure


def _totals(figure: go.Figure, sums: pd.DataFrame, member: str, ways: list[str], column: int) -> None:
    """The sum above each bar; an unknown value is left out of it, as it is out of the bar."""
    for row, (name, scale, items) in enumerate((("usd", 1e6, (*TIERS, STOCK)), ("tonnes", 1.0, TIERS)), 1):
        known = sums[name].to_dict()
        totals = [float(np.nansum([known.get((member, i, way), np.nan) for i in items])) / scale for way in ways]
        figure.add_scatter(
            x=ways, y=totals, text=[f"{v:,.0f}" for v in totals], mode="text", textposition="top center",
            showlegend=False, hoverinfo="skip", cliponaxis=False, row=row, col=column,
        )  # fmt: skip
