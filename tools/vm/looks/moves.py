# SPDX-License-Identifier: GPL-2.0
"""Runs a guest under the plugin linecount.c, and names what the plugin has counted."""

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
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
    :param phases: the same by structure, field and phase
    :param elsewhere: those by structure and field in which a CPU had written to the line, but not to the field
    :param begun: how often a phase has begun, by the argument of linecount.c that has the function
    :param under_lock: those made with a lock held that the code of a workqueue has taken
    :param in_timer: those in interrupts of the timer. They belong to no item, and @fields has none of them.
    """

    fields: dict
    functions: dict
    phases: dict
    elsewhere: dict
    begun: dict
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
    phases: dict = {}
    elsewhere: dict = {}
    sums = {linecount.FREE: 0, linecount.LOCKED: 0, linecount.TIMER: 0}
    for moved in report.moved:
        sums[moved.context] += moved.times
        if moved.context != linecount.TIMER:
            place = tuple(names["at"][moved.at])
            for by, key, times in (
                    (fields, (*place, moved.cause), moved.times), (phases, (*place, moved.phase), moved.times),
                    (functions, (*place, names["code"][moved.code]), moved.times), (elsewhere, place, moved.elsewhere)):
                by[key] = by.get(key, 0) + times / report.items
    return Counted(fields, functions, phases, elsewhere, {name: n / report.items for name, n in report.begun.items()},
                   sums[linecount.LOCKED] / report.items, sums[linecount.TIMER] / report.items)


def middle(rounds: Sequence[Counted]) -> Counted:
    """Return the mean of the middle third of @rounds, by how many lines move in each. Some rounds settle into a pattern
    of their own, in which far fewer or far more move; a mean of all would depend on how many these are."""
    ordered = sorted(rounds, key=lambda each: each.total)
    chosen = ordered[len(ordered) // 3:len(ordered) - len(ordered) // 3]

    def mean(values: Iterable[float]) -> float:
        return sum(values) / len(chosen)

    def means(name: str) -> dict:
        keys = dict.fromkeys(key for each in chosen for key in getattr(each, name))
        return {key: mean(getattr(each, name).get(key, 0) for each in chosen) for key in keys}
    return Counted(means("fields"), means("functions"), means("phases"), means("elsewhere"), means("begun"),
                   mean(each.under_lock for each in chosen), mean(each.in_timer for each in chosen))


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

    named = True    # whether drgn tells what the lines are

    def __init__(self, target: kernel.Kernel, job: str, files: list, settings: dict, cpus: int):
        self.target, self.job, self.files, self.settings, self.cpus = target, job, files, settings, cpus
        self.turn_us, self.accelerator, self.clock = TURN_US, accel.TCG_SINGLE, ICOUNT
        self.found: list = []
        self.run: Optional[guest.Run] = None
        self._names: Optional[places.Names] = None
        self._monitor: Optional[dump.Monitor] = None
        self._turning = True
        self._asked: Sequence[str] = ()
        self._functions: Sequence[tuple] = ()
        self._skip = 0
        self._take: Sequence[int] = ()

    def count(self, functions: Sequence[tuple], skip: int, take: Sequence[int]) -> None:
        """Set what the plugin counts. @functions: pairs of what a function of a module does, in the plugin's words, and
        its name. Calls of "item" are items. The plugin leaves out @skip each time, and counts during @take, which has a
        number for each time."""
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
            asked = {"at": sorted({each.at for each in report.moved}),
                     "code": sorted({each.code for each in report.moved})}
            names = self._names.ask(asked) if self.named else {key: len(asked[key]) * [("?", "-")] for key in asked}
            self.found.append(counted(report, {key: dict(zip(asked[key], names[key])) for key in asked}))
            return ()
        take = f"take={self._take[len(self.found)]:x}"
        if not self._asked:
            found = self._names.ask({"symbols": [name for _, name in self._functions]})
            for (_, name), at in zip(self._functions, found["symbols"]):
                if not at:
                    raise Problem(f"the guest's modules have no function {name}, so its items cannot be counted")
            self._asked = [*(f"{what}={at:x}" for (what, _), at in zip(self._functions, found["symbols"])),
                           *(f"cpu={at:x}" for at in found["cpus"]), f"skip={self._skip:x}",
                           f"reports={len(self._take):x}"]
            return [take, *self._asked]
        return [take]

    def watch(self, name: str) -> None:
        """Run the guest. Raises Problem if the plugin has not counted as often as it must."""
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
        if len(self.found) != len(self._take):
            raise Problem(f"the plugin has reported {len(self.found)} of {len(self._take)} runs")
