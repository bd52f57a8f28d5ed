# SPDX-License-Identifier: GPL-2.0
"""`make mutants`: puts one small change at a time into the engine, as a slip of a programmer would, and runs the suites
that cover the file. A change that no suite notices shows what the suites do not test. build/mutate.py makes the
changes."""

import hashlib
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
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
    say,
    shown,
    took,
    write_atomically,
)
from build import kernel, modules, mutate
from machines import guest, results
from verbs import faults, suites

SRC, TABLE, VEHICLE = ROOT / "src", OUT / "mutants/table.txt", "uml"
# How many mutations are made unless MUTANTS= says otherwise, and how many percent of those that can be killed must be.
COUNT, SHARE = 60, 95
# The suites that run for each file, and those that run besides for the files of a folder or for one file.
ALWAYS = "queue flush cancel kick idle concurrency rescuer max_active ordered"
MORE = {
    "base": "misuse misbehave attrs cpumask checkers lockdep debugobj locktime points api alloc",
    "core": "reentrancy bh bh_cancel hog runnable node_line managed wakeup pressure stress rescue_policies locktime "
            "owncpu interleave interleave_end interleave_kick interleave_races interleave_wait",
    "lab": "pick wakeup managed spin short_items latency switch policies points interleave_called faults trace "
           "lockstat",
    "look": "show verdict verdict_line watchdog lockstat latency alarm told state hog",
    "place": "attrs cpumask freezable percpu api alloc node_line owncpu",
    "wait": "drain delayed rcu bh_cancel runnable interleave_wait interleave_end misuse owncpu",
    "main.c": "api alloc policies",
}
# Shell suites; the fuzzer notices what programs of API calls can show.
SHELL = ("cmwq2_fuzz",)
# Wall clock seconds on UML without an event, and milliseconds that a test waits. They are so long that a busy host does
# not count as a mutation that was noticed.
LIMIT, TIMEOUT_MS = 120, 10000
# Lines before a barrier in which its litmus test is named.
NEAR = 14
KILLED, SURVIVED, LITMUS, SAME, BROKEN = "killed", "SURVIVED", "litmus", "same code", "no build"


@dataclass
class Verdict:
    """What became of a mutation."""

    mutation: mutate.Mutation
    what: str
    why: str = ""
    seconds: float = 0

    def __str__(self) -> str:
        return f"{self.what:9} {self.seconds:5.0f}s  {self.mutation}" + (f"\n{'':18}{self.why}" if self.why else "")


def sources() -> dict:
    """Return the texts of the engine's C files, by their paths below src/."""
    return {str(path.relative_to(SRC)): path.read_text() for path in sorted(SRC.rglob("*.c"))}


