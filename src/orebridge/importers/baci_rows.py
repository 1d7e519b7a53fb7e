"""Picking the few wanted rows out of a large BACI file without converting the rest.

A year of BACI has about eleven million rows of five thousand products; Orebridge wants some seventy. So a block of bytes
is cut at its line ends (numpy), the product codes of all its lines are looked at eight bytes at a time, and only the
lines wanted go on to be parsed. Nothing is guessed: a block that is not of the usual shape is cut at every
separator instead, and if that gives anything but six fields per line the first wrong line is named.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orebridge.errors import ImportRefused
from orebridge.importers.opening import Stream

#: Small enough that a block and what is computed from it stay in the processor's cache, large enough that threads seldom
#: wait for one another.
BLOCK = 1 << 20
#: Longest line that is carried from one block to the next.
LONGEST = 1 << 16
FIELDS = 6
PRODUCT = 3
CODES = 1_000_000
_COMMA, _NEWLINE = 44, 10
_U = np.uint64
#: Bytes of a line that hold its product code if it is of the usual shape.
_HEAD = 24
_FIFTH, _FIFTH_COMMA = _U(0xFF << 32), _U(_COMMA << 32)
_SEVENTH, _SEVENTH_COMMA, _SIX = _U(0xFF << 48), _U(_COMMA << 48), _U((1 << 48) - 1)
_COMMAS, _LOWS, _TOPS = _U(0x2C2C2C2C2C2C2C2C), _U(0x7F7F7F7F7F7F7F7F), _U(0x8080808080808080)
#: Times 1 << 8p these have p, and 8p, in the highest byte: the place of a byte from its single bit.
_PLACE, _BITS_BEFORE = _U(0x0001020304050607), _U(0x0008101820283038)
#: Six bytes of text times this, highest 16 bits: few codes that are not wanted share a place with one that is.
_SPREAD, _PLACES = _U(0x9E3779B97F4A7C15), 1 << 16
Flags = NDArray[np.bool_]
Positions = NDArray[np.int64]
Words = NDArray[np.uint64]


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


@dataclass(frozen=True)
class Wanted:
    """Product codes: by number, and by the hash of their six digits, which is quicker and may hold a few too many."""

    numbers: Flags
    hashed: Flags


def wanted_codes(codes: list[str]) -> Wanted:
    """Tables that say for each number 0..999999, and each hash, whether it is (that of) a wanted product code."""
    numbers, hashed = np.zeros(CODES, bool), np.zeros(_PLACES, bool)
    numbers[[int(code) for code in codes]] = True
    texts = np.array([int.from_bytes(f"{int(code):06d}".encode(), "little") for code in codes], np.uint64)
    hashed[_hash(texts)] = True
    return Wanted(numbers, hashed)


def _hash(texts: Words, out: Words | None = None) -> Positions:
    """Place of each code, given as the six bytes of its text."""
    places = np.multiply(texts, _SPREAD, out=out)
    return np.right_shift(places, _U(48), out=places).view(np.int64)


class _Scratch(threading.local):
    """Memory of a thread that is used for block after block: fresh memory for every step would cost more than the step."""

    def __init__(self) -> None:
        self._bytes = np.empty(LONGEST + BLOCK, bool)
        self._lines = 0

    def flags(self, size: int) -> Flags:
        """One flag for each of `size` bytes; filled anew by every question."""
        if size > len(self._bytes):
            self._bytes = np.empty(size, bool)
        return self._bytes[:size]

    def of_lines(self, count: int) -> tuple[Words, Words, Flags]:
        """Room for two words and a flag of each of `count` lines."""
        if count > self._lines:
            self._lines = 2 * count
            self._words = np.empty((2, self._lines), np.uint64)
            self._shaped = np.empty(self._lines, bool)
        return self._words[0, :count], self._words[1, :count], self._shaped[:count]


_SCRATCH = _Scratch()


class Blocks:
    """The bytes of a stream in blocks that end at a line end, hashed on the way by a thread of its own.

    A block is a view of a buffer that is used again: take what you need of it before you ask for the next. `sha256` is
    known when all blocks have been taken.
    """

    def __init__(self, stream: Stream, limit: int) -> None:
        self._stream, self._limit = stream, limit
        self._buffers = [memoryview(bytearray(LONGEST + BLOCK)) for _ in range(3)]
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


def pick(block: bytes | memoryview, wanted: Wanted, known: Wanted | None = None) -> Picked:
    """The wanted lines of a block; raises WrongLine. `known` are the codes of the nomenclature, if they were given."""
    octets, begins, ends = _lines(block)
    texts = _usual(block, octets, begins)
    if texts is not None and known is None:
        _, words, _ = _SCRATCH.of_lines(len(texts))
        maybe = np.flatnonzero(wanted.hashed[_hash(texts, words)])
        kept = maybe[wanted.numbers[_numbers(texts[maybe])]]
    else:
        if texts is None:
            block = bytes(block).replace(b'"', b"")
            octets, begins, ends = _lines(block)
        codes = _any(block, octets) if texts is None else _numbers(texts)  # type: ignore[arg-type]
        if known is not None and not known.numbers[codes].all():
            at = int(np.flatnonzero(~known.numbers[codes])[0])
            code = bytes(block[int(begins[at]) : int(ends[at])]).split(b",")[PRODUCT].decode("latin-1")
            raise WrongLine(at, f"product code {code!r} is not in the list of products that came with the file")
        kept = np.flatnonzero(wanted.numbers[codes])
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
    ends = _places(octets, _NEWLINE)
    begins = np.empty_like(ends)
    begins[0], begins[1:] = 0, ends[:-1] + 1
    return octets, begins, ends


def _places(octets: NDArray[np.uint8], octet: int) -> Positions:
    """Where this byte stands: numpy's flatnonzero, but nearly three times as fast for a byte that is seldom.

    Eight flags are looked at as one word; the place in it follows from its one bit. If any word has more than one (lines
    of less than eight bytes), numpy looks at all.
    """
    size = len(octets)
    flags = _SCRATCH.flags((size + 7) // 8 * 8)
    flags[size:] = False
    np.equal(octets, octet, out=flags[:size])
    words = flags.view("<u8")
    places = np.flatnonzero(np.not_equal(words, _U(0)))
    if len(places) != np.count_nonzero(flags):
        return np.flatnonzero(flags)
    bits = words[places]
    np.right_shift(np.multiply(bits, _PLACE, out=bits), _U(56), out=bits)
    return np.add(np.left_shift(places, 3, out=places), bits.view(np.int64), out=places)


def _are(octets: NDArray[np.uint8], octet: int) -> Flags:
    """Which bytes are this one; the answer stands in a buffer of the thread's own until the next question."""
    return np.equal(octets, octet, out=_SCRATCH.flags(len(octets)))


