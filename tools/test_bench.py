#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of tools/bench and what it is made of."""

import contextlib
import copy
import errno
import importlib.util
import io
import json
import random
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench_main
import bench_report
import bench_set
from bench_set import SetError, Wanted, plans

FIGURES = ("rate", "p50_ns", "p90_ns", "p95_ns", "p99_ns", "max_ns", "cpu_ns", "workers")


def result(rates: dict, rounds: int = 16, seed: int = 1, **changed: object) -> str:
    """A roundtrip's text; @rates says about how fast each engine is, by name with a number behind it."""
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
            f"{figure}{suffix}=500" for figure in FIGURES for suffix in bench_report.SPREAD))
    for number in range(rounds):
        for index, rate in enumerate(rates.values()):
            lines.append(f"round={number} engine={index} position={index} rate={int(source.gauss(rate, rate / 50))} "
                         + " ".join(f"{figure}=500" for figure in FIGURES[1:]) + " queued=9")
    return "\n".join([*lines, f"end={len(lines)}"]) + "\n"


def report(rates: dict, seed: int = 1, runs: int = 1, **changed: object) -> dict:
    where = {"vehicle": "uml", "accelerator": "native", "host": "a CPU", "kernel": "7.3.4", "config": "abc"}
    documents = [{"title": f"roundtrip {number}", **bench_report.parse(result(rates, seed=seed + number, **changed))}
                 for number in range(runs)]
    return bench_set.document(where, seed, documents, [])


USUAL = {"native": 200000, "cmwq2": 200000}


class Plans(unittest.TestCase):
    def test_same_seed_same_set(self) -> None:
        self.assertEqual(plans(Wanted(seed=5)), plans(Wanted(seed=5)))
        self.assertNotEqual([plan.settings["seed"] for plan in plans(Wanted(seed=5))],
                            [plan.settings["seed"] for plan in plans(Wanted(seed=6))])

    def test_all_workloads(self) -> None:
        found = plans(Wanted(bench_set.WORKLOADS, full=True))
        self.assertEqual({plan.settings["workload"] for plan in found}, set(bench_set.WORKLOADS))
        self.assertEqual({plan.settings["load"] for plan in found if "load" in plan.settings}, set(range(6)))
        self.assertEqual(len({plan.title for plan in found}), len(found))
        for plan in found:
            self.assertTrue(plan.settings["engines"].startswith("native,"))
            self.assertLessEqual(plan.settings["engines"].count(",") + 1, 8)

    def test_settings_are_those_of_the_module(self) -> None:
        """Every file that is written to is one that the module has."""
        sources = Path(__file__).resolve().parents[1] / "bench"
        numbers = (sources / "bench.h").read_text()
        files = (sources / "sysfs.c").read_text()
        for plan in plans(Wanted(bench_set.WORKLOADS, full=True)):
            for key in plan.settings:
                self.assertTrue(key == "hook" or f"config_{key}_store" in files or f"\t{key}," in numbers, key)

    def test_names(self) -> None:
        self.assertEqual(bench_set.names("batch, block", bench_set.WORKLOADS, "X"), ("batch", "block"))
        self.assertEqual(bench_set.names("all", bench_set.WORKLOADS, "X"), bench_set.WORKLOADS)
        for wrong in ("bogus", "", ",", "batch bogus"):
            with self.assertRaisesRegex(SetError, "allowed: all, roundtrip"):
                bench_set.names(wrong, bench_set.WORKLOADS, "WORKLOAD")


