# SPDX-License-Identifier: GPL-2.0
"""`make mutants`: puts one small change at a time into the engine, as a slip of a programmer would, and runs the suites
that run the changed function. A change that no suite notices shows what the suites do not test. build/mutate.py makes
the changes."""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Optional

from base.common import (
    EXIT_FAILED,
    EXIT_LOST,
    EXIT_PASSED,
    OUT,
    ROOT,
    Problem,
    count_knob,
    flag_knob,
    fresh_directory,
    say,
    shown,
    took,
    write_atomically,
)
from build import covered, kernel, modules, moved, mutate, sample
from machines import guest, results
from verbs import faults, suites

SRC, WHERE = ROOT / "src", OUT / "mutants"
TABLE, RESULTS = WHERE / "table.txt", WHERE / "results.json"
# Where all suites run that may notice a change, and where the first few of them run if none has.
VEHICLE, DEEPER, LIKELIEST = "uml", "debug", 4
# The suite that lets allocations fail, which only the debug variant can do.
FAILING = "cmwq2_faults"
# How many suites run if none is seen to run a function: as a rule it belongs to unloading the module.
QUICKEST = 5
# How many suites run for a change at most.
MOST = 20
# How many mutations are made unless MUTANTS= says otherwise, and how many percent of those that can be killed must be.
COUNT, SHARE = 60, 95
# Suites that test the benchmark, need modules of their own or a CPU that goes offline, or take a minute to repeat what
# others test.
LEFT_OUT = {"cmwq2_bench", "cmwq2_bench_runs", "cmwq2_hotplug", "cmwq2_load", "cmwq2_fuzz", moved.SUITE, sample.SUITE}
# Files of which none are chosen, because they act only if CPUs go offline, and UML's cannot.
NOT_CHOSEN = {"place/hotplug.c", "core/home.c"}
# Wall clock seconds on UML without an event, and after a test has failed; milliseconds that a test waits. They are long
# enough for a busy host, on which a slow test must not count as one that has noticed the mutation.
LIMIT, REST, TIMEOUT_MS = 60, 1, 10000
# Settings of shell suites.
SHORTER = {"PULSE": 1, "ROUNDS": 1, "CYCLES": 4, "HOTPLUG_ITEMS": 1000, "HOOKS": "tp"}
# Lines before a barrier in which its litmus test is named.
NEAR = 14
KILLED, SURVIVED, LITMUS = "killed", "SURVIVED", "litmus"
# These do not count.
SAME, BROKEN, EQUIVALENT = "same code", "no build", "equivalent"
COUNTED = (KILLED, SURVIVED, LITMUS)


@dataclass
class Verdict:
    """What became of a mutation."""

    mutation: mutate.Mutation
    what: str
    why: str = ""
    seconds: float = 0
    ran: tuple = ()     # the suites

    def __str__(self) -> str:
        lines = [f"{self.what:10} {self.seconds:4.0f}s  {self.mutation}" + (f": {self.why}" if self.why else "")]
        if self.what == SURVIVED:
            where = self.mutation.vehicle or VEHICLE
            lines += [*self.mutation.hunk().split("\n"), f"{len(self.ran)} suites ran on {where}: {' '.join(self.ran)}"]
        return "\n      ".join(lines)


def sources() -> dict:
    """Return the texts of the engine's C files and headers, by their paths below src/."""
    return {str(path.relative_to(SRC)): path.read_text() for path in sorted(SRC.rglob("*.[ch]"))}


def to_change(texts: Mapping[str, str], seed: int, count: int) -> list:
    """Return the mutations made by hand and @count chosen ones. Of a header, chosen ones would take long to build."""
    here = {path: text for path, text in texts.items() if path.endswith(".c") and path not in NOT_CHOSEN}
    hand = mutate.by_hand(texts)
    known = {each.key for each in hand}
    return [*hand, *(each for each in mutate.chosen(here, seed, count) if each.key not in known)]


def all_suites() -> list:
    """Return the suites that may notice a mutation."""
    return [name for name in (*suites.kunit_suites(), *suites.shell_suites()) if name not in LEFT_OUT]


def lines_run(mutation: mutate.Mutation, text: str, files: Mapping) -> int:
    """Return how many lines of the function with the @mutation of @text have run. @files: the lines by file."""
    where = next((each for each in mutate.functions(text) if each.head <= mutation.line <= each.last), None)
    return sum(where.head <= line <= where.last for line in files.get(mutation.path, ())) if where else 0


