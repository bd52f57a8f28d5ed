# SPDX-License-Identifier: GPL-2.0
"""`make lines`: counts how many cache lines move between CPUs for each item, by structure and field, for native and for
profiles.

A QEMU plugin follows which CPU has a copy of which line. The CPUs of the guest take short turns, and its clocks count
instructions, so that neither the load nor the number of this machine's CPUs matters."""

import dataclasses
import json
import os
import queue
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from base.common import (
    EXIT_FAILED,
    EXIT_PASSED,
    OUT,
    ROOT,
    Problem,
    count_knob,
    flag_knob,
    say,
    shown,
    took,
    write_atomically,
)
from build import kernel, modules, qemu
from looks import moves
from machines import accel, guest, ktap
from verbs import cost, icount, linefigures, written
from verbs.written import blocks

CPUS = (2, 4, 8)
BOOTS, ITEMS = 3, 300
PROFILES = "mainline-7.3 shared"
WHAT = "transfers"
DOCUMENT = ROOT / "Documentation/lines.rst"
# Where `make scale` reads the transfers.
SCALE = ROOT / "tools/saturation"
# A committed figure may have grown by this much, see "How far to trust it" in lines.rst.
TOLERANCE_PERCENT = 20.0
# Loads that move hardly any line are not compared as long as they move fewer than this for an item.
HARDLY = 0.5
# The items that each producer has queued before the plugin counts.
SKIP = 50
# The longest turn.
MOST_US = 100000
# Functions of modules: those that cmwq2_bench queues an item with, the one that a worker of cmwq2 runs it with, and
# those of the items.
FUNCTIONS = (("item", "bench_native_queue"), ("item", "bench_cmwq2_queue"), ("runs", "cmwq2_process_one"),
             ("function", "bench_native_fn"), ("function", "bench_cmwq2_fn"))


@dataclasses.dataclass(frozen=True)
class Load:
    """
    A workload on one kind of queue.

    :param scope: that of an unbound queue, or percpu
    :param rounds: how many times it runs in a boot, each time with a queue and workers of its own
    :param length: counts this many times as many items in a round as ITEMS= says
    """

    workload: str
    scope: str
    more: str = ""
    rounds: int = 1
    length: int = 1

    @property
    def name(self) -> str:
        """Its name in the file of committed figures."""
        return f"{self.workload} {self.scope}"

    def settings(self, engine: str, producers: int, items: int) -> str:
        """Return the settings of a run in which the plugin can count @items items."""
        queue = "queue=percpu" if self.scope == "percpu" else f"queue=unbound scope={self.scope}"
        each = SKIP + items // producers + SKIP
        return (f"workload={self.workload} {queue} producers={producers} items={each} warmup=1 rounds=1 seed=1 "
                f"engines={engine} {self.more}").strip()


# A guest has one cache that all of its CPUs share, so the scope cache is the same as system, and is left out.
LOADS = (Load("roundtrip", "system", rounds=9), Load("roundtrip", "cpu", rounds=3, length=8),
         Load("roundtrip", "percpu"),
         Load("stream", "system", "in_flight=64", rounds=9, length=8),
         Load("stream", "percpu", "in_flight=64", length=8))
# What replaces the load of the same name in guests with more than two CPUs. There a round settles into one of more
# patterns, and this takes longer.
CROWDED = Load("roundtrip", "system", rounds=27, length=8)


def loads_of(cpus: int) -> list:
    """Return the loads that a guest of @cpus CPUs counts."""
    return [CROWDED if cpus > CPUS[0] and load.name == CROWDED.name else load for load in LOADS]


# What make check counts with every profile. Nearly no line moves in the first two, so they tell of any new one. Stream
# is left out: in one boot even the lowest round of a profile moved 18 % more lines than usual.
CHECKED = (Load("roundtrip", "percpu"), Load("roundtrip", "cpu"), Load("roundtrip", "system", rounds=3))


class Boot(moves.Watched):
    """One guest. It runs each load with each engine. The load says in how many rounds. @parameters are those of the
    module cmwq2."""

    def __init__(self, target: kernel.Kernel, files: list, cpus: int, engines: Sequence[str], loads: Sequence[Load],
                 items: int = ITEMS, turn_us: int = moves.TURN_US, parameters: str = ""):
        self.kinds = [(load, engine) for load in loads for engine in engines]
        most = max(load.rounds for load in loads)
        self.runs = [(load, engine) for number in range(most) for load, engine in self.kinds if number < load.rounds]
        self.items = items
        runs = ";".join(load.settings(engine, cpus, items * load.length) for load, engine in self.runs)
        super().__init__(target.booted_with(*cost.PARAMETERS), "icount",
                         modules.with_engine(files, "cmwq2_bench"),
                         {"ICOUNT_RUNS": runs, "ICOUNT_OWN": "", "ICOUNT_PARAMETERS": parameters}, cpus)
        self.turn_us = turn_us
        self.count(FUNCTIONS, SKIP * cpus, [items * load.length for load, _ in self.runs])

    def rounds_of(self, load: Load, engine: str) -> list:
        """Return what was counted in each round of @load with @engine."""
        return [found for run, found in zip(self.runs, self.found) if run == (load, engine)]

    def go(self, name: str) -> None:
        """Run the guest. Raises Problem if a run was not counted."""
        self.watch(name)
        assert self.run
        document = icount.bench_report.parse((self.run.results / "bench" / "0").read_text(), "x86", "tcg")
        if document["header"]["cpus"] != self.cpus:
            raise Problem(f"CPUS={self.cpus}: the guest has {document['header']['cpus']} CPUs")


