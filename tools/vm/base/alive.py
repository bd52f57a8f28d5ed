# SPDX-License-Identifier: GPL-2.0
"""Keeps track of running processes and steps: reports them on the terminal while nothing else is printed, and ends them
when this process ends."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, Callable, Optional

# After this many seconds without output a verb reports what it is doing.
SILENCE = 30.0
WIDTH = 100
PR_SET_PDEATHSIG = 1

# The keeper is a shell that kills the processes that this process leaves behind. It reads from a pipe which processes
# have started and ended. When this process ends, even by SIGKILL, the pipe is closed, and the keeper kills the rest.
KEEPER = """
alive=' '
while read -r what id; do
	case $what in
	+) alive="$alive$id " ;;
	-) alive="${alive%% $id *} ${alive#* $id }" ;;
	esac
done
[ "$alive" != ' ' ] || exit 0
for signal in TERM KILL; do
	for id in $alive; do
		kill -s $signal -- "$id" 2> /dev/null
	done
	[ $signal = KILL ] || sleep 1
done
"""
# How many seconds a process has to clean up after SIGTERM. dpkg, for example, needs this time.
GRACE = 5.0
# If Python has dropped the exception of a signal, the signal is sent again after so many seconds.
AGAIN = 0.1


class Keeper:
    """Ends processes whose owner has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe = -1
        self._process: Optional[subprocess.Popen] = None

    def pipe(self) -> int:
        """Return the pipe that the keeper reads. The first call starts the keeper."""
        with self._lock:
            if self._pipe < 0:
                reader, self._pipe = os.pipe()
                # A session of its own, so that it gets no interrupt from the terminal.
                self._process = subprocess.Popen(["/bin/sh", "-c", KEEPER], stdin=reader, stdout=subprocess.DEVNULL,
                                                 stderr=subprocess.DEVNULL, start_new_session=True)
                os.close(reader)
        return self._pipe

    def start(self, argv: Sequence[object], group: bool = True, **options: Any) -> subprocess.Popen:
        """Start a process and return it. It leads a @group of its own, unless it needs the terminal. The new process
        reports itself to the keeper before it executes @argv. If this process reported it, the keeper would not know
        of it for a moment."""
        words, pipe = [str(word) for word in argv], self.pipe()
        if not shutil.which(words[0]):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), words[0])

        def tell() -> None:
            os.write(pipe, b"+ %d\n" % (-os.getpid() if group else os.getpid()))
        return subprocess.Popen(words, preexec_fn=tell, start_new_session=group, **options)

    @contextlib.contextmanager
    def keeping(self, process: subprocess.Popen, group: bool = True) -> Iterator[None]:
        """Tell the keeper to forget @process at the end. The caller must have waited for it by then."""
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.write(self.pipe(), b"- %d\n" % (-process.pid if group else process.pid))


keeper = Keeper()


def end_group(process: subprocess.Popen, number: int = signal.SIGKILL) -> None:
    """Send signal @number to the group that @process leads, and wait for it. If it does not end in time, kill it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
    try:
        process.wait(GRACE if number != signal.SIGKILL else None)
    except subprocess.TimeoutExpired:
        end_group(process)


@contextlib.contextmanager
def started(argv: Sequence[object], **options: Any) -> Iterator[subprocess.Popen]:
    """Start a process that leads a group of its own, and wait for it at the end. After an exception its group is
    ended first."""
    process = keeper.start(argv, **options)
    with keeper.keeping(process):
        try:
            yield process
        except BaseException:
            end_group(process, signal.SIGTERM)
            raise
        process.wait()


def run(argv: Sequence[object], timeout: Optional[float] = None, check: bool = False,
        **options: Any) -> subprocess.CompletedProcess:
    """Like subprocess.run(), for a process that does not outlive this one."""
    if options.pop("capture_output", False):
        options.update(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with started(argv, **options) as process:
        stdout, stderr = process.communicate(timeout=timeout)
    done = subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
    if check:
        done.check_returncode()
    return done


def end_with_parent() -> None:
    """Make this process end when its parent, make, ends. Otherwise it would survive a SIGKILL to make."""
    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError, ImportError):
        import ctypes  # not every Python is built with it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)


def end_in_order() -> None:
    """Make the first SIGTERM or SIGHUP act like Ctrl-C: this process ends what it has started, then itself. Others
    have no effect, because timeout(1) sends one and make another."""
    ended, others = False, sys.unraisablehook

    def interrupted(_number: int, _frame: object) -> None:
        nonlocal ended
        if not ended:
            ended = True
            raise KeyboardInterrupt

    def dropped(what: Any) -> None:
        """Send the signal again. Python drops the exceptions of some functions that it calls itself, such as those that
        it calls after fork(). It would also drop an exception of this function, so the signal is sent a moment
        later."""
        nonlocal ended
        if what.exc_type is not KeyboardInterrupt or not ended:
            others(what)
            return
        ended = False
        timer = threading.Timer(AGAIN, os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()
    sys.unraisablehook = dropped
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Under nohup, SIGHUP is ignored, and stays ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupted)


_said = time.monotonic()
_doing: list[Callable[[], str]] = []


def say(text: str) -> None:
    """Print a line of progress. It is flushed, because standard output is mostly a pipe."""
    global _said
    _said = time.monotonic()
    print(text, flush=True)


@contextlib.contextmanager
def doing(what: Callable[[], str]) -> Iterator[None]:
    """While this context lasts, report the step by calling @what, which returns how far it is in a few words."""
    _doing.append(what)
    try:
        yield
    finally:
        _doing.remove(what)


def silent() -> float:
    """Return the seconds since the last line was printed."""
    return time.monotonic() - _said


def _lines(start: float, verb: str) -> list[str]:
    """Return what runs, each step once, in lines of at most about WIDTH characters. @verb stands for steps that report
    nothing."""
    seconds = int(time.monotonic() - start)
    head, lines = f"  {seconds // 60}:{seconds % 60:02d} ", []
    line = head
    for text in dict.fromkeys(what() for what in list(_doing)) or [f"{verb} is still at work"]:
        if line.strip() != head.strip() and len(line) + len(text) > WIDTH:
            lines.append(line.rstrip(";"))
            line = " " * len(head)
        line += f" {text};"
    return [*lines, line.rstrip(";")]


@contextlib.contextmanager
def telling(interval: float = SILENCE, verb: str = "") -> Iterator[None]:
    """While this context lasts, report what runs whenever nothing was printed for @interval seconds. If no step reports
    anything, @verb is said to be at work, unless it is empty, as for a verb that waits for the user."""
    over, start = threading.Event(), time.monotonic()

    def loop() -> None:
        while not over.wait(max(0.01, interval - silent())):
            if silent() >= interval and (_doing or verb):
                for line in _lines(start, verb):
                    say(line)
            elif silent() >= interval:
                over.wait(min(interval, 1))
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
