#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of picture.py: the table and the picture on the first page, and that those in this checkout are current."""

import copy
import importlib.util
import json
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmark import picture
from benchmark.documents import SetError

ENGINES = ["native", "cmwq2:mainline-7.3", "cmwq2:shared"]


def document() -> dict:
    """Return a report with what an excerpt needs."""
    runs: dict = {}
    for number, row in enumerate(picture.ROWS):
        run = runs.setdefault(row.run, {"title": row.run, "header": {"engines": ENGINES}, "compared": []})
        run["compared"] += [
            {"engine": 1, "figure": row.figure, "ratio": 1.01, "low": 0.9, "high": 1.1},
            {"engine": 2, "figure": row.figure, "ratio": 1.5 + number, "low": 1.2, "high": 2.5 + number}]
    return {"vehicle": "uml", "accelerator": None, "host": "a CPU", "kernel": "7.3.4", "config": "abc", "cpus": 2,
            "seed": 1, "boots": 3, "runs": list(runs.values())}


def excerpt(report: dict, command: str = "make bench BOOTS=3") -> dict:
    """Return the excerpt of @report, which has not all that a warning is made from."""
    with mock.patch.object(picture.summary, "cautions", lambda _report: ["Caution: it is made up."]):
        return picture.excerpt(report, command)


class TestExcerpt(unittest.TestCase):
    def test_rows(self) -> None:
        found = excerpt(document())
        self.assertEqual((found["boots"], len(found["rows"])), (3, len(picture.ROWS)))
        self.assertEqual(found["rows"][1]["ratios"], {"mainline-7.3": [1.01, 0.9, 1.1], "shared": [2.5, 1.2, 3.5]})
        self.assertIn("kernel 7.3.4", found["where"])

    def test_missing(self) -> None:
        lacks = document()
        lacks["runs"] = lacks["runs"][1:]
        with self.assertRaisesRegex(SetError, "no run roundtrip system; make bench BOOTS=3"):
            excerpt(lacks)
        lacks = document()
        lacks["runs"][0]["header"]["engines"] = ENGINES[:2] + ["cmwq2:v2-2026-06"]
        with self.assertRaisesRegex(SetError, "does not compare rate of shared with native in the run roundtrip"):
            excerpt(lacks)

    def test_table(self) -> None:
        lines = picture.table(excerpt(document())).splitlines()
        self.assertEqual(len(lines), len(picture.ROWS) + 2)
        self.assertEqual(len({len(line) for line in lines}), 1)
        self.assertIn("| 1.01 [0.90..1.10] ", lines[2])
        self.assertIn("| 1.50 [1.20..2.50]* ", lines[2])


class TestCurrent(unittest.TestCase):
    """A picture or a table that is not current is found."""

    def checkout(self) -> Path:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        root = Path(directory.name)
        (root / picture.FOLDER).mkdir(parents=True)
        self.found = excerpt(document())
        target = root / picture.FOLDER / picture.NAME
        target.with_suffix(".json").write_text(json.dumps(self.found))
        target.with_suffix(".svg").write_text(f"<?xml?>\n{picture.mark(self.found)}\n<svg/>")
        page = f"# x\n![a picture]({picture.FOLDER}/{picture.NAME}.svg)\n{picture.BEGIN}old\n{picture.END}the rest\n"
        (root / picture.README).write_text(picture.readme(page, self.found))
        self.assertEqual(picture.stale(root), [])
        return root

    def test_other_figures(self) -> None:
        root = self.checkout()
        other = copy.deepcopy(self.found)
        other["rows"][0]["ratios"]["shared"][0] += 0.1
        (root / picture.FOLDER / f"{picture.NAME}.json").write_text(json.dumps(other))
        self.assertEqual([line.partition(":")[0] for line in picture.stale(root)],
                         [f"{picture.FOLDER}/{picture.NAME}.svg", picture.README])

    def test_changed_by_hand(self) -> None:
        root = self.checkout()
        page = root / picture.README
        text = page.read_text()
        page.write_text(text.replace("1.50 [", "1.90 ["))
        self.assertEqual(picture.stale(root), [f"{picture.README}: the table is not that of the excerpt"])
        page.write_text(text.replace("![a picture]", "[a picture]"))
        self.assertIn("does not show", picture.stale(root)[0])

    def test_other_rows(self) -> None:
        root = self.checkout()
        self.found["rows"].pop()
        (root / picture.FOLDER / f"{picture.NAME}.json").write_text(json.dumps(self.found))
        self.assertIn("has other rows", picture.stale(root)[0])

    def test_no_marks(self) -> None:
        with self.assertRaisesRegex(SetError, "has no lines"):
            picture.readme("# x\n", excerpt(document()))

    @unittest.skipUnless(importlib.util.find_spec("matplotlib"), "matplotlib is missing, make bench installs it")
    def test_drawn(self) -> None:
        """The same excerpt gives the same picture, and the picture says which excerpt it was made from."""
        root = self.checkout()
        picture.update(self.found, root)
        before = (root / picture.FOLDER / f"{picture.NAME}.svg").read_text()
        self.assertEqual(picture.stale(root), [])
        self.assertEqual(picture.draw(self.found), before)
        for row in picture.ROWS:
            self.assertIn(row.says, before)

    def test_this_checkout(self) -> None:
        self.assertEqual(picture.stale(), [])


if __name__ == "__main__":
    unittest.main()
