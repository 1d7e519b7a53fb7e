"""Shock files: every bundled one reads; faults are named with line and repair."""

import pytest

from orebridge import build_network, load_world
from orebridge.errors import ShockError
from orebridge.shocks import effects_of, library, load_shock, months_between, parse_shock

GOOD = """title = "t"
source = "s"
[[event]]
kind = "ban"
origin = "CHN"
commodities = ["metal"]
months = 3
"""


def test_the_library_reads_and_is_large_enough():
    assert len(library()) >= 10
    for name in library():
        shock = load_shock(name)
        assert shock.events
        assert shock.source


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("kind = \"ban\"", "kind = \"bann\""), r"x\.toml:3.*nearest: ban"),
        (("months = 3", "months = 0"), "whole number from 1"),
        (("origin = \"CHN\"\n", ""), "needs `origin`"),
        (("months = 3", "months = 3\nleek = 0.1"), "nearest: leak"),
        (("months = 3", "months = 3\nleak = 1.5"), "from 0 to 1"),
        (("source = \"s\"\n", ""), "`source` is missing"),
        (("title = \"t\"", "title = \"t\"\ndate = \"2026-13\""), "not a month"),
        (("[[event]]", "[[evnt]]"), "unknown key"),
        (("title = \"t\"", "title = t"), "not valid TOML"),
    ],
)  # fmt: skip
def test_faults_are_named(change, message):
    with pytest.raises(ShockError, match=message):
        parse_shock(GOOD.replace(*change), "x.toml")


def test_unknown_name_offers_the_nearest():
    with pytest.raises(ShockError, match="china-tungsten-2025"):
        load_shock("china-tungsten-2026")


def test_months_between():
    assert months_between("2026-12", "2027-02") == 2
    assert months_between("2026-12", "2026-01") == -11


def test_effects_on_a_small_world():
    from small import ore_to_magnet

    network = ore_to_magnet()
    effects = effects_of([parse_shock(GOOD, "x.toml")], network, 12, "2026-12")
    frame = effects.frame
    # a ban on all destinations: the two base-year routes, three months, nothing left
    assert sorted(set(frame["component"])) == ["metal:CHN>JPN", "metal:CHN>USA"]
    assert sorted(set(frame["month"])) == [1, 2, 3]
    assert (frame["value"] == 0.0).all()
    with pytest.raises(ShockError, match=r"no commodity 'metl'.*nearest: metal"):
        effects_of([parse_shock(GOOD.replace('"metal"', '"metl"'), "x.toml")], network, 12, "2026-12")
    with pytest.raises(ShockError, match="touches nothing"):
        effects_of(
            [parse_shock(GOOD.replace("months = 3", "months = 3\nstart = 40"), "x.toml")], network, 12, "2026-12"
        )


def test_targeted_ban_keeps_other_sales_near_base_and_is_traced():
    from small import ore_to_magnet

    text = GOOD.replace("months = 3", 'months = 3\nto = ["JPN"]\nleak = 0.1\nliability_stages = "all"')
    effects = effects_of([parse_shock(text, "x.toml")], ore_to_magnet(), 12, "2026-12")
    value = effects.frame.set_index(["component", "month"])["value"]
    assert value["metal:CHN>JPN", 1] == pytest.approx(0.1)
    assert value["metal:CHN>USA", 1] == pytest.approx(1.05)
    assert effects.traces[0].targets == ("JPN",)
    assert effects.traces[0].liability_stages == -1


def test_what_the_plan_cuts_off_an_event_is_said():
    from small import ore_to_magnet

    network = ore_to_magnet()
    text = 'title = "x"\nsource = "x"\ndate = "2026-06"\n[[event]]\nkind = "ban"\norigin = "CHN"\ncommodities = ["metal"]\nmonths = 12\n'
    shock = parse_shock(text, "x.toml")
    assert effects_of([shock], network, 18, "2026-12").notes == ()
    # Shortages come late: a plan that ends with the shock does not see them all.
    (late,) = effects_of([shock], network, 12, "2026-12").notes
    assert "ends with the plan" in late and "--months 18 or more" in late
    (after,) = effects_of([shock], network, 6, "2026-12").notes
    assert "outlasts the plan by 6 months" in after and "--months 12 or more" in after
    # As dated it ran from June: six of its months are gone when the plan begins.
    (before,) = effects_of([shock], network, 18, "2026-12", as_dated=True).notes
    assert "began 6 months before the plan" in before and "--start" in before


def test_the_licences_of_february_2025_reach_tellurium():
    """Two months at the leak of 0.1, then half is granted to month 18; every Chinese route and nothing else."""
    network = build_network(load_world(), chains=["tellurium"])
    effects = effects_of([load_shock("china-tellurium-2025")], network, 24, "2026-12")
    routes = set(network.routes.loc[(network.routes["origin"] == "CHN") & (network.routes["y0"] > 0), "route"])
    value = effects.frame.set_index(["component", "month"])["value"]
    struck = set(effects.frame["component"])
    assert len(routes) >= 5 and routes <= struck and all(name.startswith("tellurium/refined:CHN>") for name in struck)
    for month, share in ((2, 0.1), (3, 0.5), (18, 0.5)):
        assert value["tellurium/refined:CHN>DEU", month] == pytest.approx(share)
    assert ("tellurium/refined:CHN>DEU", 19) not in value.index
