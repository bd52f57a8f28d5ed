#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of results.py: the lines at the end of a run."""

import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import WIDTH
from base.testing import Case, quiet
from machines import ktap, results


class Ends(Case):
    def test_how_long_it_took(self) -> None:
        """The summary lists all vehicles with their boots and longest suites, in lines of a readable width."""
        rows = [results.Row("uml", f"cmwq2_{'x' * number}", ktap.Count(passed=1), number) for number in range(30)]
        total = results.Total([*rows, results.Row("host", "style", ktap.Count(passed=1), 100)], False, [("uml", 500.0)])
        (uml, host) = results.times(total)
        self.assertEqual(uml[:4], ("uml", "1", "8 min 20 s", "7 min 15 s"))
        self.assertTrue(uml[4].startswith(f"{rows[29].suite} 29 s, {rows[28].suite} 28 s"))
        self.assertEqual(host, ("host", "0", "1 min 40 s", "1 min 40 s", "style 100 s"))
        said = quiet(lambda: results.finish(total, time.monotonic()))
        self.assertTrue(max(map(len, said.splitlines())) <= WIDTH)


if __name__ == "__main__":
    unittest.main()
