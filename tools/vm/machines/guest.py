# SPDX-License-Identifier: GPL-2.0
"""Boots a guest, reads its channels (console, results, verdict), and kills it when its time is up."""

import fcntl
import io
import os
import re
import selectors
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional, Union

from base import alive
from base.common import EXIT_LOST, OUT, Problem, fresh_directory, shown, write_atomically
from build import qemu
from build.kernel import Kernel
from machines import accel, initramfs, leaks, verdict

# The lines that KUnit and shell suites print when a test has ended, and when one has failed.
TEST_ENDED = re.compile(rb"\] +(?:not )?ok \d")
TEST_FAILED = re.compile(rb"(?:ASSERTION|EXPECTATION) FAILED at |\] +not ok \d")
CPUS = 2
MEMORY = "1G"

# An oops ends the guest at once, because results after an oops are worthless and the guest may hang. A WARN or a
# KASAN report does not, so that the remaining suites still run; the taint shows both at the end. slab_nomerge:
# merging would hide a slab cache that was not destroyed.
PARAMETERS = "oops=panic panic=-1 loglevel=7 slab_nomerge"


@dataclass(frozen=True)
class Machine:
    """A machine that QEMU emulates. The console and the two channels are serial ports of it, or of a virtio device."""

    arguments: tuple
    console: str
    ttys: tuple         # the guest's names of the channels for results and verdict
    virtio: bool        # the channels are ports of a virtio device, because the machine has one serial port

    def channels(self, pci: bool, *chardevs: str) -> list:
        """Return QEMU's arguments that connect the channels to @chardevs, each written as for -serial. @pci: as in
        Vehicle."""
        if not self.virtio:
            return [word for each in chardevs for word in ("-serial", each)]
        ports = [("-chardev", each.replace("file:", f"file,id=c{n},path=") if each != "null" else f"null,id=c{n}",
                  "-device", f"virtconsole,chardev=c{n}") for n, each in enumerate(chardevs)]
        return ["-device", f"virtio-serial-{'pci' if pci else 'device'}", *(word for port in ports for word in port)]


MACHINES = {
    # A q35, because -device vmcoreinfo needs fw_cfg with DMA.
    "x86_64": Machine(("-machine", "q35", "-cpu", "max", "-device", "vmcoreinfo"), "ttyS0", ("ttyS1", "ttyS2"), False),
    # The other way to sign pointers, which CPUs may have, takes an emulator long.
    "arm64": Machine(("-machine", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on"), "ttyAMA0", ("hvc0", "hvc1"),
                     True),
}


@dataclass
class Run:
    """One boot: what to run, and afterwards its outcome."""

    kernel: Kernel
    job: str
    home: Path
    modules: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)
    limit: float = 60           # wall clock seconds without an event, on UML; other vehicles get a multiple
    rest: Optional[float] = None    # seconds that the guest may still run once a test has failed
    cpus: int = 0               # as many as the vehicle has, or CPUS
    extra: list = field(default_factory=list)       # more arguments for QEMU
    files: dict = field(default_factory=dict)       # more files for the initramfs, by their paths in the guest
    # If it returns True, the event is sent back as the answer; if it returns a text, the text is sent.
    on_event: Optional[Callable[[list], Union[None, bool, str]]] = None
    on_console: Optional[Callable[[bytes], None]] = None    # called with each line of the console
    outcome: verdict.Outcome = field(default_factory=verdict.Outcome)
    seconds: float = 0
    doing: str = "booting"
    turn: str = ""              # the last round of @doing that the guest reported
    cases: int = 0              # how many test cases of @doing have ended
    events: list = field(default_factory=list)

    def nr_cpus(self) -> int:
        """Return how many CPUs the guest has."""
        return self.cpus or self.kernel.vehicle.cpus or CPUS

    def far(self) -> str:
        """Return how far the run is, in a few words."""
        begun = sum(words[:1] == ["start"] for words in self.events)
        share = f" ({begun} of {self.parts})" if self.parts > 1 and begun else ""
        cases = f", {self.cases} case{'s' if self.cases > 1 else ''} done" if self.cases else ""
        return f"{self.kernel.vehicle.name}: {self.doing}{share}{self.turn}{cases}"

    @property
    def console(self) -> Path:
        """The file with everything that the kernel printed, with host times."""
        return self.home / "console.log"

    @property
    def results(self) -> Path:
        """The directory with the files that the guest sent."""
        return self.home / "results"

    @property
    def parts(self) -> int:
        """How many suites the guest has to run, 0 if the job has no suites."""
        return sum(len(str(self.settings.get(name, "")).split()) for name in ("SUITES", "SHELL_SUITES"))


_claimed: dict = {}
# Set by a caller that runs guests in threads, which get no interrupt: all guests that still run end now.
stop = threading.Event()


