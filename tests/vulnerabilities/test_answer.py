"""The whole answer: command, JSON with its schema, page, tables, refusals, documentation."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
from typer.testing import CliRunner

from orebridge.charts import vulnerabilities as charts
from orebridge.cli import app
from orebridge.errors import OrebridgeError, ShockError, UnknownLabel
from orebridge.reports.vulnerabilities import page, section, write_vulnerabilities
from orebridge.vulnerabilities.assess import vulnerabilities
from orebridge.vulnerabilities.columns import COLUMNS, TABLES
from orebridge.vulnerabilities.result import Vulnerabilities, schema
from orebridge.vulnerabilities.verb import redteam

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def gallium() -> Vulnerabilities:
    return vulnerabilities(["gallium"], months=12, length=6, pairs=1, helped=1)


def test_json_is_valid_and_absent_is_null(gallium: Vulnerabilities) -> None:
    content = json.loads(json.dumps(gallium.to_dict(), allow_nan=False))
    jsonschema.validate(content, schema(gallium.tables))
    assert content["chains"] == ["gallium"] and content["length"] == 6
    slack = [row["slack"] for row in content["tables"]["host_limits"]]
    assert None in slack


def test_every_table_and_column_is_described_and_used(gallium: Vulnerabilities) -> None:
    assert set(gallium.tables) == set(TABLES)
    assert {str(c) for frame in gallium.tables.values() for c in frame.columns} == set(COLUMNS)


def test_the_documentation_lists_every_column() -> None:
    text = (ROOT / "docs" / "vulnerabilities.md").read_text(encoding="utf-8")
    for name, words in TABLES.items():
        assert f"`{name}`" in text and words in text, name
    for column, (_, words) in COLUMNS.items():
        assert f"| `{column}` | {words} |" in text, column


def test_losses_and_products_add_up_to_the_contingencies(gallium: Vulnerabilities) -> None:
    table, losses, products = (gallium.tables[name] for name in ("contingencies", "losses", "products"))
    keys = ["chain", "kind", "name"]
    for way, column in (("unaided", "unaided"), ("alone", "planned")):
        own = losses[losses["way"] == way]
        usd = own.groupby(keys)["usd"].sum()
        stated = table.set_index(keys)[f"{column}_usd"]
        assert usd.reindex(stated.index, fill_value=0.0).to_numpy() == pytest.approx(
            stated.to_numpy(), rel=1e-9, abs=1e-3
        )
        tonnes = products[products["way"] == way].groupby(keys)["tonnes"].sum()
        stated = table.set_index(keys)[f"{column}_t"]
        assert tonnes.reindex(stated.index, fill_value=0.0).to_numpy() == pytest.approx(
            stated.to_numpy(), rel=1e-9, abs=1e-9
        )
    passages = gallium.tables["passages"].set_index("passage")["planned_usd"]
    own = table[table["kind"] == "chokepoint"].groupby("name")["planned_usd"].sum()
    assert passages.reindex(own.index).tolist() == pytest.approx(own.tolist())


def test_the_page_opens_without_a_network_and_shows_every_figure(gallium: Vulnerabilities) -> None:
    text = page(gallium)
    without_library = re.sub(r"<script>/\*\*.*?</script>", "", text, flags=re.S)
    assert "<script src=" not in text and "<link" not in without_library
    for name, _, make in section(gallium).figures:
        assert f'id="{name}"' in text
        assert len(make().data) >= 1, name
    assert "Where supply to the United States and Japan breaks" in text
    # Nothing on it sends a chart, with the private figures it may hold, to anybody.
    assert "default-src 'none'" in text and "form-action 'none'" in text
    assert text.count('"showSendToCloud": false') == len(section(gallium).figures)


def test_the_largest_figure_is_told_as_tonnes_and_an_assumed_value(gallium: Vulnerabilities) -> None:
    worst = gallium.worst(1, lumps=True).iloc[0]
    told = next(text for text in section(gallium).warnings if text.startswith("The largest figure"))
    assert worst["words"] in told and f"{worst['planned_t']:,.0f} t short" in told
    # The rows of values state 10 to 120 million USD a tonne, each from about a third to three times that.
    assert "0.3 to 3.3 times" in told


def test_pictures_of_nothing_say_so(gallium: Vulnerabilities) -> None:
    empty = {name: frame.iloc[:0] for name, frame in gallium.tables.items()}
    bare = Vulnerabilities(gallium.network, gallium.world, (), 12, 6, "alone", empty)
    for draw in (charts.exposure, charts.single_hits, charts.survival, charts.host_cuts):
        figure = draw(bare)
        assert not figure.data and figure.layout.annotations[0].text


def test_files_are_written_all_or_none(gallium: Vulnerabilities, tmp_path: Path) -> None:
    written = write_vulnerabilities(gallium, tmp_path / "answer")
    assert written[0].name == "vulnerabilities.html"
    assert {f"{name}.csv" for name in TABLES} <= {path.name for path in written}
    back = pd.read_csv(tmp_path / "answer" / "contingencies.csv")
    assert back["planned_usd"].tolist() == pytest.approx(gallium.tables["contingencies"]["planned_usd"].tolist())


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"names": ["unobtainium"]}, UnknownLabel, "nothing is called 'unobtainium'"),
        ({"names": ["gallium"], "members": ["XXX"]}, UnknownLabel, "XXX"),
        ({"names": ["gallium"], "only": ["gallium/primary:FRA"]}, ShockError,
         r"touches nothing in gallium: no supplier or .* has that name \(nearest: gallium/primary:"),
        ({"names": ["gallium"], "kinds": ["volcano"]}, ShockError, "no kind of hit 'volcano'"),
        ({"names": ["gallium"], "length": 30}, ShockError, "--length must be from 1 to the months of the plan"),
        ({"names": ["gallium"], "months": 0}, ShockError, "--months must be from 1 to 120"),
        ({"names": ["gallium"], "pairs": -1}, ShockError, "0 or more"),
        ({"names": ["gallium"], "way": "treaty"}, ShockError, "alone or joint"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_its_repair(
    settings: dict[str, object], error: type[OrebridgeError], words: str
) -> None:
    with pytest.raises(error, match=words):
        vulnerabilities(**settings)  # type: ignore[arg-type]


def test_the_command_answers_in_words_and_json(tmp_path: Path) -> None:
    """A world without times to recover, hosts or owners still answers, and says what it does not know."""
    call = ["vulnerabilities", "--world", str(ROOT / "tests" / "worlds" / "swarf"), "--for", "JPN", "--months", "12",
            "--length", "3", "--only", "dysprosium/*"]  # fmt: skip
    said = CliRunner().invoke(app, [*call, "--out", str(tmp_path / "out")])
    assert said.exit_code == 0, said.output
    assert "Where supply to Japan breaks" in said.output
    assert (tmp_path / "out" / "vulnerabilities.json").exists()
    told = CliRunner().invoke(app, [*call, "--json"])
    names = {row["name"] for row in json.loads(told.stdout)["tables"]["contingencies"]}
    assert names == {"dysprosium/metal:CHN", "dysprosium/metal:CHN>JPN"}
    assert {row["status"] for row in json.loads(told.stdout)["tables"]["survival"]} == {"unknown"}


def test_members_and_workers_do_not_change_a_chains_figures(gallium: Vulnerabilities) -> None:
    """Chains are solved side by side in any order: beside another chain gallium's rows are the same to the last digit."""
    both = vulnerabilities(["gallium", "indium"], months=12, length=6, pairs=1, plan_survival=False)
    own = both.tables["contingencies"]
    own = own[own["chain"] == "gallium"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, gallium.tables["contingencies"].reset_index(drop=True))


