"""Stoichiometry against the check values verified by hand in the project's corrections list."""

import pytest

from orebridge.errors import UnitError
from orebridge.units import element_share, mass_factor, plain_factor, price_factor


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
