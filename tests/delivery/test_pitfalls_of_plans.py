"""More known traps of delivery plans (numbers as in test_pitfalls.py), solved on paper."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orebridge.delivery.coordination import coordination
from orebridge.delivery.hinges import break_even_days, stock_curve
from orebridge.delivery.model import Model
from orebridge.delivery.modes import four_ways, prepare
from orebridge.delivery.stages import solve_single
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects, Trace

from .hand_worlds import effects, magnets, world
from .test_pitfalls import BAN, WAYS


@pytest.mark.parametrize("theta", [0.0, 0.5, 1.0])
def test_pitfall_02_an_ally_with_nothing_to_give_is_no_help_whatever_outsiders_may_lose(theta: float) -> None:
    """AAA buys the 4 t it uses from CHN, as BBB did, and holds 6 t of stock, worth as much as use; CHN sells nobody else.

    BBB lacks 4 t in months 2-5 alone. AAA could lend 6 t, which it would lack at the end: 16 million USD either way. The
    contestable share plays no part, and the words say so instead of selling a ratio.
    """
    net = world(
        ["metal@AAA", "metal@BBB", "metal@CHN"],
        [("mine@CHN", {"metal@CHN": 1.0}, 8.0, 0)],
        [("metal", "CHN", "AAA", 4.0), ("metal", "CHN", "BBB", 4.0), ("metal", "AAA", "BBB", 0.0)],
        {"metal@AAA": 6.0},
        [("metal@AAA", "general", 4.0), ("metal@BBB", "general", 4.0)],
        theta=theta,
    )
    ways = four_ways(net, effects(("shipment_share", "metal:CHN>BBB", 1, 4, 0.0)), 8, WAYS)
    alone, joint = ways.plans["alone"], ways.plans["joint"]
    assert alone.loss_usd() == pytest.approx(16e6, rel=1e-5)
    assert joint.loss_usd() == pytest.approx(16e6, rel=1e-5)
    found = coordination(alone, joint, ("AAA", "BBB"), [ways])
    assert not found.helps
    assert "does not help" in found.words


def through_others() -> SupplyNetwork:
    """CHN sells BBB and OUT 4 t of metal each; OUT sells all of it on to TWO and could sell to BBB as well."""
    return world(
        ["metal@BBB", "metal@CHN", "metal@OUT", "metal@TWO"],
        [("mine@CHN", {"metal@CHN": 1.0}, 8.0, 0)],
        [("metal", "CHN", "BBB", 4.0), ("metal", "CHN", "OUT", 4.0), ("metal", "OUT", "TWO", 4.0), ("metal", "OUT", "BBB", 0.0)],
        demands=[("metal@BBB", "general", 4.0), ("metal@TWO", "general", 4.0)],
        members=("BBB",),
        theta=1.0,
    )  # fmt: skip


def test_pitfall_03_a_ban_leaks_to_nothing_unless_origin_is_followed() -> None:
    """Banned in months 1-4, BBB lacks 4 t in months 2-5. Through OUT it buys TWO's metal instead: that of month 0 is
    there in month 1 already, so nothing lacks at all. Followed through third countries: 16 t.
    """
    months = (1, 2, 3, 4)
    rows = [("shipment_share", "metal:CHN>BBB", 1, 4, 0.0), ("shipment_share", "metal:CHN>OUT", 1, 4, 1.05)]
    ban = effects(*rows)  # type: ignore[arg-type]
    traced = replace(ban, traces=(Trace("CHN", ("metal",), ("BBB",), 0, months),))
    lost = [four_ways(through_others(), shock, 8, ("alone",)).flows["alone"].unmet[0].sum() for shock in (ban, traced)]
    assert lost == pytest.approx([0.0, 16.0], abs=1e-3)


def test_pitfall_06_nothing_but_declared_by_products_is_thrown_away() -> None:
    """BBB's users want nothing for four months: what was on its way waits in a shed, the plan is possible, no waste."""
    net = world(
        ["metal@BBB", "metal@CHN", "slag@CHN"],
        [("mine@CHN", {"metal@CHN": 1.0, "slag@CHN": 0.5}, 4.0, 1)],
        [("metal", "CHN", "BBB", 4.0)],
        demands=[("metal@BBB", "general", 4.0)],
        members=("BBB",),
        waste={"slag@CHN": 2.0},
    )
    ways = four_ways(net, effects(("demand_factor", "metal@BBB/all/general", 1, 4, 0.0)), 6, ("alone",))
    for way, flows in ways.flows.items():
        assert flows.waste[:2].max() == 0.0, way
        assert flows.unmet.max() < 1e-6, way
        assert flows.waste[2, :6].sum() > 0.0, way  # slag goes
    # Without a plan contracts go on: 4 t a month pile up in BBB, 16 t after four months.
    assert ways.flows["unaided"].stock[0, :6] == pytest.approx([4, 8, 12, 16, 16, 16])
    # Under a shortage no product is thrown away either, though part of it has no buyer.
    for way, flows in four_ways(magnets(spare=1.3), BAN, 8, WAYS).flows.items():
        assert flows.waste.max() == 0.0, way


