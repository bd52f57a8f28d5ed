#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of races.py: reports of data races, and which suite fails because of them."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import EXIT_FAILED, EXIT_PASSED
from base.testing import Case, directory, quiet
from build import kernel, source
from machines import guest, races, results, verdict


def _printed(caller: str, *texts: str) -> str:
    return "".join(f"   3.217 [    2.100000][{caller:>5}] {text}\n" for text in texts)


def _report(title: str, *accesses: tuple, caller: str = "T70") -> str:
    """Return a report as the kernel prints it, with the @accesses, each with its frames."""
    lines = ["=" * 66, f"BUG: KCSAN: data-race in {title}", ""]
    for what, *frames in accesses:
        lines += [f"{what} to 0xffff888003a4b0c8 of 8 bytes by task 71 on cpu 1:", *(f" {each}" for each in frames), ""]
    return _printed(caller, *lines, "value changed: 0x01 -> 0x02", "", races.END, "CPU: 0 UID: 0 PID: 70 Comm: x",
                    "=" * 66)


OURS = _report("cmwq2_kick / process_one", ("write", "cmwq2_kick+0x10/0x80 [cmwq2]", "kthread+0x1/0x2"),
               ("read (marked)", "process_one+0x20/0x90 [cmwq2]", "kthread+0x1/0x2"))
THEIRS = _report("tick_sched_do_timer / tick_sched_do_timer", ("write", "tick_sched_do_timer+0x10/0x80"),
                 ("read", "tick_sched_do_timer+0x20/0x80", "cmwq2_worker_thread+0x3/0x9 [cmwq2]"))
# The memory is ours, because the kernel's function works for its caller.
HELPED = _report("__bitmap_and / try_to_wake_up", ("write", "__bitmap_and+0x10/0x80", "cmwq2_mask+0x1/0x9 [cmwq2]"),
                 ("read", "try_to_wake_up+0x20/0x80"))


class Races(Case):
    def test_whose_race(self) -> None:
        """A race is ours if a module accesses the memory, itself or through a helper of the kernel. It is not ours
        just because the module has called the function that accesses memory of the kernel."""
        for console, ours in ((OURS, True), (THEIRS, False), (HELPED, True)):
            (report,) = races.reports(console)
            self.assertEqual((report.ours, len(report.accesses)), (ours, 2))
        self.assertEqual(races.of_kernel(OURS + THEIRS + THEIRS),
                         {"data-race in tick_sched_do_timer / tick_sched_do_timer": 2})
        (cut,) = races.reports(_printed("T70", "BUG: KCSAN: data-race in a / b"))
        self.assertTrue(cut.ours)
        (alone,) = races.reports(_printed("C1", "BUG: KCSAN: data-race in wq_look+0x1/0x2 [cmwq2]", "",
                                          "race at unknown origin, with read to 0xffff888 of 4 bytes by interrupt on "
                                          "cpu 0:", " wq_look+0x1/0x2 [cmwq2]"))
        self.assertEqual((alone.ours, alone.accesses[0].what), (True, "read"))

    def test_mixed_lines(self) -> None:
        """Lines that another CPU prints in the middle of a report do not belong to it."""
        lines = THEIRS.splitlines(keepends=True)
        foreign = _printed("C1", " cmwq2_stall+0x1/0x2 [cmwq2]")
        (report,) = races.reports("".join(f"{line}{foreign}" for line in lines))
        self.assertEqual((report.ours, [len(each.frames) for each in report.accesses]), (False, [1, 2]))
        both = [line for pair in zip(lines, _report("a / b", ("write", "a+0x1/0x2"), ("read", "b+0x1/0x2", "c+0x1/0x2"),
                                                    caller="C0").splitlines(keepends=True)) for line in pair]
        self.assertEqual([[each.culprit()[1] for each in report.accesses] for report in races.reports("".join(both))],
                         [["tick_sched_do_timer"] * 2, ["a", "b"]])

    def test_verdict(self) -> None:
        """A race of ours fails a run that has reported success. One of the kernel does not."""
        judged = [verdict.judge("kcsan", "PASSED", console, None, 0) for console in (OURS, THEIRS)]
        self.assertEqual([each.status for each in judged], [EXIT_FAILED, EXIT_PASSED])
        self.assertIn("KCSAN: data-race in cmwq2_kick / process_one", judged[0].cause)

    def test_suite(self) -> None:
        """The suite that ran fails, with one line for each race, and no other suite."""
        target = kernel.Kernel(kernel.VEHICLES["kcsan"], Path("/"), source.Source(Path("/"), "", False), "")
        names = ("cmwq2_a", "cmwq2_b", "cmwq2_c")
        begin = [_printed("T1", f"{races.SUITE}{name}") for name in names]
        with directory() as home:
            run = guest.Run(target, "kunit", home)
            run.console.write_text(f"{begin[0]}{THEIRS}{begin[1]}{OURS}{OURS}{HELPED}{begin[2]}{THEIRS}")
            rows = [results.Row("kcsan", name, results.ktap.Count(passed=1)) for name in names]
            results.blame_races(run, rows)
        self.assertEqual([row.failed for row in rows], [False, True, False])
        self.assertIn("and 1 more", str(rows[1]))
        self.assertEqual(rows[1].reasons[0], "KCSAN: data-race in cmwq2_kick / process_one: write by "
                         "cmwq2_kick+0x10/0x80 [cmwq2]; read (marked) by process_one+0x20/0x90 [cmwq2]")
        total = results.Total(races=races.of_kernel(THEIRS + THEIRS))
        self.assertIn("2 reports of 1 races", quiet(lambda: results.finish(total, 0)))

    def test_places(self) -> None:
        """The innermost line of an inlined function is named, together with the function of the report."""
        self.assertEqual(races.places_in("a+0x1/0x2:\nb at src/b.c:7\n(inlined by) a at src/a.c:9\n\nc+0x1/0x2:\n"
                                         "c at src/c.c:3 (discriminator 2)\n"),
                         {"a+0x1/0x2": "a (b at src/b.c:7)", "c+0x1/0x2": "c (c at src/c.c:3)"})


if __name__ == "__main__":
    unittest.main()
