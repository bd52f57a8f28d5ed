# SPDX-License-Identifier: GPL-2.0
"""
Check the models of the engine with spin: tools/model/kick.pml, one pool; tools/model/line.pml, two pools that
share a node's max_active; and tools/model/inbox.pml, the inbox of a pool.

Run by ``check_model.py [NAME=VALUE ...]``, or ``make model``. Without arguments
all rows of tools/model/*.toml, else those that have all these values: MODEL=,
FAULT=; of kick CLAIM=, WAKE=, WAKEUP=, PICK=, POOL=, CPUS=, MIN_IDLE=, WORKERS=,
TIMEOUTS=, SWITCH=, STRICT=; of line LIMIT=, RAISED=, CANCELS=, ITEMS=; of inbox
SWITCH=, CANCELS=.
With --rows these are listed and not run, for which spin is not needed.

A row is one model. One search of all its schedules looks for a violation and for
a schedule that goes on for ever before all items are done, without assuming any
fairness; only if there is one, with weak fairness. Where a violation is expected,
only violations are searched for. Of a violation the shortest
schedule is printed in the words of the engine. The table and the schedules are kept in out/model as well.

With WRITE=1 what was printed goes into Documentation/model.rst: into the block
behind each comment ".. printed: table of MODEL", or ".. printed: NAME=VALUE ..." for the
schedule of the first such row.

Exit status 0: every row came out as expected; 1: not so, or the model could not
be run, with one line on stderr that says why; the rest as in cli.py.
"""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Optional

import cli
import policies
from toml_reader import tomllib

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "tools/model/kick.pml"
LINE = ROOT / "tools/model/line.pml"
INBOX = ROOT / "tools/model/inbox.pml"
ROWS = ROOT / "tools/model/rows.toml"
LINE_ROWS = ROOT / "tools/model/line.toml"
INBOX_ROWS = ROOT / "tools/model/inbox.toml"
DOC = ROOT / "Documentation/model.rst"
OUT = ROOT / "out/model"

# The model uses the same bits as the engine.
CLAIMS, WAKES = policies.numbers("claim"), policies.numbers("wake")
POOLS = {"unbound": 0, "bound_tp": 1, "bound_pn": 2, "managed_tp": 3, "managed_pn": 4}
SWITCHES = {"none": 0, "claim": 1, "wakeup": 2, "concurrency": 3, "cpus": 4}
INBOX_SWITCHES = {"none": 0, "inbox": 1, "pwq": 2, "inbox+pwq": 3}
ENQUEUERS = 2

SAFE, UNSAFE, LIVELOCK, UNFINISHED = "safe", "unsafe", "livelock", "unfinished"
EXPECTED = (SAFE, UNSAFE, LIVELOCK)

# The contexts of line.pml that give slots back, and those of inbox.pml, by their numbers in the model.
CONTEXTS = (*(f"worker {worker} of pool {pool}" for pool in range(2) for worker in range(2)), "canceller")
INBOX_CONTEXTS = ("enqueuer 0", "enqueuer 1", "worker", "flush", "canceller", "policy", "attrs")

# Limits of one search. The depth is larger than that of any schedule, because the model ends.
DEPTH, MEGABYTES, SECONDS = 100000, 4000, 1200
# How long a shorter schedule is looked for once one is known.
SHORTEN = 60
SAFETY = ["-DSAFETY", "-DNOCLAIM"]
PLAIN = ["-DNOFAIR"]
CC = ["gcc", "-w", f"-DMEMLIM={MEGABYTES}"]


class Wrong(cli.Error):
    """An error that the user can act on."""


def faults(text: str) -> dict[str, str]:
    """Return the faults in @text, the source of a model, with their descriptions."""
    found = re.findall(r"^#define FAULT_(\w+)\s+0\s+/\* (.*) \*/$", text, re.MULTILINE)
    return {name.lower(): what for name, what in found}


