# SPDX-License-Identifier: GPL-2.0
"""Runs the command lines with bpftrace, perf and trace-cmd of Documentation/monitoring.rst under load, in a guest with
one of Debian's own kernels, which have what these tools need."""

import re
from pathlib import Path

from base.common import Problem, Progress, output_of, shown
from build import apt, cross
from machines import guest

SUITE = "trixie"
PACKAGES = "bpftrace,linux-perf,trace-cmd"
PROGRAMS = ("bpftrace", "perf", "trace-cmd")
LOADER = "lib64/ld-linux-x86-64.so.2"
# The command lines, and patterns that must all occur in their output, such as a bar of a histogram or a count above 0.
LINES = {
    "bpftrace-wait": (r"@us\[bench_cmwq2_fn", r"\|@+ *\|"),
    "bpftrace-queues": (r"@items\[cmwq2_bench\.0\]: [1-9]",),
    "bpftrace-functions": (r"@us\[bench_cmwq2_fn", r"\|@+ *\|"),
    "bpftrace-kicks": (r"@kicks\[\d+\]: [1-9]",),
    "perf-stat": (r"^ *[1-9][\d,]* +cmwq2:cmwq2_kick", r"^ *[1-9][\d,]* +cmwq2:cmwq2_wake"),
    "perf-record": (r"cmwq2:cmwq2_(queue_work|execute_start):.*\bpool=\d",),
    "trace-cmd": (r" cmwq2_\w+: +.*\bpool=\d",),
    "hist-on": (r"bench_cmwq2_fn.*hitcount: +[1-9]", r"Hits: +[1-9]"),
    "hist-off": (),
}
# The lines without bpftrace, which takes a minute to compile each of its programs on an emulated CPU.
QUICK = tuple(name for name in LINES if not name.startswith("bpftrace"))
LOAD = "engines=cmwq2:mainline-7.3 items=2000 rounds=2"
# LLVM has 130 MB, and is in memory twice while the archive is unpacked.
MEMORY = ["-m", "2G"]
LIMIT = 120


def _provide() -> Path:
    """Return a directory with the packages and their dependencies. They are only unpacked, because nothing of them runs
    here except the loader."""
    def make(home: Path) -> str:
        with Progress(f"Debian's {PACKAGES.replace(',', ', ')} of {SUITE}") as progress:
            apt.Archive("tracers", SUITE).bootstrap(home / "root", "extract", PACKAGES)
            progress.finish("ready")
        return ""
    return apt.made_once("tracers", PACKAGES, 1, make)[0] / "root"


def _files() -> dict:
    """Return the programs and their libraries, by their paths in the guest."""
    root = _provide()
    names = {LOADER: f"usr/{LOADER}", **{f"usr/bin/{name}": f"usr/bin/{name}" for name in PROGRAMS}}
    for name in PROGRAMS:
        for line in output_of(["chroot", root, f"/usr/{LOADER}", "--list", f"/usr/bin/{name}"]).splitlines():
            match = re.search(r"=> (\S+)", line)
            if match:
                names[match[1].lstrip("/")] = match[1].lstrip("/")
    # perf and trace-cmd run sleep as a program.
    return {**{name: _inside(root, origin) for name, origin in names.items()}, "usr/bin/sleep": cross.BUSYBOX}


def _inside(root: Path, name: str) -> Path:
    """Return the file that @name is or links to, below @root. Unpacked packages have only /usr/lib and no /lib."""
    path = root / name if (root / name).exists() else root / "usr" / name
    return path.resolve(strict=True)


def problems(name: str, text: str) -> list:
    """Return what is missing in @text, the output of the line called @name."""
    return [f"{name} has not printed {pattern}: {' / '.join(text.strip().splitlines()[-3:])[:300]}"
            for pattern in LINES[name] if not re.search(pattern, text, re.MULTILINE)]


def check(target: object, series: str, modules: list, names: tuple) -> None:
    """Raise Problem unless the lines called @names work on @target."""
    run = guest.Run(target, "lines", guest.home(f"lines-{series}"), modules, limit=LIMIT, extra=MEMORY,   # type: ignore
                    settings={"LINES": " ".join(names), "LOAD": LOAD}, files=_files())
    guest.boot(run)
    # The file has hundreds of megabytes.
    (run.home / "initramfs.cpio").unlink()
    if not run.outcome.passed:
        raise Problem(f"{run.outcome} (log: {shown(run.console)})", run.outcome.status)
    said = {name: (run.results / "lines" / name).read_text(errors="replace") for name in names}
    found = [problem for name, text in said.items() for problem in problems(name, text)]
    if found:
        raise Problem("; ".join(found))
