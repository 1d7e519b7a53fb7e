"""Dependence traced upstream: by hand, through third countries, through loops, and always one in all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from orebridge.build import build_network
from orebridge.charts.vulnerabilities import THEIRS, upstream
from orebridge.errors import UnknownLabel
from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.result import Vulnerabilities
from orebridge.vulnerabilities.tracing import NONE, Tracer, hidden_dependence, summed, trace, trace_links
from orebridge.world import load_world

from ..delivery.hand_worlds import world
from ..laws.checks import tries
from ..laws.random_worlds import Figures, build, figures


def third_country(owner: str = "") -> SupplyNetwork:
    """AAA uses 10 t of magnets a month: 4 made at home of CHN metal, 6 made in VNM, half of CHN and half of VNM metal.

    So AAA rests on CHN metal for 4 + 3 = 7 of 10: 40 % direct, 30 % hidden; on VNM metal for 3, direct.
    """
    net = world(
        ["metal@CHN", "metal@VNM", "metal@AAA", "magnet@VNM", "magnet@AAA"],
        [
            ("smelter@CHN", {"metal@CHN": 1.0}, 7.0, 1), ("smelter@VNM", {"metal@VNM": 1.0}, 3.0, 1),
            ("works@VNM", {"metal@VNM": -1.0, "magnet@VNM": 1.0}, 6.0, 1),
            ("works@AAA", {"metal@AAA": -1.0, "magnet@AAA": 1.0}, 4.0, 1),
        ],
        [("metal", "CHN", "AAA", 4.0), ("metal", "CHN", "VNM", 3.0), ("magnet", "VNM", "AAA", 6.0)],
        demands=[("magnet@AAA", "general", 10.0)],
        members=("AAA",),
    )  # fmt: skip
    order = np.where(net.nodes["commodity"] == "magnet", 2.0, 1.0)
    sites = net.sites.assign(owner=["CHN", owner, "VNM", "AAA"])
    return replace(net, nodes=net.nodes.assign(order=order), sites=sites)


def shares(net: SupplyNetwork, stage: str, by: str = "location", member: str = "AAA") -> dict[str, list[float]]:
    rows = trace(net)
    own = rows[(rows["stage"] == stage) & (rows["by"] == by) & (rows["member"] == member)]
    return {r["origin"]: [r["share"], r["direct"], r["hidden"]] for r in own.to_dict("records")}


def near(found: dict[str, list[float]], wanted: dict[str, list[float]]) -> bool:
    return set(found) == set(wanted) and all(found[k] == pytest.approx(wanted[k], abs=1e-9) for k in wanted)


def test_direct_and_hidden_dependence_by_hand() -> None:
    assert near(shares(third_country(), "metal"), {"CHN": [0.7, 0.4, 0.3], "VNM": [0.3, 0.3, 0.0]})
    assert near(shares(third_country(), "magnet"), {"VNM": [0.6, 0.6, 0.0], "AAA": [0.4, 0.4, 0.0]})
    hidden = hidden_dependence(trace(third_country()))
    assert hidden.iloc[0][["origin", "stage"]].tolist() == ["CHN", "metal"]


def test_control_follows_the_owner_in_equal_parts() -> None:
    """VNM's smelter belongs half to CHN, half to JPN; nobody's name is `not stated`. `direct` is what stands at home."""
    net = third_country("CHN;JPN")
    assert near(shares(net, "metal", "control"), {"CHN": [0.85, 0.7, 0.15], "JPN": [0.15, 0.0, 0.15]})
    assert near(shares(third_country(), "metal", "control"), {"CHN": [0.7, 0.7, 0.0], "not stated": [0.3, 0.0, 0.3]})


def test_a_loop_is_followed_to_its_source() -> None:
    """1 t of metal gives 0.8 t of magnets and 0.2 t of swarf, all of which AAA turns into metal again.

    Of AAA's 10 t of metal 2 t are recycled at home and 8 t come from CHN; all of it comes from CHN in the end.
    """
    net = world(
        ["tb/metal@CHN", "tb/metal@AAA", "tb/swarf@AAA", "mag/net@AAA"],
        [
            ("smelter@CHN", {"tb/metal@CHN": 1.0}, 8.0, 1),
            ("works@AAA", {"tb/metal@AAA": -1.0, "mag/net@AAA": 0.8, "tb/swarf@AAA": 0.2}, 10.0, 1),
            ("recovery@AAA", {"tb/swarf@AAA": -1.0, "tb/metal@AAA": 1.0}, 2.0, 1),
        ],
        [("tb/metal", "CHN", "AAA", 8.0)],
        demands=[("mag/net@AAA", "general", 8.0)],
        members=("AAA",),
    )
    order = net.nodes["commodity"].map({"tb/metal": 1.0, "tb/swarf": 1.5, "mag/net": 2.0})
    kinds = ["refining", "component", "recycling"]
    net = replace(net, nodes=net.nodes.assign(order=order), sites=net.sites.assign(kind=kinds))
    assert near(shares(net, "tb/metal"), {"CHN": [0.8, 0.8, 0.0], "AAA": [0.2, 0.2, 0.0]})
    assert near(shares(net, "source of tb"), {"CHN": [1.0, 1.0, 0.0]})


def joint_production() -> SupplyNetwork:
    """10 t of mixed feed of CHN give 9 t La and 1 t Dy; a magnet of 1 t takes 0.5 t Dy (CHN) and 0.5 t Nd (AUS)."""
    net = world(
        ["mix/feed@CHN", "la/oxide@CHN", "dy/oxide@CHN", "dy/oxide@AAA", "nd/oxide@AUS", "nd/oxide@AAA", "mag/net@AAA"],
        [
            ("mine@CHN", {"mix/feed@CHN": 1.0}, 10.0, 1),
            ("split@CHN", {"mix/feed@CHN": -1.0, "la/oxide@CHN": 0.9, "dy/oxide@CHN": 0.1}, 10.0, 1),
            ("mine@AUS", {"nd/oxide@AUS": 1.0}, 1.0, 1),
            ("works@AAA", {"dy/oxide@AAA": -0.5, "nd/oxide@AAA": -0.5, "mag/net@AAA": 1.0}, 2.0, 1),
        ],
        [("dy/oxide", "CHN", "AAA", 1.0), ("nd/oxide", "AUS", "AAA", 1.0)],
        demands=[("mag/net@AAA", "general", 2.0)],
        waste={"la/oxide@CHN": 9.0},
        members=("AAA",),
    )
    order = net.nodes["commodity"].map(
        {"mix/feed": 1.0, "la/oxide": 2.0, "dy/oxide": 2.0, "nd/oxide": 2.0, "mag/net": 3.0}
    )
    return replace(net, nodes=net.nodes.assign(order=order))


def test_each_mineral_of_a_product_is_traced_by_itself() -> None:
    net = joint_production()
    assert Tracer(net).minerals("mag/net") == ["dy", "nd"]
    assert near(shares(net, "source of dy"), {"CHN": [1.0, 1.0, 0.0]})
    assert near(shares(net, "source of nd"), {"AUS": [1.0, 1.0, 0.0]})
    assert "mix/feed" not in set(trace(net)["stage"])  # which feed is another question for each mineral
    make = next(m for m in Tracer(net).makes if net.nodes["node"].iloc[m.node] == "dy/oxide@CHN")
    assert make.inputs == ((0, pytest.approx(1.0)),)  # by tonnes: a tenth of the feed, not all of it


def test_what_is_made_without_the_stage_is_none() -> None:
    """A second works of AAA makes a quarter of its magnets of nothing the tables know."""
    net = third_country()
    site = net.sites.iloc[[3]].assign(site="lean@AAA", name="lean@AAA", capacity=2.0, base=2.0)
    act = net.activities.iloc[[3]].assign(activity="lean@AAA/standard", site=4, x0=2.0)
    term = net.terms.iloc[[-1]].assign(activity=4)
    import pandas as pd

    demands = net.demands.assign(D=12.0)
    net = replace(
        net, sites=pd.concat([net.sites, site], ignore_index=True), demands=demands,
        activities=pd.concat([net.activities, act], ignore_index=True), terms=pd.concat([net.terms, term], ignore_index=True),
    )  # fmt: skip
    found = shares(net, "metal")
    assert found[NONE][0] == pytest.approx(2.0 / 12.0)
    assert sum(s for s, _, _ in found.values()) == pytest.approx(1.0)


def test_bands_carry_the_whole_use_at_every_stage() -> None:
    links = trace_links(third_country(), "AAA", "magnet")
    assert links.groupby("stage")["share"].sum().tolist() == pytest.approx([1.0, 1.0])
    metal = links[links["stage"] == 1].set_index(["origin", "destination"])["share"].to_dict()
    assert metal == {
        ("CHN", "AAA"): pytest.approx(0.4),
        ("CHN", "VNM"): pytest.approx(0.3),
        ("VNM", "VNM"): pytest.approx(0.3),
    }
    with pytest.raises(UnknownLabel, match="AAA has no use of 'metal'"):
        trace_links(third_country(), "AAA", "metal")
    with pytest.raises(UnknownLabel, match="is not traced by 'gold'"):
        trace_links(third_country(), "AAA", "magnet", "gold")


@tries(8)
@given(figures())
def test_shares_are_one_in_all_on_random_worlds(f: Figures) -> None:
    rows = trace(build(f))
    total = summed(rows).to_numpy()
    assert len(total) and np.allclose(total, 1.0, atol=1e-8)
    assert (rows["hidden"] >= -1e-9).all() and (rows["direct"] <= rows["share"] + 1e-9).all()


@pytest.fixture(scope="module")
def bundled() -> SupplyNetwork:
    return build_network(load_world(), ("USA", "JPN"), ["gallium", "rare_earth_magnets", "platinum_group"])


def test_shares_are_one_in_all_on_the_bundled_world(bundled: SupplyNetwork) -> None:
    for chain in bundled.chains:
        rows = trace(bundled.subset([chain]))
        assert np.allclose(summed(rows).to_numpy(), 1.0, atol=1e-8)


def test_japans_heavy_magnets_rest_on_myanmar_and_nobody_sees_it(bundled: SupplyNetwork) -> None:
    """No Japanese import statistic shows Myanmar: all of its dysprosium comes through China's separation."""
    rows = trace(bundled.subset(["rare_earth_magnets"]))
    own = rows[(rows["member"] == "JPN") & (rows["product"] == "ndfeb/magnet-heavy") & (rows["by"] == "location")]
    row = own[(own["stage"] == "source of dysprosium") & (own["origin"] == "MMR")].iloc[0]
    assert row["share"] > 0.3
    assert row["direct"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("member", "product", "mineral", "red"),
    [("RUS", "nickel/class1", "nickel", False), ("USA", "ndfeb/magnet-heavy", "dysprosium", True)],
)
def test_bands_are_drawn_where_members_alone_mine_or_the_user_makes_next_to_nothing(
    member: str, product: str, mineral: str, red: bool
) -> None:
    """Russia mines all of its nickel, so no foreign country is the first source; the United States make under 1.5 % of
    their own heavy magnets, and must not be gathered into the rest of the world as user."""
    tables = load_world()
    network = build_network(tables, ("RUS", "USA"), ["nickel", "rare_earth_magnets"])
    sankey = upstream(Vulnerabilities(network, tables, (), 12, 6, "alone", {}), member, product, mineral).data[0]
    users = set(sankey.link.target) - set(sankey.link.source)
    names = {"RUS": "Russia", "USA": "United States"}
    assert [sankey.node.label[k] for k in users] == [f"{names[member]} 100%"]
    assert (THEIRS in sankey.link.color) == red
