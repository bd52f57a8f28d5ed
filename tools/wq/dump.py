# SPDX-License-Identifier: GPL-2.0
"""Show what cmwq2's pools, workers, items and workqueues are doing, or the kernel's own."""

from __future__ import annotations

import argparse
import json
from fnmatch import fnmatchcase
from typing import Any, Callable, Dict, Iterable, List, NoReturn, Optional, Tuple

import cli
import cmwq2
import tables
from wq import collect, latency, script, verdict

SCHEMA = collect.SCHEMA
MAX_SIZE_RATIO = 2
STALL_MS = 1000
# Items described per list, unless --items says otherwise.
ITEMS = 20

DESCRIPTION = """\
Show what cmwq2's pools, workers, items and workqueues are doing.

  drgn -s cmwq2.ko tools/wq_dump.py             (the running kernel, as root)
  drgn tools/wq_dump.py --native                (the kernel's own workqueues)
  drgn -c vmcore -s vmlinux -s cmwq2.ko tools/wq_dump.py --stalls
  drgn --qemu QMP_SOCKET -s vmlinux -s cmwq2.ko tools/wq_dump.py --json
  tools/wq_dump.py --read dump.json --stalls    (what --json wrote; needs no drgn)
"""

EPILOG = """\
A column without anything to say shows "-", one that this kernel does not know "?".
Times are as fine as a jiffy.

Stalls (--stalls; nothing is printed if all is well)
  hog           an item keeps the CPU to itself
  no-worker     all workers are blocked and no other can be made
  manager-stuck the same, and the worker that creates another is stuck
  rescuer-busy  all are blocked, and the rescuer of the first item's queue as well
  not-run       a worker was picked and has not run
  cpu-offline   the CPU is down, or never was up
  softirq       bh: the CPU has not come to its softirqs
  behind        taken by a worker that still runs something else, or the same item
  awaited       a thread waits for an item that runs on and on
  throttled     max_active lets no more in; those that hold it are named
  node-full     as throttled, but the NUMA node's share of max_active is used up
  frozen        the queue is frozen
  plugged       ordered queue: items under older attributes come first
  lost-kick     none of these, which should never be
Affinity scopes
  the CPUs that share an unbound pool, by scope; +: the default
Pools
  cpus      CPUs whose items come here: one for a per-CPU pool
  flags     managed: a worker is creating workers, unbound: the CPU is down,
            bh: runs in softirq context, with one worker that is no thread
  claim     how a picked worker is kept from being taken for idle
  wake      when a picked worker is woken: under the pool's lock or after it
  running   workers that concurrency management counts as running
  idle      idle workers / all workers, rescuers not included; kicked of the idle
  pending   items on the worklist, ~: it changed while they were counted
  stalled   time since an item last left the worklist
Pool counters
  kicks     times a worker was picked; coalesced: one that was picked already
  cm        kicks because the last running worker blocked or hogged its CPU
  scan      kicks by the safety timer; maydays: calls for rescuers
  stalls    times the watchdog found that items waited and none was taken
Worker lists
  pids of kicked workers, of idle ones in the order they are picked, and of busy
  ones, longest first
Workers
  state     busy: runs an item, kicked: picked and not awake yet, idle, manager:
            sees to the number of workers, awake: between these, dying
  S         the thread's state as in ps; a bh pool's worker is none
  R         + when counted as running
  for       busy: time in the item; kicked: since it was picked; idle: since its
            last item
Pending items
  where     worklist; scheduled: taken by a worker; inactive: over max_active
  age       time since it was queued
  kind      item, barrier: a waiting flush, cursor: a rescuer's place
Delayed items
  due       time until it is queued, -: it should have been
  cpu       whose timer it is, with the state of that CPU
Workqueues
  scope     unbound queues: how far items may travel; strict: and stay
  active    items that count for max_active; inactive: over it;
  inflight  all items that are pending or run, of every flush color
Unbound workqueue node_nr/max_active
            active items / maximum of each NUMA node, and of none
Workqueue CPU -> pool
            number of the pool that serves the queue on each CPU; dfl: unbound
            queues' pool for any CPU
Rescuers
  maydays   pools where the queue waits for its rescuer
  cursor    pool: place in its worklist, and how many entries are behind it
  calls     distress calls; rescued: items it ran; batches: visits to a pool in
            need; relapses: of these, left with the pool still in need
Flushers
            who waits for a flush of a queue, and for which color

On a terminal, tables are as wide as it is; in a pipe or a file nothing is cut.
"""


