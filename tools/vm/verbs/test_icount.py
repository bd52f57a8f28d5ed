#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of icount.py: counts, and their comparison with committed figures."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, environment
from verbs import icount


class Instructions(Case):
    def test_counted_instructions(self) -> None:
        """More than 3 % more is a regression, a decrease is reported, and a figure that is missing on either side
        counts as a failure."""
        before = {"percpu": {"native": {"enqueue": 1000, "item": 5000}, "cmwq2:a": {"enqueue": 1000, "lock": 100}}}
        now = {"percpu": {"native": {"enqueue": 1029, "item": 4851}, "cmwq2:a": {"enqueue": 1031, "lock": 96}}}
        self.assertEqual(icount.changes(before, before), (4, []))
        number, changed = icount.changes(before, now)
        self.assertEqual((number, [(each.name, each.worse) for each in changed]),
                         (4, [("percpu cmwq2:a enqueue", True), ("percpu cmwq2:a lock", False)]))
        self.assertEqual(str(changed[0]), "percpu cmwq2:a enqueue: 1031 instructions, 1000 committed: +3.1 %")
        self.assertEqual([str(each) for each in icount.changes(before, {})[1]][0],
                         "percpu native enqueue: 1000 instructions committed, none counted")
        self.assertTrue(all(each.worse for each in icount.changes({}, now)[1]))
        this, other = icount.Subject("7.3.4", "gcc 12", "abc"), icount.Subject("7.3.5", "gcc 12", "abc")
        self.assertEqual(icount.not_compared(this, this), "")
        self.assertEqual([name in icount.not_compared(this, other) for name in ("7.3.4", "7.3.5")], [True, True])
        self.assertTrue(bool(icount.not_compared(None, this)))
        self.assertTrue(len(icount.all_engines()) >= 5)

    def test_rounds(self) -> None:
        """Rounds that differ are a failure if half of them do. A single round that differs is none: the median is not
        one of it."""
        self.assertEqual([icount.disagree(values) for values in (
            [1000, 1000, 1000, 1009, 991], [1000, 1000, 1000, 1000, 800], [1000, 1000, 1000, 1000, 1200],
            [1000, 1000, 1000, 1200, 800], [1000, 1020, 980, 1000, 960], [1000])],
            [False, False, False, False, True, False])

    def test_some_engines(self) -> None:
        """If only some engines were counted, the others are not missing, and one without committed figures is none to
        compare with."""
        before = {"percpu": {"native": {"item": 10}, "cmwq2:a": {"item": 11}}}
        now = {"percpu": {"native": {"item": 10}, "cmwq2:b": {"item": 12}}}
        self.assertEqual(icount.of_both(before, now), ({"percpu": {"native": {"item": 10}}},) * 2)
        with environment(PROFILES="mainline-7.3 pick=local"):
            self.assertEqual(icount.engines_of(), ["native", "cmwq2:mainline-7.3", "cmwq2:pick=local"])
        with environment(PROFILES=""):
            self.assertEqual((icount.engines_of(), icount.engines_of("mainline-7.3")),
                             (icount.all_engines(), ["native", "cmwq2:mainline-7.3"]))
        with environment(PROFILES="bogus"):
            self.refused(icount.engines_of, "PROFILES=bogus", "mainline-7.3")

    def test_the_kernels_own_benchmark(self) -> None:
        """The output of the kernel's own benchmark is parsed, and a difference up or down counts."""
        text = "running 1 threads, 9 items/thread\ncpu   200000 items/sec\tp50=1500\tp90=1600\tp95=1700 ns\n"
        self.assertEqual(icount.parse_own(text), (5000, 1500))
        self.refused(lambda: icount.parse_own("running\n"), "lib/test_workqueue")
        self.assertEqual([icount.Own(item, 1, 5000, 1).agrees for item in (5149, 5151, 4851, 4849)],
                         [True, False, True, False])

    def test_held_instructions(self) -> None:
        """The difference between a short and a long run is attributed to the items. Each engine has its own locks."""
        names, lines, kernel_sum, module_sum = ["native", "cmwq2:a"], ["kernel 0 0 module 0 0"], 0, 0
        for _ in icount.QUEUES:
            for name in names:
                for items in icount.HOLD_ITEMS:
                    kernel_sum += 7000 + (50 * items if name == "native" else 0)
                    module_sum += 500 + (60 * items if name != "native" else 0)
                    lines.append(f"kernel 1 {kernel_sum} module 1 {module_sum}")
        self.assertEqual(icount.holds("\n".join(lines), names),
                         {queue: {"native": 50, "cmwq2:a": 60} for queue in icount.QUEUES})
        self.refused(lambda: icount.holds("\n".join(lines[1:]), names), "marks")


if __name__ == "__main__":
    unittest.main()
