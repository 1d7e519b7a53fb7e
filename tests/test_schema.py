"""The schema is one table; code and documentation agree with it."""

import subprocess
import sys
from pathlib import Path

import pytest

from orebridge.schema import VALUE_KIND, is_fact_table, keys_of, schema

ROOT = Path(__file__).resolve().parents[1]
KNOWN_TYPES = {
    "text", "number", "bool", "id", "hs", "table", "country", "country_or_any", "countries", "country_or_zone",
    "scope", "places", "hazard_scope", "element", "formula", "source", "enum", "list", "ref",
}  # fmt: skip


def test_fact_tables_are_those_with_a_kind_of_value():
    assert {table for table in schema() if is_fact_table(table)} == set(VALUE_KIND)


def test_every_type_is_one_the_loader_checks():
    types = {a.type.partition(":")[0] for attributes in schema().values() for a in attributes.values()}
    assert types <= KNOWN_TYPES


def test_references_point_to_tables_and_every_table_has_a_key():
    for table, attributes in schema().items():
        assert keys_of(table), table
        for attribute in attributes.values():
            if attribute.type.startswith("ref:"):
                assert attribute.type[4:].partition(".")[0] in schema()


def test_enumerations_and_lists_have_words():
    limit = schema()["limits"]["limit"]
    assert limit.choices == ("surge", "ramp", "recover", "start")
    assert "suez" in schema()["transit"]["chokepoints"].choices
    assert schema()["sites"]["name"].choices == ()


@pytest.mark.skipif(not (ROOT / "tools").is_dir(), reason="runs in the source tree only")
def test_the_page_of_tables_is_up_to_date():
    script = ROOT / "tools" / "write_table_docs.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
