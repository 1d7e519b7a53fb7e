"""How concentrated each stage is in the base year: by country, by who controls, by operator, by facility; coverage.

    share of maker i   S_i = output of i / output of all          HHI = sum of S_i squared (0 to 1)

A stage is a commodity: who makes it. Control is the owner's country; what several own counts in equal parts, because
tables state no shares. Where owner or operator is not stated, or a site is a lump of several plants, `hhi` is absent and
the index is a range: `hhi_low` takes every such tonne to be in a hand of its own, `hhi_high` gives all of them to the
largest known owner, or takes every lump for one plant.

    coverage after the largest supplier (IEA, N-1)   (S - S_k) / (D - D_k)

S and D are output and use of all countries, S_k and D_k those of the largest maker: what is left for the others, as a
share of what they use. For a member: its own output and imports, without the largest foreign supplier, over its use.
Stocks are left out. Source of the coverage: International Energy Agency, Global Critical Minerals Outlook (read second
hand). Units: t per year of the commodity as it is counted. Not covered: shares of companies below the country of
control, long-term contracts, and production the tables do not state.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from orebridge.labels import country_name
from orebridge.network import SupplyNetwork

Floats = npt.NDArray[np.float64]
STAGES = [
    "chain", "commodity", "by", "makers", "largest", "largest_share", "hhi", "hhi_low", "hhi_high", "unknown_share",
    "tonnes",
]  # fmt: skip
SHARES = ["chain", "commodity", "by", "who", "share", "tonnes"]
COVERAGE = ["chain", "commodity", "member", "largest", "supply", "largest_supply", "use", "largest_use", "coverage"]
WAYS_OF_COUNTING = ("country", "control", "operator", "facility")
UNKNOWN = "not stated"


def outputs(network: SupplyNetwork) -> pd.DataFrame:
    """Base-year output by site and commodity: `site` (position), `node` (position), `tonnes` a month."""
    made = network.terms[network.terms["coefficient"] > 0]
    act = made["activity"].to_numpy(dtype=int)
    frame = pd.DataFrame(
        {
            "site": network.activities["site"].to_numpy(dtype=int)[act],
            "node": made["node"].to_numpy(dtype=int),
            "tonnes": made["coefficient"].to_numpy() * network.activities["x0"].to_numpy()[act],
        }
    )
    frame = frame[frame["tonnes"] > 0]
    total: pd.DataFrame = frame.groupby(["site", "node"])["tonnes"].sum().reset_index()
    return total


def is_lump(name: str, operator: str, country: str) -> bool:
    """Whether a site stands for several plants, as its name and operator read: "China, all smelters", "Dowa and others".

    >>> is_lump("China, magnet makers", "", "CHN"), is_lump("Kuantan (LAMP)", "Lynas", "MYS")
    (True, False)
    """
    place = name.partition(",")[0].lower() if "," in name else ""
    country_words = {country.lower(), country_name(country).lower(), country_name(country).lower().split()[-1]}
    whole = any(word in place for word in country_words) or ", all " in name
    return not operator or "other" in f"{name} {operator}".lower().split() or "others" in operator or whole


def owners(owner: str) -> list[str]:
    """Countries of control of a site, `UNKNOWN` where none is stated."""
    found = [word for word in owner.split(";") if word]
    return found or [UNKNOWN]


def concentration(
    network: SupplyNetwork, operators: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """HHI and largest maker of every stage, and the shares behind them.

    `operators`: site -> operator as stated (`sites.csv`; "X and others" is not one operator). Without it every site is a
    lump and no operator is known.
    """
    known = operators or {}
    frame = outputs(network)
    sites, nodes = network.sites, network.nodes
    frame = frame.assign(
        commodity=nodes["commodity"].to_numpy()[frame["node"]], chain=nodes["chain"].to_numpy()[frame["node"]],
        country=sites["country"].to_numpy()[frame["site"]], facility=sites["site"].to_numpy()[frame["site"]],
        owner=sites["owner"].to_numpy()[frame["site"]], name=sites["name"].to_numpy()[frame["site"]],
    )  # fmt: skip
    stated = [known.get(site, "") for site in frame["facility"]]
    frame["operator"] = [name if name and "others" not in name else UNKNOWN for name in stated]
    frame["lump"] = [is_lump(*row) for row in zip(frame["name"], stated, frame["country"], strict=True)]
    stages: list[tuple[object, ...]] = []
    shares: list[tuple[object, ...]] = []
    for (chain, commodity), own in frame.groupby(["chain", "commodity"], sort=False):
        total = float(own["tonnes"].sum())
        for by in WAYS_OF_COUNTING:
            parts, unknown = _parts(own, by)
            stages.append((chain, commodity, by, *_index(parts, unknown, total, by), total * 12.0))
            every = parts.sort_values(ascending=False, kind="stable")
            shares += [(chain, commodity, by, str(who), t / total, t * 12.0) for who, t in every.items()]
    return pd.DataFrame(stages, columns=STAGES), pd.DataFrame(shares, columns=SHARES)


def _parts(own: pd.DataFrame, by: str) -> tuple[pd.Series, pd.Series]:
    """Tonnes by maker, and those (by maker too) of which one does not know whose or of which plant they are."""
    if by == "control":
        rows = [
            (country, tonnes / len(owners(owner)))
            for owner, tonnes in zip(own["owner"], own["tonnes"], strict=True)
            for country in owners(owner)
        ]
        parts = pd.DataFrame(rows, columns=["who", "tonnes"]).groupby("who")["tonnes"].sum()
    else:
        parts = own.groupby(by)["tonnes"].sum()
    if by == "facility":
        return parts, own[own["lump"]].groupby("facility")["tonnes"].sum()
    return parts, parts[parts.index == UNKNOWN]


def _index(parts: pd.Series, unknown: pd.Series, total: float, by: str) -> tuple[object, ...]:
    """Makers, the largest of them and its share, HHI with low and high, and the share of which one does not know whose."""
    known = (parts / total).drop(labels=[UNKNOWN], errors="ignore").sort_values(ascending=False, kind="stable")
    squares, hidden = float((known**2).sum()), float(unknown.sum()) / total
    if by == "facility":
        low, high = squares - float(((unknown / total) ** 2).sum()), squares
    else:
        first = float(known.iloc[0]) if len(known) else 0.0
        low, high = squares, squares - first**2 + (first + hidden) ** 2
    largest, share = (str(known.index[0]), float(known.iloc[0])) if len(known) else (UNKNOWN, np.nan)
    return len(known), largest, share, high if hidden == 0 else np.nan, max(low, 0.0), high, hidden


def coverage(network: SupplyNetwork) -> pd.DataFrame:
    """What is left when the largest supplier of a stage is gone: for the rest of the world, and for each member.

    `member` is empty for the world row. `coverage` is nan where nobody else uses the commodity.
    """
    nodes, routes = network.nodes, network.routes
    made = np.bincount(outputs(network)["node"], outputs(network)["tonnes"], len(nodes))
    use = _own_use(network)
    rows: list[tuple[object, ...]] = []
    for (chain, commodity), own in nodes.groupby(["chain", "commodity"], sort=False):
        at = own.index.to_numpy()
        supply, need = float(made[at].sum()), float(use[at].sum())
        if supply <= 0:
            continue
        k = at[int(np.argmax(made[at]))]
        rows.append(_covered(chain, commodity, "", nodes["country"].iloc[k], supply, made[k], need, use[k]))
        for node in at[own["is_member"].to_numpy(dtype=bool)]:
            bought = routes[(routes["to_node"] == node) & (routes["y0"] > 0)].groupby("origin")["y0"].sum()
            if use[node] <= 0 or bought.empty:
                continue
            total, origin = float(made[node] + bought.sum()), str(bought.idxmax())
            member = str(nodes["country"].iloc[node])
            rows.append(_covered(chain, commodity, member, origin, total, float(bought.max()), use[node], 0.0))
    return pd.DataFrame(rows, columns=COVERAGE)


def _covered(
    chain: object, commodity: object, member: str, largest: str, s: float, s_k: float, d: float, d_k: float
) -> tuple[object, ...]:
    left = (s - s_k) / (d - d_k) if d - d_k > 1e-9 * max(d, 1.0) else np.nan
    return chain, commodity, member, largest, s * 12.0, s_k * 12.0, d * 12.0, d_k * 12.0, left


def _own_use(network: SupplyNetwork) -> Floats:
    """What processes and users of each node take in the base year, t a month; shipments on are no use."""
    terms = network.terms[network.terms["coefficient"] < 0]
    flow = -terms["coefficient"].to_numpy() * network.activities["x0"].to_numpy()[terms["activity"].to_numpy(dtype=int)]
    use = np.bincount(terms["node"].to_numpy(dtype=int), flow, len(network.nodes)).astype(float)
    served = (network.demands["D"] - network.demands["unmet0"]).to_numpy()
    np.add.at(use, network.demands["node"].to_numpy(dtype=int), served)
    return use
