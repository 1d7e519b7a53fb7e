"""Units and bases: every mass is converted once, at the door, to the way its commodity is counted.

Inside, element commodities are tonnes of contained element and products are tonnes of product. Factors of compounds
come from atomic weights (IUPAC abridged standard atomic weights 2021; the conventional value where IUPAC gives an interval).

What is not covered: mixed rare-earth oxide (REO) has no single factor, so it converts through a basket of recipe terms
and never here; yields are element yields, because the oxide factor has been used once at this door.
"""

from __future__ import annotations

import math
import re

from orebridge.errors import UnitError

ATOMIC_WEIGHT = {
    "H": 1.008, "Li": 6.94, "Be": 9.0122, "B": 10.81, "C": 12.011, "N": 14.007, "O": 15.999, "F": 18.998,
    "Na": 22.990, "Mg": 24.305, "Al": 26.982, "Si": 28.085, "P": 30.974, "S": 32.06, "Cl": 35.45, "K": 39.098,
    "Ca": 40.078, "Sc": 44.956, "Ti": 47.867, "V": 50.942, "Cr": 51.996, "Mn": 54.938, "Fe": 55.845, "Co": 58.933,
    "Ni": 58.693, "Cu": 63.546, "Zn": 65.38, "Ga": 69.723, "Ge": 72.630, "As": 74.922, "Zr": 91.224, "Nb": 92.906,
    "Mo": 95.95, "Pd": 106.42, "Rh": 102.91, "In": 114.82, "Sn": 118.71, "Sb": 121.76, "Te": 127.60, "La": 138.91,
    "Ce": 140.12, "Pr": 140.91, "Nd": 144.24, "Sm": 150.36, "Eu": 151.96, "Gd": 157.25, "Tb": 158.93, "Dy": 162.50,
    "Ho": 164.93, "Er": 167.26, "Tm": 168.93, "Yb": 173.05, "Lu": 174.97, "Y": 88.906, "Hf": 178.49, "Ta": 180.95,
    "W": 183.84, "Pt": 195.08, "Ir": 192.22, "Ru": 101.07, "Au": 196.97, "Pb": 207.2, "Bi": 208.98,
}  # fmt: skip
# Mixed metals traded as one, and the share of the mixed oxide's mass that is metal: NdPr from the usual mix of 75-80 %
# Nd2O3 (0.857) with Pr oxide (0.828-0.855); LaCe between CeO2 (0.814) and La2O3 (0.853), mostly cerium.
MIXED_METALS = ("NdPr", "LaCe")
MIXED_OXIDE = {("NdPr", "NdPrO"): 0.857, ("LaCe", "LaCeO"): 0.815}

MASS = {
    "t": 1.0,
    "kt": 1e3,
    "Mt": 1e6,
    "kg": 1e-3,
    "g": 1e-6,
    "lb": 4.5359237e-4,
    "Mlb": 453.59237,
    "oz": 3.11034768e-5,  # troy ounce, the only ounce of the metal markets
    "troy oz": 3.11034768e-5,
    "mtu": 1e-2,  # metric tonne unit: 10 kg of the contained oxide of the basis (tungsten: oxide:WO3, 7.93 kg W)
}
PER = {"": 1.0, "/yr": 1.0, "/month": 12.0, "/day": 365.0}
RATE = {"t/t": 1.0, "kg/t": 1e-3, "g/t": 1e-6, "%": 1e-2}
MONEY = {"USD m": 1.0, "USD bn": 1e3, "USD": 1e-6}
# Units of parameters (tables limits and assumptions), with the unit they become.
PARAMETER = {
    "share": (1.0, "share"), "%": (0.01, "share"), "share per year": (1.0, "share per year"),
    "% per year": (0.01, "share per year"), "days": (1.0, "days"), "months": (1.0, "months"),
    "weeks": (7.0 / 30.4375, "months"), "years": (12.0, "months"), "USD/t": (1.0, "USD/t"),
    "USD/kg": (1000.0, "USD/t"), "factor": (1.0, "factor"), "t/t": (1.0, "t/t"),
}  # fmt: skip
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
AS_COUNTED = ("", "element", "product")
TIME_DAYS = {"days": 1.0, "working days": 1.4, "months": 30.4375, "years": 365.25, "weeks": 7.0}


