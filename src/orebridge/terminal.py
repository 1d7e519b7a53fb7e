"""What all commands share at the terminal: common options, lists in options, progress, and text that arrives or is told of.

Heavy imports wait: `orebridge --help` must not pay for them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from typer.models import OptionInfo

if TYPE_CHECKING:
    from rich.console import Console

    from orebridge.stories import Section

WIDTH, WIDEST = 100, 140
NAMED = 6  # files of a folder that are named

Members = Annotated[str, typer.Option("--for", help="Allies, ISO alpha-3, comma-separated.")]
Tables = Annotated[Path | None, typer.Option("--world", help="Folder of tables used instead of the bundled world.")]
Overlay = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of your own tables laid over the world; it never leaves this machine."),
]

Pictures = Annotated[
    str,
    typer.Option(
        "--pictures",
        help="Write every chart as a picture file too: png, svg or png,svg. Needs --out, the extra `pictures` of Orebridge and a "
        "Chrome or Chromium on this machine.",
    ),
]


def _folder(given: str) -> Path:
    # Path("") is the current folder: a variable that is not set would scatter the answer there.
    if not given.strip():
        raise typer.BadParameter("an empty name; name a folder ('.' is the current one).")
    return Path(given)


def folder(what: str) -> OptionInfo:
    """The option `--out`: a folder by a name that is not empty; `what` is its help."""
    return cast(OptionInfo, typer.Option("--out", help=what, parser=_folder, metavar="PATH"))


def ready(out: Path | None, pictures: str) -> tuple[str, ...]:
    """The kinds of pictures asked for; what could only be refused after the work is refused here.

    Raises OutputError where the folder cannot be written or pictures cannot be drawn; BadParameter for wrong use.
    """
    from orebridge.errors import OutputError
    from orebridge.reports.pictures import check_drawable, kinds_of
    from orebridge.reports.write import check_writable

    try:
        kinds = kinds_of(pictures)
    except OutputError as error:
        raise typer.BadParameter(f"--pictures: {error}") from error
    if kinds and out is None:
        raise typer.BadParameter("--pictures writes files: give their folder with --out.")
    if out is not None:
        check_writable(out)
    check_drawable(kinds)
    return kinds


def split(text: str) -> list[str]:
    """The items of a comma-separated option, each once.

    >>> split("gallium, indium,,gallium")
    ['gallium', 'indium']
    """
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def countries(text: str) -> tuple[str, ...]:
    """Country codes of a comma-separated option.

    >>> countries("usa, JPN")
    ('USA', 'JPN')
    """
    return tuple(split(text.upper()))


@contextmanager
def progress(first: str) -> Iterator[Callable[[str], None]]:
    """What is being done (at first `first`) and for how long, on a terminal; elsewhere nothing, so that logs stay clean."""
    from rich.console import Console

    log = Console(stderr=True)
    if not log.is_terminal:
        yield lambda _: None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=log, transient=True) as bar:
        task = bar.add_task(first, total=None)
        yield lambda text: bar.update(task, description=text)


def emit(text: str) -> None:
    """Text to standard output, flushed here: a full disk behind it is told now, not in a traceback when the program ends.

    Nothing but flushing is done for an empty text.
    """
    from orebridge.errors import OutputError

    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - nothing more can be written there
        raise OutputError(f"could not write to standard output: {error.strerror or error}.") from error


def told_of(written: list[Path], out: Path | None) -> None:
    """Say on standard error how many files were written, which to open first, and which of the folder are not of this answer.

    Nothing where there are none. Files of an earlier run are left: who wrote them is not known.
    """
    if written and out is not None:
        from rich.console import Console

        text = f"wrote {len(written)} files to {out}; open {written[0]}"
        now = {path.name for path in written}
        others = sorted(path.name for path in out.iterdir() if path.is_file() and path.name not in now)
        if others:
            more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
            text += f"\nnot of this answer, though in the folder: {', '.join(others[:NAMED])}{more}"
        Console(stderr=True).print(text, highlight=False, markup=False, soft_wrap=True)


def screen(widest: int = WIDEST, elsewhere: int = WIDTH) -> Console:
    """A console of at most `widest` columns, `elsewhere` where the output is not a terminal."""
    from rich.console import Console

    console = Console()
    return Console(width=min(console.width, widest) if console.is_terminal else elsewhere)


def print_section(at: Console, section: Section) -> None:
    """Title, paragraphs and table; nothing is cut off, long texts wrap."""
    from rich.text import Text

    from orebridge.layout import table_lines

    at.print(Text(section.title, style="bold"))
    for text in section.text:
        at.print(Text(text))
    if section.rows:
        lines = table_lines(section.columns, section.rows, at.width)
        at.print(Text("\n".join(lines)), no_wrap=True, overflow="ignore", crop=False)
