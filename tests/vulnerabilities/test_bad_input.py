"""Bad input as a user types it: one message with place, cause and repair, the documented code, and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ensemble.worlds import hazardous
from mini import edit
from typed import told

LINE = Path(__file__).parents[1] / "worlds" / "line"
OF_LINE = ("--world", str(LINE), "--for", "JPN", "--months", "12", "--length", "3")


def test_more_hits_than_candidates_answer_for_as_many_as_there_are_and_say_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`at most k hits` is answered in full, so the code is 0; the words stand in the text and in the JSON."""
    call = ("redteam", *OF_LINE, "--fixes", "0", "--budget", "supplier=4")
    code, said, _ = told(capsys, *call, "--hits", "4")
    words = " ".join(said.split())
    assert code == 0
    assert "Only 1 hit of the kinds allowed (supplier) can be told apart in these chains" in words
    assert "the answer for --hits 4 is that for 1; name more chains or kinds" in words
    four, one = (json.loads(told(capsys, *call, "--hits", k, "--json")[1]) for k in ("4", "1"))
    assert four["notes"] and not one["notes"]
    assert [item["loss_usd"] for item in four["rounds"]] == [item["loss_usd"] for item in one["rounds"]]


def test_more_pairs_and_remedies_than_there_are_give_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    call = ("vulnerabilities", *OF_LINE, "--quick", "--json", "--pairs", "9999", "--remedies", "9999")
    code, said, _ = told(capsys, *call)
    tables = json.loads(said)["tables"]
    search = tables["pair_search"][0]
    assert code == 0
    assert search["pairs"] == sum(search[part] for part in ("same", "harmless", "additive", "plans", "below"))
    assert 0 < len(tables["pairs"]) <= search["pairs"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("vulnerabilities", "gallium", "--only", "gallium/primary:FRA"),
         ("'gallium/primary:FRA' touches nothing in gallium", "in use in the base year", "nearest: gallium/primary:CHN")),
        (("vulnerabilities", "gallium", "--only", "malaca"), ("'malaca' touches nothing", "nearest: malacca")),
        (("redteam", *OF_LINE, "--budget", "chokepoint=1"), ("nothing that could be hit", "check the chains and the budget")),
        (("redteam", "gallium", "--hits", "5"), ("--hits must be from 1 to 4, not 5",)),
    ],
    ids=["no such supplier", "misspelt passage", "no passage", "five hits"],
)  # fmt: skip
def test_a_hit_that_touches_nothing_is_one_message_and_leaves_the_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, call: tuple[str, ...], words: tuple[str, ...]
) -> None:  # fmt: skip
    (tmp_path / "kept").write_text("mine", encoding="utf-8")
    code, out, err = told(capsys, *call, "--out", str(tmp_path))
    assert (code, out) == (4, "")
    assert err.startswith("orebridge: ") and "Traceback" not in err
    for part in words:
        assert part in err
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_changed_network_under_a_resumed_ensemble_is_refused_and_the_runs_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    world = hazardous(tmp_path / "world")
    other = hazardous(tmp_path / "other", edit("stock_days", "magnets,60,days", "magnets,45,days"))
    call = ("simulate", "--months", "12", "--store", str(store), "--json")
    assert told(capsys, *call, "--runs", "4", "--world", str(world))[0] == 0
    before = {path.name: path.read_bytes() for path in store.iterdir()}
    code, out, err = told(capsys, *call, "--runs", "8", "--world", str(other))
    assert (code, out) == (8, "")
    assert str(store) in err and "network: " in err and "Use another --store, or go back" in err
    assert {path.name: path.read_bytes() for path in store.iterdir()} == before
    code, out, _ = told(capsys, *call, "--runs", "8", "--world", str(world))
    assert code == 0 and json.loads(out)["runs_resumed"] == 4
