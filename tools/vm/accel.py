# SPDX-License-Identifier: GPL-2.0
"""Which accelerator QEMU gets. That /dev/kvm opens proves nothing: it counts once a guest has booted with it."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from common import OUT, fresh_directory, lock, say, write_atomically

if TYPE_CHECKING:
    from kernel import Kernel

TCG = "tcg,thread=multi"
# For what counts instructions, and where code is changed under way: QEMU 7.2's threads trip over the int3 of that.
TCG_SINGLE = "tcg,thread=single"
TCG_SLOWER = 5      # how much longer a guest may take whose CPUs are emulated
PROBE_SECONDS = 20
CACHE = OUT / "kvm.json"


def accelerator(kernel: "Kernel") -> str:
    """The -accel argument for guests of @kernel, or 'native' where the vehicle is no QEMU."""
    if kernel.vehicle.arch == "um":
        return "native"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return TCG
    return "kvm" if _works(kernel) else TCG


def _works(kernel: "Kernel") -> bool:
    # The answer belongs to this host: its kernel, and the boot, for what a hypervisor above it may change.
    host = f"{os.uname().release} {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
    answer = _remembered(host)
    if answer is None:
        # Several guests are about to start, as a rule, and one of them asks.
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
    import guest    # guest asks this module for the accelerator; only the probe needs it the other way round
    run = guest.Run(kernel, "probe", fresh_directory(OUT / "run" / "kvm-probe"), limit=PROBE_SECONDS)
    return guest.boot(run, "kvm").passed
