#!/usr/bin/env drgn
# SPDX-License-Identifier: GPL-2.0
"""Show what cmwq2's pools, workers, items and workqueues are doing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any, Dict, Iterable, List, NamedTuple, NoReturn, Optional, Tuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cmwq2  # noqa: E402
import latency  # noqa: E402

# Grows by one whenever a field of the JSON changes its name or meaning or goes.
SCHEMA = 1
MAX_SIZE_RATIO = 2

DESCRIPTION = """\
Show what cmwq2's pools, workers, items and workqueues are doing.

  drgn --qemu QMP_SOCKET -s vmlinux -s cmwq2.ko tools/wq_dump.py
  drgn -s cmwq2.ko tools/wq_dump.py             (the running kernel, as root)
"""

EPILOG = """\
A column without anything to say shows "-". Times are as fine as a jiffy. Delayed
items whose timer still runs are on no list and not shown.

Pools
  cpus      CPUs whose items come here: one for a per-CPU pool
  flags     managed: a worker is creating workers, unbound: the CPU is down,
            bh: runs in softirq context, with one worker that is no thread
  claim     how a picked worker is kept from being taken for idle
  wake      when a picked worker is woken: under the pool's lock or after it
  running   workers that concurrency management counts as running
  workers   workers alive, rescuers not included; idle and kicked of these
  pending   items on the worklist, ~: it changed while they were counted
  stalled   time since an item last left the worklist
Pool counters
  kicks     times a worker was picked; coalesced: one that was picked already
  cm        kicks because the last running worker blocked or hogged its CPU
  scan      kicks by the safety timer; maydays: calls for rescuers
  stalls    times the watchdog found that items waited and none was taken
Workers
  state     busy: runs an item, kicked: picked and not awake yet, idle, manager:
            sees to the number of workers, awake: between these, dying
  S         the thread's state as in ps; a bh pool's worker is none
  R         + when counted as running
  for       busy: time in the item; idle, kicked: time since its last item
Pending items
  where     worklist; scheduled: taken by a worker; inactive: over max_active
  age       time since it was queued
  kind      item, barrier: a waiting flush, cursor: a rescuer's place
Workqueues
  scope     unbound queues: how far items may travel; strict: and stay
  active    items that count for max_active; inactive: over it;
  inflight  all items that are pending or run, of every flush color
  nodes     unbound queues: active items / maximum of each NUMA node, and of none
Workqueue CPU -> pool
            number of the pool that serves the queue on each CPU; dfl: unbound
            queues' pool for any CPU
Rescuers
  maydays   pools where the queue waits for its rescuer

