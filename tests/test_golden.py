"""The linear program of each rule and of each stage as text, on the smallest network that shows it.

`pytest tests/test_golden.py --update-golden` writes the files anew; read the difference before committing it. Each case
shows the rows and columns of one block alone; its docstring says what to look for and why the figures are what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orebridge.delivery import modes, stages
from orebridge.delivery.limits import Horizon, limits_of
from orebridge.delivery.model import TIERS, Model
from orebridge.delivery.treaty import transfers
from orebridge.delivery.unaided import simulate_unaided
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

from .delivery.hand_worlds import effects, world

FOLDER = Path(__file__).parent / "golden"
ALONE: frozenset[str] = frozenset()
TOGETHER = frozenset({"AAA", "BBB"})


@dataclass(frozen=True)
class Shown:
    """A model and what of it is written down: families of rows and of columns, and whether the objective."""

    model: Model
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    objective: bool = False


def model(
    network: SupplyNetwork, shock: Effects, months: int, tail: int, coalition: frozenset[str], treaty: bool = False
) -> Model:
    horizon = Horizon(months, tail)
    limits = limits_of(network, shock, horizon)
    unaided = simulate_unaided(network, limits, horizon)
    moved = transfers(network, limits, horizon, unaided) if treaty else None
    return Model(network, limits, horizon, unaided, coalition, "golden", moved)


def activity() -> Shown:
    """One mine of 8 t a month (recipe `standard`) with room for 10, overtime of 25 % and a ramp of 10 %; halved in month 2.

    - `capacity` 12.5 = 10 x 1.25, and half of it in month 2; both recipes share it.
    - `ramp` 1 = 10 x 10 % from month to month, both recipes together; in month 1 from the 8 t of the base year: 9.
    - columns: `activity` up to base (8), `activity_extra` above it. The recipe `lean` runs on feed of two origin
      classes, opens after 1 month and takes 40 % of 12.5 = 5 t: the row `accepted` counts both classes together.
    """
    net = world(
        ["ore@AAA"], [("mine@AAA", {"ore@AAA": 1.0}, 8.0, 0)], demands=[("ore@AAA", "general", 8.0)], members=("AAA",)
    )
    sites = net.sites.assign(capacity=10.0, surge=0.25, ramp=0.1)
    base = net.activities.iloc[[0, 0, 0]].reset_index(drop=True)
    base["activity"] = ["mine@AAA/standard", "mine@AAA/lean", "mine@AAA/lean (free origin)"]
    base["recipe"], base["x0"] = ["standard", "lean", "lean"], [8.0, 0.0, 0.0]
    base["opens"], base["accepted"] = [0, 1, 1], [1.0, 0.4, 0.4]
    terms = net.terms.iloc[[0, 0, 0]].reset_index(drop=True).assign(activity=[0, 1, 2])
    net = replace(net, sites=sites, activities=base, terms=terms)
    outage = effects(("capacity_share", "mine@AAA", 2, 2, 0.5))
    return Shown(
        model(net, outage, 2, 1, ALONE), ("capacity", "ramp", "accepted"), ("activity", "activity_extra")
    )  # fmt: skip


def buyers() -> SupplyNetwork:
    """CHN sells 4 t to AAA, 4 to BBB and 2 to OUT; AAA sells 1 to BBB and 1 to OUT; BBB could sell to AAA, which opens after 1 month."""
    net = world(
        ["ore@AAA", "ore@BBB", "ore@CHN", "ore@OUT"],
        [("mine@CHN", {"ore@CHN": 1.0}, 10.0, 0)],
        [("ore", "CHN", "AAA", 4.0), ("ore", "CHN", "BBB", 4.0), ("ore", "CHN", "OUT", 2.0), ("ore", "AAA", "BBB", 1.0),
         ("ore", "AAA", "OUT", 1.0), ("ore", "BBB", "AAA", 0.0), ("ore", "OUT", "AAA", 0.0)],
        demands=[("ore@AAA", "general", 2.0), ("ore@BBB", "general", 5.0), ("ore@OUT", "general", 3.0)],
    )  # fmt: skip
    return replace(net, routes=net.routes.assign(opens=[0, 0, 0, 0, 0, 1, 1]))


# The mine halves in month 1; in month 2 CHN ships BBB at most a quarter, and OUT up to a tenth above base.
SHORT = effects(
    ("capacity_share", "mine@CHN", 1, 1, 0.5),
    ("shipment_share", "ore:CHN>BBB", 2, 2, 0.25),
    ("shipment_share", "ore:CHN>OUT", 2, 2, 1.1),
)


def shipments_alone() -> Shown:
    """Each member for itself (restriction slack 5 %, theta 10 %).

    With no plan the halved mine sends half to everybody in month 1 (2, 2 and 1 t), which arrives in month 2: in month 2
    AAA has 2 of the 4 t it wants (2 used, 1 to BBB, 1 to OUT) and serves half of each.
    - CHN>AAA, CHN>BBB: at most what they would get with no plan, so that nobody eats another's part (2 t in month 1).
    - CHN>OUT: between 90 % of what it would be with no plan and the contract; extra 0.1 = 5 % of 2, also where the
      limit of 1.1 would allow 0.2.
    - AAA>BBB and AAA>OUT are numbers: 1, 0.5 (its own shortage of month 2), 1. BBB>AAA: 0.
    - `contestable`: beyond contracts AAA may win over 10 % of what CHN would sell OUT (1 t in month 1, then 2), times its
      share of what members buy outside, 4/8: 0.05, then 0.1. OUT sells nobody anything, so nothing.
    - extra of CHN>BBB is closed in month 2 (limited route), OUT>AAA until its first month is over.
    """
    return Shown(
        model(buyers(), SHORT, 2, 1, ALONE), ("contestable", "outside pool"), ("shipment", "shipment_extra")
    )  # fmt: skip


def shipments_joint() -> Shown:
    """The same with AAA and BBB planning together: one buyer.

    - AAA>BBB and BBB>AAA are decisions (BBB>AAA open from month 2 on); AAA>OUT stays a number.
    - CHN>AAA and CHN>BBB go up to the contracts (BBB: a quarter in month 2), but `outside pool` holds the two together
      to what they would get with no plan: 4 t in month 1, 5 in month 2 (4 + 1), then 8. In month 2 and 3 that is no
      less than the contracts allow; the row is there because of month 1.
    - one `contestable` row for both: 10 % of what CHN would sell OUT, 1 t, then 2.
    """
    return Shown(
        model(buyers(), SHORT, 2, 1, TOGETHER), ("contestable", "outside pool"), ("shipment", "shipment_extra")
    )  # fmt: skip


def stocks() -> Shown:
    """An industry stock of 6 t without rules, and a public one of 4 t: floor 1, room 5, at most 2 t a month out and 0.5 in;
    it opens one month into a shock.

    - `stock` up to what was there at the start, `stock_extra` above it (public: 1 t more, room 5).
    - `refill`: end stock + shortfall >= start.
    - `release` of the public stock, from the 4 t at the start: nothing in month 1 (not open), 1 t in month 2 (the effect
      halves the 2 t), 2 t in month 3. The industry stock has no row: what it may give covers all it held.
    - `buy back`: at most 0.5 t a month more; 4.5 t at the end of month 1.
    """
    net = world(["ore@AAA"], [("mine@AAA", {"ore@AAA": 1.0}, 3.0, 0)], stocks={"ore@AAA": 6.0},
                demands=[("ore@AAA", "general", 3.0)], members=("AAA",))  # fmt: skip
    piles = net.stockpiles.iloc[[0, 0]].reset_index(drop=True)
    piles["stockpile"], piles["holder"] = ["industry:ore@AAA", "DLA:ore@AAA"], ["industry", "DLA"]
    piles["s0"], piles["floor"], piles["release"], piles["room"] = [6.0, 4.0], [0.0, 1.0], [6.0, 2.0], [np.inf, 5.0]
    piles["refill"], piles["opens_after"] = [np.inf, 0.5], [0, 1]
    shock = effects(("capacity_share", "mine@AAA", 1, 1, 0.9), ("stock_release_share", "DLA:ore@AAA", 2, 2, 0.5))
    return Shown(
        model(replace(net, stockpiles=piles), shock, 2, 1, ALONE),
        ("refill", "release", "buy back"),
        ("stock", "stock_extra", "shortfall"),
    )


def users() -> SupplyNetwork:
    """CHN sells 4 t a month to AAA (1 defence, 1 essential, 2 general) and uses 6 itself."""
    return world(
        ["ore@AAA", "ore@CHN"],
        [("mine@CHN", {"ore@CHN": 1.0}, 10.0, 0)],
        [("ore", "CHN", "AAA", 4.0)],
        {"ore@AAA": 3.0},
        [("ore@AAA", "defence", 1.0), ("ore@AAA", "essential", 1.0), ("ore@AAA", "general", 2.0),
         ("ore@CHN", "general", 6.0)],
        members=("AAA",),
        discount_rate=0.03,
    )  # fmt: skip


OUTAGE = effects(("capacity_share", "mine@CHN", 1, 2, 0.5), ("demand_factor", "ore@AAA/all/defence", 1, 2, 2.0))


def demand() -> Shown:
    """The mine halves in months 1 and 2, AAA's defence wants twice as much (2 t); month 3 is the unreported tail.

    - members' `unmet` goes up to the demand of the month in months 1 and 2, in the tail only to what it is with no plan.
      With no plan: half (2 t) leaves CHN in months 1 and 2. AAA has 4 + 3 t in month 1 and uses 5; 2 t arrive in month 2,
      2 are left in stock, 4 of 5 are served: 1/5 of each is missing. Month 3: 2 t of 4 wanted: half of each.
    - the outsider's `unmet`: at most 10 % of 6 t or, if more, what is missing there with no plan (half).
    - `level` ties the largest monthly share to `peak`: 5 t are wanted in months 1 and 2, 4 in month 3.
    """
    return Shown(model(users(), OUTAGE, 2, 1, ALONE), ("level",), ("unmet", "peak", "worst"))


def balance() -> Shown:
    """Ore and a free by-product (slag) from one mine, a month each for work and for the way to BBB; 2 months.

    Supply stands with +, use with -; the right-hand side is demand less what is under way or in stock:
    - month 1 ore@AAA: 1 t used - 3 t from the mine's month 0 - 2 t of stock = -4, of which 2 t leave for BBB.
    - month 1 ore@BBB: 2 t used - 2 t sent in month 0 - 0 of stock = 0; from month 2 on what was sent in month 1 counts.
    - slag@AAA: no use; 1.5 t (0.5 x 3) arrive in month 1, and only here is there a column `waste` that may be above 0.
    """
    net = world(
        ["ore@AAA", "slag@AAA", "ore@BBB"],
        [("mine@AAA", {"ore@AAA": 1.0, "slag@AAA": 0.5}, 3.0, 1)],
        [("ore", "AAA", "BBB", 2.0)],
        {"ore@AAA": 2.0},
        [("ore@AAA", "general", 1.0), ("ore@BBB", "general", 2.0)],
        waste={"slag@AAA": 1.5},
    )
    return Shown(model(net, effects(), 2, 0, TOGETHER), ("balance",), ("waste",))


def two_members() -> SupplyNetwork:
    """CHN sells 4 t a month to AAA, which has 6 t in stock, and 4 t to BBB, which has 2."""
    return world(
        ["ore@AAA", "ore@BBB", "ore@CHN"],
        [("mine@CHN", {"ore@CHN": 1.0}, 8.0, 0)],
        [("ore", "CHN", "AAA", 4.0), ("ore", "CHN", "BBB", 4.0), ("ore", "AAA", "BBB", 0.0)],
        {"ore@AAA": 6.0, "ore@BBB": 2.0},
        [("ore@AAA", "general", 4.0), ("ore@BBB", "defence", 1.0), ("ore@BBB", "general", 3.0)],
        price=5e5,
        discount_rate=0.03,
    )


NO_METAL_FOR_B = effects(("shipment_share", "ore:CHN>BBB", 1, 2, 0.0))


def no_member_worse() -> Shown:
    """Joint: nobody may lose more than alone. Alone AAA ends 3 t of stock short; BBB lacks 4 t of general use in month 2.

    A tonne unmet costs 1 (general) or 100 (defence) million USD, discounted by 0.97 a year; a tonne of stock missing at
    the end 0.5 (its price): 1.5 for AAA, 4 x 0.9949 for BBB, each plus a hair for the solver. Only the reported months 1
    and 2 count, and the stock at the end of the tail. BBB's lamps have no stated value: their tonnes are held instead.
    """
    net = two_members()
    lamp = net.demands.iloc[[2]].assign(demand="ore@BBB/lamps/general", end_use="lamps", D=0.0, value_usd=np.nan)
    net = replace(net, demands=pd.concat([net.demands, lamp], ignore_index=True))
    shown = model(net, NO_METAL_FOR_B, 2, 1, TOGETHER)
    stock = np.array([[6.0, 6.0, 3.0], [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]])
    unmet = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.5, 0.0]])
    modes._not_worse(shown, replace(shown.unaided, stock=stock, unmet=unmet))
    return Shown(shown, ("no_member_worse AAA", "no_member_worse BBB", "no_member_worse BBB ore"))


def kept_stock() -> Shown:
    """Without lent stock: no holding of a member below its course alone: AAA 6, 6, 6 t; BBB 2 t in month 1, then nothing."""
    shown = model(two_members(), NO_METAL_FOR_B, 2, 1, TOGETHER)
    alone = replace(shown.unaided, stock=np.array([[6.0, 6.0, 6.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    modes._keep_stock(shown, alone)
    return Shown(shown, ("kept stock industry:ore@AAA", "kept stock industry:ore@BBB"))


def treaty() -> Shown:
    """The sharing rule fixes transfers: `shipment_extra` of AAA>BBB is a number, everything else as alone.

    Month 1: all is there (4 t at sea for each). Month 2: AAA has 4, BBB its 2 t of stock: 2 of 8 missing, rho 10 %;
    G = 7.2 - 6 = 1.2; net imports 4 and 4, draws 0.6 each, rights 3.6 - 0.6 = 3; AAA gives 1, BBB lacks 1: 1 t. It
    arrives in month 3, which is not reported, so the rule does not look at it.
    """
    return Shown(model(two_members(), NO_METAL_FOR_B, 2, 1, ALONE, treaty=True), (), ("shipment", "shipment_extra"))


def stage_a(tier: str) -> Callable[[], Shown]:
    def build() -> Shown:
        shown = model(users(), OUTAGE, 2, 1, ALONE)
        shown.program.minimise(stages.tier_costs(shown, tier))
        return Shown(shown, objective=True)

    return build


def stage_c() -> Shown:
    """End stock in million USD: 0.5 per tonne missing for members, 1 % of it for outsiders."""
    shown = model(two_members(), NO_METAL_FOR_B, 2, 1, TOGETHER)
    shown.program.minimise(stages._end_stock(shown))
    return Shown(shown, objective=True)


def stage_d() -> Shown:
    """The largest monthly share of a member's product that is missing; rows `level` tie it to what is unmet."""
    shown = model(two_members(), NO_METAL_FOR_B, 2, 1, TOGETHER)
    shown.program.minimise([(shown.peak.ids, np.ones(1))])
    return Shown(shown, ("level",), objective=True)


