"""What one more tonne would save: found by the duals of the single solve, stated only after a re-solve confirms it.

    saved(q) = loss(as planned) - loss(with q more tonnes at a commodity, member and month)        USD

The duals of the balance rows (loss avoided per extra tonne, >= 0, in the weighted units of the single solve) only pick
the places and months worth trying. The figures come from re-solves with a first amount and a larger one, because a dual
holds for the first gram alone. Duals of the staged solve are never used: after a cut they are priced in the units of
the stage. Contracts with outsiders stay as they are. Not covered: what the extra tonne would cost, places that help
only together, and forms that a member does not use in the base year.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.delivery.model import Model
from orebridge.delivery.naming import commodity_name, month_name, tonnes, usd
from orebridge.delivery.warm import Case, Warm, case_of, loss_of, own_use, total
from orebridge.labels import in_words
from orebridge.network import SupplyNetwork
from orebridge.program import Solution
from orebridge.shocks import Effects

COLUMNS = [
    "commodity", "member", "month", "when", "first_tonnes", "usd_first_tonne", "tonnes", "usd_per_tonne", "saves_usd",
    "words",
]  # fmt: skip
UNEVEN = 0.2  # a first amount worth this much more per tonne than the larger one is said to fade
LEAST_USE = 0.05  # t per month; below it a tonne is years of use
EQUAL = 1e-3  # months whose value differs by less count as equally good


def marginal_values(
    network: SupplyNetwork,
    effects: Effects,
    months: int,
    way: str = "alone",
    most: int = 5,
    share: float = 0.1,
    start: str | None = None,
) -> pd.DataFrame:
    """USD saved by a little more of a commodity at a member, at the `most` best places of one chain, best first.

    One row per commodity and member, at the last of its best months (`when` is its calendar month if `start` is given,
    YYYY-MM). `first_tonnes` is one tonne, or `share` of the month's use where that use is below a tonne; `tonnes` is
    `share` of the month's use, or ten times the first amount where that is more. `usd_first_tonne` and `usd_per_tonne`
    are USD saved per tonne by the one and the other, `saves_usd` what `tonnes` save in all. Places that save nothing
    are left out; USD is nan where a value of lost output is unknown.
    """
    case = case_of(network, effects, months)
    return values_at(case, *Warm(way).solve(case), months, most, share, start)


def values_at(
    case: Case,
    model: Model,
    solution: Solution,
    months: int,
    most: int = 5,
    share: float = 0.1,
    start: str | None = None,
) -> pd.DataFrame:
    """The same of a case that is solved; its program is as before afterwards."""
    loss = _loss(case, model, solution)
    worth = value_per_tonne(model, solution)[:, :months]
    use = own_use(case.network)
    best = worth.max(axis=1, initial=0.0)
    # Origin classes of the same goods are one place: its use is theirs together, its best tonne the better one's.
    keys = [case.network.nodes[column].to_numpy() for column in ("commodity", "country")]
    use = pd.Series(use).groupby(keys).transform("sum").to_numpy()
    first = pd.Series(best).groupby(keys).transform("idxmax").to_numpy() == np.arange(len(best))
    amounts = {int(i): _amounts(float(use[i]), share) for i in np.flatnonzero((use >= LEAST_USE) & first)}
    ours = case.network.nodes["is_member"].to_numpy(dtype=bool)
    promise = {i: best[i] * q for i, (_, q) in amounts.items() if ours[i] and best[i] > 1e-6}
    rows = []
    # The promise is the most that can be saved, so twice as many tries as rows leave room for those that fade.
    for node in sorted(promise, key=lambda i: (-promise[i], i))[: 2 * most]:
        good = np.flatnonzero(worth[node] >= best[node] * (1.0 - EQUAL))
        # An early tonne may only help outsiders or the months after the reported ones; a late one still helps here.
        late = int(np.flatnonzero(worth[node] >= best[node] * (1.0 - UNEVEN))[-1])
        few, more = amounts[node]
        for month in dict.fromkeys((int(good[-1]), late)):
            saved = [loss - _with_more(case, model, node, month, q) for q in (few, more)]
            if np.isnan(saved).any() or min(saved) > max(1.0, 1e-9 * loss):
                break
        else:
            continue
        early = len(good) == month + 1
        name, member = (str(case.network.nodes[column].iloc[node]) for column in ("commodity", "country"))
        when = month_name(start, month + 1)
        text = _words(commodity_name(case.network, name), member, f"{'by' if early else 'in'} {when}", few, more, saved)
        rows.append((name, member, month + 1, when, few, saved[0] / few, more, saved[1] / more, saved[1], text))
    frame = pd.DataFrame(rows, columns=COLUMNS)
    size = frame["saves_usd"].map(lambda saved: float(f"{saved:.6g}"))  # the solver's rounding does not rank
    frame = frame.assign(_size=size).sort_values(["_size", "commodity", "member"], ascending=[False, True, True])
    return frame.drop(columns="_size").head(most).reset_index(drop=True)


def value_per_tonne(model: Model, solution: Solution) -> npt.NDArray[np.float64]:
    """Objective of the single solve saved per extra tonne, by node and month: the balance duals, signed as a saving.

    The row reads supply less use = need, so one more tonne is one less of need and the dual is the saving. It is never
    negative but where a tonne too many has to be stored or thrown away.
    """
    return solution.duals(model.balance)


def _amounts(use: float, share: float) -> tuple[float, float]:
    first = 1.0 if use >= 1.0 else share * use
    return first, share * use if share * use > first else 10.0 * first


def _loss(case: Case, model: Model, solution: Solution) -> float:
    return total(loss_of(case, model.flows(solution)))


def _with_more(case: Case, model: Model, node: int, month: int, more: float) -> float:
    """Loss with `more` tonnes at a node in a month; the program is as before afterwards."""
    program, row = model.program, model.balance.ids[node, month]
    need = float(model.need[node, month]) - more
    with program.changed():
        program.set_rhs(np.array([row]), lower=need, upper=need)
        return _loss(case, model, program.solve())


def _words(name: str, member: str, when: str, first: float, more: float, saved: list[float]) -> str:
    if first >= 1.0:
        head = f"The first tonne of {name} in {in_words(member)} {when} saves {usd(saved[0])}"
    else:
        head = f"{tonnes(first)} more {name} in {in_words(member)} (the month's use is below a tonne) {when} saves {usd(saved[0])}"
    text = f"{head}; {tonnes(more)} save {usd(saved[1])}"
    fades = saved[0] / first > saved[1] / more * (1.0 + UNEVEN)
    return text + (": the value fades as more comes." if fades else ".")