Exit status: 0 done, 1 failed, 2 wrong usage.
"""


# Collecting: everything below returns what json.dumps() takes.


class Context(NamedTuple):
    """What every collecting function needs."""

    prog: Any
    clock: cmwq2.Clock
    max_items: int
    gaps: List[str]


def collect(prog: Any, hz: Optional[int], max_items: int) -> Dict[str, Any]:
    """Return the whole picture."""
    ctx = Context(prog, cmwq2.Clock(prog, hz), max_items, [])
    start = ctx.clock.now()
    return {
        "schema": SCHEMA,
        "kernel": prog["init_uts_ns"].name.release.string_().decode(),
        "hz": ctx.clock.hz,
        "jiffies": start,
        "pools": gather(ctx, collect_pool, cmwq2.for_each_pool(prog, ctx.gaps)),
        "workqueues": gather(
            ctx, collect_wq, cmwq2.for_each_workqueue(prog, ctx.gaps)
        ),
        "gaps": ctx.gaps,
    }


def gather(ctx: Context, collect_one: Any, objects: Iterable[Any]) -> List[Any]:
    """Collect each object; one whose memory went away becomes a gap."""
    found = []
    for obj in objects:
        try:
            found.append(collect_one(ctx, obj))
        except cmwq2.FaultError:
            what = obj.type_.type_name().rstrip(" *")
            cmwq2.note_gap(ctx.gaps, f"{what} at {hex(obj)} went away")
    return found


def collect_pool(ctx: Context, pool: Any) -> Dict[str, Any]:
    kicked = {w.value_() for w in cmwq2.for_each_kicked_worker(pool, ctx.gaps)}
    workers = gather(
        ctx,
        lambda _ctx, worker: collect_worker(ctx, worker, kicked),
        cmwq2.for_each_worker(pool, ctx.gaps),
    )
    manager = pool.manager
    pending = collect_items(ctx, cmwq2.for_each_pending_work(pool, ctx.gaps))
    return {
        "id": pool.id.value_(),
        "address": hex(pool),
        "cpu": pool.cpu.value_(),
        "node": pool.node.value_(),
        "cpus": cpu_list(pool.pod),
        "nice": pool.attrs.nice.value_() if pool.attrs else None,
        "refcnt": pool.refcnt.value_(),
        "flags": cmwq2.pool_flags(pool),
        "claim": policy(pool, "claim"),
        "wake": policy(pool, "wake"),
        "nr_running": pool.nr_running.counter.value_(),
        "nr_workers": pool.nr_workers.value_(),
        "nr_idle": pool.nr_idle.value_(),
        "nr_kicked": len(kicked),
        "manager_pid": manager.task.pid.value_() if manager else None,
        "progress_ms": ctx.clock.ms_since(pool.progress_at.value_()),
        "counters": members(pool.stat),
        "workers": workers,
        "worklist": pending,
    }


def collect_worker(ctx: Context, worker: Any, kicked: set) -> Dict[str, Any]:
    state = cmwq2.worker_state(worker, kicked)
    flags = cmwq2.worker_flags(worker)
    func = worker.current_func.value_() if state == "busy" else 0
    if state == "busy" and not func:
        state = "awake"  # it came to its end, or is at its begin
    stamps = {"busy": "started_at", "idle": "last_active", "kicked": "last_active"}
    since = worker.member_(stamps[state]).value_() if state in stamps else None
    pwq = worker.current_pwq if state == "busy" else None
    return {
        "id": worker.id.value_(),
        "address": hex(worker),
        **collect_task(worker.task),
        "state": state,
        "flags": flags,
        "counted": bool(worker.counted),
        "rescuer": bool(worker.rescue_wq),
        "for_ms": None if since is None else ctx.clock.ms_since(since),
        "func": cmwq2.func_name(ctx.prog, func) if func else None,
        "work": hex(worker.current_work) if worker.current_work else None,
        "queue": cmwq2.wq_name(pwq.wq) if pwq else None,
        "scheduled": collect_items(
            ctx, cmwq2.for_each_scheduled_work(worker, ctx.gaps)
        ),
    }


def collect_task(task: Any) -> Dict[str, Any]:
    """A worker's thread; all None for that of a bh pool, which has none."""
    if not task:
        return dict.fromkeys(("pid", "comm", "task_state", "cpu"))
    return {
        "pid": task.pid.value_(),
        "comm": task.comm.string_().decode(errors="replace"),
        "task_state": task_state(task),
        "cpu": task_cpu(task),
    }


def collect_items(ctx: Context, works: Iterable[Any]) -> Dict[str, Any]:
    """Count the items of a list and describe its first entries."""
    known_gaps = len(ctx.gaps)
    works = list(works)
    complete = len(ctx.gaps) == known_gaps
    shown = works[: ctx.max_items] if ctx.max_items else works
    kinds = gather(ctx, lambda _ctx, work: cmwq2.work_kind(work), works)
    return {
        "count": kinds.count("item"),
        "complete": complete,
        "items": gather(ctx, collect_item, shown),
        "omitted": len(works) - len(shown),
    }


