#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of counts.py: which counts a pool of a certain size gets, and files that are wrong."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import cli
from saturation import counts


def fields(**transfers: float) -> list:
    """Return a list of fields, one in each structure of @transfers."""
    return [{"structure": name, "field": "x", "transfers_per_item": value} for name, value in transfers.items()]


def document(cpus: int = 8, **changed: object) -> dict:
    """Return a file of make lines with the roundtrip of native in two scopes."""
    workloads = [{"workload": "roundtrip", "scope": scope, "engine": "native", "profile": "", "items": 100,
                  "by_field": fields(worker_pool=pool, pool_workqueue=1, wq_node_nr_active=3, task_struct=5,
                                     completion=2)}
                 for scope, pool in (("system", 9), ("cpu", 4))]
    return {"version": 1, "cpus": cpus, "boots": 3, "workloads": workloads, **changed}


class Counts(unittest.TestCase):
    def setUp(self) -> None:
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)

    def file(self, content: object, name: str = "file.json") -> Path:
        path = self.home / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    def test_committed(self) -> None:
        """The committed files belong together, and only the profile that wakes with the lock held is called so."""
        found = counts.read()
        self.assertIn(counts.NATIVE, found.engines())
        self.assertEqual([name for name, what in found.instructions.items() if what.locked], [counts.LOCKED])
        locked, deferred = found.instructions[counts.LOCKED], found.instructions[counts.DEFERRED]
        self.assertAlmostEqual(locked.lock, deferred.lock)
        self.assertTrue(0 < locked.lock < locked.wake < locked.item)

    def test_by_size_of_the_pool(self) -> None:
        """A pool of one producer has the transfers of the scope cpu, and the line of the node is everybody's."""
        found = counts.read([self.file(document())])
        for producers, pools, pool in ((72, 72, 5.0), (72, 9, 10.0), (8, 1, 10.0)):
            item = found.item(counts.NATIVE, producers, pools, True)
            self.assertEqual((item.pool, item.node, item.outside, item.locked), (pool, 3.0, 2.0, True))
        self.assertEqual(found.item(counts.NATIVE, 1, 1, False).node, 0)

    def test_by_cpus(self) -> None:
        """The counts are those of the largest guest that is not larger, or else of the smallest."""
        places = (counts.POOL, counts.NODE, counts.OUTSIDE)
        by_cpus = {cpus: dict.fromkeys(places, float(cpus)) for cpus in (2, 4, 8)}
        one = counts.read([self.file(document())])
        found = counts.Counts(one.instructions, {(counts.NATIVE, scope): by_cpus for scope in ("system", "cpu")},
                              one.woken)
        for cpus, wanted in ((1, 2), (2, 2), (3.5, 2), (7, 4), (8, 8), (72, 8)):
            self.assertEqual(found.places(counts.NATIVE, "system", cpus)[counts.POOL], wanted)
        self.assertEqual([found.item(counts.NATIVE, 72, pools, True).pool for pools in (9, 18)], [8, 4])

    def test_several_files(self) -> None:
        """Several files are one for each number of CPUs."""
        paths = [self.file(document(2), "lines.json"), self.file(document(8), "lines-8.json")]
        found = counts.read(paths)
        self.assertEqual(sorted(found.transfers[counts.NATIVE, "system"]), [2, 8])

    def test_under_the_lock(self) -> None:
        """If the file says what was transferred with the lock held, the node's lines are a part of this, and what is
        left of the pool's was transferred without the lock."""
        whole = document()
        for each in whole["workloads"]:
            each["under_lock"] = {"median": 8}
        item = counts.read([self.file(whole)]).item(counts.NATIVE, 8, 1, False)
        self.assertEqual((item.pool, item.node, item.outside), (5.0, 3.0, 7.0))

    def test_wrong_files(self) -> None:
        """A file that was cut off, or is something else, is refused with its name."""
        whole, icount = json.dumps(document()), counts.INSTRUCTIONS.read_text(encoding="utf-8")
        for text in ("", whole[:-20], "[]", "{}", '{"workloads": [1]}', json.dumps(document(workloads=[])),
                     json.dumps({**document(), "version": 2})):
            with self.assertRaises(cli.Error, msg=text) as raised:
                counts.read([self.file(text)])
            self.assertIn("file.json", str(raised.exception))
        shorter = json.loads(icount)    # as if waking with the lock held made the time under it shorter
        shorter["instructions"]["unbound"]["cmwq2:mainline-6.12"]["lock"] = 1.4
        for text in ("", icount[:-20], "{}", '{"instructions": {"unbound": {}}}', json.dumps(shorter),
                     json.dumps({**json.loads(icount), "schema": 2})):
            with self.assertRaises(cli.Error, msg=text) as raised:
                counts.read([], self.file(text))
            self.assertIn("file.json", str(raised.exception))


if __name__ == "__main__":
    unittest.main()
