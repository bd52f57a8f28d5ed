#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of tracers.py: the commands that monitoring.rst documents."""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import HERE, ROOT
from base.testing import Case
from looks import tracers


class Documented(Case):
    def test_documented_lines(self) -> None:
        """Each documented command for the tracepoints is run by a test, which checks more than that the command
        ended."""
        text = (ROOT / "Documentation/monitoring.rst").read_text()
        blocks = re.split(r"^\.\. run: (\S+)$", text[text.index("\nTracepoints\n"):], flags=re.MULTILINE)
        self.assertFalse("\n    # " in blocks[0])
        for name, block in zip(blocks[1::2], blocks[2::2]):
            self.assertEqual((name, len(re.findall(r"^::$", block, re.MULTILINE)), "\n    # " in block),
                             (name, 1, True))
        suite = (HERE / "guest/suites/cmwq2_latency_files.sh").read_text()
        others = set(re.findall(r"\b(?:as_documented|one_liner) ([a-z-]+)", suite))
        self.assertEqual(set(blocks[1::2]), set(tracers.LINES) | others)
        self.assertEqual([name for name in tracers.LINES if not tracers.problems(name, "")], ["hist-off"])
        self.assertEqual(tracers.problems("perf-stat", "  1,203  cmwq2:cmwq2_kick\n   7 cmwq2:cmwq2_wake\n"), [])
        self.assertEqual(len(tracers.problems("perf-stat", "  1,203  cmwq2:cmwq2_kick\n   0 cmwq2:cmwq2_wake\n")), 1)


if __name__ == "__main__":
    unittest.main()
