# SPDX-License-Identifier: GPL-2.0
"""`make check-harness`: makes guests fail in every known way. The harness must notice and name each failure."""

import fnmatch
import re
import time
from dataclasses import dataclass, field
from typing import Callable, Optional

from base.common import EXIT_FAILED, EXIT_LOST, EXIT_PASSED, OUT, Problem, say, shown, took, write_atomically
from build import kernel, modules
from machines import guest, results
from style import tests
from verbs import benchhost, shell


@dataclass
class Case:
    """One fault, and what the harness must say about it."""

    name: str
    vehicle: str
    cause: str                          # a regular expression for the cause that is reported
    status: int = EXIT_FAILED
    job: str = "fault"
    settings: dict = field(default_factory=dict)
    suites: Optional[list] = None       # names of the expected suites, if the job runs suites
    limit: float = 20
    files: Optional[Callable[[kernel.Kernel], list]] = None     # files it needs instead of the modules that misbehave
    commands: str = ""                  # commands for a shell
    console: str = ""                   # a regular expression for the console, or '' if that is not tested


def _fault(name: str, vehicle: str, cause: str, **more: object) -> Case:
    return Case(name, vehicle, cause, settings={"FAULT": name}, **more)  # type: ignore


def _misuse(name: str, vehicle: str, cause: str, **more: object) -> Case:
    return Case(f"misuse {name}", vehicle, cause, settings={"FAULT": f"misuse {name}"}, **more)  # type: ignore


def _suite(name: str, cause: str, names: list, status: int = EXIT_FAILED) -> Case:
    return Case(name, "uml", cause, status, "kunit", suites=names, settings={
        "SUITES": " ".join(names), "SHELL_SUITES": "", "KUNIT_MODULE": "selftest_kunit", "KUNIT_NEEDS": ""})


def _given(name: str, commands: str, status: str) -> Case:
    return Case(name, "uml", rf"ended {status}; .*cmwq2\.ko", EXIT_PASSED, "shell", commands=commands,
                files=modules.build)


