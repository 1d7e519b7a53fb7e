"""Restricted material must not reach the banned buyers by way of a third country.

The rule is a cap on routes from third countries to the targets, not a split of every node by origin. Not covered: a
third country that makes the commodity itself, however little, is not capped. It may use restricted material at home
and ship its own, which is lawful, but could also ship more than its own output. Where a maker is small beside what it
imports, more can leak than the rule means to allow, and the shortage may come out too low.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects, Trace


def split_by_origin(network: SupplyNetwork, effects: Effects, trace: Trace) -> tuple[SupplyNetwork, Effects]:
    """The effects with re-exports of third countries to the targets capped at their base-year tonnes.

    With liability 0 (processing frees the material) the split reduces to a cap per third-country route: what a third
    country makes itself is free, what it ships on of restricted origin is at most its base-year re-export, plus the
    leak. A country that makes none of the commodity can only re-export, so its routes to targets are held at base;
    a country that makes some may add its own further output. With liability 1 or more, output made of restricted
    feed counts as restricted, so such countries are held at base as well.
    """
    routes = network.routes
    makers = _free_makers(network, trace)
    hit = routes[
        routes["commodity"].isin(_liable(network, trace))
        & routes["destination"].isin(trace.targets)
        & ~routes["origin"].isin({*trace.targets, trace.origin})
    ]
    held = hit[[(c, o) not in makers for c, o in zip(hit["commodity"], hit["origin"], strict=True)]]
    known = set(network.routes["route"])
    rows = [
        {"field": "shipment_share", "component": label, "month": month, "value": 1.0 + trace.leak}
        for label in held["route"]
        if label in known
        for month in trace.months
    ]
    frame = pd.concat([effects.frame, pd.DataFrame(rows)], ignore_index=True) if rows else effects.frame
    if rows:
        frame = frame.groupby(["field", "component", "month"], as_index=False)["value"].agg("min")
    return network, replace(effects, frame=frame)


def _liable(network: SupplyNetwork, trace: Trace) -> set[str]:
    """Traced commodities and those made from them within the liable stages."""
    reached = set(trace.commodities)
    if trace.liability_stages == 0:
        return reached
    commodity = network.nodes["commodity"].to_numpy()[network.terms["node"].to_numpy(dtype=int)]
    act, coefficient = network.terms["activity"].to_numpy(), network.terms["coefficient"].to_numpy()
    rounds = 99 if trace.liability_stages < 0 else trace.liability_stages
    for _ in range(rounds):
        users = set(act[np.isin(commodity, list(reached)) & (coefficient < 0)])
        more = set(commodity[np.isin(act, list(users)) & (coefficient > 0)]) - reached
        if not more:
            break
        reached |= more
    return reached


def _free_makers(network: SupplyNetwork, trace: Trace) -> set[tuple[str, str]]:
    """(commodity, country) made outside the restricting country from feed that is not restricted."""
    node = network.terms["node"].to_numpy(dtype=int)
    commodity, country = network.nodes["commodity"].to_numpy()[node], network.nodes["country"].to_numpy()[node]
    act, coefficient = network.terms["activity"].to_numpy(), network.terms["coefficient"].to_numpy()
    made = {(c, i) for c, i, k in zip(commodity, country, coefficient, strict=True) if k > 0 and i != trace.origin}
    if trace.liability_stages == 0:
        return made
    liable = _liable(network, trace)
    # A country that could also make it from its own ore but makes it from restricted feed counts as restricted: what
    # it would ship is stock of restricted origin, and a planned plant's name must not open that door.
    tainted = {(c, i) for c, i in made if _uses(act, commodity, country, coefficient, c, i, liable)}
    return made - tainted


def _uses(
    act: np.ndarray,
    commodity: np.ndarray,
    country: np.ndarray,
    coefficient: np.ndarray,
    c: str,
    i: str,
    liable: set[str],
) -> bool:
    """Whether country i makes c from any liable commodity."""
    makers = set(act[(commodity == c) & (country == i) & (coefficient > 0)])
    return bool((np.isin(act, list(makers)) & (coefficient < 0) & np.isin(commodity, list(liable))).any())
