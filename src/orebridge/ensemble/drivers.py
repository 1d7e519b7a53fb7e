"""What drives the loss: which shocks are in the tail, and how far the assumed chances and lengths move the answer.

The loss of a chain falls to its shocks in proportion to the base-year tonnes that each cuts, taken alone: a rule, not a
finding, since nobody can say which of several shocks did it.

No run is computed again. Had another chance been assumed, the same runs would have come with other likelihoods, so each
run is weighed by the ratio of the two (importance weighting): for a hazard of conditional chance c, given the factor of
its group, with c' instead,  w = c'/c where it happened and (1 - c')/(1 - c) where not. A drawn length, severity,
leakage or delay of quantile u is pushed to its low end by w = 2(1 - u), as if the smaller of two draws held, and to its
high end by w = 2u, the larger of two. With L the loss of the chains the hazard can touch (the others do not depend on
it) and mean mu, the expected loss shifts by mean((w - 1)(L - mu)); `error_usd` is the standard error of the larger shift,
and a swing within two of them is noise. `effective_runs` = (sum w)^2 / sum w^2 says how many runs stand behind it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from orebridge.ensemble.draws import chance, given_tension
from orebridge.ensemble.hazards import DRAWN, Hazard
from orebridge.ensemble.runs import Record, Setting

HAZARDS = ["hazard", "label", "kind", "group", "chance_stated", "chance_drawn", "chance_in_tail", "mean_with_usd",
           "mean_without_usd", "expected_usd", "tail_part_usd"]  # fmt: skip
HANGS = ["assumption", "hazard", "low_at", "stated_at", "high_at", "unit", "low_usd", "stated_usd", "high_usd",
         "swing_usd", "error_usd", "effective_runs", "confidence", "source"]  # fmt: skip
ENDS = ("low", "high")
EVERY = "*"
Happened = Mapping[str, Mapping[str, Any]]


class Drivers:
    """Sums by hazard and by assumption, run by run."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._hazards = {item.name: item for item in setting.hazards.items}
        self._n = 0
        self._loss = 0.0
        self._count: dict[str, list[float]] = {name: [0.0] * 6 for name in self._hazards}
        self._weights = _weights(setting)
        self._moved = {key: _Shift() for key in self._weights}

    def add(self, record: Record, loss: float, share: float) -> None:
        """One run: its loss (USD) and its weight in the tail."""
        self._n += 1
        self._loss += loss
        happened = {shock["hazard"]: shock for shock in record["shocks"]}
        by_chain = {
            chain["chain"]: sum(math.nan if row["usd"] is None else row["usd"] for row in chain["losses"])
            for chain in record["chains"]
        }
        own = {name: sum(by_chain.get(c, 0.0) for c in item.chains) for name, item in self._hazards.items()}
        own[EVERY] = loss
        for name, sums in self._count.items():
            sums[0] += name in happened
            sums[1] += share * (name in happened)
            sums[2] += own[name] * (name in happened)
            sums[5] += own[name]
        for chain in record["chains"]:
            usd = by_chain[chain["chain"]]
            for name, part in chain["hazards"].items():
                self._count[name][3] += part * usd
                self._count[name][4] += share * part * usd if share else 0.0
        for key, weight in self._weights.items():
            self._moved[key].add(weight(record["tension"], happened), own[key[0]])

    def hazards(self, runs: int, known: bool) -> pd.DataFrame:
        """How often each hazard came, also in the tail, and the loss that falls to it; most in the tail first."""
        rows = []
        for name, item in self._hazards.items():
            times, tail, with_it, expected, part, every = self._count[name]
            rows.append((
                name, item.label, item.kind, item.group, chance(item.probability, self._setting.months), times / runs,
                tail if known else math.nan, with_it / times if times else math.nan,
                (every - with_it) / (runs - times) if runs > times else math.nan, expected / runs,
                part if known else math.nan,
            ))  # fmt: skip
        frame = pd.DataFrame(rows, columns=HAZARDS)
        return frame.sort_values(["tail_part_usd", "hazard"], ascending=[False, True], ignore_index=True)

    def hangs(self, known: bool) -> pd.DataFrame:
        """Expected loss with each assumed figure at its low and high end, the others as stated; widest first."""
        stated = self._loss / self._n
        rows = []
        for key in dict.fromkeys((name, parameter) for name, parameter, _ in self._moved):
            shifts = [self._moved[(*key, end)] for end in ENDS]
            if not known:
                continue
            low, high = (stated + shift.mean for shift in shifts)
            error = max(shifts, key=lambda shift: abs(shift.mean)).error
            effective = min(shift.effective for shift in shifts)
            rows.append(self._hang(*key, (low, stated, high), error, effective))
        frame = pd.DataFrame(rows, columns=HANGS)
        return frame.sort_values(["swing_usd", "assumption"], ascending=[False, True], ignore_index=True)

    def _hang(
        self, name: str, parameter: str, loss: tuple[float, float, float], error: float, effective: float
    ) -> tuple[Any, ...]:
        if name == EVERY:
            items = [h.parameters[parameter] for h in self._hazards.values()]
            ends = min(i.low for i in items), max(i.value for i in items), max(i.high for i in items)
            words, figure = "shocks of one group come together (correlation)", items[0]
        else:
            figure = self._hazards[name].parameters[parameter]
            ends = figure.low, figure.value, figure.high
            words = f"{self._hazards[name].label}: {parameter}"
        swing = max(loss) - min(loss)
        return (words, name, *ends, figure.unit, *loss, swing, error, effective, figure.confidence, figure.source)


