"""The answer in a few lines: what an analyst pastes into a message."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orebridge.session import Response


def money(usd: float) -> str:
    """Million USD as text; unknown stays unknown."""
    return "unknown" if not math.isfinite(usd) else f"{usd / 1e6:,.0f}"


def way_rows(response: Response) -> list[dict[str, object]]:
    """One row per way: loss, by member, tonnes short, first short month."""
    rows: list[dict[str, object]] = []
    for way, plan in response.plans.items():
        short = plan.unmet[plan.unmet["tonnes"] > 1e-3]
        first = response.month_label(int(short["month"].min())) if len(short) else "never"
        rows.append(
            {"way": way, "status": plan.status, "loss": money(plan.loss_usd()),
             "members": [money(plan.loss_usd(m)) for m in response.members],
             "tonnes": f"{short['tonnes'].sum():,.0f}", "first": first}
        )  # fmt: skip
    return rows


def headline(response: Response) -> str:
    """Two sentences: what is lost without a plan and with one."""
    unaided = response.plans["unaided"]
    best = response.plans.get("joint", response.plans["alone"])
    lost = unaided.unmet.groupby(["member", "product"])["tonnes"].sum()
    lost = lost[lost > 1e-3].sort_values(ascending=False)
    if not len(lost):
        return "No member runs short of a modelled product, even without a plan."
    member, product = lost.index[0]  # type: ignore[misc]
    return (
        f"Without a plan {member} lacks {lost.iloc[0]:,.0f} t of {product} over {response.months} months; "
        f"the group loses {money(unaided.loss_usd())} million USD. With {'a joint plan' if best.way == 'joint' else 'a plan of its own'} "
        f"the loss is {money(best.loss_usd())} million USD."
    )