# Showing: everything below works on what was collected.


def format_ms(ms: Optional[int]) -> str:
    """Return a time in milliseconds as text for a column: 7 ms, 1.250 s, 125 s."""
    if ms is None:
        return "-"
    if ms < 1000:
        return f"{ms} ms"
    return f"{ms / 1000:.3f} s" if ms < 100000 else f"{ms // 1000} s"


def table(titles: str, rows: Iterable[Iterable[Any]]) -> List[str]:
    """
    Align rows under their titles. A column whose title starts with ">" is
    aligned to the right.
    """
    return table_of(titles.split(), rows)


def table_of(columns: List[str], rows: Iterable[Iterable[Any]]) -> List[str]:
    """Like :func:`table`, but take a list of titles, which may contain spaces."""
    return tables.table(columns, rows)


def section(title: str, lines: List[str]) -> List[str]:
    return [title, "=" * len(title), *lines, ""]


def show(dump: Dict[str, Any]) -> str:
    """Return a dump as text."""
    head = f"{dump['engine']} on {dump['kernel']}, jiffies {dump['jiffies']}, HZ {dump['hz']}"
    lines = [head, ""]
    stalled = show_stalls(dump, STALL_MS)
    if stalled:
        lines += section("Stalls", stalled)
    lines += section("Affinity scopes", show_scopes(dump["scopes"]))
    lines += section("Pools", show_pools(dump["pools"]))
    if any(pool["counters"] for pool in dump["pools"]):
        lines += section("Pool counters", show_counters(dump["pools"]))
    lines += section("Worker lists", show_worker_lists(dump["pools"]))
    lines += section("Workers", show_workers(dump["pools"]))
    lines += section("Pending items", show_items(dump))
    lines += section("Delayed items", show_delayed(dump["delayed"]))
    lines += section("Workqueues", show_wqs(dump["workqueues"]))
    lines += section("Unbound workqueue node_nr/max_active", show_nodes(dump["workqueues"]))
    lines += section("Workqueue CPU -> pool", show_cpu_pools(dump["workqueues"]))
    lines += section("Rescuers", show_rescuers(dump))
    lines += section("Flushers", show_flushers(dump["workqueues"]))
    if dump["gaps"]:
        lines += section("Not seen, because it changed meanwhile", dump["gaps"])
    return "\n".join(lines)


def show_stalls(dump: Dict[str, Any], min_ms: int) -> List[str]:
    return [line for one in verdict.verdicts(dump, min_ms) for line in one.lines()]


def show_scopes(scopes: List[Dict[str, Any]]) -> List[str]:
    rows = []
    for scope in scopes:
        name = scope["name"] + ("+" if scope["default"] else "")
        for number, pod in enumerate(scope["pods"]):
            rows.append([name, number, pod["cpus"], pod["node"]])
    return table("scope >pod cpus >node", rows)


def show_pools(pools: List[Dict[str, Any]]) -> List[str]:
    names = sorted({name for pool in pools for name in pool["policies"]})
    titles = (
        f">pool cpus >nice >node flags {' '.join(names)} >running >idle >kicked"
        " >pending >stalled >manager"
    )
    return table(titles, (pool_row(pool, names) for pool in pools))


def pool_row(pool: Dict[str, Any], names: List[str]) -> List[Any]:
    pending = pool["worklist"]["count"]
    sure = "" if pool["worklist"]["complete"] else "~"
    return [
        pool["id"],
        (pool["cpus"] or "") + (" offline" if pool["online"] is False else ""),
        pool["nice"],
        pool["node"] if pool["node"] >= 0 else None,
        pool["flags"],
        *map(pool["policies"].get, names),
        pool["nr_running"],
        f"{pool['nr_idle']}/{pool['nr_workers']}",
        unknown(pool["nr_kicked"]),
        f"{sure}{pending}",
        format_ms(pool["progress_ms"] if pending else None),
        pool["manager_pid"],
    ]


def unknown(value: Any) -> Any:
    return "?" if value is None else value


