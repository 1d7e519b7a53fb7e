"""Stocks: what each holder has at the end of each month, and the shortfall left after the last.

    s = s_base + s_extra,  s_base <= s0,  floor <= s <= room,  s[t-1] - s[t] <= release,   s[t] - s[t-1] <= refill
    shortfall >= s0 - s[last]

`release` is nothing until the stock opens (`opens_after` months into a shock), then a share of the holding a month.

Units: t. Shortfall is valued at replacement price (assumption `terminal_share`) and belongs to the holder's loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orebridge.delivery.limits import release_limit
from orebridge.errors import ProgramError
from orebridge.program.families import Axes

if TYPE_CHECKING:
    from orebridge.delivery.model import Model


def add(model: Model) -> None:
    """Add columns `stock`, `stock_extra`, `shortfall` and rows `release`, `buy back`, `refill`."""
    p, piles = model.program, model.network.stockpiles
    t = model.horizon.labels
    s0 = piles["s0"].to_numpy()
    labels: Axes = {"stockpile": piles["stockpile"], "month": t}
    floor = piles["floor"].to_numpy()
    room = piles["room"].to_numpy()
    full = np.minimum(s0, room)
    model.stock = p.columns("stock", labels, np.minimum(floor, full)[:, None], full[:, None])
    model.stock_extra = p.columns("stock_extra", labels, np.maximum(floor - full, 0.0)[:, None], (room - full)[:, None])
    model.shortfall = p.columns("shortfall", {"stockpile": piles["stockpile"]}, 0.0, np.inf)
    refill = p.rows("refill", {"stockpile": piles["stockpile"]}, s0, np.inf)
    p.terms(refill.ids, model.shortfall.ids, 1.0)
    for family in (model.stock, model.stock_extra):
        p.terms(refill.ids, family.ids[:, -1], 1.0)
    release = release_limit(model.network, model.limits)
    opens = piles["opens_after"].to_numpy(dtype=int) > 0
    slow = np.flatnonzero(np.isfinite(release).any(axis=1) | (model.movable & opens))
    model.released = slow
    if slow.size:
        rows = p.rows("release", {"stockpile": piles["stockpile"].iloc[slow], "month": t}, -np.inf, release[slow])
        p.set_rhs(rows.ids[:, 0], upper=release[slow, 0] - model.before.stock[slow])
        for family in (model.stock, model.stock_extra):
            p.terms(rows.ids, family.ids[slow], -1.0)
            p.terms(rows.ids[:, 1:], family.ids[slow][:, :-1], 1.0)
    bought = piles["refill"].to_numpy(dtype=float)
    slow = np.flatnonzero(np.isfinite(bought))
    if slow.size:
        rows = p.rows("buy back", {"stockpile": piles["stockpile"].iloc[slow], "month": t}, -np.inf, bought[slow, None])
        p.set_rhs(rows.ids[:, 0], upper=bought[slow] + model.before.stock[slow])
        for family in (model.stock, model.stock_extra):
            p.terms(rows.ids, family.ids[slow], 1.0)
            p.terms(rows.ids[:, 1:], family.ids[slow][:, :-1], -1.0)


def set_limits(model: Model) -> None:
    """Rows `release` again, after the model's limits have changed; ProgramError where a stock needs a row and has none."""
    most = release_limit(model.network, model.limits)
    bare = np.setdiff1d(np.flatnonzero(np.isfinite(most).any(axis=1)), model.released)
    if bare.size:
        name = model.network.stockpiles["stockpile"].iloc[bare[0]]
        raise ProgramError(f"{model.name}: {name} was built without a limit on its release; build a new model.")
    if model.released.size:
        most = most[model.released]
        most[:, 0] -= model.before.stock[model.released]
        model.program.set_rhs(model.program.row_families["release"], upper=most)
