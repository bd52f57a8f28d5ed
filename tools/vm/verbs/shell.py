# SPDX-License-Identifier: GPL-2.0
"""`make shell`: opens a console in a booted guest, or runs commands from a pipe or file there."""

import os
import sys
from pathlib import Path
from typing import Optional

from base import alive
from base.common import EXIT_FAILED, EXIT_LOST, EXIT_PASSED, Problem, say
from build import kernel, modules
from machines import accel, guest

# The guest's path of the commands that did not come from a terminal.
COMMANDS = "/harness/commands"


def _commands(home: Path) -> Optional[Path]:
    """Save standard input to a file for the guest, unless it is a terminal. The guest cannot read it directly: it would
    not notice the end, and would wait for more for ever."""
    if sys.stdin is None or sys.stdin.closed:
        text = ""
    elif sys.stdin.isatty():
        return None
    else:
        say("  the commands are read from standard input, until it ends")
        text = sys.stdin.read()
    path = home / "commands"
    path.write_text(text)
    return path


def shell(name: str) -> int:
    """Boot vehicle @name with the console on this terminal."""
    # The name is checked before the kernel is built, so that an error in it is reported at once.
    vehicle, home = kernel.vehicle(name), guest.home(f"shell-{name}")
    commands = _commands(home)
    target = kernel.provide(vehicle)
    benchmark = target.build / kernel.BENCHMARK
    run = guest.Run(target, "shell", home, [*modules.build(target), *([benchmark] if benchmark.exists() else [])],
                    files={COMMANDS: commands} if commands else {})
    return _given(run) if commands else _console(run)


def _given(run: guest.Run) -> int:
    """Run the commands and print what they print. Return 0 if their exit status is 0, otherwise 1."""
    run.limit = 3600
    run.on_console = lambda line: say(line.decode(errors="replace"))
    guest.boot(run)
    if not run.outcome.passed:
        raise Problem(f"the guest: {run.outcome}", run.outcome.status)
    ended = [words[1] for words in run.events if words[:1] == ["ended"]]
    return EXIT_PASSED if ended == ["0"] else EXIT_FAILED


def _console(run: guest.Run) -> int:
    """Give the terminal to the guest. This process sees neither what is typed nor the guest's channels."""
    guest.prepare(run)
    argv = guest.command(run, accel.accelerator(run.kernel), "null", "null", interactive=True)
    say(f"  {'leave with exit' if run.kernel.vehicle.arch == 'um' else 'leave with exit, or Ctrl-A x at once'}")
    try:
        # Not in a session of its own, because that would have no terminal.
        with alive.keeper.start(argv, group=False, cwd=run.home) as process:
            with alive.keeper.keeping(process, group=False):
                try:
                    status = process.wait()
                except BaseException:
                    process.kill()
                    raise
    except OSError as error:
        raise Problem(f"{argv[0]}: {error.strerror}") from None
    finally:
        # UML leaves the terminal in raw mode when it is killed from outside.
        os.system("stty sane")
    return EXIT_PASSED if status == 0 else EXIT_LOST
