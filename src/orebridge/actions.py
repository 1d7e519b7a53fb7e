"""What a plan asks of each member, month by month: who does what, with which form, where, for whom, how many tonnes.

An action is a difference from the base year (or a release, or a use that goes without), never a level:

    buy          y - y0  > 0 on a route from an outsider to a member      owner: the buyer
    ship         y - y0  > 0 on a route between members                   owner: the sender; for whom: the receiver
    run          x - x0  > 0 with a recipe of the base year               owner: the site's country
    substitute   x - x0  > 0 with another recipe                          owner: the site's country
    run less     x below both base year and the course without a plan     owner: the site's country
    release      s[t-1] - s[t] > 0                                        owner: the country that holds it
    go without   u > 0 in the plan                                        owner: the user's country

Tonnes per month, in the unit of the row: of the commodity as it is counted, or of the site's activity. Differences up to
one kilogram or one millionth of the base year are the solver's tolerance and left out. Not covered: purchases below
base year (what the shock takes is no action) and exports to outsiders (commitments, the same in all four ways).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from orebridge.network import SupplyNetwork
from orebridge.results import Plan

COLUMNS = [
    "owner",
    "what",
    "form",
    "recipe",
    "origin",
    "destination",
    "site",
    "holder",
    "for_whom",
    "month",
    "tonnes",
    "unit",
]
BUY, SHIP, RUN, SUBSTITUTE = (
    "buy above base year",
    "ship to partner above base year",
    "run above base year",
    "substitute",
)
RUN_LESS, RELEASE, GO_WITHOUT = "run less than without a plan", "release from stock", "go without"
#: In the order an official asks: what moves, what is made, what is given up.
KINDS = (SHIP, BUY, RELEASE, RUN, SUBSTITUTE, RUN_LESS, GO_WITHOUT)
SMALLEST, NOISE = 1e-3, 1e-6
MAIN_SHARE = 0.05  # of the worth of all outputs; below, an output is a by-product and not named
Calendar = Callable[[int], str]


def actions(
    plan: Plan, unaided: Plan, network: SupplyNetwork, members: Sequence[str], calendar: Calendar,
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Every action of members in `plan`, one row per month (columns `COLUMNS`, `month` as `calendar` writes it).

    `tables` of the world say which recipes belong to the base year and what a tonne of activity is. Rows are sorted by
    kind, then by the tonnes of the whole action, largest first, then by label and month.
    """
    tables = tables or {}
    mass = {c: "t of contained element" if m == "element" else "t of product"
            for c, m in zip(network.nodes["commodity"], network.nodes["mass"], strict=True)}  # fmt: skip
    ours = list(members)
    parts = [
        _shipments(plan.flows, ours, mass),
        _runs(plan, unaided, network, ours, tables),
        _releases(plan.stock, ours, mass),
        _without(plan.unmet, mass),
    ]
    frame = pd.concat([p for p in parts if len(p)] or [pd.DataFrame(columns=COLUMNS)], ignore_index=True)
    frame = frame.reindex(columns=COLUMNS)
    words = [c for c in COLUMNS if c not in ("month", "tonnes")]
    frame[words] = frame[words].astype(object).fillna("")
    if frame.empty:
        return frame
    names = [c for c in words if c != "unit"]
    frame["_total"] = frame.groupby(names)["tonnes"].transform("sum")
    frame["_kind"] = frame["what"].map({kind: k for k, kind in enumerate(KINDS)})
    frame = frame.sort_values(["_kind", "_total", *names, "month"], ascending=[True, False, *[True] * len(names), True])
    frame["month"] = [calendar(int(m)) for m in frame["month"]]
    return frame[COLUMNS].reset_index(drop=True)


def grouped(frame: pd.DataFrame) -> pd.DataFrame:
    """Actions for display: columns of `COLUMNS` with `first_month`, `last_month`, `months`, `tonnes` (sum) and `peak`."""
    names = [c for c in COLUMNS if c not in ("month", "tonnes")]
    out = frame.groupby(names, sort=False, as_index=False).agg(
        first_month=("month", "min"), last_month=("month", "max"), months=("month", "nunique"),
        tonnes=("tonnes", "sum"), peak=("tonnes", "max"),
    )  # fmt: skip
    return out.reset_index(drop=True)


def _shipments(flows: pd.DataFrame, ours: list[str], mass: dict[str, str]) -> pd.DataFrame:
    more = flows["tonnes"] - flows["base"]
    keep = _counts(more, flows["base"]) & flows["destination"].isin(ours)
    rows = flows[keep].assign(tonnes=more[keep])
    between = rows["origin"].isin(ours)
    return rows.assign(
        what=np.where(between, SHIP, BUY), owner=np.where(between, rows["origin"], rows["destination"]),
        form=rows["commodity"], for_whom=rows["destination"], unit=rows["commodity"].map(mass),
    )  # fmt: skip


