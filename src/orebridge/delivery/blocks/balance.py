"""Conservation of each commodity in each country and month.

    outputs x[t-lag] + arrivals y[t-transit] + s[t-1] = inputs x[t] + shipments y[t] + s[t] + w + (D - u)

Months before the first are the base year and stand on the right-hand side: the pipeline is full. `w` exists only
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
    x0, y0 = net.activities["x0"].to_numpy(), net.routes["y0"].to_numpy()
    need = np.zeros((len(net.nodes), months))  # right-hand side: demand less what the past still delivers
    np.add.at(need, net.demands["node"].to_numpy(dtype=int), model.limits.demand)
    np.add.at(need[:, 0], net.stockpiles["node"].to_numpy(dtype=int), -net.stockpiles["s0"].to_numpy())
    act, node = net.terms["activity"].to_numpy(dtype=int), net.terms["node"].to_numpy(dtype=int)
    coefficient = net.terms["coefficient"].to_numpy()
    lag = np.where(coefficient > 0, net.activities["lag"].to_numpy(dtype=int)[act], 0)
    transit = net.routes["lag"].to_numpy(dtype=int)
    sink, source = net.routes["to_node"].to_numpy(dtype=int), net.routes["from_node"].to_numpy(dtype=int)
    month = np.arange(months)
    past = month[None, :] < lag[:, None]
    np.add.at(need, (np.repeat(node, past.sum(1)), np.nonzero(past)[1]), np.repeat(-coefficient * x0[act], past.sum(1)))
    coming = month[None, :] < transit[:, None]
    np.add.at(need, (np.repeat(sink, coming.sum(1)), np.nonzero(coming)[1]), np.repeat(-y0, coming.sum(1)))

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
