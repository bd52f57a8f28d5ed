#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of options.py and run.py: the command line of tools/vm/vm."""

import contextlib
import io
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import HERE, WIDTH
from base.testing import Case, environment
from verbs import options, run


def _vm(*words: str) -> tuple:
    """Return the exit status, the output and the lines on stderr."""
    clean = {name: text for name, text in os.environ.items() if name not in options.KNOBS}
    done = subprocess.run([sys.executable, "-B", HERE / "vm", *words], env=clean, text=True, capture_output=True,
                          timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr.splitlines()


class Tables(Case):
    def test_everything_is_described(self) -> None:
        """Each knob and each verb has a description, and each verb has a function."""
        self.assertEqual(options.EVERYWHERE.union(*options.VERBS.values()), set(options.KNOBS))
        self.assertEqual(list(options.VERBS), list(options.WHAT))
        self.assertEqual(list(options.VERBS), list(run.VERBS))


class CommandLine(Case):
    def test_an_option_is_a_knob(self) -> None:
        """An option comes before the knob of the environment, and everything that the verb calls sees its value."""
        with environment(VM="uml", ROUNDS="3", WRITE=""):
            given = options.parse(["experiment", "--vm", "x86,debug", "--kernel-src=/a/b", "--write"])
            self.assertEqual((given.verb, given.vm, given.rounds, given.write, given.name),
                             ("experiment", "x86,debug", "3", "1", ""))
            self.assertEqual([os.environ[name] for name in ("VM", "ROUNDS", "WRITE", "KERNEL_SRC")],
                             ["x86,debug", "3", "1", "/a/b"])

    def test_refused_in_one_line(self) -> None:
        """What is misspelt, and an option that the verb does not have, is refused in one line with status 1."""
        for words, said in (((), "VERB"), (("chekc",), "'chekc'"), (("check", "--vn", "uml"), "--vn"),
                            (("demo", "--vm", "uml"), "--vm"), (("check", "uml"), "uml"), (("check", "--vm"), "--vm"),
                            (("check", "--machines", "0"), "MACHINES=0"), (("check", "--vm", "arm"), "VM=arm")):
            status, out, lines = _vm(*words)
            self.assertEqual((words, status, out, len(lines)), (words, 1, "", 1))
            self.assertIn(said, lines[0])

    def test_help(self) -> None:
        """Every verb has a help that names its options and the exit status."""
        for verb, names in options.VERBS.items():
            said = io.StringIO()
            with contextlib.redirect_stdout(said), self.assertRaises(SystemExit) as end:
                options.parse([verb, "--help"])
            self.assertEqual(end.exception.code, 0)
            text = " ".join(said.getvalue().split())
            for name in names - {"V"}:
                self.assertIn(f"--{name.lower().replace('_', '-')}", text)
            self.assertIn(options.STATUS, text)
        status, text, lines = _vm("--help")
        self.assertEqual((status, lines), (0, []))
        self.assertLessEqual(max(map(len, text.splitlines())), WIDTH)
        self.assertEqual([verb for verb in options.VERBS if not re.search(rf"^ +{verb}\b", text, re.M)], [])

    def test_version(self) -> None:
        """The version is that of cmwq2."""
        status, text, _ = _vm("--version")
        self.assertEqual(status, 0)
        self.assertRegex(text, r"^vm of cmwq2 \d+\.\d+\.\d+\n$")

    def test_nobody_reads(self) -> None:
        """If the reader of the help goes away, or there is none, this is no traceback."""
        for shell in ('"$0" "$@" --help >&-', '"$0" "$@" --help | :'):
            done = subprocess.run(["/bin/sh", "-c", shell, sys.executable, "-B", HERE / "vm"], text=True,
                                  capture_output=True, timeout=60, check=False)
            self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    unittest.main()
