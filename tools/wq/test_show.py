#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of show.py, which need neither drgn nor a kernel."""

import os
import re
import sys
import unittest

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
from wq import check  # noqa: E402
from wq.show import running, section, show, show_cpu_pools, show_nodes, table  # noqa: E402
from wq.testing import make_dump, make_list, make_pool, make_worker, make_wq  # noqa: E402


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
            "Affinity scopes", "Pools", "Pool counters", "Worker lists", "Workers",
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
