"""Origin classes: restricted material must not reach the banned buyers by way of a third country.

A restriction aimed at some buyers splits the commodities it covers, and what is made of them within its liable stages,
into two classes in every third country that can have both: material of restricted origin, and free material. The
class is carried by nodes, so a plan can ship a third country's own (free) material to the banned buyer while what came
from the restricting country is held at the base-year re-export plus the leak.

    restricted[c, i] <- imports from the restricting country, from others' restricted nodes, output of restricted feed
    free[c, i]       <- imports from free nodes, output made of free feed only
    use at home      <- either (free material may always be used as if restricted, never the other way round)

Base-year flows are split by the share of restricted material in what each node receives (proportional mixing), found as
the least fixed point along trade and processing; every split node balances. Where a country can have one class only
nothing is split. Not covered: a shipment's paper trail. Mixing inside a country is proportional in the base year; the
plan may then sort its material by class, which a country can do and a customs officer cannot see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.errors import ShockError
from orebridge.network import ORIGIN_KIND, SupplyNetwork
from orebridge.shocks import Effects, Trace

FREE = " (free origin)"
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Activity:
    """An activity of a third country with liable output: its liable inputs (nodes) and all its terms' positions."""

    inputs: Ints
    terms: Ints
    outputs: Ints


@dataclass(frozen=True)
class _Classes:
    """Which classes each node can have, the base-year restricted share, and the traced activities."""

    zone: Bools
    restricted: Bools
    free: Bools
    share: Floats
    activities: dict[int, _Activity]

    @property
    def split(self) -> Bools:
        """Nodes that get a twin for free material."""
        return self.zone & self.restricted & self.free


def split_by_origin(network: SupplyNetwork, effects: Effects, trace: Trace) -> tuple[SupplyNetwork, Effects]:
    """The network with origin classes in third countries, and the effects with restricted re-exports held at base.

    Twins of nodes, routes, stockpiles and activities carry the label of the original with ` (free origin)` behind it.
    Tonnes of the base year are unchanged in sum. Restricted material sent to a target is at most (1 + leak) of its
    base-year re-export in the months of the trace.
    """
    classes = _classes(network, trace)
    twin = np.arange(len(network.nodes))
    split = np.flatnonzero(classes.split)
    twin[split] = len(network.nodes) + np.arange(len(split))
    routes, held = _routes(network, trace, classes, twin)
    acts, terms = _activities(network, classes, twin)
    frames: dict[str, Any] = {
        "nodes": _nodes(network, split), "routes": routes, "stockpiles": _piles(network, classes, twin),
        "activities": acts, "terms": terms, "sites": network.sites,
    }  # fmt: skip
    if len(split):
        frames |= _with_common_use(network, frames, split, twin)
    result = replace(network, **frames)
    return result, _effects(effects, trace, set(result.routes["route"]), set(result.stockpiles["stockpile"]), held)


def merged(network: SupplyNetwork, traces: Sequence[Trace]) -> tuple[Trace, ...]:
    """Traces of which no two cover the same commodity, so that the network can be split for one after another.

    Two of one country that overlap become one, over the commodities, buyers, stages and months of both and with the
    smaller leak. That holds re-exports a little tighter than either says where they differ (held at the base year, not
    cut). Raises ShockError where bans of two countries overlap: a commodity has two classes of origin, not four.
    """
    result: list[Trace] = []
    for trace in traces:
        now = trace
        while True:
            covered = liable(network, now)
            clash = next((other for other in result if covered & liable(network, other)), None)
            if clash is None:
                break
            if clash.origin != now.origin:
                both = sorted(covered & liable(network, clash))
                raise ShockError(
                    f"bans of {clash.origin} and {now.origin}, each aimed at some buyers, both cover {', '.join(both)}: "
                    "material of two restricting countries cannot be told apart. Aim one of them at all destinations "
                    "(leave out `to`), or set its liability_stages = 0 or other commodities."
                )
            result.remove(clash)
            stages = (
                -1
                if -1 in (now.liability_stages, clash.liability_stages)
                else max(now.liability_stages, clash.liability_stages)
            )
            now = Trace(
                now.origin,
                tuple(sorted({*now.commodities, *clash.commodities})),
                tuple(sorted({*now.targets, *clash.targets})),
                stages,
                tuple(sorted({*now.months, *clash.months})),
                min(now.leak, clash.leak),
            )
        result.append(now)
    return tuple(result)


