"""The files of an answer: complete, true to the frames, closed to the network, written all or none."""

from __future__ import annotations

import base64
import errno
import hashlib
import html.parser
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

import answers
from orebridge import actions as acts
from orebridge.cli import main
from orebridge.errors import OutputError
from orebridge.reports import write
from orebridge.reports.brief import render
from orebridge.reports.content import headline
from orebridge.reports.plan_json import schema
from orebridge.reports.summary import summary
from orebridge.session import Response
from orebridge.trail import Trail
from orebridge.views import shortages
from test_charts import HOSTILE, hostile

FOUND = ["small", "one", "two"]


def answer(which: str) -> Response:
    response = getattr(answers, which)()
    assert isinstance(response, Response)
    return response


# --- plan.json -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("which", FOUND)
def test_plan_json_keeps_its_schema(which: str) -> None:
    text = json.dumps(answer(which).to_dict(), allow_nan=False)
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(json.loads(text))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d.update(extra=1), []),
        (lambda d: d.pop("data_version"), []),
        (lambda d: d["ways"]["joint"].pop("loss_usd"), ["ways", "joint"]),
        (lambda d: d["ways"]["joint"]["unmet"][0].update(tonnes=-1.0), ["ways", "joint", "unmet", 0, "tonnes"]),
        (lambda d: d["actions"][0].update(month=3), ["actions", 0, "month"]),
        (lambda d: d["coordination"].update(helps="yes"), ["coordination"]),
    ],
)
def test_schema_refuses(change: object, where: list[object]) -> None:
    document = json.loads(json.dumps(answers.small().to_dict()))
    change(document)  # type: ignore[operator]
    errors = list(jsonschema.Draft202012Validator(schema()).iter_errors(document))
    assert errors
    assert list(errors[0].path) == where


def test_schema_is_closed_and_described() -> None:
    published = schema()
    assert published["additionalProperties"] is False
    assert published["$schema"].endswith("2020-12/schema")
    assert set(published["required"]) == set(published["properties"])
    for name, part in published["properties"].items():
        assert part.get("description"), name


@pytest.mark.parametrize("which", FOUND)
def test_reported_totals_agree(which: str) -> None:
    response = answer(which)
    for way, content in response.to_dict()["ways"].items():
        if content["status"] == "absent":
            assert content["reason"]
            continue
        members = content["by_member"].values()
        assert sum(m["loss_usd"] for m in members) == pytest.approx(content["loss_usd"])
        for member in members:
            items = [value for value in member.values() if isinstance(value, dict)]
            assert sum(item["usd"] for item in items) == pytest.approx(member["loss_usd"])
        assert sum(row["tonnes"] for row in content["unmet"]) == pytest.approx(
            response.plans[way].unmet["tonnes"].sum()
        )


def test_absent_ways_of_one_member_have_a_reason() -> None:
    ways = answers.one().to_dict()["ways"]
    assert {way for way, content in ways.items() if content["status"] == "absent"} == {"treaty", "joint"}
    assert answers.one().to_dict()["coordination"] is None


def test_an_unknown_value_is_null_and_not_zero() -> None:
    response = answers.small()
    plans = {way: replace(plan, loss=plan.loss.assign(usd=float("nan"))) for way, plan in response.plans.items()}
    document = replace(response, plans=plans).to_dict()
    assert document["ways"]["joint"]["loss_usd"] is None
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert "unknown" in "\n".join(summary(replace(response, plans=plans)))


def test_limits_remedies_and_foresight_are_published() -> None:
    document = with_limits(answers.small()).to_dict()
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert document["binding"][0]["worth_usd"] == 5e6
    assert document["remedies"][0]["saves_usd"] is None
    assert document["foresight"] == {"joint": 80_000.0}