def stage_e() -> Shown:
    """Cost of change in million USD per tonne, ore at 0.5: a tonne beyond contract 25 % of it (0.125) and a tariff of
    0.1 on CHN>AAA in month 1; a tonne of contract not taken 10 % (-0.05 per tonne taken); a tonne of activity above or
    below base 5 % (0.025); a month of stock drawn 2 %/12, a month in a shed 1 % (0.005); end stock at its price.
    """
    tariff = effects(("premium_usd", "ore:CHN>AAA", 1, 1, 1e5))
    shown = model(two_members(), tariff, 1, 1, TOGETHER)
    shown.program.minimise(stages._change(shown))
    return Shown(shown, objective=True)


def stage_f() -> Shown:
    """Weights of a hundred-thousandth that differ by label and month, so that of equal plans one is chosen."""
    shown = model(two_members(), effects(), 1, 1, TOGETHER)
    shown.program.minimise(stages._tie_break(shown))
    return Shown(shown, objective=True)


CASES: dict[str, Callable[[], Shown]] = {
    "activity": activity,
    "shipments_alone": shipments_alone,
    "shipments_joint": shipments_joint,
    "stocks": stocks,
    "demand": demand,
    "balance": balance,
    "no_member_worse": no_member_worse,
    "kept_stock": kept_stock,
    "treaty": treaty,
    **{f"stage_a_{tier}": stage_a(tier) for tier in TIERS},
    "stage_c_end_stock": stage_c,
    "stage_d_level": stage_d,
    "stage_e_change": stage_e,
    "stage_f_tie_break": stage_f,
}


