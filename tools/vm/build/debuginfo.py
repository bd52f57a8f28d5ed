# SPDX-License-Identifier: GPL-2.0
"""Gets the debug info of Debian's own kernels, which is in packages of their own (linux-image-RELEASE-dbg)."""

import shutil
from pathlib import Path

from base.common import Problem, Progress, output_of, shown
from build import apt

# GiB that the package and the vmlinux take while the latter is unpacked.
SPACE = 2.5


def vmlinux(series: str, archive: apt.Archive, release: str) -> Path:
    """Return the vmlinux with debug info of Debian's kernel @release, which is of @series and in @archive. It is
    downloaded only once."""
    package = f"linux-image-{release}-dbg"

    def make(home: Path) -> str:
        with Progress(f"{package} (1 GB)") as progress:
            deb = archive.download(package, archive.newest(package), home / "deb")
            _unpack(deb, home / "root")
            _found(home).rename(home / "vmlinux")
            for name in ("root", "deb"):
                shutil.rmtree(home / name)
            progress.finish("its vmlinux is ready")
        return ""
    return apt.made_once(f"dbg-{series}", package, SPACE, make)[0] / "vmlinux"


def _unpack(deb: Path, into: Path) -> None:
    """Unpack only the files vmlinux of the package @deb. The debug info of all drivers would take 7 GB more."""
    into.mkdir()
    output_of(["sh", "-c", 'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards "*/vmlinux*"', "sh", deb, into])


def _found(home: Path) -> Path:
    found = [path for path in (home / "root").rglob("vmlinux*") if path.is_file() and not path.is_symlink()]
    if not found:
        raise Problem(f"{shown(home)}: the package has no vmlinux in it")
    return found[0]
