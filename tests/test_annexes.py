"""Further sections of a brief: by the real command on a small chain, with their files; what fails takes nothing with it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

import answers
from orebridge import annexes as made
from orebridge.annexes import TITLES, annexes, chosen
from orebridge.errors import NetworkError, OrebridgeError, OutputError, UnknownLabel
from orebridge.reports import write
from orebridge.reports.annex import Annex, Cell, Table
from orebridge.reports.brief import render
from orebridge.reports.plan_json import schema
from test_charts import HOSTILE
from test_reports import Page
from typed import run

ROOT = Path(__file__).parent
BAN = """
title = "China sells no gallium wafers"
source = "exercise"

[[event]]
kind = "ban"
origin = "CHN"
commodities = ["gallium/wafer"]
months = 3
leak = 0.0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All four sections on gallium, with few draws and one fix."""
    place = tmp_path_factory.mktemp("brief")
    (place / "ban.toml").write_text(BAN, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made, "RUNS", 12)
        patch.setattr(made, "FIXED", 1)
        code = run(
            "respond",
            place / "ban.toml",
            "--months",
            6,
            "--quick",
            "--with",
            ",".join(TITLES),
            "--out",
            place / "answer",
        )
    assert code == 0
    return place / "answer"


def test_every_section_is_in_the_page_and_its_contents(folder: Path) -> None:
    text = (folder / "brief.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.fetches == [] and len(page.scripts) == 2
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    for name in TITLES:
        assert name in page.ids and f"#{name}" in page.links
    figures = re.findall(
        r'id="figure-((?:priorities|vulnerabilities|redteam|simulate)-[^"]*)">(.*?)</script>', text, re.S
    )
    assert {name for name, _ in figures} >= {
        "priorities-heat", "vulnerabilities-exposure", "vulnerabilities-survival", "vulnerabilities-upstream-0", "redteam-worst",
        "redteam-fixes", "simulate-exceedance",
    }  # fmt: skip
    for name, figure in figures:
        assert json.loads(figure)["data"], name
        assert f'data-figure="figure-{name}"' in text


def test_every_section_marks_how_its_figures_are_known(folder: Path) -> None:
    text = (folder / "brief.html").read_text(encoding="utf-8")
    for name in TITLES:
        own = text.partition(f'<h2 id="{name}">')[2].partition("<h2 ")[0]
        assert 'class="m m-assumed"' in own, name
        assert 'class="warn"' in own, name
    stages = text.partition("The most concentrated stages")[2].partition("</table>")[0]
    assert 'class="m m-derived"' in stages and 'class="m m-computed"' in stages


def test_the_files_say_what_the_page_says(folder: Path) -> None:
    text = (folder / "brief.html").read_text(encoding="utf-8")
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema()).validate(plan)
    hits = json.loads((folder / "vulnerabilities.json").read_text(encoding="utf-8"))
    jsonschema.validate(hits, json.loads((folder / "vulnerabilities.schema.json").read_text(encoding="utf-8")))
    assert hits["chains"] == plan["chains"] == ["gallium"]
    assert (hits["months"], hits["length"], hits["members"]) == (6, 3, ["USA", "JPN"])
    table = pd.read_parquet(folder / "vulnerabilities-contingencies.parquet")
    assert table["planned_usd"].max() == max(row["planned_usd"] for row in hits["tables"]["contingencies"])
    red = json.loads((folder / "redteam.json").read_text(encoding="utf-8"))
    assert red["chains"] == ["gallium"] and [item["proven"] for item in red["rounds"]] == [True, True]
    # The red team takes the better of two plans for members' USD, so its worst hit costs no more than the worst contingency.
    assert 0.9 * table["planned_usd"].max() < red["rounds"][0]["loss_usd"] <= table["planned_usd"].max() * (1 + 1e-9)
    assert "may be a little below" in text
    assert red["rounds"][0]["words"] in text
    drawn = json.loads((folder / "ensemble.json").read_text(encoding="utf-8"))
    assert (drawn["runs"], drawn["chains"]) == (12, ["gallium"])
    assert "the chains of this brief, Gallium." in text
    ranks = pd.read_csv(folder / "priorities-ranking.csv").set_index(["subject", "mineral"])["rank"]
    assert re.search(rf"United States, \d+ minerals ranked, 1 the worst: Gallium {ranks['USA', 'gallium']:g} \(", text)


def test_names_are_checked_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert chosen("simulate , Priorities") == ("priorities", "simulate")
    assert chosen("none") == chosen("") == ()
    with pytest.raises(UnknownLabel, match=r"no section 'redtaem'.*nearest: redteam"):
        chosen("redtaem")
    assert run("respond", "no-such-shock", "--with", "vulnerability", "--out", tmp_path / "a") == 4
    assert "nearest: vulnerabilities" in capsys.readouterr().err
    assert run("respond", "no-such-shock", "--with", "priorities") == 2
    assert "--out" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [([], True), (["--quick"], False), (["--with", "none"], False), (["--quick", "--with", "priorities"], True)],
    ids=["plain", "quick", "none", "quick but asked"],
)
def test_the_ranking_comes_by_itself_unless_the_answer_is_to_be_quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], expected: bool
) -> None:
    monkeypatch.setattr("orebridge.session.respond", lambda *_, **__: answers.small())
    asked: list[str] = []
    monkeypatch.setitem(made.MAKERS, "priorities", lambda _: asked.append("priorities") or plain("priorities"))  # type: ignore[func-returns-value]
    assert run("respond", "china-antimony-2024", *given, "--out", tmp_path) == 0
    assert bool(asked) == expected
    assert ('<h2 id="priorities">' in (tmp_path / "brief.html").read_text(encoding="utf-8")) == expected


def test_files_of_an_earlier_answer_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would else be taken for this one's: another shock's red team beside this shock's plan."""
    monkeypatch.setattr("orebridge.session.respond", lambda *_, **__: answers.small())
    monkeypatch.setitem(made.MAKERS, "redteam", lambda _: plain("redteam"))
    assert run("respond", "china-antimony-2024", "--with", "redteam", "--out", tmp_path) == 0
    assert "not of this answer" not in capsys.readouterr().err
    assert run("respond", "china-antimony-2024", "--with", "none", "--out", tmp_path) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "not of this answer, though in the folder: redteam-table.csv, redteam-table.parquet, redteam.json" in said
    assert (tmp_path / "redteam.json").exists()


