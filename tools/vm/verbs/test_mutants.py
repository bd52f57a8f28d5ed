#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of mutants.py, build/mutate.py and build/covered.py: what is changed, which suites run, and how the results are
counted. Nothing is built."""

import sys
import tempfile
import unittest
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import Problem
from build import covered, mutate
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
\tsay("-1 to 5", x);
\treturn true;
}

static int __init begin(void)
{
\tmutex_lock(&lock);
\tfirst();
\tmutex_unlock(&lock);
\treturn 0;
}
"""


class TestMutate(unittest.TestCase):
    def test_operators(self) -> None:
        found = {(each.line, each.operator, each.after.strip()) for each in mutate.candidates("core/x.c", TEXT)}
        for each in ((6, "comparison", "if (n <= 3 && x->left)"), (6, "logic", "if (n < 3 || x->left)"),
                     (6, "condition", "if (!(n < 3 && x->left))"), (6, "constant", "if (n < 4 && x->left)"),
                     (7, "early return", "(void)0;"), (9, "barrier", "(void)0;"), (11, "put", "(void)0;"),
                     (10, "list end", "list_add(&x->entry, &x->all);"), (15, "result", "return false;"),
                     (11, "lock scope", "mutex_unlock(&x->lock);\n\tx_put(x);"),
                     (20, "lock scope", "first();\n\tmutex_lock(&lock);"),
                     (21, "lock scope", "mutex_unlock(&lock);\n\tfirst();")):
            self.assertIn(each, found)
        # Comments, declarations, checks and unlocking are left alone.
        self.assertFalse({1, 2, 8, 12, 13, 22} & {line for line, _, _ in found})
        # A text is left alone, the call is not.
        self.assertEqual({operator for line, operator, _ in found if line == 14}, {"call"})

    def test_functions(self) -> None:
        take, begin = mutate.functions(TEXT)
        self.assertEqual((take.name, take.head, take.body, take.last), ("take", 4, 5, 16))
        self.assertEqual((begin.name, begin.head, begin.last), ("begin", 18, 24))

    def test_alike(self) -> None:
        twice = TEXT.replace("\tx_put(x);\n", "\tx_put(x);\n\tif (n)\n\t\tx_put(x);\n")
        first, second = (each for each in mutate.candidates("core/x.c", twice) if each.operator == "put")
        self.assertEqual((first.key, first.nth, second.nth), (second.key, 0, 1))
        self.assertNotEqual(mutants._again(first), mutants._again(second))

    def test_apply(self) -> None:
        one = next(each for each in mutate.candidates("core/x.c", TEXT) if each.operator == "result")
        self.assertEqual(one.apply(TEXT), TEXT.replace("return true;", "return false;"))
        two = next(each for each in mutate.candidates("core/x.c", TEXT) if each.line == 20)
        self.assertEqual(two.apply(TEXT), TEXT.replace("\tmutex_lock(&lock);\n\tfirst();\n",
                                                       "\tfirst();\n\tmutex_lock(&lock);\n"))
        self.assertEqual(two.hunk().split("\n")[2], "+\tfirst();")
        with self.assertRaises(ValueError):
            one.apply("\n" * 20)

    def test_choice(self) -> None:
        here = mutants.sources()
        first = mutate.chosen(here, 1, 60)
        self.assertEqual(first, mutate.chosen(here, 1, 90)[:60])
        self.assertNotEqual(first, mutate.chosen(here, 2, 60))
        self.assertEqual(len({(each.path, each.line) for each in first}), 60)
        # Each operator is used, and each change can be made.
        self.assertEqual({each.operator for each in first},
                         {each.name for each in mutate.OPERATORS} | {mutate.LOCK_SCOPE})
        for each in first:
            self.assertNotEqual(each.apply(here[each.path]), here[each.path])

    def test_lists(self) -> None:
        here = mutants.sources()
        for each in mutate.by_hand(here):
            self.assertNotEqual(each.apply(here[each.path]), here[each.path])
            self.assertEqual(set(each.suites) - {*suites.kunit_suites(), *suites.shell_suites()}, set())
        # A mutation that cannot be made any more has no place among the equivalent ones.
        possible = {each.key for path, text in here.items() for each in mutate.candidates(path, text)}
        possible |= {each.key for each in mutate.by_hand(here)}
        self.assertEqual(mutate.equivalent().keys() - possible, set())
        # The reason is for one line.
        alike = {each.key for path, text in here.items() for each in mutate.candidates(path, text) if each.nth}
        self.assertEqual(mutate.equivalent().keys() & alike, set())

    def test_hunks(self) -> None:
        text = "# How it is written.\n\ncore/x.c take: Why\n    it is.\n \tif (a)\n-\t\tb();\n\ny.c z: Other.\n-c\n+d\n"
        first, second = mutate.hunks(text)
        self.assertEqual((first.path, first.function, first.what, first.before, first.after),
                         ("core/x.c", "take", "Why it is.", "\tif (a)\n\t\tb();", "\tif (a)"))
        self.assertEqual((second.before, second.after), ("c", "d"))
        self.assertEqual(mutate.hunks("# None yet.\n"), [])
        for bad in ("core/x.c: Why.\n-a\n", "core/x.c take: Why.\nnothing\n"):
            with self.assertRaises(Problem):
                mutate.hunks(bad)

    def test_not_found(self) -> None:
        listed = mock.Mock(**{"read_text.return_value": "core/x.c take: Why. [x86/pn cmwq2_kick]\n-\tx_put(x);\n"})
        with mock.patch.object(mutate, "BY_HAND", listed):
            one, = mutate.by_hand({"core/x.c": TEXT})
            self.assertEqual((one.line, one.vehicle, one.suites), (11, "x86/pn", ("cmwq2_kick",)))
            for other in (TEXT.replace("x_put(x)", "y_put(x)"), TEXT.replace("\tx_put(x);\n", "\tx_put(x);\n" * 2)):
                with self.assertRaises(Problem):
                    mutate.by_hand({"core/x.c": other})


