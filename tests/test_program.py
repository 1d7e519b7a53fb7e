"""The labelled program: hand-solved answers, refusals, warm = cold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orebridge.errors import NotOptimal, ProgramError, UnknownLabel
from orebridge.program import Program


def two_plants(need: float = 6.0) -> tuple[Program, object, object]:
    p = Program("two plants")
    x = p.columns("make", {"plant": ["a", "b"]}, lower=0.0, upper=[4.0, 9.0], cost=[1.0, 2.0])
    row = p.rows("need", {"product": ["magnet"]}, lower=need)
    p.terms(row.ids[0], x.ids, 1.0)
    return p, x, row


def test_hand_solved():
    # 6 t needed: 4 t from a at 1, the other 2 t from b at 2 -> cost 8; one more tonne comes from b -> dual 2.
    p, x, row = two_plants()
    solution = p.solve()
    assert solution.values(x).tolist() == [4.0, 2.0]
    assert solution.objective == pytest.approx(8.0)
    assert solution.duals(row).tolist() == [2.0]
    assert solution.frame(x)["value"].tolist() == [4.0, 2.0]


def test_changes_are_restored():
    p, x, row = two_plants()
    first = p.solve().objective
    with p.changed():
        p.set_bounds(x.ids[0], upper=1.0)  # 1 t at 1 + 5 t at 2 = 11
        assert p.solve().objective == pytest.approx(11.0)
        p.set_rhs(row.ids[0], lower=2.0)  # 1 + 2 = 3
        p.minimise([(x.ids, [1.0, 2.0])])
        assert p.solve().objective == pytest.approx(3.0)
    assert p.solve().objective == pytest.approx(first)


def test_row_added_after_a_solve():
    p, x, _ = two_plants()
    p.solve()
    p.add_row("b at least 5", x.ids[1], 1.0, lower=5.0)  # 1 + 5*2 = 11
    assert p.solve().objective == pytest.approx(11.0)


def test_infeasible_names_the_conflict():
    p, _, _ = two_plants(need=20.0)
    with pytest.raises(NotOptimal, match=r"need\[magnet\]"):
        p.solve()


def test_unbounded_is_not_a_plan():
    p = Program("unbounded")
    p.columns("sell", {"x": ["a"]}, cost=-1.0)
    with pytest.raises(NotOptimal):
        p.solve()


@pytest.mark.parametrize(
    "fault",
    [
        lambda p, x, r: p.terms(r.ids[0], x.ids, [1.0, np.nan]),
        lambda p, x, r: p.terms(99, x.ids, 1.0),
        lambda p, x, r: p.columns("bad", {"i": ["a"]}, lower=2.0, upper=1.0),
        lambda p, x, r: p.columns("bad", {"i": ["a"]}, lower=np.nan),
        lambda p, x, r: p.columns("bad", {"i": ["a", "a"]}),
        lambda p, x, r: p.columns("make", {"i": ["a"]}),
        lambda p, x, r: p.columns("bad", {"i": ["a", "b"]}, upper=[1.0, 2.0, 3.0]),
        lambda p, x, r: p.set_bounds(x.ids, lower=5.0, upper=4.0),
        lambda p, x, r: p.minimise([(x.ids, np.nan)]),
    ],
)
def test_faults_are_refused(fault):
    p, x, r = two_plants()
    with pytest.raises(ProgramError):
        fault(p, x, r)


def test_odd_coefficient_is_refused():
    p = Program("units")
    x = p.columns("ship", {"r": ["a"]})
    row = p.rows("balance", {"n": ["n"]}, lower=1.0)
    with pytest.raises(ProgramError, match="check the unit"):
        p.terms(row.ids, x.ids, 1e12)


def test_unknown_label():
    _, x, _ = two_plants()
    assert x.position("plant", "b") == 1
    with pytest.raises(UnknownLabel):
        x.position("plant", "c")


def test_text_form():
    p, _, _ = two_plants()
    assert p.to_lp().splitlines()[:5] == [
        "minimise",
        "  +1 make[a]",
        "  +2 make[b]",
        "subject to",
        "  need[magnet]: 6 <= +1 make[a] +1 make[b]",
    ]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_warm_equals_cold(seed):
    """A changed bound re-solved warm gives the objective of the program built anew."""
    rng = np.random.default_rng(seed)
    n, m = 8, 5
    a, cost, cap, need = rng.random((m, n)), rng.random(n) + 0.1, rng.random(n) * 5 + 5, rng.random(m)
    tight = cap * rng.uniform(0.6, 1.0, n)

    def build(upper: np.ndarray) -> tuple[Program, object]:
        p = Program("random")
        x = p.columns("x", {"i": np.arange(n)}, upper=upper, cost=cost)
        r = p.rows("r", {"j": np.arange(m)}, lower=need)
        p.terms(r.ids[:, None], x.ids[None, :], a)
        return p, x

    p, x = build(cap)
    p.solve()
    p.keep_base()
    p.set_bounds(x.ids, upper=tight)
    assert p.solve(from_base=True).objective == pytest.approx(build(tight)[0].solve().objective, rel=1e-9)
