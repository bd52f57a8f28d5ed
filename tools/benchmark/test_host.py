#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of host.py."""

import errno
import io
import os
import sys
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark import boots, documents, host, sets
from benchmark.documents import SetError
from benchmark.sets import Wanted, plans
from benchmark.testing import USUAL, Command, result


class Host(Command):
    """The benchmark on this machine, with files that look like those of the module."""

    def setUp(self) -> None:
        super().setUp()
        self.out = self.directory / "out.json"
        # The machine that runs the tests may be busy.
        quiet_machine = mock.patch.object(host.quiet, "reasons", return_value=[])
        quiet_machine.start()
        self.addCleanup(quiet_machine.stop)

    def machine(self, text: str, *more: str, workload: str = "create") -> list:
        for plan in plans(Wanted(sets.WORKLOADS)):
            for key in plan.settings:
                (self.directory / f"config_{key}").touch()
        for name in ("run", "reset"):
            (self.directory / name).touch()
        (self.directory / "progress").write_text("idle\n")
        (self.directory / "result").write_text(text)
        return ["run", "--sysfs", str(self.directory), "--workload", workload, "--out", str(self.out), *more]

    def refusing(self, refused: dict) -> Any:
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

    def commands(self, fails: str = "") -> Any:
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
        document = boots.read(self.out)
        self.assertEqual((document["vehicle"], document["runs"][0]["config"]), ("host", document["config"]))
        self.assertEqual((document["machine"], document["boot_id"]), (documents.machine_id(), documents.boot_id()))

    def test_disturbed(self) -> None:
        """A run during which the machine was busy is made once more, and the first attempt is kept aside."""
        why = ["other processes took 40 % of a CPU"]
        for said, kept, aside in (([why, []], None, [why]), ([why, why], why, [why]), ([[]], None, [])):
            (self.directory / "run").unlink(missing_ok=True)
            arguments = self.machine(result(USUAL))
            with mock.patch.object(host.quiet, "reasons", side_effect=said), \
                    mock.patch.object(host.quiet.Watch, "wait_until_quiet") as wait, \
                    mock.patch.object(host.Host, "run", return_value=result(USUAL)) as run:
                status, out, err = self.run_main(*arguments)
            self.assertEqual((status, run.call_count, wait.call_count), (0, len(said), len(said) - 1), err)
            document = boots.read(self.out)
            self.assertEqual(document["runs"][0].get("disturbed"), kept)
            self.assertEqual([each["disturbed"] for each in document["disturbed"]], aside)
            self.assertEqual("disturbed" in out, bool(aside))

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
        text = "cmwq2_bench=4\nstatus=failed reason=a-CPU-went-offline\nend=2\n"
        self.fails("a-CPU-went-offline", *self.machine(text))

    def test_refused(self) -> None:
        """A run that is refused is listed as missing. The others are made."""
        with self.refusing({"flush": OSError(errno.EINVAL, "Invalid argument")}):
            status, out, _ = self.run_main(*self.machine(result(USUAL), workload="create flush"))
        self.assertEqual(status, 0)
        self.assertRegex(out, r"flush unbound: not run: .*config_workload: flush: Invalid argument: the kernel's log")
        self.assertEqual([each["title"] for each in boots.read(self.out)["missing"]], ["flush unbound"])

    def test_busy(self) -> None:
        with self.refusing({"1": OSError(errno.EBUSY, "Device or resource busy")}):
            self.fails("Device or resource busy: another run is in progress", *self.machine(result(USUAL)))

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
        self.fails("src/cmwq2.ko: this file does not exist", *self.machine(result(USUAL), "--modules", "/nonexistent"))
        modules = self.modules()
        with mock.patch.object(host.os, "geteuid", return_value=1000):
            self.fails("only root can load modules", *self.machine(result(USUAL), *modules))
        (self.directory / "cmwq2").mkdir()
        with mock.patch.object(host, "LOADED", self.directory):
            self.fails("cmwq2 is loaded already: rmmod it", *self.machine(result(USUAL), *modules))

    def test_hook_of_what_is_loaded(self) -> None:
        status, out, _ = self.run_main(*self.machine(result(USUAL), "--full", workload="block"))
        self.assertEqual(status, 0)
        self.assertIn("block hook=pn: not run: hook=pn needs cmwq2 to be loaded again", out)

    def test_conditions(self) -> None:
        with mock.patch.object(host, "_read", return_value={"powersave", "1"}), \
                mock.patch.object(host.os, "getloadavg", return_value=(3.0, 0, 0)):
            said = "; ".join(host.busy() + host.conditions("CONFIG_KASAN=y\nCONFIG_DEBUG_OBJECTS=n\n"))
        for text in ("the load of the machine was 3.0", "powersave, not performance", "exceed their nominal frequency",
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


if __name__ == "__main__":
    unittest.main()
