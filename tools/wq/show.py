# SPDX-License-Identifier: GPL-2.0
"""Shows a dump as text: one section of tables for each part of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tables
from wq import verdict
from wq.idle import Hidden

STALL_MS = 1000
# Sections that describe how the engine is set up, and what the other sections say in more detail.
SETUP = ("Affinity scopes", "Worker lists", "Workqueue CPU -> pool")


def format_ms(ms: int | None) -> str:
    """Return a time in milliseconds as text for a column: 7 ms, 1.250 s, 125 s."""
    if ms is None:
        return "-"
    if ms < 1000:
        return f"{ms} ms"
    return f"{ms / 1000:.3f} s" if ms < 100000 else f"{ms // 1000} s"


def table(titles: str, rows: Iterable[Iterable[Any]], keys: int = 1) -> list[str]:
    """
    Return the lines of a table with these rows. @titles are separated by spaces. A column whose
    title starts with ">" is aligned to the right. The first @keys columns name the row.
    """
    return tables.table(titles.split(), rows, keys=keys)


def section(title: str, lines: list[str]) -> list[str]:
    """Return the lines of a section: its title, @lines, and an empty line."""
    return [title, "=" * len(title), *lines, ""]


def show(dump: dict[str, Any], hidden: Hidden | None = None) -> str:
    """Return a dump as text. @hidden says how much of it was removed because it is idle; then sections without a row
    are left out, and so are those that only describe how the engine is set up."""
    head = f"{dump['engine']} on {dump['kernel']}, jiffies {dump['jiffies']}, HZ {dump['hz']}"
    lines = [head, *told(hidden), ""]
    every, stalls = hidden is None, show_stalls(dump, STALL_MS)
    counters = show_counters(dump["pools"]) if any(pool["counters"] for pool in dump["pools"]) else []
    sections = [
        ("Stalls", stalls, bool(stalls)),
        ("Affinity scopes", show_scopes(dump["scopes"]), every),
        ("Pools", show_pools(dump["pools"]), every),
        ("Policies of pools", show_policies(dump["pools"]), every),
        ("Pool counters", counters, False),
        ("Worker lists", show_worker_lists(dump["pools"]), every),
        ("Workers", show_workers(dump["pools"]), every),
        ("Pending items", show_items(dump), every),
        ("Delayed items", show_delayed(dump["delayed"]), every or dump["delayed"] is None),
        ("Workqueues", show_wqs(dump["workqueues"]), every),
        ("Unbound workqueue node_nr/max_active", show_nodes(dump["workqueues"]), every),
        ("Workqueue CPU -> pool", show_cpu_pools(dump["workqueues"]), every),
        ("Rescuers", show_rescuers(dump), every),
        ("Flushers", show_flushers(dump["workqueues"]), every),
        ("Not seen, because it changed meanwhile", dump["gaps"], bool(dump["gaps"])),
    ]
    for title, body, wanted in sections:
        # The only line of a table without rows is that of its titles.
        if wanted or (len(body) > 1 and title not in SETUP):
            lines += section(title, body)
    return "\n".join(lines)


def told(hidden: Hidden | None) -> list[str]:
    """Return a line that says how much is not shown, [] if everything is."""
    if hidden is None or not any(hidden):
        return []
    counts = ((hidden.pools, "pool"), (hidden.workers, "worker"), (hidden.queues, "workqueue"),
              (hidden.delayed, "delayed item"))
    parts = [f"{count} {what}{'s' * (count != 1)}" for count, what in counts if count]
    return tables.wrapped(f"not shown, because idle: {', '.join(parts)}; --all shows them")


def show_stalls(dump: dict[str, Any], min_ms: int) -> list[str]:
    """Return the verdicts on items that have waited for at least @min_ms, as lines that fit the width."""
    return [line for one in verdict.verdicts(dump, min_ms) for line in paragraph(one)]


def paragraph(one: verdict.Verdict) -> list[str]:
    """Return a verdict as lines that fit the width."""
    return [line for each in one.lines() for text in each.split("\n") for line in tables.wrapped(text)]


def show_scopes(scopes: list[dict[str, Any]]) -> list[str]:
    """Return the table of affinity scopes and their pods."""
    rows = []
    for scope in scopes:
        name = scope["name"] + ("+" if scope["default"] else "")
        for number, pod in enumerate(scope["pods"]):
            rows.append([name, number, pod["cpus"], pod["node"]])
    return table("scope >pod cpus >node", rows)


def show_pools(pools: list[dict[str, Any]]) -> list[str]:
    """Return the table of pools."""
    return table(">pool cpus >nice >node flags >running >idle >kicked >pending >stalled >manager", map(pool_row, pools))


def pool_row(pool: dict[str, Any]) -> list[Any]:
    """Return a pool's row."""
    pending = pool["worklist"]["count"]
    sure = "" if pool["worklist"]["complete"] else "~"
    return [
        pool["id"],
        (pool["cpus"] or "") + (" offline" if pool["online"] is False else ""),
        pool["nice"],
        pool["node"] if pool["node"] >= 0 else None,
        pool["flags"],
        running(pool),
        f"{pool['nr_idle']}/{pool['nr_workers']}",
        unknown(pool["nr_kicked"]),
        f"{sure}{pending}",
        format_ms(pool["progress_ms"] if pending else None),
        pool["manager_pid"],
    ]


