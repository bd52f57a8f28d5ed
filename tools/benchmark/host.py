# SPDX-License-Identifier: GPL-2.0
"""Runs the benchmark on the running kernel through the module's files, and reports the progress of a set, here or in a
guest."""

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Callable, Optional, TextIO

from benchmark import documents, quiet, results
from benchmark.documents import SetError
from benchmark.sets import Plan

SYSFS = Path("/sys/kernel/cmwq2_bench")
LOADED = Path("/sys/module")
MODULES = ("src/cmwq2.ko", "bench/cmwq2_bench.ko")
# Debugging options. Their cost is part of every figure.
DEBUGGING = ("PROVE_LOCKING", "KASAN", "KCSAN", "DEBUG_OBJECTS", "DEBUG_KMEMLEAK", "DEBUG_PREEMPT", "LOCK_STAT")
REASONS = {errno.EBUSY: "another run is in progress", errno.ECANCELED: "the run was aborted"}


class Aborted(SetError):
    """A run was aborted, which ends the set."""


class KernelLog:
    """Reads the kernel's log from now on, to find out why the kernel refuses a write."""

    def __init__(self) -> None:
        try:
            self.handle = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.handle, 0, os.SEEK_END)
        except OSError:
            self.handle = -1

    def last(self) -> str:
        """Return the last line of cmwq2 since the start, or a hint to look into the log."""
        said = "the kernel's log has the reason"
        while self.handle >= 0:
            try:
                text = os.read(self.handle, 8192).decode(errors="replace").partition(";")[2].partition("\n")[0]
            except BrokenPipeError:
                continue
            except OSError:
                break
            said = text.partition(": ")[2] if text.startswith("cmwq2") else said
        return said

    def close(self) -> None:
        """Close the log."""
        if self.handle >= 0:
            os.close(self.handle)


class Host:
    """The module's files. With a directory @modules, the modules are loaded from there for each run."""

    def __init__(self, sysfs: Path, modules: Optional[Path]):
        self.sysfs, self.modules = sysfs, modules
        self.loaded: list[str] = []

    def check(self) -> None:
        """Raise SetError unless the benchmark can run."""
        if not self.modules:
            if not self.sysfs.is_dir():
                raise SetError(f"{self.sysfs}: cmwq2_bench is not loaded; --modules DIR loads it")
            return
        for name in MODULES:
            if not (self.modules / name).is_file():
                raise SetError(f"{self.modules / name}: this file does not exist; make modules builds it")
            if (LOADED / Path(name).stem).is_dir():
                raise SetError(f"{Path(name).stem} is loaded already: rmmod it, or leave out --modules to run that one")
        if os.geteuid() != 0:
            raise SetError("only root can load modules")

    def load(self, hook: str) -> None:
        """Load both modules, unless no directory of modules was given."""
        if not self.modules and hook != "auto":
            raise SetError(f"hook={hook} needs cmwq2 to be loaded again, which --modules DIR does")
        for path in [self.modules / name for name in MODULES] if self.modules else ():
            more = [f"hook={hook}"] if path.name == "cmwq2.ko" else []
            self._do("insmod", str(path), *more)
            self.loaded.append(path.stem)

    def unload(self) -> None:
        """Unload the modules that load() has loaded."""
        while self.loaded:
            self._do("rmmod", self.loaded.pop())

    def run(self, settings: dict, on_progress: Callable[[str], None]) -> str:
        """Make one run and return the text of its result."""
        self._write("reset", "1")
        for key, value in settings.items():
            self._write(f"config_{key}", value)
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(over, on_progress), daemon=True)
        watcher.start()
        try:
            self._write("run", "1")
        finally:
            over.set()
            watcher.join()
        return (self.sysfs / "result").read_text(encoding="utf-8")

    def _watch(self, over: threading.Event, on_progress: Callable[[str], None]) -> None:
        while not over.wait(1):
            try:
                on_progress((self.sysfs / "progress").read_text(encoding="utf-8").strip())
            except OSError:
                return

    def _write(self, name: str, value: object) -> None:
        # An unbuffered write: if a write to a buffered file fails, closing the file writes again, which would start
        # another run.
        log, path = KernelLog(), self.sysfs / name
        try:
            handle = os.open(path, os.O_WRONLY | os.O_TRUNC)
            try:
                os.write(handle, f"{value}\n".encode())
            finally:
                os.close(handle)
        except OSError as error:
            why = REASONS.get(error.errno or 0) or log.last()
            kind = Aborted if error.errno == errno.ECANCELED else SetError
            raise kind(f"{path}: {value}: {error.strerror}: {why}") from None
        finally:
            log.close()

    @staticmethod
    def _do(*command: str) -> None:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            raise SetError(f"{' '.join(command)}: {said.strip()}") from None


