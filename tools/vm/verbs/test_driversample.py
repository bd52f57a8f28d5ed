#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of driversample.py: what fails the row, and the committed list."""

import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory
from build import kernel, source
from verbs import drivers, driversample
from verbs.drivers import port, survey, units

MOVED = survey.Entry("a.c", port.LINE)
REFUSED = survey.Entry("b.c", port.REFUSED, "b.c:1: why")
OBSCURE = survey.Entry("c.c", port.OBSCURE, "c.c:1: what")
SILENT = survey.Entry("d.c", port.PRELUDE, silent="struct s of include/s.h")


class Row(Case):
    def test_judged(self) -> None:
        """A file that moves or has a reason passes. An obscure error, another layout and too few that move fail."""
        for entries, passed, words in (([MOVED] * 4 + [REFUSED], 5, ""), ([MOVED, OBSCURE], 1, "c.c: obscure error"),
                                       ([MOVED, SILENT], 1, "struct s of include/s.h has changed"),
                                       ([MOVED, REFUSED], 1, "only 1 of 2 files move")):
            count, bad = driversample.judge(entries)
            self.assertEqual((count.passed, count.failed), (passed, len(bad)))
            self.assertIn(words, " ".join(bad))

    def test_other_kernels(self) -> None:
        """With a kernel of another series the row is skipped, with the reason. A file that is not there fails."""
        with directory() as home:
            tree = source.Source(home, "7.2.1", False)
            target = kernel.Kernel(kernel.VEHICLES["x86"], home, tree, "7.2.1")
            for version, words in (((7, 2), "drivers-check.list is for Linux 7.3 only"), ((7, 3), "no such file")):
                with mock.patch.object(source, "version_of", lambda tree: version), \
                     mock.patch.object(driversample, "WORK", home / "drivers-check"), \
                     mock.patch.object(driversample, "OUT", home), \
                     mock.patch.object(units, "RUN", units.RUN), \
                     mock.patch.object(units, "kernel", lambda build: units.Kernel(home, home)):
                    row = driversample.row(target)
                self.assertIn(words, row.count.trouble or row.count.reasons[0])
                self.assertEqual(row.failed, version == (7, 3))

    def test_committed_list(self) -> None:
        """The list has 20 files, nearly all of which are in the lists of make drivers."""
        series, names = survey.read_list(driversample.LIST)
        self.assertEqual((series, len(set(names))), ("7.3", 20))
        known = {name for path in (drivers.LIST, drivers.SECOND) for name in survey.read_list(path)[1]}
        self.assertEqual(set(names) - known, {"samples/workqueue/stall_detector/wq_stall.c"})


if __name__ == "__main__":
    unittest.main()
