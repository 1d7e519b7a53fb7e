"""The worst set of hits on several chains at once: a search that is exact, and says how far it is where it stops early.

    worst_k = max over sets S of at most k hits, within the budget by kind, of   sum over chains of loss_chain(S)

*Inner problem.* loss_chain(S) is the loss of the planned way that everything else in Orebridge reports (`pricing`). The
commitments a plan is held to are taken from the course without a plan *under S*, so they change from set to set, and
the loss is not one linear program in the hits. Held at base-year values they would make outsiders short of feed serve
members first. So no integer program: sets are searched.

*Bound.* Each set has a ceiling (`ceilings`) that its loss cannot exceed, each family of sets a cap (`families`) that none
of its sets can. Within a cell (one chain, one set of closed passages, one number of other hits by kind) families are
split and sets solved from the highest bound down, and a cell is closed when no bound left exceeds the worst loss found.

*Chains.* Passages touch several chains, all other hits one. For a given set K of closed passages the chains are
independent, so the worst choice of the other hits is a knapsack over chains: f(c, n) = max over m of f(c - 1, n - m) +
cell(c, K, m), exact because losses of chains add up (no node, row, cut or commitment is shared). The search always
works on the K whose knapsack of *bounds* is highest, and stops when every cell in that knapsack is closed: no other
choice can then be worse. Cells nobody needs are never opened; before that their bound is all the use and stock of the
chain.

*Gap.* Where time runs out first, the highest knapsack of bounds is what no set can exceed; the worst set found stands
beside it.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from orebridge.vulnerabilities.families import Family, Forest
from orebridge.vulnerabilities.pricing import Pricer

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Counts = tuple[int, ...]
Passages = frozenset[str]
EQUAL = 1e-9  # of a loss; sets nearer than this are equally bad
NOTHING = 1.0  # USD
FEW, MANY = 256, 2048  # families split at a time, at first and at most
Waiting = TypeVar("Waiting")


@dataclass(frozen=True)
class Kinds:
    """Kinds of hits that share one quota."""

    names: frozenset[str]
    most: int


@dataclass
class Chain:
    """A chain under attack: its pricer, its hits by quota, and its passages by name."""

    pricer: Pricer
    groups: list[list[int]]
    passages: dict[str, int]
    cells: dict[tuple[tuple[int, ...], Counts], Cell] = field(default_factory=dict)

    def cell(self, closed: Passages, counts: Counts, rules: Rules) -> Cell:
        """The cell of the passages that this chain uses."""
        own = tuple(sorted(self.passages[name] for name in closed if name in self.passages))
        if (own, counts) not in self.cells:
            self.cells[own, counts] = Cell(self, own, counts, rules)
        return self.cells[own, counts]


@dataclass(frozen=True)
class Rules:
    """How the search goes: sets of a cell up to which each is bounded by itself (beyond: families), and threads."""

    most_sets: int
    workers: int


class Cell:
    """The worst loss of one chain with given passages closed and given numbers of other hits: bounded, then found.

    A cell of few sets bounds each by its ceiling; a larger one bounds families of sets by their caps (`families`), splits
    the highest, and comes down to single sets and their ceilings only where nothing else shows that they need no look.
    """

    def __init__(self, chain: Chain, closed: tuple[int, ...], counts: Counts, rules: Rules) -> None:
        self._chain, self._closed, self._counts, self._rules = chain, closed, counts, rules
        self.best, self.chosen = 0.0, closed
        self.bound = chain.pricer.most() if sum(counts) or closed else 0.0
        self.found = not sum(counts) and not closed
        self.opened = self.found
        #: What may still be worse, the highest bound first: (-ceiling, set) and (-cap, family).
        self._sets: list[tuple[float, tuple[int, ...]]] = []
        self._families: list[tuple[float, Family]] = []
        self._split = FEW

    @property
    def done(self) -> bool:
        """Whether no set left can be worse than the worst found."""
        return self.opened and self.bound <= self._enough()

    def bounded_by(self, ceiling: float) -> None:
        """Open a cell of one set whose ceiling is known already."""
        self.opened = True
        _push(self._sets, [ceiling], [self._closed], -math.inf)
        self._bounded()

    def step(self) -> None:
        """Bound sets or families, or solve the set with the highest ceiling."""
        if not self.opened:
            self._open()
        elif not self.done:
            refined = _top(self._families) > _top(self._sets)
            if refined:
                self._refine()
            if self._sets and not (refined and self.found):  # one set is solved early, for a loss to begin with
                self._solve()
        self._bounded()

    def _open(self) -> None:
        self.opened = True
        sets = _combinations(self._chain.groups, self._counts)
        if not sets:
            self.bound = self.best = -math.inf
        elif sets <= self._rules.most_sets:
            members = self._members()
            _push(self._sets, self._ceilings(members), [tuple(row) for row in members.tolist()], -math.inf)
        elif family := self._forest().whole(self._counts):
            self._bound_each([family])

    def _refine(self) -> None:
        """Split the families with the highest caps, more of them each time; bound what comes of them."""
        enough = self._enough()
        forest, parts = self._forest(), list[Family]()
        for _ in range(self._split):
            if _top(self._families) <= enough:
                break
            parts += forest.split(heapq.heappop(self._families)[1])
        self._split = min(2 * self._split, MANY)
        self._bound_each(parts)

    def _bound_each(self, parts: Sequence[Family]) -> None:
        """Ceilings of families that are one set, caps of others; kept is what may be worse than the worst found."""
        forest, floor = self._forest(), self._enough() if self.found else -math.inf
        sets = [(*(node for node, _ in part), *self._closed) for part in parts if forest.single(part)]
        if sets:
            _push(self._sets, self._ceilings(np.array(sets, dtype=np.int32)), sets, floor)
        wider = [part for part in parts if not forest.single(part)]
        if wider:
            _push(self._families, self._caps(wider), wider, floor)

    def _solve(self) -> None:
        chosen = heapq.heappop(self._sets)[1]
        usd = self._chain.pricer.price(chosen).usd
        if usd > self.best * (1.0 + EQUAL) or not self.found:
            self.best, self.chosen, self.found = max(usd, 0.0), chosen, True

    def _bounded(self) -> None:
        if self.best > -math.inf:
            self.bound = max(self.best, _top(self._sets), _top(self._families))

    def _enough(self) -> float:
        return self.best * (1.0 + EQUAL) + NOTHING

    def _forest(self) -> Forest:
        return self._chain.pricer.forest(self._chain.groups, self._rules.workers)

    def _caps(self, families: Sequence[Family]) -> Floats:
        caps: Floats = np.minimum(self._forest().caps(families, self._closed), self._chain.pricer.most())
        return caps

    def _ceilings(self, sets: Ints) -> Floats:
        return self._chain.pricer.ceilings(sets, self._rules.workers)

    def _members(self) -> Ints:
        """All sets of the cell, one a row."""
        drawn = product(*(combinations(g, n) for g, n in zip(self._chain.groups, self._counts, strict=True)))
        flat = (k for parts in drawn for part in (*parts, self._closed) for k in part)
        return np.fromiter(flat, dtype=np.int32).reshape(-1, sum(self._counts) + len(self._closed))


def _push(heap: list[tuple[float, Waiting]], bounds: Iterable[float], waiting: Sequence[Waiting], floor: float) -> None:
    """Put on the heap what may cost more than `floor`."""
    for bound, own in zip(bounds, waiting, strict=True):
        if bound > floor:
            heapq.heappush(heap, (-float(bound), own))


def _top(heap: Sequence[tuple[float, object]]) -> float:
    return -heap[0][0] if heap else -math.inf


def _combinations(groups: Sequence[Sequence[int]], counts: Counts) -> int:
    return math.prod(math.comb(len(group), n) for group, n in zip(groups, counts, strict=True))


@dataclass(frozen=True)
class Choice:
    """A set of hits: closed passages, and by chain the positions of all its hits (passages included); its loss."""

    closed: Passages
    by_chain: Mapping[str, tuple[int, ...]]
    usd: float


@dataclass(frozen=True)
class Found:
    """The worst choice, what no choice can exceed, and whether the two are one."""

    choice: Choice
    bound: float
    proven: bool


class Search:
    """Chains under attack within a budget; cells are shared between searches for different numbers of hits."""

    def __init__(self, chains: Sequence[Chain], quotas: Sequence[Kinds], most_passages: int, rules: Rules) -> None:
        self.chains, self.quotas, self.most_passages, self.rules = list(chains), list(quotas), most_passages, rules
        self.passages = sorted({name for chain in chains for name in chain.passages})
        self._bound_passages()

    def _bound_passages(self) -> None:
        """Bound what closed passages do by themselves, all sets of them at once."""
        none = (0,) * len(self.quotas)
        for chain in self.chains:
            own = sorted(chain.passages.values())
            sizes = range(1, min(self.most_passages, len(own)) + 1)
            sets = [c for n in sizes for c in combinations(own, n)]
            if not sets:
                continue
            padded = np.array([[*c, *[-1] * (len(sets[-1]) - len(c))] for c in sets])
            for closed, ceiling in zip(sets, chain.pricer.ceilings(padded, self.rules.workers), strict=True):
                cell = chain.cells[closed, none] = Cell(chain, closed, none, self.rules)
                cell.bounded_by(float(ceiling))

    def worst(self, hits: int, until: float = math.inf) -> Found:
        """The worst set of at most `hits`; `until` is the clock (time.monotonic) at which to stop."""
        most = min(hits, self.most_passages)
        sets = [frozenset(c) for n in range(most + 1) for c in combinations(self.passages, n)]
        heap = [(-self._knapsack(closed, hits, "bound")[0], sorted(closed)) for closed in sets]
        heapq.heapify(heap)
        while True:
            stale, names = heap[0]
            closed = frozenset(names)
            bound, cells = self._knapsack(closed, hits, "bound")
            if bound < -stale * (1.0 - EQUAL):
                heapq.heapreplace(heap, (-bound, names))
                continue
            open_ = [cell for cell in cells.values() if not cell.done]
            if not open_:
                usd = sum(cell.best for cell in cells.values())
                return Found(_chosen(closed, cells, usd), max(bound, usd), True)
            if time.monotonic() > until:
                best = max((self._choice(frozenset(n), hits) for _, n in heap), key=lambda choice: choice.usd)
                return Found(best, max(bound, best.usd), False)
            self._work(open_)
            heapq.heapreplace(heap, (-self._knapsack(closed, hits, "bound")[0], names))

    def _work(self, open_: Sequence[Cell]) -> None:
        """A step of the cells that leave most open; each belongs to another chain, so they may run side by side."""
        cells = sorted(open_, key=lambda cell: cell.best - cell.bound)[: self.rules.workers]
        if len(cells) == 1 or self.rules.workers == 1:
            for cell in cells:
                cell.step()
            return
        with ThreadPoolExecutor(self.rules.workers) as pool:
            list(pool.map(Cell.step, cells))

    def _knapsack(self, closed: Passages, hits: int, of: str) -> tuple[float, dict[str, Cell]]:
        """Best split of the hits over the chains by the cells' bounds or losses, and the cell used in each chain."""
        room = tuple(min(kinds.most, hits - len(closed)) for kinds in self.quotas)
        choices = [c for c in product(*(range(n + 1) for n in room)) if sum(c) <= hits - len(closed)]
        states: dict[Counts, tuple[float, dict[str, Cell]]] = {(0,) * len(room): (0.0, {})}
        for chain in self.chains:
            values = []
            for counts in choices:
                cell = chain.cell(closed, counts, self.rules)
                if of == "bound":
                    if cell.bound > -math.inf:
                        values.append((counts, cell, cell.bound))
                elif cell.found or not sum(counts):
                    values.append((counts, cell, cell.best))
            states = _next_states(states, values, room, hits - len(closed), chain.pricer.chain)
        return max(states.values(), key=lambda state: state[0])

    def _choice(self, closed: Passages, hits: int) -> Choice:
        usd, cells = self._knapsack(closed, hits, "best")
        return _chosen(closed, cells, usd)


def _chosen(closed: Passages, cells: Mapping[str, Cell], usd: float) -> Choice:
    return Choice(closed, {name: cell.chosen for name, cell in cells.items() if cell.chosen}, usd)


def _next_states(
    states: Mapping[Counts, tuple[float, dict[str, Cell]]],
    values: Iterable[tuple[Counts, Cell, float]],
    room: Counts,
    hits: int,
    name: str,
) -> dict[Counts, tuple[float, dict[str, Cell]]]:
    result: dict[Counts, tuple[float, dict[str, Cell]]] = {}
    options = list(values)
    for used, (value, cells) in states.items():
        for counts, cell, more in options:
            total = tuple(a + b for a, b in zip(used, counts, strict=True))
            if sum(total) > hits or any(a > b for a, b in zip(total, room, strict=True)):
                continue
            if total not in result or value + more > result[total][0]:
                result[total] = (value + more, cells | {name: cell})
    return result