def collect_item(ctx: Context, work: Any) -> Dict[str, Any]:
    kind = cmwq2.work_kind(work)
    pwq = cmwq2.work_pwq(work)
    data = cmwq2.work_data(work)
    queued_at = work.queued_jiffies.value_()
    return {
        "address": hex(work),
        "kind": kind,
        "func": cmwq2.func_name(ctx.prog, work.func.value_()),
        "queue": cmwq2.wq_name(pwq.wq) if pwq else None,
        "age_ms": ctx.clock.ms_since(queued_at) if kind == "item" else None,
        "color": cmwq2.work_color(work) if pwq and kind == "item" else None,
        "linked": bool(data >> cmwq2.constant(ctx.prog, "CMWQ2_WORK_LINKED_BIT") & 1),
    }


def collect_wq(ctx: Context, wq: Any) -> Dict[str, Any]:
    flags = cmwq2.wq_flags(wq)
    pwqs = gather(ctx, collect_pwq, cmwq2.for_each_pwq(wq, ctx.gaps))
    maydays = cmwq2.for_each_mayday_pwq(wq, ctx.gaps)
    counters = total([pwq["counters"] for pwq in pwqs])
    counters["refused"] = counters.get("refused", 0) + wq.refused.counter.value_()
    unbound = "unbound" in flags
    return {
        "name": cmwq2.wq_name(wq),
        "address": hex(wq),
        "flags": flags,
        "attrs": collect_attrs(wq.attrs) if unbound and wq.attrs else None,
        "max_active": wq.max_active.value_(),
        "min_active": wq.min_active.value_(),
        "work_color": wq.work_color.value_(),
        "flush_color": wq.flush_color.value_(),
        "nr_drainers": wq.nr_drainers.value_(),
        "nr_active": sum(pwq["nr_active"] for pwq in pwqs),
        "nr_inactive": sum(pwq["inactive"]["count"] for pwq in pwqs),
        "nr_in_flight": sum(sum(pwq["nr_in_flight"]) for pwq in pwqs),
        "counters": counters,
        "nodes": gather(ctx, collect_nna, wq_nnas(wq)) if unbound else [],
        "cpu_pools": {str(c): pool_id(cmwq2.wq_cpu_pwq(wq, c)) for c in cpus(ctx.prog)},
        "dfl_pool": pool_id(wq.dfl_pwq),
        "rescuer": collect_rescuer(ctx, wq.rescuer) if wq.rescuer else None,
        "mayday_pools": gather(ctx, lambda _ctx, pwq: pool_id(pwq), maydays),
        "pwqs": pwqs,
    }


def collect_pwq(ctx: Context, pwq: Any) -> Dict[str, Any]:
    return {
        "address": hex(pwq),
        "pool": pool_id(pwq),
        "refcnt": pwq.refcnt.value_(),
        "work_color": pwq.work_color.value_(),
        "flush_color": pwq.flush_color.value_(),
        "nr_active": pwq.nr_active.value_(),
        "nr_in_flight": [nr.value_() for nr in pwq.nr_in_flight],
        "counters": members(pwq.stat),
        "inactive": collect_items(ctx, cmwq2.for_each_inactive_work(pwq, ctx.gaps)),
    }


def collect_attrs(attrs: Any) -> Dict[str, Any]:
    scope = attrs.affn_scope
    return {
        "nice": attrs.nice.value_(),
        "cpus": cpu_list(attrs.cpumask),
        "affn_scope": cmwq2.enum_name(
            attrs.prog_, "enum cmwq2_affn_scope", "CMWQ2_AFFN_", scope.value_()
        ),
        "affn_strict": bool(attrs.affn_strict),
    }


def collect_nna(_ctx: Context, nna: Any) -> Dict[str, int]:
    return {"nr": nna.nr.counter.value_(), "max": nna.max.value_()}


def collect_rescuer(ctx: Context, rescuer: Any) -> Dict[str, Any]:
    found = collect_worker(ctx, rescuer, set())
    pool = rescuer.pool
    if found["state"] != "busy":
        found["state"] = "helping" if pool else "asleep"
    found["pool"] = pool.id.value_() if pool else None
    return found


