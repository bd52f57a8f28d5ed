# SPDX-License-Identifier: GPL-2.0
"""Builds two modules of the kernel's own tree that test its workqueue, as they are and moved to cmwq2: the sample that
makes a stall, and the benchmark that prints a table of affinity scopes. The suite cmwq2_moved loads them, and make
baseline MOVED=1 compares the tables. Nothing of the sources is kept here: they are read from the kernel's source."""

import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from base.common import ROOT, Problem
from build import modules
from build.kernel import Kernel

sys.path.append(str(ROOT / "tools"))
from porting import place  # noqa: E402

SUITE = "cmwq2_moved"
STALL = "samples/workqueue/stall_detector/wq_stall.c"
TABLE = "lib/test_workqueue.c"
# The moved benchmark, for make baseline.
MOVED_TABLE = "test_workqueue_moved"


@dataclass(frozen=True)
class Edit:
    """What is replaced in a moved source, and how often it must occur there."""

    old: str            # a regular expression
    new: str
    times: int


# Threads of cmwq2 do not have this flag, so the lines that clear and set it are left out.
NO_FLAG = Edit(r"^\s*current->flags (?:&= ~|\|= )PF_WQ_WORKER;\n", "", 2)
# The item keeps its CPU instead of sleeping. It lets other threads run, but the engine counts it as running.
BUSY = Edit(r"wait_event_idle\(\w+, (.*)\);", r"while (!(\1)) cond_resched();", 1)
# The queues of cmwq2 are on a bus of their own.
BUS = Edit(r"/sys/bus/workqueue/", "/sys/bus/cmwq2/", 1)
# The modules that are made, with their source and what is edited besides the line. None: the module is not moved.
MODULES: dict[str, tuple] = {
    "wq_stall": (STALL, None),
    "wq_stall_moved": (STALL, (NO_FLAG,)),
    "wq_stall_busy": (STALL, (NO_FLAG, BUSY)),
    "test_workqueue": (TABLE, None),
    MOVED_TABLE: (TABLE, (BUS,)),
}


def edited(text: str, edits: Sequence[Edit], name: str) -> str:
    """Return the source @text with the line of the shim and with @edits. Raises Problem if the source, called @name,
    does not have what an edit replaces."""
    for edit in edits:
        text, times = re.subn(edit.old, edit.new, text, flags=re.MULTILINE)
        if times != edit.times:
            raise Problem(f"{name}: \"{edit.old}\" occurs {times} times, not {edit.times}: this kernel has another "
                          "version of it")
    return place.moved(text)


def sources(tree: Path) -> dict[str, str]:
    """Return the files to build, by name: the sources and a makefile. A kernel that lacks a source in its @tree gets no
    module of it."""
    files, moved = {}, []
    for name, (source, edits) in MODULES.items():
        if (tree / source).is_file():
            text = (tree / source).read_text()
            files[f"{name}.c"] = text if edits is None else edited(text, edits, source)
            moved += [f"CFLAGS_{name}.o := -I{ROOT}/include"] if edits is not None else []
    objects = " ".join(f"{Path(name).stem}.o" for name in files)
    return {**files, "Kbuild": "\n".join([f"obj-m := {objects}", *moved, ""])} if files else {}


def build(target: Kernel) -> list:
    """Build the modules for @target, and return their paths. The modules of cmwq2 must have been built for it."""
    files = sources(target.source.tree)
    if not files:
        return []
    with tempfile.TemporaryDirectory(prefix="moved.") as directory:
        for name, text in files.items():
            (Path(directory) / name).write_text(text)
        return modules.build_users(target, "moved", Path(directory))
