#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of herd.py: which herd7 runs the litmus tests, and what is said if there is none."""

import contextlib
import platform
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import Problem
from base.testing import Case, directory, environment, quiet
from build import apt, herd, packages, program

OLD, NEW = "7.56.3, Rev: exported", "7.58, Rev: exported"


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def _says(version: str) -> str:
    return f"#!/bin/sh\necho '{version}'\n"


@contextlib.contextmanager
def _system(installed: str, debian: bool = True) -> Iterator[Path]:
    """A system with herd7 of version @installed, or none, and with apt if it is @debian. It has nothing fetched yet."""
    with directory() as home:
        (home / "bin").mkdir()
        if installed:
            _program(home / "bin" / herd.KIND.program, _says(installed))
        if debian:
            _program(home / "bin/apt-get", "#!/bin/sh\nexit 1\n")
        with environment(PATH=str(home / "bin")), mock.patch.object(herd, "HOME", home / "herd"), \
                mock.patch.object(packages, "require"), \
                mock.patch.object(platform, "machine", return_value="x86_64"):
            herd.provide.cache_clear()
            try:
                yield home
            finally:
                herd.provide.cache_clear()


def _debs(version: str) -> list:
    """Patch the archive: it has packages with a loader that says it is herd7 of @version, whatever it is to run."""
    def unpack(into: Path, *debs: Path) -> None:
        assert debs
        _program(into / herd.LOADER, _says(version))
        for name in (herd.KIND.program, "litmus7"):
            _program(into / "usr/bin" / name, "")
    return [mock.patch.object(apt.Archive, "with_needs", return_value=[Path("a.deb")]),
            mock.patch.object(apt.Archive, "forget"), mock.patch.object(program, "unpack", unpack)]


class Provided(Case):
    def test_version(self) -> None:
        """Versions are compared as numbers. Output without a version is an error of one line."""
        self.assertEqual((herd.KIND.version_of(OLD), herd.KIND.version_of(NEW)), ((7, 56, 3), (7, 58)))
        newer = [program.Program(herd.KIND, (), version).new_enough
                 for version in ((7, 56, 3), (7, 58), (7, 58, 1), (8,))]
        self.assertEqual(newer, [False, True, True, True])
        self.refused(lambda: herd.KIND.version_of("what?\nno\n"), herd.KIND.program, "what?")

    def test_systems_own(self) -> None:
        """A new herd7 of the system is used as it is, on any distribution."""
        for debian in (True, False):
            with _system(NEW, debian), mock.patch.object(herd, "_fetch", side_effect=AssertionError):
                self.assertEqual((herd.provide().command, str(herd.provide())), ((herd.KIND.program,), "herd7 7.58"))

    def test_fetched(self) -> None:
        """Where herd7 is too old or missing, Debian's is fetched once, with a C library of its own and without the
        package's other programs. It is fetched again if it does not run any more."""
        for installed in (OLD, ""):
            with _system(installed) as home, contextlib.ExitStack() as stack:
                for each in _debs(NEW):
                    stack.enter_context(each)
                self.assertIn("1 packages unpacked", quiet(herd.provide))
                command = herd.provide().command
                self.assertEqual(command[0], str(home / "herd" / herd.LOADER))
                self.assertEqual(command[-2:], ("-set-libdir", str(home / "herd" / herd.MODELS)))
                self.assertEqual([path.name for path in (home / "herd/usr/bin").iterdir()], [herd.KIND.program])
                herd.provide.cache_clear()
                self.assertEqual(quiet(herd.provide), "")
                _program(home / "herd" / herd.LOADER, "#!/bin/sh\nexit 127\n")
                herd.provide.cache_clear()
                self.assertIn("unpacked", quiet(herd.provide))

    def test_not_to_be_had(self) -> None:
        """If there is no herd7 that is new enough, one line says which is needed, and nothing changes."""
        with _system(OLD, debian=False):
            self.refused(herd.provide, "herd7 7.56.3", "7.58 or newer", "Debian")
        with _system("", debian=False):
            self.refused(herd.provide, "herd7 is missing", "7.58 or newer")
        with _system(""), mock.patch.object(platform, "machine", return_value="aarch64"):
            self.refused(herd.provide, "herd7 is missing", "amd64")
        unreachable = mock.patch.object(apt.Archive, "with_needs", side_effect=Problem("no package lists: no network"))
        with _system("") as home, unreachable:
            before = set(home.rglob("*"))
            quiet(lambda: self.refused(herd.provide, "no herd7", "no network"))
            self.assertEqual([path.name for path in set(home.rglob("*")) - before], [".herd.lock"])
        missing = Problem("missing packages, and neither root nor sudo to install them: apt-get install xz-utils")
        with _system(""), mock.patch.object(packages, "require", side_effect=missing):
            self.refused(herd.provide, "neither root nor sudo", "xz-utils")

    def test_too_old_even_so(self) -> None:
        """A package that is too old or does not run is an error, not tests that fail later."""
        with _system(""), contextlib.ExitStack() as stack:
            for each in _debs(OLD):
                stack.enter_context(each)
            quiet(lambda: self.refused(herd.provide, "of sid", "herd7 7.56.3"))


if __name__ == "__main__":
    unittest.main()
