# SPDX-License-Identifier: GPL-2.0
"""`make soak`: runs the tests that take too long for every day: many items through every kind of queue, many rounds of
loading, running and unloading, many CPUs going offline and online, and many freezes under load. By default they run on
the debug vehicles, whose checkers watch all of it."""

import contextlib
import dataclasses
import fnmatch
import re
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Callable

from base.common import ROOT, Problem, count_knob, say, took
from build import kernel, modules
from machines import guest, results
from verbs import suites

# Items per second that even the slowest kind of queue reaches on the slowest vehicle. A run that is slower than this
# counts as hung. The suite itself notices much sooner if nothing makes progress.
ITEMS_PER_SECOND = 500
# Seconds for one round of all schedules of a suite under all policies.
SCHEDULE_SECONDS = 10
LOOK_SECONDS = 5
CASES = re.compile(r"KUNIT_CASE\w*\((\w+)")
CASE = re.compile(r"((?:not )?ok) \d+ (\w+)(.*)$")
BOOKS = re.compile(r"# \w+: (seed .*)$")


@dataclasses.dataclass(frozen=True)
class Part:
    """A test to repeat many times. Each part has its own boot, so that it can be run and can fail independently."""

    suite: str
    vehicle: str        # where it runs unless VM= says otherwise
    knob: str
    times: int          # repetitions, unless the knob says otherwise
    title: str
    settings: Callable[[int], dict]
    limit: Callable[[int], int] = lambda times: 600     # seconds on UML for one round
    case: str = ""      # the only case of a KUnit suite to run, or '' for all cases

    @property
    def name(self) -> str:
        """The name by which KUnit selects it."""
        return f"{self.suite}.{self.case}" if self.case else self.suite

    def wanted(self) -> int:
        """Return how many repetitions are wanted."""
        return count_knob(self.knob, self.times)


def _cases(suite: str) -> list:
    """Return the cases of a suite that takes hours. Each case becomes a part, so that several guests share them."""
    return CASES.findall((ROOT / "kunit/suites" / f"{suite}_kunit.c").read_text())


def _forced(suite: str, case: str = "") -> Part:
    return Part(suite, "debug", "SCHEDULES", 1000, f"times each forced schedule of {case or suite}",
                lambda times: {"KUNIT_PARAMETERS": f"interleave_rounds={times} timeout_ms=60000"},
                lambda times: 600 + times * SCHEDULE_SECONDS, case)


