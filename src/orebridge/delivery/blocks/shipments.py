"""Shipments: base-year contracts up to y_base, tonnes beyond them in y_extra.

    y_base <= min(1, share) * y0        y_extra <= (share - 1) * y0 on limited routes, else open after qualification
    outside pool   sum of y_base from one outsider to one buyer <= what it would sell that buyer with no plan
    contestable    sum of y_extra from one outsider to one buyer <= theta * its sales to outsiders * the buyer's share

A buyer is a member on its own, or all members of the coalition together: an outsider that has less divides it by
base-year contracts between buyers, so that a plan of one never eats another's part of the pool. Between outsiders trade
keeps at least (1 - theta) of what it would be with no plan and grows at most by the restriction slack. Members' exports
to outsiders are the same number in all four ways. Shipments between members are decisions only inside a coalition;
otherwise they are the unaided numbers (plus a treaty's transfers). Units: t/month. No slack: the course without a plan
satisfies all rows. The dual of `contestable` is the loss avoided by one more tonne that could be bought there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from orebridge.delivery.model import Model


def add(model: Model) -> None:
    """Add columns `shipment`, `shipment_extra` and rows `outside pool`, `contestable`."""
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
        ],
        dtype=bool,  # a chain inside one country has no routes
    )[:, None]
    fixed = fixed | (from_member & to_member & ~together)
    number = np.minimum(unaided, upper)
    lower, upper = np.where(fixed, number, lower), np.where(fixed, number, upper)
    buys = ~from_member & to_member
    by_itself = ~routes["destination"].isin(model.coalition).to_numpy()[:, None]
    upper = np.where(buys & by_itself, number, upper)
    model.shipment = p.columns("shipment", {"route": routes["route"], "month": t}, lower, upper)

    open_now = t[None, :] > routes["opens"].to_numpy()[:, None]
    extra = np.where(limited, np.maximum(value - 1.0, 0.0) * y0, np.where(open_now, np.inf, 0.0))
    extra = np.where(~from_member & ~to_member, np.minimum(extra, slack * y0), extra)
    extra = np.where(fixed, 0.0, extra)
    low_extra = np.zeros_like(extra)
    if model.transfers is not None:
        low_extra, extra = model.transfers, np.where(fixed, model.transfers, extra)
    model.shipment_extra = p.columns("shipment_extra", {"route": routes["route"], "month": t}, low_extra, extra)
    _purchases(model, np.flatnonzero(buys), (~from_member & ~to_member).ravel(), upper, theta)


def _purchases(model: Model, buys: np.ndarray, others: np.ndarray, upper: np.ndarray, theta: float) -> None:
    """Rows over what each buyer gets from each outsider: its part of the pool, and what it may win over beyond it."""
    p, routes, unaided = model.program, model.network.routes, model.unaided.shipment
    sold: dict[tuple[str, str], np.ndarray] = {}
    for r in np.flatnonzero(others):
        key = (routes["commodity"].iloc[r], routes["origin"].iloc[r])
        sold[key] = sold.get(key, 0.0) + unaided[r]
    groups: dict[tuple[str, str, str], list[int]] = {}
    for r in buys:
        commodity, origin, buyer = routes["commodity"].iloc[r], routes["origin"].iloc[r], routes["destination"].iloc[r]
        together = "+".join(sorted(model.coalition)) if buyer in model.coalition else buyer
        groups.setdefault((commodity, origin, together), []).append(int(r))
    if not groups:
        return
    imports = routes.iloc[buys].groupby(["commodity", "destination"])["y0"].sum()
    none = np.zeros(len(model.horizon.labels))
    limit = []
    for commodity, origin, buyer in groups:
        own = sum(float(imports.get((commodity, m), 0.0)) for m in buyer.split("+"))
        total = sum(float(imports.get((commodity, m), 0.0)) for m in model.network.members)
        part = own / total if total > 0 else len(buyer.split("+")) / len(model.network.members)
        limit.append(theta * part * sold.get((commodity, origin), none))
    labels = [":".join(key) for key in groups]
    rows = p.rows("contestable", {"purchase": labels, "month": model.horizon.labels}, -np.inf, np.array(limit))
    pools = []
    for g, members in enumerate(groups.values()):
        p.terms(rows.ids[g][None, :], model.shipment_extra.ids[members], 1.0)
        part_of_pool = unaided[members].sum(0)
        if len(members) > 1 and (part_of_pool < upper[members].sum(0) - 1e-9).any():
            pools.append((labels[g], members, part_of_pool))
    if pools:
        labels = [label for label, _, _ in pools]
        rows = p.rows(
            "outside pool",
            {"purchase": labels, "month": model.horizon.labels},
            -np.inf,
            np.array([x for _, _, x in pools]),
        )
        for g, (_, members, _) in enumerate(pools):
            p.terms(rows.ids[g][None, :], model.shipment.ids[members], 1.0)
