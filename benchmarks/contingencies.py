"""N-1 over the bundled world: every supplier, plant, route and passage out for twelve months, with the best plan for each.

From the tables on the disk to the last loss, by the clock and in processor time, on one worker and on two (target: under
30 s on two). Every hit is one that `orebridge vulnerabilities` lists; nothing is sampled or left out.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from common import arguments, finish, show

from orebridge.build import build_network
from orebridge.schema import network_tables
from orebridge.vulnerabilities.bench import Bench
from orebridge.vulnerabilities.contingencies import singles
from orebridge.vulnerabilities.hits import hits_of
from orebridge.world import load_world

MONTHS, LENGTH = 24, 12


def all_singles(workers: int) -> dict[str, Any]:
    """Every single hit of every chain."""
    clock, processor = time.perf_counter(), time.process_time()
    network = build_network(load_world(tables=network_tables()), ("USA", "JPN"))
    parts = sorted((network.subset([chain]) for chain in network.chains), key=lambda part: -len(part.routes))
    benches = [Bench(part, MONTHS) for part in parts]
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda bench: singles(bench, hits_of(bench.network), LENGTH), benches))
    return {
        "workers": workers,
        "chains": len(parts),
        "hits": sum(map(len, found)),
        "plans solved": sum(bench.solves for bench in benches),
        "s": time.perf_counter() - clock,
        "cpu s": time.process_time() - processor,
        "sum of losses": float(sum(np.nansum(outcome.planned.usd) for outcomes in found for outcome in outcomes)),
    }


def main() -> None:
    parser = arguments((__doc__ or "").splitlines()[0], "", 1)
    args = parser.parse_args()
    rows = [all_singles(workers) for _ in range(args.runs) for workers in (2, 1)]
    show("N-1 over the bundled world", rows)
    finish(args, rows)


if __name__ == "__main__":
    main()