def _runs(
    plan: Plan, unaided: Plan, network: SupplyNetwork, ours: list[str], tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    acts = plan.activity.merge(
        unaided.activity[["site", "recipe", "month", "tonnes"]].rename(columns={"tonnes": "without"}),
        on=["site", "recipe", "month"], how="left",
    )  # fmt: skip
    acts = acts[acts["country"].isin(ours)].merge(_recipes(network, tables), on=["site", "recipe"], how="left")
    more, floor = acts["tonnes"] - acts["base"], np.minimum(acts["base"], acts["without"])
    up = _counts(more, acts["base"])
    down = _counts(floor - acts["tonnes"], acts["base"])
    rows = [
        acts[up].assign(tonnes=more[up], what=np.where(acts["usual"][up], RUN, SUBSTITUTE)),
        acts[down].assign(tonnes=(floor - acts["tonnes"])[down], what=RUN_LESS),
    ]
    out, units = pd.concat(rows, ignore_index=True), _activity_units(tables)
    return out.assign(
        owner=out["country"], origin=out["country"], destination=out["country"], for_whom=out["country"],
        unit=[units.get(process, "t of activity") for process in out["process"]],
    )  # fmt: skip


def _activity_units(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    frame = tables.get("processes")
    return {} if frame is None else dict(zip(frame["process"], frame["activity"], strict=True))


def _recipes(network: SupplyNetwork, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Site, recipe, its process, what it makes and whether it is a usual recipe (not an alternative)."""
    acts, sites = network.activities, network.sites
    at = acts["site"].to_numpy(dtype=int)
    process = sites["process"].to_numpy()[at]
    if "recipes" in tables:
        frame = tables["recipes"][tables["recipes"]["base"] == "yes"]
        base = set(zip(frame["process"], frame["recipe"], strict=True))
        usual = np.array([pair in base for pair in zip(process, acts["recipe"], strict=True)], dtype=bool)
    else:
        # Without tables: a recipe unused at a site that runs on another one is an alternative.
        running = pd.Series(acts["x0"].to_numpy() > 0).groupby(at).transform("any").to_numpy()
        usual = (acts["x0"].to_numpy() > 0) | ~running
    forms = _main_outputs(network)
    return pd.DataFrame({"site": sites["site"].to_numpy()[at], "recipe": acts["recipe"], "form": forms,
                         "process": process, "usual": usual})  # fmt: skip


def _main_outputs(network: SupplyNetwork) -> list[str]:
    """What each activity makes: its outputs worth 5 % or more of all, dearest first; all of them if none has a price."""
    commodity, price = network.nodes["commodity"].to_numpy(), network.nodes["replacement_usd"].to_numpy(dtype=float)
    made: dict[int, list[tuple[float, str]]] = {}
    for activity, node, rate in network.terms[["activity", "node", "coefficient"]].itertuples(index=False):
        if rate > 0:
            worth = float(np.nan_to_num(rate * price[int(node)]))
            made.setdefault(int(activity), []).append((worth, str(commodity[int(node)])))
    forms = []
    for k in range(len(network.activities)):
        outputs = sorted(made.get(k, []), key=lambda pair: (-pair[0], pair[1]))
        total = sum(worth for worth, _ in outputs)
        forms.append(" + ".join(name for worth, name in outputs if worth >= MAIN_SHARE * total))
    return forms


def _releases(stock: pd.DataFrame, ours: list[str], mass: dict[str, str]) -> pd.DataFrame:
    own = stock[stock["country"].isin(ours)].sort_values(["holder", "country", "commodity", "month"])
    before = own.groupby(["holder", "country", "commodity"])["tonnes"].shift(1).fillna(own["start"])
    given = before - own["tonnes"]
    keep = _counts(given, own["start"])
    rows = own[keep].assign(tonnes=given[keep])
    return rows.assign(
        what=RELEASE, owner=rows["country"], form=rows["commodity"], origin=rows["country"],
        destination=rows["country"], for_whom=rows["country"], unit=rows["commodity"].map(mass),
    )  # fmt: skip


def _without(unmet: pd.DataFrame, mass: dict[str, str]) -> pd.DataFrame:
    rows = unmet[unmet["tonnes"] > SMALLEST]
    return rows.assign(
        what=GO_WITHOUT, owner=rows["member"], form=rows["product"], destination=rows["member"],
        for_whom=rows["tier"] + " use: " + rows["end_use"], unit=rows["product"].map(mass),
    )  # fmt: skip


def _counts(more: pd.Series, base: pd.Series) -> pd.Series:
    """Whether a difference is more than the solver's tolerance."""
    return more > SMALLEST + NOISE * base
