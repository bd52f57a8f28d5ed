# SPDX-License-Identifier: GPL-2.0
"""`make series`: writes the edits of tools/upstream as a series of patches with a cover letter, which could be sent to
the kernel's mailing list. Nothing is sent."""

import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from base import alive
from base.common import EXIT_FAILED, EXIT_PASSED, OUT, ROOT, Problem, fresh_directory, say, shown, took
from build import packages, patched, source
from machines import guest, results
from verbs import suites, transfer

sys.path.append(str(ROOT / "tools"))
from upstream import report as reports  # noqa: E402
from upstream import series as patches  # noqa: E402
from upstream import transfer as twins  # noqa: E402

HOME = OUT / "series"
# The policy that gains most of those that are patches of this size, see Documentation/transfer.rst.
DEFAULT = "pick=local"
VEHICLE = "uml"
# The suites that each patch must pass. After the last one all suites must pass.
EACH = "cmwq2_queue"
# The suite that a patch adds to the kernel, and its module.
KUNIT_SUITE, KUNIT = "workqueue", Path("lib/tests/workqueue_kunit.ko")
# The number of columns of a mail.
WIDTH = 75


def _chosen(policy: str) -> tuple:
    """Return the edits that repair something with the tests of these, and those that the policies need."""
    wanted = {each for name in transfer.chosen(policy) for each in patched.settings(name)}
    names = {name for name, each in patched.edits().items() if set(each.policies) & wanted}
    tests = [name for name, each in patched.edits().items() if each.kind == "test"]
    return patched.chosen(f"fixes {' '.join(tests)}"), patched.chosen(" ".join(names))


def _measured(policy: str) -> list:
    """Return (conditions, cautions, rows) for each vehicle on which one of the policies was measured, from the
    committed figures of `make transfer`. Where there are none, those of the last call in this checkout are taken.
    Raises Problem if there are none at all."""
    wanted, found = list(transfer.chosen(policy)), []
    for name in transfer.VEHICLES:
        for path in (transfer.committed(name), transfer.HOME / f"{name}.json"):
            report = transfer.report_of(path, name)
            if reports.entries(report, wanted):
                found.append(tuple(get(report, wanted) for get in (reports.conditions, reports.cautions, reports.rows)))
                break
    if not found:
        raise Problem(f"the cover letter needs figures of {policy}, and there are none in "
                      f"{shown(transfer.committed('*'))} and {shown(transfer.HOME)}: run make transfer POLICY={policy} "
                      "first")
    return found


def _list(edits: Sequence) -> str:
    return "\n".join(f"  {each.subject.partition(': ')[2]}" for each in edits)


def _losses(measured: Sequence) -> str:
    lines = [f"  {row.policy}, {row.title}: {row.kernel} ({where[0].partition(',')[0]})" for where, _, rows in measured
             for row in rows if row.figure == "rate" and row.kernel.high is not None and row.kernel.high < 1]
    return "\n".join(lines or ["No run lost items/s in the kernel beyond its interval."])


def _wrapped(lines: Iterable) -> list:
    return [part for line in lines for part in textwrap.wrap(line.strip(), WIDTH, subsequent_indent="  ")]


def _letter(policy: str, first: Sequence, changes: Sequence) -> str:
    """Return the cover letter. @first are the patches that are not about the policies."""
    parameters, measured = transfer.chosen(policy), _measured(policy)
    fixes, tests = ([each for each in first if each.kind == kind] for kind in ("fix", "test"))
    main = [each for each in changes if each.policies]
    tables = "\n\n".join("\n".join([*_wrapped(where), *_wrapped(cautions), "", *twins.narrow_tables(rows)])
                         for where, cautions, rows in measured)
    return patches.cover(patches.COVER.read_text(), {
        "subject": f"repair {len(fixes)} faults, and {_lower(main[-1].subject)}", "nr_fixes": len(fixes),
        "fixes": _list(fixes), "tests": _list(tests), "policies": _list(changes),
        "why": "\n\n".join(each.message.strip() for each in main),
        "commands": "\n".join(dict.fromkeys(f"  echo Y > /sys/module/workqueue/parameters/{each}"
                                            for names in parameters.values() for each in names)),
        "tables": tables, "losses": _losses(measured)})


def _lower(subject: str) -> str:
    text = subject.partition(": ")[2]
    return text[:1].lower() + text[1:]


