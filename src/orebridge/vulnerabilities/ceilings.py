"""The most that a set of hits can cost: the course without a plan, in which a member serves its dearest uses first.

    ceiling = sum over nodes of members and reported months of  delta^t * cost(shortage of the node that month)
              + sum over members' stocks of W * max(0, s0 - s_end)                                            USD

`cost` gives the shortage of a month to the uses of the place in order of their value, the cheapest first. Nothing else
is decided: contracts, plants and stocks run as in the course without a plan. That course is a possible plan of every
way, and so is this one (only the split of a month's shortage at one place differs, never more than a use wants, and not
in the unreported tail). A planner who may choose it therefore never loses more than the ceiling: a set of hits whose
ceiling is below a loss already found needs no solving. It costs a few hundredths of a solve, and thousands of sets run
side by side. Ceilings of two sets do not add up, and a larger set can have the lower one: a hit on a rival's supply
leaves more for members.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from orebridge.delivery.limits import Horizon, Limits, release_limit
from orebridge.delivery.model import discount
from orebridge.delivery.past import Flows
from orebridge.delivery.unaided import Simulator
from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.hits import Hit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
BESIDE = 256  # sets side by side: enough to hide the calls, few enough to stay near the processor


class Ceilings(Simulator):
    """Ceilings of sets drawn from one chain's hits, all from month 1 on for `length` whole months.

    `calm` are the limits in which nothing is hit, with the stocks as they open in a shock from month 1.
    """

    lean = False  #: whether all base-year wants stay wanted and no loss is discounted: see `families`

    def __init__(
        self, network: SupplyNetwork, horizon: Horizon, calm: Limits, hits: Sequence[Hit], length: int
    ) -> None:
        super().__init__(network, horizon)
        self.length, self.count = length, len(hits)
        self._closed = _member(len(network.routes), [hit.routes for hit in hits])
        self._still = _member(len(network.sites), [hit.sites for hit in hits])
        self._demand = self._demands @ calm.demand
        self._may_give = release_limit(network, calm)[:, :, None]
        self._uses = _Uses(network, horizon, discounted=not self.lean)
        self._base_wants = self._takes @ self._x0 + self._ships @ self._y0

    def touch(self, hit: Hit) -> None:
        """One more hit to draw from; its position is the next one."""
        self.count += 1
        for name, own in (("_closed", hit.routes), ("_still", hit.sites)):
            known = getattr(self, name)
            setattr(self, name, np.hstack([known[:, :-1], _member(len(known), [own])]))

    def of(self, sets: Ints, workers: int = 1) -> Floats:
        """USD of each set (rows: positions of its hits, -1 for none)."""
        parts = [sets[k : k + BESIDE] for k in range(0, len(sets), BESIDE)]
        if workers == 1 or len(parts) < 2:
            found = [self._run(part) for part in parts]
        else:
            with ThreadPoolExecutor(workers) as pool:
                found = list(pool.map(self._run, parts))
        return np.concatenate(found) if found else np.zeros(0)

    def _run(self, sets: Ints) -> Floats:
        """The month loop of `Simulator.run`, without what only a full course needs."""
        past, months, many = self.past, self.horizon.months, len(sets)
        longest = past.activity.shape[1]
        runs: deque[Floats] = deque(maxlen=longest)
        ships: deque[Floats] = deque(maxlen=longest)
        for k in range(longest):
            runs.append(np.repeat(past.activity[:, k : k + 1], many, 1))
            ships.append(np.repeat(past.shipment[:, k : k + 1], many, 1))
        held = np.repeat(past.stock[:, None], many, 1)
        last = np.repeat(self._at_site @ past.activity[:, -1:], many, 1)
        struck = _any(self._closed, sets), _any(self._still, sets)
        whole = np.zeros_like(struck[0]), np.zeros_like(struck[1])
        usd, left_to_give = np.zeros(many), self._uses.fresh(many)
        for t in range(months):
            if t in (0, self.length):
                closed, still = struck if t < self.length else whole
                want_ship = np.where(closed, 0.0, self._y0)
                shipped = self._ships @ want_ship
                capacity = np.where(still, 0.0, self._capacity)
            came = np.zeros((len(self._free), many))
            for lag, makes in self._makes.items():
                came += makes @ runs[longest - lag]
            for lag, brings in self._brings.items():
                if lag:
                    came += brings @ ships[longest - lag]
            room = np.minimum(capacity, last + self._ramp)
            part = np.minimum(1.0, np.divide(room, self._planned, out=np.ones_like(room), where=self._planned > 0))
            want_act = self._x0 * part[self._site]
            give = np.minimum(np.maximum(held - self._floor, 0.0), self._may_give[:, t])
            demand = self._demand[:, t : t + 1]
            wanted = (self._base_wants if self.lean else self._takes @ want_act + shipped) + demand
            wanted = np.broadcast_to(wanted, came.shape)
            served, ratio, came = self._share_out(came, self._piles @ give, want_act, wanted)
            level = want_act * ratio
            runs.append(level)
            ships.append(served[self._source] * want_ship)
            last = self._at_site @ level
            used = served * wanted if self.lean else self._takes @ level + served * (shipped + demand)
            left = self._piles @ held + came - used
            left = np.where(self._free, np.minimum(left, self._start), left)
            held = self._put(held, left, give)
            if t < self.horizon.reported:
                usd += self._uses.cost(left_to_give, (1.0 - served) * demand, t)
        return usd + self._uses.missing(held)


class _Uses:
    """What members' shortages and missing stocks cost, month after month."""

    def __init__(self, network: SupplyNetwork, horizon: Horizon, *, discounted: bool = True) -> None:
        piles = network.stockpiles
        uses = uses_by_worth(network)
        self._ranks = [uses[uses["rank"] == rank] for rank in range(int(uses["rank"].max()) + 1)] if len(uses) else []
        self._node = [own["node"].to_numpy(dtype=int) for own in self._ranks]
        self._most = [own["D"].to_numpy(dtype=float)[:, None] for own in self._ranks]
        self._value = [own["value_usd"].to_numpy(dtype=float) for own in self._ranks]
        self._keeps = [own["keeps"].to_numpy(dtype=float)[:, None] for own in self._ranks]
        self._weight = discount(network, horizon.months)
        if not discounted:
            self._weight = np.full_like(self._weight, self._weight.max())
        self._piles = np.flatnonzero(piles["country"].isin(network.members).to_numpy())
        held = piles.iloc[self._piles]
        self._start = held["s0"].to_numpy(dtype=float)[:, None]
        price = held["replacement_usd"].to_numpy(dtype=float) * network.assumption("terminal_share")
        self._price = price[:, None]

    def fresh(self, many: int) -> list[Floats]:
        """Nothing of any use given up yet: what each may still give up (rank -> use x set)."""
        return [np.zeros((len(most), many)) for most in self._most]

    def cost(self, left: list[Floats], short: Floats, t: int) -> Floats:
        """USD of the nodes' shortages (node x set, t) in month t; takes them off what is `left` to give up."""
        usd = np.zeros(short.shape[1])
        rest = short.copy()
        for room, node, most, value, keeps in zip(left, self._node, self._most, self._value, self._keeps, strict=True):
            np.add(np.multiply(room, keeps, out=room), most, out=room)
            part = np.minimum(rest[node], room)
            now = np.minimum(part, most)
            usd += value @ (self._weight[t] * now + self._weight[0] * (part - now))
            np.subtract(room, part, out=room)
            rest[node] -= part
        return usd

    def missing(self, held: Floats) -> Floats:
        """USD of what is missing from members' stocks at the end (pile x set)."""
        gap = np.maximum(self._start - held[self._piles], 0.0)
        gap = np.where(gap < 1e-6 * np.maximum(self._start, 1.0), 0.0, gap)
        result: Floats = np.where(gap > 0, self._price * gap, 0.0).sum(0)
        return result