def likely(mutation: mutate.Mutation, text: str, ran: Mapping[str, Mapping], seconds: Mapping[str, float]) -> list:
    """Return at most MOST suites that run the function with the @mutation of @text, first those that run the most of
    its lines, then of its file. @ran: the lines by suite and file; @seconds: the time that each suite takes. If no
    suite is seen to run it, return the quickest: each suite loads and unloads the module."""
    rank = {name: (-lines_run(mutation, text, files), -len(files.get(mutation.path, ())), seconds.get(name, 0))
            for name, files in ran.items()}
    seen = sorted((name for name in rank if rank[name][0]), key=lambda name: rank[name])
    return seen[:MOST] or sorted(ran, key=lambda name: seconds.get(name, 0))[:QUICKEST]


def litmus_near(text: str, line: int) -> str:
    """Return the name of the litmus test that the comment before @line of @text names, or ''."""
    before = "\n".join(text.splitlines()[max(0, line - NEAR):line])
    found = re.findall(r"litmus/([\w-]+)", before)
    return found[-1] if found else ""


def _code(path: Path) -> str:
    """Return a hash of the machine code in the object @path, without debug information and paths."""
    with tempfile.NamedTemporaryFile() as bare:
        subprocess.run(["objcopy", "--strip-debug", "--remove-section=.note*", "--remove-section=.comment", path,
                        bare.name], check=True)
        return hashlib.sha256(Path(bare.name).read_bytes()).hexdigest()


class Bench:
    """An engine, built for one vehicle in a directory in which each mutant only takes the time to compile one file. On
    the usual vehicle it notes what runs. Also for a second pass of a vehicle, such as x86/pn."""

    def __init__(self, vehicle: str) -> None:
        base = vehicle.partition("/")[0]
        self.target, self.name, self.parameters = kernel.provide(kernel.vehicle(base)), f"{base}-mutants", ""
        for again in (each for each in suites.AGAIN if f"{each.vehicle}/{each.name}" == vehicle):
            self.target, self.parameters = again.of(self.target), again.parameters
        self.lock = threading.Lock()
        self.top = Path(tempfile.mkdtemp(prefix="cmwq2-mutants-"))
        shutil.copytree(SRC, self.top / "src", ignore=shutil.ignore_patterns(".*", "*.o", "*.ko", "*.mod", "*.mod.c"))
        if vehicle == VEHICLE:
            covered.put_in(self.top / "src")
        self.files = modules.build_variant(self.target, self.name, self.top / "src")
        objects = OUT / "modules" / self.name / "src"
        self.clean = {path: _code(path) for path in objects.rglob("*.o") if not path.name.startswith("cmwq2")}
        self.ran: dict = {}
        self.seconds: dict = {}
        self.bad: list = []     # suites that fail without a change

    def close(self) -> None:
        """Remove the copy of the sources."""
        shutil.rmtree(self.top)

    def control(self, names: list, machines: int) -> None:
        """Run the suites @names without a change, on several @machines, and see what each of them runs. Those that
        fail, and fail again alone, would kill each mutant, so they take no part."""
        start, noted, failed = time.monotonic(), {}, {}

        def part(number: int, part: list) -> None:
            run = self.boot(self.files, part, number)
            self.seconds.update({words[1]: int(words[2]) / 1000 for words in run.events if words[0] == "end"})
            for path in (run.results / "covered").glob("*"):
                noted[path.name] = {int(word) for word in path.read_text().split()}
            failed.update({row.suite: str(row) for row in results.rows_of(run, part) if row.failed})
        jobs = [partial(part, number, names) for number, names in enumerate(suites.dealt(names, machines))]
        guest.side_by_side(jobs, machines)
        again = [name for name in failed if name in names]
        for name in again:
            say(f"again alone: {failed.pop(name)}")
        if again:
            # What the guest as a whole complained of was about these.
            failed.clear()
        for name in again:
            part(0, [name])
        for why in failed.values():
            say(f"fails without a change: {why}")
        if self.target.vehicle.name == VEHICLE:
            good = {name: those for name, those in noted.items() if name in names and name not in failed}
            self.ran = covered.lines(next(path for path in self.files if path.name == "cmwq2.ko"), good)
        say(f"{self.target.vehicle.name}: {len(names) - len(failed)} suites pass without a change, in {took(start)}")
        self.bad = list(failed)

    def boot(self, files: list, names: list, number: int, rest: Optional[float] = None) -> guest.Run:
        """Run the suites @names with the modules @files, in a guest with a @number of its own."""
        shell = [name for name in names if name in suites.shell_suites()]
        settings = {**suites.settings([name for name in names if name not in shell], shell, self.parameters), **SHORTER,
                    "KUNIT_PARAMETERS": f"timeout_ms={TIMEOUT_MS} {suites.STRESS}"}
        return guest.run_job(self.target, "kunit", f"{self.name}-{number}", files, settings, limit=LIMIT, rest=rest)

    def build(self, mutation: mutate.Mutation, text: str, home: Path) -> str:
        """Build the engine with the @mutation of @text, put the modules into @home, and return '' or why not."""
        path = self.top / "src" / mutation.path
        made = (OUT / "modules" / self.name / "src" / mutation.path).with_suffix(".o")
        if mutation.path.endswith(".c") and made not in self.clean:
            return SAME
        with self.lock:
            path.write_text(mutation.apply(text))
            try:
                files = modules.rebuild(self.target, self.name, self.top / "src")
                if made in self.clean and _code(made) == self.clean[made]:
                    return SAME
                for each in files:
                    shutil.copy(each, home)
            except Problem as problem:
                return f"{BROKEN}: {problem}"
            finally:
                path.write_text(text)
        return ""

    def judge(self, mutation: mutate.Mutation, text: str, number: int) -> Verdict:
        """Build the engine with the @mutation of @text, and run the suites that may notice it, in a guest with the
        @number. The guest is killed soon after the first test has failed, and if it hangs."""
        home = fresh_directory(WHERE / f"{self.name}-{number}")
        names = [name for name in mutation.suites if name not in self.bad] or likely(mutation, text, self.ran,
                                                                                     self.seconds)
        broken = self.build(mutation, text, home)
        if broken:
            return Verdict(mutation, *broken.partition(": ")[::2])
        for _ in range(2):
            run = self.boot(sorted(home.glob("*.ko")), names, number, REST)
            if run.outcome.status != EXIT_LOST:
                break
        shutil.rmtree(home)
        caught, why = faults.caught(run, names)
        # A mutation may keep the module from being loaded, or make UML die without a word.
        if caught or not run.outcome.passed:
            return Verdict(mutation, KILLED, why if caught else str(run.outcome), run.seconds)
        named = litmus_near(text, mutation.line) if "smp_" in mutation.before else ""
        if named:
            return Verdict(mutation, LITMUS, f"make litmus LITMUS={named}", run.seconds)
        seen = mutation.suites or any(lines_run(mutation, text, files) for files in self.ran.values())
        why = "" if seen else "no suite is seen to run the function"
        return Verdict(mutation, SURVIVED, why, run.seconds, tuple(names))


