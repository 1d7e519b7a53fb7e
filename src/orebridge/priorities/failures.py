"""Single points of failure: goods of the modelled chains that hang on one facility, one country or one owner."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from orebridge.labels import country_name
from orebridge.world import World

#: A share of stated output at which a country or an owner's country counts as the only one.
SOLE = 0.90


def single_points(world: World, chains: Mapping[str, str] | None = None) -> pd.DataFrame:
    """`chain, commodity, label, sole, name, share, known` for every good that hangs on one of something, worst first.

    Output of a good by site is the base-year output stated for the site times the output per tonne of activity of its
    process (the mean of its recipes). `sole`: facility (one named plant makes all that is stated), country or owner (90 %
    and more). Sites that stand for many plants (no operator, or "and others") are no facility. A site with several owners
    counts for each by equal parts; `known` is the share of output with a stated owner. Sites without stated output do not
    count: what nobody states may be a second source.
    """
    per = _output_per_activity(world)
    made = {row["site"]: row.value for row in world.rows("production")}
    sites = [row for row in world.records("sites") if made.get(row["site"], 0.0) > 0]
    names = {row["commodity"]: row for row in world.records("commodities")}
    by_good: dict[str, list[tuple[dict[str, str], float]]] = {}
    for site in sites:
        for commodity, rate in per.get(site["process"], {}).items():
            by_good.setdefault(commodity, []).append((site, made[site["site"]] * rate))
    rows = []
    for commodity, makers in sorted(by_good.items()):
        good = names[commodity]
        if chains is None or good["chain"] in chains:
            rows += [(good["chain"], commodity, good["label"], *point) for point in _points(makers)]
    frame = pd.DataFrame(rows, columns=["chain", "commodity", "label", "sole", "name", "share", "known"])
    kind = frame["sole"].map({"facility": 0, "country": 1, "owner": 2})
    return frame.assign(kind=kind).sort_values(["kind", "share", "commodity"], ascending=[True, False, True]).drop(columns="kind").reset_index(drop=True)  # fmt: skip


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
    return bool(operator) and not any(word in operator for word in many) and not name.startswith(f"{country_name(site['country'])},")


def _output_per_activity(world: World) -> dict[str, dict[str, float]]:
    """Tonnes of every good per tonne of activity of a process, the mean of its recipes that make it."""
    made: dict[str, dict[str, list[float]]] = {}
    for row in world.rows("recipe_terms"):
        if row["direction"] == "out":
            made.setdefault(row["process"], {}).setdefault(row["commodity"], []).append(row.value)
    return {p: {c: sum(v) / len(v) for c, v in goods.items()} for p, goods in made.items()}
