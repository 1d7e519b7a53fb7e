"""Figures say what the frames say, carry their marks, fetch nothing and run nothing."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from importlib import resources

import numpy as np
import pandas as pd
import pytest

import answers
from orebridge import charts
from orebridge.charts.chain import MOST_LINKS, chain_links
from orebridge.charts.style import GHOST
from orebridge.charts.worldmap import CUTS, _arcs, outlines
from orebridge.reports.summary import summary
from orebridge.views import feeding, short_rows, stage_flows

EVERY = [
    charts.shortage_by_month,
    charts.loss_by_way,
    charts.chain_sankey,
    charts.shipment_map,
    charts.stock_curve,
    charts.tornado,
    charts.coordination,
]


def test_shortage_bars_add_up_to_the_plan_and_share_one_scale_per_row() -> None:
    response = answers.small()
    figure = charts.shortage_by_month(response)
    total = sum(float(np.nansum(trace.y)) for trace in figure.data)
    assert total == pytest.approx(sum(short_rows(plan)["tonnes"].sum() for plan in response.plans.values()))
    # Japan is short in every way and the United States under the treaty only: two rows of four ways.
    assert {trace.xaxis for trace in figure.data} >= {"x", "x2", "x3", "x4"}
    assert figure.layout.yaxis2.matches == "y"
    assert {trace.name for trace in figure.data} == {"defence use", "essential use", "general use"}


def test_loss_bars_add_up_to_the_loss() -> None:
    response = answers.small()
    bars = [trace for trace in charts.loss_by_way(response).data if trace.type == "bar"]
    first_row = [t for t in bars if t.yaxis in ("y", "y2")]
    for k, way in enumerate(response.plans):
        assert sum(np.nan_to_num(t.y[k]) for t in first_row) * 1e6 == pytest.approx(response.plans[way].loss_usd())


def test_what_feeds_members_is_traced_back_in_proportion() -> None:
    # A makes 10: 6 to B, 4 to C. B and C each work it up: B sells 3 of its 6 to member M, C all 4 to outsider N.
    flows = pd.DataFrame(
        [
            (0, "ore", "A", "B", 6.0),
            (0, "ore", "A", "C", 4.0),
            (1, "metal", "B", "M", 3.0),
            (1, "metal", "B", "N", 3.0),
            (1, "metal", "C", "N", 4.0),
        ],
        columns=["stage", "commodity", "origin", "destination", "tonnes"],
    )
    fed = feeding(flows, ("M",)).set_index(["commodity", "origin", "destination"])["tonnes"].to_dict()
    assert fed == {("ore", "A", "B"): 3.0, ("metal", "B", "M"): 3.0}


def test_base_year_stages_of_the_small_world() -> None:
    # CHN mines 100 a month: 20 to USA, 20 to JPN, 60 stay; each makes its own magnets. Two months.
    flows = stage_flows(answers.small(), ["metal", "magnet"], None, (1, 2))
    got = flows.set_index(["commodity", "origin", "destination"])["tonnes"].to_dict()
    assert got == {
        ("metal", "CHN", "USA"): 40.0, ("metal", "CHN", "JPN"): 40.0, ("metal", "CHN", "CHN"): 120.0,
        ("magnet", "CHN", "CHN"): 120.0, ("magnet", "USA", "USA"): 40.0, ("magnet", "JPN", "JPN"): 40.0,
    }  # fmt: skip


@pytest.mark.parametrize("which", ["one", "two"])
def test_both_pictures_of_the_chain_have_one_scale(which: str) -> None:
    response = getattr(answers, which)()
    links = chain_links(response)
    assert 0 < len(links) <= MOST_LINKS
    before, after = (charts.chain_sankey(response, after=late, links=links).data[0] for late in (False, True))
    names = [[label.rsplit(" ", 2)[0] for label in figure.node.label] for figure in (before, after)]
    assert names[0] == names[1]
    assert list(before.node.x) == list(after.node.x)
    assert list(before.node.y) == list(after.node.y)
    # Real and pale bands together fill the same width at the same place in both pictures.
    widths = []
    for figure in (before, after):
        sums: dict[tuple[int, int], float] = {}
        for source, target, value in zip(figure.link.source, figure.link.target, figure.link.value, strict=True):
            sums[source, target] = sums.get((source, target), 0.0) + value
        widths.append(sums)
    assert widths[0] == pytest.approx(widths[1])
    real = sum(v for v, c in zip(before.link.value, before.link.color, strict=True) if c != GHOST)
    assert real == pytest.approx(links["stage"].nunique())  # each commodity is drawn to 100 % of its base year


def test_small_countries_are_gathered_and_nothing_is_lost() -> None:
    whole, few = (chain_links(answers.two(), most) for most in (400, 12))
    assert len(few) <= 12
    for column in ("before", "after"):
        pd.testing.assert_series_equal(whole.groupby("stage")[column].sum(), few.groupby("stage")[column].sum())


def test_map_is_drawn_without_any_geographic_trace() -> None:
    figure = charts.shipment_map(answers.two())
    assert {trace.type for trace in figure.data} == {"scatter"}
    assert "geo" not in json.loads(figure.to_json())["layout"]
    names = {trace.name for trace in figure.data}
    assert "above base year" in names
    assert any("[d/u/a]" in str(name) for name in names)
    hover = [trace.hovertext for trace in figure.data if trace.hovertext is not None]
    assert any("base year" in str(text) and "[" in str(text) for text in hover)


def test_every_country_of_the_network_has_a_place_on_the_map() -> None:
    network = answers.two().network
    assert set(network.nodes["country"]) - set(outlines()) <= {"OTH"}
    folder = resources.files("orebridge") / "data" / "map"
    assert len((folder / "countries.geojson").read_bytes()) < 250_000
    for row in csv.DictReader((folder / "points.csv").read_text(encoding="utf-8").splitlines()):
        assert -180 <= float(row["longitude"]) <= 180
        assert -90 <= float(row["latitude"]) <= 90


def test_a_route_takes_the_short_way_round() -> None:
    # Tokyo to San Francisco crosses the Pacific: on a map cut in the Atlantic one line, else two to the edges.
    tokyo, san_francisco = (139.7, 35.7), (-122.4, 37.8)
    assert len(_arcs(tokyo, san_francisco, CUTS[1], "x")) == 1
    assert len(_arcs(tokyo, san_francisco, CUTS[0], "x")) == 2


def test_stock_curve_says_how_many_days_and_tornado_its_ranges() -> None:
    response = replace(answers.two(), break_even={"unaided": 115.3, "joint": float("nan")})
    curve = charts.stock_curve(response)
    assert any("115 days" in note.text for note in curve.layout.annotations)
    assert "no stock up to 240 days removes the loss with a joint plan" in curve.layout.title.text.lower()
    tornado = charts.tornado(response)
    theta = response.network.assumptions["theta"]
    assert any(f"{theta.value:g} · range {theta.low:g} to {theta.high:g}" in label for label in tornado.data[0].y)
    low = dict(zip(tornado.data[0].y, tornado.data[0].x, strict=True))
    row = response.swings.set_index("assumption").loc["theta"]
    assert any(value == pytest.approx((row["low"] - row["stated"]) / 1e6) for value in low.values())


def test_an_unknown_loss_is_said_and_not_drawn() -> None:
    response = answers.two()
    # One end may be known all the same: with enough stock nothing is lost.
    swings = response.swings.assign(stated=float("nan"), low=float("nan"), high=0.0, swing=float("nan"))
    unknown = replace(response, curve=response.curve.assign(loss_usd=float("nan")), swings=swings)
    text = " ".join(" ".join(summary(unknown)).split())
    assert "unknown in USD" in text and "No assumption" not in text
    for draw in (charts.stock_curve, charts.tornado):
        figure = draw(unknown)
        assert not figure.data and "unknown" in figure.layout.annotations[0].text
        assert draw(response).data


def test_payments_balance() -> None:
    figure = charts.coordination(answers.small())
    payment = next(trace for trace in figure.data if "payment" in trace.name)
    assert sum(payment.y) == pytest.approx(0.0, abs=1e-9)


def test_figures_without_content_say_so() -> None:
    lone = answers.one()
    assert "nobody" in charts.coordination(lone).layout.annotations[0].text
    assert "--quick" in charts.stock_curve(lone).layout.annotations[0].text


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def hostile(response: answers.Response) -> answers.Response:
    """The response with markup in every label, note and address of its tables."""
    tables = {}
    for name, table in response.world.tables.items():
        frame = table.copy()
        for column in ("label", "name", "note", "title", "publisher", "activity", "modelled_to", "item", "reason"):
            if column in frame:
                frame[column] = HOSTILE
        if name == "sources":
            frame["url"] = "javascript:alert(3)"
        tables[name] = frame
    shocks = tuple(replace(s, title=HOSTILE, description=HOSTILE, source=HOSTILE) for s in response.shocks)
    world = replace(response.world, tables=tables)
    return replace(response, world=world, shocks=shocks, warnings=(HOSTILE,))


@pytest.mark.parametrize("build", EVERY, ids=lambda build: build.__name__)
def test_markup_in_tables_reaches_no_figure(build: object) -> None:
    text = build(hostile(answers.two())).to_json()  # type: ignore[operator]
    assert "<script" not in text
    assert "<img" not in text
