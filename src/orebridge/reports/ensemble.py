"""An ensemble for people: a screenful of words, a page with pictures, tables as files, a section for a brief."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from orebridge.labels import and_list, country_name, in_words
from orebridge.reports.content import money, percent, tonnes
from orebridge.reports.pictures import origin
from orebridge.reports.section import Section, Table, print_lines, stills
from orebridge.reports.section import page as section_page

if TYPE_CHECKING:
    from rich.console import Console

    from orebridge.ensemble.result import Ensemble

MOST_CHAINS, MOST_PRODUCTS, MOST_DRIVERS = 14, 8, 6
#: Swings within so many standard errors are noise and not told.
SURE = 2.0
PLANS = {"alone": "each planning alone", "joint": "with one joint plan"}


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
    print_lines(section(ensemble), console)


def write_ensemble(ensemble: Ensemble, folder: Path, pictures: Sequence[str] = ()) -> list[Path]:
    """Write ensemble.html, ensemble.json and the tables as CSV and Parquet, all or none; returns the files written.

    `pictures`: kinds of picture files (`png`, `svg`) in which every chart is written too, as simulate-NAME.
    """
    from orebridge.reports.pictures import draw
    from orebridge.reports.write import json_text, put, table_file, text_file

    def fill(place: Path) -> None:
        text_file(place / "ensemble.html", page(ensemble))
        text_file(place / "ensemble.json", json_text(ensemble.to_dict()))
        for name, frame in ensemble.tables().items():
            table_file(place / name, frame)
        if pictures:
            draw(place, stills(section(ensemble), "simulate", _whose(ensemble)), pictures)

    written = put(Path(folder), fill)
    return sorted(written, key=lambda path: path.name != "ensemble.html")


def page(ensemble: Ensemble) -> str:
    """The section as a page that opens without a network."""
    made = ", ".join(f"{name} {value}" for name, value in ensemble.identity.items())
    return section_page(section(ensemble), f"Made with: {made}. Every figure behind the draws: distributions.csv.")


def _whose(ensemble: Ensemble) -> str:
    """The origin of a picture."""
    setting, chains = ensemble.setting, [chain.replace("_", " ") for chain in ensemble.setting.chains]
    drawn = f"{ensemble.runs:,} draws of {setting.months} months, seed {setting.seed}, {PLANS[setting.way]}"
    return origin(setting.network.members, chains, drawn, f"Data {ensemble.identity['tables']}")


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
