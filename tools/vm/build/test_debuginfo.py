#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of debuginfo.py: what is taken from a package with debug info."""

import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory
from build import debuginfo


@unittest.skipUnless(shutil.which("dpkg-deb"), "there is no dpkg-deb")
class Package(Case):
    def packed(self, home: Path, files: dict) -> Path:
        """Return a package with @files, whose content is "->" and a path for a link."""
        tree = home / "tree"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN/control").write_text("Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\n"
                                             "Description: x\n")
        for name, content in files.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith("->"):
                path.symlink_to(content[2:])
            else:
                path.write_text(content)
        deb = home / "x.deb"
        subprocess.run(["dpkg-deb", "-b", tree, deb], check=True, capture_output=True)
        return deb

    def test_only_the_kernel(self) -> None:
        """Only the kernel is unpacked, and a link to it is not taken for it."""
        with directory() as home:
            deb = self.packed(home, {"usr/lib/debug/boot/vmlinux-7.2": "->../lib/modules/7.2/vmlinux",
                                     "usr/lib/debug/lib/modules/7.2/vmlinux": "kernel",
                                     "usr/lib/debug/lib/modules/7.2/kernel/a.ko": "driver"})
            debuginfo._unpack(deb, home / "root")
            self.assertEqual(debuginfo._found(home).read_text(), "kernel")
            self.assertEqual([path for path in home.glob("root/**/*.ko")], [])

    def test_no_kernel(self) -> None:
        """A package without one is refused."""
        with directory() as home:
            deb = self.packed(home, {"usr/share/doc/x": "text"})
            self.refused(lambda: debuginfo._unpack(deb, home / "root"), "vmlinux")


if __name__ == "__main__":
    unittest.main()
