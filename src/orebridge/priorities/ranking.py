"""Ranks side by side: agreement, disagreement, the chance of the top ten, what moves a rank, which weight flips two minerals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

import numpy as np
import pandas as pd

from orebridge.errors import UnknownLabel
from orebridge.priorities.arrays import GROUPS, Arrays, Floats, Row, arrays_for
from orebridge.priorities.inputs import Inputs
from orebridge.priorities.method import ENOUGH, Method, Raw, frame_of, interval
from orebridge.priorities.subjects import Subject

DRAWS, PROBES, TOP = 200, 24, 10
#: The group that stands for its family in a ranking: published studies and tables differ in which elements they split.
FOLDED = "rare_earths"


@dataclass(frozen=True)
class Ranking:
    """The minerals of one subject under every method.

    `table`: mineral, label, overall score (0-1, 1 worst) and rank with its 90 % interval, `top` chance of the top ten,
    `weight` share of the methods' weight that has a score, `inputs` mean share of inputs present, `mover` the group of
    stated inputs that moves the overall rank most and by how many places, `absent_moves` the places that unstated ones move it, `best, worst` the methods that rank it highest and lowest.
    `scores`: the frame of every method (see `Method.score`) with `rank, rank_low, rank_high, top`.
    `agreement`: Kendall's tau between methods, over the minerals both rank.
    """

    subject: Subject
    methods: tuple[Method, ...]
    weights: Mapping[str, float]
    table: pd.DataFrame
    scores: Mapping[str, pd.DataFrame]
    agreement: pd.DataFrame
    seed: int
    draws: int
    overall: Floats = field(repr=False, default_factory=lambda: np.zeros((0, 0)))


def checked_weights(weights: Mapping[str, float] | None, methods: Sequence[Method]) -> dict[str, float]:
    """Weight of every method, 1 each unless stated; methods left out of `weights` weigh 0. Raises UnknownLabel."""
    names = [method.name for method in methods]
    if not weights:
        return dict.fromkeys(names, 1.0)
    from orebridge.reading import near

    for name, value in weights.items():
        if name not in names:
            raise UnknownLabel(f"weights: no method {name!r}{near(name, names)} among {', '.join(names)}.")
        if not (np.isfinite(value) and value >= 0):
            raise UnknownLabel(f"weights: {name} is {value}; a weight is a number of 0 or more.")
    if sum(weights.values()) <= 0:
        raise UnknownLabel("weights: all are 0; give at least one method a weight.")
    return {name: float(weights.get(name, 0.0)) for name in names}


def rank(
    inputs: Inputs,
    subject: Subject,
    methods: Sequence[Method],
    weights: Mapping[str, float] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    bench: Bench | None = None,
) -> Ranking:
    """Rank the minerals for a subject under every method and under all of them, weighed.

    A method's ranks become places 0-1 (1 worst) among the minerals it scores; the overall score is their weighted mean
    over the methods that have a score for the mineral and for anybody, and is absent below half of the weight. Draw i
    uses its own seed, so more draws only add to fewer. A `bench` may be shared between subjects.
    """
    weigh = checked_weights(weights, methods)
    bench = bench if bench is not None else bench_of(inputs, methods, draws, seed, subject.members)
    arrays = bench.arrays
    keep = ranked(inputs, arrays.minerals)
    raws = {m.name: m.core(arrays, subject) for m in methods}
    orders = {m.name: order_of(_kept(raws[m.name].score, keep), m.higher_is_worse) for m in methods}
    places = {name: _places(ranks) for name, ranks in orders.items()}
    stated = {name: values[:1] for name, values in places.items()}
    overall, share = combined(places, weigh)
    scores = {m.name: _scored(arrays, raws[m.name], orders[m.name], bench, keep) for m in methods}
    table = _table(inputs, arrays, keep, overall, bench, share, raws, stated, weigh)
    movers = _movers(bench, overall, table["mineral"].tolist())
    table = table.merge(movers, on="mineral", how="left").sort_values(["rank", "mineral"], na_position="last")
    return Ranking(
        subject, tuple(methods), weigh, table.reset_index(drop=True), scores, agreement(stated), seed, bench.draws, overall[bench.drawn]
    )  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """Arrays of all rows a ranking needs: as stated, the draws, and draws in which one group of inputs varies alone."""

    arrays: Arrays
    draws: int
    groups: tuple[str, ...]

    @property
    def drawn(self) -> slice:
        """Rows in which everything varies."""
        return slice(1, 1 + self.draws)

    def alone(self, group: str) -> slice:
        """Rows in which only this group varies."""
        first = 1 + self.draws + PROBES * self.groups.index(group)
        return slice(first, first + PROBES)


def bench_of(
    inputs: Inputs,
    methods: Sequence[Method],
    draws: int = DRAWS,
    seed: int = 0,
    importers: Collection[str] | None = None,
) -> Bench:
    """The rows for ranking by these methods; groups that none of them reads are left out, and flows to others than
    `importers`."""
    needs = {name for method in methods for name in method.needs}
    groups = tuple(g for g in GROUPS if needs.intersection(READS[g]))
    rows: list[Row] = [None, *((i, frozenset(GROUPS)) for i in range(draws))]
    rows += [(i, frozenset({group})) for group in groups for i in range(PROBES)]
    return Bench(arrays_for(inputs, rows, seed, importers), draws, groups)


def ranked(inputs: Inputs, minerals: Sequence[str]) -> np.ndarray:
    """Positions of the minerals that are ranked: single ones, and rare earths as one."""
    table = inputs.minerals.set_index("mineral")
    keep = []
    for k, name in enumerate(minerals):
        row = table.loc[name]
        folded = row["family"] == FOLDED and FOLDED in minerals
        if name == FOLDED or (row["class"] == "mineral" and not folded):
            keep.append(k)
    return np.array(keep, dtype=np.int64)


def _kept(values: Floats, keep: np.ndarray) -> Floats:
    return np.asarray(values[:, keep])


def order_of(scores: Floats, higher_is_worse: bool = True) -> Floats:
    """Ranks (D, M), 1 the worst, equal scores sharing the mean of their ranks, NaN without a score.

    >>> order_of(np.array([[0.2, 0.9, np.nan, 0.2]])).tolist()
    [[2.5, 1.0, nan, 2.5]]
    """
    values = np.where(np.isfinite(scores), scores if higher_is_worse else -scores, np.nan)
    one, other = values[:, :, None], values[:, None, :]
    # NaN compares false with everything, so an absent score neither has nor makes a rank.
    above = (other > one).sum(axis=2)
    same = (other == one).sum(axis=2)
    return np.where(np.isnan(values), np.nan, above + (same + 1) / 2)


def places_of(scores: Floats, higher_is_worse: bool = True) -> Floats:
    """Places (D, M) from 1 (worst) to 0 (best) among the scored; a single scored mineral gets 1.

    >>> places_of(np.array([[0.2, 0.9, np.nan, 0.5]])).tolist()
    [[0.0, 1.0, nan, 0.5]]
    """
    return _places(order_of(scores, higher_is_worse))


def _places(ranks: Floats) -> Floats:
    """Places from ranks."""
    count = np.isfinite(ranks).sum(axis=1, keepdims=True)
    return np.where(count > 1, 1 - (ranks - 1) / np.maximum(count - 1, 1), np.where(np.isfinite(ranks), 1.0, np.nan))


def combined(places: Mapping[str, Floats], weights: Mapping[str, float]) -> tuple[Floats, Floats]:
    """Weighted mean of places (D, M), and the share of weight behind it; methods that score nobody do not count."""
    used = {name: values for name, values in places.items() if weights[name] > 0 and np.isfinite(values).any()}
    shape = next(iter(places.values())).shape
    total = sum(weights[name] for name in used)
    if not used:
        return np.full(shape, np.nan), np.zeros(shape)
    weight = sum(weights[name] * np.isfinite(values) for name, values in used.items())
    value = sum(weights[name] * np.nan_to_num(values) for name, values in used.items())
    share = np.asarray(weight) / total
    return np.where(
        share >= ENOUGH, np.divide(value, weight, out=np.zeros(shape), where=np.asarray(weight) > 0), np.nan
    ), share


def _scored(arrays: Arrays, raw: Raw, drawn: Floats, bench: Bench, keep: np.ndarray) -> pd.DataFrame:
    """The frame of a method, ranked minerals only, with rank, its interval and the chance of the top ten."""
    frame = frame_of(arrays, raw, raw.score[bench.drawn]).iloc[keep].reset_index(drop=True)
    ranks = drawn[0]
    low, high, top = _interval(drawn[bench.drawn])
    there = np.isfinite(ranks)
    return frame.assign(
        rank=ranks, rank_low=np.where(there, np.fmin(low, ranks), np.nan), rank_high=np.where(there, np.fmax(high, ranks), np.nan),
        top=np.where(there, top, np.nan),
    )  # fmt: skip


def _interval(drawn: Floats) -> tuple[Floats, Floats, Floats]:
    """5 % and 95 % of the ranks of every mineral, and how often it is among the ten worst."""
    if not len(drawn):
        empty = np.full(drawn.shape[1], np.nan)
        return empty, empty, empty
    low, high = interval(drawn)
    return low, high, np.where(np.isnan(drawn), False, drawn <= TOP).mean(axis=0)


def _table(
    inputs: Inputs,
    stated: Arrays,
    keep: np.ndarray,
    overall: Floats,
    bench: Bench,
    share: Floats,
    raws: Mapping[str, Raw],
    places: Mapping[str, Floats],
    weights: Mapping[str, float],
) -> pd.DataFrame:
    names = [stated.minerals[k] for k in keep]
    labels = inputs.minerals.set_index("mineral")["label"]
    drawn = order_of(overall)
    ranks = drawn[0]
    low, high, top = _interval(drawn[bench.drawn])
    there = np.isfinite(ranks)
    used = [name for name in raws if weights[name] > 0 and np.isfinite(places[name]).any()]
    present = np.array([[raws[n].present[k] for k in keep] for n in used]) if used else np.zeros((1, len(keep)))
    best, worst = _extremes({n: places[n][0] for n in used}, len(keep))
    return pd.DataFrame({
        "mineral": names, "label": [str(labels.get(n, n)) for n in names], "score": overall[0], "rank": ranks,
        "rank_low": np.where(there, np.fmin(low, ranks), np.nan), "rank_high": np.where(there, np.fmax(high, ranks), np.nan),
        "top": np.where(there, top, np.nan), "weight": share[0], "inputs": present.mean(axis=0), "best": best, "worst": worst,
    })  # fmt: skip


def _extremes(places: Mapping[str, Floats], size: int) -> tuple[list[str], list[str]]:
    """For each mineral the method under which it is worst placed, and best."""
    high: list[str] = []
    low: list[str] = []
    for k in range(size):
        known = {name: float(values[k]) for name, values in places.items() if np.isfinite(values[k])}
        high.append(max(known, key=lambda n: known[n]) if known else "")
        low.append(min(known, key=lambda n: known[n]) if known else "")
    return high, low


def agreement(places: Mapping[str, Floats]) -> pd.DataFrame:
    """Kendall's tau-b between every two methods over the minerals both score, and how many those are; NaN below five."""
    rows = []
    for one, other in combinations(places, 2):
        a, b = places[one][0], places[other][0]
        both = np.isfinite(a) & np.isfinite(b)
        rows.append((one, other, kendall(a[both], b[both]) if both.sum() >= 5 else np.nan, int(both.sum())))
    return pd.DataFrame(rows, columns=["method", "other", "tau", "minerals"])


