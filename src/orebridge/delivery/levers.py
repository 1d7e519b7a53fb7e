"""What could be loosened in a solved chain: one lever per limit, found by its duals, pulled by a re-solve.

    promise = sum over months of dual x amount      an upper bound of what the single solve's objective can save

(weak duality). So a limit without a dual is left out unseen and the promise ranks what is worth a re-solve; no figure
shown to anybody comes from a dual. A lever changes the network or the effects, and its loss is that of a rebuilt world.
Two are moved in the program itself, with contracts as they are: the contestable share of one seller, which is no figure
of the network, and use that is spared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.delivery.marginal import EQUAL, LEAST_USE, value_per_tonne
from orebridge.delivery.swings import restocked
from orebridge.delivery.warm import MONTH_DAYS, Warm, case_of, loss_of, own_use, total, works
from orebridge.network import ORIGIN_KIND, SupplyNetwork
from orebridge.program import Family
from orebridge.shocks import Effects

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BINDS = 1e-6  # of a limit's largest dual; months below it do not count as binding
EMPTY = 1e-6  # of a stock's start; below it the stock counts as empty
Pull = Callable[[Warm], pd.DataFrame]
Change = Callable[[SupplyNetwork], SupplyNetwork]


@dataclass(frozen=True)
class Lever:
    """A limit of the chain and one stated way to loosen it.

    `kind`: facility, recipe, route, stock or demand; `form`: which sort of lever of that kind. `at`: positions in the
    prepared network of what it pulls at. `amount`: by how much, in the form's own unit; `tonnes`: the same in tonnes (a
    month, or once for a stock). `months`: when it binds as planned. `pull`: loss by member and item with it pulled.
    """

    kind: str
    form: str
    at: tuple[int, ...]
    amount: float
    tonnes: float
    promise: float
    months: tuple[int, ...]
    pull: Pull


class Bench:
    """One chain and way, solved once: the duals to find levers by, and warm programs to pull them in."""

    def __init__(self, network: SupplyNetwork, effects: Effects, months: int, way: str) -> None:
        self.raw, self.effects, self.months, self.way = network, effects, months, way
        self.case = case_of(network, effects, months)
        self.net, self.limits = self.case.network, self.case.limits
        self._warm = Warm(way)
        self.model, solution = self._warm.solve(self.case)
        self.solution = solution
        self.flows = self.model.flows(solution)
        self.loss = loss_of(self.case, self.flows)
        self.usd = total(self.loss)
        # Duals as savings per unit loosened, by component and month, read before the program moves on.
        cost, model = solution.reduced_costs, self.model
        self.tonne = value_per_tonne(model, solution)
        self.more_activity = np.maximum(-cost[model.activity_extra.ids], 0.0)
        self.more_base = np.maximum(-cost[model.shipment.ids], 0.0)
        self.more_extra = np.maximum(-cost[model.shipment_extra.ids], 0.0)
        self.floor = np.maximum(cost[model.stock.ids], 0.0)
        self.rows = {name: np.maximum(-solution.duals(f), 0.0) for name, f in model.program.row_families.items()}
        self.use = own_use(self.net)
        self.month = np.arange(1, self.case.horizon.months + 1)
        self.restricting = _restricting(self.raw, effects)

    # --- pulling --------------------------------------------------------------------------------------------------
    def pull(self, levers: Sequence[Lever], workers: int = 2) -> list[pd.DataFrame]:
        """Loss by member and item with each lever pulled alone."""
        parts = [[levers[i] for i in part] for part in np.array_split(np.arange(len(levers)), workers) if len(part)]
        warms = [self._warm, *(Warm(self.way) for _ in parts[1:])]

        def run(part: Sequence[Lever], warm: Warm) -> list[pd.DataFrame]:
            return [lever.pull(warm) for lever in part]

        with ThreadPoolExecutor(max(len(parts), 1)) as pool:
            return [frame for done in pool.map(run, parts, warms) for frame in done]

    def _with(self, change: Change) -> Pull:
        """The prepared network changed in what the course without a plan does not read."""
        return lambda warm: warm.loss(self.case.with_network(change(self.net)))

    def _anew(self, change: Change = lambda network: network, effects: Effects | None = None) -> Pull:
        """Another network or other effects, with the course without a plan simulated again."""
        return lambda warm: warm.loss(case_of(change(self.raw), effects or self.effects, self.months))

    def _limits(self, field: str, label: object, change: Callable[[Floats], Floats]) -> Pull:
        """The effects on one component changed."""
        frame = self.effects.frame
        hit = ((frame["field"] == field) & (frame["component"] == label)).to_numpy()
        value = np.where(hit, change(frame["value"].to_numpy(dtype=float)), frame["value"].to_numpy(dtype=float))
        return self._anew(effects=replace(self.effects, frame=frame.assign(value=value)))

    def _lever(
        self,
        kind: str,
        form: str,
        at: Iterable[int],
        amount: float,
        tonnes: float,
        worth: Floats,
        gain: Floats,
        pull: Pull,
    ) -> Lever:
        """`worth` (dual) and `gain` (tonnes loosened) by part and month; both broadcast."""
        by_month = np.atleast_2d(worth).max(axis=0, initial=0.0)
        months = np.flatnonzero(by_month[: self.months] > BINDS * by_month.max(initial=0.0)) + 1
        promise = float((np.atleast_2d(worth) * gain).sum())
        return Lever(kind, form, tuple(int(i) for i in at), amount, tonnes, promise, tuple(months.tolist()), pull)

    # --- facilities -----------------------------------------------------------------------------------------------
    def capacity(self, more: float) -> list[Lever]:
        """Each working site with `more` (share) of its capacity on top; not those of a restricting country.

        What a share of it takes (users who accept a recipe, a circuit) does not grow with the plant.
        """
        sites, acts = self.net.sites, self.net.activities
        share, found = self.limits.site_share, []
        size = sites["capacity"].to_numpy(dtype=float)
        full = np.where((acts["accepted"] >= 1).to_numpy()[:, None], self.more_activity, 0.0)
        by_site = np.zeros(share.shape)
        np.maximum.at(by_site, self._site(), full)
        zero = np.zeros(share.shape)
        worth = (self.rows.get("capacity", zero) + by_site) * (1.0 + sites["surge"].to_numpy()[:, None]) * share
        worth = worth + self.rows.get("ramp", zero) * sites["ramp"].to_numpy()[:, None]
        works = (sites["kind"] != ORIGIN_KIND).to_numpy() & (size > 0) & ~self._restricted(sites["country"])
        for s in np.flatnonzero((worth.sum(axis=1) > 0) & works).tolist():
            label = sites["site"].iloc[s]
            if (share[s] < 1).any():  # an outage: what runs without a plan grows too
                pull = self._anew(partial(grown, site=label, more=more))
            else:
                pull = self._with(partial(grown, site=label, more=more))
            gain = np.array(more * size[s])
            found.append(self._lever("facility", "capacity", [s], more, more * size[s], worth[s], gain, pull))
        return found

    def outages(self, back: float) -> list[Lever]:
        """Each site under an outage with `back` (share of its capacity) restored while it lasts."""
        sites, share, found = self.net.sites, self.limits.site_share, []
        room = (sites["capacity"] * (1.0 + sites["surge"])).to_numpy(dtype=float)
        worth = np.where(share < 1, self.rows.get("capacity", np.zeros(share.shape)), 0.0)
        for s in np.flatnonzero(worth.sum(axis=1) > 0).tolist():
            pull = self._limits("capacity_share", sites["site"].iloc[s], lambda v: np.minimum(v + back, 1.0))
            gain = np.array(back * room[s])
            found.append(self._lever("facility", "outage", [s], back, back * room[s], worth[s], gain, pull))
        return found

    def idle(self, months: float) -> list[Lever]:
        """Each idle or planned site open `months` earlier (inf: at once)."""
        sites = self.net.sites
        waits = sites["status"].isin(["idle", "planned"]).to_numpy() & (sites["base"] == 0).to_numpy()
        late = (self.net.activities["opens"] > 0).to_numpy()
        found = [
            self._opened("facility", "idle", np.flatnonzero((self._site() == s) & late), months, [s])
            for s in np.flatnonzero(waits & ~self._restricted(sites["country"])).tolist()
        ]
        return [lever for lever in found if lever.promise > 0]

    # --- recipes --------------------------------------------------------------------------------------------------
    def earlier(self, months: float) -> list[Lever]:
        """Each new recipe of a country qualified `months` earlier."""
        late = self.net.activities["opens"].to_numpy() > 0
        found = [self._opened("recipe", "earlier", g[late[g]], months, g[late[g]]) for g in self._recipes()]
        return [lever for lever in found if lever.promise > 0]

    def accepted(self, more: float) -> list[Lever]:
        """Each new recipe of a country accepted for `more` of a site's capacity (points of share, at most all)."""
        acts, found = self.net.activities, []
        old, opens = (acts[name].to_numpy(dtype=float) for name in ("accepted", "opens"))
        for group in self._recipes():
            share = old.copy()
            share[group] = np.minimum(old[group] + more, 1.0)
            gain = ((share - old) * self._room())[group][:, None]
            worth = np.where(self.month > opens[group][:, None], self.more_activity[group], 0.0)
            worth = worth + self._share_rows(group)
            pull = self._with(partial(replace, activities=acts.assign(accepted=share)))
            found.append(self._lever("recipe", "accepted", group, more, float(gain.sum()), worth, gain, pull))
        return [lever for lever in found if lever.promise > 0]

    def _share_rows(self, group: Ints) -> Floats:
        """Duals of the rows that hold a recipe run on two origin classes to one accepted share."""
        rows, worth = self.model.program.row_families.get("accepted"), np.zeros((len(group), len(self.month)))
        if rows is not None:
            at = pd.Index(rows.axes["recipe"]).get_indexer(pd.Index(self.net.activities["activity"].iloc[group]))
            worth[at >= 0] = self.rows["accepted"][at[at >= 0]]
        return worth

    def _recipes(self) -> list[Ints]:
        """Activities that wait for a qualification or take a share only, by country, process and recipe."""
        acts, at = self.net.activities, self._site()
        sites = self.net.sites.iloc[at]
        idle = sites["status"].isin(["idle", "planned"]).to_numpy()
        fresh = ((acts["x0"] == 0) & ((acts["opens"] > 0) | (acts["accepted"] < 1))).to_numpy()
        new = np.flatnonzero(fresh & ~idle & ~self._restricted(sites["country"]))
        keys = [sites["country"].to_numpy()[new], sites["process"].to_numpy()[new], acts["recipe"].to_numpy()[new]]
        return [group.to_numpy() for _, group in pd.Series(new).groupby(keys)]

    def _opened(self, kind: str, form: str, own: Ints, months: float, at: Iterable[int]) -> Lever:
        acts = self.net.activities
        old = acts["opens"].to_numpy(dtype=float)
        opens = old.copy()
        opens[own] = np.maximum(old[own] - months, 0.0)
        gain = (self._room() * np.minimum(acts["accepted"].to_numpy(dtype=float), 1.0))[own][:, None]
        shut = (self.month <= old[own][:, None]) & (self.month > opens[own][:, None])
        worth = np.where(shut, self.more_activity[own], 0.0)
        pull = self._with(partial(replace, activities=acts.assign(opens=opens)))
        return self._lever(kind, form, at, months, float(gain.sum()), worth, gain, pull)

    def _site(self) -> Ints:
        return self.net.activities["site"].to_numpy(dtype=np.int64)

    def _room(self) -> Floats:
        sites = self.net.sites
        room: Floats = (sites["capacity"] * (1.0 + sites["surge"])).to_numpy(dtype=float)[self._site()]
        return room

    def _restricted(self, country: pd.Series) -> npt.NDArray[np.bool_]:
        return country.isin(self.restricting).to_numpy(dtype=bool)

    # --- routes ---------------------------------------------------------------------------------------------------
    def licences(self, more: float) -> list[Lever]:
        """Each route to a member that the shock limits, with `more` of its base-year shipments let through."""
        routes, share, found = self.net.routes, self.limits.route_share, []
        y0 = routes["y0"].to_numpy(dtype=float)
        known = set(self.effects.frame.loc[self.effects.frame["field"] == "shipment_share", "component"])
        limited = np.nan_to_num(share, nan=np.inf)
        worth = np.where(limited < 1.0, self.more_base, np.where(np.isfinite(limited), self.more_extra, 0.0))
        stated = routes["route"].isin(known).to_numpy() & self._to_us()
        for r in np.flatnonzero(stated & (worth.sum(axis=1) > 0) & (y0 > 0)).tolist():
            # A limit below base is eased to base at most; a limit on growth is eased beyond it.
            pull = self._limits(
                "shipment_share",
                routes["route"].iloc[r],
                lambda v: np.where(v < 1.0, np.minimum(v + more, 1.0), v + more),
            )
            gain = np.array(more * y0[r])
            found.append(self._lever("route", "licence", [r], more, more * y0[r], worth[r], gain, pull))
        return found

    def openings(self) -> list[Lever]:
        """Each way of a commodity to a member that still waits for a qualification, open at once."""
        routes, found = self.net.routes, []
        opens = routes["opens"].to_numpy(dtype=float)
        late = np.where(self.month <= opens[:, None], self.more_extra, 0.0)
        wanted = self._to_us() & (opens > 0) & ~self._restricted(routes["origin"])
        size = np.minimum(self._intake()[routes["to_node"].to_numpy(dtype=int)][:, None], self._most_won())
        for at in self._ways(np.flatnonzero(wanted)):
            now = np.where(np.isin(np.arange(len(routes)), at), 0.0, opens)
            pull = self._with(partial(replace, routes=routes.assign(opens=now)))
            much = float(size[at].max())
            found.append(self._lever("route", "opening", at, opens[at].max(), much, late[at], size[at], pull))
        return [lever for lever in found if lever.promise > 0]

    def _ways(self, at: Ints) -> list[list[int]]:
        """Routes by commodity and ends: origin classes of the same goods are one way."""
        routes = self.net.routes.iloc[at]
        keys = [routes[column].to_numpy() for column in ("commodity", "origin", "destination")]
        return [group.tolist() for _, group in pd.Series(at).groupby(keys)]

    def _intake(self) -> Floats:
        """What a node's users and plants could take in a month, t."""
        real = works(self.net)[self.net.terms["activity"].to_numpy(dtype=int)]
        terms, intake = self.net.terms[(self.net.terms["coefficient"] < 0) & real], np.zeros(len(self.net.nodes))
        room = self._room()[terms["activity"].to_numpy(dtype=int)] * -terms["coefficient"].to_numpy(dtype=float)
        np.add.at(intake, terms["node"].to_numpy(dtype=int), room)
        np.add.at(intake, self.net.demands["node"].to_numpy(dtype=int), self.net.demands["D"].to_numpy(dtype=float))
        return intake

    def _most_won(self) -> Floats:
        """What members may win over on each route by month, t (inf where no such limit holds)."""
        most = np.full((len(self.net.routes), len(self.month)), np.inf)
        rows = self.model.program.row_families.get("contestable")
        if rows is not None:
            upper = self.model.program.rows_upper(rows)
            for g, held in enumerate(self._bought(rows)):
                most[held] = np.minimum(most[held], upper[g])
        return most

    def _bought(self, rows: Family) -> list[Ints]:
        """The routes that each row `contestable` holds."""
        matrix = self.model.program.matrix[:, self.model.shipment_extra.ids[:, 0]].tocsr()
        return [matrix[[int(row)]].indices.astype(np.int64) for row in rows.ids[:, 0]]

    def purchases(self, more: float) -> list[Lever]:
        """Each limit on what members may win over from one seller raised by `more` (share) of what they use of it.

        `at`: the routes it holds for.
        """
        rows, found = self.model.program.row_families.get("contestable"), []
        if rows is None:
            return []
        upper, routes = self.model.program.rows_upper(rows), self.net.routes
        bought, sink = self._bought(rows), routes["to_node"].to_numpy(dtype=int)
        for g in np.flatnonzero(self.rows[rows.name].sum(axis=1) > 0).tolist():
            held = bought[g]
            size = more * float(self._intake()[np.unique(sink[held])].sum())
            if routes["origin"].iloc[held[0]] not in self.restricting:
                pull, gain = self._raised(rows.ids[g], upper[g] + size), np.array(size)
                found.append(self._lever("route", "purchase", held, more, size, self.rows[rows.name][g], gain, pull))
        return found

    def sells_nothing_to_others(self, purchase: Lever) -> bool:
        """Whether the seller of a purchase lever sells to nobody but members in the base year: nobody is outbid."""
        routes, own = self.net.routes, self.net.routes.iloc[list(purchase.at)]
        same = (routes["commodity"] == own["commodity"].iloc[0]) & (routes["origin"] == own["origin"].iloc[0])
        others = routes[(same & ~routes["destination"].isin(self.net.members)).to_numpy(dtype=bool)]
        return bool((others["y0"] <= 0).all())

    def _raised(self, ids: npt.NDArray[np.int32], upper: Floats) -> Pull:
        def pull(warm: Warm) -> pd.DataFrame:
            model, _ = warm.solve(self.case)
            with model.program.changed():
                model.program.set_rhs(ids, upper=upper)
                return loss_of(self.case, model.flows(model.program.solve()))

        return pull

    def _to_us(self) -> npt.NDArray[np.bool_]:
        return self.net.routes["destination"].isin(self.net.members).to_numpy(dtype=bool)

    # --- stocks and demand ----------------------------------------------------------------------------------------
    def stocks(self, days: float, dry: bool = False) -> list[Lever]:
        """`days` of a member's own use of each form added to its industry's stock; with `dry` only where it runs out."""
        nodes, piles, found = self.net.nodes, self.raw.stockpiles, []
        at = self.net.stockpiles["node"].to_numpy(dtype=int)
        held = np.zeros((len(nodes), self.months))
        np.add.at(held, at, self.flows.stock[:, : self.months])
        start = np.bincount(at, self.net.stockpiles["s0"], len(nodes))
        empty = (held <= EMPTY * np.maximum(start, 1.0)[:, None]).any(axis=1) | (not dry)
        ours = nodes["is_member"].to_numpy(dtype=bool) & empty & (self.tonne[:, 0] > 0)
        keys = [nodes["commodity"].to_numpy(), nodes["country"].to_numpy()]
        for (commodity, country), group in pd.Series(np.arange(len(nodes))).groupby(keys):
            every = group.to_numpy()  # origin classes of the same goods lie in one shed
            n = int(every[np.argmax(np.where(ours[every], self.tonne[every, 0], -1.0))])
            use = float(self.use[every].sum())
            place = (piles["commodity"] == commodity) & (piles["country"] == country)
            own = (place & (piles["holder"] == "industry")).to_numpy()
            if not ours[n] or use < LEAST_USE or own.sum() != 1:
                continue
            amount = use * days / MONTH_DAYS
            larger = restocked(piles, piles["s0"].to_numpy(dtype=float) + np.where(own, amount, 0.0))
            pull = self._anew(partial(replace, stockpiles=larger))
            lever = self._lever("stock", "days", [n], days, amount, self.tonne[n, :1], np.array(amount), pull)
            # A tonne at the start is wanted until the last month in which a tonne would do as well.
            until = np.flatnonzero(self.tonne[n, : self.months] >= self.tonne[n, 0] * (1.0 - EQUAL))[-1] + 1
            found.append(replace(lever, months=tuple(range(1, int(until) + 1))))
        return found

    def releases(self, more: float) -> list[Lever]:
        """Members' stockpiles whose monthly release, floor or opening binds: `more` of the start freed, or open at once."""
        piles, raw, found = self.net.stockpiles, self.raw.stockpiles, []
        rows, worth = self.model.program.row_families.get("release"), np.zeros((len(piles), len(self.month)))
        if rows is not None:
            at = pd.Index(piles["stockpile"]).get_indexer(pd.Index(rows.axes["stockpile"]))
            worth[at] = self.rows["release"]
        worth += np.where((piles["floor"] > 0).to_numpy()[:, None], self.floor, 0.0)
        late = piles["opens_after"].to_numpy(dtype=int)
        ours = piles["country"].isin(self.net.members).to_numpy() & (piles["s0"] > 0).to_numpy()
        for k in np.flatnonzero(ours & (worth.sum(axis=1) > 0)).tolist():
            own, size = (raw["stockpile"] == piles["stockpile"].iloc[k]).to_numpy(), float(piles["s0"].iloc[k])
            if not own.any():
                continue
            gain = np.array(more * size)
            freed = raw.assign(
                floor=np.where(own, np.maximum(raw["floor"] - more * size, 0.0), raw["floor"]),
                release=np.where(own, raw["release"] + more * size, raw["release"]),
            )
            pull = self._anew(partial(replace, stockpiles=freed))
            found.append(self._lever("stock", "release", [k], more, more * size, worth[k], gain, pull))
            if late[k] > 0:
                opened = raw.assign(opens_after=np.where(own, 0, raw["opens_after"]))
                give, gain = float(piles["release"].iloc[k]), np.array(float(piles["release"].iloc[k]))
                pull = self._anew(partial(replace, stockpiles=opened))
                found.append(self._lever("stock", "trigger", [k], float(late[k]), give, worth[k], gain, pull))
        return found

    def savings(self, less: float) -> list[Lever]:
        """General use of each product a member runs short of, lower by `less` (share) from the first month on."""
        demands, found = self.net.demands, []
        short = self.flows.unmet[:, : self.months].sum(axis=1) > 1e-6
        general = (demands["is_member"] & (demands["tier"] == "general")).to_numpy(dtype=bool)
        for n in sorted(set(demands["node"].to_numpy()[short & general].tolist())):
            at = np.flatnonzero(general & (demands["node"] == n).to_numpy())
            cut = less * self.limits.demand[at, : self.months]
            gain = np.concatenate([cut.sum(axis=0), np.zeros(len(self.month) - self.months)])
            pull = self._spared(n, at, cut)
            found.append(self._lever("demand", "general", at, less, float(gain.max()), self.tonne[n], gain, pull))
        return found

    def _spared(self, node: int, at: Ints, cut: Floats) -> Pull:
        def pull(warm: Warm) -> pd.DataFrame:
            model, _ = warm.solve(self.case)
            program, months = model.program, slice(0, self.months)
            need = model.need[node, months] - cut.sum(axis=0)
            most = np.maximum(program.columns_upper(model.unmet)[at, months] - cut, 0.0)
            with program.changed():
                program.set_rhs(model.balance.ids[node, months], lower=need, upper=need)
                program.set_bounds(model.unmet.ids[at, months], upper=most)
                return loss_of(self.case, model.flows(program.solve()))

        return pull


