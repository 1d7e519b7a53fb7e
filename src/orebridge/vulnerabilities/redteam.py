"""The red team: which few hits at once would cost the alliance most, proven or with a stated gap.

Hits are those of `hits` (a supplier stops all exports of a commodity, a facility stands still, a route is cut, a passage
is closed), all from month 1 on for the same number of months. How the worst set is found is in `attack`, what a set
costs in `pricing`, what it can cost at most in `ceilings`.

*Thinning.* Hits that touch the same things are one. A hit that touches only part of what another hit of the same quota
touches is left out (a route beside the supplier of its goods), unless it costs more by itself: closing less can hurt
more, where the goods kept at home relieve a plant that sells on. (Not looked into where its ceiling is below a hundredth
of the highest of its chain.)

Not covered: hits that last differently long or begin apart, hits on stocks or demand, and what an attacker pays.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from orebridge.errors import ShockError
from orebridge.labels import says_nothing
from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.attack import Chain, Found, Kinds, Rules, Search
from orebridge.vulnerabilities.hits import KINDS, Hit, hits_of
from orebridge.vulnerabilities.losses import ITEMS, Loss
from orebridge.vulnerabilities.pricing import CHOKEPOINT, Pricer

MOST_HITS = 4
MOST_SETS = 20_000
TELLING = 0.01  # of a chain's highest single ceiling
LOCAL = tuple(kind for kind in KINDS if kind != CHOKEPOINT)
Note = Callable[[str], None]


@dataclass(frozen=True)
class Budget:
    """At most `hits` in all; of the kinds in `of_kind` at most so many each, of others none (empty: any kinds)."""

    hits: int
    of_kind: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.hits <= MOST_HITS:
            raise ShockError(f"--hits must be from 1 to {MOST_HITS}, not {self.hits}.")
        for kind, most in self.of_kind.items():
            if kind not in KINDS:
                raise ShockError(f"--budget: no kind of hit {kind!r}; there are {', '.join(KINDS)}.")
            if most < 0:
                raise ShockError(f"--budget: {kind}={most} must not be negative.")
        if self.of_kind and not sum(self.of_kind.values()):
            raise ShockError("--budget allows no hit at all; give at least one kind a number above 0.")

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds that may strike."""
        return tuple(kind for kind in KINDS if not self.of_kind or self.of_kind.get(kind, 0) > 0)

    @property
    def quotas(self) -> list[Kinds]:
        """Kinds other than passages, by the number they share."""
        if not self.of_kind:
            return [Kinds(frozenset(LOCAL), self.hits)]
        return [Kinds(frozenset([kind]), self.of_kind[kind]) for kind in self.kinds if kind != CHOKEPOINT]

    @property
    def passages(self) -> int:
        """Passages that may be closed."""
        return self.hits if not self.of_kind else self.of_kind.get(CHOKEPOINT, 0)


@dataclass(frozen=True)
class Blow:
    """One hit of a set, in every chain it touches; `same`: names of other hits that touch exactly the same."""

    kind: str
    name: str
    hits: tuple[Hit, ...]
    same: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Kind and name."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Strike:
    """A set of hits and what members lose by it, chain by chain, with the best plan."""

    blows: tuple[Blow, ...]
    losses: Mapping[str, Loss]
    members: tuple[str, ...]

    @property
    def usd(self) -> float:
        """USD of all members."""
        return sum(loss.total_usd for loss in self.losses.values())

    def usd_of(self, member: str) -> float:
        """USD of one member."""
        at = self.members.index(member)
        return float(sum(loss.usd[at].sum() for loss in self.losses.values()))

    def items(self) -> dict[str, float]:
        """USD by tier, and stock."""
        grid = np.sum([loss.usd.sum(axis=0) for loss in self.losses.values()], axis=0) if self.losses else np.zeros(4)
        return dict(zip(ITEMS, grid.tolist(), strict=True))

    @property
    def first_month(self) -> int:
        """First month in which any member is short of anything; 0 if none is."""
        months = [loss.first_month for loss in self.losses.values() if loss.first_month]
        return min(months, default=0)


@dataclass(frozen=True)
class Round:
    """The worst set of at most `hits` hits, and how sure that is."""

    hits: int
    strike: Strike
    bound_usd: float  #: no set of the candidates searched can cost more
    proven: bool
    sets: int  #: possible sets of at most so many candidates
    bounded: int  #: ceilings of sets and caps of families computed so far
    solved: int  #: sets solved so far
    seconds: float

    @property
    def gap(self) -> float:
        """Share by which the bound is above the worst set found; 0 where it is proven."""
        return 0.0 if self.proven else self.bound_usd / self.strike.usd - 1.0 if self.strike.usd > 0 else math.inf


@dataclass(frozen=True)
class RedTeam:
    """The answer: the worst sets by number of hits, the worst single ones, and what was searched."""

    network: SupplyNetwork
    chains: tuple[str, ...]
    months: int
    length: int
    way: str
    budget: Budget
    rounds: tuple[Round, ...]
    singles: tuple[Strike, ...]
    candidates: Mapping[str, int]  #: by kind, all chains, after thinning
    thinned: int  #: hits left out because another touches all of it
    restored: int  #: hits within another that cost more by themselves, and so were kept
    notes: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        """The alliance."""
        return self.network.members


