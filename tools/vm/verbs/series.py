# SPDX-License-Identifier: GPL-2.0
"""`make series`: writes the edits of tools/upstream as a series of patches with a cover letter, which could be sent to
the kernel's mailing list. Nothing is sent."""

import json
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

from base import alive
from base.common import EXIT_FAILED, EXIT_PASSED, OUT, ROOT, Problem, fresh_directory, say, shown, took
from build import packages, patched, source
from verbs import suites, transfer

sys.path.append(str(ROOT / "tools"))
from upstream import series as patches  # noqa: E402
from upstream import transfer as twins  # noqa: E402

HOME = OUT / "series"
# The policy that gains most of those that are patches of this size, see Documentation/transfer.rst.
DEFAULT = "pick=local"
VEHICLE = "uml"
# The suites that each patch must pass. The last one has all fixes, and must pass all suites.
EACH = "cmwq2_queue"


def _chosen(policy: str) -> tuple:
    """Return the edits that repair something, and those that the policies need."""
    wanted = {each for name in transfer.chosen(policy) for each in name.split("+")}
    names = {name for name, each in patched.edits().items() if set(each.policies) & wanted}
    fixes = patched.chosen("fixes")
    return fixes, patched.chosen(" ".join(names))


def _measured(policy: str) -> list:
    """Return (where, rows) of each report of `make transfer` that has one of the policies. Raises Problem if there is
    none, or none with intervals."""
    found = []
    for path in sorted(transfer.HOME.glob("*.json")):
        report = json.loads(path.read_text())
        rows = [twins.from_json(each) for each in report["rows"] if each["policy"] in transfer.chosen(policy)]
        if rows:
            found.append((report["where"], rows))
    if not found:
        raise Problem(f"the cover letter needs figures of {policy}, and there are none in {shown(transfer.HOME)}: run "
                      f"make transfer POLICY={policy} first")
    return found


def _list(edits: Sequence) -> str:
    return "\n".join(f"  {each.subject.partition(': ')[2]}" for each in edits)


def _losses(measured: Sequence) -> str:
    lines = [f"  {row.policy}, {row.title}: {row.kernel} ({where.partition(',')[0]})" for where, rows in measured
             for row in rows if row.figure == "rate" and row.kernel.high is not None and row.kernel.high < 1]
    return "\n".join(lines or ["No run lost items/s in the kernel beyond its interval."])


def _letter(policy: str, fixes: Sequence, changes: Sequence) -> str:
    """Return the cover letter."""
    parameters, measured = transfer.chosen(policy), _measured(policy)
    main = [each for each in changes if each.policies]
    tables = "\n\n".join("\n".join([*textwrap.wrap(where, 75), "", *twins.narrow_tables(rows)])
                         for where, rows in measured)
    return patches.cover(patches.COVER.read_text(), {
        "subject": f"repair {len(fixes)} faults, and {_lower(main[-1].subject)}", "nr_fixes": len(fixes),
        "fixes": _list(fixes), "policies": _list(changes), "why": main[-1].message.strip(),
        "commands": "\n".join(f"  echo Y > /sys/module/workqueue/parameters/{each}"
                              for names in parameters.values() for each in names),
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


def _passes(edits: Sequence, glob: str) -> bool:
    """Build the kernel with @edits and run the native halves of the suites like @glob there."""
    native = suites.Native(" ".join(each.name for each in edits))
    return suites.check_native([VEHICLE], glob, native) == EXIT_PASSED


def _tested(edits: Sequence) -> list:
    """Build each patch on top of those before it, and test it. Return the names of those that fail."""
    bad = []
    for number, each in enumerate(edits, 1):
        last = number == len(edits)
        say(f"\n[{number}/{len(edits)}] {each.subject}")
        if not _passes(edits[:number], "*" if last else EACH):
            bad.append(each.name)
    return bad


def series(policy: str) -> int:
    """Write the series for the policies that @policy names, check and test it. Return the exit status."""
    start, policy = time.monotonic(), policy or DEFAULT
    fixes, changes = _chosen(policy)
    edits, tree = [*fixes, *changes], source.provide().tree
    patched.edited(edits, tree)
    letter = _letter(policy, fixes, changes)
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
    bad = _tested(edits)
    say(f"{'FAIL' if bad else 'PASS'}  each patch builds and passes its tests"
        + (f", but for {', '.join(bad)}" if bad else ""))
    for path in paths:
        say(f"  {shown(path)}")
    say(took(start))
    return EXIT_FAILED if found or bad else EXIT_PASSED
