# SPDX-License-Identifier: GPL-2.0
"""`make lines`: counts how many cache lines move between CPUs for each item, by structure and field, for native and for
profiles.

A QEMU plugin follows which CPU has a copy of which line. The CPUs of the guest take short turns, and its clocks count
instructions, so that neither the load nor the number of this machine's CPUs matters."""

import dataclasses
import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from base.common import (
    EXIT_FAILED,
    EXIT_PASSED,
    OUT,
    Problem,
    aligned,
    count_knob,
    flag_knob,
    say,
    shown,
    took,
    write_atomically,
)
from build import kernel, modules, qemu
from looks import moves
from machines import accel, linecount
from verbs import cost, icount

VERSION = 1
CPUS = (2, 4, 8)
BOOTS, ITEMS = 3, 1000
PROFILES = "mainline-7.3 shared"
WHAT = "transfers"
# A committed figure may have grown by this much. Boots differ by up to 10 % for stream, and by less for the rest.
TOLERANCE_PERCENT = 10.0
# Loads that move hardly any line are not compared as long as they move fewer than this for an item.
HARDLY = 0.5
# The items that each producer has queued before the plugin counts.
SKIP = 50
# The longest turn.
MOST_US = 100000
# A field is listed if its lines move this often for an item of one of the engines.
LEAST = 0.5
# The functions that each engine queues an item with, in cmwq2_bench.
QUEUE = ("bench_native_queue", "bench_cmwq2_queue")


@dataclasses.dataclass(frozen=True)
class Load:
    """A workload on one kind of queue. @scope: that of an unbound queue, or percpu."""

    workload: str
    scope: str
    more: str = ""

    def settings(self, engine: str, producers: int, items: int) -> str:
        """Return the settings of a run in which the plugin can count @items items."""
        queue = "queue=percpu" if self.scope == "percpu" else f"queue=unbound scope={self.scope}"
        each = SKIP + items // producers + SKIP
        return (f"workload={self.workload} {queue} producers={producers} items={each} warmup=1 rounds=1 seed=1 "
                f"engines={engine} {self.more}").strip()


LOADS = (Load("roundtrip", "system"), Load("roundtrip", "cache"), Load("roundtrip", "cpu"), Load("roundtrip", "percpu"),
         Load("stream", "system", "in_flight=64"), Load("stream", "percpu", "in_flight=64"))


class Boot(moves.Watched):
    """One guest that runs each load with each engine."""

    def __init__(self, target: kernel.Kernel, files: list, cpus: int, engines: Sequence[str], loads: Sequence[Load],
                 items: int = ITEMS, turn_us: int = moves.TURN_US):
        self.runs = [(load, engine) for load in loads for engine in engines]
        self.items = items
        runs = ";".join(load.settings(engine, cpus, items) for load, engine in self.runs)
        super().__init__(target.booted_with(*cost.PARAMETERS), "icount",
                         modules.with_engine(files, "cmwq2_bench"),
                         {"ICOUNT_RUNS": runs, "ICOUNT_OWN": "", "ICOUNT_PARAMETERS": ""}, cpus)
        self.turn_us = turn_us
        self.count(QUEUE, SKIP * cpus, items)

    def go(self, name: str) -> None:
        """Run the guest. Raises Problem if a run was not counted."""
        self.watch(name, len(self.runs))
        assert self.run
        document = icount.bench_report.parse((self.run.results / "bench" / "0").read_text(), "x86", "tcg")
        if document["header"]["cpus"] != self.cpus:
            raise Problem(f"CPUS={self.cpus}: the guest has {document['header']['cpus']} CPUs")


def spread(values: Sequence[float]) -> dict:
    """Return median, lowest and highest of one figure of several boots."""
    return {"median": round(statistics.median(values), 3), "low": round(min(values), 3), "high": round(max(values), 3)}


def by_field(boots: Sequence[moves.Counted]) -> list:
    """Return the fields whose lines move, most often first. The figures are medians over the boots."""
    fields: dict = {}
    for boot in boots:
        for structure, field, cause in boot.fields:
            fields.setdefault((structure, field), set()).add(cause)
    found = []
    for (structure, field), causes in fields.items():
        def median(cause: str, place: tuple = (structure, field)) -> float:
            return statistics.median(boot.fields.get((*place, cause), 0) for boot in boots)
        by_cause = {cause: round(median(cause), 3) for cause in linecount.CAUSES if cause in causes}
        users: dict = {}
        for boot in boots:
            for (one, other, function), times in boot.functions.items():
                if (one, other) == (structure, field):
                    users[function] = users.get(function, 0) + times / len(boots)
        found.append({"structure": structure, "field": field,
                      "transfers_per_item": round(sum(by_cause.values()), 3), "by_cause": by_cause,
                      "by_function": {name: round(users[name], 3) for name in sorted(users, key=lambda n: -users[n])}})
    return sorted(found, key=lambda each: (-each["transfers_per_item"], each["structure"], each["field"]))


