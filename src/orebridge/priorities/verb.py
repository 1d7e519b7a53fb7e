"""The verb: rank the minerals of one or several economies, with everything needed to show it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from orebridge.errors import OrebridgeError, UnknownLabel
from orebridge.priorities.failures import single_points
from orebridge.priorities.inputs import BUNDLED_YEAR, TABLES, Inputs, bundled_inputs
from orebridge.priorities.losses import key_of, refresh, with_losses
from orebridge.priorities.method import Method
from orebridge.priorities.ranking import DRAWS, TOP, Ranking, bench_of, checked_weights, closest_flips, flips, rank
from orebridge.priorities.registry import methods_of
from orebridge.priorities.subjects import Subject, subject_of, subjects_of
from orebridge.world import World, load_world

Note = Callable[[str], None]


@dataclass(frozen=True)
class Priorities:
    """Rankings of every subject, single points of failure, and what they rest on."""

    inputs: Inputs
    rankings: tuple[Ranking, ...]
    points: pd.DataFrame
    methods: tuple[Method, ...]
    weights: Mapping[str, float]
    notes: tuple[str, ...] = ()
    flip: tuple[str, ...] = ()
    changed: pd.DataFrame = field(default_factory=pd.DataFrame)

    def differing(self, ranking: Ranking, count: int = 5) -> list[tuple[str, str, float, str, float]]:
        """Minerals on which the methods differ most: label, method that places it worst and its rank, least and its rank.

        Judged by place (rank over the number ranked), among minerals that at least three methods score.
        """
        ranks = {
            m.name: ranking.scores[m.name].set_index("mineral")["rank"].dropna().to_dict() for m in ranking.methods
        }
        rows = []
        for mineral, label in zip(ranking.table["mineral"], ranking.table["label"], strict=True):
            found = []
            for name, of in ranks.items():
                if mineral in of and len(of) > 1:
                    found.append((float(of[mineral]), (float(of[mineral]) - 1) / (len(of) - 1), name))
            if len(found) >= 3:
                worst, least = min(found, key=lambda f: f[1]), max(found, key=lambda f: f[1])
                rows.append((least[1] - worst[1], str(label), worst[2], worst[0], least[2], least[0]))
        rows.sort(key=lambda r: (-r[0], r[1]))
        return [(label, high, a, low, b) for _, label, high, a, low, b in rows[:count]]

    def disagreements(self, count: int = 6) -> pd.DataFrame:
        """Where members and the alliance differ: minerals whose overall rank differs most between the subjects."""
        frame = pd.concat({r.subject.label: r.table.set_index("mineral")["rank"] for r in self.rankings}, axis=1)
        labels = self.rankings[0].table.set_index("mineral")["label"]
        spread = (frame.max(axis=1) - frame.min(axis=1)).where(frame.notna().all(axis=1))
        order = spread[spread > 0].sort_values(ascending=False, kind="stable").index[:count]
        return frame.loc[order].assign(label=labels.reindex(order)).reset_index()

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values; absent figures are null."""
        return {
            "year": self.inputs.year, "vintage": self.inputs.vintage, "data_version": self.inputs.version,
            "workspace": self.inputs.workspace, "origins": [asdict(origin) for origin in self.inputs.origins],
            "notes": list(self.notes), "weights": dict(self.weights),
            "methods": [
                {"name": m.name, "title": m.title, "citation": m.citation, "unit": m.unit, "higher_is_worse": m.higher_is_worse}
                for m in self.methods
            ],
            "subjects": [self._subject(ranking) for ranking in self.rankings],
            "single_points": _records(self.points),
            "flip": {"minerals": list(self.flip), "weights": _records(self.changed)},
        }  # fmt: skip

    def _subject(self, ranking: Ranking) -> dict[str, Any]:
        return {
            "subject": ranking.subject.label, "members": list(ranking.subject.members), "draws": ranking.draws,
            "seed": ranking.seed, "ranking": _records(ranking.table),
            "scores": {name: _records(frame) for name, frame in ranking.scores.items()},
            "agreement": _records(ranking.agreement), "closest_flips": _records(closest_flips(ranking)),
        }  # fmt: skip


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain dicts; NaN becomes null."""
    return [{str(k): _plain(v) for k, v in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return str(value)


def priorities(
    members: Sequence[str] = ("USA", "JPN"),
    *,
    as_one: bool = False,
    methods: Sequence[str] = (),
    year: int = BUNDLED_YEAR,
    weights: Mapping[str, float] | None = None,
    world: World | None = None,
    inputs: Inputs | None = None,
    folder: Path | None = None,
    overlay: Path | None = None,
    again: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
    flip: Sequence[str] = (),
    note: Note = lambda _: None,
) -> Priorities:
    """Rank the minerals of each member and of all as one economy (`as_one`: only that) under the published methods.

    `weights` of methods make the overall rank (1 each unless stated; those left out weigh 0). `again` computes the
    expected losses anew and keeps them, unless an `overlay` of private tables is used. `inputs` replaces the bundled
    ones, e.g. those of a workspace. Raises the errors of `orebridge.errors`.
    """
    subjects = subjects_of(members, as_one)
    chosen = methods_of(methods)
    weigh = checked_weights(weights, chosen)
    if draws < 1 or draws > 100_000:
        raise UnknownLabel(f"draws must be from 1 to 100,000, not {draws}.")
    world = world or load_world(folder, overlay, TABLES)
    given = inputs
    inputs = inputs if inputs is not None else bundled_inputs(world, year)
    notes: list[str] = []
    if given is None or given.losses.empty:
        inputs = _losses(inputs, subjects, chosen, folder, overlay, again, note)
    importers = inputs.known_importers()
    unknown = [c for s in subjects for c in s.members if c not in importers]
    for code in sorted(set(unknown)):
        notes.append(
            f"no imports of {code} in these tables: methods that need trade have no score; import BACI for it."
        )
    unlisted = sorted(
        {*inputs.production["mineral"].unique(), *inputs.trade["mineral"].unique()} - {*inputs.minerals["mineral"]}
    )
    if unlisted:
        notes.append(f"{', '.join(unlisted)}: imported, but not in the table of minerals, so not ranked.")
    note("ranking")
    bench = bench_of(inputs, chosen, draws, seed, {code for s in subjects for code in s.members})
    rankings = tuple(rank(inputs, s, chosen, weigh, draws, seed, bench) for s in subjects)
    for method in chosen:
        if all(r.scores[method.name]["score"].isna().all() for r in rankings):
            reason = str(rankings[-1].scores[method.name]["absent_reason"].mode().iloc[0])
            notes.append(f"{method.title}: no score ({reason}).")
    pair = _pair(flip)
    changed = flips(rankings[-1], *pair) if pair else pd.DataFrame(columns=["method", "weight", "flips_at", "factor"])
    members_all = tuple(sorted({c for s in subjects for c in s.members}))
    return Priorities(inputs, rankings, single_points(world, members_all), chosen, weigh, tuple(notes), pair, changed)


def _pair(flip: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip().lower().replace(" ", "_") for name in flip if name.strip())
    if len(names) not in (0, 2):
        raise UnknownLabel("name two minerals to flip, separated by a comma, e.g. gallium,niobium.")
    return names


def _losses(
    inputs: Inputs,
    subjects: Sequence[Subject],
    methods: Sequence[Method],
    folder: Path | None,
    overlay: Path | None,
    again: bool,
    note: Note,
) -> Inputs:
    """The inputs with stored losses, computed anew if asked."""
    if not any("losses" in method.needs for method in methods):
        return inputs
    key = key_of(folder, overlay)
    if not again:
        return with_losses(inputs, key, subjects)
    from orebridge.schema import network_tables

    note("building the supply network")
    try:
        table = refresh(load_world(folder, overlay, network_tables()), subjects, key, keep=overlay is None, note=note)
    except OrebridgeError as error:
        raise type(error)(f"the losses could not be computed: {error}") from error
    return inputs.replace(losses=table.frame, losses_absent="")


def read_weights(path: Path) -> dict[str, float]:
    """Weights of methods from a TOML, JSON or CSV file: names and numbers, or a table `weights` of them.

    Raises UnknownLabel for a file that cannot be read or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnknownLabel(f"weights: cannot read {path} ({error}); write lines such as hhi = 1.") from error
    try:
        found = _parsed(path.suffix.lower(), text)
        found = found.get("weights", found)
        return {str(name): float(value) for name, value in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UnknownLabel(
            f"weights: {path} is no list of methods and numbers ({error}); write lines such as hhi = 1."
        ) from error


def _parsed(suffix: str, text: str) -> dict[str, Any]:
    if suffix == ".json":
        return dict(json.loads(text))
    if suffix == ".csv":
        import csv

        rows = [row for row in csv.reader(text.splitlines()) if row]
        return {row[0].strip(): row[1] for row in rows if row[0].strip().lower() != "method"}
    import tomllib

    return tomllib.loads(text)


__all__ = ["TOP", "Priorities", "priorities", "read_weights", "subject_of"]
