#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of states.py: how the verdicts of the module and of the tool are read."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case
from looks import states

LINES = """\
stall: throttled: pool 8, CPUs 0-1: st_nop [cmwq2_states] of queue st.throttled.1 waits for 3184 ms, no item taken
  cw2/u8:0[55] runs st_sleep [cmwq2_states] of queue st.throttled.1 for 3140 ms, state D on CPU 0
stall: awaited: pool 4, CPUs 1: st_sleep of queue st.awaited runs for 3080 ms, a thread waits for it for 3060 ms
stall: cpu-offline: timer of CPU 1: st_nop [cmwq2_states] of queue st.cpu-offline is due for 2284 ms and is not queued
"""
WRAPPED = """\
stall: throttled: pool 8, CPUs 0-1: st_nop [cmwq2_states] of queue
    st.throttled.1 waits for 3184 ms, no item taken
  cw2/u8:0[55] runs st_sleep [cmwq2_states] of queue st.throttled.1 for 3140 ms,
      state D on CPU 0
stall: awaited: pool 4, CPUs 1: st_sleep of queue st.awaited runs for 3080 ms, a
    thread waits for it for 3060 ms
stall: cpu-offline: timer of CPU 1: st_nop [cmwq2_states] of queue
    st.cpu-offline is due for 2284 ms and is not queued
"""
PAIRS = {("throttled", "st.throttled.1"), ("awaited", "st.awaited"), ("cpu-offline", "st.cpu-offline")}


class Told(Case):
    def test_lines(self) -> None:
        """A verdict is found in one line, and in lines that are wrapped. Other lines are none."""
        self.assertEqual(states.told(LINES), PAIRS)
        self.assertEqual(states.told(WRAPPED), PAIRS)
        self.assertEqual(states.told("  cw2/0:0[5] runs st_sleep of queue st.hog for 9 ms\n"), set())
        # A head that is no verdict does not take the queue of the next one.
        self.assertEqual(states.told("stall: hog: nothing\nstall: frozen: x of queue st.frozen waits for 1 ms\n"),
                         {("frozen", "st.frozen")})

    def test_compare(self) -> None:
        """What is missing, and what is wrong, is named."""
        self.assertEqual(states.compare("hog", "x", "stall: hog: a of queue st.hog waits for 1 ms"), [])
        self.assertEqual(states.compare("hog", "x", "stall: softirq: a of queue st.hog waits for 1 ms"),
                         ["hog: x does not say hog of st.hog", "hog: x says softirq of st.hog"])


if __name__ == "__main__":
    unittest.main()
