#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of .ci/run with a make that only pretends to run the verbs."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / ".ci/run"
# The verb is its last argument, for which it prints a line. It leaves the count that the test has prepared, if any.
MAKE = """#!/bin/sh
for verb; do :; done
echo "$verb says why"
[ ! -f "ready-$verb" ] || cp "ready-$verb" "out/count-$verb"
[ "$(cut -c1 "ready-$verb")" = 0 ]
"""
GOOD = {"check": "0 100 passed, 0 failed, 7 skipped", "check-faults": "0 20 passed, 0 failed, 0 skipped",
        "model": "0 3 passed, 0 failed, 0 skipped"}


class TestCi(unittest.TestCase):
    def run_with(self, counts: dict, seconds: int = 0) -> tuple:
        """Run the script where the verbs leave @counts, as if it had begun @seconds ago. Return the exit status and
        the lines that it printed."""
        with tempfile.TemporaryDirectory() as directory:
            top = Path(directory)
            (top / ".ci").mkdir()
            shutil.copy(SCRIPT, top / ".ci/run")
            (top / "bin").mkdir()
            (top / "bin/make").write_text(MAKE)
            (top / "bin/make").chmod(0o755)
            for verb, count in counts.items():
                (top / f"ready-{verb}").write_text(count + "\n")
            env = {**os.environ, "PATH": f"{top}/bin:{os.environ['PATH']}", "SECONDS": str(seconds)}
            done = subprocess.run([top / ".ci/run"], env=env, stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    def test_all_stages(self) -> None:
        status, lines = self.run_with(GOOD)
        self.assertEqual((status, lines[-1]), (0, "123 passed, 0 failed, 7 skipped"))
        self.assertIn("model says why", lines)
        self.assertNotIn("the last lines of", "\n".join(lines))

    def test_failure_ends_the_run(self) -> None:
        for told in (1, 2):
            status, lines = self.run_with({**GOOD, "check-faults": f"{told} 19 passed, 1 failed, 0 skipped"})
            self.assertEqual((status, lines[-1]), (told, "119 passed, 1 failed, 8 skipped"))
            self.assertNotIn("model says why", lines)
            self.assertIn("check-faults says why", lines[lines.index("the last lines of out/ci/check-faults.log:"):])

    def test_no_count(self) -> None:
        status, lines = self.run_with({})
        self.assertEqual((status, lines[-1]), (1, "0 passed, 1 failed, 2 skipped"))

    def test_late(self) -> None:
        status, lines = self.run_with(GOOD, 62 * 60)
        self.assertEqual((status, lines[-1]), (0, "103 passed, 0 failed, 8 skipped"))
        self.assertIn("check-faults: not run, because 62 minutes have passed", lines)


if __name__ == "__main__":
    unittest.main()
