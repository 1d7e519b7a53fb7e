"""Tables as plain text of a given width: long texts wrap, numbers stay whole, nothing is cut off."""

from __future__ import annotations

import re
from collections.abc import Sequence

GAP = 2
SHORTEST = 12  # a column of texts is at least as wide as its longest word, up to this
READABLE = 22  # where there is room, a column of texts twice as long is at least so wide, whatever stands beside it


#: How a cell begins that a spreadsheet takes for a formula; figures with a sign are none.
RISKY = r"^([=@\t\r]|[+-][^\d.])"


def inert(text: str) -> str:
    """Text for a cell of a CSV file that no spreadsheet runs: what would begin a formula gets an apostrophe before it.

    >>> inert("=HYPERLINK(1)"), inert("-2.4%"), inert("+cmd"), inert("gallium")
    ("'=HYPERLINK(1)", '-2.4%', "'+cmd", 'gallium')
    """
    return f"'{text}" if re.match(RISKY, text) else text


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Header, rule and rows, none longer than `width` if the numbers leave room for it.

    A column whose title begins with `>` holds numbers: right-aligned and never broken.

    >>> print("\\n".join(table_lines(["who", ">t"], [["a long name", "1,000"], ["b", "2"]], 13)))
    who         t
    ------  -----
    a long  1,000
    name
    b           2
    """
    numbers = [title.startswith(">") for title in columns]
    titles = [title.removeprefix(">") for title in columns]
    widths = _widths(titles, rows, numbers, width)
    rule = [("-" * size).ljust(size) for size in widths]
    lines = _row_lines(titles, widths, numbers)
    lines.append((" " * GAP).join(rule).rstrip())
    for row in rows:
        lines += _row_lines(row, widths, numbers)
    return lines


def _row_lines(cells: Sequence[str], widths: Sequence[int], numbers: Sequence[bool]) -> list[str]:
    wrapped = [wrap(cell, size) for cell, size in zip(cells, widths, strict=True)]
    lines = []
    for position in range(max(map(len, wrapped))):
        parts = [part[position] if position < len(part) else "" for part in wrapped]
        lines.append((" " * GAP).join(
            part.rjust(size) if number else part.ljust(size)
            for part, size, number in zip(parts, widths, numbers, strict=True)
        ).rstrip())  # fmt: skip
    return lines


def _widths(titles: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[bool], width: int) -> list[int]:
    """Widths that need the fewest broken lines: from the least each column can do with, widen the most pressed one."""
    cells = [[title, *(row[i] for row in rows)] for i, title in enumerate(titles)]
    natural = [max(len(line) for cell in column for line in cell.split("\n")) for column in cells]
    room = width - GAP * (len(titles) - 1)
    if sum(natural) <= room:
        return natural
    least = []
    for column, number, most in zip(cells, numbers, natural, strict=True):
        words = [len(word) for cell in (column[:1] if number else column) for word in cell.split()]
        body = max((len(cell) for cell in column[1:]), default=1) if number else 0
        least.append(min(most, max(body, min(max(words, default=1), SHORTEST), 1)))
    while sum(least) > room and any(size > 4 and not number for size, number in zip(least, numbers, strict=True)):
        widest = max((i for i, number in enumerate(numbers) if not number), key=lambda i: least[i])
        least[widest] -= 1
    wide = [
        READABLE if most >= 2 * READABLE and not number else 0 for most, number in zip(natural, numbers, strict=True)
    ]
    if sum(map(max, least, wide)) <= room:
        least = list(map(max, least, wide))
    weight = [sum(len(cell) for cell in column[1:]) + len(column[0]) for column in cells]
    while sum(least) < room:
        open_ones = [i for i in range(len(least)) if least[i] < natural[i]]
        if not open_ones:
            break
        pressed = max(open_ones, key=lambda i: (weight[i] / least[i], natural[i]))
        least[pressed] += 1
    return least


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width`: broken at spaces; a word too long for a line breaks after / _ - , else anywhere.

    Line breaks in the text are kept.

    >>> wrap("rare_earths/concentrate-ion-clay by country", 16)
    ['rare_earths/', 'concentrate-ion-', 'clay by country']
    """
    lines: list[str] = []
    for part in text.split("\n"):
        line = ""
        for word in part.split():
            if len(line) + len(word) + bool(line) <= width:
                line = f"{line} {word}" if line else word
                continue
            if line and (len(word) <= width or width - len(line) < SHORTEST // 2):
                lines.append(line)
                line = ""
            for piece in _pieces(word, width) if len(word) > width else [word]:
                glue = " " if line and word.startswith(piece) else ""
                if line and len(line) + len(glue) + len(piece) > width:
                    lines.append(line)
                    line, glue = "", ""
                line += glue + piece
        lines.append(line)
    return lines


def _pieces(word: str, width: int) -> list[str]:
    """Parts of a long word, each at most `width`."""
    pieces = re.findall(r"[^/_\-,]+[/_\-,]*|[/_\-,]+", word)
    return [piece[i : i + width] for piece in pieces for i in range(0, len(piece), width)]
