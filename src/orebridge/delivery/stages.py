"""The objective, lexicographic: loss by tier, fairness, end stocks, level shortage, least change, one answer.

A  per tier, defence first: least sum of discounted value x unmet (outsiders at their weight, with the general tier)
B  joint only, within (1 + epsilon) of each tier's loss: least largest *excess* shortfall of a member's product, then
   the next; a member by itself has nobody to be fair to
C  least end-of-horizon stock shortfall at replacement value
D  least largest monthly shortage share (level it)
E  least cost of change against base-year shipments, activity and stock
F  fixed tiny weights by sorted label, so that the answer is one (added to E, below a cent)

Each stage is cut at its optimum x (1 + 1e-6) before the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from orebridge.delivery.model import TIERS, Model, discount, stock_weights
from orebridge.network import ORIGIN_KIND
from orebridge.program import Family, Solution

Floats = npt.NDArray[np.float64]
CUT = 1e-6
NOTHING = 1e-7  # million USD below which a tier loses nothing
PRICED = 1e-6  # reduced costs and duals above this count as non-zero (the solver's own tolerance is 1e-7)
TIE = 1e-3  # USD per tonne
EVEN = 1e-4  # excess shortfall (share of demand) below which nobody is treated unfairly
Costs = list[tuple[npt.NDArray[np.int32], Floats]]


class Late(Protocol):
    """Rows that every plan must keep but that may be left out until a solution breaks one, or a later stage needs them."""

    def broken(self, solution: Solution) -> bool:
        """Whether the solution breaks a row that was left out so far."""

    def add(self) -> None:
        """Put the rows into the program, once."""


@dataclass(frozen=True)
class Staged:
    """The final solution, the value of each stage by name (A defence, ..., E change), and the plan of least loss.

    `least_loss` is what the weighted solve found before fairness gave anything up: the measure in which plans with
    different fairness are compared.
    """

    solution: Solution
    stages: dict[str, float]
    least_loss: Solution


def tier_costs(model: Model, tier: str) -> Costs:
    """Cost terms of stage A for one tier, in million USD; outsiders of every tier count with the general one.

    Were an outsider's defence or essential use put before the members' general use, a member would give up any tonnes
    of its own to spare outsiders one, whatever their weight.
    """
    demands = _rows(model, tier)
    weight = model.loss_weights[demands, None] * discount(model.network, model.horizon.months)[None, :]
    return [(model.unmet.ids[demands], weight / 1e6)]


def solve_single(model: Model, late: Late | None = None) -> Solution:
    """One weighted solve of stage A and the end stocks (tiers 10^4 : 10^2 : 1), for sweeps and marginal values."""
    model.program.minimise(single_costs(model))
    return _solved(model, late)


def _solved(model: Model, late: Late | None, near: bool = False) -> Solution:
    """An optimum. One that keeps the rows left out is an optimum with them too."""
    solution = model.program.solve(near=near)
    if late is not None and late.broken(solution):
        late.add()
        solution = model.program.solve()
    return solution


def single_costs(model: Model) -> Costs:
    """The objective of `solve_single`, million USD weighted by tier."""
    costs: Costs = []
    for tier, factor in zip(TIERS, (1e4, 1e2, 1.0), strict=True):
        costs += [(ids, values * factor) for ids, values in tier_costs(model, tier)]
    costs.append((model.shortfall.ids, stock_weights(model.network) / 1e6))
    return costs


def solve_staged(model: Model, late: Late | None = None) -> Staged:
    """Solve the stages one after another; raises NotOptimal if any has no optimum."""
    values: dict[str, float] = {}
    both = solve_single(model, late)
    solution = _least_loss(model, both, values, late)
    _level(model, solution, values)
    # E in USD with F below a cent on top: a cut over every column would be too ill-scaled to hold.
    change = [(ids, weights * 1e6) for ids, weights in _change(model)]
    model.program.minimise([*change, *_tie_break(model)])
    solution = model.program.solve()
    values["E change"] = solution.objective / 1e6
    return Staged(solution, values, both)


def _least_loss(model: Model, both: Solution, values: dict[str, float], late: Late | None) -> Solution:
    """Stages A to C; afterwards the program allows no plan that does worse in any of them."""
    program = model.program
    lost = {tier: _value(tier_costs(model, tier), both) for tier in TIERS}
    short = [tier for tier in TIERS if lost[tier] > NOTHING]
    cuts: dict[str, Family | None] = {}
    solution = both
    for tier in TIERS:
        costs = tier_costs(model, tier)
        if not costs[0][0].size:
            continue
        if tier in short:
            program.minimise(costs)
            # The weighted optimum puts the tiers in order, so it is the tier's own, but where tiers are traded off.
            solution = _solved(model, late, near=True)
        values[f"A {tier}"] = max(_value(costs, solution), 0.0) if tier in short else 0.0
        cuts[tier] = _cut(model, f"A {tier}", costs, values[f"A {tier}"])
        if tier not in short:
            program.set_bounds(model.unmet.ids[_rows(model, tier)], upper=_no_more(model, tier, both))
    if late is not None:
        late.add()  # from here on plans are compared that are as good for all together, not for each
    moved = False
    if len(model.coalition) > 1:  # by itself a member has nobody to be fair to
        epsilon = model.network.assumption("fairness_epsilon")
        for tier in short:
            moved |= _within_loss(model, tier, cuts[tier], values, epsilon, solution)
    # The weighted solve is already best in A and, of all such plans, in C if no tier could do better by itself.
    exact = all(lost[tier] <= values[f"A {tier}"] * (1.0 + 1e-9) + NOTHING for tier in short)
    if exact and not moved:
        _hold(model, both)
        values["C end stock"] = _value(_end_stock(model), both)
        return both
    program.minimise(_end_stock(model))
    solution = program.solve()
    values["C end stock"] = solution.objective
    _cut(model, "C end stock", _end_stock(model), solution.objective)
    _hold(model, solution)
    return solution


def _value(costs: Costs, solution: Solution) -> float:
    return float(sum((np.asarray(c) * solution.column_values[i]).sum() for i, c in costs))


def _no_more(model: Model, tier: str, solution: Solution) -> Floats:
    """Upper bounds that keep a tier without loss that way (rounding of the solver aside)."""
    bound = model.program.columns_upper(model.unmet)[_rows(model, tier)]
    result: Floats = np.minimum(bound, np.maximum(solution.values(model.unmet)[_rows(model, tier)], 0.0))
    return result


def _hold(model: Model, solution: Solution) -> None:
    """Keep only plans as good as `solution` in its own objective.

    By complementary slackness every optimal plan has each column of non-zero reduced cost at its bound and each row of
    non-zero dual at its limit; fixing them there leaves exactly the optimal plans, and a much smaller program.
    """
    program, x = model.program, solution.column_values
    for family in program.column_families.values():
        ids = family.ids.ravel()
        low, high = program.columns_lower(family).ravel(), program.columns_upper(family).ravel()
        priced = np.abs(solution.reduced_costs[ids]) > PRICED
        slack = 1e-6 * np.maximum(1.0, np.abs(x[ids]))
        at_low = priced & (x[ids] <= low + slack)
        at_high = priced & ~at_low & (x[ids] >= high - slack)
        program.set_bounds(ids[at_low], upper=low[at_low])
        program.set_bounds(ids[at_high], lower=high[at_high])
    reached = program.matrix @ x
    for family in program.row_families.values():
        ids = family.ids.ravel()
        if ids[0] >= len(solution.row_duals):
            continue  # a cut added since
        low, high = program.rows_lower(family).ravel(), program.rows_upper(family).ravel()
        priced = (np.abs(solution.row_duals[ids]) > PRICED) & (low < high)
        slack = 1e-6 * np.maximum(1.0, np.abs(reached[ids]))
        at_low = priced & (reached[ids] <= low + slack)
        at_high = priced & ~at_low & (reached[ids] >= high - slack)
        program.set_rhs(ids[at_low], upper=low[at_low])
        program.set_rhs(ids[at_high], lower=high[at_high])


def _rows(model: Model, tier: str) -> npt.NDArray[np.intp]:
    demands = model.network.demands
    ours = demands["is_member"].to_numpy(dtype=bool)
    own = (demands["tier"] == tier).to_numpy() & ours
    return np.flatnonzero(own | ~ours if tier == "general" else own)


def _within_loss(
    model: Model, tier: str, cut: Family | None, values: dict[str, float], epsilon: float, solution: Solution
) -> bool:
    """Stage B of one tier: give up at most epsilon of its loss for fairness, then take back what fairness did not need.

    Returns whether the program changed: where nobody can be made better off, it did not.
    """
    assert cut is not None
    best = values[f"A {tier}"]
    model.program.set_rhs(cut.ids, upper=best * (1.0 + epsilon) + 1e-7)
    if not _fair(model, tier, solution, values):
        model.program.set_rhs(cut.ids, upper=best * (1.0 + CUT) + 1e-7)
        return False
    model.program.minimise(tier_costs(model, tier))
    solution = model.program.solve()
    model.program.set_rhs(cut.ids, upper=solution.objective * (1.0 + CUT) + 1e-7)
    return True


def _cut(model: Model, name: str, costs: Costs, best: float) -> Family | None:
    ids = np.concatenate([np.asarray(i).ravel() for i, _ in costs])
    weights = np.concatenate([np.broadcast_to(v, np.shape(i)).ravel() for i, v in costs])
    keep = weights != 0
    if not keep.any():
        return None
    return model.program.add_row(f"cut {name}", ids[keep], weights[keep], upper=best + CUT * abs(best) + 1e-7)


def groups(model: Model, tier: str | None = None) -> dict[tuple[str, str], npt.NDArray[np.intp]]:
    """Demands of each (member, product), of one tier or all."""
    demands = model.network.demands
    frame = demands[demands["is_member"].to_numpy(dtype=bool)]
    if tier is not None:
        frame = frame[frame["tier"] == tier]
    return {(str(k[0]), str(k[1])): g.index.to_numpy() for k, g in frame.groupby(["country", "commodity"])}


def _fair(model: Model, tier: str, solution: Solution, values: dict[str, float]) -> bool:
    """Stage B by rounds: the worst-off (member, product) is made as well off as possible, fixed, and so on.

    Returns whether any row was added: none where no shortfall exceeds what that demand would have anyway.
    """
    program, months = model.program, model.horizon.reported
    parts = groups(model, tier)
    wanted = {key: float(model.limits.demand[rows, :months].sum()) for key, rows in parts.items()}
    unmet = solution.values(model.unmet)
    parts = {key: rows for key, rows in parts.items() if wanted[key] > 0}
    values[f"B {tier}"] = 0.0
    if len(parts) < 2:
        return False
    least = {}
    for key, rows in parts.items():
        if unmet[rows, :months].sum() < 1e-9:
            least[key] = 0.0
            continue
        with program.changed():
            program.minimise([(model.unmet.ids[rows, :months], np.full((len(rows), months), 1.0))])
            least[key] = max(program.solve(interior=True).objective, 0.0) / wanted[key]
    open_keys = {key for key, floor in least.items() if floor < 1.0 - 1e-6}
    if all(unmet[parts[key], :months].sum() / wanted[key] - least[key] < EVEN for key in open_keys):
        return False
    while open_keys:
        with program.changed():
            for key in sorted(open_keys):
                ids = model.unmet.ids[parts[key], :months].ravel()
                program.add_row(
                    f"try {'/'.join(key)}",
                    np.append(ids, model.worst.ids),
                    np.append(np.ones(len(ids)), -wanted[key]),
                    upper=least[key] * wanted[key] + 1e-6,
                )
            program.minimise([(model.worst.ids, np.ones(1))])
            found = program.solve(interior=True)
            worst, unmet = float(found.values(model.worst)[0]), found.values(model.unmet)
        for key in sorted(open_keys):
            program.add_row(
                f"fair {tier} {'/'.join(key)} {len(open_keys)}",
                model.unmet.ids[parts[key], :months].ravel(),
                1.0,
                upper=(least[key] + worst * 1.0001 + 1e-6) * wanted[key] + 1e-6,
            )
        values[f"B {tier}"] = max(values[f"B {tier}"], worst)
        excess = {key: unmet[parts[key], :months].sum() / wanted[key] - least[key] for key in open_keys}
        tight = {key for key in open_keys if excess[key] > 0.9 * worst}
        open_keys -= tight or set(open_keys)
        if worst < EVEN:
            break
    return True


def _end_stock(model: Model) -> Costs:
    return [(model.shortfall.ids, stock_weights(model.network) / 1e6)]


def _level(model: Model, solution: Solution, values: dict[str, float]) -> Solution:
    """Stage D: least largest monthly shortage share of any (member, product); rows `level` tie it to one column."""
    if solution.values(model.unmet)[model.ours].max(initial=0.0) < 1e-7:
        values["D level"] = 0.0  # nobody is short: nothing to level
        return solution
    costs: Costs = [(model.peak.ids, np.ones(1))]
    model.program.minimise(costs)
    solution = model.program.solve(interior=True)
    values["D level"] = solution.objective
    model.program.set_bounds(model.peak.ids, upper=max(solution.objective, 0.0) * (1.0 + CUT) + 1e-7)
    _hold(model, solution)
    return solution


def _prices(model: Model, nodes: npt.NDArray[np.int64]) -> Floats:
    price = model.network.nodes["replacement_usd"].to_numpy(dtype=float)[nodes]
    known = price[price > 0]
    # Where no price is stated the median orders the changes; it is never reported. Without any price: tonnes count.
    result: Floats = np.where(price > 0, price, float(np.median(known)) if known.size else 1e6) / 1e6
    return result


def _change(model: Model) -> Costs:
    """Stage E in million USD: premium above base, penalty below, change of activity, use of stock."""
    net = model.network
    route_price = _prices(model, net.routes["from_node"].to_numpy(dtype=int))[:, None]
    premium = route_price * net.assumption("premium_share") + model.limits.premium / 1e6
    cancel = route_price * net.assumption("cancel_share")
    out = net.terms[net.terms["coefficient"] > 0]
    price = _prices(model, out["node"].to_numpy(dtype=int)) * out["coefficient"].to_numpy()
    per_activity = np.bincount(out["activity"].to_numpy(dtype=int), price, len(net.activities))[:, None]
    # Putting free material into common use is a label, not work.
    label_only = (net.sites["kind"] == ORIGIN_KIND).to_numpy()[net.activities["site"].to_numpy(dtype=int)][:, None]
    change = np.where(label_only, 1e-9, np.maximum(per_activity * net.assumption("activity_change_share"), 1e-9))
    pile_price = _prices(model, net.stockpiles["node"].to_numpy(dtype=int))[:, None]
    drawn = pile_price * net.assumption("stock_use_share") / 12.0
    shed = pile_price * net.assumption("overflow_share")  # a month in a shed for goods beyond the usual stock
    return [
        (model.shipment_extra.ids, np.broadcast_to(premium, model.shipment_extra.shape)),
        (model.shipment.ids, np.broadcast_to(-cancel, model.shipment.shape)),
        (model.activity_extra.ids, np.broadcast_to(change, model.activity_extra.shape)),
        (model.activity.ids, np.broadcast_to(-change, model.activity.shape)),
        (model.shortfall.ids, pile_price.ravel()),
        (model.stock.ids, np.broadcast_to(-drawn, model.stock.shape)),
        (model.stock_extra.ids, np.broadcast_to(shed, model.stock_extra.shape)),
    ]


def _tie_break(model: Model) -> Costs:
    """Stage F: a different weight for every column, below a cent per tonne, so that of equal plans one is the answer.

    Columns up to the base year are worth keeping (the weight is a reward), those beyond it cost: without effects the
    base year stays the answer. A weight must differ from the next by more than the solver's tolerance of 1e-7.
    """
    costs: Costs = []
    beyond = (model.unmet, model.shipment_extra, model.activity_extra, model.stock_extra, model.waste)
    for sign, families in ((1.0, beyond), (-1.0, (model.shipment, model.activity, model.stock))):
        for family in families:
            names = list(next(iter(family.axes.values())))
            rank = np.argsort(np.argsort(names)).astype(float)[:, None] + 1.0
            month = np.arange(1, family.shape[1] + 1)[None, :]
            costs.append((family.ids, sign * TIE * (1.0 + 0.37 * rank / len(names)) * (1.0 + 0.01 * month)))
    return costs
