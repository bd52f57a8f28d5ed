# SPDX-License-Identifier: GPL-2.0
"""Code shared by the scripts that look at a kernel with drgn: getting the kernel, and explaining drgn's errors."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from typing import Any, Callable, NoReturn

import cli
from wq.drgn_names import FaultError, default_program, find_module
from wq.engine import Cmwq2Error


def program(scope: dict[str, Any]) -> Any:
    """
    Return the kernel that drgn put among the globals of the script it runs, or that drgn looks at. If the script was
    started without drgn, by its own name, replace the process by drgn running the script.
    """
    prog = scope["prog"] if "prog" in scope else default_program()
    if prog is not None:
        check_drgn()
        return prog
    command = _drgn()
    if not command or scope.get("__name__") != "__main__":
        raise Cmwq2Error("no kernel to look at: drgn has to run this, see --help")
    os.execv(command[0], [*command, *sys.argv])


def _drgn() -> list[str]:
    """Return the command that starts drgn: with this Python if it has drgn, otherwise the one in PATH, or []."""
    if importlib.util.find_spec("drgn"):
        return [sys.executable, "-m", "drgn"]
    found = shutil.which("drgn")
    return [found] if found else []


def check_drgn() -> None:
    """Raise Cmwq2Error if this drgn lacks what the scripts need."""
    if "drgn" in sys.modules and not find_module:
        raise Cmwq2Error("this drgn is too old, 0.0.31 or newer is needed: python3 -m pip install drgn")


def explain(error: Exception) -> str:
    """Return one line about an error that occurred while drgn looked at a kernel."""
    if isinstance(error, Cmwq2Error):
        return str(error)
    if isinstance(error, PermissionError):
        return f"no permission; this needs root: {error}"
    if isinstance(error, (ProcessLookupError, ConnectionError)):
        # drgn's --qemu gets this when the process whose memory it reads has ended.
        return f"the guest has ended; run this again when a guest runs: {error}"
    if isinstance(error, FaultError):
        return f"memory of the kernel is missing, is this dump whole? {error}"
    if isinstance(error, (AttributeError, LookupError, TypeError)):
        return ("this is not the form of dump or kernel that this script is for: "
                f"{type(error).__name__}: {error}")
    return cli.explain(error)


def run(name: str, work: Callable[[], Any]) -> NoReturn:
    """Run @work, which returns whether all is well, and exit; see cli.run()."""
    cli.run(name, work, explain)
