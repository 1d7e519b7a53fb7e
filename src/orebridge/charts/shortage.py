"""Who is short of what, when and by tier; and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from orebridge.charts.style import FAINT, INK, TIER_COLOURS, WAY_COLOURS, dress, empty, marked, note, safe
from orebridge.labels import STOCK, TIERS, Labels, country_name
from orebridge.trail import Trail
from orebridge.views import base_use, shock_months, short_rows, shortages

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.session import Response

MOST_ROWS = 6
NAMES = {**{tier: f"{tier} use" for tier in TIERS}, STOCK: "stock missing at the end"}


def shortage_by_month(response: Response, most: int = MOST_ROWS) -> go.Figure:
    """Tonnes short by month: a row per member and product (worst unaided first, at most `most`), a column per way,
    stacked by tier; all columns of a row share one scale. Grey: months in which a shock holds."""
    from plotly.subplots import make_subplots

    worst = shortages(response)
    every = list(dict.fromkeys(zip(worst["member"], worst["product"], strict=True)))
    keys = every[:most]
    if not keys:
        return empty("No member runs short of a modelled product in any way.")
    ways, trail, labels = list(response.plans), Trail.of(response), Labels.of(response)
    use = base_use(response).groupby(["member", "product"])["use"].sum()
    rows = len(keys)
    height = 150 * rows + 110
    figure = make_subplots(rows=rows, cols=len(ways), shared_xaxes=True, shared_yaxes=True, horizontal_spacing=0.018,
                           vertical_spacing=0.36 / rows if rows > 1 else 0.0)  # fmt: skip
    months = [response.month_label(m) for m in range(1, response.months + 1)]
    for column, way in enumerate(ways, 1):
        short = short_rows(response.plans[way]).groupby(["member", "product", "tier", "month"])["tonnes"].sum()
        for row, (member, product) in enumerate(keys, 1):
            for tier in TIERS:
                values = _series(short, (member, product, tier), response.months)
                if row > 1 and not values.any():
                    continue
                figure.add_bar(
                    x=months, y=values, name=NAMES[tier], legendgroup=tier, showlegend=row == 1 and column == 1,
                    marker={"color": TIER_COLOURS[tier], "line": {"width": 0}}, xperiod="M1", row=row, col=column,
                    hovertemplate=f"{way}, %{{x|%b %Y}}: %{{y:,.1f}} t of {tier} use<extra></extra>",
                )  # fmt: skip
        note(
            figure, f"<b>{way}</b>  {float(short.sum()):,.0f} t", 0.0, xref=f"{_axis('x', column)} domain", yshift=26,
            font={"color": WAY_COLOURS[way], "size": 14},
        )  # fmt: skip
    for row, (member, product) in enumerate(keys, 1):
        known = trail.use(product, member)
        text = f"<b>{safe(country_name(member))} · {safe(labels.commodity(product))}</b>  base-year use "
        text += marked(f"{use.get((member, product), 0.0):,.1f} t/month", known.confidence if known else "")
        first = (row - 1) * len(ways) + 1
        note(figure, text, 0.0, yref=f"{_axis('y', first)} domain", yshift=3, font={"size": 12, "color": INK})
        figure.update_yaxes(title={"text": "t/month", "font": {"size": 11, "color": FAINT}}, row=row, col=1)
        peak = max(_peak(short_rows(plan), member, product) for plan in response.plans.values())
        figure.update_yaxes(range=[0, 1.12 * peak], nticks=4, row=row)
    if len(every) > most:
        note(
            figure,
            f"{len(every) - most} more are short by less",
            1.0,
            xanchor="right",
            yshift=48,
            font={"size": 11, "color": FAINT},
        )
    _shade(figure, response, rows * len(ways))
    dress(figure, height, barmode="stack", bargap=0, margin={"t": 100, "r": 12, "b": 34, "l": 64},
          legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "yref": "paper"})  # fmt: skip
    figure.update_layout(legend={"y": 1.0 + 62 / (height - 134), "traceorder": "normal"})
    ends = [f"{response.month_label(m)}-01" for m in (1, response.months + 1)]
    figure.update_xaxes(type="date", range=ends, tickformat="%b<br>%Y", nticks=5, tickfont={"size": 10})
    return figure


def _series(short: pd.Series, key: tuple[str, str, str], months: int) -> pd.Series:
    """Tonnes by month 1..months of one member, product and tier; months without shortage are 0."""
    found = (
        short.xs(key, level=("member", "product", "tier"))
        if key in short.index.droplevel("month")
        else pd.Series(dtype=float)
    )
    return found.reindex(range(1, months + 1)).fillna(0.0)


def _peak(short: pd.DataFrame, member: str, product: str) -> float:
    own = short[(short["member"] == member) & (short["product"] == product)]
    return float(own.groupby("month")["tonnes"].sum().max()) if len(own) else 0.0


def _axis(letter: str, number: int) -> str:
    return letter if number == 1 else f"{letter}{number}"


def _shade(figure: go.Figure, response: Response, panels: int) -> None:
    """Grey behind the months in which a shock limits something."""
    first, last = shock_months(response)
    ends = [f"{response.month_label(m)}-01" for m in (first, last + 1)]
    shapes = [
        {"type": "rect", "xref": _axis("x", k), "yref": f"{_axis('y', k)} domain", "x0": ends[0], "x1": ends[1], "y0": 0,
         "y1": 1, "fillcolor": "rgba(110,120,140,0.10)", "line": {"width": 0}, "layer": "below"}
        for k in range(1, panels + 1)
    ]  # fmt: skip
    figure.update_layout(shapes=shapes)


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
        totals = [float(np.nansum([_cell(sums, (member, i, way), name) for i in items])) / scale for way in ways]
        figure.add_scatter(
            x=ways, y=totals, text=[f"{v:,.0f}" for v in totals], mode="text", textposition="top center",
            showlegend=False, hoverinfo="skip", cliponaxis=False, row=row, col=column,
        )  # fmt: skip


def _cell(sums: pd.DataFrame, key: tuple[str, str, str], name: str) -> float:
    return float(sums.at[key, name]) if key in sums.index else float("nan")
