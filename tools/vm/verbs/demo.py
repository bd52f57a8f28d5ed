# SPDX-License-Identifier: GPL-2.0
"""`make demo`: first figures from the vehicle whose kernel builds fastest, then a look into a busy x86 guest."""

import json
import sys
import time

from base.common import EXIT_PASSED, OUT, ROOT, Problem, say, shown, took, write_atomically
from build import kernel, modules
from looks import dump
from machines import accel, guest

sys.path.append(str(ROOT / "tools"))
from benchmark import results as bench_report  # noqa: E402

REPORT = OUT / "demo" / "report.json"
# This measures for about ten seconds on two CPUs.
BENCH = "items=20000 rounds=15"


def demo() -> int:
    """Print figures and dump, and write them to out/demo/report.json as the last step, after everything succeeded."""
    start = time.monotonic()
    REPORT.unlink(missing_ok=True)
    timings: dict = {}
    report = {"schema": 1, "bench": _bench(timings), "timings": timings}
    timings["table"] = round(time.monotonic() - start, 1)
    report["dump"] = _dump(timings)
    timings["all"] = round(time.monotonic() - start, 1)
    write_atomically(REPORT, json.dumps(report, indent=2) + "\n")
    say(f"\n{shown(REPORT)}: table after {timings['table']} s, everything after {timings['all']} s")
    return EXIT_PASSED


def _vehicle(run: guest.Run, accelerator: str) -> dict:
    """Return the machine and configuration that a figure comes from. Figures cannot be judged without this."""
    return {"name": run.kernel.vehicle.name, "kernel": run.kernel.release, "source": run.kernel.source.name,
            "cpus": run.nr_cpus(), "accelerator": accelerator}


def _bench(timings: dict) -> dict:
    say("The benchmark, on User-Mode Linux")
    start = time.monotonic()
    target = kernel.provide(kernel.vehicle("uml"))
    files = modules.build(target)
    timings["uml_provided"] = round(time.monotonic() - start, 1)
    start = time.monotonic()
    run = guest.run_job(target, "bench", "demo-uml", files, {"BENCH_CONFIG": BENCH}, limit=240)
    timings["uml_run"] = round(time.monotonic() - start, 1)
    if not run.outcome.passed:
        raise Problem(f"the benchmark: {run.outcome} (log: {shown(run.console)})", run.outcome.status)
    try:
        document = bench_report.parse((run.results / "bench").read_text(), vehicle="uml")
    except bench_report.ResultError as error:
        raise Problem(f"{shown(run.results / 'bench')}: {error}") from None
    say("")
    say(bench_report.table(document))
    return {"vehicle": _vehicle(run, "native"), "result": document}


def _dump(timings: dict) -> dict:
    say("\nA look into a busy guest, with drgn and from outside")
    start = time.monotonic()
    busy = dump.provide()
    timings["x86_provided"] = round(time.monotonic() - start, 1)
    start = time.monotonic()
    busy.boot()
    timings["x86_run"] = round(time.monotonic() - start, 1)
    timings["dump"] = round(busy.seconds, 1)
    assert busy.run
    accelerator = accel.accelerator(busy.kernel)
    say(f"  QEMU with {accelerator}, paused for {busy.seconds:.1f} s; all in {took(start)}\n")
    print(busy.text, end="", flush=True)
    return {"vehicle": _vehicle(busy.run, accelerator), "state": busy.data, "text": busy.text}
