# SPDX-License-Identifier: GPL-2.0
"""`make experiment NAME=…` and `make experiments`: boots what checks/experiments.py describes, prints its conclusions,
and writes out/experiments/NAME.json and NAME.rst."""

import dataclasses
import fnmatch
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from base.common import (
    EXIT_FAILED,
    EXIT_PASSED,
    HERE,
    OUT,
    ROOT,
    Problem,
    count_knob,
    say,
    shown,
    took,
    write_atomically,
)
from build import kernel, modules
from machines import accel, guest
from verbs import icount, linefigures, lines, suites, written

sys.path.append(str(ROOT / "tools"))
from benchmark import results as bench_report  # noqa: E402
from checks import experiments  # noqa: E402
from checks.experiments import EXPERIMENTS, ExperimentError, Finding  # noqa: E402

RESULTS = OUT / "experiments"
DOCUMENT = ROOT / "Documentation/experiments.rst"
MODEL = OUT / "model" / "report.txt"
# Wall clock seconds that booting may take, and then each run of the benchmark, on UML.
LIMIT = 180
# How many times each load runs with each engine whose cache lines are counted. They are many engines.
LINES_ROUNDS = 3


def _files(target: kernel.Kernel) -> list:
    return modules.build(target)


def _must_pass(run: guest.Run) -> None:
    guest.must_pass(run)


def _bench(name: str, target: kernel.Kernel) -> dict:
    """Run the benchmark, and return the documents of its runs by step."""
    steps = EXPERIMENTS[name].steps
    settings = {"STEPS": "\n".join(_overridden(step) for step in steps)}
    run = guest.run_job(target, "experiment", f"experiment-{name}-{target.vehicle.name}", _files(target), settings,
                        limit=LIMIT * EXPERIMENTS[name].slow)
    _must_pass(run)
    documents = {}
    for step in (step.split()[0] for step in steps):
        path = run.results / "steps" / step
        try:
            documents[step] = bench_report.parse(path.read_text(), vehicle=target.vehicle.name)
        except (OSError, bench_report.ResultError) as error:
            raise Problem(f"{shown(path)}: {error}") from None
    return documents


def _overridden(step: str) -> str:
    """Return @step with rounds and items overridden by the knobs ROUNDS and ITEMS, which allow a quicker run."""
    for knob in ("rounds", "items"):
        value = os.environ.get(knob.upper())
        if value and f" {knob}=" in step:
            step += f" {knob}={value}"
    return step


def _suites(name: str, target: kernel.Kernel) -> dict:
    """Run the suites, and return their KTAP texts by suite."""
    experiment = EXPERIMENTS[name]
    names = [suite for suite in suites.kunit_suites() if fnmatch.fnmatchcase(suite, experiment.suites)]
    if not names:
        raise Problem(f"{name}: there is no suite {experiment.suites}")
    settings = suites.settings(names, [])
    run = guest.run_job(target, "kunit", f"experiment-{name}-{target.vehicle.name}", _files(target),
                        {**settings, "KUNIT_PARAMETERS": experiment.parameters},
                        limit=LIMIT * experiment.slow)
    # A failed case is a result. A guest that ends before all suites have a result is an error.
    if not run.outcome.passed and set(names) - {path.name for path in (run.results / "ktap").glob("*")}:
        _must_pass(run)
    return {suite: (run.results / "ktap" / suite).read_text() for suite in names}


def _lines(name: str, vehicle: str) -> dict:
    """Count the cache lines that move with each engine, in one boot, and return the document."""
    engines = EXPERIMENTS[name].lines
    target = icount.built(vehicle, "lines")
    loads = [dataclasses.replace(load, rounds=count_knob("ROUNDS", LINES_ROUNDS)) for load in lines.LOADS
             if load.scope == "system"]
    boot = lines.Boot(target, modules.build(target), lines.CPUS[0], engines, loads, count_knob("ITEMS", lines.ITEMS))
    boot.go(f"experiment-{name}-{vehicle}")
    return {"lines": linefigures.document([boot])}


# The model runs without a fault, and with the one fault that the experiment is about.
MODEL_FAULTS = ("none", "cull_head")


def _model() -> list:
    """Return the tables of `make model`. If a result is not as expected, its table says so."""
    texts = []
    for fault in MODEL_FAULTS:
        MODEL.unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-B", HERE / "vm", "model"], check=False,
                              env={**os.environ, "FAULT": fault, "WRITE": ""})
        if not MODEL.exists():
            raise Problem(f"make model FAULT={fault} left no {shown(MODEL)} (status {done.returncode})",
                          done.returncode or EXIT_FAILED)
        texts.append(MODEL.read_text())
    return texts


def _found(name: str, target: kernel.Kernel) -> dict:
    experiment = EXPERIMENTS[name]
    if experiment.lines:
        return _lines(name, target.vehicle.name)
    return _bench(name, target) if experiment.steps else _suites(name, target)


def _where(target: kernel.Kernel, accelerator: str) -> str:
    return (f"{target.vehicle.name} ({accelerator}), kernel {target.release}, {guest.CPUS} CPUs, "
            f"{time.strftime('%Y-%m-%d')}")


def _run(name: str, vehicles: list) -> bool:
    """Run one experiment on @vehicles. Return whether its result is as expected."""
    start, experiment = time.monotonic(), EXPERIMENTS[name]
    say(f"\n{name}: {experiment.question}")
    parts = []
    model = _model() if experiment.model else []
    for each in vehicles or experiment.vehicles:
        target = kernel.provide(kernel.vehicle(each))
        found: dict = _found(name, target)
        if experiment.model:
            found["model"] = model
        try:
            finding: Finding = experiment.judge(found)
        except (ExperimentError, KeyError) as error:
            raise Problem(f"{name}: {error}") from None
        parts.append((_where(target, accel.TCG_SINGLE if experiment.lines else accel.accelerator(target)), finding))
        say(f"\n{parts[-1][0]}\n{finding.table()}\n{finding.conclusion}")
    write_atomically(RESULTS / f"{name}.json", json.dumps(experiments.result(name, parts), indent=2) + "\n")
    write_atomically(RESULTS / f"{name}.rst", experiments.block(name, parts))
    say(f"\n{shown(RESULTS / name)}.json, .rst, {took(start)}")
    return not any(finding.failed for _, finding in parts)


def experiment(names: list, vehicles: list, write: bool) -> int:
    """Run the experiments @names, and return the exit status. With @write, put their output into the document."""
    start, bad = time.monotonic(), []
    for name in names:
        if name not in EXPERIMENTS:
            raise Problem(f"NAME={name} is not an experiment; allowed: {', '.join(EXPERIMENTS)}")
    for each in vehicles:
        kernel.vehicle(each)
    for name in names:
        path: Path = RESULTS / f"{name}.json"
        path.unlink(missing_ok=True)
        try:
            if not _run(name, vehicles):
                bad.append(name)
        except Problem as problem:
            if len(names) == 1:
                raise
            say(f"cmwq2: {name}: {problem}")
            bad.append(name)
            continue
        if write:
            written.replace(DOCUMENT, name, (RESULTS / f"{name}.rst").read_text())
    if len(names) > 1:
        say(f"\n{len(names) - len(bad)} of {len(names)} experiments in {took(start)}"
            + (f"; with unexpected results: {', '.join(bad)}" if bad else ""))
    return EXIT_FAILED if bad else EXIT_PASSED
