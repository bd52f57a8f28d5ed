#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of alive.py: what a silent verb reports, and that no process is left behind."""

import contextlib
import io
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base import alive
from base.common import HERE, ROOT, WIDTH
from base.testing import Case, directory, happens

# Starts a process with a child, like a UML guest, and prints their pids. OWN then runs for ever.
OWN = """
import sys, time
sys.path.insert(0, {here!r})
from base import alive
{first}
with alive.started(["/bin/sh", "-c", "sleep 1000 & echo $$ $!; wait"]) as process:
    process.wait()
"""


# A verb that is interrupted, and gets another signal while it cleans up.
TWICE = """
import os, signal, sys
sys.path.insert(0, {here!r})
from base import alive
alive.end_in_order()
try:
    os.kill(os.getpid(), signal.{first})
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.{second})
    print("cleaned up")
"""

# A signal that comes in a function that Python calls after each fork. Python drops an exception of such a function.
DROPPED = """
import os, signal, sys
sys.path.insert(0, {here!r})
from base import alive
alive.end_in_order()
def interrupt():
    os.kill(os.getpid(), signal.SIGTERM)
    os.getpid()     # Python calls the handlers of signals when a function is called.
os.register_at_fork(after_in_parent=interrupt)
try:
    with alive.started(["sleep", "5"]) as process:
        process.wait()
    print("waited for")
except KeyboardInterrupt:
    print("cleaned up")
"""


def _heed_signals() -> None:
    """Let the signals end the process. nohup leaves SIGHUP ignored, and a job in the background SIGINT."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _gone(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


class Processes(Case):
    def test_told_meanwhile(self) -> None:
        """A silent verb reports what runs, each step once. It reports nothing if something else is printed."""
        sink, names = io.StringIO(), [f"vehicle {number}: cmwq2_something" for number in range(9)] * 2
        with contextlib.redirect_stdout(sink), contextlib.ExitStack() as stack:
            for name in names:
                stack.enter_context(alive.doing(lambda name=name: name))      # type: ignore
            stack.enter_context(alive.telling(0.05))
            happens(lambda: "vehicle 8" in sink.getvalue(), "a line of progress")
        lines = sink.getvalue().splitlines()
        first = lines[:next(number for number, line in enumerate(lines) if "vehicle 8" in line) + 1]
        self.assertEqual([sum(name in line for line in first) for name in names], [1] * len(names))
        self.assertTrue(max(map(len, lines)) <= WIDTH)
        self.assertEqual(alive._doing, [])
        self.assertIn("with alive.telling(verb=", (HERE / "vm").read_text())

    def test_told_without_steps(self) -> None:
        """If no step reports anything, the verb is named, unless it waits for the user."""
        for verb, told in (("check", True), ("", False)):
            sink = io.StringIO()
            with contextlib.redirect_stdout(sink), alive.telling(0.02, verb):
                if told:
                    happens(lambda: "check is still at work" in sink.getvalue(), "a line of progress")
                else:
                    time.sleep(0.2)
            self.assertEqual(bool(sink.getvalue()), told)

    def test_nothing_is_left(self) -> None:
        """When a verb ends, its processes end, too: after SIGKILL, SIGTERM, SIGHUP or SIGINT, or if make above it is
        killed."""
        # make runs a simple command like this itself. For any other line there would be a shell between it and the
        # verb.
        self.assertIn("\n\t@tools/vm/vm $@\n", (ROOT / "Makefile").read_text())
        with directory() as home:
            script, makefile = home / "own.py", home / "Makefile"
            makefile.write_text(f"all:\n\t@{sys.executable} -B {script}\n")
            own = [sys.executable, "-B", script]
            for first, command, number in (("", own, signal.SIGKILL), ("alive.end_in_order()", own, signal.SIGTERM),
                                           ("alive.end_in_order()", own, signal.SIGHUP), ("", own, signal.SIGINT),
                                           ("alive.end_with_parent(); alive.end_in_order()",
                                            ["make", "-f", makefile], signal.SIGKILL)):
                script.write_text(OWN.format(here=str(HERE), first=first))
                process = subprocess.Popen([str(word) for word in command], text=True, stdout=subprocess.PIPE,
                                           stderr=subprocess.DEVNULL, preexec_fn=_heed_signals)
                assert process.stdout
                started = [int(word) for word in process.stdout.readline().split()]
                self.assertEqual((first, len(started)), (first, 2))
                process.send_signal(number)
                for each in started:
                    happens(lambda: _gone(each), f"{first or 'own'}: process {each} after signal {number}")
                process.stdout.close()
                process.wait()

    def test_interrupted_once(self) -> None:
        """A second SIGTERM or SIGHUP does not interrupt the end of a verb. timeout(1) sends one, and make another."""
        for first, second in (("SIGTERM", "SIGTERM"), ("SIGTERM", "SIGHUP"), ("SIGHUP", "SIGTERM")):
            script = TWICE.format(here=str(HERE), first=first, second=second)
            done = subprocess.run([sys.executable, "-B", "-c", script], capture_output=True, text=True,
                                  preexec_fn=_heed_signals, check=False)
            self.assertEqual((first, second, done.stdout, done.stderr), (first, second, "cleaned up\n", ""))

    def test_dropped(self) -> None:
        """A SIGTERM ends a verb even if Python drops the first exception."""
        done = subprocess.run([sys.executable, "-B", "-c", DROPPED.format(here=str(HERE))], capture_output=True,
                              text=True, preexec_fn=_heed_signals, check=False)
        self.assertEqual((done.stdout, done.stderr), ("cleaned up\n", ""))


if __name__ == "__main__":
    unittest.main()
