"""What a name stands for: a chain, a mineral inside one, or one commodity, with what it is made from and goes into."""

from __future__ import annotations

from dataclasses import dataclass

from orebridge.build.tables import ChainTables, WorldTables
from orebridge.checks.lead_times import descendants
from orebridge.errors import UnknownLabel
from orebridge.reading import near
from orebridge.world import World

# Metals that are traded and modelled as one.
MIXED = {"neodymium": "ndpr", "praseodymium": "ndpr", "lanthanum": "lanthanum_cerium", "cerium": "lanthanum_cerium"}


@dataclass(frozen=True)
class Scope:
    """Commodities of a story: its own, those it is made from (`feeds`), and the products that use it."""

    title: str
    chain: str
    whole: bool
    own: tuple[str, ...]
    feeds: tuple[str, ...]
    products: tuple[str, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        """Own commodities, then products."""
        return self.own + self.products


def scope_of(world: World, name: str) -> Scope:
    """The scope of a chain, mineral or commodity; raises UnknownLabel with the nearest names."""
    commodities = {row["commodity"]: row["chain"] for row in world.records("commodities")}
    minerals = {commodity.partition("/")[0] for commodity in commodities}
    chains = {row["chain"]: row["label"] for row in world.records("chains")}
    wanted = name.strip().lower()
    plain = wanted.replace(" ", "_").replace("-", "_")
    if wanted in commodities:
        own = {wanted}
    elif plain in chains:
        return _whole(world, plain, chains[plain])
    elif MIXED.get(plain, plain) in minerals:
        own = {commodity for commodity in commodities if commodity.partition("/")[0] == MIXED.get(plain, plain)}
    else:
        known = sorted(minerals | set(chains) | {word for word, metal in MIXED.items() if metal in minerals})
        raise UnknownLabel(
            f"nothing is called {name!r}{near(wanted, [*known, *commodities])}; there are {', '.join(known)}."
        )
    # A mineral may stand in several chains; the one with most of its commodities is told.
    homes = [commodities[commodity] for commodity in sorted(own)]
    chain = max(sorted(set(homes)), key=homes.count)
    tables = ChainTables(WorldTables(world), chain)
    own = {commodity for commodity in own if commodity in tables.commodities}
    if own == set(tables.commodities):
        return _whole(world, chain, chains[chain])
    label = tables.commodities[wanted].label if wanted in commodities else plain.replace("_", " ").capitalize()
    return Scope(label, chain, False, _ordered(tables, own), _ordered(tables, _feeds(tables, own) - own),
                 _ordered(tables, _products(tables, own) - own))  # fmt: skip


def _whole(world: World, chain: str, label: str) -> Scope:
    tables = ChainTables(WorldTables(world), chain)
    return Scope(label, chain, True, _ordered(tables, set(tables.commodities)), (), ())


def _ordered(tables: ChainTables, names: set[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: (tables.commodities[name].order, name)))


def _feeds(tables: ChainTables, own: set[str]) -> set[str]:
    """Everything the commodities are made from; recycling, and scrap that falls off other work, left out."""
    reached = {name for name in own if name in _forward(tables) or name not in tables.consumed}
    while True:
        more = {
            name
            for (process, _), terms in tables.coefficients.items()
            if tables.processes[process].kind != "recycling"
            and any(value > 0 and made in reached for made, value in terms.items())
            for name, value in terms.items()
            if value < 0
        }
        if more <= reached:
            return reached
        reached |= more


def _products(tables: ChainTables, own: set[str]) -> set[str]:
    """What is made of them, scrap that only goes back left out."""
    reached = {name for commodity in own for name in descendants(tables, commodity)}
    forward = _forward(tables)
    return {name for name in reached if name in forward or name not in tables.consumed}


def _forward(tables: ChainTables) -> set[str]:
    """Commodities that some process other than recycling takes."""
    return {
        name
        for (process, _), terms in tables.coefficients.items()
        if tables.processes[process].kind != "recycling"
        for name, value in terms.items()
        if value < 0
    }
