#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of show.py, which need neither drgn nor a kernel."""

import os
import re
import sys
import unittest

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
import tables  # noqa: E402
from wq import check  # noqa: E402
from wq.idle import Hidden, pool_is_idle, queue_is_idle, without_idle  # noqa: E402
from wq.show import running, section, show, show_cpu_pools, show_nodes, show_policies, show_workers, table  # noqa: E402
from wq.testing import make_dump, make_idle, make_kicked, make_list, make_pool, make_worker, make_wq  # noqa: E402


class TestTable(unittest.TestCase):
    def test_aligned(self):
        self.assertEqual(
            table("name >nr last", [["a", 1000, None], ["long", 2, ["x", "y"]]]),
            ["name    nr  last", "a     1000  -", "long     2  x,y"])

    def test_no_rows(self):
        self.assertEqual(table("name >nr", []), ["name  nr"])

    def test_zero_is_shown(self):
        self.assertEqual(table(">a", [[0]]), ["a", "0"])

    def test_section(self):
        self.assertEqual(section("Pools", ["x"]), ["Pools", "=====", "x", ""])


class TestShow(unittest.TestCase):
    def test_sections(self):
        text = show(make_dump())
        titles = re.findall(r"^(.+)\n=+$", text, re.M)
        self.assertEqual(titles, [
            "Affinity scopes", "Pools", "Policies of pools", "Pool counters", "Worker lists", "Workers",
            "Pending items", "Delayed items", "Workqueues",
            "Unbound workqueue node_nr/max_active", "Workqueue CPU -> pool", "Rescuers",
            "Flushers"])
        for line in text.splitlines():
            self.assertEqual(line, line.rstrip())

    def test_contents(self):
        text = show(make_dump())
        self.assertRegex(text, r"\n +0 +0 +77 +S +\+ +0 +busy +12 ms +bench_func \[bench_mod\] +bench ")
        self.assertRegex(text, r"\n +0 +1 +78 .* kicked ")
        self.assertRegex(text, r"\n +0 +worklist +1\.234 s +bench_func +bench +item\n")
        self.assertIn("pool 0 inactive: 10 more, see --items", text)
        posted = show(make_dump(pools=[make_pool(inbox=make_list(1))]))
        self.assertRegex(posted, r"\n +0 +inbox +1\.234 s +bench_func +bench +item\n")
        self.assertRegex(text, r"\nbench +unbound,mem_reclaim +cache,strict ")
        self.assertRegex(text, r"\nworkqueue +min +max +NODE 0 +NO NODE\n")
        self.assertRegex(text, r"\nbench +4 +4 +3/   4 +0/   4\n")
        self.assertRegex(text, r"\nbench +99 +0 +S +asleep ")

    def test_bh_pool(self):
        worker = make_worker(pid=None, comm=None, task_state=None, cpu=None,
                             flags=["unbound"], counted=False)
        pool = make_pool(id=3, flags=["bh"], nr_workers=1, nr_idle=0, nr_kicked=0,
                         nr_running=0, workers=[worker])
        dump = make_dump(pools=[pool])
        dump["workqueues"][0].update(flags=["bh"], attrs=None, nodes=[], max_active=2**31 - 1)
        text = show(dump)
        self.assertRegex(text, r"\n +3 +0 +0 +0 +bh ")
        self.assertRegex(text, r"\n +3 +0 +- +- +- +- +busy +12 ms "
                         r"+bench_func \[bench_mod\] +bench +unbound +-\n")
        self.assertNotIn(str(2**31 - 1), text)
        self.assertEqual(check.problems(dump, "bench", paused=True), [])

    def test_running(self):
        self.assertEqual(running(make_pool()), 1)
        self.assertEqual(running(make_pool(cpu=None, wanted=2)), "1/2")
        self.assertEqual(running(make_pool(cpu=None, wanted=None)), 1)

    def test_uncertain_count(self):
        pool = make_pool(worklist={**make_list(2), "complete": False})
        self.assertRegex(show(make_dump(pools=[pool])), r" ~2 ")

    def test_gaps(self):
        text = show(make_dump(gaps=["pool 0: worklist: changed"]))
        self.assertIn("Not seen", text)
        self.assertIn("pool 0: worklist: changed", text)

    def test_nothing(self):
        self.assertIn("Pools", show(make_dump(pools=[], workqueues=[])))

    def test_policies(self):
        pools = [make_pool(id=number, policies={"claim": "none" if number in (2, 5) else "kicked_list"})
                 for number in range(6)] + [make_pool(id=9, policies={})]
        self.assertEqual(show_policies(pools), ["pools    claim", "0-1,3-4  kicked_list", "2,5      none"])


def make_idle_pool(number):
    """Return a pool that does nothing."""
    return make_pool(id=number, nr_running=0, nr_workers=1, nr_idle=1, nr_kicked=0, kicked=[], busy=[], idle=[78],
                     workers=[make_idle()], worklist=make_list(0))


def make_idle_queue(name):
    """Return a workqueue on which nothing is pending or runs."""
    rescuer = {**make_worker(pid=99, state="asleep", rescuer=True, func=None), "pool": None}
    return make_wq(name=name, nr_active=0, nr_inactive=0, nr_in_flight=0, mayday_pools=[], rescuer=rescuer, pwqs=[])


