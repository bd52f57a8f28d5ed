# SPDX-License-Identifier: GPL-2.0
"""`make bench`: runs a set of benchmarks in one or more boots or on this machine, and reports JSON, tables, plots and a
page."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Optional

from base.common import (
    EXIT_PASSED,
    OUT,
    ROOT,
    Problem,
    count_knob,
    flag_knob,
    need_space,
    run_logged,
    say,
    shown,
    took,
)
from build import kernel, modules, packages
from machines import accel, guest
from verbs import dmcrypt

sys.path.append(str(ROOT / "tools"))
from benchmark import boots as bench_boots  # noqa: E402
from benchmark import documents as bench_document  # noqa: E402
from benchmark import files as bench_file  # noqa: E402
from benchmark import host as bench_host  # noqa: E402
from benchmark import quiet as bench_quiet  # noqa: E402
from benchmark import results as bench_report  # noqa: E402
from benchmark import sets as bench_set  # noqa: E402
from benchmark import summary as bench_summary  # noqa: E402

HOST = "host"
# Seconds that a run on UML may be silent.
LIMIT = 120
# Emulated CPUs get one part in this many of the work, to take about as long as UML takes for all of it.
TCG_SLOWER = 5
MOST_BOOTS = 100
# The file with the finished boots of a series that is not complete.
PARTIAL = "partial.json"


def _wanted(slow: int, boot: int = 0) -> bench_set.Wanted:
    """Return the set of benchmarks that the knobs ask for."""
    try:
        return bench_set.Wanted(
            bench_set.workload_names(os.environ.get("WORKLOAD") or " ".join(bench_set.DEFAULT), "WORKLOAD"),
            bench_set.profile_names(os.environ.get("PROFILES") or " ".join(bench_set.default_profiles()), "PROFILES"),
            bench_set.check_rounds(count_knob("ROUNDS", bench_set.ROUNDS), "ROUNDS"),
            count_knob("SEED", int(time.time()) % 2**31 or 1), flag_knob("FULL"), slow, boot)
    except bench_document.SetError as error:
        more = f", or {dmcrypt.NAME} by itself" if str(error).startswith("WORKLOAD") else ""
        raise Problem(f"{error}{more}") from None


def _plans(wanted: bench_set.Wanted) -> list:
    plans = bench_set.plans(wanted)
    say(f"  {len(plans)} runs, {wanted.rounds} rounds, SEED={wanted.seed}, about "
        f"{bench_host.Teller.time(sum(plan.seconds for plan in plans))} on a machine with nothing else to do")
    return plans


def count_of_rounds() -> int:
    """Return how many rounds the knobs ask for. Raises Problem if the module does not accept this number."""
    try:
        return bench_set.check_rounds(count_knob("ROUNDS", bench_set.ROUNDS), "ROUNDS")
    except bench_document.SetError as error:
        raise Problem(str(error)) from None


def count_of_boots(vehicle: str) -> int:
    """Return how many boots the knobs ask for."""
    boots = count_knob("BOOTS", 1)
    if not 0 < boots <= MOST_BOOTS:
        raise Problem(f"BOOTS={boots}: allowed: 1 to {MOST_BOOTS}")
    if vehicle == HOST and boots > 1:
        raise Problem(f"BOOTS={boots}: allowed with VM={HOST}: 1, because this machine is not booted by itself; "
                      "tools/bench join makes one report of those of several boots")
    return boots


class Judge:
    """Follows the events of a guest: reports its progress, and decides whether a run is made again."""

    def __init__(self, teller: bench_host.Teller, watch: bench_quiet.Watch):
        self.teller, self.watch = teller, watch
        # What was seen in each attempt, by the number of the run.
        self.seen: dict = {}
        # The run that has begun and is not judged. A run that this kernel cannot do never begins.
        self.begun: Optional[int] = None

    def on_event(self, words: list) -> Optional[str]:
        """Handle an event. Return the answer, if the guest waits for one."""
        if words[:2] == ["start", "bench"]:
            self.begun = int(words[3])
            self.teller.begin(self.begun)
            self.watch.begin()
        if words[:2] == ["round", "progress"]:
            self.teller.tell(" ".join(words[3:]))
        return self._again(int(words[1])) if words[:1] == ["judge"] else None

    def _again(self, number: int) -> str:
        if self.begun != number:
            return "keep"
        self.begun = None
        attempts = self.seen.setdefault(number, [])
        attempts.append(self.watch.end())
        why = bench_quiet.reasons(attempts[-1])
        if not why:
            return "keep"
        again = len(attempts) == 1
        self.teller.close()
        say(f"  {self.teller.plans[number].title}: disturbed: {'; '.join(why)}"
            f"{'; once more' if again else ''}")
        if again:
            self.watch.wait_until_quiet()
        return "again" if again else "keep"


def _in_guest(name: str, boot: int, load: list) -> dict:
    """Boot the guest, run the set in it, and return the set's document."""
    target = kernel.provide(kernel.vehicle(name))
    accelerator = accel.accelerator(target)
    wanted = _wanted(TCG_SLOWER if accelerator.startswith("tcg") else 1, boot)
    files = modules.with_engine(modules.build(target), "cmwq2_bench")
    plans = _plans(wanted)
    judge = Judge(bench_host.Teller(plans, sys.stdout), bench_quiet.Watch())
    judge.watch.calibrate()
    settings = ";".join(" ".join(f"{key}={value}" for key, value in plan.settings.items()) for plan in plans)
    run = guest.run_job(target, "benchset", f"bench-{name}", files, {"BENCH_RUNS": settings}, limit=LIMIT,
                        on_event=judge.on_event)
    judge.teller.close()
    if not run.outcome.passed:
        raise Problem(f"the benchmark: {run.outcome} (log: {shown(run.console)})", run.outcome.status)
    where = {"vehicle": name, "accelerator": accelerator, "host": bench_document.host_cpu(),
             "machine": bench_document.machine_id(), "boot_id": None, "kernel": target.release,
             "config": bench_document.config_hash(bench_document.config_text(target.build / ".config")),
             "kernel_commit": bench_document.commit(target.source.tree) if target.source.mine else None}
    runs, missing, disturbed = results(run, plans, where, judge.seen)
    return bench_document.document(where, wanted.seed, runs, missing, load, disturbed)


