"""One linear program inside HiGHS, kept alive between solves. The only module that imports the solver.

Serial dual simplex: on delivery models interior point is 5 to 12 times slower and gives no basis to restart from.
Every status the solver returns is checked.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from orebridge.errors import ProgramError
from orebridge.program.families import Floats, Ints

OPTIONS: tuple[tuple[str, Any], ...] = (
    ("output_flag", False),
    ("solver", "simplex"),
    ("threads", 1),
    ("random_seed", 0),
    # Real chains shrink to a fraction (a cold solve of 0.3 s instead of 1.6 s); a warm start skips it anyway.
    ("presolve", "on"),
)
CONFLICT_SECONDS = 20.0
# HiGHS: 2 = take the whole program, not a ray, 4 = shrink the conflict until nothing can be left out.
CONFLICT_STRATEGY = 6
DUAL_SIMPLEX, PRIMAL_SIMPLEX = 1, 4
DISTURBANCE = "dual_simplex_cost_perturbation_multiplier"
_scheduler = threading.Lock()


@cache
def _highspy() -> Any:
    # Imported at first use: `orebridge --help` must not pay for it.
    import highspy

    module: Any = highspy
    with _silence():
        module.Highs()
    return module


@contextmanager
def _silence() -> Iterator[None]:
    """Send standard output nowhere: the first instance prints a banner that no option stops, into a user's JSON."""
    try:
        kept = os.dup(1)
    except OSError:  # there is no standard output
        yield
        return
    if sys.stdout is not None:
        sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


@dataclass(frozen=True)
class Arrays:
    """A linear program as arrays; the matrix by columns (start, index, value)."""

    cost: Floats
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    start: Ints
    index: Ints
    value: Floats


@dataclass(frozen=True)
class Basis:
    """Which columns and rows are basic; opaque, belongs to one shape of program."""

    raw: Any

    def statuses(self) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
        """Status per column and per row."""
        columns, rows = self.raw.col_status, self.raw.row_status
        return np.array(columns, dtype=object), np.array(rows, dtype=object)


class Outcome:
    """An optimal solution of one engine; the arrays leave the solver when first asked for."""

    def __init__(self, objective: float, raw: Any) -> None:
        self.objective = objective
        self._raw = raw

    @cached_property
    def columns(self) -> Floats:
        """Value per column."""
        return np.array(self._raw.col_value, dtype=np.float64)

    @cached_property
    def rows(self) -> Floats:
        """Activity per row."""
        return np.array(self._raw.row_value, dtype=np.float64)

    @cached_property
    def row_duals(self) -> Floats:
        """Dual per row."""
        return np.array(self._raw.row_dual, dtype=np.float64)

    @cached_property
    def column_duals(self) -> Floats:
        """Reduced cost per column."""
        return np.array(self._raw.col_dual, dtype=np.float64)