def _usual(block: bytes | memoryview, octets: NDArray[np.uint8], begins: Positions) -> Words | None:
    """Codes, as six bytes of text, of lines `yyyy,i,j,kkkkkk,` with i and j of one to three digits; None if any line is
    of another shape."""
    if len(octets) < 64 or np.count_nonzero(_are(octets, _COMMA)) != (FIELDS - 1) * len(begins):
        return None
    if int(begins[-1]) + _HEAD > len(octets):
        # The last line is too short for a look at its first bytes.
        return None
    # The first bytes of each line as three words.
    heads = np.ndarray((len(octets) - _HEAD + 1,), f"V{_HEAD}", block, 0, (1,))[begins]
    first, second, third = heads.view("<u8").reshape(-1, _HEAD // 8).T
    codes, other, shaped = _SCRATCH.of_lines(len(begins))
    if not np.equal(np.bitwise_and(first, _FIFTH, out=other), _FIFTH_COMMA, out=shaped).all():
        return None
    # "i,j," fills four to eight bytes after the year; the highest bit of each byte is made to say whether it is a comma.
    np.bitwise_or(np.right_shift(first, _U(40), out=codes), np.left_shift(second, _U(24), out=other), out=codes)
    np.bitwise_xor(codes, _COMMAS, out=codes)
    np.add(np.bitwise_and(codes, _LOWS, out=other), _LOWS, out=other)
    np.bitwise_and(np.bitwise_or(codes, other, out=codes), _TOPS, out=codes)
    np.bitwise_xor(codes, _TOPS, out=codes)
    # Without its lowest bit, the first comma; then its lowest bit alone, the second; then how many bits are before it.
    np.bitwise_and(codes, np.subtract(codes, _U(1), out=other), out=codes)
    np.bitwise_and(codes, np.subtract(_U(0), codes, out=other), out=codes)
    np.multiply(np.right_shift(codes, _U(7), out=codes), _BITS_BEFORE, out=codes)
    np.right_shift(codes, _U(56), out=codes)
    # The code begins one byte after it, in the second word (from the third byte after the year on).
    np.subtract(codes, _U(16), out=codes)
    np.right_shift(second, codes, out=other)
    np.left_shift(third, np.subtract(_U(64), codes, out=codes), out=codes)
    np.bitwise_or(codes, other, out=codes)
    if not np.equal(np.bitwise_and(codes, _SEVENTH, out=other), _SEVENTH_COMMA, out=shaped).all():
        return None
    return np.bitwise_and(codes, _SIX, out=codes)


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
