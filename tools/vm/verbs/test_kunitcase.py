#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of kunitcase.py: the C code has each call once, in its context, and names only what kunit/lib has."""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import ROOT
from verbs import kunitcase, shrink

FUZZ = ROOT / "kunit/fuzz"
STUCK = "cmwq2: stuck: i1 on q0 does not start; 1 of the queue may have a slot"


def operations() -> list:
    """Return the names of all operations with the arguments that each takes."""
    table = (FUZZ / "fuzz.h").read_text().partition("#define FZ_EACH_CODE")[2].partition("#define FZ_ENUM")[0]
    return re.findall(r'x\(\w+, "(\w+)",[\s\\]*([^)]*)\)', table)


def corpus() -> list:
    """Return the programs of the corpus."""
    lines = (FUZZ / "corpus").read_text().splitlines()
    return [line.partition(": ")[2] for line in lines if line and not line.startswith("#")]


class TestCase(unittest.TestCase):
    def test_each_operation_has_code(self) -> None:
        names = operations()
        self.assertGreater(len(names), 30)
        for name, flags in names:
            words = [f"{letter}0" for letter in "QINC" if f"FZ_{letter}" in re.findall(r"\w+", flags)]
            program = f"queue unbound max2;item plain;item delayed;t0 {name} {' '.join(words).lower()}".strip()
            code = kunitcase.case(shrink.parse(program), STUCK, "seed 1")
            body = code.partition("static void fuzz_t0")[2].partition("\n}")[0]
            self.assertIn(";", body.partition("ctx;")[2] or body, name)
            self.assertNotRegex(code, r"\{[a-z]+\d?\}", name)

    def test_corpus(self) -> None:
        for text in corpus():
            program = shrink.parse(text)
            code = kunitcase.case(program, STUCK, "x")
            self.assertEqual(str(program), text)
            self.assertEqual(code.count("tw_alloc("), len(program.queues) + text.count("recreate"))
            self.assertEqual(code.count("{"), code.count("}"))
            self.assertIn("make fuzz, x: cmwq2: stuck", code)

    def test_functions_exist(self) -> None:
        library = "".join(path.read_text() for path in (ROOT / "kunit/lib").glob("*.h"))
        for text in corpus():
            for name in re.findall(r"\b(tw_\w+)\(", kunitcase.case(shrink.parse(text), STUCK, "x")):
                self.assertIn(f"{name}(", library)
            for name in re.findall(r"ops->(\w+)\(", kunitcase.case(shrink.parse(text), STUCK, "x")):
                self.assertIn(f"(*{name})(", library)

    def test_rules(self) -> None:
        program = shrink.parse("queue percpu;item plain;item plain;t0 queue q0 i0 c1;t0 flush i0")
        for verdict, line in (
                (STUCK, '!tw_pending(f->it[1]), "i1 to start"'),
                ("cmwq2: early: flush of i0 returned at 9 before i0 was done", "atomic_read(&f->it[0]->inside));"),
                ("cmwq2: reentered: i0 runs twice at 3", "tw_item_never_overlapped(f->it[0])"),
                ("cmwq2: cpu: i0 ran at 3 on CPU 0 instead of 1", "KUNIT_EXPECT_EQ(test, f->it[0]->cpu, 1);")):
            self.assertIn(line, kunitcase.case(program, verdict, "seed 1"))
        self.assertIn("tw_env(test)", kunitcase.case(program, "native: lost: i0 ran only 0 times", "seed 1"))

    def test_starved(self) -> None:
        """The pool gets workers again before the gates open."""
        program = shrink.parse("queue unbound reclaim max1;queue unbound;item plain;i0 wait n1;t0 starve q1 c1;"
                               "t0 queue q0 i0")
        code = kunitcase.case(program, STUCK, "seed 1")
        places = [code.index(text) for text in ("tw_fault_create(f->w[1], tw_cpu(1), CMWQ2_CREATE_STALLS)",
                                                'cmwq2_fault_create_set("off")', "complete_all(f->gate[1])")]
        self.assertEqual(places, sorted(places))

    def test_policies(self) -> None:
        self.assertIn(["claim", "none"], [list(each) for each in kunitcase.policies()])
        known = (ROOT / "src/lab/policy").glob("*.h")
        names = {path.stem for path in known} | {"profile"}
        self.assertEqual({name for name, _ in kunitcase.policies()}, names)


if __name__ == "__main__":
    unittest.main()
