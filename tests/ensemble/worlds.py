"""A small whole world with hazards: the mini world, whose ore, metal and magnets may be cut off."""

from __future__ import annotations

import csv
from pathlib import Path

from mini import FACT, add, write
from orebridge.tables import bundled_folder

HAZARDS = (
    "hazard,label,kind,origin,to,commodities,countries,processes,sites,passage,liability_stages,group,note\n"
    "aus-metal,Australia stops metal,ban,AUS,,dysprosium/metal,,,,,,AUS,\n"
    "aus-metal-japan,Australia stops metal for Japan,ban,AUS,JPN,dysprosium/metal,,,,,0,AUS,\n"
    "aus-licence,Australia licenses metal,licence,AUS,,dysprosium/metal,,,,,,AUS,\n"
    "big-hill,Big Hill stands still,outage,,,,,,aus-mine,,,weather,\n"
    "strait,Strait closed,chokepoint,,,,,,,malacca,,weather,\n"
    "more-magnets,More magnets,surge,,,ndfeb/magnet,members,,,,,demand,\n"
)
FIGURES = (
    f"hazard,parameter,{FACT}\n"
    "*,correlation,0.4,share,,0,0.8,me,assumed\n"
    "*,probability,0.3,share per year,,0.1,0.6,me,assumed\n"
    "*,length,4,months,,2,8,me,assumed\n"
    "*,severity,0.8,share,,0.4,1,me,assumed\n"
    "*,leakage,0.1,share,,0,0.3,me,assumed\n"
    "*,delay,2,months,,1,3,me,assumed\n"
    "more-magnets,severity,0.2,share,,0.1,0.5,me,assumed\n"
)


def _bundled(table: str) -> str:
    """A table of the bundled world, with the small world's own source."""
    with (bundled_folder() / "common" / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    at = rows[0].index("source")
    lines = [",".join(rows[0])]
    for row in rows[1:]:
        cells = [cell.replace(",", ";").replace('"', "") for cell in row]
        cells[at] = "me"
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def hazardous(folder: Path, *changes: dict[str, str]) -> Path:
    """The files of the small world with hazards."""
    values = add("values", "ndfeb/magnet,essential,5000,USD/kg,,2500,9000,me,assumed")
    prices = add(
        "prices", "ndfeb/magnet,FOB,100,USD/kg,product,,,me,read", "dysprosium/ore,FOB,50,USD/kg,element,,,me,read"
    )
    base = {
        **values,
        **prices,
        "assumptions": _bundled("assumptions"),
        "hazards": HAZARDS,
        "shock_distributions": FIGURES,
    }
    return write(folder, base, *changes)
