# SPDX-License-Identifier: LGPL-2.1-or-later
"""Iterates over the pools, workers, items, workqueues and flushers of an engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wq.drgn_names import (
    FaultError,
    Object,
    PlatformFlags,
    Program,
    container_of,
    idr_for_each,
    per_cpu_ptr,
    sizeof,
    xa_for_each,
)
from wq.engine import CMWQ2, Engine, Gaps, engine_of, note_gap
from wq.lists import WALK_LIMIT, list_entries
from wq.names import read_int, wq_name


def for_each_pool(prog: Program, gaps: Gaps = None, engine: Engine = CMWQ2) -> Iterator[Object]:
    """
    Iterate over all pools, lowest number first.

    :returns: iterator of ``struct cmwq2_pool *`` objects, or of ``struct
        worker_pool *`` for ``NATIVE``
    """
    found: list[tuple[int, int]] = []
    if engine is CMWQ2:
        entries = xa_for_each(prog["cmwq2_pools"].address_of_())
    else:
        entries = idr_for_each(prog["worker_pool_idr"].address_of_())
    try:
        for index, entry in entries:
            if len(found) >= WALK_LIMIT:
                note_gap(gaps, f"pools: not walked beyond {WALK_LIMIT} entries")
                break
            found.append((index, entry.value_()))
    except FaultError:
        note_gap(gaps, f"pools: entry {len(found)} cannot be read")
    for index, address in sorted(found):
        pool = Object(prog, engine.pool + " *", value=address)
        if read_int(pool, "id") == index:
            yield pool
        else:
            note_gap(gaps, f"pools: pool {index} went away")


def for_each_worker(prog: Program, gaps: Gaps = None, engine: Engine = CMWQ2) -> Iterator[Object]:
    """
    Iterate over the workers of all pools, see :func:`for_each_pool_worker()`.

    :returns: iterator of ``struct cmwq2_worker *`` objects, or of ``struct worker *`` for ``NATIVE``
    """
    for pool in for_each_pool(prog, gaps, engine):
        yield from for_each_pool_worker(pool, gaps)


def for_each_pool_worker(pool: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over the workers attached to a pool: its own workers, and rescuers
    that are helping it. The worker of a pool with the flag "bh" has no task.

    :param pool: ``struct cmwq2_pool *`` or ``struct worker_pool *``
    :returns: iterator of ``struct cmwq2_worker *`` or ``struct worker *`` objects
    """
    what = f"pool {pool.id.value_()}: workers"
    for worker in list_entries(pool.workers, engine_of(pool).worker, "node", what, gaps):
        if read_int(worker, "pool") == pool.value_():
            yield worker
        else:
            note_gap(gaps, f"{what}: one left")


