"""What goes wrong at the real command line: one clear message with place and repair, the documented exit code, no traceback.

Codes: 2 wrong use, 3 faults in tables, 4 unknown name or a shock that does not fit, 5 no consistent network, 6 no optimal
plan, 7 not written, 130 stopped. The world is the hand-made `line` (a mine, a smelter, a user), one change at a time.
Most cases call the entry point inside this process, which is quick, and in nightly runs as a process of its own too.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orebridge.__main__ import main as entry
from orebridge.errors import TableErrors
from orebridge.stopping import ctrl_c_heard

HERE = Path(__file__).parent
LINE = HERE / "worlds" / "line"
BAN = LINE / "ban.toml"
SHOCK = (
    'title = "t"\nsource = "s"\n[[event]]\nkind = "ban"\norigin = "AUS"\ncommodities = ["copper/metal"]\nmonths = 2\n'
)


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it wrote."""

    returncode: object
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture(params=["inside", pytest.param("process", marks=pytest.mark.nightly)])
def run(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line; `Done` as a process would leave it."""

    def as_process(*arguments: object) -> Done:
        done = subprocess.run(
            command(*arguments), capture_output=True, text=True, timeout=120, check=False, env=environment()
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def inside(*arguments: object) -> Done:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["orebridge", *map(str, arguments)])
        code: object = 0
        try:
            entry()
        except SystemExit as stop:
            code = stop.code
        written = capsys.readouterr()
        return Done(code, written.out, written.err)

    return inside if request.param == "inside" else as_process


@pytest.fixture
def respond(run: Run) -> Run:
    """`orebridge respond` on the world `line`."""

    def on_line(*arguments: object, world: Path = LINE, shock: object = BAN) -> Done:
        return run("respond", shock, "--world", world, "--for", "JPN", "--months", 6, "--quick", *arguments)

    return on_line


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "orebridge", *map(str, arguments)]


LONG = ("respond", "china-heavy-rare-earths-japan-2026", "--months", 36)  # ten seconds and more
ANSWER = ("respond", BAN, "--world", LINE, "--for", "JPN", "--quick", "--months", 6)


def refused(done: Done, code: int, *fragments: str) -> None:
    """The code, one message that says all of `fragments`, no traceback, nothing on standard output."""
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == code, (done.returncode, done.stderr)
    for fragment in fragments:
        assert fragment in done.stderr, done.stderr
    assert done.stdout == ""
    if code != 2:
        assert done.stderr.startswith("orebridge: "), done.stderr
        assert done.stderr.count("orebridge: ") == 1, done.stderr


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LINE, tmp_path / "world"))


def test_the_plain_command_answers(respond: Run) -> None:
    done = respond()
    assert done.returncode == 0, done.stderr
    assert "Japan lacks" in done.stdout


# --- tables -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("table", "old", "new", "fragments"),
    [
        ("flows", "copper/metal,AUS", '"copper/metal,AUS', ("flows.csv:2", "broken CSV", "quotes")),
        ("flows", ",read", ",read,more", ("flows.csv:2", "cells under")),
        ("demand", "JPN", "JPX", ("demand.csv:2 country", "'JPX'", "ISO 3166", "JPN")),
        ("demand", "JPN", "WLD", ("demand.csv:2 country", "WLD is not a country")),
        ("flows", "copper/metal", "coper/metal", ("flows.csv:2 commodity", "nearest: copper/metal")),
        ("production", "aus-mine,1200", "aus-mine,-1200", ("production.csv:2 value", "-1200", "negative")),
        ("production", "aus-mine,1200", "aus-mine,", ("production.csv:2 value", "empty")),
        ("production", "aus-mine,1200", "aus-mine,nan", ("production.csv:2 value", "nan")),
        ("production", "aus-mine,1200", "aus-mine,1e999", ("production.csv:2 value", "1e999")),
        ("production", "aus-mine,1200", "aus-mine,1200 t", ("production.csv:2 value", "'1200 t'")),
        ("production", "t/yr", "USD/t", ("production.csv:2 unit", "USD/t")),
        ("production", "t/yr", "t", ("production.csv:2 unit",)),
        ("production", "element", "oxide:Dy2O3", ("production.csv:2 unit", "Dy2O3")),
        ("demand", "element", "gross", ("demand.csv:2 unit", "gross")),
        ("tiers", "40,%", "70,%", ("tiers.csv", "sum to 1.300")),
        ("sites", "mining,,AUS", "minning,,AUS", ("sites.csv:2 process", "nearest: mining")),
        ("flows", "hand", "nobody", ("flows.csv:2 source", "nobody")),
        ("stocks", "value,unit", "value,unti", ("stocks.csv:1 unti", "nearest: unit")),
    ],
)  # fmt: skip
def test_a_faulty_table(world: Path, table: str, old: str, new: str, fragments: tuple[str, ...], respond: Run) -> None:
    path = world / f"{table}.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    refused(respond(world=world), 3, *fragments)


def test_all_faults_come_at_once(world: Path, respond: Run) -> None:
    (world / "demand.csv").write_text((world / "demand.csv").read_text().replace("JPN", "JPX"))
    (world / "flows.csv").write_text((world / "flows.csv").read_text().replace("1080", "-1"))
    (world / "flwos.csv").write_text("a\n1\n")
    refused(respond(world=world), 3, "3 fault", "demand.csv:2", "flows.csv:2", "flwos.csv", "nearest: flows")


def test_a_use_nobody_can_reach(world: Path, respond: Run) -> None:
    with (world / "commodities.csv").open("a") as out:
        out.write("copper/foil,copper,Foil,3,element,Cu,\n")
    with (world / "demand.csv").open("a") as out:
        out.write("copper/foil,JPN,all,100,t/yr,element,,,hand,read\n")
    refused(respond(world=world), 5, "copper/foil@JPN", "no supply")


def test_a_table_left_out(world: Path, respond: Run) -> None:
    (world / "limits.csv").unlink()
    refused(respond(world=world), 5, "limits.csv")


@pytest.mark.parametrize("name", ["theta", "new_source_months", "discount_rate"])
def test_an_assumption_left_out(world: Path, name: str, respond: Run) -> None:
    path = world / "assumptions.csv"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith(f"{name},")))
    done = respond(world=world)
    assert done.returncode in (4, 5)
    refused(done, done.returncode, name)


def test_folders_that_are_not_there(tmp_path: Path, respond: Run) -> None:
    refused(respond(world=tmp_path / "none"), 3, "none", "no such folder")
    refused(respond("--data", tmp_path / "none"), 3, "none", "no such folder")
    (tmp_path / "empty").mkdir()
    refused(respond("--data", tmp_path / "empty"), 3, "empty", "no CSV tables")
    (tmp_path / "file").write_text("x")
    refused(respond("--data", tmp_path / "file"), 3, "file", "no such folder")


# --- shocks -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "new", "fragments"),
    [
        ('"AUS"', '"CHN"', ("my.toml:3", "no country 'CHN'")),
        ('"copper/metal"', '"copper/mettal"', ("my.toml:3", "nearest: copper/metal")),
        ("months = 2", "months = 0", ("my.toml:3", "months", "from 1")),
        ("months = 2", "months = -3", ("my.toml:3", "months")),
        ("months = 2", "months = 2.5", ("my.toml:3", "months", "2.5")),
        ("months = 2", "months = true", ("my.toml:3", "months")),
        ("months = 2", "months = 2\nstart = 40", ("my.toml", "touches nothing", "start")),
        ("months = 2", "months = 2\nleak = nan", ("my.toml:3", "leak", "from 0 to 1")),
        ("months = 2", "months = 2\ncut = 1.5", ("my.toml:3", "cut", "from 0 to 1")),
        ("months = 2", "months = 2\nleek = 0.5", ("my.toml:3", "nearest: leak")),
        ('["copper/metal"]', "5", ("my.toml:3", "commodities", "list of names")),
        ('["copper/metal"]', "[]", ("my.toml:3", "commodities", "list of names")),
        ('"AUS"', "7", ("my.toml:3", "origin")),
        ('"AUS"', '["AUS"]', ("my.toml:3", "origin")),
        ('"ban"', '"bann"', ("my.toml:3", "nearest: ban")),
        ('"ban"', '["ban"]', ("my.toml:3", "kind")),
        ('title = "t"', 'title = "t"\ndate = "2026-13"', ("my.toml:2", "2026-13", "YYYY-MM")),
        ('title = "t"', 'title = "t"\ndate = 2026-01-05', ("my.toml:2", "YYYY-MM")),
        ('title = "t"', "title = 5", ("my.toml", "title")),
        ("[[event]]", "[event]", ("my.toml", "[[event]]")),
        ('source = "s"', "source = s", ("my.toml", "TOML")),
        ("months = 2", "months = 2\nliability_stages = true", ("my.toml:3", "liability_stages")),
        ("months = 2", "months = 2\nnote = 5", ("my.toml:3", "note")),
    ],
)  # fmt: skip
def test_a_faulty_shock(tmp_path: Path, old: str, new: str, fragments: tuple[str, ...], respond: Run) -> None:
    assert old in SHOCK
    path = tmp_path / "my.toml"
    path.write_text(SHOCK.replace(old, new, 1), encoding="utf-8")
    refused(respond(shock=path), 4, *fragments)


def test_a_shock_named_twice(respond: Run) -> None:
    refused(respond(BAN), 4, "ban is named twice")


def test_a_million_faults_do_not_flood_the_terminal() -> None:
    error = TableErrors([f"a.csv:{k}: wrong" for k in range(2, 1_000_002)])
    assert len(error.faults) == 1_000_000
    lines = str(error).splitlines()
    assert lines[0].startswith("1,000,000 faults") and lines[-1] == "... and 999,500 more; correct these first."


def test_a_shock_file_that_is_none(tmp_path: Path, respond: Run) -> None:
    folder, binary, huge, empty = (
        tmp_path / name for name in ("folder.toml", "binary.toml", "huge.toml", "empty.toml")
    )
    folder.mkdir()
    binary.write_bytes(bytes(range(256)) * 8)
    huge.write_bytes(b"# x\n" * 2_500_000)
    empty.write_text("")
    refused(respond(shock=folder), 4, "folder.toml", "folder")
    refused(respond(shock=binary), 4, "binary.toml", "UTF-8")
    refused(respond(shock=huge), 4, "huge.toml", "larger than")
    refused(respond(shock=empty), 4, "empty.toml", "title")
    refused(respond(shock=tmp_path / "none.toml"), 4, "none.toml", "orebridge shocks")
    refused(respond(shock="china-heavy-rare-earths-japan-2025"), 4, "nearest:", "china-heavy-rare-earths-japan-2026")


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may read everything")
def test_a_shock_that_may_not_be_read(tmp_path: Path, respond: Run) -> None:
    path = tmp_path / "my.toml"
    path.write_text(SHOCK)
    path.chmod(0)
    refused(respond(shock=path), 4, "my.toml", "ermission")


# --- options ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "code", "fragments"),
    [
        (("--start", "2026-13"), 4, ("--start", "2026-13", "YYYY-MM")),
        (("--start", "soon"), 4, ("--start", "soon", "YYYY-MM")),
        (("--start", "2026-02-30"), 4, ("--start", "2026-02-30")),
        (("--months", "0"), 4, ("--months", "from 1 to 120")),
        (("--months", "-5"), 4, ("--months", "from 1 to 120")),
        (("--months", "9999"), 4, ("--months", "from 1 to 120")),
        (("--months", "many"), 2, ("--months", "integer")),
        (("--for", "JPX"), 4, ("JPX", "ISO 3166")),
        (("--for", "WLD"), 4, ("WLD",)),
        (("--for", "FJI"), 4, ("FJI",)),
        (("--for", ""), 4, ("--for",)),
        (("--for", ",,"), 4, ("--for",)),
        (("--foresight", "clear"), 4, ("--foresight", "clear", "declared")),
        (("--nonsense",), 2, ("--nonsense",)),
        (("--as-dated",), 4, ("ban.toml", "date")),
    ],
)  # fmt: skip
def test_a_wrong_option(options: tuple[str, ...], code: int, fragments: tuple[str, ...], respond: Run) -> None:
    refused(respond(*options), code, *fragments)


def test_codes_of_members_may_be_in_small_letters(respond: Run) -> None:
    done = respond("--for", " jpn ")
    assert done.returncode == 0, done.stderr
    assert "Japan" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (("data", "show", "unobtainium"), ("unobtainium",)),
        (("data", "show", "galium"), ("galium", "gallium")),
        (("data", "reconcile", "cooper"), ("cooper", "copper")),
    ],
)
def test_a_name_that_is_not_there(arguments: tuple[str, ...], fragments: tuple[str, ...], run: Run) -> None:
    world = () if arguments[1] == "show" else ("--world", LINE)
    refused(run(*arguments, *world), 4, *fragments)


# --- writing ------------------------------------------------------------------------------------------------------------
def left(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_out_is_a_file(tmp_path: Path, respond: Run) -> None:
    (tmp_path / "out").write_text("mine")
    refused(respond("--out", tmp_path / "out"), 7, "out", "is a file")
    refused(respond("--out", tmp_path / "out" / "deeper"), 7, "out", "is a file")
    assert (tmp_path / "out").read_text() == "mine"


def test_an_unknown_shock_leaves_no_folder(tmp_path: Path, respond: Run) -> None:
    refused(respond("--out", tmp_path / "out", shock="nothing"), 4)
    assert left(tmp_path) == []


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write everywhere")
def test_out_may_not_be_written(tmp_path: Path, respond: Run) -> None:
    tmp_path.chmod(0o500)
    refused(respond("--out", tmp_path / "out"), 7, "permission")
    tmp_path.chmod(0o700)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB; skipped where it cannot be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.name != "posix" or os.getuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_out_on_a_full_disk(tiny_disk: Path, respond: Run) -> None:
    (tiny_disk / "old").mkdir()
    (tiny_disk / "old" / "plan.json").write_text("mine")
    refused(respond("--out", tiny_disk / "new"), 7, "new", "No space left", "another folder")
    refused(respond("--out", tiny_disk / "old"), 7, "old", "No space left")
    assert left(tiny_disk) == ["old", "old/plan.json"]
    assert (tiny_disk / "old" / "plan.json").read_text() == "mine"


def test_a_table_on_a_full_disk(tiny_disk: Path, run: Run) -> None:
    done = run("data", "sources", "--csv", tiny_disk / "sources.csv")
    if done.returncode == 0:  # it fits: fill the rest first
        (tiny_disk / "sources.csv").unlink()
        (tiny_disk / "fill").write_bytes(b"x" * 60_000)
        done = run("data", "sources", "--csv", tiny_disk / "sources.csv")
    assert "Traceback" not in done.stderr
    assert done.returncode == 7, done.stderr
    assert "sources.csv" in done.stderr
    assert [name for name in left(tiny_disk) if name != "fill"] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [("--json",), ()], ids=["json", "summary"])
def test_standard_output_is_full(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(*ANSWER, *arguments),
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False, env=environment(),
        )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 7, done.stderr
    assert "standard output" in done.stderr


@pytest.mark.parametrize("arguments", [("--json",), ()], ids=["json", "summary"])
def test_nobody_reads_to_the_end(arguments: tuple[str, ...]) -> None:
    """As behind `| head -1`: quiet, code 0."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command(*ANSWER, *arguments),
        stdout=write, stderr=subprocess.PIPE, text=True, timeout=120, check=False, env=environment(),
    )  # fmt: skip
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == 0


