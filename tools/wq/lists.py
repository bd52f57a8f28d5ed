# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Walks lists of a kernel that keeps running.

Any list may change during a walk. No walk here hangs or raises because of that:
each walk is bounded and checks each node's back pointer against the node it came
from. If it could not see something, it appends a sentence to the list that the
caller passes as ``gaps``, or logs a warning if the caller passes none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Callable

from wq.drgn_names import FaultError, Object, PlatformFlags, Program, offsetof
from wq.engine import Gaps, note_gap

# Maximum number of entries visited in one list, and maximum number of walks
# over a list that changes during each of them.
WALK_LIMIT = 500000
WALK_TRIES = 5


def walk_ring(
    read_node: Callable[[int], tuple[int, int] | None], head: int, limit: int
) -> tuple[list[int], str | None]:
    """
    Walk a circular list that may change during the walk.

    :param read_node: returns the next and previous address of the node at an
        address, or ``None`` if the node cannot be read
    :param head: address of the list's head
    :param limit: maximum number of nodes to visit
    :returns: the nodes' addresses, and why the walk ended early, if it did
    """
    nodes: list[int] = []
    seen: set[int] = {head}
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


def walk_chain(
    read_next: Callable[[int], int | None], first: int, limit: int
) -> tuple[list[int], str | None]:
    """
    Walk a list of single links, which ends at 0. It may change during the walk.

    :param read_next: returns the address of the node behind the one at an address, or
        ``None`` if that cannot be read
    :param first: address of the first node, or 0
    :param limit: maximum number of nodes to visit
    :returns: the nodes' addresses, and why the walk ended early, if it did
    """
    nodes: list[int] = []
    seen: set[int] = set()
    node = first
    while node:
        if len(nodes) >= limit:
            return nodes, f"not walked beyond {limit} entries"
        if node in seen:
            return nodes, f"loops after {len(nodes)} entries"
        following = read_next(node)
        if following is None:
            return nodes, f"entry {len(nodes)} cannot be read"
        seen.add(node)
        nodes.append(node)
        node = following
    return nodes, None


def _front_moved(
    read_node: Callable[[int], tuple[int, int] | None], head: int, nodes: list[int]
) -> str | None:
    """
    Return a gap if the front of the list changed during the walk. Entries that
    moved from the front to the back and overtook the walk make it end early,
    at what looks like a complete but shorter list.
    """
    links = read_node(head)
    if links is None or links[0] != (nodes[0] if nodes else head):
        return f"changed while its {len(nodes)} entries were read"
    return None


def read_list_head(prog: Program, address: int) -> tuple[int, int] | None:
    """Return the pointers next and prev of a struct list_head, or None if it cannot be read."""
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


def walk(
    read_node: Callable[[int], tuple[int, int] | None], head: int, what: str, gaps: Gaps
) -> list[int]:
    """Walk a list until one walk is complete; if none is, return the longest one."""
    best: list[int] = []
    best_gap: str | None = None
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
) -> list[int]:
    """Like :func:`list_entries`, but return only the addresses, which is faster."""
    prog = head.prog_
    offset = offsetof(prog.type(type_name), member)

    def read_node(address: int) -> tuple[int, int] | None:
        return read_list_head(prog, address)

    nodes = walk(read_node, head.address_, what, gaps)
    return [address - offset for address in nodes]
