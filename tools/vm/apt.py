# SPDX-License-Identifier: GPL-2.0
"""Debian archives beside the system's own, through a private apt state: the system's sources stay as they are."""

import re
import shutil
from pathlib import Path

from common import CACHE, Problem, output_of

MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def _inherited() -> list:
    """What the system's apt is told about the network and about stale mirrors holds for ours too."""
    wanted = ("Acquire::Check-Valid-Until", "Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::ForceIPv4")
    options = []
    for line in output_of(["apt-config", "dump"]).splitlines():
        match = re.match(r'([\w:-]+) "(.*)";$', line)
        if match and match[1].lower() in (name.lower() for name in wanted) and match[2]:
            options += ["-o", f"{match[1]}={match[2]}"]
    return options


class Archive:
    """One or more suites of the Debian archive."""

    def __init__(self, name: str, *suites: str):
        self.name, self.suites = name, suites
        self.home = CACHE / "apt" / name
        self._updated = False

    def _options(self) -> list:
        home = self.home
        settings = {
            "Dir::State": home / "state", "Dir::State::status": home / "state/status", "Dir::Cache": home / "cache",
            "Dir::Etc::SourceList": home / "sources.list", "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null", "Dir::Etc::PreferencesParts": "/dev/null",
            # Without this root's apt fetches as _apt, which cannot write below a home directory.
            "APT::Sandbox::User": "root", "APT::Architecture": "amd64", "APT::Architectures": "amd64",
        }
        return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")] + _inherited()

    def update(self) -> None:
        """Fetch the package lists, once a run."""
        if self._updated:
            return
        for part in ("state/lists/partial", "cache/archives/partial"):
            (self.home / part).mkdir(parents=True, exist_ok=True)
        (self.home / "state/status").touch()
        (self.home / "sources.list").write_text(
            "".join(f"deb [signed-by={KEYRING}] {MIRROR} {suite} main\n" for suite in self.suites))
        try:
            output_of(["apt-get", *self._options(), "-q", "-o", "APT::Update::Error-Mode=any", "update"])
        except Problem as problem:
            raise Problem(f"no package lists from {MIRROR} ({' '.join(self.suites)}): {problem}") from None
        self._updated = True

    def newest(self, package: str) -> str:
        """The newest version of @package in these suites, or ''."""
        self.update()
        versions = [line.split("|")[1].strip()
                    for line in output_of(["apt-cache", *self._options(), "madison", package]).splitlines()]
        return versions[0] if versions else ""

    def names(self, pattern: str) -> list:
        """Package names that match the regular expression @pattern."""
        self.update()
        found = output_of(["apt-cache", *self._options(), "pkgnames"]).split()
        return sorted(name for name in found if re.fullmatch(pattern, name))

    def depends(self, package: str) -> list:
        """What @package depends on, first alternatives only."""
        self.update()
        text = output_of(["apt-cache", *self._options(), "depends", package])
        return re.findall(r"^ *\|?Depends: (\S+)", text, re.MULTILINE)

    def download(self, package: str, version: str, into: Path) -> Path:
        """The .deb of @package below @into."""
        self.update()
        into.mkdir(parents=True, exist_ok=True)
        output_of(["apt-get", *self._options(), "-q", "download", f"{package}={version}"], cwd=into)
        found = sorted(into.glob(f"{package}_*.deb"))
        if not found:
            raise Problem(f"{package} {version} was not downloaded from {MIRROR}")
        return found[-1]


def unpack(deb: Path, into: Path) -> None:
    """The files of @deb, without installing it."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    output_of(["dpkg-deb", "-x", deb, into])
