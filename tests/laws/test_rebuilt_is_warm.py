"""A model changed in place answers as a rebuilt one: objective to 1e-9 relative, and after stage F the same flows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orebridge.delivery.model import Model
from orebridge.delivery.modes import prepare
from orebridge.delivery.stages import solve_single, solve_staged
from orebridge.delivery.warm import Warm, case_of
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects, no_effects

from .checks import tries
from .random_worlds import MONTHS, Figures, build, figures, shocks


def made(network: SupplyNetwork, shock: Effects, way: str) -> Model:
    net, limits, horizon, unaided = prepare(network, shock, MONTHS)
    return Model(net, limits, horizon, unaided, frozenset(net.members) if way == "joint" else frozenset(), way)


@pytest.mark.parametrize("way", ["alone", "joint"])
@tries(6)
@given(figures(), st.lists(shocks(), min_size=3, max_size=3))
def test_a_sweep_gives_the_objective_of_each_rebuilt_model(way: str, f: Figures, effects: list[Effects]) -> None:
    """One program goes through the base year, three shocks and the first again; each against a model of its own."""
    net, warm = build(f), Warm(way)
    for shock in (no_effects(MONTHS), *effects, effects[0]):
        found = warm.solve(case_of(net, shock, MONTHS))[1].objective
        # The solver keeps bounds to 1e-7 t, and a tonne of defence weighs 10^6 million USD here: 1e-3 is 1e-9 t of it.
        assert found == pytest.approx(solve_single(made(net, shock, way)).objective, rel=1e-9, abs=1e-3)


@pytest.mark.parametrize("way", ["alone", "joint"])
@tries(6)
@given(figures(), shocks(), shocks())
def test_after_the_last_stage_the_flows_are_those_of_a_rebuilt_model(
    way: str, f: Figures, first: Effects, then: Effects
) -> None:
    """All stages for one shock, all undone, the bounds and limits of another taken over in place, all stages again."""
    net = build(f)
    kept, rebuilt = made(net, first, way), made(net, then, way)
    with kept.program.changed():
        solve_staged(kept)
    assume(kept.program.adopt(rebuilt.program))  # else a shock closes a pool or a stock that the other leaves open
    kept.limits, kept.unaided, kept.need = rebuilt.limits, rebuilt.unaided, rebuilt.need
    one, two = solve_staged(kept), solve_staged(rebuilt)
    for name, value in two.stages.items():
        assert one.stages[name] == pytest.approx(value, rel=1e-5, abs=1e-5), name
    a, b = kept.flows(one.solution), rebuilt.flows(two.solution)
    size = 1.0 + net.throughput().max()
    for name in ("activity", "shipment", "stock", "unmet", "waste"):
        assert np.abs(getattr(a, name) - getattr(b, name)).max() < 1e-4 * size, name
