# SPDX-License-Identifier: GPL-2.0
"""Tests wq_dump.py on known states: on a paused guest, on a dump file of it, and in the guest while it runs. The tool
and the module must name every stall, and nothing else."""

import json
import re
from pathlib import Path

from base.common import Problem
from build import kernel
from looks import dump, refusals, vmcore
from machines import guest, inside

BARE = "bare"
STATES = ("standing", "hog", "not-run", "softirq", "lost-kick", "cpu-offline", "damaged")
# The states that drgn also looks at from inside. None of them occupies a CPU, which drgn might need.
INSIDE = (BARE, "standing", "damaged")
# States that the module cannot report, because it has no list of timers.
ONLY_DRGN = ("cpu-offline",)
# The queues that must be reported in each state. A queue st.REASON or st.REASON.NUMBER stalls because of REASON.
QUEUES = {"standing": {f"st.{name}" for name in ("throttled.0", "throttled.1", "node-full", "frozen", "plugged",
                                                 "behind", "awaited", "no-worker", "manager-stuck", "rescuer-busy")},
          "damaged": set(), "crowd": set()}    # crowd is used in wide.py
# Reports on queues with damaged lists, and on the thousand frozen queues, are ignored.
OTHERS = re.compile(r"damaged|haunted|crowd\.\d+")
TOLD = re.compile(r"stall: (\S+): .*? of queue (\S+) (?:waits|is due|runs) for ")


def expected(state: str) -> set:
    """Return the (reason, queue) pairs that @state must show."""
    return {(name.split(".")[1], name) for name in QUEUES.get(state, {f"st.{state}"})}


def told(text: str) -> set:
    """Return the (reason, queue) pairs in the output of the module, or of the tool, which wraps its lines."""
    paragraphs = [" ".join(each.split()) for each in re.split(r"^(?=stall: )", text, flags=re.MULTILINE)]
    return {pair for each in paragraphs for pair in TOLD.findall(each) if not OTHERS.fullmatch(pair[1])}


def compare(state: str, who: str, text: str) -> list:
    """Return what is missing from the verdicts in @text, and which of them are wrong."""
    want, got = expected(state), told(text)
    problems = [f"{state}: {who} does not say {reason} of {queue}" for reason, queue in sorted(want - got)]
    return problems + [f"{state}: {who} says {reason} of {queue}" for reason, queue in sorted(got - want)]


