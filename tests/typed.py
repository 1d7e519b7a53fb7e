"""Commands as people type them, in this process: exit code, standard output and standard error."""

from __future__ import annotations

import sys

import pytest

from orebridge.cli import main


def run(*arguments: object) -> int:
    """Exit code of `orebridge` with these arguments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["orebridge", *map(str, arguments)])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
    return 0


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """The same, with what it wrote to standard output and standard error."""
    code = run(*arguments)
    said = capsys.readouterr()
    return code, said.out, said.err
