"""Vulnerabilities for people: a screenful of words, a page with pictures, tables as files, a section for a brief."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from orebridge.labels import Labels, and_list, country_name, in_words, inside
from orebridge.reports.content import money, percent, tonnes
from orebridge.reports.section import Section, Table, print_lines, stills
from orebridge.reports.section import page as section_page
from orebridge.shocks import AFTERMATH

if TYPE_CHECKING:
    from rich.console import Console

    from orebridge.vulnerabilities.result import Vulnerabilities

MOST, TRACED, LEAST = 8, 3, 0.05
FOLLOWED = 3  # so many chains at most have their last stage told among the warnings
MIXED_WORDS = {"ndpr": "NdPr", "lanthanum_cerium": "lanthanum and cerium"}
PLANS = {"alone": "each planning for itself", "joint": "with one joint plan"}


def section(found: Vulnerabilities) -> Section:
    """The section of a brief; figures are made when called."""
    from orebridge.charts import vulnerabilities as charts
    from orebridge.charts.exposuremap import exposure_map

    figures = [
        ("map", f"The worst single hit of {found.length} months in each country: what members lose by it with the best plan.",
         lambda: exposure_map(found)),
        ("exposure", "Largest share of each member's product, over its upstream stages, made in each other country, %.",
         lambda: charts.exposure(found)),
        ("single_hits", f"The worst single hits of {found.length} months; sites that stand for several plants left out.",
         lambda: charts.single_hits(found)),
        ("survival", "Months members can do without a site, against the months it may take to come back.",
         lambda: charts.survival(found)),
    ]  # fmt: skip
    for number, (member, product, mineral) in enumerate(traced(found)):
        words = (
            f"What use of {Labels.of(found.world).commodity(product)} in {in_words(member)} rests on, by {MIXED_WORDS.get(mineral, mineral)}: "
            "shares of the use. Red: from the country outside the alliance that makes most of the first stage; green: from members."
        )
        figures.append((f"upstream-{number}", words, partial(charts.upstream, found, member, product, mineral)))
    if len(found.tables["host_cuts"]):
        figures.append(("host_cuts", "By-products against cuts in their host metals.", lambda: charts.host_cuts(found)))
    return Section(
        title=f"Where supply to {and_list(map(in_words, found.members))} breaks",
        words=tuple(_words(found)),
        tables=tuple(_tables(found)),
        figures=tuple(figures),
        warnings=(
            *_too_short(found),
            *_followed_to(found),
            *_largest(found),
            *found.warnings,
            *_passage_warning(found),
        ),
    )


def _too_short(found: Vulnerabilities) -> list[str]:
    if found.months >= found.length + AFTERMATH:
        return []
    return [
        f"Losses are followed to month {found.months} only, and much of what a hit of {found.length} months costs comes after it: a plan, "
        "which looks further, may even seem worse than none. Ask for more --months."
    ]


def _followed_to(found: Vulnerabilities) -> list[str]:
    """Where the chains stop, if they are few: what members buy further on is in no figure, and a small loss no all-clear."""
    if len(found.chains) > FOLLOWED:
        return []
    own = {str(row["chain"]): row for row in found.world.records("chains")}
    return [
        f"{own[chain]['label']} is followed to {own[chain]['modelled_to']}. What members buy further on is in no figure."
        for chain in found.chains
    ]


def _largest(found: Vulnerabilities) -> list[str]:
    """What the largest figure on the page is made of: tonnes and an assumed value of a tonne."""
    worst = found.worst(1, lumps=True)
    if worst.empty or not float(worst["planned_t"].iloc[0]) > 0:
        return []
    row = worst.iloc[0]
    if row["worst_product_t"] < 0.5 * row["planned_t"] or "values" not in found.world.tables:
        return []
    values = found.world.facts("values")
    own = values[values["commodity"] == row["worst_product"]]
    low, high = (own["low"] / own["value"]).min(), (own["high"] / own["value"]).max()
    spread = f", which its row lets lie from {low:.2g} to {high:.2g} times that" if pd.notna(low + high) else ""
    product = inside(Labels.of(found.world).commodity(row["worst_product"]))
    return [
        f"The largest figure, {money(row['planned_usd'])} million USD ({row['words']}), is {tonnes(row['planned_t'])} t short, "
        f"mostly {product}, at {money(row['planned_usd'] / row['planned_t'])} million USD a tonne on average{spread}. Quote the "
        "tonnes, and the share of use."
    ]


def _passage_warning(found: Vulnerabilities) -> list[str]:
    if not (found.tables["passages"]["planned_usd"] > 0).any():
        return []
    return [
        "A closed passage stops its ships' goods altogether: the longer way round, and dear goods that would fly (platinum "
        "metals, gallium, indium, tellurium), are not modelled. Take losses of passages as an upper end."
    ]


def traced(found: Vulnerabilities, most: int = TRACED) -> list[tuple[str, str, str]]:
    """Uses (member, product, mineral) with the largest hidden dependence on one country's sources, one per product."""
    rows = found.tables["traces"]
    own = rows[(rows["by"] == "location") & rows["stage"].str.startswith("source of ") & (rows["origin"] != "none")]
    own = own[own["origin"] != own["member"]].sort_values("hidden", ascending=False, kind="stable")
    own = own.drop_duplicates("product").head(most)
    return [
        (str(r["member"]), str(r["product"]), str(r["stage"]).removeprefix("source of "))
        for r in own.to_dict("records")
    ]


