"""What stands behind the makers: named plants, ore baskets, host metals and duties."""

from __future__ import annotations

import math
from collections.abc import Iterator

from orebridge.stories.section import Section, Teller, amount, percent

# Elements of the metals that are traded as one, as baskets name them.
PARTS = {"NdPr": ("Nd", "Pr"), "LaCe": ("La", "Ce")}


def named_plants(teller: Teller) -> Iterator[Section]:
    """Plants by name with what is published of them; they are part of the sites above or not modelled apart."""
    steps = teller.touched()
    sites = {site.site: site.process for site in teller.tables.sites}
    rows = []
    for row in teller.view.world.rows("facilities"):
        if sites.get(row["site"]) in steps or (not row["site"] and teller.at_home(row.file)):
            size = f"{amount(row.value)} {row.unit}"
            rows.append((row["country"], row["name"], row["operator"], row["product"], size, row["site"] or "not apart",
                         teller.known(row.confidence), teller.cite(row)))  # fmt: skip
    if rows:
        columns = ("country", "plant", "operator", "product", "published", "in site", "how known", "source")
        shown, left = teller.first(sorted(rows))
        yield Section("Plants by name", left, columns, shown)


def ore_baskets(teller: Teller) -> Iterator[Section]:
    """Share of the mineral in the rare-earth oxide of each deposit; a trace is absent."""
    own = {teller.tables.commodities[name].element for name in teller.scope.own}
    wanted = {part for element in own for part in PARTS.get(element, (element,))}
    rows = [
        (row["deposit"], row["country"], row["element"], f"{100 * row.value:.3g}",
         "" if math.isnan(row.low) else f"{100 * row.low:.3g} to {100 * row.high:.3g}", teller.known(row.confidence), teller.cite(row))
        for row in teller.view.world.rows("baskets")
        if not teller.scope.whole and row["element"] in wanted
    ]  # fmt: skip
    if rows:
        columns = ("deposit", "country", "element", ">% of oxides", ">range", "how known", "source")
        yield Section(
            "In the ore",
            ("A deposit without a row holds a trace, or nobody says how much.",),
            columns,
            tuple(sorted(rows)),
        )


def host_metals(teller: Teller) -> Iterator[Section]:
    """By-products: what the host metal's throughput would allow, against what is made."""
    tables = teller.tables.tables
    steps = teller.touched()
    base = dict(
        zip(teller.view.network.sites["site"].tolist(), teller.view.network.sites["base"].tolist(), strict=True)
    )
    rows = []
    for process in teller.tables.processes.values():
        if not process.host or process.process not in steps:
            continue
        made: dict[str, float] = {}
        for site in teller.tables.sites:
            if site.process == process.process:
                made[site.country] = made.get(site.country, 0.0) + 12.0 * float(base.get(site.site, 0.0))
        for row in teller.view.world.rows("hosts"):
            most = 12.0 * tables.host_limit(process.process, process.host, row["country"])
            if row["host"] == process.host and row["country"] in made and math.isfinite(most):
                rows.append((made[row["country"]], (process.process, row["country"], process.host, amount(row.value), amount(most),
                             amount(made[row["country"]]), teller.known(row.confidence), teller.cite(row))))  # fmt: skip
    if rows:
        columns = ("process", "country", "host", ">host t/yr", ">allows t/yr", ">made t/yr", "how known", "source")
        shown, left = teller.first([cells for _, cells in sorted(rows, key=lambda row: (-row[0], row[1]))])
        yield Section("Host metals", ("A by-product cannot exceed what its host metal carries.", *left), columns, shown)


def duties(teller: Teller) -> Iterator[Section]:
    """Duties stated for the commodities of the story."""
    rows = [
        (row["importer"], row["commodity"], "any" if row["origin"] == "*" else row["origin"], percent(row.value),
         teller.known(row.confidence), teller.cite(row))
        for row in teller.tables.of("tariffs")
        if row["commodity"] in teller.scope.shown
    ]  # fmt: skip
    if rows:
        yield Section(
            "Duties", (), ("importer", "commodity", "from", ">duty", "how known", "source"), tuple(sorted(rows))
        )
