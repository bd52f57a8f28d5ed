# SPDX-License-Identifier: GPL-2.0
"""
drgn helpers for cmwq2.

They read a kernel that keeps running, so any list may change while it is
walked. No walk here hangs or raises because of that: each is bounded, checks
every link against the one it came by, and tells what it could not see by
appending a sentence to the list that the caller passes as ``gaps`` (or by a
logged warning when there is none). Stop the guest first (QMP ``stop``) for a
picture without gaps.

In a drgn session::

    >>> from cmwq2 import for_each_pool, for_each_worker, worker_state
    >>> for pool in for_each_pool(prog):
    ...     for worker in for_each_worker(pool):
    ...         print(pool.id.value_(), worker.id.value_(), worker_state(worker))
"""

from __future__ import annotations

import logging
from typing import Callable, Iterator, List, Optional, Set, Tuple

try:
    from drgn import FaultError, Object, Program, ProgramFlags, TypeKind, container_of, sizeof
    from drgn.helpers.linux.xarray import xa_for_each
    from drgn.helpers.linux.kallsyms import load_module_kallsyms
    from drgn.helpers.linux.kconfig import get_kconfig
    from drgn.helpers.linux.module import find_module
    from drgn.helpers.linux.percpu import per_cpu_ptr
except ImportError:
    # What is pure in here is tested without drgn.
    FaultError = OSError  # type: ignore[assignment,misc]

logger = logging.getLogger("cmwq2")

Gaps = Optional[List[str]]

# How many entries of one list are walked, and how often a walk that found the
# list changing starts again.
WALK_LIMIT = 20000
WALK_TRIES = 5

# Flags of struct cmwq2_wq that src/internal.h has as macros, which are not in
# the debug info.
WQ_INTERNAL_FLAGS = {15: "destroying", 16: "draining", 19: "deprecated"}


class Cmwq2Error(Exception):
    """Something the user can mend, said in one line."""


def note_gap(gaps: Gaps, text: str) -> None:
    """Record that a part of the picture is missing."""
    if gaps is None:
        logger.warning("%s", text)
    elif text not in gaps:
        gaps.append(text)


# Lists


def walk_ring(
    read_node: Callable[[int], Optional[Tuple[int, int]]], head: int, limit: int
) -> Tuple[List[int], Optional[str]]:
    """
    Walk a circular list that may change meanwhile.

    :param read_node: gives the next and previous address of the node at an
        address, or ``None`` when it cannot be read
    :param head: address of the list's head
    :param limit: how many nodes to visit at most
    :returns: the nodes' addresses, and why the walk ended early, if it did
    """
    nodes: List[int] = []
    seen: Set[int] = {head}
    prev, links = head, read_node(head)
    while links is not None:
        node = links[0]
        if node == head:
            return nodes, _front_moved(read_node, head, nodes)
        if len(nodes) >= limit:
            return nodes, f"not walked beyond {limit} entries"
        if node in seen:
            return nodes, f"loops after {len(nodes)} entries"
        links = read_node(node)
        if links is not None and links[1] != prev:
            return nodes, f"changed while entry {len(nodes)} was read"
        if links is not None:
            seen.add(node)
            nodes.append(node)
            prev = node
    return nodes, f"entry {len(nodes)} cannot be read"


def _front_moved(
    read_node: Callable[[int], Optional[Tuple[int, int]]], head: int, nodes: List[int]
) -> Optional[str]:
    """
    Entries that went from the front to the back in order look like a whole but
    short list to a walk that they overtook.
    """
    links = read_node(head)
    if links is None or links[0] != (nodes[0] if nodes else head):
        return f"changed while its {len(nodes)} entries were read"
    return None


def _read_list_head(prog: Program, address: int) -> Optional[Tuple[int, int]]:
    try:
        node = Object(prog, "struct list_head", address=address).read_()
    except FaultError:
        return None
    return node.next.value_(), node.prev.value_()


def list_entries(
    head: Object, type_name: str, member: str, what: str, gaps: Gaps = None
) -> Iterator[Object]:
    """
    Iterate over the entries of a list that may change meanwhile.

    :param head: ``struct list_head`` (not a pointer)
    :param type_name: type of the entries, for instance ``struct cmwq2_work``
    :param member: name of the list node in the entry
    :param what: the list's name, for the gaps
    :param gaps: where to note what could not be seen
    :returns: iterator of ``type_name *`` objects
    """
    prog = head.prog_
    best: List[int] = []
    best_gap: Optional[str] = None
    for _ in range(WALK_TRIES):
        nodes, gap = walk_ring(
            lambda address: _read_list_head(prog, address), head.address_, WALK_LIMIT
        )
        if gap is None or best_gap is None or len(nodes) > len(best):
            best, best_gap = nodes, gap
        if gap is None:
            break
    if best_gap is not None:
        note_gap(gaps, f"{what}: {best_gap}")
    for address in best:
        node = Object(prog, "struct list_head *", value=address)
        yield container_of(node, type_name, member)


