#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
Tests of wq_dump.py and cmwq2.py that need neither drgn nor a kernel.

Run by ``python3 tools/test_wq_dump.py``. What needs a kernel is in
``check_dump.py``, which judges a dump of a guest.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TOOLS = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, TOOLS)
import check_dump  # noqa: E402
import cmwq2  # noqa: E402
import wq_dump  # noqa: E402

SCRIPT = os.path.join(TOOLS, "wq_dump.py")
INTERNAL_H = os.path.join(TOOLS, "..", "src", "internal.h")


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
        for args in (["--nonsense"], ["--items", "-1"], ["--hz", "0"], ["extra"],
                     ["--json", "--sizes"]):
            done = run_script(*args)
            self.assertEqual((done.returncode, done.stdout), (2, ""), args)
            self.assertIn("wq_dump.py: error:", done.stderr)
            self.assertNotIn("Traceback", done.stderr)

    def test_without_drgn(self):
        done = run_script()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertTrue(done.stderr.startswith("wq_dump.py: "))


class TestFailures(unittest.TestCase):
    """What main() makes of each trouble, with a collector that runs into it."""

    def run_with(self, body, **kwargs):
        code = (
            f"import sys; sys.path.insert(0, {TOOLS!r}); sys.argv = ['x']\n"
            "import cmwq2, os, signal, time, wq_dump\n"
            f"def run(args):\n    {body}\n"
            "wq_dump.run = run\nwq_dump.main()"
        )
        return subprocess.Popen(
            [sys.executable, "-c", code], stderr=subprocess.PIPE, universal_newlines=True,
            # A background job has it ignored, and so has what it starts.
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
        self.assert_one_line(process, "reader")

    def test_interrupt(self):
        process = self.run_with(
            "print('ready', flush=True); time.sleep(50)", stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        self.assert_one_line(process, "interrupted")

    def test_not_good(self):
        process = self.run_with("return 'too large\\n', False", stdout=subprocess.PIPE)
        self.assertEqual(process.communicate(timeout=60), ("too large\n", ""))
        self.assertEqual(process.returncode, 1)


def ring(*addresses):
    """Memory with a circular list whose head is the first address."""
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
        """The walk visits 2, then 2 goes to the back behind all others."""
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
        self.assertEqual(cmwq2.hz_from_tick(999848), 1000)  # an i8254's tick

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
        "id": 0, "address": "0x30", "pid": 77, "comm": "cmwq2/0:0", "task_state": "S",
        "cpu": 0, "state": "busy", "flags": [], "counted": True, "rescuer": False,
        "for_ms": 12, "func": "bench_func", "work": "0x99", "queue": "bench",
        "scheduled": make_list(0), **changes,
    }


def make_list(count, shown=None):
    shown = count if shown is None else shown
    item = {"address": "0x40", "kind": "item", "func": "bench_func", "queue": "bench",
            "age_ms": 1234, "color": 0, "linked": False}
    return {"count": count, "complete": True, "items": [dict(item) for _ in range(shown)],
            "omitted": count - shown}


def make_pool(**changes):
    counters = dict.fromkeys(
        "created culled kicks coalesced cm_wakeups scan_wakeups maydays".split(), 3)
    return {
        "id": 0, "address": "0x10", "cpu": 0, "node": 0, "cpus": "0", "nice": 0,
        "refcnt": 1, "flags": [], "claim": "kicked_list", "wake": "deferred",
        "nr_running": 1, "nr_workers": 2, "nr_idle": 1, "nr_kicked": 1,
        "manager_pid": None, "progress_ms": 5, "counters": counters,
        "workers": [make_worker(),
                    make_worker(id=1, pid=78, state="kicked", func=None, work=None,
                                queue=None, flags=["idle"], counted=False)],
        "worklist": make_list(2), **changes,
    }


def make_dump(**changes):
    wq = {
        "name": "bench", "address": "0x20", "flags": ["unbound", "mem_reclaim"],
        "attrs": {"nice": 0, "cpus": "0-1", "affn_scope": "cache", "affn_strict": True},
        "max_active": 4, "min_active": 4, "work_color": 0, "flush_color": 0,
        "nr_drainers": 0, "nr_active": 3, "nr_inactive": 30, "nr_in_flight": 33,
        "counters": {"started": 9, "completed": 8, "rescued": 0, "refused": 0},
        "nodes": [{"nr": 3, "max": 4}, {"nr": 0, "max": 4}],
        "cpu_pools": {"0": 0, "1": 0}, "dfl_pool": 0,
        "rescuer": {**make_worker(pid=99, state="asleep", rescuer=True), "pool": None},
        "mayday_pools": [0],
        "pwqs": [{"address": "0x50", "pool": 0, "refcnt": 34, "work_color": 0,
                  "flush_color": -1, "nr_active": 3, "nr_in_flight": [33] + [0] * 15,
                  "counters": {}, "inactive": make_list(30, 20)}],
    }
    return {"schema": wq_dump.SCHEMA, "kernel": "7.3.4", "hz": 1000, "jiffies": 4294,
            "pools": [make_pool()], "workqueues": [wq], "gaps": [], **changes}


class TestShow(unittest.TestCase):
    def test_sections(self):
        text = wq_dump.show(make_dump())
        titles = re.findall(r"^(.+)\n=+$", text, re.M)
        self.assertEqual(titles, [
            "Pools", "Pool counters", "Workers", "Pending items", "Workqueues",
            "Workqueue CPU -> pool", "Rescuers"])
        for line in text.splitlines():
            self.assertEqual(line, line.rstrip())

    def test_contents(self):
        text = wq_dump.show(make_dump())
        self.assertRegex(text, r"\n +0 +0 +77 +S +\+ +0 +busy +12 ms +bench_func +bench ")
        self.assertRegex(text, r"\n +0 +1 +78 .* kicked ")
        self.assertRegex(text, r"\n +0 +worklist +1\.234 s +bench_func +bench +item\n")
        self.assertIn("pool 0 inactive: 10 more, see --items", text)
        self.assertRegex(text, r"\nbench +unbound,mem_reclaim +cache,strict .* 3/4 0/4\n")
        self.assertRegex(text, r"\nbench +99 +S +asleep ")

    def test_bh_pool(self):
        worker = make_worker(pid=None, comm=None, task_state=None, cpu=None,
                             flags=["unbound"], counted=False)
        pool = make_pool(id=3, flags=["bh"], nr_workers=1, nr_idle=0, nr_kicked=0,
                         nr_running=0, workers=[worker])
        dump = make_dump(pools=[pool])
        dump["workqueues"][0].update(flags=["bh"], attrs=None, max_active=2**31 - 1)
        text = wq_dump.show(dump)
        self.assertRegex(text, r"\n +3 +0 +0 +0 +bh ")
        self.assertRegex(text, r"\n +3 +0 +- +- +- +- +busy +12 ms +bench_func +bench "
                               r"+unbound +-\n")
        self.assertNotIn(str(2**31 - 1), text)
        self.assertEqual(check_dump.problems(dump, "bench", paused=True), [])

    def test_uncertain_count(self):
        pool = make_pool(worklist={**make_list(2), "complete": False})
        self.assertRegex(wq_dump.show(make_dump(pools=[pool])), r" ~2 ")

    def test_gaps(self):
        text = wq_dump.show(make_dump(gaps=["pool 0: worklist: changed"]))
        self.assertIn("Not seen", text)
        self.assertIn("pool 0: worklist: changed", text)

    def test_nothing(self):
        self.assertIn("Pools", wq_dump.show(make_dump(pools=[], workqueues=[])))


class TestCheckDump(unittest.TestCase):
    """The check of a guest's dump, fed good and bad dumps."""

    def problems(self, dump, queue="bench"):
        return check_dump.problems(dump, queue, paused=True)

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
                **make_list(0), "items": [
                    {**make_list(1)["items"][0], "age_ms": 10**9}]})]),
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
