# SPDX-License-Identifier: GPL-2.0
"""What all commands of this directory have in common: arguments, exit status, closed pipes and Ctrl-C.

A command looks like this, so that Ctrl-C is quiet while its modules are imported, too::

    import cli
    if __name__ == "__main__":
        cli.guard_imports()
    import everything.else

    if __name__ == "__main__":
        cli.run("name", lambda: work())

Exit status of every command:

  0    it is done, and what was checked is as it should be
  1    it failed, and one line on stderr says why; or what was checked is not as it should be
  2    the command line is wrong, and one line on stderr says what
  130  it was interrupted (Ctrl-C); nothing is said
  141  the reader of its output went away, as in ``command | head``; nothing is said, as by any program that SIGPIPE ends

Text of others, such as the name of a workqueue, may hold anything. What a terminal would obey is printed as an escape
(``\\x1b``), and so is a character that the terminal's encoding does not have.

With CMWQ2_TRACEBACK=1 a failure is a traceback instead of a line.
"""

import os
import signal
import sys

PASSED, FAILED, USAGE, INTERRUPTED, READER_GONE = 0, 1, 2, 130, 141
OLDEST = (3, 9)


def _leave_at_once(_number, _frame):        # type: ignore
    os._exit(INTERRUPTED)


def guard_imports():        # type: ignore
    """Until run() begins, Ctrl-C ends the command quietly. Only a command does this, for it changes the process."""
    if sys.version_info < OLDEST:
        sys.stderr.write("%s: Python %d.%d or newer is needed, this is %d.%d\n" % (
            os.path.basename(sys.argv[0]), *OLDEST, *sys.version_info[:2]))
        os._exit(FAILED)
    # Whoever ignores it, as a background job does, goes on doing so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave_at_once)


# These take a while, and guard_imports() has to be there whatever Python this is.
import argparse     # noqa: E402
import json         # noqa: E402
import threading    # noqa: E402
from contextlib import contextmanager, redirect_stderr, redirect_stdout     # noqa: E402
from typing import Any, Callable, Iterator, NoReturn, Optional, TextIO, Tuple       # noqa: E402

STATUS = """\
Exit status: 0 done, 1 failed or not as it should be, 2 wrong usage,
130 interrupted, 141 the reader of the output went away.
"""


class Error(Exception):
    """What the user can act on, in one line."""


class ReaderGone(Exception):
    """Nobody reads what is printed."""


# Arguments


