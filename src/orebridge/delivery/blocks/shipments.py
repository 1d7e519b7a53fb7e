"""Shipments: base-year contracts up to y_base, tonnes beyond them in y_extra.

    y_base <= min(1, share) * y0        y_extra <= (share - 1) * y0 on limited routes, else open after qualification

Between outsiders trade keeps at least (1 - theta) of what it would be with no plan and grows at most by the
restriction slack. Members' exports to outsiders are the same number in all four ways. Shipments between members are
decisions only inside a coalition; otherwise they are the unaided numbers (plus a treaty's transfers). Units: t/month.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from orebridge.delivery.model import Model


def add(model: Model) -> None:
    """Add columns `shipment`, `shipment_extra` and the rows `contestable` of each origin (and buyer, if alone)."""
    p, routes = model.program, model.network.routes
    t = model.horizon.labels
    y0 = routes["y0"].to_numpy()[:, None]
    share = model.limits.route_share
    limited = ~np.isnan(share)
    value = np.where(limited, share, 1.0)
    unaided = model.unaided.shipment
    members = set(model.network.members)
    from_member = routes["origin"].isin(members).to_numpy()[:, None]
    to_member = routes["destination"].isin(members).to_numpy()[:, None]
    theta = model.network.assumption("theta")
    slack = model.network.assumption("restriction_slack")

    upper = np.minimum(value, 1.0) * y0
    lower = np.zeros_like(upper)
    lower = np.where(~from_member & ~to_member, (1.0 - theta) * np.minimum(unaided, upper), lower)
    fixed = from_member & ~to_member
    together = np.array(
        [
            o in model.coalition and d in model.coalition
            for o, d in zip(routes["origin"], routes["destination"], strict=True)
        ]
    )[:, None]
    fixed = fixed | (from_member & to_member & ~together)
    number = np.minimum(unaided, upper)
    lower, upper = np.where(fixed, number, lower), np.where(fixed, number, upper)
    model.shipment = p.columns("shipment", {"route": routes["route"], "month": t}, lower, upper)

    open_now = t[None, :] > routes["opens"].to_numpy()[:, None]
    extra = np.where(limited, np.maximum(value - 1.0, 0.0) * y0, np.where(open_now, np.inf, 0.0))
    extra = np.where(~from_member & ~to_member, np.minimum(extra, slack * y0), extra)
    extra = np.where(fixed, 0.0, extra)
    low_extra = np.zeros_like(extra)
    if model.transfers is not None:
        low_extra, extra = model.transfers, np.where(fixed, model.transfers, extra)
    model.shipment_extra = p.columns("shipment_extra", {"route": routes["route"], "month": t}, low_extra, extra)
    _contestable(model, (~from_member & to_member).ravel(), (~from_member & ~to_member).ravel(), theta)


def _contestable(model: Model, buys: np.ndarray, others: np.ndarray, theta: float) -> None:
    """Members buy from an outsider at most theta of what it sold to outsiders; alone, each its base import share."""
    p, routes = model.program, model.network.routes
    pool = routes[others].groupby(["commodity", "origin"])["y0"].sum()
    groups: dict[tuple[str, str, str], list[int]] = {}
    for r in np.flatnonzero(buys):
        commodity, origin, buyer = routes["commodity"].iloc[r], routes["origin"].iloc[r], routes["destination"].iloc[r]
        together = "+".join(sorted(model.coalition)) if buyer in model.coalition else buyer
        groups.setdefault((commodity, origin, together), []).append(int(r))
    if not groups:
        return
    imports = routes[buys].groupby(["commodity", "destination"])["y0"].sum()
    limit = []
    for commodity, origin, buyer in groups:
        own = sum(float(imports.get((commodity, m), 0.0)) for m in buyer.split("+"))
        total = sum(float(imports.get((commodity, m), 0.0)) for m in model.network.members)
        part = own / total if total > 0 else len(buyer.split("+")) / len(model.network.members)
        limit.append(theta * float(pool.get((commodity, origin), 0.0)) * part)
    labels = [":".join(key) for key in groups]
    rows = p.rows("contestable", {"purchase": labels, "month": model.horizon.labels}, -np.inf, np.array(limit)[:, None])
    for g, members in enumerate(groups.values()):
        p.terms(rows.ids[g][None, :], model.shipment_extra.ids[members], 1.0)
