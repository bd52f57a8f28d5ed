# SPDX-License-Identifier: GPL-2.0
"""`make check-packages`: installs the Debian packages into Debian systems, boots these with their own kernels and uses
what was installed, upgrades the packages, and removes them, after which nothing may be left."""

import hashlib
import lzma
import os
import re
import shutil
import stat
import sys
import time
from pathlib import Path

from base.common import (
    EXIT_FAILED,
    EXIT_LOST,
    EXIT_PASSED,
    OUT,
    ROOT,
    Problem,
    Progress,
    fresh_directory,
    output_of,
    run_logged,
    say,
    shown,
    took,
    write_atomically,
)
from build import apt, deb, packages, qemu
from build.kernel import Vehicle
from machines import guest
from verbs import compat

sys.path.insert(0, str(ROOT / "tools"))
import package  # noqa: E402

# What a system has on which the packages are installed, besides its kernel with the headers. DKMS signs with openssl.
FRESH = "dkms,kmod,openssl,python3"
# The oldest drgn that the tools work with came with this suite.
DRGN_SINCE = "trixie"
# Drivers that the guest needs to reach the system's files, which stay on the host.
DRIVERS = ("virtio_pci", "9pnet_virtio", "9p")
SHARED = ["-fsdev", "local,id=system,path={root},security_model=passthrough", "-device",
          "virtio-9p-pci,fsdev=system,mount_tag=system"]
LIMIT = 60
# Files that change whenever packages are installed or removed, and the key that DKMS makes at the first build.
NOT_OURS = re.compile(r"(var/lib/dpkg|var/lib/apt|var/cache|var/log|var/lib/dkms/mok\.(key|pub))(/|$)")
# A drgn session that has the helpers, and the commands if this drgn has commands.
SESSION = """
from cmwq2 import for_each_pool, for_each_worker
try:
    from drgn.commands import DEFAULT_COMMAND_NAMESPACE
except ImportError:
    pass
else:
    assert DEFAULT_COMMAND_NAMESPACE.lookup(prog, "wq_dump")
"""


def _system(which: compat.Distribution) -> tuple:
    """Return a directory with a Debian system as it is before the packages are installed, and the release of its
    kernel. It is made only once."""
    name = f"system-{which.series}"

    def make(home: Path) -> str:
        archive = apt.Archive(name, *which.suites)
        release = compat.newest_release(archive, which.series)
        with Progress(f"Debian's {which.suites[0]} with the kernel {release}") as progress:
            names = [FRESH, f"linux-image-{release}", f"linux-headers-{release}"]
            # The image of a newer suite needs the linux-base of that suite.
            names += [f"linux-base/{suite}" for suite in which.suites[1:]]
            names += ["python3-drgn"] if which.suites[0] == DRGN_SINCE else []
            archive.bootstrap(home / "root", "apt", ",".join(names))
            progress.finish("ready")
        return release
    home, release = apt.made_once(name, FRESH, 3, make)
    return home / "root", release


def snapshot(root: Path) -> dict:
    """Return what is in the directory @root: for each path its type and mode, and its content."""
    found = {}
    for top, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(top) / name
            mode = path.lstat().st_mode
            content = ""
            if stat.S_ISLNK(mode):
                content = os.readlink(path)
            elif stat.S_ISREG(mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(root))] = (mode, content)
    return {name: what for name, what in found.items() if not NOT_OURS.match(name)}


def left(before: dict, after: dict) -> list:
    """Return a line for each path that differs between the snapshots @before and @after."""
    lines = []
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            word = "left" if name not in before else "lost" if name not in after else "changed"
            lines.append(f"{word}: /{name}")
    return lines


