"""The commands `orebridge data import`, `imported` and `diff`: a thin door on importers and workspace."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orebridge.terminal import Members, Tables, countries, emit, print_section, progress, screen

if TYPE_CHECKING:
    import pandas as pd

    from orebridge.importers import Imported
    from orebridge.vintage_diff import VintageDiff

WIDTH, WIDEST = 120, 160
Space = Annotated[
    Path | None,
    typer.Option("--workspace", help="Workspace file or its folder; the platform's folder for user data if left out."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to `orebridge data`."""
    app.command("import")(import_command)
    app.command("imported")(imported_command)
    app.command("diff")(diff_command)


def import_command(
    source: Annotated[
        str,
        typer.Argument(help="usgs-mcs, world-mining-data, baci, world-bank-governance, pink-sheet, comtrade, eu-crm."),
    ],
    path: Annotated[
        Path, typer.Argument(help="The publisher's file, a folder or zip of its files; see `data imported`.")
    ],
    workspace: Space = None,
    side: Annotated[
        Path | None, typer.Option("--side", help="Folder with your own names.csv, exclusions.csv, corrections.csv.")
    ] = None,
    years: Annotated[str | None, typer.Option("--years", help="Only these years, e.g. 2024 or 2018-2024.")] = None,
    vintage: Annotated[
        str | None, typer.Option("--vintage", help="What to call the edition, if the file does not say.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="What was done as JSON on standard output.")] = False,
) -> None:
    """Import a publisher's original file into the workspace: all of it, checked, or nothing.

    Importing an edition again replaces it. Names that no map knows, repaired errors, changed headers and figures that
    stand twice stop the import with a list (exit code 3).
    """
    from orebridge.importers import Wish, import_source

    wish = Wish(years=_years(years), vintage=vintage)
    with progress("opening") as note:
        done = import_source(source, path, workspace, side=side, wish=wish, note=note)
    if as_json:
        emit(json.dumps(_record(done)) + "\n")
    else:
        _print_import(done)


def imported_command(workspace: Space = None) -> None:
    """List the editions in the workspace, and what each importer accepts."""
    from orebridge.errors import WorkspaceError
    from orebridge.importers.reading import SOURCES, importer
    from orebridge.workspace import open_workspace, workspace_file

    rows: list[tuple[str, ...]] = []
    if workspace_file(workspace).is_file():
        with open_workspace(workspace) as space:
            held = space.vintages()
        for (source, vintage), parts in held.groupby(["source", "vintage"], sort=False):
            last = parts.iloc[-1]
            rows.append(
                (
                    f"{source}@{vintage}",
                    f"{int(parts['rows'].sum()):,}",
                    str(len(parts)),
                    str(last["imported"])[:10],
                    str(last["licence"]),
                )
            )
        _show(f"In {workspace_file(workspace)}", ("edition", ">rows", ">parts", "imported", "licence"), rows)
    elif workspace is not None:
        raise WorkspaceError(f"{workspace_file(workspace)}: there is no workspace.")
    else:
        _say(f"Nothing imported yet; the workspace would be {workspace_file(None)}.")
    _say("")
    _show("Sources", ("source", "what to give"), [(name, importer(name).ACCEPTS) for name in SOURCES])


def diff_command(
    old: Annotated[str, typer.Argument(help="source@vintage, source (its newest), or world for the bundled tables.")],
    new: Annotated[str, typer.Argument(help="The same, for the new side.")],
    workspace: Space = None,
    members: Members = "USA,JPN",
    most: Annotated[int, typer.Option("--most", help="Rows shown per table; 0 for all.")] = 15,
    world: Tables = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Also write all changes to files in this folder.")] = None,
) -> None:
    """Show what a new edition changes: the figures, largest first, and the answers that rest on them."""
    from orebridge.vintage_diff import WORLD, vintage_diff
    from orebridge.workspace import open_workspace
    from orebridge.world import load_world

    loaded = load_world(world) if WORLD in (old, new) else None
    allies = countries(members)
    with open_workspace(workspace) as space:
        found = vintage_diff(space, old, new, members=allies, world=loaded)
    _print_diff(found, most)
    if csv is not None:
        _write(csv, found)


def _years(text: str | None) -> frozenset[int] | None:
    """The years of `2024` or `2018-2024,2026`."""
    if text is None:
        return None
    chosen: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*((?:19|20)\d\d)(?:-((?:19|20)\d\d))?\s*", part)
        if found is None or int(found[2] or found[1]) < int(found[1]):
            raise typer.BadParameter(
                f"{part!r}: write years as 2024 or 2018-2024, comma-separated.", param_hint="--years"
            )
        chosen.update(range(int(found[1]), int(found[2] or found[1]) + 1))
    return frozenset(chosen)


def _record(done: Imported) -> dict[str, object]:
    return {
        "source": done.source, "vintage": done.vintage, "parts": done.parts, "rows": done.rows, "workspace": str(done.workspace),
        "left_out": [dict(zip(("kind", "published", "reason", "rows"), row, strict=True)) for row in done.left_out],
        "corrected": done.corrected, "remarks": done.remarks,
    }  # fmt: skip


def _print_import(done: Imported) -> None:
    _say(f"{done.source}@{done.vintage}: {done.rows:,} rows into {done.workspace}")
    reasons: dict[str, tuple[int, list[str]]] = {}
    for _, published, reason, count in done.left_out:
        total, names = reasons.get(reason, (0, []))
        reasons[reason] = (total + count, [*names, published])
    if reasons:
        rows = [(reason, ", ".join(dict.fromkeys(names)), f"{count:,}") for reason, (count, names) in reasons.items()]
        _show("Left out", ("because", "names", ">rows"), rows)
    for title, lines in (("Corrected", done.corrected), ("Remarks", done.remarks)):
        if lines:
            _say(f"{title}:")
            for line in lines:
                _say(f"  {line}")


def _print_diff(found: VintageDiff, most: int) -> None:
    _say(f"{found.old} -> {found.new}: {'; '.join(found.remarks)}")
    heads = (
        ("Revised: the same year, another figure", found.revised),
        ("Newer: the newest year of each against the other's", found.newer),
    )
    for title, frame in heads:
        if len(frame):
            _say("")
            shown = frame if most == 0 else frame.head(most)
            more = f" ({len(shown)} of {len(frame):,}, largest first)" if len(shown) < len(frame) else ""
            _show(
                f"{title}{more}",
                ("mineral", "what", "country", ">old", ">new", ">change", ">of total"),
                [_figure(row) for row in shown.to_dict("records")],
            )
    if not len(found.revised) and not len(found.newer):
        _say("No figure differs.")
    if len(found.answers):
        _say("")
        shown = found.answers if most == 0 else found.answers.head(most)
        rows = [
            (str(r["method"]), str(r["member"]), str(r["mineral"]), _score(r["old"]), _score(r["new"]), _rank(r["rank_old"]), _rank(r["rank_new"]))
            for r in shown.to_dict("records")
        ]  # fmt: skip
        _show(
            "Answers, largest moves in rank first", ("method", "for", "mineral", ">old", ">new", ">rank", ">now"), rows
        )


def _figure(row: Mapping[Hashable, object]) -> tuple[str, ...]:
    country = " to ".join(str(row[key]) for key in ("country", "partner") if row[key])
    sides = [_with_year(row[side], row[f"year_{side}"]) for side in ("old", "new")]
    return (
        str(row["mineral"]),
        str(row["what"]),
        country,
        *sides,
        _amount(row["change"], "+"),
        f"{float(str(row['weight'])):.1%}",
    )


def _with_year(value: object, year: object) -> str:
    if math.isnan(float(str(value))):
        return "not stated"
    when = float(str(year))
    return f"{_amount(value)} ({int(when)})" if when else _amount(value)


def _amount(value: object, sign: str = "") -> str:
    number = float(str(value))
    return f"{number:{sign},.0f}" if abs(number) >= 1000 else f"{number:{sign}.4g}"


def _score(value: object) -> str:
    number = float(str(value))
    return "-" if math.isnan(number) else f"{number:.4f}"


def _rank(value: object) -> str:
    number = float(str(value))
    return "-" if math.isnan(number) else str(int(number))


def _write(folder: Path, found: VintageDiff) -> None:
    from orebridge.reports.write import csv_file, put

    frames: dict[str, pd.DataFrame] = {"revised": found.revised, "newer": found.newer, "answers": found.answers}

    def fill(place: Path) -> None:
        for name, frame in frames.items():
            csv_file(place / name, frame)

    put(folder, fill)
    sys.stderr.write(f"wrote {', '.join(f'{name}.csv' for name in frames)} to {folder}\n")


def _say(text: str) -> None:
    from rich.text import Text

    screen(WIDEST, WIDTH).print(Text(text))


def _show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from orebridge.stories import Section

    print_section(screen(WIDEST, WIDTH), Section(title, (), tuple(columns), tuple(map(tuple, rows))))
