#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of beside.py: the names that a driver has beside the kernel's own, and the program for the moved wireguard."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import Problem
from base.testing import Case, directory
from build import beside

LOOP = """\
#include "loop.h"
	if (register_blkdev(LOOP_MAJOR, "loop"))
	sprintf(disk->disk_name, "loop%d", i);
	.minor = LOOP_CTRL_MINOR, .name = "loop-control",
MODULE_ALIAS("devname:loop-control");
"""


class Moved(Case):
    def test_names(self) -> None:
        """A copy has no name of the kernel's own driver, its file is called like its module, and its makefile builds
        it."""
        driver = next(each for each in beside.DRIVERS if each.name == "cw2loop")
        with directory() as tree:
            (tree / driver.origin).parent.mkdir(parents=True)
            (tree / driver.origin).write_text(LOOP)
            files = driver.files(tree)
        self.assertEqual(sorted(files), ["Kbuild", "cw2loop.c"])
        self.assertIn("obj-m := cw2loop.o", files["Kbuild"])
        text = files["cw2loop.c"]
        self.assertEqual(text.count('"cw2loop'), 3)
        self.assertIn('"devname:cw2loop-control"', text)
        self.assertIn('#include "loop.h"', text)
        for name in ("LOOP_MAJOR", "LOOP_CTRL_MINOR", '"loop"', '"loop%d"', '"loop-control"'):
            self.assertNotIn(name, text)

    def test_directory(self) -> None:
        """A driver of several files keeps its files, and its makefile builds the module with the new name."""
        driver = next(each for each in beside.DRIVERS if each.name == beside.MOVED_WIREGUARD)
        with directory() as tree:
            home = tree / driver.origin
            (home / "generated").mkdir(parents=True)
            (home / "Makefile").write_text("wireguard-y := main.o\nobj-$(CONFIG_WIREGUARD) := wireguard.o\n")
            (home / "main.c").write_text(".name = WG_GENL_NAME\n\tcache = KMEM_CACHE(wg_peer, 0);\n")
            (home / "generated/netlink.c").write_text('#include "netlink.h"\n')
            (home / "main.o").write_text("")
            files = driver.files(tree)
        self.assertEqual(sorted(files), ["Makefile", "generated/netlink.c", "main.c"])
        self.assertEqual(files["Makefile"], "wirecmwq2-y := main.o\nobj-m := wirecmwq2.o\n")
        self.assertIn('"cw2_wg_peer", sizeof(struct wg_peer)', files["main.c"])

    def test_another_source(self) -> None:
        """A source without a name that has to be changed is refused: the module could not be loaded."""
        with directory() as tree:
            for driver in beside.DRIVERS[:2]:
                path = tree / driver.origin
                path.parent.mkdir(parents=True)
                path.write_text("int x;\n")
                with self.assertRaisesRegex(Problem, f"{path.name}: nothing matches"):
                    driver.files(tree)

    def test_tool(self) -> None:
        """The copy of wg has the other name in each place, and the same length. A program without the name is
        refused."""
        with directory() as home:
            program = home / "wg"
            program.write_bytes(b"\x7fELF\0wireguard\0wireguard-tools\0/run/wireguard/%s\0")
            program.chmod(0o755)
            (home / "copy").mkdir()
            copy = beside.tool(program, home / "copy")
            self.assertEqual(copy.read_bytes(), b"\x7fELF\0wirecmwq2\0wireguard-tools\0/run/wireguard/%s\0")
            self.assertTrue(copy.stat().st_mode & 0o100)
            program.write_bytes(b"\x7fELF\0")
            with self.assertRaisesRegex(Problem, "the name wireguard is not in it"):
                beside.tool(program, home)
        self.assertEqual(len(beside.WIREGUARD), len(beside.MOVED_WIREGUARD))


if __name__ == "__main__":
    unittest.main()
