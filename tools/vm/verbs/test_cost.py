#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of cost.py and switches.py: what is over its limit."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case
from verbs import cost, switches


class Costs(Case):
    def test_cost_of_hooks(self) -> None:
        """A hook over its limit is named. Clocks that disagree are refused, and so are missing rounds."""
        def measured(**per_trip: int) -> str:
            return "".join(f"{name} {ticks * cost.TRIPS} {ticks * cost.TRIPS}\n"
                           for name, ticks in per_trip.items() for _ in range(cost.BATCHES))
        rows = cost.judge(cost.parse(measured(unloaded=10000, tp=10301, pn=10000, timer=10300)), 1)
        self.assertEqual([row["failed"] for row in rows], [False, True, False, False])
        self.assertEqual([row["added"] for row in rows], [0, 301, 0, 300])
        self.refused(lambda: cost.judge(cost.parse(measured(unloaded=1, tp=1, pn=1)), 1), "timer", "0 batches")
        self.refused(lambda: cost.parse(f"tp {2 * cost.TRIPS} {cost.TRIPS}\n"), "clocks disagree")

    def test_cost_of_switches(self) -> None:
        """A switch over its limit is named. For the watchdog this includes a decrease when it is off."""
        measured = {(queue, switch.name): [1000.0, 1000.0] for queue in switches.QUEUES for switch in switches.ORDER}
        self.assertEqual([row["switch"] for row in switches.judge(measured) if row["failed"]], [])
        measured["percpu", "latency=Y"] = [1051.0, 1051.0]
        measured["unbound", "watchdog_thresh=0"] = [989.0, 989.0]
        failed = [row for row in switches.judge(measured) if row["failed"]]
        self.assertEqual([(row["queue"], row["switch"], row["percent"]) for row in failed],
                         [("percpu", "latency=Y", 5.1), ("unbound", "watchdog_thresh=0", -1.1)])
        self.refused(lambda: switches.instructions("status=failed\n"), "a run of the benchmark")
        self.assertEqual(len(switches.steps()), len(switches.QUEUES) * (1 + switches.ROUNDS * len(switches.ORDER)))


if __name__ == "__main__":
    unittest.main()
