"""Taking over the figures of another program of the same shape, and warm starts with steady costs."""

from __future__ import annotations

import numpy as np
import pytest

from orebridge.errors import ProgramError
from orebridge.program import Program


def chain(cap: float, need: float, recipe: float = 1.0, plants: int = 2) -> Program:
    """Two plants at costs 1 and 2 (per unit), the first up to `cap`; `need` units of product."""
    p = Program("chain")
    upper = [cap, *[9.0] * (plants - 1)]
    x = p.columns("make", {"plant": [f"p{i}" for i in range(plants)]}, 0.0, upper, list(range(1, plants + 1)))
    row = p.rows("need", {"product": ["magnet"]}, need, 20.0)
    p.terms(row.ids[0], x.ids, recipe)
    return p


def test_adopted_figures_give_the_other_program_s_optimum() -> None:
    p = chain(4.0, 6.0)
    assert p.solve().objective == pytest.approx(4 + 2 * 2)
    assert p.adopt(chain(1.0, 8.0))
    assert p.solve().objective == pytest.approx(chain(1.0, 8.0).solve().objective) == pytest.approx(1 + 7 * 2)
    assert p.adopt(chain(4.0, 6.0))
    assert p.solve().objective == pytest.approx(8.0)


def test_other_coefficients_or_families_are_refused_and_nothing_changes() -> None:
    p = chain(4.0, 6.0)
    for other in (chain(1.0, 8.0, recipe=0.5), chain(1.0, 8.0, plants=3)):
        assert not p.adopt(other)
        assert p.columns_upper(p.column_families["make"]).tolist() == [4.0, 9.0]
    assert p.adopt(chain(4.0, 6.0, recipe=1.0 + 1e-15))  # rounding is no difference
    renamed = Program("other")
    renamed.columns("ship", {"plant": ["p0", "p1"]}, 0.0, [4.0, 9.0])
    renamed.rows("need", {"product": ["magnet"]})
    assert not p.adopt(renamed)


def test_adopting_is_undone_at_the_end_of_changed() -> None:
    p = chain(4.0, 6.0)
    p.solve()
    with p.changed():
        assert p.adopt(chain(1.0, 8.0))
        assert p.rows_upper(p.row_families["need"]).tolist() == [20.0]
        assert p.solve().objective == pytest.approx(15.0)
    assert p.columns_upper(p.column_families["make"]).tolist() == [4.0, 9.0]
    assert p.solve().objective == pytest.approx(8.0)


def test_costs_stay_and_unfit_figures_are_refused() -> None:
    p, other = chain(4.0, 6.0), chain(4.0, 6.0)
    other.minimise(np.array([5.0, 5.0]))
    assert p.adopt(other) and p.solve().objective == pytest.approx(8.0)
    other._data.array("upper")[0] = np.nan
    with pytest.raises(ProgramError):
        p.adopt(other)


def test_steady_warm_starts_reach_the_same_optimum() -> None:
    rng = np.random.default_rng(1)
    steady, usual = (Program("t"), Program("t"))
    programs = []
    demand, supply = rng.uniform(1, 5, 30), rng.uniform(4, 9, 30)
    for p in (steady, usual):
        ship = p.columns("ship", {"from": range(30), "to": range(30)}, 0.0, 3.0)
        short = p.columns("short", {"to": range(30)}, 0.0, np.inf, 1.0)
        got = p.rows("got", {"to": range(30)}, demand, np.inf)
        gave = p.rows("gave", {"from": range(30)}, -np.inf, supply)
        p.terms(got.ids[None, :], ship.ids, 1.0)
        p.terms(gave.ids[:, None], ship.ids, 1.0)
        p.terms(got.ids, short.ids, 1.0)
        programs.append((p, gave))
    steady.keep_steady()
    for _ in range(5):
        less = supply * rng.uniform(0.1, 0.6, 30)
        found = []
        for p, gave in programs:
            p.set_rhs(gave, upper=less)
            found.append(p.solve().objective)
        assert found[0] == pytest.approx(found[1], rel=1e-9) and found[0] == pytest.approx(
            max(demand.sum() - less.sum(), 0.0), rel=1e-6
        )
