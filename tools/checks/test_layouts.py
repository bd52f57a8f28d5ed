#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of layouts.py. Run ``python3 tools/checks/test_layouts.py``; no kernel is needed."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections import defaultdict
from pathlib import Path

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
from checks import layouts  # noqa: E402

# A driver's header, and a main file and another file, which include it either behind the line of the shim or not.
COMMON = """
struct work_struct { long data; void (*func)(void); };
struct cmwq2_work { long data; void (*func)(void); unsigned long more; };
#ifdef MOVED
#define work_struct cmwq2_work
#define flush_work cmwq2_flush_work
#endif
#include "driver.h"
"""
DRIVER = """
struct plain { int a, b; };
struct device {
	struct work_struct flush_work;
	struct { struct plain inner; };
	unsigned bits : 3;
	int id;
};
struct opaque;
"""
# The same debug information as two versions of binutils print it.
READELF = (
    """ <0><b>: Abbrev Number: 1 (DW_TAG_compile_unit)
    <11>   DW_AT_name        : (indirect line string, offset: 0x0): drivers/x/one.c
 <1><2d>: Abbrev Number: 2 (DW_TAG_structure_type)
    <2e>   DW_AT_name        : (indirect string, offset: 0x1b): device
    <32>   DW_AT_byte_size   : 16
    <33>   DW_AT_decl_line   : 3
 <2><37>: Abbrev Number: 3 (DW_TAG_member)
    <38>   DW_AT_name        : id
    <3c>   DW_AT_data_member_location: 8
""",
    """ <0><b>: Abbrev Number: 1 (DW_TAG_compile_unit)
    <11>   DW_AT_name        : (line_strp) (offset: 0): drivers/x/two.c
 <1><2d>: Abbrev Number: 2 (DW_TAG_structure_type)
    <2e>   DW_AT_name        : (strp) (offset: 0x1b): device
    <32>   DW_AT_byte_size   : (data1) 24
    <33>   DW_AT_decl_line   : (implicit_const) 3
 <2><37>: Abbrev Number: 3 (DW_TAG_member)
    <38>   DW_AT_name        : (string) id
    <3c>   DW_AT_data_member_location: (data1) 16
""")


def run(*arguments):
    """Run layouts.py and return its exit status, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = layouts.main([str(argument) for argument in arguments])
    return status, out.getvalue(), err.getvalue()


class TestReading(unittest.TestCase):
    def test_versions_of_readelf(self):
        found: defaultdict = defaultdict(lambda: defaultdict(set))
        for text in READELF:
            self.assertTrue(layouts.read(text.splitlines(), found, "x.ko"))
        self.assertEqual(list(found), [("device", 3, ("id",))])
        self.assertEqual(dict(found["device", 3, ("id",)]),
                         {(16, (64,)): {"one.c in x.ko"}, (24, (128,)): {"two.c in x.ko"}})

    def test_what_is_no_file(self):
        for path, word in (("/nonexistent.o", "no such file"), (__file__, "no debug information")):
            status, out, err = run(path)
            self.assertEqual((status, out), (1, ""))
            self.assertRegex(err, rf"^layouts.py: .*{word}.*\n$")


@unittest.skipUnless(shutil.which("gcc") and shutil.which("readelf"), "needs gcc and readelf")
class TestCompiled(unittest.TestCase):
    """Files of a driver of which one has the line of the shim and one does not."""

    def setUp(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)
        (self.home / "driver.h").write_text(DRIVER)

    def compile(self, name, *options, text=""):
        source = self.home / f"{name}.c"
        source.write_text(COMMON + text + "struct device device; struct plain plain; struct opaque *opaque;\n")
        subprocess.run(["gcc", "-g", "-c", *options, "-o", source.with_suffix(".o"), source], check=True)
        return source.with_suffix(".o")

    def test_half_moved(self):
        status, out, _ = run(self.compile("main"), self.compile("other", "-DMOVED"))
        lines = out.splitlines()
        self.assertEqual((status, len(lines)), (3, 2))
        self.assertRegex(lines[0], r"^struct device \(line 3 of its file\): 32 bytes in \S*main\.o; 40 bytes in "
                                   r"\S*other\.o, and an unnamed member is at 16 and 24$")

    def test_both_formats(self):
        for version in ("4", "5"):
            one = self.compile("main", f"-gdwarf-{version}")
            other = self.compile("other", f"-gdwarf-{version}", "-DMOVED")
            self.assertEqual(run(one, other)[0], 3)
            self.assertEqual(run(one, one)[0], 0)

    def test_moved_and_not_moved(self):
        for options in ([], ["-DMOVED"]):
            status, out, _ = run(self.compile("main", *options), self.compile("other", *options))
            self.assertEqual(status, 0, out)
            self.assertRegex(out, r"^2 files, \d+ structures, 0 with more than one layout\n$")

    def test_same_name_of_others(self):
        one = self.compile("main", text="struct own { int a; } own;\n")
        other = self.compile("other", text="struct own { long a, b; } own;\n")
        self.assertEqual(run(one, other)[0], 0)


if __name__ == "__main__":
    unittest.main()
