# SPDX-License-Identifier: GPL-2.0
"""Code that every part of the harness shares: locations, reporting of problems, running of commands."""

import contextlib
import errno
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Callable, Optional

from base import alive
from base.alive import say

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parents[1]
OUT = ROOT / "out"
# The names of cached sources and kernels contain a hash of their content, so several checkouts may share one cache.
CACHE = Path(os.environ.get("CMWQ2_CACHE") or OUT).resolve()

EXIT_PASSED, EXIT_FAILED, EXIT_LOST = 0, 1, 2

# Maximum width of lines meant for people.
WIDTH = alive.WIDTH


def flag_knob(name: str) -> bool:
    """Return whether a knob that is on or off is on."""
    return os.environ.get(name, "0") not in ("", "0")


VERBOSE = flag_knob("V")


class Problem(Exception):
    """A problem that the user can fix: one line on stderr and an exit status, never a traceback. @reasons lists all
    that went wrong, of which the line describes the first."""

    def __init__(self, text: str, status: int = EXIT_FAILED, reasons: Sequence[str] = ()):
        super().__init__(text)
        self.status, self.reasons = status, list(reasons)


def took(since: float) -> str:
    """Return the time since @since as text."""
    return spelled(time.monotonic() - since)


def spelled(seconds: float) -> str:
    """Return @seconds as text, such as 5.0 s or 2 min 07 s."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def shortened(text: str, width: int) -> str:
    """Return @text as one line of at most @width characters."""
    text = " ".join(text.split())
    return text if len(text) <= width else text[:max(0, width - 3)].rstrip() + "..."


def aligned(rows: Sequence[Sequence[str]], left: int) -> str:
    """Return @rows, which must have equal lengths, as lines of aligned columns. The first @left columns hold words and
    are aligned left, the others hold figures and are aligned right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(f"{cell:{'<' if at < left else '>'}{width}}"
                               for at, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows)


def jobs() -> int:
    """Return how many CPUs this process may use. In a container these may be fewer than the machine has."""
    return len(os.sched_getaffinity(0))


def count_knob(name: str, default: int) -> int:
    """Return the value of a knob that holds a count. Raises Problem if it is not a count."""
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 2**31:
        raise Problem(f"{name}={text} is not a count; allowed: 1 to {2**31 - 1}")
    return int(text)


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that readers see either the old or the new content, even if this process dies on the way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text)
    os.replace(partial, path)


def leave_count(verb: str, status: int, summary: str) -> None:
    """Write the exit status and the last line of @verb to a file, for callers that run the verb through make, which has
    only one exit status for all failures."""
    write_atomically(OUT / f"count-{verb}", f"{status} {summary}\n")


def fresh_directory(path: Path) -> Path:
    """Create the directory @path, or empty it, and return it."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def need_space(path: Path, gib: float) -> None:
    """Raise Problem if @path has less than @gib GiB free, before the work begins rather than in the middle of it."""
    path.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path).free / 2**30
    if free < gib:
        raise Problem(f"no space: {path} has {free:.1f} GiB free, {gib:g} GiB are needed")


@contextlib.contextmanager
def lock(name: str, where: Path = CACHE) -> Iterator[None]:
    """Hold a lock in the directory @where, so that only one process at a time provides @name there."""
    where.mkdir(parents=True, exist_ok=True)
    with open(where / f".{name}.lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            say(f"  another run is providing {name}, waiting for it")
            with alive.doing(lambda: f"waiting for another run that is providing {name}"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def log_tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of @log, where tools report what went wrong."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def output_of(command: Sequence[object], **options: Any) -> str:
    """Run a command that must succeed, and return its standard output."""
    argv = [str(word) for word in command]
    try:
        return alive.run(argv, check=True, text=True, capture_output=True, **options).stdout
    except FileNotFoundError:
        raise Problem(f"command not found: {argv[0]}") from None
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout or "").strip().splitlines()[-1:]
        raise Problem(f"{' '.join(argv[:3])} ...: {last[0] if last else f'exit {error.returncode}'}") from None


class Progress:
    """Shows the progress of a long step. On a terminal this is a line that is updated in place; elsewhere alive.py
    reports it from time to time, like everything that runs."""

    def __init__(self, title: str, expected: int = 0, unit: str = ""):
        self.title, self.expected, self.unit, self.done = title, expected, unit, 0
        self.start = self.shown = time.monotonic()
        self.tty = sys.stdout.isatty()
        if not self.tty:
            say(f"  {title} ...")

    def __enter__(self) -> "Progress":
        self._told = alive.doing(self._far)
        self._told.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._told.__exit__(None, None, None)

    def step(self, count: int = 1) -> None:
        """Count @count more units as done."""
        self.done += count
        now = time.monotonic()
        if self.tty and now - self.shown >= 0.2:
            self.shown = now
            print(f"\r  {self._far()}, {took(self.start)}\033[K", end="", flush=True)

    def _far(self) -> str:
        share = f" of about {self.expected}" if self.expected >= self.done else ""
        return self.title + (f": {self.done}{share}{self.unit}" if self.done else "")

    def finish(self, text: str = "done") -> None:
        """Print the last line of the step, with the time it took."""
        say(f"{chr(13) if self.tty else ''}  {self.title}: {text} in {took(self.start)}"
            f"{chr(27) + '[K' if self.tty else ''}")


def _each_line(argv: Sequence[str], take: Callable[[str], None], cwd: Optional[Path], env: Optional[dict]) -> int:
    """Run @argv, pass each line of its output to @take, and return its exit status."""
    try:
        with alive.started(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, text=True, errors="replace",
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            assert process.stdout
            for line in process.stdout:
                take(line)
    except FileNotFoundError:
        raise Problem(f"command not found: {argv[0]}") from None
    return process.returncode


def run_logged(command: Sequence[object], log: Path, *, cwd: Optional[Path] = None,
               on_line: Optional[Callable[[str], None]] = None, env: Optional[dict] = None,
               quiet: bool = False) -> None:
    """Run @command and append its output to @log. If it fails, print the end of the log unless @quiet, and raise
    Problem, whose text is the last line that the user sees."""
    argv = [str(word) for word in command]
    log.parent.mkdir(parents=True, exist_ok=True)
    if VERBOSE:
        say(f"$ {' '.join(argv)}")
    with open(log, "a") as sink:
        sink.write(f"$ {' '.join(argv)}\n")
        sink.flush()
        full = False

        def take(line: str) -> None:
            nonlocal full
            sink.write(line)
            full = full or "No space left on device" in line
            if VERBOSE:
                say(line.rstrip())
            if on_line:
                on_line(line)
        # A caller with on_line reports the progress itself. Any other command is only reported as running.
        with contextlib.nullcontext() if on_line else alive.doing(lambda: f"running {argv[0]} ({shown(log)})"):
            status = _each_line(argv, take, cwd, env)
    if full:
        raise Problem(f"no space left on the device of {log.parent} (log: {shown(log)})")
    if status:
        if not quiet:
            print(log_tail(log), file=sys.stderr)
        raise Problem(f"{argv[0]} failed with status {status} (log: {shown(log)})")


def shown(path: Path) -> str:
    """Return a path as a user in the top directory would type it."""
    try:
        return str(path.relative_to(ROOT))
    except ValueError:
        return str(path)
