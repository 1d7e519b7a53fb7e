"""Families of sets: their caps are above every loss within them, grow with the set, and splitting loses no set."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.bench import Bench
from orebridge.vulnerabilities.ceilings import Ceilings
from orebridge.vulnerabilities.families import Caps, Family, Forest
from orebridge.vulnerabilities.hits import hits_of

from ..laws.checks import tries
from ..laws.random_worlds import Figures, build, figures
from .attacked import buyers, importer

MONTHS, LENGTH = 8, 5


def forest_of(net: SupplyNetwork, groups: list[list[int]]) -> Forest:
    bench = Bench(net, MONTHS)
    return Forest(net, bench.horizon, bench.limits(length=LENGTH), hits_of(net), LENGTH, groups)


def leaves(forest: Forest, node: int) -> list[int]:
    return [k for child in forest.children[node] for k in leaves(forest, child)] if node in forest.children else [node]


def sets_of(forest: Forest, family: Family) -> list[frozenset[int]]:
    """Every set of a family, drawn from its groups one by one."""
    found = [frozenset[int]()]
    for node, n in family:
        found = [s | set(own) for s in found for own in combinations(leaves(forest, node), n)]
    return found


@tries(12)
@given(figures(), st.lists(st.integers(0, 10**6), min_size=2, max_size=6), st.sampled_from([0.0, 0.03]))
def test_caps_are_above_ceilings_and_grow_with_the_set(f: Figures, picks: list[int], rate: float) -> None:
    net = build(f).assume("discount_rate", rate)
    hits, bench = hits_of(net), Bench(net, MONTHS)
    chosen = list(dict.fromkeys(pick % len(hits) for pick in picks))
    rows = np.array([[*chosen[:n], *[-1] * (len(chosen) - n)] for n in range(1, len(chosen) + 1)])
    calm = bench.limits(length=LENGTH)
    ceilings = Ceilings(net, bench.horizon, calm, hits, LENGTH).of(rows)
    caps = Caps(net, bench.horizon, calm, hits, LENGTH).of(rows)
    assert (caps >= ceilings - 1e-6).all()
    assert (np.diff(caps) >= -1e-9 * caps[1:] - 1e-6).all()


def test_the_cap_of_a_lone_importer_is_its_ceiling_without_discount() -> None:
    """Nothing reacts in a chain of one supplier and one use: five months of 10 t are lost, worked out by hand."""
    net = importer().assume("discount_rate", 0.0)
    bench, hits = Bench(net, MONTHS), hits_of(net)
    k = next(i for i, hit in enumerate(hits) if hit.kind == "supplier")
    cap = Caps(net, bench.horizon, bench.limits(length=LENGTH), hits, LENGTH).of(np.array([[k]]))[0]
    assert cap == pytest.approx(LENGTH * 10.0 * float(net.demands["value_usd"].iloc[0]))


def test_splitting_a_family_to_the_end_gives_every_set_once_below_its_cap() -> None:
    net = buyers([0.5, 0.3, 0.2])
    hits = hits_of(net)
    groups = [[k for k, h in enumerate(hits) if h.kind == kind] for kind in ("supplier", "facility")]
    forest = forest_of(net, groups)
    whole = forest.whole((2, 1))
    assert whole is not None and forest.whole((99, 0)) is None
    caps = {whole: float(forest.caps([whole], [])[0])}
    waiting, single = [whole], []
    while waiting:
        family = waiting.pop()
        if forest.single(family):
            single.append(frozenset(node for node, _ in family))
            continue
        parts = forest.split(family)
        own = [s for part in parts for s in sets_of(forest, part)]
        assert len(own) == len(set(own)) and set(own) == set(sets_of(forest, family))
        for part, cap in zip(parts, forest.caps(parts, []).tolist(), strict=True):
            assert cap <= caps[family] * (1 + 1e-8) + 1e-6
            caps[part] = cap
        waiting += parts
    assert len(single) == len(set(single)) == math.comb(len(groups[0]), 2) * len(groups[1])
