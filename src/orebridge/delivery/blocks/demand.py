"""Unmet demand by product, country, end use and tier:  0 <= u <= D, outsiders at most max(theta D, unaided u).

    sum over tiers and uses of u <= peak * sum of D      (rows `level`, per member, product and month)

`peak`, the largest monthly shortage share, is made small in stage D. In the unreported tail members' u is at most its
unaided value. Units: t of product per month. `u` is the only elastic column; the course without a plan satisfies every
row, so a plan always exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from orebridge.delivery.model import Model


def add(model: Model) -> None:
    """Add columns `unmet`, `peak` and rows `level`."""
    demands = model.network.demands
    wanted = model.limits.demand
    most = _most(model)
    model.unmet = model.program.columns(
        "unmet", {"demand": demands["demand"], "month": model.horizon.labels}, 0.0, most
    )
    ours = demands[demands["is_member"].to_numpy(dtype=bool)]
    model.ours = ours.index.to_numpy()
    model.worst = model.program.columns("worst", {"share": ["largest excess"]}, 0.0, 1.0)
    model.peak = model.program.columns("peak", {"share": ["largest"]}, 0.0, 1.0)
    parts = [(f"{k[0]}/{k[1]}", g.index.to_numpy()) for k, g in ours.groupby(["country", "commodity"])]
    if not parts:
        return
    rows = model.program.rows("level", {"use": [k for k, _ in parts], "month": model.horizon.labels}, -np.inf, 0.0)
    for i, (_, part) in enumerate(parts):
        model.program.terms(rows.ids[i][None, :], model.unmet.ids[part], 1.0)
        model.program.terms(rows.ids[i], model.peak.ids, -wanted[part].sum(0))


def set_limits(model: Model) -> None:
    """Bounds of `unmet` again, after the model's limits or its course without a plan have changed."""
    model.program.set_bounds(model.unmet, upper=_most(model))


def _most(model: Model) -> np.ndarray:
    """Most that may go unmet of each demand in each month."""
    demands = model.network.demands
    wanted = model.limits.demand
    theta = model.network.assumption("theta")
    outsider = ~demands["is_member"].to_numpy(dtype=bool)[:, None]
    most = np.where(outsider, np.minimum(wanted, np.maximum(theta * wanted, model.unaided.unmet)), wanted)
    # The tail is not reported: without this bound a plan would move shortage there and look better than it is.
    tail = np.arange(wanted.shape[1])[None, :] >= model.horizon.reported
    return np.where(tail & ~outsider, np.minimum(wanted, model.unaided.unmet), most)
