"""The worst sets of hits: the search against trying everything, its bounds, budgets, laws and words."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.delivery.limits import Limits
from orebridge.delivery.model import Model
from orebridge.delivery.past import Flows
from orebridge.delivery.stages import solve_single
from orebridge.errors import ShockError
from orebridge.labels import Labels
from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.attack import Search
from orebridge.vulnerabilities.bench import Bench
from orebridge.vulnerabilities.hits import hits_of
from orebridge.vulnerabilities.redteam import Budget, RedTeam, Team
from orebridge.vulnerabilities.redteam_words import sections, tables, to_dict

from ..laws.checks import tries
from ..laws.random_worlds import Figures, build, figures
from .attacked import beside, buyers, through

MONTHS, LENGTH = 8, 5


def two_chains() -> SupplyNetwork:
    """Two chains; a strait carries the largest supplier of each, a canal the second of the first."""
    first = through(buyers([0.5, 0.3, 0.2]), {"metal:S0>AAA": "malacca", "metal:S1>AAA": "suez;malacca"})
    second = through(buyers([0.6, 0.4], stock=6.0, use=6.0, value_scale=1.3), {"metal:S0>AAA": "malacca"})
    return beside({"first": first, "second": second})


def brute(team: Team, hits: int) -> float:
    """The worst loss of all sets of at most `hits` hits of the team's budget, each set solved."""
    blows: dict[tuple[str, str, str], dict[str, int]] = {}
    for chain, own in team.blows.items():
        for k, blow in own.items():
            place = "" if blow.kind == "chokepoint" else chain
            blows.setdefault((place, blow.kind, blow.name), {})[chain] = k
    pricers = {chain.pricer.chain: chain.pricer for chain in team.chains}
    worst = 0.0
    for size in range(1, hits + 1):
        for keys in combinations(blows, size):
            of_kind = team.budget.of_kind
            if any(sum(key[1] == kind for key in keys) > most for kind, most in of_kind.items()):
                continue
            chosen: dict[str, list[int]] = {}
            for key in keys:
                for chain, k in blows[key].items():
                    chosen.setdefault(chain, []).append(k)
            worst = max(worst, sum(pricers[chain].price(own).usd for chain, own in chosen.items()))
    return worst


@pytest.mark.parametrize("way", ["alone", "joint"])
def test_the_search_finds_what_trying_every_set_finds(way: str) -> None:
    net = two_chains()
    red = Team(net, Budget(3), MONTHS, LENGTH, way).answer(singles=2)
    other = Team(net, Budget(3), MONTHS, LENGTH, way)
    losses = [item.strike.usd for item in red.rounds]
    assert [item.hits for item in red.rounds] == [1, 2, 3]
    assert all(item.proven and item.bound_usd == pytest.approx(item.strike.usd) for item in red.rounds)
    assert losses == pytest.approx([brute(other, k) for k in (1, 2, 3)], rel=1e-9)
    assert losses == sorted(losses)
    assert losses[1] > losses[0]
    # Far fewer sets are solved than there are, and what the strike reports adds up over chains, members and tiers.
    assert red.rounds[-1].solved < red.rounds[-1].sets / 4
    strike = red.rounds[-1].strike
    assert sum(strike.items().values()) == pytest.approx(strike.usd)
    assert sum(strike.usd_of(member) for member in net.members) == pytest.approx(strike.usd)
    assert red.singles[0].usd == pytest.approx(losses[0])
    assert red.singles[0].usd >= red.singles[1].usd


@pytest.mark.parametrize(
    "of_kind",
    [{"supplier": 1, "facility": 1}, {"chokepoint": 2}, {"route": 2, "chokepoint": 1}, {"supplier": 3}],
    ids=lambda budget: ",".join(f"{kind}={most}" for kind, most in budget.items()),
)
def test_budgets_by_kind_are_kept_and_still_exact(of_kind: Mapping[str, int]) -> None:
    net = two_chains()
    budget = Budget(3, of_kind)
    red = Team(net, budget, MONTHS, LENGTH).answer(singles=1)
    other = Team(net, budget, MONTHS, LENGTH)
    for item in red.rounds:
        assert item.strike.usd == pytest.approx(brute(other, item.hits), rel=1e-9)
        for kind, most in of_kind.items():
            assert sum(blow.kind == kind for blow in item.strike.blows) <= most
        assert all(blow.kind in of_kind for blow in item.strike.blows)


