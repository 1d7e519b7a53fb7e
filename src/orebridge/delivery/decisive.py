"""What the answer hangs on, what binds and what would help, over all chains that decide it.

Chains share no row of the model, so their losses add up: the loss of the whole with one assumption moved is the sum over
the chains with it moved. Only chains that hold nearly all of the loss without a plan (`SHARE`) are swept; the answer
names them. Not covered: the chains left out, whose losses are not in these figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from math import isnan

import pandas as pd

from orebridge.delivery.hinges import break_even_days, stock_curve, tornado
from orebridge.delivery.levers import Bench
from orebridge.delivery.limits import restrict_to
from orebridge.delivery.marginal import marginal_values, values_at
from orebridge.delivery.modes import ChainWays
from orebridge.delivery.remedies import Help, help_at, in_short
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

SHARE = 0.9
LISTED, MARGINAL = 8, 5  # most rows of limits and remedies, and of values of one more tonne
ENDS = ("low", "stated", "high")
Note = Callable[[str], None]


@dataclass(frozen=True)
class Hinges:
    """Frames as of `hinges`, `remedies` and `marginal`, over `chains` together; `words`: what binds and would help."""

    chains: tuple[str, ...] = ()
    curve: pd.DataFrame = field(default_factory=pd.DataFrame)
    swings: pd.DataFrame = field(default_factory=pd.DataFrame)
    break_even: dict[str, float] = field(default_factory=dict)
    binding: pd.DataFrame = field(default_factory=pd.DataFrame)
    remedies: pd.DataFrame = field(default_factory=pd.DataFrame)
    marginal: pd.DataFrame = field(default_factory=pd.DataFrame)
    words: str = ""


@dataclass(frozen=True)
class Swept:
    """One chain that is swept: the network and effects of it alone, and what is lost there."""

    part: SupplyNetwork
    effects: Effects
    months: int
    lost: float

    @cached_property
    def own(self) -> Effects:
        """The effects on this chain."""
        return restrict_to(self.effects, self.part)

    def helped(
        self, best: str, gains: str, coordination_helps: bool | None, start: str, whole: float
    ) -> tuple[Help, pd.DataFrame]:
        """Limits and remedies of the way `best`, and what one more tonne saves in the way `gains`."""
        bench = Bench(self.part, self.own, self.months, best)
        if gains == best:  # before the levers move its program on
            worth = values_at(bench.case, bench.model, bench.solution, self.months, start=start)
        else:
            worth = marginal_values(self.part, self.own, self.months, gains, start=start)
        return help_at(bench, coordination_helps, start, others_usd=whole - self.lost), worth


def _name(chain: str) -> str:
    return chain.replace("_", " ")


def decisive(parts: Sequence[ChainWays], share: float = SHARE) -> list[str]:
    """The chains that hold `share` of the loss without a plan, the largest first, and all whose loss is unknown."""
    lost = {part.network.chains[0]: part.plans["unaided"].loss_usd() for part in parts}
    unknown = sorted(chain for chain, usd in lost.items() if isnan(usd))
    ranked = sorted(set(lost) - set(unknown), key=lambda chain: (-lost[chain], chain))
    found, covered, whole = list[str](), 0.0, sum(lost[chain] for chain in ranked)
    for chain in ranked:
        if found and covered >= share * whole:
            break
        found.append(chain)
        covered += lost[chain]
    return found + unknown


def hinges_of(
    network: SupplyNetwork,
    effects: Effects,
    months: int,
    parts: Sequence[ChainWays],
    best: str,
    coordination_helps: bool | None,
    start: str,
    workers: int,
    note: Note = lambda _: None,
    share: float = SHARE,
) -> Hinges:
    """Stock curve, tornado, limits, remedies and marginal values over the decisive chains of `parts`.

    `network` is the whole one before origin classes are split; `best` the way the plan follows; `parts` know the whole
    shock from month 1, as the sweeps do; `share` as in `decisive`.
    """
    chains = decisive(parts, share)
    ways = tuple(dict.fromkeys(("unaided", "alone", best)))
    lost = {part.network.chains[0]: part.plans[best].loss_usd() for part in parts}
    known = {chain: usd for chain, usd in lost.items() if not isnan(usd)}  # shares are of what is known
    gains = best if any(usd > 0 for usd in lost.values()) else "alone"
    within = max(workers // len(chains), 1)  # one chain shares its work out, several share the workers
    note(f"what the answer hangs on, what binds, and what would help: {', '.join(map(_name, chains))}")
    swept = [Swept(network.subset([chain]), effects, months, known.get(chain, 0.0)) for chain in chains]
    whole = sum(known.values())
    with ThreadPoolExecutor(workers) as pool:  # what takes longest first, so that none is left to the end alone
        moved = [pool.submit(tornado, one.part, one.own, months, "alone", workers=within) for one in swept]
        stocked = [pool.submit(stock_curve, one.part, one.own, months, ways) for one in swept]
        helped = [pool.submit(one.helped, best, gains, coordination_helps, start, whole) for one in swept]
        swings, curves = [job.result() for job in moved], [job.result() for job in stocked]
        helps, worths = zip(*(job.result() for job in helped), strict=True)
    curve = _summed(curves)
    limits = _ranked([found.limits for found in helps], "worth_usd", LISTED)
    cures = _ranked([found.remedies for found in helps], "saves_usd", LISTED)
    words = helps[0].words if len(chains) == 1 else in_short(limits, cures, coordination_helps)
    return Hinges(
        tuple(chains), curve, together(dict(zip(chains, swings, strict=True))),
        {way: break_even_days(curve, way) for way in ways},
        limits, cures, _ranked(list(worths), "saves_usd", MARGINAL), words,
    )  # fmt: skip


def _summed(curves: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Loss by days and way over all chains; unknown (nan) where one of them is."""
    first = curves[0]
    return first.assign(loss_usd=sum(curve["loss_usd"].to_numpy(dtype=float) for curve in curves))


