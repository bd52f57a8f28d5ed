# SPDX-License-Identifier: GPL-2.0
"""
drgn helpers for cmwq2.

The kernel keeps running while the helpers read it, so any list may change
during a walk. No walk here hangs or raises because of that: each walk is
bounded and checks each node's back pointer against the node it came from. If
it could not see something, it appends a sentence to the list that the caller
passes as ``gaps``, or logs a warning if the caller passes none. For a picture
without gaps, stop the guest first (QMP ``stop``).

In a drgn session::

    >>> from cmwq2 import for_each_pool, for_each_worker, worker_state
    >>> for pool in for_each_pool(prog):
    ...     for worker in for_each_worker(pool):
    ...         print(pool.id.value_(), worker.id.value_(), worker_state(worker))
"""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

try:
    from drgn import (
        FaultError,
        Object,
        PlatformFlags,
        Program,
        ProgramFlags,
        TypeKind,
        container_of,
        offsetof,
        sizeof,
    )
    from drgn.helpers.linux.idr import idr_for_each
    from drgn.helpers.linux.kallsyms import load_module_kallsyms
    from drgn.helpers.linux.kconfig import get_kconfig
    from drgn.helpers.linux.module import find_module
    from drgn.helpers.linux.percpu import per_cpu_ptr
    from drgn.helpers.linux.xarray import xa_for_each
except ImportError:
    # The functions that need no kernel are tested without drgn.
    FaultError = OSError  # type: ignore[assignment,misc]

logger = logging.getLogger("cmwq2")

Gaps = Optional[List[str]]

# Maximum number of entries visited in one list, and maximum number of walks
# over a list that changes during each of them.
WALK_LIMIT = 500000
WALK_TRIES = 5


@dataclass(frozen=True)
class Engine:
    """The names of one engine's types, lists and functions."""

    name: str
    pool: str
    worker: str
    work: str
    pwq: str
    wq: str
    delayed: str
    wqs: str  # the list of all workqueues
    delayed_fn: str
    kinds: Dict[str, str]  # functions of entries that are not real items


CMWQ2 = Engine(
    "cmwq2",
    "struct cmwq2_pool",
    "struct cmwq2_worker",
    "struct cmwq2_work",
    "struct cmwq2_pwq",
    "struct cmwq2_wq",
    "struct cmwq2_delayed_work",
    "cmwq2_workqueues",
    "cmwq2_delayed_work_timer_fn",
    {"cmwq2_barrier_func": "barrier", "cmwq2_cursor_func": "cursor"},
)
NATIVE = Engine(
    "native",
    "struct worker_pool",
    "struct worker",
    "struct work_struct",
    "struct pool_workqueue",
    "struct workqueue_struct",
    "struct delayed_work",
    "workqueues",
    "delayed_work_timer_fn",
    {"wq_barrier_func": "barrier", "mayday_cursor_func": "cursor"},
)


def engine_of(obj: Object) -> Engine:
    """Return the engine that a pool, worker, item, pwq or workqueue belongs to."""
    return CMWQ2 if "cmwq2" in obj.type_.type_name() else NATIVE

# Flags of struct cmwq2_wq that src/base/types.h defines as macros. Macros are not
# in the debug info.
WQ_INTERNAL_FLAGS = {15: "destroying", 16: "draining", 19: "deprecated"}


class Cmwq2Error(Exception):
    """A problem that the user can fix, described in one line."""


def note_gap(gaps: Gaps, text: str) -> None:
    """Record that part of the picture is missing."""
    if gaps is None:
        logger.warning("%s", text)
    elif text not in gaps:
        gaps.append(text)


# Lists


def walk_ring(
    read_node: Callable[[int], Optional[Tuple[int, int]]], head: int, limit: int
) -> Tuple[List[int], Optional[str]]:
    """
    Walk a circular list that may change during the walk.

    :param read_node: returns the next and previous address of the node at an
        address, or ``None`` if the node cannot be read
    :param head: address of the list's head
    :param limit: maximum number of nodes to visit
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
    Return a gap if the front of the list changed during the walk. Entries that
    moved from the front to the back and overtook the walk make it end early,
    at what looks like a complete but shorter list.
    """
    links = read_node(head)
    if links is None or links[0] != (nodes[0] if nodes else head):
        return f"changed while its {len(nodes)} entries were read"
    return None


