"""Do the months of the model add up to the lead times that are quoted?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from orebridge.build.chain import MONTH_DAYS
from orebridge.build.tables import ChainTables, Node
from orebridge.checks.view import Run, View
from orebridge.network import Finding
from orebridge.world import Fact

MONTHS_APART = 1.0


class Step(NamedTuple):
    """One leg of the main path: process work or transit, with the model's months and the days stated."""

    what: str
    transit: bool
    months: int
    days: float


def main_path(
    view: View, chain: ChainTables, end: Node, first: str = "", prefer: frozenset[str] = frozenset()
) -> list[Step]:
    """Steps of the largest base-year flow from commodity `first` (or from its source) to the node `end`, in time order.

    At each node the larger of own output and the largest arrival is followed; of a recipe's inputs, `first` itself,
    else one in `prefer`, else the largest that descends from `first`. Recycling, which leads round in circles, is passed over. The transit of
    `first` itself to the plant that works it is a step too. Empty if there is no path.
    """
    times = view.process_time(chain.chain)
    lineage = descendants(chain, first)
    steps: list[Step] = []
    node, seen = end, {end}
    while True:
        arrival = max(view.arrivals.get(node, []), key=lambda route: (route.y0, route.origin), default=None)
        made = [(amount, run) for run, amount in view.makers.get(node, []) if _leads(view, chain, run, lineage, first)]
        own = sum(amount for amount, _ in made)
        if arrival is not None and arrival.origin not in seen and (not made or arrival.y0 > own):
            steps.append(Step(f"{arrival.origin[1]} to {node[1]}", True, arrival.lag, arrival.days))
            node = arrival.origin
            seen.add(node)
            continue
        if node[0] == first:
            return steps[::-1]
        if not made:
            return []
        run = max(made, key=lambda item: (item[0], item[1].label))[1]
        process = view.process_of[run.site]
        steps.append(Step(process, False, *times[process]))
        inputs = [
            (source[0] == first, source[0] in prefer, -value, source)
            for source, value in run.terms.items()
            if value < 0 and source[0] in lineage and source not in seen
        ]
        if not inputs:
            return [] if first else steps[::-1]
        node = max(inputs)[3]
        seen.add(node)


def _leads(view: View, chain: ChainTables, run: Run, lineage: set[str], first: str) -> bool:
    """Whether an activity is on a way from `first`: not recycling, and with an input that descends from it."""
    if chain.processes[view.process_of[run.site]].kind == "recycling":
        return False
    inputs = {name for (name, _), value in run.terms.items() if value < 0}
    return (
        not first
        or bool(inputs & lineage)
        or any(value > 0 and name == first for (name, _), value in run.terms.items())
    )


def descendants(chain: ChainTables, first: str) -> set[str]:
    """`first` and every commodity made from it, in any number of steps; recycling, which leads back, left out.

    All commodities of the chain where no `first` is given.
    """
    reached = {first} if first else set(chain.commodities)
    forward = [
        terms for (process, _), terms in chain.coefficients.items() if chain.processes[process].kind != "recycling"
    ]
    while True:
        more = {
            name
            for terms in forward
            if any(value < 0 and source in reached for source, value in terms.items())
            for name, value in terms.items()
            if value > 0
        }
        if more <= reached:
            return reached
        reached |= more


def quoted(view: View) -> Iterator[Finding]:
    """The model's months along the main path must be within one month of the quoted range (DESIGN: lead times)."""
    for row in view.world.rows("quoted_lead_times"):
        chain = view.chains.get(row["chain"])
        if chain is not None:
            yield from _one_quote(view, chain, row)


def quoted_steps(view: View, chain: ChainTables, row: Fact) -> tuple[str, list[Step]]:
    """Whose path is meant (the largest maker for `*`) and its steps, transit left out where the quote is of work."""
    made = {
        node[1]: sum(amount for _, amount in runs)
        for node, runs in view.makers.items()
        if node[0] == row["to_commodity"]
    }
    country = row["country"]
    if country == "*":
        if not made:
            return "*", []
        country = max(made, key=lambda name: (made[name], name))
    steps = main_path(view, chain, (row["to_commodity"], country), row["from_commodity"])
    return country, [step for step in steps if row["counts"] == "delivery" or not step.transit]


def _one_quote(view: View, chain: ChainTables, row: Fact) -> Iterator[Finding]:
    country, steps = quoted_steps(view, chain, row)
    place = f"{row['from_commodity']} to {row['to_commodity']} ({country})"
    if not steps:
        yield Finding("warning", place, f"a lead time is quoted ({row.place}), but the base year has no path from one to the "
                      "other there", "correct the commodities or the country of the row")  # fmt: skip
        return
    low = row.value if math.isnan(row.low) else row.low
    high = row.value if math.isnan(row.high) else row.high
    months = sum(step.months for step in steps)
    if low - months > MONTHS_APART or months - high > MONTHS_APART:
        days = sum(step.days for step in steps)
        legs = ", ".join(f"{step.what} {step.months}" for step in steps)
        yield Finding("warning", place, f"the model takes {months} months ({legs}; {days / MONTH_DAYS:.1f} before rounding), "
                      f"quoted are {low:.1f} to {high:.1f} ({row.place})",
                      "check process_days.csv and transit.csv, or the quote")  # fmt: skip