def for_each_kicked_worker(pool: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over the idle workers that were picked and have not woken up yet.

    :param pool: ``struct cmwq2_pool *``
    :returns: iterator of ``struct cmwq2_worker *`` objects
    """
    what = f"pool {pool.id.value_()}: kicked list"
    yield from list_entries(
        pool.kicked_list, "struct cmwq2_worker", "entry", what, gaps
    )


def for_each_idle_worker(pool: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over the idle workers in the order in which they will be picked.
    Claiming policies that take picked workers off the list leave them out.

    :param pool: ``struct cmwq2_pool *`` or ``struct worker_pool *``
    :returns: iterator of ``struct cmwq2_worker *`` or ``struct worker *`` objects
    """
    what = f"pool {pool.id.value_()}: idle list"
    yield from list_entries(pool.idle_list, engine_of(pool).worker, "entry", what, gaps)


def for_each_pending_work(prog: Program, gaps: Gaps = None, engine: Engine = CMWQ2) -> Iterator[Object]:
    """
    Iterate over the worklists of all pools, see :func:`for_each_pending_work_in_pool()`.

    :returns: iterator of ``struct cmwq2_work *`` objects, or of ``struct work_struct *`` for ``NATIVE``
    """
    for pool in for_each_pool(prog, gaps, engine):
        yield from for_each_pending_work_in_pool(pool, gaps)


def for_each_pending_work_in_pool(pool: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over a pool's worklist in the order in which it will run. The list
    also contains flush barriers and rescuers' cursors, see :func:`work_kind()`.

    :param pool: ``struct cmwq2_pool *`` or ``struct worker_pool *``
    :returns: iterator of ``struct cmwq2_work *`` or ``struct work_struct *`` objects
    """
    what = f"pool {pool.id.value_()}: worklist"
    yield from list_entries(pool.worklist, engine_of(pool).work, "entry", what, gaps)


def for_each_scheduled_work(worker: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over the items that a worker took off its pool's worklist and has
    not started yet.

    :param worker: ``struct cmwq2_worker *`` or ``struct worker *``
    :returns: iterator of ``struct cmwq2_work *`` or ``struct work_struct *`` objects
    """
    what = f"worker {worker.id.value_()} at {hex(worker)}: scheduled items"
    yield from list_entries(worker.scheduled, engine_of(worker).work, "entry", what, gaps)


def for_each_workqueue(
    prog: Program, gaps: Gaps = None, engine: Engine = CMWQ2
) -> Iterator[Object]:
    """
    Iterate over all workqueues.

    :returns: iterator of ``struct cmwq2_wq *`` objects, or of ``struct
        workqueue_struct *`` for ``NATIVE``
    """
    yield from list_entries(prog[engine.wqs], engine.wq, "list", "workqueues", gaps)


def for_each_pwq(wq: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over a workqueue's pwqs, each of which connects it to one pool.

    :param wq: ``struct cmwq2_wq *`` or ``struct workqueue_struct *``
    :returns: iterator of ``struct cmwq2_pwq *`` or ``struct pool_workqueue *``
        objects
    """
    what = f"workqueue {wq_name(wq)}: pwqs"
    yield from list_entries(wq.pwqs, engine_of(wq).pwq, "pwqs_node", what, gaps)


def for_each_mayday_pwq(wq: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over the pwqs that wait for a workqueue's rescuer.

    :param wq: ``struct cmwq2_wq *``
    :returns: iterator of ``struct cmwq2_pwq *`` objects
    """
    what = f"workqueue {wq_name(wq)}: maydays"
    yield from list_entries(wq.maydays, engine_of(wq).pwq, "mayday_node", what, gaps)


def for_each_inactive_work(pwq: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over the inactive items, which wait because of max_active.

    :param pwq: ``struct cmwq2_pwq *``
    :returns: iterator of ``struct cmwq2_work *`` objects
    """
    what = f"pwq at {hex(pwq)}: inactive items"
    engine = engine_of(pwq)
    head = pwq.inactive if engine is CMWQ2 else pwq.inactive_works
    yield from list_entries(head, engine.work, "entry", what, gaps)


def for_each_flusher(wq: Object, gaps: Gaps = None) -> Iterator[tuple[str, Object]]:
    """
    Iterate over the threads that wait for a workqueue to be flushed. The first
    flusher advances the colors; overflow flushers found no free color.

    :param wq: ``struct cmwq2_wq *`` or ``struct workqueue_struct *``
    :returns: iterator of (``"first"``, ``"waits"`` or ``"overflow"``, ``struct
        cmwq2_flusher *`` or ``struct wq_flusher *`` object). The objects are on
        the stacks of the waiting threads.
    """
    ours = engine_of(wq) is CMWQ2
    kind = "struct cmwq2_flusher" if ours else "struct wq_flusher"
    if wq.first_flusher:
        yield "first", wq.first_flusher
    lists = (("waits", "flushers", "flusher_queue"),
             ("overflow", "overflow", "flusher_overflow"))
    for role, our_name, native_name in lists:
        what = f"workqueue {wq_name(wq)}: flushers"
        head = wq.member_(our_name if ours else native_name)
        for flusher in list_entries(head, kind, "list", what, gaps):
            yield role, flusher


def completion_waiter(done: Object) -> Object | None:
    """
    Return the first thread that waits for a completion, or None.

    :param done: ``struct completion`` (not a pointer)
    :returns: ``struct task_struct *``
    """
    try:
        node = done.wait.task_list.next
        if node.value_() == done.wait.task_list.address_of_().value_():
            return None
        return container_of(node, "struct swait_queue", "task_list").task
    except FaultError:
        return None


def for_each_delayed_work(
    prog: Program, gaps: Gaps = None, engine: Engine = CMWQ2
) -> Iterator[tuple[int, Object]]:
    """
    Iterate over the delayed items whose timer is pending, on the timer wheels
    of all possible CPUs, including CPUs that are offline.

    :returns: iterator of (CPU, ``struct cmwq2_delayed_work *`` or ``struct
        delayed_work *`` object)
    """
    from drgn.helpers.linux.cpumask import for_each_possible_cpu

    wanted = prog.symbol(engine.delayed_fn).address
    bases = prog["timer_bases"]
    for cpu in for_each_possible_cpu(prog):
        for base in per_cpu_ptr(bases.address_of_(), cpu)[0]:
            for timer in _wheel_timers(prog, base, f"timers of CPU {cpu}", gaps):
                try:
                    if timer.function.value_() == wanted:
                        yield cpu, container_of(timer, engine.delayed, "timer")
                except FaultError:
                    note_gap(gaps, f"timers of CPU {cpu}: one went away")


def _wheel_timers(prog: Program, base: Object, what: str, gaps: Gaps) -> Iterator[Object]:
    """Iterate over one wheel's ``struct timer_list *``. All slots are read in one piece."""
    vectors = base.vectors
    word = 8 if prog.platform.flags & PlatformFlags.IS_64_BIT else 4
    order: Any = "little" if prog.platform.flags & PlatformFlags.IS_LITTLE_ENDIAN else "big"
    data = prog.read(vectors.address_, sizeof(vectors))
    seen: set[int] = set()
    for start in range(0, len(data), word):
        node = int.from_bytes(data[start : start + word], order)
        while node and node not in seen and len(seen) < WALK_LIMIT:
            seen.add(node)
            timer = container_of(
                Object(prog, "struct hlist_node *", value=node), "struct timer_list", "entry"
            )
            yield timer
            try:
                node = prog.read_word(node)
            except FaultError:
                note_gap(gaps, f"{what}: one went away")
                break


def wq_cpu_pwq(wq: Object, cpu: int) -> Object:
    """
    Return the pwq that serves items queued on a CPU.

    :param wq: ``struct cmwq2_wq *`` or ``struct workqueue_struct *``
    :returns: ``struct cmwq2_pwq *`` or ``struct pool_workqueue *``
    """
    if hasattr(wq, "cpu_pwqs"):     # the kernel's own up to 6.5: per-CPU memory holds the structs themselves
        return per_cpu_ptr(wq.cpu_pwqs, cpu)
    return per_cpu_ptr(wq.cpu_pwq, cpu)[0]