class Engine:
    """One HiGHS instance holding one linear program."""

    def __init__(self, name: str, arrays: Arrays) -> None:
        self.name = name
        self.n_cols, self.n_rows = len(arrays.cost), len(arrays.row_lower)
        #: From an old basis the dual simplex leaves the costs as they are, instead of disturbing them a little.
        self.steady = False
        self._highs = _highspy().Highs()
        for option, value in OPTIONS:
            self._ok(self._highs.setOptionValue(option, value), f"set the option {option}")
        # The overload over arrays copies once; filling an HighsLp first takes eight times as long.
        status = self._highs.passModel(
            self.n_cols,
            self.n_rows,
            len(arrays.value),
            int(_highspy().MatrixFormat.kColwise),
            int(_highspy().ObjSense.kMinimize),
            0.0,
            arrays.cost,
            arrays.lower,
            arrays.upper,
            arrays.row_lower,
            arrays.row_upper,
            arrays.start,
            arrays.index,
            arrays.value,
            np.zeros(self.n_cols, dtype=np.int32),
        )
        self._ok(status, "take the model")

    # --- changes ----------------------------------------------------------------------------------------------
    def change_cost(self, ids: Ints, cost: Floats) -> None:
        """Replace costs of columns."""
        self._ok(self._highs.changeColsCost(len(ids), ids, cost), "change costs")

    def change_columns(self, ids: Ints, lower: Floats, upper: Floats) -> None:
        """Replace bounds of columns."""
        self._ok(self._highs.changeColsBounds(len(ids), ids, lower, upper), "change bounds")

    def change_rows(self, ids: Ints, lower: Floats, upper: Floats) -> None:
        """Replace limits of rows."""
        self._ok(self._highs.changeRowsBounds(len(ids), ids, lower, upper), "change limits of rows")

    def add_row(self, ids: Ints, values: Floats, lower: float, upper: float) -> None:
        """Append one row; the basis stays usable."""
        self._ok(self._highs.addRow(lower, upper, len(ids), ids, values), "add a row")
        self.n_rows += 1

    def drop_rows(self, ids: Ints) -> None:
        """Remove rows."""
        self._ok(self._highs.deleteRows(len(ids), ids), "remove rows")
        self.n_rows -= len(ids)

    # --- basis ------------------------------------------------------------------------------------------------
    def basis(self) -> Basis:
        """The basis of the last solve."""
        return Basis(self._highs.getBasis())

    def set_basis(self, basis: Basis) -> None:
        """Start the next solve from `basis`."""
        self._ok(self._highs.setBasis(basis.raw), "start from a basis")

    def assemble_basis(self, columns: Sequence[Any], rows: Sequence[Any]) -> Basis:
        """A basis from statuses; None stands for a new column (at a bound) or a new row (basic)."""
        kinds = _highspy().HighsBasisStatus
        raw = _highspy().HighsBasis()
        raw.col_status = [kinds.kNonbasic if status is None else status for status in columns]
        raw.row_status = [kinds.kBasic if status is None else status for status in rows]
        # The solver may mend it: rows may have gone since the statuses were read.
        raw.valid = raw.alien = True
        return Basis(raw)

    # --- solving ----------------------------------------------------------------------------------------------
    def forget(self) -> None:
        """Drop basis and solution, so that the next run is presolved from scratch."""
        self._ok(self._highs.clearSolver(), "clear the last solve")

    def run(self, primal: bool = False) -> Outcome | str:
        """Solve. Returns the optimal outcome, or one of "infeasible", "unbounded", or the solver's own word."""
        disturbance = 0.0 if self.steady and self._highs.getBasis().valid else 1.0
        self._ok(self._highs.setOptionValue(DISTURBANCE, disturbance), "choose how far costs are disturbed")
        self._ok(
            self._highs.setOptionValue("simplex_strategy", PRIMAL_SIMPLEX if primal else DUAL_SIMPLEX),
            "choose the simplex",
        )
        status = self._run()
        states = _highspy().HighsModelStatus
        if status == states.kUnboundedOrInfeasible:
            self._ok(self._highs.setOptionValue("presolve", "off"), "set the option presolve")
            status = self._run()
        if status == states.kUnknown:
            # The simplex lost its way from the old basis; once more from nothing, then by the interior point.
            self.forget()
            status = self._run()
            if status == states.kUnknown:
                self._ok(self._highs.setOptionValue("solver", "ipm"), "choose the interior point")
                self.forget()
                status = self._run()
                self._ok(self._highs.setOptionValue("solver", "simplex"), "choose the simplex")
        if status in (states.kOptimal, states.kModelEmpty):
            return Outcome(float(self._highs.getInfo().objective_function_value), self._highs.getSolution())
        if status == states.kInfeasible:
            return "infeasible"
        if status == states.kUnbounded:
            return "unbounded"
        return str(self._highs.modelStatusToString(status))

    def _run(self) -> Any:
        status = self._highs.run()
        if status == _highspy().HighsStatus.kError:
            # Another user of HiGHS in this process has started its scheduler with another number of threads.
            with _scheduler:
                _highspy().Highs.resetGlobalScheduler(True)
            status = self._highs.run()
        self._ok(status, "solve", warning_is_fault=False)
        return self._highs.getModelStatus()

    def conflict(self) -> tuple[list[int], list[int]]:
        """Columns and rows of an irreducible set of limits that cannot hold together (after "infeasible")."""
        self._ok(self._highs.setOptionValue("iis_strategy", CONFLICT_STRATEGY), "set the option iis_strategy")
        self._ok(self._highs.setOptionValue("iis_time_limit", CONFLICT_SECONDS), "set the option iis_time_limit")
        status, found = self._highs.getIis()
        if status == _highspy().HighsStatus.kError:
            return [], []
        return [int(i) for i in found.col_index_], [int(i) for i in found.row_index_]

    def ray(self) -> list[int]:
        """Columns that grow without end (after "unbounded"), the fastest first."""
        _, exists, direction = self._highs.getPrimalRay()
        if not exists:
            return []
        size = np.abs(np.asarray(direction, dtype=np.float64))
        return [int(i) for i in np.argsort(-size, kind="stable") if size[i] > 1e-9]

    def _ok(self, status: Any, what: str, warning_is_fault: bool = True) -> None:
        states = _highspy().HighsStatus
        if status == states.kError or (warning_is_fault and status == states.kWarning):
            raise ProgramError(f"{self.name}: the solver refused to {what} ({status.name}).")