def liable(network: SupplyNetwork, trace: Trace) -> set[str]:
    """Traced commodities and those made from them within the liable stages.

    Liability follows the restricted metal: what recycling recovers beside it (neodymium from magnet swarf) is free.
    """
    reached = set(trace.commodities)
    if trace.liability_stages == 0:
        return reached
    commodity = network.nodes["commodity"].to_numpy()[network.terms["node"].to_numpy(dtype=int)]
    act, coefficient = network.terms["activity"].to_numpy(dtype=int), network.terms["coefficient"].to_numpy()
    kind = network.sites["kind"].to_numpy()[network.activities["site"].to_numpy(dtype=int)]
    recycles = kind[act] == "recycling"
    rounds = 99 if trace.liability_stages < 0 else trace.liability_stages
    for _ in range(rounds):
        users = np.unique(act[np.isin(commodity, list(reached)) & (coefficient < 0) & ~recycles])
        more = set(commodity[np.isin(act, users) & (coefficient > 0)]) - reached
        if not more:
            break
        reached |= more
    return reached


# --- classes -----------------------------------------------------------------------------------------------------------
def _classes(network: SupplyNetwork, trace: Trace) -> _Classes:
    nodes = network.nodes
    covered = nodes["commodity"].isin(liable(network, trace)).to_numpy()
    country = nodes["country"].to_numpy()
    zone = covered & ~np.isin(country, trace.targets) & (country != trace.origin)
    source = (country == trace.origin) & nodes["commodity"].isin(trace.commodities).to_numpy()
    activities = _traced_activities(network, zone)
    restricted, free = source.copy(), ~zone & ~source
    start, end = network.routes["from_node"].to_numpy(dtype=int), network.routes["to_node"].to_numpy(dtype=int)
    while True:
        before = restricted.sum() + free.sum()
        for mark in (restricted, free):
            mark[end[mark[start] & zone[end]]] = True
        for item in activities.values():
            free[item.outputs] |= bool(free[item.inputs].all())
            restricted[item.outputs] |= bool(restricted[item.inputs].any())
        if restricted.sum() + free.sum() == before:
            break
    free |= zone & ~restricted & ~free  # nothing reaches it: nothing to hold back
    return _Classes(zone, restricted, free, _shares(network, zone, source, activities), activities)


def _traced_activities(network: SupplyNetwork, zone: Bools) -> dict[int, _Activity]:
    """Activities with output in the zone, by position."""
    node = network.terms["node"].to_numpy(dtype=int)
    coefficient = network.terms["coefficient"].to_numpy()
    act = network.terms["activity"].to_numpy(dtype=int)
    result = {}
    for a in np.unique(act[zone[node] & (coefficient > 0)]):
        own = np.flatnonzero(act == a)
        ins, outs = own[coefficient[own] < 0], own[coefficient[own] > 0]
        result[int(a)] = _Activity(node[ins][zone[node[ins]]], own, node[outs][zone[node[outs]]])
    return result


def _shares(network: SupplyNetwork, zone: Bools, source: Bools, activities: dict[int, _Activity]) -> Floats:
    """Restricted share of what each node of the zone receives in the base year (1 at the source, 0 elsewhere)."""
    start, end = network.routes["from_node"].to_numpy(dtype=int), network.routes["to_node"].to_numpy(dtype=int)
    y0, x0 = network.routes["y0"].to_numpy(), network.activities["x0"].to_numpy()
    node = network.terms["node"].to_numpy(dtype=int)
    act, coefficient = network.terms["activity"].to_numpy(dtype=int), network.terms["coefficient"].to_numpy()
    makes = np.flatnonzero(coefficient > 0)
    n = len(network.nodes)
    made = coefficient[makes] * x0[act[makes]]
    total = np.bincount(end, y0, n) + np.bincount(node[makes], made, n)
    share = source.astype(float)
    for _ in range(10_000):
        of_feed = np.zeros(len(x0))
        for a, item in activities.items():
            of_feed[a] = share[item.inputs].max(initial=0.0)
        inflow = np.bincount(end, y0 * share[start], n) + np.bincount(node[makes], made * of_feed[act[makes]], n)
        new = np.where(zone, np.divide(inflow, total, out=np.zeros(n), where=total > 0), source)
        moved = np.abs(new - share).max(initial=0.0)
        share = new
        if moved < 1e-14:
            break
    result: Floats = np.clip(share, 0.0, 1.0)
    return result


