# SPDX-License-Identifier: GPL-2.0
"""Provides the QEMU that runs the x86 guests: the system's if it is new enough, otherwise one from Debian's backports,
which is unpacked under out/ and not installed."""

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

PROGRAM = "qemu-system-x86_64"
PACKAGE = "qemu-system-x86"
# The plugin that counts instructions with a lock held, holdcount.c, uses the interface of QEMU 9 and later.
OLDEST = (10,)
# The releases of Debian whose own QEMU is older, and the suite with a newer one.
BACKPORTS = {"bookworm": "bookworm-backports"}
HOME = CACHE / "qemu"
RELEASE = Path("/etc/os-release")
# Where the packages have libraries and the files that the machine boots with.
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
FIRMWARE = ("usr/share/qemu", "usr/share/seabios")


@dataclass(frozen=True)
class Qemu:
    """A QEMU that can be run."""

    command: tuple      # the program, and what it needs to run from where it is
    version: tuple      # numbers, which can be compared

    @property
    def new_enough(self) -> bool:
        """Whether it is the oldest version that the plugin was tried with, or a newer one."""
        return self.version >= OLDEST

    def __str__(self) -> str:
        return f"QEMU {'.'.join(map(str, self.version))}"


def version_of(text: str) -> tuple:
    """Return the version in @text, which is what QEMU prints for --version, as numbers."""
    found = re.search(r"version (\d+(?:\.\d+)*)", text)
    if not found:
        raise Problem(f"{PROGRAM} --version does not print a version, but: {text.strip().splitlines()[:1]}")
    return tuple(int(number) for number in found[1].split("."))


def codename() -> str:
    """Return the name of the Debian release that this system is, or ''."""
    try:
        fields = dict(line.split("=", 1) for line in RELEASE.read_text().splitlines() if "=" in line)
    except OSError:
        return ""
    return fields.get("VERSION_CODENAME", "").strip('"') if fields.get("ID", "").strip('"') == "debian" else ""


@functools.cache
def provide() -> Qemu:
    """Return a QEMU that is new enough. It is fetched or installed now if there is none."""
    found = _systems()
    if found and found.new_enough:
        return found
    suite = BACKPORTS.get(codename())
    if suite and platform.machine() == "x86_64":
        return _backport(suite)
    if not found:
        packages.require("x86")
        found = _systems()
    if found and found.new_enough:
        return found
    needed = ".".join(map(str, OLDEST))
    raise Problem(f"{PROGRAM} is {found}, but the x86 guests need {needed} or newer, which is fetched only on Debian "
                  f"{', '.join(BACKPORTS)} for amd64; install QEMU {needed} as {PROGRAM} in PATH" if found else
                  f"{PROGRAM} is missing; install QEMU {needed} or newer")


def _systems() -> Optional[Qemu]:
    """Return the QEMU that is installed, or None."""
    return Qemu((PROGRAM,), version_of(output_of([PROGRAM, "--version"]))) if shutil.which(PROGRAM) else None


def unpacked(home: Path) -> Optional[Qemu]:
    """Return the QEMU whose packages were unpacked in @home, or None if it is not there or does not run: a library that
    the system had when the packages were fetched may be gone."""
    program = home / "usr/bin" / PROGRAM
    if not program.is_file():
        return None
    libraries = ":".join(str(home / name) for name in LIBRARIES)
    command = ["env", f"LD_LIBRARY_PATH={libraries}", str(program)]
    try:
        version = version_of(output_of([*command, "--version"]))
    except Problem:
        return None
    return Qemu((*command, *(word for name in FIRMWARE for word in ("-L", str(home / name)))), version)


def _backport(suite: str) -> Qemu:
    with lock("qemu", HOME.parent):
        found = unpacked(HOME)
        if not found or not found.new_enough:
            _fetch(suite)
            found = unpacked(HOME)
    if not found or not found.new_enough:
        raise Problem(f"{PACKAGE} of {suite}, unpacked in {HOME}, is {found or 'not a program that runs here'}")
    return found


def _fetch(suite: str) -> None:
    """Fetch QEMU's packages from @suite, with those that they need and this system lacks, and unpack them in HOME."""
    packages.require("source")
    need_space(CACHE, 0.5)
    archive = Archive("qemu", suite.split("-", maxsplit=1)[0], suite)
    with Progress(f"{PACKAGE} from {suite} (13 MB, on a bare system 40 MB)") as progress:
        try:
            debs = archive.with_needs(PACKAGE, suite)
        except Problem as problem:
            raise Problem(f"no QEMU {'.'.join(map(str, OLDEST))} for the x86 guests, and {problem}") from None
        work = HOME.with_name(f"{HOME.name}.partial")
        unpack(work, *debs)
        # The rename is the last step, so a QEMU in the final place is complete.
        shutil.rmtree(HOME, ignore_errors=True)
        os.rename(work, HOME)
        archive.forget()
        progress.finish(f"{len(debs)} packages unpacked")