class Rounds:
    """Judges mutations on several guests, until enough of them count."""

    def __init__(self, texts: Mapping[str, str], machines: int) -> None:
        self.texts, self.machines, self.lock = texts, machines, threading.Lock()
        self.known = mutate.equivalent()
        self.verdicts: list = []
        self.bad: list = []     # suites that fail without a change

    def judge(self, bench: Bench, mutations: list, wanted: int) -> None:
        """Judge as many of the @mutations as it takes until @wanted of them count, and print each verdict."""
        left, open_ = list(mutations), 0
        done = 0

        def work(number: int) -> None:
            nonlocal open_, done
            while True:
                with self.lock:
                    if not left or done + open_ >= wanted:
                        return
                    mutation, open_ = left.pop(0), open_ + 1
                why = self.known.get(mutation.key)
                verdict = Verdict(mutation, EQUIVALENT, why) if why else bench.judge(
                    mutation, self.texts[mutation.path], number)
                with self.lock:
                    open_, done = open_ - 1, done + (verdict.what in COUNTED)
                    self.verdicts.append(verdict)
                    say(str(verdict))
                    self.save()
        guest.side_by_side([partial(work, number) for number in range(self.machines)], self.machines)

    def save(self) -> None:
        """Write all verdicts to a file, for survivors_before()."""
        write_atomically(RESULTS, json.dumps([asdict(each) for each in self.verdicts], indent=1) + "\n")


def read_results() -> list:
    """Return the verdicts of the last run."""
    if not RESULTS.exists():
        raise Problem(f"AGAIN=1: there is no {shown(RESULTS)}; allowed: after make mutants")
    return [Verdict(mutate.Mutation(**each.pop("mutation")), **each) for each in json.loads(RESULTS.read_text())]


