# SPDX-License-Identifier: GPL-2.0
"""`make deb`: builds the Debian packages of tools/packaging/debian in a chroot that has the tools for it, and checks
them with lintian. Nothing of that is installed on the system."""

import email.utils
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from base.common import OUT, ROOT, Problem, Progress, fresh_directory, run_logged, say, shown
from build import apt, modules, packages

sys.path.insert(0, str(ROOT / "tools"))
import package  # noqa: E402

PACKAGING = ROOT / "tools/packaging"
# The oldest suite that the packages are for. Newer suites can install what was built here, as nothing is compiled.
SUITE = "bookworm"
TOOLS = ("build-essential,debhelper,dh-dkms,dh-python,lintian,pybuild-plugin-pyproject,python3-all,"
         "python3-setuptools")
MAINTAINER = re.compile(r"^Maintainer: (.*)$", re.MULTILINE)
VERSION = re.compile(r'(CMWQ2_VERSION\t")([^"]+)')


def _builder() -> Path:
    """Return the chroot that the packages are built in. It is made only once."""
    def make(home: Path) -> str:
        with Progress(f"Debian's {SUITE} with debhelper and lintian in a chroot") as progress:
            apt.Archive("deb", SUITE).bootstrap(home / "root", "essential", TOOLS)
            progress.finish("ready")
        return ""
    return apt.made_once("deb", TOOLS, 1, make)[0] / "root"


def _date() -> str:
    """Return the date for the changelog: SOURCE_DATE_EPOCH, or else that of the last commit, or else now."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not epoch:
        done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True, capture_output=True)
        epoch = done.stdout.strip()
    return email.utils.formatdate(int(epoch) if epoch.isdigit() else time.time())


def _copy(work: Path, number: str) -> None:
    """Copy what the packages are built of into the directory @work, as version @number."""
    fresh_directory(work)
    modules.mirror([(ROOT / name, name) for name in modules.INSTALLED], work)
    shutil.copytree(ROOT / "Documentation", work / "Documentation")
    shutil.copy(ROOT / "README.md", work)
    shutil.copytree(ROOT / "tools", work / "tools", ignore=shutil.ignore_patterns("vm", "test_*", "__pycache__"))
    (work / "tools/packaging/debian").rename(work / "debian")
    header = work / package.VERSION_HEADER.relative_to(ROOT)
    header.write_text(VERSION.sub(rf"\g<1>{number}", header.read_text()))
    maintainer = MAINTAINER.findall((work / "debian/control").read_text())[0]
    (work / "debian/changelog").write_text(
        f"cmwq2 ({number}) unstable; urgency=medium\n\n  * changes.rst of this package says what is new.\n\n"
        f" -- {maintainer}  {_date()}\n")


def _make_manuals(work: Path, log: Path) -> None:
    """Make the man pages and the completion of the installed commands, in debian/manuals of the copy @work."""
    venv = packages.documents_environment()
    package.lay_out(work / "debian/package")
    run_logged([venv / "bin/python", "-B", ROOT / "tools/manuals.py", "--package", work / "debian/package",
                work / "debian/manuals"], log)
    shutil.rmtree(work / "debian/package")


def build(into: Path, number: str = "") -> list:
    """Build the packages, as version @number if it is not empty. Put them into the directory @into and return their
    paths. Raises Problem if lintian finds an error."""
    if os.geteuid() != 0:
        raise Problem("the packages are built in a chroot, which needs root")
    packages.require("chroot", "source")
    root, log = _builder(), OUT / "log" / f"{into.name}.log"
    log.unlink(missing_ok=True)
    place = Path(f"build-{os.getpid()}/cmwq2")
    work = root / place
    try:
        with Progress("the packages cmwq2-dkms and cmwq2-tools") as progress:
            number = number or package.version()
            _copy(work, number)
            _make_manuals(work, log)
            script = f"cd /{place} && dpkg-buildpackage -us -uc -b && lintian --fail-on error --info ../*.changes"
            run_logged(apt.inside(root, "env", "LC_ALL=C.UTF-8", "sh", "-c", script), log)
            fresh_directory(into)
            found = [Path(shutil.copy(path, into)) for path in sorted(work.parent.glob("*.deb"))]
            progress.finish(f"version {number}, built and checked with lintian")
    finally:
        shutil.rmtree(work.parent, ignore_errors=True)
    return found


def show(found: list) -> None:
    """Print the paths of packages, and how they are installed."""
    names = " ".join(f"./{shown(path)}" for path in found)
    say(f"  apt-get install {names}")
