# SPDX-License-Identifier: GPL-2.0
"""tools/bench: works with reports, and runs the benchmark on this machine.

The exit status is that of cli.py. It is also 1 if `agree` finds too few ratios that agree, or `aa` too many
differences."""

import argparse
import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, Optional

import cli
from benchmark import compare, documents, files, host, sets, summary
from benchmark.documents import SetError

# The maximum size of a report of the full set.
REPORT_BYTES = 16 << 20


def _compare(options: argparse.Namespace) -> int:
    one, other = _two(options, documents.obstacles)
    print(compare.compare(one, other, options.all))
    return 0


def _agree(options: argparse.Namespace) -> int:
    text, enough = compare.agree(*_two(options, compare.not_the_same_set))
    print(text)
    return int(not enough)


def _two(options: argparse.Namespace, obstacles: object) -> tuple:
    one, other = documents.read(options.a), documents.read(options.b)
    against = obstacles(one, other)         # type: ignore
    if against and not options.force:
        raise SetError(f"the reports cannot be compared (--force compares them nevertheless): {'; '.join(against)}")
    return one, other


def _table(options: argparse.Namespace) -> int:
    print(summary.tables(documents.read(options.report)))
    return 0


def _summary(options: argparse.Namespace) -> int:
    print(summary.summary(documents.read(options.report)))
    return 0


def _page(options: argparse.Namespace) -> int:
    from benchmark import page
    print(page.write(documents.read(options.report), options.out or options.report.parent))
    return 0


def _aa(options: argparse.Namespace) -> int:
    rows = compare.against_itself(documents.read(options.report))
    if not rows:
        raise SetError(f"{options.report}: no list of engines has the same engine twice in a row with "
                       "enough rounds for an interval")
    for figure, count, false in rows:
        print(f"{figure:14} {false} of {count} called a difference")
    return int(any(false > compare.MOST_FALSE * count for figure, count, false in rows if figure == "rate"))


def _run(options: argparse.Namespace) -> int:
    wanted = sets.Wanted(sets.workload_names(options.workload, "--workload"),
                              sets.profile_names(options.profiles, "--profiles"),
                              sets.check_rounds(options.rounds, "--rounds"), options.seed, options.full)
    # A full disk must be noticed now and not after an hour.
    files.check_room(options.out, REPORT_BYTES)
    # The modules are unloaded also after a hangup or when the machine shuts down.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    options.out.unlink(missing_ok=True)
    document = host.run(sets.plans(wanted), wanted.seed, host.Host(options.sysfs, options.modules),
                              host.busy())
    print(summary.tables(document), flush=True)
    files.write(options.out, json.dumps(document, indent=1) + "\n")
    return 0


def _report_command(commands: argparse._SubParsersAction, name: str, what: str, do: object) -> argparse.ArgumentParser:
    one = commands.add_parser(name, help=what, description=what)
    one.add_argument("report", type=Path, metavar="REPORT.json")
    one.set_defaults(do=do)
    return one


def _pair_command(commands: argparse._SubParsersAction, name: str, what: str, do: object) -> argparse.ArgumentParser:
    one = commands.add_parser(name, help=what, description=what)
    one.add_argument("a", type=Path, metavar="A.json")
    one.add_argument("b", type=Path, metavar="B.json")
    one.add_argument("--force", action="store_true", help="compare the reports even if they are not comparable")
    one.set_defaults(do=do)
    return one


def _run_command(commands: argparse._SubParsersAction) -> None:
    what = "run a set of benchmarks on this machine (as root)"
    one = commands.add_parser("run", help=what, description=what)
    one.add_argument("--modules", type=Path, metavar="DIR",
                     help="load src/cmwq2.ko and bench/cmwq2_bench.ko from DIR for each run")
    one.add_argument("--workload", default=" ".join(sets.DEFAULT), metavar="LIST")
    one.add_argument("--profiles", default=" ".join(sets.PROFILES), metavar="LIST")
    one.add_argument("--rounds", type=_count, default=sets.ROUNDS)
    one.add_argument("--seed", type=_count, default=1)
    one.add_argument("--full", action="store_true")
    one.add_argument("--out", type=Path, default=Path("bench-report.json"), metavar="REPORT.json")
    one.add_argument("--sysfs", type=Path, default=host.SYSFS, help=argparse.SUPPRESS)
    one.set_defaults(do=_run)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = cli.Parser(prog="bench", description="Benchmarks of cmwq2: see Documentation/bench.rst.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    one = _pair_command(commands, "compare", "compare the figures of two reports, for example of two kernels", _compare)
    one.add_argument("--all", action="store_true", help="also show figures that do not differ")
    _pair_command(commands, "agree", "count the ratios whose intervals overlap in two reports of the same set", _agree)
    _report_command(commands, "table", "a report's tables", _table)
    _report_command(commands, "summary", "print a report as one table in Markdown", _summary)
    one = _report_command(commands, "page", "make the page and plots of a report; needs matplotlib", _page)
    one.add_argument("--out", type=Path, metavar="DIR", help="directory of the output (default: that of the report)")
    _report_command(commands, "aa", "count how often a comparison of an engine with itself is called a difference", _aa)
    _run_command(commands)
    return top


def _count(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not a count; allowed: 1 to {2**32 - 1}")
    return int(text)


def _command(arguments: Optional[Sequence[str]]) -> bool:
    options = parser().parse_args(arguments)
    return not options.do(options)


def _explain(error: Exception) -> str:
    """Return one line about an error that the user can fix."""
    if isinstance(error, ModuleNotFoundError):
        return (f"{error.name} is missing: make bench installs it for itself, python3 -m pip install {error.name} "
                "elsewhere")
    if isinstance(error, (KeyError, IndexError, TypeError, ValueError, AttributeError)):
        # The report could be read, but its content is not what this program writes.
        return f"the report is damaged: {type(error).__name__} {error}"
    return cli.explain(error)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run one command and return its exit status."""
    return cli.status("bench", lambda: _command(arguments), _explain)


def program() -> NoReturn:
    """Run the command that was asked for, and exit."""
    cli.run("bench", lambda: _command(None), _explain)
