"""One chain of the network: its stated flows reconciled, then its nodes, sites, routes, demands and stockpiles."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from orebridge.build.stated import SMALLEST, Flow, Stated
from orebridge.build.tables import ChainTables, Node, Recipe, Site
from orebridge.errors import NetworkError
from orebridge.network import Finding, Floats
from orebridge.reconcile import reconcile
from orebridge.world import Fact

MONTH_DAYS = 30.4375
UNMODELLED = "uses not modelled"
Row = dict[str, object]
Base = dict[tuple[str, tuple[str, ...]], float]


@dataclass
class Part:
    """Rows of the frames of one chain; positions count from the chain's own first row."""

    chain: str
    others: tuple[str, ...]
    nodes: list[Row] = field(default_factory=list)
    sites: list[Row] = field(default_factory=list)
    activities: list[Row] = field(default_factory=list)
    terms: list[Row] = field(default_factory=list)
    routes: list[Row] = field(default_factory=list)
    stockpiles: list[Row] = field(default_factory=list)
    demands: list[Row] = field(default_factory=list)
    adjustments: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def build_chain(tables: ChainTables, members: tuple[str, ...]) -> Part:
    """The chain's rows with reconciled base-year flows, t per month.

    Raises NetworkError for nodes nothing can balance and for figures a chain cannot do without.
    """
    stated = Stated(tables, members)
    used, findings = _reconciled(tables.chain, stated.flows)
    base = {(flow.kind, flow.key): float(value) / 12.0 for flow, value in zip(stated.flows, used, strict=True)}
    part = Part(tables.chain, tuple(sorted(stated.others)), findings=[*stated.findings, *findings])
    part.adjustments = _adjustments(tables.chain, stated.flows, used)
    term_nodes = _site_rows(tables, base, part)
    nodes = sorted({node for flow in stated.flows for node in flow.terms} | set(term_nodes))
    at = {node: position for position, node in enumerate(nodes)}
    for row, node in zip(part.terms, term_nodes, strict=True):
        row["node"] = at[node]
    made = {node for row, node in zip(part.terms, term_nodes, strict=True) if _number(row, "coefficient") > 0}
    part.nodes = [_node_row(tables, node, members, base) for node in nodes]
    part.routes = _route_rows(tables, members, stated.flows, base, at, made)
    part.demands = _demand_rows(tables, members, base, at)
    part.stockpiles = _stock_rows(tables, nodes, stated.flows, base)
    return part


def _number(row: Row, name: str) -> float:
    value = row[name]
    assert isinstance(value, (int, float))
    return float(value)


def _reconciled(chain: str, flows: list[Flow]) -> tuple[Floats, list[Finding]]:
    """Flows used, t/yr, and what to say about them."""
    nodes = sorted({node for flow in flows for node in flow.terms})
    at = {node: i for i, node in enumerate(nodes)}
    entries = [(at[node], j, value) for j, flow in enumerate(flows) for node, value in flow.terms.items()]
    rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
    balance = sparse.csr_array((values, (rows, columns)), shape=(len(nodes), len(flows)))
    stated = np.array([flow.stated for flow in flows], dtype=float)
    error = np.array([flow.error for flow in flows], dtype=float)
    result = reconcile(balance, stated, error, [f"{commodity}@{country}" for commodity, country in nodes])
    findings = []
    if not result.optimal:
        findings.append(Finding("warning", chain, "base-year flows balance but are not proven nearest to the sources",
                                "look at the adjustments for figures moved far without need"))  # fmt: skip
    return np.where(result.flows < SMALLEST * 0.01, 0.0, result.flows), findings


def _adjustments(chain: str, flows: list[Flow], used: Floats) -> list[Row]:
    rows: list[Row] = []
    for flow, value in zip(flows, used.tolist(), strict=True):
        share = (value - flow.stated) / flow.stated if flow.stated > 0 else math.inf if value > 0 else 0.0
        rows.append(
            {"chain": chain, "what": f"{flow.kind} {' '.join(flow.key)}", **flow.cited._asdict(), "stated": flow.stated,
             "used": value, "change": value - flow.stated, "change_share": share, "weight": 1.0 / flow.error**2,
             "inferred": flow.inferred}
        )  # fmt: skip
    return rows


def _node_row(tables: ChainTables, node: Node, members: tuple[str, ...], base: Base) -> Row:
    commodity, country = node
    item = tables.commodities[commodity]
    return {
        "node": f"{commodity}@{country}", "commodity": commodity, "label": item.label, "country": country, "chain": tables.chain,
        "order": item.order, "mass": item.mass, "disposal": item.disposal,
        "replacement_usd": tables.prices.get(commodity, math.nan), "waste0": base.get(("waste", node), 0.0),
        "is_member": country in members,
    }  # fmt: skip


