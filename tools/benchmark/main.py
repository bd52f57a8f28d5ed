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
import tables
from benchmark import boots, compare, files, fleet, fleet_text, goals, host, sets, summary
from benchmark.documents import SetError

# The maximum size of a report of the full set.
REPORT_BYTES = 16 << 20


def _compare(options: argparse.Namespace) -> int:
    one, other = _two(options, compare.obstacles)
    print(tables.fitted(compare.compare(one, other, options.all)))
    return 0


def _agree(options: argparse.Namespace) -> int:
    if options.b is None:
        one = boots.read(options.a)
        if one.get("boots", 1) < 2:
            raise SetError(f"{options.a}: is of one boot; agree needs two reports, or one of several boots")
        pairs = compare.boot_pairs(one)
    else:
        one, other = _two(options, compare.not_the_same_set)
        pairs = [("A", one, "B", other)]
    text, enough = compare.agree(pairs)
    print(tables.fitted(text))
    return int(not enough)


def _two(options: argparse.Namespace, obstacles: object) -> tuple:
    one, other = boots.read(options.a), boots.read(options.b)
    against = obstacles(one, other)         # type: ignore
    if against and not options.force:
        raise SetError(f"the reports cannot be compared (--force compares them nevertheless): {'; '.join(against)}")
    return one, other


def _table(options: argparse.Namespace) -> int:
    print(tables.fitted(summary.tables(boots.read(options.report))))
    return 0


def _summary(options: argparse.Namespace) -> int:
    print(summary.summary(boots.read(options.report)))
    return 0


def _page(options: argparse.Namespace) -> int:
    from benchmark import page, transfers
    print(page.write(boots.read(options.report), options.out or options.report.parent, transfers.read(options.lines)))
    return 0


def _picture(options: argparse.Namespace) -> int:
    from benchmark import picture
    if not (picture.ROOT / picture.README).is_file():
        raise SetError(f"{picture.ROOT}: is no checkout of cmwq2, whose first page this updates")
    document = cli.read_json(str(options.report), "a report")
    found = picture.read(options.report) if isinstance(document, dict) and document.get("schema") == picture.SCHEMA \
        else picture.excerpt(boots.read(options.report), options.command)
    for path in picture.update(found):
        print(f"{path.relative_to(picture.ROOT)} is written")
    return 0


def _goals(options: argparse.Namespace) -> int:
    wanted = goals.read(options.goals, options.profile)
    found = []
    for path in options.reports:
        document = boots.read(path)
        partial = boots.partial_text(document)
        if partial and not options.force:
            raise SetError(f"{path}: {partial} (--force takes it nevertheless)")
        profiles = goals.profiles(document)
        for name in dict.fromkeys(goal.profile for goal in wanted):
            if name not in profiles:
                raise SetError(f"{path}: the profile {name} was not measured; there are "
                               f"{', '.join(profiles) or 'none'}")
        found += goals.rows(document, wanted)
    print(tables.fitted(goals.text(found)))
    return int(any(row.verdict != goals.REACHED for row in found))


def _join(options: argparse.Namespace) -> int:
    read = [boots.read(path) for path in options.reports]
    sets_ = [one for each in read for one in each.get("sets", [each])]
    if len(sets_) < 2:
        raise SetError(f"{options.reports[0]}: is of one boot; join needs two boots or more")
    files.write(options.out, boots.text(boots.pool(sets_, len(sets_))))
    print(f"{options.out}: {len(sets_)} boots")
    return 0


def _fleet(options: argparse.Namespace) -> int:
    found = fleet.collect(options.reports, options.force)
    print(json.dumps(fleet.document(found), indent=1) if options.json else fleet_text.text(found, options.wide))
    return 0


def _aa(options: argparse.Namespace) -> int:
    rows = compare.against_itself(boots.read(options.report))
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
    machine = host.Host(options.sysfs, options.modules)
    # This comes before the first file is written.
    machine.check()
    # A full disk must be noticed now and not after an hour.
    files.check_room(options.out, REPORT_BYTES)
    # The modules are unloaded also after a hangup or when the machine shuts down.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    options.out.unlink(missing_ok=True)
    document = host.run(sets.plans(wanted), wanted.seed, machine, host.busy())
    print(tables.fitted(summary.tables(document)), flush=True)
    files.write(options.out, boots.text(document))
    return 0


def _report_command(commands: argparse._SubParsersAction, name: str, what: str, do: object) -> argparse.ArgumentParser:
    one = commands.add_parser(name, help=what, description=what)
    one.add_argument("report", type=Path, metavar="REPORT.json", help="what make bench or bench run has written")
    one.set_defaults(do=do)
    return one