class Teller:
    """Reports how far a set is and how long it will take. The estimate is the expected time, corrected by the times
    that the runs have taken so far."""

    def __init__(self, plans: list, sink: TextIO):
        self.plans, self.sink, self.number = plans, sink, 0
        self.start = self.begun = time.monotonic()
        self.said, self.open = 0.0, False

    def begin(self, number: int) -> None:
        """Note that run @number has begun."""
        self.number, self.begun = number, time.monotonic()
        if not number:
            # The time of booting and building does not count.
            self.start = self.begun

    def line(self, progress: str) -> str:
        """Return a line of progress for people. @progress is the content of the module's file."""
        plan, words = self.plans[self.number], dict(word.partition("=")[::2] for word in progress.split())
        turns, turns_of, left = words.get("turns", "0"), words.get("of", "0"), words.get("left_ms", "-")
        text = f"run {self.number + 1} of {len(self.plans)}, {plan.title}"
        if turns_of.isdigit() and int(turns_of):
            text += f": {100 * int(turns) // int(turns_of)} %"
        if left.isdigit():
            text += f", {self.time(self._left(int(left) / 1000))} left in all"
        return text

    def _left(self, here: float) -> float:
        """Return the seconds that are left of the set, if @here seconds are left of this run."""
        now, plan = time.monotonic(), self.plans[self.number]
        through = (now - self.begun) / (now - self.begun + here) if here else 1
        thought = sum(each.seconds for each in self.plans[:self.number]) + plan.seconds * through
        slower = (now - self.start) / thought if thought else 1
        return here + slower * sum(each.seconds for each in self.plans[self.number + 1:])

    def tell(self, progress: str) -> None:
        """Print the progress: on a terminal a line that is updated in place, elsewhere a line every 15 seconds."""
        terminal = self.sink.isatty()
        if time.monotonic() - self.said < (0.5 if terminal else 15):
            return
        self.said, self.open = time.monotonic(), terminal
        before, after = ("\r", "\033[K") if terminal else ("", "\n")
        print(f"{before}  {self.line(progress)}{after}", end="", file=self.sink, flush=True)

    def close(self) -> None:
        """End an open line of progress, so that the next output begins on a new line."""
        if self.open:
            print(file=self.sink)

    @staticmethod
    def time(seconds: float) -> str:
        """Return @seconds as text."""
        return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _read(pattern: str) -> set:
    found = set()
    for path in Path("/sys/devices/system/cpu").glob(pattern):
        try:
            found.add(path.read_text(encoding="utf-8").strip())
        except OSError:
            pass
    return found


def busy() -> list:
    """Return a sentence if this machine is busy with something else, otherwise []."""
    load = os.getloadavg()[0]
    return [f"the load of the machine was {load:.1f} at the start"] if load > 0.5 else []


def conditions(config: Optional[str]) -> list:
    """Return sentences about the conditions of this machine that reduce the value of its figures."""
    found = []
    governors = _read("cpu[0-9]*/cpufreq/scaling_governor")
    if governors - {"performance"}:
        found.append(f"the frequency's governor is {', '.join(sorted(governors))}, not performance")
    if "1" in _read("cpufreq/boost") or "0" in _read("intel_pstate/no_turbo"):
        found.append("the CPUs may exceed their nominal frequency (turbo)")
    if "hypervisor" in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        found.append("the machine is a guest, and the load of its host is not known")
    debugging = [name for name in DEBUGGING if f"CONFIG_{name}=y\n" in (config or "")]
    if debugging:
        found.append(f"the kernel was built with {', '.join(debugging)}")
    return found


def _running_config() -> Optional[str]:
    release = os.uname().release
    places = (Path("/proc/config.gz"), Path(f"/boot/config-{release}"), Path(f"/lib/modules/{release}/config"))
    return next((text for text in map(documents.config_text, places) if text is not None), None)


def _one(plan: Plan, host: Host, tell: Callable[[str], None], config: Optional[str], watch: quiet.Watch) -> dict:
    settings = dict(plan.settings)
    try:
        host.load(settings.pop("hook", "auto"))
        watch.begin()
        found = {"title": plan.title, **results.parse(host.run(settings, tell), "host", None, config)}
        return quiet.marked(found, watch.end())
    finally:
        host.unload()


def _attempts(plan: Plan, host: Host, teller: Teller, config: Optional[str], watch: quiet.Watch) -> tuple:
    """Make a run, and make it once more if the machine was busy with something else. Return the run that counts, and
    the disturbed run that does not, or None."""
    found = _one(plan, host, teller.tell, config, watch)
    if not found.get("disturbed"):
        return found, None
    teller.close()
    print(f"  {plan.title}: disturbed: {'; '.join(found['disturbed'])}; once more", file=teller.sink, flush=True)
    watch.wait_until_quiet()
    return _one(plan, host, teller.tell, config, watch), found


def run(plans: list, seed: int, host: Host, load: list[str], sink: TextIO = sys.stderr) -> dict:
    """Run a set on this machine and return its document. @load is what busy() returned before anything was done here.
    If a run cannot be made, the others are still made. An abort ends the set."""
    host.check()
    config, runs, missing, disturbed, teller = _running_config(), [], [], [], Teller(plans, sink)
    watch = quiet.Watch(quiet.USER_WORK)
    watch.calibrate()
    where = {"vehicle": "host", "accelerator": None, "host": documents.host_cpu(), "machine": documents.machine_id(),
             "boot_id": documents.boot_id(), "kernel": os.uname().release, "config": documents.config_hash(config)}
    cautions = load + conditions(config)
    try:
        for number, plan in enumerate(plans):
            teller.begin(number)
            try:
                found, before = _attempts(plan, host, teller, where["config"], watch)
                runs.append(found)
                disturbed += [before] if before else []
            except Aborted:
                raise
            except (SetError, results.ResultError) as error:
                missing.append({"title": plan.title, "reason": str(error)})
    finally:
        teller.close()
    if not runs:
        raise SetError(f"no run could be made: {missing[0]['reason']}")
    return documents.document(where, seed, runs, missing, cautions, disturbed)
