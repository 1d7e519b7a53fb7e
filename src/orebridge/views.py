"""Frames worked out of a response once, for summaries, briefs, figures and plan.json alike. They hold tonnes and USD;
names and layout belong to those who show them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from orebridge.labels import STOCK, TIERS

if TYPE_CHECKING:
    from orebridge.results import Plan
    from orebridge.session import Response

SHORT = 1e-3  # t a month; less is the solver's tolerance


def short_rows(plan: Plan) -> pd.DataFrame:
    """The rows of `plan.unmet` in which a use is short by more than a kilogram."""
    return plan.unmet[plan.unmet["tonnes"] > SHORT]


def by_way(response: Response) -> pd.DataFrame:
    """One row per way: `loss_usd`, `tonnes` short, tonnes by tier, `stock` tonnes missing at the end, `first` short month (0: never)."""
    rows = []
    for way, plan in response.plans.items():
        short = short_rows(plan)
        rows.append(
            {"way": way, "status": plan.status, "loss_usd": plan.loss_usd(), "tonnes": float(short["tonnes"].sum()),
             **{tier: float(short.loc[short["tier"] == tier, "tonnes"].sum()) for tier in TIERS},
             STOCK: float(plan.loss.loc[plan.loss["item"] == STOCK, "tonnes"].sum()),
             "first": int(short["month"].min()) if len(short) else 0}
        )  # fmt: skip
    return pd.DataFrame(rows)


def by_member(response: Response) -> pd.DataFrame:
    """One row per way and member: `loss_usd`, `tonnes` short, `first` short month (0: never), `worst` month and its tonnes `peak`."""
    rows = []
    for way, plan in response.plans.items():
        short = short_rows(plan)
        for member in response.members:
            months = short[short["member"] == member].groupby("month")["tonnes"].sum()
            which, lacking = months.index.to_numpy(dtype=int), months.to_numpy(dtype=float)
            rows.append(
                {
                    "way": way,
                    "member": member,
                    "loss_usd": plan.loss_usd(member),
                    "tonnes": float(months.sum()),
                    "first": int(which.min()) if len(which) else 0,
                    "worst": int(which[lacking.argmax()]) if len(which) else 0,
                    "peak": float(lacking.max()) if len(which) else 0.0,
                }
            )
    return pd.DataFrame(rows)


def base_use(response: Response) -> pd.DataFrame:
    """Base-year use of each member, product and tier, t per month (`use`)."""
    demands = response.network.demands
    own = demands[demands["country"].isin(response.members) & demands["chain"].isin(response.chains)]
    frame = own.groupby(["country", "commodity", "tier"], as_index=False)[["D"]].sum()
    return frame.rename(columns={"country": "member", "commodity": "product", "D": "use"})


def shortages(response: Response) -> pd.DataFrame:
    """Shortage by member, product and tier over all reported months: `use` (base-year use over those months, t) and one
    column of tonnes per way; `first` is the first short month of the best plan's way, else of unaided. Only what is
    short in some way; worst unaided first."""
    use = base_use(response)
    use["use"] *= response.months
    keys = ["member", "product", "tier"]
    frame = use.set_index(keys)
    for way, plan in response.plans.items():
        frame[way] = short_rows(plan).groupby(keys)["tonnes"].sum()
    ways = list(response.plans)
    frame[ways] = frame[ways].fillna(0.0)
    frame = frame[(frame[ways] > 0).any(axis=1)]
    firsts = pd.concat([short_rows(response.plans[way]) for way in ("unaided", response.best)])
    frame["first"] = firsts.groupby(keys)["month"].min()
    frame = frame.reset_index()
    frame["first"] = frame["first"].fillna(0).astype(int)
    weight = frame.groupby(["member", "product"])["unaided"].transform("sum")
    order = {tier: k for k, tier in enumerate(TIERS)}
    frame = frame.assign(_w=-weight, _t=frame["tier"].map(order)).sort_values(["_w", "member", "product", "_t"])
    return frame.drop(columns=["_w", "_t"]).reset_index(drop=True)


def split(response: Response) -> pd.DataFrame:
    """Coordination by member, USD: `alone`, `joint`, `saved` = alone - joint, `share` (proposed share of the value) and
    `payment` = share - saved (positive: receives). Empty without a joint plan; share and payment nan where unknown."""
    worth = response.coordination
    if worth is None:
        return pd.DataFrame(columns=["member", "alone", "joint", "saved", "share", "payment"])
    rows = []
    for member in response.members:
        alone, joint = (response.plans[way].loss_usd(member) for way in ("alone", "joint"))
        share = float(worth.shapley.get(member, math.nan))
        rows.append({"member": member, "alone": alone, "joint": joint, "saved": alone - joint, "share": share,
                     "payment": share - (alone - joint)})  # fmt: skip
    return pd.DataFrame(rows)


def shock_months(response: Response) -> tuple[int, int]:
    """First and last reported month in which a shock limits anything."""
    months = response.effects.frame["month"]
    return int(months.min()), int(months.max())


def hardest_chain(response: Response) -> str:
    """The chain that loses most unaided, in USD as far as it is known; of equal ones the one that loses most tonnes."""
    loss = response.plans["unaided"].loss.groupby("chain")[["usd", "tonnes"]].sum().fillna(0.0)
    if loss.empty:
        return response.chains[0]
    return str(loss.sort_values(["usd", "tonnes"], ascending=False).index[0])


def restricted(response: Response) -> set[str]:
    """Commodities of which some shipment is limited below its base year."""
    effects = response.effects.frame
    hit = effects[(effects["field"] == "shipment_share") & (effects["value"] < 1.0)]["component"]
    routes = response.network.routes
    return set(routes.loc[routes["route"].isin(set(hit)), "commodity"])


def hardest_product(response: Response, chain: str) -> str:
    """The product of a chain short by most unaided (USD, else tonnes); if none is short, the chain's last product used."""
    demands = response.network.demands
    value = demands.groupby(["commodity", "tier"])["value_usd"].first()
    short = response.plans["unaided"].unmet
    short = short[short["chain"] == chain].groupby(["product", "tier"], as_index=False)[["tonnes"]].sum()
    short["usd"] = [t * float(np.nan_to_num(value.get((p, k), 0.0)))
                    for p, k, t in short[["product", "tier", "tonnes"]].itertuples(index=False)]  # fmt: skip
    total = short.groupby("product")[["usd", "tonnes"]].sum().sort_values(["usd", "tonnes"], ascending=False)
    if len(total) and total["tonnes"].iloc[0] > SHORT:
        return str(total.index[0])
    own = response.network.nodes[response.network.nodes["chain"] == chain]
    used = own[own["commodity"].isin(set(demands["commodity"]))]
    return str((used if len(used) else own).sort_values(["order", "commodity"])["commodity"].iloc[-1])


