# SPDX-License-Identifier: GPL-2.0
"""What the scripts share that look at a kernel with drgn: the kernel, and the line for what drgn complains of."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any, Callable, Dict, NoReturn

import cli
import cmwq2


def program(scope: Dict[str, Any]) -> Any:
    """
    The kernel that drgn put among the globals of the script it runs. A script that was started by its own name, without
    drgn, starts drgn with itself.
    """
    if "prog" in scope:
        return scope["prog"]
    drgn = shutil.which("drgn")
    if not drgn or scope.get("__name__") != "__main__":
        raise cmwq2.Cmwq2Error("no kernel to look at: drgn has to run this, see --help")
    os.execv(drgn, [drgn, *sys.argv])


def explain(error: Exception) -> str:
    """The line for what went wrong while drgn looked at a kernel."""
    if isinstance(error, cmwq2.Cmwq2Error):
        return str(error)
    if isinstance(error, PermissionError):
        return f"no permission, this takes root: {error}"
    if isinstance(error, (ProcessLookupError, ConnectionError)):
        # What drgn's --qemu gets from the memory of a process that is no more.
        return f"the guest is gone, look again when another one runs: {error}"
    if isinstance(error, cmwq2.FaultError):
        return f"memory of the kernel is missing, is this dump whole? {error}"
    if isinstance(error, (AttributeError, LookupError, TypeError)):
        return ("this is not the form of dump or kernel that this script is for: "
                f"{type(error).__name__}: {error}")
    return cli.explain(error)


def run(name: str, work: Callable[[], bool]) -> NoReturn:
    """Do @work, which tells whether all is well, and leave; see cli.run()."""
    cli.run(name, work, explain)
