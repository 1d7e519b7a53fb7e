"""What binds in the best plan of a chain, and what would change the answer: named, stated by how much, re-solved.

    worth = loss as planned - loss with that one limit loosened by the stated amount         USD

Levers are found in the network itself (`levers.py`). Each is pulled alone: two together may save more or less than
their sum, so nothing here may be added up. `way` is the single weighted solve of "alone" or "joint". Where coordination
is worth next to nothing this is the answer: coordination cannot help, what binds is X, and A, B or C would.

Not covered: what a remedy costs, who pays, how long it takes (it is taken as done from the first month on, or as early
as stated), and plants that stand in no table of sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orebridge.delivery.levers import Bench, Lever
from orebridge.delivery.naming import commodity_name, month_name, months_text, recipe_name, tonnes, usd
from orebridge.delivery.warm import by_member, total
from orebridge.labels import and_list, in_words
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

LIMITS = ["member", "kind", "what", "months", "worth_usd", "words"]
REMEDIES = ["kind", "what", "change", "saves_usd", "saves_share", "words"]
MORE_CAPACITY, BACK, EARLIER, MORE_ACCEPTED, LET_THROUGH, BOUGHT, LESS_USE = 0.25, 0.1, 6.0, 0.2, 0.1, 0.1, 0.05
DAYS = (30.0, 60.0)
TRIES = 4  # of each form of lever, those that promise most
LEAST = 0.001  # a remedy that saves less than this share of the loss is none
ENOUGH = 0.95  # the smaller of two changes of one lever is shown if it saves this share of what the larger one saves


@dataclass(frozen=True)
class Help:
    """What binds, what would help, and both in a few sentences."""

    limits: pd.DataFrame
    remedies: pd.DataFrame
    words: str


@dataclass(frozen=True)
class _Pulled:
    """A lever, the USD it saves in all, and whose it is."""

    lever: Lever
    saves: float
    member: str


def what_helps(
    network: SupplyNetwork,
    effects: Effects,
    months: int,
    way: str,
    coordination_helps: bool | None = None,
    start: str | None = None,
    most: int = 8,
    others_usd: float = 0.0,
) -> Help:
    """Binding limits and remedies of one chain, from one set of re-solves.

    `coordination_helps`: what `coordination` found (None: not asked). `start` (YYYY-MM) gives months their names.
    `others_usd`: what is lost in other chains beside this one, so that shares are of the whole loss.
    A loss that is unknown in USD cannot be valued: both frames are empty then and the words say so.
    """
    return help_at(Bench(network, effects, months, way), coordination_helps, start, most, others_usd)


def help_at(
    bench: Bench,
    coordination_helps: bool | None = None,
    start: str | None = None,
    most: int = 8,
    others_usd: float = 0.0,
) -> Help:
    """The same of a chain and way that is solved; its program moves on."""
    if not bench.usd > 0:
        return Help(pd.DataFrame(columns=LIMITS), pd.DataFrame(columns=REMEDIES), _nothing(bench))
    pulled = _pull(bench, [*_limit_levers(bench), *_further_levers(bench)])
    limits, cures = _limits(bench, pulled, start, most), _remedies(bench, pulled, start, most, others_usd)
    return Help(limits, cures, in_short(limits, cures, coordination_helps))


def binding_limits(
    network: SupplyNetwork, effects: Effects, months: int, way: str, start: str | None = None, most: int = 8
) -> pd.DataFrame:
    """The limits that bind in the best plan of one chain, worth most first.

    Columns: `member` (where it lies or leads to; of a limit abroad the one that gains most), `kind` (facility, recipe, route, stock), `what`, `months` (when it
    binds), `worth_usd` (loss avoided by loosening it alone by the amount in `words`, from a re-solve), `words`.
    """
    bench = Bench(network, effects, months, way)
    if not bench.usd > 0:
        return pd.DataFrame(columns=LIMITS)
    return _limits(bench, _pull(bench, _limit_levers(bench)), start, most)


def remedies(
    network: SupplyNetwork, effects: Effects, months: int, way: str, start: str | None = None, most: int = 8
) -> pd.DataFrame:
    """What would change the answer of one chain, best first; a change that another of its sort beats is left out.

    Columns: `kind` (facility, recipe, route, stock, demand), `what`, `change`, `saves_usd` and `saves_share` (of the
    loss of this way by the single weighted solve), each alone and from a re-solve, and `words`.
    """
    bench = Bench(network, effects, months, way)
    if not bench.usd > 0:
        return pd.DataFrame(columns=REMEDIES)
    levers = [lever for lever in _limit_levers(bench) if _ours_to_pull(bench, lever)]
    return _remedies(bench, _pull(bench, [*levers, *_further_levers(bench)]), start, most)


# --- pulling levers -----------------------------------------------------------------------------------------------
def _limit_levers(bench: Bench) -> list[Lever]:
    forms = (
        bench.capacity(MORE_CAPACITY), bench.outages(BACK), bench.idle(np.inf), bench.earlier(EARLIER),
        bench.accepted(MORE_ACCEPTED), bench.licences(LET_THROUGH), bench.openings(), bench.purchases(BOUGHT),
        bench.stocks(DAYS[0], dry=True), bench.releases(BACK),
    )  # fmt: skip
    return [lever for form in forms for lever in _promising(form)]


def _further_levers(bench: Bench) -> list[Lever]:
    """What loosens no limit of the plan but would help: larger stocks, and less use."""
    return [*_promising(bench.stocks(DAYS[1], dry=True))[: TRIES - 1], *_promising(bench.savings(LESS_USE))[:1]]


def _promising(levers: Sequence[Lever]) -> list[Lever]:
    return sorted((lever for lever in levers if lever.promise > 0), key=lambda lever: (-lever.promise, lever.at))[
        :TRIES
    ]


def _pull(bench: Bench, levers: list[Lever]) -> list[_Pulled]:
    before, found = by_member(bench.loss), []
    for lever, loss in zip(levers, bench.pull(levers), strict=True):
        after = by_member(loss)
        gain = {member: before[member] - after[member] for member in before}
        # Who gains how much in a joint plan is not unique, so the place of the limit names the member where it can.
        most = max(sorted(gain), key=lambda member: gain[member])
        place = _place(bench, lever)
        found.append(_Pulled(lever, bench.usd - total(loss), place if place in bench.net.members else most))
    return found


def _place(bench: Bench, lever: Lever) -> str:
    """The country a limit lies in, of a route the one it leads to."""
    net, at = bench.net, lever.at[0]
    if lever.kind == "recipe":
        at = int(net.activities["site"].iloc[at])
    if lever.kind in ("facility", "recipe"):
        return str(net.sites["country"].iloc[at])
    if lever.kind == "route":
        return str(net.routes["destination"].iloc[at])
    if lever.kind == "demand":
        return str(net.demands["country"].iloc[at])
    return str((net.nodes if lever.form == "days" else net.stockpiles)["country"].iloc[at])


def _ours_to_pull(bench: Bench, lever: Lever) -> bool:
    """Not a remedy: what only the restricting country or the outage decides, and outbidding others."""
    if lever.form in ("licence", "outage"):
        return False
    return lever.form != "purchase" or bench.sells_nothing_to_others(lever)


# --- frames -------------------------------------------------------------------------------------------------------
def _limits(bench: Bench, pulled: list[_Pulled], start: str | None, most: int) -> pd.DataFrame:
    rows = []
    for item in pulled:
        lever = item.lever
        if lever.kind == "demand" or (lever.form == "days" and lever.amount > DAYS[0]) or not item.saves > 1.0:
            continue
        what, change = named(bench, lever, start)
        when = months_text(lever.months, start) if lever.months else "after the reported months"
        text = f"{_bound(bench, lever, what)} ({when}): {change} would save {usd(item.saves)}."
        rows.append((item.member, lever.kind, what, when, item.saves, text))
    return _ranked(pd.DataFrame(rows, columns=LIMITS), "worth_usd", most)


def _remedies(
    bench: Bench, pulled: list[_Pulled], start: str | None, most: int, others_usd: float = 0.0
) -> pd.DataFrame:
    lost = bench.usd + others_usd
    worth = [item for item in pulled if item.saves > LEAST * lost and _ours_to_pull(bench, item.lever)]
    groups: dict[tuple[object, ...], list[_Pulled]] = {}
    for item in worth:
        groups.setdefault(_rival(bench, item.lever), []).append(item)
    rows = []
    for rivals in groups.values():
        enough = ENOUGH * max(item.saves for item in rivals)
        # Nearly as much for less of the same wins over a little more.
        best = min(
            (item for item in rivals if item.saves >= enough),
            key=lambda item: (item.lever.tonnes, -_rounded(item.saves), item.lever.at),
        )
        what, change = named(bench, best.lever, start)
        text = f"{_capital(what)}: {change} would save {usd(best.saves)} ({_share(best.saves / lost)} of the loss)"
        smaller = [i for i in rivals if i.lever.at == best.lever.at and i.lever.tonnes < best.lever.tonnes]
        if smaller:
            text += f"; {named(bench, smaller[0].lever, start)[1]} {usd(smaller[0].saves)}"
        rows.append((best.lever.kind, what, change, best.saves, best.saves / lost, text + "."))
    return _ranked(pd.DataFrame(rows, columns=REMEDIES), "saves_usd", most)


def _ranked(frame: pd.DataFrame, column: str, most: int) -> pd.DataFrame:
    """Largest first; sums that differ only by the solver's rounding are in the order of their words."""
    size = frame[column].map(_rounded)
    frame = frame.assign(_size=size).sort_values(["_size", "words"], ascending=[False, True])
    return frame.drop(columns="_size").head(most).reset_index(drop=True)