def _read_list_head(prog: Program, address: int) -> Optional[Tuple[int, int]]:
    form = _pair_format(prog)
    try:
        return form.unpack(prog.read(address, form.size))  # type: ignore[return-value]
    except (FaultError, ValueError, OverflowError):
        return None


def _pair_format(prog: Program) -> struct.Struct:
    """Return the format of two pointers, that is of a struct list_head."""
    form = prog.cache.get("cmwq2_pair")
    if form is None:
        order = "<" if prog.platform.flags & PlatformFlags.IS_LITTLE_ENDIAN else ">"
        word = "Q" if prog.platform.flags & PlatformFlags.IS_64_BIT else "I"
        form = prog.cache["cmwq2_pair"] = struct.Struct(order + word * 2)
    return form


def _walk(
    read_node: Callable[[int], Optional[Tuple[int, int]]], head: int, what: str, gaps: Gaps
) -> List[int]:
    """Walk a list until one walk is complete; if none is, return the longest one."""
    best: List[int] = []
    best_gap: Optional[str] = None
    for _ in range(WALK_TRIES):
        nodes, gap = walk_ring(read_node, head, WALK_LIMIT)
        if gap is None or best_gap is None or len(nodes) > len(best):
            best, best_gap = nodes, gap
        if gap is None:
            break
    if best_gap is not None:
        note_gap(gaps, f"{what}: {best_gap}")
    return best


def list_entries(
    head: Object, type_name: str, member: str, what: str, gaps: Gaps = None
) -> Iterator[Object]:
    """
    Iterate over the entries of a list that may change during the walk.

    :param head: ``struct list_head`` (not a pointer)
    :param type_name: type of the entries, for instance ``struct cmwq2_work``
    :param member: name of the list node in the entry
    :param what: the list's name, used in the gaps
    :param gaps: where to record what could not be seen
    :returns: iterator of ``type_name *`` objects
    """
    pointer = head.prog_.type(type_name + " *")
    for address in entry_addresses(head, type_name, member, what, gaps):
        yield Object(head.prog_, pointer, value=address)


def entry_addresses(
    head: Object, type_name: str, member: str, what: str, gaps: Gaps = None
) -> List[int]:
    """Like :func:`list_entries`, but return only the addresses, which is faster."""
    prog = head.prog_
    offset = offsetof(prog.type(type_name), member)

    def read_node(address: int) -> Optional[Tuple[int, int]]:
        return _read_list_head(prog, address)

    nodes = _walk(read_node, head.address_, what, gaps)
    return [address - offset for address in nodes]


# Many objects at once


class Layout:
    """
    Reads the numbers in a struct with one memory read per object instead of one
    per member. Such reads take most of the time of a dump of many items.

    :param type_name: the struct
    :param paths: path of each member, by the name under which :meth:`read`
        returns it; members that this kernel's struct lacks are left out
    """

    def __init__(self, prog: Program, type_name: str, paths: Dict[str, str]) -> None:
        self.prog = prog
        type_ = prog.type(type_name)
        self.size = sizeof(type_)
        order = "<" if prog.platform.flags & PlatformFlags.IS_LITTLE_ENDIAN else ">"
        self.fields = []
        self.entry = 0  # offset of the list node, set by users that need it
        for name, path in paths.items():
            kind = _member_type(type_, path)
            if kind is not None:
                code = _format_of(kind)
                self.fields.append((name, struct.Struct(order + code), offsetof(type_, path)))
        self.names = {name for name, _, _ in self.fields}

    def read(self, address: int) -> Dict[str, Any]:
        """Return the members of the object at an address. Raises FaultError if it is unreadable."""
        data = self.prog.read(address, self.size)
        return {
            name: value[0] if len(value) == 1 else list(value)
            for name, value in (
                (name, form.unpack_from(data, offset)) for name, form, offset in self.fields
            )
        }


def _member_type(type_: Any, path: str) -> Any:
    """Return the type of the member at a path, or None if there is no such member."""
    for name in path.split("."):
        while type_.kind == TypeKind.TYPEDEF:
            type_ = type_.type
        if not hasattr(type_, "members") or not type_.has_member(name):
            return None
        type_ = type_.member(name).type
    return type_


