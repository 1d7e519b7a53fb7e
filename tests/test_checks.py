"""Every check finds its own fault in a small world, says where, and is silent without it. Arithmetic in tests/mini.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from orebridge.build import build_network
from orebridge.checks import check_network
from orebridge.checks.flows import traced_share
from orebridge.checks.lead_times import main_path
from orebridge.checks.view import View
from orebridge.network import Finding, SupplyNetwork
from orebridge.world import World, load_world

from .mini import FACT, add, edit, write


def built(folder: Path, *changes: dict[str, str]) -> tuple[World, SupplyNetwork]:
    world = load_world(write(folder, *changes))
    return world, build_network(world)


def found(folder: Path, *changes: dict[str, str]) -> list[Finding]:
    return check_network(*built(folder, *changes))


def only(findings: list[Finding], severity: str, place: str, *fragments: str) -> None:
    """Exactly one finding at the place; it has the severity and says the fragments."""
    assert [item.place for item in findings].count(place) == 1, findings
    item = next(item for item in findings if item.place == place)
    assert item.severity == severity
    assert item.repair
    for fragment in fragments:
        assert fragment in item.what


def test_a_sound_world_has_no_findings(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_an_assumption_has_a_range(tmp_path: Path) -> None:
    row = edit("assumptions", "3,12,me,assumed", ",,me,read")
    only(found(tmp_path, row), "error", "assumption new_source_months", "6 months is stated without low and high")


def test_a_use_that_nothing_supplies_is_an_error(tmp_path: Path) -> None:
    # 5 t/yr in KOR: no flow, no maker of ore for sale. Ore is made in AUS, so an arc would be inferred; magnets of a kind
    # nobody makes cannot be.
    changes = (
        add("commodities", "ndfeb/other,magnets,Other magnet,3,product,,"),
        add("demand", "ndfeb/other,KOR,all,5,t/yr,product,,,me,read"),
    )
    only(found(tmp_path, *changes), "error", "ndfeb/other@KOR", "a use of 5 t/yr is stated (demand.csv:6)", "nothing")


def test_an_inferred_flow_is_told(tmp_path: Path) -> None:
    changes = (
        add("demand", "ndfeb/magnet,KOR,all,5,t/yr,product,,,me,read"),
        add("transit_zones", "KOR,north,me,read"),
        add("transit", "north,north,,sea,10,days,,5,15,me,read"),
    )
    only(found(tmp_path, *changes), "warning", "ndfeb/magnet@KOR", "flows from JPN, USA are inferred")


def test_goods_from_nowhere_are_traced(tmp_path: Path) -> None:
    # A loop without a source: scrap makes metal, metal makes scrap, and half of the loop's metal would be used in KOR.
    # The balance allows it only with a yield above one, which is its own error.
    changes = (
        add("commodities", "dysprosium/scrap,magnets,Scrap,1.5,element,Dy,"),
        add("processes", "loop-a,magnets,recycling,Scrap to metal,t of metal", "loop-b,magnets,recycling,To scrap,t of scrap"),
        add("process_days", "loop-a,30,days,,20,40,me,read", "loop-b,30,days,,20,40,me,read"),
        add("recipes", "loop-a,usual,As today,yes", "loop-b,usual,As today,yes"),
        add(
            "recipe_terms", "loop-a,usual,in,dysprosium/scrap,1,t/t,,,,me,read",
            "loop-a,usual,out,dysprosium/metal,2,t/t,,,,me,read", "loop-b,usual,in,dysprosium/metal,1,t/t,,,,me,read",
            "loop-b,usual,out,dysprosium/scrap,1,t/t,,,,me,read",
        ),
        add("sites", "kor-a,A,loop-a,,KOR,KOR,operating,me,read", "kor-b,B,loop-b,,KOR,KOR,operating,me,read"),
        add("capacities", "kor-a,10,t/yr,element,,,me,read", "kor-b,10,t/yr,element,,,me,read"),
        add("production", "kor-a,10,t/yr,element,,,me,read", "kor-b,10,t/yr,element,,,me,read"),
        add("demand", "dysprosium/metal,KOR,all,10,t/yr,element,,,me,read"),
        add("transit_zones", "KOR,north,me,read"),
        add("transit", "north,north,,sea,10,days,,5,15,me,read"),
    )  # fmt: skip
    findings = found(tmp_path, *changes)
    only(findings, "error", "dysprosium/metal@KOR", "uses 10 t/yr, of which 0% can be traced back")
    only(findings, "error", "loop-a/usual", "gives out 2 t of Dy per t of activity and takes in 1: a yield above one")


def test_a_scrap_loop_fed_by_fresh_metal_counts_as_traced(tmp_path: Path) -> None:
    # Sintering gives 0.01 t of scrap, which comes back as metal: f = share of fresh + (1 - fresh) x f, so f = 1.
    changes = (
        add("commodities", "dysprosium/scrap,magnets,Scrap,1.5,element,Dy,"),
        add("processes", "back,magnets,recycling,Scrap to metal,t of metal"),
        add("process_days", "back,30,days,,20,40,me,read"),
        add("recipes", "back,usual,As today,yes"),
        add(
            "recipe_terms", "sintering,usual,out,dysprosium/scrap,0.01,t/t,,,,me,read",
            "back,usual,in,dysprosium/scrap,1,t/t,,,,me,read", "back,usual,out,dysprosium/metal,1,t/t,,,,me,read",
        ),
        add("sites", "jpn-back,B,back,,JPN,JPN,operating,me,read"),
        add("capacities", "jpn-back,5,t/yr,element,,,me,read"),
        add("production", "jpn-back,3,t/yr,element,,,me,read"),
        edit("flows", "AUS,JPN,30", "AUS,JPN,27"),
        edit("demand", "AUS,lamps,60", "AUS,lamps,63"),
    )  # fmt: skip
    world, network = built(tmp_path, *changes)
    share = dict(zip(network.nodes["node"], traced_share(View(world, network)), strict=True))
    assert share["dysprosium/metal@JPN"] == pytest.approx(1.0, abs=1e-6)
    assert not [item for item in check_network(world, network) if item.severity == "error"]


def test_a_site_without_feed(tmp_path: Path) -> None:
    # A smelter in KOR: no ore comes there. With stated output that is an error, idle it is only said.
    idle = (
        add("sites", "kor-metal,Korean smelter,smelting,,KOR,KOR,idle,me,read"),
        add("capacities", "kor-metal,50,t/yr,element,,,me,read"),
        add("transit_zones", "KOR,north,me,read"),
        add("transit", "north,north,,sea,10,days,,5,15,me,read"),
    )
    only(found(tmp_path / "idle", *idle), "info", "kor-metal", "idle; it cannot run", "dysprosium/ore@KOR")


def test_output_that_the_balance_shuts(tmp_path: Path) -> None:
    # A dealer sends KOR 0.1 t/yr of ore of unknown origin and its smelter is said to make 50: the ore is inferred from AUS.
    changes = (
        add("sites", "kor-metal,Korean smelter,smelting,,KOR,KOR,operating,me,read"),
        add("capacities", "kor-metal,50,t/yr,element,,,me,read"),
        add("production", "kor-metal,50,t/yr,element,,,me,read"),
        add("transit_zones", "KOR,north,me,read"),
        add("transit", "north,north,,sea,10,days,,5,15,me,read"),
    )
    world, network = built(tmp_path, *changes)
    made = float(network.sites.set_index("site").loc["kor-metal", "base"])
    findings = check_network(world, network)
    only(findings, "warning", "dysprosium/ore@KOR", "flows from AUS are inferred")
    shut = network.sites.assign(base=np.where(network.sites["site"] == "kor-metal", 0.0, network.sites["base"]))
    again = check_network(world, replace(network, sites=shut))
    assert made > 0
    only(again, "warning", "kor-metal", "50 t/yr are stated (production.csv:6)", "other figures outweigh it")


def test_yields_above_one_and_oxide_factors_in_the_wrong_place(tmp_path: Path) -> None:
    changes = edit("recipe_terms", "smelting,usual,in,dysprosium/ore,1.05", "smelting,usual,in,dysprosium/ore,0.95")
    only(found(tmp_path / "a", changes), "error", "smelting/usual", "gives out 1 t of Dy", "takes in 0.95")
    # A magnet that holds 0.12 t Dy per t of magnet cannot be made of 0.1 t; the lean recipe is not judged by it.
    changes = edit("contents", "Dy,0.09", "Dy,0.12")
    only(found(tmp_path / "b", changes), "error", "sintering/usual", "gives out 0.12 t of Dy")


JOINT = (
    add("commodities", "rare_earths/concentrate,magnets,Ore,1,product,,", "dysprosium/oxide,magnets,Oxide,2,element,Dy,Dy2O3",
        "terbium/oxide,magnets,Oxide,2,element,Tb,Tb4O7"),
    add("processes", "separation,magnets,separation,Separation,t REO fed"),
    add("process_days", "separation,60,days,,50,70,me,read"),
    add("recipes", "separation,full,All,yes"),
)  # fmt: skip


def joint(dy: float, tb: float) -> dict[str, str]:
    return add(
        "recipe_terms", "separation,full,in,rare_earths/concentrate,1,t/t,,,,me,read",
        f"separation,full,out,dysprosium/oxide,{dy},t/t,,,,me,read", f"separation,full,out,terbium/oxide,{tb},t/t,,,,me,read",
    )  # fmt: skip


def test_joint_outputs_never_exceed_the_oxide_fed(tmp_path: Path) -> None:
    # 0.8713 t Dy is 1 t of Dy2O3; 0.0425 t Tb is 0.05 t of Tb4O7: 105 % of the oxide fed.
    only(found(tmp_path / "a", *JOINT, joint(0.8713, 0.0425)), "error", "separation/full", "105.0% of the oxide fed")
    # 0.6 x 0.8713 and 0.1 x 0.8502: 70 %, the rest is not modelled.
    only(found(tmp_path / "b", *JOINT, joint(0.52278, 0.08502)), "info", "magnets", "separation/full 70%")
    # 0.95 + 0.05 = 100 %: nothing to say.
    assert not found(tmp_path / "c", *JOINT, joint(0.95 * 0.8713, 0.05 * 0.8502))


def test_baskets_sum_to_one_and_a_trace_is_not_zero(tmp_path: Path) -> None:
    rows = f"deposit,country,element,{FACT}\nHill,CHN,Dy,80,%,,,,me,read\nHill,CHN,Nd,25,%,,,,me,read\n"
    findings = found(tmp_path / "a", *JOINT, joint(0.95 * 0.8713, 0.05 * 0.8502), {"baskets": rows})
    only(findings, "warning", "basket Hill (CHN)", "sums to 105.0 % as stated (baskets.csv:2)")
    rows = rows.replace("25", "20") + "Hill,CHN,Tb,0,%,,,,me,read\n"
    findings = found(tmp_path / "b", *JOINT, joint(0.95 * 0.8713, 0.05 * 0.8502), {"baskets": rows})
    only(findings, "error", "basket Hill (CHN)", "Tb is 0 (baskets.csv:4)")


QUOTES = f"chain,from_commodity,to_commodity,country,counts,{FACT}\n"


def test_quoted_lead_times_fit_within_one_month(tmp_path: Path) -> None:
    # Order for a Japanese magnet, from metal: AUS>JPN 20 days (1 month) + 60 days of sintering. Days accumulate along the
    # chain: 30 + 30 + 60 = 120 days, 1 + 1 + 2 months; so delivery takes 3 months, work alone 2.
    for quote, fits in (
        ("delivery,4", True), ("delivery,4.1", False), ("delivery,2", True), ("delivery,1.9", False),
        ("work,3", True), ("work,3.1", False), ("work,1", True), ("work,0.9", False),
    ):  # fmt: skip
        row = f"magnets,dysprosium/metal,ndfeb/magnet,JPN,{quote},months,,,,me,read\n"
        findings = found(tmp_path / quote.replace(",", ""), {"quoted_lead_times": QUOTES + row})
        assert (not findings) == fits, quote
        if not fits:
            months = 3 if quote.startswith("delivery") else 2
            place = "dysprosium/metal to ndfeb/magnet (JPN)"
            only(
                findings, "warning", place, f"the model takes {months} months", "sintering 2", "quoted_lead_times.csv:2"
            )


def test_a_quoted_range_is_met_by_any_month_in_it_and_a_missing_path_is_told(tmp_path: Path) -> None:
    wide = "magnets,dysprosium/metal,ndfeb/magnet,JPN,delivery,8,weeks,,2,16,me,read\n"
    assert not found(tmp_path / "wide", {"quoted_lead_times": QUOTES + wide})
    none = "magnets,ndfeb/magnet,dysprosium/metal,JPN,work,2,months,,,,me,read\n"
    findings = found(tmp_path / "none", {"quoted_lead_times": QUOTES + none})
    only(findings, "warning", "ndfeb/magnet to dysprosium/metal (JPN)", "no path from one to the other")


def test_the_main_path_follows_the_largest_flow(tmp_path: Path) -> None:
    view = View(*built(tmp_path))
    steps = main_path(view, view.chains["magnets"], ("ndfeb/magnet", "JPN"))
    assert [step.what for step in steps] == ["mining", "smelting", "AUS to JPN", "sintering"]
    assert [step.months for step in steps] == [1, 1, 1, 2]
    assert [step.days for step in steps] == [30.0, 30.0, 20.0, 60.0]


def test_assumptions_outside_their_range(tmp_path: Path) -> None:
    world, network = built(tmp_path)
    findings = check_network(world, network.assume("new_source_months", 13.0))
    only(findings, "error", "assumption new_source_months", "13 months lies outside 3 to 12")


def test_shares_that_do_not_sum_to_one(tmp_path: Path) -> None:
    # The loader refuses such a file; a world changed in code is caught here: 0.4 + 0.3 = 0.7.
    world, network = built(tmp_path)
    tiers = world.tables["tiers"].copy()
    tiers.loc[tiers["tier"] == "general", "value"] = 0.3
    changed = replace(world, tables={**world.tables, "tiers": tiers})
    only(check_network(changed, network), "error", "tiers of ndfeb/magnet, *, *", "shares sum to 0.700, not 1")


CONSUMPTION = f"commodity,country,{FACT}\n"


@pytest.mark.parametrize(
    ("country", "published", "what"),
    [
        # AUS states 60 t of metal for lamps and takes none: 60 fits, 75 leaves 15 too many (20 %), 90 is 33 % off.
        ("AUS", 60, ""), ("AUS", 75, ""), ("AUS", 90, "stated as 60 t/yr; published consumption 90 less 0 taken"),
    ],
)  # fmt: skip
def test_stated_uses_are_compared_with_published_consumption(
    tmp_path: Path, country: str, published: float, what: str
) -> None:
    row = f"dysprosium/metal,{country},{published},t/yr,element,,,me,read\n"
    findings = found(tmp_path, {"consumption": CONSUMPTION + row})
    if what:
        only(findings, "warning", f"dysprosium/metal@{country}", what)
    else:
        assert not findings


def test_output_above_capacity_and_operation_without_output(tmp_path: Path) -> None:
    changes = edit("capacities", "aus-mine,120", "aus-mine,104")
    only(
        found(tmp_path / "a", changes),
        "warning",
        "aus-mine",
        "makes 105 t/yr (production.csv:2), above its capacity of 104",
    )
    changes = edit("capacities", "aus-mine,120", "aus-mine,90")
    only(found(tmp_path / "b", changes), "warning", "aus-mine", "base output 105 t/yr exceeds capacity 90")
    changes = add("sites", "jpn-second,Second,sintering,,JPN,JPN,operating,me,read")
    findings = [item for item in found(tmp_path / "c", changes) if "no output is stated" in item.what]
    only(findings, "info", "jpn-second", "operates, but no output is stated; it stays absent")


def test_figures_moved_far_are_counted(tmp_path: Path) -> None:
    # The United States is said to use 200 t of magnets, where 100 t are made and none come in.
    findings = found(tmp_path, edit("demand", "USA,all,100", "USA,all,200"))
    only(findings, "info", "magnets", "of 9 stated figures were moved by more than a quarter")


def test_oth_needs_its_members(tmp_path: Path) -> None:
    # 0.5 of 40.5 t of metal shipped goes to NZL and 0.5 to FJI, below the share of a node of its own: both are OTH.
    changes = (
        add("flows", "dysprosium/metal,AUS,NZL,0.5,t/yr,element,,,me,read", "dysprosium/metal,AUS,FJI,0.5,t/yr,element,,,me,read"),
    )  # fmt: skip
    world, network = built(tmp_path, *changes)
    assert network.regions == {"magnets": ("FJI", "NZL")}
    assert "dysprosium/metal:AUS>OTH" in set(network.routes["route"])
    assert not [item for item in check_network(world, network) if item.place == "magnets"]
    findings = check_network(world, replace(network, regions={}))
    only(findings, "error", "magnets", "uses OTH without saying which countries")
