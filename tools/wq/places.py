# SPDX-License-Identifier: GPL-2.0
"""
Names addresses of a kernel's memory: the structure that an address lies in, and its field. All names come from debug
information; which structure lies where comes from the engines' own lists, the slab allocator and the symbol table.
"""

from __future__ import annotations

import bisect
import json
import mmap
import sys
from collections.abc import Iterator
from typing import Any

from wq.drgn_names import FaultError, TypeKind, find_module, per_cpu_ptr, sizeof
from wq.engine import CMWQ2, NATIVE, Cmwq2Error, Engine
from wq.walks import for_each_pool, for_each_pwq, for_each_worker, for_each_workqueue

# A field of one of these types is named as a whole.
WHOLE = {"atomic_t", "atomic64_t", "atomic_long_t", "refcount_t", "spinlock_t", "raw_spinlock_t", "struct list_head",
         "struct hlist_head", "struct hlist_node", "struct llist_head", "struct llist_node", "struct rb_node",
         "struct raw_spinlock", "struct spinlock", "struct swait_queue_head", "struct wait_queue_head", "cpumask_t",
         "struct cpumask", "struct mutex", "struct timer_list", "struct rcu_head", "struct load_weight"}
# Deeper fields are named by the first parts of their path.
DEPTH = 2
USER_END = 1 << 56
WORD = 1 << 64


def bare(type_: Any) -> Any:
    """Return a type without its typedefs."""
    while type_.kind == TypeKind.TYPEDEF:
        type_ = type_.type
    return type_


def _has_members(type_: Any) -> bool:
    return type_.kind in (TypeKind.STRUCT, TypeKind.UNION)


def short(type_: Any) -> str:
    """Return a type's name without the word struct or union."""
    return type_.type_name().split(" ", 1)[-1]


def _size(type_: Any) -> int:
    try:
        return sizeof(type_)
    except TypeError:
        return 0    # a flexible array, or a type of which only the name is known


def _last_byte(member: Any) -> int:
    """Return the offset of a member's last byte."""
    bits = member.bit_field_size or 8 * max(_size(member.type), 1)
    return (member.bit_offset + bits - 1) // 8


