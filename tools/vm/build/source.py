# SPDX-License-Identifier: GPL-2.0
"""Provides the kernel source: Debian's newest of a series, or the user's own tree."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from base.common import CACHE, Problem, Progress, lock, need_space, output_of
from build.apt import Archive, unpack

# The Debian suites that may have each series. The order does not matter, because the highest version wins.
SERIES = {
    "6.1": ("bookworm",),
    "6.12": ("trixie",),
    "7.2": ("trixie-backports",),
    "7.3": ("trixie-backports", "sid", "experimental"),
}
# The series that cmwq2 is a twin of. Every verb uses it unless told otherwise.
NEWEST = "7.3"


@dataclass(frozen=True)
class Source:
    """A kernel tree."""

    tree: Path
    name: str       # a version, or a name made from the path of the user's tree
    mine: bool      # given by the user; it may change at any time, so earlier builds from it are not trusted


def given() -> str:
    """Return the path of the user's own tree, or ''."""
    return os.environ.get("KERNEL_SRC", "")


def series() -> str:
    """Return the series that the user asks for by KERNEL=, or the newest."""
    name = os.environ.get("KERNEL") or NEWEST
    if name not in SERIES:
        raise Problem(f"KERNEL={name} is not known; allowed: {', '.join(SERIES)}")
    if name != NEWEST and given():
        raise Problem(f"KERNEL={name} and KERNEL_SRC={given()} cannot be combined, as the tree has a version")
    return name


def check() -> None:
    """Raise Problem if KERNEL= or KERNEL_SRC= has a value that nothing can be built from. This downloads nothing."""
    series()
    if given():
        _users(Path(given()))


def provide() -> Source:
    """Return the tree to build from."""
    return _users(Path(given())) if given() else debian(series())


def _users(tree: Path) -> Source:
    tree = tree.expanduser().resolve()
    if not (tree / "Kbuild").is_file() or not (tree / "scripts/Kconfig.include").is_file():
        raise Problem(f"KERNEL_SRC={tree} is not a Linux source tree, because it has no scripts/Kconfig.include")
    if (tree / ".config").exists() or (tree / "include/config").exists():
        raise Problem(f"KERNEL_SRC={tree} contains a build, but must be clean; run make mrproper there")
    return Source(tree, "mine" + str(tree).replace("/", "-"), True)


def version_of(tree: Path) -> tuple:
    """Return the version in a tree's Makefile as a tuple of numbers, which can be compared."""
    text = (tree / "Makefile").read_text()
    parts = [re.search(rf"^{key} = *(\d+)$", text, re.MULTILINE) for key in ("VERSION", "PATCHLEVEL")]
    return tuple(int(part[1]) for part in parts if part)


def debian(name: str) -> Source:
    """Return Debian's newest source of series @name. It is downloaded once."""
    home = CACHE / "source"
    # Without the dot, 7.3 would also match 7.30.
    pattern = f"{name}.*/Kbuild"
    with lock("source"):
        # Debian is asked only once: a newer upload must not rebuild every kernel while somebody works with them.
        ready = sorted(home.glob(pattern))
        if not ready:
            _fetch(name, home)
            ready = sorted(home.glob(pattern))
    tree = ready[-1].parent
    return Source(tree, tree.name, False)


def _fetch(name: str, home: Path) -> None:
    need_space(home, 3)
    package, suites = f"linux-source-{name}", SERIES[name]
    archive = Archive("source" if name == NEWEST else f"source-{name}", *suites)
    with Progress(f"kernel source {package} from {', '.join(suites)} (170 MB)") as progress:
        version = archive.newest(package)
        if not version:
            raise Problem(f"none of Debian's {', '.join(suites)} has {package}")
        work = home / "partial"
        shutil.rmtree(work, ignore_errors=True)
        deb = archive.download(package, version, work)
        unpack(work / "deb", deb)
        output_of(["tar", "-C", work, "-xf", work / f"deb/usr/src/{package}.tar.xz"])
        # The rename is the last step, so a tree with its final name is complete.
        os.rename(work / package, home / version.split(":")[-1])
        shutil.rmtree(work)
        progress.finish(f"{version} ready")
