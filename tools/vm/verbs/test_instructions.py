#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of instructions.py: which workloads are counted, and with which settings."""

import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import EXIT_PASSED
from base.testing import Case
from verbs import instructions, run
from verbs.icount import bench_set


class Instructions(Case):
    def knobs(self, **values: str) -> mock._patch_dict:
        """Return a context in which the knobs have these values, and no others are set."""
        return mock.patch.dict("os.environ", values, clear=True)

    def test_wanted(self) -> None:
        """Each workload has native and the profiles, and no setting that the guest's job does not know."""
        names = [each for each in bench_set.WORKLOADS if each not in instructions.NOT_COUNTED]
        with self.knobs(WORKLOAD=",".join(names)):
            plans = bench_set.plans(instructions.wanted())
        self.assertEqual({plan.settings["workload"] for plan in plans}, set(names))
        for plan in plans:
            self.assertNotIn("hook", plan.settings)
            self.assertIn("native,cmwq2:mainline-7.3,cmwq2:shared", plan.settings["engines"])

    def test_refused(self) -> None:
        """A workload that needs several CPUs, and one that does not exist."""
        for name in ("stream", "aa", "nothing"):
            with self.knobs(WORKLOAD=name):
                self.refused(instructions.wanted, f"WORKLOAD={name}", "allowed", "cancel")

    def test_reached(self) -> None:
        """WORKLOAD= counts workloads."""
        with mock.patch.object(instructions, "workloads", return_value=EXIT_PASSED) as counted:
            run.icount(mock.Mock(vm="", functions="", workload="cancel"))
        counted.assert_called_once_with("x86")


if __name__ == "__main__":
    unittest.main()
