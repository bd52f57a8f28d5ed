#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of parity.py. Run ``python3 tools/checks/test_parity.py``; no kernel is needed."""

import contextlib
import io
import os
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
import tables
from checks import parity  # noqa: E402
from checks.parity import CONSTANT, FIELD, FUNCTION, MACRO, PARAMETER, QUEUE, SYSFS, TRACEPOINT, TYPE, Name  # noqa: E402

HEADER = """
#ifndef _LINUX_X_H
#define _LINUX_X_H
#include <linux/y.h>
/* struct commented { int out; }; */
#define WORK_MASK	((1 << 4) - 1)	// as this
#define DECLARE_X(n, f)	\\
	struct x n = { f }
#define alloc_x(...)	hooks(alloc_x_noprof(__VA_ARGS__))
enum x_flags {
	X_ONE	= 1 << 0,
#ifdef CONFIG_TWO
	X_TWO	= max(1, 2),	/* one, two */
#endif
	X_LAST,
};
enum { X_NAMELESS };
struct x;
typedef void (*x_func_t)(struct x *x);
struct x {
	atomic_long_t data;
	struct list_head entry[2], *more;
	void (*func)(struct x *x);
};
extern struct x *system_x;
__printf(1, 3) struct x *
alloc_x_noprof(const char *fmt, int max, ...);
extern void warn_x(void)
	__compiletime_warning("Do (not) do; this.");
#ifdef CONFIG_TWO
extern bool try_x(struct x *x, void (*fn)(int, int));
#else
static inline bool try_x(struct x *x, void (*fn)(int, int)) { if (x) { return true; } return false; }
#endif
void __init x_init(void);
#endif
"""

SOURCE = """
#define POLICY(_name, _kind, ...) MODE(0644, _name, _kind)
#define MODE(_mode, _name, _kind, ...)	\\
	static int _name##_x;		\\
	module_param_cb(_name, &ops, NULL, 0644)
#define QUEUE_ATTR(_what, _name)	__ATTR(_name, 0644, _what##_show, NULL)
POLICY(claim, choice);
POLICY(wake,
       choice);
MODE(0444, fixed, choice);
module_param_named(threshold, x_threshold, ulong, 0644);
__setup("workqueue.cpus=", x_setup);
static DEVICE_ATTR_RO(per_cpu);
static struct device_attribute x[] = { QUEUE_ATTR(x, cpumask), __ATTR(nice, 0644, a, b), __ATTR_NULL };
static DEVICE_ATTR_RW(cpumask);
TRACE_EVENT(workqueue_run,
	TP_PROTO(int x));
DEFINE_EVENT(class, workqueue_stop,
	TP_PROTO(int x));
"""


def names(*given):
    return {one.key: one for one in given}


def ours(*given, exported=()):
    return parity.Ours(names(*given), set(exported))


def table(entries=None, older=None, elsewhere=None):
    return parity.Table(entries or {}, older or {}, elsewhere or {})


def compare(name, our, entries=None):
    kernel = parity.Kernel("7.3.1", names(*name) if isinstance(name, tuple) else names(name), True)
    return parity.compare(kernel, our, table(entries))[-1]


class TestReading(unittest.TestCase):
    def test_header(self):
        found = parity.header_names(HEADER)
        kinds = {name: one.kind for name, one in found.items()}
        self.assertEqual(kinds, {
            "WORK_MASK": MACRO, "DECLARE_X": MACRO, "alloc_x": MACRO, "x_flags": TYPE, "X_ONE": CONSTANT,
            "X_TWO": CONSTANT, "X_LAST": CONSTANT, "X_NAMELESS": CONSTANT, "x": TYPE, "x_func_t": TYPE, "x.data": FIELD,
            "x.more": FIELD, "x.entry": FIELD, "x.func": FIELD, "system_x": QUEUE, "alloc_x_noprof": FUNCTION,
            "warn_x": FUNCTION, "try_x": FUNCTION, "x_init": FUNCTION})
        self.assertTrue(found["x"].aggregate)
        self.assertFalse(found["x_flags"].aggregate)
        self.assertTrue(found["DECLARE_X"].call)
        self.assertFalse(found["WORK_MASK"].call)
        self.assertFalse(found["try_x"].inline, "it is a function in some configurations")
        self.assertEqual({name: found[name].takes for name in ("DECLARE_X", "alloc_x", "alloc_x_noprof", "try_x",
                                                               "x_init")},
                         {"DECLARE_X": 2, "alloc_x": -1, "alloc_x_noprof": 3, "try_x": 2, "x_init": 0})

    def test_source(self):
        found = parity.construct_names(SOURCE)
        self.assertEqual(sorted(found), [
            "parameter:claim", "parameter:cpus", "parameter:fixed", "parameter:threshold", "parameter:wake",
            "sysfs:cpumask", "sysfs:nice", "sysfs:per_cpu", "tracepoint:workqueue_run", "tracepoint:workqueue_stop"])
        self.assertEqual(found["sysfs:cpumask"].count, 2)

    def test_tree(self):
        with tempfile.TemporaryDirectory() as name:
            home = Path(name)
            (home / "tree/include/linux").mkdir(parents=True)
            (home / "tree/include/linux/workqueue.h").write_text("")
            for directory in ("linked", "included", "neither"):
                (home / directory).mkdir()
            (home / "linked/source").symlink_to(home / "tree")
            (home / "included/Makefile").write_text(f"include {home}/tree/Makefile\n")
            for directory in ("tree", "linked", "included"):
                self.assertEqual(parity.tree_of(home / directory).resolve(), (home / "tree").resolve())
            with self.assertRaisesRegex(parity.Wrong, "neither: no .*workqueue.h.*allowed: "):
                parity.tree_of(home / "neither")

    def test_table(self):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name, "t.toml")
            for text, word in (("[names]\na = ''\n[older]\n[elsewhere]\n", "a: "), ("x", "t.toml"),
                               ("[names]\na = 1\n[older]\n[elsewhere]\n", "a: "), ("[nomes]\n", "nomes"),
                               ("[names]\na = 'a \"b\"'\n[older]\n[elsewhere]\n", "a: ")):
                path.write_text(text)
                with self.assertRaisesRegex(parity.Wrong, word):
                    parity.read_table(path)


