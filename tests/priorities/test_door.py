"""The command, its files, pictures, single points of failure: what a user meets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import typed
from orebridge.charts.priorities import heat_map, rank_flow, risk_against_importance
from orebridge.errors import OutputError, UnknownLabel
from orebridge.priorities.failures import single_points
from orebridge.priorities.page import section, write
from orebridge.priorities.verb import Priorities, priorities, read_weights
from orebridge.priorities.words import WIDTH, lines_of
from tests.priorities.bundled import inputs, world


@pytest.fixture(scope="module")
def result() -> Priorities:
    return priorities(("USA", "JPN"), world=world(), inputs=inputs(), draws=20, flip=("germanium", "niobium"))


def run(*words: str) -> int:
    return typed.run("priorities", "--draws", 5, *words)


def test_words_fit_a_hundred_columns_and_say_the_main_things(result: Priorities) -> None:
    lines = lines_of(result)
    assert max(map(len, lines)) <= WIDTH
    text = "\n".join(lines)
    for word in ("Japan and United States as one economy", "Kendall's tau", "They differ most on", "change places", "Single points of failure", "Rests on: 2024", "World Mining Data"):  # fmt: skip
        assert word in text, word
    assert not {"nan", "None", "inf"} & set(text.replace("(", " ").replace(",", " ").split())


def test_words_claim_no_difference_where_there_is_none() -> None:
    """HHI and the N-1 coverage are of the world: the same ranks everywhere; and two methods cannot outvote a third."""
    same = priorities(("USA", "JPN"), methods=("hhi", "iea_n1"), world=world(), inputs=inputs(), draws=3)
    text = " ".join(lines_of(same))
    assert "No mineral's overall rank differs between the economies." in text and "Ranks differ most" not in text
    assert same.disagreements().empty
    two = priorities(("USA", "JPN"), methods=("hhi", "eu2023"), world=world(), inputs=inputs(), draws=3)
    text = " ".join(lines_of(two))
    assert "Kendall's tau" in text and "They differ most on" not in text and "Ranks differ most" in text


def test_dict_is_plain_json(result: Priorities) -> None:
    text = json.dumps(result.to_dict(), allow_nan=False)
    back = json.loads(text)
    assert [s["subject"] for s in back["subjects"]] == ["JPN", "USA", "JPN+USA as one"]
    first = next(r for r in back["subjects"][1]["scores"]["geopolrisk"] if r["mineral"] == "gallium")
    assert first["score"] is None and first["absent_reason"] == "no trade heading of its own"
    assert back["flip"]["minerals"] == ["germanium", "niobium"] and back["vintage"] and back["data_version"]


def test_absent_is_said_of_methods_without_any_score() -> None:
    found = priorities(("JPN",), methods=("usgs2021", "hhi"), world=world(), inputs=inputs(), draws=3)
    assert any("USGS 2021" in note and "United States only" in note for note in found.notes)
    other = priorities(("CHL",), methods=("geopolrisk",), world=world(), inputs=inputs(), draws=3)
    assert any("no imports of CHL" in note for note in other.notes)
    # Chile mines copper and its imports are in no table: not known is not none.
    for members in (("CHL",), ("CHL", "USA")):
        found = priorities(members, methods=("geopolrisk", "worldmonitor"), world=world(), inputs=inputs(), draws=3)
        for ranking in found.rankings:
            for name, frame in ranking.scores.items():
                unknown = "CHL" in ranking.subject.members
                assert frame["score"].isna().all() == unknown, (ranking.subject.label, name)
                told = frame.loc[frame["mineral"] == "copper", "absent_reason"].iloc[0]
                assert (told == "no imports of Chile stated") == unknown


def test_pictures_hold_what_the_ranking_says(result: Priorities) -> None:
    risk, flow, heat = (draw(result) for draw in (risk_against_importance, rank_flow, heat_map))
    assert [t.name for t in risk.data] == ["JPN", "USA", "JPN+USA as one"]
    assert all((t.error_y.array >= 0).all() and (t.error_y.arrayminus >= 0).all() for t in risk.data)
    table = result.rankings[-1].table
    assert [t.name for t in flow.data] == table["label"].head(10).tolist()
    assert list(heat.data[0].y) == table["label"].head(22).tolist()
    texts = dict(zip(zip(*heat.data[0].x, strict=True), heat.data[0].text[0], strict=True))
    assert texts["HHI", "all"] == "1" and ("USGS 2021", "USA") in texts
    alone = priorities(("JPN",), methods=("hhi",), world=world(), inputs=inputs(), draws=3)
    assert "left out" in str(risk_against_importance(alone).to_json())


def test_files(result: Priorities, tmp_path: Path) -> None:
    made = write(result, tmp_path / "out")
    assert made[0].name == "priorities.html" and {p.name for p in made} >= {"ranking.csv", "scores.csv", "priorities.json", "agreement.csv", "single_points.csv"}  # fmt: skip
    html = made[0].read_text(encoding="utf-8")
    assert "http" not in section(result).replace("http://www.w3.org", "") and html.count("Plotly.newPlot(") >= 3
    assert not list((tmp_path / "out").glob(".writing*"))
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError):
        write(result, tmp_path / "file")


def test_labels_from_tables_are_not_markup(result: Priorities) -> None:
    hostile = inputs().minerals.assign(
        label=lambda f: f["label"].where(f["mineral"] != "gallium", "<script>alert(1)</script>")
    )
    found = priorities(("USA",), world=world(), inputs=inputs().replace(minerals=hostile), draws=3)
    assert "<script>alert" not in section(found)


def test_single_points() -> None:
    points = single_points(world(), ("USA", "JPN"))
    samarium = points[points["commodity"] == "samarium/metal"]
    assert set(samarium["sole"]) == {"country", "owner"} and (samarium["name"] == "China").all()
    assert (points[points["sole"] == "country"]["share"] >= 0.9).all()
    own = points[points["scope"] == "members"]
    assert (own["sole"] == "facility").all() and "lithium/chemical" in set(own["commodity"])
    assert not points["commodity"].str.contains("concentrate-").any()


def test_weights_from_files(tmp_path: Path) -> None:
    for name, text in (
        ("w.toml", "[weights]\nhhi = 2\nyale = 1\n"),
        ("w.json", '{"hhi": 2, "yale": 1}'),
        ("w.csv", "method,weight\nhhi,2\nyale,1\n"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert read_weights(tmp_path / name) == {"hhi": 2.0, "yale": 1.0}
    (tmp_path / "bad.toml").write_text("hhi = much", encoding="utf-8")
    for path in (tmp_path / "bad.toml", tmp_path / "none.toml"):
        with pytest.raises(UnknownLabel, match="hhi = 1"):
            read_weights(path)


def test_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("--json", "--for", "usa", "--method", "hhi", "--method", "yale") == 0
    assert [m["name"] for m in json.loads(capsys.readouterr().out)["methods"]] == ["hhi", "yale"]
    assert run("--as-one", "--out", str(tmp_path / "answer")) == 0
    captured = capsys.readouterr()
    assert "as one economy" in captured.out and "priorities.html" in captured.err


def test_methods_that_score_nothing_are_an_answer_and_not_a_crash(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("--for", "JPN", "--method", "usgs2021", "--out", str(tmp_path / "out")) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "No mineral has a score under these methods" in text and "assessed for the United States only" in text
    assert run("--for", "JPN", "--method", "hhi", "--method", "yale") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "between HHI (concentration of output) and Yale" in text and "They differ most on" not in text


@pytest.mark.parametrize(("words", "said"), [
    (("--for", "USAA"), "three capitals"), (("--method", "hh"), "nearest: hhi"), (("--year", "1999"), "the tables hold 2024"),
    (("--weights", "no-such-file.toml"), "cannot read"), (("--flip", "gallium"), "two minerals"), (("--flip", "gallium,tinn"), "nearest: tin"),
    (("--draws", "0"), "draws must be"), (("--world", "no-such-folder"), "no such folder"),
])  # fmt: skip
def test_wrong_use_is_one_message(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    assert run(*words) in (2, 3, 4)
    assert said in capsys.readouterr().err


def test_own_rows_replace_bundled_ones_and_are_not_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "import_reliance.csv").write_text(
        "mineral,country,value,unit,year,source,confidence\ngallium,USA,10,%,2025,mine,read\n", encoding="utf-8"
    )
    (own / "sources.csv").write_text("source,publisher,title\nmine,Us,Our figures\n", encoding="utf-8")
    monkeypatch.setenv("OREBRIDGE_CACHE", str(tmp_path / "cache"))
    assert run("--for", "USA", "--method", "usgs2021", "--json", "--data", str(own)) == 0
    rows = json.loads(capsys.readouterr().out)["subjects"][0]["scores"]["usgs2021"]
    assert next(r for r in rows if r["mineral"] == "gallium")["reliance_now"] == pytest.approx(0.1)
    assert not (tmp_path / "cache").exists()
