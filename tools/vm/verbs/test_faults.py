#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of faults.py: the table of faults, and what counts as caught."""

import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import EXIT_FAILED, EXIT_LOST, EXIT_PASSED, ROOT
from base.testing import Case
from build import faulty
from machines import ktap, results, verdict
from verbs import faults


class Faults(Case):
    def test_table_of_faults(self) -> None:
        """Every fault of the engine has tests that exist, and the table has no other faults."""
        known = {"one": "what", "two": "more"}
        there, used = faults.Catcher("cmwq2_flush"), {"one", "two"}
        faults.check_table({"one": there, "two": there}, known, used)
        for two, words in (("cmwq2_flash", "two: there is no cmwq2_flash"),
                           ("cmwq2_flush.x", "there is no cmwq2_flush.x")):
            self.refused(lambda: faults.check_table({"one": there, "two": faults.Catcher(two)}, known, used), words)
        self.refused(lambda: faults.check_table({"one": there}, known, used), "two has no suite")
        self.refused(lambda: faults.check_table({"one": there, "two": there, "three": there}, known, used),
                     "three is not in")
        self.refused(lambda: faults.check_table({"one": there, "two": there}, known, {"one", "two", "four"}),
                     "four is not in")
        self.refused(lambda: faults.check_table({"one": there, "two": there}, known, {"one"}), "two has no patch")
        self.refused(lambda: faults.check_table({"one": faults.Catcher("cmwq2_flush", "arm")}, known, used), "VM=arm")
        faults.check_table(faults.CAUGHT_BY, faulty.listed(), faults.sites())
        self.assertEqual(list(faults.chosen("cull_from_head")), ["cull_from_head"])
        self.refused(lambda: faults.chosen("no_such_fault"), "FAULT=no_such_fault", "allowed", "cull_from_head")

    def test_faults_apply(self) -> None:
        """Every patch applies to the engine as it is. One that does not is named."""
        with faulty.engine() as engine:
            text = "".join(path.read_text() for path in engine.rglob("*.[ch]"))
            for name in faulty.listed():
                self.assertIn(f'CMWQ2_FAULT("{name}")', text)
        with tempfile.TemporaryDirectory() as directory:
            shutil.copytree(ROOT / "src", Path(directory) / "src")
            (Path(directory) / "src/core/idle.c").write_text("int nothing;\n")
            self.refused(lambda: faulty.put_in(Path(directory)), "cull_from_head.patch does not apply", "harness.rst")

    def test_caught_faults(self) -> None:
        """A fault counts as caught only if a suite ran and failed, and not if anything else went wrong."""
        well, broken = verdict.Outcome(EXIT_PASSED, ""), verdict.Outcome(EXIT_FAILED, "hang: a, ended after 9 s")

        def noticed(outcome: verdict.Outcome, began: bool = True, console: str = "", **count: object) -> tuple:
            row = results.Row("uml", "a", ktap.Count(**count))       # type: ignore
            return faults.noticed(outcome, [row], began, console)
        self.assertEqual(noticed(well, passed=1), (False, "not caught"))
        self.assertEqual(noticed(well, skipped=1), (False, "not caught; a was skipped"))
        self.assertEqual(noticed(well, trouble="has no result"), (False, "not caught; a has no result"))
        self.assertEqual(noticed(well, trouble="zero tests"), (False, "not caught; a zero tests"))
        for outcome in (verdict.Outcome(EXIT_FAILED, "insmod cmwq2 fault=b failed: Invalid argument"),
                        verdict.Outcome(EXIT_LOST, "without a verdict")):
            self.assertFalse(noticed(outcome, failed=1, failures=["b"])[0])
        self.assertFalse(noticed(broken, began=False)[0])
        self.assertEqual(noticed(well, passed=1, failed=1, failures=["b"]), (True, "a.b"))
        self.assertTrue(noticed(verdict.Outcome(EXIT_FAILED, "panic: BUG! (x)"), trouble="did not end: x")[0])
        self.assertEqual(noticed(verdict.Outcome(EXIT_FAILED, "rmmod a failed: busy"), passed=1),
                         (True, "rmmod a failed: busy"))
        hung = "1.0 [ 1.0]         ok 1 b\n"
        self.assertEqual(noticed(broken, console=hung, trouble="did not end: x"), (True, "a hung after b"))
        failed = "1.0 [ 1.0]     # c: ASSERTION FAILED at d.c:1\n1.0 [ 1.0] timed out waiting for e\n"
        self.assertEqual(noticed(broken, console=hung + failed, trouble="did not end: x"),
                         (True, "a.c at d.c:1: timed out waiting for e"))


if __name__ == "__main__":
    unittest.main()