def together(swings: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One tornado of several: an assumption that chains share is moved in all of them at once.

        loss(end) = sum over chains of loss as stated  +  sum over chains that have it of (loss(end) - loss as stated)

    Assumptions of one name whose ends differ between chains stay apart and say whose they are.
    """
    if len(swings) == 1:
        return next(iter(swings.values()))
    rows = pd.concat([frame.assign(chain=chain) for chain, frame in swings.items()], ignore_index=True)
    stated = sum(float(frame["stated"].iloc[0]) for frame in swings.values() if len(frame))
    key = ["assumption", "title", "low_at", "stated_at", "high_at", "unit"]
    made = []
    for at, group in rows.groupby(key, sort=False):
        name, title, *ends, unit = at
        if (rows.loc[rows["assumption"] == name, "chain"].nunique()) > len(group):
            title = f"{title} ({', '.join(_name(str(chain)) for chain in group['chain'])})"
        moved = {end: stated + float((group[end] - group["stated"]).sum(skipna=False)) for end in ENDS}
        swing = max(moved.values()) - min(moved.values())
        made.append((name, title, *ends, unit, moved["low"], moved["stated"], moved["high"], swing))
    frame = pd.DataFrame(made, columns=next(iter(swings.values())).columns)
    return frame.sort_values(["swing", "assumption", "title"], ascending=[False, True, True], ignore_index=True)


def _ranked(frames: list[pd.DataFrame], column: str, most: int) -> pd.DataFrame:
    """Rows of all chains, largest first."""
    filled = [frame for frame in frames if len(frame)]
    if len(filled) < 2:
        return (filled or frames)[0]
    every = pd.concat(filled, ignore_index=True)
    return every.sort_values(column, ascending=False, kind="stable").head(most).reset_index(drop=True)
