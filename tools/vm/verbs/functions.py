# SPDX-License-Identifier: GPL-2.0
"""`make icount FUNCTIONS=1`: lists by function how many instructions an item takes, with native and with each profile.

A QEMU plugin counts the blocks of instructions that the guest executes. Each engine runs its roundtrip twice, with few
and with many items. Both runs include the setup, so the difference is what the additional items cost."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from base.common import EXIT_PASSED, OUT, Problem, aligned, output_of, say, shown, took, write_atomically
from build import modules, qemu
from machines import holdcount
from verbs import icount

REPORT = OUT / "icount" / "functions.json"
ITEMS = (2000, 6000)
PROFILES = "mainline-7.3"
# The parts that functions belong to. Of the rest of the kernel only the functions are listed whose figures differ,
# because most of it is the scheduler, which works the same for all.
ENGINE, BENCH, KERNEL = "engine", "benchmark", "kernel"
# Instructions of an item: the least that is listed, and the least difference to native for a function of the kernel.
LEAST, LEAST_DIFFERENCE = 0.5, 2.0


def part_of(symbols: str, workqueue: str) -> dict:
    """Return the part of each function that does not belong to the rest of the kernel. @symbols: the lines of the
    guest's /proc/kallsyms about modules; @workqueue: what nm prints about the kernel's workqueue.o."""
    # A function that workqueue.o only calls has no address there.
    words = (line.split() for line in workqueue.splitlines())
    parts = {name: ENGINE for _, kind, name in (each for each in words if len(each) == 3) if kind in "tT"}
    for line in symbols.splitlines():
        _, _, name, module = line.split()[:4]
        parts[name] = BENCH if module == "[cmwq2_bench]" else ENGINE
    return parts


def per_item(marks: Sequence[Mapping], runs: Sequence[tuple]) -> dict:
    """
    Return the instructions of an item by queue, engine and function.

    :param marks: instructions by function, for each time that ended with a mark; the first time is before the runs
    :param runs: the queue and the engine of each pair of runs, of which the first has few items
    """
    if len(marks) <= 2 * len(runs):
        raise Problem(f"the plugin has seen {len(marks)} marks, {2 * len(runs) + 1} were made")
    few, many = ITEMS
    found: dict = {}
    for number, (queue, name) in enumerate(runs):
        one, other = marks[2 * number + 1], marks[2 * number + 2]
        found.setdefault(queue, {})[name] = {
            function: (other.get(function, 0) - one.get(function, 0)) / (many - few) for function in {*one, *other}}
    return found


def _row(part: str, function: str, values: Sequence[float]) -> tuple:
    cells = [f"{values[0]:.1f}"]
    for value in values[1:]:
        cells += [f"{value:.1f}", f"{value - values[0]:+.1f}"]
    return (part, function, *cells)


def table(counted: Mapping[str, Mapping[str, float]], parts: Mapping[str, str]) -> str:
    """Return the figures of one queue as a table for people. @counted: instructions by engine and function."""
    names = list(counted)
    heads = ["part", "function", names[0]]
    for name in names[1:]:
        heads += [name, "more"]
    rows: list = [tuple(heads)]
    for part in (ENGINE, KERNEL, BENCH):
        values = {function: [counted[name].get(function, 0) for name in names]
                  for function in {function for name in names for function in counted[name]}
                  if parts.get(function, KERNEL) == part}
        for function in sorted(values, key=lambda each: (-max(values[each]), each)):
            mine = values[function]
            differs = max(abs(value - mine[0]) for value in mine) >= LEAST_DIFFERENCE
            if max(mine) >= LEAST and (part == ENGINE or (part == KERNEL and differs)):
                rows.append(_row(part, function, mine))
        rows.append(_row(part, "all of it", [sum(column) for column in zip(*values.values())] or [0.0] * len(names)))
    return aligned(rows, 2)


def functions(vehicle: str) -> int:
    """Count on @vehicle, print and write out/icount/functions.json. Return the exit status."""
    start, engines = time.monotonic(), icount.engines_of(PROFILES)
    REPORT.unlink(missing_ok=True)
    target = icount.built(vehicle)
    counted = icount.Counted(target, modules.build(target), os.environ.get("PARAMETERS", ""))
    output, blocks = OUT / "icount" / "holds", OUT / "icount" / "blocks"
    runs = [(queue, name) for queue in icount.QUEUES for name in engines]
    run = counted.boot_with(f"icount-{vehicle}-functions", counted.files,
                        [icount.settings(*each, items) for each in runs for items in ITEMS],
                        holdcount.arguments(target, output, blocks))
    symbols = (run.results / "symbols").read_text()
    with open(blocks, encoding="ascii") as lines:
        marks = list(holdcount.by_function(lines, holdcount.functions(target, symbols)))
    blocks.unlink()
    found = per_item(marks, runs)
    parts = part_of(symbols, output_of(["nm", target.build / "kernel/workqueue.o"]))
    this = icount.subject(target)
    say(f"\nInstructions of an item by function: {ITEMS[1]} items less {ITEMS[0]} items, one in flight, 1 CPU\n"
        f"{this}, {qemu.provide()}\nThe probes of cmwq2's hook run for every kernel thread, so native has them, too.")
    for queue, figures in found.items():
        say(f"\n{queue}\n{table(figures, parts)}")
    write_atomically(REPORT, json.dumps({"schema": 1, "subject": asdict(this), "functions": found}, indent=1) + "\n")
    say(f"\n{shown(REPORT)}, {took(start)}")
    return EXIT_PASSED
