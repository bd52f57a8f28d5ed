#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of stats.py."""

import random
import sys
import unittest
from pathlib import Path
from typing import Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark import stats
from benchmark.stats import (
    DIFFERENCE,
    FEWEST,
    NONE_SEEN,
    UNKNOWN,
    Comparison,
    exact_rank,
    median_interval,
    paired,
    unpaired,
)

COMPARISONS = 300


def drawn(source: random.Random, count: int, scale: float = 1) -> list[float]:
    """Return the values of turns on a machine that is sometimes disturbed: a distribution with a long tail."""
    return [scale * (1 + source.lognormvariate(-3, 1)) for _ in range(count)]


def verdict_of(comparison: Optional[Comparison]) -> str:
    """Return the verdict of a comparison that could be made."""
    assert comparison
    return comparison.verdict


class Interval(unittest.TestCase):
    def test_exact_rank(self) -> None:
        """The ranks agree with a table of the sign test."""
        self.assertEqual([exact_rank(count) for count in (1, 5, 6, 8, 9, 12, 15, 20, 25)],
                         [None, None, 0, 0, 1, 2, 3, 5, 7])

    def test_few(self) -> None:
        self.assertIsNone(median_interval([1.0] * (FEWEST - 1)))
        self.assertEqual(median_interval([1.0] * FEWEST), (1, 1))
        self.assertEqual(verdict_of(paired([2.0] * 5, [1.0] * 5)), UNKNOWN)

    def test_not_narrower_than_exact(self) -> None:
        values = [float(value) for value in range(16)]
        low, high = median_interval(values) or (0.0, 0.0)
        self.assertLessEqual(low, 3)
        self.assertGreaterEqual(high, 12)

    def test_same_rounds_same_interval(self) -> None:
        values = drawn(random.Random(1), 16)
        self.assertEqual(median_interval(values), median_interval(values))

    def test_missing(self) -> None:
        self.assertIsNone(paired([1.0, None], [1.0, 1.0]))
        self.assertIsNone(paired([1.0, 1.0], [1.0, 0]))
        self.assertIsNone(paired([1.0, 1.0], [1.0, None]))
        self.assertIsNone(paired([], []))
        self.assertIsNone(unpaired([1.0], [0.0]))
        self.assertIsNone(unpaired([], [1.0]))


class AgainstItself(unittest.TestCase):
    """Two equal sets are called different in at most 5 % of cases, and a real difference is found."""

    def differences(self, count: int, scale: float, compare) -> int:
        source = random.Random(f"{count} {scale}")
        return sum(compare(drawn(source, count, scale), drawn(source, count)).verdict == DIFFERENCE
                   for _ in range(COMPARISONS))

    def test_paired(self) -> None:
        for count in (6, 10, 15, 16, 30):
            self.assertLessEqual(self.differences(count, 1, paired), COMPARISONS * 0.05, count)

    def test_unpaired(self) -> None:
        for count in (10, 16, 30):
            self.assertLessEqual(self.differences(count, 1, unpaired), COMPARISONS * 0.05, count)

    def test_found(self) -> None:
        for compare in (paired, unpaired):
            self.assertGreaterEqual(self.differences(16, 1.2, compare), COMPARISONS * 0.95)

    def test_drift_hits_both(self) -> None:
        """A drift that affects all turns of a round equally does not affect ratios within the round."""
        source, machine = random.Random(3), [1 + 0.5 * i for i in range(16)]
        values = [speed * source.gauss(1.05, 0.005) for speed in machine]
        references = [speed * source.gauss(1, 0.005) for speed in machine]
        self.assertEqual(verdict_of(paired(values, references)), DIFFERENCE)
        self.assertEqual(verdict_of(unpaired(values, references)), NONE_SEEN)

    def test_seed_is_fixed(self) -> None:
        self.assertEqual(stats.SEED, 20100615)


if __name__ == "__main__":
    unittest.main()
