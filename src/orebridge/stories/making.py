"""What it is, what it comes from, who makes it and who ships it to whom."""

from __future__ import annotations

import math
from collections.abc import Iterator

from orebridge.checks.view import positions, texts
from orebridge.stories.section import Section, Teller, amount, joined, percent
from orebridge.world import OWN

MakerRow = tuple[float, float, tuple[str, ...]]


def what_it_is(teller: Teller) -> Iterator[Section]:
    """The chain, how far it is modelled, and the commodities of the story."""
    scope, tables = teller.scope, teller.tables
    chain = next(row for row in teller.view.world.records("chains") if row["chain"] == scope.chain)
    text = [f"Modelled to: {chain['modelled_to']}."]
    if scope.whole:
        text.append(f"Minerals: {joined(chain['minerals'].split(';'))}.")
    else:
        text.insert(0, f"Part of the chain {chain['label']} ({scope.chain}).")
        if scope.products:
            text.append(f"Products that use it: {joined(scope.products)}.")
    if chain["note"]:
        text.append(chain["note"])
    text.append(f"Base year {teller.view.network.base_year}; tonnes a year; data version {teller.view.world.version}. "
                f"Members: {joined(teller.members) or 'none'}.")  # fmt: skip
    rows = []
    for name in scope.shown:
        item = tables.commodities[name]
        into = sorted({made for terms in tables.coefficients.values() if terms.get(name, 0.0) < 0
                       for made, value in terms.items() if value > 0})  # fmt: skip
        end = "used as it is" if name in {commodity for commodity, _, _ in teller.base_demand()} else ""
        rows.append((name, item.label, teller.counted(name), joined(filter(None, [*into, end])) or "not used further"))
    yield Section(scope.title, tuple(text), ("commodity", "what", "counted in", "goes into"), tuple(rows))


def where_it_comes_from(teller: Teller) -> Iterator[Section]:
    """What a mineral of a larger chain is won from, with the part of the feed that becomes it."""
    rows: list[tuple[float, tuple[str, ...]]] = []
    for feed in teller.scope.feeds:
        recovered = _recovered(teller, feed)
        for base, _, cells in _makers(teller, feed):
            held = "" if math.isnan(recovered) else amount(base * recovered)
            rows.append((base, (teller.tables.commodities[feed].label, *cells[:4], held, *cells[5:])))
    shown, left = teller.first([cells for _, cells in sorted(rows, key=lambda row: -row[0])])
    if shown:
        yield Section(
            "What it comes from",
            ("`yields`: what the feed gives of it by the base recipe (t/yr); co-products share the rest.", *left),
            ("feed", "country", "site", "owner", ">makes t/yr", ">yields t/yr", ">capacity t/yr", "how known", "source"), shown,
        )  # fmt: skip


def _recovered(teller: Teller, feed: str) -> float:
    """t of the story's first own commodity made per t of feed, averaged over base-year use; NaN if none is."""
    own = set(teller.scope.own)
    given = taken = 0.0
    for run in teller.view.runs:
        used = -sum(value for (name, _), value in run.terms.items() if name == feed and value < 0)
        if used > 0 and run.x0 > 0:
            taken += used * run.x0
            given += run.x0 * sum(value for (name, _), value in run.terms.items() if name in own and value > 0)
    return given / taken if taken > 0 else math.nan


def who_makes_it(teller: Teller) -> Iterator[Section]:
    """Makers stage by stage: country, site, owner, base output, capacity, how known, source."""
    for name in teller.scope.shown:
        rows = _makers(teller, name)
        if not rows:
            continue
        total = sum(base for base, _, _ in rows)
        head = f"{amount(total)} t/yr ({teller.counted(name)}) in the base year."
        shown, left = teller.first([cells for _, _, cells in rows])
        yield Section(
            f"Who makes {name}", (head, *left),
            ("country", "site", "owner", ">makes t/yr", ">share", ">capacity t/yr", "how known", "source"), shown,
        )  # fmt: skip