class System:
    """A Debian system, into which packages are installed and from which they are removed."""

    def __init__(self, which: compat.Distribution):
        self.which = which
        fresh, self.release = _system(which)
        self.name = f"packages-{which.series}"
        self.root = OUT / "packages" / which.series
        self.log = OUT / "log" / f"{self.name}.log"
        self.log.unlink(missing_ok=True)
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.parent.mkdir(parents=True, exist_ok=True)
        run_logged(["cp", "-a", fresh, self.root], self.log)

    def run(self, *command: object) -> None:
        """Run @command in the system, as root. Raises Problem if it fails."""
        run_logged(apt.inside(self.root, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", *command), self.log)

    def install(self, debs: list) -> None:
        """Install or upgrade packages from files, as root does: DKMS builds the modules meanwhile."""
        place = fresh_directory(self.root / "packages")
        names = [f"/packages/{Path(shutil.copy(path, place)).name}" for path in debs]
        try:
            self.run("apt-get", "install", "-y", "--no-install-recommends", *names)
        except Problem:
            builds = list(self.root.glob("var/lib/dkms/cmwq2/*/build/make.log"))
            if not builds:
                raise
            log = shutil.copy(builds[0], self.log.with_suffix(".make.log"))
            raise Problem(f"DKMS cannot build the modules (log: {shown(Path(log))})") from None
        shutil.rmtree(place)

    def check_signed(self) -> None:
        """Raise Problem unless DKMS has signed the modules."""
        for name in ("cmwq2", "cmwq2_bench"):
            if not output_of(apt.inside(self.root, "modinfo", "-k", self.release, "-F", "signer", name)).strip():
                raise Problem(f"DKMS has not signed {name}.ko")

    def remove(self) -> None:
        """Remove the packages."""
        self.run("apt-get", "remove", "-y", "cmwq2-dkms", "cmwq2-tools")

    def _drivers(self, into: Path) -> list:
        """Return the drivers that the guest loads, in their order, unpacked into the directory @into."""
        lines = output_of(["chroot", self.root, "/usr/sbin/modprobe", "-S", self.release, "--show-depends", "-a",
                           *DRIVERS]).splitlines()
        found = []
        for name in dict.fromkeys(line.split()[1] for line in lines if line.startswith("insmod ")):
            path = self.root / name.lstrip("/")
            data = path.read_bytes()
            target = into / f"{path.name.partition('.')[0]}.ko"
            target.write_bytes(lzma.decompress(data) if path.suffix == ".xz" else data)
            found.append(target)
        return found

    def use(self, version: str) -> None:
        """Boot the system's kernel, and use the modules and commands of @version there. Raises Problem if something
        does not work."""
        target = compat.DebianKernel(Vehicle(f"v{self.which.series}", "x86_64", (), (), "", 0, 0, 2),
                                     self.root / f"boot/vmlinuz-{self.release}", self.release)
        (self.root / "harness-session.py").write_text(SESSION)
        home = guest.home(self.name)
        drivers = self._drivers(home)
        settings = {"VERSION": version, "DRIVERS": " ".join(path.stem for path in drivers),
                    "DRGN": "1" if self.which.suites[0] == DRGN_SINCE else ""}
        run = guest.Run(target, "packages", home, drivers, settings, limit=LIMIT,    # type: ignore
                        extra=[word.format(root=self.root) for word in SHARED])
        guest.boot(run)
        (self.root / "harness-session.py").unlink()
        guest.must_pass(run)


def _try(which: compat.Distribution, now: tuple, later: tuple) -> None:
    """Install, use, upgrade, use and remove the packages in one system. @now and @later are two versions of them: the
    version and the files."""
    system = System(which)
    before = snapshot(system.root)
    example = system.root / "etc/modprobe.d/cmwq2.conf"
    for version, debs in (now, later):
        start = time.monotonic()
        system.install(debs)
        say(f"      {system.release}: {version} installed in {took(start)}")
        system.check_signed()
        # What a user does with the example.
        text = (system.root / "usr/share/doc/cmwq2-dkms/examples/modprobe.d/cmwq2.conf").read_text()
        example.write_text(text.replace("#options cmwq2 profile", "options cmwq2 profile"))
        system.use(version)
    example.unlink()
    system.remove()
    found = left(before, snapshot(system.root))
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        write_atomically(system.log.with_suffix(".left"), "\n".join(found) + "\n")
        raise Problem(f"the packages were removed, but {found[0]}{more} ({shown(system.log.with_suffix('.left'))})")
    shutil.rmtree(system.root)


def check(series: str) -> int:
    """Test the packages on all of compat.DISTRIBUTIONS, or on the one of @series. Return the exit status."""
    chosen = [which for which in compat.DISTRIBUTIONS if series in ("", which.series)]
    if not chosen:
        raise Problem(f"KERNEL={series} is no kernel that is tested with the packages; allowed: "
                      f"{', '.join(which.series for which in compat.DISTRIBUTIONS)}")
    if os.geteuid() != 0:
        raise Problem("check-packages needs root: it installs packages in chroots")
    packages.require("chroot", "source", "guest")
    qemu.provide()
    version = package.version()
    now, later = (version, deb.build(OUT / "deb")), (f"{version}.1", deb.build(OUT / "deb-later", f"{version}.1"))
    statuses = []
    for which in chosen:
        start = time.monotonic()
        try:
            _try(which, now, later)
            word, text, status = "PASS", "installed, used, upgraded, used and removed", EXIT_PASSED
        except Problem as problem:
            word, text, status = "FAIL", str(problem), problem.status
        statuses.append(status)
        say(f"{word}  {which.series:28} {took(start):>8}  {text}")
    passed = statuses.count(EXIT_PASSED)
    say(f"{passed} passed, {len(statuses) - passed} failed")
    return EXIT_LOST if EXIT_LOST in statuses else EXIT_FAILED if EXIT_FAILED in statuses else EXIT_PASSED
