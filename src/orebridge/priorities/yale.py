"""Yale: supply risk of the metal criticality methodology, from geology, technology, society and geopolitics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from orebridge.errors import UnknownLabel
from orebridge.priorities.arrays import Arrays
from orebridge.priorities.method import ENOUGH, Raw, Yardstick, concentration, reasons
from orebridge.priorities.subjects import Subject

COMPONENTS = ("geological", "social", "geopolitical")


def supply_concentration(hhi: np.ndarray | float) -> np.ndarray:
    """`GSC = 17.5 ln(HHI) − 61.18` with HHI on 0-10,000, held to 0-100.

    >>> [round(float(supply_concentration(x)), 2) for x in (10000.0, 5000.0, 30.0)]
    [100.0, 87.87, 0.0]
    """
    held = np.maximum(np.asarray(hhi, dtype=float), 1e-9)
    return np.asarray(np.clip(17.5 * np.log(held) - 61.18, 0.0, 100.0))


def depletion(years: np.ndarray | float) -> np.ndarray:
    """`DT = 100 − 0.2 τ − 0.008 τ²` up to 100 years, 0 beyond [τ reserves over yearly output] (K).

    >>> [float(depletion(x)) for x in (0.0, 50.0, 100.0, 300.0)]
    [100.0, 70.0, 0.0, 0.0]
    """
    years = np.asarray(years, dtype=float)
    return np.where(
        np.isnan(years), np.nan, np.clip(100.0 - 0.2 * years - 0.008 * years**2, 0.0, 100.0) * (years <= 100)
    )


@dataclass(frozen=True)
class Yale(Yardstick):
    """Supply risk after Graedel et al.

    Formula: `SR = ⅓·[(DT + CF)/2 + (PPI + HDI)/2 + (WGI + GSC)/2]` [DT depletion time, CF companion fraction, PPI policy
    potential, HDI human development, WGI political stability `20·(2.5 − estimate)`, GSC concentration of output; all 0-100,
    100 worst; PPI, HDI and WGI weighted by output]. Unit: 0-100. Source: Graedel et al. 2012, ES&T 46:1063 (K: the formula,
    its transformations and the reading of HDI - more developed, more ways to refuse a mine - are widely cited but were not
    re-read).

    The same for every subject. `weights` of geological, social and geopolitical replace the thirds. PPI (Fraser
    Institute) is not free to reuse and absent unless you add it: the score is the mean of the components over what is
    stated, draws let an absent one be anything from 0 to 100. Below half of the six there is no score. DT of lower-bound
    reserves is too high. Not covered: environmental and vulnerability axes of the same methodology.
    """

    name: str = "yale"
    title: str = "Yale (Graedel 2012)"
    citation: str = "Graedel et al. (2012) Environ. Sci. Technol. 46:1063"
    needs: tuple[str, ...] = ("production", "governance", "development", "companion", "reserves")
    unit: str = "0-100"
    bounds: tuple[float, float] = (0.0, 100.0)
    higher_is_worse: bool = True
    weights: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(COMPONENTS, 1.0))

    @property
    def scale(self) -> Mapping[tuple[str, ...], str]:
        """Years of reserves and shares do not feel a common unit."""
        return {("production", "reserves"): "same", ("reserves",): "falls"}

    def weighted(self, weights: Mapping[str, float] | None) -> Yale:
        """The method with other weights of its three components."""
        if not weights:
            return self
        if unknown := set(weights) - set(COMPONENTS):
            raise UnknownLabel(f"Yale has no component {sorted(unknown)[0]!r}; it has {', '.join(COMPONENTS)}.")
        if min(weights.values()) < 0 or sum(weights.values()) <= 0:
            raise UnknownLabel("weights of Yale's components must be 0 or more, and one above 0.")
        return replace(self, weights={**dict.fromkeys(COMPONENTS, 0.0), **weights})

    def core(self, arrays: Arrays, subject: Subject) -> Raw:
        """The six indicators, 0-100, and their mean by component."""
        total, stage = arrays.series()
        index = np.take_along_axis(concentration(arrays), stage[None, :, None], axis=2)[:, :, 0]
        parts = {
            "depletion": depletion(_years(arrays)), "companion": 100 * arrays.companion,
            "policy": 100 - self._weighted(arrays, arrays.development.get("policy_potential"), stage),
            "development": 100 * self._weighted(arrays, arrays.development.get("hdi"), stage),
            "stability": np.clip(self._weighted(arrays, 20 * (2.5 - arrays.governance), stage), 0, 100),
            "supply_concentration": supply_concentration(1e4 * index),
        }  # fmt: skip
        values = np.stack(list(parts.values()), axis=2)
        stated = np.isfinite(values[0])
        drawn = 100 * arrays.anything[:, len(arrays.countries) :]
        filled = np.where(stated[None, :, :], values, drawn[:, :, None])  # drawn is NaN where held
        weight = np.repeat([self.weights[name] for name in COMPONENTS], 2)
        counted = np.isfinite(filled) * weight
        # Each component is the mean of the indicators it has; a component without any leaves the mean of the others.
        pair = counted.reshape(*counted.shape[:2], 3, 2)
        means = np.divide(
            (np.nan_to_num(filled) * counted).reshape(pair.shape).sum(3), pair.sum(3), out=np.zeros(pair.shape[:3]), where=pair.sum(3) > 0
        )  # fmt: skip
        there = (pair.sum(3) > 0) * np.array([self.weights[name] for name in COMPONENTS])
        score = np.divide(
            (means * there).sum(2), there.sum(2), out=np.full(there.shape[:2], np.nan), where=there.sum(2) > 0
        )
        present = stated.mean(axis=1)
        enough = (present >= ENOUGH) & (total[0] > 0)
        missing = np.array(
            ["; ".join(n for n, s in zip(parts, row, strict=True) if not s) for row in stated], dtype=object
        )
        words = reasons(
            len(present),
            [(total[0] <= 0, "no output by country stated"), (~enough, "fewer than half of the six indicators")],
        )
        words = np.where((words == "") & (missing != ""), "absent: " + missing, words)
        return Raw(np.where(enough, score, np.nan), present, words.astype(object), dict(parts))

    def _weighted(self, arrays: Arrays, values: np.ndarray | None, stage: np.ndarray) -> np.ndarray:
        """Mean over producers with a value, weighted by output, NaN where those make less than half of it."""
        if values is None:
            return np.full((arrays.draws, len(arrays.minerals)), np.nan)
        at = arrays.production["c"].to_numpy()
        known = np.isfinite(values[:, at])
        pick = stage[None, :, None]
        share = np.take_along_axis(arrays.by_stage(arrays.shares * known), pick, axis=2)[:, :, 0]
        total = np.take_along_axis(arrays.by_stage(arrays.shares * np.nan_to_num(values[:, at])), pick, axis=2)[:, :, 0]
        return np.divide(total, share, out=np.full_like(total, np.nan), where=share >= ENOUGH)


def _years(arrays: Arrays) -> np.ndarray:
    """Reserves over the yearly output that the same publisher states (D, M): one basis, as printed.

    `usgs-mcs-2026` of a table and `usgs-mcs@2026` of a workspace are the same source.
    """
    years = np.full(len(arrays.minerals), np.nan)
    rows = arrays.production[arrays.production["stage"] == "mine"]
    source = rows["source"].astype(str).str.replace("@", "-")
    group = rows.groupby([rows["mineral"], source])
    total = group["tonnes"].sum() / (1 - group["unlisted"].first())
    position = {name: k for k, name in enumerate(arrays.minerals)}
    for name, tonnes, stated in arrays.inputs.reserves[["mineral", "tonnes", "source"]].itertuples(index=False):
        output = total.get((name, str(stated).replace("@", "-")))
        if output is not None and output > 0 and str(name) in position:
            years[position[str(name)]] = tonnes / output
    return np.repeat(years[None, :], arrays.draws, axis=0)
