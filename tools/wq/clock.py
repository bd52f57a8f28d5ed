# SPDX-License-Identifier: LGPL-2.1-or-later
"""Jiffies and HZ of a kernel, and the age of time stamps."""

from __future__ import annotations

from wq.drgn_names import FaultError, Program, get_kconfig
from wq.engine import Cmwq2Error


def hz_from_tick(tick_ns: int) -> int:
    """Return HZ for the length of a tick in nanoseconds, which may be rounded."""
    if tick_ns <= 0:
        raise ValueError(f"a tick of {tick_ns} ns")
    return (1000000000 + tick_ns // 2) // tick_ns


def jiffies_between(stamp: int, now: int, bits: int = 64) -> int:
    """
    Return how many jiffies passed from ``stamp`` to ``now``. The counter may
    have wrapped. A stamp that is later than ``now`` gives 0.
    """
    passed = now - stamp & (1 << bits) - 1
    return 0 if passed >> bits - 1 else passed


def kernel_hz(prog: Program) -> int:
    """
    Return the kernel's CONFIG_HZ.

    No variable holds it. Every kernel has the jiffies clocksource, whose
    multiplier gives the length of a tick. If that cannot be read, the
    configuration stored in the kernel is used, if there is one.
    """
    try:
        clock = prog["clocksource_jiffies"]
        return hz_from_tick(clock.mult.value_() >> clock.shift.value_())
    except (LookupError, ValueError):
        pass
    try:
        return int(get_kconfig(prog)["CONFIG_HZ"])
    except LookupError:
        raise Cmwq2Error("HZ of this kernel cannot be found out; give it with --hz") from None


def wall_time(prog: Program) -> int | None:
    """Return the kernel's own wall clock time in seconds since 1970, in a crash dump that of the crash, or None if this
    kernel keeps it elsewhere."""
    for name, index in (("tk_core", None), ("timekeeper_data", 0)):
        try:
            core = prog[name] if index is None else prog[name][index]
            return core.timekeeper.xtime_sec.value_()
        except (LookupError, AttributeError, FaultError):
            continue
    return None


class Clock:
    """Computes the age of time stamps that are in jiffies."""

    def __init__(self, prog: Program, hz: int | None = None) -> None:
        self.prog = prog
        self.hz = hz or kernel_hz(prog)
        self.bits = 8 * prog.type("unsigned long").size

    def now(self) -> int:
        """Return the current jiffies."""
        return self.prog["jiffies"].value_()

    def ms_since(self, stamp: int) -> int:
        """
        Return the milliseconds since a stamp of full width (an item's stamp may be
        shorter). Call this after reading the stamp.
        """
        return jiffies_between(stamp, self.now(), self.bits) * 1000 // self.hz
