"""What a member's use rests on, stage by stage upstream and through third countries, by location and by control.

Walk upstream from a member's use of a product, over base-year flows. Where a node draws from several suppliers and
makers, in proportion to their tonnes (nobody knows whose metal went where); where a maker has several inputs, into those
that lead to the stage asked about, in proportion to the tonnes that go into the output. The walk ends where it first
meets a maker of the stage: that is the origin. So with P the matrix of one step upstream and r_k the chance that the
next maker is one of the stage in country k, the share of a node's material that rests on k is

    h_k = P h_k + r_k        h_k = (I - P)^-1 r_k        (an absorbing chain, or the Leontief inverse of the base year)

and sum over k of h_k + h_none = 1, where `none` is material made without the stage (other recipes, other feed); both
sides are solved by themselves and compared. Loops (swarf that becomes oxide again) are what the inverse is for.

*direct*: the part that touches no third country on its way: made in k, worked up in k or at home. The rest is *hidden*.
Stage `source of M` ends only where the tables know no input: mines, and scrap that comes from outside the chain.

Allocation where a maker has several outputs: an output of one mineral takes from inputs of its own mineral, tonne for
tonne; what is left of an input goes to the other outputs by tonnes. A metal from a mixed concentrate takes concentrate
by tonnes. By value the heavy rare earths would carry more of their ore; shares by country of one stage do not depend on
that unless makers differ in what they make beside it.

Stocks are left out: the base year is a steady state. Units: shares of the member's use. Control: the owner's country,
what several own in equal parts; `direct` is then what stands at home in the controlling country. Not covered: company
shares, toll work, and what the base-year reconciliation inferred (see `data reconcile`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.errors import NetworkError, UnknownLabel
from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.concentration import owners

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
TRACES = ["chain", "member", "product", "stage", "by", "origin", "share", "direct", "hidden", "use_t_per_year"]
LINKS = ["stage", "upstream", "origin", "downstream", "destination", "share"]
NONE = "none"
SOURCE = "source of "
CLOSED = 1e-8  # how far the shares of an origin and of `none` may be from one in all
SMALLEST = 1e-9


@dataclass(frozen=True)
class _Make:
    """One output of one activity in the base year: tonnes a month, and what of each input goes into it."""

    node: int
    site: int
    tonnes: float
    inputs: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Stage:
    """What to walk to: makers of `commodities`, or (`source`) whoever takes no input; on the way stay in `branch`."""

    name: str
    commodities: frozenset[str]
    source: bool
    branch: frozenset[str]


class Tracer:
    """The base year of one chain, ready to be walked upstream."""

    def __init__(self, network: SupplyNetwork) -> None:
        self.network = network
        nodes, routes = network.nodes, network.routes
        self.commodity, self.country = nodes["commodity"].to_numpy(), nodes["country"].to_numpy()
        self.makes = _makes(network)
        n = len(nodes)
        self._bought = np.zeros((n, n))
        used = routes["y0"].to_numpy() > 0
        np.add.at(
            self._bought,
            (routes["to_node"].to_numpy(dtype=int)[used], routes["from_node"].to_numpy(dtype=int)[used]),
            routes["y0"].to_numpy()[used],
        )
        made = np.zeros(n)
        for make in self.makes:
            made[make.node] += make.tonnes
        self._supply = self._bought.sum(axis=1) + made

    # --- what there is to trace -------------------------------------------------------------------------------
    @cached_property
    def uses(self) -> pd.DataFrame:
        """Members' base-year uses: `node, member, product, tonnes` (a month)."""
        demands = self.network.demands
        own = demands[demands["is_member"].to_numpy(dtype=bool)]
        sums = own.assign(tonnes=own["D"] - own["unmet0"]).groupby(["node", "country", "commodity"])["tonnes"].sum()
        frame: pd.DataFrame = sums.reset_index().rename(columns={"country": "member", "commodity": "product"})
        frame = frame[frame["tonnes"] > 0].sort_values(["product", "member"])
        return frame.reset_index(drop=True)

    @cached_property
    def order(self) -> dict[str, float]:
        """Commodity -> its place along the chain."""
        nodes = self.network.nodes
        return {str(c): float(o) for c, o in zip(nodes["commodity"], nodes["order"], strict=True)}

    @cached_property
    def scrap(self) -> frozenset[str]:
        """Commodities that nobody but recyclers takes as an input (swarf, new scrap), and nobody uses."""
        kinds = self.network.sites["kind"].to_numpy()
        taken: dict[str, set[str]] = {}
        for make in self.makes:
            for node, _ in make.inputs:
                taken.setdefault(str(self.commodity[node]), set()).add(str(kinds[make.site]))
        used = set(self.network.demands["commodity"])
        return frozenset(c for c, by in taken.items() if by == {"recycling"} and c not in used)

    @cached_property
    def feeds(self) -> dict[str, frozenset[str]]:
        """Commodity -> commodities it is made from, directly; recycling and scrap left out."""
        kinds = self.network.sites["kind"].to_numpy()
        found: dict[str, set[str]] = {}
        for make in self.makes:
            if kinds[make.site] != "recycling":
                own = {str(self.commodity[node]) for node, _ in make.inputs}
                found.setdefault(str(self.commodity[make.node]), set()).update(own - self.scrap)
        return {c: frozenset(own) for c, own in found.items()}

    def upstream(self, commodities: frozenset[str]) -> frozenset[str]:
        """The commodities and everything they are made from."""
        reached = set(commodities)
        while True:
            more = {feed for c in reached for feed in self.feeds.get(c, frozenset())} - reached
            if not more:
                return frozenset(reached)
            reached |= more

    def stages(self, product: str) -> list[Stage]:
        """The product itself, every upstream commodity that names one of its minerals, and the sources of each mineral.

        A mixed feed (rare-earth concentrate) of a product with several minerals is no stage of its own: which feed a
        magnet rests on is another question for each mineral in it, and the sources answer that.
        """
        above, minerals = self.upstream(frozenset([product])), self.minerals(product)
        named = {c for c in above if len(minerals) == 1 or c.partition("/")[0] in minerals} | {product}
        stages = [
            Stage(c, frozenset([c]), False, frozenset(self.commodity))
            for c in sorted(named, key=lambda c: (-self.order[c], c))
        ]
        return stages + [Stage(SOURCE + m, frozenset(), True, self.branch(m)) for m in minerals]

    def minerals(self, product: str) -> list[str]:
        """Minerals a product is made of: by the names of its upstream commodities, mixed feeds left out."""
        above = self.upstream(frozenset([product]))
        first = min(self.order[c] for c in above)
        named: dict[str, list[str]] = {}
        for c in above:
            named.setdefault(c.partition("/")[0], []).append(c)
        later = {m for m, own in named.items() if any(self.order[c] > first for c in own)}
        made_of_others = {m for m, own in named.items() if all(self._made_of_others(c, m) for c in own)}
        return sorted(later - made_of_others or set(named) - made_of_others or set(named))

    def _made_of_others(self, commodity: str, mineral: str) -> bool:
        """Whether a commodity is put together from two other minerals or more (a magnet), so that it names none."""
        others = {feed.partition("/")[0] for feed in self.feeds.get(commodity, frozenset())} - {mineral}
        return len(others) > 1 or (bool(others) and self.order[commodity] == max(self.order.values()))

    def branch(self, mineral: str) -> frozenset[str]:
        """Commodities of a mineral and what they are made from."""
        own = frozenset(c for c in self.order if c.partition("/")[0] == mineral)
        return self.upstream(own)

    # --- walking ----------------------------------------------------------------------------------------------
    def walk(self, stage: Stage) -> Walk:
        """The matrix of one step upstream towards a stage, and where it ends."""
        n, sites = len(self.commodity), len(self.network.sites)
        leads = self._leads(stage)
        step, ends = np.zeros((n, n)), np.zeros((n, sites))
        supply = np.where(self._supply > 0, self._supply, 1.0)
        step += self._bought / supply[:, None]
        for make in self.makes:
            part = make.tonnes / supply[make.node]
            if self._ends(make, stage):
                ends[make.node, make.site] += part
                continue
            ways = [(node, tonnes) for node, tonnes in self._followed(make, stage) if leads[node]]
            total = sum(tonnes for _, tonnes in ways)
            for node, tonnes in ways:
                step[make.node, node] += part * tonnes / total
        step[:, ~leads] = 0.0
        step[~leads] = 0.0
        return Walk(self, step, ends, leads)

    def _ends(self, make: _Make, stage: Stage) -> bool:
        return not make.inputs if stage.source else str(self.commodity[make.node]) in stage.commodities

    def _followed(self, make: _Make, stage: Stage) -> list[tuple[int, float]]:
        """Inputs of a maker that belong to the stage's branch; all of them where none does."""
        own = [(node, t) for node, t in make.inputs if self.commodity[node] in stage.branch]
        return own or list(make.inputs)

    def _leads(self, stage: Stage) -> Bools:
        """Nodes from which the stage can be reached upstream."""
        leads = np.zeros(len(self.commodity), dtype=bool)
        for make in self.makes:
            leads[make.node] |= self._ends(make, stage)
        while True:
            before = leads.sum()
            leads |= (self._bought > 0) @ leads
            for make in self.makes:
                if not leads[make.node]:
                    leads[make.node] = any(leads[node] for node, _ in self._followed(make, stage))
            if leads.sum() == before:
                return leads


