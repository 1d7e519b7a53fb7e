"""What the answer hangs on: loss against days of stock, and how far each assumption moves it.

Both sweep the single weighted solve, warm (`warm.py`), and give what a rebuilt world gives. USD as in `member_loss`;
nan where a value that counts is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.delivery.swings import Swing, swings
from orebridge.delivery.warm import Case, case_of, losses
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

STOCK_DAYS = (0, 30, 60, 90, 120, 180, 240)
MONTH_DAYS = 30.4375
GONE = 0.01  # a loss below this share of the loss without stock counts as gone
COLUMNS = ["assumption", "low_at", "stated_at", "high_at", "unit", "low", "stated", "high", "swing"]
Note = Callable[[str], None]


def own_use(network: SupplyNetwork) -> npt.NDArray[np.float64]:
    """What each node's own processes and users take in the base year, t per month: without exports and waste."""
    use = np.zeros(len(network.nodes))
    flow = network.activities["x0"].to_numpy()[network.terms["activity"]] * network.terms["coefficient"].to_numpy()
    np.add.at(use, network.terms["node"].to_numpy(dtype=int), np.maximum(-flow, 0.0))
    np.add.at(use, network.demands["node"].to_numpy(dtype=int), network.demands["D"].to_numpy(dtype=float))
    return use


def with_stock_days(network: SupplyNetwork, days: float) -> SupplyNetwork:
    """Members' assumed industry stocks set to `days` of the country's own base-year use; published holdings stay."""
    piles = network.stockpiles.copy()
    use = own_use(network)[piles["node"].to_numpy(dtype=int)]
    ours = piles["assumed"].to_numpy(dtype=bool) & piles["country"].isin(network.members).to_numpy()
    new = np.where(ours, use * days / MONTH_DAYS, piles["s0"])
    floor = np.where(ours & (piles["s0"] > 0), piles["floor"] / piles["s0"].where(piles["s0"] > 0, 1.0), 0.0)
    piles["floor"] = np.where(ours, new * floor, piles["floor"])
    piles["release"] = np.where(ours, new, piles["release"])
    piles["s0"] = new
    return replace(network, stockpiles=piles)


def stock_curve(
    network: SupplyNetwork,
    effects: Effects,
    months: int,
    ways: Sequence[str] = ("unaided", "alone", "joint"),
    note: Note = lambda _: None,
) -> pd.DataFrame:
    """Loss in USD by days of stock and way (columns `days, way, loss_usd`), for one chain."""
    note(f"loss against days of stock: {', '.join(ways)}")
    cases = [case_of(with_stock_days(network, days), effects, months) for days in STOCK_DAYS]
    made = [partial(_same, case) for case in cases]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda way: losses(made, way, 1), dict.fromkeys(ways)))
    rows = [
        {"days": days, "way": way, "loss_usd": loss}
        for way, column in zip(dict.fromkeys(ways), found, strict=True)
        for days, loss in zip(STOCK_DAYS, column, strict=True)
    ]
    return pd.DataFrame(rows).sort_values("days", kind="stable", ignore_index=True)


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


def break_even_words(curve: pd.DataFrame, way: str, share: float = GONE) -> str:
    """The break-even in a sentence."""
    rows = curve[curve["way"] == way].sort_values("days")
    name = {"unaided": "Without a plan", "alone": "With each planning alone"}.get(way, f"With the {way} plan")
    loss = rows["loss_usd"].to_numpy(dtype=float)
    if not len(loss):
        return f"{name}: not computed."
    if np.isnan(loss).any():
        return f"{name} the loss in USD is unknown: a product without a stated value runs short."
    days = break_even_days(curve, way, share)
    if loss[0] <= 0:
        return f"{name} nothing is lost even without any stock."
    if np.isnan(days):
        return (
            f"{name} even {rows['days'].iloc[-1]:,.0f} days of stock leave a loss of {loss[-1] / 1e6:,.0f} million USD, "
            f"{loss[-1] / loss[0]:.0%} of the loss without stock."
        )
    return (
        f"{name} about {days:,.0f} days of stock of every form would end the loss "
        f"(below {share:.0%} of the {loss[0] / 1e6:,.0f} million USD lost without stock)."
    )


def tornado(
    network: SupplyNetwork, effects: Effects, months: int, way: str, note: Note = lambda _: None
) -> pd.DataFrame:
    """Loss of `way` with each assumption at its low and high end, the others as stated; widest first, for one chain.

    Columns: `assumption`; `low_at, stated_at, high_at` in `unit`; `low, stated, high`: the loss in USD there; `swing`:
    the distance of the largest from the smallest of the three.
    """
    found = swings(network, effects, months)
    note(f"what the answer hangs on: {len(found)} assumptions")
    base = case_of(network, effects, months)
    made: list[Callable[[], Case]] = [partial(_same, base)]
    for swing in found:
        made += [partial(_swung, swing, value, network, base, months) for value in (swing.low, swing.high)]
    loss = losses(made, way)
    rows = []
    for i, swing in enumerate(found):
        ends = loss[0], loss[1 + 2 * i], loss[2 + 2 * i]
        swung = max(ends) - min(ends) if not np.isnan(ends).any() else float("nan")
        at = swing.low, swing.stated, swing.high
        rows.append((swing.name, *at, swing.unit, ends[1], ends[0], ends[2], swung))
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.sort_values(["swing", "assumption"], ascending=[False, True], ignore_index=True)


def _swung(swing: Swing, value: float, raw: SupplyNetwork, base: Case, months: int) -> Case:
    """The case with one assumption at a value; the course without a plan is simulated again only if it can differ."""
    network, effects = swing.at(value)
    if swing.same_course and base.network is raw:  # nothing was split for origins, so the limits fit as they are
        return base.with_network(network)
    return case_of(network, effects, months)
