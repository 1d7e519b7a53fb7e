"""Figures of a response, as Plotly figures for briefs, notebooks and pages. No arithmetic beyond layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.session import Response

COLOURS = {"unaided": "#7a1f1f", "alone": "#c77700", "treaty": "#5b6b8c", "joint": "#1b7a4b"}
TIER_COLOURS = {"defence": "#3b1f5b", "essential": "#b23a48", "general": "#e0a96d"}


def shortage_by_month(response: Response) -> go.Figure:
    """Unmet tonnes by month and way, one panel per member and product that is short."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    panels: dict[tuple[str, str], dict[str, list[float]]] = {}
    for way, plan in response.plans.items():
        for key, group in plan.unmet.groupby(["member", "product"]):
            if group["tonnes"].sum() > 1e-3:
                panels.setdefault((str(key[0]), str(key[1])), {})  # type: ignore[index]
                panels[str(key[0]), str(key[1])][way] = group.groupby("month")["tonnes"].sum().tolist()  # type: ignore[index]
    names = sorted(panels)[:8]
    months = [response.month_label(m) for m in range(1, response.months + 1)]
    figure = make_subplots(
        rows=max(len(names), 1), cols=1, subplot_titles=[f"{m}: {p}" for m, p in names], shared_xaxes=True
    )
    for row, key in enumerate(names, 1):
        for way, series in panels[key].items():
            figure.add_trace(
                go.Scatter(x=months, y=series, name=way, legendgroup=way, showlegend=row == 1, mode="lines",
                           line={"color": COLOURS[way], "width": 2, "shape": "hv"}), row=row, col=1)  # fmt: skip
        figure.update_yaxes(title_text="t short", row=row, col=1, rangemode="tozero")
    figure.update_layout(height=220 * max(len(names), 1) + 80, template="plotly_white", margin={"t": 60, "b": 40},
                         legend={"orientation": "h", "y": 1.08})  # fmt: skip
    return figure


def loss_by_way(response: Response) -> go.Figure:
    """Loss by way, stacked by member and tier, in million USD."""
    import plotly.graph_objects as go

    figure = go.Figure()
    items = ["defence", "essential", "general", "stock"]
    for member in response.members:
        for item in items:
            values = []
            for plan in response.plans.values():
                own = plan.loss[(plan.loss["member"] == member) & (plan.loss["item"] == item)]
                values.append(float(own["usd"].sum()) / 1e6)
            if any(values):
                figure.add_bar(x=list(response.plans), y=values, name=f"{member} {item}")
    figure.update_layout(barmode="stack", template="plotly_white", height=380, yaxis_title="million USD lost",
                         margin={"t": 30, "b": 40})  # fmt: skip
    return figure


def stock_curve(response: Response) -> go.Figure:
    """Loss against days of stock."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for way, group in response.curve.groupby("way"):
        figure.add_scatter(x=group["days"], y=group["loss_usd"] / 1e6, name=str(way), mode="lines+markers",
                           line={"color": COLOURS[str(way)]})  # fmt: skip
    figure.update_layout(template="plotly_white", height=360, xaxis_title="days of stock held by members' industry (assumed)",
                         yaxis_title="million USD lost", margin={"t": 30, "b": 50}, yaxis={"rangemode": "tozero"})  # fmt: skip
    return figure


def tornado(response: Response) -> go.Figure:
    """How far each assumption moves the loss alone, from its low to its high end."""
    import plotly.graph_objects as go

    frame = response.swings.iloc[::-1]
    figure = go.Figure()
    for end, colour in (("low", "#4477aa"), ("high", "#cc6677")):
        figure.add_bar(y=frame["assumption"], x=(frame[end] - frame["stated"]) / 1e6, orientation="h", name=f"{end} end",
                       marker_color=colour)  # fmt: skip
    figure.update_layout(template="plotly_white", barmode="overlay", height=90 + 42 * len(frame), margin={"t": 30, "l": 180},
                         xaxis_title="change of the loss alone, million USD")  # fmt: skip
    return figure


def chain_sankey(response: Response, way: str) -> go.Figure:
    """Shipments of the hardest-hit chain over the reported months, country to country, by commodity."""
    import plotly.graph_objects as go

    plan = response.plans[way]
    chain = response.chains[0]
    flows = (
        plan.flows[plan.flows["chain"] == chain]
        .groupby(["commodity", "origin", "destination"])["tonnes"]
        .sum()
        .reset_index()
    )
    order = response.network.nodes.drop_duplicates("commodity").set_index("commodity")["order"]
    flows = flows[flows["tonnes"] > flows.groupby("commodity")["tonnes"].transform("sum") * 0.01]
    flows["share"] = flows["tonnes"] / flows.groupby("commodity")["tonnes"].transform("sum")
    labels: dict[str, int] = {}

    def node(place: str, stage: float, side: str) -> int:
        return labels.setdefault(f"{place}|{stage:g}{side}", len(labels))

    source, target, value, hover = [], [], [], []
    for row in flows.itertuples():
        stage = float(order[row.commodity])
        source.append(node(str(row.origin), stage, "a"))
        target.append(node(str(row.destination), stage, "b"))
        value.append(row.share)
        hover.append(f"{row.commodity}: {row.tonnes:,.0f} t")
    figure = go.Figure(
        go.Sankey(node={"label": [name.partition("|")[0] for name in labels], "pad": 10},
                  link={"source": source, "target": target, "value": value, "label": hover})
    )  # fmt: skip
    figure.update_layout(
        height=460, margin={"t": 30, "b": 20}, title=f"{way}: share of each commodity's trade by route"
    )
    return figure
