# SPDX-License-Identifier: GPL-2.0
"""Collects the workqueues of an engine, with their pwqs, attributes, rescuers and flushers."""

from __future__ import annotations

from typing import Any

from wq.context import NATIVE_STATS, Context, cpu_list, gather, maybe, maybe_int, total
from wq.drgn_names import FaultError, per_cpu_ptr
from wq.engine import CMWQ2, note_gap
from wq.flags import wq_flags
from wq.items import describe_items
from wq.lists import entry_addresses
from wq.memory import read_works_at
from wq.names import enum_name, wq_name
from wq.pools import collect_worker
from wq.walks import completion_waiter, for_each_flusher, for_each_mayday_pwq


def collect_wq(ctx: Context, wq: Any) -> dict[str, Any]:
    """Return a workqueue in the form that a dump has. It lists only pwqs that have something to show."""
    flags = wq_flags(wq)
    unbound = "unbound" in flags
    ours = ctx.engine is CMWQ2
    name = wq_name(wq)
    addresses = entry_addresses(wq.pwqs, ctx.engine.pwq, "pwqs_node",
                                f"workqueue {name}: pwqs", ctx.gaps)
    pwqs = []
    for address in addresses:
        try:
            pwqs.append(collect_pwq(ctx, address, name))
        except FaultError:
            note_gap(ctx.gaps, f"workqueue {name}: pwq at {hex(address)} went away")
    counters = total([pwq["counters"] for pwq in pwqs])
    if ours:
        counters["refused"] = counters.get("refused", 0) + wq.refused.counter.value_()
    attrs = maybe(wq, "attrs", "unbound_attrs")
    cpu_pwqs = {} if ctx.first else cpu_pwq_addresses(ctx, wq)
    return {
        "name": name,
        "address": hex(wq),
        "flags": flags,
        "attrs": collect_attrs(attrs) if unbound and attrs else None,
        "max_active": maybe_int(wq, "max_active", "saved_max_active"),
        "min_active": maybe_int(wq, "min_active"),
        "saved_max_active": wq.saved_max_active.value_(),
        "work_color": wq.work_color.value_(),
        "flush_color": wq.flush_color.value_(),
        "nr_drainers": wq.nr_drainers.value_(),
        "nr_active": sum(pwq["nr_active"] for pwq in pwqs),
        "nr_inactive": sum(pwq["inactive"]["count"] for pwq in pwqs),
        "nr_in_flight": sum(sum(pwq["nr_in_flight"].values()) for pwq in pwqs),
        "counters": counters,
        "nodes": collect_nodes(ctx, wq) if unbound else [],
        "cpu_pools": {str(cpu): ctx.queue_of(pwq)[1] for cpu, pwq in cpu_pwqs.items()},
        "dfl_pool": ctx.queue_of(wq.dfl_pwq.value_())[1],
        "rescuer": collect_rescuer(ctx, wq.rescuer) if wq.rescuer else None,
        "mayday_pools": gather(ctx, lambda _ctx, pwq: pwq.pool.id.value_(),
                               for_each_mayday_pwq(wq, ctx.gaps)),
        "flushers": collect_flushers(ctx, wq),
        "nr_pwqs": len(pwqs),
        "pwqs": [pwq for pwq in pwqs if is_busy(pwq)],
    }


def is_busy(pwq: dict[str, Any]) -> bool:
    """Return whether a pwq has anything to show. A queue has one for each CPU, most of them idle."""
    return bool(pwq["nr_active"] or pwq["nr_in_flight"] or pwq["inactive"]["items"]
                or pwq["plugged"] or pwq["mayday"] or pwq["cursor"])


EMPTY = {"count": 0, "complete": True, "items": [], "omitted": 0, "cursors": []}


def collect_pwq(ctx: Context, address: int, queue: str) -> dict[str, Any]:
    """Return the pwq at @address of the workqueue named @queue. Raises FaultError if it cannot be read."""
    raw = ctx.pwq_layout.read(address)
    pool = ctx.pool_id(raw["pool"])
    ctx.know_pwq(address, queue, pool)
    return {
        "address": hex(address),
        "pool": pool,
        "refcnt": raw["refcnt"],
        "work_color": raw["work_color"],
        "flush_color": raw["flush_color"],
        "nr_active": raw["nr_active"],
        "plugged": bool(raw.get("plugged")),
        "mayday": raw["mayday_next"] not in (0, address + ctx.mayday_offset),
        "cursor": raw.get("cursor_next", 0) not in (0, address + ctx.cursor_offset),
        "nr_in_flight": {str(i): nr for i, nr in enumerate(raw["nr_in_flight"]) if nr},
        "counters": pwq_counters(ctx, raw),
        "inactive": collect_inactive(ctx, address, raw),
    }


def collect_inactive(ctx: Context, address: int, raw: dict[str, Any]) -> dict[str, Any]:
    """Return the inactive items of the pwq at @address, whose members are @raw."""
    head = address + ctx.inactive_offset
    if raw["inactive_next"] == head:
        return EMPTY
    known = len(ctx.gaps)
    works = read_works_at(ctx.prog, head, ctx.engine,
                          f"pwq at {hex(address)}: inactive items", ctx.gaps, ctx.first)
    return describe_items(ctx, works, len(ctx.gaps) == known)


