"""What the benchmark scripts share: alternating runs, medians, tables, JSON."""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

# Peers warn about coming changes of their own; it is their users' business and clutters the tables.
warnings.filterwarnings("ignore", module=r"(?!orebridge).*")
os.environ.setdefault("PYTHONWARNINGS", "ignore")


def arguments(what: str, sizes: str, runs: int) -> argparse.ArgumentParser:
    """The options every script knows."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--sizes", default=sizes, help="comma-separated: XS, S, M, L (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the world (default %(default)s)")
    parser.add_argument("--runs", type=int, default=runs, help="alternating runs, of which the median counts")
    parser.add_argument("--peers", default="linopy,pyomo", help="peers to run, comma-separated; 'none' for none")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser


def seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    """Wall-clock seconds of one call, and what it returned."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def alternate(contestants: Mapping[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    """Median seconds of each contestant over rounds in which all take their turn (noise then hits all alike).

    The first call of each is a warm-up and does not count if more than one round is run.
    """
    took: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(runs + (runs > 1)):
        for name, run in contestants.items():
            gc.collect()
            took[name].append(seconds(run)[0])
        if turn == 0 and runs > 1:
            took = {name: [] for name in contestants}
    return {name: median(times) for name, times in took.items()}


def peak_gigabytes() -> float:
    """Largest memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print rows as a plain table."""
    if not rows:
        return
    heads = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_cell(row.get(head)) for head in heads] for row in rows]
    widths = [max(len(head), *(len(line[i]) for line in cells)) for i, head in enumerate(heads)]
    print(f"\n{title}")
    print("  ".join(head.rjust(width) for head, width in zip(heads, widths, strict=True)))
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)), flush=True)


def finish(args: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    """Write the figures with what is needed to read them later."""
    if args.json is None:
        return
    names = ("orebridge", "highspy", "numpy", "scipy", "linopy", "pyomo")
    record = {
        "script": Path(sys.argv[0]).name,
        "seed": args.seed,
        "runs": args.runs,
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in names},
        "rows": rows,
    }
    beside = args.json.with_suffix(args.json.suffix + ".part")
    beside.write_text(json.dumps(record, indent=1))
    beside.replace(args.json)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
