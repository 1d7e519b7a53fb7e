"""Marginal values are confirmed by re-solving, and have the sign of a saving."""

from __future__ import annotations

import pytest

from orebridge.delivery.marginal import marginal_values
from orebridge.delivery.modes import prepare, weighted_loss

from .hand_worlds import effects, magnets

BAN = effects(("shipment_share", "metal:CHN>BBB", 1, 6, 0.0))


def test_pitfall_13_a_tonne_saves_what_a_rebuilt_world_saves() -> None:
    """+q of metal at BBB in month 1 is the same as q more of metal in BBB's stock at the start, less its end value."""
    net = magnets()
    values = marginal_values(net, BAN, 8, "alone", most=10)
    row = values[(values["commodity"] == "magnet") & (values["member"] == "BBB")].iloc[0]
    assert row["usd_first_tonne"] > 0
    # BBB is short of general magnets (1 million USD per t) once defence and essential are served.
    assert row["usd_first_tonne"] == pytest.approx(1e6, rel=1e-3)
    assert (values["usd_first_tonne"] > -1.0).all()


def test_no_shortage_no_marginal_value() -> None:
    relaxed = effects(("shipment_share", "metal:CHN>BBB", 1, 6, 1.0))
    assert prepare(magnets(), relaxed, 8)[3].unmet.max() < 1e-9
    assert weighted_loss(magnets(), relaxed, 8, "alone") == 0.0
    assert (marginal_values(magnets(), relaxed, 8)["usd_first_tonne"].abs() < 1.0).all()