def _restricting(network: SupplyNetwork, effects: Effects) -> set[str]:
    """Countries that restrict their sales: nobody else decides what their plants do. A closed passage is no country's."""
    frame, routes = effects.frame, network.routes
    shut = routes["route"].isin(frame[(frame["field"] == "shipment_share") & (frame["value"] < 1.0)]["component"])
    passages = [set(str(text).split(";")) - {""} for text in routes["chokepoints"].fillna("")]
    open_ones = set().union(*(names for names, closed in zip(passages, shut, strict=True) if not closed))
    by_order = [closed and names <= open_ones for names, closed in zip(passages, shut, strict=True)]
    return set(routes["origin"][by_order]) - set(network.members)


def grown(network: SupplyNetwork, site: object, more: float) -> SupplyNetwork:
    """One site larger, and the tonnes of its part-accepted recipes as they were."""
    sites, acts = network.sites, network.activities
    own = (sites["site"] == site).to_numpy()
    part = own[acts["site"].to_numpy(dtype=int)] & (acts["accepted"] < 1).to_numpy()
    return replace(
        network,
        sites=sites.assign(capacity=np.where(own, sites["capacity"] * (1.0 + more), sites["capacity"])),
        activities=acts.assign(accepted=np.where(part, acts["accepted"] / (1.0 + more), acts["accepted"])),
    )
