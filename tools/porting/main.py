# SPDX-License-Identifier: GPL-2.0
"""
Move a driver to cmwq2, or say why it cannot move.

Usage: ``port_driver.py [--kdir DIR] [--write] FILE|DIR...``. FILE is a source file of a driver, DIR a directory with
the makefile of one; both may be in the source tree of the kernel that DIR of --kdir was built from. All files of the
modules that a file belongs to move together.

The files are compiled as they are and then on cmwq2. A driver of one file moves by one line behind the last of the
kernel's headers. If that does not do, or if the driver has several files, it moves by a prelude. The debug information
of both objects shows which structures have another layout on cmwq2, and whether other files depend on these.

What has to be changed is printed as a diff. Nothing is changed without --write. Below the diff is a line for each path
in sysfs that has the kernel's queues only. The compiler does not notice it, and the driver has to be edited by hand.

Exit status: 0: the driver can move, or has been moved; 3: it cannot, with one line for each file that says why; the
rest as in ``cli.py``.
"""

import argparse
import difflib
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn, Optional

import cli
from porting import driver, place, port, prelude, reasons, shared, units
from porting.driver import Driver
from porting.units import Kernel, Unit, Wrong

# What the makefile of a moved driver has at its end, see Documentation/api.rst. A driver with a prelude is on the
# kernel's workqueue without CMWQ2=.
MAKEFILE = ["ccflags-y += -I$(CMWQ2)/include", "KBUILD_EXTRA_SYMBOLS += $(CMWQ2)/Module.symvers"]
ONLY_WITH, END = "ifneq ($(CMWQ2),)", "endif"


def of_makefile(unit: Unit, of: Driver) -> Path:
    """Return the makefile that names @unit: the next one above it."""
    directory = of.names[unit.source].parent
    while directory.parent != directory and not any((directory / name).is_file() for name in driver.MAKEFILES):
        directory = directory.parent
    return driver.makefile_in(directory)


def makefiles(of: Driver, text: Optional[prelude.Prelude]) -> dict[Path, str]:
    """Return the makefiles of @of as they are after the move, by their paths. @text: the prelude, if there is one."""
    lines: dict[Path, list[str]] = {}
    for unit in of.units:
        path = of_makefile(unit, of)
        mine = lines.setdefault(path, ["", *([ONLY_WITH] if text else []), *MAKEFILE])
        if text:
            above = os.path.relpath(of.home / prelude.NAME, path.parent)
            name = of.names[unit.source].relative_to(path.parent).with_suffix(".o")
            flag = f" -D{text.flags[unit.source]}" if unit.source in text.flags else ""
            mine.append(f"CFLAGS_{name} += -include $(src)/{above}{flag}")
    end = [END, ""] if text else [""]
    return {path: path.read_text().rstrip("\n") + "\n" + "\n".join([*mine, *end]) for path, mine in lines.items()}


def changes(of: Driver, text: Optional[prelude.Prelude]) -> dict[Path, str]:
    """Return the new content of each file that the move changes or makes. @text: the prelude; without one, the driver's
    only file gets the line."""
    if text:
        return {of.home / prelude.NAME: text.text, **makefiles(of, text)}
    path = of.names[of.units[0].source]
    return {path: place.moved(path.read_text()), **makefiles(of, None)}


def diff(after: dict[Path, str], top: Path) -> str:
    """Return a diff that makes the files what @after says. Paths are relative to @top."""
    lines: list[str] = []
    for path, new in after.items():
        old = path.read_text() if path.is_file() else ""
        name = os.path.relpath(path, top)
        lines += difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"a/{name}" if old else "/dev/null",
                                      f"b/{name}")
    return "".join(lines)


def check_fresh(paths: Sequence[Path], own: Kernel) -> None:
    """Raise Wrong if a file of the driver was moved before, or if a directory outside of the kernel's tree has no
    makefile."""
    files, directories = driver.sources(paths)
    for directory in directories:
        # Otherwise it is no driver, and may be so large that reading all of it takes minutes.
        if own.tree not in directory.parents:
            driver.makefile_in(directory)
    for path in (*files, *(path for directory in directories for path in driver.c_files(directory))):
        if "#include <cmwq2/" in path.read_text(errors="replace"):
            raise Wrong(f"{path}: it includes a header of cmwq2 already")
    for directory in (*directories, *(path.parent for path in files)):
        if (directory / prelude.NAME).exists():
            raise Wrong(f"{directory / prelude.NAME}: it is there already; remove it, and what the makefile says about "
                        "it")


def check_tree(paths: Sequence[Path], own: Kernel) -> None:
    """Raise Wrong if one of @paths is in the tree of another kernel."""
    for path in paths:
        for above in path.resolve().parents:
            is_kernel = all((above / name).is_file() for name in ("MAINTAINERS", "scripts/Kconfig.include"))
            if is_kernel and above != own.tree:
                raise Wrong(f"{path}: it is in the kernel tree {above}, but the kernel of --kdir was made from "
                            f"{own.tree}")


