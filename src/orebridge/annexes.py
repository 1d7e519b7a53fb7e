"""Further sections of a brief: what the other verbs say about the chains that a shock touches.

Each is computed as its command does with its own defaults, for the members, months and tables of the answer:
`priorities` (ranks of the minerals), `vulnerabilities` (where these chains break), `redteam` (the worst two hits at once
and the cheapest fixes of the worst three single ones), `simulate` (shocks drawn by chance on these chains).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orebridge.errors import OrebridgeError, UnknownLabel
from orebridge.reading import near

if TYPE_CHECKING:
    from orebridge.reports.annex import Annex
    from orebridge.session import Response

#: In the order in which they stand in the brief, with what heads a section that could not be made.
TITLES = {
    "priorities": "Where these minerals stand among all",
    "vulnerabilities": "Where supply breaks",
    "redteam": "The worst hits at once, and the cheapest fixes",
    "simulate": "What may be lost when nobody knows which shocks come",
}
NONE = "none"
LENGTH = 12  # months of a hit, or half of a shorter plan: much of what a hit costs comes after it
RUNS, SEED, FIXED = 200, 1, 3  # draws, their seed, single hits for which a fix is sought
Note = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """The answer to add to, the folders of tables it was made from, and where to tell what is being done."""

    response: Response
    folder: Path | None
    overlay: Path | None
    note: Note

    @property
    def length(self) -> int:
        """Months of each hit."""
        return max(1, min(LENGTH, self.response.months // 2))


def chosen(text: str) -> tuple[str, ...]:
    """Names of annexes in a comma-separated list, in the order of the brief; `none` is no annex.

    >>> chosen("simulate, priorities"), chosen("none")
    (('priorities', 'simulate'), ())

    Raises UnknownLabel with the nearest name.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    if names == [NONE]:
        return ()
    for name in names:
        if name not in TITLES:
            raise UnknownLabel(
                f"--with: there is no section {name!r}{near(name, TITLES)}; choose from {', '.join(TITLES)}, or {NONE} alone."
            )
    return tuple(name for name in TITLES if name in names)


def annexes(
    names: Sequence[str],
    response: Response,
    folder: Path | None = None,
    overlay: Path | None = None,
    note: Note = lambda _: None,
) -> tuple[list[Annex], dict[str, OrebridgeError]]:
    """The annexes of these names, and why any could not be made: one that fails takes nothing else with it.

    `folder` and `overlay` are the tables `response` was made from (default: the bundled ones). A failed annex stands in
    its place and says why.
    """
    from orebridge.reports.annex import failed

    asked = Asked(response, folder, overlay, note)
    made: list[Annex] = []
    errors: dict[str, OrebridgeError] = {}
    for name in chosen(",".join(names)):
        note(f"the section {name}")
        try:
            made.append(MAKERS[name](asked))
        except OrebridgeError as error:
            errors[name] = error
            made.append(failed(name, TITLES[name], str(error)))
    return made, errors


def _priorities(asked: Asked) -> Annex:
    from orebridge.priorities.annex import annex
    from orebridge.priorities.verb import priorities

    result = priorities(asked.response.members, folder=asked.folder, overlay=asked.overlay)
    return annex(result, asked.response.chains)


def _vulnerabilities(asked: Asked) -> Annex:
    from orebridge.reports.annex import of_vulnerabilities
    from orebridge.vulnerabilities.assess import vulnerabilities

    own = asked.response
    return of_vulnerabilities(
        vulnerabilities(own.chains, own.members, own.months, asked.length, world=own.world, note=asked.note)
    )


def _redteam(asked: Asked) -> Annex:
    from orebridge.reports.redteam import annex
    from orebridge.schema import FIX_TABLES, network_tables
    from orebridge.vulnerabilities.verb import redteam
    from orebridge.world import load_world

    own = asked.response
    world = load_world(asked.folder, asked.overlay, network_tables() | FIX_TABLES)
    found = redteam(own.chains, own.members, own.months, asked.length, fixes=FIXED, world=world, note=asked.note)
    return _only(annex(found.red, found.fixes, found.labels), own)


def _simulate(asked: Asked) -> Annex:
    from orebridge.ensemble import simulate
    from orebridge.labels import Labels
    from orebridge.reports.annex import of_ensemble
    from orebridge.schema import DRAW_TABLES, network_tables
    from orebridge.world import load_world

    own = asked.response
    world = load_world(asked.folder, asked.overlay, network_tables() | DRAW_TABLES)
    found = simulate(RUNS, SEED, own.members, own.months, chains=own.chains, world=world, note=asked.note)
    return _only(of_ensemble(found, Labels.of(own)), own)


def _only(made: Annex, response: Response) -> Annex:
    """The annex with a sentence that says to which chains it is confined."""
    from orebridge.labels import Labels, and_list

    names = and_list(map(Labels.of(response).chain, response.chains))
    return replace(made, words=(*made.words, f"Looked at: the chains of this brief, {names}. Others are left out."))


MAKERS: dict[str, Callable[[Asked], Annex]] = {
    "priorities": _priorities, "vulnerabilities": _vulnerabilities, "redteam": _redteam, "simulate": _simulate,
}  # fmt: skip