def turn_knob(cpus: int) -> int:
    """Return the length of a turn of all @cpus CPUs that TURN= asks for, in microseconds, 0 for no limit. By default
    each CPU may execute 1000 instructions in a turn."""
    text = os.environ.get("TURN") or str(cpus)
    if not text.isdigit() or int(text) > MOST_US:
        raise Problem(f"TURN={text} is not known; allowed: 1 to {MOST_US} microseconds, or 0 for no limit")
    return int(text)


def cpus_knob() -> int:
    """Return the number of CPUs that CPUS= asks for."""
    text = os.environ.get("CPUS") or str(CPUS[0])
    if text not in map(str, CPUS):
        raise Problem(f"CPUS={text}: make lines counts in guests of {', '.join(map(str, CPUS))} CPUs")
    return int(text)


def report_file(vehicle: str, cpus: int) -> Path:
    """Return the file that the figures of @vehicle with @cpus CPUs are written to. Those of 2 CPUs have the short
    name."""
    return OUT / "lines" / vehicle / (f"lines-{cpus}.json" if cpus != CPUS[0] else "lines.json")


def load_name(name: str, cpus: int) -> str:
    """Return the name that the committed figures of a load have, which are those of guests of several sizes."""
    return name if cpus == CPUS[0] else f"{name}, {cpus} CPUs"


def figures(found: Mapping) -> dict:
    """Return the transfers of an item of @found, a document, by load and engine."""
    by_load: dict = {}
    for row in found["workloads"]:
        engines = by_load.setdefault(load_name(f"{row['workload']} {row['scope']}", found["cpus"]), {})
        engines[linefigures.label(row)] = {WHAT: row["transfers_per_item"]["median"]}
    return by_load


def without_the_smallest(one: dict, *both: dict) -> dict:
    """Return @one without the figures that are smaller than HARDLY in all of @both."""
    def small(load: str, engine: str) -> bool:
        return all(each.get(load, {}).get(engine, {}).get(WHAT, 0) < HARDLY for each in both)
    return {load: {engine: values for engine, values in engines.items() if not small(load, engine)}
            for load, engines in one.items()}


def changed(path: Path, this: icount.Subject, now: dict) -> tuple:
    """Compare with the committed figures in @path those engines that both have. Return why they cannot be compared or
    '', how many there are, and those that have changed."""
    whose, before = icount.committed(path, WHAT)
    reason = icount.not_compared(whose, this)
    if reason:
        return reason, 0, []
    before, now = (without_the_smallest(each, before, now) for each in icount.of_both(before, now))
    return "", *icount.changes(before, now, WHAT, TOLERANCE_PERCENT)


def compared(path: Path, this: icount.Subject, now: dict) -> tuple:
    """Return what to print about a comparison with the committed figures in @path, and the exit status."""
    reason, number, found = changed(path, this, now)
    if reason:
        return [f"SKIP  {reason}"], EXIT_PASSED
    worse = sum(each.worse for each in found)
    printed = [f"{'FAIL ' if each.worse else '      less:'} {each}" for each in found]
    return ([*printed, f"{number - worse} of {number} within {TOLERANCE_PERCENT:g} % of {shown(path)}"],
            EXIT_FAILED if worse else EXIT_PASSED)


def write(path: Path, this: icount.Subject, now: dict) -> None:
    """Write the figures @now to @path. Those of guests of other sizes stay there, if they are of the same build."""
    whose, before = icount.committed(path, WHAT)
    icount.write(path, this, {**(before if whose == this else {}), **now}, WHAT)
    say(f"\n{shown(path)} is written")


def write_usual(path: Path, found: Mapping) -> None:
    """Write the counts @found, those of the file @path, of the usual engines: for `make scale`, and those of 2 CPUs to
    the document."""
    usual = [icount.NATIVE, *(f"cmwq2:{name}" for name in PROFILES.split())]
    found = {**found, "workloads": [row for row in found["workloads"] if linefigures.label(row) in usual]}
    scale = SCALE / path.name
    write_atomically(scale, json.dumps(linefigures.summed(found), indent=1) + "\n")
    say(f"{shown(scale)} is written; make scale WRITE=1 predicts anew")
    if found["cpus"] == CPUS[0]:
        written.replace(DOCUMENT, path.stem, blocks.block(path.stem, "make lines", linefigures.summary(found)))


