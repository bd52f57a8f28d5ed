# SPDX-License-Identifier: GPL-2.0
"""`make baseline`: measures in wall clock time what our benchmark itself costs. It runs native's roundtrip in
cmwq2_bench and in the kernel's own lib/test_workqueue, alternating in one boot, with the same scopes and the same
numbers of threads and items.

`make icount` measures the same in instructions. It works on a busy machine, too; `make baseline` needs a
quiet one."""

import json
import re
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from base.common import (
    EXIT_FAILED,
    EXIT_PASSED,
    OUT,
    ROOT,
    Problem,
    aligned,
    count_knob,
    need_space,
    say,
    shown,
    took,
    write_atomically,
)
from build import kernel, modules, packages
from machines import accel, guest

sys.path.append(str(ROOT / "tools"))
from benchmark import documents as bench_document  # noqa: E402
from benchmark import host as bench_host  # noqa: E402
from benchmark import results as bench_report  # noqa: E402
from benchmark import sets as bench_set  # noqa: E402
from benchmark import stats as bench_stats  # noqa: E402

SCHEMA = 1
# Our figures may differ by this much, up or down.
WITHIN_PERCENT = 3.0
# The default of lib/test_workqueue, whose time includes creating and ending its threads. Emulated CPUs take longer, so
# they get fewer.
ITEMS, ITEMS_TCG = 50000, 20000
MOST_ITEMS, MOST_ROUNDS = 1000000, 1000
# The scopes in the order of lib/test_workqueue.
SCOPES = ("cpu", "smt", "cache_shard", "cache", "numa", "system")
FIGURES = {"rate": "items/s", "call": "p50 of the call, ns"}
# Seconds that a round may take on UML.
LIMIT = 120


def parse_own(text: str) -> dict:
    """Return the figures of each scope from the output of lib/test_workqueue."""
    found = re.findall(r"^([a-z_]+) +([0-9]+) items/sec\s+p50=([0-9]+)\b", text, re.MULTILINE)
    return {scope: {"rate": int(rate), "call": int(call)} for scope, rate, call in found}


def parse_ours(text: str) -> dict:
    """Return the same figures from our result of one round. The rate is all items by the time of all, as in
    lib/test_workqueue."""
    document = bench_report.parse(text)
    header, record = document["header"], document["rounds"][0]
    return {"rate": round(1e9 * header["producers"] * header["items"] / record["span_ns"]), "call": record["p50_ns"]}


def figures(results: Path, rounds: int) -> dict:
    """Return the values of both benchmarks for each round, by scope and figure. Raises Problem if one is missing."""
    found: dict = {scope: {figure: {"ours": [], "own": []} for figure in FIGURES} for scope in SCOPES}
    for number in range(rounds):
        try:
            own = parse_own((results / "own" / str(number)).read_text())
            ours = {scope: parse_ours((results / "ours" / f"{number}.{scope}").read_text()) for scope in SCOPES}
        except (OSError, bench_report.ResultError) as error:
            raise Problem(f"round {number}: {error}") from None
        for scope in SCOPES:
            if not all(own.get(scope, {}).values()) or scope not in own:
                raise Problem(f"round {number}: lib/test_workqueue has printed no result of scope {scope}")
            for figure in FIGURES:
                found[scope][figure]["ours"].append(ours[scope][figure])
                found[scope][figure]["own"].append(own[scope][figure])
    return found


def compared(found: dict) -> list:
    """Return a row for each scope and figure, and then for each figure a row for all scopes, in which the ratio of a
    round is the median over its scopes."""
    rows, all_of = [], {figure: [] for figure in FIGURES}       # type: ignore
    for scope, of_scope in found.items():
        for figure, values in of_scope.items():
            comparison = bench_stats.paired(values["ours"], values["own"])
            rows.append((scope, figure, values, comparison))
            all_of[figure].append([ours / own for ours, own in zip(values["ours"], values["own"])])
    for figure, ratios in all_of.items():
        middle = [statistics.median(of_round) for of_round in zip(*ratios)]
        rows.append(("all", figure, None, bench_stats.paired(middle, [1.0] * len(middle))))
    return rows


def verdict(comparison: bench_stats.Comparison) -> tuple:
    """Return whether ours is shown to be within WITHIN_PERCENT, and the sentence to print."""
    low, high = 1 - WITHIN_PERCENT / 100, 1 + WITHIN_PERCENT / 100
    if comparison.low is None or comparison.high is None:
        return False, f"nothing shown: an interval needs {bench_stats.FEWEST} rounds"
    if comparison.low > high or comparison.high < low:
        return False, f"not within {WITHIN_PERCENT:g} %"
    if comparison.low < low or comparison.high > high:
        return False, f"nothing shown: the interval goes beyond {WITHIN_PERCENT:g} %; more ROUNDS, or a quiet machine"
    return True, f"within {WITHIN_PERCENT:g} %"


def spread(values: list) -> str:
    """Return the median of @values with their extremes, as text."""
    return f"{statistics.median(values):,.0f} [{min(values):,}..{max(values):,}]"


