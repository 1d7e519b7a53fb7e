"""An answer of a verb as a section: sentences, tables, pictures and cautions; as plain lines and as a page of its own."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from orebridge.charts.style import CLOSED, QUIET

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from rich.console import Console

    from orebridge.reports.pictures import Picture

WIDEST = 100
STYLE = (
    "body{font-family:system-ui,'Segoe UI',Roboto,Arial,sans-serif;color:#1c2430;max-width:60rem;margin:2rem auto;"
    "padding:0 1rem;line-height:1.45}table{border-collapse:collapse;font-size:.92rem;margin:.5rem 0}"
    "th,td{padding:.25rem .7rem;border-bottom:1px solid #e3e7ee;text-align:right}.l{text-align:left}"
    "figure{margin:1.2rem 0}figcaption,.note{color:#667085;font-size:.88rem}h2{margin-top:1.8rem;font-size:1.15rem}"
)


@dataclass(frozen=True)
class Table:
    """A titled table of words; the first column is text, the others are figures unless named in `left`."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """What people are shown: a title, sentences, tables, figures by name with captions (made when called), warnings."""

    title: str
    words: tuple[str, ...]
    tables: tuple[Table, ...]
    figures: tuple[tuple[str, str, Callable[[], go.Figure]], ...]
    warnings: tuple[str, ...]


def print_lines(part: Section, console: Console) -> None:
    """Print the section as plain lines."""
    from rich.text import Text

    for line in lines_of(part):
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


def page(part: Section, foot: str) -> str:
    """The section as a page that opens without a network; `foot` says what it was made with."""
    import plotly.io
    import plotly.offline

    body = [f"<h1>{html.escape(part.title)}</h1>", *(f"<p>{html.escape(text)}</p>" for text in part.words)]
    for name, caption, make in part.figures:
        plot = plotly.io.to_html(make(), full_html=False, include_plotlyjs=False, div_id=name, config=QUIET)
        body.append(f"<figure>{plot}<figcaption>{html.escape(caption)}</figcaption></figure>")
    body += [f"<h2>{html.escape(table.title)}</h2>{_html(table)}" for table in part.tables if table.rows]
    if part.warnings:
        cautions = "".join(f"<li>{html.escape(text)}</li>" for text in part.warnings)
        body.append(f"<h2>Before you quote a number</h2><ul>{cautions}</ul>")
    body.append(f"<p class='note'>{html.escape(foot)}</p>")
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'>{CLOSED}<title>{html.escape(part.title)} – Orebridge</title>"
        f"<style>{STYLE}</style><script>{plotly.offline.get_plotlyjs()}</script></head><body>{''.join(body)}</body></html>"
    )


def stills(part: Section, name: str, origin: str) -> list[Picture]:
    """The figures of a section as pictures that stand alone, `name` before the name of each."""
    from orebridge.reports.pictures import Picture

    return [Picture(f"{name}-{key}", caption, make(), origin) for key, caption, make in part.figures]


def _plain(table: Table) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(table.columns, *table.rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        parts = [
            cell.ljust(width) if k == 0 or table.columns[k] in table.left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(parts).rstrip()

    return [line(table.columns), "-" * (sum(widths) + 2 * (len(widths) - 1)), *(line(row) for row in table.rows)]


def _html(table: Table) -> str:
    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=l' if k == 0 or table.columns[k] in table.left else ''}>{html.escape(cell)}</{tag}>"
            for k, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in table.rows)
    return f"<table><thead><tr>{cells(table.columns, 'th')}</tr></thead><tbody>{body}</tbody></table>"