def wq_nnas(wq: Any) -> List[Any]:
    """The struct cmwq2_nna pointers of an unbound queue, the nodeless one last."""
    prog = wq.prog_
    nodes = prog["nr_node_ids"].value_() if "nr_node_ids" in prog else 1
    return [wq.nna[i] for i in range(nodes + 1) if wq.nna and wq.nna[i]]


def policy(pool: Any, name: str) -> str:
    enum = f"enum cmwq2_{name}"
    prefix = f"CMWQ2_{name.upper()}_"
    return cmwq2.enum_name(pool.prog_, enum, prefix, pool.policy.member_(name).value_())


def members(struct: Any) -> Dict[str, int]:
    """The numbers in a struct by name."""
    return {m.name: struct.member_(m.name).value_() for m in struct.type_.members}


def total(counters: List[Dict[str, int]]) -> Dict[str, int]:
    sums: Dict[str, int] = {}
    for name in (name for one in counters for name in one):
        sums[name] = sum(one[name] for one in counters)
    return sums


def pool_id(pwq: Any) -> Optional[int]:
    return pwq.pool.id.value_() if pwq else None


def cpus(prog: Any) -> List[int]:
    from drgn.helpers.linux.cpumask import for_each_possible_cpu

    return list(for_each_possible_cpu(prog))


def cpu_list(mask: Any) -> Optional[str]:
    """The CPUs of a cpumask_var_t, which is a pointer or an array of one."""
    from drgn.helpers.linux.cpumask import cpumask_to_cpulist

    mask = mask + 0
    return cpumask_to_cpulist(mask) if mask else None


def task_state(task: Any) -> str:
    from drgn.helpers.linux.sched import task_state_to_char

    return task_state_to_char(task)


def task_cpu(task: Any) -> int:
    from drgn.helpers.linux.sched import task_cpu as helper

    return helper(task)


# Showing: everything below works on what was collected.


def format_ms(ms: Optional[int]) -> str:
    """A time that reads well in a column: 7 ms, 1.250 s, 125 s."""
    if ms is None:
        return "-"
    if ms < 1000:
        return f"{ms} ms"
    return f"{ms / 1000:.3f} s" if ms < 100000 else f"{ms // 1000} s"


def format_cell(value: Any) -> str:
    if value is None or value == [] or value == "":
        return "-"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value)


