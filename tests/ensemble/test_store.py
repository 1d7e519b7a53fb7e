"""A store of runs: nothing lost and nothing twice, whatever happens; strangers refused with what differs."""

import json

import pytest

from orebridge.ensemble.store import Store
from orebridge.errors import OutputError, StoreError

MADE = {"tables": "abc", "seed (--seed)": "1"}


def records(*numbers: int) -> list[dict[str, object]]:
    return [{"run": n, "tension": {}, "shocks": [], "chains": []} for n in numbers]


def test_runs_come_back_in_order_however_they_were_added(tmp_path):
    with Store(tmp_path / "s", MADE) as store:
        for batch in ((8, 9, 10), (0, 1), (2, 5, 7), (3, 4, 6)):
            store.add(records(*batch))
        assert store.missing(12) == [11]
        assert [r["run"] for r in store.records()] == list(range(11))
        assert [r["run"] for r in store.records(4)] == [0, 1, 2, 3]
    with Store(tmp_path / "s", MADE) as store:
        assert store.missing(13) == [11, 12]
        assert [r["run"] for r in store.records()] == list(range(11))
        with pytest.raises(StoreError, match="run 5 is there already"):
            store.add(records(5, 20))
        assert store.missing(13) == [11, 12]


def test_a_batch_cut_off_by_a_kill_is_not_there(tmp_path):
    with Store(tmp_path, MADE) as store:
        store.add(records(0, 1))
    (tmp_path / "runs-0000002-0000003-2.jsonl.part").write_text('{"run":2,"chai', encoding="utf-8")
    with Store(tmp_path, MADE) as store:
        assert store.missing(4) == [2, 3]
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ({**MADE, "tables": "xyz"}, "tables: abc in the store, xyz now"),
        ({**MADE, "seed (--seed)": "2"}, "seed (--seed): 1 in the store, 2 now"),
        ({**MADE, "way": "joint"}, "way: not stated in the store, joint now"),
    ],
)
def test_a_store_made_with_something_else_is_refused_and_left_alone(tmp_path, identity, words):
    with Store(tmp_path, MADE) as store:
        store.add(records(0))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(StoreError) as caught, Store(tmp_path, identity):
        pass
    assert words in str(caught.value)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: (f / "runs-0000000-0000001-2.jsonl").write_text('{"run":0}\n', encoding="utf-8"), "is damaged"),
        (lambda f: (f / "runs-0000000-0000001-2.jsonl").write_text("what\n", encoding="utf-8"), "take the file away"),
        (lambda f: (f / "runs-0000001-0000001-1.jsonl").write_text('{"run":1}\n', encoding="utf-8"), "run 1 stands in"),
        (lambda f: (f / "store.json").write_text("{", encoding="utf-8"), "store.json: is damaged"),
        (lambda f: (f / "store.json").write_text(json.dumps({"format": 99, "made with": MADE})), "another version"),
        (lambda f: (f / "store.json").unlink(), "holds runs but no store.json"),
    ],
)
def test_a_damaged_store_is_told_with_its_file(tmp_path, spoil, words):
    with Store(tmp_path, MADE) as store:
        store.add(records(0, 1))
    spoil(tmp_path)
    with pytest.raises(StoreError, match=words), Store(tmp_path, MADE):
        pass


def test_two_at_once_are_refused(tmp_path):
    with Store(tmp_path, MADE), pytest.raises(StoreError, match="another process"), Store(tmp_path, MADE):
        pass
    with Store(tmp_path, MADE):  # the lock is gone
        pass


def test_a_full_disk_loses_only_the_batch(tmp_path, monkeypatch):
    import os

    with Store(tmp_path, MADE) as store:
        store.add(records(0))

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="No space left"):
            store.add(records(1))
        monkeypatch.undo()
        assert store.missing(2) == [1]
        store.add(records(1))
        assert [r["run"] for r in store.records()] == [0, 1]
    assert not list(tmp_path.glob("*.part"))


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "s").write_text("")
    with pytest.raises(OutputError, match="cannot be used"), Store(tmp_path / "s", MADE):
        pass
