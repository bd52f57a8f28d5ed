#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of apt.py: what is asked of apt, with a program that only writes down how it was called."""

import contextlib
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.common import Problem
from base.testing import Case, directory, environment
from build import apt

# Stands for apt-get and apt-config. For an installation it makes @debs in the cache that it was told of.
PROGRAM = """#!/bin/sh
echo "$0 $*" >> "{home}/called"
case $* in *install*)
    for word; do case $word in Dir::Cache=*) cache=${{word#*=}} ;; esac; done
    for name in {debs}; do : > "$cache/archives/$name"; done
esac
exit {status}
"""


@contextlib.contextmanager
def _archive(debs: str, status: int = 0) -> Iterator[tuple]:
    with directory() as home:
        (home / "bin").mkdir()
        for name in ("apt-get", "apt-config"):
            (home / "bin" / name).write_text(PROGRAM.format(home=home, debs=debs, status=status))
            (home / "bin" / name).chmod(0o755)
        with environment(PATH=f"{home}/bin:/usr/bin:/bin"), mock.patch.object(apt, "CACHE", home), \
                mock.patch.object(apt, "inherited", return_value=["Acquire::http::Proxy=http://p:1"]):
            yield home, apt.Archive("x", "one", "one-backports")


class MadeOnce(Case):
    def test_made_once(self) -> None:
        """What was made is made anew only for other packages, or if it was left unfinished. Its word is remembered."""
        made: list = []

        def make(home: Path) -> str:
            (home / f"file-{len(made)}").touch()
            made.append(home)
            if len(made) == 3:
                raise Problem("no network")
            return "6.1.0"
        with directory() as home, mock.patch.object(apt, "CACHE", home):
            place = home / "chroots/x"
            self.assertEqual(apt.made_once("x", "a,b", 0, make), (place, "6.1.0"))
            self.assertEqual(apt.made_once("x", "a,b", 0, make), (place, "6.1.0"))
            self.assertEqual(made, [place])
            apt.made_once("x", "b", 0, make)
            self.assertEqual([path.name for path in place.glob("file-*")], ["file-1"])
            self.refused(lambda: apt.made_once("x", "c", 0, make), "no network")
            self.assertEqual(apt.made_once("x", "c", 0, make)[1], "6.1.0")
            self.assertEqual([path.name for path in place.glob("file-*")], ["file-3"])

    def test_without_a_word(self) -> None:
        """Nothing need be remembered."""
        with directory() as home, mock.patch.object(apt, "CACHE", home):
            apt.made_once("x", "a,b", 0, lambda home: "")
            self.assertEqual((home / "chroots/x/ready").read_text(), "a,b\n")
            self.refused(lambda: apt.made_once("x", "a", 0, mock.Mock(side_effect=Problem("made anew"))), "made anew")
            self.assertFalse((home / "chroots/x/ready").exists())


class Archives(Case):
    def test_with_needs(self) -> None:
        """What the system has is read from its own list, which is neither locked nor changed, and nothing is installed.
        Packages that an interrupted run has left do not count."""
        with _archive("a_1.deb b_2.deb") as (home, archive):
            archive.update()
            (home / "apt/x/cache/archives/old_1.deb").touch()
            found = archive.with_needs("a", "one-backports")
            self.assertEqual([path.name for path in found], ["a_1.deb", "b_2.deb"])
            call = (home / "called").read_text().splitlines()[-1]
            for words in ("--download-only", "-t one-backports install a", f"Dir::State::status={apt.INSTALLED}",
                          "Debug::NoLocking=1", f"Dir::Cache={home}/apt/x/cache", "Acquire::http::Proxy=http://p:1"):
                self.assertIn(words, call)
            archive.forget()
            self.assertEqual(list((home / "apt/x/cache/archives").glob("*.deb")), [])

    def test_with_all_needs(self) -> None:
        """A program that cannot use the system's libraries gets them all, whatever the system has."""
        with _archive("a_1.deb libc6_2.deb") as (home, archive):
            self.assertEqual(len(archive.with_needs("a", "one", everything=True)), 2)
            call = (home / "called").read_text().splitlines()[-1]
            self.assertNotIn(str(apt.INSTALLED), call)
            self.assertIn(f"Dir::State::status={home}/apt/x/state/status", call)

    def test_nothing_comes(self) -> None:
        """No network and no package are errors of one line."""
        with _archive("", status=100) as (_, archive):
            self.refused(lambda: archive.with_needs("a", "one-backports"), "one, one-backports", "no network")
        with _archive("") as (_, archive):
            self.refused(lambda: archive.with_needs("a", "one-backports"), "a of one-backports", "not downloaded")


if __name__ == "__main__":
    unittest.main()
