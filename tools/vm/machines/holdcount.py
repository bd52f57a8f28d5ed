# SPDX-License-Identifier: GPL-2.0
"""Builds the QEMU plugin holdcount.c, and reads the instructions by function that it has counted."""

import bisect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Optional

from base.common import HERE, OUT, Problem, output_of, run_logged
from build.kernel import Kernel

SOURCE = HERE / "machines/holdcount.c"
# The function that marks the border between two runs: the guest calls sync there.
MARK = "__x64_sys_sync"


def plugin(target: Kernel, output: Path, blocks: Optional[Path] = None) -> list:
    """
    Build the plugin for this host, and return QEMU's arguments for it.

    :param target: the kernel that the guest runs
    :param output: where the plugin writes the instructions executed with a lock held
    :param blocks: where it writes those of each block, or None for nowhere
    """
    library, log = OUT / "icount" / "holdcount.so", OUT / "log" / "holdcount.log"
    library.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    run_logged(["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-o", library,
                SOURCE], log)
    symbols = {name: at for at, name in _kernels_symbols(target)}
    text = [line.split() for line in output_of(["nm", target.build / "kernel/workqueue.o"]).splitlines()]
    offsets = {words[2]: int(words[0], 16) for words in text if len(words) == 3 and words[1] in "tT"}
    size = re.search(r"^\.text +([0-9]+)", output_of(["size", "-A", target.build / "kernel/workqueue.o"]), re.MULTILINE)
    assert size
    start = symbols["queue_work_on"] - offsets["queue_work_on"]
    places = [f"from={start:x}", f"to={start + int(size.group(1)):x}", f"mark={symbols[MARK]:x}", f"output={output}"]
    places += [f"lock={at:x}" for name, at in symbols.items() if re.match(r"_raw_spin_(try)?lock", name)]
    places += [f"unlock={at:x}" for name, at in symbols.items() if re.match(r"_raw_spin_unlock", name)]
    places += [f"blocks={blocks}"] if blocks else []
    return ["-plugin", ",".join([f"file={library}", *places])]


def _kernels_symbols(target: Kernel) -> Iterator[tuple]:
    """Return the address and the name of each of the kernel's symbols."""
    for line in (target.build / "System.map").read_text().splitlines():
        at, _, name = line.split()
        yield int(at, 16), name


def functions(target: Kernel, modules: str) -> list:
    """Return the address and the name of each function, in the order of the addresses. @modules: the lines of the
    guest's /proc/kallsyms that belong to modules."""
    found = list(_kernels_symbols(target))
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
