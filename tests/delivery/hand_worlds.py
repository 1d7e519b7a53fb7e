"""Small networks made by hand, in t per month, small enough to be solved on paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from orebridge.network import Assumption, SupplyNetwork
from orebridge.shocks import Effects

NUMBERS = {
    "theta": 0.1,
    "outsider_weight": 0.01,
    "discount_rate": 0.0,
    "restriction_slack": 0.05,
    "premium_share": 0.25,
    "cancel_share": 0.1,
    "activity_change_share": 0.05,
    "stock_use_share": 0.02,
    "terminal_share": 1.0,
    "overflow_share": 0.01,
    "treaty_threshold": 0.07,
    "licence_share": 0.25,
    "licence_days": 63.0,
    "new_source_months": 6.0,
    "tail_months": 2.0,
    "restraint_low": 0.07,
    "restraint_high": 0.1,
    "fairness_epsilon": 0.01,
    "stock_days_scale": 1.0,
    "tier_value_ratio": 1.0,
}
VALUE = {"defence": 100e6, "essential": 10e6, "general": 1e6}


def world(
    nodes: Sequence[str],
    makes: Sequence[tuple[str, dict[str, float], float, int]] = (),
    ships: Sequence[tuple[str, str, str, float]] = (),
    stocks: dict[str, float] | None = None,
    demands: Sequence[tuple[str, str, float]] = (),
    members: tuple[str, ...] = ("AAA", "BBB"),
    price: float = 1e6,
    spare: float = 1.0,
    free: Sequence[str] = (),
    waste: dict[str, float] | None = None,
    **assumptions: float,
) -> SupplyNetwork:
    """`makes`: (site@country, {node: coefficient}, x0, lag); `ships`: (commodity, origin, destination, y0), one month.

    `stocks`: node -> s0; `demands`: (node, tier, D); `waste`: by-products thrown away in the base year, t a month (they
    are `free`). Capacity is x0 x spare, ramp free, surge none.
    """
    at = {n: i for i, n in enumerate(nodes)}
    part = [n.split("@") for n in nodes]
    country = [p[1] for p in part]
    node_frame = pd.DataFrame({
        "node": list(nodes), "commodity": [p[0] for p in part], "country": country, "chain": "toy",
        "order": 1.0, "mass": "product", "disposal": ["free" if n in free or n in (waste or {}) else "priced" for n in nodes],
        "replacement_usd": price, "waste0": [(waste or {}).get(n, 0.0) for n in nodes],
        "is_member": [c in members for c in country],
    })  # fmt: skip
    x0 = np.array([m[2] for m in makes], dtype=float)
    names = [m[0] for m in makes]
    sites = pd.DataFrame({
        "site": names, "name": names, "process": [n.split("@")[0] for n in names], "kind": "refining", "chain": "toy",
        "country": [n.split("@")[1] for n in names], "owner": "", "capacity": x0 * spare, "base": x0, "surge": 0.0,
        "ramp": 1.0, "host": "", "status": "operating",
    })  # fmt: skip
    activities = pd.DataFrame({
        "activity": [f"{n}/standard" for n in names], "site": np.arange(len(names)), "recipe": "standard", "x0": x0,
        "opens": np.zeros(len(names), dtype=int), "accepted": np.ones(len(names)), "lag": np.array([m[3] for m in makes], dtype=int),
    })  # fmt: skip
    terms = pd.DataFrame(
        [(a, at[n], k) for a, m in enumerate(makes) for n, k in m[1].items()],
        columns=["activity", "node", "coefficient"],
    ).astype({"activity": int, "node": int, "coefficient": float})
    routes = pd.DataFrame({
        "route": [f"{c}:{o}>{d}" for c, o, d, _ in ships], "commodity": [s[0] for s in ships],
        "origin": [s[1] for s in ships], "destination": [s[2] for s in ships], "chain": "toy",
        "from_node": np.array([at[f"{s[0]}@{s[1]}"] for s in ships], dtype=int),
        "to_node": np.array([at[f"{s[0]}@{s[2]}"] for s in ships], dtype=int),
        "lag": np.ones(len(ships), dtype=int), "y0": np.array([s[3] for s in ships], dtype=float),
        "opens": np.zeros(len(ships), dtype=int), "inferred": [s[3] == 0 for s in ships],
        "premium_usd": 0.0, "days": 20.0, "chokepoints": "",
    })  # fmt: skip
    s0 = np.array([(stocks or {}).get(n, 0.0) for n in nodes], dtype=float)
    piles = pd.DataFrame({
        "stockpile": [f"industry:{n}" for n in nodes], "holder": "industry", "country": country,
        "commodity": [p[0] for p in part], "chain": "toy", "node": np.arange(len(nodes)), "s0": s0, "floor": 0.0,
        "release": s0, "opens_after": 0, "refill": np.inf, "room": np.inf, "replacement_usd": price, "assumed": True,
    })  # fmt: skip
    wanted = pd.DataFrame({
        "demand": [f"{n}/all/{t}" for n, t, _ in demands], "commodity": [n.split("@")[0] for n, _, _ in demands],
        "country": [n.split("@")[1] for n, _, _ in demands], "chain": "toy", "end_use": "all",
        "tier": [d[1] for d in demands], "node": np.array([at[d[0]] for d in demands], dtype=int),
        "D": np.array([d[2] for d in demands], dtype=float), "value_usd": [VALUE[d[1]] for d in demands],
        "unmet0": 0.0, "is_member": [d[0].split("@")[1] in members for d in demands],
    })  # fmt: skip
    figures = {**NUMBERS, **assumptions}
    return SupplyNetwork(
        members=members, base_year=2024, chains=("toy",), nodes=node_frame, sites=sites, activities=activities,
        terms=terms, routes=routes, stockpiles=piles, demands=wanted,
        assumptions={k: Assumption(k, v, v, v, "", "test") for k, v in figures.items()},
        regions={}, provenance=pd.DataFrame(), adjustments=pd.DataFrame(),
    )  # fmt: skip


def effects(*rows: tuple[str, str, int, int, float]) -> Effects:
    """Effects from (field, component, first month, last month, value)."""
    flat = [(f, c, m, v) for f, c, a, b, v in rows for m in range(a, b + 1)]
    frame = pd.DataFrame(flat, columns=["field", "component", "month", "value"])
    return Effects(frame.astype({"month": "int64", "value": "float64"}))


def magnets(stock: float = 6.0, spare: float = 1.0, **more: float) -> SupplyNetwork:
    """CHN makes 10 t of metal a month; AAA buys 4, BBB 4, CHN uses 2. AAA makes magnets of it (1 month), 1 t goes to BBB."""
    return world(
        ["metal@AAA", "metal@BBB", "metal@CHN", "magnet@AAA", "magnet@BBB", "magnet@CHN"],
        [
            ("mine@CHN", {"metal@CHN": 1.0}, 10.0, 1),
            ("works@AAA", {"metal@AAA": -1.0, "magnet@AAA": 1.0}, 4.0, 1),
            ("works@BBB", {"metal@BBB": -1.0, "magnet@BBB": 1.0}, 4.0, 1),
            ("works@CHN", {"metal@CHN": -1.0, "magnet@CHN": 1.0}, 2.0, 1),
        ],
        [("metal", "CHN", "AAA", 4.0), ("metal", "CHN", "BBB", 4.0), ("magnet", "AAA", "BBB", 1.0),
         ("magnet", "BBB", "AAA", 0.0), ("metal", "AAA", "BBB", 0.0), ("metal", "BBB", "AAA", 0.0)],
        {"metal@AAA": stock, "metal@BBB": stock / 2, "magnet@BBB": 1.0},
        [("magnet@AAA", "defence", 1.0), ("magnet@AAA", "general", 2.0), ("magnet@BBB", "defence", 1.0),
         ("magnet@BBB", "essential", 1.0), ("magnet@BBB", "general", 3.0), ("magnet@CHN", "general", 2.0)],
        spare=spare, **more,
    )  # fmt: skip
