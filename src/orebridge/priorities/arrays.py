"""The inputs as arrays, with what is uncertain drawn at random: one row per draw, row 0 of the base being the inputs as stated.

What varies, by group (`GROUPS`); a group that is held stays as stated:

production  every national figure, log-normal, 5 % (reported) or 20 % (estimated by the publisher) standard error
source      which of the sources that state a mineral's production is believed (the main one half the time)
trade       every flow, log-normal, 10 %: mirror figures of exporter and importer differ by about that
governance  World Bank estimate, normal, with its published standard error
reliance    net import reliance, uniform over its range
published   printed indices, uniform over the rounding of the print
companion   companion share, uniform over its range
development development index, uniform over its range
chances     chance of a shock, log-triangular from low over value to high
losses      loss of a shock, log-triangular over the range of the value of lost output; how much of the best plan is done
absent      what nobody states: anything it may be (a missing governance score 0-1, an unlisted share spread or one producer)

The percentages without a source are assumptions of Orebridge. Draw i uses SeedSequence(seed, spawn_key=(i, group)), so
it is the same for any number of draws and workers, and for any choice of groups.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orebridge.labels import country_name
from orebridge.priorities.inputs import Inputs
from orebridge.priorities.subjects import Subject

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GROUPS = (
    "production", "source", "trade", "governance", "reliance", "published", "companion", "development", "chances",
    "losses", "absent",
)  # fmt: skip
STAGES = ("mine", "refining")
REPORTED, ESTIMATED, TRADED = 0.05, 0.20, 0.10  # standard errors of logarithms


@dataclass(frozen=True)
class Sums:
    """Adds values (draws, rows) up by group: (draws, groups). The order of rows does not matter beyond rounding."""

    group: Ints
    size: int

    @cached_property
    def _plan(self) -> tuple[Ints | None, Ints, Ints]:
        order = np.argsort(self.group, kind="stable")
        present, starts = np.unique(self.group[order], return_index=True)
        sorted_already = bool((np.diff(self.group) >= 0).all())
        return None if sorted_already else order, starts, present

    def __call__(self, values: Floats) -> Floats:
        result = np.zeros((values.shape[0], self.size))
        if len(self.group):
            order, starts, present = self._plan
            result[:, present] = np.add.reduceat(values if order is None else values[:, order], starts, axis=1)
        return result


@dataclass(frozen=True)
class Arrays:
    """Inputs of all minerals for one draw or many: first axis draws (D), then minerals (M), rows or countries (C).

    `tonnes` are of the rows of `production` and 0 where a draw believes another source; `unlisted` is the share of
    output of no listed country, `spread` what part of it belongs to one producer (0 as stated). `trade` and `traded` hold
    the flows to the importers asked for; `has_trade` says of which minerals anybody's trade is stated, `importers` whose.
    """

    inputs: Inputs
    minerals: tuple[str, ...]
    countries: tuple[str, ...]
    production: pd.DataFrame
    tonnes: Floats
    trade: pd.DataFrame
    traded: Floats
    has_trade: NDArray[np.bool_]
    importers: frozenset[str]
    governance: Floats
    governance_six: Floats
    reliance: Floats
    published: dict[tuple[str, str], Floats]
    companion: Floats
    development: dict[str, Floats]
    spread: Floats
    anything: Floats
    chances: Floats
    loss_factor: Floats
    _flows: dict[Subject, Flows] = field(default_factory=dict, repr=False, compare=False)

    @property
    def draws(self) -> int:
        """Number of draws, 1 for the inputs as stated."""
        return len(self.tonnes)

    @cached_property
    def stage_sums(self) -> Sums:
        """Sum of production rows by mineral and stage: index mineral * 2 + stage."""
        rows = self.production
        return Sums(_ints(rows["m"]) * len(STAGES) + _ints(rows["s"]), len(self.minerals) * len(STAGES))

    @cached_property
    def stage_total(self) -> Floats:
        """World output (D, M, stages) of the believed source, unlisted countries included; 0 where nothing is stated."""
        listed = self.stage_sums(self.tonnes)
        beyond = self.stage_sums(np.where(self.tonnes > 0, self.production["unlisted"].to_numpy(), 0.0))
        count = np.maximum(self.stage_sums((self.tonnes > 0).astype(float)), 1.0)
        return (listed / (1.0 - beyond / count)).reshape(self.draws, len(self.minerals), len(STAGES))

    @cached_property
    def shares(self) -> Floats:
        """Share of every production row in the world output of its mineral and stage."""
        at = self.stage_sums.group
        total = self.stage_total.reshape(self.draws, -1)[:, at]
        return np.divide(self.tonnes, total, out=np.zeros_like(self.tonnes), where=total > 0)

    @cached_property
    def unlisted(self) -> Floats:
        """Share of output (D, M, stages) that belongs to no listed country."""
        listed = self.stage_sums(self.shares).reshape(self.stage_total.shape)
        return np.where(self.stage_total > 0, np.clip(1.0 - listed, 0.0, 1.0), 0.0)

    def by_stage(self, values: Floats) -> Floats:
        """Sum of values of production rows by mineral and stage (D, M, stages)."""
        return self.stage_sums(values).reshape(self.draws, len(self.minerals), len(STAGES))

    def trade_of(self, subject: Subject) -> NDArray[np.bool_]:
        """Of which minerals the imports of the subject are stated: all with trade, or none if a member's are not in the
        table at all, because then no row does not mean no imports."""
        return self.has_trade if self.untold(subject) == "" else np.zeros_like(self.has_trade)

    def untold(self, subject: Subject) -> str:
        """The reason where a member's imports are not in the table, else ""."""
        missing = [country_name(code) for code in subject.members if code not in self.importers]
        return f"no imports of {' and '.join(missing)} stated" if missing else ""

    def of_members(self, subject: Subject) -> NDArray[np.bool_]:
        """Which countries are the subject's own."""
        return np.isin(np.array(self.countries), subject.members)

    def own_by_stage(self, subject: Subject) -> Floats:
        """Output of the subject's members (D, M, stages)."""
        ours = self.of_members(subject)[self.production["c"].to_numpy()]
        return self.by_stage(np.where(ours, self.tonnes, 0.0))

    @cached_property
    def instability(self) -> Floats:
        """g of every country (D, C): 0 good, 1 bad, `0.5 - estimate / 5` held to 0-1; NaN where no score is published."""
        return np.clip(0.5 - self.governance / 5.0, 0.0, 1.0)

    def series(self) -> tuple[Floats, Ints]:
        """World output (D, M) and the stage it is of: mine where stated, else refining."""
        stage = np.where(self.stage_total[0, :, 0] > 0, 0, 1)
        return np.take_along_axis(self.stage_total, stage[None, :, None], axis=2)[:, :, 0], stage.astype(np.int64)

    def where(self, study: str, item: str) -> Floats:
        """A published figure (D, M), NaN where the study does not state it."""
        found = self.published.get((study, item))
        return np.full((self.draws, len(self.minerals)), np.nan) if found is None else found


