# SPDX-License-Identifier: GPL-2.0
"""tools/bench: compares two reports, tells what an engine against itself comes to, makes tables and pages of reports,
and runs the benchmark on the machine it runs on. Exit status: 0, 1 after one line that says what is wrong, 2 for a
wrong command line."""

import argparse
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Callable, Optional, Sequence

import bench_report
import bench_set
import bench_stats
from bench_set import SetError

SYSFS = Path("/sys/kernel/cmwq2_bench")
MODULES = ("src/cmwq2.ko", "bench/cmwq2_bench.ko")
# Of a hundred comparisons of a thing with itself, as many may be called a difference.
MOST_FALSE = 0.05


def comparison_rows(one: dict, other: dict) -> list:
    """(title, engine, figure, comparison of @other in terms of @one) of all runs that are in both."""
    rows, keyed = [], {bench_set.run_key(run): run for run in other["runs"]}
    for run in one["runs"]:
        match = keyed.get(bench_set.run_key(run))
        if match is None:
            continue
        for engine in dict.fromkeys(run["header"]["engines"]):
            if engine not in match["header"]["engines"]:
                continue
            for figure in run["header"]["figures"]:
                if figure not in match["header"]["figures"]:
                    continue
                found = bench_stats.unpaired(bench_set.value_rows(match, engine, figure),
                                             bench_set.value_rows(run, engine, figure))
                if found:
                    rows.append((run["title"], engine, figure, found))
    return rows


def compare(one: dict, other: dict, every: bool) -> str:
    """What differs between two reports, or with @every all there is."""
    rows = comparison_rows(one, other)
    if not rows:
        raise SetError("the two reports have no figure in common")
    different = [row for row in rows if row[3].verdict == bench_stats.DIFFERENCE]
    lines = [f"A: {one['vehicle']}, kernel {one['kernel']}, configuration {one['config']}",
             f"B: {other['vehicle']}, kernel {other['kernel']}, configuration {other['config']}"]
    shown = rows if every else different
    if shown:
        table = [("run", "engine", "figure", "B/A [95 %]"), *((*row[:3], str(row[3])) for row in shown)]
        widths = [max(len(row[i]) for row in table) for i in range(4)]
        lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table]
    unknown = sum(row[3].verdict == bench_stats.UNKNOWN for row in rows)
    lines.append(f"{len(rows)} figures compared: {len(different)} differ, {len(rows) - len(different) - unknown} with no "
                 f"difference seen, {unknown} with too few rounds. Of figures that do not differ one in twenty would "
                 "also be called a difference.")
    return "\n".join(lines)


def against_itself(document: dict) -> list:
    """(figure, comparisons, of these called a difference): neighbours of the same name in the lists of engines."""
    counts: dict = {}
    for run in document["runs"]:
        names = run["header"]["engines"]
        for first in range(0, len(names) - 1, 2):
            if names[first] != names[first + 1]:
                continue
            for figure in run["header"]["figures"]:
                found = bench_stats.paired(bench_report.values_of(run["rounds"], first + 1, figure),
                                           bench_report.values_of(run["rounds"], first, figure))
                if found and found.verdict != bench_stats.UNKNOWN:
                    count = counts.setdefault(figure, [0, 0])
                    count[0] += 1
                    count[1] += found.verdict == bench_stats.DIFFERENCE
    return [(figure, all_of, false) for figure, (all_of, false) in counts.items()]


class Host:
    """The benchmark of the kernel that runs here, through its files."""

    def __init__(self, sysfs: Path, modules: Optional[Path]):
        self.sysfs, self.modules = sysfs, modules

    def load(self, hook: str) -> None:
        """Both modules, if they were built and are not there."""
        if not self.modules:
            if not self.sysfs.is_dir():
                raise SetError(f"{self.sysfs}: cmwq2_bench is not loaded; --modules DIR loads it")
            return
        for name in MODULES:
            more = [f"hook={hook}"] if name.endswith("cmwq2.ko") else []
            self._do("insmod", str(self.modules / name), *more)

    def unload(self) -> None:
        """What load() has loaded."""
        for name in reversed(MODULES) if self.modules else ():
            self._do("rmmod", Path(name).stem)

    def run(self, settings: dict, on_progress: Callable[[str], None]) -> str:
        """The text of a result."""
        self._write("reset", "1")
        for key, value in settings.items():
            self._write(f"config_{key}", value)
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(over, on_progress), daemon=True)
        watcher.start()
        try:
            self._write("run", "1")
        finally:
            over.set()
            watcher.join()
        return (self.sysfs / "result").read_text(encoding="utf-8")

    def _watch(self, over: threading.Event, on_progress: Callable[[str], None]) -> None:
        while not over.wait(1):
            on_progress((self.sysfs / "progress").read_text(encoding="utf-8").strip())

    def _write(self, name: str, value: object) -> None:
        try:
            (self.sysfs / name).write_text(f"{value}\n", encoding="utf-8")
        except OSError as error:
            raise SetError(f"{self.sysfs / name}: {value}: {error.strerror}; the kernel's log says more") from None

    @staticmethod
    def _do(*command: str) -> None:
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            raise SetError(f"{' '.join(command)}: {said.strip()}") from None


