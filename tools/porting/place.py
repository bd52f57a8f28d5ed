# SPDX-License-Identifier: GPL-2.0
"""Finds the place of the line #include <cmwq2/shim.h> in a source file: behind the last of the kernel's headers among
the includes at its top."""

import re
from collections.abc import Iterator

LINE = "#include <cmwq2/shim.h>"
DIRECTIVE = re.compile(r"\s*#\s*(\w+)\s*(.*)")


def without_comments(text: str) -> str:
    """Return C code with its comments replaced by blanks. Lines stay where they are. Strings are kept."""
    def blank(match: re.Match) -> str:
        return match[0] if match[0][0] in "\"'" else re.sub(r"[^\n]", " ", match[0])
    return re.sub(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|/\*.*?\*/|//[^\n]*", blank, text, flags=re.DOTALL)


def directives(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Return the preprocessor's lines at the top of a source, up to the first line of code between two includes.

    :return: for each the number of its last line, the depth of #if around it, the word behind the #, and the rest
    """
    lines, depth, number = without_comments(text).split("\n"), 0, 0
    while number < len(lines):
        line = lines[number]
        while line.endswith("\\") and number + 1 < len(lines):
            number += 1
            line = f"{line[:-1]} {lines[number]}"
        number += 1
        match = DIRECTIVE.match(line)
        if match:
            depth -= match[1] == "endif"
            yield number, depth, match[1], match[2].strip()
            depth += match[1].startswith("if")
        elif line.strip():
            yield number, depth, "", line.strip()


# What may stand between includes without ending them: lines that declare or describe something.
BETWEEN = re.compile(r"(MODULE_\w+|EXPORT_\w+|ALLOW_\w+)\s*\(.*|(struct|union|enum)\s+\w+\s*;|extern\b.*;")


def after(text: str) -> int:
    """Return the number of the line behind which the line for cmwq2 stands: that of the last include of a kernel header
    at the top of the source @text, or of the #endif behind it. 0: there is no such include."""
    place, inside = 0, False
    for number, depth, word, rest in directives(text):
        if not word and not BETWEEN.match(rest) and depth == 0:
            break
        if word == "include" and rest.startswith("<"):
            place, inside = number, depth > 0
        elif inside and word == "endif" and depth == 0:
            place, inside = number, False
    return place


def private_first(text: str) -> bool:
    """Return whether a private header, in quotes, is included before the place of the line."""
    place = after(text)
    return any(number < place for number, _, word, rest in directives(text)
               if word == "include" and rest.startswith('"'))


def moved(text: str) -> str:
    """Return the source @text with the line for cmwq2 in its place."""
    lines = text.split("\n")
    place = after(text)
    lines[place:place] = ["", LINE] if place and lines[place - 1].strip() else [LINE]
    if place and len(lines) > place + 2 and lines[place + 2].strip():
        lines.insert(place + 2, "")
    return "\n".join(lines)


def numbered(text: str, path: str) -> str:
    """Return moved(@text) such that the compiler names the file @path and the lines that the source had before."""
    lines, place = text.split("\n"), after(text)
    return "\n".join([f'#line 1 "{path}"', *lines[:place], LINE, f'#line {place + 1} "{path}"', *lines[place:]])