@dataclass(frozen=True)
class Walk:
    """One stage's chain: `step` (node x node upstream), `ends` (node x site that makes the stage)."""

    tracer: Tracer
    step: Floats
    ends: Floats
    leads: Bools

    def shares(self, node: int) -> Floats:
        """Share of what a node uses that rests on each site; what is left to one is made without the stage.

        Raises NetworkError if the shares and what is made without the stage are not one in all.
        """
        if not self.leads[node]:
            return np.zeros(self.ends.shape[1])
        at = np.flatnonzero(self.leads)
        visits = np.linalg.solve(np.eye(len(at)) - self.step[np.ix_(at, at)].T, (at == node).astype(float))
        result: Floats = visits @ self.ends[at]
        lost = 1.0 - self.step[np.ix_(at, at)].sum(axis=1) - self.ends[at].sum(axis=1)
        without = np.linalg.solve(np.eye(len(at)) - self.step[np.ix_(at, at)], lost)[np.flatnonzero(at == node)[0]]
        if abs(result.sum() + without - 1.0) > CLOSED:
            name = self.tracer.network.nodes["node"].iloc[node]
            raise NetworkError(
                f"tracing {name}: shares add up to {result.sum() + without:.6g}, not to one; report this."
            )
        return result

    def direct(self, node: int, origin: str) -> float:
        """The part that rests on makers in `origin` and touches no country but that and the user's own."""
        country = self.tracer.country
        near = self.leads & ((country == origin) | (country == country[node]))
        if not near[node]:
            return 0.0
        at = np.flatnonzero(near)
        there = self.tracer.network.sites["country"].to_numpy() == origin
        visits = np.linalg.solve(np.eye(len(at)) - self.step[np.ix_(at, at)].T, (at == node).astype(float))
        return float(visits @ self.ends[at][:, there].sum(axis=1))


