"""A store of runs: a folder that survives a kill at any moment, with every run in it once.

`store.json` says what the ensemble was made with. Each batch of runs is a file of JSON lines, `runs-FIRST-LAST-COUNT.jsonl`,
written beside its place, flushed to the disk and then renamed: it is there whole or not at all. A lock keeps a second
process out; the system lets go of it when its holder dies, however it dies.

A line is one run: `run`; `tension` by group; `shocks` (hazard, start month 1.., length, values, quantiles); `chains`
(chain, first month, hazards that cut into it with their share of the tonnes cut, unaided_usd, losses by product, member, item: tonnes, usd, first_month).
Chains that are not listed lose nothing. `null` is an absent figure, never zero.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from orebridge.errors import OutputError, StoreError

NAME, LOCK, PART = "store.json", "lock", ".part"
FORMAT = 1
Record = dict[str, Any]


class Store:
    """Runs of one ensemble in a folder; use as a context manager.

    Opening a store made with anything else (`identity`) raises StoreError naming what differs. Nothing is changed then.
    """

    def __init__(self, folder: Path, identity: Mapping[str, str]) -> None:
        self.folder = folder
        self._identity = dict(identity)
        self._lock: IO[str] | None = None
        self._files: list[tuple[int, Path]] = []  # by first run
        self._done = bytearray()  # one byte per run, so that millions of runs do not weigh

    def __enter__(self) -> Store:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            self._check_identity()
            self._read_index()
        except OSError as error:
            self.__exit__()
            raise OutputError(f"{self.folder}: the store cannot be used ({error.strerror or error}).") from error
        except StoreError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def has(self, number: int) -> bool:
        """Whether a run is there."""
        return number < len(self._done) and bool(self._done[number])

    def missing(self, runs: int) -> list[int]:
        """Which of the first `runs` runs are not there."""
        return [number for number in range(runs) if not self.has(number)]

    def add(self, records: Sequence[Record]) -> None:
        """Keep a batch of runs: all of it or nothing, also if the machine is switched off meanwhile."""
        numbers = [int(record["run"]) for record in records]
        twice = [number for number in numbers if self.has(number)]
        if twice or len(set(numbers)) != len(numbers):
            raise StoreError(f"{self.folder}: run {min(twice or numbers)} is there already; it was not added again.")
        path = self.folder / f"runs-{min(numbers):07d}-{max(numbers):07d}-{len(numbers)}.jsonl"
        text = "".join(json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n" for record in records)
        try:
            self._put(path, text)
        except OSError as error:
            raise OutputError(
                f"{path}: could not be written ({error.strerror or error}); runs kept before are safe. "
                "Make room and run the same command again to go on."
            ) from error
        self._know(path, numbers)

    def records(self, below: int | None = None) -> Iterator[Record]:
        """Runs in the order of their numbers (only those below `below`), a batch at a time, so memory does not grow."""
        # Batches of one process do not overlap, but a resumed one fills gaps: then their ranges interleave.
        waiting: list[Record] = []
        for start, path in sorted(self._files):
            ready = [r for r in waiting if r["run"] < start]
            waiting = [r for r in waiting if r["run"] >= start]
            yield from (r for r in ready if below is None or r["run"] < below)
            waiting = sorted([*waiting, *self._read(path)], key=lambda r: int(r["run"]))
        yield from (r for r in waiting if below is None or r["run"] < below)

    # --- inside -----------------------------------------------------------------------------------------------
    def _take_lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # not on this system: a second process is then not noticed
            return
        self._lock = (self.folder / LOCK).open("w", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(
                f"{self.folder}: another process is adding runs to this store; wait for it, or use another --store."
            ) from error

    def _check_identity(self) -> None:
        path = self.folder / NAME
        if not path.exists():
            strangers = [p.name for p in self.folder.glob("runs-*.jsonl")]
            if strangers:
                raise StoreError(
                    f"{self.folder}: holds runs but no {NAME}, so nobody knows of what; use another --store."
                )
            self._put(path, json.dumps({"format": FORMAT, "made with": self._identity}, indent=1) + "\n")
            return
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            made = dict(kept["made with"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path}: is damaged ({error}); use another --store.") from error
        if kept.get("format") != FORMAT:
            raise StoreError(f"{path}: made by another version of Orebridge; use another --store.")
        names = dict.fromkeys([*self._identity, *made])
        differ = [
            f"  {name}: {made.get(name, 'not stated')} in the store, {self._identity.get(name, 'not stated')} now"
            for name in names
            if made.get(name) != self._identity.get(name)
        ]
        if differ:
            listing = "\n".join(differ)
            raise StoreError(
                f"{self.folder}: its runs were made with something else and would not belong together:\n{listing}\n"
                "Use another --store, or go back to what it was made with. Nothing was changed."
            )

    def _read_index(self) -> None:
        for path in self.folder.glob(f"*{PART}"):
            path.unlink()  # a batch that a kill cut off; its runs are computed again
        for path in sorted(self.folder.glob("runs-*.jsonl")):
            numbers = [int(record["run"]) for record in self._read(path)]
            twice = [number for number in numbers if self.has(number)]
            if twice:
                other = next(p.name for _, p in self._files if twice[0] in [r["run"] for r in self._read(p)])
                raise StoreError(
                    f"{self.folder}: run {twice[0]} stands in {other} and in {path.name}; "
                    "take one of the files away and run the same command again."
                )
            self._know(path, numbers)

    def _know(self, path: Path, numbers: Sequence[int]) -> None:
        most = max(numbers)
        if most >= len(self._done):
            self._done.extend(bytes(max(most + 1 - len(self._done), len(self._done))))
        for number in numbers:
            self._done[number] = 1
        self._files.append((min(numbers), path))

    @staticmethod
    def _read(path: Path) -> list[Record]:
        try:
            records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            if len(records) != int(path.stem.split("-")[-1]) or any("run" not in r for r in records):
                raise ValueError("not all of its runs are there")
        except (ValueError, TypeError) as error:
            raise StoreError(
                f"{path}: is damaged ({error}); take the file away and run the same command again: "
                "only its runs are computed anew."
            ) from error
        return records

    @staticmethod
    def _put(path: Path, text: str) -> None:
        """Write beside, flush to the disk, rename."""
        part = path.with_name(path.name + PART)
        try:
            with part.open("w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
        with suppress(OSError):  # so that the new name survives a power cut too, where the system can promise it
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
