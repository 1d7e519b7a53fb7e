"""The verbs of Orebridge. The command line, notebooks and later a web page call these and nothing below them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from orebridge.actions import BUY, actions
from orebridge.build import build_network
from orebridge.delivery.coordination import Coordination, coordination
from orebridge.delivery.decisive import Hinges, hinges_of
from orebridge.delivery.limits import restrict_to
from orebridge.delivery.modes import ChainWays, four_ways, news_of, rolled_ways
from orebridge.errors import NetworkError, ShockError, UnknownLabel
from orebridge.labels import and_list, calendar_month, in_words, says_nothing
from orebridge.network import SupplyNetwork
from orebridge.results import WAYS, Plan, joined
from orebridge.schema import network_tables
from orebridge.shocks import LONGEST, Effects, Shock, beliefs_of, effects_of, load_shock
from orebridge.world import World, load_world

FORESIGHT = ("declared", "perfect")
UNREACHED = 1e-3  # a stated use that keeps less than this share (or has fewer t/yr) has no supply
WORKERS = 2  # chains planned at a time
SUPPLIERS = 8  # named in the warning
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
    #: Limits that bind in the best plan: member, kind, what, months, worth_usd, words.
    binding: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: Facilities, recipes and stocks that would change the answer: kind, what, change, saves_usd, saves_share, words.
    remedies: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: Chains that the stock curve, the tornado, limits, remedies and marginal values are about: nearly all of the loss.
    hinge_chains: tuple[str, ...] = ()
    #: Loss in USD by way with perfect foresight, where the plans know only what is declared.
    foresight: dict[str, float] = field(default_factory=dict)

    def month_label(self, month: int) -> str:
        """Calendar month of plan month 1, 2, ... as YYYY-MM."""
        return calendar_month(self.start, month)

    @property
    def best(self) -> str:
        """The way the plan follows: joint, or alone where there is nobody to plan with."""
        return "joint" if "joint" in self.plans else "alone"

    def to_dict(self) -> dict[str, Any]:
        """The content of plan.json (schema in `data/plan.schema.json`); absent figures are null."""
        from orebridge.reports.plan_json import plan_json

        return plan_json(self)


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

    >>> from orebridge import respond
    >>> answer = respond(["china-antimony-2024"], members=["JPN"], months=6, hinges=False)
    >>> answer.chains, list(answer.plans)
    (('antimony',), ['unaided', 'alone'])
    """
    if not 1 <= months <= LONGEST:
        raise ShockError(f"--months must be from 1 to {LONGEST}, not {months}.")
    if foresight not in FORESIGHT:
        raise ShockError(f"--foresight must be {' or '.join(FORESIGHT)}, not {foresight!r}.")
    loaded = tuple(load_shock(name) for name in shocks)
    twice = [shock.name for k, shock in enumerate(loaded) if shock in loaded[:k]]
    if twice:
        raise ShockError(
            f"{twice[0]} is named twice; name each shock once, or it would count double where effects multiply."
        )
    if not loaded:
        raise ShockError("name at least one shock; `orebridge shocks` lists the library.")
    world = world or load_world(tables=network_tables())
    alliance = tuple(dict.fromkeys(members))
    if not alliance:
        raise UnknownLabel("--for names no country; state at least one ally, for example --for USA,JPN.")
    note("building the supply network")
    network = build_network(world, alliance)
    network.refuse_unseen()
    _reachable_uses(network)
    effects = effects_of(loaded, network, months, start, as_dated)
    beliefs = beliefs_of(loaded, network, months, start, as_dated) if foresight == "declared" else []
    wanted = ("alone", "joint", "treaty") if len(alliance) > 1 else ("alone",)

    def plan(part: SupplyNetwork) -> tuple[ChainWays, ChainWays]:
        note(f"planning {part.chains[0].replace('_', ' ')}")
        perfect = four_ways(part, effects, months, wanted)
        news = news_of(part, beliefs)
        return (perfect if len(news) < 2 else rolled_ways(part, news, perfect, wanted)), perfect

    touched = [part for part in (network.subset([c]) for c in network.chains) if not restrict_to(effects, part).empty]
    with ThreadPoolExecutor(WORKERS) as pool:  # large chains first, so that none is left to the end alone
        jobs = {part.chains: pool.submit(plan, part) for part in sorted(touched, key=lambda part: -len(part.routes))}
        answers = [jobs[part.chains].result() for part in touched]
    parts = [answer for answer, _ in answers]
    plans = {way: joined([p.plans[way] for p in parts]) for way in WAYS if way in parts[0].plans}
    rolled = any(answer is not perfect for answer, perfect in answers)
    known = {way: joined([p.plans[way] for _, p in answers]).loss_usd() for way in plans} if rolled else {}
    absent = {
        way: "one member: there is nobody to share or plan with" for way in ("treaty", "joint") if way not in plans
    }
    worth = coordination(plans["alone"], plans["joint"], alliance, parts) if "joint" in plans else None
    best = "joint" if "joint" in plans else "alone"
    found = Hinges()
    if hinges:
        known_all, helps = [perfect for _, perfect in answers], worth.helps if worth else None
        found = hinges_of(network, effects, months, known_all, best, helps, start, WORKERS, note)
        if worth is not None and not worth.helps and plans[best].loss_usd() > 0:
            worth = replace(worth, words=f"{worth.words} {found.words}")
    todo = actions(plans[best], plans["unaided"], network, alliance, lambda m: calendar_month(start, m), world.tables)
    return Response(
        world=world, network=network, shocks=loaded, effects=effects, members=alliance, start=start, months=months,
        chains=tuple(p.network.chains[0] for p in parts), plans=plans, absent=absent, coordination=worth,
        actions=todo,
        curve=found.curve, swings=found.swings, break_even=found.break_even, marginal=found.marginal,
        warnings=(*effects.notes, *_warnings(network, parts, loaded, hinges), *_new_suppliers(todo)), foresight=known,
        binding=found.binding, remedies=found.remedies, hinge_chains=found.chains,
    )  # fmt: skip


