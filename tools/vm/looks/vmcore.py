# SPDX-License-Identifier: GPL-2.0
"""Compares what wq_dump.py and the helpers for drgn say of a paused guest with what they say of files with the guest's
memory (vmcores)."""

import json
from collections.abc import Sequence
from pathlib import Path

from base.common import Problem
from looks import dump
from machines import guest

SESSION = Path(__file__).parent / "session.py"
# The arguments with which wq_dump.py is compared. The second ones need the module cmwq2.
NATIVE, OURS = ("--native", "--json", "--items", "0"), ("--json",)
# QEMU writes no architecture into files of the second form, so drgn has to be told.
ARGUMENTS = {dump.FORMS[0]: [], dump.FORMS[1]: ["--architecture", "x86_64"]}
# What the helpers must find in every kernel.
EXPECTED = {"pools of the CPUs": True, "pwqs of events": True, "threads are workers": True, "pools of items": True,
            "no such queue": None}


def differences(name: str, live: str, dumped: str) -> list:
    """Return a line for each part of the JSON document @dumped, from the vmcore @name, that differs from that in @live,
    and one if they have no pools to compare."""
    wanted, got = json.loads(live), json.loads(dumped)
    lines = [f"{name}: {part} is {json.dumps(got.get(part))[:100]} and not {json.dumps(wanted.get(part))[:100]}"
             for part in sorted({*wanted, *got}) if wanted.get(part) != got.get(part)]
    return lines if wanted.get("pools") else [*lines, f"{name}: the guest has no pools"]


def helped(name: str, live: str, said: str) -> list:
    """Return a line for each part of @said, the findings of the helpers, that does not agree with @live, what
    wq_dump.py says of the kernel's own workqueues."""
    seen, found = json.loads(live), json.loads(said)
    wanted = {**EXPECTED, "pools": [pool["id"] for pool in seen["pools"]],
              "workers": {str(pool["id"]): len(pool["workers"]) for pool in seen["pools"]},
              "all workers": sum(len(pool["workers"]) for pool in seen["pools"]),
              "workqueues": [wq["name"] for wq in seen["workqueues"]], "delayed": len(seen["delayed"]),
              "cpus": seen["cpus"]["possible"]}
    return [f"{name}: {part} are {found.get(part)} and not {value}" for part, value in wanted.items()
            if found.get(part) != value]


def compare(run: guest.Run, monitor: dump.Monitor, symbols: list, which: Sequence = (NATIVE,)) -> list:
    """Write the memory of the paused guest @run to a file of each form in dump.FORMS. Return a line for each part of
    what wq_dump.py, with the arguments in @which, and the helpers say of it that is not the same as for the guest
    itself."""
    live = {words: dump.drgn(run, symbols, dump.SCRIPT, *words) for words in which}
    lines = helped("the guest: helpers", live[NATIVE], dump.drgn(run, symbols, SESSION))
    for form, more in ARGUMENTS.items():
        with dump.core_of(monitor, run.home, form) as core:
            try:
                for words, wanted in live.items():
                    got = dump.drgn_on(["-c", core, *more], run, symbols, dump.SCRIPT, *words)
                    lines += differences(f"vmcore {form}: wq_dump.py {words[0]}", wanted, got)
                said = dump.drgn_on(["-c", core, *more], run, symbols, SESSION)
                lines += helped(f"vmcore {form}: helpers", live[NATIVE], said)
            except (Problem, ValueError, LookupError) as problem:
                lines.append(f"vmcore {form}: {problem}")
    return lines
