# SPDX-License-Identifier: GPL-2.0
"""Tests wq_monitor.py and the latency histograms, which look from outside at an x86 guest that keeps running."""

import json
import re
from pathlib import Path
from typing import Optional

from base.common import ROOT, Problem
from build import kernel, packages, source
from looks import dump
from machines import guest

SCRIPT = ROOT / "tools/wq_monitor.py"
# The maximum number of rounds. The guest ends the run when all looks are done.
LOAD = "engines=cmwq2:mainline-7.3 items=20000 rounds=1000"
COUNT = 2
# Series whose native workqueues have no counters.
COUNTS_NOTHING = ("6.1",)


def problems(lines: list) -> list:
    """Return what is wrong with the JSON of a look at a guest under load."""
    found = [] if len(lines) == COUNT + 1 else [f"{len(lines)} lines instead of {COUNT + 1}"]
    for now in lines[1:]:
        if not 0 < now["seconds"] < 600:
            found.append(f"an interval of {now['seconds']} s")
        for queue in now["workqueues"]:
            total = queue["total"]
            # The guest is running, so items start while the counters of several pwqs are read.
            if total["completed"] > total["started"] + 1000:
                found.append(f"{queue['name']}: completed {total['completed']} of {total['started']}")
        # Both sums come from the same reads, so they must be equal.
        started = {kind: sum(each["total"]["started"] for each in now[kind]) for kind in ("workqueues", "pools")}
        if started["workqueues"] != started["pools"]:
            found.append(f"pools and queues started not the same: {started}")
    added = [(queue["name"], queue["delta"]["started"]) for now in lines[1:] for queue in now["workqueues"]]
    if not any(name == dump.QUEUE and started for name, started in added):
        found.append(f"{dump.QUEUE} did nothing: {added}")
    if not any(pool["delta"]["kicks"] for now in lines[1:] for pool in now["pools"]):
        found.append("no pool kicked")
    return found


def native_problems(text: str) -> list:
    """Return what is wrong with a look at the native workqueues, which must show a queue and a pool of every kernel."""
    lines = text.splitlines()
    found = [] if lines[0].startswith("native on ") else [f"not the kernel's own: {lines[0]}"]
    found += [f"no line of {word} in it" for word in ("events ", "0 ")
              if not any(line.startswith(word) for line in lines)]
    return found + [f"too wide: {line}" for line in lines if len(line) > 80]


def prometheus_problems(text: str) -> list:
    """Return what is wrong with the metrics of a guest under load. The tests of wq/prometheus.py check their form."""
    wanted = (f'wq_items_started_total{{engine="cmwq2",workqueue="{dump.QUEUE}"}} [1-9]',
              r'wq_pool_kicks_total{engine="cmwq2",pool="\d+",cpu="any"} [1-9]', 'wq_look_gaps{engine="cmwq2"} ')
    return [f"no {line} in the metrics" for line in wanted if not re.search(f"(?m)^{line}", text)]


def latency_problems(text: str) -> list:
    """Return what is wrong with the text of the histograms. The suite cmwq2_latency checks the numbers."""
    wanted = [f"workqueue {dump.QUEUE}", "pool ", "  end: ", "p99 <", "|#"]
    found = [f"no '{word}' in the histograms" for word in wanted if word not in text]
    return found + [f"too wide: {line}" for line in text.splitlines() if len(line) > 80]


def table_problems(tables: dict) -> list:
    """Return what is wrong with the JSON of the histograms, of one pool or of all."""
    wrong = [f"{key} {stage}: {counts}" for key, table in tables.items() for stage, counts in table.items()
             if len(counts) != 40 or not sum(counts)]
    if not tables or not all("end" in table for table in tables.values()):
        wrong.append(f"no histograms, or not whole: {tables}")
    return wrong


class MonitoredGuest:
    """An x86 guest with items in flight and with histograms switched on."""

    def __init__(self, target: kernel.Kernel, files: list):
        self.kernel, self.files = target, files
        self.problem: Optional[Problem] = Problem("it never had items in flight")
        self.run: Optional[guest.Run] = None

    def _drgn(self, script: Path, *arguments: str) -> str:
        assert self.run
        symbols = [self.kernel.symbols, *(path for path in self.files if path.name == "cmwq2.ko")]
        return dump.drgn(self.run, symbols, script, *arguments)

    def _native(self) -> list:
        """Return what is wrong with the table of the native queues. 6.1 has no counters for them, and the script must
        say so."""
        assert self.run
        try:
            text = self._drgn(SCRIPT, "--native", "--all", "0.5", "1")
        except Problem as problem:
            if source.series() in COUNTS_NOTHING and "Linux 6.5 and newer do" in str(problem):
                return []
            raise
        (self.run.home / "native.txt").write_text(text)
        return native_problems(text)

    def _look(self) -> None:
        assert self.run
        home = self.run.home
        text = self._drgn(SCRIPT, "-n", str(COUNT), "-i", "0.5", "--json")
        (home / "monitor.json").write_text(text)
        found = problems([json.loads(line) for line in text.splitlines()])
        text = self._drgn(SCRIPT, "-n", "1", "-i", "0.5", "--all")
        (home / "monitor.txt").write_text(text)
        found += [f"too wide: {line}" for line in text.splitlines() if len(line) > 80]
        found += [] if dump.QUEUE in text else [f"no {dump.QUEUE} on the screen"]
        found += self._native()
        sums = json.loads(self._drgn(SCRIPT, "--json", "-i", "0"))
        found += [] if sums["seconds"] is None and sums["workqueues"] else ["-i 0 --json shows no sums"]
        text = self._drgn(SCRIPT, "--prometheus")
        (home / "wq.prom").write_text(text)
        found += prometheus_problems(text)
        text = self._drgn(dump.SCRIPT, "--latency")
        (home / "latency.txt").write_text(text)
        found += latency_problems(text)
        tables = json.loads(self._drgn(dump.SCRIPT, "--latency", "--json"))
        pool = next(key for key in tables if key.startswith("pool ")).split()[1]
        one = json.loads(self._drgn(dump.SCRIPT, "--latency", "--json", "--pool", pool))
        found += table_problems(tables) + table_problems(one)
        found += [] if list(one) == [f"pool {pool}"] else [f"--pool {pool} shows {list(one)}"]
        if found:
            raise dump.found(self.run, found)

    def _on_event(self, words: list) -> bool:
        if words[:1] != ["look"]:
            return False
        try:
            self._look()
            self.problem = None
        except Problem as problem:
            self.problem = problem
        except (OSError, ValueError, KeyError) as error:
            self.problem = Problem(repr(error))
        return True

    def boot(self) -> None:
        """Run the guest, and look at it while items are in flight."""
        packages.python_environment()
        self.run = guest.Run(self.kernel, "load", guest.home("monitor-x86"), self.files,
                             {"LOAD": LOAD, "LOAD_PARAMETERS": "latency=Y", "LOAD_GOES_ON": "Y"}, limit=200,
                             extra=dump.QEMU, on_event=self._on_event)
        guest.boot(self.run)
        guest.must_pass(self.run)
        if self.problem:
            raise self.problem
