"""The command line: a thin door on `orebridge.session`. Heavy imports wait until a command runs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from orebridge.cli_data import data_app
from orebridge.cli_priorities import priorities
from orebridge.cli_redteam import redteam
from orebridge.cli_simulate import simulate
from orebridge.cli_vulnerabilities import vulnerabilities
from orebridge.stopping import ctrl_c_heard, stop_if_interrupted
from orebridge.terminal import Members, Overlay, Pictures, Tables, countries, emit, folder, progress, ready, told_of

if TYPE_CHECKING:
    from orebridge.errors import OrebridgeError
    from orebridge.session import Response

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Coordinated delivery plans for critical minerals: what a disruption costs each ally alone, under a treaty rule, and with a joint plan.",
)  # fmt: skip
app.add_typer(data_app, name="data")
app.command()(simulate)
app.command()(vulnerabilities)
app.command(name="priorities")(priorities)
app.command()(redteam)

WRONG_USE, INTERRUPTED = 2, 130  # exit codes beside those of orebridge.errors


@app.command()
def respond(
    shocks: Annotated[list[str], typer.Argument(help="Names from `orebridge shocks`, or TOML files.")],
    members: Members = "USA,JPN",
    start: Annotated[str, typer.Option(help="First month of the plan, YYYY-MM.")] = "2026-12",
    months: Annotated[int, typer.Option(help="Months reported.")] = 24,
    out: Annotated[Path | None, folder("Folder for the brief, plan.json and tables.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Pure JSON on standard output.")] = False,
    as_dated: Annotated[bool, typer.Option("--as-dated", help="Place each shock at its own date.")] = False,
    foresight: Annotated[
        str, typer.Option(help="declared: plan anew when the news changes; perfect: all is known at the start.")
    ] = "declared",
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the stock curve and the tornado.")] = False,
    sections: Annotated[
        str | None,
        typer.Option(
            "--with",
            help="Further sections of the brief for the chains hit, comma-separated: priorities, vulnerabilities, redteam, "
            "simulate; none for none. Without it priorities, unless --quick.",
        ),
    ] = None,
    pictures: Pictures = "",
    world: Tables = None,
    data: Overlay = None,
) -> None:
    """Answer a disruption: what is lost, by whom and when, in four ways, and the plan."""
    from rich.console import Console

    from orebridge.annexes import annexes, chosen
    from orebridge.reports.write import write_all
    from orebridge.schema import network_tables
    from orebridge.session import respond as answer
    from orebridge.world import load_world

    names = chosen(sections) if sections is not None else ("priorities",) if out is not None and not quick else ()
    if names and out is None:
        raise typer.BadParameter("--with adds sections to the brief: give the brief's folder with --out.")
    kinds = ready(out, pictures)
    with progress("reading the tables") as note:
        response = answer(
            shocks, countries(members), start, months,
            world=load_world(world, data, network_tables()), as_dated=as_dated, foresight=foresight, hinges=not quick, note=note,
        )  # fmt: skip
        written: list[Path] = []
        failed: dict[str, OrebridgeError] = {}
        if out is not None:
            further, failed = annexes(names, response, world, data, note)
            note("writing the brief and drawing its pictures" if kinds else "writing the brief")
            # Unasked, a section that cannot be made (own tables without those of the ranking) is left out.
            shown = [annex for annex in further if sections is not None or annex.name not in failed]
            written = write_all(response, out, shown, kinds)
    if as_json:
        emit(json.dumps(response.to_dict(), allow_nan=False) + "\n")
    else:
        _print_summary(response)
    told_of(sorted(written, key=lambda path: path.name != "brief.html"), out)
    for name, error in failed.items():
        Console(stderr=True).print(
            f"the section {name} could not be made: {error}", highlight=False, markup=False, soft_wrap=True
        )
    if failed and sections is not None:  # asked for: all else is written, but the answer is not whole
        raise next(iter(failed.values()))


def _print_summary(response: Response) -> None:
    from rich.console import Console

    from orebridge.reports.summary import print_summary

    print_summary(response, Console())
    emit("")  # a full disk behind standard output is told here, not in a traceback when the program ends


@app.command(name="shocks")
def list_shocks() -> None:
    """List the library of shocks."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from orebridge.shocks import library, load_shock

    table = Table("name", "what happens", "began", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    for name in library():
        shock = load_shock(name)
        table.add_row(name, Text(shock.title), shock.date or "")
    Console().print(table)


@app.command(name="schema")
def show_schema() -> None:
    """Print the JSON Schema of plan.json."""
    from orebridge.reports.plan_json import schema_text

    emit(schema_text())


def main() -> None:
    """Run the command line; every refusal is one message and a documented exit code."""
    from orebridge.errors import OrebridgeError, OutputError

    try:
        with ctrl_c_heard():
            code = app(standalone_mode=False)
            stop_if_interrupted()
        if code == INTERRUPTED:  # some versions of Typer turn Ctrl-C into a code instead of raising
            raise KeyboardInterrupt
        sys.stdout.flush()
    except OrebridgeError as error:
        _stop(f"orebridge: {error}", error.exit_code)
    except KeyboardInterrupt:
        _stop("orebridge: stopped; nothing half-written was left.", INTERRUPTED)
    except BrokenPipeError:
        _stop("", 0)
    except OSError as error:
        where = error.filename or "standard output"
        _stop(f"orebridge: could not read or write {where}: {error.strerror or error}.", OutputError.exit_code)
    except SystemExit as error:
        # Typer and Rich end with 1 where nobody reads the output any more, as behind `| head`: no fault of ours.
        _stop("", 0 if error.code == 1 else error.code)
    except Exception as error:
        # By name: Typer carries its own copy of click in newer versions, and uses the package in older ones.
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if "Abort" in kinds:
            _stop("orebridge: stopped.", INTERRUPTED)
        if "ClickException" in kinds:
            error.show()  # type: ignore[attr-defined]
            _stop("", WRONG_USE)
        raise


def _stop(message: str, code: int | str | None) -> NoReturn:
    """End with a message on standard error and a code; what still waits to be printed is dropped if it cannot be."""
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - nothing more can be written there
    if message:
        sys.stderr.write(f"{message}\n")
    sys.exit(code)