def show_policies(pools: list[dict[str, Any]]) -> list[str]:
    """Return the table of the policies. Pools with the same policies share a row."""
    names = sorted({name for pool in pools for name in pool["policies"]})
    groups: dict[tuple, list[int]] = {}
    for pool in pools:
        if pool["policies"]:
            groups.setdefault(tuple(map(pool["policies"].get, names)), []).append(pool["id"])
    return table(" ".join(["pools", *names]), ([number_list(ids), *values] for values, ids in groups.items()))


def number_list(numbers: list[int]) -> str:
    """Return ascending numbers in the form that the kernel's lists of CPUs have, such as 0,2-5."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def running(pool: dict[str, Any]) -> Any:
    """Return how many workers count as running; for an unbound pool that counts them, also how many it wants."""
    wanted = pool.get("wanted")
    return pool["nr_running"] if pool["cpu"] is not None or wanted is None else f"{pool['nr_running']}/{wanted}"


def unknown(value: Any) -> Any:
    """Return @value, or "?" for None, which means that this kernel does not record it."""
    return "?" if value is None else value


def show_counters(pools: list[dict[str, Any]]) -> list[str]:
    """Return the table of the pools' counters."""
    titles = ">pool >created >culled >kicks >coalesced >cm >scan >maydays >stalls"
    names = "created culled kicks coalesced cm_wakeups scan_wakeups maydays stalls".split()
    return table(titles, ([p["id"], *map(p["counters"].get, names)] for p in pools))


def show_worker_lists(pools: list[dict[str, Any]]) -> list[str]:
    """Return the table of the pids on each pool's lists of workers."""
    def few(pids: list[int | None]) -> str:
        shown = ["bh" if pid is None else str(pid) for pid in pids[:16]]
        return " ".join(shown + ([f"and {len(pids) - 16} more"] if len(pids) > 16 else []))

    return table(">pool kicked idle busy",
                 ([p["id"], few(p["kicked"]), few(p["idle"]), few(p["busy"])] for p in pools))


def show_workers(pools: list[dict[str, Any]]) -> list[str]:
    """Return the table of workers."""
    titles = ">pool >id >pid S R >cpu state >for function queue flags thread"
    workers = [(p["id"], w) for p in pools for w in p["workers"]]
    lines = table(titles, ([pool, *worker_row(w)] for pool, w in workers), keys=2)
    for _, worker in workers:
        if worker["stack"]:
            lines += ["", f"{worker['comm']}[{worker['pid']}] is in"]
            lines += [f"  {frame}" for frame in worker["stack"]]
    return lines


