"""Writes docs/commands.md from the command line itself, so that no command or option is undocumented.

Run `python tools/write_command_docs.py` after changing a command; a test compares.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer.main

from orebridge.cli import app

TARGET = Path(__file__).parent.parent / "docs" / "commands.md"
EXIT_CODES = (
    ("0", "answered"),
    ("2", "wrong use of the command"),
    ("3", "faults in tables or files (all listed)"),
    ("4", "unknown name, or a shock that does not fit"),
    ("5", "the tables make no consistent network"),
    ("6", "no optimal plan"),
    ("7", "the result could not be written or its pictures not drawn"),
    ("8", "a store of runs is of something else, in use or damaged"),
    ("9", "workers or cluster could not do the work"),
    ("130", "stopped by the user; nothing half-written is left"),
)


def text() -> str:
    """The whole page."""
    parts = [
        "# Commands",
        "",
        "Written by `tools/write_command_docs.py` from the command line itself. Standard output carries the answer, standard",
        "error progress and refusals. Exit codes: " + "; ".join(f"{code} {what}" for code, what in EXIT_CODES) + ".",
    ]
    command = typer.main.get_command(app)
    parts += _pages("orebridge", command)
    return "\n".join(parts) + "\n"


def _pages(name: str, command: Any) -> list[str]:
    inner = getattr(command, "commands", None)
    if inner:
        return [line for key in sorted(inner) for line in _pages(f"{name} {key}", inner[key])]
    lines = ["", f"## {name}", "", " ".join((command.help or "").split()), ""]
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    if rows:
        lines += ["| argument or option | default | what it does |", "|---|---|---|", *rows]
    return lines


def _row(parameter: Any) -> str:
    is_option = parameter.param_type_name == "option"
    names = ", ".join(f"`{name}`" for name in parameter.opts) if is_option else f"`{parameter.name.upper()}`"
    default = parameter.default() if callable(parameter.default) else parameter.default
    shown = "required" if parameter.required else "" if default in (None, False, []) else f"`{default}`"
    return f"| {names} | {shown} | {' '.join((parameter.help or '').split()).replace('|', '/')} |"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
