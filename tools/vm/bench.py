# SPDX-License-Identifier: GPL-2.0
"""`make bench`: a set of benchmarks in one boot, or on this machine; its report as JSON, tables, plots and a page."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import accel
import guest
import kernel
import modules
import packages
from common import (EXIT_PASSED, OUT, ROOT, Problem, count_knob, lock, need_space, run_logged, say, shown, took,
                    write_atomically)

sys.path.append(str(ROOT / "tools"))
import bench_main       # noqa: E402
import bench_report     # noqa: E402
import bench_set        # noqa: E402

PINS = Path(__file__).resolve().parent / "requirements-bench.txt"
# Seconds without a word from a run, on UML.
LIMIT = 120
# Against itself: neighbours in the list, four pairs a run.
AA, AA_RUNS = "aa", 25
# What emulated CPUs do in the time that UML takes for all.
TCG_SLOWER = 5


def _environment() -> Path:
    """A Python with what the plots need, beside the one that has drgn: either can be had without the other."""
    pins, venv = PINS.read_text(), OUT / "venv-bench"
    stamp = venv / "ready"
    with lock("venv-bench", OUT):
        if not stamp.exists() or stamp.read_text() != pins:
            need_space(OUT, 0.5)
            say(f"  Python packages into {venv.name}: {pins.splitlines()[-1]}")
            packages.make_environment(venv, PINS, OUT / "log" / "venv-bench.log")
            write_atomically(stamp, pins)
    return venv / "bin/python"


def _aa_plans(wanted: bench_set.Wanted) -> list:
    # Short turns: it is the method that is looked at, not the engine.
    items = max(1000 // wanted.slow, 200)
    plain = bench_set.plans(bench_set.Wanted(("roundtrip",) * AA_RUNS, (), wanted.rounds, wanted.seed))
    seeds = [plan.settings["seed"] for plan in plain]
    return [bench_set.Plan(f"aa {number + 1}", {
        "workload": "roundtrip", "queue": "percpu", "items": items, "warmup": items // 10, "rounds": wanted.rounds,
        "seed": seeds[number], "engines": ",".join(["native"] * 8)}) for number in range(AA_RUNS)]


def _wanted(slow: int) -> tuple:
    """What the knobs say, and the runs."""
    try:
        text = os.environ.get("WORKLOAD") or " ".join(bench_set.DEFAULT)
        full = os.environ.get("FULL", "0") not in ("", "0")
        profiles = tuple((os.environ.get("PROFILES") or " ".join(bench_set.PROFILES)).replace(",", " ").split())
        workloads = () if text == AA else bench_set.names(text, bench_set.WORKLOADS, "WORKLOAD")
        wanted = bench_set.Wanted(workloads, profiles, count_knob("ROUNDS", bench_set.ROUNDS),
                                  count_knob("SEED", int(time.time()) % 2**31 or 1), full, slow)
        return wanted, _aa_plans(wanted) if text == AA else bench_set.plans(wanted)
    except bench_set.SetError as error:
        raise Problem(str(error)) from None


class _Teller:
    """A line now and then, from what the guest says of itself."""

    def __init__(self, plans: list):
        self.plans, self.left, self.said = plans, bench_main.Left(len(plans)), 0.0

    def __call__(self, words: list) -> None:
        if words[:2] == ["start", "bench"]:
            self.left.number = int(words[3])
        if words[:2] == ["round", "progress"] and time.monotonic() - self.said >= (0.5 if sys.stdout.isatty() else 15):
            self.said = time.monotonic()
            text = self.left.line(self.plans[self.left.number].title, " ".join(words[3:]))
            print(f"\r  {text}\033[K" if sys.stdout.isatty() else f"  {text}",
                  end="" if sys.stdout.isatty() else "\n", flush=True)


def _in_guest(name: str) -> dict:
    target = kernel.provide(kernel.vehicle(name))
    accelerator = accel.accelerator(target)
    wanted, plans = _wanted(TCG_SLOWER if accelerator.startswith("tcg") else 1)
    files = [path for path in modules.build(target) if path.name in ("cmwq2.ko", "cmwq2_bench.ko")]
    say(f"  {len(plans)} runs, {wanted.rounds} rounds, SEED={wanted.seed}")
    settings = ";".join(" ".join(f"{key}={value}" for key, value in plan.settings.items()) for plan in plans)
    run = guest.run_job(target, "benchset", f"bench-{name}", files, {"BENCH_RUNS": settings}, limit=LIMIT,
                        on_event=_Teller(plans))
    if sys.stdout.isatty():
        say("")
    if not run.outcome.passed:
        raise Problem(f"the benchmark: {run.outcome} (log: {shown(run.console)})", run.outcome.status)
    runs, missing = _results(run, plans, accelerator)
    where = {"vehicle": name, "accelerator": accelerator, "host": bench_set.host_cpu(), "kernel": target.release,
             "config": bench_set.config_hash(target.build / ".config")}
    return bench_set.document(where, wanted.seed, runs, missing)


def _results(run: guest.Run, plans: list, accelerator: str) -> tuple:
    """The runs that have a result, and what kept the others from one."""
    runs, missing = [], []
    for number, plan in enumerate(plans):
        path = run.results / "bench" / str(number)
        try:
            document = bench_report.parse(path.read_text(), run.kernel.vehicle.name, accelerator.partition(",")[0])
            runs.append({"title": plan.title, **document})
        except FileNotFoundError:
            failed = path.with_suffix(".failed")
            said = failed.read_text().strip().splitlines() if failed.exists() else []
            missing.append({"title": plan.title, "reason": said[-1] if said else "no word of it"})
        except bench_report.ResultError as error:
            missing.append({"title": plan.title, "reason": str(error)})
    if not runs:
        raise Problem(f"no run could be made: {missing[0]['title']}: {missing[0]['reason']}")
    return runs, missing


def _on_host() -> dict:
    """Modules for the running kernel, loaded for the time of the runs."""
    modules.build_in_place(Path(os.environ.get("KDIR") or f"/lib/modules/{os.uname().release}/build"), "gcc", "")
    wanted, _ = _wanted(1)
    options = bench_main.parser().parse_args([
        "run", "--modules", str(ROOT), "--workload", " ".join(wanted.workloads), "--profiles",
        " ".join(wanted.profiles), "--rounds", str(wanted.rounds), "--seed", str(wanted.seed),
        *(["--full"] if wanted.full else [])])
    try:
        return bench_main.run_host(options)
    except bench_set.SetError as error:
        raise Problem(str(error)) from None


def bench(name: str) -> int:
    """The set on vehicle @name; the exit status."""
    start, home = time.monotonic(), OUT / "bench" / name
    report = home / "report.json"
    if name != "host":
        kernel.vehicle(name)
    # What is wrong with the knobs is said before an hour is spent on kernels.
    _wanted(1)
    need_space(OUT, 0.1)
    report.unlink(missing_ok=True)
    document = _on_host() if name == "host" else _in_guest(name)
    bench_set.write(report, json.dumps(document, indent=1) + "\n")
    say("")
    say(bench_main.tables(document))
    log = OUT / "log" / "bench-page.log"
    log.unlink(missing_ok=True)
    run_logged([_environment(), "-B", ROOT / "tools/bench", "page", report], log)
    say(f"\n{shown(report)}, {shown(home / 'report.html')}, {took(start)}")
    if os.environ.get("WORKLOAD") == AA:
        return subprocess.run([sys.executable, "-B", ROOT / "tools/bench", "aa", report], check=False).returncode
    return EXIT_PASSED