def show_counters(pools: List[Dict[str, Any]]) -> List[str]:
    titles = ">pool >created >culled >kicks >coalesced >cm >scan >maydays >stalls"
    names = "created culled kicks coalesced cm_wakeups scan_wakeups maydays stalls".split()
    return table(titles, ([p["id"], *map(p["counters"].get, names)] for p in pools))


def show_worker_lists(pools: List[Dict[str, Any]]) -> List[str]:
    def few(pids: List[Optional[int]]) -> str:
        shown = ["bh" if pid is None else str(pid) for pid in pids[:16]]
        return " ".join(shown + ([f"and {len(pids) - 16} more"] if len(pids) > 16 else []))

    return table(">pool kicked idle busy",
                 ([p["id"], few(p["kicked"]), few(p["idle"]), few(p["busy"])] for p in pools))


def show_workers(pools: List[Dict[str, Any]]) -> List[str]:
    titles = ">pool >id >pid S R >cpu state >for function queue flags thread"
    workers = [(p["id"], w) for p in pools for w in p["workers"]]
    lines = table(titles, ([pool, *worker_row(w)] for pool, w in workers))
    for _, worker in workers:
        if worker["stack"]:
            lines += ["", f"{worker['comm']}[{worker['pid']}] is in"]
            lines += [f"  {frame}" for frame in worker["stack"]]
    return lines


def worker_row(worker: Dict[str, Any]) -> List[Any]:
    flags = [flag for flag in worker["flags"] if flag not in ("idle", "die")]
    return [
        "rescuer" if worker["rescuer"] else worker["id"],
        worker["pid"],
        worker["task_state"],
        "+" if worker["counted"] else None,
        worker["cpu"],
        worker["state"],
        "?" if worker["for_ms"] is None and worker["state"] == "busy"
        else format_ms(worker["for_ms"]),
        func_text(worker),
        worker["queue"],
        flags,
        (worker["comm"] or "") + (f" \"{worker['desc']}\"" if worker["desc"] else ""),
    ]


def func_text(thing: Dict[str, Any]) -> Optional[str]:
    return f"{thing['func']} [{thing['module']}]" if thing["module"] else thing["func"]


def item_lists(dump: Dict[str, Any]) -> Iterable[Tuple[Any, str, Dict[str, Any]]]:
    """Iterate over the lists of pending items: pool number, which list it is, the list."""
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
            age = "?" if item["age_ms"] is None and item["kind"] == "item" else (
                format_ms(item["age_ms"]))
            rows.append([pool, where, age, func_text(item), item["queue"], kind])
        if listed["omitted"]:
            more.append(f"pool {pool} {where}: {listed['omitted']} more, see --items")
    return table(">pool where >age function queue kind", rows) + more


def show_delayed(items: Optional[List[Dict[str, Any]]]) -> List[str]:
    if items is None:
        return ["unknown: no debug info of the kernel's timers"]
    rows = []
    for item in items:
        cpu = f"{item['cpu']} offline" if item["offline"] else item["cpu"]
        due = ("-" if item["due_ms"] < 0 else "") + format_ms(abs(item["due_ms"]))
        rows.append([due, cpu, item["target_cpu"], func_text(item), item["queue"]])
    return table(">due >cpu >for function queue", rows)


def show_wqs(wqs: List[Dict[str, Any]]) -> List[str]:
    titles = (
        "workqueue flags scope >min_active >max_active >active >inactive >inflight"
        " >started >completed >rescued >refused"
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
    ]


def show_nodes(wqs: List[Dict[str, Any]]) -> List[str]:
    """Return a table with one column per node, each wide enough for 2048/2048."""
    unbound = [wq for wq in wqs if wq["nodes"]]
    nodes = sorted({node["node"] for wq in unbound for node in wq["nodes"]
                    if node["node"] is not None})
    titles = ["workqueue", "min", "max", *(f"NODE {node}" for node in nodes), "NO NODE"]
    rows = []
    for wq in unbound:
        by_node = {node["node"]: f"{node['nr']:4}/{node['max']:4}" for node in wq["nodes"]}
        rows.append([wq["name"], wq["min_active"], wq["max_active"],
                     *map(by_node.get, [*nodes, None])])
    return table_of([titles[0], *(">" + title for title in titles[1:])], rows)