def plain(name: str, text: str = "text") -> Annex:
    table = Table(
        text, (text, "b"), ((Cell(text), Cell("1", "derived")),), frozenset({text}), (text,), {"b": "assumed"}
    )
    frame = pd.DataFrame({"a": [1.5]})
    return Annex(name, text, (text,), (), (table,), (text,), {"table": frame}, {f"{name}.json": {"a": 1}})


@pytest.mark.parametrize("asked", [True, False])
def test_a_section_that_fails_takes_nothing_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: bool
) -> None:
    def fails(_: object) -> Annex:
        raise NetworkError("no trade in these tables; add some.")

    monkeypatch.setattr("orebridge.session.respond", lambda *_, **__: answers.small())
    monkeypatch.setitem(made.MAKERS, "priorities", fails)
    monkeypatch.setitem(made.MAKERS, "redteam", lambda _: plain("redteam"))
    code = run(
        "respond", "china-antimony-2024", *(["--with", "priorities,redteam"] if asked else []), "--out", tmp_path
    )
    said = capsys.readouterr().err
    assert "the section priorities could not be made: no trade in these tables; add some." in " ".join(said.split())
    text = (tmp_path / "brief.html").read_text(encoding="utf-8")
    assert (tmp_path / "plan.json").exists()
    if asked:  # the answer is not whole: the code says so, the brief has the reason and the other section
        assert code == NetworkError.exit_code
        assert "This section could not be made: no trade in these tables; add some." in text
        assert '<h2 id="redteam">' in text and (tmp_path / "redteam-table.csv").exists()
    else:
        assert code == 0 and '<h2 id="priorities">' not in text


def test_own_tables_without_a_ranking_still_make_a_brief(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = ROOT / "worlds" / "line"
    call = ["respond", world / "ban.toml", "--world", world, "--for", "JPN", "--months", 12]
    assert run(*call, "--with", "none", "--out", tmp_path / "without") == 0
    capsys.readouterr()
    assert run(*call, "--out", tmp_path / "bare") == 0
    assert (tmp_path / "bare" / "brief.html").exists()
    assert '<h2 id="priorities">' not in (tmp_path / "bare" / "brief.html").read_text(encoding="utf-8")
    # Asked for, each section that these tables do not carry says why, and the one they carry is there.
    assert run(*call, "--quick", "--with", ",".join(TITLES), "--out", tmp_path / "asked") == UnknownLabel.exit_code
    text = (tmp_path / "asked" / "brief.html").read_text(encoding="utf-8")
    assert text.count("This section could not be made") == 3
    assert "no row for stock in fix_costs.csv; add one" in text and "add rows to hazards.csv" in text
    assert "single hits of 6 months on" in text and (tmp_path / "asked" / "vulnerabilities.json").exists()


def test_markup_in_a_section_does_not_run() -> None:
    text = render(answers.small(), [plain("redteam", HOSTILE)])
    parsed = Page(text)
    assert parsed.handlers == [] and parsed.fetches == [] and len(parsed.scripts) == 2
    assert HOSTILE not in text


def test_sections_are_written_all_or_none(tmp_path: Path) -> None:
    broken = replace(plain("redteam"), documents={"redteam.json": {"a": float("nan")}})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write.write_all(answers.small(), tmp_path / "answer", [broken])
    assert not (tmp_path / "answer").exists()
    done = write.write_all(answers.small(), tmp_path / "answer", [plain("redteam")])
    assert {"redteam.json", "redteam-table.csv", "redteam-table.parquet"} <= {path.name for path in done}
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError):
        write.write_all(answers.small(), tmp_path / "taken", [plain("redteam")])


def test_annexes_report_their_errors_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> Annex:
        raise UnknownLabel("not here.")

    monkeypatch.setitem(made.MAKERS, "simulate", fails)
    monkeypatch.setitem(made.MAKERS, "redteam", lambda _: plain("redteam"))
    found, errors = annexes(["simulate", "redteam"], answers.small())
    assert [annex.name for annex in found] == ["redteam", "simulate"]
    assert list(errors) == ["simulate"] and isinstance(errors["simulate"], OrebridgeError)