def with_limits(response: Response, helps: bool = True) -> Response:
    binding = pd.DataFrame(
        [
            {
                "member": "JPN",
                "kind": "facility",
                "what": "heavy separation",
                "months": "2027-01 to 2027-06",
                "worth_usd": 5e6,
                "words": "No ally separates terbium before 2027.",
            }
        ]
    )
    remedies = pd.DataFrame(
        [
            {
                "kind": "recipe",
                "what": "diffusion",
                "change": "6 months sooner",
                "saves_usd": float("nan"),
                "saves_share": 0.4,
                "words": "Qualifying diffusion six months sooner removes 40 % of the loss.",
            }
        ]
    )
    worth = response.coordination
    assert worth is not None
    return replace(
        response,
        binding=binding,
        remedies=remedies,
        foresight={"joint": 80_000.0},
        coordination=replace(worth, helps=helps),
    )


# --- actions ---------------------------------------------------------------------------------------------------------
def test_actions_of_the_small_world_by_month() -> None:
    frame = answers.small().actions
    ship = frame[frame["what"] == acts.SHIP]
    # The United States' 10 t of metal goes to Japan: its owner is the sender, and it must first be released.
    assert ship[["owner", "origin", "destination", "for_whom"]].to_numpy().tolist() == [["USA", "USA", "JPN", "JPN"]]
    assert ship["tonnes"].sum() == pytest.approx(10.0, abs=1e-3)
    given = frame[(frame["what"] == acts.RELEASE) & (frame["owner"] == "USA")]
    assert given[["form", "holder"]].to_numpy().tolist() == [["metal", "industry"]]
    assert given["month"].tolist() == ship["month"].tolist()
    waits = frame[frame["what"] == acts.GO_WITHOUT]
    assert waits["tonnes"].sum() == pytest.approx(answers.small().plans["joint"].unmet["tonnes"].sum(), abs=1e-2)
    assert frame["month"].str.fullmatch(r"\d{4}-\d{2}").all()


@pytest.mark.parametrize("which", ["one", "two"])
def test_actions_are_complete_and_group_to_the_same_tonnes(which: str) -> None:
    response = answer(which)
    frame, plan = response.actions, response.plans[response.best]
    assert not frame.duplicated([c for c in acts.COLUMNS if c != "tonnes"]).any()
    assert acts.grouped(frame)["tonnes"].sum() == pytest.approx(frame["tonnes"].sum())
    more = plan.flows.assign(more=plan.flows["tonnes"] - plan.flows["base"])
    more = more[more["destination"].isin(response.members) & (more["more"] > 0.01 + 1e-5 * more["base"])]
    moved = frame[frame["what"].isin([acts.BUY, acts.SHIP])]
    assert len(moved) >= len(more) > 0
    assert (frame["tonnes"] > 0).all()


def test_a_recipe_beyond_the_base_year_is_a_substitution() -> None:
    response = answers.one()
    recipes = response.world.tables["recipes"]
    base = set(recipes.loc[recipes["base"] == "yes", ["process", "recipe"]].itertuples(index=False, name=None))
    process = dict(response.network.sites[["site", "process"]].itertuples(index=False, name=None))
    frame = response.actions[response.actions["what"].isin([acts.RUN, acts.SUBSTITUTE])]
    assert (frame["what"] == acts.SUBSTITUTE).any()
    for row in frame.itertuples():
        assert ((process[row.site], row.recipe) in base) == (row.what == acts.RUN)


# --- summary ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("which", FOUND)
@pytest.mark.parametrize("width", [80, 100])
def test_summary_fits_and_cuts_nothing(which: str, width: int) -> None:
    lines = summary(answer(which), width)
    assert max(map(len, lines)) <= 100
    assert not [line for line in lines if "…" in line or line != line.rstrip()]


def test_summary_has_tonnes_by_tier_and_first_month_beside_dollars() -> None:
    response = answers.two()
    text = "\n".join(summary(response))
    for way, plan in response.plans.items():
        row = next(line for line in text.splitlines() if line.startswith(way))
        tonnes = plan.unmet.groupby("tier")["tonnes"].sum()
        assert f"{tonnes['general']:,.0f}" in row
        assert f"{plan.loss_usd() / 1e6:,.0f}" in row
    assert "what it hangs on" in text.lower()
    assert "lent" in text