def _format_of(type_: Any) -> str:
    """Return the struct module's format of a number, a pointer or an array of numbers."""
    while type_.kind in (TypeKind.TYPEDEF, TypeKind.ENUM):
        type_ = type_.type
    if type_.kind == TypeKind.ARRAY:
        return f"{type_.length}{_format_of(type_.type)}"
    if type_.kind == TypeKind.POINTER:
        return "Q" if type_.size == 8 else "I"
    if type_.kind == TypeKind.BOOL:
        return "B"
    code = {1: "b", 2: "h", 4: "i", 8: "q"}[type_.size]
    return code if type_.is_signed else code.upper()


class Work(NamedTuple):
    """An item as read from memory, in numbers. Native items have no ``queued_at``."""

    address: int
    data: int
    func: int
    queued_at: Optional[int]


def read_works(
    head: Object, engine: Engine, what: str, gaps: Gaps = None, first: int = 0
) -> List[Work]:
    """
    Return the items on a list, in list order, as :class:`Work` tuples. This is
    faster than :func:`list_entries`.

    :param head: ``struct list_head`` (not a pointer)
    :param engine: the engine that the items belong to
    :param first: how many items to return, 0: all
    """
    prog = head.prog_
    return read_works_at(prog, head.address_, engine, what, gaps, first)


def read_works_at(
    prog: Program, head: int, engine: Engine, what: str, gaps: Gaps = None, first: int = 0
) -> List[Work]:
    """Like :func:`read_works`, but take the address of the list's head."""
    layout = _work_layout(prog, engine)
    entry = layout.entry
    works: Dict[int, Work] = {}

    def read_node(address: int) -> Optional[Tuple[int, int]]:
        if address == head:
            return _read_list_head(prog, head)
        try:
            found = layout.read(address - entry)
        except (FaultError, ValueError, OverflowError):
            return None
        works[address] = Work(
            address - entry, found["data"], found["func"], found.get("queued_at")
        )
        return found["next"], found["prev"]

    if first:
        nodes, gap = walk_ring(read_node, head, first)
        if gap is not None and len(nodes) < first:
            note_gap(gaps, f"{what}: {gap}")
    else:
        nodes = _walk(read_node, head, what, gaps)
    return [works[address] for address in nodes]


def stamp_member(prog: Program) -> Optional[str]:
    """
    Return the member of struct cmwq2_work that holds the jiffies at which the item
    was queued, or their lower half; None if it has no such member.
    """
    type_ = prog.type(CMWQ2.work)
    for name in ("queued_at", "queued_jiffies"):
        if type_.has_member(name):
            return name
    return None


def stamp_bits(prog: Program) -> int:
    """Return how many bits of the jiffies :func:`stamp_member` holds, 0 if there is none."""
    name = stamp_member(prog)
    return 8 * sizeof(prog.type(CMWQ2.work).member(name).type) if name else 0


def _work_layout(prog: Program, engine: Engine) -> Layout:
    key = f"cmwq2_work_layout_{engine.name}"
    if key not in prog.cache:
        paths = {"func": "func", "next": "entry.next", "prev": "entry.prev",
                 # Layout drops "none": no struct has a member of that name.
                 "queued_at": engine is CMWQ2 and stamp_member(prog) or "none"}
        layout = Layout(prog, engine.work, paths)
        # An atomic_long_t, read as an unsigned number; its counter is signed.
        form = struct.Struct("<Q" if layout.fields[0][1].format.startswith("<") else ">Q")
        offset = offsetof(prog.type(engine.work), "data.counter")
        layout.fields.append(("data", form, offset))
        layout.entry = offsetof(prog.type(engine.work), "entry")
        prog.cache[key] = layout
    return prog.cache[key]


# Pools, workers, items, workqueues


def for_each_pool(prog: Program, gaps: Gaps = None, engine: Engine = CMWQ2) -> Iterator[Object]:
    """
    Iterate over all pools, lowest number first.

    :returns: iterator of ``struct cmwq2_pool *`` objects, or of ``struct
        worker_pool *`` for ``NATIVE``
    """
    found = []
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


def for_each_worker(pool: Object, gaps: Gaps = None) -> Iterator[Object]:
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


def for_each_pending_work(pool: Object, gaps: Gaps = None) -> Iterator[Object]:
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


def for_each_flusher(wq: Object, gaps: Gaps = None) -> Iterator[Tuple[str, Object]]:
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


