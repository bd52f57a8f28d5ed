#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of survey.py: the table of `make drivers` and what it fails over. Run ``python3 tools/porting/test_survey.py``;
gcc is needed."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from porting import port, shared, survey
from porting.test_port import PLAIN, STATE, TTY
from porting.testing import Kernel
from porting.units import Wrong


def entries(**results):
    return [survey.Entry(f"{name.rstrip('0123456789')}/x.c", *(each if isinstance(each, tuple) else (each,)))
            for name, each in results.items()]


class Result(unittest.TestCase):
    def test_table(self):
        """A column for each subsystem, and percent of all files."""
        found = entries(drivers1=port.LINE, drivers2=(port.PRELUDE, "", "struct x"), fs=(port.REFUSED, "why"),
                        net=port.LINE)
        rows = [line.split() for line in survey.table(found)]
        self.assertEqual(rows[0], ["drivers", "fs", "net", "all", "%"])
        self.assertEqual([row[-5:] for row in rows[1:]], [
            ["1", "0", "1", "2", "50"], ["1", "0", "0", "1", "25"], ["1", "0", "0", "1", "25"],
            ["0", "1", "0", "1", "25"], ["0", "0", "0", "0", "0"], ["2", "1", "1", "4", "100"]])

    def test_wrong(self):
        """An obscure error, a silent difference and too few that move are each an error."""
        good = entries(fs1=port.LINE, fs2=port.PRELUDE, fs3=port.LINE, fs4=(port.REFUSED, "why"))
        self.assertIsNone(survey.wrong(good, 75))
        for more, words in ((entries(fs=(port.OBSCURE, "x.c:1: no")), "says nothing: x.c:1: no"),
                            (entries(fs=(port.LINE, "", "", "struct s of include/s.h")),
                             "struct s of include/s.h has changed"),
                            (entries(fs=(port.REFUSED, "why")), "only 3 of 5 files move, less than 75 %")):
            self.assertIn(words, survey.wrong([*good, *more], 75) or "")


