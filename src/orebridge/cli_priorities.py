"""The command `orebridge priorities`: a thin door on `orebridge.priorities`. Heavy imports wait until it runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from orebridge.terminal import Overlay, Pictures, Tables, countries, emit, folder, ready, split, told_of


def priorities(
    members: Annotated[str, typer.Option("--for", help="Economies, ISO alpha-3, comma-separated.")] = "USA,JPN",
    as_one: Annotated[bool, typer.Option("--as-one", help="Only the alliance taken as one economy.")] = False,
    method: Annotated[
        list[str] | None, typer.Option("--method", help="Only this method; may be repeated. All if left out.")
    ] = None,
    year: Annotated[
        int | None, typer.Option(help="Year of the data: 2024, or of imported data the newest, if left out.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="TOML, JSON or CSV file with the weight of each method.")] = None,
    flip: Annotated[str, typer.Option(help="Two minerals: by what weight of each method they change places.")] = "",
    show: Annotated[int, typer.Option(help="Minerals shown for each economy.")] = 12,
    draws: Annotated[int, typer.Option(help="Draws of the uncertain inputs.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="Compute the expected losses anew with the delivery model (under a minute)."),
    ] = False,
    out: Annotated[Path | None, folder("Folder for the page, figures, tables and priorities.json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Pure JSON on standard output.")] = False,
    pictures: Pictures = "",
    world: Tables = None,
    data: Overlay = None,
    imported: Annotated[
        bool,
        typer.Option("--imported", help="Rank on what you imported (data import) laid over the bundled tables."),
    ] = False,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", help="Workspace file or its folder; means --imported. Otherwise OREBRIDGE_WORKSPACE "
                     "or the platform's folder for user data."),
    ] = None,
    edition: Annotated[
        list[str] | None,
        typer.Option("--edition", help="Imported edition to use, source@vintage, if not the newest; may be repeated; means --imported."),
    ] = None,
) -> None:  # fmt: skip
    """Rank minerals for each economy and for the alliance as one, under every published method, with the doubt shown."""
    from orebridge.priorities.inputs import BUNDLED_YEAR, TABLES
    from orebridge.priorities.verb import priorities as answer
    from orebridge.priorities.verb import read_weights
    from orebridge.world import load_world

    kinds = ready(out, pictures)
    loaded = load_world(world, data, TABLES)
    inputs = None
    if imported or workspace is not None or edition:
        from orebridge.workspace_inputs import ranking_inputs

        inputs = ranking_inputs(workspace, year, world=loaded, editions=edition or ())
    result = answer(
        countries(members), as_one=as_one, methods=method or (), year=BUNDLED_YEAR if year is None else year,
        weights=read_weights(weights) if weights else None, world=loaded, inputs=inputs, folder=world, overlay=data,
        again=refresh, draws=draws, seed=seed, flip=split(flip), note=_note,
    )  # fmt: skip
    written: list[Path] = []
    if out is not None:
        from orebridge.priorities.page import write

        if kinds:
            _note("drawing the pictures")
        written = write(result, out, kinds)
    if as_json:
        emit(json.dumps(result.to_dict(), allow_nan=False) + "\n")
    else:
        from orebridge.priorities.words import lines_of

        emit("\n".join(lines_of(result, show)) + "\n")
    told_of(written, out)


def _note(text: str) -> None:
    """What takes long, on a terminal only."""
    if sys.stderr.isatty() and text != "ranking":
        sys.stderr.write(f"{text} ...\n")