def table(titles: str, rows: Iterable[Iterable[Any]]) -> List[str]:
    """
    Align rows under their titles. A title that starts with ">" is that of a
    column whose entries end where it ends.
    """
    columns = titles.split()
    cells = [[title.lstrip(">") for title in columns]]
    cells += [[format_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    ends = [title.startswith(">") for title in columns]
    return [align_row(row, widths, ends) for row in cells]


def align_row(row: List[str], widths: List[int], ends: List[bool]) -> str:
    aligned = (
        cell.rjust(width) if end else cell.ljust(width)
        for cell, width, end in zip(row, widths, ends)
    )
    return "  ".join(aligned).rstrip()


def section(title: str, lines: List[str]) -> List[str]:
    return [title, "=" * len(title), *lines, ""]


def show(dump: Dict[str, Any]) -> str:
    """The picture as text."""
    lines = [f"cmwq2 on {dump['kernel']}, jiffies {dump['jiffies']}, HZ {dump['hz']}", ""]
    lines += section("Pools", show_pools(dump["pools"]))
    lines += section("Pool counters", show_counters(dump["pools"]))
    lines += section("Workers", show_workers(dump["pools"]))
    lines += section("Pending items", show_items(dump))
    lines += section("Workqueues", show_wqs(dump["workqueues"]))
    lines += section("Workqueue CPU -> pool", show_cpu_pools(dump["workqueues"]))
    lines += section("Rescuers", show_rescuers(dump["workqueues"]))
    if dump["gaps"]:
        lines += section("Not seen, because it changed meanwhile", dump["gaps"])
    return "\n".join(lines)


def show_pools(pools: List[Dict[str, Any]]) -> List[str]:
    titles = (
        ">pool cpus >nice >node flags claim wake >running >workers >idle >kicked"
        " >pending >stalled >manager"
    )
    return table(titles, map(pool_row, pools))


def pool_row(pool: Dict[str, Any]) -> List[Any]:
    pending = pool["worklist"]["count"]
    sure = "" if pool["worklist"]["complete"] else "~"
    return [
        pool["id"],
        pool["cpus"],
        pool["nice"],
        pool["node"] if pool["node"] >= 0 else None,
        pool["flags"],
        pool["claim"],
        pool["wake"],
        pool["nr_running"],
        pool["nr_workers"],
        pool["nr_idle"],
        pool["nr_kicked"],
        f"{sure}{pending}",
        format_ms(pool["progress_ms"] if pending else None),
        pool["manager_pid"],
    ]


def show_counters(pools: List[Dict[str, Any]]) -> List[str]:
    titles = ">pool >created >culled >kicks >coalesced >cm >scan >maydays >stalls"
    names = "created culled kicks coalesced cm_wakeups scan_wakeups maydays stalls".split()
    return table(titles, ([p["id"], *map(p["counters"].get, names)] for p in pools))


def show_workers(pools: List[Dict[str, Any]]) -> List[str]:
    titles = ">pool >id >pid S R >cpu state >for function queue flags thread"
    return table(
        titles, ([p["id"], *worker_row(w)] for p in pools for w in p["workers"])
    )


def worker_row(worker: Dict[str, Any]) -> List[Any]:
    flags = [flag for flag in worker["flags"] if flag not in ("idle", "die")]
    return [
        "rescuer" if worker["rescuer"] else worker["id"],
        worker["pid"],
        worker["task_state"],
        "+" if worker["counted"] else None,
        worker["cpu"],
        worker["state"],
        format_ms(worker["for_ms"]),
        worker["func"],
        worker["queue"],
        flags,
        worker["comm"],
    ]


def item_lists(dump: Dict[str, Any]) -> Iterable[Tuple[Any, str, Dict[str, Any]]]:
    """The lists of pending items, with the number of their pool."""
    for pool in dump["pools"]:
        for worker in pool["workers"]:
            yield pool["id"], "scheduled", worker["scheduled"]
        yield pool["id"], "worklist", pool["worklist"]
    for wq in dump["workqueues"]:
        for pwq in wq["pwqs"]:
            yield pwq["pool"], "inactive", pwq["inactive"]


def show_items(dump: Dict[str, Any]) -> List[str]:
    rows = []
    more = []
    for pool, where, listed in item_lists(dump):
        for item in listed["items"]:
            kind = item["kind"] + (",linked" if item["linked"] else "")
            age = format_ms(item["age_ms"])
            rows.append([pool, where, age, item["func"], item["queue"], kind])
        if listed["omitted"]:
            more.append(f"pool {pool} {where}: {listed['omitted']} more, see --items")
    return table(">pool where >age function queue kind", rows) + more


def show_wqs(wqs: List[Dict[str, Any]]) -> List[str]:
    titles = (
        "workqueue flags scope >min_active >max_active >active >inactive >inflight"
        " >started >completed >rescued >refused nodes"
    )
    return table(titles, map(wq_row, wqs))


def wq_row(wq: Dict[str, Any]) -> List[Any]:
    unbound = "unbound" in wq["flags"]
    names = ("started", "completed", "rescued", "refused")
    return [
        wq["name"],
        wq["flags"],
        show_scope(wq["attrs"]),
        wq["min_active"] if unbound else None,
        wq["max_active"] if "bh" not in wq["flags"] else None,
        wq["nr_active"],
        wq["nr_inactive"],
        wq["nr_in_flight"],
        *map(wq["counters"].get, names),
        " ".join(f"{node['nr']}/{node['max']}" for node in wq["nodes"]),
    ]


def show_scope(attrs: Optional[Dict[str, Any]]) -> Optional[str]:
    if attrs is None:
        return None
    return attrs["affn_scope"] + (",strict" if attrs["affn_strict"] else "")


def show_cpu_pools(wqs: List[Dict[str, Any]]) -> List[str]:
    numbers = sorted({int(cpu) for wq in wqs for cpu in wq["cpu_pools"]})
    titles = " ".join(["workqueue", *(f">{cpu}" for cpu in numbers), ">dfl"])
    return table(
        titles,
        (
            [wq["name"], *(wq["cpu_pools"].get(str(n)) for n in numbers), wq["dfl_pool"]]
            for wq in wqs
        ),
    )


def show_rescuers(wqs: List[Dict[str, Any]]) -> List[str]:
    rows = []
    for wq in wqs:
        rescuer = wq["rescuer"]
        if rescuer or wq["mayday_pools"]:
            rows.append([wq["name"], *rescuer_row(rescuer or {}), wq["mayday_pools"]])
    return table("workqueue >pid S state >pool >for function maydays", rows)


def rescuer_row(rescuer: Dict[str, Any]) -> List[Any]:
    names = ("pid", "task_state", "state", "pool")
    return [
        *map(rescuer.get, names),
        format_ms(rescuer.get("for_ms")),
        rescuer.get("func"),
    ]


# The command line


def sizes(prog: Any) -> Tuple[str, bool]:
    """Compare the pools' sizes; the flag tells whether cmwq2's is small enough."""
    ours = prog.type("struct cmwq2_pool").size
    theirs = prog.type("struct worker_pool").size
    text = f"cmwq2_pool {ours} worker_pool {theirs} ratio {ours / theirs:.2f}"
    return f"{text} limit {MAX_SIZE_RATIO}\n", ours <= MAX_SIZE_RATIO * theirs


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"not a positive number: {text}")
    return int(text)


def count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"not a number: {text}")
    return int(text)


