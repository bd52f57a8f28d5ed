# SPDX-License-Identifier: GPL-2.0
"""`make icount`, and a row of `make check`: counts the instructions of queueing, and compares them with committed
figures.

QEMU counts them: under -icount the guest's clocks advance by one nanosecond per instruction, so that the load of this
machine does not matter and a figure repeats to a fraction of a percent. The guest has one CPU, so the figures leave out
what several CPUs cost each other, and also the cost of cache misses and mispredicted branches."""

import dataclasses
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from base.common import (
    EXIT_FAILED,
    EXIT_PASSED,
    HERE,
    OUT,
    ROOT,
    Problem,
    aligned,
    flag_knob,
    say,
    shown,
    took,
    write_atomically,
)
from build import kernel, modules, packages, qemu
from machines import accel, guest, holdcount, ktap
from verbs import baseline, cost

sys.path.append(str(ROOT / "tools"))
import policies  # noqa: E402
from benchmark import documents as bench_document  # noqa: E402
from benchmark import results as bench_report  # noqa: E402
from benchmark import sets as bench_set  # noqa: E402

# The vehicles that have committed figures. The figures of a kernel with jump labels are those that users get.
VEHICLES = ("x86", "x86-keys")
REPORT = OUT / "icount" / "report.json"
SCHEMA = 1
# A figure may have grown by this much.
TOLERANCE_PERCENT = 3.0
# Most rounds of one boot may differ from their median by this much. If they differ by more, the median means nothing. A
# single round may differ, because the scheduler may put off a dequeue in all items of one round and in none of another.
AGREE_PERCENT = 1.0
# Our native roundtrip may differ by this much from that of the kernel's own benchmark.
OWN_PERCENT = 3.0
ITEMS, WARMUP, ROUNDS = 2000, 200, 5
QUEUES = ("percpu", "unbound")
NATIVE = "native"
# This profile wakes workers with the lock held. The scheduler's part of a wakeup varies by 10 % between boots,
# so this profile's figure of instructions with the lock held is shown, but not compared.
WAKES_LOCKED = "cmwq2:mainline-6.12"
# The kernel's own benchmark creates and ends its threads within the time that it measures. With this many items that
# is a small part of it.
OWN_ITEMS = 10 * ITEMS
FIGURES = {"enqueue": "the call, with its wakeup", "item": "all of an item, until its producer goes on",
           "lock": "of an item, with pool->lock held"}


@dataclasses.dataclass(frozen=True)
class Subject:
    """The build that figures belong to. Figures of different builds cannot be compared."""

    kernel: str
    compiler: str
    config: str

    def __str__(self) -> str:
        return f"Linux {self.kernel} ({self.config}), {self.compiler}"


def subject(target: kernel.Kernel) -> Subject:
    """Return the subject of a built kernel."""
    config = (target.build / ".config").read_text(encoding="utf-8")
    found = re.search(r'^CONFIG_CC_VERSION_TEXT="(.*)"$', config, re.MULTILINE)
    return Subject(target.release, found.group(1) if found else "-", bench_document.config_hash(config) or "-")


def committed_file(vehicle: str, verb: str = "icount") -> Path:
    """Return the file with the committed figures of @vehicle that @verb counts."""
    return HERE / f"{verb}-{vehicle}.json"


def built(vehicle: str, verb: str = "icount") -> kernel.Kernel:
    """Return the kernel of @vehicle, which is built if necessary, for @verb."""
    if vehicle not in VEHICLES:
        raise Problem(f"VM={vehicle}: {verb} runs on {' or '.join(VEHICLES)}")
    packages.require("build", "guest")
    qemu.provide()
    return kernel.provide(kernel.vehicle(vehicle))


