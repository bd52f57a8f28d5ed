# SPDX-License-Identifier: GPL-2.0
"""Code that all commands of this directory share: arguments, exit status, closed pipes and Ctrl-C.

A command looks like this, so that Ctrl-C ends it quietly even while it imports its modules::

    import cli
    if __name__ == "__main__":
        cli.guard_imports()
    import everything.else

    if __name__ == "__main__":
        cli.run("name", lambda: work())

Exit status of every command:

  0    success: the work is done, and any check passed
  1    failure, and one line on stderr says why; or a check did not pass
  2    the command line is wrong, and one line on stderr says how
  3    the command looked for something bad and found it, such as a stalled queue (wq_dump.py --stalls --exit-code)
  130  interrupted (Ctrl-C); no message
  141  the reader of the output went away, as in ``command | head``; no message, as from a program that SIGPIPE kills

Text from elsewhere, such as the name of a workqueue, may contain any character. Control characters are printed as
escapes (``\\x1b``), and so are characters that the terminal's encoding lacks.

With CMWQ2_TRACEBACK=1 a failure prints a traceback instead of one line.
"""

# A Python that is too old must be able to read this file, which says so. So it has old forms of types and texts.
# ruff: noqa: I001, UP006, UP031, UP035

import os
import signal
import sys

# Work that takes longer than this, in seconds, says how far it is.
SILENCE = 30.0
PASSED, FAILED, USAGE, FOUND, INTERRUPTED, READER_GONE = 0, 1, 2, 3, 130, 141
OLDEST = (3, 9)


def _leave_at_once(_number, _frame):        # type: ignore
    os._exit(INTERRUPTED)


def guard_imports():        # type: ignore
    """Make Ctrl-C end the process quietly until run() begins. Only a command may call this, as it affects the whole
    process. Exit with status 1 if this Python is too old."""
    if sys.version_info < OLDEST:
        sys.stderr.write("%s: Python %d.%d or newer is needed, this is %d.%d\n" % (
            os.path.basename(sys.argv[0]), *OLDEST, *sys.version_info[:2]))
        os._exit(FAILED)
    # A process that ignores SIGINT, such as a background job, keeps ignoring it.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave_at_once)


# These imports take a while and may fail on an old Python, so guard_imports() is defined before them.
import argparse     # noqa: E402
import json         # noqa: E402
import re           # noqa: E402
import textwrap     # noqa: E402
import threading    # noqa: E402
import time         # noqa: E402
from contextlib import contextmanager, redirect_stderr, redirect_stdout     # noqa: E402
from pathlib import Path        # noqa: E402
from typing import Any, Callable, Iterator, NoReturn, Optional, TextIO, Tuple       # noqa: E402

_HERE = Path(__file__).resolve().parent
# The header with the version, in a checkout and in the installed package.
VERSION_HEADERS = (_HERE.parent / "include/cmwq2/version.h", _HERE / "version.h")
# In the installed package this module is cmwq2.cli, and the commands have other names; see package.py.
INSTALLED = __name__ != "cli"
INSTALLED_AS = {"wq_dump.py": "wq-dump", "wq_monitor.py": "wq-monitor", "bench": "wq-bench",
                "bench_report.py": "wq-bench-report"}
STATUS = """\
Exit status: 0 done, 1 failed or a check did not pass, 2 wrong usage,
3 found what it looks for (where the text above says so), 130 interrupted,
141 the reader of the output went away.
"""


class Error(Exception):
    """A problem that the user can fix, described in one line."""


class ReaderGone(Exception):
    """The reader of the output went away."""


# Arguments


def positive(text: str) -> int:
    """Return the number in the argument @text. Raises ArgumentTypeError if it is not a number of at least 1."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number; allowed: 1 or more")
    return int(text)


def natural(text: str) -> int:
    """Return the number in the argument @text. Raises ArgumentTypeError if it is not a number of at least 0."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text} is not a number; allowed: 0 or more")
    return int(text)


