"""The verb `redteam`: which few hits at once would cost the alliance most, and the cheapest fixes of the worst ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from orebridge.build import build_network
from orebridge.errors import ShockError
from orebridge.labels import Labels
from orebridge.schema import FIX_TABLES, network_tables
from orebridge.stories.scope import scope_of
from orebridge.stories.section import Section
from orebridge.vulnerabilities import redteam_words
from orebridge.vulnerabilities.fix_menu import FixCosts
from orebridge.vulnerabilities.fixes import FixPlan, cheapest_fixes
from orebridge.vulnerabilities.redteam import MOST_SETS, Budget, RedTeam, Team
from orebridge.world import World, load_world

WORTH_FIXING = 1.0  # USD
Note = Callable[[str], None]


@dataclass(frozen=True)
class Attack:
    """The answer of `redteam`: the worst sets of hits, and for the worst single hits the cheapest fixes."""

    red: RedTeam
    fixes: tuple[FixPlan, ...]
    labels: Labels

    def sections(self) -> list[Section]:
        """The answer in words and tables."""
        return redteam_words.sections(self.red, self.fixes, self.labels)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Frames `worst`, `losses`, `fixes` and `menu`, in tonnes and USD."""
        return redteam_words.tables(self.red, self.fixes, self.labels)

    def to_dict(self) -> dict[str, Any]:
        """The content of redteam.json; what is unknown is null."""
        return redteam_words.to_dict(self.red, self.fixes, self.labels)


def redteam(
    names: Sequence[str] = (),
    members: Sequence[str] = ("USA", "JPN"),
    months: int = 24,
    length: int = 12,
    *,
    hits: int = 2,
    budget: Mapping[str, int] | None = None,
    way: str = "alone",
    abroad: bool = False,
    fixes: int = 3,
    remove: float = 0.8,
    minutes: float | None = None,
    sets: int = MOST_SETS,
    world: World | None = None,
    note: Note = lambda _: None,
) -> Attack:
    """The worst one, two, ... `hits` at once on the chains of these minerals (default: all), proven or with a stated gap.

    All hits strike in month 1 and last `length` months; losses (USD, see `results.member_loss`) are over `months` months
    with the best plan. `budget`: most hits by kind (supplier, facility, route, chokepoint), kinds left out may not strike;
    `abroad`: none inside the alliance; `minutes` bounds the search, `sets` what one part of it may hold. For the worst
    `fixes` single hits the cheapest set of changes that takes the share `remove` of the loss away. Not covered: see
    `vulnerabilities.redteam`. Raises UnknownLabel for an unknown mineral or member, ShockError for settings that fit
    nothing.

    >>> from orebridge import redteam
    >>> answer = redteam(["gallium"], months=12, length=6, hits=1, fixes=0)
    >>> [(item.hits, item.proven) for item in answer.red.rounds]
    [(1, True)]
    """
    allowed = Budget(hits, dict(budget or {}))
    if not 0.0 < remove < 1.0:
        raise ShockError(f"--remove must be a share between 0 and 1, not {remove:g}.")
    world = world or load_world(tables=network_tables() | FIX_TABLES)
    chains = list(dict.fromkeys(scope_of(world, name).chain for name in names)) or None
    alliance = tuple(dict.fromkeys(members))
    note("building the supply network")
    network = build_network(world, alliance, chains)
    if set(network.unseen) == set(alliance):
        network.refuse_unseen()
    team = Team(network, allowed, months, length, way, abroad=abroad, most_sets=sets, note=note)
    red = team.answer(fixes, math.inf if minutes is None else 60.0 * minutes, note)
    costs = FixCosts.of(world)
    plans = tuple(
        cheapest_fixes(network, strike, costs, remove, months, length, way, note=note)
        for strike in red.singles
        if strike.usd > WORTH_FIXING
    )
    return Attack(red, plans, Labels.of(world))
