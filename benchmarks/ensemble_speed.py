"""How the cost of an ensemble grows: time and memory against runs, and one worker against two.

`python benchmarks/ensemble_speed.py [--runs 20,40,80,160] [--chains ...] [--repeat 3]` prints Markdown. Every figure comes
from a process of its own; workers alternate 1, 2, 1, 2, ... so that a busy machine hits both alike, and their ratio is
the median of neighbours. Memory is the largest resident set while runs are computed, of the process that keeps the store.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHAINS = "gallium,lithium,indium,cobalt"


def measure(runs: int, workers: int, chains: str, threads: bool = False) -> dict[str, float]:
    """Seconds of wall and processor time after building the network, and memory (MB), in a fresh process."""
    command = [sys.executable, __file__, "--one", str(runs), "--workers", str(workers), "--chains", chains]
    done = subprocess.run([*command, *(["--threads"] if threads else [])], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def one(runs: int, workers: int, chains: str, threads: bool) -> None:
    """The measured process: prints its figures."""
    from orebridge.ensemble import simulate
    from orebridge.world import load_world

    world = load_world()
    marks: dict[str, float] = {}

    def note(text: str) -> None:
        if text.startswith("0 of"):
            marks["first"], marks["cpu"] = time.perf_counter(), time.process_time()
        if text == "adding up":
            marks["computed"], marks["cpu"] = time.perf_counter(), time.process_time() - marks["cpu"]
            marks["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    with tempfile.TemporaryDirectory() as store:
        simulate(
            runs, 1, chains=chains.split(","), workers=workers, threads=threads, store=store, world=world, note=note
        )
        size = sum(path.stat().st_size for path in Path(store).iterdir())
    own = resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write(
        json.dumps(
            {
                "wall": marks["computed"] - marks["first"],
                "cpu": marks["cpu"],
                "sums": time.perf_counter() - marks["computed"],
                "memory": marks["memory"],
                "memory_end": own.ru_maxrss / 1024,
                "kB_per_run": size / runs / 1e3,
            }
        )
        + "\n"
    )


def growth(sizes: list[int], chains: str, repeat: int) -> None:
    """Processor time (which a busy machine leaves alone) and memory against runs; the slope of logarithms: 1 is linear."""
    import numpy as np

    print(
        f"\n| runs | processor s | s per run | memory while computing, MB | at the end, MB | sums, s | store, kB per run |\n{'|---' * 7}|"
    )
    medians = []
    for size in sizes:
        found = [measure(size, 1, chains) for _ in range(repeat)]
        middle = {key: statistics.median(f[key] for f in found) for key in found[0]}
        medians.append(middle)
        print(
            f"| {size} | {middle['cpu']:.1f} | {middle['cpu'] / size:.3f} | {middle['memory']:.0f} | {middle['memory_end']:.0f} "
            f"| {middle['sums']:.2f} | {middle['kB_per_run']:.2f} |",
            flush=True,
        )
    slope = np.polyfit(np.log(sizes), np.log([m["cpu"] for m in medians]), 1)[0]
    more = medians[-1]["memory"] - medians[0]["memory"]
    print(f"\nTime grows as runs^{slope:.2f}; memory by {more:+.0f} MB from {sizes[0]} to {sizes[-1]} runs.")


def workers(runs: int, chains: str, repeat: int) -> None:
    """One worker against two processes and two threads, alternating."""
    ratios: dict[str, list[float]] = {"2 processes": [], "2 threads": []}
    for _ in range(repeat):
        for name, threads in (("2 processes", False), ("2 threads", True)):
            single, double = measure(runs, 1, chains), measure(runs, 2, chains, threads)
            ratios[name].append(single["wall"] / double["wall"])
    for name, values in ratios.items():
        shown = ", ".join(f"{v:.2f}" for v in values)
        print(
            f"{name} against one, {runs} runs: {statistics.median(values):.2f} x as fast (pairs {shown}).", flush=True
        )


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", default="20,40,80,160")
    parser.add_argument("--chains", default=CHAINS)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", type=int)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", action="store_true")
    given = parser.parse_args()
    if given.one:
        one(given.one, given.workers, given.chains, given.threads)
        return
    sizes = [int(size) for size in given.runs.split(",")]
    print(f"Chains {given.chains}; bundled world, USA and JPN, 24 months, alone.")
    growth(sizes, given.chains, given.repeat)
    print()
    workers(sizes[-1], given.chains, given.repeat)


if __name__ == "__main__":
    main()