def worker_row(worker: dict[str, Any]) -> list[Any]:
    """Return the row of a worker, without the number of its pool. The row of a rescuer begins with "rescuer" instead of
    the number of the worker."""
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


def func_text(thing: dict[str, Any]) -> str | None:
    """Return the function of an item or worker with its module, or None if it has no function."""
    return f"{thing['func']} [{thing['module']}]" if thing["module"] else thing["func"]


def item_lists(dump: dict[str, Any]) -> Iterable[tuple[Any, str, dict[str, Any]]]:
    """Iterate over the lists of pending items: pool number, which list it is, the list."""
    for pool in dump["pools"]:
        for worker in pool["workers"]:
            yield pool["id"], "scheduled", worker["scheduled"]
        yield pool["id"], "worklist", pool["worklist"]
        yield pool["id"], "inbox", pool["inbox"]
    for wq in dump["workqueues"]:
        for pwq in wq["pwqs"]:
            yield pwq["pool"], "inactive", pwq["inactive"]


def show_items(dump: dict[str, Any]) -> list[str]:
    """Return the table of pending items, and a line for each list that has more items than are shown."""
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
    return table(">pool where >age function queue kind", rows, keys=2) + more


def show_delayed(items: list[dict[str, Any]] | None) -> list[str]:
    """Return the table of delayed items, or one line if they are not known."""
    if items is None:
        return ["unknown: no debug info of the kernel's timers"]
    rows = []
    for item in items:
        cpu = f"{item['cpu']} offline" if item["offline"] else item["cpu"]
        due = ("-" if item["due_ms"] < 0 else "") + format_ms(abs(item["due_ms"]))
        rows.append([due, cpu, item["target_cpu"], func_text(item), item["queue"]])
    return table(">due >cpu >for function queue", rows)


def show_wqs(wqs: list[dict[str, Any]]) -> list[str]:
    """Return the table of workqueues."""
    titles = (
        "workqueue flags scope >min_active >max_active >active >inactive >inflight"
        " >started >completed >rescued >refused"
    )
    return table(titles, map(wq_row, wqs))


def wq_row(wq: dict[str, Any]) -> list[Any]:
    """Return a workqueue's row."""
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


def show_nodes(wqs: list[dict[str, Any]]) -> list[str]:
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
    return tables.table([titles[0], *(">" + title for title in titles[1:])], rows)


def show_scope(attrs: dict[str, Any] | None) -> str | None:
    """Return the affinity scope in a workqueue's attributes as text, or None if it has no attributes."""
    if attrs is None:
        return None
    return (attrs["affn_scope"] or "?") + (",strict" if attrs["affn_strict"] else "")


def show_cpu_pools(wqs: list[dict[str, Any]]) -> list[str]:
    """Return the table of the pools that serve each workqueue, by CPU."""
    numbers = sorted({int(cpu) for wq in wqs for cpu in wq["cpu_pools"]})
    titles = " ".join(["workqueue", *(f">{cpu}" for cpu in numbers), ">dfl"])
    return table(
        titles,
        (
            [wq["name"], *(wq["cpu_pools"].get(str(n)) for n in numbers), wq["dfl_pool"]]
            for wq in wqs
        ),
    )


def show_rescuers(dump: dict[str, Any]) -> list[str]:
    """Return the table of rescuers."""
    cursors: dict[str, list[str]] = {}
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


def rescuer_row(rescuer: dict[str, Any]) -> list[Any]:
    """Return a rescuer's cells from its pid to its function."""
    names = ("pid", "allowed", "task_state", "state", "pool")
    return [
        *map(rescuer.get, names),
        format_ms(rescuer.get("for_ms")),
        rescuer.get("func"),
    ]


def show_flushers(wqs: list[dict[str, Any]]) -> list[str]:
    """Return the table of flushers."""
    return table("workqueue role >color >pid thread",
                 ([wq["name"], f["role"], f["color"], f["pid"], f["comm"]]
                  for wq in wqs for f in wq["flushers"]))