def run_or_reason(run: guest.Run, name: str, title: str, where: dict) -> tuple:
    """Return a run's document and '', or None and the reason why there is no document. @name is that of its result."""
    path = run.results / "bench" / name
    try:
        return {"title": title, **bench_report.parse(path.read_text(), where["vehicle"],
                                                     where["accelerator"].partition(",")[0], where["config"])}, ""
    except FileNotFoundError:
        failed = path.with_name(f"{name}.failed")
        said = failed.read_text().strip().splitlines() if failed.exists() else []
        return None, said[-1] if said else "the log does not mention the run"
    except bench_report.ResultError as error:
        return None, str(error)


def attempts(run: guest.Run, number: int, title: str, where: dict, seen: list) -> tuple:
    """Return what counts of run @number, None if there is nothing; the reason for that; and a disturbed first attempt
    that does not count, or None. @seen has what was seen on the machine in each attempt."""
    found, reason = run_or_reason(run, str(number), title, where)
    found = bench_quiet.marked(found, seen[0]) if found and seen else found
    if len(seen) < 2:
        return found, reason, None
    again, why_not = run_or_reason(run, f"{number}.again", title, where)
    if not again:
        return found, reason or why_not, None
    return bench_quiet.marked(again, seen[1]), "", found


def results(run: guest.Run, plans: list, where: dict, seen: dict) -> tuple:
    """Return the documents of the runs that have a result, the titles and reasons of those that have none, and the
    documents of the disturbed runs that were made again."""
    found = [(plan.title, *attempts(run, number, plan.title, where, seen.get(number, [])))
             for number, plan in enumerate(plans)]
    runs = [document for _, document, _, _ in found if document]
    missing = [{"title": title, "reason": reason} for title, document, reason, _ in found if not document]
    if not runs:
        raise Problem(f"no run could be made: {missing[0]['title']}: {missing[0]['reason']}")
    return runs, missing, [disturbed for *_, disturbed in found if disturbed]


