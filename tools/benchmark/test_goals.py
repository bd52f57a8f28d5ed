#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of goals.py: what is reached, boots that only one of two runs has, and files of goals that are wrong."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmark import goals
from benchmark.documents import SetError
from benchmark.testing import Command, report


def two_runs(rates: dict, boots: tuple) -> dict:
    """Return a report with the runs "roundtrip 0" and "roundtrip 1", each with 4 rounds in each of its boots."""
    document = report(rates, runs=2, rounds=4 * max(map(len, boots)))
    for run, numbers in zip(document["runs"], boots):
        run["rounds"] = [{**record, "boot": numbers[record["round"] // 4]} for record in run["rounds"]
                         if record["round"] < 4 * len(numbers)]
    return document


class Goals(Command):
    def goal(self, bound: float, **changed: object) -> goals.Goal:
        """Return a goal about the rate of the profile p."""
        return goals.Goal(**{"run": "roundtrip 0", "figure": "rate", "bound": bound, "at_least": True, "profile": "p",
                             **changed})      # type: ignore

    def test_verdicts(self) -> None:
        """A goal is reached, missed, or not measured."""
        document = report({"native": 200000, "cmwq2:p": 300000})
        for goal, verdict in ((self.goal(1.2), goals.REACHED), (self.goal(1.8), goals.MISSED),
                              (self.goal(1.2, at_least=False), goals.MISSED),
                              (self.goal(1.2, profile="other"), goals.UNMEASURED),
                              (self.goal(1.2, run="bogus"), goals.UNMEASURED),
                              (self.goal(1.2, figure="bogus"), goals.UNMEASURED),
                              (self.goal(1.2, of="bogus"), goals.UNMEASURED)):
            self.assertEqual([row.verdict for row in goals.rows(document, [goal])], [verdict], goal)
        self.assertEqual(goals.rows(document, [self.goal(1.2, vehicles=("x86",))]), [])

    def test_boots(self) -> None:
        """A ratio to another run is that of the boots that both have."""
        for boots, measured in ((((0, 1), (0, 1)), True), (((0, 1, 2), (1, 2, 3)), True), (((0,), (1,)), False)):
            document = two_runs({"native": 200000, "cmwq2:p": 300000}, boots)
            row, = goals.rows(document, [self.goal(1.2, of="roundtrip 1")])
            self.assertEqual(row.verdict != goals.UNMEASURED, measured, boots)
            if row.found:
                self.assertAlmostEqual(row.found.ratio, 1.5, delta=0.15)

    def test_wrong_files(self) -> None:
        """A file that is wrong is refused with its name and what is allowed, and the committed file is right."""
        self.assertTrue(len(goals.read()) > 20)
        for text, why in (('profile = "p"', "no [[goal]]"), ("[[goal]]", "names no profile"), ("=", "at line 1"),
                          ('profile = "p"\n[[goal]]\nrun = "a"', "needs a run and a figure"),
                          ('profile = "p"\n[[goal]]\nrun = "a"\nfigure = "rate"', "either at_least or at_most"),
                          ('profile = "p"\n[[goal]]\nrun = "a"\nfigure = "rate"\nat_least = 0', "a number above 0"),
                          ('profile = "p"\nbogus = 1', "bogus is not known; allowed: profile, goal")):
            path = Path(self.file("wrong.toml", text))
            with self.assertRaises(SetError, msg=text) as raised:
                goals.read(path)
            self.assertIn(str(path), str(raised.exception))
            self.assertIn(why, str(raised.exception))


if __name__ == "__main__":
    unittest.main()
