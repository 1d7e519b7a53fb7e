"""One class per failure. Each message says what is wrong, where, the likely causes and the repair."""

from __future__ import annotations

from collections.abc import Sequence


class OrebridgeError(Exception):
    """Anything Orebridge refuses to do. `exit_code` is what the command line returns."""

    exit_code = 1


class TableErrors(OrebridgeError):
    """A folder of tables has faults; all are listed (file, line, column, what, repair). Correct and load again.

    `faults` holds all of them; the message, which a terminal shows, the first `SHOWN` where somebody exported a million.
    """

    exit_code = 3
    SHOWN = 500

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = list(faults)
        count = len(self.faults)
        head = "1 fault" if count == 1 else f"{count:,} faults"
        more = [f"... and {count - self.SHOWN:,} more; correct these first."] if count > self.SHOWN else []
        lines = [f"{head} in the tables; nothing was loaded:", *self.faults[: self.SHOWN], *more]
        super().__init__("\n".join(lines))


class UnitError(OrebridgeError):
    """A unit or basis cannot be converted. Use a unit and basis listed in the documentation of units."""

    exit_code = 3


class UnknownLabel(OrebridgeError):
    """A name is not in the network or the tables. The message offers the nearest valid names."""

    exit_code = 4


class ShockError(OrebridgeError):
    """A shock file is malformed or touches nothing. The message names the file, line and the nearest valid name."""

    exit_code = 4


class TouchesNothing(ShockError):
    """A shock names real things and still limits nothing in this network: other chains, or no trade of that kind."""


class NetworkError(OrebridgeError):
    """The tables load but do not make a consistent supply network. The message names the node and the rows involved."""

    exit_code = 5


class ProgramError(OrebridgeError):
    """A model was assembled wrongly (NaN, shape, unknown column). A fault of the code or of an unchecked figure."""

    exit_code = 6


class NotOptimal(OrebridgeError):
    """The solver returned no optimal solution, so there is no plan. For infeasible models the message lists an
    irreducible set of conflicting limits by label."""

    exit_code = 6

    def __init__(self, message: str, status: str = "", labels: Sequence[str] = ()) -> None:
        #: "infeasible", "unbounded" or the solver's own word.
        self.status = status
        #: All conflicting limits (infeasible) or endless columns (unbounded); the message lists the first ones.
        self.labels = list(labels)
        super().__init__(message)


class StoreError(OrebridgeError):
    """A store of runs cannot be used: made with other data, code or options, in use, or damaged. Nothing is changed."""

    exit_code = 8


class WorkerError(OrebridgeError):
    """The workers of an ensemble cannot be reached, or died again and again. Runs in the store are kept."""

    exit_code = 9


class ImportRefused(OrebridgeError):
    """A publisher's file was not imported; the workspace is as it was. The message lists everything found and its repair."""

    exit_code = 3


class WorkspaceError(OrebridgeError):
    """The workspace cannot be opened or written (in use, damaged, of another version, no space). Nothing was changed."""

    exit_code = 7


class OutputError(OrebridgeError):
    """A result could not be written (full disk, no permission). Nothing half-written is left behind."""

    exit_code = 7
