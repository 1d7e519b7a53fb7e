"""A ranking as files: one page that opens with no network, its section for a brief, tables and priorities.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from orebridge.charts.priorities import heat_map, rank_flow, risk_against_importance
from orebridge.charts.style import CLOSED, QUIET, safe
from orebridge.priorities.verb import Priorities
from orebridge.priorities.words import lines_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.reports.pictures import Picture

FIGURES = (
    ("risk", "Supply risk against economic importance", risk_against_importance),
    ("flow", "Ranks across methods", rank_flow),
    ("heat", "Mineral, method and economy", heat_map),
)
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#1c2430;max-width:1080px;margin:24px auto;padding:0 16px}"
    "h1{font-size:24px}h2{font-size:18px;margin-top:32px}pre{font:12px/1.45 ui-monospace,Menlo,Consolas,monospace;"
    "overflow-x:auto;background:#f7f8fa;padding:12px;border-radius:6px}p.note{color:#667085}"
)


def section(result: Priorities) -> str:
    """The three figures and what they show as one HTML section, for a page that already holds plotly.js."""
    parts = ['<section id="priorities"><h2>Priority minerals</h2>']
    for name, title, draw in FIGURES:
        figure = draw(result).to_json().replace("<", "\\u003c").replace("&", "\\u0026")
        note = safe(caption(draw))
        parts.append(
            f'<h3>{safe(title)}</h3><p class="note">{note}</p><div id="priorities-{name}"></div><script>'
            f"(function(){{var f={figure};Plotly.newPlot('priorities-{name}',f.data,f.layout,"
            f"{json.dumps(QUIET)});}})();</script>"
        )
    parts.append("</section>")
    return "\n".join(parts)


def page(result: Priorities) -> str:
    """A whole page: words, figures, plotly.js inside."""
    import plotly.offline

    names = ", ".join(r.subject.words for r in result.rankings)
    text = safe("\n".join(lines_of(result)))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{CLOSED}<title>Priority minerals {result.inputs.year}</title>'
        f"<style>{_STYLE}</style><script>{plotly.offline.get_plotlyjs()}</script></head><body>"
        f"<h1>Priority minerals {result.inputs.year}</h1><p>{safe(names)}</p>{section(result)}<h2>In words</h2><pre>{text}</pre>"
        "</body></html>\n"
    )


def tables(result: Priorities) -> dict[str, pd.DataFrame]:
    """The tables written beside the page, by file name without ending."""
    rankings = pd.concat([r.table.assign(subject=r.subject.label) for r in result.rankings], ignore_index=True)
    columns = [
        "mineral",
        "score",
        "low",
        "high",
        "rank",
        "rank_low",
        "rank_high",
        "top",
        "share_of_inputs",
        "absent_reason",
    ]
    scores = pd.concat(
        [
            f[columns].assign(subject=r.subject.label, method=name)
            for r in result.rankings
            for name, f in r.scores.items()
        ],
        ignore_index=True,
    )
    agreement = pd.concat([r.agreement.assign(subject=r.subject.label) for r in result.rankings], ignore_index=True)
    return {"ranking": rankings, "scores": scores, "agreement": agreement, "single_points": result.points}


def stills(result: Priorities) -> list[Picture]:
    """The figures as pictures that stand alone."""
    from orebridge.reports.pictures import Picture

    whose = f"{', '.join(r.subject.words for r in result.rankings)}; data of {result.inputs.year}."
    return [
        Picture(f"priorities-{name}", f"{title}. {' '.join((draw.__doc__ or '').split())}", draw(result), whose)
        for name, title, draw in FIGURES
    ]


def caption(draw: Callable[[Priorities], go.Figure]) -> str:
    """What a figure shows: the first paragraph of what its function says of itself."""
    return " ".join((draw.__doc__ or "").split("\n\n")[0].split())


def write(result: Priorities, folder: Path, pictures: Sequence[str] = ()) -> list[Path]:
    """Write priorities.html, priorities.json and the tables as CSV; the page first in the list.

    `pictures`: kinds of picture files (`png`, `svg`) in which every figure is written too, as priorities-NAME.

    All or none, as `reports.write.put`; raises OutputError and leaves the folder as it was.
    """
    from orebridge.reports.pictures import draw as draw_pictures
    from orebridge.reports.write import csv_file, json_text, put, text_file

    def fill(place: Path) -> None:
        text_file(place / "priorities.html", page(result))
        text_file(place / "priorities.json", json_text(result.to_dict()))
        for name, frame in tables(result).items():
            csv_file(place / name, frame)
        for name, _, draw in FIGURES:
            text_file(place / f"{name}.json", draw(result).to_json())
        if pictures:
            draw_pictures(place, stills(result), pictures)

    return sorted(put(folder, fill), key=lambda path: (path.name != "priorities.html", path.name))
