#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of quiet.py: with counters that are injected, and with a process that really keeps a CPU busy."""

import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark import quiet

# Its parent ends at once, so that it is no descendant of the test, as another user's process would not be.
BUSY = "import os, time\nif os.fork(): os._exit(0)\nend = time.time() + 2\nwhile time.time() < end: pass"


class Machine:
    """A machine whose counters advance as the test says."""

    def __init__(self) -> None:
        self.now, self.mine, self.slowness = 1000.0, (0.0, 0.0), 1.0
        self.columns = [0.0] * 8
        self.watch = quiet.Watch(times=lambda: tuple(self.columns), own=lambda: self.mine,
                                 loop=lambda: 0.003 * self.slowness, clock=lambda: self.now, sleep=self.later)
        self.waits = 0
        self.each_wait: dict = {}
        self.watch.calibrate()

    def later(self, seconds: float, mine: tuple = (0.0, 0.0), **more: float) -> None:
        """Let @seconds pass in which the benchmark takes @mine of a CPU in user mode and in the kernel. @more: how much
        of a CPU others take, by the name of the column."""
        self.waits += 1
        if not more and seconds == 2:
            more = self.each_wait
        self.now += seconds
        self.mine = (self.mine[0] + mine[0] * seconds, self.mine[1] + mine[1] * seconds)
        self.columns[quiet.USER] += mine[0] * seconds
        self.columns[quiet.SYSTEM] += mine[1] * seconds
        for name, part in more.items():
            self.columns[getattr(quiet, name)] += part * seconds

    def run(self, **more: Any) -> list:
        """Make a run of 20 s, and return why it was disturbed."""
        self.watch.begin()
        self.later(20, **more)
        return quiet.reasons(self.watch.end())


class Injected(unittest.TestCase):
    def test_quiet(self) -> None:
        """What the benchmark takes itself is not held against it, however much that is."""
        machine = Machine()
        self.assertEqual(machine.run(mine=(1.2, 0.7), SYSTEM=0.03, IRQ=0.02, IDLE=1.0), [])
        self.assertEqual(machine.run(), [])

    def test_others(self) -> None:
        for column in ("USER", "NICE", "SYSTEM", "IRQ", "SOFTIRQ"):
            self.assertEqual(Machine().run(mine=(1.0, 0.5), **{column: 0.3}),
                             ["other processes took 30 % of a CPU"], column)

    def test_steal(self) -> None:
        self.assertEqual(Machine().run(STEAL=0.05), ["the hypervisor took 5 % of a CPU"])
        self.assertEqual(Machine().run(STEAL=0.01), [])

    def test_slower(self) -> None:
        machine = Machine()
        self.assertEqual(machine.run(), [])
        machine.slowness = 1.3
        self.assertEqual(machine.run(), ["the calibration loop took 1.30 of its time"])
        machine.slowness = 1.05
        self.assertEqual(machine.run(), [])

    def test_slow_at_the_start(self) -> None:
        """If the machine was busy during the calibration, a quiet one is not compared with that."""
        machine = Machine()
        machine.slowness = 0.7
        self.assertEqual(machine.run(), [])
        machine.slowness = 1.0
        self.assertEqual(len(machine.run()), 1)

    def test_on_the_machine_itself(self) -> None:
        """There only user mode is work of others for sure, as the benchmark runs in the kernel's threads."""
        machine = Machine()
        machine.watch.work = quiet.USER_WORK
        self.assertEqual(machine.run(mine=(0.0, 0.1), SYSTEM=1.9), [])
        self.assertEqual(machine.run(SYSTEM=1.9, USER=0.3), ["other processes took 30 % of a CPU"])

    def test_short_run(self) -> None:
        """A few ticks in a short run say nothing."""
        machine = Machine()
        machine.watch.begin()
        machine.later(0.1, USER=0.4)
        self.assertEqual(quiet.reasons(machine.watch.end()), [])

    def test_waiting(self) -> None:
        """It waits until the machine is quiet, but not for ever."""
        machine = Machine()
        machine.watch.wait_until_quiet()
        self.assertEqual(machine.waits, 1)
        machine.each_wait = {"USER": 1.0}
        machine.waits, start = 0, machine.now
        machine.watch.wait_until_quiet()
        self.assertEqual((machine.waits, machine.now - start), (10, quiet.PATIENCE))
        for _ in range(20):
            machine.watch.wait_until_quiet()
        self.assertLessEqual(machine.watch.waited, quiet.PATIENCE_OF_SET + 2)

    def test_mark(self) -> None:
        found = {"seconds": 1.0, "others": 0.5, "steal": 0.0, "slower": 1.0}
        self.assertEqual(quiet.marked({"title": "x"}, found),
                         {"title": "x", "host": found, "disturbed": ["other processes took 50 % of a CPU"]})
        self.assertNotIn("disturbed", quiet.marked({}, {**found, "others": 0.0}))


class Real(unittest.TestCase):
    def test_busy_loop(self) -> None:
        """A real process that takes a CPU is noticed. One that the benchmark has started itself is not."""
        watch = quiet.Watch(loop=lambda: 0.003)
        watch.begin()
        subprocess.run([sys.executable, "-c", BUSY], check=True)
        time.sleep(1.5)
        self.assertRegex("; ".join(quiet.reasons(watch.end())), r"other processes took \d+ % of a CPU")

    def test_own_work(self) -> None:
        """Descendants count as own, also those that have ended."""
        before = sum(quiet.own_times())
        subprocess.run(["sh", "-c", f"{sys.executable} -c 'x = 1\nfor i in range(3000000): x += i'; true"], check=True)
        self.assertGreater(sum(quiet.own_times()), before + 0.05)

    def test_loop(self) -> None:
        """The loop takes some milliseconds, so that it costs nothing beside a run."""
        self.assertTrue(0 < quiet.loop_seconds() < 1)

    def test_strange_names(self) -> None:
        """A process's name may look like the fields behind it."""
        with tempfile.TemporaryDirectory() as name:
            home = Path(name) / "7"
            home.mkdir()
            (home / "stat").write_text("7 (a) R 1 ) x) S 1 7 7 0 -1 0 0 0 0 0 100 200 300 400 20 0 1 0 0\n")
            self.assertEqual([found[:2] for found in quiet._processes(Path(name))], [(7, 1)])
            self.assertEqual([found[2] * quiet.TICKS for found in quiet._processes(Path(name))], [400])

    def test_proc_stat(self) -> None:
        with tempfile.NamedTemporaryFile("w+") as stat:
            stat.write("cpu  100 200 300 400 500 600 700 800 900 1000\ncpu0 1 2 3 4\n")
            stat.flush()
            times = quiet.cpu_times(Path(stat.name))
        self.assertEqual(times[quiet.STEAL] * quiet.TICKS, 800)
        self.assertEqual(sum(times[column] for column in quiet.ALL_WORK) * quiet.TICKS, 1900)


if __name__ == "__main__":
    unittest.main()
