#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of suites.py: how suites are shared among guests, and a look that fails."""

import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import EXIT_FAILED, EXIT_LOST, WIDTH, Problem
from base.testing import Case, directory, quiet
from build import kernel
from looks import dump
from machines import guest, results, verdict
from verbs import suites


def reasons() -> None:
    """Every option in every fragment has a reason in its line."""
    for path in sorted(kernel.CONFIG.glob("*.config")):
        for line in path.read_text().splitlines():
            if line.startswith("CONFIG_") and "#" not in line:
                raise AssertionError(f"{path.name}: {line} has no reason")


class _Look:
    """A look at a guest that raises the given error."""

    def __init__(self, error: Exception):
        self.error, self.run = error, None

    def boot(self) -> None:
        """Raise the error."""
        raise self.error


class Suites(Case):
    def test_an_even_deal(self) -> None:
        """Every suite is in exactly one part, and the parts take about the same time."""
        names = [*suites.LONG, "cmwq2_a", "cmwq2_b"]
        for machines in (1, 2, 3):
            parts = suites.dealt(names, machines)
            self.assertEqual(sorted(name for part in parts for name in part), sorted(names))
            self.assertEqual(len(parts), machines)
            sums = [suites.seconds_of(part) for part in parts]
            self.assertTrue(max(sums) - min(sums) <= max(suites.LONG.values()) / 2)
        self.assertEqual(suites.dealt(["cmwq2_a"], 3), [["cmwq2_a"]])
        self.assertEqual(suites.dealt([], 2), [])

    def test_suites_with_drivers(self) -> None:
        """Suites with drivers run on the vehicles that have what drivers need, and all other suites everywhere."""
        self.assertTrue(suites.driver_suites())
        self.assertEqual(set(suites.driver_suites()) & set(suites.shell_suites()), set())
        self.assertEqual(suites.with_drivers(["uml", "x86", "debug"]), ["x86", "debug"])
        self.assertEqual(suites.with_drivers(["uml-io", "x86-keys"]), ["uml-io"])
        for name in suites.with_drivers(list(suites.ORDER)):
            self.assertIn("io", kernel.vehicle(name).fragments)

    def test_failed_look(self) -> None:
        """A failed look is a failed case with one readable line. All findings are printed at the end, or are in the
        log."""
        target = kernel.Kernel(kernel.VEHICLES["x86"], Path("/"), None, "")     # type: ignore
        reasons = [f"state {number}: {'No module named drgn ' * 20}" for number in range(40)]
        for error, status in ((Problem("; ".join(reasons), EXIT_FAILED, reasons), EXIT_FAILED),
                              (Problem("x"), EXIT_FAILED),
                              (Problem("without a verdict", EXIT_LOST), EXIT_LOST), (OSError(2, "y", "z"), EXIT_FAILED),
                              (subprocess.TimeoutExpired("drgn", 120), EXIT_FAILED), (KeyError("k"), EXIT_FAILED)):
            total = results.Total()
            said = quiet(lambda: suites.look(target, total, "wq_states", lambda: _Look(error), 9))
            self.assertEqual((said.count("\n"), max(map(len, said.splitlines())) <= WIDTH), (1, True))
            self.assertEqual((total.status(), total.summary()), (status, "0 passed, 1 failed, 0 skipped"))
            told = total.rows[0].told().splitlines()
            self.assertEqual((len(told) <= results.REASONS + 3, max(map(len, told)) <= results.LONGEST + 6),
                             (True, True))

        def not_made() -> _Look:
            raise Problem("no Python packages")
        total = results.Total()
        quiet(lambda: suites.look(target, total, "wq_states", not_made))
        self.assertEqual((total.status(), total.rows[0].count.failed), (EXIT_FAILED, 1))
        with directory() as home:
            run = guest.Run(target, "states", home)
            for outcome, status in ((verdict.Outcome(), EXIT_FAILED), (verdict.Outcome(EXIT_LOST), EXIT_LOST),
                                    (verdict.Outcome(0, ""), EXIT_FAILED)):
                run.outcome = outcome
                problem = dump.found(run, reasons)
                self.assertEqual((problem.status, problem.reasons, len(str(problem)) < 400), (status, reasons, True))
            self.assertEqual((home / "problems").read_text().splitlines(), reasons)


if __name__ == "__main__":
    unittest.main()
