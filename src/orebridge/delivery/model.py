"""The delivery model of one chain: the ordered list of blocks over one network, its limits and a way of acting."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from orebridge.delivery.blocks import activity, balance, demand, shipments, stocks
from orebridge.delivery.limits import Horizon, Limits
from orebridge.delivery.past import Flows, Past, base_year
from orebridge.errors import ProgramError
from orebridge.network import SupplyNetwork
from orebridge.program import Family, Program, Solution

Floats = npt.NDArray[np.float64]
TIERS = ("defence", "essential", "general")
BLOCKS = (activity.add, shipments.add, stocks.add, demand.add, balance.add)


@dataclass
class Model:
    """A program over one chain.

    `coalition`: the members whose shipments to each other are decisions; `past`: what was under way before the first
    month (default: the base year); `movable`: built with every row that other limits could need (`retarget`).
    """

    network: SupplyNetwork
    limits: Limits
    horizon: Horizon
    unaided: Flows
    coalition: frozenset[str]
    name: str
    transfers: Floats | None = None
    past: Past | None = None
    movable: bool = False
    before: Past = field(init=False)
    program: Program = field(init=False)
    activity: Family = field(init=False)
    activity_extra: Family = field(init=False)
    shipment: Family = field(init=False)
    shipment_extra: Family = field(init=False)
    stock: Family = field(init=False)
    stock_extra: Family = field(init=False)
    shortfall: Family = field(init=False)
    unmet: Family = field(init=False)
    peak: Family = field(init=False)
    worst: Family = field(init=False)
    ours: npt.NDArray[np.int64] = field(init=False)
    waste: Family = field(init=False)
    balance: Family = field(init=False)
    need: Floats = field(init=False)
    sides: shipments.Sides = field(init=False)
    purchases: shipments.Purchases = field(init=False)
    pools: list[int] = field(init=False, default_factory=list)
    released: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.before = self.past or base_year(self.network)
        self.program = Program(self.name)
        for add in BLOCKS:
            add(self)

    @cached_property
    def loss_weights(self) -> Floats:
        """See `loss_weights`."""
        return loss_weights(self.network)

    def retarget(self, limits: Limits, unaided: Flows) -> None:
        """Take other limits, and the course without a plan that goes with them, in place.

        Everything that depends on them is set anew: bounds, commitments taken from that course, capacities, releases,
        demand. The program is then the one a new model would build, for every objective but the level of shortage
        (stage D: where demand changes its rows are let go, because their coefficients would change too). Only for a
        `movable` model.
        """
        if not self.movable:
            raise ProgramError(f"{self.name}: only a model built with movable=True takes other limits.")
        wanted, self.limits, self.unaided = self.limits.demand, limits, unaided
        for block in (activity, shipments, stocks, demand):
            block.set_limits(self)
        if not np.array_equal(wanted, limits.demand):
            balance.set_limits(self, wanted)
            if "level" in self.program.row_families:
                self.program.set_rhs(self.program.row_families["level"], upper=np.inf)

    def flows(self, solution: Solution) -> Flows:
        """The solution as flows by component and month."""
        return Flows(
            solution.values(self.activity) + solution.values(self.activity_extra),
            solution.values(self.shipment) + solution.values(self.shipment_extra),
            solution.values(self.stock) + solution.values(self.stock_extra),
            solution.values(self.unmet),
            solution.values(self.waste),
        )


def discount(network: SupplyNetwork, months: int) -> Floats:
    """Weight of month t = 1..months: (1 - rate) ^ (t / 12)."""
    rate = network.assumption("discount_rate")
    result: Floats = (1.0 - rate) ** (np.arange(1, months + 1) / 12.0)
    return result


def loss_weights(network: SupplyNetwork) -> Floats:
    """USD per tonne unmet for each demand; where no value is stated the replacement price orders it (never reported)."""
    value = network.demands["value_usd"].to_numpy(dtype=float).copy()
    price = network.nodes["replacement_usd"].to_numpy()[network.demands["node"].to_numpy(dtype=int)]
    value = np.where(np.isnan(value), price, value)
    value = np.where(np.isnan(value), 1.0, value)
    outsider = ~network.demands["is_member"].to_numpy(dtype=bool)
    general = {}
    for commodity, group in network.demands[network.demands["tier"] == "general"].groupby("commodity"):
        general[commodity] = float(np.nan_to_num(group["value_usd"].iloc[0]))
    base = network.demands["commodity"].map(general).fillna(0.0).to_numpy()
    weight = network.assumption("outsider_weight")
    result: Floats = np.where(outsider, weight * np.where(base > 0, base, value), value)
    return result


def stock_weights(network: SupplyNetwork) -> Floats:
    """USD per tonne missing from each stockpile at the end (0 where no price is stated; outsiders' at their weight)."""
    piles = network.stockpiles
    price = np.nan_to_num(piles["replacement_usd"].to_numpy(dtype=float)) * network.assumption("terminal_share")
    ours = piles["country"].isin(network.members).to_numpy()
    result: Floats = np.where(ours, price, price * network.assumption("outsider_weight"))
    return result
