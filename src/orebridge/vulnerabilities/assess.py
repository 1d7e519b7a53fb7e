"""The verb `vulnerabilities`: everything about where chains break, chain by chain, as tables.

Chains are independent (`contingencies`), so they are worked on side by side and their tables are put together; the answer
does not depend on the number of workers.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from orebridge.build import build_network
from orebridge.delivery.remedies import remedies
from orebridge.errors import ShockError
from orebridge.labels import Labels
from orebridge.network import SupplyNetwork
from orebridge.stories.scope import scope_of
from orebridge.vulnerabilities.bench import Bench
from orebridge.vulnerabilities.byproducts import EFFECTS, LIMITS, host_cuts, recovery_limits
from orebridge.vulnerabilities.concentration import concentration, coverage, is_lump
from orebridge.vulnerabilities.contingencies import (
    CONTINGENCIES,
    Outcome,
    Pairs,
    loss_rows,
    outcome_rows,
    product_rows,
    singles,
    worst_across,
    worst_pairs,
)
from orebridge.vulnerabilities.hits import JOINT, KINDS, Hit, effects_of, hits_of
from orebridge.vulnerabilities.result import Vulnerabilities, hit_words
from orebridge.vulnerabilities.survival import DEMANDS, SURVIVAL, demand_rows, recovery_times, survival_rows, survive
from orebridge.vulnerabilities.tracing import trace
from orebridge.world import World, load_world

Note = Callable[[str], None]
WORKERS = 2
SEARCH = ["chain", "pairs", "same", "harmless", "additive", "plans", "below"]
ACROSS = ["first_chain", "first_kind", "first", "second_chain", "second_kind", "second", "planned_usd"]
PASSAGES = ["passage", "chains", "unaided_usd", "planned_usd", "worst_chain", "worst_chain_usd"]
REMEDIES = ["chain", "kind", "name", "lost_usd", "remedy_kind", "what", "change", "saves_usd", "saves_share", "words"]


@dataclass(frozen=True)
class Wanted:
    """What to look for: months looked at, length of a hit, way of planning, kinds and names of hits, and the extras."""

    months: int
    length: int
    way: str
    kinds: tuple[str, ...]
    only: tuple[str, ...]
    pairs: int
    plan_survival: bool
    route_pairs: bool


@dataclass(frozen=True)
class _Chain:
    """One chain's part of the answer."""

    bench: Bench
    outcomes: list[Outcome]
    pairs: Pairs | None
    tables: dict[str, pd.DataFrame]


def vulnerabilities(
    names: Sequence[str] = (),
    members: Sequence[str] = ("USA", "JPN"),
    months: int = 24,
    length: int = 12,
    *,
    way: str = "alone",
    kinds: Sequence[str] = KINDS,
    only: Sequence[str] = (),
    pairs: int = 0,
    helped: int = 0,
    plan_survival: bool = True,
    route_pairs: bool = False,
    world: World | None = None,
    note: Note = lambda _: None,
) -> Vulnerabilities:
    """Where the chains of these minerals or chains (default: all) break, how soon, how badly.

    `length` months of each hit, within `months` reported; `pairs`: the worst pairs of hits to be proven, per chain;
    `only`: names of hits to try, `*` allowed (default: all of `kinds`); `helped`: for how many of the worst hits to look
    for remedies. Pairs are of all kinds but routes, which are parts of what a supplier sells; `route_pairs` takes them in
    (many more pairs). `plan_survival=False` leaves out times to survive with a plan. Raises UnknownLabel for an unknown
    mineral or member, ShockError for a hit that touches nothing.
    """
    if not 1 <= months <= 120:
        raise ShockError(f"--months must be from 1 to 120, not {months}.")
    if not 1 <= length <= months:
        raise ShockError(f"--length must be from 1 to the months of the plan ({months}), not {length}.")
    if pairs < 0 or helped < 0:
        raise ShockError("--pairs and --remedies count hits: 0 or more.")
    world = world or load_world()
    chains = list(dict.fromkeys(scope_of(world, name).chain for name in names)) or None
    note("building the supply network")
    network = build_network(world, tuple(dict.fromkeys(members)), chains)
    if set(network.unseen) == set(network.members):
        network.refuse_unseen()
    wanted = Wanted(months, length, way, tuple(kinds), tuple(only), pairs, plan_survival, route_pairs)
    parts = [network.subset([chain]) for chain in network.chains]
    _check_names(network, wanted)
    operators = {row["site"]: row["operator"] for row in world.records("sites")}
    order = sorted(range(len(parts)), key=lambda k: -len(parts[k].routes))
    with ThreadPoolExecutor(WORKERS) as pool:  # the solver works outside the interpreter's lock
        jobs = {k: pool.submit(_chain, parts[k], world, wanted, operators, note) for k in order}
        done = [jobs[k].result() for k in range(len(parts))]
    return _result(network, world, wanted, tuple(names), done, operators, helped, note)


