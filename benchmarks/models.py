"""One delivery programme, built in four ways: raw arrays, Orebridge, linopy, Pyomo.

minimise   cost of making, shipping and storing + penalty of unmet demand
subject to out[site, t]      sum of shipments - made = 0
           user[user, t]     stock[t] - stock[t-1] - arrivals + taken in (made / yield, or demand - unmet) = 0
           by_product[i, t]  made - ratio x made by the host <= what comes without the host
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from world import Array, Index, Shock, World, limits

from orebridge.program import Family, Program

OPTIONS: dict[str, Any] = {"output_flag": False, "solver": "simplex", "threads": 1, "presolve": "off"}


class Arrays(NamedTuple):
    """The programme as arrays; the matrix by columns."""

    cost: Array
    lower: Array
    upper: Array
    row_lower: Array
    row_upper: Array
    matrix: Any


# --- raw -------------------------------------------------------------------------------------------------------------
def raw_arrays(w: World) -> Arrays:
    """By hand: what a careful programmer writes without any modelling layer."""
    from scipy import sparse

    given, t, n = limits(w), np.arange(w.size.periods), w.size.periods
    sites, arcs, users, ends = len(w.capacity), len(w.source), len(w.stock), len(w.end_user)
    make = np.arange(sites * n, dtype=np.int32).reshape(sites, n)
    ship = (sites * n + np.arange(arcs * n, dtype=np.int32)).reshape(arcs, n)
    keep = ((sites + arcs) * n + np.arange(users * n, dtype=np.int32)).reshape(users, n)
    lack = ((sites + arcs + users) * n + np.arange(ends * n, dtype=np.int32)).reshape(ends, n)
    out = make
    user = (sites * n + np.arange(users * n, dtype=np.int32)).reshape(users, n)
    pair = ((sites + users) * n + np.arange(len(w.ratio) * n, dtype=np.int32)).reshape(-1, n)
    buyers = np.flatnonzero(w.user_site >= 0)
    arrive = t + w.lead[:, None]
    in_time = arrive < n
    blocks = [
        (out, make, -1.0),
        (out[w.source], ship, 1.0),
        (user, keep, 1.0),
        (user[:, 1:], keep[:, :-1], -1.0),
        (user[w.target[:, None], np.minimum(arrive, n - 1)][in_time], ship[in_time], -1.0),
        (user[buyers], make[w.user_site[buyers]], (1 / w.site_yield[w.user_site[buyers]])[:, None]),
        (user[w.end_user], lack, -1.0),
        (pair, make[w.by_product], 1.0),
        (pair, make[w.host], -w.ratio[:, None]),
    ]
    rows = np.concatenate([r.ravel() for r, _, _ in blocks])
    columns = np.concatenate([c.ravel() for _, c, _ in blocks])
    values = np.concatenate([np.broadcast_to(v, r.shape).ravel() for r, _, v in blocks])
    shape = ((sites + users + len(w.ratio)) * n, (sites + arcs + users + ends) * n)
    matrix = sparse.csc_array((values, (rows, columns)), shape=shape)
    cost = np.concatenate([w.site_cost, w.arc_cost, np.full(users, 0.05), w.penalty]).repeat(n)
    least = np.zeros((users, n))
    least[:, -1] = given.end_stock
    lower = np.concatenate([np.zeros((sites + arcs) * n), least.ravel(), np.zeros(ends * n)])
    upper = np.concatenate([w.capacity.repeat(n), w.arc_limit.repeat(n), given.store.ravel(), w.demand.ravel()])
    equal = np.concatenate([np.zeros(sites * n), given.supply.ravel()])
    row_lower = np.concatenate([equal, np.full(pair.size, -np.inf)])
    row_upper = np.concatenate([equal, w.alone.repeat(n)])
    return Arrays(cost, lower, upper, row_lower, row_upper, matrix)


def raw_solver(a: Arrays) -> Any:
    """Arrays handed to HiGHS by its fastest door."""
    import highspy

    solver = highspy.Highs()
    for option, value in OPTIONS.items():
        solver.setOptionValue(option, value)
    rows, columns = a.matrix.shape
    start, index = a.matrix.indptr.astype(np.int32), a.matrix.indices.astype(np.int32)
    by_columns, minimise = int(highspy.MatrixFormat.kColwise), int(highspy.ObjSense.kMinimize)
    whole = np.zeros(columns, np.int32)
    status = solver.passModel(columns, rows, a.matrix.nnz, by_columns, minimise, 0.0, a.cost, a.lower, a.upper,
                              a.row_lower, a.row_upper, start, index, a.matrix.data, whole)  # fmt: skip
    if status != highspy.HighsStatus.kOk:
        raise RuntimeError(f"HiGHS refused the model: {status}")
    return solver


# --- Orebridge -------------------------------------------------------------------------------------------------------
class Ours(NamedTuple):
    """An Orebridge programme and its columns that shocks act on."""

    program: Program
    make: Family
    ship: Family
    unmet: Family


def ours(w: World, apart: bool = True) -> Ours:
    """With named families, all labels and all checks."""
    given, t = limits(w), np.arange(w.size.periods)
    n, p = w.size.periods, Program("benchmark", apart=apart)
    sites, users = np.arange(len(w.capacity)), np.arange(len(w.stock))
    arcs, pairs = np.arange(len(w.source)), np.arange(len(w.ratio))
    least = np.zeros((len(users), n))
    least[:, -1] = given.end_stock
    make = p.columns("make", {"site": sites, "period": t}, 0.0, w.capacity[:, None], w.site_cost[:, None])
    ship = p.columns("ship", {"arc": arcs, "period": t}, 0.0, w.arc_limit[:, None], w.arc_cost[:, None])
    stock = p.columns("stock", {"user": users, "period": t}, least, given.store, 0.05)
    unmet = p.columns("unmet", {"end use": w.end_user, "period": t}, 0.0, w.demand, w.penalty[:, None])
    out = p.rows("out", {"site": sites, "period": t}, 0.0, 0.0)
    user = p.rows("user", {"user": users, "period": t}, given.supply, given.supply)
    by_product = p.rows("by-product", {"pair": pairs, "period": t}, -np.inf, w.alone[:, None])
    p.terms(out, make, -1.0)
    p.terms(out.ids[w.source], ship, 1.0)
    p.terms(user, stock, 1.0)
    p.terms(user.ids[:, 1:], stock.ids[:, :-1], -1.0)
    arrive = t + w.lead[:, None]
    arc, when = np.nonzero(arrive < n)
    p.terms(user.ids[w.target[arc], arrive[arc, when]], ship.ids[arc, when], -1.0)
    buyers = np.flatnonzero(w.user_site >= 0)
    taken = (1 / w.site_yield[w.user_site[buyers]])[:, None]
    p.terms(user.ids[buyers], make.ids[w.user_site[buyers]], taken)
    p.terms(user.ids[w.end_user], unmet, -1.0)
    p.terms(by_product, make.ids[w.by_product], 1.0)
    p.terms(by_product, make.ids[w.host], -w.ratio[:, None])
    return Ours(p, make, ship, unmet)


def shock_ours(w: World, model: Ours, shock: Shock) -> None:
    """Tighten the bounds of the columns a shock hits."""
    family, base = (model.make, w.capacity) if shock.what == "make" else (model.ship, w.arc_limit)
    rows, periods = shock.rows[:, None], shock.periods[None, :]
    model.program.set_bounds(family.ids[rows, periods], upper=base[shock.rows, None] * shock.left)


# --- linopy ----------------------------------------------------------------------------------------------------------
def linopy_model(w: World) -> Any:
    """With variables over labelled axes and grouped sums, the way its manual recommends."""
    import linopy
    import pandas as pd
    import xarray as xr

    given, n = limits(w), w.size.periods
    t = pd.RangeIndex(n, name="t")
    site, arc = pd.RangeIndex(len(w.capacity), name="site"), pd.RangeIndex(len(w.source), name="arc")
    user = pd.RangeIndex(len(w.stock), name="user")

    def over(values: npt.NDArray[Any], *index: pd.Index) -> Any:
        return xr.DataArray(values, coords=list(index))

    m = linopy.Model(force_dim_names=True)
    least = np.zeros((len(user), n))
    least[:, -1] = given.end_stock
    end = np.zeros((len(user), n))
    end[w.end_user] = w.demand
    make = m.add_variables(0, over(w.capacity, site).expand_dims(t=t).transpose("site", "t"), name="make")
    ship = m.add_variables(0, over(w.arc_limit, arc).expand_dims(t=t).transpose("arc", "t"), name="ship")
    stock = m.add_variables(over(least, user, t), over(given.store, user, t), name="stock")
    is_end = np.isin(np.arange(len(user)), w.end_user)
    unmet = m.add_variables(
        0, over(end, user, t), name="unmet", mask=over(is_end, user).expand_dims(t=t).transpose("user", "t")
    )
    shipped = (1 * ship).groupby(over(w.source, arc).rename("site")).sum()
    m.add_constraints(shipped - make == 0, name="out")
    arrivals = []
    for lead in np.unique(w.lead):
        arcs = np.flatnonzero(w.lead == lead)
        late = (1 * ship.isel(arc=arcs)).shift(t=int(lead)) if lead else 1 * ship.isel(arc=arcs)
        arrivals.append(-late.groupby(over(w.target[arcs], arc[arcs]).rename("user")).sum())
    buyers = np.flatnonzero(w.user_site >= 0)
    taken = make.isel(site=w.user_site[buyers]).rename(site="user").assign_coords(user=buyers)
    taken = taken * over(1 / w.site_yield[w.user_site[buyers]], user[buyers])
    balance = linopy.merge(
        [stock - stock.shift(t=1), *arrivals, taken, -1 * unmet], cls=linopy.LinearExpression, join="outer"
    )
    m.add_constraints(balance == over(given.supply, user, t), name="user")
    pair = pd.RangeIndex(len(w.ratio), name="pair")

    def at(places: Index) -> Any:
        return make.isel(site=places).rename(site="pair").assign_coords(pair=pair)

    m.add_constraints(at(w.by_product) - at(w.host) * over(w.ratio, pair) <= over(w.alone, pair), name="by_product")
    cost = (make * over(w.site_cost, site)).sum() + (ship * over(w.arc_cost, arc)).sum() + (stock * 0.05).sum()
    penalty = np.zeros(len(user))
    penalty[w.end_user] = w.penalty
    m.add_objective(cost + (unmet * over(penalty, user)).sum())
    return m


# --- Pyomo -----------------------------------------------------------------------------------------------------------
def pyomo_model(a: Arrays) -> tuple[Any, list[Any]]:
    """From the arrays, one variable per column: the leanest way to have a Pyomo model."""
    import pyomo.environ as pyo
    from pyomo.core.expr.numeric_expr import LinearExpression

    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(len(a.cost)))
    x = [m.x[i] for i in range(len(a.cost))]
    for v, low, high in zip(x, a.lower.tolist(), a.upper.tolist(), strict=True):
        v.setlb(low)
        v.setub(high)
    m.total = pyo.Objective(expr=LinearExpression(linear_coefs=a.cost.tolist(), linear_vars=x))
    by_row = a.matrix.tocsr()
    start, index, value = by_row.indptr.tolist(), by_row.indices.tolist(), by_row.data.tolist()
    low, high = a.row_lower.tolist(), a.row_upper.tolist()

    def rule(_: Any, i: int) -> Any:
        span = slice(start[i], start[i + 1])
        body = LinearExpression(linear_coefs=value[span], linear_vars=[x[j] for j in index[span]])
        return body == low[i] if low[i] == high[i] else body <= high[i]

    m.limits = pyo.Constraint(range(len(low)), rule=rule)
    return m, x
