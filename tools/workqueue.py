# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Workqueues
----------

Helpers for the kernel's own workqueues, in the form of the modules of
``drgn.helpers.linux`` and under the names that drgn-tools gives them. They need
nothing of the module cmwq2, and work on a running kernel and on a vmcore of any
kernel from 6.1 on. ``prog`` may be left out in a drgn session.

The kernel may change a list during a walk. No walk hangs or raises because of
that. A list that could not be walked to its end is named in a warning, which
drgn's logger ``cmwq2`` gets.

In a drgn session::

    >>> from cmwq2.workqueue import find_workqueue, for_each_pwq
    >>> for pwq in for_each_pwq(find_workqueue("events")):
    ...     print(pwq.pool.id.value_(), pwq.nr_active.value_())
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wq.drgn_names import Object, Program, idr_find, per_cpu, takes_program_or_default
from wq.engine import NATIVE
from wq.names import constant, wq_name
from wq.state import work_data, work_pwq
from wq.walks import for_each_delayed_work as _delayed
from wq.walks import (
    for_each_idle_worker,
    for_each_inactive_work,
    for_each_pending_work_in_pool,
    for_each_pool_worker,
    for_each_pwq,
    for_each_scheduled_work,
    wq_cpu_pwq,
)
from wq.walks import for_each_pool as _pools
from wq.walks import for_each_workqueue as _workqueues

__all__ = (
    "find_worker_executing_work",
    "find_workqueue",
    "for_each_cpu_worker_pool",
    "for_each_delayed_work",
    "for_each_idle_worker",
    "for_each_inactive_work",
    "for_each_pending_work",
    "for_each_pending_work_in_pool",
    "for_each_pending_work_of_pwq",
    "for_each_pending_work_on_cpu",
    "for_each_pool",
    "for_each_pool_worker",
    "for_each_pwq",
    "for_each_scheduled_work",
    "for_each_worker",
    "for_each_workqueue",
    "get_work_pool",
    "get_work_pwq",
    "is_task_a_worker",
    "workqueue_get_pwq",
)

PF_WQ_WORKER = 0x20


@takes_program_or_default
def for_each_workqueue(prog: Program) -> Iterator[Object]:
    """
    Iterate over all workqueues.

    :return: Iterator of ``struct workqueue_struct *`` objects.
    """
    return _workqueues(prog, engine=NATIVE)


@takes_program_or_default
def find_workqueue(prog: Program, name: str) -> Object | None:
    """
    Return the first workqueue called ``name``, or ``None``.

    :return: ``struct workqueue_struct *``
    """
    return next((wq for wq in _workqueues(prog, engine=NATIVE) if wq_name(wq) == name), None)


@takes_program_or_default
def for_each_pool(prog: Program) -> Iterator[Object]:
    """
    Iterate over all worker pools, lowest number first.

    :return: Iterator of ``struct worker_pool *`` objects.
    """
    return _pools(prog, engine=NATIVE)


@takes_program_or_default
def for_each_cpu_worker_pool(prog: Program, cpu: int) -> Iterator[Object]:
    """
    Iterate over the pools of a CPU whose workers are threads: the normal one,
    and the one for queues with ``WQ_HIGHPRI``.

    :return: Iterator of ``struct worker_pool *`` objects.
    """
    for pool in per_cpu(prog["cpu_worker_pools"], cpu):
        yield pool.address_of_()


@takes_program_or_default
def for_each_worker(prog: Program) -> Iterator[Object]:
    """
    Iterate over the workers that are attached to a pool.

    :return: Iterator of ``struct worker *`` objects.
    """
    for pool in _pools(prog, engine=NATIVE):
        yield from for_each_pool_worker(pool)


@takes_program_or_default
def for_each_pending_work(prog: Program) -> Iterator[Object]:
    """
    Iterate over the worklists of all pools. They also contain the barriers of
    flushes.

    :return: Iterator of ``struct work_struct *`` objects.
    """
    for pool in _pools(prog, engine=NATIVE):
        yield from for_each_pending_work_in_pool(pool)


@takes_program_or_default
def for_each_pending_work_on_cpu(prog: Program, cpu: int) -> Iterator[Object]:
    """
    Iterate over the worklists of a CPU's pools, see
    :func:`for_each_cpu_worker_pool()`.

    :return: Iterator of ``struct work_struct *`` objects.
    """
    for pool in for_each_cpu_worker_pool(prog, cpu):
        yield from for_each_pending_work_in_pool(pool)


def for_each_pending_work_of_pwq(pwq: Object) -> Iterator[Object]:
    """
    Iterate over those items on the worklist of a pool that were queued through
    one pwq, and so on one workqueue.

    :param pwq: ``struct pool_workqueue *``
    :return: Iterator of ``struct work_struct *`` objects.
    """
    for work in for_each_pending_work_in_pool(pwq.pool):
        if get_work_pwq(work) == pwq:
            yield work


@takes_program_or_default
def for_each_delayed_work(prog: Program) -> Iterator[Object]:
    """
    Iterate over the delayed items whose timer is pending.

    :return: Iterator of ``struct delayed_work *`` objects.
    """
    for _cpu, work in _delayed(prog, engine=NATIVE):
        yield work


def workqueue_get_pwq(wq: Object, cpu: int) -> Object:
    """
    Return the pwq that serves items which are queued on a CPU.

    :param wq: ``struct workqueue_struct *``; up to 6.5 not an unbound one
    :return: ``struct pool_workqueue *``
    """
    return wq_cpu_pwq(wq, cpu)


def get_work_pwq(work: Object) -> Object:
    """
    Return the pwq that an item is queued on, or ``NULL`` if it is not queued.

    :param work: ``struct work_struct *``
    :return: ``struct pool_workqueue *``
    """
    return work_pwq(work)


def get_work_pool(work: Object) -> Object:
    """
    Return the pool that an item is queued on or has run in last, or ``NULL`` if
    it has not run or if that pool is gone.

    :param work: ``struct work_struct *``
    :return: ``struct worker_pool *``
    """
    prog, pwq = work.prog_, work_pwq(work)
    if pwq:
        return pwq.pool
    number = work_data(work) >> constant(prog, "WORK_OFFQ_POOL_SHIFT")
    pool: Any = idr_find(prog["worker_pool_idr"].address_of_(), number)
    return Object(prog, "struct worker_pool *", value=pool.value_())


def find_worker_executing_work(pool: Object, work: Object) -> Object | None:
    """
    Return the worker of a pool that runs an item, or ``None``.

    :param pool: ``struct worker_pool *``
    :param work: ``struct work_struct *``
    :return: ``struct worker *``
    """
    return next((worker for worker in for_each_pool_worker(pool)
                 if worker.current_work == work and worker.current_func == work.func), None)


def is_task_a_worker(task: Object) -> bool:
    """
    Return whether a thread is a worker or a rescuer.

    :param task: ``struct task_struct *``
    """
    return bool(task.flags & PF_WQ_WORKER)
