# SPDX-License-Identifier: LGPL-2.1-or-later
"""
drgn helpers for cmwq2: all functions of the package wq that help in a drgn session.

The kernel keeps running while the helpers read it, so any list may change
during a walk. No walk here hangs or raises because of that: each walk is
bounded and checks each node's back pointer against the node it came from. If
it could not see something, it appends a sentence to the list that the caller
passes as ``gaps``, or logs a warning if the caller passes none. For a picture
without gaps, stop the guest first (QMP ``stop``).

In a drgn session::

    >>> from cmwq2 import for_each_pool, for_each_pool_worker, worker_state
    >>> for pool in for_each_pool(prog):
    ...     for worker in for_each_pool_worker(pool):
    ...         print(pool.id.value_(), worker.id.value_(), worker_state(worker))
"""

from wq.clock import Clock, hz_from_tick, jiffies_between, kernel_hz
from wq.engine import CMWQ2, NATIVE, Cmwq2Error, Engine, Gaps, engine_of, note_gap
from wq.flags import (
    NATIVE_FLAGS,
    WQ_INTERNAL_FLAGS,
    flag_bits,
    flag_names,
    native_flag_bits,
    pool_flags,
    worker_flags,
    wq_flags,
)
from wq.lists import WALK_LIMIT, WALK_TRIES, entry_addresses, list_entries, walk_ring
from wq.memory import Layout, Work, read_works, read_works_at, stamp_bits, stamp_member
from wq.names import constant, enum_name, func_module, func_name, read_int, wq_name
from wq.program import NEEDED, NEEDED_OURS, check_program, is_dump_file
from wq.state import DataWord, is_kicked, work_color, work_data, work_kind, work_pwq, worker_state
from wq.walks import (
    completion_waiter,
    for_each_delayed_work,
    for_each_flusher,
    for_each_idle_worker,
    for_each_inactive_work,
    for_each_kicked_worker,
    for_each_mayday_pwq,
    for_each_pending_work,
    for_each_pending_work_in_pool,
    for_each_pool,
    for_each_pool_worker,
    for_each_pwq,
    for_each_scheduled_work,
    for_each_worker,
    for_each_workqueue,
    wq_cpu_pwq,
)

__all__ = [
    "CMWQ2", "Clock", "Cmwq2Error", "DataWord", "Engine", "Gaps", "Layout", "NATIVE", "NATIVE_FLAGS", "NEEDED",
    "NEEDED_OURS", "WALK_LIMIT", "WALK_TRIES", "WQ_INTERNAL_FLAGS", "Work", "check_program", "completion_waiter",
    "constant", "engine_of", "entry_addresses", "enum_name", "flag_bits", "flag_names", "for_each_delayed_work",
    "for_each_flusher", "for_each_idle_worker", "for_each_inactive_work", "for_each_kicked_worker",
    "for_each_mayday_pwq", "for_each_pending_work", "for_each_pending_work_in_pool", "for_each_pool",
    "for_each_pool_worker", "for_each_pwq", "for_each_scheduled_work", "for_each_worker", "for_each_workqueue",
    "func_module", "func_name", "hz_from_tick", "is_dump_file", "is_kicked", "jiffies_between", "kernel_hz",
    "list_entries", "native_flag_bits", "note_gap", "pool_flags", "read_int", "read_works", "read_works_at",
    "stamp_bits", "stamp_member", "walk_ring", "work_color", "work_data", "work_kind", "work_pwq", "worker_flags",
    "worker_state", "wq_cpu_pwq", "wq_flags", "wq_name"]
