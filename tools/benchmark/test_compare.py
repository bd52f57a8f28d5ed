#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of compare.py: the commands compare, agree and aa of tools/bench."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark import compare, documents
from benchmark.testing import USUAL, Command, report


class Compare(Command):
    def test_same(self) -> None:
        status, out, _ = self.compare(report(USUAL), report(USUAL, seed=2))
        self.assertEqual(status, 0)
        self.assertIn("16 figures compared: 0 differ, 16 with no difference seen, 0 with too few", out)

    def test_slower(self) -> None:
        status, out, _ = self.compare(report(USUAL), report({"native": 200000, "cmwq2": 150000}, kernel="7.4"))
        self.assertEqual(status, 0)
        self.assertIn("16 figures compared: 1 differ", out)
        self.assertRegex(out, r"roundtrip 0 +cmwq2 +rate +0\.7\d\d \[.*\]\*")

    def test_refused(self) -> None:
        for key, value in (("vehicle", "x86"), ("accelerator", "kvm"), ("host", "another"), ("cpus", 8)):
            other = {**report(USUAL), key: value}
            self.fails(f"the reports cannot be compared (--force compares them nevertheless): {key}", "compare",
                       self.file("a.json", report(USUAL)), self.file("b.json", other))
            self.assertEqual(self.compare(report(USUAL), other, "--force")[0], 0)

    def test_config(self) -> None:
        """Two configurations of the same kernel cannot be compared. Those of different kernels always differ."""
        one, other = report(USUAL), {**report(USUAL), "config": "def"}
        self.assertIn("config abc and def", " ".join(documents.obstacles(one, other)))
        self.assertEqual(documents.obstacles(one, {**other, "kernel": "7.4"}), [])

    def test_other_settings(self) -> None:
        one, other = report(USUAL), report(USUAL, items=100)
        self.assertIn("no run with the same", " ".join(documents.obstacles(one, other)))
        self.fails("no figure in common", "compare", self.file("a.json", one), self.file("b.json", other), "--force")


class Agree(Command):
    def agree(self, one: dict, other: dict, *options: str) -> tuple:
        return self.run_main("agree", self.file("a.json", one), self.file("b.json", other), *options)

    @staticmethod
    def again(change: dict) -> dict:
        """Return the same set run again, with the same seeds but other measurements."""
        found = report(change, seed=50, runs=10)
        for number, run in enumerate(found["runs"]):
            run["header"]["seed"] = 1 + number
        return {**found, "seed": 1}

    def test_same(self) -> None:
        status, out, err = self.agree(report(USUAL, runs=10), self.again(USUAL))
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"\n?70 of 70 ratios agree within their intervals: 100.0 %, at least 90 %\n$")

    def test_too_few(self) -> None:
        """One of seven ratios differs."""
        status, out, _ = self.agree(report(USUAL, runs=10), self.again({"native": 200000, "cmwq2": 150000}))
        self.assertEqual(status, 1)
        self.assertIn("60 of 70 ratios agree within their intervals: 85.7 %, fewer than 90 %", out)
        self.assertRegex(out, r"roundtrip 9 +cmwq2 +rate +[01]\.\d+ \[.*\] +0\.7\d+ \[.*\]\*")

    def test_missing_ratio(self) -> None:
        """A ratio that only one of the reports has does not agree."""
        other = self.again(USUAL)
        del other["runs"][0]
        status, out, _ = self.agree(report(USUAL, runs=10), other)
        self.assertEqual(status, 0)
        self.assertIn("63 of 70 ratios agree within their intervals: 90.0 %, at least 90 %", out)
        self.assertRegex(out, r"roundtrip \d +cmwq2 +rate +[01]\.\d+ .* -\n")

    def test_rule(self) -> None:
        def overlap(*numbers: float) -> bool:
            return compare._overlap(*({"low": low, "high": high} for low, high in (numbers[:2], numbers[2:])))
        self.assertTrue(overlap(1, 2, 2, 3) and overlap(2, 3, 1, 2) and overlap(1, 9, 2, 3) and overlap(2, 3, 1, 9))
        self.assertFalse(overlap(1, 2, 2.1, 3) or overlap(2.1, 3, 1, 2))

    def test_refused(self) -> None:
        for key, value in (("seed", 7), ("kernel", "7.4"), ("vehicle", "x86")):
            other = {**report(USUAL), key: value}
            self.fails(f"{key} {report(USUAL)[key]} and {value}", "agree", self.file("a.json", report(USUAL)),
                       self.file("b.json", other))
        few = report(USUAL, rounds=5)
        self.fails("no ratio with an interval", "agree", self.file("a.json", few), self.file("b.json", few))


class AgainstItself(Command):
    def test_counts(self) -> None:
        twice = {"native": 200000, "native#2": 200000, "native#3": 200000, "native#4": 200000}
        status, out, _ = self.run_main("aa", self.file("a.json", report(twice, runs=50)))
        self.assertEqual(status, 0)
        self.assertRegex(out, r"rate +[0-5] of 100 called a difference")

    def test_too_many(self) -> None:
        status, out, _ = self.run_main("aa", self.file("a.json", report({"native": 200000, "native#2": 150000})))
        self.assertEqual(status, 1)
        self.assertIn("1 of 1 called a difference", out)

    def test_none(self) -> None:
        self.fails("no list of engines has the same engine twice in a row", "aa", self.file("a.json", report(USUAL)))


if __name__ == "__main__":
    unittest.main()
