"""`orebridge simulate`: a thin door on `orebridge.ensemble`. Heavy imports wait until the command runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orebridge.terminal import (
    Members,
    Overlay,
    Pictures,
    Tables,
    countries,
    emit,
    folder,
    progress,
    ready,
    split,
    told_of,
)

if TYPE_CHECKING:
    from orebridge.ensemble.result import Ensemble


def simulate(
    runs: Annotated[int, typer.Option(help="How often to draw.")] = 200,
    seed: Annotated[int, typer.Option(help="Run i of a seed is always the same.")] = 1,
    members: Members = "USA,JPN",
    months: Annotated[
        int, typer.Option(help="Months in which shocks may begin, and over which each is followed.")
    ] = 24,
    chains: Annotated[str, typer.Option(help="Only these chains, comma-separated (default: all).")] = "",
    way: Annotated[str, typer.Option(help="alone: each ally plans for itself; joint: all together.")] = "alone",
    workers: Annotated[int, typer.Option(help="Processes on this machine.")] = 1,
    threads: Annotated[bool, typer.Option("--threads", help="Threads instead of processes.")] = False,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, tcp://HOST:PORT, instead of --workers.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Folder that keeps runs as they are done; the same command goes on from it.")
    ] = None,
    out: Annotated[Path | None, folder("Folder for tables, JSON and pictures.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Pure JSON on standard output.")] = False,
    show: Annotated[
        int | None, typer.Option(help="Only print what happens in this run, as shock files for `orebridge respond`.")
    ] = None,
    pictures: Pictures = "",
    world: Tables = None,
    data: Overlay = None,
) -> None:
    """Draw shocks again and again: expected loss, the worst twentieth of cases, and what drives them."""
    from rich.console import Console

    from orebridge.ensemble import setting_of
    from orebridge.ensemble import simulate as answer
    from orebridge.errors import ShockError
    from orebridge.reports.ensemble import print_ensemble, write_ensemble
    from orebridge.schema import DRAW_TABLES, network_tables
    from orebridge.world import load_world

    names, wanted, tables = countries(members), split(chains), network_tables() | DRAW_TABLES
    if show is not None:
        from orebridge.ensemble.draws import draw, toml_of

        if show < 0:
            raise ShockError(f"--show must be the number of a run, from 0, not {show}.")
        setting, _ = setting_of(seed, names, months, wanted, way, load_world(world, data, tables))
        emit(toml_of(setting.hazards, draw(setting.hazards, seed, show, months), seed))
        return
    kinds = ready(out, pictures)
    with progress("building the supply network") as note:
        found: Ensemble = answer(
            runs, seed, names, months, chains=wanted, way=way, workers=workers, threads=threads, scheduler=scheduler,
            store=store, world=load_world(world, data, tables), note=note,
        )  # fmt: skip
        if kinds:
            note("drawing the pictures")
        written = write_ensemble(found, out, kinds) if out is not None else []
    if as_json:
        emit(json.dumps(found.to_dict(), allow_nan=False) + "\n")
    else:
        print_ensemble(found, Console())
        emit("")  # a full disk behind standard output is told here, not in a traceback when the program ends
    told_of(written, out)