class Left:
    """How far a set is, and how long it will take: by what its runs have taken so far."""

    def __init__(self, count: int):
        self.count, self.number, self.start = count, 0, time.monotonic()

    def line(self, title: str, progress: str) -> str:
        """For people; @progress is what the module's file says."""
        words = dict(word.partition("=")[::2] for word in progress.split())
        turns, turns_of, left = words.get("turns", "0"), words.get("of", "0"), words.get("left_ms", "-")
        text = f"run {self.number + 1} of {self.count}, {title}"
        if turns_of.isdigit() and int(turns_of):
            text += f": {100 * int(turns) // int(turns_of)} %"
        if left.isdigit():
            each = (time.monotonic() - self.start + int(left) / 1000) / (self.number + 1)
            text += f", {self.time(int(left) / 1000 + each * (self.count - self.number - 1))} left in all"
        return text

    @staticmethod
    def time(seconds: float) -> str:
        """As people say it."""
        return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def run_host(options: argparse.Namespace) -> dict:
    """A set on this machine."""
    wanted = bench_set.Wanted(bench_set.names(options.workload, bench_set.WORKLOADS, "--workload"),
                              tuple(options.profiles.replace(",", " ").split()), options.rounds, options.seed,
                              options.full)
    plans, host, runs, missing = bench_set.plans(wanted), Host(options.sysfs, options.modules), [], []
    left, release = Left(len(plans)), Path("/proc/sys/kernel/osrelease").read_text(encoding="utf-8").strip()
    for left.number, plan in enumerate(plans):
        settings = dict(plan.settings)
        host.load(settings.pop("hook", "auto"))
        try:
            text = host.run(settings, lambda said, title=plan.title: print(left.line(title, said), file=sys.stderr))
            runs.append({"title": plan.title, **bench_report.parse(text, "host")})
        except (SetError, bench_report.ResultError) as error:
            missing.append({"title": plan.title, "reason": str(error)})
        finally:
            host.unload()
    if not runs:
        raise SetError(f"no run could be made: {missing[0]['reason']}")
    where = {"vehicle": "host", "accelerator": None, "host": bench_set.host_cpu(), "kernel": release,
             "config": bench_set.config_hash(Path(f"/boot/config-{release}"))}
    return bench_set.document(where, wanted.seed, runs, missing)


def tables(document: dict) -> str:
    """All runs as people read them on a terminal."""
    parts = [f"== {run['title']}\n{bench_report.table(run)}" for run in document["runs"]]
    parts += [f"== {each['title']}: not run: {each['reason']}" for each in document["missing"]]
    return "\n\n".join(parts)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="bench", description="Benchmarks of cmwq2: see Documentation/bench.rst.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = commands.add_parser("compare", help="figures of two reports, of two kernels for instance")
    one.add_argument("a", type=Path, metavar="A.json")
    one.add_argument("b", type=Path, metavar="B.json")
    one.add_argument("--force", action="store_true", help="also what is not comparable")
    one.add_argument("--all", action="store_true", help="also what does not differ")
    one = commands.add_parser("table", help="a report's tables")
    one.add_argument("report", type=Path, metavar="REPORT.json")
    one = commands.add_parser("page", help="a report's page and plots; needs matplotlib")
    one.add_argument("report", type=Path, metavar="REPORT.json")
    one.add_argument("--out", type=Path, metavar="DIR", help="where to, beside the report if not given")
    one = commands.add_parser("aa", help="how often an engine against itself is called a difference")
    one.add_argument("report", type=Path, metavar="REPORT.json")
    one = commands.add_parser("run", help="a set on this machine, as root")
    one.add_argument("--modules", type=Path, metavar="DIR", help="load src/cmwq2.ko and bench/cmwq2_bench.ko from there")
    one.add_argument("--workload", default=" ".join(bench_set.DEFAULT), metavar="LIST")
    one.add_argument("--profiles", default=" ".join(bench_set.PROFILES), metavar="LIST")
    one.add_argument("--rounds", type=_count, default=bench_set.ROUNDS)
    one.add_argument("--seed", type=_count, default=1)
    one.add_argument("--full", action="store_true")
    one.add_argument("--out", type=Path, default=Path("bench-report.json"), metavar="REPORT.json")
    one.add_argument("--sysfs", type=Path, default=SYSFS, help=argparse.SUPPRESS)
    return top


def _count(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is no count; allowed: 1 to {2**32 - 1}")
    return int(text)


def _do(options: argparse.Namespace) -> int:
    if options.command == "compare":
        one, other = bench_set.read(options.a), bench_set.read(options.b)
        against = bench_set.obstacles(one, other)
        if against and not options.force:
            raise SetError(f"not comparable (--force does it all the same): {'; '.join(against)}")
        print(compare(one, other, options.all))
    elif options.command == "table":
        print(tables(bench_set.read(options.report)))
    elif options.command == "page":
        import bench_page
        print(bench_page.write(bench_set.read(options.report), options.out or options.report.parent))
    elif options.command == "aa":
        rows = against_itself(bench_set.read(options.report))
        if not rows:
            raise SetError(f"{options.report}: no engine is in a list twice on end")
        for figure, count, false in rows:
            print(f"{figure:14} {false} of {count} called a difference")
        return int(any(false > MOST_FALSE * count for figure, count, false in rows if figure == "rate"))
    else:
        document = run_host(options)
        bench_set.write(options.out, json.dumps(document, indent=1) + "\n")
        print(tables(document))
    return 0


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run one command; whatever the user can act on is one line."""
    options = parser().parse_args(arguments)
    try:
        return _do(options)
    except (SetError, bench_report.ResultError) as error:
        print(f"bench: {error}", file=sys.stderr)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        # The report was read, but what is in it is not what this program wrote.
        print(f"bench: the report is damaged: {type(error).__name__} {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(f"bench: {error.name} is missing: make bench installs it for itself, python3 -m pip install {error.name} "
              "elsewhere", file=sys.stderr)
    except OSError as error:
        print(f"bench: {error.filename or 'standard output'}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    return 1
