"""An ensemble for people: a screenful of words, a page with pictures, tables as files, a section for a brief."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import pandas as pd

from orebridge.charts.style import CLOSED, QUIET
from orebridge.labels import and_list, country_name, in_words
from orebridge.reports.content import money, percent, tonnes

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from rich.console import Console

    from orebridge.ensemble.result import Ensemble

MOST_CHAINS, MOST_PRODUCTS, MOST_DRIVERS = 14, 8, 6
WIDEST = 100
#: Swings within so many standard errors are noise and not told.
SURE = 2.0
PLANS = {"alone": "each planning alone", "joint": "with one joint plan"}


@dataclass(frozen=True)
class Table:
    """A titled table of words; the first column is text, the others are figures unless named in `left`."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """What a brief shows of an ensemble: a title, sentences, tables, figures by name with captions, warnings."""

    title: str
    words: tuple[str, ...]
    tables: tuple[Table, ...]
    figures: tuple[tuple[str, str, Callable[[], go.Figure]], ...]
    warnings: tuple[str, ...]


def section(ensemble: Ensemble) -> Section:
    """The section of a brief; figures are made when called."""
    from orebridge.charts.ensemble import convergence, exceedance, where

    return Section(
        title=f"What may be lost over {ensemble.setting.months} months",
        words=tuple(_words(ensemble)),
        tables=tuple(_tables(ensemble)),
        figures=(
            ("exceedance", "Chance that the allies lose at least so much.", lambda: exceedance(ensemble)),
            ("where", "Expected loss by chain, and its part in the worst twentieth of cases.", lambda: where(ensemble)),
            (
                "convergence",
                "Whether enough was drawn: the lines should have come to rest.",
                lambda: convergence(ensemble),
            ),
        ),
        warnings=ensemble.warnings,
    )


def print_ensemble(ensemble: Ensemble, console: Console) -> None:
    """Print the summary."""
    from rich.text import Text

    for line in lines_of(section(ensemble)):
        # A label from a table must not steer the terminal.
        console.print(Text("".join(c for c in line if c.isprintable())), soft_wrap=True)


def lines_of(part: Section, width: int = WIDEST) -> list[str]:
    """The section as plain lines."""
    lines = [part.title, ""]
    for sentence in part.words:
        lines += wrap(sentence, width, break_on_hyphens=False)
    for table in part.tables:
        if table.rows:
            lines += ["", table.title, *_plain(table)]
    if part.warnings:
        lines += ["", "Before you quote a number"]
        for text in part.warnings:
            lines += wrap(text, width, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    return lines


def write_ensemble(ensemble: Ensemble, folder: Path) -> list[Path]:
    """Write ensemble.html, ensemble.json and the tables as CSV and Parquet, all or none; returns the files written."""
    from orebridge.reports.write import json_text, put, table_file, text_file

    def fill(place: Path) -> None:
        text_file(place / "ensemble.html", page(ensemble))
        text_file(place / "ensemble.json", json_text(ensemble.to_dict()))
        for name, frame in ensemble.tables().items():
            table_file(place / name, frame)

    written = put(Path(folder), fill)
    return sorted(written, key=lambda path: path.name != "ensemble.html")


def page(ensemble: Ensemble) -> str:
    """The section as a page that opens without a network."""
    import plotly.io
    import plotly.offline

    part = section(ensemble)
    body = [f"<h1>{html.escape(part.title)}</h1>", *(f"<p>{html.escape(text)}</p>" for text in part.words)]
    for name, caption, make in part.figures:
        plot = plotly.io.to_html(make(), full_html=False, include_plotlyjs=False, div_id=name, config=QUIET)
        body.append(f"<figure>{plot}<figcaption>{html.escape(caption)}</figcaption></figure>")
    for table in part.tables:
        if table.rows:
            body.append(f"<h2>{html.escape(table.title)}</h2>{html_table(table)}")
    body.append("<h2>Before you quote a number</h2><ul>")
    body += [f"<li>{html.escape(text)}</li>" for text in part.warnings]
    made = ", ".join(f"{name} {value}" for name, value in ensemble.identity.items())
    body.append(
        f"</ul><p class='note'>Made with: {html.escape(made)}. Every figure behind the draws: distributions.csv.</p>"
    )
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'>{CLOSED}<title>{html.escape(part.title)} – Orebridge</title>"
        f"<style>{STYLE}</style><script>{plotly.offline.get_plotlyjs()}</script></head><body>{''.join(body)}</body></html>"
    )


STYLE = (
    "body{font-family:system-ui,'Segoe UI',Roboto,Arial,sans-serif;color:#1c2430;max-width:60rem;margin:2rem auto;"
    "padding:0 1rem;line-height:1.45}table{border-collapse:collapse;font-size:.92rem;margin:.5rem 0}"
    "th,td{padding:.25rem .7rem;border-bottom:1px solid #e3e7ee;text-align:right}.l{text-align:left}"
    "figure{margin:1.2rem 0}figcaption,.note{color:#667085;font-size:.88rem}h2{margin-top:1.8rem;font-size:1.15rem}"
)


# --- words -------------------------------------------------------------------------------------------------------------
def _words(ensemble: Ensemble) -> list[str]:
    s, setting = ensemble.summary, ensemble.setting
    who = and_list(map(in_words, setting.network.members))
    what = (
        f"{ensemble.runs:,} draws of what may happen to {who} ({PLANS[setting.way]}), seed {setting.seed}: "
        f"{s.shocks_per_run:.1f} shocks begin within {setting.months} months on average; "
        f"{percent(s.untouched)} of chains are left alone."
    )
    if s.absent:
        return [what, "The loss in USD is absent; see the tonnes below."]
    return [
        what,
        f"Expected loss: {money(s.total.expected)} million USD (standard error {money(s.total.error)}). Mean of the worst "
        f"twentieth of cases: {money(s.total.tail)} (standard error {money(s.total.tail_error)}), from {money(s.total.threshold)} on. "
        f"Something is lost in {percent(s.total.chance)} of cases.",
        f"Without a plan it would be {money(s.unaided.expected)} on average and {money(s.unaided.tail)} in its worst twentieth.",
        f"The mean rests on what equals {s.effective_runs:,.0f} runs of one size, the tail on {s.tail_runs} run{'' if s.tail_runs == 1 else 's'}.",
    ]


def _tables(ensemble: Ensemble) -> list[Table]:
    s, nodes = ensemble.summary, ensemble.setting.network.nodes
    labels = dict(zip(nodes["commodity"], nodes["label"], strict=True)) if "label" in nodes else {}
    found = [
        _subject_table(s.subjects, "chain", "By chain, million USD", lambda name: name.replace("_", " ")),
        _subject_table(s.subjects, "member", "By member, million USD", country_name),
        _subject_table(s.subjects, "item", "By tier, million USD (stock: missing at the end)", str),
        _products(s.losses, labels),
        _drivers(s.hazards),
        _hangs(s.hangs),
    ]
    return [table for table in found if table.rows]


def _subject_table(subjects: pd.DataFrame, kind: str, title: str, name: Callable[[str], str]) -> Table:
    rows = subjects[(subjects["kind"] == kind) & ~(subjects["expected_usd"] == 0.0)]
    rows = rows.sort_values("expected_usd", ascending=False, kind="stable")
    cells = tuple(
        (name(r["name"]), money(r["expected_usd"]), money(r["error_usd"]), money(r["cvar95_usd"]), money(r["tail_part_usd"]),
         percent(r["chance"]) if r["chance"] == r["chance"] else "unknown")
        for r in rows.head(MOST_CHAINS).to_dict("records")
    )  # fmt: skip
    return Table(
        title, (kind, "expected", "± s.e.", "its own worst 5 %", "part of the allies' worst 5 %", "chance"), cells
    )


def _products(losses: pd.DataFrame, labels: Mapping[str, str]) -> Table:
    rows = losses[losses["item"] != "stock"]
    keys = ["product", "member"]
    grouped = rows.groupby(keys)[["expected_tonnes", "tail_tonnes", "expected_usd"]].sum(min_count=1).reset_index()
    earliest = rows.groupby(keys)["earliest_month_short"].min().reset_index()
    grouped = grouped.merge(earliest, on=keys).sort_values("expected_usd", ascending=False, kind="stable")
    cells = tuple(
        (labels.get(r["product"]) or r["product"], country_name(r["member"]), tonnes(r["expected_tonnes"]), tonnes(r["tail_tonnes"]) if r["tail_tonnes"] == r["tail_tonnes"] else "unknown",
         money(r["expected_usd"]), f"{r['earliest_month_short']:.0f}" if r["earliest_month_short"] == r["earliest_month_short"] else "–")
        for r in grouped.head(MOST_PRODUCTS).to_dict("records")
    )  # fmt: skip
    columns = ("product", "member", "expected t short", "in the worst 5 %", "expected M USD", "earliest month short")
    return Table("Products that run short, tonnes", columns, cells, ("member",))


def _drivers(hazards: pd.DataFrame) -> Table:
    rows = hazards[hazards["tail_part_usd"] > 0]
    cells = tuple(
        (r["label"], percent(r["chance_stated"]), percent(r["chance_drawn"]), percent(r["chance_in_tail"]),
         money(r["expected_usd"]), money(r["tail_part_usd"]))
        for r in rows.head(MOST_DRIVERS).to_dict("records")
    )  # fmt: skip
    columns = ("shock", "chance", "drawn", "in the worst 5 %", "M USD expected", "M USD in the worst 5 %")
    return Table("What drives the worst twentieth (a chain's loss shared by base-year tonnes cut)", columns, cells)


def _hangs(hangs: pd.DataFrame) -> Table:
    rows = hangs[hangs["swing_usd"] > SURE * hangs["error_usd"]]
    cells = tuple(
        (f"{r['assumption']} {r['low_at']:.3g} – {r['high_at']:.3g} {r['unit']}", money(r["low_usd"]), money(r["high_usd"]),
         money(r["error_usd"]), f"{r['effective_runs']:,.0f}", r["confidence"])
        for r in rows.head(MOST_DRIVERS).to_dict("records")
    )  # fmt: skip
    columns = ("assumption and its range", "at low", "at high", "± s.e.", "runs behind it", "known")
    return Table("What the expected loss hangs on, million USD", columns, cells, ("known",))


# --- layout ------------------------------------------------------------------------------------------------------------
def _plain(table: Table) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(table.columns, *table.rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        parts = [
            cell.ljust(width) if k == 0 or table.columns[k] in table.left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(parts).rstrip()

    return [line(table.columns), "-" * (sum(widths) + 2 * (len(widths) - 1)), *(line(row) for row in table.rows)]


def html_table(table: Table) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=l' if k == 0 or table.columns[k] in table.left else ''}>{html.escape(cell)}</{tag}>"
            for k, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in table.rows)
    return f"<table><thead><tr>{cells(table.columns, 'th')}</tr></thead><tbody>{body}</tbody></table>"
