"""Hazards: what may happen, how likely, how long and how hard, read from the tables and tried on a network.

Table `hazards` says what each hazard hits; table `shock_distributions` holds the figures, by hazard, by kind of hazard
or for all, the most specific row winning. A hazard that names something the network does not have is refused; one that
names real things but hits nothing there (another member, other chains) is left out and said so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from orebridge.errors import ShockError, TableErrors, TouchesNothing, UnknownLabel
from orebridge.network import SupplyNetwork
from orebridge.shocks import MAX_MONTHS, Shock, effects_of, parse_shock
from orebridge.world import Fact, World

#: Parameters drawn for a shock of each kind.
DRAWN = {
    "ban": ("length", "severity", "leakage"),
    "licence": ("length", "severity", "leakage", "delay"),
    "outage": ("length", "severity"),
    "chokepoint": ("length", "severity"),
    "surge": ("length", "severity"),
}
#: Columns of the table `hazards` that a kind needs; of several in one tuple, at least one.
NEEDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ban": (("origin",), ("commodities",)),
    "licence": (("origin",), ("commodities",)),
    "outage": (("countries", "processes", "sites"),),
    "chokepoint": (("passage",),),
    "surge": (("commodities",),),
}
MEMBERS = "members"
ANYWHERE = "2000-01"  # drawn shocks are offsets, so the calendar does not matter


@dataclass(frozen=True)
class Parameter:
    """One figure of a hazard: most likely value and range, with how it is known and where it stands."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    source: str
    confidence: str
    place: str
    scope: str
    note: str = ""


@dataclass(frozen=True)
class Hazard:
    """Something that may happen to a network of certain members."""

    name: str
    label: str
    kind: str
    group: str
    place: str
    keys: Mapping[str, object]
    parameters: Mapping[str, Parameter]
    #: Chains in which it limits something that flows in the base year.
    chains: tuple[str, ...] = ()

    @property
    def probability(self) -> float:
        """Chance per year that it begins."""
        return self.parameters["probability"].value

    @property
    def correlation(self) -> float:
        """Share of its propensity that it has in common with its group."""
        return self.parameters["correlation"].value

    def toml(self, start: int, drawn: Mapping[str, float], source: str) -> str:
        """The shock as a TOML file would state it: `start` in months, `drawn` by parameter.

        What severity means depends on the kind: share cut, share without a licence, share standing still, share held
        up, or rise of demand.
        """
        severity = drawn["severity"]
        figures: dict[str, float] = {}
        if self.kind == "ban":
            figures = {"cut": severity, "leak": drawn["leakage"]}
        elif self.kind == "licence":
            figures = {
                "granted": 1.0 - severity,
                "leak": drawn["leakage"],
                "delay_months": float(round_months(drawn["delay"])),
            }
        elif self.kind in ("outage", "chokepoint"):
            figures = {"remaining": 1.0 - severity}
        else:
            figures = {"factor": 1.0 + severity}
        lines = [f"title = {_quoted(self.label)}", f"source = {_quoted(source)}", "", "[[event]]"]
        lines += [f"kind = {_quoted(self.kind)}", f"start = {start}", f"months = {round_months(drawn['length'])}"]
        lines += [f"{key} = {_written(value)}" for key, value in self.keys.items()]
        lines += [f"{key} = {value!r}" for key, value in figures.items()]
        return "\n".join(lines) + "\n"

    def shock(self, start: int, drawn: Mapping[str, float], source: str) -> Shock:
        """The shock, read and checked as if it came from a file."""
        return parse_shock(self.toml(start, drawn, source), f"{self.name}.toml")


