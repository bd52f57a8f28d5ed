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
from pathlib import Path

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


def _spread(values: list) -> str:
    return f"{statistics.median(values):,.0f} [{min(values):,}..{max(values):,}]"


def table(rows: list) -> str:
    """Return @rows as a table for people."""
    heads = ("scope", "figure", "cmwq2_bench [min..max]", "lib/test_workqueue [min..max]", "ratio [95 %]")
    cells = [heads] + [(scope, FIGURES[figure], *(("", "") if values is None else
                                                  (_spread(values["ours"]), _spread(values["own"]))), str(comparison))
                       for scope, figure, values, comparison in rows]
    return aligned(cells, 2)


def _knob(name: str, default: int, most: int) -> int:
    value = count_knob(name, default)
    if value > most:
        raise Problem(f"{name}={value}: allowed: 1 to {most}")
    return value


def baseline(name: str) -> int:
    """Measure, print, write out/baseline/VM.json, and return the exit status."""
    start, load = time.monotonic(), bench_host.busy()
    report = OUT / "baseline" / f"{kernel.vehicle(name).name}.json"
    report.unlink(missing_ok=True)
    rounds = _knob("ROUNDS", bench_set.ROUNDS, MOST_ROUNDS)
    threads = _knob("PRODUCERS", guest.CPUS, guest.CPUS)
    _knob("ITEMS", ITEMS, MOST_ITEMS)
    need_space(OUT, 0.1)
    packages.require("build", "guest")
    target = kernel.provide(kernel.vehicle(name))
    accelerator = accel.accelerator(target)
    items = _knob("ITEMS", ITEMS_TCG if accelerator.startswith("tcg") else ITEMS, MOST_ITEMS)
    benchmark = target.build / kernel.BENCHMARK
    if not benchmark.exists():
        raise Problem(f"Linux {target.release} has no {kernel.BENCHMARK}: 7.1 and later do")
    files = modules.with_engine(modules.build(target), "cmwq2_bench")
    run = guest.run_job(target, "baseline", f"baseline-{target.vehicle.name}", [*files, benchmark], {
        "ROUNDS": rounds, "SCOPES": " ".join(SCOPES), "OWN": f"nr_threads={threads} wq_items={items}",
        # No warmup, because lib/test_workqueue has none either.
        "OURS": f"workload=roundtrip queue=unbound engines=native rounds=1 warmup=0 producers={threads} items={items} "
                "seed=1"}, limit=LIMIT)
    guest.must_pass(run)
    found = figures(run.results, rounds)
    rows = compared(found)
    shown_rate = next(comparison for scope, figure, _, comparison in rows if (scope, figure) == ("all", "rate"))
    passed, said = verdict(shown_rate)
    config = bench_document.config_hash(bench_document.config_text(target.build / ".config"))
    say(f"\nNative's roundtrip, {rounds} rounds of both in turns, {threads} threads, {items} items each\n"
        f"{target.vehicle.name} ({accelerator}) on {bench_document.host_cpu()}, kernel {target.release}, configuration "
        f"{config}\n\n{table(rows)}\n")
    for text in load:
        say(f"Caution: {text}.")
    say(f"{'PASS' if passed else 'FAIL'}  items/s over all scopes: {shown_rate}: {said}")
    write_atomically(report, json.dumps({
        "schema": SCHEMA, "vehicle": target.vehicle.name, "accelerator": accelerator, "kernel": target.release,
        "config": config, "host": bench_document.host_cpu(),
        "cpus": guest.CPUS, "threads": threads, "rounds": rounds, "items": items,
        "conditions": load, "figures": found, "passed": passed, "verdict": said,
        "ratios": [{"scope": scope, "figure": figure, "ratio": each.ratio, "low": each.low, "high": each.high}
                   for scope, figure, _, each in rows]}, indent=1) + "\n")
    say(f"{shown(report)}, {took(start)}")
    return EXIT_PASSED if passed else EXIT_FAILED
