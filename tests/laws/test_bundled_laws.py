"""The same laws on the bundled world: the base year of every chain, random shocks on gallium, one shock per library file."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.build import build_network
from orebridge.delivery.limits import restrict_to
from orebridge.delivery.modes import four_ways
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects, Trace, effects_of, library, load_shock, no_effects
from orebridge.world import load_world

from .checks import WAYS, away_from_base, broken_limits, broken_nesting, tries
from .random_worlds import effects_of_rows

CHAINS = [row["chain"] for row in load_world().records("chains")]
SMALL = ("gallium", "indium", "lithium", "cobalt", "germanium", "tin", "tellurium")
SPAN = 9


@cache
def bundled(members: tuple[str, ...] = ("USA", "JPN")) -> SupplyNetwork:
    return build_network(load_world(), members)


@pytest.mark.parametrize("chain", [c if c in SMALL else pytest.param(c, marks=pytest.mark.nightly) for c in CHAINS])
def test_the_base_year_of_a_chain_stays_as_it_is_in_all_four_ways(chain: str) -> None:
    ways = four_ways(bundled().subset([chain]), no_effects(6), 6, WAYS)
    for way, flows in ways.flows.items():
        for kind, distance in away_from_base(ways.network, flows).items():
            assert distance < 1e-6, (way, kind)
        assert ways.plans[way].loss_usd() == 0.0


@pytest.mark.nightly
@pytest.mark.parametrize("liability", [0, 1, -1])
def test_the_base_year_stays_where_origins_are_followed(liability: int) -> None:
    covered = ("dysprosium/oxide", "dysprosium/metal", "terbium/oxide", "terbium/metal", "ndfeb/magnet-heavy")
    idle = replace(no_effects(6), traces=(Trace("CHN", covered, ("JPN",), liability, ()),))
    plans = four_ways(bundled().subset(["rare_earth_magnets"]), idle, 6, ("alone", "joint")).plans
    for way, plan in plans.items():
        assert plan.loss_usd() == 0.0, way
        for frame in (plan.flows, plan.activity):
            assert (frame["tonnes"] - frame["base"]).abs().max() < 1e-6 * (1 + frame["base"].max()), way


@st.composite
def shocks_on(draw: st.DrawFn, chain: str) -> Effects:
    """One to three limits on the chain's largest routes, its plants or its members' uses."""
    part = bundled().subset([chain])
    routes = part.routes.nlargest(12, "y0")["route"].tolist()
    sites = part.sites.nlargest(8, "base")["site"].tolist()
    uses = part.demands[part.demands["is_member"]]["demand"].tolist()
    pool = [("shipment_share", r, 1.0) for r in routes] + [("capacity_share", s, 1.0) for s in sites]
    pool += [("demand_factor", d, 2.0) for d in uses]
    rows = []
    for field, component, top in draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3, unique=True)):
        first = draw(st.integers(1, 4))
        last = draw(st.integers(first, SPAN))
        value = round(draw(st.floats(0.0, 1.0)) * top, 2)
        rows += [(field, component, month, value) for month in range(first, last + 1)]
    return effects_of_rows(rows)


def obeys(chain: str, shock: Effects) -> None:
    ways = four_ways(bundled().subset([chain]), shock, SPAN, WAYS)
    for way, flows in ways.flows.items():
        assert broken_limits(ways.network, ways.limits, flows) == [], way
    assert broken_nesting(ways) == []


@tries(6)
@given(shocks_on("gallium"))
def test_gallium_under_random_shocks(shock: Effects) -> None:
    obeys("gallium", shock)


@pytest.mark.nightly
@pytest.mark.parametrize("chain", CHAINS)
def test_any_chain_under_random_shocks(chain: str) -> None:
    @tries(2)
    @given(shocks_on(chain))
    def law(shock: Effects) -> None:
        obeys(chain, shock)

    law()


@pytest.mark.nightly
@pytest.mark.parametrize("name", library())
def test_every_library_shock_obeys(name: str) -> None:
    network = bundled()
    effects = effects_of([load_shock(name)], network, 12, "2026-12")
    for chain in network.chains:
        part = network.subset([chain])
        own = restrict_to(effects, part)
        if own.empty:
            continue
        ways = four_ways(part, own, 12, WAYS)
        for way, flows in ways.flows.items():
            assert broken_limits(ways.network, ways.limits, flows) == [], (chain, way)
        assert broken_nesting(ways) == [], chain