def critical_path(response: Response, chain: str) -> list[str]:
    """Commodities from mine to the hardest-hit product of a chain, one per stage, along what the shock restricts.

    Upstream of each commodity the input chosen is one that is restricted, then one of which least arrives unaided
    (share of base-year shipments, in tenths), then the one that carries most of the base-year output. By-products that
    come back (swarf, scrap) are left out: the order of stages must fall.
    """
    net = response.network
    commodity = net.nodes["commodity"].to_numpy()
    order = dict(zip(net.nodes["commodity"], net.nodes["order"].astype(float), strict=True))
    terms = net.terms[net.terms["activity"].isin(np.flatnonzero((net.activities["x0"] > 0).to_numpy()))]
    inputs, outputs = terms[terms["coefficient"] < 0], terms[terms["coefficient"] > 0]
    pairs = outputs.merge(inputs, on="activity", suffixes=("", "_in"))
    pairs = pd.DataFrame(
        {
            "made": commodity[pairs["node"].to_numpy(dtype=int)],
            "of": commodity[pairs["node_in"].to_numpy(dtype=int)],
            "tonnes": pairs["coefficient"].to_numpy()
            * net.activities["x0"].to_numpy()[pairs["activity"].to_numpy(dtype=int)],
        }
    )
    carried = pairs.groupby(["made", "of"])["tonnes"].sum()
    hit = restricted(response)
    flows = response.plans["unaided"].flows
    sums = flows.groupby("commodity")[["tonnes", "base"]].sum()
    arrives = (sums["tonnes"] / sums["base"].where(sums["base"] > 0)).fillna(1.0)
    product = hardest_product(response, chain)
    path = [product]
    while True:
        made = carried[path[0]] if path[0] in carried.index.get_level_values("made") else {}
        found = [
            (c not in hit, round(float(arrives.get(c, 1.0)), 1), -t, c)
            for c, t in made.items()
            if order[c] < order[path[0]]
        ]
        if not found:
            return path
        path.insert(0, min(found)[-1])


