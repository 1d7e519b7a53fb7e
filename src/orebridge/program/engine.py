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
from orebridge.stopping import stop_if_interrupted

OPTIONS: tuple[tuple[str, Any], ...] = (
    ("output_flag", False),
    ("solver", "simplex"),
    ("threads", 1),
    ("random_seed", 0),
)
# Presolve pays where there is something to remove: real chains, a fifth of whose columns are fixed, solve four times
# faster; the benchmark world, where none is, a third slower. A warm start skips it anyway.
PRESOLVE_SHARE = 0.05
CONFLICT_SECONDS = 20.0
# HiGHS: 2 = take the whole program, not a ray, 4 = shrink the conflict until nothing can be left out.
CONFLICT_STRATEGY = 6
DUAL_SIMPLEX, PRIMAL_SIMPLEX = 1, 4
# Steepest edge is best from scratch. From a kept basis its weights must be computed first, row by row, and that takes
# longer than the few steps to a neighbouring optimum: devex does without, up to so many steps, or one for so many rows
# (from scratch a program takes about 1.6 steps per row). Where presolve pays, scratch is quick and few steps are tried.
STEEPEST, DEVEX = 2, 1
DEVEX_STEPS, ROWS_PER_STEP = 1_000, 4
NO_LIMIT = 2**31 - 1
# The interior point takes some tens of steps. Where the optimum is exactly zero it was seen to go on for thousands.
INTERIOR_STEPS = 200
# Steps from an old basis that is probably optimal still, before it is given up: a tenth of what scratch takes.
NEAR_STEPS = 500
# A rescue may take so many iterations per row and column; one that takes more has lost its way too.
RESCUE_ITERATIONS = 30
_UNPERTURBED = {
    "dual_simplex_cost_perturbation_multiplier": 0.0,
    "primal_simplex_bound_perturbation_multiplier": 0.0,
}
# What is tried in turn where the simplex stops without a verdict: (where to start, options that differ). Perturbed
# costs are what most often leads it astray on cuts with a tiny slack; a plan that is feasible to begin with helps next.
RESCUES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("scratch", {}),
    ("last", {**_UNPERTURBED}),
    ("last", {**_UNPERTURBED, "simplex_strategy": PRIMAL_SIMPLEX}),
    ("feasible", {**_UNPERTURBED, "simplex_strategy": PRIMAL_SIMPLEX}),
    ("scratch", {"presolve": "off"}),
    ("scratch", {"presolve": "off", "simplex_strategy": PRIMAL_SIMPLEX}),
    ("scratch", {"solver": "ipm", "run_crossover": "on"}),
)
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
        self._now: dict[str, Any] = {}
        for option, value in OPTIONS:
            self._set(option, value)
        self._presolved = _removable(arrays) > PRESOLVE_SHARE
        self._set("presolve", "on" if self._presolved else "off")
        self._weights, self._blank = STEEPEST, True
        self._set("simplex_dual_edge_weight_strategy", STEEPEST)
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
    def basis(self) -> Basis | None:
        """The basis of the last solve; where rows have gone since, one for the solver to mend. None if there is none."""
        if self._blank:
            return None
        raw = self._highs.getBasis()
        if not raw.valid:
            raw.valid = raw.alien = True
        return Basis(raw)

    def set_basis(self, basis: Basis | None) -> bool:
        """Start the next solve from `basis`; from nothing, and False, if the solver cannot use it."""
        # A basis only says where to start: without it the answer is the same and comes later.
        if basis is not None and self._highs.setBasis(basis.raw) != _highspy().HighsStatus.kError:
            self._blank = False
            return True
        self.forget()
        return False

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
        self._blank = True

    def run(self, primal: bool = False, interior: bool = False) -> Outcome | str:
        """Solve, from the last basis if there is one; `interior`: from scratch by the interior point.

        Returns the optimal outcome, or one of "infeasible", "unbounded", or the solver's own word. A run without a
        verdict is tried again in other ways (`RESCUES`); "infeasible" is believed only if no plan at all is found when
        costs do not count.
        """
        if self._weights != STEEPEST:
            self._weigh(STEEPEST, self.basis())
        self._set("simplex_strategy", PRIMAL_SIMPLEX if primal else DUAL_SIMPLEX)
        self._set(DISTURBANCE, 0.0 if self.steady and not self._blank else 1.0)
        if interior:
            self.forget()
            with self._options(solver="ipm", presolve="on", ipm_iteration_limit=INTERIOR_STEPS):
                status = self._run()
            if status == _highspy().HighsModelStatus.kOptimal:
                return self._verdict(status)
            self.forget()  # let the simplex have the last word
        return self._verdict(self._run())

    def run_near(self) -> Outcome | str:
        """Solve where the last plan is feasible and probably optimal still: a few steps from it, else from scratch."""
        if self._weights == STEEPEST and not self._blank:
            with self._options(simplex_strategy=PRIMAL_SIMPLEX, simplex_iteration_limit=NEAR_STEPS):
                status = self._run()
            if status == _highspy().HighsModelStatus.kOptimal:
                return self._verdict(status)
        self.forget()
        return self.run()

    def run_from(self, basis: Basis, interior: bool = False) -> Outcome | str:
        """Solve from a kept basis that should be near the optimum; returns the same as `run`.

        Where it is not near after all: from scratch, with `interior` by the interior point.

        The answer depends on the basis and the program alone, not on what was solved before, also where the optimum is
        degenerate: a sweep gives the same flows in any order and for any number of workers.
        """
        self._weigh(DEVEX, basis)
        self._set("simplex_strategy", DUAL_SIMPLEX)
        self._set(DISTURBANCE, 0.0 if self.steady else 1.0)
        status = self._run()
        if status == _highspy().HighsModelStatus.kIterationLimit:
            # Not near after all. From there steepest edge was seen to take 240,000 steps where 7,000 from scratch do.
            self._weigh(STEEPEST, None)
            if interior:
                return self.run(interior=True)
            with self._options(presolve="on", **{DISTURBANCE: 1.0}):
                status = self._run()
        return self._verdict(status)

    def _weigh(self, weights: int, basis: Basis | None) -> None:
        """Take the program in hand anew: choose how rows are weighed and where to start.

        Without `forget` the solver would not look at the option, and would go on in its row of random numbers.
        """
        self.forget()
        self._set("simplex_dual_edge_weight_strategy", weights)
        few = NEAR_STEPS if self._presolved else max(DEVEX_STEPS, self.n_rows // ROWS_PER_STEP)
        self._set("simplex_iteration_limit", few if weights == DEVEX else NO_LIMIT)
        self._weights = weights
        if basis is not None:
            self.set_basis(basis)

    def _verdict(self, status: Any) -> Outcome | str:
        states = _highspy().HighsModelStatus
        if status not in (states.kOptimal, states.kModelEmpty):
            status = self._doubt(status)
        if status in (states.kOptimal, states.kModelEmpty):
            return Outcome(float(self._highs.getInfo().objective_function_value), self._highs.getSolution())
        if status == states.kInfeasible:
            return "infeasible"
        if status == states.kUnbounded:
            return "unbounded"
        return str(self._highs.modelStatusToString(status))

    def _doubt(self, status: Any) -> Any:
        """Check a verdict other than optimal, and look for one where there is none."""
        states = _highspy().HighsModelStatus
        if self._weights != STEEPEST:
            self._weigh(STEEPEST, self.basis())
        if status == states.kUnboundedOrInfeasible:
            with self._options(presolve="off"):
                status = self._run()
        if status in (states.kOptimal, states.kUnbounded) or (status == states.kInfeasible and self._no_plan()):
            return status
        return self._rescue()

    def _rescue(self) -> Any:
        """Try in other ways until one proves an optimum; the last status if none does."""
        states = _highspy().HighsModelStatus
        status = states.kUnknown
        common = {
            "presolve": "on",
            "simplex_strategy": DUAL_SIMPLEX,
            "simplex_iteration_limit": RESCUE_ITERATIONS * (self.n_rows + self.n_cols) + 10_000,
        }
        self._weights = 0  # the next run takes the program in hand anew
        for start, options in RESCUES:
            if start == "feasible" and self._no_plan():
                return states.kInfeasible
            basis = None if start == "scratch" else self.basis()
            self.forget()
            with self._options(**{**common, **options}):
                if basis is not None:
                    self.set_basis(basis)
                status = self._run()
            if status in (states.kOptimal, states.kUnbounded):
                return status
        return status if status != states.kInfeasible else states.kUnknown

    def _no_plan(self) -> bool:
        """Whether the limits cannot hold together, by a solve without costs; else it ends at a plan to start from."""
        states = _highspy().HighsModelStatus
        every, cost = np.arange(self.n_cols, dtype=np.int32), np.array(self._highs.getLp().col_cost_, dtype=np.float64)
        self.change_cost(every, np.zeros(self.n_cols))
        self.forget()
        with self._options(simplex_strategy=DUAL_SIMPLEX):
            status = self._run()
        self.change_cost(every, cost)
        return bool(status == states.kInfeasible)

    def _run(self) -> Any:
        stop_if_interrupted()
        self._blank = False
        status = self._highs.run()
        if status == _highspy().HighsStatus.kError:
            # Another user of HiGHS in this process has started its scheduler with another number of threads.
            with _scheduler:
                _highspy().Highs.resetGlobalScheduler(True)
            status = self._highs.run()
        self._ok(status, "solve", warning_is_fault=False)
        return self._highs.getModelStatus()

    @contextmanager
    def _options(self, **options: Any) -> Iterator[None]:
        """Set options for a while."""
        before = {option: self._highs.getOptionValue(option)[1] for option in options}
        for option, value in options.items():
            self._set(option, value)
        try:
            yield
        finally:
            for option, value in before.items():
                self._set(option, value)

    def _set(self, option: str, value: Any) -> None:
        if self._now.get(option) != value:
            self._ok(self._highs.setOptionValue(option, value), f"set the option {option}")
            self._now[option] = value

    def conflict(self) -> tuple[list[int], list[int]]:
        """Columns and rows of an irreducible set of limits that cannot hold together (after "infeasible")."""
        self._set("iis_strategy", CONFLICT_STRATEGY)
        self._set("iis_time_limit", CONFLICT_SECONDS)
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


def _removable(arrays: Arrays) -> float:
    """Share of columns that presolve removes at once: fixed ones and such as are in no row."""
    idle = (arrays.lower == arrays.upper) | (arrays.start[1:] == arrays.start[:-1])
    return float(idle.mean()) if idle.size else 0.0
