"""Any number of workers, a kill in the middle, a cluster that loses a worker: the same runs, each once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ensemble.worlds import hazardous
from orebridge.ensemble import simulate
from orebridge.ensemble.spread import batches_of
from orebridge.errors import ShockError, StoreError, UnknownLabel, WorkerError
from orebridge.world import load_world

RUNS, MONTHS = 24, 12
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return hazardous(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def world(folder):
    return load_world(folder)


def lines(store: Path) -> list[str]:
    """The runs of a store in order, as written."""
    found = [line for path in store.glob("runs-*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted(found, key=lambda line: json.loads(line)["run"])


@pytest.fixture(scope="module")
def serial(world, tmp_path_factory):
    """What one worker makes of it."""
    store = tmp_path_factory.mktemp("serial")
    simulate(RUNS, 1, months=MONTHS, world=world, store=store)
    return lines(store)


def test_runs_are_numbered_once(serial):
    assert [json.loads(line)["run"] for line in serial] == list(range(RUNS))
    assert sum(bool(json.loads(line)["chains"]) for line in serial) > RUNS // 3
    assert batches_of([5, 1, 2, 9, 7], 2) == [[1, 2], [5, 7], [9]]


@pytest.mark.parametrize("threads", [False, True])
def test_processes_and_threads_give_the_same_to_the_last_bit(world, serial, tmp_path, threads):
    simulate(RUNS, 1, months=MONTHS, world=world, store=tmp_path, workers=2, threads=threads)
    assert lines(tmp_path) == serial


def test_a_killed_ensemble_goes_on_with_nothing_lost_and_nothing_twice(folder, world, serial, tmp_path):
    store = tmp_path / "store"
    command = [sys.executable, "-m", "orebridge", "simulate", "--runs", str(RUNS), "--months", str(MONTHS), "--world",
               str(folder), "--store", str(store), "--json"]  # fmt: skip
    run = subprocess.Popen(command, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _wait(lambda: len(list(store.glob("runs-*.jsonl"))) >= 2, run)
    run.send_signal(signal.SIGKILL)
    run.wait()
    kept = lines(store)
    assert 8 <= len(kept) < RUNS
    found = simulate(RUNS, 1, months=MONTHS, world=world, store=store)
    assert found.resumed == len(kept)
    assert lines(store) == serial
    # A longer ensemble adds to it, a shorter one reads a part; another seed or other tables are refused.
    assert simulate(RUNS + 2, 1, months=MONTHS, world=world, store=store).resumed == RUNS
    assert lines(store)[:RUNS] == serial
    assert simulate(5, 1, months=MONTHS, world=world, store=store).runs == 5
    with pytest.raises(StoreError, match=r"seed \(--seed\): 1 in the store, 2 now"):
        simulate(RUNS, 2, months=MONTHS, world=world, store=store)
    other = load_world(hazardous(tmp_path / "other", {"flows": _less_to_japan(folder)}))
    with pytest.raises(StoreError) as caught:
        simulate(RUNS, 1, months=MONTHS, world=other, store=store)
    assert "tables: " in str(caught.value) and "network: " in str(caught.value) and "seed" not in str(caught.value)
    assert lines(store)[:RUNS] == serial


def test_a_worker_process_that_is_killed_costs_nothing_but_time(world, serial, tmp_path):
    from joblib.externals.loky import reusable_executor

    killed = []

    def kill(text: str) -> None:
        if not killed and text.startswith("8 of"):
            pid = next(iter(reusable_executor._executor._processes))
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    simulate(RUNS, 1, months=MONTHS, world=world, store=tmp_path, workers=2, note=kill)
    assert killed
    assert lines(tmp_path) == serial


def test_workers_that_always_die_are_told_and_the_runs_kept(world, tmp_path, monkeypatch):
    from orebridge.ensemble import runs, spread

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    simulate(4, 1, months=MONTHS, world=world, store=tmp_path)
    monkeypatch.setattr(runs, "compute", die)
    monkeypatch.setattr(spread, "TRIES", 2)
    with pytest.raises(WorkerError, match=r"died or fell silent 2 times .* 8 runs are still to be done"):
        simulate(12, 1, months=MONTHS, world=world, store=tmp_path, workers=2)
    assert len(lines(tmp_path)) == 4


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"runs": 0}, ShockError, "--runs must be from 1"),
        ({"workers": 0}, ShockError, "--workers must be from 1"),
        ({"seed": -1}, ShockError, "--seed must be"),
        ({"months": 0}, ShockError, "--months must be"),
        ({"way": "treaty"}, ShockError, "--way must be alone or joint"),
        ({"chains": ["magnet"]}, UnknownLabel, "no chain 'magnet'"),
        ({"members": ["BRA"]}, UnknownLabel, "member BRA"),
        ({"members": []}, UnknownLabel, "at least one member"),
    ],
)
def test_wrong_options_are_refused(world, options, error, words):
    with pytest.raises(error, match=words):
        simulate(**{"months": MONTHS, "runs": 2, "world": world, **options})


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere", "tcp://127.0.0.1:99999"])
def test_an_unreachable_cluster_is_one_message(world, tmp_path, address, monkeypatch):
    from orebridge.ensemble import spread

    pytest.importorskip("distributed")
    monkeypatch.setattr(spread, "ANSWER", 1.0)
    simulate(4, 1, months=MONTHS, world=world, store=tmp_path)
    with pytest.raises(WorkerError, match="no cluster answers at") as caught:
        simulate(8, 1, months=MONTHS, world=world, store=tmp_path, scheduler=address)
    assert "\n" not in str(caught.value)
    assert len(lines(tmp_path)) == 4


def test_without_dask_it_says_what_to_install(world, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkerError, match=r"orebridge\[cluster\]"):
        simulate(2, 1, months=MONTHS, world=world, scheduler="tcp://127.0.0.1:8786")


def test_a_real_cluster_that_loses_a_worker_in_the_middle(world, serial, tmp_path, monkeypatch):
    from orebridge.ensemble import spread

    pytest.importorskip("distributed")
    with _Cluster(tmp_path) as cluster:
        monkeypatch.setattr(spread, "FIRST_WORKER", 1.0)
        with pytest.raises(WorkerError, match="has no workers"):
            simulate(RUNS, 1, months=MONTHS, world=world, scheduler=cluster.address)
        monkeypatch.undo()
        workers = [cluster.worker(), cluster.worker()]
        cluster.wait_for(2)
        killed = []

        def kill(text: str) -> None:
            if not killed and text.startswith("8 of"):
                workers[0].send_signal(signal.SIGKILL)
                killed.append(workers[0].pid)

        store = tmp_path / "store"
        simulate(RUNS, 1, months=MONTHS, world=world, store=store, scheduler=cluster.address, note=kill)
        assert killed and workers[0].wait(5) == -signal.SIGKILL
        assert workers[1].poll() is None
        assert lines(store) == serial


class _Cluster:
    """A scheduler and workers as processes of their own on the loopback, ended one by one by their handles."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "scheduler.json"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.address = ""

    def __enter__(self) -> "_Cluster":
        scheduler = self._start("dask_scheduler", "--host", "tcp://127.0.0.1", "--port", "0", "--no-dashboard",
                                "--no-show", "--scheduler-file", str(self._file))  # fmt: skip
        _wait(lambda: self._file.exists() and self._file.read_text().strip().endswith("}"), scheduler)
        self.address = json.loads(self._file.read_text())["address"]
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()

    def worker(self) -> "subprocess.Popen[bytes]":
        """A worker process of one thread, without a nanny that would replace it."""
        return self._start("dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                           "--local-directory", str(self._file.parent))  # fmt: skip

    def wait_for(self, count: int) -> None:
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=60)

    def _start(self, program: str, *options: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", f"distributed.cli.{program}", *options]
        process = subprocess.Popen(command, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._processes.append(process)
        return process


def _wait(ready, process: "subprocess.Popen[bytes]", seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, process.stderr.read() if process.stderr else "ended"
        assert time.monotonic() < end, "took too long"
        time.sleep(0.02)


def _less_to_japan(folder: Path) -> str:
    text = (folder / "flows.csv").read_text(encoding="utf-8")
    assert text.count("AUS,JPN,30,") == 1
    return text.replace("AUS,JPN,30,", "AUS,JPN,29,")
