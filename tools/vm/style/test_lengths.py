#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of lengths.py: files and functions that are too long are found, and exceptions that nothing needs."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case
from style import lengths


def _c(lines: int) -> str:
    """Return C code in which f() has @lines lines, a long initializer and a short function."""
    body = "\tx();\n" * (lines - 4)
    return (f"#include <a.h>\n\nstatic int x[] = {{\n{'	1,' + chr(10) if lines else ''}}};\n\n/* Says something. */\n"
            f"static int __must_check\nf(int a)\n{{\n{body}}}\n\nint g(void)\n{{\n\treturn 0;\n}}\n")


def _python(lines: int) -> str:
    return "class A:\n    def f(self):\n        \"\"\"Do it.\"\"\"\n" + "        x()\n" * (lines - 2) + "\n\ny = 1\n"


class Lengths(Case):
    def test_functions(self) -> None:
        """A function of 60 lines is fine, and one of 61 is named with its first line."""
        for name, make, line in (("a.c", _c, 8), ("a.py", _python, 2)):
            self.assertEqual(lengths.findings([(name, make(60))], {}), [])
            self.assertEqual(lengths.findings([(name, make(61))], {}),
                             [f"{name}:{line}: f() has 61 lines, at most 60"])

    def test_files(self) -> None:
        """A file of 600 lines is fine, and one of 601 is not."""
        for name in ("a.h", "a.c", "a.py"):
            self.assertEqual(lengths.findings([(name, "\n" * 600)], {}), [])
            self.assertEqual(lengths.findings([(name, "\n" * 601)], {}), [f"{name}:1: 601 lines, at most 600"])

    def test_exceptions(self) -> None:
        """What is listed may be longer. What is listed and is not longer is a finding."""
        longer = {"a.c:f": "a reason", "b.c": "a reason"}
        files = [("a.c", _c(70)), ("b.c", "\n" * 700)]
        self.assertEqual(lengths.findings(files, longer), [])
        found = lengths.findings([("a.c", _c(10))], longer)
        self.assertEqual([("a.c:f" in line, "b.c" in line) for line in found], [(True, False), (False, True)])

    def test_reasons(self) -> None:
        """Each exception has a reason."""
        self.assertTrue(all(lengths.LONGER.values()))


if __name__ == "__main__":
    unittest.main()
