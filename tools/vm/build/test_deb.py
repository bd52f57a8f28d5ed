#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of deb.py without a chroot: what the packages are built of, and their version."""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory, environment
from build import deb


class Copy(Case):
    def test_copy(self) -> None:
        """The copy has one version in all of its files, nothing that was built, and no test."""
        with directory() as home, environment(SOURCE_DATE_EPOCH="86400"):
            work = home / "cmwq2"
            deb._copy(work, "7.8.9")
            changelog = (work / "debian/changelog").read_text()
            self.assertRegex(changelog, r"\Acmwq2 \(7\.8\.9\) unstable; urgency=medium\n")
            self.assertTrue(changelog.endswith("Fri, 02 Jan 1970 00:00:00 -0000\n"), changelog)
            self.assertIn('CMWQ2_VERSION\t"7.8.9"', (work / "include/cmwq2/version.h").read_text())
            for name in ("Kbuild", "src/main.c", "src/Kbuild", "bench/Kbuild", "tools/setup.py", "tools/package.py",
                         "tools/packaging/dkms.conf", "Documentation/install.rst"):
                self.assertTrue((work / name).is_file(), name)
            names = [str(path.relative_to(work)) for path in work.rglob("*")]
            unwanted = re.compile(r"\.k?o$|/test_|^kunit|^tools/vm|debian/debian")
            self.assertEqual([name for name in names if unwanted.search(name)], [])

    def test_dkms(self) -> None:
        """dkms.conf names the modules that Kbuild makes, where it makes them."""
        text = (deb.PACKAGING / "dkms.conf").read_text()
        names = re.findall(r'^BUILT_MODULE_NAME\[\d\]="(.*)"$', text, re.M)
        places = re.findall(r'^BUILT_MODULE_LOCATION\[\d\]="(.*)"$', text, re.M)
        for name, place in zip(names, places):
            self.assertIn(f"obj-m := {name}.o", (deb.ROOT / place / "Kbuild").read_text())
        self.assertEqual((names, places), (["cmwq2", "cmwq2_bench"], ["src", "bench"]))

    def test_kernels(self) -> None:
        """DKMS builds for the kernels that cmwq2 supports, and skips older ones."""
        pattern = re.findall(r'^BUILD_EXCLUSIVE_KERNEL="(.*)"$', (deb.PACKAGING / "dkms.conf").read_text(), re.M)[0]
        for release in ("6.1.0-50-amd64", "6.12.117+deb13-amd64", "7.2.12+deb13-amd64", "7.3.4", "10.0"):
            self.assertTrue(re.search(pattern, release), release)
        for release in ("5.10.0-30-amd64", "6.0.12", "4.19", "5.6.1"):
            self.assertFalse(re.search(pattern, release), release)


if __name__ == "__main__":
    unittest.main()
