"""The command line: a thin door on `orebridge.session`. Heavy imports wait until a command runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from orebridge.cli_data import data_app

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Coordinated delivery plans for critical minerals: what a disruption costs each ally alone, under a treaty rule, and with a joint plan.",
)  # fmt: skip
app.add_typer(data_app, name="data")

World = Annotated[Path | None, typer.Option("--world", help="Folder of tables used instead of the bundled world.")]
Overlay = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of your own tables laid over the world; it never leaves this machine."),
]


@app.command()
def respond(
    shocks: Annotated[list[str], typer.Argument(help="Names from `orebridge shocks`, or TOML files.")],
    members: Annotated[str, typer.Option("--for", help="Allies, ISO alpha-3, comma-separated.")] = "USA,JPN",
    start: Annotated[str, typer.Option(help="First month of the plan, YYYY-MM.")] = "2026-12",
    months: Annotated[int, typer.Option(help="Months reported.")] = 24,
    out: Annotated[Path | None, typer.Option(help="Folder for the brief, plan.json and tables.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Pure JSON on standard output.")] = False,
    as_dated: Annotated[bool, typer.Option("--as-dated", help="Place each shock at its own date.")] = False,
    foresight: Annotated[
        str, typer.Option(help="declared: plan anew when the news changes; perfect: all is known at the start.")
    ] = "declared",
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the stock curve and the tornado.")] = False,
    world: World = None,
    data: Overlay = None,
) -> None:
    """Answer a disruption: what is lost, by whom and when, in four ways, and the plan."""
    from rich.console import Console

    from orebridge.session import respond as answer
    from orebridge.world import load_world

    log = Console(stderr=True)
    with log.status("starting") as status:
        response = answer(
            shocks, [m.strip().upper() for m in members.split(",") if m.strip()], start, months,
            world=load_world(world, data), as_dated=as_dated, foresight=foresight, hinges=not quick, note=status.update,
        )  # fmt: skip
        if out is not None:
            from orebridge.reports.brief import write_all

            status.update("writing the brief")
            written = write_all(response, out)
            log.print(f"wrote {len(written)} files to {out}")
    if as_json:
        sys.stdout.write(json.dumps(response.to_dict(), allow_nan=False) + "\n")
        return
    _print_summary(response)


def _print_summary(response: object) -> None:
    from rich.console import Console
    from rich.table import Table

    from orebridge.reports.summary import headline, way_rows
    from orebridge.session import Response

    assert isinstance(response, Response)
    screen = Console()
    screen.print(f"[bold]{'; '.join(s.title for s in response.shocks)}[/bold]")
    screen.print(
        f"from {response.start}, {response.months} months, for {', '.join(response.members)}; data {response.world.version}\n"
    )
    screen.print(headline(response) + "\n")
    table = Table("way", "lost, million USD", *response.members, "t short", "first short month")
    for row in way_rows(response):
        members = row["members"]
        assert isinstance(members, list)
        table.add_row(str(row["way"]), str(row["loss"]), *members, str(row["tonnes"]), str(row["first"]))
    screen.print(table)
    if response.coordination:
        screen.print(response.coordination.words)
        without = response.coordination.value_without_lent_stock_usd / 1e6
        screen.print(f"Unmet use alone, without counting end stocks: {without:,.0f} million USD saved.")
        if response.coordination.shapley:
            split = ", ".join(f"{m} {v / 1e6:,.0f}" for m, v in response.coordination.shapley.items())
            screen.print(f"Proposed split of the value, million USD (two members: half each): {split}.")
    if len(response.actions):
        screen.print("\n[bold]Largest actions[/bold]")
        acts = Table("owner", "what", "form or site", "route", "months", "t")
        for row in response.actions.head(10).to_dict("records"):
            span = f"{response.month_label(row['first_month'])} to {response.month_label(row['last_month'])}"
            acts.add_row(row["owner"], row["what"], row["form"], row["route"], span, f"{row['tonnes']:,.0f}")
        screen.print(acts)
    if len(response.curve):
        screen.print("\n[bold]What the answer hangs on[/bold]")
        hang = Table("days of stock", *[str(d) for d in sorted(set(response.curve["days"]))])
        for way, group in response.curve.groupby("way"):
            hang.add_row(f"{way}, million USD", *[f"{v / 1e6:,.0f}" for v in group.sort_values("days")["loss_usd"]])
        screen.print(hang)
        swing = Table("assumption (loss alone, million USD)", "low end", "stated", "high end")
        for row in response.swings.to_dict("records"):
            swing.add_row(row["assumption"], *[f"{row[k] / 1e6:,.0f}" for k in ("low", "stated", "high")])
        screen.print(swing)
    if len(response.marginal):
        screen.print("\n[bold]What one more tonne saves[/bold]")
        for text in response.marginal["words"]:
            screen.print(f"- {text}")
    for text in response.warnings:
        screen.print(f"! {text}", style="yellow")


@app.command(name="shocks")
def list_shocks() -> None:
    """List the library of shocks."""
    from rich.console import Console
    from rich.table import Table

    from orebridge.shocks import library, load_shock

    table = Table("name", "what happens", "began")
    for name in library():
        shock = load_shock(name)
        table.add_row(name, shock.title, shock.date or "")
    Console().print(table)


def main() -> None:
    """Run the command line; every refusal is one message and a documented exit code."""
    from orebridge.errors import OrebridgeError

    try:
        app(standalone_mode=False)
    except OrebridgeError as error:
        sys.stderr.write(f"orebridge: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("orebridge: stopped; nothing half-written was left.\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        import click

        if isinstance(error, click.exceptions.Abort):
            sys.stderr.write("orebridge: stopped.\n")
            sys.exit(130)
        if isinstance(error, click.ClickException):
            error.show()
            sys.exit(2)
        raise
