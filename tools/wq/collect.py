# SPDX-License-Identifier: GPL-2.0
"""
Reads the state of a workqueue engine, cmwq2 or the kernel's own, from a kernel
and returns it in a form that json.dumps() accepts. ``wq_dump.schema.json``
describes the form.

A field that an older or native struct does not have is None. No value is made
up for it.
"""

from __future__ import annotations

from typing import Any

import cli
from wq.clock import wall_time
from wq.context import Context, cpu_list, gather
from wq.drgn_names import FaultError
from wq.engine import CMWQ2, Engine
from wq.items import collect_delayed
from wq.names import enum_name
from wq.pools import collect_pool
from wq.queues import collect_wq
from wq.walks import for_each_pool, for_each_workqueue

# Increased by one whenever a field of the JSON is renamed, removed or changes its meaning.
SCHEMA = 2


def collect(prog: Any, engine: Engine = CMWQ2, hz: int | None = None,
            max_items: int = 20, stacks: bool = False, brief: bool = False) -> dict[str, Any]:
    """
    Return the state of the engine.

    :param max_items: how many items of each list are described, 0: all
    :param stacks: include the stacks of workers that are not idle
    :param brief: collect only what the verdicts need: lists are not walked to
        their ends, so their counts mean nothing; the queues' counters and the
        pwq of each CPU are not read
    """
    ctx = Context(prog, engine, hz, max_items, stacks, brief)
    start = ctx.clock.now()
    pools = gather(ctx, collect_pool, for_each_pool(prog, ctx.gaps, engine))
    wqs = gather(ctx, collect_wq, for_each_workqueue(prog, ctx.gaps, engine))
    return {
        "schema": SCHEMA,
        "version": cli.version(),
        "engine": engine.name,
        "kernel": prog["init_uts_ns"].name.release.string_().decode(),
        "host": prog["init_uts_ns"].name.nodename.string_().decode(errors="replace"),
        "time": wall_time(prog),
        "hz": ctx.clock.hz,
        "jiffies": start,
        "cpus": {"possible": ctx.cpus, "online": ctx.online},
        "scopes": collect_scopes(ctx),
        "pools": pools,
        "workqueues": wqs,
        "delayed": collect_delayed(ctx),
        "gaps": ctx.gaps,
    }


def collect_scopes(ctx: Context) -> list[dict[str, Any]]:
    """Return the affinity scopes with their pods, or [] if this kernel has none."""
    try:
        return _our_scopes(ctx) if ctx.engine is CMWQ2 else _native_scopes(ctx)
    except (LookupError, FaultError):
        return []  # this kernel has no affinity scopes


def _our_scopes(ctx: Context) -> list[dict[str, Any]]:
    found = []
    name = "cmwq2_dfl_affn_scope"
    default = ctx.prog[name].value_() if name in ctx.prog else None
    for value, pods in enumerate(ctx.prog["cmwq2_pods"]):
        if not pods:
            continue
        firsts = sorted({pods.first[cpu].value_() for cpu in ctx.cpus})
        name = enum_name(ctx.prog, "enum cmwq2_affn_scope", "CMWQ2_AFFN_", value)
        found.append({
            "name": name,
            "default": value == default if default is not None else None,
            "pods": [{"cpus": cpu_list(pods.cpus[first]), "node": None} for first in firsts],
        })
    return found


def _native_scopes(ctx: Context) -> list[dict[str, Any]]:
    found = []
    default = ctx.prog["wq_affn_dfl"].value_()
    for value, pods in enumerate(ctx.prog["wq_pod_types"]):
        count = pods.nr_pods.value_()
        if not count:
            continue
        name = enum_name(ctx.prog, "enum wq_affn_scope", "WQ_AFFN_", value)
        found.append({
            "name": name,
            "default": value == default,
            "pods": [{"cpus": cpu_list(pods.pod_cpus[i]), "node": pods.pod_node[i].value_()}
                     for i in range(count)],
        })
    return found
