# SPDX-License-Identifier: GPL-2.0
"""`make torture`: random calls on all kinds of queues at once, while policies switch, CPUs go down and up, and the
system is frozen; and again and again the engine is unloaded under that load. The whole takes many hours. What was done
is kept, so that later runs go on, on this vehicle or another one, and sum up. With FAULT= the engine has a fault, which
must be found. Documentation/harness.rst describes it."""

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Optional

from base.common import (
    EXIT_FAILED,
    EXIT_PASSED,
    OUT,
    ROOT,
    Problem,
    aligned,
    count_knob,
    lock,
    say,
    shown,
    took,
    write_atomically,
)
from build import faulty, kernel, modules
from machines import guest

DONE = OUT / "torture/done.json"
MODULE = "cmwq2_torture"
# What is wanted unless ITEMS=, CYCLES= and HOURS= say otherwise.
ITEMS, CYCLES, HOURS = 10**8, 1000, 24
# How many rounds a boot has at most. kmemleak looks for what they have left behind at the end of each boot.
ROUNDS = 50
# Wall clock seconds on UML that a guest may go without an event.
LIMIT = 120
# The kernel may use so many kB more after the last round of a boot than after the second one. With KASAN, memory is not
# compared.
MORE_KB = 512
# The engine's clocks are shortened: an idle worker is culled after IDLE_MS instead of 300 s, and the watchdog reports a
# stall of THRESH seconds instead of 30 s. With less, it would report what a busy host does to the guest.
IDLE_MS, THRESH = 50, 2
FASTER = {"culling": 300_000 / IDLE_MS, "watchdog": 30 / THRESH}
MS_PER_HOUR = 3_600_000
COUNTED = ("items", "loads", "replugs", "freezes", "switches", "culled", "ms", "boots")
TITLES = {"items": "items", "loads": "times loaded and unloaded under load", "replugs": "times a CPU went down and up",
          "freezes": "times frozen and thawed", "culling": "hours for culling, as if idle workers had 300 s",
          "watchdog": "hours of the watchdog, as if it had 30 s", "switches": "policies set",
          "culled": "workers culled", "boots": "boots"}
# What only a machine can do whose CPUs go down and whose system can be frozen.
NEEDS_X86 = ("replugs", "freezes")


def engine() -> str:
    """Return a hash of the engine, the load and its clocks. Only runs with the same hash can be summed up."""
    digest = hashlib.sha256(f"{IDLE_MS} {THRESH}".encode())
    files = [path for top in ("src", "include") for path in (ROOT / top).rglob("*.[ch]") if ".mod." not in path.name]
    for path in sorted([*files, ROOT / "kunit/modules/torture.c"]):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass
class Ledger:
    """What was done, by vehicle, and what is wanted in all."""

    wanted: dict
    did: dict = field(default_factory=dict)

    def add(self, vehicle: str, counts: dict) -> None:
        """Add the @counts of a round or of a boot."""
        mine = self.did.setdefault(vehicle, dict.fromkeys(COUNTED, 0))
        for name, count in counts.items():
            mine[name] += count

    def sums(self) -> dict:
        """Return what was done on all vehicles, with the hours that the engine's clocks have seen."""
        found: dict = {name: sum(each[name] for each in self.did.values()) for name in COUNTED}
        found.update({name: found["ms"] * faster / MS_PER_HOUR for name, faster in FASTER.items()})
        return found

    def left(self) -> dict:
        """Return how much is left of each thing that is wanted, without those that are done."""
        sums = self.sums()
        return {name: wanted - sums[name] for name, wanted in self.wanted.items() if sums[name] < wanted}

    def left_on(self, vehicle: kernel.Vehicle) -> dict:
        """Return the part of left() that @vehicle can do."""
        return {name: much for name, much in self.left().items() if vehicle.arch == "x86_64" or name not in NEEDS_X86}

    def rounds(self, vehicle: kernel.Vehicle) -> int:
        """Return how many rounds the next boot of @vehicle has. 0: it can do nothing more."""
        left = self.left_on(vehicle)
        if not left:
            return 0
        counted = [much for name, much in left.items() if name in ("loads", *NEEDS_X86)]
        # Nobody knows how many rounds items and hours take, so a boot may do more of these than is left.
        return min(ROUNDS, max(int(each) for each in counted)) if len(counted) == len(left) else ROUNDS

    def table(self) -> str:
        """Return what was done, what is wanted and what is left, as lines."""
        sums, left = self.sums(), self.left()
        rows = [("", "done", "wanted", "left")]
        for name, title in TITLES.items():
            much = f"{sums[name]:.2f}" if name in FASTER else f"{sums[name]}"
            rest = f"{left[name]:.2f}" if name in left and name in FASTER else f"{left.get(name, 0)}"
            rows.append((title, much, *((str(self.wanted[name]), rest) if name in self.wanted else ("", ""))))
        return "\n".join(f"  {line}" for line in aligned(rows, 1).splitlines())