def _makes(network: SupplyNetwork) -> list[_Make]:
    """Outputs of the base year with what each takes of its maker's inputs (see the allocation above)."""
    act, node = network.terms["activity"].to_numpy(dtype=int), network.terms["node"].to_numpy(dtype=int)
    coefficient, x0 = network.terms["coefficient"].to_numpy(dtype=float), network.activities["x0"].to_numpy()
    site = network.activities["site"].to_numpy(dtype=int)
    mineral = np.array([str(c).partition("/")[0] for c in network.nodes["commodity"]])
    found = []
    for a in np.unique(act[x0[act] > 0]):
        own = np.flatnonzero(act == a)
        outs, ins = own[coefficient[own] > 0], own[coefficient[own] < 0]
        takes = _allocated(mineral[node[outs]], coefficient[outs], mineral[node[ins]], -coefficient[ins])
        for k, out in enumerate(outs):
            inputs = tuple(
                (int(node[term]), float(takes[k, j] * x0[a])) for j, term in enumerate(ins) if takes[k, j] > SMALLEST
            )
            found.append(_Make(int(node[out]), int(site[a]), float(coefficient[out] * x0[a]), inputs))
    return found


def _allocated(made: npt.NDArray[np.str_], out: Floats, fed: npt.NDArray[np.str_], into: Floats) -> Floats:
    """Tonnes of each input (columns) that go into each output (rows), per unit of activity.

    >>> _allocated(np.array(["ndfeb", "dy"]), np.array([1.0, 0.1]), np.array(["dy", "fe"]), np.array([0.5, 0.7])).tolist()
    [[0.4, 0.7], [0.1, 0.0]]
    """
    takes = np.zeros((len(out), len(into)))
    for j, (mineral, tonnes) in enumerate(zip(fed, into, strict=True)):
        same = made == mineral
        others = ~same & ~np.isin(made, fed)
        own = np.where(same, out, 0.0)
        if others.any():
            own *= min(1.0, tonnes / own.sum()) if own.sum() > 0 else 0.0
            takes[:, j] = own + np.where(others, out, 0.0) / out[others].sum() * max(tonnes - own.sum(), 0.0)
        else:
            among = own if same.any() else out
            takes[:, j] = tonnes * among / among.sum()
    return np.round(takes, 15)


