"""Known traps that lie in the tables (numbers as in tests/delivery/test_pitfalls.py), on the bundled world."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orebridge.build import build_network
from orebridge.errors import UnitError
from orebridge.network import SupplyNetwork
from orebridge.units import conversion
from orebridge.world import World, load_world

CHAIN = "rare_earth_magnets"
OVERLAY = "commodity,country,goods,covers,value,unit,basis,low,high,source,confidence\n"


@cache
def bundled() -> tuple[World, SupplyNetwork]:
    world = load_world()
    return world, build_network(world, ("USA", "JPN"), [CHAIN])


def made_by(network: SupplyNetwork, commodity: str) -> dict[str, float]:
    """Base-year output of a commodity by country, t/yr."""
    terms = network.terms[network.terms["coefficient"] > 0]
    node = network.nodes.iloc[terms["node"]]
    flow = network.activities["x0"].to_numpy()[terms["activity"]] * terms["coefficient"].to_numpy() * 12
    rows = pd.DataFrame({"country": node["country"].to_numpy(), "commodity": node["commodity"].to_numpy(), "t": flow})
    return rows[rows["commodity"] == commodity].groupby("country")["t"].sum().to_dict()


def test_pitfall_07_lanthanum_and_cerium_are_a_commodity_with_uses_of_its_own_and_a_free_rest() -> None:
    """One tonne of dysprosium from Mount Weld comes with hundreds of tonnes of La/Ce: it may not pile up nor be a use of magnets."""
    world, network = bundled()
    nodes = network.nodes[network.nodes["commodity"] == "lanthanum_cerium/oxide"]
    assert set(nodes["disposal"]) == {"free"}
    made = made_by(network, "lanthanum_cerium/oxide")
    assert sum(made.values()) > 50_000
    # A fact of baskets: by 1 t of Dy from Mount Weld come about 590 t of La/Ce and 195 t of NdPr.
    terms = world.tables["recipe_terms"]
    own = terms[(terms["process"] == "separation-mount-weld") & (terms["recipe"] == "heavy-circuit")]
    rate = own[own["direction"] == "out"].set_index("commodity")["value"]
    assert rate["lanthanum_cerium/oxide"] / rate["dysprosium/oxide"] == pytest.approx(590, rel=0.1)
    assert rate["ndpr/oxide"] / rate["dysprosium/oxide"] == pytest.approx(195, rel=0.1)
    # The rest is thrown away; only stated uses are uses.
    stated = {(r["commodity"], r["country"]) for r in world.rows("demand")} | {
        (r["commodity"], r["country"]) for r in world.rows("consumption")
    }
    own = network.demands[network.demands["commodity"] == "lanthanum_cerium/oxide"]
    assert {"USA", "JPN"} <= set(own["country"])
    traded_only = {("lanthanum_cerium/oxide", c) for c in own["country"]} - stated
    assert not [c for _, c in traded_only if c in made], "a maker's surplus reads as a use"
    assert nodes["waste0"].sum() * 12 > 50_000
    # The 27,000 t REO of US use are La/Ce and no magnet metal: all other oxides the USA uses are far below.
    usa = network.demands[(network.demands["country"] == "USA") & network.demands["commodity"].str.endswith("/oxide")]
    assert usa[usa["commodity"] != "lanthanum_cerium/oxide"]["D"].sum() * 12 < 2_000


def test_pitfall_17_yields_are_yields_of_the_element() -> None:
    """Oxide to metal is 0.95-0.97 in tonnes of contained element; 0.857 x 0.95 would take the oxygen off twice."""
    world, _ = bundled()
    terms = world.tables["recipe_terms"]
    mass = world.tables["commodities"].set_index("commodity")
    process = world.tables["processes"].set_index("process")
    reductions = process[(process["kind"] == "metal") & (process["chain"] == CHAIN)].index
    assert len(reductions) >= 3
    for (name, recipe), group in terms[terms["process"].isin(reductions)].groupby(["process", "recipe"]):
        assert set(group["commodity"].map(mass["mass"])) == {"element"}, name
        total = group.groupby("direction")["value"].sum()
        assert 0.93 < total["out"] / total["in"] <= 1.0, (name, recipe)
    with pytest.raises(UnitError):
        conversion("rate", "t/t", "oxide:Dy2O3", "element", "Dy")


def test_pitfall_17_the_base_year_lacks_nothing() -> None:
    _, network = bundled()
    assert network.demands["unmet0"].sum() == 0.0
    assert np.abs(network.imbalance()).max() < 1e-7 * network.throughput().max()


def test_pitfall_18_metal_inside_imported_goods_is_no_second_demand(tmp_path: Path) -> None:
    """US magnets: about 11,000 t direct, not the 16,100 t with embedded ones; no US use of Dy oxide of 271 t on top.

    And the account of embodied metal moves no figure of the network, however large.
    """
    world, network = bundled()
    usa = network.demands[network.demands["country"] == "USA"]
    magnets = usa[usa["commodity"].str.startswith("ndfeb/magnet")]["D"].sum() * 12
    assert 8_000 < magnets < 12_500
    assert usa[usa["commodity"].isin(["dysprosium/oxide", "dysprosium/metal"])]["D"].sum() * 12 < 30
    assert len(world.tables["embodied"]) > 0
    row = "ndfeb/magnet,JPN,all goods,all,999999,t/yr,product,900000,1100000,orebridge-assumption,assumed\n"
    (tmp_path / "embodied.csv").write_text(OVERLAY + row, encoding="utf-8")
    again = build_network(load_world(overlay=tmp_path), ("USA", "JPN"), [CHAIN])
    for name in ("nodes", "sites", "activities", "terms", "routes", "stockpiles", "demands"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(network, name))


def test_pitfall_19_no_route_without_a_source_or_the_mark_inferred() -> None:
    """Every base-year shipment is a stated row or marked inferred; nothing else carries tonnes (no invented entrepot)."""
    _, network = bundled()
    rows = network.adjustments.set_index("what")
    for route in network.routes.itertuples():
        if route.y0 == 0:
            assert route.inferred, route.route
            continue
        row = rows.loc[f"shipment {route.commodity} {route.origin} {route.destination}"]
        assert route.inferred or row["file"], route.route
        assert row["used"] == pytest.approx(12 * route.y0, rel=1e-9)
    # Mining of a read figure stays near it: a gap is spread over all doubtful figures, not put into one arc.
    weld = rows.loc["activity aus-mount-weld mine"]
    assert abs(weld["change_share"]) < 0.1
    read = network.adjustments[network.adjustments["confidence"] == "read"]
    moved = read[read["stated"] > 0]["change_share"].abs()
    assert (moved < 0.35).mean() > 0.95
