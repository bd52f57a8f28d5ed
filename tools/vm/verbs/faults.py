# SPDX-License-Identifier: GPL-2.0
"""`make check-faults`: runs the engine with one fault of tools/vm/faults/ at a time, and its tests."""

import fnmatch
import re
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Optional

from base.common import EXIT_FAILED, EXIT_LOST, EXIT_PASSED, ROOT, Problem, leave_count, say, shown, took
from build import faulty, kernel, modules
from machines import guest, ktap, results, verdict
from verbs import icount, lines, suites

# Wall clock seconds on UML: for booting and for each test, and the limit after a test has failed. A guest that hangs
# after a failed test has detected the fault.
LIMIT, REST = 30, 4
# How many milliseconds a test waits for an event. With most faults an event never happens.
TIMEOUT_MS = 3000
NO_FAULT, UNKNOWN = "none", "no_such_fault"


# The engine that the row transfers of `make check` counts, to show that it catches a fault.
COUNTED = "cmwq2:mainline-7.3"


@dataclass(frozen=True)
class Catcher:
    """The tests that must notice a fault: SUITE, or SUITE.GLOB for the matching cases of a KUnit suite, or the row
    transfers of `make check`."""

    who: str
    vehicle: str = "uml"
    settings: dict = field(default_factory=dict)
    boot: tuple = ()    # for the kernel command line
    says: str = ""      # an expression for what a test that fails must say on the console

    @property
    def suite(self) -> str:
        """The name of the suite."""
        return self.who.partition(".")[0]

    @property
    def cases(self) -> str:
        """A glob over the names of the suite's cases, or '' for all of them."""
        return self.who.partition(".")[2]

    @property
    def counts(self) -> bool:
        """Whether it is the row that counts how many cache lines move."""
        return self.who == suites.TRANSFERS

    def exists(self) -> bool:
        """Return whether the suite exists and has a matching case."""
        if self.counts:
            return self.vehicle in icount.VEHICLES
        if self.suite in suites.shell_suites():
            return not self.cases
        if self.suite not in suites.kunit_suites():
            return False
        text = (ROOT / "kunit/suites" / f"{self.suite}_kunit.c").read_text()
        return bool(fnmatch.filter(re.findall(r"^\tKUNIT_CASE\w*\((\w+)", text, re.MULTILINE), self.cases or "*"))


