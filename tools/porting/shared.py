# SPDX-License-Identifier: GPL-2.0
"""Finds the other files of the kernel's tree that include a driver's header. If a move changes the layout of a
structure in that header, they have to move as well."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from porting.units import Kernel

# Headers of the kernel itself, which are the most, are left out.
INCLUDE = re.compile(rb'#[ \t]*include[ \t]+["<](?!linux/|asm/|net/)([^">\n]+)[">]')
MAKEFILES = ("Kbuild", "Makefile")
# A line of a makefile with the objects of a module, or with modules.
MAKES = re.compile(r"^[ \t]*([\w.-]+?)-(?:y|m|objs|\$[({]\w+[)}])[ \t]*[:+]?=(.*)$", re.MULTILINE)


@cache
def _searched(directory: str) -> frozenset:
    """Return the last names of the directories that the makefile in @directory has searched for headers."""
    names: set[str] = set()
    for path in (Path(directory) / name for name in MAKEFILES):
        if path.is_file():
            options = re.findall(r"-I\s*(\S+)", path.read_text(errors="replace"))
            names.update(option.rstrip("/").rpartition("/")[2] for option in options)
    return frozenset(names)


@cache
def _built(directory: str) -> dict[str, set[str]]:
    """Return the modules that the makefile in @directory makes of an object, by the object's path as it is written
    there."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in (Path(directory) / name for name in MAKEFILES):
        text = path.read_text(errors="replace").replace("\\\n", " ") if path.is_file() else ""
        for name, words in MAKES.findall(text):
            for word in re.findall(r"([\w./-]+)\.o\b", words):
                found[word].add(re.sub(r"\W", "_", word.rpartition("/")[2] if name == "obj" else name))
    return found


def modules_of(source: Path) -> set[str]:
    """Return the names of the modules that @source is built into, as far as the makefiles in its directory and above it
    say so. A module of several files is listed under obj, too, but it is no source."""
    for directory in list(source.parents)[:4]:
        found = _built(str(directory)).get(str(source.relative_to(directory).with_suffix("")))
        if found:
            return found
    return set()


class Includers:
    """Which files include which private header, in some directories of the kernel's tree."""

    def __init__(self, own: Kernel, tops: Iterable[str]) -> None:
        """Read the include lines of all sources and headers below the directories @tops of the tree."""
        named: list[tuple[str, str]] = []
        files: set[str] = set()
        for top in tops:
            for folder, _, names in os.walk(own.tree / top):
                for path in (f"{folder}/{name}" for name in names if name.endswith((".c", ".h"))):
                    files.add(path)
                    named += [(path, found.decode(errors="replace"))
                              for found in INCLUDE.findall(Path(path).read_bytes())]
        # Who includes a header in or near the own directory, by its path, and who includes another one, by its name.
        self._near: dict[str, set[str]] = defaultdict(set)
        self._elsewhere: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self._known: dict[Path, set[Path]] = {}
        for path, spelled in named:
            near = os.path.normpath(f"{os.path.dirname(path)}/{spelled}")
            if near in files:
                self._near[near].add(path)
            else:
                self._elsewhere[spelled.rpartition("/")[2]].add((path, spelled))

    def _directly(self, header: str) -> set[str]:
        """Return the files that include @header: from near, or from a directory that their makefile names."""
        found = set(self._near[header])
        for path, spelled in self._elsewhere[os.path.basename(header)]:
            tail = f"/{spelled.lstrip('./')}"
            if header.endswith(tail):
                place = os.path.basename(header[:-len(tail)])
                if place in _searched(os.path.dirname(path)):
                    found.add(path)
        return found

    def of(self, header: Path) -> set[Path]:
        """Return the source files that include @header, directly or through another header."""
        if header not in self._known:
            reached = [str(header)]
            for each in reached:        # the list grows during the walk
                reached += self._directly(each) - set(reached) if each.endswith(".h") else []
            self._known[header] = {Path(path) for path in reached if path.endswith(".c")}
        return self._known[header]


def tops(own: Kernel, paths: Iterable[Path]) -> list[str]:
    """Return the top directories of the tree in which @paths are."""
    return sorted({path.relative_to(own.tree).parts[0] for path in paths if own.tree in path.parents})
