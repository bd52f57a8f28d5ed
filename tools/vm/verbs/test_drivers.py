#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of drivers.py: run it by its path."""

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import EXIT_FAILED, EXIT_PASSED, Problem
from base.testing import environment
from build import allmod, packages, source
from verbs import drivers

sys.path.append(str(Path(__file__).resolve().parents[3]))
import blocks
from porting import interfaces, port, survey, units

NAMES = ("files", "whole-drivers", "second-list")
DOCUMENT = "\n".join([*(blocks.block(name, "make drivers", "old") for name in NAMES), "end\n"])
MOVED = survey.Entry("fs/x/x.c", port.LINE)
REFUSED = survey.Entry("fs/x/y.c", port.REFUSED, "fs/x/y.c:1: why")
OBSCURE = survey.Entry("fs/x/z.c", port.OBSCURE, "fs/x/z.c:1: what")


class Verb(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.home = Path(temporary.name)
        (self.home / "drivers.rst").write_text(DOCUMENT)
        (self.home / "list").write_text("# Linux 7.3.4\nfs/x/x.c\n")
        self.said: list[str] = []
        tree = source.Source(self.home, "7.3.4", False)
        for where, name, value in (
                (drivers, "DOCUMENT", self.home / "drivers.rst"), (drivers, "RESULTS", self.home / "out"),
                (drivers, "LIST", self.home / "list"), (drivers, "say", self.said.append),
                (drivers, "TABLES", {self.home / "list": NAMES[:2], self.home / "second": NAMES[2:]}),
                (source, "provide", lambda: tree), (source, "version_of", lambda tree: (7, 3)),
                (packages, "require", mock.Mock()), (allmod, "provide", lambda tree: self.home),
                (units, "kernel", mock.Mock()), (units, "RUN", units.RUN)):
            patch = mock.patch.object(where, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def run_with(self, entries, write=False, list_of="list"):
        whole = [survey.Whole("fs/x/", 2, 1, ("fs/x/y.c:1: why",))] if list_of == "list" else []
        result = drivers.Result(entries, whole)
        with mock.patch.object(drivers, "_result", lambda names, own: result):
            return drivers.drivers(self.home / list_of, write)

    def test_tables_are_kept(self):
        """The tables in the document are compared, and replaced by WRITE=1."""
        self.assertEqual(self.run_with([MOVED]), EXIT_FAILED)
        self.assertIn("make drivers WRITE=1 renews them", self.said[-1])
        self.assertEqual((self.home / "drivers.rst").read_text(), DOCUMENT)
        self.assertEqual(self.run_with([MOVED], write=True), EXIT_PASSED)
        self.assertEqual(self.run_with([MOVED]), EXIT_PASSED)
        self.assertRegex((self.home / "drivers.rst").read_text(),
                         r"(?s)files +1 +1 +100\n.*fs/x/ +2 +1 +no\n\n\.\. whole-drivers: to here\n.*    old\n.*end\n$")

    def test_second_list(self):
        """The second list has a table of its own. The other tables stay as they are."""
        (self.home / "second").write_text("# Linux 7.3.4\nfs/x/x.c\n")
        self.assertEqual(self.run_with([MOVED], list_of="second"), EXIT_FAILED)
        self.assertRegex(self.said[-1], "make drivers LIST=.*second WRITE=1 renews them")
        self.assertEqual(self.run_with([MOVED], True, "second"), EXIT_PASSED)
        self.assertEqual(self.run_with([MOVED], list_of="second"), EXIT_PASSED)
        text = (self.home / "drivers.rst").read_text()
        self.assertEqual(text.count("    old\n"), 2)
        self.assertRegex(text, r"(?s)second-list: from here written by make drivers LIST=\S+second WRITE=1\n"
                         r".* +1 +1 +100\n")

    def test_failures(self):
        """An obscure error fails, and so do too few files that move. Then no table is written."""
        for entries, words in (([MOVED, OBSCURE], "says nothing: fs/x/z.c:1: what"),
                               ([MOVED, REFUSED], "only 1 of 2 files move")):
            self.assertEqual(self.run_with(entries, write=True), EXIT_FAILED)
            self.assertIn(words, self.said[-1])
        self.assertEqual((self.home / "drivers.rst").read_text(), DOCUMENT)

    def test_interfaces(self):
        """An interface of the kernel that the document does not have fails."""
        header = self.home / "include/linux/x.h"
        header.parent.mkdir(parents=True)
        header.write_text("int x_queue(struct work_struct *work);\n")
        interfaces.find.cache_clear()
        self.addCleanup(interfaces.find.cache_clear)
        self.assertEqual(self.run_with([MOVED], write=True), EXIT_FAILED)
        self.assertIn("does not say what a driver does with x_queue", self.said[-1])

    def test_left_out(self):
        """A file that does not compile as it is fails, too, after the others were moved."""
        result = drivers.Result([MOVED], [], ["fs/x/w.c: it does not compile as it is: w.c:1: error"])
        with mock.patch.object(drivers, "_result", lambda names, own: result):
            self.assertEqual(drivers.drivers(self.home / "list", True), EXIT_FAILED)
        self.assertIn("LEFT OUT  fs/x/w.c: it does not compile as it is: w.c:1: error", self.said)
        self.assertIn("1 files were left out: fs/x/w.c: it does not", self.said[-1])

    def test_report(self):
        """The report has a line for each file, and each reason."""
        self.run_with([MOVED, REFUSED])
        text = (self.home / "out/report.txt").read_text()
        self.assertRegex(text, r"moved +fs/x/x\.c\nrefused +fs/x/y\.c  fs/x/y\.c:1: why\n"
                         r"fs/x/  2  1  no\n    fs/x/y\.c:1: why\n$")
        self.assertIn("REFUSED  fs/x/y.c:1: why", self.said)

    def test_another_list(self):
        """Another list is not compared with the document. It has to exist, and to be for this kernel."""
        (self.home / "other").write_text("# Linux 7.3\nfs/x/x.c\n")
        self.assertEqual(self.run_with([MOVED], list_of="other"), EXIT_PASSED)
        (self.home / "other").write_text("# Linux 7.2\nfs/x/x.c\n")
        with self.assertRaisesRegex(Problem, "other is for Linux 7.2, not for 7.3.4"):
            self.run_with([MOVED], list_of="other")
        (self.home / "other").write_text("fs/x/x.c\n")
        with self.assertRaisesRegex(Problem, "the first line names no kernel"):
            self.run_with([MOVED], list_of="other")
        with environment(LIST="/none"), self.assertRaisesRegex(Problem, "LIST=/none: no such file; allowed: "):
            drivers.given()
        with environment(LIST=""):
            self.assertEqual(drivers.given(), drivers.LIST)

    def test_committed_list(self):
        """The committed list has enough files, each once."""
        for name in ("drivers.list", "drivers-1907.list"):
            path = Path(__file__).resolve().parents[2] / "shim" / name
            series, names = survey.read_list(path)
            self.assertEqual((series, len(names)), ("7.3", len(set(names))))
            self.assertGreaterEqual(len(names), 120)


if __name__ == "__main__":
    unittest.main()
