# SPDX-License-Identifier: GPL-2.0
"""Provides the QEMU that runs the x86 guests: the system's if it is new enough, otherwise one from Debian's backports,
which is unpacked under out/ and not installed."""

import functools
import platform
from pathlib import Path
from typing import Optional

from base.common import CACHE, Problem
from build import packages, program
from build.program import Program

# The plugins holdcount.c and linecount.c use the interface that QEMU has since version 9. No version before 10 was
# tried with them.
KIND = program.Kind("QEMU", "qemu-system-x86_64", "qemu-system-x86", (10,), "--version", r"version (\d+(?:\.\d+)*)")
# The releases of Debian whose own QEMU is older, and the suite with a newer one.
BACKPORTS = {"bookworm": "bookworm-backports"}
HOME = CACHE / "qemu"
RELEASE = Path("/etc/os-release")
# Where the packages have libraries and the files that the machine boots with.
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
FIRMWARE = ("usr/share/qemu", "usr/share/seabios")


def codename() -> str:
    """Return the name of the Debian release that this system is, or ''."""
    try:
        fields = dict(line.split("=", 1) for line in RELEASE.read_text().splitlines() if "=" in line)
    except OSError:
        return ""
    return fields.get("VERSION_CODENAME", "").strip('"') if fields.get("ID", "").strip('"') == "debian" else ""


@functools.cache
def provide() -> Program:
    """Return a QEMU that is new enough. It is fetched or installed now if there is none."""
    found = KIND.systems()
    if found and found.new_enough:
        return found
    suite = BACKPORTS.get(codename())
    if suite and platform.machine() == "x86_64":
        return program.from_debian(KIND, suite, HOME, unpacked, functools.partial(_fetch, suite))
    if not found:
        packages.require("x86")
        found = KIND.systems()
    if found and found.new_enough:
        return found
    raise Problem(f"{KIND.program} is {found}, but the x86 guests need {KIND.needed} or newer, which is fetched only "
                  f"on Debian {', '.join(BACKPORTS)} for amd64; install QEMU {KIND.needed} as {KIND.program} in PATH"
                  if found else f"{KIND.program} is missing; install QEMU {KIND.needed} or newer")


def unpacked(home: Path) -> Optional[Program]:
    """Return the QEMU whose packages were unpacked in @home, or None if it is not there or does not run."""
    libraries = ":".join(str(home / name) for name in LIBRARIES)
    return KIND.unpacked(home, ("env", f"LD_LIBRARY_PATH={libraries}"),
                         tuple(word for name in FIRMWARE for word in ("-L", str(home / name))))


def _fetch(suite: str) -> None:
    program.fetch_into(HOME, KIND, (suite.split("-", maxsplit=1)[0], suite), "13 MB, on a bare system 40 MB",
                       f"QEMU {KIND.needed} for the x86 guests")
