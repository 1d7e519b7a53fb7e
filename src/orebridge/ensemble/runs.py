"""One run: its draw, the chains it touches, and what each of them loses.

Per chain a plan begins when the first shock of that chain begins: until then the base year goes on, so that nothing is
hoarded for a shock nobody has announced. From there on the whole run is known to it, and losses are counted over
`months` months and discounted to the start of the horizon. A chain in which no shock cuts into the base year loses
nothing, because the base-year plan is still possible (the law of the base year), and is not solved.

Nothing is carried from run to run: each chain is solved by itself from its own figures. So a run comes out the same, to
the last bit on one kind of machine, for any number of workers, in any order and after a kill.
"""

from __future__ import annotations

import hashlib
import math
import pickle
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.delivery.model import discount
from orebridge.delivery.modes import prepare
from orebridge.delivery.past import Flows
from orebridge.delivery.warm import Case, Warm
from orebridge.ensemble.draws import Draw, draw, shocks_of
from orebridge.ensemble.hazards import ANYWHERE, BaseYear, Hazards
from orebridge.errors import NotOptimal, ProgramError
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects, Trace, effects_of

WAYS = ("alone", "joint")
SHORT = 1e-3  # share of a month's use from which on a member counts as short
NOISE = 1e-7  # tonnes below which the solver's rounding is no shortage
Floats = npt.NDArray[np.float64]
Record = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """All a worker needs to know: the network (without the record of its sources), the hazards and the options."""

    network: SupplyNetwork
    hazards: Hazards
    chains: tuple[str, ...]
    months: int
    way: str
    seed: int
    code: str

    def packed(self) -> bytes:
        """The setting as bytes for workers elsewhere."""
        bare = replace(
            self.network,
            provenance=self.network.provenance.iloc[:0],
            adjustments=self.network.adjustments.iloc[:0],
            findings=(),
        )
        return zlib.compress(pickle.dumps(replace(self, network=bare), protocol=5), 6)


@dataclass
class Runner:
    """Computes runs of a setting."""

    setting: Setting
    _parts: dict[str, SupplyNetwork] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._base = BaseYear(self.setting.network)
        nodes = self.setting.network.nodes
        self._made_in = dict(zip(nodes["commodity"].tolist(), nodes["chain"].tolist(), strict=True))

    def run(self, number: int) -> Record:
        """What happens in run `number` and what it costs, as plain figures (see `store` for the layout)."""
        setting = self.setting
        drawn = draw(setting.hazards, setting.seed, number, setting.months)
        record: Record = {
            "run": number,
            "tension": dict(drawn.tension),
            "shocks": [
                {"hazard": s.hazard, "start": s.start + 1, "length": s.length,
                 "values": dict(s.values), "quantiles": dict(s.quantiles)}
                for s in drawn.shocks
            ],
            "chains": [],
        }  # fmt: skip
        if not drawn.shocks:
            return record
        cuts = self._cuts(drawn)
        for chain, own, first in self._touched(drawn):
            try:
                record["chains"].append({**self._chain(chain, own, first), "hazards": _shares(cuts[chain])})
            except (NotOptimal, ProgramError) as error:
                raise type(error)(
                    f"run {number}, {chain}: {error}\nSee what happens in it with `orebridge simulate --show {number}`."
                ) from error
        return record

    def _touched(self, drawn: Draw) -> list[tuple[str, Effects, int]]:
        """Chains in which the draw cuts into the base year: effects counted from the chain's first shock, that month."""
        setting = self.setting
        shocks = shocks_of(setting.hazards, drawn, setting.seed)
        # A shock that begins in the last month must still be there for all the months its chain's plan looks at.
        effects = effects_of(shocks, setting.network, 2 * setting.months - 1, ANYWHERE)
        frame = effects.frame
        chain = frame["component"].map(self._base.chain)
        cuts = self._base.cut(frame) > 0.0
        result = []
        for name in setting.chains:
            own = frame[chain == name]
            cut = own[cuts[own.index]]
            if cut.empty:
                continue
            first = int(own["month"].min())
            if int(cut["month"].min()) >= first + setting.months:
                continue
            traces = [t for t in effects.traces if any(self._made_in[c] == name for c in t.commodities)]
            result.append((name, _shifted(own, traces, first, setting.months), first))
        return result

    def _cuts(self, drawn: Draw) -> dict[str, dict[str, float]]:
        """Tonnes by which each shock, taken alone, cuts into the base year of each chain."""
        setting = self.setting
        result: dict[str, dict[str, float]] = {}
        for item, shock in zip(drawn.shocks, shocks_of(setting.hazards, drawn, setting.seed), strict=True):
            frame = effects_of([shock], setting.network, 2 * setting.months - 1, ANYWHERE).frame
            tonnes = self._base.cut(frame).groupby(frame["component"].map(self._base.chain)).sum()
            for chain, amount in tonnes[tonnes > 0.0].items():
                result.setdefault(str(chain), {})[item.hazard] = float(amount)
        return result

    def _chain(self, chain: str, own: Effects, first: int) -> Record:
        if chain not in self._parts:
            self._parts[chain] = self.setting.network.subset([chain])
        part = self._parts[chain]
        case = Case(*prepare(part, own, self.setting.months))
        delay = (1.0 - part.assumption("discount_rate")) ** ((first - 1) / 12.0)
        unaided = losses_of(case, case.unaided, first, delay)
        # The course without a plan is a possible plan: where it loses nothing, the best plan does not either.
        flows = self._plan(case) if unaided else case.unaided
        losses = losses_of(case, flows, first, delay)
        return {
            "chain": chain,
            "first": first,
            "unaided_usd": _plain(math.fsum(row["usd"] for row in unaided)),
            "losses": [{**row, "usd": _plain(row["usd"])} for row in losses],
        }

    def _plan(self, case: Case) -> Flows:
        # A fresh program each time: with several shocks a run lies so far from the base year that the solver is
        # quicker from scratch, with its presolve, than from an old basis (docs/simulate.md has the figures).
        model, solution = Warm(self.setting.way).solve(case)
        return model.flows(solution)


