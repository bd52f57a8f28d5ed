# SPDX-License-Identifier: GPL-2.0
"""Provides tomllib, which Python has since 3.11. On an older Python this reads the subset of TOML that this project's
files use: sections, lists of sections, and one value per line, written as in JSON or in single quotes."""

import json
import re
from types import SimpleNamespace
from typing import Any


class Malformed(ValueError):
    """The error that tomllib calls TOMLDecodeError."""


def _value(text: str, where: str) -> Any:
    literal = re.match("'([^']*)'", text)
    try:
        value, end = (literal[1], literal.end()) if literal else json.JSONDecoder().raw_decode(text)
    except ValueError:
        raise Malformed(f"{where}: this is not a value: {text}") from None
    rest = text[end:].strip()
    if rest and not rest.startswith("#"):
        raise Malformed(f"{where}: there is text after the value: {rest}")
    return value


def loads(text: str) -> dict[str, Any]:
    """Return the tables in @text. Raises Malformed."""
    top: dict[str, Any] = {}
    table = top
    for number, line in enumerate(text.splitlines(), 1):
        where, line = f"line {number}", line.strip()
        section = re.fullmatch(r"(\[\[?)([\w-]+)(\]\]?)(?: *#.*)?", line)
        pair = re.fullmatch(r'([\w-]+|"(?:[^"\\]|\\.)*") *= *(.+)', line)
        if not line or line.startswith("#"):
            continue
        if section and len(section[1]) == len(section[3]):
            table = {}
            if section[1] == "[[":
                group: list[dict[str, Any]] = top.setdefault(section[2], [])
                group.append(table)
            elif section[2] in top:
                raise Malformed(f"{where}: the section [{section[2]}] exists already")
            else:
                top[section[2]] = table
        elif pair:
            key = json.loads(pair[1]) if pair[1].startswith('"') else pair[1]
            if key in table:
                raise Malformed(f"{where}: the key {key} exists already")
            table[key] = _value(pair[2], where)
        else:
            raise Malformed(f"{where}: this is neither a section nor NAME = VALUE: {line}")
    return top


tomllib: Any = SimpleNamespace(loads=loads, TOMLDecodeError=Malformed)
try:
    import tomllib  # type: ignore  # noqa: F401, F811
except ModuleNotFoundError:
    pass
