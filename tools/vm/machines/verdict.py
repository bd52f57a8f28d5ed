# SPDX-License-Identifier: GPL-2.0
"""Decides whether a guest has passed, failed or was lost. The console is searched only for
complaints, so it can make the outcome worse, but not better."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from base.common import EXIT_FAILED, EXIT_LOST, EXIT_PASSED
from machines import races

# lib.sh writes this before the first insmod. No module can have caused what comes before it.
FIRST_MODULE = "harness: first module"

BADNESS = re.compile("|".join((
    r"\bBUG: .*", r"\bWARNING: .*", r"\bKASAN: .*", r"\bUBSAN: .*", r"\bOops\b.*", r"\bkernel BUG at .*",
    r"\bINFO: task .* blocked .*", r"\bINFO: rcu.*", r"\brcu: INFO: .*", r"\bINFO: trying to register non-static key.*",
    r"\bINFO: lockdep is turned off.*", r"\bpossible .* deadlock.*", r"\b.*lock order.* detected.*",
    r"\bInconsistent lock state.*", r"\binconsistent lock state.*", r"\bInvalid wait context.*",
    r"\bbad unlock balance.*", r"\bheld lock freed.*", r"\bsuspicious RCU usage.*", r"\bODEBUG: .*",
    r"\blist_(?:add|del) corruption.*", r"\bKernel panic - not syncing.*", r"\bsoft lockup.*", r"\bhard LOCKUP.*",
    r"\bworkqueue lockup.*", r"\bOut of memory: .*", r"\bunable to handle .*", r"\bgeneral protection fault.*",
    r"\bSegfault with no mm.*", r"\bkmemleak: .*(?:new suspected|disabled).*", r"\bslab .*corruption.*",
)))

PANIC = re.compile(r"Kernel panic - not syncing: *(.*)")


@dataclass(frozen=True)
class Known:
    """A known complaint that a vehicle makes by itself, and so do those that are made from it, such as
    debug-edits. It excuses one line, if a certain other line follows within three lines, both match as a whole, and no
    module was loaded yet."""

    vehicle: str
    line: str
    followed_by: str
    reason: str

    def excuses(self, vehicle: str, lines: list) -> bool:
        """Return whether this complaint is @lines[0], given the lines after it."""
        return (f"{vehicle}-".startswith(f"{self.vehicle}-") and re.fullmatch(self.line, lines[0]) is not None
                and any(re.fullmatch(self.followed_by, line) for line in lines[1:4]))


KNOWN = [
    Known("debug", r"WARNING: suspicious RCU usage", r"kernel/rcu/tree\.c:\d+ Callback enqueued on offline CPU!!",
          "UML frees memory on a CPU it is about to start, before the scheduler knows of it (os_start_secondary())"),
]


@dataclass
class Outcome:
    """The outcome of a run."""

    status: int = EXIT_FAILED
    cause: str = "no verdict was reached"
    notes: list = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the run has passed."""
        return self.status == EXIT_PASSED

    def __str__(self) -> str:
        return {EXIT_PASSED: "PASSED", EXIT_LOST: f"LOST {self.cause}"}.get(self.status, f"FAILED {self.cause}")


def complaints(vehicle: str, console: str) -> list:
    """Return the kernel's complaints on the console, except the known ones of the vehicle itself, and except data races
    between functions of the kernel itself."""
    found, module_seen = [], False
    lines = [races.said(line)[1] for line in console.splitlines()]
    for number, text in enumerate(lines):
        if text.startswith("harness: "):
            module_seen = module_seen or text.startswith(FIRST_MODULE)
            continue
        match = BADNESS.search(text)
        if not match or races.TITLE.match(text):
            continue
        if not module_seen and any(known.excuses(vehicle, lines[number:number + 4]) for known in KNOWN):
            continue
        found.append(match[0].strip())
    return found + [f"KCSAN: {each.title}" for each in races.ours(console)]


def judge(vehicle: str, reported: str, console: str, hang: Optional[str], status: int) -> Outcome:
    """Return the outcome of a guest that has ended. @reported is the last verdict from its channel, @hang what it was
    doing when its time was up, or None, and @status its exit status."""
    said = complaints(vehicle, console)
    panic = next((match for match in map(PANIC.search, console.splitlines()) if match), None)
    first = next((text for text in said if not text.startswith("Kernel panic")), "")
    if panic:
        return Outcome(EXIT_FAILED, f"panic: {panic[1]}{f' ({first})' if first else ''}", said)
    if hang:
        return Outcome(EXIT_FAILED, f"hang: {hang}{f' ({first})' if first else ''}", said)
    if reported.startswith("FAILED"):
        cause = reported[len("FAILED "):]
        return Outcome(EXIT_FAILED, f"{cause}{f' ({first})' if first and first not in cause else ''}", said)
    if said:
        return Outcome(EXIT_FAILED, f"the kernel complained: {said[0]}", said)
    if reported == "PASSED" and status == 0:
        return Outcome(EXIT_PASSED, "", [])
    if reported == "PASSED":
        return Outcome(EXIT_LOST, f"the guest reported success and then ended with status {status}{_end(console)}",
                       said)
    return Outcome(EXIT_LOST, f"the guest ended with status {status} and without a verdict{_end(console)}", said)


def _end(console: str) -> str:
    """Return the last line of the @console, which may tell why a guest is lost, as the end of a sentence."""
    last = next(filter(None, (races.said(line)[1].strip() for line in reversed(console.splitlines()))), "")
    return f", after: {last}" if last else ""


def read_reported(channel: Path) -> str:
    """Return the last complete line of the verdict channel that is a verdict, or ''."""
    lines = channel.read_text(errors="replace").split("\n")[:-1] if channel.exists() else []
    verdicts = [line.strip() for line in lines if line.strip() == "PASSED" or line.startswith("FAILED ")]
    return verdicts[-1] if verdicts else ""
