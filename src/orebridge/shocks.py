"""Shocks: what happened, as data (TOML), turned into limits on the parts of a supply network.

A shock file holds a title, a source and one or more `[[event]]` tables. Each event names what it hits by the
field's own labels (commodity, country, process, site, chokepoint, product) and when (`start`, `months`: whole
months counted from the plan's start, or from the file's `date` when the shock is read as dated). Reading never
guesses: an unknown key, name or date is refused with its line and the nearest valid name, and an event that touches
nothing in the network is refused too.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orebridge.errors import ShockError, TouchesNothing

if TYPE_CHECKING:
    import pandas as pd

    from orebridge.network import SupplyNetwork

KINDS = ("ban", "quota", "licence", "outage", "chokepoint", "tariff", "surge")
MAX_FILE_BYTES = 200_000
MAX_MONTHS = 600
#: Longest plan in months.
LONGEST = 120
#: Months after a shock in which shortages still come: goods are months on their way, stocks empty last.
AFTERMATH = 6
MONTH_DAYS = 30.4375

_COMMON = {"kind", "start", "months", "announced", "declared_months", "note"}
_KEYS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    # kind: (required, optional) beyond _COMMON
    "ban": (frozenset({"origin", "commodities"}), frozenset({"to", "leak", "cut", "liability_stages"})),
    "quota": (frozenset({"origin", "commodities", "tonnes_per_year"}), frozenset({"to"})),
    "licence": (
        frozenset({"origin", "commodities"}),
        frozenset({"to", "delay_months", "leak", "granted", "liability_stages"}),
    ),
    "outage": (frozenset({"remaining"}), frozenset({"sites", "countries", "processes"})),
    "chokepoint": (frozenset({"passage"}), frozenset({"remaining"})),
    "tariff": (frozenset({"importers", "commodities", "rate"}), frozenset({"origins"})),
    "surge": (frozenset({"commodities", "factor"}), frozenset({"countries", "end_uses", "tiers"})),
}


@dataclass(frozen=True)
class Event:
    """One thing that happens. Months are offsets from the plan's first month (0 = that month)."""

    kind: str
    start: int
    months: int
    keys: Mapping[str, Any]
    line: int
    #: Month (offset) in which it becomes known; None: when it begins.
    announced: int | None = None
    #: How long it is said to last when it begins; None: as long as it does.
    declared_months: int | None = None

    def when(self, shift: int, horizon: int) -> range:
        """Reported months 1..horizon in which the event holds, `shift` months after the plan's start."""
        return _inside(1 + self.start + shift, self.start + shift + self.months, horizon)

    def news(self, shift: int) -> list[int]:
        """Plan months in which what is believed about the event changes: it becomes known, is prolonged, ends early."""
        known = min(self.start, self.start if self.announced is None else self.announced)
        first, last = 1 + self.start + shift, self.start + shift + self.months
        length = self.declared_months or self.months
        prolonged = [first + k for k in range(length, self.months, length)]
        early = [last + 1] if self.months % length else []
        return [month for month in (1 + known + shift, *prolonged, *early) if month <= last + 1]

    def believed(self, month: int, shift: int, horizon: int) -> range:
        """Months in which the event is believed to hold, seen from plan month `month`.

        Before it is known: none. While it runs: as declared, and once prolonged for the same length again. After it has
        ended: as it was.
        """
        known = 1 + min(self.start, self.start if self.announced is None else self.announced) + shift
        if month < max(known, 1):
            return range(0)
        first, last = 1 + self.start + shift, self.start + shift + self.months
        if month <= last:
            length = self.declared_months or self.months
            last = first + length * (max(month - first, 0) // length + 1) - 1
        return _inside(first, last, horizon)


def _inside(first: int, last: int, horizon: int) -> range:
    return range(max(1, first), min(horizon, last) + 1)


@dataclass(frozen=True)
class Shock:
    """A named shock with its events, source and the month it really began (`date`, YYYY-MM)."""

    name: str
    title: str
    description: str
    source: str
    date: str | None
    reference_year: int | None
    events: tuple[Event, ...]
    path: str


@dataclass(frozen=True)
class Trace:
    """A restriction aimed at some destinations only: `origin`'s material must not reach `targets` by way of others.

    `liability_stages`: 0 processing elsewhere frees the material; 1 one processing stage keeps it restricted;
    -1 every stage does.
    """

    origin: str
    commodities: tuple[str, ...]
    targets: tuple[str, ...]
    liability_stages: int
    months: tuple[int, ...]
    leak: float = 0.0


@dataclass(frozen=True)
class Effects:
    """Limits by component and month: frame columns `field, component, month, value` (see docs/architecture.md)."""

    frame: pd.DataFrame
    traces: tuple[Trace, ...] = ()
    names: tuple[str, ...] = ()
    horizon: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def empty(self) -> bool:
        """Whether nothing is limited."""
        return self.frame.empty


def no_effects(horizon: int = 0) -> Effects:
    """Effects that change nothing: the base year goes on."""
    import pandas as pd

    frame = pd.DataFrame({"field": [], "component": [], "month": [], "value": []}).astype(
        {"field": "object", "component": "object", "month": "int64", "value": "float64"}
    )
    return Effects(frame, horizon=horizon)


def library() -> dict[str, Path]:
    """The bundled shocks: name -> file."""
    folder = Path(str(resources.files("orebridge") / "data" / "shocks"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_shock(name_or_path: str | Path) -> Shock:
    """Read a shock by its library name or from a TOML file.

    Raises ShockError naming file, line, fault and repair.
    """
    known = library()
    text_name = str(name_or_path)
    if text_name in known:
        return parse_shock(known[text_name].read_text(encoding="utf-8"), known[text_name].name)
    path = Path(name_or_path)
    if path.is_dir():
        raise ShockError(f"{path}: is a folder, not a shock; give the path of one TOML file in it.")
    if not path.is_file():
        raise ShockError(
            f"no shock named {text_name!r}{_nearest(text_name, known)}. "
            "List the library with `orebridge shocks`, or give the path of a TOML file."
        )
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ShockError(f"{path}: larger than {MAX_FILE_BYTES:,} bytes; a shock file is a few dozen lines.")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ShockError(f"{path}: cannot be read ({error.strerror}); check its permissions.") from error
    except UnicodeDecodeError as error:
        raise ShockError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8.") from error
    return parse_shock(text, path.name)


def parse_shock(text: str, path: str) -> Shock:
    """Turn TOML text into a Shock; `path` is only used in messages and as the name."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ShockError(f"{path}: not valid TOML: {error}. Correct that place.") from error
    allowed = {"title", "description", "source", "date", "reference_year", "event"}
    lines = _event_lines(text)
    for key in raw:
        if key not in allowed:
            raise ShockError(f"{path}:{_line_of(text, key)}: unknown key {key!r}{_nearest(key, allowed)}.")
    for key in ("title", "source"):
        if not isinstance(raw.get(key), str) or not raw[key].strip():
            raise ShockError(
                f"{path}:1: `{key}` is missing; say in one line {'what happens' if key == 'title' else 'who says so'}."
            )
    date = raw.get("date")
    if date is not None:
        parse_month(str(date), f"{path}:{_line_of(text, 'date')}: date")
    events = raw.get("event")
    if not isinstance(events, list) or not events:
        raise ShockError(f"{path}: no [[event]] table; a shock needs at least one.")
    if len(lines) != len(events):
        lines = [1] * len(events)
    parsed = tuple(_parse_event(event, path, line) for event, line in zip(events, lines, strict=True))
    reference = raw.get("reference_year")
    if reference is not None and not isinstance(reference, int):
        raise ShockError(f"{path}:{_line_of(text, 'reference_year')}: reference_year must be a year such as 2022.")
    return Shock(
        name=Path(path).stem,
        title=raw["title"].strip(),
        description=str(raw.get("description", "")).strip(),
        source=raw["source"].strip(),
        date=None if date is None else str(date),
        reference_year=reference,
        events=parsed,
        path=path,
    )


def parse_month(text: str, what: str = "month") -> tuple[int, int]:
    """`YYYY-MM` -> (year, month); refuses impossible dates.

    >>> parse_month("2026-12")
    (2026, 12)
    """
    match = re.fullmatch(r"(\d{4})-(\d{2})", text.strip())
    if not match or not 1 <= int(match[2]) <= 12 or not 1990 <= int(match[1]) <= 2100:
        raise ShockError(f"{what}: {text!r} is not a month; write YYYY-MM, for example 2026-12.")
    return int(match[1]), int(match[2])


def months_between(first: str, second: str) -> int:
    """Whole months from `first` to `second` (both YYYY-MM)."""
    y1, m1 = parse_month(first)
    y2, m2 = parse_month(second)
    return (y2 - y1) * 12 + m2 - m1


def _parse_event(event: Any, path: str, line: int) -> Event:
    place = f"{path}:{line}"
    if not isinstance(event, dict):
        raise ShockError(f"{place}: event must be a table; write [[event]] above its keys.")
    kind = event.get("kind")
    if not isinstance(kind, str) or kind not in _KEYS:
        raise ShockError(
            f"{place}: kind {kind!r} is unknown{_nearest(str(kind), KINDS)}; kinds are {', '.join(KINDS)}."
        )
    required, optional = _KEYS[kind]
    for key in event:
        if key not in _COMMON | required | optional:
            raise ShockError(f"{place}: {kind} has no key {key!r}{_nearest(key, _COMMON | required | optional)}.")
    for key in required:
        if key not in event:
            raise ShockError(f"{place}: {kind} needs `{key}`.")
    start, months = event.get("start", 0), event.get("months")
    if not isinstance(start, int) or isinstance(start, bool) or abs(start) > MAX_MONTHS:
        raise ShockError(f"{place}: start must be a whole number of months, not {start!r}.")
    if not isinstance(months, int) or isinstance(months, bool) or not 1 <= months <= MAX_MONTHS:
        raise ShockError(f"{place}: months must be a whole number from 1 to {MAX_MONTHS}, not {months!r}.")
    announced, declared = event.get("announced"), event.get("declared_months")
    if announced is not None and (not isinstance(announced, int) or isinstance(announced, bool) or announced > start):
        raise ShockError(
            f"{place}: announced must be a whole number of months not after start ({start}), not {announced!r}."
        )
    if declared is not None and (
        not isinstance(declared, int) or isinstance(declared, bool) or not 1 <= declared <= MAX_MONTHS
    ):
        raise ShockError(f"{place}: declared_months must be a whole number from 1 to {MAX_MONTHS}, not {declared!r}.")
    for key in ("origin", "passage", "note"):
        if key in event and not isinstance(event[key], str):
            raise ShockError(
                f'{place}: {key} must be one text in quotes, for example {key} = "...", not {event[key]!r}.'
            )
    for key in ("leak", "cut", "granted", "remaining"):
        if key in event:
            _number(event[key], 0.0, 1.0, f"{place}: {key}")
    for key in ("factor", "tonnes_per_year", "rate"):
        if key in event:
            _number(event[key], 0.0, math.inf, f"{place}: {key}")
    for key in ("commodities", "to", "sites", "countries", "processes", "importers", "origins", "end_uses", "tiers"):
        if key in event:
            value = event[key]
            if isinstance(value, str):
                event[key] = [value]
            elif not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
                raise ShockError(f'{place}: {key} must be a list of names, for example {key} = ["..."].')
    if "liability_stages" in event:
        stages = event["liability_stages"]
        if isinstance(stages, bool) or stages not in (0, 1, "all"):
            raise ShockError(f'{place}: liability_stages must be 0, 1 or "all", not {stages!r}.')
    if "delay_months" in event:
        _number(event["delay_months"], 0, MAX_MONTHS, f"{place}: delay_months")
    if kind == "outage" and not any(key in event for key in ("sites", "countries", "processes")):
        raise ShockError(f"{place}: outage needs `sites`, or `countries` and/or `processes`.")
    own = {"kind", "start", "months", "announced", "declared_months"}
    keys = {key: value for key, value in event.items() if key not in own}
    return Event(kind, start, months, keys, line, announced, declared)


def _number(value: Any, low: float, high: float, what: str) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not low <= value <= high
    ):
        span = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
        raise ShockError(f"{what} must be a number {span}, not {value!r}.")


def effects_of(
    shocks: Sequence[Shock], network: SupplyNetwork, horizon: int, start: str, as_dated: bool = False
) -> Effects:
    """The limits that `shocks` put on `network` over months 1..horizon of a plan that starts in month `start`.

    Several limits on one component and month combine as: smallest share, product of demand factors, sum of premiums.
    With `as_dated` each event starts its offset after the shock's own `date`.
    Raises ShockError for unknown names, for an event outside the plan, and for an event that touches nothing.
    """
    parse_month(start, "--start")
    found = _effects(shocks, network, horizon, start, as_dated, None)
    return replace(found, notes=(*found.notes, *_cut_off(shocks, horizon, start, as_dated)))


def _cut_off(shocks: Sequence[Shock], horizon: int, start: str, as_dated: bool) -> list[str]:
    """What of an event lies before or after the plan's months: there the model knows no shock, which flatters the answer."""
    notes = []
    for shock in shocks:
        shift = _shift(shock, start, as_dated)
        for event in shock.events:
            first, last = 1 + event.start + shift, event.start + shift + event.months
            if last < 1 or first > horizon:
                continue
            if last > horizon:
                notes.append(
                    f"{shock.name}: the {event.kind} of {_months(event.months)} outlasts the plan by {_months(last - horizon)}. "
                    "Nothing beyond is counted, and stocks are spent as if it ended there, so the loss is too small: "
                    f"ask for --months {min(last, LONGEST)}{' or more' if last < LONGEST else ''}."
                )
            elif last > horizon - AFTERMATH:
                end = "with the plan" if last == horizon else f"{_months(horizon - last)} before the plan does"
                notes.append(
                    f"{shock.name}: the {event.kind} ends {end}. Shortages go on for months after it, and those beyond the "
                    f"plan are not counted: ask for --months {min(last + AFTERMATH, LONGEST)} or more before you compare losses."
                )
            if first < 1:
                notes.append(
                    f"{shock.name}: the {event.kind} began {_months(1 - first)} before the plan. Stocks and goods on the "
                    "way are taken as full, as if it had not, so the loss is too small: begin the plan earlier (--start)."
                )
    return notes


def _months(count: int) -> str:
    return f"{count} month" if count == 1 else f"{count} months"


def beliefs_of(
    shocks: Sequence[Shock], network: SupplyNetwork, horizon: int, start: str, as_dated: bool = False
) -> list[tuple[int, Effects]]:
    """What is known of the shocks month by month: (plan month, effects believed from then on), the first for month 1.

    An event is known from its `announced` month (default: when it begins), believed to last its `declared_months`
    (default: its real length), and prolonged by the same length while it lasts. One entry: all is known at the start.
    """
    news = {1}
    for shock in shocks:
        shift = _shift(shock, start, as_dated)
        for event in shock.events:
            news |= {month for month in event.news(shift) if 1 < month <= horizon}
    return [(month, _effects(shocks, network, horizon, start, as_dated, month)) for month in sorted(news)]


def _shift(shock: Shock, start: str, as_dated: bool) -> int:
    if not as_dated:
        return 0
    if shock.date is None:
        raise ShockError(f"{shock.path}: has no `date`, so it cannot be placed as dated; leave out --as-dated.")
    return months_between(start, shock.date)


def _effects(
    shocks: Sequence[Shock], network: SupplyNetwork, horizon: int, start: str, as_dated: bool, seen_from: int | None
) -> Effects:
    """Effects as they are (`seen_from` None) or as believed from a plan month; every trace is kept, maybe without months."""
    import pandas as pd

    parts: list[pd.DataFrame] = []
    traces: list[Trace] = []
    notes: list[str] = []
    for shock in shocks:
        shift = _shift(shock, start, as_dated)
        touched = 0
        for event in shock.events:
            true = event.when(shift, horizon)
            if not true:
                notes.append(f"{shock.name}: the {event.kind} of line {event.line} lies outside the plan's months.")
                continue
            months = true if seen_from is None else event.believed(seen_from, shift, horizon)
            resolver = _Resolver(network, shock, event)
            rows, trace = resolver.rows(months or true)
            touched += len(rows)
            if not rows:
                notes.append(f"{shock.name}: the {event.kind} of line {event.line} touches nothing in this network.")
            if trace is not None:
                traces.append(trace if months else replace(trace, months=()))
            parts.append(pd.DataFrame(rows if months else [], columns=["field", "component", "month", "value"]))
        if touched == 0:
            raise TouchesNothing(
                f"{shock.path}: touches nothing in the network from {start} over {horizon} months. "
                + " ".join(note for note in notes if note.startswith(shock.name))
                + " Check the names, the start and the chains chosen."
            )
    frame = _combine(parts)
    return Effects(frame, tuple(traces), tuple(shock.name for shock in shocks), horizon, tuple(notes))


def _combine(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    frames = [part for part in parts if len(part)]
    if not frames:
        return no_effects().frame
    frame = pd.concat(frames, ignore_index=True)
    rule = {
        "shipment_share": "min",
        "capacity_share": "min",
        "stock_release_share": "min",
        "demand_factor": "prod",
        "premium_usd": "sum",
    }
    done = [
        group.groupby(["field", "component", "month"])["value"].agg(rule[str(name)]).reset_index()
        for name, group in frame.groupby("field", sort=True)
    ]
    result: pd.DataFrame = pd.concat(done, ignore_index=True)
    return result.astype({"month": "int64", "value": "float64"})


class _Resolver:
    """Finds what one event touches in the network; every name must exist there or in the world's chains."""

    def __init__(self, network: SupplyNetwork, shock: Shock, event: Event) -> None:
        self.network, self.shock, self.event = network, shock, event
        self.keys = event.keys
        self.place = f"{shock.path}:{event.line}"

    def rows(self, months: range) -> tuple[list[tuple[str, str, int, float]], Trace | None]:
        """Rows (field, component, month, value) and the trace of a targeted restriction."""
        kind = self.event.kind
        if kind in ("ban", "licence", "quota"):
            return self._restriction(months)
        method = {"outage": self._outage, "chokepoint": self._chokepoint, "tariff": self._tariff, "surge": self._surge}
        return method[kind](months), None

    def names(self, patterns: Sequence[str], known: Iterable[str], what: str) -> list[str]:
        """Names matching the patterns (`*` allowed); an exact name must exist."""
        pool = sorted(set(known))
        found: dict[str, None] = {}
        for pattern in patterns:
            hits = [name for name in pool if fnmatchcase(name, pattern)]
            if not hits:
                raise ShockError(f"{self.place}: no {what} {pattern!r} in this network{_nearest(pattern, pool)}.")
            found.update(dict.fromkeys(hits))
        return list(found)

    def countries(self, key: str) -> list[str]:
        return self.names(self.keys[key], self.network.nodes["country"], "country")

    def _restriction(self, months: range) -> tuple[list[tuple[str, str, int, float]], Trace | None]:
        keys, routes = self.keys, self.network.routes
        origin = self.names([keys["origin"]], self.network.nodes["country"], "country")[0]
        commodities = self.names(keys["commodities"], self.network.nodes["commodity"], "commodity")
        targets = [] if keys.get("to", ["*"]) == ["*"] else self.countries("to")
        own = routes[(routes["origin"] == origin) & routes["commodity"].isin(commodities)]
        hit = own[own["destination"].isin(targets)] if targets else own
        shares = self._shares(months, hit)
        rows = [
            ("shipment_share", label, month, share[label] if isinstance(share, dict) else share)
            for month, share in shares.items()
            for label in hit["route"]
        ]
        if not targets or not rows:
            return rows, None
        # During a targeted restriction the origin does not sell other destinations more than a little above base.
        slack = 1.0 + self.network.assumptions["restriction_slack"].value
        others = own[~own["destination"].isin(targets)]
        rows += [("shipment_share", label, month, slack) for month in shares for label in others["route"]]
        stages = keys.get("liability_stages", 0)
        leak = float(keys.get("leak", 0.0))
        trace = Trace(
            origin, tuple(commodities), tuple(targets), -1 if stages == "all" else int(stages), tuple(shares), leak
        )
        return rows, trace

    def _shares(self, months: range, hit: pd.DataFrame) -> dict[int, Any]:
        """Share of the base-year shipment that still moves, by month."""
        keys, kind = self.keys, self.event.kind
        leak = float(keys.get("leak", 0.0))
        if kind == "ban":
            return dict.fromkeys(months, min(1.0, 1.0 - float(keys.get("cut", 1.0)) + leak))
        if kind == "quota":
            base = float(hit["y0"].sum()) * 12.0
            if base <= 0.0:
                return {}
            return dict.fromkeys(months, min(1.0, float(keys["tonnes_per_year"]) / base))
        days, granted_share = (self.network.assumption(name) for name in ("licence_days", "licence_share"))
        delay = math.ceil(float(keys.get("delay_months", days / MONTH_DAYS)))
        granted = float(keys.get("granted", granted_share))
        return {month: leak if k < delay else max(leak, granted) for k, month in enumerate(months)}

    def _outage(self, months: range) -> list[tuple[str, str, int, float]]:
        sites, keys = self.network.sites, self.keys
        chosen = sites
        if "sites" in keys:
            chosen = chosen[chosen["site"].isin(self.names(keys["sites"], sites["site"], "site"))]
        if "countries" in keys:
            chosen = chosen[chosen["country"].isin(self.countries("countries"))]
        if "processes" in keys:
            chosen = chosen[chosen["process"].isin(self.names(keys["processes"], sites["process"], "process"))]
        share = float(keys["remaining"])
        return [("capacity_share", label, month, share) for month in months for label in chosen["site"]]

    def _chokepoint(self, months: range) -> list[tuple[str, str, int, float]]:
        routes = self.network.routes
        passages = routes["chokepoints"].fillna("").str.split(";")
        known = {name for row in passages for name in row if name}
        passage = self.names([self.keys["passage"]], known, "chokepoint")[0]
        hit = routes[[passage in row for row in passages]]
        share = float(self.keys.get("remaining", 0.0))
        return [("shipment_share", label, month, share) for month in months for label in hit["route"]]

    def _tariff(self, months: range) -> list[tuple[str, str, int, float]]:
        routes, nodes, keys = self.network.routes, self.network.nodes, self.keys
        importers = self.countries("importers")
        commodities = self.names(keys["commodities"], nodes["commodity"], "commodity")
        hit = routes[routes["destination"].isin(importers) & routes["commodity"].isin(commodities)]
        if "origins" in keys:
            hit = hit[hit["origin"].isin(self.countries("origins"))]
        price = nodes["replacement_usd"].to_numpy()[hit["from_node"].to_numpy(dtype=int)]
        missing = sorted(set(hit["commodity"][np.isnan(price)]))
        if missing:
            raise ShockError(
                f"{self.place}: no price for {', '.join(missing)}, so a tariff has no USD value; add a row to prices.csv."
            )
        premium = dict(zip(hit["route"], price * float(keys["rate"]), strict=True))
        return [("premium_usd", label, month, value) for month in months for label, value in premium.items()]

    def _surge(self, months: range) -> list[tuple[str, str, int, float]]:
        demands, keys = self.network.demands, self.keys
        commodities = self.names(keys["commodities"], self.network.nodes["commodity"], "commodity")
        hit = demands[demands["commodity"].isin(commodities)]
        if "countries" in keys:
            hit = hit[hit["country"].isin(self.countries("countries"))]
        for key, column in (("end_uses", "end_use"), ("tiers", "tier")):
            if key in keys:
                hit = hit[hit[column].isin(self.names(keys[key], demands[column], column.replace("_", " ")))]
        return [("demand_factor", label, month, float(keys["factor"])) for month in months for label in hit["demand"]]


def _event_lines(text: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*event\s*\]\]", line)]


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*\[*\s*\"?{re.escape(key)}\b", line):
            return number
    return 1


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" (nearest: {', '.join(close)})" if close else ""