def _reachable_uses(network: SupplyNetwork) -> None:
    """Refuse a stated use that nothing can supply: it would vanish from the base year, and with it its loss."""
    rows = network.adjustments
    own = rows[rows["what"].str.startswith("demand ") & (rows["file"] != "") & (rows["stated"] > UNREACHED)]
    lost = own[own["used"] <= UNREACHED * own["stated"]]
    if len(lost):
        places = [
            f"{row['file']}:{row['line']}: {'@'.join(row['what'].split(' ')[1:])} uses {row['stated']:,.4g} t/yr"
            for row in lost.to_dict("records")
        ]
        raise NetworkError(
            f"{'; '.join(places)}, but no supply reaches it: no site makes it and no flow brings it there. "
            "Add a site with production, a row in flows.csv or trade_factors.csv, or leave the use out."
        )


def _new_suppliers(todo: pd.DataFrame) -> list[str]:
    """From whom the plan buys more, largest first: what law or policy forbids is not in the tables."""
    bought = todo[todo["what"] == BUY].groupby("origin")["tonnes"].sum().sort_values(ascending=False)
    if bought.empty:
        return []
    names = [in_words(str(code)) for code in bought.index]
    more = f" and {len(names) - SUPPLIERS} more" if len(names) > SUPPLIERS else ""
    listed = ", ".join(names[:SUPPLIERS]) + more if more else and_list(names)
    return [f"Sanctions and embargoes are not modelled. The plan buys more from {listed}: strike out what may not be."]


def _warnings(network: SupplyNetwork, parts: list[ChainWays], shocks: Sequence[Shock], hinges: bool) -> list[str]:
    chains = {p.network.chains[0] for p in parts}
    own = network.adjustments[network.adjustments["chain"].isin(chains)]
    weak = own["confidence"].isin(["derived", "unverified", "assumed"])
    curve = (
        "See the stock curve."
        if hinges
        else "The stock curve that shows what hangs on them was left out: quote nothing without it."
    )
    text = [
        f"{100 * weak.mean():.0f} % of the {len(own):,} base-year figures used are derived, unverified or assumed.",
        f"Stocks of members are assumed days of use at each stage, which add up along a chain: the first month short rests on "
        f"them, and nobody publishes them. {curve}",
        "Values of lost output are assumptions with a wide range; tonnes are firmer than dollars.",
    ]
    for shock in shocks:
        if shock.reference_year is not None and shock.reference_year < network.base_year:
            text.append(
                f"{shock.name}: this control was already in force in the base year {network.base_year}, so its trade "
                f"carries part of it; the last year without it is {shock.reference_year}. What is cut here comes on top."
            )
        if any(event.kind == "chokepoint" for event in shock.events):
            text.append(
                f"{shock.name}: a closed passage stops its ships' goods altogether. The longer way round, and dear goods "
                "that would fly (platinum metals, gallium, indium, tellurium), are not modelled: take the loss as an upper end."
            )
    used = network.demands[network.demands["chain"].isin(chains)]
    for member in network.members:
        if member not in set(used["country"]):
            text.append(says_nothing(member))
    moved = own[(own["change_share"].abs() > 0.25) & (own["change"].abs() > 0.01 * own["used"].max())]
    if len(moved):
        text.append(
            f"{len(moved)} figure{'s were' if len(moved) > 1 else ' was'} moved by more than a quarter to balance; "
            "`orebridge data reconcile` lists them."
        )
    return text
