"""Charts as picture files: whole, readable alone, drawn without a network; refused early and clearly, all or none."""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module, metadata
from pathlib import Path

import plotly.graph_objects as go
import pytest

import answers
import orebridge
from orebridge.charts.style import ON_SCREEN, blank, dress, note
from orebridge.cli import main
from orebridge.errors import OutputError
from orebridge.reports import pictures, write
from orebridge.reports.annex import Annex
from orebridge.reports.brief import stills
from orebridge.reports.pictures import Picture, check_drawable, draw, kinds_of, still

COMMANDS = (
    ["respond", "china-antimony-2024"],
    ["priorities"],
    ["vulnerabilities", "gallium"],
    ["redteam", "gallium"],
    ["simulate", "--runs", "2"],
)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def browser() -> str:
    """The browser's program; tests that draw are left out where there is none."""
    try:
        check_drawable(["png"])
        return pictures._browser()
    except OutputError as error:
        pytest.skip(f"pictures cannot be drawn here: {error}")


def bars(height: int = 300) -> go.Figure:
    """A small chart."""
    return dress(blank().add_bar(x=["ore", "metal"], y=[2.0, 1.0], name="tonnes"), height)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["orebridge", *arguments])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def program(path: Path, body: str) -> Path:
    """A program that claims to be a browser."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


# --- refused before the work ------------------------------------------------------------------------------------------
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def worked(*_: object, **__: object) -> None:
        raise AssertionError("tables were read before the refusal")

    for name in ("priorities.verb", "vulnerabilities.verb", "vulnerabilities.assess", "ensemble", "session", "annexes"):
        import_module(f"orebridge.{name}")  # first, so that none of them keeps the stand-in
    monkeypatch.setattr("orebridge.world.load_world", worked)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_without_the_extra_every_command_refuses_at_once(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    no_work(monkeypatch)
    monkeypatch.setattr(metadata, "version", absent)
    out = tmp_path / "answer"
    assert run(monkeypatch, *command, "--out", str(out), "--pictures", "png") == OutputError.exit_code
    said = capsys.readouterr()
    assert "pip install 'orebridge[pictures]'" in said.err and "Traceback" not in said.err
    assert said.out == "" and not out.exists()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_without_a_browser_every_command_refuses_at_once(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    no_work(monkeypatch)
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "nothing"))
    out = tmp_path / "answer"
    assert run(monkeypatch, *command, "--out", str(out), "--pictures", "png") == OutputError.exit_code
    said = capsys.readouterr()
    assert "BROWSER_PATH names" in said.err and "nstall Chromium" in said.err
    assert said.out == "" and not out.exists()


def test_no_browser_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    monkeypatch.setattr("choreographer.browsers.chromium.Chromium.find_browser", lambda **_: None)
    with pytest.raises(OutputError, match="none was found: install Chromium"):
        check_drawable(["svg"])
    check_drawable([])  # nothing asked for, nothing missed


def test_an_old_kaleido_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: "0.2.1")
    with pytest.raises(OutputError, match=r"0\.2\.1 is installed: pip install"):
        check_drawable(["png"])


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for a browser is a shell script")
def test_a_browser_that_lacks_a_library_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER_PATH", str(program(tmp_path / "chrome", "echo 'libnss3.so: not there' >&2; exit 127")))
    with pytest.raises(OutputError, match=r"does not start: libnss3\.so: not there"):
        check_drawable(["png"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pictures", "png"], "--out"),
        (["--pictures", "gif", "--out", "x"], "choose from png and svg"),
        (["--out", " "], "an empty name"),
    ],
)
def test_wrong_use_is_code_2(
    command: list[str], options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    no_work(monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *command, *options) == 2
    assert said in re.sub(r"[\s│]+", " ", capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_help_names_the_extra(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Square brackets would be taken for markup and left out."""
    run(monkeypatch, command[0], "--help")
    assert "the extra `pictures`" in re.sub(r"[\s│]+", " ", capsys.readouterr().out)


