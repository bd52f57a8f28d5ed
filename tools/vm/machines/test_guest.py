#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of guest.py and initramfs.py: the channels, the time limit and the files of a guest."""

import io
import re
import sys
import tarfile
import unittest
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from base.testing import Case, directory
from machines import guest, initramfs, inside


def _session(rest: object) -> guest._Session:
    session = guest._Session.__new__(guest._Session)
    session.run = guest.Run(None, "kunit", Path("/"), rest=rest)     # type: ignore
    session.since, session.deadline, session.limit, session.resting = 0.0, 1.0, 100.0, False
    session.start = 0.0
    session.files = {"console.log": io.BytesIO(), "verdict.channel": io.BytesIO()}      # type: ignore
    return session


class Guests(Case):
    def test_results_channel(self) -> None:
        """Results that were cut off are noticed, and no file is unpacked outside of the results directory."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name in ("./ktap/a", "../outside"):
                member = tarfile.TarInfo(name)
                member.size = 600
                archive.addfile(member, io.BytesIO(b"x" * 600))
        whole = buffer.getvalue()
        with directory() as home:
            run = guest.Run(kernel=None, job="", home=home / "run")     # type: ignore
            run.home.mkdir()
            for data, complete in ((whole, True), (whole + whole, True), (whole[:700], False), (b"", False)):
                (run.home / "results.channel").write_bytes(data)
                self.assertEqual(guest.unpack_results(run), complete)
            self.assertEqual((run.results / "ktap/a").stat().st_size, 600)
            self.assertEqual((run.home / "outside").exists(), False)

    def test_ports(self) -> None:
        """A machine with one serial port has the channels on another device."""
        x86, arm64 = (guest.MACHINES[arch].channels(False, "file:/dev/fd/5", "null") for arch in ("x86_64", "arm64"))
        self.assertEqual(x86, ["-serial", "file:/dev/fd/5", "-serial", "null"])
        self.assertEqual(arm64, ["-device", "virtio-serial-device", "-chardev", "file,id=c0,path=/dev/fd/5",
                                 "-device", "virtconsole,chardev=c0", "-chardev", "null,id=c1",
                                 "-device", "virtconsole,chardev=c1"])
        self.assertEqual(guest.MACHINES["arm64"].channels(True, "null", "null")[:2], ["-device", "virtio-serial-pci"])

    def test_answers(self) -> None:
        """True sends an event back to the guest, a text is sent as it is, and nothing else is answered."""
        for answer, sent in ((True, b"look 1\n"), ("again", b"again\n"), (None, b""), (False, b"")):
            session = _session(None)
            session.process = SimpleNamespace(stdin=io.BytesIO())   # type: ignore
            session.run.on_event = lambda words, answer=answer: answer      # type: ignore
            session._line("verdict", b"EVENT look 1")
            self.assertEqual(session.process.stdin.getvalue(), sent)        # type: ignore

    def test_further_and_further(self) -> None:
        """A guest's time limit holds for a step, and every event of progress ends a step. A request for a look or
        messages of the kernel do not."""
        for channel, line, further in (("verdict", b"EVENT start a", True), ("verdict", b"EVENT written 5", True),
                                       ("verdict", b"EVENT case 5", True), ("verdict", b"EVENT end a 5", True),
                                       ("verdict", b"EVENT look", False), ("verdict", b"anything", False),
                                       ("console", b"[ 1.0]     ok 3 a_case", True),
                                       ("console", b"[ 1.0]         not ok 3 a parameter", True),
                                       ("console", b"[ 1.0] harness: still here", False)):
            session = _session(None)
            session._line(channel, line)
            self.assertEqual((line, session.deadline > 1.0), (line, further))
        session = _session(4.0)
        session._line("console", b"[ 1.0]     not ok 1 a")
        last = session.deadline
        session._line("console", b"[ 1.0]     ok 2 b")
        session._line("verdict", b"EVENT case 2")
        self.assertEqual(session.deadline, last)
        suite = (initramfs.GUEST / "lib.sh").read_text()
        self.assertEqual(["event case" in re.search(rf"^{name}\(\) .*?^}}$", suite,
                                                    re.MULTILINE | re.DOTALL)[0]     # type: ignore
                          for name in ("ok", "not_ok", "skip")], [True] * 3)

    def test_seen_in_the_guest(self) -> None:
        """No file of the guest is below a directory that it mounts something over, wherever this checkout is."""
        init = (initramfs.GUEST / "init").read_text()
        mounted = re.findall(r"\bmount -t \w+ \w+ (/\S+)", init)
        self.assertEqual({f"/{path.split('/')[1]}" for path in mounted}, set(initramfs.MOUNTED))
        with directory() as home:
            (home / "x").write_text("x")
            for top in initramfs.MOUNTED:
                self.refused(lambda: initramfs.write(home / "cpio", "shell", [], {}, {f"{top}/a/b": home / "x"}),
                             f"{top}/a/b")
            initramfs.write(home / "cpio", "shell", [], {}, {"/tmp/a/b": home / "x"})
            self.assertIn(b"tmp/a/b\0", (home / "cpio").read_bytes())
        for site in (Path("/tmp/x/site-packages"), Path("/dev/shm/x/site-packages")):
            self.assertEqual(inside.there(site / "drgn/../drgn.libs/a.so", site), f"{inside.SITE}/drgn.libs/a.so")
            self.assertEqual(inside.there(Path("/usr/lib/a.so"), site), "/usr/lib/a.so")


if __name__ == "__main__":
    unittest.main()
