# SPDX-License-Identifier: GPL-2.0
"""Moves files of a driver to cmwq2 in a directory of their own, compiles them there, and says what came of it."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Optional

from checks import layouts
from porting import compiler, place, prelude, reasons
from porting.units import Kernel, Unit, moved_to

LINE, PRELUDE, REFUSED, OBSCURE = "moved", "moved by prelude", "refused", "obscure error"


@dataclass
class Outcome:
    """What came of moving a file."""

    unit: Unit
    result: str                             # LINE, PRELUDE, REFUSED or OBSCURE
    reason: Optional[reasons.Reason] = None
    changed: list = field(default_factory=list)     # of Changed: structures that have another layout than before

    @property
    def moved(self) -> bool:
        """Whether the file compiles on cmwq2."""
        return self.result in (LINE, PRELUDE)


@dataclass(frozen=True)
class Changed:
    """A structure that a move has changed."""

    name: str
    header: Path    # where it is defined
    line: int


def _compile(unit: Unit, made: Path, *options: str) -> list[compiler.Message]:
    """Compile the moved @unit to the object @made. Return what the compiler says, less what it says of the unit as it
    was."""
    status, said = compiler.run(unit, *options, "-I", str(reasons.INCLUDE), "-c", "-o", str(made))
    found = compiler.messages(said)
    if status and not any(message.kind == "error" for message in found):
        found.append(compiler.Message(str(unit.source), 1, "error", "the compiler failed without a message"))
    return found


def _warnings_before(unit: Unit) -> set[str]:
    return {message.text for message in compiler.messages(compiler.run(unit, "-c", "-o", "/dev/null")[1])}


def _trouble(found: Sequence[compiler.Message], unit: Unit, own: Kernel) -> Optional[reasons.Reason]:
    """Return why the unit does not move, or None if it does. A warning that it did not have before counts, too."""
    reason = reasons.first(found, unit, own)
    if reason or not found:
        return reason
    before = _warnings_before(unit)
    fresh = [message for message in found if message.text not in before]
    return reasons.of(fresh[0], unit, own) if fresh else None


def by_line(unit: Unit, own: Kernel, made: Path) -> Optional[reasons.Reason]:
    """Compile @unit with the line in its place. Return why it does not compile, or None."""
    copy = made.with_suffix(".c")
    copy.write_text(place.numbered(unit.source.read_text(errors="replace"), str(unit.source)), errors="replace")
    return _trouble(_compile(moved_to(unit, copy), made), unit, own)


def by_prelude(unit: Unit, own: Kernel, made: Path, text: prelude.Prelude) -> Optional[reasons.Reason]:
    """Compile @unit with a prelude in front of it. Return why it does not compile, or None."""
    header = made.with_suffix(".h")
    header.write_text(text.text)
    options = [f"-D{text.flags[unit.source]}"] if unit.source in text.flags else []
    return _trouble(_compile(unit, made, *options, "-include", str(header)), unit, own)


def defined_in(name: str, line: int, unit: Unit) -> Optional[Path]:
    """Return the file in which the structure @name is defined in @line, or None."""
    word = re.compile(rf"\b(?:struct|union)\s+{re.escape(name)}\b[^;(){{]*{{")
    for path in (unit.source, *unit.headers):
        lines = _lines(path)
        if line <= len(lines) and name in lines[line - 1] and word.search(" ".join(lines[line - 1:line + 2])):
            return path
    return None


@lru_cache(maxsize=4096)
def _lines(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text(errors="replace").split("\n"))


# Structures of cmwq2 and of the kernel that are the item itself.
ITEMS = re.compile(r"(cmwq2_)?(work_struct|delayed_work|rcu_work|execute_work|work|wq)$")


def changed(unit: Unit, made: Path) -> list[Changed]:
    """Return the structures whose layout in the object @made differs from that in the unit's own object."""
    found: layouts.Layouts = defaultdict(lambda: defaultdict(set))
    layouts.read_file(unit.object, found)
    layouts.read_file(made, found)
    result = []
    for (name, line, _), kinds in found.items():
        if len(kinds) > 1:
            header = defined_in(name, line, unit)
            result.append(Changed(name, header or unit.source, line))
    return result


def needs_names(reason: Optional[reasons.Reason]) -> bool:
    """Return whether a file does not compile because a private header uses a tag as a name."""
    return bool(reason and reason.obscure and "'__attribute__'" in reason.text)


def port(unit: Unit, own: Kernel, work: Path, whole: Optional[prelude.Prelude] = None) -> Outcome:
    """
    Move one file and compile it.

    :param work: a directory for what is made
    :param whole: the prelude of the driver that the file belongs to; without one, the line is tried first if the
        file is a driver of its own, and then a prelude for this file
    """
    made = work / (re.sub(r"\W", "_", str(unit.object.with_suffix(""))) + ".o")
    reason: Optional[reasons.Reason] = None
    text_of = unit.source.read_text(errors="replace")
    if not whole and unit.alone and place.after(text_of) and not place.private_first(text_of):
        reason = by_line(unit, own, made)
        if not reason:
            return Outcome(unit, LINE, None, changed(unit, made))
    text = whole or prelude.make([unit], own, unit.source.name)
    again = by_prelude(unit, own, made, text)
    if again and needs_names(again) and not whole:
        again = by_prelude(unit, own, made, text.with_names())
    if not again:
        return Outcome(unit, PRELUDE, None, changed(unit, made))
    # A reason is better than a message of the compiler, whichever way it was found.
    reason = again if reason is None or reason.obscure or not again.obscure else reason
    return Outcome(unit, OBSCURE if reason.obscure else REFUSED, reason)
