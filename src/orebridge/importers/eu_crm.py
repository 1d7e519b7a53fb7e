"""The EU's study on critical raw materials: results per material and trade parameters, as tabulated CSV.

`eureport_results.csv` holds supply risk, economic importance and their inputs; `eureport_tradeparameters.csv` the factors
t for export restrictions. Shares printed in percent become shares 0-1; indices stay as printed.

Source: European Commission, Study on the Critical Raw Materials for the EU 2023 (doi 10.2873/725585, CC BY 4.0), which is
a PDF: the CSV is the transcription that circulates, with the cells it got wrong in `data/eu-crm/corrections.csv`. Not
covered: production and trade shares behind the indices (they are not in the tables).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

from orebridge.errors import ImportRefused
from orebridge.importers.cells import number_of
from orebridge.importers.opening import Limits, Member, Opened, text_of
from orebridge.importers.reading import Batch, Note, Reading, Rows, Wish, wrong_file
from orebridge.importers.sidefiles import SideFiles
from orebridge.workspace import About

ACCEPTS = "eureport_results.csv and, beside it, eureport_tradeparameters.csv"
RESULTS, PARAMETERS = "eureport_results.csv", "eureport_tradeparameters.csv"
STUDY, VINTAGE = "eu2023", "2023"
#: Column -> item here, unit, divisor.
ITEMS = {
    "supply_risk": ("SR", "index", 1.0), "economic_importance": ("EI", "index", 1.0),
    "supply_risk_primary": ("SR_extraction", "index", 1.0), "supply_risk_refined": ("SR_processing", "index", 1.0),
    "si_ei": ("SI_EI", "index", 1.0), "si_sr": ("SI_SR", "index", 1.0),
    "import_reliance_primary": ("IR_extraction", "share", 100.0), "import_reliance_refined": ("IR_processing", "share", 100.0),
    "end_of_life": ("EoL_RIR", "share", 100.0),
}  # fmt: skip
#: Stated in words; kept as text.
WORDS = ("eu_used_stage", "eu_stages", "eu_used_supply_primary", "eu_used_supply_refined")
STAGES = {"primary": "mine", "refined": "refining"}
SCOPES = ("world", "eu")
PARAMETER_COLUMNS = ("material_name", "country_name", "parameter", "category", "scope")


def read(given: Opened, side: SideFiles, wish: Wish, note: Note, limits: Limits) -> Reading:
    """The two tables of the study; the parameters may be missing."""
    results = given.find(lambda name: name == RESULTS)
    parameters = given.find(lambda name: name == PARAMETERS)
    if len(results) != 1 or len(parameters) > 1:
        raise wrong_file("eu-crm", given, ACCEPTS)
    vintage = wish.vintage or VINTAGE
    hashes: dict[str, tuple[str, int]] = {}

    def batches() -> Iterator[Batch]:
        for member, reader in ((results[0], _results), *((p, _parameters) for p in parameters)):
            note(f"eu-crm: {member.base}")
            made = Rows("criticality")
            reader(member, made, side, vintage, limits)
            hashes[member.name] = (member.sha256, member.size)
            yield made.batch("", member.name)

    return Reading(
        About(
            "eu-crm", vintage, "Study on the Critical Raw Materials for the EU 2023, Final Report, as transcribed",
            "European Commission", "https://doi.org/10.2873/725585", "CC BY 4.0", "read_secondary",
        ),
        batches(), lambda: hashes,
    )  # fmt: skip


def _table(member: Member, columns: tuple[str, ...], limits: Limits) -> Iterator[tuple[int, Mapping[str, str]]]:
    reader = csv.DictReader(io.StringIO(text_of(member, ("utf-8-sig",), limits)))
    missing = [column for column in columns if column not in (reader.fieldnames or ())]
    if missing:
        raise ImportRefused(
            f"{member.name}, line 1: no column {', '.join(missing)}; the header is {reader.fieldnames}."
        )
    for row in reader:
        if None in row or None in row.values():
            raise ImportRefused(
                f"{member.name}, line {reader.line_num}: another number of cells than columns; the file is cut off or damaged."
            )
        cells = {key: value.strip() for key, value in row.items()}
        if any(cells.values()):
            yield reader.line_num, cells


def _results(member: Member, made: Rows, side: SideFiles, vintage: str, limits: Limits) -> None:
    seen: set[tuple[str, ...]] = set()
    for at, row in _table(member, ("material_name", *ITEMS, *WORDS), limits):
        cells = tuple(row.values())
        if cells in seen:
            side.leave_out("material", row["material_name"], "the row is repeated word for word")
            continue
        seen.add(cells)
        if side.leaves_out("material", row["material_name"]):
            continue
        mineral = side.name("material", row["material_name"], f"{member.base} line {at}")
        if mineral is None:
            continue
        for column, (item, unit, divisor) in ITEMS.items():
            stated = side.correct(vintage, member.base, row, column)
            value = number_of(stated, f"{member.base} line {at}", column)
            if value is not None:
                made.add(
                    row=at, study=STUDY, mineral=mineral, stage="", country="", item=item, value=value / divisor, unit=unit,
                    stated=stated,
                )  # fmt: skip
        for column in WORDS:
            stated = side.correct(vintage, member.base, row, column)
            if stated:
                made.add(
                    row=at, study=STUDY, mineral=mineral, stage="", country="", item=column, unit="words", stated=stated
                )


def _parameters(member: Member, made: Rows, side: SideFiles, vintage: str, limits: Limits) -> None:
    for at, row in _table(member, PARAMETER_COLUMNS, limits):
        place = f"{member.base} line {at}"
        if side.leaves_out("material", row["material_name"]):
            continue
        mineral = side.name("material", row["material_name"], place)
        country = side.name("country", row["country_name"], place)
        if row["category"] not in STAGES or row["scope"] not in SCOPES:
            raise ImportRefused(
                f"{place}: category {row['category']!r}, scope {row['scope']!r}; known are primary, refined and world, eu."
            )
        stated = side.correct(vintage, member.base, row, "parameter")
        value = number_of(stated, place, "parameter")
        if value is None:
            raise ImportRefused(f"{place}: the parameter is empty.")
        if mineral is not None and country is not None:
            made.add(
                row=at, study=STUDY, mineral=mineral, stage=STAGES[row["category"]], country=country,
                item=f"t_{row['scope']}", value=value, unit="factor", stated=stated,
            )  # fmt: skip