CAUGHT_BY = {
    "cull_from_head": Catcher("cmwq2_idle.cull_takes_the_oldest"),
    "cull_below_min": Catcher("cmwq2_idle.cull_stops_at_two"),
    "claim_not_taken": Catcher("cmwq2_kick.kick_back_to_back"),
    "chain_wake_dropped": Catcher("cmwq2_concurrency.intensive_pair_starts_together"),
    "no_recheck": Catcher("cmwq2_kick.worker_looks_before_it_sleeps"),
    "manager_missing": Catcher("cmwq2_idle.workers_are_made_on_demand"),
    "running_twice": Catcher("cmwq2_reentrancy.running_item_waits_for_itself"),
    "other_pool_ignored": Catcher("cmwq2_reentrancy.running_item_waits_for_itself"),
    "other_queue_taken": Catcher("cmwq2_reentrancy.other_queue_does_not_wait"),
    "hook_not_resumed": Catcher("cmwq2_concurrency.hook_is_paused_once"),
    "pending_kept": Catcher("cmwq2_queue.queue_running_item_runs_again"),
    "pending_ignored": Catcher("cmwq2_queue.queue_pending_item_is_refused"),
    "inactive_jumped": Catcher("cmwq2_max_active.new_item_stands_in_line"),
    "stays_in_line": Catcher("cmwq2_runnable.raised_limit*"),
    "cancel_no_kick": Catcher("cmwq2_runnable.slot_of_*"),
    "inactive_lost": Catcher("cmwq2_flush.flush_waits_for_inactive",
                             says=r"(?s)runs, \d+ of them now, .*; pending\n.*busy workqueues and pools:"),
    "max_active_exceeded": Catcher("cmwq2_max_active.percpu_limit"),
    "node_max_exceeded": Catcher("cmwq2_max_active.unbound_limit"),
    "block_not_counted": Catcher("cmwq2_concurrency.every_block_is_seen"),
    "watched_for_ever": Catcher("cmwq2_locktime.scan_looks_at_few"),
    "block_counted_twice": Catcher("cmwq2_concurrency.running_count_percpu"),
    "limits_looked_for_in_vain": Catcher("cmwq2_locktime.limits_take_no_lock_in_vain"),
    "dump_in_one_hold": Catcher("cmwq2_locktime.dump_looks_at_few_at_once"),
    "color_done_early": Catcher("cmwq2_flush.flush_wq_waits*"),
    "color_not_painted": Catcher("cmwq2_flush.flush_wq_ignores_later_item"),
    "flusher_forgotten": Catcher("cmwq2_flush.flush_wq_more_than_colors"),
    "barrier_first": Catcher("cmwq2_flush.flush_waits_for_sleeper"),
    "barrier_unlinked": Catcher("cmwq2_flush.flush_waits_for_sleeper"),
    "not_plugged": Catcher("cmwq2_ordered.ordered_attrs_wait_for_old_items"),
    "drain_once": Catcher("cmwq2_drain.drain_waits_for_sleeping_chain"),
    "cancel_no_wait": Catcher("cmwq2_cancel.cancel_sync_waits_for_running"),
    "refused_kept_pending": Catcher("cmwq2_misuse.broken_entry_is_not_queued"),
    "timer_left": Catcher("cmwq2_delayed.cancel_before_expiry"),
    "mod_keeps_cpu": Catcher("cmwq2_delayed.mod_moves_to_cpu"),
    "depth_lost": Catcher("cmwq2_cancel.disable_nests"),
    "freeze_ignored": Catcher("cmwq2_freezable.nothing_starts"),
    "cursor_stalls": Catcher("cmwq2_watchdog.cursor_is_no_stall"),
    "mayday_lost": Catcher("cmwq2_rescuer.rescue_percpu"),
    "mayday_unreferenced": Catcher("cmwq2_rescuer.rescue_leaves_nothing_behind"),
    "rescuer_no_kick": Catcher("cmwq2_rescuer.rescuer_leaves_with_a_kick"),
    "wake_outside_rcu": Catcher("cmwq2_rescuer.rescuers_woken_at_once", "debug"),
    "cursor_left": Catcher("cmwq2_rescuer.rescue_leaves_nothing_behind"),
    "queue_not_kept": Catcher("cmwq2_interleave_end.queue_outlives_its_references", "debug"),
    "dead_pwq_taken": Catcher("cmwq2_interleave_end.queue_on_replaced_pwq"),
    "pwq_leaked": Catcher("cmwq2_queue.queue_runs_item_once"),
    "dying_stay": Catcher("cmwq2_owncpu.*_beside_owned_cpu"),
    "pool_ended_locked": Catcher("cmwq2_owncpu.others_go_on_while_a_pool_ends"),
    "map_ended_by_helper": Catcher("cmwq2_owncpu.others_go_on_while_rcu_waits", "debug"),
    "irqs_waited_by_rcu": Catcher("cmwq2_owncpu.switches_do_not_wait_for_rcu"),
    "kicks_in_one_counter": Catcher(suites.TRANSFERS, "x86"),
    "timer_not_kept_away": Catcher("cmwq2_delayed.delayed_timer_keeps_off", "x86", {}, ("nohz_full=1",)),
    "unload_hastily": Catcher("cmwq2_owned", "x86"),
    "mayday_timer_left": Catcher("cmwq2_rescuer.mayday_timer_ends"),
    "mask_not_restored": Catcher("cmwq2_percpu.called_off", "x86"),
    "offline_cpus_forgotten": Catcher("cmwq2_percpu_states", "x86", {"PARTS": "away"}),
    "bound_too_early": Catcher("cmwq2_percpu_states", "x86", {"PARTS": "away"}),
    "room_lost": Catcher("cmwq2_wakeup.flood_of_one_cpu"),
    "room_too_small": Catcher("cmwq2_interleave_called.one_is_called_per_cpu", says=r"hold at point \d+: \w+"),
    "saved_for_more": Catcher("cmwq2_interleave_called.one_is_called_per_cpu"),
    "long_items_forgotten": Catcher("cmwq2_short_items.follows_the_items"),
    "called_again": Catcher("cmwq2_interleave_called.one_is_called_per_cpu"),
    "called_culled": Catcher("cmwq2_interleave_called.local_worker_is_not_culled"),
    "claimed_on_cpu_list": Catcher("cmwq2_interleave_called.kick_from_elsewhere_claims"),
    "dying_on_cpu_list": Catcher("cmwq2_pick.culled_worker_is_not_found"),
    "called_here_for_ever": Catcher("cmwq2_pick.chosen_worker_runs"),
    "old_way_remembered": Catcher("cmwq2_pick.predict_forgets_the_other_load"),
    "chain_kick_here": Catcher("cmwq2_pick.each_kick_takes_its_worker"),
    "block_wants_no_worker": Catcher("cmwq2_managed.sleeper_lets_next_start"),
    "managed_goes_on": Catcher("cmwq2_managed.one_runs_per_cpu"),
    "switch_no_kick": Catcher("cmwq2_managed.switch_to_free_starts_all"),
    "spin_to_the_end": Catcher("cmwq2_spin.kick_ends_it"),
    "yield_never": Catcher("cmwq2_yield.yields_in_the_end"),
    "inbox_not_emptied": Catcher("cmwq2_inbox.next_holder_finds_it"),
    "inbox_not_looked_at": Catcher("cmwq2_inbox.holder_looks_when_it_is_done"),
    "post_not_looked_at": Catcher("cmwq2_inbox.enqueue_looks_when_it_has_posted"),
    "inbox_reversed": Catcher("cmwq2_inbox.order_is_kept"),
    "inbox_not_closed": Catcher("cmwq2_inbox.full_inbox_is_closed"),
    "posted_taken": Catcher("cmwq2_inbox.cancel_while_posting"),
    "pwq_put_early": Catcher("cmwq2_inbox.pwq_waits_for_posts"),
    "posted_on_dead_pwq": Catcher("cmwq2_inbox.dead_pwq_gets_no_posts"),
    "pod_kept": Catcher("cmwq2_managed.wanted_follows_hotplug", "x86"),
    "rebind_forgotten": Catcher("cmwq2_hotplug", "x86", {"HOOKS": "tp", "CYCLES": 2, "HOTPLUG_ITEMS": 1000}),
}


