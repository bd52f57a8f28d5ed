# SPDX-License-Identifier: GPL-2.0
"""Installs what a verb needs and the system lacks: Debian packages and the Python environment."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from base.common import HERE, OUT, Problem, lock, need_space, output_of, run_logged, say, took, write_atomically

# The packages by group; a verb asks for groups. A package counts as installed if its command exists, or its file if it
# has no command. This is quicker than asking dpkg, and also right if the user installed it some other way.
GROUPS = {
    "build": {
        "gcc": "gcc", "make": "make", "ld": "binutils", "flex": "flex", "bison": "bison", "bc": "bc",
        "/usr/include/gelf.h": "libelf-dev", "/usr/include/stdlib.h": "libc6-dev",
    },
    "source": {"apt-get": "apt", "dpkg-deb": "dpkg", "tar": "tar", "xz": "xz-utils",
               "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring"},
    "guest": {"/bin/busybox": "busybox-static"},
    # What the guests use in which drivers run on cmwq2, and what loads these.
    "drivers": {"/usr/sbin/dmsetup": "dmsetup", "/usr/sbin/mke2fs": "e2fsprogs", "wg": "wireguard-tools"},
    "load": {"/usr/sbin/dmsetup": "dmsetup", "fio": "fio"},
    "x86": {"qemu-system-x86_64": "qemu-system-x86"},
    "arm64": {"qemu-system-aarch64": "qemu-system-arm"},
    "cross-arm64": {"aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu"},
    "python": {"/usr/share/doc/python3-venv": "python3-venv"},
    # Every Debian has perl-base, but checkpatch needs the full package, which prove is part of.
    "style": {"prove": "perl", "sparse": "sparse"},
    # checkpatch needs the full perl.
    "series": {"git": "git", "prove": "perl"},
    "chroot": {"mmdebstrap": "mmdebstrap"},
    "faults": {"patch": "patch"},
    "model": {"spin": "spin", "gcc": "gcc", "/usr/include/stdlib.h": "libc6-dev"},
}


def _present(probe: str) -> bool:
    if probe.startswith("/"):
        return Path(probe).exists()
    # This searches only PATH, which may lack the sbin directories. None of the commands is in one of those.
    return shutil.which(probe) is not None


def names(group: str) -> list:
    """Return the Debian names of the packages of a @group, installed or not."""
    return sorted(set(GROUPS[group].values()))


def missing(*groups: str) -> list:
    """Return the Debian names of the packages that @groups need and the system lacks."""
    return sorted({package for group in groups for probe, package in GROUPS[group].items() if not _present(probe)})


def require(*groups: str, quiet: bool = False) -> None:
    """Install the missing packages of @groups. Raises Problem with their names if this process cannot install packages.
    @quiet: do not print the end of the log after a failure."""
    names = missing(*groups)
    if not names:
        return
    if not Path("/etc/debian_version").exists() or not shutil.which("apt-get"):
        raise Problem(f"missing packages (Debian names): {' '.join(names)}")
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if prefix and (not shutil.which("sudo") or subprocess.run([*prefix, "true"], capture_output=True).returncode):
        raise Problem(f"missing packages, and neither root nor sudo to install them: apt-get install {' '.join(names)}")
    _install(prefix, names, quiet)
    left = missing(*groups)
    if left:
        raise Problem(f"still missing after the installation: {' '.join(left)}")


def _install(prefix: list, names: list, quiet: bool) -> None:
    start, log = time.monotonic(), OUT / "log" / "packages.log"
    say(f"  installing Debian packages: {' '.join(names)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    install = [*command, "install", "-y", "-q", "--no-install-recommends", *names]
    with lock("packages"):
        # The package lists may be missing (a fresh container) or outdated, so they are always updated.
        run_logged([*command, "-q", "update"], log, env=env, quiet=quiet)
        run_logged(install, log, env=env, quiet=quiet)
    say(f"  installed in {took(start)}")


def environment(name: str, requirements: str, commands: Sequence[str] = (), quiet: bool = False) -> Path:
    """
    Return the path of a virtual environment with pinned packages. It is made if needed.

    Each purpose has an environment of its own, so that one works without the packages of another.

    :param name: the name of its directory
    :param requirements: the file that pins the packages
    :param commands: commands of the packages, which must run
    :param quiet: do not print the end of the log after a failure
    """
    pins, venv = (HERE / requirements).read_text(), OUT / name
    with lock(name, OUT):
        if stands(venv, pins) and all((venv / "bin" / command).exists() for command in commands):
            return venv
        need_space(OUT, 0.5)
        start, log = time.monotonic(), OUT / "log" / f"{name}.log"
        say(f"  Python packages into {name}: {', '.join(line for line in pins.splitlines() if '==' in line)}")
        make_environment(venv, HERE / requirements, log, quiet)
        for command in commands:
            output_of([venv / "bin" / command, "--version"])
        write_atomically(venv / "ready", standing(venv, pins))
        say(f"  Python packages ready in {took(start)}")
    return venv


def python_environment() -> Path:
    """Return the path of the virtual environment with drgn."""
    return environment("venv", "requirements.txt", ("drgn",))


def documents_environment() -> Path:
    """Return the path of the virtual environment with Sphinx and what makes man pages and completion."""
    return environment("venv-docs", "requirements-docs.txt", ("sphinx-build", "shtab"))


def standing(venv: Path, pins: str) -> str:
    """Return the stamp of a good @venv: its packages, its Python, and its path, because its commands begin with that
    path."""
    return f"{pins}\n{sys.version}\n{venv}\n"


def stands(venv: Path, pins: str) -> bool:
    """Return whether @venv was made in this place, by this Python, with the packages @pins."""
    stamp = venv / "ready"
    return stamp.exists() and stamp.read_text() == standing(venv, pins)


def make_environment(venv: Path, requirements: Path, log: Path, quiet: bool = False) -> None:
    """Make a new virtual environment @venv with the packages that the file @requirements pins."""
    shutil.rmtree(venv, ignore_errors=True)
    if not _venv_works():
        require("python")
    run_logged([sys.executable, "-m", "venv", venv], log, quiet=quiet)
    run_logged([venv / "bin/python", "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-q",
                "--only-binary=:all:", "-r", requirements], log, quiet=quiet)


def _venv_works() -> bool:
    """Return whether this Python can make virtual environments. Without python3-venv, Debian's python3 has the module
    venv, but not ensurepip, which venv needs."""
    return subprocess.run([sys.executable, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0
