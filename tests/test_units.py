"""Stoichiometry against the check values verified by hand in the project's corrections list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.errors import UnitError
from orebridge.units import (
    MASS,
    PER,
    conversion,
    element_share,
    finite,
    mass_factor,
    parse_formula,
    plain_factor,
    price_factor,
)


@pytest.mark.parametrize(
    ("formula", "element", "share"),
    [
        ("Nd2O3", "Nd", 0.8574), ("Pr6O11", "Pr", 0.8277), ("Dy2O3", "Dy", 0.8713), ("Tb4O7", "Tb", 0.8502),
        ("Sm2O3", "Sm", 0.8624), ("Y2O3", "Y", 0.7874), ("Sb2O3", "Sb", 0.835), ("GeO2", "Ge", 0.694),
        ("TiO2", "Ti", 0.5995), ("NiSO4.6H2O", "Ni", 0.2233), ("WO3", "W", 0.793), ("Li2CO3", "Li", 1 / 5.323),
    ],
)  # fmt: skip
def test_stoichiometry(formula, element, share):
    assert element_share(formula, element) == pytest.approx(share, abs=6e-4)


def test_hydroxide_in_carbonate_equivalent():
    # 1 t LiOH.H2O holds as much lithium as 0.880 t Li2CO3
    assert element_share("LiOH.H2O", "Li") / element_share("Li2CO3", "Li") == pytest.approx(0.880, abs=1e-3)


def test_masses():
    assert mass_factor("kt/yr", "element", "element", "Ga") == 1000.0
    assert mass_factor("kg", "oxide:Dy2O3", "element", "Dy") == pytest.approx(0.8713e-3, rel=1e-4)
    assert mass_factor("t/month", "product", "product", "") == 12.0
    assert price_factor("USD/kg", "oxide:Dy2O3", "element", "Dy") == pytest.approx(1000 / 0.8713, rel=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: mass_factor("t/yr", "gross", "element", "Ga"),
        lambda: mass_factor("t/yr", "oxide:Tb4O7", "element", "Dy"),
        lambda: mass_factor("t/yr", "element", "product", ""),
        lambda: mass_factor("barrels", "element", "element", "Ga"),
        lambda: plain_factor("tonnes", "share"),
        lambda: element_share("Xx2O3", "Dy"),
    ],
)
def test_misfits_are_refused(wrong):
    with pytest.raises(UnitError):
        wrong()


def test_metric_tonne_unit_of_tungsten():
    # 1 mtu is 10 kg of contained WO3, which holds 7.93 kg W
    assert mass_factor("mtu", "oxide:WO3", "element", "W") == pytest.approx(7.93e-3, abs=5e-6)
    assert price_factor("USD/mtu", "oxide:WO3", "element", "W") == pytest.approx(1000 / 7.93, rel=1e-4)
    assert price_factor("USD/troy oz", "element", "element", "Pd") == pytest.approx(32_150.7, rel=1e-5)


def test_didymium_has_its_own_factor_only():
    assert element_share("NdPrO", "NdPr") == 0.857
    for formula, element in (("NdPrO", "Nd"), ("Nd2O3", "NdPr")):
        with pytest.raises(UnitError, match="NdPr converts from oxide:NdPrO only"):
            element_share(formula, element)


@pytest.mark.parametrize(
    ("kind", "unit", "basis", "factor", "inside"),
    [
        ("flow", "kt/yr", "element", 1000.0, "t/yr"), ("stock", "kg", "element", 0.001, "t"),
        ("gross flow", "t/month", "gross", 12.0, "t/yr"), ("activity", "t/day", "product", 365.0, "t/yr"),
        ("rate", "g/t", "", 1e-6, "t/t"), ("days", "weeks", "", 7.0, "days"), ("days", "working days", "", 1.4, "days"),
        ("months", "years", "", 12.0, "months"), ("share", "%", "", 0.01, "share"),
        ("loss value", "USD/kg", "", 1000.0, "USD/t"), ("limit", "%", "", 0.01, "share"),
        ("parameter", "% per year", "", 0.01, "share per year"), ("money", "USD bn", "", 1000.0, "USD m"),
    ],
)  # fmt: skip
def test_every_kind_has_one_inside_unit(kind, unit, basis, factor, inside):
    found, name = conversion(kind, unit, basis, "element", "Ga")
    assert (found, name) == (pytest.approx(factor), inside)


@pytest.mark.parametrize(
    ("kind", "unit", "basis", "words"),
    [
        ("stock", "t/yr", "element", "a stock is a mass"), ("flow", "t", "element", "per what time"),
        ("rate", "t/t", "oxide:Ga2O3", "use the oxide factor once"), ("activity", "t/yr", "oxide:Ga2O3", "activity"),
        ("flow", "t/yr", "element:Ga", "does not say"), ("flow", "t/yr", "", "does not say"),
        ("limit", "tonnes", "", "use one of share"), ("money", "EUR m", "", "use one of USD m"),
        ("price", "USD", "element", "not a price"), ("loss value", "USD m", "", "not a price"),
    ],
)  # fmt: skip
def test_units_that_do_not_fit_their_column(kind, unit, basis, words):
    with pytest.raises(UnitError, match=words):
        conversion(kind, unit, basis, "element", "Ga")


@pytest.mark.parametrize("text", ["1,000", "1_000", "nan", "inf", "1e999", "2-3", "", " 1", "٣", "0x10", "<50"])
def test_words_that_are_no_numbers(text):
    with pytest.raises(ValueError):
        finite(text)


@given(value=st.floats(1e-6, 1e9), unit=st.sampled_from(sorted(MASS)), per=st.sampled_from(["/yr", "/month", "/day"]))
def test_masses_survive_the_round_trip(value, unit, per):
    there = value * mass_factor(unit + per, "oxide:Dy2O3", "element", "Dy")
    back = there / element_share("Dy2O3", "Dy") / PER[per] / MASS[unit]
    assert back == pytest.approx(value, rel=1e-12)


@given(value=st.floats(1e-3, 1e9), unit=st.sampled_from(sorted(MASS)))
def test_price_times_mass_is_the_same_money_in_any_unit(value, unit):
    tonnes = value * mass_factor(unit, "oxide:WO3", "element", "W")
    dollars = 7.0 * price_factor(f"USD/{unit}", "oxide:WO3", "element", "W") * tonnes
    assert dollars == pytest.approx(7.0 * value, rel=1e-12)


@given(
    st.lists(st.tuples(st.sampled_from(["Ni", "S", "O", "H", "Li", "W"]), st.integers(1, 12)), min_size=1, max_size=5)
)
def test_shares_of_a_formula_sum_to_one(parts):
    formula = "".join(f"{symbol}{count}" for symbol, count in parts)
    assert sum(element_share(formula, symbol) for symbol in parse_formula(formula)) == pytest.approx(1.0)
