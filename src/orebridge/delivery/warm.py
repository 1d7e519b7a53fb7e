"""One way of one chain kept in the solver while assumptions move: for sweeps, sensitivities and what would help.

A changed assumption may touch bounds, limits, costs and, through the course without a plan, the commitments too. So
nothing is patched by hand: the changed model is built anew as arrays, which is cheap, and only the figures that differ
go to the program that is in the solver already. Where even the coefficients differ the changed model is solved by
itself. Either way the loss is that of a rebuilt model (law in the tests: equal to 1e-9).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.delivery.limits import Horizon, Limits
from orebridge.delivery.model import Model
from orebridge.delivery.modes import prepare
from orebridge.delivery.past import Flows
from orebridge.delivery.stages import single_costs
from orebridge.network import ORIGIN_KIND, SupplyNetwork
from orebridge.program import Family, Program, Solution
from orebridge.results import member_loss
from orebridge.shocks import Effects

Floats = npt.NDArray[np.float64]
MONTH_DAYS = 30.4375
Pair = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]


@dataclass(frozen=True)
class Case:
    """One state of the world: the network, what the shock allows, the months, and the course without a plan."""

    network: SupplyNetwork
    limits: Limits
    horizon: Horizon
    unaided: Flows

    def with_network(self, network: SupplyNetwork) -> Case:
        """The same shock and course without a plan on a network that differs only in what neither of them reads."""
        return replace(self, network=network)


def case_of(network: SupplyNetwork, effects: Effects, months: int) -> Case:
    """The case of one chain under the effects over reported months 1..months."""
    return Case(*prepare(network, effects, months))


class Warm:
    """The single weighted solve of one way ("alone" or "joint"), warm from case to case.

    Cases must be of one chain. The first is solved by the interior point and the others start from there: most differ
    little from it, and its plan keeps clear of limits that do not matter. `far`: each case lies farther from the first
    than from the one before, and starts from that, or by the interior point again. Not for several threads at once.
    """

    def __init__(self, way: str, far: bool = False) -> None:
        self.way, self.far = way, far
        self._kept: Program | None = None
        self._fold = True

    def solve(self, case: Case) -> tuple[Model, Solution]:
        """The model of the case and its optimum.

        The model's program is the one in the solver: change it only inside `changed()`, and read nothing from it after
        the next case.
        """
        coalition = frozenset(case.network.members) if self.way == "joint" else frozenset()
        name = f"{self.way}/{'+'.join(case.network.chains)} (single solve)"
        model = Model(case.network, case.limits, case.horizon, case.unaided, coalition, name)
        _close_routes(model)
        pairs = _fold(model) if self._fold else []
        ours = self._kept is not None and self._kept.adopt(model.program)
        if ours and self._kept is not None:
            model.program = self._kept
        first = self._kept is None or (self.far and not ours)
        if first:
            model.program.keep_steady()
            self._kept = model.program
        model.program.minimise(single_costs(model))
        solution = model.program.solve(from_base=ours and not first, interior=first or self.far)
        if first or self.far:
            model.program.keep_base()
        if not all(np.array_equal(_cost(model, a), _cost(model, b)) for a, b in pairs):
            self._fold = False  # the objective tells base from extra: then neither can stand for both
            return self.solve(case)
        return model, solution

    def loss(self, case: Case) -> pd.DataFrame:
        """Loss by member and item (see `member_loss`)."""
        model, solution = self.solve(case)
        return loss_of(case, model.flows(solution))


def _cost(model: Model, ids: npt.NDArray[np.int32]) -> Floats:
    return model.program.columns_cost(Family("folded", {}, ids))


def _close_routes(model: Model) -> None:
    """Give routes without a limit the largest tonnage there could ever be of their commodity; it never binds.

    A route that opens then only gets a bound, which the dual simplex takes in its stride; an endless column would send
    it back to its first phase (measured: 6 times slower).
    """
    net, months = model.network, model.horizon.months
    out = net.terms[(net.terms["coefficient"] > 0) & works(net)[net.terms["activity"].to_numpy(dtype=int)]]
    act = out["activity"].to_numpy(dtype=int)
    site = net.activities["site"].to_numpy(dtype=int)[act]
    room = (net.sites["capacity"] * (1.0 + net.sites["surge"])).to_numpy(dtype=float)[site]
    lag = net.activities["lag"].to_numpy(dtype=float)[act]
    most = np.zeros(len(net.nodes))
    np.add.at(most, out["node"].to_numpy(dtype=int), out["coefficient"].to_numpy() * room * (months + lag))
    np.add.at(most, net.routes["from_node"].to_numpy(dtype=int), (net.routes["y0"] * net.routes["lag"]).to_numpy())
    np.add.at(most, net.stockpiles["node"].to_numpy(dtype=int), net.stockpiles["s0"].to_numpy())
    ever = pd.Series(most).groupby(net.nodes["commodity"].to_numpy()).sum()
    ample = net.routes["commodity"].map(ever).to_numpy(dtype=float)[:, None] * 1.01 + 1.0
    upper = model.program.columns_upper(model.shipment_extra)
    model.program.set_bounds(model.shipment_extra, upper=np.where(np.isinf(upper), ample, upper))


def _fold(model: Model) -> list[Pair]:
    """Let the base column stand for base and extra wherever both have the same coefficients; returns the pairs.

    Only the staged objective tells them apart (cost of change). Half the free columns go, and with them the ties that
    slow a warm start.
    """
    program, pairs = model.program, []
    matrix = program.matrix
    for base, extra in (
        (model.activity, model.activity_extra),
        (model.shipment, model.shipment_extra),
        (model.stock, model.stock_extra),
    ):
        a, b = base.ids.ravel(), extra.ids.ravel()
        apart = matrix[:, a] - matrix[:, b]
        apart.eliminate_zeros()
        same = np.diff(apart.indptr) == 0
        one, two = Family("base", {}, a[same]), Family("extra", {}, b[same])
        low = program.columns_lower(one) + program.columns_lower(two)
        high = program.columns_upper(one) + program.columns_upper(two)
        program.set_bounds(one, low, high)
        program.set_bounds(two, 0.0, 0.0)
        pairs.append((a[same], b[same]))
    return pairs


def works(network: SupplyNetwork) -> npt.NDArray[np.bool_]:
    """Activities that make something: not those by which free material goes into common use (trace.py)."""
    real: npt.NDArray[np.bool_] = (network.sites["kind"] != ORIGIN_KIND).to_numpy(dtype=bool)
    site = network.activities["site"].to_numpy(dtype=int)
    return real[site] if len(site) else np.zeros(0, dtype=bool)


def own_use(network: SupplyNetwork) -> Floats:
    """What each node's own processes and users take in the base year, t per month: without exports and waste."""
    use = np.zeros(len(network.nodes))
    act = network.terms["activity"].to_numpy(dtype=int)
    flow = network.activities["x0"].to_numpy()[act] * network.terms["coefficient"].to_numpy()
    taken = np.where(works(network)[act], np.maximum(-flow, 0.0), 0.0)
    np.add.at(use, network.terms["node"].to_numpy(dtype=int), taken)
    np.add.at(use, network.demands["node"].to_numpy(dtype=int), network.demands["D"].to_numpy(dtype=float))
    return use


