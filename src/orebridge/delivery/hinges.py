"""What the answer hangs on: loss against days of stock, and how far each assumption moves it.

Both sweep the single weighted solve, warm (`warm.py`), and give what a rebuilt world gives. USD as in `member_loss`;
nan where a value that counts is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from orebridge.delivery.swings import Swing, restocked, swings
from orebridge.delivery.warm import MONTH_DAYS, Case, Warm, case_of, loss_of, losses, own_use, total
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

STOCK_DAYS = (0, 30, 60, 90, 120, 180, 240)
NOTHING = 1e-9  # million USD
GONE = 0.01  # a loss below this share of the loss without stock counts as gone
COLUMNS = ["assumption", "title", "low_at", "stated_at", "high_at", "unit", "low", "stated", "high", "swing"]
Note = Callable[[str], None]


def with_stock_days(network: SupplyNetwork, days: float) -> SupplyNetwork:
    """Members' assumed industry stocks set to `days` of the country's own base-year use; published holdings stay."""
    piles = network.stockpiles
    use = own_use(network)[piles["node"].to_numpy(dtype=int)]
    ours = piles["assumed"].to_numpy(dtype=bool) & piles["country"].isin(network.members).to_numpy()
    new = np.where(ours, use * days / MONTH_DAYS, piles["s0"].to_numpy(dtype=float))
    return replace(network, stockpiles=restocked(piles, new))


def stock_curve(
    network: SupplyNetwork,
    effects: Effects,
    months: int,
    ways: Sequence[str] = ("unaided", "alone", "joint"),
    note: Note = lambda _: None,
) -> pd.DataFrame:
    """Loss in USD by days of stock and way (columns `days, way, loss_usd`), for one chain.

    Where the single solve of the plans of their own costs nothing at all, outsiders included, the joint plan does not
    either and is not solved: it may do all that they may.
    """
    note(f"loss against days of stock: {', '.join(ways)}")
    cases = [case_of(with_stock_days(network, days), effects, months) for days in STOCK_DAYS]
    nothing, found = [False] * len(cases), dict[str, list[float]]()
    for way in sorted(dict.fromkeys(ways), key=["unaided", "alone", "joint"].index):
        if way == "unaided":
            found[way] = [total(loss_of(case, case.unaided)) for case in cases]
            continue
        warm, found[way] = Warm(way, far=True), []
        for k, case in enumerate(cases):
            if nothing[k]:
                found[way].append(0.0)
                continue
            model, solution = warm.solve(case)
            found[way].append(total(loss_of(case, model.flows(solution))))
            nothing[k] = solution.objective <= NOTHING
    rows = [{"days": days, "way": way, "loss_usd": found[way][k]} for k, days in enumerate(STOCK_DAYS) for way in found]
    return pd.DataFrame(rows)


def _same(case: Case) -> Case:
    return case


def break_even_days(curve: pd.DataFrame, way: str, share: float = GONE) -> float:
    """Days of stock from which on the loss stays within `share` of the loss without stock (interpolated).

    0 if nothing is lost even without stock; nan if it never falls so far within the curve or a loss is unknown.
    """
    rows = curve[curve["way"] == way].sort_values("days")
    days, loss = rows["days"].to_numpy(dtype=float), rows["loss_usd"].to_numpy(dtype=float)
    if not len(loss) or np.isnan(loss).any():
        return float("nan")
    target = share * loss[0]
    if loss[0] <= 0:
        return 0.0
    k = int(np.flatnonzero(loss > target)[-1]) + 1
    if k == len(loss):
        return float("nan")
    return float(days[k - 1] + (loss[k - 1] - target) / (loss[k - 1] - loss[k]) * (days[k] - days[k - 1]))


def tornado(
    network: SupplyNetwork, effects: Effects, months: int, way: str, note: Note = lambda _: None, workers: int = 2
) -> pd.DataFrame:
    """Loss of `way` with each assumption at its low and high end, the others as stated; widest first, for one chain.

    Columns: `assumption` (its name) and `title` (in words); `low_at, stated_at, high_at` in `unit`; `low, stated, high`: the loss in USD there; `swing`:
    the distance of the largest from the smallest of the three.
    """
    found = swings(network, effects, months)
    note(f"what the answer hangs on: {len(found)} assumptions")
    base = case_of(network, effects, months)
    ready = {swing.name: swing for swing in swings(base.network, effects, months) if swing.same_course}
    made: list[Callable[[], Case]] = [partial(_same, base)]
    for swing in found:
        split = ready.get(swing.name)
        if split is not None:  # the course without a plan stays as it is
            made += [partial(_reset, split, value, base) for value in (split.low, split.high)]
        else:
            made += [partial(_anew, swing, value, months) for value in (swing.low, swing.high)]
    loss = losses(made, way, workers)
    rows = []
    for i, swing in enumerate(found):
        ends = loss[0], loss[1 + 2 * i], loss[2 + 2 * i]
        swung = max(ends) - min(ends) if not np.isnan(ends).any() else float("nan")
        at = swing.low, swing.stated, swing.high
        rows.append((swing.name, swing.title, *at, swing.unit, ends[1], ends[0], ends[2], swung))
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.sort_values(["swing", "assumption"], ascending=[False, True], ignore_index=True)


def _anew(swing: Swing, value: float, months: int) -> Case:
    """The case with one assumption at a value, its course without a plan simulated again."""
    return case_of(*swing.at(value), months)


def _reset(swing: Swing, value: float, base: Case) -> Case:
    """The case with one assumption at a value that only the plan reads."""
    return base.with_network(swing.at(value)[0])
