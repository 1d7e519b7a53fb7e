"""The schema of the tables, itself a table (`data/attributes.csv`), read by code and documentation alike."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

# What a fact table's `value` measures; see `units.conversion` for the units and bases each kind accepts.
VALUE_KIND = {
    "demand": "flow", "flows": "flow", "consumption": "flow", "embodied": "flow", "stocks": "stock", "trade": "gross flow",
    "capacities": "activity", "production": "activity", "hosts": "activity", "projects": "activity",
    "contents": "rate", "recipe_terms": "rate", "trade_factors": "rate", "host_rates": "rate",
    "process_days": "days", "stock_days": "days", "transit": "days", "qualifications": "months",
    "quoted_lead_times": "months", "stock_rules": "limit",
    "accepted_shares": "share", "recipe_mix": "share", "tiers": "share", "tariffs": "share", "baskets": "share",
    "values": "loss value", "prices": "price", "limits": "limit", "assumptions": "parameter",
    "project_support": "money", "facilities": "stated", "fix_costs": "fix cost", "shock_distributions": "parameter",
    "world_production": "published flow", "mineral_trade": "published flow", "mineral_exports": "published flow",
    "supply_outlook": "published flow", "demand_outlook": "published flow", "reserves": "published stock",
    "governance": "stated", "development": "stated", "trade_parameters": "stated", "published_criticality": "stated", "import_reliance": "share",
    "companion_shares": "share", "shock_probabilities": "share",
}  # fmt: skip


#: Tables that only the ranking of minerals reads; a network needs none of them.
RANKING_TABLES = frozenset({
    "minerals", "mineral_codes", "world_production", "mineral_trade", "mineral_exports", "governance", "development",
    "import_reliance", "reserves", "companion_shares", "published_criticality", "supply_outlook", "demand_outlook",
    "shock_probabilities", "trade_parameters",
})  # fmt: skip

#: Tables that only the drawing of shocks reads (`orebridge simulate`).
DRAW_TABLES = frozenset({"hazards", "shock_distributions"})

#: Tables that only the search for the cheapest fixes reads (`orebridge redteam`).
FIX_TABLES = frozenset({"fix_costs"})


@dataclass(frozen=True)
class Attribute:
    """One column of one table."""

    table: str
    name: str
    type: str
    required: bool
    default: str
    key: bool
    description: str

    @property
    def choices(self) -> tuple[str, ...]:
        """Allowed words of an enumeration or of a list of words, else empty."""
        return tuple(self.type[5:].split("|")) if self.type.startswith(("enum:", "list:")) else ()


@cache
def schema() -> dict[str, dict[str, Attribute]]:
    """Tables and their attributes; fact tables include the attributes every fact has."""
    text = (resources.files("orebridge") / "data" / "attributes.csv").read_text(encoding="utf-8")
    tables: dict[str, dict[str, Attribute]] = {}
    for row in csv.DictReader(text.splitlines()):
        item = Attribute(
            row["table"], row["attribute"], row["type"], row["required"] == "yes", row["default"], row["key"] == "key",
            row["description"],
        )  # fmt: skip
        tables.setdefault(item.table, {})[item.name] = item
    common = tables.pop("*")
    structural = {
        "sources",
        "chains",
        "commodities",
        "processes",
        "recipes",
        "sites",
        "transit_zones",
        "withheld",
        "minerals",
        "mineral_codes",
        "hazards",
    }
    for name, attributes in tables.items():
        if name not in structural:
            for key, attribute in common.items():
                attributes.setdefault(key, attribute)
    return tables


@cache
def network_tables() -> frozenset[str]:
    """The tables a supply network and its plans read: all but those of the ranking, of the draws and of fixes."""
    return frozenset(schema()) - RANKING_TABLES - DRAW_TABLES - FIX_TABLES


def is_fact_table(table: str) -> bool:
    """Whether rows of the table carry a value with unit, basis and range."""
    return "value" in schema()[table]


def keys_of(table: str) -> list[str]:
    """The columns that together name a row."""
    return [name for name, attribute in schema()[table].items() if attribute.key]
