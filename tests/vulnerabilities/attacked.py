"""Small worlds to attack: several chains side by side, with passages that more than one of them uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from orebridge.network import SupplyNetwork

from ..delivery.hand_worlds import world


def beside(parts: Mapping[str, SupplyNetwork]) -> SupplyNetwork:
    """Networks as chains of one; labels are told apart by a number in front of the commodity or site."""
    frames: dict[str, list[pd.DataFrame]] = {}
    nodes = sites = acts = 0
    for number, (chain, net) in enumerate(parts.items()):
        own = {
            name: getattr(net, name).assign(chain=chain) if "chain" in getattr(net, name) else getattr(net, name).copy()
            for name in ("nodes", "sites", "activities", "terms", "routes", "stockpiles", "demands")
        }
        for name, columns in {"nodes": ["node", "commodity"], "sites": ["site"], "activities": ["activity"],
                              "routes": ["route", "commodity"], "stockpiles": ["commodity"],
                              "demands": ["demand", "commodity"]}.items():  # fmt: skip
            for column in columns:
                own[name][column] = f"{number}" + own[name][column]
        own["stockpiles"]["stockpile"] = f"{number}" + own["stockpiles"]["stockpile"]
        own["activities"]["site"] += sites
        own["terms"]["activity"] += acts
        for name, column in (("terms", "node"), ("routes", "from_node"), ("routes", "to_node"), ("stockpiles", "node"),
                             ("demands", "node")):  # fmt: skip
            own[name][column] += nodes
        nodes, sites, acts = nodes + len(net.nodes), sites + len(net.sites), acts + len(net.activities)
        for name, frame in own.items():
            frames.setdefault(name, []).append(frame)
    first = next(iter(parts.values()))
    joined = {name: pd.concat(own, ignore_index=True) for name, own in frames.items()}
    return replace(first, chains=tuple(parts), **joined)


def through(network: SupplyNetwork, passages: Mapping[str, str]) -> SupplyNetwork:
    """The network with passages (`;` between several) on some routes."""
    routes = network.routes
    return replace(network, routes=routes.assign(chokepoints=[passages.get(name, "") for name in routes["route"]]))


def buyers(
    shares: Sequence[float], stock: float = 2.0, use: float = 10.0, value_scale: float = 1.0, **more: float
) -> SupplyNetwork:
    """AAA makes goods of metal bought from suppliers S0, S1, ... by shares of its use; BBB buys a tenth of its goods.

    S0 also sells to OUT, which could sell on to AAA after two months.
    """
    sold = [round(use * share, 6) for share in shares]
    made = sum(sold)
    nodes = [f"metal@S{i}" for i in range(len(sold))] + [
        "metal@AAA",
        "metal@OUT",
        "goods@AAA",
        "goods@BBB",
        "goods@OUT",
    ]
    makes: list[tuple[str, dict[str, float], float, int]] = [
        (f"mine@S{i}", {f"metal@S{i}": 1.0}, x + (2.0 if i == 0 else 0.0), 1) for i, x in enumerate(sold)
    ]
    makes += [("works@AAA", {"metal@AAA": -1.0, "goods@AAA": 1.0}, made, 1),
              ("works@OUT", {"metal@OUT": -1.0, "goods@OUT": 1.0}, 2.0, 1)]  # fmt: skip
    ships = [("metal", f"S{i}", "AAA", x) for i, x in enumerate(sold)]
    ships += [("metal", "S0", "OUT", 2.0), ("metal", "OUT", "AAA", 0.0), ("goods", "AAA", "BBB", 0.1 * made),
              ("goods", "OUT", "BBB", 0.0)]  # fmt: skip
    net = world(
        nodes, makes, ships, {"metal@AAA": stock, "goods@AAA": stock / 2, "goods@BBB": 0.5},
        [("goods@AAA", "defence", 0.2 * made), ("goods@AAA", "essential", 0.2 * made), ("goods@AAA", "general", 0.5 * made),
         ("goods@BBB", "essential", 0.05 * made), ("goods@BBB", "general", 0.05 * made), ("goods@OUT", "general", 2.0)],
        price=2e5, spare=1.2, **more,
    )  # fmt: skip
    opens = np.where(net.routes["y0"] == 0, 2, 0)
    values = net.demands["value_usd"] * value_scale
    return replace(net, routes=net.routes.assign(opens=opens), demands=net.demands.assign(value_usd=values))


def importer(use: float = 10.0) -> SupplyNetwork:
    """AAA buys all its goods (general use) from S0, a month away; nobody has any stock or spare room."""
    return world(
        ["goods@S0", "goods@AAA"], [("plant@S0", {"goods@S0": 1.0}, use, 1)], [("goods", "S0", "AAA", use)], {},
        [("goods@AAA", "general", use)], members=("AAA",), price=2e5,
    )  # fmt: skip