def _shares(tonnes: dict[str, float]) -> dict[str, float]:
    total = sum(tonnes.values())
    return {name: amount / total for name, amount in tonnes.items()}


def _shifted(frame: pd.DataFrame, traces: Sequence[Trace], first: int, months: int) -> Effects:
    """The effects of one chain with its first month as month 1, over `months` months."""
    moved = frame.assign(month=frame["month"] - (first - 1))
    moved = moved[moved["month"] <= months].reset_index(drop=True)
    kept = []
    for trace in traces:
        inside = tuple(m - (first - 1) for m in trace.months if m - (first - 1) <= months)
        if inside:
            kept.append(replace(trace, months=inside))
    return Effects(moved, tuple(kept), horizon=months)


def losses_of(case: Case, flows: Flows, first: int = 1, delay: float = 1.0) -> list[Record]:
    """Losses of members by product and item (tier or `stock`): tonnes, USD, and the first calendar month short.

    The same sums as `results.member_loss`, by product, times `delay` for a plan that begins later; USD is nan where a
    product without a stated value runs short. `first` is the month of the horizon in which the plan begins. A member
    is short where more than a thousandth of a month's use is unmet. Rows without a loss are left out.
    """
    net, months = case.network, case.horizon.reported
    weight = discount(net, case.horizon.months)[:months] * delay
    rows: list[Record] = []
    demands = net.demands
    ours = np.flatnonzero(demands["is_member"].to_numpy(dtype=bool))
    unmet = np.where(flows.unmet[ours, :months] < NOISE, 0.0, flows.unmet[ours, :months])
    value = demands["value_usd"].to_numpy(dtype=float)[ours]
    usd = np.where(unmet.sum(1) > 0, value * (unmet @ weight), 0.0)
    need = case.limits.demand[ours, :months]
    keys = list(zip(*(demands[c].to_numpy()[ours].tolist() for c in ("commodity", "country", "tier")), strict=True))
    for key, at in _groups(keys).items():
        tonnes = float(unmet[at].sum())
        if tonnes > 0:
            short = np.flatnonzero(unmet[at].sum(0) > np.maximum(SHORT * need[at].sum(0), NOISE))
            month = first + int(short[0]) if short.size else None
            rows.append(_row(key, tonnes, float(usd[at].sum()), month))
    piles = net.stockpiles
    ours = np.flatnonzero(piles["country"].isin(net.members).to_numpy())
    s0 = piles["s0"].to_numpy(dtype=float)[ours]
    missing = np.maximum(s0 - flows.stock[ours, -1], 0.0)
    missing = np.where(missing < 1e-6 * np.maximum(s0, 1.0), 0.0, missing)
    price = piles["replacement_usd"].to_numpy(dtype=float)[ours] * net.assumption("terminal_share") * delay
    usd = np.where(missing > 0, price * missing, 0.0)
    keys = [
        (commodity, country, "stock")
        for commodity, country in zip(*(piles[c].to_numpy()[ours].tolist() for c in ("commodity", "country")), strict=True)
    ]  # fmt: skip
    for key, at in _groups(keys).items():
        tonnes = float(missing[at].sum())
        if tonnes > 0:
            rows.append(_row(key, tonnes, float(usd[at].sum()), None))
    return rows


def _row(key: tuple[str, str, str], tonnes: float, usd: float, month: int | None) -> Record:
    return {"product": key[0], "member": key[1], "item": key[2], "tonnes": tonnes, "usd": usd, "first_month": month}


def _groups(keys: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], list[int]]:
    result: dict[tuple[str, str, str], list[int]] = {}
    for position, key in enumerate(keys):
        result.setdefault(key, []).append(position)
    return dict(sorted(result.items()))


def _plain(value: float) -> float | None:
    """A figure for JSON: absent is null, never 0."""
    return None if math.isnan(value) else value


_local = threading.local()


def compute(packed: bytes, numbers: Sequence[int], code: str) -> list[Record]:
    """Runs by number, on a worker anywhere; the network of the last setting stays in this process and thread."""
    from orebridge.ensemble.identity import code_version
    from orebridge.errors import WorkerError

    if code_version() != code:
        raise WorkerError(
            "a worker has another version of Orebridge, of the solver or of numpy than this machine, so its runs would "
            "not be comparable; install the same versions on every worker."
        )
    name = hashlib.sha256(packed).hexdigest()
    if getattr(_local, "name", None) != name:
        _local.runner, _local.name = Runner(pickle.loads(zlib.decompress(packed))), name
    return [_local.runner.run(number) for number in numbers]