def loss_of(case: Case, flows: Flows) -> pd.DataFrame:
    """Loss by member and item of a course of events in a case."""
    return member_loss(case.network, case.limits, case.horizon, flows)


def total(loss: pd.DataFrame) -> float:
    """USD in all; nan if a value that counts is unknown."""
    return float(loss["usd"].sum(skipna=False))


def by_member(loss: pd.DataFrame) -> dict[str, float]:
    """USD by member; nan where a value that counts is unknown."""
    return {str(member): float(np.sum(group["usd"].to_numpy(dtype=float))) for member, group in loss.groupby("member")}


def losses(cases: Sequence[Callable[[], Case]], way: str, workers: int = 2) -> list[float]:
    """Total loss in USD of each case by one way; each worker keeps one warm program over its stretch of the cases.

    The first case is the one that the others are near to, so every worker begins with it.
    """
    if way == "unaided":
        made = [make() for make in cases]
        return [total(loss_of(case, case.unaided)) for case in made]

    def run(stretch: Sequence[Callable[[], Case]]) -> list[float]:
        warm = Warm(way)
        return [total(warm.loss(make())) for make in stretch]

    if workers == 1 or len(cases) < 2 * workers:
        return run(cases)
    first, parts = list(cases[:1]), np.array_split(np.arange(1, len(cases)), workers)
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(run, [first + [cases[k] for k in part] for part in parts]))
    return found[0][:1] + [loss for part in found for loss in part[1:]]
