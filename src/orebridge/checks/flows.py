"""Is every use supplied, can every site be fed, is `OTH` explained?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from orebridge.build.stated import SMALLEST
from orebridge.build.tables import Node
from orebridge.checks.view import View, at, numbers, positions, texts
from orebridge.network import OTHERS, Finding, Floats

ROUNDS = 2000
TRACE_TOLERANCE = 1e-3


def uses_without_supply(view: View) -> Iterator[Finding]:
    """A use that the tables state and the base year leaves out: no supply could be found for it."""
    frame = view.network.adjustments
    for what, table, file, line, stated, used in zip(
        texts(frame, "what"), texts(frame, "table"), texts(frame, "file"), positions(frame, "line"),
        numbers(frame, "stated"), numbers(frame, "used"), strict=True,
    ):  # fmt: skip
        kind, *key = what.split(" ")
        if kind == "demand" and table in ("demand", "consumption") and file and stated > SMALLEST and used <= 0:
            yield Finding(
                "error", f"{key[0]}@{key[1]}", f"a use of {stated:,.4g} t/yr is stated ({file}:{line}), but nothing supplies "
                "it in the base year, so it is left out", "state a flow to the country, a site there, or take the row away"
            )  # fmt: skip


def traced_share(view: View) -> Floats:
    """Share of each node's base-year supply that goes back to a source: an activity without inputs.

    f[node] = sum of arrivals x f[origin] and of outputs x f[activity], over all supply; f[activity] = mean of f over its
    inputs by tonnes, 1 without inputs (mine, by-product, old scrap). Least solution, by iteration from 0: a scrap loop
    fed by fresh metal counts fully, a loop that feeds itself alone counts nothing. NaN where there is no supply.
    """
    network = view.network
    term = network.terms
    activity, node = np.array(positions(term, "activity"), dtype=int), np.array(positions(term, "node"), dtype=int)
    x0 = np.array(numbers(network.activities, "x0"))
    tonnes = np.array(numbers(term, "coefficient")) * x0[activity]
    origin = np.array(positions(network.routes, "from_node"), dtype=int)
    goal = np.array(positions(network.routes, "to_node"), dtype=int)
    y0 = np.array(numbers(network.routes, "y0"))
    made, used = np.maximum(tonnes, 0.0), np.maximum(-tonnes, 0.0)
    count, runs = len(network.nodes), len(network.activities)
    supply = np.bincount(node, made, count) + np.bincount(goal, y0, count)
    taken = np.bincount(activity, used, runs)
    share = np.zeros(count)
    for _ in range(ROUNDS):
        from_run = np.divide(np.bincount(activity, used * share[node], runs), taken, out=np.ones(runs), where=taken > 0)
        came = np.bincount(node, made * from_run[activity], count) + np.bincount(goal, y0 * share[origin], count)
        new = np.divide(came, supply, out=np.zeros(count), where=supply > 0)
        done = np.abs(new - share).max(initial=0.0) < 1e-9
        share = new
        if done:
            break
    return np.where(supply > 0, share, np.nan)


def uses_without_source(view: View) -> Iterator[Finding]:
    """A use whose supply does not go back to a mine, a by-product or old scrap: goods would come from nowhere."""
    share = traced_share(view)
    frame = view.network.demands
    untraced: dict[int, float] = {}
    for position, amount in zip(positions(frame, "node"), numbers(frame, "D"), strict=True):
        if amount > 0 and not share[position] > 1.0 - TRACE_TOLERANCE:
            untraced[position] = untraced.get(position, 0.0) + 12.0 * amount
    for position, amount in sorted(untraced.items()):
        known = 0.0 if np.isnan(share[position]) else share[position]
        yield Finding(
            "error", at(view.nodes[position]), f"uses {amount:,.4g} t/yr, of which {known:.0%} can be traced back to a mine, a "
            "by-product or old scrap", "state the site or the flow that feeds the chain there"
        )  # fmt: skip


def sites_without_feed(view: View) -> Iterator[Finding]:
    """A site with stated output that the base year shuts, or one that no route or maker could feed."""
    reached = {*view.makers, *view.arrivals}
    reachable = reached | {route.destination for route in view.routes if route.origin in reached}
    frame = view.network.sites
    inputs: dict[int, set[Node]] = {}
    for run in view.runs:
        inputs.setdefault(run.site, set()).update(node for node, value in run.terms.items() if value < 0)
    for position, (site, status, base) in enumerate(
        zip(texts(frame, "site"), texts(frame, "status"), numbers(frame, "base"), strict=True)
    ):
        row = view.tables.production.get(site)
        missing = sorted(at(node) for node in inputs.get(position, set()) if node not in reachable)
        if row is not None and row.value > SMALLEST and base <= 0:
            why = f"no feed reaches {', '.join(missing)}" if missing else "other figures outweigh it"
            yield Finding("error" if missing else "warning", site, f"{row.value:,.4g} t/yr are stated ({row.place}), but the "
                          f"base year has none: {why}", "state the feed in flows.csv, or correct the output")  # fmt: skip
        elif missing and base <= 0:
            yield Finding("info", site, f"{status}; it cannot run, since nothing could bring {', '.join(missing)}",
                          "state a flow or a maker of its feed, or leave it as capacity without feed")  # fmt: skip


def regions_without_members(view: View) -> Iterator[Finding]:
    """`OTH` is a node of a chain only together with the list of the countries in it."""
    used = {chain for chain, country in zip(texts(view.network.nodes, "chain"), texts(view.network.nodes, "country"),
                                            strict=True) if country == OTHERS}  # fmt: skip
    for chain in sorted(used):
        if not view.network.regions.get(chain):
            yield Finding("error", chain, "uses OTH without saying which countries it stands for",
                          "build the network from tables, which keep the list, or state `regions`")  # fmt: skip
