"""plan.json: the whole answer for machines. Its JSON Schema is `orebridge/data/plan.schema.json`."""

from __future__ import annotations

import json
import math
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from orebridge import __version__
from orebridge.labels import STOCK, TIERS, calendar_month
from orebridge.results import WAYS
from orebridge.views import short_rows, split

if TYPE_CHECKING:
    from orebridge.results import Plan
    from orebridge.session import Response

SCHEMA_VERSION = "1.0"
CHANGED = 1e-6  # t a month; a flow or stock nearer to its base year than this is not listed
UNITS = {
    "tonnes": "metric tonnes: of contained element or of product, as the commodity is counted; of the site's activity where an action's unit says so",
    "usd": "US dollars, losses discounted to the first month of the plan",
    "month": "calendar month, YYYY-MM",
}


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of plan.json."""
    return dict(json.loads(schema_text()))


def schema_text() -> str:
    """The schema as it is published."""
    return (resources.files("orebridge") / "data" / "plan.schema.json").read_text(encoding="utf-8")


def plan_json(response: Response) -> dict[str, Any]:
    """The content of plan.json. An absent figure is null, never 0; months are calendar months."""
    return {
        "schema_version": SCHEMA_VERSION,
        "orebridge_version": __version__,
        "data_version": response.world.version,
        "start": response.start,
        "months": response.months,
        "shocks": [
            {"name": s.name, "title": s.title, "description": s.description, "source": s.source, "date": s.date}
            for s in response.shocks
        ],
        "members": list(response.members),
        "chains": list(response.chains),
        "units": dict(UNITS),
        "ways": {way: _way(response, way) for way in WAYS},
        "coordination": _coordination(response),
        "foresight": {way: number(usd) for way, usd in response.foresight.items()},
        "actions": records(response.actions),
        "binding": [_worded(row) for row in records(response.binding)],
        "remedies": [_worded(row) for row in records(response.remedies)],
        "hinge_chains": list(response.hinge_chains),
        "marginal": records(_dated(response, response.marginal)),
        "stock_curve": records(response.curve),
        "break_even_days": {way: number(days) for way, days in response.break_even.items()},
        "tornado": records(response.swings),
        "assumptions": [
            {"name": a.name, "value": number(a.value), "low": number(a.low), "high": number(a.high), "unit": a.unit,
             "source": a.source, "note": a.note}
            for a in response.network.assumptions.values()
        ],
        "sources": _sources(response),
        "warnings": list(response.warnings),
    }  # fmt: skip


def _way(response: Response, way: str) -> dict[str, Any]:
    if way not in response.plans:
        return {"status": "absent", "reason": response.absent.get(way, "not asked for")}
    plan = response.plans[way]
    short = plan.unmet[plan.unmet["tonnes"] > 0]
    flows = plan.flows[(plan.flows["tonnes"] - plan.flows["base"]).abs() > CHANGED]
    stock = plan.stock[(plan.stock["tonnes"] - plan.stock["start"]).abs() > CHANGED]
    return {
        "status": plan.status,
        "by_member": {member: _member(response, plan, member) for member in response.members},
        "unmet": records(_dated(response, short[["member", "product", "end_use", "tier", "month", "tonnes"]])),
        "loss_usd": number(plan.loss_usd()),
        "flows": records(_dated(response, flows[["commodity", "origin", "destination", "month", "tonnes", "base"]])),
        "stock": records(_dated(response, stock[["holder", "country", "commodity", "month", "tonnes", "start"]])),
    }


def _member(response: Response, plan: Plan, member: str) -> dict[str, Any]:
    own = plan.loss[plan.loss["member"] == member].groupby("item")[["tonnes", "usd"]].agg(_whole)
    short = short_rows(plan)
    months = short.loc[short["member"] == member, "month"]
    items = {
        item: {"tonnes": number(own.at[item, "tonnes"]), "usd": number(own.at[item, "usd"])}
        for item in (*TIERS, STOCK)
        if item in own.index
    }
    return {
        "loss_usd": number(plan.loss_usd(member)),
        "tonnes": float(plan.unmet.loc[plan.unmet["member"] == member, "tonnes"].sum()),
        "first_month": response.month_label(int(months.min())) if len(months) else None,
        **items,
    }


def _whole(column: pd.Series) -> float:
    """The sum, absent if a part is: a sum of the known parts would read as the whole."""
    return float(column.sum(skipna=False))


def _coordination(response: Response) -> dict[str, Any] | None:
    worth = response.coordination
    if worth is None:
        return None
    rows = split(response).set_index("member")
    return {
        "value_usd": number(worth.value_usd),
        "value_without_lent_stock_usd": number(worth.value_without_lent_stock_usd),
        "share_of_alone": number(worth.share_of_alone),
        "helps": bool(worth.helps),
        "shapley": {member: number(usd) for member, usd in worth.shapley.items()},
        "saved_usd": {member: number(usd) for member, usd in rows["saved"].items()},
        "payment_usd": {member: number(usd) for member, usd in rows["payment"].items()},
        "in_core": worth.in_core,
        "words": worth.words,
    }


def _sources(response: Response) -> list[dict[str, Any]]:
    frame = response.world.tables["sources"]
    return records(frame[["source", "publisher", "title", "published", "url", "licence", "via"]].fillna(""))


def _dated(response: Response, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with plan months written as calendar months."""
    if "month" not in frame:
        return frame
    labels = {m: calendar_month(response.start, m) for m in range(1, response.months + 1)}
    return frame.assign(month=frame["month"].map(labels))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain Python values; what is missing or not finite becomes null."""
    columns = [str(c) for c in frame.columns]
    values = [_plain(frame[c]) for c in frame.columns]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def _plain(column: pd.Series) -> list[Any]:
    if pd.api.types.is_float_dtype(column):
        array = column.to_numpy(dtype=float)
        return [v if ok else None for v, ok in zip(array.tolist(), np.isfinite(array).tolist(), strict=True)]
    return [number(v) for v in column.tolist()]


def number(value: Any) -> Any:
    """A plain value for JSON: numpy scalars become Python's, nan and infinity become null."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _worded(row: dict[str, Any]) -> dict[str, Any]:
    """Limits and remedies: `months`, `change` and `what` as text, whatever they were computed as."""
    return {
        key: str(value) if key in ("months", "change", "what") and value is not None else value
        for key, value in row.items()
    }