def process_months(tables: ChainTables) -> dict[str, int]:
    """Months per process: days accumulated along the chain and rounded up, so that rounding does not pile up."""
    days = {row["process"]: row.value for row in tables.tables.world.rows("process_days")}
    missing = sorted(set(tables.processes) - set(days))
    if missing:
        raise NetworkError(f"process_days.csv states no days for {', '.join(missing)}; add rows.")
    order: dict[str, float] = dict.fromkeys(tables.processes, math.inf)
    for term in tables.recipe_terms:
        if term["direction"] == "out":
            order[term["process"]] = min(order[term["process"]], tables.commodities[term["commodity"]].order)
    order = {process: 0.0 if math.isinf(first) else first for process, first in order.items()}
    lags: dict[str, int] = {}
    reached: dict[float, float] = {}
    for process in sorted(order, key=lambda p: (order[p], p)):
        before = max((d for o, d in reached.items() if o < order[process]), default=0.0)
        after = before + days[process]
        lags[process] = math.ceil(after / MONTH_DAYS - 1e-9) - math.ceil(before / MONTH_DAYS - 1e-9)
        reached[order[process]] = max(reached.get(order[process], 0.0), after)
    for process, item in tables.processes.items():
        if item.kind == "recycling":
            lags[process] = max(1, lags[process])  # a loop needs time to turn
    return lags


def _site_rows(tables: ChainTables, base: Base, part: Part) -> list[Node]:
    """Fills sites, activities and terms of the part; returns the node of each term."""
    lags = process_months(tables)
    term_nodes: list[Node] = []
    for site in tables.sites:
        process = tables.processes[site.process]
        own = tables.recipes_of(site)
        x0 = {recipe.recipe: base.get(("activity", (site.site, recipe.recipe)), 0.0) for recipe in own}
        total = sum(x0.values())
        room = _room(tables, site, total, part.findings)
        limit = tables.tables.limit
        restart = limit(process.kind, "start") if site.status in ("idle", "planned") else 0.0
        part.sites.append(
            {"site": site.site, "name": site.name, "process": site.process, "kind": process.kind, "chain": tables.chain,
             "country": site.country, "owner": site.owner, "capacity": room, "base": total,
             "surge": limit(process.kind, "surge"), "ramp": limit(process.kind, "ramp"), "host": process.host,
             "status": site.status}
        )  # fmt: skip
        for recipe in sorted(own, key=lambda recipe: recipe.recipe) if room > 0 else []:
            part.activities.append(_activity_row(tables, site, recipe, x0[recipe.recipe], restart, len(part.sites) - 1))
            part.activities[-1]["lag"] = lags[site.process]
            for node, value in sorted(tables.node_terms(site.process, recipe.recipe, site.country).items()):
                part.terms.append({"activity": len(part.activities) - 1, "node": -1, "coefficient": value})
                term_nodes.append(node)
    return term_nodes


def _room(tables: ChainTables, site: Site, total: float, findings: list[Finding]) -> float:
    """Capacity in t per month: as stated, not above what a host metal allows, not below base output."""
    row = tables.tables.capacities.get(site.site)
    process = tables.processes[site.process]
    limit = tables.tables.host_limit(site.process, process.host, site.country)
    if row is None:
        findings.append(Finding("info", site.site, "capacity is not published; taken as base output",
                                "add a row to capacities.csv"))  # fmt: skip
    room = min(total if row is None else row.value / 12.0, limit)
    if row is not None and room < 0.98 * total:
        findings.append(Finding("warning", site.site, f"base output {12 * total:,.4g} t/yr exceeds capacity {12 * room:,.4g}",
                                "check capacities.csv and production.csv"))  # fmt: skip
    return max(room, total)


def _activity_row(tables: ChainTables, site: Site, recipe: Recipe, x0: float, restart: float, position: int) -> Row:
    key = (site.process, recipe.recipe)
    share, wait = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
    if not (x0 > 0 or recipe.base):
        share = _with_range(tables.tables.accepted.get(key), 1.0)
        wait = _with_range(tables.tables.qualifications.get(key), 0.0)
    opens = [math.ceil(max(months, restart)) for months in wait]
    return {
        "activity": f"{site.site}/{recipe.recipe}", "site": position, "recipe": recipe.recipe, "label": recipe.label,
        "x0": x0, "opens": opens[0], "opens_low": opens[1], "opens_high": opens[2],
        "accepted": share[0], "accepted_low": share[1], "accepted_high": share[2],
    }  # fmt: skip


