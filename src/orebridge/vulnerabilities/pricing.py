"""What sets of hits cost one chain: ceilings for all of them, solved losses for those that need it.

The loss of a set is that of the better of two plans: the weighted single solve (as everywhere else), or simply serving
one's own dearest uses first in the course without a plan. The second matters only where the first gives up a little of
a member's USD for outsiders or a dearer tier. So the ceiling of a set is never below its loss, by construction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orebridge.errors import ShockError
from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.bench import Bench
from orebridge.vulnerabilities.ceilings import Ceilings, rationed
from orebridge.vulnerabilities.families import Forest
from orebridge.vulnerabilities.hits import Hit
from orebridge.vulnerabilities.losses import Loss

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
CHOKEPOINT = "chokepoint"


@dataclass(frozen=True)
class Priced:
    """A set's ceiling (USD), and its loss where it was solved."""

    ceiling: float
    loss: Loss

    @property
    def usd(self) -> float:
        """USD of all members, end stocks included."""
        return self.loss.total_usd


class Pricer:
    """One chain and its hits, to be priced in any combination; not for several threads at once."""

    def __init__(
        self, network: SupplyNetwork, hits: Sequence[Hit], months: int, length: int, way: str = "alone"
    ) -> None:
        if not 1 <= length <= months:
            raise ShockError(f"--length must be from 1 to the months of the plan ({months}), not {length}.")
        self.chain = network.chains[0]
        self.network, self.hits, self.length = network, list(hits), length
        self.bench = Bench(network, months, way)
        demands = network.demands[network.demands["is_member"].to_numpy(dtype=bool)]
        unknown = demands[demands["value_usd"].isna() & (demands["D"] > 0)]
        if len(unknown):
            raise ShockError(
                f"{self.chain}: the value of {unknown['demand'].iloc[0]} is unknown, so losses cannot be compared in USD; "
                "add a row to values.csv, or leave the chain out."
            )
        self._ceilings = Ceilings(network, self.bench.horizon, self.bench.limits(length=length), self.hits, length)
        self._solved: dict[frozenset[int], Priced] = {}
        self._alone: Floats | None = None
        self._bounded = 0
        self._forest: Forest | None = None

    @property
    def solved(self) -> int:
        """Sets solved so far."""
        return len(self._solved)

    @property
    def bounded(self) -> int:
        """Ceilings and caps computed so far."""
        return self._bounded + (self._forest.capped if self._forest else 0)

    def forest(self, groups: Sequence[Sequence[int]], workers: int = 1) -> Forest:
        """Families of sets of the hits of each quota; grown when first asked for."""
        if self._forest is None:
            calm = self.bench.limits(length=self.length)
            self._forest = Forest(self.network, self.bench.horizon, calm, self.hits, self.length, groups, workers)
        return self._forest

    def most(self) -> float:
        """USD that no set of hits can exceed: all of members' use unmet, all of their stock gone."""
        network, months = self.network, self.bench.months
        demands, piles = network.demands, network.stockpiles
        own = demands["is_member"].to_numpy(dtype=bool)
        use = float((demands["D"] * demands["value_usd"])[own].sum()) * months
        held = piles[piles["country"].isin(network.members)]
        price = held["replacement_usd"].fillna(0.0) * network.assumption("terminal_share")
        return use + float((held["s0"] * price).sum())

    def ceilings(self, sets: Ints, workers: int = 1) -> Floats:
        """Ceilings in USD of sets (rows of positions, -1 for none)."""
        self._bounded += len(sets)
        return self._ceilings.of(sets, workers)

    def ceiling(self, hit: int) -> float:
        """Ceiling of a single hit (USD)."""
        if self._alone is None:
            self._alone = self.ceilings(np.arange(len(self.hits))[:, None])
        return float(self._alone[hit])

    def highest(self) -> float:
        """The highest ceiling of a single hit (USD)."""
        return max((self.ceiling(k) for k in range(len(self.hits))), default=0.0)

    def price(self, positions: Sequence[int]) -> Priced:
        """The loss of a set, solved once."""
        key = frozenset(positions)
        if key not in self._solved:
            self._solved[key] = self._price(sorted(key))
        return self._solved[key]

    def _price(self, positions: Sequence[int]) -> Priced:
        if not positions:
            return Priced(0.0, self.bench.calm_case.loss)
        routes = sorted(set().union(*(self.hits[k].routes for k in positions)))
        sites = sorted(set().union(*(self.hits[k].sites for k in positions)))
        case = next(self.bench.cases([self.bench.limits(routes, sites, self.length)]))
        own = self.bench.meter.loss(rationed(self.network, self.bench.horizon, case.course))
        ceiling = own.total_usd
        planned = self.bench.planned(case)
        if math.isnan(planned.total_usd) or math.isnan(ceiling):
            raise ShockError(
                f"{self.chain}: a stock without a price is drawn on, so its loss in USD is unknown; add it to prices.csv."
            )
        return Priced(ceiling, planned if planned.total_usd <= ceiling else own)
