"""Every command and option is documented: the page is what the command line says of itself."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_page_of_commands_is_current() -> None:
    spec = importlib.util.spec_from_file_location("write_command_docs", ROOT / "tools" / "write_command_docs.py")
    assert spec and spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert page == tool.text(), "run `python tools/write_command_docs.py`"
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    assert all(row[3].strip() for row in rows), [row for row in rows if not row[3].strip()]