def test_kinds() -> None:
    assert kinds_of("svg,png,svg") == ("png", "svg")
    with pytest.raises(OutputError, match="'pdf'"):
        draw(Path("nowhere"), [Picture("a", "b", bars())], ["pdf"])


# --- failures while drawing -------------------------------------------------------------------------------------------
@pytest.mark.skipif(os.name == "nt", reason="the stand-in for a browser is a shell script")
@pytest.mark.parametrize("body", ["exit 3", 'echo $$ > "$0.id"; exec sleep 600'], ids=["dies", "hangs"])
def test_a_browser_that_fails_leaves_no_file(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = program(tmp_path / "chrome", f'[ "$1" = --version ] && exit 0\n{body}')
    monkeypatch.setenv("BROWSER_PATH", str(stand_in))
    check_drawable(["png"])
    monkeypatch.setattr(pictures, "SECONDS", 0.4)
    out = tmp_path / "answer"
    with pytest.raises(OutputError, match="--pictures: the browser"):
        write.write_all(answers.small(), out, (), ("png",))
    assert not out.exists()
    out.mkdir()
    (out / "brief.html").write_text("old")
    with pytest.raises(OutputError, match="--pictures: the browser"):
        write.write_all(answers.small(), out, (), ("png",))
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("brief.html", "old")]
    for left in tmp_path.glob("*.id"):  # the browser is gone too
        with pytest.raises(ProcessLookupError):
            os.kill(int(left.read_text()), 0)


def test_one_chart_that_cannot_be_drawn_takes_the_others_with_it(browser: str, tmp_path: Path) -> None:
    jobs = [Picture("good", "Good.", bars()), Picture("bad", "Bad.", bars(50_000))]  # higher than a browser can paint
    with pytest.raises(OutputError, match=r"drew nothing for bad\.png"):
        write.put(tmp_path / "answer", lambda place: draw(place, jobs, ["png"]))
    assert not list(tmp_path.iterdir())


# --- what is drawn ----------------------------------------------------------------------------------------------------
def size(png: Path) -> tuple[int, int]:
    data = png.read_bytes()
    assert data[:8] == PNG and data[-8:-4] == b"IEND"
    width, height = struct.unpack(">II", data[16:24])
    return int(width), int(height)