def home(name: str) -> Path:
    """Return an empty directory for a run called @name, or @name-2 and so on while other processes use those names."""
    (OUT / "run").mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        unique = name if number == 1 else f"{name}-{number}"
        if unique in _claimed:
            break
        # This process holds the lock until it ends.
        handle = open(OUT / "run" / f".{unique}.lock", "w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _claimed[unique] = handle
            break
        except BlockingIOError:
            handle.close()
            number += 1
    return fresh_directory(OUT / "run" / unique)


def command(run: Run, accelerator: str, results: str, verdicts: str, interactive: bool = False) -> list:
    """Return the command that starts the guest; @results and @verdicts name the channels."""
    initrd = run.home / "initramfs.cpio"
    parameters = [*PARAMETERS.split(), *run.kernel.vehicle.parameters]
    if run.kernel.vehicle.arch == "um":
        # SMP needs the seccomp mode. A panic reboots, which would start the run over; with noreboot it ends the guest.
        return [run.kernel.image, f"mem={MEMORY}", f"ncpus={run.nr_cpus()}", "seccomp=on", "noreboot",
                f"initrd={initrd}", "con=null", "con0=fd:0,fd:1", f"ssl0={results}", f"ssl1={verdicts}", "ssl=null",
                *parameters]
    machine = MACHINES[run.kernel.vehicle.arch]
    return [*qemu.provide(run.kernel.vehicle.arch).command, *machine.arguments, "-accel", accelerator,
            "-smp", str(run.nr_cpus()), "-m", MEMORY, "-nodefaults", "-no-reboot", "-display", "none",
            "-kernel", run.kernel.image, "-initrd", initrd,
            "-append", " ".join([f"console={machine.console}", *parameters]),
            "-serial", "mon:stdio" if interactive else "stdio",
            *machine.channels(run.kernel.vehicle.pci, results, verdicts), *run.extra]


def ttys(kernel: Kernel) -> dict:
    """Return the names that the channels have in the guest."""
    names = ("ttyS0", "ttyS1") if kernel.vehicle.arch == "um" else MACHINES[kernel.vehicle.arch].ttys
    return {"RESULTS_TTY": f"/dev/{names[0]}", "VERDICT_TTY": f"/dev/{names[1]}"}


def prepare(run: Run) -> None:
    """Write the initramfs of @run."""
    arch = run.kernel.vehicle.arch
    if arch in MACHINES:
        qemu.provide(arch)
    settings = {"VEHICLE": run.kernel.vehicle.name, **ttys(run.kernel), **run.settings}
    initramfs.write(run.home / "initramfs.cpio", run.job, run.modules, settings, run.files, arch)


def boot(run: Run, accelerator: Optional[str] = None) -> verdict.Outcome:
    """Boot the guest of @run, wait until it ends or its time is up, and return the outcome."""
    write_atomically(run.home / "verdict", "FAILED the run has not ended\n")
    prepare(run)
    if accelerator is None:
        accelerator = accel.accelerator(run.kernel)
    limit = run.limit * run.kernel.vehicle.slow * (accel.TCG_SLOWER if accelerator.startswith("tcg") else 1)
    start = time.monotonic()
    session = _Session(run, accelerator, limit)
    with alive.doing(run.far), alive.keeper.keeping(session.process):
        status, hang = session.watch()
    run.seconds = time.monotonic() - start
    console = run.console.read_text(errors="replace")
    reported = verdict.read_reported(run.home / "verdict.channel")
    run.outcome = verdict.judge(run.kernel.vehicle.name, reported, console, hang, status)
    if not unpack_results(run) and run.outcome.passed:
        run.outcome = verdict.Outcome(EXIT_LOST, "the results did not arrive whole")
    if "kmemleak" in run.outcome.cause:
        run.outcome.cause += f", allocated by {leaks.allocators(run.results, run.modules)}"
    write_atomically(run.home / "verdict", f"{run.outcome}\nlog: {shown(run.console)}\n")
    return run.outcome


def unpack_results(run: Run) -> bool:
    """Unpack the files from the results channel, which holds one archive after another. Return False if they are not
    complete, because the last archive may be cut off."""
    run.results.mkdir(exist_ok=True)
    data = (run.home / "results.channel").read_bytes()
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", ignore_zeros=True) as archive:
            for member in archive:
                target = (run.results / member.name).resolve()
                if member.isfile() and run.results.resolve() in target.parents:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    content = archive.extractfile(member)
                    assert content
                    target.write_bytes(content.read())
    except (tarfile.TarError, EOFError):
        return False
    return True


def side_by_side(jobs: Sequence[Callable[[], None]], at_once: int) -> None:
    """Run @jobs, which boot guests, in threads, @at_once at a time. An interrupt or an error ends all guests."""
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for each in [pool.submit(job) for job in jobs]:
                each.result()
        except BaseException:
            stop.set()
            raise


class _Session:
    """The process of a guest, with a pipe for each channel."""

    def __init__(self, run: Run, accelerator: str, limit: float):
        self.run, self.start = run, time.monotonic()
        self.since, self.limit = self.start, limit
        self.deadline = self.start + limit
        self.resting = False    # a test has failed, so the deadline is no longer extended
        self.pending = {"console": b"", "verdict": b""}
        self.files = {name: open(run.home / name, "wb")
                      for name in ("console.log", "results.channel", "verdict.channel")}
        self.selector = selectors.DefaultSelector()
        results, verdicts, console = os.pipe(), os.pipe(), os.pipe()
        for name, (reader, _) in (("results", results), ("verdict", verdicts), ("console", console)):
            os.set_blocking(reader, False)
            self.selector.register(reader, selectors.EVENT_READ, name)
        if run.kernel.vehicle.arch == "um":
            names = (f"null,fd:{results[1]}", f"null,fd:{verdicts[1]}")
        else:
            names = (f"file:/dev/fd/{results[1]}", f"file:/dev/fd/{verdicts[1]}")
        argv = [str(word) for word in command(run, accelerator, *names)]
        write_atomically(run.home / "command", " ".join(argv) + "\n")
        # A group of its own: UML is several processes, and all of them must end when the time is up.
        self.process = alive.keeper.start(argv, cwd=run.home, stdout=console[1], stderr=console[1],
                                          stdin=subprocess.PIPE if run.on_event else subprocess.DEVNULL,
                                          pass_fds=(results[1], verdicts[1]))
        for _, writer in (results, verdicts, console):
            os.close(writer)

    def watch(self) -> tuple:
        """Wait until the guest has ended. Return its exit status, and what it did when its time was up, or None."""
        hang = None
        try:
            while self.selector.get_map():
                left = self.deadline - time.monotonic()
                if stop.is_set():
                    raise KeyboardInterrupt
                if left <= 0:
                    hang = f"{self.run.doing}, ended after {time.monotonic() - self.since:.0f} s"
                    break
                # Do not wait only for the pipes to close: a stray process of the guest may still hold them open.
                if not self._pump(min(left, 0.5)) and self.process.poll() is not None:
                    break
        finally:
            self._kill()
            self._pump(0)
            for name, rest in list(self.pending.items()):
                if rest:
                    self._line(name, rest)
            for handle in self.files.values():
                handle.close()
        return self.process.wait(), hang

    def _kill(self) -> None:
        """Kill all processes of the guest. After a clean end, at most a stub that is about to exit is left."""
        if self.process.poll() is None and self.selector.get_map():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _pump(self, timeout: float) -> bool:
        """Read what the pipes have. Return whether any pipe had data or was closed."""
        ready = self.selector.select(timeout)
        for key, _ in ready:
            data = os.read(key.fd, 1 << 16)
            if not data:
                self.selector.unregister(key.fd)
                os.close(key.fd)
            elif key.data == "results":
                self.files["results.channel"].write(data)
                self.files["results.channel"].flush()
            else:
                self._lines(key.data, data)
        return bool(ready)

    def _lines(self, name: str, data: bytes) -> None:
        *lines, self.pending[name] = (self.pending[name] + data).split(b"\n")
        for line in lines:
            self._line(name, line)

    def _line(self, name: str, line: bytes) -> None:
        line = line.rstrip(b"\r")
        if name == "console":
            self.files["console.log"].write(b"%8.3f %s\n" % (time.monotonic() - self.start, line))
            self.files["console.log"].flush()
            if self.run.on_console:
                self.run.on_console(line)
            if self.run.rest is not None and TEST_FAILED.search(line):
                self.resting = True
                self.deadline = min(self.deadline, time.monotonic() + self.run.rest)
            elif TEST_ENDED.search(line):
                self.run.cases += 1
                self._got_further()
            return
        self.files["verdict.channel"].write(line + b"\n")
        self.files["verdict.channel"].flush()
        words = line.decode(errors="replace").split()
        if words[:1] == ["EVENT"]:
            self._event(words[1:])

    def _event(self, words: list) -> None:
        self.run.events.append(words)
        if words[:1] == ["start"]:
            self.run.doing, self.run.turn, self.run.cases = " ".join(words[1:]), "", 0
        elif words[:1] == ["round"]:
            self.run.turn = f", {' '.join(words[1:])} done"
        elif words[:1] == ["case"]:
            self.run.cases += 1
        # A guest may ask for a look for ever, so that does not count as progress. Any other event does.
        if words[:1] != ["look"]:
            self._got_further()
        answer = self.run.on_event(words) if self.run.on_event else None
        if answer:
            self._answer(" ".join(words) if answer is True else str(answer))

    def _got_further(self) -> None:
        """Restart the time limit, which holds for each step and not for all of them: a busy host slows every guest."""
        if not self.resting:
            self.since = time.monotonic()
            self.deadline = self.since + self.limit

    def _answer(self, text: str) -> None:
        """Send @text to the guest's console, where lib.sh waits for it."""
        assert self.process.stdin
        try:
            self.process.stdin.write(f"{text}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass    # the guest is gone; watch() will notice


def run_job(kernel: Kernel, job: str, name: str, modules: Iterable[Path], settings: Mapping[str, object],
            **options: object) -> Run:
    """Boot @kernel with @job, wait for the outcome, and return the run."""
    run = Run(kernel, job, home(name), list(modules), dict(settings), **options)  # type: ignore
    boot(run)
    return run


def must_pass(run: Run) -> None:
    """Raise Problem unless @run has passed."""
    if not run.outcome.passed:
        raise Problem(f"the guest: {run.outcome} (log: {shown(run.console)})", run.outcome.status)
