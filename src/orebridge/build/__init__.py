"""From tables to a supply network: one chain at a time, stated figures reconciled, then put on months."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from orebridge.build.chain import MONTH_DAYS, Part, Row, build_chain
from orebridge.build.tables import ChainTables, WorldTables
from orebridge.checking import country_fault
from orebridge.errors import UnknownLabel
from orebridge.network import Assumption, Finding, SupplyNetwork
from orebridge.reading import near
from orebridge.world import World

__all__ = ["BASE_YEAR", "MONTH_DAYS", "build_network"]

BASE_YEAR = 2024
_COLUMNS = {
    "nodes": "node commodity label country chain order:float mass disposal replacement_usd:float waste0:float is_member:bool",
    "sites": "site name process kind chain country owner capacity:float base:float surge:float ramp:float host status",
    "activities": "activity site:int recipe label x0:float opens:int opens_low:int opens_high:int accepted:float "
                  "accepted_low:float accepted_high:float lag:int",
    "terms": "activity:int node:int coefficient:float",
    "routes": "route commodity origin destination chain from_node:int to_node:int lag:int y0:float opens:float "
              "inferred:bool premium_usd:float days:float chokepoints",
    "stockpiles": "stockpile holder country commodity chain node:int s0:float floor:float release:float opens_after:int "
                  "refill:float room:float replacement_usd:float assumed:bool",
    "demands": "demand commodity country chain end_use tier node:int D:float value_usd:float "
               "value_low_usd:float value_high_usd:float unmet0:float is_member:bool",
    "adjustments": "chain what table file line:int source confidence stated:float used:float change:float "
                   "change_share:float weight:float inferred:bool",
}  # fmt: skip
#: Columns that hold positions in another frame, by frame.
_POSITIONS = {
    "activities": {"site": "sites"},
    "terms": {"activity": "activities", "node": "nodes"},
    "routes": {"from_node": "nodes", "to_node": "nodes"},
    "stockpiles": {"node": "nodes"},
    "demands": {"node": "nodes"},
}
_DTYPES = {"": "str", "float": "float64", "int": "int64", "bool": "bool"}


def build_network(
    world: World, members: Iterable[str] = ("USA", "JPN"), chains: Iterable[str] | None = None
) -> SupplyNetwork:
    """The supply network of the chains for the members, with reconciled base-year flows per month.

    Raises UnknownLabel for a member that is no country or a chain that is not in the tables, and NetworkError for nodes
    nothing can balance.

    >>> from orebridge import load_world
    >>> network = build_network(load_world(), ["USA", "JPN"], ["gallium"])
    >>> bool(abs(network.imbalance()).max() < 1e-6)
    True
    """
    alliance = tuple(dict.fromkeys(members))
    for member in alliance:
        if fault := country_fault(member):
            raise UnknownLabel(f"member {fault}")
    known = [row["chain"] for row in world.records("chains")]
    wanted = tuple(known if chains is None else dict.fromkeys(chains))
    for chain in wanted:
        if chain not in known:
            raise UnknownLabel(f"no chain {chain!r} in the tables{near(chain, known)}; there are {', '.join(known)}.")
    tables = WorldTables(world)
    parts = [build_chain(ChainTables(tables, chain), alliance) for chain in wanted]
    frames = {name: _frame(name, parts) for name in _COLUMNS}
    findings: list[Finding] = [finding for part in parts for finding in part.findings]
    return SupplyNetwork(
        members=alliance, base_year=BASE_YEAR, chains=wanted, assumptions=_assumptions(tables),
        regions={part.chain: part.others for part in parts}, findings=tuple(findings),
        provenance=frames["adjustments"][["what", "table", "file", "line", "source", "confidence", "stated"]], **frames,
    )  # fmt: skip


def _assumptions(tables: WorldTables) -> dict[str, Assumption]:
    return {
        name: Assumption(name, row.value, row.low, row.high, row.unit, row.source, row.note)
        for name, row in tables.assumptions.items()
    }


def _frame(name: str, parts: list[Part]) -> pd.DataFrame:
    """One frame of all chains; positions are moved from the chain's own first row to the frame's."""
    rows: list[Row] = []
    start = {target: 0 for target in ("sites", "activities", "nodes")}
    moved = _POSITIONS.get(name, {})
    for part in parts:
        own: list[Row] = getattr(part, name)
        for row in own:
            for column, target in moved.items():
                position = row[column]
                assert isinstance(position, int)
                row[column] = position + start[target]
        rows += own
        for target in start:
            start[target] += len(getattr(part, target))
    columns = dict(word.partition(":")[::2] for word in _COLUMNS[name].split())
    data = {
        column: pd.Series([row[column] for row in rows], dtype=_DTYPES["int" if column in moved else kind])
        for column, kind in columns.items()
    }
    return pd.DataFrame(data)
