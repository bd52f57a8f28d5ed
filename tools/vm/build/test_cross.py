#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of cross.py: which compiler builds a kernel, and where the busybox of its guests comes from."""

import platform
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory, environment
from build import apt, cross, packages

INTEL, ARM = (mock.patch.object(platform, "machine", return_value=name) for name in ("x86_64", "aarch64"))


class Compilers(Case):
    def test_whose(self) -> None:
        """Only an architecture that is not this machine's own needs a compiler of another name."""
        with environment(CROSS_COMPILE=""), INTEL:
            self.assertEqual([cross.compiler(arch) for arch in ("x86_64", "um", "arm64")],
                             ["gcc", "gcc", "aarch64-linux-gnu-gcc"])
            self.assertEqual(cross.options("x86_64"), ["ARCH=x86_64"])
            self.assertEqual(cross.options("arm64"), ["ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"])
        with environment(CROSS_COMPILE=""), ARM:
            self.assertEqual(cross.options("arm64"), ["ARCH=arm64"])
            self.assertEqual(cross.compiler("arm64"), "gcc")

    def test_users_own(self) -> None:
        """The user may have another one. If it does not exist, nothing is installed in its place."""
        with directory() as home, INTEL, environment(CROSS_COMPILE="mine-", PATH=str(home)), \
                mock.patch.object(packages, "require", side_effect=AssertionError):
            self.assertEqual(cross.options("arm64")[-1], "CROSS_COMPILE=mine-")
            self.refused(lambda: cross.require("arm64"), "CROSS_COMPILE=mine-", "mine-gcc", "aarch64-linux-gnu-")
            cross.require("x86_64")
            (home / "mine-gcc").touch(0o755)
            cross.require("arm64")

    def test_installed(self) -> None:
        """The compiler is installed if it is missing."""
        with directory() as home, INTEL, environment(CROSS_COMPILE="", PATH=str(home)), \
                mock.patch.object(packages, "require") as require:
            cross.require("arm64")
            require.assert_called_once_with("cross-arm64")


class Busybox(Case):
    def test_fetched(self) -> None:
        """That of another architecture is fetched once, for that architecture."""
        asked: list = []

        def unpack(into: Path, deb: Path) -> None:
            asked.append(deb)
            (into / "usr/bin").mkdir(parents=True)
            (into / "usr/bin/busybox").touch()

        def download(archive: apt.Archive, package: str, version: str, into: Path) -> Path:
            return Path(f"{package}_{version}_{archive.architecture}.deb")
        cross.busybox.cache_clear()
        with directory() as home, INTEL, mock.patch.object(cross, "CACHE", home), \
                mock.patch.object(cross, "unpack", unpack), mock.patch.object(apt.Archive, "download", download), \
                mock.patch.object(packages, "require"), mock.patch.object(cross, "need_space"), \
                mock.patch.object(apt.Archive, "newest", return_value="1.37") as newest:
            self.assertEqual(cross.busybox("x86_64"), cross.BUSYBOX)
            for _ in range(2):
                self.assertEqual(cross.busybox("arm64"), home / "busybox-arm64/usr/bin/busybox")
                cross.busybox.cache_clear()
            self.assertEqual(asked, [Path("busybox-static_1.37_arm64.deb")])
            (home / "busybox-arm64/usr/bin/busybox").unlink()
            newest.return_value = ""
            self.refused(lambda: cross.busybox("arm64"), "trixie", "no busybox-static", "arm64")
        cross.busybox.cache_clear()


if __name__ == "__main__":
    unittest.main()