def still_there(verdicts: list, texts: Mapping[str, str]) -> list:
    """Return the survivors among @verdicts, with their lines in today's @texts. Those whose lines have changed are left
    out."""
    today = {each.key: each for each in mutate.by_hand(texts)}
    for path in {each.mutation.path for each in verdicts if each.what == SURVIVED}:
        today.update({each.key: each for each in mutate.candidates(path, texts[path])})
    keys = [tuple(each.mutation.key) for each in verdicts if each.what == SURVIVED]
    return [today[key] for key in keys if key in today]


def summary(verdicts: list) -> tuple:
    """Return the counts in words, and whether enough mutants were killed."""
    count = Counter(each.what for each in verdicts)
    killed, alive = count[KILLED] + count[LITMUS], count[SURVIVED]
    share = 100 * killed // max(1, killed + alive)
    text = (f"{killed + alive} mutants: {killed} killed ({count[LITMUS]} of them by litmus tests), {alive} survived: "
            f"{share} % killed; not counted: {count[EQUIVALENT]} equivalent, {count[SAME]} with the same machine code, "
            f"{count[BROKEN]} that cannot be built")
    return text, share >= SHARE and killed + alive > 0


def deeper(verdict: Verdict) -> tuple:
    """Return the suites that run on DEEPER for a mutation that has survived."""
    return tuple(dict.fromkeys([*verdict.ran[:LIKELIEST], FAILING]))


def judge_deeper(rounds: Rounds) -> None:
    """Run the survivors again on a kernel with KASAN, lockdep, failing allocations and more. Its checks complain as
    soon as the code runs, so the suites that run the most of the function are enough."""
    alive = [each for each in rounds.verdicts if each.what == SURVIVED and each.ran and not each.mutation.vehicle]
    if not alive:
        return
    say(f"{len(alive)} mutants that have survived run on {DEEPER}")
    bench = Bench(DEEPER)
    try:
        bench.control(sorted({name for each in alive for name in deeper(each)}), rounds.machines)
        rounds.verdicts = [each for each in rounds.verdicts if each not in alive]
        rounds.judge(bench, [replace(each.mutation, suites=deeper(each)) for each in alive], len(alive))
    finally:
        rounds.bad += bench.bad
        bench.close()
    ran = {each.mutation.key: each.ran for each in alive}
    for each in rounds.verdicts:
        if each.mutation.key in ran and each.mutation.suites:
            each.ran, each.mutation = ran[each.mutation.key], replace(each.mutation, suites=())


def judge_on(rounds: Rounds, vehicle: str, here: list, count: int) -> None:
    """Judge the mutations @here on the @vehicle: all that were made by hand, and then as many as it takes until @count
    count."""
    hand = sum(each.operator == mutate.HAND for each in here)
    bench = Bench(vehicle)
    try:
        names = all_suites() if vehicle == VEHICLE else sorted({name for each in here for name in each.suites})
        bench.control(names, rounds.machines)
        rounds.judge(bench, here[:hand], hand)
        rounds.judge(bench, here[hand:], count)
    finally:
        rounds.bad += bench.bad
        bench.close()


def mutants() -> int:
    """Make mutants, run the suites on each, and print a table. Return the exit status."""
    start, texts, count = time.monotonic(), sources(), count_knob("MUTANTS", COUNT)
    rounds = Rounds(texts, count_knob("MACHINES", suites.MACHINES))
    if flag_knob("AGAIN"):
        before = read_results()
        wanted = still_there(before, texts)
        rounds.verdicts, count = [each for each in before if each.what != SURVIVED], len(wanted)
    else:
        # Some do not count.
        wanted = to_change(texts, count_knob("SEED", 1), 3 * count)
    for vehicle in dict.fromkeys([VEHICLE, *(each.vehicle for each in wanted if each.vehicle)]):
        here = [each for each in wanted if (each.vehicle or VEHICLE) == vehicle]
        if here:
            judge_on(rounds, vehicle, here, count)
    judge_deeper(rounds)
    rounds.save()
    verdicts = sorted(rounds.verdicts, key=lambda each: (each.what, str(each.mutation)))
    text, enough = summary(verdicts)
    write_atomically(TABLE, "\n".join([*map(str, verdicts), text]) + "\n")
    say("\n" + "\n".join(str(each) for each in verdicts if each.what == SURVIVED))
    say(f"\n{shown(TABLE)}, in {took(start)}\n{text}")
    if rounds.bad:
        say(f"these fail without a change, and took no part: {', '.join(rounds.bad)}")
    return EXIT_PASSED if enough and not rounds.bad else EXIT_FAILED
