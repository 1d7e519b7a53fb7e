"""Plans that know only what is declared: made anew with the news, carried out in between (arithmetic in comments)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.delivery.modes import four_ways, news_of, rolled_ways
from orebridge.network import SupplyNetwork
from orebridge.session import respond
from orebridge.shocks import Effects, Event

from ..laws.checks import tries
from .hand_worlds import effects, magnets, world
from .test_ways import imbalance

WAYS = ("alone", "treaty", "joint")


def closed(last: int) -> Effects:
    """China sells BBB no metal up to a month."""
    return effects(("shipment_share", "metal:CHN>BBB", 1, last, 0.0))


def saver(stock: float) -> SupplyNetwork:
    """AAA uses 10 t a month (half defence, half general), all from CHN, and holds a stock."""
    return world(
        ["metal@AAA", "metal@CHN"],
        [("mine@CHN", {"metal@CHN": 1.0}, 10.0, 1)],
        [("metal", "CHN", "AAA", 10.0)],
        {"metal@AAA": stock},
        [("metal@AAA", "defence", 5.0), ("metal@AAA", "general", 5.0)],
        members=("AAA",),
        price=0.0,
    )


def gap(last: int) -> Effects:
    return effects(("shipment_share", "metal:CHN>AAA", 1, last, 0.0))


def test_pitfall_16_a_prolonged_ban_finds_the_stock_spent_on_general_use() -> None:
    """20 t of stock. Metal is missing in months 2 and 3 if the ban lasts two months, 2 to 5 if it lasts four.

    Declared for two months, month 2 is served in full (10 t). In month 3 it is prolonged: 10 t are left, which go to
    defence in two of three months: 5 t of defence and 15 t of general use unmet. Who knows all four months keeps the
    20 t for defence: 20 t of general use unmet.
    """
    network, truth = saver(20.0), gap(4)
    perfect = four_ways(network, truth, 8, ("alone",))
    declared = rolled_ways(network, [(1, gap(2)), (3, truth)], perfect, ("alone",))

    def by_tier(flows: object) -> list[float]:
        return [float(row.sum()) for row in flows.unmet]  # type: ignore[attr-defined]

    assert by_tier(perfect.flows["alone"]) == pytest.approx([0.0, 20.0], abs=1e-4)
    assert by_tier(declared.flows["alone"]) == pytest.approx([5.0, 15.0], abs=1e-4)
    assert declared.plans["alone"].loss_usd() > perfect.plans["alone"].loss_usd()


def test_all_declared_at_the_start_is_perfect_foresight() -> None:
    network, truth = magnets(spare=1.3), closed(6)
    perfect = four_ways(network, truth, 8, WAYS)
    again = rolled_ways(network, [(1, truth)], perfect, WAYS)
    for way in WAYS:
        assert again.flows[way].shipment == pytest.approx(perfect.flows[way].shipment, abs=1e-5), way


@tries(4)
@given(declared=st.integers(1, 7), real=st.integers(1, 7), stock=st.floats(0.0, 12.0), spare=st.floats(1.0, 1.5))
def test_a_rolled_course_conserves_mass_and_knows_no_more_than_it_was_told(
    declared: int, real: int, stock: float, spare: float
) -> None:
    network, truth = magnets(stock=stock, spare=spare), closed(real)
    event = Event("ban", 0, real, {}, 1, None, declared)
    news = sorted({1, *(m for m in event.news(0) if m > 1)})
    beliefs = [(month, closed(max(event.believed(month, 0, 8), default=0))) for month in news]
    perfect = four_ways(network, truth, 8, WAYS)
    rolled = rolled_ways(network, beliefs, perfect, WAYS)
    for way, flows in rolled.flows.items():
        assert np.abs(imbalance(rolled.network, flows, rolled.limits.demand)).max() < 1e-4, way
        assert (flows.unmet <= rolled.limits.demand + 1e-6).all()
        # The real ban held, whatever was believed.
        route = list(network.routes["route"]).index("metal:CHN>BBB")
        assert flows.shipment[route, :real].max() < 1e-6, way


@pytest.mark.parametrize(
    ("event", "news", "believed"),
    [
        # Said to last 4 months, lasts 8: known in month 1, prolonged in month 5.
        (Event("ban", 0, 8, {}, 1, None, 4), [1, 5], {1: (1, 4), 4: (1, 4), 5: (1, 8), 9: (1, 8)}),
        # Said to last 6, ends after 2: known to have ended in month 3.
        (Event("ban", 0, 2, {}, 1, None, 6), [1, 3], {1: (1, 6), 2: (1, 6), 3: (1, 2)}),
        # Begins in month 9, announced in month 4.
        (Event("quota", 8, 4, {}, 1, 3, None), [4], {3: None, 4: (9, 12), 12: (9, 12)}),
        # Unannounced: known when it begins.
        (Event("outage", 2, 4, {}, 1), [3], {2: None, 3: (3, 6)}),
    ],
)
def test_what_is_believed_when(event: Event, news: list[int], believed: dict[int, tuple[int, int] | None]) -> None:
    assert sorted(event.news(0)) == news
    for month, span in believed.items():
        months = event.believed(month, 0, 24)
        assert (months[0], months[-1]) == span if span else len(months) == 0


def test_nobody_qualifies_a_recipe_before_the_news() -> None:
    """A plan begun months before the shock is no better than one begun with it, only later.

    The bundled antimony shock of September 2024, in a plan begun in that month and in one begun six months before: the
    tonnes are the same, the loss is discounted by six months more (0.97 to the power of a half), end stock a little less so.
    """
    shock = ["china-antimony-2024"]
    first, early = (
        respond(shock, start=start, months=months, as_dated=True, hinges=False)
        for start, months in (("2024-09", 18), ("2024-03", 24))
    )
    for way, plan in first.plans.items():
        assert early.plans[way].unmet["tonnes"].sum() == pytest.approx(plan.unmet["tonnes"].sum(), rel=1e-6), way
    for way in ("alone", "joint"):
        assert early.plans[way].loss_usd() == pytest.approx(0.97**0.5 * first.plans[way].loss_usd(), rel=1e-3), way
    # Who knew it from the first month would qualify at once and lose less.
    assert early.foresight["alone"] < 0.95 * early.plans["alone"].loss_usd()


def test_news_about_other_chains_is_no_news() -> None:
    network = magnets()
    other = effects(("shipment_share", "cobalt:COD>CHN", 1, 6, 0.0))
    assert [month for month, _ in news_of(network, [(1, closed(4)), (3, closed(4)), (5, closed(8))])] == [1, 5]
    assert [month for month, _ in news_of(network, [(1, other), (3, effects())])] == [1]