def checked(tree: Path, paths: Sequence) -> list:
    """Return what checkpatch of @tree finds in the patches @paths. Debian's source has no history in which checkpatch
    could look for the commits that a patch names."""
    done = alive.run(["perl", tree / "scripts/checkpatch.pl", "--strict", "--terse", "--quiet",
                      "--ignore", "UNKNOWN_COMMIT_ID", *paths], cwd=tree,
                     text=True, capture_output=True)
    found = [line for line in done.stdout.splitlines() if not line.startswith("total: ")]
    return found or ([done.stderr.strip()] if done.returncode else [])


def _passes(edits: Sequence, glob: str, policy: str = "") -> bool:
    """Build the kernel with @edits and run the native halves of the suites like @glob there, with @policy switched
    on."""
    native = suites.Native(" ".join(each.name for each in edits), policies=policy)
    return suites.check_native([VEHICLE], glob, native) == EXIT_PASSED


def _kunit(edits: Sequence) -> list:
    """Boot the kernel with @edits, one of which adds a KUnit suite. Run that suite and return its rows."""
    target = patched.provide(VEHICLE, list(edits))
    run = guest.run_job(target, "kunit", "series-kunit", [target.build / KUNIT], {
        **suites.settings([KUNIT_SUITE], []), "KUNIT_MODULE": KUNIT.stem, "KUNIT_NEEDS": ""}, limit=suites.LIMIT)
    return results.rows_of(run, [KUNIT_SUITE])


def _tests_hold(edits: Sequence) -> bool:
    """Check that the tests of the last of @edits pass, and that they fail on a kernel that nothing was repaired in."""
    repaired, unrepaired = _kunit(edits), _kunit(edits[-1:])
    for title, rows in (("with the repairs", repaired), ("without them", unrepaired)):
        say(f"  {title}:")
        for row in rows:
            say(f"    {row.line()}")
    return all(row.count.passed and not row.failed for row in repaired) and bool(unrepaired[0].count.failed)


def _test(edits: Sequence, wanted: set) -> bool:
    """Build and test the last of @edits, on top of those before it. If it has one of the policies @wanted, that is
    switched on."""
    each = edits[-1]
    if each.kind == "test":
        return _tests_hold(edits)
    return _passes(edits, EACH, " ".join(sorted(set(each.policies) & wanted)))


def _tested(edits: Sequence, names: Sequence) -> list:
    """Test each patch on top of those before it, and all suites after the last, with the policies @names off, and with
    each of them on. Return the names of what fails."""
    bad, wanted = [], {each for name in names for each in patched.settings(name)}
    for number, each in enumerate(edits, 1):
        say(f"\n[{number}/{len(edits)}] {each.subject}")
        bad += [] if _test(edits[:number], wanted) else [each.name]
    for name in ("", *names):
        title = f"with {name}" if name else "with all policies off"
        say(f"\nAll suites {title}")
        bad += [] if _passes(edits, "*", name) else [f"all suites {title}"]
    return bad


def series(policy: str) -> int:
    """Write the series for the policies that @policy names, check and test it. Return the exit status."""
    start, policy = time.monotonic(), policy or DEFAULT
    first, changes = _chosen(policy)
    edits, tree = [*first, *changes], source.provide().tree
    patched.edited(edits, tree)
    letter = _letter(policy, first, changes)
    packages.require("series")
    try:
        author = patches.author_of(ROOT)
        paths = patches.make(edits, tree, fresh_directory(HOME), author, letter)
    except patches.SeriesError as error:
        raise Problem(str(error)) from None
    if (author.name, author.mail) == patches.NOBODY:
        say("  git has no user.name and user.email, so the patches are signed off by nobody real")
    found = checked(tree, paths[1:])
    for line in found:
        say(f"  {line}")
    say(f"{'FAIL' if found else 'PASS'}  checkpatch --strict: {len(found)} findings in {len(paths) - 1} patches")
    bad = _tested(edits, list(transfer.chosen(policy)))
    say(f"{'FAIL' if bad else 'PASS'}  each patch builds and passes its tests"
        + (f", but for {', '.join(bad)}" if bad else ""))
    for path in paths:
        say(f"  {shown(path)}")
    say(took(start))
    return EXIT_FAILED if found or bad else EXIT_PASSED
