# SPDX-License-Identifier: GPL-2.0
"""Runs the compiler on the files of a driver: for the headers that a file includes, and for what the compiler says."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from porting import units
from porting.units import Unit, Wrong


@dataclass
class Note:
    """A place that the compiler names in addition to that of a message."""

    file: str
    line: int
    text: str


@dataclass
class Message:
    """An error or a warning, and the notes that follow it."""

    file: str
    line: int
    kind: str           # error or warning
    text: str
    shown: str = ""     # the source line that the compiler prints below the message
    notes: list[Note] = field(default_factory=list)


@dataclass(frozen=True)
class Included:
    """A header that was read, as the compiler lists it."""

    depth: int          # 1: included by the source itself, or from the command line
    path: Path


def run(unit: Unit, *options: str) -> tuple[int, str]:
    """Run the compiler on @unit. Return its exit status and what it printed on stderr."""
    try:
        done = units.RUN([*unit.words, *options, str(unit.source)], cwd=unit.cwd, text=True, errors="replace",
                         env={**os.environ, "LC_ALL": "C"}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, check=False)
    except FileNotFoundError:
        raise Wrong(f"{unit.words[0]}: the compiler of this kernel is missing") from None
    return done.returncode, done.stderr


MESSAGE = re.compile(r"(\S.*?):(\d+):(?:(\d+):)? (fatal error|error|warning|note): (.*)$")


def messages(said: str) -> list[Message]:
    """Return the errors and warnings in the compiler's output @said, in order."""
    found: list[Message] = []
    lines = said.splitlines()
    for number, line in enumerate(lines):
        match = MESSAGE.match(line)
        if not match:
            continue
        if match[4] == "note" and found:
            found[-1].notes.append(Note(match[1], int(match[2]), match[5]))
        elif match[4] != "note":
            below = re.match(r" *\d+ \| (.*)", lines[number + 1]) if number + 1 < len(lines) else None
            found.append(Message(match[1], int(match[2]), match[4].split()[-1], match[5], below[1] if below else ""))
    return found


def included(unit: Unit) -> tuple[list[Included], set[Path]]:
    """Return all headers that @unit reads, each time it reads them and in this order, without those of the command
    line; and those of them that have no guard against being read twice. Raises Wrong if the compiler fails."""
    status, said = run(unit, "-E", "-H")
    if status:
        error = next((one.text for one in messages(said)), "the compiler failed")
        raise Wrong(f"{unit.source}: {error}")
    listed, _, unguarded = said.partition("Multiple include guards may be useful for:\n")
    found = [Included(len(dots), (unit.cwd / path).resolve())
             for dots, path in re.findall(r"^(\.+) (.*)$", listed, re.MULTILINE)]
    forced = {(unit.cwd / path).resolve() for word, path in zip(unit.words, unit.words[1:]) if word == "-include"}
    return (without(found, forced),
            {(unit.cwd / path).resolve() for path in unguarded.splitlines() if path and not path.startswith(" ")})


def without(found: Sequence[Included], tops: set[Path]) -> list[Included]:
    """Return @found without the headers @tops where the source itself includes them, and without what these include."""
    kept, skip = [], False
    for one in found:
        if one.depth == 1:
            skip = one.path in tops
        if not skip:
            kept.append(one)
    return kept


def search_path(unit: Unit) -> list[Path]:
    """Return the directories in which @unit's compiler looks for headers in angle brackets."""
    joined = [word[2:] for word in unit.words if word.startswith("-I") and len(word) > 2]
    system = [then for word, then in zip(unit.words, unit.words[1:]) if word in ("-I", "-isystem")]
    return [(unit.cwd / path).resolve() for path in (*joined, *system)]


def spelled(path: Path, places: Sequence[Path]) -> str:
    """Return how a source includes the header @path in angle brackets, if @places are searched for it."""
    for place in places:
        if place in path.parents and place.name != path.name:
            return str(path.relative_to(place))
    return str(path)
