"""Connected components of a program: which columns are linked, directly or through others, by common rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from orebridge.program.families import Ints

if TYPE_CHECKING:
    from scipy import sparse


def components(matrix: sparse.csc_array) -> tuple[Ints, Ints]:
    """Number of the connected component of every column and of every row (a column without rows is one by itself)."""
    from scipy import sparse
    from scipy.sparse import csgraph

    n_rows, n_cols = matrix.shape
    count = np.diff(matrix.indptr)
    follows = np.ones(matrix.nnz, dtype=bool)
    follows[matrix.indptr[:-1][count > 0]] = False
    # Linking each row of a column to the next one connects the same rows as linking all to the column, in half the time.
    after = np.flatnonzero(follows)
    links = (np.ones(len(after)), (matrix.indices[after - 1], matrix.indices[after]))
    found, row = csgraph.connected_components(sparse.coo_array(links, shape=(n_rows, n_rows)).tocsr(), directed=False)
    column = np.empty(n_cols, dtype=np.int32)
    column[count > 0] = row[matrix.indices[matrix.indptr[:-1][count > 0]]]
    column[count == 0] = found + np.arange(int((count == 0).sum()))
    return column, row.astype(np.int32)


def gather_small(columns: Ints, rows: Ints, least: int) -> tuple[Ints, Ints, int]:
    """Let components of fewer than `least` columns and rows share a number; the new numbers and how many there are."""
    count = int(max(columns.max(initial=-1), rows.max(initial=-1))) + 1
    size = np.bincount(columns, minlength=count) + np.bincount(rows, minlength=count)
    small = size < least
    number = np.empty(count, dtype=np.int32)
    number[~small] = np.arange(int((~small).sum()))
    shared = np.cumsum(size[small]) // least
    number[small] = int((~small).sum()) + np.unique(shared, return_inverse=True)[1].astype(np.int32)
    return number[columns], number[rows], int(number.max(initial=-1)) + 1


def groups(number: Ints, count: int) -> list[Ints]:
    """Positions that carry each number, ascending."""
    # Small whole numbers sort in linear time.
    short = number.astype(np.uint16) if count < 2**16 else number
    order = np.argsort(short, kind="stable").astype(np.int32)
    return np.split(order, np.cumsum(np.bincount(number, minlength=count))[:-1])


def runs(ids: Ints) -> list[tuple[int, int]]:
    """Ascending ids as (first, one after the last) of each run of neighbours."""
    if not ids.size:
        return []
    breaks = np.flatnonzero(np.diff(ids) != 1)
    first, last = ids[np.append(0, breaks + 1)], ids[np.append(breaks, len(ids) - 1)] + 1
    return list(zip(first.tolist(), last.tolist(), strict=True))


def take(array: npt.NDArray[Any], where: list[tuple[int, int]]) -> npt.NDArray[Any]:
    """The figures in some runs; copying runs takes a fraction of the time of picking figures one by one."""
    return np.concatenate([array[first:last] for first, last in where]) if where else array[:0]
