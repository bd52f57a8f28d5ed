# SPDX-License-Identifier: GPL-2.0
"""`make bench WORKLOAD=dmcrypt`: fio on dm-crypt over a RAM disk, on the kernel's workqueue and on cmwq2."""

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Optional

from base.common import EXIT_PASSED, OUT, ROOT, Problem, count_knob, say, shown, took, write_atomically
from build import beside, kernel, modules
from looks import drivers
from machines import accel, guest

sys.path.append(str(ROOT / "tools"))
import policies  # noqa: E402
from benchmark import dmcrypt, documents, host, quiet, sets  # noqa: E402

NAME = "dmcrypt"
# The values that VM= may have, each with the vehicle that is booted. Its kernel has block devices.
VEHICLES = {"x86": "x86", "uml": "uml-io"}
ROUNDS, SECONDS = 6, 2
# What a turn takes besides the seconds that it measures.
AROUND = 2.5
# Seconds that a turn may take on UML.
LIMIT = 60


class Judge:
    """Follows the events of the guest, and decides whether a turn is made again because the host was busy."""

    def __init__(self, turns: list[dmcrypt.Turn], watch: quiet.Watch):
        self.turns, self.watch = turns, watch
        # What was seen in each attempt, by the number of the turn.
        self.seen: dict[int, list] = {}

    def on_event(self, words: list) -> Optional[str]:
        """Handle an event. Return the answer, if the guest waits for one."""
        if words[:2] == ["start", "turn"]:
            self.watch.begin()
            self._tell(int(words[2]))
        if words[:1] != ["judge"]:
            return None
        attempts = self.seen.setdefault(int(words[1]), [])
        attempts.append(quiet.reasons(self.watch.end()))
        again = bool(attempts[-1]) and len(attempts) == 1
        if again:
            self.watch.wait_until_quiet()
            self.watch.begin()
        return "again" if again else "keep"

    def _tell(self, number: int) -> None:
        """Print a line when a round begins."""
        now = self.turns[number].round
        if not number or self.turns[number - 1].round != now:
            say(f"  round {now + 1} of {self.turns[-1].round + 1}")

    @property
    def disturbed(self) -> int:
        """How many turns count although the host was busy."""
        return sum(bool(attempts[-1]) for attempts in self.seen.values())


def _profiles() -> tuple:
    names = tuple((os.environ.get("PROFILES") or " ".join(sets.default_profiles())).replace(",", " ").split())
    for name in names or ("",):
        if name not in policies.profiles():
            raise Problem(f"PROFILES={name}: allowed with WORKLOAD={NAME}: {', '.join(policies.profiles())}")
    return names


def _rounds() -> int:
    try:
        return sets.check_rounds(count_knob("ROUNDS", ROUNDS), "ROUNDS")
    except documents.SetError as error:
        raise Problem(str(error)) from None


def _check(name: str) -> None:
    if name not in VEHICLES:
        raise Problem(f"VM={name}: WORKLOAD={NAME} runs on {' or '.join(VEHICLES)}")
    for knob in ("BOOTS", "FULL"):
        if os.environ.get(knob, "") not in ("", "0", "1" if knob == "BOOTS" else "0"):
            raise Problem(f"{knob}={os.environ[knob]} is not for WORKLOAD={NAME}, which has one boot and one set")


def figures(results: Path, turns: list[dmcrypt.Turn]) -> dict[dmcrypt.Turn, dmcrypt.Figure]:
    """Return what the guest has sent into the directory @results. Raises Problem if a turn has no figure."""
    found = {}
    for number, turn in enumerate(turns):
        home = results / "turns" / str(number)
        try:
            found[turn] = dmcrypt.figure(*((home / name).read_text() for name in
                                           ("fio", "turn.prerun.txt", "turn.postrun.txt")))
        except (dmcrypt.FigureError, OSError) as error:
            raise Problem(f"turn {number} ({turn.engine}, {turn.scope}): {error}") from None
    return found


def _report(where: dict, seed: int, rows: list[dmcrypt.Row], disturbed: int) -> str:
    def row(one: dmcrypt.Row) -> dict:
        ratios = {name: vars(ratio) if ratio else None for name, ratio in
                  (("rate_to_native", one.rate_ratio), ("cpu_a_mb_to_native", one.cpu_ratio))}
        return {"load": vars(one.load), "scope": one.scope, "engine": one.engine, "mb_s": one.rates,
                "cpu": one.cpus, "median_mb_s": statistics.median(one.rates), **ratios}
    return json.dumps({**where, "seed": seed, "disturbed_turns": disturbed, "rows": [row(one) for one in rows]},
                      indent=1) + "\n"


def bench(name: str) -> int:
    """Run the benchmark on vehicle @name, print its tables, and write them. Return the exit status."""
    start, load = time.monotonic(), host.busy()
    _check(name)
    profiles, rounds = _profiles(), _rounds()
    seed = count_knob("SEED", int(time.time()) % 2**31 or 1)
    turns = dmcrypt.turns(profiles, guest.CPUS, rounds, seed)
    brought = drivers.programs("load")
    target = kernel.provide(kernel.vehicle(VEHICLES[name]))
    engine = modules.build_engine(target)
    files = [engine / "src/cmwq2.ko", *beside.build(target, engine, (beside.CRYPT,))]
    accelerator = accel.accelerator(target)
    say(f"  {len(turns)} turns of {SECONDS} s in {rounds} rounds, SEED={seed}, about "
        f"{len(turns) * (SECONDS + AROUND) / 60:.0f} min on a machine with nothing else to do")
    judge = Judge(turns, quiet.Watch())
    judge.watch.calibrate()
    run = guest.run_job(target, NAME, f"bench-{NAME}-{name}", files, {
        "TURNS": ";".join(turn.words(SECONDS) for turn in turns)}, limit=LIMIT, files=brought, on_event=judge.on_event)
    guest.must_pass(run)
    rows = dmcrypt.rows(figures(run.results, turns))
    where = {"vehicle": target.vehicle.name, "accelerator": accelerator, "host": documents.host_cpu(),
             "kernel": target.release, "cpus": guest.CPUS, "load": load}
    text = dmcrypt.tables(rows)
    note = [f"{judge.disturbed} of {len(turns)} turns were disturbed by other load on this machine"] \
        if judge.disturbed else []
    said = "\n".join([f"dm-crypt on a RAM disk, {where['vehicle']} ({accelerator}), {guest.CPUS} CPUs, kernel "
                      f"{target.release}, {rounds} rounds, SEED={seed}", *note, "", text])
    say("\n" + said)
    home = OUT / "bench" / f"{NAME}-{name}"
    home.mkdir(parents=True, exist_ok=True)
    write_atomically(home / "report.json", _report(where, seed, rows, judge.disturbed))
    write_atomically(home / "tables.txt", said + "\n")
    say(f"\n{shown(home / 'report.json')}, {shown(home / 'tables.txt')}, {took(start)}")
    return EXIT_PASSED
