"""What members lose in a course of events, as arrays: the figures of `results.member_loss` thousands of times over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from orebridge.delivery.limits import Horizon
from orebridge.delivery.model import TIERS, discount
from orebridge.delivery.past import Flows
from orebridge.network import SupplyNetwork

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]
ITEMS = (*TIERS, "stock")
NOTHING = 1e-7  # t a month below which a use counts as met, as in `member_loss`
SHORT = 1e-6  # share of a use (and t) above which a month counts as one of shortage


@dataclass(frozen=True)
class Loss:
    """What members lose: tonnes and USD by member and item (defence, essential, general, stock), and when.

    `first` is the first month of shortage by member (0: none), over the reported months; `products` the tonnes not
    delivered by (member, product). USD is nan where something of unknown value is missing.
    """

    tonnes: Floats
    usd: Floats
    first: Ints
    products: Floats

    @property
    def total_usd(self) -> float:
        """USD of all members and items."""
        return float(self.usd.sum())

    @property
    def unmet(self) -> float:
        """Tonnes of all members' uses not met."""
        return float(self.tonnes[:, :-1].sum())

    @property
    def nothing(self) -> bool:
        """Whether nobody loses anything, stock included."""
        return not self.tonnes.any()

    @property
    def first_month(self) -> int:
        """First month in which any member is short; 0 if none is."""
        short = self.first[self.first > 0]
        return int(short.min()) if short.size else 0


class Meter:
    """Reads losses of one network's members off its flows."""

    def __init__(self, network: SupplyNetwork, horizon: Horizon) -> None:
        self.members, self.months = network.members, horizon.reported
        demands, piles = network.demands, network.stockpiles
        self._ours = np.flatnonzero(demands["is_member"].to_numpy(dtype=bool))
        own = demands.iloc[self._ours]
        at = {member: k for k, member in enumerate(network.members)}
        member = own["country"].map(at).to_numpy(dtype=int)
        tier = own["tier"].map({name: k for k, name in enumerate(TIERS)}).to_numpy(dtype=int)
        self._group = member * len(TIERS) + tier
        self._member, self._value = member, own["value_usd"].to_numpy(dtype=float)
        self._least = SHORT * (1.0 + own["D"].to_numpy(dtype=float))
        self._weight = discount(network, horizon.months)[: self.months]
        uses = own[["country", "commodity"]].drop_duplicates()
        self.products = list(zip(uses["country"], uses["commodity"], strict=True))
        number = {key: k for k, key in enumerate(self.products)}
        self._product = np.array([number[key] for key in zip(own["country"], own["commodity"], strict=True)], dtype=int)
        #: Base-year use of each (member, product), t per month.
        self.use = np.bincount(self._product, own["D"].to_numpy(dtype=float), len(self.products))
        self._piles = np.flatnonzero(piles["country"].isin(network.members).to_numpy())
        held = piles.iloc[self._piles]
        self._holder = held["country"].map(at).to_numpy(dtype=int)
        self._start = held["s0"].to_numpy(dtype=float)
        self._price = held["replacement_usd"].to_numpy(dtype=float) * network.assumption("terminal_share")

    def loss(self, flows: Flows) -> Loss:
        """The loss over the reported months (V_m of docs/maths.md), end stocks included."""
        unmet = flows.unmet[self._ours, : self.months]
        unmet = np.where(unmet < NOTHING, 0.0, unmet)
        tonnes = unmet.sum(1)
        usd = np.where(tonnes > 0, self._value * (unmet @ self._weight), 0.0)
        members, tiers = len(self.members), len(TIERS)
        missing = np.maximum(self._start - flows.stock[self._piles, -1], 0.0)
        missing = np.where(missing < 1e-6 * np.maximum(self._start, 1.0), 0.0, missing)
        stock = np.where(missing > 0, self._price * missing, 0.0)

        def grid(values: Floats, of_stock: Floats) -> Floats:
            by_tier = np.bincount(self._group, values, members * tiers).reshape(members, tiers)
            result: Floats = np.column_stack([by_tier, np.bincount(self._holder, of_stock, members)])
            return result

        return Loss(
            grid(tonnes, missing), grid(usd, stock), self._first(unmet, self._member, members),
            np.bincount(self._product, tonnes, len(self.products)).astype(float),
        )  # fmt: skip

    def short(self, flows: Flows) -> Floats:
        """Tonnes short of each (member, product) over all months of the horizon, the tail included."""
        unmet = flows.unmet[self._ours]
        worst = np.where(unmet > self._least[:, None], unmet, 0.0).sum(1)
        return np.bincount(self._product, worst, len(self.products)).astype(float)

    def first_of_products(self, flows: Flows) -> Ints:
        """First month of shortage by (member, product) over the reported months; 0: none."""
        return self._first(flows.unmet[self._ours, : self.months], self._product, len(self.products))

    def _first(self, unmet: Floats, group: Ints, count: int) -> Ints:
        short = unmet > self._least[:, None]
        month = np.where(short.any(axis=1), short.argmax(axis=1) + 1, self.months + 1)
        first = np.full(count, self.months + 1)
        np.minimum.at(first, group, month)
        result: Ints = np.where(first > self.months, 0, first)
        return result