def kendall(a: Floats, b: Floats) -> float:
    """Kendall's tau-b of two lists, NaN if either does not vary.

    >>> kendall(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])) == 1 / 3
    True
    """
    upper = np.triu_indices(len(a), 1)
    x, y = np.sign(a[:, None] - a[None, :])[upper], np.sign(b[:, None] - b[None, :])[upper]
    size = float(np.sqrt((x != 0).sum() * (y != 0).sum()))
    return float((x * y).sum()) / size if size > 0 else float("nan")


#: Which frame a group of inputs belongs to; a method that does not read it is not moved by the group.
READS: Mapping[str, tuple[str, ...]] = {
    "production": ("production",), "source": ("production",), "trade": ("trade",), "governance": ("governance",),
    "reliance": ("net_import_reliance",), "published": ("usgs", "eu", "iea"), "companion": ("companion",),
    "development": ("development",), "chances": ("probabilities",), "losses": ("losses",),
    "absent": ("production", "governance", "development"),
}  # fmt: skip


def _movers(bench: Bench, overall: Floats, names: Sequence[str]) -> pd.DataFrame:
    """The group of stated inputs that moves each mineral's overall rank most, and by how many places (5-95 % of the draws).

    `absent_moves` is the same for what nobody states.
    """
    ranks = order_of(overall)
    widths = {}
    for group in bench.groups:
        low, high, _ = _interval(ranks[bench.alone(group)])
        widths[group] = np.where(np.isfinite(overall[0]), np.nan_to_num(high - low), 0.0)
    absent = widths.pop("absent", np.zeros(len(names)))
    groups = list(widths)
    table = np.array(list(widths.values())) if widths else np.zeros((1, len(names)))
    best, moved = table.argmax(axis=0), table.max(axis=0)
    mover = [groups[k] if v > 0 and groups else "" for k, v in zip(best, moved, strict=True)]
    return pd.DataFrame({"mineral": list(names), "mover": mover, "moved": moved, "absent_moves": absent})


