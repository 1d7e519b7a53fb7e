"""The blocks of the tutorial run, in order, as a reader would run them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.md"


def blocks(text: str) -> list[tuple[int, str]]:
    """Python blocks of a page with the line each starts on."""
    return [
        (text.count("\n", 0, m.start(1)) + 1, m[1]) for m in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S)
    ]


def test_the_tutorial_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    found = blocks(TUTORIAL.read_text(encoding="utf-8"))
    assert len(found) >= 8
    names: dict[str, Any] = {"__name__": "tutorial"}
    for line, block in found:
        exec(compile("\n" * (line - 1) + block, str(TUTORIAL), "exec"), names)
    said = capsys.readouterr().out
    assert "unaided:" in said
    assert "brief.html" in said
    # The reader's own figure is used: 150 days of use, where the bundled tables assume another number.
    held = names["ours"].network.stockpiles.query("country == 'JPN' and commodity == 'antimony/trioxide'")["s0"].sum()
    assumed = (
        names["answer"].network.stockpiles.query("country == 'JPN' and commodity == 'antimony/trioxide'")["s0"].sum()
    )
    assert held > 1.5 * assumed > 0
    assert names["world"].version != names["answer"].world.version
