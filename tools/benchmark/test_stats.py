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
    across_machines,
    exact_rank,
    median_interval,
    paired,
    student,
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


class Machines(unittest.TestCase):
    """Machines differ as boots do: each has a factor of its own, which all of its boots share."""

    def fleet(self, source: random.Random, count: int, spread: float, scale: float = 1) -> list:
        """Return the ratios of @count machines with two boots of ten rounds. @spread: by how much machines differ."""
        return [[[scale * factor * source.lognormvariate(0, 0.05) for _ in range(10)] for _ in range(2)]
                for factor in (source.lognormvariate(0, spread) for _ in range(count))]

    def false(self, count: int, spread: float, comparisons: int) -> int:
        """Return how many of @comparisons comparisons of equals are called a difference."""
        source = random.Random(f"{count} {spread}")
        return sum(across_machines(self.fleet(source, count, spread)).verdict == DIFFERENCE
                   for _ in range(comparisons))

    def test_student(self) -> None:
        """The distances agree with a printed table."""
        for part, freedom, wanted in ((0.95, 1, 12.706), (0.95, 2, 4.303), (0.95, 3, 3.182), (0.95, 10, 2.228),
                                      (0.95, 30, 2.042), (0.99, 1, 63.657), (0.99, 4, 4.604), (0.999, 9, 4.781)):
            self.assertAlmostEqual(student(part, freedom), wanted, 3)

    def test_false_differences(self) -> None:
        """One equal in twenty is called different at most, even if the machines differ much and are few. In so few
        trials it may be a few more."""
        for count in (2, 3, 6):
            for spread in (0, 0.1):
                self.assertLessEqual(self.false(count, spread, 80), 80 * 0.08, (count, spread))

    def test_found(self) -> None:
        source = random.Random(2)
        found = [across_machines(self.fleet(source, 5, 0.03, 1.3)) for _ in range(40)]
        self.assertGreaterEqual(sum(verdict_of(each) == DIFFERENCE for each in found), 38)
        self.assertTrue(all(1.1 < each.ratio < 1.5 for each in found))

    def test_contains_machines_and_boots(self) -> None:
        """The interval contains what each machine says, and is wider than one over the rounds alone."""
        source = random.Random(3)
        for factors in (((0.8, 0.8), (1.0, 1.0), (1.2, 1.2)), ((0.8, 1.2), (0.9, 1.1), (1.0, 1.0))):
            machines = [[[factor * source.lognormvariate(0, 0.01) for _ in range(10)] for factor in boots]
                        for boots in factors]
            found = across_machines(machines)
            assert found.low and found.high
            for boots in machines:
                self.assertTrue(found.low <= stats.machine_ratio(boots) <= found.high, (found, boots))
            low, high = median_interval([value for boots in machines for boot in boots for value in boot]) or (0, 0)
            self.assertGreater(found.high - found.low, high - low)

    def test_one_machine(self) -> None:
        """With one machine nothing changes, with one boot or with several."""
        for sizes in ((16,), (16, 16, 16), (5,)):
            boots = [drawn(random.Random(number), size) for number, size in enumerate(sizes)]
            values = [value for boot in boots for value in boot]
            self.assertEqual(across_machines([boots]), paired(values, [1.0] * len(values), sizes))

    def test_many_boots_count_once(self) -> None:
        """A machine with many boots counts as much as one with a single boot."""
        found = across_machines([[[2.0] * 6] * 9, [[1.0] * 6], [[1.0] * 6]])
        self.assertEqual(found.ratio, 1)

    def test_odd_values(self) -> None:
        """Single rounds have an interval if there are two machines; a ratio of 0 has no logarithm."""
        self.assertEqual(verdict_of(across_machines([[[1.0]], [[1.0]]])), NONE_SEEN)
        self.assertEqual(verdict_of(across_machines([[[1.0] * 6], [[0.0] * 6]])), UNKNOWN)
        far = across_machines([[[1.0] * 6], [[1e300] * 6]])
        self.assertEqual(verdict_of(far), NONE_SEEN)


if __name__ == "__main__":
    unittest.main()
