"""Who uses it, what is inside imported goods, and who holds it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from orebridge.build.chain import MONTH_DAYS
from orebridge.checks.view import numbers, positions, texts
from orebridge.stories.section import Section, Teller, amount, percent
from orebridge.world import Fact

TIERS = ("defence", "essential", "general")


def who_uses_it(teller: Teller) -> Iterator[Section]:
    """Uses by country, end use and tier, and what a missing tonne costs."""
    rows: list[tuple[bool, float, tuple[str, ...]]] = []
    for (commodity, country, use), tiers in teller.base_demand().items():
        if commodity not in teller.scope.shown:
            continue
        total = sum(tiers.values())
        stated = [row for row in teller.tables.demand.get((commodity, country), []) if row["end_use"] == use]
        row = stated[0] if stated else teller.tables.consumption.get((commodity, country))
        known = teller.known(row.confidence if row else "derived")
        holds = teller.content(commodity)
        cells = (
            country, commodity, use, amount(total), "" if math.isnan(holds) or holds == 1.0 else amount(total * holds),
            *(percent(tiers.get(tier, 0.0) / total) if tiers.get(tier) else "" for tier in TIERS), known,
            teller.cite(row) or teller.source("orebridge-derivation"),
        )  # fmt: skip
        rows.append((country not in teller.members, total, cells))
    rows.sort(key=lambda row: (row[0], -row[1], row[2]))
    members = sum(not outside for outside, _, _ in rows)
    most = max(teller.most, members) if teller.most else len(rows)
    text = ["Members first. Tiers are assumed shares: nobody publishes them."] if rows else []
    if len(rows) > most:
        text.append(f"{len(rows) - most} smaller rows of other countries are left out; --all shows them.")
    if rows:
        yield Section(
            "Who uses it", tuple(text),
            ("country", "product", "end use", ">t/yr", ">holds t", ">defence", ">essential", ">general", "how known", "source"),
            tuple(cells for _, _, cells in rows[:most]),
        )  # fmt: skip
    yield from _lost_values(teller)


def _lost_values(teller: Teller) -> Iterator[Section]:
    rows = [
        (row["commodity"], row["tier"], amount(row.value), f"{amount(row.low)} to {amount(row.high)}",
         teller.known(row.confidence), teller.cite(row))
        for row in teller.tables.of("values")
        if row["commodity"] in teller.scope.shown
    ]  # fmt: skip
    if rows:
        yield Section(
            "What a missing tonne costs",
            (),
            ("product", "tier", ">USD/t", ">range", "how known", "source"),
            tuple(rows),
        )


def inside_goods(teller: Teller) -> Iterator[Section]:
    """The account `embodied`: metal or product inside imported finished goods. Shown, never optimised."""
    rows = []
    for row in teller.tables.of("embodied"):
        if row["commodity"] not in teller.scope.shown:
            continue
        direct = _direct_use(teller, row["commodity"], row["country"]) if row["covers"] == "all" else 0.0
        inside = row.value - direct
        left = amount(inside) if inside > 0 else "none"
        rows.append((row["country"], row["commodity"], row["goods"], amount(row.value), amount(direct), left,
                     teller.known(row.confidence), teller.cite(row)))  # fmt: skip
    if rows:
        yield Section(
            "Inside imported goods (an account; not in any plan)",
            ("`all` counts direct use too; `in the model` is the base-year use of its products, by what they hold.",),
            ("country", "commodity", "goods", ">all t/yr", ">in the model", ">inside goods", "how known", "source"), tuple(rows),
        )  # fmt: skip


def _direct_use(teller: Teller, commodity: str, country: str) -> float:
    """Use in the base year that the model counts: of the mineral's products, or of the element inside all products."""
    item = teller.tables.commodities[commodity]
    contents = {(r["commodity"], r["element"]): r.value for r in teller.view.world.rows("contents")}
    total = 0.0
    for (name, place, _), tiers in teller.base_demand().items():
        other = teller.tables.commodities[name]
        if place != country:
            continue
        if item.mass == "product":
            share = 1.0 if name.partition("/")[0] == commodity.partition("/")[0] else 0.0
        elif other.mass == "element":
            share = 1.0 if other.element == item.element else 0.0
        else:
            share = contents.get((name, item.element), 0.0)
        total += share * sum(tiers.values())
    return total


def who_holds_it(teller: Teller) -> Iterator[Section]:
    """Stocks of members and every published holding: tonnes, days of use, and the rules of their release."""
    network = teller.view.network
    piles = network.stockpiles
    use = [12.0 * value for value in network.throughput().tolist()]
    stated = {(r["holder"], r["country"], r["commodity"]): r for r in teller.tables.of("stocks")}
    rows: list[tuple[int, tuple[str, ...]]] = []
    columns = [numbers(piles, name) for name in ("s0", "floor", "release", "refill")]
    for holder, country, commodity, node, opens, s0, floor, release, refill in zip(
        texts(piles, "holder"), texts(piles, "country"), texts(piles, "commodity"), positions(piles, "node"),
        positions(piles, "opens_after"), *columns, strict=True,
    ):  # fmt: skip
        row: Fact | None = stated.get((holder, country, commodity))
        if commodity not in teller.scope.shown or s0 <= 0 or (row is None and country not in teller.members):
            continue
        days = s0 / use[node] * 12.0 * MONTH_DAYS if use[node] > 0 else math.nan
        known = teller.known(row.confidence if row else "assumed")
        cells = (
            country, holder, commodity, amount(s0), amount(days), amount(floor), "all" if release >= s0 else amount(release),
            str(opens), amount(refill), known, teller.cite(row) or teller.source("orebridge-assumption"),
        )  # fmt: skip
        rows.append((teller.scope.shown.index(commodity), cells))
    if rows:
        yield Section(
            "Who holds it",
            ("Published holdings, and members' industry stocks, which are assumed days of use. Floor: never released; "
             "release and refill: most per month; opens: months after a shock begins.",),
            ("country", "holder", "commodity", ">t", ">days", ">floor t", ">release t", ">opens", ">refill t", "how known", "source"),
            tuple(cells for _, cells in sorted(rows, key=lambda row: (row[1][0], row[0], row[1]))),
        )  # fmt: skip
