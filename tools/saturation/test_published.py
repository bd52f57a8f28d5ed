#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of published.py: the committed figures, and files that are wrong."""

import re
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import cli
from saturation import published


class Published(unittest.TestCase):
    def refused(self, text: str, *why: str) -> None:
        """Check that a file with @text is refused with its name and @why."""
        with tempfile.TemporaryDirectory() as home:
            path = Path(home) / "wrong.toml"
            path.write_text(text, encoding="utf-8")
            with self.assertRaises(cli.Error) as raised:
                published.read(path)
        for each in (str(path), *why):
            self.assertIn(each, str(raised.exception))
        self.assertNotIn("\n", str(raised.exception))

    def test_committed(self) -> None:
        """The committed file has four machines, each with a row to fit and others to predict, and every source."""
        known = published.read()
        self.assertEqual([machine.name for machine in known.machines], ["vm", "grace", "8321hc", "9d64"])
        for machine in known.machines:
            scopes = [row.scope for row in known.of_machine(machine)]
            self.assertIn("cache", scopes)
            self.assertIn("cpu", scopes)
        for table in known.tables:
            self.assertRegex(table.date, r"^2026-0\d-\d\d$")
            self.assertTrue(table.list and table.message and table.author)
        for row in known.rows:
            self.assertLessEqual(row.low or row.rate, row.rate)
            self.assertGreaterEqual(row.high or row.rate, row.rate)

    def test_explained(self) -> None:
        """The head of the file explains every field, and nothing else."""
        head = published.FILE.read_text(encoding="utf-8").partition("\n\n[[")[0]
        found = re.findall(r"^#   (\w+(?:, \w+)*)  ", head, re.MULTILINE)
        named = {name for names in found for name in names.split(", ")}
        kinds = (published.Machine, published.Table, published.Row)
        self.assertEqual(named, {name for kind in kinds for name in kind.__dataclass_fields__})

    def test_wrong_files(self) -> None:
        """A file that is wrong is refused in one line with what is allowed."""
        good = published.FILE.read_text(encoding="utf-8")
        self.refused("=", "line 1")
        self.refused("", "no [[machine]]")
        self.refused("bogus = 1\n" + good, "bogus", "allowed: machine, table, row, left_out")
        for old, new, *why in (
                ("cpus = 8\n", "cpus = 0\n", "cpus = 0", "a number above 0"),
                ("cpus = 8\n", 'cpus = "8"\n', "cpus = '8'", "a number above 0"),
                ("cpus = 8\n", "cpu = 8\n", "cpu is not known", "caches"),
                ("cpus = 8\n", "", "'cpus'"),
                ('machine = "vm"', 'machine = "vn"', "machine = 'vn'", "allowed: vm, grace"),
                ("producers = 8\n", "producers = 9\n", "producers = 9", "8 CPUs"),
                ('wake = "locked"', 'wake = "late"', "wake = 'late'", "locked, deferred"),
                ("pools = 8\n", "pools = 9\n", "pools = 9", "8 producers"),
                ('scope = "smt"', 'scope = "cpu"', "row vm v2, cpu exists twice"),
                ('table = "vm v2"', 'table = "vm v9"', "table = 'vm v9'", "vm v2"),
                ("gain = -1.2", 'gain = "-1.2"', "gain = '-1.2'", "a number")):
            self.assertIn(old, good)
            self.refused(good.replace(old, new, 1), *why)
        with self.assertRaises(cli.Error):
            published.read(Path("/nonexistent"))


if __name__ == "__main__":
    unittest.main()
