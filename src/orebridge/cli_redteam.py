"""The command `orebridge redteam`: a thin door on `orebridge.vulnerabilities.redteam` and `fixes`. Heavy imports wait."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    print_section,
    progress,
    ready,
    screen,
    split,
    told_of,
)


def redteam(
    minerals: Annotated[
        list[str] | None, typer.Argument(help="Chains, minerals or commodities; all chains if left out.")
    ] = None,
    hits: Annotated[int, typer.Option(help="Most hits at once, 1 to 4.")] = 2,
    budget: Annotated[
        str, typer.Option(help="Most hits by kind, e.g. supplier=2,chokepoint=1; kinds not named may not strike.")
    ] = "",
    members: Members = "USA,JPN",
    length: Annotated[int, typer.Option(help="Months that every hit lasts.")] = 12,
    months: Annotated[int, typer.Option(help="Months reported.")] = 24,
    remove: Annotated[float, typer.Option(help="Share of a loss that a fix has to remove, 0 to 1.")] = 0.8,
    way: Annotated[str, typer.Option(help="alone: each member plans for itself; joint: they plan together.")] = "alone",
    abroad: Annotated[
        bool, typer.Option("--abroad", help="Only hits outside the alliance (passages included).")
    ] = False,
    fixes: Annotated[int, typer.Option(help="Worst single hits for which the cheapest fix is sought.")] = 3,
    minutes: Annotated[
        float | None, typer.Option(help="Stop the search for the worst sets after so long, with a stated gap.")
    ] = None,
    sets: Annotated[
        int,
        typer.Option(help="Up to so many sets, a part of the search bounds each by itself; beyond, families of sets."),
    ] = 20_000,
    as_json: Annotated[bool, typer.Option("--json", help="Pure JSON on standard output.")] = False,
    out: Annotated[Path | None, folder("Folder for redteam.json and the tables.")] = None,
    pictures: Pictures = "",
    world: Tables = None,
    data: Overlay = None,
) -> None:
    """Find the hits that would cost the alliance most, how sure that is, and the cheapest fix of the worst."""
    from orebridge.reports.redteam import write_redteam
    from orebridge.schema import FIX_TABLES, network_tables
    from orebridge.vulnerabilities.redteam import Budget
    from orebridge.vulnerabilities.verb import redteam as answer
    from orebridge.world import load_world

    kinds = ready(out, pictures)
    allowed = Budget(hits, _by_kind(budget)).of_kind  # refused before the tables are read
    with progress("reading the tables") as note:
        found = answer(
            minerals or [], countries(members), months, length,
            hits=hits, budget=allowed, way=way, abroad=abroad, fixes=fixes, remove=remove, minutes=minutes, sets=sets,
            world=load_world(world, data, tables=network_tables() | FIX_TABLES), note=note,
        )  # fmt: skip
        if kinds:
            note("drawing the pictures")
        written = write_redteam(found, out, kinds) if out is not None else []
    if as_json:
        emit(json.dumps(found.to_dict(), allow_nan=False) + "\n")
    else:
        at = screen()
        for section in found.sections():
            print_section(at, section)
            at.print()
        emit("")  # a full disk behind standard output is told here, not in a traceback when the program ends
    told_of(written, out)


def _by_kind(text: str) -> Mapping[str, int]:
    from orebridge.errors import ShockError

    found: dict[str, int] = {}
    for part in split(text):
        kind, sign, count = part.partition("=")
        if not sign or not count.strip().isdigit() or kind.strip() in found:
            raise ShockError(f"--budget: {part!r} cannot be read; write each kind once, e.g. supplier=2,chokepoint=1.")
        found[kind.strip()] = int(count)
    return found
