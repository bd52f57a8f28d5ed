# SPDX-License-Identifier: GPL-2.0
"""What qemu.py and herd.py have in common: a program of the system or, where the system's is too old or missing, one
from packages of Debian, which are unpacked under out/ and not installed."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from base.common import Problem, Progress, lock, need_space, output_of
from build import packages
from build.apt import Archive, unpack

# GiB that the packages and what is unpacked take.
SPACE = 0.5


@dataclass(frozen=True)
class Kind:
    """A program that is looked for. It prints its version for @flag, where @pattern finds it."""

    name: str           # what people call it
    program: str
    package: str
    oldest: tuple       # the oldest version that will do, as numbers
    flag: str
    pattern: str

    @property
    def needed(self) -> str:
        """The oldest version that will do, as text."""
        return _dotted(self.oldest)

    def version_of(self, text: str) -> tuple:
        """Return the version in @text, which is what the program prints, as numbers."""
        found = re.search(self.pattern, text)
        if not found:
            raise Problem(f"{self.program} {self.flag} does not print a version, but: {text.strip().splitlines()[:1]}")
        return tuple(int(number) for number in found[1].split("."))

    def systems(self) -> Optional["Program"]:
        """Return the program that is installed, or None."""
        return self._asked((self.program,)) if shutil.which(self.program) else None

    def _asked(self, command: tuple, more: tuple = ()) -> "Program":
        return Program(self, (*command, *more), self.version_of(output_of([*command, self.flag])))

    def unpacked(self, home: Path, before: tuple, more: tuple) -> Optional["Program"]:
        """Return the program whose packages were unpacked in @home, or None if it is not there or does not run: a
        library that the system had when the packages were fetched may be gone. @before and @more: words of the command
        before and after the program. It is asked for its version without the latter."""
        path = home / "usr/bin" / self.program
        if not path.is_file():
            return None
        try:
            return self._asked((*before, str(path)), more)
        except Problem:
            return None


@dataclass(frozen=True)
class Program:
    """A program that can be run."""

    kind: Kind
    command: tuple      # the program, and what it needs to run from where it is
    version: tuple      # numbers, which can be compared

    @property
    def new_enough(self) -> bool:
        """Whether this version will do."""
        return self.version >= self.kind.oldest

    def __str__(self) -> str:
        return f"{self.kind.name} {_dotted(self.version)}"


def _dotted(version: tuple) -> str:
    return ".".join(map(str, version))


def from_debian(kind: Kind, suite: str, home: Path, unpacked: Callable[[Path], Optional[Program]],
                fetch: Callable[[], None]) -> Program:
    """Return the program that @unpacked finds in @home, after @fetch if it does not find one that is new enough. Raises
    Problem if @fetch did not help."""
    with lock(home.name, home.parent):
        found = unpacked(home)
        if not found or not found.new_enough:
            fetch()
            found = unpacked(home)
    if not found or not found.new_enough:
        raise Problem(f"{kind.package} of {suite}, unpacked in {home}, is {found or 'not a program that runs here'}")
    return found


def fetch_into(home: Path, kind: Kind, suites: tuple, size: str, without: str, everything: bool = False,
               trim: Optional[Callable[[Path], None]] = None) -> None:
    """
    Fetch the package of @kind, with those that it needs, and unpack them in @home.

    :param suites: suites of Debian, of which the last one has the package
    :param size: how much is fetched, for the progress line
    :param without: what is missing if this fails, for the message
    :param everything: as for Archive.with_needs()
    :param trim: removes from a directory with what was unpacked what is not needed
    """
    packages.require("source")
    need_space(home.parent, SPACE)
    archive = Archive(home.name, *suites)
    with Progress(f"{kind.package} from {suites[-1]} ({size})") as progress:
        try:
            debs = archive.with_needs(kind.package, suites[-1], everything=everything)
        except Problem as problem:
            raise Problem(f"no {without}, and {problem}") from None
        work = home.with_name(f"{home.name}.partial")
        unpack(work, *debs)
        if trim:
            trim(work)
        # The rename is the last step, so a program in the final place is complete.
        shutil.rmtree(home, ignore_errors=True)
        os.rename(work, home)
        archive.forget()
        progress.finish(f"{len(debs)} packages unpacked")