class Command(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def file(self, name: str, document: object) -> str:
        path = self.directory / name
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return str(path)

    def run_main(self, *arguments: str) -> tuple:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = bench_main.main(arguments)
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
        """Another configuration of the same kernel is another machine; of another kernel it cannot be the same."""
        one, other = report(USUAL), {**report(USUAL), "config": "def"}
        self.assertIn("config abc and def", " ".join(bench_set.obstacles(one, other)))
        self.assertEqual(bench_set.obstacles(one, {**other, "kernel": "7.4"}), [])

    def test_other_settings(self) -> None:
        one, other = report(USUAL), report(USUAL, items=100)
        self.assertIn("no run with the same", " ".join(bench_set.obstacles(one, other)))
        self.fails("no figure in common", "compare", self.file("a.json", one), self.file("b.json", other), "--force")


class BadFiles(Command):
    def test_truncated_anywhere(self) -> None:
        text = json.dumps(report(USUAL))
        for length in range(0, len(text) - 1, 97):
            self.fails("not a whole JSON document", "table", self.file("cut.json", text[:length]))

    def test_not_a_report(self) -> None:
        self.fails("not the report", "table", self.file("x.json", [1]))
        self.fails("not the report", "table", self.file("x.json", {"schema": "other"}))
        self.fails("schema_version 9", "table", self.file("x.json", {**report(USUAL), "schema_version": 9}))
        self.fails("has no runs", "table", self.file("x.json", {**report(USUAL), "runs": []}))
        self.fails("No such file", "table", str(self.directory / "none.json"))

    def test_unknown_values(self) -> None:
        for change in (lambda run: run.pop("compared"), lambda run: run["header"].pop("figures"),
                       lambda run: run["engines"].clear(), lambda run: run["header"].update(engines=5)):
            document = copy.deepcopy(report(USUAL))
            change(document["runs"][0])
            path = self.file("x.json", document)
            for arguments in (("table", path), ("compare", path, path)):
                status, _, err = self.run_main(*arguments)
                self.assertIn(status, (0, 1))
                self.assertEqual(err.count("\n"), status, err)

    def test_full_disk(self) -> None:
        path = self.directory / "report.json"
        bench_set.write(path, "before")
        full = OSError(errno.ENOSPC, "No space left on device", str(path))
        with mock.patch.object(bench_set.os, "replace", side_effect=full):
            with self.assertRaises(OSError):
                bench_set.write(path, "after")
        self.assertEqual(path.read_text(), "before")
        self.assertEqual([each.name for each in self.directory.iterdir()], ["report.json"])

    def test_usage(self) -> None:
        for arguments in ((), ("bogus",), ("compare", "a"), ("run", "--rounds", "0"), ("run", "--seed", "x")):
            self.assertEqual(self.run_main(*arguments)[0], 2)


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
    """On files that look like those of the module."""

    def machine(self, text: str) -> list:
        for plan in plans(Wanted(("create",))):
            for key in plan.settings:
                (self.directory / f"config_{key}").touch()
        for name in ("run", "reset"):
            (self.directory / name).touch()
        (self.directory / "progress").write_text("idle\n")
        (self.directory / "result").write_text(text)
        return ["run", "--sysfs", str(self.directory), "--workload", "create", "--out", str(self.directory / "out.json")]

    def test_run(self) -> None:
        status, out, err = self.run_main(*self.machine(result(USUAL)))
        self.assertEqual((status, err), (0, ""))
        self.assertIn("== create", out)
        self.assertEqual((self.directory / "run").read_text(), "1\n")
        self.assertEqual(bench_set.read(self.directory / "out.json")["vehicle"], "host")

    def test_no_result(self) -> None:
        self.fails("empty", *self.machine(""))
        self.assertFalse((self.directory / "out.json").exists())

    def test_not_loaded(self) -> None:
        self.fails("cmwq2_bench is not loaded", "run", "--sysfs", "/nonexistent")

    def test_unknown_workload(self) -> None:
        self.fails("--workload=bogus: allowed", "run", "--workload", "bogus", "--sysfs", str(self.directory))

    def test_left(self) -> None:
        left = bench_main.Left(4)
        left.number = 1
        text = left.line("batch", "running workload=batch turns=8 of=32 elapsed_ms=1000 left_ms=3000")
        self.assertIn("run 2 of 4, batch: 25 %", text)
        self.assertIn("left in all", text)
        self.assertEqual(left.line("batch", "idle"), "run 2 of 4, batch")


@unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is not installed")
class Page(Command):
    def test_page(self) -> None:
        status, out, err = self.run_main("page", self.file("a.json", report(USUAL)))
        self.assertEqual(status, 0, err)
        text = Path(out.strip()).read_text()
        for address in ("http:", "https:", "src="):
            for place in (part for part in text.split("<")[1:] if address in part):
                # Names of XML dialects are no addresses that anything is loaded from.
                self.assertRegex(place, r"xmlns|rdf:|cc:|dc:|!DOCTYPE")
        self.assertIn("<svg", text)
        self.assertTrue(list((self.directory / "plots").glob("*.png")))


if __name__ == "__main__":
    unittest.main()
