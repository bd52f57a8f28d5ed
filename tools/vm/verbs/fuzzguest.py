# SPDX-License-Identifier: GPL-2.0
"""A guest that runs programs of the fuzzer on request. The guest asks for the next request, see guest/job-fuzz.sh."""

import queue
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from build.kernel import Kernel
from machines import guest

# Seconds on UML without an answer. A program that hangs is reported by the module, much sooner.
LIMIT = 60
END, OFF = "end", "off"
# What stands before each statement of the program that ran when the kernel died, see kunit/fuzz/control.c.
SAID = "cmwq2_fuzz: program: "


@dataclass
class Result:
    """What the guest said about a request."""

    runs: int = 0                       # programs that ran
    ms: int = 0                         # how long they took
    long: int = 0                       # programs whose log was full, and which were not judged
    seed: int = 0                       # of the last program, 0 if it was given as text
    program: str = ""                   # the last program
    verdicts: list = field(default_factory=list)
    known: dict = field(default_factory=dict)   # how often known faults were met
    steps: int = 0                      # of the engine's code that all programs made so far, and how many programs made
    kept: int = 0                       # a new one; both 0 if the engine does not know its steps
    lost: bool = False                  # something hangs for ever, so the guest has to be booted again
    refused: str = ""                   # why the kernel did not take the request

    @property
    def rule(self) -> str:
        """The engine and the rule of the first verdict, or ''."""
        return rule_of(self.verdicts[0]) if self.verdicts else ""


def rule_of(verdict: str) -> str:
    """Return the engine and the rule of a verdict, such as "cmwq2: early"."""
    return ":".join(verdict.split(":")[:2])


def parse(lines: list) -> Result:
    """Return the result that the guest sent as @lines, each of which is a name and a value."""
    result = Result()
    for line in lines:
        name, _, value = line.partition(" ")
        if name == "verdict":
            result.verdicts.append(value)
        elif name == "known":
            fault, _, times = value.partition(" ")
            result.known[fault] = int(times)
        elif name in ("program", "refused"):
            setattr(result, name, value)
        elif name in ("runs", "ms", "long", "seed", "steps", "kept"):
            setattr(result, name, int(value))
        elif name == "lost":
            result.lost = True
    return result


class FuzzGuest:
    """A guest with the fuzzer, which runs in a thread of its own."""

    def __init__(self, target: Kernel, files: list, name: str, cmwq2: str = "", parameters: str = "") -> None:
        settings = {"FUZZ_CMWQ2": cmwq2, "FUZZ_PARAMETERS": parameters}
        self._requests: queue.Queue = queue.Queue()
        self._answers: queue.Queue = queue.Queue()
        self._lines: list = []
        self.run = guest.Run(target, "fuzz", guest.home(name), list(files), settings, limit=LIMIT,
                             on_event=self._event)
        self._thread = threading.Thread(target=self._boot, daemon=True)
        self._thread.start()
        self.ready = self._answer() is not None

    def _boot(self) -> None:
        try:
            guest.boot(self.run)
        finally:
            self._answers.put(None)

    def _event(self, words: list) -> Optional[str]:
        if words[:1] == ["result"]:
            self._lines.append(" ".join(words[1:]))
        if words[:1] != ["next"]:
            return None
        self._answers.put(self._lines)
        self._lines = []
        return str(self._requests.get())

    def _answer(self) -> Optional[list]:
        return self._answers.get()

    def ask(self, request: str) -> Optional[list]:
        """Send a request, and return the lines of the answer; None if the guest has ended instead."""
        self._requests.put(request)
        return self._answer()

    def request(self, request: str) -> Optional[Result]:
        """Send a request, and return its result; None if the guest has ended instead."""
        lines = self.ask(request)
        return None if lines is None else parse(lines)

    def end(self, off: bool = False) -> str:
        """End the guest, and return what was wrong with it, or ''. With @off it is switched off at once, because
        something hangs in it."""
        self._requests.put(OFF if off else END)
        self._thread.join()
        return "" if off or self.run.outcome.passed else str(self.run.outcome)

    def last_program(self) -> str:
        """Return the program that ran when the kernel died, or '' if the module did not say it."""
        try:
            lines = self.console.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return ";".join(line.partition(SAID)[2].strip() for line in lines if SAID in line)

    @property
    def console(self) -> Path:
        """The file with what the kernel printed."""
        return self.run.console
