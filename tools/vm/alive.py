# SPDX-License-Identifier: GPL-2.0
"""What runs at the moment: it is told on the terminal while nothing else is, and it ends when this process does."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import threading
import time
from typing import Any, Callable, Iterator, List, Optional, Sequence

# A verb that says nothing for so long tells what it is doing.
SILENCE = 30.0
WIDTH = 100
PR_SET_PDEATHSIG = 1

# The keeper reads which processes there are. The pipe ends with this process, whatever ended that, also SIGKILL.
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
# How long a process has to put its things in order when it is asked to end, as dpkg does.
GRACE = 5.0


class Keeper:
    """Ends processes whose owner has gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe = -1
        self._process: Optional[subprocess.Popen] = None

    def pipe(self) -> int:
        """Where it reads; it is started by whoever asks first."""
        with self._lock:
            if self._pipe < 0:
                reader, self._pipe = os.pipe()
                # A session of its own, because an interrupt from the terminal is not meant for it.
                self._process = subprocess.Popen(["/bin/sh", "-c", KEEPER], stdin=reader, stdout=subprocess.DEVNULL,
                                                 stderr=subprocess.DEVNULL, start_new_session=True)
                os.close(reader)
        return self._pipe

    def start(self, argv: Sequence[object], group: bool = True, **options: Any) -> subprocess.Popen:
        """A process, which leads a @group of its own unless it has to have the terminal. It tells the keeper of itself
        before it becomes what it shall be: to tell that from here would leave a moment in which nobody knows of it."""
        words, pipe = [str(word) for word in argv], self.pipe()
        if not shutil.which(words[0]):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), words[0])

        def tell() -> None:
            os.write(pipe, b"+ %d\n" % (-os.getpid() if group else os.getpid()))
        return subprocess.Popen(words, preexec_fn=tell, start_new_session=group, **options)

    @contextlib.contextmanager
    def keeping(self, process: subprocess.Popen, group: bool = True) -> Iterator[None]:
        """Forget @process in the end, which the caller has waited for then."""
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.write(self.pipe(), b"- %d\n" % (-process.pid if group else process.pid))


keeper = Keeper()


def end_group(process: subprocess.Popen, number: int = signal.SIGKILL) -> None:
    """End @process, which leads a group, and all of the group that is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
    try:
        process.wait(GRACE if number != signal.SIGKILL else None)
    except subprocess.TimeoutExpired:
        end_group(process)


@contextlib.contextmanager
def started(argv: Sequence[object], **options: Any) -> Iterator[subprocess.Popen]:
    """A process that leads a group of its own, and that is gone when this is left, whatever the reason."""
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
    """subprocess.run() of a process that does not outlive this one."""
    if options.pop("capture_output", False):
        options.update(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with started(argv, **options) as process:
        stdout, stderr = process.communicate(timeout=timeout)
    done = subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
    if check:
        done.check_returncode()
    return done


def end_with_parent() -> None:
    """End this process when make does, which a SIGKILL to make would not do by itself."""
    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError, ImportError):
        import ctypes   # which not every Python is built with
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)


def end_in_order() -> None:
    """Whoever asks this process to end gets the same as by Ctrl-C: what it has started is ended first."""
    def interrupted(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup ignores the latter, and this stays so.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupted)


_said = time.monotonic()
_doing: List[Callable[[], str]] = []


def say(text: str) -> None:
    """A line of progress. Flushed, because it is mostly read through a pipe."""
    global _said
    _said = time.monotonic()
    print(text, flush=True)


@contextlib.contextmanager
def doing(what: Callable[[], str]) -> Iterator[None]:
    """@what tells in some words how far it is, for as long as it takes."""
    _doing.append(what)
    try:
        yield
    finally:
        _doing.remove(what)


def silent() -> float:
    """Seconds since something was said."""
    return time.monotonic() - _said


def _lines(start: float) -> List[str]:
    """What runs, each thing once, in lines of a readable width."""
    seconds = int(time.monotonic() - start)
    head, lines = f"  {seconds // 60}:{seconds % 60:02d} ", []
    line = head
    for text in dict.fromkeys(what() for what in list(_doing)):
        if line.strip() != head.strip() and len(line) + len(text) > WIDTH:
            lines.append(line.rstrip(";"))
            line = " " * len(head)
        line += f" {text};"
    return [*lines, line.rstrip(";")]


@contextlib.contextmanager
def telling(interval: float = SILENCE) -> Iterator[None]:
    """While this lasts, what runs is told whenever nothing was said for @interval seconds."""
    over, start = threading.Event(), time.monotonic()

    def loop() -> None:
        while not over.wait(max(0.01, interval - silent())):
            if silent() >= interval and _doing:
                for line in _lines(start):
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
