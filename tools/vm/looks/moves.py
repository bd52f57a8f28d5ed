# SPDX-License-Identifier: GPL-2.0
"""Runs a guest under the plugin linecount.c, and names what the plugin has counted."""

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Optional

from base.common import Problem
from build import kernel
from looks import dump, places
from machines import accel, guest, linecount

MEMORY = 1 << 30
# A nanosecond of the guest's clocks is one instruction, see cost.py.
ICOUNT = ["-icount", "shift=0,sleep=off"]
# How many microseconds, which are 1000 instructions each, the CPUs of the guest share out before the next turn.
TURN_US = 2
# How much longer than that the periods of the timers are. The period of all together is long.
MORE_US = (0, 1, 3, 5)


@dataclasses.dataclass(frozen=True)
class Counted:
    """
    What the plugin has counted, for each item.

    :param fields: transfers by structure, field and cause
    :param functions: the same by structure, field and function
    :param under_lock: those made with a lock held that the code of a workqueue has taken
    :param in_timer: those in interrupts of the timer. They belong to no item, and @fields has none of them.
    """

    fields: dict
    functions: dict
    under_lock: float
    in_timer: float

    @property
    def total(self) -> float:
        """Transfers of one item."""
        return sum(self.fields.values())


def counted(report: linecount.Report, names: dict) -> Counted:
    """Return the figures of a report. @names: drgn's answer about its addresses."""
    fields: dict = {}
    functions: dict = {}
    sums = {linecount.FREE: 0, linecount.LOCKED: 0, linecount.TIMER: 0}
    for moved, place, function in zip(report.moved, names["at"], names["code"]):
        sums[moved.context] += moved.times
        if moved.context != linecount.TIMER:
            for found, key in ((fields, (*place, moved.cause)), (functions, (*place, function))):
                found[key] = found.get(key, 0) + moved.times / report.items
    return Counted(fields, functions, sums[linecount.LOCKED] / report.items, sums[linecount.TIMER] / report.items)


def turns(microseconds: int) -> list:
    """Return arguments for QEMU that make the CPUs take turns of at most @microseconds in all, each of which is 1000
    instructions under -icount. Otherwise a CPU would run until it is idle or until a timer of the guest expires. The
    timers of packet filters, which have no packets, end the turns: they need nothing in the guest. There are several,
    so that the lengths of the turns vary; otherwise a load may keep in step with them."""
    if not microseconds:
        return []
    found = ["-netdev", "hubport,hubid=0,id=turns", "-qmp", f"unix:{dump.FOR_US},server=on,wait=off"]
    for number, more in enumerate(MORE_US):
        found += ["-object", f"filter-buffer,id=turn{number},netdev=turns,interval={microseconds + more}"]
    return found


class Watched:
    """One boot of a guest, in which the plugin counts once after each mark. Afterwards @found has what it counted."""

    def __init__(self, target: kernel.Kernel, job: str, files: list, settings: dict, cpus: int):
        self.target, self.job, self.files, self.settings, self.cpus = target, job, files, settings, cpus
        self.turn_us, self.accelerator, self.clock = TURN_US, accel.TCG_SINGLE, ICOUNT
        self.found: list = []
        self.reports: list = []
        self.run: Optional[guest.Run] = None
        self._names: Optional[places.Names] = None
        self._monitor: Optional[dump.Monitor] = None
        self._turning = True
        self._asked: Sequence[str] = ()
        self._functions: Sequence[str] = ()
        self._skip = self._take = 0

    def count(self, functions: Sequence[str], skip: int, take: int) -> None:
        """Set what the plugin counts: calls of @functions are items; it leaves out @skip, and counts during @take."""
        self._functions, self._skip, self._take = functions, skip, take

    def _take_turns(self, on: bool) -> None:
        """Switch the timers that end turns on or off, because they slow the guest down."""
        assert self.run
        if not self.turn_us or on == self._turning:
            return
        self._monitor = self._monitor or dump.Monitor(self.run.home / dump.FOR_US)
        for number, _ in enumerate(MORE_US):
            self._monitor.execute("qom-set", {"path": f"/objects/turn{number}", "property": "status",
                                              "value": "on" if on else "off"})
        self._turning = on

    def _begin(self) -> None:
        """Let the guest boot without turns, from its first line on. It also boots with them, but slowly."""
        if not self._asked and self._turning:
            with contextlib.suppress(OSError):
                self._take_turns(False)

    def _on_hold(self, report: Optional[linecount.Report]) -> Sequence[str]:
        """Answer the plugin: at the first mark with what it shall count. Look up the names of what it has counted."""
        assert self._names
        self._take_turns(not report)
        if report:
            names = self._names.ask({"at": [each.at for each in report.moved],
                                     "code": [each.code for each in report.moved]})
            self.reports.append(report)
            self.found.append(counted(report, names))
        elif not self._asked:
            found = self._names.ask({"symbols": list(self._functions)})
            for name, at in zip(self._functions, found["symbols"]):
                if not at:
                    raise Problem(f"the guest's modules have no function {name}, so its items cannot be counted")
            self._asked = [*(f"item={at:x}" for at in found["symbols"]), *(f"cpu={at:x}" for at in found["cpus"]),
                           f"skip={self._skip:x}", f"take={self._take:x}"]
            return self._asked
        return ()

    def watch(self, name: str, expected: int) -> None:
        """Run the guest. Raises Problem if the plugin has not counted @expected times."""
        run = self.run = guest.Run(self.target, self.job, guest.home(name), self.files, self.settings, limit=60,
                                   cpus=self.cpus, on_console=lambda _: self._begin())
        counter = linecount.Counter(self.target, run.home, MEMORY, self._on_hold)
        files = [self.target.symbols, *(path for path in self.files if path.suffix == ".ko")]
        try:
            with places.Names(run, files, MEMORY) as self._names, counter:
                run.extra = [*self.clock, *turns(self.turn_us), *self._names.arguments, *counter.arguments]
                guest.boot(run, self.accelerator)
        finally:
            # The guest may have ended before it has read everything.
            with contextlib.suppress(OSError):
                if self._monitor:
                    self._monitor.close()
        if counter.problem:
            raise counter.problem
        guest.must_pass(run)
        if len(self.found) != expected:
            raise Problem(f"the plugin has reported {len(self.found)} of {expected} runs")
