# SPDX-License-Identifier: GPL-2.0
"""Uses the QEMU plugin linecount.c: reads its reports, and answers when it has stopped the guest."""

import errno
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from base.common import Problem
from build.kernel import Kernel
from machines import plugin

CAUSES = ("read", "reread", "write-shared", "write-owned", "atomic-shared", "atomic-owned")
FREE, LOCKED, TIMER = "free", "locked", "timer"
# The phases of an item, see phases.h. The last two are not the engine's.
PHASES = ("enqueue", "wake", "start", "function", "end", "idle", "producer", "other")
# The entry of Report.begun that counts wakeups of a worker.
WAKES = "wakes"
# The kernel's functions that the plugin has to know. Those of modules are not known before the guest runs.
FUNCTIONS = (("timer", "sysvec_apic_timer_interrupt"), ("return", "irqentry_exit"), ("wakes", "try_to_wake_up"),
             ("remote", "sched_ttwu_pending"), ("runs", "process_one_work"), ("sleeps", "__schedule"),
             ("idle", "do_idle"))
HOLD = "hold\n"
# Seconds between two looks at what the plugin has written.
PAUSE = 0.02


@dataclass(frozen=True)
class Moved:
    """How often lines have moved to @cpu because the instruction at @code has accessed the address @at, in @phase.
    @elsewhere: how many of the times a CPU had written to the line, but not to the bytes that were accessed."""

    at: int
    code: int
    cause: str
    cpu: int
    context: str
    phase: str
    times: int
    elsewhere: int


@dataclass(frozen=True)
class Report:
    """What the plugin has counted while @items items were queued. @losers: how often each CPU has taken a line from
    each other one, by cause, CPU and loser. @begun: how often a phase has begun with a function of each argument."""

    items: int
    moved: tuple
    losers: dict
    begun: dict


def parse(text: str) -> Optional[Report]:
    """Return what one report says, or None if the plugin only says that it is ready. Raises Problem if the report is
    not whole."""
    lines = [line.split() for line in text.splitlines()]
    if lines == [["ready"]]:
        return None
    try:
        (counted, items), *rest, (end, number) = lines
        if (counted, end) != ("counted", "end") or int(number) != len(rest):
            raise ValueError(f"{len(rest)} lines, {number} were written")
        moved: list = []
        losers: dict = {}
        begun: dict = {}
        for kind, *words in rest:
            if kind == "line":
                cause, cpu, loser, times = words
                losers[cause, int(cpu), int(loser)] = int(times)
            elif kind == "at":
                at, code, cause, cpu, context, phase, times, elsewhere = words
                moved.append(Moved(int(at, 16), int(code, 16), cause, int(cpu), context, phase, int(times),
                                   int(elsewhere)))
            elif kind == "begun":
                name, times = words
                begun[name] = int(times)
            else:
                raise ValueError(f"a line begins with {kind}")
        return Report(int(items), tuple(moved), losers, begun)
    except ValueError as error:
        raise Problem(f"the plugin's report is not whole: {error}") from None


class Counter:
    """The plugin in one guest, and the thread that answers it."""

    def __init__(self, target: Kernel, home: Path, memory: int, on_hold: Callable):
        """
        Prepare the plugin for a guest. Use the object as a context while the guest runs.

        :param home: the directory of the run
        :param memory: bytes of the guest's memory
        :param on_hold: called with each report, None for a mark, while the guest stands still; returns arguments
            for the plugin, such as take=10
        """
        known = {name: at for at, name in plugin.symbols(target)}
        missing = [function for _, function in FUNCTIONS if function not in known]
        if missing:
            raise Problem(f"the kernel has no function {missing[0]}, so no lines can be counted")
        self.output, self._pipe = home / "counted", home / "hold"
        os.mkfifo(self._pipe)
        self.arguments = plugin.arguments(target, "linecount", [
            *(f"{name}={known[function]:x}" for name, function in FUNCTIONS), f"memory={memory:x}",
            f"output={self.output}", f"hold={self._pipe}"])
        self.problem: Optional[Problem] = None
        self._on_hold = on_hold
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._answer)

    def __enter__(self) -> "Counter":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _answer(self) -> None:
        answered = 0
        while not self._over.wait(PAUSE):
            parts = self.output.read_text().split(HOLD) if self.output.exists() else [""]
            while answered < len(parts) - 1:
                self._let_go(self._answer_to(parts[answered]))
                answered += 1

    def _answer_to(self, text: str) -> str:
        """Return the answer to a report. After an error the guest goes on, but is asked no more."""
        try:
            return "".join(f"{line}\n" for line in self._on_hold(parse(text))) if not self.problem else ""
        except Problem as problem:
            self.problem = problem
        except (OSError, ValueError, LookupError) as error:
            self.problem = Problem(repr(error))
        return ""

    def _let_go(self, text: str) -> None:
        """Let the plugin read @text and go on. It may not have opened the pipe yet."""
        while not self._over.wait(PAUSE / 10):
            try:
                handle = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                continue
            with open(handle, "w") as pipe:
                pipe.write(text)
            return
