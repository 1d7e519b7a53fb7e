"""What could be loosened in a solved chain: one lever per limit, found by its duals, pulled by a re-solve.

    promise = sum over months of dual x amount      an upper bound of what the single solve's objective can save

(weak duality). So a limit without a dual is left out unseen and the promise ranks what is worth a re-solve; no figure
shown to anybody comes from a dual. A lever changes the network or the effects, and its loss is that of a rebuilt world;
only the contestable share of one seller, which is no figure of the network, is moved in the program itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.delivery.hinges import MONTH_DAYS, own_use
from orebridge.delivery.marginal import EQUAL, LEAST_USE, value_per_tonne
from orebridge.delivery.warm import Warm, case_of, loss_of, total
from orebridge.network import SupplyNetwork
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
        frame, routes = effects.frame, self.net.routes
        shut = frame[(frame["field"] == "shipment_share") & (frame["value"] < 1.0)]["component"].unique()
        #: Countries that restrict their sales: nobody else decides what their plants do.
        self.restricting = set(routes[routes["route"].isin(shut)]["origin"]) - set(self.net.members)

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
        for s in np.flatnonzero((worth.sum(axis=1) > 0) & (size > 0) & ~self._restricted(sites["country"])).tolist():
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
            pull = self._with(partial(replace, activities=acts.assign(accepted=share)))
            found.append(self._lever("recipe", "accepted", group, more, float(gain.sum()), worth, gain, pull))
        return [lever for lever in found if lever.promise > 0]

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
        worth = np.where(np.nan_to_num(share, nan=np.inf) < 1.0, self.more_base, 0.0)
        for r in np.flatnonzero(self._to_us() & (worth.sum(axis=1) > 0) & (y0 > 0)).tolist():
            pull = self._limits("shipment_share", routes["route"].iloc[r], lambda v: np.minimum(v + more, 1.0))
            gain = np.array(more * y0[r])
            found.append(self._lever("route", "licence", [r], more, more * y0[r], worth[r], gain, pull))
        return found

    def openings(self) -> list[Lever]:
        """Each route to a member that still waits for a qualification, open at once."""
        routes, found = self.net.routes, []
        opens = routes["opens"].to_numpy(dtype=float)
        worth = np.where(self.month <= opens[:, None], self.more_extra, 0.0)
        size = np.minimum(self._intake()[routes["to_node"].to_numpy(dtype=int)], self._most_won())
        for r in np.flatnonzero(self._to_us() & (worth.sum(axis=1) > 0) & ~self._restricted(routes["origin"])).tolist():
            now = np.where(np.arange(len(routes)) == r, 0.0, opens)
            pull = self._with(partial(replace, routes=routes.assign(opens=now)))
            found.append(self._lever("route", "opening", [r], opens[r], size[r], worth[r], np.array(size[r]), pull))
        return [lever for lever in found if lever.promise > 0]

    def _intake(self) -> Floats:
        """What a node's users and plants could take in a month, t."""
        terms, intake = self.net.terms[self.net.terms["coefficient"] < 0], np.zeros(len(self.net.nodes))
        room = self._room()[terms["activity"].to_numpy(dtype=int)] * -terms["coefficient"].to_numpy(dtype=float)
        np.add.at(intake, terms["node"].to_numpy(dtype=int), room)
        np.add.at(intake, self.net.demands["node"].to_numpy(dtype=int), self.net.demands["D"].to_numpy(dtype=float))
        return intake

    def _most_won(self) -> Floats:
        """What members may win over on each route in a month, t (inf where no such limit holds)."""
        most = np.full(len(self.net.routes), np.inf)
        rows = self.model.program.row_families.get("contestable")
        if rows is not None:
            matrix = self.model.program.matrix[:, self.model.shipment_extra.ids[:, 0]].tocoo()
            limit = np.full(self.model.program.shape[0], np.inf)
            limit[rows.ids[:, 0]] = self.model.program.rows_upper(rows)[:, 0]
            np.minimum.at(most, matrix.col, limit[matrix.row])
        return most

    def purchases(self, more: float) -> list[Lever]:
        """Each limit on what members may win over from one seller raised by `more` (share) of what they use of it.

        `at`: the routes it holds for.
        """
        rows, found = self.model.program.row_families.get("contestable"), []
        if rows is None:
            return []
        upper, routes = self.model.program.rows_upper(rows), self.net.routes
        matrix = self.model.program.matrix[:, self.model.shipment_extra.ids[:, 0]].tocsr()
        sink = routes["to_node"].to_numpy(dtype=int)
        for g in np.flatnonzero(self.rows[rows.name].sum(axis=1) > 0).tolist():
            held = matrix[[int(rows.ids[g, 0])]].indices
            size = more * float(self._intake()[sink[held]].sum())
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
        net, piles, found = self.net, self.raw.stockpiles, []
        held = np.zeros((len(net.nodes), self.months))
        np.add.at(held, net.stockpiles["node"].to_numpy(dtype=int), self.flows.stock[:, : self.months])
        start = np.bincount(net.stockpiles["node"].to_numpy(dtype=int), net.stockpiles["s0"], len(net.nodes))
        empty = held <= EMPTY * np.maximum(start, 1.0)[:, None]
        ours = net.nodes["is_member"].to_numpy(dtype=bool) & (self.use >= LEAST_USE) & (self.tonne[:, 0] > 0)
        for n in np.flatnonzero(ours & (empty.any(axis=1) | (not dry))).tolist():
            amount = float(self.use[n]) * days / MONTH_DAYS
            commodity, country = net.nodes["commodity"].iloc[n], net.nodes["country"].iloc[n]
            place = (piles["commodity"] == commodity) & (piles["country"] == country)
            own = (place & (piles["holder"] == "industry")).to_numpy()
            if own.sum() != 1:
                continue
            more = np.where(own, amount, 0.0)
            larger = piles.assign(s0=piles["s0"] + more, release=piles["release"] + more)
            pull = self._anew(partial(replace, stockpiles=larger))
            lever = self._lever("stock", "days", [n], days, amount, self.tonne[n, :1], np.array(amount), pull)
            # A tonne at the start is wanted until the last month in which a tonne would do as well.
            until = np.flatnonzero(self.tonne[n, : self.months] >= self.tonne[n, 0] * (1.0 - EQUAL))[-1] + 1
            found.append(replace(lever, months=tuple(range(1, int(until) + 1))))
        return found

    def releases(self, more: float) -> list[Lever]:
        """Each of members' stockpiles whose monthly release or floor binds, with `more` of its start freed."""
        rows, piles, found = self.model.program.row_families.get("release"), self.net.stockpiles, []
        worth = np.where((piles["floor"] > 0).to_numpy()[:, None], self.floor, 0.0)
        if rows is not None:
            at = pd.Index(piles["stockpile"]).get_indexer(pd.Index(rows.axes["stockpile"]))
            worth[at] += self.rows["release"]
        ours = piles["country"].isin(self.net.members).to_numpy()
        for k in np.flatnonzero(ours & (worth.sum(axis=1) > 0)).tolist():
            raw = self.raw.stockpiles
            own, size = (raw["stockpile"] == piles["stockpile"].iloc[k]).to_numpy(), float(piles["s0"].iloc[k])
            freed = raw.assign(
                floor=np.where(own, np.maximum(raw["floor"] - more * size, 0.0), raw["floor"]),
                release=np.where(own, raw["release"] + more * size, raw["release"]),
            )
            pull, gain = self._anew(partial(replace, stockpiles=freed)), np.array(more * size)
            found.append(self._lever("stock", "release", [k], more, more * size, worth[k], gain, pull))
        return found

    def savings(self, less: float) -> list[Lever]:
        """General use of each product a member runs short of, lower by `less` (share) from the first month on."""
        demands, found = self.net.demands, []
        short = self.flows.unmet[:, : self.months].sum(axis=1) > 1e-6
        general = (demands["is_member"] & (demands["tier"] == "general")).to_numpy(dtype=bool)
        for n in sorted(set(demands["node"].to_numpy()[short & general].tolist())):
            at = np.flatnonzero(general & (demands["node"] == n).to_numpy())
            gain = less * self.limits.demand[at].sum(axis=0) * (self.month <= self.months)
            pull = self._anew(effects=self._less(demands["demand"].iloc[at].tolist(), 1.0 - less))
            found.append(self._lever("demand", "general", at, less, float(gain.max()), self.tonne[n], gain, pull))
        return found

    def _less(self, demands: list[str], factor: float) -> Effects:
        """The effects with demands scaled by a factor in every reported month, on top of what the shock does to them."""
        frame = self.effects.frame
        hit = ((frame["field"] == "demand_factor") & frame["component"].isin(demands)).to_numpy()
        scaled = frame.assign(value=np.where(hit, frame["value"] * factor, frame["value"]))
        known = set(zip(frame["component"][hit], frame["month"][hit], strict=True))
        more = [
            ("demand_factor", name, month, factor)
            for name in demands
            for month in range(1, self.months + 1)
            if (name, month) not in known
        ]
        extra = pd.DataFrame(more, columns=list(frame.columns)).astype(frame.dtypes.to_dict())
        return replace(self.effects, frame=pd.concat([scaled, extra], ignore_index=True))


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
