#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of mutants.py and build/mutate.py: what is changed, and how the results are counted. Nothing is built."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from build import mutate
from verbs import mutants, suites

TEXT = """/* A comment: if (a < b) */
static int last = 1;

static bool take(struct x *x, int n)
{
\tif (n < 3 && x->left)
\t\treturn;
\t/* See litmus/take-put. */
\tsmp_mb();
\tlist_add_tail(&x->entry, &x->all);
\tx_put(x);
\tmutex_unlock(&x->lock);
\tWARN_ON(n > 1);
\treturn true;
}
"""


class TestMutants(unittest.TestCase):
    def test_operators(self) -> None:
        found = {(each.line, each.operator, each.after.strip()) for each in mutate.candidates("core/x.c", TEXT)}
        for each in ((6, "comparison", "if (n <= 3 && x->left)"), (6, "logic", "if (n < 3 || x->left)"),
                     (6, "condition", "if (!(n < 3 && x->left))"), (6, "constant", "if (n < 4 && x->left)"),
                     (7, "early return", ";"), (9, "barrier", ";"), (11, "put", ";"),
                     (10, "list end", "list_add(&x->entry, &x->all);"), (14, "result", "return false;")):
            self.assertIn(each, found)
        # Comments, declarations, checks and unlocking are left alone.
        self.assertFalse({1, 2, 8, 12, 13} & {line for line, _, _ in found})

    def test_apply(self) -> None:
        one = next(each for each in mutate.candidates("core/x.c", TEXT) if each.operator == "result")
        self.assertEqual(one.apply(TEXT), TEXT.replace("return true;", "return false;"))
        with self.assertRaises(ValueError):
            one.apply("\n" * 20)

    def test_choice(self) -> None:
        here = mutants.sources()
        first = mutate.chosen(here, 1, 60)
        self.assertEqual(first, mutate.chosen(here, 1, 60))
        self.assertNotEqual(first, mutate.chosen(here, 2, 60))
        self.assertEqual(len({(each.path, each.line) for each in first}), 60)
        # Each operator is used, and each change can be made.
        self.assertEqual({each.operator for each in first}, {each.name for each in mutate.OPERATORS})
        for each in first:
            self.assertNotEqual(each.apply(here[each.path]), here[each.path])

    def test_suites(self) -> None:
        names = {name for more in (mutants.ALWAYS, *mutants.MORE.values()) for name in more.split()}
        self.assertEqual({f"cmwq2_{name}" for name in names} - set(suites.kunit_suites()), set())
        self.assertEqual({path.partition("/")[0] for path in mutants.sources()} - set(mutants.MORE), set())
        self.assertIn("cmwq2_flush", mutants.suites_of("wait/flush.c"))

    def test_litmus_and_summary(self) -> None:
        self.assertEqual(mutants.litmus_near(TEXT, 9), "take-put")
        self.assertEqual(mutants.litmus_near(TEXT, 5), "")
        one = mutate.candidates("core/x.c", TEXT)[0]
        told = [mutants.Verdict(one, what) for what in [mutants.KILLED] * 18 + [mutants.LITMUS, mutants.SURVIVED]]
        text, enough = mutants.summary(told)
        self.assertIn("19 killed (1 of them by litmus tests), 1 survived", text)
        self.assertTrue(enough)
        self.assertFalse(mutants.summary([*told, mutants.Verdict(one, mutants.SURVIVED)])[1])
        # What cannot be built, or is the same code, does not count.
        self.assertTrue(mutants.summary([*told, mutants.Verdict(one, mutants.SAME)] * 3)[1])


if __name__ == "__main__":
    unittest.main()
