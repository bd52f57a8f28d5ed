# SPDX-License-Identifier: GPL-2.0
"""Writes the guest's file system: busybox, the modules and one job. This module writes the cpio archive itself, so that
the device node in it needs neither root nor a tool."""

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from base.common import HERE, ROOT, Problem, output_of
from build import cross

GUEST = HERE / "guest"
# The directories over which guest/init mounts something. Everything else, including /tmp, is on the memory file system
# that the archive is unpacked to.
MOUNTED = ("/proc", "/sys", "/dev")


class Archive:
    """A cpio archive in the "newc" format, which the kernel can unpack."""

    def __init__(self) -> None:
        self._parts: list = []
        self._directories: set = set()
        self._inode = 0

    def _entry(self, name: str, mode: int, data: bytes = b"", device: tuple = (0, 0)) -> None:
        self._inode += 1
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        for part in (head, data):
            self._parts.append(part + b"\0" * (-len(part) % 4))

    def directory(self, name: str) -> None:
        """Add the directory @name and its parents."""
        if name in self._directories or name in ("", "."):
            return
        self.directory(str(Path(name).parent))
        self._directories.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """Add a file with content @data."""
        self.directory(str(Path(name).parent))
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self.directory(str(Path(name).parent))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, name: str, major: int, minor: int) -> None:
        """Add a node of a character device."""
        self.directory(str(Path(name).parent))
        self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def write(self, path: Path) -> None:
        """Write the whole archive to @path."""
        self._entry("TRAILER!!!", 0)
        with open(path, "wb") as file:
            file.writelines(self._parts)


def settings_text(settings: Mapping[str, object]) -> str:
    """Return @settings as assignments in sh."""
    lines = []
    for name, value in settings.items():
        quoted = str(value).replace("'", "'\\''")
        lines.append(f"{name}='{quoted}'\n")
    return "".join(lines)


def _stripped(module: Path, arch: str, scratch: Path) -> bytes:
    """Return @module, which is for @arch, without DWARF, which is most of it. insmod reads the whole file, and drgn
    uses the original."""
    output_of([f"{cross.prefix(arch)}strip", "-g", "-o", scratch, module])
    data = scratch.read_bytes()
    scratch.unlink()
    return data


def write(path: Path, job: str, modules: Iterable[Path], settings: Mapping[str, object],
          files: Mapping[str, Path], arch: str = "x86_64") -> None:
    """Write the initramfs that runs guest/job-@job.sh on a kernel for @arch. It has @modules in /modules, among which
    may be programs, and @files by their paths in the guest."""
    archive = Archive()
    for name in ("proc", "sys", "dev", "tmp", "run", "root"):
        archive.directory(name)
    # The kernel opens the console for /init, before /init can mount devtmpfs.
    archive.character_device("dev/console", 5, 1)
    archive.file("bin/busybox", cross.busybox(arch).read_bytes(), 0o755)
    # busybox's shell runs the other applets without links. Hundreds of links would double the boot time of the debug
    # kernel.
    archive.link("bin/sh", "busybox")
    archive.file("init", (GUEST / "init").read_bytes(), 0o755)
    for library in ("lib.sh", "bench.sh", "drivers.sh"):
        archive.file(f"harness/{library}", (GUEST / library).read_bytes())
    archive.file("harness/job", (GUEST / f"job-{job}.sh").read_bytes())
    for suite in sorted((GUEST / "suites").glob("*.sh")):
        archive.file(f"harness/suites/{suite.name}", suite.read_bytes())
    archive.file("harness/settings", settings_text({"JOB": job, **settings}).encode())
    archive.file("harness/monitoring.rst", (ROOT / "Documentation/monitoring.rst").read_bytes())
    archive.file("harness/corpus", (ROOT / "kunit/fuzz/corpus").read_bytes())
    archive.directory("modules")
    for module in modules:
        if module.suffix == ".ko":
            archive.file(f"modules/{module.name}", _stripped(module, arch, path.with_suffix(".ko")))
        else:
            archive.file(f"modules/{module.name}", module.read_bytes(), 0o755)
    for name, origin in files.items():
        if name.startswith(tuple(f"{top}/" for top in MOUNTED)):
            raise Problem(f"{name}: the guest would not see this file, because it mounts something else there")
        archive.file(name.lstrip("/"), origin.read_bytes(), origin.stat().st_mode & 0o777)
    archive.write(path)
