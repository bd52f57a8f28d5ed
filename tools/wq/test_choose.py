#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of choose.py and diff.py, which need neither drgn nor a kernel."""

import os
import sys
import unittest

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
from wq.choose import choose  # noqa: E402
from wq.diff import diff, show_diff  # noqa: E402
from wq.dump import parse_args  # noqa: E402
from wq.show import item_lists  # noqa: E402
from wq.testing import make_dump, make_idle, make_item, make_list, make_pool, make_worker, make_wq  # noqa: E402


class TestChoice(unittest.TestCase):
    def choose(self, *argv, dump=None):
        return choose(dump or make_dump(), parse_args(list(argv)))

    def ages(self, dump):
        return [i["age_ms"] for _, _, one in item_lists(dump) for i in one["items"]]

    def dump(self):
        items = [make_item(address=hex(n), age_ms=n, queue="bench" if n % 2 else "other",
                           func=f"func_{n}") for n in (5, 900, 30, 7)]
        wqs = [make_wq(pwqs=[]), make_wq(name="other", pwqs=[])]
        pools = [make_pool(worklist={**make_list(0), "count": 4, "items": items}),
                 make_pool(id=1, workers=[make_idle()], worklist=make_list(0))]
        return make_dump(pools=pools, workqueues=wqs)

    def test_by_queue(self):
        dump = self.choose("--queue", "oth*", dump=self.dump())
        self.assertEqual([wq["name"] for wq in dump["workqueues"]], ["other"])
        self.assertEqual(self.ages(dump), [900, 30])
        self.assertEqual([pool["id"] for pool in dump["pools"]], [0])

    def test_several(self):
        dump = self.choose("--queue", "oth*", "--queue", "bench", dump=self.dump())
        self.assertEqual([wq["name"] for wq in dump["workqueues"]], ["bench", "other"])
        self.assertEqual(self.ages(self.choose("--func", "func_5", "--func", "func_7",
                                               dump=self.dump())), [5, 7])
        dump = self.choose("--pool", "0", "--pool", "1", dump=self.dump())
        self.assertEqual([pool["id"] for pool in dump["pools"]], [0, 1])

    def test_by_function(self):
        self.assertEqual(self.ages(self.choose("--func", "func_?", dump=self.dump())), [5, 7])

    def test_by_age(self):
        self.assertEqual(self.ages(self.choose("--age", "30", dump=self.dump())), [900, 30])

    def test_by_pool(self):
        dump = self.choose("--pool", "1", dump=self.dump())
        self.assertEqual([pool["id"] for pool in dump["pools"]], [1])

    def test_top(self):
        self.assertEqual(self.ages(self.choose("--top", "2", dump=self.dump())), [900, 30])

    def test_items(self):
        dump = self.choose("--items", "3", dump=self.dump())
        self.assertEqual(self.ages(dump), [5, 900, 30])
        self.assertEqual(dump["pools"][0]["worklist"]["omitted"], 1)


class TestDiff(unittest.TestCase):
    def test_changes(self):
        old, new = make_dump(jiffies=1000), make_dump(jiffies=3000)
        new["pools"][0]["counters"] = {**new["pools"][0]["counters"], "kicks": 10}
        new["pools"][0]["workers"] = [make_worker(), make_idle(pid=90)]
        new["workqueues"].append(make_wq(name="new", address="0x21"))
        new["workqueues"][0]["pwqs"] = []
        new["pools"][0]["worklist"]["items"] = [make_item(age_ms=2500), make_item(age_ms=100)]
        found = diff(old, new)
        self.assertEqual(found["passed_ms"], 2000)
        self.assertEqual(found["pools"], [{"id": 0, "counters": {"kicks": 7}}])
        self.assertEqual((found["workers_new"], found["workers_gone"]), ([90], [78]))
        self.assertTrue(found["workqueues"][1]["new"])
        # The other item ran and was queued again, so it is not still pending.
        self.assertEqual([item["age_ms"] for item in found["still_pending"]], [2500])
        text = show_diff(found)
        for words in ("kicks +7", "new (new)", "Workers gone", "2.500 s"):
            self.assertIn(words, text)

    def test_nothing(self):
        found = diff(make_dump(), make_dump())
        self.assertEqual((found["workers_new"], found["workqueues_gone"]), ([], []))


if __name__ == "__main__":
    unittest.main()
