#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of script.py, which need neither drgn nor a kernel."""

import argparse
import os
import signal
import subprocess
import sys
import unittest

TOOLS = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, TOOLS)
import script  # noqa: E402

SCRIPTS = ("wq_dump.py", "wq_monitor.py")


class TestArguments(unittest.TestCase):
    def test_numbers(self):
        self.assertEqual([script.positive("1"), script.positive("2048")], [1, 2048])
        self.assertEqual([script.natural("0"), script.natural("12")], [0, 12])
        for text in ("", "-1", "x", "1.5", "\u00b2", " 1"):
            for kind in (script.positive, script.natural):
                self.assertRaises(argparse.ArgumentTypeError, kind, text)
        self.assertRaises(argparse.ArgumentTypeError, script.positive, "0")

    def test_no_kernel(self):
        self.assertEqual(script.program({"prog": 3}), 3)
        with self.assertRaisesRegex(script.cmwq2.Cmwq2Error, "drgn"):
            script.program({})


class TestRun(unittest.TestCase):
    """The status and the line on stderr of each way that work can end."""

    def start(self, body, endless=False, **kwargs):
        code = (f"import sys; sys.path.insert(0, {TOOLS!r})\n"
                "import argparse, time, script\n"
                f"def work():\n    {body}\n"
                f"script.run('x.py', work, {endless})")
        return subprocess.Popen(
            [sys.executable, "-c", code], stderr=subprocess.PIPE, universal_newlines=True,
            # A background job has it ignored, and so has what it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **kwargs)

    def assert_ends(self, process, status, text):
        _, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err), (status, text and f"x.py: {text}\n"))

    def test_well(self):
        self.assert_ends(self.start("return True"), 0, "")
        self.assert_ends(self.start("return False"), 1, "")
        self.assert_ends(self.start("return False", True), 1, "")

    def test_end_goes_through_the_interpreter(self):
        # Whoever runs the script within another one goes on after it.
        with self.assertRaises(SystemExit) as end:
            script.run("x.py", lambda: True, endless=True)
        self.assertEqual(end.exception.code, 0)

    def test_trouble(self):
        form = "this is not the form of dump or kernel that this script is for: "
        for body, text in (
                ("raise script.cmwq2.Cmwq2Error('not loaded')", "not loaded"),
                ("raise script.cmwq2.Cmwq2Error('two\\nlines')", "two lines"),
                ("raise AttributeError('no\\nlock')", form + "AttributeError: no lock"),
                ("raise KeyError('pools')", form + "KeyError: 'pools'"),
                ("raise ArithmeticError('odd')", "ArithmeticError: odd")):
            self.assert_ends(self.start(body), 1, text)
            self.assert_ends(self.start(body, True), 1, text)

    def test_missing_memory(self):
        # Without drgn its error is one that the system has.
        fault = "script.cmwq2.FaultError = type('FaultError', (Exception,), {})"
        self.assert_ends(self.start(f"{fault}; raise script.cmwq2.FaultError('at 0')"), 1,
                         "memory of the kernel is missing, is this dump whole? at 0")

    def test_guest_is_gone(self):
        process = self.start("raise ProcessLookupError(3, 'No such process')")
        self.assert_ends(process, 1, "the guest is gone, look again when another one runs: [Errno 3] No such process")

    def test_no_permission(self):
        process = self.start("raise PermissionError(13, 'Permission denied', '/proc/kcore')")
        self.assert_ends(process, 1, "no permission, this takes root: "
                                     "[Errno 13] Permission denied: '/proc/kcore'")

    def test_closed_pipe(self):
        for endless, status, text in ((False, 1, "the reader of the output went away"),
                                      (True, 0, "")):
            for body in ("script.emit('x' * 1000000)", "print('short')"):
                reader, writer = os.pipe()
                os.close(reader)
                process = self.start(body, endless, stdout=writer)
                os.close(writer)
                self.assert_ends(process, status, text)

    def test_full_disk(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            process = self.start("print('x')", stdout=full)
        self.assert_ends(process, 1, "OSError: [Errno 28] No space left on device")

    def test_interrupt(self):
        for endless, status, text in ((False, 1, "interrupted"), (True, 0, "")):
            process = self.start("print('ready', flush=True); time.sleep(50)", endless,
                                 stdout=subprocess.PIPE)
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            self.assert_ends(process, status, text)

    def test_usage(self):
        process = self.start("argparse.ArgumentParser('x.py').parse_args(['more'])")
        _, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, "error: unrecognized" in err), (2, True))


class TestScripts(unittest.TestCase):
    def test_help_into_a_closed_pipe(self):
        for name in SCRIPTS:
            reader, writer = os.pipe()
            os.close(reader)
            done = subprocess.run([sys.executable, "-B", os.path.join(TOOLS, name), "--help"],
                                  stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
            os.close(writer)
            self.assertIn((done.returncode, done.stderr.count(b"\n")), ((0, 0), (1, 1)))

    def test_without_a_kernel(self):
        for name in SCRIPTS:
            done = subprocess.run([sys.executable, "-B", os.path.join(TOOLS, name)],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertEqual(done.stderr,
                             f"{name}: no kernel to look at: run this by drgn, see --help\n")


if __name__ == "__main__":
    unittest.main()
