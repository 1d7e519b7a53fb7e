"""Ensembles: what may be lost when nobody knows which shocks come. `simulate` is the verb."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orebridge.errors import ShockError, UnknownLabel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orebridge.ensemble.result import Ensemble
    from orebridge.ensemble.runs import Setting
    from orebridge.world import World

MOST_RUNS = 10_000_000
Note = Callable[[str], None]


def simulate(
    runs: int = 200,
    seed: int = 1,
    members: Sequence[str] = ("USA", "JPN"),
    months: int = 24,
    *,
    chains: Sequence[str] = (),
    way: str = "alone",
    workers: int = 1,
    threads: bool = False,
    scheduler: str | None = None,
    store: str | Path | None = None,
    world: World | None = None,
    note: Note = lambda _: None,
) -> Ensemble:
    """Expected and tail loss over shocks drawn from the tables `hazards` and `shock_distributions`.

    Run i depends on `seed` and i alone, so the result is the same for any number of `workers` (processes, or `threads`)
    and on a cluster (`scheduler`, the address of a Dask scheduler). `way`: each member plans "alone", or all plan "joint"ly.
    With `store`, a folder, runs are kept as they are done: after a kill the same call goes on where it stopped, and a
    larger `runs` adds to them. USD and tonnes as in `results.member_loss`. Raises the errors of `orebridge.errors`.

    >>> from orebridge import simulate
    >>> found = simulate(runs=8, seed=1, months=12, chains=["gallium"])
    >>> found.runs, bool(found.summary.total.tail >= found.summary.total.expected >= 0)
    (8, True)
    """
    from orebridge.ensemble.identity import identity_of
    from orebridge.ensemble.result import Ensemble
    from orebridge.ensemble.spread import spread
    from orebridge.ensemble.store import Store
    from orebridge.ensemble.summary import summarise

    if not 1 <= runs <= MOST_RUNS:
        raise ShockError(f"--runs must be from 1 to {MOST_RUNS:,}, not {runs}.")
    if not 1 <= workers <= 1024:
        raise ShockError(f"--workers must be from 1 to 1024, not {workers}.")
    setting, version = setting_of(seed, members, months, chains, way, world)
    identity = identity_of(setting, version)
    packed = setting.packed()
    with _folder(store) as folder, Store(folder, identity) as kept:
        done = before = runs - len(kept.missing(runs))
        note(f"{done} of {runs} runs")
        for batch in spread(packed, setting.code, lambda: kept.missing(runs), workers, scheduler, threads):
            kept.add(batch)
            done += len(batch)
            note(f"{done} of {runs} runs")
        note("adding up")
        summary = summarise(lambda: kept.records(runs), setting, runs)
    return Ensemble(setting=setting, identity=identity, runs=runs, resumed=before, summary=summary)


def setting_of(
    seed: int, members: Sequence[str], months: int, chains: Sequence[str], way: str, world: World | None = None
) -> tuple[Setting, str]:
    """The checked setting of an ensemble, and the version of its tables."""
    from orebridge.build import build_network
    from orebridge.ensemble.hazards import hazards_of
    from orebridge.ensemble.identity import code_version
    from orebridge.ensemble.runs import WAYS, Setting
    from orebridge.schema import DRAW_TABLES, network_tables
    from orebridge.world import load_world

    if not 1 <= months <= 120:
        raise ShockError(f"--months must be from 1 to 120, not {months}.")
    if way not in WAYS:
        raise ShockError(f"--way must be {' or '.join(WAYS)}, not {way!r}.")
    if not 0 <= seed < 2**63:
        raise ShockError(f"--seed must be a whole number from 0 to 2^63 - 1, not {seed}.")
    alliance = tuple(dict.fromkeys(members))
    if not alliance:
        raise UnknownLabel("name at least one member (--for USA,JPN).")
    world = world or load_world(tables=network_tables() | DRAW_TABLES)
    network = build_network(world, alliance)
    network.refuse_unseen()
    hazards = hazards_of(world, network, chains)
    if (network.demands["unmet0"] > 0).any():
        raise UnknownLabel(
            "some use is unmet in the base year already, so a chain without shocks would not lose nothing."
        )
    chosen = tuple(chain for chain in network.chains if not chains or chain in chains)
    return Setting(network, hazards, chosen, months, way, seed, code_version()), world.version


@contextmanager
def _folder(store: str | Path | None) -> Iterator[Path]:
    """The store's folder; without one a temporary folder that goes at the end."""
    if store is not None:
        yield Path(store)
        return
    folder = Path(tempfile.mkdtemp(prefix="orebridge-runs-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