@dataclass(frozen=True, eq=False)
class Model:
    """
    A model in Promela: its files, its parameters with their allowed values (int: any integer), and the columns of
    its table. A column is a parameter and a width, which is negative if the column is aligned to the left. The
    @contexts are the names of the contexts that print "context N:".
    """

    name: str
    source: Path
    rows: Path
    parameters: tuple[tuple[str, Any], ...]
    columns: tuple[tuple[str, int], ...]
    contexts: tuple[str, ...] = CONTEXTS

    def allowed(self) -> dict[str, Any]:
        """Return all parameters and their allowed values."""
        return {**dict(self.parameters), "fault": {"none": "", **faults(self.source.read_text())},
                "model": {self.name: 0}}

    def header(self) -> str:
        """Return the first line of the model's table."""
        names = "".join(f"{name:{-width}}" if width < 0 else f"{name:>{width}}" for name, width in self.columns)
        return f"{'':6}{names}  {'fault':17}{'states':>10}{'seconds':>8}  verdict"


KICK_MODEL = Model("kick", MODEL, ROWS,
                   (("claim", CLAIMS), ("wake", WAKES), ("wakeup", policies.numbers("wakeup")), ("pool", POOLS),
                    ("cpus", {1: 0, 2: 0}), ("min_idle", int), ("workers", {3: 0, 4: 0}), ("timeouts", int),
                    ("switch", SWITCHES), ("strict", {0: 0, 1: 0}), ("pick", policies.numbers("pick"))),
                   (("pool", -11), ("claim", -13), ("wake", -11), ("wakeup", -7), ("pick", -8), ("switch", -11),
                    ("cpus", 5), ("min_idle", 9), ("workers", 8), ("timeouts", 9), ("strict", 7)))
LINE_MODEL = Model("line", LINE, LINE_ROWS,
                   (("limit", int), ("raised", int), ("cancels", int), ("items", {3: 0, 4: 0})),
                   (("limit", 5), ("raised", 7), ("cancels", 8), ("items", 6)))
INBOX_MODEL = Model("inbox", INBOX, INBOX_ROWS, (("switch", INBOX_SWITCHES), ("cancels", {0: 0, 1: 0})),
                    (("switch", -11), ("cancels", 7)), INBOX_CONTEXTS)
MODELS = (KICK_MODEL, LINE_MODEL, INBOX_MODEL)


@dataclass(frozen=True)
class Row:
    """One run of a model: its parameters by name, and the expected verdict."""

    model: Model
    values: tuple[tuple[str, Any], ...]
    expect: str

    def __getitem__(self, name: str) -> object:
        return dict(self.values)[name]

    def has(self, name: str) -> bool:
        """Return whether the row's model has the parameter."""
        return name in dict(self.values)

    def defines(self) -> list[str]:
        """Return the -D options for spin."""
        found = []
        for name, values in self.model.parameters:
            named = values if isinstance(values, dict) and isinstance(self[name], str) else {}
            found.append(f"-D{name.upper()}={named.get(self[name], self[name])}")
        return found + ([] if self["fault"] == "none" else [f"-DFAULT_{str(self['fault']).upper()}=1"])

    def __str__(self) -> str:
        shown = [(str(self[name] or "any") if name == "timeouts" else str(self[name]), width)
                 for name, width in self.model.columns]
        columns = "".join(f"{value:{-width}}" if width < 0 else f"{value:>{width}}" for value, width in shown)
        return f"{columns}  {self['fault']:17}"


def read_rows(table: str, model: Model = KICK_MODEL) -> list[Row]:
    """Return the rows of @model in the text @table of its file. Raises Wrong if a value is not allowed."""
    known, parsed, rows = model.allowed(), tomllib.loads(table), []
    for group in parsed["rows"]:
        given = {key: value for key, value in group.items() if key != "expect"}
        lists = {"model": [model.name], **parsed["default"], **given}
        if group.get("expect") not in EXPECTED:
            raise Wrong(f"{model.rows.name}: expect={group.get('expect')}: allowed: {', '.join(EXPECTED)}")
        for name, values in lists.items():
            for value in values:
                if name not in known:
                    raise Wrong(f"{model.rows.name}: {name}: allowed: {', '.join(known)}")
                good = isinstance(value, int) if known[name] is int else value in known[name]
                if not good:
                    raise Wrong(f"{model.rows.name}: {name}={value}: allowed: {_listed(known[name])}")
        for combination in itertools.product(*(lists[name] for name in known)):
            rows.append(Row(model, tuple(zip(known, combination)), group["expect"]))
    double = [str(row) for row in rows if [other.values for other in rows].count(row.values) > 1]
    if double:
        raise Wrong(f"{model.rows.name}: more than once: {' '.join(double[0].split())}")
    return rows