# --- frames ------------------------------------------------------------------------------------------------------------
def _nodes(network: SupplyNetwork, split: Ints) -> pd.DataFrame:
    extra = network.nodes.iloc[split].copy()
    extra["node"] += FREE
    extra["waste0"] = 0.0
    return pd.concat([network.nodes, extra], ignore_index=True)


def _routes(network: SupplyNetwork, trace: Trace, classes: _Classes, twin: Ints) -> tuple[pd.DataFrame, list[str]]:
    """Routes by class, and the labels of those that carry restricted material from third countries to targets."""
    routes = network.routes
    start, end = routes["from_node"].to_numpy(dtype=int), routes["to_node"].to_numpy(dtype=int)
    two = classes.split[start]
    only_free = ~two & ~classes.restricted[start]
    main = routes.assign(
        to_node=np.where(only_free, twin[end], end), y0=np.where(two, classes.share[start], 1.0) * routes["y0"]
    )
    extra = routes[two].assign(
        route=routes["route"][two] + FREE,
        from_node=twin[start[two]],
        to_node=twin[end[two]],
        y0=(1.0 - classes.share[start[two]]) * routes["y0"][two],
    )
    held = classes.zone[start] & classes.restricted[start] & routes["destination"].isin(trace.targets).to_numpy()
    return pd.concat([main, extra], ignore_index=True), list(routes["route"][held])


def _piles(network: SupplyNetwork, classes: _Classes, twin: Ints) -> pd.DataFrame:
    piles = network.stockpiles
    node = piles["node"].to_numpy(dtype=int)
    two = classes.split[node]
    share = np.where(two, classes.share[node], 1.0)
    extensive = [c for c in ("s0", "floor", "release", "room", "refill") if c in piles]
    # An unlimited room stays unlimited for both classes (inf x 0 is not a number).
    main = piles.assign(**{c: np.where(np.isinf(piles[c]), np.inf, _times(piles[c], share)) for c in extensive})
    extra = piles[two].assign(stockpile=piles["stockpile"][two] + FREE, node=twin[node[two]])
    rest = 1.0 - share[two]
    result: pd.DataFrame = extra.assign(
        **{c: np.where(np.isinf(extra[c]), np.inf, _times(extra[c], rest)) for c in extensive}
    )
    return pd.concat([main, result], ignore_index=True)


def _times(values: pd.Series, share: Floats) -> Floats:
    given = values.to_numpy(dtype=float)
    result: Floats = np.where(np.isinf(given), 0.0, given) * share
    return result


