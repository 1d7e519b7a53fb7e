"""All single and double removals of exporters on the reference world: what each costs with the best plan left.

Removing an exporter sets the upper bound of everything it ships abroad to zero in all periods. v(S) is the optimum of
the programme without the exporters S. Three facts make most pairs free, none of them an approximation:

1. *Additive across components.* Two columns are in one component if a chain of rows links them. The feasible set is the
   product of one set per component and the cost is a sum of one cost per component, so that v(S) = sum over components
   c of v_c(S in c). What an exporter ships leaves by one row (its output), so it lies in one component. For a and b in
   different components v changes in two terms of the sum, each by what its own exporter does there:
   v(ab) - v() = (v(a) - v()) + (v(b) - v()).
2. *A plan that does without.* Removal only tightens, so v(ab) >= v(b). If the best plan without b ships nothing abroad
   from a, it is a plan without a and b: v(ab) = v(b). The same the other way round.
3. *What is left* is solved from the optimal basis without the first of the two (`Program.keep_base`), component by
   component; the other components are not touched.

A random sample, half of it pairs within a component, is compared with full solves: the whole programme built anew and
solved from scratch, nothing kept. All objectives must agree to 1e-9 (relative). Peers solve a sample of the same pairs,
in the order in which a loop over all pairs meets them; what they would need for all is *extrapolated* and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from common import arguments, finish, seconds, show
from models import ours, shock_ours
from resolve import CONTESTANTS
from sweep import Rebuilt
from world import Array, Index, Shock, World, make_world

NOTHING = 1e-9  # shipped per period, the tolerance with which the solver itself takes a plan to keep a limit
MOST_OFF = 1e-9


@dataclass(frozen=True)
class Removals:
    """Optimum with all exporters, without each, and without each two; how each pair was found."""

    exporters: Index
    base: float
    single: Array
    pair: Array  # exporters x exporters, symmetric; the diagonal is `single`
    part: Index  # component of each exporter
    additive: int
    without: int
    solved: int


def exporters_of(world: World) -> Index:
    """Sites that ship to another country."""
    abroad = world.site_country[world.source] != world.user_country[world.target]
    return np.unique(world.source[abroad])


def removal(world: World, sites: Index) -> Shock:
    """Nothing is shipped abroad from these sites, in any period."""
    abroad = world.site_country[world.source] != world.user_country[world.target]
    rows = np.flatnonzero(abroad & np.isin(world.source, sites))
    return Shock("ship", rows, np.arange(world.size.periods), 0.0)


class Remover:
    """One programme, warm. `base` is kept with all exporters, `first` without the exporter at hand."""

    def __init__(self, world: World, exporters: Index) -> None:
        self.world, self.exporters, self.model = world, exporters, ours(world)
        self.base = self.model.program.solve().objective
        self.model.program.keep_base()
        self.hits = [removal(world, np.array([site])) for site in exporters]
        abroad = np.zeros(len(world.source), bool)
        for hit in self.hits:
            abroad[hit.rows] = True
        self.place = np.where(abroad, np.searchsorted(exporters, world.source), -1)

    def single(self, k: int) -> tuple[float, Array]:
        """The optimum without exporter k, and what each exporter then ships abroad in its largest period."""
        program = self.model.program
        with program.changed():
            shock_ours(self.world, self.model, self.hits[k])
            solution = program.solve(from_base=True)
            shipped = solution.values(self.model.ship).max(axis=1)
        most = np.zeros(len(self.exporters))
        np.maximum.at(most, self.place[self.place >= 0], shipped[self.place >= 0])
        return solution.objective, most

    def pairs(self, k: int, others: Index) -> list[float]:
        """The optima without exporter k and each of the others, from the basis without k."""
        program, found = self.model.program, []
        with program.changed():
            shock_ours(self.world, self.model, self.hits[k])
            program.solve(from_base=True)
            program.keep_base("first")
            for other in others.tolist():
                with program.changed():
                    shock_ours(self.world, self.model, self.hits[other])
                    found.append(program.solve(from_base="first").objective)
        return found


def removals(world: World, workers: int = 1) -> Removals:
    """All single and double removals, by the three facts above. Each worker is a thread with a programme of its own."""
    exporters = exporters_of(world)
    n = len(exporters)
    with ThreadPoolExecutor(workers) as pool:
        removers = list(pool.map(lambda _: Remover(world, exporters), range(workers)))
        dealt = [range(w, n, workers) for w in range(workers)]
        singles = dict(
            pair for own in pool.map(lambda r, ks: [(k, r.single(k)) for k in ks], removers, dealt) for pair in own
        )
        model = removers[0].model
        part = model.program.components()[0][model.make.ids[exporters, 0]]
        base, single = removers[0].base, np.array([singles[k][0] for k in range(n)])
        ships = np.array([singles[k][1] for k in range(n)]) > NOTHING  # [without k, exporter]
        pair = single[:, None] + single[None, :] - base
        first, second = np.triu_indices(n, 1)
        apart = part[first] != part[second]
        # Without the first the second ships nothing, or the other way round: the plan is there already.
        spare_second, spare_first = ~ships[first, second], ~ships[second, first]
        for spare, left in ((spare_second, first), (spare_first, second)):
            own = ~apart & spare
            pair[first[own], second[own]] = single[left[own]]
        todo = ~apart & ~spare_second & ~spare_first
        work = [(int(k), second[todo & (first == k)]) for k in np.unique(first[todo])]
        jobs = [work[w::workers] for w in range(workers)]
        for own in pool.map(lambda r, js: [(k, o, r.pairs(k, o)) for k, o in js], removers, jobs):
            for k, others, values in own:
                pair[k, others] = values
    pair = np.triu(pair, 1)
    pair = pair + pair.T + np.diag(single)
    counts = int(apart.sum()), int((~apart & ~todo).sum()), int(todo.sum())
    return Removals(exporters, base, single, pair, part, *counts)


def full(world: World, found: Removals, sample: list[tuple[int, int]]) -> float:
    """Largest relative difference from full solves: the whole programme, built anew, from scratch."""
    worst = 0.0
    for a, b in sample:
        whole = ours(world, apart=False)
        shock_ours(world, whole, removal(world, found.exporters[[a, b]]))
        worst = max(worst, abs(found.pair[a, b] / whole.program.solve().objective - 1.0))
    return worst


def samples(found: Removals, count: int, seed: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs to check (half of them within a component) and pairs to race over (runs of neighbours of a loop over all)."""
    rng, n = np.random.default_rng(seed), len(found.exporters)
    first, second = np.triu_indices(n, 1)
    own = np.flatnonzero(found.part[first] == found.part[second])
    drawn = np.concatenate([rng.choice(len(first), count // 2, False), rng.choice(own, count - count // 2, False)])
    check = [(int(first[i]), int(second[i])) for i in drawn]
    # A pair is met with odds like any other: a run starts at a pair drawn from all, not at an exporter drawn from all.
    starts = np.sort(rng.choice(len(first) - 10, max(count // 10, 1), False))
    race = [(int(first[i + k]), int(second[i + k])) for i in starts for k in range(10)]
    return check, race


def race(world: World, found: Removals, sample: list[tuple[int, int]], slow: int, peers: list[str]) -> list[dict]:
    """Peers, and Orebridge without the facts, over the same pairs; the time for all pairs is extrapolated."""
    field: dict[str, Callable[[World], Any]] = {
        name: make for name, make in CONTESTANTS.items() if name in ("ours", "raw whole") or name.split()[0] in peers
    }
    if "linopy" in peers:
        field["linopy rebuilt"] = Rebuilt
    hits = [removal(world, found.exporters[[a, b]]) for a, b in sample]
    known = np.array([found.pair[a, b] for a, b in sample])
    every = len(found.exporters) * (len(found.exporters) + 1) // 2
    rows = []
    for name, make in field.items():
        count = slow if name in ("linopy", "linopy rebuilt") else len(hits)
        model = make(world)
        model.solve(hits[0])
        before = time.process_time()
        took, values = seconds(lambda m=model, c=count: [m.solve(hit) for hit in hits[:c]])
        busy = (time.process_time() - before) / count
        rows.append(
            {
                "contestant": "ours, pair by pair" if name == "ours" else name,
                "pairs": count,
                "ms a pair": took / count * 1000,
                "cpu ms a pair": busy * 1000,
                "all, s of processor (extrapolated)": busy * every,
                "off by": float(np.max(np.abs(np.array(values) / known[:count] - 1))),
            }
        )
    return rows


def main() -> None:
    parser = arguments("All single and double removals of exporters", "S", 1)
    parser.add_argument("--workers", type=int, default=1, help="threads (default %(default)s)")
    parser.add_argument("--sample", type=int, default=200, help="pairs checked by full solves, and raced over")
    parser.add_argument("--slow", type=int, default=5, help="pairs for linopy in place and rebuilt")
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for size in args.sizes.split(","):
        world = make_world(size, args.seed)
        before = time.process_time()
        took, found = seconds(lambda w=world: removals(w, args.workers))
        busy = time.process_time() - before
        check, raced = samples(found, args.sample, args.seed)
        row = {
            "size": size,
            "exporters": len(found.exporters),
            "pairs": len(found.single) * (len(found.single) - 1) // 2,
        }
        row |= {
            "additive": found.additive,
            "plan known": found.without,
            "solved": found.solved,
            "workers": args.workers,
        }
        row |= {"s": took, "cpu s": busy, "checked": len(check), "off by": full(world, found, check)}
        show("All single and double removals of exporters (target on S: 120 s)", [row])
        if row["off by"] > MOST_OFF:
            raise SystemExit(f"off by {row['off by']:.2e}: an objective differs from that of a full solve.")
        rows.append(row)
        peers = race(world, found, raced, args.slow, args.peers.split(","))
        show(f"{size}: a sample of the same pairs, one after the other", peers)
        rows += [{"size": size, **peer} for peer in peers]
    finish(args, rows)


if __name__ == "__main__":
    main()
