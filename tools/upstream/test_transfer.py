#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of transfer.py: gains in the kernel and in the twin, and whether they agree."""

import random
import sys
import unittest
from pathlib import Path
from typing import Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark.stats import Comparison
from upstream import transfer


def _rounds(kernel: float, twin: float, count: int = 16, seed: int = 1, noise: float = 0.02) -> list:
    """Return rounds in which the policy gains @kernel and @twin. The load of the host changes from round to round."""
    source, found = random.Random(seed), []
    for _ in range(count):
        speed = source.uniform(1e5, 3e5)
        found.append({"native off": speed, "native on": speed * kernel * source.gauss(1, noise),
                      "cmwq2 off": speed * 0.97, "cmwq2 on": speed * 0.97 * twin * source.gauss(1, noise)})
    return found


def _row(*boots: list) -> transfer.Row:
    found = transfer.row("pick=local", "roundtrip system", "rate", boots)
    assert found
    return found


class Verdicts(unittest.TestCase):
    def test_gains(self) -> None:
        """The gains are those of each engine, whatever the load of the host was, and their ratio has an interval."""
        row = _row(_rounds(1.6, 1.5))
        self.assertAlmostEqual(row.kernel.ratio, 1.6, delta=0.03)
        self.assertAlmostEqual(row.twin.ratio, 1.5, delta=0.03)
        self.assertAlmostEqual(row.apart.ratio, 1.5 / 1.6, delta=0.03)
        self.assertAlmostEqual(row.distance.ratio, 0.97, delta=0.001)
        assert row.apart.high and row.kernel.low
        self.assertLess(row.apart.high, 1)
        self.assertGreater(row.kernel.low, 1.5)

    def test_verdict(self) -> None:
        """Gains agree if their intervals overlap and say the same about 1."""
        for kernel, twin, wanted in (((1.5, 1.4, 1.6), (1.55, 1.5, 1.7), transfer.AGREE),
                                     ((1.0, 0.9, 1.1), (1.05, 0.95, 1.2), transfer.AGREE),
                                     ((1.0, 0.9, 1.1), (1.1, 1.02, 1.2), transfer.ONE_SIDED),
                                     ((1.5, 1.4, 1.6), (1.8, 1.7, 1.9), transfer.DIFFER),
                                     ((0.8, 0.7, 0.9), (1.2, 1.1, 1.3), transfer.DIFFER),
                                     ((1.5, 1.0, 2.0), (1.6, 1.5, 1.7), transfer.WIDE),
                                     ((4.0, 3.0, 6.0), (1.6, 1.5, 1.7), transfer.DIFFER),
                                     ((1.5, None, None), (1.5, 1.4, 1.6), transfer.UNKNOWN)):
            self.assertEqual(transfer.verdict(Comparison(*kernel), Comparison(*twin)), wanted, (kernel, twin))

    def test_boots(self) -> None:
        """A spread between boots makes the interval wider than the rounds of one boot would."""
        one = _row(_rounds(1.5, 1.5, 12))
        several = _row(*(_rounds(gain, 1.5, 4, seed) for seed, gain in enumerate((1.2, 1.5, 1.8))))

        def width(each: Comparison) -> float:
            assert each.low and each.high
            return each.high - each.low
        self.assertGreater(width(several.kernel), 3 * width(one.kernel))

    def test_missing(self) -> None:
        """A figure that a turn lacks makes no row, and few rounds make no interval."""
        rounds = _rounds(1.5, 1.5)
        for value in (None, 0):
            bad: list = [*rounds[1:], {**rounds[0], "cmwq2 on": value}]
            self.assertIsNone(transfer.row("a=b", "run", "rate", [bad]))
        self.assertEqual(_row(_rounds(1.5, 1.5, 3)).verdict, transfer.UNKNOWN)


class Texts(unittest.TestCase):
    def rows(self) -> list:
        return [transfer.row(policy, title, "rate", [_rounds(gain, gain + 0.3 * far)])
                for policy, gain, far in (("pick=local", 1.5, 0), ("wake=locked", 0.9, 1))
                for title in ("roundtrip system", "fanout 64 burn 5")]

    def test_table(self) -> None:
        """The table has a line for each row, and the summary counts the verdicts and explains those that occur."""
        rows = self.rows()
        text = "\n".join(transfer.table(rows))
        self.assertEqual(len(transfer.table(rows)), 1 + len(rows))
        for word in ("pick=local", "fanout 64 burn 5", "items/s", "agree", "differ"):
            self.assertIn(word, text)
        narrow = transfer.narrow_tables(rows)
        self.assertLessEqual(max(map(len, narrow)), 78)
        self.assertEqual(sum("fanout 64 burn 5" in line for line in narrow), 2)
        said = transfer.summary(rows)
        self.assertIn("4 pairs of policy and run: 2 agree, 2 differ", said)
        self.assertNotIn("one-sided", said)

    def test_ranks(self) -> None:
        """The policies are ranked by the gain of each engine. One policy alone is not ranked."""
        lines = transfer.ranks(self.rows())
        self.assertEqual(len(lines), 4)
        self.assertRegex(lines[0], r"^roundtrip system: kernel: pick=local 1\.\d+ > wake=locked 0\.\d+$")
        self.assertRegex(lines[1], r"^ +twin: pick=local 1\.\d+ > wake=locked 1\.\d+$")
        self.assertEqual(transfer.ranks(self.rows()[:2]), [])

    def test_json(self) -> None:
        """A row is read as it was written."""
        rows: list[Optional[transfer.Row]] = self.rows()
        self.assertEqual([transfer.from_json(each) for each in transfer.as_json(rows)], rows)   # type: ignore


if __name__ == "__main__":
    unittest.main()
