"""Weighted least squares with exact balances: answers worked out by hand, and laws on any figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, sparse

from orebridge.errors import NetworkError
from orebridge.reconcile import reconcile


def balance(rows: list[list[float]]) -> sparse.csr_array:
    return sparse.csr_array(np.array(rows, dtype=float))


def test_gap_is_shared_by_the_square_of_the_error() -> None:
    # One node: mine 100 (error 3), demand 90 (error 1). Gap 10, shares 9/(9+1) and 1/(9+1): mine 91, demand 91.
    result = reconcile(balance([[1, -1]]), np.array([100.0, 90.0]), np.array([3.0, 1.0]), ["ore@AAA"])
    assert result.flows == pytest.approx([91.0, 91.0], abs=1e-9)
    assert result.optimal


def test_no_entrepot_is_invented() -> None:
    # A ships 10 to C; arcs A>B and B>C are stated as 0 with small error; C's demand is 12. All of the gap is shared by
    # production, the direct arc and demand; the detour through B carries only the little its error allows.
    # v = t + s^2 A'l. Columns: mine A, A>C, A>B, B>C, demand C.
    rows = balance([[1, -1, -1, 0, 0], [0, 0, 1, -1, 0], [0, 1, 0, 1, -1]])
    error = np.array([1.0, 1.0, 0.01, 0.01, 1.0])
    used = reconcile(rows, np.array([10.0, 10.0, 0.0, 0.0, 12.0]), error, ["ore@A", "ore@B", "ore@C"]).flows
    assert used[2] == pytest.approx(used[3], abs=1e-9)
    assert 0.0 <= used[2] < 1e-3
    # Without the detour the gap of 2 is shared equally by three errors of 1 (10 + 2/3 each, 12 - 4/3).
    assert used[[0, 1, 4]] == pytest.approx([10 + 2 / 3, 10 + 2 / 3, 12 - 4 / 3], abs=1e-3)


def test_a_flow_dropped_too_early_comes_back() -> None:
    # Checked against an independent non-negative solver on a case where dropping negatives only stops short.
    for seed in range(60):
        draw = np.random.default_rng(seed)
        rows = draw.integers(-1, 2, (4, 12)).astype(float)
        stated, error = draw.uniform(0, 10, 12), draw.uniform(0.5, 5, 12)
        result = reconcile(balance(rows.tolist()), stated, error, list("abcd"))
        found = optimize.minimize(
            lambda v, s=stated, e=error: float((((v - s) / e) ** 2).sum()), np.maximum(result.flows, 0),
            jac=lambda v, s=stated, e=error: 2 * (v - s) / e**2, bounds=[(0, None)] * 12, method="SLSQP",
            constraints={"type": "eq", "fun": lambda v, r=rows: r @ v, "jac": lambda v, r=rows: r},
            options={"ftol": 1e-12, "maxiter": 500},
        )  # fmt: skip
        ours = float((((result.flows - stated) / error) ** 2).sum())
        assert ours <= found.fun * (1 + 1e-6) + 1e-9, seed


def test_a_use_without_supply_is_named() -> None:
    # Demand alone at a node can only be 0; a fixed coefficient pair that forces +1 = 0 cannot occur with v >= 0,
    # so the flow vanishes rather than inventing supply.
    result = reconcile(balance([[-1.0]]), np.array([5.0]), np.array([1.0]), ["oxide@AAA"])
    assert result.flows == pytest.approx([0.0], abs=1e-9)


@pytest.mark.parametrize("error", [0.0, -1.0, float("nan")])
def test_missing_error_is_refused(error: float) -> None:
    with pytest.raises(NetworkError, match="missing or not positive"):
        reconcile(balance([[1, -1]]), np.array([1.0, 1.0]), np.array([1.0, error]), ["ore@AAA"])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(2, 14))
def test_laws(seed: int, nodes: int, flows: int) -> None:
    """Balances exact, nothing negative, order of rows irrelevant, double figures give double flows."""
    draw = np.random.default_rng(seed)
    rows = np.zeros((nodes, flows))
    for j in range(flows):  # an arc between two nodes, or a source, or a use
        a, b = draw.integers(0, nodes, 2)
        if a == b:
            rows[a, j] = draw.choice([-1.0, 1.0])
        else:
            rows[a, j], rows[b, j] = -1.0, draw.uniform(0.3, 1.0)
    stated = draw.uniform(0, 1000, flows)
    error = draw.uniform(0.05, 0.5, flows) * stated + 1e-3
    labels = [f"n{i}" for i in range(nodes)]
    used = reconcile(balance(rows.tolist()), stated, error, labels).flows
    assert (used >= 0).all()
    assert np.abs(rows @ used).max() <= 1e-7 * max(1.0, (np.abs(rows) @ used).max())
    order = draw.permutation(flows)
    again = reconcile(balance(rows[:, order].tolist()), stated[order], error[order], labels).flows
    assert again == pytest.approx(used[order], rel=1e-6, abs=1e-6)
    double = reconcile(balance(rows.tolist()), 2 * stated, 2 * error, labels).flows
    assert double == pytest.approx(2 * used, rel=1e-6, abs=1e-6)