def parse_formula(formula: str) -> dict[str, float]:
    """Atoms of a formula, hydrates after a dot included.

    >>> parse_formula("NiSO4.6H2O")["O"]
    10.0
    """
    atoms: dict[str, float] = {}
    for part in formula.split("."):
        match = re.match(r"(\d*)(.*)", part)
        times = float(match[1]) if match and match[1] else 1.0
        body = match[2] if match else part
        found = re.findall(r"([A-Z][a-z]?)(\d*)", body)
        if not found or "".join(a + b for a, b in found) != body:
            raise UnitError(f"cannot read the formula {formula!r}; write it like Dy2O3 or LiOH.H2O.")
        for symbol, count in found:
            if symbol not in ATOMIC_WEIGHT:
                raise UnitError(f"formula {formula!r}: {symbol!r} is not an element known here.")
            atoms[symbol] = atoms.get(symbol, 0.0) + times * (float(count) if count else 1.0)
    return atoms


def element_share(formula: str, element: str) -> float:
    """Mass share of `element` in the compound `formula`.

    >>> round(element_share("Dy2O3", "Dy"), 4)
    0.8713
    """
    if (element, formula) in MIXED_OXIDE:
        return MIXED_OXIDE[element, formula]
    for mixed, name in MIXED_OXIDE:
        if name == formula or mixed == element:
            raise UnitError(f"{formula} is not the oxide of {element}; {mixed} converts from oxide:{name} only.")
    atoms = parse_formula(formula)
    if element not in atoms:
        raise UnitError(f"{formula} contains no {element}; check the basis of the row.")
    weight = sum(ATOMIC_WEIGHT[symbol] * count for symbol, count in atoms.items())
    return ATOMIC_WEIGHT[element] * atoms[element] / weight


def check_element(symbol: str) -> None:
    """Raise UnitError unless `symbol` is an element with an atomic weight here."""
    if symbol not in ATOMIC_WEIGHT:
        raise UnitError(f"{symbol!r} is not a chemical symbol known here; write it like Dy.")


def mass_factor(unit: str, basis: str, mass: str, element: str) -> float:
    """Factor from a stated mass per year (or mass) to tonnes of the commodity as it is counted.

    `mass` and `element` are the commodity's columns. Refuses gross tonnes for an element, an element basis for a
    product, and an oxide of another element.
    """
    match = re.fullmatch(r"([\w ]+)(/yr|/month|/day)?", unit)
    if not match or match[1] not in MASS:
        raise UnitError(f"unit {unit!r} is not a mass; use one of {', '.join(MASS)}, with /yr, /month or /day.")
    size = MASS[match[1]] * PER[match[2] or ""]
    kind, _, formula = basis.partition(":")
    if mass == "product":
        if basis != "product":
            raise UnitError(
                f"basis {basis!r} does not fit a product counted in tonnes of product; state basis product."
            )
        return size
    if basis == "element":
        return size
    if kind in ("oxide", "compound") and formula:
        return size * element_share(formula, element)
    raise UnitError(
        f"basis {basis!r} does not say how much {element or 'element'} is contained; use element, or oxide:FORMULA."
    )


def price_factor(unit: str, basis: str, mass: str, element: str) -> float:
    """Factor from a stated price to USD per tonne of the commodity as it is counted."""
    match = re.fullmatch(r"USD/([\w ]+)", unit)
    if not match or match[1] not in MASS:
        raise UnitError(f"unit {unit!r} is not a price; use USD/t, USD/kg, USD/lb, USD/oz or USD/mtu.")
    return 1.0 / mass_factor(match[1], basis, mass, element)