def _rounded(amount: float) -> float:
    return float(f"{amount:.6g}")


def _rival(bench: Bench, lever: Lever) -> tuple[object, ...]:
    """Levers with the same key do the same job; only the best of them is shown."""
    net, at = bench.net, lever.at[0]
    if lever.kind == "stock":
        node = at if lever.form == "days" else int(net.stockpiles["node"].iloc[at])
        mineral = str(net.nodes["commodity"].iloc[node]).split("/", maxsplit=1)[0]
        return "stock", mineral, net.nodes["country"].iloc[node]
    if lever.kind == "route":
        return "route", net.routes["commodity"].iloc[at], net.routes["destination"].iloc[at]
    return lever.kind, lever.form, lever.at


# --- words --------------------------------------------------------------------------------------------------------
def named(bench: Bench, lever: Lever, start: str | None) -> tuple[str, str]:
    """What a lever pulls at, and the change, as noun phrases."""
    net, at = bench.net, lever.at[0]
    size = f"{tonnes(lever.tonnes)} a month"
    if lever.kind == "facility":
        name = str(net.sites["name"].iloc[at])
        opens = float(net.activities["opens"][net.activities["site"] == at].max())
        change = {
            "capacity": f"{lever.amount:.0%} more capacity ({size})",
            "outage": f"{lever.amount:.0%} of capacity back during the outage ({size})",
            "idle": f"opening at once instead of in {month_name(start, int(opens) + 1)}",
        }[lever.form]
        return name, change
    if lever.kind == "recipe":
        return _recipe_words(bench, lever, start)
    if lever.kind == "route":
        return _route_words(bench, lever, start)
    if lever.kind == "demand":
        commodity, country = net.demands["commodity"].iloc[at], net.demands["country"].iloc[at]
        what = f"general use of {commodity_name(net, commodity)} in {in_words(str(country))}"
        return what, f"{lever.amount:.0%} less ({size}; what that costs users is not counted)"
    if lever.form == "days":
        commodity, country = net.nodes["commodity"].iloc[at], net.nodes["country"].iloc[at]
        what = f"stock of {commodity_name(net, commodity)} in {in_words(str(country))}"
        return what, f"{lever.amount:.0f} more days of use at the start ({tonnes(lever.tonnes)})"
    pile = net.stockpiles.iloc[at]
    what = f"{pile['holder']} stock of {commodity_name(net, pile['commodity'])} in {in_words(str(pile['country']))}"
    if lever.form == "trigger":
        return what, f"opening at once instead of {lever.amount:.0f} months into the shock ({size})"
    return what, f"{lever.amount:.0%} of it freed ({tonnes(lever.tonnes)} a month more, and of the floor)"


