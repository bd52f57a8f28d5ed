# SPDX-License-Identifier: GPL-2.0
"""Notices whether this machine did something else while a run of the benchmark was measured.

Three signs are looked at, because none of them shows everything:

  others   CPU time that other processes took: all that /proc/stat counts, without what the benchmark itself took
  steal    time in which a hypervisor gave this machine's CPUs to somebody else
  slower   how much longer a fixed loop takes than at the start: a neighbour on the same core or a lower frequency slow
           the benchmark down, although no process of this machine and no steal accounts for it

others and steal are parts of one CPU's time: 0.1 means that a tenth of one CPU was taken.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional

# A run is disturbed if one of these is exceeded. A process that takes 30 % of one CPU makes the figures of UML useless.
# On a quiet machine others stayed below 0.08, steal at 0, and slower below 1.14.
MOST_OTHERS, MOST_STEAL, MOST_SLOWER = 0.10, 0.02, 1.20
# /proc/stat counts ticks of 10 ms, so in short runs less than this many seconds may be due to rounding.
LEAST_SECONDS = 0.05
# How long to wait for the machine to get quiet before a run is made again, in one go and in a whole set, in seconds.
PATIENCE, PATIENCE_OF_SET = 20, 120
# The loop takes some milliseconds. The fastest of several counts, because interrupts and switches only add time.
LOOP, LOOPS = 60000, 12

# The columns of the first line of /proc/stat.
USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL = range(8)
# What counts as work where the benchmark runs in a process, such as a guest. On the machine itself the benchmark runs
# in the kernel's threads, so that only user mode is work of others for sure.
ALL_WORK, USER_WORK = (USER, NICE, SYSTEM, IRQ, SOFTIRQ), (USER, NICE)
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_times(path: Path = Path("/proc/stat")) -> tuple:
    """Return the times of all CPUs together, in seconds, in the order of the columns."""
    words = path.read_text(encoding="utf-8").partition("\n")[0].split()[1:9]
    return tuple(int(word) / TICKS for word in words)


def _processes(proc: Path) -> Iterable[tuple]:
    """Return (process, parent, seconds of CPU time in user mode and in the kernel) of all processes. Children that have
    ended are included."""
    for path in proc.glob("[0-9]*/stat"):
        try:
            # The name in parentheses may contain anything.
            words = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        user, system, child_user, child_system = (int(word) / TICKS for word in words[11:15])
        yield int(path.parent.name), int(words[1]), user + child_user, system + child_system


def own_times(proc: Path = Path("/proc")) -> tuple:
    """Return the seconds that this process and its descendants, such as a guest, have taken in user mode and in the
    kernel."""
    found = {process: (parent, user, system) for process, parent, user, system in _processes(proc)}
    own, more = set(), {os.getpid()}
    while more:
        own |= more
        more = {process for process, (parent, _, _) in found.items() if parent in own} - own
    return tuple(sum(found[process][place] for process in own if process in found) for place in (1, 2))


def loop_seconds() -> float:
    """Return how long a fixed loop takes on the slowest of the CPUs."""
    allowed, slowest = os.sched_getaffinity(0), 0.0
    try:
        for cpu in allowed:
            os.sched_setaffinity(0, {cpu})
            slowest = max(slowest, min(_loop() for _ in range(LOOPS)))
    finally:
        os.sched_setaffinity(0, allowed)
    return slowest


def _loop() -> float:
    start, number = time.perf_counter(), 1
    for _ in range(LOOP):
        number = number * 69069 & 0xffffffff
    return time.perf_counter() - start


@dataclass
class Reading:
    """What the counters said at one time, in seconds."""

    now: float
    work: float
    steal: float
    own: float


@dataclass
class Watch:
    """Watches the machine while runs are made. @work has the columns of /proc/stat that count as work."""

    work: tuple = ALL_WORK
    times: Callable[[], tuple] = cpu_times
    own: Callable[[], tuple] = own_times
    loop: Callable[[], float] = loop_seconds
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    fastest: Optional[float] = None
    waited: float = 0
    begun: Reading = field(init=False)

    def calibrate(self) -> None:
        """Measure the loop before the first run."""
        self.fastest = self.loop()

    def _read(self) -> Reading:
        times, (user, system) = self.times(), self.own()
        return Reading(self.clock(), sum(times[column] for column in self.work), times[STEAL],
                       user + (system if SYSTEM in self.work else 0))

    def begin(self) -> None:
        """Note that a run begins."""
        self.begun = self._read()

    def end(self) -> dict:
        """Return what was seen since begin(): seconds, others, steal and slower. The run must have ended, because the
        loop needs a CPU of its own."""
        seconds, others, steal = self._since(self.begun)
        loop = self.loop()
        self.fastest = min(self.fastest or loop, loop)
        return {"seconds": round(seconds, 2), "others": round(others, 3), "steal": round(steal, 3),
                "slower": round(loop / self.fastest, 3)}

    def _since(self, start: Reading) -> tuple:
        """Return the seconds since @start, and what others and the hypervisor took of a CPU."""
        now = self._read()
        seconds = max(now.now - start.now, 1e-3)
        taken = (now.work - start.work - (now.own - start.own), now.steal - start.steal)
        return (seconds, *(each / seconds if each > LEAST_SECONDS else 0.0 for each in taken))

    def wait_until_quiet(self) -> None:
        """Wait until others take little of a CPU. Give up after a while."""
        start = self.clock()
        while self.clock() - start < min(PATIENCE, PATIENCE_OF_SET - self.waited):
            reading = self._read()
            self.sleep(2)
            _, others, steal = self._since(reading)
            if others <= MOST_OTHERS and steal <= MOST_STEAL:
                break
        self.waited += self.clock() - start


def reasons(found: dict) -> list:
    """Return why a run was disturbed, each reason in a phrase, or [] if it was not. @found is from Watch.end()."""
    said = []
    if found["others"] > MOST_OTHERS:
        said.append(f"other processes took {100 * found['others']:.0f} % of a CPU")
    if found["steal"] > MOST_STEAL:
        said.append(f"the hypervisor took {100 * found['steal']:.0f} % of a CPU")
    if found["slower"] > MOST_SLOWER:
        said.append(f"the calibration loop took {found['slower']:.2f} of its time")
    return said


def marked(run: dict, found: dict) -> dict:
    """Return @run with what the watch has seen, and with the reasons if it was disturbed."""
    why = reasons(found)
    return {**run, "host": found, **({"disturbed": why} if why else {})}
