#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of edit.py, on a small source of their own. test_patched.py has those on the kernel's source."""

import sys
import tempfile
import unittest
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upstream import edit

SOURCE = "\n".join((
    "struct pool {",
    "\tint nr;\t\t/* how many */",
    "\tint cpu;",
    "};",
    "",
    "enum kind {",
    "\tONE,",
    "};",
    "",
    "static int first(struct pool *pool);",
    "",
    "/*",
    " * Says which one",
    " * is the first.",
    " */",
    "static int first(struct pool *pool)",
    "{",
    "\t/* Nobody has to",
    "\t * hold a lock. */",
    "\tif (pool->nr)",
    "\t\treturn 1;",
    "\telse",
    "\t\treturn use(pool->cpu);",
    "}",
    "",
    "int second(struct pool *pool)",
    "{",
    "\treturn first(pool);",
    "}", ""))
HEAD = "# a licence\nSubject: pool: Count\nKind: fix\n\nWhy.\n\n--- pool.c\n"


def _done(body: str, source: str = SOURCE) -> str:
    """Return @source after the change that @body describes."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "pool.c").write_text(source)
        new = edit.apply([edit.parse(HEAD + body, "count")], Path(name))
        assert (Path(name) / "pool.c").read_text() == source
    return new["pool.c"]


class Places(unittest.TestCase):
    def refused(self, action: Callable[[], object], *words: str) -> None:
        with self.assertRaises(edit.EditError) as caught:
            action()
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_actions(self) -> None:
        """Each action changes what it says, and nothing else."""
        for body, old, new in (
                ("@@ struct pool\nafter: how many\n+\tint idle;\n", "many */\n", "many */\n\tint idle;\n"),
                ("@@ enum kind\nafter: ONE,\n+\tTWO,\n", "\tONE,\n", "\tONE,\n\tTWO,\n"),
                ("@@ first()\nbefore: return 1;\n+\t\tsay();\n", "\t\treturn 1;", "\t\tsay();\n\t\treturn 1;"),
                ("@@ first()\nreplace: use(\n+take(\n", "use(", "take("),
                ("@@ first()\nreplace: else return use(\n+return\n+\ttake(\n", "else\n\t\treturn use(",
                 "return\n\ttake("),
                ("@@ first()\ncut: return 1;\n", "\t\treturn 1;\n", ""),
                ("@@ first()\ncomment: hold a lock\n+\t/* locked */\n", "\t/* Nobody has to\n\t * hold a lock. */\n",
                 "\t/* locked */\n"),
                ("@@ first()\nreplace: Says which\n+Tells which\n", "Says which", "Tells which"),
                ("@@ above first()\n+int zero;\n", "/*\n * Says", "int zero;\n\n/*\n * Says"),
                ("@@ above second()\n+int zero;\n", "int second(", "int zero;\n\nint second(")):
            self.assertEqual(_done(body), SOURCE.replace(old, new, 1), body)
            self.assertIn(old, SOURCE)

    def test_not_found(self) -> None:
        """If a place is missing or not unique, the error names the edit, the file and the place."""
        for body, place in (("@@ third()\nafter: x\n+y\n", "third()"),
                            ("@@ struct queue\nafter: x\n+y\n", "struct queue"),
                            ("@@ second()\nafter: return 1;\n+y\n", "return 1;"),
                            ("@@ above third()\n+y\n", "above third()")):
            self.refused(lambda: _done(body), "count", "pool.c", place, "was not found")
        self.refused(lambda: _done("@@ first()\nafter: pool->\n+y\n"), "pool->", "was found 2 times")
        self.refused(lambda: _done("@@ first()\ncomment: return 1;\n+y\n", SOURCE.replace("/*", "").replace("*/", "")),
                     "not in a comment")
        self.refused(lambda: edit.apply([edit.parse(HEAD + "@@ f()\nafter: x\n+y\n", "count")], Path("/nowhere")),
                     "pool.c", "the file was not found")

    def test_new_file(self) -> None:
        """An edit can make a file, which must not exist yet, and change any file as a whole."""
        body = "@@ file\nbefore: int second(\n+int third;\n--- new.c\n@@ new file\n+int new;\n+\n+int more;\n"
        parsed = edit.parse(HEAD + body, "count")
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "pool.c").write_text(SOURCE)
            new = edit.apply([parsed], Path(name))
            self.assertEqual(new["new.c"], "int new;\n\nint more;\n")
            self.assertEqual(new["pool.c"], SOURCE.replace("int second(", "int third;\nint second("))
            (Path(name) / "new.c").write_text("")
            self.refused(lambda: edit.apply([parsed], Path(name)), "count", "new.c", "the file exists")

    def test_malformed(self) -> None:
        """A malformed edit is refused with a line that says what is allowed."""
        good = HEAD + "@@ first()\nafter: x\n+y\n"
        edit.parse(good, "count")
        for old, new, words in (("Kind: fix", "Kind: fixed", ("Kind: fixed", "fix, test, policy")),
                                ("Kind: fix\n", "", ("no Kind",)), ("Kind", "Sort", ("Sort: fix", "Subject")),
                                ("Kind: fix", "Kind: policy\nPolicy: pick by pick", ("pick by pick",)),
                                ("after: x", "behind: x", ("behind: x",)),
                                ("@@ first()\nafter: x\n+y\n", "", ("nothing",)),
                                ("@@ first()", "@@ first", ("this is not a place",))):
            self.refused(lambda: _apply(good.replace(old, new)), "count", *words)


def _apply(text: str) -> None:
    parsed = edit.parse(text, "count")
    edit.changed(SOURCE, parsed.changes[0])


class Committed(unittest.TestCase):
    """The edits of this repository."""

    def test_order_and_needs(self) -> None:
        """Each file is in the order, and an edit that needs another is applied after it."""
        edits = edit.read()
        for folder in (edit.EDITS, edit.FAULTS):
            files = sorted(path.stem for path in folder.glob("*.edit"))
            self.assertEqual(sorted((folder / edit.ORDER).read_text().split()), files)
        self.assertEqual([each.name for each in edit.with_needs(["wakeup_needed"], edits)], ["claim", "wakeup_needed"])

    def test_joins(self) -> None:
        """An edit that joins others is applied exactly if all of these are."""
        edits = edit.read()
        for names, joined in (({"wakeup_needed"}, False), ({"concurrency"}, False),
                              ({"wakeup_needed", "concurrency"}, True)):
            found = {each.name for each in edit.with_needs(names, edits)}
            self.assertEqual("called_running" in found, joined, names)
        alone = {each.name for each in edit.with_needs(["called_running"], edits)}
        self.assertLessEqual({"called_running", "wakeup_needed", "concurrency", "claim"}, alone)

    def test_no_passage_of_the_kernel(self) -> None:
        """An anchor is a few words. It must not become a way to copy the kernel's code."""
        for each in edit.read(edit.EDITS, edit.FAULTS).values():
            for change in each.changes:
                self.assertLessEqual(len(change.anchor), 100, change.where)

    def test_messages(self) -> None:
        """A commit has a subject in the kernel's style, and lines of at most 75 characters. A fault has a test."""
        for each in edit.read(edit.EDITS, edit.FAULTS).values():
            self.assertEqual(bool(each.caught), each.kind == "fault", each.name)
            if each.kind != "fault":
                self.assertRegex(each.subject, r"^(workqueue|sched): [A-Z].{,66}$")
            for line in each.message.splitlines():
                self.assertTrue(len(line) <= 75 or line.startswith("Fixes: "), line)


if __name__ == "__main__":
    unittest.main()
