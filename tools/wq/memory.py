# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads many structs, and lists of items, with one memory read each."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from wq.drgn_names import FaultError, Object, PlatformFlags, Program, TypeKind, offsetof, sizeof
from wq.engine import CMWQ2, Engine, Gaps, note_gap
from wq.lists import WALK_LIMIT, read_list_head, walk, walk_chain, walk_ring


class Layout:
    """
    Reads the numbers in a struct with one memory read per object instead of one
    per member. Such reads take most of the time of a dump of many items.

    :param type_name: the struct
    :param paths: path of each member, by the name under which :meth:`read`
        returns it; members that this kernel's struct lacks are left out
    """

    def __init__(self, prog: Program, type_name: str, paths: dict[str, str]) -> None:
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

    def read(self, address: int) -> dict[str, Any]:
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
    queued_at: int | None


def read_works(
    head: Object, engine: Engine, what: str, gaps: Gaps = None, first: int = 0
) -> list[Work]:
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
) -> list[Work]:
    """Like :func:`read_works`, but take the address of the list's head."""
    layout = _work_layout(prog, engine)
    entry = layout.entry
    works: dict[int, Work] = {}

    def read_node(address: int) -> tuple[int, int] | None:
        if address == head:
            return read_list_head(prog, head)
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
        nodes = walk(read_node, head, what, gaps)
    return [works[address] for address in nodes]


def read_posted(head: Object, engine: Engine, what: str, gaps: Gaps = None) -> list[Work]:
    """
    Return the items in an inbox, the oldest one first, as :class:`Work` tuples.

    :param head: ``struct llist_head`` (not a pointer). Its items have the list node where
        their member ``entry`` begins, and the newest one comes first.
    """
    layout = _work_layout(head.prog_, engine)
    works: dict[int, Work] = {}

    def read_next(node: int) -> int | None:
        address = node - layout.entry
        try:
            found = layout.read(address)
        except (FaultError, ValueError, OverflowError):
            return None
        works[node] = Work(address, found["data"], found["func"], found.get("queued_at"))
        return found["next"]

    nodes, gap = walk_chain(read_next, head.first.value_(), WALK_LIMIT)
    if gap is not None:
        note_gap(gaps, f"{what}: {gap}")
    return [works[node] for node in reversed(nodes)]


def stamp_member(prog: Program) -> str | None:
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
