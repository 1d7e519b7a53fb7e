"""Concentration and coverage by hand; by-product limits and cuts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orebridge.build import build_network
from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.bench import Bench
from orebridge.vulnerabilities.byproducts import NO_ROOM, STATED, host_cuts, recovery_limits
from orebridge.vulnerabilities.concentration import concentration, coverage, is_lump
from orebridge.world import World, load_world

from ..delivery.hand_worlds import world


def three_mines() -> SupplyNetwork:
    """CHN makes 60, IDN 30 and AAA 10 t of ore; AAA uses 30 t (20 of CHN's), CHN 40, IDN 30."""
    net = world(
        ["ore@CHN", "ore@IDN", "ore@AAA"],
        [("big@CHN", {"ore@CHN": 1.0}, 60.0, 1), ("mine@IDN", {"ore@IDN": 1.0}, 30.0, 1), ("mine@AAA", {"ore@AAA": 1.0}, 10.0, 1)],
        [("ore", "CHN", "AAA", 20.0)],
        demands=[("ore@AAA", "general", 30.0), ("ore@CHN", "general", 40.0), ("ore@IDN", "general", 30.0)],
        members=("AAA",),
    )  # fmt: skip
    return replace(
        net, sites=net.sites.assign(owner=["CHN", "CHN;IDN", ""], name=["Big Hill", "Small Hill", "AAA, all mines"])
    )


def by(stages: pd.DataFrame, way: str) -> pd.Series:
    return stages[stages["by"] == way].iloc[0]


def test_hhi_by_country_control_operator_and_facility() -> None:
    """Country 0.36 + 0.09 + 0.01 = 0.46. Control: CHN 0.75, IDN 0.15, 0.1 not stated: 0.585 to 0.745.

    Facility: two plants and a lump of 0.1: 0.45 if the lump is many plants, 0.46 if it is one.
    """
    stages, shares = concentration(three_mines(), {"big@CHN": "One", "mine@IDN": "One", "mine@AAA": ""})
    country = by(stages, "country")
    assert (country["largest"], country["makers"]) == ("CHN", 3)
    assert country[["hhi", "hhi_low", "hhi_high", "largest_share"]].tolist() == pytest.approx([0.46, 0.46, 0.46, 0.6])
    control = by(stages, "control")
    assert np.isnan(control["hhi"])
    assert control[["hhi_low", "hhi_high", "unknown_share"]].tolist() == pytest.approx([0.585, 0.745, 0.1])
    operator = by(stages, "operator")
    assert operator[["largest_share", "hhi_low", "hhi_high"]].tolist() == pytest.approx([0.9, 0.81, 1.0])
    facility = by(stages, "facility")
    assert facility[["hhi_low", "hhi_high", "unknown_share"]].tolist() == pytest.approx([0.45, 0.46, 0.1])
    assert np.isnan(facility["hhi"])
    assert shares.groupby("by")["share"].sum().tolist() == pytest.approx([1.0] * 4)
    assert country["tonnes"] == pytest.approx(1200.0)


def test_coverage_after_the_largest_supplier_is_gone() -> None:
    """The world: (100 - 60) / (100 - 40) = 2/3. AAA without CHN's 20 t: 10 of 30 t."""
    rows = coverage(three_mines()).set_index("member")
    assert rows.loc["", "largest"] == "CHN"
    assert rows.loc["", "coverage"] == pytest.approx(2.0 / 3.0)
    assert rows.loc["AAA", ["largest", "coverage"]].tolist() == ["CHN", pytest.approx(1.0 / 3.0)]


def test_a_stage_nobody_else_uses_has_no_coverage() -> None:
    net = world(
        ["ore@CHN"], [("mine@CHN", {"ore@CHN": 1.0}, 4.0, 1)], demands=[("ore@CHN", "general", 4.0)], members=("AAA",)
    )
    assert np.isnan(coverage(net)["coverage"].iloc[0])


@pytest.mark.parametrize(
    ("name", "operator", "country", "lump"),
    [
        ("Kuantan (LAMP)", "Lynas", "MYS", False), ("China, all smelters", "Baoti", "CHN", True), ("Ikuno", "", "JPN", True),
        ("Dowa and others, refining", "Dowa", "JPN", True), ("South China, ion clay", "China Rare Earth Group", "CHN", True),
        ("Korea, magnet makers", "One", "KOR", True), ("Springs, refinery", "Impala Platinum", "ZAF", False),
    ],
)  # fmt: skip
def test_lumps_are_told_from_plants_by_name_and_operator(name: str, operator: str, country: str, lump: bool) -> None:
    assert is_lump(name, operator, country) is lump


@pytest.fixture(scope="module")
def bundled() -> World:
    return load_world()


def test_a_cut_of_a_host_takes_what_is_above_its_limit(bundled: World) -> None:
    """As stated, the limit is rate x throughput; with no room, output falls by the cut itself."""
    bench = Bench(build_network(bundled, ("USA", "JPN"), ["indium"]), 24)
    limits = recovery_limits(bench, bundled)
    japan = limits.set_index("site").loc["jpn-indium-refinery"]
    assert japan["limit_t_per_year"] == pytest.approx(japan["rate"] * japan["host_t_per_year"])
    assert japan["slack"] == pytest.approx(1.0 - japan["base_t_per_year"] / japan["limit_t_per_year"])
    cuts = host_cuts(bench, limits, 12, (0.05, 0.5))
    stated, bare = (cuts[cuts["case"] == case].set_index("cut") for case in (STATED, NO_ROOM))
    left = np.minimum(limits["base_t_per_year"], 0.5 * limits["limit_t_per_year"]).sum()
    assert stated.loc[0.5, "recovery_after"] == pytest.approx(left)
    assert stated.loc[0.05, "recovery_lost"] == pytest.approx(0.0, abs=1e-9)
    assert bare.loc[0.5, "recovery_lost"] == pytest.approx(0.5 * limits["base_t_per_year"].sum())
    assert (bare["unaided_usd"] >= stated["unaided_usd"] - 1.0).all()


def test_a_site_without_a_rate_has_no_limit_and_is_not_cut(bundled: World) -> None:
    bench = Bench(build_network(bundled, ("USA", "JPN"), ["gallium"]), 24)
    limits = recovery_limits(bench, bundled)
    unknown = limits[limits["limit_t_per_year"].isna()]
    assert len(unknown) and unknown["slack"].isna().all()


def test_what_a_cut_in_copper_does_to_tellurium(bundled: World) -> None:
    """930 t are made beside refined copper, each rate with 20 % room: 30 % less copper takes 30 % without the room and
    1 - 0.7 x 1.2 = 16 % with it. Sweden's gold ore, Korea and the Philippines have no host, South Africa no throughput.
    """
    bench = Bench(build_network(bundled, ("USA", "JPN"), ["tellurium"]), 24)
    limits = recovery_limits(bench, bundled)
    assert set(limits["country"]) == {"CHN", "JPN", "RUS", "CAN", "UZB", "ZAF", "BGR"}
    assert limits.loc[limits["limit_t_per_year"].isna(), "country"].tolist() == ["ZAF"]
    cuts = host_cuts(bench, limits, 12, (0.1, 0.3)).set_index(["host", "case", "cut"])
    assert cuts["recovery_before"].tolist() == pytest.approx([930.0] * 4, rel=1e-3)
    lost = cuts.loc["copper refining", "recovery_lost"]
    assert lost[NO_ROOM, 0.3] == pytest.approx(279.0, rel=1e-3)
    assert lost[STATED, 0.3] == pytest.approx(0.16 * 930.0, rel=2e-3)
    assert lost[STATED, 0.1] == pytest.approx(0.0, abs=1e-9)
    # Members lose more the deeper the cut, and no more with a plan than without one.
    unaided, planned = (cuts.loc["copper refining", column] for column in ("unaided_t", "planned_t"))
    assert unaided[NO_ROOM, 0.3] > unaided[NO_ROOM, 0.1] >= 0
    assert (planned <= unaided + 1e-9).all()
