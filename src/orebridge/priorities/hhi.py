"""HHI: how concentrated the world's output of a mineral is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orebridge.priorities.arrays import Arrays
from orebridge.priorities.method import Raw, Yardstick, concentration, largest, reasons, worse_stage
from orebridge.priorities.subjects import Subject


@dataclass(frozen=True)
class Hhi(Yardstick):
    """Herfindahl-Hirschman index of world output by country, the higher of mining and refining.

    Formula: `HHI = Σ S²` [S share of a country in world output of the stage, 0-1]; score = max over stages stated.
    Unit: 0-1 (1: one country). Source: Herfindahl 1950, Hirschman 1945, as used by all supply-risk methods.
    Reproduced on World Mining Data 2024: cobalt 0.5706, rare earths 0.4862, graphite 0.5861 (mine), gallium 0.9739.

    The same for every subject: it says nothing about who asks. `members_as_one` is the index with the subject's members
    counted as one producer. Absent: no output by country. Not covered: owners (a mine in one country may belong to
    another), grades of a product.
    """

    name: str = "hhi"
    title: str = "HHI (concentration of output)"
    citation: str = "Hirschman, A. O. (1945); Herfindahl, O. C. (1950)"
    needs: tuple[str, ...] = ("production",)
    unit: str = "0-1"
    bounds: tuple[float, float] = (0.0, 1.0)
    higher_is_worse: bool = True

    @property
    def scale(self) -> Mapping[tuple[str, ...], str]:
        """Shares do not feel the unit."""
        return {("production",): "same"}

    def core(self, arrays: Arrays, subject: Subject) -> Raw:
        """`HHI = Σ S²` of the worse stage."""
        index = concentration(arrays)
        score, stage = worse_stage(index)
        own = arrays.of_members(subject)[arrays.production["c"].to_numpy()]
        ours = arrays.by_stage(np.where(own, arrays.shares, 0.0))
        single = arrays.by_stage(np.where(own, arrays.shares**2, 0.0))
        merged, _ = worse_stage(index - single + ours**2)
        words, share = largest(arrays)
        there = np.isfinite(score[0])
        return Raw(
            score, there.astype(float), reasons(len(there), [(~there, "no output by country stated")]),
            {"hhi_mine": index[:, :, 0], "hhi_refining": index[:, :, 1], "stage": stage, "members_as_one": merged,
             "largest": words, "largest_share": share},
        )  # fmt: skip