def sites() -> set[str]:
    """Return the names of the faults that the patches test for. A patch may test for its own fault only."""
    found: set[str] = set()
    for name in faulty.listed():
        patch = (faulty.FAULTS / f"{name}.patch").read_text()
        used = set(re.findall(r'^\+.*?CMWQ2_FAULT\("(\w+)"\)', patch, re.MULTILINE))
        found |= used if used == {name} else {f"{name}.patch, which tests for {', '.join(sorted(used)) or 'no fault'},"}
    return found


def check_table(table: dict, known: dict, used: set) -> None:
    """Raise Problem unless @table agrees with the list @known, with the faults @used in the patches, and with the
    existing tests."""
    wrong = [f"{name} is not in {shown(faulty.FAULTS)}/series" for name in [*table, *sorted(used)] if name not in known]
    wrong += [f"{name} has no patch that tests for it" for name in known if name not in used]
    wrong += [f"{name} has no suite that must detect it" for name in known if name not in table]
    wrong += [f"{name}: there is no {catcher.who}" for name, catcher in table.items() if not catcher.exists()]
    for catcher in table.values():
        kernel.vehicle(catcher.vehicle)
    if wrong:
        raise Problem(f"the table of faults and their tests is wrong: {'; '.join(wrong)}")


def chosen(pattern: str) -> dict:
    """Return the part of the table that FAULT= asks for."""
    names = fnmatch.filter(CAUGHT_BY, pattern)
    if not names:
        raise Problem(f"FAULT={pattern} matches no fault; allowed: a glob over {', '.join(CAUGHT_BY)}")
    return {name: CAUGHT_BY[name] for name in names}


# Trouble that shows only that a suite had no result. A misspelt name causes the same, so it does not count.
SILENCE = re.compile(r"has no result|zero tests|did not run|its result cannot be parsed|not expected")


def noticed(outcome: verdict.Outcome, rows: list, began: bool, console: str) -> tuple:
    """Return whether a fault was caught, and by what or why not. The arguments describe the run: the outcome of the
    guest, the rows of its suites, whether one of them @began, and the kernel's @console."""
    if outcome.status == EXIT_LOST or not began or outcome.cause.startswith("insmod"):
        return False, f"no suite could run: {outcome}"
    first = _first_failure(console)
    failed = [f"{_suite(row)}.{first or ', '.join(row.count.failures[:3])}" for row in rows if row.count.failures]
    stuck = [f"{_suite(row)}.{first}" if first else f"{row.suite} hung{_behind(console)}"
             for row in rows if row.count.trouble.startswith("did not end")]
    machine = [] if outcome.passed or stuck and "hang: " in outcome.cause else [outcome.cause]
    caught = failed + stuck + machine
    if caught:
        return True, "; ".join(caught)
    silent = [f"{row.suite} {row.count.trouble}" for row in rows if SILENCE.search(row.count.trouble)]
    silent += [f"{row.suite} was skipped" for row in rows if row.count.skipped and row.count.skipped == row.count.total]
    return False, "; ".join(["not caught", *silent])


