#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of dmcrypt.py: what it refuses, what the host answers after a turn, and a turn without a result."""

import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory, environment
from verbs import bench, dmcrypt

TURNS = dmcrypt.dmcrypt.turns(("shared",), 2, 2, 1)


class _Watch:
    """A watch that sees what it is told."""

    def __init__(self, *seen: float):
        self.seen, self.waits = list(seen), 0

    def begin(self) -> None:
        """Begin."""

    def end(self) -> dict:
        """Return what was seen in the next turn."""
        return {"others": self.seen.pop(0), "steal": 0.0, "slower": 1.0}

    def wait_until_quiet(self) -> None:
        """Count the call."""
        self.waits += 1


class Dmcrypt(Case):
    def test_refused(self) -> None:
        """Another vehicle, an unknown profile, and knobs of the other benchmarks are refused before anything is
        built."""
        for vehicle, knobs, words in (
                ("debug", {}, ("VM=debug", "x86 or uml")), ("host", {}, ("VM=host", "x86 or uml")),
                ("x86", {"PROFILES": "bogus"}, ("PROFILES=bogus", "mainline-7.3")),
                ("x86", {"PROFILES": "pick=local"}, ("PROFILES=pick=local", "mainline-7.3")),
                ("x86", {"BOOTS": "3"}, ("BOOTS=3", "one boot")), ("x86", {"FULL": "1"}, ("FULL=1", "one set")),
                ("x86", {"ROUNDS": "1001"}, ("ROUNDS=1001", "1 to 1000")), ("x86", {"WORKLOAD": "dmcrypt,roundtrip"},
                                                          ("WORKLOAD=dmcrypt", "or dmcrypt by itself"))):
            every = {"PROFILES": "", "BOOTS": "", "FULL": "", "ROUNDS": "", "SEED": "", "WORKLOAD": "dmcrypt", **knobs}
            with environment(**every):
                self.refused(lambda vehicle=vehicle: bench.bench(vehicle), *words)     # type: ignore

    def test_busy_host(self) -> None:
        """A turn during which the host was busy is made once more, and counts then in any case."""
        watch: Any = _Watch(0.0, 0.5, 0.0, 0.5, 0.5)
        judge = dmcrypt.Judge(TURNS, watch)
        said = [judge.on_event(["judge", number]) for number in ("0", "1", "1", "2", "2")]
        self.assertEqual(said, ["keep", "again", "keep", "again", "keep"])
        self.assertEqual([watch.waits, judge.disturbed], [2, 1])
        self.assertIsNone(judge.on_event(["round", "1"]))

    def test_no_result(self) -> None:
        """A turn that has sent nothing is named."""
        with directory() as results:
            self.refused(lambda: dmcrypt.figures(results, TURNS), f"turn 0 ({TURNS[0].engine}, {TURNS[0].scope})")


if __name__ == "__main__":
    unittest.main()
