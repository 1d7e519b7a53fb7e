"""Draws: which shocks happen in run i, when, how long and how hard.

Run i uses `SeedSequence(seed, spawn_key=(i, ...))` and nothing else, with a child for each group and each hazard named
by a hash of its name. So run i is the same for any number of workers, in any order, after a kill, in a longer ensemble
and, but for the hazard itself, when hazards are added or taken away.

Occurrence is a Gaussian copula with one factor per group. With P = 1 - (1 - p)^(months/12) the chance over the horizon
and rho the share in common, a hazard happens if

    u < Phi((Phi^-1(P) + sqrt(rho) z_group) / sqrt(1 - rho)),    u uniform, z_group standard normal,

so its own chance stays P, and two hazards of one group come together more often than by chance. A hazard happens at
most once in a run. Its first month is uniform over the horizon; length, severity, leakage and delay are independent
draws from triangles (low, most likely, high).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from orebridge.ensemble.hazards import DRAWN, Hazard, Hazards, round_months
from orebridge.shocks import Shock

#: Order of the uniform numbers of a hazard; new ones go to the end, so that old draws stay as they are.
NUMBERS = ("occurs", "start", "length", "severity", "leakage", "delay")


@dataclass(frozen=True)
class Drawn:
    """A shock that happens in a run: months from the start of the horizon, and the parameters with their quantiles."""

    hazard: str
    start: int
    values: Mapping[str, float]
    quantiles: Mapping[str, float]

    @property
    def length(self) -> int:
        """Whole months it lasts."""
        return round_months(self.values["length"])


@dataclass(frozen=True)
class Draw:
    """One run: the factor of each group (positive: tense) and the shocks that happen."""

    run: int
    tension: Mapping[str, float]
    shocks: tuple[Drawn, ...]


def chance(probability: float, months: int) -> float:
    """Chance that something with a yearly probability happens within the months.

    >>> round(chance(0.19, 24), 4)
    0.3439
    """
    return 1.0 - float((1.0 - probability) ** (months / 12.0))


def given_tension(total: float, correlation: float, tension: float) -> float:
    """Chance of a hazard of overall chance `total` once the factor of its group is known.

    >>> given_tension(0.3, 0.0, 2.0)
    0.3
    """
    if correlation == 0.0 or total in (0.0, 1.0):
        return total
    return float(ndtr((ndtri(total) + math.sqrt(correlation) * tension) / math.sqrt(1.0 - correlation)))


def triangle(low: float, peak: float, high: float, quantile: float) -> float:
    """Quantile of the triangular distribution.

    >>> triangle(0.0, 1.0, 2.0, 0.5)
    1.0
    """
    if high <= low:
        return peak
    left = (peak - low) / (high - low)
    if quantile < left:
        return low + math.sqrt(quantile * (high - low) * (peak - low))
    return high - math.sqrt((1.0 - quantile) * (high - low) * (high - peak))


def draw(hazards: Hazards, seed: int, run: int, months: int) -> Draw:
    """What happens in run `run` of the ensemble of `seed` over `months`."""
    tension = {group: float(_generator(seed, run, f"group {group}").standard_normal()) for group in hazards.groups}
    shocks = []
    for hazard in hazards.items:
        numbers = dict(
            zip(NUMBERS, _generator(seed, run, f"hazard {hazard.name}").random(len(NUMBERS)).tolist(), strict=True)
        )
        total = chance(hazard.probability, months)
        if numbers["occurs"] < given_tension(total, hazard.correlation, tension[hazard.group]):
            shocks.append(_drawn(hazard, numbers, months))
    return Draw(run, tension, tuple(shocks))


def shocks_of(hazards: Hazards, drawn: Draw, seed: int) -> list[Shock]:
    """The shocks of a run, each read and checked like a file."""
    source = f"drawn: run {drawn.run} of seed {seed}"
    return [hazards[item.hazard].shock(item.start, item.values, source) for item in drawn.shocks]


def toml_of(hazards: Hazards, drawn: Draw, seed: int) -> str:
    """The shocks of a run as TOML files one after another, each under a comment with its name."""
    source = f"drawn: run {drawn.run} of seed {seed}"
    parts = [
        f"# {item.hazard}.toml\n{hazards[item.hazard].toml(item.start, item.values, source)}" for item in drawn.shocks
    ]
    return "\n".join(parts) if parts else f"# run {drawn.run} of seed {seed}: nothing happens\n"


def _drawn(hazard: Hazard, numbers: Mapping[str, float], months: int) -> Drawn:
    values = {
        name: triangle(item.low, item.value, item.high, numbers[name])
        for name, item in hazard.parameters.items()
        if name in DRAWN[hazard.kind]
    }
    start = min(int(numbers["start"] * months), months - 1)
    return Drawn(hazard.name, start, values, {name: numbers[name] for name in values})


def _generator(seed: int, run: int, name: str) -> np.random.Generator:
    digest = hashlib.sha256(name.encode()).digest()
    words = [int.from_bytes(digest[k : k + 4], "little") for k in (0, 4)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(run, *words))))
