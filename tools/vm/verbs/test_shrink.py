#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the shrinker, without a guest."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from verbs import shrink

TEXT = ("queue percpu highpri max2;queue unbound freezable;item plain;item delayed;item plain;"
        "t0 queue q1 i0 c1;t1 queue_delayed q0 i1 n7 c0;i0 spin n40;t2 flush i2;t1 cancel i0;t0 flush_wq q1;"
        "hard open n1")


class TestShrink(unittest.TestCase):
    def test_text_survives(self) -> None:
        self.assertEqual(str(shrink.parse(TEXT)), TEXT)
        self.assertEqual(shrink.parse(TEXT.replace(";", "\n")), shrink.parse(TEXT))

    def test_unused_are_removed_and_the_rest_renumbered(self) -> None:
        program = shrink.parse("queue percpu;queue unbound;item plain;item rcu;t0 queue_rcu q1 i1")
        texts = [str(each) for each in shrink.unused(program)]
        self.assertEqual(texts, ["queue unbound;item plain;item rcu;t0 queue_rcu q0 i1",
                                 "queue percpu;queue unbound;item rcu;t0 queue_rcu q1 i0"])

    def test_smallest(self) -> None:
        def breaks(program: shrink.Program) -> bool:
            words = str(program)
            return "unbound" in words and " queue " in words and "flush_wq" in words and "i0 spin" in words
        small = shrink.shrink(shrink.parse(TEXT), breaks)
        self.assertEqual(str(small), "queue unbound;item plain;t0 queue q0 i0;i0 spin n0;t0 flush_wq q0")

    def test_each_step_is_smaller_or_simpler(self) -> None:
        program = shrink.parse(TEXT)
        for step in (shrink.fewer_ops, shrink.unused, shrink.simpler_queues):
            for each in step(program):
                self.assertLess(each.size, program.size)
        for each in shrink.simpler_ops(program):
            self.assertNotEqual(each, program)

    def test_nothing_smaller(self) -> None:
        program = shrink.parse(TEXT)
        self.assertEqual(shrink.shrink(program, lambda _: False), program)

    def test_out_of_time(self) -> None:
        def breaks(program: shrink.Program) -> bool:
            if len(program.ops) < 4:
                raise shrink.OutOfTime
            return True
        small = shrink.shrink(shrink.parse(TEXT), breaks)
        self.assertEqual(len(small.ops), 4)


if __name__ == "__main__":
    unittest.main()
