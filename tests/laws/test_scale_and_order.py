"""The order of rows changes nothing, and twice the tonnes is twice the loss, in all four ways."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.delivery.modes import four_ways
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

from .checks import WAYS, tries
from .random_worlds import MONTHS, Figures, bans, build, figures, shocks


def shuffled(net: SupplyNetwork, seed: int) -> SupplyNetwork:
    """The same network with the rows of every frame in another order."""
    rng = np.random.default_rng(seed)
    order = {name: rng.permutation(len(getattr(net, name)))
             for name in ("nodes", "sites", "activities", "terms", "routes", "stockpiles", "demands")}  # fmt: skip
    place = {name: np.argsort(positions) for name, positions in order.items()}
    frames = {name: getattr(net, name).iloc[rows].reset_index(drop=True) for name, rows in order.items()}
    for name, column, target in (
        ("activities", "site", "sites"), ("terms", "activity", "activities"), ("terms", "node", "nodes"),
        ("routes", "from_node", "nodes"), ("routes", "to_node", "nodes"), ("stockpiles", "node", "nodes"),
        ("demands", "node", "nodes"),
    ):  # fmt: skip
        frames[name][column] = place[target][frames[name][column].to_numpy(dtype=int)]
    return replace(net, **frames)


@tries(8)
@given(figures(), st.one_of(shocks(), bans()), st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_no_loss_and_no_flow(f: Figures, shock: Effects, seed: int) -> None:
    net = build(f)
    one, two = four_ways(net, shock, MONTHS, WAYS), four_ways(shuffled(net, seed), shock, MONTHS, WAYS)
    for way in ("unaided", *WAYS):
        a, b = one.plans[way], two.plans[way]
        assert b.loss_usd() == pytest.approx(a.loss_usd(), rel=2e-5, abs=50.0), way
        keys = ["commodity", "origin", "destination", "month"]
        left, right = (p.flows.set_index(keys)["tonnes"].sort_index() for p in (a, b))
        assert (left - right).abs().max() < 2e-3, (way, (left - right).abs().idxmax())


@tries(8)
@given(figures(), st.one_of(shocks(), bans()), st.sampled_from([2.0, 0.01, 1000.0]))
def test_twice_the_tonnes_is_twice_the_loss(f: Figures, shock: Effects, scale: float) -> None:
    one = four_ways(build(f), shock, MONTHS, WAYS)
    large = four_ways(build(replace(f, scale=scale)), shock, MONTHS, WAYS)
    for way in ("unaided", *WAYS):
        wanted = scale * one.plans[way].loss_usd()
        slack = 50.0 * max(scale, 1.0)
        assert large.plans[way].loss_usd() == pytest.approx(wanted, rel=5e-5, abs=slack), way
        tonnes = scale * one.plans[way].unmet["tonnes"].sum()
        assert large.plans[way].unmet["tonnes"].sum() == pytest.approx(tonnes, rel=1e-3, abs=2e-5 * max(scale, 1.0)), (
            way
        )
