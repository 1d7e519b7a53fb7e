"""What the checks look at: a world, the network built from it, and its base-year flows by node."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

import pandas as pd

from orebridge.build.chain import process_months
from orebridge.build.tables import ChainTables, Node, WorldTables
from orebridge.network import SupplyNetwork
from orebridge.world import World


class Run(NamedTuple):
    """An activity of the base year (or one that may run): coefficients by node."""

    label: str
    site: int
    x0: float
    terms: dict[Node, float]


class Route(NamedTuple):
    """A route with its base-year tonnes per month, months and days."""

    origin: Node
    destination: Node
    y0: float
    lag: int
    days: float


def texts(frame: pd.DataFrame, column: str) -> list[str]:
    """A column as strings."""
    return [str(cell) for cell in frame[column].tolist()]


def numbers(frame: pd.DataFrame, column: str) -> list[float]:
    """A column as floats."""
    return cast(list[float], frame[column].to_numpy(dtype=float).tolist())


def positions(frame: pd.DataFrame, column: str) -> list[int]:
    """A column of positions in another frame."""
    return cast(list[int], frame[column].to_numpy(dtype="int64").tolist())


@dataclass(frozen=True)
class View:
    """A world and a network of some of its chains."""

    world: World
    network: SupplyNetwork

    @cached_property
    def tables(self) -> WorldTables:
        """Indexed rows of the world."""
        return WorldTables(self.world)

    @cached_property
    def chains(self) -> dict[str, ChainTables]:
        """Indexed rows of each chain of the network."""
        return {chain: ChainTables(self.tables, chain) for chain in self.network.chains}

    @cached_property
    def nodes(self) -> list[Node]:
        """(commodity, country) of each node."""
        frame = self.network.nodes
        return list(zip(texts(frame, "commodity"), texts(frame, "country"), strict=True))

    @cached_property
    def runs(self) -> list[Run]:
        """Activities with their terms."""
        frame, terms = self.network.activities, self.network.terms
        own: list[dict[Node, float]] = [{} for _ in range(len(frame))]
        for activity, node, value in zip(
            positions(terms, "activity"), positions(terms, "node"), numbers(terms, "coefficient"), strict=True
        ):
            own[activity][self.nodes[node]] = value
        columns = texts(frame, "activity"), positions(frame, "site"), numbers(frame, "x0")
        return [Run(label, site, x0, own[i]) for i, (label, site, x0) in enumerate(zip(*columns, strict=True))]

    @cached_property
    def routes(self) -> list[Route]:
        """Routes, candidates among them (base tonnes 0)."""
        frame = self.network.routes
        return [
            Route(self.nodes[a], self.nodes[b], y0, lag, days)
            for a, b, y0, lag, days in zip(
                positions(frame, "from_node"), positions(frame, "to_node"), numbers(frame, "y0"),
                positions(frame, "lag"), numbers(frame, "days"), strict=True,
            )
        ]  # fmt: skip

    @cached_property
    def makers(self) -> dict[Node, list[tuple[Run, float]]]:
        """Node -> activities that make it in the base year, with t per month."""
        found: dict[Node, list[tuple[Run, float]]] = defaultdict(list)
        for run in self.runs:
            for node, value in run.terms.items():
                if value > 0 and run.x0 > 0:
                    found[node].append((run, value * run.x0))
        return found

    @cached_property
    def arrivals(self) -> dict[Node, list[Route]]:
        """Node -> routes that bring it something in the base year."""
        found: dict[Node, list[Route]] = defaultdict(list)
        for route in self.routes:
            if route.y0 > 0:
                found[route.destination].append(route)
        return found

    @cached_property
    def process_of(self) -> list[str]:
        """Process of each site, by its position."""
        return texts(self.network.sites, "process")

    def process_time(self, chain: str) -> dict[str, tuple[int, float]]:
        """Process -> (months in the model, days stated)."""
        days = {row["process"]: row.value for row in self.world.rows("process_days")}
        return {process: (months, days[process]) for process, months in process_months(self.chains[chain]).items()}


def at(node: Node) -> str:
    """The label of a node."""
    return f"{node[0]}@{node[1]}"
