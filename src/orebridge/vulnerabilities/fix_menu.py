"""What could be done beforehand against a set of hits: changes of the network, each with its outlay.

Changes come from the levers of the plan (`delivery.levers`): limits whose dual says that loosening them saves something
under the hits. Of those only what members can do themselves and beforehand is offered: a larger stock, more capacity, an
idle plant brought back, a recipe or a supplier qualified, a recipe accepted for more of a use, a public stock that may
give more. What only the striker decides (a licence, an end of the outage) and outbidding others are no fixes.

    outlay = tonnes * price * factor                        stock
             tonnes a year * price of the output * factor   capacity, restart
             plants or routes * USD                         qualification, supplier, substitution, release

Prices are the network's replacement prices; factors and sums are in table `fix_costs` with their ranges. Not covered:
running costs, the time a fix takes (it is taken as done before the first month), and what else it is good for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from orebridge.delivery.levers import Bench, Lever, grown
from orebridge.delivery.remedies import named
from orebridge.errors import UnknownLabel
from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.hits import main_outputs
from orebridge.world import World

Change = Callable[[SupplyNetwork], SupplyNetwork]
Place = tuple[str, str, str]  #: chain, fix, what it is about: changes of one place exclude each other
DAYS = (30.0, 60.0, 90.0, 120.0, 180.0, 270.0, 360.0)
MORE_CAPACITY = (0.25, 0.5, 1.0)
MORE_ACCEPTED = (0.2, 0.5)
MORE_RELEASED = 0.25
OF_A_FORM = 3  # places of each form that are offered, those that promise most
FIX_OF = {
    "days": "stock", "capacity": "capacity", "idle": "restart", "earlier": "qualification", "accepted": "substitution",
    "opening": "supplier", "release": "release",
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """USD with its range."""

    usd: float
    low: float
    high: float

    def times(self, factor: float) -> Cost:
        """So many times the cost."""
        return Cost(self.usd * factor, self.low * factor, self.high * factor)

    def plus(self, other: Cost) -> Cost:
        """Both; the ranges add up, as if both were cheap or dear together."""
        return Cost(self.usd + other.usd, self.low + other.low, self.high + other.high)


NO_COST = Cost(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Fix:
    """One change made beforehand: what, by how much, its outlay, and the network with it.

    `level` is in the change's own unit (days, share, months); `tonnes` once for a stock, a month for plants.
    """

    place: Place
    what: str
    change: str
    level: float
    tonnes: float
    cost: Cost
    apply: Change

    @property
    def kind(self) -> str:
        """stock, capacity, restart, qualification, supplier, substitution or release."""
        return self.place[1]


class FixCosts:
    """Table `fix_costs`: the row of a kind of process beats the row for all."""

    def __init__(self, rows: Mapping[tuple[str, str], Cost]) -> None:
        self._rows = dict(rows)

    @classmethod
    def of(cls, world: World) -> FixCosts:
        """From a world's table; a missing low or high end is the value itself. Sums are in USD."""
        rows = {}
        for row in world.rows("fix_costs"):
            factor = 1e6 if row.unit == "USD m" else 1.0
            ends = [row.value if np.isnan(end) else end for end in (row.low, row.high)]
            rows[row["fix"], row["kind"]] = Cost(row.value, ends[0], ends[1]).times(factor)
        return cls(rows)

    def of_fix(self, fix: str, kind: str = "*") -> Cost:
        """Outlay per unit of a fix; raises UnknownLabel where no row states it."""
        for key in ((fix, kind), (fix, "*")):
            if key in self._rows:
                return self._rows[key]
        raise UnknownLabel(f"no row for {fix} in fix_costs.csv; add one with kind * and a range.")


def fixes_of(bench: Bench, costs: FixCosts, struck: frozenset[str] = frozenset()) -> list[Fix]:
    """The changes that promise something on a solved bench, place by place in rising size.

    The bench's network must be free of origin classes, so that its positions are those of the chain. Changes without a
    price, and larger plants in `struck` countries, are left out.
    """
    abroad = bench.net.sites["country"].isin(struck - set(bench.net.members)).to_numpy()
    found: list[Fix] = []
    for levels in (
        [bench.stocks(days) for days in DAYS],
        [bench.capacity(more) for more in MORE_CAPACITY],
        [bench.idle(np.inf)],
        [bench.earlier(np.inf)],
        [bench.accepted(more) for more in MORE_ACCEPTED],
        [bench.openings()],
        [bench.releases(MORE_RELEASED)],
    ):
        best: dict[tuple[int, ...], float] = {}
        for lever in (lever for level in levels for lever in level):
            if lever.kind == "facility" and abroad[lever.at[0]]:
                continue
            best[lever.at] = max(best.get(lever.at, 0.0), lever.promise)
        chosen = sorted((at for at in best if best[at] > 0), key=lambda at: (-best[at], at))[:OF_A_FORM]
        for at in chosen:
            own = [_fix(bench, lever, costs) for level in levels for lever in level if lever.at == at]
            found += [fix for fix in own if fix is not None]
    return found


def stock_fix(fix: Fix, days: float) -> Fix:
    """A stock fix of another size."""
    share = days / fix.level
    tonnes = fix.tonnes * share
    change = fix.change.replace(f"{fix.level:.0f} more days", f"{days:.0f} more days")
    change = f"{change.rsplit('(', 1)[0]}({_tonnes(tonnes)})"
    return replace(
        fix, level=days, tonnes=tonnes, cost=fix.cost.times(share), change=change,
        apply=partial(_stocked, place=fix.place[2], more=tonnes),
    )  # fmt: skip


def _tonnes(amount: float) -> str:
    from orebridge.delivery.naming import tonnes

    return tonnes(amount)


