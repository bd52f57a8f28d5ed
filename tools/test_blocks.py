#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of blocks.py: run with python3 tools/test_blocks.py."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import blocks
import cli


class Blocks(unittest.TestCase):
    def test_block(self) -> None:
        self.assertEqual(blocks.block("a-b", "make a", "x\n\n  y\n"),
                         ".. a-b: from here written by make a WRITE=1\n\n::\n\n    x\n\n      y\n\n.. a-b: to here\n")

    def test_replaced(self) -> None:
        """Only the block of that name is replaced, and there must be one."""
        one, other = (blocks.block(name, "make x", "old\n\nold") for name in ("one", "other"))
        new = blocks.block("one", "make x", "new \\1")
        text = f"before\n\n{one}\nbetween\n\n{other}\nafter\n"
        self.assertEqual(blocks.replaced(text, "one", new), f"before\n\n{new}\nbetween\n\n{other}\nafter\n")
        for wrong in ("", other, one + one):
            with self.assertRaisesRegex(cli.Error, "exactly one place for one"):
                blocks.replaced(wrong, "one", new)

    def test_names(self) -> None:
        self.assertEqual(blocks.names(blocks.block("a", "make x", "") + "\n" + blocks.block("b-c", "make x", "")),
                         ["a", "b-c"])


if __name__ == "__main__":
    unittest.main()
