"""A ranking as lines that can be pasted anywhere: at most 100 columns, no colours."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from orebridge.labels import and_list, country_name
from orebridge.layout import table_lines
from orebridge.priorities.ranking import TOP, Ranking, closest_flips
from orebridge.priorities.verb import Priorities

WIDTH, SHOWN = 100, 12
SHORT = {
    "hhi": "HHI", "geopolrisk": "GeoPR", "usgs2021": "USGS", "eu2023": "EU", "yale": "Yale", "iea_n1": "N-1",
    "worldmonitor": "WM", "expected_loss": "loss",
}  # fmt: skip
NEVER_IMPORTED = (
    "printed results of the U.S. Survey and the IEA, companion shares, development index, sea routes, chances of shocks, "
    "and the expected losses with the network they are computed on"
)
GROUP_WORDS = {
    "production": "national output", "source": "which source of output", "trade": "trade", "governance": "governance",
    "reliance": "import reliance", "published": "rounding", "companion": "companion share", "development": "HDI",
    "chances": "chances of shocks", "losses": "value of lost output",
}  # fmt: skip


def lines_of(result: Priorities, shown: int = SHOWN) -> list[str]:
    """The whole answer for a terminal."""
    lines = [
        f"Priority minerals, {result.inputs.year}: rank 1 is the worst; in brackets what 90 % of "
        f"{result.rankings[0].draws} draws of the inputs give."
    ]
    for ranking in result.rankings:
        lines += ["", *_subject(ranking, shown)]
    lines += ["", *_agreement(result)]
    if len(result.rankings) > 1:
        lines += ["", *_between(result)]
    lines += ["", *_flips(result)]
    if len(result.points):
        lines += ["", *_points(result.points)]
    lines += ["", *_rests_on(result)]
    return lines


def _subject(ranking: Ranking, shown: int) -> list[str]:
    table = ranking.table[ranking.table["rank"].notna()].head(shown)
    if table.empty:
        return [ranking.subject.words, "No mineral has a score under these methods; the notes below say why."]
    ranks = {name: frame.set_index("mineral")["rank"].to_dict() for name, frame in ranking.scores.items()}
    used = [m.name for m in ranking.methods if np.isfinite(list(ranks[m.name].values())).any()]
    several = len([n for n in used if ranking.weights[n] > 0]) > 1
    columns = [
        "mineral",
        *([">rank", ">90 %"] if several else [">90 %"]),
        f">top {TOP}",
        *(f">{SHORT.get(n, n)}" for n in used),
        ">inputs",
        "moved most by",
    ]
    rows = []
    for row in table.to_dict("records"):
        group = str(row["mover"])
        mover = f"{GROUP_WORDS.get(group, group)} ±{row['moved'] / 2:.2g}" if group and row["moved"] >= 1 else ""
        cells = [
            str(row["label"]),
            *([_rank(row["rank"])] if several else []),
            f"{row['rank_low']:.0f}-{row['rank_high']:.0f}",
            f"{100 * row['top']:.0f} %",
        ]
        cells += [_rank(ranks[name].get(row["mineral"], np.nan)) for name in used]
        rows.append([*cells, f"{100 * row['inputs']:.0f} %", mover])
    return [ranking.subject.words, *table_lines(columns, rows, WIDTH)]


def _rank(value: float) -> str:
    """A rank, `=` where it is shared, a dash where there is none."""
    if not np.isfinite(value):
        return "-"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"


def _agreement(result: Priorities) -> list[str]:
    """How far the methods agree for the last subject (the alliance, where there is one), and on what they differ most."""
    ranking = result.rankings[-1]
    known = ranking.agreement.dropna(subset=["tau"]).sort_values("tau", kind="stable")
    known = known[known["minerals"] >= TOP]
    if known.empty:
        return ["No two methods that both score ten minerals: nothing to compare."]
    title = {m.name: m.title for m in result.methods}
    first, last = known.iloc[0], known.iloc[-1]
    if len(known) == 1:
        return _wrapped(
            f"Agreement for {ranking.subject.words}: Kendall's tau {first['tau']:.2f} between {title[first['method']]} and "
            f"{title[first['other']]}, over {first['minerals']} minerals (1 same order, 0 unrelated)."
        )
    text = (
        f"Agreement for {ranking.subject.words}: Kendall's tau {known['tau'].mean():.2f} on average of {len(known)} pairs of methods with ten minerals in common "
        f"(1 same order, 0 unrelated). Closest: {title[last['method']]} and {title[last['other']]} ({last['tau']:.2f}); "
        f"farthest: {title[first['method']]} and {title[first['other']]} ({first['tau']:.2f})."
    )
    lines = _wrapped(text)
    differing = [
        f"{label} ({SHORT[a]} {_rank(x)}, {SHORT[b]} {_rank(y)})" for label, a, x, b, y in result.differing(ranking)
    ]
    return [*lines, *(_wrapped(f"They differ most on {and_list(differing)}.") if differing else [])]


def _between(result: Priorities) -> list[str]:
    """Minerals whose overall rank differs most between the members and the alliance."""
    frame = result.disagreements()
    if frame.empty:
        return ["No mineral's overall rank differs between the economies."]
    names = [r.subject.label for r in result.rankings]
    parts = [
        f"{row['label']} ({', '.join(f'{n} {_rank(float(row[n]))}' for n in names)})" for _, row in frame.iterrows()
    ]
    return _wrapped(f"Ranks differ most between the economies for {and_list(parts)}.")


def _flips(result: Priorities) -> list[str]:
    """What a change of weights would do."""
    ranking = result.rankings[-1]
    label = dict(zip(ranking.table["mineral"], ranking.table["label"], strict=True))
    lines = []
    if result.flip:
        first, second = (label[name] for name in result.flip)
        found = result.changed.dropna(subset=["flips_at"])
        parts = [
            f"{_short(r['method'])} at {_weight(r['flips_at'])} (now {r['weight']:g})" for r in found.to_dict("records")
        ]
        what = f"by weighing {and_list(parts)}" if parts else "under no single weight"
        lines += _wrapped(f"{first} and {second} change places {what}, the other weights as they are.")
    found = closest_flips(ranking)
    parts = [
        f"{label[r['first']]} and {label[r['second']]} ({_short(r['method'])} {r['weight']:g} to {_weight(r['flips_at'])})"
        for r in found.to_dict("records")
    ]
    if parts:
        lines += _wrapped(f"Order that hangs on a small change of one weight: {and_list(parts)}.")
    return lines or ["No change of one weight flips neighbours among the first."]


def _weight(value: object) -> str:
    """Two digits after the point, or as many as tell it from one: a flip at 1.0004 is not at 1.00."""
    number = float(str(value))
    return f"{number:.2f}" if f"{number:.2f}" != "1.00" else f"{number:.4f}"


def _points(points: pd.DataFrame) -> list[str]:
    lines = ["Single points of failure (goods of the modelled chains, by stated output)"]
    world = points[points["scope"] == "world"]
    own = points[points["scope"] == "members"]
    for kind, words in (("facility", "one facility"), ("country", "one country"), ("owner", "owners of one country")):
        rows = world[world["sole"] == kind]
        if kind == "owner":
            seen = set(zip(*(world[world["sole"] == "country"][c] for c in ("commodity", "name")), strict=True))
            rows = rows[[pair not in seen for pair in zip(rows["commodity"], rows["name"], strict=True)]]
        if len(rows):
            by_name = rows.groupby("name", sort=False)
            parts = [f"{name}: {and_list([_good(r) for r in group.to_dict('records')])}" for name, group in by_name]
            lines += _wrapped(f"{words}: " + "; ".join(parts), "  ")
    if len(own):
        parts = [f"{r['label']} ({r['name']})" for r in own.to_dict("records")]
        lines += _wrapped("one facility among the members: " + "; ".join(parts), "  ")
    return lines


def _good(row: Mapping[Hashable, Any]) -> str:
    share = float(row["share"])
    return str(row["label"]) + ("" if share > 0.9995 else f" {100 * share:.0f} %")


def _short(method: object) -> str:
    return SHORT.get(str(method), str(method))


def _rests_on(result: Priorities) -> list[str]:
    weights = result.weights
    equal = len(set(weights.values())) == 1
    text = (
        "all methods weigh the same"
        if equal
        else "weights: " + ", ".join(f"{SHORT.get(n, n)} {w:g}" for n, w in weights.items())
    )
    lines = _wrapped(f"Rests on: {result.inputs.vintage}. {text[:1].upper()}{text[1:]}.")
    lines += _origins(result)
    for name in result.notes:
        lines += _wrapped(f"Note: {name}")
    absent = [
        f"{SHORT.get(m.name, m.name)} {int(r.scores[m.name]['score'].notna().sum())}/{len(r.table)}"
        for r in result.rankings[-1:] for m in result.methods
    ]  # fmt: skip
    return [
        *lines,
        *_wrapped(
            f"Minerals with a score, of those ranked, for {result.rankings[-1].subject.words}: {', '.join(absent)}."
        ),
    ]


def _origins(result: Priorities) -> list[str]:
    """What the workspace gave, and what was not in it; nothing where none was used."""
    inputs = result.inputs
    if not inputs.workspace:
        return []
    imported = [text for origin in inputs.origins if (text := origin.imported)]
    missing = [text for origin in inputs.origins if (text := origin.missing())]
    lines = _wrapped(f"From the workspace {inputs.workspace}, {inputs.year}: {'; '.join(imported) or 'nothing'}.")
    if missing:
        lines += _wrapped(f"Not in the workspace, so from the bundled tables: {'; '.join(missing)}.")
    return [*lines, *_wrapped(f"Never imported, so bundled: {NEVER_IMPORTED}.")]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def members_in_words(codes: Sequence[str]) -> str:
    """`Japan and United States`."""
    return and_list([country_name(code) for code in codes])
