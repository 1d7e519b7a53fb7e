"""What the answer hangs on: loss against days of stock, and how far each assumption moves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd

from orebridge.delivery.modes import weighted_loss
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

STOCK_DAYS = (0, 30, 60, 90, 120, 180, 240)
SWINGS = ("accepted", "stock_days_scale", "tier_value_ratio", "theta", "new_source_months", "surge", "spare_capacity")
Note = Callable[[str], None]


def with_stock_days(network: SupplyNetwork, days: float) -> SupplyNetwork:
    """Members' assumed industry stocks set to `days` of base-year use; published holdings stay."""
    piles = network.stockpiles.copy()
    use = network.throughput()[piles["node"].to_numpy(dtype=int)]
    ours = piles["assumed"].to_numpy(dtype=bool) & piles["country"].isin(network.members).to_numpy()
    piles["s0"] = np.where(ours, use * days / 30.4375, piles["s0"])
    piles["release"] = np.where(ours, piles["s0"], piles["release"])
    return replace(network, stockpiles=piles)


def stock_curve(
    network: SupplyNetwork, effects: Effects, months: int, ways: Sequence[str], note: Note = lambda _: None
) -> pd.DataFrame:
    """Loss in USD by days of stock and way (single weighted solve), for one chain."""
    jobs = [(days, way) for days in STOCK_DAYS for way in ways]

    def run(job: tuple[int, str]) -> dict[str, object]:
        days, way = job
        note(f"stock of {days} days, {way}")
        loss = weighted_loss(with_stock_days(network, days), effects, months, way)
        return {"days": days, "way": way, "loss_usd": loss}

    with ThreadPoolExecutor(2) as pool:
        return pd.DataFrame(list(pool.map(run, jobs)))


def break_even_days(curve: pd.DataFrame, way: str, share: float = 0.01) -> float:
    """Days of stock at which the loss falls to `share` of the loss without stock; nan if it never does (interpolated)."""
    rows = curve[curve["way"] == way].sort_values("days")
    days, loss = rows["days"].to_numpy(dtype=float), rows["loss_usd"].to_numpy(dtype=float)
    target = share * loss[0]
    if loss[0] <= 0:
        return 0.0
    below = np.flatnonzero(loss <= target)
    if not below.size:
        return float("nan")
    k = int(below[0])
    if k == 0:
        return float(days[0])
    return float(days[k - 1] + (loss[k - 1] - target) / (loss[k - 1] - loss[k]) * (days[k] - days[k - 1]))


def tornado(
    network: SupplyNetwork, effects: Effects, months: int, way: str, note: Note = lambda _: None
) -> pd.DataFrame:
    """Loss of `way` with each assumption at its low and high end, the others as stated; widest first."""
    jobs: list[tuple[str, str, SupplyNetwork]] = [("as stated", "", network)]
    for name in SWINGS:
        for end in ("low", "high"):
            changed = _swung(network, name, end)
            if changed is not None:
                jobs.append((name, end, changed))

    def run(job: tuple[str, str, SupplyNetwork]) -> dict[str, object]:
        note(f"{job[0]} {job[1]}")
        return {"assumption": job[0], "end": job[1], "loss_usd": weighted_loss(job[2], effects, months, way)}

    with ThreadPoolExecutor(2) as pool:
        frame = pd.DataFrame(list(pool.map(run, jobs)))
    base = float(frame.loc[frame["assumption"] == "as stated", "loss_usd"].iloc[0])
    wide = frame[frame["assumption"] != "as stated"].pivot_table(index="assumption", columns="end", values="loss_usd")
    wide = wide.assign(stated=base).reset_index()
    wide["swing"] = (wide["high"] - wide["low"]).abs()
    return wide.sort_values(["swing", "assumption"], ascending=[False, True]).reset_index(drop=True)


def _swung(network: SupplyNetwork, name: str, end: str) -> SupplyNetwork | None:
    """The network with one assumption at its end; None if the network does not have it."""
    high = end == "high"
    if name == "accepted":
        acts = network.activities.copy()
        alternative = acts["x0"] == 0
        if not alternative.any():
            return None
        acts["accepted"] = np.where(alternative, acts["accepted"] * (2.0 if high else 0.0), acts["accepted"]).clip(0, 1)
        return replace(network, activities=acts)
    if name == "surge":
        return replace(network, sites=network.sites.assign(surge=network.sites["surge"] * (2.0 if high else 0.0)))
    if name == "spare_capacity":
        spare = network.sites["capacity"] - network.sites["base"]
        return replace(
            network, sites=network.sites.assign(capacity=network.sites["base"] + spare * (1.5 if high else 0.0))
        )
    if name == "new_source_months":
        months = getattr(network.assumptions[name], end)
        routes = network.routes
        return replace(network, routes=routes.assign(opens=np.where(routes["y0"] == 0, months, routes["opens"])))
    if name not in network.assumptions:
        return None
    value = getattr(network.assumptions[name], end)
    if name == "stock_days_scale":
        piles = network.stockpiles
        scale = np.where(piles["assumed"] & piles["country"].isin(network.members), value, 1.0)
        return replace(network, stockpiles=piles.assign(s0=piles["s0"] * scale, release=piles["release"] * scale))
    if name == "tier_value_ratio":
        demands = network.demands
        scale = np.where(demands["tier"] == "general", 1.0, value)
        return replace(network, demands=demands.assign(value_usd=demands["value_usd"] * scale))
    return network.assume(name, value)
