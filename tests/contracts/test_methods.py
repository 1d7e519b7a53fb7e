"""One contract for every method of the registry: a new method is tested here by its line in the registry alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from orebridge.errors import UnknownLabel
from orebridge.priorities.arrays import GROUPS, arrays_of
from orebridge.priorities.inputs import COLUMNS, Inputs
from orebridge.priorities.method import Method, Yardstick
from orebridge.priorities.registry import METHODS
from orebridge.priorities.subjects import Subject, subject_of
from orebridge.priorities.worldmonitor import vulnerability
from tests.priorities.bundled import inputs

SUBJECTS = [subject_of("USA"), subject_of("JPN"), subject_of("USA,JPN")]
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
every_subject = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: s.label)


def stated(method: Method, given: Inputs, subject: Subject) -> pd.Series:
    arrays = arrays_of(given)
    return pd.Series(method.core(arrays, subject).score[0], index=arrays.minerals)


def frame(method: Method, given: Inputs, subject: Subject) -> pd.DataFrame:
    return method.score(given, subject).set_index("mineral")


@every_method
def test_says_what_it_is(method: Method) -> None:
    assert isinstance(method, Method) and isinstance(method, Yardstick)
    assert method.name and method.title and method.citation and method.unit
    assert set(method.needs) <= set(COLUMNS)
    assert method.bounds[0] < method.bounds[1]
    text = type(method).__doc__ or ""
    assert all(word in text for word in ("Formula:", "Unit", "Source:", "bsent", "Not covered")), "docstring incomplete"


def test_names_are_unique() -> None:
    assert len({m.name for m in METHODS}) == len(METHODS)


@every_method
@every_subject
def test_order_of_rows_does_not_matter(method: Method, subject: Subject) -> None:
    rng = np.random.default_rng(7)
    mixed = inputs().replace(
        **{name: (f := getattr(inputs(), name)).iloc[rng.permutation(len(f))] for name in COLUMNS if name != "minerals"}
    )
    pd.testing.assert_series_equal(stated(method, inputs(), subject), stated(method, mixed, subject), rtol=1e-12)


@every_method
@every_subject
def test_a_flow_in_two_rows_is_one_flow(method: Method, subject: Subject) -> None:
    """A partner sells under several headings, and to several members: the same tonnes, in one row or in two."""
    given = inputs()
    half = given.trade.assign(tonnes=given.trade["tonnes"] / 2, usd=given.trade["usd"] / 2)
    split = given.replace(trade=pd.concat([half, half.assign(hs="other")], ignore_index=True))
    pd.testing.assert_series_equal(stated(method, given, subject), stated(method, split, subject), rtol=1e-9)


@every_method
@every_subject
def test_scores_are_in_range_with_their_interval(method: Method, subject: Subject) -> None:
    table = frame(method, inputs(), subject)
    known = table.dropna(subset=["score"])
    least, most = method.bounds
    assert ((known["score"] >= least) & (known["score"] <= most)).all()
    assert ((known["low"] <= known["score"]) & (known["score"] <= known["high"])).all()
    assert ((known["low"] >= least) & (known["high"] <= most)).all()
    assert table["share_of_inputs"].between(0, 1).all()
    assert (table.loc[table["score"].isna(), "absent_reason"] != "").all(), "a missing score must say why"
    assert table.loc[table["score"].isna(), ["low", "high"]].isna().all(axis=None)


@every_method
@every_subject
def test_draws_never_leave_the_range(method: Method, subject: Subject) -> None:
    scores = method.core(arrays_of(inputs(), range(50), seed=3), subject).score
    known = scores[np.isfinite(scores)]
    assert known.size == 0 or (known.min() >= method.bounds[0] and known.max() <= method.bounds[1])


def scaled(given: Inputs, names: tuple[str, ...], factor: float) -> Inputs:
    amounts = {"tonnes", "total", "usd", "low", "high"}
    return given.replace(**{
        name: (f := getattr(given, name)).assign(**{c: f[c] * factor for c in amounts & set(f.columns)}) for name in names
    })  # fmt: skip


@every_method
@every_subject
def test_scale_is_as_stated(method: Method, subject: Subject) -> None:
    before = stated(method, inputs(), subject)
    for names, rule in method.scale.items():
        after = stated(method, scaled(inputs(), names, 3.0), subject)
        assert (before.isna() == after.isna()).all(), (names, rule)
        one, other = before.dropna().to_numpy(), after.dropna().to_numpy()
        if rule == "same":
            np.testing.assert_allclose(other, one, rtol=1e-9)
        elif rule == "linear":
            np.testing.assert_allclose(other, 3.0 * one, rtol=1e-9)
        elif rule == "rises":
            assert (other >= one - 1e-12).all() and ((other > one).any() or not one.size), names
        elif rule == "falls":
            assert (other <= one + 1e-12).all() and ((other < one).any() or not one.size), names
        else:
            raise AssertionError(f"{method.name}: unknown rule {rule!r}")


@every_method
@every_subject
def test_an_input_taken_away_is_reported(method: Method, subject: Subject) -> None:
    """Without a frame a row is the same as before (it did not use it), has no score and says why, or admits to less."""
    before = frame(method, inputs(), subject)
    for name in method.needs:
        without = inputs().replace(**{name: getattr(inputs(), name).iloc[:0]})
        after = frame(method, without, subject)
        for mineral in before.index[before["score"].notna()]:
            old, new = before.loc[mineral], after.loc[mineral] if mineral in after.index else None
            assert new is not None, (name, mineral)
            if np.isnan(new["score"]):
                assert new["absent_reason"], (name, mineral)
            elif not np.isclose(new["score"], old["score"], rtol=1e-12):
                told = new["share_of_inputs"] < old["share_of_inputs"] or new["absent_reason"] != old["absent_reason"]
                told |= any(new[c] != old[c] for c in before.columns if c.endswith("_basis"))
                assert told, f"{method.name} without {name}: {mineral} changed in silence"


@every_method
def test_an_alliance_of_one_is_the_country(method: Method) -> None:
    one, other = method.score(inputs(), "USA"), method.score(inputs(), Subject(("USA",)))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert subject_of(["JPN"]) == subject_of("jpn,JPN") == Subject(("JPN",))


@every_method
@every_subject
def test_a_draw_is_the_same_alone_and_among_others(method: Method, subject: Subject) -> None:
    """Draw i depends on its number alone: any division of the draws over workers gives the same."""
    many = method.core(arrays_of(inputs(), range(12), seed=5), subject).score
    two = np.concatenate(
        [method.core(arrays_of(inputs(), part, seed=5), subject).score for part in ((0, 1, 2, 3), range(4, 12))]
    )
    np.testing.assert_allclose(two, many, rtol=1e-12)
    other = method.core(arrays_of(inputs(), range(12), seed=6), subject).score
    assert (
        np.isnan(many).all()
        or (many.max(axis=0) == many.min(axis=0))[np.isfinite(many[0])].all()
        or not np.allclose(many, other, equal_nan=True)
    )


@every_method
@every_subject
def test_held_groups_leave_the_inputs_as_stated(method: Method, subject: Subject) -> None:
    held = method.core(arrays_of(inputs(), range(3), groups=()), subject).score
    base = method.core(arrays_of(inputs()), subject).score
    np.testing.assert_allclose(held, np.repeat(base, 3, axis=0), rtol=1e-12)
    assert len(GROUPS) == len(set(GROUPS))


@every_method
def test_empty_inputs_give_no_score_and_no_error(method: Method) -> None:
    bare = Inputs(2024, minerals=inputs().minerals)
    table = method.score(bare, "USA")
    assert table["score"].isna().all() and (table["absent_reason"] != "").all()


@every_method
def test_unknown_weights_are_refused(method: Method) -> None:
    with pytest.raises(UnknownLabel, match="nonsense"):
        method.score(inputs(), "USA", {"nonsense": 1.0})


def one(method: Method, mineral: str, subject: str, column: str = "score") -> float:
    return float(frame(method, inputs(), subject_of(subject)).loc[mineral, column])


def by_hand(method: Method) -> float:
    """Expected loss of gallium in the United States: chances of the shocks that hit it times the mean of two losses."""
    losses, chances = inputs().losses, inputs().probabilities.set_index("shock")["share"]
    rows = losses[(losses["members"] == "USA") & (losses["mineral"] == "gallium")]
    return float((rows["usd"] / 2e6 * rows["shock"].map(chances)).sum())


#: What every method is held to: ours, the published value, the tolerance of its print. A method without a line fails.
PUBLISHED = {
    "hhi": lambda m: (one(m, "cobalt", "USA", "hhi_mine"), 0.5706, 5e-5),
    "geopolrisk": lambda m: (one(m, "niobium", "USA"), 0.4458, 5e-5),
    "usgs2021": lambda m: (one(m, "gallium", "USA"), 0.67, 1e-9),
    "eu2023": lambda m: (one(m, "gallium", "JPN", "eu_sr"), 3.9, 1e-9),
    "yale": lambda m: (one(m, "gallium", "USA", "supply_concentration"), 17.5 * np.log(9739) - 61.18, 0.01),
    "iea_n1": lambda m: (one(m, "graphite", "USA"), 0.375, 0.025),
    "worldmonitor": lambda m: (float(vulnerability(0.2, 1.0)), 42.22, 0.005),
    "expected_loss": lambda m: (one(m, "gallium", "USA"), by_hand(m), 1e-9),
}


@every_method
def test_a_published_value_is_reproduced(method: Method) -> None:
    ours, published, tolerance = PUBLISHED[method.name](method)
    assert abs(ours - published) <= tolerance
