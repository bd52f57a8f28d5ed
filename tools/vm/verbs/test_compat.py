#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of compat.py: which kernel of Debian is taken, and how one of another architecture is built for."""

import platform
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory
from build import apt
from verbs import compat

NAMES = [f"linux-{kind}-6.12.{number}+deb13-{flavour}" for kind in ("headers", "image") for number in (9, 117)
         for flavour in ("amd64", "arm64", "rt-arm64", "cloud-arm64")] + ["linux-headers-6.12.200+deb13-arm64"]


class Releases(Case):
    def test_newest(self) -> None:
        """The newest release is taken that has both packages. Kernels for special machines do not count."""
        for architecture in ("amd64", "arm64"):
            archive = mock.Mock(architecture=architecture, suites=("trixie",))
            archive.names.return_value = [name for name in NAMES if name.endswith(architecture)]
            self.assertEqual(compat.newest_release(archive, "6.12"), f"6.12.117+deb13-{architecture}")
            archive.names.return_value = []
            self.refused(lambda: compat.newest_release(archive, "6.12"), "trixie", "no kernel 6.12")


class Foreign(Case):
    def test_names(self) -> None:
        """Only a kernel of another architecture than this machine's has the architecture in its name."""
        names = [which.name for which in (*compat.DISTRIBUTIONS, compat.ON_ARM64)]
        self.assertEqual(len(set(names)), len(names))
        if platform.machine() == "x86_64":
            self.assertEqual(names[0], compat.DISTRIBUTIONS[0].series)

    def test_headers(self) -> None:
        """The programs are those of this machine, and only the headers are of the other architecture."""
        bootstrapped: list = []

        def unpack(into: Path, deb: Path) -> None:
            (into / "usr/src" / deb.name).mkdir(parents=True)
            (into / "usr/src" / deb.name / "scripts").symlink_to("../../lib/linux-kbuild/scripts")

        def bootstrap(archive: apt.Archive, root: Path, _variant: str, packages: str) -> None:
            bootstrapped.append((archive.architecture, packages))
            (root / "usr/src/common").mkdir(parents=True)
        archive = mock.Mock(architecture="arm64")
        archive.name = "compat-6.12-arm64"
        archive.download.side_effect = lambda package, version, into: into / package
        release = "6.12.117+deb13-arm64"
        with directory() as home, mock.patch.object(apt, "unpack", unpack), \
                mock.patch.object(apt.Archive, "bootstrap", bootstrap):
            compat._headers(compat.ON_ARM64, archive, home, f"make,{compat._programs(release, 'arm64')}", release)
            found = home / "root/usr/src"
            self.assertEqual(sorted(path.name for path in found.iterdir()), ["common", f"linux-headers-{release}"])
            self.assertEqual((found / f"linux-headers-{release}/scripts").is_symlink(), True)
        self.assertEqual(bootstrapped, [
            ("amd64", "make,linux-headers-6.12.117+deb13-common,linux-kbuild-6.12.117+deb13")])


if __name__ == "__main__":
    unittest.main()
