"""A year of BACI into the workspace: `orebridge data import` against pandas' CSV path and DuckDB's own reader.

The file is generated: rows as CEPII writes them (t,i,j,k,v,q), five thousand products of which Orebridge keeps some
seventy, as in the original. Every contestant leaves the same table of mapped rows in a DuckDB file:

* orebridge     hash, every line looked at, codes mapped, keys checked, one transaction
* pandas        read_csv with dtypes, wanted rows kept, codes mapped, unknown codes and keys checked, into DuckDB
* pandas mapped the same, but codes of all rows mapped before the wanted ones are kept
* pandas hashed that, and the file's SHA-256, without which no row says which file it is from: all that ours does
* pandas read   read_csv with dtypes and the mapping of the wanted rows only: nothing checked, nothing stored
* duckdb        its CSV reader with types, joins for the names, unknown codes and keys checked

`--kept` makes all rows wanted ones: then nothing can be skipped. Each run is a process of its own; wall clock, processor
seconds and peak memory above a process that has only imported the packages.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from common import arguments, finish, show

from orebridge.importers.sidefiles import numeric_countries, own_table, side_files

NAME = "BACI_HS92_Y2024_V202601.csv"
PRODUCTS = 5000
RESET: list[bool] = []


def codes() -> dict[int, str]:
    """BACI's country codes and what they mean."""
    meaning = dict(numeric_countries())
    for (kind, published), name in side_files("baci").names.items():
        if kind == "code":
            meaning[int(published)] = name
    return meaning


def headings() -> list[str]:
    """The headings that Orebridge keeps."""
    return [row["hs"] for row in own_table("hs.csv") if not row["last_year"]]


def generate(path: Path, rows: int, seed: int, kept: bool) -> None:
    """Distinct (i, j, k) keys in the order of the original: by exporter, importer, product."""
    random = np.random.default_rng(seed)
    wanted = headings()
    others = [f"{n:06d}" for n in random.choice(970_000, PRODUCTS, replace=False) + 10_000 if f"{n:06d}" not in wanted]
    products = np.array(sorted(wanted if kept else {*others[: PRODUCTS - len(wanted) - 1], *wanted, "9999AA"}))
    # One code per country: BACI's own where it differs from ISO's.
    countries = np.array(sorted({name: code for code, name in codes().items()}.values()))
    space = len(countries) ** 2 * len(products)
    key = np.sort(random.choice(space, rows, replace=False))
    pair, k = np.divmod(key, len(products))
    i, j = np.divmod(pair, len(countries))
    v, q = (np.round(random.lognormal(3, 3, rows), 3) for _ in range(2))
    missing = random.random(rows) < 0.02
    with path.open("w") as out:
        out.write("t,i,j,k,v,q\n")
        for cells in zip(countries[i], countries[j], products[k], v, q, missing, strict=True):
            amount = "NA" if cells[5] else f"{cells[4]:.3f}"
            out.write(f"2024,{cells[0]},{cells[1]},{cells[2]},{cells[3]:.3f},{amount}\n")


def ours(path: Path, store: Path) -> int:
    """The product itself."""
    from orebridge.importers import import_source

    return import_source("baci", path, store).rows


def with_pandas(path: Path, store: Path | None, *, mapped_first: bool = False) -> int:
    """What a careful user of pandas does."""
    import pandas as pd

    types = {"t": "int16", "i": "int16", "j": "int16", "k": "str", "v": "float64", "q": "float64"}
    frame = pd.read_csv(path, dtype=types, na_values=["NA"])
    meaning = codes()
    wanted = {row["hs"]: row["mineral"] for row in own_table("hs.csv") if not row["last_year"]}
    if not mapped_first:
        frame = frame[frame["k"].isin(list(wanted))]
    frame = frame.assign(
        exporter=frame["i"].map(meaning), importer=frame["j"].map(meaning), mineral=frame["k"].map(wanted)
    )
    frame = frame[frame["k"].isin(list(wanted))]
    if store is None:
        return len(frame)
    import duckdb

    if frame[["exporter", "importer"]].isna().any().any():
        raise ValueError("unknown code")
    if frame.duplicated(["t", "i", "j", "k"]).any():
        raise ValueError("a key stands twice")
    made = frame.assign(row=frame.index + 2, usd=frame["v"] * 1000)
    connection = duckdb.connect(str(store))
    connection.execute("BEGIN")
    connection.execute(
        "CREATE TABLE trade AS SELECT row, t AS year, k AS hs, importer, exporter, q AS tonnes, usd FROM made"
    )
    connection.execute("COMMIT")
    connection.close()
    return len(made)


def with_pandas_hashed(path: Path, store: Path) -> int:
    """The same work as ours in one place after another: hash, read, map, check, store."""
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return with_pandas(path, store, mapped_first=True)


