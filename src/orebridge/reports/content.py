"""The words and rows of a response that the brief and the terminal share. Numbers come from `views`; here they get names."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from orebridge.actions import BUY, GO_WITHOUT, RELEASE, SHIP, grouped
from orebridge.labels import STOCK, TIERS, Labels, and_list, country_name, in_words, inside, span
from orebridge.views import base_use, by_member, by_way, short_rows, shortages

if TYPE_CHECKING:
    from orebridge.session import Response

#: A marginal value below this share of the loss is noise between two optimal plans, and not shown.
TELLING = 1e-3


def money(usd: float) -> str:
    """Million USD as text; unknown stays unknown.

    >>> money(2.5e9), money(3.4e6), money(34000.0), money(0.0), money(float("nan"))
    ('2,500', '3.4', '0.034', '0', 'unknown')
    """
    return "unknown" if not math.isfinite(usd) else _digits(usd / 1e6)


def tonnes(amount: float) -> str:
    """Tonnes as text: whole from ten on, else with the digits that matter.

    >>> tonnes(1234.5), tonnes(2.345), tonnes(0.0)
    ('1,234', '2.3', '0')
    """
    return _digits(amount)


def _digits(number: float) -> str:
    if abs(number) >= 9.95 or abs(number) < 5e-7:
        return f"{number:,.0f}".replace("-0", "0") if abs(number) < 0.5 else f"{number:,.0f}"
    return f"{number:,.1f}" if abs(number) >= 0.95 else f"{number:.2g}"


def percent(share: float) -> str:
    """A share as text; small ones keep one digit.

    >>> percent(0.163), percent(0.004), percent(0.0)
    ('16 %', '0.4 %', '0 %')
    """
    return f"{share:.0%}".replace("%", " %") if share >= 0.095 or share == 0 else f"{100 * share:.2g} %"


def title(response: Response) -> str:
    """The shocks' titles in one line."""
    return "; ".join(shock.title for shock in response.shocks)


def headline(response: Response) -> list[str]:
    """What happens without a plan, with one, and what coordination is worth: one sentence each."""
    labels, ways = Labels.of(response), {row["way"]: row for row in by_way(response).to_dict("records")}
    worst = shortages(response)
    if worst.empty:
        text = "No member runs short of a modelled product, even without a plan."
        stock = float(ways["unaided"][STOCK])
        return [text] + (
            [f"{money(ways['unaided']['loss_usd'])} million USD of stock is missing at the end ({tonnes(stock)} t)."]
            if stock > 0.5
            else []
        )
    totals = worst.groupby(["member", "product"], sort=False, as_index=False)[["use", "unaided"]].sum()
    first = totals.to_dict("records")[0]
    member, product = str(first["member"]), str(first["product"])
    lost = response.plans["unaided"].loss_usd()
    short = short_rows(response.plans["unaided"])
    months = short.loc[(short["member"] == member) & (short["product"] == product), "month"]
    start = int(months.min()) if len(months) else 0
    text = (
        f"Without a plan {in_words(member)} lacks {tonnes(first['unaided'])} t of {inside(labels.commodity(product))} "
        f"({percent(first['unaided'] / first['use'])} of its base-year use over {response.months} months)"
        + (f", first in {response.month_label(start)}" if start else "")
    )
    others = len(totals) - 1
    text += (
        f"; {others} other product{'s' if others > 1 else ''} of members {'are' if others > 1 else 'is'} short too"
        if others
        else ""
    )
    sentences = [f"{text}. Members lose {money(lost)} million USD."]
    best = response.best
    how = "With a joint plan" if best == "joint" else "With a plan of its own"
    row = ways[best]
    if row["tonnes"] > 0:
        tiers = and_list(f"{tonnes(row[t])} t of {t}" for t in TIERS if row[t] > 0)
        sentences.append(
            f"{how} {tonnes(row['tonnes'])} t stay short ({tiers} use) and {money(row['loss_usd'])} million USD are lost."
        )
    else:
        sentences.append(f"{how} no use goes short; {money(row['loss_usd'])} million USD are lost.")
    return sentences


def coordination_words(response: Response) -> list[str]:
    """What coordination is worth, with and without lent stock."""
    worth = response.coordination
    if worth is None:
        return ["One member: there is nobody to coordinate with."]
    text = [worth.words]
    if response.plans["alone"].loss_usd() > 0 and math.isfinite(worth.value_usd):
        text.append(
            f"Value of coordination {money(worth.value_usd)} million USD; if no member's stock may be lower at any time "
            f"than in a plan of its own (nothing lent), {money(worth.value_without_lent_stock_usd)} million USD."
        )
    if worth.why_no_split and worth.helps:
        text.append(f"No split of the value is proposed: {worth.why_no_split}.")
    if len(response.members) == 2 and worth.shapley and worth.value_usd > 0:
        text.append(
            "Two members share it half each by symmetry, and that split is always in the core: neither says who could bargain for more."
        )
    return text


def way_rows(response: Response) -> list[dict[str, Any]]:
    """One row per way, absent ones with their reason."""
    rows = []
    for row in by_way(response).to_dict("records"):
        rows.append(
            {"way": row["way"], "status": row["status"], "loss": money(row["loss_usd"]), "tonnes": tonnes(row["tonnes"]),
             **{tier: tonnes(row[tier]) for tier in TIERS}, STOCK: tonnes(row[STOCK]),
             "first": response.month_label(row["first"]) if row["first"] else "never"}
        )  # fmt: skip
    return rows + [{"way": way, "status": "absent", "reason": reason} for way, reason in response.absent.items()]