def load(wanted: dict, mine: str) -> Ledger:
    """Return what earlier runs did with the engine whose hash is @mine."""
    if not DONE.exists():
        return Ledger(wanted)
    try:
        kept = json.loads(DONE.read_text())
        same = kept["engine"] == mine
        did = {str(vehicle): {name: int(counts[name]) for name in COUNTED} for vehicle, counts in kept["did"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(f"{shown(DONE)} cannot be read ({error!r}); allowed: what make torture has written, or no such "
                      "file") from None
    if not same:
        say(f"      the engine has changed since {shown(DONE)} was written: counting begins anew")
    return Ledger(wanted, did if same else {})


def keep(wanted: dict, mine: str, vehicle: str, counts: dict) -> Ledger:
    """Add the @counts of a round or of a boot to what is kept, and return all of it. Other runs may do so, too."""
    with lock("torture", OUT):
        ledger = load(wanted, mine)
        ledger.add(vehicle, counts)
        write_atomically(DONE, json.dumps({"engine": mine, "did": ledger.did}, indent=1) + "\n")
    return ledger


def memory(words: list) -> str:
    """Return in words how the kernel's memory has changed. @words has NAME:KB of each kind before, then afterwards."""
    kinds = [word.partition(":") for word in words]
    before, after = kinds[:len(kinds) // 2], kinds[len(kinds) // 2:]
    changes = ", ".join(f"{name} {int(now) - int(was):+}" for (name, _, was), (_, _, now) in zip(before, after))
    sums = [sum(int(kb) for *_, kb in each) for each in (before, after)]
    return f"memory that the kernel uses: {sums[0]} kB after two rounds, {sums[1]} kB in the end ({changes})"


@dataclass
class Torture:
    """Boots a vehicle again and again."""

    target: kernel.Kernel
    files: list
    ledger: Ledger
    seed: int
    engine: str                         # its hash
    fault: str = ""                     # what is done with a fault is not kept
    end: Optional[float] = None         # when no further round begins, in the time of time.monotonic()
    rounds: int = 0

    def _add(self, counts: dict) -> None:
        name = self.target.vehicle.name
        if self.fault:
            self.ledger.add(name, counts)
        else:
            self.ledger = keep(self.ledger.wanted, self.engine, name, counts)

    def _event(self, words: list) -> None:
        if words[:1] == ["memory"]:
            say(f"      {memory(words[1:])}")
        if words[:1] != ["did"]:
            return
        self.rounds += 1
        self._add({name: int(count) for name, _, count in (word.partition("=") for word in words[1:])})

    def seconds(self) -> int:
        """Return how many seconds are left."""
        return max(0, int(self.end - time.monotonic())) if self.end is not None else 10**6

    def boot(self) -> guest.Run:
        """Boot once, and return the run."""
        vehicle, wanted = self.target.vehicle, self.ledger.wanted
        settings = {"TORTURE_ROUNDS": self.ledger.rounds(vehicle), "TORTURE_SECONDS": self.seconds(),
                    "TORTURE_ITEMS": max(1, wanted["items"] // wanted["loads"]),
                    "TORTURE_SEED": self.seed + self.rounds, "TORTURE_KB": MORE_KB,
                    "TORTURE_CMWQ2": f"idle_timeout_ms={IDLE_MS} watchdog_thresh={THRESH}"
                                     + (f" fault={self.fault}" if self.fault else "")}
        name = f"torture-{vehicle.name}" + (f"-{self.fault}" if self.fault else "")
        run = guest.Run(self.target, "torture", guest.home(name), self.files, settings, limit=LIMIT,
                        on_event=self._event)
        guest.boot(run)
        self._add({"boots": 1})
        return run

    def run(self) -> Optional[guest.Run]:
        """Boot until nothing is left that this vehicle can do, or the time is up. Return the run that failed, or
        None."""
        while self.ledger.rounds(self.target.vehicle) and self.seconds():
            before = self.rounds
            run = self.boot()
            if not run.outcome.passed:
                return run
            say(f"      {self.target.vehicle.name}: {self.rounds - before} rounds in {run.seconds:.0f} s, "
                f"{self.ledger.sums()['items']} items in all")
        return None


def _report(torture: Torture, failed: Optional[guest.Run]) -> int:
    name = torture.target.vehicle.name
    say(torture.ledger.table())
    if failed:
        say(f"{'PASS' if torture.fault else 'FAIL'}  {name}  {'the fault was found: ' if torture.fault else ''}"
            f"{failed.outcome}, after {torture.rounds} rounds (log: {shown(failed.console)})")
    else:
        say(f"{'FAIL' if torture.fault else 'PASS'}  {name}  nothing was wrong in {torture.rounds} rounds")
    left = [TITLES[each] for each in NEEDS_X86 if each in torture.ledger.left()]
    if left and torture.target.vehicle.arch != "x86_64" and not torture.fault:
        say(f"      {' and '.join(left)}: only VM=x86-debug, VM=kcsan and VM=x86 can do this")
    return EXIT_PASSED if bool(failed) == bool(torture.fault) else EXIT_FAILED


def torture(vehicle: str, fault: str) -> int:
    """Torture the engine on @vehicle, or an engine with @fault, which must be found. Return the exit status."""
    start, seconds = time.monotonic(), count_knob("TIME", 2**31 - 1)
    if fault and fault not in faulty.listed():
        raise Problem(f"FAULT={fault} is not known; allowed: {', '.join(faulty.listed())}")
    cycles = count_knob("CYCLES", CYCLES)
    hours = count_knob("HOURS", HOURS)
    wanted = {"items": count_knob("ITEMS", ITEMS), "loads": cycles, "replugs": cycles, "freezes": cycles,
              "culling": hours, "watchdog": hours}
    seed = count_knob("SEED", int(time.time()))
    target = kernel.provide(kernel.vehicle(vehicle))
    mine = engine()
    ledger = Ledger(wanted) if fault else load(wanted, mine)
    files = modules.with_engine(modules.build_faults(target) if fault else modules.build(target), MODULE)
    say(f"{vehicle}: seed {seed}" + (f", fault {fault}" if fault else ""))
    each = Torture(target, files, ledger, seed, mine, fault, time.monotonic() + seconds)
    status = _report(each, each.run())
    say(f"\nin {took(start)}")
    return status
