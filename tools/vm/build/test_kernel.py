#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of kernel.py and source.py: which options, which sources and which builds make a kernel."""

import dataclasses
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory, environment
from build import kernel, source


class Kernels(Case):
    def test_series(self) -> None:
        """KERNEL= must be a series that Debian has, with a vehicle that exists for it, and cannot be given together
        with KERNEL_SRC=."""
        with environment(KERNEL="", KERNEL_SRC=""):
            self.assertEqual([source.series(), kernel.vehicle("uml").name], [source.NEWEST, "uml"])
        with environment(KERNEL="5.10", KERNEL_SRC=""):
            self.refused(source.series, "KERNEL=5.10", "allowed: 6.1, 6.12, 7.2, 7.3")
        with environment(KERNEL="6.1", KERNEL_SRC=""):
            self.assertEqual(kernel.vehicle("x86").name, "x86-6.1")
            self.refused(lambda: kernel.vehicle("uml"), "VM=uml", "KERNEL=6.1", "allowed: x86")
        with environment(KERNEL="6.1", KERNEL_SRC="/a/tree"):
            self.refused(source.series, "KERNEL=6.1", "KERNEL_SRC=/a/tree")

    def test_dropped_option(self) -> None:
        """An option that Kconfig dropped is named, whether it was requested or asserted. An absent option satisfies
        =n."""
        fragment = "CONFIG_A=y # why\n#CHECK CONFIG_B=y\nCONFIG_C=n\nCONFIG_D=n\nCONFIG_E=40 # why\n"
        self.assertEqual(kernel.check_config(fragment, "CONFIG_A=y\nCONFIG_D=y\nCONFIG_E=4\n"),
                         ["CONFIG_D=n", "CONFIG_E=40", "CONFIG_B=y"])
        self.assertEqual(kernel.check_config(fragment, "CONFIG_A=y\nCONFIG_B=y\nCONFIG_E=40\n"), [])

    def test_options_by_version(self) -> None:
        """An option with a note about versions ("since", "before") is left out of other kernels, and reported if it is
        too new. An option without a note is never left out, so that its loss fails the build. If an option is named
        twice, the last line counts."""
        fragment = ("CONFIG_A=y # why\nCONFIG_B=y # why; since 6.13\nCONFIG_C=y # why; before 6.13\n"
                    "#CHECK CONFIG_D=y # why; since 6.9\n")
        old, left_out = kernel.applicable(fragment, (6, 12))
        self.assertEqual(kernel.wanted(old), "CONFIG_A=y\nCONFIG_C=y\n")
        self.assertEqual(left_out, ["CONFIG_B=y (since 6.13)"])
        self.assertEqual(kernel.check_config(old, "CONFIG_C=y\n"), ["CONFIG_A=y", "CONFIG_D=y"])
        self.assertEqual(kernel.applicable(fragment, (6, 1))[1], ["CONFIG_B=y (since 6.13)", "CONFIG_D=y (since 6.9)"])
        new, left_out = kernel.applicable(fragment, (6, 13))
        self.assertEqual(kernel.wanted(new), "CONFIG_A=y\nCONFIG_B=y\n")
        self.assertEqual(left_out, [])
        self.assertEqual(kernel.check_config("CONFIG_A=y # why\nCONFIG_A=n # why not\n", ""), [])

    def test_reasons(self) -> None:
        """Every option in every fragment has a reason in its line."""
        for path in sorted(kernel.CONFIG.glob("*.config")):
            for line in path.read_text().splitlines():
                if line.startswith("CONFIG_") and "#" not in line:
                    raise AssertionError(f"{path.name}: {line} has no reason")

    def test_half_built_kernel(self) -> None:
        """A build is not used if it has no stamp or differs from its stamp."""
        target = kernel.VEHICLES["uml"]
        with directory() as build:
            names = kernel.artefacts(target)
            for name in names:
                (build / name).parent.mkdir(parents=True, exist_ok=True)
                (build / name).write_text(name)
            self.assertFalse(kernel.whole(build, target))
            (build / "ready.json").write_text(json.dumps({name: len(name) for name in names}))
            self.assertTrue(kernel.whole(build, target))
            (build / target.image).write_text("")
            self.assertFalse(kernel.whole(build, target))
            (build / target.image).unlink()
            self.assertFalse(kernel.whole(build, target))
            (build / "ready.json").write_text("{")
            self.assertFalse(kernel.whole(build, target))

    def test_content_of_the_key(self) -> None:
        """Another source or another option makes another kernel. Another comment does not."""
        tree = source.Source(Path("/"), "1", False)
        target = kernel.VEHICLES["uml"]
        key = kernel.key(target, tree, "CONFIG_A=y\n")
        self.assertEqual(kernel.key(target, tree, "CONFIG_A=y # why\n"), key)
        self.assertFalse(kernel.key(target, dataclasses.replace(tree, name="2"), "CONFIG_A=y\n") == key)
        self.assertFalse(kernel.key(target, tree, "CONFIG_A=y\nCONFIG_B=y\n") == key)
        self.assertEqual(kernel.wanted("CONFIG_A=y # why\n# text\n"), kernel.wanted("CONFIG_A=y\t\t# why not\n"))

    def test_moved_kernel(self) -> None:
        """A kernel is not used if it or its source was moved after the build."""
        with directory() as home:
            tree, build = home / "source", home / "build"
            build.mkdir()

            def written(output: Path, source: Path) -> str:
                (build / "Makefile").write_text(f"# x\nexport KBUILD_OUTPUT = {output}\ninclude {source}/Makefile\n")
                (build / "source").unlink(missing_ok=True)
                (build / "source").symlink_to(source)
                return kernel.built_elsewhere(build, tree)
            self.assertEqual(written(build, tree), "")
            self.assertIn("it was at /old/build", written(Path("/old/build"), tree))
            self.assertIn("its source was at /old/source", written(build, Path("/old/source")))
            (build / "Makefile").unlink()
            self.assertIn("No such file", kernel.built_elsewhere(build, tree))


if __name__ == "__main__":
    unittest.main()