def print_vulnerabilities(found: Vulnerabilities, console: Console) -> None:
    """Print the summary."""
    print_lines(section(found), console)


def write_vulnerabilities(found: Vulnerabilities, folder: Path, pictures: Sequence[str] = ()) -> list[Path]:
    """Write vulnerabilities.html, .json with its schema, and the tables as CSV and Parquet, all or none.

    `pictures`: kinds of picture files (`png`, `svg`) in which every chart is written too, as vulnerabilities-NAME.
    """
    from orebridge.reports.pictures import draw, origin
    from orebridge.reports.write import json_text, put, table_file, text_file
    from orebridge.vulnerabilities.result import schema

    chains = [Labels.of(found.world).chain(chain) for chain in found.chains]
    whose = origin(found.members, chains, _foot(found).removesuffix("."))

    def fill(place: Path) -> None:
        text_file(place / "vulnerabilities.html", page(found))
        text_file(place / "vulnerabilities.json", json_text(found.to_dict()))
        text_file(place / "vulnerabilities.schema.json", json.dumps(schema(found.tables), indent=1))
        for name, frame in found.tables.items():
            table_file(place / name, frame)
        if pictures:
            draw(place, stills(section(found), "vulnerabilities", whose), pictures)

    written = put(Path(folder), fill)
    return sorted(written, key=lambda path: path.name != "vulnerabilities.html")


def page(found: Vulnerabilities) -> str:
    """The section as a page that opens without a network."""
    return section_page(section(found), _foot(found))


def _foot(found: Vulnerabilities) -> str:
    return f"Data {found.world.version}; base year {found.network.base_year}."


# --- words --------------------------------------------------------------------------------------------------------
def _words(found: Vulnerabilities) -> list[str]:
    table, labels = found.tables["contingencies"], Labels.of(found.world)
    hurt = table[(table["planned_usd"] > 0) | (table["planned_t"] > 0)]
    short = table[table["planned_t"] > 0]
    words = [
        f"{len(table):,} single hits of {found.length} months on {and_list(inside(labels.chain(c)) for c in found.chains)}, "
        f"followed for {found.months} months, {PLANS[found.way]}: {len(hurt)} cost members something even with the best "
        f"plan, {len(short)} leave uses without supply."
    ]
    worst = found.worst(1)
    if len(worst):
        row = worst.iloc[0]
        words.append(
            f"The worst that is not all plants of a country together: {row['words']}. With the best plan members lose {money(row['planned_usd'])} "
            f"million USD, without one {money(row['unaided_usd'])}; {in_words(row['worst_member'])} goes without "
            f"{percent(row['worst_product_share'])} of its {inside(labels.commodity(row['worst_product']))}."
            if row["worst_member"]
            else f"The worst that is not all plants of a country together: {row['words']} ({money(row['planned_usd'])} million USD of stock)."
        )
    survival = found.tables["survival"]
    counts = [int((survival["status"] == colour).sum()) for colour in ("green", "red", "amber", "unknown")]
    green, red, amber, unknown = counts
    words.append(
        f"Of {len(survival)} sites, members can do without {green} for as long as they may take to recover; {red} are red "
        f"(time to survive below time to recover), {amber} amber (below its high end)"
        + (f", and of {unknown} it is not known." if unknown else ".")
    )
    return words


