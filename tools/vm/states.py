# SPDX-License-Identifier: GPL-2.0
"""wq_dump.py on known states: in a paused guest, and on a dump file of it; every trouble must be named, by the tool and by
the module, and nothing else."""

import json
import re
import subprocess
import sys
import time

import dump
import guest
import kernel
import modules
import packages
from common import EXIT_LOST, Problem
from monitor import sample_cost

BARE = "bare"
STATES = ("standing", "hog", "not-run", "softirq", "lost-kick", "cpu-offline", "damaged", "crowd")
# What the module cannot know: it has no list of timers.
ONLY_DRGN = ("cpu-offline",)
# Queues that must be told of in each state, by the rule that st.REASON.number is in trouble for REASON.
QUEUES = {"standing": {"st.throttled.0", "st.throttled.1", "st.frozen", "st.plugged", "st.no-worker",
                       "st.rescuer-busy"}, "damaged": set(), "crowd": set()}
# What is told of a queue whose lists are damaged, and of a thousand that are frozen, is not judged.
OTHERS = re.compile(r"damaged|haunted|crowd\.\d+")
TOLD = re.compile(r"stall: (\S+): .* of queue (\S+) (?:waits|is due) for ")
CORE = "core"
CORE_SECONDS = 60
# What a look at a crowd, of 1000 queues and 100000 items, may cost: seconds of a dump, of a verdict and of a sample of
# wq_monitor.py, and megabytes.
# The seconds are the process's own: others may be busy here.
LIMITS = {"dump": 10, "stalls": 3, "sample": 1, "megabytes": 500}
TIME = """
import os, resource, runpy, sys, time
start = time.process_time()
sys.argv = sys.argv[1:]
sys.stdout = open(os.devnull, "w")
try:
    runpy.run_path(sys.argv[0], {"prog": prog}, "__main__")
except SystemExit as end:
    assert not end.code
sys.stdout = sys.__stdout__
print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
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
        self.run = guest.Run(target, "states", guest.home(f"states-{target.vehicle.name}"), files,
                             {"STATES": " ".join(STATES)}, limit=60, extra=dump.QEMU, on_event=self._on_event)

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
        self._judge(state, "dump.json", "damaged" == state)
        self._judge(state, "native.json", True)

    def _crowd(self, control: dump.Monitor) -> None:
        """What it costs, on a dump file: from outside QEMU would be measured."""
        core, script = self.run.home / CORE, self.run.home / "time.py"
        script.write_text(TIME)
        control.execute("dump-guest-memory", {"paging": False, "protocol": f"file:{CORE}"}, CORE_SECONDS)
        try:
            for what, arguments in (("dump", []), ("stalls", ["--stalls"])):
                said = dump.drgn_on(["-c", CORE], self.run, self.symbols, script, str(dump.SCRIPT), *arguments)
                self._cost(what, *map(float, said.split()))
            self._cost("sample", *sample_cost(self.run, self.symbols, CORE, script))
        finally:
            core.unlink()
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
        core = self.run.home / CORE
        monitor.execute("dump-guest-memory", {"paging": False, "protocol": f"file:{CORE}"}, CORE_SECONDS)
        try:
            text = dump.drgn_on(["-c", CORE], self.run, self.symbols, dump.SCRIPT, "--stalls")
            self._refuses(["-c", CORE], [], "vmlinux")
            self._refuses(["-c", CORE], self.symbols[:1], "cmwq2.ko")
            with open(core, "r+b") as file:
                file.truncate(core.stat().st_size // 3)
            self._refuses(["-c", CORE], self.symbols, "")
        finally:
            core.unlink()
        return text

    def _refuses(self, where: list, symbols: list, word: str) -> None:
        """One line on stderr that has @word in it, nothing on stdout, and status 1."""
        done = dump.drgn_try(where, self.run, symbols, dump.SCRIPT)
        lines = done.stderr.strip().splitlines()
        if done.returncode != 1 or done.stdout or len(lines) != 1 or word not in lines[0]:
            self.problems.append(f"{where} {len(symbols)} symbols: status {done.returncode}, {lines[-3:]}")

    def _judge(self, state: str, name: str, live: bool) -> None:
        command = [sys.executable, "-B", dump.CHECKER, *(["--live"] if live else []), self.run.home / state / name]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            self.problems.append(f"{state}/{name}: {done.stderr.strip()[:300]}")

    def _on_event(self, words: list) -> None:
        if words[:1] != ["look"] or words[1] in self.seen:
            return
        self.seen.add(words[1])
        try:
            self._look(words[1])
        except (Problem, OSError, ValueError, KeyError) as problem:
            self.problems.append(f"{words[1]}: {problem!r}"[:400])

    def boot(self) -> None:
        """Run the guest; whatever was wrong is raised in the end."""
        packages.python_environment()
        guest.boot(self.run)
        for state in STATES:
            path = self.run.results / "stalls" / state
            said = path.read_text() if path.exists() else ""
            if state not in ONLY_DRGN:
                self.problems += compare(state, "the module", said)
        self.problems += [f"{state}: was not looked at" for state in (BARE, *STATES) if state not in self.seen]
        if not self.run.outcome.passed:
            self.problems.insert(0, f"the guest: {self.run.outcome}")
        if self.problems:
            raise Problem("; ".join(self.problems), EXIT_LOST if not self.run.outcome.passed else 1)