def committed(path: Path, what: str = "instructions") -> tuple:
    """Return the subject of the committed figures in @path, and the figures by queue, engine and name. @what: what they
    are numbers of."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None, {}
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA:
            raise Problem(f"{shown(path)}: schema {document['schema']}, this program knows {SCHEMA}")
        return Subject(**document["subject"]), document[what]
    except (ValueError, KeyError, TypeError) as error:
        raise Problem(f"{shown(path)} cannot be read: {error!r}") from None


def all_engines() -> list:
    """Return native, and cmwq2 with each profile. A test checks that the profiles are those that the engine has."""
    return [NATIVE, *(f"cmwq2:{name}" for name in policies.profiles())]


def engines_of(default: str = "") -> list:
    """Return native, and cmwq2 with each of the profiles or policies in PROFILES=, or else in @default, or else with
    every profile."""
    text = os.environ.get("PROFILES") or default
    if not text:
        return all_engines()
    try:
        return [NATIVE, *(f"cmwq2:{name}" for name in bench_set.profile_names(text, "PROFILES"))]
    except bench_document.SetError as error:
        raise Problem(str(error)) from None


def settings(queue: str, engines: str, items: int, rounds: int = 1) -> str:
    """Return the settings of a run. @engines: their names, separated by commas."""
    return (f"workload=roundtrip scope=system producers=1 items={items} warmup={WARMUP} rounds={rounds} seed=1 "
            f"queue={queue} engines={engines}")


def disagree(values: Sequence[float]) -> bool:
    """Return whether half of @values differ from their median by more than AGREE_PERCENT."""
    middle = statistics.median(values)
    return statistics.median(abs(value / middle - 1) for value in values) > AGREE_PERCENT / 100


def measured(run: guest.Run) -> tuple:
    """Return the figures by queue, engine and name, and what is wrong with them."""
    figures: dict = {}
    wrong = []
    for number, queue in enumerate(QUEUES):
        try:
            document = bench_report.parse((run.results / "bench" / str(number)).read_text(), "x86", "tcg")
        except bench_report.ResultError as error:
            raise Problem(f"run {number}: {error}") from None
        turns: dict = {}
        for record in document["rounds"]:
            name = document["header"]["engines"][record["engine"]]
            for figure, value in (("enqueue", record["p50_ns"]), ("item", record["span_ns"] / ITEMS)):
                turns.setdefault((name, figure), []).append(value)
        for (name, figure), values in turns.items():
            figures.setdefault(queue, {}).setdefault(name, {})[figure] = round(statistics.median(values), 1)
            if disagree(values):
                wrong.append(f"{queue} {name} {figure}: half of the rounds differ by more than {AGREE_PERCENT:g} %: "
                             f"{', '.join(f'{value:.1f}' for value in sorted(values))}")
    return figures, wrong


@dataclasses.dataclass(frozen=True)
class Change:
    """A figure that has changed."""

    name: str
    before: Optional[float]
    now: Optional[float]
    what: str = "instructions"
    tolerance: float = TOLERANCE_PERCENT

    @property
    def percent(self) -> float:
        """The increase in percent, negative if the figure is lower than before."""
        assert self.before and self.now
        return 100 * (self.now / self.before - 1)

    @property
    def worse(self) -> bool:
        """Whether it is a regression, or a value is missing on either side."""
        return not self.before or not self.now or self.percent > self.tolerance

    def __str__(self) -> str:
        if not self.before:
            return f"{self.name}: {self.now} {self.what}, none committed"
        if not self.now:
            return f"{self.name}: {self.before} {self.what} committed, none counted"
        return f"{self.name}: {self.now} {self.what}, {self.before} committed: {self.percent:+.1f} %"


def changes(before: dict, now: dict, what: str = "instructions", tolerance: float = TOLERANCE_PERCENT) -> tuple:
    """Return how many figures there are, and those that have changed by more than @tolerance percent, up or down.
    @what: what they are numbers of."""
    def flat(figures: dict) -> dict:
        return {f"{queue} {name} {figure}": value for queue, engines in figures.items()
                for name, values in engines.items() for figure, value in values.items()
                if (name, figure) != (WAKES_LOCKED, "lock")}
    one, other = flat(before), flat(now)
    names = list(other) + [name for name in one if name not in other]
    found = [Change(name, one.get(name), other.get(name), what, tolerance) for name in names]
    return len(found), [each for each in found if each.worse or each.percent < -tolerance]


@dataclasses.dataclass(frozen=True)
class Own:
    """Instructions of an item and of a call, of native's roundtrip in cmwq2_bench and in lib/test_workqueue."""

    item: float
    call: float
    own_item: float
    own_call: float

    @property
    def percent(self) -> float:
        """How many percent more instructions an item takes in our benchmark."""
        return 100 * (self.item / self.own_item - 1)

    @property
    def agrees(self) -> bool:
        """Whether the difference is within OWN_PERCENT."""
        return abs(self.percent) <= OWN_PERCENT

    def __str__(self) -> str:
        return (f"native roundtrip: {self.item:.1f} instructions an item with cmwq2_bench, {self.own_item:.1f} with "
                f"lib/test_workqueue: {self.percent:+.1f} %; the call {self.call:.1f} and {self.own_call:.1f}")


