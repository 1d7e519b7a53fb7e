"""Prices, recipes, lead times, projects, what is withheld, what is doubtful, and the sources."""

from __future__ import annotations

from collections.abc import Iterator

from orebridge.build.chain import MONTH_DAYS
from orebridge.checks import check_network
from orebridge.checks.lead_times import main_path, quoted_steps
from orebridge.provenance import legend
from orebridge.stories.section import Section, Teller, amount, joined, percent
from orebridge.world import Fact


def prices(teller: Teller) -> Iterator[Section]:
    """Prices by market; the preferred one is the cost of supply."""
    rows = []
    for row in teller.tables.of("prices"):
        if row["commodity"] in teller.scope.shown:
            year = amount(row.year).replace(",", "")
            sure = "cost of supply" if row.preferred else ""
            rows.append(
                (
                    row["commodity"],
                    row["market"],
                    amount(row.value),
                    year,
                    sure,
                    teller.known(row.confidence),
                    teller.cite(row),
                )
            )
    if rows:
        text = ("USD per t as the commodity is counted (contained element or product).",)
        yield Section(
            "Prices",
            text,
            ("commodity", "market", ">USD/t", ">year", "use", "how known", "source"),
            tuple(sorted(rows)),
        )


def recipes(teller: Teller) -> Iterator[Section]:
    """Recipes that make or use it: inputs, outputs, yield, qualification and the share that accepts them."""
    tables, rows = teller.tables, []
    shown = set(teller.scope.shown) | (set() if teller.scope.whole else set(teller.scope.feeds))
    own = set(teller.scope.shown)
    for process in tables.processes.values():
        for recipe in tables.recipes[process.process]:
            terms = tables.coefficients[process.process, recipe.recipe]
            if not own & set(terms) or not set(terms) & shown:
                continue
            ins = (
                "\n".join(f"{amount(-value)} {name}" for name, value in terms.items() if value < 0)
                or "a source: no input"
            )
            outs = "\n".join(f"{amount(value)} {name}" for name, value in terms.items() if value > 0)
            accepted = tables.tables.accepted.get((process.process, recipe.recipe))
            months = tables.tables.qualifications.get((process.process, recipe.recipe))
            opens = "in use" if recipe.base else f"{months.value:g} months" if months else "at once"
            share = "" if recipe.base else percent(accepted.value) if accepted else "100%"
            teller.cite(months, accepted)
            rows.append((process.process, f"{recipe.recipe}: {recipe.label}", ins, outs, opens, share))
    if rows:
        yield Section(
            "Recipes (t per t of activity; element yields)", (),
            ("process", "recipe", "takes", "gives", "opens after", ">accepted"), tuple(rows),
        )  # fmt: skip


def lead_times(teller: Teller) -> Iterator[Section]:
    """Days of each process, the main path to each member, and lead times that are quoted."""
    view, tables = teller.view, teller.tables
    touched = teller.touched()
    rows = [
        (f"work: {row['process']}", f"{amount(row.value)} days", f"{amount(row.low)} to {amount(row.high)}",
         teller.known(row.confidence), teller.cite(row))
        for row in view.world.rows("process_days")
        if row["process"] in touched
    ]  # fmt: skip
    prefer = frozenset() if teller.scope.whole else frozenset(teller.scope.own)
    ends = [name for name in teller.scope.shown if any(commodity == name for commodity, _, _ in teller.base_demand())]
    for end in ends:
        for member in teller.members:
            steps = main_path(view, tables, (end, member), prefer=prefer) if (end, member) in view.nodes else []
            if steps:
                days = sum(step.days for step in steps) / MONTH_DAYS
                legs = joined(f"{step.what} {step.months}" for step in steps)
                rows.append((f"main path to {end}@{member}", f"{sum(step.months for step in steps)} months",
                             f"{days:.1f} before rounding", legs, "largest flows"))  # fmt: skip
    for quote in view.world.rows("quoted_lead_times"):
        if quote["chain"] == tables.chain and {quote["from_commodity"], quote["to_commodity"]} & set(
            teller.scope.shown
        ):
            country, steps = quoted_steps(view, tables, quote)
            what = f"quoted: {quote['from_commodity']} to {quote['to_commodity']} ({country}, {quote['counts']})"
            span = f"{amount(quote.low)} to {amount(quote.high)}; model {sum(step.months for step in steps)}"
            rows.append(
                (what, f"{amount(quote.value)} months", span, teller.known(quote.confidence), teller.cite(quote))
            )
    if rows:
        yield Section(
            "Lead times", (), ("what", ">time", ">range", "how known, or legs in months", "source"), tuple(rows)
        )


def projects(teller: Teller) -> Iterator[Section]:
    """Announced projects with the support they get."""
    view = teller.view
    support: dict[str, list[Fact]] = {}
    for row in view.world.rows("project_support"):
        support.setdefault(row["project"], []).append(row)
    touched = {process for (process, _), terms in teller.tables.coefficients.items()
               if set(terms) & {*teller.scope.shown, *teller.scope.feeds}}  # fmt: skip
    rows = [
        (row["country"], f"{row['name']} ({row['operator']})", row["process"], amount(row.value), row["start"],
         joined([row["status"], *(f"{s['supporter']} {s['instrument']} USD {amount(s.value)} m" for s in support.get(row["project"], []))]),
         teller.known(row.confidence), teller.cite(row, *support.get(row["project"], [])))
        for row in view.world.rows("projects")
        if row["process"] in touched
    ]  # fmt: skip
    if rows:
        columns = ("country", "project", "adds to", ">t/yr", "start", "status and support", "how known", "source")
        yield Section("Projects", (), columns, tuple(sorted(rows)))


def withheld(teller: Teller) -> Iterator[Section]:
    """Figures looked for and not to be had, with the reason."""
    words = {name.partition("/")[0].replace("_", " ") for name in teller.scope.own}
    rows = []
    for row in teller.view.world.records("withheld"):
        if teller.at_home(row["file"]) or any(word in row["item"].lower() for word in words):
            rows.append((row["table"], row["item"], row["reason"], teller.source(row["source"])))
    if rows:
        yield Section("Not to be had, and why", (), ("table", "what", "reason", "source"), tuple(rows))


def doubts(teller: Teller) -> Iterator[Section]:
    """What the checks find on the story's commodities, processes and sites, or on the chain as a whole."""
    tables, scope = teller.tables, teller.scope
    steps = teller.touched()
    names = [*scope.own, *scope.products, *steps, *(site.site for site in tables.sites if site.process in steps)]
    rows = [
        (finding.severity, finding.place, f"{finding.what}. Repair: {finding.repair}.")
        for finding in check_network(teller.view.world, teller.view.network)
        if scope.whole or finding.place == scope.chain or any(name in finding.place for name in names)
    ]
    if rows:
        yield Section("What the checks find", (), ("severity", "where", "what"), tuple(rows))


def sources(teller: Teller) -> Iterator[Section]:
    """The sources named above, and what the marks mean."""
    known = {row["source"]: row for row in teller.view.world.records("sources")}
    rows = []
    for line in teller.notes.lines():
        number, name = line.split(" ", 1)
        if name in known:
            row = known[name]
            title = f"{row['publisher']}: {row['title']}" + (f" ({row['published']})" if row["published"] else "")
            via = f", quoted by {row['via']}" if row["via"] else ""
            rows.append((f"[{number}]", name, "\n".join(filter(None, [title + via, row["url"]]))))
    text = (legend(teller.confidences),) if legend(teller.confidences) else ()
    yield Section("Sources", text, ("no.", "source", "what and where"), tuple(rows))