@dataclass(frozen=True)
class Flows:
    """What a subject buys: rows of trade from outside, who from, and how much (D, rows)."""

    mineral: Ints
    country: Ints
    importer: NDArray[np.object_]
    tonnes: Floats
    usd: Floats
    weighed: NDArray[np.bool_]
    by_mineral: Sums
    exports: Floats
    inside: Floats
    stated: Floats

    def by_partner(self, values: Floats) -> tuple[Ints, Ints, Floats]:
        """Mineral and country of every partner, and values (D, partners) summed over its rows: a partner may sell under
        several headings and to several members, and concentration is of partners."""
        width = int(self.country.max(initial=0)) + 1
        pairs, at = np.unique(self.mineral * width + self.country, return_inverse=True)
        mineral, country = np.divmod(pairs, width)
        return mineral, country, Sums(at.astype(np.int64), len(pairs))(values)


def flows_of(arrays: Arrays, subject: Subject) -> Flows:
    """Imports of the subject from others; what its members sell one another is left out and returned as `inside`."""
    if subject in arrays._flows:
        return arrays._flows[subject]
    rows = arrays.trade
    importer = rows["importer"].isin(subject.members).to_numpy()
    inner = rows["exporter"].isin(subject.members).to_numpy()
    outer = np.flatnonzero(importer & ~inner)
    within = np.flatnonzero(importer & inner)
    size = len(arrays.minerals)
    minerals = _ints(rows["m"])
    inside = Sums(minerals[within], size)(np.nan_to_num(arrays.traded[:, within]))
    sold = arrays.inputs.exports[arrays.inputs.exports["country"].isin(subject.members)]
    # A trade database lists every flow, so a country it knows sold none of what has no row; one it does not know is absent.
    exports = np.full(size, 0.0 if set(subject.members) <= set(sold["country"]) else np.nan)
    position = {name: k for k, name in enumerate(arrays.minerals)}
    for name, tonnes in sold.groupby("mineral")["tonnes"].sum(min_count=1).items():
        if str(name) in position:
            exports[position[str(name)]] = tonnes
    kept = arrays.traded[:, outer]
    arrays._flows[subject] = Flows(
        minerals[outer], _ints(rows["c"])[outer], rows["importer"].to_numpy(dtype=object)[outer], kept,
        rows["usd"].to_numpy(dtype=float)[outer], np.isfinite(kept[0]), Sums(minerals[outer], size),
        np.maximum(exports[None, :] - inside, 0.0), inside, rows["tonnes"].to_numpy(dtype=float)[outer],
    )  # fmt: skip
    return arrays._flows[subject]


