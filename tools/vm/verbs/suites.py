# SPDX-License-Identifier: GPL-2.0
"""`make check`: runs every suite on every vehicle, and prints one line for each."""

import fnmatch
import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Callable

from base.common import (
    EXIT_LOST,
    HERE,
    OUT,
    ROOT,
    Problem,
    count_knob,
    leave_count,
    say,
    shown,
    write_atomically,
)
from build import kernel, modules, moved, patched, qemu, sample, source
from machines import guest, ktap, results

# The time that each suite took, to help make the whole run faster.
TIMES = OUT / "check-times.json"
ORDER = ("uml", "x86", "debug")
# Vehicles that find other kinds of errors, and take so long that only `make check-all` runs them unasked. They run the
# suites, and no guest there is looked at from outside.
ON_DEMAND = ("kcsan", "rt", "arm64")
# Wall clock seconds that booting may take, and then each suite, on UML.
LIMIT = 120
# How many guests run at the same time.
MACHINES = 3
# How many guests share the suites of a vehicle, for KUnit and for shell suites. This is for vehicles where a single
# guest would still run long after all other vehicles had ended.
DEALT = {"debug": (2, 1), "rt": (2, 1)}
# About how many seconds a suite takes on the debug variant, to share the suites evenly. Wrong figures only make the
# whole run take longer.
SECONDS = 6
LONG = {"cmwq2_bench": 60, "cmwq2_bench_runs": 30, "cmwq2_create_fault": 30, "cmwq2_faults": 40, "cmwq2_flush": 25,
        "cmwq2_freezable": 30, "cmwq2_interleave": 35, "cmwq2_interleave_called": 30, "cmwq2_interleave_end": 30,
        "cmwq2_interleave_kick": 25, "cmwq2_interleave_races": 20, "cmwq2_kick": 35, "cmwq2_load": 40,
        "cmwq2_load_faults": 40, "cmwq2_max_active": 20, "cmwq2_moved": 25, "cmwq2_pressure": 45, "cmwq2_sysfs": 40,
        "cmwq2_watchdog": 40}
# The debug variant takes ten times as long to load a module; `make soak` loads it often enough.
ROUNDS = {"debug": 1}
# Fewer items than the stress suite's default, which would take a third of the whole time on UML.
STRESS = "stress_items=5000"
KUNIT_MODULE = "cmwq2_kunit"
KUNIT_NEEDS = "cmwq2"


@dataclass(frozen=True)
class Again:
    """A second pass of some suites on a vehicle, with other parameters of cmwq2 or of the kernel."""

    vehicle: str
    name: str
    suites: tuple
    parameters: str = ""    # module parameters of cmwq2
    boot: tuple = ()        # for the kernel command line
    cpus: int = 0           # of the guest, 0 for the usual number

    def of(self, target: kernel.Kernel) -> kernel.Kernel:
        """Return @target with the name and the kernel parameters of this pass."""
        found = target.booted_with(*self.boot)
        return replace(found, vehicle=replace(found.vehicle, name=f"{self.vehicle}/{self.name}", cpus=self.cpus))


# Suites that may fail with another hook than the best one (UML has no preempt notifiers), suites that may fail with
# CPUs that the kernel keeps free of work and timers, suites that may fail if the idle task handles what other CPUs
# send, and those that may fail only if more than two CPUs have a common cache.
AGAIN = (*(Again(vehicle, "pn", ("cmwq2_concurrency", "cmwq2_hog", "cmwq2_interleave_called", "cmwq2_interleave_races",
                                 "cmwq2_interleave_wait", "cmwq2_kick", "cmwq2_managed", "cmwq2_queue",
                                 "cmwq2_wakeup"), "hook=pn") for vehicle in ("x86", "rt", "arm64")),
         Again("rt", "polling", ("cmwq2_bh", "cmwq2_bh_cancel"), boot=("idle=poll",)),
         Again("uml", "timer", ("cmwq2_hog", "cmwq2_managed", "cmwq2_queue", "cmwq2_rescuer", "cmwq2_wakeup"),
               "hook=timer"),
         Again("x86", "isolated", ("cmwq2_cpumask", "cmwq2_delayed", "cmwq2_idle", "cmwq2_ordered", "cmwq2_owncpu"),
               boot=("nohz_full=1", "isolcpus=nohz,domain,1")),
         Again("x86", "four", ("cmwq2_cpumask",), cpus=4))
