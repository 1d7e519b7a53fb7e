"""The frozen network: what it refuses, how it splits, and that real chains balance in their base year."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from orebridge.build import build_network
from orebridge.errors import NetworkError, UnknownLabel
from orebridge.network import SupplyNetwork
from orebridge.world import World, load_world

from .small import ore_to_magnet


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


@pytest.fixture(scope="module")
def gallium(world: World) -> SupplyNetwork:
    return build_network(world, chains=["gallium"])


def test_hand_world_balances() -> None:
    # metal@CHN: 100 made = 20 + 20 shipped + 60 used; magnet@JPN: 20 made = 10 essential + 10 general.
    network = ore_to_magnet()
    assert np.abs(network.imbalance()).max() == 0.0
    by_node = dict(zip(network.nodes["node"], network.throughput(), strict=True))
    assert by_node["metal@CHN"] == 100.0
    assert by_node["magnet@JPN"] == 20.0


def test_imbalance_names_node_and_amount() -> None:
    network = ore_to_magnet()
    routes = network.routes.assign(y0=[19.0, *network.routes["y0"][1:]])
    with pytest.raises(NetworkError, match=r"metal@USA: -1 t per month"):
        replace(network, routes=routes)


@pytest.mark.parametrize(("value", "shown"), [(float("nan"), "nan"), (-1.0, "-1.0")])
def test_missing_and_negative_figures_are_refused(value: float, shown: str) -> None:
    network = ore_to_magnet()
    sites = network.sites.assign(capacity=[value, *network.sites["capacity"][1:]])
    with pytest.raises(NetworkError, match=f"chn-mine has capacity = {shown}"):
        replace(network, sites=sites)


def test_labels_must_be_unique() -> None:
    network = ore_to_magnet()
    routes = network.routes.assign(route=["metal:CHN>JPN", *network.routes["route"][1:]])
    with pytest.raises(NetworkError, match="metal:CHN>JPN' stands twice"):
        replace(network, routes=routes)


def test_components_and_unknown_chain() -> None:
    network = ore_to_magnet()
    assert len(set(network.components())) == 1  # all linked through the Chinese metal
    with pytest.raises(UnknownLabel, match="no chain 'tin'"):
        network.subset(["tin"])
    with pytest.raises(UnknownLabel, match="no assumption 'luck'"):
        network.assume("luck", 1.0)
    assert network.assume("theta", 0.3).assumption("theta") == 0.3
    assert network.assumption("theta") == 0.1  # the first network is untouched


def test_real_chain_balances_and_members_are_marked(gallium: SupplyNetwork) -> None:
    assert np.abs(gallium.imbalance()).max() <= 1e-7 * gallium.throughput().max()
    assert (gallium.sites["capacity"] >= gallium.sites["base"] - 1e-9).all()
    assert set(gallium.nodes.loc[gallium.nodes["is_member"], "country"]) <= {"USA", "JPN"}
    assert set(gallium.nodes["node"]) == {s.split(":", 1)[1] for s in gallium.stockpiles["stockpile"]}
    new = gallium.routes[gallium.routes["y0"] == 0]
    assert new["inferred"].all()
    assert (new["opens"] == gallium.assumption("new_source_months")).all()


def test_adjustments_are_used_less_stated(gallium: SupplyNetwork) -> None:
    frame = gallium.adjustments
    assert np.allclose(frame["change"], frame["used"] - frame["stated"])
    known = frame[frame["table"].isin(["production", "flows"])]
    assert (known["file"] != "").all()
    assert (known["source"] != "").all()
    # Every base-year shipment is one of the rows, per year there and per month in the network.
    shipped = frame[frame["what"].str.startswith("shipment")]["used"].sum()
    assert gallium.routes["y0"].sum() * 12 == pytest.approx(shipped, rel=1e-6)


def test_order_of_rows_does_not_matter(world: World, gallium: SupplyNetwork) -> None:
    shuffled = replace(
        world, tables={name: frame.sample(frac=1.0, random_state=7) for name, frame in world.tables.items()}
    )
    again = build_network(shuffled, chains=["gallium"])
    assert list(again.routes["route"]) == list(gallium.routes["route"])
    assert again.routes["y0"].to_numpy() == pytest.approx(gallium.routes["y0"].to_numpy(), rel=1e-9, abs=1e-9)
    assert again.demands["D"].sum() == pytest.approx(gallium.demands["D"].sum(), rel=1e-9)


def test_two_chains_are_apart_and_can_be_split_again(world: World, gallium: SupplyNetwork) -> None:
    both = build_network(world, chains=["gallium", "germanium"])
    part = both.subset(["gallium"])
    for name in ("nodes", "routes", "activities", "terms", "demands", "stockpiles"):
        assert len(getattr(part, name)) == len(getattr(gallium, name)), name
    assert part.routes["y0"].to_numpy() == pytest.approx(gallium.routes["y0"].to_numpy())
    numbers, chain = both.components(), both.nodes["chain"].to_numpy()
    assert not set(numbers[chain == "gallium"]) & set(numbers[chain == "germanium"])


def test_unknown_chain_is_refused(world: World) -> None:
    with pytest.raises(UnknownLabel, match="no chain 'unobtainium'"):
        build_network(world, chains=["unobtainium"])
