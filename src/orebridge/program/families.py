"""Families: blocks of columns or rows with labelled axes. Labels serve look-up and messages, never the arithmetic."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from orebridge.errors import ProgramError, UnknownLabel

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Axes = Mapping[str, "Sequence[Any] | npt.NDArray[Any] | pd.Series[Any]"]


@dataclass(frozen=True)
class Family:
    """A block of columns or rows: `ids` has one axis per entry of `axes`; `kind` is "columns" or "rows"."""

    name: str
    axes: Mapping[str, npt.NDArray[Any]]
    ids: Ints
    kind: str = "columns"
    _places: dict[str, dict[Any, int]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.ids.shape

    def position(self, axis: str, label: object) -> int:
        """Position of a label on an axis; raises UnknownLabel with the nearest labels."""
        return int(self.positions(axis, [label])[0])

    def positions(self, axis: str, labels: Iterable[object]) -> npt.NDArray[np.int64]:
        """Positions of several labels on an axis; raises UnknownLabel with the nearest labels."""
        if axis not in self.axes:
            raise UnknownLabel(f"{self.name} has no axis {axis!r}; it has {', '.join(self.axes)}.")
        if axis not in self._places:
            self._places[axis] = {label: i for i, label in enumerate(self.axes[axis].tolist())}
        places = self._places[axis]
        found = []
        for label in labels:
            if label not in places:
                near = difflib.get_close_matches(str(label), [str(known) for known in places], n=3)
                hint = f" Did you mean {', '.join(near)}?" if near else f" It has {len(places)} labels."
                raise UnknownLabel(f"{self.name}: {label!r} is not on axis {axis!r}.{hint}")
            found.append(places[label])
        return np.array(found, dtype=np.int64)

    def label(self, flat: int) -> str:
        """`name[label, ...]` of the flat position `flat`."""
        where = np.unravel_index(flat, self.ids.shape)
        return f"{self.name}[{', '.join(str(ax[i]) for ax, i in zip(self.axes.values(), where, strict=True))}]"


def make_family(program: str, name: str, axes: Axes, first: int, known: dict[str, Family], kind: str) -> Family:
    """A new family with ids from `first` on, entered in `known`; refuses repeated names and labels."""
    if name in known:
        raise ProgramError(f"{program}: the family {name!r} exists already; give the new one another name.")
    arrays = {axis: np.asarray(labels) for axis, labels in axes.items()}
    for axis, labels in arrays.items():
        if labels.ndim != 1:
            raise ProgramError(f"{program}: axis {axis!r} of {name!r} must be a plain list of distinct labels.")
        listed = labels.tolist()
        if len(set(listed)) != len(listed):
            seen: set[Any] = set()
            twice = next(label for label in listed if label in seen or seen.add(label))  # type: ignore[func-returns-value]
            raise ProgramError(f"{program}: axis {axis!r} of {name!r} needs distinct labels; {twice!r} is there twice.")
    shape = tuple(len(labels) for labels in arrays.values())
    size = int(np.prod(shape))
    if first + size > np.iinfo(np.int32).max:
        raise ProgramError(f"{program}: {name!r} would bring the {kind} beyond 2,147,483,647; cut the model.")
    family = Family(name, arrays, np.arange(first, first + size, dtype=np.int32).reshape(shape), kind)
    known[name] = family
    return family


def spread(program: str, family: Family, what: str, value: npt.ArrayLike) -> Floats:
    """`value` broadcast over the axes of the family and flattened; a shape that does not fit is a ProgramError."""
    array = np.asarray(value, dtype=np.float64)
    try:
        return np.broadcast_to(array, family.shape).ravel()
    except ValueError as error:
        raise ProgramError(
            f"{program}: {what} of {family.name} has shape {array.shape}, its axes {family.shape} "
            f"({', '.join(family.axes)})."
        ) from error


def bad_limits(low: Floats, high: Floats) -> npt.NDArray[np.bool_]:
    """True where limits are missing (NaN), cross, or ask for infinity."""
    bad: npt.NDArray[np.bool_] = ~((low <= high) & (low < np.inf) & (high > -np.inf))
    return bad


def label_of(families: Mapping[str, Family], position: int) -> str:
    """Label of a column or row id."""
    for family in families.values():
        if family.ids.size and family.ids.flat[0] <= position <= family.ids.flat[-1]:
            return family.label(position - int(family.ids.flat[0]))
    return f"#{position}"


def limits_text(low: float, high: float, body: str) -> str:
    """`low <= body <= high` with infinite limits left out."""
    if low == high:
        return f"{body} = {low:.10g}"
    left = f"{low:.10g} <= " if np.isfinite(low) else ""
    right = f" <= {high:.10g}" if np.isfinite(high) else ""
    return f"{left}{body}{right}" if left or right else f"{body} free"
