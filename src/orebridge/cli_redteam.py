"""The command `orebridge redteam`: a thin door on `orebridge.vulnerabilities.redteam` and `fixes`. Heavy imports wait."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from orebridge.stories import Section

WIDTH, WIDEST = 100, 140


def redteam(
    minerals: Annotated[
        list[str] | None, typer.Argument(help="Chains, minerals or commodities; all chains if left out.")
    ] = None,
    hits: Annotated[int, typer.Option(help="Most hits at once, 1 to 4.")] = 2,
    budget: Annotated[
        str, typer.Option(help="Most hits by kind, e.g. supplier=2,chokepoint=1; kinds not named may not strike.")
    ] = "",
    members: Annotated[str, typer.Option("--for", help="Allies, ISO alpha-3, comma-separated.")] = "USA,JPN",
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
    sets: Annotated[int, typer.Option(help="Most sets that one part of the search may hold.")] = 400_000,
    as_json: Annotated[bool, typer.Option("--json", help="Pure JSON on standard output.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for redteam.json and the tables as CSV.")] = None,
    world: Annotated[
        Path | None, typer.Option("--world", help="Folder of tables used instead of the bundled world.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of your own tables laid over the world; it never leaves this machine."),
    ] = None,
) -> None:
    """Find the hits that would cost the alliance most, how sure that is, and the cheapest fix of the worst."""
    from rich.console import Console

    from orebridge.reports.write import check_writable
    from orebridge.schema import FIX_TABLES, network_tables
    from orebridge.vulnerabilities.redteam import Budget
    from orebridge.vulnerabilities.verb import redteam as answer
    from orebridge.world import load_world

    if out is not None:
        check_writable(out)
    allowed = Budget(hits, _by_kind(budget)).of_kind  # refused before the tables are read
    with _progress(Console(stderr=True)) as note:
        found = answer(
            minerals or [], [word.strip().upper() for word in members.split(",") if word.strip()], months, length,
            hits=hits, budget=allowed, way=way, abroad=abroad, fixes=fixes, remove=remove, minutes=minutes, sets=sets,
            world=load_world(world, data, tables=network_tables() | FIX_TABLES), note=note,
        )  # fmt: skip
    if out is not None:
        _write(out, found.to_dict(), found.tables())
    if as_json:
        _emit(json.dumps(found.to_dict(), allow_nan=False) + "\n")
    else:
        screen = _screen()
        for section in found.sections():
            _print(screen, section)
        _emit("")  # a full disk behind standard output is told here, not in a traceback when the program ends


def _by_kind(text: str) -> Mapping[str, int]:
    from orebridge.errors import ShockError

    found: dict[str, int] = {}
    for part in filter(None, (word.strip() for word in text.split(","))):
        kind, sign, count = part.partition("=")
        if not sign or not count.strip().isdigit() or kind.strip() in found:
            raise ShockError(f"--budget: {part!r} cannot be read; write each kind once, e.g. supplier=2,chokepoint=1.")
        found[kind.strip()] = int(count)
    return found


@contextmanager
def _progress(log: Console) -> Iterator[Callable[[str], None]]:
    """What is being done and for how long, on a terminal; elsewhere nothing, so that logs stay clean."""
    if not log.is_terminal:
        yield lambda _: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=log, transient=True) as bar:
        task = bar.add_task("reading the tables", total=None)
        yield lambda text: bar.update(task, description=text)


def _emit(text: str) -> None:
    """Text to standard output, flushed here so that a full disk behind it is told as such."""
    from orebridge.errors import OutputError

    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - nothing more can be written there
        raise OutputError(f"could not write to standard output: {error.strerror or error}.") from error


def _screen() -> Console:
    from rich.console import Console

    console = Console()
    return Console(width=min(console.width, WIDEST) if console.is_terminal else WIDTH)


def _print(screen: Console, section: Section) -> None:
    from rich.text import Text

    from orebridge.layout import table_lines

    screen.print(Text(section.title, style="bold"))
    for text in section.text:
        screen.print(Text(text))
    if section.rows:
        lines = table_lines(section.columns, section.rows, screen.width)
        screen.print(Text("\n".join(lines)), no_wrap=True, overflow="ignore", crop=False)
    screen.print()


def _write(folder: Path, answer: Mapping[str, object], frames: Mapping[str, pd.DataFrame]) -> None:
    """All files beside each other first, then renamed into place; raises OutputError."""
    from orebridge.errors import OutputError

    beside: dict[Path, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in frames.items():
            path = folder / f"redteam-{name}.csv"
            beside[path] = path.with_name(f".writing-{path.name}")
            frame.to_csv(beside[path], index=False)
        path = folder / "redteam.json"
        beside[path] = path.with_name(".writing-redteam.json")
        beside[path].write_text(json.dumps(answer, allow_nan=False, indent=1) + "\n", encoding="utf-8")
        for path, new in beside.items():
            new.replace(path)
    except OSError as error:
        for new in beside.values():
            new.unlink(missing_ok=True)
        raise OutputError(f"cannot write to {folder} ({error.strerror}); check its permissions and space.") from error
    sys.stderr.write(f"wrote {len(beside)} files to {folder}\n")
