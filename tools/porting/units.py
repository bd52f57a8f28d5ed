# SPDX-License-Identifier: GPL-2.0
"""The files of a driver, and how Kbuild compiles them. Kbuild writes the command that made an object into a file beside
the object. This module has Kbuild compile the files as they are, and reads the commands."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Callable, Optional

import cli

# The names under which the kernel's makefiles know the machine, by what the configuration selects.
ARCHITECTURES = {"CONFIG_UML=y": "um", "CONFIG_X86_64=y": "x86_64", "CONFIG_ARM64=y": "arm64"}


# How processes are started. The harness sets a function that ends them when it ends.
RUN: Callable[..., subprocess.CompletedProcess] = subprocess.run


class Wrong(cli.Error):
    """A problem that the user can fix."""


@dataclass(frozen=True)
class Unit:
    """A source file of a driver, and the command that compiles it."""

    source: Path
    object: Path                # as Kbuild made it, on the kernel's workqueue
    cwd: Path                   # where the compiler runs
    words: tuple[str, ...]      # the command without the source, the output and the list of dependencies
    headers: tuple[Path, ...]   # everything that the source includes, directly or not

    def _defined(self, name: str) -> str:
        found = [word for word in self.words if word.startswith(f"-D{name}=")]
        return found[-1].partition("=")[2].strip('"') if found else ""

    @property
    def module(self) -> str:
        """The name of the module that the file belongs to, with underscores, or "" if it is built into the kernel."""
        return self._defined("KBUILD_MODNAME") if "-DMODULE" in self.words else ""

    @property
    def alone(self) -> bool:
        """Whether the file is the only one of its module."""
        return self.module == self._defined("KBUILD_BASENAME")


@dataclass(frozen=True)
class Kernel:
    """A directory in which a kernel was built or prepared, and the source that it was made from."""

    build: Path
    tree: Path

    @cached_property
    def arch(self) -> str:
        """The value of ARCH= for the kernel's makefiles."""
        config = (self.build / ".config").read_text().splitlines()
        return next((arch for line, arch in ARCHITECTURES.items() if line in config), "x86_64")

    @cached_property
    def _tops(self) -> tuple[str, ...]:
        places = ("include", "arch/x86/include", "arch/x86/um", "arch/um/include", "arch/arm64/include")
        return tuple(f"{top / place}/" for top in (self.tree, self.build) for place in places)

    def is_own(self, path: Path) -> bool:
        """Return whether @path is a header of the kernel: one that stays as it is when a driver moves."""
        return str(path).startswith(self._tops)

    def make(self, targets: Iterable[str], *variables: str, jobs: int = 1) -> str:
        """Have Kbuild make @targets and go on after an error. Return all output."""
        # The variables of a make around this one are not meant for Kbuild.
        env = {key: value for key, value in os.environ.items() if not re.match("MAKE|MFLAGS", key)}
        done = RUN(["make", "-C", self.build, "-k", f"-j{jobs}", f"ARCH={self.arch}", "KCFLAGS=-g",
                    *variables, *targets], env={**env, "LC_ALL": "C"}, text=True, errors="replace",
                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.stdout


def kernel(build: Path) -> Kernel:
    """Return the kernel whose build directory is @build. Raises Wrong if it is none."""
    build = build.resolve()
    if not (build / ".config").is_file() or not (build / "Makefile").is_file():
        raise Wrong(f"{build}: no kernel was configured there; allowed: the build directory of a kernel")
    if not (build / "include/generated/autoconf.h").is_file():
        raise Wrong(f"{build}: this kernel is not prepared for modules; run make modules_prepare there")
    if (build / "include/linux/workqueue.h").is_file():
        return Kernel(build, build)
    found = re.search(r"^include (\S+)/Makefile$", (build / "Makefile").read_text(), re.MULTILINE)
    link = build / "source"
    tree = link.resolve() if link.exists() else Path(found[1]) if found else build
    if not (tree / "include/linux/workqueue.h").is_file():
        raise Wrong(f"{build}: the source of this kernel is not in {tree}")
    return Kernel(build, tree)


SAVED = re.compile(r"(?:saved)?cmd_\S+ := (.*?) -c -o (\S+) (\S+\.c)\b")


def read(command: Path, cwd: Path) -> Optional[Unit]:
    """Return the unit that a .cmd file of Kbuild is about, or None if it is not about a C source."""
    try:
        text = command.read_text(errors="replace")
    except OSError:
        return None
    found = SAVED.match(text)
    if not found:
        return None
    words = tuple(word for word in shlex.split(found[1]) if not word.startswith("-Wp,-MMD"))
    listed = text.partition("\ndeps_")[2].partition("\n\n")[0]
    headers = tuple((cwd / name).resolve() for name in re.findall(r"^ +([^\s$]\S*)", listed, re.MULTILINE))
    return Unit((cwd / found[3]).resolve(), (cwd / found[2]).resolve(), cwd, words, headers)


def of_object(path: Path, cwd: Path) -> Optional[Unit]:
    """Return the unit of the object @path, or None if Kbuild has not compiled it."""
    return read(path.parent / f".{path.name}.cmd", cwd) if path.is_file() else None


# Where a file is not part of a module although it compiles.
NOT_SELECTED = "the configuration of this kernel"
NO_MODULE = f"{NOT_SELECTED} does not make a module of it, so it cannot use cmwq2"


# What make prints if a file does not compile. It prints something else if modpost fails, which does not matter here: a
# driver may need symbols of modules that were not built.
FAILED = re.compile(r"\b(?:fatal )?error: |\*\*\* No rule to make target")


def failed(said: str) -> bool:
    """Return whether a file does not compile, by the output of make."""
    return bool(FAILED.search(said))


def first_error(said: str, name: str = "") -> str:
    """Return the first error in the output of make, if possible one about the file @name."""
    errors = [line for line in said.splitlines() if re.search(r"\b(?:fatal )?error: |\*\*\* ", line)]
    about = [line for line in errors if name and name in line]
    return (about or errors or [f"with {NOT_SELECTED} nothing is compiled there"])[0].strip()


def in_tree(of: Kernel, sources: Sequence[Path], jobs: int = 1) -> tuple[dict[Path, Unit], str]:
    """Compile files of the kernel's own tree. Return those that compile, and the output of make."""
    names = {source: str(source.relative_to(of.tree).with_suffix(".o")) for source in sources}
    said = of.make(names.values(), jobs=jobs)
    found = {source: of_object(of.build / name, of.build) for source, name in names.items()}
    return {source: unit for source, unit in found.items() if unit}, said


# Sources that Kbuild adds to a module.
MADE = re.compile(r"\.mod\.c$|^module-common\.c$")


def under(directory: Path, cwd: Path) -> list[Unit]:
    """Return the units of all modules whose objects are below @directory."""
    found = [of_object(path.parent / path.name[1:-len(".cmd")], cwd) for path in sorted(directory.rglob(".*.o.cmd"))]
    return [unit for unit in found if unit and unit.module and not MADE.search(unit.source.name)]


def moved_to(unit: Unit, source: Path) -> Unit:
    """Return @unit with another path of its source. The source's own directory is still searched for headers."""
    return replace(unit, source=source, words=(*unit.words, "-iquote", str(unit.source.parent)))
