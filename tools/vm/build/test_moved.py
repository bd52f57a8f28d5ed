#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of moved.py: the sources that it makes."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory
from build import moved

STALL = """#include <linux/workqueue.h>
static void fn(void)
{
	current->flags &= ~PF_WQ_WORKER;
	wait_event_idle(head, atomic_read(&over) != 0);
	current->flags |= PF_WQ_WORKER;
}
"""
TABLE = """#include <linux/workqueue.h>
#define PATH "/sys/bus/workqueue/devices/x"
"""


class Sources(Case):
    def tree(self, home: Path, stall: str) -> Path:
        """Write a tree with both sources."""
        for name, text in ((moved.STALL, stall), (moved.TABLE, TABLE)):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        return home

    def test_edits(self) -> None:
        """A copy as it is, and copies with the line and the edits."""
        with directory() as home:
            self.assertEqual(moved.sources(home), {})
            files = moved.sources(self.tree(home, STALL))
        self.assertEqual((files["wq_stall.c"], files["test_workqueue.c"]), (STALL, TABLE))
        line = "#include <linux/workqueue.h>\n\n#include <cmwq2/shim.h>\n\n"
        for name in ("wq_stall_moved", "wq_stall_busy", "test_workqueue_moved"):
            self.assertTrue(files[f"{name}.c"].startswith(line), files[f"{name}.c"])
            self.assertIn(f"CFLAGS_{name}.o := -I", files["Kbuild"])
        self.assertIn("{\n\twait_event_idle(head, atomic_read(&over) != 0);\n}\n", files["wq_stall_moved.c"])
        self.assertIn("{\n\twhile (!(atomic_read(&over) != 0)) cond_resched();\n}\n", files["wq_stall_busy.c"])
        self.assertIn('"/sys/bus/cmwq2/devices/x"', files["test_workqueue_moved.c"])

    def test_other_version(self) -> None:
        """A source that lacks what an edit replaces is an error that names both."""
        with directory() as home:
            self.tree(home, STALL.replace("wait_event_idle", "wait_event"))
            self.refused(lambda: moved.sources(home), moved.STALL, "occurs 0 times, not 1")


if __name__ == "__main__":
    unittest.main()
