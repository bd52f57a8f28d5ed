# SPDX-License-Identifier: GPL-2.0
"""Gets packages from Debian archives other than the system's, with a private apt state. The system's own sources do not
change."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from base.common import CACHE, OUT, Problem, lock, need_space, output_of, run_logged, write_atomically

MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What the system has installed.
INSTALLED = Path("/var/lib/dpkg/status")


def inherited() -> list:
    """Return the options of the system's apt for the network and for stale mirrors, as NAME=VALUE. We use them too."""
    wanted = ("Acquire::Check-Valid-Until", "Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::ForceIPv4")
    options = []
    for line in output_of(["apt-config", "dump"]).splitlines():
        match = re.match(r'([\w:-]+) "(.*)";$', line)
        if match and match[1].lower() in (name.lower() for name in wanted) and match[2]:
            options.append(f"{match[1]}={match[2]}")
    return options


class Archive:
    """One or more suites of the Debian archive."""

    def __init__(self, name: str, *suites: str, architecture: str = "amd64"):
        self.name, self.suites, self.architecture = name, suites, architecture
        self.home = CACHE / "apt" / name
        self._updated = False

    def _options(self) -> list:
        home = self.home
        settings = {
            "Dir::State": home / "state", "Dir::State::status": home / "state/status", "Dir::Cache": home / "cache",
            "Dir::Etc::SourceList": home / "sources.list", "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null", "Dir::Etc::PreferencesParts": "/dev/null",
            # Without this, root's apt downloads as user _apt, which cannot write below a home directory.
            "APT::Sandbox::User": "root",
            "APT::Architecture": self.architecture, "APT::Architectures": self.architecture,
        }
        return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")] + [
            word for option in inherited() for word in ("-o", option)]

    def sources(self) -> list:
        """Return the lines of a sources.list for these suites."""
        return [f"deb [signed-by={KEYRING}] {MIRROR} {suite} main" for suite in self.suites]

    def bootstrap(self, root: Path, variant: str, packages: str) -> None:
        """Make a Debian system of these suites in the directory @root with mmdebstrap. @variant is mmdebstrap's word
        for how much is installed besides @packages, which commas separate."""
        root.parent.mkdir(parents=True, exist_ok=True)
        options = [f'--aptopt={name} "{value}"' for name, _, value in (word.partition("=") for word in inherited())]
        run_logged(["mmdebstrap", f"--variant={variant}", f"--include={packages}", *options, self.suites[0], root,
                    *self.sources()], OUT / "log" / f"chroot-{self.name}.log")

    def update(self) -> None:
        """Fetch the package lists, once per run."""
        if self._updated:
            return
        for part in ("state/lists/partial", "cache/archives/partial"):
            (self.home / part).mkdir(parents=True, exist_ok=True)
        (self.home / "state/status").touch()
        (self.home / "sources.list").write_text("".join(f"{line}\n" for line in self.sources()))
        try:
            output_of(["apt-get", *self._options(), "-q", "-o", "APT::Update::Error-Mode=any", "update"])
        except Problem as problem:
            raise Problem(f"no package lists of {', '.join(self.suites)} from {MIRROR}: no network, or a proxy that "
                          f"apt does not know? ({str(problem).rsplit(': ', maxsplit=1)[-1]})") from None
        self._updated = True

    def newest(self, package: str) -> str:
        """Return the newest version of @package in these suites, or ''."""
        self.update()
        versions = [line.split("|")[1].strip()
                    for line in output_of(["apt-cache", *self._options(), "madison", package]).splitlines()]
        return versions[0] if versions else ""

    def names(self, pattern: str) -> list:
        """Return the package names that match the regular expression @pattern."""
        self.update()
        found = output_of(["apt-cache", *self._options(), "pkgnames"]).split()
        return sorted(name for name in found if re.fullmatch(pattern, name))

    def download(self, package: str, version: str, into: Path) -> Path:
        """Download a .deb into the directory @into and return its path."""
        self.update()
        into.mkdir(parents=True, exist_ok=True)
        output_of(["apt-get", *self._options(), "-q", "download", f"{package}={version}"], cwd=into)
        found = sorted(into.glob(f"{package}_*.deb"))
        if not found:
            raise Problem(f"{package} {version} was not downloaded from {MIRROR}")
        return found[-1]

    def with_needs(self, package: str, suite: str, everything: bool = False) -> list:
        """Download the newest @package of @suite, and the packages that it needs and the system lacks. Return the paths
        of the .deb files, which stay until forget(). @everything: also those that the system has, for a program that
        cannot use the system's libraries."""
        self.update()
        self.forget()
        # The system's own list of packages says what is there. It is only read, so it need not be locked.
        status = [] if everything else ["-o", f"Dir::State::status={INSTALLED}", "-o", "Debug::NoLocking=1"]
        output_of(["apt-get", *self._options(), *status, "-q", "-y", "--no-install-recommends", "--download-only",
                   "-t", suite, "install", package])
        found = sorted(self._downloads().glob("*.deb"))
        if not found:
            raise Problem(f"{package} of {suite} was not downloaded from {MIRROR}")
        return found

    def forget(self) -> None:
        """Remove what with_needs() has downloaded."""
        for deb in self._downloads().glob("*.deb"):
            deb.unlink()

    def _downloads(self) -> Path:
        return self.home / "cache/archives"


def made_once(name: str, needs: str, gib: float, make: Callable[[Path], str]) -> tuple:
    """
    Return a directory of the cache with what was made of packages, and the word that @make has returned.

    :param name: of the directory
    :param needs: the packages, separated by commas; with other ones the directory is made anew, and so it is if it was
        left unfinished
    :param gib: GiB that it takes
    :param make: fills the directory, and returns a word to remember, or ""
    """
    home = CACHE / "chroots" / name
    stamp = home / "ready"
    with lock(f"chroot-{name}"):
        words = stamp.read_text().split() if stamp.exists() else []
        if words[-1:] != [needs]:
            need_space(CACHE, gib)
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            words = [*filter(None, [make(home)]), needs]
            write_atomically(stamp, " ".join(words) + "\n")
    return home, words[0]


def inside(root: Path, *command: object) -> list:
    """Return a command that runs @command in the Debian system below @root. The command sees /proc, which objtool and
    maintainer scripts need. It is mounted in a private mount namespace, which ends with the command."""
    script = 'mount -t proc proc "$1/proc" && root=$1 && shift && exec chroot "$root" "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh", root, *command]


def unpack(into: Path, *debs: Path) -> None:
    """Unpack the files of @debs into the directory @into, without installing the packages."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for deb in debs:
        output_of(["dpkg-deb", "-x", deb, into])
