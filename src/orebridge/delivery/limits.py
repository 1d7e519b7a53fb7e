"""Effects as arrays over the parts of a network and the months of a horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.errors import ShockError
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

Floats = npt.NDArray[np.float64]
_WHERE = {
    "shipment_share": ("routes", "route"),
    "premium_usd": ("routes", "route"),
    "capacity_share": ("sites", "site"),
    "demand_factor": ("demands", "demand"),
    "stock_release_share": ("stockpiles", "stockpile"),
}


@dataclass(frozen=True)
class Horizon:
    """Reported months and a shock-free tail that is never reported; a plan made later starts with month `first`."""

    reported: int
    tail: int
    first: int = 1

    @property
    def months(self) -> int:
        """All months of the program."""
        return self.reported + self.tail

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Month numbers, counted from the start of the first plan."""
        return self.first + np.arange(self.months)

    def later(self, first: int) -> Horizon:
        """The rest of this horizon from month `first` on."""
        return Horizon(self.reported - (first - self.first), self.tail, first)


def horizon_for(network: SupplyNetwork, reported: int) -> Horizon:
    """Tail of at least the longest lead chain plus the refill time (assumption `tail_months`)."""
    longest = sum(int(frame["lag"].max()) if len(frame) else 0 for frame in (network.activities, network.routes))
    return Horizon(reported, max(int(network.assumption("tail_months")), 2 * longest))


@dataclass(frozen=True)
class Limits:
    """What the effects allow: shares of base (nan = untouched) and demand by month."""

    route_share: Floats
    premium: Floats
    site_share: Floats
    demand: Floats
    release_share: Floats

    def later(self, gone: int) -> Limits:
        """The same without the first `gone` months."""
        return Limits(
            *(
                array[:, gone:]
                for array in (self.route_share, self.premium, self.site_share, self.demand, self.release_share)
            )
        )

    @property
    def touched(self) -> bool:
        """Whether anything is limited."""
        return bool((~np.isnan(self.route_share)).any() or (self.site_share < 1).any() or (self.premium > 0).any())


def limits_of(network: SupplyNetwork, effects: Effects, horizon: Horizon) -> Limits:
    """Arrays (component x month) of the effects; raises ShockError for a component the network does not have."""
    n = horizon.months
    arrays = {
        "shipment_share": np.full((len(network.routes), n), np.nan),
        "premium_usd": np.zeros((len(network.routes), n)),
        "capacity_share": np.ones((len(network.sites), n)),
        "demand_factor": np.ones((len(network.demands), n)),
        "stock_release_share": np.ones((len(network.stockpiles), n)),
    }
    frame = effects.frame
    for name, group in frame.groupby("field"):
        table, column = _WHERE[str(name)]
        labels = pd.Index(getattr(network, table)[column])
        at = labels.get_indexer(group["component"])
        if (at < 0).any():
            raise ShockError(
                f"effects name {group['component'][at < 0].iloc[0]!r}, which is not in {table} of this network."
            )
        month = group["month"].to_numpy()
        inside = month <= horizon.reported
        arrays[str(name)][at[inside], month[inside] - 1] = group["value"].to_numpy()[inside]
    demand = network.demands["D"].to_numpy()[:, None] * arrays["demand_factor"]
    first = int(frame["month"].min()) if len(frame) else horizon.months + 1
    arrays["stock_release_share"][shut_stocks(network, horizon, first)] = 0.0
    return Limits(
        arrays["shipment_share"], arrays["premium_usd"], arrays["capacity_share"], demand, arrays["stock_release_share"]
    )


def shut_stocks(network: SupplyNetwork, horizon: Horizon, first: int) -> npt.NDArray[np.bool_]:
    """Stocks (pile x month) not yet open in a shock that begins in month `first`: somebody must decide, and tender."""
    opens = network.stockpiles["opens_after"].to_numpy(dtype=int)[:, None]
    shut: npt.NDArray[np.bool_] = (horizon.labels[None, :] < first + opens) & (opens > 0)
    return shut


def release_limit(network: SupplyNetwork, limits: Limits) -> Floats:
    """Most a stockpile may give in a month (pile x month), t; inf where its release covers all it held at the start.

    One definition for the simulation and the plan: otherwise the course without a plan would not be a possible plan.
    """
    piles = network.stockpiles
    most = piles["release"].to_numpy(dtype=float)[:, None] * limits.release_share
    s0 = piles["s0"].to_numpy(dtype=float)[:, None]
    result: Floats = np.where(most >= s0 - 1e-9, np.inf, most)
    return result


def restrict_to(effects: Effects, network: SupplyNetwork) -> Effects:
    """The part of the effects that concerns this network (one chain of a larger one)."""
    known = {
        field: set(getattr(network, table)[column]) if len(getattr(network, table)) else set()
        for field, (table, column) in _WHERE.items()
    }
    fields, names = effects.frame["field"], effects.frame["component"]
    keep = np.array([c in known[f] for f, c in zip(fields, names, strict=True)], dtype=bool)
    commodities = set(network.nodes["commodity"])
    traces = tuple(trace for trace in effects.traces if commodities & set(trace.commodities))
    return Effects(effects.frame[keep].reset_index(drop=True), traces, effects.names, effects.horizon, effects.notes)
