"""The labelled program: hand-solved answers, refusals, warm = cold, components = whole."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from orebridge.errors import NotOptimal, ProgramError, UnknownLabel
from orebridge.program import Family, Program, parts
from orebridge.program.components import components

GOLDEN = Path(__file__).parent / "golden"


def two_plants(need: float = 6.0) -> tuple[Program, Family, Family]:
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


def two_chains() -> tuple[Program, Family, Family]:
    """Two chains without a common row: gallium needs 3 at cost 2, tin needs 5 at cost 1; each has 10 at most."""
    p = Program("two chains")
    x = p.columns("make", {"chain": ["gallium", "tin"]}, upper=10.0, cost=[2.0, 1.0])
    need = p.rows("need", {"chain": ["gallium", "tin"]}, lower=[3.0, 5.0])
    p.terms(need, x, 1.0)
    return p, x, need


@pytest.fixture
def one_engine_per_component(monkeypatch):
    monkeypatch.setattr(parts, "SMALL_PART", 1)


# --- answers by hand --------------------------------------------------------------------------------------------------
def test_dual_of_an_upper_limit_is_negative():
    # Selling brings 3 a tonne (cost -3); the market takes 4 t: one more tonne lowers the cost by 3.
    p = Program("market")
    x = p.columns("sell", {"good": ["magnet"]}, cost=-3.0)
    market = p.rows("market", {"good": ["magnet"]}, upper=4.0)
    p.terms(market, x, 1.0)
    solution = p.solve()
    assert solution.objective == pytest.approx(-12.0)
    assert solution.duals(market).tolist() == [-3.0]
    assert solution.frame(market).to_dict("list") == {"good": ["magnet"], "dual": [-3.0]}


def test_reduced_cost_of_a_full_column():
    # a is full at 4 t; one more tonne of room would replace b: 1 - 2 = -1.
    p, x, _ = two_plants()
    assert p.solve().reduced_costs[x.ids].tolist() == [-1.0, 0.0]


def test_duplicate_terms_are_summed():
    p = Program("twice")
    x = p.columns("x", {"i": ["a"]}, cost=1.0)
    need = p.rows("need", {"j": ["n"]}, lower=6.0)
    p.terms(need.ids[[0, 0, 0]], x.ids[0], [1.0, 1.5, 0.5])  # 3 x >= 6
    assert p.solve().values(x).tolist() == [2.0]


def test_components_add_up(one_engine_per_component):
    # 3 x 2 + 5 x 1 = 11
    p, x, need = two_chains()
    solution = p.solve(workers=2)
    assert solution.objective == pytest.approx(11.0)
    assert solution.values(x).tolist() == [3.0, 5.0]
    assert solution.duals(need).tolist() == [2.0, 1.0]
    assert p.components()[0].tolist() == p.components()[1].tolist() == [0, 1]


def test_row_over_two_components_joins_them(one_engine_per_component):
    # At most 9 in all leaves 3 + 5; at least 9 makes 1 more of the cheaper tin: 6 + 6 = 12.
    p, x, _ = two_chains()
    p.solve()
    with p.changed():
        p.add_row("together", x, 1.0, lower=9.0)
        assert p.solve().values(x).tolist() == [3.0, 6.0]
    assert p.solve().objective == pytest.approx(11.0)
    assert "together" not in p.row_families


def test_columns_and_rows_added_after_a_solve():
    # A third plant at cost 0.5 for 1 t: 0.5 + 4 x 1 + 1 x 2 = 6.5.
    p, _, row = two_plants()
    p.solve()
    c = p.columns("new", {"plant": ["c"]}, upper=1.0, cost=0.5)
    p.terms(row, c, 1.0)
    assert p.solve().objective == pytest.approx(6.5)
    closed = p.rows("closed", {"plant": ["c"]}, upper=0.0)
    p.terms(closed, c, 1.0)
    assert p.solve().objective == pytest.approx(8.0)


def test_money_row_is_scaled_inside_only():
    # 4 t at 50 million and 2 t at 50 million lost; the cut at 250 million leaves 5 t, so the need is relaxed to 5.
    p, x, row = two_plants()
    p.solve()
    p.set_rhs(row, lower=5.0)
    cut = p.add_row("money", x, 5e7, upper=2.5e8)
    solution = p.solve()
    assert solution.objective == pytest.approx(4 + 2)
    p.set_cost(x, [-1.0, -2.0])  # now as much as the money allows, all of it at b: 5 t, -10 in all; -2 per 50 million
    p.set_rhs(row, lower=0.0)
    solution = p.solve()
    assert solution.objective == pytest.approx(-10.0)
    assert solution.duals(cut).tolist() == pytest.approx([-2 / 5e7])


def test_two_stages():
    # Stage 1: least unmet of 15 t with 13 t of room is 2. Stage 2: at that unmet, 4 x 1 + 9 x 2 = 22.
    p, _, row = two_plants(need=15.0)
    unmet = p.columns("unmet", {"product": ["magnet"]})
    p.terms(row, unmet, 1.0)
    cost = np.array([1.0, 2.0, 0.0])
    p.minimise([(unmet, 1.0)])
    least = p.solve().objective
    assert least == pytest.approx(2.0)
    p.add_row("cut", unmet, 1.0, upper=least)
    p.minimise(cost)
    assert p.solve().objective == pytest.approx(22.0)


# --- bases ------------------------------------------------------------------------------------------------------------
def engine_runs(monkeypatch: pytest.MonkeyPatch) -> list[parts.Engine]:
    """The engines that run from now on, one entry per run."""
    solved: list[parts.Engine] = []
    run = parts.Engine._run
    monkeypatch.setattr(parts.Engine, "_run", lambda self: solved.append(self) or run(self))
    return solved


def test_tightening_that_does_not_bite_costs_no_solve(monkeypatch, one_engine_per_component):
    p, x, need = two_chains()
    first = p.solve()
    p.keep_base()
    solved = engine_runs(monkeypatch)
    with p.changed():
        p.set_bounds(x.ids[1], upper=6.0)  # tin makes 5
        assert p.solve(from_base=True).objective == first.objective
        assert solved == []
    with p.changed():
        p.set_rhs(need.ids[1], lower=6.0)  # bites: 3 x 2 + 6; gallium is left alone
        assert p.solve(from_base=True).objective == pytest.approx(12.0)
        assert len(solved) == 1
    with p.changed():
        p.set_rhs(need.ids[0], lower=1.0)  # a loosening must be solved: 1 x 2 + 5
        assert p.solve(from_base=True).objective == pytest.approx(7.0)
        assert len(solved) == 2
    with p.changed():
        p.set_cost(x.ids[0], 3.0)  # so must a cost: 3 x 3 + 5
        assert p.solve(from_base=True).objective == pytest.approx(14.0)
    assert p.solve(from_base=True).objective == first.objective


def test_loosening_what_has_no_price_costs_no_solve(monkeypatch):
    p, x, _ = two_plants(need=2.0)  # all from a, whose room of 4 has no price
    first = p.solve()
    p.keep_base()
    solved = engine_runs(monkeypatch)
    with p.changed():
        p.set_bounds(x, upper=[100.0, np.inf])
        assert p.solve(from_base=True).objective == first.objective == pytest.approx(2.0)
    assert solved == []
    with p.changed():
        p.set_bounds(x.ids[1], lower=1.0)  # b must run, so the base plan breaks a limit: 1 x 1 + 1 x 2
        assert p.solve(from_base=True).objective == pytest.approx(3.0)
    assert len(solved) == 1


def test_a_priced_limit_that_is_loosened_is_solved():
    """Binding room with a price: the same plan stays within the looser limit, and is not the best any more."""
    p, x, _ = two_plants()  # a is full
    full = p.solve()
    p.keep_base()
    assert full.reduced_costs.tolist() == [-1.0, 0.0]
    with p.changed():
        p.set_bounds(x.ids[0], upper=20.0)
        assert p.solve(from_base=True).objective == pytest.approx(6.0)  # all from a
    assert p.solve(from_base=True).objective == full.objective == pytest.approx(8.0)


def test_flows_from_a_base_do_not_depend_on_what_was_solved_before():
    """Two plants of one cost: any split is optimal, and the one reported must not hang on the order of scenarios."""
    rng = np.random.default_rng(1)
    n, months = 12, 8
    p = Program("degenerate")
    x = p.columns("make", {"plant": range(n), "month": range(months)}, upper=4.0, cost=1.0)
    stock = p.columns("stock", {"month": range(months)}, upper=30.0)
    need = p.rows("need", {"month": range(months)}, 20.0, 20.0)
    p.terms(need.ids[None, :], x.ids, 1.0)
    p.terms(need, stock, -1.0)
    p.terms(need.ids[1:], stock.ids[:-1], 1.0)
    p.solve()
    p.keep_base()
    scenarios = [np.where(rng.random((n, months)) < 0.4, 1.0, 4.0) for _ in range(12)]

    def flows(order: list[int]) -> dict[int, np.ndarray]:
        found = {}
        for k in order:
            with p.changed():
                p.set_bounds(x, upper=scenarios[k])
                found[k] = p.solve(from_base=True).column_values
        return found

    there, back = flows(list(range(12))), flows(list(range(11, -1, -1)))
    assert all((there[k] == back[k]).all() for k in range(12))


def test_named_bases():
    p, x, row = two_plants()
    p.solve()
    p.keep_base("cheap")
    p.minimise([(x, [3.0, 1.0])])  # all from b: 6
    p.solve()
    p.keep_base("other")
    p.minimise([(x, [1.0, 2.0])])
    p.set_rhs(row, lower=7.0)
    assert p.solve(from_base="cheap").objective == pytest.approx(4 + 6)
    with pytest.raises(UnknownLabel, match="cheap"):
        p.solve(from_base="cheep")


def test_keeping_needs_a_solve():
    p, x, _ = two_plants()
    with pytest.raises(ProgramError, match="solve before"):
        p.keep_base()
    p.solve()
    p.set_bounds(x, upper=9.0)
    with pytest.raises(ProgramError, match="solve before"):
        p.keep_base()


def test_old_solution_is_not_touched_by_a_later_solve():
    p, x, row = two_plants()
    old = p.solve()
    p.set_rhs(row, lower=1.0)
    p.solve()
    assert old.values(x).tolist() == [4.0, 2.0]


def test_caller_keeps_its_arrays():
    upper = np.array([4.0, 9.0])
    p = Program("theirs")
    x = p.columns("make", {"plant": ["a", "b"]}, upper=upper)
    p.set_bounds(x, upper=1.0)
    assert upper.tolist() == [4.0, 9.0]


def test_changes_are_undone_after_an_error():
    p, x, _ = two_plants()
    p.solve()
    with pytest.raises(NotOptimal), p.changed():
        p.set_bounds(x, upper=0.0)
        p.solve()
    assert p.solve().objective == pytest.approx(8.0)


def test_rows_that_came_by_a_rebuild_leave_a_usable_basis():
    """The first solve with the rows is a hand-over; they bind, so that without them the basis has too many members."""
    p, x, row = two_plants()  # 4 x 1 + 2 x 2 = 8
    p.solve()
    with p.changed():
        caps = p.rows("caps", {"plant": ["a", "b"]}, upper=[1.0, 5.5])
        p.terms(caps, x, 1.0)
        assert p.solve().objective == pytest.approx(1 + 5 * 2)
    for need, cost in ((7.0, 4 + 3 * 2), (8.0, 4 + 4 * 2)):
        with p.changed():
            p.set_rhs(row, lower=need)
            p.add_row("b at most 8", x.ids[1], 1.0, upper=8.0)
            assert p.solve().objective == pytest.approx(cost)
    assert p.solve().objective == pytest.approx(8.0)


# --- refusals ---------------------------------------------------------------------------------------------------------
def test_conflict_is_irreducible_and_readable():
    """Demand of 20 against a (4) and b (9); the limit on c has nothing to do with it and is not named."""
    p = Program("conflict")
    x = p.columns("make", {"plant": ["a", "b", "c"]}, upper=[4.0, 9.0, 1.0], cost=1.0)
    need = p.rows("need", {"product": ["magnet", "oxide"]}, lower=[20.0, 0.5])
    p.terms(need.ids[0], x.ids[:2], 1.0)
    p.terms(need.ids[1], x.ids[2], 1.0)
    with pytest.raises(NotOptimal) as caught:
        p.solve()
    assert caught.value.status == "infeasible"
    assert sorted(caught.value.labels) == ["0 <= make[a] <= 4", "0 <= make[b] <= 9", "20 <= need[magnet]"]
    assert "20 <= need[magnet]" in str(caught.value)


def test_long_conflict_is_cut_short():
    n = 40
    p = Program("long")
    x = p.columns("ship", {"route": range(n)}, upper=1.0)
    need = p.rows("need", {"product": ["p"]}, lower=n + 1.0)
    p.terms(need.ids[0], x, 1.0)
    with pytest.raises(NotOptimal, match="more") as caught:
        p.solve()
    assert len(caught.value.labels) == n + 1
    assert len(str(caught.value).splitlines()) < 20


def test_unbounded_names_the_column():
    p = Program("endless")
    p.columns("sell", {"good": ["oxide", "magnet"]}, upper=[1.0, np.inf], cost=-1.0)
    with pytest.raises(NotOptimal, match=r"sell\[magnet\]") as caught:
        p.solve()
    assert caught.value.status == "unbounded"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (lambda p, x, r: p.terms(r, x, [1.0, np.nan]), "missing"),
        (lambda p, x, r: p.terms(x, r, 1.0), "need rows"),
        (lambda p, x, r: p.terms(r.ids[0], [0.0, 1.0], 1.0), "whole-number"),
        (lambda p, x, r: p.terms(r.ids[0], -1, 1.0), "column -1"),
        (lambda p, x, r: p.terms([0, 0, 0], x.ids, 1.0), "shapes"),
        (lambda p, x, r: p.set_bounds(7, upper=1.0), "column 7"),
        (lambda p, x, r: p.set_bounds(x, upper=np.nan), r"make\[a\]"),
        (lambda p, x, r: p.set_bounds(x, lower=np.inf), r"make\[a\]"),
        (lambda p, x, r: p.set_rhs(r, lower=np.nan), r"need\[magnet\]"),
        (lambda p, x, r: p.set_bounds(x, upper=[1.0, 2.0, 3.0]), "limits for"),
        (lambda p, x, r: p.set_cost(x, [1.0, np.inf]), r"make\[b\]"),
        (lambda p, x, r: p.minimise(np.ones(3)), "2 columns"),
        (lambda p, x, r: p.minimise([(x, 1e-8)]), "Multiply"),
        (lambda p, x, r: p.add_row("cut", x, np.nan), r"make\[a\]"),
        (lambda p, x, r: p.add_row("need", x, 1.0), "exists already"),
        (lambda p, x, r: p.rows("more", {"i": [1, 2]}, lower=[1.0, 2.0, 3.0]), "shape"),
        (lambda p, x, r: p.columns("more", {"i": ["a", "b", "a"]}), "'a' is there twice"),
    ],
)
@pytest.mark.parametrize("solved", [False, True])
def test_fault_says_what_and_where(fault, says, solved):
    p, x, r = two_plants()
    if solved:
        p.solve()
    with pytest.raises(ProgramError, match=says):
        fault(p, x, r)
    assert p.solve().objective == pytest.approx(8.0)  # a refused change leaves no trace


def test_solution_refuses_the_wrong_kind():
    p, x, r = two_plants()
    solution = p.solve()
    with pytest.raises(ProgramError, match="duals"):
        solution.values(r)
    with pytest.raises(ProgramError, match="values"):
        solution.duals(x)


def test_unknown_label_offers_the_nearest():
    x = Program("labels").columns("make", {"plant": ["Mount Weld", "Mountain Pass"]})
    with pytest.raises(UnknownLabel, match="Did you mean Mountain Pass"):
        x.position("plant", "Mountain Pas")
    assert x.positions("plant", ["Mountain Pass", "Mount Weld"]).tolist() == [1, 0]


# --- words ------------------------------------------------------------------------------------------------------------
def test_golden_text():
    """Two sites, one route with a transit of one month, an equation, a free column, an added row."""
    p = Program("golden")
    make = p.columns("make", {"site": ["A", "B"], "month": [1, 2]}, upper=[[5.0], [2.5]], cost=[[1.0], [3.0]])
    ship = p.columns("ship", {"month": [1, 2]}, cost=0.25)
    change = p.columns("change", {"site": ["A"]}, lower=-np.inf)
    balance = p.rows("balance", {"month": [1, 2]}, [4.0, 3.0], [4.0, 3.0])
    p.terms(balance, make.ids[1], 1.0)
    p.terms(balance.ids[1:], ship.ids[:-1], 1.0)
    p.terms(balance.ids[0], change, -1.0)
    room = p.rows("room", {"month": [1, 2]}, upper=6.0)
    p.terms(room, make, 1.0)
    p.add_row("cut", ship, [1.0, 2.0], lower=1.0, upper=9.0)
    text = p.to_lp()
    assert text == (GOLDEN / "program_small.lp").read_text()


def test_standard_output_stays_clean():
    """The solver prints a banner; a user's `--json` must not start with it."""
    code = (
        "import json; from orebridge.program import Program; p = Program('quiet');"
        "p.columns('x', {'i': [1]}, lower=2.0, cost=1.0); print(json.dumps(p.solve().objective))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == 2.0


def test_import_does_not_load_the_solver():
    code = "import sys, orebridge.program; print('highspy' in sys.modules, 'scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


# --- laws -------------------------------------------------------------------------------------------------------------
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


def blocks(rng: np.random.Generator, count: int, apart: bool) -> tuple[Program, list[Family]]:
    """`count` random blocks without a common row; always feasible (every row has room enough)."""
    p, columns = Program("blocks", apart=apart), []
    for k in range(count):
        n, m = int(rng.integers(2, 7)), int(rng.integers(1, 5))
        x = p.columns(f"x{k}", {"i": range(n)}, upper=rng.uniform(5, 10, n), cost=rng.uniform(0.1, 1.0, n))
        r = p.rows(f"r{k}", {"j": range(m)}, lower=rng.random(m))
        p.terms(r.ids[:, None], x.ids[None, :], rng.uniform(0.2, 1.0, (m, n)))
        columns.append(x)
    return p, columns


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(0, 12), n_cols=st.integers(1, 12), full=st.floats(0.0, 0.4))
def test_components_are_those_of_a_plain_search(seed, n_rows, n_cols, full):
    """Same component exactly where a path of common rows leads from one column to the other; empty ones are alone."""
    has = np.random.default_rng(seed).random((n_rows, n_cols)) < full
    column, row = components(sparse.csc_array(has.astype(float)))
    reach = np.eye(n_cols, dtype=bool) | (has.T.astype(int) @ has.astype(int) > 0)
    for _ in range(n_cols):
        reach = reach @ reach
    assert ((column[:, None] == column[None, :]) == reach).all()
    for r, c in zip(*np.nonzero(has), strict=True):
        assert row[r] == column[c]
    empty = row[~has.any(axis=1)]
    assert len(set(empty)) == len(empty) and not set(empty) & set(column)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 5), least=st.sampled_from([1, 12, 400]))
