"""Time to survive against time to recover: how long members can do without a site, and how long it may be gone.

Time to survive (TTS) of a site is the longest outage from month 1 on after which no use of a member has gone unmet, in
any later month of the horizon, the tail included. An outage of k + f months stands still for k months and runs at
(1 - f) of its capacity in the next; TTS is found to whole months and then within the month. There the tonnes short grow
in a straight line from zero (until something else binds), so two lengths that are too long give the one that is not:

    TTS = a - U(a) (b - a) / (U(b) - U(a))        a < b the two shortest lengths with a shortage, U tonnes short

Example: stock 12 t, use 10 t a month, of which 6 t still come: 4 t a month are missing, so TTS is 12 / 4 = 3.0 months.

Two cases: *unaided* (nobody reacts; own stock goes first) and *planned* (the best plan of the members, made at once and
with the length known: no plan could last longer). The time until a shortage is felt is longer: what is
under way still arrives. Time to recover (TTR) is the `recover` limit of the kind of process (limits.csv: low, value,
high; assumed by kind, nobody publishes it by plant).

    red      TTS < TTR            amber    TTS < TTR high            green    TTS at least that

A TTS of the months looked at means "at least that". Idea: Simchi-Levi and others, Harvard Business Review 2014,
Interfaces 2015 (read second hand). Not covered: several sites at once, and a site that comes back in steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.vulnerabilities.bench import Bench, Case
from orebridge.vulnerabilities.hits import main_outputs
from orebridge.world import Fact, World

Floats = npt.NDArray[np.float64]
SURVIVAL = [
    "chain", "site", "name", "kind", "country", "commodity", "tts_unaided", "tts_planned", "at_least", "ttr_low", "ttr",
    "ttr_high", "ttr_confidence", "status_unaided", "status", "first_short",
]  # fmt: skip
DEMANDS = [
    "chain", "member", "product", "site", "site_name", "tts_unaided", "at_least", "ttr_low", "ttr", "ttr_high", "status",
    "sites_red", "sites_amber",
]  # fmt: skip
RED, AMBER, GREEN, UNKNOWN = "red", "amber", "green", "unknown"
STEPS = 8  # parts of a month that are tried, twice
HALVINGS = 4  # of the last month in the planned case; each is a solve


@dataclass(frozen=True)
class Recovery:
    """Months to recover: value with range, and how it is known; nan where no row states it."""

    value: float
    low: float
    high: float
    confidence: str


@dataclass(frozen=True)
class Survival:
    """Months members can do without one site, in all and by (member, product); the months looked at mean "at least".

    `planned_at_least`: the plan was not looked for beyond that, so the real time is that or longer.
    """

    site: int
    unaided: float
    planned: float
    by_product: Floats
    planned_at_least: bool = False


def recovery_times(world: World) -> dict[str, Recovery]:
    """Time to recover by kind of process, `*` for kinds without a row of their own."""
    return {row["kind"]: _recovery(row) for row in world.rows("limits") if row["limit"] == "recover"}


def _recovery(row: Fact) -> Recovery:
    return Recovery(row.value, row.low, row.high, row.confidence)


def status(tts: float, recovery: Recovery, at_least: bool) -> str:
    """Red, amber or green (see above); unknown where no time to recover is stated, or it lies beyond the months seen.

    >>> status(3.0, Recovery(6.0, 3.0, 12.0, "assumed"), False), status(24.0, Recovery(6.0, 3.0, 12.0, "assumed"), True)
    ('red', 'green')
    """
    if np.isnan(recovery.value):
        return UNKNOWN
    if at_least and tts < recovery.high:
        return UNKNOWN
    return RED if tts < recovery.value else AMBER if tts < recovery.high else GREEN


def survive(
    bench: Bench,
    recovery: Mapping[str, Recovery] | None = None,
    sites: Sequence[int] | None = None,
    planned: bool = True,
) -> list[Survival]:
    """How long members can do without each site that runs in the base year (or those given, by position).

    With `recovery` a plan is sought only up to the longest time to recover, and only where the time to survive without
    one is shorter: beyond it every colour is green. Without `planned` nothing is solved (nan).
    """
    network = bench.network
    chosen = np.flatnonzero(network.sites["base"] > 0) if sites is None else np.asarray(sites, dtype=int)
    unaided = _without_plan(bench, [int(k) for k in chosen])
    found = []
    for site, by_product in unaided.items():
        least, most = float(by_product.min(initial=bench.months)), float(bench.months)
        if recovery is not None:
            high = _of(recovery, str(network.sites["kind"].iloc[site])).high
            most = most if np.isnan(high) else min(most, float(np.ceil(high)))
        best = max(least, _with_plan(bench, site, least, int(most))) if planned else np.nan
        found.append(Survival(site, least, best, by_product, best >= min(most, bench.months)))
    return found


def _limits_case(bench: Bench, jobs: Sequence[tuple[int, float]]) -> list[Floats]:
    """Tonnes short of each (member, product) without a plan, for outages (site, length)."""
    limits = (bench.limits(sites=[site], length=length) for site, length in jobs)
    return [bench.meter.short(case.course) for case in bench.cases(limits)]


def _without_plan(bench: Bench, sites: Sequence[int]) -> dict[int, Floats]:
    """Months by (member, product) for each site, nobody reacting."""
    months, calm = bench.months, bench.meter.short(bench.calm_case.course)
    result = {site: np.full(len(calm), float(months)) for site in sites}
    worst = _limits_case(bench, [(site, months) for site in sites])
    hurt = [site for site, short in zip(sites, worst, strict=True) if _more(short, calm).any()]
    jobs = [(site, float(length)) for site in hurt for length in range(1, months + 1)]
    short = _limits_case(bench, jobs)
    whole = {site: np.array([_more(short[k * months + t], calm) for t in range(months)]) for k, site in enumerate(hurt)}
    # Within the month in which a use first goes short, in two steps: to an eighth of it, then to a sixty-fourth.
    first = {site: np.where(w.any(axis=0), w.argmax(axis=0).astype(float), float(months)) for site, w in whole.items()}
    for width in (1.0, STEPS**-1):
        first = _refined(bench, first, width, calm)
    return result | first


def _refined(bench: Bench, fine: dict[int, Floats], width: float, calm: Floats) -> dict[int, Floats]:
    """For each site and use, a longer length without a shortage between the one given and `width` beyond it.

    The last step interpolates: two lengths that are too long and next to each other show where the shortage begins.
    """
    months, last = float(bench.months), width < 1.0
    jobs = [(site, float(low)) for site, own in fine.items() for low in np.unique(own[own < months])]
    grid = width * np.arange(1, STEPS + 2) / STEPS
    short = _limits_case(bench, [(site, min(low + part, months)) for site, low in jobs for part in grid])
    result = {site: own.copy() for site, own in fine.items()}
    for number, (site, low) in enumerate(jobs):
        tonnes = np.array(short[number * len(grid) : (number + 1) * len(grid)])
        over = _more(tonnes, calm)
        for use in np.flatnonzero(fine[site] == low):
            k = int(np.argmax(over[:, use])) if over[:, use].any() else len(grid) - 1
            result[site][use] = low + (float(grid[k - 1]) if k else 0.0)
            if last:
                result[site][use] = low + _root(grid, tonnes[:, use] - calm[use], k)
    return result


def _more(short: Floats, calm: Floats) -> npt.NDArray[np.bool_]:
    """Whether more is short than when nothing is hit."""
    result: npt.NDArray[np.bool_] = short > calm + 1e-6 * (1.0 + calm)
    return result


def _root(lengths: Floats, tonnes: Floats, first: int) -> float:
    """Longest length without a shortage, where `first` is the first of `lengths` with one."""
    fine = float(lengths[first - 1]) if first else 0.0
    if first + 1 >= len(lengths) or tonnes[first + 1] <= tonnes[first]:
        return fine
    a, b = float(lengths[first]), float(lengths[first + 1])
    at = a - float(tonnes[first]) * (b - a) / float(tonnes[first + 1] - tonnes[first])
    return min(max(at, fine), a)


def _with_plan(bench: Bench, site: int, least: float, most: int) -> float:
    """Months with the best plan, looked for up to `most`; never less than without one, which is itself a plan."""
    if least >= most:
        return least
    calm = float(bench.meter.short(bench.calm_case.course).sum())

    def short(length: float) -> float:
        case = next(bench.cases([bench.limits(sites=[site], length=length)]))
        return max(_planned_short(bench, case) - calm, 0.0)

    low, over = _whole_months(short, int(np.floor(least)), most)
    if over is None:
        return float(most)
    # Lengths known to be too long, shortest first, and the longest known not to be.
    fine, too_long = max(float(low), least), [over]
    for _ in range(HALVINGS):
        middle = 0.5 * (fine + too_long[0][0])
        tonnes = short(middle)
        if tonnes > 0.0:
            too_long.insert(0, (middle, tonnes))
        else:
            fine = middle
    if len(too_long) < 2 and over[0] < bench.months:
        too_long.append((over[0] + 0.25, short(min(over[0] + 0.25, float(bench.months)))))
    if len(too_long) < 2 or too_long[1][1] <= too_long[0][1]:
        return fine
    (a, u), (b, v) = too_long[0], too_long[1]
    return max(fine, min(a, a - u * (b - a) / (v - u)))


def _whole_months(short: Callable[[float], float], low: int, most: int) -> tuple[int, tuple[float, float] | None]:
    """Longest whole month without a shortage, and the next with its tonnes short; by halving: longer is not better."""
    worst = short(float(most))
    if worst <= 0.0:
        return most, None
    over = (float(most), worst)
    while over[0] - low > 1:
        middle = int(low + over[0]) // 2
        tonnes = short(float(middle))
        if tonnes > 0.0:
            over = (float(middle), tonnes)
        else:
            low = middle
    return low, over


def _trace(bench: Bench) -> float:
    """Tonnes that count as no shortage in a plan: the solver's own tolerance over all uses and months."""
    return 1e-6 * bench.horizon.months


