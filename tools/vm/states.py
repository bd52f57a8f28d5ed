# SPDX-License-Identifier: GPL-2.0
"""wq_dump.py on known states: on a paused guest, on a dump file of it, and in the guest while it runs; every trouble
must be named, by the tool and by the module, and nothing else."""

import json
import re
import time
from pathlib import Path

import dump
import guest
import inside
import kernel
from common import EXIT_LOST, Problem
from monitor import sample_cost

BARE = "bare"
STATES = ("standing", "hog", "not-run", "softirq", "lost-kick", "cpu-offline", "damaged", "crowd")
# Where drgn looks from inside as well: no CPU is kept, which drgn might have need of.
INSIDE = ("standing", "damaged")
# What the module cannot know: it has no list of timers.
ONLY_DRGN = ("cpu-offline",)
# Queues that must be told of in each state, by the rule that st.REASON.number is in trouble for REASON.
QUEUES = {"standing": {f"st.{name}" for name in ("throttled.0", "throttled.1", "node-full", "frozen", "plugged",
                                                 "behind", "no-worker", "manager-stuck", "rescuer-busy")},
          "damaged": set(), "crowd": set()}
# What is told of a queue whose lists are damaged, and of a thousand that are frozen, is not judged.
OTHERS = re.compile(r"damaged|haunted|crowd\.\d+")
TOLD = re.compile(r"stall: (\S+): .* of queue (\S+) (?:waits|is due) for ")
# What a look at a crowd, of 1000 queues and 100000 items, may cost: seconds of a dump, of a verdict and of a sample of
# wq_monitor.py, and megabytes.
# The seconds are the process's own: others may be busy here.
LIMITS = {"dump": 10, "stalls": 3, "sample": 1, "megabytes": 500}
TIME = """
import os, runpy, sys, time
start = time.process_time()
sys.argv = sys.argv[1:]
sys.stdout = open(os.devnull, "w")
try:
    runpy.run_path(sys.argv[0], {"prog": prog}, "__main__")
except SystemExit as end:
    assert not end.code
sys.stdout = sys.__stdout__
# Not that of getrusage(), which begins with what whoever started this had.
most = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(time.process_time() - start, int(most) >> 10)
"""


def expected(state: str) -> set:
    """The (reason, queue) pairs of @state."""
    return {(name.split(".")[1], name) for name in QUEUES.get(state, {f"st.{state}"})}


def told(text: str) -> set:
    """The (reason, queue) pairs in what the module or the tool printed."""
    return {pair for pair in TOLD.findall(text) if not OTHERS.fullmatch(pair[1])}


def compare(state: str, who: str, text: str) -> list:
    """What is wrong with a verdict."""
    want, got = expected(state), told(text)
    problems = [f"{state}: {who} does not say {reason} of {queue}" for reason, queue in sorted(want - got)]
    return problems + [f"{state}: {who} says {reason} of {queue}" for reason, queue in sorted(got - want)]


