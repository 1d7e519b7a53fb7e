"""Random small worlds that have everything at once, and random shocks on their parts.

A world: CHN mines ore (with slag, a free by-product) and makes metal, AAA and BBB (members) and OUT buy the metal and
make magnets; 1 t of metal gives 0.8 t of magnets and 0.2 t of swarf, of which recycling gets 0.18 t of metal back a month
later. AAA ships magnets to BBB and OUT. The works of AAA know a lean recipe (half the metal) that opens after 2 months.
BBB holds a public stock of metal with a floor, a monthly release and a late opening. Every base year balances by
construction: what is used is what is left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects, Trace

from ..delivery.hand_worlds import world

COUNTRIES = ("AAA", "BBB", "CHN", "OUT")
YIELD, SWARF, BACK = 0.8, 0.2, 0.9
MONTHS = 8


@dataclass(frozen=True)
class Figures:
    """What is drawn: magnets made by country (t of metal fed a month), shares and stocks."""

    fed: tuple[float, float, float, float]
    sold_on: float
    defence: float
    essential: float
    metal_days: float
    magnet_days: float
    public: float
    spare: float
    theta: float
    idle: float = 0.0
    scale: float = 1.0


def figures() -> st.SearchStrategy[Figures]:
    share = st.floats(0.0, 1.0).map(lambda x: round(x, 2))
    return st.builds(
        Figures,
        fed=st.tuples(*[st.floats(1.0, 20.0).map(lambda x: round(x, 1)) for _ in COUNTRIES]),
        sold_on=st.floats(0.0, 0.6).map(lambda x: round(x, 2)),
        defence=st.floats(0.0, 0.3).map(lambda x: round(x, 2)),
        essential=st.floats(0.0, 0.5).map(lambda x: round(x, 2)),
        metal_days=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
        magnet_days=st.sampled_from([0.0, 0.5, 2.0]),
        public=st.sampled_from([0.0, 10.0]),
        spare=st.sampled_from([1.0, 1.2, 2.0]),
        theta=st.sampled_from([0.0, 0.1, 0.5]),
        idle=share.map(lambda x: round(5 * x, 1)),
    )


def build(f: Figures) -> SupplyNetwork:
    """The network of the figures; all quantities times `scale`."""
    fed = {c: x * f.scale for c, x in zip(COUNTRIES, f.fed, strict=True)}
    need = {c: x * (1.0 - SWARF * BACK) for c, x in fed.items()}  # metal that is not recycled
    mined = sum(need.values())
    nodes = [f"{c}@{i}" for c in ("metal", "swarf", "magnet") for i in COUNTRIES] + ["ore@CHN", "slag@CHN"]
    makes = [("mine@CHN", {"ore@CHN": 1.0, "slag@CHN": 0.3}, mined / 0.9, 1),
             ("smelter@CHN", {"ore@CHN": -1.0, "metal@CHN": 0.9}, mined / 0.9, 0)]  # fmt: skip
    for c in COUNTRIES:
        makes += [(f"works@{c}", {f"metal@{c}": -1.0, f"magnet@{c}": YIELD, f"swarf@{c}": SWARF}, fed[c], 1),
                  (f"recovery@{c}", {f"swarf@{c}": -1.0, f"metal@{c}": BACK}, SWARF * fed[c], 1)]  # fmt: skip
    onward = {"BBB": 0.5 * f.sold_on * YIELD * fed["AAA"], "OUT": 0.5 * f.sold_on * YIELD * fed["AAA"]}
    ships = [("metal", "CHN", c, need[c]) for c in COUNTRIES if c != "CHN"]
    ships += [("magnet", "AAA", c, t) for c, t in onward.items()]
    ships += [("magnet", "BBB", "AAA", 0.0), ("metal", "AAA", "BBB", 0.0), ("metal", "BBB", "AAA", 0.0),
              ("magnet", "OUT", "BBB", 0.0)]  # fmt: skip
    used = {c: YIELD * fed[c] + onward.get(c, 0.0) for c in COUNTRIES}
    used["AAA"] -= sum(onward.values())
    shares = {"defence": f.defence, "essential": f.essential, "general": 1.0 - f.defence - f.essential}
    demands = [(f"magnet@{c}", tier, used[c] * part) for c in COUNTRIES for tier, part in shares.items() if part > 0]
    stocks = {f"metal@{c}": f.metal_days * need[c] for c in COUNTRIES}
    stocks |= {f"magnet@{c}": f.magnet_days * used[c] for c in COUNTRIES}
    net = world(
        nodes, makes, ships, stocks, demands, waste={"slag@CHN": 0.3 * mined / 0.9}, theta=f.theta, spare=f.spare,
        price=3e5, discount_rate=0.03, tail_months=4.0,
    )  # fmt: skip
    return _with_public_stock(_with_recipe(_with_idle_mine(net, f.idle * f.scale)), f.public * f.scale)


def _with_recipe(net: SupplyNetwork) -> SupplyNetwork:
    """AAA's works may run on half the metal from month 3 on, with up to 40 % of their capacity."""
    acts, terms = net.activities, net.terms
    a = int(np.flatnonzero(acts["activity"] == "works@AAA/standard")[0])
    lean = acts.iloc[[a]].assign(activity="works@AAA/lean", recipe="lean", x0=0.0, opens=2, accepted=0.4)
    own = terms[terms["activity"] == a].assign(activity=len(acts))
    half = own.assign(coefficient=np.where(own["coefficient"] == -1.0, -0.5, own["coefficient"]))
    both = pd.concat([acts, lean], ignore_index=True)
    return replace(net, activities=both, terms=pd.concat([terms, half], ignore_index=True))


