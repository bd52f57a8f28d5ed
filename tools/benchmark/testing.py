# SPDX-License-Identifier: GPL-2.0
"""What the tests of this package share: results and reports without a benchmark, and a run of tools/bench."""

import contextlib
import io
import json
import random
import tempfile
import unittest
from pathlib import Path
from typing import Any

from benchmark import documents, main, results

FIGURES = ("rate", "p50_ns", "p90_ns", "p95_ns", "p99_ns", "max_ns", "cpu_ns", "workers")


def result(rates: dict, rounds: int = 16, seed: int = 1, **changed: Any) -> str:
    """Return the text of a roundtrip's result. @rates has the approximate rate of each engine. To name an engine twice,
    append # and a number."""
    source = random.Random(seed)
    header = {"cmwq2_bench": results.FORMAT_VERSION, "status": "ok", "workload": "roundtrip", "kernel": "7.3.4",
              "machine": "x86_64",
              "cpus": 2, "hook": "tp", "queue": "percpu", "scope": "-", "mem_reclaim": 0, "rounds": rounds,
              "producers": 2, "items": 2000, "warmup": 200, "in_flight": 1, "burn_ns": 0,
              "settings": "producers,items,warmup,in_flight,burn_ns", "seed": seed, "clock": "tsc",
              "clock_khz": 2600000, "clock_cost_ns": 8, "clock_step_ns": 7, **changed}
    names = [name.partition("#")[0] for name in rates]
    lines = [f"{key}={value}" for key, value in header.items()]
    lines += [f"engines={','.join(names)}", f"figures={','.join(FIGURES)}"]
    for index, name in enumerate(names):
        lines.append(f"engine={index} name={name} " + " ".join(
            f"{figure}{suffix}=500" for figure in FIGURES for suffix in results.SPREAD))
    for number in range(rounds):
        for index, rate in enumerate(rates.values()):
            lines.append(f"round={number} engine={index} position={index} rate={int(source.gauss(rate, rate / 50))} "
                         + " ".join(f"{figure}=500" for figure in FIGURES[1:]) + " queued=9")
    return "\n".join([*lines, f"end={len(lines)}"]) + "\n"


def report(rates: dict, seed: int = 1, runs: int = 1, **changed: Any) -> dict:
    """Return the report of a set with @runs runs of roundtrip. @rates is as in result()."""
    where = {"vehicle": "uml", "accelerator": "native", "host": "a CPU", "kernel": "7.3.4", "config": "abc"}
    parsed = [{"title": f"roundtrip {number}", **results.parse(result(rates, seed=seed + number, **changed))}
              for number in range(runs)]
    return documents.document(where, seed, parsed, [])


USUAL = {"native": 200000, "cmwq2": 200000}


class Command(unittest.TestCase):
    """A test case that runs commands of tools/bench on files in a directory of its own."""

    def setUp(self) -> None:
        """Make the directory."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def file(self, name: str, document: object) -> str:
        """Write @document, text or an object to store as JSON, to file @name in the directory. Return its path."""
        path = self.directory / name
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return str(path)

    def run_main(self, *arguments: str) -> tuple:
        """Run tools/bench with @arguments. Return the exit status, standard output and standard error."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status: Any = main.main(arguments)
            except SystemExit as end:
                status = end.code
        return status, out.getvalue(), err.getvalue()

    def fails(self, why: str, *arguments: str) -> None:
        """Check that the command fails with one line that contains @why, and prints nothing else."""
        status, out, err = self.run_main(*arguments)
        self.assertEqual((status, out), (1, ""), err)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertTrue(err.startswith("bench: "))
        self.assertIn(why, err)

    def compare(self, one: dict, other: dict, *options: str) -> tuple:
        """Run `tools/bench compare` on two reports. Return the same as run_main()."""
        return self.run_main("compare", self.file("a.json", one), self.file("b.json", other), *options)
