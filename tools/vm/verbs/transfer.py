# SPDX-License-Identifier: GPL-2.0
"""`make transfer`: builds a kernel whose own workqueue has the policies of cmwq2 that tools/upstream has edits for, and
compares in one boot what each policy gains in the kernel with what it gains in cmwq2.

Each policy is measured by itself, and its entry in the report is replaced when all of its boots are done. Until then,
and until the last policy of the call is done, finished boots are in a file below out/transfer/begun/, with which an
interrupted call goes on when it is made again."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Optional

from base.common import EXIT_PASSED, HERE, OUT, ROOT, Problem, count_knob, say, shown, took, write_atomically
from build import modules, patched, source
from machines import accel, guest
from verbs import bench, written

sys.path.append(str(ROOT / "tools"))
import blocks  # noqa: E402
from benchmark import host as bench_host  # noqa: E402
from benchmark import quiet as bench_quiet  # noqa: E402
from benchmark import results as bench_report  # noqa: E402
from benchmark import sets as bench_set  # noqa: E402
from upstream import report as reports  # noqa: E402
from upstream import transfer as twins  # noqa: E402

HOME = OUT / "transfer"
DOCUMENT = ROOT / "Documentation/transfer.rst"
VEHICLES = ("uml", "x86")
# The runs of `make bench` that are compared: those that a shared pool decides, and two where nothing is shared.
WORKLOADS = ("roundtrip", "batch", "fanout", "busy")
RUNS = ("roundtrip percpu", "roundtrip cpu", "roundtrip cache", "roundtrip system", "batch unbound 1 burn 5",
        "batch unbound 64 burn 0", "batch unbound 64 burn 5", "fanout 64 burn 5", "busy 20")
# Seconds that a round may take on UML.
LIMIT = 120
BASE = "mainline-7.3"
# What the figures depend on. Boots of other code do not count for a call that goes on.
CODE = ("src", "include", "bench", "tools/upstream/edits", "tools/vm/guest")


def committed(name: str) -> Path:
    """Return the file with the figures of vehicle @name that are part of the repository."""
    return HERE / f"transfer-{name}.json"


def report_of(path: Path, name: str) -> dict:
    """Return the report of vehicle @name in @path, an empty one if there is none. Raises Problem if it is no report."""
    try:
        return reports.read(path, name)
    except reports.ReportError as error:
        raise Problem(str(error)) from None


def chosen(text: str) -> dict:
    """Return the policies that @text names, all if it is empty, each with a list of its parameters. Raises Problem for
    another word."""
    return patched.parameters(text, patched.edits().values())


def plans(slow: int) -> list:
    """Return the runs, in which an emulated machine has one part in @slow of the work."""
    wanted = bench_set.Wanted(WORKLOADS, (BASE,), 1, 1, False, slow)
    return [plan for plan in bench_set.plans(wanted) if plan.title in RUNS]


def settings_of(plan: bench_set.Plan) -> str:
    """Return the settings of a run, without those that the job chooses for each turn."""
    return " ".join(f"{key}={value}" for key, value in plan.settings.items() if key not in ("engines", "seed"))


def _turn(path: Path) -> dict:
    """Return the figures of each engine from a result of one round."""
    document = bench_report.parse(path.read_text())
    return {name.partition(":")[0]: record for name, record in
            zip(document["header"]["engines"], sorted(document["rounds"], key=lambda each: each["engine"]))}


def rounds_of(results: Path, attempt: str, rounds: int) -> list:
    """Return the figures of each round of the @attempt at a run, by the turns of transfer.TURNS. Raises Problem if a
    result is missing."""
    found = []
    for index in range(rounds):
        turns = {}
        for state in ("off", "on"):
            path = results / "transfer" / attempt / f"{index}.{state}"
            try:
                turns.update({f"{engine} {state}": {figure: record.get(figure) for figure in twins.FIGURES}
                              for engine, record in _turn(path).items()})
            except (OSError, bench_report.ResultError) as error:
                raise Problem(f"{shown(path)}: {error}") from None
        found.append(turns)
    return found


def rows_of(policy: str, titles: Sequence[str], boots: Sequence) -> list:
    """Return the rows of @policy. @boots has for each boot the rounds of each run in @titles."""
    found = []
    for number, title in enumerate(titles):
        for figure in twins.FIGURES:
            values = [[{turn: record.get(figure) for turn, record in each.items()} for each in boot[number]]
                      for boot in boots]
            found.append(twins.row(policy, title, figure, values))
    return [each for each in found if each]


class Begun:
    """The finished boots of a call, in a file of their own until the call has ended. @what is all that the figures
    depend on. @seed is None if the user has not given one."""

    def __init__(self, name: str, what: Sequence, seed: Optional[int]):
        digest = hashlib.sha256(json.dumps([name, *what, seed]).encode()).hexdigest()[:12]
        self.path = HOME / "begun" / f"{name}-{digest}.json"
        try:
            self.found = json.loads(self.path.read_text())
        except (OSError, ValueError):
            self.found = {"seed": seed or int(time.time()) % 2**31 or 1, "boots": {}}

    @property
    def seed(self) -> int:
        """The seed of the call, also if it is taken from the time."""
        return self.found["seed"]

    def of(self, policy: str) -> list:
        """Return the finished boots of @policy: for each its rounds, cautions and date."""
        return self.found["boots"].setdefault(policy, [])

    def add(self, policy: str, boot: dict) -> None:
        """Keep a finished boot."""
        self.of(policy).append(boot)
        write_atomically(self.path, json.dumps(self.found))

    def end(self) -> None:
        """Forget the boots, because all of them are in the report."""
        self.path.unlink(missing_ok=True)


def _code() -> str:
    """Return a digest of what the figures depend on."""
    digest = hashlib.sha256()
    for path in sorted(path for top in CODE for path in (ROOT / top).rglob("*")):
        if path.is_file() and path.suffix in (".c", ".h", ".edit", ".sh"):
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


class Boots:
    """What all boots of a call share: the kernel with the edits, the modules and the runs."""

    def __init__(self, name: str, rounds: int):
        self.name, self.rounds = name, rounds
        self.target = patched.provide(name, patched.chosen("all"))
        self.accelerator = accel.accelerator(self.target)
        self.files = modules.with_engine(modules.build(self.target), "cmwq2_bench")
        self.plans = plans(bench.TCG_SLOWER if self.accelerator.startswith("tcg") else 1)

    @property
    def machine(self) -> str:
        """Where the figures come from."""
        return f"{self.name} ({self.accelerator}), kernel {self.target.release} with edits, {guest.CPUS} CPUs"

    def boot(self, policy: str, parameters: Sequence, seed: int) -> dict:
        """Boot once for @policy, and return the rounds of each run, cautions and the date. A run that was disturbed by
        something else on this machine is made once more."""
        judge = bench.Judge(bench_host.Teller(self.plans, sys.stdout), bench_quiet.Watch())
        judge.watch.calibrate()
        run = guest.run_job(self.target, "transfer", f"transfer-{self.name}", self.files, {
            "TRANSFER_RUNS": ";".join(map(settings_of, self.plans)), "PARAMETERS": " ".join(parameters),
            "ROUNDS": self.rounds, "TRANSFER_OFF": f"native,cmwq2:{BASE}", "TRANSFER_ON": f"native,cmwq2:{policy}",
            "FIRST_SEED": seed}, limit=LIMIT, on_event=judge.on_event)
        judge.teller.close()
        guest.must_pass(run)
        found, bad = [], []
        for number, plan in enumerate(self.plans):
            seen = judge.seen[number]
            found.append(rounds_of(run.results, f"{number}.again" if len(seen) > 1 else str(number), self.rounds))
            why = bench_quiet.reasons(seen[-1])
            bad += [f"{plan.title}: {', '.join(why)}"] if why else []
        return {"rounds": found, "cautions": bad, "date": time.strftime("%Y-%m-%d")}


def _entry(policy: str, boots: Boots, measured: Sequence, seed: int) -> dict:
    """Return the entry of @policy for the report. @measured: what Boots.boot() has returned."""
    count, dates = len(measured), list(dict.fromkeys(each["date"] for each in measured))
    rows = rows_of(policy, [plan.title for plan in boots.plans], [each["rounds"] for each in measured])
    return {"policy": policy, "machine": boots.machine, "source": source.provide().name,
            "how": f"{count} boot{'s' * (count > 1)} of {boots.rounds} rounds, seed {seed}, {' to '.join(dates)}",
            "cautions": [f"boot {number}: disturbed: {caution}" for number, each in enumerate(measured, 1)
                         for caution in each["cautions"]],
            "rows": twins.as_json(rows)}


def _save(name: str, entries: Iterable, write: bool) -> dict:
    """Put @entries into the report below out, with @write also into the committed one and into the document. Return the
    report that is printed: the committed one if it was written."""
    order, report = list(chosen("")), {}
    for path in (HOME / f"{name}.json", committed(name))[:1 + write]:
        report = reports.merged(report_of(path, name), entries, order)
        write_atomically(path, reports.text(report))
    write_atomically(HOME / f"{name}.txt", f"{reports.page(report)}\n")
    if write:
        written.replace(DOCUMENT, name, blocks.block(name, "make transfer", reports.page(report)))
    return report


def transfer(name: str, policy: str, write: bool) -> int:
    """Measure the policies that @policy names on vehicle @name, print and write the result. Return the exit status."""
    start = time.monotonic()
    if name not in VEHICLES:
        raise Problem(f"VM={name} is not known; allowed: {', '.join(VEHICLES)}")
    wanted, seed = chosen(policy), count_knob("SEED", 1) if os.environ.get("SEED") else None
    rounds, count = bench.count_of_rounds(), bench.count_of_boots(name)
    # A wrong file is reported before anything is measured.
    report = report_of(committed(name) if write else HOME / f"{name}.json", name)
    boots = Boots(name, rounds)
    begun = Begun(name, [boots.target.release, rounds, count, list(wanted), _code()], seed)
    for each, parameters in wanted.items():
        fresh = len(begun.of(each)) < count
        for boot in range(count):
            if boot < len(begun.of(each)):
                say(f"  {each}: boot {boot + 1} of {count} was finished before")
                continue
            say(f"  {each}: boot {boot + 1} of {count}, {rounds} rounds of {len(boots.plans)} runs")
            begun.add(each, boots.boot(each, parameters, begun.seed + 1000 * boot))
        if fresh:
            report = _save(name, [_entry(each, boots, begun.of(each), begun.seed)], write)
    begun.end()
    say(f"\n{reports.page(report)}")
    say(f"\n{shown(HOME / f'{name}.json')}, {took(start)}")
    return EXIT_PASSED
