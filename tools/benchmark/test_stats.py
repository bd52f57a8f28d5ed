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
    within_boots,
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


class Boots(unittest.TestCase):
    """Boots differ: each has a factor of its own, which all of its rounds share."""

    SIZES = (16, 16, 16)

    def ratios(self, source: random.Random, spread: float, scale: float = 1) -> list[float]:
        """Return the ratios of the rounds of three boots. @spread: by how much the boots differ."""
        found = []
        for size in self.SIZES:
            factor = scale * source.lognormvariate(0, spread)
            found += [factor * value / other for value, other in zip(drawn(source, size), drawn(source, size))]
        return found

    def false(self, spread: float, boots: tuple) -> int:
        """Return how many of COMPARISONS comparisons of equals are called a difference."""
        source = random.Random(f"{spread}")
        return sum(verdict_of(paired(self.ratios(source, spread), [1.0] * 48, boots)) == DIFFERENCE
                   for _ in range(COMPARISONS))

    def test_false_differences(self) -> None:
        """As long as boots differ little, at most one equal in twenty is called different. Three boots say little about
        boots that differ much, but an interval that knew nothing of boots would be wrong twice as often."""
        for spread in (0, 0.02):
            self.assertLessEqual(self.false(spread, self.SIZES), COMPARISONS * 0.05, spread)
        self.assertGreater(self.false(0.03, ()), 2 * self.false(0.03, self.SIZES))

    def test_found(self) -> None:
        source = random.Random(2)
        found = sum(verdict_of(paired(self.ratios(source, 0.03, 1.3), [1.0] * 48, self.SIZES)) == DIFFERENCE
                    for _ in range(100))
        self.assertGreaterEqual(found, 95)

    def test_one_boot(self) -> None:
        """With one boot nothing changes."""
        values, others = drawn(random.Random(1), 16), drawn(random.Random(2), 16)
        self.assertEqual(paired(values, others), paired(values, others, (16,)))
        self.assertEqual(unpaired(values, others), unpaired(values, others, (16,), (16,)))

    def test_unpaired(self) -> None:
        """Where the boots of one side differ, the interval contains what each of them says."""
        source = random.Random(5)
        values = [factor * value for factor in (0.8, 1.0, 1.2) for value in drawn(source, 16)]
        references = drawn(source, 16)
        alone, known = unpaired(values, references), unpaired(values, references, self.SIZES)
        assert known and known.low and known.high and alone and alone.low and alone.high
        self.assertTrue(known.low < 0.82 and known.high > 1.18, known)
        self.assertGreater(known.high - known.low, alone.high - alone.low)

    def test_within_boots(self) -> None:
        """What a boot does to both sides cancels out, and a boot that is missing on one side is an error."""
        source = random.Random(6)
        values = [[1.5 * factor * value for value in drawn(source, 16)] for factor in (1, 4, 9)]
        references = [[factor * value for value in drawn(source, 16)] for factor in (1, 4, 9)]
        found = within_boots(values, references)
        assert found and found.low and found.high
        self.assertAlmostEqual(found.ratio, 1.5, 1)
        self.assertTrue(1.35 < found.low < found.ratio < found.high < 1.65, found)
        self.assertIsNone(within_boots(values, references[:2]))
        self.assertIsNone(within_boots([], []))
        self.assertIsNone(within_boots(values, [[0.0] * 16] * 3))
        self.assertIsNone(within_boots(values, [[None] * 16] * 3))     # type: ignore
        few = within_boots([[2.0] * 5], [[1.0] * 5])
        self.assertEqual(verdict_of(few), UNKNOWN)


if __name__ == "__main__":
    unittest.main()
