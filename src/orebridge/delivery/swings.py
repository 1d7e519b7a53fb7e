"""Every stated assumption that can move the answer, with its low and high end and how to set it.

A swing changes the network or the effects and nothing else, so its loss is that of a world stated so from the start.
Ranges come from the tables where they state one (`assumptions.csv`; columns `value_low_usd`, `value_high_usd` of the
demands). Where a network carries no range the end points are given here with the reason. Not covered: what only a
later stage of the objective reads (cost of change, fairness), and two assumptions moving together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
State = tuple[SupplyNetwork, Effects]
# Shares below this count as what leaks through a restriction; larger ones are quotas somebody grants.
LEAK_HIGH = 0.3


@dataclass(frozen=True)
class Swing:
    """One assumption: its ends, the value as stated, and `at(value)`, the network and effects with it so.

    `name` is that of `assumptions.csv` where it stands there. `same_course`: neither the shock's limits nor the course
    without a plan nor the split by origin reads it, so that it may as well be set on the network split already.
    """

    name: str
    title: str
    unit: str
    low: float
    stated: float
    high: float
    at: Callable[[float], State]
    same_course: bool = False


def swings(network: SupplyNetwork, effects: Effects, months: int) -> list[Swing]:
    """The swings this network and shock have; one without a range or without effect on any figure is left out."""
    found = [
        _length(network, effects, months),
        _leakage(network, effects),
        _values(network, effects),
        _stocks(network, effects),
        *_recipes(network, effects),
        _tiers(network, effects),
        *_sites(network, effects),
        _new_sources(network, effects),
        _slack(network, effects),
        _tier_ratio(network, effects),
        *(_plain(network, effects, name) for name in ("theta", "terminal_share", "discount_rate", "outsider_weight")),
    ]
    return [swing for swing in found if swing is not None and swing.low < swing.high]


def stretched(effects: Effects, factor: float, months: int) -> Effects:
    """The shock made `factor` times as long from its first month on, cut at month `months`.

    Each limited component keeps its own course of values, drawn out or pressed together.
    """
    parts = []
    for _, group in effects.frame.groupby(["field", "component"], sort=False):
        month = group["month"].to_numpy(dtype=int)
        first, span = int(month.min()), int(month.max() - month.min()) + 1
        value = dict(zip(month.tolist(), group["value"].tolist(), strict=True))
        new = [(t, first + min(int((t - first) / factor), span - 1)) for t in _span(first, span, factor, months)]
        kept = [(t, value[old]) for t, old in new if old in value]
        parts.append(
            pd.DataFrame({"field": group["field"].iloc[0], "component": group["component"].iloc[0],
                          "month": [t for t, _ in kept], "value": [v for _, v in kept]})
        )  # fmt: skip
    frame = (
        pd.concat(parts, ignore_index=True).astype({"month": "int64", "value": "float64"}) if parts else effects.frame
    )
    traces = tuple(
        replace(
            trace, months=tuple(_span(min(trace.months), max(trace.months) - min(trace.months) + 1, factor, months))
        )
        for trace in effects.traces
    )
    return replace(effects, frame=frame, traces=traces)


def _span(first: int, span: int, factor: float, months: int) -> range:
    return range(first, min(first + max(1, round(span * factor)) - 1, months) + 1)


def _length(network: SupplyNetwork, effects: Effects, months: int) -> Swing | None:
    """Half and twice the stated length: nobody who orders a restriction says how long it lasts."""
    if effects.frame.empty:
        return None
    month = effects.frame.groupby(["field", "component"])["month"]
    stated = int((month.max() - month.min()).max()) + 1
    longest = int(min(2 * stated, months - int(effects.frame["month"].min()) + 1))

    def at(length: float) -> State:
        return network, effects if length == stated else stretched(effects, 0.5 if length < stated else 2.0, months)

    return Swing("shock_months", "Length of the shock", "months", max(1, round(stated / 2)), stated, longest, at)


def _leakage(network: SupplyNetwork, effects: Effects) -> Swing | None:
    """Nothing, or 0.3 of base-year shipments, gets through where the shock stops (nearly) all."""
    frame = effects.frame
    shut = ((frame["field"] == "shipment_share") & (frame["value"] <= LEAK_HIGH)).to_numpy()
    if not shut.any():
        return None

    def at(leak: float) -> State:
        traces = tuple(replace(trace, leak=leak) for trace in effects.traces)
        return network, replace(effects, frame=frame.assign(value=np.where(shut, leak, frame["value"])), traces=traces)

    return Swing(
        "leakage",
        "What still gets through where the shock stops nearly all",
        "share of base year",
        0.0,
        float(frame["value"][shut].mean()),
        LEAK_HIGH,
        at,
    )


def _values(network: SupplyNetwork, effects: Effects) -> Swing | None:
    """Value of lost output at the ends of its stated range, all products and tiers together."""
    demands = network.demands
    if not {"value_low_usd", "value_high_usd"} <= set(demands.columns):
        return None
    value, ours = demands["value_usd"].to_numpy(dtype=float), demands["is_member"].to_numpy(dtype=bool)
    ends = {end: demands[f"value_{end}_usd"].to_numpy(dtype=float) for end in ("low", "high")}
    weight = np.where(ours & ~np.isnan(value), demands["D"].to_numpy(dtype=float), 0.0)
    whole = float(np.nansum(weight * value))
    if not whole > 0:
        return None
    # Only a name for the ends, each product having its own: three figures say it.
    scale = {end: float(f"{np.nansum(weight * v) / whole:.3g}") for end, v in ends.items()}

    def at(factor: float) -> State:
        new = value if factor == 1.0 else ends["low" if factor < 1.0 else "high"]
        new = np.where(np.isnan(new), value, new)
        return replace(network, demands=demands.assign(value_usd=new)), effects

    return Swing("value_usd", "Value of lost output", "times stated", scale["low"], 1.0, scale["high"], at, True)


def restocked(piles: pd.DataFrame, s0: Floats) -> pd.DataFrame:
    """The stockpiles with other tonnes at the start; floor, release and refill keep their share of them."""
    old = piles["s0"].to_numpy(dtype=float)
    share = np.divide(s0, old, out=np.ones_like(old), where=old > 0)
    scaled = {c: _times(piles[c], share) for c in ("floor", "release", "refill") if c in piles}
    scaled["release"] = np.where(old > 0, scaled["release"], s0)  # a stock that was empty may give all it gets
    return piles.assign(s0=s0, **scaled)


def _times(values: pd.Series, share: Floats) -> Floats:
    given = values.to_numpy(dtype=float)
    result: Floats = np.where(np.isinf(given), given, np.where(np.isinf(given), 0.0, given) * share)
    return result


def _stocks(network: SupplyNetwork, effects: Effects) -> Swing | None:
    name, piles = "stock_days_scale", network.stockpiles
    if name not in network.assumptions:
        return None
    given = network.assumptions[name]
    ours = (piles["assumed"].to_numpy(dtype=bool)) & piles["country"].isin(network.members).to_numpy()

    def at(factor: float) -> State:
        new = piles["s0"].to_numpy(dtype=float) * np.where(ours, factor, 1.0)
        return replace(network, stockpiles=restocked(piles, new)), effects

    return Swing(name, "Stocks held by members, where assumed", "times stated", given.low, given.value, given.high, at)


def _recipes(network: SupplyNetwork, effects: Effects) -> list[Swing | None]:
    """Recipes of no base-year use: the share that accepts them and the months to qualify, at their stated ends.

    Where the network states no range: accepted by none or by twice as many; qualified in half or twice the time.
    """
    acts = network.activities
    new = ((acts["x0"] == 0) & ((acts["accepted"] < 1) | (acts["opens"] > 0))).to_numpy() & ~_idle(network)
    share, months = (acts[column].to_numpy(dtype=float) for column in ("accepted", "opens"))
    part, late = new & (share < 1.0), new & (months > 0)
    return [
        _table(network, effects, "accepted", part, (np.zeros_like(share), np.minimum(2.0 * share, 1.0))),
        _table(network, effects, "opens", late, (np.ceil(0.5 * months), 2.0 * months)),
    ]


def _table(
    network: SupplyNetwork, effects: Effects, column: str, own: Bools, ends: tuple[Floats, Floats]
) -> Swing | None:
    """All `own` activities' figures of a column at the low or the high ends together; `ends` where none are stated."""
    if not own.any():
        return None
    acts = network.activities
    stated = acts[column].to_numpy(dtype=float)
    low, high = (
        acts[f"{column}_{end}"].to_numpy(dtype=float) if f"{column}_{end}" in acts else guess
        for end, guess in zip(("low", "high"), ends, strict=True)
    )
    middle = float(stated[own].mean())

    def at(value: float) -> State:
        end = stated if value == middle else low if value < middle else high
        return replace(network, activities=acts.assign(**{column: np.where(own, end, stated)})), effects

    title, unit = {
        "accepted": ("Share of use that accepts another recipe (mean)", "share"),
        "opens": ("Months to qualify another recipe (mean)", "months"),
    }[column]
    return Swing(column, title, unit, float(low[own].mean()), middle, float(high[own].mean()), at, True)