def _fix(bench: Bench, lever: Lever, costs: FixCosts) -> Fix | None:
    net, fix, at = bench.net, FIX_OF[lever.form], lever.at
    what, change = named(bench, lever, None)
    cost: Cost | None
    if fix == "stock":
        label = str(net.nodes["node"].iloc[at[0]])
        cost = _priced(net, at[0], lever.tonnes, costs.of_fix(fix))
        apply: Change = partial(_stocked, place=label, more=lever.tonnes)
    elif fix in ("capacity", "restart"):
        label = str(net.sites["site"].iloc[at[0]])
        cost = _plant(net, at[0], lever, costs)
        apply = (
            partial(grown, site=label, more=lever.amount)
            if fix == "capacity"
            else partial(_opened, activities=_labels(net, _late(net, at[0])), months=np.inf)
        )
    elif fix in ("qualification", "substitution"):
        names = _labels(net, at)
        label = names[0]
        sites = {int(net.activities["site"].iloc[a]) for a in at}
        cost = costs.of_fix(fix).times(len(sites))
        if fix == "qualification":
            apply = partial(_opened, activities=names, months=lever.amount)
        else:
            cost = cost.times(lever.amount / MORE_ACCEPTED[0])
            apply = partial(_accepted, activities=names, more=lever.amount)
    elif fix == "supplier":
        label = str(net.routes["route"].iloc[at[0]])
        cost, apply = costs.of_fix(fix), partial(_routed, route=label)
    else:
        label = str(net.stockpiles["stockpile"].iloc[at[0]])
        cost, apply = costs.of_fix(fix), partial(_freed, pile=label, share=lever.amount)
    if cost is None:
        return None
    return Fix((net.chains[0], fix, label), what, change, lever.amount, lever.tonnes, cost, apply)


def _priced(net: SupplyNetwork, node: int, tonnes: float, factor: Cost) -> Cost | None:
    price = float(net.nodes["replacement_usd"].iloc[node])
    return factor.times(price * tonnes) if price > 0 else None


def _plant(net: SupplyNetwork, site: int, lever: Lever, costs: FixCosts) -> Cost | None:
    """Outlay for more of a plant, by a year's output of what it makes most of."""
    kind = str(net.sites["kind"].iloc[site])
    output = main_outputs(net).get(site)
    at = net.nodes[(net.nodes["commodity"] == output) & (net.nodes["country"] == net.sites["country"].iloc[site])].index
    if not len(at):
        return None
    acts = np.flatnonzero(net.activities["site"].to_numpy(dtype=int) == site)
    made = net.terms[net.terms["activity"].isin(acts) & (net.terms["node"] == at[0]) & (net.terms["coefficient"] > 0)]
    size = lever.amount if lever.form == "capacity" else 1.0
    yearly = 12.0 * size * float(net.sites["capacity"].iloc[site]) * float(made["coefficient"].max())
    cost = _priced(net, int(at[0]), yearly, costs.of_fix("capacity", kind))
    if cost is None or lever.form == "capacity":
        return cost
    share = costs.of_fix("restart", kind)
    return Cost(cost.usd * share.usd, cost.low * share.low, cost.high * share.high)


def _late(net: SupplyNetwork, site: int) -> list[int]:
    own = (net.activities["site"] == site) & (net.activities["opens"] > 0)
    return np.flatnonzero(own.to_numpy(dtype=bool)).tolist()


def _labels(net: SupplyNetwork, activities: Iterable[int]) -> tuple[str, ...]:
    return tuple(str(net.activities["activity"].iloc[a]) for a in activities)


# --- changes ------------------------------------------------------------------------------------------------------
def _stocked(network: SupplyNetwork, place: str, more: float) -> SupplyNetwork:
    """More in a place's industry stock at the start."""
    piles = network.stockpiles
    node = network.nodes["node"].to_numpy()[piles["node"].to_numpy(dtype=int)]
    own = (node == place) & (piles["holder"] == "industry").to_numpy()
    extra = np.where(own, more, 0.0)
    return replace(network, stockpiles=piles.assign(s0=piles["s0"] + extra, release=piles["release"] + extra))


def _opened(network: SupplyNetwork, activities: Sequence[str], months: float) -> SupplyNetwork:
    """Recipes open so many months earlier (inf: at once)."""
    acts = network.activities
    own = acts["activity"].isin(activities).to_numpy()
    opens = np.where(own, np.maximum(acts["opens"].to_numpy(dtype=float) - months, 0.0), acts["opens"])
    return replace(network, activities=acts.assign(opens=opens))


def _accepted(network: SupplyNetwork, activities: Sequence[str], more: float) -> SupplyNetwork:
    """Recipes accepted for so much more of their sites' capacity (points of share)."""
    acts = network.activities
    own = acts["activity"].isin(activities).to_numpy()
    return replace(
        network,
        activities=acts.assign(accepted=np.where(own, np.minimum(acts["accepted"] + more, 1.0), acts["accepted"])),
    )


def _routed(network: SupplyNetwork, route: str) -> SupplyNetwork:
    """A new route open at once."""
    routes = network.routes
    return replace(network, routes=routes.assign(opens=np.where(routes["route"] == route, 0.0, routes["opens"])))


def _freed(network: SupplyNetwork, pile: str, share: float) -> SupplyNetwork:
    """A stock that may give so much more (share of its start) a month, and of its floor."""
    piles = network.stockpiles
    own = (piles["stockpile"] == pile).to_numpy()
    more = share * piles["s0"]
    return replace(
        network,
        stockpiles=piles.assign(
            floor=np.where(own, np.maximum(piles["floor"] - more, 0.0), piles["floor"]),
            release=np.where(own, piles["release"] + more, piles["release"]),
        ),
    )
