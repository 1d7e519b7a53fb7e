"""By-products: what a cut in the host metal (zinc, alumina, copper, nickel) does to what is recovered beside it.

    recovery limit of a site = rate (t of by-product per t of host) x host throughput of its country x (1 - cut)

Gallium comes from alumina liquor, germanium and indium from zinc, tellurium from the slimes of copper refining, cobalt
from mined copper and nickel, platinum metals from nickel: their price does not make more ore be dug. A site runs at the
smaller of its circuit and that limit, so a small cut may change nothing (`slack`: the cut from which base-year output
falls). The cut strikes all countries of a host at once, from month 1 for `length` months, and members' losses are those
of a contingency: without a plan, and planned.

Rates and throughputs are the rows of host_rates.csv and hosts.csv, mostly derived from base-year output "with room":
the slack is then that room and nothing more. So each cut is also tried with no room (`case`): output falls by the cut
itself, as if every circuit already took all it can. The truth lies between. Where a site has no row for its host its
limit is absent, and a cut does not touch it; what comes from feed without a host (tellurium of Sweden's gold ore, of
Korea and of the Philippines) is no part of `recovery_before`. Not covered: by-product grades that change with the ore,
feed bought in from other countries, and host metals that are themselves short of concentrate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from orebridge.vulnerabilities.bench import Bench
from orebridge.world import Fact, World

CUTS = (0.1, 0.2, 0.3, 0.4, 0.5)
STATED, NO_ROOM = "as stated", "no room"
LIMITS = [
    "chain", "site", "name", "process", "host", "country", "rate", "rate_low", "rate_high", "rate_confidence",
    "host_t_per_year", "limit_t_per_year", "base_t_per_year", "capacity_t_per_year", "slack",
]  # fmt: skip
EFFECTS = [
    "chain", "host", "case", "cut", "recovery_before", "recovery_after", "recovery_lost", "unaided_usd", "planned_usd",
    "unaided_t", "planned_t", "first_month_unaided", "first_month_planned", "worst_member", "worst_product",
    "worst_product_share",
]  # fmt: skip


def recovery_limits(bench: Bench, world: World) -> pd.DataFrame:
    """One row per site of the chain with a host: what the host allows, and how much it may shrink before output does.

    Tonnes of the site's activity per year. `limit_t_per_year` and `slack` are nan where no rate or throughput is stated.
    """
    rates = {(row["process"], row["country"]): row for row in world.rows("host_rates")}
    hosts = {(row["host"], row["country"]): row for row in world.rows("hosts")}
    sites = bench.network.sites
    rows = []
    for row in sites[sites["host"] != ""].itertuples():
        site, process, host, country = (str(getattr(row, name)) for name in ("site", "process", "host", "country"))
        rate: Fact | None = rates.get((process, country), rates.get((process, "*")))
        flow = hosts.get((host, country))
        limit = rate.value * flow.value if rate and flow else np.nan
        base, capacity = float(str(row.base)) * 12.0, float(str(row.capacity)) * 12.0
        slack = 1.0 - base / limit if limit > 0 else np.nan
        rows.append(
            (str(row.chain), site, str(row.name), process, host, country, rate.value if rate else np.nan,
             rate.low if rate else np.nan, rate.high if rate else np.nan, rate.confidence if rate else "",
             flow.value if flow else np.nan, limit, base, capacity, max(slack, 0.0))
        )  # fmt: skip
    return pd.DataFrame(rows, columns=LIMITS)


def host_cuts(bench: Bench, limits: pd.DataFrame, length: int, cuts: Sequence[float] = CUTS) -> pd.DataFrame:
    """What cuts of each host by these shares do: recovery in t per year, and what members lose, without and with a plan."""
    hosts = dict.fromkeys(str(host) for host in limits["host"])
    jobs = [(host, case, cut) for host in hosts for case in (STATED, NO_ROOM) for cut in cuts]
    at = {str(site): k for k, site in enumerate(bench.network.sites["site"])}
    struck, figures = [], []
    for host, case_name, cut in jobs:
        own = limits[(limits["host"] == host) & limits["limit_t_per_year"].notna()]
        capacity, base = own["capacity_t_per_year"].to_numpy(), own["base_t_per_year"].to_numpy()
        allowed = (base if case_name == NO_ROOM else own["limit_t_per_year"].to_numpy()) * (1.0 - cut)
        share = np.minimum(1.0, np.divide(allowed, capacity, out=np.ones_like(allowed), where=capacity > 0))
        places = [at[str(site)] for site in own["site"]]
        struck.append(bench.limits(sites=places, length=length, share=share) if places else bench.calm)
        figures.append((float(base.sum()), float(np.minimum(base, allowed).sum())))
    rows = []
    for (host, case_name, cut), (before, after), case in zip(jobs, figures, bench.cases(struck), strict=True):
        planned = bench.planned(case)
        lost = planned if planned.products.any() else case.loss
        share = lost.products / (bench.meter.use * bench.months)
        k = int(np.argmax(share)) if lost.products.any() else -1
        member, product = bench.meter.products[k] if k >= 0 else ("", "")
        rows.append(
            (bench.network.chains[0], host, case_name, cut, before, after, before - after, case.loss.total_usd, planned.total_usd,
             case.loss.unmet, planned.unmet, case.loss.first_month, planned.first_month, member, product,
             float(share[k]) if k >= 0 else 0.0)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=EFFECTS)
