"""A chain, a mineral or a commodity told as ordered tables: what it is, who makes, ships, uses and holds it, and why.

The words and figures only; the command line, a notebook or a page decides how they look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from orebridge.build import build_network
from orebridge.checks.view import View
from orebridge.stories import background, making, terms, using
from orebridge.stories.scope import Scope, scope_of
from orebridge.stories.section import Section, Teller
from orebridge.world import World

__all__ = ["PARTS", "Scope", "Section", "tell"]

#: The order of the story; a new part is a function and a line here.
PARTS: tuple[Callable[[Teller], Iterator[Section]], ...] = (
    making.what_it_is,
    making.where_it_comes_from,
    background.ore_baskets,
    making.who_makes_it,
    background.host_metals,
    background.named_plants,
    making.who_ships_it,
    using.who_uses_it,
    using.inside_goods,
    using.who_holds_it,
    terms.prices,
    background.duties,
    terms.recipes,
    terms.lead_times,
    terms.projects,
    terms.withheld,
    terms.doubts,
    terms.sources,
)


def tell(world: World, name: str, members: tuple[str, ...] = ("USA", "JPN"), most: int = 12) -> list[Section]:
    """The story of a chain, mineral or commodity, with at most `most` rows per table (0: all).

    Raises UnknownLabel, with the nearest names, if nothing is called so, and what `build_network` raises.

    >>> from orebridge import load_world
    >>> story = tell(load_world(), "gallium", most=3)
    >>> [section.title for section in story][:2]
    ['Gallium', 'Who makes gallium/primary']
    """
    scope = scope_of(world, name)
    network = build_network(world, members, [scope.chain])
    teller = Teller(View(world, network), scope, most)
    return [section for part in PARTS for section in part(teller)]
