"""From tables to a supply network: one chain at a time, stated figures reconciled, then put on months."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse

from orebridge.errors import NetworkError, UnknownLabel
from orebridge.network import OTHERS, Assumption, Finding, SupplyNetwork
from orebridge.reconcile import ERROR_BY_CONFIDENCE, INFERRED_ERROR, reconcile
from orebridge.world import World

MONTH_DAYS = 30.4375
PARTNER_SHARE = 0.01  # a country is a node of its own above this share of a commodity's trade
SMALLEST = 1e-4  # t/yr below which a reconciled flow counts as none
PHANTOM_SHARE = 0.01  # of a node's supply; a smaller gap at an exporter is rounding, not a use
UNMODELLED = "uses not modelled"


@dataclass
class _Flow:
    """One unknown of the base year: its stated figure, where it comes from and its coefficients."""

    kind: str
    key: tuple[str, ...]
    stated: float
    error: float
    terms: dict[tuple[str, str], float]
    row: dict[str, object] = field(default_factory=dict)
    inferred: bool = False


def build_network(
    world: World, members: Iterable[str] = ("USA", "JPN"), chains: Iterable[str] | None = None
) -> SupplyNetwork:
    """The supply network of the chains for the members, with reconciled base-year flows per month.

    Raises UnknownLabel for a chain that is not in the tables and NetworkError for nodes nothing can balance.
    """
    alliance = tuple(dict.fromkeys(members))
    known = list(world.tables["chains"]["chain"])
    wanted = known if chains is None else list(chains)
    for chain in wanted:
        if chain not in known:
            raise UnknownLabel(f"no chain {chain!r} in the tables; there are {', '.join(known)}.")
    facts = {table: world.facts(table) for table in world.tables}
    parts = [_ChainBuilder(facts, alliance, chain).build() for chain in wanted]
    return _joined(parts, alliance, tuple(wanted), _assumptions(facts["assumptions"]))


def _assumptions(frame: pd.DataFrame) -> dict[str, Assumption]:
    return {
        row.name: Assumption(row.name, row.value, row.low, row.high, row.unit, row.source, row.note)
        for row in frame.itertuples(index=False)
    }


class _ChainBuilder:
    """Builds the frames of one chain."""

    def __init__(self, facts: dict[str, pd.DataFrame], members: tuple[str, ...], chain: str) -> None:
        self.facts, self.members, self.chain = _of_chain(facts, chain), members, chain
        self.findings: list[Finding] = []
        commodities = facts["commodities"]
        self.commodities = commodities[commodities["chain"] == chain].set_index("commodity")
        processes = facts["processes"]
        self.processes = processes[processes["chain"] == chain].set_index("process")
        self.terms = facts["recipe_terms"][facts["recipe_terms"]["process"].isin(self.processes.index)]
        self.recipes = facts["recipes"][facts["recipes"]["process"].isin(self.processes.index)]
        sites = facts["sites"]
        self.sites = sites[sites["process"].isin(self.processes.index)].sort_values("site")
        self.prices = self._prices()
        self.coefficients = self._coefficients()
        self.consumed = set(self.terms[self.terms["direction"] == "in"]["commodity"])
        self.named: set[str] = set()
        self.others: set[str] = set()
        self.flows: list[_Flow] = []

    # --- stated figures --------------------------------------------------------------------------------------------
    def build(self) -> dict[str, object]:
        trade = self._stated_trade()
        self._choose_countries(trade)
        self._activity_flows()
        self._trade_flows(trade)
        self._demand_flows()
        self._infer_missing()
        nodes, reconciled = self._reconcile()
        return self._frames(nodes, reconciled)

    def _prices(self) -> dict[str, float]:
        frame = self.facts["prices"]
        # Cost of supply: the preferred market, else the cheapest one (the dearest is what a cut-off buyer pays).
        frame = frame[frame["commodity"].isin(self.commodities.index)]
        frame = frame.assign(_rank=(frame["preferred"] != "yes").astype(int)).sort_values(["_rank", "value"])
        return {str(key): float(value) for key, value in frame.groupby("commodity")["value"].first().items()}

    def _stated_trade(self) -> dict[tuple[str, str, str], tuple[float, dict[str, object]]]:
        factors = self.facts["trade_factors"]
        factors = factors[factors["commodity"].isin(self.commodities.index)]
        stated: dict[tuple[str, str, str], tuple[float, dict[str, object]]] = {}
        if len(factors):
            merged = self.facts["trade"].merge(factors, on="hs", suffixes=("", "_f"))
            fits_o = (merged["origin_f"] == "*") | (merged["origin_f"] == merged["origin"])
            fits_d = (merged["destination_f"] == "*") | (merged["destination_f"] == merged["destination"])
            merged = merged[fits_o & fits_d].copy()
            merged["_special"] = (merged["origin_f"] != "*").astype(int) + (merged["destination_f"] != "*").astype(int)
            merged = merged.sort_values("_special", kind="stable").drop_duplicates(
                ["hs", "commodity", "origin", "destination"], keep="last"
            )
            for row in merged.itertuples(index=False):
                key = (row.commodity, row.origin, row.destination)
                amount = row.value * row.value_f + stated.get(key, (0.0, {}))[0]
                stated[key] = (amount, _cited("trade", row) | {"confidence": "computed"})
        own = self.facts["flows"]
        for row in own[own["commodity"].isin(self.commodities.index)].itertuples(index=False):
            stated[row.commodity, row.origin, row.destination] = (row.value, _cited("flows", row))
        return {key: item for key, item in sorted(stated.items()) if item[0] > SMALLEST}

    def _choose_countries(self, trade: dict[tuple[str, str, str], tuple[float, dict[str, object]]]) -> None:
        demand = self.facts["demand"]
        demand = demand[demand["commodity"].isin(self.commodities.index)]
        named = set(self.members) | set(self.sites["country"]) | set(demand["country"])
        totals: dict[str, float] = defaultdict(float)
        share: dict[tuple[str, str], float] = defaultdict(float)
        for (commodity, origin, destination), (amount, _) in trade.items():
            totals[commodity] += amount
            share[commodity, origin] += amount
            share[commodity, destination] += amount
        named |= {country for (c, country), amount in share.items() if amount >= 5 * PARTNER_SHARE * totals[c]}
        self.named = named
        self.others = {country for (_, country) in share if country not in named}

    def _place(self, country: str) -> str:
        return country if country in self.named else OTHERS

    def _mix(self, site: pd.Series) -> dict[str, float]:
        stated = self.facts["recipe_mix"]
        stated = stated[stated["site"] == site["site"]]
        if len(stated):
            return dict(zip(stated["recipe"], stated["value"], strict=True))
        allowed = [name for name in str(site["recipes"]).split(";") if name]
        own = self.recipes[self.recipes["process"] == site["process"]]
        own = own[own["recipe"].isin(allowed)] if allowed else own
        base = own[own["base"] == "yes"]
        if base.empty:
            raise NetworkError(f"site {site['site']}: no base-year recipe among {list(own['recipe'])}; set base=yes.")
        return {str(base["recipe"].iloc[0]): 1.0}

    def _activity_flows(self) -> None:
        made = self.facts["production"].set_index("site")
        for _, site in self.sites.iterrows():
            if site["site"] not in made.index:
                continue
            row = made.loc[site["site"]]
            for recipe, share in sorted(self._mix(site).items()):
                stated = float(row["value"]) * share
                if stated <= 0:
                    continue
                terms = self._recipe_terms(str(site["process"]), recipe, str(site["country"]))
                error = _error(row, stated, share)
                self.flows.append(
                    _Flow("activity", (site["site"], recipe), stated, error, terms, _cited("production", row))
                )

    def _recipe_terms(self, process: str, recipe: str, country: str) -> dict[tuple[str, str], float]:
        return {(commodity, country): value for commodity, value in self.coefficients[process, recipe].items()}

    def _coefficients(self) -> dict[tuple[str, str], dict[str, float]]:
        """Net output (+) or input (-) of each commodity per unit of a recipe."""
        result: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for row in self.terms.itertuples(index=False):
            sign = 1.0 if row.direction == "out" else -1.0
            result[str(row.process), str(row.recipe)][str(row.commodity)] += sign * float(row.value)
        return result

    def _trade_flows(self, trade: dict[tuple[str, str, str], tuple[float, dict[str, object]]]) -> None:
        merged: dict[tuple[str, str, str], tuple[float, dict[str, object]]] = {}
        for (commodity, origin, destination), (amount, row) in trade.items():
            key = (commodity, self._place(origin), self._place(destination))
            if key[1] != key[2]:
                merged[key] = (merged.get(key, (0.0, row))[0] + amount, row)
        for key, (amount, row) in sorted(merged.items()):
            commodity, origin, destination = key
            error = ERROR_BY_CONFIDENCE[str(row["confidence"])] * amount + SMALLEST
            terms = {(commodity, origin): -1.0, (commodity, destination): 1.0}
            self.flows.append(_Flow("shipment", key, amount, error, terms, row))

    def _supply(self) -> dict[tuple[str, str], float]:
        """Stated supply less modelled use at each node."""
        net: dict[tuple[str, str], float] = defaultdict(float)
        for flow in self.flows:
            for node, coefficient in flow.terms.items():
                net[node] += coefficient * flow.stated
        return net

    def _handled(self) -> tuple[dict[tuple[str, str], float], set[tuple[str, str]]]:
        """Stated supply at each node, and the nodes that ship on."""
        supplied: dict[tuple[str, str], float] = defaultdict(float)
        shipped: set[tuple[str, str]] = set()
        for flow in self.flows:
            for node, coefficient in flow.terms.items():
                if coefficient > 0:
                    supplied[node] += coefficient * flow.stated
                elif flow.kind == "shipment":
                    shipped.add(node)
        return supplied, shipped

    def _demand_flows(self) -> None:
        net = self._supply()
        supplied, shipped = self._handled()
        table = self.facts["demand"]
        used_by_process = {
            node for flow in self.flows if flow.kind == "activity" for node, c in flow.terms.items() if c < 0
        }
        for commodity in self.commodities.index:
            rows = table[table["commodity"] == commodity]
            final = commodity not in self.consumed
            places = {node[1] for node in net if node[0] == commodity} | set(rows["country"])
            for place in sorted(places):
                node = (str(commodity), place)
                own = rows[rows["country"] == place]
                if len(own):
                    stated = float(own["value"].sum())
                    error = max(math.sqrt(sum(_error(row, row["value"]) ** 2 for _, row in own.iterrows())), SMALLEST)
                    cited = _cited("demand", own.iloc[0])
                elif final or (node not in used_by_process and self.commodities.loc[commodity, "disposal"] != "free"):
                    stated = max(net.get(node, 0.0), 0.0)
                    if node in shipped and stated < PHANTOM_SHARE * supplied.get(node, 0.0):
                        continue  # an exporter's rounding gap is not a use
                    error = max(0.5 * stated, 0.02 * sum(abs(v) for n, v in net.items() if n[0] == commodity), SMALLEST)
                    cited = {
                        "table": "demand",
                        "file": "",
                        "line": 0,
                        "source": "orebridge-derivation",
                        "confidence": "derived",
                    }
                else:
                    continue
                self.flows.append(_Flow("demand", node, stated, error, {node: -1.0}, cited))
        for commodity, item in self.commodities.iterrows():
            if item["disposal"] != "free":
                continue
            for node in sorted(node for node in net if node[0] == commodity and net[node] > 0):
                cited = {"table": "", "file": "", "line": 0, "source": "orebridge-derivation", "confidence": "derived"}
                self.flows.append(_Flow("waste", node, 0.0, max(net[node], SMALLEST), {node: -1.0}, cited))

    def _infer_missing(self) -> None:
        """A use without any stated supply gets an arc from each main producer, marked inferred."""
        supplied: set[tuple[str, str]] = set()
        need: dict[tuple[str, str], float] = defaultdict(float)
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
            if node in supplied or amount <= SMALLEST:
                continue
            origins = sorted(makers[node[0]].items(), key=lambda item: (-item[1], item[0]))[:3]
            if not origins:
                continue
            self.findings.append(
                Finding("warning", f"{node[0]}@{node[1]}", f"uses {amount:,.4g} t/yr but no source states where it comes from; "
                        f"flows from {', '.join(o for o, _ in origins)} are inferred", "add a row to flows.csv or trade_factors.csv")
            )  # fmt: skip
            for origin, _ in origins:
                key = (node[0], origin, node[1])
                cited = {"table": "", "file": "", "line": 0, "source": "orebridge-derivation", "confidence": "derived"}
                terms = {(node[0], origin): -1.0, node: 1.0}
                self.flows.append(_Flow("shipment", key, 0.0, INFERRED_ERROR * amount, terms, cited, inferred=True))

    # --- balance ---------------------------------------------------------------------------------------------------
    def _reconcile(self) -> tuple[list[tuple[str, str]], np.ndarray]:
        self.flows.sort(key=lambda flow: (flow.kind, flow.key))
        nodes = sorted({node for flow in self.flows for node in flow.terms})
        at = {node: i for i, node in enumerate(nodes)}
        rows, columns, values = [], [], []
        for j, flow in enumerate(self.flows):
            for node, coefficient in flow.terms.items():
                rows.append(at[node])
                columns.append(j)
                values.append(coefficient)
        balance = sparse.csr_array((values, (rows, columns)), shape=(len(nodes), len(self.flows)))
        stated = np.array([flow.stated for flow in self.flows])
        error = np.array([flow.error for flow in self.flows])
        result = reconcile(balance, stated, error, [f"{c}@{i}" for c, i in nodes])
        if not result.optimal:
            self.findings.append(Finding("warning", self.chain, "base-year flows balance but are not proven nearest to the "
                                         "sources", "look at the adjustments for figures moved far without need"))  # fmt: skip
        return nodes, np.where(result.flows < SMALLEST * 0.01, 0.0, result.flows)

    # --- frames ----------------------------------------------------------------------------------------------------
    def _frames(self, nodes: list[tuple[str, str]], used: np.ndarray) -> dict[str, object]:
        base = {(flow.kind, flow.key): value / 12.0 for flow, value in zip(self.flows, used, strict=True)}
        sites, activities, terms_rows = self._site_frames(base)
        every = set(nodes) | {node for _, node, _ in terms_rows}
        nodes = sorted(every)
        at = {node: i for i, node in enumerate(nodes)}
        node_frame = pd.DataFrame(
            {
                "node": [f"{c}@{i}" for c, i in nodes],
                "commodity": [c for c, _ in nodes],
                "country": [i for _, i in nodes],
                "chain": self.chain,
                "order": [float(self.commodities.at[c, "order"]) for c, _ in nodes],
                "mass": [str(self.commodities.at[c, "mass"]) for c, _ in nodes],
                "disposal": [str(self.commodities.at[c, "disposal"]) for c, _ in nodes],
                "replacement_usd": [self.prices.get(c, math.nan) for c, _ in nodes],
                "waste0": [base.get(("waste", node), 0.0) for node in nodes],
                "is_member": [i in self.members for _, i in nodes],
            }
        )
        terms = pd.DataFrame(
            [(a, at[node], value) for a, node, value in terms_rows], columns=["activity", "node", "coefficient"]
        )
        routes = self._route_frame(base, at, sites, activities, terms_rows)
        demands = self._demand_frame(base, at)
        stockpiles = self._stock_frame(nodes, base)
        # Small shares cut off above leave a rounding gap: demands and waste absorb it, never more than 1e-6 of a node.
        return {
            "nodes": node_frame,
            "sites": sites,
            "activities": activities,
            "terms": terms,
            "routes": routes,
            "demands": demands,
            "stockpiles": stockpiles,
            "adjustments": self._adjustments(used),
            "findings": self.findings,
            "regions": {self.chain: tuple(sorted(self.others))},
        }

    def _limit(self, kind: str, limit: str) -> float:
        frame = self.facts["limits"]
        for name in (kind, "*"):
            row = frame[(frame["kind"] == name) & (frame["limit"] == limit)]
            if len(row):
                return float(row["value"].iloc[0])
        raise NetworkError(f"limits.csv states no {limit} for {kind} nor for *; add a row.")

    def _process_lags(self) -> dict[str, int]:
        """Months per process: days accumulated along the chain and rounded up, so that rounding does not pile up."""
        days = {
            str(r.process): float(r.value)
            for r in self.facts["process_days"].itertuples()
            if r.process in self.processes.index
        }
        missing = sorted(set(self.processes.index) - set(days))
        if missing:
            raise NetworkError(f"process_days.csv states no days for {', '.join(missing)}; add rows.")
        order: dict[str, float] = {}
        for process in self.processes.index:
            outs = self.terms[(self.terms["process"] == process) & (self.terms["direction"] == "out")]["commodity"]
            order[process] = min((float(self.commodities.at[c, "order"]) for c in outs), default=0.0)
        lags: dict[str, int] = {}
        reached: dict[float, float] = {}
        for process in sorted(order, key=lambda p: (order[p], p)):
            before = max((d for o, d in reached.items() if o < order[process]), default=0.0)
            after = before + days[process]
            lags[process] = math.ceil(after / MONTH_DAYS - 1e-9) - math.ceil(before / MONTH_DAYS - 1e-9)
            reached[order[process]] = max(reached.get(order[process], 0.0), after)
        for process in self.processes.index:
            if self.processes.at[process, "kind"] == "recycling":
                lags[process] = max(1, lags[process])  # a loop needs time to turn
        return lags

    def _site_frames(
        self, base: dict[tuple[str, tuple[str, ...]], float]
    ) -> tuple[pd.DataFrame, pd.DataFrame, list[tuple[int, tuple[str, str], float]]]:
        capacity = self.facts["capacities"].set_index("site")["value"]
        lags = self._process_lags()
        opens = {(r.process, r.recipe): r.value for r in self.facts["qualifications"].itertuples()}
        accepted = {(r.process, r.recipe): r.value for r in self.facts["accepted_shares"].itertuples()}
        site_rows, activity_rows, term_rows = [], [], []
        for _, site in self.sites.iterrows():
            process = str(site["process"])
            kind = str(self.processes.at[process, "kind"])
            allowed = [name for name in str(site["recipes"]).split(";") if name]
            own = self.recipes[self.recipes["process"] == process]
            own = own[own["recipe"].isin(allowed)] if allowed else own
            x0 = {str(r): base.get(("activity", (site["site"], str(r))), 0.0) for r in own["recipe"]}
            total = sum(x0.values())
            stated = float(capacity[site["site"]]) / 12.0 if site["site"] in capacity.index else math.nan
            host = str(self.processes.at[process, "host"])
            limit = self._host_limit(process, host, str(site["country"]))
            room = min(total if math.isnan(stated) else stated, limit)
            if math.isnan(stated):
                self.findings.append(Finding("info", site["site"], "capacity is not published; taken as base output",
                                             "add a row to capacities.csv"))  # fmt: skip
            if room < total:
                if not math.isnan(stated) and room < 0.98 * total:
                    self.findings.append(Finding("warning", site["site"], f"base output {12 * total:,.4g} t/yr exceeds capacity "
                                                 f"{12 * room:,.4g}", "check capacities.csv and production.csv"))  # fmt: skip
                room = total
            restart = self._limit(kind, "start") if site["status"] in ("idle", "planned") else 0.0
            site_rows.append(
                {"site": site["site"], "name": site["name"], "process": process, "kind": kind, "chain": self.chain,
                 "country": site["country"], "owner": site["owner_country"], "capacity": room, "base": total,
                 "surge": self._limit(kind, "surge"), "ramp": self._limit(kind, "ramp"), "host": host,
                 "status": site["status"]}
            )  # fmt: skip
            for recipe in own.sort_values("recipe").itertuples():
                is_base = x0[recipe.recipe] > 0 or recipe.base == "yes"
                if room <= 0:
                    continue
                share = 1.0 if is_base else float(accepted.get((process, recipe.recipe), 1.0))
                wait = 0.0 if is_base else float(opens.get((process, recipe.recipe), 0.0))
                activity_rows.append(
                    {"activity": f"{site['site']}/{recipe.recipe}", "site": len(site_rows) - 1, "recipe": recipe.recipe,
                     "x0": x0[recipe.recipe], "opens": math.ceil(max(wait, restart)), "accepted": share,
                     "lag": lags[process]}
                )  # fmt: skip
                for node, value in sorted(self._recipe_terms(process, recipe.recipe, str(site["country"])).items()):
                    term_rows.append((len(activity_rows) - 1, node, value))
        return pd.DataFrame(site_rows), pd.DataFrame(activity_rows), term_rows

    def _host_limit(self, process: str, host: str, country: str) -> float:
        """Largest by-product recovery that the host metal's throughput allows, t per month (inf without a host)."""
        if not host:
            return math.inf
        hosts, rates = self.facts["hosts"], self.facts["host_rates"]
        flow = hosts[(hosts["host"] == host) & (hosts["country"] == country)]["value"]
        rate = rates[(rates["process"] == process) & rates["country"].isin([country, "*"])]
        if flow.empty or rate.empty:
            return math.inf
        own = rate[rate["country"] == country]
        return float(flow.iloc[0]) * float((own if len(own) else rate)["value"].iloc[0]) / 12.0

    def _transit(self, origin: str, destination: str) -> tuple[float, str]:
        if not hasattr(self, "_zone"):
            zones = self.facts["transit_zones"]
            self._zone = dict(zip(zones["country"], zones["zone"], strict=True))
            self._days = {}
            for row in self.facts["transit"].itertuples():
                self._days[row.origin, row.destination] = (float(row.value), str(row.chokepoints))
        a, b = self._zone.get(origin, "other"), self._zone.get(destination, "other")
        for pair in ((origin, destination), (destination, origin), (origin, b), (b, origin), (a, destination),
                     (destination, a), (a, b), (b, a)):  # fmt: skip
            if pair in self._days:
                return self._days[pair]
        if OTHERS in (origin, destination):  # the rest of the chain's countries: a middling distance, no passage named
            zone = b if origin == OTHERS else a
            known = [days for (x, y), (days, _) in self._days.items() if zone in (x, y)]
            if known:
                return float(np.median(known)), ""
        raise NetworkError(f"transit.csv states no days between {origin} ({a}) and {destination} ({b}); add a row.")

    def _route_frame(
        self,
        base: dict[tuple[str, tuple[str, ...]], float],
        at: dict[tuple[str, str], int],
        sites: pd.DataFrame,
        activities: pd.DataFrame,
        terms: list[tuple[int, tuple[str, str], float]],
    ) -> pd.DataFrame:
        inferred = {flow.key: flow.inferred for flow in self.flows if flow.kind == "shipment"}
        pairs: dict[tuple[str, str, str], tuple[float, float, bool]] = {
            key: (base["shipment", key], 0.0, inferred[key]) for key in inferred if base["shipment", key] > 0
        }
        wait = self._assumed("new_source_months")
        makers = {(node[0], node[1]) for a, node, value in terms if value > 0}
        makers = {node for node in makers if node[0] not in self._free()}
        for commodity, origin in sorted(makers):
            for member in self.members:
                key = (commodity, origin, member)
                if origin != member and (commodity, member) in at and key not in pairs:
                    pairs[key] = (0.0, wait, True)
        rows = []
        for (commodity, origin, destination), (y0, opens, guess) in sorted(pairs.items()):
            days, chokepoints = self._transit(origin, destination)
            rows.append(
                {"route": f"{commodity}:{origin}>{destination}", "commodity": commodity, "origin": origin,
                 "destination": destination, "chain": self.chain, "from_node": at[commodity, origin],
                 "to_node": at[commodity, destination], "lag": max(1, round(days / MONTH_DAYS)), "y0": y0,
                 "opens": opens, "inferred": guess, "premium_usd": 0.0, "days": days, "chokepoints": chokepoints}
            )  # fmt: skip
        return pd.DataFrame(rows)

    def _free(self) -> set[str]:
        return set(self.commodities.index[self.commodities["disposal"] == "free"])

    def _assumed(self, name: str) -> float:
        frame = self.facts["assumptions"]
        row = frame[frame["name"] == name]
        if row.empty:
            raise NetworkError(f"assumptions.csv has no {name!r}; add a row with value, low and high.")
        return float(row["value"].iloc[0])

    def _demand_frame(
        self, base: dict[tuple[str, tuple[str, ...]], float], at: dict[tuple[str, str], int]
    ) -> pd.DataFrame:
        table, tiers = self.facts["demand"], self.facts["tiers"]
        values = {(r.commodity, r.tier): float(r.value) for r in self.facts["values"].itertuples()}
        rows = []
        for (kind, node), amount in sorted(base.items()):
            if kind != "demand" or amount <= 0:
                continue
            commodity, country = node
            own = table[(table["commodity"] == commodity) & (table["country"] == country)]
            uses = dict(zip(own["end_use"], own["value"], strict=True)) or {
                UNMODELLED if commodity in self.consumed else "all": 1.0
            }
            total = sum(uses.values()) or 1.0
            for use, stated in sorted(uses.items()):
                for tier, share in sorted(self._tiers(tiers, commodity, country, use).items()):
                    quantity = amount * stated / total * share
                    if quantity <= 0:
                        continue
                    rows.append(
                        {"demand": f"{commodity}@{country}/{use}/{tier}", "commodity": commodity, "country": country,
                         "chain": self.chain, "end_use": use, "tier": tier, "node": at[node], "D": quantity,
                         "value_usd": values.get((commodity, tier), math.nan), "unmet0": 0.0,
                         "is_member": country in self.members}
                    )  # fmt: skip
        return pd.DataFrame(rows)

    @staticmethod
    def _tiers(frame: pd.DataFrame, commodity: str, country: str, use: str) -> dict[str, float]:
        frame = frame[frame["commodity"] == commodity]
        for place, end in ((country, use), (country, "*"), ("*", use), ("*", "*")):
            rows = frame[(frame["country"] == place) & (frame["end_use"] == end)]
            if len(rows):
                total = float(rows["value"].sum())
                return {str(r.tier): float(r.value) / total for r in rows.itertuples()}
        return {"general": 1.0}

    def _stock_frame(
        self, nodes: list[tuple[str, str]], base: dict[tuple[str, tuple[str, ...]], float]
    ) -> pd.DataFrame:
        held, days = self.facts["stocks"], self.facts["stock_days"]
        use: dict[tuple[str, str], float] = defaultdict(float)
        for flow in self.flows:
            for node, coefficient in flow.terms.items():
                if coefficient < 0 and flow.kind in ("activity", "demand"):
                    use[node] -= coefficient * base[flow.kind, flow.key]
        rows = []
        for position, (commodity, country) in enumerate(nodes):
            own = held[(held["commodity"] == commodity) & (held["country"] == country)]
            entries = [(str(r.holder), float(r.value), False) for r in own.itertuples()]
            if not any(holder.startswith("industry") for holder, _, _ in entries):
                guess = (
                    0.0
                    if len(own)
                    else self._days_held(days, commodity, country) / MONTH_DAYS * use[commodity, country]
                )
                entries.append(("industry", guess, True))
            for holder, amount, assumed in entries:
                rows.append(
                    {"stockpile": f"{holder}:{commodity}@{country}", "holder": holder, "country": country,
                     "commodity": commodity, "chain": self.chain, "node": position, "s0": amount, "floor": 0.0,
                     "release": amount, "room": math.inf if holder == "industry" or not assumed else amount,
                     "replacement_usd": self.prices.get(commodity, math.nan), "assumed": assumed}
                )  # fmt: skip
        return pd.DataFrame(rows)

    def _days_held(self, frame: pd.DataFrame, commodity: str, country: str) -> float:
        for item in (commodity, self.chain, "*"):
            for place in (country, "*"):
                row = frame[(frame["commodity"] == item) & (frame["country"] == place)]
                if len(row):
                    return float(row["value"].sum())
        return 0.0

    def _adjustments(self, used: np.ndarray) -> pd.DataFrame:
        rows = []
        for flow, value in zip(self.flows, used, strict=True):
            share = (value - flow.stated) / flow.stated if flow.stated > 0 else math.inf if value > 0 else 0.0
            rows.append(
                {"chain": self.chain, "what": f"{flow.kind} {' '.join(flow.key)}", "table": flow.row.get("table", ""),
                 "file": flow.row.get("file", ""), "line": flow.row.get("line", 0), "source": flow.row.get("source", ""),
                 "confidence": flow.row.get("confidence", ""), "stated": flow.stated, "used": float(value),
                 "change": float(value) - flow.stated, "change_share": share, "weight": 1.0 / flow.error**2,
                 "inferred": flow.inferred}
            )  # fmt: skip
        return pd.DataFrame(rows)