CASES = [
    # Runs without a fault must pass. Otherwise a harness that fails every run would pass this test.
    _fault("none", "uml", "", status=EXIT_PASSED),
    _fault("none", "debug", "", status=EXIT_PASSED),
    _fault("none", "x86", "", status=EXIT_PASSED),
    _suite("passing suite", "", ["selftest_passing"], EXIT_PASSED),
    # UML must end well although processes still run.
    _fault("busy end", "uml", "", status=EXIT_PASSED),
    # faults that the kernel notices
    _fault("warn", "uml", r"tainted: W .*WARNING: .*selftest"),
    _fault("bug", "uml", r"panic: BUG! .*selftest_init"),
    _fault("oops", "uml", r"panic: "),
    _fault("panic", "uml", r"panic: on purpose"),
    _fault("lockdep", "debug", r"possible circular locking dependency|lockdep switched itself off"),
    _fault("kasan", "debug", r"KASAN: .*out-of-bounds.*do_kasan"),
    _fault("sleep", "debug", r"scheduling while atomic|sleeping function called from invalid context"),
    _fault("leak", "debug", r"kmemleak: .*selftest"),
    # faults with sleeping and raw locks that the kernel notices on PREEMPT_RT
    _fault("none", "rt", "", status=EXIT_PASSED),
    _fault("lockdep", "rt", r"possible circular locking dependency|lockdep switched itself off"),
    _fault("nesting", "rt", r"Invalid wait context"),
    _fault("sleep", "rt", r"scheduling while atomic|sleeping function called from invalid context"),
    # another architecture
    _fault("none", "arm64", "", status=EXIT_PASSED),
    _fault("warn", "arm64", r"tainted: W .*WARNING: .*selftest"),
    _fault("panic", "arm64", r"panic: on purpose"),
    # faults that the engine's debugging aids notice
    _misuse("none", "debug", "", status=EXIT_PASSED),
    _misuse("flush", "debug", r"possible circular locking dependency"),
    _misuse("queue", "debug", r"possible circular locking dependency"),
    _misuse("cancel", "debug", r"possible circular locking dependency"),
    _misuse("reclaim", "uml", r"WARNING: .*cmwq2_check_flush"),
    _misuse("memalloc", "uml", r"WARNING: .*cmwq2_check_flush"),
    _misuse("free", "debug", r"WARNING: .*debug_print_object"),
    _misuse("init", "debug", r"WARNING: .*debug_print_object"),
    _misuse("stack", "debug", r"ODEBUG: object .* is on stack .*NOT annotated"),
    _misuse("zeroed", "uml", r"WARNING: .*cmwq2_misuse"),
    # data races, in a module and between the engine and its user. Accesses that are marked do not race.
    _fault("none", "kcsan", "", status=EXIT_PASSED),
    _fault("marked", "kcsan", "", status=EXIT_PASSED),
    _fault("race", "kcsan", r"KCSAN: data-race in add_up \[selftest\] / add_up"),
    _misuse("none", "kcsan", "", status=EXIT_PASSED),
    _misuse("race", "kcsan", r"KCSAN: data-race in cmwq2_\w+ \[cmwq2\] / do_race"),
    # The suite passes, but a data race fails it, and its row says where.
    Case("race in a suite", "kcsan", r"FAIL .* selftest_passing .*KCSAN: data-race in add_up.* at \S*selftest\.c:\d+",
         EXIT_FAILED, "kunit", suites=["selftest_passing"], settings={
             "SUITES": "selftest_passing", "SHELL_SUITES": "", "KUNIT_MODULE": "selftest_kunit",
             "KUNIT_NEEDS": "selftest", "NEEDS_PARAMETERS": "fault=race"}),
    # text that the engine adds to the kernel's reports
    _misuse("oops", "uml", r"panic: ", console=r"\] Workqueue: selftest oops_fn \[selftest_cmwq2\]"),
    _misuse("oops", "x86", r"BUG: |Oops|panic: ", console=r"\] Workqueue: selftest oops_fn \[selftest_cmwq2\]"),
    _misuse("uaf", "debug", r"KASAN: .*use-after-free",
            console=r"(?s)\] Workqueue: selftest uaf_fn \[selftest_cmwq2\].*Last queued by .*do_uaf"),
    # faults that show only as a timeout or a missing verdict
    _fault("hang", "uml", r"hang: .*fault hang", limit=4),
    _fault("lost", "uml", r"without a verdict", status=EXIT_LOST),
    # modules
    _fault("error", "uml", r"insmod selftest .*failed: Invalid argument"),
    _fault("absent", "uml", r"insmod absent .*failed: No such file"),
    _fault("leftover", "uml", r"modules left loaded: selftest"),
    _fault("status", "uml", r"the job ended with status 3"),
    # suites
    _suite("failing suite", "bad", ["selftest_failing"]),
    _suite("empty suite", "has no result", ["selftest_empty"]),
    _suite("missing suite", "has no result", ["selftest_absent"]),
    _fault("hollow", "uml", r"zero tests", suites=["selftest_hollow"]),
    _fault("shell suite", "uml", r"second", suites=["selftest_shell"]),
    _fault("truncated", "uml", r"its result is not whole", suites=["selftest_truncated"]),
    _fault("stray", "uml", r"selftest_stray .*not expected", suites=["selftest_shell"]),
    # The suite passes, but it leaves something behind. The harness notices that when it unloads the modules.
    Case("warn at rmmod", "uml", r"while the modules were unloaded after selftest_passing .*WARNING: .*selftest",
         EXIT_FAILED, "kunit", suites=["selftest_passing"], settings={
             "SUITES": "selftest_passing", "SHELL_SUITES": "", "KUNIT_MODULE": "selftest_kunit",
             "KUNIT_NEEDS": "selftest", "NEEDS_PARAMETERS": "fault=exit"}),
    # make shell with commands from a file: the directories it names exist, and the commands' exit status is returned
    _given("shell", "insmod cmwq2.ko && ls -d $PARAMETERS $QUEUES $DEBUG && rmmod cmwq2", "0"),
    _given("failing shell", "insmod cmwq2.ko && rmmod cmwq2 && ls $DEBUG", "1"),
    # some of the same faults in an emulator
    _fault("panic", "x86", r"panic: on purpose"),
    _fault("warn", "x86", r"tainted: W .*WARNING: .*selftest"),
    _fault("hang", "x86", r"hang: .*fault hang", limit=2),
    _fault("lost", "x86", r"without a verdict", status=EXIT_LOST),
    # tools/bench run on a machine, and every way in which it can fail
    Case("bench host", "uml", "", EXIT_PASSED, "benchhost", benchhost.settings(), ["bench_host"], 120, benchhost.files),
]


