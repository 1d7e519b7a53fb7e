"""Do recipes obey conservation, and do rare-earth baskets add up?"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from orebridge.build.tables import ChainTables
from orebridge.checks.view import View
from orebridge.errors import UnitError
from orebridge.network import Finding
from orebridge.units import element_share

TOLERANCE = 1e-6
BASKET_TOLERANCE = 0.02


def _contents(view: View, chain: ChainTables, end: str) -> dict[str, dict[str, float]]:
    """Commodity -> element (or compound, for products of one substance) -> t per t as the commodity is counted.

    `end`: "low" or "high" of the stated range, where makers differ; the figure itself where no range is stated.
    """
    stated: dict[str, dict[str, float]] = defaultdict(dict)
    for row in view.world.rows("contents"):
        limit = getattr(row, end)
        stated[row["commodity"]][row["element"]] = row.value if math.isnan(limit) else limit
    for name, item in chain.commodities.items():
        if item.mass == "element":
            stated[name] = {item.element: 1.0}
        elif name not in stated and item.compound:
            stated[name] = {item.compound: 1.0}
    return stated


def yields_above_one(view: View) -> Iterator[Finding]:
    """No recipe may give out more of an element than goes in (inputs known; contents of products: base recipes only).

    sum over outputs of content x coefficient <= sum over inputs, t of element per t of activity. Contents of a product
    that differ between makers count at the end of their range that lets a recipe pass. A recipe without
    inputs is a source (mine, by-product, old scrap); one with an input of unknown content cannot be judged.
    """
    for chain in view.chains.values():
        least, most_held = _contents(view, chain, "low"), _contents(view, chain, "high")
        base = {(recipe.process, recipe.recipe) for own in chain.recipes.values() for recipe in own if recipe.base}
        for key, terms in sorted(chain.coefficients.items()):
            given: dict[str, float] = defaultdict(float)
            made: dict[str, float] = defaultdict(float)
            inputs = [name for name, value in terms.items() if value < 0]
            if not inputs or any(name not in least for name in inputs):
                continue
            for name, value in terms.items():
                if value > 0 and chain.commodities[name].mass == "product" and key not in base:
                    continue
                for element, share in (least if value > 0 else most_held).get(name, {}).items():
                    (made if value > 0 else given)[element] += share * abs(value)
            for element, amount in sorted(made.items()):
                most = given.get(element, 0.0)
                if amount > most * (1 + TOLERANCE) + TOLERANCE:
                    yield Finding("error", "/".join(key), f"gives out {amount:,.4g} t of {element} per t of activity and takes "
                                  f"in {most:,.4g}: a yield above one", "correct recipe_terms.csv; rates relate tonnes as "
                                  "the commodities are counted, without oxide factors")  # fmt: skip


def joint_outputs(view: View) -> Iterator[Finding]:
    """Oxides leaving a joint ore never exceed the oxide fed (2 %), and say how much of it is accounted for.

    sum over outputs of t element / (element per oxide) <= 1.02 x t REO fed.
    """
    for chain in view.chains.values():
        partly: list[str] = []
        for key, terms in sorted(chain.coefficients.items()):
            feeds = [-value for name, value in terms.items() if value < 0 and chain.commodities[name].mass == "product"]
            outs = {name: value for name, value in terms.items() if value > 0}
            known = all(chain.commodities[n].mass == "element" and chain.commodities[n].compound for n in outs)
            if len(feeds) != 1 or len(outs) < 2 or not known:
                continue
            try:
                total = sum(value / element_share(chain.commodities[n].compound, chain.commodities[n].element)
                            for n, value in outs.items()) / feeds[0]  # fmt: skip
            except UnitError as error:
                yield Finding("error", "/".join(key), str(error), "correct the compound in commodities.csv")
                continue
            if total > 1.0 + BASKET_TOLERANCE:
                yield Finding("error", "/".join(key), f"its oxides add up to {total:.1%} of the oxide fed",
                              "correct recipe_terms.csv: basket share x element in oxide x yield")  # fmt: skip
            elif total < 1.0 - BASKET_TOLERANCE:
                partly.append(f"{'/'.join(key)} {total:.0%}")
        if partly:
            yield Finding("info", chain.chain, "of the oxide fed to joint recipes this much leaves as modelled commodities, the "
                          f"rest is loss and what is not modelled: {', '.join(partly)}",
                          "nothing to do, unless a basket should be whole")  # fmt: skip


def baskets(view: View) -> Iterator[Finding]:
    """Baskets sum to one within 2 %; what is printed as a trace is absent, never 0."""
    if not any("rare_earths/" in name for chain in view.chains.values() for name in chain.commodities):
        return
    totals: dict[str, float] = defaultdict(float)
    first: dict[str, str] = {}
    for row in view.world.rows("baskets"):
        name = f"basket {row['deposit']} ({row['country']})"
        totals[name] += row.value
        first.setdefault(name, row.place)
        if row.value == 0:
            yield Finding(
                "error", name, f"{row['element']} is 0 ({row.place})", "leave the row out: a trace is not zero"
            )
    for name, total in sorted(totals.items()):
        if abs(total - 1.0) > BASKET_TOLERANCE:
            yield Finding("warning", name, f"sums to {100 * total:.1f} % as stated ({first[name]})",
                          "check the source; leave out what is printed as a trace")  # fmt: skip
