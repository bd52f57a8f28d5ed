# SPDX-License-Identifier: GPL-2.0
"""What the scripts for people share: numbers as arguments, and one line instead of a traceback."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, Callable, Dict, NoReturn, Optional, Tuple

import cmwq2


def positive(text: str) -> int:
    """A number of things, at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"not a positive number: {text}")
    return int(text)


def natural(text: str) -> int:
    """A number that may be 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"not a number: {text}")
    return int(text)


def program(scope: Dict[str, Any]) -> Any:
    """The kernel that drgn put among the globals of the script it runs."""
    if "prog" not in scope:
        raise cmwq2.Cmwq2Error("no kernel to look at: run this by drgn, see --help")
    return scope["prog"]


def emit(text: str) -> None:
    """Print at once: somebody is looking."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _status(work: Callable[[], bool]) -> int:
    """The exit status of @work, with all it printed on its way."""
    try:
        return 0 if work() else 1
    except SystemExit as end:  # of argparse
        return int(end.code or 0)
    finally:
        sys.stdout.flush()


def _outcome(work: Callable[[], bool], endless: bool) -> Tuple[int, Optional[str]]:
    """The exit status of @work, and what to tell of it; None if it came to its end."""
    try:
        return _status(work), None
    except KeyboardInterrupt:
        return (0, "") if endless else (1, "interrupted")
    except BrokenPipeError:
        return (0, "") if endless else (1, "the reader of the output went away")
    except cmwq2.Cmwq2Error as error:
        return 1, str(error)
    except PermissionError as error:
        return 1, f"no permission, this takes root: {error}"
    except (ProcessLookupError, ConnectionError) as error:
        # What drgn's --qemu gets from the memory of a process that is no more.
        return 1, f"the guest is gone, look again when another one runs: {error}"
    except OSError as error:
        return 1, f"{type(error).__name__}: {error}"
    except cmwq2.FaultError as error:
        return 1, f"memory of the kernel is missing, is this dump whole? {error}"
    except (AttributeError, LookupError, TypeError) as error:
        return 1, ("this is not the form of dump or kernel that this script is for: "
                   f"{type(error).__name__}: {error}")
    except Exception as error:  # a traceback would tell a user less
        return 1, f"{type(error).__name__}: {error}"


def leave(name: str, status: int, text: str = "") -> NoReturn:
    """Leave with one line on stderr or none, and nothing from the interpreter's exit."""
    if text:
        sys.stderr.write(f"{name}: {' '.join(text.split())}\n")
        sys.stderr.flush()
    os._exit(status)


def run(name: str, work: Callable[[], bool], endless: bool = False) -> NoReturn:
    """
    Do @work, which tells whether all is well, and leave with 0 or 1. Whatever goes
    wrong is one line; CMWQ2_TRACEBACK=1 shows where.

    :param name: the script's
    :param endless: to be interrupted, or left by its reader, is how it ends
    """
    if os.environ.get("CMWQ2_TRACEBACK"):
        sys.exit(0 if work() else 1)
    status, text = _outcome(work, endless)
    if text is not None:
        leave(name, status, text)
    sys.exit(status)
