"""Vulnerabilities as a result: tables, words and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from orebridge.labels import Labels, country_name, in_words, says_nothing
from orebridge.vulnerabilities.columns import TABLES, table_schema
from orebridge.vulnerabilities.hits import JOINT

if TYPE_CHECKING:
    from orebridge.network import SupplyNetwork
    from orebridge.world import World

SCHEMA_VERSION = "1.0"
WEAK = ("derived", "unverified", "assumed")
PASSAGE_NAMES = {
    "malacca": "the Strait of Malacca", "suez": "the Suez Canal", "bab_el_mandeb": "Bab el-Mandeb",
    "hormuz": "the Strait of Hormuz", "panama": "the Panama Canal", "taiwan_strait": "the Taiwan Strait",
    "cape": "the Cape of Good Hope", "bosphorus": "the Bosphorus",
}  # fmt: skip


@dataclass(frozen=True)
class Vulnerabilities:
    """The answer of `vulnerabilities`.

    `tables` by name: stages, shares, coverage (concentration); contingencies, losses, products (single hits), passages
    (over all chains), pairs, pair_search, pairs_across; survival, survival_demands; traces; host_limits, host_cuts;
    remedies. Columns are described in `columns`. `solves`: plans that had to be found.
    """

    network: SupplyNetwork
    world: World
    asked: tuple[str, ...]
    months: int
    length: int
    way: str
    tables: dict[str, pd.DataFrame]
    solves: int = 0

    @property
    def members(self) -> tuple[str, ...]:
        """The allies."""
        return self.network.members

    @property
    def chains(self) -> tuple[str, ...]:
        """The chains looked at."""
        return self.network.chains

    def worst(self, most: int = 3, kinds: tuple[str, ...] = (), lumps: bool = False) -> pd.DataFrame:
        """The worst single hits by loss with a plan; without `lumps`, sites that stand for several plants are left out."""
        table = self.tables["contingencies"]
        keep = table["planned_usd"] > 0
        if kinds:
            keep &= table["kind"].isin(kinds)
        if not lumps:
            keep &= ~table["lump"]
        return table[keep].sort_values("planned_usd", ascending=False, kind="stable").head(most)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before quoting a figure."""
        adjustments = self.network.adjustments
        used = set(self.network.demands["country"])
        found = [says_nothing(member) for member in self.members if member not in used]
        if len(adjustments):
            weak = float(adjustments["confidence"].isin(WEAK).mean())
            found.append(
                f"{weak:.0%} of the {len(adjustments)} base-year figures used are derived, unverified or assumed."
            )
        survival = self.tables["survival"]
        if len(survival) and (survival["ttr_confidence"] == "assumed").any():
            found.append("Times to recover are assumed by kind of plant, with a range: nobody publishes them by plant.")
        found += [
            "Stocks are assumed days of use where no holding is published; they decide most times to survive.",
            "Values of lost output are assumptions with a wide range: ranks and tonnes are firmer than dollars.",
            "A plan knows the length of a hit from the first month: losses with a plan are the least that planning could reach.",
        ]
        table = self.tables["contingencies"]
        lumps = int((table["lump"] & (table["kind"] == "facility")).sum())
        if lumps:
            found.append(
                f"{lumps} of {int((table['kind'] == 'facility').sum())} facilities stand for several plants of a country: "
                "their failing together is worse than that of any one plant."
            )
        unknown = table.loc[table["planned_usd"].isna() | table["unaided_usd"].isna(), "chain"].unique()
        if len(unknown):
            found.append(
                f"USD are absent where a value of lost output is not stated: {', '.join(unknown)}. See tonnes."
            )
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """The content of vulnerabilities.json (see `schema`); absent figures are null."""
        from orebridge import __version__

        return {
            "schema_version": SCHEMA_VERSION,
            "orebridge_version": __version__,
            "data_version": self.world.version,
            "asked": list(self.asked),
            "members": list(self.members),
            "chains": list(self.chains),
            "base_year": self.network.base_year,
            "months": self.months,
            "length": self.length,
            "way": self.way,
            "units": {
                "t": "metric tonnes: of contained element or of product, as the commodity is counted",
                "usd": "US dollars, losses discounted to the first month",
                "month": "months counted from the first month of the hit; 0: never",
                "share": "0 to 1",
            },
            "warnings": list(self.warnings),
            "tables": {name: _records(frame) for name, frame in self.tables.items()},
        }


def schema(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of vulnerabilities.json with these tables."""
    text, number = {"type": "string"}, {"type": "integer"}
    names = {"type": "array", "items": text}
    properties: dict[str, Any] = {
        "schema_version": {"const": SCHEMA_VERSION}, "orebridge_version": text, "data_version": text, "asked": names,
        "members": names, "chains": names, "base_year": number, "months": number, "length": number,
        "way": {"enum": ["alone", "joint"]}, "units": {"type": "object", "additionalProperties": text}, "warnings": names,
    }  # fmt: skip
    properties["tables"] = {
        "type": "object",
        "properties": {name: table_schema(tuple(map(str, f.columns)), TABLES[name]) for name, f in tables.items()},
        "required": list(tables),
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Orebridge vulnerabilities",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    names = [str(name) for name in frame.columns]
    return [dict(zip(names, map(_plain, row), strict=True)) for row in frame.itertuples(index=False, name=None)]


def _plain(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return str(value)


def hit_words(kind: str, name: str, labels: Labels) -> str:
    """A hit in words.

    >>> hit_words("supplier", "gallium/primary:CHN", Labels({}))
    'China exports no gallium/primary'
    """
    kinds, names = kind.split(JOINT), name.split(JOINT)
    return " and ".join(_words(k, n, labels) for k, n in zip(kinds, names, strict=True))


def _words(kind: str, name: str, labels: Labels) -> str:
    if kind == "supplier":
        commodity, _, country = name.rpartition(":")
        return f"{in_words(country)} exports no {labels.commodity(commodity)}"
    if kind == "route":
        commodity, _, ends = name.rpartition(":")
        origin, _, destination = ends.partition(">")
        return f"{country_name(origin)} to {country_name(destination)}: no {labels.commodity(commodity)}"
    if kind == "chokepoint":
        return f"{PASSAGE_NAMES.get(name, name)} is closed"
    return f"outage of {labels.site(name)}"