def all_rows() -> list[Row]:
    """Return the rows of all models."""
    return [row for model in MODELS for row in read_rows(model.rows.read_text(), model)]


def _listed(values: object) -> str:
    return "a number" if values is int else ", ".join(str(value) for value in values)      # type: ignore


def _known(rows: list[Row]) -> dict[str, Any]:
    """The parameters of all models of @rows, and their values."""
    known: dict[str, Any] = {}
    for model in dict.fromkeys(row.model for row in rows):
        for name, values in model.allowed().items():
            old = known.get(name)
            known[name] = {**old, **values} if isinstance(old, dict) and isinstance(values, dict) else values
    return {**{name: values for name, values in known.items() if name != "model"}, "model": known["model"]}


def select(rows: list[Row], words: Sequence[str]) -> list[Row]:
    """Return those of @rows that have all values of @words, NAME=VALUE each. Raises Wrong if there are none."""
    known = _known(rows)
    for word in words:
        name, equals, value = word.partition("=")
        key = name.lower()
        if not equals or key not in known:
            raise Wrong(f"{word}: allowed: {' '.join(f'{other.upper()}=' for other in known)}")
        there = sorted({str(row[key]) for row in rows if row.has(key)},
                       key=[str(v) for v in _order(known[key], rows, key)].index)
        if value not in there:
            raise Wrong(f"{name.upper()}={value}: allowed: {', '.join(there)}")
    for word in words:
        name, _, value = word.partition("=")
        rows = [row for row in rows if row.has(name.lower()) and str(row[name.lower()]) == value]
    if not rows:
        raise Wrong(f"no row has {' '.join(words)}; those there are: "
                    f"{', '.join(str(model.rows.relative_to(ROOT)) for model in MODELS)}")
    return rows


def _order(values: object, rows: list[Row], key: str) -> list:
    return sorted({row[key] for row in rows if row.has(key)}) if values is int else list(values)      # type: ignore


def translate(trail: str, workers: int, contexts: Sequence[str] = CONTEXTS) -> list[str]:
    """Return the schedule that the checker has replayed, from its output. Each line is a step in the model's words."""
    holders = [*(f"enqueuer {n}" for n in range(ENQUEUERS)), *(f"worker {n}" for n in range(workers)), "irq_work",
               "policy"]
    names = {str(bits): name for name, bits in CLAIMS.items()}
    lines: list[str] = []
    who = ""
    for line in trail.splitlines():
        if line.startswith(("spin: trail ends", "#processes")):
            break
        if "START OF CYCLE" in line:
            lines.append("from here on again and again:")
        elif line.startswith("## "):
            lines.append(f"VIOLATION: {line[3:]}")
        elif re.match(r"wake list \d+:$", line):
            who = holders[int(line[10:-1])]
        elif re.match(r"context \d:$", line):
            who = contexts[int(line[8:-1])]
        elif re.match(r"(enqueuer \d+|irq_work|limit|policy):$", line):
            who = line[:-1]
        elif re.match(r"  [a-z]", line) and who:
            lines.append(f"{who}: {line.strip()}")
        elif re.match(r"(enqueuer|worker) \d+( of pool \d+)?: |"
                      r"(culler|clock|policy|pool|canceller|limit|judge): ", line):
            who = line.partition(":")[0]
            lines.append(re.sub(r"claim is switched from (\d+) to (\d+)",
                                lambda m: f"claim is switched from {names[m[1]]} to {names[m[2]]}", line.rstrip()))
    return lines


@dataclass
class Search:
    """What one run of the checker found. @depth: the length of the schedule with the error."""

    states: int
    error: bool
    finished: bool
    depth: int = 0

    @staticmethod
    def parse(said: str) -> "Search":
        """Parse what the checker printed."""
        states, errors = re.search(r"(\d+|[\d.e+]+) states, stored", said), re.search(r"errors: (\d+)", said)
        if not states or not errors:
            raise Wrong(f"the checker: {(said.strip().splitlines() or ['nothing said'])[0]}")
        depth = re.search(r"\(at depth (\d+)\)", said)
        cut = re.search(r"max search depth too small|reached -DMEMLIM|out of memory|aborting", said)
        return Search(int(float(states[1])), errors[1] != "0", not cut, int(depth[1]) if depth else 0)


