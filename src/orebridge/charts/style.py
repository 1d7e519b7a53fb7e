"""Colours and layout that all figures share, and the escaping of text that comes from tables."""

from __future__ import annotations

import html
from functools import cache
from typing import TYPE_CHECKING, Any

from orebridge.provenance import mark

if TYPE_CHECKING:
    import plotly.graph_objects as go

WAY_COLOURS = {"unaided": "#7a1f1f", "alone": "#c77700", "treaty": "#5b6b8c", "joint": "#1b7a4b"}
TIER_COLOURS = {"defence": "#2b2156", "essential": "#c1444f", "general": "#eeb462", "stock": "#9aa6b5"}
INK, FAINT, GRID = "#1c2430", "#667085", "#e3e7ee"
BASE, ABOVE, BELOW, GHOST = "#8794a8", "#12805c", "#d08a1d", "rgba(120,130,150,0.13)"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

#: Name of an annotation that helps only on a screen ("point at a dot"): a picture file leaves it out.
ON_SCREEN = "on screen"

#: How a page shows a figure: one button, which saves it as a picture. Plotly would add one that sends the chart, with
#: whatever private figures it holds, to its makers' cloud.
QUIET: dict[str, Any] = {
    "displaylogo": False,
    "showSendToCloud": False,
    "plotlyServerURL": "",
    "modeBarButtons": [["toImage"]],
}
#: What a page with figures may do: show what it holds, and ask the network for nothing.
CLOSED = (
    "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data: blob:; form-action 'none'; base-uri 'none'\">"
)


def safe(text: object) -> str:
    """Text from a table, so that no figure takes it for markup.

    >>> safe("<b>5 & 6</b>")
    '&lt;b&gt;5 &amp; 6&lt;/b&gt;'
    """
    return html.escape(str(text), quote=False)


def marked(text: object, confidence: str) -> str:
    """Escaped text with the mark of its confidence; figures without a known confidence are marked `[?]`.

    >>> marked("658 t", "assumed"), marked("658 t", "read")
    ('658 t [a]', '658 t')
    """
    sign = mark(confidence) if confidence else "[?]"
    return f"{safe(text)} {sign}" if sign else safe(text)


@cache
def look() -> go.layout.Template:
    """The common look: white, quiet grid, room for labels, legend on top. A template, so that it holds for every axis."""
    import plotly.graph_objects as go

    axis = {"gridcolor": GRID, "zerolinecolor": "#b8c0cc", "automargin": True, "title": {"font": {"size": 13}}}
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": INK}, "paper_bgcolor": "#ffffff", "plot_bgcolor": "#ffffff",
            "xaxis": axis, "yaxis": axis, "hoverlabel": {"font": {"family": FONT, "size": 12}}, "separators": ".,",
            "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left", "font": {"size": 12}},
            "margin": {"t": 48, "r": 16, "b": 44, "l": 64},
        }
    )  # fmt: skip


def blank() -> go.Figure:
    """An empty figure in the common look."""
    import plotly.graph_objects as go

    return go.Figure(layout={"template": look()})


def dress(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """The figure with its height and what else its layout needs."""
    figure.update_layout(height=height, **layout)
    return figure


def note(figure: go.Figure, text: str, x: float, y: float = 1.0, **place: Any) -> None:
    """Text at a place of the paper (0 to 1 each way unless `xref`, `yref` say otherwise), above it and without an arrow."""
    settings: dict[str, Any] = {
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
    }
    figure.add_annotation(text=text, x=x, y=y, **{**settings, **place})


def empty(message: str, height: int = 120) -> go.Figure:
    """A figure that says why there is nothing to show."""
    figure = blank()
    figure.add_annotation(
        text=safe(message), showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper", font={"color": FAINT}
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return dress(figure, height, margin={"t": 10, "b": 10, "l": 10, "r": 10})