class TestIdle(unittest.TestCase):
    """What is idle is left out."""

    def dump(self):
        late, early = ({"due_ms": due, "cpu": 0, "offline": False, "target_cpu": None, "func": name, "module": None,
                        "queue": "bench"} for due, name in ((-20, "late"), (500, "early")))
        return make_dump(pools=[make_pool(), make_idle_pool(7)], workqueues=[make_wq(), make_idle_queue("lazy")],
                         delayed=[late, early])

    def test_hidden(self):
        dump = self.dump()
        hidden = without_idle(dump)
        self.assertEqual(hidden, Hidden(pools=1, workers=1, queues=1, delayed=1))
        text = show(dump, hidden)
        self.assertIn("\nnot shown, because idle: 1 pool, 1 worker, 1 workqueue, 1 delayed item; --all shows them\n",
                      text)
        titles = re.findall(r"^(.+)\n=+$", text, re.M)
        self.assertEqual(titles, ["Pools", "Policies of pools", "Pool counters", "Workers", "Pending items",
                                  "Delayed items", "Workqueues", "Unbound workqueue node_nr/max_active", "Rescuers"])
        self.assertNotIn("lazy", text)
        self.assertNotIn("early", text)
        self.assertIn("late", text)

    def test_each_sign_of_life(self):
        """A pool or a queue with any sign of life is shown."""
        for changes in ({"worklist": make_list(1, 0)}, {"nr_kicked": 1}, {"manager_pid": 5},
                        {"workers": [make_worker()]}, {"workers": [make_kicked()]},
                        {"workers": [make_idle(state="dying")]}):
            self.assertFalse(pool_is_idle({**make_idle_pool(1), **changes}), changes)
        self.assertTrue(pool_is_idle(make_idle_pool(1)))
        # The kernel does not record whether one of its own workers was picked.
        self.assertTrue(pool_is_idle({**make_idle_pool(1), "nr_kicked": None}))
        for changes in ({"nr_active": 1}, {"nr_inactive": 1}, {"nr_in_flight": 1}, {"mayday_pools": [0]},
                        {"nr_drainers": 1}, {"flushers": [{"role": "first", "color": 0, "pid": 1, "comm": "a"}]},
                        {"rescuer": {**make_worker(), "pool": 1}}):
            self.assertFalse(queue_is_idle({**make_idle_queue("q"), **changes}), changes)
        self.assertTrue(queue_is_idle(make_idle_queue("q")))

    def test_what_was_asked_for_is_shown(self):
        dump = self.dump()
        self.assertEqual(without_idle(dump, pools=False), Hidden(queues=1, delayed=1))
        dump = self.dump()
        self.assertEqual(without_idle(dump, queues=False), Hidden(pools=1, workers=1))

    def test_all_idle(self):
        dump = make_dump(pools=[make_idle_pool(1)], workqueues=[make_idle_queue("q")])
        text = show(dump, without_idle(dump))
        self.assertEqual(re.findall(r"^(.+)\n=+$", text, re.M), [])
        self.assertIn("1 pool, 1 worker, 1 workqueue;", text)


class TestWidth(unittest.TestCase):
    """Text fits the width that was asked for, and nothing that counts is lost."""

    def dump(self):
        return make_dump(pools=[make_pool(progress_ms=5000), make_pool(id=1, flags=["managed", "unbound"])])

    def test_fits(self):
        for width in (60, 80, 100, 200):
            with tables.at_most(width):
                lines = show(self.dump()).splitlines()
            self.assertLessEqual(max(map(len, lines)), width)

    def test_any_width(self):
        with tables.at_most(0):
            text = show(self.dump())
        self.assertIn("bench_func [bench_mod]", text)
        self.assertRegex(text, r"\nstall: .{80,}\n")

    def test_rows_of_a_split_table_are_named(self):
        """If the columns of the workers need two tables, both say which worker a row is about."""
        with tables.at_most(60):
            lines = show_workers(self.dump()["pools"])
        heads = [line for line in lines if "pool" in line]
        self.assertGreater(len(heads), 1)
        self.assertTrue(all(re.match("pool +id ", line) for line in heads), heads)

    def test_wrapped(self):
        with tables.at_most(30):
            lines = tables.wrapped("  one two three four five six seven eight nine ten")
        self.assertEqual(lines, ["  one two three four five six", "      seven eight nine ten"])


class TestColumns(unittest.TestCase):
    """Wide machines: 64 CPUs, several nodes, the largest max_active there is."""

    def test_nodes(self):
        nodes = [{"node": n, "nr": n * 600, "max": 2048} for n in range(4)]
        wqs = [make_wq(nodes=nodes + [{"node": None, "nr": 0, "max": 2048}], max_active=2048),
               make_wq(name="a_longer_name")]
        lines = show_nodes(wqs)
        self.assertEqual(lines[0].split("  ")[-1], "NO NODE")
        for node in range(4):
            end = lines[0].index(f"NODE {node}") + len(f"NODE {node}")
            self.assertEqual(lines[1][end - 1 : end + 1], "8 ", lines)
        self.assertEqual(len({len(line) for line in lines}), 1, lines)

    def test_64_cpus(self):
        pools = {str(cpu): 4 * cpu for cpu in range(64)}
        lines = show_cpu_pools([make_wq(cpu_pools=pools), make_wq(name="other")])
        cells = lines[0].split()
        self.assertEqual(cells[1:-1], [str(cpu) for cpu in range(64)])
        for cpu in (0, 9, 10, 63):
            end = [match.end() for match in re.finditer(rf"\b{cpu}\b", lines[0])][0]
            self.assertRegex(lines[1][:end], rf"\b{4 * cpu}$")


if __name__ == "__main__":
    unittest.main()