def parse_own(text: str) -> tuple:
    """Return nanoseconds of an item and of a call from the output of lib/test_workqueue, which has a line per scope."""
    scopes = [each for each in baseline.parse_own(text).values() if each["rate"]]
    if not scopes:
        raise Problem("lib/test_workqueue has printed no results")
    return statistics.median(1e9 / each["rate"] for each in scopes), statistics.median(each["call"] for each in scopes)


# The numbers of items of two runs. Both include the setup, so the difference is the cost of 600 items alone.
HOLD_ITEMS = (300, 900)
OWNERS = {NATIVE: "kernel"}


def holds(text: str, names: list) -> dict:
    """Return the instructions of an item with a lock held, by queue and engine. @text is the plugin's output, with one
    line at the beginning of each run and one at the end of the last."""
    counted = []
    for line in text.splitlines():
        words = line.split()
        counted.append({owner: int(instructions) for owner, _, instructions in zip(*[iter(words)] * 3)})
    runs = [(queue, name, items) for queue in QUEUES for name in names for items in HOLD_ITEMS]
    # There may be more marks, because powering off calls sync, too.
    if len(counted) <= len(runs):
        raise Problem(f"the plugin has seen {len(counted)} marks, {len(runs) + 1} were made")
    sums: dict = {}
    for number, (queue, name, items) in enumerate(runs):
        owner = OWNERS.get(name, "module")
        sums[queue, name, items] = counted[number + 1][owner] - counted[number][owner]
    few, many = HOLD_ITEMS
    found: dict = {}
    for queue, name, _ in runs:
        found.setdefault(queue, {})[name] = round((sums[queue, name, many] - sums[queue, name, few]) / (many - few), 1)
    return found


class Counted:
    """Two boots under -icount. Afterwards the members figures, wrong and own have the results."""

    def __init__(self, target: kernel.Kernel, files: list, parameters: str = "", engines: Sequence[str] = ()):
        self.target = target.booted_with(*cost.PARAMETERS)
        self.benchmark = target.build / kernel.BENCHMARK
        self.files = modules.with_engine(files, "cmwq2_bench")
        self.parameters = parameters
        self.engines = list(engines) or all_engines()
        self.some = set(self.engines) != set(all_engines())
        self.figures: dict = {}
        self.wrong: list = []
        self.own: Optional[Own] = None
        self.run: Optional[guest.Run] = None

    def boot(self) -> None:
        """Boot twice and set the results. Raises Problem if there are no figures."""
        own = [self.benchmark] if self.benchmark.exists() else []
        runs = [settings(queue, ",".join(self.engines), ITEMS, ROUNDS) for queue in QUEUES]
        run = self.boot_with(f"icount-{self.target.vehicle.name}", self.files + own, runs, [])
        self.figures, self.wrong = measured(run)
        self._add_holds()
        if own:
            native = self.figures["unbound"][NATIVE]
            self.own = Own(native["item"], native["enqueue"], *parse_own((run.results / "own").read_text()))

    def boot_with(self, name: str, files: list, runs: list, extra: list) -> guest.Run:
        """Boot a guest that makes @runs, and return it. @extra: more arguments for QEMU."""
        run = self.run = guest.Run(
            self.target, "icount", guest.home(name), files, limit=60, cpus=1, extra=[*cost.ICOUNT, *extra],
            settings={"ICOUNT_RUNS": ";".join(runs), "ICOUNT_OWN": f"nr_threads=1 wq_items={OWN_ITEMS}",
                      "ICOUNT_PARAMETERS": self.parameters})
        guest.boot(run, accel.TCG_SINGLE)
        guest.must_pass(run)
        return run

    def _add_holds(self) -> None:
        """Count instructions with a lock held. The plugin for this is slow, so there are only few items."""
        output = OUT / "icount" / "holds"
        output.unlink(missing_ok=True)
        runs = [settings(queue, name, items)
                for queue in QUEUES for name in self.engines for items in HOLD_ITEMS]
        name = f"icount-{self.target.vehicle.name}-holds"
        self.boot_with(name, self.files, runs, holdcount.arguments(self.target, output))
        for queue, engines in holds(output.read_text(), self.engines).items():
            for engine, instructions in engines.items():
                self.figures[queue][engine]["lock"] = instructions