class TestComparison(unittest.TestCase):
    def test_twins_by_rule(self):
        for name, twin in ((Name(FUNCTION, "run"), Name(FUNCTION, "cmwq2_run", inline=True)),
                           (Name(MACRO, "RUN"), Name(MACRO, "CMWQ2_RUN")),
                           (Name(FUNCTION, "__run_2"), Name(MACRO, "__cmwq2_run_2")),
                           (Name(CONSTANT, "__RUN"), Name(MACRO, "__CMWQ2_RUN")),
                           (Name(PARAMETER, "run"), Name(PARAMETER, "run")),
                           (Name(TRACEPOINT, "workqueue_run"), Name(TRACEPOINT, "cmwq2_run"))):
            row = compare(name, ours(twin))
            self.assertEqual((row.twin, row.wrong), (twin.key, ""))

    def test_no_twin_and_no_reason(self):
        for name in (Name(FUNCTION, "run"), Name(PARAMETER, "run"), Name(SYSFS, "run"), Name(TYPE, "run")):
            self.assertIn("and no reason in tools/parity.toml", compare(name, ours()).wrong)

    def test_what_is_no_twin(self):
        run = Name(FUNCTION, "run", takes=2)
        for our, word in ((ours(Name(FUNCTION, "cmwq2_run", takes=2)), "not exported"),
                          (ours(Name(TYPE, "cmwq2_run")), "none"),
                          (ours(Name(MACRO, "cmwq2_run", takes=3)), "takes 3 arguments, the kernel's 2")):
            self.assertIn(word, compare(run, our).wrong)
            self.assertIn(word, compare(run, our, {"run": "cmwq2_run"}).wrong)
        self.assertEqual(compare(run, ours(Name(FUNCTION, "cmwq2_run", takes=2), exported=["cmwq2_run"])).wrong, "")
        self.assertIn("2 directories", compare(Name(SYSFS, "mask", count=2), ours(Name(SYSFS, "mask"))).wrong)

    def test_entries(self):
        run, twin = Name(MACRO, "run"), Name(MACRO, "cmwq2_run")
        other = Name(MACRO, "cmwq2_other")
        self.assertEqual(compare(run, ours(other), {"run": "cmwq2_other"}).twin, "cmwq2_other")
        self.assertEqual(compare(run, ours(), {"run": "it is of no use"}).reason, "it is of no use")
        self.assertIn("and a reason", compare(run, ours(twin), {"run": "it is of no use"}).wrong)
        self.assertIn("is the rule", compare(run, ours(twin), {"run": "cmwq2_run"}).wrong)
        self.assertIn("there is none", compare(run, ours(), {"run": "cmwq2_other"}).wrong)

    def test_fields(self):
        given = (Name(TYPE, "x", aggregate=True), Name(FIELD, "x.data"))
        our = ours(Name(TYPE, "cmwq2_y", aggregate=True), Name(FIELD, "cmwq2_y.data"))
        self.assertEqual(compare(given, our, {"x": "cmwq2_y"}).twin, "cmwq2_y.data")
        self.assertEqual(compare(given, ours(), {"x": "it is of no use"}).reason, "it is of no use")

    def test_stale(self):
        kernel = parity.Kernel("7.3.1", names(Name(MACRO, "run")), True)
        self.assertEqual(parity.stale(kernel, table({"run": "why"}, {"old": "why"})), [])
        self.assertEqual(len(parity.stale(kernel, table({"gone": "why"}, {"run": "why"}))), 2)


