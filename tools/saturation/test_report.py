#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of report.py and main.py: the tables, the document with the output, and wrong input."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import cli
from saturation import counts, fit, main, published, report

MODEL = fit.Model(counts.read(), published.read())


def run(*words: str) -> tuple:
    """Run the command. Return the exit status, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main.main(words)
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), err.getvalue()


class Report(unittest.TestCase):
    def test_document_is_current(self) -> None:
        """Documentation/scale.rst has what make scale prints."""
        text = main.DOCUMENT.read_text(encoding="utf-8")
        new = main.written_into(text, report.text(MODEL))
        self.assertTrue(new == text, "make scale WRITE=1 writes the output anew")
        with self.assertRaises(cli.Error):
            main.written_into("no block", "text")

    def test_narrow(self) -> None:
        """On a narrow terminal no line is too long, and no row is lost."""
        lines = report.text(MODEL, 60).splitlines()
        self.assertEqual([line for line in lines if len(line) > 60], [])
        whole = " ".join(" ".join(lines).split())
        for what in (*(each.what for each in MODEL.known.left_out), *(each.what for each in MODEL.known.machines)):
            self.assertIn(what, whole)

    def test_everything_is_there(self) -> None:
        """The output has every published row, machine, scope and engine, what is left out, and fits 100 columns."""
        lines = report.text(MODEL).splitlines()
        self.assertEqual([line for line in lines if len(line) > report.WIDTH], [])
        words = [line.split() for line in lines]
        for row in MODEL.known.rows:
            self.assertTrue(any(line[:len(found)] == found for line in words
                                for found in [[*row.table.split(), *row.scope.split(), str(row.pools)]]), str(row))
        for name in (*report.SCOPES, *MODEL.counts.engines(), *(each.what for each in MODEL.known.machines)):
            self.assertTrue(any(name in line for line in lines), name)
        whole = " ".join(" ".join(lines).split())
        for each in MODEL.known.left_out:
            self.assertIn(each.why, whole)

    def test_pools(self) -> None:
        """The number of pools of a scope follows the kernel's rules."""
        machines = {each.name: each for each in MODEL.known.machines}
        for name, scope, cpus, wanted in (
                ("grace", "system", 72, 1), ("grace", "cache", 72, 1), ("grace", "cache", 128, 2),
                ("grace", "cpu", 64, 64), ("grace", "cache_shard", 72, 9),
                ("grace", "cache_shard", 8, 1), ("grace", "cache_shard", 9, 2),
                ("8321hc", "cache_shard", 52, 3), ("9d64", "cache", 176, 11), ("9d64", "cache", 16, 1),
                ("9d64", "cache_shard", 176, 11), ("vm", "cache_shard", 8, 1), ("vm", "cache", 1, 1)):
            self.assertEqual(report.pools(machines[name], scope, cpus), wanted, (name, scope, cpus))

    def test_files(self) -> None:
        """The command writes what it prints, and the same as JSON; fitted figures are marked in it."""
        with tempfile.TemporaryDirectory() as home:
            status, out, err = run("--out", home)
            self.assertEqual((status, err), (0, ""))
            self.assertEqual((Path(home) / "report.txt").read_text(encoding="utf-8"), out)
            document = json.loads((Path(home) / "report.json").read_text(encoding="utf-8"))
        self.assertEqual(document["schema"], report.SCHEMA)
        for found in document["fits"]:
            fitted = [each for each in document["compared"] if each["machine"] == found["machine"] and each["fitted"]]
            self.assertEqual({(each["table"], each["scope"]) for each in fitted}, {(found["table"], found["scope"])})
        self.assertEqual({len(line["rates"]) for line in document["lines"]}, {len(report.CPUS)})

    def test_refused(self) -> None:
        """Wrong files and options are refused in one line, and nothing is printed or written."""
        with tempfile.TemporaryDirectory() as home:
            wrong, out = Path(home) / "wrong", Path(home) / "out"
            wrong.write_text('{"version": 1, "cpus"', encoding="utf-8")
            for option in ("--lines", "--icount", "--published"):
                for path in (wrong, Path(home) / "missing"):
                    status, said, err = run(option, str(path), "--out", str(out))
                    self.assertEqual((status, said, err.count("\n"), out.exists()), (1, "", 1, False), err)
                    self.assertIn(path.name, err)
            self.assertEqual(run("--bogus")[0], 2)


if __name__ == "__main__":
    unittest.main()
