"""Importers: publishers' original files into the workspace, one module per source with its side files as data.

A new source is a module with `ACCEPTS` and `read`, a folder of side files in `data/`, and a line in
`reading.SOURCES`; `tests/importers/test_contract.py` holds it to the rest.
"""

from orebridge.importers.reading import SOURCES, Imported, Wish, import_source

__all__ = ["SOURCES", "Imported", "Wish", "import_source"]
