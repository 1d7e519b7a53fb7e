"""The methods, in the order they are shown. A new one is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Iterable

from orebridge.errors import UnknownLabel
from orebridge.priorities.eu2023 import Eu2023
from orebridge.priorities.expected_loss import ExpectedLoss
from orebridge.priorities.geopolrisk import GeoPolRisk
from orebridge.priorities.hhi import Hhi
from orebridge.priorities.iea_n1 import IeaN1
from orebridge.priorities.method import Method
from orebridge.priorities.usgs2021 import Usgs2021
from orebridge.priorities.worldmonitor import WorldMonitor
from orebridge.priorities.yale import Yale

METHODS: tuple[Method, ...] = (
    Hhi(),
    GeoPolRisk(),
    Usgs2021(),
    Eu2023(),
    Yale(),
    IeaN1(),
    WorldMonitor(),
    ExpectedLoss(),
)


def methods_of(names: Iterable[str] = ()) -> tuple[Method, ...]:
    """The methods of these names in the order of the registry, all without names; raises UnknownLabel."""
    wanted = [name.strip().lower().replace("-", "_") for name in names if name.strip()]
    known = {method.name: method for method in METHODS}
    for name in wanted:
        if name not in known:
            from orebridge.reading import near

            raise UnknownLabel(f"no method {name!r}{near(name, known)}; there are {', '.join(known)}.")
    return tuple(method for method in METHODS if not wanted or method.name in wanted)
