"""The unknowns of a chain's base year: each flow with its stated figure, its doubt and the nodes it touches."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from orebridge.build.tables import ChainTables, Node, Shipped
from orebridge.network import OTHERS, Finding
from orebridge.reconcile import ERROR_BY_CONFIDENCE, INFERRED_ERROR
from orebridge.world import Fact

PARTNER_SHARE = 0.05  # a country is a node of its own above this share of a commodity's trade
SMALLEST = 1e-4  # t/yr below which a reconciled flow counts as none
REST_SHARE = 0.02  # of a published consumption; a smaller rest is the rounding of yields and figures, not a use
PHANTOM_SHARE = 0.01  # of a node's supply; a smaller gap at an exporter is rounding, not a use


class Cited(NamedTuple):
    """The row a stated figure comes from; `file` is empty where the figure follows from others."""

    table: str
    file: str
    line: int
    source: str
    confidence: str


@dataclass(frozen=True)
class Flow:
    """One unknown of the base year, t/yr: `terms` are its coefficients in the balances of nodes."""

    kind: str
    key: tuple[str, ...]
    stated: float
    error: float
    terms: dict[Node, float]
    cited: Cited
    inferred: bool = False


class Handled(NamedTuple):
    """Stated supply less modelled use, and stated supply, at each node; nodes that ship on; nodes with modelled use."""

    net: dict[Node, float]
    supplied: dict[Node, float]
    shipped: set[Node]
    processed: set[Node]


def derived(table: str = "") -> Cited:
    """The citation of a figure that follows from others by an open rule."""
    return Cited(table, "", 0, "orebridge-derivation", "derived")


def cited(table: str, row: Fact, confidence: str = "") -> Cited:
    """The citation of a row."""
    return Cited(table, row.file, row.line, row.source, confidence or row.confidence)


def error_of(row: Fact, stated: float, share: float = 1.0) -> float:
    """Standard error: by confidence, or a quarter of the stated range if that is wider."""
    relative = ERROR_BY_CONFIDENCE[row.confidence] * abs(stated)
    width = (row.high - row.low) * share / 4.0
    return max(relative, width if math.isfinite(width) else 0.0, SMALLEST)


class Stated:
    """Collects the flows of one chain: activities, shipments, uses, waste, and arcs inferred for uses without any."""

    def __init__(self, tables: ChainTables, members: tuple[str, ...]) -> None:
        self.tables, self.members = tables, members
        self.findings: list[Finding] = []
        self.flows: list[Flow] = []
        trade = {key: item for key, item in tables.shipments().items() if item.amount > SMALLEST}
        self.named, self.others = self._countries(trade)
        self._activities()
        self._shipments(trade)
        before = self._handled()
        self._uses(before)
        self._waste(before.net, self._handled().net)
        self._infer_missing()
        self.flows.sort(key=lambda flow: (flow.kind, flow.key))

    def _countries(self, trade: dict[tuple[str, str, str], Shipped]) -> tuple[set[str], set[str]]:
        """Countries that are nodes of their own, and those gathered as `OTH`."""
        named = set(self.members) | {site.country for site in self.tables.sites}
        named |= {country for _, country in self.tables.demand} | {country for _, country in self.tables.consumption}
        totals: dict[str, float] = defaultdict(float)
        share: dict[Node, float] = defaultdict(float)
        for (commodity, origin, destination), item in trade.items():
            totals[commodity] += item.amount
            share[commodity, origin] += item.amount
            share[commodity, destination] += item.amount
        named |= {country for (c, country), amount in share.items() if amount >= PARTNER_SHARE * totals[c]}
        return named, {country for (_, country) in share if country not in named}

    def _place(self, country: str) -> str:
        return country if country in self.named else OTHERS

    def _activities(self) -> None:
        for site in self.tables.sites:
            row = self.tables.tables.production.get(site.site)
            if row is None:
                continue
            for recipe, share in sorted(self.tables.mix(site).items()):
                stated = row.value * share
                if stated <= 0:
                    continue
                terms = self.tables.node_terms(site.process, recipe, site.country)
                error = error_of(row, stated, share)
                self.flows.append(Flow("activity", (site.site, recipe), stated, error, terms, cited("production", row)))

    def _shipments(self, trade: dict[tuple[str, str, str], Shipped]) -> None:
        merged: dict[tuple[str, str, str], tuple[float, Cited]] = {}
        for (commodity, origin, destination), item in trade.items():
            key = (commodity, self._place(origin), self._place(destination))
            if key[1] != key[2]:
                before = merged[key][0] if key in merged else 0.0
                merged[key] = (before + item.amount, cited(item.table, item.row, item.confidence))
        for key, (amount, row) in sorted(merged.items()):
            commodity, origin, destination = key
            error = ERROR_BY_CONFIDENCE[row.confidence] * amount + SMALLEST
            terms = {(commodity, origin): -1.0, (commodity, destination): 1.0}
            self.flows.append(Flow("shipment", key, amount, error, terms, row))

    def _uses(self, before: Handled) -> None:
        net = before.net
        places: dict[str, set[str]] = defaultdict(set)
        for commodity, place in [*net, *self.tables.demand, *self.tables.consumption]:
            places[commodity].add(place)
        for commodity, item in self.tables.commodities.items():
            traded = sum(abs(value) for node, value in net.items() if node[0] == commodity)
            final = commodity not in self.tables.consumed
            for place in sorted(places[commodity]):
                node = (commodity, place)
                flow: Flow | None
                if node in self.tables.demand:
                    flow = self._stated_use(node)
                elif node in self.tables.consumption:
                    flow = self._use_left(node)
                elif item.disposal != "free" and (final or node not in before.processed):
                    stated = max(net.get(node, 0.0), 0.0)
                    if node in before.shipped and stated < PHANTOM_SHARE * before.supplied.get(node, 0.0):
                        continue  # an exporter's rounding gap is not a use
                    error = max(0.5 * stated, 0.02 * traded, SMALLEST)
                    flow = Flow("demand", node, stated, error, {node: -1.0}, derived("demand"))
                else:
                    continue
                if flow is not None:
                    self.flows.append(flow)

    def _handled(self) -> Handled:
        """What the flows collected so far state at each node."""
        handled = Handled(defaultdict(float), defaultdict(float), set(), set())
        for flow in self.flows:
            for node, coefficient in flow.terms.items():
                handled.net[node] += coefficient * flow.stated
                if coefficient > 0:
                    handled.supplied[node] += coefficient * flow.stated
                else:
                    (handled.shipped if flow.kind == "shipment" else handled.processed).add(node)
        return handled

    def _stated_use(self, node: Node) -> Flow:
        own = self.tables.demand[node]
        error = max(math.sqrt(sum(error_of(row, row.value) ** 2 for row in own)), SMALLEST)
        return Flow("demand", node, sum(row.value for row in own), error, {node: -1.0}, cited("demand", own[0]))

    def _use_left(self, node: Node) -> Flow | None:
        """Published consumption less what the country's own modelled processes take; None if nothing is left.

        D_other = consumption - sum of inputs of stated activities (t/yr). A negative rest is not a use of less than
        nothing: it is absent, and a finding says so.
        """
        row = self.tables.consumption[node]
        own = [flow for flow in self.flows if flow.kind == "activity" and flow.terms.get(node, 0.0) < 0]
        taken = -sum(flow.terms[node] * flow.stated for flow in own)
        left = row.value - taken
        if own and abs(left) <= REST_SHARE * row.value:
            return None  # all of it is taken, but for rounding
        if left <= SMALLEST:
            self.findings.append(
                Finding("warning", f"{node[0]}@{node[1]}", f"published consumption {row.value:,.4g} t/yr is less than the "
                        f"{taken:,.4g} t/yr its own modelled processes take; uses not modelled are left absent ({row.place})",
                        "check the row, its basis, and the base output of the country's plants")
            )  # fmt: skip
            return None
        doubt = [error_of(row, row.value), *(flow.error * flow.terms[node] for flow in own)]
        error = math.sqrt(sum(part**2 for part in doubt))
        return Flow("demand", node, left, error, {node: -1.0}, cited("consumption", row, "computed" if own else ""))

    def _waste(self, made: dict[Node, float], left: dict[Node, float]) -> None:
        """Declared by-products: what is made beyond modelled and stated uses is thrown away, not a use nobody stated."""
        for commodity in self.tables.commodities:
            if commodity not in self.tables.free:
                continue
            for node in sorted(node for node, amount in made.items() if node[0] == commodity and amount > 0):
                stated = max(left.get(node, 0.0), 0.0)
                self.flows.append(Flow("waste", node, stated, max(made[node], SMALLEST), {node: -1.0}, derived()))

    def _infer_missing(self) -> None:
        """A use without any stated supply gets an arc from each main producer, marked inferred."""
        supplied: set[Node] = set()
        need: dict[Node, float] = defaultdict(float)
        makers: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for flow in self.flows:
            for node, coefficient in flow.terms.items():
                if coefficient > 0:
                    supplied.add(node)
                    if flow.kind == "activity":
                        makers[node[0]][node[1]] += coefficient * flow.stated
                elif flow.kind in ("activity", "demand"):
                    need[node] -= coefficient * flow.stated
        for node, amount in sorted(need.items()):
            origins = sorted(makers[node[0]].items(), key=lambda item: (-item[1], item[0]))[:3]
            if node in supplied or amount <= SMALLEST or not origins:
                continue
            self.findings.append(
                Finding("warning", f"{node[0]}@{node[1]}", f"uses {amount:,.4g} t/yr but no source states where it comes from; "
                        f"flows from {', '.join(o for o, _ in origins)} are inferred", "add a row to flows.csv or trade_factors.csv")
            )  # fmt: skip
            for origin, _ in origins:
                key = (node[0], origin, node[1])
                terms = {(node[0], origin): -1.0, node: 1.0}
                self.flows.append(Flow("shipment", key, 0.0, INFERRED_ERROR * amount, terms, derived(), inferred=True))