def _check_names(network: SupplyNetwork, wanted: Wanted) -> None:
    """Every name in `only` is that of a hit."""
    known = sorted({hit.name for hit in hits_of(network, wanted.kinds)})
    for pattern in wanted.only:
        if not any(fnmatchcase(name, pattern) for name in known):
            near = difflib.get_close_matches(pattern, known, n=3, cutoff=0.4)
            hint = f" (nearest: {', '.join(near)})" if near else ""
            raise ShockError(
                f"{pattern!r} touches nothing in {', '.join(network.chains)}: no {' or '.join(wanted.kinds)} in use in the "
                f"base year has that name{hint}."
            )


def _chain(part: SupplyNetwork, world: World, wanted: Wanted, operators: dict[str, str], note: Note) -> _Chain:
    name = part.chains[0].replace("_", " ")
    bench = Bench(part, wanted.months, wanted.way)
    note(f"{name}: single hits")
    hits = [
        hit
        for hit in hits_of(part, wanted.kinds)
        if not wanted.only or any(fnmatchcase(hit.name, pattern) for pattern in wanted.only)
    ]
    outcomes = singles(bench, hits, wanted.length)
    stages, shares = concentration(part, operators)
    limits = recovery_limits(bench, world)
    tables = {
        "stages": stages,
        "shares": shares,
        "coverage": coverage(part),
        "contingencies": outcome_rows(outcomes, bench.meter),
        "losses": loss_rows(outcomes, bench.meter, wanted.way),
        "products": product_rows(outcomes, bench.meter, wanted.way),
        "traces": trace(part),
        "host_limits": limits,
        "host_cuts": host_cuts(bench, limits, wanted.length) if len(limits) else pd.DataFrame(columns=EFFECTS),
    }
    found = None
    if wanted.pairs:
        note(f"{name}: pairs of hits")
        single = outcomes
        if not wanted.route_pairs:
            single = [outcome for outcome in outcomes if outcome.hit.kind != "route"] or outcomes
        found = worst_pairs(bench, single, wanted.length, wanted.pairs)
        tables["pairs"] = outcome_rows(found.worst, bench.meter)
        counts = (found.pairs, found.same, found.harmless, found.additive, found.solved, found.below)
        tables["pair_search"] = pd.DataFrame([(part.chains[0], *counts)], columns=SEARCH)
    note(f"{name}: times to survive")
    recovery = recovery_times(world)
    survived = survive(bench, recovery, planned=wanted.plan_survival)
    tables["survival"] = survival_rows(bench, survived, recovery)
    tables["survival_demands"] = demand_rows(bench, survived, recovery)
    return _Chain(bench, outcomes, found, tables)