def _with_range(fact: Fact | None, missing: float) -> tuple[float, float, float]:
    """Value, low and high of a figure; where no range is stated the figure itself."""
    if fact is None:
        return missing, missing, missing
    low, high = (fact.value if math.isnan(end) else end for end in (fact.low, fact.high))
    return fact.value, low, high


def _route_rows(
    tables: ChainTables, members: tuple[str, ...], flows: list[Flow], base: Base, at: dict[Node, int], made: set[Node]
) -> list[Row]:
    """Base-year routes, and candidates from every maker to every member that knows the commodity."""
    pairs: dict[tuple[str, ...], tuple[float, float, bool]] = {
        flow.key: (base["shipment", flow.key], 0.0, flow.inferred)
        for flow in flows
        if flow.kind == "shipment" and base["shipment", flow.key] > 0
    }
    wait = tables.tables.assumed("new_source_months")
    for commodity, origin in sorted(node for node in made if node[0] not in tables.free):
        for member in members:
            key = (commodity, origin, member)
            if origin != member and (commodity, member) in at and key not in pairs:
                pairs[key] = (0.0, wait, True)
    rows: list[Row] = []
    for (commodity, origin, destination), (y0, opens, guess) in sorted(pairs.items()):
        days, chokepoints = tables.tables.transit(origin, destination)
        rows.append(
            {"route": f"{commodity}:{origin}>{destination}", "commodity": commodity, "origin": origin,
             "destination": destination, "chain": tables.chain, "from_node": at[commodity, origin],
             "to_node": at[commodity, destination], "lag": max(1, round(days / MONTH_DAYS)), "y0": y0, "opens": opens,
             "inferred": guess, "premium_usd": 0.0, "days": days, "chokepoints": chokepoints}
        )  # fmt: skip
    return rows


def _demand_rows(tables: ChainTables, members: tuple[str, ...], base: Base, at: dict[Node, int]) -> list[Row]:
    rows: list[Row] = []
    for (kind, node), amount in sorted(base.items()):
        if kind != "demand" or amount <= 0:
            continue
        commodity, country = node
        uses = {row["end_use"]: row.value for row in tables.demand.get((commodity, country), [])}
        uses = uses or {UNMODELLED if commodity in tables.consumed else "all": 1.0}
        total = sum(uses.values()) or 1.0
        for use, stated in sorted(uses.items()):
            for tier, share in sorted(tables.tiers(commodity, country, use).items()):
                quantity = amount * stated / total * share
                if quantity <= 0:
                    continue
                value, low, high = _with_range(tables.values.get((commodity, tier)), math.nan)
                rows.append(
                    {"demand": f"{commodity}@{country}/{use}/{tier}", "commodity": commodity, "country": country,
                     "chain": tables.chain, "end_use": use, "tier": tier, "node": at[commodity, country], "D": quantity,
                     "value_usd": value, "value_low_usd": low, "value_high_usd": high, "unmet0": 0.0,
                     "is_member": country in members}
                )  # fmt: skip
    return rows


def _stock_rows(tables: ChainTables, nodes: list[Node], flows: list[Flow], base: Base) -> list[Row]:
    """Published holdings, and an industry stock at every node: assumed days of use, or an empty shed."""
    use: dict[Node, float] = defaultdict(float)
    for flow in flows:
        if flow.kind in ("activity", "demand"):
            for node, coefficient in flow.terms.items():
                if coefficient < 0:
                    use[node] -= coefficient * base[flow.kind, flow.key]
    rows: list[Row] = []
    for position, node in enumerate(nodes):
        own = tables.holdings.get(node, [])
        entries = [(row["holder"], row.value, False) for row in own]
        if not any(holder.startswith("industry") for holder, _, _ in entries):
            guess = 0.0 if own else tables.days_held(*node) / MONTH_DAYS * use[node]
            entries.append(("industry", guess, True))
        rows += [_stock_row(tables, node, position, *entry) for entry in entries]
    return rows


def _stock_row(tables: ChainTables, node: Node, position: int, holder: str, amount: float, assumed: bool) -> Row:
    commodity, country = node

    def rule(name: str) -> float:
        return tables.tables.stock_rule(name, holder, commodity, tables.chain, country)

    refill = rule("refill")
    return {
        "stockpile": f"{holder}:{commodity}@{country}", "holder": holder, "country": country, "commodity": commodity,
        "chain": tables.chain, "node": position, "s0": amount, "floor": rule("floor") * amount,
        "release": rule("release") * amount, "opens_after": math.ceil(rule("trigger") - 1e-9),
        "refill": math.inf if math.isinf(refill) else refill * amount,
        "room": math.inf if holder == "industry" or not assumed else amount,
        "replacement_usd": tables.prices.get(commodity, math.nan), "assumed": assumed,
    }  # fmt: skip
