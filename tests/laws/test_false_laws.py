"""Laws that sound right and are false, each with the smallest counterexample: do not test them, do not promise them.

Whoever changes the rules so that one of these becomes true will find a failing test here and should move it to the laws.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from orebridge.delivery.modes import four_ways, weighted_loss
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

from ..delivery.hand_worlds import effects, world

WAYS = ("alone", "treaty", "joint")


def union(*parts: Effects) -> Effects:
    return Effects(pd.concat([part.frame for part in parts], ignore_index=True))


def two_inputs() -> SupplyNetwork:
    """BBB makes 4 t of magnets of 4 t of dy and 4 t of tb; AAA holds 8 t of dy it has no use for."""
    net = world(
        ["dy@AAA", "dy@BBB", "tb@BBB", "dy@CHN", "tb@CHN", "magnet@BBB"],
        [("dymine@CHN", {"dy@CHN": 1.0}, 4.0, 0), ("tbmine@CHN", {"tb@CHN": 1.0}, 4.0, 0),
         ("works@BBB", {"dy@BBB": -1.0, "tb@BBB": -1.0, "magnet@BBB": 1.0}, 4.0, 0)],
        [("dy", "CHN", "BBB", 4.0), ("tb", "CHN", "BBB", 4.0), ("dy", "AAA", "BBB", 0.0)],
        {"dy@AAA": 8.0},
        [("magnet@BBB", "general", 4.0)],
        price=0.0,
    )  # fmt: skip
    return net


def no_dy_and_little_tb(leak: float) -> Effects:
    return effects(("shipment_share", "dy:CHN>BBB", 1, 4, 0.0), ("shipment_share", "tb:CHN>BBB", 1, 4, leak))


@pytest.mark.parametrize(("leak", "value"), [(0.0, 0.0), (0.25, 4e6), (0.5, 8e6)])
def test_pitfall_22_a_milder_shock_may_make_coordination_worth_more(leak: float, value: float) -> None:
    """Dy and tb are banned for BBB in months 1-4 (short in 2-5). Without tb AAA's dy is no help: nothing to coordinate.

    With a quarter of the tb leaking through, 1 t a month can be made of AAA's dy in each of four months: 4 t.
    """
    ways = four_ways(two_inputs(), no_dy_and_little_tb(leak), 6, WAYS)
    alone, joint = ways.plans["alone"].loss_usd(), ways.plans["joint"].loss_usd()
    assert alone == pytest.approx(16e6, rel=1e-4)  # without dy nothing is made alone, whatever the leak of tb
    assert alone - joint == pytest.approx(value, rel=1e-3, abs=100)


def test_two_shocks_may_be_less_bad_than_one_without_a_plan() -> None:
    """CHN's mine makes half (5 of 10 t) in months 1-4: AAA and OUT (5 t each) get 2.5 t, AAA lacks 2.5 t a month: 10 t.

    Ban OUT as well, and CHN has 5 t for AAA alone: nothing is lacking.
    """
    net = world(
        ["ore@AAA", "ore@CHN", "ore@OUT"],
        [("mine@CHN", {"ore@CHN": 1.0}, 10.0, 0)],
        [("ore", "CHN", "AAA", 5.0), ("ore", "CHN", "OUT", 5.0)],
        demands=[("ore@AAA", "general", 5.0), ("ore@OUT", "general", 5.0)],
        members=("AAA",),
    )
    outage = effects(("capacity_share", "mine@CHN", 1, 4, 0.5))
    ban = effects(("shipment_share", "ore:CHN>OUT", 1, 4, 0.0))
    lost = [weighted_loss(net, shock, 6, "unaided") for shock in (outage, ban, union(outage, ban))]
    assert lost == pytest.approx([10e6, 0.0, 0.0], abs=1.0)


def test_a_larger_plant_may_hurt_its_country() -> None:
    """AAA mines 10 t: 5 for its own defence, 5 for a smelter whose metal all goes to OUT. Mine and smelter are halved.

    Without a plan 5 t of ore meet 5 (defence) and 2.5 (smelter) wanted: 2/3 each, 1.67 t of metal go to OUT, and that
    commitment is a number in every way. A smelter twice as large wants 5 t even when halved: 1/2 each, 2.5 t go to OUT,
    and a plan of AAA must honour it: defence lacks 2.5 t a month instead of 1.67, in months 1-4.
    """
    net = world(
        ["ore@AAA", "metal@AAA", "metal@OUT"],
        [("mine@AAA", {"ore@AAA": 1.0}, 10.0, 0), ("smelter@AAA", {"ore@AAA": -1.0, "metal@AAA": 1.0}, 5.0, 0)],
        [("metal", "AAA", "OUT", 5.0)],
        demands=[("ore@AAA", "defence", 5.0), ("metal@OUT", "general", 5.0)],
        members=("AAA",),
    )
    double = net.sites["capacity"].where(net.sites["site"] != "smelter@AAA", 10.0)
    shock = effects(("capacity_share", "mine@AAA", 1, 4, 0.5), ("capacity_share", "smelter@AAA", 1, 4, 0.5))
    larger = replace(net, sites=net.sites.assign(capacity=double))
    lost = [four_ways(n, shock, 6, ("alone",)).plans["alone"].lost_tonnes("AAA")["ore"] for n in (net, larger)]
    assert lost == pytest.approx([4 * 5 / 3, 4 * 2.5], abs=1e-3)


@pytest.mark.parametrize("way", ["unaided", "alone"])
def test_more_stock_may_raise_the_loss_in_dollars(way: str) -> None:
    """AAA uses 5 t of ore a month and sells 5 t to OUT; its mine stops for month 1.

    With 5 t in stock half of them go to OUT without a plan, and a plan must honour that: 2.5 t unmet, 5 t of stock gone.
    With 10 t in stock nothing is unmet and 10 t are gone. Stock priced like use (1 million USD a tonne): 7.5 against 10.
    """
    net = world(
        ["ore@AAA", "ore@OUT"],
        [("mine@AAA", {"ore@AAA": 1.0}, 10.0, 0)],
        [("ore", "AAA", "OUT", 5.0)],
        {"ore@AAA": 5.0},
        [("ore@AAA", "general", 5.0), ("ore@OUT", "general", 5.0)],
        members=("AAA",),
        price=1e6,
    )
    piles = net.stockpiles
    richer = replace(net, stockpiles=piles.assign(s0=2 * piles["s0"], release=2 * piles["release"]))
    outage = effects(("capacity_share", "mine@AAA", 1, 1, 0.0))
    lost = [four_ways(n, outage, 4, ("alone",)).plans[way].loss_usd() for n in (net, richer)]
    assert lost == pytest.approx([7.5e6, 10e6], rel=1e-5)


def test_a_plan_may_lose_more_dollars_than_no_plan() -> None:
    """Tiers come first, dollars second. 1 t of a defence part takes 20 t of ore, 1 t of a general part takes 0.1 t.

    Of 30 t of ore (20 for 1 part defence, 10 for 100 parts general) half is missing in months 1-4. Without a plan half
    of each: 0.5 x 100 + 50 x 1 = 100 million USD a month. A plan keeps defence whole up to 15 t (0.75 parts) and lets
    general go: 0.25 x 100 + 100 x 1 = 125.
    """
    net = world(
        ["ore@AAA", "missile@AAA", "lamp@AAA"],
        [("mine@AAA", {"ore@AAA": 1.0}, 30.0, 0), ("arms@AAA", {"ore@AAA": -20.0, "missile@AAA": 1.0}, 1.0, 0),
         ("lamps@AAA", {"ore@AAA": -0.1, "lamp@AAA": 1.0}, 100.0, 0)],
        demands=[("missile@AAA", "defence", 1.0), ("lamp@AAA", "general", 100.0)],
        members=("AAA",),
    )  # fmt: skip
    ways = four_ways(net, effects(("capacity_share", "mine@AAA", 1, 4, 0.5)), 6, ("alone",))
    assert ways.plans["unaided"].loss_usd() == pytest.approx(4 * 100e6)
    assert ways.plans["alone"].loss_usd() == pytest.approx(4 * 125e6, rel=1e-4)
