"""Losses of every shock of the library by mineral, member and way: computed by the delivery model, kept and versioned.

The wheel ships the table of the bundled world (`data/priorities/losses.csv`). A table is only used for the data and model
it was computed with: `key_of` hashes the network's tables, the shocks and the model's number. `priorities --refresh`
computes anew, in under a minute on two cores, and keeps the result in the user's cache folder; with own tables
(`--data`) nothing is kept, because what rests on private figures stays in the memory of the process.

`python -m orebridge.priorities.losses` writes the shipped table again; do it whenever tables, shocks or the plan change.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from orebridge.errors import OrebridgeError, OutputError
from orebridge.priorities.inputs import COLUMNS, Inputs
from orebridge.priorities.subjects import Subject
from orebridge.schema import DRAW_TABLES, FIX_TABLES, RANKING_TABLES
from orebridge.tables import bundled_folder

if TYPE_CHECKING:
    import numpy as np

    from orebridge.network import SupplyNetwork
    from orebridge.shocks import Effects
    from orebridge.world import World

#: Raised whenever the delivery model changes its answers; part of the key of a table.
MODEL = 1
MONTHS, START = 24, "2026-12"
WORKERS = 2
SHIPPED = (("JPN",), ("USA",), ("JPN", "USA"))
#: Minerals whose metal a product of a chain is, where the chain serves several.
ELEMENTS = {"Pt": "platinum", "Pd": "palladium", "Rh": "rhodium", "Ru": "ruthenium", "Ir": "iridium"}
Note = Callable[[str], None]


def key_of(folder: Path | None = None, overlay: Path | None = None) -> str:
    """Name of data and model: a hash of all files of the network's tables, the library of shocks and `MODEL`."""
    digest = hashlib.sha256(f"{MODEL} {MONTHS} {START}".encode())
    for root in (folder or bundled_folder(), overlay):
        if root is not None:
            for path in sorted(root.rglob("*.csv")):
                if path.stem not in RANKING_TABLES | DRAW_TABLES | FIX_TABLES | {"sources", "withheld"}:
                    digest.update(f"\0{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    for item in sorted((resources.files("orebridge") / "data" / "shocks").iterdir(), key=lambda entry: entry.name):
        if item.name.endswith(".toml"):
            digest.update(f"\0{item.name}\0".encode() + item.read_bytes())
    return digest.hexdigest()[:12]


def cache_folder() -> Path:
    """Where this platform keeps a user's caches, with `orebridge` below; OREBRIDGE_CACHE overrides it."""
    if own := os.environ.get("OREBRIDGE_CACHE"):
        return Path(own)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "orebridge" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "orebridge"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orebridge"


@dataclass(frozen=True)
class LossTable:
    """A table and what it was computed with."""

    key: str
    frame: pd.DataFrame

    def text(self) -> str:
        """CSV with the key in the first line."""
        return f"# key {self.key}; model {MODEL}; {MONTHS} months from {START}\n" + self.frame.to_csv(
            index=False, lineterminator="\n"
        )


def read_table(text: str) -> LossTable | None:
    """The table of a text written by `LossTable.text`, None if it is something else."""
    import io

    first, _, rest = text.partition("\n")
    if not first.startswith("# key "):
        return None
    words, figures = COLUMNS["losses"][:5], COLUMNS["losses"][5:]
    # Only figures can be unknown (an empty cell); no label is taken for a missing one.
    frame = pd.read_csv(
        io.StringIO(rest), dtype=dict.fromkeys(words, str), keep_default_na=False, na_values={f: [""] for f in figures}
    )
    return (
        LossTable(first.removeprefix("# key ").partition(";")[0], frame)
        if list(frame.columns) == list(COLUMNS["losses"])
        else None
    )


def stored(key: str) -> LossTable | None:
    """The table of this key: shipped with the package, or kept from an earlier refresh."""
    shipped = resources.files("orebridge") / "data" / "priorities" / "losses.csv"
    texts = [shipped.read_text(encoding="utf-8")] if shipped.is_file() else []
    kept = cache_folder() / f"losses-{key}.csv"
    try:
        if kept.is_file():
            texts.insert(0, kept.read_text(encoding="utf-8"))
    except OSError:
        pass  # an unreadable cache is no cache
    found = [table for text in texts if (table := read_table(text)) is not None and table.key == key]
    return found[0] if found else None


def with_losses(inputs: Inputs, key: str, subjects: Iterable[Subject]) -> Inputs:
    """The inputs with the losses stored for `key`, or with the reason why there are none."""
    table = stored(key)
    if table is None:
        return inputs.replace(losses_absent="no losses computed for these tables; run `orebridge priorities --refresh`")
    held = set(table.frame["members"])
    missing = [s.label for s in subjects if "+".join(s.members) not in held]
    reason = f"no losses computed for {missing[0]}; run `orebridge priorities --refresh`" if missing else ""
    return inputs.replace(losses=table.frame, losses_absent=reason)


def refresh(
    world: World,
    subjects: Sequence[Subject],
    key: str,
    *,
    keep: bool = True,
    workers: int = WORKERS,
    note: Note = lambda _: None,
) -> LossTable:
    """Compute the losses of every shock for the subjects, add what is stored of others, and keep the table.

    One weighted solve per shock, chain and subject; the rows do not depend on `workers`. With `keep=False` nothing is
    written. Raises OutputError if the cache folder cannot be written.
    """
    jobs = [s.members for s in subjects]
    note(f"planning {len(jobs)} subject(s) against the library of shocks")
    if workers > 1 and len(jobs) > 1:
        with ProcessPoolExecutor(min(workers, len(jobs))) as pool:
            parts = list(pool.map(_losses_of, [world] * len(jobs), sorted(jobs, key=len, reverse=True)))
    else:
        parts = [_losses_of(world, members) for members in jobs]
    before = stored(key)
    done = {"+".join(members) for members in jobs}
    if before is not None:
        parts.append(before.frame[~before.frame["members"].isin(done)])
    frame = pd.concat(parts, ignore_index=True).sort_values(list(COLUMNS["losses"][:5])).reset_index(drop=True)
    table = LossTable(key, frame)
    if keep:
        _write(cache_folder() / f"losses-{key}.csv", table.text())
    return table


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".writing-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise OutputError(
            f"cannot keep the losses in {path.parent} ({error.strerror}); set OREBRIDGE_CACHE to a folder."
        ) from error


