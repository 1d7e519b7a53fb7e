"""The rows of a world, indexed once per network by what the builder looks up."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import NamedTuple

from orebridge.errors import NetworkError
from orebridge.network import OTHERS
from orebridge.world import Fact, World

#: A commodity at a country.
Node = tuple[str, str]
#: Net output (+) or input (-) of each commodity per unit of a recipe.
Coefficients = dict[str, float]
#: Rules of `stock_rules`, with what holds where no row says otherwise: all may be released at once and bought back.
STOCK_RULES = {"floor": 0.0, "release": 1.0, "trigger": 0.0, "refill": math.inf}


class Commodity(NamedTuple):
    """A row of commodities.csv."""

    commodity: str
    label: str
    order: float
    mass: str
    element: str
    compound: str
    disposal: str


class Process(NamedTuple):
    """A row of processes.csv."""

    process: str
    kind: str
    label: str
    activity: str
    host: str


class Recipe(NamedTuple):
    """A row of recipes.csv."""

    process: str
    recipe: str
    label: str
    base: bool


class Site(NamedTuple):
    """A row of sites.csv; `recipes` are those it may run, empty for all of its process."""

    site: str
    name: str
    process: str
    recipes: tuple[str, ...]
    country: str
    owner: str
    status: str


class Shipped(NamedTuple):
    """A stated base-year shipment, t/yr of the commodity, and the row it is cited by."""

    amount: float
    table: str
    row: Fact
    confidence: str


@dataclass(frozen=True)
class WorldTables:
    """Look-ups that do not depend on the chain."""

    world: World

    @cached_property
    def limits(self) -> dict[tuple[str, str], float]:
        """(kind or *, limit) -> value."""
        return {(row["kind"], row["limit"]): row.value for row in self.world.rows("limits")}

    def limit(self, kind: str, limit: str) -> float:
        """Limit of a kind of process; raises NetworkError if neither it nor `*` has a row."""
        for name in (kind, "*"):
            if (name, limit) in self.limits:
                return self.limits[name, limit]
        raise NetworkError(f"limits.csv states no {limit} for {kind} nor for *; add a row.")

    @cached_property
    def assumptions(self) -> dict[str, Fact]:
        """Rows of assumptions.csv by name."""
        return {row["name"]: row for row in self.world.rows("assumptions")}

    def assumed(self, name: str) -> float:
        """Value of an assumption; raises NetworkError if there is no row."""
        if name not in self.assumptions:
            raise NetworkError(f"assumptions.csv has no {name!r}; add a row with value, low and high.")
        return self.assumptions[name].value

    @cached_property
    def zones(self) -> dict[str, str]:
        """Shipping zone of each country."""
        return {row["country"]: row["zone"] for row in self.world.records("transit_zones")}

    @cached_property
    def days(self) -> dict[tuple[str, str], tuple[float, str]]:
        """(origin, destination) as stated -> days door to door, passages."""
        return {(r["origin"], r["destination"]): (r.value, r["chokepoints"]) for r in self.world.rows("transit")}

    @cached_property
    def middling(self) -> dict[str, float]:
        """Zone or country -> median of all days stated from or to it."""
        known: dict[str, list[float]] = defaultdict(list)
        for (a, b), (days, _) in self.days.items():
            for name in {a, b}:
                known[name].append(days)
        return {name: median(days) for name, days in known.items()}

    def transit(self, origin: str, destination: str) -> tuple[float, str]:
        """Days door to door and passages used: a country's row beats a zone's, either direction counts.

        `OTH` has no place of its own: the median of the other end's zone, no passage named. Raises NetworkError where
        nothing is stated.
        """
        a, b = self.zones.get(origin, "other"), self.zones.get(destination, "other")
        for pair in ((origin, destination), (destination, origin), (origin, b), (b, origin), (a, destination),
                     (destination, a), (a, b), (b, a)):  # fmt: skip
            if pair in self.days:
                return self.days[pair]
        zone = b if origin == OTHERS else a
        if OTHERS in (origin, destination) and zone in self.middling:
            return self.middling[zone], ""
        raise NetworkError(f"transit.csv states no days between {origin} ({a}) and {destination} ({b}); add a row.")

    @cached_property
    def customs(self) -> dict[str, list[Fact]]:
        """Rows of trade.csv by HS code."""
        grouped: dict[str, list[Fact]] = defaultdict(list)
        for row in self.world.rows("trade"):
            grouped[row["hs"]].append(row)
        return grouped

    @cached_property
    def qualifications(self) -> dict[tuple[str, str], Fact]:
        """(process, recipe) -> months before it may run."""
        return {(row["process"], row["recipe"]): row for row in self.world.rows("qualifications")}

    @cached_property
    def accepted(self) -> dict[tuple[str, str], Fact]:
        """(process, recipe) -> largest share of a site's output that accepts it."""
        return {(row["process"], row["recipe"]): row for row in self.world.rows("accepted_shares")}

    @cached_property
    def production(self) -> dict[str, Fact]:
        """Site -> base-year activity."""
        return {row["site"]: row for row in self.world.rows("production")}

    @cached_property
    def capacities(self) -> dict[str, Fact]:
        """Site -> capacity."""
        return {row["site"]: row for row in self.world.rows("capacities")}

    @cached_property
    def mixes(self) -> dict[str, dict[str, float]]:
        """Site -> recipe -> share of its base-year activity."""
        grouped: dict[str, dict[str, float]] = defaultdict(dict)
        for row in self.world.rows("recipe_mix"):
            grouped[row["site"]][row["recipe"]] = row.value
        return grouped

    @cached_property
    def hosts(self) -> dict[tuple[str, str], float]:
        """(host metal, country) -> throughput, t/yr."""
        return {(row["host"], row["country"]): row.value for row in self.world.rows("hosts")}

    @cached_property
    def host_rates(self) -> dict[tuple[str, str], float]:
        """(process, country or *) -> t of by-product per t of host throughput."""
        return {(row["process"], row["country"]): row.value for row in self.world.rows("host_rates")}

    def host_limit(self, process: str, host: str, country: str) -> float:
        """Largest by-product recovery that the host metal's throughput allows, t per month (inf without a host)."""
        flow = self.hosts.get((host, country))
        rate = self.host_rates.get((process, country), self.host_rates.get((process, "*")))
        if not host or flow is None or rate is None:
            return math.inf
        return flow * rate / 12.0

    @cached_property
    def days_held(self) -> dict[tuple[str, str], float]:
        """(commodity, chain or *; country or *) -> days of use held, summed over holders."""
        grouped: dict[tuple[str, str], float] = defaultdict(float)
        for row in self.world.rows("stock_days"):
            grouped[row["commodity"], row["country"]] += row.value
        return grouped

    @cached_property
    def stock_rules(self) -> dict[tuple[str, str, str, str], Fact]:
        """(rule, holder or *, commodity, chain or *, country or *) -> row."""
        return {
            (row["rule"], row["holder"], row["commodity"], row["country"]): row
            for row in self.world.rows("stock_rules")
        }

    def stock_rule(self, rule: str, holder: str, commodity: str, chain: str, country: str) -> float:
        """The most specific row: the holder's own before `*`, then commodity, chain, `*`, then country, `*`."""
        for who in (holder, "*"):
            for scope in (commodity, chain, "*"):
                for place in (country, "*"):
                    row = self.stock_rules.get((rule, who, scope, place))
                    if row is not None:
                        return row.value
        return STOCK_RULES[rule]