def test_a_split_that_is_not_proposed_has_its_reason() -> None:
    response = answer("two")
    assert response.coordination is not None
    bare = replace(
        response, coordination=replace(response.coordination, shapley={}, why_no_split="six members are many")
    )
    assert "No split of the value is proposed: six members are many." in " ".join(summary(bare, 100))
    assert "six members are many" in render(bare)


def test_the_first_month_of_the_headline_is_that_of_its_product() -> None:
    """Not the member's first month of any product: cobalt is not short in February because gallium is."""
    response = answer("two")
    worst = shortages(response).groupby(["member", "product"], sort=False, as_index=False)["unaided"].sum().iloc[0]
    # The same member's other product runs short in month 1.
    early = response.plans["unaided"].unmet
    other = early[(early["member"] == worst["member"]) & (early["product"] != worst["product"])].iloc[:1]
    moved = early.assign(
        tonnes=early["tonnes"].where(~early.index.isin(other.index), 1.0),
        month=early["month"].where(~early.index.isin(other.index), 1),
    )
    plans = {**response.plans, "unaided": replace(response.plans["unaided"], unmet=moved)}
    own = early[
        (early["member"] == worst["member"]) & (early["product"] == worst["product"]) & (early["tonnes"] > 1e-3)
    ]
    assert len(other) and int(own["month"].min()) > 1
    assert f"first in {response.month_label(int(own['month'].min()))}" in headline(replace(response, plans=plans))[0]


def test_the_summary_says_what_its_table_adds_up() -> None:
    """Ways, the stock gap and sums over unlike products are explained under the table; labels are small in sentences."""
    text = " ".join(line.strip() for line in summary(answer("two"), 100))
    assert "unaided: no plan, contracts go on" in text and "joint: one plan for all" in text
    assert "T short adds" in text and "unlike products" in text
    assert "t of antimony trioxide" in text and "of Antimony" not in text
    assert "Sanctions and embargoes are not modelled" in text


def test_summary_says_where_coordination_does_not_help_and_what_would() -> None:
    text = "\n".join(summary(with_limits(answers.small(), helps=False), 100))
    assert "Binds: No ally separates terbium before 2027." in text
    assert "Would change it: Qualifying diffusion six months sooner" in text
    assert "perfect foresight" in text


