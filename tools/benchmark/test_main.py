#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of tools/bench with files that are damaged, missing, or cannot be written."""

import copy
import errno
import importlib.util
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark import files
from benchmark.testing import USUAL, Command, report

ROOT = Path(__file__).resolve().parents[2]


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
        script = "import pathlib, resource; from benchmark import files\n" \
                 "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n" \
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


if __name__ == "__main__":
    unittest.main()
