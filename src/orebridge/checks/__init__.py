"""What an analyst should know before trusting a network: everything at once, each with place and repair.

Faults of single cells stop the loading (tables.py); a network that cannot balance cannot be built (network.py). The
checks here judge what loads and balances. `error`: the answer would be wrong there; `warning`: a figure or rule
deserves a look; `info`: a gap one should know. A new check is a function in one of the files and a line in CHECKS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from orebridge.checks import figures, flows, lead_times, recipes
from orebridge.checks.view import View
from orebridge.network import Finding, SupplyNetwork
from orebridge.world import World

__all__ = ["CHECKS", "SEVERITIES", "check_network"]

SEVERITIES = ("error", "warning", "info")
CHECKS: tuple[Callable[[View], Iterator[Finding]], ...] = (
    flows.uses_without_supply,
    flows.uses_without_source,
    flows.sites_without_feed,
    flows.regions_without_members,
    recipes.yields_above_one,
    recipes.joint_outputs,
    recipes.baskets,
    lead_times.quoted,
    figures.assumptions_outside_range,
    figures.shares,
    figures.published_consumption,
    figures.output_above_capacity,
    figures.operating_without_output,
    figures.moved_far,
)


def check_network(world: World, network: SupplyNetwork) -> list[Finding]:
    """All findings on the chains of a network, the worst first; those of its building are among them.

    >>> from orebridge import build_network, load_world
    >>> world = load_world()
    >>> found = check_network(world, build_network(world, chains=["gallium"]))
    >>> [finding.place for finding in found if finding.severity == "error"]
    []
    """
    view = View(world, network)
    found = [*network.findings, *(finding for check in CHECKS for finding in check(view))]
    return sorted(dict.fromkeys(found), key=lambda item: (SEVERITIES.index(item.severity), item.place, item.what))
