"""A restriction that follows its material through third countries never brings the banned buyer more."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from orebridge.delivery.modes import four_ways
from orebridge.delivery.warm import Warm, case_of
from orebridge.shocks import Effects
from orebridge.trace import FREE, liable, split_by_origin

from .checks import WAYS, tries
from .random_worlds import MONTHS, Figures, bans, build, figures


@tries(8)
@given(figures(), bans())
def test_restricted_material_reaches_the_banned_buyer_at_base_and_leak_only(f: Figures, ban: Effects) -> None:
    """In every way and month of the ban: what third countries send on of the restricted class."""
    net, (trace,) = build(f), ban.traces
    split, _ = split_by_origin(net, ban, trace)
    covered = liable(net, trace)
    routes = split.routes
    held = (
        routes["commodity"].isin(covered) & (routes["destination"] == "BBB") & ~routes["origin"].isin(["CHN", "BBB"])
        & ~routes["route"].str.endswith(FREE)
    ).to_numpy()  # fmt: skip
    ways = four_ways(net, ban, MONTHS, WAYS)
    assert list(ways.network.routes["route"]) == list(routes["route"])
    most = (1.0 + trace.leak) * routes["y0"].to_numpy(dtype=float)
    for way, flows in ways.flows.items():
        # A route that only free material can use carries no limit; it starts where nothing restricted arrives.
        limited = held & ~np.isnan(ways.limits.route_share[:, 0])
        sent = flows.shipment[:, : trace.months[-1]]
        assert (sent[limited] <= most[limited, None] + 1e-5).all(), way


def objective(f: Figures, ban: Effects, way: str) -> float:
    """Least weighted loss; not dollars, which may fall by a hair where a tier gains what stocks lose."""
    return Warm(way).solve(case_of(build(f), ban, MONTHS))[1].objective


@pytest.mark.parametrize("way", ["alone", "joint"])
@tries(8)
@given(figures(), bans())
def test_following_the_origin_never_makes_the_ban_milder(way: str, f: Figures, ban: Effects) -> None:
    """Not followed, then through 0 stages of processing, 1 and all."""
    stages = [replace(ban, traces=(replace(ban.traces[0], liability_stages=k),)) for k in (0, 1, -1)]
    lost = [objective(f, shock, way) for shock in (replace(ban, traces=()), *stages)]
    for less, more in pairwise(lost):
        assert less <= more * (1.0 + 1e-9) + 1e-5


@tries(8)
@given(figures(), bans())
def test_without_a_plan_the_origin_changes_nothing_but_the_ban(f: Figures, ban: Effects) -> None:
    """Splitting alone (a trace without months, no limits) leaves the base year in place in sum, node by node."""
    net = build(f)
    idle = replace(ban, frame=ban.frame.iloc[:0], traces=(replace(ban.traces[0], months=()),))
    ways = four_ways(net, idle, MONTHS, ("alone", "joint"))
    for way, plan in ways.plans.items():
        assert plan.loss_usd() == 0.0, way
        assert (plan.flows["tonnes"] - plan.flows["base"]).abs().max() < 1e-5, way
        assert (plan.activity["tonnes"] - plan.activity["base"]).abs().max() < 1e-5, way
        assert (plan.stock["tonnes"] - plan.stock["start"]).abs().max() < 1e-5, way