def version_in(header: Path) -> str:
    """Return the version in the file version.h. Raises OSError, IndexError or UnicodeDecodeError if there is none."""
    return header.read_text(encoding="ascii").split('CMWQ2_VERSION\t"', 1)[1].split('"', 1)[0]


def version() -> str:
    """Return the version of the cmwq2 that this file belongs to, or "unknown" if the file was copied elsewhere."""
    for header in VERSION_HEADERS:
        try:
            return version_in(header)
        except (OSError, IndexError, UnicodeDecodeError):
            continue
    return "unknown"


def command_name(name: str) -> str:
    """Return the name by which a user starts the command that is @name in a checkout."""
    return INSTALLED_AS.get(name, name) if INSTALLED else name


def _as_installed(text: str) -> str:
    """Return @text, which shows how a command is started from a checkout, as it is for the installed command. drgn
    needs the path of the script that it runs."""
    for name, command in INSTALLED_AS.items():
        text = re.sub(rf"^( *drgn .*)tools/{re.escape(name)}\b", rf"\1$(which {command})", text, flags=re.M)
        text = re.sub(rf"tools/{re.escape(name)}(?![\w.])", command, text)
    return text


def fitted(text: str, width: int) -> str:
    """
    Return the help text @text with every line that is longer than @width wrapped. Lines that fit stay as they are.

    Lines without indentation that follow each other are a paragraph, which is filled anew as a whole. An indented line
    may be a row of two columns, with two or more spaces between them. Then the lines below it that are indented as far
    as its second column belong to it. Any other indented line is on its own.
    """
    done, rows = [], []         # type: ignore
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        column = re.match(r" +\S+(?: \S+)* {2,}(?=\S)", line)
        if rows and line.strip() and indent == rows[-1][0]:
            rows[-1][1].append(line)
        else:
            rows.append((column.end() if column else -1 if indent or not line.strip() else 0, [line]))
    for hanging, lines in rows:
        if all(len(line) <= width for line in lines):
            done += lines
            continue
        indent = len(lines[0]) - len(lines[0].lstrip())
        below = hanging if 0 <= hanging <= max(0, width - 20) else indent + 4
        done += textwrap.wrap(" ".join(line.strip() for line in lines), width, initial_indent=" " * indent,
                              subsequent_indent=" " * below, break_long_words=False, break_on_hyphens=False)
    return "\n".join(done)


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of a help text, unless they are longer than the terminal is wide."""

    def _fill_text(self, text, width, indent):      # type: ignore
        return fitted(super()._fill_text(text, width, indent), width + 2)


class Parser(argparse.ArgumentParser):
    """An argument parser that reports an error in one line and lists the exit statuses at the end of --help."""

    def __init__(self, **options: Any) -> None:
        options["epilog"] = f"{options.get('epilog') or ''}\n{STATUS}".lstrip()
        options["prog"] = command_name(options["prog"]) if options.get("prog") else None
        if INSTALLED:
            options.update({part: _as_installed(options.get(part) or "") for part in ("description", "epilog")})
        options.setdefault("formatter_class", _Help)
        super().__init__(**options)
        self.add_argument("-V", "--version", action="version", version=f"{self.prog} of cmwq2 {version()}",
                          help="show the version of cmwq2 and exit")

    def error(self, message: str) -> NoReturn:
        """Report the error and exit with status 2."""
        self.exit(USAGE, f"{self.prog}: error: {one_line(message)}; see --help\n")


# Text for a terminal


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def visible(text: str, keep: str = "") -> str:
    """Return @text with every unprintable character escaped, except those in @keep."""
    if text.isprintable():
        return text
    return "".join(each if each in keep or each.isprintable() else _escaped(each) for each in text)


def one_line(text: str) -> str:
    """Return @text as one line that is safe to print."""
    return visible(" ".join(text.split()))


class Output:
    """A command's standard output or error. It escapes control characters, so that the terminal does not obey them."""

    def __init__(self, stream: Optional[TextIO], name: str) -> None:
        self._stream, self._name = stream, name
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")       # type: ignore

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self._stream is not None and self._stream.isatty()

    def write(self, text: str) -> int:
        """Print @text with control characters escaped."""
        return self.write_raw(visible(text, "\n\t"))

    def write_raw(self, text: str) -> int:
        """Print @text as it is, including control sequences meant for the terminal."""
        return self._do(lambda stream: stream.write(text))

    def flush(self) -> None:
        """Flush the stream, if there is one."""
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
    """Print and flush. Control sequences in @before and @after reach the terminal; those in @text are escaped."""
    out = sys.stdout
    raw = getattr(out, "write_raw", out.write)
    if before:
        raw(before)
    out.write(text)
    if after:
        raw(after)
    out.flush()


