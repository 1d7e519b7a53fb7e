"""Activity of sites by recipe: up to base, above base, and what a site can do in all.

    sum over recipes (x_base + x_extra) <= capacity * capacity_share * (1 + surge)
    x[t] - x[t-1] <= ramp * capacity            (month 0 is the base year)
    sum over origin classes of one recipe x <= accepted * capacity * (1 + surge)     (rows `accepted`, where it has two)

Units: t of the process's activity per month. A recipe that is not used in the base year opens after its qualification
months and takes at most its accepted share of the site. No slack: activity can always be zero. The dual of the
capacity row is the loss avoided by one more tonne of monthly capacity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orebridge.program.families import Axes

if TYPE_CHECKING:
    from orebridge.delivery.model import Model


def add(model: Model) -> None:
    """Add columns `activity`, `activity_extra` and rows `capacity`, `ramp`, `accepted`."""
    p, acts, sites = model.program, model.network.activities, model.network.sites
    t = model.horizon.labels
    x0 = acts["x0"].to_numpy()
    site = acts["site"].to_numpy(dtype=int)
    room = _room(model)
    base_total = np.bincount(site, x0, len(sites))
    fits = np.minimum(1.0, np.divide(room, base_total, out=np.ones_like(room), where=base_total > 0))
    upper = np.broadcast_to((x0 * fits[site])[:, None], (len(acts), len(t)))
    model.activity = p.columns("activity", {"activity": acts["activity"], "month": t}, 0.0, upper)
    accepted = acts["accepted"].to_numpy() * room[site]
    open_now = t[None, :] > acts["opens"].to_numpy()[:, None]
    more = np.where(open_now, np.maximum(accepted - x0, 0.0)[:, None], 0.0)
    model.activity_extra = p.columns("activity_extra", {"activity": acts["activity"], "month": t}, 0.0, more)

    labels: Axes = {"site": sites["site"], "month": t}
    cap = p.rows("capacity", labels, -np.inf, room[:, None] * model.limits.site_share)
    rise = p.rows("ramp", labels, -np.inf, (sites["ramp"] * sites["capacity"]).to_numpy()[:, None].repeat(len(t), 1))
    now = np.bincount(site, model.before.activity[:, -1], len(sites))
    p.set_rhs(rise.ids[:, 0], upper=(sites["ramp"] * sites["capacity"]).to_numpy() + now)
    for family in (model.activity, model.activity_extra):
        p.terms(cap.ids[site], family.ids, 1.0)
        p.terms(rise.ids[site], family.ids, 1.0)
        p.terms(rise.ids[site][:, 1:], family.ids[:, :-1], -1.0)
    _accepted(model, accepted)


def set_limits(model: Model) -> None:
    """Rows `capacity` again, after the model's limits have changed."""
    rows = model.program.row_families["capacity"]
    model.program.set_rhs(rows, upper=_room(model)[:, None] * model.limits.site_share)


def _room(model: Model) -> np.ndarray:
    """Most that each site can run in a month, surge and all."""
    sites = model.network.sites
    return (sites["capacity"] * (1.0 + sites["surge"])).to_numpy()


def _accepted(model: Model, most: np.ndarray) -> None:
    """A recipe run on feed of two origin classes still takes its accepted share of the site only once."""
    acts = model.network.activities
    both = [g.index.to_numpy() for _, g in acts[acts["accepted"] < 1.0].groupby(["site", "recipe"]) if len(g) > 1]
    if not both:
        return
    labels: Axes = {"recipe": [acts["activity"].iloc[group[0]] for group in both], "month": model.horizon.labels}
    limit = np.array([[most[group[0]]] for group in both])
    rows = model.program.rows("accepted", labels, -np.inf, limit)
    for i, group in enumerate(both):
        for family in (model.activity, model.activity_extra):
            model.program.terms(rows.ids[i][None, :], family.ids[group], 1.0)
