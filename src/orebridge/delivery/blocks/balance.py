"""Conservation of each commodity in each country and month.

    outputs x[t-lag] + arrivals y[t-transit] + s[t-1] = inputs x[t] + shipments y[t] + s[t] + w + (D - u)

Months before the first (the base year, or what an earlier plan did) stand on the right-hand side: the pipeline is full. `w` exists only
where the commodity is a declared by-product. Units: t per month. The dual is the loss avoided per extra tonne there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from orebridge.delivery.model import Model


def add(model: Model) -> None:
    """Add columns `waste` and rows `balance`."""
    p, net, t = model.program, model.network, model.horizon.labels
    months = len(t)
    free = np.where((net.nodes["disposal"] == "free").to_numpy(), np.inf, 0.0)[:, None]
    model.waste = p.columns("waste", {"node": net.nodes["node"], "month": t}, 0.0, free)
    before, longest = model.before, model.before.activity.shape[1]
    need = np.zeros((len(net.nodes), months))  # right-hand side: demand less what the past still delivers
    np.add.at(need, net.demands["node"].to_numpy(dtype=int), model.limits.demand)
    np.add.at(need[:, 0], net.stockpiles["node"].to_numpy(dtype=int), -before.stock)
    act, node = net.terms["activity"].to_numpy(dtype=int), net.terms["node"].to_numpy(dtype=int)
    coefficient = net.terms["coefficient"].to_numpy()
    lag = np.where(coefficient > 0, net.activities["lag"].to_numpy(dtype=int)[act], 0)
    transit = net.routes["lag"].to_numpy(dtype=int)
    sink, source = net.routes["to_node"].to_numpy(dtype=int), net.routes["from_node"].to_numpy(dtype=int)
    month = np.arange(months)
    past = month[None, :] < lag[:, None]
    term, when = np.nonzero(past)
    ran = before.activity[act[term], longest - lag[term] + when]
    np.add.at(need, (node[term], when), -coefficient[term] * ran)
    coming = month[None, :] < transit[:, None]
    route, when = np.nonzero(coming)
    np.add.at(need, (sink[route], when), -before.shipment[route, longest - transit[route] + when])

    rows = p.rows("balance", {"node": net.nodes["node"], "month": t}, need, need)
    model.balance, model.need = rows, need
    term, when = np.nonzero(~past)
    for family in (model.activity, model.activity_extra):
        p.terms(rows.ids[node[term], when], family.ids[act[term], when - lag[term]], coefficient[term])
    route, when = np.nonzero(~coming)
    for family in (model.shipment, model.shipment_extra):
        p.terms(rows.ids[sink[route], when], family.ids[route, when - transit[route]], 1.0)
        p.terms(rows.ids[source], family.ids, -1.0)
    pile = net.stockpiles["node"].to_numpy(dtype=int)
    for family in (model.stock, model.stock_extra):
        p.terms(rows.ids[pile], family.ids, -1.0)
        p.terms(rows.ids[pile][:, 1:], family.ids[:, :-1], 1.0)
    p.terms(rows.ids[net.demands["node"].to_numpy(dtype=int)], model.unmet.ids, 1.0)
    p.terms(rows.ids, model.waste.ids, -1.0)


def set_limits(model: Model, wanted: np.ndarray) -> None:
    """The demand in rows `balance` again, where it was `wanted` before the model's limits changed."""
    np.add.at(model.need, model.network.demands["node"].to_numpy(dtype=int), model.limits.demand - wanted)
    model.program.set_rhs(model.balance, model.need, model.need)
