"""Do the figures agree with each other: ranges, shares, consumption, capacity, output, and how far they were moved?"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from orebridge.build.tables import Node
from orebridge.checks.view import View, at, numbers, texts
from orebridge.network import Finding

WHOLE_TOLERANCE = 0.02
REST_TOLERANCE = 0.25  # of the published consumption
FAR = 0.25


def assumptions_outside_range(view: View) -> Iterator[Finding]:
    """A parameter nobody publishes must lie inside the range it is stated with."""
    for item in view.network.assumptions.values():
        if math.isnan(item.low) or math.isnan(item.high):
            yield Finding("error", f"assumption {item.name}", f"{item.value:g} {item.unit} is stated without low and high",
                          "state the range; what nobody publishes is never one number")  # fmt: skip
        elif not (item.low <= item.value <= item.high):
            yield Finding("error", f"assumption {item.name}", f"{item.value:g} {item.unit} lies outside {item.low:g} to "
                          f"{item.high:g}", "choose a value inside the range, or widen the range with a reason")  # fmt: skip


def shares(view: View) -> Iterator[Finding]:
    """Tier shares of a use, and recipe shares of a site, sum to one."""
    wholes: dict[str, float] = defaultdict(float)
    own = {name for chain in view.chains.values() for name in chain.commodities}
    for row in view.world.rows("tiers"):
        if row["commodity"] in own:
            wholes[f"tiers of {row['commodity']}, {row['country']}, {row['end_use']}"] += row.value
    sites = {site.site for chain in view.chains.values() for site in chain.sites}
    for row in view.world.rows("recipe_mix"):
        if row["site"] in sites:
            wholes[f"recipes of {row['site']}"] += row.value
    for place, total in sorted(wholes.items()):
        if abs(total - 1.0) > WHOLE_TOLERANCE:
            yield Finding("error", place, f"shares sum to {total:.3f}, not 1", "correct them or add the missing row")


def published_consumption(view: View) -> Iterator[Finding]:
    """Uses not modelled should be published consumption less what the country's own modelled processes take.

    D_other = consumption - inputs of the country's sites (base year used, t/yr). Where demand rows state D_other
    themselves they are compared with it; a difference above a quarter of the consumption is told. Where they do not,
    the builder has used D_other already.
    """
    taken: dict[Node, float] = defaultdict(float)
    for run in view.runs:
        for node, value in run.terms.items():
            if value < 0:
                taken[node] -= 12.0 * value * run.x0
    for chain in view.chains.values():
        for node, row in sorted(chain.consumption.items()):
            if node not in chain.demand:
                continue
            stated = sum(item.value for item in chain.demand[node])
            left = row.value - taken[node]
            if left < -REST_TOLERANCE * row.value:
                yield Finding("warning", at(node), f"its modelled processes take {taken[node]:,.4g} t/yr, more than the "
                              f"published consumption of {row.value:,.4g} ({row.place})",
                              "check the base output of the plants, or the basis of the consumption")  # fmt: skip
            if abs(max(left, 0.0) - stated) > REST_TOLERANCE * row.value:
                yield Finding("warning", at(node), f"uses not modelled are stated as {stated:,.4g} t/yr; published consumption "
                              f"{row.value:,.4g} less {taken[node]:,.4g} taken by modelled processes leaves {left:,.4g} "
                              f"({row.place})", "correct the demand rows, or the base output of the plants")  # fmt: skip


def output_above_capacity(view: View) -> Iterator[Finding]:
    """Stated output above stated capacity (its high end): one of the two is of another year or basis."""
    told = {finding.place for finding in view.network.findings}
    for chain in view.chains.values():
        for site in chain.sites:
            made, room = view.tables.production.get(site.site), view.tables.capacities.get(site.site)
            if made is None or room is None or site.site in told:
                continue
            most = room.value if math.isnan(room.high) else max(room.value, room.high)
            if made.value > most * (1 + 1e-9):
                yield Finding("warning", site.site, f"makes {made.value:,.4g} t/yr ({made.place}), above its capacity of "
                              f"{most:,.4g} ({room.place})", "check year and basis of both rows")  # fmt: skip


def operating_without_output(view: View) -> Iterator[Finding]:
    """An operating site without stated output stays absent: it has capacity, but makes nothing in the base year."""
    for chain in view.chains.values():
        for site in chain.sites:
            if site.status == "operating" and site.site not in view.tables.production:
                yield Finding("info", site.site, "operates, but no output is stated; it stays absent",
                              "add a row to production.csv, or say why not in withheld.csv")  # fmt: skip


def moved_far(view: View) -> Iterator[Finding]:
    """Stated figures that the balance of the base year moved by more than a quarter, chain by chain."""
    frame = view.network.adjustments
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for chain, file, stated, share in zip(
        texts(frame, "chain"),
        texts(frame, "file"),
        numbers(frame, "stated"),
        numbers(frame, "change_share"),
        strict=True,
    ):
        if file and stated > 0:
            counts[chain][0] += 1
            counts[chain][1] += abs(share) > FAR
    for chain, (number, far) in sorted(counts.items()):
        if far:
            yield Finding("info", chain, f"{far} of {number} stated figures were moved by more than a quarter so that the base "
                          "year balances", f"`orebridge data reconcile {chain}` lists them; better figures there help most")  # fmt: skip
