# SPDX-License-Identifier: GPL-2.0
"""`make check-faults ENGINE=native`: puts the faults of tools/upstream/faults into the kernel's own workqueue, one at a
time, and runs the test that must catch each. So it shows what the suites find in kernel/workqueue.c.

The kernel has all edits and all faults. It has none of the faults unless workqueue.fault= on its command line names
one."""

import fnmatch
import time
from collections.abc import Iterable
from functools import partial

from base.common import Problem, shown
from build import kernel, modules, patched
from machines import guest, results
from verbs import faults, suites

VEHICLE = "uml"


def catchers() -> dict:
    """Return who must catch each fault. Raises Problem if there is no such test."""
    found = {name: faults.Catcher(each.caught) for name, each in patched.edits(faults=True).items() if each.caught}
    wrong = [f"{name}: there is no {each.who}" for name, each in found.items() if not each.exists()]
    if wrong:
        raise Problem(f"tools/upstream/faults: {'; '.join(wrong)}")
    return found


def _boot(target: kernel.Kernel, files: list, name: str, wanted: list, on: Iterable = ()) -> guest.Run:
    """Run the tests @wanted with fault @name, or with none, and with the policies @on."""
    target = target if name == faults.NO_FAULT else target.booted_with(f"workqueue.fault={name}")
    chosen = patched.parameters(" ".join(on), patched.edits().values()) if on else {}
    settings = {**suites.settings(wanted, []), "PULSE": 1,
                "WQ_PARAMETERS": " ".join(each for names in chosen.values() for each in names),
                "KUNIT_PARAMETERS": f"timeout_ms={faults.TIMEOUT_MS} {suites.STRESS} engine=native native_repaired=Y"}
    return guest.run_job(target, "kunit", f"nativefault-{name}", files, settings, limit=faults.LIMIT,
                         rest=None if name == faults.NO_FAULT else faults.REST)


def _control(report: faults.Report, target: kernel.Kernel, files: list, wanted: list, on: tuple) -> None:
    """Check that the tests pass in the same kernel without a fault, with the policies @on, and that cases of the native
    engine have run."""
    run = _boot(target, files, faults.NO_FAULT, wanted, on)
    rows = results.rows_of(run, wanted)
    failed = [str(row) for row in rows if row.failed]
    failed += [f"{row.suite}: no case has run" for row in rows if not row.failed and not row.count.passed]
    report.row(not failed, VEHICLE, ", ".join(["(no fault)", *on]), run.seconds,
               "; ".join(failed) or f"{len(wanted)} tests pass", shown(run.console))


def check(pattern: str) -> int:
    """Run each fault that matches @pattern with the test that must catch it, and return the exit status."""
    start, known, report = time.monotonic(), patched.edits(faults=True), faults.Report()
    table = {name: each for name, each in catchers().items() if fnmatch.fnmatchcase(name, pattern)}
    if not table:
        raise Problem(f"FAULT={pattern} matches no fault of the kernel's own workqueue; allowed: a glob over "
                      f"{', '.join(catchers())}")
    target = patched.provide(VEHICLE, list(known.values()))
    files = modules.with_engine(modules.build(target), "cmwq2_kunit")
    for on in dict.fromkeys(known[name].on for name in table):
        _control(report, target, files, sorted({each.who for name, each in table.items() if known[name].on == on}), on)

    def one(name: str, each: faults.Catcher) -> None:
        faults.judge(report, VEHICLE, name, _boot(target, files, name, [each.who], known[name].on), [each.who],
                     known[name].subject.rstrip("."))
    suites.side_by_side([partial(one, name, each) for name, each in table.items()])
    return report.finish(f"{len(table)} faults of the kernel's own workqueue", start)