class Checked(Boot):
    """The guest of the row transfers of `make check`. It compares sums, which need no names."""

    named = False

    def __init__(self, target: kernel.Kernel, files: list, engines: Sequence[str] = (), parameters: str = ""):
        super().__init__(target, files, CPUS[0], engines or icount.all_engines(), CHECKED, parameters=parameters)

    def boot(self) -> None:
        """Run the guest. Raises Problem if it does not count."""
        self.go(f"transfers-{self.target.vehicle.name}")

    def lowest(self) -> dict:
        """Return the fewest transfers of an item in a round, by load and engine, so that a round that settles into a
        pattern of its own does not count."""
        found: dict = {}
        for load, engine in self.kinds:
            fewest = min(each.total for each in self.rounds_of(load, engine))
            found.setdefault(load.name, {})[engine] = {WHAT: round(fewest, 3)}
        return found


def judge(counted: Checked) -> tuple:
    """Return passed and failed comparisons for `make check`, and further lines to print."""
    count, more = ktap.Count(), []
    path = icount.committed_file(counted.target.vehicle.name, "lines")
    reason, number, found = changed(path, icount.subject(counted.target), counted.lowest())
    if reason:
        count.skipped, count.reasons = 1, [reason]
    else:
        count.failures = [str(each) for each in found if each.worse]
        count.failed = len(count.failures)
        count.passed = number - count.failed
        more = ["make lines WRITE=1 renews the figures"] if count.failed else []
    return count, more


def _others(target: kernel.Kernel, files: list, engines: Sequence[str]) -> Boot:
    """Return a boot with the profiles that are not among @engines, because `make check` compares every profile."""
    boot = Boot(target, files, CPUS[0], [name for name in icount.all_engines() if name not in engines], CHECKED)
    boot.named = False
    return boot


def _go(boots: Mapping) -> None:
    """Run the guests of @boots, by their names, side by side, one on each CPU of this machine. QEMU executes all CPUs
    of a guest in one thread, which changes over to another one at the end of each turn, so a guest is at work on one
    CPU at a time. If both threads stay on it, none of them has to be woken on another CPU."""
    free: queue.SimpleQueue = queue.SimpleQueue()
    cpus = sorted(os.sched_getaffinity(0))
    for cpu in cpus:
        free.put(cpu)

    def job(name: str) -> None:
        cpu = free.get()
        try:
            # This holds for the calling thread, and for what it starts.
            os.sched_setaffinity(0, {cpu})
            boots[name].go(name)
        finally:
            free.put(cpu)
    guest.side_by_side([partial(job, name) for name in boots], len(cpus))


def lines(vehicle: str) -> int:
    """Count, print the tables, write lines.json, and compare with the committed figures, which WRITE=1 replaces first.
    Return the exit status."""
    start, writes, cpus = time.monotonic(), flag_knob("WRITE"), cpus_knob()
    engines = icount.engines_of(PROFILES)
    turn_us = turn_knob(cpus)
    number, items = count_knob("BOOTS", BOOTS), count_knob("ITEMS", ITEMS)
    path = report_file(vehicle, cpus)
    path.unlink(missing_ok=True)
    target = icount.built(vehicle, "lines")
    files = modules.build(target)
    loads = loads_of(cpus)
    boots = [Boot(target, files, cpus, engines, loads, items, turn_us) for _ in range(number)]
    others = [_others(target, files, engines)] if writes and cpus == CPUS[0] else []
    _go({f"lines-{vehicle}-{each + 1}": boot for each, boot in enumerate([*boots, *others])})
    found, this = linefigures.document(boots), icount.subject(target)
    say(f"\nCache lines that move between CPUs, for each item: medians of {number} boots, {cpus} CPUs, as many "
        f"producers\n{this}, {qemu.provide()} {accel.TCG_SINGLE}, {' '.join(moves.ICOUNT)}, turns of {turn_us} us")
    for load in loads:
        rows = [row for row in found["workloads"] if (row["workload"], row["scope"]) == (load.workload, load.scope)]
        say(f"\n{load.workload}, {load.scope}: rounds of {rows[0]['items']} items, {load.rounds} in a boot\n"
            f"{linefigures.table(rows)}")
        if linefigures.elsewhere(rows):
            say(f"Moved although no CPU had written to the field, for an item:\n{linefigures.elsewhere(rows)}")
    found["subject"] = dataclasses.asdict(this)
    write_atomically(path, json.dumps(found, indent=1) + "\n")
    status, committed = EXIT_PASSED, icount.committed_file(vehicle, "lines")
    if writes:
        rest = figures(linefigures.document(others)) if others else {}
        write(committed, this, {load: {**mine, **rest.get(load, {})} for load, mine in figures(found).items()})
    if writes and vehicle == icount.VEHICLES[0]:
        write_usual(path, found)
    if turn_us == cpus:
        printed, status = compared(committed, this, figures(found))
        say("\n" + "\n".join(printed))
    say(f"\n{shown(path)}, {took(start)}")
    return status
