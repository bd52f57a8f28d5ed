# SPDX-License-Identifier: GPL-2.0
"""Finds includes and imports that point against the order of the folders. A file may use its own folder and those below
it, so that one can read the code from the bottom up, and no two folders need each other."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from base.common import HERE, ROOT

# The folders of src/ and bench/ and the packages of tools/vm/, the lowest first. A folder within a folder counts with
# that one.
ENGINE = ("base", "lab", "core", "wait", "place", "look")
BENCH = ("base", "measure", "engine", "workload", "run", "control")
HARNESS = ("base", "build", "machines", "looks", "style", "verbs")
# Arrows that must point upwards, as "FILE -> FILE" without the top, with the reason.
UPWARDS_IN_ENGINE: dict[str, str] = {}
UPWARDS_IN_HARNESS: dict[str, str] = {}


class Arrow(NamedTuple):
    """A file, one line of it, and the file that this line uses. Both are named without the top folder."""

    file: str
    line: int
    used: str

    def __str__(self) -> str:
        return f"{self.file} -> {self.used}"


def _folder(name: str) -> str:
    return name.split("/")[0] if "/" in name else ""


def of_includes(top: Path) -> Iterator[Arrow]:
    """Return the arrows between the files of folders in @top: which header of @top a file includes in quotes."""
    for path in sorted(top.rglob("*.[ch]")):
        name = str(path.relative_to(top))
        if path.name.endswith(".mod.c"):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            places = [(place / match[1]).resolve() for place in (path.parent, top)] if match else []
            used = next((place for place in places if place.is_file() and top.resolve() in place.parents), None)
            if used:
                yield Arrow(name, number, str(used.relative_to(top.resolve())))


def of_imports(top: Path, order: Sequence[str] = HARNESS) -> Iterator[Arrow]:
    """Return the arrows between the packages @order in @top: which module of these a module imports."""
    for path in sorted(each for folder in order for each in (top / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module] if "." in node.module else [f"{node.module}.{each.name}" for each in node.names]
            elif isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            for name in names:
                if name.split(".")[0] in order:
                    yield Arrow(str(path.relative_to(top)), node.lineno, f"{name.replace('.', '/')}.py")  # type: ignore


def _circle(edges: Mapping[str, set[str]]) -> list[str]:
    """Return the nodes of a circle in @edges, the first of them again at the end, or []."""
    done: set[str] = set()

    def search(node: str, way: tuple[str, ...]) -> list[str]:
        if node in way:
            return [*way[way.index(node):], node]
        if node in done:
            return []
        done.add(node)
        for each in sorted(edges.get(node, ())):
            found = search(each, (*way, node))
            if found:
                return found
        return []
    return next((found for found in (search(node, ()) for node in sorted(edges)) if found), [])


def findings(top: str, arrows: Sequence[Arrow], order: Sequence[str], upwards: Mapping[str, str]) -> list[str]:
    """Return a line for each of @arrows that points upwards and is not in @upwards, for each entry of @upwards that no
    arrow needs, and for a circle of folders. A file in no folder is above all of them."""
    rank = {folder: number for number, folder in enumerate((*order, ""))}
    up = [arrow for arrow in arrows if rank[_folder(arrow.used)] > rank[_folder(arrow.file)]]
    found = [f"{top}/{arrow.file}:{arrow.line}: {_folder(arrow.file)} must not use {arrow.used}, which is above it"
             for arrow in up if str(arrow) not in upwards]
    found += [f"{top}/{entry.partition(' ')[0]}:1: there is no longer an arrow upwards {entry}"
              for entry in upwards if entry not in map(str, up)]
    edges: dict[str, set[str]] = {}
    for arrow in arrows:
        if _folder(arrow.used) != _folder(arrow.file) and _folder(arrow.file):
            edges.setdefault(_folder(arrow.file), set()).add(_folder(arrow.used))
    circle = _circle(edges)
    return found + ([f"{top}:1: a circle of folders: {' -> '.join(circle)}"] if circle else [])


def unknown(top: Path, order: Sequence[str], pattern: str) -> list[str]:
    """Return a line for each folder of @top that has files like @pattern and is not in @order."""
    folders = {path.relative_to(top).parts[0] for path in top.rglob(pattern) if len(path.relative_to(top).parts) > 1}
    return [f"{top.name}/{folder}:1: arrows.py has no place for this folder in the order" for folder in
            sorted(folders - set(order))]


def in_engine(top: Path = ROOT / "src", upwards: Mapping[str, str] = UPWARDS_IN_ENGINE,
              order: Sequence[str] = ENGINE) -> list[str]:
    """Return what is wrong among the folders of src/, or of another @top with its @order."""
    return unknown(top, order, "*.[ch]") or findings(top.name, list(of_includes(top)), order, upwards)


def in_bench() -> list[str]:
    """Return what is wrong among the folders of bench/."""
    return in_engine(ROOT / "bench", {}, BENCH)


def in_harness(top: Path = HERE, upwards: Mapping[str, str] = UPWARDS_IN_HARNESS) -> list[str]:
    """Return what is wrong among the packages of tools/vm/."""
    wrong = unknown(top, HARNESS, "*.py")
    return wrong or findings("tools/vm", list(of_imports(top)), HARNESS, upwards)
