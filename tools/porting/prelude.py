# SPDX-License-Identifier: GPL-2.0
"""Makes a prelude: a header that the compiler includes in front of each file of a driver. It has the kernel's headers
that the files include, and then the line that moves the driver to cmwq2. So no kernel header comes too late, all files
lay out the driver's structures alike, and no source has to be edited."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from porting import compiler
from porting.place import LINE, directives, without_comments
from porting.units import Kernel, Unit

NAME = "cmwq2_prelude.h"
# The events of a driver need the driver's structures, and these headers are made to be read several times.
EVENTS = re.compile(r"(^|/)trace/")
# Macros that have to stand directly in front of one include.
LOCAL = re.compile(r"CREATE_TRACE_POINTS$|TRACE_|UNDEF_|DEFINE_|CREATE_|DECLARE_")


def direct(found: Sequence[compiler.Included], unguarded: set[Path], own: Kernel) -> list[Path]:
    """Return the kernel's headers that the driver itself includes, in order. In place of a header that cannot stand in
    a prelude, because it must be read where it is or more than once, return those that it includes."""
    kept, inside = [], 0
    for one in found:
        if inside and one.depth > inside:
            continue
        inside = 0
        if own.is_own(one.path) and one.path not in unguarded and not EVENTS.search(str(one.path)):
            inside = one.depth
            kept.append(one.path)
    return list(dict.fromkeys(kept))


@cache
def _words(header: Path) -> frozenset:
    return frozenset(re.findall(r"\b[A-Za-z_]\w*", header.read_text(errors="replace")))


@cache
def _defaults(header: Path) -> frozenset:
    """The macros that @header defines only if nobody has defined them before, such as pr_fmt."""
    text = without_comments(header.read_text(errors="replace"))
    names = re.findall(r"^[ \t]*#[ \t]*ifndef[ \t]+(\w+)\s*#[ \t]*define[ \t]+\1\b", text, re.MULTILINE)
    # The first of them is the header's guard.
    return frozenset(name for name in names if not re.search(r"_H_?$|_H__$", name))


@dataclass(frozen=True)
class Macro:
    """A macro that a file of a driver defines at its top."""

    name: str
    text: str       # the whole definition
    line: int       # the last line of it
    fresh: bool     # whether the file does not undefine it first


@cache
def _defines(path: Path) -> tuple[tuple[Macro, ...], int]:
    """Return the macros that are defined at the top of a file, outside of #if except for the file's own guard; and the
    line of the last include of a kernel header there."""
    text = path.read_text(errors="replace")
    lines, found, last, undefined = text.split("\n"), [], 0, set()
    guard = 1 if path.suffix == ".h" else 0
    for number, depth, word, rest in directives(text):
        name = re.match(r"\w+", rest)
        if word == "include" and rest.startswith("<"):
            last = number
        elif word == "undef":
            undefined.add(rest.split()[0])
        elif word == "define" and name and depth <= guard:
            first = number
            while first > 1 and lines[first - 2].rstrip().endswith("\\"):
                first -= 1
            found.append(Macro(name[0], "\n".join(lines[first - 1:number]), number, name[0] not in undefined))
    return tuple(found), last


def _with_used(chosen: Iterable[Macro], defined: Sequence[Macro]) -> list[str]:
    """Return the definitions of the macros @chosen, behind those of @defined that they use."""
    wanted = list(chosen)
    for one in wanted:      # the list grows during the walk
        words = set(re.findall(r"\w+", one.text.partition(one.name)[2]))
        wanted += [other for other in defined if other.name in words and other not in wanted]
    return [one.text for one in defined if one in wanted]


def macros(unit: Unit, own: Kernel) -> list[str]:
    """Return the definitions of the macros that @unit makes for the kernel's headers: those that its source defines
    above such a header that names them, and those of its private headers for which the kernel's headers have a
    default."""
    headers = [path for path in unit.headers if own.is_own(path)]
    defaults = frozenset().union(*map(_defaults, headers))
    found: dict[str, None] = {}
    for path in (path for path in unit.headers if not own.is_own(path) and path != unit.source):
        defined, _ = _defines(path)
        found.update(dict.fromkeys(_with_used((one for one in defined if one.name in defaults and one.fresh), defined)))
    defined, last = _defines(unit.source)
    chosen = [one for one in defined if one.name in defaults and one.fresh or one.line < last
              and not LOCAL.match(one.name) and any(one.name in _words(header) for header in headers)]
    found.update(dict.fromkeys(_with_used(chosen, defined)))
    return list(found)


@dataclass(frozen=True)
class Prelude:
    """A prelude, and which files need a flag of their own for it."""

    text: str
    flags: dict     # what the command line defines for a file, by the file's path

    def with_names(self) -> "Prelude":
        """Return this prelude for files whose private headers use a tag as the name of a field or a variable."""
        note = "/* Headers behind this have fields or variables with the names of these tags. */"
        return replace(self, text=self.text.replace(f"\n{LINE}\n", "\n" + "\n".join([note, *NAMES, LINE, ""])))


# The macro that selects the definitions for a file, if the files of a driver define different ones.
FLAG = "CMWQ2_PRELUDE_MACROS"
# What lets a driver's headers use tags as names, see shim.h.
NAMES = ("#define CMWQ2_SHIM_DELAYED_WORK_IS_A_NAME", "#define CMWQ2_SHIM_WORK_STRUCT_IS_A_NAME")


def _sections(definitions: dict[Path, list[str]]) -> tuple[list[str], dict]:
    """Return the lines of the prelude for the macros of each file, and the flags that select them. Files that define
    the same macros have the same flag."""
    kinds = list(dict.fromkeys(tuple(each) for each in definitions.values()))
    if len(kinds) <= 1:
        return list(kinds[0]) if kinds else [], {}
    numbers = {kind: number for number, kind in enumerate(filter(None, kinds), 1)}
    lines = []
    for kind, number in numbers.items():
        lines += [f"#if defined({FLAG}) && {FLAG} == {number}", *kind, "#endif"]
    return lines, {source: f"{FLAG}={numbers[tuple(each)]}" for source, each in definitions.items() if each}


def make(units: Sequence[Unit], own: Kernel, what: str) -> Prelude:
    """Return the prelude for the files @units of a driver called @what. Raises Wrong if one cannot be read."""
    headers: dict[str, None] = {}
    definitions = {}
    for unit in units:
        found, unguarded = compiler.included(unit)
        places = compiler.search_path(unit)
        headers.update(dict.fromkeys(compiler.spelled(path, places) for path in direct(found, unguarded, own)))
        definitions[unit.source] = macros(unit, own)
    lines, flags = _sections(definitions)
    return Prelude(_text(what, lines, headers), flags)


def _text(what: str, definitions: Iterable[str], headers: Iterable[str]) -> str:
    return "\n".join([
        "/* SPDX-License-Identifier: GPL-2.0 */",
        "/*",
        f" * Moves {what} to cmwq2. The compiler includes this in front of each of its",
        " * files: first what they define for the kernel's headers, then the kernel's",
        " * headers that they include, then the line. Made by tools/port_driver.py.",
        " */",
        *definitions, *([""] if definitions else []),
        *(f"#include <{name}>" for name in headers), "", LINE, ""])