def text_of(svg: Path) -> str:
    root = ET.parse(svg).getroot()
    return " ".join("".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text"))


def test_every_picture_of_a_brief(browser: str, tmp_path: Path) -> None:
    further = Annex("redteam", "", (), (("worst", "The worst.", bars()),), (), (), pictured={"worst": "assumed"})
    written = write.write_all(answers.two(), tmp_path / "answer", [further], ("png", "svg"))
    names = {path.name for path in written}
    expected = stills(answers.two(), [further])
    assert {p.name for p in expected} == {
        *(
            f"brief-{name}"
            for name in ("shortage", "loss", "map", "before", "after", "coordination", "curve", "tornado")
        ),
        "redteam-worst",
    }
    for picture in expected:
        assert {f"{picture.name}.png", f"{picture.name}.svg"} <= names
        layout = still(picture)["layout"]
        assert size(tmp_path / "answer" / f"{picture.name}.png") == (2000, 2 * layout["height"])
        words = text_of(tmp_path / "answer" / f"{picture.name}.svg")
        assert picture.caption.partition(".")[0][:40] in words
        assert f"Data {answers.two().world.version}" in words
        assert "Point at" not in words
    assert "Point at a line" in (tmp_path / "answer" / "brief.html").read_text()


def test_every_picture_of_the_other_verbs(browser: str, tmp_path: Path) -> None:
    from orebridge.priorities.page import write as write_priorities
    from orebridge.reports.ensemble import write_ensemble
    from orebridge.reports.redteam import write_redteam
    from orebridge.reports.vulnerabilities import write_vulnerabilities

    world = answers.world()
    found = orebridge.vulnerabilities(["gallium"], months=12, length=6, plan_survival=False, world=world)
    attack = orebridge.redteam(["gallium"], months=12, length=6, hits=1, fixes=1, world=world)
    drawn = orebridge.simulate(runs=3, seed=1, months=12, chains=["gallium"], world=world)
    files = [
        *write_vulnerabilities(found, tmp_path / "a", ("svg",)),
        *write_redteam(attack, tmp_path / "a", ("svg",)),
        *write_ensemble(drawn, tmp_path / "a", ("svg",)),
        *write_priorities(orebridge.priorities(["JPN"], draws=10), tmp_path / "a", ("svg",)),
    ]
    words = {path.stem: text_of(path) for path in files if path.suffix == ".svg"}
    assert {
        "vulnerabilities-map", "vulnerabilities-exposure", "vulnerabilities-single_hits", "vulnerabilities-survival",
        "vulnerabilities-upstream-0", "vulnerabilities-host_cuts", "redteam-worst", "redteam-fixes",
        "simulate-exceedance", "simulate-where", "simulate-convergence", "priorities-risk", "priorities-flow", "priorities-heat",
    } <= set(words)  # fmt: skip
    for name, text in words.items():
        if not name.startswith("priorities"):
            assert "Allies: the United States and Japan" in text and "allium" in text, name
        assert "Point at" not in text, name
    assert "by tier [a]" in words["redteam-worst"]
    assert "3 draws of 12 months, seed 1" in words["simulate-where"]


def test_a_still_picture_stands_alone() -> None:
    figure = bars()
    note(figure, "Point at a bar.", 0.0, name=ON_SCREEN)
    note(figure, "Grey: none.", 0.0)
    figure.update_layout(title={"text": "own <b>title</b>"}, updatemenus=[{"buttons": [{"label": "log"}]}])
    made = still(Picture("a", "Use of <b> & ore. Grey: others.", figure, "Data 1."))
    layout = made["layout"]
    assert [kept["text"] for kept in layout["annotations"]] == ["Grey: none."]
    assert "updatemenus" not in layout
    title = layout["title"]["text"]
    assert "Use of &lt;b&gt; &amp; ore" in title and "own <b>title</b>" in title
    assert [title.index(part) for part in ("Use of", "own", "Grey: others.", "Data 1.")] == sorted(
        title.index(part) for part in ("Use of", "own", "Grey: others.", "Data 1.")
    )
    added = layout["height"] - 300
    assert (
        added == layout["margin"]["t"] - 48 >= 4 * pictures.LINE
    )  # the plot keeps its size: the heading has its own room
    assert layout["margin"]["b"] == 44
    assert json.dumps(made, allow_nan=False)
    assert figure.layout.height == 300 and len(figure.layout.annotations) == 2  # the chart itself is as it was


def test_a_legend_that_wraps_keeps_out_of_the_heading() -> None:
    names = [f"a rather long entry of a legend, number {k}" for k in range(9)]
    figure = blank()
    for name in names:
        figure.add_bar(x=["ore"], y=[1.0], name=name)
    few = still(Picture("a", "Few.", bars()))["layout"]
    many = still(Picture("a", "Few.", dress(figure, 300)))["layout"]
    assert many["margin"]["t"] >= few["margin"]["t"] + 3 * pictures.ENTRY
    assert many["height"] - few["height"] == many["margin"]["t"] - few["margin"]["t"]


# --- closed to the network --------------------------------------------------------------------------------------------
@pytest.fixture()
def door() -> Iterator[tuple[str, list[str]]]:
    """The address of a proxy, and what was asked of it."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def do_CONNECT(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_whatever_the_browser_asks_of_the_network_goes_where_nothing_listens(
    browser: str, door: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, asked = door
    figure = bars()
    figure.add_layout_image(source="http://charts.example/logo.png", x=0, y=1, sizex=1, sizey=1)
    with socket.socket() as nothing, pytest.raises(ConnectionRefusedError):
        nothing.connect((pictures.NOWHERE.split("/")[2].split(":")[0], int(pictures.NOWHERE.rsplit(":", 1)[1])))
    monkeypatch.setattr(pictures, "NOWHERE", place)
    draw(tmp_path, [Picture("open", "Open.", figure)], ["svg"])
    assert "http://charts.example/logo.png" in asked