def _suite(row: results.Row) -> str:
    return row.suite.partition(".")[0]


def _first_failure(console: str) -> str:
    """Return the first case of KUnit that failed and its message, or ''."""
    bad = re.search(r"# (\w+): (?:ASSERTION|EXPECTATION) FAILED at (\S+)\n((?:.*\n){0,6})", console)
    if not bad:
        return ""
    late = re.search(r"timed out waiting for .*", bad[3])
    said = late[0] if late else re.sub(r"^.*?\] +", "", bad[3].partition("\n")[0])
    return f"{bad[1]} at {bad[2]}: {said[:80].strip()}"


def _behind(console: str) -> str:
    """Return text that names the last case that ended on the console."""
    ended = re.findall(r"\] +ok \d+ (\w+)", console)
    return f" after {ended[-1]}" if ended else " in its first case"


def _boot(target: kernel.Kernel, files: list, name: str, catchers: list, rest: Optional[float] = None) -> tuple:
    """Run the tests of @catchers with fault @name. Return the run and the names of the tests."""
    wanted = sorted({each.who for each in catchers})
    shell = [who for who in wanted if who in suites.shell_suites()]
    settings = {**suites.settings([who for who in wanted if who not in shell], shell, f"fault={name}"),
                "KUNIT_PARAMETERS": f"timeout_ms={TIMEOUT_MS} {suites.STRESS}", "PULSE": 1}
    for each in catchers:
        settings.update(each.settings)
    boot = tuple(parameter for each in catchers for parameter in each.boot)
    run = guest.run_job(target.booted_with(*boot), "kunit", f"fault-{target.vehicle.name}-{name}", files, settings,
                        limit=LIMIT, rest=rest)
    return run, wanted


class Report:
    """Prints rows as they come, also from several threads, counts them, and keeps the exit status."""

    def __init__(self) -> None:
        self.status, self.passed, self.failed = EXIT_PASSED, 0, 0
        self._bad: list = []
        self._lock = threading.Lock()

    def row(self, good: bool, vehicle: str, name: str, seconds: float, text: str, log: str = "",
            what: str = "") -> None:
        """Print one line, and the log to look at if it is not @good. @what is printed before, if it is not empty."""
        lines = [f"      {what}:"] if what else []
        lines += [f"{'PASS' if good else 'FAIL'}  {vehicle:5}  {name:22} {seconds:5.1f}s  {text}".rstrip()]
        lines += [f"      log: {log}"] if log and not good else []
        with self._lock:
            self.passed, self.failed = self.passed + good, self.failed + (not good)
            if not good:
                self.status = max(self.status, EXIT_FAILED)
                self._bad += lines
            say("\n".join(lines))

    def lost(self) -> None:
        """Keep in mind that a guest was lost."""
        self.status = EXIT_LOST

    def finish(self, what: str, start: float) -> int:
        """Print all failures again, @what took the time since @start, and the counts. Return the exit status."""
        if self._bad:
            say("\n" + "\n".join(self._bad))
        say(f"\n{what} in {took(start)}")
        say(self.summary)
        return self.status

    @property
    def summary(self) -> str:
        """The counts in words."""
        return f"{self.passed} passed, {self.failed} failed, 0 skipped"


def _plain(report: Report, target: kernel.Kernel, faulty: list, known: dict) -> None:
    """Check that a module built without fault injection has no names of faults in it."""
    def names_in(files: list) -> list:
        content = next(path for path in files if path.name == "cmwq2.ko").read_bytes()
        return [name for name in known if name.encode() in content]
    there, here = names_in(faulty), names_in(modules.build(target))
    good = len(there) == len(known) and not here
    report.row(good, target.vehicle.name, "(plain build)", 0, "cmwq2.ko contains no name of a fault" if good else
               f"with the option it knows {len(there)} of {len(known)}, without it {', '.join(here) or 'none'}")


def _unknown(report: Report, target: kernel.Kernel, files: list, known: dict) -> None:
    run, _ = _boot(target, files, UNKNOWN, [Catcher("cmwq2_checkers")])
    # The guest tries twice.
    first = run.console.read_text(errors="replace").partition("invalid for parameter")[0]
    said = re.findall(r'fault="?no_such_fault"?: allowed: (.*)', first)
    good = (run.outcome.cause == f"insmod cmwq2 fault={UNKNOWN} failed: Invalid argument"
            and ", ".join(line.strip() for line in said).split(", ") == ["none", *known])
    report.row(good, target.vehicle.name, "(unknown name)", run.seconds,
               "refused with EINVAL, the names are listed" if good else str(run.outcome), shown(run.console))


