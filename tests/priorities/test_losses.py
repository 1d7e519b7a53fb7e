"""The table of losses: of these data and this model, the same however it is computed, kept where a user keeps caches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orebridge.build import build_network
from orebridge.delivery.limits import restrict_to
from orebridge.delivery.modes import weighted_loss
from orebridge.errors import OutputError
from orebridge.priorities import losses
from orebridge.priorities.expected_loss import ExpectedLoss
from orebridge.priorities.losses import LossTable, key_of, read_table, refresh, stored, with_losses
from orebridge.priorities.subjects import Subject, subject_of
from orebridge.schema import network_tables
from orebridge.shocks import effects_of, library, load_shock
from orebridge.world import World, load_world
from tests.priorities.bundled import inputs


@pytest.fixture(scope="module")
def network_world() -> World:
    return load_world(tables=network_tables())


def test_the_shipped_table_is_of_the_bundled_world() -> None:
    """Fails after any change of tables or shocks: write it again with `python -m orebridge.priorities.losses`."""
    table = stored(key_of())
    assert table is not None, "the shipped losses are of other data; run: python -m orebridge.priorities.losses"
    assert set(table.frame["members"]) >= {"USA", "JPN", "JPN+USA"} and set(table.frame["shock"]) <= set(library())


@pytest.mark.parametrize(("shock", "chain", "members"), [
    ("china-gallium-germanium-ban", "gallium", ("USA",)), ("china-graphite-licensing-2023", "graphite", ("JPN",)),
    ("china-gallium-germanium-ban", "gallium", ("JPN", "USA")),
])  # fmt: skip
def test_the_shipped_losses_are_those_of_the_model(
    network_world: World, shock: str, chain: str, members: tuple[str, ...]
) -> None:
    """Computed anew by the delivery package's own total; if the model changed, raise MODEL and write the table again."""
    network = build_network(network_world, members)
    effects = effects_of((load_shock(shock),), network, losses.MONTHS, losses.START)
    network = network.subset([chain])
    own = restrict_to(effects, network)
    table = stored(key_of())
    assert table is not None
    rows = table.frame[
        (table.frame["members"] == "+".join(members))
        & (table.frame["shock"] == shock)
        & (table.frame["chain"] == chain)
    ]
    for way, name in (("unaided", "unaided"), ("planned", "joint" if len(members) > 1 else "alone")):
        total = rows[rows["way"] == way]["usd"].sum()
        assert total == pytest.approx(weighted_loss(network, own, losses.MONTHS, name), rel=1e-4, abs=10.0)


def test_every_shock_has_a_chance_with_a_range() -> None:
    table = inputs().probabilities.set_index("shock")
    assert set(table.index) == set(library())
    assert ((table["low"] < table["share"]) & (table["share"] < table["high"])).all()


def test_shocks_of_one_cause_are_not_added() -> None:
    given = inputs()
    rows = pd.DataFrame({
        "members": "USA", "shock": ["china-heavy-rare-earths-japan-2026", "china-rare-earths-japan-2010", "us-tariff-magnets"],
        "chain": "rare_earth_magnets", "mineral": "rare_earths", "way": "planned", "usd": [100e6, 300e6, 10e6],
        "low": [100e6, 300e6, 10e6], "high": [100e6, 300e6, 10e6], "tonnes": 1.0,
    })  # fmt: skip
    score = (
        ExpectedLoss()
        .score(given.replace(losses=rows), "USA", {"planned": 1.0})
        .set_index("mineral")
        .loc["rare_earths"]
    )
    # the worse of the two stops towards Japan, and the tariff: 0.12·300 + 0.3·10
    assert score["score"] == pytest.approx(0.12 * 300 + 0.3 * 10)
    assert score["low"] < score["score"] < score["high"]


def test_between_no_plan_and_the_best() -> None:
    table = ExpectedLoss().score(inputs(), "USA").set_index("mineral").dropna(subset=["score"])
    np.testing.assert_allclose(table["score"], (table["unaided_musd"] + table["planned_musd"]) / 2)
    alone = ExpectedLoss().score(inputs(), "USA", {"unaided": 1.0}).set_index("mineral").loc[table.index]
    np.testing.assert_allclose(alone["score"], table["unaided_musd"])
    assert table.loc["rare_earths", "worst_shock"] in library()


