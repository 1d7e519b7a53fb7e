"""The figures of a program: families, bounds, limits, costs and coefficients as arrays. No solver in here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from orebridge.errors import ProgramError
from orebridge.program.families import Family, Floats, Ints, label_of, limits_text

if TYPE_CHECKING:
    from scipy import sparse

KEYS = ("lower", "upper", "cost", "row_lower", "row_upper")
COEFFICIENT_RANGE = (1e-7, 1e7)
# What is left when coefficients cancel; below what the solver keeps.
CANCELLED = 1e-9


class Data:
    """Grows while a model is assembled; single figures change in place afterwards."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.column_families: dict[str, Family] = {}
        self.row_families: dict[str, Family] = {}
        self.n_cols = self.n_rows = 0
        #: Factor by which an added row is multiplied inside the solver (row id -> factor); 1 if not listed.
        self.row_scale: dict[int, float] = {}
        self._chunks: dict[str, list[Floats]] = {key: [] for key in KEYS}
        self._entries: list[tuple[Ints, Ints, Floats]] = []
        self._matrix: sparse.csc_array | None = None

    def append(self, key: str, values: Floats) -> None:
        """Append figures of new columns or rows."""
        self._chunks[key].append(values)

    def array(self, key: str) -> Floats:
        """The figures in force, one per column or row; changing the array changes the program."""
        chunks = self._chunks[key]
        # Always a copy of what the caller gave, so that a change in place never reaches back to the caller.
        if len(chunks) != 1 or not chunks[0].flags.owndata or not chunks[0].flags.writeable:
            chunks[:] = [np.concatenate(chunks) if chunks else np.zeros(0)]
        return chunks[0]

    def add_entries(self, rows: Ints, columns: Ints, values: Floats) -> None:
        """Add coefficients (flat arrays of one length)."""
        self._entries.append((rows, columns, values))

    def matrix(self) -> sparse.csc_array:
        """Coefficients (rows x columns) by columns; duplicates summed, cancelled ones dropped."""
        from scipy import sparse

        shape = (self.n_rows, self.n_cols)
        if self._matrix is not None and not self._entries and self._matrix.shape == shape:
            return self._matrix
        entries = list(self._entries)
        if self._matrix is not None:
            old = self._matrix.tocoo()
            entries.append((old.row, old.col, old.data))
        if entries:
            r, c, v = (np.concatenate(part) for part in zip(*entries, strict=True))
        else:
            r, c, v = np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0)
        matrix = sparse.csc_array((v, (r, c)), shape=shape)
        matrix.sum_duplicates()
        if matrix.nnz and np.abs(matrix.data).min() < CANCELLED:
            matrix.data[np.abs(matrix.data) < CANCELLED] = 0.0
            matrix.eliminate_zeros()
        self._matrix = matrix
        self._entries.clear()
        return matrix

    def cut_rows(self, n_rows: int) -> None:
        """Forget the rows from id `n_rows` on."""
        for key in ("row_lower", "row_upper"):
            self._chunks[key] = [self.array(key)[:n_rows].copy()]
        for name in [name for name, family in self.row_families.items() if family.ids.flat[0] >= n_rows]:
            del self.row_families[name]
        self._entries = [(r[keep], c[keep], v[keep]) for r, c, v in self._entries for keep in (r < n_rows,)]
        if self._matrix is not None and self._matrix.shape[0] > n_rows:
            self._matrix = self._matrix.tocsr()[:n_rows].tocsc()
        self.row_scale = {row: factor for row, factor in self.row_scale.items() if row < n_rows}
        self.n_rows = n_rows

    def scale_of_rows(self) -> Floats | None:
        """Factor per row, or None if all are 1."""
        if not self.row_scale:
            return None
        scale = np.ones(self.n_rows)
        scale[list(self.row_scale)] = list(self.row_scale.values())
        return scale

    # --- words ------------------------------------------------------------------------------------------------
    def column_label(self, column: int) -> str:
        """Label of a column id."""
        return label_of(self.column_families, column)

    def row_label(self, row: int) -> str:
        """Label of a row id."""
        return label_of(self.row_families, row)

    def column_text(self, column: int) -> str:
        """Label of a column with its bounds in force."""
        return limits_text(self.array("lower")[column], self.array("upper")[column], self.column_label(column))

    def row_text(self, row: int) -> str:
        """Label of a row with its limits in force."""
        return limits_text(self.array("row_lower")[row], self.array("row_upper")[row], self.row_label(row))

    def check_ids(self, kind: str, ids: npt.NDArray[Any], what: str) -> None:
        """Refuse ids outside the program (a negative id would silently mean another one)."""
        limit = self.n_cols if kind == "columns" else self.n_rows
        if ids.size and (ids.min() < 0 or ids.max() >= limit):
            wrong = int(ids.min()) if ids.min() < 0 else int(ids.max())
            raise ProgramError(
                f"{self.name}: {what} name {kind[:-1]} {wrong}, but there are {limit} {kind}; take ids from a family."
            )

    def check_coefficients(self, rows: npt.NDArray[Any], columns: npt.NDArray[Any], values: Floats) -> None:
        """Refuse missing coefficients and such as betray a wrong unit; zero is allowed (no term)."""
        size = np.abs(values)
        low, high = COEFFICIENT_RANGE
        # Two passes over a small (not yet broadcast) array in the normal case; NaN fails the first comparison.
        if not size.size or (size.max() <= high and size.min() >= low):
            return
        wrong = ~((size <= high) & ((size >= low) | (size == 0.0)))
        if not wrong.any():
            return
        r, c, v, w = np.broadcast_arrays(rows, columns, values, wrong)
        at = int(np.argmax(w.ravel()))
        row, column, value = int(r.flat[at]), int(c.flat[at]), float(v.flat[at])
        where = f"{self.name}: coefficient {value:g} at row {self.row_label(row)}, column {self.column_label(column)}"
        if not np.isfinite(value):
            raise ProgramError(f"{where}: a figure behind it is missing; absent is not zero, give it or leave it out.")
        raise ProgramError(f"{where} is outside {low:g} to {high:g}; check the unit of the figure behind it.")

    def text(self) -> str:
        """The program as text with labels as names."""
        matrix = self.matrix().tocsr()
        names = [self.column_label(i) for i in range(self.n_cols)]
        cost = self.array("cost")
        lines = ["minimise", *(f"  {cost[i]:+.10g} {names[i]}" for i in np.flatnonzero(cost)), "subject to"]
        low, high = self.array("row_lower"), self.array("row_upper")
        for row in range(self.n_rows):
            span = slice(matrix.indptr[row], matrix.indptr[row + 1])
            order = np.argsort(matrix.indices[span])
            pairs = zip(matrix.indices[span][order], matrix.data[span][order], strict=True)
            terms = " ".join(f"{value:+.10g} {names[column]}" for column, value in pairs)
            lines.append(f"  {self.row_label(row)}: {limits_text(low[row], high[row], terms or '0')}")
        lines.append("bounds")
        lines += [f"  {self.column_text(i)}" for i in range(self.n_cols)]
        return "\n".join(lines) + "\n"
