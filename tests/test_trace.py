"""A ban must not leak through third countries (small worlds; the arithmetic is in the comments)."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from orebridge.delivery.modes import four_ways
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects, Trace
from orebridge.trace import split_by_origin

from .small import ban, ore_to_magnet


def held(network: SupplyNetwork, effects: Effects, liability: int) -> dict[str, float]:
    """Routes that the trace (not the ban itself) limits, with their share of base in month 1."""
    trace = Trace("CHN", ("metal",), ("JPN",), liability, (1, 2, 3))
    frame = split_by_origin(network, effects, trace)[1].frame
    first = frame[(frame["month"] == 1) & (frame["component"] != "metal:CHN>JPN")]
    return dict(zip(first["component"], first["value"], strict=True))


def test_a_country_that_makes_none_cannot_ship_on_more_than_before() -> None:
    # USA makes no metal: all it could ship to JPN is Chinese. Its magnets are free with liability 0.
    assert held(ore_to_magnet(), ban(3), 0) == {"metal:USA>JPN": 1.0}


@pytest.mark.parametrize("liability", [1, -1])
def test_liability_reaches_what_is_made_of_restricted_feed(liability: int) -> None:
    assert held(ore_to_magnet(), ban(3), liability) == {"metal:USA>JPN": 1.0, "magnet:USA>JPN": 1.0}


def test_a_country_with_its_own_mine_may_ship_its_own() -> None:
    assert held(ore_to_magnet(spare=5.0), ban(3), 0) == {}


def test_a_stricter_limit_in_force_stays() -> None:
    row = pd.DataFrame([("shipment_share", "metal:USA>JPN", 1, 0.5)], columns=["field", "component", "month", "value"])
    effects = ban(3)
    both = replace(effects, frame=pd.concat([effects.frame, row], ignore_index=True))
    assert held(ore_to_magnet(), both, 0) == {"metal:USA>JPN": 0.5}


def test_only_the_months_of_the_ban_are_limited() -> None:
    trace = Trace("CHN", ("metal",), ("JPN",), 0, (2, 3))
    frame = split_by_origin(ore_to_magnet(), ban(2, first=2), trace)[1].frame
    assert sorted(set(frame["month"])) == [2, 3]


def test_untraced_the_partner_passes_on_what_it_holds_of_the_banned_metal() -> None:
    # Four months without Chinese metal, no stock in JPN: 4 x 20 = 80 t of magnet missing. China sells members no more
    # than before, so untraced only USA's 10 t of (Chinese) metal go on to JPN: 70 t missing. Traced: 80 t.
    network, effects = ore_to_magnet(stock=0.0), ban(4)
    traced = replace(effects, traces=(Trace("CHN", ("metal",), ("JPN",), -1, (1, 2, 3, 4)),))

    def shortage(effect: Effects) -> float:
        plan = four_ways(network, effect, 8, ("alone", "joint")).plans["joint"]
        return float(plan.unmet["tonnes"].sum())

    assert shortage(effects) == pytest.approx(70.0, abs=1e-3)
    assert shortage(traced) == pytest.approx(80.0, abs=1e-3)
