# SPDX-License-Identifier: GPL-2.0
"""`make baseline`: what our harness costs by the clock on the wall. Native's roundtrip through cmwq2_bench and through
the kernel's own lib/test_workqueue, in turns in one boot, with as many threads and items on the same scopes.

What `make icount` says of the same in instructions needs no quiet machine; this does."""

import json
import re
import statistics
import sys
import time
from pathlib import Path

import accel
import guest
import kernel
import modules
import packages
from common import (EXIT_FAILED, EXIT_PASSED, OUT, ROOT, Problem, aligned, count_knob, need_space, say, shown, took,
                    write_atomically)

sys.path.append(str(ROOT / "tools"))
import bench_document   # noqa: E402
import bench_host       # noqa: E402
import bench_report     # noqa: E402
import bench_set        # noqa: E402
import bench_stats      # noqa: E402

SCHEMA = 1
# What ours may differ by, either way.
WITHIN_PERCENT = 3.0
# As many as it has by default: until its threads are made and gone is in its time. Emulated CPUs take longer.
ITEMS, ITEMS_TCG = 50000, 20000
MOST_ITEMS, MOST_ROUNDS = 1000000, 1000
# In the order in which lib/test_workqueue has them.
SCOPES = ("cpu", "smt", "cache_shard", "cache", "numa", "system")
FIGURES = {"rate": "items/s", "call": "p50 of the call, ns"}
# Seconds for a round, on UML.
LIMIT = 120


def parse_own(text: str) -> dict:
    """The figures of each scope, out of what lib/test_workqueue says."""
    found = re.findall(r"^([a-z_]+) +([0-9]+) items/sec\s+p50=([0-9]+)\b", text, re.MULTILINE)
    return {scope: {"rate": int(rate), "call": int(call)} for scope, rate, call in found}


def parse_ours(text: str) -> dict:
    """The same out of a result of one round. All items by the time of all, as the other one counts them."""
    document = bench_report.parse(text)
    header, record = document["header"], document["rounds"][0]
    return {"rate": round(1e9 * header["producers"] * header["items"] / record["span_ns"]), "call": record["p50_ns"]}


def figures(results: Path, rounds: int) -> dict:
    """By scope and figure the values of both, round by round: all of them, or a Problem."""
    found: dict = {scope: {figure: {"ours": [], "own": []} for figure in FIGURES} for scope in SCOPES}
    for number in range(rounds):
        try:
            own = parse_own((results / "own" / str(number)).read_text())
            ours = {scope: parse_ours((results / "ours" / f"{number}.{scope}").read_text()) for scope in SCOPES}
        except (OSError, bench_report.ResultError) as error:
            raise Problem(f"round {number}: {error}") from None
        for scope in SCOPES:
            if not all(own.get(scope, {}).values()) or scope not in own:
                raise Problem(f"round {number}: lib/test_workqueue has said nothing of scope {scope}")
            for figure in FIGURES:
                found[scope][figure]["ours"].append(ours[scope][figure])
                found[scope][figure]["own"].append(own[scope][figure])
    return found


def compared(found: dict) -> list:
    """A row for each scope and figure, then one for all scopes: each round has one ratio, the median of its scopes."""
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
    """Whether ours is shown to be within WITHIN_PERCENT, and what to say."""
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
    """@rows for people."""
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
    """Measure, print, leave out/baseline/VM.json; the exit status."""
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
    files = [path for path in modules.build(target) if path.name in ("cmwq2.ko", "cmwq2_bench.ko")]
    run = guest.run_job(target, "baseline", f"baseline-{target.vehicle.name}", [*files, benchmark], {
        "ROUNDS": rounds, "SCOPES": " ".join(SCOPES), "OWN": f"nr_threads={threads} wq_items={items}",
        # It does not warm up either.
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
