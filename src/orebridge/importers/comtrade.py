"""UN Comtrade: a question asked through the package `comtradeapicall`, or an answer saved as JSON.

PATH is either a TOML file that says what to ask,

    reporters = ["USA", "JPN"]        # ISO alpha-3 (at most a few dozen)
    years = [2024]
    hs = ["280530", "284690"]         # six digits, HS 1992
    flow = "import"                   # or "export"

or a JSON file that an earlier question was saved to (`{"data": [...]}` as the service answers). Asking needs the key of
the service in the environment variable COMTRADE_API_KEY; it is never printed, logged or stored. Published units: netWgt in
kilograms, primaryValue in US dollars; here tonnes and usd. No weight is absent, not 0.

Source: United Nations Statistics Division, UN Comtrade, terms of use of the service. Not covered: reporters' own tariff
lines, monthly data, re-exports, estimates for countries that did not report (BACI has them).
"""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import logging
import math
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from orebridge.errors import ImportRefused
from orebridge.importers.opening import Limits, Member, Opened, text_of
from orebridge.importers.reading import Batch, Note, Reading, Rows, Wish, wrong_file
from orebridge.importers.sidefiles import SideFiles, countries, numeric_countries, plain
from orebridge.workspace import About

ACCEPTS = "a TOML file with reporters, years, hs and flow, or an answer of UN Comtrade saved as .json"
KEY = "COMTRADE_API_KEY"
FLOWS = {"import": "M", "export": "X"}
NOMENCLATURE = "H0"
#: Reporters whose code is not ISO's.
UN_CODES = {"USA": 842, "FRA": 251, "IND": 699, "NOR": 579, "CHE": 757}
#: The service cuts an answer off at this many rows.
MOST_ROWS = 100_000
FIELDS = ("refYear", "reporterCode", "partnerCode", "cmdCode", "flowCode", "primaryValue")
WORLD = 0


@dataclass(frozen=True)
class Question:
    """What to ask."""

    reporters: tuple[str, ...]
    years: tuple[int, ...]
    hs: tuple[str, ...]
    flow: str


def read(given: Opened, side: SideFiles, wish: Wish, note: Note, limits: Limits) -> Reading:
    """Ask the service, or read a saved answer."""
    questions = given.find(lambda name: name.endswith(".toml"))
    answers = given.find(lambda name: name.endswith(".json"))
    if len(questions) == 1 and not answers:
        member = questions[0]
        question = _question(member, limits)
        rows = [row for year in question.years if wish.wants(year) for row in _ask(question, year, note)]
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        vintage = wish.vintage or f"asked {today}"
    elif len(answers) == 1 and not questions:
        member = answers[0]
        rows = _answer(member, limits)
        vintage = wish.vintage or member.base.removesuffix(".json")
    else:
        raise wrong_file("comtrade", given, ACCEPTS)
    hashes = {member.name: (member.sha256, member.size)}

    def batches() -> Iterator[Batch]:
        parts: dict[str, Rows] = {}
        for at, row in enumerate(rows, 1):
            _row(at, row, member, side, wish, parts)
        for part, made in parts.items():
            yield made.batch(part, member.name)

    return Reading(
        About("comtrade", vintage, f"UN Comtrade, {vintage}", "United Nations", "https://comtradeplus.un.org", "terms of UN Comtrade"),
        batches(), lambda: hashes,
        ["as reported by one side and not reconciled; BACI reconciles both sides and fills in those who did not report."],
    )  # fmt: skip


def _question(member: Member, limits: Limits) -> Question:
    try:
        data = tomllib.loads(text_of(member, ("utf-8-sig",), limits))
    except tomllib.TOMLDecodeError as error:
        raise ImportRefused(f"{member.name}: not TOML ({error}).") from error
    faults = [f"unknown key {key!r}" for key in set(data) - {"reporters", "years", "hs", "flow"}]
    lists = {key: data.get(key) for key in ("reporters", "years", "hs")}
    faults += [
        f"{key}: a list that is not empty" for key, value in lists.items() if not isinstance(value, list) or not value
    ]
    if data.get("flow") not in FLOWS:
        faults.append(f"flow: {' or '.join(FLOWS)}")
    if not faults:
        faults += [
            f"reporter {name!r}: an ISO alpha-3 code"
            for name in data["reporters"]
            if plain(str(name)) not in countries()
        ]
        faults += [f"year {year!r}: a whole number" for year in data["years"] if not isinstance(year, int)]
        faults += [
            f"hs {code!r}: six digits in quotes"
            for code in data["hs"]
            if not (isinstance(code, str) and len(code) == 6 and code.isdigit())
        ]
    if faults:
        raise ImportRefused(f"{member.name}: " + "; ".join(faults))
    return Question(tuple(map(str, data["reporters"])), tuple(data["years"]), tuple(data["hs"]), str(data["flow"]))


