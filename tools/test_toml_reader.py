#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of toml_reader.py: it reads the same as tomllib, and refuses what it does not support."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import toml_reader  # noqa: E402

HERE = Path(__file__).resolve().parent


class Reader(unittest.TestCase):
    """The reader for older Pythons."""

    @unittest.skipIf(sys.version_info < (3, 11), "this Python has no tomllib to compare with")
    def test_like_tomllib(self) -> None:
        """The project's own tables give the same result as with tomllib."""
        for path in (HERE / "parity.toml", *sorted((HERE / "model").glob("*.toml"))):
            text = path.read_text()
            self.assertEqual(toml_reader.loads(text), toml_reader.tomllib.loads(text), path)

    def test_values(self) -> None:
        """Sections, lists of sections, quoted names and comments are read."""
        text = '# x\n[a]\nb = [1, 2] # y\n"c.d" = \'e # f\'\n[[g]]\nh = "i"\n[[g]]\nh = "j"\n'
        self.assertEqual(toml_reader.loads(text),
                         {"a": {"b": [1, 2], "c.d": "e # f"}, "g": [{"h": "i"}, {"h": "j"}]})

    def test_refused(self) -> None:
        """A line that is not understood is reported by its number."""
        for text in ("a = \n", "a = 1 2\n", "a\n", "[a]\n[a]\n", "a = 1\na = 2\n", "[[a]\n", "a = 'b\n"):
            with self.assertRaisesRegex(toml_reader.Malformed, "^line [12]: ", msg=text):
                toml_reader.loads(text)


if __name__ == "__main__":
    unittest.main()
