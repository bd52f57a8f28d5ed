# SPDX-License-Identifier: GPL-2.0
"""Chooses QEMU's accelerator. KVM may not work even if /dev/kvm can be opened, so it is used only after a guest has
booted with it."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from base.common import OUT, fresh_directory, lock, say, write_atomically
from build import cross

if TYPE_CHECKING:
    from build.kernel import Kernel

TCG = "tcg,thread=multi"
# For guests that count instructions, and for vehicles that ask for it.
TCG_SINGLE = "tcg,thread=single"
TCG_SLOWER = 5      # a guest with emulated CPUs may take this many times as long
PROBE_SECONDS = 20
CACHE = OUT / "kvm.json"


def accelerator(kernel: "Kernel") -> str:
    """Return the -accel argument for guests of @kernel, or 'native' if the vehicle does not use QEMU."""
    if kernel.vehicle.arch == "um":
        return "native"
    emulated = TCG_SINGLE if kernel.vehicle.one_thread else TCG
    if cross.is_foreign(kernel.vehicle.arch) or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return emulated
    return "kvm" if _works(kernel) else emulated


def _works(kernel: "Kernel") -> bool:
    # The answer holds for this host's kernel, and for this boot, because a hypervisor below it may have changed since.
    host = f"{os.uname().release} {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
    answer = _remembered(host)
    if answer is None:
        # Usually several guests start at once. Only one of them runs the probe.
        with lock("kvm-probe", OUT):
            answer = _remembered(host)
            if answer is None:
                answer = _probe(kernel, host)
    return answer


def _remembered(host: str) -> Optional[bool]:
    try:
        answer = json.loads(CACHE.read_text())
        return answer["usable"] if answer["host"] == host else None
    except (OSError, ValueError, KeyError):
        return None


def _probe(kernel: "Kernel", host: str) -> bool:
    say(f"  trying whether a guest boots with KVM (once, {PROBE_SECONDS} s at most)")
    usable = _boots(kernel)
    say(f"  KVM {'works' if usable else 'does not work here: guests run under TCG, an emulated CPU'}")
    write_atomically(CACHE, json.dumps({"host": host, "usable": usable}))
    return usable


def _boots(kernel: "Kernel") -> bool:
    from machines import guest  # imported here, because guest imports this module
    run = guest.Run(kernel, "probe", fresh_directory(OUT / "run" / "kvm-probe"), limit=PROBE_SECONDS)
    return guest.boot(run, "kvm").passed
