#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
Tests of wq_dump.py and cmwq2.py that need neither drgn nor a kernel.

Run ``python3 tools/wq/test_dump.py``. ``check_dump.py`` tests what needs a kernel,
by judging a dump of a guest.
"""

import argparse
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr
from unittest import mock

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
import cli  # noqa: E402
import cmwq2  # noqa: E402
from wq import check, collect, dump as wq_dump, verdict  # noqa: E402

SCRIPT = os.path.join(TOOLS, "wq_dump.py")
INTERNAL_H = os.path.join(TOOLS, "..", "src", "base", "types.h")


def run_script(*args, **kwargs):
    kwargs.setdefault("stdout", subprocess.PIPE)
    return subprocess.run(
        [sys.executable, SCRIPT, *args],
        stderr=subprocess.PIPE,
        universal_newlines=True,
        timeout=60,
        **kwargs,
    )


class TestCommandLine(unittest.TestCase):
    def test_help_explains_every_section(self):
        done = run_script("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in ("Pools", "Workers", "Pending items", "Rescuers", "--json"):
            self.assertIn(word, done.stdout)

    def test_usage_errors(self):
        for args in (["--nonsense"], ["--items", "-1"], ["--hz", "0"], ["extra"]):
            self.assert_refused(args)

    def assert_refused(self, args, word=""):
        err = io.StringIO()
        with redirect_stderr(err), self.assertRaises(SystemExit) as end:
            wq_dump.parse_args(args)
        text = err.getvalue()
        self.assertEqual((end.exception.code, text.count("\n")), (2, 1), (args, text))
        self.assertTrue(text.startswith("wq_dump.py: error:"), text)
        self.assertIn(word, text)

    def test_options_that_would_be_ignored(self):
        """Each form of output refuses each option that it would ignore."""
        for args, word in (
                (["--native", "--latency"], "--latency: not allowed with --native"),
                (["--latency", "--native"], "--latency: not allowed with --native"),
                (["--latency", "--read", "x"], "--latency: not allowed with --read"),
                (["--latency", "--queue", "x"], "--queue"), (["--latency", "--stack"], "--stack"),
                (["--latency", "--age", "0"], "--age"), (["--latency", "--items", "0"], "--items"),
                (["--latency", "q*", "--pool", "1"], "--pool"),
                (["--json", "--sizes"], "--json"), (["--sizes", "--read", "x"], "--read"),
                (["--sizes", "--native"], "--native"), (["--sizes", "--pool", "0"], "--pool"),
                (["--diff", "x", "--stack"], "--stack"), (["--diff", "-", "--read", "-"], "standard input"),
                (["--read", "x", "--native"], "--native: not allowed with --read"),
                (["--read", "x", "--stack"], "--stack: not allowed with --read"),
                (["--read", "x", "--hz", "100"], "--hz: not allowed with --read"),
                (["--stalls", "--diff", "x"], "not allowed with")):
            self.assert_refused(args, word)

    def test_options_that_go_together(self):
        for args in (["--stalls", "--native", "--stack", "--queue", "a", "--json"],
                     ["--latency", "--pool", "0", "--pool", "1", "--json"], ["--latency", "q*"],
                     ["--diff", "x", "--native", "--pool", "0"], ["--read", "x", "--items", "0"],
                     ["--read", "-", "--diff", "x"]):
            wq_dump.parse_args(args)

    def test_without_drgn(self):
        done = run_script()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertTrue(done.stderr.startswith("wq_dump.py: "))


class TestFailures(unittest.TestCase):
    """What main() reports for each kind of error, with a collector that raises it."""

    def run_with(self, body, **kwargs):
        code = (
            f"import sys; sys.path.insert(0, {TOOLS!r}); sys.argv = ['x']\n"
            "import cmwq2, os, signal, time; from wq import dump\n"
            f"def run(args, scope):\n    {body}\n"
            "dump.run = run\ndump.main({})"
        )
        return subprocess.Popen(
            [sys.executable, "-c", code], stderr=subprocess.PIPE, universal_newlines=True,
            # A background job ignores SIGINT, and its child processes inherit this.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **kwargs)

    def assert_one_line(self, process, text):
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertIn(text, err)

    def test_known_trouble(self):
        self.assert_one_line(
            self.run_with("raise cmwq2.Cmwq2Error('module cmwq2 is not loaded')"),
            "module cmwq2 is not loaded")

    def test_unknown_trouble(self):
        self.assert_one_line(
            self.run_with("raise AttributeError('no member\\nlock')"),
            "AttributeError: no member lock")

    def test_closed_pipe(self):
        reader, writer = os.pipe()
        os.close(reader)
        process = self.run_with("return 'x' * 1000000, True", stdout=writer)
        os.close(writer)
        self.assertEqual(process.communicate(timeout=60)[1], "")
        self.assertEqual(process.returncode, 141)

    def test_interrupt(self):
        process = self.run_with(
            "print('ready', flush=True); time.sleep(50)", stdout=subprocess.PIPE)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.communicate(timeout=60)[1], "")
        self.assertEqual(process.returncode, 130)

    def test_not_good(self):
        process = self.run_with("return 'too large\\n', False", stdout=subprocess.PIPE)
        self.assertEqual(process.communicate(timeout=60), ("too large\n", ""))
        self.assertEqual(process.returncode, 1)


def ring(*addresses):
    """Return a memory with a circular list whose head is the first address."""
    count = len(addresses)
    return {
        address: (addresses[(i + 1) % count], addresses[i - 1])
        for i, address in enumerate(addresses)
    }


class TestWalkRing(unittest.TestCase):
    def test_whole(self):
        self.assertEqual(cmwq2.walk_ring(ring(1, 2, 3).get, 1, 9), ([2, 3], None))

    def test_empty(self):
        self.assertEqual(cmwq2.walk_ring(ring(1).get, 1, 9), ([], None))

    def test_exactly_the_limit(self):
        self.assertEqual(cmwq2.walk_ring(ring(1, 2, 3).get, 1, 2), ([2, 3], None))

    def test_beyond_the_limit(self):
        nodes, gap = cmwq2.walk_ring(ring(*range(1, 9)).get, 1, 3)
        self.assertEqual(nodes, [2, 3, 4])
        self.assertIn("3 entries", gap)

    def test_unreadable(self):
        memory = ring(1, 2, 3)
        del memory[3]
        nodes, gap = cmwq2.walk_ring(memory.get, 1, 9)
        self.assertEqual(nodes, [2])
        self.assertIn("cannot be read", gap)

    def test_unreadable_head(self):
        nodes, gap = cmwq2.walk_ring({}.get, 1, 9)
        self.assertEqual(nodes, [])
        self.assertIn("cannot be read", gap)

    def test_entry_moved_to_another_list(self):
        memory = {**ring(1, 2, 3, 4), **ring(10, 3, 11)}
        nodes, gap = cmwq2.walk_ring(memory.get, 1, 9)
        self.assertEqual(nodes, [2])
        self.assertIn("changed", gap)

    def test_entry_initialised(self):
        memory = {**ring(1, 2, 3), **ring(2)}
        nodes, gap = cmwq2.walk_ring(memory.get, 1, 9)
        self.assertEqual(nodes, [])
        self.assertIn("changed", gap)

    def test_overtaken(self):
        """The walk visits entry 2, and then 2 moves to the back of the list."""
        before, after = ring(1, 2, 3, 4), ring(1, 3, 4, 2)
        memories = [before, {**after, 2: (1, 1)}, after]
        nodes, gap = cmwq2.walk_ring(lambda a: memories.pop(0)[a], 1, 9)
        self.assertEqual(nodes, [2])
        self.assertIn("changed", gap)

    def test_loop(self):
        memory = {1: (2, 3), 2: (3, 1), 3: (2, 2)}
        nodes, gap = cmwq2.walk_ring(memory.get, 1, 99)
        self.assertEqual(nodes, [2, 3])
        self.assertIn("loops", gap)

    def test_entry_removed_and_added_behind_the_walk(self):
        reads = []

        def read_node(address):
            reads.append(address)
            return (len(reads) + 1, len(reads) - 1)  # never comes back to the head

        nodes, gap = cmwq2.walk_ring(read_node, 1, 50)
        self.assertIsNotNone(gap)
        self.assertLessEqual(len(reads), 52)
        self.assertLessEqual(len(nodes), 50)


class TestTime(unittest.TestCase):
    def test_hz(self):
        for hz in (24, 100, 128, 250, 300, 1000, 1200):
            self.assertEqual(cmwq2.hz_from_tick(10**9 // hz), hz)
        self.assertEqual(cmwq2.hz_from_tick(999848), 1000)  # tick length of an i8254

    def test_hz_of_nothing(self):
        with self.assertRaises(ValueError):
            cmwq2.hz_from_tick(0)

    def test_jiffies_between(self):
        self.assertEqual(cmwq2.jiffies_between(10, 15), 5)
        self.assertEqual(cmwq2.jiffies_between(2**64 - 2, 3), 5)
        self.assertEqual(cmwq2.jiffies_between(2**32 - 2, 3, 32), 5)
        self.assertEqual(cmwq2.jiffies_between(16, 15), 0)

    def test_format(self):
        for ms, text in ((None, "-"), (0, "0 ms"), (999, "999 ms"), (1000, "1.000 s"),
                         (99999, "99.999 s"), (100000, "100 s")):
            self.assertEqual(wq_dump.format_ms(ms), text)


class TestFlags(unittest.TestCase):
    def test_names(self):
        bits = {0: "managed", 2: "fail"}
        self.assertEqual(cmwq2.flag_names(0, bits), [])
        self.assertEqual(cmwq2.flag_names(5, bits), ["managed", "fail"])
        self.assertEqual(cmwq2.flag_names(9, bits), ["managed", "bit3"])

    def test_internal_flags_are_those_of_the_header(self):
        with open(INTERNAL_H) as header:
            found = re.findall(r"#define\s+CMWQ2_WQ_(\w+)\s+BIT\((\d+)\)", header.read())
        bits = {int(bit): name.lower() for name, bit in found}
        self.assertEqual(cmwq2.WQ_INTERNAL_FLAGS, bits)


class TestTable(unittest.TestCase):
    def test_aligned(self):
        self.assertEqual(
            wq_dump.table("name >nr last", [["a", 1000, None], ["long", 2, ["x", "y"]]]),
            ["name    nr  last", "a     1000  -", "long     2  x,y"])

    def test_no_rows(self):
        self.assertEqual(wq_dump.table("name >nr", []), ["name  nr"])

    def test_zero_is_shown(self):
        self.assertEqual(wq_dump.table(">a", [[0]]), ["a", "0"])

    def test_section(self):
        self.assertEqual(wq_dump.section("Pools", ["x"]), ["Pools", "=====", "x", ""])


def make_worker(**changes):
    return {
        "id": 0, "address": "0x30", "pid": 77, "comm": "cw2/0:0", "task_state": "S",
        "cpu": 0, "on_cpu": False, "blocked": True, "allowed": "0", "stack": None,
        "state": "busy", "flags": [], "counted": True, "rescuer": False, "for_ms": 12,
        "idle_ms": None, "func": "bench_func", "module": "bench_mod", "work": "0x99",
        "queue": "bench", "pwq": "0x50", "desc": None, "scheduled": make_list(0), **changes,
    }


def make_idle(**changes):
    return make_worker(**{
        "id": 1, "pid": 78, "comm": "cw2/0:1", "state": "idle", "func": None, "module": None,
        "work": None, "queue": None, "pwq": None, "flags": ["idle"], "counted": False,
        "idle_ms": 12, **changes})


def make_kicked(**changes):
    return make_idle(**{"state": "kicked", "blocked": False, "task_state": "R", **changes})


def make_item(**changes):
    return {"address": "0x40", "kind": "item", "func": "bench_func", "module": None,
            "queue": "bench", "age_ms": 1234, "color": 0, "linked": False, **changes}


def make_list(count, shown=None):
    shown = count if shown is None else shown
    return {"count": count, "complete": True, "items": [make_item() for _ in range(shown)],
            "omitted": count - shown, "cursors": []}


def make_pool(**changes):
    counters = dict.fromkeys(
        "created culled kicks coalesced cm_wakeups scan_wakeups maydays stalls".split(), 3)
    return {
        "id": 0, "address": "0x10", "cpu": 0, "online": True, "node": 0, "cpus": "0",
        "allowed": "0", "nice": 0, "refcnt": 1, "flags": [],
        "policies": {"claim": "kicked_list", "wake": "deferred"},
        "nr_running": 1, "nr_workers": 2, "nr_idle": 1, "nr_kicked": 1,
        "manager_pid": None, "creating": None, "progress_ms": 5, "counters": counters,
        "kicked": [78], "last_kicked_pid": 78, "idle": [], "busy": [77],
        "workers": [make_worker(), make_kicked()], "worklist": make_list(2), **changes,
    }


def make_pwq(**changes):
    return {"address": "0x50", "pool": 0, "refcnt": 34, "work_color": 0, "flush_color": -1,
            "nr_active": 3, "plugged": False, "mayday": False, "cursor": False,
            "nr_in_flight": {"0": 33}, "counters": {}, "inactive": make_list(30, 20), **changes}


def make_wq(**changes):
    return {
        "name": "bench", "address": "0x20", "flags": ["unbound", "mem_reclaim"],
        "attrs": {"nice": 0, "cpus": "0-1", "affn_scope": "cache", "affn_strict": True},
        "max_active": 4, "min_active": 4, "saved_max_active": 4, "work_color": 0,
        "flush_color": 0, "nr_drainers": 0, "nr_active": 3, "nr_inactive": 30,
        "nr_in_flight": 33,
        "counters": {"started": 9, "completed": 8, "rescued": 0, "refused": 0},
        "nodes": [{"node": 0, "nr": 3, "max": 4}, {"node": None, "nr": 0, "max": 4}],
        "cpu_pools": {"0": 0, "1": 0}, "dfl_pool": 0,
        "rescuer": {**make_worker(pid=99, state="asleep", rescuer=True, func=None), "pool": None},
        "mayday_pools": [0], "flushers": [], "nr_pwqs": 1, "pwqs": [make_pwq()], **changes,
    }


def make_dump(**changes):
    return {"schema": wq_dump.SCHEMA, "engine": "cmwq2", "kernel": "7.3.4", "hz": 1000,
            "jiffies": 4294, "cpus": {"possible": [0, 1], "online": [0, 1]},
            "scopes": [{"name": "cpu", "default": True,
                        "pods": [{"cpus": "0", "node": None}, {"cpus": "1", "node": None}]}],
            "pools": [make_pool()], "workqueues": [make_wq()], "delayed": [], "gaps": [],
            **changes}


class TestShow(unittest.TestCase):
    def test_sections(self):
        text = wq_dump.show(make_dump())
        titles = re.findall(r"^(.+)\n=+$", text, re.M)
        self.assertEqual(titles, [
            "Affinity scopes", "Pools", "Pool counters", "Worker lists", "Workers",
            "Pending items", "Delayed items", "Workqueues",
            "Unbound workqueue node_nr/max_active", "Workqueue CPU -> pool", "Rescuers",
            "Flushers"])
        for line in text.splitlines():
            self.assertEqual(line, line.rstrip())

    def test_contents(self):
        text = wq_dump.show(make_dump())
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
        text = wq_dump.show(dump)
        self.assertRegex(text, r"\n +3 +0 +0 +0 +bh ")
        self.assertRegex(text, r"\n +3 +0 +- +- +- +- +busy +12 ms "
                               r"+bench_func \[bench_mod\] +bench +unbound +-\n")
        self.assertNotIn(str(2**31 - 1), text)
        self.assertEqual(check.problems(dump, "bench", paused=True), [])

    def test_uncertain_count(self):
        pool = make_pool(worklist={**make_list(2), "complete": False})
        self.assertRegex(wq_dump.show(make_dump(pools=[pool])), r" ~2 ")

    def test_gaps(self):
        text = wq_dump.show(make_dump(gaps=["pool 0: worklist: changed"]))
        self.assertIn("Not seen", text)
        self.assertIn("pool 0: worklist: changed", text)

    def test_nothing(self):
        self.assertIn("Pools", wq_dump.show(make_dump(pools=[], workqueues=[])))


class TestColumns(unittest.TestCase):
    """Wide machines: 64 CPUs, several nodes, the largest max_active there is."""

    def test_nodes(self):
        nodes = [{"node": n, "nr": n * 600, "max": 2048} for n in range(4)]
        wqs = [make_wq(nodes=nodes + [{"node": None, "nr": 0, "max": 2048}], max_active=2048),
               make_wq(name="a_longer_name")]
        lines = wq_dump.show_nodes(wqs)
        self.assertEqual(lines[0].split("  ")[-1], "NO NODE")
        for node in range(4):
            end = lines[0].index(f"NODE {node}") + len(f"NODE {node}")
            self.assertEqual(lines[1][end - 1 : end + 1], "8 ", lines)
        self.assertEqual(len({len(line) for line in lines}), 1, lines)

    def test_64_cpus(self):
        pools = {str(cpu): 4 * cpu for cpu in range(64)}
        lines = wq_dump.show_cpu_pools([make_wq(cpu_pools=pools), make_wq(name="other")])
        cells = lines[0].split()
        self.assertEqual(cells[1:-1], [str(cpu) for cpu in range(64)])
        for cpu in (0, 9, 10, 63):
            end = re.search(rf"\b{cpu}\b", lines[0]).end()
            self.assertRegex(lines[1][:end], rf"\b{4 * cpu}$")


class TestChoice(unittest.TestCase):
    def choose(self, *argv, dump=None):
        return wq_dump.choose(dump or make_dump(), wq_dump.parse_args(list(argv)))

    def ages(self, dump):
        return [i["age_ms"] for _, _, one in wq_dump.item_lists(dump) for i in one["items"]]

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
        found = wq_dump.diff(old, new)
        self.assertEqual(found["passed_ms"], 2000)
        self.assertEqual(found["pools"], [{"id": 0, "counters": {"kicks": 7}}])
        self.assertEqual((found["workers_new"], found["workers_gone"]), ([90], [78]))
        self.assertTrue(found["workqueues"][1]["new"])
        # The other item ran and was queued again, so it is not still pending.
        self.assertEqual([item["age_ms"] for item in found["still_pending"]], [2500])
        text = wq_dump.show_diff(found)
        for words in ("kicks +7", "new (new)", "Workers gone", "2.500 s"):
            self.assertIn(words, text)

    def test_nothing(self):
        found = wq_dump.diff(make_dump(), make_dump())
        self.assertEqual((found["workers_new"], found["workqueues_gone"]), ([], []))


class TestVerdict(unittest.TestCase):
    """Each reason, from a dump that shows it, with the wording of src/look/verdict_text.c."""

    def told(self, min_ms=1000, **changes):
        return verdict.verdicts(make_dump(**changes), min_ms)

    def pool(self, **changes):
        return make_pool(**{"progress_ms": 5000, "nr_running": 0, "kicked": [],
                            "last_kicked_pid": None, "idle": [78],
                            "workers": [make_worker(counted=False), make_idle()], **changes})

    def expect(self, why, **changes):
        quiet = make_wq(pwqs=[], name=changes.pop("queue", "bench"), rescuer=changes.pop(
            "rescuer", None))
        found = self.told(pools=[self.pool(**changes)], workqueues=[quiet])
        self.assertEqual([verdict.why for verdict in found], [why])
        self.assertIn(f"stall: {why}: pool 0, CPUs 0: bench_func of queue bench waits for "
                      "1234 ms, none taken for 5000 ms", found[0].lines()[0])
        return "\n".join(found[0].lines())

    def test_all_is_well(self):
        self.assertEqual(self.told(workqueues=[]), [])
        self.assertEqual(self.told(pools=[self.pool(worklist=make_list(0))], workqueues=[]), [])

    def test_hog(self):
        running = make_worker(blocked=False, on_cpu=True, task_state="R")
        text = self.expect("hog", nr_running=1, workers=[running, make_idle()])
        self.assertIn("  cw2/0:0[77] runs bench_func [bench_mod] of queue bench for 12 ms, "
                      "state R on CPU 0", text)

    def test_stack(self):
        running = make_worker(blocked=False, on_cpu=True, stack=["inner", "outer"])
        text = self.expect("hog", nr_running=1, workers=[running])
        self.assertIn("on CPU 0\n    in inner < outer", text)

    def test_hog_beside_a_picked_worker(self):
        running = make_worker(blocked=False, on_cpu=True, counted=False)
        text = self.expect("hog", workers=[running, make_kicked(for_ms=40)])
        self.assertIn("cw2/0:1[78] was picked 40 ms ago and has not run, state R on CPU 0", text)

    def test_bh_hog(self):
        worker = make_worker(pid=None, comm=None, cpu=None, task_state=None, blocked=None)
        self.assertIn("bh[0] runs", self.expect("hog", flags=["bh"], workers=[worker]))

    def test_softirq(self):
        self.expect("softirq", flags=["bh"], workers=[])
        self.expect("cpu-offline", flags=["bh"], workers=[], online=False)

    def creating(self, why, tried_ms, failed):
        creating = {"tried_ms": tried_ms, "failed": failed, "error": -12 if failed else 0}
        return self.expect(why, nr_idle=0, manager_pid=78, creating=creating,
                           workers=[make_worker(), make_idle(state="manager", flags=["prep"])])

    def test_no_worker(self):
        self.assertIn("cw2/0:1[78] is to create a worker, tried 700 ms ago, 2 in vain, "
                      "last with -12, state S on CPU 0", self.creating("no-worker", 700, 2))

    def test_no_worker_natively(self):
        text = self.expect("no-worker", nr_idle=0, manager_pid=78,
                           workers=[make_worker(), make_idle(state="manager", flags=["prep"])])
        self.assertIn("cw2/0:1[78] is to create a worker, state S on CPU 0", text)

    def test_manager_is_stuck(self):
        text = self.creating("manager-stuck", 5000, 0)
        self.assertIn("is to create a worker, has tried for 5000 ms, state S", text)
        self.creating("manager-stuck", 5000, 1)

    def taken(self, **changes):
        item = make_item(age_ms=3000, func="again", **changes)
        scheduled = {**make_list(0), "items": [make_item(kind="barrier", age_ms=9999), item]}
        worker = make_worker(for_ms=4000, scheduled=scheduled)
        return self.told(pools=[make_pool(workers=[worker], worklist=make_list(0))],
                         workqueues=[])

    def test_behind_itself(self):
        lines = self.taken(address="0x99")[0].lines()
        self.assertIn("stall: behind: pool 0, CPUs 0: again of queue bench waits for 3000 ms, "
                      "none taken for 4000 ms", lines[0])
        self.assertIn("queued again while it ran", lines[1])
        self.assertIn("runs bench_func", lines[2])

    def test_behind_another(self):
        self.assertIn("still runs another one", self.taken()[0].lines()[1])
        self.assertEqual([verdict.why for verdict in self.taken(kind="barrier")], ["awaited"])

    def test_awaited(self):
        lines = self.taken(kind="barrier")[0].lines()
        self.assertIn("stall: awaited: pool 0, CPUs 0: bench_func [bench_mod] of queue bench runs for 4000 "
                      "ms, a thread waits for it for 9999 ms", lines[0])
        self.assertIn("runs bench_func", lines[1])

    def test_rescuer(self):
        rescuer = {**make_worker(pid=99, comm="cw2/bench", rescuer=True), "pool": 0}
        text = self.expect("rescuer-busy", nr_idle=0, manager_pid=78, rescuer=rescuer,
                           workers=[make_idle(state="manager", flags=["prep"])])
        self.assertIn("cw2/bench[99] runs", text)

    def test_not_run(self):
        text = self.expect("not-run", workers=[make_kicked(for_ms=7)])
        self.assertIn("something else keeps it", text)
        text = self.expect("not-run", workers=[make_kicked(blocked=True)])
        self.assertIn("it has not been woken", text)

    def test_claimed_workers_are_not_idle(self):
        self.expect("not-run", nr_idle=0, kicked=[78], idle=[], workers=[make_kicked(flags=[])])

    def test_offline(self):
        self.expect("cpu-offline", online=False, workers=[make_kicked()])
        self.expect("cpu-offline", online=False, nr_idle=0, idle=[], workers=[])

    def test_lost_kick(self):
        self.assertIn("none was picked", self.expect("lost-kick"))
        self.assertIn("none is", self.expect("lost-kick", nr_running=1))
        self.assertIn("sleeps", self.expect("lost-kick", nr_running=1, workers=[make_worker()]))
        self.assertIn("none is about", self.expect("lost-kick", nr_idle=0, idle=[],
                                                   workers=[make_worker()]))

    def throttled(self, holder_ms=5000, **changes):
        pools = [make_pool(workers=[make_worker(for_ms=holder_ms)], worklist=make_list(0))]
        nodes = [{"node": 0, "nr": 4, "max": 4}]
        wq = make_wq(**{"nodes": nodes, "pwqs": [make_pwq()], **changes})
        return self.told(pools=pools, workqueues=[wq])

    def test_throttled(self):
        found = self.throttled()
        self.assertEqual([v.why for v in found], ["throttled"])
        self.assertIn("[77] runs bench_func", found[0].lines()[1])

    def test_line_that_moves(self):
        self.assertEqual(self.throttled(holder_ms=10), [])

    def test_frozen_plugged_and_lost_slot(self):
        self.assertEqual(self.throttled(max_active=0)[0].why, "frozen")
        self.assertEqual(self.throttled(pwqs=[make_pwq(plugged=True)])[0].why, "plugged")
        less = [{"node": 0, "nr": 1, "max": 1}]
        self.assertEqual(self.throttled(nodes=less)[0].why, "node-full")
        free = [{"node": 0, "nr": 1, "max": 4}]
        self.assertEqual(self.throttled(nodes=free)[0].why, "lost-kick")

    def test_timer_of_an_offline_cpu(self):
        item = {"address": "0x9", "func": "late", "module": None, "queue": "q", "cpu": 3,
                "offline": True, "target_cpu": 3, "due_ms": -3000}
        found = self.told(pools=[], workqueues=[], delayed=[item])
        self.assertEqual([v.why for v in found], ["cpu-offline"])
        item["offline"] = False
        self.assertEqual(self.told(pools=[], workqueues=[], delayed=[item]), [])

    def test_reasons_are_those_of_the_module(self):
        with open(os.path.join(TOOLS, "..", "src", "look", "verdict_text.c")) as source:
            names = re.findall(r'\[CMWQ2_WHY_\w+\]\s*= "([\w-]+)"', source.read())
        self.assertEqual(sorted(names), sorted(verdict.REASONS))
        self.assertIn("\n  lost-kick ", wq_dump.EPILOG)
        for name in names:
            self.assertIn(f"\n  {name} ", wq_dump.EPILOG)


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
        members = " ".join([*cmwq2.NEEDED.values(), *cmwq2.NEEDED_OURS.values()]).split()
        return FakeType(*(m for m in members if m != self.without))


class TestStamp(unittest.TestCase):
    def test_item_without_a_stamp(self):
        """A module whose items have no stamp is accepted."""
        asked = {}

        def layout(_prog, _name, paths):
            asked.update(paths)
            return argparse.Namespace(fields=[("func", argparse.Namespace(format="<Q"), 0)])

        prog = mock.Mock(cache={})
        with mock.patch.object(cmwq2, "stamp_member", lambda prog: None), \
             mock.patch.object(cmwq2, "Layout", layout), \
             mock.patch.object(cmwq2, "offsetof", lambda *_: 0, create=True):
            cmwq2._work_layout(prog, cmwq2.CMWQ2)
        self.assertTrue(all(isinstance(path, str) for path in asked.values()), asked)


class TestTypes(unittest.TestCase):
    """A module or kernel that this script is not made for."""

    def test_fits(self):
        for engine in (cmwq2.CMWQ2, cmwq2.NATIVE):
            self.assertIsNone(cmwq2._missing(FakeProgram("none"), engine))

    def test_type_is_missing(self):
        self.assertEqual(cmwq2._missing(FakeProgram("struct cmwq2_pwq"), cmwq2.CMWQ2),
                         "struct cmwq2_pwq")

    def test_member_is_missing(self):
        self.assertEqual(cmwq2._missing(FakeProgram("kicked_at"), cmwq2.CMWQ2),
                         "member kicked_at in struct cmwq2_pool")
        self.assertIsNone(cmwq2._missing(FakeProgram("kicked_at"), cmwq2.NATIVE))

    def test_needed_members_are_in_the_header(self):
        with open(INTERNAL_H) as header:
            text = header.read()
        for kind in ("pool", "worker", "pwq", "wq"):
            body = re.search(rf"^struct cmwq2_{kind} {{\n(.*?)^}};?", text, re.S | re.M).group(1)
            for member in f"{cmwq2.NEEDED[kind]} {cmwq2.NEEDED_OURS.get(kind, '')}".split():
                self.assertRegex(body, rf"\b{member}\b", f"struct cmwq2_{kind}")


class TestRead(unittest.TestCase):
    """Reading what --json wrote, without drgn and without a kernel."""

    def read(self, text, *args):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(text)
            file.flush()
            return run_script("--read", file.name, *args)

    def test_forms(self):
        text = json.dumps(make_dump())
        for args, word in (((), "Pools"), (("--json",), '"schema": 2'), (("--stalls",), ""),
                           (("--stalls", "--json"), '"stalls"'), (("--top", "1"), "Pending")):
            done = self.read(text, *args)
            self.assertEqual((done.returncode, done.stderr), (0, ""), args)
            self.assertIn(word, done.stdout)

    def test_what_is_not_there(self):
        """A name that does not exist is an error. An empty table would look as if all were well."""
        text = json.dumps(make_dump())
        for args, word in ((("--pool", "99"), "there is no pool 99; there are 0"),
                           (("--pool", "0", "--pool", "99"), "no pool 99"),
                           (("--queue", "nosuch"), "no workqueue has a name like nosuch"),
                           (("--queue", "bench", "--queue", "nosuch"), "like nosuch"),
                           (("--stalls", "--queue", "nosuch"), "like nosuch"),
                           (("--stalls", "--json", "--pool", "99"), "no pool 99")):
            done = self.read(text, *args)
            self.assertEqual((done.returncode, done.stdout), (1, ""), args)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(word, done.stderr)

    def test_names_that_a_terminal_would_obey(self):
        name = "\x1b[2Jb\nad\u202e"
        dump = make_dump(workqueues=[make_wq(name=name)], kernel="7.3\x1b]0;x\x07")
        dump["pools"][0]["worklist"]["items"][0]["queue"] = name
        dump["pools"][0]["progress_ms"] = 5000
        for args in ((), ("--stalls",)):
            out = self.read(json.dumps(dump), *args).stdout
            self.assertTrue(out.replace("\n", "").isprintable(), ascii(out))
        self.assertIn("\\x1b[2Jb\\nad\\u202e", self.read(json.dumps(dump)).stdout)

    def test_name_that_the_terminal_cannot_show(self):
        dump = json.dumps(make_dump(workqueues=[make_wq(name="m\u00e9moire")]))
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(dump)
            file.flush()
            done = run_script("--read", file.name, env={**os.environ, "PYTHONIOENCODING": "ascii"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("m\\xe9moire", done.stdout)

    def test_diff_of_what_has_nothing_in_common(self):
        good = make_dump(jiffies=5000)
        moved = make_wq(address="0x21")
        for old, word in (({"engine": "native"}, "engine native and cmwq2"), ({"hz": 250}, "hz 250 and"),
                          ({"kernel": "6.1"}, "kernel 6.1 and"), ({"jiffies": 6000}, "is the newer one"),
                          ({"workqueues": [moved]}, "no workqueue in common")):
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                file.write(json.dumps(make_dump(**old)))
                file.flush()
                done = self.read(json.dumps(good), "--diff", file.name)
            self.assertEqual((done.returncode, done.stdout), (1, ""), old)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(word, done.stderr)

    def test_diff(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as old:
            old.write(json.dumps(make_dump()))
            old.flush()
            done = self.read(json.dumps(make_dump()), "--diff", old.name)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("Pending then and now", done.stdout)

    def test_bad_files(self):
        for text, word in (("", "not a dump"), ("{'a'", "not a dump"), ("[]", "schema"),
                           ("[" * 100000, "nested too deeply"),
                           ('{"schema": 1}', "schema 1"), ('{"schema": 2}', "form")):
            done = self.read(text)
            self.assertEqual((done.returncode, done.stdout), (1, ""), text)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(word, done.stderr)
        done = run_script("--read", "/nonexistent/dump")
        self.assertEqual(done.returncode, 1)
        self.assertIn("No such file", done.stderr)


class Number(int):
    def value_(self):
        return int(self)


class TestLatency(unittest.TestCase):
    """--latency with a simulated kernel: pools 0 and 4, of which only pool 0 has counts, and a queue."""

    def latency(self, *argv):
        pools = [argparse.Namespace(id=Number(number)) for number in (0, 4)]
        tables = {"pool 0": {"end": [0, 1]}, "workqueue q": {"end": [0, 1]}}

        def collect(_prog, pattern, numbers):
            return {key: value for key, value in tables.items()
                    if not (pattern or numbers) or key in [f"pool {n}" for n in numbers or []]}

        with mock.patch.object(wq_dump, "kernel", lambda scope: None), \
             mock.patch.object(cmwq2, "for_each_pool", lambda prog: pools), \
             mock.patch.object(cmwq2, "for_each_workqueue", lambda prog: ["q"]), \
             mock.patch.object(cmwq2, "wq_name", lambda wq: wq), \
             mock.patch.object(wq_dump.latency, "collect", collect):
            return wq_dump.run(wq_dump.parse_args(["--latency", *argv]), {})[0]

    def test_not_there(self):
        for argv, word in ((["--pool", "99"], "there is no pool 99; there are 0, 4"),
                           (["nosuch*"], "no workqueue has a name like nosuch")):
            with self.assertRaisesRegex(cli.Error, word):
                self.latency(*argv)

    def test_there(self):
        self.assertIn("pool 0", self.latency("--pool", "0"))
        self.assertIn("pool 0", self.latency())
        # The pool exists, but has counted nothing.
        self.assertIn("no item was counted", self.latency("--pool", "4"))


class TestSchema(unittest.TestCase):
    def setUp(self):
        with open(check.SCHEMA_FILE) as file:
            self.schema = json.load(file)

    def mismatches(self, dump):
        return check.mismatches(dump, self.schema, self.schema, "dump")

    def test_good(self):
        self.assertEqual(self.mismatches(make_dump()), [])

    def test_other_forms(self):
        waits = make_dump(pools=[make_pool(progress_ms=5000)])
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(waits, file)
            file.flush()
            for option, form in ((["--stalls"], "stalls"), (["--diff", file.name], "diff")):
                done = run_script("--read", file.name, "--json", *option)
                found = json.loads(done.stdout)
                self.assertTrue(found.get("stalls", found.get("still_pending")))
                self.assertEqual(check.mismatches(
                    found, self.schema["$defs"][form], self.schema, form), [])

    def test_reasons(self):
        stall = self.schema["$defs"]["stalls"]["properties"]["stalls"]["items"]
        self.assertEqual(stall["properties"]["why"]["enum"], list(verdict.REASONS))

    def test_version(self):
        self.assertEqual(self.schema["properties"]["schema"]["enum"], [collect.SCHEMA])

    def test_bad(self):
        for change, word in (({"hz": "1000"}, "dump.hz: str"), ({"extra": 1}, "extra"),
                             ({"pools": [make_pool(nr_idle=None)]}, "nr_idle"),
                             ({"engine": "other"}, "one of"), ({"hz": True}, "bool")):
            found = self.mismatches(make_dump(**change))
            self.assertTrue(any(word in one for one in found), (change.keys(), found))
        missing = make_dump()
        del missing["pools"][0]["worklist"]["items"][0]["age_ms"]
        self.assertIn("no age_ms", self.mismatches(missing)[0])


class TestCheckDump(unittest.TestCase):
    """check.py with good and bad dumps."""

    def problems(self, dump, queue="bench"):
        return check.problems(dump, queue, paused=True)

    def test_good(self):
        self.assertEqual(self.problems(make_dump()), [])

    def test_queue_by_pattern(self):
        self.assertEqual(self.problems(make_dump(), "ben*"), [])

    def test_survives_json(self):
        again = json.loads(json.dumps(make_dump()))
        self.assertEqual(self.problems(again), [])

    def test_bad(self):
        bad = {
            "schema": make_dump(schema=wq_dump.SCHEMA + 1),
            "queue other": make_dump(),
            "no pool": make_dump(pools=[]),
            "workers": make_dump(pools=[make_pool(nr_workers=3)]),
            "idle": make_dump(pools=[make_pool(nr_idle=2)]),
            "gap": make_dump(gaps=["x"]),
            "age": make_dump(pools=[make_pool(worklist={
                **make_list(0), "items": [make_item(age_ms=10**9)]})]),
            "function": make_dump(pools=[make_pool(
                nr_workers=1, nr_idle=0, workers=[make_worker(func=None)])]),
            "nothing in flight": make_dump(pools=[make_pool(
                nr_workers=0, nr_idle=0, nr_kicked=0, nr_running=0, workers=[],
                worklist=make_list(0))]),
        }
        bad["nothing in flight"]["workqueues"][0]["pwqs"][0]["inactive"] = make_list(0)
        for what, dump in bad.items():
            found = self.problems(dump, "other" if "other" in what else "bench")
            self.assertTrue(any(what in problem for problem in found), (what, found))

    def test_creation_under_way(self):
        pool = make_pool(nr_workers=1, flags=["managed"], manager_pid=77)
        pool["workers"][1].update(state="awake", flags=["prep"])
        pool["nr_idle"] = pool["nr_kicked"] = 0
        self.assertEqual(self.problems(make_dump(pools=[pool])), [])

    def test_rescuers_and_dying_do_not_count(self):
        pool = make_pool()
        pool["workers"] += [make_worker(rescuer=True),
                            make_worker(state="dying", flags=["die"])]
        self.assertEqual(self.problems(make_dump(pools=[pool])), [])

    def wide(self):
        pools = {str(cpu): 4 * cpu if cpu % 8 else None for cpu in range(64)}
        nodes = [{"node": n, "nr": 900 * n, "max": 2048} for n in range(3)]
        return make_dump(cpus={"possible": list(range(64)), "online": [0, 1]}, workqueues=[
            make_wq(name="a_long_name", cpu_pools=pools, dfl_pool=300, max_active=2048,
                    nodes=nodes + [{"node": None, "nr": 0, "max": 1}]),
            make_wq(name="per-cpu", cpu_pools=pools, dfl_pool=None, nodes=[]),
            make_wq(name="q", cpu_pools=pools, nodes=nodes + [{"node": None, "nr": 1, "max": 8}])])

    def test_text(self):
        for dump in (make_dump(), self.wide()):
            self.assertEqual(check.text_problems(dump, wq_dump.show(dump)), [])

    def test_bad_text(self):
        dump = self.wide()
        text = wq_dump.show(dump)
        for old, new in (("  63  dfl", " 63  dfl"), ("  252  300", " 252   300"),
                         ("  252  300", "  252  30"),
                         ("NODE 1", "NODE1"), ("1800/2048", " 180/2048"),
                         ("NODE 2    NO NODE", "NODE 2   NO NODE"),
                         ("\nper-cpu   ", "\nper-cpu  "),
                         ("Workqueue CPU -> pool", "CPUs"), ("\nq  ", "\nr  ")):
            self.assertIn(old, text)
            self.assertTrue(check.text_problems(dump, text.replace(old, new)), (old, new))
        dump["workqueues"].pop()
        self.assertTrue(check.text_problems(dump, text))

    def test_command(self):
        path = os.path.join(TOOLS, "check_dump.py")
        for text, status in ((json.dumps(make_dump()), 0), ("{}", 1), ("{'a'", 1),
                             ("", 1), ("[1]", 1)):
            with tempfile.NamedTemporaryFile("w") as dump:
                dump.write(text)
                dump.flush()
                done = subprocess.run(
                    [sys.executable, path, "--queue", "bench", dump.name],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(done.returncode, status, text)
            self.assertNotIn(b"Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()
