"""Connected components of a program: which columns are linked, directly or through others, by common rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orebridge.program.families import Ints

if TYPE_CHECKING:
    from scipy import sparse


def components(matrix: sparse.csc_array) -> tuple[Ints, Ints]:
    """Number of the connected component of every column and of every row."""
    from scipy import sparse
    from scipy.sparse import csgraph

    n_rows, n_cols = matrix.shape
    size = n_rows + n_cols
    start = np.concatenate([matrix.indptr, np.full(n_rows, matrix.nnz, dtype=matrix.indptr.dtype)])
    links = (np.ones(matrix.nnz, dtype=np.int8), matrix.indices + np.int32(n_cols), start)
    _, label = csgraph.connected_components(sparse.csr_array(links, shape=(size, size)), directed=False)
    return label[:n_cols].astype(np.int32), label[n_cols:].astype(np.int32)


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
    order = np.argsort(number, kind="stable").astype(np.int32)
    return np.split(order, np.cumsum(np.bincount(number, minlength=count))[:-1])