def works(accepted: float, opens: int) -> SupplyNetwork:
    """CHN sells BBB 4 t of metal for 4 t of magnets; a recipe without metal opens later for a share of the works."""
    net = world(
        ["metal@BBB", "magnet@BBB", "metal@CHN"],
        [("mine@CHN", {"metal@CHN": 1.0}, 4.0, 0), ("works@BBB", {"metal@BBB": -1.0, "magnet@BBB": 1.0}, 4.0, 1)],
        [("metal", "CHN", "BBB", 4.0)],
        demands=[("magnet@BBB", "general", 4.0)],
        members=("BBB",),
    )
    acts = net.activities
    free = acts.iloc[[1]].assign(activity="works@BBB/free", recipe="free", x0=0.0, opens=opens, accepted=accepted)
    term = pd.DataFrame({"activity": [2], "node": [1], "coefficient": [1.0]})
    return replace(net, activities=pd.concat([acts, free], ignore_index=True),
                   terms=pd.concat([net.terms, term], ignore_index=True))  # fmt: skip


@pytest.mark.parametrize(
    ("accepted", "opens", "short"), [(0.0, 2, 24.0), (0.5, 2, 14.0), (0.5, 4, 18.0), (1.0, 2, 4.0)]
)
def test_pitfall_08_a_recipe_that_opens_decides_the_answer(accepted: float, opens: int, short: float) -> None:
    """No metal leaves CHN in months 1-6, none arrives in 2-7, no magnets come out in 3-8: 4 t lack in each, 24 in all.

    A recipe for half the works that opens after 2 months runs in months 3-7 and gives 2 t in each of months 4-8: 14 t
    lack. Open after 4 months: in months 6-8 only, 18 t. For all of the works: only month 3, 4 t.
    """
    ways = four_ways(works(accepted, opens), effects(("shipment_share", "metal:CHN>BBB", 1, 6, 0.0)), 10, ("alone",))
    assert ways.flows["alone"].unmet.sum() == pytest.approx(short, abs=1e-3)
    ran = ways.flows["alone"].activity[2]
    assert ran[:opens].max() < 1e-6
    assert ran.max() <= accepted * 4.0 + 1e-6


def test_pitfall_09_loss_is_shown_against_days_of_stock() -> None:
    """10 t a month are used; one month's 10 t are missing. s days hold 10 s/30.4375 t: nothing at 0 days, 9.86 t at 30.

    Loss in million USD: 10, 0.144, then 0. It falls to 1 % of 10 at 30 + (0.144 - 0.1)/0.144 x 30 days.
    """
    net = world(
        ["metal@AAA", "metal@CHN"],
        [("mine@CHN", {"metal@CHN": 1.0}, 10.0, 0)],
        [("metal", "CHN", "AAA", 10.0)],
        {"metal@AAA": 5.0},
        [("metal@AAA", "general", 10.0)],
        members=("AAA",),
        price=0.0,
    )
    curve = stock_curve(net, effects(("shipment_share", "metal:CHN>AAA", 1, 1, 0.0)), 4, ("unaided", "alone"))
    left = 10.0 - 10.0 * 30 / 30.4375
    for way in ("unaided", "alone"):
        loss = curve[curve["way"] == way].sort_values("days")["loss_usd"].to_numpy() / 1e6
        assert loss == pytest.approx([10.0, left, *[0.0] * (len(loss) - 2)], abs=1e-4), way
        assert break_even_days(curve, way) == pytest.approx(30 + (left - 0.1) / left * 30, abs=0.01)


def saver(rate: float) -> SupplyNetwork:
    """AAA uses 10 t a month, all from CHN a month away, and holds 20 t of no end value."""
    return world(
        ["metal@AAA", "metal@CHN"],
        [("mine@CHN", {"metal@CHN": 1.0}, 10.0, 1)],
        [("metal", "CHN", "AAA", 10.0)],
        {"metal@AAA": 20.0},
        [("metal@AAA", "general", 10.0)],
        members=("AAA",),
        price=0.0,
        discount_rate=rate,
    )