class TestMutants(unittest.TestCase):
    def test_covered(self) -> None:
        printed = ("0x0000000000000010\n/out/modules/uml-mutants/src/core/x.c:6 (discriminator 2)\n"
                   "0x0000000000000020\n/out/src/base/work.h:9\n/out/src/core/x.c:11\n0x0000000000000030\n??:?\n")
        self.assertEqual(covered.by_address(printed), {16: [("core/x.c", 6)], 48: [],
                                                       32: [("base/work.h", 9), ("core/x.c", 11)]})

    def test_likely(self) -> None:
        one = next(each for each in mutate.candidates("core/x.c", TEXT) if each.line == 11)
        ran = {"slow": {"core/x.c": {6, 9, 18}}, "quick": {"core/x.c": {5, 6, 18}}, "most": {"core/x.c": {5, 6, 7}},
               "file": {"core/x.c": {6, 18, 19, 20}}, "begin": {"core/x.c": {18, 19}}, "other": {"core/y.c": {6}}}
        seconds = {"slow": 9, "quick": 1, "begin": 3, "other": 2}
        self.assertEqual(mutants.likely(one, TEXT, ran, seconds, {}), ["most", "quick", "file", "slow"])
        # One that has found much is worth its time.
        self.assertEqual(mutants.likely(one, TEXT, ran, seconds, {"slow": 4}), ["most", "slow", "quick", "file"])
        # No suite was seen to run the function, but one runs the file.
        unseen = {name: ran[name] for name in ("begin", "other")}
        self.assertEqual(mutants.likely(one, TEXT, unseen, seconds, {}), ["begin"])
        # No suite was seen to run it, or it runs while the module is loaded.
        self.assertEqual(mutants.likely(one, TEXT, {"other": ran["other"]}, seconds, {}), ["other"])
        once = next(each for each in mutate.candidates("core/x.c", TEXT) if each.line == 20)
        self.assertEqual(mutants.likely(once, TEXT, {"most": ran["most"], "other": ran["other"]}, seconds, {}),
                         ["most", "other"])
        # A few suites run however long they take, the others only if there is time for them.
        many = {f"suite{number}": {"core/x.c": {6}} for number in range(9)}
        for each, count in ((1, 9), (15, 6), (50, mutants.LIKELIEST)):
            self.assertEqual(len(mutants.likely(one, TEXT, many, dict.fromkeys(many, each), {})), count)

    def test_litmus_and_summary(self) -> None:
        known = TEXT.replace("take-put", "inbox-look")
        self.assertEqual(mutants.litmus_near(known, 9), "inbox-look")
        self.assertEqual(mutants.litmus_near(known, 5), "")
        self.assertEqual(mutants.litmus_near(TEXT, 9), "")
        # A removed barrier needs no run.
        barrier = next(each for each in mutate.candidates("core/x.c", known) if each.operator == "barrier")
        self.assertEqual(mutants.Rounds({"core/x.c": known}, 1).settled(barrier),
                         mutants.Verdict(barrier, mutants.LITMUS, "make litmus LITMUS=inbox-look"))
        one = mutate.candidates("core/x.c", TEXT)[0]
        told = [mutants.Verdict(one, what) for what in [mutants.KILLED] * 18 + [mutants.LITMUS, mutants.SURVIVED]]
        text, enough = mutants.summary(told)
        self.assertIn("20 mutants: 19 killed (1 of them by litmus tests), 1 survived: 95 % killed", text)
        self.assertTrue(enough)
        self.assertFalse(mutants.summary([*told, mutants.Verdict(one, mutants.SURVIVED)])[1])
        # What cannot be built, is the same code or equivalent does not count.
        others = [mutants.Verdict(one, what) for what in (mutants.SAME, mutants.BROKEN, mutants.EQUIVALENT)]
        self.assertTrue(mutants.summary([*told, *others * 9])[1])
        self.assertFalse(mutants.summary(others)[1])

    def test_enough_of_them(self) -> None:
        whats = iter([mutants.SAME, mutants.KILLED, mutants.BROKEN, mutants.SURVIVED, mutants.KILLED])
        bench = mock.Mock(judge=lambda mutation, text, number: mutants.Verdict(mutation, next(whats)))
        rounds = mutants.Rounds({"core/x.c": TEXT}, 1)
        with mock.patch.object(mutants, "say"), mock.patch.object(rounds, "save"):
            rounds.judge(mutate.candidates("core/x.c", TEXT)[:9], 2, partial(rounds.first, bench))
        self.assertEqual([each.what for each in rounds.verdicts],
                         [mutants.SAME, mutants.KILLED, mutants.BROKEN, mutants.SURVIVED])

    def test_deeper(self) -> None:
        here = [each for each in mutate.candidates("core/x.c", TEXT) if each.line in (7, 15)]
        ran = tuple(f"cmwq2_{name}" for name in "abcdef")
        rounds = mutants.Rounds({"core/x.c": TEXT}, 1)
        rounds.verdicts = [mutants.Verdict(each, mutants.SURVIVED, "", 1, ran) for each in here]
        asked = []

        def judge(mutation: mutate.Mutation, text: str, number: int, named: tuple) -> mutants.Verdict:
            asked.append(named)
            return mutants.Verdict(mutation, (mutants.KILLED, mutants.SURVIVED)[len(asked) - 1], "", 1, named)
        with mock.patch.object(mutants, "say"), mock.patch.object(rounds, "save"), \
                mock.patch.object(mutants, "Bench", return_value=mock.Mock(judge=judge, bad=[])):
            mutants.judge_deeper(rounds)
            # Those that have run there do not run again.
            mutants.judge_deeper(rounds)
        self.assertEqual(asked, [(*ran[:mutants.LIKELIEST], *mutants.FAILING)] * 2)
        self.assertEqual([(each.mutation, each.what, each.deep) for each in rounds.verdicts],
                         [(here[0], mutants.KILLED, True), (here[1], mutants.SURVIVED, True)])
        self.assertEqual(rounds.verdicts[1].ran, ran)

    def test_going_on(self) -> None:
        one, two, three = mutate.candidates("core/x.c", TEXT)[:3]
        with tempfile.TemporaryDirectory() as home, mock.patch.object(mutants, "say"), \
                mock.patch.object(mutants, "RESULTS", Path(home) / "results.json"), \
                mock.patch.object(mutants, "made_of", return_value="now"), \
                mock.patch.object(mutate, "equivalent", return_value={}) as equivalent:
            def rounds(again: bool = False) -> mutants.Rounds:
                made = mutants.Rounds({"core/x.c": TEXT}, 1)
                made.recall(again)
                return made

            def left(made: mutants.Rounds) -> list:
                return [each for each in (one, two, three) if not made.settled(each)]
            with self.assertRaisesRegex(Problem, "AGAIN=1"):
                rounds(again=True)
            first = rounds()
            first.take(mutants.Verdict(one, mutants.KILLED, "by it", 3), True)
            first.take(mutants.Verdict(two, mutants.SURVIVED, "", 4, ("cmwq2_a",), True), True)
            second = rounds()
            self.assertEqual(left(second), [three])
            before = second.kept[mutants._again(two)]
            self.assertEqual((before.ran, before.deep), (["cmwq2_a"], True))
            self.assertFalse(second.need_runs([one, two, three], 2))
            self.assertTrue(second.need_runs([one, two, three], 3))
            second.judge([one, two], 2, partial(second.first, None))
            self.assertEqual([each.what for each in second.verdicts], [mutants.KILLED, mutants.SURVIVED])
            # The rest of what an earlier run has judged is kept.
            rounds().take(mutants.Verdict(three, mutants.KILLED), True)
            self.assertEqual(left(rounds()), [])
            self.assertEqual(left(rounds(again=True)), [two])
            # Another way to judge it.
            self.assertIsNone(rounds().settled(replace(one, vehicle="x86", suites=("cmwq2_a",))))
            equivalent.return_value = {two.key: "Because."}
            self.assertEqual(rounds(again=True).settled(two), mutants.Verdict(two, mutants.EQUIVALENT, "Because."))
            with mock.patch.object(mutants, "made_of", return_value="later"):
                equivalent.return_value = {}
                self.assertEqual(left(rounds()), [one, two, three])
                self.assertEqual(left(rounds(again=True)), [two])
            for bad in ("", "[]", '{"made_of": "now", "verdicts": [{}]}'):
                mutants.RESULTS.write_text(bad)
                with self.assertRaisesRegex(Problem, "cannot be read"):
                    rounds()

    def test_control(self) -> None:
        with tempfile.TemporaryDirectory() as home, \
                mock.patch.object(mutants, "CONTROL", Path(home) / "control.json"), \
                mock.patch.object(mutants, "made_of", side_effect=lambda suite: f"{suite} now"):
            self.assertEqual(mutants.controls(), {})
            mutants.keep_controls("uml", {"a": mutants.Control("a now", 3, "", {"core/x.c": [1, 2]}),
                                          "b": mutants.Control("b before")})
            mutants.keep_controls("x86", {"a": mutants.Control("a now", 9)})
            self.assertEqual({vehicle: list(those) for vehicle, those in mutants.controls().items()},
                             {"uml": ["a"], "x86": ["a"]})
            self.assertEqual(mutants.controls()["uml"]["a"].lines, {"core/x.c": [1, 2]})

    def test_sure(self) -> None:
        # What each boot returns: what was noticed, and the suite that ran then.
        told: list = []
        asked: list = []

        def noticed(files: list, names: list, number: int) -> tuple:
            asked.append(names)
            return told.pop(0)
        bench = mock.Mock(_noticed=noticed)
        a, b, sh = "cmwq2_bh", "cmwq2_flush", suites.shell_suites()[0]

        def killed() -> str:
            return mutants.Bench.killed(bench, [], [a, sh, b], 0)[0]
        told[:] = [("first", a), ("again", a)]
        self.assertEqual(killed(), "again")
        # One that does not fail again does not count, but the suites behind it run. Shell suites run last.
        told[:] = [("first", a), ("", a), ("", a), ("later", b), ("", b), ("sure", b)]
        asked.clear()
        self.assertEqual(killed(), "sure")
        self.assertEqual(asked, [[a, b, sh], [a], [a], [b, sh], [b], [b]])
        told[:] = [("first", sh), ("", sh), ("", sh)]
        self.assertEqual(killed(), "")
        told[:] = [("", a)]
        self.assertEqual(killed(), "")

    def test_noticed(self) -> None:
        events = [["start", "cmwq2_bh"], ["start", "cmwq2_flush"]]

        def noticed(cause: str, told: tuple) -> tuple:
            outcome = mock.Mock(passed=not cause, __str__=lambda _: cause)
            bench = mock.Mock(boot=lambda *_: mock.Mock(events=events, outcome=outcome))
            with mock.patch.object(mutants.faults, "caught", return_value=told):
                return mutants.Bench._noticed(bench, [], ["cmwq2_api", "cmwq2_bh", "cmwq2_flush"], 0)
        self.assertEqual(noticed("", (False, "not caught")), ("", "cmwq2_flush"))
        self.assertEqual(noticed("", (True, "cmwq2_bh.case at suites/cmwq2_bh_kunit.c:3")),
                         ("cmwq2_bh.case at suites/cmwq2_bh_kunit.c:3", "cmwq2_bh"))
        self.assertEqual(noticed("LOST died", (False, "no suite could run")), ("LOST died", "cmwq2_flush"))
        self.assertEqual(noticed("WARN", (True, "the kernel complained during cmwq2_bh (WARN at cmwq2_x)"))[1],
                         "cmwq2_bh")
        events.clear()
        self.assertEqual(noticed("insmod failed", (False, "no suite could run")), ("insmod failed", "cmwq2_api"))

    def test_made_of(self) -> None:
        # A suite depends on its own file, and all verdicts depend on all of them.
        self.assertEqual(len({mutants.made_of(), mutants.made_of("cmwq2_bh"), mutants.made_of("cmwq2_flush")}), 3)


if __name__ == "__main__":
    unittest.main()
