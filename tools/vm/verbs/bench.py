# SPDX-License-Identifier: GPL-2.0
"""`make bench`: runs a set of benchmarks in one boot or on this machine, and reports JSON, tables, plots and a page."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from base.common import (
    EXIT_PASSED,
    OUT,
    ROOT,
    Problem,
    count_knob,
    need_space,
    run_logged,
    say,
    shown,
    took,
)
from build import kernel, modules, packages
from machines import accel, guest

sys.path.append(str(ROOT / "tools"))
from benchmark import documents as bench_document  # noqa: E402
from benchmark import files as bench_file  # noqa: E402
from benchmark import host as bench_host  # noqa: E402
from benchmark import results as bench_report  # noqa: E402
from benchmark import sets as bench_set  # noqa: E402
from benchmark import summary as bench_summary  # noqa: E402

HOST = "host"
# Seconds that a run on UML may be silent.
LIMIT = 120
# Emulated CPUs get one part in this many of the work, to take about as long as UML takes for all of it.
TCG_SLOWER = 5


def _wanted(slow: int) -> bench_set.Wanted:
    """Return the set of benchmarks that the knobs ask for."""
    try:
        return bench_set.Wanted(
            bench_set.workload_names(os.environ.get("WORKLOAD") or " ".join(bench_set.DEFAULT), "WORKLOAD"),
            bench_set.profile_names(os.environ.get("PROFILES") or " ".join(bench_set.PROFILES), "PROFILES"),
            bench_set.check_rounds(count_knob("ROUNDS", bench_set.ROUNDS), "ROUNDS"),
            count_knob("SEED", int(time.time()) % 2**31 or 1), os.environ.get("FULL", "0") not in ("", "0"), slow)
    except bench_document.SetError as error:
        raise Problem(str(error)) from None


def _plans(wanted: bench_set.Wanted) -> list:
    plans = bench_set.plans(wanted)
    say(f"  {len(plans)} runs, {wanted.rounds} rounds, SEED={wanted.seed}, about "
        f"{bench_host.Teller.time(sum(plan.seconds for plan in plans))} on a machine with nothing else to do")
    return plans


def _on_event(teller: bench_host.Teller, words: list) -> None:
    """Report the progress of the guest from its events."""
    if words[:2] == ["start", "bench"]:
        teller.begin(int(words[3]))
    if words[:2] == ["round", "progress"]:
        teller.tell(" ".join(words[3:]))


def _in_guest(name: str, load: list) -> dict:
    target = kernel.provide(kernel.vehicle(name))
    accelerator = accel.accelerator(target)
    wanted = _wanted(TCG_SLOWER if accelerator.startswith("tcg") else 1)
    files = [path for path in modules.build(target) if path.name in ("cmwq2.ko", "cmwq2_bench.ko")]
    plans = _plans(wanted)
    teller = bench_host.Teller(plans, sys.stdout)
    settings = ";".join(" ".join(f"{key}={value}" for key, value in plan.settings.items()) for plan in plans)
    run = guest.run_job(target, "benchset", f"bench-{name}", files, {"BENCH_RUNS": settings}, limit=LIMIT,
                        on_event=lambda words: _on_event(teller, words))
    teller.close()
    if not run.outcome.passed:
        raise Problem(f"the benchmark: {run.outcome} (log: {shown(run.console)})", run.outcome.status)
    where = {"vehicle": name, "accelerator": accelerator, "host": bench_document.host_cpu(), "kernel": target.release,
             "config": bench_document.config_hash(bench_document.config_text(target.build / ".config"))}
    runs, missing = results(run, plans, where)
    return bench_document.document(where, wanted.seed, runs, missing, load)


def run_or_reason(run: guest.Run, number: int, title: str, where: dict) -> tuple:
    """Return a run's document and '', or None and the reason why there is no document."""
    path = run.results / "bench" / str(number)
    try:
        return {"title": title, **bench_report.parse(path.read_text(), where["vehicle"],
                                                     where["accelerator"].partition(",")[0], where["config"])}, ""
    except FileNotFoundError:
        failed = path.with_suffix(".failed")
        said = failed.read_text().strip().splitlines() if failed.exists() else []
        return None, said[-1] if said else "the log does not mention the run"
    except bench_report.ResultError as error:
        return None, str(error)


def results(run: guest.Run, plans: list, where: dict) -> tuple:
    """Return the documents of the runs that have a result, and the titles and reasons of those that have none."""
    found = [(plan.title, *run_or_reason(run, number, plan.title, where)) for number, plan in enumerate(plans)]
    runs = [document for _, document, _ in found if document]
    missing = [{"title": title, "reason": reason} for title, document, reason in found if not document]
    if not runs:
        raise Problem(f"no run could be made: {missing[0]['title']}: {missing[0]['reason']}")
    return runs, missing


def _on_host(_name: str, load: list) -> dict:
    """Run the benchmarks on this machine, with modules that are loaded only for the time of the runs."""
    wanted = _wanted(1)
    if os.geteuid() != 0:
        raise Problem("VM=host needs root, because it loads modules into the running kernel")
    modules.build_in_place(Path(os.environ.get("KDIR") or f"/lib/modules/{os.uname().release}/build"),
                           os.environ.get("CC") or "gcc", "")
    try:
        return bench_host.run(_plans(wanted), wanted.seed, bench_host.Host(bench_host.SYSFS, ROOT), load, sys.stdout)
    except bench_document.SetError as error:
        raise Problem(str(error)) from None


def _vehicle_name(name: str) -> str:
    try:
        return name if name == HOST else kernel.vehicle(name).name
    except Problem as problem:
        raise Problem(f"{problem}, {HOST}") from None


def fresh_home(reports: Path, vehicle: str) -> Path:
    """Return an empty directory for the report. The last report is moved aside, so that nobody takes it for the new
    one."""
    home, before = reports / vehicle, reports / f"{vehicle}.before"
    if (home / "report.json").exists():
        shutil.rmtree(before, ignore_errors=True)
        os.replace(home, before)
    shutil.rmtree(home, ignore_errors=True)
    return home


def _tool(*words: object) -> list:
    return ["-B", ROOT / "tools/bench", *words]


def bench(name: str) -> int:
    """Run the set of benchmarks on vehicle @name, and return the exit status."""
    # The load is read first, because building kernels and modules will keep the machine busy.
    start, load = time.monotonic(), bench_host.busy()
    # Errors in the knobs are reported now, before an hour is spent on building kernels.
    vehicle = _vehicle_name(name)
    aa = bench_set.AA in _wanted(1).workloads
    need_space(OUT, 0.1)
    home = fresh_home(OUT / "bench", vehicle)
    report = home / "report.json"
    document = (_on_host if name == HOST else _in_guest)(name, load)
    say("")
    say(bench_summary.tables(document))
    bench_file.write(report, json.dumps(document, indent=1) + "\n")
    log = OUT / "log" / "bench-page.log"
    log.unlink(missing_ok=True)
    plots = packages.environment("venv-bench", "requirements-bench.txt")
    run_logged([plots / "bin/python", *_tool("page", report)], log)
    say(f"\n{shown(report)}, {shown(home / 'report.html')}, {took(start)}")
    return subprocess.run([sys.executable, *_tool("aa", report)], check=False).returncode if aa else EXIT_PASSED
