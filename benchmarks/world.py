"""A made-up but realistic multi-mineral delivery world for measuring speed; every size and seed is reproducible.

Each mineral runs mine -> separation -> metal -> component -> end use. Sites sit in countries of very unequal economic
weight; every user of a product buys from a few sources and from its own country, with 0 to 3 periods at sea. Some
minerals are by-products: they come out of a host's mine, at most a fixed ratio of what the host mines plus a little.
By-products are all that links minerals, so that the programme falls into connected components.

The figures mean nothing; only shape, sparsity and scale are like those of a real delivery plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

STAGES = ("mine", "separation", "metal", "component")
YIELDS = (1.0, 0.9, 0.95, 0.97)
WORLD_DEMAND = 1000.0


@dataclass(frozen=True)
class Size:
    """How big a world is; `sites` and `sources` are per stage."""

    minerals: int
    countries: int
    periods: int
    sites: tuple[int, int, int, int]
    sources: tuple[int, int, int, int]
    by_products: float = 0.4


SIZES = {
    "XS": Size(4, 8, 6, (4, 3, 3, 4), (2, 2, 3, 3)),
    "S": Size(12, 20, 12, (8, 5, 6, 8), (5, 5, 5, 6)),
    "M": Size(30, 60, 24, (15, 10, 12, 20), (6, 6, 6, 7)),
    "L": Size(60, 150, 36, (25, 15, 20, 35), (7, 7, 7, 8)),
}


@dataclass
class Table:
    """A growing table; `column("x")` gives it as an array."""

    rows: list[dict[str, object]] = field(default_factory=list)

    def add(self, **row: object) -> int:
        self.rows.append(row)
        return len(self.rows) - 1

    def column(self, name: str, dtype: type = float) -> npt.NDArray:
        return np.array([row[name] for row in self.rows], dtype=dtype)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class World:
    """Arrays of one world. Positions of users (buyers of a product) and sites are row numbers of their tables."""

    size: Size
    site_country: Index
    site_stage: Index
    capacity: Array
    site_cost: Array
    site_yield: Array
    user_country: Index
    user_site: Index  # -1 for an end use
    stock: Array
    store: Array
    source: Index  # of each arc: a site
    target: Index  # of each arc: a user
    lead: Index
    arc_cost: Array
    arc_limit: Array
    end_user: Index  # users that are end uses
    demand: Array  # end uses x periods
    penalty: Array
    by_product: Index  # site of the by-product ...
    host: Index  # ... and of its host
    ratio: Array
    alone: Array
    afloat: Array  # users x periods: goods at sea at the start

    @property
    def stage_of_arc(self) -> Index:
        return self.site_stage[self.source]


class _Builder:
    """Draws the world; the order of the draws is part of its definition."""

    def __init__(self, size: Size, seed: int) -> None:
        self.size, self.rng = size, np.random.default_rng(seed)
        self.sites, self.users, self.arcs, self.ends, self.pairs = Table(), Table(), Table(), Table(), Table()
        self.mines: dict[int, dict[int, int]] = {}  # mineral -> country -> site
        self.weight = self.rng.pareto(1.1, size.countries) + 0.05

    def build(self) -> World:
        hosts = self._hosts()
        for mineral in sorted(range(self.size.minerals), key=lambda m: m in hosts):
            self._mineral(mineral, hosts.get(mineral))
        return self._arrays()

    def _hosts(self) -> dict[int, int]:
        n = self.size.minerals
        order = self.rng.permutation(n)
        count = int(self.size.by_products * n)
        candidates = order[count : count + max(2, int(0.25 * n))]
        return {int(mineral): int(self.rng.choice(candidates)) for mineral in order[:count]}

    def _mineral(self, mineral: int, host: int | None) -> None:
        rng, size = self.rng, self.size
        share = self.weight * rng.lognormal(0, 0.5, size.countries)
        share /= share.sum()
        # What each stage must put out so that the world's demand is met.
        must = WORLD_DEMAND / np.array([0.9 * 0.95 * 0.97, 0.95 * 0.97, 0.97, 1.0])
        upstream: list[int] = []
        for stage in range(len(STAGES)):
            sites = self._sites(mineral, stage, must[stage], host if stage == 0 else None)
            if stage:
                users = []
                for site in sites:
                    row = self.sites.rows[site]
                    through = row["capacity"] / 1.15 / YIELDS[stage]
                    stock = through * rng.uniform(0.5, 2.5)
                    users.append(self.users.add(country=row["country"], site=site, stock=stock, store=through * 5))
                need = [self.sites.rows[site]["capacity"] / YIELDS[stage] for site in sites]
                self._arcs(upstream, users, need, size.sources[stage - 1])
            upstream = sites
        users = []
        for country in range(size.countries):
            use = share[country] * WORLD_DEMAND
            user = self.users.add(country=country, site=-1, stock=use * rng.uniform(0.2, 3), store=use * 6)
            users.append(user)
            t = np.arange(size.periods)
            season = 1 + 0.1 * np.sin(2 * np.pi * (t / 12 + rng.random()))
            self.ends.add(user=user, demand=use * season * (1 + 0.004 * t), penalty=500 * rng.uniform(0.5, 3))
        self._arcs(upstream, users, [share[c] * WORLD_DEMAND for c in range(size.countries)], size.sources[3])

    def _sites(self, mineral: int, stage: int, must: float, host: int | None) -> list[int]:
        rng, size = self.rng, self.size
        if host is not None:
            known = list(self.mines[host])
            countries = np.array(known[: max(3, int(0.8 * len(known)))])
        else:
            odds = self.weight**0.4 / (self.weight**0.4).sum()
            countries = rng.choice(size.countries, size=min(size.sites[stage], size.countries), replace=False, p=odds)
        share = np.arange(1, len(countries) + 1.0) ** -1.2 * rng.lognormal(0, 0.3, len(countries))
        share /= share.sum()
        spare = 1.12 + 0.12 * rng.random()
        sites = []
        for country, part in zip(countries.tolist(), share, strict=True):
            capacity = part * must * spare
            cost = 5 * (stage + 1) * (0.6 + rng.random())
            site = self.sites.add(country=country, stage=stage, capacity=capacity, cost=cost, yields=YIELDS[stage])
            if host is not None:
                main = self.mines[host][country]
                ratio = 0.95 * capacity / self.sites.rows[main]["capacity"]
                self.pairs.add(by_product=site, host=main, ratio=ratio, alone=0.08 * capacity)
            sites.append(site)
            if stage == 0:
                self.mines.setdefault(mineral, {})[country] = site
        return sites

    def _arcs(self, sources: list[int], users: list[int], need: list[float], few: int) -> None:
        rng = self.rng
        capacity = np.array([self.sites.rows[site]["capacity"] for site in sources])
        odds = capacity / capacity.sum()
        home = [self.sites.rows[site]["country"] for site in sources]
        for user, wants in zip(users, need, strict=True):
            country = self.users.rows[user]["country"]
            drawn = rng.choice(len(sources), size=min(few, len(sources)), replace=False, p=odds)
            chosen = set(drawn.tolist()) | {i for i, c in enumerate(home) if c == country}
            for i in sorted(chosen):
                own = home[i] == country
                lead = 0 if own else int(rng.integers(0, 4))
                cost = 0.1 if own else rng.uniform(0.5, 6)
                limit = max(0.05 * wants, rng.uniform(0.5, 1.6) * wants)
                self.arcs.add(source=sources[i], target=user, lead=lead, cost=cost, limit=limit)

    def _arrays(self) -> World:
        sites, users, arcs, ends, pairs = self.sites, self.users, self.arcs, self.ends, self.pairs
        capacity, source = sites.column("capacity"), arcs.column("source", int)
        target, lead = arcs.column("target", int), arcs.column("lead", int)
        # Goods at sea: 60 % of each source's capacity, in equal parts over its arcs, arrives in the first periods.
        steady = (capacity / np.bincount(source, minlength=len(sites)).clip(1) * 0.6)[source]
        afloat = np.zeros((len(users), self.size.periods))
        for periods in range(1, min(3, self.size.periods) + 1):
            late = lead >= periods
            np.add.at(afloat, (target[late], periods - 1), steady[late])
        return World(
            self.size,
            sites.column("country", int),
            sites.column("stage", int),
            capacity,
            sites.column("cost"),
            sites.column("yields"),
            users.column("country", int),
            users.column("site", int),
            users.column("stock"),
            users.column("store"),
            source,
            target,
            lead,
            arcs.column("cost"),
            arcs.column("limit"),
            ends.column("user", int),
            np.array([row["demand"] for row in ends.rows], dtype=float),
            ends.column("penalty"),
            pairs.column("by_product", int),
            pairs.column("host", int),
            pairs.column("ratio"),
            pairs.column("alone"),
            afloat,
        )


def make_world(size: str | Size = "S", seed: int = 1) -> World:
    """The world of this size and seed."""
    return _Builder(SIZES[size] if isinstance(size, str) else size, seed).build()


@dataclass(frozen=True)
class Limits:
    """Bounds, costs and right-hand sides of the delivery programme of a world (all shaped entity x period)."""

    store: Array
    end_stock: Array  # lower bound of the stock in the last period
    supply: Array  # right-hand side of the users' balance


def limits(world: World) -> Limits:
    """Figures derived from the world that every way of building the programme uses."""
    enough = (world.stock + world.afloat.sum(axis=1)) * 1.05
    store = np.maximum(world.store, enough)[:, None].repeat(world.size.periods, axis=1)
    supply = world.afloat.copy()
    supply[:, 0] += world.stock
    supply[world.end_user] -= world.demand
    return Limits(store, 0.5 * world.stock, supply)


def costs(world: World) -> tuple[Array, Array, Array, Array]:
    """Cost per unit of making, shipping, storing and of unmet demand, each ready to broadcast over periods."""
    return world.site_cost[:, None], world.arc_cost[:, None], np.full((1, 1), 0.05), world.penalty[:, None]


@dataclass(frozen=True)
class Shock:
    """Tighter upper bounds: `what` is "make" or "ship", `rows` sites or arcs, `left` the share that stays."""

    what: str
    rows: Index
    periods: Index
    left: float


def shocks(world: World, count: int, seed: int = 7) -> list[Shock]:
    """Export bans, outages of one and of two sites, and bans of a country on a whole stage; big sites are hit more."""
    rng, periods = np.random.default_rng(seed), world.size.periods
    odds = world.capacity / world.capacity.sum()
    origin, place = world.site_country[world.source], world.user_country[world.target]
    out = []
    for _ in range(count):
        kind = rng.choice(4, p=[0.45, 0.25, 0.2, 0.1])
        start, length = rng.integers(0, max(1, periods // 2)), rng.integers(3, periods // 2 + 2)
        when = np.arange(start, min(periods, start + length))
        left = float(rng.choice([0, 0, 0.25, 0.5]))
        if kind == 0:
            site = rng.choice(len(odds), p=odds)
            out.append(Shock("ship", np.flatnonzero((world.source == site) & (origin != place)), when, left))
        elif kind in (1, 2):
            sites = rng.choice(len(odds), int(kind), replace=False, p=odds)
            out.append(Shock("make", np.sort(sites), when, left))
        else:
            country = world.site_country[rng.choice(len(odds), p=odds)]
            stage = rng.integers(0, len(STAGES))
            hit = (origin == country) & (place != country) & (world.stage_of_arc == stage)
            out.append(Shock("ship", np.flatnonzero(hit), when, left))
    return out
