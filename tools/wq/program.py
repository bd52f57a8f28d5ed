# SPDX-License-Identifier: LGPL-2.1-or-later
"""Finds out whether an engine can be inspected in a program."""

from __future__ import annotations

from wq.drgn_names import Program, ProgramFlags, TypeKind, find_module
from wq.engine import CMWQ2, Cmwq2Error, Engine


def check_program(prog: Program, engine: Engine = CMWQ2) -> None:
    """Raise Cmwq2Error unless the engine can be inspected in this program."""
    if not prog.flags & ProgramFlags.IS_LINUX_KERNEL:
        raise Cmwq2Error("this is no kernel: run drgn on a kernel or a guest")
    # The debug info of every kernel has this variable, and that of modules does not.
    if "init_task" not in prog:
        raise Cmwq2Error("no debug info of the kernel: give drgn -s vmlinux")
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
    if not find_module(prog, "cmwq2"):
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


def _missing(prog: Program, engine: Engine) -> str | None:
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
