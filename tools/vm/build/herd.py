# SPDX-License-Identifier: GPL-2.0
"""Provides herd7, which runs the litmus tests: the system's if it is new enough, otherwise Debian's, which is unpacked
under out/ and not installed."""

import functools
import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from base.common import CACHE, Problem, Progress, lock, need_space, output_of
from build import packages
from build.apt import Archive, unpack

PROGRAM = "herd7"
PACKAGE = "herdtools7"
# What the memory model of Linux 7.3 asks for, see its README.
OLDEST = (7, 58)
# Debian's only suite that has the package. Its C library is newer than that of any release, so the package comes with a
# C library of its own.
SUITE = "sid"
HOME = CACHE / "herd"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADER = f"{LIBRARIES}/ld-linux-x86-64.so.2"
MODELS = "usr/share/herdtools7/herd"


@dataclass(frozen=True)
class Herd:
    """A herd7 that can be run."""

    command: tuple      # the program, and what it needs to run from where it is
    version: tuple      # numbers, which can be compared

    @property
    def new_enough(self) -> bool:
        """Whether it can read the kernel's memory model."""
        return self.version >= OLDEST

    def __str__(self) -> str:
        return f"{PROGRAM} {'.'.join(map(str, self.version))}"


def version_of(text: str) -> tuple:
    """Return the version in @text, which is what herd7 prints for -version, as numbers."""
    found = re.match(r"(\d+(?:\.\d+)*)", text)
    if not found:
        raise Problem(f"{PROGRAM} -version does not print a version, but: {text.strip().splitlines()[:1]}")
    return tuple(int(number) for number in found[1].split("."))


@functools.cache
def provide() -> Herd:
    """Return a herd7 that is new enough. It is fetched now if there is none."""
    found = _systems()
    if found and found.new_enough:
        return found
    if platform.machine() != "x86_64" or not shutil.which("apt-get"):
        needed = ".".join(map(str, OLDEST))
        raise Problem(f"{found or f'{PROGRAM} is missing'}; install {PACKAGE} {needed} or newer, which is fetched only "
                      "on Debian for amd64")
    with lock("herd", HOME.parent):
        found = unpacked(HOME)
        if not found or not found.new_enough:
            _fetch()
            found = unpacked(HOME)
    if not found or not found.new_enough:
        raise Problem(f"{PACKAGE} of {SUITE}, unpacked in {HOME}, is {found or 'not a program that runs here'}")
    return found


def _systems() -> Optional[Herd]:
    """Return the herd7 that is installed, or None."""
    return Herd((PROGRAM,), version_of(output_of([PROGRAM, "-version"]))) if shutil.which(PROGRAM) else None


def unpacked(home: Path) -> Optional[Herd]:
    """Return the herd7 whose packages were unpacked in @home, or None if it is not there or does not run."""
    program = home / "usr/bin" / PROGRAM
    if not program.is_file():
        return None
    command = (str(home / LOADER), "--library-path", str(home / LIBRARIES), str(program))
    try:
        version = version_of(output_of([*command, "-version"]))
    except Problem:
        return None
    return Herd((*command, "-set-libdir", str(home / MODELS)), version)


def _fetch() -> None:
    """Fetch herd7's package with all that it needs, and unpack them in HOME."""
    packages.require("source")
    need_space(CACHE, 0.5)
    archive = Archive("herd", SUITE)
    with Progress(f"{PACKAGE} from {SUITE} (43 MB)") as progress:
        try:
            debs = archive.with_needs(PACKAGE, SUITE, everything=True)
        except Problem as problem:
            raise Problem(f"no {PROGRAM} for the litmus tests, and {problem}") from None
        work = HOME.with_name(f"{HOME.name}.partial")
        unpack(work, *debs)
        # The package has 60 more programs, which take 230 MB.
        for path in (work / "usr/bin").iterdir():
            if path.name != PROGRAM:
                path.unlink()
        # The rename is the last step, so a herd7 in the final place is complete.
        shutil.rmtree(HOME, ignore_errors=True)
        os.rename(work, HOME)
        archive.forget()
        progress.finish(f"{len(debs)} packages unpacked")
