"""Figures of a response, as Plotly figures for briefs, notebooks and pages: each function takes a Response and returns
a `plotly.graph_objects.Figure`. No arithmetic beyond layout, and nothing is fetched: maps are drawn from bundled outlines.

Marks in figures: [d] derived, [u] unverified, [a] assumed, as everywhere in Orebridge. Text from tables is escaped.
"""

from orebridge.charts.chain import chain_sankey
from orebridge.charts.coordination import coordination
from orebridge.charts.hinges import stock_curve, tornado
from orebridge.charts.shortage import loss_by_way, shortage_by_month
from orebridge.charts.worldmap import shipment_map

__all__ = [
    "chain_sankey",
    "coordination",
    "loss_by_way",
    "shipment_map",
    "shortage_by_month",
    "stock_curve",
    "tornado",
]