def test_components_apart_equal_the_whole(seed, count, least):
    before, parts.SMALL_PART = parts.SMALL_PART, least
    try:
        apart = blocks(np.random.default_rng(seed), count, True)[0].solve(workers=2)
        whole = blocks(np.random.default_rng(seed), count, False)[0].solve()
    finally:
        parts.SMALL_PART = before
    assert apart.objective == pytest.approx(whole.objective, rel=1e-9)
    assert len(apart.column_values) == len(whole.column_values)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_any_walk_of_changes_equals_building_anew(seed):
    """Bounds, limits, costs, cuts and undoing them, solved from the last basis or the base: always the cold optimum."""
    rng = np.random.default_rng(seed)
    p, columns = blocks(rng, int(rng.integers(1, 4)), True)
    start = p.solve()
    p.keep_base()
    n_rows, n_cols = p.shape
    for step in range(6):
        low = rng.random(n_rows)
        with p.changed():
            p.set_rhs(np.arange(n_rows), lower=low)
            p.set_bounds(rng.integers(0, n_cols, 2), upper=rng.uniform(4, 9))
            if rng.random() < 0.5:
                p.minimise(rng.uniform(0.1, 1.0, n_cols))
            if rng.random() < 0.5:
                p.add_row(f"cut {step}", columns[0], 1e4, lower=1e4)
                low = np.append(low, 1e4)
            check_against_cold(p, low, from_base=bool(rng.random() < 0.6))
    assert p.shape == (n_rows, n_cols)
    assert p.solve(from_base=True).objective == pytest.approx(start.objective, rel=1e-9)


def check_against_cold(p: Program, low: np.ndarray, from_base: bool) -> None:
    """The same program built anew and as one whole; and costs = duals x coefficients + reduced costs."""
    families, matrix = p.column_families.values(), p.matrix.tocoo()
    lower, upper, cost = (
        np.concatenate([read(family) for family in families])
        for read in (p.columns_lower, p.columns_upper, p.columns_cost)
    )
    cold = Program("cold", apart=False)
    cold.columns("x", {"i": range(p.shape[1])}, lower, upper, cost)
    cold.rows("r", {"j": range(p.shape[0])}, low)
    cold.terms(matrix.row, matrix.col, matrix.data)
    solution = p.solve(from_base=from_base)
    assert solution.objective == pytest.approx(cold.solve().objective, rel=1e-9)
    assert cost @ solution.column_values == pytest.approx(solution.objective, rel=1e-7)
    assert p.matrix.T @ solution.row_duals + solution.reduced_costs == pytest.approx(cost, abs=1e-6)
