"""Sweeps over all chains that decide an answer: losses of chains add up."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from orebridge.delivery import decisive
from orebridge.delivery.hinges import COLUMNS, stock_curve
from orebridge.delivery.limits import restrict_to
from orebridge.delivery.modes import four_ways
from orebridge.session import respond


def part(chain: str, usd: float) -> SimpleNamespace:
    plan = SimpleNamespace(loss_usd=lambda: usd)
    return SimpleNamespace(network=SimpleNamespace(chains=(chain,)), plans={"unaided": plan})


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ({"a": 60.0, "b": 38.0, "c": 2.0}, ["a", "b"]),  # 98 of 100
        ({"a": 4.0, "b": 91.0, "c": 5.0}, ["b"]),  # nine tenths are enough
        ({"a": 7.0, "b": 85.0, "c": 8.0}, ["b", "c"]),
        ({"a": 0.0, "b": 0.0}, ["a"]),  # nothing lost: one all the same
        ({"a": 50.0, "b": 50.0}, ["a", "b"]),
        ({"a": 1.0, "b": math.nan, "c": 99.0}, ["c", "b"]),  # unknown may be large
    ],
)
def test_chains_that_hold_nearly_all_of_the_loss_are_swept(lost: dict[str, float], expected: list[str]) -> None:
    assert decisive.decisive([part(chain, usd) for chain, usd in lost.items()]) == expected


def bar(name: str, low_at: float, stated_at: float, high_at: float, *losses: float) -> tuple[object, ...]:
    return (name, f"title of {name}", low_at, stated_at, high_at, "t", *losses, max(losses) - min(losses))


def test_an_assumption_of_several_chains_is_moved_in_all_of_them() -> None:
    """a loses 10 as stated, b 100. Days: a 4..30, b 90..250; ramp only in a: 10..13; theta with other ends in each.

    Days together: 4 + 90 = 94, 110, 30 + 250 = 280. Ramp: 110, 110, 113. theta of a: 110 - 1 = 109, of b: 110 + 5 = 115.
    """
    a = pd.DataFrame([bar("days", 0, 1, 2, 4, 10, 30), bar("ramp", 0, 1, 2, 10, 10, 13), bar("theta", 0, 1, 2, 9, 10, 10)],
                     columns=COLUMNS)  # fmt: skip
    b = pd.DataFrame([bar("days", 0, 1, 2, 90, 100, 250), bar("theta", 0, 1, 3, 100, 100, 105)], columns=COLUMNS)
    found = decisive.together({"first_one": a, "b": b})
    rows = {(row["assumption"], row["title"]): row for row in found.to_dict("records")}
    figures = {key: (row["low"], row["stated"], row["high"], row["swing"]) for key, row in rows.items()}
    assert figures == {
        ("days", "title of days"): (94, 110, 280, 186),
        ("theta", "title of theta (b)"): (110, 110, 115, 5),
        ("ramp", "title of ramp"): (110, 110, 113, 3),
        ("theta", "title of theta (first one)"): (109, 110, 110, 1),
    }
    assert list(found["assumption"]) == ["days", "theta", "ramp", "theta"]


def test_curve_and_tornado_are_sums_over_chains() -> None:
    answer = respond(["china-gallium-germanium-ban"], months=4, hinges=False)
    parts = [answer.network.subset([chain]) for chain in ("gallium", "germanium")]
    ways = [four_ways(part, answer.effects, 4, ("alone", "joint")) for part in parts]
    found = decisive.hinges_of(answer.network, answer.effects, 4, ways, "joint", None, "2026-12", 2, share=1.0)
    assert set(found.chains) == {"gallium", "germanium"}
    single = [stock_curve(part, restrict_to(answer.effects, part), 4, ("unaided", "alone", "joint")) for part in parts]
    total = single[0]["loss_usd"] + single[1]["loss_usd"]
    assert list(found.curve["loss_usd"]) == pytest.approx(list(total), rel=1e-9, abs=1.0)
    assert float(total.max()) > 0
    stated = found.swings["stated"]
    assert stated.max() - stated.min() <= 1.0
    assert (found.remedies["saves_share"] <= 1.0).all()
