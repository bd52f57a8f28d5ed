# SPDX-License-Identifier: GPL-2.0
"""Tables in text. On a terminal they are as wide as it is: long texts are cut, and columns that have no room left go into
a second table below. In a file or a pipe nothing is cut."""

from __future__ import annotations

import shutil
import sys
from typing import Any, Iterable, List, Sequence

import cli

# A text is not cut below so many characters.
NARROWEST = 12
# The width of a terminal that does not tell.
COLUMNS = 80


def terminal_width() -> int:
    """How many columns there are; 0 if nobody looks at a terminal."""
    out = sys.stdout
    return shutil.get_terminal_size((COLUMNS, 24)).columns if out is not None and out.isatty() else 0


def shorten(text: str, width: int) -> str:
    """@text in @width characters. The end is kept: that is where names like "kworker/u8:1-events_long" differ."""
    return text if len(text) <= width else "~" + text[len(text) - width + 1:]


def cell(value: Any) -> str:
    """A value as it is printed, "-" for nothing."""
    if value is None or value == [] or value == "":
        return "-"
    if isinstance(value, (list, tuple)):
        return cli.visible(",".join(map(str, value)))
    return cli.visible(str(value))


class _Column:
    def __init__(self, title: str, cells: Iterable[str]) -> None:
        self.right = title.startswith(">")
        self.title = title[1:] if self.right else title
        self.cells = list(cells)
        self.whole = self.width = max(map(len, [self.title, *self.cells]))

    def floor(self) -> int:
        """How narrow it can be: numbers, which end where their title ends, are not cut."""
        return self.whole if self.right else min(self.whole, max(NARROWEST, len(self.title)))

    def lines(self) -> List[str]:
        """All cells at their place."""
        cells = [shorten(each, self.width) for each in (self.title, *self.cells)]
        return [each.rjust(self.width) if self.right else each.ljust(self.width) for each in cells]


def _width(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + 2 * (len(columns) - 1)


def _narrow(columns: Sequence[_Column], width: int) -> bool:
    """Cut texts, the longest first, until all columns fit; whether they do."""
    while _width(columns) > width:
        column = max(columns, key=lambda each: each.width if each.width > each.floor() else 0)
        if column.width <= column.floor():
            return False
        column.width -= 1
    return True


def _blocks(columns: Sequence[_Column], width: int) -> Iterable[List[_Column]]:
    """All columns, if they fit when texts are cut. Else as many at a time as fit whole: each block begins with the first
    column, which names the row."""
    if _narrow(columns, width):
        yield list(columns)
        return
    for column in columns:
        column.width = column.whole
    first, *rest = columns
    block = [first]
    for column in [*rest, None]:
        if column is None or len(block) > 1 and _width([*block, column]) > width:
            # One column may be wider than the terminal.
            _narrow(block, width)
            yield block
            first.width = first.whole
            block = [first]
        if column is not None:
            block.append(column)


def table(titles: Sequence[str], rows: Iterable[Iterable[Any]], width: int = -1) -> List[str]:
    """
    The lines of a table.

    :param titles: one that starts with ">" is that of a column whose entries end where it ends
    :param width: as wide as it may be, 0: without end, less: as wide as the terminal
    """
    texts = [[cell(value) for value in row] for row in rows]
    columns = [_Column(title, column) for title, column in zip(titles, zip(*texts) if texts else [()] * len(titles))]
    width = terminal_width() if width < 0 else width
    blocks: Iterable[Sequence[_Column]] = [columns]
    if width and _width(columns) > width:
        blocks = _blocks(columns, width)
    lines: List[str] = []
    for block in blocks:
        lines += [""] if lines else []
        lines += ["  ".join(line).rstrip() for line in zip(*(column.lines() for column in block))]
    return lines


def numbers(first: str, *titles: str) -> List[str]:
    """The titles of a table of numbers, whose first column names the rows."""
    return [first, *(f">{title}" for title in titles)]
