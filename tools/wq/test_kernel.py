#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of clock.py, flags.py, memory.py and program.py, which need neither drgn nor a kernel."""

import argparse
import os
import re
import sys
import unittest
from unittest import mock

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
from wq import memory, pools, program  # noqa: E402
from wq.clock import hz_from_tick, jiffies_between  # noqa: E402
from wq.engine import CMWQ2, NATIVE, Cmwq2Error  # noqa: E402
from wq.flags import WQ_INTERNAL_FLAGS, flag_names  # noqa: E402
from wq.program import NEEDED, NEEDED_OURS  # noqa: E402
from wq.show import format_ms  # noqa: E402

TYPES_H = os.path.join(TOOLS, "..", "src", "base", "types.h")


class NoDebugInfo:
    """A kernel of which drgn knows nothing but the types of a module."""

    flags = 1

    def __contains__(self, name):
        return False


class TestProgram(unittest.TestCase):
    def test_no_debug_info(self):
        """Without the debug info of the kernel this is said first, for both engines."""
        for engine in (CMWQ2, NATIVE):
            with mock.patch.object(program, "ProgramFlags", argparse.Namespace(IS_LINUX_KERNEL=1)), \
                    self.assertRaises(Cmwq2Error) as caught:
                program.check_program(NoDebugInfo(), engine)
            self.assertEqual(str(caught.exception), "no debug info of the kernel: give drgn -s vmlinux")


class TestTime(unittest.TestCase):
    def test_hz(self):
        for hz in (24, 100, 128, 250, 300, 1000, 1200):
            self.assertEqual(hz_from_tick(10**9 // hz), hz)
        self.assertEqual(hz_from_tick(999848), 1000)  # tick length of an i8254

    def test_hz_of_nothing(self):
        with self.assertRaises(ValueError):
            hz_from_tick(0)

    def test_jiffies_between(self):
        self.assertEqual(jiffies_between(10, 15), 5)
        self.assertEqual(jiffies_between(2**64 - 2, 3), 5)
        self.assertEqual(jiffies_between(2**32 - 2, 3, 32), 5)
        self.assertEqual(jiffies_between(16, 15), 0)

    def test_format(self):
        for ms, text in ((None, "-"), (0, "0 ms"), (999, "999 ms"), (1000, "1.000 s"),
                         (99999, "99.999 s"), (100000, "100 s")):
            self.assertEqual(format_ms(ms), text)


class TestFlags(unittest.TestCase):
    def test_names(self):
        bits = {0: "managed", 2: "fail"}
        self.assertEqual(flag_names(0, bits), [])
        self.assertEqual(flag_names(5, bits), ["managed", "fail"])
        self.assertEqual(flag_names(9, bits), ["managed", "bit3"])

    def test_internal_flags_are_those_of_the_header(self):
        with open(TYPES_H) as header:
            found = re.findall(r"#define\s+CMWQ2_WQ_(\w+)\s+BIT\((\d+)\)", header.read())
        bits = {int(bit): name.lower() for name, bit in found}
        self.assertEqual(WQ_INTERNAL_FLAGS, bits)


class FakeType:
    def __init__(self, *members):
        self.members = members

    def has_member(self, name):
        return name in self.members


class FakeProgram:
    """A program whose types have all the members that are needed, except one."""

    def __init__(self, without):
        self.without = without

    def type(self, name):
        if name == self.without:
            raise LookupError(name)
        members = " ".join([*NEEDED.values(), *NEEDED_OURS.values()]).split()
        return FakeType(*(m for m in members if m != self.without))


class TestStamp(unittest.TestCase):
    def test_item_without_a_stamp(self):
        """A module whose items have no stamp is accepted."""
        asked = {}

        def layout(_prog, _name, paths):
            asked.update(paths)
            return argparse.Namespace(fields=[("func", argparse.Namespace(format="<Q"), 0)])

        prog = mock.Mock(cache={})
        with mock.patch.object(memory, "stamp_member", lambda prog: None), \
             mock.patch.object(memory, "Layout", layout), \
             mock.patch.object(memory, "offsetof", lambda *_: 0):
            memory._work_layout(prog, CMWQ2)
        self.assertTrue(all(isinstance(path, str) for path in asked.values()), asked)


class TestStates(unittest.TestCase):
    def test_waits_for_a_spinlock(self):
        """On PREEMPT_RT such a thread sleeps, and the kernel shows it as D."""
        for state in (0x1000, 0x1002):
            task = mock.Mock(**{"__state.value_.return_value": state})
            self.assertEqual(pools.task_state(task), "D")
        with mock.patch.dict(sys.modules, {"drgn.helpers.linux.sched": mock.Mock(**{
                "task_state_to_char.return_value": "S"})}):
            self.assertEqual(pools.task_state(mock.Mock(**{"__state.value_.return_value": 1})), "S")


class TestTypes(unittest.TestCase):
    """A module or kernel that this script is not made for."""

    def test_fits(self):
        for engine in (CMWQ2, NATIVE):
            self.assertIsNone(program._missing(FakeProgram("none"), engine))

    def test_type_is_missing(self):
        self.assertEqual(program._missing(FakeProgram("struct cmwq2_pwq"), CMWQ2),
                         "struct cmwq2_pwq")

    def test_member_is_missing(self):
        self.assertEqual(program._missing(FakeProgram("kicked_at"), CMWQ2),
                         "member kicked_at in struct cmwq2_pool")
        self.assertIsNone(program._missing(FakeProgram("kicked_at"), NATIVE))

    def test_needed_members_are_in_the_header(self):
        with open(TYPES_H) as header:
            text = header.read()
        for kind in ("pool", "worker", "pwq", "wq"):
            body, = re.findall(rf"^struct cmwq2_{kind} {{\n(.*?)^}};?", text, re.S | re.M)
            for member in f"{NEEDED[kind]} {NEEDED_OURS.get(kind, '')}".split():
                self.assertRegex(body, rf"\b{member}\b", f"struct cmwq2_{kind}")


if __name__ == "__main__":
    unittest.main()
