"""What the methods read: one bundle of frames, from the bundled tables or from a workspace of imported files.

Every frame has the columns of `COLUMNS` (an importer may leave out the ones in `OPTIONAL`). Absent is not zero: what
nobody states has no row, a flow without a weight has NaN tonnes, and no method may read either as 0.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import cast

import numpy as np
import pandas as pd

from orebridge.errors import TableErrors, UnknownLabel
from orebridge.schema import RANKING_TABLES
from orebridge.world import World, load_world

#: Tables to read for a ranking: its own, and those that give names, routes, sites and owners.
TABLES: frozenset[str] = RANKING_TABLES | {
    "sources", "chains", "commodities", "hosts", "processes", "recipes", "recipe_terms", "sites", "production", "transit",
    "transit_zones", "withheld",
}  # fmt: skip
BUNDLED_YEAR = 2024

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "minerals": ("mineral", "label", "class", "family", "chain"),
    "production": ("mineral", "stage", "country", "tonnes", "low", "high", "source", "confidence", "total", "preferred", "estimate"),
    "trade": ("mineral", "hs", "importer", "exporter", "tonnes", "usd", "source"),
    "exports": ("mineral", "country", "tonnes", "source"),
    "governance": ("country", "indicator", "year", "score", "source", "low", "high"),
    "prices": ("mineral", "usd_per_t", "market", "month", "source"),
    "net_import_reliance": ("mineral", "country", "share", "source", "low", "high"),
    "usgs": ("mineral", "item", "value", "source"),
    "usgs2025": ("mineral", "item", "value", "source"),
    "eu": ("mineral", "item", "value", "source"),
    "iea": ("mineral", "item", "value", "source"),
    "development": ("country", "indicator", "score", "low", "high", "source"),
    "companion": ("mineral", "share", "low", "high", "source"),
    "reserves": ("mineral", "tonnes", "source"),
    "trade_parameters": ("mineral", "stage", "country", "factor", "source"),
    "outlook": ("mineral", "stage", "country", "horizon", "total", "tonnes", "source"),
    "demand": ("mineral", "scenario", "horizon", "tonnes", "source"),
    "passages": ("importer", "exporter", "passages"),
    "probabilities": ("shock", "group", "share", "low", "high", "source"),
    "losses": ("members", "shock", "chain", "mineral", "way", "usd", "low", "high", "tonnes"),
}  # fmt: skip
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "production": ("low", "high", "total", "preferred", "estimate", "confidence"), "governance": ("low", "high"),
    "net_import_reliance": ("low", "high"), "development": ("low", "high"), "companion": ("low", "high"),
}  # fmt: skip
_NUMBERS = {
    "tonnes",
    "low",
    "high",
    "total",
    "usd",
    "score",
    "year",
    "share",
    "value",
    "factor",
    "usd_per_t",
    "horizon",
}


def _none() -> pd.DataFrame:
    return pd.DataFrame()


@dataclass(frozen=True)
class Origin:
    """Where one frame of the inputs came from, when it could have come from a workspace.

    `editions` of the workspace that gave its `rows` (none: nothing of it was there), and the names of what the bundled
    tables give because it was not there, of `bundled_year`.
    """

    frame: str
    title: str
    editions: tuple[str, ...]
    rows: int
    bundled: tuple[str, ...]
    bundled_year: int

    @property
    def imported(self) -> str:
        """`trade: 48,056 rows (baci@V202601)`, empty where nothing was."""
        return f"{self.title}: {self.rows:,} rows ({', '.join(self.editions)})" if self.editions else ""

    def missing(self, most: int = 12) -> str:
        """What is bundled instead, the first names of it: `output by country of 2024: cobalt (refining) and 3 more`."""
        if not self.bundled:
            return ""
        more = len(self.bundled) - most
        return f"{self.title} of {self.bundled_year}: {', '.join(self.bundled[:most])}" + (
            f" and {more} more" if more > 0 else ""
        )


@dataclass(frozen=True)
class Inputs:
    """Frames of one year; see `COLUMNS`. Raises TableErrors for a frame that lacks a column or holds text as number.

    `vintage` says which data this is, for people; `version` names it for caches. Not to be changed after making.
    """

    year: int
    minerals: pd.DataFrame = field(default_factory=_none)
    production: pd.DataFrame = field(default_factory=_none)
    trade: pd.DataFrame = field(default_factory=_none)
    exports: pd.DataFrame = field(default_factory=_none)
    governance: pd.DataFrame = field(default_factory=_none)
    prices: pd.DataFrame = field(default_factory=_none)
    net_import_reliance: pd.DataFrame = field(default_factory=_none)
    usgs: pd.DataFrame = field(default_factory=_none)
    usgs2025: pd.DataFrame = field(default_factory=_none)
    eu: pd.DataFrame = field(default_factory=_none)
    iea: pd.DataFrame = field(default_factory=_none)
    development: pd.DataFrame = field(default_factory=_none)
    companion: pd.DataFrame = field(default_factory=_none)
    reserves: pd.DataFrame = field(default_factory=_none)
    trade_parameters: pd.DataFrame = field(default_factory=_none)
    outlook: pd.DataFrame = field(default_factory=_none)
    demand: pd.DataFrame = field(default_factory=_none)
    passages: pd.DataFrame = field(default_factory=_none)
    probabilities: pd.DataFrame = field(default_factory=_none)
    losses: pd.DataFrame = field(default_factory=_none)
    #: Why the losses are absent, where they are.
    losses_absent: str = ""
    vintage: str = ""
    version: str = ""
    #: The workspace that was laid over the bundled tables, and what each gave; empty where there is none.
    workspace: str = ""
    origins: tuple[Origin, ...] = ()

    def __post_init__(self) -> None:
        faults: list[str] = []
        for name, columns in COLUMNS.items():
            frame = getattr(self, name)
            object.__setattr__(self, name, _fitted(name, frame, columns, faults))
        if faults:
            raise TableErrors(faults)
        if self.minerals.empty:
            object.__setattr__(self, "minerals", _named_minerals(self))

    def replace(self, **changes: object) -> Inputs:
        """The same inputs with other frames; only those are checked. Raises TypeError for a name that is no field."""
        known = {item.name for item in fields(self)}
        if unknown := sorted(set(changes) - known):
            raise TypeError(f"inputs have no {', '.join(unknown)}.")
        made = copy.copy(self)
        faults: list[str] = []
        for name, value in changes.items():
            columns = COLUMNS.get(name)
            fitted = value if columns is None else _fitted(name, cast(pd.DataFrame, value), columns, faults)
            object.__setattr__(made, name, fitted)
        if faults:
            raise TableErrors(faults)
        if made.minerals.empty:
            object.__setattr__(made, "minerals", _named_minerals(made))
        return made

    def known_importers(self) -> tuple[str, ...]:
        """Countries whose imports are stated."""
        return tuple(sorted(map(str, self.trade["importer"].unique())))


def _fitted(name: str, frame: pd.DataFrame, columns: tuple[str, ...], faults: list[str]) -> pd.DataFrame:
    """The frame with all columns in order and numbers as floats; what does not fit is added to `faults`."""
    missing = [column for column in columns if column not in frame and column not in OPTIONAL.get(name, ())]
    if missing and len(frame.columns):
        faults.append(f"inputs {name}: no column {', '.join(missing)}; an importer must give {', '.join(columns)}.")
        return frame
    done: dict[str, pd.Series] = {}
    for column in columns:
        numeric = column in _NUMBERS
        if column not in frame:
            done[column] = pd.Series(np.full(len(frame), np.nan) if numeric else [""] * len(frame), index=frame.index)
        elif numeric:
            values = pd.to_numeric(frame[column], errors="coerce").astype(float)
            empty = values.isna()
            wrong = empty & frame[column].notna() & (frame[column].astype(str) != "") if empty.any() else empty
            if wrong.any():
                faults.append(f"inputs {name}, {column}: {frame.loc[wrong, column].iloc[0]!r} is not a number.")
            if np.isinf(values.to_numpy()).any():
                faults.append(f"inputs {name}, {column}: an endless number; correct the figure.")
            done[column] = values
        else:
            done[column] = frame[column]
    result = pd.DataFrame(done, columns=list(columns))
    negative = [c for c in ("tonnes", "usd", "share") if c in result and bool((result[c] < 0).any())]
    if negative:
        faults.append(f"inputs {name}, {', '.join(negative)}: negative; a quantity cannot be.")
    return result


def _named_minerals(inputs: Inputs) -> pd.DataFrame:
    names = sorted({str(m) for key in ("production", "trade", "usgs", "eu") for m in getattr(inputs, key)["mineral"]})
    return pd.DataFrame(
        {"mineral": names, "label": [n.replace("_", " ").capitalize() for n in names], "class": "mineral", "family": "", "chain": ""},
        columns=list(COLUMNS["minerals"]),
    )  # fmt: skip


def bundled_inputs(world: World | None = None, year: int = BUNDLED_YEAR) -> Inputs:
    """The inputs of the bundled tables (with the user's own rows laid over them).

    Raises UnknownLabel for a year the tables do not hold: they hold one year; import publishers' files for others.
    The losses are not in it: see `losses.with_losses`.
    """
    world = world or load_world(tables=TABLES)
    production = world.tables["world_production"]
    held = sorted({int(y) for y in production["year"].dropna()})
    if not held:
        raise UnknownLabel(
            "these tables hold no world production, so there is nothing to rank; leave out --world, or add world_production.csv."
        )
    if year not in held:
        raise UnknownLabel(
            f"the tables hold {', '.join(map(str, held))}, not {year}; `orebridge data import` adds other years."
        )
    published = world.facts("published_criticality")

    def study(name: str) -> pd.DataFrame:
        return published[published["study"] == name]

    return Inputs(
        year=year, minerals=world.facts("minerals"), production=_production(world, year), trade=_trade(world),
        exports=world.facts("mineral_exports").rename(columns={"value": "tonnes"}),
        governance=world.facts("governance").rename(columns={"value": "score"}),
        net_import_reliance=world.facts("import_reliance").rename(columns={"value": "share"}),
        usgs=study("usgs2021"), usgs2025=study("usgs2025"), eu=study("eu2023"), iea=study("iea2025"),
        development=world.facts("development").rename(columns={"value": "score"}),
        companion=world.facts("companion_shares").rename(columns={"value": "share"}),
        reserves=world.facts("reserves").rename(columns={"value": "tonnes"}),
        trade_parameters=world.facts("trade_parameters").rename(columns={"value": "factor"}),
        outlook=world.facts("supply_outlook").rename(columns={"value": "tonnes"}),
        demand=world.facts("demand_outlook").rename(columns={"value": "tonnes"}),
        passages=passages_of(world, world.facts("mineral_trade")),
        probabilities=world.facts("shock_probabilities").rename(columns={"value": "share"}),
        vintage=_vintage(world, year), version=world.version,
    )  # fmt: skip


def _production(world: World, year: int) -> pd.DataFrame:
    """All sources of a figure, the preferred whole marked: shares are only ever taken within one source."""
    frame = world.tables["world_production"]
    frame = frame[frame["year"] == year]
    wanted = frame[frame["preferred"] == "yes"].groupby(["mineral", "stage"])["source"].agg(lambda s: s.mode().iloc[0])
    first = frame.groupby(["mineral", "stage"])["source"].first()
    chosen = first.where(~first.index.isin(wanted.index), wanted.reindex(first.index))
    key = pd.MultiIndex.from_frame(frame[["mineral", "stage"]])
    main = frame["source"].to_numpy() == chosen.reindex(key).to_numpy()
    return frame.rename(columns={"value": "tonnes"}).assign(
        preferred=np.where(main, "yes", ""), estimate=np.where(frame["note"] == "estimate", "yes", "")
    )


def _trade(world: World) -> pd.DataFrame:
    frame = world.facts("mineral_trade").rename(columns={"value": "tonnes"})
    codes = world.facts("mineral_codes").groupby("mineral")["hs"].agg(";".join)
    return frame.assign(hs=frame["mineral"].map(codes).fillna(""))


def passages_of(world: World, trade: pd.DataFrame) -> pd.DataFrame:
    """Sea passages between importers and exporters of a trade table, by the routes of the world; pairs without are absent."""
    zone = {row["country"]: row["zone"] for row in world.records("transit_zones")}
    routes: dict[tuple[str, str], str] = {}
    for row in world.records("transit"):
        routes[row["origin"], row["destination"]] = row["chokepoints"]
        routes.setdefault((row["destination"], row["origin"]), row["chokepoints"])
    pairs = trade[["importer", "exporter"]].drop_duplicates()
    rows = []
    for importer, exporter in pairs.itertuples(index=False):
        near, far = zone.get(importer, ""), zone.get(exporter, "")
        for key in ((exporter, importer), (exporter, near), (far, importer), (far, near)):
            if key in routes:
                rows.append((importer, exporter, routes[key]))
                break
    return pd.DataFrame(rows, columns=list(COLUMNS["passages"]))


def _vintage(world: World, year: int) -> str:
    used = pd.concat([world.tables[t] for t in ("world_production", "mineral_trade", "governance")])["source"].unique()
    titles = [world.source(str(name)) for name in sorted(used)]
    return f"{year}; " + "; ".join(f"{row['publisher']}, {row['title']}" for row in titles)


def pick(inputs: Inputs, minerals: Collection[str]) -> Inputs:
    """The inputs of a few minerals only; raises UnknownLabel for a name that is not in them."""
    known = set(inputs.minerals["mineral"])
    from orebridge.reading import near

    for name in minerals:
        if name not in known:
            raise UnknownLabel(f"no mineral {name!r}{near(name, known)}.")
    wanted = set(minerals)
    frames = {
        name: frame[frame["mineral"].isin(wanted)]
        for name, columns in COLUMNS.items()
        if "mineral" in columns and len(frame := getattr(inputs, name))
    }
    return inputs.replace(**frames)
