"""A chain told as tables: the figures of the small world (arithmetic in tests/mini.py), and the layout."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orebridge.errors import UnknownLabel
from orebridge.layout import table_lines, wrap
from orebridge.stories import tell
from orebridge.stories.moved import moved_figures, moved_summary
from orebridge.stories.section import Section
from orebridge.world import load_world

from .mini import FACT, FILES, add, edit, write

EMBODIED = f"commodity,country,goods,covers,{FACT}\n"


def told(folder: Path, name: str, *changes: dict[str, str], most: int = 0) -> dict[str, Section]:
    return {section.title: section for section in tell(load_world(write(folder, *changes)), name, most=most)}


def row(section: Section, first: str) -> dict[str, str]:
    """The cells by column title of the row that begins with a text."""
    cells = [cells for cells in section.rows if cells[0] == first or cells[1] == first]
    assert len(cells) == 1, section.rows
    return dict(zip([title.removeprefix(">") for title in section.columns], cells[0], strict=True))


def test_a_mineral_is_told_with_the_products_that_use_it(tmp_path: Path) -> None:
    story = told(tmp_path, "Dysprosium")
    assert next(iter(story)) == "Dysprosium"
    text = "\n".join(story["Dysprosium"].text)
    assert "Part of the chain Magnets (magnets)." in text
    assert "Modelled to: magnet." in text
    assert "Products that use it: ndfeb/magnet." in text
    assert [cells[0] for cells in story["Dysprosium"].rows] == ["dysprosium/ore", "dysprosium/metal", "ndfeb/magnet"]
    maker = row(story["Who makes dysprosium/metal"], "Smelter")
    assert (maker["makes t/yr"], maker["share"], maker["capacity t/yr"]) == ("100", "100%", "110")
    assert (maker["country"], maker["owner"], maker["how known"], maker["source"]) == ("AUS", "CHN", "read", "[1]")
    shipped = row(story["Who ships to whom"], "AUS > JPN")
    assert (shipped["t/yr"], shipped["days (months)"], shipped["passages"]) == ("30", "20 (1)", "malacca")
    used = story["Who uses it"].rows
    # Japan's motors: 200 t of magnets hold 200 x 0.09 = 18 t Dy; 40 % essential, 60 % general.
    assert used[0][:8] == ("JPN", "ndfeb/magnet", "motors", "200", "18", "", "40%", "60%")
    # 12 t for 10 t a year of use is 12 / 10 x 365.25 days.
    held = row(story["Who holds it"], "DLA")
    assert (held["t"], held["days"], held["release t"], held["opens"], held["refill t"]) == (
        "12",
        "438",
        "all",
        "0",
        "no limit",
    )
    assert row(story["Prices"], "dysprosium/metal")["USD/t"] == "250,000"
    lean = next(
        cells for cells in story["Recipes (t per t of activity; element yields)"].rows if cells[1].startswith("lean")
    )
    assert lean[2:] == ("0.05 dysprosium/metal", "1 ndfeb/magnet", "12 months", "50%")
    path = row(story["Lead times"], "main path to ndfeb/magnet@JPN")
    # 1 + 1 months of work at the mine and smelter, 1 of transit, 2 of sintering; 140 days.
    assert (path["time"], path["range"]) == ("5 months", "4.6 before rounding")
    assert row(story["Not to be had, and why"], "stocks")["reason"] == "secret by policy"
    assert story["Sources"].rows[0][2] == "Us: Our notes\nhttps://example.org/notes"


def test_a_chain_and_one_commodity(tmp_path: Path) -> None:
    chain = told(tmp_path, "magnets")
    assert next(iter(chain)) == "Magnets"
    assert "Who makes ndfeb/magnet" in chain and "What it comes from" not in chain
    metal = told(tmp_path, "dysprosium/metal")
    assert "Who makes dysprosium/ore" not in metal
    # 105 t of ore become 100 t of metal.
    feed = metal["What it comes from"].rows[0]
    assert feed[:6] == ("Ore", "AUS", "Big Hill", "AUS", "105", "100")


def test_the_largest_rows_come_first_and_the_rest_is_counted(tmp_path: Path) -> None:
    makers = told(tmp_path, "magnets", most=1)["Who makes ndfeb/magnet"]
    assert [cells[1] for cells in makers.rows] == ["Japanese shops"]
    assert makers.text == (
        "400 t/yr (t of product) in the base year.",
        "1 smaller rows are left out; --all shows them.",
    )


def test_plants_baskets_hosts_and_duties(tmp_path: Path) -> None:
    # 1,000 t of host carry 0.12 t each: 120 t allowed, 105 made.
    head = f"process,chain,kind,label,activity,host\n{FILES['processes'].partition(chr(10))[2]}"
    hosted = head.replace("t of ore\n", "t of ore,iron\n").replace("l\n", "l,\n").replace("magnet\n", "magnet,\n")
    changes = (
        {
            "facilities": f"facility,name,operator,country,site,product,{FACT}\n"
            "big,Big Hill,Hill Ltd,AUS,aus-mine,ore,120,t/yr,,,,me,read\n"
        },
        {"baskets": f"deposit,country,element,{FACT}\nHill,AUS,Dy,2.5,%,,2,3,me,read\nHill,AUS,Nd,97.5,%,,,,me,read\n"},
        {"hosts": f"host,country,{FACT}\niron,AUS,1000,t/yr,product,,,me,read\n"},
        {"host_rates": f"process,country,{FACT}\nmining,*,0.12,t/t,,,,me,read\n"},
        {"tariffs": f"importer,commodity,origin,{FACT}\nUSA,dysprosium/metal,*,5,%,,,,me,read\n"},
        {"processes": hosted},
    )
    story = told(tmp_path, "dysprosium", *changes)
    assert row(story["Plants by name"], "Big Hill")["published"] == "120 t/yr"
    assert story["In the ore"].rows == (("Hill", "AUS", "Dy", "2.5", "2 to 3", "read", "[1]"),)
    assert story["Host metals"].rows[0][:6] == ("mining", "AUS", "iron", "1,000", "120", "105")
    assert story["Duties"].rows == (("USA", "dysprosium/metal", "any", "5%", "read", "[1]"),)


def test_the_account_of_metal_inside_goods(tmp_path: Path) -> None:
    # All US use is said to be 12 t Dy. Its magnets, 100 t x 0.09, hold 9 t, so 3 t are inside imported goods.
    rows = EMBODIED + "dysprosium/metal,USA,goods,all,12,t/yr,element,,,me,read\n"
    rows += "ndfeb/magnet,JPN,cars,inside_goods,40,t/yr,product,,,me,read\n"
    account = told(tmp_path, "magnets", {"embodied": rows})["Inside imported goods (an account; not in any plan)"]
    assert [cells[:6] for cells in account.rows] == [
        ("USA", "dysprosium/metal", "goods", "12", "9", "3"), ("JPN", "ndfeb/magnet", "cars", "40", "0", "40"),
    ]  # fmt: skip


def test_own_rows_are_marked(tmp_path: Path) -> None:
    write(tmp_path / "world")
    own = tmp_path / "own"
    own.mkdir()
    (own / "production.csv").write_text(f"site,{FACT}\naus-metal,90,t/yr,element,,,me,read\n", encoding="utf-8")
    world = load_world(tmp_path / "world", own)
    makers = {s.title: s for s in tell(world, "magnets")}["Who makes dysprosium/metal"]
    assert makers.rows[0][-1] == "[1] own, [1]"


def test_countries_gathered_as_oth_are_listed(tmp_path: Path) -> None:
    changes = add("flows", "dysprosium/metal,AUS,NZL,0.5,t/yr,element,,,me,read")
    assert "OTH stands for NZL." in told(tmp_path, "magnets", changes)["Who ships to whom"].text


@pytest.mark.parametrize(
    ("name", "words"), [("magnet", "nearest: magnets"), ("disprosium", "nearest: dysprosium"), ("", "there are")]
)
def test_an_unknown_name_gets_the_nearest(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(UnknownLabel, match=words):
        told(tmp_path, name)


def test_figures_moved_with_source_and_weight(tmp_path: Path) -> None:
    # US magnets: 100 made (20 %-of-range or 40 %: assumed, error 40) against 200 used (read, 5 %: error 10) and the metal
    # that goes with them. The demand is moved most in standard errors.
    world = load_world(write(tmp_path, edit("demand", "USA,all,100", "USA,all,200")))
    moved = moved_figures(world, ("USA", "JPN"))
    by_what = {item.what: item for item in moved.figures}
    demand = by_what["demand ndfeb/magnet USA"]
    assert (demand.stated, demand.weight, demand.source) == (200.0, pytest.approx(1 / 10**2), "me")
    assert demand.place == "demand.csv:4"
    assert by_what["activity usa-magnet usual"].used == pytest.approx(demand.used)
    sections = moved_summary(moved, 3)
    assert [len(section.rows) for section in sections] == [3, 1]
    every = moved_summary(moved, 0)
    assert len(every[0].rows) == 9
    line = dict(zip(every[1].columns, every[1].rows[0], strict=True))
    assert (line["chain"], line[">figures"], line["OTH"]) == ("magnets", "9", "unused")
    assert sum(abs(item.share) > 0.25 for item in moved.figures) == int(line[">moved > 25 %"].split(" ")[0]) > 0


def test_every_bundled_chain_and_mineral_fits_a_hundred_columns() -> None:
    world = load_world()
    names = [record["chain"] for record in world.records("chains")] + ["dysprosium", "terbium", "neodymium", "samarium"]
    for name in names:
        for section in tell(world, name):
            assert section.title
            if section.rows:
                lines = table_lines(section.columns, section.rows, 100)
                assert max(map(len, lines)) <= 100, (name, section.title)


def test_wrapping_keeps_words_whole_where_they_fit() -> None:
    assert wrap("capacity t/yr", 11) == ["capacity", "t/yr"]
    assert wrap("ndfeb/magnet-heavy", 12) == ["ndfeb/", "magnet-heavy"]
    assert wrap("one\ntwo", 20) == ["one", "two"]
    assert wrap("", 5) == [""]
    assert wrap("abcdefghij", 4) == ["abcd", "efgh", "ij"]


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.text("ab/_-, ", max_size=40), st.text("xyz ", max_size=60), st.integers(0, 10**9)), min_size=1, max_size=6
    ),
    width=st.integers(40, 120),
)  # fmt: skip
def test_no_line_is_too_long_and_no_letter_is_lost(rows: list[tuple[str, str, int]], width: int) -> None:
    cells = [(a, b, f"{n:,}") for a, b, n in rows]
    lines = table_lines(["first", "second", ">t/yr"], cells, width)
    assert max(map(len, lines)) <= width
    printed, given_text = "".join(lines), "firstsecondt/yr" + "".join("".join(cell) for cell in cells)
    # All but spaces and the dashes of the rule.
    assert sorted(re.sub(r"[\s-]", "", printed)) == sorted(re.sub(r"[\s-]", "", given_text))
    for _, _, number in cells:
        assert any(line.endswith(number) for line in lines)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_long_text_beside_a_longer_one_stays_readable(width: int) -> None:
    what = "China stops exporting gallium in wafers, and the passage Taiwan Strait is closed"
    fix = "stock of gallium in the United States: 90 more days of use; wafer makers: 50% more capacity; " * 4
    lines = table_lines(
        ["what strikes", ">loss, million USD", "cheapest fix", ">outlay, million USD"],
        [[what, "520", fix, "35 (33-41)"]],
        width,
    )
    rule = next(line for line in lines if line.startswith("---"))
    assert len(rule.split()[0]) >= 22
    assert all(len(line) <= width for line in lines)