@dataclass
class Result:
    """A row and the result of its run."""

    row: Row
    states: int
    verdict: str
    words: str
    schedule: list[str]
    seconds: float

    def passed(self) -> bool:
        """Return whether the verdict is the expected one."""
        return self.verdict == self.row.expect

    def __str__(self) -> str:
        verdict = self.words if self.passed() else f"{self.words}; expected: {self.row.expect}"
        return f"{'PASS' if self.passed() else 'FAIL':6}{self.row}{self.states:10}{self.seconds:8.1f}  {verdict}"


class TooLong(Wrong):
    """A command that did not end in time."""


def _run(command: list[str], where: Path, limit: Optional[int] = None) -> str:
    try:
        done = subprocess.run(command, cwd=where, text=True, errors="replace", check=False, timeout=limit,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        raise Wrong(f"{command[0]} is missing: it is in the package of that name") from None
    except subprocess.TimeoutExpired:
        raise TooLong(f"the command did not end within {limit} s: {' '.join(command)}") from None
    if done.returncode and command[0] in ("spin", "gcc"):
        error = [line for line in done.stdout.splitlines() if "rror" in line] or [done.stdout.strip() or "failed"]
        raise Wrong(f"{command[0]}: {error[0]}")
    return done.stdout


class Checker:
    """The checker of one row, in a directory of its own."""

    def __init__(self, row: Row, where: Path):
        self.row, self.where = row, where
        self.trail: Optional[Path] = None
        said = _run(["spin", "-a", *row.defines(), str(row.model.source)], where)
        if not (where / "pan.c").exists():
            raise Wrong(f"spin: {([line for line in said.splitlines() if 'Error' in line] or ['failed'])[0]}")

    def search(self, flags: list[str], options: list[str]) -> Search:
        """Compile the checker with @flags, run it with @options, and return what it found."""
        # A violation is found sooner than the checker is compiled with optimization.
        level = "-O0" if self.row.expect == UNSAFE else "-O1"
        _run([*CC, level, *flags, "-o", "pan", "pan.c"], self.where)
        return self._pan(DEPTH, options, SECONDS)

    def _pan(self, depth: int, options: list[str], limit: int) -> Search:
        return Search.parse(_run(["./pan", f"-m{depth}", *options], self.where, limit))

    def shortest(self) -> Search:
        """
        Search for a violation, then for shorter schedules with one, each time with a lower bound of the depth.

        The checker's own option for this, -i, goes on to write every schedule of the same length, and may not end.
        """
        first = found = self.search([*SAFETY, "-DREACH"], [])
        end = time.monotonic() + SHORTEN
        while found.error and found.depth > 1 and time.monotonic() < end:
            self.trail = next(self.where.glob("*.trail")).rename(self.where / "shortest")
            try:
                found = self._pan(found.depth - 1, [], max(1, int(end - time.monotonic())))
            except TooLong:
                break
        return first

    def schedule(self) -> list[str]:
        """Return the schedule of the violation that the last search found."""
        trail = self.trail or next(self.where.glob("*.trail"))
        workers = int(str(self.row["workers"])) if self.row.has("workers") else 0
        return translate(_run(["./pan", "-r", trail.name], self.where), workers, self.row.model.contexts)


def _searched(row: Row, checker: Checker) -> Result:
    # Where a violation is expected, one search finds it.
    found = checker.shortest() if row.expect == UNSAFE else checker.search(PLAIN, ["-a"])
    unsafe = found.error and (row.expect == UNSAFE or checker.shortest().error)
    if row.expect == UNSAFE and not unsafe:
        found = checker.search(PLAIN, ["-a"])
    result = Result(row, found.states, SAFE, "safe; every item runs", [], 0)
    if unsafe:
        result.schedule = checker.schedule()
        said = [line.partition(": ")[2] for line in result.schedule if line.startswith("VIOLATION")]
        result.verdict, result.words = UNSAFE, said[0] if said else "an assertion or a bound of the model"
    elif found.error:
        found = checker.search(["-DNFAIR=3"], ["-a", "-f"])
        result.words = "safe; every item runs in every fair schedule"
        if found.error:
            result.verdict, result.words = LIVELOCK, "safe, but not every item runs"
            result.schedule = checker.schedule()
    if not found.finished and result.verdict == SAFE:
        result.verdict, result.words = UNFINISHED, "the search was not exhaustive"
    return result


def check(row: Row) -> Result:
    """Run one row. A search that takes too long makes it unfinished."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="model-", dir=OUT) as name:
        try:
            result = _searched(row, Checker(row, Path(name)))
        except TooLong as error:
            result = Result(row, 0, UNFINISHED, str(error), [], 0)
    result.seconds = time.monotonic() - start
    return result


def _table(results: Sequence[Result], model: Model) -> str:
    """The results of one model."""
    return "\n".join([model.header(), *(str(result) for result in results if result.row.model == model)])


def report(results: Sequence[Result]) -> str:
    """Return a table for each model, followed by the schedules."""
    parts = [_table(results, model) for model in dict.fromkeys(result.row.model for result in results)]
    for result in results:
        if result.schedule:
            parts.append(f"{' '.join(str(result.row).split())}\n{_numbered(result.schedule)}")
    return "\n\n".join(parts) + "\n"


def _numbered(schedule: Sequence[str]) -> str:
    return "\n".join(f"{number:3}  {line}" for number, line in enumerate(schedule, 1))


def write_into(doc: str, results: Sequence[Result]) -> str:
    """Return the text @doc with each printed block replaced by the new output."""
    def block(match: re.Match) -> str:
        what = match[1]
        name = what.partition("table of ")[2]
        if name:
            printed = _table(results, next(model for model in MODELS if model.name == name))
        else:
            row = select([result.row for result in results], what.split())[0]
            printed = _numbered(next(result.schedule for result in results if result.row is row))
        lines = "\n".join(f"    {line}".rstrip() for line in printed.splitlines())
        return f".. printed: {what}\n\n::\n\n{lines}\n"
    return re.sub(r"\.\. printed: (.*)\n\n::\n(?:\n*    .*\n)*", block, doc)


def run(words: Sequence[str]) -> int:
    """Run the rows that @words select; returns the exit status."""
    write = "WRITE=1" in words
    words = [word for word in words if not word.startswith("WRITE=")]
    if write and words not in ([], ["--rows"]):
        raise Wrong("WRITE=1 needs the results of all rows; allowed: WRITE=1 without other values")
    only_rows = "--rows" in words
    rows = select(all_rows(), [word for word in words if word != "--rows"])
    if only_rows:
        print("\n".join(map(str, rows)))
        return 0
    for tool in ("spin", "gcc"):
        if not shutil.which(tool):
            raise Wrong(f"{tool} is missing: it is in the package of that name")
    OUT.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for result in pool.map(check, rows):
            if not results or results[-1].row.model != result.row.model:
                print(result.row.model.header(), flush=True)
            results.append(result)
            print(result, flush=True)
            if result.schedule:
                print("\n".join(f"        {line}" for line in _numbered(result.schedule).splitlines()), flush=True)
    (OUT / "report.txt").write_text(report(results))
    failed = [result for result in results if not result.passed()]
    # For callers that run this through make.
    (OUT.parent / "count-model").write_text(f"{1 if failed else 0} {len(results) - len(failed)} passed, {len(failed)} "
                                            "failed, 0 skipped\n")
    if write and not failed:
        DOC.write_text(write_into(DOC.read_text(), results))
    print(f"models: {len(results)}, not as expected: {len(failed)}, states: {sum(r.states for r in results)}")
    return 1 if failed else 0


def parser() -> cli.Parser:
    """Return the parser of the command line."""
    one = cli.Parser(prog="check_model.py", description=(__doc__ or "").strip())
    one.add_argument("words", nargs="*", metavar="NAME=VALUE", help="only the models with this value")
    one.add_argument("--rows", action="store_true", help="only list the models and do not run them")
    return one


def _command(words: Sequence[str]) -> bool:
    args = parser().parse_args(words)
    return not run([*args.words, *(["--rows"] if args.rows else [])])


def program() -> NoReturn:
    """Run the command and exit with its status."""
    cli.run("check_model.py", lambda: _command(sys.argv[1:]))
