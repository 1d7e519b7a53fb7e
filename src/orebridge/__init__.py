"""Orebridge: coordinated delivery plans for critical minerals.

>>> import orebridge
>>> "china-heavy-rare-earths-japan-2026" in orebridge.library()
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orebridge.build import build_network as build_network
    from orebridge.delivery.modes import four_ways as four_ways
    from orebridge.ensemble import simulate as simulate
    from orebridge.errors import OrebridgeError as OrebridgeError
    from orebridge.network import SupplyNetwork as SupplyNetwork
    from orebridge.priorities.verb import priorities as priorities
    from orebridge.session import Response as Response
    from orebridge.session import respond as respond
    from orebridge.shocks import effects_of as effects_of
    from orebridge.shocks import library as library
    from orebridge.shocks import load_shock as load_shock
    from orebridge.shocks import no_effects as no_effects
    from orebridge.vulnerabilities.assess import vulnerabilities as vulnerabilities
    from orebridge.vulnerabilities.verb import redteam as redteam
    from orebridge.world import World as World
    from orebridge.world import load_world as load_world

__version__ = "0.1.0"

_WHERE = {
    "respond": "orebridge.session",
    "Response": "orebridge.session",
    "simulate": "orebridge.ensemble",
    "redteam": "orebridge.vulnerabilities.verb",
    "load_world": "orebridge.world",
    "World": "orebridge.world",
    "build_network": "orebridge.build",
    "SupplyNetwork": "orebridge.network",
    "load_shock": "orebridge.shocks",
    "library": "orebridge.shocks",
    "effects_of": "orebridge.shocks",
    "no_effects": "orebridge.shocks",
    "four_ways": "orebridge.delivery.modes",
    "OrebridgeError": "orebridge.errors",
}
#: Packages that are verbs as well (see `calling`).
_CALLED = ("priorities", "vulnerabilities")
__all__ = ["__version__", *_WHERE, *_CALLED]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `orebridge --help` needs none of them."""
    from importlib import import_module

    if name in _CALLED:
        return import_module(f"orebridge.{name}")
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'orebridge' has no attribute {name!r}; it has {', '.join(__all__)}")