def completion_waiter(done: Object) -> Optional[Object]:
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
) -> Iterator[Tuple[int, Object]]:
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
    order = "little" if prog.platform.flags & PlatformFlags.IS_LITTLE_ENDIAN else "big"
    data = prog.read(vectors.address_, sizeof(vectors))
    seen: Set[int] = set()
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

    :param wq: ``struct cmwq2_wq *``
    :returns: ``struct cmwq2_pwq *``
    """
    return per_cpu_ptr(wq.cpu_pwq, cpu)[0]


# Single objects


def read_int(obj: Object, member: str) -> Optional[int]:
    """
    Return a number or pointer in a struct that may have been freed, or
    ``None`` if its memory cannot be read.

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


def func_module(prog: Program, address: int) -> Optional[str]:
    """Return the name of the module that contains an address, None for the kernel itself."""
    modules = prog.cache.setdefault("cmwq2_modules", {})
    if address not in modules:
        modules[address] = _find_module_of(prog, address)
    return modules[address]


def _find_module_of(prog: Program, address: int) -> Optional[str]:
    from drgn.helpers.linux.module import address_to_module

    try:
        module = address_to_module(prog, address)
    except (FaultError, LookupError):
        return None
    return module.name.string_().decode() if module else None


def _find_symbol(prog: Program, address: int) -> Optional[str]:
    while True:
        try:
            return prog.symbol(address).name
        except LookupError:
            if not _add_kallsyms(prog):
                return None


def _add_kallsyms(prog: Program) -> bool:
    """
    Let drgn name functions of modules that have no debug info. Return whether
    this call added the names; only the first call can.
    """
    if "cmwq2_kallsyms" in prog.cache:
        return False
    prog.cache["cmwq2_kallsyms"] = True
    try:
        index = load_module_kallsyms(prog)
    except Exception:  # an unusual symbol table can make drgn raise anything
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
    """Return the single-bit flags of an enum: bit number to name in lower case."""
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
    """Return the names of the bits set in a value; "bitN" for a bit without a name."""
    return [
        bits.get(bit, f"bit{bit}")
        for bit in range(value.bit_length())
        if value & 1 << bit
    ]


# Flags of the kernel's own workqueue code. Up to 6.8 its enums have no names.
NATIVE_FLAGS = {
    "POOL_": "BH MANAGER_ACTIVE DISASSOCIATED BH_DRAINING",
    "WORKER_": "DIE IDLE PREP CPU_INTENSIVE UNBOUND REBOUND",
    "WQ_": "BH UNBOUND FREEZABLE MEM_RECLAIM HIGHPRI CPU_INTENSIVE SYSFS POWER_EFFICIENT"
    " PERCPU",
    "__WQ_": "DESTROYING DRAINING ORDERED LEGACY DEPRECATED",
}


def native_flag_bits(prog: Program, *prefixes: str) -> Dict[int, str]:
    """Return the kernel's own flags with these prefixes: bit number to name in lower case."""
    bits = {}
    for prefix in prefixes:
        for name in NATIVE_FLAGS[prefix].split():
            try:
                value = constant(prog, prefix + name)
            except LookupError:
                continue
            bits[value.bit_length() - 1] = name.lower()
    return bits


def _flags(obj: Object, ours: str, prefix: str, *native: str) -> List[str]:
    prog = obj.prog_
    key = f"cmwq2_flags_{engine_of(obj).name}_{prefix}"
    if key not in prog.cache:
        prog.cache[key] = (
            flag_bits(prog, ours, prefix)
            if engine_of(obj) is CMWQ2
            else native_flag_bits(prog, *native)
        )
        if prefix == "CMWQ2_WQ_" and engine_of(obj) is CMWQ2:
            prog.cache[key] = {**WQ_INTERNAL_FLAGS, **prog.cache[key]}
    return flag_names(obj.flags.value_(), prog.cache[key])


def pool_flags(pool: Object) -> List[str]:
    """
    Return the names of a pool's flags.

    :param pool: ``struct cmwq2_pool *`` or ``struct worker_pool *``
    """
    return _flags(pool, "enum cmwq2_pool_flags", "CMWQ2_POOL_", "POOL_")


def worker_flags(worker: Object) -> List[str]:
    """
    Return the names of a worker's flags.

    :param worker: ``struct cmwq2_worker *`` or ``struct worker *``
    """
    return _flags(worker, "enum cmwq2_worker_flags", "CMWQ2_WORKER_", "WORKER_")


