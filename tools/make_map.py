"""Make the bundled map: `python tools/make_map.py SHAPEFILE` (Natural Earth 1:110m countries; needs pyshp).

Writes src/orebridge/data/map/countries.geojson: one feature per country with `iso` (alpha-3), `name` and rings rounded
to 0.01 degree. Antarctica and areas without an ISO code are left out. The source is stated in data/map/README.md.
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path

import shapefile

TARGET = Path(__file__).resolve().parents[1] / "src" / "orebridge" / "data" / "map" / "countries.geojson"
# Natural Earth leaves the code of areas blank whose state is disputed; those with an ISO code get it by name.
BY_NAME = {"France": "FRA", "Norway": "NOR"}
LEFT_OUT = {"ATA"}


def rings(shape: shapefile.Shape) -> list[list[list[float]]]:
    """The rings of a shape, rounded, without repeated points; rings of fewer than four points are dropped."""
    cuts = [*shape.parts, len(shape.points)]
    found = []
    for first, last in pairwise(cuts):
        ring: list[list[float]] = []
        for x, y in shape.points[first:last]:
            point = [round(float(x), 2), round(float(y), 2)]
            if not ring or ring[-1] != point:
                ring.append(point)
        if len(ring) >= 4:
            found.append(ring)
    return found


def main(path: str) -> None:
    """Convert and report what was written."""
    features = []
    for item in shapefile.Reader(path).shapeRecords():
        record = {key.lower(): value for key, value in item.record.as_dict().items()}
        name = str(record.get("name") or record.get("name_long"))
        code = next((str(record[k]) for k in ("iso_a3_eh", "iso_a3") if str(record.get(k, "-99")) != "-99"), "")
        code = code or BY_NAME.get(name, "")
        if len(code) != 3 or code in LEFT_OUT:
            continue
        features.append({
            "type": "Feature", "properties": {"iso": code, "name": name},
            "geometry": {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings(item.shape)]},
        })  # fmt: skip
    features.sort(key=lambda feature: feature["properties"]["iso"])
    text = json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":"), ensure_ascii=False)
    TARGET.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(features)} countries, {TARGET.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main(sys.argv[1])