@dataclass(frozen=True)
class Hazards:
    """The hazards that can touch the chosen chains, and why others are left out."""

    items: tuple[Hazard, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Hazard:
        for item in self.items:
            if item.name == name:
                return item
        raise UnknownLabel(f"no hazard {name!r}; there are {', '.join(item.name for item in self.items)}.")

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, each once, sorted."""
        return tuple(sorted({item.group for item in self.items}))


def round_months(months: float) -> int:
    """Whole months, at least one, at most what a shock may last (half a month counts up).

    >>> round_months(0.2), round_months(2.5)
    (1, 3)
    """
    return min(max(1, math.floor(months + 0.5)), MAX_MONTHS)


def hazards_of(world: World, network: SupplyNetwork, chains: Sequence[str] = ()) -> Hazards:
    """The hazards of a world for a network of its members, limited to those that touch `chains` (default: all).

    Raises TableErrors listing every row that is incomplete, and ShockError where a name is not in the network.
    """
    wanted = tuple(chains) or network.chains
    for chain in wanted:
        if chain not in network.chains:
            raise UnknownLabel(f"no chain {chain!r} in this network; there are {', '.join(network.chains)}.")
    records = world.records("hazards")
    if not records:
        raise UnknownLabel("the tables hold no hazards, so nothing can be drawn; add rows to hazards.csv.")
    figures = _figures(world)
    read, faults = [], []
    for record in records:
        hazard, wrong = _hazard(record, figures, network.members)
        faults += wrong
        read.append(hazard)
    if faults:
        raise TableErrors(faults)
    items, left_out = [], {}
    base = BaseYear(network)
    for hazard in sorted(read, key=lambda item: item.name):
        try:
            touched = _touches(hazard, network, base)
        except TouchesNothing:
            left_out[hazard.name] = "touches nothing in this network (members, trade or sites it names are not there)"
            continue
        except ShockError as error:
            raise ShockError(f"{hazard.place} ({hazard.name}): {error}") from error
        own = tuple(chain for chain in wanted if chain in touched)
        if own:
            items.append(Hazard(**{**hazard.__dict__, "chains": own}))
        else:
            left_out[hazard.name] = "touches only other chains, or nothing that flows in the base year"
    if not items:
        raise UnknownLabel(f"no hazard touches {', '.join(wanted)}; add rows to hazards.csv, or choose other chains.")
    return Hazards(tuple(items), left_out)


class BaseYear:
    """What flows in the base year, to see which effects cut into it."""

    def __init__(self, network: SupplyNetwork) -> None:
        def column(table: str, label: str, name: str) -> dict[str, float]:
            frame = getattr(network, table)
            return dict(zip(frame[label].tolist(), frame[name].astype(float).tolist(), strict=True))

        self._y0 = column("routes", "route", "y0")
        self._base, self._capacity = column("sites", "site", "base"), column("sites", "site", "capacity")
        self._use = column("demands", "demand", "D")
        self.chain: dict[str, str] = {}
        for table, label in (
            ("routes", "route"),
            ("sites", "site"),
            ("demands", "demand"),
            ("stockpiles", "stockpile"),
        ):
            frame = getattr(network, table)
            self.chain |= dict(zip(frame[label].tolist(), frame["chain"].tolist(), strict=True))

    def cut(self, frame: pd.DataFrame) -> pd.Series:
        """Tonnes by which each effect cuts into the base year (row by row of `Effects.frame`).

        Shipments below base, capacity below what the site makes, demand above base. Where all are 0 the base-year plan
        is still possible, so nothing is lost.
        """
        kind, value, name = frame["field"], frame["value"], frame["component"]
        less = (1.0 - value).clip(lower=0.0) * name.map(self._y0)
        base = name.map(self._base)
        stop = (base - value * name.map(self._capacity)).where(lambda gap: gap > 1e-12 * base, 0.0)
        rise = (value - 1.0).clip(lower=0.0) * name.map(self._use)
        result = less.where(kind == "shipment_share", 0.0)
        result = result + stop.where(kind == "capacity_share", 0.0) + rise.where(kind == "demand_factor", 0.0)
        return result.astype(float)


def _touches(hazard: Hazard, network: SupplyNetwork, base: BaseYear) -> set[str]:
    """Chains in which the hazard, at its most likely, cuts into the base year (its delay over, at its hardest)."""
    hardest = {name: item.value for name, item in hazard.parameters.items() if name in DRAWN[hazard.kind]}
    hardest |= {"severity": hazard.parameters["severity"].high, "length": 1.0}
    for name in ("leakage", "delay"):
        if name in hardest:
            hardest[name] = hazard.parameters[name].low
    effects = effects_of([hazard.shock(0, hardest, "trial")], network, 1, ANYWHERE)
    frame = effects.frame[base.cut(effects.frame) > 0.0]
    return {base.chain[name] for name in frame["component"]}


def _figures(world: World) -> dict[tuple[str, str], Fact]:
    return {(row["hazard"], row["parameter"]): row for row in world.rows("shock_distributions")}


def _hazard(
    record: Mapping[str, str], figures: Mapping[tuple[str, str], Fact], members: Sequence[str]
) -> tuple[Hazard, list[str]]:
    place = f"{record['file']}:{record['line']}"
    kind, name = record["kind"], record["hazard"]
    faults = []
    if name in DRAWN:
        faults.append(f"{place} hazard: {name!r} is a kind of hazard; give it a name of its own.")
    for choice in NEEDS[kind]:
        if not any(record[column] for column in choice):
            faults.append(f"{place} {choice[0]}: kind {kind} needs {' or '.join(choice)}.")
    parameters = {}
    for parameter in ("probability", "correlation", *DRAWN[kind]):
        scopes = [scope for scope in (name, kind, "*") if (scope, parameter) in figures]
        if not scopes:
            faults.append(f"{place} hazard: no row of shock_distributions states the {parameter} of {name}; add one.")
            continue
        row = figures[scopes[0], parameter]
        low = row.value if math.isnan(row.low) else row.low
        high = row.value if math.isnan(row.high) else row.high
        parameters[parameter] = Parameter(
            parameter, row.value, low, high, row.unit, row.source, row.confidence, row.place, scopes[0], row.note
        )
    keys: dict[str, object] = {key: record[key] for key in ("origin", "passage") if record[key]}
    for key in ("to", "commodities", "countries", "processes", "sites"):
        if record[key] == MEMBERS:
            keys[key] = [member for member in members if member != record["origin"]]
        elif record[key]:
            keys[key] = [part.strip() for part in record[key].split(";")]
    if record["liability_stages"]:
        stages = record["liability_stages"]
        keys["liability_stages"] = stages if stages == "all" else int(stages)
    return Hazard(name, record["label"], kind, record["group"], place, keys, parameters), faults


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _written(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_quoted(str(item)) for item in value) + "]"
    return str(value) if isinstance(value, int) else _quoted(str(value))
