#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of toml_reader.py: it reads what tomllib reads, and refuses what it does not know."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import toml_reader  # noqa: E402

HERE = Path(__file__).resolve().parent


class Reader(unittest.TestCase):
    """The part for older Pythons."""

    @unittest.skipIf(sys.version_info < (3, 11), "this Python has no tomllib to compare with")
    def test_like_tomllib(self) -> None:
        """The project's own tables come out the same."""
        for path in (HERE / "parity.toml", *sorted((HERE / "model").glob("*.toml"))):
            text = path.read_text()
            self.assertEqual(toml_reader.loads(text), toml_reader.tomllib.loads(text), path)

    def test_values(self) -> None:
        """Sections, lists of them, quoted names, comments."""
        text = '# x\n[a]\nb = [1, 2] # y\n"c.d" = \'e # f\'\n[[g]]\nh = "i"\n[[g]]\nh = "j"\n'
        self.assertEqual(toml_reader.loads(text),
                         {"a": {"b": [1, 2], "c.d": "e # f"}, "g": [{"h": "i"}, {"h": "j"}]})

    def test_refused(self) -> None:
        """What is not understood is named with its line."""
        for text in ("a = \n", "a = 1 2\n", "a\n", "[a]\n[a]\n", "a = 1\na = 2\n", "[[a]\n", "a = 'b\n"):
            with self.assertRaisesRegex(toml_reader.Malformed, "^line [12]: ", msg=text):
                toml_reader.loads(text)


if __name__ == "__main__":
    unittest.main()