def _of_chain(facts: dict[str, pd.DataFrame], chain: str) -> dict[str, pd.DataFrame]:
    """The tables with only the chain's own rows where they name a commodity or a process."""
    own = set(facts["commodities"].loc[facts["commodities"]["chain"] == chain, "commodity"])
    steps = set(facts["processes"].loc[facts["processes"]["chain"] == chain, "process"])
    result = dict(facts)
    for table, frame in facts.items():
        if "chain" in frame or table in ("commodities", "processes"):
            continue
        if "commodity" in frame:
            result[table] = frame[frame["commodity"].isin(own | {chain, "*"})]
        elif "process" in frame:
            result[table] = frame[frame["process"].isin(steps | {"*"})]
    return result


def _cited(table: str, row: object) -> dict[str, object]:
    get = row.get if isinstance(row, pd.Series) else lambda key: getattr(row, key)
    return {"table": table, **{key: get(key) for key in ("file", "line", "source", "confidence")}}


def _error(row: pd.Series, stated: float, share: float = 1.0) -> float:
    relative = ERROR_BY_CONFIDENCE[str(row["confidence"])] * abs(stated)
    width = (float(row["high"]) - float(row["low"])) * share / 4.0
    return max(relative, width if math.isfinite(width) else 0.0, SMALLEST)


