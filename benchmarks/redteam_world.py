"""The worst one to four hits on all chains of the bundled world: what was searched, how long, how sure.

Prints the table of docs/redteam.md, once for hits abroad and once for all. `--hits 3` for less, `--minutes 5` to stop
each of the two searches after so long with the gap reached, `--workers 1` to leave a processor alone.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

from orebridge.build import build_network
from orebridge.labels import Labels
from orebridge.network import SupplyNetwork
from orebridge.schema import network_tables
from orebridge.vulnerabilities.redteam import Budget, Team
from orebridge.vulnerabilities.redteam_words import strike_words
from orebridge.world import load_world

MEMBERS = ("USA", "JPN")
COLUMNS = (
    "hits",
    "where",
    "possible sets",
    "bounds",
    "plans solved",
    "processor s",
    "clock s",
    "sure",
    "million USD",
    "what",
)


def rounds(network: SupplyNetwork, labels: Labels, abroad: bool, hits: int, seconds: float, workers: int) -> list[Any]:
    """One row per number of hits; bounds, plans and seconds count from the start, thinning included."""
    ticks = [(time.process_time(), time.monotonic())]
    team = Team(network, Budget(hits), abroad=abroad, workers=workers)
    red = team.answer(0, seconds, lambda _: ticks.append((time.process_time(), time.monotonic())))
    ticks.append((time.process_time(), time.monotonic()))
    ends = ticks[-len(red.rounds) :]
    return [
        (item.hits, "abroad" if abroad else "all", item.sets, item.bounded, item.solved,
         round(cpu - ticks[0][0]), round(clock - ticks[0][1]), "proven" if item.proven else f"gap {item.gap:.1%}",
         round(item.strike.usd / 1e6), strike_words(network, item.strike, labels))
        for item, (cpu, clock) in zip(red.rounds, ends, strict=True)
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hits", type=int, default=4, help="most hits at once (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="most minutes of each search")
    parser.add_argument("--workers", type=int, default=2, help="threads (default %(default)s)")
    parser.add_argument("--where", default="abroad,all", help="abroad, all or both (default %(default)s)")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    asked = parser.parse_args()
    world = load_world(tables=network_tables())
    network, labels = build_network(world, MEMBERS, None), Labels.of(world)
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    found = []
    for where in asked.where.split(","):
        if where not in ("abroad", "all"):
            raise SystemExit(f"--where: {where!r} is neither abroad nor all")
        for row in rounds(network, labels, where == "abroad", asked.hits, 60 * asked.minutes, asked.workers):
            found.append(dict(zip(COLUMNS, row, strict=True)))
            print("| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else cell for cell in row) + " |", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
