"""The brief: one HTML file that opens with no network, for an official to read and an analyst to defend."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from orebridge import __version__, charts
from orebridge.actions import BUY, GO_WITHOUT, KINDS, RELEASE, SHIP
from orebridge.charts.chain import chain_links
from orebridge.charts.worldmap import off_the_map
from orebridge.hangs import break_even_words, foresight_words, swings_in_words
from orebridge.labels import Labels, and_list, country_name, in_words
from orebridge.provenance import CONFIDENCE, rank
from orebridge.reports import content
from orebridge.trail import Balanced, Figure, Trail, anchor_of, readable, weak
from orebridge.views import critical_path, hardest_chain, shipments, shortages, split

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from orebridge.reports.annex import Annex
    from orebridge.reports.pictures import Picture
    from orebridge.session import Response

SHOWN_ACTIONS = 8  # of each kind; the rest opens on a click
#: What the tables of figures hold, in words, in the order of `trail.ORDER`.
TABLE_WORDS = {
    "demand": "Use",
    "tiers": "Share of use by tier",
    "values": "Value of lost output",
    "production": "Output",
    "capacities": "Capacity",
    "recipe_terms": "Inputs and outputs of recipes",
    "process_days": "Days of work",
    "qualifications": "Months to qualify a recipe",
    "accepted_shares": "Share of use that accepts a recipe",
    "recipe_mix": "Mix of recipes",
    "flows": "Shipments stated directly",
    "trade": "Customs records used",
    "trade_factors": "Tonnes of commodity per customs tonne",
    "tariffs": "Tariffs",
    "stocks": "Holdings",
    "stock_days": "Days of stock where no holding is published",
    "prices": "Prices",
    "hosts": "Host metals",
    "host_rates": "By-product per tonne of host",
    "contents": "Elements in products",
    "limits": "Limits of plants",
    "assumptions": "Assumptions",
    "facilities": "Facilities",
    "baskets": "Rare-earth baskets",
    "projects": "Projects",
    "project_support": "Public support of projects",
    "transit": "Days of transport",
}


def render(response: Response, annexes: Sequence[Annex] = ()) -> str:
    """The brief as one HTML text, with further sections if given. It fetches nothing: styles, figures and plotly.js are inside, and the page's own rule
    (content security policy) forbids scripts other than its two and every connection. Text from tables is escaped."""
    import plotly.offline
    from jinja2 import Environment, StrictUndefined

    folder = resources.files("orebridge") / "reports"
    page, more, style, loader = (
        (folder / name).read_text(encoding="utf-8") for name in ("brief.html", "annex.html", "brief.css", "brief.js")
    )
    library = plotly.offline.get_plotlyjs()
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"url": _safe_url, "anchor": lambda parts: anchor_of(*parts)}
    environment.globals["zip"] = zip
    plots = [*_figures(response).items(), *(plot for annex in annexes for plot in annex.plots().items())]
    head, begin, rest = page.partition("<!doctype html>")
    return environment.from_string(head + more + begin + rest).render(
        **_content(response), annexes=[annex.content() for annex in annexes],
        figures_by_name={name: _as_json(figure) for name, figure in plots}, plotly=library, style=style, loader=loader,
        script_hashes=" ".join(f"'sha256-{_digest(text)}'" for text in (library, loader)),
    )  # fmt: skip


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _safe_url(url: str) -> str:
    """The address if it is one of the web, else nothing: a table cannot make a link that runs."""
    return url if url.lower().startswith(("https://", "http://")) else ""


def stills(response: Response, annexes: Sequence[Annex] = ()) -> list[Picture]:
    """The figures of the brief and of its further sections as pictures that stand alone."""
    from orebridge.reports.pictures import Picture, origin

    captions = _captions(response)
    chains = [Labels.of(response).chain(chain) for chain in response.chains]
    data = f"Data {response.world.version}; base year {response.network.base_year}"
    whose = f"{content.title(response)}. {origin(response.members, chains, data)}"
    own = [Picture(f"brief-{name}", captions[name], figure, whose) for name, figure in _figures(response).items()]
    return own + [picture for annex in annexes for picture in annex.stills(whose)]


def _captions(response: Response) -> dict[str, str]:
    """What stands under each figure, by its name."""
    labels = Labels.of(response)
    hit, hinges = labels.chain(hardest_chain(response)), and_list(labels.chain(c) for c in response.hinge_chains)
    return {
        "shortage": "Tonnes short by month. A row per member and product, a column per way, one scale per row; grey: months in "
        "which the shock holds.",
        "loss": "Loss of each member by way: million USD above, tonnes short below. Dollars rest on assumed values of lost "
        "output [a]; tonnes are firmer.",
        "coordination": "What the joint plan itself saves each member, its proposed share of the value, and the payment that "
        "would bring the one to the other.",
        "map": f"Planned shipments from and to members in the chain hit hardest ({hit}), all months together. Outlines: "
        "Natural Earth, public domain; they take no side on any boundary.",
        "before": "The chain in the base year. Red: from where the shock holds back supply; green: from members; grey: from others. Marks: how "
        "the shipments are known (d derived, u unverified, a assumed).",
        "after": f"The {response.best} plan over the months of the shock, on the scale of the base year.",
        "curve": f"Loss against days of stock ({hinges}). Dotted: days at which 1 % of the loss without stock is left.",
        "tornado": f"Change of the loss alone ({hinges}). Stated value and range stand under each name; at the bars: the end, "
        "and the loss there in million USD.",
    }


def _figures(response: Response) -> dict[str, go.Figure]:
    """Figures by the name under which the page knows them."""
    links = chain_links(response)
    built: dict[str, go.Figure] = {
        "shortage": charts.shortage_by_month(response),
        "loss": charts.loss_by_way(response),
        "map": charts.shipment_map(response),
        "before": charts.chain_sankey(response, links=links),
        "after": charts.chain_sankey(response, after=True, links=links),
    }
    if response.coordination is not None:
        built["coordination"] = charts.coordination(response)
    if len(response.curve):
        built |= {"curve": charts.stock_curve(response), "tornado": charts.tornado(response)}
    return built


def _as_json(figure: go.Figure) -> str:
    """JSON that may stand inside a script element."""
    return str(figure.to_json()).replace("<", "\\u003c").replace("&", "\\u0026")


def _content(response: Response) -> dict[str, Any]:
    trail, labels = Trail.of(response), Labels.of(response)
    chain = hardest_chain(response)
    actions = content.action_rows(response)
    return {
        "version": __version__,
        "data_version": response.world.version,
        "title": content.title(response),
        "captions": _captions(response),
        "start": response.start,
        "end": response.month_label(response.months),
        "months": response.months,
        "members": and_list(map(in_words, response.members)),
        "chains": and_list(labels.chain(c) for c in response.chains),
        "base_year": response.network.base_year,
        "modelled_to": _modelled_to(response),
        "shocks": _shocks(response),
        "headline": content.headline(response),
        "ways": content.way_rows(response),
        "way_names": list(response.plans),
        "member_rows": content.member_rows(response),
        "coordination": content.coordination_words(response),
        "worth": response.coordination,
        "split": _split(response),
        "break_even": break_even_words(response),
        "warnings": response.warnings,
        "shortages": _shortages(response, trail),
        "untouched": content.untouched(response),
        "values": _values(response, trail, labels),
        "best": response.best,
        "discount": _assumption(response, "discount_rate"),
        "terminal": _assumption(response, "terminal_share"),
        "tornado": swings_in_words(response).to_dict("records"),
        "foresight": foresight_words(response),
        "actions": _by_kind(_with_base(response, trail, actions)),
        "shown": SHOWN_ACTIONS,
        "binding": content.worded_rows(response.binding, response),
        "remedies": content.worded_rows(response.remedies, response),
        "marginal": content.marginal_words(response),
        "chain": labels.chain(chain),
        "hinge_chains": and_list(labels.chain(c) for c in response.hinge_chains),
        "path": and_list(labels.commodity(c) for c in critical_path(response, chain)),
        "routes": _routes(response, trail, labels, chain),
        "off_map": and_list(country_name(c) for c in off_the_map(response)),
        "stock_rows": trail.rows("stock_days"),
        "assumptions": _assumptions(response, trail),
        "balanced": [_balanced(b, trail) for b in trail.balanced],
        "tables": [(TABLE_WORDS.get(t, t), t, rows) for t, rows in trail.figures.items()],
        "sources": _sources(response, trail),
        "confidence": [(w, m, text) for w, (m, text) in CONFIDENCE.items()],
        "marks": {word: (letter or "r", text) for word, (letter, text) in CONFIDENCE.items()},
        "mix": _mix(trail),
    }


def _modelled_to(response: Response) -> str:
    frame = response.world.tables["chains"]
    own = frame[frame["chain"].isin(response.chains)]
    return "; ".join(f"{row['label']} to {row['modelled_to']}" for row in own.to_dict("records"))


def _shocks(response: Response) -> list[dict[str, Any]]:
    known = set(response.world.tables["sources"]["source"])
    return [
        {
            "title": s.title,
            "description": s.description,
            "source": s.source,
            "linked": s.source in known,
            "began": s.date or "",
            "name": s.name,
            "events": [
                {"kind": e.kind, "months": e.months, "first": e.start, "words": _event_words(e.keys)} for e in s.events
            ],
        }
        for s in response.shocks
    ]


def _event_words(keys: Mapping[str, Any]) -> str:
    parts = []
    for key, value in keys.items():
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        parts.append(f"{key.replace('_', ' ')}: {text}")
    return "; ".join(parts)


def _shortages(response: Response, trail: Trail) -> list[dict[str, Any]]:
    rows = content.shortage_rows(response)
    for row in rows:
        known = trail.use(row["id"], row["code"])
        row["use_anchor"], row["use_confidence"] = (known.anchor, known.confidence) if known else ("", "")
    return rows


def _split(response: Response) -> list[dict[str, str]]:
    return [
        {
            "member": country_name(str(r["member"])),
            **{k: content.money(float(r[k])) for k in ("alone", "joint", "saved", "share")},
            "payment": "not computed"
            if math.isnan(r["payment"])
            else f"{'receives' if r['payment'] > 0 else 'pays'} {content.money(abs(r['payment']))}",
        }
        for r in split(response).to_dict("records")
    ]


def _values(response: Response, trail: Trail, labels: Labels) -> list[tuple[bool, list[Figure]]]:
    """The values of lost output in force: of products that are short, and of the others."""
    short = {labels.commodity(product) for product in shortages(response)["product"]}
    used = [figure for figure in trail.rows("values") if figure.used]
    own = [figure for figure in used if figure.what.split(" · ")[0] in short]
    return [(True, own), (False, [figure for figure in used if figure not in own])]


def _assumption(response: Response, name: str) -> str:
    known = response.network.assumptions.get(name)
    return readable(known.value) if known else "?"


def _with_base(response: Response, trail: Trail, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Actions with the base year they are measured against, linked to its row."""
    y0 = dict(zip(response.network.routes["route"], response.network.routes["y0"], strict=True))
    acts = response.network.activities
    site = response.network.sites["site"].to_numpy()[acts["site"].to_numpy(dtype=int)]
    x0 = dict(zip(zip(site, acts["recipe"], strict=True), acts["x0"], strict=True))
    demands = response.network.demands
    uses = dict(
        zip(
            zip(demands["country"], demands["commodity"], demands["tier"], demands["end_use"], strict=True),
            demands["D"],
            strict=True,
        )
    )
    for row in rows:
        known: Balanced | None = None
        level = math.nan
        if row["what"] in (BUY, SHIP):
            known = trail.shipment(row["form"], row["origin"], row["destination"])
            level = y0.get(f"{row['form']}:{row['origin']}>{row['destination']}", math.nan)
        elif row["what"] == GO_WITHOUT:
            known, level = (
                trail.use(row["form"], row["owner"]),
                uses.get((row["owner"], row["form"], *row["for_whom"].split(" use: ", 1)), math.nan),
            )
        elif row["what"] != RELEASE:
            known, level = trail.run(row["site"], row["recipe"]), x0.get((row["site"], row["recipe"]), math.nan)
        row["base"] = "" if math.isnan(level) else content.tonnes(level)
        row["base_anchor"], row["base_confidence"] = (known.anchor, known.confidence) if known else ("", "")
    return rows