def flips(ranking: Ranking, first: str, second: str) -> pd.DataFrame:
    """By what weight of each method, the others held, two minerals change places: `method, weight, flips_at, factor`.

    `flips_at` is NaN where no weight of 0 or more does it. Exact: the overall scores are ratios linear in each weight.
    Raises UnknownLabel for a mineral that has no overall rank.
    """
    return _flips(ranking, {m.name: _stated_places(ranking, m) for m in ranking.methods}, first, second)


def _flips(ranking: Ranking, places: Mapping[str, Mapping[str, float]], first: str, second: str) -> pd.DataFrame:
    """`flips` with the places under every method at hand."""
    for name in (first, second):
        row = ranking.table[ranking.table["mineral"] == name]
        if row.empty or not np.isfinite(float(row["rank"].iloc[0])):
            from orebridge.reading import near

            raise UnknownLabel(f"no overall rank for {name!r}{near(name, ranking.table['mineral'])}.")
    used = [n for n, p in places.items() if any(np.isfinite(list(p.values())))]
    rows = []
    for name in used:
        rows.append((name, ranking.weights[name], _flip(places, ranking.weights, used, name, first, second)))
    frame = pd.DataFrame(rows, columns=["method", "weight", "flips_at"])
    return frame.assign(factor=frame["flips_at"] / frame["weight"].replace(0.0, np.nan))


