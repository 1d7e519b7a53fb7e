"""Results as labelled frames. A plan exists only if every stage was solved to optimality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from orebridge.delivery.limits import Horizon, Limits
from orebridge.delivery.model import discount
from orebridge.delivery.past import Flows
from orebridge.network import ORIGIN_KIND, SupplyNetwork

WAYS = ("unaided", "alone", "treaty", "joint")


@dataclass(frozen=True)
class Plan:
    """One way through the crisis: tonnes by component and reported month, and the loss of each member."""

    way: str
    status: str
    unmet: pd.DataFrame
    flows: pd.DataFrame
    activity: pd.DataFrame
    stock: pd.DataFrame
    waste: pd.DataFrame
    loss: pd.DataFrame
    stages: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def loss_usd(self, member: str | None = None) -> float:
        """Discounted loss in USD of a member (or all), unmet use plus end-of-horizon stock; nan if a value is unknown."""
        frame = self.loss if member is None else self.loss[self.loss["member"] == member]
        return float(frame["usd"].sum(skipna=False))

    def lost_tonnes(self, member: str | None = None) -> pd.Series:
        """Unmet tonnes by product."""
        frame = self.unmet if member is None else self.unmet[self.unmet["member"] == member]
        return frame.groupby("product")["tonnes"].sum()


def member_loss(network: SupplyNetwork, limits: Limits, horizon: Horizon, flows: Flows) -> pd.DataFrame:
    """Loss by member and item (tier or `stock`): tonnes and discounted USD over the reported months.

    V_m = sum over demands and months of delta^t v u  +  sum over stockpiles of W max(0, s0 - s_end). A demand without
    a stated value counts in tonnes and makes that item's USD absent (nan) only if some of it is unmet.
    """
    rows = []
    months = horizon.reported
    weight = discount(network, horizon.months)[:months]
    demands, piles = network.demands, network.stockpiles
    terminal = network.assumption("terminal_share")
    for member in network.members:
        for tier in ("defence", "essential", "general"):
            at = np.flatnonzero(((demands["country"] == member) & (demands["tier"] == tier)).to_numpy())
            if not at.size:
                continue
            unmet = np.where(flows.unmet[at, :months] < 1e-7, 0.0, flows.unmet[at, :months])
            value = demands["value_usd"].to_numpy(dtype=float)[at]
            usd = np.where(unmet.sum(1) > 0, value * (unmet @ weight), 0.0)
            rows.append({"member": member, "item": tier, "tonnes": float(unmet.sum()), "usd": float(usd.sum())})
        at = np.flatnonzero((piles["country"] == member).to_numpy())
        missing = np.maximum(piles["s0"].to_numpy()[at] - flows.stock[at, -1], 0.0)
        missing = np.where(missing < 1e-6 * np.maximum(piles["s0"].to_numpy()[at], 1.0), 0.0, missing)
        price = piles["replacement_usd"].to_numpy(dtype=float)[at]
        usd = np.where(missing > 0, price * terminal * missing, 0.0)
        rows.append({"member": member, "item": "stock", "tonnes": float(missing.sum()), "usd": float(usd.sum())})
    return pd.DataFrame(rows, columns=["member", "item", "tonnes", "usd"])


def make_plan(
    way: str,
    network: SupplyNetwork,
    limits: Limits,
    horizon: Horizon,
    flows: Flows,
    stages: Mapping[str, float] | None = None,
) -> Plan:
    """Frames of one way over the reported months (tail months are never reported)."""
    t = horizon.reported
    months = np.arange(1, t + 1)

    def long(frame: pd.DataFrame, columns: dict[str, str], values: np.ndarray, **more: np.ndarray) -> pd.DataFrame:
        # Origin classes of one thing are one row: they differ inside the plan, not for whoever ships it.
        labels = frame[list(columns.values())].set_axis(list(columns), axis=1)
        group = _numbered(labels)
        first = np.unique(group, return_index=True)[1]
        n = len(first)
        total = np.zeros((n, t))
        np.add.at(total, group, values[:, :t])
        made = labels.iloc[np.repeat(first, t)].reset_index(drop=True)
        # The solver keeps zero to 1e-7; a quantity a hair below it is none.
        tonnes = np.where(np.abs(total) < 1e-9, 0.0, total).ravel()
        sums = {name: np.repeat(np.bincount(group, extra, n), t) for name, extra in more.items()}
        return made.assign(month=np.tile(months, n), tonnes=tonnes, **sums)

    demands = network.demands[network.demands["is_member"].to_numpy(dtype=bool)]
    unmet = long(
        demands,
        {"member": "country", "product": "commodity", "end_use": "end_use", "tier": "tier", "chain": "chain"},
        np.where(flows.unmet[demands.index] < 1e-7, 0.0, flows.unmet[demands.index]),
    )
    acts = network.activities.assign(
        site_label=network.sites["site"].to_numpy()[network.activities["site"]],
        country=network.sites["country"].to_numpy()[network.activities["site"]],
        chain=network.sites["chain"].to_numpy()[network.activities["site"]],
    )
    real = np.flatnonzero(
        (network.sites["kind"] != ORIGIN_KIND).to_numpy()[network.activities["site"].to_numpy(dtype=int)]
    )
    acts = acts.iloc[real]
    route_columns = {"commodity": "commodity", "origin": "origin", "destination": "destination", "chain": "chain"}
    return Plan(
        way=way,
        status="simulated" if way == "unaided" else "optimal",
        unmet=unmet,
        flows=long(network.routes, route_columns, flows.shipment, base=network.routes["y0"].to_numpy()),
        activity=long(acts, {"site": "site_label", "recipe": "recipe", "country": "country", "chain": "chain"},
                      flows.activity[real], base=acts["x0"].to_numpy()),
        stock=long(network.stockpiles, {"holder": "holder", "country": "country", "commodity": "commodity", "chain": "chain"},
                   flows.stock, start=network.stockpiles["s0"].to_numpy()),
        waste=long(network.nodes, {"commodity": "commodity", "country": "country", "chain": "chain"}, flows.waste),
        loss=member_loss(network, limits, horizon, flows).assign(chain=network.chains[0] if network.chains else ""),
        stages=dict(stages or {}),
    )  # fmt: skip


def _numbered(labels: pd.DataFrame) -> np.ndarray:
    """Rows with the same labels share a number; numbers follow the order of first appearance."""
    codes = np.zeros(len(labels), dtype=np.int64)
    for name in labels:
        own, kinds = pd.factorize(labels[name], use_na_sentinel=False)
        codes = codes * max(len(kinds), 1) + own
        codes = pd.factorize(codes)[0]
    return codes


def joined(plans: list[Plan]) -> Plan:
    """Plans of several chains as one; losses add up."""
    first = plans[0]
    stack = {
        name: pd.concat([getattr(plan, name) for plan in plans], ignore_index=True)
        for name in ("unmet", "flows", "activity", "stock", "waste", "loss")
    }
    stages = {f"{plan.loss['chain'].iloc[0]}: {key}": value for plan in plans for key, value in plan.stages.items()}
    return Plan(first.way, first.status, stages=stages, warnings=tuple(w for p in plans for w in p.warnings), **stack)
