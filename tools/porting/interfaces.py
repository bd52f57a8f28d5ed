# SPDX-License-Identifier: GPL-2.0
"""Finds the interfaces in the kernel's headers that take a work item or a queue, and the queues that these headers
declare. A driver has to keep the item that it gives to one of them on the kernel's workqueue, so drivers.rst lists
them."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from porting.place import without_comments

TYPES = r"struct (?:work_struct|delayed_work|rcu_work|workqueue_struct)\b"
NAMED = re.compile(TYPES.encode())
# A function that is declared, and not defined; or a queue.
ARGUMENTS = r"(?:[^(){};]|\((?:[^(){};]|\([^(){};]*\))*\))*"
FUNCTION = re.compile(rf"(?<![\w.>*])([\w *]*?)\b(\w+)\(({ARGUMENTS})\)(?:\s*__\w+(?:\([^()]*\))?)*;")
QUEUE = re.compile(r"extern struct workqueue_struct \*(\w+);")
# A function of items has an item as its only argument and returns nothing. So do a few that queue it.
OF_ITEMS = re.compile(r"struct work_struct \*\s*\w*\s*$")
QUEUES = re.compile(r"queue|register|schedule")
# What a driver cannot or need not call, and why.
EXCEPT = {
    "__static_key_deferred_flush": "behind static_key_deferred_flush()",
    "__static_key_slow_dec_deferred": "behind static_key_slow_dec_deferred()",
    "bdi_wq": "used by writeback only",
    "cxl_cper_unregister_work": "drops what cxl_cper_register_work() has been given",
    "cxl_cper_unregister_prot_err_work": "the same",
    "sdca_ump_cancel_timeout": "cancels what sdca_ump_schedule_timeout() has been given",
}


def declared(text: str) -> Iterator[str]:
    """Return the names of interfaces and queues that the header with this @text declares."""
    code = without_comments(re.sub(r"^[ \t]*#.*?(?<!\\)$", "", text, flags=re.MULTILINE | re.DOTALL))
    for match in FUNCTION.finditer(code):
        before, name, arguments = match.groups()
        of_items = OF_ITEMS.match(arguments.strip()) and re.search(r"\bvoid\s*$", before)
        if re.search(rf"{TYPES} \*", arguments) and "typedef" not in before \
                and (not of_items or QUEUES.search(name)):
            yield name
    yield from QUEUE.findall(code)


@cache
def find(tree: Path) -> frozenset:
    """Return the names of all interfaces and queues in the headers of the kernel in @tree, less those of the workqueue
    itself, which have twins."""
    found: set[str] = set()
    for path in (tree / "include").rglob("*.h"):
        if path.name != "workqueue.h":
            content = path.read_bytes()
            if NAMED.search(content):
                found.update(declared(content.decode(errors="replace")))
    return frozenset(found - set(EXCEPT))


def missing(tree: Path, document: str) -> list[str]:
    """Return the sorted names of find() that the text of @document does not have."""
    words = set(re.findall(r"\w+", document))
    return sorted(find(tree) - words)
