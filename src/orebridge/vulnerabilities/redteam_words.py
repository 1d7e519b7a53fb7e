"""The red team's answer for people: sections for the terminal and the brief, tables, and JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from orebridge.delivery.naming import usd
from orebridge.labels import Labels, and_list, capital, country_name, in_words
from orebridge.network import SupplyNetwork
from orebridge.stories.section import Section
from orebridge.vulnerabilities.fix_menu import Cost, Fix
from orebridge.vulnerabilities.fixes import FixPlan, Single
from orebridge.vulnerabilities.losses import ITEMS
from orebridge.vulnerabilities.redteam import Blow, RedTeam, Round, Strike

NUMBER = ("no", "one", "two", "three", "four")
WAY = {"alone": "each member plans for itself", "joint": "members plan together"}
KINDS = {"supplier": "suppliers", "facility": "facilities", "route": "routes", "chokepoint": "passages"}
SHOWN = 5  # single changes told per strike
WORST = [
    "hits",
    "what",
    "chains",
    "loss_usd",
    "bound_usd",
    "proven",
    "sets",
    "bounded",
    "solved",
    "seconds",
]
LOSSES = ["hits", "chain", "member", "item", "tonnes", "usd"]
FIXES = ["strike", "loss_usd", "left_usd", "fix", "what", "change", "outlay_usd", "low_usd", "high_usd"]
MENU = ["strike", "fix", "what", "change", "saves_usd", "saves_share", "outlay_usd", "low_usd", "high_usd"]


def blow_words(network: SupplyNetwork, blow: Blow, labels: Labels) -> str:
    """What happens, as a clause."""
    hit = blow.hits[0]
    if blow.kind == "supplier":
        return f"{in_words(hit.country)} stops exporting {_inside(labels.commodity(hit.commodity))}"
    if blow.kind == "facility":
        sites = network.sites.set_index("site")["name"]
        name = str(sites.get(blow.name, blow.name))
        place = country_name(hit.country)
        return f"no output from {name}" if place in name else f"no output from {name} ({place})"
    if blow.kind == "route":
        goods, _, ends = blow.name.partition(":")
        origin, _, goal = ends.partition(">")
        return f"{_inside(labels.commodity(goods))} from {in_words(origin)} no longer reaches {in_words(goal)}"
    passage = " ".join(part if part in ("el",) else part.capitalize() for part in blow.name.split("_"))
    return f"the passage {passage} is closed"


def strike_words(network: SupplyNetwork, strike: Strike, labels: Labels) -> str:
    """All hits of a set, as a sentence without a full stop."""
    return capital("; ".join(blow_words(network, blow, labels) for blow in strike.blows))


def sure_words(item: Round) -> str:
    """How sure it is that nothing worse exists."""
    done = f"{item.sets:,} possible sets, {item.bounded:,} bounds, {item.solved:,} plans solved"
    if item.proven:
        return f"proven: {done}"
    return f"not proven in the time given: no set costs more than {usd(item.bound_usd)}, {item.gap:.0%} above; {done}"


def sections(red: RedTeam, plans: Sequence[FixPlan], labels: Labels) -> list[Section]:
    """The answer as titled tables, for the terminal and the brief."""
    return [_worst(red, labels), _sure(red), *([_singles(red, plans, labels)] if red.singles else []), *(
        _plan(red.network, plan, labels) for plan in plans
    )]  # fmt: skip


def _worst(red: RedTeam, labels: Labels) -> Section:
    columns = (
        "hits",
        "what strikes",
        ">loss, million USD",
        *(f">{member}" for member in red.members),
        ">short from month",
    )
    rows = [
        (NUMBER[item.hits], strike_words(red.network, item.strike, labels), _million(item.strike.usd),
         *(_million(item.strike.usd_of(member)) for member in red.members), str(item.strike.first_month or "never"))
        for item in red.rounds
    ]  # fmt: skip
    who = and_list([in_words(member) for member in red.members])
    text = (
        f"Which hits at once would cost {who} most? All strike in month 1 and last {red.length} months; losses are over "
        f"{red.months} months with the best plan ({WAY[red.way]}), stocks missing at the end included.",
        "Read the ranking, not the sums: values per tonne, stocks and shares of use are assumptions with wide ranges, and "
        "a facility may stand for all makers of a country, as in the tables.",
        *red.notes,
    )
    return Section("The worst hits", text, columns, tuple(rows))


def _sure(red: RedTeam) -> Section:
    count = and_list([_counted(n, kind) for kind, n in red.candidates.items() if n])
    quota = "of any kind"
    if red.budget.of_kind:
        quota = and_list([f"at most {_counted(n, kind)}" for kind, n in red.budget.of_kind.items()])
    text = [
        f"Tried: {count} in {len(red.chains)} chain{'s' if len(red.chains) > 1 else ''}, {quota}. {red.thinned:,} more hits touch "
        "only what another touches too and were left out"
        + (
            f"; {red.restored} of that sort cost more by themselves than the larger hit and were kept."
            if red.restored
            else "."
        ),
        "A set is solved with the full plan unless its ceiling (the course without a plan, own dearest uses served first, "
        "which a planner can always do) is below the worst loss found. Losses of chains add up.",
    ]
    rows = [(NUMBER[item.hits], sure_words(item), f"{item.seconds:.0f}") for item in red.rounds]
    return Section("How sure that is", tuple(text), ("hits", "what was shown", ">seconds"), tuple(rows))


def _counted(count: int, kind: str) -> str:
    return f"{count:,} {'passage' if kind == 'chokepoint' else kind}" if count == 1 else f"{count:,} {KINDS[kind]}"


def _singles(red: RedTeam, plans: Sequence[FixPlan], labels: Labels) -> Section:
    known = {_key(plan.strike): plan for plan in plans}
    rows = []
    for strike in red.singles:
        plan = known.get(_key(strike))
        rows.append((strike_words(red.network, strike, labels), _million(strike.usd), *_fix_cells(plan, labels)))
    columns = ("what strikes", ">loss, million USD", "cheapest fix", ">outlay, million USD", ">loss left")
    return Section("The worst single hits and what would take most of the loss away", (), columns, tuple(rows))


def _fix_cells(plan: FixPlan | None, labels: Labels) -> tuple[str, str, str]:
    if plan is None:
        return "not asked", "", ""
    if not plan.fixes:
        return "none of the changes tried helps", "", _million(plan.left_usd)
    what = "; ".join(f"{plain(fix.what, labels)}: {fix.change}" for fix in plan.fixes)
    if not plan.reached:
        what = f"no set tried removes {plan.share:.0%}; the best found: {what}"
    return what, _range(plan.cost), _million(plan.left_usd)


def _plan(network: SupplyNetwork, plan: FixPlan, labels: Labels) -> Section:
    text = [_fix_words(plan)]
    if plan.fixes and not math.isnan(plan.let_through):
        text.append(
            f"With {plan.let_through:.0%} of what is struck still moving or running as much would be saved: a licence or waiver "
            "of that size, where there is somebody to grant one."
        )
    text += [f"{capital(plain(words, labels))}" for words in plan.prices]
    rows = [
        (capital(plain(s.fix.what, labels)), s.fix.change, _million(s.saves_usd), f"{s.saves_usd / plan.loss_usd:.0%}",
         _range(s.fix.cost))
        for s in _telling(plan.menu)
    ]  # fmt: skip
    columns = ("change", "by how much", ">saves, million USD", ">of the loss", ">outlay, million USD")
    return Section(f"Against: {strike_words(network, plan.strike, labels)}", tuple(text), columns, tuple(rows))


def _fix_words(plan: FixPlan) -> str:
    if not plan.fixes:
        return "No change tried saves even a hundredth of the loss."
    told = f"{plan.removed:.0%} of the loss of {usd(plan.loss_usd)} goes for an outlay of {usd(plan.cost.usd)}"
    ends = f"({usd(plan.cost.low)} to {usd(plan.cost.high)})"
    if not plan.reached:
        return f"No set tried removes {plan.share:.0%}: the best found, {told} {ends}."
    if plan.cheapest:
        sure = f"no cheaper one of the {plan.sets:,} sets of these changes does it ({plan.solved} re-solves)"
    elif math.isnan(plan.least_usd):
        sure = "not shown to be the cheapest: too many changes at once to search through"
    else:
        sure = f"not shown to be the cheapest: no set of these changes below {usd(plan.least_usd)} does it"
    return f"{told} {ends}; {sure}. Stocks bought can be sold again; what they and the plants are otherwise good for is not counted."


def _telling(menu: Sequence[Single]) -> list[Single]:
    """One size of each place: the one that saves most per USD of those that save at least half of the place's most."""
    best: dict[object, Single] = {}
    for single in menu:
        most = max(s.saves_usd for s in menu if s.fix.place == single.fix.place)
        if single.saves_usd >= 0.5 * most and single.fix.place not in best:
            best[single.fix.place] = single
    return list(best.values())[:SHOWN]