def _pair_command(commands: argparse._SubParsersAction, name: str, what: str, do: object) -> argparse.ArgumentParser:
    one = commands.add_parser(name, help=what, description=what)
    one.add_argument("a", type=Path, metavar="A.json", help="a report")
    one.add_argument("b", type=Path, metavar="B.json", nargs="?" if name == "agree" else None,
                     help="another report")
    one.add_argument("--force", action="store_true", help="compare the reports even if they are not comparable")
    one.set_defaults(do=do)
    return one


def _goals_command(commands: argparse._SubParsersAction) -> None:
    what = "print which goals the reports reach"
    one = commands.add_parser("goals", help=what, description=what)
    one.add_argument("reports", type=Path, metavar="REPORT.json", nargs="+", help="the reports")
    one.add_argument("--goals", type=Path, metavar="GOALS.toml", default=goals.FILE, help="the file of goals")
    one.add_argument("--profile", metavar="NAME", help="the profile that must reach them")
    one.add_argument("--force", action="store_true", help="also take the report of a series that was interrupted")
    one.set_defaults(do=_goals)


def _fleet_command(commands: argparse._SubParsersAction) -> None:
    what = "put the reports of many machines and boots together, and name those that do not fit"
    one = commands.add_parser("fleet", help=what, description=what)
    one.add_argument("reports", type=Path, metavar="DIR|REPORT.json", nargs="+",
                     help=f"reports, or directories below which files {fleet.NAMES} are taken")
    form = one.add_mutually_exclusive_group()
    form.add_argument("--wide", action="store_true", help="show every figure and outlier, in lines of any length")
    form.add_argument("--json", action="store_true", help="print one JSON document")
    one.add_argument("--force", action="store_true", help="leave out files that are no such report, and name them")
    one.set_defaults(do=_fleet)


def _run_command(commands: argparse._SubParsersAction) -> None:
    what = "run a set of benchmarks on this machine (as root)"
    one = commands.add_parser("run", help=what, description=what)
    one.add_argument("--modules", type=Path, metavar="DIR",
                     help="load src/cmwq2.ko and bench/cmwq2_bench.ko from DIR for each run")
    one.add_argument("--workload", default=" ".join(sets.DEFAULT), metavar="LIST",
                     help="workloads, or all, or aa (default: %(default)s)")
    one.add_argument("--profiles", default=" ".join(sets.default_profiles()), metavar="LIST",
                     help="profiles or policies that are compared with native (default: %(default)s)")
    one.add_argument("--rounds", type=_count, default=sets.ROUNDS, metavar="N",
                     help="rounds of each run (default: %(default)s)")
    one.add_argument("--seed", type=_count, default=1, metavar="N",
                     help="seed for the random order of the engines in each round (default: %(default)s)")
    one.add_argument("--full", action="store_true", help="run more rounds, for figures that are published")
    one.add_argument("--out", type=Path, default=Path("bench-report.json"), metavar="REPORT.json",
                     help="where the report goes (default: %(default)s)")
    one.add_argument("--sysfs", type=Path, default=host.SYSFS, help=argparse.SUPPRESS)
    one.set_defaults(do=_run)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = cli.Parser(prog="bench", description="Benchmarks of cmwq2: see Documentation/bench.rst.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    one = _pair_command(commands, "compare", "compare the figures of two reports, for example of two kernels", _compare)
    one.add_argument("--all", action="store_true", help="also show figures that do not differ")
    _pair_command(commands, "agree", "count the ratios whose intervals overlap in two reports of the same set, or in "
                  "the boots of one", _agree)
    _report_command(commands, "table", "a report's tables", _table)
    _report_command(commands, "summary", "print a report as one table in Markdown", _summary)
    one = _report_command(commands, "page", "make the page and plots of a report; needs matplotlib", _page)
    one.add_argument("--out", type=Path, metavar="DIR", help="directory of the output (default: that of the report)")
    one.add_argument("--lines", type=Path, metavar="LINES.json", nargs="+", default=[],
                     help="what make lines has written: plot the cache lines that move, too")
    one = _report_command(commands, "picture", "update the picture and the table on the first page of this checkout; "
                          "needs matplotlib", _picture)
    one.add_argument("--command", metavar="COMMAND", default="make bench BOOTS=3",
                     help="how the report was made, as the page says it (default: %(default)s)")
    _goals_command(commands)
    what = "make one report of the reports of several boots"
    one = commands.add_parser("join", help=what, description=what)
    one.add_argument("reports", type=Path, metavar="REPORT.json", nargs="+", help="reports of one boot each")
    one.add_argument("--out", type=Path, metavar="OUT.json", required=True, help="where the joined report goes")
    one.set_defaults(do=_join)
    _fleet_command(commands)
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