def _tables(found: Vulnerabilities) -> list[Table]:
    tables = [
        _hits(found, "Suppliers: the worst single hits, million USD", ("supplier",)),
        _hits(found, "Plants: the worst single hits, million USD", ("facility",)),
        _hits(found, "All plants of a country together, million USD", ("facility",), lumps=True),
        _passages(found), _pairs(found), _remedies(found), _concentration(found), _survival(found), _hidden(found), _hosts(found),
    ]  # fmt: skip
    return [table for table in tables if table.rows]


def _hits(found: Vulnerabilities, title: str, kinds: tuple[str, ...], lumps: bool = False) -> Table:
    rows = found.worst(10_000, kinds, lumps=True)
    rows = rows[rows["lump"] == lumps].head(MOST)
    labels = Labels.of(found.world)
    cells = tuple(
        (str(r["words"]), money(r["unaided_usd"]), money(r["planned_usd"]), _month(r["first_month_planned"]), _short_of(r, labels))
        for r in rows.to_dict("records")
    )  # fmt: skip
    columns = ("hit", "without a plan", "with a plan", "first short with it", "hit hardest, share of use with a plan")
    return Table(title, columns, cells, (columns[-1],))


def _short_of(row: Mapping[Hashable, object], labels: Labels) -> str:
    if not row["worst_member"] or not float(str(row["planned_t"])) > 0:
        return "stock only"
    return f"{row['worst_member']} {labels.commodity(str(row['worst_product']))} {percent(float(str(row['worst_product_share'])))}"


def _use(place: str, labels: Labels) -> str:
    """`USA/gallium/wafer` as `USA Gallium in wafers`."""
    member, _, product = place.partition("/")
    return f"{member} {labels.commodity(product)}" if product else place


def _month(month: int) -> str:
    return f"month {month}" if month else "–"


def _passages(found: Vulnerabilities) -> Table:
    rows = found.tables["passages"].head(MOST)
    from orebridge.vulnerabilities.result import PASSAGE_NAMES

    labels = Labels.of(found.world)
    cells = tuple(
        (PASSAGE_NAMES.get(r["passage"], r["passage"]), str(r["chains"]), money(r["unaided_usd"]), money(r["planned_usd"]),
         labels.chain(r["worst_chain"]))
        for r in rows.to_dict("records")
        if r["unaided_usd"] > 0
    )  # fmt: skip
    return Table(
        "Passages over all chains, million USD",
        ("passage", "chains", "without a plan", "with a plan", "worst chain"),
        cells,
        ("worst chain",),
    )


def _pairs(found: Vulnerabilities) -> Table:
    rows = found.tables["pairs"].sort_values("planned_usd", ascending=False, kind="stable").head(MOST)
    cells = tuple(
        (str(r["words"]), money(r["unaided_usd"]), money(r["planned_usd"]), _month(r["first_month_planned"]))
        for r in rows.to_dict("records")
    )
    return Table(
        "The worst pairs of hits, proven, million USD", ("hits", "without a plan", "with a plan", "first short"), cells
    )


def _remedies(found: Vulnerabilities) -> Table:
    cells = tuple(
        (str(r["name"]), f"{r['what']}: {r['change']}", percent(r["saves_share"]))
        for r in found.tables["remedies"].groupby(["chain", "kind", "name"], sort=False).head(3).to_dict("records")
    )
    return Table("What would help, each alone", ("against", "remedy", "saves"), cells, ("remedy",))


