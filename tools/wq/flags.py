# SPDX-License-Identifier: LGPL-2.1-or-later
"""The names of the flags of pools, workers and workqueues."""

from __future__ import annotations

from wq.drgn_names import Object, Program
from wq.engine import CMWQ2, engine_of
from wq.names import constant

# Flags of struct cmwq2_wq that src/base/types.h defines as macros. Macros are not
# in the debug info.
WQ_INTERNAL_FLAGS = {15: "destroying", 16: "draining", 19: "deprecated"}


def flag_bits(prog: Program, type_name: str, prefix: str) -> dict:
    """Return the single-bit flags of an enum: bit number to name in lower case."""
    try:
        enumerators = prog.type(type_name).enumerators or ()
    except LookupError:
        return {}
    return {
        e.value.bit_length() - 1: e.name[len(prefix) :].lower()
        for e in enumerators
        if e.value > 0 and e.value & (e.value - 1) == 0
    }


def flag_names(value: int, bits: dict) -> list[str]:
    """Return the names of the bits set in a value; "bitN" for a bit without a name."""
    return [
        bits.get(bit, f"bit{bit}")
        for bit in range(value.bit_length())
        if value & 1 << bit
    ]


# Flags of the kernel's own workqueue code. Up to 6.8 its enums have no names.
NATIVE_FLAGS = {
    "POOL_": "BH MANAGER_ACTIVE DISASSOCIATED BH_DRAINING",
    "WORKER_": "DIE IDLE PREP CPU_INTENSIVE UNBOUND REBOUND",
    "WQ_": "BH UNBOUND FREEZABLE MEM_RECLAIM HIGHPRI CPU_INTENSIVE SYSFS POWER_EFFICIENT"
    " PERCPU",
    "__WQ_": "DESTROYING DRAINING ORDERED LEGACY DEPRECATED",
}


def native_flag_bits(prog: Program, *prefixes: str) -> dict[int, str]:
    """Return the kernel's own flags with these prefixes: bit number to name in lower case."""
    bits = {}
    for prefix in prefixes:
        for name in NATIVE_FLAGS[prefix].split():
            try:
                value = constant(prog, prefix + name)
            except LookupError:
                continue
            bits[value.bit_length() - 1] = name.lower()
    return bits


def _flags(obj: Object, ours: str, prefix: str, *native: str) -> list[str]:
    prog = obj.prog_
    key = f"cmwq2_flags_{engine_of(obj).name}_{prefix}"
    if key not in prog.cache:
        prog.cache[key] = (
            flag_bits(prog, ours, prefix)
            if engine_of(obj) is CMWQ2
            else native_flag_bits(prog, *native)
        )
        if prefix == "CMWQ2_WQ_" and engine_of(obj) is CMWQ2:
            prog.cache[key] = {**WQ_INTERNAL_FLAGS, **prog.cache[key]}
    return flag_names(obj.flags.value_(), prog.cache[key])


def pool_flags(pool: Object) -> list[str]:
    """
    Return the names of a pool's flags.

    :param pool: ``struct cmwq2_pool *`` or ``struct worker_pool *``
    """
    return _flags(pool, "enum cmwq2_pool_flags", "CMWQ2_POOL_", "POOL_")


def worker_flags(worker: Object) -> list[str]:
    """
    Return the names of a worker's flags.

    :param worker: ``struct cmwq2_worker *`` or ``struct worker *``
    """
    return _flags(worker, "enum cmwq2_worker_flags", "CMWQ2_WORKER_", "WORKER_")


def wq_flags(wq: Object) -> list[str]:
    """
    Return the names of a workqueue's flags.

    :param wq: ``struct cmwq2_wq *`` or ``struct workqueue_struct *``
    """
    return _flags(wq, "enum cmwq2_wq_flags", "CMWQ2_WQ_", "WQ_", "__WQ_")