def _joined(
    parts: list[dict[str, object]],
    members: tuple[str, ...],
    chains: tuple[str, ...],
    assumptions: dict[str, Assumption],
) -> SupplyNetwork:
    offset = {"nodes": 0, "sites": 0, "activities": 0}
    frames: dict[str, list[pd.DataFrame]] = defaultdict(list)
    findings: list[Finding] = []
    regions: dict[str, tuple[str, ...]] = {}
    for part in parts:
        shift = {"node": offset["nodes"], "from_node": offset["nodes"], "to_node": offset["nodes"],
                 "site": offset["sites"], "activity": offset["activities"]}  # fmt: skip
        for name, frame in part.items():
            if not isinstance(frame, pd.DataFrame):
                continue
            moved = frame.copy()
            for column, by in shift.items():
                if column in moved and pd.api.types.is_integer_dtype(moved[column]):
                    moved[column] += by
            frames[name].append(moved)
        for name in offset:
            offset[name] += len(part[name])  # type: ignore[arg-type]
        findings += part["findings"]  # type: ignore[arg-type]
        regions |= part["regions"]  # type: ignore[arg-type]
    joined = {name: pd.concat([f for f in items if len(f)], ignore_index=True) for name, items in frames.items()}
    provenance = joined["adjustments"][["what", "table", "file", "line", "source", "confidence", "stated"]]
    return SupplyNetwork(
        members=members, base_year=2024, chains=chains, assumptions=assumptions, regions=regions,
        provenance=provenance, findings=tuple(findings), **joined,
    )  # fmt: skip