def _result(
    network: SupplyNetwork, world: World, wanted: Wanted, asked: tuple[str, ...], done: list[_Chain],
    operators: dict[str, str], helped: int, note: Note,
) -> Vulnerabilities:  # fmt: skip
    empty = {
        "host_limits": pd.DataFrame(columns=LIMITS), "host_cuts": pd.DataFrame(columns=EFFECTS),
        "pairs": pd.DataFrame(columns=CONTINGENCIES), "pair_search": pd.DataFrame(columns=SEARCH),
        "survival": pd.DataFrame(columns=SURVIVAL), "survival_demands": pd.DataFrame(columns=DEMANDS),
    }  # fmt: skip
    names = list(dict.fromkeys([*(name for part in done for name in part.tables), *empty]))
    tables = {
        name: _stacked([part.tables[name] for part in done if name in part.tables], empty.get(name)) for name in names
    }
    outcomes = [outcome for part in done for outcome in part.outcomes]
    labels = Labels.of(world)
    for name in ("contingencies", "pairs"):
        frame = tables[name]
        hits = list(zip(frame["kind"].astype(str), frame["name"].astype(str), frame["chain"].astype(str), strict=True))
        frame["lump"] = np.array([_lump(network, hit, operators) for _, hit, _ in hits], dtype=bool)
        frame["words"] = [
            hit_words(kind, hit, labels) + (f" ({labels.chain(chain)})" if "chokepoint" in kind else "")
            for kind, hit, chain in hits
        ]
    tables["passages"] = _passages(tables["contingencies"])
    tables["pairs_across"] = pd.DataFrame(
        [
            (a.hit.chain, a.hit.kind, a.hit.name, b.hit.chain, b.hit.kind, b.hit.name, usd)
            for a, b, usd in worst_across([o for o in outcomes if o.hit.kind != "route"], max(wanted.pairs, 5))
        ],
        columns=ACROSS,
    )
    tables["remedies"] = _helped(network, wanted, done, tables["contingencies"], helped, note)
    return Vulnerabilities(
        network=network, world=world, asked=asked, months=wanted.months, length=wanted.length, way=wanted.way,
        tables=tables, solves=sum(part.bench.solves for part in done),
    )  # fmt: skip


def _stacked(frames: list[pd.DataFrame], none: pd.DataFrame | None) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    if filled:
        return pd.concat(filled, ignore_index=True)
    if frames:
        return frames[0]
    assert none is not None
    return none


def _lump(network: SupplyNetwork, name: str, operators: dict[str, str]) -> bool:
    """Whether a facility of the hit stands for several plants (all makers of a country)."""
    sites = network.sites.set_index("site")
    named = [part for part in name.split(JOINT) if part in sites.index]
    own = sites.loc[named]
    return any(
        is_lump(str(called), operators.get(str(site), ""), str(country))
        for site, called, country in zip(own.index, own["name"], own["country"], strict=True)
    )


def _passages(contingencies: pd.DataFrame) -> pd.DataFrame:
    """What closing each passage costs over all chains: chains are additive, so losses add up exactly."""
    rows = []
    own = contingencies[contingencies["kind"] == "chokepoint"]
    for passage, group in own.groupby("name"):
        worst = group.sort_values("planned_usd", ascending=False, kind="stable").iloc[0]
        rows.append(
            (passage, len(group), float(group["unaided_usd"].sum(skipna=False)),
             float(group["planned_usd"].sum(skipna=False)), worst["chain"], float(worst["planned_usd"]))
        )  # fmt: skip
    frame = pd.DataFrame(rows, columns=PASSAGES)
    return frame.sort_values("planned_usd", ascending=False, kind="stable").reset_index(drop=True)


def _helped(
    network: SupplyNetwork, wanted: Wanted, done: list[_Chain], table: pd.DataFrame, most: int, note: Note
) -> pd.DataFrame:
    """Remedies of the worst hits that are not lumps of plants, by `delivery.remedies`: each alone, from a re-solve."""
    rows = []
    ranked = table[~table["lump"] & (table["planned_usd"] > 0)].sort_values(
        "planned_usd", ascending=False, kind="stable"
    )
    for row in ranked.head(most).to_dict("records"):
        note(f"what would help against {row['words']}")
        part = network.subset([row["chain"]])
        hit: Hit = next(
            o.hit
            for chain in done
            for o in chain.outcomes
            if (o.hit.chain, o.hit.kind, o.hit.name) == (row["chain"], row["kind"], row["name"])
        )
        cures = remedies(part, effects_of(part, [hit], wanted.length), wanted.months, wanted.way)
        rows += [
            (row["chain"], row["kind"], row["name"], row["planned_usd"], cure["kind"], cure["what"], cure["change"],
             cure["saves_usd"], cure["saves_share"], cure["words"])
            for cure in cures.to_dict("records")
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=REMEDIES)