def document(boots: Sequence[Boot]) -> dict:
    """Return what the boots have counted, in the form that lines.json has."""
    workloads = []
    for number, (load, engine) in enumerate(boots[0].runs):
        found = [boot.found[number] for boot in boots]
        name, _, profile = engine.partition(":")
        workloads.append({
            "workload": load.workload, "scope": load.scope, "engine": name, "profile": profile or None,
            "items": boots[0].items, "transfers_per_item": spread([each.total for each in found]),
            "under_lock": spread([each.under_lock for each in found]),
            "in_timer": spread([each.in_timer for each in found]), "by_field": by_field(found)})
    return {"version": VERSION, "cpus": boots[0].cpus, "boots": len(boots), "turn_us": boots[0].turn_us,
            "workloads": workloads}


def label(row: Mapping) -> str:
    """Return the name of a row's engine, such as native or cmwq2:shared."""
    return f"{row['engine']}:{row['profile']}" if row["profile"] else row["engine"]


def table(rows: Sequence[Mapping]) -> str:
    """Return the figures of one load as a table for people. @rows: entries of lines.json, one for each engine."""
    fields: dict = {}
    for number, row in enumerate(rows):
        for each in row["by_field"]:
            cells = fields.setdefault((each["structure"], each["field"]), [0.0] * len(rows))
            cells[number] = each["transfers_per_item"]
    lines = [("structure", "field", *(label(row) for row in rows))]
    listed = sorted((place for place in fields if max(fields[place]) >= LEAST),
                    key=lambda place: (-max(fields[place]), place))
    for place in listed:
        lines.append((*place, *(f"{value:.2f}" for value in fields[place])))
    rest = [sum(cells[number] for place, cells in fields.items() if place not in listed) for number in range(len(rows))]
    lines.append(("all others", "", *(f"{value:.2f}" for value in rest)))
    for title, key in (("all of it", "transfers_per_item"), ("with a lock held", "under_lock")):
        lines.append((title, "", *(f"{row[key]['median']:.2f}" for row in rows)))
    lines.append(("boots", "", *(f"{row['transfers_per_item']['low']:.2f}..{row['transfers_per_item']['high']:.2f}"
                                 for row in rows)))
    return aligned(lines, 2)


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


def figures(found: Mapping) -> dict:
    """Return the transfers of an item of @found, a document, by load and engine."""
    by_load: dict = {}
    for row in found["workloads"]:
        engines = by_load.setdefault(f"{row['workload']} {row['scope']}", {})
        engines[label(row)] = {WHAT: row["transfers_per_item"]["median"]}
    return by_load


def without_the_smallest(one: dict, *both: dict) -> dict:
    """Return @one without the figures that are smaller than HARDLY in all of @both."""
    def small(load: str, engine: str) -> bool:
        return all(each.get(load, {}).get(engine, {}).get(WHAT, 0) < HARDLY for each in both)
    return {load: {engine: values for engine, values in engines.items() if not small(load, engine)}
            for load, engines in one.items()}


def compared(path: Path, this: icount.Subject, now: dict) -> tuple:
    """Compare with the committed figures in @path those engines that both have. Return what to print, and the exit
    status."""
    whose, before = icount.committed(path, WHAT)
    reason = icount.not_compared(whose, this)
    if reason:
        return [f"SKIP  {reason}"], EXIT_PASSED
    before, now = (without_the_smallest(each, before, now) for each in icount.of_both(before, now))
    number, changed = icount.changes(before, now, WHAT, TOLERANCE_PERCENT)
    worse = sum(each.worse for each in changed)
    printed = [f"{'FAIL ' if each.worse else '      less:'} {each}" for each in changed]
    return ([*printed, f"{number - worse} of {number} within {TOLERANCE_PERCENT:g} % of {shown(path)}"],
            EXIT_FAILED if worse else EXIT_PASSED)


def lines(vehicle: str) -> int:
    """Count, print the tables, write lines.json, and compare with the committed figures, which WRITE=1 replaces first.
    Return the exit status."""
    start, engines, cpus = time.monotonic(), icount.engines_of(PROFILES), cpus_knob()
    turn_us = turn_knob(cpus)
    number, items = count_knob("BOOTS", BOOTS), count_knob("ITEMS", ITEMS)
    path = report_file(vehicle, cpus)
    path.unlink(missing_ok=True)
    target = icount.built(vehicle, "lines")
    files = modules.build(target)
    boots = []
    for each in range(number):
        boots.append(Boot(target, files, cpus, engines, LOADS, items, turn_us))
        boots[-1].go(f"lines-{vehicle}-{each + 1}")
    found, this = document(boots), icount.subject(target)
    say(f"\nCache lines that move between CPUs, for each item: medians of {number} boots x {items} items, {cpus} CPUs, "
        f"as many producers\n{this}, {qemu.provide()} {accel.TCG_SINGLE}, {' '.join(moves.ICOUNT)}, "
        f"turns of {turn_us} us")
    for load in LOADS:
        rows = [row for row in found["workloads"] if (row["workload"], row["scope"]) == (load.workload, load.scope)]
        say(f"\n{load.workload}, {load.scope}\n{table(rows)}")
    write_atomically(path, json.dumps({**found, "subject": dataclasses.asdict(this)}, indent=1) + "\n")
    status, committed = EXIT_PASSED, icount.committed_file(vehicle, "lines")
    if flag_knob("WRITE"):
        icount.write(committed, this, figures(found), WHAT)
        say(f"\n{shown(committed)} is written")
    if cpus == turn_us == CPUS[0]:
        printed, status = compared(committed, this, figures(found))
        say("\n" + "\n".join(printed))
    say(f"\n{shown(path)}, {took(start)}")
    return status
