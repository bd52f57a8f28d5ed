# SPDX-License-Identifier: GPL-2.0
"""Provides the QEMU that runs the guests: the system's if it is new enough, otherwise one from Debian's backports,
which is unpacked under out/ and not installed."""

import functools
import platform
from pathlib import Path
from typing import Optional

from base.common import CACHE, Problem
from build import packages, program
from build.program import Program

# The plugins holdcount.c and linecount.c use the interface that QEMU has since version 9. No version before 10 was
# tried with them, nor with guests of arm64.
OLDEST = (10,)
VERSION = ("--version", r"version (\d+(?:\.\d+)*)")
KIND = program.Kind("QEMU", "qemu-system-x86_64", "qemu-system-x86", OLDEST, *VERSION)
ARM64 = program.Kind("QEMU for arm64", "qemu-system-aarch64", "qemu-system-arm", OLDEST, *VERSION)
# For each ARCH= of a kernel: the program that runs it, the group of packages.py, and what is fetched if need be.
PROGRAMS = {"x86_64": (KIND, "x86", "13 MB, on a bare system 40 MB"),
            "arm64": (ARM64, "arm64", "17 MB, on a bare system 40 MB")}
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
def provide(arch: str = "x86_64") -> Program:
    """Return a QEMU that is new enough and runs kernels for @arch. It is fetched or installed now if there is none."""
    kind, group, size = PROGRAMS[arch]
    found = kind.systems()
    if found and found.new_enough:
        return found
    suite = BACKPORTS.get(codename())
    if suite and platform.machine() == "x86_64":
        home = HOME if kind is KIND else HOME.with_name(f"{HOME.name}-{arch}")
        return program.from_debian(kind, suite, home, functools.partial(unpacked, kind=kind),
                                   functools.partial(_fetch, kind, suite, home, size))
    if not found:
        packages.require(group)
        found = kind.systems()
    if found and found.new_enough:
        return found
    raise Problem(f"{kind.program} is {found}, but the {arch} guests need {kind.needed} or newer, which is fetched "
                  f"only on Debian {', '.join(BACKPORTS)} for amd64; install QEMU {kind.needed} as {kind.program} in "
                  "PATH"
                  if found else f"{kind.program} is missing; install QEMU {kind.needed} or newer")


def unpacked(home: Path, kind: program.Kind = KIND) -> Optional[Program]:
    """Return the QEMU whose packages were unpacked in @home, or None if it is not there or does not run."""
    libraries = ":".join(str(home / name) for name in LIBRARIES)
    return kind.unpacked(home, ("env", f"LD_LIBRARY_PATH={libraries}"),
                         tuple(word for name in FIRMWARE for word in ("-L", str(home / name))))


def _fetch(kind: program.Kind, suite: str, home: Path, size: str) -> None:
    program.fetch_into(home, kind, (suite.split("-", maxsplit=1)[0], suite), size,
                       f"{kind.name} {kind.needed} for the guests")
