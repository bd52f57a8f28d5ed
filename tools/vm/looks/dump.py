# SPDX-License-Identifier: GPL-2.0
"""Runs drgn on a guest from outside. One QEMU monitor gives drgn the memory; a second one pauses the guest."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from base import alive
from base.common import EXIT_FAILED, EXIT_PASSED, ROOT, Problem, say, shortened, shown, took, write_atomically
from build import kernel, modules, packages, qemu
from machines import guest

SCRIPT = ROOT / "tools/wq_dump.py"
CHECKER = ROOT / "tools/check_dump.py"
# Names relative to the run's directory, because a socket's path may have at most 107 characters.
FOR_DRGN, FOR_US = "drgn.qmp", "control.qmp"
QEMU = ["-qmp", f"unix:{FOR_DRGN},server=on,wait=off", "-qmp", f"unix:{FOR_US},server=on,wait=off"]
CORE, CORE_SECONDS = "core", 60
# QEMU's names for the forms of a file with the guest's memory: ELF, and the form of makedumpfile, in which each page is
# compressed.
FORMS = ("elf", "kdump-raw-zlib")
DRGN_SECONDS = 120
# Items of a busy guest do not wait this long, unless the host is busy with something else.
STALL_MS = 5000


class Monitor:
    """A client of QEMU's machine protocol (QMP), just enough to stop a guest, dump its memory and let it go on."""

    def __init__(self, path: Path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        # A socket's path may have at most 107 characters.
        home = os.open(path.parent, os.O_RDONLY)
        try:
            self._socket.connect(f"/proc/self/fd/{home}/{path.name}")
        finally:
            os.close(home)
        self._stream = self._socket.makefile("rw")
        self._stream.readline()     # the greeting
        self.execute("qmp_capabilities")

    def execute(self, name: str, arguments: Optional[dict] = None, seconds: float = 10) -> None:
        """Run one command and wait for its answer. Events that come before the answer are skipped."""
        self._socket.settimeout(seconds)
        self._stream.write(json.dumps({"execute": name, **({"arguments": arguments} if arguments else {})}) + "\n")
        self._stream.flush()
        for line in self._stream:
            answer = json.loads(line)
            if "error" in answer:
                raise Problem(f"QEMU refuses {name}: {answer['error'].get('desc')}")
            if "return" in answer:
                return
        raise Problem(f"QEMU ended during the command {name}")

    def close(self) -> None:
        """Close the connection, so that others can use the monitor."""
        self._stream.close()
        self._socket.close()


@contextlib.contextmanager
def paused(home: Path) -> Iterator[Monitor]:
    """Pause the guest within this context, because a walk of lists that change may never end."""
    monitor = Monitor(home / FOR_US)
    try:
        monitor.execute("stop")
        try:
            yield monitor
        finally:
            monitor.execute("cont")
    finally:
        monitor.close()


@contextlib.contextmanager
def core_of(monitor: Monitor, home: Path, form: str = FORMS[0]) -> Iterator[Path]:
    """Write all memory of a paused guest to a file, which exists within this context. @form is one of FORMS."""
    core = home / CORE
    monitor.execute("dump-guest-memory", {"paging": False, "protocol": f"file:{CORE}", "format": form}, CORE_SECONDS)
    # QEMU creates a file that its owner can only read.
    core.chmod(0o600)
    try:
        yield core
    finally:
        core.unlink()


def drgn_try(where: list, run: guest.Run, symbols: list, script: Path, *arguments: str,
             stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess:
    """Run @script with drgn. @where holds drgn's arguments for what to look at, a guest's memory or a dump of it."""
    argv = [packages.python_environment() / "bin/drgn", "--quiet", *where]
    argv += [word for path in symbols for word in ("-s", path)]
    try:
        return alive.run([*argv, script, *arguments], cwd=run.home, text=True, stdout=stdout, stderr=subprocess.PIPE,
                         timeout=DRGN_SECONDS)
    except subprocess.TimeoutExpired:
        raise Problem(f"{script.name}: no answer in {DRGN_SECONDS} s") from None


def drgn_on(where: list, run: guest.Run, symbols: list, script: Path, *arguments: str) -> str:
    """Like drgn_try(), but return what @script prints. Raises Problem if it fails."""
    done = drgn_try(where, run, symbols, script, *arguments)
    if done.returncode:
        raise Problem(f"{script.name}: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    return done.stdout


def drgn(run: guest.Run, symbols: list, script: Path, *arguments: str) -> str:
    """Return what @script prints when it looks at the guest of @run from outside."""
    return drgn_on(["--qemu", FOR_DRGN], run, symbols, script, *arguments)


def agrees(dump_file: Path, *how: str) -> None:
    """Raise Problem if parts of the dump contradict each other."""
    done = subprocess.run([sys.executable, "-B", CHECKER, *how, dump_file], capture_output=True, text=True)
    if done.returncode:
        raise Problem(done.stderr.strip().replace("\n", "; "))


def found(run: guest.Run, problems: list) -> Problem:
    """Return a Problem with the first of @problems that a look has found, and the file that has the others. Its status
    is that of a guest that failed or was lost, otherwise that of a failure."""
    write_atomically(run.home / "problems", "".join(f"{text}\n" for text in problems))
    more = f" (and {len(problems) - 1} more in {shown(run.home / 'problems')})" if len(problems) > 1 else ""
    return Problem(f"{shortened(problems[0], 200)}{more}", run.outcome.status or EXIT_FAILED, problems)


class BusyGuest:
    """An x86 guest with items in flight, and the dumps taken of it."""

    def __init__(self, target: kernel.Kernel, files: list):
        self.kernel, self.files = target, files
        self.text, self.problem, self.live = "", "", ""
        self.data: dict = {}
        self.seconds = 0.0
        self.run: Optional[guest.Run] = None

    def _symbols(self) -> list:
        return [self.kernel.symbols, *(path for path in self.files if path.name == "cmwq2.ko")]

    def _look(self) -> None:
        assert self.run
        if not self.live:
            # The guest runs during this look. There may be gaps, but no errors.
            self.live = drgn(self.run, self._symbols(), SCRIPT, "--json")
            (self.run.home / "live.json").write_text(self.live)
            agrees(self.run.home / "live.json", "--live")
        start = time.monotonic()
        with paused(self.run.home):
            text = drgn(self.run, self._symbols(), SCRIPT, "--json")
            printed = drgn(self.run, self._symbols(), SCRIPT)
            sizes = drgn(self.run, self._symbols(), SCRIPT, "--sizes")
            stalls = drgn(self.run, self._symbols(), SCRIPT, "--stalls", "--age", str(STALL_MS))
        self.seconds = time.monotonic() - start
        (self.run.home / "dump.json").write_text(text)
        (self.run.home / "dump.txt").write_text(printed)
        (self.run.home / "sizes.txt").write_text(sizes)
        if stalls:
            raise Problem(f"false alarm: {stalls.splitlines()[0]}")
        # The dump must show the load in flight.
        agrees(self.run.home / "dump.json", "--queue", QUEUE)
        self._moved()
        self.data, self.text = json.loads(text), printed

    def _moved(self) -> None:
        """Check that --diff, which needs no drgn, shows that items ran between the two dumps."""
        assert self.run
        done = subprocess.run([sys.executable, "-B", SCRIPT, "--read", "dump.json", "--diff", "live.json", "--json"],
                              cwd=self.run.home, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        started = sum(wq["counters"].get("started", 0) for wq in found["workqueues"] if wq["name"] == QUEUE)
        if found["passed_ms"] <= 0 or started <= 0:
            raise Problem(f"--diff: {started} items started in {found['passed_ms']} ms")

    def _on_event(self, words: list) -> None:
        if words[:1] != ["look"] or self.data:
            return
        try:
            self._look()
        except (Problem, OSError, ValueError, subprocess.CalledProcessError) as problem:
            self.problem = str(problem)

    def boot(self) -> None:
        """Run the guest, and look at it while items are in flight."""
        packages.python_environment()
        self.run = guest.Run(self.kernel, "load", guest.home("load-x86"), self.files, {"LOAD": LOAD}, limit=40,
                             extra=QEMU, on_event=self._on_event)
        guest.boot(self.run)
        if not self.run.outcome.passed:
            raise Problem(f"the busy guest: {self.run.outcome} (log: {shown(self.run.console)})",
                          self.run.outcome.status)
        if not self.data:
            raise Problem(f"no dump of the busy guest: {self.problem or 'it never had items in flight'}")


# The load of the guest: enough rounds to outlast a look, but few enough for an emulated CPU.
LOAD = "engines=cmwq2:mainline-7.3 items=20000 rounds=8"
# The workqueue of the load's first and only engine.
QUEUE = "cmwq2_bench.0"


def provide() -> BusyGuest:
    """Build everything that a dump needs, and return the guest, which is not booted yet."""
    packages.require("guest")
    qemu.provide()
    target = kernel.provide(kernel.vehicle("x86"))
    return BusyGuest(target, modules.build(target))


def dump() -> int:
    """Run `make dump`, and return the exit status."""
    start = time.monotonic()
    busy = provide()
    busy.boot()
    print(busy.text, end="")
    say(f"\ntaken from outside in {busy.seconds:.1f} s while the guest was paused; all in {took(start)}")
    return EXIT_PASSED
