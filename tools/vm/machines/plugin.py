# SPDX-License-Identifier: GPL-2.0
"""Builds the QEMU plugins holdcount.c and linecount.c, and tells them where the guest's functions are."""

import os
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from base.common import HERE, OUT, Problem, output_of, run_logged
from build import qemu
from build.kernel import Kernel

SOURCES = HERE / "machines"
# The function that marks the border between two runs: the guest calls sync there.
MARK = "__x64_sys_sync"


def compiled(name: str) -> Path:
    """Build the plugin NAME.c for this host, and return the library. Several guests may start at once, so the library
    appears when it is whole."""
    unique = f"{name}-{os.getpid()}-{threading.get_ident()}"
    library, new, log = OUT / "plugins" / f"{name}.so", OUT / "plugins" / f"{unique}.so", OUT / "log" / f"{unique}.log"
    library.parent.mkdir(parents=True, exist_ok=True)
    run_logged(["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-o", new,
                SOURCES / f"{name}.c"], log)
    log.unlink()
    return new.replace(library)


def check_support(command: Sequence[str], version: object) -> None:
    """Raise Problem if the QEMU that @command starts was built without plugins."""
    if not re.search(r"^-plugin\b", output_of([*command, "-help"]), re.MULTILINE):
        raise Problem(f"{version} ({command[-1] if len(command) == 1 else 'under out/'}) was built without plugins; "
                      "install one that was built with --enable-plugins, as Debian's is")


def arguments(target: Kernel, name: str, more: Iterable[str]) -> list:
    """Build the plugin @name, and return QEMU's arguments for it: the functions that take and drop locks, the kernel's
    workqueue code, the mark, and @more."""
    found = qemu.provide()
    check_support(found.command, found)
    known = {symbol: at for at, symbol in symbols(target)}
    text = [line.split() for line in output_of(["nm", target.build / "kernel/workqueue.o"]).splitlines()]
    offsets = {words[2]: int(words[0], 16) for words in text if len(words) == 3 and words[1] in "tT"}
    size = re.search(r"^\.text +([0-9]+)", output_of(["size", "-A", target.build / "kernel/workqueue.o"]), re.MULTILINE)
    assert size
    start = known["queue_work_on"] - offsets["queue_work_on"]
    places = [f"from={start:x}", f"to={start + int(size.group(1)):x}", f"mark={known[MARK]:x}"]
    places += [f"lock={at:x}" for symbol, at in known.items() if re.match(r"_raw_spin_(try)?lock", symbol)]
    places += [f"unlock={at:x}" for symbol, at in known.items() if re.match(r"_raw_spin_unlock", symbol)]
    return ["-plugin", ",".join([f"file={compiled(name)}", *places, *more])]


def symbols(target: Kernel) -> Iterator[tuple]:
    """Return the address and the name of each of the kernel's symbols."""
    for line in (target.build / "System.map").read_text().splitlines():
        at, _, name = line.split()
        yield int(at, 16), name