@tries(4)
@given(figures())
def test_the_search_is_exact_on_random_worlds(f: Figures) -> None:
    net = build(f)
    red = Team(net, Budget(2), MONTHS, LENGTH, workers=1).answer(singles=1)
    other = Team(net, Budget(2), MONTHS, LENGTH, workers=1)
    assert [i.strike.usd for i in red.rounds] == pytest.approx(
        [brute(other, i.hits) for i in red.rounds], rel=1e-7, abs=2
    )


def test_no_thinned_set_is_worse_in_these_worlds() -> None:
    """With nothing thinned (every kind with a number of its own) the same worst pair is found."""
    net = two_chains()
    thinned = Team(net, Budget(2), MONTHS, LENGTH).answer()
    assert thinned.thinned > 0
    kinds = {"supplier": 2, "facility": 2, "route": 2, "chokepoint": 2}
    free = Team(net, Budget(2, kinds), MONTHS, LENGTH).answer()
    assert free.rounds[1].strike.usd == pytest.approx(thinned.rounds[1].strike.usd, rel=1e-9)


def test_a_search_cut_short_states_its_gap() -> None:
    net = two_chains()
    team = Team(net, Budget(3), MONTHS, LENGTH)
    found = Search(team.chains, team.budget.quotas, 3, team.rules).worst(3, until=time.monotonic() - 1.0)
    assert not found.proven
    exact = Team(net, Budget(3), MONTHS, LENGTH).answer().rounds[2].strike.usd
    assert found.bound >= exact
    assert found.choice.usd <= exact
    red = Team(net, Budget(3), MONTHS, LENGTH).answer(singles=0, seconds=0.0)
    item = red.rounds[-1]
    assert not item.proven and item.gap > 0 and item.bound_usd >= exact
    text = " ".join(cell for section in sections(red, [], Labels({})) for row in section.rows for cell in row)
    assert "not proven in the time given" in text


@pytest.mark.parametrize("of_kind", [{}, {"supplier": 2, "facility": 2, "chokepoint": 1}], ids=["any", "by kind"])
@pytest.mark.parametrize("hits", [3, 4])
def test_families_of_sets_find_what_trying_every_set_finds(hits: int, of_kind: Mapping[str, int]) -> None:
    net = two_chains()
    budget = Budget(hits, of_kind)
    red = Team(net, budget, MONTHS, LENGTH, most_sets=0).answer(singles=0)
    other = Team(net, budget, MONTHS, LENGTH)
    assert all(item.proven for item in red.rounds)
    assert [item.strike.usd for item in red.rounds] == pytest.approx(
        [brute(other, item.hits) for item in red.rounds], rel=1e-9
    )
    assert red.rounds[-1].solved < red.rounds[-1].sets / 4


@tries(4)
@given(figures(), st.sampled_from([3, 4]))
def test_families_are_exact_on_random_worlds(f: Figures, hits: int) -> None:
    net = build(f)
    budget = Budget(hits, {"supplier": hits, "facility": 1, "chokepoint": hits})
    red = Team(net, budget, MONTHS, LENGTH, most_sets=0, workers=1).answer(singles=0)
    other = Team(net, budget, MONTHS, LENGTH, workers=1)
    assert all(item.proven for item in red.rounds)
    assert red.rounds[-1].strike.usd == pytest.approx(brute(other, red.rounds[-1].hits), rel=1e-7, abs=2)


def test_a_search_by_families_cut_short_states_a_bound_that_holds() -> None:
    net = two_chains()
    exact = Team(net, Budget(3), MONTHS, LENGTH).answer(singles=0).rounds[2].strike.usd
    team = Team(net, Budget(3), MONTHS, LENGTH, most_sets=0)
    search = Search(team.chains, team.budget.quotas, 3, team.rules)
    bounds = [search.worst(3, until=time.monotonic() + 0.02 * step).bound for step in range(4)]
    assert all(bound >= exact * (1 - 1e-9) for bound in bounds)
    assert bounds == sorted(bounds, reverse=True)


