"""Orebridge: coordinated delivery plans for critical minerals.

>>> import orebridge
>>> "china-heavy-rare-earths-japan-2026" in orebridge.library()
True
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "respond": "orebridge.session",
    "Response": "orebridge.session",
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
__all__ = ["__version__"] + list(_WHERE)  # noqa: RUF005


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `orebridge --help` needs none of them."""
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'orebridge' has no attribute {name!r}; it has {', '.join(__all__)}")
