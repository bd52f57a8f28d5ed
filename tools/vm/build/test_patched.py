#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of patched.py: the edits apply to the kernel's source, and a copy of a build is a build of the copy."""

import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import CACHE
from base.testing import Case, directory
from build import patched, source
from upstream import edit

# The sources that have been downloaded before. Tests download nothing.
TREES = sorted(path.parent for path in (CACHE / "source").glob(f"{source.NEWEST}.*/Kbuild"))


@unittest.skipUnless(TREES, f"no source of Linux {source.NEWEST} has been downloaded")
class Applied(Case):
    def test_each_edit(self) -> None:
        """Each edit applies with only those that it needs, and all of them apply together."""
        edits = patched.edits(faults=True)
        for name, each in edits.items():
            if each.kind == "fault":
                # Some are in what an edit has added.
                continue
            texts = patched.edited(edit.with_needs([name], edits), TREES[-1])
            self.assertLessEqual(set(each.files), set(texts), name)
        self.assertIn("kernel/workqueue.c", patched.edited(edits.values(), TREES[-1]))

    def test_another_version(self) -> None:
        """On a source without the place, one line names the edit and the place."""
        edits = patched.edits()
        with directory() as tree:
            for name in edits["pick_local"].files:
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                (tree / name).write_text((TREES[-1] / name).read_text().replace("kick_pool_pick", "kick_it"))
            self.refused(lambda: patched.edited([edits["pick_local"]], tree), "pick_local", "kernel/workqueue.c",
                         "kick_pool_pick()", "was not found", f"the edits are for Linux {source.NEWEST}")


class Copies(Case):
    def test_relocated(self) -> None:
        """In a copied build the paths are those of the copy, and no file looks newer than it is."""
        with directory() as top:
            build = top / "build"
            (build / "kernel").mkdir(parents=True)
            for name in ("Makefile", "kernel/.a.o.cmd", "kernel/a.o.d", "kernel/a.c"):
                (build / name).write_text("/old/build/kernel/a.o: /old/tree/kernel/a.c\n")
                os.utime(build / name, (1000, 2000))
            (build / "source").symlink_to("/old/tree")
            patched.relocate(build, {"/old/build": str(build), "/old/tree": str(top / "source")})
            for name in ("Makefile", "kernel/.a.o.cmd", "kernel/a.o.d"):
                self.assertEqual((build / name).read_text(), f"{build}/kernel/a.o: {top}/source/kernel/a.c\n")
                self.assertEqual((build / name).stat().st_mtime, 2000)
            self.assertIn("/old/build", (build / "kernel/a.c").read_text())
            self.assertEqual(os.readlink(build / "source"), str(top / "source"))

    def test_the_cached_source_stays(self) -> None:
        """An edited file is a new file, so that the source that it was linked to is not changed."""
        with directory() as top:
            (top / "cached").mkdir()
            (top / "home/source").mkdir(parents=True)
            (top / "home/build").mkdir()
            (top / "cached/a.c").write_text("old\n")
            os.link(top / "cached/a.c", top / "home/source/a.c")
            for texts, wanted in (({"a.c": "new\n"}, "new\n"), ({}, "old\n")):
                (top / "home/build/ready.json").write_text("{}")
                patched.bring_up_to_date(top / "cached", top / "home", texts)
                self.assertEqual((top / "home/source/a.c").read_text(), wanted)
                self.assertEqual((top / "cached/a.c").read_text(), "old\n")
                self.assertFalse((top / "home/build/ready.json").exists())
            (top / "home/build/ready.json").write_text("{}")
            patched.bring_up_to_date(top / "cached", top / "home", {})
            self.assertTrue((top / "home/build/ready.json").exists())

    def test_new_files_and_options(self) -> None:
        """What an edit adds, a file or an option of the configuration, is gone when the edit is."""
        added = edit.parse("Subject: a: B\nKind: test\nConfig: A=m\n\nWhy.\n\n--- a.c\n@@ new file\n+new\n", "added")
        with directory() as top:
            for name in ("cached", "base", "home/source", "home/build"):
                (top / name).mkdir(parents=True)
            (top / "base/.config").write_text("CONFIG_B=y\n")
            (top / "home/build/.config").write_text("CONFIG_B=y\n")
            for wanted, config in (([added], "CONFIG_B=y\nCONFIG_A=m\n"), ([], "CONFIG_B=y\n")):
                (top / "home/build/ready.json").write_text("{}")
                patched.bring_up_to_date(top / "cached", top / "home", patched.edited(wanted, top / "cached"))
                patched.configure(top / "base", top / "home/build", wanted)
                self.assertEqual((top / "home/source/a.c").exists(), bool(wanted))
                self.assertEqual((top / "home/build/.config").read_text(), config)
                self.assertFalse((top / "home/build/ready.json").exists())
            (top / "home/build/ready.json").write_text("{}")
            patched.configure(top / "base", top / "home/build", [])
            self.assertTrue((top / "home/build/ready.json").exists())


if __name__ == "__main__":
    unittest.main()
