"""Figures of an ensemble: how likely which loss is, whether enough was drawn, and where the loss falls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orebridge.charts.style import FAINT, INK, blank, dress, empty, note, safe

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.ensemble.result import Ensemble

LINE, MEAN, TAIL, SHADE = "#3b4a66", "#1b7a4b", "#7a1f1f", "rgba(122,31,31,0.10)"
NO_USD = "No figure in USD: a product without a stated value ran short. Tonnes are in the tables."
TICKS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)


def exceedance(ensemble: Ensemble) -> go.Figure:
    """Loss-exceedance curve: chance (log scale) that the allies lose at least so much, with expected loss and CVaR."""
    import plotly.graph_objects as go

    curve, total = ensemble.summary.exceedance, ensemble.summary.total
    if curve.empty:
        return empty(NO_USD)
    usd, chance = curve["loss_usd"].to_numpy()[::-1] / 1e6, curve["chance"].to_numpy()[::-1]
    most = max(float(usd.max()), 1.0)
    figure = blank()
    figure.add_trace(
        go.Scatter(
            x=usd, y=chance, mode="lines", line={"color": LINE, "width": 2.5, "shape": "vh"}, showlegend=False,
            hovertemplate="at least %{x:,.0f} million USD: %{y:.1%}<extra></extra>",
        )
    )  # fmt: skip
    lowest = 0.8 / ensemble.runs
    marks = ((total.expected, MEAN, "expected loss", 1.0), (total.tail, TAIL, "mean of the worst twentieth", 1.07))
    for value, colour, words, height in marks:
        figure.add_vline(x=value / 1e6, line={"color": colour, "width": 1.5, "dash": "dash"})
        right = value / 1e6 > 0.6 * most
        note(
            figure, f"{words} {value / 1e6:,.0f}", value / 1e6, height, xref="x", font={"color": colour, "size": 12},
            xanchor="right" if right else "left",
        )  # fmt: skip
    figure.add_hrect(y0=lowest, y1=0.05, line_width=0, fillcolor=SHADE)
    note(figure, "worst twentieth", 0.005, np.log10(0.05), yref="y", yanchor="top", font={"color": FAINT, "size": 11})
    ticks = [tick for tick in TICKS if tick >= lowest]
    figure.update_yaxes(
        type="log", range=[np.log10(lowest), 0.02], tickvals=ticks, ticktext=[f"{100 * t:g} %" for t in ticks],
        title=f"chance over {ensemble.setting.months} months",
    )  # fmt: skip
    figure.update_xaxes(title="loss of the allies of at least, million USD", range=[0, 1.04 * most], tickformat=",.0f")
    return dress(figure, 420, margin={"t": 66, "r": 20, "b": 50, "l": 76})


def convergence(ensemble: Ensemble) -> go.Figure:
    """Running mean with two standard errors to each side, and the running CVaR, over the number of runs."""
    import plotly.graph_objects as go

    rows = ensemble.summary.convergence
    if rows.empty:
        return empty(NO_USD)
    runs = rows["runs"].to_numpy()
    mean, error = rows["expected_usd"].to_numpy() / 1e6, 2.0 * np.nan_to_num(rows["error_usd"].to_numpy()) / 1e6
    figure = blank()
    figure.add_trace(
        go.Scatter(
            x=np.concatenate([runs, runs[::-1]]), y=np.concatenate([mean + error, (mean - error)[::-1]]), fill="toself",
            mode="lines", line={"width": 0}, fillcolor="rgba(27,122,75,0.16)", hoverinfo="skip",
            name="two standard errors",
        )
    )  # fmt: skip
    for column, colour, name in (
        ("expected_usd", MEAN, "expected loss"),
        ("cvar95_usd", TAIL, "mean of the worst twentieth"),
    ):
        figure.add_trace(
            go.Scatter(
                x=runs, y=rows[column] / 1e6, mode="lines", line={"color": colour, "width": 2}, name=name,
                hovertemplate="%{x:,.0f} runs: %{y:,.0f}<extra></extra>",
            )
        )  # fmt: skip
    figure.update_xaxes(title="runs", tickformat=",.0f")
    figure.update_yaxes(title="million USD", rangemode="tozero", tickformat=",.0f")
    return dress(figure, 360, margin={"t": 56, "r": 20, "b": 50, "l": 76})


def where(ensemble: Ensemble) -> go.Figure:
    """Expected loss of each chain beside its part of the mean of the worst twentieth, largest first."""
    rows = ensemble.summary.subjects
    rows = rows[(rows["kind"] == "chain") & (rows["expected_usd"] > 0)].sort_values("tail_part_usd")
    if rows.empty:
        return empty("No chain loses anything in any run, or no figure in USD is known.")
    names = [safe(name.replace("_", " ")) for name in rows["name"]]
    figure = blank()
    for column, colour, name in (
        ("tail_part_usd", TAIL, "in the worst twentieth"),
        ("expected_usd", MEAN, "expected"),
    ):
        figure.add_bar(
            y=names, x=rows[column] / 1e6, orientation="h", name=name, marker_color=colour,
            text=[f"{value / 1e6:,.0f}" for value in rows[column]], textposition="outside",
            textfont={"size": 11, "color": INK}, cliponaxis=False, hovertemplate="%{y}: %{x:,.0f}<extra></extra>",
        )  # fmt: skip
    most = float(rows[["tail_part_usd", "expected_usd"]].to_numpy().max()) / 1e6
    figure.update_xaxes(title="million USD", range=[0, 1.12 * most], tickformat=",.0f")
    figure.update_layout(legend={"traceorder": "reversed"})
    return dress(
        figure, 110 + 40 * len(rows), barmode="group", bargap=0.3, margin={"t": 50, "l": 150, "r": 20, "b": 50}
    )