def suites_of(path: str) -> list:
    """Return the KUnit suites that run for the file @path below src/."""
    names = f"{ALWAYS} {MORE.get(path.partition('/')[0], '')}".split()
    return sorted({f"cmwq2_{name}" for name in names} & set(suites.kunit_suites()))


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
    """A directory in which mutants are built, one after the other, so that each build only compiles one file."""

    def __init__(self, target: kernel.Kernel, number: int) -> None:
        self.target, self.name = target, f"{target.vehicle.name}-mutant-{number}"
        self.top = Path(tempfile.mkdtemp(prefix="cmwq2-mutant-"))
        shutil.copytree(SRC, self.top / "src", ignore=shutil.ignore_patterns(".*", "*.o", "*.ko", "*.mod", "*.mod.c"))
        self.files = self._build()

    def close(self) -> None:
        """Remove the copy of the sources."""
        shutil.rmtree(self.top)

    def _build(self) -> list:
        return modules.build_variant(self.target, self.name, self.top / "src")

    def _object(self, path: str) -> Path:
        return (OUT / "modules" / self.name / "src" / path).with_suffix(".o")

    def judge(self, mutation: mutate.Mutation) -> Verdict:
        """Build the engine with the @mutation, and run the suites of its file."""
        path, text = self.top / "src" / mutation.path, (SRC / mutation.path).read_text()
        before = _code(self._object(mutation.path)) if self._object(mutation.path).exists() else ""
        path.write_text(mutation.apply(text))
        try:
            files = self._build()
            if not before or _code(self._object(mutation.path)) == before:
                return Verdict(mutation, SAME, "" if before else "the file is not part of this kernel's engine")
            return self._run(mutation, text, files)
        except Problem as problem:
            return Verdict(mutation, BROKEN, str(problem))
        finally:
            path.write_text(text)

    def _boot(self, files: list, kunit: list, rest: Optional[float]) -> guest.Run:
        settings = {**suites.settings(kunit, list(SHELL)), "PULSE": 1,
                    "KUNIT_PARAMETERS": f"timeout_ms={TIMEOUT_MS} {suites.STRESS}"}
        run = guest.run_job(self.target, "kunit", self.name, files, settings, limit=LIMIT, rest=rest)
        if run.outcome.status == EXIT_LOST:
            raise Problem(f"a guest was lost: {run.outcome}", EXIT_LOST)
        return run

    def control(self, kunit: list) -> None:
        """Run the suites @kunit without a change. Raises Problem unless they pass: otherwise each mutant would count as
        killed."""
        run = self._boot(self.files, kunit, None)
        failed = [str(row) for row in results.rows_of(run, [*kunit, *SHELL]) if row.failed]
        if failed:
            raise Problem(f"the suites fail without a change: {'; '.join(failed)}")
        say(f"PASS      {run.seconds:5.0f}s  {len(kunit) + len(SHELL)} suites without a change")

    def _run(self, mutation: mutate.Mutation, text: str, files: list) -> Verdict:
        kunit = suites_of(mutation.path)
        run = self._boot(files, kunit, faults.REST)
        caught, why = faults.caught(run, [*kunit, *SHELL])
        if caught or not run.outcome.passed:
            return Verdict(mutation, KILLED, why if caught else str(run.outcome), run.seconds)
        named = litmus_near(text, mutation.line) if mutation.operator == "barrier" else ""
        if named:
            return Verdict(mutation, LITMUS, f"make litmus LITMUS={named}", run.seconds)
        return Verdict(mutation, SURVIVED, "", run.seconds)


def summary(verdicts: list) -> tuple:
    """Return the counts in words, and whether enough mutants were killed."""
    count = Counter(each.what for each in verdicts)
    killed, alive = count[KILLED] + count[LITMUS], count[SURVIVED]
    share = 100 * killed // max(1, killed + alive)
    text = (f"{len(verdicts)} mutants: {killed} killed ({count[LITMUS]} of them by litmus tests), {alive} survived, "
            f"{count[SAME]} with the same machine code, {count[BROKEN]} that cannot be built; {share} % of those that "
            "can be killed")
    return text, share >= SHARE


def mutants() -> int:
    """Make mutants, run the suites on each, and print a table. Return the exit status."""
    start, seed = time.monotonic(), count_knob("SEED", 1)
    wanted = mutate.chosen(sources(), seed, count_knob("MUTANTS", COUNT))
    target = kernel.provide(kernel.vehicle(VEHICLE))
    lock, verdicts, left = threading.Lock(), [], list(wanted)
    say(f"{len(wanted)} mutants of seed {seed}")

    def work(number: int) -> None:
        bench = Bench(target, number)
        try:
            if not number:
                bench.control(sorted({name for each in wanted for name in suites_of(each.path)}))
            while True:
                with lock:
                    if not left:
                        return
                    mutation = left.pop(0)
                verdict = bench.judge(mutation)
                with lock:
                    verdicts.append(verdict)
                    say(str(verdict))
        finally:
            bench.close()

    suites.side_by_side([partial(work, number) for number in range(count_knob("MACHINES", suites.MACHINES))])
    verdicts.sort(key=lambda each: (each.what, str(each.mutation)))
    text, enough = summary(verdicts)
    write_atomically(TABLE, "\n".join([*map(str, verdicts), text]) + "\n")
    say("\n" + "\n".join(str(each) for each in verdicts if each.what == SURVIVED))
    say(f"\n{shown(TABLE)}, in {took(start)}\n{text}")
    return EXIT_PASSED if enough else EXIT_FAILED
