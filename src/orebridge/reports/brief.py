"""Writes a response as files: one self-contained HTML brief, plan.json, CSV and Parquet tables."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orebridge.errors import OutputError
from orebridge.reports.summary import headline, way_rows

if TYPE_CHECKING:
    from orebridge.session import Response

TABLES = ("unmet", "flows", "activity", "stock", "loss")


def write_all(response: Response, folder: Path) -> list[Path]:
    """Write everything beside `folder`, then put each file in place; nothing half-written is left.

    Raises OutputError (no permission, full disk).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as scratch:
            built = _write(response, Path(scratch))
            done = []
            for path in built:
                target = folder / path.name
                os.replace(path, target)  # noqa: PTH105 - atomic on one file system
                done.append(target)
            return done
    except OSError as error:
        free = shutil.disk_usage(folder.parent if folder.parent.exists() else Path.cwd()).free
        raise OutputError(
            f"could not write to {folder}: {error.strerror or error} ({free / 1e6:,.0f} MB free there). "
            "Choose another folder with --out or make room; no half-written file was left."
        ) from error


def _write(response: Response, folder: Path) -> list[Path]:
    paths = []
    plan = folder / "plan.json"
    plan.write_text(json.dumps(response.to_dict(), indent=1, allow_nan=False), encoding="utf-8")
    paths.append(plan)
    for name in TABLES:
        import pandas as pd

        frame = pd.concat([getattr(p, name).assign(way=way) for way, p in response.plans.items()], ignore_index=True)
        for path, write in ((folder / f"{name}.csv", frame.to_csv), (folder / f"{name}.parquet", frame.to_parquet)):
            write(path, index=False)
            paths.append(path)
    response.actions.to_csv(folder / "actions.csv", index=False)
    paths.append(folder / "actions.csv")
    brief = folder / "brief.html"
    brief.write_text(render(response), encoding="utf-8")
    paths.append(brief)
    return paths


def render(response: Response) -> str:
    """The brief as one HTML text that needs no network."""
    import plotly.offline
    from jinja2 import Environment

    from orebridge import charts

    def figure(build: Any) -> str:
        return str(build.to_html(full_html=False, include_plotlyjs=False, config={"displaylogo": False}))

    template = (resources.files("orebridge") / "reports" / "brief.html").read_text(encoding="utf-8")
    own = response.network.adjustments[response.network.adjustments["chain"].isin(response.chains)]
    figures = [
        {"what": row.what, "stated": f"{row.stated:,.4g}", "used": f"{row.used:,.4g}", "confidence": row.confidence,
         "source": row.source, "row": f"{row.file}:{row.line}" if row.file else "inferred"}
        for row in own.itertuples()
    ]  # fmt: skip
    best = "joint" if "joint" in response.plans else "alone"
    has_curve = len(response.curve) > 0
    return Environment(autoescape=True).from_string(template).render(
        title="; ".join(s.title for s in response.shocks),
        start=response.start,
        months=response.months,
        members=", ".join(response.members),
        member_list=response.members,
        chains=", ".join(c.replace("_", " ") for c in response.chains),
        version=response.world.version,
        headline=headline(response),
        ways=way_rows(response),
        coordination=response.coordination.words if response.coordination else "One member: nothing to coordinate.",
        warnings=response.warnings,
        plotly=f"<script>{plotly.offline.get_plotlyjs()}</script>",
        shortage=figure(charts.shortage_by_month(response)),
        loss=figure(charts.loss_by_way(response)),
        curve=figure(charts.stock_curve(response)) if has_curve else "",
        tornado=figure(charts.tornado(response)) if has_curve else "",
        even="; ".join(
            f"{way}: " + (f"the loss is gone at about {days:.0f} days of stock" if math.isfinite(days) else "no stock up to 240 days removes the loss")
            for way, days in response.break_even.items()
        ),
        actions=[
            {**row, "months": f"{response.month_label(row['first_month'])} to {response.month_label(row['last_month'])}",
             "tonnes": f"{row['tonnes']:,.1f}"}
            for row in response.actions.to_dict("records")
        ],
        marginal=list(response.marginal["words"]) if len(response.marginal) else [],
        before=figure(charts.chain_sankey(response, "unaided")),
        after=figure(charts.chain_sankey(response, best)),
        figures=figures,
        assumptions=[{"name": a.name, "value": f"{a.value:g}", "low": f"{a.low:g}", "high": f"{a.high:g}", "note": a.note}
                     for a in response.network.assumptions.values()],
        sources=response.world.tables["sources"].to_dict("records"),
    )  # fmt: skip
