"""Figures of the red team: what the worst sets of hits cost by tier, and what the cheapest fixes leave of the loss."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from orebridge.charts.style import ABOVE, FAINT, TIER_COLOURS, WAY_COLOURS, blank, dress, empty, safe

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.vulnerabilities.fixes import FixPlan
    from orebridge.vulnerabilities.redteam import RedTeam

NAME_WIDTH = 44


def worst_sets(red: RedTeam, names: Sequence[str]) -> go.Figure:
    """Bars: loss of the worst set of one, two, ... hits by tier; a line where no set can cost more, if not proven.

    `names` says in words what strikes, one for each round.
    """
    rounds = [item for item in red.rounds if item.strike.usd > 0]
    if not rounds:
        return empty("No set of hits costs members anything, or its value in USD is not stated.")
    places = list(range(len(red.rounds)))[::-1]
    figure = blank()
    for item in TIER_COLOURS:
        values = [found.strike.items()[item] / 1e6 for found in red.rounds]
        figure.add_bar(
            y=places, x=values, orientation="h", name=_item(item), marker_color=TIER_COLOURS[item],
            hovertemplate="%{x:,.0f} million USD<extra>" + _item(item) + "</extra>",
        )  # fmt: skip
    open_ones = [
        (place, item.bound_usd / 1e6) for place, item in zip(places, red.rounds, strict=True) if not item.proven
    ]
    if open_ones:
        figure.add_scatter(
            y=[place for place, _ in open_ones], x=[bound for _, bound in open_ones], mode="markers",
            name="no set can cost more", marker={"symbol": "line-ns", "size": 26, "line": {"width": 2, "color": FAINT}},
            hovertemplate="no set costs more than %{x:,.0f} million USD<extra></extra>",
        )  # fmt: skip
    dress(figure, 110 + 76 * len(places), barmode="stack", bargap=0.45, margin={"t": 48, "b": 48, "l": 330, "r": 20})
    figure.update_xaxes(title="million USD lost by all members with the best plan", tickformat=",.0f")
    figure.update_yaxes(tickvals=places, ticktext=[_lines(name) for name in names], tickfont={"size": 11})
    return figure


def fixes(plans: Sequence[FixPlan], names: Sequence[str]) -> go.Figure:
    """Bars on a log scale: the loss of each of the worst single hits, what is left after its cheapest fix, its outlay.

    `names` says in words what strikes, one for each plan. The line at the outlay is its range.
    """
    told = [(plan, name) for plan, name in zip(plans, names, strict=True) if plan.fixes and plan.loss_usd > 0]
    if not told:
        return empty("No change tried takes a telling part of any loss away.")
    places = list(range(len(told)))[::-1]
    figure = blank()
    bars = (
        ("outlay of the cheapest fix", ABOVE, [plan.cost.usd for plan, _ in told]),
        ("loss left with it", WAY_COLOURS["alone"], [plan.left_usd for plan, _ in told]),
        ("loss without a fix", WAY_COLOURS["unaided"], [plan.loss_usd for plan, _ in told]),
    )
    for label, colour, values in bars:
        spread = None
        if colour == ABOVE:
            spread = {
                "type": "data", "symmetric": False, "color": FAINT, "thickness": 1.5, "width": 4,
                "array": [(plan.cost.high - plan.cost.usd) / 1e6 for plan, _ in told],
                "arrayminus": [(plan.cost.usd - plan.cost.low) / 1e6 for plan, _ in told],
            }  # fmt: skip
        figure.add_bar(
            y=places, x=[value / 1e6 if value > 0 else None for value in values], orientation="h", name=label,
            marker_color=colour, error_x=spread, hovertemplate="%{x:,.3g} million USD<extra>" + label + "</extra>",
        )  # fmt: skip
    dress(figure, 120 + 92 * len(places), barmode="group", bargap=0.3, margin={"t": 48, "b": 48, "l": 330, "r": 20})
    figure.update_layout(legend={"traceorder": "reversed"})
    figure.update_xaxes(title="million USD (log scale)", type="log", dtick="D2")
    figure.update_yaxes(tickvals=places, ticktext=[_lines(name) for _, name in told], tickfont={"size": 11})
    return figure


def _item(item: str) -> str:
    return "stock missing at the end" if item == "stock" else f"{item} use"


def _lines(text: str) -> str:
    return "<br>".join(safe(line) for line in wrap(text, NAME_WIDTH)[:4])
