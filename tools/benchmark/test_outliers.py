#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of outliers.py."""

import random
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark import outliers

TRIALS = 200


def alike(source: random.Random, groups: int, members: int, spread: float) -> list:
    """Return the ratios of @groups groups of equal members."""
    return [[source.lognormvariate(0, spread) for _ in range(members)] for _ in range(groups)]


def places(groups: list) -> set:
    """Return the (group, place) of all outliers."""
    return {(each.group, each.place) for each in outliers.find(groups)}


class Find(unittest.TestCase):
    def test_planted(self) -> None:
        """An outlier that was put there is named, and nothing else is."""
        for groups, wanted in (
                ([[1.0, 1.01, 0.99, 0.7, 1.0]], {(0, 3)}),
                ([[1.0, 1.001, 0.5]], {(0, 2)}),
                ([[1.0, 1.01, 0.99, 1.02, 0.98, 1.01, 1.0, 0.99, 0.7, 0.71]], {(0, 8), (0, 9)}),
                ([[1.0, 1.01, 0.8], [1.2, 1.21, 1.19], [0.9, 0.91, 0.9]], {(0, 2)}),
                ([[1.0, 1.3], [1.0, 1.01, 1.0], [1.0, 1.0, 1.01]], set()),
                ([[1.0] * 6 + [1.2]], {(0, 6)})):
            self.assertEqual(places(groups), wanted, groups)

    def test_absent(self) -> None:
        """What is alike, little apart or too few has no outlier."""
        for groups in ([], [[1.0]], [[1.0, 2.0]], [[1.0, 2.0], [1.0, 3.0]], [[1.0] * 9], [[1.0] * 9 + [1.04]],
                       [[0.5, 1.0, 2.0]], [[0.8, 0.9, 1.0, 1.1, 1.2]]):
            self.assertEqual(outliers.find(groups), [], groups)

    def test_false(self) -> None:
        """Of members that are alike, one is named in about one of twenty cases, whatever their spread."""
        source = random.Random(1)
        for groups, members in ((1, 3), (1, 5), (1, 20), (5, 3)):
            named = sum(bool(outliers.find(alike(source, groups, members, 0.1))) for _ in range(TRIALS))
            self.assertLessEqual(named, TRIALS * 0.1, (groups, members))

    def test_found(self) -> None:
        """One that is 30 % away from others with a spread of 2 % is found, unless there are only three."""
        source = random.Random(2)
        for members in (5, 10, 20):
            found = 0
            for _ in range(TRIALS):
                group = alike(source, 1, members, 0.02)[0]
                group[0] *= 0.7
                found += (0, 0) in places([group])
            self.assertGreaterEqual(found, TRIALS * 0.95, members)

    def test_reason(self) -> None:
        """The text says what the others have, without other outliers."""
        found = outliers.find([[1.0, 1.01, 0.99, 1.02, 0.98, 1.01, 1.0, 0.99, 0.7, 0.71]])
        for each in found:
            self.assertEqual((each.low, each.high, each.others), (0.98, 1.02, 8))
            self.assertGreater(each.distance, each.allowed)
            self.assertRegex(each.text("machines"), r"^0\.7\d\d, where the 8 other machines have 0\.980\.\.1\.020: "
                             r"[\d.]+ standard errors away, [\d.]+ are allowed$")


if __name__ == "__main__":
    unittest.main()
