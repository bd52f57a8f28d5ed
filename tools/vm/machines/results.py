# SPDX-License-Identifier: GPL-2.0
"""The results of a run: a row for each suite, the sum over all rows, and what is printed at the end."""

from collections import Counter
from dataclasses import dataclass, field

from base.common import EXIT_FAILED, EXIT_LOST, EXIT_PASSED, WIDTH, say, shortened, shown, spelled, took
from machines import guest, ktap, races

# The suite name of a row about the guest as a whole.
MACHINE = "(the machine)"
# How many reasons of a failure are printed at the end, and how many characters of each. The logs have everything.
REASONS, LONGEST = 12, 400
# How many of a vehicle's longest suites are named at the end.
SLOWEST = 3
# How many data races of the kernel itself are listed at the end.
RACES = 10


@dataclass
class Row:
    """The result of one suite on one vehicle."""

    vehicle: str
    suite: str
    count: ktap.Count
    seconds: float = 0
    log: str = ""
    reasons: list = field(default_factory=list)     # everything that went wrong; the row shows the first of it

    @property
    def failed(self) -> bool:
        """Whether anything went wrong."""
        return bool(self.count.failed or self.count.trouble)

    def _notes(self) -> list:
        notes = [f"{self.count.skipped} skipped"] if self.count.skipped else []
        notes += [self.count.trouble] if self.count.trouble else []
        return notes + ([", ".join(self.count.failures)] if self.count.failures else [])

    def __str__(self) -> str:
        word = "FAIL" if self.failed else "SKIP" if self.count.skipped == self.count.total else "PASS"
        cases = f"{self.count.passed}/{self.count.total}"
        return (f"{word}  {self.vehicle:9}  {self.suite:24} {cases:>7} {self.seconds:6.1f}s  "
                f"{'; '.join(self._notes())}").rstrip()

    def line(self) -> str:
        """Return the row cut to a readable width. If it failed, the list of failures at the end has all of it."""
        return cut(str(self))

    def told(self) -> str:
        """Return the row with one line for each thing that went wrong, and the names of the logs."""
        trouble = self.reasons or ([self.count.trouble] if self.count.trouble else [])
        failures = [*trouble, *self.count.failures, *self.count.checks]
        lines = [shortened(text, LONGEST) for text in failures[:REASONS]]
        lines += [f"and {len(failures) - REASONS} more"] if len(failures) > REASONS else []
        return "\n".join([self.line(), *(f"      {text}" for text in lines), f"      log: {self.log}"])


@dataclass
class Total:
    """The results of all vehicles."""

    rows: list = field(default_factory=list)
    lost: bool = False
    boots: list = field(default_factory=list)       # (vehicle, seconds) of each
    races: Counter = field(default_factory=Counter)     # data races of the kernel itself, which are no failures

    def add(self, row: Row) -> None:
        """Print and count a row."""
        self.rows.append(row)
        say(row.line())

    def status(self) -> int:
        """Return the exit status. A lost guest takes precedence over failed cases, as it makes the rest doubtful."""
        if self.lost:
            return EXIT_LOST
        return EXIT_FAILED if any(row.failed for row in self.rows) else EXIT_PASSED

    def summary(self) -> str:
        """Return the last line. A suite with trouble but without a failed case counts as one failed case."""
        passed = sum(row.count.passed for row in self.rows)
        failed = sum(row.count.failed or (1 if row.count.trouble else 0) for row in self.rows)
        return f"{passed} passed, {failed} failed, {sum(row.count.skipped for row in self.rows)} skipped"


def add_rows(total: Total, run: guest.Run, expected: list) -> None:
    """Print and count the results of the suites of @run."""
    total.boots.append((run.kernel.vehicle.name, run.seconds))
    for row in rows_of(run, expected):
        total.add(row)
    total.races.update(races.of_kernel(_console(run)))
    total.lost = total.lost or run.outcome.status == EXIT_LOST


def finish(total: Total, start: float) -> int:
    """Print why cases were skipped, data races of the kernel, the times, all failures again and the last line. Return
    the exit status."""
    _say_skipped(total)
    _say_races(total)
    _say_times(total)
    _repeat_failures(total)
    say(f"\n{len(total.rows)} suites in {took(start)}")
    say(total.summary())
    return total.status()


