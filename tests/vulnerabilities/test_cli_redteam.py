"""`orebridge redteam` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from orebridge.cli import app
from orebridge.errors import OrebridgeError, OutputError, ShockError, UnknownLabel


def run(*arguments: str) -> None:
    app(["redteam", *arguments], standalone_mode=False)


def test_the_worst_hits_of_a_chain_as_text_json_and_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("gallium", "--fixes", "1", "--length", "6", "--months", "12", "--remove", "0.5", "--out", str(tmp_path / "new"))
    shown = " ".join(capsys.readouterr().out.split())
    assert "The worst hits" in shown and "proven:" in shown and "Against:" in shown
    answer = json.loads((tmp_path / "new" / "redteam.json").read_text(encoding="utf-8"))
    assert answer["chains"] == ["gallium"]
    assert [item["proven"] for item in answer["rounds"]] == [True, True]
    assert answer["rounds"][1]["loss_usd"] >= answer["rounds"][0]["loss_usd"] > 0
    assert answer["fixes"][0]["reached"] and answer["fixes"][0]["removed"] >= 0.4998
    worst = pd.read_csv(tmp_path / "new" / "redteam-worst.csv")
    assert worst["loss_usd"].tolist() == pytest.approx([item["loss_usd"] for item in answer["rounds"]])
    assert not list((tmp_path / "new").glob(".writing-*"))


def test_json_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    run("indium", "--hits", "1", "--fixes", "0", "--json", "--abroad", "--budget", "supplier=1")
    answer = json.loads(capsys.readouterr().out)
    assert answer["budget"] == {"hits": 1, "of_kind": {"supplier": 1}}
    assert answer["candidates"].keys() == {"supplier"} and answer["fixes"] == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--hits", "5"], ShockError, "--hits must be from 1 to 4"),
        (["--budget", "supplier"], ShockError, "cannot be read"),
        (["--budget", "supplier=1,supplier=2"], ShockError, "write each kind once"),
        (["--budget", "storm=1"], ShockError, "no kind of hit 'storm'"),
        (["--remove", "80"], ShockError, "--remove must be a share between 0 and 1"),
        (["unobtainium"], UnknownLabel, "nothing is called 'unobtainium'"),
        (["gallium", "--for", "ATA"], OrebridgeError, "ATA"),
        (["gallium", "--length", "30"], ShockError, "--length must be from 1 to the months of the plan"),
        (["gallium", "--way", "unaided"], ShockError, "alone or joint"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_use_is_refused_with_a_repair(arguments: list[str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run(*arguments)


def test_a_file_in_the_way_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        run("gallium", "--out", str(tmp_path / "taken"))
