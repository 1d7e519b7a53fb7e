"""What may stand in a cell, what a name may refer to, and which rows contradict each other."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache

from orebridge.errors import UnitError
from orebridge.reading import Row, near
from orebridge.schema import Attribute, is_fact_table, keys_of, schema
from orebridge.units import MIXED_METALS, check_element, finite, parse_formula

NAMED_BY = {
    "sources": "source",
    "chains": "chain",
    "commodities": "commodity",
    "processes": "process",
    "sites": "site",
    "hosts": "host",
    "projects": "project",
    "transit_zones": "zone",
    "hazards": "hazard",
    "minerals": "mineral",
}
# Labels join ids with @ > : # and lists with ; so an id holds none of them, nor anything a spreadsheet would run.
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./+-]*")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x9b\u202a-\u202e\u2066-\u2069]")
NOT_PLACES = {"WLD", "OTH", "ROW", "XXX", "ZZZ"}
Pools = Mapping[str, set[str]]
Place = tuple[str, str]


def check_rows(rows: Mapping[str, list[Row]]) -> tuple[list[str], set[Place]]:
    """Faults in cells, references and keys of a whole world, and the (file, line) of the rows with a wrong cell."""
    faults: list[str] = []
    spoiled: set[Place] = set()
    pools: Pools = {name: {row.get(key, "") for row in rows.get(name, [])} for name, key in NAMED_BY.items()}
    for table, items in rows.items():
        for column, attribute in schema()[table].items():
            cells = {row.get(column, "") for row in items}
            judged = {cell: _cell_fault(cell, attribute, pools) for cell in cells}
            wrong = {cell: fault for cell, fault in judged.items() if fault}
            for row in items if wrong else []:
                fault = wrong.get(row.get(column, ""), "")
                # A column that is missing altogether is reported once, at the header.
                if fault and (column in row or attribute.key):
                    faults.append(f"{row['file']}:{row['line']} {column}: {fault}")
                if fault:
                    spoiled.add((row["file"], row["line"]))
        faults += _key_faults(table, items)
    return faults, spoiled


def _cell_fault(cell: str, attribute: Attribute, pools: Pools) -> str:
    if not cell:
        if attribute.required and not attribute.default:
            return f"is empty; state it ({attribute.description or attribute.name})."
        return ""
    if CONTROL.search(cell):
        return f"{shown(cell)} holds control characters; type the text anew."
    kind, _, detail = attribute.type.partition(":")
    if kind == "ref":
        table = detail.partition(".")[0]
        return _reference_fault(cell, table, pools[table])
    if kind == "source":
        return _reference_fault(cell, "sources", pools["sources"])
    if kind == "enum":
        return _word_fault(cell, attribute.choices)
    if kind == "list":
        return next(filter(None, (_word_fault(part, attribute.choices) for part in cell.split(";"))), "")
    return _plain_fault(cell, kind, pools)


def _plain_fault(cell: str, kind: str, pools: Pools) -> str:
    """Faults of cells whose type needs no list of words from the schema."""
    if kind == "number":
        return _number_fault(cell)
    if kind == "bool" and cell not in ("yes", "no"):
        return f"{shown(cell)} is neither yes nor no."
    if kind == "id" and not ID.fullmatch(cell):
        return f"{shown(cell)} cannot be an id; use letters, digits and _ . / + - only."
    if kind == "hs" and not re.fullmatch(r"\d{6}", cell):
        return f"{shown(cell)} is not a six-digit HS code; keep leading zeros."
    if kind == "table" and cell not in schema():
        return f"no table is called {shown(cell)}{near(cell, schema())}; correct the name."
    if kind in ("country", "country_or_any"):
        return "" if kind == "country_or_any" and cell == "*" else country_fault(cell)
    if kind == "countries" or (kind == "places" and cell != "members"):
        return next(filter(None, (country_fault(part) for part in cell.split(";"))), "")
    if kind == "hazard_scope":
        known = {*pools["hazards"], *schema()["hazards"]["kind"].choices, "*"}
        return (
            "" if cell in known else f"{shown(cell)} is no hazard, kind of hazard or *{near(cell, known)}; correct it."
        )
    # `other` stands for every country without a row in transit_zones.
    if kind == "country_or_zone" and cell not in pools["transit_zones"] | {"other"} and cell not in countries():
        return (
            f"{shown(cell)} is neither a zone of transit_zones.csv nor a country{near(cell, pools['transit_zones'])}."
        )
    if kind == "scope":  # of a rule: one commodity, one chain, or all
        known = pools["commodities"] | pools["chains"] | {"*"}
        return "" if cell in known else f"{shown(cell)} is no commodity, chain or *{near(cell, known)}; correct it."
    try:
        if kind == "element" and cell not in MIXED_METALS:
            check_element(cell)
        if kind == "formula" and cell.removesuffix("O") not in MIXED_METALS:
            parse_formula(cell)
    except UnitError as error:
        return str(error)
    return ""


def shown(cell: str) -> str:
    """A cell as quoted in a message: escaped, and cut if it is long."""
    text = cell if len(cell) <= 60 else cell[:57] + "..."
    return ascii(text) if CONTROL.search(text) else repr(text)


def _number_fault(cell: str) -> str:
    try:
        finite(cell)
    except ValueError:
        return f"{shown(cell)} is not a number; write digits with a point and no separators."
    return ""


def _word_fault(cell: str, choices: tuple[str, ...]) -> str:
    if cell in choices:
        return ""
    return f"{shown(cell)} is not one of {', '.join(choices)}{near(cell, choices)}."


def _reference_fault(cell: str, table: str, pool: set[str]) -> str:
    if cell in pool:
        return ""
    return f"{shown(cell)} is not in {table}.csv{near(cell, pool)}; add it there or correct the name."


@cache
def countries() -> dict[str, str]:
    """ISO 3166 alpha-3 codes and English names."""
    import pycountry

    return {country.alpha_3: country.name for country in pycountry.countries}


def country_fault(cell: str) -> str:
    """Why a cell is no country, with the code of the nearest name; empty if it is one."""
    if cell in NOT_PLACES:
        return (
            f"{cell} is not a country; a sum over countries is never a place, state real countries. Small ones may be left "
            "out of sites and demand: the network gathers those that only trade as OTH and lists them."
        )
    if cell in countries():
        return ""
    codes = {name.casefold(): code for code, name in countries().items()}
    import difflib

    close = difflib.get_close_matches(cell.casefold(), codes, n=1, cutoff=0.6)
    hint = f" (nearest: {codes[close[0]]})" if close else near(cell.upper(), countries())
    return f"{shown(cell)} is not an ISO 3166 alpha-3 code{hint}; write three capitals such as JPN."


def _key_faults(table: str, items: Iterable[Row]) -> list[str]:
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    keys = keys_of(table)
    for row in items:
        groups[tuple(row.get(key, "") for key in keys)].append(row)
    faults = []
    for key, same in groups.items():
        if len(same) < 2:
            continue
        where = " and ".join(f"{row['file']}:{row['line']}" for row in same)
        name = ", ".join(key)
        if not is_fact_table(table):
            faults.append(f"{where}: {name} stands twice in {table}; keep one row.")
        elif sum(row.get("preferred") == "yes" for row in same) != 1:
            faults.append(f"{where}: {table} states {name} {len(same)} times; mark exactly one row preferred=yes.")
    return faults


def check_structure(rows: Mapping[str, list[Row]]) -> list[str]:
    """Faults between tables that no single cell shows: recipes, the sites that run them, elements of commodities."""
    faults = []
    recipes = {(row.get("process", ""), row.get("recipe", "")) for row in rows.get("recipes", [])}
    terms = {(row.get("process", ""), row.get("recipe", "")) for row in rows.get("recipe_terms", [])}
    process_of = {row.get("site", ""): row.get("process", "") for row in rows.get("sites", [])}
    for row in rows.get("recipes", []):
        process, recipe = row.get("process", ""), row.get("recipe", "")
        if (process, recipe) not in terms:
            faults.append(_at(row, "recipe", f"{process}/{recipe} has no rows in recipe_terms.csv; add its inputs."))
    for table in ("recipe_terms", "qualifications", "accepted_shares"):
        for row in rows.get(table, []):
            if (row.get("process", ""), row.get("recipe", "")) not in recipes:
                name = f"{row.get('process')}/{row.get('recipe')}"
                faults.append(_at(row, "recipe", f"{name} is not in recipes.csv; add it there or correct the name."))
    with_recipe = {process for process, _ in recipes}
    for row in rows.get("processes", []):
        if row.get("process", "") not in with_recipe:
            faults.append(_at(row, "process", f"{row.get('process')} has no recipe in recipes.csv; add one."))
    for row in rows.get("sites", []):
        for recipe in filter(None, row.get("recipes", "").split(";")):
            if (row.get("process", ""), recipe) not in recipes:
                faults.append(_at(row, "recipes", f"{row.get('process')} has no recipe {recipe!r}; correct the name."))
    for row in rows.get("recipe_mix", []):
        process = process_of.get(row.get("site", ""), "")
        if process and (process, row.get("recipe", "")) not in recipes:
            faults.append(_at(row, "recipe", f"{process} has no recipe {row.get('recipe')!r}; correct the name."))
    for row in rows.get("commodities", []):
        if row.get("mass") == "element" and not row.get("element"):
            faults.append(_at(row, "element", "is empty; a commodity counted in element needs its symbol."))
    return faults


def _at(row: Row, column: str, text: str) -> str:
    return f"{row['file']}:{row['line']} {column}: {text}"