def stage_flows(response: Response, path: list[str], way: str | None, months: tuple[int, int]) -> pd.DataFrame:
    """Where each commodity of `path` goes from maker to user, t over the months: `stage, commodity, origin, destination,
    tonnes`. What a country makes and does not ship stays at home (origin = destination). `way` None is the base year."""
    net, first, last = response.network, *months
    count = last - first + 1
    nodes = net.nodes
    rows = []
    acts = net.activities
    if way is None:
        ran = acts["x0"].to_numpy() * count
        flows = net.routes.rename(columns={"y0": "tonnes"})[["commodity", "origin", "destination", "tonnes"]].copy()
        flows["tonnes"] *= count
    else:
        plan = response.plans[way]
        inside = plan.activity["month"].between(first, last)
        by_site = plan.activity[inside].groupby(["site", "recipe"])["tonnes"].sum()
        keys = pd.MultiIndex.from_arrays(
            [net.sites["site"].to_numpy()[acts["site"].to_numpy(dtype=int)], acts["recipe"]]
        )
        ran = by_site.reindex(keys).fillna(0.0).to_numpy()
        flows = plan.flows[plan.flows["month"].between(first, last)]
        flows = flows.groupby(["commodity", "origin", "destination"], as_index=False)[["tonnes"]].sum()
    made = np.zeros(len(nodes))
    rate = net.terms["coefficient"].to_numpy()
    np.add.at(
        made,
        net.terms["node"].to_numpy(dtype=int),
        np.maximum(rate, 0.0) * ran[net.terms["activity"].to_numpy(dtype=int)],
    )
    for stage, commodity in enumerate(path):
        own = flows[flows["commodity"] == commodity]
        rows += [
            (stage, commodity, o, d, t) for o, d, t in own[["origin", "destination", "tonnes"]].itertuples(index=False)
        ]
        shipped = own.groupby("origin")["tonnes"].sum()
        here = nodes["commodity"] == commodity
        for country, amount in zip(nodes["country"][here], made[here.to_numpy()], strict=True):
            rows.append(
                (stage, commodity, country, country, max(0.0, float(amount) - float(shipped.get(country, 0.0))))
            )
    frame = pd.DataFrame(rows, columns=["stage", "commodity", "origin", "destination", "tonnes"])
    return frame[frame["tonnes"] > SHORT].reset_index(drop=True)


def feeding(flows: pd.DataFrame, members: tuple[str, ...]) -> pd.DataFrame:
    """The part of `stage_flows` that ends with members' users: at each place the tonnes that leave are traced back in
    proportion to what arrives. Tonnes worked up for others, or put into stock, drop out."""
    part: pd.Series | None = None
    kept = []
    for stage in range(int(flows["stage"].max()) if len(flows) else -1, -1, -1):
        own = flows[flows["stage"] == stage]
        share = (
            own["destination"].isin(members).astype(float)
            if part is None
            # Where nothing moves `part` is empty, and a mapped column of texts would stay one of texts.
            else own["destination"].map(part).astype(float).fillna(0.0)
        )
        fed = own.assign(tonnes=own["tonnes"] * share)
        kept.append(fed[fed["tonnes"] > 0])
        left, fed_left = own.groupby("origin")["tonnes"].sum(), fed.groupby("origin")["tonnes"].sum()
        part = (fed_left / left).fillna(0.0)
    return pd.concat(kept[::-1], ignore_index=True) if kept else flows


def shipments(response: Response, way: str, chain: str) -> pd.DataFrame:
    """Shipments of a chain that start or end at a member, over all reported months: `commodity, origin, destination,
    tonnes, base` (t), largest first; routes with neither plan nor base are left out."""
    flows = response.plans[way].flows
    ours = flows["origin"].isin(response.members) | flows["destination"].isin(response.members)
    own = flows[ours & (flows["chain"] == chain)]
    total = own.groupby(["commodity", "origin", "destination"], as_index=False)[["tonnes", "base"]].sum()
    total = total[total[["tonnes", "base"]].max(axis=1) > SHORT * response.months]
    return total.sort_values(
        ["tonnes", "commodity", "origin", "destination"], ascending=[False, True, True, True]
    ).reset_index(drop=True)


def restricting(response: Response) -> list[str]:
    """Countries from which a shock holds shipments below the base year, or whose sites it stops, by name."""
    effects, net = response.effects.frame, response.network
    low = effects[effects["value"] < 1.0]
    routes = net.routes[net.routes["route"].isin(set(low.loc[low["field"] == "shipment_share", "component"]))]
    sites = net.sites[net.sites["site"].isin(set(low.loc[low["field"] == "capacity_share", "component"]))]
    return sorted({*routes["origin"], *sites["country"]} - set(response.members))
