"""One chain on the bench: its base year ready to be hit, without a plan and with one, thousands of times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from orebridge.delivery.compact import Answer, Compact
from orebridge.delivery.limits import Limits, horizon_for, limits_of, shut_stocks
from orebridge.delivery.model import Model
from orebridge.delivery.past import Flows
from orebridge.delivery.unaided import BATCH, Simulator
from orebridge.errors import ShockError
from orebridge.network import SupplyNetwork
from orebridge.shocks import no_effects
from orebridge.vulnerabilities.hits import course_of
from orebridge.vulnerabilities.losses import Loss, Meter

Floats = npt.NDArray[np.float64]
WAYS = ("alone", "joint")


@dataclass(frozen=True)
class Case:
    """Limits of one contingency, the course of events without a plan under them, and what members lose in it."""

    limits: Limits
    course: Flows
    loss: Loss


class Bench:
    """One chain's network over a horizon of reported months, to be hit from month 1 on.

    `way`: "alone" (each member plans for itself) or "joint". Everything that depends on a hit is set anew for it: limits,
    the course without a plan, and the commitments a plan takes from that course. Not for several threads at once.
    """

    def __init__(self, network: SupplyNetwork, months: int, way: str = "alone") -> None:
        if way not in WAYS:
            raise ShockError(f"a contingency is planned {' or '.join(WAYS)}, not {way!r}.")
        if not 1 <= months <= 120:
            raise ShockError(f"--months must be from 1 to 120, not {months}.")
        self.network, self.way = network, way
        self.horizon = horizon_for(network, months)
        self.meter = Meter(network, self.horizon)
        self.calm = limits_of(network, no_effects(), self.horizon)
        self._simulator = Simulator(network, self.horizon)
        #: Stocks as they open in a shock that begins in month 1.
        self._opened = np.where(shut_stocks(network, self.horizon, 1), 0.0, np.ones_like(self.calm.release_share))
        self.solves = 0

    @property
    def months(self) -> int:
        """Reported months."""
        return self.horizon.reported

    def limits(
        self, routes: Sequence[int] = (), sites: Sequence[int] = (), length: float = 0.0, share: float | Floats = 0.0
    ) -> Limits:
        """Limits in which routes and sites keep `share` of what they had for `length` months (a fraction of the last).

        Months beyond the reported ones are free of shock, as everywhere. Raises ShockError for a length outside them.
        """
        if not 0 < length <= self.months:
            raise ShockError(f"--length must be from 1 to the months of the plan ({self.months}), not {length:g}.")
        left = course_of(length, self.months)
        kept = np.asarray(share, dtype=float)[..., None] + (1.0 - np.asarray(share, dtype=float)[..., None]) * left
        struck = left < 1.0
        route_share, site_share = self.calm.route_share, self.calm.site_share
        if len(routes):
            route_share = route_share.copy()
            route_share[np.ix_(np.array(routes), np.flatnonzero(struck))] = kept[..., struck]
        if len(sites):
            site_share = site_share.copy()
            site_share[np.ix_(np.array(sites), np.flatnonzero(struck))] = kept[..., struck]
        return replace(self.calm, route_share=route_share, site_share=site_share, release_share=self._opened)

    def cases(self, limits: Sequence[Limits]) -> Iterator[Case]:
        """The course without a plan under each of the limits, batch by batch: memory does not grow with their number."""
        for k in range(0, len(limits), BATCH):
            batch = limits[k : k + BATCH]
            for own, course in zip(batch, self._simulator.run(batch), strict=True):
                yield Case(own, course, self.meter.loss(course))

    @cached_property
    def calm_case(self) -> Case:
        """What happens when nothing is hit."""
        return next(self.cases([self.calm]))

    @cached_property
    def _compact(self) -> Compact:
        coalition = frozenset(self.network.members) if self.way == "joint" else frozenset()
        name = f"{self.way}/{'+'.join(self.network.chains)} (contingencies)"
        model = Model(
            self.network, self.calm, self.horizon, self.calm_case.course, coalition, name, movable=True
        )  # fmt: skip
        compact = Compact(model)
        compact.start()
        return compact

    def plan(self, case: Case) -> Answer:
        """The plan of least weighted loss under a case."""
        self.solves += 1
        return self._compact.solve(case.limits, case.course)

    def planned(self, case: Case) -> Loss:
        """What members lose with a plan: nothing where they lose nothing without one, else by the weighted solve.

        Without that rule a plan could still give up a member's stock to spare outsiders (they count at their small
        weight); a member by itself has no reason to.
        """
        return case.loss if case.loss.nothing else self.meter.loss(self.plan(case).flows)