# Checks that are not suites in a guest: style of the sources, looks into a guest from outside, counts of instructions
# and of cache lines, drivers that are moved and compiled.
STYLE, DUMP, MONITOR, STATES, WIDE, ICOUNT, LINES, TRANSFERS, DRIVERS = (
    "style", "wq_dump", "wq_monitor", "wq_states", "wq_wide", "icount", "lines", "transfers", "drivers")
LOOKS = (DUMP, MONITOR, STATES, WIDE, LINES, TRANSFERS, ICOUNT, DRIVERS)
# How the names of suites begin that run drivers of the kernel on cmwq2.
ON_DRIVERS = "cmwq2_drivers_"
# About how long a look, a second pass, the style and a suite with drivers take, which decides the order in which guests
# start.
LOOK_SECONDS, AGAIN_SECONDS, STYLE_SECONDS, DRIVER_SECONDS = 60, 30, 100, 60


def kunit_suites() -> list:
    """Return the suites that must exist: one for each file, by the naming rule of KUnit."""
    return sorted(path.name[:-len("_kunit.c")] for path in (ROOT / "kunit/suites").glob("cmwq2_*_kunit.c"))


def _written_in_sh() -> list:
    return sorted(path.stem for path in (HERE / "guest/suites").glob("*.sh"))


def shell_suites() -> list:
    """Return the names of the suites written in sh that run on every vehicle."""
    return [name for name in _written_in_sh() if not name.startswith(ON_DRIVERS)]


def driver_suites() -> list:
    """Return the names of the suites that run drivers of the kernel on cmwq2."""
    return [name for name in _written_in_sh() if name.startswith(ON_DRIVERS)]


def with_drivers(vehicles: list) -> list:
    """Return those of @vehicles whose kernels have block devices and a network, so that the suites with drivers run."""
    return [name for name in vehicles if kernel.IO in kernel.VEHICLES[name].fragments]


def seconds_of(names: list) -> int:
    """Return about how many seconds the suites @names take on the debug variant."""
    return sum(LONG.get(name, SECONDS) for name in names)


def dealt(names: list, machines: int) -> list:
    """Split @names into at most @machines parts that take about the same time. Each part is sorted by name."""
    parts: list = [[] for _ in range(machines)]
    for name in sorted(names, key=lambda name: -seconds_of([name])):
        min(parts, key=seconds_of).append(name)
    return [sorted(part) for part in parts if part]


def _selected(names: Sequence[str], pattern: str) -> list:
    return [name for name in names if fnmatch.fnmatchcase(name, pattern)]


@dataclass(frozen=True)
class Native:
    """What ENGINE=native asks for: tests of the kernel's own workqueue. The KUnit suites run their native halves, and
    nothing else runs."""

    edits: str = ""         # the edits of tools/upstream that the kernel gets: fixes, all, or names
    repaired: bool = False  # the kernel is said to have none of the faults that compat.h says
    policies: str = ""      # the policies that are switched on in the kernel's own workqueue

    @property
    def parameters(self) -> str:
        """The parameters of the module with the suites."""
        repaired = self.repaired or patched.repairs(patched.chosen(self.edits))
        return f"engine=native native_repaired={'Y' if repaired else 'N'}"

    def kernel(self, target: kernel.Vehicle) -> kernel.Kernel:
        """Return the kernel of the vehicle @target, with the edits."""
        chosen = patched.chosen(self.edits)
        on = patched.parameters(self.policies, chosen) if self.policies else {}
        found = patched.provide(target.name, chosen) if chosen else kernel.provide(target)
        return found.booted_with(*(f"workqueue.{each}=1" for names in on.values() for each in names))


