"""What coordination is worth and how it is split, on worlds solved on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.delivery.coordination import coordination, in_core, shapley
from orebridge.delivery.modes import four_ways

from .hand_worlds import effects, world
from .test_pitfalls import SHORT, WAYS, pool


def test_pitfall_01_a_stock_lent_is_no_value_of_coordination() -> None:
    """The pool world: joint saves 1 t only by handing over AAA's stock, so without lent stock the value is nothing."""
    ways = four_ways(pool(0.0), SHORT, 4, WAYS)
    worth = coordination(ways.plans["alone"], ways.plans["joint"], ("AAA", "BBB"), [ways])
    assert worth.value_usd == pytest.approx(1e6, rel=1e-3)
    assert worth.value_without_lent_stock_usd == pytest.approx(0.0, abs=1e3)
    assert "living on the other's stock" in worth.words
    assert worth.shapley == pytest.approx({"AAA": 5e5, "BBB": 5e5}, rel=1e-3)
    # BBB gains 1 million in metal and pays half of it to AAA, which gains nothing in metal.
    assert worth.payments == pytest.approx({"AAA": 5e5, "BBB": -5e5}, rel=1e-2)
    assert worth.in_core


def test_three_members_one_of_whom_has_what_two_lack() -> None:
    """AAA can mine 2 t a month more. BBB and CCC get no metal in month 4, 4 t each.

    What AAA mines in months 1 and 2 can leave by month 3: 4 t in all, enough for one of them. v(AB) = v(AC) = v(ABC) = 4
    and v(BC) = 0: a glove game. Shapley: AAA 2/3, the others 1/6 each; not in the core (A and B could keep all 4).
    """
    network = world(
        ["metal@AAA", "metal@BBB", "metal@CCC", "metal@CHN"],
        [("mine@CHN", {"metal@CHN": 1.0}, 12.0, 1), ("mine@AAA", {"metal@AAA": 1.0}, 1.0, 1)],
        [("metal", "CHN", "AAA", 4.0), ("metal", "CHN", "BBB", 4.0), ("metal", "CHN", "CCC", 4.0),
         ("metal", "AAA", "BBB", 0.0), ("metal", "AAA", "CCC", 0.0)],
        demands=[("metal@AAA", "general", 5.0), ("metal@BBB", "general", 4.0), ("metal@CCC", "general", 4.0)],
        members=("AAA", "BBB", "CCC"),
        spare=3.0,
        theta=0.0,
    )  # fmt: skip
    gap = effects(("shipment_share", "metal:CHN>BBB", 3, 3, 0.0), ("shipment_share", "metal:CHN>CCC", 3, 3, 0.0))
    ways = four_ways(network, gap, 6, WAYS)
    worth = coordination(ways.plans["alone"], ways.plans["joint"], ("AAA", "BBB", "CCC"), [ways])
    assert worth.value_usd == pytest.approx(4e6, rel=1e-3)
    assert worth.shapley == pytest.approx({"AAA": 8e6 / 3, "BBB": 2e6 / 3, "CCC": 2e6 / 3}, rel=1e-3)
    assert sum(worth.payments.values()) == pytest.approx(0.0, abs=1e-3)
    assert worth.in_core is False


members = ("a", "b", "c", "d")
subsets = [frozenset(m for i, m in enumerate(members) if k >> i & 1) for k in range(1, 16)]


@given(st.lists(st.floats(0, 100), min_size=15, max_size=15))
def test_shapley_laws(figures: list[float]) -> None:
    """Efficiency; a dummy gets what it brings; symmetric members get the same; a value in the core of an additive game."""
    worth = dict(zip(subsets, figures, strict=True))
    parts = shapley(members, worth.__getitem__)
    assert sum(parts.values()) == pytest.approx(worth[frozenset(members)], abs=1e-9)
    alone = {m: worth[frozenset([m])] for m in members}
    additive = {s: sum(alone[m] for m in s) for s in subsets}
    assert shapley(members, additive.__getitem__) == pytest.approx(alone, abs=1e-9)
    assert in_core(alone, additive)
    symmetric = {s: figures[len(s)] for s in subsets}
    same = shapley(members, symmetric.__getitem__)
    assert max(same.values()) - min(same.values()) < 1e-9


@pytest.mark.parametrize(("value", "whole"), [(-5e6, 1e7), (5e6, 0.0)])
def test_a_joint_plan_wrong_footed_by_the_news_has_no_gain_to_split(value: float, whole: float) -> None:
    """Rolled plans are not nested: the split of the game with all known cannot be stretched to what came of it."""
    ways = four_ways(pool(0.0), SHORT, 4, WAYS)
    both = frozenset({"AAA", "BBB"})
    known = replace(ways, coalition_usd={frozenset(): 1e7, both: 1e7 - whole})
    alone = ways.plans["alone"]
    item = (alone.loss["member"] == "AAA") & (alone.loss["item"] == "general")
    joint = replace(alone, loss=alone.loss.assign(usd=alone.loss["usd"] - np.where(item, value, 0.0)))
    worth = coordination(alone, joint, ("AAA", "BBB"), [known])
    assert worth.value_usd == pytest.approx(value)
    assert worth.shapley == {} and worth.payments == {} and worth.in_core is None
    assert worth.why_no_split
    assert ("wrong-foots" in worth.words) == (value < 0)
    assert worth.helps == (value > 0)
