"""The commands `orebridge data ...`: a thin door on worlds, networks, checks and stories. Heavy imports wait."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orebridge.cli_import import register
from orebridge.terminal import Members, Overlay, Tables, countries, print_section, screen

if TYPE_CHECKING:
    from rich.console import Console

    from orebridge.network import Finding
    from orebridge.world import World as Loaded

data_app = typer.Typer(
    no_args_is_help=True,
    help="The tables behind every answer. Your own rows (--data) are only read: they appear in what you ask to be printed "
    "or written (--csv) and are copied nowhere else.",
)  # fmt: skip
register(data_app)
All = Annotated[bool, typer.Option("--all", help="All rows, not only the largest.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Also write all rows to this CSV file, own rows included.")]


@data_app.command("check")
def check(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder with a whole world; the bundled one if left out. Tables of your own: --data."),
    ] = None,
    members: Members = "USA,JPN",
    world: Tables = None,
    data: Overlay = None,
) -> None:
    """Check tables, then the network of every chain, and list everything found at once.

    A folder without chains.csv is no world of its own: it is checked as laid over the bundled one, like --data.
    Exit code 0 if there are only warnings and remarks, 3 for faults in tables, 5 for errors in a network.
    """
    from orebridge.errors import NetworkError
    from orebridge.world import load_world

    at = screen()
    if folder is not None and data is None and folder.is_dir() and not any(folder.rglob("chains.csv")):
        at.print(f"{folder} holds no chains.csv: checked as laid over the world.", highlight=False, markup=False)
        loaded = load_world(world, folder)
    else:
        loaded = load_world(folder or world, data)
    findings = _all_findings(loaded, countries(members))
    rows = sum(len(frame) for frame in loaded.tables.values())
    for text in loaded.findings:
        at.print(f"note: {text}", highlight=False, markup=False)
    for chain, found in findings.items():
        if found:
            at.print()
            _print_findings(at, chain, found)
    count = {
        word: sum(f.severity == word for found in findings.values() for f in found)
        for word in ("error", "warning", "info")
    }
    summary = (
        f"{rows:,} rows in tables without fault, version {loaded.version} of all of them; {len(findings)} chain(s) checked: "
        f"{count['error']} error(s), {count['warning']} warning(s), {count['info']} remark(s)."
    )
    at.print(f"\n{summary}" if any(findings.values()) else summary, highlight=False, markup=False)
    if count["error"]:
        raise NetworkError(f"{count['error']} error(s) in the network; each is listed above with its repair.")


def _all_findings(world: Loaded, members: tuple[str, ...]) -> dict[str, list[Finding]]:
    """Findings by chain; a chain that cannot be built is an error of its own, and the others are still checked."""
    from orebridge.build import build_network
    from orebridge.checks import check_network
    from orebridge.errors import NetworkError
    from orebridge.network import Finding

    found: dict[str, list[Finding]] = {}
    for row in world.records("chains"):
        chain = row["chain"]
        try:
            found[chain] = check_network(world, build_network(world, members, [chain]))
        except NetworkError as error:
            found[chain] = [Finding("error", chain, str(error), "correct the rows named; the chain cannot be built")]
    return found


@data_app.command("sources")
def sources(world: Tables = None, data: Overlay = None, csv: Csv = None) -> None:
    """List the sources, how many figures rest on each, and how those are known."""
    from orebridge.provenance import CONFIDENCE
    from orebridge.stories import Section
    from orebridge.world import load_world

    loaded = load_world(world, data)
    used: dict[tuple[str, str], int] = {}
    for frame in loaded.tables.values():
        if "value" in frame:
            for name, known in zip(frame["source"], frame["confidence"], strict=True):
                used[str(name), str(known)] = used.get((str(name), str(known)), 0) + 1
    rows = []
    for row in sorted(loaded.records("sources"), key=lambda row: row["source"]):
        counts = [used.get((row["source"], word), 0) for word in CONFIDENCE]
        text = f"{row['publisher']}: {row['title']}" + (f" ({row['published']})" if row["published"] else "")
        via = f"; read where {row['via']} quotes it" if row["via"] else ""
        rows.append((row["source"], text + via, row["url"], str(sum(counts)), *(str(n) if n else "" for n in counts)))
    total = [sum(n for (_, known), n in used.items() if known == word) for word in CONFIDENCE]
    rows.append(("all", "", "", str(sum(total)), *(str(n) for n in total)))
    words = [word.replace("_secondary", " 2nd") for word in CONFIDENCE]
    columns = ("source", "publisher and title", "address", ">figures", *(f">{word}" for word in words))
    _write_csv(csv, columns, rows)
    at = screen()
    shown = [(name, f"{text}\n{url}" if url else text, *counts) for name, text, url, *counts in rows]
    print_section(at, Section("Sources", (), tuple(c for c in columns if c != "address"), tuple(shown)))
    for word, (_, meaning) in CONFIDENCE.items():
        at.print(f"{word.replace('_', ' ')}: {meaning}", highlight=False)


@data_app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A chain, mineral or commodity, e.g. dysprosium.")],
    members: Members = "USA,JPN",
    everything: All = False,
    world: Tables = None,
    data: Overlay = None,
) -> None:
    """Tell a chain, a mineral or a commodity as tables: who makes, ships, uses and holds it, and where that is from."""
    from orebridge.schema import network_tables
    from orebridge.stories import tell
    from orebridge.world import load_world

    at = screen()
    for section in tell(load_world(world, data, network_tables()), name, countries(members), 0 if everything else 12):
        print_section(at, section)
        at.print()


@data_app.command("reconcile")
def reconcile(
    chain: Annotated[str | None, typer.Argument(help="A chain; all if left out.")] = None,
    members: Members = "USA,JPN",
    everything: All = False,
    world: Tables = None,
    data: Overlay = None,
    csv: Csv = None,
) -> None:
    """Show which stated figures had to move, by how much and against which source, so that the base year balances.

    The base year is the nearest to all figures by weighted least squares; weight is 1 / (standard error)^2.
    """
    from orebridge.schema import network_tables
    from orebridge.stories.moved import moved_figures, moved_summary
    from orebridge.world import load_world

    loaded = load_world(world, data, network_tables())
    network_rows = moved_figures(loaded, countries(members), [chain] if chain else None)
    _write_csv(csv, network_rows.columns, network_rows.all_rows)
    at = screen()
    for section in moved_summary(network_rows, 0 if everything else 40):
        print_section(at, section)
        at.print()


def _print_findings(at: Console, chain: str, found: Sequence[Finding]) -> None:
    from rich.text import Text

    style = {"error": "bold red", "warning": "yellow", "info": "dim"}
    at.print(Text(chain, style="bold"))
    for finding in found:
        head = Text(f"{finding.severity}: ", style=style.get(finding.severity, ""))
        at.print(head + Text(f"{finding.place}: {finding.what}. Repair: {finding.repair}."))


def _write_csv(path: Path | None, columns: Iterable[str], rows: Iterable[Sequence[str]]) -> None:
    """Write beside, then rename, so that nothing half-written is left; raises OutputError."""
    if path is None:
        return
    import csv

    from orebridge.errors import OutputError
    from orebridge.layout import inert

    beside = path.with_name(f".writing-{path.name}")
    try:
        with beside.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([column.removeprefix(">") for column in columns])
            writer.writerows([inert(cell) for cell in row] for row in rows)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):  # a folder that cannot be written holds no such file either
            beside.unlink(missing_ok=True)
        raise OutputError(
            f"cannot write {path} ({error.strerror}); check the folder, its permissions and space."
        ) from error
    sys.stderr.write(f"wrote {path}\n")
