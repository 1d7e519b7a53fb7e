"""The stock curve and the tornado: what a rebuilt world loses, with every assumption's ends stated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orebridge.build import build_network
from orebridge.delivery.hinges import (
    COLUMNS,
    STOCK_DAYS,
    break_even_days,
    stock_curve,
    tornado,
    with_stock_days,
)
from orebridge.delivery.limits import restrict_to
from orebridge.delivery.modes import weighted_loss
from orebridge.delivery.swings import stretched, swings
from orebridge.delivery.warm import Warm, case_of, own_use, total
from orebridge.network import Assumption, SupplyNetwork
from orebridge.shocks import Effects, Trace, effects_of, load_shock
from orebridge.world import load_world

from .hand_worlds import effects, magnets

BAN = effects(
    ("shipment_share", "metal:CHN>BBB", 1, 4, 0.1),
    ("shipment_share", "metal:CHN>AAA", 1, 4, 1.05),
)
RANGES = {
    "theta": (0.0, 0.5), "terminal_share": (0.5, 2.0), "discount_rate": (0.0, 0.07), "restriction_slack": (0.0, 0.25),
    "new_source_months": (0.0, 9.0), "stock_days_scale": (0.0, 3.0), "tier_value_ratio": (0.2, 5.0),
    "outsider_weight": (0.001, 0.05),
}  # fmt: skip


def ranged(net: SupplyNetwork) -> SupplyNetwork:
    """The hand world with the bundled ranges, a range of values, and a recipe that needs half the metal."""
    known = dict(net.assumptions)
    for name, (low, high) in RANGES.items():
        value = min(max(known[name].value, low), high)
        known[name] = Assumption(name, value, low, high, "share", "test")
    value = net.demands["value_usd"]
    acts, terms = net.activities, net.terms
    thrifty = acts.iloc[[2]].assign(activity="works@BBB/thrifty", recipe="thrifty", x0=0.0, opens=3, accepted=0.4)
    own = terms[terms["activity"] == 2].assign(activity=len(acts))
    own["coefficient"] = np.where(own["coefficient"] < 0, -0.5, 1.0)
    return replace(
        net,
        assumptions=known,
        demands=net.demands.assign(value_low_usd=value * 0.2, value_high_usd=value * 3.0),
        activities=pd.concat([acts, thrifty], ignore_index=True),
        terms=pd.concat([terms, own], ignore_index=True),
        sites=net.sites.assign(surge=0.05, ramp=0.5),
        routes=net.routes.assign(opens=np.where(net.routes["y0"] == 0, known["new_source_months"].value, 0.0)),
    )


@pytest.fixture(scope="module")
def gallium() -> tuple[SupplyNetwork, Effects]:
    """The bundled gallium chain under the ban."""
    net = build_network(load_world(), ("USA", "JPN"), ["gallium"])
    shock = load_shock("china-gallium-germanium-ban")
    event = replace(shock.events[0], keys={**shock.events[0].keys, "commodities": ["gallium/*"]})
    own = effects_of([replace(shock, events=(event,))], net, 18, "2026-12")
    return net, restrict_to(own, net)


def same_as_rebuilt(net: SupplyNetwork, shock: Effects, months: int, way: str) -> pd.DataFrame:
    """The tornado, each figure compared with a model built and solved from nothing."""
    frame = tornado(net, shock, months, way).set_index("assumption")
    for swing in swings(net, shock, months):
        for end, value in (("low", swing.low), ("stated", swing.stated), ("high", swing.high)):
            rebuilt = total(Warm(way).loss(case_of(*swing.at(value), months)))
            assert frame.loc[swing.name, end] == pytest.approx(rebuilt, rel=1e-9, abs=1e-3), (swing.name, end)
            assert rebuilt == pytest.approx(weighted_loss(*swing.at(value), months, way), rel=1e-9, abs=1e-3), (
                swing.name
            )
    return frame


@pytest.mark.parametrize("way", ["alone", "joint"])
def test_law_warm_is_rebuilt_on_a_hand_world(way: str) -> None:
    frame = same_as_rebuilt(ranged(magnets(3.0, spare=1.3, discount_rate=0.03)), BAN, 8, way)
    assert len(frame) == 17
    assert (frame["swing"] > 1.0).sum() >= 6


def test_law_warm_is_rebuilt_on_the_gallium_chain(gallium: tuple[SupplyNetwork, Effects]) -> None:
    frame = same_as_rebuilt(*gallium, 18, "joint")
    assert frame["swing"].max() > 1e6


@pytest.mark.parametrize("way", ["unaided", "alone", "joint"])
def test_law_the_stock_curve_is_rebuilt(gallium: tuple[SupplyNetwork, Effects], way: str) -> None:
    net, shock = gallium
    curve = stock_curve(net, shock, 18, ("unaided", "alone", "joint")).query("way == @way")
    assert list(curve["days"]) == list(STOCK_DAYS)
    for row in curve.itertuples():
        rebuilt = weighted_loss(with_stock_days(net, row.days), shock, 18, way)
        assert row.loss_usd == pytest.approx(rebuilt, rel=1e-9, abs=1e-3)


def test_every_swing_states_its_ends_and_the_widest_comes_first() -> None:
    net = ranged(magnets(3.0, spare=1.3))
    frame = tornado(net, BAN, 8, "alone")
    assert list(frame.columns) == COLUMNS
    assert (frame["low_at"] < frame["high_at"]).all() and (frame["unit"] != "").all() and (frame["title"] != "").all()
    assert (frame["low_at"] <= frame["stated_at"]).all() and (frame["stated_at"] <= frame["high_at"]).all()
    assert list(frame["swing"]) == sorted(frame["swing"], reverse=True)
    assert {"shock_months", "leakage", "value_usd", "stock_days_scale", "tier_shares",
            "accepted", "opens"} <= set(frame["assumption"])  # fmt: skip
    ends = frame.set_index("assumption")
    assert tuple(ends.loc["shock_months", ["low_at", "stated_at", "high_at"]]) == (2, 4, 8)
    assert tuple(ends.loc["leakage", ["low_at", "stated_at", "high_at"]]) == pytest.approx((0.0, 0.1, 0.3))
    assert tuple(ends.loc["value_usd", ["low_at", "high_at"]]) == pytest.approx((0.2, 3.0))


def test_pitfall_08_and_09_recipe_and_stock_move_the_answer_as_they_should() -> None:
    ends = tornado(ranged(magnets(3.0, spare=1.3)), BAN, 8, "alone").set_index("assumption")
    for name in ("stock_days_scale", "accepted", "leakage"):  # more of it, less lost
        assert ends.loc[name, "low"] > ends.loc[name, "stated"] >= ends.loc[name, "high"], name
    assert ends.loc["shock_months", "low"] < ends.loc["shock_months", "high"]
    assert ends.loc["opens", "low"] <= ends.loc["opens", "high"]


def test_values_scale_the_loss() -> None:
    """Metal is worth nothing at the end (price 0), so only output counts: a fifth of the value is a fifth of the loss."""
    net = ranged(magnets(3.0, spare=1.3))
    net = replace(net, stockpiles=net.stockpiles.assign(replacement_usd=0.0))
    row = tornado(net, BAN, 8, "alone").set_index("assumption").loc["value_usd"]
    assert row["low"] == pytest.approx(0.2 * row["stated"], rel=1e-9)
    assert row["high"] == pytest.approx(3.0 * row["stated"], rel=1e-9)


def test_a_network_without_ranges_or_choices_has_no_such_swings() -> None:
    names = {swing.name for swing in swings(magnets(), BAN, 8)}
    assert "value_usd" not in names and "accepted" not in names
    assert "theta" not in names  # its low and high are one
    quota = effects(("shipment_share", "metal:CHN>BBB", 1, 4, 0.6))
    assert "leakage" not in {swing.name for swing in swings(magnets(), quota, 8)}


def test_a_shock_is_stretched_from_its_first_month() -> None:
    """Months 3-6 with values 0, 0, 0.5, 0.5: twice as long is 3-10 with each value twice, half as long 3-4."""
    rows = [("shipment_share", "r", t, v) for t, v in ((3, 0.0), (4, 0.0), (5, 0.5), (6, 0.5))]
    frame = pd.DataFrame(rows, columns=["field", "component", "month", "value"])
    shock = Effects(frame, (Trace("CHN", ("metal",), ("BBB",), 0, (3, 4, 5, 6)),))
    double, half = stretched(shock, 2.0, 12), stretched(shock, 0.5, 12)
    assert double.frame["month"].tolist() == list(range(3, 11))
    assert double.frame["value"].tolist() == [0.0] * 4 + [0.5] * 4
    assert half.frame["month"].tolist() == [3, 4] and half.frame["value"].tolist() == [0.0, 0.5]
    assert double.traces[0].months == tuple(range(3, 11)) and half.traces[0].months == (3, 4)
    assert stretched(shock, 2.0, 8).frame["month"].max() == 8  # never beyond the plan


def test_days_of_stock_are_days_of_own_use() -> None:
    """BBB's works take 4 t of metal a month; AAA uses 3 t of magnets itself and exports 1 t, which needs no stock."""
    net = magnets()
    at = dict(zip(net.nodes["node"], own_use(net), strict=True))
    assert at["metal@BBB"] == 4.0 and at["magnet@AAA"] == 3.0 and at["metal@CHN"] == 2.0
    held = with_stock_days(net, 30.4375 * 2).stockpiles.set_index("stockpile")
    assert held.loc["industry:magnet@AAA", "s0"] == pytest.approx(6.0)
    assert held.loc["industry:magnet@AAA", "release"] == pytest.approx(6.0)
    assert held.loc["industry:metal@CHN", "s0"] == 0.0  # outsiders keep theirs
    counted = replace(net, stockpiles=net.stockpiles.assign(assumed=False))
    assert with_stock_days(counted, 240).stockpiles["s0"].tolist() == counted.stockpiles["s0"].tolist()


