"""Picking the few wanted rows out of a large BACI file without converting the rest.

A year of BACI has about eleven million rows of five thousand products; Orebridge wants some seventy. So a block of bytes
is cut at its line ends (numpy), the product codes of all its lines are turned into numbers eight bytes at a time, and
only the lines wanted go on to be parsed. Nothing is guessed: a block that is not of the usual shape is cut at every
separator instead, and if that gives anything but six fields per line the first wrong line is named.
"""

from __future__ import annotations

import hashlib
import threading
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
#: Longest line that is carried from one block to the next.
LONGEST = 1 << 16
FIELDS = 6
PRODUCT = 3
CODES = 1_000_000
_COMMA, _NEWLINE = 44, 10
_YEAR_AND_COMMA = 5
_U = np.uint64
_COMMAS = _U(0x2C2C2C2C2C2C2C2C)
_ONES, _TOPS = _U(0x0101010101010101), _U(0x8080808080808080)
#: Times 1 << 8p this has p in its highest byte: the place of a byte from its single bit.
_PLACE = _U(0x0001020304050607)
#: Fresh memory for every comparison would cost more than the comparison.
_SCRATCH = threading.local()
Flags = NDArray[np.bool_]
Positions = NDArray[np.int64]
Result = TypeVar("Result")
Item = TypeVar("Item")


class WrongLine(Exception):
    """A line of a block that cannot be right: its position in the block, and what is wrong."""

    def __init__(self, position: int, what: str) -> None:
        super().__init__(what)
        self.position, self.what = position, what


@dataclass(frozen=True)
class Picked:
    """Lines in a block, positions of the wanted ones among them, and their bytes."""

    lines: int
    positions: Positions
    text: bytes


def wanted_codes(codes: list[str]) -> Flags:
    """A table that says for each number 0..999999 whether it is a wanted product code."""
    wanted = np.zeros(CODES, bool)
    wanted[[int(code) for code in codes]] = True
    return wanted


class Blocks:
    """The bytes of a stream in blocks that end at a line end, hashed on the way by a thread of its own.

    A block is a view of a buffer that is used again `ahead + 2` blocks later: take what you need of it before. `sha256` is
    known when all blocks have been taken.
    """

    def __init__(self, stream: Stream, limit: int, ahead: int) -> None:
        self._stream, self._limit = stream, limit
        self._buffers = [memoryview(bytearray(LONGEST + BLOCK)) for _ in range(ahead + 2)]
        self._hashed: list[Future[None] | None] = [None] * len(self._buffers)
        self._digest = hashlib.sha256()
        self.sha256 = ""

    def __iter__(self) -> Iterator[memoryview]:
        rest, total, turn = b"", 0, 0
        with ThreadPoolExecutor(1) as hasher:
            while True:
                at = turn % len(self._buffers)
                if (busy := self._hashed[at]) is not None:
                    busy.result()
                buffer = self._buffers[at]
                buffer[: len(rest)] = rest
                count = self._stream.readinto(buffer[len(rest) : len(rest) + BLOCK])
                if not count:
                    break
                total += count
                if total > self._limit:
                    raise ImportRefused(f"more than {self._limit:,} bytes; such a file is not read.")
                end = len(rest) + count
                self._hashed[at] = hasher.submit(self._digest.update, buffer[len(rest) : end])
                turn += 1
                cut = _last_line_end(buffer, end)
                rest = bytes(buffer[cut:end])
                if len(rest) > LONGEST:
                    raise ImportRefused(f"a line of more than {LONGEST:,} bytes: this is no BACI file.")
                if cut:
                    yield buffer[:cut]
            if rest:
                yield memoryview(rest + b"\n")
        self.sha256 = self._digest.hexdigest()


def _last_line_end(buffer: memoryview, end: int) -> int:
    """One past the last line end before `end`, 0 if there is none; lines are short, so the tail is looked at first."""
    tail = bytes(buffer[max(0, end - 256) : end]).rfind(b"\n")
    if tail >= 0:
        return max(0, end - 256) + tail + 1
    return bytes(buffer[:end]).rfind(b"\n") + 1


def in_order(work: Callable[[Item], Result], items: Iterator[Item], workers: int) -> Iterator[Result]:
    """Results in the order of the items, `2 * workers` ahead (numpy lets go of the interpreter while it works)."""
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[Result]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(work, item))
                if len(ahead) >= 2 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def pick(block: bytes | memoryview, wanted: Flags, known: Flags | None = None) -> Picked:
    """The wanted lines of a block; raises WrongLine. `known` are the codes of the nomenclature, if they were given."""
    octets, begins, ends = _lines(block)
    codes = _usual(block, octets, begins)
    if codes is None:
        block = bytes(block).replace(b'"', b"")
        octets, begins, ends = _lines(block)
        codes = _any(block, octets)
    if known is not None and not known[codes].all():
        at = int(np.flatnonzero(~known[codes])[0])
        code = bytes(block[int(begins[at]) : int(ends[at])]).split(b",")[PRODUCT].decode("latin-1")
        raise WrongLine(at, f"product code {code!r} is not in the list of products that came with the file")
    kept = np.flatnonzero(wanted[codes])
    if not len(kept):
        return Picked(len(ends), kept, b"")
    # Neighbouring lines are taken in one slice.
    first = np.flatnonzero(np.diff(kept, prepend=kept[0] - 2) != 1)
    last = np.append(first[1:], len(kept)) - 1
    slices = zip(begins[kept[first]].tolist(), (ends[kept[last]] + 1).tolist(), strict=True)
    return Picked(len(ends), kept, b"".join([block[a:z] for a, z in slices]))