def wq_flags(wq: Object) -> List[str]:
    """
    Return the names of a workqueue's flags.

    :param wq: ``struct cmwq2_wq *`` or ``struct workqueue_struct *``
    """
    return _flags(wq, "enum cmwq2_wq_flags", "CMWQ2_WQ_", "WQ_", "__WQ_")


def worker_state(worker: Object, kicked: Optional[Set[int]] = None) -> str:
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


def is_kicked(worker: Object, pool: Object, kicked: Optional[Set[int]] = None) -> bool:
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


def constant(prog: Program, name: str) -> int:
    """Return an enumerator's value."""
    return prog.constant(name).value_()


# Time


def hz_from_tick(tick_ns: int) -> int:
    """Return HZ for the length of a tick in nanoseconds, which may be rounded."""
    if tick_ns <= 0:
        raise ValueError(f"a tick of {tick_ns} ns")
    return (1000000000 + tick_ns // 2) // tick_ns


def jiffies_between(stamp: int, now: int, bits: int = 64) -> int:
    """
    Return how many jiffies passed from ``stamp`` to ``now``. The counter may
    have wrapped. A stamp that is later than ``now`` gives 0.
    """
    passed = now - stamp & (1 << bits) - 1
    return 0 if passed >> bits - 1 else passed


def kernel_hz(prog: Program) -> int:
    """
    Return the kernel's CONFIG_HZ.

    No variable holds it. Every kernel has the jiffies clocksource, whose
    multiplier gives the length of a tick. If that cannot be read, the
    configuration stored in the kernel is used, if there is one.
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
    """Computes the age of time stamps that are in jiffies."""

    def __init__(self, prog: Program, hz: Optional[int] = None) -> None:
        self.prog = prog
        self.hz = hz or kernel_hz(prog)
        self.bits = 8 * prog.type("unsigned long").size

    def now(self) -> int:
        """Return the current jiffies."""
        return self.prog["jiffies"].value_()

    def ms_since(self, stamp: int) -> int:
        """
        Return the milliseconds since a stamp of full width (an item's stamp may be
        shorter). Call this after reading the stamp.
        """
        return jiffies_between(stamp, self.now(), self.bits) * 1000 // self.hz


def check_program(prog: Program, engine: Engine = CMWQ2) -> None:
    """Raise Cmwq2Error unless the engine can be inspected in this program."""
    if not prog.flags & ProgramFlags.IS_LINUX_KERNEL:
        raise Cmwq2Error("this is no kernel: run drgn on a kernel or a guest")
    if engine is CMWQ2:
        _check_module(prog)
    missing = _missing(prog, engine)
    if missing:
        raise Cmwq2Error(
            f"this {'module' if engine is CMWQ2 else 'kernel'} has no {missing}: use the script"
            " that came with it"
        )


def is_dump_file(prog: Program) -> bool:
    """
    Return whether this is a crash dump rather than a running kernel. Memory that
    cannot be read in a dump is missing from it; it was not freed meanwhile.
    """
    return bool(getattr(prog, "core_dump_path", None)) and not prog.flags & ProgramFlags.IS_LIVE


def _check_module(prog: Program) -> None:
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


# The members that the scripts cannot do without; any other may be missing.
NEEDED = {
    "pool": "id worklist workers idle_list nr_workers nr_idle cpu flags",
    "worker": "current_work current_func current_pwq scheduled task pool last_active",
    "work": "data entry func",
    "pwq": "pool wq nr_active nr_in_flight pwqs_node mayday_node",
    "wq": "pwqs flags name list maydays rescuer",
}
NEEDED_OURS = {"worker": "kicked started_at counted",
               "pool": "kicked kicked_at kicked_list progress_at stat policy creating"}


def _missing(prog: Program, engine: Engine) -> Optional[str]:
    """Return the first needed type or member that is missing, or None."""
    for kind, members in NEEDED.items():
        name = getattr(engine, kind)
        if engine is CMWQ2:
            members += " " + NEEDED_OURS.get(kind, "")
        try:
            type_ = prog.type(name)
        except LookupError:
            return name
        for member in members.split():
            if not type_.has_member(member):
                return f"member {member} in {name}"
    return None


def _has_engine(prog: Program) -> bool:
    try:
        kind = prog.type("struct cmwq2_pool").kind
    except LookupError:
        return False
    return kind == TypeKind.STRUCT and "cmwq2_workqueues" in prog
