"""A ban must not leak through third countries (small worlds; the arithmetic is in the comments)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orebridge.delivery.modes import four_ways
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects, Trace
from orebridge.trace import FREE, liable, split_by_origin

from .delivery.hand_worlds import effects, world
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
    # The restricted class is held at base; the route for USA's own metal carries no limit.
    assert held(ore_to_magnet(spare=5.0), ban(3), 0) == {"metal:USA>JPN": 1.0}
    network, _ = split_by_origin(ore_to_magnet(spare=5.0), ban(3), Trace("CHN", ("metal",), ("JPN",), 0, (1,)))
    assert f"metal:USA>JPN{FREE}" in set(network.routes["route"])


def test_a_stricter_limit_in_force_stays() -> None:
    row = pd.DataFrame([("shipment_share", "metal:USA>JPN", 1, 0.5)], columns=["field", "component", "month", "value"])
    effects = ban(3)
    both = replace(effects, frame=pd.concat([effects.frame, row], ignore_index=True))
    # With two classes the limit on the route holds for either.
    assert held(ore_to_magnet(), both, 0) == {"metal:USA>JPN": 0.5, f"metal:USA>JPN{FREE}": 0.5}


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


def mixed(own: float = 10.0, abroad: float = 0.0, stock: float = 4.0) -> SupplyNetwork:
    """VNM gets 30 t of metal from CHN, mines `own`, makes magnets of all, ships 20 t to BBB and `abroad` to CHN."""
    metal = 30.0 + own
    return world(
        ["metal@CHN", "metal@VNM", "magnet@VNM", "magnet@BBB", "magnet@CHN"],
        [
            ("mine@CHN", {"metal@CHN": 1.0}, 30.0, 1),
            ("mine@VNM", {"metal@VNM": 1.0}, own, 1),
            ("works@VNM", {"metal@VNM": -1.0, "magnet@VNM": 1.0}, metal, 1),
        ],
        [("metal", "CHN", "VNM", 30.0), ("magnet", "VNM", "BBB", 20.0), ("magnet", "VNM", "CHN", abroad)],
        {"metal@VNM": 2 * stock, "magnet@VNM": stock},
        [
            ("magnet@VNM", "general", metal - 20.0 - abroad),
            ("magnet@BBB", "general", 20.0),
            ("magnet@CHN", "general", abroad),
        ],
        members=("BBB",),
    )


ALL_STAGES = Trace("CHN", ("metal",), ("BBB",), -1, (1, 2, 3, 4, 5, 6))


def test_base_year_flows_are_shared_by_origin() -> None:
    # 30 of 40 t of VNM's metal are Chinese, so three quarters of its magnets and of what it ships on.
    network, traced = split_by_origin(mixed(), effects(), ALL_STAGES)
    y0 = network.routes.set_index("route")["y0"]
    assert y0["magnet:VNM>BBB"] == pytest.approx(15.0)
    assert y0[f"magnet:VNM>BBB{FREE}"] == pytest.approx(5.0)
    x0 = network.activities.set_index("activity")["x0"]
    assert x0["works@VNM/standard"] == pytest.approx(30.0)
    assert x0[f"works@VNM/standard{FREE}"] == pytest.approx(10.0)
    # 10 t of free magnets: 5 go to BBB, 5 into common use at home.
    assert x0["any origin:magnet@VNM"] == pytest.approx(5.0)
    assert network.imbalance() == pytest.approx(0.0, abs=1e-9)
    s0 = network.stockpiles.set_index("stockpile")["s0"]
    assert s0["industry:metal@VNM"] == pytest.approx(6.0)
    assert s0[f"industry:metal@VNM{FREE}"] == pytest.approx(2.0)
    assert set(traced.frame["component"]) == {"magnet:VNM>BBB"}


def test_the_free_part_may_grow_and_the_restricted_part_may_not() -> None:
    # BBB wants 40 t a month instead of 20 (surge). theta 1: VNM may turn from its buyer in CHN to BBB altogether.
    # Its 10 t of free magnets a month all go to BBB; restricted ones stay at 15 t: 25 of 40 t,
    # from month 2 on (what arrives in month 1 left before).
    network = mixed(abroad=20.0, stock=0.0).assume("theta", 1.0)
    surge = effects(("demand_factor", "magnet@BBB/all/general", 1, 12, 2.0))
    traced = replace(surge, traces=(replace(ALL_STAGES, months=tuple(range(1, 13))),))
    plan = four_ways(network, traced, 12, ("alone",)).plans["alone"]
    short = plan.unmet.groupby("month")["tonnes"].sum()
    assert short.tolist() == pytest.approx([20.0] + [15.0] * 11, abs=1e-4)
    untraced = four_ways(network, surge, 12, ("alone",)).plans["alone"].unmet.groupby("month")["tonnes"].sum()
    assert untraced.tolist() == pytest.approx([20.0] + [0.0] * 11, abs=1e-4)


@pytest.mark.parametrize("own", [0.0, 1e-9, 10.0, 1000.0])
@pytest.mark.parametrize("liability", [0, 1, -1])
def test_origin_classes_change_no_total_and_no_base_year(own: float, liability: int) -> None:
    old = mixed(own)
    network, _ = split_by_origin(old, effects(), replace(ALL_STAGES, liability_stages=liability))
    keys = ["commodity", "origin", "destination"]
    now, then = (n.routes.groupby(keys)["y0"].sum() for n in (network, old))
    pd.testing.assert_series_equal(now, then)
    ways = four_ways(old, replace(effects(), traces=(replace(ALL_STAGES, liability_stages=liability),)), 6, ("alone",))
    for plan in ways.plans.values():
        assert plan.loss_usd() == pytest.approx(0.0, abs=1e-6)
        assert np.abs(plan.flows["tonnes"] - plan.flows["base"]).max() < 1e-5
        assert not plan.flows.duplicated([*keys, "month"]).any()
        assert not plan.activity["site"].str.startswith("any origin").any()


def test_what_recycling_recovers_beside_the_restricted_metal_is_free() -> None:
    network = world(
        ["dy@VNM", "nd@VNM", "magnet@VNM", "swarf@VNM"],
        [
            ("mine@VNM", {"dy@VNM": 1.0, "nd@VNM": 1.0}, 8.0, 1),
            ("works@VNM", {"dy@VNM": -1.0, "nd@VNM": -1.0, "magnet@VNM": 1.8, "swarf@VNM": 0.2}, 10.0, 1),
            ("recovery@VNM", {"swarf@VNM": -1.0, "nd@VNM": 1.0, "dy@VNM": 1.0}, 2.0, 1),
        ],
        demands=[("magnet@VNM", "general", 18.0)],
    )
    sites = network.sites.assign(kind=["mining", "component", "recycling"])
    reached = liable(replace(network, sites=sites), Trace("CHN", ("dy",), ("BBB",), -1, (1,)))
    assert reached == {"dy", "magnet", "swarf"}
