# SPDX-License-Identifier: GPL-2.0
"""What a vehicle of another architecture than this machine's needs: a compiler that makes its code, and programs of
Debian that run in its guests."""

import functools
import os
import platform
import shutil
from pathlib import Path

from base.common import CACHE, Problem, lock, need_space
from build import packages
from build.apt import Archive, unpack

# For each ARCH= of the kernel that may not be this machine's: what `uname -m` prints there, how the names of its
# compiler and linker begin, and Debian's name of it.
FOREIGN = {"arm64": ("aarch64", "aarch64-linux-gnu-", "arm64")}
# The Debian release that programs of the guests are from. They are linked statically, so any release will do.
SUITE = "trixie"
BUSYBOX = Path("/bin/busybox")
UNPACKED = Path("bin/busybox"), Path("usr/bin/busybox")


def is_foreign(arch: str) -> bool:
    """Return whether a kernel for ARCH=@arch runs only on another kind of machine than this one."""
    return arch in FOREIGN and platform.machine() != FOREIGN[arch][0]


def debian(arch: str) -> str:
    """Return Debian's name of the architecture whose kernels are built with ARCH=@arch."""
    return FOREIGN[arch][2] if arch in FOREIGN else "amd64"


def prefix(arch: str) -> str:
    """Return the prefix in the names of the tools that make code for @arch, or '' for this machine's own tools."""
    if not is_foreign(arch):
        return ""
    return os.environ.get("CROSS_COMPILE") or FOREIGN[arch][1]


def options(arch: str) -> list:
    """Return make's options for building a kernel or a module for @arch."""
    return [f"ARCH={arch}", *([f"CROSS_COMPILE={prefix(arch)}"] if is_foreign(arch) else [])]


def compiler(arch: str) -> str:
    """Return the compiler that builds a kernel for @arch unless another one is asked for."""
    return f"{prefix(arch)}gcc"


def require(arch: str) -> None:
    """Install the compiler for @arch if it is missing. Raises Problem if that is not possible."""
    if is_foreign(arch) and not shutil.which(compiler(arch)):
        if os.environ.get("CROSS_COMPILE"):
            raise Problem(f"CROSS_COMPILE={prefix(arch)}: there is no {compiler(arch)} in PATH; allowed: how the name "
                          f"of a compiler for {arch} begins, or nothing for {FOREIGN[arch][1]}")
        packages.require(f"cross-{arch}")


@functools.cache
def busybox(arch: str) -> Path:
    """Return busybox for guests of @arch, without dynamic libraries. It is installed now, or fetched from Debian and
    unpacked under out/ if it is that of another architecture."""
    if not is_foreign(arch):
        packages.require("guest")
        return BUSYBOX
    home = CACHE / f"busybox-{arch}"
    with lock(home.name):
        if not _unpacked(home):
            _fetch(arch, home)
        found = _unpacked(home)
    if not found:
        raise Problem(f"busybox-static of {SUITE} for {arch} has none of {', '.join(map(str, UNPACKED))}")
    return found[0]


def _unpacked(home: Path) -> list:
    return [home / name for name in UNPACKED if (home / name).is_file()]


def _fetch(arch: str, home: Path) -> None:
    packages.require("source")
    need_space(CACHE, 0.1)
    archive = Archive(home.name, SUITE, architecture=debian(arch))
    version = archive.newest("busybox-static")
    if not version:
        raise Problem(f"Debian's {SUITE} has no busybox-static for {arch}")
    work = home.with_name(f"{home.name}.partial")
    unpack(work, archive.download("busybox-static", version, archive.home / "cache"))
    # The rename is the last step, so a program in the final place is complete.
    shutil.rmtree(home, ignore_errors=True)
    os.rename(work, home)