#: One row of arrays: a draw's number and the groups that vary in it, or None for the inputs as stated.
Row = tuple[int, frozenset[str]] | None


def arrays_of(inputs: Inputs, draws: Sequence[int] = (), seed: int = 0, groups: Collection[str] = GROUPS) -> Arrays:
    """The inputs as stated (no draws), or drawn: row k is draw number `draws[k]`, with only `groups` varying."""
    return arrays_for(inputs, [(i, frozenset(groups)) for i in draws] or [None], seed)


def arrays_for(inputs: Inputs, rows: Sequence[Row], seed: int = 0, importers: Collection[str] | None = None) -> Arrays:
    """The inputs in any mixture of rows, so that a method runs once over all of them; begin with None: methods take what
    is there and what is not from the first row. With `importers` only the flows to them are kept (a whole year of BACI
    is fifteen times the bundled table); the draws are the same.
    """
    table = inputs.minerals[inputs.minerals["class"] != "other"]
    minerals = tuple(sorted(str(name) for name in table["mineral"]))
    names = {c for key in ("production", "governance", "development") for c in getattr(inputs, key)["country"].unique()}
    countries = tuple(sorted({*map(str, names), *map(str, inputs.trade["exporter"].unique())}))
    m, c = ({name: k for k, name in enumerate(items)} for items in (minerals, countries))
    production = _production_rows(inputs, m, c)
    trade = inputs.trade[inputs.trade["mineral"].isin(m)]
    trade = trade.assign(m=_positions(trade["mineral"], m), c=_positions(trade["exporter"], c)).sort_values(
        ["importer", "mineral", "exporter"]
    )
    chance = _Chance(seed, tuple(rows))
    size = len(minerals)
    has_trade = np.isin(np.arange(size), trade["m"].to_numpy())
    kept = np.flatnonzero(trade["importer"].isin(importers).to_numpy()) if importers is not None else None
    moved = np.exp(TRADED * chance.normal("trade", len(trade), kept))
    trade = trade if kept is None else trade.iloc[kept]
    return Arrays(
        inputs, minerals, countries, production, _drawn_production(production, chance, size), trade,
        trade["tonnes"].to_numpy(dtype=float) * moved, has_trade,
        frozenset(map(str, inputs.trade["importer"].unique())),
        _governance(inputs, c, chance, "political_stability"), _governance(inputs, c, chance, "wgi_mean_of_six"), _reliance(inputs, m, chance), _published(inputs, m, chance),
        _ranged(inputs.companion, "mineral", "share", m, chance.uniform("companion", size)),
        {
            str(name): _ranged(rows, "country", "score", c, chance.uniform("development", len(countries)))
            for name, rows in inputs.development.groupby("indicator")
        },
        chance.uniform("absent", size, 0.0), chance.uniform("absent", len(countries) + size, np.nan),
        _chances(inputs, chance), chance.uniform("losses", size + 1, np.nan),
    )  # fmt: skip


