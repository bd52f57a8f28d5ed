#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of allmod.py: run it by its path. No kernel is configured."""

import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory, quiet
from build import allmod, kernel, source


class Allmod(Case):
    def provided(self, home, config):
        """Provide the kernel, with a make that only writes @config. Return the directory and the calls of make."""
        calls = []

        def make(command, log, **options):
            build = Path(next(word for word in command if str(word).startswith("O="))[2:])
            calls.append(command[-1])
            (build / ".config").write_text(config)
            (build / "Makefile").write_text(f"include {home}/Makefile\n")
            if not (build / "source").exists():
                (build / "source").symlink_to(home)
        found = []
        with mock.patch.object(allmod, "CACHE", home), mock.patch.object(allmod, "OUT", home), \
                mock.patch.object(allmod, "run_logged", make), mock.patch.object(kernel, "run_logged", make):
            quiet(lambda: found.append(allmod.provide(source.Source(home, "7.3.4", False))))
        return found[0], calls

    def config(self):
        """Return a configuration that has all that was asked for."""
        return kernel.wanted((kernel.CONFIG / "drivers.config").read_text())

    def test_once(self):
        """It is configured and prepared once. If it was copied elsewhere, this happens again."""
        with directory() as home:
            (home / "Makefile").write_text("VERSION = 7\nPATCHLEVEL = 3\n")
            build, calls = self.provided(home, self.config())
            self.assertEqual(calls, ["allmodconfig", "modules_prepare"])
            self.assertEqual(self.provided(home, self.config()), (build, []))
            (build / "Makefile").write_text("include /elsewhere/Makefile\n")
            self.assertEqual(self.provided(home, self.config())[1], ["allmodconfig", "modules_prepare"])

    def test_lost_option(self):
        """An option that Kconfig does not accept is named, and nothing is offered afterwards."""
        with directory() as home:
            (home / "Makefile").write_text("VERSION = 7\nPATCHLEVEL = 3\n")
            lost = self.config().replace("CONFIG_PROVE_LOCKING=y\n", "")
            self.refused(lambda: self.provided(home, lost), "Kconfig did not accept CONFIG_PROVE_LOCKING=y")
            self.assertEqual(self.provided(home, self.config())[1], ["allmodconfig", "modules_prepare"])


if __name__ == "__main__":
    unittest.main()
