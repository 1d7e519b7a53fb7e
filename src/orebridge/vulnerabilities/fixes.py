"""The cheapest set of fixes that removes a stated share of what a set of hits costs.

    min  sum of outlays   over sets of changes from the menu, one size each place,
    such that   loss(hits, changes) <= (1 - share) * loss(hits)

*Menu.* Changes that promise something by their duals under the hits (`fix_menu`), and again under the hits and the best
changes so far, because a change can be worth nothing until another is made (two feeds of one plant).

*Search.* Step by step, the change that saves most per USD of outlay is added until the share is reached; that gives a
set to beat. Then every set of as many changes (or `AT_ONCE`) that costs less (stocks in steps of `STEP` days) is ruled out or
tried: one that falls short rules out all within it (more of a fix never hurts a planner), one that does it is the new
set to beat. If none is left the answer is the cheapest of the menu; where the solves run out first, the cheapest set not
ruled out bounds it from below. Stocks of the answer are then cut to what is needed, to `TRIM` days.

Every loss is a re-solve of the rebuilt network with the course without a plan simulated anew; no figure comes from a
dual. Not covered: fixes that work in time only partly, and what they save under other hits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations, product

import numpy as np
import numpy.typing as npt

from orebridge.delivery.levers import Bench
from orebridge.delivery.marginal import marginal_values
from orebridge.delivery.warm import Warm, case_of, total
from orebridge.errors import ShockError
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects
from orebridge.vulnerabilities.fix_menu import NO_COST, Cost, Fix, FixCosts, Place, fixes_of, stock_fix
from orebridge.vulnerabilities.hits import effects_of
from orebridge.vulnerabilities.redteam import Strike

TRIM = 5.0  # days to which stocks are cut
STEP = 15.0  # days between the stocks that are searched through
AT_ONCE = 3  # most changes in one set that are searched through; more where the set to beat has more,
MOST_AT_ONCE = 5  # up to these, with stocks in the sizes of the menu only
PLACES = 8  # most places of the menu that are searched through
FEWER = 6  # the same where the set to beat has many changes
SOLVES = 150  # most sets solved in the search
ROUNDS = 12  # most steps
NEARLY = 0.9  # of the best saving per USD: steps that count as good
SMALL = 0.01  # of the loss; what saves less is no fix, and a chain that loses less is left alone
ENOUGH = 1e-4  # of the loss: how nearly the share must be reached
COMPARED = 40  # sets compared by how many others their failure would rule out
Chosen = tuple[Fix, ...]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int_]


@dataclass(frozen=True)
class Single:
    """A change by itself: what it saves (USD) of the loss."""

    fix: Fix
    saves_usd: float


@dataclass(frozen=True)
class FixPlan:
    """The cheapest set of changes found against a set of hits, what is left, and how sure it is."""

    strike: Strike
    share: float
    loss_usd: float
    left_usd: float
    fixes: Chosen
    cost: Cost
    reached: bool  #: whether the share is removed
    least_usd: float  #: no set of the menu that does it costs less (USD, before stocks are cut to size)
    menu: tuple[Single, ...]  #: each change by itself, those that save most per USD first
    sets: int  #: sets of the menu
    solved: int
    let_through: float  #: share of the struck flows that, kept moving, would do the same; nan if none would
    prices: tuple[str, ...] = field(default=())  #: what a little more of a material is worth under the hits

    @property
    def cheapest(self) -> bool:
        """Whether every cheaper set of the menu was shown to fall short."""
        return self.reached and self.cost.usd <= self.least_usd + 1.0

    @property
    def removed(self) -> float:
        """Share of the loss removed."""
        return 1.0 - self.left_usd / self.loss_usd if self.loss_usd > 0 else 0.0


class Losses:
    """Losses of one chain under given effects with changes made, each solved once; warm from one to the next."""

    def __init__(self, network: SupplyNetwork, effects: Effects, months: int, way: str, workers: int) -> None:
        self.network, self.effects, self.months, self.way = network, effects, months, way
        self._warm = [Warm(way) for _ in range(workers)]
        self._known: dict[frozenset[tuple[Place, float]], float] = {}

    @property
    def solved(self) -> int:
        """Sets of changes solved."""
        return len(self._known)

    def changed(self, fixes: Sequence[Fix]) -> SupplyNetwork:
        """The network with the changes."""
        network = self.network
        for fix in fixes:
            network = fix.apply(network)
        return network

    def of(self, sets: Sequence[Chosen]) -> list[float]:
        """USD lost with each set of changes."""
        new = list({_key(own): own for own in sets if _key(own) not in self._known}.values())

        def run(part: Sequence[Chosen], warm: Warm) -> list[float]:
            return [total(warm.loss(case_of(self.changed(own), self.effects, self.months))) for own in part]

        parts = [[new[i] for i in part] for part in np.array_split(np.arange(len(new)), len(self._warm)) if len(part)]
        with ThreadPoolExecutor(max(len(parts), 1)) as pool:
            for part, found in zip(parts, pool.map(run, parts, self._warm), strict=False):
                self._known |= {_key(own): usd for own, usd in zip(part, found, strict=True)}
        return [self._known[_key(own)] for own in sets]


def _key(fixes: Sequence[Fix]) -> frozenset[tuple[Place, float]]:
    return frozenset((fix.place, fix.level) for fix in fixes)


class Repair:
    """The chains a strike hurts, and their losses with changes made. Chains add up, so each is solved by itself."""

    def __init__(
        self, network: SupplyNetwork, strike: Strike, months: int, length: int, way: str, workers: int = 2
    ) -> None:
        self.strike, self.months, self.length, self.way = strike, months, length, way
        self.losses: dict[str, Losses] = {}
        whole = strike.usd
        for chain, loss in strike.losses.items():
            if loss.total_usd < SMALL * whole or whole <= 0:
                continue
            part = network.subset([chain])
            hits = [hit for blow in strike.blows for hit in blow.hits if hit.chain == chain]
            self.losses[chain] = Losses(part, effects_of(part, hits, length), months, way, workers)
        self.other_usd = whole - sum(strike.losses[chain].total_usd for chain in self.losses)

    def usd(self, sets: Sequence[Chosen]) -> list[float]:
        """Loss of all chains with each set of changes."""
        result = np.full(len(sets), self.other_usd)
        for chain, losses in self.losses.items():
            result += losses.of([tuple(fix for fix in own if fix.place[0] == chain) for own in sets])
        return [float(usd) for usd in result]

    def offers(self, chosen: Chosen, costs: FixCosts) -> list[Fix]:
        """Changes that promise something with `chosen` made already."""
        found: list[Fix] = []
        taken = {fix.place for fix in chosen}
        struck = frozenset(hit.country for blow in self.strike.blows for hit in blow.hits)
        for chain, losses in self.losses.items():
            own = [fix for fix in chosen if fix.place[0] == chain]
            bench = Bench(losses.changed(own), losses.effects, self.months, self.way)
            if bench.usd > SMALL * self.strike.usd:
                found += [fix for fix in fixes_of(bench, costs, struck) if fix.place not in taken]
        return found

    @property
    def solved(self) -> int:
        """Sets of changes solved, over all chains."""
        return sum(losses.solved for losses in self.losses.values())


def cheapest_fixes(
    network: SupplyNetwork,
    strike: Strike,
    costs: FixCosts,
    share: float = 0.8,
    months: int = 24,
    length: int = 12,
    way: str = "alone",
    *,
    workers: int = 2,
    most_solves: int = SOLVES,
    note: Callable[[str], None] = lambda _: None,
) -> FixPlan:
    """The cheapest set of changes that removes `share` of the loss of a strike; raises ShockError for a share not in 0-1."""
    if not 0.0 < share < 1.0:
        raise ShockError(f"--remove must be a share between 0 and 1, not {share:g}.")
    repair = Repair(network, strike, months, length, way, workers)
    loss = repair.usd([()])[0]
    if not loss > 1.0:
        return FixPlan(strike, share, loss, loss, (), NO_COST, True, 0.0, (), 0, 0, np.nan)
    most = loss * (1.0 - share + ENOUGH)
    note("what would help")
    chosen, tried = _step_by_step(repair, costs, loss, most)
    reached = repair.usd([chosen])[0] <= most
    alone = repair.usd([(fix,) for fix in tried])
    singles = [Single(fix, loss - usd) for fix, usd in zip(tried, alone, strict=True)]
    sets, least = 0, math.nan
    if reached:
        note("whether less would do")
        if len(chosen) <= MOST_AT_ONCE:
            search = _Sets(_menu(singles, tried, chosen, SMALL * loss), max(AT_ONCE, len(chosen)))
            sets = len(search.cost)
            chosen, least = search.cheapest(repair, chosen, loss, most, most_solves)
        chosen = _trimmed(repair, chosen, most)
    singles = sorted((s for s in singles if s.saves_usd > SMALL * loss), key=lambda s: s.fix.cost.usd / s.saves_usd)
    return FixPlan(
        strike, share, loss, repair.usd([chosen])[0], chosen, _cost(chosen), reached, least, tuple(singles), sets,
        repair.solved, _let_through(repair, loss, most), _prices(repair),
    )  # fmt: skip


def _cost(fixes: Sequence[Fix]) -> Cost:
    cost = NO_COST
    for fix in fixes:
        cost = cost.plus(fix.cost)
    return cost


def _step_by_step(repair: Repair, costs: FixCosts, loss: float, most: float) -> tuple[Chosen, dict[Fix, float]]:
    """Changes added or enlarged one after another, each the one that saves most per USD of what is still wanted.

    Also returns every change tried, with the most it saved in any step (USD).
    """
    chosen: Chosen = ()
    left = loss
    tried: dict[tuple[Place, float], Fix] = {}
    saved: dict[tuple[Place, float], float] = {}
    for _ in range(ROUNDS):
        if left <= most:
            break
        for fix in repair.offers(chosen, costs):
            tried.setdefault((fix.place, fix.level), fix)
        size = {fix.place: fix.level for fix in chosen}
        steps = [fix for fix in tried.values() if fix.level > size.get(fix.place, 0.0)]
        sets = [(*(fix for fix in chosen if fix.place != step.place), step) for step in steps]
        after = repair.usd(sets)
        for step, usd in zip(steps, after, strict=True):
            key = (step.place, step.level)
            saved[key] = max(saved.get(key, 0.0), left - usd)
        spent = _cost(chosen).usd
        gains = [
            (min(left - usd, left - most) / max(_cost(own).usd - spent, 1.0), -_cost(own).usd, own, usd)
            for own, usd in zip(sets, after, strict=True)
            if left - usd > SMALL * loss
        ]
        if not gains:
            break
        # A stock saves alike from day to day: of steps nearly as good the longest is taken.
        near = NEARLY * max(gain[0] for gain in gains)
        _, _, chosen, left = min((gain for gain in gains if gain[0] >= near), key=lambda gain: (gain[3], -gain[1]))
    return chosen, {tried[key]: usd for key, usd in saved.items()}


def _menu(singles: Sequence[Single], saved: Mapping[Fix, float], chosen: Chosen, small: float) -> list[list[Single]]:
    """Places to search through, sizes rising: those of the set found, then those that saved most.

    Places that never saved `small` are left out, and sizes that alone save no more than a smaller one at their place.
    Stocks come in steps of `STEP` days (what those between two that were tried save alone is only a guess), or as tried
    where the set found has many changes.
    """
    best: dict[Place, float] = {}
    for fix, usd in saved.items():
        best[fix.place] = max(best.get(fix.place, 0.0), usd)
    order = [fix.place for fix in chosen] + sorted((p for p in best if best[p] > small), key=lambda p: (-best[p], p))
    menu = []
    for place in list(dict.fromkeys(order))[: PLACES if len(chosen) <= AT_ONCE else FEWER]:
        own = sorted((single for single in singles if single.fix.place == place), key=lambda single: single.fix.level)
        if place[1] == "stock" and len(chosen) <= AT_ONCE:
            levels, saves = [0.0, *(s.fix.level for s in own)], [0.0, *(s.saves_usd for s in own)]
            days = np.arange(STEP, levels[-1] + STEP / 2, STEP)
            own = [Single(stock_fix(own[-1].fix, float(d)), float(np.interp(d, levels, saves))) for d in days]
        sizes: list[Single] = []
        for single in own:
            if not sizes or single.fix.level >= _size(chosen, place) or single.saves_usd > sizes[-1].saves_usd + 1.0:
                sizes.append(single)
        menu.append(sizes)
    return menu


def _size(chosen: Chosen, place: Place) -> float:
    """Size of a place's change in a set; inf where there is none."""
    return next((fix.level for fix in chosen if fix.place == place), math.inf)