def member_rows(response: Response) -> list[dict[str, Any]]:
    """One row per member and way."""
    frame = by_member(response)
    order = {m: k for k, m in enumerate(response.members)}
    frame = frame.sort_values("member", key=lambda column: column.map(order), kind="stable")
    return [
        {
            "way": r["way"],
            "member": country_name(r["member"]),
            "loss": money(r["loss_usd"]),
            "tonnes": tonnes(r["tonnes"]),
            "first": response.month_label(r["first"]) if r["first"] else "never",
            "worst": f"{response.month_label(r['worst'])} ({tonnes(r['peak'])} t)" if r["worst"] else "",
            "any": r["loss_usd"] != 0 or r["tonnes"] > 0,
        }
        for r in frame.to_dict("records")
    ]


def shortage_rows(response: Response) -> list[dict[str, Any]]:
    """Who is short of what, by tier: base-year use over the months, and per way tonnes and share of that use."""
    labels, frame = Labels.of(response), shortages(response)
    rows = []
    for row in frame.to_dict("records"):
        ways = [
            {
                "way": way,
                "tonnes": tonnes(row[way]),
                "share": percent(row[way] / row["use"]) if row["use"] > 0 and row[way] > 0 else "",
            }
            for way in response.plans
        ]
        rows.append(
            {
                "member": country_name(row["member"]),
                "code": row["member"],
                "product": labels.commodity(row["product"]),
                "id": row["product"],
                "tier": row["tier"],
                "use": tonnes(row["use"]),
                "ways": ways,
                "first": response.month_label(row["first"]) if row["first"] else "never",
            }
        )
    return rows


def untouched(response: Response) -> list[str]:
    """Products of members that are not short in any way: said, because absent from every table of shortages."""
    labels, short = Labels.of(response), shortages(response)
    used = base_use(response)[["member", "product"]].drop_duplicates()
    hit = set(zip(short["member"], short["product"], strict=True)) if len(short) else set()
    return sorted(
        {f"{country_name(m)}: {labels.commodity(p)}" for m, p in used.itertuples(index=False) if (m, p) not in hit}
    )


def action_rows(response: Response) -> list[dict[str, Any]]:
    """Actions over their months, with names: `owner, what, form, where, for_whom, months, tonnes, peak, unit` and the ids."""
    labels = Labels.of(response)
    process = dict(zip(response.network.sites["site"], response.network.sites["process"], strict=True))
    rows = []
    for row in grouped(response.actions).to_dict("records"):
        form = " + ".join(labels.commodity(part) for part in row["form"].split(" + "))
        rows.append(
            {
                **{str(column): cell for column, cell in row.items()},
                "site_name": labels.site(row["site"]),
                "recipe_name": labels.recipe(process.get(row["site"], ""), row["recipe"]),
                "owner_name": country_name(row["owner"]),
                "form_name": form,
                "where": _where(labels, row, process),
                "for_name": _for_whom(row),
                "span": span(row["first_month"], row["last_month"]),
                "total": tonnes(row["tonnes"]),
                "most": tonnes(row["peak"]),
                "unit_name": _unit(row["unit"]),
            }
        )
    return rows


def _where(labels: Labels, row: Mapping[Hashable, Any], process: Mapping[str, str]) -> str:
    if row["what"] in (BUY, SHIP):
        return f"{country_name(row['origin'])} to {country_name(row['destination'])}"
    if row["what"] == RELEASE:
        return f"{row['holder']} stock in {country_name(row['origin'])}"
    if row["what"] == GO_WITHOUT:
        return country_name(row["destination"])
    recipe = labels.recipe(process.get(row["site"], ""), row["recipe"])
    return f"{labels.site(row['site'])}: {recipe}"


def _for_whom(row: Mapping[Hashable, Any]) -> str:
    return str(row["for_whom"]) if row["what"] == GO_WITHOUT else country_name(row["for_whom"])


def _unit(unit: str) -> str:
    return {"t of contained element": "t (element)", "t of product": "t"}.get(unit, unit)


def marginal_words(response: Response) -> list[str]:
    """What one more tonne would save, in words; what saves next to nothing is left out."""
    floor = TELLING * max(response.plans[response.best].loss_usd(), 1.0)
    return [str(row["words"]) for row in response.marginal.to_dict("records") if row["saves_usd"] >= floor]


def worded_rows(frame: pd.DataFrame, response: Response) -> list[dict[str, Any]]:
    """Rows of `binding` or `remedies` with names and money; columns that are not there stay empty."""
    rows = []
    for row in frame.to_dict("records"):
        member, worth = row.get("member"), row.get("worth_usd", row.get("saves_usd", math.nan))
        share = row.get("saves_share", math.nan)
        rows.append(
            {
                "kind": row.get("kind", ""),
                "what": row.get("what", ""),
                "words": row.get("words", ""),
                "change": row.get("change", ""),
                "member": country_name(str(member)) if isinstance(member, str) and member else "",
                "months": _months(row.get("months"), response),
                "worth": money(worth) if isinstance(worth, float | int) and math.isfinite(worth) else "",
                "share": percent(share) if isinstance(share, float) and math.isfinite(share) else "",
            }
        )
    return rows


def _months(months: Any, response: Response) -> str:
    """Months of a limit as text: a text as it is, numbers of plan months as calendar months."""
    if isinstance(months, str):
        return months
    if isinstance(months, Iterable):
        known = sorted(int(m) for m in months)
        return span(response.month_label(known[0]), response.month_label(known[-1])) if known else ""
    return f"{int(months)} months" if isinstance(months, float | int) and math.isfinite(months) else ""