def _stated_places(ranking: Ranking, method: Method) -> dict[str, float]:
    frame = ranking.scores[method.name]
    places = places_of(frame["score"].to_numpy(dtype=float)[None, :], method.higher_is_worse)[0]
    return dict(zip(frame["mineral"].astype(str), places.tolist(), strict=True))


def _flip(
    places: Mapping[str, Mapping[str, float]], weights: Mapping[str, float], used: Collection[str], name: str, first: str, second: str
) -> float:  # fmt: skip
    """The weight of `name`, nearest to its own, at which both minerals score the same; NaN if there is none."""
    sums = []
    for mineral in (first, second):
        others = [(weights[n], places[n][mineral]) for n in used if n != name and np.isfinite(places[n][mineral])]
        mine = places[name][mineral]
        there = float(np.isfinite(mine))
        sums.append((sum(w * p for w, p in others), sum(w for w, _ in others), there * np.nan_to_num(mine), there))
    (a, b, c, d), (e, f, g, h) = sums
    # (a + c w) / (b + d w) = (e + g w) / (f + h w), both denominators above 0
    roots = np.roots([c * h - g * d, a * h + c * f - e * d - g * b, a * f - e * b])
    own = weights[name]
    rest = sum(weights[n] for n in used if n != name)

    def ranked(w: float) -> bool:
        """Whether both still have a rank at this weight: it may lie on a method that knows one of them not."""
        present = min(b + d * w, f + h * w)
        return present > 0 and present >= ENOUGH * (rest + w)

    real = [float(r.real) for r in np.atleast_1d(roots) if abs(r.imag) < 1e-12 and r.real >= 0]
    good = [w for w in real if ranked(w)]
    return min(good, key=lambda w: abs(w - own)) if good else float("nan")


def closest_flips(ranking: Ranking, count: int = 3) -> pd.DataFrame:
    """Neighbours among the first ranks whose order hangs on the smallest change of one weight: `first, second, method, weight, flips_at`."""
    order = ranking.table[ranking.table["rank"].notna()]["mineral"].tolist()[: TOP + 2]
    places = {m.name: _stated_places(ranking, m) for m in ranking.methods}
    rows = []
    for first, second in pairwise(order):
        found = _flips(ranking, places, first, second).dropna(subset=["flips_at"])
        if len(found):
            change = (np.log1p(found["flips_at"]) - np.log1p(found["weight"])).abs()
            best = found.loc[change.idxmin()]
            rows.append((first, second, best["method"], best["weight"], best["flips_at"], float(change.min())))
    frame = pd.DataFrame(rows, columns=["first", "second", "method", "weight", "flips_at", "change"])
    return frame.sort_values("change", kind="stable").head(count).drop(columns="change").reset_index(drop=True)
