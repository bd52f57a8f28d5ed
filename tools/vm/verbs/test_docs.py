#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of docs.py: what is given to Sphinx. make docs itself tests the rest, because any warning is an error there."""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import ROOT
from base.testing import Case, directory
from verbs import docs


class Pages(Case):
    def test_every_file_with_comments(self) -> None:
        """Every file of the engine that has kernel-doc is on a page about the inside, and every header for drivers on
        that for drivers."""
        inside = {path for name, (_, folders, options) in docs.PAGES.items() if "-internal" in options
                  for path in docs.files(folders)}
        documented = {path for path in (ROOT / "src").rglob("*.[ch]") if re.search(r"^/\*\*$", path.read_text(), re.M)
                      and not path.name.endswith(".mod.c")}
        self.assertEqual(sorted(documented - inside), [])
        self.assertIn(ROOT / "include/cmwq2/workqueue.h", docs.files(docs.PAGES["kernel-doc-headers"][1]))

    def test_page(self) -> None:
        """A page has what kernel-doc prints. A page without a comment is refused."""
        with directory() as tree:
            (tree / "scripts").mkdir()
            tool = tree / "scripts/kernel-doc"
            tool.write_text("import sys; print('.. c:function:: int f (void)', *sys.argv[1:])\n")
            page = docs.api_page(tree, "kernel-doc-api")
            self.assertTrue(page.startswith("=====") and "\n\nMade from the comments in ``src/``" in page)
            self.assertIn("-rst -export src/", page)
            tool.write_text("print('nothing')\n")
            self.refused(lambda: docs.api_page(tree, "kernel-doc-lab"), "kernel-doc-lab", "src/lab")

    def test_commands(self) -> None:
        """The page of the commands has each of them with its help."""
        page = docs.commands_page()
        for name in ("wq_dump.py", "wq_monitor.py", "bench", "layouts.py", "vm"):
            self.assertRegex(page, rf"(?m)^{re.escape(name)}: .*\n-+\n\n::\n\n    usage: {re.escape(name)} ")
        self.assertEqual(docs.titled("ab", "c"), "==\nab\n==\n\nc")


if __name__ == "__main__":
    unittest.main()
