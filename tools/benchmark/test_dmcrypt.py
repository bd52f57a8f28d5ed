#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of dmcrypt.py: the loads, the order of the turns, the figures of a turn, and what is said of a profile."""

import json
import sys
import unittest
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmark import dmcrypt

PROFILES = ("mainline-7.3", "shared")
BEFORE = "100.00 150.00\ncpu  100 0 100 700 100 0 0 0 0 0\n"
AFTER = "102.00 151.00\ncpu  200 0 150 750 100 0 0 0 0 0\n"


def said_by_fio(error: int = 0, moved: int = 2000000) -> str:
    """Return what fio prints for a turn."""
    return "fio: a note\n" + json.dumps({"jobs": [{"error": error, "read": {"io_bytes": moved},
                                                   "write": {"io_bytes": moved}}]})


def measured(gains: dict) -> dict:
    """Return the figures of turns in which each engine has the rate of native times its factor in @gains."""
    turns = dmcrypt.turns(PROFILES, 2, 6, 1)
    return {turn: dmcrypt.Figure((100 + turn.round) * gains.get(turn.engine, 1), 0.5) for turn in turns}


class Dmcrypt(unittest.TestCase):
    def test_loads(self) -> None:
        """On the machine of the published figures the loads are the published ones. On others, each CPU has as many
        requests in flight."""
        self.assertEqual([(load.issuers, load.depth) for load in dmcrypt.loads(24)], [(24, 64), (8, 64), (4, 64)])
        self.assertEqual([(load.issuers, load.depth) for load in dmcrypt.loads(2)], [(2, 64), (1, 43), (1, 21)])

    def test_turns(self) -> None:
        """Each round has every combination once, and the engines that are compared follow each other."""
        turns = dmcrypt.turns(PROFILES, 2, 3, 7)
        self.assertEqual(set(Counter(turns).values()), {1})
        self.assertEqual(len(turns), 3 * 3 * 4 * 3)
        for first in range(0, len(turns), 3):
            group = turns[first:first + 3]
            self.assertEqual(len({(turn.round, turn.load, turn.scope) for turn in group}), 1)
            self.assertEqual({turn.engine for turn in group}, {"native", *PROFILES})
        self.assertNotEqual([turn.scope for turn in turns[:36]], [turn.scope for turn in turns[36:72]])
        self.assertEqual(turns[0].words(2).split()[1:3],
                         [str(word) for word in dmcrypt.SCOPES[turns[0].scope]])

    def test_figure(self) -> None:
        """The rate counts all bytes by the time on the clock, and the share all CPUs. A turn in which the data was
        wrong has no figure."""
        found = dmcrypt.figure(said_by_fio(), BEFORE, AFTER)
        self.assertAlmostEqual(found.rate, 2.0)
        self.assertAlmostEqual(found.cpu, 0.75)
        for fio, before, after, word in ((said_by_fio(error=84), BEFORE, AFTER, "error 84"),
                                         (said_by_fio(moved=0), BEFORE, AFTER, "nothing"),
                                         (said_by_fio(), AFTER, BEFORE, "nothing"),
                                         ("", BEFORE, AFTER, "cannot be read"),
                                         (said_by_fio()[:-5], BEFORE, AFTER, "cannot be read"),
                                         (said_by_fio(), "100.00 150.00\n", AFTER, "cannot be read")):
            with self.assertRaisesRegex(dmcrypt.FigureError, word):
                dmcrypt.figure(fio, before, after)

    def test_verdict(self) -> None:
        """A profile that is faster, equal or slower is called so, and nothing is said after too few rounds."""
        for gain, faster, slower in ((1.2, 12, 0), (1.0, 0, 0), (0.8, 0, 12)):
            rows = dmcrypt.rows(measured({"shared": gain}))
            said = dmcrypt.verdict(rows, "shared")
            self.assertIn(f"{faster} of 12 rates are higher than native's, {slower} are lower", said)
            self.assertIn(f"{gain:.3f} of native's", said)
            self.assertEqual("is not seen" in said, not faster)
        few = {turn: found for turn, found in measured({}).items() if turn.round < 2}
        self.assertIn("too few rounds", dmcrypt.verdict(dmcrypt.rows(few), "shared"))

    def test_tables(self) -> None:
        """Each load has a table, in which native is the first row of each scope."""
        text = dmcrypt.tables(dmcrypt.rows(measured({"shared": 1.5})))
        self.assertEqual(text.count("== "), 3)
        rows = [line.split() for line in text.splitlines() if line.startswith("system")]
        self.assertEqual([row[1] for row in rows[:3]], ["native", "mainline-7.3", "shared"])
        self.assertIn("1.500", rows[2])


if __name__ == "__main__":
    unittest.main()
