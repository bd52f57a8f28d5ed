# SPDX-License-Identifier: GPL-2.0
"""Tests of those parts of the harness that decide, mostly with input that they must refuse. No guest is needed."""

import contextlib
import dataclasses
import io
import json
import os
import re
import tarfile
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable, Iterator

from base.common import EXIT_FAILED, EXIT_LOST, EXIT_PASSED, HERE, ROOT, Problem, count_knob, write_atomically
from build import kernel, modules, source
from looks import tracers
from machines import accel, guest, ktap, results, verdict
from style import check as style
from verbs import baseline, bench, cost, faults, icount, suites, switches

KNOWN_COMPLAINT = """\
   1.000 [    0.680000] WARNING: suspicious RCU usage
   1.000 [    0.680000] 7.3.4 #1 Not tainted
   1.000 [    0.680000] -----------------------------
   1.000 [    0.680000] kernel/rcu/tree.c:3185 Callback enqueued on offline CPU!!
"""
OTHER_COMPLAINT = KNOWN_COMPLAINT.replace("Callback enqueued on offline CPU!!", "suspicious rcu_dereference_check()!")
MODULE = f"   2.000 [    1.000000] {verdict.FIRST_MODULE}\n"


@contextlib.contextmanager
def _environment(**knobs: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(knobs)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _expect(got: object, wanted: object) -> None:
    if got != wanted:
        raise AssertionError(f"{got!r} instead of {wanted!r}")


def _refused(action: Callable[[], object], *words: str) -> None:
    try:
        action()
    except Problem as problem:
        for word in words:
            if word not in str(problem):
                raise AssertionError(f"'{word}' is not named: {problem}") from None
        return
    raise AssertionError("was accepted")


def dropped_option() -> None:
    """An option that Kconfig dropped is named, whether it was requested or asserted. An absent option satisfies =n."""
    fragment = "CONFIG_A=y # why\n#CHECK CONFIG_B=y\nCONFIG_C=n\nCONFIG_D=n\nCONFIG_E=40 # why\n"
    _expect(kernel.check_config(fragment, "CONFIG_A=y\nCONFIG_D=y\nCONFIG_E=4\n"),
            ["CONFIG_D=n", "CONFIG_E=40", "CONFIG_B=y"])
    _expect(kernel.check_config(fragment, "CONFIG_A=y\nCONFIG_B=y\nCONFIG_E=40\n"), [])


def knobs_of_bench() -> None:
    """make bench refuses wrong knobs before anything is built and before an old report is touched."""
    for knob, value, words in (("WORKLOAD", "bogus", "allowed: all, roundtrip"), ("PROFILES", "bogus", "allowed: all"),
                               ("ROUNDS", "1001", "allowed: 1 to 1000"), ("ROUNDS", "0", "allowed"),
                               ("SEED", "x", "allowed")):
        with _environment(**{knob: value}):
            _refused(lambda: bench.bench("uml"), f"{knob}={value}", words)
    _refused(lambda: bench.bench("bogus"), "VM=bogus", "allowed", "x86", "host")


def results_of_bench() -> None:
    """A result that was cut off, a run that failed and a run without any result do not count as runs."""
    plan = bench.bench_set.Plan
    plans = [plan("cut", {}, 1), plan("failed", {}, 1), plan("silent", {}, 1)]
    with _directory() as home:
        run = guest.Run(kernel=None, job="", home=home)     # type: ignore
        (run.results / "bench").mkdir(parents=True)
        (run.results / "bench/0").write_text("cmwq2_bench=3\nstatus=ok\n")
        (run.results / "bench/1.failed").write_text("one reason\nthe last one\n")
        where = {"vehicle": "uml", "accelerator": "native", "config": "abc"}
        _refused(lambda: bench.results(run, plans, where), "no run could be made", "cut", "truncated")
        _expect([bench.run_or_reason(run, number, plans[number].title, where) for number in (1, 2)],
                [(None, "the last one"), (None, "no word of it")])


def reports_of_bench() -> None:
    """The last report is kept, and the directory of the next report is empty."""
    with _directory() as out:
        home = out / "bench/uml"
        for text in ("first", "second", ""):
            _expect([bench.fresh_home(out / "bench", "uml"), home.exists()], [home, False])
            home.mkdir(parents=True)
            (home / ("report.json" if text else "partial")).write_text(text)
        bench.fresh_home(out / "bench", "uml")
        _expect([(out / "bench/uml.before/report.json").read_text(), home.exists()], ["second", False])


def options_by_version() -> None:
    """An option with a note about versions ("since", "before") is left out of other kernels, and reported if it is too
    new. An option without a note is never left out, so that its loss fails the build. If an option is named twice, the
    last line counts."""
    fragment = ("CONFIG_A=y # why\nCONFIG_B=y # why; since 6.13\nCONFIG_C=y # why; before 6.13\n"
                "#CHECK CONFIG_D=y # why; since 6.9\n")
    old, left_out = kernel.applicable(fragment, (6, 12))
    _expect(kernel.wanted(old), "CONFIG_A=y\nCONFIG_C=y\n")
    _expect(left_out, ["CONFIG_B=y (since 6.13)"])
    _expect(kernel.check_config(old, "CONFIG_C=y\n"), ["CONFIG_A=y", "CONFIG_D=y"])
    _expect(kernel.applicable(fragment, (6, 1))[1], ["CONFIG_B=y (since 6.13)", "CONFIG_D=y (since 6.9)"])
    new, left_out = kernel.applicable(fragment, (6, 13))
    _expect(kernel.wanted(new), "CONFIG_A=y\nCONFIG_B=y\n")
    _expect(left_out, [])
    _expect(kernel.check_config("CONFIG_A=y # why\nCONFIG_A=n # why not\n", ""), [])


def series() -> None:
    """KERNEL= must be a series that Debian has, with a vehicle that exists for it, and cannot be given together with
    KERNEL_SRC=."""
    with _environment(KERNEL="", KERNEL_SRC=""):
        _expect([source.series(), kernel.vehicle("uml").name], [source.NEWEST, "uml"])
    with _environment(KERNEL="5.10", KERNEL_SRC=""):
        _refused(source.series, "KERNEL=5.10", "allowed: 6.1, 6.12, 7.2, 7.3")
    with _environment(KERNEL="6.1", KERNEL_SRC=""):
        _expect(kernel.vehicle("x86").name, "x86-6.1")
        _refused(lambda: kernel.vehicle("uml"), "VM=uml", "KERNEL=6.1", "allowed: x86")
    with _environment(KERNEL="6.1", KERNEL_SRC="/a/tree"):
        _refused(source.series, "KERNEL=6.1", "KERNEL_SRC=/a/tree")


def skipped_cases() -> None:
    """Each reason for a skipped case is reported once, and only for cases that were skipped."""
    _expect(ktap.reasons_of("    ok 1 a # SKIP no CPU\n        ok 2 b # SKIP no CPU\nok 3 c\n# SKIP d\n"), ["no CPU"])


def reasons() -> None:
    """Every option in every fragment has a reason in its line."""
    for path in sorted(kernel.CONFIG.glob("*.config")):
        for line in path.read_text().splitlines():
            if line.startswith("CONFIG_") and "#" not in line:
                raise AssertionError(f"{path.name}: {line} has no reason")


def half_built_kernel() -> None:
    """A build is not used if it has no stamp or differs from its stamp."""
    target = kernel.VEHICLES["uml"]
    with _directory() as build:
        names = kernel.artefacts(target)
        for name in names:
            (build / name).parent.mkdir(parents=True, exist_ok=True)
            (build / name).write_text(name)
        _expect(kernel.whole(build, target), False)
        (build / "ready.json").write_text(json.dumps({name: len(name) for name in names}))
        _expect(kernel.whole(build, target), True)
        (build / target.image).write_text("")
        _expect(kernel.whole(build, target), False)
        (build / target.image).unlink()
        _expect(kernel.whole(build, target), False)
        (build / "ready.json").write_text("{")
        _expect(kernel.whole(build, target), False)


def content_of_the_key() -> None:
    """Another source or another option makes another kernel. Another comment does not."""
    tree = source.Source(Path("/"), "1", False)
    target = kernel.VEHICLES["uml"]
    key = kernel.key(target, tree, "CONFIG_A=y\n")
    _expect(kernel.key(target, tree, "CONFIG_A=y # why\n"), key)
    _expect(kernel.key(target, dataclasses.replace(tree, name="2"), "CONFIG_A=y\n") == key, False)
    _expect(kernel.key(target, tree, "CONFIG_A=y\nCONFIG_B=y\n") == key, False)
    _expect(kernel.wanted("CONFIG_A=y # why\n# text\n"), kernel.wanted("CONFIG_A=y\t\t# why not\n"))


def known_complaint() -> None:
    """A known complaint is excused only on its vehicle, before the first module, and if it is exactly that one."""
    _expect(verdict.complaints("debug", KNOWN_COMPLAINT + MODULE), [])
    _expect(len(verdict.complaints("uml", KNOWN_COMPLAINT + MODULE)), 1)
    _expect(len(verdict.complaints("debug", MODULE + KNOWN_COMPLAINT)), 1)
    _expect(len(verdict.complaints("debug", OTHER_COMPLAINT + MODULE)), 1)


def every_complaint() -> None:
    """Each kind of complaint that a kernel prints is found, with or without a time before it."""
    said = ("BUG: KASAN: slab-use-after-free in x", "WARNING: possible recursive locking detected", "Oops: 0000 [#1]",
            "INFO: task insmod:1 blocked for more than 120 seconds.", "rcu: INFO: rcu_preempt detected stalls",
            "BUG: sleeping function called from invalid context at x.c:1", "WARNING: inconsistent lock state",
            "ODEBUG: free active object", "list_add corruption. prev->next should be next",
            "INFO: lockdep is turned off.",
            "BUG: workqueue lockup - pool cpus=0", "watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
            "kernel BUG at x.c:1!", "UBSAN: shift-out-of-bounds in x.c:1", "WARNING: x.c:1 at y+0x1/0x2")
    for text in said:
        for before in ("", "   1.000 ", "   1.000 [    1.000000] ", "   1.000 [    1.000000][   T12] "):
            if not verdict.complaints("uml", f"{before}{text}\n"):
                raise AssertionError(f"not heard: {before}{text}")
    _expect(verdict.complaints("uml", "   1.000 [    1.000000] cmwq2: loaded\n"), [])


def judgement() -> None:
    """The console can only make the outcome worse, and a missing verdict is not a success."""
    _expect(verdict.judge("uml", "PASSED", "", None, 0).status, EXIT_PASSED)
    _expect(verdict.judge("uml", "PASSED", "BUG: x", None, 0).status, EXIT_FAILED)
    _expect(verdict.judge("uml", "PASSED", "", None, 1).status, EXIT_LOST)
    _expect(verdict.judge("uml", "PASSED", "", "booting", 0).status, EXIT_FAILED)
    _expect(verdict.judge("uml", "", "PASSED", None, 0).status, EXIT_LOST)
    _expect(verdict.judge("uml", "", "Kernel panic - not syncing: x", None, 0).status, EXIT_FAILED)
    _expect(verdict.judge("uml", "FAILED x", "", None, 0).cause, "x")


def verdict_channel() -> None:
    """A line that was cut off does not count as a verdict, nor does one that only looks like a verdict."""
    with _directory() as home:
        channel = home / "verdict"
        for text, reported in (("PASSED", ""), ("PASSED\n", "PASSED"), ("EVENT PASSED\n", ""),
                               ("PASSED\nFAILED x\n", "FAILED x"), ("PASSEDX\n", "")):
            channel.write_text(text)
            _expect(verdict.read_reported(channel), reported)


def results_channel() -> None:
    """Results that were cut off are noticed, and no file is unpacked outside of the results directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("./ktap/a", "../outside"):
            member = tarfile.TarInfo(name)
            member.size = 600
            archive.addfile(member, io.BytesIO(b"x" * 600))
    whole = buffer.getvalue()
    with _directory() as home:
        run = guest.Run(kernel=None, job="", home=home / "run")     # type: ignore
        run.home.mkdir()
        for data, complete in ((whole, True), (whole + whole, True), (whole[:700], False), (b"", False)):
            (run.home / "results.channel").write_bytes(data)
            _expect(guest.unpack_results(run), complete)
        _expect((run.results / "ktap/a").stat().st_size, 600)
        _expect((run.home / "outside").exists(), False)


def mirrored_sources() -> None:
    """Changed files are copied, unchanged ones are left alone, copies of removed files are removed, objects stay."""
    with _directory() as home:
        origin, copy = home / "src", home / "copy"
        origin.mkdir()
        (origin / "a.c").write_text("1")
        (origin / "b.c").write_text("1")
        modules.mirror([(origin, "src")], copy)
        stamp = (copy / "src/a.c").stat().st_mtime_ns
        (copy / "src/a.o").write_text("object")
        (copy / "src/b.ko").write_text("object")
        (origin / "b.c").unlink()
        modules.mirror([(origin, "src")], copy)
        _expect((copy / "src/a.c").stat().st_mtime_ns, stamp)
        _expect(sorted(path.name for path in (copy / "src").iterdir()), ["a.c", "a.o"])


def cost_of_hooks() -> None:
    """A hook over its limit is named. Clocks that disagree are refused, and so are missing rounds."""
    def measured(**per_trip: int) -> str:
        return "".join(f"{name} {ticks * cost.TRIPS} {ticks * cost.TRIPS}\n"
                       for name, ticks in per_trip.items() for _ in range(cost.BATCHES))
    rows = cost.judge(cost.parse(measured(unloaded=10000, tp=10301, pn=10000, timer=10300)), 1)
    _expect([row["failed"] for row in rows], [False, True, False, False])
    _expect([row["added"] for row in rows], [0, 301, 0, 300])
    _refused(lambda: cost.judge(cost.parse(measured(unloaded=1, tp=1, pn=1)), 1), "timer", "0 batches")
    _refused(lambda: cost.parse(f"tp {2 * cost.TRIPS} {cost.TRIPS}\n"), "clocks disagree")


def counted_instructions() -> None:
    """More than 3 % more is a regression, a decrease is reported, and a figure that is missing on either side counts as
    a failure."""
    before = {"percpu": {"native": {"enqueue": 1000, "item": 5000}, "cmwq2:a": {"enqueue": 1000, "lock": 100}}}
    now = {"percpu": {"native": {"enqueue": 1029, "item": 4851}, "cmwq2:a": {"enqueue": 1031, "lock": 96}}}
    _expect(icount.changes(before, before), (4, []))
    number, changed = icount.changes(before, now)
    _expect((number, [(each.name, each.worse) for each in changed]),
            (4, [("percpu cmwq2:a enqueue", True), ("percpu cmwq2:a lock", False)]))
    _expect(str(changed[0]), "percpu cmwq2:a enqueue: 1031 instructions, 1000 committed: +3.1 %")
    _expect([str(each) for each in icount.changes(before, {})[1]][0],
            "percpu native enqueue: 1000 instructions committed, none counted")
    _expect(all(each.worse for each in icount.changes({}, now)[1]), True)
    this, other = icount.Subject("7.3.4", "gcc 12", "abc"), icount.Subject("7.3.5", "gcc 12", "abc")
    _expect(icount.not_compared(this, this), "")
    _expect([name in icount.not_compared(this, other) for name in ("7.3.4", "7.3.5")], [True, True])
    _expect(bool(icount.not_compared(None, this)), True)
    _expect(len(icount.all_engines()) >= 5, True)


def the_kernels_own_benchmark() -> None:
    """The output of the kernel's own benchmark is parsed, and a difference up or down counts."""
    text = "running 1 threads, 9 items/thread\ncpu   200000 items/sec\tp50=1500\tp90=1600\tp95=1700 ns\n"
    _expect(icount.parse_own(text), (5000, 1500))
    _refused(lambda: icount.parse_own("running\n"), "lib/test_workqueue")
    _expect([icount.Own(item, 1, 5000, 1).agrees for item in (5149, 5151, 4851, 4849)], [True, False, True, False])


def _baseline_results(directory: Path, rounds: int, ours: int, own: str) -> None:
    header = ("cmwq2_bench=3\nstatus=ok\nworkload=later\nkernel=7.3\nmachine=x\ncpus=2\nhook=tp\nqueue=unbound\nscope=cpu\n"
              "mem_reclaim=0\nrounds=1\nproducers=2\nitems=1000\nsettings=producers,items\nseed=1\nclock=tsc\n"
              "clock_khz=1\nclock_cost_ns=1\nclock_step_ns=1\nengines=native\nfigures=span_ns,p50_ns\n")
    engine = " ".join(f"{figure}{suffix}=9" for figure in ("span_ns", "p50_ns") for suffix in baseline.bench_report.SPREAD)
    text = f"{header}engine=0 name=native {engine}\nround=0 engine=0 position=0 span_ns={ours} p50_ns=600 queued=1\n"
    for number in range(rounds):
        for scope in baseline.SCOPES:
            write_atomically(directory / "ours" / f"{number}.{scope}", f"{text}end={text.count(chr(10))}\n")
        write_atomically(directory / "own" / str(number), own)


def beside_the_kernels_own() -> None:
    """Both results are read for every round and scope, and only an interval within the limit is a success."""
    own = "".join(f"{scope:16} 100000 items/sec\tp50=750\tp90=1\tp95=1 ns\n" for scope in baseline.SCOPES)
    with _directory() as home:
        for ours, passed in ((20_000_000, True), (20_500_000, True), (19_500_000, True), (21_000_000, False),
                             (19_000_000, False)):
            _baseline_results(home, 6, ours, own)
            rows = baseline.compared(baseline.figures(home, 6))
            rate = [each for scope, figure, _, each in rows if (scope, figure) == ("all", "rate")][0]
            _expect((len(rows), baseline.verdict(rate)[0]), (14, passed))
            _expect("100,000 [100,000..100,000]" in baseline.table(rows), True)
        _refused(lambda: baseline.figures(home, 7), "round 6")
        _baseline_results(home, 6, 20_000_000, own.replace("numa", "none"))
        _refused(lambda: baseline.figures(home, 6), "round 0", "numa")
        (home / "ours/5.system").write_text("cmwq2_bench=3\n")
        _baseline_results(home, 5, 20_000_000, own)
        _refused(lambda: baseline.figures(home, 6), "round 5", "truncated")
    comparison = baseline.bench_stats.Comparison
    for each in (comparison(1.0, None, None), comparison(1.0, 0.9, 1.02), comparison(1.0, 0.99, 1.1)):
        _expect([baseline.verdict(each)[0], "nothing shown" in baseline.verdict(each)[1]], [False, True])


def held_instructions() -> None:
    """The difference between a short and a long run is attributed to the items. Each engine has its own locks."""
    names, lines, kernel_sum, module_sum = ["native", "cmwq2:a"], ["kernel 0 0 module 0 0"], 0, 0
    for _ in icount.QUEUES:
        for name in names:
            for items in icount.HOLD_ITEMS:
                kernel_sum += 7000 + (50 * items if name == "native" else 0)
                module_sum += 500 + (60 * items if name != "native" else 0)
                lines.append(f"kernel 1 {kernel_sum} module 1 {module_sum}")
    _expect(icount.holds("\n".join(lines), names), {queue: {"native": 50, "cmwq2:a": 60} for queue in icount.QUEUES})
    _refused(lambda: icount.holds("\n".join(lines[1:]), names), "marks")


def found_in_sources() -> None:
    """A line about a place in a file is a finding. Other output of the tools is not."""
    for line in ("src/a.c:1: WARNING:X: y", "Warning: src/a.c:1 no member 'x'", "src/a.c:1:2: warning: y",
                 "src/a.c:1:2: error: y"):
        _expect(bool(style.FOUND.match(line)), True)
    for line in ("total: 0 errors, 0 warnings, 12 lines checked", "  CC [M]  src/a.o", "make: Entering directory 'x'"):
        _expect(bool(style.FOUND.match(line)), False)


def remembered_findings() -> None:
    """Only contents that were found clean are not checked again."""
    memory = style._Memory()
    _expect([memory.findings(lambda: ["x"], "units"), memory.findings(lambda: ["x"], "units")], [["x"], ["x"]])
    memory.known = memory.used
    _expect(memory.findings(lambda: ["x"], "units"), ["x"])
    memory.findings(list, "units")
    _expect(memory.findings(lambda: ["x"], "units"), [])
    _expect(memory.findings(lambda: ["x"], "units", "changed"), ["x"])


def table_of_faults() -> None:
    """Every fault of the engine has tests that exist, and the table has no other faults."""
    known = faults.listed('static x[] = {\n\t{ "one", "what" },\n\t{ "two",\n\t  "more" },\n};\n\t{ .x = "three" },\n')
    _expect(known, {"one": "what", "two": "more"})
    there, used = faults.Catcher("cmwq2_flush"), {"one", "two"}
    faults.check_table({"one": there, "two": there}, known, used)
    for two, words in (("cmwq2_flash", "two: there is no cmwq2_flash"), ("cmwq2_flush.x", "there is no cmwq2_flush.x")):
        _refused(lambda: faults.check_table({"one": there, "two": faults.Catcher(two)}, known, used), words)
    _refused(lambda: faults.check_table({"one": there}, known, used), "two has no suite")
    _refused(lambda: faults.check_table({"one": there, "two": there, "three": there}, known, used), "three is not in")
    _refused(lambda: faults.check_table({"one": there, "two": there}, known, {"one", "two", "four"}), "four is not in")
    _refused(lambda: faults.check_table({"one": there, "two": there}, known, {"one"}), "two stands nowhere")
    _refused(lambda: faults.check_table({"one": faults.Catcher("cmwq2_flush", "arm")}, known, used), "VM=arm")
    faults.check_table(faults.CAUGHT_BY, faults.listed(faults.LIST.read_text()), faults.sites())
    _expect(list(faults.chosen("cull_from_head")), ["cull_from_head"])
    _refused(lambda: faults.chosen("no_such_fault"), "FAULT=no_such_fault", "allowed", "cull_from_head")


def caught_faults() -> None:
    """A fault counts as caught only if a suite ran and failed, and not if anything else went wrong."""
    well, broken = verdict.Outcome(EXIT_PASSED, ""), verdict.Outcome(EXIT_FAILED, "hang: a, ended after 9 s")

    def noticed(outcome: verdict.Outcome, began: bool = True, console: str = "", **count: object) -> tuple:
        row = results.Row("uml", "a", ktap.Count(**count))       # type: ignore
        return faults.noticed(outcome, [row], began, console)
    _expect(noticed(well, passed=1), (False, "not caught"))
    _expect(noticed(well, skipped=1), (False, "not caught; a was skipped"))
    _expect(noticed(well, trouble="has no result"), (False, "not caught; a has no result"))
    _expect(noticed(well, trouble="zero tests"), (False, "not caught; a zero tests"))
    for outcome in (verdict.Outcome(EXIT_FAILED, "insmod cmwq2 fault=b failed: Invalid argument"),
                    verdict.Outcome(EXIT_LOST, "without a verdict")):
        _expect(noticed(outcome, failed=1, failures=["b"])[0], False)
    _expect(noticed(broken, began=False)[0], False)
    _expect(noticed(well, passed=1, failed=1, failures=["b"]), (True, "a.b"))
    _expect(noticed(verdict.Outcome(EXIT_FAILED, "panic: BUG! (x)"), trouble="did not end: x")[0], True)
    _expect(noticed(verdict.Outcome(EXIT_FAILED, "rmmod a failed: busy"), passed=1), (True, "rmmod a failed: busy"))
    hung = "1.0 [ 1.0]         ok 1 b\n"
    _expect(noticed(broken, console=hung, trouble="did not end: x"), (True, "a hung behind b"))
    failed = "1.0 [ 1.0]     # c: ASSERTION FAILED at d.c:1\n1.0 [ 1.0] timed out waiting for e\n"
    _expect(noticed(broken, console=hung + failed, trouble="did not end: x"),
            (True, "a.c at d.c:1: timed out waiting for e"))


def an_even_deal() -> None:
    """Every suite is in exactly one part, and the parts take about the same time."""
    names = [*suites.LONG, "cmwq2_a", "cmwq2_b"]
    for machines in (1, 2, 3):
        parts = suites.dealt(names, machines)
        _expect(sorted(name for part in parts for name in part), sorted(names))
        _expect(len(parts), machines)
        sums = [suites.seconds_of(part) for part in parts]
        _expect(max(sums) - min(sums) <= max(suites.LONG.values()) / 2, True)
    _expect(suites.dealt(["cmwq2_a"], 3), [["cmwq2_a"]])
    _expect(suites.dealt([], 2), [])


def cost_of_switches() -> None:
    """A switch over its limit is named. For the watchdog this includes a decrease when it is off."""
    measured = {(queue, switch.name): [1000.0, 1000.0] for queue in switches.QUEUES for switch in switches.ORDER}
    _expect([row["switch"] for row in switches.judge(measured) if row["failed"]], [])
    measured["percpu", "latency=Y"] = [1051.0, 1051.0]
    measured["unbound", "watchdog_thresh=0"] = [989.0, 989.0]
    _expect([(row["queue"], row["switch"], row["percent"]) for row in switches.judge(measured) if row["failed"]],
            [("percpu", "latency=Y", 5.1), ("unbound", "watchdog_thresh=0", -1.1)])
    _refused(lambda: switches.instructions("status=failed\n"), "a run of the benchmark")
    _expect(len(switches.steps()), len(switches.QUEUES) * (1 + switches.ROUNDS * len(switches.ORDER)))


def documented_lines() -> None:
    """Each documented command for the tracepoints is run by a test, which checks more than that the command ended."""
    text = (ROOT / "Documentation/monitoring.rst").read_text()
    blocks = re.split(r"^\.\. run: (\S+)$", text[text.index("\nTracepoints\n"):], flags=re.MULTILINE)
    _expect("\n    # " in blocks[0], False)
    for name, block in zip(blocks[1::2], blocks[2::2]):
        _expect((name, len(re.findall(r"^::$", block, re.MULTILINE)), "\n    # " in block), (name, 1, True))
    suite = (HERE / "guest/suites/cmwq2_latency_files.sh").read_text()
    others = set(re.findall(r"\b(?:as_documented|one_liner) ([a-z-]+)", suite))
    _expect(set(blocks[1::2]), set(tracers.LINES) | others)
    _expect([name for name in tracers.LINES if not tracers.problems(name, "")], ["hist-off"])
    _expect(tracers.problems("perf-stat", "  1,203  cmwq2:cmwq2_kick\n   7 cmwq2:cmwq2_wake\n"), [])
    _expect(len(tracers.problems("perf-stat", "  1,203  cmwq2:cmwq2_kick\n   0 cmwq2:cmwq2_wake\n")), 1)


def one_probe_of_kvm() -> None:
    """Guests that start together wait for a single probe of KVM, and its answer is remembered."""
    asked, cache, boots, works = [], accel.CACHE, accel._boots, []

    def boots_slowly(target: object) -> bool:
        asked.append(target)
        time.sleep(0.3)
        return True

    with _directory() as directory:
        accel.CACHE, accel._boots = directory / "kvm.json", boots_slowly
        try:
            threads = [threading.Thread(target=lambda: works.append(accel._works(None))) for _ in range(3)]
            with contextlib.redirect_stdout(io.StringIO()):
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
        finally:
            accel.CACHE, accel._boots = cache, boots
    _expect((len(asked), works), (1, [True] * 3))


def bad_input() -> None:
    """A value that cannot be used is named, together with the allowed values."""
    _refused(lambda: kernel.vehicle("arm"), "VM=arm", "uml")
    _refused(lambda: modules.check_kdir(Path("/etc")), "KDIR=/etc", "allowed")
    os.environ["A_COUNT"] = "0"
    _refused(lambda: count_knob("A_COUNT", 1), "A_COUNT=0", "allowed")
    _refused(lambda: suites.check(["uml"], "nothing"), "SUITE=nothing", "allowed")


CHECKS = (knobs_of_bench, results_of_bench, reports_of_bench,
          dropped_option, options_by_version, series, skipped_cases, reasons, half_built_kernel, content_of_the_key,
          known_complaint, every_complaint, judgement, verdict_channel, results_channel, mirrored_sources,
          cost_of_hooks, counted_instructions, the_kernels_own_benchmark, beside_the_kernels_own, held_instructions,
          found_in_sources, remembered_findings, table_of_faults, caught_faults, an_even_deal, cost_of_switches,
          documented_lines, one_probe_of_kvm, bad_input)


def check(name: Callable[[], None]) -> str:
    """Run one of CHECKS and return what is wrong, or ''."""
    try:
        name()
    except AssertionError as error:
        return str(error) or "failed"
    return ""