def native_suites() -> list:
    """Return the suites with cases that run on both engines."""
    return [name for name in kunit_suites()
            if "engine_gen_params" in (ROOT / f"kunit/suites/{name}_kunit.c").read_text()]


def check_native(vehicles: list, pattern: str, native: Native) -> int:
    """Run the native halves of the suites that match @pattern on @vehicles, and return the exit status."""
    start, total = time.monotonic(), results.Total()
    names = _selected(native_suites(), pattern)
    if not names:
        raise Problem(f"SUITE={pattern} matches no suite with ENGINE=native; allowed: a glob over "
                      f"{', '.join(native_suites())}")
    parameters = native.parameters
    kernels = [native.kernel(kernel.vehicle(name)) for name in vehicles]
    jobs = []
    for each in kernels:
        files = modules.build(each)
        for number, part in enumerate(dealt(names, DEALT.get(each.vehicle.name, (1, 1))[0])):
            jobs.append(partial(_check_vehicle, each, files, part, [], total, name=_of_number("-native", number),
                                of_kunit=parameters))
    side_by_side(jobs)
    return results.finish(total, start)


def check(vehicles: list, pattern: str) -> int:
    """Run all suites that match @pattern on @vehicles, and return the exit status."""
    start = time.monotonic()
    (OUT / "count-check").unlink(missing_ok=True)
    kunit, shell = _selected(kunit_suites(), pattern), _selected(shell_suites(), pattern)
    usual = [name for name in vehicles if name not in ON_DEMAND]
    style = bool(usual) and fnmatch.fnmatchcase(STYLE, pattern)
    looks = _selected(LOOKS, pattern) if usual else []
    driven = _selected(driver_suites(), pattern)
    if not any((kunit, shell, style, looks, driven)):
        raise Problem(f"SUITE={pattern} matches no suite; allowed: a glob over "
                      f"{', '.join(kunit_suites() + shell_suites() + driver_suites() + [STYLE, *LOOKS])}")
    targets = [kernel.vehicle(name) for name in vehicles]
    for arch in sorted({each.arch for each in targets} & set(guest.MACHINES)):
        # If there is none, this is reported before the kernels are built.
        qemu.provide(arch)
    # The suites with drivers alone need neither the other kernels nor the usual modules.
    plain = targets if any((kunit, shell, style, looks)) else []
    kernels = [kernel.provide(each) for each in plain]
    built = [_modules(each, shell) for each in kernels]
    total = results.Total()
    if style and source.series() != source.NEWEST:
        _not_here(total, "host", STYLE, f"the style is checked only with the tools of {source.NEWEST}")

    def again_of(each: kernel.Kernel, files: list) -> None:
        for again in AGAIN:
            if again.vehicle == each.vehicle.name:
                _check_vehicle(again.of(each), files, [name for name in kunit if name in again.suites], [], total,
                               again.parameters)

    jobs = _driver_jobs(vehicles, driven, total)
    for each, files in zip(kernels, built):
        # Shell suites run in guests of their own: one must not unload a module while another suite tests it.
        many = DEALT.get(each.vehicle.name, (1, 1))
        share = each.vehicle.slow / kernel.VEHICLES["debug"].slow
        for number, part in enumerate(dealt(kunit, many[0])):
            jobs.append((seconds_of(part) * share,
                         partial(_check_vehicle, each, files, part, [], total, name=_of_number("", number))))
        for number, part in enumerate(dealt(shell, many[1])):
            jobs.append((seconds_of(part) * share,
                         partial(_check_vehicle, each, files, [], part, total, name=_of_number("-shell", number))))
        jobs.append((AGAIN_SECONDS, partial(again_of, each, files)))
        jobs += [(LOOK_SECONDS, partial(_look_at, name, each, files, total))
                 for name in (looks if each.vehicle.arch == "x86_64" and each.vehicle.name in usual else [])]
    if style and source.series() == source.NEWEST:
        jobs.append((STYLE_SECONDS, partial(_check_style, kernels, total)))
    # The longest jobs start first, so that none of them is left for the end.
    side_by_side([job for _, job in sorted(jobs, key=lambda each: -each[0])])
    if not total.rows:
        raise Problem(f"SUITE={pattern} does not run on VM={','.join(vehicles)}; allowed: x86 for {', '.join(LOOKS)}, "
                      f"{', '.join(with_drivers(list(kernel.VEHICLES)))} for {', '.join(driver_suites())}")
    leave_count("check", total.status(), total.summary())
    write_atomically(TIMES, json.dumps({
        "seconds": time.monotonic() - start, "boots": total.boots,
        "suites": [{"vehicle": row.vehicle, "suite": row.suite, "seconds": row.seconds} for row in total.rows]},
        indent=1) + "\n")
    return results.finish(total, start)


