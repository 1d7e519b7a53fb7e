"""EU 2023: supply risk and economic importance, as printed for the EU and by its formula for others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from orebridge.priorities.arrays import STAGES, Arrays, Flows, Sums, flows_of
from orebridge.priorities.method import ENOUGH, Raw, Yardstick, reasons, worse_stage
from orebridge.priorities.subjects import Subject
from orebridge.priorities.usgs2021 import family_highest

SUPPLY_RISK, IMPORTANCE = 1.0, 2.8


def supply_risk(world: float, supplied: float, reliance: float, recycled: float, substitution: float) -> float:
    """`SR = [HHI_GS·IR/2 + HHI_EU·(1 − IR/2)] · (1 − EoL_RIR) · SI_SR`, with HHI weighted by governance and trade.

    >>> supply_risk(4.0, 2.0, 1.0, 0.25, 0.8)
    1.8
    """
    half = reliance / 2
    return round((world * half + supplied * (1 - half)) * (1 - recycled) * substitution, 12)


@dataclass(frozen=True)
class Eu2023(Yardstick):
    """Supply risk of the EU method, for the country or alliance that asks.

    Formula: `SR = [HHI_GS·IR/2 + HHI_EU·(1 − IR/2)]·(1 − EoL_RIR)·SI_SR`, `HHI = Σ S²·W·t` [GS world output by country,
    EU own supply by source; W governance 0-10, `2·(2.5 − estimate)`, 10 worst; t trade parameter, above 1 for export
    restrictions; IR net import reliance; EoL_RIR end-of-life recycling input rate; SI_SR substitution index]. Extraction
    and processing apart, the higher kept. Unit: 0 to about 10; critical at SR >= 1.0 with economic importance >= 2.8.
    Source: European Commission 2017 (doi 10.2760/73303) and 2023 (doi 10.2873/725585); the formula was not re-read there (K).

    The printed EU results are parts `eu_sr` and `eu_ei`. For other economies: own output and partners inside carry W = 0;
    EoL_RIR and SI are the EU's, standing in; W is political stability where the mean of six indicators is not in the
    tables; without trade of its own a mineral is judged on world supply alone, as the EU did for some ("GS only").
    Each of these lowers `share_of_inputs` and is named. Rare earths: the highest of the printed elements.

    Absent: no output by country; neither substitution nor recycling printed. Not covered: EI for other economies.
    """

    name: str = "eu2023"
    title: str = "EU 2023 method"
    citation: str = "European Commission (2023) doi:10.2873/725585; method: doi:10.2760/73303"
    needs: tuple[str, ...] = (
        "production",
        "governance",
        "trade",
        "exports",
        "net_import_reliance",
        "eu",
        "trade_parameters",
    )
    unit: str = "0-10"
    bounds: tuple[float, float] = (0.0, 15.0)
    higher_is_worse: bool = True

    @property
    def scale(self) -> Mapping[tuple[str, ...], str]:
        """A common unit of trade and output cancels."""
        return {("production", "trade", "exports"): "same"}

    def core(self, arrays: Arrays, subject: Subject) -> Raw:
        """The formula, stage by stage, the higher kept."""
        flows = flows_of(arrays, subject)
        weight, six = governance_weight(arrays)
        world = self._world(arrays, weight)
        supplied, traded = self._supplied(arrays, flows, weight, subject)
        reliance, basis = net_import_reliance(arrays, flows, subject)
        recycled, _ = family_highest(arrays, arrays.where("eu2023", "EoL_RIR") / 100)
        substitution, _ = family_highest(arrays, arrays.where("eu2023", "SI_SR"))
        half = reliance / 2
        mixed = world * half[:, :, None] + supplied * (1 - half)[:, :, None]
        whole = np.where(np.isfinite(supplied) & np.isfinite(reliance)[:, :, None], mixed, world)
        score, stage = worse_stage(whole * ((1 - recycled) * substitution)[:, :, None])
        has_output = (arrays.stage_total[0] > 0).any(axis=1)
        output = np.isfinite(world[0]).any(axis=1)
        there = [
            output,
            np.isfinite(supplied[0]).any(axis=1),
            np.isfinite(reliance[0]),
            np.isfinite(recycled[0]),
            np.isfinite(substitution[0]),
        ]
        # World supply counts twice: the second time for its governance weight, full only with all six indicators.
        at = arrays.production["c"].to_numpy()
        known = arrays.by_stage(arrays.shares * np.isfinite(weight[:1, at]))[0]
        listed = arrays.by_stage(arrays.shares)[0]
        governed = np.divide(known, listed, out=np.zeros_like(known), where=listed > 0).max(axis=1)
        present = (sum(t.astype(float) for t in there) + output * governed * (1.0 if six else 0.5)) / 6
        score = np.where(output & (present >= ENOUGH), score, np.nan)
        ei, _ = family_highest(arrays, arrays.where("eu2023", "EI"))
        printed, source = family_highest(arrays, arrays.where("eu2023", "SR"))
        only = output & ~(there[1] & there[2])
        no_factors = np.full(len(present), arrays.inputs.trade_parameters.empty)
        present = present * np.where(no_factors, 0.9, 1.0)
        return Raw(
            score, present,
            reasons(len(present), [
                (~has_output, "no output by country stated"),
                (~output, "no governance score for most of the output"),
                (~(there[3] & there[4]), "the EU printed no recycling rate or substitution index"),
                (only, f"{arrays.untold(subject) or 'no trade heading of its own'}: world supply alone" if not traded.all() else "world supply alone"),
                (governed < 1 - 1e-9, "political stability stands for six indicators, and part of the output has no score"),
                (no_factors, "no trade parameters: no export restriction counted"),
                (np.full(len(present), not six), "political stability stands for the mean of six indicators"),
            ]),
            {"stage": stage, "hhi_world": np.nanmax(np.where(np.isnan(world), -1, world), axis=2), "hhi_supply_mine": supplied[:, :, 0], "hhi_supply_refining": supplied[:, :, 1],
             "import_reliance": reliance, "reliance_basis": basis, "eol_rir": recycled, "si_sr": substitution,
             "eu_sr": printed, "eu_ei": ei, "eu_from": source},
        )  # fmt: skip

    def _world(self, arrays: Arrays, weight: np.ndarray) -> np.ndarray:
        """`HHI_GS = Σ S²·W·t` (D, M, stages); output of no listed country counts as spread."""
        rows = arrays.production
        t = _parameters(arrays, rows["mineral"], rows["country"], rows["stage"])
        w = weight[:, rows["c"].to_numpy()]
        total = arrays.by_stage(np.nan_to_num(arrays.shares**2 * w * t))
        known = arrays.by_stage(arrays.shares * ~np.isnan(w))
        listed = arrays.by_stage(arrays.shares)
        return np.where((listed > 0) & (known >= ENOUGH * listed), total, np.nan)

    def _supplied(
        self, arrays: Arrays, flows: Flows, weight: np.ndarray, subject: Subject
    ) -> tuple[np.ndarray, np.ndarray]:
        """`HHI = Σ S²·W·t` over imports, own output of the stage in the sum with W = 0 (D, M, stages), and which have trade.

        Imports are those under the mineral's codes in both stages: trade is not told apart further.
        """
        mineral, country, tonnes = flows.by_partner(np.nan_to_num(flows.tonnes))
        by_mineral = Sums(mineral, len(arrays.minerals))
        names = np.array(arrays.minerals, dtype=object)[mineral]
        countries = np.array(arrays.countries, dtype=object)[country]
        own = arrays.own_by_stage(subject)
        bought = by_mineral(tonnes)
        has = arrays.trade_of(subject)
        parts = []
        for s, stage in enumerate(STAGES):
            base = bought + own[:, :, s]
            share = np.divide(tonnes, base[:, mineral], out=np.zeros_like(tonnes), where=base[:, mineral] > 0)
            t = _parameters(arrays, names, countries, np.full(len(names), stage))
            total = by_mineral(np.nan_to_num(share**2 * weight[:, country] * t))
            known = by_mineral(share * ~np.isnan(weight[:, country]))
            scored = (known >= ENOUGH * by_mineral(share)) & has & (base > 0)
            parts.append(np.where(scored, total, np.nan))
        return np.stack(parts, axis=2), has


def governance_weight(arrays: Arrays) -> tuple[np.ndarray, bool]:
    """W (D, C) on 0-10, 10 worst, NaN without a score (anything from 0 to 10 in draws); whether all six indicators are there."""
    six = np.isfinite(arrays.governance_six).any()
    estimate = arrays.governance_six if six else arrays.governance
    weight = np.clip(2.0 * (2.5 - estimate), 0.0, 10.0)
    return np.where(np.isnan(weight), 10.0 * arrays.anything[:, : len(arrays.countries)], weight), bool(six)


def own_output(arrays: Arrays, subject: Subject) -> np.ndarray:
    """Output of the subject's members (D, M) in the stage of the mineral's series."""
    _, stage = arrays.series()
    return np.asarray(np.take_along_axis(arrays.own_by_stage(subject), stage[None, :, None], axis=2)[:, :, 0])


def net_import_reliance(arrays: Arrays, flows: Flows, subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """IR (D, M) and how it is known: printed for one country, else `(imports − exports) / (own + imports − exports)`.

    0 for a net exporter; NaN for 0/0, without trade and where the exports of a member are not stated.
    """
    bought = flows.by_mineral(np.nan_to_num(flows.tonnes))
    net = bought - flows.exports
    base = own_output(arrays, subject) + net
    has = arrays.trade_of(subject)
    computed = np.divide(net, base, out=np.full_like(net, np.nan), where=base > 0)
    computed = np.where(net <= 0, np.where(bought + flows.exports > 0, 0.0, np.nan), np.clip(computed, 0, 1))
    computed = np.where(has, computed, np.nan)
    basis = np.where(np.isfinite(computed[0]), "trade and output", "").astype(object)
    names = sorted(set(arrays.inputs.net_import_reliance["country"]))
    if len(subject.members) == 1 and subject.members[0] in names:
        printed = arrays.reliance[:, :, names.index(subject.members[0])]
        basis = np.where(np.isfinite(printed[0]), "printed", basis)
        computed = np.where(np.isfinite(printed), printed, computed)
    return computed, basis


def _parameters(arrays: Arrays, minerals: object, countries: object, stages: object) -> np.ndarray:
    """t of rows, 1 where the study states none (no restriction known to it)."""
    rows = arrays.inputs.trade_parameters
    known = {
        (str(m), str(c), str(s)): float(f)
        for m, c, s, f in rows[["mineral", "country", "stage", "factor"]].itertuples(index=False)
    }
    keys = zip(map(str, minerals), map(str, countries), map(str, stages), strict=True)  # type: ignore[call-overload]
    return np.array([known.get(key, 1.0) for key in keys], dtype=float)