def _stress(case: str) -> Part:
    return Part("cmwq2_stress", "debug", "ITEMS", 1000000, "items through every kind of queue",
                lambda items: {"KUNIT_PARAMETERS": f"stress_items={items} timeout_ms=120000"},
                lambda items: 600 + 2 * items // ITEMS_PER_SECOND, case)


PARTS = (
    *(_stress(case) for case in _cases("cmwq2_stress")),
    *(_forced(suite, case) for suite in ("cmwq2_interleave", "cmwq2_interleave_end") for case in _cases(suite)),
    *(_forced(suite) for suite in ("cmwq2_interleave_kick", "cmwq2_interleave_races", "cmwq2_interleave_wait")),
    _forced("cmwq2_runnable", "slot_comes_back_to_own_pool"),
    Part("cmwq2_kick", "debug", "KICKS", 1000, "rounds of a load under each claim and wake",
         lambda times: {"KUNIT_PARAMETERS": f"kick_rounds={times} timeout_ms=60000"}, lambda times: 600 + times),
    Part("cmwq2_switch", "debug", "SWITCHINGS", 10000, "policy switches under load, of all pools and of one",
         lambda times: {"KUNIT_PARAMETERS": f"switch_times={times} timeout_ms=60000"}, lambda times: 600 + times // 10),
    Part("cmwq2_load", "debug", "ROUNDS", 200, "rounds of loading, running and unloading",
         lambda rounds: {"ROUNDS": rounds}),
    Part("cmwq2_pressure", "debug", "PRESSURE", 60, "seconds in which no pool can make a worker, twice for each policy",
         lambda seconds: {"KUNIT_PARAMETERS": f"pressure_seconds={seconds} timeout_ms={120000 + 1000 * seconds}"},
         lambda seconds: 900 + 10 * seconds),
    Part("cmwq2_alarm", "debug", "ALARM", 900,
         "seconds of heavy load for each of two thresholds of the watchdog, which must not report a stall",
         lambda seconds: {"KUNIT_PARAMETERS": f"alarm_seconds={seconds} alarm_thresh=5 timeout_ms=120000"},
         lambda seconds: 600 + 3 * seconds),
    # Only the hook that auto takes. Few items, so that the load often begins and ends.
    Part("cmwq2_hotplug", "x86-debug", "CYCLES", 500, "times a CPU goes offline and online under load",
         lambda cycles: {"CYCLES": cycles, "HOOKS": "tp", "HOTPLUG_ITEMS": 1000}, lambda _: 120),
    Part("cmwq2_freezer", "x86-debug", "FREEZES", 100, "times frozen and thawed under load, with either engine",
         lambda freezes: {"FREEZES": freezes}, lambda _: 120),
)


class _Watch:
    """Reports the progress of the guest: cases of a KUnit suite from the console, rounds from the events."""

    def __init__(self, part: Part, cases: bool) -> None:
        self.rounds, self.name, self.cases = part.wanted(), part.name, cases
        self.start, self.seen, self.books = time.monotonic(), 0, ""

    def say(self, what: str) -> None:
        """Print a line with the name of the part, because several parts run side by side."""
        say(f"  {took(self.start):>12}  {self.name}: {what}")

    def event(self, words: list) -> None:
        """Report starts of suites and some of the rounds."""
        if words[0] == "start":
            self.say("starts")
        elif words[0] == "round" and int(words[1]) % 10 == 0:
            self.say(f"round {words[1]} of {self.rounds}")

    def look(self, run: guest.Run) -> None:
        """Report the cases that have ended since the last look."""
        with contextlib.suppress(FileNotFoundError):
            *lines, _ = run.console.read_text(errors="replace").split("\n")
            for line in lines[self.seen:]:
                books, case = BOOKS.search(line), CASE.search(line)
                if not self.cases:
                    continue
                if books:
                    self.books = books[1]
                elif case:
                    books_shown = f" ({self.books})" if self.books else ""
                    self.say(f"{case[1]} {case[2]}{case[3]}{books_shown}")
                    self.books = ""
            self.seen = len(lines)

    @contextlib.contextmanager
    def looking(self, run: guest.Run) -> Iterator[None]:
        """Look every LOOK_SECONDS while the guest runs."""
        over = threading.Event()

        def loop() -> None:
            while not over.wait(LOOK_SECONDS):
                self.look(run)
        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.look(run)


def _target(name: str, limit: int) -> kernel.Kernel:
    """Return the kernel, with parameters so that KUnit does not end a case before the harness does, and that no hung
    task is reported while one waits for a case."""
    built = kernel.provide(kernel.vehicle(name))
    vehicle = dataclasses.replace(built.vehicle, parameters=(
        *built.vehicle.parameters, f"kunit.timeout={limit}", f"sysctl.kernel.hung_task_timeout_secs={4 * limit}"))
    return dataclasses.replace(built, vehicle=vehicle)


def _soak(part: Part, name: str, total: results.Total) -> None:
    times = part.wanted()
    limit = part.limit(times)
    target = _target(name, limit)
    kunit = part.suite in suites.kunit_suites()
    say(f"{name}: {times} {part.title}")
    watch = _Watch(part, kunit)
    run = guest.Run(target, "kunit", guest.home(f"soak-{name}-{part.name}"), modules.build(target), limit=limit,
                    on_event=watch.event, settings={
                        **suites.settings([part.name] if kunit else [], [] if kunit else [part.suite]),
                        **part.settings(times)})
    with watch.looking(run):
        guest.boot(run)
    results.add_rows(total, run, [part.name])


def soak(names: list, pattern: str) -> int:
    """Run those of PARTS whose suite, or suite and case, match @pattern, on the vehicles @names or else on each part's
    own vehicle. Return the exit status."""
    start, total = time.monotonic(), results.Total()
    chosen = [part for part in PARTS if any(fnmatch.fnmatchcase(name, pattern) for name in (part.suite, part.name))]
    if not chosen:
        raise Problem(f"SUITE={pattern} matches no suite; allowed: a glob over "
                      f"{', '.join(part.suite for part in PARTS)}")
    plan = [(part, name) for part in chosen for name in names or [part.vehicle]]
    # Errors in the knobs are reported before the first hour, not after it.
    for part, name in plan:
        kernel.vehicle(name)
        part.wanted()
    for vehicle in {name for _, name in plan}:
        modules.build(kernel.provide(kernel.vehicle(vehicle)))
    suites.side_by_side([partial(_soak, part, name, total) for part, name in plan])
    return results.finish(total, start)
