# SPDX-License-Identifier: GPL-2.0
"""`make fuzz`: runs random programs of calls on both engines, and judges what happened. A program that breaks a rule is
made as small as possible, and printed as text and as a KUnit case. With FAULT= the engine has faults, which must be
found. Documentation/fuzz.rst describes it."""

import fnmatch
import os
import shutil
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Callable, Optional

from base.common import EXIT_FAILED, EXIT_PASSED, OUT, ROOT, Problem, count_knob, say, shown, took, write_atomically
from build import faulty, kernel, modules
from machines import guest as machine
from verbs import kunitcase, shrink, written
from verbs.fuzzguest import FuzzGuest, Result, rule_of
from verbs.written import blocks

FOUND, CORPUS = OUT / "fuzz", ROOT / "kunit/fuzz/corpus"
# The document and the block in it that have the table of faults.
DOCUMENT, BLOCK = ROOT / "Documentation/fuzz.rst", "faults"
# How often each program of the corpus runs before the random ones.
CORPUS_REPEAT = 3
# Seconds that a run lasts unless TIME= says otherwise; with a fault it ends as soon as that is found.
SECONDS = 600
# How many guests run programs at once with FAULT=, each with its own fault, unless MACHINES= says otherwise. Without
# FAULT= there is one: several guests take the CPUs away from each other, often while they hold a lock.
MACHINES = 3
# Seconds that a batch of programs should take, and how many programs the first batch has.
BATCH_SECONDS, FIRST_BATCH = 2, 50
# How often a program is repeated at most until it breaks its rule again, and seconds for making it smaller.
REPEAT, SHRINK_SECONDS = 300, 180
# Milliseconds without an event after which an engine counts as stuck: normally, and with a fault, where it often is.
PATIENCE_MS, FAULTY_PATIENCE_MS = 10000, 1500
# For the kernel command line: a grace period of RCU takes one tick or two. Otherwise the few programs that wait for
# grace periods would take half of the time.
BOOT = ("rcutree.jiffies_till_first_fqs=0", "rcutree.jiffies_till_next_fqs=1")
DIED = "kernel: died"
# How many of 100 programs are changes of one that made a new step in the engine's code.
STEERED = 25
# Faults of check-faults that a program of calls can show.
SHOWN = (
    "barrier_first", "barrier_unlinked", "block_not_counted", "cancel_no_kick", "cancel_no_wait",
    "chain_wake_dropped", "color_done_early", "color_not_painted", "depth_lost", "drain_once", "freeze_ignored",
    "inactive_lost", "manager_missing", "max_active_exceeded", "mayday_lost", "mod_keeps_cpu", "no_recheck",
    "node_max_exceeded", "not_plugged", "other_pool_ignored", "other_queue_taken", "pending_ignored",
    "pending_kept", "pwq_leaked", "rescuer_no_kick", "running_twice", "stays_in_line", "timer_left",
    "watched_for_ever",
)


def corpus() -> list:
    """Return the names and texts of the programs that are worth repeating."""
    lines = [line for line in CORPUS.read_text().splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(": ", 1)) for line in lines]


@dataclass
class Finding:
    """A program that broke a rule."""

    program: shrink.Program
    verdict: str
    seed: object = 0            # or the name of a program of the corpus; 0 if only its text is known
    runs: int = 1               # how many runs it took
    log: list = field(default_factory=list)
    before: int = 0             # how many operations the program had before it was made smaller

    @property
    def rule(self) -> str:
        """The engine and the rule."""
        return rule_of(self.verdict)

    @property
    def origin(self) -> str:
        """Where the program comes from."""
        if isinstance(self.seed, str):
            return f"{self.seed} of the corpus"
        return f"seed {self.seed}" if self.seed else "it ran when the kernel died"


def steered() -> int:
    """Return how many of 100 programs are changes of earlier ones, from STEER=."""
    text = os.environ.get("STEER") or str(STEERED)
    if not text.isdigit() or int(text) > 100:
        raise Problem(f"STEER={text} is not a percentage; allowed: 0 to 100")
    return int(text)


class Seeds:
    """The seeds of random programs. Hunts side by side take them from here, until one of them has found something."""

    def __init__(self, first: int) -> None:
        self._next, self._lock = first, threading.Lock()
        self.over = False

    def take(self, count: int) -> int:
        """Return the first of @count seeds that nobody else gets."""
        with self._lock:
            first, self._next = self._next, self._next + count
        return first


