# SPDX-License-Identifier: GPL-2.0
"""The kernel source: Debian's newest of the series, or the user's own tree."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from apt import Archive, unpack
from common import CACHE, Problem, Progress, lock, need_space, output_of

SERIES = "7.3"
# Where Debian may have it, the order does not matter: the highest version wins.
SUITES = ("trixie-backports", "sid", "experimental")


@dataclass(frozen=True)
class Source:
    """A kernel tree."""

    tree: Path
    name: str       # a version, or what tells one user tree from another
    mine: bool      # given by the user: may change under us, so what was built from it is not trusted


def given() -> str:
    """The user's own tree, or ''."""
    return os.environ.get("KERNEL_SRC", "")


def provide() -> Source:
    """The tree to build from."""
    return _users(Path(given())) if given() else _debian()


def _users(tree: Path) -> Source:
    tree = tree.expanduser().resolve()
    if not (tree / "Kbuild").is_file() or not (tree / "scripts/Kconfig.include").is_file():
        raise Problem(f"KERNEL_SRC={tree} is no Linux source tree (no scripts/Kconfig.include in it)")
    if (tree / ".config").exists() or (tree / "include/config").exists():
        raise Problem(f"KERNEL_SRC={tree} has been built in; it must be clean to build beside it: make mrproper there")
    return Source(tree, "mine" + str(tree).replace("/", "-"), True)


def version_of(tree: Path) -> str:
    """The kernel version a tree says it is."""
    text = (tree / "Makefile").read_text()
    parts = [re.search(rf"^{key} = *(.*)$", text, re.MULTILINE) for key in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
    return ".".join(part[1] for part in parts if part)


def _debian() -> Source:
    home = CACHE / "source"
    with lock("source"):
        # Looked up once: a newer upload must not rebuild every kernel under somebody who works.
        ready = sorted(home.glob(f"{SERIES}*/Kbuild"))
        if not ready:
            _fetch(home)
            ready = sorted(home.glob(f"{SERIES}*/Kbuild"))
    tree = ready[-1].parent
    return Source(tree, tree.name, False)


def _fetch(home: Path) -> None:
    need_space(home, 3)
    package = f"linux-source-{SERIES}"
    archive = Archive("source", *SUITES)
    progress = Progress(f"kernel source {package} from {', '.join(SUITES)} (170 MB)")
    version = archive.newest(package)
    if not version:
        raise Problem(f"none of Debian's {', '.join(SUITES)} has {package}")
    work = home / "partial"
    shutil.rmtree(work, ignore_errors=True)
    deb = archive.download(package, version, work)
    unpack(deb, work / "deb")
    output_of(["tar", "-C", work, "-xf", work / f"deb/usr/src/{package}.tar.xz"])
    # The rename is the last step: a tree under its final name is whole.
    os.rename(work / package, home / version.split(":")[-1])
    shutil.rmtree(work)
    progress.finish(f"{version} ready")
