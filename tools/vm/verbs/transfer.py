# SPDX-License-Identifier: GPL-2.0
"""`make transfer`: builds a kernel whose own workqueue has the policies of cmwq2 that tools/upstream has edits for, and
compares in one boot what each policy gains in the kernel with what it gains in cmwq2."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from base.common import EXIT_PASSED, OUT, ROOT, Problem, count_knob, say, shown, took, write_atomically
from build import kernel, modules, patched, source
from machines import accel, guest
from verbs import bench, written

sys.path.append(str(ROOT / "tools"))
import blocks  # noqa: E402
from benchmark import host as bench_host  # noqa: E402
from benchmark import results as bench_report  # noqa: E402
from benchmark import sets as bench_set  # noqa: E402
from upstream import transfer as twins  # noqa: E402

HOME = OUT / "transfer"
DOCUMENT = ROOT / "Documentation/transfer.rst"
VEHICLES = ("uml", "x86")
# The runs of `make bench` that are compared: those that a shared pool decides, and two where nothing is shared.
WORKLOADS = ("roundtrip", "batch", "fanout", "busy")
RUNS = ("roundtrip percpu", "roundtrip cpu", "roundtrip cache", "roundtrip system", "batch unbound 1 burn 5",
        "batch unbound 64 burn 0", "batch unbound 64 burn 5", "fanout 64 burn 5", "busy 20")
# Seconds that a round may take on UML.
LIMIT = 120
BASE = "mainline-7.3"


def chosen(text: str) -> dict:
    """Return the policies that @text names, all if it is empty, each with a list of its parameters. Raises Problem for
    another word."""
    return patched.parameters(text, patched.edits().values())


def _plans(slow: int) -> list:
    wanted = bench_set.Wanted(WORKLOADS, ("mainline-7.3",), 1, 1, False, slow)
    return [plan for plan in bench_set.plans(wanted) if plan.title in RUNS]


def _settings(plan: bench_set.Plan) -> str:
    return " ".join(f"{key}={value}" for key, value in plan.settings.items() if key not in ("engines", "seed"))


def _turn(path: Path) -> dict:
    """Return the figures of each engine from a result of one round."""
    document = bench_report.parse(path.read_text())
    return {name.partition(":")[0]: record for name, record in
            zip(document["header"]["engines"], sorted(document["rounds"], key=lambda each: each["engine"]))}


def rounds_of(results: Path, number: int, rounds: int) -> list:
    """Return the records of each round of run @number, by the turns of transfer.TURNS. Raises Problem if a result is
    missing."""
    found = []
    for index in range(rounds):
        turns = {}
        for state in ("off", "on"):
            path = results / "transfer" / str(number) / f"{index}.{state}"
            try:
                turns.update({f"{engine} {state}": record for engine, record in _turn(path).items()})
            except (OSError, bench_report.ResultError) as error:
                raise Problem(f"{shown(path)}: {error}") from None
        found.append(turns)
    return found


def rows_of(policy: str, plans: Sequence, boots: Sequence) -> list:
    """Return the rows of @policy. @boots has for each boot the rounds of each plan."""
    found = []
    for number, plan in enumerate(plans):
        for figure in twins.FIGURES:
            values = [[{turn: record.get(figure) for turn, record in each.items()} for each in boot[number]]
                      for boot in boots]
            found.append(twins.row(policy, plan.title, figure, values))
    return [each for each in found if each]


def _boot(target: kernel.Kernel, files: list, plans: Sequence, parameters: Sequence, policy: str, seed: int,
          rounds: int) -> list:
    """Boot @target once, and return the rounds of each plan."""
    run = guest.run_job(target, "transfer", f"transfer-{target.vehicle.name}", files, {
        "TRANSFER_RUNS": ";".join(map(_settings, plans)), "PARAMETERS": " ".join(parameters), "ROUNDS": rounds,
        "TRANSFER_OFF": f"native,cmwq2:{BASE}", "TRANSFER_ON": f"native,cmwq2:{policy}", "FIRST_SEED": seed},
        limit=LIMIT)
    guest.must_pass(run)
    return [rounds_of(run.results, number, rounds) for number in range(len(plans))]


def _text(where: str, rows: Sequence, load: Sequence) -> str:
    lines = [where, "", *twins.table(rows), ""]
    ranks = twins.ranks(rows)
    lines += ["The policies in the order of their gains in items/s:", *ranks, ""] if ranks else []
    lines += [f"Caution: {text}." for text in load]
    return "\n".join([*lines, twins.summary(rows)])


def transfer(name: str, policy: str, write: bool) -> int:
    """Measure the policies that @policy names on vehicle @name, print and write the result. Return the exit status."""
    start, load = time.monotonic(), bench_host.busy()
    if name not in VEHICLES:
        raise Problem(f"VM={name} is not known; allowed: {', '.join(VEHICLES)}")
    wanted, seed = chosen(policy), count_knob("SEED", int(time.time()) % 2**31 or 1)
    rounds, boots = bench_set.check_rounds(count_knob("ROUNDS", bench_set.ROUNDS), "ROUNDS"), count_knob("BOOTS", 1)
    report = HOME / f"{name}.json"
    report.unlink(missing_ok=True)
    target = patched.provide(name, patched.chosen("all"))
    accelerator = accel.accelerator(target)
    files = modules.with_engine(modules.build(target), "cmwq2_bench")
    plans = _plans(bench.TCG_SLOWER if accelerator.startswith("tcg") else 1)
    rows = []
    for each, parameters in wanted.items():
        measured = []
        for boot in range(boots):
            say(f"  {each}: boot {boot + 1} of {boots}, {rounds} rounds of {len(plans)} runs")
            measured.append(_boot(target, files, plans, parameters, each, seed + 1000 * boot, rounds))
        rows += rows_of(each, plans, measured)
    where = (f"{name} ({accelerator}), kernel {target.release} with edits, {guest.CPUS} CPUs, "
             f"{boots} boot{'s' * (boots > 1)} of {rounds} rounds, seed {seed}, {time.strftime('%Y-%m-%d')}")
    text = _text(where, rows, load)
    say(f"\n{text}")
    write_atomically(report, json.dumps({
        "schema": "cmwq2-transfer", "schema_version": 1, "where": where, "source": source.provide().name,
        "conditions": load, "rows": twins.as_json(rows)}, indent=1) + "\n")
    write_atomically(HOME / f"{name}.txt", f"{text}\n")
    if write:
        written.replace(DOCUMENT, name, blocks.block(name, "make transfer", text))
    say(f"\n{shown(report)}, {took(start)}")
    return EXIT_PASSED