def plain(text: str, labels: Labels) -> str:
    """Ids of commodities in a text as their labels."""
    return re.sub(r"\b[a-z_]+/[a-z0-9_-]+", lambda found: _inside(labels.commodity(found[0])), text)


def _inside(label: str) -> str:
    """A label inside a sentence: no capital at its head, unless it is a symbol."""
    first = label.split(" ", 1)[0]
    word = len(first) > 2 and first.isalpha() and first[1:].islower()
    return first.lower() + label[len(first) :] if word else label


def _million(amount: float) -> str:
    return f"{amount / 1e6:,.0f}" if abs(amount) >= 1e7 else f"{amount / 1e6:,.2g}"


def _range(cost: Cost) -> str:
    return f"{_million(cost.usd)} ({_million(cost.low)}-{_million(cost.high)})"


def _key(strike: Strike) -> tuple[str, ...]:
    return tuple(f"{blow.key} {','.join(hit.chain for hit in blow.hits)}" for blow in strike.blows)


# --- tables and JSON ----------------------------------------------------------------------------------------------
def tables(red: RedTeam, plans: Sequence[FixPlan], labels: Labels) -> dict[str, pd.DataFrame]:
    """Frames `worst`, `losses`, `fixes` and `menu`, in tonnes and USD."""
    worst, losses = [], []
    for item in red.rounds:
        words = strike_words(red.network, item.strike, labels)
        worst.append((item.hits, words, ";".join(item.strike.losses), item.strike.usd, item.bound_usd, item.proven, item.sets,
                      item.bounded, item.solved, round(item.seconds, 1)))  # fmt: skip
        losses += [
            (item.hits, chain, member, name, float(loss.tonnes[m, k]), float(loss.usd[m, k]))
            for chain, loss in item.strike.losses.items()
            for m, member in enumerate(red.members)
            for k, name in enumerate(ITEMS)
            if loss.tonnes[m, k] > 0
        ]
    fixes, menu = [], []
    for plan in plans:
        name = strike_words(red.network, plan.strike, labels)
        fixes += [(name, plan.loss_usd, plan.left_usd, *_fix_row(fix, labels)) for fix in plan.fixes]
        menu += [
            (name, *_fix_row(s.fix, labels)[:3], s.saves_usd, s.saves_usd / plan.loss_usd, *_fix_row(s.fix, labels)[3:])
            for s in plan.menu
        ]
    return {
        "worst": pd.DataFrame(worst, columns=WORST), "losses": pd.DataFrame(losses, columns=LOSSES),
        "fixes": pd.DataFrame(fixes, columns=FIXES), "menu": pd.DataFrame(menu, columns=MENU),
    }  # fmt: skip


