#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of verdict.py: what a guest reports, and what its console says."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import EXIT_FAILED, EXIT_LOST, EXIT_PASSED
from base.testing import Case, directory
from machines import verdict

KNOWN_COMPLAINT = """\
   1.000 [    0.680000] WARNING: suspicious RCU usage
   1.000 [    0.680000] 7.3.4 #1 Not tainted
   1.000 [    0.680000] -----------------------------
   1.000 [    0.680000] kernel/rcu/tree.c:3185 Callback enqueued on offline CPU!!
"""
MODULE = f"   2.000 [    1.000000] {verdict.FIRST_MODULE}\n"
OTHER_COMPLAINT = KNOWN_COMPLAINT.replace("Callback enqueued on offline CPU!!", "suspicious rcu_dereference_check()!")


class Verdicts(Case):
    def test_known_complaint(self) -> None:
        """A known complaint is excused only on its vehicle, before the first module, and if it is exactly that one."""
        for vehicle in ("debug", "debug-edits"):
            self.assertEqual(verdict.complaints(vehicle, KNOWN_COMPLAINT + MODULE), [])
        for vehicle in ("uml", "uml-edits", "x86-debug"):
            self.assertEqual(len(verdict.complaints(vehicle, KNOWN_COMPLAINT + MODULE)), 1)
        self.assertEqual(len(verdict.complaints("debug", MODULE + KNOWN_COMPLAINT)), 1)
        self.assertEqual(len(verdict.complaints("debug", OTHER_COMPLAINT + MODULE)), 1)

    def test_every_complaint(self) -> None:
        """Each kind of complaint that a kernel prints is found, with or without a time before it."""
        said = ("BUG: KASAN: slab-use-after-free in x", "WARNING: possible recursive locking detected",
                "Oops: 0000 [#1]",
                "INFO: task insmod:1 blocked for more than 120 seconds.", "rcu: INFO: rcu_preempt detected stalls",
                "BUG: sleeping function called from invalid context at x.c:1", "WARNING: inconsistent lock state",
                "ODEBUG: free active object", "list_add corruption. prev->next should be next",
                "INFO: lockdep is turned off.",
                "BUG: workqueue lockup - pool cpus=0", "watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
                "kernel BUG at x.c:1!", "UBSAN: shift-out-of-bounds in x.c:1", "WARNING: x.c:1 at y+0x1/0x2")
        for text in said:
            for before in ("", "   1.000 ", "   1.000 [    1.000000] ", "   1.000 [    1.000000][   T12] "):
                if not verdict.complaints("uml", f"{before}{text}\n"):
                    raise AssertionError(f"not heard: {before}{text}")
        self.assertEqual(verdict.complaints("uml", "   1.000 [    1.000000] cmwq2: loaded\n"), [])

    def test_judgement(self) -> None:
        """The console can only make the outcome worse, and a missing verdict is not a success."""
        self.assertEqual(verdict.judge("uml", "PASSED", "", None, 0).status, EXIT_PASSED)
        self.assertEqual(verdict.judge("uml", "PASSED", "BUG: x", None, 0).status, EXIT_FAILED)
        self.assertEqual(verdict.judge("uml", "PASSED", "", None, 1).status, EXIT_LOST)
        self.assertEqual(verdict.judge("uml", "PASSED", "", "booting", 0).status, EXIT_FAILED)
        self.assertEqual(verdict.judge("uml", "", "PASSED", None, 0).status, EXIT_LOST)
        self.assertEqual(verdict.judge("uml", "", "Kernel panic - not syncing: x", None, 0).status, EXIT_FAILED)
        self.assertEqual(verdict.judge("uml", "FAILED x", "", None, 0).cause, "x")
        # A guest that is lost says what its kernel said last.
        console = "   1.2 [    1.100000] reboot: Power down\n   1.3 stub: failed to wait\n   1.4 \n"
        self.assertEqual(verdict.judge("uml", "PASSED", console, None, -6).cause,
                         "the guest reported success and then ended with status -6, after: stub: failed to wait")
        self.assertRegex(verdict.judge("uml", "", console, None, 0).cause, "without a verdict, after: stub: failed")

    def test_verdict_channel(self) -> None:
        """A line that was cut off does not count as a verdict, nor does one that only looks like a verdict."""
        with directory() as home:
            channel = home / "verdict"
            for text, reported in (("PASSED", ""), ("PASSED\n", "PASSED"), ("EVENT PASSED\n", ""),
                                   ("PASSED\nFAILED x\n", "FAILED x"), ("PASSEDX\n", "")):
                channel.write_text(text)
                self.assertEqual(verdict.read_reported(channel), reported)


if __name__ == "__main__":
    unittest.main()