def table(figures: dict) -> str:
    """Return @figures as a table for people."""
    lines = [("queue", "engine", "enqueue", "/native", "item", "/native", "lock")]
    for queue, engines in figures.items():
        for name, values in engines.items():
            cells = [queue, name]
            for figure in ("enqueue", "item"):
                cells += [f"{values[figure]:.1f}", f"{values[figure] / engines[NATIVE][figure]:.3f}"]
            lines.append((*cells, f"{values['lock']:.1f}" if "lock" in values else "-"))
    return aligned(lines, 2)


def of_both(one: dict, other: dict) -> tuple:
    """Return both figures with only those engines that both have."""
    def shared(figures: dict) -> dict:
        return {queue: {name: values for name, values in engines.items()
                        if name in one.get(queue, {}) and name in other.get(queue, {})}
                for queue, engines in figures.items()}
    return shared(one), shared(other)


def not_compared(one: Optional[Subject], other: Subject) -> str:
    """Return why committed figures of subject @one cannot be compared with those of @other, or '' if they can."""
    if one == other:
        return ""
    return f"figures are for {one}, this is {other}: not compared" if one else "no figures are committed"


def write(path: Path, whose: Subject, figures: dict, what: str = "instructions") -> None:
    """Write the committed figures, which later ones are compared with. @what: what they are numbers of."""
    write_atomically(path, json.dumps({
        "schema": SCHEMA, "subject": dataclasses.asdict(whose), what: figures}, indent=1) + "\n")


def judge(counted: Counted) -> tuple:
    """Return passed and failed comparisons for `make check`, and further lines to print."""
    count, more = ktap.Count(), []
    failures = list(counted.wrong)
    whose, before = committed(committed_file(counted.target.vehicle.name))
    reason = not_compared(whose, subject(counted.target))
    if reason:
        count.skipped, count.reasons = 1, [reason]
    else:
        figures = counted.figures
        if counted.some:
            before, figures = of_both(before, figures)
        number, changed = changes(before, figures)
        count.passed = sum(not each.worse for each in changed) + number - len(changed)
        failures += [str(each) for each in changed if each.worse]
        more += [f"less: {each}" for each in changed if not each.worse]
        more += ["make icount WRITE=1 renews the figures"] if changed else []
    if counted.own:
        count.passed += counted.own.agrees
        failures += [] if counted.own.agrees else [str(counted.own)]
    count.failed, count.failures = len(failures), failures
    return count, more


def icount(vehicle: str) -> int:
    """Count instructions, print them, and compare them with the committed figures, which WRITE=1 replaces first. Return
    the exit status."""
    start, engines = time.monotonic(), engines_of()
    REPORT.unlink(missing_ok=True)
    target, path = built(vehicle), committed_file(vehicle)
    counted = Counted(target, modules.build(target), os.environ.get("PARAMETERS", ""), engines)
    counted.boot()
    this = subject(target)
    say(f"\nInstructions, median of {ROUNDS} rounds x {ITEMS} items, one in flight, 1 CPU\n{this}, {qemu.provide()} "
        f"{accel.TCG_SINGLE}, {' '.join(cost.ICOUNT)}\n" + "\n".join(f"{key}: {text}" for key, text in FIGURES.items()))
    say(f"\n{table(counted.figures)}\n")
    if counted.own:
        say(f"{counted.own}\n")
    write_atomically(REPORT, json.dumps({
        "schema": SCHEMA, "subject": dataclasses.asdict(this), "instructions": counted.figures,
        "own": dataclasses.asdict(counted.own) if counted.own else None, "wrong": counted.wrong}, indent=1) + "\n")
    if flag_knob("WRITE"):
        if counted.wrong:
            raise Problem(f"{shown(path)} stays as it is: {counted.wrong[0]}")
        write(path, this, counted.figures)
        say(f"{shown(path)} is written")
    count, more = judge(counted)
    for kind, lines in (("FAIL", count.failures), ("SKIP", count.reasons), ("     ", more)):
        for line in lines:
            say(f"{kind}  {line}")
    say(f"{count.passed} of {count.total} within {TOLERANCE_PERCENT:g} %; {shown(REPORT)}, {took(start)}")
    return EXIT_FAILED if count.failed else EXIT_PASSED