def positive(text: str) -> int:
    """A number of things, at least one."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"not a positive number: {text}")
    return int(text)


def natural(text: str) -> int:
    """A number that may be 0."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"not a number: {text}")
    return int(text)


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments. --help ends with the exit status."""

    def __init__(self, **options: Any) -> None:
        options["epilog"] = f"{options.get('epilog') or ''}\n{STATUS}".lstrip()
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)

    def error(self, message: str) -> NoReturn:
        """Leave with 2."""
        self.exit(USAGE, f"{self.prog}: error: {one_line(message)}; see --help\n")


# Text for a terminal


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def visible(text: str, keep: str = "") -> str:
    """@text with everything that is not to be seen, but for the characters in @keep, as an escape."""
    if text.isprintable():
        return text
    return "".join(each if each in keep or each.isprintable() else _escaped(each) for each in text)


def one_line(text: str) -> str:
    """@text in one line that is safe to print."""
    return visible(" ".join(text.split()))


class Output:
    """Standard output or error of a command: nothing that others have named is obeyed by the terminal."""

    def __init__(self, stream: Optional[TextIO], name: str) -> None:
        self._stream, self._name = stream, name
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")       # type: ignore

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        """Whether somebody looks at once."""
        return self._stream is not None and self._stream.isatty()

    def write(self, text: str) -> int:
        """Print, but for what a terminal would obey."""
        return self.write_raw(visible(text, "\n\t"))

    def write_raw(self, text: str) -> int:
        """Print what the terminal shall obey."""
        return self._do(lambda stream: stream.write(text))

    def flush(self) -> None:
        """Have it printed."""
        if self._stream is not None:
            self._do(lambda stream: stream.flush())

    def _do(self, what: Callable[[TextIO], Any]) -> Any:
        try:
            if self._stream is None:
                raise OSError(0, "it is closed")
            return what(self._stream)
        except BrokenPipeError:
            raise ReaderGone from None
        except OSError as error:
            raise Error(f"{self._name}: {error.strerror}") from None


def emit(text: str, before: str = "", after: str = "") -> None:
    """Print at once: somebody is looking. The terminal obeys @before and @after, and nothing in @text."""
    out = sys.stdout
    raw = getattr(out, "write_raw", out.write)
    if before:
        raw(before)
    out.write(text)
    if after:
        raw(after)
    out.flush()


# Files


def standard_input() -> TextIO:
    """What "-" stands for as the name of a file that is read."""
    if sys.stdin is None:
        raise Error("standard input: it is closed")
    return sys.stdin


def read_json(path: str, what: str) -> Any:
    """
    A document that one of the commands has written.

    :param path: "-" is standard input
    :param what: the document that is expected there, for the line about another one
    """
    name = "standard input" if path == "-" else path
    try:
        if path == "-":
            return json.load(standard_input())
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise Error(f"{name}: {error.strerror}") from None
    except RecursionError:
        raise Error(f"{name}: not {what}: it is nested too deeply") from None
    except ValueError as error:
        raise Error(f"{name}: not {what}: {error}") from None


# The end


def explain(error: Exception) -> str:
    """The line for whatever went wrong."""
    if isinstance(error, Error):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else f"{type(error).__name__}: {error}"
    return f"{type(error).__name__}: {error}"


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, unless it is ignored or somebody else handles it."""
    before = signal.getsignal(signal.SIGINT)
    ours = before is _leave_at_once and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)


def _status(work: Callable[[], Any]) -> int:
    """What @work has come to, with all it printed on its way."""
    try:
        return PASSED if work() else FAILED
    except SystemExit as end:   # of argparse
        if end.code is None or isinstance(end.code, int):
            return end.code or PASSED
        raise Error(str(end.code)) from None
    finally:
        sys.stdout.flush()


def _outcome(work: Callable[[], Any], told: Callable[[Exception], str]) -> Tuple[int, str]:
    """The exit status of @work, and the line to tell, which is empty if there is nothing to tell."""
    try:
        with _interruptible(), redirect_stdout(Output(sys.stdout, "standard output")), \
                redirect_stderr(Output(sys.stderr, "standard error")):      # type: ignore
            return _status(work), ""
    except KeyboardInterrupt:
        return INTERRUPTED, ""
    except ReaderGone:
        return READER_GONE, ""
    except Exception as error:      # a traceback would tell a user less
        if os.environ.get("CMWQ2_TRACEBACK"):
            raise
        return FAILED, told(error) or type(error).__name__


def _tell(name: str, text: str) -> None:
    try:
        sys.stderr.write(f"{name}: {one_line(text)}\n")
        sys.stderr.flush()
    except (AttributeError, OSError):
        pass        # It is closed; the status says enough.


def status(name: str, work: Callable[[], Any], told: Callable[[Exception], str] = explain) -> int:
    """Do @work, which tells whether all is well; the exit status. Whatever goes wrong is one line on stderr."""
    number, text = _outcome(work, told)
    if text:
        _tell(name, text)
    return number


def run(name: str, work: Callable[[], Any], told: Callable[[Exception], str] = explain) -> NoReturn:
    """
    The same, and leave with that status.

    :param name: the command's
    :param work: what it does
    :param told: the line for an exception
    """
    number, text = _outcome(work, told)
    if not text and number in (PASSED, FAILED, USAGE):
        sys.exit(number)
    if text:
        _tell(name, text)
    # Not through the interpreter's end, which would try again to print what nobody reads.
    os._exit(number)
