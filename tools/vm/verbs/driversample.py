# SPDX-License-Identifier: GPL-2.0
"""The row `drivers` of make check: moves the few files of tools/shim/drivers-check.list to cmwq2, with a kernel that
make check boots. make drivers moves many more, with a kernel of its own, which takes minutes to prepare."""

import time

from base import alive
from base.common import OUT, ROOT, Problem, fresh_directory, jobs, lock, shown, write_atomically
from build import kernel, source
from machines import ktap, results
from verbs import drivers
from verbs.drivers import port, survey, units

NAME = "drivers"
LIST = ROOT / "tools/shim/drivers-check.list"
WORK = OUT / "drivers-check"


def judge(entries: list) -> tuple[ktap.Count, list]:
    """Return how many of the files moved or were refused with a reason, and a line for each that was not. Too few that
    move count as one more failure."""
    bad = [f"{each.name}: {each.result}: {each.reason}" for each in entries if each.result == port.OBSCURE]
    bad += [f"{each.name}: the layout of {each.silent} has changed" for each in entries if each.silent]
    wrong = survey.wrong(entries, drivers.LEAST)
    if wrong and not bad:
        bad.append(wrong)
    return ktap.Count(passed=len(entries) - min(len(bad), len(entries)), failed=len(bad), failures=bad[:1]), bad


def row(target: kernel.Kernel) -> results.Row:
    """Move the files with the kernel @target, and return the row."""
    start = time.monotonic()
    reasons: list = []
    report = WORK.with_suffix(".txt")
    series, names = survey.read_list(LIST)
    if ".".join(map(str, source.version_of(target.source.tree))) != series:
        return results.Row(target.vehicle.name, NAME,
                           ktap.Count(skipped=1, reasons=[f"{LIST.name} is for Linux {series} only"]))
    try:
        units.RUN = alive.run
        own = units.kernel(target.build)
        doing: list = []
        with lock(WORK.name, OUT), alive.doing(lambda: f"moving drivers: {len(doing)} of {len(names)}"):
            for entry in survey.copied(names, own, fresh_directory(WORK), jobs()):
                doing.append(entry)
        count, reasons = judge(doing)
        write_atomically(report, "".join(f"{each.result:16}  {each.name}  {each.reason}".rstrip() + "\n"
                                         for each in doing))
    except (units.Wrong, Problem) as problem:
        count = ktap.Count(failed=1, trouble=str(problem))
    return results.Row(target.vehicle.name, NAME, count, time.monotonic() - start, shown(report), reasons)
