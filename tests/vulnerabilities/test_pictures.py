"""The exposure map and the pictures of the red team show the figures of the answer, and run nothing from a table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from orebridge import redteam, vulnerabilities
from orebridge.charts import redteam as charts
from orebridge.charts.exposuremap import NAMED, SHADES, exposure_map
from orebridge.labels import country_name
from orebridge.vulnerabilities.redteam import RedTeam
from orebridge.vulnerabilities.result import Vulnerabilities
from orebridge.vulnerabilities.verb import Attack
from test_charts import HOSTILE


@pytest.fixture(scope="module")
def found() -> Vulnerabilities:
    return vulnerabilities(["gallium"], months=12, length=6, plan_survival=False)


@pytest.fixture(scope="module")
def attack() -> Attack:
    return redteam(["gallium"], months=12, length=6, hits=2, fixes=1, remove=0.5)


def test_the_map_names_the_costliest_hit_of_each_country(found: Vulnerabilities) -> None:
    table = found.tables["contingencies"]
    most = table[(table["country"] != "") & (table["planned_usd"] > 0)].groupby("country")["planned_usd"].max()
    dots = exposure_map(found).data[-1]
    told = {
        text.split("<br>")[0].removeprefix("<b>").removesuffix("</b>"): float(
            text.split("<br>")[2].split()[0].replace(",", "")
        )
        for text in dots.hovertext
    }
    assert set(told) == {country_name(str(code)) for code in most.index}
    for code, usd in most.items():
        assert told[country_name(str(code))] == pytest.approx(usd / 1e6, rel=6e-3)
    assert sum(bool(name) for name in dots.text) == min(NAMED, len(most))
    # A trace of every shade; the worst country's is drawn with the darkest one in use.
    land = [trace for trace in exposure_map(found).data if trace.mode == "lines"]
    assert len(land) == 1 + len(SHADES)
    shown = [k for k, trace in enumerate(land[1:]) if trace.showlegend]
    assert max(shown) == max(k for k, (least, _) in enumerate(SHADES) if most.max() / 1e6 >= least)


def test_a_map_of_nothing_says_so(found: Vulnerabilities) -> None:
    none = {name: frame.iloc[:0] for name, frame in found.tables.items()}
    figure = exposure_map(replace(found, tables=none))
    assert not figure.data and "No single hit" in figure.layout.annotations[0].text


def test_a_name_from_a_table_does_not_run_on_the_map(found: Vulnerabilities) -> None:
    own = found.tables["contingencies"].assign(words=HOSTILE)
    text = exposure_map(replace(found, tables=found.tables | {"contingencies": own})).to_json()
    assert HOSTILE not in text and "&lt;" in text


def test_bars_of_the_worst_sets_add_up_to_their_losses(attack: Attack) -> None:
    names = ["one", HOSTILE]
    figure = charts.worst_sets(attack.red, names)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    totals = np.sum([trace.x for trace in bars], axis=0) * 1e6
    assert totals == pytest.approx([item.strike.usd for item in attack.red.rounds])
    assert HOSTILE not in figure.to_json()
    assert not [trace for trace in figure.data if trace.type == "scatter"]  # both rounds are proven: no bound is drawn


def test_what_is_not_proven_shows_its_bound(attack: Attack) -> None:
    last = attack.red.rounds[-1]
    rounds = (*attack.red.rounds[:-1], replace(last, proven=False, bound_usd=2.0 * last.strike.usd))
    red: RedTeam = replace(attack.red, rounds=rounds)
    bound = [trace for trace in charts.worst_sets(red, ["one", "two"]).data if trace.type == "scatter"]
    assert list(bound[0].x) == pytest.approx([2.0 * last.strike.usd / 1e6])


def test_fixes_show_loss_rest_and_outlay_with_its_range(attack: Attack) -> None:
    plan = attack.fixes[0]
    bars = {trace.name: trace for trace in charts.fixes(attack.fixes, ["a hit"]).data}
    assert bars["loss without a fix"].x[0] == pytest.approx(plan.loss_usd / 1e6)
    assert bars["loss left with it"].x[0] == pytest.approx(plan.left_usd / 1e6)
    outlay = bars["outlay of the cheapest fix"]
    assert outlay.x[0] == pytest.approx(plan.cost.usd / 1e6)
    assert outlay.x[0] + outlay.error_x.array[0] == pytest.approx(plan.cost.high / 1e6)
    assert not charts.fixes((), []).data
