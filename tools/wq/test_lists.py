#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of lists.py, which need neither drgn nor a kernel."""

import os
import sys
import unittest

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
from wq.lists import walk_chain, walk_ring  # noqa: E402


def ring(*addresses):
    """Return a memory with a circular list whose head is the first address."""
    count = len(addresses)
    return {
        address: (addresses[(i + 1) % count], addresses[i - 1])
        for i, address in enumerate(addresses)
    }


class TestWalkRing(unittest.TestCase):
    def test_whole(self):
        self.assertEqual(walk_ring(ring(1, 2, 3).get, 1, 9), ([2, 3], None))

    def test_empty(self):
        self.assertEqual(walk_ring(ring(1).get, 1, 9), ([], None))

    def test_exactly_the_limit(self):
        self.assertEqual(walk_ring(ring(1, 2, 3).get, 1, 2), ([2, 3], None))

    def test_beyond_the_limit(self):
        nodes, gap = walk_ring(ring(*range(1, 9)).get, 1, 3)
        self.assertEqual(nodes, [2, 3, 4])
        self.assertIn("3 entries", gap or "")

    def test_unreadable(self):
        memory = ring(1, 2, 3)
        del memory[3]
        nodes, gap = walk_ring(memory.get, 1, 9)
        self.assertEqual(nodes, [2])
        self.assertIn("cannot be read", gap or "")

    def test_unreadable_head(self):
        nodes, gap = walk_ring(lambda node: None, 1, 9)
        self.assertEqual(nodes, [])
        self.assertIn("cannot be read", gap or "")

    def test_entry_moved_to_another_list(self):
        memory = {**ring(1, 2, 3, 4), **ring(10, 3, 11)}
        nodes, gap = walk_ring(memory.get, 1, 9)
        self.assertEqual(nodes, [2])
        self.assertIn("changed", gap or "")

    def test_entry_initialised(self):
        memory = {**ring(1, 2, 3), **ring(2)}
        nodes, gap = walk_ring(memory.get, 1, 9)
        self.assertEqual(nodes, [])
        self.assertIn("changed", gap or "")

    def test_overtaken(self):
        """The walk visits entry 2, and then 2 moves to the back of the list."""
        before, after = ring(1, 2, 3, 4), ring(1, 3, 4, 2)
        memories = [before, {**after, 2: (1, 1)}, after]
        nodes, gap = walk_ring(lambda a: memories.pop(0)[a], 1, 9)
        self.assertEqual(nodes, [2])
        self.assertIn("changed", gap or "")

    def test_loop(self):
        memory = {1: (2, 3), 2: (3, 1), 3: (2, 2)}
        nodes, gap = walk_ring(memory.get, 1, 99)
        self.assertEqual(nodes, [2, 3])
        self.assertIn("loops", gap or "")

    def test_entry_removed_and_added_behind_the_walk(self):
        reads = []

        def read_node(address):
            reads.append(address)
            return (len(reads) + 1, len(reads) - 1)  # never comes back to the head

        nodes, gap = walk_ring(read_node, 1, 50)
        self.assertIsNotNone(gap)
        self.assertLessEqual(len(reads), 52)
        self.assertLessEqual(len(nodes), 50)


class TestWalkChain(unittest.TestCase):
    def test_whole(self):
        self.assertEqual(walk_chain({1: 2, 2: 3, 3: 0}.get, 1, 3), ([1, 2, 3], None))
        self.assertEqual(walk_chain({1: 0}.get, 0, 3), ([], None))

    def test_ends_early(self):
        for memory, nodes, gap in (({1: 2, 2: 3, 3: 0}, [1, 2], "2 entries"), ({1: 2, 2: 1}, [1, 2], "beyond 2"),
                                   ({1: 1}, [1], "loops after 1"), ({1: 2}, [1], "entry 1 cannot be read")):
            found, why = walk_chain(memory.get, 1, 2)
            self.assertEqual(found, nodes)
            self.assertIn(gap, why or "")


if __name__ == "__main__":
    unittest.main()
