"""What the answer hangs on: loss against days of stock, and how far each assumption moves it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from orebridge.charts.style import FAINT, INK, WAY_COLOURS, blank, dress, empty, safe
from orebridge.hangs import break_even_words, swings_in_words

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.session import Response

LOW, HIGH = "#3f6fa8", "#b8574a"
TITLE_WIDTH = 112  # characters of a title that fit over the plot
BAR_ROOM, LETTER = 560, 6.2  # pixels: width of the plot beside the names, and of a letter at the end of a bar
UNKNOWN = "The loss in USD is unknown: the table of values states none for a use that is short."


def stock_curve(response: Response) -> go.Figure:
    """Million USD lost against days of stock held by members' industry, with the break-even days and what they mean."""
    if response.curve.empty:
        return empty("The stock curve was left out (--quick).")
    if response.curve["loss_usd"].isna().all():
        return empty(UNKNOWN)
    figure = blank()
    top = float(response.curve["loss_usd"].max()) / 1e6
    for k, (way, group) in enumerate(response.curve.groupby("way", sort=False)):
        rows, colour = group.sort_values("days"), WAY_COLOURS.get(str(way), INK)
        figure.add_scatter(
            x=rows["days"],
            y=rows["loss_usd"] / 1e6,
            name=str(way),
            mode="lines+markers",
            line={"color": colour, "width": 2.5},
            hovertemplate=f"{safe(way)}: %{{x}} days, %{{y:,.0f}} million USD<extra></extra>",
        )
        days = response.break_even.get(str(way), math.nan)
        if math.isfinite(days) and days > 0:
            figure.add_shape(
                type="line",
                x0=days,
                x1=days,
                y0=0,
                y1=0.78 - 0.12 * k,
                yref="paper",
                line={"color": colour, "dash": "dot", "width": 1.5},
            )
            figure.add_annotation(
                x=days,
                y=0.78 - 0.12 * k,
                yref="paper",
                xanchor="left",
                yanchor="top",
                xshift=5,
                showarrow=False,
                align="left",
                text=f"<b>{days:,.0f} days</b>: {safe(way)} loss gone",
                font={"color": colour},
            )
    words = [safe(line) for line in wrap(break_even_words(response), TITLE_WIDTH, break_on_hyphens=False)]
    dress(
        figure,
        400 + 17 * (len(words) - 1),
        margin={"t": 74 + 17 * (len(words) - 1), "b": 54, "l": 76, "r": 16},
        title={
            "text": "<br>".join(words),
            "font": {"size": 13, "color": FAINT},
            "x": 0,
            "xref": "paper",
            "y": 0.985 - 0.03 * (len(words) - 1),
            "yanchor": "top",
        },
    )
    figure.update_xaxes(title="days of base-year use held by members' industry [a]", rangemode="tozero", dtick=30)
    figure.update_yaxes(title="million USD lost", range=[-0.02 * top, 1.06 * top])
    return figure


def tornado(response: Response) -> go.Figure:
    """Million USD by which each assumption moves the loss alone, from its low to its high end; ranges in the labels."""
    rows = swings_in_words(response)
    if rows.empty:
        return empty("The tornado was left out (--quick).")
    moved = rows[["low", "high"]].sub(rows["stated"], axis=0).to_numpy(dtype=float) / 1e6
    if np.isnan(moved).all():
        return empty(UNKNOWN)
    rows = rows.iloc[::-1]
    label = [
        f"<b>{safe(r.title)}</b><br>{safe(r.stated_words)} · range {safe(r.low_words)} to {safe(r.high_words)}"
        for r in rows.itertuples()
    ]
    figure, ends = blank(), []
    for end, colour in (("low", LOW), ("high", HIGH)):
        change = (rows[end] - rows["stated"]) / 1e6
        words = rows[f"{end}_words"]
        texts = [_bar_text(c, loss, w) for c, loss, w in zip(change, rows[end] / 1e6, words, strict=True)]
        ends += list(zip(change, texts, strict=True))
        figure.add_bar(
            y=label,
            x=change,
            orientation="h",
            name=f"{end} end of the range",
            marker_color=colour,
            text=texts,
            textposition="outside",
            textfont={"size": 11, "color": FAINT},
            cliponaxis=False,
            hovertext=[f"{safe(w)}: loss {v:,.0f} million USD" for w, v in zip(words, rows[end] / 1e6, strict=True)],
            hoverinfo="text",
        )
    stated = float(rows["stated"].iloc[0]) / 1e6
    dress(figure, 110 + 52 * len(rows), barmode="overlay", margin={"t": 46, "l": 300, "r": 20, "b": 50}, bargap=0.45)
    figure.update_xaxes(title=f"change of the loss alone, million USD (as stated: {stated:,.0f})", range=_reach(ends))
    figure.update_yaxes(tickfont={"size": 12}, automargin=True)
    return figure


def _reach(ends: Sequence[tuple[float, str]]) -> list[float]:
    """The range of the axis in which every bar fits with the words beyond its end; `ends` are (change, words).

    >>> _reach([(-100.0, ""), (100.0, "")]), _reach([(-100.0, "none gives so much more"), (100.0, "")])[0] < -150
    ([-104.0, 104.0], True)
    """
    known = [(change, words) for change, words in ends if math.isfinite(change)]
    low, high = min(0.0, *(c for c, _ in known)), max(0.0, *(c for c, _ in known))
    span = (high - low) or 1.0
    unit = span / BAR_ROOM
    for _ in range(4):  # room for words widens the axis, which makes words longer in its units
        left = min([low, *(c - unit * (LETTER * len(w) + 8) for c, w in known if w and c < 0)])
        right = max([high, *(c + unit * (LETTER * len(w) + 8) for c, w in known if w and c >= 0)])
        unit = (right - left) / BAR_ROOM
    return [left - 0.02 * span, right + 0.02 * span]


def _bar_text(change: float, loss: float, words: str) -> str:
    """Words at the end of a bar; none where the assumption moves nothing, or by an unknown sum."""
    return "" if not abs(change) >= 0.5 else f"{safe(words)} → {loss:,.0f}"
