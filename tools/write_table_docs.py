"""Write docs/tables.md from the schema: `python tools/write_table_docs.py`; `--check` only compares (exit code 1)."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from orebridge.provenance import CONFIDENCE
from orebridge.schema import VALUE_KIND, is_fact_table, schema
from orebridge.units import MASS, MIXED_OXIDE, MONEY, PARAMETER, PER, RATE, TIME_DAYS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tables.md"
KINDS = {
    "flow": "mass per time of the commodity; inside t/yr as the commodity is counted",
    "stock": "mass of the commodity; inside t as the commodity is counted",
    "gross flow": "customs weight per time, basis gross; inside t/yr",
    "published flow": "mass per time in the basis of its source; inside t/yr of that basis, compared only as shares within one source",
    "published stock": "mass in the basis of its source; inside t of that basis",
    "activity": "tonnes of the process's (or host's) activity per time; inside t/yr",
    "rate": "t/t between tonnes as the commodities are counted; oxide factors do not belong here",
    "days": "time; inside days",
    "months": "time; inside months",
    "share": "share or %; inside a share",
    "loss value": "USD per tonne as the commodity is counted (or of the stated basis); inside USD/t",
    "price": "USD per mass of the stated basis; inside USD/t as the commodity is counted",
    "limit": "share or months",
    "parameter": "share, time, price or factor, as the parameter needs",
    "fix cost": "factor, or money; inside factor or USD m",
    "money": "inside USD m",
    "stated": "shown as printed; does not enter the model",
}


def page() -> str:
    """The whole page as Markdown."""
    parts = [
        "# Tables",
        "",
        "Written by `tools/write_table_docs.py` from `src/orebridge/data/attributes.csv`; change that file, not this page.",
        "",
        "A world is a folder of CSV files (UTF-8, commas) at any depth. A file is called after its table; files of the",
        "same name in different folders are one table. `python -m orebridge.tables FOLDER` lists all faults at once.",
        "A row is named by its key columns (**bold**). Two rows with one key need exactly one `preferred` row.",
        "Absent is not zero: leave out what nobody publishes, and say why in `withheld`.",
        "",
        *_units(),
        "## Columns of every fact table",
        "",
        *_columns(_common()),
        "",
    ]
    for table, attributes in schema().items():
        own = [a for a in attributes.values() if a.table != "*"]
        parts += [f"## {table}", ""]
        if is_fact_table(table):
            parts += [f"Fact table. Value: {KINDS[VALUE_KIND[table]]}.", ""]
        parts += [*_columns([(a.name, a.type, a.required, a.key, a.default, a.description) for a in own]), ""]
    return "\n".join(parts).rstrip() + "\n"


def _units() -> list[str]:
    return [
        "## Units and bases",
        "",
        f"- Mass: {', '.join(MASS)} (oz is the troy ounce; mtu is 10 kg of the basis), per time: {', '.join(filter(None, PER))}.",
        "- Basis: `element`, `oxide:FORMULA` or `compound:FORMULA` (such as `oxide:Dy2O3`, `compound:NiSO4.6H2O`) for",
        "  commodities counted in contained element; `product` for commodities counted in product; `gross` for customs weight.",
        f"- Mixed metals: {', '.join(f'{metal} as oxide:{oxide} ({share})' for (metal, oxide), share in MIXED_OXIDE.items())}.",
        f"- Time: {', '.join(TIME_DAYS)} (5 working days are 7 days). Shares: share, %. Rates: {', '.join(RATE)}.",
        f"- Prices: USD per any mass above. Money: {', '.join(MONEY)}. Parameters and limits: {', '.join(PARAMETER)}.",
        "",
        "## Confidence",
        "",
        *[
            f"- `{word}` {f'[{letter}]' if letter else '(no mark)'}: {meaning}"
            for word, (letter, meaning) in CONFIDENCE.items()
        ],
        "",
    ]


def _common() -> list[tuple[str, str, bool, bool, str, str]]:
    file = ROOT / "src" / "orebridge" / "data" / "attributes.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["table"] == "*"]
    return [(r["attribute"], r["type"], r["required"] == "yes", False, r["default"], r["description"]) for r in rows]


def _columns(items: list[tuple[str, str, bool, bool, str, str]]) -> list[str]:
    lines = ["| column | type | required | meaning |", "|---|---|---|---|"]
    for name, kind, required, key, default, meaning in items:
        words = kind.replace("|", " \\| ")
        need = f"else {default}" if default else "yes" if required else ""
        lines.append(f"| {f'**{name}**' if key else name} | {words} | {need} | {meaning.replace('|', chr(92) + '|')} |")
    return lines


def main(arguments: list[str]) -> int:
    """Write or compare the page."""
    if "--check" not in arguments:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    sys.stderr.write("docs/tables.md is not what the schema says; run python tools/write_table_docs.py.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