def _counted(report: Report, target: kernel.Kernel, files: list, name: str) -> None:
    """Report whether the row transfers of `make check` fails with fault @name because more cache lines move. Without a
    fault it must pass. A row that has compared nothing does neither."""
    start, count, counted = time.monotonic(), ktap.Count(), lines.Checked(target, files, [COUNTED], f"fault={name}")
    try:
        counted.boot()
        count, _ = lines.judge(counted)
    except Problem as problem:
        count.trouble = str(problem)
    said = "; ".join([*count.failures, *filter(None, [count.trouble]), *count.reasons])
    caught, passed = bool(count.failures), count.passed > 0 and not said
    report.row(passed if name == NO_FAULT else caught, target.vehicle.name,
               "(no fault)" if name == NO_FAULT else name, time.monotonic() - start,
               f"{suites.TRANSFERS}: {said or f'{count.passed} figures as committed'}",
               shown(counted.run.home) if counted.run else "")


def _control(report: Report, target: kernel.Kernel, files: list, table: dict) -> None:
    """Run the same modules and tests with the same limits, but without a fault. They must pass; otherwise every fault
    would count as caught."""
    run, names = _boot(target, files, NO_FAULT, list(table.values()))
    failed = [str(row) for row in results.rows_of(run, names) if row.failed]
    report.row(not failed, target.vehicle.name, "(no fault)", run.seconds,
               "; ".join(failed) or f"{len(names)} tests pass", shown(run.console))


def caught(run: guest.Run, names: list, says: str = "") -> tuple:
    """Return whether the tests @names have noticed the fault in @run, and by what or why not. The console must also
    match @says: a test that fails must tell how things stand."""
    began = any(words[:1] == ["start"] and words[1] in names for words in run.events)
    console = run.console.read_text(errors="replace")
    good, text = noticed(run.outcome, results.rows_of(run, names), began, console)
    if good and says and not re.search(says, console):
        return False, f"{text}, but the console does not have {says}"
    return good, text


def judge(report: Report, vehicle: str, name: str, run: guest.Run, names: list, what: str, says: str = "") -> None:
    """Report whether the tests @names have noticed fault @name in @run. @what says what the fault does, @says what the
    console must have."""
    good, text = caught(run, names, says)
    report.row(good, vehicle, name, run.seconds, text, shown(run.console), what)
    if run.outcome.status == EXIT_LOST:
        report.lost()


def _beside(report: Report, target: kernel.Kernel, files: list, table: dict) -> list:
    """Run the faults of @table, several at a time. Return those that were not caught; the others are reported."""
    known, again = faulty.listed(), []

    def one(name: str, catcher: Catcher) -> None:
        run, names = _boot(target, files, name, [catcher], REST)
        if caught(run, names, catcher.says)[0]:
            judge(report, target.vehicle.name, name, run, names, known[name], catcher.says)
        else:
            again.append(name)
    suites.side_by_side([partial(one, name, catcher) for name, catcher in table.items()])
    return again


def check(pattern: str) -> int:
    """Run each fault that matches @pattern with the tests that must catch it, and return the exit status."""
    start, known, report = time.monotonic(), faulty.listed(), Report()
    check_table(CAUGHT_BY, known, sites())
    table = chosen(pattern)
    for vehicle in dict.fromkeys(catcher.vehicle for catcher in table.values()):
        here = {name: catcher for name, catcher in table.items() if catcher.vehicle == vehicle}
        target = kernel.provide(kernel.vehicle(vehicle))
        files = modules.build_faults(target)
        if not report.passed + report.failed:
            _plain(report, target, files, known)
            _unknown(report, target, files, known)
        counts = {name: catcher for name, catcher in here.items() if catcher.counts}
        here = {name: catcher for name, catcher in here.items() if not catcher.counts}
        if here:
            # Alone, because its tests have to pass.
            _control(report, target, files, here)

        for name in _beside(report, target, files, here):
            say(f"      {name} was not caught beside other guests, so it runs again alone")
            run, names = _boot(target, files, name, [here[name]], REST)
            judge(report, target.vehicle.name, name, run, names, known[name], here[name].says)
        for name in [NO_FAULT, *counts] if counts else []:
            if name in known:
                say(f"      {known[name]}:")
            _counted(report, target, files, name)
    leave_count("check-faults", report.status, report.summary)
    return report.finish(f"{len(table)} faults", start)
