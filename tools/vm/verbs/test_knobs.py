#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of knobs.py and of what a new user meets: misspelt knobs, wrong values, an unsafe place, the help."""

import os
import re
import shutil
import subprocess
import sys
import unittest
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base import alive
from base.common import ROOT, WIDTH, count_knob
from base.testing import PATIENCE, Case, directory
from build import kernel, modules
from verbs import knobs, suites


def _verb(words: Sequence[str], where: Path = ROOT, **environment: str) -> tuple:
    """Run `make` with @words. Return its exit status, its output, and the lines on stderr without make's own."""
    clean = {name: text for name, text in os.environ.items() if name not in knobs.known()}
    done = alive.run(["make", "--no-print-directory", *words], cwd=where, text=True, capture_output=True,
                     timeout=PATIENCE, stdin=subprocess.DEVNULL, env={**clean, **environment})
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    return done.returncode, done.stdout, lines


class Knobs(Case):
    def test_names_of_knobs(self) -> None:
        """The names on make's command line are found, whatever the values contain."""
        self.assertEqual(knobs.of_make(""), [])
        self.assertEqual(knobs.of_make("w -j4 --jobserver-auth=3,4 -- VM=uml PARAMETERS=a=1\\ b=2 X:=1 y+=2"),
                         ["VM", "PARAMETERS", "X", "y"])
        self.assertEqual(knobs.of_make(" -- vm=uml"), ["vm"])
        self.assertEqual(knobs.of_make("k"), [])
        knobs.check_names("check", ["style", "check"], ["VM", "SUITE", "V"])
        knobs.check_names("clean", ["clean", "check"], ["VM"])
        self.refused(lambda: knobs.check_names("check", ["check"], ["vm"]), "vm=", "VM=?")
        self.refused(lambda: knobs.check_names("check", ["check"], ["SIUTE"]), "SIUTE=", "SUITE=?")
        self.refused(lambda: knobs.check_names("demo", ["demo"], ["VM"]), "make demo has no VM=", "KERNEL_SRC")
        self.assertEqual(knobs.ignored("dump", {"VM": "uml", "NAME": "x", "V": "1", "PATH": "/"}), ["VM"])

    def test_values_of_knobs(self) -> None:
        """Every verb refuses values that its knobs do not allow."""
        for verb, names in knobs.VERBS.items():
            for name in sorted(knobs.COUNTS & names):
                for text in ("0", "-1", "x", "1.5", "4294967296"):
                    self.refused(lambda: knobs.check_values(verb, {name: text}), f"{name}={text}", "allowed: 1 to")
                knobs.check_values(verb, {name: "1"})
        self.refused(lambda: knobs.check_values("modules", {"FAULTS": "yes"}), "FAULTS=yes", "allowed: 0, 1")
        self.refused(lambda: knobs.check_values("modules", {"W": "x"}), "W=x", "allowed")
        self.refused(lambda: knobs.check_values("icount", {"PARAMETERS": "wake_cost_us=1 bogus=1"}), "bogus=1",
                     "wake_cost_us")
        knobs.check_values("icount", {"PARAMETERS": "wake_cost_us=1 hook=timer"})
        for name, text in (("PROFILES", "mainline-7.3"), ("FUNCTIONS", "1")):
            self.refused(lambda: knobs.check_values("icount", {"WRITE": "1", name: text}), "WRITE=1", f"{name}={text}")
            knobs.check_values("icount", {"WRITE": "0", name: text})
        knobs.check_values("icount", {"WRITE": "1", "FUNCTIONS": "0"})
        for name, text in (("PROFILES", "shared"), ("ITEMS", "4"), ("TURN", "0")):
            self.refused(lambda: knobs.check_values("lines", {"WRITE": "1", name: text}), "WRITE=1", f"{name}={text}")
            knobs.check_values("lines", {"WRITE": "0", name: text})
        knobs.check_values("lines", {"WRITE": "1", "CPUS": "4"})
        knobs.check_values("cost", {"MACHINES": "nothing that it has"})

    def test_refused_at_once(self) -> None:
        """make refuses wrong knobs in one line, before anything is built, downloaded or installed."""
        for words, said in ((["check", "vm=uml"], "did you mean VM="), (["demo", "VM=x86"], "has no VM="),
                            (["dump", "VM=uml"], "has no VM="), (["check", "MACHINES=0"], "MACHINES=0"),
                            (["icount", "PARAMETERS=bogus=1"], "bogus=1"), (["model", "CLAIM=x"], "CLAIM=x"),
                            (["check", "VM=arm"], "VM=arm"), (["style", "VM=uml,arm"], "VM=uml,arm")):
            status, out, lines = _verb(words)
            self.assertEqual((words, bool(status), out, len(lines), said in "".join(lines)), (words, True, "", 1, True))
        for place in ("/etc/passwd", "/proc/x", "/dev/null/x", "/tmp/a b"):
            status, out, lines = _verb(["check", "VM=uml"], CMWQ2_CACHE=place)
            self.assertEqual((place, bool(status), out, len(lines), place in "".join(lines)),
                             (place, True, "", 1, True))

    def test_unsafe_place(self) -> None:
        """In a checkout whose path the kernel's makefiles cannot handle, a verb says so and does nothing else."""
        knobs.check_places({"x": Path("/home/a.b/c-d_e+f@g=h~1/ü")})
        for character in " :,'\"$#%;&*?[\\":
            self.refused(lambda: knobs.check_places({"CMWQ2_CACHE=": Path(f"/a{character}b")}), "CMWQ2_CACHE=/a",
                         f"'{character}'")
        with directory() as home:
            where = home / "a checkout"
            for name in ("tools", "src"):
                shutil.copytree(ROOT / name, where / name, ignore=shutil.ignore_patterns("*.o", "*.ko", ".*.cmd"))
            shutil.copy(ROOT / "Makefile", where)
            before = sorted(where.rglob("*"))
            status, out, lines = _verb(["check"], where)
            self.assertEqual((bool(status), out, len(lines), "' '" in "".join(lines)), (True, "", 1, True))
            self.assertEqual(sorted(where.rglob("*")), before)
            self.assertEqual(_verb(["help"], where)[0], 0)

    def test_helpful(self) -> None:
        """make help fits into a terminal, and agrees with the verbs, knobs and defaults."""
        status, text, _ = _verb(["help"])
        self.assertEqual((status, [line for line in text.splitlines() if len(line) > WIDTH]), (0, []))
        self.assertEqual([verb for verb in knobs.VERBS if not re.search(rf"\b{verb}\b", text)], [])
        # Knobs of the model for experts are only in the model's own help.
        untold = {"WORKERS", "TIMEOUTS", "SWITCH", "CPUS", "STRICT", "CC", "LIMIT", "RAISED", "CANCELS"}
        self.assertEqual([name for name in sorted(knobs.known() - untold) if not re.search(rf"\b{name}=", text)], [])
        self.assertEqual(re.findall(r"MACHINES=n .*default: (\d+)", text), [str(suites.MACHINES)])
        makefile = (ROOT / "Makefile").read_text()
        verbs = re.findall(r"^VERBS := (.*)$", makefile, re.MULTILINE)
        self.assertEqual(set(verbs[0].split()), set(knobs.VERBS))
        exported = " ".join(re.findall(r"^\s*export (.*)$", makefile, re.MULTILINE)).split()
        self.assertEqual(knobs.known() - set(exported), set())

    def test_bad_input(self) -> None:
        """A value that cannot be used is named, together with the allowed values."""
        self.refused(lambda: kernel.vehicle("arm"), "VM=arm", "uml")
        self.refused(lambda: modules.check_kdir(Path("/etc")), "KDIR=/etc", "allowed")
        os.environ["A_COUNT"] = "0"
        self.refused(lambda: count_knob("A_COUNT", 1), "A_COUNT=0", "allowed")
        self.refused(lambda: suites.check(["uml"], "nothing"), "SUITE=nothing", "allowed")


if __name__ == "__main__":
    unittest.main()