def pwq_counters(ctx: Context, raw: dict[str, Any]) -> dict[str, int]:
    """Return the counters of a pwq by name, or {} if this kernel has none."""
    if ctx.engine is CMWQ2:
        return {path[len("stat."):]: raw[path] for path in ctx.stats}
    if "stats" not in raw:
        return {}
    prefix = "PWQ_STAT_"
    return {e.name[len(prefix):].lower(): raw["stats"][e.value]
            for e in ctx.prog.type(f"enum {NATIVE_STATS}").enumerators
            if e.name.startswith(prefix)}


def cpu_pwq_addresses(ctx: Context, wq: Any) -> dict[int, int]:
    """Return the address of the pwq that serves items queued on each CPU."""
    pointers = maybe(wq, "cpu_pwq")
    prog = ctx.prog
    if pointers is not None:
        if not pointers:
            return {}
        if "__per_cpu_offset" not in prog:
            return {cpu: per_cpu_ptr(pointers, cpu)[0].value_() for cpu in ctx.cpus}
        base = pointers.value_()
        return {cpu: prog.read_word(base + offset & (1 << 64) - 1)
                for cpu, offset in per_cpu_offsets(ctx).items()}
    # Up to 6.5 per-CPU memory holds the structs themselves, and unbound queues have
    # their pwqs by node.
    pwqs = maybe(wq, "cpu_pwqs")
    if pwqs is not None and pwqs:
        return {cpu: per_cpu_ptr(pwqs, cpu).value_() for cpu in ctx.cpus}
    return {}


def per_cpu_offsets(ctx: Context) -> dict[int, int]:
    """Return the offset of each CPU's per-CPU memory. It is read only once."""
    if "cmwq2_per_cpu" not in ctx.prog.cache:
        offsets = ctx.prog["__per_cpu_offset"]
        ctx.prog.cache["cmwq2_per_cpu"] = {cpu: offsets[cpu].value_() for cpu in ctx.cpus}
    return ctx.prog.cache["cmwq2_per_cpu"]


def collect_attrs(attrs: Any) -> dict[str, Any]:
    """Return the attributes of an unbound workqueue. A value that this kernel lacks is None."""
    scope = maybe(attrs, "affn_scope")
    ours = "cmwq2" in attrs.type_.type_name()
    kind, prefix = ("enum cmwq2_affn_scope", "CMWQ2_AFFN_") if ours else (
        "enum wq_affn_scope", "WQ_AFFN_")
    name = None
    if scope is not None:
        name = enum_name(attrs.prog_, kind, prefix, scope.value_())
        name = "default" if name == "dfl" else name
    strict = maybe(attrs, "affn_strict")
    return {
        "nice": attrs.nice.value_(),
        "cpus": cpu_list(attrs.cpumask),
        "affn_scope": name,
        "affn_strict": bool(strict) if strict is not None else None,
    }


def collect_nodes(ctx: Context, wq: Any) -> list[dict[str, Any]]:
    """Return active items and their limit for each NUMA node, and last for items of no node."""
    counts = maybe(wq, "nna", "node_nr_active")
    if counts is None or (ctx.engine is CMWQ2 and not counts):
        return []  # up to 6.8, or a queue that is not ready yet
    prog = ctx.prog
    nodes = prog["nr_node_ids"].value_() if "nr_node_ids" in prog else 1
    found = []
    for i in range(nodes + 1):
        if counts[i]:
            found.append({"node": i if i < nodes else None,
                          "nr": counts[i].nr.counter.value_(),
                          "max": counts[i].max.value_()})
    return found


def collect_rescuer(ctx: Context, rescuer: Any) -> dict[str, Any]:
    """Return a rescuer like a worker. Its pool is the one that it helps, or None."""
    found = collect_worker(ctx, rescuer, set())
    pool = rescuer.pool
    if found["state"] != "busy":
        found["state"] = "helping" if pool else "asleep"
    found["pool"] = pool.id.value_() if pool else None
    return found


def collect_flushers(ctx: Context, wq: Any) -> list[dict[str, Any]]:
    """Return the threads that wait for a flush of a workqueue."""
    def describe(_ctx: Context, found: tuple[str, Any]) -> dict[str, Any]:
        role, flusher = found
        task = completion_waiter(flusher.done)
        color = maybe_int(flusher, "color", "flush_color")
        return {"role": role, "color": color if role != "overflow" else None,
                "pid": task.pid.value_() if task else None,
                "comm": task.comm.string_().decode(errors="replace") if task else None}

    found = []
    try:
        for entry in for_each_flusher(wq, ctx.gaps):
            found.append(describe(ctx, entry))
    except FaultError:
        note_gap(ctx.gaps, f"workqueue {wq_name(wq)}: a flusher went away")
    return found
