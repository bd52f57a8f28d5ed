#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of port.py, prelude.py and reasons.py: each kind of driver moves, or is refused with its reason. Run
``python3 tools/porting/test_port.py``; gcc is needed."""

import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from porting import compiler, port, prelude, units
from porting.testing import Kernel

PLAIN = """#include <linux/workqueue.h>
static void fn(struct work_struct *work) { }
static struct work_struct item;
int probe(void) { INIT_WORK(&item, fn); return schedule_work(&item); }
"""
STATE = """#ifndef STATE_H
#define STATE_H
#include <linux/tty.h>
struct state { struct work_struct work; int id; };
#endif
"""
# What stands in a function of a driver that has an item of the kernel's in a structure.
TTY = """#include <linux/tty.h>
struct work_struct mine;
void fn(struct work_struct *work) { %s }
void probe(struct tty_struct *tty) { %s }
"""


class Moving(Kernel):
    def outcome(self, text, name="drivers/x/x.c", module=""):
        return port.port(self.unit(name, text, module), self.own, self.work)

    def refused(self, text, reason, result=port.REFUSED):
        """Check that a driver does not move, and why."""
        outcome = self.outcome(text)
        self.assertEqual((outcome.result, str(outcome.reason)), (result, reason))

    def test_line(self):
        """A driver of one file moves by the line. The item in its own structure is larger then."""
        outcome = self.outcome(PLAIN + "struct own { struct work_struct work; } own;\n")
        self.assertEqual((outcome.result, outcome.reason), (port.LINE, None))
        self.assertEqual([(one.name, one.header, one.line) for one in outcome.changed],
                         [("own", self.tree / "drivers/x/x.c", 5)])

    def test_private_header(self):
        """A private header in front of the line needs a prelude, so that its structures move, too."""
        self.put({"drivers/x/state.h": STATE})
        text = '#include "state.h"\n' + PLAIN + "int init(struct state *s) { return schedule_work(&s->work); }\n"
        outcome = self.outcome(text)
        self.assertEqual((outcome.result, outcome.reason), (port.PRELUDE, None))
        self.assertEqual([(one.name, one.header) for one in outcome.changed],
                         [("state", self.tree / "drivers/x/state.h")])

    def test_several_files(self):
        """A file of a larger module always gets a prelude, even if the line alone would do."""
        self.assertEqual(self.outcome(PLAIN, module="larger").result, port.PRELUDE)

    def test_their_item(self):
        """An item in a structure of the kernel is named, with the structure and its header."""
        why = ("SAK_work of the kernel's struct tty_struct (include/linux/tty.h:6) belongs to the kernel's workqueue, "
               "and cmwq2 cannot take it")
        self.refused(TTY % ("", "schedule_work(&tty->SAK_work);"), f"drivers/x/x.c:4: {why}")
        self.refused(TTY % ("", "INIT_WORK(&tty->SAK_work, fn);"), f"drivers/x/x.c:4: {why}")

    def test_item_in_an_item(self):
        """The structure is named that an item lives in, and not the delayed item that it is a part of."""
        self.put({"include/linux/tx.h": "#ifndef TX_H\n#define TX_H\n#include <linux/workqueue.h>\n"
                  "struct tx {\n\tstruct work_struct work;\n};\nstruct context { struct tx tx; };\n#endif\n"})
        self.refused("#include <linux/tx.h>\nint probe(struct context *c, struct tx *t, struct delayed_work *d)\n{\n"
                     "\treturn schedule_work(&c->tx.work);\n}\n",
                     "drivers/x/x.c:4: work of the kernel's struct tx (include/linux/tx.h:5) belongs to the kernel's "
                     "workqueue, and cmwq2 cannot take it")

    def test_their_function(self):
        """A function of the kernel that takes an item is named, with its header."""
        self.refused(TTY % ("", "tty_queue(&mine);"), "drivers/x/x.c:4: the function tty_queue() of the kernel "
                     "(include/linux/tty.h:9) takes an item of the kernel's workqueue only")

    def test_their_handler(self):
        """So is a function that the driver implements for the kernel."""
        self.refused(TTY % ("", "") + "void tty_done(struct work_struct *work) { }\n",
                     "drivers/x/x.c:5: tty_done() is declared in a header of the kernel (include/linux/tty.h:10) with "
                     "an item or a queue of the kernel's workqueue")

    def test_field_with_the_name_of_a_tag(self):
        """An item of the kernel is named even if its field is called like a tag. A field that is no item is
        not called one."""
        self.put({"include/linux/pcm.h": "#ifndef PCM_H\n#define PCM_H\n#include <linux/workqueue.h>\n"
                  "struct pcm {\n\tstruct work_struct work_struct;\n};\nstruct other { int work_struct; };\n#endif\n"})
        text = "#include <linux/pcm.h>\nint probe(struct %s *p)\n{\n\treturn %s;\n}\n"
        self.refused(text % ("pcm", "schedule_work(&p->work_struct)"),
                     "drivers/x/x.c:4: work_struct of the kernel's struct pcm (include/linux/pcm.h:5) "
                     "belongs to the kernel's workqueue, and cmwq2 cannot take it")
        self.refused(text % ("other", "p->work_struct"),
                     "drivers/x/x.c:4: the field work_struct of struct other was declared before <cmwq2/shim.h> and "
                     "has the name of a tag: write #undef work_struct behind that line, and struct cmwq2_work for an "
                     "item of cmwq2")

    def test_macro_of_the_kernel(self):
        """The item is named, too, if only a macro of the kernel's header says in which structure it is."""
        self.put({"include/linux/closure.h": "#ifndef CLOSURE_H\n#define CLOSURE_H\n#include <linux/workqueue.h>\n"
                  "#define container_of(ptr, type, member) ({ \\\n"
                  "\t_Static_assert(__builtin_types_compatible_p(typeof(*(ptr)), typeof(((type *)0)->member)), \\\n"
                  "\t\t       \"pointer type mismatch in container_of()\"); (type *)(ptr); })\n"
                  "struct closure {\n\tstruct work_struct work;\n};\n"
                  "#define closure_type(name) struct closure *name = container_of(ws, struct closure, work)\n#endif\n"})
        self.refused("#include <linux/closure.h>\nvoid fn(struct work_struct *ws)\n{\n\tclosure_type(cl);\n}\n",
                     "drivers/x/x.c:4: work of the kernel's struct closure (include/linux/closure.h:8) belongs to the "
                     "kernel's workqueue, and cmwq2 cannot run its function")

    def test_stored(self):
        """A queue of cmwq2 in a structure of the kernel, and a function of an item there."""
        sides = "of the kernel's workqueue on one side and of cmwq2 on the other"
        self.refused("#include <linux/tty.h>\nstruct workqueue_struct *mine;\n"
                     "void probe(struct tty_struct *tty)\n{\n\ttty->wq = mine;\n}\n",
                     "drivers/x/x.c:5: wq of the kernel's struct tty_struct (include/linux/tty.h:7): it is a queue "
                     f"{sides}")

    def test_shim_says_it(self):
        """A message of the shim is a reason, even in a file that has other errors, too."""
        self.put({"include/linux/sched.h": "#ifndef PF_WQ_WORKER\n#define PF_WQ_WORKER 32\n#endif\n"})
        outcome = self.outcome("#include <linux/sched.h>\n#include <linux/workqueue.h>\n"
                               "int flags(int f) { return f & PF_WQ_WORKER; }\n")
        self.assertEqual(outcome.reason.text, "PF_WQ_WORKER: threads of cmwq2 do not have this flag")

    def test_obscure(self):
        """An error that nobody can explain is obscure."""
        outcome = self.outcome(PLAIN + "#ifdef CMWQ2_SHIM_H\nint x = unknown;\n#endif\n")
        self.assertEqual((outcome.result, outcome.reason.line), (port.OBSCURE, 6))
        self.assertIn("'unknown' undeclared", outcome.reason.text)

    def test_warning(self):
        """A warning that the driver did not have before is an error, one that it had is none."""
        fresh = PLAIN + "#ifdef CMWQ2_SHIM_H\nstatic int unused;\n#endif\n"
        self.assertEqual(self.outcome(fresh).result, port.OBSCURE)
        self.assertEqual(self.outcome(PLAIN + "#warning old\n").result, port.LINE)

    def test_tag_as_name(self):
        """A private header may use the tag delayed_work as a name."""
        self.put({"drivers/x/names.h": "#include <linux/workqueue.h>\n"
                  "struct names { struct work_struct delayed_work; };\n"
                  "static inline int later(struct names *n) { return schedule_work(&n->delayed_work); }\n"})
        outcome = self.outcome('#include "names.h"\nint probe(struct names *n) { return later(n); }\n')
        self.assertEqual((outcome.result, outcome.reason), (port.PRELUDE, None))