class Team:
    """A network under attack: candidates thinned, pricers ready. `answer` finds the worst sets."""

    def __init__(
        self,
        network: SupplyNetwork,
        budget: Budget,
        months: int = 24,
        length: int = 12,
        way: str = "alone",
        *,
        abroad: bool = False,
        most_sets: int = MOST_SETS,
        workers: int = 2,
        note: Note = lambda _: None,
    ) -> None:
        self.network, self.budget, self.months, self.length, self.way = network, budget, months, length, way
        self.rules = Rules(most_sets, workers)
        self.blows: dict[str, dict[int, Blow]] = {}  #: chain -> position -> blow
        self.chains: list[Chain] = []
        self.thinned = self.restored = 0
        parts = {chain: network.subset([chain]) for chain in network.chains}
        ours = set(network.members) if abroad else set()
        found = {
            chain: [hit for hit in hits_of(part, budget.kinds) if hit.country not in ours]
            for chain, part in parts.items()
        }
        passages = _passages(found)
        note("what can be hit")
        struck = [(parts[chain], hits) for chain, hits in found.items() if hits]
        with ThreadPoolExecutor(workers) as pool:
            ready = list(pool.map(lambda pair: self._ready(pair[0], pair[1], passages), struck))
        for chain, blows, thinned, restored in ready:
            self.chains.append(chain)
            self.blows[chain.pricer.chain] = blows
            self.thinned, self.restored = self.thinned + thinned, self.restored + restored

    def _ready(
        self, part: SupplyNetwork, hits: Sequence[Hit], passages: Mapping[str, tuple[str, ...]]
    ) -> tuple[Chain, dict[int, Blow], int, int]:
        """A chain with its hits thinned: its blows by position, how many hits were left out, and how many put back."""
        pricer = Pricer(part, hits, self.months, self.length, self.way)
        groups: list[list[int]] = []
        blows: dict[int, Blow] = {}
        restored = 0
        for kinds in self.budget.quotas:
            own = [k for k, hit in enumerate(hits) if hit.kind in kinds.names]
            same, within = _thin(hits, own)
            kept = [k for k in same if k not in within]
            back = [k for k, over in within.items() if _worse(pricer, k, over)]
            restored += len(back)
            groups.append(sorted([*kept, *back]))
            blows |= {
                k: Blow(hits[k].kind, hits[k].name, (hits[k],), tuple(hits[i].name for i in same[k]))
                for k in groups[-1]
            }
        closed = {hit.name: k for k, hit in enumerate(hits) if hit.kind == CHOKEPOINT and hit.name in passages}
        blows |= {k: Blow(CHOKEPOINT, name, (hits[k],), passages[name]) for name, k in closed.items()}
        return Chain(pricer, groups, closed), blows, len(hits) - len(blows), restored

    def candidates(self) -> dict[str, int]:
        """How many hits of each kind are searched (a passage counts once)."""
        keys = {(b.kind, b.name) for blows in self.blows.values() for b in blows.values()}
        return {kind: sum(k == kind for k, _ in keys) for kind in self.budget.kinds}

    def answer(
        self,
        singles: int = 3,
        seconds: float = math.inf,
        note: Note = lambda _: None,
        chains: Iterable[str] | None = None,
    ) -> RedTeam:
        """The worst sets of 1, 2, ... hits of the budget, over all chains or some.

        `seconds` bounds the whole search; each number of hits may use its share of what is left of it.
        """
        wanted = set(self.network.chains if chains is None else chains)
        own = [chain for chain in self.chains if chain.pricer.chain in wanted]
        used = set(self.network.demands["country"])
        until, notes = time.monotonic() + seconds, [says_nothing(m) for m in self.network.members if m not in used]
        search = Search(own, self.budget.quotas, self.budget.passages, self.rules)
        total = _sets(search, self.budget.hits)
        most = len(total) - 1
        if most < 1:
            raise ShockError("nothing that could be hit lies in the chains chosen; check the chains and the budget.")
        if most < self.budget.hits:
            notes.append(
                f"Only {most} hit{'s' if most > 1 else ''} of the kinds allowed ({', '.join(self.budget.kinds)}) can be told apart in "
                f"these chains, so the answer for --hits {self.budget.hits} is that for {most}; name more chains or kinds to look wider."
            )
        rounds = []
        for hits in range(1, most + 1):
            note(f"the worst {hits} hits" if hits > 1 else "the worst hit")
            begun = time.monotonic()
            left = (until - begun) / (most - hits + 1)  # no number of hits uses up the time of those to come
            found = search.worst(hits, begun + left)
            rounds.append(self._round(own, hits, found, total[hits], time.monotonic() - begun))
        return RedTeam(
            self.network, tuple(chain.pricer.chain for chain in own), self.months, self.length, self.way, self.budget,
            tuple(rounds), tuple(self.worst_singles(singles, own)), self.candidates(), self.thinned, self.restored,
            tuple(notes),
        )  # fmt: skip

    def _round(self, own: Sequence[Chain], hits: int, found: Found, sets: int, seconds: float) -> Round:
        strike = self._strike(own, found.choice.by_chain)
        pricers = [chain.pricer for chain in own]
        return Round(
            hits, strike, max(found.bound, strike.usd), found.proven, sets, sum(p.bounded for p in pricers),
            sum(p.solved for p in pricers), seconds,
        )  # fmt: skip

    def _strike(self, own: Sequence[Chain], chosen: Mapping[str, Sequence[int]]) -> Strike:
        """A set of hits by chain and position, with its losses."""
        by_name: dict[tuple[str, str], list[Blow]] = {}
        losses = {}
        for chain in own:
            name = chain.pricer.chain
            for k in sorted(chosen.get(name, ())):
                blow = self.blows[name][k]
                by_name.setdefault((blow.kind, blow.name), []).append(blow)
            if chosen.get(name):
                losses[name] = chain.pricer.price(chosen[name]).loss
        blows = [Blow(k, n, tuple(b.hits[0] for b in own), own[0].same) for (k, n), own in by_name.items()]
        return Strike(tuple(sorted(blows, key=lambda b: b.key)), losses, self.network.members)

    def worst_singles(self, most: int, chains: Sequence[Chain] | None = None) -> list[Strike]:
        """The `most` worst single hits, worst first: solved from the highest ceiling down until the rest is below."""
        own = [chain for chain in (self.chains if chains is None else chains) if self.blows[chain.pricer.chain]]
        if most < 1:
            return []
        places: dict[str, dict[str, tuple[int, ...]]] = {}
        height: dict[str, float] = {}
        for chain in own:
            blows = self.blows[chain.pricer.chain]
            order = sorted(blows)
            ceilings = chain.pricer.ceilings(np.array(order)[:, None], self.rules.workers)
            for k, ceiling in zip(order, ceilings, strict=True):
                key = blows[k].key if blows[k].kind == CHOKEPOINT else f"{chain.pricer.chain}: {blows[k].key}"
                places.setdefault(key, {})[chain.pricer.chain] = (k,)
                height[key] = height.get(key, 0.0) + float(ceiling)
        worst: list[Strike] = []
        for key in sorted(height, key=lambda name: (-height[name], name)):
            if len(worst) >= most and height[key] <= worst[most - 1].usd:
                break
            worst = sorted([*worst, self._strike(own, places[key])], key=lambda strike: -strike.usd)[:most]
        return worst