@pytest.mark.parametrize(
    ("rate", "short"), [(0.0, [4, 4, 4, 4, 4, 0, 0, 0]), (0.03, [0, 0, 0, 10, 10, 0, 0, 0])], ids=["level", "later"]
)
def test_pitfall_11_of_equal_plans_one_is_the_answer(rate: float, short: list[float]) -> None:
    """Nothing arrives in months 2-5: 40 t less 20 t of stock, 20 t lack, in any months up to 5.

    A loss that weighs less later is put off: months 4 and 5. Where time does not count the months share it, 4 t each,
    month 1 included. And any two solves agree.
    """
    ban = effects(("shipment_share", "metal:CHN>AAA", 1, 4, 0.0))
    one, two = (four_ways(saver(rate), ban, 8, ("alone",), workers=k).flows["alone"] for k in (1, 2))
    assert one.unmet[0, :8] == pytest.approx(short, abs=1e-3)
    for name in ("activity", "shipment", "stock", "unmet"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_pitfall_14_a_hopeless_demand_does_not_void_fairness() -> None:
    """BBB wants 0.1 t of a rare metal that comes from CHN alone and is banned for good. It is left out of fairness.

    CHN's other metal is halved in months 1-4: 2 of 4 t each for AAA and BBB. Joint serves the same of it with the
    hopeless use as without it, to each alike.
    """
    nodes = ["metal@AAA", "metal@BBB", "metal@CHN"]
    makes = [("mine@CHN", {"metal@CHN": 1.0}, 8.0, 0)]
    ships = [("metal", "CHN", "AAA", 4.0), ("metal", "CHN", "BBB", 4.0), ("metal", "AAA", "BBB", 0.0)]
    uses = [("metal@AAA", "general", 4.0), ("metal@BBB", "general", 4.0)]
    plain = world(nodes, makes, ships, demands=uses, price=0.0)
    hopeless = world(
        [*nodes, "rare@BBB", "rare@CHN"], [*makes, ("rare@CHN", {"rare@CHN": 1.0}, 0.1, 0)],
        [*ships, ("rare", "CHN", "BBB", 0.1)], demands=[*uses, ("rare@BBB", "general", 0.1)], price=0.0,
    )  # fmt: skip
    half = effects(("capacity_share", "mine@CHN", 1, 4, 0.5))
    gone = effects(("capacity_share", "mine@CHN", 1, 4, 0.5), ("shipment_share", "rare:CHN>BBB", 1, 10, 0.0))
    one = four_ways(plain, half, 10, WAYS)
    two = four_ways(hopeless, gone, 10, WAYS)
    for way in WAYS:
        assert two.flows[way].unmet[:2].sum(1) == pytest.approx(one.flows[way].unmet.sum(1), abs=0.02), way
        assert two.flows[way].unmet[:2].sum() == pytest.approx(4 * 4.0, rel=0.011), way
    stages = two.plans["joint"].stages
    assert stages["B general"] < 0.5  # nobody is made as badly off as the hopeless use is


def twins() -> SupplyNetwork:
    """Two worlds side by side that share no metal: `magnets` and the same with other labels."""
    one, other = magnets(spare=1.3), magnets(stock=2.0)
    frames = {}
    shift = {"site": len(one.sites), "node": len(one.nodes), "activity": len(one.activities)}
    for name in ("nodes", "sites", "activities", "terms", "routes", "stockpiles", "demands"):
        frame = getattr(other, name).copy()
        for column in ("commodity",):
            if column in frame:
                frame[column] = "other " + frame[column]
        for label in ("node", "site", "activity", "route", "stockpile", "demand"):
            if label in frame and not pd.api.types.is_numeric_dtype(frame[label]):
                frame[label] = "other " + frame[label]
        for column, target in (
            ("site", "site"),
            ("node", "node"),
            ("activity", "activity"),
            ("from_node", "node"),
            ("to_node", "node"),
        ):
            if column in frame and pd.api.types.is_numeric_dtype(frame[column]):
                frame[column] = frame[column] + shift[target]
        frames[name] = pd.concat([getattr(one, name), frame], ignore_index=True)
    return replace(one, **frames)


@pytest.mark.parametrize("way", ["alone", "joint"])
def test_pitfall_20_chains_that_share_nothing_are_worth_the_sum(way: str) -> None:
    """Stage A of two worlds in one model is the sum of each by itself, and the program falls into parts.

    Rows that bind members across chains (nobody worse, fairness, cuts) are written per chain, so plans are made apart.
    """
    other = Effects(BAN.frame.assign(component="other " + BAN.frame["component"]))
    both = Effects(pd.concat([BAN.frame, other.frame], ignore_index=True))

    def objective(net: SupplyNetwork, shock: Effects) -> float:
        net, limits, horizon, unaided = prepare(net, shock, 8)
        coalition = frozenset(net.members) if way == "joint" else frozenset()
        return solve_single(Model(net, limits, horizon, unaided, coalition, way)).objective

    apart = objective(magnets(spare=1.3), BAN) + objective(magnets(stock=2.0), BAN)
    assert objective(twins(), both) == pytest.approx(apart, rel=1e-7)
    assert len(set(twins().components().tolist())) > 1


def test_every_pitfall_has_its_test() -> None:
    import re
    from pathlib import Path

    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.parent.rglob("test_*.py"))
    found = {
        int(number) for name in re.findall(r"def test_pitfall_(\w+)", text) for number in re.findall(r"\d\d", name)
    }
    assert found >= set(range(1, 23)), sorted(set(range(1, 23)) - found)
    assert math.isclose(len(found), 22)
