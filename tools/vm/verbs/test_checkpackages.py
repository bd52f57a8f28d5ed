#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of checkpackages.py: that what a package leaves behind is noticed."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory
from verbs import checkpackages, compat


class Left(Case):
    def test_left(self) -> None:
        """Each path that a package leaves, loses or changes is named, and what the package manager keeps is not."""
        with directory() as root:
            for name in ("etc/a", "usr/b", "var/lib/dpkg/status", "var/log/apt"):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(name)
            (root / "link").symlink_to("usr/b")
            before = checkpackages.snapshot(root)
            self.assertEqual(checkpackages.left(before, checkpackages.snapshot(root)), [])
            (root / "var/lib/dpkg/status").write_text("more")
            self.assertEqual(checkpackages.left(before, checkpackages.snapshot(root)), [])
            (root / "usr/b").chmod(0o600)
            (root / "etc/a").unlink()
            (root / "etc/modules").mkdir()
            (root / "link").unlink()
            (root / "link").symlink_to("etc/a")
            self.assertEqual(checkpackages.left(before, checkpackages.snapshot(root)),
                             ["lost: /etc/a", "left: /etc/modules", "changed: /link", "changed: /usr/b"])

    def test_series(self) -> None:
        """A series without a Debian system is refused before anything is built."""
        self.refused(lambda: checkpackages.check("7.3"), "KERNEL=7.3", *(each.series for each in compat.DISTRIBUTIONS))


if __name__ == "__main__":
    unittest.main()