def test_the_catalogue_goes_to_nobody() -> None:
    read, write = os.pipe()
    os.close(read)
    for arguments in (("shocks",), ("schema",), ("data", "sources")):
        done = subprocess.run(
            command(*arguments),
            stdout=write, stderr=subprocess.PIPE, text=True, timeout=120, check=False, env=environment(),
        )  # fmt: skip
        assert done.stderr == "", arguments
        assert done.returncode == 0, arguments
    os.close(write)


LATE = """import os, signal
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
from orebridge.__main__ import main
signal.setitimer(signal.ITIMER_REAL, {after})
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("after", [0.02, 0.3, 1.0, 2.5])
def test_stopped_in_the_middle(tmp_path: Path, after: float) -> None:
    """Ctrl-C while it loads, reads or plans: code 130, one line, nothing half-written, old files as they were.

    The process sends the signal to itself, so that a slow machine is not stopped before Python has started. Python may
    end by the signal itself, which a shell shows as 130.
    """
    out = tmp_path / "out"
    out.mkdir()
    (out / "plan.json").write_text("mine")
    arguments = [sys.executable, "-c", LATE.format(after=after), *command(*LONG, "--out", out)[3:]]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (130, -2), (done.returncode, done.stderr)
    assert done.stderr.startswith("orebridge: stopped")
    assert done.stdout == ""
    assert left(out) == ["plan.json"]
    assert (out / "plan.json").read_text() == "mine"


def test_an_error_that_comes_of_ctrl_c_is_ctrl_c() -> None:
    """Python turns what is raised while a class is being made into a RuntimeError, also KeyboardInterrupt."""

    class Hook:
        def __set_name__(self, owner: type, name: str) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), ctrl_c_heard():
        type("Made", (), {"hook": Hook()})
    with pytest.raises(RuntimeError), ctrl_c_heard():
        raise RuntimeError("no interrupt")
