"""What a joint plan saves, for whom, and the payments that would share it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orebridge.charts.style import ABOVE, BASE, BELOW, blank, dress, empty, safe
from orebridge.labels import country_name
from orebridge.views import split

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.session import Response


def coordination(response: Response) -> go.Figure:
    """Per member, million USD: loss alone less loss joint, its proposed share of the value, and the payment between."""
    rows = split(response)
    if rows.empty:
        return empty("One member: there is nobody to coordinate with.")
    names = [safe(country_name(m)) for m in rows["member"]]
    figure = blank()
    for column, label, colour in (
        ("saved", "saved by the joint plan itself", ABOVE),
        ("share", "proposed share of the value (Shapley)", BASE),
        ("payment", "proposed payment (receives +, pays −)", BELOW),
    ):
        if rows[column].isna().all():
            continue
        values = rows[column] / 1e6
        figure.add_bar(
            x=names,
            y=values,
            name=label,
            marker_color=colour,
            text=[f"{v:+,.0f}" if column == "payment" else f"{v:,.0f}" for v in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"%{{x}}: %{{y:,.0f}} million USD {label}<extra></extra>",
        )
    dress(figure, 340, barmode="group", bargap=0.35, margin={"t": 60, "l": 70, "r": 12, "b": 40})
    figure.update_yaxes(title="million USD")
    return figure
