"""Along one line (a mine, a smelter, one user) more trouble is never less loss without a plan, month by month in sum.

Where material has a choice of users this is false: see `test_false_laws`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from orebridge.build import build_network
from orebridge.delivery.modes import prepare
from orebridge.network import SupplyNetwork
from orebridge.shocks import Effects
from orebridge.world import load_world

from .checks import tries
from .random_worlds import effects_of_rows

MONTHS = 12
PARTS = (
    ("shipment_share", "copper/metal:AUS>JPN"), ("capacity_share", "aus-mine"), ("capacity_share", "aus-smelter"),
    ("stock_release_share", "industry:copper/metal@JPN"),
)  # fmt: skip


@cache
def line() -> SupplyNetwork:
    return build_network(load_world(Path(__file__).parent.parent / "worlds" / "line"), ("JPN",))


@st.composite
def troubles(draw: st.DrawFn) -> Effects:
    """One limit on the line over some months."""
    name, component = draw(st.sampled_from(PARTS))
    first = draw(st.integers(1, MONTHS))
    last = draw(st.integers(first, MONTHS))
    share = round(draw(st.floats(0.0, 1.0)), 2)
    return effects_of_rows([(name, component, month, share) for month in range(first, last + 1)])


def missing(*shocks: Effects) -> npt.NDArray[np.float64]:
    """Tonnes missing up to each month without a plan; of two limits on one thing the stricter holds."""
    frame = pd.concat([shock.frame for shock in shocks], ignore_index=True)
    frame = frame.groupby(["field", "component", "month"], as_index=False)["value"].min()
    unaided = prepare(line(), Effects(frame), MONTHS)[3]
    total: npt.NDArray[np.float64] = unaided.unmet.sum(0).cumsum()
    return total


@tries(60)
@given(troubles(), troubles())
def test_two_troubles_are_at_least_as_bad_as_each(one: Effects, two: Effects) -> None:
    both = missing(one, two)
    assert (both >= missing(one) - 1e-9).all()
    assert (both >= missing(two) - 1e-9).all()


@tries(40)
@given(troubles(), st.floats(0.0, 1.0))
def test_a_deeper_trouble_is_no_milder(trouble: Effects, share: float) -> None:
    deeper = Effects(trouble.frame.assign(value=trouble.frame["value"] * share))
    assert (missing(deeper) >= missing(trouble) - 1e-9).all()