class _Sets:
    """All sets of up to `at_once` changes of a menu as arrays: sizes (0: none), outlay, and the sum of what each saves."""

    def __init__(self, menu: Sequence[Sequence[Single]], at_once: int = AT_ONCE) -> None:
        self._menu = menu
        parts = []
        for size in range(1, min(at_once, len(menu)) + 1):
            for places in combinations(range(len(menu)), size):
                part = np.zeros((math.prod(len(menu[p]) for p in places), len(menu)), dtype=np.int64)
                part[:, places] = np.array(list(product(*(range(1, len(menu[p]) + 1) for p in places))))
                parts.append(part)
        self._picked = np.vstack(parts)
        self.cost, self._saves = np.zeros(len(self._picked)), np.zeros(len(self._picked))
        for p, sizes in enumerate(menu):
            self.cost += np.array([0.0, *(single.fix.cost.usd for single in sizes)])[self._picked[:, p]]
            self._saves += np.array([0.0, *(single.saves_usd for single in sizes)])[self._picked[:, p]]
        self._places = (self._picked > 0) @ (1 << np.arange(len(menu)))

    def cheapest(self, repair: Repair, first: Chosen, loss: float, most: float, solves: int) -> tuple[Chosen, float]:
        """The cheapest set that leaves at most `most`, and what no such set can cost less than.

        In turn: the cheapest set that should do it by what its parts save alone (scaled by how far off that was for sets
        of the same places), and of those that should not the one whose failure rules out most others.
        """
        best, limit = first, _cost(first).usd
        open_ = self.cost < limit - 1.0
        guess = self._saves.copy()
        for turn in range(solves):
            left = np.flatnonzero(open_)
            if not left.size:
                break
            pick = self._next(left, guess, loss - most, turn)
            own = tuple(self._menu[p][n - 1].fix for p, n in enumerate(self._picked[pick]) if n)
            usd = repair.usd([own])[0]
            alike = self._places == self._places[pick]
            guess[alike] *= (loss - usd) / max(guess[pick], 1.0)
            if usd <= most:
                if self.cost[pick] < limit:
                    best, limit = own, float(self.cost[pick])
                open_ &= self.cost < limit - 1.0
            else:
                open_ &= ~self._inside(pick)
        return best, float(self.cost[open_].min(initial=limit))

    def _next(self, left: Ints, guess: Floats, wanted: float, turn: int) -> int:
        hopeful = guess[left] >= wanted
        if hopeful.any() and (turn % 2 == 0 or hopeful.all()):
            return int(left[hopeful][np.argmin(self.cost[left[hopeful]])])
        weak = left[~hopeful]
        likely = weak[np.argsort(-guess[weak], kind="stable")][:: max(1, len(weak) // COMPARED)]
        within = [int(self._inside(k, left).sum()) for k in likely]
        return int(likely[int(np.argmax(within))])

    def _inside(self, pick: int, of: Ints | slice = slice(None)) -> npt.NDArray[np.bool_]:
        """Which sets are no more than one."""
        result: npt.NDArray[np.bool_] = (self._picked[of] <= self._picked[pick]).all(axis=1)
        return result


def _trimmed(repair: Repair, chosen: Chosen, most: float) -> Chosen:
    """Changes that are not needed dropped, the dearest first, then stocks cut to the fewest days that still do."""
    for fix in sorted(chosen, key=lambda fix: -fix.cost.usd):
        rest = tuple(other for other in chosen if other.place != fix.place)
        if repair.usd([rest])[0] <= most:
            chosen = rest
    for place in [fix.place for fix in sorted(chosen, key=lambda fix: -fix.cost.usd) if fix.kind == "stock"]:
        low, high = 0.0, next(fix.level for fix in chosen if fix.place == place)
        while high - low > TRIM:
            middle = TRIM * round((low + high) / 2.0 / TRIM)
            if not low < middle < high:
                break
            smaller = tuple(stock_fix(fix, middle) if fix.place == place else fix for fix in chosen)
            if repair.usd([smaller])[0] <= most:
                high, chosen = middle, smaller
            else:
                low = middle
    return chosen


def _let_through(repair: Repair, loss: float, most: float) -> float:
    """Least share of the struck flows (to a hundredth) that, kept moving, removes as much; nan if only all of them do."""
    low, high = 0.0, 1.0
    warm = {chain: Warm(repair.way) for chain in repair.losses}

    def left(share: float) -> float:
        usd = repair.other_usd * (1.0 - share)
        for chain, losses in repair.losses.items():
            hits = [hit for blow in repair.strike.blows for hit in blow.hits if hit.chain == chain]
            effects = effects_of(losses.network, hits, repair.length, share)
            usd += total(warm[chain].loss(case_of(losses.network, effects, repair.months)))
        return usd

    while high - low > 0.011:
        middle = round((low + high) / 2.0, 2)
        if left(middle) <= most:
            high = middle
        else:
            low = middle
    return high if high < 1.0 else np.nan


def _prices(repair: Repair, most: int = 2) -> tuple[str, ...]:
    """What a little more of a material would save under the hits, in the chain that loses most, by re-solves."""
    chain = max(repair.losses, key=lambda name: repair.strike.losses[name].total_usd)
    losses = repair.losses[chain]
    frame = marginal_values(losses.network, losses.effects, repair.months, repair.way, most)
    return tuple(str(words) for words in frame["words"]) if len(frame) else ()
