#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of modules.py: what `make modules` refuses, and the copies of the sources that it builds."""

import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import Problem
from base.testing import Case, directory
from build import modules, packages


class Kdir(unittest.TestCase):
    """A build tree that has only the files from which its architecture is read."""

    def check(self, configured: str, arch: str = "") -> None:
        with tempfile.TemporaryDirectory() as name:
            kdir = Path(name)
            (kdir / "include/config").mkdir(parents=True)
            (kdir / "Makefile").touch()
            (kdir / "include/config/auto.conf").write_text(configured)
            with mock.patch.dict(os.environ, {"ARCH": arch}):
                modules.check_kdir(kdir)

    def test_supported(self) -> None:
        for configured, arch in (("CONFIG_X86_64=y\n", ""), ("CONFIG_X86_64=y\n", "x86_64"),
                                 ("CONFIG_X86_64=y\n", "x86"), ("CONFIG_UML=y\nCONFIG_X86_64=y\n", ""),
                                 ("CONFIG_UML=y\n", "um"), ("CONFIG_ARM64=y\n", ""), ("CONFIG_ARM64=y\n", "arm64")):
            self.check(configured, arch)

    def test_refused(self) -> None:
        for configured, arch, words in (
                ("CONFIG_RISCV=y\n", "", "a kernel for riscv, .* allowed: um, x86_64, arm64$"),
                ("CONFIG_RISCV=y\n", "riscv", "a kernel for riscv"),
                ("CONFIG_X86_32=y\n", "", "for x86_32"), ("", "", "for another architecture"),
                ("CONFIG_X86_64=y\n", "arm64", "^ARCH=arm64: .*a kernel for x86_64; allowed: x86_64,"),
                ("CONFIG_UML=y\n", "x86_64", "^ARCH=x86_64: .*a kernel for um")):
            with self.assertRaisesRegex(Problem, words) as caught:
                self.check(configured, arch)
            self.assertNotIn("\n", str(caught.exception))


class Copies(Case):
    def test_mirrored_sources(self) -> None:
        """Changed files are copied, unchanged ones are left alone, copies of removed files are removed, objects
        stay."""
        with directory() as home:
            origin, copy = home / "src", home / "copy"
            origin.mkdir()
            (origin / "a.c").write_text("1")
            (origin / "b.c").write_text("1")
            modules.mirror([(origin, "src")], copy)
            stamp = (copy / "src/a.c").stat().st_mtime_ns
            (copy / "src/a.o").write_text("object")
            (copy / "src/b.ko").write_text("object")
            (origin / "b.c").unlink()
            modules.mirror([(origin, "src")], copy)
            self.assertEqual((copy / "src/a.c").stat().st_mtime_ns, stamp)
            self.assertEqual(sorted(path.name for path in (copy / "src").iterdir()), ["a.c", "a.o"])

    def test_moved_tree(self) -> None:
        """Objects and commands that were made in another place are made again. A build that makes no module is an
        error."""
        with directory() as home:
            work, moved = home / "work", home / "moved"
            modules.for_this_kernel(work, home)
            (work / "a.o").write_text("")
            modules.for_this_kernel(work, home)
            self.assertEqual((work / "a.o").exists(), True)
            work.rename(moved)
            modules.for_this_kernel(moved, home)
            self.assertEqual((moved / "a.o").exists(), False)
            self.refused(lambda: modules.made(moved, home / "log"), "there is no module", "log")
            (moved / "a.ko").write_text("")
            self.assertEqual(modules.made(moved, home / "log"), [moved / "a.ko"])
            venv, other = home / "venv", home / "venv2"
            venv.mkdir()
            (venv / "ready").write_text(packages.standing(venv, "x==1"))
            self.assertEqual((packages.stands(venv, "x==1"), packages.stands(venv, "x==2")), (True, False))
            venv.rename(other)
            self.assertFalse(packages.stands(other, "x==1"))


if __name__ == "__main__":
    unittest.main()
