"""Charts as picture files, PNG and SVG, for slides and papers. Needs the extra `orebridge[pictures]` and a Chrome or Chromium.

A still picture stands alone: what the page says beside a chart becomes its heading, and what only works on a screen is
left out. The browser is one for all pictures, sees plotly.js and the charts alone, and has no way to the network.
"""

from __future__ import annotations

import asyncio
import html
import json
import math
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from orebridge.charts.style import FAINT, INK, ON_SCREEN
from orebridge.errors import OutputError
from orebridge.labels import and_list, capital, in_words

if TYPE_CHECKING:
    import plotly.graph_objects as go

KINDS = ("png", "svg")
BEGINS = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<svg"}
WIDTH, SCALE = 1000, 2  # px of the page that charts are made for; a PNG has twice as many dots each way
#: The heading: sizes of its first sentence, of the rest and of the origin, px; characters that fit on a line of each.
SIZES, ROOM = (17, 13, 11), (102, 142, 164)
LINE, EDGE, CAPITAL = 20, 14, 13  # px of a line of the heading, around it, and of the capitals of its first line
LETTER, MARK, ENTRY = 7.3, 46, 19  # px of a legend: a letter, the sign before its words, a row
NAMED = 4  # chains named in the origin of a picture
SECONDS = 60.0  # most for one picture, the start of the browser counted as one
CLOSING = 5.0  # s for a browser to go
EXTRA = "pip install 'orebridge[pictures]'"
BROWSER = (
    "install Chromium or Google Chrome, or name the program of one in the environment variable BROWSER_PATH "
    "(`kaleido_get_chrome` downloads one)"
)
NOWHERE = "http://127.0.0.1:9"  # a proxy at which nothing listens: whatever the browser asks the network for fails


@dataclass(frozen=True)
class Picture:
    """A chart to be drawn: name of its file without ending, what it shows, where its figures are from."""

    name: str
    caption: str
    figure: go.Figure
    origin: str = ""


def origin(members: Sequence[str], chains: Sequence[str], *more: str) -> str:
    """Whose figures a picture shows: allies (codes), chains (names; only their number if many), and what else counts.

    >>> origin(["USA", "JPN"], ["Gallium"], "Base year 2024")
    'Allies: the United States and Japan. Chain: Gallium. Base year 2024.'
    """
    many = f"{len(chains)} chains" if len(chains) > NAMED else f"Chain{'s' * (len(chains) > 1)}: {and_list(chains)}"
    return ". ".join([f"Allies: {and_list(map(in_words, members))}", many, *more]) + "."


def kinds_of(text: str) -> tuple[str, ...]:
    """Kinds of picture files in a comma-separated list, each once.

    >>> kinds_of("svg, PNG"), kinds_of("")
    (('png', 'svg'), ())

    Raises OutputError for any other kind.
    """
    named = [part.strip().lower() for part in text.split(",") if part.strip()]
    _check_kinds(named)
    return tuple(kind for kind in KINDS if kind in named)


def _check_kinds(kinds: Iterable[str]) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise OutputError(f"there is no kind of picture {kind!r}; choose from {' and '.join(KINDS)}.")


