"""What was under way before the first month of a program: runs, shipments and stocks.

A plan made at the start finds the base year under way: the pipeline is full. A plan made later finds what the earlier
plan did in the months that have passed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orebridge.network import SupplyNetwork

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Flows:
    """A course of events: activity, shipment, stock, unmet demand and waste by month (component x month, t)."""

    activity: Floats
    shipment: Floats
    stock: Floats
    unmet: Floats
    waste: Floats

    def first(self, months: int) -> Flows:
        """The first months."""
        return Flows(*(a[:, :months] for a in (self.activity, self.shipment, self.stock, self.unmet, self.waste)))

    def then(self, other: Flows) -> Flows:
        """This course followed by another."""
        return Flows(
            np.hstack([self.activity, other.activity]),
            np.hstack([self.shipment, other.shipment]),
            np.hstack([self.stock, other.stock]),
            np.hstack([self.unmet, other.unmet]),
            np.hstack([self.waste, other.waste]),
        )


@dataclass(frozen=True)
class Past:
    """Runs and shipments of the last months (component x month, latest last) and stocks now (t)."""

    activity: Floats
    shipment: Floats
    stock: Floats

    def after(self, flows: Flows) -> Past:
        """The past once `flows` have happened too."""
        keep = self.activity.shape[1]
        return Past(
            np.hstack([self.activity, flows.activity])[:, -keep:],
            np.hstack([self.shipment, flows.shipment])[:, -keep:],
            flows.stock[:, -1],
        )


def base_year(network: SupplyNetwork) -> Past:
    """The base year went on until now."""
    lags = [int(frame["lag"].max()) if len(frame) else 0 for frame in (network.activities, network.routes)]
    longest = max(1, *lags)
    x0, y0 = network.activities["x0"].to_numpy(dtype=float), network.routes["y0"].to_numpy(dtype=float)
    stock = network.stockpiles["s0"].to_numpy(dtype=float)
    return Past(np.repeat(x0[:, None], longest, 1), np.repeat(y0[:, None], longest, 1), stock)
