#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of qemu.py: which QEMU runs the guests, and what is said if there is none."""

import contextlib
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import Problem
from base.testing import Case, directory, environment, quiet
from build import apt, packages, program, qemu

OLD, NEW = "7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)", "10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)"
BOOKWORM = 'ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12"\n'


def _program(path: Path, version: str) -> Path:
    """Write a program that prints what QEMU of @version prints."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'QEMU emulator version {version}'\necho 'Copyright (c) 2003-2025'\n")
    path.chmod(0o755)
    return path


@contextlib.contextmanager
def _system(installed: str, release: str) -> Iterator[Path]:
    """A system with QEMU of version @installed, or none, and the file os-release. It has nothing fetched yet."""
    with directory() as home:
        (home / "bin").mkdir()
        (home / "bin/env").symlink_to("/usr/bin/env")
        if installed:
            _program(home / "bin" / qemu.KIND.program, installed)
        (home / "os-release").write_text(release)
        with environment(PATH=str(home / "bin")), mock.patch.object(qemu, "RELEASE", home / "os-release"), \
                mock.patch.object(qemu, "HOME", home / "qemu"), mock.patch.object(packages, "require"):
            qemu.provide.cache_clear()
            try:
                yield home
            finally:
                qemu.provide.cache_clear()


def _debs(version: str, kind: program.Kind = qemu.KIND) -> list:
    """Patch the archive: it has packages from which QEMU of @version is unpacked."""
    def unpack(into: Path, *debs: Path) -> None:
        assert debs
        _program(into / "usr/bin" / kind.program, version)
    return [mock.patch.object(apt.Archive, "with_needs", return_value=[Path("a.deb")]),
            mock.patch.object(apt.Archive, "forget"), mock.patch.object(program, "unpack", unpack)]


class Versions(Case):
    def test_version(self) -> None:
        """Versions are compared as numbers. Output without a version is an error of one line."""
        self.assertEqual(qemu.KIND.version_of(f"QEMU emulator version {OLD}\nCopyright (c) 2003\n"), (7, 2, 22))
        self.assertEqual(qemu.KIND.version_of(f"QEMU emulator version {NEW}\n"), (10, 0, 2))
        versions = ((7, 2, 22), (9, 2), (10,), (10, 0, 2), (11, 1))
        self.assertEqual([program.Program(qemu.KIND, (), version).new_enough for version in versions],
                         [False, False, True, True, True])
        self.refused(lambda: qemu.KIND.version_of("what?\nno\n"), qemu.KIND.program, "what?")

    def test_release(self) -> None:
        """Only Debian's own code names count, because others use the same names for other things."""
        for text, name in ((BOOKWORM, "bookworm"), ('ID="debian"\nVERSION_CODENAME="trixie"\n', "trixie"),
                           ("ID=other\nVERSION_CODENAME=bookworm\n", ""), ("", "")):
            with _system("", text):
                self.assertEqual(qemu.codename(), name)
        with mock.patch.object(qemu, "RELEASE", Path("/does/not/exist")):
            self.assertEqual(qemu.codename(), "")


class Provided(Case):
    def test_systems_own(self) -> None:
        """A new QEMU of the system is used as it is, on any distribution."""
        for release in (BOOKWORM, "ID=other\n"):
            with _system(NEW, release), mock.patch.object(qemu, "_fetch", side_effect=AssertionError):
                self.assertEqual((qemu.provide().command, qemu.provide().version), ((qemu.KIND.program,), (10, 0, 2)))

    def test_fetched(self) -> None:
        """Where the system's QEMU is too old or missing, Debian's backport is fetched once. It is fetched again if it
        does not run any more."""
        for installed in (OLD, ""):
            with _system(installed, BOOKWORM) as home, contextlib.ExitStack() as stack:
                for each in _debs(NEW):
                    stack.enter_context(each)
                self.assertIn("1 packages unpacked", quiet(qemu.provide))
                fetched = home / "qemu/usr/bin" / qemu.KIND.program
                self.assertIn(str(fetched), qemu.provide().command)
                self.assertIn(str(home / "qemu/usr/share/seabios"), qemu.provide().command)
                self.assertEqual(str(qemu.provide()), "QEMU 10.0.2")
                qemu.provide.cache_clear()
                self.assertEqual(quiet(qemu.provide), "")
                fetched.write_text("#!/bin/sh\nexit 127\n")
                qemu.provide.cache_clear()
                self.assertIn("unpacked", quiet(qemu.provide))
                self.assertEqual(qemu.provide().version, (10, 0, 2))

    def test_another_architecture(self) -> None:
        """The QEMU for another architecture has a directory of its own, beside that for x86."""
        with _system(NEW, BOOKWORM) as home, contextlib.ExitStack() as stack:
            for each in _debs(NEW, qemu.ARM64):
                stack.enter_context(each)
            self.assertIn("qemu-system-arm", quiet(lambda: qemu.provide("arm64")))
            self.assertIn(str(home / "qemu-arm64/usr/bin/qemu-system-aarch64"), qemu.provide("arm64").command)
            self.assertEqual(qemu.provide().command, (qemu.KIND.program,))

    def test_not_to_be_had(self) -> None:
        """If there is no QEMU that is new enough, one line says which is needed and what to do, and nothing changes."""
        with _system(OLD, "ID=other\n"):
            self.refused(qemu.provide, "QEMU 7.2.22", "10 or newer", "bookworm", "PATH")
        with _system("", "ID=other\n"):
            self.refused(qemu.provide, f"{qemu.KIND.program} is missing", "10 or newer")
        unreachable = mock.patch.object(apt.Archive, "with_needs", side_effect=Problem("no package lists: no network"))
        with _system(OLD, BOOKWORM) as home, unreachable:
            before = set(home.rglob("*"))
            quiet(lambda: self.refused(qemu.provide, "no QEMU 10", "no network"))
            self.assertEqual([path.name for path in set(home.rglob("*")) - before], [".qemu.lock"])

    def test_too_old_even_so(self) -> None:
        """A backport that is too old or does not run is an error, not a machine that fails later."""
        with _system("", BOOKWORM), contextlib.ExitStack() as stack:
            for each in _debs(OLD):
                stack.enter_context(each)
            quiet(lambda: self.refused(qemu.provide, "bookworm-backports", "QEMU 7.2.22"))


if __name__ == "__main__":
    unittest.main()