def _passages(found: Mapping[str, Sequence[Hit]]) -> dict[str, tuple[str, ...]]:
    """Passages worth trying, with others that close exactly the same; those that close less than another are left out."""
    closes: dict[str, dict[str, frozenset[int]]] = {}
    for chain, hits in found.items():
        for hit in hits:
            if hit.kind == CHOKEPOINT:
                closes.setdefault(hit.name, {})[chain] = hit.routes
    kept: dict[str, tuple[str, ...]] = {}
    for name, own in closes.items():
        over = [o for o in closes if o != name and all(r <= closes[o].get(c, frozenset()) for c, r in own.items())]
        same = [o for o in over if closes[o] == own]
        if len(over) == len(same) and name <= min(same, default=name):
            kept[name] = tuple(sorted(same))
    return kept


def _thin(hits: Sequence[Hit], own: Sequence[int]) -> tuple[dict[int, list[int]], dict[int, int]]:
    """First hits of those that touch the same (with the others), and hits within a larger one (with that one)."""
    first: dict[tuple[frozenset[int], frozenset[int]], int] = {}
    same: dict[int, list[int]] = {}
    for k in own:
        same.setdefault(first.setdefault(hits[k].touches, k), []).append(k)
    same = {k: [i for i in group if i != k] for k, group in same.items()}
    within = {}
    for k in same:
        over = [o for o in same if o != k and hits[k].within(hits[o])]
        if over:
            within[k] = max(over, key=lambda o: (len(hits[o].routes) + len(hits[o].sites), -o))
    return same, within


def _worse(pricer: Pricer, hit: int, over: int) -> bool:
    """Whether a hit within another costs more by itself."""
    if pricer.ceiling(hit) <= TELLING * pricer.highest():
        return False
    limit = pricer.price([over]).usd
    return pricer.ceiling(hit) > limit and pricer.price([hit]).usd > limit * (1.0 + 1e-9) + 1.0


def _sets(search: Search, hits: int) -> list[int]:
    """Possible sets of at most n hits, by n = 0, 1, ...; as long as more hits make more sets."""
    ways = [1] + [0] * hits
    for kinds, size in [
        *((quota.most, sum(len(chain.groups[i]) for chain in search.chains)) for i, quota in enumerate(search.quotas)),
        (search.most_passages, len(search.passages)),
    ]:
        own = [math.comb(size, n) if n <= kinds else 0 for n in range(hits + 1)]
        ways = [sum(ways[m] * own[n - m] for m in range(n + 1)) for n in range(hits + 1)]
    while ways and not ways[-1]:
        ways.pop()
    return [sum(ways[: n + 1]) for n in range(len(ways))]
