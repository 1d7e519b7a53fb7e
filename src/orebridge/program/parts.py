"""The solver side of a program: connected components solved apart, each in an engine that stays warm.

Two columns belong to the same component if a chain of rows links them. Solving components apart gives the same optimum
(the objective is a sum over them), takes less time than the whole, and a change in one leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from orebridge.errors import NotOptimal, ProgramError
from orebridge.program.components import components, gather_small, groups, runs, take
from orebridge.program.data import KEYS, Data
from orebridge.program.engine import Arrays, Basis, Engine, Outcome
from orebridge.program.families import Floats, Ints
from orebridge.program.solution import Piece

# Components smaller than this share an engine: below it the calls cost more than the solving.
SMALL_PART = 400
MOST_LABELS = 12
# A base solution counts as satisfying another limit up to this, relative to the limit and at least absolute.
SATISFIED = 1e-9
# It counts as optimal still if its duals prove so up to this, relative to the objective; where that is 0, absolute.
PROVEN, PROVEN_ZERO = 1e-10, 1e-12
# A dual smaller than this asks for no limit where there is none any more (the solver itself allows 1e-7).
NO_PRICE = 1e-9
KINDS = {"cost": "cost", "lower": "columns", "upper": "columns", "row_lower": "rows", "row_upper": "rows"}

# Columns above which a changed objective is solved afresh (measured: 0.4-2 s against 3-7 s warm).
LARGE = 5_000


@dataclass
class Changes:
    """Ids whose figures changed since some moment, per kind of figure."""

    ids: dict[str, list[Ints]] = field(default_factory=dict)

    def add(self, kind: str, ids: Ints) -> None:
        """Note changed ids."""
        known = self.ids.setdefault(kind, [])
        known.append(ids)
        if len(known) > 200:
            known[:] = [np.unique(np.concatenate(known))]

    def get(self, kind: str, everything: Ints) -> Ints:
        """Changed ids, each once; `everything` if that is quicker than telling them apart."""
        known = self.ids.get(kind, [])
        if sum(map(len, known)) > len(everything) // 2:
            return everything
        return np.unique(np.concatenate(known)) if known else np.zeros(0, np.int32)


@dataclass
class Part:
    """One or more components in one engine. `columns` and `rows` are ids in the whole program, ascending."""

    columns: Ints
    rows: Ints
    engine: Engine | None = None
    #: Of the last solve; None as soon as a figure changes.
    outcome: Outcome | None = None
    #: Kept bases by name.
    bases: dict[str, tuple[Basis, Outcome]] = field(default_factory=dict)
    #: Statuses to start from (None for what is new), taken over from the parts this one replaces.
    start: tuple[Any, Any] | None = None
    untold: Changes = field(default_factory=Changes)
    since_base: dict[str, Changes] = field(default_factory=dict)
    since_solve: set[str] = field(default_factory=set)
    solved: bool = False


class Parts:
    """All engines of a program."""

    def __init__(self, data: Data, apart: bool) -> None:
        self._data, self._apart = data, apart
        self._parts: list[Part] = []
        self._part_of: dict[str, Ints] = {}
        self._local: dict[str, Ints] = {}
        self._base: dict[str, dict[str, Floats]] = {}
        self._times_kept = 0
        self._stale = True
        #: Whether warm starts leave the costs undisturbed.
        self.steady = False

    @property
    def live(self) -> bool:
        """Whether a solver holds the program."""
        return bool(self._parts)

    # --- changes ----------------------------------------------------------------------------------------------
    def restructure(self) -> None:
        """Columns, rows or coefficients were added; the next solve hands the model over anew, from the old basis."""
        self._stale = True

    def note(self, key: str, ids: Ints) -> None:
        """Figures of these columns or rows changed."""
        if self._stale or not ids.size:
            return
        kind = KINDS[key]
        owner = self._part_of["rows" if kind == "rows" else "columns"][ids]
        for part, own in self._by_part(owner, ids):
            part.outcome = None
            part.since_solve.add(kind)
            part.untold.add(kind, own)
            for changes in part.since_base.values():
                changes.add(kind, own)

    def _by_part(self, owner: Ints, ids: Ints) -> list[tuple[Part, Ints]]:
        first = int(owner[0])
        if (owner == first).all():
            return [(self._parts[first], ids)]
        # Small whole numbers sort in linear time.
        order = np.argsort(owner.astype(np.uint16) if len(self._parts) < 2**16 else owner, kind="stable")
        counts = np.bincount(owner, minlength=len(self._parts))
        shares = np.split(ids[order], np.cumsum(counts)[:-1])
        return [(part, own) for part, own in zip(self._parts, shares, strict=True) if own.size]

    def add_row(self, row: int, columns: Ints, values: Floats, lower: float, upper: float) -> Any:
        """Add a row to the living engines if it stays inside one part, else hand over anew. Returns a memory."""
        owners = np.unique(self._part_of["columns"][columns]) if not self._stale else np.zeros(0)
        part = self._parts[int(owners[0])] if len(owners) == 1 else None
        if part is None or part.engine is None:
            self.restructure()
            return None
        self._tell(part)
        memory = (part, self._times_kept, len(part.rows), part.bases, part.engine.basis() if part.solved else None)
        part.engine.add_row(self._local["columns"][columns], values, lower, upper)
        self._part_of["rows"] = np.append(self._part_of["rows"], owners.astype(np.int32))
        self._local["rows"] = np.append(self._local["rows"], np.int32(len(part.rows)))
        part.rows = np.append(part.rows, np.int32(row))
        part.outcome, part.bases = None, {}
        part.since_solve.add("rows")
        return memory

    def cut_rows(self, n_rows: int, memories: Sequence[Any]) -> None:
        """Forget the rows from id `n_rows` on and put back the bases that `add_row` remembered."""
        if self._stale:
            return
        without_basis: list[Part] = []
        for part in self._parts:
            gone = np.flatnonzero(part.rows >= n_rows).astype(np.int32)
            if gone.size:
                part.rows = part.rows[: len(part.rows) - len(gone)]
                part.outcome, part.bases = None, {}
                if part.engine is not None:
                    part.engine.drop_rows(gone)
                    without_basis.append(part)
        self._part_of["rows"] = self._part_of["rows"][:n_rows]
        self._local["rows"] = self._local["rows"][:n_rows]
        for part, times_kept, size, bases, basis in reversed([memory for memory in memories if memory is not None]):
            if len(part.rows) != size:  # not the first of several rows added to this part
                continue
            # A base kept since then had the rows that are gone now.
            part.bases = bases if times_kept == self._times_kept else {}
            if basis is not None and part.engine.set_basis(basis):
                without_basis = [other for other in without_basis if other is not part]
        for part in without_basis:  # the rows came by a rebuild: what is left of the basis is mended
            if part.engine is not None and part.solved:
                part.engine.set_basis(part.engine.basis())
                part.since_solve.add("rows")

    # --- handing over -----------------------------------------------------------------------------------------
    def build(self) -> None:
        """Split the program and, where a former part was solved, remember where its solve ended."""
        data = self._data
        former = self._statuses()
        matrix = data.matrix()
        if self._apart and data.n_cols:
            column, row, count = gather_small(*components(matrix), SMALL_PART)
        else:
            column, row, count = np.zeros(data.n_cols, np.int32), np.zeros(data.n_rows, np.int32), 1
        pairs = zip(groups(column, count), groups(row, count), strict=True)
        self._parts = [Part(columns, rows) for columns, rows in pairs]
        self._part_of = {"columns": column, "rows": row}
        self._local = {kind: np.empty(len(of), np.int32) for kind, of in self._part_of.items()}
        for part in self._parts:
            self._local["columns"][part.columns] = np.arange(len(part.columns))
            self._local["rows"][part.rows] = np.arange(len(part.rows))
            if former is not None:
                part.start = (former[0][part.columns], former[1][part.rows])
        self._base = {}
        self._stale = False

    def load(self) -> None:
        """Hand every part over to its engine."""
        if self._stale:
            self.build()
        for part in self._parts:
            self._open(part)

    def _statuses(self) -> tuple[Any, Any] | None:
        if not any(part.solved for part in self._parts):
            return None
        columns = np.full(self._data.n_cols, None, dtype=object)
        rows = np.full(self._data.n_rows, None, dtype=object)
        for part in self._parts:
            if part.engine is not None and part.solved:
                kept = part.rows < self._data.n_rows
                basis = part.engine.basis()
                if basis is None:
                    continue
                column_status, row_status = basis.statuses()
                columns[part.columns], rows[part.rows[kept]] = column_status, row_status[kept]
        return columns, rows

    def _open(self, part: Part) -> Engine:
        if part.engine is None:
            part.engine = Engine(self._data.name, self._arrays(part))
            if part.start is not None:
                part.engine.set_basis(part.engine.assemble_basis(*part.start))
                part.start = None
            part.untold = Changes()
        return part.engine

    def _arrays(self, part: Part) -> Arrays:
        """The figures in force of one part, its columns and rows numbered inside it."""
        data, matrix = self._data, self._data.matrix()
        if len(self._parts) == 1:
            figures = {key: data.array(key) for key in KEYS}
            start, index, value = matrix.indptr, matrix.indices, matrix.data
        else:
            columns, rows = runs(part.columns), runs(part.rows)
            figures = {key: take(data.array(key), rows if key.startswith("row") else columns) for key in KEYS}
            entries = [(int(matrix.indptr[first]), int(matrix.indptr[last])) for first, last in columns]
            count = take(matrix.indptr[1:], columns) - take(matrix.indptr[:-1], columns)
            start = np.concatenate([np.zeros(1, count.dtype), np.cumsum(count)])
            index, value = self._local["rows"][take(matrix.indices, entries)], take(matrix.data, entries)
        scale = data.scale_of_rows()
        if scale is not None:
            value = value * scale[part.rows][index]
            for key in ("row_lower", "row_upper"):
                figures[key] = figures[key] * scale[part.rows]
        start, index = (ids.astype(np.int32, copy=False) for ids in (start, index))
        return Arrays(**figures, start=start, index=index, value=value)

    def _tell(self, part: Part) -> None:
        """Pass changed figures on to the engine."""
        if part.engine is None or not part.untold.ids:
            return
        data, local = self._data, self._local
        ids = part.untold.get("cost", part.columns)
        if ids.size:
            part.engine.change_cost(local["columns"][ids], data.array("cost")[ids])
        ids = part.untold.get("columns", part.columns)
        if ids.size:
            part.engine.change_columns(local["columns"][ids], data.array("lower")[ids], data.array("upper")[ids])
        ids = part.untold.get("rows", part.rows)
        ids = ids[ids < data.n_rows]
        if ids.size:
            scale = np.array([data.row_scale.get(int(i), 1.0) for i in ids]) if data.row_scale else 1.0
            low, high = data.array("row_lower")[ids] * scale, data.array("row_upper")[ids] * scale
            part.engine.change_rows(local["rows"][ids], low, high)
        part.untold = Changes()

    # --- solving ----------------------------------------------------------------------------------------------
    def solve(self, from_base: str | None, workers: int, how: str = "") -> list[Piece]:
        """Solve what changed; parts whose figures did not change keep their outcome. `how`: "interior", "near" or ""."""
        if self._stale:
            self.build()
        todo = [part for part in self._parts if not self._known(part, from_base)]
        if workers > 1 and len(todo) > 1:
            from concurrent.futures import ThreadPoolExecutor

            todo.sort(key=lambda part: -len(part.columns))
            with ThreadPoolExecutor(workers) as pool:  # the solver works outside the interpreter's lock
                words = list(pool.map(lambda part: self._run(part, from_base, how), todo))
        else:
            words = [self._run(part, from_base, how) for part in todo]
        failed = [(part, word) for part, word in zip(todo, words, strict=True) if word]
        if failed:
            self._explain(failed)
        scale = self._data.scale_of_rows()
        return [
            Piece(part.columns, part.rows, None if scale is None else scale[part.rows], part.outcome)
            for part in self._parts
            if part.outcome is not None
        ]

    def _run(self, part: Part, from_base: str | None, how: str) -> str:
        """Solve one part; returns "" or the solver's word for what it is instead of optimal."""
        self._tell(part)
        engine = self._open(part)
        engine.steady = self.steady
        if from_base in part.bases:
            result = engine.run_from(part.bases[from_base][0], how == "interior" and len(part.columns) > LARGE)
        elif how == "interior" and len(part.columns) > LARGE:
            result = engine.run(interior=True)
        elif how == "near" and part.solved:
            result = engine.run_near()
        elif "cost" in part.since_solve and part.solved and len(part.columns) > LARGE and not self.steady:
            engine.forget()  # another objective over a large part: presolve from scratch beats the old basis
            result = engine.run()
        else:
            # Only costs changed: the last basis is still a feasible plan, and the primal simplex goes on from it.
            result = engine.run(primal=part.solved and part.since_solve == {"cost"})
        part.solved = True
        part.since_solve = set()
        if isinstance(result, str):
            return result
        part.outcome = result
        return ""

    def keep_base(self, name: str) -> None:
        """Keep basis, outcome and figures of the last solve under a name."""
        if self._stale or any(part.outcome is None for part in self._parts):
            raise ProgramError(
                f"{self._data.name}: solve before keeping a base; a figure changed since the last solve."
            )
        for part in self._parts:
            if part.outcome is None:
                continue
            # A part whose outcome was taken over from a kept base without a solve has that base's basis.
            same = [kept for kept in part.bases.values() if kept[1] is part.outcome]
            if same:
                part.bases[name] = same[0]
            elif part.engine is not None and (basis := part.engine.basis()) is not None:
                part.bases[name] = (basis, part.outcome)
            part.since_base[name] = Changes()
        self._base[name] = {key: self._data.array(key).copy() for key in KEYS}
        self._times_kept += 1

    def _known(self, part: Part, from_base: str | None) -> bool:
        """Whether the outcome is known without a solve."""
        if part.outcome is None and from_base in part.bases and self._base_holds(part, from_base):
            part.outcome = part.bases[from_base][1]
        return part.outcome is not None

    def _base_holds(self, part: Part, name: str) -> bool:
        """Whether the base solution is still optimal: costs as in the base, all limits kept, and proven by its duals.

            gap = sum of |dual| x distance of the value from the limit the dual speaks of, over changed limits

        A plan within all limits and duals that fit the costs have a gap of exactly this; at 0 both are optimal. So a
        limit may move where it has no price, and a limit with a price must stay where the solution is. The solver
        would go astray here: from the base's basis it pushes every column that rests on a loosened limit along.
        """
        base, figures, changes = part.bases[name][1], self._base[name], part.since_base[name]
        gap = 0.0
        for kind, keys in (("cost", ("cost",)), ("columns", ("lower", "upper")), ("rows", ("row_lower", "row_upper"))):
            ids = changes.get(kind, part.rows if kind == "rows" else part.columns)
            ids = ids[ids < len(figures[keys[0]])]
            now = [self._data.array(key)[ids] for key in keys]
            then = [figures[key][ids] for key in keys]
            differ = np.any([a != b for a, b in zip(now, then, strict=True)], axis=0) if ids.size else ids > 0
            changes.ids[kind] = [ids[differ]]
            if not differ.any():
                continue
            if kind == "cost":
                return False
            low, high, at = now[0][differ], now[1][differ], self._local[kind][ids[differ]]
            scale = self._row_scale(ids[differ]) if kind == "rows" else 1.0
            value = (base.columns[at] if kind == "columns" else base.rows[at]) / scale
            slack = SATISFIED * np.maximum(1.0, np.abs(value))
            if (value < low - slack).any() or (value > high + slack).any():
                return False
            price = (base.column_duals[at] if kind == "columns" else base.row_duals[at]) * scale
            priced = np.abs(price) > NO_PRICE
            limit = np.where(price > 0, low, high)[priced]
            gap += float((np.abs(price[priced]) * np.abs(value[priced] - limit)).sum())
        return gap <= max(PROVEN * abs(base.objective), PROVEN_ZERO)

    def _open_ended(self, part: Part) -> Ints:
        """Columns whose bounds let the cost fall for ever (where the solver gives no ray: a column without rows)."""
        cost, low, high = (self._data.array(key)[part.columns] for key in ("cost", "lower", "upper"))
        return part.columns[((cost < 0) & np.isinf(high)) | ((cost > 0) & np.isinf(low))]

    def _row_scale(self, rows: Ints) -> Floats:
        return np.array([self._data.row_scale.get(int(row), 1.0) for row in rows])

    # --- words ------------------------------------------------------------------------------------------------
    def _explain(self, failed: Sequence[tuple[Part, str]]) -> None:
        data = self._data
        words = {word for _, word in failed}
        labels: list[str] = []
        for part, word in failed[:3]:
            if part.engine is None:
                continue
            if word == "infeasible":
                columns, rows = part.engine.conflict()
                labels += [data.row_text(int(part.rows[row])) for row in rows]
                labels += [data.column_text(int(part.columns[column])) for column in columns]
            elif word == "unbounded":
                endless = part.columns[part.engine.ray()] if part.engine.ray() else self._open_ended(part)
                labels += [data.column_text(int(column)) for column in endless]
        more = len(labels) - MOST_LABELS
        shown = labels[:MOST_LABELS] + ([f"... and {more} more"] if more > 0 else [])
        listing = "\n  ".join(shown or ["(the solver named none)"])
        if "infeasible" in words:
            raise NotOptimal(
                f"{data.name}: no plan satisfies all limits (infeasible). These cannot hold together:\n  {listing}\n"
                "Loosen one of them, or check the figures behind them.",
                "infeasible",
                labels,
            )
        if "unbounded" in words:
            raise NotOptimal(
                f"{data.name}: the cost falls without end (unbounded) along:\n  {listing}\n"
                "Give one of them an upper bound, or check the sign of its cost.",
                "unbounded",
                labels,
            )
        word = sorted(words)[0]
        part = failed[0][0]
        raise NotOptimal(
            f"{data.name}: the solver stopped without an optimum ({word}), also from scratch, by the other simplex and "
            f"by the interior point. Its figures reach from\n  {self._reach(part)}\n"
            "Bring each kind within about 1e-4 to 1e4 (money in millions, another unit of mass), and check cuts and "
            "bounds that leave next to nothing open.",
            word,
            labels,
        )

    def _reach(self, part: Part) -> str:
        """Smallest and largest size of each kind of figure of a part, with labels."""
        data = self._data
        matrix = data.matrix()[:, part.columns].tocoo()
        kinds = [
            ("costs", data.array("cost")[part.columns], part.columns, data.column_label),
            ("coefficients", matrix.data, matrix.row, data.row_label),
            ("bounds", np.concatenate([data.array(key)[part.columns] for key in ("lower", "upper")]),
             np.tile(part.columns, 2), data.column_label),
            ("limits", np.concatenate([data.array(key)[part.rows] for key in ("row_lower", "row_upper")]),
             np.tile(part.rows, 2), data.row_label),
        ]  # fmt: skip
        lines = []
        for kind, figures, ids, label in kinds:
            size = np.abs(figures)
            real = np.flatnonzero((size > 0) & np.isfinite(size))
            if real.size:
                low, high = real[np.argmin(size[real])], real[np.argmax(size[real])]
                low_text = f"{size[low]:.3g} ({label(int(ids[low]))})"
                lines.append(f"{kind}: {low_text} to {size[high]:.3g} ({label(int(ids[high]))})")
        return "\n  ".join(lines)
