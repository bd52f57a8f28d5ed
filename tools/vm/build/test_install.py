#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of install.py without a kernel: where things go, that the commands work there, and that all is removed."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory, environment, quiet
from build import install

RELEASE = "6.12.0-test"


def tree(home: Path) -> Path:
    """Make the parts of a kernel's build tree that are looked at, in the directory @home."""
    for name, text in (("Makefile", ""), ("include/config/auto.conf", "CONFIG_X86_64=y\n"),
                       ("include/config/kernel.release", f"{RELEASE}\n")):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return home


def files(top: Path) -> list:
    """Return what is in the directory @top and is no directory."""
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if not path.is_dir())


class Install(Case):
    def setUp(self) -> None:
        home = directory()
        self.home = home.__enter__()
        self.addCleanup(home.__exit__, None, None, None)
        self.kdir = tree(self.home / "linux")

    def places(self, prefix: str = "", mod_path: str = "") -> install.Places:
        """Return the places of an installation into a directory of which a package is made."""
        return install.places(self.kdir, prefix, str(self.home / "dest"), mod_path)

    def test_places(self) -> None:
        """DESTDIR is in front of everything, INSTALL_MOD_PATH only of the modules."""
        dest = self.home / "dest"
        where = self.places()
        self.assertEqual((where.kernel, where.library), (dest / f"lib/modules/{RELEASE}", dest / "usr/local/lib/cmwq2"))
        where = self.places("/opt/x", "/mods/")
        self.assertEqual((where.kernel, where.library),
                         (Path(f"/mods/lib/modules/{RELEASE}"), dest / "opt/x/lib/cmwq2"))
        where = install.places(self.kdir, "/usr", "", "")
        self.assertEqual((str(where.kernel), str(where.commands[0])), (f"/lib/modules/{RELEASE}", "/usr/bin/wq-dump"))

    def test_refused(self) -> None:
        """A path that depends on the current directory, and a directory that cannot be written, are refused."""
        for knob, words in (("PREFIX", ("usr", "", "")), ("DESTDIR", ("", "./x", "")),
                            ("INSTALL_MOD_PATH", ("", "", "x"))):
            self.refused(lambda: install.places(self.kdir, *words), f"{knob}=", "allowed: a path that begins with /")
        (self.home / "file").write_text("")
        self.refused(lambda: install.install(install.places(self.kdir, "/x", str(self.home / "file"), ""), "gcc"),
                     str(self.home / "file"), "cannot be written")
        self.assertEqual(files(self.home / "linux"), ["Makefile", "include/config/auto.conf",
                                                      "include/config/kernel.release"])

    def test_installed_and_removed(self) -> None:
        """The commands work where they are installed. Nothing stays of them, but what others have installed does."""
        where = install.places(self.kdir, str(self.home / "usr"), "", str(self.home))
        other = self.home / "usr/bin/wq-monitor"
        quiet(lambda: install._install_tools(where))
        module = where.kernel / install.PLACE / "src/cmwq2.ko"
        module.parent.mkdir(parents=True)
        module.write_text("")
        for command in where.commands:
            done = subprocess.run([command, "--version"], cwd="/", text=True, capture_output=True, check=False,
                                  env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"})
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, rf"^{command.name} of cmwq2 \d")
        other.write_text("#!/bin/sh\n# somebody else's\n")
        text = quiet(lambda: install.uninstall(where))
        self.assertIn(str(where.kernel / install.PLACE), text)
        self.assertEqual(files(self.home / "usr"), ["bin/wq-monitor"])
        self.assertEqual((files(where.kernel), (where.kernel / "updates").exists()), ([], False))
        self.assertIn("nothing is installed", quiet(lambda: install.uninstall(where)))

    def test_depmod(self) -> None:
        """modprobe's lists are updated where there is a kernel, and a depmod that fails is not ignored."""
        where = self.places()
        (self.home / "depmod").write_text("#!/bin/sh\necho \"$@\" > $0.args\necho it is wrong >&2\nexit 1\n")
        (self.home / "depmod").chmod(0o755)
        with environment(PATH=f"{self.home}:{os.environ['PATH']}"):
            install._depmod(where)
            where.kernel.mkdir(parents=True)
            (where.kernel / "modules.order").write_text("")
            self.refused(lambda: install._depmod(where), RELEASE, "it is wrong")
        self.assertEqual((self.home / "depmod.args").read_text(), f"-b {self.home / 'dest'} {RELEASE}\n")


if __name__ == "__main__":
    unittest.main()