def test_more_stock_never_hurts_and_the_curve_has_a_break_even() -> None:
    curve = stock_curve(magnets(3.0, price=1.0), BAN, 8, ("unaided", "alone", "joint"))
    for way, group in curve.groupby("way"):
        loss = group.sort_values("days")["loss_usd"].to_numpy()
        assert (np.diff(loss) <= 1e-6 * loss[0]).all(), way
        assert loss[0] > 0 and loss[-1] == pytest.approx(0.0, abs=100.0)  # some of the stock is spent
    days = {way: break_even_days(curve, str(way)) for way in ("unaided", "alone", "joint")}
    assert 0 < days["joint"] <= days["alone"] + 0.01 <= days["unaided"] + 0.02 < 240


def test_break_even_days_by_hand() -> None:
    def curve(*loss: float) -> pd.DataFrame:
        return pd.DataFrame({"days": [0, 30, 60, 90][: len(loss)], "way": "alone", "loss_usd": loss})

    assert break_even_days(curve(100.0, 51.0, 0.0), "alone") == pytest.approx(30 + 30 * 50 / 51)
    assert break_even_days(curve(0.0, 0.0), "alone") == 0.0
    assert np.isnan(break_even_days(curve(100.0, 60.0, 50.0), "alone"))
    assert np.isnan(break_even_days(curve(100.0, float("nan"), 0.0), "alone"))
    assert np.isnan(break_even_days(curve(100.0, 0.0), "joint"))  # not in the curve
    # It dips and rises again: what counts is where it stays down.
    assert break_even_days(curve(100.0, 0.0, 21.0, 1.0), "alone") == pytest.approx(90.0)