def test_a_plan_never_loses_more_than_no_plan() -> None:
    total = inputs().losses.pivot_table(index=["members", "shock", "chain"], columns="way", values="usd", aggfunc="sum")
    assert (total["planned"] <= total["unaided"] * 1.001 + 1e6).all()


def test_text_and_back() -> None:
    table = LossTable("abc", inputs().losses)
    again = read_table(table.text())
    assert again is not None and again.key == "abc"
    pd.testing.assert_frame_equal(again.frame, table.frame.reset_index(drop=True))
    assert read_table("something else\n1,2\n") is None and read_table("# key x; y\na,b\n1,2\n") is None


def test_other_tables_have_no_losses(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("x\n1\n", encoding="utf-8")
    assert key_of(overlay=tmp_path) != key_of()
    bare = with_losses(inputs().replace(losses=pd.DataFrame()), "0" * 12, [subject_of("USA")])
    table = ExpectedLoss().score(bare, "USA").set_index("mineral")
    assert table["score"].isna().all() and "--refresh" in table.loc["gallium", "absent_reason"]


def test_losses_of_another_subject_are_absent_with_the_reason() -> None:
    given = with_losses(inputs(), key_of(), [subject_of("DEU")])
    assert "no losses computed for DEU" in given.losses_absent


def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OREBRIDGE_CACHE", str(tmp_path / "cache"))
    known = library()
    monkeypatch.setattr(
        "orebridge.shocks.library", lambda: {k: known[k] for k in ("drc-cobalt-quota", "china-graphite-licensing-2023")}
    )


def test_refresh_keeps_the_table_and_does_not_depend_on_workers(
    network_world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    few(monkeypatch, tmp_path)
    subjects = [Subject(("USA",)), Subject(("JPN",))]
    one = refresh(network_world, subjects, "test-key", workers=1)
    two = refresh(network_world, subjects, "test-key", workers=2, keep=False)
    pd.testing.assert_frame_equal(one.frame, two.frame)
    kept = stored("test-key")
    assert kept is not None and len(kept.frame) == len(one.frame) and kept.frame["usd"].ge(0).all()
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["losses-test-key.csv"]
    # another subject is added to what is there
    more = refresh(network_world, [Subject(("JPN", "USA"))], "test-key", workers=1)
    assert set(more.frame["members"]) == {"USA", "JPN", "JPN+USA"}


def test_a_cache_that_cannot_be_written_is_told(
    network_world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    few(monkeypatch, tmp_path)
    (tmp_path / "cache").write_text("a file, no folder", encoding="utf-8")
    with pytest.raises(OutputError, match="OREBRIDGE_CACHE"):
        refresh(network_world, [Subject(("JPN",))], "k", workers=1)


def test_a_loss_of_unknown_value_is_absent_and_not_zero(network_world: World) -> None:
    """Without a value of lost output the tonnes stand, the dollars are unknown, and the mineral has no score."""
    whole, shock = build_network(network_world, ("USA",)), "china-gallium-germanium-ban"
    network = whole.subset(["gallium"])
    bare = replace(network, demands=network.demands.assign(value_usd=float("nan")))
    effects = restrict_to(effects_of((load_shock(shock),), whole, losses.MONTHS, losses.START), network)
    stated, unknown = (
        pd.DataFrame(losses._one(net, effects, ("USA",), shock, "gallium", (0.5, 2.0), {})) for net in (network, bare)
    )
    assert stated["usd"].gt(0).all() and unknown["tonnes"].gt(0).all()
    assert unknown[["usd", "low", "high"]].isna().all(axis=None)
    table = read_table(LossTable("abc", unknown).text())
    assert table is not None
    pd.testing.assert_frame_equal(table.frame, unknown)
    for rows, there in ((stated, True), (table.frame, False)):
        score = ExpectedLoss().score(inputs().replace(losses=rows), "USA").set_index("mineral").loc["gallium"]
        assert np.isfinite(score["score"]) == there
        assert ("no value of lost output" in score["absent_reason"]) != there
        assert score["worst_shock"] == (shock if there else "")


def test_range_of_a_loss_is_that_of_the_value_of_lost_output() -> None:
    rows = inputs().losses
    rows = rows[rows["usd"] > 0]
    assert ((rows["low"] < rows["usd"]) & (rows["usd"] < rows["high"])).all()
    assert np.isfinite(rows[["usd", "low", "high", "tonnes"]]).all(axis=None)