def uses_by_worth(network: SupplyNetwork) -> pd.DataFrame:
    """Members' uses by place and value: `node`, `value_usd`, `D` (t per month), `rank` at the place (0: cheapest).

    `keeps`: whether what a use gives up can be kept for later months: the place has an industry stock that takes any
    amount, at once, and gives it back at once.
    """
    demands, piles = network.demands, network.stockpiles
    own = demands[demands["is_member"].to_numpy(dtype=bool) & (demands["D"] > 0).to_numpy()]
    uses = pd.DataFrame(own.groupby(["node", "value_usd"], as_index=False)["D"].sum())
    uses["rank"] = uses.groupby("node").cumcount()
    free = piles["release"] >= piles["s0"] - 1e-9
    shed = piles[(piles["holder"] == "industry") & np.isinf(piles["room"]) & np.isinf(piles["refill"]) & free]
    uses["keeps"] = uses["node"].isin(shed.loc[shed["opens_after"] == 0, "node"])
    return uses


def rationed(network: SupplyNetwork, horizon: Horizon, course: Flows) -> Flows:
    """A course without a plan in which members' shortages fall on their cheapest uses, in the month or before it.

    What is given up before is kept in the industry's stock until it is wanted. The demands must be those of the base year (hits
    change none). The tail stays as it was.
    """
    demands, piles, months = network.demands, network.stockpiles, horizon.reported
    unmet, stock = course.unmet.copy(), course.stock.copy()
    for node, uses in uses_by_worth(network).groupby("node"):
        here = demands[(demands["node"] == node).to_numpy() & (demands["D"] > 0).to_numpy()]
        short = course.unmet[here.index, :months].sum(0)
        most = uses["D"].to_numpy(dtype=float)
        given = _given_up(short, most, bool(uses["keeps"].iloc[0]))
        for value, size, part in zip(uses["value_usd"], most, given, strict=True):
            own = here[here["value_usd"] == value]
            unmet[own.index, :months] = own["D"].to_numpy(dtype=float)[:, None] / size * part
        kept = np.cumsum(given.sum(0) - short)
        pile = piles[(piles["node"] == node) & (piles["holder"] == "industry")]
        if len(pile):
            stock[pile.index[0], :months] += np.maximum(kept, 0.0)
    return replace(course, unmet=unmet, stock=stock)


def _given_up(short: Floats, most: Floats, keeps: bool) -> Floats:
    """Tonnes given up by use (cheapest first) and month, such that what lacks by each month has been given up by then."""
    given = np.zeros((len(most), len(short)))
    for t in range(len(short)):
        lack = float(short[t])
        for use, size in enumerate(most):
            for month in range(t, -1 if keeps else t - 1, -1):
                part = min(lack, size - given[use, month])
                if part > 0:
                    given[use, month] += part
                    lack -= part
            if lack <= 0:
                break
    return given


def _member(size: int, groups: Sequence[frozenset[int]]) -> Any:
    """Component x hit: whether the hit touches it; a last column of nothing stands for no hit (position -1)."""
    rows = [k for group in groups for k in group]
    columns = [j for j, group in enumerate(groups) for _ in group]
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(size, len(groups) + 1)).toarray() > 0


def _any(touched: Bools, sets: Ints) -> Bools:
    """Component x set: whether any hit of the set touches it."""
    result = np.zeros((touched.shape[0], len(sets)), dtype=bool)
    for column in sets.T:
        result |= touched[:, column]
    return result