class TestOtherHeaders(unittest.TestCase):
    """What the shim has to know about headers other than those of the workqueue."""

    def test_headers(self):
        with tempfile.TemporaryDirectory() as name:
            for path in ("linux/workqueue.h", "linux/x.h", "net/x/y.h"):
                (Path(name) / "include" / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(name) / "include" / path).write_text("/* struct work_struct */ int x;")
            found = parity.other_headers(Path(name))
        self.assertEqual(list(found), ["linux/x.h", "net/x/y.h"])
        self.assertNotIn("work_struct", found["linux/x.h"])

    def test_unwatched(self):
        headers = {"linux/a.h": "struct work_struct w;", "new/a.h": "struct  delayed_work w;",
                   "new/b.h": "int work_struct;"}
        found = parity.unwatched(headers, 'CMWQ2_SHIM_IN("linux") || CMWQ2_SHIM_IN("net")')
        self.assertEqual(len(found), 1)
        self.assertIn("include/new/a.h", found[0])

    def test_expanding(self):
        kernel = names(Name(MACRO, "INIT_X", call=True), Name(MACRO, "X_MASK"), Name(FUNCTION, "run_x"))
        headers = {"a.h": "#define __MADE(n) { INIT_X(n.x) }\n#define MAKE(n) struct y n = __MADE(n)\n"
                          "#define ODD INIT_X",
                   "b.h": "#define MAKE_STATIC(n) static MAKE(n)\n#define MASK X_MASK\n#define RUN(n) run_x(n)\n"}
        found = parity.expanding(headers, kernel, table())
        self.assertEqual([line.split()[0] for line in found], ["MAKE", "MAKE_STATIC", "ODD"])
        self.assertEqual(parity.expanding(headers, kernel, table(None, None, {
            "MAKE()": "because", "MAKE_STATIC()": "because", "ODD": "because"})), [])


class TestOutput(unittest.TestCase):
    def test_shim(self):
        rows = [parity.Row(Name(TYPE, "x", aggregate=True), twin="cmwq2_x"),
                parity.Row(Name(TYPE, "tag"), reason="why"),
                parity.Row(Name(MACRO, "RUN", call=True), twin="CMWQ2_RUN"),
                parity.Row(Name(MACRO, "END"), reason="why")]
        text = parity.shim(rows, table(None, {"old": "cmwq2_x"}, {"other()": "because"}))
        for line in ("#define x CMWQ2_SHIM_TAG cmwq2_x\n",
                     "#undef RUN\n#define RUN(...) CMWQ2_RUN(__VA_ARGS__)\n",
                     '#define END \\\n\tCMWQ2_SHIM_REFUSED("END: why")\n', "#define old cmwq2_x\n",
                     '#define other(...) \\\n\tCMWQ2_SHIM_REFUSED("other: because")\n'):
            self.assertIn(line, text)
        self.assertNotIn("tag", text)

    def test_rst(self):
        rows = [parity.Row(Name(FUNCTION, "run"), twin="cmwq2_run"),
                parity.Row(Name(FUNCTION, "end"), reason="why " * 30),
                parity.Row(Name(FUNCTION, "lost"), wrong="lost")]
        text = parity.rst(rows)
        self.assertIn("``run``  ``cmwq2_run``\n", text)
        self.assertNotIn("lost", text)
        self.assertLess(max(map(len, text.splitlines())), 80)

    def test_narrow(self):
        """On a terminal no line is too long, and names stay whole. In a pipe every row is one line."""
        rows = [parity.Row(Name(FUNCTION, "run"), twin="cmwq2_run"),
                parity.Row(Name(FUNCTION, "end"), reason="the reason why there is none " * 5),
                parity.Row(Name(FUNCTION, "a" * 40), twin="b" * 50)]
        for width, widest, lines in ((60, 60, 10), (0, 200, 5)):
            said = io.StringIO()
            with contextlib.redirect_stdout(said), tables.at_most(width):
                parity.print_rows(rows)
            self.assertLessEqual(max(map(len, said.getvalue().splitlines())), widest)
            self.assertGreaterEqual(lines, said.getvalue().count("\n"))
            self.assertTrue("a" * 40 in said.getvalue() and "b" * 50 in said.getvalue())

    def test_generated_part(self):
        old = f"/* {parity.BEGIN} */\nold\n/* {parity.END} */\nrest\n"
        new = parity.with_generated(old, "\nnew\n", "f")
        self.assertEqual(new, f"/* {parity.BEGIN} */\n\nnew\n\n/* {parity.END} */\nrest\n")
        self.assertEqual(parity.with_generated(new, "\nnew\n", "f"), new)
        with self.assertRaisesRegex(parity.Wrong, "f: no lines"):
            parity.with_generated(f"/* {parity.BEGIN} */\n", "new", "f")

    def test_command_line(self):
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "include/linux").mkdir(parents=True)
            for text, status, word in (("struct work_struct;\n", 0, "Only the header"),
                                       ("void no_such_thing(void);\n", 1, "no_such_thing (Functions): no twin")):
                (Path(name) / "include/linux/workqueue.h").write_text(text)
                said, errors = io.StringIO(), io.StringIO()
                with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
                    self.assertEqual(parity.main([name]), status)
                self.assertIn(word, said.getvalue() + errors.getvalue())
            errors = io.StringIO()
            with contextlib.redirect_stderr(errors):
                self.assertEqual(parity.main([f"{name}/include"]), 1)
            self.assertEqual(errors.getvalue().count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
