# SPDX-License-Identifier: GPL-2.0
"""`make check-compat`: tests the modules on Debian's own kernels. They are built with the compiler of the kernel's
suite, and then loaded, used and unloaded on that kernel."""

import os
import re
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from base.common import (
    EXIT_FAILED,
    EXIT_LOST,
    EXIT_PASSED,
    OUT,
    Problem,
    Progress,
    jobs,
    run_logged,
    say,
    shown,
    took,
)
from build import apt, cross, modules, packages, qemu
from build.kernel import Vehicle
from looks import tracers
from machines import guest


@dataclass(frozen=True)
class Distribution:
    """A kernel series of Debian and the suites it comes from."""

    series: str
    suites: tuple
    bench: str = "items=2000 rounds=3"      # short, because the question is only whether it works at all
    lines: tuple = tracers.QUICK            # names of lines in the documentation that are run
    arch: str = "x86_64"                    # ARCH= of the kernel

    @property
    def name(self) -> str:
        """The name of what is kept and of what is run."""
        return f"{self.series}-{self.arch}" if cross.is_foreign(self.arch) else self.series

    @property
    def flavour(self) -> str:
        """How the release of the kernel ends."""
        return cross.debian(self.arch)


DISTRIBUTIONS = (
    # The workqueues of 6.1 have no affinity scopes, so there is nothing to compare an unbound queue with.
    Distribution("6.1", ("bookworm",), "queue=percpu items=2000 rounds=3"),
    Distribution("6.12", ("trixie",)),
    Distribution("7.2", ("trixie", "trixie-backports"), lines=tuple(tracers.LINES)),
)
# A kernel of another architecture. The programs of the documentation's lines are for this machine's own only.
ON_ARM64 = Distribution("6.12", ("trixie",), lines=(), arch="arm64")
LIMIT = 40
# Packages needed besides the headers and their dependencies. With W=1 the kernel checks comments with a script in
# perl or python.
TOOLS = "make,gcc,perl,python3"


@dataclass(frozen=True)
class DebianKernel:
    """The parts of a kernel that guest.boot() needs."""

    vehicle: Vehicle
    image: Path
    release: str


def _number(release: str) -> list:
    return [int(digits) for digits in re.findall(r"\d+", release)]


def newest_release(archive: apt.Archive, series: str) -> str:
    """Return the newest kernel release of @series that has both headers and an image."""
    pattern = rf"{re.escape(series)}\.[\w.+-]*{archive.architecture}"
    headers, images = (
        {name[len(prefix):] for name in archive.names(prefix + pattern)}
        for prefix in ("linux-headers-", "linux-image-"))
    found = [name for name in headers & images if not re.search(r"-(rt|cloud)-", name)]
    if not found:
        raise Problem(f"Debian's {', '.join(archive.suites)} has no kernel {series}")
    return max(found, key=_number)


def _provide(which: Distribution) -> tuple:
    """Return the chroot to build in and the kernel to boot. Like the source, they are downloaded only once."""
    needs = ",".join([TOOLS, *(packages.names(f"cross-{which.arch}") if cross.is_foreign(which.arch) else [])])
    home, release = apt.made_once(which.name, needs, 2, partial(_make, which, needs))
    vehicle = Vehicle(f"v{which.name}", which.arch, (), (), "", 0, 0, 2, pci=True)
    return home / "root", DebianKernel(vehicle, _image(home), release)


def provide(series: str) -> tuple:
    """Return the kernel of @series and the modules built for it."""
    root, target = _provide(next(which for which in DISTRIBUTIONS if which.series == series))
    return target, _build(root, target.release)


def _image(home: Path) -> Path:
    found = sorted((home / "image").rglob("vmlinuz*"))
    if not found:
        raise Problem(f"{shown(home)}: the package has no vmlinuz in it")
    return found[0]