def trace(network: SupplyNetwork) -> pd.DataFrame:
    """Shares of members' uses by product, upstream stage and origin, by location and by control, for one chain.

    Per (member, product, stage, by) the shares add up to one with the row `none` (made without the stage).
    """
    tracer = Tracer(network)
    chain = network.chains[0] if network.chains else ""
    sites = network.sites
    rows: list[tuple[object, ...]] = []
    for product, own in tracer.uses.groupby("product", sort=False):
        for stage in tracer.stages(str(product)):
            walk = tracer.walk(stage)
            for use in own.itertuples():
                shares = walk.shares(int(str(use.node)))
                if shares.sum() < SMALLEST:
                    continue
                key = (chain, str(use.member), str(product), stage.name)
                tonnes = float(str(use.tonnes)) * 12.0
                for by, split in (("location", _by_location), ("control", _by_control)):
                    parts = split(sites, shares, walk, int(str(use.node)))
                    rows += [(*key, by, origin, s, d, s - d, tonnes) for origin, (s, d) in parts.items()]
                    without = max(1.0 - float(shares.sum()), 0.0)
                    rows += [(*key, by, NONE, without, without, 0.0, tonnes)] if without > SMALLEST else []
    return pd.DataFrame(rows, columns=TRACES)


def _by_location(sites: pd.DataFrame, shares: Floats, walk: Walk, node: int) -> dict[str, tuple[float, float]]:
    """Country of the maker -> share, and the part that touches no third country."""
    by = pd.Series(shares).groupby(sites["country"].to_numpy()).sum()
    by = by[by > SMALLEST].sort_values(ascending=False, kind="stable")
    return {str(c): (float(s), min(walk.direct(node, str(c)), float(s))) for c, s in by.items()}


def _by_control(sites: pd.DataFrame, shares: Floats, walk: Walk, node: int) -> dict[str, tuple[float, float]]:
    """Country of control -> share, and the part made at home in that country."""
    found: dict[str, list[float]] = {}
    for k in np.flatnonzero(shares > SMALLEST):
        holders = owners(str(sites["owner"].iloc[k]))
        for holder in holders:
            part = found.setdefault(holder, [0.0, 0.0])
            part[0] += shares[k] / len(holders)
            part[1] += shares[k] / len(holders) * (sites["country"].iloc[k] == holder)
    return {c: (s, d) for c, (s, d) in sorted(found.items(), key=lambda item: -item[1][0])}


