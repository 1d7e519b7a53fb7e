"""Priority minerals in pictures: risk against importance, the flow of ranks across methods, a map of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from orebridge.charts.style import FAINT, GRID, INK, blank, dress, empty, safe
from orebridge.charts.worldmap import TALL, label_sides

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from orebridge.priorities.ranking import Ranking
    from orebridge.priorities.verb import Priorities

PLOT = (880.0, 420.0)  # px of the plot of risk against importance, less its edges
SUBJECT_COLOURS = ("#3f6fa8", "#c77700", "#1b7a4b", "#7a1f1f", "#5b6b8c", "#2b2156")
STRONG = ("#7a1f1f", "#c1444f", "#c77700", "#2b2156", "#1b7a4b", "#3f6fa8", "#8a5a9e", "#0e7c86", "#5b6b8c", "#a0522d")


def risk_against_importance(result: Priorities, shown: int = 14) -> go.Figure:
    """EU supply risk of each economy against the economic importance printed for the EU, with 90 % intervals.

    Importance is of the EU's economy: nobody prints it for others. The dotted lines are the EU's thresholds. Named are the
    minerals that are critical for somebody and the riskiest.
    """
    rankings = [r for r in result.rankings if "eu2023" in r.scores]
    if not rankings or all(r.scores["eu2023"]["score"].isna().all() for r in rankings):
        return empty("The EU method was left out, or has no score for these economies.")
    figure = blank()
    top = 0.0
    dots: list[tuple[float, float]] = []
    for k, ranking in enumerate(rankings):
        rows = _with_labels(ranking, "eu2023").dropna(subset=["score", "eu_ei"])
        colour = SUBJECT_COLOURS[k % len(SUBJECT_COLOURS)]
        first = set(ranking.table["mineral"].head(10)) | set(
            rows.sort_values("score", ascending=False)["mineral"].head(shown)
        )
        named = first if k == len(rankings) - 1 else set()
        rows = rows.sort_values("eu_ei", kind="stable")
        top = max(top, float(rows["high"].max()))
        dots += zip(rows["eu_ei"].astype(float), rows["score"].astype(float), strict=True)
        names = [str(r.label) if r.mineral in named else "" for r in rows.itertuples()]
        figure.add_scatter(
            x=rows["eu_ei"], y=rows["score"], mode="markers+text", name=safe(ranking.subject.label),
            text=[safe(name) for name in names], textposition=_sides(dots, names, top) if any(names) else None,
            textfont={"size": 11, "color": INK}, marker={"color": colour, "size": 8, "line": {"color": "white", "width": 1}},
            error_y={"type": "data", "symmetric": False, "array": rows["high"] - rows["score"],
                     "arrayminus": rows["score"] - rows["low"], "color": colour, "thickness": 1, "width": 0},
            customdata=np.stack([rows["label"].map(safe), rows["low"], rows["high"], rows["absent_reason"].map(safe)], axis=1),
            hovertemplate="<b>%{customdata[0]}</b><br>risk %{y:.2f} (%{customdata[1]:.2f}-%{customdata[2]:.2f})<br>"
                          "importance %{x:.1f}<br>%{customdata[3]}<extra></extra>",
        )  # fmt: skip
    for axis, value in (("y", 1.0), ("x", 2.8)):
        line: dict[str, Any] = {"line": {"dash": "dot", "color": FAINT, "width": 1}}
        figure.add_hline(y=value, **line) if axis == "y" else figure.add_vline(x=value, **line)
    dress(figure, 560, margin={"t": 56, "r": 20, "b": 56, "l": 64})
    figure.update_xaxes(title="economic importance, as printed for the EU (2023)")
    figure.update_yaxes(title="supply risk by the EU method", range=[0, 1.08 * top])
    return figure


def _sides(dots: list[tuple[float, float]], names: list[str], top: float) -> list[str]:
    """On which side of the last dots their names stand, so that they cover neither each other nor any dot."""
    wide, tall = PLOT
    span = max(x for x, _ in dots) - min(x for x, _ in dots) or 1.0
    places = [(x / span * wide, y / (top or 1.0) * tall / TALL) for x, y in dots]
    return label_sides(places, [""] * (len(dots) - len(names)) + names, 1.0)[-len(names) :]


def rank_flow(result: Priorities, shown: int = 10) -> go.Figure:
    """Ranks of the worst minerals under each method, for the last economy (the alliance): lines that cross are disagreement.

    The position is the rank among the minerals that the method scores, stretched to the same length for all; a gap means
    that the method has no score.
    """
    ranking = result.rankings[-1]
    methods = [m for m in ranking.methods if ranking.scores[m.name]["rank"].notna().sum() > 1]
    table = ranking.table[ranking.table["rank"].notna()]
    if not methods or table.empty:
        return empty("No method has a score to rank by.")
    figure = blank()
    titles = ["all methods", *(_short(m.title) for m in methods)]
    for k, row in enumerate(table.head(shown).to_dict("records")):
        places, words = [1 - float(row["score"])], [f"{row['rank']:.0f}"]
        for method in methods:
            frame = ranking.scores[method.name].set_index("mineral")["rank"]
            rank, count = float(frame[row["mineral"]]), int(frame.notna().sum())
            places.append((rank - 1) / max(count - 1, 1) if np.isfinite(rank) else np.nan)
            words.append(f"{rank:g} of {count}" if np.isfinite(rank) else "")
        colour = STRONG[k % len(STRONG)]
        figure.add_scatter(
            x=titles, y=places, mode="lines+markers", name=safe(row["label"]), connectgaps=False, line={"color": colour, "width": 2},
            marker={"size": 9, "color": colour}, customdata=words,
            hovertemplate=f"<b>{safe(row['label'])}</b>, %{{x}}: rank %{{customdata}}<extra></extra>",
        )  # fmt: skip
    _side_labels(figure, table.head(shown), titles[0])
    dress(figure, 560, showlegend=False, margin={"t": 30, "r": 30, "b": 70, "l": 190})
    figure.update_yaxes(
        autorange="reversed",
        title="",
        tickvals=[0, 0.5, 1],
        ticktext=["worst", "middle", "least"],
        side="right",
        range=None,
    )
    figure.update_xaxes(tickfont={"size": 12}, range=[-0.25, len(titles) - 0.75])
    return figure


def _side_labels(figure: go.Figure, rows: pd.DataFrame, first: str) -> None:
    """Names at the left, moved apart so that none covers another."""
    at = (1 - rows["score"]).to_numpy(dtype=float)
    order = np.argsort(at, kind="stable")
    placed = np.empty(len(at))
    least = -np.inf
    for k in order:
        placed[k] = max(at[k], least + 0.045)
        least = placed[k]
    for k, (label, y) in enumerate(zip(rows["label"], placed, strict=True)):
        figure.add_annotation(
            x=first, y=float(y), xanchor="right", xshift=-12, text=safe(label), showarrow=False,
            font={"size": 12, "color": STRONG[k % len(STRONG)]},
        )  # fmt: skip


def heat_map(result: Priorities, shown: int = 22) -> go.Figure:
    """Mineral by method and economy: dark is badly placed among the minerals a method scores, blank is no score."""
    import plotly.graph_objects as go

    last = result.rankings[-1]
    table = last.table[last.table["rank"].notna()].head(shown)
    if table.empty:
        return empty("No mineral has an overall rank.")
    columns: list[tuple[str, str]] = []
    places: list[np.ndarray] = []
    texts: list[list[str]] = []
    for method in result.methods:
        same = _same_for_all(result, method.name)
        for ranking in result.rankings[-1:] if same else result.rankings:
            frame = ranking.scores[method.name].set_index("mineral")
            ranks = frame["rank"].reindex(table["mineral"])
            count = int(frame["rank"].notna().sum())
            if count < 2:
                continue
            columns.append((_short(method.title), "all" if same else ranking.subject.label.replace(" as one", "")))
            places.append(1 - (ranks.to_numpy(dtype=float) - 1) / (count - 1))
            texts.append([f"{r:g}" if np.isfinite(r) else "" for r in ranks])
    values = np.array(places).T
    names = [safe(label) for label in table["label"]]
    figure = blank().add_trace(
        go.Heatmap(
            z=values, x=[[safe(a) for a, _ in columns], [safe(b) for _, b in columns]], y=names, text=np.array(texts).T,
            texttemplate="%{text}", textfont={"size": 11}, colorscale=[[0, "#f5f2ea"], [0.5, "#e8a860"], [1, "#7a1f1f"]], zmin=0, zmax=1,
            xgap=2, ygap=2, colorbar={"title": "place", "tickvals": [0, 1], "ticktext": ["least", "worst"], "thickness": 12},
            hovertemplate="<b>%{y}</b>, %{x}: rank %{text}<extra></extra>",
        )
    )  # fmt: skip
    dress(figure, 120 + 24 * len(names), margin={"t": 20, "r": 20, "b": 110, "l": 130})
    figure.update_yaxes(autorange="reversed", tickfont={"size": 12})
    figure.update_xaxes(tickfont={"size": 11}, side="bottom", tickangle=0, gridcolor=GRID)
    return figure


def _same_for_all(result: Priorities, name: str) -> bool:
    """Whether a method gives every economy the same scores."""
    first = result.rankings[0].scores[name]["score"].to_numpy(dtype=float)
    return all(
        np.array_equal(first, r.scores[name]["score"].to_numpy(dtype=float), equal_nan=True) for r in result.rankings
    )


def _short(title: str) -> str:
    return title.partition(" (")[0].replace(" method", "").replace(" coverage 2035", "").replace(" 2.0.0", "")


def _with_labels(ranking: Ranking, name: str) -> pd.DataFrame:
    labels = ranking.table.set_index("mineral")["label"]
    frame = ranking.scores[name]
    return frame.assign(label=frame["mineral"].map(labels))