def check(vehicles: list, pattern: str) -> int:
    """Run the cases on @vehicles whose name matches @pattern, and return the exit status."""
    cases = [case for case in CASES if case.vehicle in vehicles and fnmatch.fnmatchcase(case.name, pattern)]
    checks = {name: case for name, case in tests.of_harness().items() if fnmatch.fnmatchcase(name, pattern)}
    if not cases and not checks:
        raise Problem(f"SUITE={pattern} matches no case; allowed: a glob over "
                      f"{', '.join(sorted({case.name for case in CASES}))}")
    failed = 0
    for name, test in checks.items():
        wrong = tests.trouble(test)
        failed += bool(wrong)
        say(f"{'FAIL' if wrong else 'PASS'}  host   {name:24} {wrong}".rstrip())
    if not cases:
        return _end(len(checks), failed)
    kernels = {name: kernel.provide(kernel.vehicle(name)) for name in vehicles}
    built = {name: modules.build_selftest(each) for name, each in kernels.items()}
    for number, case in enumerate(cases):
        start = time.monotonic()
        files = case.files(kernels[case.vehicle]) if case.files else built[case.vehicle]
        run = guest.run_job(kernels[case.vehicle], case.job, f"harness-{number:02}-{case.name.replace(' ', '-')}",
                            files, case.settings, limit=case.limit, files=_commands(case))
        wrong = _wrong(case, run)
        failed += bool(wrong)
        word = "FAIL" if wrong else "PASS"
        line = f"{word}  {case.vehicle:5}  {case.name:16} {took(start):>7}  {wrong or _said(case, run)}"
        say(line if wrong else results.cut(line))
        if wrong:
            say(f"      log: {shown(run.console)}")
    return _end(len(checks) + len(cases), failed)


def _commands(case: Case) -> dict:
    """Return the files that a guest gets in addition to its modules."""
    if not case.commands:
        return {}
    path = OUT / "tmp" / "commands"
    write_atomically(path, f"{case.commands}\n")
    return {shell.COMMANDS: path}


def _end(number: int, failed: int) -> int:
    say(f"{number - failed} passed, {failed} failed")
    return EXIT_FAILED if failed else EXIT_PASSED


def _said(case: Case, run: guest.Run) -> str:
    """Return what the harness would tell the user."""
    if case.commands:
        greeting = [line for line in run.console.read_text(errors="replace").splitlines() if ".ko" in line]
        ended = [" ".join(words) for words in run.events if words[0] == "ended"]
        return "; ".join([str(run.outcome), *ended, *greeting])
    if case.suites is None:
        return str(run.outcome)
    return "; ".join(str(row) for row in results.rows_of(run, case.suites))


def _status(case: Case, run: guest.Run) -> int:
    if case.suites is None or not run.outcome.passed:
        return run.outcome.status
    return results.Total(results.rows_of(run, case.suites)).status()


def _wrong(case: Case, run: guest.Run) -> str:
    said, status = _said(case, run), _status(case, run)
    if status != case.status:
        return f"exit status {status} instead of {case.status}: {said}"
    if not re.search(case.cause, said):
        return f"the cause is not named ({case.cause}): {said}"
    if not re.search(case.console, run.console.read_text(errors="replace")):
        return f"the console does not show {case.console}"
    if (run.home / "verdict").read_text().startswith("PASSED") != run.outcome.passed:
        return f"{shown(run.home / 'verdict')} says otherwise"
    return ""