def _modules(target: kernel.Kernel, shell: list) -> list:
    """Build the modules of cmwq2, and those that the suites in @shell need besides."""
    files = modules.build(target)
    for suite, builder in ((sample.SUITE, sample.build), (moved.SUITE, moved.build)):
        files += builder(target) if suite in shell else []
    return files


def _driver_jobs(vehicles: list, names: list, total: results.Total) -> list:
    """Return a job for each suite of @names with drivers, and about how long it takes."""
    from looks import drivers
    jobs: list = []
    for name in with_drivers(vehicles) if names else []:
        if source.series() != source.NEWEST:
            for suite in names:
                _not_here(total, name, suite, f"the drivers are moved only from {source.NEWEST}")
            continue
        target, files = drivers.provide(name)
        jobs += [(DRIVER_SECONDS, partial(_check_drivers, target, files, suite, total)) for suite in names]
    return jobs


def _check_drivers(target: kernel.Kernel, files: list, suite: str, total: results.Total) -> None:
    from looks import drivers
    guest_of = drivers.Drivers(target, files, suite)
    try:
        guest_of.boot()
    except Problem as problem:
        total.add(results.Row(target.vehicle.name, suite, ktap.Count(failed=1, trouble=str(problem)),
                              log=shown(guest_of.run.home), reasons=problem.reasons))
    results.add_rows(total, guest_of.run, [suite])


def _of_number(name: str, number: int) -> str:
    return f"{name}-{chr(ord('a') + number)}" if number else name


def side_by_side(jobs: list) -> None:
    """Run @jobs, MACHINES= at a time, because tests wait more than they compute."""
    guest.side_by_side(jobs, count_knob("MACHINES", MACHINES))


def _not_here(total: results.Total, vehicle: str, suite: str, reason: str) -> None:
    total.add(results.Row(vehicle, suite, ktap.Count(skipped=1, reasons=[reason])))


def _check_style(kernels: list, total: results.Total) -> None:
    """Check the style against the x86 kernel if there is one, because it compiles all of the sources."""
    from style import check as style
    # This thread and what it starts take the time that the guests leave.
    os.nice(10)
    best = [each for each in kernels if each.vehicle.arch == "x86_64"] or kernels
    try:
        total.rows += style.host_rows(best[0])
    except Problem as problem:
        total.add(results.Row("host", STYLE, ktap.Count(failed=1, trouble=str(problem))))