def show_scope(attrs: Optional[Dict[str, Any]]) -> Optional[str]:
    if attrs is None:
        return None
    return (attrs["affn_scope"] or "?") + (",strict" if attrs["affn_strict"] else "")


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


def show_rescuers(dump: Dict[str, Any]) -> List[str]:
    cursors: Dict[str, List[str]] = {}
    for pool in dump["pools"]:
        for cursor in pool["worklist"]["cursors"]:
            place = f"{pool['id']}: {cursor['index']}, {cursor['behind']} behind"
            cursors.setdefault(cursor["queue"], []).append(place)
    rows = []
    for wq in dump["workqueues"]:
        rescuer = wq["rescuer"]
        if rescuer or wq["mayday_pools"]:
            counts = wq["counters"]
            rows.append([
                wq["name"], *rescuer_row(rescuer or {}), wq["mayday_pools"],
                "; ".join(cursors.get(wq["name"], [])), counts.get("mayday"),
                counts.get("rescued"), unknown(counts.get("batches")),
                unknown(counts.get("relapses")),
            ])
    return table("workqueue >pid cpus S state >pool >for function maydays cursor >calls"
                 " >rescued >batches >relapses", rows)


def rescuer_row(rescuer: Dict[str, Any]) -> List[Any]:
    names = ("pid", "allowed", "task_state", "state", "pool")
    return [
        *map(rescuer.get, names),
        format_ms(rescuer.get("for_ms")),
        rescuer.get("func"),
    ]


def show_flushers(wqs: List[Dict[str, Any]]) -> List[str]:
    return table("workqueue role >color >pid thread",
                 ([wq["name"], f["role"], f["color"], f["pid"], f["comm"]]
                  for wq in wqs for f in wq["flushers"]))


# Selecting


def matches(name: Optional[str], globs: Optional[List[str]]) -> bool:
    """Return whether a name matches one of an option's patterns, or the option was not given."""
    return not globs or any(fnmatchcase(name or "", glob) for glob in globs)


def must_be_there(args: argparse.Namespace, pools: Iterable[int], queues: Iterable[str]) -> None:
    """
    Raise an error if a pool or queue that the options name does not exist. An empty
    answer would look as if all were well.
    """
    there = set(pools)
    missing = [number for number in args.pool or [] if number not in there]
    if missing:
        raise cli.Error(f"there is no pool {missing[0]}; there are "
                        f"{', '.join(map(str, sorted(there))) or 'none'}")
    names = list(queues)
    for glob in args.queue or []:
        if not any(fnmatchcase(name, glob) for name in names):
            raise cli.Error(f"no workqueue has a name like {glob}")


def check_choice(dump: Dict[str, Any], args: argparse.Namespace) -> None:
    """Like :func:`must_be_there`, for the pools and queues of a dump."""
    must_be_there(args, (pool["id"] for pool in dump["pools"]),
                  (wq["name"] for wq in dump["workqueues"]))


def choose(dump: Dict[str, Any], args: argparse.Namespace) -> Dict[str, Any]:
    """Remove from a dump everything that the options do not ask for."""
    if args.pool:
        dump["pools"] = [p for p in dump["pools"] if p["id"] in args.pool]
        for wq in dump["workqueues"]:
            wq["pwqs"] = [pwq for pwq in wq["pwqs"] if pwq["pool"] in args.pool]
    if args.queue:
        dump["workqueues"] = [w for w in dump["workqueues"] if matches(w["name"], args.queue)]
    if args.queue or args.func or args.age:
        choose_items(dump, args)
    if args.top:
        keep_oldest(dump, args.top)
    limit_items(dump, args.items)
    return dump


def choose_items(dump: Dict[str, Any], args: argparse.Namespace) -> None:
    """Keep only matching items and workers, and remove pools that have nothing left to show."""
    def wanted(thing: Dict[str, Any], age: Optional[int]) -> bool:
        return (
            matches(thing["queue"], args.queue)
            and matches(thing["func"], args.func)
            and (not args.age or (age is not None and age >= args.age))
        )

    for _, _, listed in item_lists(dump):
        listed["items"] = [i for i in listed["items"] if wanted(i, i["age_ms"])]
    for pool in dump["pools"]:
        pool["workers"] = [w for w in pool["workers"]
                           if w["scheduled"]["items"] or (w["func"] and wanted(w, w["for_ms"]))]
    ids = {pwq["pool"] for wq in dump["workqueues"] for pwq in wq["pwqs"]
           if pwq["inactive"]["items"]}
    dump["pools"] = [p for p in dump["pools"]
                     if p["workers"] or p["worklist"]["items"] or p["id"] in ids]
    if dump["delayed"] is not None:
        dump["delayed"] = [i for i in dump["delayed"] if wanted(i, max(0, -i["due_ms"]))]


