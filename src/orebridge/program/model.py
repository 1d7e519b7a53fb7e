"""Program: a labelled linear program, assembled from arrays, changed in place and re-solved warm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from orebridge.errors import ProgramError, UnknownLabel
from orebridge.program.components import components
from orebridge.program.data import Data
from orebridge.program.families import Axes, Family, Floats, Ints, bad_limits, make_family, spread
from orebridge.program.parts import Parts
from orebridge.program.solution import Solution

if TYPE_CHECKING:
    from scipy import sparse

Ids = npt.ArrayLike | Family
# Costs below the solver's dual tolerance (1e-7) do not steer it; an objective made of such costs is answered at random.
SMALLEST_COST = 1e-6
# Added rows beyond this are scaled by a power of two inside the solver.
ROW_SIZE = (1e-3, 1e3)
BASE = "base"


@dataclass
class _Scope:
    """What `changed()` must undo."""

    n_rows: int
    figures: list[tuple[str, Ints, Floats]] = field(default_factory=list)
    memories: list[Any] = field(default_factory=list)


class Program:
    """A linear program to be minimised.

    Connected components are solved apart (`apart=False`: as one). After a first solve the program stays in the solver;
    changes go there in place and the next solve starts from the last basis, or from a kept one.

    Missing figures (NaN), wrong shapes, unknown ids, limits that cross and coefficients that betray a wrong unit raise
    ProgramError at once. Integer columns are not covered.

    Example
    -------
    >>> p = Program("example")
    >>> x = p.columns("make", {"plant": ["a", "b"]}, lower=0.0, upper=[4.0, 9.0], cost=[1.0, 2.0])
    >>> need = p.rows("need", {"product": ["magnet"]}, lower=6.0)
    >>> p.terms(need.ids[0], x.ids, 1.0)
    >>> p.solve().values(x).tolist()
    [4.0, 2.0]
    """

    def __init__(self, name: str, *, apart: bool = True) -> None:
        self.name = name
        self._data = Data(name)
        self._parts = Parts(self._data, apart)
        self._scopes: list[_Scope] = []
        self._bases: set[str] = set()

    # --- building ---------------------------------------------------------------------------------------------
    def columns(
        self,
        name: str,
        axes: Axes,
        lower: npt.ArrayLike = 0.0,
        upper: npt.ArrayLike = np.inf,
        cost: npt.ArrayLike = 0.0,
    ) -> Family:
        """Add a family of columns; `lower`, `upper`, `cost` broadcast over the axes."""
        if self._scopes:
            raise ProgramError(f"{self.name}: add the columns {name!r} before changed(), not inside it.")
        data = self._data
        family = make_family(self.name, name, axes, data.n_cols, data.column_families, "columns")
        try:
            low, high = self._limits(family, lower, upper)
            price = spread(self.name, family, "cost", cost)
            if not np.isfinite(price).all():
                raise ProgramError(
                    f"{self.name}: the cost of {family.label(int(np.argmin(np.isfinite(price))))} is missing or infinite."
                )
        except ProgramError:
            del data.column_families[name]
            raise
        for key, values in (("lower", low), ("upper", high), ("cost", price)):
            data.append(key, values)
        data.n_cols += family.ids.size
        self._parts.restructure()
        return family

    def rows(self, name: str, axes: Axes, lower: npt.ArrayLike = -np.inf, upper: npt.ArrayLike = np.inf) -> Family:
        """Add a family of rows `lower <= sum of terms <= upper`; limits broadcast over the axes."""
        data = self._data
        family = make_family(self.name, name, axes, data.n_rows, data.row_families, "rows")
        try:
            low, high = self._limits(family, lower, upper)
        except ProgramError:
            del data.row_families[name]
            raise
        data.append("row_lower", low)
        data.append("row_upper", high)
        data.n_rows += family.ids.size
        self._parts.restructure()
        return family

    def terms(self, rows: Ids, columns: Ids, values: npt.ArrayLike) -> None:
        """Add coefficients; the three arrays broadcast against each other, duplicates are summed."""
        data = self._data
        row, column = self._ids("rows", rows, "terms"), self._ids("columns", columns, "terms")
        value = np.asarray(values, dtype=np.float64)
        try:
            r, c, v = np.broadcast_arrays(row, column, value)
        except ValueError as error:
            raise ProgramError(
                f"{self.name}: shapes of terms do not fit: rows {row.shape}, columns {column.shape}, values {value.shape}."
            ) from error
        data.check_coefficients(row, column, value)
        if self._scopes and row.size and int(row.min()) < self._scopes[-1].n_rows:
            raise ProgramError(f"{self.name}: inside changed() terms may only go into rows added there.")
        if r.size:
            data.add_entries(r.ravel(), c.ravel(), v.ravel())
            self._parts.restructure()

    def add_row(
        self, name: str, columns: Ids, values: npt.ArrayLike, lower: float = -np.inf, upper: float = np.inf
    ) -> Family:
        """Add one row, also after a solve, which stays warm; inside `changed()` it goes again at the end.

        The row is scaled by a power of two inside the solver where its figures are large or small (money beside
        tonnes); duals and limits are given and read unscaled.
        """
        column = self._ids("columns", columns, f"row {name}")
        ids, value = np.broadcast_arrays(column, np.asarray(values, dtype=np.float64))
        unique, where = np.unique(ids.ravel(), return_inverse=True)
        total = np.bincount(where, weights=value.ravel(), minlength=len(unique))
        if not np.isfinite(total).all():
            wrong = self.column_label(int(unique[int(np.argmin(np.isfinite(total)))]))
            raise ProgramError(f"{self.name}: the coefficient of {wrong} in row {name} is missing or infinite.")
        keep = np.abs(total) > np.abs(total).max(initial=0.0) * 1e-14
        unique, total = unique[keep], total[keep]
        data, live = self._data, self._parts.live
        row = data.n_rows
        family = make_family(self.name, name, {"row": [name]}, row, data.row_families, "rows")
        low, high = self._limits(family, lower, upper)
        data.append("row_lower", low)
        data.append("row_upper", high)
        data.n_rows += 1
        data.add_entries(np.full(len(unique), row, np.int32), unique, total)
        scale = self._scale(total)
        if scale != 1.0:
            data.row_scale[row] = scale
        if not live:
            self._parts.restructure()
            return family
        memory = self._parts.add_row(row, unique, total * scale, float(low[0] * scale), float(high[0] * scale))
        if self._scopes:
            self._scopes[-1].memories.append(memory)
        return family

    # --- changing in place ------------------------------------------------------------------------------------
    def minimise(self, costs: npt.ArrayLike | Sequence[tuple[Ids, npt.ArrayLike]]) -> None:
        """Replace the objective: an array with one cost per column, or a list of (columns, costs) to be summed.

        With a list every column not named costs nothing.
        """
        n_cols = self._data.n_cols
        if isinstance(costs, np.ndarray):
            if costs.shape != (n_cols,):
                raise ProgramError(f"{self.name}: {costs.shape} costs for {n_cols} columns.")
            cost = costs.astype(np.float64)
        else:
            cost = np.zeros(n_cols)
            for columns, values in cast(Sequence[tuple[Ids, npt.ArrayLike]], costs):
                ids, v = np.broadcast_arrays(
                    self._ids("columns", columns, "costs"), np.asarray(values, dtype=np.float64)
                )
                np.add.at(cost, ids.ravel(), v.ravel())
        self._check_costs(np.arange(n_cols), cost)
        largest = np.abs(cost).max(initial=0.0)
        if 0.0 < largest < SMALLEST_COST:
            raise ProgramError(
                f"{self.name}: the largest cost is {largest:g}; the solver takes costs below 1e-7 for zero. "
                "Multiply the objective."
            )
        different = np.flatnonzero(cost != self._data.array("cost")).astype(np.int32)
        self._set("cost", different, cost[different])

    def set_cost(self, columns: Ids, values: npt.ArrayLike) -> None:
        """Change costs of some columns in place."""
        ids, value = np.broadcast_arrays(self._ids("columns", columns, "costs"), np.asarray(values, dtype=np.float64))
        ids, value = ids.ravel(), value.ravel()
        self._check_costs(ids, value)
        self._set("cost", ids, value)

    def set_bounds(self, columns: Ids, lower: npt.ArrayLike | None = None, upper: npt.ArrayLike | None = None) -> None:
        """Change bounds of columns in place; what is not given stays."""
        self._set_pair("columns", columns, lower, upper, ("lower", "upper"), self.column_label)

    def set_rhs(self, rows: Ids, lower: npt.ArrayLike | None = None, upper: npt.ArrayLike | None = None) -> None:
        """Change limits of rows in place; what is not given stays (an equation needs both)."""
        self._set_pair("rows", rows, lower, upper, ("row_lower", "row_upper"), self.row_label)

    def adopt(self, other: Program) -> bool:
        """Take over the bounds and limits of `other` in place if it has the same families and coefficients.

        Returns False, and changes nothing, if it has not. Costs are not taken. For sweeps: build the changed program as
        arrays, which is cheap, adopt its figures, and solve warm what is in the solver already. Coefficients count as
        the same up to a relative 1e-12, which is what rounding makes of one figure summed in two orders.
        """
        mine, theirs = self._data, other._data
        pairs = ((mine.column_families, theirs.column_families), (mine.row_families, theirs.row_families))
        if any([(n, f.shape) for n, f in a.items()] != [(n, f.shape) for n, f in b.items()] for a, b in pairs):
            return False
        own, other_matrix = mine.matrix(), theirs.matrix()
        same = np.array_equal(own.indptr, other_matrix.indptr) and np.array_equal(own.indices, other_matrix.indices)
        if not same or not np.allclose(own.data, other_matrix.data, rtol=1e-12, atol=0.0):
            return False
        for kind, keys in (("columns", ("lower", "upper")), ("rows", ("row_lower", "row_upper"))):
            now = [mine.array(key) for key in keys]
            new = [theirs.array(key) for key in keys]
            ids = np.flatnonzero((now[0] != new[0]) | (now[1] != new[1])).astype(np.int32)
            if ids.size:
                label = self.column_label if kind == "columns" else self.row_label
                self._set_pair(kind, ids, new[0][ids], new[1][ids], keys, label)
        return True

    @contextmanager
    def changed(self) -> Iterator[Program]:
        """Undo at the end what is changed inside: bounds, limits, costs, and added rows go. May be nested."""
        scope = _Scope(self._data.n_rows)
        self._scopes.append(scope)
        try:
            yield self
        finally:
            self._scopes.pop()
            for key, ids, old in reversed(scope.figures):
                self._data.array(key)[ids] = old
                self._parts.note(key, ids)
            if self._data.n_rows > scope.n_rows:
                self._parts.cut_rows(scope.n_rows, scope.memories)
                self._data.cut_rows(scope.n_rows)

    # --- solving ----------------------------------------------------------------------------------------------
    def solve(
        self, from_base: bool | str = False, workers: int = 1, *, interior: bool = False, near: bool = False
    ) -> Solution:
        """Minimise. Warm if solved before; components whose figures did not change are not solved again.

        `from_base` restarts from what `keep_base` kept, and takes the base solution itself where its duals prove that it
        is optimal still; give a name if several bases were kept. `workers` is the number of threads over components.
        `interior` solves from scratch (with `from_base`: where the base turns out far) by the interior point and crosses
        over to a vertex: quicker on degenerate programs such as min-max ones. `near` says that the last plan is feasible
        and probably optimal still, as after weighted tiers each tier by itself: a few steps are tried before scratch.

        Raises NotOptimal: infeasible (with an irreducible set of conflicting limits), unbounded (with the columns
        that grow), or the solver's own word.
        """
        name = (BASE if from_base else None) if isinstance(from_base, bool) else from_base
        if name not in (None, BASE) and name not in self._bases:
            raise UnknownLabel(f"{self.name}: no base {name!r} was kept; there are {sorted(self._bases) or 'none'}.")
        pieces = self._parts.solve(name, workers, "interior" if interior else "near" if near else "")
        return Solution(pieces, self._data.n_cols, self._data.n_rows)

    def keep_steady(self) -> None:
        """From now on warm starts leave the costs as they are, where the dual simplex would disturb them a little.

        For many re-solves in which only bounds and limits move and most costs are zero (measured on a chain of 38,000
        columns: 3 to 6 times quicker). Where costs differ from column to column, or change, it can be slower. The
        optimum is the same.
        """
        self._parts.steady = True

    def keep_base(self, name: str = BASE) -> None:
        """Keep the last solve (basis, solution and figures) for `solve(from_base=True)`, or under a name of its own.

        In a lexicographic sweep keep one base per stage, with the cuts built in as rows (`set_rhs` opens and closes
        them): each stage of a scenario then starts from the same stage of the base.
        """
        self._parts.keep_base(name)
        self._bases.add(name)

    def load(self) -> None:
        """Hand the model over to the solver now instead of at the first solve."""
        self._parts.load()

    # --- looking ----------------------------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._data.n_rows, self._data.n_cols

    @property
    def matrix(self) -> sparse.csc_array:
        """Coefficients (rows x columns), duplicates summed. Read only."""
        return self._data.matrix()

    @property
    def column_families(self) -> dict[str, Family]:
        """Families of columns by name."""
        return self._data.column_families

    @property
    def row_families(self) -> dict[str, Family]:
        """Families of rows by name."""
        return self._data.row_families

    def columns_lower(self, family: Family) -> Floats:
        """Lower bounds in force, shaped like the family."""
        return self._data.array("lower")[family.ids]

    def columns_upper(self, family: Family) -> Floats:
        """Upper bounds in force, shaped like the family."""
        return self._data.array("upper")[family.ids]

    def rows_lower(self, family: Family) -> Floats:
        """Lower limits in force, shaped like the family."""
        return self._data.array("row_lower")[family.ids]

    def rows_upper(self, family: Family) -> Floats:
        """Upper limits in force, shaped like the family."""
        return self._data.array("row_upper")[family.ids]

    def columns_cost(self, family: Family) -> Floats:
        """Costs in force, shaped like the family."""
        return self._data.array("cost")[family.ids]

    def components(self) -> tuple[Ints, Ints]:
        """Number of the connected component of every column and of every row."""
        return components(self._data.matrix())

    def column_label(self, column: int) -> str:
        """Label of a column id."""
        return self._data.column_label(column)

    def row_label(self, row: int) -> str:
        """Label of a row id."""
        return self._data.row_label(row)

    def to_lp(self) -> str:
        """The program as text with labels, for golden tests and for reading."""
        return self._data.text()

    # --- inside -----------------------------------------------------------------------------------------------
    def _ids(self, kind: str, given: Ids, what: str) -> Ints:
        if isinstance(given, Family):
            if given.kind != kind:
                raise ProgramError(f"{self.name}: {what} need {kind}, but {given.name} is a family of {given.kind}.")
            given = given.ids
        ids = np.asarray(given)
        if ids.dtype.kind not in "iu":
            if ids.size:
                raise ProgramError(f"{self.name}: {what} need whole-number ids, not {ids.dtype}.")
            ids = ids.astype(np.int32)
        self._data.check_ids(kind, ids, what)
        return ids.astype(np.int32, copy=False)

    def _limits(self, family: Family, lower: npt.ArrayLike, upper: npt.ArrayLike) -> tuple[Floats, Floats]:
        low = spread(self.name, family, "lower", lower)
        high = spread(self.name, family, "upper", upper)
        bad = bad_limits(low, high)
        if bad.any():
            self._refuse(family.label(int(np.argmax(bad))), low[bad][0], high[bad][0])
        return low, high

    def _refuse(self, label: str, low: float, high: float) -> None:
        raise ProgramError(
            f"{self.name}: limits of {label} are missing, cross or are infinite on the wrong side: {low:g} to {high:g}."
        )

    def _check_costs(self, ids: npt.NDArray[Any], cost: Floats) -> None:
        finite = np.isfinite(cost)
        if not finite.all():
            wrong = self.column_label(int(ids[int(np.argmin(finite))]))
            raise ProgramError(f"{self.name}: the cost of {wrong} is missing or infinite.")

    @staticmethod
    def _scale(values: Floats) -> float:
        """Power of two that brings the largest coefficient to about 1, if it is far from it."""
        largest = np.abs(values).max(initial=0.0)
        if largest == 0.0 or ROW_SIZE[0] <= largest <= ROW_SIZE[1]:
            return 1.0
        return float(2.0 ** -np.round(np.log2(largest)))

    def _set_pair(
        self,
        kind: str,
        given: Ids,
        lower: npt.ArrayLike | None,
        upper: npt.ArrayLike | None,
        keys: tuple[str, str],
        label: Callable[[int], str],
    ) -> None:
        ids = self._ids(kind, given, "limits")
        flat = ids.ravel()
        new: list[Floats] = []
        for key, values in zip(keys, (lower, upper), strict=True):
            if values is None:
                new.append(self._data.array(key)[flat])
                continue
            array = np.asarray(values, dtype=np.float64)
            try:
                new.append(np.broadcast_to(array, ids.shape).ravel())
            except ValueError as error:
                raise ProgramError(f"{self.name}: {array.shape} {key} limits for {ids.shape} {kind}.") from error
        bad = bad_limits(new[0], new[1])
        if bad.any():
            at = int(np.argmax(bad))
            self._refuse(label(int(flat[at])), new[0][at], new[1][at])
        for key, values, array in zip(keys, (lower, upper), new, strict=True):
            if values is not None:
                self._set(key, flat, array)

    def _set(self, key: str, ids: Ints, values: Floats) -> None:
        if not ids.size:
            return
        array = self._data.array(key)
        if self._scopes:
            self._scopes[-1].figures.append((key, ids, array[ids]))
        array[ids] = values
        self._parts.note(key, ids)