def trace_links(network: SupplyNetwork, member: str, product: str, mineral: str | None = None) -> pd.DataFrame:
    """One member's product traced upstream as bands: makers of one stage to makers (or the user) of the next.

    Columns `stage` (0 the first upstream), `upstream`, `origin`, `downstream`, `destination`, `share` of the use. A
    stage is all commodities of the mineral's branch with one place (`order`) along the chain. Raises UnknownLabel.
    """
    tracer = Tracer(network)
    use = tracer.uses[(tracer.uses["member"] == member) & (tracer.uses["product"] == product)]
    if use.empty:
        raise UnknownLabel(f"{member} has no use of {product!r} in the base year of {', '.join(network.chains)}.")
    minerals = tracer.minerals(product)
    wanted = mineral or minerals[0]
    if wanted not in minerals:
        raise UnknownLabel(f"{product} is not traced by {wanted!r}; it is by {', '.join(minerals)}.")
    node, branch = int(use["node"].iloc[0]), tracer.branch(wanted)
    above = tracer.upstream(frozenset([product]))
    levels = sorted({tracer.order[c] for c in (branch & above) - {product} - tracer.scrap}, reverse=True)
    # The product itself is a stage: who makes it for this user.
    sets = [frozenset([product])] + [
        frozenset(c for c in branch & above if tracer.order[c] == level and c not in tracer.scrap) for level in levels
    ]
    sets = [own for own in sets if own]
    start: list[tuple[str, str, dict[int, float]]] = [("use", member, {node: 1.0})]
    rows: list[tuple[object, ...]] = []
    for number, own in enumerate(sets):
        walk = tracer.walk(Stage("", own, False, branch))
        after: dict[tuple[str, str], dict[int, float]] = {}
        for name, place, weights in start:
            for (upstream, origin), makers in _makers(tracer, walk, own, weights).items():
                share = sum(share for share, _ in makers)
                rows.append((number, upstream, origin, name, place, share))
                into = after.setdefault((upstream, origin), {})
                for part, make in makers:
                    ways = [(n, t) for n, t in tracer._followed(make, Stage("", own, False, branch))]
                    total = sum(t for _, t in ways)
                    for n, t in ways:
                        into[n] = into.get(n, 0.0) + part * t / total
        start = [(name, place, weights) for (name, place), weights in after.items()]
    return pd.DataFrame(rows, columns=LINKS)


def _makers(
    tracer: Tracer, walk: Walk, commodities: frozenset[str], weights: dict[int, float]
) -> dict[tuple[str, str], list[tuple[float, _Make]]]:
    """(commodity, country) of the next makers upstream -> share and maker, from nodes with their weights."""
    at = np.flatnonzero(walk.leads)
    begin = np.array([weights.get(int(node), 0.0) for node in at])
    visits = np.zeros(len(tracer.commodity))
    visits[at] = np.linalg.solve(np.eye(len(at)) - walk.step[np.ix_(at, at)].T, begin)
    found: dict[tuple[str, str], list[tuple[float, _Make]]] = {}
    for make in tracer.makes:
        if str(tracer.commodity[make.node]) in commodities and visits[make.node] > SMALLEST:
            share = float(visits[make.node] * make.tonnes / tracer._supply[make.node])
            key = (str(tracer.commodity[make.node]), str(tracer.country[make.node]))
            found.setdefault(key, []).append((share, make))
    return found


def hidden_dependence(traces: pd.DataFrame, least: float = 0.01) -> pd.DataFrame:
    """Rows by location whose hidden share is at least `least`, largest first: what no import statistic shows."""
    own = traces[(traces["by"] == "location") & (traces["origin"] != NONE) & (traces["origin"] != traces["member"])]
    return own[own["hidden"] >= least].sort_values("hidden", ascending=False, kind="stable").reset_index(drop=True)


def summed(traces: pd.DataFrame, keys: Sequence[str] = ("chain", "member", "product", "stage", "by")) -> pd.Series:
    """Shares added up over origins, `none` included: one everywhere."""
    result: pd.Series = traces.groupby(list(keys))["share"].sum()
    return result
