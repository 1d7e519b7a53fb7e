"""Marginal values are confirmed by re-solving, and have the sign of a saving."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orebridge.delivery.marginal import COLUMNS, marginal_values, value_per_tonne
from orebridge.delivery.modes import prepare, weighted_loss
from orebridge.delivery.warm import Warm, case_of
from orebridge.errors import NotOptimal
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects

from .hand_worlds import effects, magnets

BAN = effects(("shipment_share", "metal:CHN>BBB", 1, 6, 0.0))


def row_of(frame: pd.DataFrame, commodity: str, member: str) -> pd.Series:
    return frame[(frame["commodity"] == commodity) & (frame["member"] == member)].iloc[0]


def test_pitfall_13_a_tonne_saves_the_value_of_what_is_short() -> None:
    """BBB is short of general magnets (1 million USD per t) once defence and essential are served."""
    values = marginal_values(magnets(), BAN, 8, "alone", most=10, start="2026-12")
    row = row_of(values, "magnet", "BBB")
    assert list(values.columns) == COLUMNS
    assert row["usd_first_tonne"] == pytest.approx(1e6, rel=1e-6)
    # BBB uses 5 t a month: a tenth is half a tonne, so the second amount is ten times the first tonne.
    assert (row["first_tonnes"], row["tonnes"]) == (1.0, 10.0)
    assert row["saves_usd"] == pytest.approx(row["usd_per_tonne"] * 10.0)
    assert row["words"].startswith(
        f"The first tonne of magnet in BBB {'by' if row['month'] > 1 else 'in'} {row['when']}"
    )
    assert " saves 1 million USD; 10 t save " in row["words"]
    assert row["when"] == f"{2026 + (11 + row['month'] - 1) // 12}-{(11 + row['month'] - 1) % 12 + 1:02d}"
    assert "month " in row_of(marginal_values(magnets(), BAN, 8, "alone"), "magnet", "BBB")["when"]


@pytest.mark.parametrize("way", ["alone", "joint"])
@pytest.mark.parametrize("q", [1e-3, -1e-3])
def test_law_the_dual_is_what_a_little_more_saves(way: str, q: float) -> None:
    """Wherever a little more and a little less are worth the same (no kink), the dual is worth that too."""
    case, warm = case_of(magnets(2.5, spare=1.3), BAN, 8), Warm(way)
    model, solution = warm.solve(case)
    base, dual = solution.objective, value_per_tonne(model, solution)
    smooth = 0
    for node in range(len(case.network.nodes)):
        for month in range(8):
            saved = []
            for amount in (abs(q), -abs(q)):
                row = np.array([model.balance.ids[node, month]])
                need = float(model.need[node, month]) - amount
                with model.program.changed():
                    model.program.set_rhs(row, lower=need, upper=need)
                    try:
                        saved.append((base - model.program.solve().objective) / amount)
                    except NotOptimal:  # no room for a tonne less
                        saved.append(np.nan)
            if np.isnan(saved).any() or abs(saved[0] - saved[1]) > 1e-6 * max(abs(saved[0]), 1.0):
                continue
            smooth += abs(dual[node, month]) > 1e-6
            assert dual[node, month] == pytest.approx(saved[0 if q > 0 else 1], rel=1e-3, abs=1e-6), (node, month)
    assert smooth >= 5


@pytest.mark.parametrize("way", ["alone", "joint"])
def test_law_a_tonne_saves_what_a_rebuilt_world_saves(way: str) -> None:
    """One tonne of magnets more in a month is one tonne less wanted there, as long as a tonne is short."""
    net = magnets()
    row = row_of(marginal_values(net, BAN, 8, way, most=10), "magnet", "BBB")
    month, general = int(row["month"]), "magnet@BBB/all/general"
    short = Warm(way)
    model, solution = short.solve(case_of(net, BAN, 8))
    at = list(net.demands["demand"]).index(general)
    assert model.flows(solution).unmet[at, month - 1] >= 1.0
    less = Effects(pd.concat([BAN.frame, effects(("demand_factor", general, month, month, 2 / 3)).frame]))
    saved = weighted_loss(net, BAN, 8, way) - weighted_loss(net, less, 8, way)
    assert row["usd_first_tonne"] * row["first_tonnes"] == pytest.approx(saved, rel=1e-6)


def test_the_value_that_fades_is_said_to_fade() -> None:
    """60 t are not wanted at 1 million USD each: BBB is short of fewer than that in eight months."""
    row = row_of(marginal_values(magnets(), BAN, 8, "alone", most=10, share=12.0), "magnet", "BBB")
    assert row["tonnes"] == pytest.approx(60.0)
    assert row["usd_per_tonne"] < row["usd_first_tonne"] / 1.2
    assert row["words"].endswith(": the value fades as more comes.")
    even = row_of(marginal_values(magnets(), BAN, 8, "alone", most=10, share=0.3), "magnet", "BBB")
    assert even["usd_per_tonne"] == pytest.approx(even["usd_first_tonne"]) and "fades" not in even["words"]


def small(net: SupplyNetwork, by: float) -> SupplyNetwork:
    """The same world in other tonnes."""
    return replace(
        net,
        sites=net.sites.assign(capacity=net.sites["capacity"] * by, base=net.sites["base"] * by),
        activities=net.activities.assign(x0=net.activities["x0"] * by),
        routes=net.routes.assign(y0=net.routes["y0"] * by),
        stockpiles=net.stockpiles.assign(s0=net.stockpiles["s0"] * by, release=net.stockpiles["release"] * by),
        demands=net.demands.assign(D=net.demands["D"] * by),
    )


def test_amounts_stay_within_reason_where_use_is_small() -> None:
    """BBB uses 0.5 t of magnets a month: a tenth of that comes first, never a tonne; below 0.05 t nothing is shown."""
    row = row_of(marginal_values(small(magnets(), 0.1), BAN, 8, "alone", most=10), "magnet", "BBB")
    assert row["first_tonnes"] == pytest.approx(0.05) and row["tonnes"] == pytest.approx(0.5)
    assert row["words"].startswith("0.05 t more magnet in BBB (the month's use is below a tonne)")
    assert not len(marginal_values(small(magnets(), 0.005), BAN, 8))


def test_the_best_come_first_each_place_once() -> None:
    values = marginal_values(magnets(), BAN, 8, "joint", most=2)
    assert len(values) == 2 and values["saves_usd"].is_monotonic_decreasing
    assert not values.duplicated(["commodity", "member"]).any()
    assert (values["saves_usd"] > 0).all()
    assert set(values["member"]) <= {"AAA", "BBB"}


def test_labels_of_the_network_name_the_commodity() -> None:
    net = magnets()
    named = replace(
        net,
        nodes=net.nodes.assign(label=net.nodes["commodity"].map({"metal": "NdPr metal", "magnet": "Sintered magnet"})),
    )
    words = " ".join(marginal_values(named, BAN, 8, "alone", most=10)["words"])
    assert "of sintered magnet in BBB" in words and "of NdPr metal in BBB" in words


def test_no_shortage_no_marginal_value() -> None:
    relaxed = effects(("shipment_share", "metal:CHN>BBB", 1, 6, 1.0))
    assert prepare(magnets(), relaxed, 8)[3].unmet.max() < 1e-9
    assert weighted_loss(magnets(), relaxed, 8, "alone") == 0.0
    assert marginal_values(magnets(), relaxed, 8).empty
