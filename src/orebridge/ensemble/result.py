"""An ensemble as a result: words, tables and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from orebridge.ensemble.hazards import DRAWN
from orebridge.ensemble.summary import TAIL, Figures

if TYPE_CHECKING:
    from orebridge.ensemble.runs import Setting
    from orebridge.ensemble.summary import Summary

FEW = 20  # runs in the tail below which its mean is hardly more than a guess
VERSION = "1.0"


@dataclass(frozen=True)
class Ensemble:
    """The answer of `simulate`: what was drawn, what is lost on average and in the tail, and what drives it."""

    setting: Setting
    identity: Mapping[str, str]
    runs: int
    #: Runs that were in the store before.
    resumed: int
    summary: Summary

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before quoting a figure."""
        s, hazards = self.summary, self.setting.hazards
        found = []
        if s.absent:
            found.append(
                f"USD are absent: {', '.join(s.absent)} ran short and no value or price of it is stated. Tonnes are complete. "
                "State a value in tables of your own (--data), or choose other chains (--chains)."
            )
        if s.tail_runs < FEW:
            found.append(
                f"Only {s.tail_runs} {'run makes' if s.tail_runs == 1 else 'runs make'} up the tail: take at least {math.ceil(FEW / TAIL)} runs."
            )
        error = s.total.error / s.total.expected if s.total.expected else 0.0
        if error > 0.1:
            found.append(f"The expected loss is known to {error:.0%} only (one standard error); more runs help.")
        figures = [p for item in hazards.items for p in item.parameters.values()]
        weak = sum(p.confidence in ("assumed", "derived", "unverified") for p in figures)
        found += [
            f"{weak} of the {len(figures)} figures behind the draws are assumed or derived: nobody publishes how likely a "
            "control is. Read signs and ranks, and see what the answer hangs on.",
            "From the first shock of a chain on, the plan knows how long each shock of the run lasts: that flatters it.",
        ]
        found += [f"{name} is left out: it {why}." for name, why in hazards.left_out.items() if "members" in why]
        return tuple(found)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Frames by name, as written to CSV and Parquet."""
        s = self.summary
        return {
            "subjects": s.subjects, "losses": s.losses, "exceedance": s.exceedance, "convergence": s.convergence,
            "hazards": s.hazards, "hangs": s.hangs, "distributions": self.distributions(),
        }  # fmt: skip

    def distributions(self) -> pd.DataFrame:
        """Every figure the draws used, with its range, how it is known, source and place."""
        rows = [
            (item.name, p.name, p.value, p.low, p.high, p.unit, p.confidence, p.source, p.scope, p.place, p.note)
            for item in self.setting.hazards.items
            for p in item.parameters.values()
            if p.name in (*DRAWN[item.kind], "probability", "correlation")
        ]
        names = [
            "hazard",
            "parameter",
            "value",
            "low",
            "high",
            "unit",
            "confidence",
            "source",
            "stated_for",
            "place",
            "note",
        ]
        return pd.DataFrame(rows, columns=names)

    def to_dict(self) -> dict[str, Any]:
        """Plain figures for JSON; absent is null."""
        s, setting = self.summary, self.setting
        return {
            "version": VERSION,
            "made_with": dict(self.identity),
            "runs": self.runs,
            "runs_resumed": self.resumed,
            "seed": setting.seed,
            "members": list(setting.network.members),
            "months": setting.months,
            "chains": list(setting.chains),
            "way": setting.way,
            "total": _figures(s.total),
            "without_a_plan": _figures(s.unaided),
            "shocks_per_run": s.shocks_per_run,
            "untouched_share": s.untouched,
            "effective_runs": _plain(s.effective_runs),
            "tail_runs": s.tail_runs,
            "left_out": dict(setting.hazards.left_out),
            "warnings": list(self.warnings),
            **{name: _records(frame) for name, frame in self.tables().items()},
        }


def _figures(found: Figures) -> dict[str, float | None]:
    return {
        "expected_usd": _plain(found.expected), "error_usd": _plain(found.error), "cvar95_usd": _plain(found.tail),
        "cvar95_error_usd": _plain(found.tail_error), "var95_usd": _plain(found.threshold),
        "chance_of_loss": _plain(found.chance),
    }  # fmt: skip


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    names = [str(name) for name in frame.columns]
    rows = zip(*(frame[name].tolist() for name in names), strict=True)
    return [{name: _plain(cell) for name, cell in zip(names, row, strict=True)} for row in rows]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
