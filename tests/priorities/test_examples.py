"""The examples in the docstrings of the ranking run as printed."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = (
    "arrays",
    "eu2023",
    "geopolrisk",
    "iea_n1",
    "method",
    "ranking",
    "subjects",
    "usgs2021",
    "worldmonitor",
    "yale",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(import_module(f"orebridge.priorities.{name}"))
    assert result.failed == 0 and result.attempted > 0
