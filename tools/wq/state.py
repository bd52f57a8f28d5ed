# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a worker does, and what the data word of an item says."""

from __future__ import annotations

from wq.drgn_names import Object, Program, offsetof, sizeof
from wq.engine import CMWQ2, Engine, engine_of
from wq.flags import worker_flags
from wq.names import constant, func_name
from wq.walks import for_each_kicked_worker


def worker_state(worker: Object, kicked: set[int] | None = None) -> str:
    """
    Return what a worker is doing: ``busy`` (runs an item), ``manager``
    (creates workers for its pool), ``kicked`` (idle, picked, not awake yet),
    ``idle``, ``dying``, or ``awake`` (none of these). The kernel does not
    record which of its own workers were picked.

    :param worker: ``struct cmwq2_worker *`` or ``struct worker *``
    :param kicked: addresses of the workers on the pool's kicked list, if known
    """
    flags = worker_flags(worker)
    pool = worker.pool
    if worker.current_work:
        return "busy"
    if "die" in flags:
        return "dying"
    # A claim may take a worker off the idle list before the worker runs.
    if engine_of(worker) is CMWQ2 and pool and is_kicked(worker, pool, kicked):
        return "kicked"
    if "idle" in flags:
        return "idle"
    return "manager" if pool and pool.manager == worker else "awake"


def is_kicked(worker: Object, pool: Object, kicked: set[int] | None = None) -> bool:
    """
    Return whether a worker was picked and is not awake yet. The worker must not be busy.

    :param worker: ``struct cmwq2_worker *``
    :param pool: ``struct cmwq2_pool *``
    :param kicked: addresses of the workers on the pool's kicked list, if known
    """
    if worker.kicked or pool.kicked == worker:
        return True
    if kicked is None:
        kicked = {w.value_() for w in for_each_kicked_worker(pool, [])}
    return worker.value_() in kicked


def work_kind(work: Object) -> str:
    """
    Return ``item``, ``barrier`` (of a flush) or ``cursor`` (marks a rescuer's
    position on the worklist).

    :param work: ``struct cmwq2_work *``
    """
    name = func_name(work.prog_, work.func.value_())
    return engine_of(work).kinds.get(name, "item")


def work_pwq(work: Object) -> Object:
    """
    Return the pwq that an item is queued on, or NULL if it is not queued.

    :param work: ``struct cmwq2_work *``
    :returns: ``struct cmwq2_pwq *``
    """
    bits = DataWord(work.prog_, engine_of(work))
    value = bits.pwq(work.value_(), work_data(work), work_kind(work))
    return Object(work.prog_, engine_of(work).pwq + " *", value=value)


class DataWord:
    """
    Decodes the data word of an item of either engine, on any kernel from 6.1.

    :param engine: the engine that the items belong to
    """

    def __init__(self, prog: Program, engine: Engine) -> None:
        ours = engine is CMWQ2
        prefix = "CMWQ2_WORK_" if ours else "WORK_STRUCT_"
        self.pwq_bit = constant(prog, prefix + "PWQ_BIT")
        self.linked_bit = constant(prog, prefix + "LINKED_BIT")
        self.color_shift = constant(prog, prefix + "COLOR_SHIFT")
        self.color_mask = (1 << constant(prog, prefix + "COLOR_BITS")) - 1
        # Lowest bit of the pwq's address. It is computed, because the kernel's
        # constant for it had another name up to 6.8.
        self.pwq_shift = self.color_shift + self.color_mask.bit_length()
        type_ = prog.type(engine.pwq)
        has_cursor = type_.has_member("mayday_cursor")
        self.cursor = offsetof(type_, "mayday_cursor") if has_cursor else 0

    def pwq(self, address: int, data: int, kind: str) -> int:
        """Return the address of the pwq that an item is queued on, or 0."""
        if kind == "cursor":
            return address - self.cursor
        return data & -1 << self.pwq_shift if data >> self.pwq_bit & 1 else 0

    def color(self, data: int) -> int:
        """Return the flush color of an item that is queued."""
        return data >> self.color_shift & self.color_mask

    def linked(self, data: int) -> bool:
        """Return whether the next item on the list is linked to this one."""
        return bool(data >> self.linked_bit & 1)


def work_data(work: Object) -> int:
    """
    Return an item's data word as an unsigned number.

    :param work: ``struct cmwq2_work *``
    """
    value = work.data.counter.value_()
    return value & (1 << 8 * sizeof(work.data)) - 1


def work_color(work: Object) -> int:
    """
    Return the flush color of an item that is queued.

    :param work: ``struct cmwq2_work *``
    """
    return DataWord(work.prog_, engine_of(work)).color(work_data(work))
