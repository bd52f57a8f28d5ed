#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of verdict.py, which need neither drgn nor a kernel."""

import os
import sys
import unittest

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
from wq import dump, rules, verdict  # noqa: E402
from wq.testing import (  # noqa: E402
    make_dump,
    make_idle,
    make_item,
    make_kicked,
    make_list,
    make_pool,
    make_pwq,
    make_worker,
    make_wq,
)


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
                      "1234 ms, no item taken for 5000 ms", found[0].lines()[0])
        return "\n".join(found[0].lines())

    def test_all_is_well(self):
        self.assertEqual(self.told(workqueues=[]), [])
        self.assertEqual(self.told(pools=[self.pool(worklist=make_list(0))], workqueues=[]), [])

    def test_hog(self):
        running = make_worker(blocked=False, on_cpu=True, task_state="R")
        text = self.expect("hog", nr_running=1, workers=[running, make_idle()])
        self.assertIn("  cw2/0:0[77] runs bench_func [bench_mod] of queue bench for 12 ms, "
                      "state R on CPU 0", text)

    def test_hogs_of_a_shared_pool(self):
        """A pool that wants two workers to run and has two is short of CPUs. With one, it lacks a kick."""
        hogs = [make_worker(pid=pid, blocked=False, on_cpu=True, cpu=pid - 70) for pid in (70, 71)]
        text = self.expect("hog", cpu=None, wanted=2, nr_running=2, workers=[*hogs, make_idle()])
        self.assertIn("[70] runs", text)
        self.assertIn("[71] runs", text)
        text = self.expect("lost-kick", cpu=None, wanted=2, nr_running=1, workers=[hogs[0], make_idle()])
        self.assertIn("but none was picked", text)
        self.expect("not-run", cpu=None, wanted=2, nr_running=1, workers=[make_kicked(cpu=1)])
        # Without concurrency management the pool wants any number of workers.
        self.assertIn("but none was picked", self.expect("lost-kick", cpu=None, wanted=None, nr_running=3))

    def test_dump_of_an_older_script(self):
        pool = self.pool(nr_running=1, workers=[make_worker(blocked=False, on_cpu=True)])
        del pool["wanted"]
        self.assertEqual([one.why for one in self.told(pools=[pool], workqueues=[])], ["hog"])

    def test_stack(self):
        running = make_worker(blocked=False, on_cpu=True, stack=["inner", "outer"])
        text = self.expect("hog", nr_running=1, workers=[running])
        self.assertIn("on CPU 0\n    in inner < outer", text)

    def test_hog_beside_a_picked_worker(self):
        running = make_worker(blocked=False, on_cpu=True, counted=False)
        text = self.expect("hog", workers=[running, make_kicked(for_ms=40)])
        self.assertIn("cw2/0:1[78] was picked 40 ms ago and has not run, state R on CPU 0", text)

    def test_native_hog(self):
        """The kernel takes an item that hogs its CPU out of the count and wakes an idle worker, which waits for the
        CPU. It does not record that it picked this worker."""
        hog = make_worker(blocked=False, on_cpu=True, counted=None, task_state="R")
        idle = make_idle(counted=None, blocked=False, task_state="R", for_ms=9000)
        text = self.expect("hog", nr_kicked=None, workers=[hog, idle])
        self.assertIn("cw2/0:0[77] runs bench_func", text)
        self.assertIn("cw2/0:1[78] was woken and has not run, state R on CPU 0", text)
        # Another CPU's item is not to blame.
        self.expect("not-run", nr_kicked=None, workers=[{**hog, "cpu": 1}, idle])
        # An idle worker that sleeps was not woken. One of cmwq2 that does not sleep is spinning.
        asleep = make_idle(counted=None)
        self.assertIn("none was picked", self.expect("lost-kick", nr_kicked=None, workers=[hog, asleep]))
        self.assertIn("none was picked", self.expect("lost-kick", workers=[make_worker(counted=False, on_cpu=True),
                                                                         make_idle(blocked=False)]))

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
        self.assertIn("cw2/0:1[78] is the manager, last tried to create a worker 700 ms ago, failed 2 times, "
                      "last error -12, state S on CPU 0", self.creating("no-worker", 700, 2))

    def test_no_worker_natively(self):
        text = self.expect("no-worker", nr_idle=0, manager_pid=78,
                           workers=[make_worker(), make_idle(state="manager", flags=["prep"])])
        self.assertIn("cw2/0:1[78] is the manager, state S on CPU 0", text)

    def test_manager_is_stuck(self):
        text = self.creating("manager-stuck", 5000, 0)
        self.assertIn("is the manager, has been creating a worker for 5000 ms, state S", text)
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
                      "no item taken for 4000 ms", lines[0])
        self.assertIn("queued again while it ran", lines[1])
        self.assertIn("runs bench_func", lines[2])

    def test_behind_another(self):
        self.assertIn("still runs the previous one", self.taken()[0].lines()[1])
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
        self.assertIn("something else does", text)
        text = self.expect("not-run", workers=[make_kicked(blocked=True)])
        self.assertIn("the picked worker has not been woken", text)

    def test_claimed_workers_are_not_idle(self):
        self.expect("not-run", nr_idle=0, kicked=[78], idle=[], workers=[make_kicked(flags=[])])

    def test_offline(self):
        self.expect("cpu-offline", online=False, workers=[make_kicked()])
        self.expect("cpu-offline", online=False, nr_idle=0, idle=[], workers=[])

    def test_lost_kick(self):
        self.assertIn("but none was picked", self.expect("lost-kick"))
        self.assertIn("no worker runs", self.expect("lost-kick", nr_running=1))
        self.assertIn("sleeps", self.expect("lost-kick", nr_running=1, workers=[make_worker()]))
        self.assertIn("none is creating", self.expect("lost-kick", nr_idle=0, idle=[],
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

    def test_reasons_are_explained(self):
        """The help has a line for each reason. make style compares the rules with the module's."""
        for name in rules.REASONS:
            self.assertIn(f"\n  {name} ", dump.EPILOG)

    def test_rules(self):
        """Each rule applies to its own facts, and names known ones."""
        for why, detail, facts in rules.RULES:
            self.assertEqual(verdict.conclude(set(facts)), (why, detail))
            self.assertLessEqual(facts, set(rules.FACTS))
            self.assertIn(why, rules.REASONS)
        self.assertEqual(verdict.conclude(set()), ("lost-kick", None))



if __name__ == "__main__":
    unittest.main()
