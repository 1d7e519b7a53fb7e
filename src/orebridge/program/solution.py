"""What a solved program answers, labelled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from orebridge.errors import ProgramError
from orebridge.program.engine import Outcome
from orebridge.program.families import Family, Floats, Ints

if TYPE_CHECKING:
    import pandas as pd


class Piece(NamedTuple):
    """The outcome of one part of a program with the ids of its columns and rows, and the scale of its rows."""

    columns: Ints
    rows: Ints
    row_scale: Floats | None
    outcome: Outcome


class Solution:
    """An optimal solution. It exists only if the solver proved optimality; later changes do not touch it."""

    def __init__(self, pieces: Sequence[Piece], n_cols: int, n_rows: int) -> None:
        self._pieces = tuple(pieces)
        self._n_cols, self._n_rows = n_cols, n_rows
        #: Minimal cost: the sum over the parts of the program.
        self.objective = math.fsum(piece.outcome.objective for piece in pieces)

    def values(self, family: Family) -> Floats:
        """Values of a column family, shaped like its axes."""
        return self.column_values[self._of("columns", family).ids]

    def duals(self, family: Family) -> Floats:
        """Duals of a row family: change of the minimised objective per unit added to the row's binding limit.

        Valid for small changes only; zero for a row that does not bind. Not unique where the optimum is degenerate.
        """
        return self.row_duals[self._of("rows", family).ids]

    def frame(self, family: Family) -> pd.DataFrame:
        """A long frame: the axes and `value` (columns) or `dual` (rows)."""
        import pandas as pd

        grid = np.indices(family.shape)
        data = {axis: labels[g.ravel()] for (axis, labels), g in zip(family.axes.items(), grid, strict=True)}
        if family.kind == "rows":
            return pd.DataFrame({**data, "dual": self.duals(family).ravel()})
        return pd.DataFrame({**data, "value": self.values(family).ravel()})

    @cached_property
    def column_values(self) -> Floats:
        """Value per column id."""
        out = np.empty(self._n_cols)
        for piece in self._pieces:
            out[piece.columns] = piece.outcome.columns
        return out

    @cached_property
    def reduced_costs(self) -> Floats:
        """Reduced cost per column id: change of the objective per unit added to the column's binding bound."""
        out = np.empty(self._n_cols)
        for piece in self._pieces:
            out[piece.columns] = piece.outcome.column_duals
        return out

    @cached_property
    def row_duals(self) -> Floats:
        """Dual per row id."""
        out = np.empty(self._n_rows)
        for piece in self._pieces:
            scale = 1.0 if piece.row_scale is None else piece.row_scale
            out[piece.rows] = piece.outcome.row_duals * scale
        return out

    @staticmethod
    def _of(kind: str, family: Family) -> Family:
        if family.kind != kind:
            repair = "duals" if family.kind == "rows" else "values"
            raise ProgramError(f"{family.name} is a family of {family.kind}; ask for its {repair}.")
        return family