def _makers(teller: Teller, commodity: str) -> list[MakerRow]:
    """(base t/yr, capacity t/yr, cells) of each site that makes the commodity, largest first."""
    network, tables = teller.view.network, teller.tables
    made: dict[int, float] = {}
    rate: dict[int, float] = {}
    base_recipe: set[int] = set()
    usual = {(recipe.process, recipe.recipe) for own in tables.recipes.values() for recipe in own if recipe.base}
    for run in teller.view.runs:
        value = sum(v for (name, _), v in run.terms.items() if name == commodity and v > 0)
        if value > 0:
            made[run.site] = made.get(run.site, 0.0) + 12.0 * value * run.x0
            recipe = run.label.rpartition("/")[2]
            if run.x0 > 0 or (teller.view.process_of[run.site], recipe) in usual:
                base_recipe.add(run.site)
            if run.x0 > 0 or run.site not in rate:
                rate[run.site] = value
    names = texts(network.sites, "site")
    capacity = [12.0 * float(value) for value in network.sites["capacity"]]
    sites = {site.site: site for site in tables.sites}
    total = sum(made.values())
    rows: list[MakerRow] = []
    for position, base in made.items():
        site = sites[names[position]]
        output, room = tables.tables.production.get(site.site), tables.tables.capacities.get(site.site)
        most = capacity[position] * rate[position]
        status = "" if site.status == "operating" else f" ({site.status.replace('_', ' ')})"
        status += "" if position in base_recipe else " (by a recipe not in use)"
        row = output or room
        cells = (
            site.country, f"{site.name}{status}", site.owner.replace(";", ", "), amount(base),
            percent(base / total) if base > 0 else "", teller.marked(most, room),
            teller.known(row.confidence) if row else "", teller.cite(output, room),
        )  # fmt: skip
        rows.append((base, most, cells))
    return sorted(rows, key=lambda row: (-row[0], -row[1], row[2]))


def who_ships_it(teller: Teller) -> Iterator[Section]:
    """The largest base-year flows, commodity by commodity, and what OTH stands for."""
    network = teller.view.network
    cited = {
        what: (share, known, source, file)
        for what, share, known, source, file in zip(
            texts(network.adjustments, "what"), [float(x) for x in network.adjustments["change_share"]],
            texts(network.adjustments, "confidence"), texts(network.adjustments, "source"),
            texts(network.adjustments, "file"), strict=True,
        )
    }  # fmt: skip
    routes = network.routes
    order = {name: position for position, name in enumerate(teller.scope.shown)}
    rows: list[tuple[int, float, tuple[str, ...]]] = []
    for commodity, origin, destination, y0, lag, days, passages in zip(
        texts(routes, "commodity"), texts(routes, "origin"), texts(routes, "destination"),
        [float(x) for x in routes["y0"]], positions(routes, "lag"), [float(x) for x in routes["days"]],
        texts(routes, "chokepoints"), strict=True,
    ):  # fmt: skip
        if commodity not in order or y0 <= 0:
            continue
        share, known, source, file = cited[f"shipment {commodity} {origin} {destination}"]
        moved = "inferred" if math.isinf(share) else f"{share:+.0%}" if abs(share) >= 0.005 else ""
        cells = (
            commodity, f"{origin} > {destination}", amount(12.0 * y0), moved, f"{days:.0f} ({lag})",
            passages.replace(";", ", "), teller.known(known), teller.source(source, file.startswith(OWN)),
        )  # fmt: skip
        rows.append((order[commodity], y0, cells))
    text = []
    if others := network.regions.get(teller.scope.chain):
        text.append(f"OTH stands for {joined(others)}.")
    shown: list[tuple[str, ...]] = []
    for position in order.values():
        own = sorted((row for row in rows if row[0] == position), key=lambda row: (-row[1], row[2]))
        shown += [cells for _, _, cells in (own[: teller.most] if teller.most else own)]
    if len(shown) < len(rows):
        text.append(f"{len(rows) - len(shown)} smaller flows are left out; --all shows them.")
    if shown:
        yield Section(
            "Who ships to whom", tuple(text),
            ("commodity", "from > to", ">t/yr", ">moved", ">days (months)", "passages", "how known", "source"), tuple(shown),
        )  # fmt: skip
