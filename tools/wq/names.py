# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names and numbers of single objects: symbols, enumerators, workqueues."""

from __future__ import annotations

from wq.drgn_names import FaultError, Object, Program, load_module_kallsyms


def read_int(obj: Object, member: str) -> int | None:
    """
    Return a number or pointer in a struct that may have been freed, or
    ``None`` if its memory cannot be read.

    :param obj: pointer to a struct
    """
    try:
        return obj.member_(member).value_()
    except FaultError:
        return None


def wq_name(wq: Object) -> str:
    """
    Return a workqueue's name, or its address when it cannot be read.

    :param wq: ``struct cmwq2_wq *``
    """
    try:
        return wq.name.string_().decode(errors="replace")
    except FaultError:
        return hex(wq)


def func_name(prog: Program, address: int) -> str:
    """Return the symbol at an address, or the address in hex."""
    names = prog.cache.setdefault("cmwq2_names", {})
    if address not in names:
        names[address] = _find_symbol(prog, address) or hex(address)
    return names[address]


def func_module(prog: Program, address: int) -> str | None:
    """Return the name of the module that contains an address, None for the kernel itself."""
    modules = prog.cache.setdefault("cmwq2_modules", {})
    if address not in modules:
        modules[address] = _find_module_of(prog, address)
    return modules[address]


def _find_module_of(prog: Program, address: int) -> str | None:
    from drgn.helpers.linux.module import address_to_module

    try:
        module = address_to_module(prog, address)
    except (FaultError, LookupError):
        return None
    return module.name.string_().decode() if module else None


def _find_symbol(prog: Program, address: int) -> str | None:
    while True:
        try:
            return prog.symbol(address).name
        except LookupError:
            if not _add_kallsyms(prog):
                return None


def _add_kallsyms(prog: Program) -> bool:
    """
    Let drgn name functions of modules that have no debug info. Return whether
    this call added the names; only the first call can.
    """
    if "cmwq2_kallsyms" in prog.cache:
        return False
    prog.cache["cmwq2_kallsyms"] = True
    try:
        index = load_module_kallsyms(prog)
    except Exception:  # an unusual symbol table can make drgn raise anything
        return False
    prog.register_symbol_finder("cmwq2_kallsyms", index, enable_index=-1)
    return True


def enum_name(prog: Program, type_name: str, prefix: str, value: int) -> str:
    """Return an enumerator's name in lower case without its prefix."""
    try:
        enumerators = prog.type(type_name).enumerators or ()
    except LookupError:
        enumerators = ()
    for enumerator in enumerators:
        if enumerator.value == value:
            return enumerator.name[len(prefix) :].lower()
    return str(value)


def constant(prog: Program, name: str) -> int:
    """Return an enumerator's value."""
    return prog.constant(name).value_()