def rows_of(run: guest.Run, expected: list) -> list:
    """Return a row for each expected suite, for each unexpected one, and for a failure of the guest as a whole."""
    name = run.kernel.vehicle.name
    counts = ktap.parse_all(run.kernel.source.tree, sorted((run.results / "ktap").glob("*")))
    seconds = {words[1]: int(words[2]) / 1000 for words in run.events if words[0] == "end"}
    rows = []
    for suite in expected:
        count = counts.pop(suite, None) or ktap.Count(trouble=_why_missing(run, suite))
        rows.append(Row(name, suite, count, seconds.get(suite, 0), shown(run.home / "results/ktap" / suite)))
    # Any other suite that has reported was not asked for, so something has the wrong name.
    for suite, count in counts.items():
        count.trouble = count.trouble or "not expected: is its file named after the suite?"
        rows.append(Row(name, suite, count, 0, shown(run.home / "results/ktap" / suite)))
    if not run.outcome.passed:
        rows.append(Row(name, MACHINE, ktap.Count(trouble=str(run.outcome)), run.seconds))
    for row in rows:
        row.log = f"{row.log} {shown(run.console)}".strip()
    blame_races(run, rows)
    return rows


def _console(run: guest.Run) -> str:
    return run.console.read_text(errors="replace") if run.console.exists() else ""


def blame_races(run: guest.Run, rows: list) -> None:
    """Let each suite fail in which KCSAN has reported a data race of ours, and say where its accesses are."""
    found = races.ours(_console(run))
    places = races.places(found, run.modules, run.kernel.source.tree) if found else {}
    for row in rows:
        told = list(Counter(each.told(places) for each in found if each.suite == row.suite))
        if told:
            row.reasons = [*row.reasons, *([row.count.trouble] if row.count.trouble else []), *told]
            row.count.trouble = row.count.trouble or f"{told[0]}{f' and {len(told) - 1} more' if told[1:] else ''}"


def _why_missing(run: guest.Run, suite: str) -> str:
    started = [words[1] for words in run.events if words[0] == "start"]
    if suite not in started:
        return f"did not run: {run.outcome}" if not run.outcome.passed else "did not run"
    ended = [words[1] for words in run.events if words[0] == "end"]
    return "has no result" if suite in ended else f"did not end: {run.outcome}"


def times(total: Total) -> list:
    """Return how long each vehicle was busy over all its boots, and its longest suites. Boots run side by side, so the
    sums exceed the elapsed time. Booting and the final checks of the kernel take the time that no suite took."""
    rows = []
    for vehicle in dict.fromkeys([name for name, _ in total.boots] + [row.vehicle for row in total.rows]):
        mine = [row for row in total.rows if row.vehicle == vehicle and row.suite != MACHINE]
        boots = [seconds for name, seconds in total.boots if name == vehicle]
        suites = sum(row.seconds for row in mine)
        longest = sorted(mine, key=lambda row: -row.seconds)[:SLOWEST]
        rows.append((vehicle, str(len(boots)), spelled(sum(boots) or suites), spelled(suites),
                     ", ".join(f"{row.suite} {row.seconds:.0f} s" for row in longest if row.seconds >= 1)))
    return rows


def _say_times(total: Total) -> None:
    if not total.rows:
        return
    rows = [("", "boots", "in all", "suites", "longest"), *times(total)]
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    say("\nTime:")
    for row in rows:
        cells = [f"{row[0]:{widths[0]}}", *(f"{row[at]:>{widths[at]}}" for at in range(1, 4)), row[4]]
        say(cut("  " + "  ".join(cells)))


def cut(line: str) -> str:
    """Return @line cut to WIDTH characters. Spaces between columns are kept."""
    return line.rstrip() if len(line) <= WIDTH else line[:WIDTH - 3].rstrip() + "..."


def _say_skipped(total: Total) -> None:
    rows: dict = {}
    for row in total.rows:
        for reason in row.count.reasons:
            rows.setdefault((row.suite, reason), []).append(row.vehicle)
    if rows:
        say("\nSkipped cases:")
    for (suite, reason), vehicles in rows.items():
        say(f"  {suite:24} {reason} ({', '.join(vehicles)})")


def _say_races(total: Total) -> None:
    if total.races:
        say(f"\nData races of the kernel itself, which fail no suite: {sum(total.races.values())} reports of "
            f"{len(total.races)} races")
    for title, number in total.races.most_common(RACES):
        say(f"  {number:5}  {title}")
    if len(total.races) > RACES:
        say(f"         and {len(total.races) - RACES} more, see console.log")


def _repeat_failures(total: Total) -> None:
    failed = [row for row in total.rows if row.failed]
    if failed:
        say("\nFailures:")
    for row in failed:
        say(row.told())
