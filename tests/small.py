"""Small supply networks built in code, so that every answer can be worked out by hand."""

from __future__ import annotations

import math

import pandas as pd

from orebridge.network import Assumption, SupplyNetwork
from orebridge.shocks import Effects

VALUES = {
    "theta": 0.1, "outsider_weight": 0.01, "discount_rate": 0.0, "restriction_slack": 0.05, "premium_share": 0.25,
    "cancel_share": 0.1, "activity_change_share": 0.05, "stock_use_share": 0.02, "terminal_share": 1.0,
    "new_source_months": 6.0, "tail_months": 4.0, "restraint_low": 0.07, "restraint_high": 0.10,
    "fairness_epsilon": 0.01, "stock_days_scale": 1.0, "tier_value_ratio": 1.0, "overflow_share": 0.01,
    "treaty_threshold": 0.07, "licence_share": 0.25, "licence_days": 63.0,
}  # fmt: skip


def assumptions(**changed: float) -> dict[str, Assumption]:
    """The assumptions of the small worlds, no discounting."""
    return {k: Assumption(k, v, v, v, "", "hand") for k, v in (VALUES | changed).items()}


def ore_to_magnet(
    scale: float = 1.0, stock: float = 30.0, tail: float = 4.0, spare: float = 0.0, order: int = 1, **changed: float
) -> SupplyNetwork:
    """CHN mines 100 t of metal a month: 60 stay, 20 go to USA, 20 to JPN, where 1 t metal makes 1 t magnet.

    USA and JPN use 20 t of magnet each (half essential, half general), CHN 60. Transit and work take a month each.
    JPN holds `stock` t of metal, USA 10 t. `spare` is USA's own idle mine capacity, t/month.
    """
    labels = ["CHN", "USA", "JPN"][::order]
    nodes = [(c, i) for c in ("metal", "magnet") for i in labels]
    at = {node: k for k, node in enumerate(nodes)}
    node_frame = pd.DataFrame(
        {
            "node": [f"{c}@{i}" for c, i in nodes], "commodity": [c for c, _ in nodes], "country": [i for _, i in nodes],
            "chain": "magnets", "order": [1.0 if c == "metal" else 2.0 for c, _ in nodes], "mass": "product",
            "disposal": "priced", "replacement_usd": [100.0 if c == "metal" else 300.0 for c, _ in nodes], "waste0": 0.0,
            "is_member": [i != "CHN" for _, i in nodes],
        }
    )  # fmt: skip
    sites, acts, terms = [], [], []

    def site(name: str, country: str, x0: float, room: float, ins: str | None, out: str, lag: int) -> None:
        sites.append({"site": name, "name": name, "process": "mine" if ins is None else "magnet", "kind": "mining",
                      "chain": "magnets", "country": country, "owner": country, "capacity": room * scale,
                      "base": x0 * scale, "surge": 0.0, "ramp": 1.0, "host": "", "status": "operating"})  # fmt: skip
        acts.append({"activity": f"{name}/base", "site": len(sites) - 1, "recipe": "base", "x0": x0 * scale, "opens": 0,
                     "accepted": 1.0, "lag": lag})  # fmt: skip
        if ins:
            terms.append((len(acts) - 1, at[ins, country], -1.0))
        terms.append((len(acts) - 1, at[out, country], 1.0))

    site("chn-mine", "CHN", 100.0, 100.0, None, "metal", 1)
    if spare > 0:
        site("usa-mine", "USA", 0.0, spare, None, "metal", 1)
    for country, x0 in (("CHN", 60.0), ("USA", 20.0), ("JPN", 20.0)):
        site(f"{country.lower()}-magnet", country, x0, x0, "metal", "magnet", 1)
    routes = []
    for commodity, o, d, y0 in (
        ("metal", "CHN", "USA", 20.0), ("metal", "CHN", "JPN", 20.0), ("metal", "USA", "JPN", 0.0), ("magnet", "USA", "JPN", 0.0),
        ("metal", "JPN", "USA", 0.0),
    ):  # fmt: skip
        routes.append({"route": f"{commodity}:{o}>{d}", "commodity": commodity, "origin": o, "destination": d,
                       "chain": "magnets", "from_node": at[commodity, o], "to_node": at[commodity, d], "lag": 1,
                       "y0": y0 * scale, "opens": 0.0, "inferred": y0 == 0, "premium_usd": 0.0, "days": 30.0,
                       "chokepoints": ""})  # fmt: skip
    demands = []
    for country, quantity in (("CHN", 60.0), ("USA", 20.0), ("JPN", 20.0)):
        for tier, value in (("essential", 5000.0), ("general", 1000.0)):
            demands.append({"demand": f"magnet@{country}/all/{tier}", "commodity": "magnet", "country": country,
                            "chain": "magnets", "end_use": "all", "tier": tier, "node": at["magnet", country],
                            "D": quantity / 2 * scale, "value_usd": value, "unmet0": 0.0,
                            "is_member": country != "CHN"})  # fmt: skip
    held = {("metal", "JPN"): stock, ("metal", "USA"): 10.0}
    piles = [
        {"stockpile": f"industry:{c}@{i}", "holder": "industry", "country": i, "commodity": c, "chain": "magnets",
         "node": at[c, i], "s0": held.get((c, i), 0.0) * scale, "floor": 0.0, "release": held.get((c, i), 0.0) * scale,
         "opens_after": 0, "refill": math.inf, "room": math.inf, "replacement_usd": 100.0 if c == "metal" else 300.0, "assumed": True}
        for c, i in nodes
    ]  # fmt: skip
    return SupplyNetwork(
        members=("USA", "JPN"), base_year=2024, chains=("magnets",), nodes=node_frame, sites=pd.DataFrame(sites),
        activities=pd.DataFrame(acts), terms=pd.DataFrame(terms, columns=["activity", "node", "coefficient"]),
        routes=pd.DataFrame(routes[::order]).reset_index(drop=True), stockpiles=pd.DataFrame(piles),
        demands=pd.DataFrame(demands[::order]).reset_index(drop=True), assumptions=assumptions(tail_months=tail, **changed),
        regions={}, provenance=pd.DataFrame(), adjustments=pd.DataFrame(),
    )  # fmt: skip


def ban(months: int, share: float = 0.0, first: int = 1) -> Effects:
    """China ships Japan `share` of its metal in months first..first+months-1."""
    rows = [("shipment_share", "metal:CHN>JPN", m, share) for m in range(first, first + months)]
    return Effects(pd.DataFrame(rows, columns=["field", "component", "month", "value"]))