def _on_host(load: list) -> dict:
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
    one. So is what there is of a series that was interrupted."""
    home = reports / vehicle
    for name, aside in (("report.json", f"{vehicle}.before"), (PARTIAL, f"{vehicle}.partial")):
        if (home / name).exists():
            shutil.rmtree(reports / aside, ignore_errors=True)
            os.replace(home, reports / aside)
    shutil.rmtree(home, ignore_errors=True)
    return home


def series(boots: int, one: Callable[[int], dict], partial: Path) -> dict:
    """Return the document of a set in several boots, each of which @one runs. As long as boots are missing, those that
    are done are in file @partial."""
    done: list = []
    document: dict = {}
    for boot in range(boots):
        say(f"\nboot {boot + 1} of {boots}")
        try:
            done.append(one(boot))
            document = bench_boots.pool(done, boots)
        except bench_document.SetError as error:
            raise Problem(str(error)) from None
        except Problem as problem:
            if done:
                raise Problem(f"{problem}; finished before: {len(done)} of {boots} boots, {shown(partial)}",
                              problem.status) from None
            raise
        bench_file.write(partial, bench_boots.text(document))
    return document


def _document(vehicle: str, boots: int, load: list, partial: Path) -> dict:
    """Run the set in as many boots as wanted, and return its document."""
    if vehicle == HOST:
        return _on_host(load)
    if boots == 1:
        return _in_guest(vehicle, 0, load)
    # All boots need the same seed, also if it is taken from the time.
    os.environ["SEED"] = str(_wanted(1).seed)
    # After the first boot, the machine's load is that of the boot before.
    return series(boots, lambda boot: _in_guest(vehicle, boot, [] if boot else load), partial)


def _tool(*words: object) -> list:
    return ["-B", ROOT / "tools/bench", *words]


def bench(name: str) -> int:
    """Run the set of benchmarks on vehicle @name, and return the exit status."""
    if os.environ.get("WORKLOAD", "").strip() == dmcrypt.NAME:
        return dmcrypt.bench(name)
    # The load is read first, because building kernels and modules will keep the machine busy.
    start, load = time.monotonic(), bench_host.busy()
    # Errors in the knobs are reported now, before an hour is spent on building kernels.
    vehicle = _vehicle_name(name)
    aa, boots = bench_set.AA in _wanted(1).workloads, count_of_boots(vehicle)
    need_space(OUT, 0.1)
    home = fresh_home(OUT / "bench", vehicle)
    report, partial = home / "report.json", home / PARTIAL
    document = _document(vehicle, boots, load, partial)
    say("")
    say(bench_summary.tables(document))
    bench_file.write(report, bench_boots.text(document))
    partial.unlink(missing_ok=True)
    log = OUT / "log" / "bench-page.log"
    log.unlink(missing_ok=True)
    plots = packages.environment("venv-bench", "requirements-bench.txt")
    # What make lines has counted holds for every vehicle.
    counted = sorted((OUT / "lines/x86").glob("lines*.json"))
    run_logged([plots / "bin/python", *_tool("page", report, *(["--lines", *counted] if counted else []))], log)
    say(f"\n{shown(report)}, {shown(home / 'report.html')}, {took(start)}")
    return subprocess.run([sys.executable, *_tool("aa", report)], check=False).returncode if aa else EXIT_PASSED