class Preludes(Kernel):
    def made(self, *files):
        return prelude.make([self.unit(name, text, "x") for name, text in files], self.own, "x")

    def includes(self, made):
        return [line for line in made.text.splitlines() if line.startswith("#include")]

    def test_headers(self):
        """A prelude has the headers that are named, in order, also those of private headers, but not those inside."""
        self.put({"drivers/x/state.h": STATE})
        made = self.made(("drivers/x/a.c", '#include <linux/printk.h>\n#include "state.h"\n'),
                         ("drivers/x/b.c", "#ifdef NOT_SET\n#include <linux/again.h>\n#endif\n"
                          "#include <linux/tty.h>\n"))
        self.assertEqual(self.includes(made), ["#include <linux/printk.h>", "#include <linux/tty.h>",
                                               "#include <cmwq2/shim.h>"])

    def test_left_out(self):
        """A header without a guard cannot be read twice. What it includes can stand in the prelude."""
        self.put({"include/linux/bare.h": "#include <linux/tty.h>\nenum { BARE };\n",
                  "include/trace/events/x.h": "#ifndef TRACE_X\n#define TRACE_X\n#include <linux/printk.h>\n#endif\n"})
        made = self.made(("drivers/x/a.c", "#include <linux/bare.h>\n#include <trace/events/x.h>\n"))
        self.assertEqual(self.includes(made), ["#include <linux/tty.h>", "#include <linux/printk.h>",
                                               "#include <cmwq2/shim.h>"])

    def test_macros(self):
        """Macros for the kernel's headers come first, with those that they use. Others, and those that are undefined
        before, stay where they are."""
        made = self.made(("drivers/x/a.c", '#define NAME "x"\n#define OTHER 1\n#define QUIET\n'
                          "#define pr_fmt(fmt) NAME \\\n\tfmt\n#include <linux/printk.h>\n"
                          "int x(void) { return pr_info(\"y\"); }\n"))
        lines = made.text.splitlines()
        self.assertEqual(lines[6:10], ['#define NAME "x"', "#define QUIET", "#define pr_fmt(fmt) NAME \\", "\tfmt"])
        self.assertEqual(made.flags, {})
        made = self.made(("drivers/x/b.c", "#include <linux/printk.h>\n#undef pr_fmt\n#define pr_fmt(fmt) fmt fmt\n"))
        self.assertNotIn("#define", made.text)

    def test_different_macros(self):
        """If the files define different macros, a flag selects those of a file, and all files compile."""
        text = "#include <linux/workqueue.h>\n#include <linux/printk.h>\nint %s(void) { return pr_info(\"y\"); }\n"
        files = [self.unit("drivers/x/a.c", '#define pr_fmt(fmt) "a" fmt\n' + text % "a", "x"),
                 self.unit("drivers/x/b.c", text % "b", "x")]
        made = prelude.make(files, self.own, "x")
        self.assertEqual(made.flags, {files[0].source: "CMWQ2_PRELUDE_MACROS=1"})
        for unit in files:
            self.assertEqual(port.port(unit, self.own, self.work, made).result, port.PRELUDE)


