# SPDX-License-Identifier: GPL-2.0
"""Tests wq_dump.py on a machine with 64 CPUs and two nodes: the alignment of its columns, and the cost of a look at
many queues and items. All but two of the CPUs never come online, so that an emulator can afford the test. They still
have pools, and every queue has pwqs for them."""

import json

from build import kernel
from looks import dump, refusals, states
from looks.monitor import SCRIPT as MONITOR
from machines import guest

CPUS, HALF = 64, 32
NODES = [word for node, first in ((0, 0), (1, HALF)) for word in (
    "-object", f"memory-backend-ram,id=ram{node},size=512M",
    "-numa", f"node,memdev=ram{node},cpus={first}-{first + HALF - 1}")]
WIDE_STATES = ("standing", "crowd")
# Limits for a look at a crowd of 1000 queues and 100000 items: seconds for a dump, for a verdict and for a sample of
# wq_monitor.py, and megabytes. The seconds are CPU time of the process, because the host may be busy. Even CPU time
# depends on the host: a dump took 3.8 s on one day and 9.6 s on another, with nothing else running either time. So the
# limits are only for what grows with the square of the number of items or queues, which would take minutes.
LIMITS = {"dump": 30, "stalls": 15, "sample": 15, "megabytes": 500}
LOOKS: dict = {"dump": [dump.SCRIPT], "stalls": [dump.SCRIPT, "--stalls"]}
# Numbers of samples of two runs. The difference of their times is the cost of the samples without the start.
FEW, SAMPLES = 1, 4
TIME = """
import os, runpy, sys, time
start = time.process_time(), time.monotonic()
sys.argv = sys.argv[1:]
sys.stdout = open(os.devnull, "w")
try:
    runpy.run_path(sys.argv[0], {"prog": prog}, "__main__")
except SystemExit as end:
    assert not end.code
sys.stdout = sys.__stdout__
# Not that of getrusage(), which begins with what whoever started this had.
most = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(time.process_time() - start[0], int(most) >> 10, time.monotonic() - start[1])
"""


class Wide(states.States):
    """The guest, and the looks at it."""

    name, states, inside = "wide", WIDE_STATES, ()
    cpus, more = CPUS, tuple(NODES)

    def __init__(self, target: kernel.Kernel, files: list):
        super().__init__(target.booted_with(f"maxcpus={guest.CPUS}"), files)
        self.costs: list = []
        self.time = self.run.home / "time.py"
        self.time.write_text(TIME)

    def _look(self, state: str) -> None:
        if state == "standing":
            with dump.paused(self.run.home):
                stalls = self._save(f"{state}/stalls", self._tool("--stalls"))
                self._columns(state)
            self.problems += states.compare(state, "wq_dump.py", stalls)
        elif state == "crowd":
            # The guest is not paused, and runs during the look.
            self._costs("live", ["--qemu", dump.FOR_DRGN])
            self._samples("live", ["--qemu", dump.FOR_DRGN])
            with dump.paused(self.run.home) as monitor, dump.core_of(monitor, self.run.home) as core:
                self._costs("of a dump file", ["-c", core])
                self.problems += refusals.ended(self.run, ["-c", core], self.symbols)
            self._save(f"{state}/costs", "".join(f"{cost}\n" for cost in self.costs))

    def _columns(self, state: str) -> None:
        """Compare the text with the JSON. The guest is paused for both."""
        text, data = self.run.home / state / "dump.txt", self.run.home / state / "dump.json"
        self._save(f"{state}/dump.txt", self._tool("--all", "--wide"))
        seen = json.loads(self._save(f"{state}/dump.json", self._tool("--json")))
        dump.agrees(data, "--text", str(text))
        pools = {pool["cpu"] for pool in seen["pools"]}
        if seen["cpus"]["possible"] != list(range(CPUS)) or not pools.issuperset(range(CPUS)):
            self.problems.append(f"{state}: not {CPUS} CPUs but {seen['cpus']}, pools of {sorted(pools - {None})}")
        if 2048 not in (wq["max_active"] for wq in seen["workqueues"]):
            self.problems.append(f"{state}: no queue has max_active 2048")

    def _costs(self, how: str, where: list) -> None:
        for what, command in LOOKS.items():
            self._cost(f"{what} {how}", what, *self._timed(where, command))

    def _samples(self, how: str, where: list) -> None:
        few, many = (self._timed(where, [MONITOR, "-i", "0.01", "-n", str(count)]) for count in (FEW, FEW + SAMPLES))
        self._cost(f"sample {how}", "sample", (many[0] - few[0]) / SAMPLES, many[1], (many[2] - few[2]) / SAMPLES)

    def _timed(self, where: list, command: list) -> list:
        said = dump.drgn_on(where, self.run, self.symbols, self.time, *map(str, command))
        return [float(word) for word in said.split()]

    def _cost(self, name: str, limit: str, seconds: float, megabytes: float, elapsed: float) -> None:
        cost = f"{seconds:.2f} s of CPU, {elapsed:.2f} s in all, {megabytes:.0f} MB"
        self.costs.append(f"{name}: {cost}")
        if seconds > LIMITS[limit] or megabytes > LIMITS["megabytes"]:
            self.problems.append(f"a crowd: {self.costs[-1]}")
