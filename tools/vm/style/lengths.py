# SPDX-License-Identifier: GPL-2.0
"""Finds files and functions that are too long to be read at once. A comment or a docstring inside a function counts."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

FILE, FUNCTION = 600, 60
TO_BE_SPLIT = "to be split"
# Files and functions that may be longer, with the reason. A function is named as FILE:FUNCTION.
LONGER: dict[str, str] = {
    "kunit/suites/cmwq2_interleave_kunit.c:cull_behind_runner": TO_BE_SPLIT,
}


def _name(lines: list[str], opening: int) -> tuple[int, str]:
    """Return the first line and the name of the C function whose body is opened by a brace in line @opening."""
    first = opening
    while first > 0 and lines[first - 1].strip() and not re.search(r"[;}]$|\*/$|^#", lines[first - 1]):
        first -= 1
    match = re.search(r"(\w+)\(", " ".join(lines[first:opening]))
    return first, match[1] if match else "?"


def of_c(text: str) -> Iterator[tuple[str, int, int]]:
    """Return (name, first line, number of lines) of the functions in C code in the kernel's style, in which the braces
    of a function, and no others, are alone in the first column."""
    lines, opening = text.splitlines(), -1
    for number, line in enumerate(lines):
        if line == "{":
            opening = number
        elif line == "}" and opening >= 0:
            first, name = _name(lines, opening)
            yield name, first + 1, number - first + 1
            opening = -1


def of_python(text: str) -> Iterator[tuple[str, int, int]]:
    """Return (name, first line, number of lines) of the functions in Python code."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def _too_long(name: str, text: str) -> Iterator[tuple[str, int, str]]:
    """Return (name, line, what) of everything in file @name that is too long."""
    length = len(text.splitlines())
    if length > FILE:
        yield name, 1, f"{length} lines, at most {FILE}"
    for function, line, lines in of_c(text) if name.endswith((".c", ".h")) else of_python(text):
        if lines > FUNCTION:
            yield f"{name}:{function}", line, f"{function}() has {lines} lines, at most {FUNCTION}"


def findings(files: Iterable[tuple[str, str]], longer: Mapping[str, str] = LONGER) -> list[str]:
    """Return a line for everything in @files, pairs of a name and a text, that is too long and not in @longer. An entry
    of @longer that nothing needs is a finding as well."""
    found = [each for name, text in files for each in _too_long(name, text)]
    lines = [f"{what.partition(':')[0]}:{line}: {why}" for what, line, why in found if what not in longer]
    unneeded = sorted(set(longer) - {what for what, _, _ in found})
    return lines + [f"{what.partition(':')[0]}:1: lengths.LONGER has {what}, which is not too long"
                    for what in unneeded]