def _member(type_: Any, offset: int, chosen: str) -> Any | None:
    """Return the member that the byte at @offset belongs to. Of a union it is the one called @chosen, or the largest.
    If the last member is an array without a length, everything behind it belongs to it, too."""
    members = type_.members or ()
    found = [each for each in members if each.bit_offset // 8 <= offset <= _last_byte(each)]
    last = members[-1] if members else None
    if not found and last and last.type.kind == TypeKind.ARRAY and not last.type.length:
        found = [last] if offset >= last.bit_offset // 8 else []
    return max(found, key=lambda each: (each.name == chosen, _size(each.type)), default=None)


def path_of(type_: Any, offset: int, items: frozenset, chosen: str = "") -> tuple[str, str]:
    """
    Return the structure and the field at @offset in a type. The structure is @type_ itself, or an item inside it.

    :param items: names of the types of items, which often lie inside another structure
    :param chosen: the name of the member of a union that is in use
    """
    structure, type_ = short(type_), bare(type_)
    names: list[str] = []
    while True:
        if type_.kind == TypeKind.ARRAY and _size(type_.type):
            offset %= _size(type_.type)
            type_ = type_.type
            if names and not names[-1].endswith("[]"):
                names[-1] += "[]"
            continue
        if type_.type_name() in WHOLE or not _has_members(bare(type_)):
            break
        if type_.type_name() in items:
            structure, names = short(type_), []
        member = _member(bare(type_), offset, chosen)
        if not member:
            break
        offset -= member.bit_offset // 8
        if member.name:
            names.append(member.name)
        type_ = member.type
    return structure, ".".join(names[:DEPTH]) or "-"


def _stack_size(prog: Any) -> int:
    """Return the size of a task's stack, which is that of the first task's stack."""
    return prog.symbol("__end_init_stack").address - prog.symbol("__start_init_stack").address


class Places:
    """The structures of one kernel that stands still, with the modules that it has then. What lies at the addresses of
    variables and functions is looked up once."""

    def __init__(self, prog: Any) -> None:
        self.prog = prog
        self._found: dict[int, tuple[int, Any, str]] = {}
        self._starts: list[int] = []
        self._items = frozenset(name for engine in (NATIVE, CMWQ2) for name in (engine.work, engine.delayed))
        self._stack = _stack_size(prog)
        self._cpus: list[tuple[int, int]] = []
        self._paths: dict[tuple[str, int, str], tuple[str, str]] = {}
        self._fixed: dict[int, tuple[str, str] | None] = {}
        self._functions: dict[int, str] = {}

    def _add(self, obj: Any) -> None:
        """Note a structure that @obj points to."""
        if obj:
            self._found[obj.value_()] = _size(obj.type_.type), obj.type_.type, ""

    def look(self) -> None:
        """Look for all structures anew. Those whose memory cannot be read are left out."""
        from drgn.helpers.linux.cpumask import for_each_possible_cpu
        from drgn.helpers.linux.pid import for_each_task

        self._found.clear()
        offsets = self.prog["__per_cpu_offset"]
        self._cpus = [(cpu, offsets[cpu].value_()) for cpu in for_each_possible_cpu(self.prog)]
        for engine in self._engines():
            self._look_at(engine)
        for task in for_each_task(self.prog):
            self._add(task)
            self._found[task.stack.value_()] = self._stack, ("stack", "-"), ""
        for start, size, type_, chosen in self._of_benchmark():
            self._found[start] = size, type_, chosen
        self._starts = sorted(self._found)

    def _engines(self) -> Iterator[Engine]:
        yield NATIVE
        if find_module(self.prog, "cmwq2"):
            yield CMWQ2

    def _look_at(self, engine: Engine) -> None:
        gaps: list[str] = []
        for pool in for_each_pool(self.prog, gaps, engine):
            self._add(pool)
        for worker in for_each_worker(self.prog, gaps, engine):
            self._add(worker)
        for wq in for_each_workqueue(self.prog, gaps, engine):
            self._add(wq)
            for pwq in for_each_pwq(wq, gaps):
                self._add(pwq)
            for cpu, _ in self._cpus:
                slot = per_cpu_ptr(wq.cpu_pwq, cpu)
                self._found[slot.value_()] = 8, (short(wq.type_.type), "cpu_pwq"), ""
            self._add_nodes(wq, "nna" if engine is CMWQ2 else "node_nr_active")

    def _add_nodes(self, wq: Any, name: str) -> None:
        """Note what a queue keeps for each node, if it is unbound: @name is an array of pointers, whose last one is
        for no node."""
        if not wq.type_.type.has_member(name):
            return
        nodes = wq.member_(name)
        # The kernel's own queues that are not unbound have no room for the array.
        if nodes.type_.kind == TypeKind.POINTER and not nodes or not wq.dfl_pwq:
            return
        number = self.prog["nr_node_ids"].value_() if "nr_node_ids" in self.prog else 1
        for node in range(number + 1):
            self._add(nodes[node])

    def _of_benchmark(self) -> Iterator[tuple[int, int, Any, str]]:
        """Iterate over (start, size, type, engine) of what a run of cmwq2_bench has allocated. An item has a union
        whose members are called like the engines."""
        if "bench_current" not in self.prog or not self.prog["bench_current"]:
            return
        run = self.prog["bench_current"]
        yield run.value_(), sizeof(run.type_.type), run.type_.type, ""
        for slot in (run.slots[i] for i in range(run.nr_slots.value_())):
            item = slot.items.type_.type
            engine = slot.engine.name.string_().decode()
            yield slot.items.value_(), slot.nr_items.value_() * sizeof(item), item, engine
        producers = run.cfg.producers.value_()
        if run.producers:
            kind = run.producers.type_.type
            yield run.producers.value_(), producers * sizeof(kind), kind, ""
        for stage in run.ticks:
            for i in range(producers if stage else 0):
                yield stage[i].value_(), 4 * run.cfg.items.value_(), ("bench_run", "ticks[][]"), ""

    def name(self, address: int) -> tuple[str, str]:
        """Return the structure and the field at @address, or a description and '-'."""
        if address < USER_END:
            return "user space", "-"
        if address not in self._fixed:
            self._fixed[address] = self._in_symbol(address) or self._in_cpu(address)
        return (self._in_found(address) or self._fixed[address] or self._in_slab(address) or self._in_pages(address)
                or ("other memory", "-"))

    def _path(self, type_: Any, offset: int, chosen: str = "") -> tuple[str, str]:
        """Return what path_of() says. It is slow, so each answer is kept."""
        key = type_.type_name(), offset, chosen
        if key not in self._paths:
            self._paths[key] = path_of(type_, offset, self._items, chosen)
        return self._paths[key]

    def _in_found(self, address: int) -> tuple[str, str] | None:
        place = bisect.bisect_right(self._starts, address) - 1
        if place < 0:
            return None
        start = self._starts[place]
        size, type_, chosen = self._found[start]
        if address - start >= size:
            return None
        if isinstance(type_, tuple):
            return type_
        return self._path(type_, (address - start) % _size(type_), chosen)

    def _in_symbol(self, address: int, more: str = "") -> tuple[str, str] | None:
        """Return the variable at @address. @more: a word that says which kind of variable."""
        try:
            symbol = self.prog.symbol(address)
            type_ = self.prog.variable(symbol.name).type_
        except LookupError:
            return None
        inner = bare(type_)
        while inner.kind == TypeKind.ARRAY:
            inner = bare(inner.type)
        if _has_members(inner) and inner.tag and inner.type_name() not in WHOLE:
            return path_of(type_ if type_.kind != TypeKind.ARRAY else inner,
                           (address - symbol.address) % max(_size(inner), 1), self._items)
        return f"{more}variable", symbol.name

    def _in_cpu(self, address: int) -> tuple[str, str] | None:
        """Return the per-CPU variable at @address."""
        first, end = (self.prog.symbol(name).address for name in ("__per_cpu_start", "__per_cpu_end"))
        unit = self.prog["pcpu_unit_size"].value_()
        for _, offset in self._cpus:
            same = (address - offset) % WORD    # the variable's address in the kernel's image
            if first <= same < end:
                return self._in_symbol(same, "per-CPU ") or ("per-CPU variable", "-")
            if first <= same < first + unit:
                return "per-CPU allocation", "-"
        return None

    def _in_slab(self, address: int) -> tuple[str, str] | None:
        from drgn.helpers.linux.slab import slab_object_info

        try:
            info = slab_object_info(self.prog, address)
        except (FaultError, ValueError):
            return None
        if not info:
            return None
        cache = info.slab_cache.name.string_().decode()
        try:
            type_ = self.prog.type(f"struct {cache}")
        except (LookupError, SyntaxError):    # kmalloc-8 is no name of a type
            return f"slab {cache}", "-"
        return self._path(type_, address - info.address)

    def _in_pages(self, address: int) -> tuple[str, str] | None:
        """Return the field of struct page, if @address lies in the array of those."""
        page = self.prog.type("struct page")
        start = self.prog["vmemmap_base"].value_()
        if start <= address < start + (1 << 40):
            return self._path(page, (address - start) % sizeof(page))
        return None

    def function(self, address: int) -> str:
        """Return the function that an instruction belongs to."""
        if address not in self._functions:
            try:
                self._functions[address] = self.prog.symbol(address).name
            except LookupError:
                self._functions[address] = "user space" if address < USER_END else "?"
        return self._functions[address]


def answer(places: Places, asked: dict) -> dict:
    """Return the addresses of asked["symbols"], and with them where the per-CPU memory of each CPU begins; the names of
    asked["at"] and of asked["code"]; all in their orders. Symbols that do not exist have the address 0."""
    found: dict = {"symbols": [], "cpus": []}
    prog = places.prog
    if "symbols" in asked:
        from drgn.helpers.linux.cpumask import for_each_possible_cpu

        offsets = prog["__per_cpu_offset"]
        found["cpus"] = [offsets[cpu].value_() for cpu in for_each_possible_cpu(prog)]
    for name in asked.get("symbols", []):
        try:
            found["symbols"].append(prog.symbol(name).address)
        except LookupError:
            found["symbols"].append(0)
    if "at" in asked:
        places.look()
        found["at"] = [places.name(address) for address in asked["at"]]
        found["code"] = [places.function(address) for address in asked["code"]]
    return found


# Where x86-64 maps the kernel's image, if its addresses are not randomized. The image's physical address follows.
IMAGE = 0xffffffff80000000


def program(memory: str, addresses: dict[str, int], files: list[str]) -> Any:
    """
    Return the kernel of an x86-64 guest as drgn sees it. QEMU is not asked for anything, so that it need not be able to
    answer: a plugin may have stopped a CPU in the middle of its work.

    :param memory: the file that is the guest's memory
    :param addresses: those of the symbols vmcoreinfo_data, vmcoreinfo_size and page_offset_base
    :param files: files with debug information, of the kernel and of the modules that are loaded
    """
    import drgn

    file = open(memory, "rb")
    data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)

    def word(name: str) -> int:
        at = addresses[name] - IMAGE
        return int.from_bytes(data[at : at + 8], "little")
    start = word("vmcoreinfo_data") - word("page_offset_base")
    if not 0 <= start < len(data):
        raise Cmwq2Error("the guest's kernel has not booted, or its addresses are randomized")
    prog = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
    prog.add_memory_segment(0, len(data), lambda at, size, offset, _: data[at : at + size], physical=True)
    prog.set_linux_kernel_custom(data[start : start + word("vmcoreinfo_size")], is_live=True)
    try:
        prog.load_debug_info(files)
    except drgn.MissingDebugInfoError as error:
        raise Cmwq2Error(f"no debug information: {str(error).splitlines()[0]}") from None
    return prog


def main() -> None:
    """Answer questions, each a line of JSON on standard input, until that ends. An answer is a line, too. The first
    line is for program()."""
    places, setup = None, json.loads(sys.stdin.readline())
    for line in sys.stdin:
        try:
            places = places or Places(program(**setup))
            places.prog.type("struct worker_pool")
            found = answer(places, json.loads(line))
        except LookupError as error:
            found = {"error": f"no debug information of this kernel or its modules: {error}"}
        except (FaultError, ValueError, Cmwq2Error) as error:
            found = {"error": str(error)}
        print(json.dumps(found), flush=True)
