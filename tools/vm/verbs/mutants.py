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
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Callable, Optional

from base.common import (
    EXIT_FAILED,
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
from verbs import faults, litmus, suites

SRC, WHERE = ROOT / "src", OUT / "mutants"
TABLE, RESULTS, CONTROL = WHERE / "table.txt", WHERE / "results.json", WHERE / "control.json"
# Where all suites run that may notice a change, and where the first few of them run if none has.
VEHICLE, DEEPER, LIKELIEST = "uml", "debug", 4
# The suites that let allocations fail, which only the debug variant can do.
FAILING = ("cmwq2_faults", "cmwq2_no_memory", "cmwq2_load_faults")
# How many suites run if none is seen to run a file: as a rule what changes belongs to loading or unloading the module.
QUICKEST = 20
# How many suites run for a change at most, and how many seconds they take at most without it, unless LIKELIEST of them
# take longer. STARTING is what each suite costs besides its cases.
MOST, MOST_SECONDS, STARTING = 30, 90, 2
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
# How often a suite that has failed runs again at most, until it has failed again.
AGAIN = 2
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
    deep: bool = False  # whether some of them ran on DEEPER, too

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
    where = _around(mutation, text)
    return sum(where.head <= line <= where.last for line in files.get(mutation.path, ())) if where else 0


def _around(mutation: mutate.Mutation, text: str) -> Optional[mutate.Function]:
    return next((each for each in mutate.functions(text) if each.head <= mutation.line <= each.last), None)


def likely(mutation: mutate.Mutation, text: str, ran: Mapping[str, Mapping], seconds: Mapping[str, float],
           found: Mapping[str, int]) -> list:
    """Return some suites that run the function with the @mutation of @text, in the order in which they should run:
    first those that run much of it, and of the file, have found much and take little time. @ran: the lines by suite
    and file; @seconds: the time that each suite takes; @found: how many mutants it has killed. If no suite is seen to
    run the function, the compiler may have put it into another one of the file, so return suites that run much of the
    file. If there is none, or if the function runs while the module is loaded or unloaded, return the quickest: each
    suite loads and unloads the module."""
    where = _around(mutation, text)
    seen = any(lines_run(mutation, text, files) for files in ran.values())

    def worth(name: str) -> float:
        of_file = 0 if where and where.only_once else len(ran[name].get(mutation.path, ()))
        # Squared, because a suite that runs only the way out of a function notices little of it.
        much = lines_run(mutation, text, ran[name]) ** 2 if seen else 1
        return much * of_file * (1 + found.get(name, 0)) / (STARTING + seconds.get(name, 0))
    chosen: list = []
    for name in sorted((name for name in ran if worth(name)), key=worth, reverse=True):
        total = sum(seconds.get(each, 0) for each in [*chosen, name])
        if len(chosen) < LIKELIEST or len(chosen) < MOST and total <= MOST_SECONDS:
            chosen.append(name)
    return chosen or sorted(ran, key=lambda name: seconds.get(name, 0))[:QUICKEST]


def litmus_near(text: str, line: int) -> str:
    """Return the name of the litmus test that the comment before @line of @text names, or '' if there is none."""
    before = "\n".join(text.splitlines()[max(0, line - NEAR):line])
    found = re.findall(r"litmus/([\w-]+)", before)
    return found[-1] if found and (litmus.TESTS / f"{found[-1]}.litmus").exists() else ""


def made_of(suite: str = "") -> str:
    """Return a hash of all sources that a verdict depends on, or of those that a @suite depends on."""
    digest, others = hashlib.sha256(), set()
    if suite:
        others = set((ROOT / "kunit/suites").glob("*.c")) - {ROOT / f"kunit/suites/{suite}_kunit.c"}
    for top in ("src", "include", "kunit", "tools/vm/guest"):
        files = {path for end in ("*.[ch]", "*.sh", "Kbuild") for path in (ROOT / top).rglob(end)}
        for path in sorted(path for path in files - others if not path.name.endswith(".mod.c")):
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass
class Control:
    """What a suite did when it ran on the engine as it is, without a mutation."""

    made_of: str
    seconds: float = 0
    failed: str = ""    # why, if it has
    lines: dict = field(default_factory=dict)   # that it runs, by file, on the usual vehicle


def _read(path: Path, what: Callable) -> Any:
    """Return what @what makes of the JSON in @path. Raises Problem if it is not what this verb has written."""
    try:
        return what(json.loads(path.read_text()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(f"{shown(path)} cannot be read ({error!r}); allowed: what make mutants has written, or no such "
                      "file") from None


def controls() -> dict:
    """Return what earlier runs have seen of the suites as they are today, by vehicle and suite."""
    def of(kept: dict) -> dict:
        return {vehicle: {name: Control(**each) for name, each in suites_.items() if each["made_of"] == made_of(name)}
                for vehicle, suites_ in kept.items()}
    return _read(CONTROL, of) if CONTROL.exists() else {}


def keep_controls(vehicle: str, mine: Mapping[str, Control]) -> None:
    """Add what was seen of suites on a @vehicle to what is kept."""
    kept = controls()
    kept.setdefault(vehicle, {}).update(mine)
    write_atomically(CONTROL, json.dumps({name: {suite: asdict(each) for suite, each in of.items()}
                                          for name, of in kept.items()}) + "\n")


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
        base, self.vehicle = vehicle.partition("/")[0], vehicle
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
        self.ran: dict = {}     # the lines that each suite runs, by file
        self.seconds: dict = {}
        self.found: Counter = Counter()     # how many mutants each suite has killed
        self.bad: list = []     # suites that fail without a change

    def close(self) -> None:
        """Remove the copy of the sources."""
        shutil.rmtree(self.top)

    def control(self, names: list, machines: int) -> None:
        """See what each of the suites @names runs without a change, and how long it takes. Those that fail, and fail
        again alone, would kill each mutant, so they take no part. What an earlier run has seen is not done again."""
        start, seen = time.monotonic(), controls().get(self.vehicle, {})
        left = [name for name in names if name not in seen or seen[name].failed]
        guest.side_by_side([partial(self._control, part, number, seen)
                            for number, part in enumerate(suites.dealt(left, machines))], machines)
        for name in left:
            if seen[name].failed:
                say(f"again alone: {seen[name].failed}")
                self._control([name], 0, seen)
                say(f"{name} fails without a change" if seen[name].failed else f"{name} passes alone")
        keep_controls(self.vehicle, {name: seen[name] for name in left})
        self.bad = [name for name in names if seen[name].failed]
        self.seconds = {name: seen[name].seconds for name in names}
        if self.vehicle == VEHICLE:
            self.ran = {name: {path: set(lines) for path, lines in seen[name].lines.items()}
                        for name in names if name not in self.bad}
        say(f"{self.vehicle}: {len(names) - len(self.bad)} suites pass without a change, {len(left)} of {len(names)} "
            f"had to run for that, in {took(start)}")

    def _control(self, names: list, number: int, seen: dict) -> None:
        """Run the suites @names in a guest with a @number of its own, and put what they do into @seen."""
        hashes = {name: made_of(name) for name in names}
        run = self.boot(self.files, names, number)
        times = {words[1]: int(words[2]) / 1000 for words in run.events if words[0] == "end"}
        noted = {path.name: {int(word) for word in path.read_text().split()}
                 for path in (run.results / "covered").glob("*")}
        lines = covered.lines(next(path for path in self.files if path.name == "cmwq2.ko"), noted) if noted else {}
        rows = results.rows_of(run, names)
        # What the guest as a whole complained of may be about each of them.
        whole = next((str(row) for row in rows if row.failed and row.suite not in names), "")
        failed = {row.suite: str(row) for row in rows if row.failed and row.suite in names}
        if whole and not failed:
            failed = dict.fromkeys(names, whole)
        for name in names:
            seen[name] = Control(hashes[name], times.get(name, 0), failed.get(name, ""),
                                 {path: sorted(those) for path, those in lines.get(name, {}).items()})

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

    def judge(self, mutation: mutate.Mutation, text: str, number: int, named: tuple = ()) -> Verdict:
        """Build the engine with the @mutation of @text, and run the suites that are @named or, if none is, that may
        notice it, in a guest with the @number. The guest is killed soon after the first test has failed, and if it
        hangs."""
        home = fresh_directory(WHERE / f"{self.name}-{number}")
        names = ([name for name in named or mutation.suites if name not in self.bad]
                 or likely(mutation, text, self.ran, self.seconds, self.found))
        broken = self.build(mutation, text, home)
        if broken:
            return Verdict(mutation, *broken.partition(": ")[::2])
        try:
            why, seconds = self.killed(sorted(home.glob("*.ko")), names, number)
        finally:
            shutil.rmtree(home)
        if why:
            self.found.update(re.findall(r"^cmwq2_\w+", why))
            return Verdict(mutation, KILLED, why, seconds)
        seen = mutation.suites or any(lines_run(mutation, text, files) for files in self.ran.values())
        why = "" if seen else "no suite is seen to run the function by itself"
        return Verdict(mutation, SURVIVED, why, seconds, tuple(names))

    def killed(self, files: list, names: list, number: int) -> tuple:
        """Run the suites @names with the modules @files of a mutant until one of them notices it. Return by what, or
        '', and how many seconds that took. A suite that has failed runs again by itself. If it passes then, chance has
        failed it, or a busy host, and the suites behind it run."""
        start, sure = time.monotonic(), ""
        shell = [name for name in names if name in suites.shell_suites()]
        # The order in which a guest runs them.
        left = [*(name for name in names if name not in shell), *shell]
        while left and not sure:
            why, by = self._noticed(files, left, number)
            if not why:
                break
            sure = next((again for again, _ in (self._noticed(files, [by], number) for _ in range(AGAIN)) if again), "")
            left = left[left.index(by) + 1:]
        return sure, time.monotonic() - start

    def _noticed(self, files: list, names: list, number: int) -> tuple:
        """Run the suites @names once. Return what has noticed the mutant, or '', and the suite that ran then."""
        run = self.boot(files, names, number, REST)
        caught, why = faults.caught(run, names)
        # A mutation may keep the module from being loaded, or make UML die without a word.
        told = why if caught else "" if run.outcome.passed else str(run.outcome)
        begun = [words[1] for words in run.events if words[0] == "start"]
        named = [name for name in re.findall(r"cmwq2_\w+", told) if name in names]
        return told, [*named, *begun[-1:], *names][0]


class Rounds:
    """Judges mutations on several guests, until enough of them count."""

    def __init__(self, texts: Mapping[str, str], machines: int) -> None:
        self.texts, self.machines, self.lock = texts, machines, threading.Lock()
        self.known = mutate.equivalent()
        self.made_of = made_of()
        self.verdicts: list = []
        self.bad: list = []     # suites that fail without a change
        self.kept: dict = {}    # verdicts of earlier runs that still hold, by _again()

    def recall(self, again: bool) -> None:
        """Take over the verdicts of earlier runs with the same sources. With @again, take over all but the survivors,
        whatever has changed since."""
        told, same = read_results() if RESULTS.exists() else ([], True)
        if again and not told:
            raise Problem(f"AGAIN=1: there is no {shown(RESULTS)}; allowed: after make mutants")
        self.kept = {_again(each.mutation): each for each in told if (each.what != SURVIVED if again else same)}
        if self.kept:
            say(f"{len(self.kept)} verdicts of {shown(RESULTS)} are taken over")
        elif told:
            say(f"the sources have changed since {shown(RESULTS)} was written: all mutants run")

    def settled(self, mutation: mutate.Mutation) -> Optional[Verdict]:
        """Return the verdict of a @mutation if it is known without a run, and None otherwise."""
        if mutation.key in self.known:
            return Verdict(mutation, EQUIVALENT, self.known[mutation.key])
        named = litmus_near(self.texts[mutation.path], mutation.line) if "smp_" in mutation.before else ""
        if named:
            return Verdict(mutation, LITMUS, f"make litmus LITMUS={named}")
        before = self.kept.get(_again(mutation))
        return replace(before, mutation=mutation) if before and before.what != EQUIVALENT else None

    def need_runs(self, mutations: list, wanted: int) -> bool:
        """Return whether any of the @mutations has to run until @wanted of them count."""
        done = 0
        for each in map(self.settled, mutations):
            if done >= wanted or not each:
                return done < wanted
            done += each.what in COUNTED
        return False

    def judge(self, mutations: list, wanted: int, judged: Callable) -> None:
        """Judge the @mutations in their order until @wanted of them count, and print each new verdict. @judged gets a
        mutation and the number of a guest. It returns the verdict, and whether that is new."""
        left, open_, done = list(mutations), 0, 0

        def work(number: int) -> None:
            nonlocal open_, done
            while True:
                with self.lock:
                    if not left or done + open_ >= wanted:
                        return
                    mutation, open_ = left.pop(0), open_ + 1
                verdict, new = judged(mutation, number)
                with self.lock:
                    open_, done = open_ - 1, done + (verdict.what in COUNTED)
                    self.take(verdict, new)
        guest.side_by_side([partial(work, number) for number in range(self.machines)], self.machines)

    def first(self, bench: Optional[Bench], mutation: mutate.Mutation, number: int) -> tuple:
        """Judge a @mutation on the vehicle of @bench, unless its verdict is known. @bench may be None if it is."""
        before = self.settled(mutation)
        assert before or bench
        return before or bench.judge(mutation, self.texts[mutation.path], number), not before   # type: ignore

    def again(self, bench: Bench, alive: Mapping[tuple, Verdict], mutation: mutate.Mutation, number: int) -> tuple:
        """Judge a @mutation that is still @alive, which has its verdict, again on @bench."""
        old = alive[_again(mutation)]
        verdict = bench.judge(mutation, self.texts[mutation.path], number, deeper(old))
        return replace(verdict, ran=old.ran, deep=True), True

    def take(self, verdict: Verdict, new: bool) -> None:
        """Add a @verdict in place of an older one on the same mutation, and print it if it is @new."""
        key = _again(verdict.mutation)
        self.verdicts = [*(each for each in self.verdicts if _again(each.mutation) != key), verdict]
        if new:
            say(str(verdict))
        self.save()

    def save(self) -> None:
        """Write all verdicts to a file, for AGAIN=1 and for a run that goes on where this one stopped."""
        judged = {_again(each.mutation) for each in self.verdicts}
        rest = [each for key, each in self.kept.items() if key not in judged]
        write_atomically(RESULTS, json.dumps({"made_of": self.made_of,
                                              "verdicts": [asdict(each) for each in [*self.verdicts, *rest]]},
                                             indent=1) + "\n")


def _again(mutation: mutate.Mutation) -> tuple:
    """Return what a mutation and the way it is judged are found again by."""
    return *mutation.key, mutation.nth, mutation.vehicle, tuple(mutation.suites)


def read_results() -> tuple:
    """Return the verdicts of earlier runs, and whether the sources are still the same."""
    def of(kept: dict) -> tuple:
        told = [Verdict(mutate.Mutation(**each.pop("mutation")), **each) for each in kept["verdicts"]]
        for each in told:
            each.mutation = replace(each.mutation, suites=tuple(each.mutation.suites))
        return told, kept["made_of"] == made_of()
    return _read(RESULTS, of)


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
    return tuple(dict.fromkeys([*verdict.ran[:LIKELIEST], *FAILING]))


def judge_deeper(rounds: Rounds) -> None:
    """Run the survivors again on a kernel with KASAN, lockdep, failing allocations and more. Its checks complain as
    soon as the code runs, so the suites that run the most of the function are enough."""
    alive = [each for each in rounds.verdicts
             if each.what == SURVIVED and each.ran and not each.deep and not each.mutation.vehicle]
    if not alive:
        return
    say(f"{len(alive)} mutants that have survived run on {DEEPER}")
    bench = Bench(DEEPER)
    try:
        bench.control(sorted({name for each in alive for name in deeper(each)}), rounds.machines)
        rounds.judge([each.mutation for each in alive], len(alive),
                     partial(rounds.again, bench, {_again(each.mutation): each for each in alive}))
    finally:
        rounds.bad += bench.bad
        bench.close()


def judge_on(rounds: Rounds, vehicle: str, here: list, count: int) -> None:
    """Judge the mutations @here on the @vehicle: all that were made by hand, and then as many as it takes until @count
    count. Nothing is built if an earlier run has judged all of them."""
    hand = sum(each.operator == mutate.HAND for each in here)
    parts = ((here[:hand], hand), (here[hand:], count))
    bench = Bench(vehicle) if any(rounds.need_runs(*part) for part in parts) else None
    try:
        if bench:
            named = sorted({name for each in here for name in each.suites})
            bench.control(all_suites() if vehicle == VEHICLE else named, rounds.machines)
        for mutations, wanted in parts:
            rounds.judge(mutations, wanted, partial(rounds.first, bench))
    finally:
        if bench:
            rounds.bad += bench.bad
            bench.close()


def mutants() -> int:
    """Make mutants, run the suites on each, and print a table. Return the exit status."""
    start, texts, count = time.monotonic(), sources(), count_knob("MUTANTS", COUNT)
    rounds = Rounds(texts, count_knob("MACHINES", suites.MACHINES))
    rounds.recall(flag_knob("AGAIN"))
    # Some do not count.
    wanted = to_change(texts, count_knob("SEED", 1), 3 * count)
    for vehicle in dict.fromkeys([VEHICLE, *(each.vehicle for each in wanted if each.vehicle)]):
        judge_on(rounds, vehicle, [each for each in wanted if (each.vehicle or VEHICLE) == vehicle], count)
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