class Kernels(unittest.TestCase):
    def test_architecture(self):
        """The configuration says what a kernel is for, and so which headers are its own."""
        for lines, arch, place in (("CONFIG_X86_64=y\n", "x86_64", "x86"), ("CONFIG_ARM64=y\n", "arm64", "arm64"),
                                   ("CONFIG_UML=y\nCONFIG_X86_64=y\n", "um", "um")):
            with tempfile.TemporaryDirectory() as home:
                (Path(home) / ".config").write_text(lines)
                kernel = units.Kernel(Path(home), Path("/tree"))
                self.assertEqual(kernel.arch, arch)
                self.assertTrue(kernel.is_own(Path(f"/tree/arch/{place}/include/asm/page.h")))


class Messages(unittest.TestCase):
    def test_parsed(self):
        """Errors, their notes and the line of source below them."""
        found = compiler.messages("x.c: In function 'f':\nx.c:4:2: error: one\n    4 |  call(x);\n      |  ^~~~\n"
                                  "y.h:7:1: note: expected 'a'\nx.c:9:1: fatal error: two\n"
                                  "x.c:10:1: warning: w [-Wx]\n")
        self.assertEqual([(each.line, each.kind, each.text, each.shown) for each in found],
                         [(4, "error", "one", " call(x);"), (9, "error", "two", ""), (10, "warning", "w [-Wx]", "")])
        self.assertEqual([(note.file, note.line, note.text) for note in found[0].notes], [("y.h", 7, "expected 'a'")])

    def test_forced(self):
        """What is included from the command line, and what that includes, is not the source's."""
        listed = [compiler.Included(depth, Path(name)) for depth, name in ((1, "k"), (2, "l"), (1, "a"), (2, "b"))]
        self.assertEqual([one.path.name for one in compiler.without(listed, {Path("k")})], ["a", "b"])


if __name__ == "__main__":
    unittest.main()