def _losses_of(world: World, members: tuple[str, ...]) -> pd.DataFrame:
    """Rows of one subject: every shock and chain it touches, without a plan and with its best one."""
    from orebridge.build import build_network
    from orebridge.delivery.limits import restrict_to
    from orebridge.shocks import effects_of, library, load_shock

    try:
        network = build_network(world, members)
    except OrebridgeError as error:
        raise type(error)(f"{'+'.join(members)}: {error}") from error
    spread = _spread(world)
    rows: list[dict[str, object]] = []
    for shock in library():
        effects = effects_of((load_shock(shock),), network, MONTHS, START)
        for chain in network.chains:
            part = network.subset([chain])
            own = restrict_to(effects, part)
            if not own.empty:
                rows += _one(part, own, members, shock, chain, spread.get(chain, (1.0, 1.0)), _split(world, chain))
    return pd.DataFrame(rows, columns=list(COLUMNS["losses"]))


def _one(
    part: SupplyNetwork,
    own: Effects,
    members: tuple[str, ...],
    shock: str,
    chain: str,
    spread: tuple[float, float],
    split: dict[str, dict[str, float]],
) -> list[dict[str, object]]:
    """Loss by mineral of one shock on one chain, unaided and planned, in USD and tonnes of unmet use."""
    from orebridge.delivery.model import Model
    from orebridge.delivery.modes import prepare
    from orebridge.delivery.stages import solve_single

    net, limits, horizon, unaided = prepare(part, own, MONTHS)
    coalition = frozenset(members) if len(members) > 1 else frozenset()
    model = Model(net, limits, horizon, unaided, coalition, f"losses/{chain}")
    rows = []
    for way, flows in (("unaided", unaided), ("planned", model.flows(solve_single(model)))):
        usd: dict[str, float] = {}
        tonnes: dict[str, float] = {}
        for commodity, value, unmet in _by_commodity(net, horizon.months, horizon.reported, flows.unmet, flows.stock):
            for mineral, share in (split.get(commodity) or {_mineral(chain, commodity): 1.0}).items():
                usd[mineral] = usd.get(mineral, 0.0) + share * value
                tonnes[mineral] = tonnes.get(mineral, 0.0) + share * unmet
        rows += [
            {"members": "+".join(members), "shock": shock, "chain": chain, "mineral": mineral, "way": way,
             "usd": _round(usd[mineral]), "low": _round(usd[mineral] * spread[0]), "high": _round(usd[mineral] * spread[1]),
             "tonnes": _round(tonnes[mineral])}
            for mineral in sorted(usd)
        ]  # fmt: skip
    return rows


