#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of tools/bench and its parts."""

import contextlib
import copy
import errno
import importlib.util
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import policies
from benchmark import compare, documents, files, host, main, results, sets, summary
from benchmark.documents import SetError
from benchmark.sets import Wanted, plans

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ("rate", "p50_ns", "p90_ns", "p95_ns", "p99_ns", "max_ns", "cpu_ns", "workers")


def result(rates: dict, rounds: int = 16, seed: int = 1, **changed: object) -> str:
    """Return the text of a roundtrip's result. @rates has the approximate rate of each engine. To name an engine twice,
    append # and a number."""
    source = random.Random(seed)
    header = {"cmwq2_bench": 3, "status": "ok", "workload": "roundtrip", "kernel": "7.3.4", "machine": "x86_64",
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


def report(rates: dict, seed: int = 1, runs: int = 1, **changed: object) -> dict:
    where = {"vehicle": "uml", "accelerator": "native", "host": "a CPU", "kernel": "7.3.4", "config": "abc"}
    parsed = [{"title": f"roundtrip {number}", **results.parse(result(rates, seed=seed + number, **changed))}
              for number in range(runs)]
    return documents.document(where, seed, parsed, [])


USUAL = {"native": 200000, "cmwq2": 200000}


class Plans(unittest.TestCase):
    def test_same_seed_same_set(self) -> None:
        self.assertEqual(plans(Wanted(seed=5)), plans(Wanted(seed=5)))
        self.assertNotEqual([plan.settings["seed"] for plan in plans(Wanted(seed=5))],
                            [plan.settings["seed"] for plan in plans(Wanted(seed=6))])

    def test_part_of_a_set(self) -> None:
        """A run is the same, whatever other runs are in the set."""
        self.assertEqual(plans(Wanted(("block",), seed=5)),
                         [plan for plan in plans(Wanted(seed=5)) if plan.title.startswith("block")])

    def test_all_workloads(self) -> None:
        found = plans(Wanted(sets.WORKLOADS, full=True))
        self.assertEqual({plan.settings["workload"] for plan in found}, set(sets.WORKLOADS))
        self.assertEqual({plan.settings["load"] for plan in found if "load" in plan.settings}, set(range(6)))
        self.assertEqual(len({plan.title for plan in found}), len(found))
        for plan in found:
            first = "cmwq2:" if plan.settings["workload"] == "rescue" else "native,"
            self.assertTrue(plan.settings["engines"].startswith(first))
            self.assertLessEqual(plan.settings["engines"].count(",") + 1, 8)

    def test_settings_are_those_of_the_module(self) -> None:
        """The module has every file that is written to."""
        sources = ROOT / "bench"
        numbers = (sources / "base/types.h").read_text()
        sysfs = (sources / "control/config.c").read_text()
        for plan in plans(Wanted(sets.WORKLOADS, full=True)):
            for key in plan.settings:
                self.assertTrue(key == "hook" or f"config_{key}_store" in sysfs or f"\t{key}," in numbers, key)

    def test_names(self) -> None:
        names = sets.workload_names
        self.assertEqual(names("batch, block", "X"), ("batch", "block"))
        self.assertEqual(names("all", "X"), sets.WORKLOADS)
        self.assertEqual(names("aa", "X"), ("aa",))
        for wrong in ("bogus", "", ",", "batch bogus", "batch aa", "all batch"):
            with self.assertRaisesRegex(SetError, "WORKLOAD=.*allowed: all, roundtrip"):
                names(wrong, "WORKLOAD")

    def test_profiles(self) -> None:
        names = sets.profile_names
        self.assertEqual(names("mainline-7.3,claim=none+wake=locked", "X"), ("mainline-7.3", "claim=none+wake=locked"))
        self.assertEqual(names("all", "X"), policies.profiles())
        for wrong in ("bogus", "", "mainline-7.3 bogus", "claim", "claim=", "claim=none+", "claim=bogus", "idle=5", "all bogus",
                      " ".join(["mainline-7.3"] * 7)):
            with self.assertRaisesRegex(SetError, "PROFILES.*allowed: all, or 1 to 6 of mainline-7.3"):
                names(wrong, "PROFILES")

    def test_rounds(self) -> None:
        self.assertIn(f"BENCH_MAX_ROUNDS\t{sets.MOST_ROUNDS}U", (ROOT / "bench/base/types.h").read_text())
        self.assertEqual(sets.check_rounds(1000, "X"), 1000)
        for wrong in (0, 1001):
            with self.assertRaisesRegex(SetError, f"ROUNDS={wrong}: allowed: 1 to 1000"):
                sets.check_rounds(wrong, "ROUNDS")

    def test_against_itself(self) -> None:
        found = plans(Wanted(("aa",), seed=3))
        self.assertEqual({plan.settings["engines"] for plan in found}, {",".join(["native"] * 8)})
        self.assertEqual(len({plan.settings["seed"] for plan in found}) * 4, 100)

    def test_minutes(self) -> None:
        """The sets take no longer than documented, with reserve for a slower machine."""
        for wanted, minutes in ((Wanted(), 10), (Wanted(sets.WORKLOADS, full=True), 60), (Wanted(("aa",)), 10)):
            self.assertLess(sum(plan.seconds for plan in plans(wanted)), minutes * 60 * 0.6)


class Command(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def file(self, name: str, document: object) -> str:
        path = self.directory / name
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return str(path)

    def run_main(self, *arguments: str) -> tuple:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = main.main(arguments)
            except SystemExit as end:
                status = end.code
        return status, out.getvalue(), err.getvalue()

    def fails(self, why: str, *arguments: str) -> None:
        status, out, err = self.run_main(*arguments)
        self.assertEqual((status, out), (1, ""), err)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertTrue(err.startswith("bench: "))
        self.assertIn(why, err)

    def compare(self, one: dict, other: dict, *options: str) -> tuple:
        return self.run_main("compare", self.file("a.json", one), self.file("b.json", other), *options)


class Compare(Command):
    def test_same(self) -> None:
        status, out, _ = self.compare(report(USUAL), report(USUAL, seed=2))
        self.assertEqual(status, 0)
        self.assertIn("16 figures compared: 0 differ, 16 with no difference seen, 0 with too few", out)

    def test_slower(self) -> None:
        status, out, _ = self.compare(report(USUAL), report({"native": 200000, "cmwq2": 150000}, kernel="7.4"))
        self.assertEqual(status, 0)
        self.assertIn("16 figures compared: 1 differ", out)
        self.assertRegex(out, r"roundtrip 0 +cmwq2 +rate +0\.7\d\d \[.*\]\*")

    def test_refused(self) -> None:
        for key, value in (("vehicle", "x86"), ("accelerator", "kvm"), ("host", "another"), ("cpus", 8)):
            other = {**report(USUAL), key: value}
            self.fails(f"not comparable (--force does it all the same): {key}", "compare",
                       self.file("a.json", report(USUAL)), self.file("b.json", other))
            self.assertEqual(self.compare(report(USUAL), other, "--force")[0], 0)

    def test_config(self) -> None:
        """Two configurations of the same kernel cannot be compared. Those of different kernels always differ."""
        one, other = report(USUAL), {**report(USUAL), "config": "def"}
        self.assertIn("config abc and def", " ".join(documents.obstacles(one, other)))
        self.assertEqual(documents.obstacles(one, {**other, "kernel": "7.4"}), [])

    def test_other_settings(self) -> None:
        one, other = report(USUAL), report(USUAL, items=100)
        self.assertIn("no run with the same", " ".join(documents.obstacles(one, other)))
        self.fails("no figure in common", "compare", self.file("a.json", one), self.file("b.json", other), "--force")


class Agree(Command):
    def agree(self, one: dict, other: dict, *options: str) -> tuple:
        return self.run_main("agree", self.file("a.json", one), self.file("b.json", other), *options)

    @staticmethod
    def again(change: dict) -> dict:
        """Return the same set run again, with the same seeds but other measurements."""
        found = report(change, seed=50, runs=10)
        for number, run in enumerate(found["runs"]):
            run["header"]["seed"] = 1 + number
        return {**found, "seed": 1}

    def test_same(self) -> None:
        status, out, err = self.agree(report(USUAL, runs=10), self.again(USUAL))
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"\n?70 of 70 ratios agree within their intervals: 100.0 %, at least 90 %\n$")

    def test_too_few(self) -> None:
        """One of seven ratios differs."""
        status, out, _ = self.agree(report(USUAL, runs=10), self.again({"native": 200000, "cmwq2": 150000}))
        self.assertEqual(status, 1)
        self.assertIn("60 of 70 ratios agree within their intervals: 85.7 %, fewer than 90 %", out)
        self.assertRegex(out, r"roundtrip 9 +cmwq2 +rate +[01]\.\d+ \[.*\] +0\.7\d+ \[.*\]\*")

    def test_missing_ratio(self) -> None:
        """A ratio that only one of the reports has does not agree."""
        other = self.again(USUAL)
        del other["runs"][0]
        status, out, _ = self.agree(report(USUAL, runs=10), other)
        self.assertEqual(status, 0)
        self.assertIn("63 of 70 ratios agree within their intervals: 90.0 %, at least 90 %", out)
        self.assertRegex(out, r"roundtrip \d +cmwq2 +rate +[01]\.\d+ .* -\n")

    def test_rule(self) -> None:
        def overlap(*numbers: float) -> bool:
            return compare._overlap(*({"low": low, "high": high} for low, high in (numbers[:2], numbers[2:])))
        self.assertTrue(overlap(1, 2, 2, 3) and overlap(2, 3, 1, 2) and overlap(1, 9, 2, 3) and overlap(2, 3, 1, 9))
        self.assertFalse(overlap(1, 2, 2.1, 3) or overlap(2.1, 3, 1, 2))

    def test_refused(self) -> None:
        for key, value in (("seed", 7), ("kernel", "7.4"), ("vehicle", "x86")):
            other = {**report(USUAL), key: value}
            self.fails(f"{key} {report(USUAL)[key]} and {value}", "agree", self.file("a.json", report(USUAL)),
                       self.file("b.json", other))
        few = report(USUAL, rounds=5)
        self.fails("no ratio with an interval", "agree", self.file("a.json", few), self.file("b.json", few))


class Summary(Command):
    def test_table(self) -> None:
        document = {**report(USUAL, runs=2), "missing": [{"title": "block hook=pn", "reason": "no notifiers"}],
                    "conditions": ["the load of the machine was 3.0 at the start"]}
        status, out, _ = self.run_main("summary", self.file("a.json", document))
        self.assertEqual(status, 0)
        rows = [line for line in out.splitlines() if line.startswith("| roundtrip")]
        self.assertEqual(len(rows), 2 * 3)
        self.assertEqual({line.count("|") for line in out.splitlines() if line.startswith("|")}, {5})
        self.assertRegex(rows[0], r"\| roundtrip 0 +\| rate +\| [\d,]+ +\| [01]\.\d+ \[")
        for text in ("uml (native) on a CPU, kernel 7.3.4, configuration abc, 2 CPUs, seed 1.", "16 rounds",
                     "Caution: the load of the machine was 3.0 at the start.", "block hook=pn: not run: no notifiers"):
            self.assertIn(text, out)

    def test_counts(self) -> None:
        """Native's threads serve other queues, too, so a figure of threads is shown as a number and not as a ratio."""
        document = report(USUAL)
        with mock.patch.object(results, "summary_of", return_value=("workers",)):
            rows = summary.rows(document)
        self.assertEqual(rows[1:], [("roundtrip 0", "workers", "500", "500")])
        self.assertNotIn("workers", [each["figure"] for each in document["runs"][0]["compared"]])

    def test_engines_that_not_all_have(self) -> None:
        document = report(USUAL)
        document["runs"] += report({"native": 200000, "floor": 300000})["runs"]
        _, out, _ = self.run_main("summary", self.file("a.json", document))
        self.assertIn("| native | ", out.replace("  ", ""))
        self.assertEqual({line.count("|") for line in out.splitlines() if line.startswith("|")}, {6})

    def test_figures_are_those_of_the_module(self) -> None:
        sources = "".join(path.read_text() for path in sorted((ROOT / "bench").rglob("*.[ch]")))
        names = set(re.findall(r'"(\w+)"', sources))
        quantiles = re.findall(r'of "(\w+)"', re.search("define BENCH_QUANTILES.*", sources)[0])
        names |= {prefix + quantile for prefix in re.findall(r'BENCH_QUANTILES\("(\w*)"\)', sources)
                  for quantile in quantiles}
        self.assertEqual(len(quantiles), 5)
        for name, known in results.WORKLOADS.items():
            self.assertTrue(known.summary, name)
            self.assertLessEqual({*known.summary, *known.columns, *known.later, *results.COUNTS}, names)


class BadFiles(Command):
    COMMANDS = ("table {}", "summary {}", "page {}", "aa {}", "compare {} {good}", "compare {good} {}",
                "agree {} {good}", "agree {good} {}")

    def test_truncated_anywhere(self) -> None:
        text = json.dumps(report(USUAL))
        for length in range(0, len(text) - 1, 97):
            self.fails("not a whole JSON document", "table", self.file("cut.json", text[:length]))

    def test_truncated_for_all(self) -> None:
        text = json.dumps(report(USUAL))
        good, cut = self.file("good.json", text), self.file("cut.json", text[:-200])
        for command in self.COMMANDS:
            if not command.startswith("page") or importlib.util.find_spec("matplotlib"):
                self.fails(f"{cut}: not a whole JSON document", *command.format(cut, good=good).split())
        self.assertFalse((self.directory / "report.html").exists())

    def test_part_of_a_run(self) -> None:
        for change, why in ((lambda run: run["rounds"].pop(), "does not hold 16 rounds of 2 engines"),
                            (lambda run: run["engines"].pop(), "does not hold what its list"),
                            (lambda run: run["header"].update(rounds=15), "does not hold 15 rounds"),
                            (lambda run: run["header"].pop("rounds"), "is damaged: KeyError")):
            document = copy.deepcopy(report(USUAL))
            change(document["runs"][0])
            self.fails(f"run 0{':' if 'rounds' in why else ''}", "table", self.file("x.json", document))
            self.fails(why, "table", self.file("x.json", document))

    def test_not_a_report(self) -> None:
        self.fails("not the report", "table", self.file("x.json", [1]))
        self.fails("not the report", "table", self.file("x.json", {"schema": "other"}))
        self.fails("schema_version 9", "table", self.file("x.json", {**report(USUAL), "schema_version": 9}))
        self.fails("has no runs", "table", self.file("x.json", {**report(USUAL), "runs": []}))
        self.fails("which runs are missing", "table", self.file("x.json", {**report(USUAL), "missing": [1]}))
        self.fails("No such file", "table", str(self.directory / "none.json"))
        self.fails("not a whole JSON document", "table", self.file("x.json", "[" * 100000))

    def test_unknown_values(self) -> None:
        for change in (lambda run: run.pop("compared"), lambda run: run["header"].pop("figures"),
                       lambda run: run["engines"].clear(), lambda run: run["header"].update(engines=5)):
            document = copy.deepcopy(report(USUAL))
            change(document["runs"][0])
            path = self.file("x.json", document)
            for arguments in (("table", path), ("summary", path), ("compare", path, path)):
                status, _, err = self.run_main(*arguments)
                self.assertIn(status, (0, 1))
                self.assertEqual(err.count("\n"), status, err)

    def test_usage(self) -> None:
        for arguments in ((), ("bogus",), ("compare", "a"), ("run", "--rounds", "0"), ("run", "--seed", "x")):
            self.assertEqual(self.run_main(*arguments)[0], 2)


class FullDisk(Command):
    """A full disk, simulated by a file system of 64 KiB or by a limit on the size of files."""

    def bench(self, arguments: str, **options: object) -> subprocess.CompletedProcess:
        return subprocess.run(["sh", "-c", f"exec {sys.executable} -B {ROOT}/tools/bench {arguments}"], check=False,
                              cwd=self.directory, stderr=subprocess.PIPE, text=True, **options)   # type: ignore

    def on_small_disk(self, arguments: str) -> subprocess.CompletedProcess:
        (self.directory / "small").mkdir(exist_ok=True)
        script = "mount -t tmpfs -o size=64k none small && \"$@\"; status=$?; ls -A small >&2; exit $status"
        return subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", sys.executable, "-B", f"{ROOT}/tools/bench",
                               *arguments.split()], check=False, cwd=self.directory, capture_output=True, text=True)

    def small_disk_or_skip(self) -> None:
        (self.directory / "small").mkdir()
        try:
            subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", self.directory / "small"], check=True,
                           capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("no file systems may be mounted here")

    def one_line(self, run: subprocess.CompletedProcess, text: str) -> None:
        self.assertEqual((run.returncode, run.stderr.count("\n")), (1, 1), run.stderr)
        self.assertRegex(run.stderr, f"^bench: {text}")

    def test_write(self) -> None:
        path = self.directory / "report.json"
        files.write(path, "before")
        full = OSError(errno.ENOSPC, "No space left on device", "a name of its own")
        with mock.patch.object(files.os, "replace", side_effect=full):
            with self.assertRaises(OSError) as caught:
                files.write(path, "after")
        self.assertEqual(caught.exception.filename, str(path))
        self.assertEqual(path.read_text(), "before")
        self.assertEqual([each.name for each in self.directory.iterdir()], ["report.json"])

    def test_limit(self) -> None:
        """A write that is only partly possible leaves no file."""
        script = "import pathlib, resource; from benchmark import files\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n" \
                 "files.write(pathlib.Path('report.json'), 'x' * 5000)"
        run = subprocess.run([sys.executable, "-B", "-c", script], check=False, cwd=self.directory, capture_output=True,
                             text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "tools")})
        self.assertIn("report.json", run.stderr)
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_standard_output(self) -> None:
        path = self.file("a.json", report(USUAL))
        for command in ("table", "summary", "aa"):
            twice = self.file("b.json", report({"native": 200000, "native#2": 200000}))
            run = self.bench(f"{command} {twice if command == 'aa' else path} > /dev/full")
            self.one_line(run, "standard output: No space left on device\n$")

    def test_run(self) -> None:
        """Nothing is measured if the report could not be written."""
        self.small_disk_or_skip()
        run = self.on_small_disk(f"run --sysfs {self.directory} --out small/report.json")
        self.one_line(run, "small/report.json: No space left on device")

    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is not installed")
    def test_page(self) -> None:
        self.small_disk_or_skip()
        run = self.on_small_disk(f"page {self.file('a.json', report(USUAL))} --out small")
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stderr, r"^bench: small/plots/.*: No space left on device\nplots\n$")