def _fix_row(fix: Fix, labels: Labels) -> tuple[str, str, str, float, float, float]:
    return fix.kind, plain(fix.what, labels), fix.change, fix.cost.usd, fix.cost.low, fix.cost.high


def to_dict(red: RedTeam, plans: Sequence[FixPlan], labels: Labels) -> dict[str, Any]:
    """The answer as JSON: nothing that is unknown is a number."""
    return {
        "members": list(red.members), "chains": list(red.chains), "months": red.months, "length": red.length, "way": red.way,
        "budget": {"hits": red.budget.hits, "of_kind": dict(red.budget.of_kind)},
        "candidates": dict(red.candidates), "thinned": red.thinned, "restored": red.restored, "notes": list(red.notes),
        "rounds": [_round_dict(red, item, labels) for item in red.rounds],
        "worst_single_hits": [_strike_dict(red.network, strike, labels) for strike in red.singles],
        "fixes": [_plan_dict(red.network, plan, labels) for plan in plans],
    }  # fmt: skip


def _round_dict(red: RedTeam, item: Round, labels: Labels) -> dict[str, Any]:
    return _strike_dict(red.network, item.strike, labels) | {
        "hits_allowed": item.hits, "bound_usd": item.bound_usd, "proven": item.proven,
        "gap": _number(item.gap), "possible_sets": item.sets, "ceilings": item.bounded, "solved": item.solved,
        "seconds": round(item.seconds, 2),
    }  # fmt: skip


def _strike_dict(network: SupplyNetwork, strike: Strike, labels: Labels) -> dict[str, Any]:
    return {
        "words": strike_words(network, strike, labels),
        "hits": [
            {"kind": blow.kind, "name": blow.name, "chains": [hit.chain for hit in blow.hits], "same_as": list(blow.same)}
            for blow in strike.blows
        ],
        "loss_usd": strike.usd,
        "by_member_usd": {member: strike.usd_of(member) for member in strike.members},
        "by_tier_usd": strike.items(),
        "by_chain_usd": {chain: loss.total_usd for chain, loss in strike.losses.items()},
        "first_month_short": strike.first_month or None,
    }  # fmt: skip


def _plan_dict(network: SupplyNetwork, plan: FixPlan, labels: Labels) -> dict[str, Any]:
    return {
        "against": strike_words(network, plan.strike, labels), "share": plan.share, "loss_usd": plan.loss_usd,
        "left_usd": plan.left_usd, "removed": plan.removed, "reached": plan.reached, "cheapest": plan.cheapest,
        "no_set_below_usd": _number(plan.least_usd), "outlay_usd": _cost_dict(plan.cost), "sets": plan.sets,
        "solved": plan.solved, "let_through_share": _number(plan.let_through),
        "prices": [plain(words, labels) for words in plan.prices],
        "fixes": [_fix_dict(fix, labels) for fix in plan.fixes],
        "menu": [_fix_dict(s.fix, labels) | {"saves_usd": s.saves_usd} for s in plan.menu],
    }  # fmt: skip


def _fix_dict(fix: Fix, labels: Labels) -> dict[str, Any]:
    return {
        "chain": fix.place[0], "kind": fix.kind, "at": fix.place[2], "what": plain(fix.what, labels), "change": fix.change,
        "tonnes": fix.tonnes, "outlay_usd": _cost_dict(fix.cost),
    }  # fmt: skip


def _cost_dict(cost: Cost) -> dict[str, float]:
    return {"value": cost.usd, "low": cost.low, "high": cost.high}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