class States:
    """A guest that goes through all states, and the looks at each of them."""

    name = "states"
    states: tuple = STATES
    inside: tuple = INSIDE
    cpus = guest.CPUS
    more: tuple = ()        # further arguments for QEMU

    def __init__(self, target: kernel.Kernel, files: list):
        self.kernel, self.files = target, files
        self.symbols = [target.symbols, *(path for path in files if path.name == "cmwq2.ko")]
        self.problems: list = []
        self.seen: set = set()
        settings, within = {"STATES": " ".join(self.states), "INSIDE": " ".join(self.inside)}, {}
        if self.inside:
            drgn = inside.Inside(self.symbols)
            settings.update(drgn.settings)
            within = drgn.files
        self.run = guest.Run(target, "states", guest.home(f"{self.name}-{target.vehicle.name}"), files, settings,
                             limit=60, extra=[*dump.QEMU, *self.more], cpus=self.cpus, files=within,
                             on_event=self._on_event)

    def _save(self, name: str, text: str) -> str:
        target = self.run.home / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
        return text

    def _tool(self, *arguments: str) -> str:
        return dump.drgn(self.run, self.symbols, dump.SCRIPT, *arguments)

    def _look(self, state: str) -> None:
        tool = self._tool
        with dump.paused(self.run.home) as monitor:
            if state == BARE:
                self._bare(monitor)
                return
            stalls = self._save(f"{state}/stalls", tool("--stalls"))
            self._save(f"{state}/dump.json", tool("--json"))
            self._save(f"{state}/dump.txt", tool("--stack", "--all", "--wide"))
            self._save(f"{state}/busy.txt", tool())
            self._save(f"{state}/native.json", tool("--json", "--native"))
            self._save(f"{state}/native.txt", tool("--native", "--all"))
            if state == "standing":
                self._filters(tool)
                core = self._core(monitor)
                self._save(f"{state}/core-stalls", core)
                if told(core) != told(stalls):
                    self.problems.append(f"{state}: the verdict from a dump file differs from that of the guest")
        self.problems += compare(state, "wq_dump.py", stalls)
        self._judge(state, self.run.home / state / "dump.json", *(["--live"] if state == "damaged" else []))
        self._judge(state, self.run.home / state / "native.json", "--live")

    def _bare(self, monitor: dump.Monitor) -> None:
        """Look at a kernel without the engine, live and in a dump file. Its native workqueues can be shown; the tool
        must refuse to show cmwq2's."""
        self._refuses(["--qemu", dump.FOR_DRGN], self.symbols, "not loaded")
        self._save(f"{BARE}/native.txt", self._tool("--native"))
        with dump.core_of(monitor, self.run.home) as core:
            self._refuses(["-c", core], self.symbols, "not loaded")
        self.problems += [f"{BARE}: {line}" for line in vmcore.compare(self.run, monitor, self.symbols)]

    def _filters(self, tool) -> None:
        """Test options that select, on a guest whose queues and items are known."""
        found = json.loads(tool("--json", "--queue", "st.throttled.0"))
        if [wq["name"] for wq in found["workqueues"]] != ["st.throttled.0"] or not found["workqueues"][0]["flushers"]:
            self.problems.append("--queue: not the queue, or not its flusher")
        far = [item for item in json.loads(tool("--json"))["delayed"] or [] if item["queue"] == "far"]
        if len(far) != 1 or far[0]["cpu"] != 1 or not 3500000 < far[0]["due_ms"] <= 3600000:
            self.problems.append(f"the delayed item: {far}")
        if '"why": "frozen"' not in tool("--stalls", "--json", "--queue", "st.frozen"):
            self.problems.append("--stalls --json --queue: not told")
        self._exit_codes()

    def _exit_codes(self) -> None:
        """Test --exit-code: a guest with stalled queues, and one without a queue that waits for so long."""
        for more, want in ((("--native", "--age", "600000"), 0), ((), 3)):
            done = dump.drgn_try(["--qemu", dump.FOR_DRGN], self.run, self.symbols, dump.SCRIPT, "--stalls",
                                 "--exit-code", *more)
            if done.returncode != want:
                self.problems.append(f"--exit-code {' '.join(more)}: {done.returncode} instead of {want}")

    def _core(self, monitor: dump.Monitor) -> str:
        """Return the verdict from a dump file of the guest, and test everything that can go wrong with a dump file."""
        with dump.core_of(monitor, self.run.home) as core:
            text = dump.drgn_on(["-c", core], self.run, self.symbols, dump.SCRIPT, "--stalls")
            self._refuses(["-c", core], [], "vmlinux")
            self._refuses(["-c", core], self.symbols[:1], "cmwq2.ko")
            self.problems += refusals.mismatched(self.run, ["-c", core], self.symbols)
            with open(core, "r+b") as file:
                file.truncate(core.stat().st_size // 3)
            # wq_monitor.py is left out: the data that it needs may be in the part of the file that is left.
            self.problems += refusals.refused(self.run, ["-c", core], self.symbols, "", refusals.SCRIPTS[:1])
        return text

    def _refuses(self, where: list, symbols: list, word: str) -> None:
        """Check that the scripts refuse: one line on stderr that contains @word, nothing on stdout, status 1."""
        self.problems += refusals.refused(self.run, where, symbols, word)

    def _judge(self, state: str, path: Path, *how: str) -> None:
        """Check that a dump does not contradict itself, and that it has a gap for each damaged list. In a guest that
        runs on meanwhile, something else may go away while the dump looks at it, which is a gap, too."""
        try:
            dump.agrees(path, *how)
            gaps = json.loads(path.read_text())["gaps"]
            damaged = [gap for gap in gaps if "--live" not in how or not gap.endswith("went away")]
        except (Problem, OSError, ValueError) as problem:
            self.problems.append(f"{state}: {path.name}: {str(problem)[:300]}")
            return
        if state.startswith("damaged") and "native" not in path.name and len(damaged) != 2:
            self.problems.append(f"{state}: {path.name}: gaps {gaps}")

    def _looked_inside(self) -> None:
        """Check the output of drgn in the guest."""
        self.problems += refusals.refused_inside(self.run.results) if self.inside else []
        for state in self.inside[1:]:
            self._look_inside(state)

    def _look_inside(self, state: str) -> None:
        path = self.run.results / "inside" / f"{state}.stalls"
        self.problems += compare(state, "wq_dump.py in the guest", path.read_text() if path.exists() else "")
        self._judge(f"{state} in the guest", path.with_suffix(".json"), "--live")

    def _on_event(self, words: list) -> bool:
        """Handle the guest's request for a look. Return whether the guest waits for an answer."""
        if words[:1] != ["look"]:
            return False
        self.seen.add(words[1])
        try:
            self._look(words[1])
        except Problem as problem:
            self.problems.append(f"{words[1]}: {problem}")
        except (OSError, ValueError, KeyError) as error:
            self.problems.append(f"{words[1]}: {type(error).__name__}: {error}")
        return True

    def boot(self) -> None:
        """Run the guest. At the end, raise Problem with everything that was wrong."""
        guest.boot(self.run)
        for state in self.states:
            path = self.run.results / "stalls" / state
            said = path.read_text() if path.exists() else ""
            if state not in ONLY_DRGN:
                self.problems += compare(state, "the module", said)
        self._looked_inside()
        self.problems += [f"{state}: was not looked at" for state in (BARE, *self.states) if state not in self.seen]
        if not self.run.outcome.passed:
            self.problems.insert(0, f"the guest: {self.run.outcome}")
        if self.problems:
            raise dump.found(self.run, self.problems)
