"""The answer in a screenful: what an analyst pastes into a message. Plain lines of 80 to 100 columns, nothing cut off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from orebridge.actions import BUY, GO_WITHOUT, KINDS, RELEASE, RUN, RUN_LESS, SHIP, SUBSTITUTE
from orebridge.hangs import break_even_words, foresight_words, swings_in_words
from orebridge.labels import STOCK, TIERS, Labels, and_list, capital, country_name, in_words, inside
from orebridge.reports import content
from orebridge.reports.content import money
from orebridge.views import base_use, by_way, shortages

if TYPE_CHECKING:
    from rich.console import Console

    from orebridge.session import Response

NARROWEST, WIDEST = 80, 100
PER_KIND, BARS, LIMITS = 2, 3, 3
TELLING = 0.005  # a swing below this share of the stated loss is not told
LEFT = {"way", "member", "first short", "worst month"}
GAP = "  "


def print_summary(response: Response, console: Console) -> None:
    """Print the summary, headings bold on a terminal, held to 80 to 100 columns."""
    from rich.text import Text

    width = min(max(console.width, NARROWEST), WIDEST)
    for line in summary(response, width):
        heading = line in HEADINGS or line == content.title(response)
        console.print(Text(line, style="bold" if heading else ""), soft_wrap=True)


HEADINGS = (
    "Coordination",
    "What it hangs on",
    "What binds, and what would change it",
    "Largest actions of each kind",
    "What one more tonne saves",
    "Before you quote a number",
)


def summary(response: Response, width: int = NARROWEST) -> list[str]:
    """The lines of the summary; sentences wrap at `width`, tables take the columns they need (cells are never cut)."""
    lines = [*_head(response, width), *_ways(response), *_absent(response), *_reading(response, width), ""]
    lines += _members(response)
    parts = (
        _coordination(response), _hangs(response), _helps(response), actions_in_words(response), content.marginal_words(response)[:LIMITS],
        list(response.warnings),
    )  # fmt: skip
    for heading, items in zip(HEADINGS, parts, strict=True):
        if items:
            lines += ["", heading]
            for item in items:
                lines += wrap(item, width, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    # A label from a table must not steer the terminal.
    return ["".join(c for c in line if c.isprintable()) for line in lines]


def _head(response: Response, width: int) -> list[str]:
    labels = Labels.of(response)
    chains = and_list(labels.chain(c).lower() for c in response.chains)
    last = response.month_label(response.months)
    meta = f"{response.start} to {last} ({response.months} months) for {and_list(map(in_words, response.members))}; {chains}; data {response.world.version}"
    lines = [content.title(response), *wrap(meta, width), ""]
    for sentence in content.headline(response):
        lines += wrap(sentence, width, break_on_hyphens=False)
    return [*lines, ""]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table without a frame: words to the left, figures to the right, every column as wide as its longest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        parts = [c.ljust(w) if name in LEFT else c.rjust(w) for c, w, name in zip(cells, widths, columns, strict=True)]
        return GAP.join(parts).rstrip()

    return [line(columns), "-" * (sum(widths) + len(GAP) * (len(widths) - 1)), *(line(row) for row in rows)]


def _ways(response: Response) -> list[str]:
    columns = ("way", "M USD", "t short", *TIERS, "stock gap t", "first short")
    rows = [row for row in content.way_rows(response) if row["status"] != "absent"]
    keys = ("way", "loss", "tonnes", *TIERS, STOCK, "first")
    return _table(columns, [[row[key] for key in keys] for row in rows])


WAYS_MEAN = {
    "unaided": "no plan, contracts go on",
    "alone": "each member plans for itself",
    "treaty": "a fixed sharing rule",
    "joint": "one plan for all",
}


def _reading(response: Response, width: int) -> list[str]:
    """How the table of ways is to be read: what the ways are, and which of its sums add unlike things."""
    rows = [row for row in by_way(response).to_dict("records") if row["way"] in response.plans]
    text = "; ".join(f"{way}: {WAYS_MEAN[way]}" for way in response.plans)
    if any(row[STOCK] > 0 for row in rows):
        text += ". Stock gap: t of all forms missing from members' stocks at the end, in the loss at their price"
    products = shortages(response)["product"].nunique()
    if products > 1:
        text += f". T short adds {products} unlike products; the brief and unmet.csv part them"
    return wrap(f"{text}.", width, break_on_hyphens=False)


def _absent(response: Response) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for way, reason in response.absent.items():
        reasons.setdefault(reason, []).append(way)
    return [f"{and_list(ways)} absent: {reason}" for reason, ways in reasons.items()]


def _members(response: Response) -> list[str]:
    rows = content.member_rows(response)
    hit = {row["member"] for row in rows if row["any"]}
    cells, before = [], ""
    for row in rows:
        if row["member"] in hit:
            cells.append(
                [
                    row["member"] if row["member"] != before else "",
                    row["way"],
                    row["loss"],
                    row["tonnes"],
                    row["first"],
                    row["worst"],
                ]
            )
            before = row["member"]
    lines = _table(("member", "way", "M USD", "t short", "first short", "worst month"), cells) if cells else []
    used = set(base_use(response)["member"])
    blank = [m for m in response.members if m not in used]
    calm = [m for m in response.members if country_name(m) not in hit and m in used]
    lines += [capital(f"{and_list(map(in_words, calm))}: nothing lost in any way.")] if calm else []
    return lines + (
        [capital(f"{and_list(map(in_words, blank))}: no use modelled, so no loss either.")] if blank else []
    )


def _coordination(response: Response) -> list[str]:
    lines = content.coordination_words(response)
    worth = response.coordination
    if worth is not None and worth.shapley and worth.value_usd > 0:
        split = and_list(f"{country_name(m)} {money(v)}" for m, v in worth.shapley.items())
        text = f"Proposed split of the value, million USD: {split}"
        if len(response.members) == 2:
            lines[-1] = f"{text} (two members: half each by symmetry, which says nothing about bargaining)."
        else:
            lines.append(f"{text}.")
    return lines


def _helps(response: Response) -> list[str]:
    """What binds in the best plan and what would change the answer, worth most first."""
    limits = content.worded_rows(response.binding, response)
    cures = content.worded_rows(response.remedies, response)
    lines = [f"Binds: {row['words'] or row['what']}" for row in limits[:LIMITS]]
    return lines + [f"Would change it: {row['words'] or row['what']}" for row in cures[:LIMITS]]


def _hangs(response: Response) -> list[str]:
    lines = [text for text in (break_even_words(response), foresight_words(response)) if text]
    bars = swings_in_words(response)
    if len(bars):
        stated = float(bars["stated"].iloc[0])
        bars = bars[bars["swing"] > TELLING * max(stated, 1e6)]
        if math.isnan(stated):
            lines.append("How far each assumption moves the loss alone is unknown in USD too.")
        elif bars.empty:
            lines.append(
                f"No assumption of the tornado moves the loss alone ({money(stated)} million USD) by {TELLING:.1%} or more."
            )
    for row in bars.head(BARS).to_dict("records"):
        lines.append(
            f"{row['title']}: {row['low_words']} gives {money(row['low'])}, {row['high_words']} gives {money(row['high'])} "
            f"million USD lost alone ({_stated(row['stated_words'])}, {money(row['stated'])})."
        )
    return lines


def _stated(words: str) -> str:
    return words if words == "as stated" else f"stated: {words}"


def actions_in_words(response: Response, per_kind: int = PER_KIND) -> list[str]:
    """The largest actions of each kind as sentences, and how many there are in all."""
    rows = content.action_rows(response)
    chosen = []
    for kind in KINDS:
        chosen += [row for row in rows if row["what"] == kind][:per_kind]
    lines = [f"{_sentence(row)}, {row['span']}" for row in chosen]
    if len(rows) > len(lines):
        lines.append(f"{len(rows)} actions in all, by month in actions.csv (--out)")
    return lines


def _sentence(row: dict[str, Any]) -> str:
    owner, amount = capital(in_words(row["owner"])), f"{row['total']} {row['unit_name']}"
    of = f"{amount} of {' + '.join(inside(form) for form in row['form_name'].split(' + '))}"
    # A site called after its country reads "Japan, magnet makers", not "Japan, Japan, magnet makers".
    site, recipe = row["site_name"].removeprefix(f"{row['owner_name']}, "), row["recipe_name"]
    tier, _, use = row["for_whom"].partition(" use: ")
    return {
        SHIP: f"{owner} ships {of} more to {in_words(row['for_whom'])}",
        BUY: f"{owner} buys {of} more from {in_words(row['origin'])}",
        RELEASE: f"{owner} releases {of} from {row['holder']} stock",
        RUN: f"{owner}, {site}: above base year ({recipe}), {amount} more",
        SUBSTITUTE: f"{owner}, {site}: another recipe ({recipe}), {amount}",
        RUN_LESS: f"{owner}, {site}: less than without a plan ({recipe}), {amount} less",
        GO_WITHOUT: f"{owner} lets {tier} use wait ({use}): {of} not delivered",
    }[row["what"]]
