#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of formula.py: the closed formula against exact mean value analysis and against limits that are known."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from saturation import formula

ITEM = formula.Item(instructions=7700, lock=550, wake=1100, enqueue=400, pool=16, node=3, outside=3, wakeups=0.9,
                    locked=False)
MACHINE = formula.Machine(transfer=100, wakeup=500, instruction=0.3)


def exact(customers: int, think: float, service: float) -> float:
    """Return the throughput of the machine repairman by exact mean value analysis."""
    queue = rate = 0.0
    for number in range(1, customers + 1):
        there = service * (1 + queue)
        rate = number / (think + there)
        queue = rate * there
    return rate


def rate(producers: int, pools: int, machine: formula.Machine = MACHINE, **changed: object) -> float:
    return formula.predict(formula.Item(**{**vars(ITEM), **changed}), machine, producers, pools).rate   # type: ignore


class Server(unittest.TestCase):
    def test_against_exact_analysis(self) -> None:
        """The closed formula differs from the exact result by at most 7 %, from an idle server to a saturated one."""
        for customers in (1, 2, 3, 5, 8, 16, 72, 176):
            for service in (0.001, 0.01, 0.05, 0.1, 0.3, 1, 3, 10, 100):
                ratio = formula.server(customers, 1.0, service)[0] / exact(customers, 1.0, service)
                self.assertAlmostEqual(ratio, 1, delta=0.07, msg=f"{customers} customers, service {service}")

    def test_limits(self) -> None:
        """One customer never waits, a saturated server serves without a pause, and Little's law holds."""
        self.assertEqual(formula.server(1, 3.0, 2.0), (0.2, 2.0))
        self.assertEqual(formula.server(7, 2.0, 0.0), (3.5, 0.0))
        self.assertAlmostEqual(formula.server(100, 1.0, 5.0)[0], 0.2, delta=1e-5)
        for customers in (2, 7.43, 50):
            through, there = formula.server(customers, 4.0, 1.5)
            self.assertAlmostEqual(through * (4.0 + there), customers)


class Predict(unittest.TestCase):
    def test_one_producer(self) -> None:
        """One producer waits for nobody: its time is the sum of all parts, wherever it wakes."""
        item = formula.predict(ITEM, MACHINE, 1, 1)
        alone = 7700 * 0.3 + (16 + 3 + 3) * 100 + 500 * 1.9
        self.assertAlmostEqual(item.rate, 1e9 / alone, places=3)
        self.assertAlmostEqual(rate(1, 1, locked=True), item.rate, places=3)

    def test_saturated_lock(self) -> None:
        """Behind one lock, many producers get what the holds allow, and a wakeup counts only with the lock held."""
        hold = 550 * 0.3 + (16 + 3) * 100
        self.assertAlmostEqual(rate(500, 1) * hold / 1e9, 1, delta=0.001)
        hold += 0.9 * (1100 * 0.3 + 500)
        self.assertAlmostEqual(rate(500, 1, locked=True) * hold / 1e9, 1, delta=0.001)

    def test_saturated_line(self) -> None:
        """Many pools of one producer get what the line of their node allows, whatever else an item costs."""
        for pool in (0, 16):
            said = formula.predict(formula.Item(**{**vars(ITEM), "pool": pool}), MACHINE, 1000, 1000)
            self.assertAlmostEqual(said.rate * 300 / 1e9, 1, delta=0.01)
            self.assertGreater(said.line_busy, 0.98)

    def test_without_a_line(self) -> None:
        """Pools that share nothing do not slow each other down."""
        self.assertAlmostEqual(rate(64, 8, node=0), 8 * rate(8, 1, node=0), delta=1)

    def test_more_pools_are_not_slower(self) -> None:
        """More pools, cheaper transfers and deferred wakeups never make fewer items per second."""
        rates = [rate(72, pools) for pools in (1, 2, 3, 4, 6, 8, 9, 12, 24, 72)]
        self.assertEqual(rates, sorted(rates))
        rates = [rate(72, 9, formula.Machine(transfer, 500)) for transfer in (200, 100, 50, 1, 0)]
        self.assertEqual(rates, sorted(rates))
        for pools in (1, 8, 72):
            self.assertGreaterEqual(rate(72, pools), rate(72, pools, locked=True))

    def test_call(self) -> None:
        """Without contention the call takes its own part of the lock, its instructions and the wakeup."""
        said = formula.predict(ITEM, MACHINE, 1, 1)
        hold = 550 * 0.3 + 19 * 100
        self.assertAlmostEqual(said.call_ns, hold / 2.9 + 400 * 0.3 + 0.9 * (1100 * 0.3 + 500))

    def test_refused(self) -> None:
        for producers, pools in ((8, 0), (8, 9), (0, 0)):
            with self.assertRaises(ValueError):
                rate(producers, pools)


if __name__ == "__main__":
    unittest.main()