def _lines(block: bytes | memoryview) -> tuple[NDArray[np.uint8], Positions, Positions]:
    """The bytes, and where each line begins and ends."""
    octets = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(_are(octets, _NEWLINE))
    begins = np.empty_like(ends)
    begins[0], begins[1:] = 0, ends[:-1] + 1
    return octets, begins, ends


def _are(octets: NDArray[np.uint8], octet: int) -> Flags:
    """Which bytes are this one; the answer stands in a buffer of the thread's own until the next question."""
    if len(getattr(_SCRATCH, "flags", ())) < len(octets):
        _SCRATCH.flags = np.empty(len(octets) + LONGEST, bool)
    flags: Flags = _SCRATCH.flags[: len(octets)]
    return np.equal(octets, octet, out=flags)


def _usual(block: bytes | memoryview, octets: NDArray[np.uint8], begins: Positions) -> Positions | None:
    """Codes of lines `yyyy,i,j,kkkkkk,` with i and j of one to three digits; None if any line is of another shape."""
    if len(octets) < 64 or np.count_nonzero(_are(octets, _COMMA)) != (FIELDS - 1) * len(begins):
        return None
    words = np.ndarray((len(octets) - 7,), "<u8", block, 0, (1,))
    if int(begins[-1]) + 20 > len(words):
        # The last line is too short for a look at eight bytes from its product on.
        return None
    # "i,j," fills four to eight bytes; the second comma in it is found by the bit that marks a zero byte.
    pair = words[begins + _YEAR_AND_COMMA] ^ _COMMAS
    commas = (pair - _ONES) & ~pair & _TOPS
    second = commas & (commas - _U(1))
    second &= ~second + _U(1)
    place = ((second >> _U(7)) * _PLACE >> _U(56)).astype(np.int64)
    product = begins + (_YEAR_AND_COMMA + 1) + place
    raw = words[product]
    shaped = (octets[begins + _YEAR_AND_COMMA - 1] == _COMMA) & (second != 0) & ((raw >> _U(48)) & _U(0xFF) == _COMMA)
    if not shaped.all():
        return None
    return _numbers(raw & _U(0xFFFFFFFFFFFF))


def _any(block: bytes, octets: NDArray[np.uint8]) -> Positions:
    """Codes of lines of any six fields; raises WrongLine for the first line that has another number of them."""
    separators = np.flatnonzero((octets == _COMMA) | (octets == _NEWLINE))
    whole = len(separators) % FIELDS == 0
    if whole:
        ends = separators.reshape(-1, FIELDS)
        found = octets[ends]
        whole = bool((found[:, -1] == _NEWLINE).all() and (found[:, :-1] == _COMMA).all())
    if not whole:
        lines = block.split(b"\n")[:-1]
        at = next((n for n, line in enumerate(lines) if line.count(b",") != FIELDS - 1), 0)
        raise WrongLine(
            at, f"{lines[at].count(b',') + 1} fields instead of {FIELDS}: {lines[at][:80].decode('latin-1')!r}"
        )
    begin, end = ends[:, PRODUCT - 1] + 1, ends[:, PRODUCT]
    width = end - begin
    # Eight bytes from each product on, the block made long enough for the last; what lies beyond the code is cut off.
    words = np.ndarray((len(block),), "<u8", block + bytes(8), 0, (1,))
    raw = words[begin]
    short = width == FIELDS - 1
    raw[short] = (raw[short] << _U(8)) | _U(0x30)
    numbers = _numbers(raw & _U(0xFFFFFFFFFFFF))
    numbers[~(short | (width == FIELDS))] = 0
    return numbers


def _numbers(raw: NDArray[np.uint64]) -> Positions:
    """Six digits in the low six bytes, the first lowest, as numbers; 0 where one is no digit (`9999AA`: not specified)."""
    digits = (raw & _U(0xF0F0F0F0F0F0)) == _U(0x303030303030)
    digits &= ((raw + _U(0x060606060606)) & _U(0xF0F0F0F0F0F0)) == _U(0x303030303030)
    value = raw & _U(0x0F0F0F0F0F0F)
    value = value * _U(10) + (value >> _U(8))
    first = (value & _U(0xFF)) * _U(10_000)
    second = ((value >> _U(16)) & _U(0xFF)) * _U(100)
    numbers: Positions = (first + second + ((value >> _U(32)) & _U(0xFF))).astype(np.int64)
    numbers[~digits] = 0
    return numbers
