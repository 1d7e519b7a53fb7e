"""Base-year flows nearest to what the sources say that obey conservation at every node.

minimise  sum of ((v - t) / s)^2   subject to   A v = 0,  v >= 0

v: flows (activity, shipment, demand, waste), t/yr; t: stated figure; s: its standard error by confidence and range;
A: one balance row per (commodity, country). Weighted *squares* spread a gap over all figures in proportion to their
doubt; absolute deviations would invent entrepots. The bounds are met by block principal pivoting (Portugal, Judice and
Vicente 1994): flows leave and enter the free set until none is negative and no flow held at zero would gain by rising.
The answer is then the unique minimum; it does not depend on the order of rows, and doubles when all figures double.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from orebridge.errors import NetworkError

# Relative standard error we attach to a figure by how it is known.
ERROR_BY_CONFIDENCE = {
    "read": 0.05,
    "read_secondary": 0.10,
    "computed": 0.10,
    "derived": 0.25,
    "unverified": 0.25,
    "assumed": 0.40,
}
INFERRED_ERROR = 0.30  # of the need an inferred flow would fill
TOLERANCE = 1e-9  # in standard errors
ROUNDS, PATIENCE = 120, 6


@dataclass(frozen=True)
class Reconciled:
    """Flows used, the largest imbalance left relative to the largest flow, and whether the bounds are met optimally."""

    flows: npt.NDArray[np.float64]
    residual: float
    optimal: bool


def reconcile(
    balance: sparse.csr_array,
    stated: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    node_labels: list[str],
) -> Reconciled:
    """Solve the weighted least squares; `balance` has a row per node and a column per flow, figures in t/yr.

    Raises NetworkError naming the nodes that cannot be balanced by any non-negative flows.
    """
    if (error <= 0).any() or not np.isfinite(error).all() or not np.isfinite(stated).all():
        raise NetworkError("reconcile: a stated flow or its error is missing or not positive; check its row.")
    free, optimal = _free_flows(balance, stated, error)
    flows = np.where(free, _project(balance, stated, error, free), 0.0)
    flows = np.maximum(flows, 0.0)
    gap = balance @ flows
    size = abs(balance) @ flows + 1e-9
    bad = np.flatnonzero(np.abs(gap) > 1e-7 * size.max(initial=1.0))
    if bad.size:
        names = ", ".join(f"{node_labels[i]} ({gap[i]:+.3g} t/yr)" for i in bad[np.argsort(-np.abs(gap[bad]))][:5])
        raise NetworkError(
            f"no flows balance these nodes: {names}. A use there has no supply or a supply no use; "
            "add a trade flow, a demand row, a site, or declare the by-product's disposal free."
        )
    return Reconciled(flows, float(np.abs(gap).max(initial=0.0) / size.max(initial=1.0)), optimal)


def _free_flows(
    balance: sparse.csr_array, stated: npt.NDArray[np.float64], error: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.bool_], bool]:
    """Which flows are above zero at the minimum, and whether that set is proven optimal."""
    free = np.ones(len(stated), dtype=bool)
    fewest, patience = len(stated) + 1, PATIENCE
    for _ in range(ROUNDS):
        depth = _project(balance, stated, error, free) / error
        wrong = np.flatnonzero(np.where(free, depth < -TOLERANCE, depth > TOLERANCE))
        if not wrong.size:
            return free, True
        if wrong.size < fewest:
            fewest, patience = wrong.size, PATIENCE
        else:
            patience -= 1
        # Exchange all at once while that helps; else one at a time, which cannot cycle.
        change = wrong if patience > 0 else wrong[-1:]
        free[change] = ~free[change]
    # Degenerate case: drop negatives only. Balances stay exact, the bounds are met, the minimum is not proven.
    free[:] = True
    for _ in range(ROUNDS):
        depth = np.where(free, _project(balance, stated, error, free) / error, 0.0)
        if not (depth < -TOLERANCE).any():
            break
        free &= depth > 0.2 * depth.min()
    return free, False


def _project(
    balance: sparse.csr_array,
    stated: npt.NDArray[np.float64],
    error: npt.NDArray[np.float64],
    free: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    """Nearest point to `stated` on the balances, in units of `error`, over the free flows.

    For a flow held at zero: the value the balances' multipliers would give it (above zero: it should be freed).
    """
    scaled = balance @ sparse.diags_array(np.where(free, error, 0.0))
    size = np.sqrt(np.asarray(scaled.power(2).sum(axis=1)).ravel())
    size[size == 0] = 1.0
    scaled = sparse.diags_array(1.0 / size) @ scaled
    target = -(balance @ np.where(free, stated, 0.0)) / size
    normal = (scaled @ scaled.T).toarray()
    normal[np.diag_indices_from(normal)] += 1e-10
    factor = linalg.cho_factor(np.asarray(normal, dtype=np.float64))
    dual = np.zeros(len(target))
    for _ in range(30):  # refinement removes the ridge's error
        left = target - scaled @ (scaled.T @ dual)
        if np.abs(left).max(initial=0.0) < 1e-13 * (1.0 + np.abs(target).max(initial=0.0)):
            break
        dual += linalg.cho_solve(factor, left)
    result: npt.NDArray[np.float64] = stated + error**2 * (balance.T @ (dual / size))
    return result
