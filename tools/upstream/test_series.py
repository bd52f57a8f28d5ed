#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of series.py: the patches of a series, on a small source of their own."""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upstream import edit, series

SOURCE = "int first(void)\n{\n\treturn 1;\n}\n\nint second(void)\n{\n\treturn 2;\n}\n"
EDITS = [edit.parse(f"Subject: workqueue: Change the {name}\nKind: fix\n\nIt was {old}.\n\n{tags}"
                    f"--- a/b.c\n@@ {name}()\nreplace: return {old};\n+return {old + 10};\n", name)
         for name, old, tags in (("first", 1, 'Fixes: 123456789012 ("b")\n\n'), ("second", 2, ""))]


@unittest.skipUnless(shutil.which("git"), "there is no git")
class Series(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = Path(directory.name)
        for name in ("tree/a", "out"):
            (self.top / name).mkdir(parents=True)
        (self.top / "tree/a/b.c").write_text(SOURCE)

    def made(self) -> list:
        return series.make(EDITS, self.top / "tree", self.top / "out", series.Author("A B", "a@b.org"),
                           "workqueue: two changes\n\nThis is why.\n")

    def test_patches(self) -> None:
        """There is a patch for each edit, with its message and a signature, and a cover letter. The source stays."""
        paths = self.made()
        self.assertEqual([path.name for path in paths], ["0000-cover-letter.patch",
                         "0001-workqueue-Change-the-first.patch", "0002-workqueue-Change-the-second.patch"])
        cover, first, second = (path.read_text() for path in paths)
        self.assertIn("Subject: [PATCH 0/2] workqueue: two changes\n", cover)
        self.assertIn("\nThis is why.\n", cover)
        self.assertNotIn("***", cover)
        self.assertIn('\n\nIt was 1.\n\nFixes: 123456789012 ("b")\nSigned-off-by: A B <a@b.org>\n---\n', first)
        self.assertIn("\n\nIt was 2.\n\nSigned-off-by: A B <a@b.org>\n---\n", second)
        self.assertEqual(re.findall(r"^[-+]\t.*", first, re.MULTILINE), ["-\treturn 1;", "+\treturn 11;"])
        self.assertEqual((self.top / "tree/a/b.c").read_text(), SOURCE)

    def test_new_file(self) -> None:
        """A patch can make a file."""
        made = edit.parse("Subject: workqueue: Add\nKind: test\n\nIt is new.\n\n"
                          "--- a/new.c\n@@ new file\n+int new;\n", "add")
        paths = series.make([made], self.top / "tree", self.top / "out", series.Author("A B", "a@b.org"), "subject\n")
        self.assertIn("new file mode 100644\n", paths[1].read_text())

    @unittest.skipUnless(shutil.which("patch"), "there is no patch")
    def test_they_apply(self) -> None:
        """The patches, applied one after the other, give what the edits give."""
        wanted = edit.apply(EDITS, self.top / "tree")["a/b.c"]
        for path in self.made()[1:]:
            subprocess.run(["patch", "-p1", "--silent", "-i", path], cwd=self.top / "tree", check=True)
        self.assertEqual((self.top / "tree/a/b.c").read_text(), wanted)

    def test_an_edit_that_does_not_apply(self) -> None:
        """If an edit does not apply, there is no series."""
        (self.top / "tree/a/b.c").write_text(SOURCE.replace("return 2", "return 3"))
        with self.assertRaises(edit.EditError) as caught:
            self.made()
        self.assertIn("return 2;", str(caught.exception))
        self.assertEqual(list((self.top / "out").iterdir()), [])


class Cover(unittest.TestCase):
    def test_values(self) -> None:
        """Each name in braces gets its value, and a name without a value is an error."""
        self.assertEqual(series.cover("a {b} c {d}", {"b": 1, "d": "{b}"}), "a 1 c {b}")
        with self.assertRaises(series.SeriesError) as caught:
            series.cover("a {c}", {"b": 1})
        self.assertIn("{c}: allowed: b", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