@contextmanager
def telling(name: str, far: Callable[[], str], seconds: float = SILENCE) -> Iterator[None]:
    """
    While this context lasts, print how far the command is to standard error, again and again.

    :param name: the command's name
    :param far: returns how far it is, in a few words
    :param seconds: between two lines
    """
    over, start = threading.Event(), time.monotonic()

    def loop() -> None:
        while not over.wait(seconds):
            _tell(command_name(name), f"{far()}, {time.monotonic() - start:.0f} s")
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# Files


def standard_input() -> TextIO:
    """Return standard input, which the file name "-" stands for. Raises Error if it is closed."""
    if sys.stdin is None:
        raise Error("standard input: it is closed")
    return sys.stdin


def read_json(path: str, what: str) -> Any:
    """
    Read a JSON document that one of the commands has written. Raises Error if that fails.

    :param path: path of the file; "-" is standard input
    :param what: what the document should be, for the error message
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
    """Return one line that describes an exception."""
    if isinstance(error, Error):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else f"{type(error).__name__}: {error}"
    return f"{type(error).__name__}: {error}"


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt, unless SIGINT is ignored or has a handler that is not ours."""
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
    """Run @work, flush its output, and return the exit status."""
    try:
        return PASSED if work() else FAILED
    except SystemExit as end:   # of argparse
        if end.code is None or isinstance(end.code, int):
            return end.code or PASSED
        raise Error(str(end.code)) from None
    finally:
        sys.stdout.flush()


def _outcome(work: Callable[[], Any], told: Callable[[Exception], str]) -> Tuple[int, str]:
    """Run @work. Return the exit status and the line to print on stderr, "" if there is none."""
    try:
        with _interruptible(), redirect_stdout(Output(sys.stdout, "standard output")), \
                redirect_stderr(Output(sys.stderr, "standard error")):      # type: ignore
            return _status(work), ""
    except KeyboardInterrupt:
        return INTERRUPTED, ""
    except ReaderGone:
        return READER_GONE, ""
    except Exception as error:      # one line helps a user more than a traceback
        if os.environ.get("CMWQ2_TRACEBACK"):
            raise
        return FAILED, told(error) or type(error).__name__


def _tell(name: str, text: str) -> None:
    try:
        sys.stderr.write(f"{name}: {one_line(text)}\n")
        sys.stderr.flush()
    except (AttributeError, OSError):
        pass        # Standard error is closed; the exit status is all that is left.


def status(name: str, work: Callable[[], Any], told: Callable[[Exception], str] = explain) -> int:
    """Run @work, which returns whether all is well, and return the exit status. An error is one line on stderr."""
    number, text = _outcome(work, told)
    if text:
        _tell(command_name(name), text)
    return number


def run(name: str, work: Callable[[], Any], told: Callable[[Exception], str] = explain) -> NoReturn:
    """
    Like status(), but exit with that status.

    :param name: the command's name
    :param work: does the work and returns whether all is well
    :param told: returns the line that describes an exception
    """
    number, text = _outcome(work, told)
    if not text and number in (PASSED, FAILED, USAGE, FOUND):
        sys.exit(number)
    if text:
        _tell(command_name(name), text)
    # Skip the interpreter's cleanup, which would try again to flush output that nobody reads.
    os._exit(number)