def _idle(network: SupplyNetwork) -> Bools:
    """Activities of sites that stand idle or are planned: they wait for the plant, not for a recipe."""
    at = network.activities["site"].to_numpy(dtype=int)
    idle: Bools = network.sites["status"].isin(["idle", "planned"]).to_numpy(dtype=bool)[at]
    return idle


def _tiers(network: SupplyNetwork, effects: Effects) -> Swing | None:
    """Half and one and a half times the essential share of each use, taken from or given to general use."""
    demands = network.demands
    general, essential = (
        ((demands["tier"] == tier) & demands["is_member"]).to_numpy() for tier in ("general", "essential")
    )
    if not essential.any() or not general.any():
        return None
    keys = [demands["node"], demands["end_use"]]
    amount = demands["D"].to_numpy(dtype=float)
    upper = pd.Series(np.where(essential, amount, 0.0)).groupby(keys).transform("sum").to_numpy()
    lower = pd.Series(np.where(general, amount, 0.0)).groupby(keys).transform("sum").to_numpy()
    both = (upper > 0) & (lower > 0)

    def at(factor: float) -> State:
        new = np.minimum(upper * factor, upper + lower)
        up = np.divide(new, upper, out=np.ones_like(upper), where=both)
        down = np.divide(upper + lower - new, lower, out=np.ones_like(upper), where=both)
        scale = np.where(essential & both, up, np.where(general & both, down, 1.0))
        return replace(network, demands=demands.assign(D=amount * scale)), effects

    return Swing("tier_shares", "Essential share of use", "times stated", 0.5, 1.0, 1.5, at) if both.any() else None