def _concentration(found: Vulnerabilities) -> Table:
    stages, cover = found.tables["stages"], found.tables["coverage"]
    labels = Labels.of(found.world)
    world = cover[cover["member"] == ""].set_index(["chain", "commodity"])["coverage"]
    control = stages[stages["by"] == "control"].set_index(["chain", "commodity"])
    rows = stages[stages["by"] == "country"].sort_values("hhi", ascending=False, kind="stable").head(MOST)
    cells = []
    for r in rows.to_dict("records"):
        key = (r["chain"], r["commodity"])
        owner, left = control.loc[key], world.get(key, float("nan"))
        known = owner["unknown_share"] < 0.5
        cells.append(
            (labels.commodity(r["commodity"]), country_name(r["largest"]), percent(r["largest_share"]), f"{r['hhi']:.2f}",
             f"{country_name(owner['largest'])} {percent(owner['largest_share'])}" if known else "not stated",
             percent(left) if pd.notna(left) else "–")
        )  # fmt: skip
    columns = ("stage", "largest maker", "share", "HHI", "largest by control", "others' coverage without it")
    return Table("The most concentrated stages", columns, tuple(cells), ("largest maker", "largest by control"))


def _survival(found: Vulnerabilities) -> Table:
    rows = found.tables["survival"]
    rows = rows[rows["status"].isin(["red", "amber"])].copy()
    labels = Labels.of(found.world)
    rows["margin"] = rows["tts_planned"].fillna(rows["tts_unaided"]) - rows["ttr"]
    rows = rows.sort_values(["margin", "site"], kind="stable").head(2 * MOST)
    cells = tuple(
        (str(r["name"]), f"{r['tts_unaided']:.1f}", f"{r['tts_planned']:.1f}" if pd.notna(r["tts_planned"]) else "–",
         f"{r['ttr']:g} ({r['ttr_low']:g}–{r['ttr_high']:g})", str(r["status"]), _use(str(r["first_short"]), labels))
        for r in rows.to_dict("records")
    )  # fmt: skip
    columns = ("site", "survives, unaided", "with a plan", "recovers in", "colour", "fails first")
    return Table("Time to survive below time to recover, months", columns, cells, ("colour", "fails first"))


def _hidden(found: Vulnerabilities) -> Table:
    from orebridge.vulnerabilities.tracing import hidden_dependence

    labels = Labels.of(found.world)
    rows = hidden_dependence(found.tables["traces"], LEAST)
    rows = rows[~rows["origin"].isin(found.members)].drop_duplicates(["member", "product", "origin"]).head(2 * MOST)
    cells = tuple(
        (f"{r['member']} {labels.commodity(r['product'])}",
         r["stage"] if str(r["stage"]).startswith("source of ") else labels.commodity(r["stage"]),
         country_name(r["origin"]), percent(r["share"]), percent(r["direct"]), percent(r["hidden"]))
        for r in rows.to_dict("records")
    )  # fmt: skip
    columns = ("use", "stage", "made in", "share", "direct", "hidden")
    return Table("Dependence hidden in third countries", columns, cells, ("stage", "made in"))


def _hosts(found: Vulnerabilities) -> Table:
    rows = found.tables["host_cuts"]
    rows = rows[rows["cut"].isin([0.3, 0.5])] if len(rows) else rows
    labels = Labels.of(found.world)
    cells = tuple(
        (f"{labels.chain(r['chain'])} from {r['host']}, {percent(r['cut'])} less", str(r["case"]),
         f"{tonnes(r['recovery_lost'])} t ({percent(r['recovery_lost'] / r['recovery_before'])})" if r["recovery_before"] > 0 else "–",
         money(r["unaided_usd"]),
         money(r["planned_usd"]))
        for r in rows.to_dict("records")
    )  # fmt: skip
    columns = ("by-product and cut of its host", "room", "recovery lost a year", "without a plan", "with a plan")
    return Table("By-products, million USD", columns, cells, ("room",))