def _ask(question: Question, year: int, note: Note) -> list[Mapping[str, Any]]:
    """The rows of one year; raises ImportRefused with the service's words, without the key."""
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise ImportRefused(
            f"UN Comtrade is asked with a key of your own: set {KEY}; keys are given at comtradedeveloper.un.org."
        )
    try:
        import comtradeapicall
    except ImportError as error:
        raise ImportRefused("the package comtradeapicall is missing: pip install 'orebridge[comtrade]'.") from error
    codes = {name: number for number, name in numeric_countries().items()} | UN_CODES
    said = io.StringIO()
    note(f"comtrade: asking for {year}")
    # The package prints failures, with the address and the key in it, instead of raising them; urllib3 logs addresses.
    with _quiet(said):
        try:
            frame = comtradeapicall.getFinalData(
                key, typeCode="C", freqCode="A", clCode=NOMENCLATURE, period=str(year),
                reporterCode=",".join(str(codes[name]) for name in question.reporters), cmdCode=",".join(question.hs),
                flowCode=FLOWS[question.flow], partnerCode=None, partner2Code="0", customsCode="C00", motCode="0",
                maxRecords=MOST_ROWS, format_output="JSON", aggregateBy=None, breakdownMode="classic", countOnly=None,
                includeDesc=False,
            )  # fmt: skip
        except Exception as error:
            raise ImportRefused(f"UN Comtrade, {year}: {_without(key, f'{type(error).__name__}: {error}')}") from None
    if frame is None:
        words = _without(key, said.getvalue().strip()) or "no answer"
        raise ImportRefused(f"UN Comtrade, {year}: {words[:300]}. Nothing was imported.")
    if len(frame) >= MOST_ROWS:
        raise ImportRefused(
            f"UN Comtrade, {year}: {len(frame):,} rows, where the service cuts off; ask for fewer headings."
        )
    return cast(list[Mapping[str, Any]], frame.to_dict("records"))


@contextlib.contextmanager
def _quiet(said: io.StringIO) -> Iterator[None]:
    """What is printed goes to `said`; urllib3 logs nothing meanwhile."""
    logger = logging.getLogger("urllib3")
    before, logger.disabled = logger.disabled, True
    children = [logging.getLogger(name) for name in ("urllib3.connectionpool", "urllib3.util.retry")]
    states = [child.disabled for child in children]
    for child in children:
        child.disabled = True
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield
    finally:
        logger.disabled = before
        for child, state in zip(children, states, strict=True):
            child.disabled = state


def _without(key: str, text: str) -> str:
    return text.replace(key, "(key)")


def _answer(member: Member, limits: Limits) -> list[Mapping[str, Any]]:
    try:
        data = json.loads(text_of(member, ("utf-8-sig",), limits))
    except ValueError as error:
        raise ImportRefused(f"{member.name}: not JSON ({error}); save the whole answer again.") from error
    rows = data.get("data") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ImportRefused(
            f"{member.name}: no list `data` in it, as UN Comtrade answers; is it another service's file?"
        )
    if data.get("error"):
        raise ImportRefused(f"{member.name}: the service answered with an error: {str(data['error'])[:200]}")
    count = data.get("count")
    if isinstance(count, int) and count > len(rows):
        raise ImportRefused(
            f"{member.name}: {len(rows)} of {count} rows; the answer was cut off. Ask for fewer headings."
        )
    return cast(list[Mapping[str, Any]], rows)


def _row(at: int, row: Mapping[str, Any], member: Member, side: SideFiles, wish: Wish, parts: dict[str, Rows]) -> None:
    place = f"{member.base} row {at}"
    missing = [name for name in FIELDS if row.get(name) is None]
    if missing:
        raise ImportRefused(f"{place}: no {', '.join(missing)}; it has {', '.join(map(str, row))[:200]}.")
    if str(row.get("classificationCode", NOMENCLATURE)) != NOMENCLATURE:
        raise ImportRefused(
            f"{place}: classification {row['classificationCode']}, whose headings mean other goods than HS 1992 ({NOMENCLATURE})."
        )
    if row["flowCode"] not in FLOWS.values():
        side.leave_out("flow", str(row["flowCode"]), "only imports (M) and exports (X) are read")
        return
    if int(row["partnerCode"]) == WORLD:
        side.leave_out("code", "0", "the sum over all partners")
        return
    year, hs = int(row["refYear"]), str(row["cmdCode"])
    if len(hs) != 6 or not hs.isdigit():
        side.leave_out("hs", hs, "a sum of headings: only six digits are read")
        return
    reporter, partner = (_country(row, f"{who}Code", f"{who}ISO", side, place) for who in ("reporter", "partner"))
    if reporter is None or partner is None or not wish.wants(year):
        return
    importer, exporter = (reporter, partner) if row["flowCode"] == "M" else (partner, reporter)
    kilograms = _amount(row.get("netWgt"), place, "netWgt")
    part = f"{'imports' if row['flowCode'] == 'M' else 'exports'} {year}"
    parts.setdefault(part, Rows("trade")).add(
        row=at, year=year, hs=hs, importer=importer, exporter=exporter, usd=_amount(row["primaryValue"], place, "primaryValue"),
        tonnes=None if not kilograms else kilograms / 1000.0,
    )  # fmt: skip


def _country(row: Mapping[str, Any], code: str, iso: str, side: SideFiles, place: str) -> str | None:
    number = str(row[code])
    if side.leaves_out("code", number):
        return None
    known = side.names.get(("code", number)) or (numeric_countries().get(int(number)) if number.isdigit() else None)
    if known is None:
        known = countries().get(plain(str(row.get(iso) or "")))
    if known is None:
        side.miss("code", number, place)
    return known


def _amount(value: object, place: str, column: str) -> float | None:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    number = float(cast(float, value)) if isinstance(value, int | float) else -1.0
    if not 0 <= number < 1e18:
        raise ImportRefused(f"{place}: {value!r} in {column} cannot be an amount.")
    return number
