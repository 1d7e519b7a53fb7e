"""What one more tonne would save: found by the duals of the single solve, stated only after a re-solve confirms it.

    saved(q) = loss(as planned) - loss(with q more tonnes at a commodity, member and month)        USD

The duals of the balance rows (loss avoided per extra tonne, >= 0, in the weighted units of the single solve) only pick
the places worth trying. The figures come from re-solves with 1 t and with 10 % of the member's monthly use there,
because a dual holds for the first gram alone. Duals of the staged solve are never used: after a cut they are priced in
the units of the stage. Not covered: what the extra tonne would cost, and places that help only together.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from orebridge.delivery.model import Model
from orebridge.delivery.modes import prepare
from orebridge.delivery.stages import solve_single
from orebridge.network import SupplyNetwork
from orebridge.program import Solution
from orebridge.results import member_loss
from orebridge.shocks import Effects

COLUMNS = ["commodity", "member", "month", "usd_first_tonne", "tonnes", "usd_per_tonne", "words"]
UNEVEN = 0.2  # a first tonne worth this much more than the mean of the larger amount is said to fade


def marginal_values(
    network: SupplyNetwork, effects: Effects, months: int, way: str = "alone", most: int = 5, share: float = 0.1
) -> pd.DataFrame:
    """USD saved by the first tonne, and per tonne by `share` of monthly use, at the `most` best places of one chain.

    One row per commodity and member, at its best month. USD is nan where a value of lost output is unknown.
    """
    network, limits, horizon, unaided = prepare(network, effects, months)
    coalition = frozenset(network.members) if way == "joint" else frozenset()
    model = Model(network, limits, horizon, unaided, coalition, f"{way} (marginal values)")
    solution = solve_single(model)
    loss = _loss(model, solution)
    worth = solution.duals(model.balance)[:, :months]
    use = network.throughput()
    ours = np.flatnonzero(network.nodes["is_member"].to_numpy(dtype=bool))
    best = ours[np.argsort(-worth[ours].max(axis=1), kind="stable")]
    rows = []
    for node in best[worth[best].max(axis=1) > 1e-6][:most]:
        month = int(np.argmax(worth[node]))
        amount = max(share * float(use[node]), 1e-3)
        first = min(1.0, amount)
        saved = [(loss - _with_more(model, int(node), month, q)) / q for q in (first, amount)]
        commodity, country = network.nodes["commodity"].iloc[node], network.nodes["country"].iloc[node]
        words = _words(str(commodity), str(country), month + 1, first, saved[0], amount, saved[1])
        rows.append((commodity, country, month + 1, saved[0], amount, saved[1], words))
    return pd.DataFrame(rows, columns=COLUMNS)


def _loss(model: Model, solution: Solution) -> float:
    frame = member_loss(model.network, model.limits, model.horizon, model.flows(solution))
    return float(frame["usd"].sum(skipna=False))


def _with_more(model: Model, node: int, month: int, tonnes: float) -> float:
    """Loss with `tonnes` more at a node in a month; the program is as before afterwards."""
    program, row = model.program, model.balance.ids[node, month]
    # Supply moves the right-hand side (demand less what the past delivers) down.
    need = float(model.need[node, month]) - tonnes
    with program.changed():
        program.set_rhs(np.array([row]), lower=need, upper=need)
        return _loss(model, program.solve())


def _words(commodity: str, member: str, month: int, first: float, usd: float, amount: float, mean: float) -> str:
    text = (
        f"{first:,.3g} t more {commodity} in {member} in month {month} saves {usd * first / 1e6:,.3g} million USD; "
        f"{amount:,.3g} t save {mean * amount / 1e6:,.3g} million USD"
    )
    return text + ("; the value fades as more comes." if usd > mean * (1.0 + UNEVEN) else ".")