def for_each_pool(prog: Program, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over all pools, lowest number first.

    :returns: iterator of ``struct cmwq2_pool *`` objects
    """
    found = []
    try:
        for index, entry in xa_for_each(prog["cmwq2_pools"].address_of_()):
            if len(found) >= WALK_LIMIT:
                note_gap(gaps, f"pools: not walked beyond {WALK_LIMIT} entries")
                break
            found.append((index, entry.value_()))
    except FaultError:
        note_gap(gaps, f"pools: entry {len(found)} cannot be read")
    for index, address in sorted(found):
        pool = Object(prog, "struct cmwq2_pool *", value=address)
        if read_int(pool, "id") == index:
            yield pool
        else:
            note_gap(gaps, f"pools: pool {index} went away")


def for_each_worker(pool: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over the workers attached to a pool: its own, and rescuers that are
    helping it. The one of a pool with the flag "bh" has no task.

    :param pool: ``struct cmwq2_pool *``
    :returns: iterator of ``struct cmwq2_worker *`` objects
    """
    what = f"pool {pool.id.value_()}: workers"
    for worker in list_entries(pool.workers, "struct cmwq2_worker", "node", what, gaps):
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


def for_each_pending_work(pool: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over a pool's worklist in the order it will run. Flush barriers and
    rescuers' cursors stand in it too, see :func:`work_kind()`.

    :param pool: ``struct cmwq2_pool *``
    :returns: iterator of ``struct cmwq2_work *`` objects
    """
    what = f"pool {pool.id.value_()}: worklist"
    yield from list_entries(pool.worklist, "struct cmwq2_work", "entry", what, gaps)


def for_each_scheduled_work(worker: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over the items a worker took off its pool's worklist and has not
    started yet.

    :param worker: ``struct cmwq2_worker *``
    :returns: iterator of ``struct cmwq2_work *`` objects
    """
    what = f"worker {worker.id.value_()} at {hex(worker)}: scheduled items"
    yield from list_entries(worker.scheduled, "struct cmwq2_work", "entry", what, gaps)


def for_each_workqueue(prog: Program, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over all workqueues.

    :returns: iterator of ``struct cmwq2_wq *`` objects
    """
    yield from list_entries(
        prog["cmwq2_workqueues"], "struct cmwq2_wq", "list", "workqueues", gaps
    )


def for_each_pwq(wq: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over a workqueue's stakes in pools.

    :param wq: ``struct cmwq2_wq *``
    :returns: iterator of ``struct cmwq2_pwq *`` objects
    """
    what = f"workqueue {wq_name(wq)}: pwqs"
    yield from list_entries(wq.pwqs, "struct cmwq2_pwq", "pwqs_node", what, gaps)


def for_each_mayday_pwq(wq: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over the pwqs that wait for a workqueue's rescuer.

    :param wq: ``struct cmwq2_wq *``
    :returns: iterator of ``struct cmwq2_pwq *`` objects
    """
    what = f"workqueue {wq_name(wq)}: maydays"
    yield from list_entries(wq.maydays, "struct cmwq2_pwq", "mayday_node", what, gaps)


def for_each_inactive_work(pwq: Object, gaps: Gaps = None) -> Iterator[Object]:
    """
    Iterate over the items that wait for their workqueue's max_active.

    :param pwq: ``struct cmwq2_pwq *``
    :returns: iterator of ``struct cmwq2_work *`` objects
    """
    what = f"pwq at {hex(pwq)}: inactive items"
    yield from list_entries(pwq.inactive, "struct cmwq2_work", "entry", what, gaps)


def wq_cpu_pwq(wq: Object, cpu: int) -> Object:
    """
    Return where items queued on a CPU go.

    :param wq: ``struct cmwq2_wq *``
    :returns: ``struct cmwq2_pwq *``
    """
    return per_cpu_ptr(wq.cpu_pwq, cpu)[0]


# Single objects


def read_int(obj: Object, member: str) -> Optional[int]:
    """
    Return a number or pointer of a struct that may have been freed, or
    ``None`` when its memory is gone.

    :param obj: pointer to a struct
    """
    try:
        return obj.member_(member).value_()
    except FaultError:
        return None


def wq_name(wq: Object) -> str:
    """
    Return a workqueue's name, or its address when it cannot be read.

    :param wq: ``struct cmwq2_wq *``
    """
    try:
        return wq.name.string_().decode(errors="replace")
    except FaultError:
        return hex(wq)


def func_name(prog: Program, address: int) -> str:
    """Return the symbol at an address, or the address in hex."""
    names = prog.cache.setdefault("cmwq2_names", {})
    if address not in names:
        names[address] = _find_symbol(prog, address) or hex(address)
    return names[address]


def _find_symbol(prog: Program, address: int) -> Optional[str]:
    while True:
        try:
            return prog.symbol(address).name
        except LookupError:
            if not _add_kallsyms(prog):
                return None


def _add_kallsyms(prog: Program) -> bool:
    """Let drgn name functions of modules without debug info. Once."""
    if "cmwq2_kallsyms" in prog.cache:
        return False
    prog.cache["cmwq2_kallsyms"] = True
    try:
        index = load_module_kallsyms(prog)
    except Exception:  # drgn raises what its kernel's symbol table makes it raise
        return False
    prog.register_symbol_finder("cmwq2_kallsyms", index, enable_index=-1)
    return True


def enum_name(prog: Program, type_name: str, prefix: str, value: int) -> str:
    """Return an enumerator's name in lower case without its prefix."""
    try:
        enumerators = prog.type(type_name).enumerators or ()
    except LookupError:
        enumerators = ()
    for enumerator in enumerators:
        if enumerator.value == value:
            return enumerator.name[len(prefix) :].lower()
    return str(value)


def flag_bits(prog: Program, type_name: str, prefix: str) -> dict:
    """Return the single bits of an enum of flags: name in lower case by bit."""
    try:
        enumerators = prog.type(type_name).enumerators or ()
    except LookupError:
        return {}
    return {
        e.value.bit_length() - 1: e.name[len(prefix) :].lower()
        for e in enumerators
        if e.value > 0 and e.value & (e.value - 1) == 0
    }


def flag_names(value: int, bits: dict) -> List[str]:
    """Return the names of the bits in a value; bits without one as numbers."""
    return [
        bits.get(bit, f"bit{bit}")
        for bit in range(value.bit_length())
        if value & 1 << bit
    ]


def pool_flags(pool: Object) -> List[str]:
    """
    :param pool: ``struct cmwq2_pool *``
    """
    bits = flag_bits(pool.prog_, "enum cmwq2_pool_flags", "CMWQ2_POOL_")
    return flag_names(pool.flags.value_(), bits)


def worker_flags(worker: Object) -> List[str]:
    """
    :param worker: ``struct cmwq2_worker *``
    """
    bits = flag_bits(worker.prog_, "enum cmwq2_worker_flags", "CMWQ2_WORKER_")
    return flag_names(worker.flags.value_(), bits)


def wq_flags(wq: Object) -> List[str]:
    """
    :param wq: ``struct cmwq2_wq *``
    """
    bits = flag_bits(wq.prog_, "enum cmwq2_wq_flags", "CMWQ2_WQ_")
    return flag_names(wq.flags.value_(), {**WQ_INTERNAL_FLAGS, **bits})


def worker_state(worker: Object, kicked: Optional[Set[int]] = None) -> str:
    """
    Return what a worker is doing: ``busy`` (runs an item), ``manager`` (sees
    to the number of workers), ``kicked`` (idle, picked, not awake yet),
    ``idle``, ``dying``, or ``awake`` (between these).

    :param worker: ``struct cmwq2_worker *``
    :param kicked: addresses of the pool's kicked workers, if known
    """
    flags = worker_flags(worker)
    pool = worker.pool
    if worker.current_work:
        return "busy"
    if "die" in flags:
        return "dying"
    if "idle" in flags:
        if kicked is None:
            kicked = {w.value_() for w in for_each_kicked_worker(pool, [])}
        return "kicked" if worker.value_() in kicked else "idle"
    return "manager" if pool and pool.manager == worker else "awake"


def work_kind(work: Object) -> str:
    """
    Return ``item``, ``barrier`` (of a flush) or ``cursor`` (a rescuer's place).

    :param work: ``struct cmwq2_work *``
    """
    name = func_name(work.prog_, work.func.value_())
    kinds = {"cmwq2_barrier_func": "barrier", "cmwq2_cursor_func": "cursor"}
    return kinds.get(name, "item")


def work_pwq(work: Object) -> Object:
    """
    Return the pwq an item is queued on, or NULL when it is on none.

    :param work: ``struct cmwq2_work *``
    :returns: ``struct cmwq2_pwq *``
    """
    prog = work.prog_
    data = work_data(work)
    value = 0
    if work_kind(work) == "cursor":
        value = container_of(work, "struct cmwq2_pwq", "mayday_cursor").value_()
    elif data & 1 << constant(prog, "CMWQ2_WORK_PWQ_BIT"):
        value = data & -1 << constant(prog, "CMWQ2_WORK_QUEUED_SHIFT")
    return Object(prog, "struct cmwq2_pwq *", value=value)


def work_data(work: Object) -> int:
    """
    Return an item's data word as an unsigned number.

    :param work: ``struct cmwq2_work *``
    """
    value = work.data.counter.value_()
    return value & (1 << 8 * sizeof(work.data)) - 1


def work_color(work: Object) -> int:
    """
    Return the flush color of an item that is on a queue.

    :param work: ``struct cmwq2_work *``
    """
    shift = constant(work.prog_, "CMWQ2_WORK_COLOR_SHIFT")
    bits = constant(work.prog_, "CMWQ2_WORK_COLOR_BITS")
    return work_data(work) >> shift & (1 << bits) - 1


def constant(prog: Program, name: str) -> int:
    """Return an enumerator's value."""
    return prog.constant(name).value_()


# Time


def hz_from_tick(tick_ns: int) -> int:
    """Return HZ for a tick of so many nanoseconds, which may be rounded."""
    if tick_ns <= 0:
        raise ValueError(f"a tick of {tick_ns} ns")
    return (1000000000 + tick_ns // 2) // tick_ns


def jiffies_between(stamp: int, now: int, bits: int = 64) -> int:
    """
    Return how many jiffies passed. A stamp from after ``now`` was read counts
    as just taken; the counter may have wrapped.
    """
    passed = now - stamp & (1 << bits) - 1
    return 0 if passed >> bits - 1 else passed


def kernel_hz(prog: Program) -> int:
    """
    Return the kernel's CONFIG_HZ.

    It is in no variable. What every kernel has is the jiffies clocksource,
    whose factor is the length of a tick; the stored configuration, if the
    kernel has one, is the second source.
    """
    try:
        clock = prog["clocksource_jiffies"]
        return hz_from_tick(clock.mult.value_() >> clock.shift.value_())
    except (LookupError, ValueError):
        pass
    try:
        return int(get_kconfig(prog)["CONFIG_HZ"])
    except LookupError:
        raise Cmwq2Error("cannot tell HZ of this kernel, give --hz") from None


class Clock:
    """Tells the age of time stamps in jiffies."""

    def __init__(self, prog: Program, hz: Optional[int] = None) -> None:
        self.prog = prog
        self.hz = hz or kernel_hz(prog)
        self.bits = 8 * prog.type("unsigned long").size

    def now(self) -> int:
        """Return the current jiffies."""
        return self.prog["jiffies"].value_()

    def ms_since(self, stamp: int) -> int:
        """
        Return the milliseconds since a stamp. To be called after reading it. An
        item's is the lower half only.
        """
        bits = 32 if stamp < 1 << 32 else self.bits
        return jiffies_between(stamp, self.now(), bits) * 1000 // self.hz


def check_program(prog: Program) -> None:
    """Raise Cmwq2Error unless cmwq2 can be inspected in this program."""
    if not prog.flags & ProgramFlags.IS_LINUX_KERNEL:
        raise Cmwq2Error("this is no kernel: run drgn on a kernel or a guest")
    try:
        module = find_module(prog, "cmwq2")
    except LookupError:
        raise Cmwq2Error("no debug info of the kernel: give drgn -s vmlinux") from None
    if not module:
        raise Cmwq2Error("module cmwq2 is not loaded")
    if not _has_engine(prog):
        raise Cmwq2Error(
            "no debug info of module cmwq2: give drgn -s cmwq2.ko, the file that"
            " was loaded, not stripped"
        )


def _has_engine(prog: Program) -> bool:
    try:
        kind = prog.type("struct cmwq2_pool").kind
    except LookupError:
        return False
    return kind == TypeKind.STRUCT and "cmwq2_workqueues" in prog