def test_more_hits_than_candidates_are_clamped_with_words() -> None:
    net = two_chains()
    red = Team(net, Budget(4, {"chokepoint": 4}), MONTHS, LENGTH).answer()
    # The canal closes only part of what the strait closes: one passage is left.
    assert [item.hits for item in red.rounds] == [1]
    assert "Only 1 hit" in red.notes[0]


@pytest.mark.parametrize(
    ("hits", "of_kind", "message"),
    [
        (0, {}, "--hits must be from 1 to 4"), (5, {}, "--hits must be from 1 to 4"),
        (2, {"storm": 1}, "no kind of hit 'storm'"), (2, {"supplier": -1}, "must not be negative"),
        (2, {"supplier": 0}, "allows no hit"),
    ],
)  # fmt: skip
def test_budgets_that_make_no_sense_are_refused(hits: int, of_kind: Mapping[str, int], message: str) -> None:
    with pytest.raises(ShockError, match=message):
        Budget(hits, of_kind)


def test_what_cannot_be_attacked_is_refused() -> None:
    net = two_chains()
    with pytest.raises(ShockError, match="--length"):
        Team(net, Budget(1), MONTHS, MONTHS + 1)
    with pytest.raises(ShockError, match="nothing that could be hit"):
        Team(through(buyers([1.0]), {}), Budget(1, {"chokepoint": 1}), MONTHS, LENGTH).answer()
    unknown = net.demands.assign(
        value_usd=np.where(net.demands["tier"] == "essential", np.nan, net.demands["value_usd"])
    )
    with pytest.raises(ShockError, match="is unknown, so losses cannot be compared"):
        Team(replace(net, demands=unknown), Budget(1), MONTHS, LENGTH)


def test_hits_abroad_only_leave_members_own_plants_alone() -> None:
    net = two_chains()
    red = Team(net, Budget(2), MONTHS, LENGTH, abroad=True).answer()
    assert all(hit.country not in net.members for item in red.rounds for blow in item.strike.blows for hit in blow.hits)
    whole = Team(net, Budget(2), MONTHS, LENGTH).answer()
    assert red.rounds[1].strike.usd <= whole.rounds[1].strike.usd * (1 + 1e-9)


def _objective(network: SupplyNetwork, bench: Bench, limits: Limits, course: Flows, way: str) -> float:
    coalition = frozenset(network.members) if way == "joint" else frozenset()
    return solve_single(Model(network, limits, bench.horizon, course, coalition, way)).objective


@pytest.mark.parametrize("way", ["alone", "joint"])
@tries(6)
@given(figures(), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_union_of_hits_is_at_least_as_bad_as_each_where_commitments_stay(
    way: str, f: Figures, a: int, b: int
) -> None:
    """With the commitments of the union held, hits only take options away. (With their own, they need not.)"""
    net = build(f)
    hits, bench = hits_of(net), Bench(net, MONTHS)
    one, two = hits[a % len(hits)], hits[b % len(hits)]
    both = bench.limits(sorted(one.routes | two.routes), sorted(one.sites | two.sites), LENGTH)
    course = next(bench.cases([both])).course
    worst = _objective(net, bench, both, course, way)
    for hit in (one, two):
        own = _objective(net, bench, bench.limits(sorted(hit.routes), sorted(hit.sites), LENGTH), course, way)
        assert own <= worst * (1.0 + 1e-7) + 1e-4


def test_words_tables_and_json_say_the_same() -> None:
    net = two_chains()
    red: RedTeam = Team(net, Budget(2), MONTHS, LENGTH).answer()
    told = sections(red, [], Labels({}))
    assert [section.title for section in told[:2]] == ["The worst hits", "How sure that is"]
    assert len(told[0].rows) == 2 and all(len(row) == len(told[0].columns) for row in told[0].rows)
    frames = tables(red, [], Labels({}))
    assert list(frames["worst"]["loss_usd"]) == pytest.approx([item.strike.usd for item in red.rounds])
    for item in red.rounds:
        own = frames["losses"][frames["losses"]["hits"] == item.hits]
        assert own["usd"].sum() == pytest.approx(item.strike.usd)
    answer = to_dict(red, [], Labels({}))
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert answer["rounds"][1]["loss_usd"] == pytest.approx(red.rounds[1].strike.usd)
    assert math.isclose(sum(answer["rounds"][1]["by_chain_usd"].values()), red.rounds[1].strike.usd)
