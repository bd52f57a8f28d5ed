# SPDX-License-Identifier: GPL-2.0
"""`make soak`: what takes too long for every day. Many items through every kind of queue, then many rounds of
loading, running and unloading, by default on the debug vehicle, whose checkers look at each of them."""

import contextlib
import dataclasses
import fnmatch
import re
import threading
import time
from typing import Iterator

import guest
import kernel
import modules
import suites
from common import Problem, count_knob, say, took

ITEMS, ROUNDS = 1000000, 200
# Items a second that the slowest kind of queue is sure to reach on the slowest vehicle: what takes longer hangs.
# The suite itself notices much sooner when nothing moves.
ITEMS_PER_SECOND = 500
LOOK_SECONDS = 5
CASE = re.compile(r"((?:not )?ok) \d+ (\w+)(.*)$")
BOOKS = re.compile(r"# \w+: (seed .*)$")


class _Watch:
    """Says what the guest has done as it does it: cases from the console, rounds from the events."""

    def __init__(self, rounds: int) -> None:
        self.rounds, self.start, self.seen, self.books = rounds, time.monotonic(), 0, ""

    def event(self, words: list) -> None:
        """The suites and rounds."""
        if words[0] == "start":
            say(f"  {took(self.start):>12}  {' '.join(words[1:])}")
        elif words[0] == "round" and int(words[1]) % 10 == 0:
            say(f"  {took(self.start):>12}    round {words[1]} of {self.rounds}")

    def look(self, run: guest.Run) -> None:
        """Say which cases have ended since the last look."""
        with contextlib.suppress(FileNotFoundError):
            *lines, _ = run.console.read_text(errors="replace").split("\n")
            for line in lines[self.seen:]:
                books, case = BOOKS.search(line), CASE.search(line)
                if books:
                    self.books = books[1]
                elif case:
                    books_shown = f" ({self.books})" if self.books else ""
                    say(f"  {took(self.start):>12}    {case[1]} {case[2]}{case[3]}{books_shown}")
                    self.books = ""
            self.seen = len(lines)

    @contextlib.contextmanager
    def looking(self, run: guest.Run) -> Iterator[None]:
        """Look now and then while the guest runs."""
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
    """The kernel, told not to end a case before the harness would, nor to complain about whoever waits for one."""
    built = kernel.provide(kernel.vehicle(name))
    vehicle = dataclasses.replace(built.vehicle, parameters=(
        *built.vehicle.parameters, f"kunit.timeout={limit}", f"sysctl.kernel.hung_task_timeout_secs={4 * limit}"))
    return dataclasses.replace(built, vehicle=vehicle)


def _soak(target: kernel.Kernel, suite: str, limit: int, settings: dict) -> guest.Run:
    """One of the two, in a boot of its own, so that they can be asked for and fail apart."""
    kunit = suite in suites.kunit_suites()
    watch = _Watch(settings["ROUNDS"])
    run = guest.Run(target, "kunit", guest.home(f"soak-{target.vehicle.name}-{suite}"), modules.build(target),
                    limit=limit, on_event=watch.event, settings={
                        **suites.settings([suite] if kunit else [], [] if kunit else [suite]), **settings})
    with watch.looking(run):
        guest.boot(run)
    return run


def soak(names: list, pattern: str) -> int:
    """Those of SUITES that match @pattern on each of @names; the exit status."""
    start = time.monotonic()
    items, rounds = count_knob("ITEMS", ITEMS), count_knob("ROUNDS", ROUNDS)
    limit = 600 + max(rounds * 5, items // ITEMS_PER_SECOND)
    titles = {"cmwq2_stress": f"{items} items through every kind of queue",
              "cmwq2_load": f"{rounds} rounds of loading, running and unloading"}
    chosen = [suite for suite in titles if fnmatch.fnmatchcase(suite, pattern)]
    if not chosen:
        raise Problem(f"SUITE={pattern} matches no suite; allowed: a glob over {', '.join(titles)}")
    total = suites.Total()
    for name in names:
        target = _target(name, limit)
        for suite in chosen:
            say(f"{name}: {titles[suite]}")
            run = _soak(target, suite, limit, {
                "KUNIT_PARAMETERS": f"stress_items={items} timeout_ms=120000", "ROUNDS": rounds})
            suites.add_rows(total, run, [suite])
    return suites.finish(total, start)
