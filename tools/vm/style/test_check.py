#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of check.py and python.py: what counts as a finding, and when a file is checked again."""

import ast
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import HERE, ROOT
from base.testing import Case
from style import check, python


class Checks(Case):
    def test_found_in_sources(self) -> None:
        """A line about a place in a file is a finding. Other output of the tools is not."""
        for line in ("src/a.c:1: WARNING:X: y", "Warning: src/a.c:1 no member 'x'", "src/a.c:1:2: warning: y",
                     "src/a.c:1:2: error: y"):
            self.assertTrue(bool(check.FOUND.match(line)))
        for line in ("total: 0 errors, 0 warnings, 12 lines checked", "  CC [M]  src/a.o",
                     "make: Entering directory 'x'"):
            self.assertFalse(bool(check.FOUND.match(line)))

    def test_remembered_findings(self) -> None:
        """Only contents that were found clean are not checked again."""
        memory = check._Memory()
        self.assertEqual([memory.findings(lambda: ["x"], "units"), memory.findings(lambda: ["x"], "units")],
                         [["x"], ["x"]])
        memory.known = memory.used
        self.assertEqual(memory.findings(lambda: ["x"], "units"), ["x"])
        memory.findings(list, "units")
        self.assertEqual(memory.findings(lambda: ["x"], "units"), [])
        self.assertEqual(memory.findings(lambda: ["x"], "units", "changed"), ["x"])

    def test_old_python(self) -> None:
        """Each kind of construct that Python 3.9 lacks is found. The command itself can be parsed by an even older
        one."""
        for text in ("import tomllib\n", "from itertools import pairwise\n", "zip(a, b, strict=True)\n",
                     "x.bit_count()\n",
                     "def f(a: int | None): pass\n", "a: int | str = 1\n", "@dataclass(slots=True)\nclass A: pass\n",
                     "match a:\n    case 1: pass\n", "try: pass\nexcept* E: pass\n"):
            self.assertEqual((text, len(python.findings("a.py", text))), (text, 1))
        for text in ("from __future__ import annotations\ndef f(a: int | None): pass\n", "a = 1 | 2\n",
                     "if (b := 1): pass\n", "x.removeprefix('a')\n"):
            self.assertEqual((text, python.findings("a.py", text)), (text, []))
        text = (HERE / "vm").read_text()
        ast.parse(text, feature_version=(3, 6))
        self.assertTrue(text.index("sys.version_info <") < text.index("from base import alive"))
        self.assertTrue(f"({python.OLDEST[0]}, {python.OLDEST[1]})" in text)

    def test_tables_of_files(self) -> None:
        """A file that is missing in its table is found, and so is an entry without a file."""
        table = check.table_after("x\nFiles\n---\n\n===  ===\na.py b/  c d\n``c.c``  e\n         more\nr*.txt  s\n"
                                  "===  ===\n", "Files")
        self.assertEqual(check.missing_in_table("doc", ["a.py", "b/", "c.c", "r-1.txt", "r.txt"], table), [])
        self.assertEqual(len(check.missing_in_table("doc", ["a.py", "b/", "c.c", "r.txt", "new.py"], table)), 1)
        self.assertEqual(len(check.missing_in_table("doc", ["a.py", "b/", "r.txt"], table)), 1)
        self.assertEqual(check.missing_in_table("doc", ["a.py", "b/", "r.txt"], table, ["c.c", "c.h"]), [])
        self.assertEqual(check.tables(ROOT, None), [])      # type: ignore


if __name__ == "__main__":
    unittest.main()
