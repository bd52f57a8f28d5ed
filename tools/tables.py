# SPDX-License-Identifier: GPL-2.0
"""Formats tables as text. On a terminal a table fits its width: long texts are cut, and columns that do not fit go into
a second table below. In a file or a pipe nothing is cut, unless the command sets a width with at_most()."""

from __future__ import annotations

import itertools
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import cli

# No text is cut to fewer characters than this.
NARROWEST = 12
# The width of a terminal that does not report its width.
COLUMNS = 80
# The width that at_most() has set.
_limit: ContextVar[int | None] = ContextVar("_limit", default=None)


def terminal_width() -> int:
    """Return the terminal's width in columns, 0 if standard output is not a terminal."""
    out = sys.stdout
    return shutil.get_terminal_size((COLUMNS, 24)).columns if out is not None and out.isatty() else 0


@contextmanager
def at_most(width: int) -> Iterator[None]:
    """Limit all text that is made within this context to @width columns; 0: no limit."""
    token = _limit.set(width)
    try:
        yield
    finally:
        _limit.reset(token)


def width_now() -> int:
    """Return the width that text has to fit now: that of at_most(), else of the terminal. 0 means any width."""
    limit = _limit.get()
    return terminal_width() if limit is None else limit


def wrapped(line: str) -> list[str]:
    """Return @line as lines of the width that text has to fit. Those after the first are indented by four more spaces.
    Words are never cut."""
    width = width_now()
    if not width or len(line) <= width:
        return [line]
    indent = line[:len(line) - len(line.lstrip())]
    return textwrap.wrap(line.strip(), width, initial_indent=indent, subsequent_indent=f"{indent}    ",
                         break_long_words=False, break_on_hyphens=False)


def fitted(text: str) -> str:
    """Return @text with every sentence that is too long wrapped. Rows of tables stay as they are: they have two spaces
    between columns, and were made for the width that text has to fit."""
    return "\n".join(part for line in text.split("\n") for part in ([line] if "  " in line.strip() else wrapped(line)))


def shorten(text: str, width: int) -> str:
    """Return @text cut to @width characters. The end is kept, where names like "kworker/u8:1-events_long" differ."""
    return text if len(text) <= width else "~" + text[len(text) - width + 1:]


def cell(value: Any) -> str:
    """Return a value as it is printed, "-" for an empty one."""
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
        """Return how narrow the column may become. Right-aligned columns hold numbers, which are not cut."""
        return self.whole if self.right else min(self.whole, max(NARROWEST, len(self.title)))

    def lines(self) -> list[str]:
        """Return all cells, cut and aligned."""
        cells = [shorten(each, self.width) for each in (self.title, *self.cells)]
        return [each.rjust(self.width) if self.right else each.ljust(self.width) for each in cells]


def _width(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + 2 * (len(columns) - 1)


def _narrow(columns: Sequence[_Column], width: int) -> bool:
    """Cut texts, the longest first, until all columns fit. Return whether they fit."""
    while _width(columns) > width:
        column = max(columns, key=lambda each: each.width if each.width > each.floor() else 0)
        if column.width <= column.floor():
            return False
        column.width -= 1
    return True


def _blocks(columns: Sequence[_Column], width: int, keys: int) -> Iterable[list[_Column]]:
    """Split the columns into blocks. All columns are one block if they fit when texts are cut. Otherwise each block has
    as many uncut columns as fit, and begins with the first columns, which name the row. @keys is their number."""
    if _narrow(columns, width):
        yield list(columns)
        return
    for each in columns:
        each.width = each.whole
    names, rest = list(columns[:keys]), columns[keys:]
    block = list(names)
    for column in [*rest, None]:
        if column is None or len(block) > keys and _width([*block, column]) > width:
            # One column may be wider than the terminal.
            _narrow(block, width)
            yield block
            for each in names:
                each.width = each.whole
            block = list(names)
        if column is not None:
            block.append(column)


def table(titles: Sequence[str], rows: Iterable[Iterable[Any]], width: int = -1, keys: int = 1) -> list[str]:
    """
    Return the lines of a table.

    :param titles: the columns' titles; a column whose title starts with ">" is aligned to the right
    :param width: maximum width; 0: no limit; negative: the width that text has to fit now, see width_now()
    :param keys: how many of the first columns name the row; they are repeated when other columns go below
    """
    texts = [[cell(value) for value in row] for row in rows]
    columns = [_Column(title, column) for title, column in zip(titles, zip(*texts) if texts else [()] * len(titles))]
    width = width_now() if width < 0 else width
    blocks: Iterable[Sequence[_Column]] = [columns]
    if width and _width(columns) > width:
        blocks = _blocks(columns, width, keys)
        if not texts:
            # The titles of the other columns would look like a row.
            blocks = itertools.islice(blocks, 1)
    lines: list[str] = []
    for block in blocks:
        lines += [""] if lines else []
        lines += ["  ".join(line).rstrip() for line in zip(*(column.lines() for column in block))]
    return lines


def numbers(first: str, *titles: str) -> list[str]:
    """Return the titles of a table of numbers. The first column names the rows."""
    return [first, *(f">{title}" for title in titles)]