def _by_kind(rows: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Actions by kind, in the order an official asks; kinds without an action are left out."""
    parts = [(kind, [row for row in rows if row["what"] == kind]) for kind in KINDS]
    return [(kind, own) for kind, own in parts if own]


def _routes(response: Response, trail: Trail, labels: Labels, chain: str) -> list[dict[str, Any]]:
    rows = []
    for row in shipments(response, response.best, chain).head(60).to_dict("records"):
        commodity, origin, destination = str(row["commodity"]), str(row["origin"]), str(row["destination"])
        known = trail.shipment(commodity, origin, destination)
        rows.append(
            {
                "commodity": labels.commodity(commodity),
                "way": f"{country_name(origin)} to {country_name(destination)}",
                "plan": content.tonnes(row["tonnes"]),
                "base": content.tonnes(row["base"]),
                "change": f"{content.tonnes(row['tonnes'] - row['base'])}",
                "anchor": known.anchor if known else "",
                "confidence": known.confidence if known else "",
            }
        )
    return rows


def _assumptions(response: Response, trail: Trail) -> list[dict[str, Any]]:
    place = {figure.what: figure.anchor for figure in trail.rows("assumptions")}
    return [
        {
            "name": a.name,
            "value": readable(a.value),
            "low": readable(a.low),
            "high": readable(a.high),
            "unit": a.unit,
            "note": a.note,
            "source": a.source,
            "anchor": place.get(a.name, ""),
        }
        for a in response.network.assumptions.values()
    ]


def _balanced(row: Balanced, trail: Trail) -> dict[str, Any]:
    moved = (
        "new"
        if not math.isfinite(row.moved)
        else f"{row.moved:+.1%}".replace("%", " %")
        if abs(row.moved) >= 5e-4
        else "0"
    )
    return {
        "anchor": row.anchor,
        "what": row.what,
        "stated": readable(row.stated),
        "used": readable(row.used),
        "moved": moved,
        "far": math.isfinite(row.moved) and abs(row.moved) > 0.25,
        "confidence": row.confidence,
        "source": row.source,
        "inferred": row.inferred,
        "rows": [(f"{file}:{line}", trail.figure((file, line))) for file, line in row.rows],
    }


def _sources(response: Response, trail: Trail) -> list[dict[str, Any]]:
    """Sources behind what this brief shows, with how many figures rest on each."""
    used: dict[str, int] = {}
    for rows in trail.figures.values():
        for figure in rows:
            used[figure.source] = used.get(figure.source, 0) + 1
    for balanced in trail.balanced:
        used.setdefault(balanced.source, 0)
    for shock in response.shocks:
        used.setdefault(shock.source, 0)
    frame = response.world.tables["sources"].fillna("")
    return [
        {**{str(column): cell for column, cell in row.items()}, "count": used[row["source"]]}
        for row in frame.sort_values("source").to_dict("records")
        if row["source"] in used
    ]


def _mix(trail: Trail) -> dict[str, Any]:
    """How the base-year figures are known: counts by word, and the share that is weak."""
    words = [b.confidence for b in trail.balanced if b.confidence]
    counts = sorted({w: words.count(w) for w in set(words)}.items(), key=lambda pair: rank(pair[0]))
    return {
        "counts": counts,
        "total": len(words),
        "weak": content.percent(sum(weak(w) for w in words) / len(words)) if words else "0 %",
    }