@dataclass(frozen=True)
class _Chance:
    """Random numbers by group and row; in rows where a group is held it has its neutral value."""

    seed: int
    rows: tuple[Row, ...]
    _drawn: dict[tuple[int, str, str, int], Floats] = field(default_factory=dict, repr=False)

    def varies(self, group: str) -> bool:
        """Whether the group varies in any row."""
        return any(row is not None and group in row[1] for row in self.rows)

    def normal(self, group: str, size: int, kept: Ints | None = None) -> Floats:
        """Standard normal (D, size), 0 where held; with `kept` only those columns of it."""
        return self._fill(group, "normal", size, 0.0, kept)

    def uniform(self, group: str, size: int, held: float = np.nan) -> Floats:
        """Uniform 0-1 (D, size); `held` (NaN: as stated) where the group is held."""
        return self._fill(group, "uniform", size, held)

    def _fill(self, group: str, kind: str, size: int, held: float, kept: Ints | None = None) -> Floats:
        result = np.full((len(self.rows), size if kept is None else len(kept)), held)
        for k, row in enumerate(self.rows):
            if row is not None and group in row[1]:
                key = (row[0], group, kind, size)
                if key not in self._drawn:
                    sequence = np.random.SeedSequence(self.seed, spawn_key=(row[0], GROUPS.index(group)))
                    rng = np.random.default_rng(sequence)
                    drawn = rng.standard_normal(size) if kind == "normal" else rng.random(size)
                    self._drawn[key] = drawn if kept is None else drawn[kept]
                result[k] = self._drawn[key]
        return result


def _positions(names: pd.Series, at: dict[str, int]) -> Ints:
    codes, words = pd.factorize(names)
    return np.asarray(np.array([at[str(word)] for word in words], dtype=np.int64)[codes])


def _ints(values: pd.Series) -> Ints:
    return cast(Ints, values.to_numpy(dtype=np.int64))


def _production_rows(inputs: Inputs, m: dict[str, int], c: dict[str, int]) -> pd.DataFrame:
    """Rows with positions, the source's number and whether it is the main one, the share it leaves unlisted, its error."""
    frame = inputs.production[inputs.production["mineral"].isin(m) & (inputs.production["tonnes"] > 0)]
    unknown = sorted(set(frame["stage"]) - set(STAGES))
    if unknown:
        from orebridge.errors import UnknownLabel

        raise UnknownLabel(f"inputs production, stage: {unknown[0]!r} is neither mine nor refining.")
    frame = frame.sort_values(["mineral", "stage", "source", "country"]).reset_index(drop=True)
    whole = frame.groupby(["mineral", "stage", "source"])["tonnes"].transform("sum")
    total = frame["total"].where(frame["total"] > whole, whole)
    main = frame["preferred"].astype(str) == "yes"
    stated = main.groupby([frame["mineral"], frame["stage"]]).transform("any")
    first = frame["source"] == frame.groupby(["mineral", "stage"])["source"].transform("first")
    wide = np.log(frame["high"] / frame["low"]) / (2 * 1.645)
    error = np.where(frame["estimate"].astype(str) == "yes", ESTIMATED, REPORTED)
    return frame.assign(
        m=_positions(frame["mineral"], m), c=_positions(frame["country"], c),
        s=_positions(frame["stage"], {s: k for k, s in enumerate(STAGES)}),
        unlisted=1.0 - whole / total, main=np.where(stated, main, first),
        error=np.where(np.isfinite(wide), wide, error),
    )  # fmt: skip


def _drawn_production(rows: pd.DataFrame, chance: _Chance, size: int) -> Floats:
    """Tonnes (D, rows), 0 in rows of sources that a draw does not believe."""
    tonnes = rows["tonnes"].to_numpy(dtype=float) * np.exp(
        rows["error"].to_numpy(dtype=float) * chance.normal("production", len(rows))
    )
    main = rows["main"].to_numpy(dtype=bool)
    if not chance.varies("source"):
        return np.asarray(np.where(main, tonnes, 0.0))
    at = _ints(rows["m"]) * len(STAGES) + _ints(rows["s"])
    number = np.where(main, 0, 1 + rows.groupby(["m", "s"])["source"].rank(method="dense").to_numpy().astype(int))
    others = _renumbered(at, number)
    count = np.zeros(size * len(STAGES), dtype=int)
    np.maximum.at(count, at, others)
    u = chance.uniform("source", size * len(STAGES))
    # Half of the draws believe the main source, the others share the other half.
    other = 1 + np.floor((np.nan_to_num(u) - 0.5) * 2 * count).astype(int)
    believed = np.where(np.isnan(u) | (u < 0.5) | (count == 0), 0, other)
    return np.asarray(np.where(others == np.minimum(believed, count)[:, at], tonnes, 0.0))


def _renumbered(at: Ints, number: NDArray[Any]) -> NDArray[Any]:
    """0 for the main source, 1, 2, ... for the others of the same mineral and stage, without gaps."""
    result = np.zeros(len(at), dtype=int)
    for group in np.unique(at[number > 0]):
        mine = (at == group) & (number > 0)
        result[mine] = 1 + np.searchsorted(np.unique(number[mine]), number[mine])
    return result


