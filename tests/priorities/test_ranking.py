"""Ranks, their doubt, agreement, weights and what flips them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

from orebridge.errors import UnknownLabel
from orebridge.priorities.ranking import (
    Ranking,
    bench_of,
    checked_weights,
    closest_flips,
    combined,
    flips,
    kendall,
    order_of,
    places_of,
    rank,
)  # fmt: skip
from orebridge.priorities.registry import METHODS, methods_of
from orebridge.priorities.subjects import subject_of
from tests.priorities.bundled import inputs

USA = subject_of("USA")
QUICK = 40


@pytest.fixture(scope="module")
def ranking() -> Ranking:
    return rank(inputs(), USA, METHODS, draws=QUICK)


floats = st.lists(st.one_of(st.integers(0, 4).map(float), st.just(float("nan"))), min_size=3, max_size=9)


@given(floats)
def test_order_is_that_of_scipy(values: list[float]) -> None:
    array = np.array([values])
    known = np.isfinite(array[0])
    ours = order_of(array)[0]
    assert np.isnan(ours[~known]).all()
    if known.any():
        np.testing.assert_array_equal(ours[known], rankdata(-array[0][known]))
        np.testing.assert_array_equal(order_of(array, higher_is_worse=False)[0][known], rankdata(array[0][known]))


@given(st.lists(st.integers(0, 4), min_size=5, max_size=12), st.randoms())
def test_kendall_is_that_of_scipy(values: list[int], random: object) -> None:
    other = list(values)
    random.shuffle(other)  # type: ignore[attr-defined]
    ours, theirs = (
        kendall(np.array(values, dtype=float), np.array(other, dtype=float)),
        kendalltau(values, other).statistic,
    )
    assert (np.isnan(ours) and np.isnan(theirs)) or ours == pytest.approx(float(theirs))


def test_places_and_their_mean() -> None:
    # three minerals: places 1, 0.5, 0 under x; 0, nan, 1 under y; weights 3 and 1
    places = {"x": places_of(np.array([[9.0, 5.0, 1.0]])), "y": places_of(np.array([[1.0, np.nan, 2.0]]))}
    score, share = combined(places, {"x": 3.0, "y": 1.0})
    np.testing.assert_allclose(score, [[0.75, 0.5, 0.25]])
    np.testing.assert_allclose(share, [[1.0, 0.75, 1.0]])
    lacking, _ = combined(places, {"x": 1.0, "y": 3.0})
    assert np.isnan(lacking[0, 1]), "below half of the weight there is no overall score"


def test_a_method_that_scores_nobody_does_not_count() -> None:
    places = {"x": np.array([[1.0, 0.0]]), "none": np.array([[np.nan, np.nan]])}
    score, share = combined(places, {"x": 1.0, "none": 1.0})
    assert score.tolist() == [[1.0, 0.0]] and share.tolist() == [[1.0, 1.0]]


def test_intervals_hold_the_rank_and_chances_add_up(ranking: Ranking) -> None:
    table = ranking.table.dropna(subset=["rank"])
    assert ((table["rank_low"] <= table["rank"]) & (table["rank"] <= table["rank_high"])).all()
    assert ranking.table["top"].sum() == pytest.approx(
        10.0, abs=0.3
    )  # ties aside ten minerals fill the top ten of a draw
    assert table["rank"].is_monotonic_increasing and table["top"].between(0, 1).all()
    assert ranking.table["inputs"].between(0, 1).all()


def test_same_seed_same_answer_and_more_draws_only_add() -> None:
    methods = methods_of(["hhi", "geopolrisk"])
    one, two = (rank(inputs(), USA, methods, draws=12, seed=4) for _ in range(2))
    pd.testing.assert_frame_equal(one.table, two.table)
    more = rank(inputs(), USA, methods, draws=30, seed=4)
    np.testing.assert_array_equal(more.overall[:12], one.overall)
    assert not np.array_equal(rank(inputs(), USA, methods, draws=12, seed=5).overall, one.overall, equal_nan=True)


def test_a_shared_bench_changes_nothing() -> None:
    methods = methods_of(["geopolrisk", "eu2023"])
    bench = bench_of(inputs(), methods, 10)
    for name in ("USA", "JPN"):
        shared, own = (rank(inputs(), subject_of(name), methods, draws=10, bench=b) for b in (bench, None))
        pd.testing.assert_frame_equal(shared.table, own.table)


def test_individual_rare_earths_are_ranked_as_one(ranking: Ranking) -> None:
    names = set(ranking.table["mineral"])
    assert "rare_earths" in names and not {"dysprosium", "neodymium", "light_rare_earths", "platinum_group"} & names
    assert {"platinum", "palladium", "rhodium"} <= names


def test_weights() -> None:
    assert checked_weights(None, METHODS) == {m.name: 1.0 for m in METHODS}
    assert checked_weights({"hhi": 2}, METHODS)["yale"] == 0.0
    for wrong, text in (({"hi": 1.0}, "nearest: hhi"), ({"hhi": -1.0}, "0 or more"), ({"hhi": 0.0}, "all are 0"), ({"hhi": np.nan}, "0 or more")):  # fmt: skip
        with pytest.raises(UnknownLabel, match=text):
            checked_weights(wrong, METHODS)


def test_weight_on_one_method_gives_its_ranking() -> None:
    found = rank(inputs(), USA, METHODS, {"hhi": 1.0}, draws=3)
    ours = found.table.set_index("mineral")["rank"].dropna()
    theirs = found.scores["hhi"].set_index("mineral")["rank"].dropna()
    pd.testing.assert_series_equal(ours.sort_index(), theirs.sort_index())


def score_of(weights: dict[str, float], mineral: str) -> float:
    found = rank(inputs(), USA, METHODS, weights, draws=1)
    return float(found.table.set_index("mineral").loc[mineral, "score"])


def test_at_the_flip_two_minerals_score_the_same(ranking: Ranking) -> None:
    found = flips(ranking, "germanium", "niobium").dropna(subset=["flips_at"])
    assert len(found) >= 2
    for row in found.itertuples():
        weights = {**ranking.weights, row.method: row.flips_at}
        assert score_of(weights, "germanium") == pytest.approx(score_of(weights, "niobium"), abs=1e-9), row.method


def test_a_flip_turns_the_order(ranking: Ranking) -> None:
    best = closest_flips(ranking).iloc[0]
    beyond = best["flips_at"] + 0.05 * (1 if best["flips_at"] > best["weight"] else -1)
    weights = {**ranking.weights, best["method"]: beyond}
    assert score_of(dict(ranking.weights), best["first"]) > score_of(dict(ranking.weights), best["second"])
    assert score_of(weights, best["first"]) < score_of(weights, best["second"])


def test_flips_of_an_unknown_mineral(ranking: Ranking) -> None:
    with pytest.raises(UnknownLabel, match="nearest: gallium"):
        flips(ranking, "galium", "niobium")


def test_movers_name_a_group_that_moves(ranking: Ranking) -> None:
    moved = ranking.table[ranking.table["mover"] != ""]
    assert len(moved) > 20 and (moved["moved"] > 0).all()
    held = rank(inputs(), USA, methods_of(["usgs2021"]), draws=5).table
    assert set(held["mover"]) <= {"", "published"}, "only rounding can move what is only printed"


def test_agreement_is_of_minerals_both_score(ranking: Ranking) -> None:
    pair = ranking.agreement[
        (ranking.agreement["method"] == "hhi") & (ranking.agreement["other"] == "geopolrisk")
    ].iloc[0]
    one, other = (ranking.scores[m].set_index("mineral")["score"] for m in ("hhi", "geopolrisk"))
    both = one.notna() & other.notna()
    assert pair["minerals"] == both.sum()
    assert pair["tau"] == pytest.approx(float(kendalltau(one[both], other[both]).statistic))


def test_methods_by_name() -> None:
    assert [m.name for m in methods_of(["yale", "HHI"])] == ["hhi", "yale"]
    with pytest.raises(UnknownLabel, match="nearest: geopolrisk"):
        methods_of(["geopolrsk"])
