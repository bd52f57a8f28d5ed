#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of what `make modules` refuses, which need no kernel."""

import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from build import modules      # noqa: E402
from base.common import Problem      # noqa: E402


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
                                 ("CONFIG_UML=y\n", "um")):
            self.check(configured, arch)

    def test_refused(self) -> None:
        for configured, arch, words in (
                ("CONFIG_ARM64=y\n", "", "a kernel for arm64, .* allowed: um, x86_64$"),
                ("CONFIG_ARM64=y\n", "arm64", "a kernel for arm64"),
                ("CONFIG_X86_32=y\n", "", "for x86_32"), ("", "", "for another architecture"),
                ("CONFIG_X86_64=y\n", "arm64", "^ARCH=arm64: .*a kernel for x86_64; allowed: x86_64,"),
                ("CONFIG_UML=y\n", "x86_64", "^ARCH=x86_64: .*a kernel for um")):
            with self.assertRaisesRegex(Problem, words) as caught:
                self.check(configured, arch)
            self.assertNotIn("\n", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