def _planned_short(bench: Bench, case: Case) -> float:
    short = float(bench.meter.short(case.course).sum())
    if short == 0.0:
        return 0.0
    tonnes = float(bench.meter.short(bench.plan(case).flows).sum())
    return tonnes if tonnes > _trace(bench) else 0.0


# --- tables -------------------------------------------------------------------------------------------------------
def survival_rows(bench: Bench, found: Sequence[Survival], recovery: Mapping[str, Recovery]) -> pd.DataFrame:
    """One row per site: both times to survive, time to recover with range, and the colour of each case.

    `status` is the planned case's (the unaided one's where none was planned); `first_short` the use that fails first
    without a plan.
    """
    sites, main = bench.network.sites, main_outputs(bench.network)
    rows = []
    for item in found:
        row, back = sites.iloc[item.site], _of(recovery, str(sites["kind"].iloc[item.site]))
        held = item.unaided >= bench.months
        planned = not np.isnan(item.planned)
        best, capped = (item.planned, item.planned_at_least) if planned else (item.unaided, held)
        k = int(np.argmin(item.by_product)) if len(item.by_product) and not held else -1
        first = "/".join(bench.meter.products[k]) if k >= 0 else ""
        rows.append(
            (row["chain"], row["site"], row["name"], row["kind"], row["country"], main.get(item.site, ""), item.unaided,
             item.planned, capped, back.low, back.value, back.high, back.confidence,
             status(item.unaided, back, held), status(best, back, capped), first)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=SURVIVAL)


