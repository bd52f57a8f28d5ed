#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of movedtable.py: when the table of a moved benchmark is the same as that of the kernel's own."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import write_atomically
from base.testing import Case, directory
from verbs import baseline, movedtable


def _results(home: Path, rounds: int, rate: int, call: int) -> None:
    """Write tables: the rate of the kernel's own is between 90 and 110, its call between 700 and 800."""
    for number in range(rounds):
        own = (90 + 20 * (number % 2), 700 + 100 * (number % 2))
        for engine, (items, ns) in (("own", own), ("moved", (rate, call))):
            write_atomically(home / engine / str(number), "".join(
                f"{scope:16} {items} items/sec\tp50={ns}\tp90=1\tp95=1 ns\n" for scope in baseline.SCOPES))


class Table(Case):
    def judged(self, home: Path, rounds: int, rate: int, call: int) -> tuple:
        """Return the verdict on these figures."""
        _results(home, rounds, rate, call)
        rows = movedtable.compared(movedtable.tables(home, rounds))
        self.assertIn(f"{rate} [{rate}..{rate}]", movedtable.text_of(rows))
        return movedtable.verdict(rows, rounds)

    def test_verdict(self) -> None:
        """Within the spread passes and better passes. Worse fails, by either figure, and so do too few rounds."""
        with directory() as home:
            for rate, call, passed, words in (
                    (90, 800, True, "12 of 12 figures are within native's spread, 0 are better"),
                    (120, 600, True, "0 of 12 figures are within native's spread, 12 are better"),
                    (89, 750, False, "6 of 12 figures are beyond native's spread: items/s of cpu"),
                    (100, 801, False, "6 of 12 figures are beyond native's spread: p50 of the call, ns of cpu")):
                said = self.judged(home, 6, rate, call)
                self.assertEqual(said[0], passed)
                self.assertIn(words, said[1])
            self.assertEqual(self.judged(home, 5, 100, 750)[0], False)

    def test_missing(self) -> None:
        """A round or a scope that is missing is an error."""
        with directory() as home:
            _results(home, 6, 100, 750)
            self.refused(lambda: movedtable.tables(home, 7), "round 6")
            path = home / "moved/3"
            path.write_text(path.read_text().replace("numa", "none"))
            self.refused(lambda: movedtable.tables(home, 6), "round 3", "moved/3", "numa")


if __name__ == "__main__":
    unittest.main()