def table(rows: list) -> str:
    """Return @rows as a table for people."""
    heads = ("scope", "figure", "cmwq2_bench [min..max]", "lib/test_workqueue [min..max]", "ratio [95 %]")
    cells = [heads] + [(scope, FIGURES[figure], *(("", "") if values is None else
                                                  (spread(values["ours"]), spread(values["own"]))), str(comparison))
                       for scope, figure, values, comparison in rows]
    return aligned(cells, 2)


def _knob(name: str, default: int, most: int) -> int:
    value = count_knob(name, default)
    if value > most:
        raise Problem(f"{name}={value}: allowed: 1 to {most}")
    return value


@dataclass(frozen=True)
class Setup:
    """What is measured on, and how much."""

    target: kernel.Kernel
    accelerator: str
    rounds: int
    threads: int
    items: int      # that each thread queues
    load: list      # what else the machine did at the start

    @property
    def own(self) -> str:
        """The parameters of lib/test_workqueue."""
        return f"nr_threads={self.threads} wq_items={self.items}"

    @property
    def config(self) -> Optional[str]:
        """The hash of the kernel's configuration, or None."""
        return bench_document.config_hash(bench_document.config_text(self.target.build / ".config"))

    def __str__(self) -> str:
        return (f"{self.rounds} rounds of both in turns, {self.threads} threads, {self.items} items each\n"
                f"{self.target.vehicle.name} ({self.accelerator}) on {bench_document.host_cpu()}, kernel "
                f"{self.target.release}, configuration {self.config}")

    def document(self) -> dict:
        """Return what the JSON file says of it."""
        return {"schema": SCHEMA, "vehicle": self.target.vehicle.name, "accelerator": self.accelerator,
                "kernel": self.target.release, "config": self.config, "host": bench_document.host_cpu(),
                "cpus": guest.CPUS, "threads": self.threads, "rounds": self.rounds, "items": self.items,
                "conditions": self.load}


def setup(name: str) -> Setup:
    """Read the knobs and provide the kernel of the vehicle @name. Raises Problem if it lacks the kernel's benchmark."""
    load = bench_host.busy()
    rounds = _knob("ROUNDS", bench_set.ROUNDS, MOST_ROUNDS)
    threads = _knob("PRODUCERS", guest.CPUS, guest.CPUS)
    _knob("ITEMS", ITEMS, MOST_ITEMS)
    need_space(OUT, 0.1)
    packages.require("build", "guest")
    target = kernel.provide(kernel.vehicle(name))
    accelerator = accel.accelerator(target)
    items = _knob("ITEMS", ITEMS_TCG if accelerator.startswith("tcg") else ITEMS, MOST_ITEMS)
    if not (target.build / kernel.BENCHMARK).exists():
        raise Problem(f"Linux {target.release} has no {kernel.BENCHMARK}: 7.1 and later do")
    return Setup(target, accelerator, rounds, threads, items, load)


def conclude(report: Path, of: Setup, text: str, passed: bool, said: str, more: dict) -> int:
    """Print the table @text and the verdict @said, write the file @report, and return the exit status."""
    say(f"\n{text}\n")
    for each in of.load:
        say(f"Caution: {each}.")
    say(f"{'PASS' if passed else 'FAIL'}  {said}")
    write_atomically(report, json.dumps({**of.document(), "passed": passed, "verdict": said, **more}, indent=1) + "\n")
    say(shown(report))
    return EXIT_PASSED if passed else EXIT_FAILED


def baseline(name: str) -> int:
    """Measure, print, write out/baseline/VM.json, and return the exit status."""
    start = time.monotonic()
    report = OUT / "baseline" / f"{kernel.vehicle(name).name}.json"
    report.unlink(missing_ok=True)
    on = setup(name)
    files = modules.with_engine(modules.build(on.target), "cmwq2_bench")
    run = guest.run_job(on.target, "baseline", f"baseline-{on.target.vehicle.name}",
                        [*files, on.target.build / kernel.BENCHMARK], {
        "ROUNDS": on.rounds, "SCOPES": " ".join(SCOPES), "OWN": on.own,
        # No warmup, because lib/test_workqueue has none either.
        "OURS": f"workload=roundtrip queue=unbound engines=native rounds=1 warmup=0 producers={on.threads} "
                f"items={on.items} seed=1"}, limit=LIMIT)
    guest.must_pass(run)
    found = figures(run.results, on.rounds)
    rows = compared(found)
    shown_rate = next(comparison for scope, figure, _, comparison in rows if (scope, figure) == ("all", "rate"))
    passed, said = verdict(shown_rate)
    return conclude(report, on, f"Native's roundtrip, {on}\n\n{table(rows)}", passed,
                    f"items/s over all scopes: {shown_rate}: {said}, {took(start)}", {
        "figures": found,
        "ratios": [{"scope": scope, "figure": figure, "ratio": each.ratio, "low": each.low, "high": each.high}
                   for scope, figure, _, each in rows]})
