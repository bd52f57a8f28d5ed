# SPDX-License-Identifier: GPL-2.0
"""Provides herd7, which runs the litmus tests: the system's if it is new enough, otherwise Debian's, which is unpacked
under out/ and not installed."""

import functools
import platform
import shutil
from pathlib import Path
from typing import Optional

from base.common import CACHE, Problem
from build import program
from build.program import Program

# 7.58 is what the memory model of Linux 7.3 asks for, see its README.
KIND = program.Kind("herd7", "herd7", "herdtools7", (7, 58), "-version", r"^(\d+(?:\.\d+)*)")
# Debian's only suite that has the package. Its C library is newer than that of any release, so the package comes with a
# C library of its own.
SUITE = "sid"
HOME = CACHE / "herd"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADER = f"{LIBRARIES}/ld-linux-x86-64.so.2"
MODELS = "usr/share/herdtools7/herd"


@functools.cache
def provide() -> Program:
    """Return a herd7 that is new enough. It is fetched now if there is none."""
    found = KIND.systems()
    if found and found.new_enough:
        return found
    if platform.machine() != "x86_64" or not shutil.which("apt-get"):
        raise Problem(f"{found or f'{KIND.program} is missing'}; install {KIND.package} {KIND.needed} or newer, which "
                      "is fetched only on Debian for amd64")
    return program.from_debian(KIND, SUITE, HOME, unpacked, _fetch)


def unpacked(home: Path) -> Optional[Program]:
    """Return the herd7 whose packages were unpacked in @home, or None if it is not there or does not run."""
    return KIND.unpacked(home, (str(home / LOADER), "--library-path", str(home / LIBRARIES)),
                         ("-set-libdir", str(home / MODELS)))


def _fetch() -> None:
    program.fetch_into(HOME, KIND, (SUITE,), "43 MB", f"{KIND.program} for the litmus tests", everything=True,
                       trim=_trim)


def _trim(work: Path) -> None:
    """Remove the package's 60 other programs, which take 230 MB."""
    for path in (work / "usr/bin").iterdir():
        if path.name != KIND.program:
            path.unlink()