def test_routes_join_pairs_only_if_asked() -> None:
    calls = {
        asked: vulnerabilities(["gallium"], months=6, length=3, pairs=1, plan_survival=False, route_pairs=asked)
        for asked in (False, True)
    }
    counts = {asked: int(found.tables["pair_search"]["pairs"].iloc[0]) for asked, found in calls.items()}
    hits = calls[True].tables["contingencies"]["kind"]
    others = int((hits != "route").sum())
    assert counts == {False: others * (others - 1) // 2, True: len(hits) * (len(hits) - 1) // 2}
    worst = [float(calls[asked].tables["pairs"]["planned_usd"].iloc[0]) for asked in (False, True)]
    assert worst[1] >= worst[0] - 1.0


def test_hits_that_last_to_the_end_of_the_months_followed_are_warned_of(gallium: Vulnerabilities) -> None:
    assert not any("Losses are followed to month" in text for text in section(gallium).warnings)
    whole = replace(gallium, length=12)
    assert "Losses are followed to month 12 only" in section(whole).warnings[0]


def test_members_that_use_nothing_are_refused_or_warned_of() -> None:
    """A loss of 0 of a country without use is no answer: alone it is refused, beside others it is said."""
    with pytest.raises(UnknownLabel, match=r"member NZL: no use and no site .* unknown, not zero"):
        vulnerabilities(["gallium"], ["NZL"], months=6, length=3)
    found = vulnerabilities(["gallium"], ["JPN", "NZL"], months=6, length=3, plan_survival=False)
    assert (
        found.warnings[0] == "New Zealand: no use of these minerals is modelled there, so its loss of 0 says nothing."
    )
    with pytest.raises(UnknownLabel, match="member NZL"):
        redteam(["gallium"], ["NZL"], months=6, length=3, hits=1, fixes=0)


def test_the_page_says_where_a_chain_stops(gallium: Vulnerabilities) -> None:
    """Members buy tellurium as cadmium telluride: a small loss of metal is no all-clear, so the last stage is told."""
    metal = vulnerabilities(["tellurium"], months=12, length=6, pairs=0, plan_survival=False)
    told = [text for text in section(metal).warnings if "is followed to" in text]
    assert told and "not the compounds made of it (cadmium telluride" in told[0]
    assert any(text.startswith("Gallium is followed to gallium in") for text in section(gallium).warnings)
