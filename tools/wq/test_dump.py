#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
Tests of wq_dump.py that need neither drgn nor a kernel.

Run ``python3 tools/wq/test_dump.py``. ``check_dump.py`` tests what needs a kernel,
by judging a dump of a guest.
"""

import argparse
import contextlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr
from unittest import mock

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOOLS)
import cli  # noqa: E402
from wq import dump  # noqa: E402
from wq.testing import SCRIPT, make_dump, make_wq, run_script  # noqa: E402


class TestCommandLine(unittest.TestCase):
    def test_help_explains_every_section(self):
        done = run_script("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in ("Pools", "Workers", "Pending items", "Rescuers", "--json"):
            self.assertIn(word, done.stdout)

    def test_usage_errors(self):
        for args in (["--nonsense"], ["--items", "-1"], ["--hz", "0"], ["extra"]):
            self.assert_refused(args)

    def assert_refused(self, args, word=""):
        err = io.StringIO()
        with redirect_stderr(err), self.assertRaises(SystemExit) as end:
            dump.parse_args(args)
        text = err.getvalue()
        self.assertEqual((end.exception.code, text.count("\n")), (2, 1), (args, text))
        self.assertTrue(text.startswith("wq_dump.py: error:"), text)
        self.assertIn(word, text)

    def test_options_that_would_be_ignored(self):
        """Each form of output refuses each option that it would ignore."""
        for args, word in (
                (["--native", "--latency"], "--latency: not allowed with --native"),
                (["--latency", "--native"], "--latency: not allowed with --native"),
                (["--latency", "--read", "x"], "--latency: not allowed with --read"),
                (["--latency", "--queue", "x"], "--queue"), (["--latency", "--stack"], "--stack"),
                (["--latency", "--age", "0"], "--age"), (["--latency", "--items", "0"], "--items"),
                (["--latency", "q*", "--pool", "1"], "--pool"),
                (["--json", "--sizes"], "--json"), (["--sizes", "--read", "x"], "--read"),
                (["--sizes", "--native"], "--native"), (["--sizes", "--pool", "0"], "--pool"),
                (["--diff", "x", "--stack"], "--stack"), (["--diff", "-", "--read", "-"], "standard input"),
                (["--read", "x", "--native"], "--native: not allowed with --read"),
                (["--read", "x", "--stack"], "--stack: not allowed with --read"),
                (["--read", "x", "--hz", "100"], "--hz: not allowed with --read"),
                (["--stalls", "--all"], "--stalls: not allowed with --all"),
                (["--diff", "x", "--all"], "--all"), (["--json", "--all"], "--all"), (["--json", "--wide"], "--wide"),
                (["--stalls", "--json", "--wide"], "--json: not allowed with --wide"),
                (["--exit-code"], "--exit-code: only allowed with --stalls"),
                (["--diff", "x", "--exit-code"], "--diff: not allowed with --exit-code"),
                (["--latency", "--wide"], "--wide"), (["--sizes", "--all"], "--all"),
                (["--stalls", "--diff", "x"], "not allowed with")):
            self.assert_refused(args, word)

    def test_options_that_go_together(self):
        for args in (["--stalls", "--native", "--stack", "--queue", "a", "--json"],
                     ["--latency", "--pool", "0", "--pool", "1", "--json"], ["--latency", "q*"],
                     ["--diff", "x", "--native", "--pool", "0"], ["--read", "x", "--items", "0"],
                     ["--read", "-", "--diff", "x"], ["--stalls", "--json", "--exit-code", "--native"],
                     ["--all", "--wide", "--pool", "0"], ["--stalls", "--wide"]):
            dump.parse_args(args)

    def test_without_drgn(self):
        done = run_script()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertTrue(done.stderr.startswith("wq_dump.py: "))


class TestFailures(unittest.TestCase):
    """What main() reports for each kind of error, with a collector that raises it."""

    def run_with(self, body, **kwargs):
        code = (
            f"import sys; sys.path.insert(0, {TOOLS!r}); sys.argv = ['x']\n"
            "import os, signal, time; from wq import dump; from wq.engine import Cmwq2Error\n"
            f"def run(args, scope):\n    {body}\n"
            "dump.run = run\ndump.main({})"
        )
        return subprocess.Popen(
            [sys.executable, "-c", code], stderr=subprocess.PIPE, universal_newlines=True,
            # A background job ignores SIGINT, and its child processes inherit this.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **kwargs)

    def assert_one_line(self, process, text):
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertIn(text, err)

    def test_known_trouble(self):
        self.assert_one_line(
            self.run_with("raise Cmwq2Error('module cmwq2 is not loaded')"),
            "module cmwq2 is not loaded")

    def test_unknown_trouble(self):
        self.assert_one_line(
            self.run_with("raise AttributeError('no member\\nlock')"),
            "AttributeError: no member lock")

    def test_closed_pipe(self):
        reader, writer = os.pipe()
        os.close(reader)
        process = self.run_with("return 'x' * 1000000, 0", stdout=writer)
        os.close(writer)
        self.assertEqual(process.communicate(timeout=60)[1], "")
        self.assertEqual(process.returncode, 141)

    def test_interrupt(self):
        process = self.run_with(
            "print('ready', flush=True); time.sleep(50)", stdout=subprocess.PIPE)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.communicate(timeout=60)[1], "")
        self.assertEqual(process.returncode, 130)

    def test_not_good(self):
        for status in (cli.PASSED, cli.FAILED, cli.FOUND):
            process = self.run_with(f"return 'too large\\n', {status}", stdout=subprocess.PIPE)
            self.assertEqual(process.communicate(timeout=60), ("too large\n", ""))
            self.assertEqual(process.returncode, status)


class TestRead(unittest.TestCase):
    """Reading what --json wrote, without drgn and without a kernel."""

    def read(self, text, *args):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(text)
            file.flush()
            return run_script("--read", file.name, *args)

    def test_forms(self):
        text = json.dumps(make_dump())
        for args, word in (((), "Pools"), (("--json",), '"schema": 2'), (("--stalls",), ""),
                           (("--stalls", "--json"), '"stalls"'), (("--top", "1"), "Pending")):
            done = self.read(text, *args)
            self.assertEqual((done.returncode, done.stderr), (0, ""), args)
            self.assertIn(word, done.stdout)

    def test_exit_code(self):
        """The exit status says whether something is stalled, if this is asked for."""
        stalled, fine = make_dump(), make_dump()
        stalled["pools"][0]["progress_ms"] = 5000
        for dump_, options, status in ((stalled, [], 0), (stalled, ["--exit-code"], 3), (fine, ["--exit-code"], 0),
                                       (stalled, ["--exit-code", "--age", "6000"], 0),
                                       (stalled, ["--exit-code", "--json"], 3)):
            done = self.read(json.dumps(dump_), "--stalls", *options)
            self.assertEqual((done.returncode, done.stderr), (status, ""), options)
        # A status that says that nothing is stalled needs a look that worked.
        self.assertEqual(self.read("{}", "--stalls", "--exit-code").returncode, 1)

    def test_one_line_for_a_log(self):
        """A log collector gets one line with everything that tells it from other lines."""
        dump_ = make_dump(version="1.2.3")
        dump_["pools"][0]["progress_ms"] = 5000
        done = self.read(json.dumps(dump_), "--stalls", "--json")
        self.assertEqual(done.stdout.count("\n"), 1)
        found = json.loads(done.stdout)
        self.assertEqual([found[name] for name in ("schema", "version", "engine", "kernel", "host", "time")],
                         [2, "1.2.3", "cmwq2", "7.3.4", "box", 1790000000])
        self.assertEqual([each["queue"] for each in found["stalls"]], ["bench"])

    def test_width(self):
        """A pipe gets 80 columns, or any width with --wide. A dump that is older than some fields can be read."""
        dump_ = make_dump(workqueues=[make_wq(name="n" * 31)])
        for name in ("host", "time"):
            del dump_[name]
        for options, fits in (((), True), (("--all",), True), (("--wide",), False)):
            done = self.read(json.dumps(dump_), *options)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(max(map(len, done.stdout.splitlines())) <= 80, fits, options)

    def test_terminal(self):
        """On a terminal the text fits its width, and there is no colour."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(json.dumps(make_dump(workqueues=[make_wq(name="n" * 31)])))
            file.flush()
            for width in (60, 200):
                ours, theirs = pty.openpty()
                self.addCleanup(os.close, ours)
                process = subprocess.Popen([sys.executable, SCRIPT, "--read", file.name, "--all"], stdout=theirs,
                                           env={**os.environ, "COLUMNS": str(width)})
                os.close(theirs)
                text = b""
                with contextlib.suppress(OSError):      # how the end of a terminal is reported
                    while chunk := os.read(ours, 4096):
                        text += chunk
                self.assertEqual(process.wait(timeout=60), 0)
                self.assertNotIn(b"\x1b", text)
                widest = max(map(len, text.decode().splitlines()))
                self.assertTrue(width / 2 < widest <= width, (width, widest))

    def test_idle(self):
        """--all shows what is idle."""
        lazy = make_wq(name="lazy", nr_active=0, nr_inactive=0, nr_in_flight=0, mayday_pools=[], pwqs=[])
        text = json.dumps(make_dump(workqueues=[make_wq(), lazy]))
        for options, shown in (((), False), (("--all",), True), (("--queue", "la*"), True), (("--json",), True)):
            self.assertEqual("lazy" in self.read(text, *options).stdout, shown, options)

    def test_what_is_not_there(self):
        """A name that does not exist is an error. An empty table would look as if all were well."""
        text = json.dumps(make_dump())
        for args, word in ((("--pool", "99"), "there is no pool 99; there are 0"),
                           (("--pool", "0", "--pool", "99"), "no pool 99"),
                           (("--queue", "nosuch"), "no workqueue has a name like nosuch"),
                           (("--queue", "bench", "--queue", "nosuch"), "like nosuch"),
                           (("--stalls", "--queue", "nosuch"), "like nosuch"),
                           (("--stalls", "--json", "--pool", "99"), "no pool 99")):
            done = self.read(text, *args)
            self.assertEqual((done.returncode, done.stdout), (1, ""), args)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(word, done.stderr)

    def test_names_that_a_terminal_would_obey(self):
        name = "\x1b[2Jb\nad\u202e"
        dump = make_dump(workqueues=[make_wq(name=name)], kernel="7.3\x1b]0;x\x07")
        dump["pools"][0]["worklist"]["items"][0]["queue"] = name
        dump["pools"][0]["progress_ms"] = 5000
        for args in ((), ("--stalls",)):
            out = self.read(json.dumps(dump), *args).stdout
            self.assertTrue(out.replace("\n", "").isprintable(), ascii(out))
        self.assertIn("\\x1b[2Jb\\nad\\u202e", self.read(json.dumps(dump)).stdout)

    def test_name_that_the_terminal_cannot_show(self):
        dump = json.dumps(make_dump(workqueues=[make_wq(name="m\u00e9moire")]))
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(dump)
            file.flush()
            done = run_script("--read", file.name, env={**os.environ, "PYTHONIOENCODING": "ascii"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("m\\xe9moire", done.stdout)

    def test_diff_of_what_has_nothing_in_common(self):
        good = make_dump(jiffies=5000)
        moved = make_wq(address="0x21")
        for old, word in (({"engine": "native"}, "engine is native in one and cmwq2 in the other"),
                          ({"hz": 250}, "hz is 250 in one and"),
                          ({"kernel": "6.1"}, "kernel is 6.1 in one and"), ({"jiffies": 6000}, "is the newer one"),
                          ({"workqueues": [moved]}, "no workqueue in common")):
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                file.write(json.dumps(make_dump(**old)))
                file.flush()
                done = self.read(json.dumps(good), "--diff", file.name)
            self.assertEqual((done.returncode, done.stdout), (1, ""), old)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(word, done.stderr)

    def test_diff(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as old:
            old.write(json.dumps(make_dump()))
            old.flush()
            done = self.read(json.dumps(make_dump()), "--diff", old.name)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("Pending then and now", done.stdout)

    def test_bad_files(self):
        for text, word in (("", "not a dump"), ("{'a'", "not a dump"), ("[]", "schema"),
                           ("[" * 100000, "nested too deeply"),
                           ('{"schema": 1}', "schema 1"), ('{"schema": 2}', "form")):
            done = self.read(text)
            self.assertEqual((done.returncode, done.stdout), (1, ""), text)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(word, done.stderr)
        done = run_script("--read", "/nonexistent/dump")
        self.assertEqual(done.returncode, 1)
        self.assertIn("No such file", done.stderr)


class Number(int):
    def value_(self):
        return int(self)


class TestLatency(unittest.TestCase):
    """--latency with a simulated kernel: pools 0 and 4, of which only pool 0 has counts, and a queue."""

    def latency(self, *argv):
        pools = [argparse.Namespace(id=Number(number)) for number in (0, 4)]
        tables = {"pool 0": {"end": [0, 1]}, "workqueue q": {"end": [0, 1]}}

        def collect(_prog, pattern, numbers):
            return {key: value for key, value in tables.items()
                    if not (pattern or numbers) or key in [f"pool {n}" for n in numbers or []]}

        with mock.patch.object(dump, "kernel", lambda scope: None), \
             mock.patch.object(dump, "for_each_pool", lambda prog: pools), \
             mock.patch.object(dump, "for_each_workqueue", lambda prog: ["q"]), \
             mock.patch.object(dump, "wq_name", lambda wq: wq), \
             mock.patch.object(dump.latency, "collect", collect):
            return dump.run(dump.parse_args(["--latency", *argv]), {})[0]

    def test_not_there(self):
        for argv, word in ((["--pool", "99"], "there is no pool 99; there are 0, 4"),
                           (["nosuch*"], "no workqueue has a name like nosuch")):
            with self.assertRaisesRegex(cli.Error, word):
                self.latency(*argv)

    def test_there(self):
        self.assertIn("pool 0", self.latency("--pool", "0"))
        self.assertIn("pool 0", self.latency())
        # The pool exists, but has counted nothing.
        self.assertIn("no item was counted", self.latency("--pool", "4"))


if __name__ == "__main__":
    unittest.main()