def _governance(inputs: Inputs, c: dict[str, int], chance: _Chance, indicator: str) -> Floats:
    """Estimates (D, C) of one indicator, NaN for a country without one."""
    values, error = np.full(len(c), np.nan), np.zeros(len(c))
    rows = inputs.governance[inputs.governance["indicator"] == indicator]
    for country, score, low, high in rows[["country", "score", "low", "high"]].itertuples(index=False):
        values[c[str(country)]] = score
        error[c[str(country)]] = (high - low) / 2 if high > low else 0.0
    return np.asarray(values[None, :] + error[None, :] * chance.normal("governance", len(c)))


def _ranged(rows: pd.DataFrame, key: str, value: str, at: dict[str, int], u: Floats) -> Floats:
    """Values (D, size) by key; where `u` is a number, the place between low and high that it says."""
    middle, low, high = (np.full(len(at), np.nan) for _ in range(3))
    for name, stated, least, most in rows[[key, value, "low", "high"]].itertuples(index=False):
        if str(name) in at:
            k = at[str(name)]
            middle[k], low[k], high[k] = stated, *((least, most) if least < most else (stated, stated))
    return np.where(np.isnan(u), middle[None, :], low[None, :] + u * (high - low)[None, :])


def _reliance(inputs: Inputs, m: dict[str, int], chance: _Chance) -> Floats:
    """Published net import reliance (D, M, countries named in `net_import_reliance`, sorted)."""
    names = sorted(set(inputs.net_import_reliance["country"]))
    u = chance.uniform("reliance", len(m))
    rows = inputs.net_import_reliance
    parts = [_ranged(rows[rows["country"] == name], "mineral", "share", m, u) for name in names]
    return np.stack(parts, axis=2) if parts else np.zeros((u.shape[0], len(m), 0))


def _published(inputs: Inputs, m: dict[str, int], chance: _Chance) -> dict[tuple[str, str], Floats]:
    """Printed figures (D, M) by study and item; they vary within the rounding of the print."""
    result: dict[tuple[str, str], Floats] = {}
    tables = {"usgs2021": inputs.usgs, "usgs2025": inputs.usgs2025, "eu2023": inputs.eu, "iea2025": inputs.iea}
    half = {"usgs2021": 0.005, "eu2023": 0.05, "iea2025": 0.025}
    u = chance.uniform("published", len(m))
    for study, frame in tables.items():
        for item, rows in frame.groupby("item"):
            values = np.full(len(m), np.nan)
            for name, value in rows[["mineral", "value"]].itertuples(index=False):
                if str(name) in m:
                    values[m[str(name)]] = value
            wide = (
                half.get(study, 0.0) if str(item)[:2] in ("SR", "EI", "co") else 0.005 if str(item)[:2] == "SI" else 0.0
            )
            shift = np.where(np.isnan(u), 0.0, (2 * u - 1) * wide)
            result[study, str(item)] = np.maximum(values[None, :] + shift, 0.0)
    return result


def log_triangular(low: Floats, mode: Floats, high: Floats, u: Floats) -> Floats:
    """Quantile `u` of a triangular distribution of the logarithm; NaN `u` gives the mode.

    >>> float(log_triangular(np.array([0.1]), np.array([0.1]), np.array([0.4]), np.array([1.0]))[0])
    0.4
    """
    a, c, b = np.log(low), np.log(mode), np.log(high)
    width = np.where(b > a, b - a, 1.0)
    split = (c - a) / width
    left = a + np.sqrt(np.maximum(u * width * (c - a), 0.0))
    right = b - np.sqrt(np.maximum((1 - u) * width * (b - c), 0.0))
    return np.where(np.isnan(u), mode, np.where(b > a, np.exp(np.where(u < split, left, right)), mode))


def _chances(inputs: Inputs, chance: _Chance) -> Floats:
    """Chance of every shock (D, shocks in the order of `probabilities`)."""
    rows = inputs.probabilities
    u = chance.uniform("chances", len(rows))
    low, mode, high = (rows[name].to_numpy(dtype=float)[None, :] for name in ("low", "share", "high"))
    low, high = np.where(np.isnan(low), mode, low), np.where(np.isnan(high), mode, high)
    if not len(rows):
        return u
    return log_triangular(low, mode, high, u)