def _round(value: float) -> float:
    """Six digits, and 0 for less than a dollar or a gram: what the solver leaves is not a loss. Unknown stays unknown."""
    return 0.0 if value < 1e-6 else float(f"{value:.6g}")


def _by_commodity(
    net: SupplyNetwork, months: int, reported: int, unmet: np.ndarray, stock: np.ndarray
) -> list[tuple[str, float, float]]:
    """Discounted USD (nan: of unknown value) and tonnes lost by commodity: members' unmet use, and stocks missing at the end."""
    import numpy as np

    from orebridge.delivery.model import discount

    weight = discount(net, months)[:reported]
    demands, piles = net.demands, net.stockpiles
    lost = np.where(unmet[:, :reported] < 1e-7, 0.0, unmet[:, :reported])
    tonnes = lost.sum(axis=1)
    # As in `results.member_loss`: what nobody is short of costs nothing, what has no stated value is unknown, not free.
    value = np.where(tonnes > 0, demands["value_usd"].to_numpy(dtype=float) * (lost @ weight), 0.0)
    missing = np.maximum(piles["s0"].to_numpy(dtype=float) - stock[:, -1], 0.0)
    missing = np.where(missing < 1e-6 * np.maximum(piles["s0"].to_numpy(dtype=float), 1.0), 0.0, missing)
    price = piles["replacement_usd"].to_numpy(dtype=float) * net.assumption("terminal_share")
    stocks = np.where(missing > 0, price * missing, 0.0)
    table = pd.concat([
        pd.DataFrame({"commodity": demands["commodity"], "country": demands["country"], "usd": value, "tonnes": tonnes}),
        pd.DataFrame({"commodity": piles["commodity"], "country": piles["country"], "usd": stocks, "tonnes": 0.0}),
    ])  # fmt: skip
    table = table[table["country"].isin(net.members)]
    table["commodity"] = table["commodity"].astype(str).str.partition(" (")[0]
    unknown = set(table.loc[table["usd"].isna(), "commodity"])
    total = table.groupby("commodity", as_index=False)[["usd", "tonnes"]].sum()
    return [
        (str(row["commodity"]), math.nan if row["commodity"] in unknown else float(row["usd"]), float(row["tonnes"]))
        for row in total.to_dict("records")
    ]


def _mineral(chain: str, commodity: str) -> str:
    """The ranked mineral a commodity belongs to."""
    if chain == "platinum_group":
        return commodity.partition("/")[0]
    return {"rare_earth_magnets": "rare_earths", "titanium": "titanium_metal"}.get(chain, chain)


def _split(world: World, chain: str) -> dict[str, dict[str, float]]:
    """Products of several platinum-group metals, by the share of each in their metal."""
    if chain != "platinum_group":
        return {}
    found: dict[str, dict[str, float]] = {}
    for row in world.rows("contents"):
        if row["element"] in ELEMENTS:
            found.setdefault(row["commodity"], {})[ELEMENTS[row["element"]]] = row.value
    return {name: {m: v / sum(parts.values()) for m, v in parts.items()} for name, parts in found.items()}


def _spread(world: World) -> dict[str, tuple[float, float]]:
    """How far low and high of the values of lost output lie from the stated ones, by chain (mean of the rows)."""
    chain = {row["commodity"]: row["chain"] for row in world.records("commodities")}
    low: dict[str, list[float]] = {}
    high: dict[str, list[float]] = {}
    for row in world.rows("values"):
        if row.value > 0 and row.low == row.low and row.high == row.high:
            low.setdefault(chain[row["commodity"]], []).append(row.low / row.value)
            high.setdefault(chain[row["commodity"]], []).append(row.high / row.value)
    return {name: (sum(low[name]) / len(low[name]), sum(high[name]) / len(high[name])) for name in low}


def main() -> None:
    """Write the shipped table anew from the bundled world."""
    from orebridge.schema import network_tables
    from orebridge.world import load_world

    table = refresh(load_world(tables=network_tables()), [Subject(m) for m in SHIPPED], key_of(), keep=False)
    path = Path(str(resources.files("orebridge"))) / "data" / "priorities" / "losses.csv"
    _write(path, table.text())
    sys.stdout.write(f"{len(table.frame)} rows, key {table.key}\n")


if __name__ == "__main__":
    main()