class AgainstItself(Command):
    def test_counts(self) -> None:
        twice = {"native": 200000, "native#2": 200000, "native#3": 200000, "native#4": 200000}
        status, out, _ = self.run_main("aa", self.file("a.json", report(twice, runs=50)))
        self.assertEqual(status, 0)
        self.assertRegex(out, r"rate +[0-5] of 100 called a difference")

    def test_too_many(self) -> None:
        status, out, _ = self.run_main("aa", self.file("a.json", report({"native": 200000, "native#2": 150000})))
        self.assertEqual(status, 1)
        self.assertIn("1 of 1 called a difference", out)

    def test_none(self) -> None:
        self.fails("no engine is in a list twice on end", "aa", self.file("a.json", report(USUAL)))


class Host(Command):
    """The benchmark on this machine, with files that look like those of the module."""

    def setUp(self) -> None:
        super().setUp()
        self.out = self.directory / "out.json"

    def machine(self, text: str, *more: str, workload: str = "create") -> list:
        for plan in plans(Wanted(sets.WORKLOADS)):
            for key in plan.settings:
                (self.directory / f"config_{key}").touch()
        for name in ("run", "reset"):
            (self.directory / name).touch()
        (self.directory / "progress").write_text("idle\n")
        (self.directory / "result").write_text(text)
        return ["run", "--sysfs", str(self.directory), "--workload", workload, "--out", str(self.out), *more]

    def refusing(self, refused: dict) -> object:
        """Make writes fail, depending on what is written."""
        real = os.write

        def write(handle: int, data: bytes) -> int:
            for text, error in refused.items():
                if data == f"{text}\n".encode():
                    raise error
            return real(handle, data)
        return mock.patch.object(host.os, "write", side_effect=write)

    def modules(self) -> list:
        """Make a directory that --modules accepts."""
        for name in host.MODULES:
            (self.directory / name).parent.mkdir()
            (self.directory / name).touch()
        return ["--modules", str(self.directory)]

    def commands(self, fails: str = "") -> object:
        """Replace insmod and rmmod by a function that only records the calls."""
        self.done: list = []

        def do(*command: str) -> None:
            self.done.append(" ".join(command).replace(f"{self.directory}/", ""))
            if fails and fails in self.done[-1]:
                raise SetError(f"{command[0]} failed")
        return mock.patch.object(host.Host, "_do", side_effect=do)

    def test_run(self) -> None:
        status, out, err = self.run_main(*self.machine(result(USUAL)))
        self.assertEqual((status, err), (0, ""))
        self.assertIn("== create", out)
        self.assertEqual((self.directory / "run").read_text(), "1\n")
        document = documents.read(self.out)
        self.assertEqual((document["vehicle"], document["runs"][0]["config"]), ("host", document["config"]))

    def test_no_result(self) -> None:
        self.out.write_text("of another run")
        self.fails("empty", *self.machine(""))
        self.assertFalse(self.out.exists())

    def test_not_loaded(self) -> None:
        self.fails("cmwq2_bench is not loaded", "run", "--sysfs", "/nonexistent", "--out", str(self.out))

    def test_bad_words(self) -> None:
        for option, value, why in (("--workload", "bogus", "--workload=bogus: allowed"),
                                   ("--profiles", "bogus", "--profiles=bogus: allowed"),
                                   ("--rounds", "1001", "--rounds=1001: allowed")):
            self.fails(why, *self.machine(result(USUAL)), option, value)

    def test_cut_result(self) -> None:
        self.fails("truncated", *self.machine(result(USUAL)[:-20]))
        self.assertFalse(self.out.exists())

    def test_failed_run(self) -> None:
        text = "cmwq2_bench=3\nstatus=failed reason=a-CPU-went-offline\nend=2\n"
        self.fails("a-CPU-went-offline", *self.machine(text))

    def test_refused(self) -> None:
        """A run that is refused is listed as missing. The others are made."""
        with self.refusing({"flush": OSError(errno.EINVAL, "Invalid argument")}):
            status, out, _ = self.run_main(*self.machine(result(USUAL), workload="create flush"))
        self.assertEqual(status, 0)
        self.assertRegex(out, r"flush unbound: not run: .*config_workload: flush: Invalid argument: the kernel's log")
        self.assertEqual([each["title"] for each in documents.read(self.out)["missing"]], ["flush unbound"])

    def test_busy(self) -> None:
        with self.refusing({"1": OSError(errno.EBUSY, "Device or resource busy")}):
            self.fails("Device or resource busy: a run is on already", *self.machine(result(USUAL)))

    def test_aborted(self) -> None:
        """After an abort, the runs made so far are not written as a set."""
        modules = self.modules()
        aborted = OSError(errno.ECANCELED, "Operation canceled")
        with self.commands(), mock.patch.object(host.os, "geteuid", return_value=0), \
                self.refusing({"flush": aborted}):
            self.fails("the run was aborted", *self.machine(result(USUAL), *modules, workload="create flush"))
        self.assertFalse(self.out.exists())
        self.assertEqual(self.done[-2:], ["rmmod cmwq2_bench", "rmmod cmwq2"])

    def test_interrupted(self) -> None:
        modules = self.modules()
        with self.commands(), mock.patch.object(host.os, "geteuid", return_value=0), \
                self.refusing({"create": KeyboardInterrupt()}):
            self.assertEqual(self.run_main(*self.machine(result(USUAL), *modules))[::2], (130, ""))
        self.assertFalse(self.out.exists())
        self.assertEqual(self.done, ["insmod src/cmwq2.ko hook=auto", "insmod bench/cmwq2_bench.ko",
                                     "rmmod cmwq2_bench", "rmmod cmwq2"])

    def test_half_loaded(self) -> None:
        modules = self.modules()
        with self.commands("cmwq2_bench.ko"), mock.patch.object(host.os, "geteuid", return_value=0):
            self.fails("insmod failed", *self.machine(result(USUAL), *modules))
        self.assertEqual(self.done[-1], "rmmod cmwq2")

    def test_modules(self) -> None:
        self.fails("src/cmwq2.ko: not there; make modules", *self.machine(result(USUAL), "--modules", "/nonexistent"))
        modules = self.modules()
        with mock.patch.object(host.os, "geteuid", return_value=1000):
            self.fails("only root can load modules", *self.machine(result(USUAL), *modules))
        (self.directory / "cmwq2").mkdir()
        with mock.patch.object(host, "LOADED", self.directory):
            self.fails("cmwq2 is loaded already: rmmod it", *self.machine(result(USUAL), *modules))

    def test_hook_of_what_is_loaded(self) -> None:
        status, out, _ = self.run_main(*self.machine(result(USUAL), "--full", workload="block"))
        self.assertEqual(status, 0)
        self.assertIn("block hook=pn: not run: hook=pn needs cmwq2 to be loaded anew", out)

    def test_conditions(self) -> None:
        with mock.patch.object(host, "_read", return_value={"powersave", "1"}), \
                mock.patch.object(host.os, "getloadavg", return_value=(3.0, 0, 0)):
            said = "; ".join(host.busy() + host.conditions("CONFIG_KASAN=y\nCONFIG_DEBUG_OBJECTS=n\n"))
        for text in ("the load of the machine was 3.0", "powersave, not performance", "above their nominal frequency",
                     "built with KASAN"):
            self.assertIn(text, said)