def _sites(network: SupplyNetwork, effects: Effects) -> list[Swing]:
    """Plants: no surge or twice the stated one; no spare capacity or one and a half times it; slow and fast ramps."""
    sites = network.sites
    spare = sites["capacity"] - sites["base"]

    def surge(factor: float) -> State:
        return replace(network, sites=sites.assign(surge=sites["surge"] * factor)), effects

    def room(factor: float) -> State:
        return replace(network, sites=sites.assign(capacity=sites["base"] + spare * factor)), effects

    def ramp(factor: float) -> State:
        return replace(network, sites=sites.assign(ramp=np.minimum(sites["ramp"] * factor, 1.0))), effects

    found: list[Swing] = []
    if (sites["surge"] > 0).any():
        found.append(
            Swing("surge", "Output above capacity in a crisis (surge)", "times stated", 0.0, 1.0, 2.0, surge, True)
        )
    if (spare > 0).any():
        found.append(Swing("spare_capacity", "Idle capacity that can be run", "times stated", 0.0, 1.0, 1.5, room))
    if ((sites["ramp"] < 1) & (sites["capacity"] > 0)).any():
        found.append(Swing("ramp", "Speed at which plants run up", "times stated", 0.5, 1.0, 2.0, ramp))
    return found


def _new_sources(network: SupplyNetwork, effects: Effects) -> Swing | None:
    name, routes = "new_source_months", network.routes
    fresh = (routes["y0"] == 0).to_numpy()
    if name not in network.assumptions or not fresh.any():
        return None
    given = network.assumptions[name]

    def at(months: float) -> State:
        return replace(network, routes=routes.assign(opens=np.where(fresh, months, routes["opens"]))), effects

    return Swing(name, "Months to qualify a new supplier", "months", given.low, given.value, given.high, at)


def _slack(network: SupplyNetwork, effects: Effects) -> Swing | None:
    """What others get above base during a restriction: in the model, and in the effects where the shock wrote it."""
    name, frame = "restriction_slack", effects.frame
    if name not in network.assumptions:
        return None
    given = network.assumptions[name]
    written = ((frame["field"] == "shipment_share") & (np.abs(frame["value"] - 1.0 - given.value) < 1e-12)).to_numpy()

    def at(slack: float) -> State:
        value = np.where(written, 1.0 + slack, frame["value"])
        return network.assume(name, slack), replace(effects, frame=frame.assign(value=value))

    return Swing(
        name,
        "Sales of the restricting country to others above base year",
        given.unit,
        given.low,
        given.value,
        given.high,
        at,
    )


def _tier_ratio(network: SupplyNetwork, effects: Effects) -> Swing | None:
    name, demands = "tier_value_ratio", network.demands
    if name not in network.assumptions:
        return None
    given = network.assumptions[name]

    def at(ratio: float) -> State:
        scale = np.where(demands["tier"] == "general", 1.0, ratio)
        return replace(network, demands=demands.assign(value_usd=demands["value_usd"] * scale)), effects

    return Swing(
        name,
        "Value of defence and essential use against general",
        "times stated",
        given.low,
        given.value,
        given.high,
        at,
        True,
    )


def _plain(network: SupplyNetwork, effects: Effects, name: str) -> Swing | None:
    """An assumption the model reads by name."""
    titles = {
        "theta": "Share of outsiders' trade that members could win over (theta)",
        "terminal_share": "Worth of a tonne missing from stock at the end, share of price",
        "discount_rate": "Discount rate",
        "outsider_weight": "Weight of outsiders' use",
    }
    if name not in network.assumptions:
        return None
    given = network.assumptions[name]
    return Swing(
        name,
        titles[name],
        given.unit,
        given.low,
        given.value,
        given.high,
        lambda v: (network.assume(name, v), effects),
        True,
    )
