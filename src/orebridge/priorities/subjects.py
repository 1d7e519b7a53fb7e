"""For whom minerals are ranked: one country, or an alliance taken as one economy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orebridge.checking import country_fault
from orebridge.errors import UnknownLabel
from orebridge.labels import country_name


@dataclass(frozen=True)
class Subject:
    """One economy: its members' production is added, trade between them is no trade, and partners inside carry no risk."""

    members: tuple[str, ...]

    @property
    def label(self) -> str:
        """`USA`, or `JPN+USA as one`."""
        return self.members[0] if len(self.members) == 1 else f"{'+'.join(self.members)} as one"

    @property
    def words(self) -> str:
        """For people: `Japan`, or `Japan and United States as one economy`."""
        names = [country_name(code) for code in self.members]
        if len(names) == 1:
            return names[0]
        return f"{', '.join(names[:-1])} and {names[-1]} as one economy"


def subject_of(members: str | Iterable[str] | Subject) -> Subject:
    """A subject from a code, several codes, or itself; raises UnknownLabel for what is no ISO 3166 alpha-3 code.

    >>> subject_of("USA").label, subject_of(["USA", "JPN"]).label
    ('USA', 'JPN+USA as one')
    """
    if isinstance(members, Subject):
        return members
    codes = members.split(",") if isinstance(members, str) else list(members)
    clean = sorted({code.strip().upper() for code in codes if code.strip()})
    if not clean:
        raise UnknownLabel("no country named; write ISO alpha-3 codes separated by commas, e.g. USA,JPN.")
    for code in clean:
        if fault := country_fault(code):
            raise UnknownLabel(fault)
    return Subject(tuple(clean))


def subjects_of(members: Sequence[str], as_one: bool) -> tuple[Subject, ...]:
    """Each member, and all of them as one economy where there are several; with `as_one` that alone."""
    whole = subject_of(members)
    if len(whole.members) == 1:
        return (whole,)
    return (whole,) if as_one else (*(Subject((code,)) for code in whole.members), whole)
