"""The examples in the docstrings of the data side run as printed."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = (
    "orebridge.build", "orebridge.checks", "orebridge.importers.cells", "orebridge.importers.opening",
    "orebridge.importers.sidefiles", "orebridge.layout", "orebridge.provenance", "orebridge.reading", "orebridge.stories",
    "orebridge.stories.section", "orebridge.units",
)  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(import_module(name))
    assert result.failed == 0
    assert result.attempted > 0