def look(target: kernel.Kernel, total: results.Total, name: str, made: Callable, passed: int = 1) -> None:
    """Look from outside at the guest that @made returns. If nothing is wrong, this counts as @passed passed cases,
    otherwise as one failed case. An error becomes a row, so that the other looks and suites still run."""
    start, count, reasons, guest_of = time.monotonic(), ktap.Count(), [], None
    try:
        guest_of = made()
        guest_of.boot()
        count.passed = passed
    except Problem as problem:
        count.failed, count.trouble, reasons = 1, str(problem), problem.reasons
        total.lost = total.lost or problem.status == EXIT_LOST
    except (OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
        count.failed, count.trouble = 1, repr(error)
    _add_look(total, results.Row(target.vehicle.name, name, count, time.monotonic() - start, reasons=reasons), guest_of)


def _add_look(total: results.Total, row: results.Row, guest_of: Any) -> None:
    run = guest_of.run if guest_of else None
    row.log = shown(run.home) if run else ""
    total.boots.append((row.vehicle, row.seconds))
    total.add(row)


def _count(target: kernel.Kernel, files: list, total: results.Total, name: str) -> None:
    """Count instructions or moved cache lines, and compare them with the committed figures and, instructions, with the
    kernel's own benchmark."""
    from verbs import icount, lines
    start, count, more = time.monotonic(), ktap.Count(), []
    counted: Any = icount.Counted(target, files) if name == ICOUNT else lines.Checked(target, files)
    try:
        counted.boot()
        count, more = (icount if name == ICOUNT else lines).judge(counted)
    except Problem as problem:
        count.failed, count.trouble = 1, str(problem)
        total.lost = total.lost or problem.status == EXIT_LOST
    _add_look(total, results.Row(target.vehicle.name, name, count, time.monotonic() - start), counted)
    for line in more:
        say(f"      {line}")


def _look_at(name: str, target: kernel.Kernel, files: list, total: results.Total) -> None:
    """Run one of LOOKS: a dump whose parts must agree; the monitor and the histograms; each kind of stall; many CPUs,
    queues and items; counts of cache lines and of instructions; a few drivers that are moved and compiled."""
    from looks import dump, monitor, states, wide
    from verbs import driversample, icount, pattern
    if name == DUMP:
        look(target, total, name, lambda: dump.BusyGuest(target, files))
    elif name == MONITOR:
        look(target, total, name, lambda: monitor.MonitoredGuest(target, files))
    elif name == STATES:
        look(target, total, name, lambda: states.States(target, files), len(states.STATES))
    elif name == WIDE:
        look(target, total, name, lambda: wide.Wide(target, files), len(wide.WIDE_STATES))
    elif name == LINES:
        look(target, total, name, lambda: pattern.Pattern(target, files), len(pattern.EXPECTED))
    elif name == DRIVERS:
        total.add(driversample.row(target))
    elif target.vehicle.name in icount.VEHICLES and source.series() == source.NEWEST:
        _count(target, files, total, name)
    else:
        _not_here(total, target.vehicle.name, name,
                  f"there are figures only for {', '.join(icount.VEHICLES)} and {source.NEWEST}")


def settings(kunit: list, shell: list, parameters: str = "") -> dict:
    """Return the settings of job-kunit.sh. @parameters are module parameters of cmwq2."""
    return {"SUITES": " ".join(kunit), "SHELL_SUITES": " ".join(shell), "NEEDS_PARAMETERS": parameters,
            "KUNIT_MODULE": KUNIT_MODULE, "KUNIT_NEEDS": KUNIT_NEEDS}


def _check_vehicle(target: kernel.Kernel, files: list, kunit: list, shell: list, total: results.Total,
                   parameters: str = "", name: str = "", of_kunit: str = "") -> None:
    """Boot @target for all suites. If one of them brings the guest down, boot it again for the rest. @parameters are
    those of cmwq2, @of_kunit those of the module with the suites."""
    left, boots = kunit + shell, 0
    while left:
        boots += 1
        home = f"check-{target.vehicle.name.replace('/', '-')}{name}" + (f"-{boots}" if boots > 1 else "")
        run = guest.run_job(target, "kunit", home, files, limit=LIMIT, settings={
            **settings([suite for suite in kunit if suite in left], [suite for suite in shell if suite in left],
                       parameters),
            "KUNIT_PARAMETERS": f"{STRESS} {of_kunit}".strip(), "ROUNDS": ROUNDS.get(target.vehicle.name, 5)})
        begun = [suite for suite in left if ["start", suite] in run.events]
        rest = [suite for suite in left if suite not in begun]
        # A guest that does not reach the first suite would not get further in another boot.
        again = bool(begun and rest and not run.outcome.passed)
        results.add_rows(total, run, begun if again else left)
        left = rest if again else []