def neighbours(found: Sequence[port.Outcome], of: Driver, own: Kernel,
               index: Optional[shared.Includers] = None) -> dict[port.Changed, list[Path]]:
    """Return the structures that the move changes and that other files of the kernel's tree depend on, with these
    files."""
    mine = {unit.source for unit in of.units}
    theirs = {one for outcome in found for one in outcome.changed
              if one.header not in mine and own.tree in one.header.parents}
    if not theirs:
        return {}
    index = index or shared.Includers(own, shared.tops(own, (unit.source for unit in of.units)))
    others = {one: sorted(index.of(one.header) - mine) for one in theirs}
    return {one: files for one, files in others.items() if files}


def _with(text: prelude.Prelude, of: Driver, own: Kernel, work: Path, jobs: int,
          done: list[Unit]) -> list[port.Outcome]:
    def one(unit: Unit) -> port.Outcome:
        outcome = port.port(unit, own, work, text)
        done.append(unit)
        return outcome
    done.clear()
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, of.units))


def outcomes(of: Driver, own: Kernel, work: Path, jobs: int,
             done: Optional[list[Unit]] = None) -> tuple[list[port.Outcome], Optional[prelude.Prelude]]:
    """Move all files of a driver. Return what came of each, and the prelude if there is one. Meanwhile @done gets the
    files that have been compiled."""
    done = [] if done is None else done
    if len(of.units) == 1 and of.units[0].alone:
        only = port.port(of.units[0], own, work)
        if only.result == port.LINE:
            return [only], None
    text = prelude.make(of.units, own, of.title)
    found = _with(text, of, own, work, jobs, done)
    if any(port.needs_names(outcome.reason) for outcome in found):
        text = text.with_names()
        found = _with(text, of, own, work, jobs, done)
    return found, text


def report(of: Driver, found: Sequence[port.Outcome], own: Kernel,
           index: Optional[shared.Includers] = None) -> list[str]:
    """Return one line for each file that does not move, and one for each structure that other files share."""
    lines = [of.told(str(outcome.reason)) for outcome in found if not outcome.moved]
    if lines:
        return lines
    for one, files in sorted(neighbours(found, of, own, index).items(), key=lambda item: item[0].name):
        names = [str(path.relative_to(own.tree)) for path in files]
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        lines.append(f"{one.header.relative_to(own.tree)}:{one.line}: struct {one.name} is larger on cmwq2, and "
                     f"{', '.join(names[:2])}{more} include this header: name them, too, so that all move together")
    return lines


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("an empty path; allowed: files that end in .c, and directories")
    return Path(text)


def parser() -> cli.Parser:
    """Return the parser of the command line."""
    one = cli.Parser(prog="port_driver.py", description="Moves a driver to cmwq2, or says why it cannot move.",
                     epilog="The exit status is 3 if the driver cannot move.\n")
    one.add_argument("paths", nargs="+", type=_path, metavar="FILE|DIR", help="source file, or directory of a driver")
    one.add_argument("--kdir", type=Path, default=Path(f"/lib/modules/{os.uname().release}/build"), metavar="DIR",
                     help="build directory of the kernel (default: that of the running one)")
    one.add_argument("--write", action="store_true", help="change the files, instead of printing a diff")
    one.add_argument("--jobs", type=cli.positive, default=os.cpu_count() or 1, metavar="N",
                     help="how many files are compiled at a time (default: one for each CPU)")
    return one


def _command(argv: Optional[Sequence[str]]) -> bool:
    args = parser().parse_args(argv)
    own = units.kernel(args.kdir)
    check_tree(args.paths, own)
    check_fresh(args.paths, own)
    with tempfile.TemporaryDirectory(prefix="port_driver.") as temporary:
        work = Path(temporary)
        with cli.telling("port_driver.py", lambda: "looking for the files of the driver"):
            of = driver.find(args.paths, own, work, args.jobs)
        done: list[Unit] = []
        with cli.telling("port_driver.py", lambda: f"{len(done)} of {len(of.units)} files compiled on cmwq2"):
            found, text = outcomes(of, own, work, args.jobs, done)
            lines = report(of, found, own)
        if lines:
            print("\n".join(lines))
            moved = sum(outcome.moved for outcome in found)
            print(f"{moved} of {len(found)} files compile on cmwq2; nothing was changed")
            raise SystemExit(cli.FOUND)
        after = changes(of, text)
        if args.write:
            for path, new in after.items():
                path.write_text(new)
        else:
            print(diff(after, of.home), end="")
        for note in dict.fromkeys(note for unit in of.units for note in reasons.notes(unit, own)):
            print(of.told(note))
        now = f"changed: {', '.join(path.name for path in after)}" if args.write else "--write changes the files"
        print(f"{len(found)} files move {'by a prelude' if text else 'by the line'}; {now}")
    return True


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command and return its exit status."""
    return cli.status("port_driver.py", lambda: _command(argv))


def program() -> NoReturn:
    """Run the command and exit with its status."""
    cli.run("port_driver.py", lambda: _command(None))
