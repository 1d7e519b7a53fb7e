"""The command: words, JSON, files, pictures, exit codes."""

import json
import math
from dataclasses import replace

import pytest

from ensemble.worlds import hazardous
from mini import FILES
from orebridge.charts import ensemble as charts
from orebridge.ensemble import simulate
from orebridge.ensemble.draws import draw
from orebridge.reports.ensemble import page, section
from orebridge.reports.section import lines_of
from orebridge.shocks import parse_shock
from orebridge.world import load_world
from typed import told


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return hazardous(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def found(folder):
    return simulate(24, 1, months=12, world=load_world(folder))


def test_json_is_pure_and_adds_up(folder, capsys, found):
    code, out, _ = told(capsys, "simulate", "--runs", "24", "--months", "12", "--world", str(folder), "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer == json.loads(json.dumps(found.to_dict()))
    assert answer["runs"] == 24 and answer["way"] == "alone" and answer["members"] == ["USA", "JPN"]
    assert answer["total"]["expected_usd"] > 0
    chains = [row for row in answer["subjects"] if row["kind"] == "chain"]
    assert sum(row["expected_usd"] for row in chains) == pytest.approx(answer["total"]["expected_usd"])
    assert answer["total"]["cvar95_usd"] >= answer["total"]["var95_usd"] >= 0
    assert answer["without_a_plan"]["expected_usd"] >= answer["total"]["expected_usd"] - 1e-6
    assert {row["parameter"] for row in answer["distributions"]} >= {"probability", "correlation", "severity"}
    assert all(row["source"] for row in answer["distributions"])


def test_words_and_files(folder, capsys, tmp_path):
    out = tmp_path / "out"
    options = ("--runs", "24", "--months", "12", "--world", str(folder), "--out", str(out))
    code, said, _ = told(capsys, "simulate", *options)
    assert code == 0
    for words in (
        "What may be lost over 12 months",
        "Expected loss:",
        "By chain",
        "What drives the worst",
        "Before you quote",
    ):
        assert words in said
    names = {path.name for path in out.iterdir()}
    assert {"ensemble.html", "ensemble.json", "losses.csv", "losses.parquet", "hangs.csv", "distributions.csv"} <= names
    assert not [name for name in names if name.startswith(".writing")]
    text = (out / "ensemble.html").read_text(encoding="utf-8")
    assert "<script src" not in text and "<link" not in text
    assert json.loads((out / "ensemble.json").read_text(encoding="utf-8"))["runs"] == 24


def test_show_prints_what_happens_as_shock_files(folder, capsys, found):
    busy = next(n for n in range(24) if draw(found.setting.hazards, 1, n, 12).shocks)
    code, out, _ = told(capsys, "simulate", "--show", str(busy), "--months", "12", "--world", str(folder))
    assert code == 0
    parts = out.split("# ")[1:]
    shocks = [parse_shock(part.split("\n", 1)[1], part.split("\n", 1)[0]) for part in parts]
    assert shocks and all(shock.source == f"drawn: run {busy} of seed 1" for shock in shocks)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--runs", "0"), 4, "--runs must be from 1"),
        (("--runs", "many"), 2, "Invalid value"),
        (("--way", "treaty"), 4, "--way must be alone or joint"),
        (("--show", "-1"), 4, "--show must be"),
        (("--chains", "tin"), 4, "no chain 'tin'"),
    ],
)
def test_wrong_use_is_one_message_and_an_exit_code(folder, capsys, options, code, words):
    got, out, err = told(capsys, "simulate", "--months", "12", "--world", str(folder), *options)
    assert got == code
    assert words in err
    assert out == ""


def test_another_store_is_exit_code_8_and_no_cluster_9(folder, monkeypatch, capsys, tmp_path):
    options = ("--runs", "4", "--months", "12", "--world", str(folder), "--store", str(tmp_path / "s"), "--json")
    assert told(capsys, "simulate", *options)[0] == 0
    code, out, err = told(capsys, "simulate", *options, "--seed", "2")
    assert (code, out) == (8, "")
    assert "seed (--seed): 1 in the store, 2 now" in err
    from orebridge.ensemble import spread

    monkeypatch.setattr(spread, "ANSWER", 0.5)
    code, out, err = told(capsys, "simulate", *options[2:], "--runs", "8", "--scheduler", "tcp://127.0.0.1:1")
    assert (code, out) == (9, "")
    assert err.startswith("orebridge: no cluster answers at tcp://127.0.0.1:1")


def test_pictures_show_the_figures(found):
    curve = charts.exceedance(found)
    line = curve.data[0]
    assert max(line.x) == pytest.approx(found.summary.exceedance["loss_usd"].max() / 1e6)
    assert min(line.y) == pytest.approx(1 / 24)
    marked = [shape.x0 for shape in curve.layout.shapes if shape.type == "line"]
    assert marked == pytest.approx([found.summary.total.expected / 1e6, found.summary.total.tail / 1e6])
    running = charts.convergence(found)
    assert running.data[1].y[-1] == pytest.approx(found.summary.total.expected / 1e6)
    assert running.data[2].y[-1] == pytest.approx(found.summary.total.tail / 1e6)
    bars = charts.where(found)
    assert sum(bars.data[1].x) == pytest.approx(found.summary.total.expected / 1e6)


def test_absent_usd_are_said_to_be_absent(tmp_path):
    # The small world states no value of essential use.
    values = {"values": FILES["values"], "prices": FILES["prices"]}
    answer = simulate(16, 1, months=12, world=load_world(hazardous(tmp_path, values)))
    assert answer.summary.absent
    assert math.isnan(answer.summary.total.expected)
    assert answer.to_dict()["total"]["expected_usd"] is None
    text = "\n".join(lines_of(section(answer)))
    assert "The loss in USD is absent" in text and "USD are absent" in text and "ndfeb/magnet" in text
    assert "No figure in USD" in page(answer)


def test_no_button_of_the_page_sends_a_chart_away(found):
    text = page(found)
    assert "default-src 'none'" in text and "form-action 'none'" in text
    assert text.count('"showSendToCloud": false') == len(section(found).figures)


def test_text_from_tables_is_not_markup(found):
    hazards = found.summary.hazards.assign(label="<b>x</b>")
    assert "<b>x</b>" not in page(replace(found, summary=replace(found.summary, hazards=hazards)))
