# SPDX-License-Identifier: GPL-2.0
"""Finds the files of a driver: has Kbuild compile them as they are, in the kernel's own tree or in a copy of a
directory outside of it."""

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from porting import units
from porting.units import Kernel, Unit, Wrong

MAKEFILES = ("Kbuild", "Makefile")
COPY = "driver"


@dataclass(frozen=True)
class Driver:
    """The files that move together."""

    units: tuple[Unit, ...]
    home: Path          # where its prelude is
    names: dict         # the path of each source as the user knows it, by the path that the compiler got
    copy: Optional[Path] = None     # the copy of home that was compiled, if there is one

    @property
    def title(self) -> str:
        """What it is called in the comment of its prelude."""
        modules = sorted({unit.module for unit in self.units})
        return ", ".join(modules[:3]) + (f" and {len(modules) - 3} more" if len(modules) > 3 else "")

    def told(self, text: str) -> str:
        """Return @text with the paths that the user knows."""
        return text.replace(str(self.copy), str(self.home)) if self.copy else text


def sources(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the source files and the directories among @paths. Raises Wrong if one is neither."""
    files, directories = [], []
    for path in paths:
        if not path.exists():
            raise Wrong(f"{path}: no such file or directory")
        if path.is_dir():
            directories.append(path.resolve())
        elif path.suffix != ".c" or not path.is_file():
            raise Wrong(f"{path}: not a C source; allowed: files that end in .c, and directories")
        else:
            files.append(path.resolve())
    return files, directories


def c_files(directory: Path) -> list[Path]:
    """Return the C sources below @directory."""
    return [path for path in sorted(directory.rglob("*.c")) if path.is_file()]


def makefile_in(directory: Path) -> Path:
    """Return the makefile that Kbuild reads in @directory. Raises Wrong if there is none."""
    for name in MAKEFILES:
        if (directory / name).is_file():
            return directory / name
    raise Wrong(f"{directory}: neither Kbuild nor Makefile is there, so nothing says how the driver is built")


def _checked(found: Iterable[Unit], wanted: Sequence[Path], said: str) -> None:
    """Raise Wrong if one of the files @wanted is not among @found, or is no part of a module."""
    have = {unit.source: unit for unit in found}
    for path in wanted:
        if path not in have:
            raise Wrong(f"{path}: it does not compile as it is: {units.first_error(said, path.name)}")
        if not have[path].module:
            raise Wrong(f"{path}: {units.NO_MODULE}")


def _all_compile(directory: Path, found: Sequence[Unit], said: str) -> None:
    """Raise Wrong if nothing below @directory was compiled for a module, or if one of its files does not compile. The
    others alone are not the whole driver."""
    if not found:
        raise Wrong(f"{directory}: none of its files was compiled for a module: {units.first_error(said)}")
    if units.failed(said):
        raise Wrong(f"{directory}: not all of its files compile as they are: {units.first_error(said)}")


def is_compiled(directory: Path, own: Kernel) -> bool:
    """Return whether all of the kernel's directory @directory is compiled: then the list of its objects is newer than
    its makefile and sources."""
    order = own.build / directory.relative_to(own.tree) / "modules.order"
    return order.is_file() and all(path.stat().st_mtime < order.stat().st_mtime
                                   for path in directory.iterdir() if path.is_file())


def _in_tree(own: Kernel, files: Sequence[Path], directories: Sequence[Path], jobs: int) -> list[Unit]:
    found: dict[Path, Unit] = {}
    if files:
        compiled, said = units.in_tree(own, files, jobs)
        found.update(compiled)
        _checked(compiled.values(), files, said)
    for directory in directories:
        below = directory.relative_to(own.tree)
        said = "" if is_compiled(directory, own) else own.make([f"{below}/"], jobs=jobs)
        compiled_below = units.under(own.build / below, own.build)
        _all_compile(directory, compiled_below, said)
        found.update((unit.source, unit) for unit in compiled_below)
    return list(found.values())


# Files that are not part of a driver's source: what Kbuild has built from it, and the history of git.
NOT_COPIED = shutil.ignore_patterns("*.o", "*.ko", ".*.cmd", "*.mod", "*.mod.c", ".git")


def _not_copied(directory: str, names: list[str]) -> set[str]:
    """Return those of @names in @directory that a copy of a driver does not need or cannot have, such as a link to
    nowhere."""
    special = {name for name in names if not (Path(directory, name).is_file() or Path(directory, name).is_dir())}
    return NOT_COPIED(directory, names) | special


def _outside(own: Kernel, home: Path, work: Path, jobs: int) -> tuple[list[Unit], dict, str]:
    """Compile a driver outside of the kernel's tree, in a copy, because Kbuild writes beside the sources."""
    copy = work / COPY
    shutil.copytree(home, copy, ignore=_not_copied)
    said = own.make(["modules"], f"M={copy}", "KBUILD_MODPOST_WARN=1", jobs=jobs)
    found = units.under(copy, copy) or units.under(copy, own.build)
    return found, {unit.source: home / unit.source.relative_to(copy) for unit in found}, said


def members(unit: Unit, own: Kernel) -> list[Path]:
    """Return the sources of all files of the module that @unit belongs to, as Kbuild lists them in MODULE.mod."""
    if unit.alone:
        return [unit.source]
    directory = unit.object.parent
    while own.build in directory.parents:
        makefiles = [own.tree / directory.relative_to(own.build) / name for name in MAKEFILES]
        text = "".join(path.read_text(errors="replace") for path in makefiles if path.is_file())
        for name in dict.fromkeys(re.findall(r"([\w.+-]+)\.o\b", text)):
            target = directory / f"{name}.mod"
            if re.sub(r"\W", "_", name) == unit.module:
                if not target.is_file():
                    own.make([str(target.relative_to(own.build))])
                if target.is_file():
                    objects = [own.build / line for line in target.read_text().split()]
                    return [own.tree / each.relative_to(own.build).with_suffix(".c") for each in objects]
        directory = directory.parent
    return [unit.source]


def of_modules(found: Iterable[Unit], own: Kernel) -> set[Path]:
    """Return the sources of all files of the modules that the units @found belong to."""
    one_each = {unit.module: unit for unit in found}
    return {path for unit in one_each.values() for path in members(unit, own) if path.is_file()}


def find(paths: Sequence[Path], own: Kernel, work: Path, jobs: int) -> Driver:
    """
    Compile the files and directories @paths as they are, and return them as one driver.

    :param work: an empty directory
    :raises Wrong: a path is no C source, a file does not compile as it is or is no part of a module, or the paths are
        partly in the kernel's tree and partly outside of it, or in several directories outside of it
    """
    files, directories = sources(paths)
    inside = [path for path in (*files, *directories) if own.tree in path.parents]
    outside = [path for path in (*files, *directories) if path not in inside]
    if inside and outside:
        raise Wrong(f"{inside[0]} is in the kernel's tree and {outside[0]} is not; allowed: one driver at a time")
    if inside:
        found = _in_tree(own, files, directories, jobs)
        lacking = sorted(of_modules(found, own) - {unit.source for unit in found})
        more = _in_tree(own, lacking, [], jobs) if lacking else []
        every = tuple(sorted((*found, *more), key=lambda unit: unit.source))
        home = _common([unit.source.parent for unit in every])
        if not any((home / name).is_file() for name in MAKEFILES):
            home = every[0].source.parent
        return Driver(every, home, {unit.source: unit.source for unit in every})
    home = directories[0] if directories else files[0].parent
    makefile_in(home)
    apart = [path for path in (*files, *directories) if home not in (path, *path.parents)]
    if apart:
        raise Wrong(f"{apart[0]}: it is not in {home}; allowed outside of the kernel's tree: one directory and what is "
                    "in it")
    compiled, names, said = _outside(own, home, work, jobs)
    _checked([replace(unit, source=names[unit.source]) for unit in compiled], files, said)
    if directories:
        _all_compile(home, compiled, said)
    else:
        modules = {unit.module for unit in compiled if names[unit.source] in files}
        compiled = [unit for unit in compiled if unit.module in modules]
    return Driver(tuple(compiled), home, names, work / COPY)


def _common(directories: Sequence[Path]) -> Path:
    parts = [directory.parts for directory in directories]
    same = []
    for column in zip(*parts):
        if len(set(column)) > 1:
            break
        same.append(column[0])
    return Path(*same)
