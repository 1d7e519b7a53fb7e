"""Patterns: the same size, swept over severity. How hard a shock bites, how many sites fall at once, how far minerals
hang together; and what each does to the time of a warm re-solve and of solving components apart. Last: what a scenario
costs in which nothing changes, or nothing that the base plan uses.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from common import alternate, arguments, finish, seconds, show
from models import ours, shock_ours
from resolve import CONTESTANTS, Ours
from world import SIZES, Shock, World, make_world, shocks


def per_shock(world: World, hits: list[Shock]) -> dict[str, Any]:
    """Milliseconds per warm scenario and the share the base plan already satisfies (no solve)."""
    model = ours(world)
    base = model.program.solve()
    model.program.keep_base()
    took, free = 0.0, 0
    for hit in hits:
        with model.program.changed():
            shock_ours(world, model, hit)
            time, solution = seconds(lambda: model.program.solve(from_base=True))
        took += time
        free += solution.objective == base.objective
    return {"ms": took / len(hits) * 1000, "free": free / len(hits)}


def severity(world: World, count: int) -> list[dict[str, Any]]:
    """The same shocks, leaving from 90 % to nothing."""
    rows = []
    for left in (0.9, 0.5, 0.25, 0.0):
        hits = [replace(hit, left=left) for hit in shocks(world, count)]
        rows.append({"pattern": "severity", "at": f"{1 - left:.0%} cut", **per_shock(world, hits)})
    return rows


def breadth(world: World, count: int) -> list[dict[str, Any]]:
    """1 to 16 sites out at once."""
    rng, rows = np.random.default_rng(3), []
    for sites in (1, 2, 4, 8, 16):
        when = np.arange(world.size.periods // 3, world.size.periods)
        hits = [Shock("make", rng.choice(len(world.capacity), sites, False), when, 0.0) for _ in range(count)]
        rows.append({"pattern": "breadth", "at": f"{sites} sites", **per_shock(world, hits)})
    return rows


def coupling(size: str, seed: int, runs: int) -> list[dict[str, Any]]:
    """From minerals on their own to nearly all hanging together: components apart against the whole."""
    rows = []
    for share in (0.0, 0.2, 0.4, 0.7):
        world = make_world(replace(SIZES[size], by_products=share), seed)
        parts = int(ours(world).program.components()[0].max()) + 1
        took = alternate(
            {
                "apart": lambda w=world: ours(w).program.solve(),
                "whole": lambda w=world: ours(w, apart=False).program.solve(),
            },
            runs,
        )
        row = {"pattern": "coupling", "at": f"{share:.0%} by-products", "components": parts}
        rows.append(row | {"apart ms": took["apart"] * 1000, "whole / apart": took["whole"] / took["apart"]})
    return rows


def nothing(world: World, runs: int, peers: list[str], count: int = 20) -> list[dict[str, Any]]:
    """Milliseconds of scenarios that change nothing: no figure at all, and a limit tighter than it was but not tight.

    Orebridge keeps what it knows of components whose figures did not change, and takes the base plan where it satisfies
    the tighter limits; HiGHS, called again with an optimal basis, looks the programme over all the same.
    """
    model = Ours(world)
    base = model.model.program.solve()
    shipped = base.values(model.model.ship)
    # Arcs the base plan leaves empty, one after the other, closed in all periods: its optimum stays what it was.
    empty = np.flatnonzero((shipped == 0.0).all(axis=1))
    when = np.arange(world.size.periods)
    none, closed = Shock("ship", empty[:0], when, 0.0), [Shock("ship", empty[[k]], when, 0.0) for k in range(count)]
    names = ["raw whole", *(n for n in CONTESTANTS if n.split()[0] in peers and n != "linopy")]
    field: dict[str, Any] = {"ours": model} | {name: CONTESTANTS[name](world) for name in names}
    rows = []
    for what, hits in (("no figure", [none] * count), ("not a tight limit", closed)):
        for other in field.values():
            worst = max(abs(other.solve(hit) / base.objective - 1.0) for hit in hits)
            if worst > 1e-9:
                raise RuntimeError(f"off by {worst:g}: the scenario was meant to change nothing")
        took = alternate({n: lambda m=m, h=hits: [m.solve(x) for x in h] for n, m in field.items()}, runs)
        rows += [
            {"pattern": "nothing", "at": f"{what} changes", "contestant": name, "ms": time / count * 1000,
             "/ ours": time / took["ours"]}
            for name, time in took.items()
        ]  # fmt: skip
    return rows


def main() -> None:
    parser = arguments("How severity, breadth and coupling change the time", "S", 3)
    parser.add_argument("--scenarios", type=int, default=40)
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for size in args.sizes.split(","):
        world = make_world(size, args.seed)
        warm = severity(world, args.scenarios) + breadth(world, args.scenarios)
        apart = coupling(size, args.seed, args.runs)
        show(f"{size}: warm re-solve", warm)
        show(f"{size}: build and solve", apart)
        same = nothing(world, args.runs, args.peers.split(","))
        show(f"{size}: nothing changed", same)
        rows += [{"size": size, **row} for row in warm + apart + same]
    finish(args, rows)


if __name__ == "__main__":
    main()