def with_duckdb(path: Path, store: Path) -> int:
    """DuckDB's reader, types given, names by joins."""
    import duckdb
    import pyarrow as pa

    meaning = codes()
    names = pa.table({"code": list(meaning), "iso": list(meaning.values())})
    wanted = pa.table({"hs": headings()})
    connection = duckdb.connect(str(store))
    columns = "{'t': 'SMALLINT', 'i': 'SMALLINT', 'j': 'SMALLINT', 'k': 'VARCHAR', 'v': 'DOUBLE', 'q': 'DOUBLE'}"
    read = f"read_csv('{path}', header=true, auto_detect=false, delim=',', nullstr='NA', columns={columns})"
    connection.register("names", names)
    connection.register("wanted", wanted)
    connection.execute("BEGIN")
    connection.execute(
        f"CREATE TABLE trade AS SELECT t AS year, k AS hs, a.iso AS exporter, b.iso AS importer, q AS tonnes, v * 1000 AS usd "
        f"FROM {read} JOIN wanted ON wanted.hs = k LEFT JOIN names a ON a.code = i LEFT JOIN names b ON b.code = j"
    )
    unknown = connection.execute("SELECT count(*) FROM trade WHERE exporter IS NULL OR importer IS NULL").fetchall()
    # Two codes may mean one country (56 and 58 are Belgium), so names can repeat where codes do not.
    count = connection.execute("SELECT count(*) FROM trade").fetchall()
    connection.execute("COMMIT")
    connection.close()
    if unknown[0][0]:
        raise ValueError("unknown code")
    return int(count[0][0])


CONTESTANTS: dict[str, Callable[[Path, Path], int]] = {
    "orebridge": ours,
    "pandas": with_pandas,
    "pandas mapped": lambda path, store: with_pandas(path, store, mapped_first=True),
    "pandas hashed": with_pandas_hashed,
    "pandas read": lambda path, store: with_pandas(path, None),
    "duckdb": with_duckdb,
}


def peak() -> float:
    """Largest memory of this process so far, MB; where the system allows, counted anew from the first call on."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # A process inherits the high-water mark of the one that started it; writing 5 there resets it.
    if not RESET:
        Path("/proc/self/clear_refs").write_text("5")
        RESET.append(True)
    return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def one(name: str, path: Path, store: Path) -> None:
    """Run one contestant in this process and print its figures."""
    import duckdb  # noqa: F401 - loaded before the clock starts, for all alike
    import pandas as pd
    import pyarrow.csv  # noqa: F401

    import orebridge.importers.baci  # noqa: F401

    pd.DataFrame({"a": ["x"]})
    before = peak()
    wall, processor = time.perf_counter(), time.process_time()
    rows = CONTESTANTS[name](path, store)
    figures = {
        "rows": rows, "seconds": time.perf_counter() - wall, "processor": time.process_time() - processor,
        "MB": peak() - before,
    }  # fmt: skip
    print(json.dumps(figures))


def race(path: Path, folder: Path, runs: int) -> dict[str, dict[str, float]]:
    """Median figures of each contestant; they take turns."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CONTESTANTS}
    for turn in range(runs):
        for name in CONTESTANTS:
            store = folder / f"{turn}.duckdb"
            command = [sys.executable, __file__, "--one", name, str(path), str(store)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{name}: {done.stderr}")
            found[name].append(json.loads(done.stdout))
            for left in folder.glob(f"{turn}.duckdb*"):
                left.unlink()
    return {name: {key: median(f[key] for f in figures) for key in figures[0]} for name, figures in found.items()}


def main() -> None:
    """Generate, race, print."""
    parser = arguments(str(__doc__).partition("\n")[0], "1", 5)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the file (default %(default)s)")
    parser.add_argument("--kept", action="store_true", help="all rows are of headings that are kept")
    args = parser.parse_args()
    table: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="orebridge-") as name:
        folder = Path(name)
        path = folder / NAME
        generate(path, args.rows, args.seed, args.kept)
        size = path.stat().st_size / 1e6
        figures = race(path, folder, args.runs)
        if len({f["rows"] for f in figures.values()}) != 1:
            raise SystemExit(f"the contestants do not agree on the rows: {figures}")
        own = figures["orebridge"]
        for contestant, found in figures.items():
            table.append(
                {
                    "contestant": contestant, "rows kept": int(found["rows"]), "seconds": found["seconds"],
                    "times ours": found["seconds"] / own["seconds"], "processor s": found["processor"],
                    "of ours": found["processor"] / own["processor"], "peak MB": found["MB"],
                }
            )  # fmt: skip
    show(f"{args.rows:,} rows, {size:.0f} MB, median of {args.runs} runs", table)
    finish(args, table)


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "--one":
        one(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
