"""Families of sets of hits, bounded together: how a search proves that millions of sets need no look.

A ceiling (`ceilings`) bounds one set and says nothing of larger ones: more hits can cost less. A *cap* bounds a set and
every set within it. It is the cost of a *lean course*: the course without a plan in which nothing that is hit leaves
more for anybody else. At each node all base-year wants stay wanted, also those of plants that stand still and of routes
that carry nothing (what they would have taken is gone):

    served[n, t] = min(1, (came + give) / W[n, t]),     W = base-year takes + base-year shipments + demand
    held[n, t+1] = held + came - min(came + give, W)    (then room and disposal as in the course without a plan)

Both grow with what is held and what comes, and W depends on no hit. So by induction over months and levels: the more is
hit, the less comes, is held and is served, everywhere; and the course without a plan under a set S, whose wants are at
most W, has at least as much of each as the lean course under S. The cost of shortages (cheapest uses first, here without
the discount of later months) is the optimum of a covering program, so it grows with them, month by month. Hence

    loss(S) <= ceiling(S) <= cap(S) <= cap(T)     for every S within T.

A *family* is "so many hits out of this group, so many out of that one"; the cap of all hits of its groups at once bounds
each of its sets. Groups are the nodes of a binary tree over the hits of a quota, in which those go together whose union
has the lowest cap. A family whose cap is too high is split at one of its groups, down to single sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from orebridge.delivery.limits import Horizon, Limits
from orebridge.network import SupplyNetwork
from orebridge.vulnerabilities.ceilings import Ceilings
from orebridge.vulnerabilities.hits import Hit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]
Family = tuple[tuple[int, int], ...]  #: (node of the tree, hits out of it), each node once
ROUNDING = 1e-9  # of a cap: what floating point may take off it


class Caps(Ceilings):
    """Caps of sets: like ceilings, but of the lean course and without discount, so that they grow with the set."""

    lean = True

    def of(self, sets: Ints, workers: int = 1) -> Floats:
        """USD that no set within these (rows: positions of its hits, -1 for none) can cost more than."""
        return super().of(sets, workers) * (1.0 + ROUNDING) + ROUNDING


class Forest:
    """One binary tree per quota over its hits: a node is a hit (by its position) or a union of two nodes."""

    def __init__(
        self, network: SupplyNetwork, horizon: Horizon, calm: Limits, hits: Sequence[Hit], length: int,
        groups: Sequence[Sequence[int]], workers: int = 1,
    ) -> None:  # fmt: skip
        self._hits = list(hits)
        self._caps = Caps(network, horizon, calm, self._hits, length)
        self._workers = workers
        self.children: dict[int, tuple[int, int]] = {}
        self.size = {k: 1 for group in groups for k in group}
        self.height: dict[int, float] = {}  #: node -> its cap by itself
        self.capped = 0
        self.roots = [self._grow(group) for group in groups]

    def _grow(self, group: Sequence[int]) -> int:
        """Join the two nodes whose union has the lowest cap until one is left; its root (-1: no hits)."""
        if not group:
            return -1
        nodes = list(group)
        self.height |= dict(zip(nodes, self._of(np.array(nodes)[:, None]).tolist(), strict=True))
        pairs = np.array([(a, b) for i, a in enumerate(nodes) for b in nodes[i + 1 :]], dtype=int).reshape(-1, 2)
        worth = self._of(pairs)
        while len(nodes) > 1:
            at = int(np.argmin(worth))
            one, two = int(pairs[at, 0]), int(pairs[at, 1])
            new = self._join(one, two, float(worth[at]))
            nodes = [node for node in nodes if node not in (one, two)]
            alive = ~(np.isin(pairs, (one, two)).any(axis=1))
            more = np.array([(node, new) for node in nodes], dtype=int).reshape(-1, 2)
            pairs, worth = np.vstack([pairs[alive], more]), np.concatenate([worth[alive], self._of(more)])
            nodes.append(new)
        return nodes[0]

    def _of(self, sets: Ints) -> Floats:
        self.capped += len(sets)
        return self._caps.of(sets, self._workers)

    def _join(self, one: int, two: int, height: float) -> int:
        new, hit, other = len(self._hits), self._hits[one], self._hits[two]
        self._hits.append(replace(hit, routes=hit.routes | other.routes, sites=hit.sites | other.sites))
        self._caps.touch(self._hits[new])
        self.children[new], self.height[new] = (one, two), height
        self.size[new] = self.size[one] + self.size[two]
        return new

    def whole(self, counts: Sequence[int]) -> Family | None:
        """The family of all sets with so many hits of each quota; None if there are not so many."""
        if any(n > (self.size[root] if root >= 0 else 0) for root, n in zip(self.roots, counts, strict=True)):
            return None
        return tuple((root, n) for root, n in zip(self.roots, counts, strict=True) if n)

    def single(self, family: Family) -> bool:
        """Whether the family is one set."""
        return all(node not in self.children for node, _ in family)

    def split(self, family: Family) -> list[Family]:
        """Its parts, none in two of them: the group with the highest cap by itself is taken apart."""
        open_ones = [node for node, _ in family if node in self.children]
        wide = max(open_ones, key=lambda node: (self.height[node], node))
        most = next(n for node, n in family if node == wide)
        rest = tuple(part for part in family if part[0] != wide)
        left, right = self.children[wide]
        parts = []
        for n in range(max(0, most - self.size[right]), min(most, self.size[left]) + 1):
            own = ((left, n),) if n else ()
            other = ((right, most - n),) if most - n else ()
            parts.append((*rest, *own, *other))
        return parts

    def caps(self, families: Sequence[Family], closed: Sequence[int]) -> Floats:
        """What no set of each family can cost more than, with the passages at positions `closed` closed (USD)."""
        rows = [[*(node for node, _ in family), *closed] for family in families]
        width = max(map(len, rows), default=0)
        return self._of(np.array([[*row, *[-1] * (width - len(row))] for row in rows]))