def _make(which: Distribution, needs: str, home: Path) -> str:
    archive = apt.Archive(f"compat-{which.name}", *which.suites, architecture=which.flavour)
    release = newest_release(archive, which.series)
    with Progress(f"Debian's {release}: its compiler and headers in a chroot, its image beside") as progress:
        # Newer kernels of Debian have the image in a separate package.
        image = f"linux-binary-{release}" if archive.newest(f"linux-binary-{release}") else f"linux-image-{release}"
        apt.unpack(home / "image", archive.download(image, archive.newest(image), home / "deb"))
        if cross.is_foreign(which.arch):
            _headers(which, archive, home, f"{needs},{_programs(release, which.flavour)}", release)
        else:
            archive.bootstrap(home / "root", "essential", f"{needs},linux-headers-{release}")
        _image(home)
        shutil.rmtree(home / "deb")
        progress.finish("ready")
    return release


def _programs(release: str, flavour: str) -> str:
    """Return the packages with the headers of all flavours, and with the programs that build a module. The latter run
    on this machine, whatever the kernel is for."""
    version = release.removesuffix(f"-{flavour}")
    return f"linux-headers-{version}-common,linux-kbuild-{version}"


def _headers(which: Distribution, archive: apt.Archive, home: Path, needs: str, release: str) -> None:
    """Make a chroot of this machine's architecture, and add the @release's headers from the @archive of the other. They
    are only unpacked, because their package depends on a compiler that runs on the other architecture."""
    apt.Archive(f"{archive.name}-tools", *which.suites).bootstrap(home / "root", "essential", needs)
    package = f"linux-headers-{release}"
    apt.unpack(home / "headers", archive.download(package, archive.newest(package), home / "deb"))
    shutil.copytree(home / "headers/usr/src", home / "root/usr/src", symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(home / "headers")


def _build(root: Path, release: str) -> list:
    """Build the modules with warnings as errors, and return them."""
    work = root / "build"
    log = OUT / "log" / f"compat-{release}.log"
    log.unlink(missing_ok=True)
    modules.mirror(modules.tree(), work)
    run_logged(apt.inside(root, "make", "-C", f"/usr/src/linux-headers-{release}", "M=/build", f"-j{jobs()}", "W=1",
                          "KCFLAGS=-Werror", "modules"), log)
    return sorted(work.rglob("*.ko"))


def _try(which: Distribution) -> int:
    start = time.monotonic()
    root, target = _provide(which)
    try:
        files = _build(root, target.release)
    except Problem as problem:
        say(f"FAIL  {target.release:28} {took(start):>8}  the build: {problem}")
        return EXIT_FAILED
    run = guest.run_job(target, "bench", f"compat-{which.name}", files, {"BENCH_CONFIG": which.bench}, limit=LIMIT)
    outcome = run.outcome
    said = f"built with W=1, loaded, benchmarked, unloaded ({' '.join(path.name for path in files)})"
    word, text = ("PASS", said) if outcome.passed else ("FAIL", str(outcome))
    say(f"{word}  {target.release:28} {took(start):>8}  {text}")
    if not outcome.passed:
        say(f"      log: {shown(run.console)}")
        return outcome.status
    return EXIT_PASSED if not which.lines else _try_lines(which, target, files)


def _try_lines(which: Distribution, target: DebianKernel, files: list) -> int:
    start = time.monotonic()
    try:
        tracers.check(target, which.series, files, which.lines)
    except Problem as problem:
        say(f"FAIL  {target.release:28} {took(start):>8}  {problem}")
        return problem.status
    say(f"PASS  {target.release:28} {took(start):>8}  lines of the documentation: {', '.join(which.lines)}")
    return EXIT_PASSED


def check() -> int:
    """Test all of DISTRIBUTIONS, and return the exit status."""
    if os.geteuid() != 0:
        raise Problem("check-compat needs root: it builds in chroots")
    packages.require("chroot", "source", "guest")
    tried = (*DISTRIBUTIONS, ON_ARM64)
    for arch in sorted({which.arch for which in tried}):
        qemu.provide(arch)
        # The guest's modules are stripped with the tools of their architecture.
        cross.require(arch)
    statuses = [_try(which) for which in tried]
    passed = statuses.count(EXIT_PASSED)
    say(f"{passed} passed, {len(statuses) - passed} failed")
    return EXIT_LOST if EXIT_LOST in statuses else EXIT_FAILED if EXIT_FAILED in statuses else EXIT_PASSED
