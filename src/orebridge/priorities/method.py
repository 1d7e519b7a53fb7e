"""The contract every method keeps, and what it may use: a yardstick from inputs to a score per mineral."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from orebridge.priorities.arrays import STAGES, Arrays, Floats, arrays_of
from orebridge.priorities.inputs import Inputs
from orebridge.priorities.subjects import Subject, subject_of

#: Draws behind the low and high of a score, and the share of draws between them.
DRAWS, BETWEEN = 200, 0.90
#: Below this share of its inputs a method gives no score.
ENOUGH = 0.5


@dataclass(frozen=True)
class Raw:
    """What a method computes: score (D, M) with NaN where there is none, its parts, and what was there to compute from.

    `present` is the share of the inputs that were there (M), `reason` says per mineral why there is no score or what
    was missing ("" where nothing was). `parts` are (D, M), or (M,) of any type for words.
    """

    score: Floats
    present: Floats
    reason: NDArray[np.object_]
    parts: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)


@runtime_checkable
class Method(Protocol):
    """One yardstick. `score` is what people call; `core` is the same over many draws at once."""

    @property
    def name(self) -> str:
        """Short id, as in `--method`."""

    @property
    def title(self) -> str:
        """Name for people."""

    @property
    def citation(self) -> str:
        """Where it is published."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Frames of `Inputs` it reads."""

    @property
    def unit(self) -> str:
        """What the score is measured in."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and largest score."""

    @property
    def higher_is_worse(self) -> bool:
        """False where a low score is the bad one."""

    @property
    def scale(self) -> Mapping[tuple[str, ...], str]:
        """What multiplying these inputs by a constant does to every score: `same`, `linear`, `rises` or `falls`."""

    def core(self, arrays: Arrays, subject: Subject) -> Raw:
        """Score of every mineral for every draw."""

    def score(
        self,
        inputs: Inputs,
        country_or_alliance: str | Iterable[str] | Subject,
        weights: Mapping[str, float] | None = None,
    ) -> pd.DataFrame:
        """One row per mineral: `mineral, score, low, high, share_of_inputs, absent_reason` and the parts."""


@dataclass(frozen=True)
class Yardstick:
    """What all methods share: the frame with the range of the score."""

    def score(
        self,
        inputs: Inputs,
        country_or_alliance: str | Iterable[str] | Subject,
        weights: Mapping[str, float] | None = None,
    ) -> pd.DataFrame:
        """One row per mineral, sorted by mineral: `mineral, score, low, high, share_of_inputs, absent_reason`, parts.

        `low` and `high` hold 90 % of 200 draws over the ranges of the inputs (see `arrays`), always the same draws.
        `weights` are of the method's own components where it has any; a name it does not know is an UnknownLabel.
        """
        method = cast(Method, self.weighted(weights))
        subject = subject_of(country_or_alliance)
        stated = arrays_of(inputs)
        drawn = method.core(arrays_of(inputs, range(DRAWS)), subject)
        return frame_of(stated, method.core(stated, subject), drawn.score)

    def weighted(self, weights: Mapping[str, float] | None) -> Yardstick:
        """The method with other weights of its components; methods without such weights refuse any."""
        if weights:
            from orebridge.errors import UnknownLabel

            raise UnknownLabel(f"{type(self).__name__} has no component weights; it was given {', '.join(weights)}.")
        return self


def frame_of(stated: Arrays, raw: Raw, drawn: Floats) -> pd.DataFrame:
    """The table of a method: the score as stated, and the range of the drawn scores widened to hold it."""
    low, high = interval(drawn)
    score = raw.score[0]
    there = np.isfinite(score)
    columns: dict[str, object] = {
        "mineral": list(stated.minerals), "score": score,
        "low": np.where(there, np.fmin(low, score), np.nan), "high": np.where(there, np.fmax(high, score), np.nan),
        "share_of_inputs": raw.present, "absent_reason": raw.reason,
    }  # fmt: skip
    for name, values in raw.parts.items():
        columns[name] = values[0] if values.ndim == 2 else values
    return pd.DataFrame(columns)


def interval(drawn: Floats) -> tuple[Floats, Floats]:
    """The middle 90 % of the draws of every mineral, NaN where no draw has a score."""
    tail = (1 - BETWEEN) / 2
    return quantile(drawn, tail), quantile(drawn, 1 - tail)


def quantile(drawn: Floats, q: float) -> Floats:
    """Quantile (M) over the draws that are numbers, by linear interpolation; NaN where none is.

    >>> quantile(np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]]), 0.5).tolist()
    [2.0, nan]
    """
    ordered = np.sort(drawn, axis=0)  # NaN last
    count = np.isfinite(drawn).sum(axis=0)
    at = q * np.maximum(count - 1, 0)
    below = np.floor(at).astype(int)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    columns = np.arange(drawn.shape[1])
    low, high = ordered[below, columns], ordered[above, columns]
    return np.where(count > 0, low + (at - below) * (high - low), np.nan)


def reasons(size: int, cases: Sequence[tuple[NDArray[np.bool_], str]]) -> NDArray[np.object_]:
    """The first text whose condition holds for each mineral, "" where none does."""
    result = np.full(size, "", dtype=object)
    for condition, text in reversed(cases):
        result[condition] = text
    return result


def concentration(arrays: Arrays) -> Floats:
    """Herfindahl-Hirschman index (D, M, stages), 0-1, NaN where the source states no output.

    `HHI = sum S^2` over countries. Output of no listed country counts as spread over many, as stated; draws let a part
    `spread` of it be one more producer.
    """
    index = arrays.by_stage(arrays.shares**2) + (arrays.unlisted * arrays.spread[:, :, None]) ** 2
    return np.where(arrays.stage_total > 0, index, np.nan)


def largest(arrays: Arrays) -> tuple[NDArray[np.object_], Floats]:
    """The largest producer of the worse stage as stated: `China 78 % of mining`, and its share, by mineral."""
    from orebridge.labels import country_name

    words, share = np.full(len(arrays.minerals), "", dtype=object), np.full(len(arrays.minerals), np.nan)
    order = np.argsort(-arrays.shares[0], kind="stable")
    minerals = arrays.production["m"].to_numpy()[order]
    first = order[np.unique(minerals, return_index=True)[1]]
    columns = (arrays.production[name].to_numpy()[first].tolist() for name in ("m", "c", "s"))
    for k, c, s, part in zip(*columns, arrays.shares[0, first].tolist(), strict=True):
        share[k] = part
        words[k] = f"{country_name(arrays.countries[c])} {100 * part:.0f} % of {('mining', 'refining')[s]}"
    return words, share


def worse_stage(values: Floats) -> tuple[Floats, NDArray[np.object_]]:
    """The higher of the stages (D, M) and its name as stated, NaN and "" where there is none."""
    some = np.asarray(np.isfinite(values).any(axis=2))
    filled = np.where(np.isfinite(values), values, -np.inf)
    best = np.where(some, filled.max(axis=2), np.nan)
    name = np.where(some[0], np.array(STAGES, dtype=object)[filled[0].argmax(axis=1)], "")
    return best, name.astype(object)
