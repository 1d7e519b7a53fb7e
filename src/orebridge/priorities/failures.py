"""Single points of failure: goods of the modelled chains that hang on one facility, one country or one owner."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from orebridge.labels import country_name
from orebridge.world import World

#: A share of stated output at which a country or an owner's country counts as the only one.
SOLE = 0.90


def single_points(world: World, members: Collection[str] = ()) -> pd.DataFrame:
    """`scope, chain, commodity, label, sole, name, share, known` for every good that hangs on one of something, worst first.

    Output of a good by site is the base-year output stated for the site times the output per tonne of activity of its
    process (the mean of its recipes); concentrates of single deposits count as one good. `sole`: facility (one named plant
    makes all that is stated), country or owner (90 % and more). Scope `world` is all output; scope `members` is theirs,
    where it hangs on one facility though the world's does not. Sites that stand for many plants (no operator, or "and
    others") are no facility. A site with several owners counts for each by equal parts; `known` is the share of output
    with a stated owner. Sites without stated output do not count: what nobody states may be a second source.
    """
    per = _output_per_activity(world)
    made = {row["site"]: row.value for row in world.rows("production")}
    names = {row["commodity"]: row for row in world.records("commodities")}
    by_good: dict[str, list[tuple[dict[str, str], float]]] = {}
    info: dict[str, tuple[str, str]] = {}
    for site in world.records("sites"):
        if made.get(site["site"], 0.0) <= 0:
            continue
        for commodity, rate in per.get(site["process"], {}).items():
            good, separator, _ = commodity.partition("/concentrate-")
            label = f"{good.replace('_', ' ').capitalize()} concentrates" if separator else names[commodity]["label"]
            key = f"{good}/concentrate" if separator else commodity
            info[key] = (names[commodity]["chain"], label)
            by_good.setdefault(key, []).append((site, made[site["site"]] * rate))
    rows = []
    for commodity, makers in sorted(by_good.items()):
        found = _points(makers)
        rows += [("world", info[commodity][0], commodity, info[commodity][1], *point) for point in found]
        own = [(site, tonnes) for site, tonnes in makers if site["country"] in members]
        if not any(point[0] == "facility" for point in found):
            rows += [
                ("members", info[commodity][0], commodity, info[commodity][1], *p)
                for p in _points(own)
                if p[0] == "facility"
            ]
    frame = pd.DataFrame(rows, columns=["scope", "chain", "commodity", "label", "sole", "name", "share", "known"])
    order = frame["sole"].map({"facility": 0, "country": 1, "owner": 2})
    frame = frame.assign(order=order).sort_values(
        ["scope", "order", "share", "commodity"], ascending=[False, True, False, True]
    )
    return frame.drop(columns="order").reset_index(drop=True)


def _points(makers: list[tuple[dict[str, str], float]]) -> list[tuple[str, str, float, float]]:
    total = sum(tonnes for _, tonnes in makers)
    if total <= 0:
        return []
    found: list[tuple[str, str, float, float]] = []
    if len(makers) == 1 and _one_plant(makers[0][0]):
        found.append(("facility", makers[0][0]["name"], 1.0, 1.0))
    countries: dict[str, float] = {}
    owners: dict[str, float] = {}
    known = 0.0
    for site, tonnes in makers:
        countries[site["country"]] = countries.get(site["country"], 0.0) + tonnes / total
        parts = [part for part in site["owner_country"].split(";") if part]
        known += tonnes / total if parts else 0.0
        for part in parts:
            owners[part] = owners.get(part, 0.0) + tonnes / total / len(parts)
    for sole, shares, seen in (("country", countries, 1.0), ("owner", owners, known)):
        if shares:
            name, share = max(shares.items(), key=lambda item: (item[1], item[0]))
            if share >= SOLE:
                found.append((sole, country_name(name), share, seen))
    return found


def _one_plant(site: Mapping[str, str]) -> bool:
    """Whether a site is one plant of one operator and not all producers of a country."""
    operator, name = site["operator"].lower(), site["name"]
    many = ("other", " and ", ";", "several", "various")
    return (
        bool(operator)
        and not any(word in operator for word in many)
        and not name.startswith(f"{country_name(site['country'])},")
    )


def _output_per_activity(world: World) -> dict[str, dict[str, float]]:
    """Tonnes of every good per tonne of activity of a process, the mean of its recipes that make it."""
    made: dict[str, dict[str, list[float]]] = {}
    for row in world.rows("recipe_terms"):
        if row["direction"] == "out":
            made.setdefault(row["process"], {}).setdefault(row["commodity"], []).append(row.value)
    return {p: {c: sum(v) / len(v) for c, v in goods.items()} for p, goods in made.items()}
