#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of arrows.py: includes and imports against the order of the folders are found, and only those."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory
from style import arrows

GOOD = {"main.c": '#include "look/look.h"\n#include "top.h"\n', "top.h": "",
        "base/types.h": "#include <linux/list.h>\n",
        "base/lock.h": '#include "types.h"\n', "lab/policy/pick.h": '#include "base/types.h"\n',
        "lab/choices.c": '#include "lab/policy/pick.h"\n#include "made_by_kbuild.h"\n',
        "core/kick.h": '#include "lab/policy/pick.h"\n', "core/kick.c": '#include "core/kick.h"\n',
        "look/look.h": '#include "base/types.h"\n', "look/show.c": '#include "look/look.h"\n#include "core/kick.h"\n'}


def _written(top: Path, files: dict) -> Path:
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    return top


class Engine(Case):
    def found(self, upwards: dict, **changed: str) -> list:
        """Return the findings in the good tree with other files: a__b_h is a/b.h."""
        files = {name.replace("__", "/").replace("_", "."): text for name, text in changed.items()}
        with directory() as home:
            return arrows.in_engine(_written(home / "src", {**GOOD, **files}), upwards)

    def test_good(self) -> None:
        """A file may include its own folder and lower ones. A file at the top may include all."""
        self.assertEqual(self.found({}), [])

    def test_upwards(self) -> None:
        """An include of a higher folder, or of a header at the top, is a finding with its line."""
        for name, text, line in (("base__x_c", "\n#include \"lab/policy/pick.h\"\n", "src/base/x.c:2: base must not"),
                                 ("base__x_h", '# include "../look/look.h"\n', "src/base/x.h:1: base must not"),
                                 ("lab__policy__x_h", '#include "core/kick.h"\n', "src/lab/policy/x.h:1: lab must not"),
                                 ("look__x_c", '#include "top.h"\n', "src/look/x.c:1: look must not use top.h")):
            found = [line for line in self.found({}, **{name: text}) if "circle" not in line]
            self.assertEqual(len(found), 1, found)
            self.assertTrue(found[0].startswith(line), found)

    def test_listed(self) -> None:
        """An arrow upwards that is listed is fine, unless it makes a circle of folders or does not exist any more."""
        listed = {"wait/x.c -> look/look.h": "a reason"}
        self.assertEqual(self.found(listed, wait__x_c='#include "look/look.h"\n'), [])
        found = self.found(listed)
        self.assertEqual(len(found), 1)
        self.assertIn("no longer an arrow upwards wait/x.c -> look/look.h", found[0])
        self.assertEqual(self.found({"core/x.c -> look/look.h": "a reason"}, core__x_c='#include "look/look.h"\n'),
                         ["src:1: a circle of folders: core -> look -> core"])

    def test_circle(self) -> None:
        """A circle is found also through three folders."""
        found = self.found({}, base__x_h='#include "core/kick.h"\n')
        self.assertEqual([line for line in found if "circle" in line],
                         ["src:1: a circle of folders: base -> core -> lab -> base"])

    def test_unknown_folder(self) -> None:
        """A folder that has no place in the order is a finding, if it has sources."""
        found = self.found({}, other__x_c="")
        self.assertEqual(len(found), 1)
        self.assertIn("src/other", found[0])
        self.assertEqual(self.found({}, other__README=""), [])

    def test_without_folders(self) -> None:
        """Files at the top may include each other."""
        with directory() as home:
            self.assertEqual(arrows.in_engine(_written(home, {"a.c": '#include "b.h"\n', "b.h": ""}), {}), [])


class Harness(Case):
    def test_imports(self) -> None:
        """Each form of import is found, also inside a function."""
        for text, used in (("from verbs import bench", "verbs/bench.py"), ("import verbs.bench", "verbs/bench.py"),
                           ("from verbs.bench import x", "verbs/bench.py"),
                           ("def f():\n    from verbs import bench as b", "verbs/bench.py")):
            with directory() as home:
                _written(home, {"build/x.py": text, "build/y.py": "from base import z\nimport os\n"})
                found = arrows.in_harness(home, {})
            self.assertEqual(len(found), 1, found)
            self.assertIn(f"build must not use {used}", found[0])

    def test_today(self) -> None:
        """Nothing points upwards in this repository, except what is listed."""
        self.assertEqual(arrows.in_harness() + arrows.in_engine() + arrows.in_bench(), [])


if __name__ == "__main__":
    unittest.main()