class Progress(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 100.0
        clock = mock.patch.object(host.time, "monotonic", side_effect=lambda: self.now)
        clock.start()
        self.addCleanup(clock.stop)
        self.sink = io.StringIO()
        self.plans = [sets.Plan(f"run {number}", {"workload": "batch", "engines": "native", "rounds": 10}, 0.3)
                      for number in range(4)]
        self.teller = host.Teller(self.plans, self.sink)

    def test_left(self) -> None:
        """All four runs are alike, and half of the second took as long as half of the first."""
        self.teller.begin(0)
        self.now += 20
        self.teller.begin(1)
        self.now += 10
        text = self.teller.line("running workload=batch turns=20 of=40 elapsed_ms=10000 left_ms=10000")
        self.assertEqual(text, "run 2 of 4, run 1: 50 %, 50 s left in all")
        self.assertEqual(self.teller.line("idle"), "run 2 of 4, run 1")
        self.assertEqual(self.teller.line("running workload=batch turns=0 of=40 elapsed_ms=0 left_ms=-"),
                         "run 2 of 4, run 1: 0 %")

    def test_last_turn(self) -> None:
        self.teller.begin(3)
        self.assertTrue(self.teller.line("running turns=40 of=40 elapsed_ms=0 left_ms=0").endswith(" 0 s left in all"))

    def test_now_and_then(self) -> None:
        self.teller.begin(0)
        for seconds in (0, 1, 10, 4, 1, 14):
            self.now += seconds
            self.teller.tell("running turns=20 of=40 elapsed_ms=1 left_ms=1")
        self.assertEqual(self.sink.getvalue().count("\n"), 3)

    def test_terminal(self) -> None:
        with mock.patch.object(self.sink, "isatty", return_value=True):
            self.teller.tell("idle")
            self.teller.close()
        self.assertTrue(self.sink.getvalue().endswith("\033[K\n"))


@unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is not installed")
class Page(Command):
    def test_ticks(self) -> None:
        from benchmark.page import ratio_ticks
        self.assertEqual(ratio_ticks(0.95, 1.05), [0.96, 0.98, 1, 1.02, 1.04])
        self.assertEqual(ratio_ticks(0.7, 2.41), [0.8, 1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.4])
        self.assertEqual(ratio_ticks(0.1, 40), [0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32])
        self.assertEqual(ratio_ticks(0.0009, 20), [0.001, 0.01, 0.1, 1, 10])
        for low, high in ((0.001, 1.1), (0.9, 5000), (1e-5, 1e5), (0.3, 1.05)):
            found = ratio_ticks(low, high)
            self.assertIn(1, found)
            self.assertTrue(2 <= len(found) <= 11 and low <= found[0] and found[-1] <= high, found)

    def test_page(self) -> None:
        status, out, err = self.run_main("page", self.file("a.json", report(USUAL)))
        self.assertEqual(status, 0, err)
        text = Path(out.strip()).read_text()
        # Nothing is loaded from the URLs that name XML namespaces.
        rest = re.sub(r'xmlns(:xlink)?="http://www.w3.org/\d+/\w+"', "", text)
        self.assertNotRegex(rest, r"https?:|src=|@import|url\((?!#)")
        self.assertEqual(set(re.findall(r' href="([^#][^"]*)"', text)),
                         {f"plots/{path.name}" for path in (self.directory / "plots").iterdir()})
        self.assertIn("<svg", text)
        self.assertTrue(list((self.directory / "plots").glob("*.png")))


if __name__ == "__main__":
    unittest.main()
