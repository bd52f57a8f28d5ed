# SPDX-License-Identifier: GPL-2.0
"""`make icount WORKLOAD=list`: the instructions of the benchmark's workloads, with native and with each profile.

Under -icount the guest's clocks advance by one nanosecond per instruction. So each time that the benchmark measures is
a number of instructions, on a guest with one CPU: what several CPUs cost each other is left out."""

import json
import os
import time
from dataclasses import asdict

from base.common import EXIT_PASSED, OUT, Problem, count_knob, say, shown, took, write_atomically
from build import modules, qemu
from verbs import icount
from verbs.icount import bench_document, bench_report, bench_set

REPORT = OUT / "icount" / "workloads.json"
PROFILES = "mainline-7.3 shared"
ROUNDS = 3
# An emulated CPU that counts is slower than others.
SLOWER = 20
# These need several CPUs, another hook, or seconds in which nothing is to be counted.
NOT_COUNTED = ("block", "switch", "perfwq", "delayed", "burst", "rescue", "imbalance", "busy", "mixed", "stream",
               "fanout")


def wanted() -> bench_set.Wanted:
    """Return the set of benchmarks that the knobs ask for. Raises Problem for a workload that cannot be counted."""
    try:
        names = bench_set.workload_names(os.environ["WORKLOAD"], "WORKLOAD")
        rounds = bench_set.check_rounds(count_knob("ROUNDS", ROUNDS), "ROUNDS")
    except bench_document.SetError as error:
        raise Problem(str(error)) from None
    for name in names:
        if name in (*NOT_COUNTED, bench_set.AA):
            counted = [each for each in bench_set.WORKLOADS if each not in NOT_COUNTED]
            raise Problem(f"WORKLOAD={name}: its instructions cannot be counted with one CPU; allowed: "
                          f"{', '.join(counted)}")
    profiles = [name.partition(":")[2] for name in icount.engines_of(PROFILES)[1:]]
    return bench_set.Wanted(names, profiles, rounds, 1, slow=SLOWER)


def workloads(vehicle: str) -> int:
    """Count on @vehicle, print and write out/icount/workloads.json. Return the exit status."""
    start, plans = time.monotonic(), bench_set.plans(wanted())
    REPORT.unlink(missing_ok=True)
    target = icount.built(vehicle)
    counted = icount.Counted(target, modules.build(target), os.environ.get("PARAMETERS", ""))
    run = counted.boot_with(f"icount-{vehicle}-workloads", counted.files,
                            [" ".join(f"{key}={value}" for key, value in plan.settings.items()) for plan in plans], [])
    this, found = icount.subject(target), []
    say(f"\nInstructions of workloads, 1 CPU: a time in ns is a number of instructions\n{this}, {qemu.provide()}")
    for number, plan in enumerate(plans):
        try:
            document = bench_report.parse((run.results / "bench" / str(number)).read_text(), vehicle, "tcg")
        except bench_report.ResultError as error:
            raise Problem(f"{plan.title}: {error}") from None
        found.append({"title": plan.title, **document})
        say(f"\n== {plan.title}\n{bench_report.table(document)}")
    write_atomically(REPORT, json.dumps({"schema": 1, "subject": asdict(this), "runs": found}, indent=1) + "\n")
    say(f"\n{shown(REPORT)}, {took(start)}")
    return EXIT_PASSED
