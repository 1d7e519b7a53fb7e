"""The supply network: frozen frames of nodes, sites, routes, stockpiles and demands with their base-year flows.

All quantities are tonnes per month of the commodity as it is counted (contained element or product). The columns of
each frame are listed in docs/architecture.md. A network that does not balance in its base year cannot be built.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from orebridge.errors import NetworkError, UnknownLabel

OTHERS = "OTH"
#: Columns in which a figure may be unknown; the ranges have none on the pseudo-activities of origin classes.
UNKNOWN = [
    "replacement_usd", "value_usd", "value_low_usd", "value_high_usd",
    "opens_low", "opens_high", "accepted_low", "accepted_high",
]  # fmt: skip
ORIGIN_KIND = "origin"  # kind of the pseudo-sites through which material of free origin goes into common use (trace.py)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Assumption:
    """A parameter nobody publishes: value with range, unit, source and note."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    source: str
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """Something an analyst should know about the tables or the network: what, where and the repair."""

    severity: str
    place: str
    what: str
    repair: str


@dataclass(frozen=True)
class SupplyNetwork:
    """Commodities' nodes, sites with their recipes, routes, stockpiles and demands, with the base year on them."""

    members: tuple[str, ...]
    base_year: int
    chains: tuple[str, ...]
    nodes: pd.DataFrame
    sites: pd.DataFrame
    activities: pd.DataFrame
    terms: pd.DataFrame
    routes: pd.DataFrame
    stockpiles: pd.DataFrame
    demands: pd.DataFrame
    assumptions: Mapping[str, Assumption]
    regions: Mapping[str, tuple[str, ...]]
    provenance: pd.DataFrame
    adjustments: pd.DataFrame
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        for name, column in (
            ("nodes", "node"),
            ("sites", "site"),
            ("activities", "activity"),
            ("routes", "route"),
            ("stockpiles", "stockpile"),
            ("demands", "demand"),
        ):
            frame = getattr(self, name)
            twice = frame[column][frame[column].duplicated()]
            if len(twice):
                raise NetworkError(f"{name}: {twice.iloc[0]!r} stands twice; labels must be unique.")
            numbers = frame.select_dtypes("number").drop(columns=UNKNOWN, errors="ignore")
            bad = numbers.isna().any(axis=1) | (numbers < 0).any(axis=1)
            if bad.any():
                row = numbers[bad].iloc[0]
                where = row.index[(row.isna() | (row < 0)).to_numpy()][0]
                raise NetworkError(f"{name}: {frame[column][bad].iloc[0]} has {where} = {row[where]}; check its rows.")
        gap = self.imbalance()
        use = self.throughput()
        # Beside the node's own size, the network's: the difference of large figures is rounded to their last digit.
        scale = use + 1e-6 * (1.0 + use.max(initial=0.0))
        worst = int(np.argmax(np.abs(gap) / scale)) if len(gap) else -1
        if worst >= 0 and abs(gap[worst]) > 1e-7 * scale[worst]:
            raise NetworkError(
                f"the base year does not balance at {self.nodes['node'].iloc[worst]}: "
                f"{gap[worst]:+.6g} t per month; supply and use must be equal."
            )

    def imbalance(self) -> Floats:
        """Base-year supply less use at each node, t per month (0 where the network is sound)."""
        gap = np.zeros(len(self.nodes))
        flow = self.activities["x0"].to_numpy()[self.terms["activity"]] * self.terms["coefficient"].to_numpy()
        np.add.at(gap, self.terms["node"].to_numpy(), flow)
        np.add.at(gap, self.routes["to_node"].to_numpy(), self.routes["y0"].to_numpy())
        np.add.at(gap, self.routes["from_node"].to_numpy(), -self.routes["y0"].to_numpy())
        served = (self.demands["D"] - self.demands["unmet0"]).to_numpy()
        np.add.at(gap, self.demands["node"].to_numpy(), -served)
        gap -= self.nodes["waste0"].to_numpy(dtype=float)
        return gap

    def throughput(self) -> Floats:
        """Base-year use of each node (inputs, shipments out, demand, waste), t per month."""
        use = self.nodes["waste0"].to_numpy(dtype=float).copy()
        flow = self.activities["x0"].to_numpy()[self.terms["activity"]] * self.terms["coefficient"].to_numpy()
        np.add.at(use, self.terms["node"].to_numpy(), np.maximum(-flow, 0.0))
        np.add.at(use, self.routes["from_node"].to_numpy(), self.routes["y0"].to_numpy())
        np.add.at(use, self.demands["node"].to_numpy(), (self.demands["D"] - self.demands["unmet0"]).to_numpy())
        return use

    def assumption(self, name: str) -> float:
        """Value of an assumption; raises UnknownLabel."""
        if name not in self.assumptions:
            raise UnknownLabel(f"no assumption {name!r}; there are {', '.join(sorted(self.assumptions))}.")
        return self.assumptions[name].value

    def assume(self, name: str, value: float) -> SupplyNetwork:
        """The same network with one assumption changed."""
        self.assumption(name)
        changed = dict(self.assumptions)
        changed[name] = replace(changed[name], value=value)
        return replace(self, assumptions=changed)

    def subset(self, chains: Iterable[str]) -> SupplyNetwork:
        """Only the given chains; raises UnknownLabel."""
        wanted = tuple(chains)
        for chain in wanted:
            if chain not in self.chains:
                raise UnknownLabel(f"no chain {chain!r} in this network; there are {', '.join(self.chains)}.")
        node_keep = self.nodes["chain"].isin(wanted).to_numpy()
        site_keep = self.sites["chain"].isin(wanted).to_numpy()
        node_at, site_at = np.cumsum(node_keep) - 1, np.cumsum(site_keep) - 1
        activity_keep = site_keep[self.activities["site"].to_numpy()] if len(self.activities) else np.zeros(0, bool)
        activity_at = np.cumsum(activity_keep) - 1
        activities = self.activities[activity_keep].reset_index(drop=True)
        activities["site"] = site_at[activities["site"].to_numpy()]
        terms = self.terms[activity_keep[self.terms["activity"].to_numpy()]].reset_index(drop=True)
        terms["activity"] = activity_at[terms["activity"].to_numpy()]
        terms["node"] = node_at[terms["node"].to_numpy()]

        def picked(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
            part: pd.DataFrame = frame[node_keep[frame[columns[0]].to_numpy()]].reset_index(drop=True)
            for column in columns:
                part[column] = node_at[part[column].to_numpy()]
            return part

        return replace(
            self,
            chains=wanted,
            nodes=self.nodes[node_keep].reset_index(drop=True),
            sites=self.sites[site_keep].reset_index(drop=True),
            activities=activities,
            terms=terms,
            routes=picked(self.routes, "from_node", "to_node"),
            stockpiles=picked(self.stockpiles, "node"),
            demands=picked(self.demands, "node"),
            regions={key: value for key, value in self.regions.items() if key in wanted},
        )

    @property
    def unseen(self) -> tuple[str, ...]:
        """Members of which no use and no site stands here: a loss of theirs would come out as nothing."""
        seen = set(self.demands["country"]) | set(self.sites["country"])
        return tuple(member for member in self.members if member not in seen)

    def refuse_unseen(self) -> None:
        """Raise UnknownLabel for a member of which nothing is known here."""
        if self.unseen:
            raise UnknownLabel(
                f"member {self.unseen[0]}: no use and no site of it stands in the tables, so its loss is unknown, not zero. "
                "Leave it out, or add its demand in tables of your own (--data)."
            )

    def components(self) -> npt.NDArray[np.int64]:
        """Component number of each node: nodes that no activity or route links have different numbers."""
        n = len(self.nodes)
        first = self.terms.groupby("activity")["node"].transform("first").to_numpy()
        ends_a = np.concatenate([self.routes["from_node"].to_numpy(), first])
        ends_b = np.concatenate([self.routes["to_node"].to_numpy(), self.terms["node"].to_numpy()])
        graph = sparse.coo_array((np.ones(len(ends_a)), (ends_a, ends_b)), shape=(n, n))
        return np.asarray(connected_components(graph, directed=False)[1])
