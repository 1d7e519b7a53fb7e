"""A labelled linear program over arrays: the only module that imports the solver.

Columns and rows come in named families with labelled axes. Inside there are only integer ids and arrays, handed to
HiGHS at once; labels serve reporting, look-up and error messages. A solved program stays in the solver: bounds,
right-hand sides and the objective change in place and the next solve starts warm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from orebridge.errors import NotOptimal, ProgramError, UnknownLabel

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
COEFFICIENT_RANGE = (1e-7, 1e7)


@dataclass(frozen=True)
class Family:
    """A block of columns or rows: `ids` has one axis per entry of `axes`."""

    name: str
    axes: Mapping[str, npt.NDArray[Any]]
    ids: Ints

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.ids.shape

    def position(self, axis: str, label: object) -> int:
        """Position of a label on an axis; raises UnknownLabel."""
        if axis not in self.axes:
            raise UnknownLabel(f"{self.name} has no axis {axis!r}; it has {', '.join(self.axes)}.")
        found = np.flatnonzero(self.axes[axis] == label)
        if len(found) != 1:
            raise UnknownLabel(f"{self.name}: {label!r} is not on axis {axis!r}.")
        return int(found[0])

    def label(self, flat: int) -> str:
        """`name[label, ...]` of the flat position `flat`."""
        where = np.unravel_index(flat, self.ids.shape)
        return f"{self.name}[{', '.join(str(ax[i]) for ax, i in zip(self.axes.values(), where, strict=True))}]"


@dataclass(frozen=True)
class Solution:
    """An optimal solution. Exists only if the solver proved optimality."""

    objective: float
    column_values: Floats
    row_duals: Floats
    reduced_costs: Floats

    def values(self, family: Family) -> Floats:
        """Values of a column family, shaped like its axes."""
        return self.column_values[family.ids]

    def duals(self, family: Family) -> Floats:
        """Duals of a row family: change of the (minimised) objective per unit of right-hand side."""
        return self.row_duals[family.ids]

    def frame(self, family: Family) -> pd.DataFrame:
        """Values of a column family as a long frame with its axes and `value`."""
        import pandas as pd

        grid = np.meshgrid(*[np.arange(n) for n in family.shape], indexing="ij")
        data = {axis: labels[g.ravel()] for (axis, labels), g in zip(family.axes.items(), grid, strict=True)}
        return pd.DataFrame({**data, "value": self.values(family).ravel()})


class Program:
    """A linear program to be minimised.

    Example
    -------
    >>> p = Program("example")
    >>> x = p.columns("make", {"plant": ["a", "b"]}, lower=0.0, upper=[4.0, 9.0], cost=[1.0, 2.0])
    >>> need = p.rows("need", {"product": ["magnet"]}, lower=6.0)
    >>> p.terms(need.ids[0], x.ids, 1.0)
    >>> p.solve().values(x).tolist()
    [4.0, 2.0]
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.column_families: dict[str, Family] = {}
        self.row_families: dict[str, Family] = {}
        self._n_cols = self._n_rows = 0
        self._lower: list[Floats] = []
        self._upper: list[Floats] = []
        self._cost: list[Floats] = []
        self._row_lower: list[Floats] = []
        self._row_upper: list[Floats] = []
        self._entries: list[tuple[Ints, Ints, Floats]] = []
        self._solver: Any = None
        self._arrays: dict[str, Floats] = {}
        self._base: Any = None

    # --- building -------------------------------------------------------------------------------------------------
    def columns(
        self,
        name: str,
        axes: Mapping[str, Sequence[Any] | npt.NDArray[Any]],
        lower: npt.ArrayLike = 0.0,
        upper: npt.ArrayLike = np.inf,
        cost: npt.ArrayLike = 0.0,
    ) -> Family:
        """Add a family of columns; `lower`, `upper`, `cost` broadcast over the axes."""
        self._not_solved("columns")
        family = self._family(name, axes, self._n_cols, self.column_families)
        low, high = self._spread(family, "lower", lower), self._spread(family, "upper", upper)
        self._check_bounds(family, low, high)
        price = self._spread(family, "cost", cost)
        if not np.isfinite(price).all():
            raise ProgramError(
                f"{self.name}: cost of {name} is not finite at {self._first(family, ~np.isfinite(price))}."
            )
        self._lower.append(low)
        self._upper.append(high)
        self._cost.append(price)
        self._n_cols += family.ids.size
        return family

    def rows(
        self,
        name: str,
        axes: Mapping[str, Sequence[Any] | npt.NDArray[Any]],
        lower: npt.ArrayLike = -np.inf,
        upper: npt.ArrayLike = np.inf,
    ) -> Family:
        """Add a family of rows `lower <= sum of terms <= upper`."""
        self._not_solved("rows")
        family = self._family(name, axes, self._n_rows, self.row_families)
        low, high = self._spread(family, "lower", lower), self._spread(family, "upper", upper)
        self._check_bounds(family, low, high)
        self._row_lower.append(low)
        self._row_upper.append(high)
        self._n_rows += family.ids.size
        return family

    def terms(self, rows: npt.ArrayLike, columns: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Add coefficients; the three arrays broadcast against each other, duplicates are summed."""
        self._not_solved("terms")
        r, c, v = np.broadcast_arrays(
            np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64), np.asarray(values, dtype=np.float64)
        )
        r, c, v = r.ravel(), c.ravel(), v.ravel()
        if r.size == 0:
            return
        if r.min() < 0 or r.max() >= self._n_rows or c.min() < 0 or c.max() >= self._n_cols:
            raise ProgramError(f"{self.name}: terms name a row or column that does not exist.")
        if not np.isfinite(v).all():
            at = int(np.flatnonzero(~np.isfinite(v))[0])
            raise ProgramError(
                f"{self.name}: coefficient {v[at]} at row {self.row_label(int(r[at]))}, column "
                f"{self.column_label(int(c[at]))}; a figure behind it is missing."
            )
        self._entries.append((r, c, v))

    @cached_property
    def matrix(self) -> sparse.csc_array:
        """Coefficients as a sparse matrix (rows x columns), duplicates summed, zeros dropped."""
        if self._entries:
            r, c, v = (np.concatenate(part) for part in zip(*self._entries, strict=True))
        else:
            r, c, v = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        matrix = sparse.csc_array((v, (r.astype(np.int32), c.astype(np.int32))), shape=(self._n_rows, self._n_cols))
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        size = np.abs(matrix.data)
        if size.size and (size.min() < COEFFICIENT_RANGE[0] or size.max() > COEFFICIENT_RANGE[1]):
            at = int(np.argmax((size < COEFFICIENT_RANGE[0]) | (size > COEFFICIENT_RANGE[1])))
            column = int(np.searchsorted(matrix.indptr, at, side="right") - 1)
            raise ProgramError(
                f"{self.name}: coefficient {matrix.data[at]:g} at {self.row_label(int(matrix.indices[at]))}, column "
                f"{self.column_label(column)} is outside {COEFFICIENT_RANGE}; check the unit of the figure behind it."
            )
        return matrix

    def columns_lower(self, family: Family) -> Floats:
        """Lower bounds in force, shaped like the family."""
        return self._now("lower")[family.ids]

    def columns_upper(self, family: Family) -> Floats:
        """Upper bounds in force, shaped like the family."""
        return self._now("upper")[family.ids]

    # --- changing in place ----------------------------------------------------------------------------------------
    def minimise(self, costs: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]]) -> None:
        """Replace the objective by the sum of (column ids, costs); every other column costs nothing."""
        cost = np.zeros(self._n_cols)
        for ids, values in costs:
            i, v = np.broadcast_arrays(np.asarray(ids, dtype=np.int64), np.asarray(values, dtype=np.float64))
            np.add.at(cost, i.ravel(), v.ravel())
        if not np.isfinite(cost).all():
            raise ProgramError(
                f"{self.name}: cost of {self.column_label(int(np.argmin(np.isfinite(cost))))} is not finite."
            )
        self._set("cost", np.arange(self._n_cols), cost)

    def set_bounds(
        self, ids: npt.ArrayLike, lower: npt.ArrayLike | None = None, upper: npt.ArrayLike | None = None
    ) -> None:
        """Change column bounds in place; the next solve starts from the last basis."""
        self._set_pair(ids, lower, upper, "lower", "upper", self.column_label)

    def set_rhs(
        self, ids: npt.ArrayLike, lower: npt.ArrayLike | None = None, upper: npt.ArrayLike | None = None
    ) -> None:
        """Change row limits in place."""
        self._set_pair(ids, lower, upper, "row_lower", "row_upper", self.row_label)

    @contextmanager
    def changed(self) -> Iterator[Program]:
        """Changes made inside are undone at the end: bounds, right-hand sides, objective."""
        kept = {key: self._now(key).copy() for key in ("lower", "upper", "cost", "row_lower", "row_upper")}
        try:
            yield self
        finally:
            for key, old in kept.items():
                if key.startswith("row") and len(self._now(key)) != len(old):
                    raise ProgramError(f"{self.name}: rows were added inside changed(); add them before.")
                different = np.flatnonzero(self._now(key) != old)
                if different.size:
                    self._set(key, different, old[different])

    def add_row(
        self, name: str, ids: npt.ArrayLike, values: npt.ArrayLike, lower: float = -np.inf, upper: float = np.inf
    ) -> Family:
        """Add one row, also after a solve (the solver stays warm)."""
        i, v = np.broadcast_arrays(np.asarray(ids, dtype=np.int64), np.asarray(values, dtype=np.float64))
        if self._solver is None:
            family = self.rows(name, {"row": [name]}, lower, upper)
            self.terms(family.ids[0], i, v)
            return family
        if not np.isfinite(v).all() or np.isnan(lower) or np.isnan(upper) or lower > upper:
            raise ProgramError(f"{self.name}: row {name} has a missing figure or limits that cross.")
        total = np.zeros(self._n_cols)
        np.add.at(total, i.ravel(), v.ravel())
        where = np.flatnonzero(total)
        family = self._family(name, {"row": [name]}, self._n_rows, self.row_families)
        self._ok(self._solver.addRow(lower, upper, len(where), where.astype(np.int32), total[where]), f"add row {name}")
        self._n_rows += 1
        self._arrays["row_lower"] = np.append(self._arrays["row_lower"], lower)
        self._arrays["row_upper"] = np.append(self._arrays["row_upper"], upper)
        self._base = None
        return family

    # --- solving --------------------------------------------------------------------------------------------------
    def solve(self, from_base: bool = False) -> Solution:
        """Solve, warm if solved before. `from_base` restarts from the basis kept by `keep_base`.

        Raises NotOptimal: infeasible (with the limits that conflict), unbounded, or the solver's own word.
        """
        solver = self._open()
        if from_base and self._base is not None:
            self._ok(solver.setBasis(self._base), "set basis")
        self._ok(solver.run(), "solve")
        status = solver.getModelStatus()
        if status != self._highs().HighsModelStatus.kOptimal:
            self._explain(status)
        raw = solver.getSolution()
        info = solver.getInfo()
        return Solution(
            float(info.objective_function_value),
            np.asarray(raw.col_value, dtype=np.float64),
            np.asarray(raw.row_dual, dtype=np.float64),
            np.asarray(raw.col_dual, dtype=np.float64),
        )

    def keep_base(self) -> None:
        """Keep the basis of the last solve, for `solve(from_base=True)`."""
        self._base = self._open().getBasis()

    def to_lp(self) -> str:
        """The program as text with labels, for golden tests and for reading."""
        matrix = self.matrix.tocsr()
        names = [self.column_label(i) for i in range(self._n_cols)]
        lines = ["minimise"]
        cost = self._now("cost")
        lines += [f"  {cost[i]:+.10g} {names[i]}" for i in np.flatnonzero(cost)]
        lines.append("subject to")
        low, high = self._now("row_lower"), self._now("row_upper")
        for row in range(matrix.shape[0]):
            span = slice(matrix.indptr[row], matrix.indptr[row + 1])
            order = np.argsort(matrix.indices[span])
            terms = " ".join(
                f"{value:+.10g} {names[column]}"
                for column, value in zip(matrix.indices[span][order], matrix.data[span][order], strict=True)
            )
            lines.append(f"  {self.row_label(row)}: {_limits(low[row], high[row], terms or '0')}")
        lines.append("bounds")
        low, high = self._now("lower"), self._now("upper")
        lines += [f"  {_limits(low[i], high[i], names[i])}" for i in range(self._n_cols)]
        return "\n".join(lines) + "\n"

    def column_label(self, column: int) -> str:
        """Label of a column id."""
        return _label(self.column_families, column)

    def row_label(self, row: int) -> str:
        """Label of a row id."""
        return _label(self.row_families, row)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._n_rows, self._n_cols

    # --- inside ---------------------------------------------------------------------------------------------------
    @staticmethod
    def _highs() -> Any:
        import highspy

        return highspy

    def _open(self) -> Any:
        if self._solver is not None:
            return self._solver
        highspy = self._highs()
        matrix = self.matrix
        for key in ("lower", "upper", "cost", "row_lower", "row_upper"):
            self._now(key)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self._n_cols, self._n_rows
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = (self._arrays[key] for key in ("cost", "lower", "upper"))
        lp.row_lower_, lp.row_upper_ = self._arrays["row_lower"], self._arrays["row_upper"]
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = matrix.indptr.astype(np.int32)
        lp.a_matrix_.index_ = matrix.indices.astype(np.int32)
        lp.a_matrix_.value_ = matrix.data
        solver = highspy.Highs()
        for option, value in (("output_flag", False), ("solver", "simplex"), ("threads", 1), ("random_seed", 0)):
            self._ok(solver.setOptionValue(option, value), f"set {option}")
        self._ok(solver.passModel(lp), "hand over the model")
        self._solver = solver
        self._entries.clear()
        return solver

    def _now(self, key: str) -> Floats:
        if key not in self._arrays or self._solver is None:
            parts = getattr(self, f"_{key}")
            self._arrays[key] = np.concatenate(parts) if parts else np.zeros(0)
            setattr(self, f"_{key}", [self._arrays[key]])
        return self._arrays[key]

    def _set(self, key: str, ids: npt.NDArray[Any], values: Floats) -> None:
        array = self._now(key)
        array[ids] = values
        if self._solver is None:
            return
        index = np.asarray(ids, dtype=np.int32)
        if key == "cost":
            status = self._solver.changeColsCost(len(index), index, array[index])
        elif key.startswith("row"):
            status = self._solver.changeRowsBounds(
                len(index), index, self._arrays["row_lower"][index], self._arrays["row_upper"][index]
            )
        else:
            status = self._solver.changeColsBounds(
                len(index), index, self._arrays["lower"][index], self._arrays["upper"][index]
            )
        self._ok(status, f"change {key}")

    def _set_pair(
        self,
        ids: npt.ArrayLike,
        lower: npt.ArrayLike | None,
        upper: npt.ArrayLike | None,
        low: str,
        high: str,
        label: Any,
    ) -> None:
        index = np.asarray(ids, dtype=np.int64)
        shape, index = index.shape, index.ravel()
        if index.size == 0:
            return
        new_low, new_high = self._now(low)[index], self._now(high)[index]
        if lower is not None:
            new_low = np.broadcast_to(np.asarray(lower, dtype=np.float64), shape).ravel()
        if upper is not None:
            new_high = np.broadcast_to(np.asarray(upper, dtype=np.float64), shape).ravel()
        bad = np.flatnonzero(~(new_low <= new_high))
        if bad.size:
            at = int(bad[0])
            raise ProgramError(
                f"{self.name}: limits of {label(int(index[at]))} cross or are missing: {new_low[at]} to {new_high[at]}."
            )
        self._now(low)[index] = new_low
        self._set(high, index, new_high)

    def _family(
        self, name: str, axes: Mapping[str, Sequence[Any] | npt.NDArray[Any]], first: int, known: dict[str, Family]
    ) -> Family:
        if name in known:
            raise ProgramError(f"{self.name}: the family {name!r} exists already.")
        arrays = {axis: np.asarray(labels) for axis, labels in axes.items()}
        for axis, labels in arrays.items():
            if labels.ndim != 1 or len(set(labels.tolist())) != len(labels):
                raise ProgramError(f"{self.name}: axis {axis!r} of {name!r} must be a list of distinct labels.")
        shape = tuple(len(labels) for labels in arrays.values())
        size = int(np.prod(shape))
        family = Family(name, arrays, np.arange(first, first + size, dtype=np.int64).reshape(shape))
        known[name] = family
        return family

    def _spread(self, family: Family, what: str, value: npt.ArrayLike) -> Floats:
        array = np.asarray(value, dtype=np.float64)
        try:
            return np.broadcast_to(array, family.shape).ravel().copy()
        except ValueError as error:
            raise ProgramError(
                f"{self.name}: {what} of {family.name} has shape {array.shape}, its axes {family.shape}."
            ) from error

    def _check_bounds(self, family: Family, low: Floats, high: Floats) -> None:
        bad = ~(low <= high)
        if bad.any():
            at = self._first(family, bad)
            value = int(np.argmax(bad))
            raise ProgramError(f"{self.name}: limits of {at} cross or are missing: {low[value]} to {high[value]}.")

    @staticmethod
    def _first(family: Family, bad: npt.NDArray[np.bool_]) -> str:
        return family.label(int(np.argmax(bad)))

    def _not_solved(self, what: str) -> None:
        if self._solver is not None:
            raise ProgramError(f"{self.name}: {what} cannot be added after a solve; use add_row or build anew.")

    def _ok(self, status: Any, what: str) -> None:
        if status == self._highs().HighsStatus.kError:
            raise ProgramError(f"{self.name}: the solver refused to {what}.")

    def _explain(self, status: Any) -> None:
        statuses = self._highs().HighsModelStatus
        word = self._solver.modelStatusToString(status)
        if status in (statuses.kInfeasible, statuses.kUnboundedOrInfeasible):
            conflict = self._conflict()
            raise NotOptimal(
                f"{self.name}: no plan satisfies all limits (solver: {word}). These conflict:\n  "
                + "\n  ".join(conflict)
                + "\nLoosen one of them, or check the figures behind them."
            )
        raise NotOptimal(f"{self.name}: the solver stopped without an optimum ({word}).")

    def _conflict(self, most: int = 12) -> list[str]:
        """Rows and bounds of an irreducible conflict, by label."""
        _, iis = self._solver.getIis()
        names = [self.row_label(int(row)) for row in iis.row_index_] + [
            self.column_label(int(c)) for c in iis.col_index_
        ]
        if len(names) > most:
            names = [*names[:most], f"... and {len(names) - most} more"]
        return names or ["(the solver named none)"]


def _label(families: Mapping[str, Family], position: int) -> str:
    for family in families.values():
        if family.ids.size and family.ids.flat[0] <= position <= family.ids.flat[-1]:
            return family.label(position - int(family.ids.flat[0]))
    return f"#{position}"


def _limits(low: float, high: float, body: str) -> str:
    if low == high:
        return f"{body} = {low:.10g}"
    left = f"{low:.10g} <= " if np.isfinite(low) else ""
    right = f" <= {high:.10g}" if np.isfinite(high) else ""
    return f"{left}{body}{right}" if left or right else f"{body} free"