class Lists(Kernel):
    def listed(self, text):
        path = self.home / "list"
        path.write_text(text)
        return survey.read_list(path)

    def surveyed(self, names):
        return list(survey.survey(survey.natively(names, self.own, 1)[0], self.own, self.work, 2,
                                  shared.Includers(self.own, ["drivers"])))

    def test_whole(self):
        """A driver moves if all of its files do, and if no other driver shares a structure with it."""
        self.put({"drivers/x/Makefile": "module = both\nobj-m := both.o\n", "drivers/x/state.h": STATE,
                  "drivers/x/a.c": '#include "state.h"\nint a(struct state *s) { return schedule_work(&s->work); }\n',
                  "drivers/x/b.c": '#include "state.h"\nint b(struct state *s) { return s->id; }\n'})
        rows = []
        for more in ({}, {"drivers/y/y.c": '#include "../x/state.h"\n'},
                     {"drivers/x/b.c": TTY % ("", "schedule_work(&tty->SAK_work);")}):
            self.put(more)
            rows.append(survey.whole("drivers/x/", self.own, self.work, 1,
                                     shared.Includers(self.own, ["drivers"])).row())
        self.assertEqual(rows, [["drivers/x/", "2", "2", "yes"], ["drivers/x/", "2", "2", "no"],
                                ["drivers/x/", "2", "1", "no"]])

    def test_list(self):
        """The first line names the series."""
        self.assertEqual(self.listed("# Linux 7.3.4, seed 1\n\ndrivers/x/x.c\n"), ("7.3", ["drivers/x/x.c"]))
        for text in ("", "drivers/x/x.c\n", "# Linux 7.3\n"):
            with self.assertRaisesRegex(Wrong, "the first line names no kernel"):
                self.listed(text)
        self.assertEqual(self.listed("# Linux 7.3\nfs/a.b.c\nfs/x..y/\n")[1], ["fs/a.b.c", "fs/x..y/"])
        for name in ("/etc/x.c", "../x.c", "fs/../../x.c", "fs/./x.c", "Makefile", "fs/a b.c", "fs", "/", "\x01\ufffd"):
            with self.assertRaisesRegex(Wrong, rf":2: {re.escape(name)}: allowed: a path in the kernel's tree"):
                self.listed(f"# Linux 7.3\n{name}\n")

    def test_natively(self):
        """A file that does not compile as it is gets a line, and so does one that is built in. A file that does not
        exist means that the list is for another kernel."""
        self.put({"drivers/x/good.c": PLAIN, "drivers/x/bad.c": "int x = y;\n", "drivers/x/Makefile": "",
                  "drivers/in/in.c": PLAIN, "drivers/in/Makefile": "built = in\n"})
        found, left_out = survey.natively([f"drivers/{name}.c" for name in ("x/good", "x/bad", "in/in")], self.own, 1)
        self.assertEqual([unit.source.name for unit in found], ["good.c"])
        self.assertRegex(left_out[0], "^drivers/x/bad.c: it does not compile as it is: .*undeclared")
        self.assertEqual(left_out[1:], ["drivers/in/in.c: the configuration of this kernel does not make a module of "
                                        "it, so it cannot use cmwq2"])
        with self.assertRaisesRegex(Wrong, "drivers/x/none.c: no such file; the list is for another kernel"):
            survey.natively(["drivers/x/none.c"], self.own, 1)

    def test_survey(self):
        """Each outcome, in the order of the list. A structure that another module shares is named."""
        self.put({"drivers/x/state.h": STATE,
                  "drivers/x/Makefile": "obj-m := a.o b.o\nobj-$(CONFIG_C) += c.o \\\n\td.o\n",
                  "drivers/x/a.c": PLAIN,
                  "drivers/x/b.c": TTY % ("", "schedule_work(&tty->SAK_work);"),
                  "drivers/x/c.c": '#include "state.h"\nint c(struct state *s) { return schedule_work(&s->work); }\n',
                  "drivers/x/d.c": '#include "state.h"\nint d(struct state *s) { return s->id; }\n'})
        names = [f"drivers/x/{each}.c" for each in "abcd"]
        found = self.surveyed(names)
        self.assertEqual([(each.name, each.result) for each in found], list(zip(names, (
            port.LINE, port.REFUSED, port.PRELUDE, port.PRELUDE))))
        self.assertEqual([each.others for each in found], ["", "", "struct state of drivers/x/state.h is shared with d",
                                                           "struct state of drivers/x/state.h is shared with c"])
        self.assertEqual({each.silent for each in found}, {""})

    def test_copied(self):
        """Files that belong to no module of the kernel are moved in a copy. A file that does not compile is named."""
        self.put({"drivers/x/a.c": PLAIN, "drivers/x/Makefile": "", "drivers/y/b.c":
                  TTY % ("", "schedule_work(&tty->SAK_work);")})
        names = ["drivers/x/a.c", "drivers/y/b.c"]
        found = list(survey.copied(names, self.own, self.work, 2))
        self.assertEqual([(each.name, each.result) for each in found], list(zip(names, (port.LINE, port.REFUSED))))
        self.assertTrue(found[1].reason.startswith("drivers/y/b.c:4: SAK_work of the kernel's struct"), found[1])
        self.assertFalse((self.tree / "drivers/x/a.o").exists())
        for text, words in (("int x = y;\n", "drivers/x/bad.c: it does not compile as it is: .*undeclared"),
                            (None, "drivers/x/bad.c: no such file; the list is for another kernel")):
            if text:
                self.put({"drivers/x/bad.c": text})
            else:
                (self.tree / "drivers/x/bad.c").unlink()
            work = self.home / f"work-{bool(text)}"
            work.mkdir()
            with self.assertRaisesRegex(Wrong, words):
                list(survey.copied(["drivers/x/bad.c"], self.own, work, 1))

    def test_silent(self):
        """If a header of the kernel has got another layout without an error, the structure is named."""
        self.put({"include/linux/late.h": "#include <linux/workqueue.h>\nstruct late { struct work_struct work; };\n",
                  "drivers/x/Makefile": "",
                  "drivers/x/a.c": "#include <linux/workqueue.h>\nint x;\n#include <linux/late.h>\n"
                                   "struct late late;\n"})
        found = self.surveyed(["drivers/x/a.c"])
        self.assertEqual([(each.result, each.silent) for each in found],
                         [(port.LINE, "struct late of include/linux/late.h")])


if __name__ == "__main__":
    unittest.main()
