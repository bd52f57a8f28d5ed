#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of vmcore.py: that a difference between a guest and a file with its memory is noticed."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case
from looks import dump, vmcore


class Differences(Case):
    def test_differences(self) -> None:
        """Each part that differs or is missing is named, and so is a guest without pools."""
        live = {"pools": [{"id": 0}], "jiffies": 5, "gaps": []}
        self.assertEqual(vmcore.differences("vmcore", json.dumps(live), json.dumps(live)), [])
        changed = {"pools": [{"id": 0}], "jiffies": 6}
        self.assertEqual(vmcore.differences("vmcore", json.dumps(live), json.dumps(changed)),
                         ["vmcore: gaps is null and not []", "vmcore: jiffies is 6 and not 5"])
        self.assertEqual(vmcore.differences("vmcore", '{"pools": []}', '{"pools": []}'),
                         ["vmcore: the guest has no pools"])

    def test_helpers(self) -> None:
        """What the helpers find and wq_dump.py does not is named."""
        live = {"pools": [{"id": 0, "workers": [1, 2]}, {"id": 3, "workers": []}], "workqueues": [{"name": "events"}],
                "delayed": [{}], "cpus": {"possible": [0]}}
        good = {**vmcore.EXPECTED, "pools": [0, 3], "workers": {"0": 2, "3": 0}, "all workers": 2,
                "workqueues": ["events"], "delayed": 1, "cpus": [0]}
        self.assertEqual(vmcore.helped("vmcore", json.dumps(live), json.dumps(good)), [])
        for part in good:
            said = json.dumps({**good, part: "other"})
            self.assertEqual(len(vmcore.helped("vmcore", json.dumps(live), said)), 1, part)

    def test_forms(self) -> None:
        """drgn's arguments are known for each form."""
        self.assertEqual(tuple(vmcore.ARGUMENTS), dump.FORMS)


if __name__ == "__main__":
    unittest.main()