def _recipe_words(bench: Bench, lever: Lever, start: str | None) -> tuple[str, str]:
    net, at = bench.net, lever.at[0]
    names = sorted({str(net.sites["name"].iloc[int(net.activities["site"].iloc[a])]) for a in lever.at})
    where = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    opens, share = (float(net.activities[column].iloc[at]) for column in ("opens", "accepted"))
    if lever.form == "earlier":
        early = max(opens - lever.amount, 0.0)
        change = (
            f"qualified {opens - early:.0f} months earlier (from {month_name(start, int(early) + 1)} "
            f"instead of {month_name(start, int(opens) + 1)})"
        )
    else:
        change = f"accepted for {min(share + lever.amount, 1.0):.0%} of capacity instead of {share:.0%}"
    return f"the recipe '{recipe_name(net, at)}' at {where}", change


def _route_words(bench: Bench, lever: Lever, start: str | None) -> tuple[str, str]:
    routes, at = bench.net.routes, lever.at[0]
    ends = and_list(in_words(str(code)) for code in dict.fromkeys(routes["destination"].iloc[list(lever.at)]))
    origin = in_words(str(routes["origin"].iloc[at]))
    what = f"{commodity_name(bench.net, str(routes['commodity'].iloc[at]))} from {origin} to {ends}"
    size = f"{tonnes(lever.tonnes)} a month"
    change = {
        "licence": f"a further {lever.amount:.0%} of base-year shipments let through ({size})",
        "opening": f"qualified at once instead of in {month_name(start, int(routes['opens'].iloc[at]) + 1)}",
        "purchase": f"contracts for up to {size} more, {lever.amount:.0%} of what is used of it",
    }[lever.form]
    return what, change


