# SPDX-License-Identifier: GPL-2.0
"""What all collecting functions share: how to read the engine at hand, and members that a struct may lack."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

from wq.clock import Clock
from wq.drgn_names import FaultError, Object, TypeKind, offsetof
from wq.engine import CMWQ2, Engine, note_gap
from wq.memory import Layout, stamp_bits
from wq.names import wq_name
from wq.state import DataWord

PWQ_PATHS = {
    "pool": "pool", "wq": "wq", "refcnt": "refcnt", "work_color": "work_color",
    "flush_color": "flush_color", "nr_active": "nr_active", "plugged": "plugged",
    "nr_in_flight": "nr_in_flight", "mayday_next": "mayday_node.next",
    "cursor_next": "mayday_cursor.entry.next", "inactive_next": "inactive.next",
}
NATIVE_STATS = "pool_workqueue_stats"
BRIEF = 8  # list entries read in brief mode: an item and the cursors that may precede it


class Context:
    """The state that every collecting function needs."""

    def __init__(self, prog: Any, engine: Engine, hz: int | None, max_items: int,
                 stacks: bool, brief: bool) -> None:
        self.prog, self.engine = prog, engine
        self.clock = Clock(prog, hz)
        self.max_items, self.stacks = max_items, stacks
        self.first = BRIEF if brief else 0
        self.gaps: list[str] = []
        self.word = DataWord(prog, engine)
        self.online = _online_cpus(prog)
        self.cpus = _possible_cpus(prog)
        self.kinds = _item_kinds(prog, engine)
        self.inactive = "inactive" if engine is CMWQ2 else "inactive_works"
        self.inactive_offset = offsetof(prog.type(engine.pwq), self.inactive)
        self.stats = {} if brief else _stat_paths(prog, engine)
        paths = {**PWQ_PATHS, "inactive_next": self.inactive + ".next"}
        self.pwq_layout = Layout(prog, engine.pwq, {**paths, **self.stats})
        self.mayday_offset = offsetof(prog.type(engine.pwq), "mayday_node")
        self.cursor_offset = 0
        if "cursor_next" in self.pwq_layout.names:
            self.cursor_offset = offsetof(prog.type(engine.pwq), "mayday_cursor.entry")
        self._pool_ids: dict[int, int] = {}
        self.stamp_bits = stamp_bits(prog) if engine is CMWQ2 else 0
        self._queues: dict[int, tuple[str | None, int | None]] = {}

    def pwq(self, address: int) -> Any:
        """Return a pwq as a drgn object."""
        return Object(self.prog, self.engine.pwq + " *", value=address)

    def pool_id(self, address: int) -> int:
        """Return a pool's number. It is cached, because there are many more pwqs than pools."""
        if address not in self._pool_ids:
            pool = Object(self.prog, self.engine.pool + " *", value=address)
            self._pool_ids[address] = pool.id.value_()
        return self._pool_ids[address]

    def know_pwq(self, pwq: int, queue: str, pool: int) -> None:
        """Tell queue_of() the queue and pool of a pwq, so that it need not read them again."""
        self._queues[pwq] = queue, pool

    def queue_of(self, pwq: int) -> tuple[str | None, int | None]:
        """Return the name of a pwq's workqueue and the number of its pool."""
        if not pwq:
            return None, None
        if pwq not in self._queues:
            obj = self.pwq(pwq)
            try:
                self._queues[pwq] = wq_name(obj.wq), obj.pool.id.value_()
            except FaultError:
                self._queues[pwq] = hex(pwq), None
        return self._queues[pwq]


def _online_cpus(prog: Any) -> list[int]:
    from drgn.helpers.linux.cpumask import for_each_online_cpu

    return list(for_each_online_cpu(prog))


def _possible_cpus(prog: Any) -> list[int]:
    from drgn.helpers.linux.cpumask import for_each_possible_cpu

    return list(for_each_possible_cpu(prog))


def _item_kinds(prog: Any, engine: Engine) -> dict[int, str]:
    kinds = {}
    for name, kind in engine.kinds.items():
        try:
            kinds[prog.function(name).address_] = kind
        except LookupError:
            pass  # an older kernel, which has no cursors
    return kinds


def _stat_paths(prog: Any, engine: Engine) -> dict[str, str]:
    """Return the paths of a pwq's counters. A native pwq has one array, indexed by an enum."""
    type_ = prog.type(engine.pwq)
    if engine is CMWQ2:
        members = type_.member("stat").type.members
        return {f"stat.{m.name}": f"stat.{m.name}" for m in members}
    return {"stats": "stats"}


def gather(ctx: Context, collect_one: Callable, objects: Iterable[Any]) -> list[Any]:
    """Collect each object. If an object's memory cannot be read, record a gap instead."""
    found = []
    for obj in objects:
        try:
            found.append(collect_one(ctx, obj))
        except FaultError:
            what = obj.type_.type_name().rstrip(" *")
            note_gap(ctx.gaps, f"{what} at {hex(obj)} went away")
    return found


def maybe(obj: Any, *names: str) -> Any:
    """Return the first of these members that the struct has, or None."""
    type_ = obj.type_.type if hasattr(obj.type_, "type") else obj.type_
    for name in names:
        if type_.has_member(name):
            return obj.member_(name)
    return None


def maybe_int(obj: Any, *names: str) -> int | None:
    """Like :func:`maybe`, but return the member's value as a number."""
    member = maybe(obj, *names)
    if member is None:
        return None
    value = member.value_()
    return value["counter"] if isinstance(value, dict) else value  # an atomic_t


def ms(ctx: Context, stamp: int | None) -> int | None:
    """Return the age of a stamp in jiffies, in milliseconds, or None if there is no stamp."""
    return None if stamp is None else ctx.clock.ms_since(stamp)


def members(struct: Any) -> dict[str, int]:
    """Return the numbers in a struct by member name."""
    return {m.name: struct.member_(m.name).value_() for m in struct.type_.members}


def total(counters: list[dict[str, int]]) -> dict[str, int]:
    """Return the sums of counters of the same name."""
    sums: dict[str, int] = {}
    for one in counters:
        for name, value in one.items():
            sums[name] = sums.get(name, 0) + value
    return sums


def cpu_list(mask: Any) -> str | None:
    """
    Return the CPUs of a cpumask as text. The mask may be a struct cpumask or a
    cpumask_var_t, which is a pointer or an array of one element.
    """
    from drgn.helpers.linux.cpumask import cpumask_to_cpulist

    if mask.type_.kind == TypeKind.TYPEDEF and mask.type_.type.kind == (
            TypeKind.STRUCT):
        mask = mask.address_of_()
    else:
        mask = mask + 0
    return cpumask_to_cpulist(mask) if mask else None
