#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of sets.py."""

import re
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import policies
from benchmark import sets
from benchmark.documents import SetError
from benchmark.sets import Wanted, plans

ROOT = Path(__file__).resolve().parents[2]


class Plans(unittest.TestCase):
    def test_same_seed_same_set(self) -> None:
        self.assertEqual(plans(Wanted(seed=5)), plans(Wanted(seed=5)))
        self.assertNotEqual([plan.settings["seed"] for plan in plans(Wanted(seed=5))],
                            [plan.settings["seed"] for plan in plans(Wanted(seed=6))])

    def test_part_of_a_set(self) -> None:
        """A run is the same, whatever other runs are in the set."""
        self.assertEqual(plans(Wanted(("block",), seed=5)),
                         [plan for plan in plans(Wanted(seed=5)) if plan.title.startswith("block")])

    def test_all_workloads(self) -> None:
        found = plans(Wanted(sets.WORKLOADS, full=True))
        self.assertEqual({plan.settings["workload"] for plan in found}, set(sets.WORKLOADS))
        self.assertEqual({plan.settings["load"] for plan in found if "load" in plan.settings}, set(range(6)))
        self.assertEqual(len({plan.title for plan in found}), len(found))
        for plan in found:
            first = "cmwq2:" if plan.settings["workload"] == "rescue" else "native,"
            self.assertTrue(plan.settings["engines"].startswith(first))
            self.assertLessEqual(plan.settings["engines"].count(",") + 1, 8)

    def test_settings_are_those_of_the_module(self) -> None:
        """The module has every file that is written to."""
        sources = ROOT / "bench"
        numbers = (sources / "base/types.h").read_text()
        sysfs = (sources / "control/config.c").read_text()
        for plan in plans(Wanted(sets.WORKLOADS, full=True)):
            for key in plan.settings:
                self.assertTrue(key == "hook" or f"config_{key}_store" in sysfs or
                                re.search(rf"X\(\w+,\s+{key},", numbers), key)

    def test_names(self) -> None:
        names = sets.workload_names
        self.assertEqual(names("batch, block", "X"), ("batch", "block"))
        self.assertEqual(names("all", "X"), sets.WORKLOADS)
        self.assertEqual(names("aa", "X"), ("aa",))
        for wrong in ("bogus", "", ",", "batch bogus", "batch aa", "all batch"):
            with self.assertRaisesRegex(SetError, "WORKLOAD=.*allowed: all, roundtrip"):
                names(wrong, "WORKLOAD")

    def test_profiles(self) -> None:
        names = sets.profile_names
        self.assertEqual(names("mainline-7.3,claim=none+wake=locked", "X"), ("mainline-7.3", "claim=none+wake=locked"))
        self.assertEqual(names("all", "X"), policies.profiles())
        for wrong in ("bogus", "", "mainline-7.3 bogus", "claim", "claim=", "claim=none+", "claim=bogus", "idle=5",
                      "all bogus", " ".join(["mainline-7.3"] * 7)):
            with self.assertRaisesRegex(SetError, "PROFILES.*allowed: all, or 1 to 6 of mainline-7.3"):
                names(wrong, "PROFILES")

    def test_profiles_without_the_sources(self) -> None:
        """A copy of the tools leaves it to the module which names there are."""
        names = sets.profile_names
        with mock.patch.object(policies, "has_sources", lambda: False):
            self.assertEqual(names("mainline-7.3, claim=new", "X"), ("mainline-7.3", "claim=new"))
            for wrong in ("", "all", "all bogus", " ".join(["mainline-7.3"] * 7)):
                with self.assertRaisesRegex(SetError, "X.*allowed: 1 to 6 profiles or policies; all needs"):
                    names(wrong, "X")

    def test_rounds(self) -> None:
        self.assertIn(f"BENCH_MAX_ROUNDS\t{sets.MOST_ROUNDS}U", (ROOT / "bench/base/types.h").read_text())
        self.assertEqual(sets.check_rounds(1000, "X"), 1000)
        for wrong in (0, 1001):
            with self.assertRaisesRegex(SetError, f"ROUNDS={wrong}: allowed: 1 to 1000"):
                sets.check_rounds(wrong, "ROUNDS")

    def test_against_itself(self) -> None:
        found = plans(Wanted(("aa",), seed=3))
        self.assertEqual({plan.settings["engines"] for plan in found}, {",".join(["native"] * 8)})
        self.assertEqual(len({plan.settings["seed"] for plan in found}) * 4, 100)

    def test_minutes(self) -> None:
        """The sets take no longer than documented, with reserve for a slower machine."""
        for wanted, minutes in ((Wanted(), 20), (Wanted(sets.WORKLOADS, full=True), 60), (Wanted(("aa",)), 10)):
            self.assertLess(sum(plan.seconds for plan in plans(wanted)), minutes * 60 * 0.6)


if __name__ == "__main__":
    unittest.main()
