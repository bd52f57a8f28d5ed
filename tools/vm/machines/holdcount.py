# SPDX-License-Identifier: GPL-2.0
"""Uses the QEMU plugin holdcount.c, and reads the instructions by function that it has counted."""

import bisect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Optional

from base.common import Problem
from build.kernel import Kernel
from machines import plugin


def arguments(target: Kernel, output: Path, blocks: Optional[Path] = None) -> list:
    """
    Build the plugin for this host, and return QEMU's arguments for it.

    :param target: the kernel that the guest runs
    :param output: where the plugin writes the instructions executed with a lock held
    :param blocks: where it writes those of each block, or None for nowhere
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    return plugin.arguments(target, "holdcount", [f"output={output}", *([f"blocks={blocks}"] if blocks else [])])


def functions(target: Kernel, modules: str) -> list:
    """Return the address and the name of each function, in the order of the addresses. @modules: the lines of the
    guest's /proc/kallsyms that belong to modules."""
    found = list(plugin.symbols(target))
    for line in modules.splitlines():
        at, _, name, *_ = line.split()
        found.append((int(at, 16), name))
    return sorted(found)


def by_function(lines: Iterable[str], known: list) -> Iterator[dict]:
    """Return the instructions of each function, for each time between two marks. @lines: the plugin's output about
    blocks; @known: what functions() has returned."""
    addresses = [at for at, _ in known]
    counted: dict = {}
    for line in lines:
        words = line.split()
        if words == ["mark"]:
            yield counted
            counted = {}
        elif len(words) == 2:
            place = bisect.bisect_right(addresses, int(words[0], 16)) - 1
            name = known[place][1] if place >= 0 else "?"
            counted[name] = counted.get(name, 0) + int(words[1])
        else:
            raise Problem(f"the plugin has written a line that is not about a block: {line.strip()}")
