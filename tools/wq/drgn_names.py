# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The names of drgn that this package uses. Without drgn, as where the functions that
need no kernel are tested, they mean nothing, except FaultError, which is caught.
"""

import sys
from typing import Any

__all__ = [
    "FaultError", "Object", "PlatformFlags", "Program", "ProgramFlags", "TypeKind", "container_of",
    "default_program", "find_module", "get_kconfig", "idr_find", "idr_for_each", "load_module_kallsyms", "offsetof",
    "per_cpu", "per_cpu_ptr", "sizeof", "takes_program_or_default", "xa_for_each"]

try:
    from drgn import FaultError, Object, PlatformFlags, Program, ProgramFlags, TypeKind, container_of, offsetof, sizeof
    from drgn.helpers.common.prog import takes_program_or_default
    from drgn.helpers.linux.idr import idr_find, idr_for_each
    from drgn.helpers.linux.kallsyms import load_module_kallsyms
    from drgn.helpers.linux.kconfig import get_kconfig
    from drgn.helpers.linux.module import find_module
    from drgn.helpers.linux.percpu import per_cpu, per_cpu_ptr
    from drgn.helpers.linux.xarray import xa_for_each
except ImportError:
    FaultError = OSError  # type: ignore[assignment,misc]
    missing: Any = None
    Object = PlatformFlags = Program = ProgramFlags = TypeKind = missing  # type: ignore[misc]
    container_of = offsetof = sizeof = find_module = get_kconfig = idr_find = idr_for_each = missing
    load_module_kallsyms = per_cpu = per_cpu_ptr = xa_for_each = missing

    def takes_program_or_default(function: Any) -> Any:  # type: ignore[misc]
        """Return the function itself."""
        return function


def default_program() -> Any:
    """Return the program that a running drgn looks at, or None."""
    # If drgn runs this, it was imported before.
    drgn = sys.modules.get("drgn")
    if not drgn or not hasattr(drgn, "get_default_prog"):
        return None
    try:
        return drgn.get_default_prog()
    except drgn.NoDefaultProgramError:
        return None