def demand_rows(bench: Bench, found: Sequence[Survival], recovery: Mapping[str, Recovery]) -> pd.DataFrame:
    """One row per member and product: the site that endangers it most without a plan, and how many do.

    Most endangered: lowest TTS less TTR. Where every site can be done without, the one with the shortest TTS stands.
    """
    sites = bench.network.sites
    rows = []
    for k, (member, product) in enumerate(bench.meter.products):
        seen = []
        for item in found:
            tts, back = float(item.by_product[k]), _of(recovery, str(sites["kind"].iloc[item.site]))
            seen.append((tts - back.value, tts, item.site, back, status(tts, back, tts >= bench.months)))
        if not seen:
            continue
        _, tts, site, back, colour = min(seen, key=lambda s: (s[4] == UNKNOWN, s[0], s[2]))
        counts = [sum(s[4] == c for s in seen) for c in (RED, AMBER)]
        row = sites.iloc[site]
        rows.append(
            (row["chain"], member, product, row["site"], row["name"], tts, tts >= bench.months, back.low, back.value,
             back.high, colour, *counts)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=DEMANDS)


def _of(recovery: Mapping[str, Recovery], kind: str) -> Recovery:
    unknown = Recovery(np.nan, np.nan, np.nan, "")
    return recovery.get(kind) or recovery.get("*") or unknown
