# SPDX-License-Identifier: GPL-2.0
"""Collects the pools of an engine, with their workers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wq.context import Context, cpu_list, gather, maybe, maybe_int, members, ms
from wq.drgn_names import FaultError
from wq.engine import CMWQ2
from wq.flags import pool_flags, worker_flags
from wq.items import collect_items, collect_posted
from wq.names import enum_name, func_module, func_name
from wq.state import worker_state
from wq.walks import for_each_idle_worker, for_each_kicked_worker, for_each_pool_worker

INT_MAX = 2**31 - 1
# The state of a thread that sleeps until a spinlock is free, which happens on PREEMPT_RT.
TASK_RTLOCK_WAIT = 0x1000


def collect_pool(ctx: Context, pool: Any) -> dict[str, Any]:
    """Return a pool with its workers and its worklist in the form that a dump has."""
    ours = ctx.engine is CMWQ2
    kicked = list(for_each_kicked_worker(pool, ctx.gaps)) if ours else []
    claimed = {w.value_() for w in kicked}
    workers = gather(ctx, lambda _ctx, worker: collect_worker(ctx, worker, claimed),
                     for_each_pool_worker(pool, ctx.gaps))
    worklist = collect_items(ctx, pool.worklist, f"pool {pool.id.value_()}: worklist")
    cpu = pool.cpu.value_()
    manager = pool.manager
    since = maybe_int(pool, "progress_at", "last_progress_ts", "watchdog_ts")
    return {
        "id": pool.id.value_(),
        "address": hex(pool),
        "cpu": cpu if cpu >= 0 else None,
        "online": cpu in ctx.online if cpu >= 0 else None,
        "node": pool.node.value_(),
        "cpus": pool_cpus(pool, cpu),
        "allowed": cpu_list(pool.attrs.cpumask) if pool.attrs else None,
        "nice": pool.attrs.nice.value_() if pool.attrs else None,
        "refcnt": pool.refcnt.value_(),
        "flags": pool_flags(pool),
        "policies": policies(pool) if ours else {},
        "nr_running": maybe_int(pool, "nr_running"),
        "wanted": wanted(pool),
        "nr_called": maybe_int(pool, "nr_called"),
        "nr_workers": pool.nr_workers.value_(),
        "nr_idle": pool.nr_idle.value_(),
        "nr_kicked": sum(w["state"] == "kicked" for w in workers) if ours else None,
        "manager_pid": manager.task.pid.value_() if manager and manager.task else None,
        "creating": collect_creating(ctx, pool.creating) if ours and manager else None,
        "progress_ms": ctx.clock.ms_since(since) if since is not None else None,
        "counters": members(pool.stat) if ours else {},
        "kicked": pids(ctx, kicked),
        "last_kicked_pid": task_pid(pool.kicked) if ours and pool.kicked else None,
        "idle": pids(ctx, for_each_idle_worker(pool, ctx.gaps)),
        "busy": [w["pid"] for w in sorted(workers, key=lambda w: -(w["for_ms"] or 0))
                 if w["state"] == "busy"],
        "workers": workers,
        "worklist": worklist,
        "inbox": collect_posted(ctx, pool),
    }


def pids(ctx: Context, workers: Iterable[Any]) -> list[int | None]:
    """Return the pids of a list of workers, in the list's order."""
    return gather(ctx, lambda _ctx, w: task_pid(w), workers)


def pool_cpus(pool: Any, cpu: int) -> str | None:
    """Return the CPUs whose items this pool serves."""
    pod = maybe(pool, "pod")
    if pod is not None:
        return cpu_list(pod)
    if cpu >= 0:
        return str(cpu)
    mask = maybe(pool.attrs, "__pod_cpumask", "cpumask") if pool.attrs else None
    return cpu_list(mask) if mask is not None else None


def wanted(pool: Any) -> int | None:
    """Return the number of workers that a pool wants to run at once, or None for any number. The kernel's own pools and
    those of older modules want one if they are bound."""
    number = maybe_int(pool, "wanted")
    if number is None:
        return 1 if pool.cpu.value_() >= 0 else None
    return number if number != INT_MAX else None


def policies(pool: Any) -> dict[str, str]:
    """Return a pool's policies by the names of the members of struct cmwq2_pool_policy."""
    policy = pool.policy
    return {m.name: policy_name(pool.prog_, m.name, policy.member_(m.name).value_())
            for m in policy.type_.members}