class Hunt:
    """Looks for a program that breaks a rule, on one vehicle with one engine. @number: which of those side by side."""

    def __init__(self, target: kernel.Kernel, files: list, seeds: Seeds, fault: str = "", number: int = 0) -> None:
        self.target, self.files, self.seeds, self.fault, self.number = target, files, seeds, fault, number
        self.with_corpus = not number
        self.programs, self.ms, self.long = 0, 0, 0
        self.known: dict = {}
        self.steps, self.kept = 0, 0
        self.guest: Optional[FuzzGuest] = None
        self.trouble = ""
        self.last_log: list = []            # of a guest in which something hangs, or whose kernel complained
        self.said: Optional[Path] = None    # a copy of the console of the first guest that complained or died

    def boot(self) -> FuzzGuest:
        """Return the guest, which is booted if there is none."""
        if not self.guest:
            patience = FAULTY_PATIENCE_MS if self.fault else PATIENCE_MS
            hotplug = " hotplug=Y" if self.target.vehicle.arch == "x86_64" else ""
            name = "-".join(filter(None, ("fuzz", self.target.vehicle.name, self.fault, str(self.number or ""))))
            self.guest = FuzzGuest(self.target.booted_with(*BOOT), self.files, name,
                                   f"fault={self.fault}" if self.fault else "",
                                   f"timeout_ms={patience}{hotplug} steer={steered()}")
            if not self.guest.ready:
                raise Problem(f"the guest cannot fuzz: {self.guest.run.outcome} (log: {shown(self.guest.console)})")
        return self.guest

    def drop(self, off: bool = True) -> None:
        """End the guest. A guest that is not switched @off must pass its checks."""
        if self.guest:
            self.trouble = self.guest.end(off)
            self.guest = None

    def ask(self, request: str) -> Result:
        """Send a request, in a new guest if need be. If the guest dies of it, that is the verdict."""
        guest = self.boot()
        result = guest.request(request)
        if result is None or result.rule.startswith("kernel"):
            self._keep_console(guest)
        if result is None:
            result = Result(verdicts=[f"{DIED}: {guest.run.outcome}"], lost=True, program=guest.last_program())
            self.guest = None
        elif result.lost:
            self.last_log = guest.ask("log") or []
            self.drop()
        return result

    def log(self) -> list:
        """Return what the last program logged in both engines, one event or name of an engine in a line."""
        return self.guest.ask("log") or [] if self.guest else self.last_log

    def _keep_console(self, guest: FuzzGuest) -> None:
        """Keep what the kernel of @guest said, because the next guest writes to the same file."""
        if not self.said and guest.console.exists():
            self.said = FOUND / f"{self.target.vehicle.name}-{self.number}.console"
            self.said.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(guest.console, self.said)

    def _batch(self, seed: int, count: int) -> Result:
        result = self.ask(f"seeds {seed} {count}")
        self.programs, self.ms, self.long = self.programs + result.runs, self.ms + result.ms, self.long + result.long
        self.known.update(result.known)
        self.steps, self.kept = max(self.steps, result.steps), max(self.kept, result.kept)
        return result

    def _died_in(self, seed: int, count: int) -> Finding:
        """Run the programs of a batch one by one until the guest dies again, and return the culprit."""
        for each in range(seed, seed + count):
            result = self._batch(each, 1)
            if result.verdicts:
                text = result.program or self.ask(f"show {each}").program
                return Finding(shrink.parse(text), result.verdicts[0], each)
        return Finding(shrink.Program(), f"{DIED} in one of the programs {seed} to {seed + count - 1}, but not again")

    def replay(self) -> Optional[Finding]:
        """Run the programs of the corpus, and return the first that breaks a rule."""
        for name, text in corpus():
            result = self.ask(f"program {CORPUS_REPEAT} {text}")
            self.programs, self.ms = self.programs + result.runs, self.ms + result.ms
            self.known.update(result.known)
            if result.refused:
                raise Problem(f"the guest refuses the program {name} of {shown(CORPUS)}: {result.refused}")
            if result.verdicts:
                return Finding(shrink.parse(text), result.verdicts[0], name)
        return None

    def search(self, seconds: float) -> Optional[Finding]:
        """Run the corpus, then random programs. Stop after @seconds, or when another hunt has found something. Return
        the first program that breaks a rule."""
        end, count = time.monotonic() + seconds, FIRST_BATCH
        found = self.replay() if self.with_corpus else None
        if found:
            return found
        while time.monotonic() < end and not self.seeds.over:
            first = self.seeds.take(count)
            result = self._batch(first, count)
            if result.verdicts:
                if not result.program:
                    return self._died_in(first, count)
                return Finding(shrink.parse(result.program), result.verdicts[0], result.seed, log=self.log())
            if result.refused:
                raise Problem(f"the guest refuses the programs {first} to {first + count - 1}: {result.refused}")
            count = min(2 * count, max(1, BATCH_SECONDS * 1000 * result.runs // max(1, result.ms)))
        return None

    def again(self, program: shrink.Program, rule: str, repeat: int) -> Optional[Result]:
        """Return the result of a run in which @program breaks @rule, or None if it does not."""
        result = self.ask(f"program {repeat} {program}")
        return next((replace(result, verdicts=[each]) for each in result.verdicts if rule_of(each) == rule), None)

    def smaller(self, finding: Finding, seconds: float = SHRINK_SECONDS) -> Finding:
        """Return the finding with a program as small as possible, or as it is if it cannot be repeated."""
        first = self.again(finding.program, finding.rule, REPEAT) if finding.program.ops else None
        if not first:
            return finding
        end, repeat, last = time.monotonic() + seconds, min(REPEAT, 10 + 4 * first.runs), first

        def breaks(program: shrink.Program) -> bool:
            nonlocal last
            if time.monotonic() > end:
                raise shrink.OutOfTime
            result = self.again(program, finding.rule, repeat)
            last = result or last
            return bool(result)
        small = shrink.shrink(finding.program, breaks)
        # The log of the smallest program.
        final = self.again(small, finding.rule, REPEAT) or last
        return replace(finding, program=small, verdict=final.verdicts[0], runs=max(1, final.runs), log=self.log(),
                       before=len(finding.program.ops))


def rate(hunts: list) -> str:
    """Return a line: how many programs ran in all @hunts, how fast, and how often they met known faults."""
    speed = sum(1000 * each.programs // max(1, each.ms) for each in hunts)
    known = sum((Counter(each.known) for each in hunts), Counter())
    met = ", ".join(f"{name} {times} times" for name, times in sorted(known.items())) or "none"
    return (f"{sum(each.programs for each in hunts)} programs on both engines, {speed} a second; "
            f"{sum(each.kept for each in hunts)} of them made a new one of {max(each.steps for each in hunts)} steps; "
            f"{sum(each.long for each in hunts)} had too long a log; known faults: {met}")


def report(hunt: Hunt, finding: Finding) -> None:
    """Print a finding, and write it to files."""
    base = FOUND / f"{hunt.target.vehicle.name}-{finding.seed or 'died'}"
    say(f"      {finding.verdict}")
    say(f"      {finding.origin}, {len(finding.program.ops)} operations"
        + (f" of {finding.before}" if finding.before else "; the program did not do it again")
        + f", in {finding.runs} runs:")
    text = str(finding.program).replace(";", "\n") + "\n"
    case = kunitcase.case(finding.program, finding.verdict, finding.origin, finding.runs)
    for line in text.splitlines():
        say(f"        {line}")
    write_atomically(base.with_suffix(".txt"), f"# {finding.verdict}\n{text}")
    write_atomically(base.with_suffix(".log"), "\n".join(finding.log) + "\n")
    write_atomically(base.with_suffix(".c"), case)
    say(f"      as a KUnit case: {shown(base)}.c, its log: {shown(base)}.log")
    if finding.rule.startswith("kernel") and hunt.said:
        say(f"      what the kernel said: {shown(hunt.said)}")
    for line in case.splitlines():
        say(f"        {line}".rstrip())


def look(hunts: list, seconds: float) -> list:
    """Let @hunts look side by side, until one of them has found something. Return each that has, with its finding."""
    found = []

    def one(hunt: Hunt) -> None:
        finding = hunt.search(seconds)
        if finding:
            hunt.seeds.over = True
            found.append((hunt, finding))
    machine.side_by_side([partial(one, each) for each in hunts], len(hunts))
    return found


def _plain(target: kernel.Kernel, seed: int, seconds: int, machines: int) -> int:
    """Run programs on the engine as it is, which must not break a rule, in so many @machines."""
    seeds, files = Seeds(seed), modules.build_covered(target)
    hunts, name = [Hunt(target, files, seeds, number=number) for number in range(machines)], target.vehicle.name
    say(f"{name}: random programs for {seconds} s from seed {seed}, {machines} at a time")
    found = look(hunts, seconds)
    for hunt in hunts:
        if hunt not in [finder for finder, _ in found]:
            hunt.drop(off=False)
    for hunt, finding in found:
        say(f"FAIL  {name}  a rule was broken after {sum(each.programs for each in hunts)} programs")
        report(hunt, hunt.smaller(finding))
        hunt.drop(off=False)
    say(f"      {rate(hunts)}")
    if not any(hunt.kept for hunt in hunts):
        say("      this build of the engine does not know its steps, so all programs were random")
    trouble = [hunt.trouble for hunt in hunts if hunt.trouble]
    for each in trouble:
        say(f"FAIL  {name}  the guest: {each}")
    passed = not found and not trouble
    if passed:
        say(f"PASS  {name}  no rule was broken")
    return EXIT_PASSED if passed else EXIT_FAILED


def chosen(pattern: str) -> list:
    """Return the faults that FAULT= asks for: those that match, of those that programs are known to show, or any fault
    by its full name."""
    if pattern in faulty.listed():
        return [pattern]
    names = fnmatch.filter(SHOWN, pattern)
    if not names:
        raise Problem(f"FAULT={pattern} matches no fault; allowed: the name of a fault of make check-faults, or a glob "
                      f"over {', '.join(SHOWN)}")
    return names


@dataclass
class Found:
    """How a fault was found, or not found, by one kind of programs."""

    finding: Optional[Finding]
    seconds: float
    programs: int

    def __str__(self) -> str:
        if not self.finding:
            return f"not in {self.programs}"
        return f"{self.finding.seed}" if isinstance(self.finding.seed, str) else f"after {self.programs}"


def found_by(hunt: Hunt, look: Callable[[], Optional[Finding]]) -> Found:
    """Let @hunt @look for its fault in a guest that is booted for this."""
    hunt.programs, hunt.ms = 0, 0
    hunt.boot()
    start = time.monotonic()
    finding = look()
    # The fault is in cmwq2. If a rule seems broken by the kernel's own workqueue, the fault was not found.
    if finding and finding.rule.startswith("native"):
        say(f"      {hunt.fault}: a false alarm: {finding.verdict}")
        finding = None
    return Found(finding, time.monotonic() - start, hunt.programs)


def row(name: str, by_random: Found, by_corpus: Found) -> str:
    """Return the line of the table for the fault @name."""
    verdict = next((each.finding.verdict for each in (by_random, by_corpus) if each.finding), "-")
    rule = ":".join(verdict.split(":")[1:2]).strip() or verdict
    return (f"{name:24}{by_random.seconds:7.1f} s  {by_random!s:16}{by_corpus.seconds:7.1f} s  {by_corpus!s:28}"
            f"{rule}").rstrip()


def _faulty(target: kernel.Kernel, names: list, seed: int, seconds: int, machines: int) -> tuple:
    """Run programs on engines with one fault each, which must be found, in so many @machines at once. Return the table,
    and whether each was found."""
    files, rows = modules.build_faults(target, covered=True), {}
    head = f"      {'fault':24}{'random programs':27}{'programs of the corpus':39}rule"
    say(head)

    def one(name: str) -> None:
        hunt = Hunt(target, files, Seeds(seed), name)
        hunt.with_corpus = False
        by_random = found_by(hunt, partial(hunt.search, seconds))
        if by_random.finding and len(names) == 1:
            report(hunt, hunt.smaller(by_random.finding))
        hunt.drop()
        by_corpus = found_by(hunt, hunt.replay)
        good = by_random.finding or by_corpus.finding
        rows[name] = bool(good), row(name, by_random, by_corpus)
        say(f"{'PASS' if good else 'FAIL'}  {rows[name][1]}")
        hunt.drop()
    machine.side_by_side([partial(one, name) for name in names], machines)
    last = f"{sum(good for good, _ in rows.values())} of {len(names)} faults were found"
    say(last)
    return "\n".join([head.strip(), *(rows[name][1] for name in names), last]), all(good for good, _ in rows.values())


def fuzz(vehicle: str, fault: str, write: bool = False) -> int:
    """Run programs on @vehicle, with the faults that @fault matches if it is not empty. With @write the table of all
    faults goes into the document. Return the exit status."""
    if write and fault != "*":
        raise Problem("WRITE=1 needs the results of all faults; allowed: WRITE=1 with FAULT='*'")
    start, names = time.monotonic(), chosen(fault) if fault else []
    steered()
    seed, seconds = count_knob("SEED", int(time.time())), count_knob("TIME", SECONDS)
    machines = count_knob("MACHINES", MACHINES if names else 1)
    target = kernel.provide(kernel.vehicle(vehicle))
    if names:
        table, found = _faulty(target, names, seed, seconds, machines)
        status = EXIT_PASSED if found else EXIT_FAILED
        if write:
            written.replace(DOCUMENT, BLOCK, blocks.block(BLOCK, "make fuzz FAULT='*'", table))
    else:
        status = _plain(target, seed, seconds, machines)
    say(f"\nin {took(start)}")
    return status
