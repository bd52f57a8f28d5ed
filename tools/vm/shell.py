# SPDX-License-Identifier: GPL-2.0
"""`make shell`: a console in a booted guest."""

import os
import subprocess
import sys

import accel
import guest
import kernel
import modules
from common import EXIT_LOST, EXIT_PASSED, Problem, say


def shell(name: str) -> int:
    """Boot vehicle @name with the console on this terminal."""
    target = kernel.provide(kernel.vehicle(name))
    benchmark = target.build / kernel.BENCHMARK
    run = guest.Run(target, "shell", guest.home(f"shell-{name}"),
                    [*modules.build(target), *([benchmark] if benchmark.exists() else [])])
    guest.prepare(run)
    argv = guest.command(run, accel.accelerator(target), "null", "null", interactive=True)
    say(f"  {'leave with exit' if target.vehicle.arch == 'um' else 'leave with exit, or Ctrl-A x at once'}")
    try:
        status = subprocess.run([str(word) for word in argv], cwd=run.home, check=False).returncode
    except OSError as error:
        raise Problem(f"{argv[0]}: {error.strerror}") from None
    finally:
        # UML leaves the terminal raw when it is ended from outside.
        if sys.stdin.isatty():
            os.system("stty sane")
    return EXIT_PASSED if status == 0 else EXIT_LOST
