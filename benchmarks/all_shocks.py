"""For a nightly run: every shock of the library on the bundled world, and whether the laws hold in each answer.

Runs each shock for the USA and Japan, and some of them in pairs, for three members, for one, and over 6 and 36 months, by
the same `respond` as people do. Checked in every answer:

- mass at every node and month of every way; no limit broken, nothing negative, unmet within demand
- joint never worse than alone, for all and for each, where all is known at the start
- frames, losses, plan.json and its schema add up to one another; coordination is the difference, its split adds up to it

Prints time, losses and the words on coordination; ends with 1 if anything fails, naming the case.

    python benchmarks/all_shocks.py [--only PART-OF-NAME] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.laws.checks import broken_limits, broken_nesting

from orebridge import session
from orebridge.delivery.modes import ChainWays
from orebridge.reports.plan_json import schema
from orebridge.session import Response
from orebridge.shocks import library
from orebridge.world import World, load_world

PAIRS = (
    ("china-heavy-rare-earths-japan-2026", "china-gallium-germanium-ban"),
    ("china-tungsten-2025", "china-antimony-2024"),
    ("malacca-closed", "magnet-demand-surge"),
    ("drc-cobalt-quota", "indonesia-nickel-ore"),
)
MORE = ("china-heavy-rare-earths-japan-2026", "china-gallium-germanium-ban", "malacca-closed")
TWO, THREE = ("USA", "JPN"), ("USA", "JPN", "KOR")


@dataclass(frozen=True)
class Run:
    """One question: shocks, members, months, and what is known of the shocks."""

    shocks: tuple[str, ...]
    members: tuple[str, ...] = TWO
    months: int = 24
    foresight: str = "declared"

    @property
    def label(self) -> str:
        more = "" if self.foresight == "declared" else f" {self.foresight}"
        return f"{' + '.join(self.shocks)} / {','.join(self.members)} / {self.months}{more}"


@dataclass
class Found:
    """What a run gave, and what is wrong with it."""

    run: Run
    seconds: float = math.nan
    losses: dict[str, float] = field(default_factory=dict)
    short: float = math.nan
    words: str = ""
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def runs() -> list[Run]:
    """Every case."""
    cases = [Run((name,)) for name in library()]
    cases += [Run(pair) for pair in PAIRS]
    cases += [Run((name,), THREE) for name in MORE]
    cases += [Run((name,), ("JPN",)) for name in MORE]
    cases += [Run((name,), months=months) for name in MORE for months in (6, 36)]
    cases += [Run((name,), foresight="perfect") for name in MORE]
    return cases


@contextmanager
def watched() -> Iterator[list[tuple[str, ChainWays]]]:
    """The answers of each chain that `respond` works with, as they come: ("known" or "rolled", ways)."""
    seen: list[tuple[str, ChainWays]] = []
    four, rolled = session.four_ways, session.rolled_ways

    def see_four(*arguments: Any, **more: Any) -> ChainWays:
        seen.append(("known", four(*arguments, **more)))
        return seen[-1][1]

    def see_rolled(*arguments: Any, **more: Any) -> ChainWays:
        seen.append(("rolled", rolled(*arguments, **more)))
        return seen[-1][1]

    session.four_ways, session.rolled_ways = see_four, see_rolled  # type: ignore[assignment]
    try:
        yield seen
    finally:
        session.four_ways, session.rolled_ways = four, rolled


def answer(run: Run, world: World) -> Found:
    """Run one case and check it."""
    found = Found(run)
    start = time.perf_counter()
    try:
        with watched() as seen:
            response = session.respond(
                run.shocks, run.members, months=run.months, world=world, foresight=run.foresight, hinges=False
            )
    except Exception:  # any failure is what this script looks for
        found.faults.append(traceback.format_exc(limit=-3))
        return found
    found.seconds = time.perf_counter() - start
    found.losses = {way: plan.loss_usd() for way, plan in response.plans.items()}
    found.short = float(response.plans["unaided"].unmet["tonnes"].sum())
    found.words = response.coordination.words if response.coordination else "one member"
    for kind, ways in seen:
        chain = ways.network.chains[0]
        for way, flows in ways.flows.items():
            found.faults += [
                f"{chain}, {way} ({kind}): {text}" for text in broken_limits(ways.network, ways.limits, flows)
            ]
        if kind == "known" and "joint" in ways.plans:
            found.faults += [f"{chain}: {text}" for text in broken_nesting(ways)]
        if ways.plans["alone"].loss_usd() > ways.plans["unaided"].loss_usd() * (1 + 1e-6) + 1:
            found.notes.append(f"{chain}: a plan costs more dollars than none (tiers come first)")
    try:
        found.faults += totals(response)
    except Exception:
        found.faults.append(traceback.format_exc(limit=-3))
    return found


def near(a: float, b: float, slack: float = 1e-6) -> bool:
    """Equal up to rounding; two unknown figures are equal."""
    return (math.isnan(a) and math.isnan(b)) or abs(a - b) <= slack * max(1.0, abs(a), abs(b))


def totals(response: Response) -> list[str]:
    """What does not add up in the frames, in plan.json and in coordination."""
    faults = []
    content = json.loads(json.dumps(response.to_dict(), allow_nan=False))
    try:
        jsonschema.Draft202012Validator(schema()).validate(content)
    except jsonschema.ValidationError as error:
        faults.append(f"plan.json: {error.message} at {error.json_path}")
    for way, plan in response.plans.items():
        tonnes = float(plan.unmet["tonnes"].sum())
        told = content["ways"][way]
        if not near(tonnes, float(plan.loss.loc[plan.loss["item"] != "stock", "tonnes"].sum())):
            faults.append(f"{way}: tonnes unmet differ between frames")
        if not near(tonnes, sum(row["tonnes"] for row in told["unmet"])):
            faults.append(f"{way}: tonnes unmet differ in plan.json")
        if not near(tonnes, sum(member["tonnes"] for member in told["by_member"].values())):
            faults.append(f"{way}: tonnes by member differ in plan.json")
        loss = math.nan if told["loss_usd"] is None else told["loss_usd"]
        parts = [math.nan if m["loss_usd"] is None else m["loss_usd"] for m in told["by_member"].values()]
        if not near(loss, plan.loss_usd()) or not near(loss, sum(parts)):
            faults.append(f"{way}: USD differ: {loss}, {plan.loss_usd()}, by member {sum(parts)}")
        for name in ("unmet", "flows", "activity", "stock", "waste"):
            frame: pd.DataFrame = getattr(plan, name)
            if frame["tonnes"].isna().any() or (len(frame) and frame["tonnes"].min() < 0):
                faults.append(f"{way}: {name} holds missing or negative tonnes")
    worth = response.coordination
    if worth is not None:
        gained = response.plans["alone"].loss_usd() - response.plans["joint"].loss_usd()
        if not near(worth.value_usd, gained):
            faults.append(f"coordination is worth {worth.value_usd}, the difference {gained}")
        if worth.shapley and not near(sum(worth.shapley.values()), worth.value_usd, 1e-6):
            faults.append(f"the split adds up to {sum(worth.shapley.values())} of {worth.value_usd}")
        if worth.payments and abs(sum(worth.payments.values())) > 1e-6 * max(1.0, abs(worth.value_usd)) + 1.0:
            faults.append(f"payments add up to {sum(worth.payments.values())}, not to nothing")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="cases whose label contains this")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    world, results = load_world(), []
    for run in runs():
        if arguments.only not in run.label:
            continue
        found = answer(run, world)
        results.append(found)
        lost = "  ".join(f"{way} {usd / 1e6:,.0f}" for way, usd in found.losses.items())
        print(f"{'FAILS' if found.faults else 'ok   '} {run.label}\n      {found.seconds:.1f} s; M USD: {lost}; "
              f"{found.short:,.0f} t short without a plan\n      {found.words}", flush=True)  # fmt: skip
        for text in found.notes:
            print(f"      note: {text}", flush=True)
        for text in found.faults:
            print(f"      FAULT: {text}", flush=True)
    failed = [found.run.label for found in results if found.faults]
    print(f"\n{len(results)} cases, {len(failed)} with faults" + "".join(f"\n  {label}" for label in failed))
    if arguments.json is not None:
        rows = [{"label": f.run.label, "seconds": f.seconds, "losses": f.losses, "tonnes_short": f.short,
                 "words": f.words, "faults": f.faults, "notes": f.notes} for f in results]  # fmt: skip
        beside = arguments.json.with_suffix(arguments.json.suffix + ".part")
        beside.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        beside.replace(arguments.json)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
