"""Courses without a plan side by side, and a plan kept small in the solver: both must be what they stand for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.delivery.compact import Compact
from orebridge.delivery.limits import Limits, horizon_for, limits_of
from orebridge.delivery.model import Model
from orebridge.delivery.past import Flows
from orebridge.delivery.stages import solve_single
from orebridge.delivery.unaided import simulate_many, simulate_unaided
from orebridge.errors import NetworkError, ProgramError
from orebridge.network import SupplyNetwork
from orebridge.results import member_loss
from orebridge.shocks import Effects, no_effects

from ..laws.checks import broken_limits, tries
from ..laws.random_worlds import MONTHS, Figures, build, figures, shocks
from .hand_worlds import effects, world
from .plain_unaided import plain_unaided


def same(a: Flows, b: Flows) -> bool:
    return all(np.allclose(x, y, rtol=1e-9, atol=1e-9) for x, y in zip(vars(a).values(), vars(b).values(), strict=True))


@tries(10)
@given(figures(), st.lists(shocks(), min_size=1, max_size=5))
def test_courses_side_by_side_are_what_each_is_by_itself(f: Figures, drawn: list[Effects]) -> None:
    net = build(f)
    horizon = horizon_for(net, MONTHS)
    limits = [limits_of(net, shock, horizon) for shock in drawn]
    for own, course in zip(limits, simulate_many(net, limits, horizon), strict=True):
        assert same(course, simulate_unaided(net, own, horizon))
        assert same(course, plain_unaided(net, own, horizon))


def test_a_loop_without_delay_is_refused() -> None:
    net = world(
        ["metal@AAA", "scrap@AAA"],
        [("works@AAA", {"metal@AAA": -1.0, "scrap@AAA": 1.0}, 2.0, 0),
         ("melt@AAA", {"scrap@AAA": -1.0, "metal@AAA": 1.0}, 2.0, 0)],
        members=("AAA",),
    )  # fmt: skip
    horizon = horizon_for(net, 4)
    with pytest.raises(NetworkError, match="feeds itself within one month"):
        simulate_unaided(net, limits_of(net, no_effects(), horizon), horizon)


def model_of(net: SupplyNetwork, limits: Limits, unaided: Flows, way: str, movable: bool = False) -> Model:
    coalition = frozenset(net.members) if way == "joint" else frozenset()
    return Model(net, limits, horizon_for(net, MONTHS), unaided, coalition, way, movable=movable)


@pytest.mark.parametrize("way", ["alone", "joint"])
@tries(10)
@given(figures(), st.lists(shocks(), min_size=2, max_size=4))
def test_a_small_program_kept_warm_finds_what_a_rebuilt_one_finds(way: str, f: Figures, drawn: list[Effects]) -> None:
    """Law: least weighted loss equal to 1e-9; what the plan does is possible, and members lose the same."""
    net = build(f)
    horizon = horizon_for(net, MONTHS)
    released = [shock.frame["field"].eq("stock_release_share").any() for shock in drawn]
    drawn = [shock for shock, touched in zip(drawn, released, strict=True) if not touched] or [no_effects()]
    calm = limits_of(net, no_effects(), horizon)
    compact = Compact(model_of(net, calm, simulate_unaided(net, calm, horizon), way, movable=True))
    compact.start()
    for shock in [*drawn, drawn[0]]:  # the first again: nothing of the others is left behind
        limits = limits_of(net, shock, horizon)
        unaided = simulate_unaided(net, limits, horizon)
        answer = compact.solve(limits, unaided)
        rebuilt = model_of(net, limits, unaided, way)
        solution = solve_single(rebuilt)
        assert answer.objective == pytest.approx(solution.objective, rel=1e-9, abs=1e-6)
        assert broken_limits(net, limits, answer.flows) == []
        total = [
            member_loss(net, limits, horizon, flows)["usd"].sum() for flows in (answer.flows, rebuilt.flows(solution))
        ]
        assert total[0] == pytest.approx(total[1], rel=1e-6, abs=100.0)


def test_uses_of_one_product_share_a_shortage_pro_rata() -> None:
    """AAA uses 3 + 1 t of ore a month in one tier; 2 of 4 t are missing for two months: 3 t of one use and 1 of the other."""
    net = world(["ore@AAA"], [("mine@AAA", {"ore@AAA": 1.0}, 4.0, 0)],
                demands=[("ore@AAA", "general", 3.0), ("ore@AAA", "essential", 1.0)], members=("AAA",))  # fmt: skip
    demands = net.demands.assign(tier="general", value_usd=1e6, demand=["ore@AAA/a/general", "ore@AAA/b/general"])
    net = replace(net, demands=demands)
    horizon = horizon_for(net, MONTHS)
    calm = limits_of(net, no_effects(), horizon)
    compact = Compact(model_of(net, calm, simulate_unaided(net, calm, horizon), "alone", movable=True))
    compact.start()
    limits = limits_of(net, effects(("capacity_share", "mine@AAA", 1, 2, 0.5)), horizon)
    answer = compact.solve(limits, simulate_unaided(net, limits, horizon))
    assert answer.flows.unmet.sum(axis=1).tolist() == pytest.approx([3.0, 1.0], abs=1e-6)
    assert np.allclose(answer.flows.unmet[0], 3.0 * answer.flows.unmet[1], atol=1e-6)
    assert compact.shape[1] < compact.model.program.shape[1] / 2


def test_a_model_that_cannot_take_other_limits_says_so() -> None:
    net = build(Figures((4.0, 4.0, 4.0, 4.0), 0.2, 0.1, 0.3, 1.0, 0.5, 10.0, 1.2, 0.1))
    horizon = horizon_for(net, MONTHS)
    calm = limits_of(net, no_effects(), horizon)
    unaided = simulate_unaided(net, calm, horizon)
    with pytest.raises(ProgramError, match="movable=True"):
        model_of(net, calm, unaided, "alone").retarget(calm, unaided)
    with pytest.raises(ProgramError, match="movable=True"):
        Compact(model_of(net, calm, unaided, "alone"))
    held = limits_of(net, effects(("stock_release_share", "industry:metal@AAA", 1, 2, 0.5)), horizon)
    with pytest.raises(ProgramError, match="industry:metal@AAA was built without a limit on its release"):
        model_of(net, calm, unaided, "alone", movable=True).retarget(held, unaided)
