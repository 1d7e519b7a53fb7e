"""From tables to a network: rules of stock, uses not modelled, capacity. Arithmetic in tests/mini.py."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from orebridge.build import build_network
from orebridge.errors import NetworkError, TableErrors, UnknownLabel
from orebridge.network import SupplyNetwork
from orebridge.world import load_world

from .mini import FACT, FILES, edit, write


def network(folder: Path, *changes: dict[str, str]) -> SupplyNetwork:
    return build_network(load_world(write(folder, *changes)))


def pile(net: SupplyNetwork, label: str) -> pd.Series:
    return net.stockpiles.set_index("stockpile").loc[label]


RULES = f"holder,country,commodity,rule,{FACT}\n"


def test_without_a_rule_a_stock_gives_and_takes_all_at_once(tmp_path: Path) -> None:
    net = network(tmp_path)
    held = pile(net, "DLA:dysprosium/metal@USA")
    assert (held["s0"], held["floor"], held["release"], held["opens_after"]) == (12.0, 0.0, 12.0, 0)
    assert math.isinf(held["refill"])
    # 60 days of Japan's use: 30 t/yr x 60 / 365.25.
    assert pile(net, "industry:dysprosium/metal@JPN")["s0"] == pytest.approx(30 * 60 / 365.25)


def test_the_most_specific_stock_rule_wins(tmp_path: Path) -> None:
    rules = RULES + "".join(
        f"{row},,,,me,read\n"
        for row in (
            "*,*,*,floor,0.1,share", "DLA,*,*,floor,0.25,share", "DLA,*,dysprosium/metal,floor,50,%",
            "*,*,*,release,0.2,share", "*,USA,*,release,0.3,share", "DLA,*,*,trigger,2.5,months",
            "*,*,dysprosium/metal,trigger,9,months", "DLA,USA,magnets,refill,0.05,share",
        )
    )  # fmt: skip
    net = network(tmp_path, {"stock_rules": rules})
    held = pile(net, "DLA:dysprosium/metal@USA")
    # Its own row for the commodity beats its own for all; 12 t x 0.5. No own release: the country's row beats *.
    assert held["floor"] == pytest.approx(6.0)
    assert held["release"] == pytest.approx(12 * 0.3)
    # The holder's row for any commodity beats another holder's row for this one; 2.5 months open after 3.
    assert held["opens_after"] == 3
    assert held["refill"] == pytest.approx(0.6)
    home = pile(net, "industry:dysprosium/metal@JPN")
    assert home["floor"] == pytest.approx(0.1 * home["s0"])
    assert home["release"] == pytest.approx(0.2 * home["s0"])
    assert home["opens_after"] == 9
    assert math.isinf(home["refill"])


@pytest.mark.parametrize(
    ("row", "fragments"),
    [
        ("DLA,*,*,floor,1.2,share", ("stock_rules.csv:2 value: 1.2 is a share above 1",)),
        ("DLA,*,*,trigger,0.5,share", ("stock_rules.csv:2 unit", "does not fit this rule, which is in months")),
        ("DLA,*,*,floor,3,months", ("stock_rules.csv:2 unit", "which is in share")),
        ("DLA,*,*,flor,0.1,share", ("stock_rules.csv:2 rule: 'flor' is not one of floor", "nearest: floor")),
        ("DLA,*,*,refill,-0.1,share", ("stock_rules.csv:2 value: -0.1 is negative",)),
        ("DLA,OTH,*,refill,0.1,share", ("stock_rules.csv:2 country: OTH is not a country", "may be left out")),
    ],
)
def test_stock_rules_that_make_no_sense_are_refused(tmp_path: Path, row: str, fragments: tuple[str, ...]) -> None:
    with pytest.raises(TableErrors) as caught:
        network(tmp_path, {"stock_rules": RULES + row + ",,,,me,read\n"})
    for fragment in fragments:
        assert fragment in "\n".join(caught.value.faults)


CONSUMPTION = f"commodity,country,{FACT}\n"


def test_a_use_not_modelled_is_consumption_less_what_plants_take(tmp_path: Path) -> None:
    # Japan's magnet makers take 30 t of metal; 35 are published, so 5 are a use not modelled. They have to come in:
    # flows and uses share the gap by their errors, all between 0 and 5.
    rows = CONSUMPTION + "dysprosium/metal,JPN,35,t/yr,element,,,me,read\n"
    net = network(tmp_path, {"consumption": rows})
    used = net.demands[net.demands["commodity"] == "dysprosium/metal"].set_index("country")["D"] * 12
    assert 0 < used["JPN"] < 5
    row = net.adjustments[net.adjustments["what"] == "demand dysprosium/metal JPN"].iloc[0]
    assert row["stated"] == pytest.approx(5.0)
    assert (row["table"], row["file"], row["line"], row["confidence"]) == (
        "consumption",
        "consumption.csv",
        2,
        "computed",
    )
    assert set(net.demands.loc[net.demands["country"] == "JPN", "end_use"]) >= {"uses not modelled"}


def test_a_negative_rest_is_absent_and_told(tmp_path: Path) -> None:
    rows = CONSUMPTION + "dysprosium/metal,JPN,20,t/yr,element,,,me,read\n"
    net = network(tmp_path, {"consumption": rows})
    assert "dysprosium/metal@JPN" not in {label.partition("/uses")[0] for label in net.demands["demand"]}
    finding = net.findings[0]
    assert (finding.severity, finding.place) == ("warning", "dysprosium/metal@JPN")
    assert "20 t/yr is less than the 30 t/yr its own modelled processes take" in finding.what
    # A rest of 1 % is rounding: neither a use nor a finding.
    near = network(tmp_path / "near", {"consumption": rows.replace(",20,", ",30.3,")})
    assert not near.findings
    assert len(near.demands) == len(network(tmp_path / "plain").demands)


def test_capacity_is_never_below_base_output(tmp_path: Path) -> None:
    net = network(tmp_path, edit("capacities", "aus-mine,120", "aus-mine,90"))
    mine = net.sites.set_index("site").loc["aus-mine"]
    assert mine["capacity"] == pytest.approx(mine["base"])
    assert "exceeds capacity" in net.findings[0].what


def test_recipes_open_after_their_qualification(tmp_path: Path) -> None:
    net = network(tmp_path)
    lean = net.activities.set_index("activity").loc["jpn-magnet/lean"]
    assert (lean["opens"], lean["accepted"], lean["x0"]) == (12, 0.5, 0.0)
    assert set(net.activities.loc[net.activities["recipe"] == "usual", "opens"]) == {0}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (edit("process_days", "mining,30,days,,20,40,me,read\n", ""), "process_days.csv states no days for mining"),
        (edit("limits", "*,surge,5,%,,0,10,me,assumed\n", ""), "limits.csv states no surge for metal"),
        (edit("assumptions", "new_source_months", "patience"), "assumptions.csv has no 'new_source_months'"),
        (edit("transit", "south,west,,sea,40,days,,30,50,me,read\n", ""), "no days between AUS (south) and USA (west)"),
        (
            {"recipes": FILES["recipes"].replace("mining,usual,As today,yes", "mining,usual,As today,no")},
            "site aus-mine",
        ),
    ],
)
def test_a_chain_without_a_needed_figure_is_refused(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    with pytest.raises(NetworkError) as caught:
        network(tmp_path, changes)
    assert words in str(caught.value)


def test_an_own_row_of_the_rest_of_the_world_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "world")
    own = tmp_path / "own"
    own.mkdir()
    header = FILES["demand"].splitlines()[0]
    for place in ("OTH", "WLD"):
        (own / "demand.csv").write_text(f"{header}\nndfeb/magnet,{place},all,5,t/yr,product,,,me,read\n")
        with pytest.raises(TableErrors, match=rf"\(own\) demand.csv:2 country: {place} is not a country"):
            load_world(tmp_path / "world", own)


def test_empty_frames_keep_their_columns(tmp_path: Path) -> None:
    # No members, so no candidates for new routes, and no trade stated: a frame of routes without a row.
    changes = (
        {"flows": FILES["flows"].splitlines()[0] + "\n"},
        {name: FILES[name].splitlines()[0] + "\n" for name in ("demand", "tiers", "values")},
        {"sites": "\n".join(FILES["sites"].splitlines()[:2]) + "\n"},
        {name: "\n".join(FILES[name].splitlines()[:2]) + "\n" for name in ("capacities", "production")},
    )
    alone = build_network(load_world(write(tmp_path, *changes)), members=())
    assert len(alone.routes) == 0
    assert list(alone.routes.columns) == list(network(tmp_path / "plain").routes.columns)
    assert str(alone.routes["y0"].dtype) == "float64"


@pytest.mark.parametrize("member", ["OTH", "Japan", "USB"])
def test_a_member_must_be_a_country(tmp_path: Path, member: str) -> None:
    with pytest.raises(UnknownLabel, match=f"member .*{member}"):
        build_network(load_world(write(tmp_path)), members=("USA", member))


def test_a_free_by_product_without_a_stated_use_is_thrown_away_not_used(tmp_path: Path) -> None:
    # 0.5 t of slag per t of smelted metal, 50 t a year, of which somebody states a use of 20: 30 go to waste.
    slag = edit("commodities", "ndfeb/magnet,magnets,Magnet,3,product,,\n",
                "ndfeb/magnet,magnets,Magnet,3,product,,\ndysprosium/slag,magnets,Slag,2,product,,\n")  # fmt: skip
    head, rows = slag["commodities"].split("\n", 1)
    rows = "".join(f"{row},{'free' if 'slag' in row else 'priced'}\n" for row in rows.splitlines())
    commodities = {"commodities": f"{head},disposal\n{rows}"}
    terms = edit(
        "recipe_terms",
        "smelting,usual,out,",
        "smelting,usual,out,dysprosium/slag,0.5,t/t,,,,me,read\nsmelting,usual,out,",
    )
    net = network(tmp_path / "none", commodities, terms)
    assert not net.demands["demand"].str.contains("slag").any()
    assert net.nodes.set_index("node")["waste0"]["dysprosium/slag@AUS"] * 12 == pytest.approx(50)
    use = {"demand": FILES["demand"] + "dysprosium/slag,AUS,roads,20,t/yr,product,,,me,read\n"}
    net = network(tmp_path / "some", commodities, terms, use)
    assert net.nodes.set_index("node")["waste0"]["dysprosium/slag@AUS"] * 12 == pytest.approx(30)
