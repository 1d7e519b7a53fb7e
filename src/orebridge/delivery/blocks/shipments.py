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

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from orebridge.program.families import Axes

if TYPE_CHECKING:
    from orebridge.delivery.model import Model

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sides:
    """Who sells to whom, by route (columns of one): numbers, not decisions, where `fixed`."""

    outside: Bools  #: between outsiders
    buys: Bools  #: a member buys from an outsider
    by_itself: Bools  #: a member outside the coalition buys from an outsider
    fixed: Bools  #: a member's exports to outsiders, and between members that do not plan together

    @classmethod
    def of(cls, model: Model) -> Sides:
        """The sides of a model's routes."""
        routes = model.network.routes
        members = set(model.network.members)
        from_member, to_member = routes["origin"].isin(members), routes["destination"].isin(members)
        to_coalition = routes["destination"].isin(model.coalition)
        together = routes["origin"].isin(model.coalition) & to_coalition
        buys = ~from_member & to_member
        fixed = (from_member & ~to_member) | (from_member & to_member & ~together)
        return cls(
            *(x.to_numpy(dtype=bool)[:, None] for x in (~from_member & ~to_member, buys, buys & ~to_coalition, fixed))
        )


@dataclass(frozen=True)
class Purchases:
    """What each buyer gets from each outsider: labels, routes of each, and share of an outsider's other sales by route."""

    labels: list[str]
    routes: list[list[int]]
    contested: Any  #: purchases x routes: share of what the outsider sells to others that the buyer may win over


def add(model: Model) -> None:
    """Add columns `shipment`, `shipment_extra` and rows `outside pool`, `contestable`."""
    p = model.program
    labels: Axes = {"route": model.network.routes["route"], "month": model.horizon.labels}
    model.sides = Sides.of(model)
    (lower, upper), (low_extra, extra) = _bounds(model)
    model.shipment = p.columns("shipment", labels, lower, upper)
    model.shipment_extra = p.columns("shipment_extra", labels, low_extra, extra)
    model.purchases = _purchases(model)
    if not model.purchases.labels:
        return
    months, bought = model.horizon.labels, model.purchases
    limit = bought.contested @ model.unaided.shipment
    rows = p.rows("contestable", {"purchase": bought.labels, "month": months}, -np.inf, limit)
    pools = []
    for g, members in enumerate(bought.routes):
        p.terms(rows.ids[g][None, :], model.shipment_extra.ids[members], 1.0)
        part_of_pool = model.unaided.shipment[members].sum(0)
        tight = (part_of_pool < upper[members].sum(0) - 1e-9).any()
        if len(members) > 1 and (tight or model.movable):
            pools.append(g)
    model.pools = pools
    if pools:
        axes: Axes = {"purchase": [bought.labels[g] for g in pools], "month": months}
        rows = p.rows("outside pool", axes, -np.inf, _pool_limits(model))
        for g, pool in enumerate(pools):
            p.terms(rows.ids[g][None, :], model.shipment.ids[bought.routes[pool]], 1.0)


def set_limits(model: Model) -> None:
    """Bounds and rows again, after the model's limits or its course without a plan have changed."""
    p = model.program
    (lower, upper), (low_extra, extra) = _bounds(model)
    p.set_bounds(model.shipment, lower, upper)
    p.set_bounds(model.shipment_extra, low_extra, extra)
    if model.purchases.labels:
        p.set_rhs(p.row_families["contestable"], upper=model.purchases.contested @ model.unaided.shipment)
    if model.pools:
        p.set_rhs(p.row_families["outside pool"], upper=_pool_limits(model))


def _bounds(model: Model) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Lower and upper bounds of the shipments up to base, and of those above."""
    routes, share, unaided, sides = model.network.routes, model.limits.route_share, model.unaided.shipment, model.sides
    y0 = routes["y0"].to_numpy()[:, None]
    limited = ~np.isnan(share)
    value = np.where(limited, share, 1.0)
    theta = model.network.assumption("theta")
    slack = model.network.assumption("restriction_slack")

    upper = np.minimum(value, 1.0) * y0
    number = np.minimum(unaided, upper)
    lower = np.where(sides.outside, (1.0 - theta) * number, 0.0)
    lower = np.where(sides.fixed, number, lower)
    upper = np.where(sides.fixed | sides.by_itself, number, upper)

    open_now = model.horizon.labels[None, :] > routes["opens"].to_numpy()[:, None]
    extra = np.where(limited, np.maximum(value - 1.0, 0.0) * y0, np.where(open_now, np.inf, 0.0))
    extra = np.where(sides.outside, np.minimum(extra, slack * y0), extra)
    extra = np.where(sides.fixed, 0.0, extra)
    low_extra = np.zeros_like(extra)
    if model.transfers is not None:
        low_extra, extra = model.transfers, np.where(sides.fixed, model.transfers, extra)
    return (lower, upper), (low_extra, extra)


def _pool_limits(model: Model) -> Floats:
    result: Floats = np.array([model.unaided.shipment[model.purchases.routes[g]].sum(0) for g in model.pools])
    return result


def _purchases(model: Model) -> Purchases:
    """Who buys what from which outsider, and the share of the outsider's other sales that may be won over."""
    routes, sides = model.network.routes, model.sides
    buys, others = np.flatnonzero(sides.buys).tolist(), np.flatnonzero(sides.outside).tolist()
    goods, origins, places = (routes[name].tolist() for name in ("commodity", "origin", "destination"))
    sold: dict[tuple[str, str], list[int]] = {}
    for r in others:
        sold.setdefault((goods[r], origins[r]), []).append(r)
    groups: dict[tuple[str, str, str], list[int]] = {}
    whole = "+".join(sorted(model.coalition))
    for r in buys:
        groups.setdefault((goods[r], origins[r], whole if places[r] in model.coalition else places[r]), []).append(r)
    imports = routes.iloc[buys].groupby(["commodity", "destination"])["y0"].sum().to_dict()
    theta, members = model.network.assumption("theta"), model.network.members
    at: list[tuple[int, int, float]] = []
    for g, (commodity, origin, buyer) in enumerate(groups):
        own = sum(float(imports.get((commodity, m), 0.0)) for m in buyer.split("+"))
        total = sum(float(imports.get((commodity, m), 0.0)) for m in members)
        part = own / total if total > 0 else len(buyer.split("+")) / len(members)
        at += [(g, r, theta * part) for r in sold.get((commodity, origin), [])]
    rows, columns, shares = zip(*at, strict=True) if at else ((), (), ())
    matrix = sparse.csr_array((np.array(shares, dtype=float), (rows, columns)), shape=(len(groups), len(routes)))
    return Purchases([":".join(key) for key in groups], list(groups.values()), matrix)