class States:
    """A guest that goes through all states, and what was seen of each."""

    def __init__(self, target: kernel.Kernel, files: list):
        self.kernel, self.files = target, files
        self.symbols = [target.symbols, *(path for path in files if path.name == "cmwq2.ko")]
        self.problems: list = []
        self.seconds: dict = {}
        self.costs: dict = {}
        self.seen: set = set()
        within = inside.Inside(self.symbols)
        settings = {"STATES": " ".join(STATES), "INSIDE": " ".join(INSIDE), **within.settings}
        self.run = guest.Run(target, "states", guest.home(f"states-{target.vehicle.name}"), files, settings, limit=60,
                             extra=dump.QEMU, files=within.files, on_event=self._on_event)

    def _save(self, name: str, text: str) -> str:
        target = self.run.home / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
        return text

    def _look(self, state: str) -> None:
        def tool(*arguments: str) -> str:
            return dump.drgn(self.run, self.symbols, dump.SCRIPT, *arguments)

        with dump.paused(self.run.home) as monitor:
            if state == BARE:
                self._refuses(["--qemu", dump.FOR_DRGN], self.symbols, "not loaded")
                self._save(f"{state}/native.txt", tool("--native"))
                return
            start = time.monotonic()
            stalls = self._save(f"{state}/stalls", tool("--stalls"))
            self.seconds[state] = time.monotonic() - start
            if state == "crowd":
                self._crowd(monitor)
                return
            self._save(f"{state}/dump.json", tool("--json"))
            self._save(f"{state}/dump.txt", tool("--stack"))
            self._save(f"{state}/native.json", tool("--json", "--native"))
            self._save(f"{state}/native.txt", tool("--native"))
            if state == "standing":
                self._filters(tool)
                core = self._core(monitor)
                self._save(f"{state}/core-stalls", core)
                if told(core) != told(stalls):
                    self.problems.append(f"{state}: from a dump file it says another thing")
        self.problems += compare(state, "wq_dump.py", stalls)
        self._judge(state, self.run.home / state / "dump.json", *(["--live"] if state == "damaged" else []))
        self._judge(state, self.run.home / state / "native.json", "--live")

    def _crowd(self, control: dump.Monitor) -> None:
        """What it costs, on a dump file: from outside QEMU would be measured."""
        script = self.run.home / "time.py"
        script.write_text(TIME)
        with dump.core_of(control, self.run.home) as core:
            for what, arguments in (("dump", []), ("stalls", ["--stalls"])):
                said = dump.drgn_on(["-c", core], self.run, self.symbols, script, str(dump.SCRIPT), *arguments)
                self._cost(what, *map(float, said.split()))
            self._cost("sample", *sample_cost(self.run, self.symbols, core, script))
        self._save("crowd/costs", "".join(f"{what}: {cost}\n" for what, cost in self.costs.items()))

    def _cost(self, what: str, seconds: float, megabytes: float) -> None:
        self.costs[what] = f"{seconds:.2f} s, {megabytes:.0f} MB"
        if seconds > LIMITS[what] or megabytes > LIMITS["megabytes"]:
            self.problems.append(f"a crowd: {what} took {self.costs[what]}")

    def _filters(self, tool) -> None:
        """Options that choose, on a guest where it is known what is there."""
        found = json.loads(tool("--json", "--queue", "st.throttled.0"))
        if [wq["name"] for wq in found["workqueues"]] != ["st.throttled.0"] or not found["workqueues"][0]["flushers"]:
            self.problems.append("--queue: not the queue, or not its flusher")
        far = [item for item in json.loads(tool("--json"))["delayed"] or [] if item["queue"] == "far"]
        if len(far) != 1 or far[0]["cpu"] != 1 or not 3500000 < far[0]["due_ms"] <= 3600000:
            self.problems.append(f"the delayed item: {far}")
        if '"why": "frozen"' not in tool("--stalls", "--json", "--queue", "st.frozen"):
            self.problems.append("--stalls --json --queue: not told")

    def _core(self, monitor: dump.Monitor) -> str:
        """The verdict from a dump file of the guest, and what becomes of one that is cut short."""
        with dump.core_of(monitor, self.run.home) as core:
            text = dump.drgn_on(["-c", core], self.run, self.symbols, dump.SCRIPT, "--stalls")
            self._refuses(["-c", core], [], "vmlinux")
            self._refuses(["-c", core], self.symbols[:1], "cmwq2.ko")
            with open(core, "r+b") as file:
                file.truncate(core.stat().st_size // 3)
            self._refuses(["-c", core], self.symbols, "")
        return text

    def _refuses(self, where: list, symbols: list, word: str) -> None:
        """One line on stderr that has @word in it, nothing on stdout, and status 1."""
        done = dump.drgn_try(where, self.run, symbols, dump.SCRIPT)
        lines = done.stderr.strip().splitlines()
        if done.returncode != 1 or done.stdout or len(lines) != 1 or word not in lines[0]:
            self.problems.append(f"{where} {len(symbols)} symbols: status {done.returncode}, {lines[-3:]}")

    def _judge(self, state: str, path: Path, *how: str) -> None:
        """Whether a dump fits together, and shows what was damaged as not seen."""
        try:
            dump.agrees(path, *how)
            gaps = json.loads(path.read_text())["gaps"]
        except (Problem, OSError, ValueError) as problem:
            self.problems.append(f"{state}: {path.name}: {str(problem)[:300]}")
            return
        if state.startswith("damaged") and "native" not in path.name and len(gaps) != 2:
            self.problems.append(f"{state}: {path.name}: gaps {gaps}")

    def _look_inside(self, state: str) -> None:
        """What drgn said in the guest."""
        path = self.run.results / "inside" / f"{state}.stalls"
        self.problems += compare(state, "wq_dump.py in the guest", path.read_text() if path.exists() else "")
        self._judge(f"{state} in the guest", path.with_suffix(".json"), "--live")

    def _on_event(self, words: list) -> bool:
        """The guest waits for a look."""
        if words[:1] != ["look"]:
            return False
        self.seen.add(words[1])
        try:
            self._look(words[1])
        except (Problem, OSError, ValueError, KeyError) as problem:
            self.problems.append(f"{words[1]}: {problem!r}"[:400])
        return True

    def boot(self) -> None:
        """Run the guest; whatever was wrong is raised in the end."""
        guest.boot(self.run)
        for state in STATES:
            path = self.run.results / "stalls" / state
            said = path.read_text() if path.exists() else ""
            if state not in ONLY_DRGN:
                self.problems += compare(state, "the module", said)
        for state in INSIDE:
            self._look_inside(state)
        self.problems += [f"{state}: was not looked at" for state in (BARE, *STATES) if state not in self.seen]
        if not self.run.outcome.passed:
            self.problems.insert(0, f"the guest: {self.run.outcome}")
        if self.problems:
            raise Problem("; ".join(self.problems), EXIT_LOST if not self.run.outcome.passed else 1)
