"""Sums over the runs of an ensemble: expected and tail loss, exceedance, convergence, what drives the tail.

Two passes over the runs, one run at a time; what must be sorted (one figure per run and subject) waits in a file on the
disk, so memory does not grow with runs beyond one column of figures.

    expected  = mean over runs, with standard error s / sqrt(N)
    CVaR 95 % = mean of the worst twentieth of the runs (Rockafellar and Uryasev: the run on the edge counts in part)
    tail part = mean of a subject's loss over the alliance's worst twentieth; the parts add up to the alliance's CVaR

USD is absent (nan) for a subject as soon as a product without a stated value runs short in it.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.ensemble.drivers import Drivers
from orebridge.ensemble.runs import Record, Setting

Floats = npt.NDArray[np.float64]
TAIL = 0.05
ITEMS = ("defence", "essential", "general", "stock")
CHUNK = 4096
POINTS = 200  # of the exceedance curve and the convergence


@dataclass(frozen=True)
class Figures:
    """Expected and tail figures of one subject, USD."""

    expected: float
    error: float
    tail: float
    tail_error: float
    threshold: float
    chance: float


@dataclass(frozen=True)
class Summary:
    """What the runs say. Frames are listed in docs/simulate.md; USD discounted to the start of the horizon."""

    total: Figures
    unaided: Figures
    subjects: pd.DataFrame
    losses: pd.DataFrame
    exceedance: pd.DataFrame
    convergence: pd.DataFrame
    hazards: pd.DataFrame
    hangs: pd.DataFrame
    effective_runs: float
    tail_runs: int
    shocks_per_run: float
    untouched: float
    absent: tuple[str, ...] = ()


def tail_weights(loss: Floats, share: float = TAIL) -> Floats:
    """Weight of each run in the mean of the worst `share` of them; they sum to 1.

    >>> tail_weights(np.array([1.0, 5.0, 3.0, 2.0]), 0.375).round(3).tolist()
    [0.0, 0.667, 0.333, 0.0]
    """
    mass = share * len(loss)
    order = np.argsort(-loss, kind="stable")
    weight = np.zeros(len(loss))
    weight[order] = np.clip(mass - np.arange(len(loss)), 0.0, 1.0) / mass
    result: Floats = weight / weight.sum()
    return result


def figures(loss: Floats, share: float = TAIL) -> Figures:
    """Expected and tail figures of one column of losses; all nan if one of them is absent."""
    n = len(loss)
    if np.isnan(loss).any():
        return Figures(*[math.nan] * 6)
    spread = float(loss.std(ddof=1)) if n > 1 else math.nan
    tail = float(tail_weights(loss, share) @ loss)
    edge = float(np.sort(loss)[::-1][max(math.ceil(share * n - 1e-9) - 1, 0)])
    # A tail of one run says nothing about its own error.
    beyond = float(np.maximum(loss - edge, 0.0).std(ddof=1)) if share * n >= 2.0 else math.nan
    return Figures(
        float(loss.mean()), spread / math.sqrt(n), tail, beyond / (share * math.sqrt(n)), edge, float((loss > 0).mean())
    )


def summarise(read: Callable[[], Iterable[Record]], setting: Setting, runs: int) -> Summary:
    """All sums over `runs` runs; `read` gives their records in order, each time it is called."""
    columns = _Columns(_names(setting))
    absent: dict[str, None] = {}
    n_shocks = n_touched = 0
    with columns:
        for record in read():
            columns.add(_row(record, absent))
            n_shocks += len(record["shocks"])
            n_touched += len(record["chains"])
        total = columns.read("total")
        if len(total) != runs:
            raise ValueError(f"{len(total)} runs where {runs} were asked for")
        known = not np.isnan(total).any()
        weight = tail_weights(total) if known else None
        subjects = pd.DataFrame([_subject(name, columns.read(name), weight) for name in columns.names[2:]])
        unaided = figures(columns.read("unaided"))
    losses = _Losses()
    drivers = Drivers(setting)
    for record, loss, share in zip(read(), total, weight if weight is not None else np.zeros(runs), strict=True):
        losses.add(record, float(share))
        drivers.add(record, float(loss), float(share))
    square = float((total**2).sum())
    return Summary(
        total=figures(total),
        unaided=unaided,
        subjects=subjects,
        losses=losses.frame(runs, known),
        exceedance=_exceedance(total) if known else pd.DataFrame(columns=["loss_usd", "chance"]),
        convergence=_convergence(total)
        if known
        else pd.DataFrame(columns=["runs", "expected_usd", "error_usd", "cvar95_usd"]),
        hazards=drivers.hazards(runs, known),
        hangs=drivers.hangs(known),
        effective_runs=float(total.sum()) ** 2 / square if square > 0 else (math.nan if math.isnan(square) else 0.0),
        tail_runs=math.ceil(TAIL * runs - 1e-9),
        shocks_per_run=n_shocks / runs,
        untouched=1.0 - n_touched / (runs * len(setting.chains)),
        absent=tuple(absent),
    )


def _names(setting: Setting) -> list[str]:
    members = setting.network.members
    return [
        "total", "unaided", *(f"chain {c}" for c in setting.chains), *(f"member {m}" for m in members),
        *(f"item {i}" for i in ITEMS),
    ]  # fmt: skip


def _row(record: Record, absent: dict[str, None]) -> dict[str, float]:
    """USD of one run by subject."""
    row: dict[str, float] = {"total": 0.0, "unaided": 0.0}
    for chain in record["chains"]:
        row["unaided"] += _number(chain["unaided_usd"])
        for loss in chain["losses"]:
            usd = _number(loss["usd"])
            if math.isnan(usd):
                absent[loss["product"]] = None
            for name in ("total", f"chain {chain['chain']}", f"member {loss['member']}", f"item {loss['item']}"):
                row[name] = row.get(name, 0.0) + usd
    return row


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _subject(name: str, loss: Floats, weight: Floats | None) -> dict[str, Any]:
    kind, _, label = name.partition(" ")
    found = figures(loss)
    return {
        "kind": kind, "name": label, "expected_usd": found.expected, "error_usd": found.error,
        "cvar95_usd": found.tail, "tail_part_usd": float(weight @ loss) if weight is not None else math.nan,
        "chance": found.chance,
    }  # fmt: skip


def _exceedance(total: Floats) -> pd.DataFrame:
    """Chance that the loss is at least so high, at most `POINTS` points, the tail in full."""
    n = len(total)
    ordered = np.sort(total)[::-1]
    ranks = np.unique(np.concatenate([np.arange(min(n, POINTS // 2)), np.linspace(0, n - 1, POINTS // 2).astype(int)]))
    return pd.DataFrame({"loss_usd": ordered[ranks], "chance": (ranks + 1.0) / n})


def _convergence(total: Floats) -> pd.DataFrame:
    """Running mean, its standard error and CVaR after more and more runs."""
    n = len(total)
    at = np.unique(np.linspace(min(10, n), n, min(POINTS // 2, n)).astype(int))
    rows = []
    for k in at.tolist():
        found = figures(total[:k])
        rows.append((k, found.expected, found.error, found.tail))
    return pd.DataFrame(rows, columns=["runs", "expected_usd", "error_usd", "cvar95_usd"])


class _Losses:
    """Tonnes and USD by chain, product, member and item, summed run by run."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, str, str], list[float]] = {}

    def add(self, record: Record, share: float) -> None:
        for chain in record["chains"]:
            for loss in chain["losses"]:
                key = (chain["chain"], loss["product"], loss["member"], loss["item"])
                sums = self._sums.setdefault(key, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, math.inf])
                usd, tonnes = _number(loss["usd"]), float(loss["tonnes"])
                for at, value in enumerate((tonnes, usd, share * tonnes, share * usd if share else 0.0, 1.0)):
                    sums[at] += value
                if loss["first_month"] is not None:
                    sums[5] += 1.0
                    sums[6] = min(sums[6], loss["first_month"])

    def frame(self, runs: int, known: bool) -> pd.DataFrame:
        rows = [
            {
                "chain": chain, "product": product, "member": member, "item": item,
                "expected_tonnes": sums[0] / runs, "expected_usd": sums[1] / runs,
                "tail_tonnes": sums[2] if known else math.nan, "tail_part_usd": sums[3] if known else math.nan,
                "chance": sums[4] / runs, "chance_short": sums[5] / runs,
                "earliest_month_short": sums[6] if math.isfinite(sums[6]) else math.nan,
            }
            for (chain, product, member, item), sums in sorted(self._sums.items())
        ]  # fmt: skip
        names = ["chain", "product", "member", "item", "expected_tonnes", "expected_usd", "tail_tonnes",
                 "tail_part_usd", "chance", "chance_short", "earliest_month_short"]  # fmt: skip
        return pd.DataFrame(rows, columns=names)


class _Columns:
    """One figure per run and name, kept in a file on the disk; read one column at a time."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._at: Mapping[str, int] = {name: k for k, name in enumerate(self.names)}
        self._chunk = np.zeros((len(self.names), CHUNK))
        self._filled = self._runs = 0
        self._file: Any = None

    def __enter__(self) -> _Columns:
        self._file = tempfile.TemporaryFile(prefix="orebridge-")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, row: Mapping[str, float]) -> None:
        self._chunk[:, self._filled] = 0.0
        for name, value in row.items():
            self._chunk[self._at[name], self._filled] = value
        self._filled += 1
        self._runs += 1
        if self._filled == CHUNK:
            self._file.write(self._chunk.tobytes())
            self._filled = 0

    def read(self, name: str) -> Floats:
        """One column; rows not yet on the disk included."""
        k, full = self._at[name], self._runs // CHUNK
        self._file.flush()
        parts = []
        for chunk in range(full):
            self._file.seek((chunk * len(self.names) + k) * CHUNK * 8)
            parts.append(np.frombuffer(self._file.read(CHUNK * 8), dtype=np.float64))
        self._file.seek(0, 2)
        return np.concatenate([*parts, self._chunk[k, : self._filled]])