def policy_name(prog: Any, name: str, value: int) -> str:
    """Return the name of a value of the policy @name."""
    return enum_name(prog, f"enum cmwq2_{name}", f"CMWQ2_{name.upper()}_", value)


def task_pid(worker: Any) -> int | None:
    """Return the pid of a worker's thread, or None if it has no thread."""
    return worker.task.pid.value_() if worker.task else None


def collect_worker(ctx: Context, worker: Any, claimed: set) -> dict[str, Any]:
    """Return a worker in the form that a dump has. @claimed: addresses of the workers on the pool's kicked list."""
    state = worker_state(worker, claimed)
    func = worker.current_func.value_() if state == "busy" else 0
    if state == "busy" and not func:
        state = "awake"  # the item just ended or is just starting
    started = maybe_int(worker, "started_at", "current_start") if state == "busy" else None
    # The pool records the time of the pick only for the worker it picked last.
    last = state == "kicked" and worker.pool.kicked == worker
    kicked = worker.pool.kicked_at.value_() if last else None
    idle = worker.last_active.value_() if state in ("idle", "kicked") else None
    since = {"busy": started, "kicked": kicked, "idle": idle}.get(state)
    pwq = worker.current_pwq.value_() if state == "busy" else 0
    counted = maybe_int(worker, "counted")
    what = f"worker {worker.id.value_()} at {hex(worker)}: scheduled items"
    return {
        "id": worker.id.value_(),
        "address": hex(worker),
        **collect_task(ctx, worker.task, state),
        "state": state,
        "flags": worker_flags(worker),
        "counted": bool(counted) if counted is not None else None,
        "rescuer": bool(worker.rescue_wq),
        "for_ms": ms(ctx, since),
        "idle_ms": ms(ctx, idle),
        "func": func_name(ctx.prog, func) if func else None,
        "module": func_module(ctx.prog, func) if func else None,
        "work": hex(worker.current_work) if worker.current_work else None,
        "queue": ctx.queue_of(pwq)[0],
        "pwq": hex(pwq) if pwq else None,
        "desc": worker.desc.string_().decode(errors="replace") or None,
        "scheduled": collect_items(ctx, worker.scheduled, what),
    }


def collect_task(ctx: Context, task: Any, state: str) -> dict[str, Any]:
    """Describe a worker's thread. All values are None for a bh pool's worker, which has no thread."""
    names = ("pid", "comm", "task_state", "cpu", "on_cpu", "blocked", "allowed", "stack")
    if not task:
        return dict.fromkeys(names)
    on_cpu = maybe_int(task, "on_cpu")
    delayed = maybe_int(task.se, "sched_delayed")
    return {
        "pid": task.pid.value_(),
        "comm": task.comm.string_().decode(errors="replace"),
        "task_state": task_state(task),
        "cpu": task_cpu(task),
        "on_cpu": bool(on_cpu) if on_cpu is not None else None,
        "blocked": not task.on_rq.value_() or bool(delayed),
        "allowed": cpu_list(task.cpus_mask),
        "stack": stack(ctx, task) if ctx.stacks and state not in ("idle", "asleep") else None,
    }


def stack(ctx: Context, task: Any) -> list[str]:
    """Return the functions on a thread's stack, innermost first."""
    try:
        return [frame.name or hex(frame.pc) for frame in ctx.prog.stack_trace(task)]
    except (ValueError, LookupError, FaultError) as error:
        return [f"({error})"]


def collect_creating(ctx: Context, creating: Any) -> dict[str, int]:
    """Return a manager's attempts to create a worker: the age of the last one, failures, error."""
    return {"tried_ms": ctx.clock.ms_since(creating.at.value_()),
            "failed": creating.failed.value_(), "error": creating.error.value_()}


def task_state(task: Any) -> str:
    """Return the letter that ps shows for the state of a thread."""
    # drgn's helper does not know this state, and says that the thread runs.
    if task.__state.value_() & TASK_RTLOCK_WAIT:
        return "D"
    from drgn.helpers.linux.sched import task_state_to_char

    return task_state_to_char(task)


def task_cpu(task: Any) -> int:
    """Return the CPU on which a thread runs or ran last."""
    from drgn.helpers.linux.sched import task_cpu as helper

    return helper(task)