def _activities(network: SupplyNetwork, classes: _Classes, twin: Ints) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Activities by class of their feed: of restricted feed as before, of free feed into the twins."""
    acts, terms = network.activities.copy(), network.terms.copy()
    node, coefficient = terms["node"].to_numpy(dtype=int).copy(), terms["coefficient"].to_numpy()
    x0 = acts["x0"].to_numpy(dtype=float).copy()
    more_acts, more_terms = [], []
    for a, item in classes.activities.items():
        if classes.restricted[item.inputs].any() and not classes.free[item.inputs].all():
            continue  # some input can only be restricted, so the output is
        if not classes.restricted[item.inputs].any():
            outs = item.terms[coefficient[item.terms] > 0]
            node[outs] = twin[node[outs]]
            continue
        part = classes.share[item.inputs].max(initial=0.0)
        row = network.activities.iloc[a].to_dict()
        more_acts.append({**row, "activity": f"{row['activity']}{FREE}", "x0": x0[a] * (1.0 - part)})
        x0[a] *= part
        number = len(acts) + len(more_acts) - 1
        more_terms += [(number, int(twin[node[k]]), float(coefficient[k])) for k in item.terms]
    acts["x0"], terms["node"] = x0, node
    if more_acts:
        acts = pd.concat([acts, pd.DataFrame(more_acts)], ignore_index=True)
        extra = pd.DataFrame(more_terms, columns=["activity", "node", "coefficient"])
        terms = pd.concat([terms, extra], ignore_index=True)
    return acts, terms


def _with_common_use(
    old: SupplyNetwork, frames: dict[str, pd.DataFrame], split: Ints, twin: Ints
) -> dict[str, pd.DataFrame]:
    """Adds, per split node, the activity that puts free material into common use at home; it closes the balance."""
    used = _received_less_sent(frames)[twin[split]]
    nodes = old.nodes.iloc[split]
    labels = "any origin:" + nodes["node"]
    # A label has no capacity; a number far above all that could pass keeps arithmetic on sites free of infinities.
    room = 1e3 * (1.0 + old.throughput()[split])
    sites = pd.DataFrame({column: "" for column in old.sites.columns}, index=range(len(split)))
    sites = sites.assign(
        site=labels.to_numpy(), name=labels.to_numpy(), process="any origin", kind=ORIGIN_KIND,
        chain=nodes["chain"].to_numpy(), country=nodes["country"].to_numpy(), owner="", capacity=room,
        base=np.maximum(used, 0.0), surge=0.0, ramp=1.0, host="", status="operating",
    )  # fmt: skip
    number = len(frames["activities"]) + np.arange(len(split))
    acts = pd.DataFrame(
        {"activity": labels.to_numpy(), "site": len(old.sites) + np.arange(len(split)), "recipe": "any origin",
         "x0": np.maximum(used, 0.0), "opens": 0, "accepted": 1.0, "lag": 0}
    )  # fmt: skip
    terms = pd.DataFrame(
        {"activity": np.concatenate([number, number]), "node": np.concatenate([twin[split], split]),
         "coefficient": np.repeat([-1.0, 1.0], len(split))}
    )  # fmt: skip
    return {
        "sites": pd.concat([old.sites, sites], ignore_index=True),
        "activities": pd.concat([frames["activities"], acts], ignore_index=True),
        "terms": pd.concat([frames["terms"], terms], ignore_index=True),
    }


def _received_less_sent(frames: dict[str, pd.DataFrame]) -> Floats:
    """Base-year arrivals and output less inputs and shipments of each node (demand and waste are not counted)."""
    acts, terms, routes, n = frames["activities"], frames["terms"], frames["routes"], len(frames["nodes"])
    made = acts["x0"].to_numpy()[terms["activity"].to_numpy(dtype=int)] * terms["coefficient"].to_numpy()
    y0 = routes["y0"].to_numpy()
    result = np.zeros(n)
    np.add.at(result, terms["node"].to_numpy(dtype=int), made)
    np.add.at(result, routes["to_node"].to_numpy(dtype=int), y0)
    np.add.at(result, routes["from_node"].to_numpy(dtype=int), -y0)
    return result


def _effects(effects: Effects, trace: Trace, routes: set[str], piles: set[str], held: list[str]) -> Effects:
    """Effects on a route or stockpile hold for its twin; restricted re-exports to targets are held at base."""
    frame = effects.frame
    shared = frame["field"].isin(["shipment_share", "premium_usd", "stock_release_share"])
    copies = frame[shared].assign(component=frame["component"][shared] + FREE)
    copies = copies[copies["component"].isin(routes | piles)]
    rows = pd.DataFrame(
        [("shipment_share", label, month, 1.0 + trace.leak) for label in held for month in trace.months],
        columns=frame.columns,
    )
    if not len(frame) and not len(rows):
        return effects
    frame = pd.concat([part for part in (frame, copies, rows) if len(part)], ignore_index=True)
    limits = frame["field"] == "shipment_share"
    strict = frame[limits].groupby(["field", "component", "month"])["value"].min().reset_index()
    parts: list[pd.DataFrame] = [part for part in (strict, frame[~limits]) if len(part)]
    return replace(effects, frame=pd.concat(parts, ignore_index=True))