class _Shift:
    """Mean of (w - 1)(L - mean L) over runs, its standard error, and the effective number of runs."""

    def __init__(self) -> None:
        self._n = self._w = self._ww = self._loss = 0.0
        # Sums of d L^k with d = w - 1, and of d^2 L^k.
        self._d, self._dd = [0.0, 0.0], [0.0, 0.0, 0.0]

    def add(self, weight: float, loss: float) -> None:
        self._n += 1.0
        self._w += weight
        self._ww += weight * weight
        self._loss += loss
        d = weight - 1.0
        self._d[0] += d
        self._d[1] += d * loss
        for k in range(3):
            self._dd[k] += d * d * loss**k

    @property
    def mean(self) -> float:
        return (self._d[1] - self._d[0] * self._loss / self._n) / self._n

    @property
    def error(self) -> float:
        mu = self._loss / self._n
        square = (self._dd[2] - 2.0 * mu * self._dd[1] + mu * mu * self._dd[0]) / self._n
        return math.sqrt(max(square - self.mean**2, 0.0) / self._n)

    @property
    def effective(self) -> float:
        return self._w**2 / self._ww if self._ww else 0.0


Weight = Callable[[Mapping[str, float], Happened], float]


def _weights(setting: Setting) -> dict[tuple[str, str, str], Weight]:
    """The weight of a run under each changed assumption, by (hazard, parameter, end)."""
    result: dict[tuple[str, str, str], Weight] = {}
    for item in setting.hazards.items:
        figure = item.parameters["probability"]
        if figure.low < figure.high:
            for end in ENDS:
                result[item.name, "probability", end] = _other_chance(item, getattr(figure, end), setting.months)
        for name in DRAWN[item.kind]:
            if item.parameters[name].low < item.parameters[name].high:
                for end in ENDS:
                    result[item.name, name, end] = _pushed(item.name, name, end)
    for end in ENDS:
        result[EVERY, "correlation", end] = _other_correlation(setting, end)
    return result


def _other_chance(item: Hazard, probability: float, months: int) -> Weight:
    now, other = chance(item.probability, months), chance(probability, months)

    def weight(tension: Mapping[str, float], happened: Happened) -> float:
        z = tension[item.group]
        was, new = given_tension(now, item.correlation, z), given_tension(other, item.correlation, z)
        return _ratio(item.name in happened, was, new)

    return weight


def _other_correlation(setting: Setting, end: str) -> Weight:
    def weight(tension: Mapping[str, float], happened: Happened) -> float:
        result = 1.0
        for item in setting.hazards.items:
            z, total = tension[item.group], chance(item.probability, setting.months)
            new = given_tension(total, getattr(item.parameters["correlation"], end), z)
            result *= _ratio(item.name in happened, given_tension(total, item.correlation, z), new)
        return result

    return weight


def _ratio(happened: bool, was: float, new: float) -> float:
    if was == new:  # also where it is certain, or impossible
        return 1.0
    return new / was if happened else (1.0 - new) / (1.0 - was)


def _pushed(hazard: str, parameter: str, end: str) -> Weight:
    def weight(_: Mapping[str, float], happened: Happened) -> float:
        if hazard not in happened:
            return 1.0
        quantile = float(happened[hazard]["quantiles"][parameter])
        return 2.0 * quantile if end == "high" else 2.0 * (1.0 - quantile)

    return weight