def text_of(shown: Shown) -> str:
    """The lines of `Program.to_lp()` that belong to the families shown."""
    wanted: list[str] = []
    section = ""
    for line in shown.model.program.to_lp().splitlines():
        if not line.startswith(" "):
            section = line
            if section == "minimise" and not shown.objective:
                continue
            wanted.append(line)
        elif section == "minimise":
            if shown.objective:
                wanted.append(line)
        elif section == "subject to":
            if any(line.startswith(f"  {name}[") for name in shown.rows):
                wanted.append(line)
        elif any(f" {name}[" in line for name in shown.columns):
            wanted.append(line)
    kept = [
        line for i, line in enumerate(wanted) if line.startswith(" ") or (wanted[i + 1 : i + 2] or [""])[0][:1] == " "
    ]
    return "\n".join(kept) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_the_program_is_the_golden_one(name: str, request: pytest.FixtureRequest) -> None:
    found, path = text_of(CASES[name]()), FOLDER / f"{name}.lp"
    if request.config.getoption("--update-golden"):
        path.write_text(found, encoding="utf-8")
    assert path.is_file(), f"no {path.name} yet; write it with --update-golden and read it"
    assert found == path.read_text(encoding="utf-8")


def test_every_golden_file_has_its_case() -> None:
    assert {path.stem for path in FOLDER.glob("*.lp") if not path.stem.startswith("program_")} == set(CASES)
