"""The verbs of Orebridge. The command line, notebooks and later a web page call these and nothing below them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from orebridge import __version__
from orebridge.build import build_network
from orebridge.delivery.coordination import Coordination, coordination
from orebridge.delivery.hinges import break_even_days, stock_curve, tornado
from orebridge.delivery.limits import restrict_to
from orebridge.delivery.marginal import marginal_values
from orebridge.delivery.modes import ChainWays, four_ways, news_of, rolled_ways
from orebridge.errors import ShockError
from orebridge.network import SupplyNetwork
from orebridge.results import WAYS, Plan, joined
from orebridge.shocks import Effects, Shock, beliefs_of, effects_of, load_shock
from orebridge.world import World, load_world

SCHEMA_VERSION = "1.0"
FORESIGHT = ("declared", "perfect")
WORKERS = 2  # chains planned at a time
Note = Callable[[str], None]


@dataclass(frozen=True)
class Response:
    """The answer to a disruption: four ways, what coordination is worth, what to do and what it hangs on."""

    world: World
    network: SupplyNetwork
    shocks: tuple[Shock, ...]
    effects: Effects
    members: tuple[str, ...]
    start: str
    months: int
    chains: tuple[str, ...]
    plans: dict[str, Plan]
    absent: dict[str, str]
    coordination: Coordination | None
    actions: pd.DataFrame
    curve: pd.DataFrame
    swings: pd.DataFrame
    break_even: dict[str, float]
    marginal: pd.DataFrame
    warnings: tuple[str, ...] = field(default=())
    #: Loss in USD by way if every plan knew the whole shock from the first month.
    perfect_usd: dict[str, float] = field(default_factory=dict)

    def month_label(self, month: int) -> str:
        """Calendar month of plan month 1, 2, ... as YYYY-MM."""
        year, first = (int(part) for part in self.start.split("-"))
        return f"{year + (first + month - 2) // 12}-{(first + month - 2) % 12 + 1:02d}"

    def to_dict(self) -> dict[str, Any]:
        """The content of plan.json (schema in `data/plan.schema.json`); absent figures are null."""
        ways: dict[str, Any] = {}
        for way in WAYS:
            if way not in self.plans:
                ways[way] = {"status": "absent", "reason": self.absent.get(way, "not asked for")}
                continue
            plan = self.plans[way]
            unmet = plan.unmet[plan.unmet["tonnes"] > 0]
            flows = plan.flows[(plan.flows["tonnes"] - plan.flows["base"]).abs() > 1e-6]
            ways[way] = {
                "status": plan.status,
                "by_member": {
                    m: {r.item: {"tonnes": r.tonnes, "usd": _number(r.usd)} for r in _summed(plan, m).itertuples()}
                    for m in self.members
                },
                "unmet": unmet[["member", "product", "end_use", "tier", "month", "tonnes"]].to_dict("records"),
                "loss_usd": _number(plan.loss_usd()),
                "flows": flows[["commodity", "origin", "destination", "month", "tonnes", "base"]].to_dict("records"),
                "stock": plan.stock[(plan.stock["tonnes"] - plan.stock["start"]).abs() > 1e-6][
                    ["holder", "country", "commodity", "month", "tonnes"]
                ].to_dict("records"),
            }
        worth = self.coordination
        return {
            "schema_version": SCHEMA_VERSION,
            "orebridge_version": __version__,
            "data_version": self.world.version,
            "start": self.start,
            "months": self.months,
            "shocks": [{"name": s.name, "title": s.title, "source": s.source} for s in self.shocks],
            "members": list(self.members),
            "chains": list(self.chains),
            "units": {"tonnes": "t of contained element, or of product, per month", "usd": "US dollars, discounted"},
            "ways": ways,
            "coordination": None if worth is None else {
                "value_usd": _number(worth.value_usd),
                "value_without_lent_stock_usd": _number(worth.value_without_lent_stock_usd),
                "shapley": {m: _number(v) for m, v in worth.shapley.items()},
                "in_core": worth.in_core,
                "words": worth.words,
            },
            "actions": self.actions.to_dict("records"),
            "marginal": [{k: _number(v) for k, v in row.items()} for row in self.marginal.to_dict("records")],
            "assumptions": [
                {"name": a.name, "value": a.value, "low": a.low, "high": a.high, "unit": a.unit, "source": a.source, "note": a.note}
                for a in self.network.assumptions.values()
            ],
            "stock_curve": [{k: _number(v) for k, v in row.items()} for row in self.curve.to_dict("records")],
            "break_even_days": {k: _number(v) for k, v in self.break_even.items()},
            "tornado": [{k: _number(v) for k, v in row.items()} for row in self.swings.to_dict("records")],
            "sources": self.world.tables["sources"][["source", "publisher", "title", "published", "url", "via"]].to_dict("records"),
            "warnings": list(self.warnings),
        }  # fmt: skip


def respond(
    shocks: Sequence[str | Path],
    members: Sequence[str] = ("USA", "JPN"),
    start: str = "2026-12",
    months: int = 24,
    *,
    world: World | None = None,
    as_dated: bool = False,
    foresight: str = "declared",
    hinges: bool = True,
    note: Note = lambda _: None,
) -> Response:
    """Answer a disruption: what is lost, by whom and when, in four ways, and the plan.

    `shocks` are library names or TOML files. Only chains that a shock touches are solved; the others are the base
    year. With `foresight="declared"` a plan knows of each event what is declared by then and is made anew when the news
    changes; with "perfect" it knows everything from the first month. Raises the errors of `orebridge.errors`; a
    response exists only if every stage was optimal.
    """
    if not 1 <= months <= 120:
        raise ShockError(f"--months must be from 1 to 120, not {months}.")
    if foresight not in FORESIGHT:
        raise ShockError(f"--foresight must be {' or '.join(FORESIGHT)}, not {foresight!r}.")
    loaded = tuple(load_shock(name) for name in shocks)
    if not loaded:
        raise ShockError("name at least one shock; `orebridge shocks` lists the library.")
    world = world or load_world()
    alliance = tuple(dict.fromkeys(members))
    note("building the supply network")
    network = build_network(world, alliance)
    effects = effects_of(loaded, network, months, start, as_dated)
    beliefs = beliefs_of(loaded, network, months, start, as_dated) if foresight == "declared" else []
    wanted = ("alone", "joint", "treaty") if len(alliance) > 1 else ("alone",)

    def plan(part: SupplyNetwork) -> tuple[ChainWays, ChainWays]:
        note(f"planning {part.chains[0].replace('_', ' ')}")
        perfect = four_ways(part, effects, months, wanted)
        news = news_of(part, beliefs)
        return (perfect if len(news) < 2 else rolled_ways(part, news, perfect, wanted)), perfect

    touched = [part for part in (network.subset([c]) for c in network.chains) if not restrict_to(effects, part).empty]
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(plan, touched))
    parts = [answer for answer, _ in answers]
    plans = {way: joined([p.plans[way] for p in parts]) for way in WAYS if way in parts[0].plans}
    known = {way: joined([p.plans[way] for _, p in answers]).loss_usd() for way in plans}
    absent = {
        way: "one member: there is nobody to share or plan with" for way in ("treaty", "joint") if way not in plans
    }
    worth = coordination(plans["alone"], plans["joint"], alliance, parts) if "joint" in plans else None
    main = max(parts, key=lambda p: (float(p.plans["unaided"].loss["usd"].sum()), p.network.chains[0]))
    best = "joint" if "joint" in plans else "alone"
    curve, swings, marginal, even = pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), {}
    if hinges:
        part = network.subset(main.network.chains)
        own = restrict_to(effects, part)
        curve = stock_curve(part, own, months, ("unaided", best), note)
        even = {way: break_even_days(curve, way) for way in ("unaided", best)}
        swings = tornado(part, own, months, "alone", note)
        note("what one more tonne saves")
        marginal = marginal_values(part, own, months, best if plans[best].loss_usd() > 0 else "alone")
    return Response(
        world=world, network=network, shocks=loaded, effects=effects, members=alliance, start=start, months=months,
        chains=tuple(p.network.chains[0] for p in parts), plans=plans, absent=absent, coordination=worth,
        actions=actions(plans[best], plans["unaided"], alliance), curve=curve, swings=swings, break_even=even, marginal=marginal,
        warnings=(*effects.notes, *_warnings(network, parts)), perfect_usd=known,
    )  # fmt: skip


def actions(plan: Plan, unaided: Plan, members: tuple[str, ...], most: int = 60) -> pd.DataFrame:
    """What members do beyond the base year: who, month, tonnes, form, route; largest by total tonnes first.

    Columns: owner, what, form, route, first_month, last_month, tonnes.
    """
    rows = []
    extra = plan.flows.assign(more=plan.flows["tonnes"] - plan.flows["base"])
    extra = extra[(extra["more"] > 1e-3) & extra["destination"].isin(members)]
    for (commodity, origin, destination), group in extra.groupby(["commodity", "origin", "destination"]):  # type: ignore[misc]
        rows.append((destination, "buy or receive above base year", commodity, f"{origin} > {destination}", group))
    made = plan.activity.assign(more=plan.activity["tonnes"] - plan.activity["base"])
    made = made[(made["more"] > 1e-3) & made["country"].isin(members)]
    for (site, recipe, country), group in made.groupby(["site", "recipe", "country"]):  # type: ignore[misc]
        rows.append((country, "run above base year", f"{site} ({recipe})", country, group))
    drawn = plan.stock[plan.stock["country"].isin(members)].copy()
    drawn["more"] = (
        drawn.groupby(["holder", "country", "commodity"])["tonnes"].shift(1).fillna(drawn["start"]) - drawn["tonnes"]
    )
    drawn = drawn[drawn["more"] > 1e-3]
    for (holder, country, commodity), group in drawn.groupby(["holder", "country", "commodity"]):  # type: ignore[misc]
        rows.append((country, f"release from {holder} stock", commodity, country, group))
    frame = pd.DataFrame(
        [
            {"owner": owner, "what": what, "form": form, "route": route, "first_month": int(g["month"].min()),
             "last_month": int(g["month"].max()), "tonnes": float(g["more"].sum())}
            for owner, what, form, route, g in rows
        ],
        columns=["owner", "what", "form", "route", "first_month", "last_month", "tonnes"],
    )  # fmt: skip
    return (
        frame.sort_values(["tonnes", "owner", "form"], ascending=[False, True, True]).head(most).reset_index(drop=True)
    )


def _warnings(network: SupplyNetwork, parts: list[ChainWays]) -> list[str]:
    chains = {p.network.chains[0] for p in parts}
    own = network.adjustments[network.adjustments["chain"].isin(chains)]
    weak = own["confidence"].isin(["derived", "unverified", "assumed"])
    text = [
        f"{weak.mean():.0%} of the {len(own)} base-year figures used are derived, unverified or assumed.",
        "Stocks of members are assumed days of use: nobody publishes them. See the stock curve.",
        "Values of lost output are assumptions with a wide range; tonnes are firmer than dollars.",
    ]
    moved = own[(own["change_share"].abs() > 0.25) & (own["change"].abs() > 0.01 * own["used"].max())]
    if len(moved):
        text.append(
            f"{len(moved)} figures were moved by more than a quarter to balance; `orebridge data reconcile` lists them."
        )
    return text


def _summed(plan: Plan, member: str) -> pd.DataFrame:
    own = plan.loss[plan.loss["member"] == member]
    return own.groupby("item", as_index=False)[["tonnes", "usd"]].sum()


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
