# SPDX-License-Identifier: GPL-2.0
"""What the tests of this package share: the parts of a dump, and a run of wq_dump.py."""

import os
import subprocess
import sys

from wq import collect

SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "wq_dump.py")


def run_script(*args, **kwargs):
    """Run wq_dump.py to its end."""
    kwargs.setdefault("stdout", subprocess.PIPE)
    return subprocess.run(
        [sys.executable, SCRIPT, *args],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        **kwargs,
    )


def make_worker(**changes):
    """Return a busy worker of a dump. @changes replace its values."""
    return {
        "id": 0, "address": "0x30", "pid": 77, "comm": "cw2/0:0", "task_state": "S",
        "cpu": 0, "on_cpu": False, "blocked": True, "allowed": "0", "stack": None,
        "state": "busy", "flags": [], "counted": True, "rescuer": False, "for_ms": 12,
        "idle_ms": None, "func": "bench_func", "module": "bench_mod", "work": "0x99",
        "queue": "bench", "pwq": "0x50", "desc": None, "scheduled": make_list(0), **changes,
    }


def make_idle(**changes):
    """Return an idle worker of a dump. @changes replace its values."""
    return make_worker(**{
        "id": 1, "pid": 78, "comm": "cw2/0:1", "state": "idle", "func": None, "module": None,
        "work": None, "queue": None, "pwq": None, "flags": ["idle"], "counted": False,
        "idle_ms": 12, **changes})


def make_kicked(**changes):
    """Return a kicked worker of a dump. @changes replace its values."""
    return make_idle(**{"state": "kicked", "blocked": False, "task_state": "R", **changes})


def make_item(**changes):
    """Return an item of a dump. @changes replace its values."""
    return {"address": "0x40", "kind": "item", "func": "bench_func", "module": None,
            "queue": "bench", "age_ms": 1234, "color": 0, "linked": False, **changes}


def make_list(count, shown=None):
    """Return a list of @count items of a dump, of which @shown are described (default: all)."""
    shown = count if shown is None else shown
    return {"count": count, "complete": True, "items": [make_item() for _ in range(shown)],
            "omitted": count - shown, "cursors": []}


def make_pool(**changes):
    """Return a pool of a dump. @changes replace its values."""
    counters = dict.fromkeys(
        "created culled kicks coalesced cm_wakeups scan_wakeups maydays stalls".split(), 3)
    return {
        "id": 0, "address": "0x10", "cpu": 0, "online": True, "node": 0, "cpus": "0",
        "allowed": "0", "nice": 0, "refcnt": 1, "flags": [],
        "policies": {"claim": "kicked_list", "wake": "deferred"},
        "nr_running": 1, "wanted": 1, "nr_called": 0, "nr_workers": 2, "nr_idle": 1, "nr_kicked": 1,
        "manager_pid": None, "creating": None, "progress_ms": 5, "counters": counters,
        "kicked": [78], "last_kicked_pid": 78, "idle": [], "busy": [77],
        "workers": [make_worker(), make_kicked()], "worklist": make_list(2), "inbox": make_list(0),
        **changes,
    }


def make_pwq(**changes):
    """Return a pwq of a dump. @changes replace its values."""
    return {"address": "0x50", "pool": 0, "refcnt": 34, "work_color": 0, "flush_color": -1,
            "nr_active": 3, "plugged": False, "mayday": False, "cursor": False,
            "nr_in_flight": {"0": 33}, "counters": {}, "inactive": make_list(30, 20), **changes}


def make_wq(**changes):
    """Return a workqueue of a dump. @changes replace its values."""
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
    """Return a dump. @changes replace its values."""
    return {"schema": collect.SCHEMA, "engine": "cmwq2", "kernel": "7.3.4", "host": "box", "time": 1790000000,
            "hz": 1000, "jiffies": 4294, "cpus": {"possible": [0, 1], "online": [0, 1]},
            "scopes": [{"name": "cpu", "default": True,
                        "pods": [{"cpus": "0", "node": None}, {"cpus": "1", "node": None}]}],
            "pools": [make_pool()], "workqueues": [make_wq()], "delayed": [], "gaps": [],
            **changes}
