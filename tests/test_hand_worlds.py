"""Whole worlds as folders of tables, small enough for paper, from the CSV files through `respond` to tonnes.

Each world stands in tests/worlds/<name>/ with its shocks; the arithmetic is in the comments here. Figures in the tables
are per year, below per month. Discount 0, no trade beyond contracts (theta 0), so that nothing blurs the sums.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from orebridge.build import build_network
from orebridge.checks import check_network
from orebridge.session import Response, respond
from orebridge.world import load_world

WORLDS = Path(__file__).parent / "worlds"


def answer(
    name: str, shock: str, members: tuple[str, ...], months: int = 8, overlay: str | None = None, **more: object
) -> Response:
    world = load_world(WORLDS / name, WORLDS / overlay if overlay else None)
    return respond([WORLDS / name / shock], members, "2027-01", months, world=world, hinges=False, **more)  # type: ignore[arg-type]


def by_month(found: Response, way: str, member: str, tier: str | None = None) -> list[float]:
    rows = found.plans[way].unmet
    rows = rows[(rows["member"] == member) & ((rows["tier"] == tier) if tier else True)]
    return rows.groupby("month")["tonnes"].sum().tolist()


def sent(found: Response, way: str, origin: str, destination: str) -> list[float]:
    rows = found.plans[way].flows
    rows = rows[(rows["origin"] == origin) & (rows["destination"] == destination)]
    return rows.sort_values("month")["tonnes"].tolist()


@pytest.mark.parametrize("name", ["line", "by_product", "pool", "swarf"])
def test_the_tables_have_no_fault_and_nothing_moved(name: str) -> None:
    world = load_world(WORLDS / name)
    members = ("JPN",) if name in ("line", "swarf") else ("JPN", "KOR") if name == "by_product" else ("USA", "JPN")
    network = build_network(world, members)
    assert network.adjustments["change"].abs().max() < 1e-6
    assert [f for f in check_network(world, network) if f.severity == "error"] == []


# --- line: a mine, a smelter, a user ------------------------------------------------------------------------------------
# AUS mines 100 t of copper in ore, smelts them to 90 t of metal (yield 0.9) and ships all to JPN, which uses 90 (36
# essential, 54 general) and holds 45 t. Mining, smelting and the way take a month each. An essential tonne missing
# costs 0.1 million USD, a general one 0.01, a tonne of metal 0.005.


def test_a_line_reads_as_written() -> None:
    network = build_network(load_world(WORLDS / "line"), ("JPN",))
    assert network.activities["lag"].tolist() == [1, 1]
    assert network.routes.set_index("route").loc["copper/metal:AUS>JPN", ["lag", "y0"]].tolist() == [1, 90]
    assert network.terms["coefficient"].tolist() == pytest.approx([1.0, 0.9, -1.0])
    assert network.demands["D"].tolist() == pytest.approx([36, 54])


def test_a_line_under_a_ban() -> None:
    found = answer("line", "ban.toml", ("JPN",))
    # Nothing is shipped in months 1-3, so nothing arrives in months 2-4. Without a plan the 45 t of stock go in month 2.
    assert by_month(found, "unaided", "JPN") == pytest.approx([0, 45, 90, 90, 0, 0, 0, 0], abs=1e-4)
    assert by_month(found, "unaided", "JPN", "essential") == pytest.approx([0, 18, 36, 36, 0, 0, 0, 0], abs=1e-4)
    # 90 essential at 0.1 + 135 general at 0.01 + 45 of stock at 0.005.
    assert found.plans["unaided"].loss_usd() == pytest.approx(9e6 + 1.35e6 + 0.225e6)
    # With a plan 90 + 45 t serve months 1-4, in which 144 t are essential: 9 t of essential and 216 t of general use lack.
    essential, general = (sum(by_month(found, "alone", "JPN", tier)) for tier in ("essential", "general"))
    assert (essential, general) == pytest.approx((9, 216), abs=1e-3)
    assert found.plans["alone"].loss_usd() == pytest.approx(0.9e6 + 2.16e6 + 0.225e6, rel=1e-5)
    # The metal waits in AUS: 3 x 90 t; one contract a month goes out again from month 4 on.
    assert sent(found, "unaided", "AUS", "JPN") == pytest.approx([0, 0, 0, 90, 90, 90, 90, 90], abs=1e-4)
    shed = found.plans["unaided"].stock
    shed = shed[(shed["country"] == "AUS") & (shed["commodity"] == "copper/metal")].sort_values("month")["tonnes"]
    assert shed.tolist() == pytest.approx([90, 180, 270, 270, 270, 270, 270, 270], abs=1e-4)
    assert set(found.absent) == {"treaty", "joint"}


def test_a_line_with_its_smelter_at_half() -> None:
    # Half of the smelter in months 1-2: 45 t of metal come out in months 2 and 3, arrive in months 3 and 4. 45 t lack in
    # each, the stock covers the first. The 100 t of ore left over cannot be made up for: the smelter is at its limit.
    found = answer("line", "smelter.toml", ("JPN",))
    assert by_month(found, "unaided", "JPN") == pytest.approx([0, 0, 0, 45, 0, 0, 0, 0], abs=1e-4)
    ran = found.plans["unaided"].activity
    ran = ran[ran["site"] == "aus-smelter"].sort_values("month")["tonnes"].tolist()
    assert ran == pytest.approx([50, 50, 100, 100, 100, 100, 100, 100], abs=1e-4)
    assert by_month(found, "alone", "JPN", "essential") == pytest.approx([0] * 8, abs=1e-4)
    assert sum(by_month(found, "alone", "JPN")) == pytest.approx(45, abs=1e-3)


def test_a_line_whose_mine_stops_feels_it_three_months_later() -> None:
    # No ore is dug in month 1, so none is smelted in 2, no metal leaves in 3, none arrives in 4: 90 t less 45 t of stock.
    found = answer("line", "mine.toml", ("JPN",))
    assert by_month(found, "unaided", "JPN") == pytest.approx([0, 0, 0, 45, 0, 0, 0, 0], abs=1e-4)
    assert sent(found, "unaided", "AUS", "JPN") == pytest.approx([90, 90, 0, 90, 90, 90, 90, 90], abs=1e-4)


# --- by_product: germanium from zinc ------------------------------------------------------------------------------------
# KOR recovers 5 t of germanium from its zinc (2 t of residue each, a free by-product) in a plant for 10 t; its 10,000 t of
# zinc carry at most 0.0006 t each: 6 t. It uses 2 t and ships 3 to JPN, which gets 4 more from CHN and uses 7. All takes a
# month. Nobody holds stock.


def test_a_by_product_is_limited_by_its_host_and_its_residue_is_thrown_away() -> None:
    network = build_network(load_world(WORLDS / "by_product"), ("JPN", "KOR"))
    assert network.sites.set_index("site")["capacity"].to_dict() == pytest.approx({"kor-recovery": 6, "chn-furnace": 4})
    assert network.nodes.set_index("node")["waste0"]["germanium/residue@KOR"] == pytest.approx(10)


def test_a_by_product_under_a_ban() -> None:
    found = answer("by_product", "ban.toml", ("JPN", "KOR"))
    # Months 2-7: 4 of 7 t lack. Alone KOR's shipments are those of no plan: 24 t.
    assert by_month(found, "unaided", "JPN") == pytest.approx([0, 4, 4, 4, 4, 4, 4, 0], abs=1e-4)
    assert sum(by_month(found, "alone", "JPN")) == pytest.approx(24, abs=1e-3)
    # Together KOR recovers 1 t more from month 1 on (not 5: the zinc carries no more). It comes out in month 2, arrives
    # in month 3: 3 t a month lack in months 3-7, 19 t in all, at 5 million USD a tonne. KOR loses nothing.
    assert sum(by_month(found, "joint", "JPN")) == pytest.approx(24 - 5, abs=1e-3)
    assert found.plans["joint"].loss_usd("KOR") == pytest.approx(0.0, abs=5)
    assert found.coordination is not None
    assert found.coordination.value_usd == pytest.approx(5 * 5e6, rel=1e-4)
    assert found.coordination.value_without_lent_stock_usd == pytest.approx(5 * 5e6, rel=1e-4)
    ran = found.plans["joint"].activity
    assert ran[ran["site"] == "kor-recovery"]["tonnes"].max() == pytest.approx(6, abs=1e-4)
    # Twice the residue of the month before leaves as waste or waits; it is never short of room and costs nothing.
    waste = found.plans["unaided"].waste
    assert waste[waste["commodity"] == "germanium/residue"]["tonnes"].tolist() == pytest.approx([10] * 8)


def test_half_the_zinc_is_half_of_what_may_be_recovered() -> None:
    # 3 t instead of 5 in months 1 and 2, so 2 t less in months 2 and 3: KOR and JPN are cut alike, 3/5 of 2 and of 3 t.
    # What JPN lacks, 1.2 t, arrives missing a month later.
    found = answer("by_product", "zinc.toml", ("JPN", "KOR"))
    assert by_month(found, "unaided", "KOR") == pytest.approx([0, 0.8, 0.8, 0, 0, 0, 0, 0], abs=1e-5)
    assert by_month(found, "unaided", "JPN") == pytest.approx([0, 0, 1.2, 1.2, 0, 0, 0, 0], abs=1e-5)


# --- pool: two members and an outside pool -------------------------------------------------------------------------------
# USA and JPN use 8 t of tin each, all from CHN, a month away; USA holds 4 t. In month 2 CHN sells each 5 t, which arrive in
# month 3. A tonne missing costs 1 million USD. (USA's idle smelter only makes the USA a place tin may be shipped from.)


def test_a_pool_where_stock_is_worth_nothing() -> None:
    # Alone 0 and 3 t lack (USA gives 3 of its 4 t). Joint: 16 - 10 - 4 = 2. The value of coordination is 1 t.
    found = answer("pool", "short.toml", ("USA", "JPN"), 6)
    assert by_month(found, "unaided", "JPN") == pytest.approx([0, 0, 3, 0, 0, 0], abs=1e-5)
    for way, usa, jpn in (("unaided", 0, 3), ("alone", 0, 3), ("joint", 0, 2)):
        lost = {member: sum(by_month(found, way, member)) for member in ("USA", "JPN")}
        assert lost == pytest.approx({"USA": usa, "JPN": jpn}, abs=1e-4), way
    assert found.coordination is not None
    assert found.coordination.value_usd == pytest.approx(1e6, rel=1e-4)
    # It is all lent stock.
    assert found.coordination.value_without_lent_stock_usd == pytest.approx(0.0, abs=2e3)
    assert found.coordination.shapley == pytest.approx({"USA": 5e5, "JPN": 5e5}, rel=1e-3)
    assert found.coordination.in_core


def test_a_pool_where_stock_is_worth_as_much_as_use() -> None:
    # The own folder sets the value of end stock to the full price: alone loses 3 (stock) + 3 (use), joint 4 + 2. Nothing.
    found = answer("pool", "short.toml", ("USA", "JPN"), 6, overlay="pool_full_price")
    items = found.plans["alone"].loss.groupby("item")["usd"].sum()
    assert items["stock"] == pytest.approx(3e6, rel=1e-5)
    assert items["general"] == pytest.approx(3e6, rel=1e-5)
    assert found.plans["joint"].loss_usd() == pytest.approx(6e6, rel=1e-5)
    assert found.coordination is not None
    assert found.coordination.value_usd == pytest.approx(0.0, abs=100)
    assert not found.coordination.helps


# --- swarf: metal to magnets and back ------------------------------------------------------------------------------------
# JPN feeds 100 t of metal to get 80 t of magnets and 20 t of swarf a month later; recovery makes 18 t of metal of it, again
# a month later. So it imports 82 t. No stock anywhere. CHN ships nothing in month 1.


def test_swarf_makes_a_ban_echo() -> None:
    found = answer("swarf", "ban.toml", ("JPN",), 9)
    # Month 2: only the 18 t recovered are fed; 82 t of feed and so 65.6 t of magnets lack in month 3. The swarf of those
    # 82 t lacks in month 3 as well, its metal in month 4: 0.18 x 82 = 14.76 t of feed, 11.808 t of magnets in month 5.
    # And so on, each time 18 % of it, two months later.
    echo = [0, 0, 65.6, 0, 65.6 * 0.18, 0, 65.6 * 0.18**2, 0, 65.6 * 0.18**3]
    assert by_month(found, "unaided", "JPN") == pytest.approx(echo, abs=1e-5)
    fed = found.plans["unaided"].activity
    fed = fed[fed["site"] == "jpn-magnet"].sort_values("month")["tonnes"].tolist()
    assert fed == pytest.approx(
        [100, 18, 100, 100 - 14.76, 100, 100 - 14.76 * 0.18, 100, 100 - 14.76 * 0.18**2, 100], abs=1e-4
    )
    # A plan makes no more metal of it: the same tonnes lack in all, but no month lacks more than it must. Months 1-3 can
    # share: 65.6 t must lack by month 3.
    short = by_month(found, "alone", "JPN")
    assert sum(short) == pytest.approx(sum(echo), abs=1e-3)
    assert sum(short[:3]) == pytest.approx(65.6, abs=1e-3)
    assert max(short) == pytest.approx(65.6 / 3, rel=1e-4)
