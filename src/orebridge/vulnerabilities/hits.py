"""Hits: what can fail in a chain – a supplier, a facility, a route, a chokepoint – and the limits each sets.

A hit is the same thing as an outage or a ban of the shock library: `effects_of` gives its effects, and `Hit` only keeps
the positions of what it touches, so that thousands can be tried without going through names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orebridge.errors import ShockError
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

KINDS = ("supplier", "facility", "route", "chokepoint")
JOINT = " + "  # between the names of hits that strike together


@dataclass(frozen=True)
class Hit:
    """Routes that carry nothing and sites that stand still for some months, in one chain.

    `name` is the supplier as `commodity:COUNTRY`, the site, the route or the passage; `country` where it is or comes
    from; `tonnes` what passes it in the base year, t per month. `routes` and `sites` are positions in the network.
    """

    chain: str
    kind: str
    name: str
    commodity: str
    country: str
    tonnes: float
    routes: frozenset[int]
    sites: frozenset[int]

    @property
    def touches(self) -> tuple[frozenset[int], frozenset[int]]:
        """What it touches: two hits that touch the same are one."""
        return self.routes, self.sites

    def within(self, other: Hit) -> bool:
        """Whether the other hit touches everything this one does (and so makes no difference beside it)."""
        return self.routes <= other.routes and self.sites <= other.sites

    def with_(self, other: Hit) -> Hit:
        """Both hits at once."""
        return Hit(
            self.chain, f"{self.kind}{JOINT}{other.kind}", f"{self.name}{JOINT}{other.name}", "", "",
            self.tonnes + other.tonnes, self.routes | other.routes, self.sites | other.sites,
        )  # fmt: skip


def hits_of(network: SupplyNetwork, kinds: Iterable[str] = KINDS) -> list[Hit]:
    """Every single hit on what the base year of one chain uses, of the kinds asked for.

    supplier    all exports of a country of a commodity stop
    facility    a site stands still (a lump such as "all makers" of a country is one site, as in the tables)
    route       one commodity from one country to another is cut
    chokepoint  a passage is closed: everything that goes through it

    Raises ShockError for an unknown kind.
    """
    wanted = tuple(kinds)
    for kind in wanted:
        if kind not in KINDS:
            raise ShockError(f"no kind of hit {kind!r}; there are {', '.join(KINDS)}.")
    found: list[Hit] = []
    for chain in network.chains:
        makers = {"supplier": _suppliers, "facility": _facilities, "route": _routes, "chokepoint": _chokepoints}
        found += [hit for kind in wanted for hit in makers[kind](network, chain)]
    return found


def _used(network: SupplyNetwork, chain: str) -> pd.DataFrame:
    routes = network.routes
    return routes[(routes["chain"] == chain) & (routes["y0"] > 0)]


def _suppliers(network: SupplyNetwork, chain: str) -> list[Hit]:
    return [
        Hit(chain, "supplier", f"{commodity}:{origin}", str(commodity), str(origin), float(own["y0"].sum()),
            frozenset(own.index), frozenset())
        for (commodity, origin), own in _used(network, chain).groupby(["commodity", "origin"])
    ]  # fmt: skip


def _routes(network: SupplyNetwork, chain: str) -> list[Hit]:
    return [
        Hit(chain, "route", str(row.route), str(row.commodity), str(row.origin), float(str(row.y0)),
            frozenset([int(str(row.Index))]), frozenset())
        for row in _used(network, chain).itertuples()
    ]  # fmt: skip


def _facilities(network: SupplyNetwork, chain: str) -> list[Hit]:
    sites, main = network.sites, main_outputs(network)
    own = sites[(sites["chain"] == chain) & (sites["base"] > 0)]
    return [
        Hit(chain, "facility", str(row.site), main.get(int(str(row.Index)), ""), str(row.country), float(str(row.base)),
            frozenset(), frozenset([int(str(row.Index))]))
        for row in own.itertuples()
    ]  # fmt: skip


def _chokepoints(network: SupplyNetwork, chain: str) -> list[Hit]:
    """Passages of routes in use; candidates for new sourcing through the passage are closed with it."""
    routes = network.routes[network.routes["chain"] == chain]
    through = {int(str(k)): set(str(row).split(";")) - {""} for k, row in routes["chokepoints"].fillna("").items()}
    in_use = set(_used(network, chain).index)
    names = sorted({name for k, passages in through.items() if k in in_use for name in passages})
    hits = []
    for name in names:
        hit = [k for k, passages in through.items() if name in passages]
        tonnes = float(network.routes["y0"].to_numpy()[hit].sum())
        hits.append(Hit(chain, "chokepoint", name, "", "", tonnes, frozenset(hit), frozenset()))
    return hits


def main_outputs(network: SupplyNetwork) -> dict[int, str]:
    """Site -> the commodity it makes most of (t per month in the base year; of the first recipe if it stands idle)."""
    terms = network.terms[network.terms["coefficient"] > 0]
    act = terms["activity"].to_numpy(dtype=int)
    made = pd.DataFrame(
        {
            "site": network.activities["site"].to_numpy(dtype=int)[act],
            "commodity": network.nodes["commodity"].to_numpy()[terms["node"].to_numpy(dtype=int)],
            "tonnes": terms["coefficient"].to_numpy() * (network.activities["x0"].to_numpy()[act] + 1e-12),
        }
    )
    best = made.sort_values(["tonnes", "commodity"], ascending=[False, True]).drop_duplicates("site")
    return {int(site): str(commodity) for site, commodity in zip(best["site"], best["commodity"], strict=True)}


def effects_of(network: SupplyNetwork, hits: Sequence[Hit], months: int, share: float = 0.0) -> Effects:
    """The hits as effects over months 1..months: what is touched keeps `share` of its base-year flow or capacity."""
    routes = sorted({k for hit in hits for k in hit.routes})
    sites = sorted({k for hit in hits for k in hit.sites})
    names = [("shipment_share", str(network.routes["route"].iloc[k])) for k in routes]
    names += [("capacity_share", str(network.sites["site"].iloc[k])) for k in sites]
    rows = [(field, name, month, share) for field, name in names for month in range(1, months + 1)]
    frame = pd.DataFrame(rows, columns=["field", "component", "month", "value"])
    frame = frame.astype({"month": "int64", "value": "float64"})
    return Effects(frame, (), tuple(hit.name for hit in hits), months)


def course_of(length: float, months: int) -> np.ndarray:
    """Share that is left in each of `months` months of an outage of `length` months: 0, ..., then the rest of a month.

    >>> course_of(2.25, 4).tolist()
    [0.0, 0.0, 0.75, 1.0]
    """
    result: np.ndarray = np.clip(np.arange(1, months + 1) - length, 0.0, 1.0)
    return result
