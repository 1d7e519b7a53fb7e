"""Picking the few wanted rows out of a large BACI file without converting the rest.

A year of BACI has about eleven million rows of five thousand products; Orebridge wants some eighty. So a block of bytes
is cut at its separators at once (numpy), the product codes of all its rows are turned into numbers eight bytes at a
time, and only the lines wanted go on to be parsed. Nothing is guessed: a block that is not exactly six fields per line
is looked through line by line and the first wrong line is named.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from orebridge.errors import ImportRefused
from orebridge.importers.opening import Stream

#: Small enough that a block and what is computed from it stay in the processor's cache.
BLOCK = 1 << 18
FIELDS = 6
PRODUCT = 3
CODES = 1_000_000
_COMMA, _NEWLINE, _DIGITS_FROM = 44, 10, 45
_U = np.uint64
Flags = NDArray[np.bool_]
Result = TypeVar("Result")
Item = TypeVar("Item")


def wanted_codes(codes: list[str]) -> Flags:
    """A table that says for each number 0..999999 whether it is a wanted product code."""
    wanted = np.zeros(CODES, bool)
    wanted[[int(code) for code in codes]] = True
    return wanted


def blocks(stream: Stream, digest: hashlib._Hash, limit: int) -> Iterator[bytes]:
    """The bytes of a stream in blocks that end at a line end; every byte goes into the digest."""
    rest, total = b"", 0
    while piece := stream.read(BLOCK):
        digest.update(piece)
        total += len(piece)
        if total > limit:
            raise ImportRefused(f"more than {limit:,} bytes; such a file is not read.")
        cut = piece.rfind(b"\n") + 1
        if not cut:
            rest += piece
            if len(rest) > 4 * BLOCK:
                raise ImportRefused("a line of more than a million bytes: this is no BACI file.")
            continue
        yield rest + piece[:cut]
        rest = piece[cut:]
    if rest:
        yield rest + b"\n"


def in_order(work: Callable[[Item], Result], items: Iterator[Item], workers: int) -> Iterator[Result]:
    """Results in the order of the items, a few items ahead at a time (numpy lets go of the interpreter while it works)."""
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[Result]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(work, item))
                if len(ahead) > 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


class WrongLine(Exception):
    """A line of a block that cannot be right: its position in the block, and what is wrong."""

    def __init__(self, position: int, what: str) -> None:
        super().__init__(what)
        self.position, self.what = position, what


@dataclass(frozen=True)
class Picked:
    """Lines in a block, positions of the wanted ones among them, and their bytes."""

    lines: int
    positions: NDArray[np.int64]
    text: bytes


def pick(block: bytes, wanted: Flags, known: Flags | None = None) -> Picked:
    """The wanted lines of a block; raises WrongLine. `known` are the codes of the nomenclature, if they were given."""
    if b'"' in block:
        block = block.replace(b'"', b"")
    ends = _ends(block)
    stop = ends[:, PRODUCT]
    width = stop - ends[:, PRODUCT - 1] - 1
    codes = _numbers(block, stop, width)
    if known is not None and not known[codes].all():
        at = int(np.flatnonzero(~known[codes])[0])
        code = block[int(stop[at] - width[at]) : int(stop[at])].decode("latin-1")
        raise WrongLine(at, f"product code {code!r} is not in the list of products that came with the file")
    kept = np.flatnonzero(wanted[codes])
    if not len(kept):
        return Picked(len(ends), kept, b"")
    # Neighbouring lines are taken in one slice.
    first = np.flatnonzero(np.diff(kept, prepend=kept[0] - 2) != 1)
    last = np.append(first[1:], len(kept)) - 1
    begins = np.where(kept[first] > 0, ends[kept[first] - 1, FIELDS - 1] + 1, 0)
    finishes = ends[kept[last], FIELDS - 1] + 1
    text = b"".join([block[a:z] for a, z in zip(begins.tolist(), finishes.tolist(), strict=True)])
    return Picked(len(ends), kept, text)


def _ends(block: bytes) -> NDArray[np.int64]:
    """Positions of the separators, one row per line."""
    octets = np.frombuffer(block, np.uint8)
    # Below '-' and the digits there are only the separators in a clean file: one comparison instead of three.
    ends = np.flatnonzero(octets < _DIGITS_FROM)
    if len(ends) % FIELDS or not _whole(octets, ends.reshape(-1, FIELDS)):
        ends = np.flatnonzero((octets == _COMMA) | (octets == _NEWLINE))
        if len(ends) % FIELDS or not _whole(octets, ends.reshape(-1, FIELDS)):
            raise _wrong_line(block)
    return ends.reshape(-1, FIELDS)


def _whole(octets: NDArray[np.uint8], ends: NDArray[np.int64]) -> bool:
    """Whether every line has its five commas and its end."""
    found = octets[ends]
    return bool((found[:, -1] == _NEWLINE).all() and (found[:, :-1] == _COMMA).all())


def _wrong_line(block: bytes) -> WrongLine:
    lines = block.split(b"\n")[:-1]
    at = next((n for n, line in enumerate(lines) if line.count(b",") != FIELDS - 1), 0)
    return WrongLine(
        at, f"{lines[at].count(b',') + 1} fields instead of {FIELDS}: {lines[at][:80].decode('latin-1')!r}"
    )


def _numbers(block: bytes, stop: NDArray[np.int64], width: NDArray[np.int64]) -> NDArray[np.int64]:
    """Product codes as numbers; 0 for a code that is not five or six digits (`9999AA`: not specified)."""
    # The eight bytes before the comma, unaligned: the last digit is the highest byte.
    words = np.ndarray((len(block) - 7,), "<u8", block, 0, (1,))
    raw = words[stop - 8] >> _U(16)
    short = width == 5
    if short.any():
        raw[short] = (raw[short] & _U(0xFFFFFFFFFF00)) | _U(0x30)
    high = raw & _U(0xF0F0F0F0F0F0)
    carry = (raw + _U(0x060606060606)) & _U(0xF0F0F0F0F0F0)
    digits = (high == _U(0x303030303030)) & (carry == _U(0x303030303030)) & ((width == 6) | short)
    value = raw & _U(0x0F0F0F0F0F0F)
    value = value * _U(10) + (value >> _U(8))
    first = (value & _U(0xFF)) * _U(10_000)
    second = ((value >> _U(16)) & _U(0xFF)) * _U(100)
    numbers: NDArray[np.int64] = (first + second + ((value >> _U(32)) & _U(0xFF))).astype(np.int64)
    numbers[~digits] = 0
    return numbers