def parse_args(argv: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="wq_dump.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("-j", "--json", action="store_true", help="print JSON")
    form.add_argument("--latency", nargs="?", const="", metavar="GLOB",
                      help="show the latency histograms, or those of these workqueues")
    form.add_argument(
        "--sizes",
        action="store_true",
        help="compare the size of a pool with that of the kernel's own and fail"
        f" when it is more than {MAX_SIZE_RATIO} times as large",
    )
    parser.add_argument(
        "--items",
        type=count,
        default=20,
        metavar="N",
        help="describe this many items of each list, 0: all (default: 20)",
    )
    parser.add_argument(
        "--hz",
        type=positive,
        help="the kernel's CONFIG_HZ, where it cannot be found out",
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> Tuple[str, bool]:
    """Return what to print, and whether all is well."""
    if "prog" not in globals():
        raise cmwq2.Cmwq2Error("no kernel to look at: run this by drgn, see --help")
    prog = globals()["prog"]
    cmwq2.check_program(prog)
    if args.sizes:
        return sizes(prog)
    if args.latency is not None:
        return latency.show(prog, args.latency), True
    dump = collect(prog, args.hz, args.items)
    return json.dumps(dump, indent=2) + "\n" if args.json else show(dump), True


def fail(text: str) -> NoReturn:
    """Leave with one line on stderr and nothing from the interpreter's exit."""
    sys.stderr.write(f"wq_dump.py: {' '.join(text.split())}\n")
    sys.stderr.flush()
    os._exit(1)


def main() -> None:
    args = parse_args()
    try:
        text, good = run(args)
        sys.stdout.write(text)
        sys.stdout.flush()
    except KeyboardInterrupt:
        fail("interrupted")
    except BrokenPipeError:
        fail("the reader of the output went away")
    except cmwq2.Cmwq2Error as error:
        fail(str(error))
    except Exception as error:  # a traceback would tell a user less
        if os.environ.get("CMWQ2_TRACEBACK"):
            raise
        fail(f"{type(error).__name__}: {error}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
