# SPDX-License-Identifier: GPL-2.0
"""`make cost`: counts the instructions that an idle cmwq2 costs other tasks, and that cmwq2's own measuring costs an
item (switches.py). QEMU counts them: under -icount the guest's clock advances by one nanosecond per instruction, so
that the load of this machine does not matter."""

import json
import statistics
import time
from pathlib import Path

from base.common import (
    EXIT_FAILED,
    EXIT_PASSED,
    HERE,
    OUT,
    Problem,
    aligned,
    count_knob,
    run_logged,
    say,
    shown,
    took,
    write_atomically,
)
from build import kernel, modules, packages, qemu
from machines import accel, guest
from verbs import switches

REPORT = OUT / "cost" / "report.json"
SOURCE = HERE / "guest/pingpong.c"
UNLOADED = "unloaded"
# How many percent more instructions a round trip may cost. With pn, no code of ours runs in other tasks. The remaining
# 12 instructions are the kernel's own check of a task's empty list of notifiers, done while any task has a notifier.
LIMITS = {"tp": 3.0, "pn": 0.2, "timer": 3.0}
TRIPS, BATCHES, ROUNDS = 1000, 20, 5
# The rounds of one boot may differ by this much. If they differ by more, the medians mean nothing.
AGREE_PERCENT = 0.5
ICOUNT = ["-icount", "shift=0,sleep=off"]
# Use one clock from the start, because a change of the clock source would fall into the first round. Without the
# watchdog, nothing compares the clock with others.
PARAMETERS = ("tsc=reliable", "nowatchdog")


def _pingpong() -> Path:
    """Build the program. It is linked statically, because the guest has no libraries."""
    program = OUT / "cost" / "pingpong"
    program.parent.mkdir(parents=True, exist_ok=True)
    log = OUT / "log" / "pingpong.log"
    log.unlink(missing_ok=True)
    run_logged(["gcc", "-static", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, SOURCE], log)
    return program


def _target() -> kernel.Kernel:
    return kernel.provide(kernel.vehicle("x86")).booted_with(*PARAMETERS)


def _run(target: kernel.Kernel, files: list, rounds: int) -> guest.Run:
    run = guest.Run(target, "cost", guest.home("cost-x86"), files, limit=60, cpus=1, extra=ICOUNT, settings={
        "COST_TRIPS": TRIPS, "COST_BATCHES": BATCHES, "COST_ROUNDS": rounds, "COST_HOOKS": " ".join(LIMITS)})
    guest.boot(run, accel.TCG_SINGLE)
    guest.must_pass(run)
    return run


def parse(text: str) -> dict:
    """Return the instructions per round trip, by hook, as a list with one value per batch."""
    found: dict = {}
    for line in text.splitlines():
        name, ticks, nanoseconds = line.split()
        if abs(int(ticks) / int(nanoseconds) - 1) > 0.01:
            raise Problem(f"the guest's clocks disagree, one of them does not count instructions: {line}")
        found.setdefault(name, []).append(int(ticks) / TRIPS)
    return found


def judge(batches: dict, rounds: int) -> list:
    """Return a row for each case, with the median, its spread over the rounds, and percent more than unloaded."""
    rows = []
    for name in (UNLOADED, *LIMITS):
        values = batches.get(name, [])
        if len(values) != rounds * BATCHES:
            raise Problem(f"{name}: {len(values)} batches instead of {rounds * BATCHES}")
        middle = [statistics.median(values[n:n + BATCHES]) for n in range(0, len(values), BATCHES)]
        rows.append({"hook": name, "instructions": round(statistics.median(values), 1), "rounds": middle,
                     "lowest": min(values), "highest": max(values),
                     "spread_percent": round(100 * (max(middle) / min(middle) - 1), 3)})
    base = rows[0]["instructions"]
    for row in rows:
        row["added"] = round(row["instructions"] - base, 1)
        row["percent"] = round(100 * (row["instructions"] / base - 1), 2) + 0.0
        row["limit"] = LIMITS.get(row["hook"])
        row["failed"] = row["limit"] is not None and row["percent"] > row["limit"]
    return rows


def table(rows: list) -> str:
    """Return @rows as a table for people."""
    heads = ("", "hook", "instructions", "added", "percent", "limit", "rounds differ by")
    return aligned([heads] + [(switches.word(row), row["hook"], f"{row['instructions']:.1f}", f"{row['added']:.1f}",
                               f"{row['percent']:.2f}", switches.limit(row), f"{row['spread_percent']:.2f}%")
                              for row in rows], 2)


def cost() -> int:
    """Measure, print, write out/cost/report.json, and return the exit status."""
    start, rounds = time.monotonic(), count_knob("ROUNDS", ROUNDS)
    REPORT.unlink(missing_ok=True)
    packages.require("build", "guest")
    qemu.provide()
    target = _target()
    files = [path for path in modules.build(target) if path.name == "cmwq2.ko"] + [_pingpong()]
    run = _run(target, files, rounds)
    rows = judge(parse((run.results / "cost").read_text()), rounds)
    restless = [row["hook"] for row in rows if row["spread_percent"] > AGREE_PERCENT]
    failed = [row["hook"] for row in rows if row["failed"]]
    say(f"\nA round trip through two pipes between two tasks, cmwq2 idle: instructions, median of {rounds} rounds x "
        f"{BATCHES} batches x {TRIPS}\n{run.kernel.release}, {qemu.provide()} {accel.TCG_SINGLE}, "
        f"{' '.join(ICOUNT)}, 1 CPU\n")
    say(table(rows))
    switched, release = switches.measure(ICOUNT, PARAMETERS)
    if switched:
        say(f"\nAn item of roundtrip, one producer: instructions, median of {switches.ROUNDS} runs; {release}, "
            f"as above; percent of off\n\n{switches.table(switched)}")
        failed += [f"{row['queue']} {row['switch']}" for row in switched if row["failed"]]
        restless += [f"{row['queue']} {row['switch']}" for row in switched if row["spread_percent"] > AGREE_PERCENT]
    write_atomically(REPORT, json.dumps({
        "schema": 1, "vehicle": "x86", "kernel": run.kernel.release, "source": run.kernel.source.name, "cpus": 1,
        "accelerator": accel.TCG_SINGLE, "icount": ICOUNT[1], "trips": TRIPS, "batches": BATCHES, "rounds": rounds,
        "hooks": rows, "switches": switched, "failed": failed, "restless": restless}, indent=2) + "\n")
    if restless:
        say(f"\nFAIL  the rounds of {', '.join(restless)} differ by more than {AGREE_PERCENT} %: these figures "
            "mean nothing")
    say(f"\n{shown(REPORT)}, {took(start)}")
    return EXIT_FAILED if failed or restless else EXIT_PASSED