def keep_oldest(dump: Dict[str, Any], count: int) -> None:
    ages = [(i["age_ms"], i["address"]) for _, _, one in item_lists(dump) for i in one["items"]
            if i["age_ms"] is not None]
    kept = {address for _, address in sorted(ages, reverse=True)[:count]}
    for _, _, listed in item_lists(dump):
        listed["items"] = [i for i in listed["items"] if i["address"] in kept]


def limit_items(dump: Dict[str, Any], limit: int) -> None:
    for _, _, listed in item_lists(dump):
        if limit and len(listed["items"]) > limit:
            listed["omitted"] += len(listed["items"]) - limit
            listed["items"] = listed["items"][:limit]


# Comparing


def check_comparable(old: Dict[str, Any], new: Dict[str, Any]) -> None:
    """Raise an error unless both dumps are of one engine and one boot, and old is the older one."""
    for key in ("engine", "kernel", "hz"):
        if old[key] != new[key]:
            raise cli.Error(f"these dumps have nothing to do with each other: {key} {old[key]} and {new[key]}")
    if old["jiffies"] > new["jiffies"]:
        raise cli.Error("the dump given to --diff is the newer one: give it the older one, "
                        "or these dumps are of two boots")
    addresses = [{wq["address"] for wq in dump["workqueues"]} for dump in (old, new)]
    if all(addresses) and not addresses[0] & addresses[1]:
        raise cli.Error("these dumps have no workqueue in common: they are of two boots, "
                        "or the module was loaded anew in between")


def diff(old: Dict[str, Any], new: Dict[str, Any]) -> Dict[str, Any]:
    """Return what changed between two dumps of one boot."""
    def changed(before: Dict[str, int], after: Dict[str, int]) -> Dict[str, int]:
        return {n: after[n] - before.get(n, 0) for n in after if after[n] != before.get(n, 0)}

    pools = {p["address"]: p for p in old["pools"]}
    wqs = {w["address"]: w for w in old["workqueues"]}
    pids = {w["pid"] for p in old["pools"] for w in p["workers"]}
    now = {w["pid"] for p in new["pools"] for w in p["workers"]}
    before = {(i["address"], i["func"]) for _, _, one in item_lists(old) for i in one["items"]
              if i["kind"] == "item"}
    passed = cmwq2.jiffies_between(old["jiffies"], new["jiffies"]) * 1000 // new["hz"]
    still = [{"address": i["address"], "func": i["func"], "queue": i["queue"],
              "age_ms": i["age_ms"], "where": where, "pool": pool}
             for pool, where, one in item_lists(new) for i in one["items"]
             if (i["address"], i["func"]) in before
             and (i["age_ms"] is None or i["age_ms"] >= passed)]
    return {
        "schema": SCHEMA,
        "passed_ms": passed,
        "pools": [{"id": p["id"], "counters": changed(
            pools.get(p["address"], {}).get("counters", {}), p["counters"])}
            for p in new["pools"]],
        "workqueues": [{"name": w["name"], "new": w["address"] not in wqs, "counters": changed(
            wqs.get(w["address"], {}).get("counters", {}), w["counters"])}
            for w in new["workqueues"]],
        "workqueues_gone": [w["name"] for w in old["workqueues"]
                            if w["address"] not in {n["address"] for n in new["workqueues"]}],
        "workers_new": sorted(p for p in now - pids if p is not None),
        "workers_gone": sorted(p for p in pids - now if p is not None),
        "still_pending": still,
    }


