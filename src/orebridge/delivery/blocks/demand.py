"""Unmet demand by product, country, end use and tier:  0 <= u <= D, outsiders at most max(theta D, unaided u).

Units: t of product per month. This is the only elastic column of the plan, so every plan is feasible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from orebridge.delivery.model import Model


def add(model: Model) -> None:
    """Add columns `unmet`."""
    demands = model.network.demands
    wanted = model.limits.demand
    theta = model.network.assumption("theta")
    outsider = ~demands["is_member"].to_numpy(dtype=bool)[:, None]
    most = np.where(outsider, np.minimum(wanted, np.maximum(theta * wanted, model.unaided.unmet)), wanted)
    model.unmet = model.program.columns(
        "unmet", {"demand": demands["demand"], "month": model.horizon.labels}, 0.0, most
    )
