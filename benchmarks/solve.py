"""Build and solve, end to end: components apart (one and two workers) against the whole and linopy.

Each run has a process of its own, so that the peak memory is its own; imports and the drawing of the world do not
count.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from common import arguments, finish, peak_gigabytes, seconds, show
from models import OPTIONS, linopy_model, ours, raw_arrays, raw_solver
from world import World, make_world


def solve_ours(world: World, apart: bool, workers: int) -> float:
    return ours(world, apart=apart).program.solve(workers=workers).objective


def solve_raw(world: World) -> float:
    solver = raw_solver(raw_arrays(world))
    solver.run()
    return float(solver.getInfo().objective_function_value)


def solve_linopy(world: World, **options: Any) -> float:
    model = linopy_model(world)
    status = model.solve("highs", io_api="direct", output_flag=False, progress=False, **options)
    if status[1] != "optimal":
        raise RuntimeError(f"linopy: {status}")
    return float(model.objective.value)


CONTESTANTS: dict[str, Callable[[World], float]] = {
    "ours": lambda w: solve_ours(w, True, 1),
    "ours 2 workers": lambda w: solve_ours(w, True, 2),
    "ours whole": lambda w: solve_ours(w, False, 1),
    "raw whole": solve_raw,
    # The solver's own defaults, as a user would run it, and the options we use.
    "linopy": solve_linopy,
    "linopy with our options": lambda w: solve_linopy(w, **{k: v for k, v in OPTIONS.items() if k != "output_flag"}),
}


def one(name: str, size: str, seed: int) -> None:
    """Run one contestant in this process and print what it took."""
    make_world("XS")
    CONTESTANTS[name](make_world("XS", seed))  # imports
    world = make_world(size, seed)
    before = time.process_time()
    took, objective = seconds(lambda: CONTESTANTS[name](world))
    busy = time.process_time() - before
    print(json.dumps({"s": took, "cpu s": busy, "objective": objective, "GB": peak_gigabytes()}))


def in_own_process(name: str, size: str, seed: int) -> dict[str, float]:
    """Run one contestant in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--one", name, "--sizes", size, "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} on {size} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], "S,M", 3)
    parser.add_argument("--contestants", default=",".join(CONTESTANTS))
    parser.add_argument("--one", help="run this contestant in this process and print JSON (used by the script itself)")
    args = parser.parse_args()
    if args.one:
        one(args.one, args.sizes, args.seed)
        return
    rows = []
    names = [
        n for n in CONTESTANTS if n in args.contestants.split(",") and ("linopy" not in n or "linopy" in args.peers)
    ]
    for size in args.sizes.split(","):
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for _ in range(args.runs):
            for name in names:
                runs[name].append(in_own_process(name, size, args.seed))
        first = runs[names[0]][0]["objective"]
        base = median(run["s"] for run in runs[names[0]])
        for name in names:
            took = median(run["s"] for run in runs[name])
            wide = max(run["s"] for run in runs[name])
            busy = median(run["cpu s"] for run in runs[name])
            apart = max(abs(run["objective"] / first - 1) for run in runs[name])
            rows.append(
                {
                    "size": size,
                    "contestant": name,
                    "s": took,
                    "slowest s": wide,
                    "cpu s": busy,
                    f"/ {names[0]}": took / base,
                }
                | {"GB": max(run["GB"] for run in runs[name]), "objective": f"{first:.4f}", "off by": apart}
            )
    show("Build and solve (targets: linopy >= 3 ours on M; L under 90 s and 4 GB)", rows)
    finish(args, rows)


if __name__ == "__main__":
    main()
