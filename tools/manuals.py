#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes the man page and the shell completion of every command from its parser.

manuals.py DIR writes DIR/man1/NAME.1, DIR/bash/NAME and DIR/zsh/_NAME for each command of the checkout. With --package
WHERE it takes the installed commands, from the package cmwq2 below WHERE, under the names that they have there. It
needs argparse-manpage and shtab: `make docs` installs both for itself, and Debian has python3-argparse-manpage and
python3-shtab. The date in the pages is SOURCE_DATE_EPOCH if that is set.
"""

import cli

if __name__ == "__main__":
    cli.guard_imports()
import argparse  # noqa: E402
import importlib  # noqa: E402
import re  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Optional  # noqa: E402

TOOLS = Path(__file__).resolve().parent
# The commands that users install, and those of a checkout: the module whose parser() has the command line, by what the
# command does.
INSTALLED = {"wq.dump": "show what workqueues are doing, and why items wait",
             "wq.monitor": "show again and again what workqueues do",
             "benchmark.main": "run benchmarks of workqueues, and work with their reports",
             "benchmark.results": "print a result of cmwq2_bench as a table"}
OF_CHECKOUT = {"porting.main": "move a driver to cmwq2, or say why it cannot move",
               "checks.layouts": "find structures that two files of a driver lay out differently",
               "checks.parity": "compare a kernel's workqueue API with that of cmwq2",
               "checks.model": "search all schedules of the models of cmwq2",
               "saturation.main": "predict items per second on many CPUs",
               "wq.check": "judge a dump that wq_dump.py has made",
               "policies": "check the tables of policies in the documents",
               "manuals": "make man pages and shell completion",
               "verbs.options": "the harness of cmwq2: build, boot, test and measure"}
# Arguments whose value is a file or a directory, by the word that stands for it in the help.
FILES = re.compile(r"FILE(\|DIR)?|OUT|RESULT|.*\.(json|toml)|DIR\|REPORT.json")
DIRECTORIES = re.compile(r"DIR|TREE|KERNEL|WHERE")


def parsers(package: Optional[Path] = None) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of all commands of the checkout, or of those in the package below the directory @package, by
    what each command does."""
    if package:
        if not (package / "cmwq2/__init__.py").is_file():
            raise cli.Error(f"{package}: has no package cmwq2; pip install --target {package} ./tools makes one")
        sys.path.insert(0, str(package))
        names = {f"cmwq2.{module}": what for module, what in INSTALLED.items()}
    else:
        sys.path[:0] = [str(TOOLS), str(TOOLS / "vm")]
        names = {**INSTALLED, **OF_CHECKOUT}
    return {what: importlib.import_module(name).parser() for name, what in names.items()}


def _all_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for each in dict.fromkeys(action.choices.values()):
                yield from _all_actions(each)


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script that completes a command's words. @shell is "bash" or "zsh"."""
    import shtab
    for action in _all_actions(parser):
        if isinstance(action.metavar, str):
            kind = shtab.DIRECTORY if DIRECTORIES.fullmatch(action.metavar) else \
                shtab.FILE if FILES.fullmatch(action.metavar) else None
            if kind:
                action.complete = kind      # type: ignore
    return shtab.complete(parser, shell=shell)


def _as_it_is(text: str) -> str:
    """Return @text for a man page, in which its lines and columns stay."""
    escaped = text.strip("\n").replace("\\", "\\\\").replace("-", "\\-")
    # A dot or an apostrophe at the beginning of a line would be a request.
    return ".nf\n" + re.sub(r"^(?=[.'])", r"\\&", escaped, flags=re.M) + "\n.fi"


def man_page(parser: argparse.ArgumentParser, what: str) -> str:
    """Return the man page of a command. @what says in one line what the command does."""
    from argparse_manpage.manpage import Manpage
    about, _, more = (parser.description or "").strip().partition("\n\n")
    details = (parser.epilog or "").replace(cli.STATUS, "").strip("\n")
    page: Any = Manpage(parser, {"project_name": "cmwq2", "version": cli.version(), "description": what,
                                 "manual_title": "cmwq2"}, "single-commands-section")
    parser.description, parser.epilog = about, None
    for heading, text in (("examples and notes", more), ("details", details), ("exit status", cli.STATUS)):
        if text:
            page.add_section(heading, "=", _as_it_is(text))
    return str(page)


def write(where: Path, package: Optional[Path] = None) -> list[Path]:
    """Write all pages and scripts below the directory @where, and return the files."""
    written = []
    for what, parser in parsers(package).items():
        name = parser.prog
        texts = {where / "bash" / name: completion(parser, "bash"),
                 where / "zsh" / f"_{name}": completion(parser, "zsh"),
                 where / "man1" / f"{name}.1": man_page(parser, what)}
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def parser() -> cli.Parser:
    """Return the parser of the command line."""
    one = cli.Parser(prog="manuals.py", description="Make the man page and the shell completion of every command.")
    one.add_argument("--package", type=Path, metavar="WHERE",
                     help="take the installed commands of the package cmwq2 in this directory")
    one.add_argument("out", type=Path, metavar="DIR", help="directory below which man1/, bash/ and zsh/ are written")
    return one


def main() -> bool:
    """Parse the command line, and write the files."""
    options = parser().parse_args()
    written = write(options.out, options.package)
    print(f"{options.out}: {len(written)} files")
    return True


def _explain(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return (f"{error.name} is missing: make docs installs it for itself; elsewhere python3 -m pip install "
                "argparse-manpage shtab")
    return cli.explain(error)


if __name__ == "__main__":
    cli.run("manuals.py", main, _explain)