# --- the brief -------------------------------------------------------------------------------------------------------
class Page(html.parser.HTMLParser):
    """Ids, links and everything that could fetch or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetches: list[str] = []
        self.scripts: list[str] = []
        self.handlers: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        if tag == "a" and values.get("href"):
            self.links.append(str(values["href"]))
        if tag in ("img", "iframe", "object", "embed", "link", "base", "form", "audio", "video") or values.get("src"):
            self.fetches.append(tag)
        self.handlers += [name for name in values if name.startswith("on")]
        self._in_script = tag == "script" and values.get("type") != "application/json"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def page() -> tuple[str, Page]:
    text = render(answers.two())
    return text, Page(text)


def test_brief_is_one_file_that_fetches_nothing(page: tuple[str, Page]) -> None:
    text, parsed = page
    assert len(text.encode()) < 8_000_000
    assert parsed.fetches == []
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert text.count("plotly.js v") <= 3  # the library's own banner, inlined once
    assert len(parsed.scripts) == 2


def test_brief_allows_only_its_own_scripts_to_run(page: tuple[str, Page]) -> None:
    text, parsed = page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert "default-src 'none'" in policy[1]
    allowed = set(re.findall(r"'sha256-([^']+)'", policy[1]))
    assert allowed == {base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in parsed.scripts}


def test_every_link_inside_the_brief_leads_somewhere(page: tuple[str, Page]) -> None:
    _, parsed = page
    assert len(parsed.ids) == len(set(parsed.ids))
    inside = [link[1:] for link in parsed.links if link.startswith("#")]
    assert set(inside) <= set(parsed.ids)
    assert all(link.startswith(("#", "https://", "http://")) for link in parsed.links)


def test_every_base_year_flow_leads_to_a_row_and_every_row_to_a_source(page: tuple[str, Page]) -> None:
    text, parsed = page
    response, trail = answers.two(), Trail.of(answers.two())
    links = set(parsed.links)
    for balanced in trail.balanced:
        assert balanced.anchor in parsed.ids
        for place in balanced.rows:
            assert f"#{trail.figure(place)}" in links, (balanced.what, place)
    for rows in trail.figures.values():
        for figure in rows:
            assert figure.anchor in parsed.ids
            assert figure.confidence in ("read", "read_secondary", "computed", "derived", "unverified", "assumed")
    # Each stated base-year figure of the chains answered is among them, with its file and line.
    for place in response.network.adjustments.query("chain in @response.chains")[["file", "line"]].itertuples(
        index=False
    ):
        assert not place.file or f"{place.file}:{place.line}" in text


def test_brief_has_its_sections_and_marks(page: tuple[str, Page]) -> None:
    text, parsed = page
    for part in (
        "what",
        "who",
        "loss",
        "together",
        "do",
        "where",
        "chain",
        "limits",
        "hangs",
        "assumptions",
        "figures",
        "sources",
    ):
        assert part in parsed.ids
        assert f"#{part}" in parsed.links
    for name in ("shortage", "loss", "map", "before", "after", "curve", "tornado", "coordination"):
        assert f'data-figure="figure-{name}"' in text
        json.loads(re.search(rf'id="figure-{name}">(.*?)</script>', text, re.S)[1])  # type: ignore[index]
    for word in ("derived", "assumed"):
        assert f'class="m m-{word}"' in text


def test_brief_says_where_coordination_does_not_help_and_what_would() -> None:
    text = render(with_limits(answers.small(), helps=False))
    assert text.count("Where coordination does not help, and what would") == 2  # contents and heading
    assert "No ally separates terbium before 2027." in text
    assert "Qualifying diffusion six months sooner" in text
    assert "Gap to perfect foresight" in text


def test_brief_of_one_member_without_curve() -> None:
    text = render(answers.one())
    assert "there is nobody" in text
    assert "--quick" in text


def test_markup_in_tables_does_not_run() -> None:
    text = render(hostile(answers.two()))
    parsed = Page(text)
    assert parsed.handlers == []
    assert parsed.fetches == []
    assert len(parsed.scripts) == 2
    assert HOSTILE not in text
    assert not [link for link in parsed.links if "javascript" in link]
    assert "&lt;script&gt;alert(1)" in text


# --- files -----------------------------------------------------------------------------------------------------------
@pytest.fixture()
def response() -> Iterator[Response]:
    yield answers.small()


def test_files_written_and_what_was_there_stays(tmp_path: Path, response: Response) -> None:
    folder = tmp_path / "new" / "answer"
    written = write.write_all(response, folder)
    names = {path.name for path in written}
    assert {
        "brief.html",
        "plan.json",
        "plan.schema.json",
        "actions.csv",
        "unmet.parquet",
        "figures.csv",
        "base_year.csv",
    } <= names
    assert sorted(p.name for p in folder.iterdir()) == sorted(names)
    (folder / "notes.txt").write_text("mine")
    (folder / "plan.json").write_text("old")
    write.write_all(response, folder)
    assert (folder / "notes.txt").read_text() == "mine"
    assert json.loads((folder / "plan.json").read_text())["start"] == answers.START
    frame = pd.read_parquet(folder / "unmet.parquet")
    assert frame["tonnes"].sum() == pytest.approx(pd.read_csv(folder / "unmet.csv")["tonnes"].sum())
    assert frame["month"].iloc[0] == answers.START


@pytest.mark.parametrize("at", range(0, 12, 3))
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("existing", [True, False])
def test_a_full_disk_or_an_interruption_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, response: Response, at: int, error: BaseException, existing: bool
) -> None:
    folder = tmp_path / "deep" / "answer"
    if existing:
        write.write_all(response, folder)
        (folder / "plan.json").write_text("old")
    before = {p.name: p.read_bytes() for p in folder.iterdir()} if existing else {}
    calls = 0

    def failing(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > at:
            raise error

    monkeypatch.setattr(os, "fsync", failing)
    expected = OutputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as raised:
        write.write_all(response, folder)
    if isinstance(error, OSError):
        assert "No space left" in str(raised.value)
        assert "MB free" in str(raised.value)
    assert (tmp_path / "deep").exists() == existing
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before if existing else not folder.exists()


@pytest.mark.parametrize("at", [0, 5, 20])
def test_a_rename_that_fails_puts_the_old_files_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, response: Response, at: int
) -> None:
    write.write_all(response, tmp_path)
    for path in tmp_path.iterdir():
        path.write_text(f"old {path.name}")
    real, calls = os.replace, 0

    def failing(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == at + 1:
            raise OSError(errno.EACCES, "Permission denied")
        real(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OutputError, match="Permission denied"):
        write.write_all(response, tmp_path)
    assert all(path.read_text() == f"old {path.name}" for path in tmp_path.iterdir())


def test_a_really_full_disk(tmp_path: Path, response: Response) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        with pytest.raises(OutputError, match="No space left"):
            write.write_all(response, tmp_path / "answer")
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_no_text_in_a_csv_is_a_formula(tmp_path: Path) -> None:
    """Names and notes come from tables that others wrote; a spreadsheet would run a cell that begins with `=`."""
    frame = pd.DataFrame({"note": ["=cmd|' /C calc'!A0", "-2 days", "@SUM(1)", None], "t": [-1.0, 2.0, 3.0, 4.0]})
    write.table_file(tmp_path / "table", frame)
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:4]] == ["\"'=cmd|' /C calc'!A0\"", '"-2 days"', '"\'@SUM(1)"']
    assert lines[1].endswith(",-1")  # figures keep their sign
    assert pd.read_parquet(tmp_path / "table.parquet")["note"][0] == frame["note"][0]


def test_a_file_in_the_way_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "answer").write_text("a file")
    with pytest.raises(OutputError, match="is a file"):
        write.check_writable(tmp_path / "answer")
    write.check_writable(tmp_path / "not" / "yet" / "there")
    assert not (tmp_path / "not").exists()


# --- the command -----------------------------------------------------------------------------------------------------
def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("orebridge.session.respond", lambda *_, **__: answers.small())
    monkeypatch.setattr(sys, "argv", ["orebridge", *arguments])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_json_is_alone_on_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "respond", "x", "--json", "--out", str(tmp_path / "answer")) == 0
    caught = capsys.readouterr()
    jsonschema.Draft202012Validator(schema()).validate(json.loads(caught.out))
    assert "files to" in caught.err


def test_a_full_disk_is_exit_code_7(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert run(monkeypatch, "respond", "x", "--out", str(tmp_path / "answer")) == 7
    caught = capsys.readouterr()
    assert caught.err.startswith("orebridge: could not write to")
    assert "Traceback" not in caught.err
    assert caught.out == ""
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_is_exit_code_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    assert run(monkeypatch, "respond", "x", "--out", str(tmp_path / "answer")) == 130
    assert "nothing half-written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_schema_command_prints_the_schema(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "schema") == 0
    assert json.loads(capsys.readouterr().out) == schema()


def test_shocks_are_listed_without_a_name_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from orebridge.shocks import library

    assert run(monkeypatch, "shocks") == 0
    out = capsys.readouterr().out
    assert all(name in out for name in library())
    assert "…" not in out
