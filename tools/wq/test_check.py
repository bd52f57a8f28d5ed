#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of check.py, which need no kernel."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
from wq import check, collect, rules  # noqa: E402
from wq.show import show  # noqa: E402
from wq.testing import make_dump, make_item, make_list, make_pool, make_worker, make_wq, run_script  # noqa: E402


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
        self.assertEqual(stall["properties"]["why"]["enum"], list(rules.REASONS))

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
            "schema": make_dump(schema=collect.SCHEMA + 1),
            "a name like other": make_dump(),
            "no pool": make_dump(pools=[]),
            "workers": make_dump(pools=[make_pool(nr_workers=3)]),
            "idle": make_dump(pools=[make_pool(nr_idle=2)]),
            "gap": make_dump(gaps=["x"]),
            "age": make_dump(pools=[make_pool(worklist={
                **make_list(0), "items": [make_item(age_ms=10**9)]})]),
            "function": make_dump(pools=[make_pool(
                nr_workers=1, nr_idle=0, workers=[make_worker(func=None)])]),
            "no items are in flight": make_dump(pools=[make_pool(
                nr_workers=0, nr_idle=0, nr_kicked=0, nr_running=0, workers=[],
                worklist=make_list(0))]),
        }
        bad["no items are in flight"]["workqueues"][0]["pwqs"][0]["inactive"] = make_list(0)
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
            self.assertEqual(check.text_problems(dump, show(dump)), [])

    def test_bad_text(self):
        dump = self.wide()
        text = show(dump)
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
                    capture_output=True, timeout=60)
            self.assertEqual(done.returncode, status, text)
            self.assertNotIn(b"Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()
