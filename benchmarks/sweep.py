"""A sweep of many scenarios: Orebridge on one worker and on two against Pyomo's persistent interface and linopy.

All contestants take turns over blocks of scenarios, so that what else runs on the machine hits all alike; every
objective must agree to 1e-9. Two workers are two processes or two threads, each with a programme of its own.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
from common import arguments, finish, seconds, show
from resolve import Linopy, Ours, Pyomo, Raw
from world import Shock, make_world, shocks

_own: list[Any] = []


def _prepare(size: str, seed: int, count: int) -> None:
    """In a worker process: build and solve the base once."""
    world = make_world(size, seed)
    _own[:] = [Ours(world), shocks(world, count)]
    _own[0].solve(_own[1][0])


def _block(numbers: Sequence[int]) -> list[float]:
    model, hits = _own
    return [model.solve(hits[i]) for i in numbers]


class Single:
    """One worker."""

    def __init__(self, model: Any, hits: list[Shock]) -> None:
        self.model, self.hits = model, hits

    def run(self, numbers: Sequence[int]) -> list[float]:
        return [self.model.solve(self.hits[i]) for i in numbers]


class Several:
    """A block dealt out to workers like cards: every second scenario to each of two."""

    def __init__(self, pool: Executor, work: list[Callable[[Sequence[int]], list[float]]]) -> None:
        self.pool, self.work = pool, work

    def run(self, numbers: Sequence[int]) -> list[float]:
        n = len(self.work)
        jobs = [self.pool.submit(work, numbers[k::n]) for k, work in enumerate(self.work)]
        found = np.empty(len(numbers))
        for k, job in enumerate(jobs):
            found[k::n] = job.result()
        return found.tolist()


class Rebuilt:
    """linopy, the whole model built anew for every scenario."""

    def __init__(self, world: Any) -> None:
        self.world = world

    def solve(self, shock: Shock) -> float:
        return Linopy(self.world).solve(shock)


def field(args: Any, size: str, hits: list[Shock], started: dict[str, float]) -> dict[str, Any]:
    """All contestants, ready to run; notes what getting ready took."""
    world, peers, workers = make_world(size, args.seed), args.peers.split(","), args.workers

    def ready(name: str, make: Callable[[], Any]) -> Any:
        started[name], made = seconds(make)
        return made

    out = {"ours": ready("ours", lambda: Single(Ours(world), hits))}
    if workers > 1:

        def threads() -> Any:
            singles = [Single(Ours(world), hits) for _ in range(workers)]
            return Several(ThreadPoolExecutor(workers), [single.run for single in singles])

        def processes() -> Any:
            context = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(workers, context, _prepare, (size, args.seed, len(hits)))
            list(pool.map(_block, [[0]] * workers * 4))
            return Several(pool, [_block] * workers)

        out[f"ours {workers} threads"] = ready(f"ours {workers} threads", threads)
        out[f"ours {workers} processes"] = ready(f"ours {workers} processes", processes)
    if "raw" in peers:
        out["raw whole"] = ready("raw whole", lambda: Single(Raw(world), hits))
    if "pyomo" in peers:
        out["pyomo persistent"] = ready("pyomo persistent", lambda: Single(Pyomo(world), hits))
    if "linopy" in peers:
        out["linopy"] = ready("linopy", lambda: Single(Linopy(world), hits))
        out["linopy rebuilt"] = Single(Rebuilt(world), hits)
        started["linopy rebuilt"] = 0.0
    return out


def race(args: Any, size: str) -> list[dict[str, Any]]:
    """Milliseconds per scenario: the mean over all scenarios a contestant has solved; ratios are medians over blocks."""
    hits, started = shocks(make_world(size, args.seed), args.scenarios), {}
    ready = field(args, size, hits, started)
    took: dict[str, list[float]] = {name: [] for name in ready}
    share: dict[str, list[float]] = {name: [] for name in ready}
    busy: dict[str, list[float]] = {name: [] for name in ready}
    found: dict[str, dict[int, float]] = {name: {} for name in ready}
    for contestant in ready.values():
        contestant.run([0, 1])
    for first in range(0, len(hits), args.block):
        block = range(first, min(first + args.block, len(hits)))
        base: dict[int, float] = {}
        for name, contestant in ready.items():
            # linopy takes a hundred times as long: a few scenarios of every block are enough.
            numbers = block[: args.slow] if name.startswith("linopy") else block
            before = time.process_time()
            time_taken, values = seconds(lambda c=contestant, n=numbers: c.run(n))
            busy[name].append((time.process_time() - before) / len(numbers))
            took[name].append(time_taken / len(numbers))
            found[name] |= dict(zip(numbers, values, strict=True))
            if name == "ours":
                base[len(numbers)] = time_taken / len(numbers)
            elif name.startswith("linopy"):  # against the same scenarios
                again = seconds(lambda n=numbers: ready["ours"].run(n))[0]
                base[len(numbers)] = again / len(numbers)
            share[name].append(took[name][-1] / base[len(numbers)])
    rows = []
    for name in ready:
        off = max(abs(value / found["ours"][i] - 1) for i, value in found[name].items())
        row = {
            "size": size,
            "contestant": name,
            "ms": np.mean(took[name]) * 1000,
            "/ ours": float(np.median(share[name])),
        }
        row |= {"cpu ms": np.mean(busy[name]) * 1000, "getting ready s": started[name]}
        rows.append(row | {"scenarios": len(found[name]), "off by": off})
    for contestant in ready.values():
        if isinstance(contestant, Several):
            contestant.pool.shutdown()
    return rows


def main() -> None:
    parser = arguments((__doc__ or "").splitlines()[0], "S", 1)
    parser.add_argument("--scenarios", type=int, default=1200)
    parser.add_argument("--block", type=int, default=60, help="scenarios between turns")
    parser.add_argument("--slow", type=int, default=1, help="scenarios of every block for linopy")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    rows = [row for size in args.sizes.split(",") for row in race(args, size)]
    targets = "Pyomo / ours >= 3 on S, 6 on M; Pyomo / ours on 2 >= 5 and 8; linopy >= 45, rebuilt >= 100"
    show(f"A sweep, one changed scenario after the other (targets: {targets})", rows)
    finish(args, rows)


if __name__ == "__main__":
    main()
