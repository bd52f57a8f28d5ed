#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of place.py: where the line stands in a source. Run ``python3 tools/porting/test_place.py``."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from porting import place


def lines(*each):
    return "\n".join(each) + "\n"


class Place(unittest.TestCase):
    def after(self, text, expected):
        self.assertEqual(place.after(text), expected, text)

    def test_last_header(self):
        """Behind the last kernel header, in front of private ones."""
        self.after(lines("// x", "#include <linux/a.h>", "", '#include "b.h"', "int x;"), 2)
        self.after(lines("#include <linux/a.h>", '#include "b.h"', "#include <linux/c.h>", "int x;"), 3)

    def test_condition(self):
        """Behind the #endif of a header that is included under a condition; but not behind that of others."""
        self.after(lines("#include <linux/a.h>", "#ifdef X", "#include <linux/b.h>", "#endif", "int x;"), 4)
        self.after(lines("#include <linux/a.h>", "#ifdef X", "#define Y", "#endif", "int x;"), 1)

    def test_code_between(self):
        """Headers behind the first code do not count. Macros, descriptions and declarations of names are no code."""
        self.after(lines("#include <linux/a.h>", "int x;", "#include <linux/b.h>"), 1)
        self.after(lines("#include <linux/a.h>", "#define Y \\", "\t<z>", "struct s;", 'MODULE_LICENSE("GPL");',
                         "#include <linux/b.h>", "int x;"), 6)

    def test_comments(self):
        """An include in a comment is none, and a string may look like a comment."""
        self.after(lines("#include <linux/a.h>", "/*", "#include <linux/b.h>", "*/", "// #include <linux/c.h>"), 1)
        self.assertEqual(place.without_comments('a = "/*"; /* b */ c // d\n'), 'a = "/*";         c     \n')

    def test_none(self):
        """A source without a kernel header gets the line at its top."""
        self.after(lines('#include "x.h"', "int x;"), 0)
        self.assertEqual(place.moved('#include "x.h"\n'), '#include <cmwq2/shim.h>\n#include "x.h"\n')

    def test_moved(self):
        """The line stands between empty lines. Nothing else changes."""
        self.assertEqual(place.moved(lines("#include <linux/a.h>", "int x;")),
                         lines("#include <linux/a.h>", "", "#include <cmwq2/shim.h>", "", "int x;"))
        self.assertEqual(place.moved(lines("#include <linux/a.h>", "", '#include "b.h"')),
                         lines("#include <linux/a.h>", "", "#include <cmwq2/shim.h>", "", '#include "b.h"'))

    def test_numbered(self):
        """The compiler counts the lines as they were."""
        self.assertEqual(place.numbered("#include <linux/a.h>\nint x;\n", "x.c").splitlines(),
                         ['#line 1 "x.c"', "#include <linux/a.h>", "#include <cmwq2/shim.h>", '#line 2 "x.c"',
                          "int x;"])

    def test_private_first(self):
        """A private header in front of the line."""
        self.assertTrue(place.private_first('#include "x.h"\n#include <linux/a.h>\n'))
        self.assertFalse(place.private_first('#include <linux/a.h>\n#include "x.h"\n'))


if __name__ == "__main__":
    unittest.main()
