# SPDX-License-Identifier: GPL-2.0
"""`make check-packages`: installs the Debian packages into Debian systems, boots these with their own kernels and uses
what was installed, upgrades the packages, and removes them, after which nothing may be left. In the first boot it also
takes vmcores of the system, which the tools must show as they show the running kernel."""

import contextlib
import hashlib
import lzma
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from base import alive
from base.common import (
    EXIT_FAILED,
    EXIT_LOST,
    EXIT_PASSED,
    HERE,
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
from build import apt, deb, debuginfo, modules, packages, qemu, sample
from build.kernel import Vehicle
from looks import dump, vmcore
from machines import guest
from verbs import compat

sys.path.insert(0, str(ROOT / "tools"))
import package  # noqa: E402

# What a system has on which the packages are installed, besides its kernel with the headers. DKMS signs with openssl.
FRESH = "dkms,kmod,openssl,python3"
# The oldest drgn that the tools work with came with this suite.
DRGN_SINCE = "trixie"
# Drivers that the guest needs to reach the system's files, which stay on the host, and one that gives QEMU the note
# which says where the kernel's data are. drgn needs the note to read a vmcore.
DRIVERS = ("virtio_pci", "9pnet_virtio", "9p", "qemu_fw_cfg")
SHARED = ["-fsdev", "local,id=system,path={root},security_model=passthrough", "-device",
          "virtio-9p-pci,fsdev=system,mount_tag=system"]
LIMIT = 60
# A busy host, and the pause while vmcores are taken, look like a stall of RCU to the guest. A guest that really stands
# still exceeds its time limit.
PARAMETERS = ("rcupdate.rcu_cpu_stall_suppress=1",)
# drgn in the guest needs more memory than the suites.
MORE_MEMORY = ["-m", "2G"]
# Where drgn looks for the debug info of a kernel, with the release.
VMLINUX = "usr/lib/debug/boot/vmlinux-{}"
# Where pip puts packages on Debian 12, whose own drgn is too old.
FROM_PIP = "usr/local/lib/python3.11/dist-packages"
# The document with the commands for systems without a package, and the series of the system in which they are tried.
INSTALL, RECIPE_ON = ROOT / "Documentation/install.rst", "6.12"
# Files that change whenever packages are installed or removed, and the key that DKMS makes at the first build.
NOT_OURS = re.compile(r"(var/lib/dpkg|var/lib/apt|var/cache|var/log|var/lib/dkms/mok\.(key|pub))(/|$)")
# How a user runs drgn on a vmcore. drgn finds the debug info of the kernel by itself.
ON_VMCORE = ("python3", "-m", "drgn", "--quiet", "-c", "/vmcore")
# A drgn session that has the helpers, and the commands if this drgn has commands. With debug info it uses them.
SESSION = """
from cmwq2 import for_each_pool, for_each_worker
from cmwq2.workqueue import find_workqueue, for_each_pwq
try:
    from drgn.commands import DEFAULT_COMMAND_NAMESPACE
except ImportError:
    pass
else:
    assert DEFAULT_COMMAND_NAMESPACE.lookup(prog, "wq_dump")
if "init_task" in prog:
    assert list(for_each_pwq(find_workqueue("events")))
"""


def _system(which: compat.Distribution) -> tuple:
    """Return a directory with a Debian system as it is before the packages are installed, the release of its kernel,
    and the kernel's vmlinux with debug info. They are made only once."""
    name = f"system-{which.series}"
    archive = apt.Archive(name, *which.suites)

    def make(home: Path) -> str:
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
    return home / "root", release, debuginfo.vmlinux(which.series, archive, release)


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


def _plain(module: Path, into: Path) -> Path:
    """Return a module without compression: @module itself, or a copy in the directory @into."""
    if module.suffix != ".xz":
        return module
    target = into / f"{module.name.partition('.')[0]}.ko"
    target.write_bytes(lzma.decompress(module.read_bytes()))
    return target


class System:
    """A Debian system, into which packages are installed and from which they are removed."""

    def __init__(self, which: compat.Distribution):
        self.which = which
        fresh, self.release, self.vmlinux = _system(which)
        self.name = f"packages-{which.series}"
        self.root = OUT / "packages" / which.series
        self.log = OUT / "log" / f"{self.name}.log"
        self.log.unlink(missing_ok=True)
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.parent.mkdir(parents=True, exist_ok=True)
        run_logged(["cp", "-a", fresh, self.root], self.log)
        if which.suites[0] != DRGN_SINCE:
            start = time.monotonic()
            run_logged([packages.python_environment() / "bin/python", "-m", "pip", "install", "--no-input", "-q",
                        "--only-binary=:all:", "--python-version", "3.11", "--target", self.root / FROM_PIP,
                        "-r", HERE / "requirements.txt"], self.log)
            say(f"      {self.release}: drgn installed with pip in {took(start)}")

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

    def _said_of(self, module: str, field: str) -> str:
        """Return a field of what modinfo says of an installed module."""
        return output_of(apt.inside(self.root, "modinfo", "-k", self.release, "-F", field, module)).strip()

    def check_signed(self) -> None:
        """Raise Problem unless DKMS has signed the modules."""
        for name in ("cmwq2", "cmwq2_bench"):
            if not self._said_of(name, "signer"):
                raise Problem(f"DKMS has not signed {name}.ko")

    def follow_recipe(self, version: str) -> None:
        """Run the commands that install.rst has for systems with RPM: those that install the modules with DKMS, and
        those that remove them."""
        place = fresh_directory(self.root / "checkout")
        modules.mirror([(ROOT / name, name) for name in modules.INSTALLED], place)
        shutil.copytree(ROOT / "tools/packaging", place / "tools/packaging")
        first, *others = (line.replace("$(uname -r)", self.release)
                          for line in sample.block(".. run: rpm-install", INSTALL))
        for lines in (others, sample.block(".. run: rpm-remove", INSTALL)):
            self.run("sh", "-euc", "\n".join(["cd /checkout", first, *lines]))
            if lines is others:
                self.check_signed()
                if self._said_of("cmwq2", "version") != version:
                    raise Problem(f"the commands of install.rst have not installed version {version}")
        shutil.rmtree(place)

    def remove(self) -> None:
        """Remove the packages."""
        self.run("apt-get", "remove", "-y", "cmwq2-dkms", "cmwq2-tools")

    def files(self) -> dict:
        """Return a snapshot of the system's files."""
        with alive.doing(lambda: f"reading all files of {shown(self.root)}"):
            return snapshot(self.root)

    def must_be(self, before: dict, what: str) -> None:
        """Raise Problem if the system's files are not as in the snapshot @before. @what was done to make them so."""
        found = left(before, self.files())
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            write_atomically(self.log.with_suffix(".left"), "\n".join(found) + "\n")
            raise Problem(f"{what}, but {found[0]}{more} ({shown(self.log.with_suffix('.left'))})")

    def _drivers(self, into: Path) -> list:
        """Return the drivers that the guest loads, in their order, unpacked into the directory @into."""
        lines = output_of(["chroot", self.root, "/usr/sbin/modprobe", "-S", self.release, "--show-depends", "-a",
                           *DRIVERS]).splitlines()
        found = []
        for name in dict.fromkeys(line.split()[1] for line in lines if line.startswith("insmod ")):
            found.append(_plain(self.root / name.lstrip("/"), into))
        return found

    @contextlib.contextmanager
    def _having(self, name: str, origin: Path) -> Iterator[None]:
        """Have the file @origin in the system as @name within this context."""
        target = self.root / name
        made = [folder for folder in target.parents if not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(origin, target)
        except OSError:     # on another device
            shutil.copy(origin, target)
        try:
            yield
        finally:
            target.unlink()
            for folder in made:
                folder.rmdir()

    def _dump(self, run: guest.Run) -> list:
        """Pause the guest and take vmcores of it. Return a line for each part of what the commands say of a vmcore and
        not of the guest itself: the scripts of this checkout, and what is installed in this system."""
        symbols = [self.vmlinux, _plain(self.root / self._said_of("cmwq2", "filename").lstrip("/"), run.home)]
        with dump.paused(run.home) as monitor:
            lines = vmcore.compare(run, monitor, symbols, (vmcore.NATIVE, vmcore.OURS))
            live = dump.drgn(run, symbols, dump.SCRIPT, "--native", "--json")
            with dump.core_of(monitor, run.home) as core, self._having("vmcore", core):
                start = time.monotonic()
                said = output_of(apt.inside(self.root, *ON_VMCORE, "/usr/bin/wq-dump", "--native", "--json"))
                say(f"      {self.release}: wq-dump --native of a vmcore in {took(start)}, on this machine")
                output_of(apt.inside(self.root, *ON_VMCORE, "/harness-session.py"))
        return lines + vmcore.differences("vmcore: wq-dump --native as installed", live, said)

    def use(self, version: str, first: bool) -> None:
        """Boot the system's kernel, and use the modules and commands of @version there. Raises Problem if something
        does not work. The @first boot has debug info of the kernel, and is looked at with drgn."""
        target = compat.DebianKernel(Vehicle(f"v{self.which.series}", "x86_64", (), (), "", 0, 0, 2, PARAMETERS),
                                     self.root / f"boot/vmlinuz-{self.release}", self.release)
        home, problems = guest.home(self.name), []
        drivers = self._drivers(home)
        settings = {"VERSION": version, "DRIVERS": " ".join(path.stem for path in drivers),
                    "BENCH_CONFIG": self.which.bench, "FIRST": "1" if first else ""}

        def on_event(words: list) -> bool:
            if words[:1] != ["look"]:
                return False
            try:
                problems.extend(self._dump(run))
            except (Problem, OSError, ValueError) as problem:
                problems.append(f"vmcore: {problem}")
            return True
        run = guest.Run(target, "packages", home, drivers, settings, limit=LIMIT, on_event=on_event,    # type: ignore
                        extra=[*MORE_MEMORY, *dump.QEMU, *(word.format(root=self.root) for word in SHARED)])
        (self.root / "harness-session.py").write_text(SESSION)
        with self._having(VMLINUX.format(self.release), self.vmlinux) if first else contextlib.nullcontext():
            guest.boot(run)
        (self.root / "harness-session.py").unlink()
        if not run.outcome.passed:
            problems.insert(0, f"the guest: {run.outcome} (log: {shown(run.console)})")
        if problems:
            raise dump.found(run, problems)
        if first:
            say(f"      {self.release}: {(run.results / 'seconds').read_text().strip()}, on an emulated CPU")


def _try(which: compat.Distribution, now: tuple, later: tuple) -> None:
    """Install, use, upgrade, use and remove the packages in one system. @now and @later are two versions of them: the
    version and the files."""
    system = System(which)
    before = system.files()
    example = system.root / "etc/modprobe.d/cmwq2.conf"
    for version, debs in (now, later):
        start = time.monotonic()
        system.install(debs)
        say(f"      {system.release}: {version} installed in {took(start)}")
        system.check_signed()
        # What a user does with the example.
        text = (system.root / "usr/share/doc/cmwq2-dkms/examples/modprobe.d/cmwq2.conf").read_text()
        example.write_text(text.replace("#options cmwq2 profile", "options cmwq2 profile"))
        system.use(version, debs is now[1])
    example.unlink()
    system.remove()
    system.must_be(before, "the packages were removed")
    if which.series == RECIPE_ON:
        start = time.monotonic()
        system.follow_recipe(now[0])
        say(f"      {system.release}: the commands for systems with RPM: installed and removed in {took(start)}")
        system.must_be(before, "the commands of install.rst have removed the modules")
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
