"""More of something never makes stage A worse; where that is not true, a counterexample says so.

Stage A is lexicographic; as one figure it is the weighted sum of unmet use (tiers 10^4 : 10^2 : 1) in the single solve,
here without the end stocks: those are another stage.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.delivery.model import TIERS, Model
from orebridge.delivery.modes import prepare
from orebridge.delivery.stages import tier_costs
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

from .checks import tries
from .random_worlds import MONTHS, Figures, build, figures, shocks


def stage_a(network: SupplyNetwork, shock: Effects, way: str) -> float:
    net, limits, horizon, unaided = prepare(network, shock, MONTHS)
    coalition = frozenset(net.members) if way == "joint" else frozenset()
    model = Model(net, limits, horizon, unaided, coalition, way)
    costs = []
    for tier, factor in zip(TIERS, (1e4, 1e2, 1.0), strict=True):
        costs += [(ids, values * factor) for ids, values in tier_costs(model, tier)]
    model.program.minimise(costs)
    return model.program.solve().objective


def no_worse(more: float, less: float) -> bool:
    return more <= less * (1.0 + 1e-7) + 1e-4


@pytest.mark.parametrize("way", ["alone", "joint"])
@tries(8)
@given(figures(), shocks(), st.floats(1.0, 30.0))
def test_more_stock_of_a_member_never_hurts(way: str, f: Figures, shock: Effects, more: float) -> None:
    net = build(f)
    piles = net.stockpiles
    ours = piles["country"].isin(net.members)
    extra = np.where(ours, more, 0.0)
    richer = replace(net, stockpiles=piles.assign(s0=piles["s0"] + extra, release=piles["release"] + extra))
    assert no_worse(stage_a(richer, shock, way), stage_a(net, shock, way))


@pytest.mark.parametrize("way", ["alone", "joint"])
@tries(8)
@given(figures(), shocks(), st.floats(0.0, 1.0))
def test_more_room_in_plants_never_hurts(way: str, f: Figures, shock: Effects, more: float) -> None:
    """Overtime, not nameplate capacity: a plant without a plan knows no overtime, so the course without one stays."""
    net = build(f)
    wider = replace(net, sites=net.sites.assign(surge=net.sites["surge"] + more))
    assert no_worse(stage_a(wider, shock, way), stage_a(net, shock, way))


@pytest.mark.parametrize("way", ["alone", "joint"])
@tries(8)
@given(figures(), shocks(), st.floats(0.0, 20.0))
def test_an_idle_plant_of_a_member_never_hurts(way: str, f: Figures, shock: Effects, room: float) -> None:
    assert no_worse(stage_a(build(replace(f, idle=f.idle + room)), shock, way), stage_a(build(f), shock, way))


@pytest.mark.parametrize("way", ["alone", "joint"])
@tries(8)
@given(figures(), shocks(), st.floats(0.0, 0.5))
def test_more_contestable_trade_never_hurts_members(way: str, f: Figures, shock: Effects, more: float) -> None:
    net = build(f)
    assert no_worse(stage_a(net.assume("theta", net.assumption("theta") + more), shock, way), stage_a(net, shock, way))