def _bound(bench: Bench, lever: Lever, what: str) -> str:
    """How a limit binds, as the head of a sentence."""
    net, at = bench.net, lever.at[0]
    head = {
        "capacity": f"{what} runs at its limit",
        "outage": f"{what} is out",
        "idle": f"{what} stands idle",
        "earlier": f"{what} is not qualified yet",
        "accepted": f"{what} is accepted for {float(net.activities['accepted'].iloc[at]):.0%} of capacity only"
        if lever.form == "accepted" else "",
        "licence": f"{what} is restricted",
        "opening": f"{what} is not qualified yet",
        "purchase": f"{what} is at what base-year contracts and the contestable share allow",
        "days": f"{what} is used up and missing",
        "release": f"{what} may give no more",
        "trigger": f"{what} is not open yet",
    }[lever.form]  # fmt: skip
    return _capital(head)


def _capital(text: str) -> str:
    """A sentence's head; an id such as `ndfeb/magnet` stays as it is."""
    return text if "/" in text.split(" ", 1)[0] else text[:1].upper() + text[1:]


def _share(part: float) -> str:
    return f"{part:.0%}" if part >= 0.005 else "less than 1%"


def in_short(limits: pd.DataFrame, cures: pd.DataFrame, coordination_helps: bool | None) -> str:
    """What binds and what would help in a few sentences, from frames as of `what_helps`."""
    head = "Coordination cannot help here. " if coordination_helps is False else ""
    bound = list(dict.fromkeys(limits["what"]))[:3]
    text = head + (f"What binds: {'; '.join(bound)}. " if bound else "No limit that could be loosened alone binds. ")
    if not len(cures):
        return text + f"No single change tried would save {LEAST:.1%} of the loss."
    best = [
        f"{row['what']}, {row['change']} ({usd(float(row['saves_usd']))})" for row in cures.head(3).to_dict("records")
    ]
    also = "also " if coordination_helps else ""
    return text + f"What would {also}help, each alone and not to be added up: {'; '.join(best)}."


def _nothing(bench: Bench) -> str:
    if np.isnan(bench.usd):
        return "The loss in USD is unknown (a product without a stated value runs short), so no limit can be valued."
    return "Nothing is lost, so nothing binds."
