#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of ktap.py: the results of KUnit."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case
from machines import ktap


class Counts(Case):
    def test_skipped_cases(self) -> None:
        """Each reason for a skipped case is reported once, and only for cases that were skipped."""
        self.assertEqual(ktap.reasons_of("    ok 1 a # SKIP no CPU\n        ok 2 b # SKIP no CPU\nok 3 c\n# SKIP d\n"),
                         ["no CPU"])

    def test_failed_checks(self) -> None:
        """What a failed check printed is reported on one line, with the case and the place in the source."""
        text = ("    ok 1 good\n    # bad: EXPECTATION FAILED at ./kunit/lib/verdict.h:36\n    Expected a == b, but\n"
                "        a == 1\n\nin:\n  some text\n    # bad: ASSERTION FAILED at kunit/suites/x.c:7\n    timed out\n"
                "    not ok 2 bad\n    ok 3 fine\n")
        self.assertEqual(ktap.checks_of(text), ["bad, verdict.h:36: Expected a == b, but a == 1 in: some text",
                                                "bad, x.c:7: timed out"])
        self.assertEqual(ktap.checks_of("    # t: line 3: a 7 is above b 5\n    not ok 1 t\n    # y: x\n    ok 2 y\n"),
                         ["t: line 3: a 7 is above b 5"])
        self.assertEqual(ktap.checks_of("    ok 1 good\n# Totals: pass:1\n"), [])

    def test_named_with_its_case(self) -> None:
        """A parameter's failure is reported with the name of its case, because "cmwq2" alone says nothing."""
        def case(name: str, status: str) -> dict:
            return {"name": name, "status": status}
        count = ktap.Count()
        ktap.walk({"name": "suite", "test_cases": [case("plain", "FAIL"), case("", "FAIL")], "sub_groups": [
            {"name": "runs_once", "test_cases": [case("native", "PASS"), case("cmwq2", "FAIL")],
             "sub_groups": []}]}, count)
        self.assertEqual(count.passed, 1)
        self.assertEqual(count.failures, ["plain", "(a case that did not report)", "runs_once(cmwq2)"])


if __name__ == "__main__":
    unittest.main()