def show_diff(found: Dict[str, Any]) -> str:
    def counters(one: Dict[str, Any]) -> str:
        return " ".join(f"{name} {value:+}" for name, value in one["counters"].items())

    lines = [f"after {format_ms(found['passed_ms'])}", ""]
    lines += section("Pools", table(">pool changed", (
        [p["id"], counters(p)] for p in found["pools"] if p["counters"])))
    lines += section("Workqueues", table("workqueue changed", (
        [w["name"] + (" (new)" if w["new"] else ""), counters(w)]
        for w in found["workqueues"] if w["counters"] or w["new"])))
    if found["workqueues_gone"]:
        lines += section("Workqueues gone", found["workqueues_gone"])
    for title, key in (("Workers new", "workers_new"), ("Workers gone", "workers_gone")):
        if found[key]:
            lines += section(title, [" ".join(map(str, found[key]))])
    lines += section("Pending then and now", table(">pool where >age function queue", (
        [i["pool"], i["where"], format_ms(i["age_ms"]), i["func"], i["queue"]]
        for i in found["still_pending"])))
    return "\n".join(lines)


# The command line


def sizes(prog: Any) -> Tuple[str, bool]:
    """Compare the sizes of both engines' pools. The flag says whether cmwq2's is small enough."""
    ours = prog.type("struct cmwq2_pool").size
    theirs = prog.type("struct worker_pool").size
    text = f"cmwq2_pool {ours} worker_pool {theirs} ratio {ours / theirs:.2f}"
    return f"{text} limit {MAX_SIZE_RATIO}\n", ours <= MAX_SIZE_RATIO * theirs


# The options that may be combined with each form of output. An option that the form would
# ignore is refused.
NARROWING = ("queue", "func", "pool", "age", "top")
FORMS = {
    "stalls": ("json", "native", "stack", "items", "read", "hz", *NARROWING),
    "diff": ("json", "native", "items", "read", "hz", *NARROWING),
    "sizes": (),
    "latency": ("json", "pool"),
}
# Options that say how to look at a kernel. They are refused with --read, which reads a file.
OF_A_KERNEL = ("native", "stack", "hz")


def add_options(parser: argparse.ArgumentParser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--stalls", action="store_true",
                      help="only say why items wait that do so for --age ms (default: 1000)")
    form.add_argument("--diff", metavar="OLD.json",
                      help="what changed since an earlier --json of the same boot")
    form.add_argument(
        "--sizes",
        action="store_true",
        help="compare the size of a pool with that of the kernel's own and fail"
        f" when it is more than {MAX_SIZE_RATIO} times as large",
    )
    form.add_argument("--latency", nargs="?", const="", metavar="GLOB",
                      help="show cmwq2's latency histograms, or those of these workqueues, or of"
                      " --pool; in JSON by bucket i: less than 2^i ns")
    parser.add_argument("-j", "--json", action="store_true",
                        help="print JSON, whose form is in wq_dump.schema.json")
    parser.add_argument("--native", action="store_true", help="the kernel's own workqueues")
    parser.add_argument("--stack", action="store_true",
                        help="with the stacks of busy workers, also in --stalls")
    parser.add_argument("--queue", action="append", metavar="GLOB",
                        help="only these workqueues and their items; may be given several times")
    parser.add_argument("--func", action="append", metavar="GLOB",
                        help="only items and workers of these functions; also several times")
    parser.add_argument("--pool", action="append", type=cli.natural, metavar="N",
                        help="only this pool; may be given several times")
    parser.add_argument("--age", type=cli.natural, metavar="MS",
                        help="only items that wait, and workers that are busy, for so long")
    parser.add_argument("--top", type=cli.positive, metavar="N", help="only the N oldest items")
    parser.add_argument("--items", type=cli.natural, metavar="N",
                        help="describe this many items of each list, 0: all"
                        f" (default: {ITEMS})")
    parser.add_argument("--read", metavar="FILE",
                        help="look at what --json wrote instead of at a kernel; -: stdin")
    parser.add_argument(
        "--hz",
        type=cli.positive,
        help="the kernel's CONFIG_HZ, where it cannot be found out",
    )