def check_drawable(kinds: Sequence[str]) -> None:
    """Refuse at once what `draw` could only refuse after the work: the extra or a browser that starts is missing.

    Nothing is done if no kind is asked for. Raises OutputError.
    """
    _check_kinds(kinds)
    if not kinds:
        return
    _check_extra()
    browser = _browser()
    if os.name == "nt":  # there the question below opens a window
        return
    try:
        # Asked for its version it loads all its libraries, which a bare machine may lack.
        asked = subprocess.run([browser, "--version"], capture_output=True, check=False, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OutputError(f"--pictures: the browser {browser} does not start: {error}. {capital(BROWSER)}.") from error
    if asked.returncode != 0:
        said = asked.stderr.decode("utf-8", "replace").strip().splitlines()
        raise OutputError(
            f"--pictures: the browser {browser} does not start: {said[-1] if said else f'code {asked.returncode}'}. {capital(BROWSER)}."
        )


def _check_extra() -> None:
    try:
        version = metadata.version("kaleido")
    except metadata.PackageNotFoundError:
        raise OutputError(f"--pictures needs the package kaleido, which is not installed: {EXTRA}.") from None
    if int(re.match(r"\d*", version)[0] or 0) < 1:  # type: ignore[index]
        raise OutputError(f"--pictures needs kaleido 1.5 or newer, and {version} is installed: {EXTRA}.")


def _browser() -> str:
    """The browser's program: the one named in BROWSER_PATH, or else the first found."""
    try:
        from choreographer.browsers.chromium import Chromium
    except ImportError as error:
        raise OutputError(f"--pictures: kaleido is not whole ({error}): {EXTRA}.") from error
    named = os.environ.get("BROWSER_PATH", "")
    if named and shutil.which(named) is None:
        raise OutputError(f"--pictures: BROWSER_PATH names {named}, which is no program. {capital(BROWSER)}.")
    found = shutil.which(named) if named else Chromium.find_browser(skip_local=False)
    if not found or not Path(found).is_file():
        raise OutputError(f"--pictures draws with a browser, and none was found: {BROWSER}.")
    return str(found)


def draw(folder: Path, pictures: Sequence[Picture], kinds: Sequence[str]) -> None:
    """Write every picture in every kind (`name.png`, `name.svg`) into a folder; for use inside `reports.write.put`.

    About two seconds for the browser and a quarter of one for each file. Raises OutputError if one cannot be drawn; files
    drawn before it are then still there: `put` takes them away.
    """
    _check_kinds(kinds)
    if not kinds or not pictures:
        return
    _check_extra()
    jobs = []
    for picture in pictures:
        fig = still(picture)
        jobs += [(fig, folder / f"{picture.name}.{kind}", kind) for kind in kinds]
    limit = SECONDS * (1 + len(jobs))
    try:
        _to_the_end(partial(_drawn, jobs, _browser()), limit)
    except (OutputError, OSError):
        raise
    except TimeoutError as error:
        raise OutputError(
            f"--pictures: the browser did not draw {len(jobs)} pictures within {limit:,.0f} s."
        ) from error
    except Exception as error:  # whatever kaleido and the browser may raise
        said = " ".join(str(part) for part in error.args) or type(error).__name__
        raise OutputError(f"--pictures: the browser could not draw: {said}. {capital(BROWSER)}.") from error
    for _, path, _ in jobs:
        _flush(path)


async def _drawn(jobs: Sequence[tuple[Mapping[str, Any], Path, str]], browser: str) -> None:
    import kaleido
    import plotly

    library = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    page = kaleido.PageGenerator(plotly=library.as_uri(), mathjax=False)
    wanted = [
        {"fig": fig, "path": path, "opts": {"format": kind, "scale": SCALE if kind == "png" else 1}}
        for fig, path, kind in jobs
    ]
    drawer = kaleido.Kaleido(path=browser, page_generator=page, timeout=SECONDS, proxy_server=NOWHERE)
    try:
        async with drawer:
            await drawer.write_fig_from_object(wanted, cancel_on_error=True)
    except BaseException:
        _end(getattr(drawer, "subprocess", None))
        with suppress(Exception):
            await asyncio.wait_for(drawer.close(), CLOSING)  # its temporary files
        raise


def _end(process: subprocess.Popen[bytes] | None) -> None:
    """End a browser that did not come up, with all its helpers: kaleido leaves it running."""
    if process is None or process.poll() is not None:
        return
    if os.name == "posix":
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # it leads a session of its own
    else:
        process.kill()
    process.wait(CLOSING)


def _to_the_end(work: Callable[[], Coroutine[Any, Any, None]], limit: float) -> None:
    """Run it in a thread of its own (a notebook has a loop in this one); an interruption ends it before it goes on."""
    loop = asyncio.new_event_loop()
    failed: list[BaseException] = []
    task: asyncio.Task[None] | None = None

    async def timed() -> None:
        nonlocal task
        task = asyncio.current_task()
        await asyncio.wait_for(work(), limit)

    def run() -> None:
        try:
            loop.run_until_complete(timed())
        except BaseException as error:
            failed.append(error)
        finally:
            loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        thread.join()
    except BaseException:
        if task is not None:
            with suppress(RuntimeError):  # it has just come to its end
                loop.call_soon_threadsafe(task.cancel)
        thread.join(SECONDS)
        raise
    if failed:
        raise failed[0]


def _flush(path: Path) -> None:
    """To the disk, as every file of an answer: a full disk is told here. Raises OutputError if it is no picture: of a
    chart beyond what a browser can hold there come a few bytes without a word."""
    with path.open("r+b") as out:
        if not out.read(8).startswith(BEGINS[path.suffix]):
            raise OutputError(f"--pictures: the browser drew nothing for {path.name}; the chart may be too large.")
        os.fsync(out.fileno())


# --- a chart that stands alone ---------------------------------------------------------------------------------------
def still(picture: Picture) -> dict[str, Any]:
    """The chart as plotly.js takes it, with its heading and without what needs a screen."""
    figure: dict[str, Any] = json.loads(picture.figure.to_json())
    layout = figure["layout"]
    for name in ("updatemenus", "sliders"):
        layout.pop(name, None)
    layout["annotations"] = [note for note in layout.get("annotations", ()) if note.get("name") != ON_SCREEN]
    common = layout.get("template", {}).get("layout", {})
    own = layout.get("title") or {}
    own = {"text": own} if isinstance(own, str) else own
    text, tall = _heading(picture.caption, picture.origin, str(own.get("text") or ""))
    margin = {"t": 100, "l": 80, "r": 80, "b": 80} | common.get("margin", {}) | layout.get("margin", {})
    tall += max(0, _legend_height(figure["data"], WIDTH - margin["l"] - margin["r"]) - margin["t"])
    layout["margin"] = margin | {"t": margin["t"] + tall}
    layout["height"] = (layout.get("height") or common.get("height") or 450) + tall
    layout["width"] = WIDTH
    layout["title"] = {
        "text": text, "x": EDGE / WIDTH, "xref": "container", "xanchor": "left", "yref": "container", "yanchor": "top",
        "y": 1 - (EDGE + CAPITAL) / layout["height"], "font": {"size": LINE / 1.3, "color": FAINT}, "automargin": False,
    }  # fmt: skip
    return figure


def _legend_height(traces: Sequence[Mapping[str, Any]], wide: float) -> int:
    """The room of a legend above the plot, px: one that wraps has equal columns and grows upwards, into the heading."""
    words = [len(str(t["name"])) * LETTER + MARK for t in traces if t.get("name") and t.get("showlegend", True)]
    if not words or sum(words) <= wide:
        return 0
    return ENTRY * math.ceil(len(words) / max(1, int(wide // max(words)))) + EDGE


def _heading(caption: str, origin: str, own: str) -> tuple[str, int]:
    """The text of a heading and the room it takes, px: first sentence, the chart's own title, the rest, the origin."""
    first, rest = _first_sentence(caption)
    lines = [
        *(f"<b>{_sized(line, SIZES[0], INK)}</b>" for line in _wrapped(first, ROOM[0])),
        *([f'<span style="font-size:{SIZES[1]}px;color:{INK}">{own}</span>'] if own else []),
        *(_sized(line, SIZES[1], FAINT) for line in _wrapped(rest, ROOM[1])),
        *(_sized(line, SIZES[2], FAINT) for line in _wrapped(origin, ROOM[2])),
    ]
    return "<br>".join(lines), LINE * len(lines) + EDGE + 4


def _wrapped(text: str, room: int) -> list[str]:
    """The text in as few lines as have room, of about equal length.

    >>> _wrapped("one two three four", 15)
    ['one two', 'three four']
    >>> _wrapped("", 15), _wrapped("a-word-without-an-end", 15)
    ([], ['a-word-without-an-end'])
    """

    def lines(wide: int) -> list[str]:
        return wrap(text, wide, break_on_hyphens=False, break_long_words=False)

    least = len(lines(room))
    first = max(1, min(room, len(text) // max(1, least)))
    return next(made for wide in range(first, room + 1) if len(made := lines(wide)) == least)


def _first_sentence(text: str) -> tuple[str, str]:
    """A caption's first sentence without its stop, and the rest.

    >>> _first_sentence("Tonnes short by month. A row per member.")
    ('Tonnes short by month', 'A row per member.')
    """
    first, _, rest = text.strip().partition(". ")
    return (first if rest else first.removesuffix(".")), rest


def _sized(text: str, size: int, colour: str) -> str:
    return f'<span style="font-size:{size}px;color:{colour}">{html.escape(text, quote=False)}</span>'