def _with_idle_mine(net: SupplyNetwork, room: float) -> SupplyNetwork:
    """An idle metal plant of `room` t a month in AAA that may start after a month."""
    if room <= 0:
        return net
    site = net.sites.iloc[[0]].assign(site="idle@AAA", name="idle@AAA", process="idle", country="AAA", capacity=room,
                                      base=0.0, ramp=0.5)  # fmt: skip
    act = net.activities.iloc[[0]].assign(activity="idle@AAA/standard", site=len(net.sites), x0=0.0, opens=1, lag=1)
    node = int(np.flatnonzero(net.nodes["node"] == "metal@AAA")[0])
    term = pd.DataFrame({"activity": [len(net.activities)], "node": [node], "coefficient": [1.0]})
    return replace(
        net,
        sites=pd.concat([net.sites, site], ignore_index=True),
        activities=pd.concat([net.activities, act], ignore_index=True),
        terms=pd.concat([net.terms, term], ignore_index=True),
    )


def _with_public_stock(net: SupplyNetwork, tonnes: float) -> SupplyNetwork:
    if tonnes <= 0:
        return net
    own = net.stockpiles[net.stockpiles["stockpile"] == "industry:metal@BBB"]
    public = own.assign(stockpile="state:metal@BBB", holder="state", s0=tonnes, floor=0.2 * tonnes,
                        release=0.4 * tonnes, opens_after=1, refill=0.1 * tonnes)  # fmt: skip
    return replace(net, stockpiles=pd.concat([net.stockpiles, public], ignore_index=True))


PARTS = (
    ("shipment_share", "metal:CHN>AAA", 1.0), ("shipment_share", "metal:CHN>BBB", 1.0),
    ("shipment_share", "metal:CHN>OUT", 1.2), ("shipment_share", "magnet:AAA>BBB", 1.0),
    ("capacity_share", "mine@CHN", 1.0), ("capacity_share", "smelter@CHN", 1.0), ("capacity_share", "works@AAA", 1.0),
    ("capacity_share", "works@BBB", 1.0), ("capacity_share", "recovery@BBB", 1.0),
    ("demand_factor", "magnet@AAA/all/general", 2.0), ("demand_factor", "magnet@BBB/all/general", 2.0),
    ("stock_release_share", "industry:metal@BBB", 1.0), ("premium_usd", "metal:CHN>AAA", 1e5),
)  # fmt: skip


@st.composite
def shocks(draw: st.DrawFn, most: int = 3, parts: tuple[tuple[str, str, float], ...] = PARTS) -> Effects:
    """Effects on one to `most` parts, each over a span of months with one value."""
    rows = []
    for field, component, top in draw(st.lists(st.sampled_from(parts), min_size=1, max_size=most, unique=True)):
        first = draw(st.integers(1, 4))
        last = draw(st.integers(first, MONTHS))
        value = round(draw(st.floats(0.0, 1.0)) * top, 2)
        rows += [(field, component, month, value) for month in range(first, last + 1)]
    return effects_of_rows(rows)


def effects_of_rows(rows: list[tuple[str, str, int, float]], traces: tuple[Trace, ...] = ()) -> Effects:
    frame = pd.DataFrame(rows, columns=["field", "component", "month", "value"])
    return Effects(frame.astype({"month": "int64", "value": "float64"}), traces)


@st.composite
def bans(draw: st.DrawFn) -> Effects:
    """China sells BBB (nearly) no metal for some months, traced through third countries."""
    last = draw(st.integers(1, MONTHS))
    leak = draw(st.sampled_from([0.0, 0.1]))
    months = tuple(range(1, last + 1))
    rows = [("shipment_share", "metal:CHN>BBB", m, leak) for m in months]
    rows += [("shipment_share", f"metal:CHN>{c}", m, 1.05) for c in ("AAA", "OUT") for m in months]
    trace = Trace("CHN", ("metal",), ("BBB",), draw(st.sampled_from([0, 1, -1])), months, leak)
    return effects_of_rows(rows, (trace,))
