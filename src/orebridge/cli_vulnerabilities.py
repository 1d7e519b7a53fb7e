"""`orebridge vulnerabilities`: a thin door on `orebridge.vulnerabilities`. Heavy imports wait until the command runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

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


def vulnerabilities(
    names: Annotated[
        list[str] | None, typer.Argument(help="Minerals or chains (default: all). `orebridge data show` lists names.")
    ] = None,
    members: Members = "USA,JPN",
    months: Annotated[int, typer.Option(help="Months followed.")] = 24,
    length: Annotated[int, typer.Option(help="Months each hit lasts, from the first month on.")] = 12,
    way: Annotated[str, typer.Option(help="alone: each ally plans for itself; joint: all together.")] = "alone",
    kinds: Annotated[str, typer.Option(help="Kinds of hits, comma-separated.")] = "supplier,facility,route,chokepoint",
    only: Annotated[
        str,
        typer.Option(
            help="Only hits of these names, comma-separated, * allowed: gallium/primary:CHN, malacca, a site."
        ),
    ] = "",
    pairs: Annotated[
        int, typer.Option(help="Prove so many worst pairs of hits per chain (minutes for large chains).")
    ] = 0,
    route_pairs: Annotated[
        bool, typer.Option("--route-pairs", help="Pairs with single routes too: many more of them.")
    ] = False,
    remedies: Annotated[int, typer.Option(help="Look for remedies of so many of the worst hits.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out times to survive with a plan.")] = False,
    out: Annotated[Path | None, folder("Folder for the page, JSON and tables.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Pure JSON on standard output.")] = False,
    pictures: Pictures = "",
    world: Tables = None,
    data: Overlay = None,
) -> None:
    """Where supply breaks: concentration, single and double hits, time to survive, hidden dependence, by-products."""
    from rich.console import Console

    from orebridge.reports.vulnerabilities import print_vulnerabilities, write_vulnerabilities
    from orebridge.schema import network_tables
    from orebridge.vulnerabilities.assess import vulnerabilities as answer
    from orebridge.world import load_world

    files = ready(out, pictures)
    with progress("reading the tables") as note:
        found = answer(
            names or [], countries(members), months, length, way=way, kinds=split(kinds), only=split(only), pairs=pairs,
            helped=remedies, plan_survival=not quick, route_pairs=route_pairs, world=load_world(world, data, network_tables()), note=note,
        )  # fmt: skip
        if files:
            note("drawing the pictures")
        written = write_vulnerabilities(found, out, files) if out is not None else []
    if as_json:
        emit(json.dumps(found.to_dict(), allow_nan=False) + "\n")
    else:
        print_vulnerabilities(found, Console())
        emit("")  # a full disk behind standard output is told here, not in a traceback when the program ends
    told_of(written, out)