class ChainTables:
    """The rows of one chain."""

    def __init__(self, tables: WorldTables, chain: str) -> None:
        self.tables, self.chain = tables, chain
        world = tables.world
        self.commodities = {
            row["commodity"]: Commodity(row["commodity"], row["label"], float(row["order"]), row["mass"], row["element"],
                                        row["compound"], row["disposal"])
            for row in world.records("commodities")
            if row["chain"] == chain
        }  # fmt: skip
        self.processes = {
            row["process"]: Process(row["process"], row["kind"], row["label"], row["activity"], row["host"])
            for row in world.records("processes")
            if row["chain"] == chain
        }
        self.recipes: dict[str, list[Recipe]] = defaultdict(list)
        for row in world.records("recipes"):
            if row["process"] in self.processes:
                recipe = Recipe(row["process"], row["recipe"], row["label"], row["base"] == "yes")
                self.recipes[recipe.process].append(recipe)
        sites = [
            Site(row["site"], row["name"], row["process"], tuple(filter(None, row["recipes"].split(";"))), row["country"],
                 row["owner_country"], row["status"])
            for row in world.records("sites")
            if row["process"] in self.processes
        ]  # fmt: skip
        self.sites = sorted(sites, key=lambda site: site.site)
        self.recipe_terms = [row for row in world.rows("recipe_terms") if row["process"] in self.processes]
        self.coefficients: dict[tuple[str, str], Coefficients] = defaultdict(dict)
        for term in self.recipe_terms:
            terms, commodity = self.coefficients[term["process"], term["recipe"]], term["commodity"]
            terms[commodity] = terms.get(commodity, 0.0) + (term.value if term["direction"] == "out" else -term.value)
        self.consumed = {term["commodity"] for term in self.recipe_terms if term["direction"] == "in"}

    def of(self, table: str) -> list[Fact]:
        """Rows of a table whose commodity is the chain's."""
        return [row for row in self.tables.world.rows(table) if row["commodity"] in self.commodities]

    def recipes_of(self, site: Site) -> list[Recipe]:
        """The recipes a site may run."""
        own = self.recipes[site.process]
        return [recipe for recipe in own if recipe.recipe in site.recipes] if site.recipes else own

    def mix(self, site: Site) -> dict[str, float]:
        """Recipe -> share of the site's base-year activity; raises NetworkError if none of its recipes is base."""
        if site.site in self.tables.mixes:
            return self.tables.mixes[site.site]
        own = self.recipes_of(site)
        for recipe in own:
            if recipe.base:
                return {recipe.recipe: 1.0}
        names = [recipe.recipe for recipe in own]
        raise NetworkError(f"site {site.site}: no base-year recipe among {names}; set base=yes.")

    def node_terms(self, process: str, recipe: str, country: str) -> dict[Node, float]:
        """Coefficients of a recipe at the country's nodes."""
        return {(commodity, country): value for commodity, value in self.coefficients[process, recipe].items()}

    @cached_property
    def free(self) -> set[str]:
        """Declared by-products: commodities that may be thrown away."""
        return {name for name, item in self.commodities.items() if item.disposal == "free"}

    @cached_property
    def prices(self) -> dict[str, float]:
        """USD/t: the preferred market, else the cheapest one (the dearest is what a cut-off buyer pays)."""
        best: dict[str, tuple[bool, float]] = {}
        for row in self.of("prices"):
            key = (not row.preferred, row.value)
            best[row["commodity"]] = min(best.get(row["commodity"], key), key)
        return {commodity: value for commodity, (_, value) in best.items()}

    @cached_property
    def demand(self) -> dict[Node, list[Fact]]:
        """Rows of demand.csv by node."""
        return _grouped(self.of("demand"), "commodity", "country")

    @cached_property
    def consumption(self) -> dict[Node, Fact]:
        """Rows of consumption.csv by node."""
        return {(row["commodity"], row["country"]): row for row in self.of("consumption")}

    @cached_property
    def holdings(self) -> dict[Node, list[Fact]]:
        """Rows of stocks.csv by node."""
        return _grouped(self.of("stocks"), "commodity", "country")

    @cached_property
    def values(self) -> dict[tuple[str, str], Fact]:
        """(commodity, tier) -> USD lost per t missing."""
        return {(row["commodity"], row["tier"]): row for row in self.of("values")}

    @cached_property
    def _tiers(self) -> dict[tuple[str, str, str], dict[str, float]]:
        shares: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
        for row in self.of("tiers"):
            shares[row["commodity"], row["country"], row["end_use"]][row["tier"]] = row.value
        return shares

    def tiers(self, commodity: str, country: str, use: str) -> dict[str, float]:
        """Tier -> share of a use, the most specific rows made to sum to one; all general where nothing is stated."""
        for place, end in ((country, use), (country, "*"), ("*", use), ("*", "*")):
            shares = self._tiers.get((commodity, place, end))
            if shares:
                total = sum(shares.values())
                return {tier: share / total for tier, share in shares.items()}
        return {"general": 1.0}

    def days_held(self, commodity: str, country: str) -> float:
        """Days of the country's use held where no holding is published: the most specific rows, 0 without any."""
        held = self.tables.days_held
        for scope in (commodity, self.chain, "*"):
            for place in (country, "*"):
                if (scope, place) in held:
                    return held[scope, place]
        return 0.0

    def shipments(self) -> dict[tuple[str, str, str], Shipped]:
        """(commodity, origin, destination) -> stated base-year shipment: customs x factor, or the flow stated itself."""
        stated: dict[tuple[str, str, str], Shipped] = {}
        factors = _grouped(self.of("trade_factors"), "hs", "commodity")
        for (hs, commodity), rules in factors.items():
            for row in self.tables.customs.get(hs, []):
                fits = [
                    r
                    for r in rules
                    if r["origin"] in ("*", row["origin"]) and r["destination"] in ("*", row["destination"])
                ]
                if not fits:
                    continue
                factor = max(fits, key=lambda r: ((r["origin"] != "*") + (r["destination"] != "*"), r["origin"] != "*"))
                key = (commodity, row["origin"], row["destination"])
                before = stated[key].amount if key in stated else 0.0
                stated[key] = Shipped(before + row.value * factor.value, "trade", row, "computed")
        for row in self.of("flows"):
            stated[row["commodity"], row["origin"], row["destination"]] = Shipped(
                row.value, "flows", row, row.confidence
            )
        return dict(sorted(stated.items()))


def _grouped(rows: Iterable[Fact], *columns: str) -> dict[tuple[str, str], list[Fact]]:
    grouped: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    first, second = columns
    for row in rows:
        grouped[row[first], row[second]].append(row)
    return grouped