def check_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Leave with an error if an option would be ignored."""
    given = [name for name, value in vars(args).items() if value is not None and value is not False]
    forms = [name for name in given if name in FORMS]
    for form in forms:
        for name in given:
            if name not in (form, *FORMS[form]):
                parser.error(f"argument --{form}: not allowed with --{name}")
    if args.latency and args.pool:
        parser.error("argument --latency: with a GLOB not allowed with --pool")
    for name in OF_A_KERNEL:
        if args.read and name in given:
            parser.error(f"argument --{name}: not allowed with --read, the dump has what it has")
    if args.read == "-" and args.diff == "-":
        parser.error("argument --diff: only one of two dumps can come from standard input")


def parse_args(argv: Optional[List[str]] = None) -> argparse.Namespace:
    parser = cli.Parser(prog="wq_dump.py", description=DESCRIPTION, epilog=EPILOG)
    add_options(parser)
    args = parser.parse_args(argv)
    check_options(parser, args)
    args.items = ITEMS if args.items is None else args.items
    return args


def load(path: str) -> Dict[str, Any]:
    """Read a dump that --json wrote earlier."""
    dump = cli.read_json(path, "a dump by --json")
    if not isinstance(dump, dict) or dump.get("schema") != SCHEMA:
        schema = dump.get("schema") if isinstance(dump, dict) else None
        raise cli.Error(
            f"{path} has schema {schema}, this is for {SCHEMA}: take it again with --json")
    return dump


def kernel(scope: Dict[str, Any], native: bool = False) -> Any:
    """Return the kernel that drgn put into @scope. Raises Cmwq2Error if the engine cannot be inspected there."""
    prog = script.program(scope)
    cmwq2.check_program(prog, cmwq2.NATIVE if native else cmwq2.CMWQ2)
    return prog


def take(args: argparse.Namespace, scope: Dict[str, Any]) -> Dict[str, Any]:
    """Return a dump, from a file or from a kernel, as the options say."""
    if args.read:
        return load(args.read)
    prog = kernel(scope, args.native)
    engine = cmwq2.NATIVE if args.native else cmwq2.CMWQ2
    narrowed = args.queue or args.func or args.age or args.top
    limit = 0 if narrowed and not args.stalls else args.items
    return collect.collect(prog, engine, args.hz, limit, args.stack, brief=args.stalls)


def show_latency(args: argparse.Namespace, scope: Dict[str, Any]) -> str:
    """Return the histograms as text or JSON. Raises cli.Error if a pool or queue does not exist."""
    prog = kernel(scope)
    wanted = argparse.Namespace(pool=args.pool, queue=[args.latency] if args.latency else [])
    must_be_there(wanted, [pool.id.value_() for pool in cmwq2.for_each_pool(prog)],
                  [cmwq2.wq_name(wq) for wq in cmwq2.for_each_workqueue(prog)])
    found = latency.collect(prog, args.latency, args.pool)
    return printed(found, latency.show_tables, args.json)


def run(args: argparse.Namespace, scope: Dict[str, Any]) -> Tuple[str, bool]:
    """Return the text to print, and whether all is well."""
    if args.sizes:
        return sizes(kernel(scope))
    if args.latency is not None:
        return show_latency(args, scope), True
    old = load(args.diff) if args.diff else None
    dump = take(args, scope)
    check_choice(dump, args)
    if args.stalls:
        return stalls(dump, args), True
    if old:
        check_comparable(old, dump)
    dump = choose(dump, args)
    if old:
        return printed(diff(old, dump), show_diff, args.json), True
    return printed(dump, show, args.json), True


def stalls(dump: Dict[str, Any], args: argparse.Namespace) -> str:
    found = verdict.verdicts(dump, STALL_MS if args.age is None else args.age)
    found = [v for v in found if matches(v.first["queue"], args.queue)
             and matches(v.first["func"], args.func) and (not args.pool or v.pool in args.pool)]
    found = sorted(found, key=lambda v: -v.stuck_ms)[: args.top]
    if args.json:
        text = json.dumps({"schema": SCHEMA, "stalls": [v.as_json() for v in found],
                           "gaps": dump["gaps"]}, indent=2)
        return text + "\n"
    return "".join(f"{line}\n" for v in found for line in v.lines())


def printed(found: Dict[str, Any], as_text: Callable, as_json: bool) -> str:
    return json.dumps(found, indent=2) + "\n" if as_json else as_text(found)


def main(scope: Dict[str, Any]) -> NoReturn:
    """Run the command and exit. @scope has the globals of the script, where drgn puts the kernel."""
    def work() -> bool:
        text, good = run(parse_args(), scope)
        cli.emit(text)
        return good

    script.run("wq_dump.py", work)