def plain_factor(unit: str, expected: str) -> float:
    """Factor for shares and durations; `expected` is share, days or months."""
    if expected == "share" and unit in ("share", "%"):
        return 0.01 if unit == "%" else 1.0
    if expected in ("days", "months") and unit in TIME_DAYS:
        return TIME_DAYS[unit] / TIME_DAYS[expected]
    raise UnitError(f"unit {unit!r} does not fit; this column is in {expected}.")


def conversion(kind: str, unit: str, basis: str, mass: str = "product", element: str = "") -> tuple[float, str]:
    """Factor to the inside unit, and that unit, of a figure of `kind` (see `schema.VALUE_KIND`).

    `mass` and `element` are the columns of the row's commodity. Raises UnitError for a unit or basis that does not fit.

    >>> conversion("flow", "kt/yr", "element", "element", "Ga")
    (1000.0, 't/yr')
    """
    if kind in ("flow", "stock", "gross flow", "activity"):
        return _mass_conversion(kind, unit, basis, mass, element)
    if kind in ("published flow", "published stock"):  # compared as shares within one source, so its basis stays
        return _published_conversion(kind, unit)
    if kind == "price" or (kind == "loss value" and basis):
        return price_factor(unit, basis, mass, element), "USD/t"
    if kind == "loss value":
        return price_factor(unit, "product", "product", ""), "USD/t"
    if kind == "rate":
        if basis not in (*AS_COUNTED, "gross"):
            raise UnitError(
                f"basis {basis!r}: rates relate tonnes as the commodities are counted; use the oxide factor once, there."
            )
        return _listed(unit, {name: (factor, "t/t") for name, factor in RATE.items()})
    if kind == "money":
        return _listed(unit, {name: (factor, "USD m") for name, factor in MONEY.items()})
    if kind == "fix cost":
        return _listed(unit, {"factor": (1.0, "factor")} | {name: (factor, "USD m") for name, factor in MONEY.items()})
    if kind in ("limit", "parameter"):
        return _listed(unit, PARAMETER)
    if kind == "stated":  # shown as printed; never enters the model
        return 1.0, unit
    return plain_factor(unit, kind), kind


def _mass_conversion(kind: str, unit: str, basis: str, mass: str, element: str) -> tuple[float, str]:
    per_time = "/" in unit
    if kind == "stock" and per_time:
        raise UnitError(f"unit {unit!r}: a stock is a mass, not a mass per time; use t.")
    if kind != "stock" and not per_time:
        raise UnitError(f"unit {unit!r} does not say per what time; use {unit}/yr, {unit}/month or {unit}/day.")
    inside = "t" if kind == "stock" else "t/yr"
    if kind == "gross flow":
        if basis != "gross":
            raise UnitError(f"basis {basis!r}: customs weight is gross; state basis gross.")
        return mass_factor(unit, "product", "product", ""), inside
    if kind == "activity":
        # Sites and hosts count tonnes of their process's activity, which the process states in words.
        if basis not in (*AS_COUNTED, "gross"):
            raise UnitError(
                f"basis {basis!r}: state tonnes of the process's activity, basis element, product or gross."
            )
        return mass_factor(unit, "product", "product", ""), inside
    return mass_factor(unit, basis, mass, element), inside


def _published_conversion(kind: str, unit: str) -> tuple[float, str]:
    per_time = "/" in unit
    if per_time != (kind == "published flow"):
        raise UnitError(f"unit {unit!r} does not fit; a flow is a mass per time (t/yr), a stock a mass (t).")
    return mass_factor(unit, "product", "product", ""), "t/yr" if per_time else "t"


def _listed(unit: str, table: dict[str, tuple[float, str]]) -> tuple[float, str]:
    if unit not in table:
        raise UnitError(f"unit {unit!r} does not fit; use one of {', '.join(table)}.")
    return table[unit]


def finite(text: str) -> float:
    """A plain finite number; thousands separators, ranges and words are refused."""
    if not NUMBER.fullmatch(text):
        raise ValueError(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
